/* The envelope's rules, good input beside bad, and that payload bytes come out as they went in. */
#include "event/envelope.h"
#include "event/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define NOW 1795118400123456LL
#define ID  "\"metadata\":{\"id\":\"a\"}"

static int normalise(struct hw_event *event, const char *json, const char *topic) {
    return hw_event_normalise(json, strlen(json), topic, NOW, event);
}

static void good(void **state) {
    static const struct {
        const char *in, *out; /* "%" in out stands for a generated id */
    } cases[] = {
        {"{\"metadata\":{\"id\":\"a\",\"timestamp\":\"2026-11-20T20:00:00Z\",\"version\":\"2\"},\"payload\":{},\"event_"
         "name\":\"n\"}",
         "{\"metadata\":{\"id\":\"a\",\"timestamp\":\"2026-11-20T20:00:00.000000Z\",\"version\":\"2\"},\"payload\":{},"
         "\"event_name\":\"n\"}"},
        /* any order, blanks between; payload's own blanks stay */
        {" { \"event_name\" : \"n\" ,\n \"payload\" :\t{ \"a\" : 1.0e+2 } , " ID "}\r\n",
         "{\"metadata\":{\"id\":\"a\",\"timestamp\":\"2026-11-19T20:00:00.123456Z\",\"version\":\"1\"},\"payload\":{ "
         "\"a\" : 1.0e+2 },"
         "\"event_name\":\"n\"}"},
        /* defaults */
        {"{\"payload\":{\"a\":[]}," ID "}", "{\"metadata\":{\"id\":\"a\",\"timestamp\":\"2026-11-19T20:00:00.123456Z\","
                                            "\"version\":\"1\"},\"payload\":{\"a\":[]},"
                                            "\"event_name\":\"clicks\"}"},
        /* a zone becomes Z, nanoseconds are cut */
        {"{\"payload\":{},\"metadata\":{\"timestamp\":\"2026-11-20T01:00:00.123456789+02:00\",\"id\":\"a\"}}",
         "{\"metadata\":{\"id\":\"a\",\"timestamp\":\"2026-11-19T23:00:00.123456Z\",\"version\":\"1\"},\"payload\":{},"
         "\"event_name\":\"clicks\"}"},
        /* quotes, brackets and escapes inside strings do not fool the span */
        {"{\"payload\":{\"a\\\"}\":\"{[\\\\\",\"b\":[\"]\",{\"c\":\"\\u007d\"}]}," ID "}",
         "{\"metadata\":{\"id\":\"a\",\"timestamp\":\"2026-11-19T20:00:00.123456Z\",\"version\":\"1\"},\"payload\":{"
         "\"a\\\"}\":\"{[\\\\\","
         "\"b\":[\"]\",{\"c\":\"\\u007d\"}]},\"event_name\":\"clicks\"}"},
        /* a member's name may be written with escapes; big numbers, doubles keys and unicode in the payload are the
           user's */
        {"{\"p\\u0061yload\":{\"n\":123456789012345678901234567890,\"n\":1,\"ü\":\"\\ud83d\\ude00\"}," ID "}",
         "{\"metadata\":{\"id\":\"a\",\"timestamp\":\"2026-11-19T20:00:00.123456Z\",\"version\":\"1\"},\"payload\":{"
         "\"n\":"
         "123456789012345678901234567890,\"n\":1,\"ü\":\"\\ud83d\\ude00\"},\"event_name\":\"clicks\"}"},
        /* quotes in an id are escaped again */
        {"{\"payload\":{},\"metadata\":{\"id\":\"a\\\"b\\\\c\"}}",
         "{\"metadata\":{\"id\":\"a\\\"b\\\\c\",\"timestamp\":\"2026-11-19T20:00:00.123456Z\",\"version\":\"1\"},"
         "\"payload\":{},"
         "\"event_name\":\"clicks\"}"},
    };
    struct hw_event event = {0};
    for (size_t i = 0; i < HW_ARRAY_SIZE(cases); i++) {
        int result = normalise(&event, cases[i].in, "clicks");
        if (result)
            print_error("%s: %s\n", cases[i].in, event.faults[0].text);
        assert_int_equal(result, 0);
        assert_string_equal(hw_buf_str(&event.value), cases[i].out);
    }
    hw_event_done(&event);
}

static void bad(void **state) {
    static const struct {
        const char *in, *path, *keyword;
    } cases[] = {
        {"", "", "json"},
        {"{", "", "json"},
        {"{\"payload\":{}}x", "", "json"},
        {"{\"payload\":{\"a\":01}}", "", "json"},
        {"{\"payload\":{\"a\":\"\\ud800\"}}", "", "json"},
        {"{\"payload\":{\"a\":\"\xff\"}}", "", "json"},
        {"{\"payload\":{},}", "", "json"},
        {"1", "", "type"},
        {"null", "", "type"},
        {"\"{}\"", "", "type"},
        {"[{\"payload\":{}}]", "", "type"},
        {"{}", "/payload", "required"},
        {"{\"payload\":1}", "/payload", "type"},
        {"{\"payload\":null}", "/payload", "type"},
        {"{\"payload\":[]}", "/payload", "type"},
        {"{\"payload\":{},\"payload\":{}}", "/payload", "unique"},
        {"{\"payload\":{},\"x\":1}", "/x", "additionalProperties"},
        {"{\"payload\":{},\"a/b~c\":1}", "/a~1b~0c", "additionalProperties"},
        {"{\"payload\":{},\"metadata\":null}", "/metadata", "type"},
        {"{\"payload\":{},\"metadata\":{\"id\":7}}", "/metadata/id", "type"},
        {"{\"payload\":{},\"metadata\":{\"id\":\"\"}}", "/metadata/id", "minLength"},
        {"{\"payload\":{},\"metadata\":{\"id\":\"a\\u0000b\"}}", "/metadata/id", "pattern"},
        {"{\"payload\":{},\"metadata\":{\"id\":\"a\",\"id\":\"b\"}}", "/metadata/id", "unique"},
        {"{\"payload\":{},\"metadata\":{\"ids\":\"a\"}}", "/metadata/ids", "additionalProperties"},
        {"{\"payload\":{},\"metadata\":{\"timestamp\":1795118400}}", "/metadata/timestamp", "type"},
        {"{\"payload\":{},\"metadata\":{\"timestamp\":\"yesterday\"}}", "/metadata/timestamp", "format"},
        {"{\"payload\":{},\"metadata\":{\"timestamp\":\"2026-13-01T00:00:00Z\"}}", "/metadata/timestamp", "format"},
        {"{\"payload\":{},\"metadata\":{\"timestamp\":\"2026-11-20T20:00:00\"}}", "/metadata/timestamp", "format"},
        {"{\"payload\":{},\"metadata\":{\"timestamp\":\"9999-12-31T23:59:59-10:00\"}}", "/metadata/timestamp",
         "format"},
        {"{\"payload\":{},\"metadata\":{\"version\":1}}", "/metadata/version", "type"},
        {"{\"payload\":{},\"metadata\":{\"version\":\"123456789012345678901234567890123\"}}", "/metadata/version",
         "maxLength"},
        {"{\"payload\":{},\"event_name\":1}", "/event_name", "type"},
        {"{\"payload\":{},\"event_name\":\"\"}", "/event_name", "minLength"},
    };
    struct hw_event event = {0};
    for (size_t i = 0; i < HW_ARRAY_SIZE(cases); i++) {
        int result = normalise(&event, cases[i].in, "clicks");
        if (result != HW_EVENT_INVALID || strcmp(event.faults[0].path, cases[i].path) ||
            strcmp(event.faults[0].keyword, cases[i].keyword))
            fail_msg("%s gave %d %s %s", cases[i].in, result, event.faults[0].path, event.faults[0].keyword);
        assert_int_equal(event.value.size, 0);
        assert_true(event.faults[0].text[0] != 0);
    }
    hw_event_done(&event);
}

static void faults_are_collected(void **state) {
    struct hw_event event = {0};
    assert_int_equal(normalise(&event, "{\"paylod\":{},\"b\":1,\"metadata\":{\"id\":1}}", "t"), HW_EVENT_INVALID);
    assert_int_equal(event.fault_count, 4);
    assert_non_null(strstr(event.faults[1].text, "did you mean \"payload\""));
    /* many faults: the first eight, whole */
    assert_int_equal(
        normalise(&event, "{\"a\":1,\"b\":1,\"c\":1,\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,\"i\":1}", "t"),
        HW_EVENT_INVALID);
    assert_int_equal(event.fault_count, 8);
    struct hw_buf out = {0};
    hw_event_faults_write(&event, &out);
    yyjson_doc *doc = NULL;
    struct hw_err err;
    assert_int_equal(hw_json_parse(out.data, out.size, &doc, &err), 0);
    assert_int_equal(yyjson_arr_size(yyjson_doc_get_root(doc)), 8);
    hw_json_freep(&doc);
    hw_buf_done(&out);
    hw_event_done(&event);
}

static void limits_and_long_names(void **state) {
    struct hw_event event = {0};
    struct hw_buf text = {0}, out = {0};
    for (int extra = 0; extra < 2; extra++) { /* 128 bytes of id are fine, 129 are not */
        hw_buf_clear(&text);
        hw_buf_add_str(&text, "{\"payload\":{},\"metadata\":{\"id\":\"");
        for (int i = 0; i < 128 + extra; i++)
            hw_buf_add_char(&text, 'x');
        hw_buf_add_str(&text, "\"}}");
        assert_int_equal(hw_event_normalise(text.data, text.size, "t", NOW, &event), extra ? HW_EVENT_INVALID : 0);
        assert_int_equal(strlen(event.id), extra ? 0 : 128);
    }
    for (int shift = 0; shift < 4;
         shift++) { /* an unknown member of 2-byte characters, cut anywhere: the fault stays UTF-8 */
        hw_buf_clear(&text);
        hw_buf_clear(&out);
        hw_buf_add_str(&text, "{\"payload\":{},\"");
        for (int i = 0; i < shift; i++)
            hw_buf_add_char(&text, i % 2 ? '~' : 'x');
        for (int i = 0; i < 300; i++)
            hw_buf_add_str(&text, "ü");
        hw_buf_add_str(&text, "\":1}");
        assert_int_equal(hw_event_normalise(text.data, text.size, "t", NOW, &event), HW_EVENT_INVALID);
        hw_event_faults_write(&event, &out);
        yyjson_doc *doc = NULL;
        struct hw_err err = {0};
        if (hw_json_parse(out.data, out.size, &doc, &err))
            fail_msg("%s: %s", err.text, hw_buf_str(&out));
        hw_json_freep(&doc);
    }
    hw_buf_done(&text);
    hw_buf_done(&out);
    hw_event_done(&event);
}

static void ids_are_made_and_differ(void **state) {
    struct hw_event event = {0};
    char first[129];
    assert_int_equal(normalise(&event, "{\"payload\":{}}", "t"), 0);
    memcpy(first, event.id, sizeof(first));
    assert_int_equal(strlen(first), 36);
    assert_int_equal(first[14], '7');
    assert_int_equal(normalise(&event, "{\"payload\":{}}", "t"), 0);
    assert_string_not_equal(first, event.id);
    hw_event_done(&event);
}

static void wrap_and_event_name(void **state) {
    struct hw_event event = {0};
    struct hw_err err;
    yyjson_doc *doc = NULL;
    const char *bare = "\n { \"a\" : 1 } \n";
    assert_int_equal(hw_json_parse(bare, strlen(bare), &doc, &err), 0);
    assert_int_equal(
        hw_event_normalise_value(yyjson_doc_get_root(doc), bare, strlen(bare), "t", NOW, HW_EVENT_WRAP, &event), 0);
    assert_non_null(strstr(hw_buf_str(&event.value), "\"payload\":{ \"a\" : 1 },\"event_name\":\"t\"}"));
    assert_int_equal(
        hw_event_normalise_value(yyjson_doc_get_root(doc), bare, strlen(bare), NULL, NOW, HW_EVENT_WRAP, &event),
        HW_EVENT_INVALID);
    hw_json_freep(&doc);
    doc = NULL;
    assert_int_equal(normalise(&event, "{\"payload\":{}}", NULL), HW_EVENT_INVALID);
    assert_string_equal(event.faults[0].path, "/event_name");
    assert_int_equal(normalise(&event, "{\"payload\":{},\"event_name\":\"signed_up\"}", NULL), 0);
    assert_string_equal(event.event_name, "signed_up");
    hw_event_done(&event);
}

static void split_good(void **state) {
    static const struct {
        const char *in;
        size_t size; /* 0 = strlen */
        const char *id, *version, *name, *payload;
    } cases[] = {
        {"{\"metadata\":{\"id\":\"a\",\"timestamp\":\"2026-11-20T20:00:00.000000Z\",\"version\":\"1\"},\"payload\":{"
         "\"b\":2},\"event_name\":\"n\"}",
         0, "a", "1", "n", "{\"b\":2}"},
        {" {\"x\":[1,{\"payload\":0}], \"payload\" : {} , "
         "\"event_name\":\"n\",\"metadata\":{\"more\":1,\"timestamp\":\"2026-11-20T21:00:00+01:00\",\"id\":\"a\"}} ",
         0, "a", "", "n", "{}"},
        {"\0\0\0\0\7{\"payload\":{},\"metadata\":{\"id\":\"a\",\"timestamp\":\"2026-11-20T20:00:00Z\"}}", 5 + 71, "a",
         "", "", "{}"},
    };
    for (size_t i = 0; i < HW_ARRAY_SIZE(cases); i++) {
        struct hw_event_parts parts;
        struct hw_err err = {0};
        size_t size = cases[i].size ? cases[i].size : strlen(cases[i].in);
        if (hw_event_split(cases[i].in, size, &parts, &err))
            fail_msg("case %zu: %s", i, err.text);
        assert_string_equal(parts.id, cases[i].id);
        assert_string_equal(parts.version, cases[i].version);
        assert_string_equal(parts.event_name, cases[i].name);
        assert_int_equal(parts.timestamp_us, 1795204800000000LL);
        assert_int_equal(parts.payload.size, strlen(cases[i].payload));
        assert_memory_equal(parts.payload.data, cases[i].payload, parts.payload.size);
    }
}

static void split_bad(void **state) {
    static const char *const cases[] = {
        "",
        "\0\0\0\0\1",
        "1",
        "[]",
        "{}",
        "not json",
        "{\"payload\":{}}",
        "{\"metadata\":1,\"payload\":{}}",
        "{\"metadata\":{\"id\":\"a\"},\"payload\":{}}",
        "{\"metadata\":{\"timestamp\":\"2026-11-20T20:00:00Z\"},\"payload\":{}}",
        "{\"metadata\":{\"id\":1,\"timestamp\":\"2026-11-20T20:00:00Z\"},\"payload\":{}}",
        "{\"metadata\":{\"id\":\"a\\u0000\",\"timestamp\":\"2026-11-20T20:00:00Z\"},\"payload\":{}}",
        "{\"metadata\":{\"id\":\"a\",\"timestamp\":\"now\"},\"payload\":{}}",
        "{\"metadata\":{\"id\":\"a\",\"timestamp\":\"2026-11-20T20:00:00Z\"}}",
        "{\"metadata\":{\"id\":\"a\",\"timestamp\":\"2026-11-20T20:00:00Z\"},\"payload\":[]}",
        "{\"metadata\":{\"id\":\"a\",\"timestamp\":\"2026-11-20T20:00:00Z\"},\"payload\":{},\"event_name\":1}",
    };
    for (size_t i = 0; i < HW_ARRAY_SIZE(cases); i++) {
        struct hw_event_parts parts;
        struct hw_err err = {0};
        if (hw_event_split(cases[i], strlen(cases[i]), &parts, &err) == 0)
            fail_msg("taken for an event: %s", cases[i]);
        assert_int_equal(err.kind, HW_ERR_DATA);
    }
}

static void what_is_written_can_be_read(void **state) {
    struct hw_event event = {0};
    struct hw_event_parts parts;
    struct hw_err err;
    assert_int_equal(normalise(&event, "{\"payload\":{\"deep\":[[{}],\"\\\\\"]}}", "t"), 0);
    assert_int_equal(hw_event_split(event.value.data, event.value.size, &parts, &err), 0);
    assert_string_equal(parts.id, event.id);
    assert_int_equal(parts.timestamp_us, NOW);
    assert_memory_equal(parts.payload.data, "{\"deep\":[[{}],\"\\\\\"]}", parts.payload.size);
    hw_event_done(&event);
}

static void spans_of_the_last_member(void **state) {
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"{\"a\":1}", "1"},
        {" { \"a\" : {\"b\":[ ]} } \n", "{\"b\":[ ]}"},
        {"{\"a\":\"\\\\\"}", "\"\\\\\""},
        {"{\"a\\\"b\":[]\t}", "[]"},
    };
    for (size_t i = 0; i < HW_ARRAY_SIZE(cases); i++) {
        const uint8_t *text = (const uint8_t *)cases[i].text, *end = text + strlen(cases[i].text), *at, *from, *to;
        at = hw_span_blanks(text, end) + 1;
        assert_int_equal(hw_span_last_member(&at, end, &from, &to), 1);
        assert_int_equal(to - from, strlen(cases[i].want));
        assert_memory_equal(from, cases[i].want, to - from);
    }
}

static void spans_of_an_array(void **state) {
    static const char text[] = "[ 1 ,\"a,]\", [2,[3]] ,{\"b\":[]},-1.5e3,null]";
    static const char *const want[] = {"1", "\"a,]\"", "[2,[3]]", "{\"b\":[]}", "-1.5e3", "null"};
    const uint8_t *at = (const uint8_t *)text + 1, *end = (const uint8_t *)text + sizeof(text) - 1, *from, *to;
    for (size_t i = 0; i < HW_ARRAY_SIZE(want); i++) {
        assert_int_equal(hw_span_next(&at, end, 0, &from, &to), 1);
        assert_int_equal(to - from, strlen(want[i]));
        assert_memory_equal(from, want[i], strlen(want[i]));
    }
    assert_int_equal(hw_span_next(&at, end, 0, &from, &to), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good),
        cmocka_unit_test(bad),
        cmocka_unit_test(faults_are_collected),
        cmocka_unit_test(limits_and_long_names),
        cmocka_unit_test(ids_are_made_and_differ),
        cmocka_unit_test(wrap_and_event_name),
        cmocka_unit_test(split_good),
        cmocka_unit_test(split_bad),
        cmocka_unit_test(what_is_written_can_be_read),
        cmocka_unit_test(spans_of_the_last_member),
        cmocka_unit_test(spans_of_an_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
