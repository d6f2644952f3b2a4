/* Table names, locations, and the offsets kept in summaries. */
#include "warehouse/appender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void table_names_are_checked(void **state)
{
    char longest[404], longer[404];
    memset(longest, 'a', sizeof(longest));
    longest[200] = '.';
    longest[401] = 0;
    memcpy(longer, longest, sizeof(longer));
    longer[401] = 'a';
    longer[402] = 0;
    const struct {
        const char *name;
        const char *fault; /* NULL: fine */
    } cases[] = {
        {"events.clicks", NULL},
        {"a.b", NULL},
        {"e_1.c_2", NULL},
        {longest, NULL},
        {longer, "too long"},
        {"clicks", "no namespace"},
        {"", "no namespace"},
        {".", "too short"},
        {"a.", "too short"},
        {".b", "too short"},
        {"Events.clicks", "character 1 (\"E\")"},
        {"events.click-s", "\"-\""},
        {"a.b.c", "character 4"},
        {"a.b c", "\" \""},
        {"a.\xc3\xbc", "\"?\""},
        {"a.b/../c", "\"/\""},
    };
    for (size_t i = 0; i < HW_ARRAY_SIZE(cases); i++) {
        struct hw_err err = {0};
        int result = hw_table_name_check(cases[i].name, &err);
        assert_int_equal(result, cases[i].fault ? -1 : 0);
        if (!cases[i].fault)
            continue;
        assert_int_equal(err.kind, HW_ERR_CONFIG);
        if (!strstr(err.text, cases[i].fault))
            fail_msg("%s: %s", cases[i].name, err.text);
        assert_non_null(strstr(err.text, "events.clicks")); /* the fix */
    }
}

static void locations_become_paths(void **state)
{
    static const struct {
        const char *uri, *path;
    } cases[] = {{"file:///a/b", "/a/b"}, {"file:/a", "/a"},       {"/a", "/a"},
                 {"s3://x/y", NULL},      {"file://host/a", NULL}, {"a", NULL}};
    for (size_t i = 0; i < HW_ARRAY_SIZE(cases); i++) {
        const char *path = NULL;
        struct hw_err err;
        assert_int_equal(hw_uri_to_path(cases[i].uri, &path, &err), cases[i].path ? 0 : -1);
        if (cases[i].path)
            assert_string_equal(path, cases[i].path);
    }
}

static void offsets_read_back(void **state)
{
    struct hw_offsets offsets = {0}, again = {0};
    struct hw_buf json = {0};
    struct hw_err err;
    hw_summary_offsets_format(&offsets, &json);
    assert_string_equal(hw_buf_str(&json), "{}");
    hw_buf_clear(&json);
    hw_offsets_set(&offsets, "t", 10, INT64_MAX);
    hw_offsets_set(&offsets, "t", 2, 0);
    hw_offsets_set(&offsets, "a\"b", 0, 5);
    hw_summary_offsets_format(&offsets, &json);
    assert_string_equal(hw_buf_str(&json), "{\"a\\\"b\":{\"0\":5},\"t\":{\"2\":0,\"10\":9223372036854775807}}");
    assert_int_equal(hw_summary_offsets_parse(hw_buf_str(&json), &again, &err), 0);
    assert_int_equal(again.count, 3);
    assert_int_equal(hw_offsets_get(&again, "t", 10), INT64_MAX);
    assert_int_equal(hw_offsets_get(&again, "t", 3), -1);
    static const char *const bad[] = {"{", "{\"t\":{\"x\":1}}", "{\"t\":{\"-1\":1}}", "{\"t\":{\"0\":\"1\"}}"};
    for (size_t i = 0; i < HW_ARRAY_SIZE(bad); i++)
        assert_int_equal(hw_summary_offsets_parse(bad[i], &again, &err), -1);
    hw_offsets_done(&offsets);
    hw_offsets_done(&again);
    hw_buf_done(&json);
}

/* A table as another engine may leave it: its snapshot on top carries nothing, an expired line ends at our tag. */
static void offsets_are_found(void **state)
{
    static const struct {
        const char *metadata;
        int64_t expected;
    } cases[] = {
        {"\"current-snapshot-id\":-1,\"snapshots\":[]", -1},
        {"\"current-snapshot-id\":1,\"snapshots\":[{\"snapshot-id\":1,\"summary\":{\"highway.offsets.w\":\"{\\\"t\\\":{"
         "\\\"0\\\":4}}\"}}]",
         4},
        {"\"current-snapshot-id\":2,\"snapshots\":[{\"snapshot-id\":1,\"summary\":{\"highway.offsets.w\":\"{\\\"t\\\":{"
         "\\\"0\\\":4}}\"}},"
         "{\"snapshot-id\":2,\"parent-snapshot-id\":1,\"summary\":{\"operation\":\"append\"}}]",
         4},
        {"\"current-snapshot-id\":2,\"refs\":{\"highway.w\":{\"snapshot-id\":1,\"type\":\"tag\"}},\"snapshots\":["
         "{\"snapshot-id\":1,\"summary\":{\"highway.offsets.w\":\"{\\\"t\\\":{\\\"0\\\":9}}\"}},"
         "{\"snapshot-id\":2,\"parent-snapshot-id\":77,\"summary\":{\"operation\":\"append\"}}]",
         9},
        {"\"current-snapshot-id\":2,\"snapshots\":[{\"snapshot-id\":2,\"parent-snapshot-id\":1,\"summary\":{\"highway."
         "offsets.v\":\"{}\"}},"
         "{\"snapshot-id\":1,\"summary\":{\"highway.offsets.w\":\"{\\\"t\\\":{\\\"0\\\":4}}\"}}]",
         -1},
    };
    for (size_t i = 0; i < HW_ARRAY_SIZE(cases); i++) {
        struct hw_buf json = {0};
        struct hw_table_view view;
        struct hw_offsets offsets = {0};
        yyjson_doc *doc = NULL;
        struct hw_err err = {0};
        hw_buf_printf(&json,
                      "{\"metadata\":{\"table-uuid\":\"u\",\"location\":\"file:///"
                      "x\",\"current-schema-id\":0,\"default-spec-id\":0,"
                      "\"schemas\":[{\"schema-id\":0}],\"partition-specs\":[{\"spec-id\":0}],%s}}",
                      cases[i].metadata);
        assert_int_equal(hw_json_parse(json.data, json.size, &doc, &err), 0);
        assert_int_equal(hw_table_view_init(&view, doc, &err), 0);
        assert_int_equal(hw_summary_offsets_load(&view, "w", &offsets, &err), 0);
        assert_int_equal(hw_offsets_get(&offsets, "t", 0), cases[i].expected);
        hw_table_view_done(&view);
        hw_offsets_done(&offsets);
        hw_buf_done(&json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_names_are_checked),
        cmocka_unit_test(locations_become_paths),
        cmocka_unit_test(offsets_read_back),
        cmocka_unit_test(offsets_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
