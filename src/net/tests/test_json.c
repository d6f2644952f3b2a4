/* The JSON façade: what is refused and where the error points, depth, big numbers. */
#include "net/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void test_good_texts(void **state) {
    static const char *const texts[] = {"{}", "[]", "null", "0", "-0.5e-3", "\"\\u00fc\\ud83d\\ude00\"",
        " \t\r\n{\"a\":[1,2,{\"b\":null}]} ",
        "18446744073709551616", "1e999", "[[[[]]],[[[]]]]"};
    for (size_t i = 0; i < HW_ARRAY_SIZE(texts); i++) {
        HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
        struct hw_err err = {0};
        if (hw_json_parse(texts[i], strlen(texts[i]), &doc, &err) < 0)
            fail_msg("%s: %s", texts[i], err.text);
    }
}

static void test_bad_texts_name_the_place(void **state) {
    static const struct {
        const char *text, *place;
    } cases[] = {
        {"", "line 1, column 1: "},
        {"{", "line 1, column 2: "},
        {"{\"a\":1,}", "line 1, column 7: "},
        {"{\"a\" 1}", "line 1, column 6: "},
        {"{\n  \"a\": 1\n  \"b\": 2}", "line 3, column 3: "},
        {"[\"\xC3\xBC\xC3\xBC\", x]", "line 1, column 8: "},
        {"[1 2]", "line 1, column 4: "},
        {"01", "line 1, column "},
        {"{a:1}", "line 1, column 2: "},
        {"[NaN]", "line 1, column 2: "},
        {"[1] []", "line 1, column 5: "},
        {"// c\n1", "line 1, column 1: "},
        {"\"\xFF\"", "line 1, column "},
        {"\"\\ud800\"", "line 1, column "},
        {"\"a\nb\"", "line 1, column "},
        {"'a'", "line 1, column 1: "},
    };
    for (size_t i = 0; i < HW_ARRAY_SIZE(cases); i++) {
        yyjson_doc *doc = NULL;
        struct hw_err err = {0};
        if (hw_json_parse(cases[i].text, strlen(cases[i].text), &doc, &err) == 0)
            fail_msg("%s was taken", cases[i].text);
        assert_null(doc);
        assert_int_equal(err.kind, HW_ERR_DATA);
        if (strncmp(err.text, cases[i].place, strlen(cases[i].place)) != 0)
            fail_msg("%s: wanted %s, got %s", cases[i].text, cases[i].place, err.text);
    }
}

static void test_no_byte_is_read_behind_the_text(void **state) {
    char *text = strdup("[1,2]"); /* the sanitizer watches */
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
    struct hw_err err = {0};
    char *exact = malloc(5);
    memcpy(exact, text, 5);
    assert_int_equal(hw_json_parse(exact, 5, &doc, &err), 0);
    free(exact);
    free(text);
}

/* open × depth, then close × depth: the limit counts both arrays and objects. */
static int parse_nested(size_t depth, bool objects, struct hw_err *err) {
    struct hw_buf text = {0};
    for (size_t i = 0; i < depth; i++)
        hw_buf_add_str(&text, objects ? "{\"a\":" : "[");
    hw_buf_add_str(&text, objects ? "1" : "");
    for (size_t i = 0; i < depth; i++)
        hw_buf_add_char(&text, objects ? '}' : ']');
    yyjson_doc *doc = NULL;
    int result = hw_json_parse(text.data, text.size, &doc, err);
    hw_json_freep(&doc);
    hw_buf_done(&text);
    return result;
}

static void test_depth_is_limited(void **state) {
    struct hw_err err = {0};
    assert_int_equal(parse_nested(HW_JSON_MAX_DEPTH, false, &err), 0);
    assert_int_equal(parse_nested(HW_JSON_MAX_DEPTH, true, &err), 0);
    assert_int_equal(parse_nested(HW_JSON_MAX_DEPTH + 1, false, &err), -1);
    assert_int_equal(parse_nested(HW_JSON_MAX_DEPTH + 1, true, &err), -1);
    assert_non_null(strstr(err.text, "64"));
    assert_int_equal(parse_nested(500000, false, &err), -1);
    /* many siblings are not depth */
    struct hw_buf text = {0};
    hw_buf_add_char(&text, '[');
    for (int i = 0; i < 1000; i++)
        hw_buf_add_str(&text, i ? ",[[]]" : "[[]]");
    hw_buf_add_char(&text, ']');
    yyjson_doc *doc = NULL;
    assert_int_equal(hw_json_parse(text.data, text.size, &doc, &err), 0);
    hw_json_freep(&doc);
    hw_buf_done(&text);
}

static void test_members(void **state) {
    static const char text[] = "{\"s\":\"x\",\"i\":-5,\"u\":18446744073709551615,\"big\":99999999999999999999,"
                               "\"r\":1.5,\"b\":true,\"n\":null}";
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
    struct hw_err err = {0};
    assert_int_equal(hw_json_parse(text, sizeof(text) - 1, &doc, &err), 0);
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert_string_equal(hw_json_str(root, "s"), "x");
    assert_null(hw_json_str(root, "i"));
    assert_null(hw_json_str(root, "none"));
    assert_int_equal(hw_json_int(root, "i", 1), -5);
    assert_int_equal(hw_json_int(root, "u", 1), 1);
    assert_int_equal(hw_json_int(root, "big", 1), 1);
    assert_int_equal(hw_json_int(root, "r", 1), 1);
    assert_int_equal(hw_json_int(root, "s", 1), 1);
    assert_true(hw_json_bool(root, "b", false));
    assert_true(hw_json_bool(root, "n", true));
    assert_null(hw_json_str(NULL, "s"));
}

static void test_write_keeps_big_numbers(void **state) {
    static const char text[] = "{\"big\":123456789012345678901234567890,\"s\":\"\xC3\xBC\\n\",\"a\":[1,2.5,null]}";
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
    HW_CLEANUP(hw_buf_done) struct hw_buf out = {0};
    struct hw_err err = {0};
    assert_int_equal(hw_json_parse(text, sizeof(text) - 1, &doc, &err), 0);
    assert_int_equal(hw_json_write_val(yyjson_doc_get_root(doc), &out), 0);
    assert_string_equal(hw_buf_str(&out), text);
    HW_CLEANUP(hw_json_mut_freep) yyjson_mut_doc *copy = yyjson_doc_mut_copy(doc, NULL);
    assert_int_equal(hw_json_write(copy, &out), 0); /* to the end of what is there */
    assert_int_equal(out.size, 2 * (sizeof(text) - 1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_texts),
        cmocka_unit_test(test_bad_texts_name_the_place),
        cmocka_unit_test(test_no_byte_is_read_behind_the_text),
        cmocka_unit_test(test_depth_is_limited),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_write_keeps_big_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
