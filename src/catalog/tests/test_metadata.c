/* Table metadata: creation, requirements, updates. */
#include "catalog/metadata.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char uuid[] = "0b2d9f7e-2a64-4e0c-9a68-3f0b5a1c7d10";

static yyjson_doc *parse(const char *json)
{
    struct hw_err err = {0};
    yyjson_doc *doc = NULL;
    if (hw_json_parse(json, strlen(json), &doc, &err) < 0)
        fail_msg("%s: %s", json, err.text);
    return doc;
}

static yyjson_mut_doc *make(void)
{
    HW_CLEANUP(hw_json_freep)
    yyjson_doc *request =
        parse("{\"name\":\"t\",\"schema\":{\"type\":\"struct\",\"fields\":[{\"id\":1,\"name\":\"a\",\"type\":\"long\"},"
              "{\"id\":2,\"name\":\"l\",\"type\":{\"type\":\"list\",\"element-id\":7,\"element\":\"string\"}}]},"
              "\"partition-spec\":{\"fields\":[{\"source-id\":1,\"transform\":\"identity\",\"name\":\"a\"}]},"
              "\"properties\":{\"k\":\"v\",\"format-version\":\"2\"}}");
    yyjson_mut_doc *doc = NULL;
    struct hw_err err = {0};
    if (hw_metadata_create(yyjson_doc_get_root(request), "file:///w/t", uuid, 1000, &doc, &err) < 0)
        fail_msg("%s", err.text);
    return doc;
}

static char *text_of(const yyjson_mut_doc *doc)
{
    static struct hw_buf out;
    hw_buf_clear(&out);
    assert_int_equal(hw_json_write(doc, &out), 0);
    return hw_buf_str(&out);
}

static void created_metadata_is_whole(void **state)
{
    static const char *const parts[] = {
        "\"format-version\":2",
        "\"last-column-id\":7",
        "\"last-partition-id\":1000",
        "\"field-id\":1000",
        "\"order-id\":0",
        "\"current-snapshot-id\":-1",
        "\"properties\":{\"k\":\"v\"}",
        "\"table-uuid\":\"0b2d9f7e",
        "\"last-updated-ms\":1000",
    };
    yyjson_mut_doc *doc = make();
    const char *text = text_of(doc);
    for (size_t i = 0; i < HW_ARRAY_SIZE(parts); i++)
        if (!strstr(text, parts[i]))
            fail_msg("%s is not in %s", parts[i], text);
    yyjson_mut_doc_free(doc);
}

static void bad_create_requests_are_refused(void **state)
{
    static const char *const requests[] = {"{}", "{\"schema\":{}}",
                                           "{\"schema\":{\"fields\":[]},\"properties\":{\"format-version\":\"3\"}}"};
    for (size_t i = 0; i < HW_ARRAY_SIZE(requests); i++) {
        yyjson_doc *request = parse(requests[i]);
        yyjson_mut_doc *doc = NULL;
        struct hw_err err = {0};
        assert_int_equal(hw_metadata_create(yyjson_doc_get_root(request), "file:///w/t", uuid, 1, &doc, &err), -1);
        assert_int_equal(err.code, 400);
        yyjson_doc_free(request);
    }
}

/* outcome: 0 applied, 1 conflict, -1 refused; then a piece of the result (or of the error). */
static void updates_are_applied_or_refused(void **state)
{
#define SNAPSHOT(id, sequence, more)                                                                                   \
    "{\"action\":\"add-snapshot\",\"snapshot\":{\"snapshot-id\":" id ",\"sequence-number\":" sequence                  \
    ",\"timestamp-ms\":5000,\"manifest-list\":\"file:///m\",\"summary\":{\"operation\":\"append\"}" more "}}"
#define MAIN(id) "{\"action\":\"set-snapshot-ref\",\"ref-name\":\"main\",\"type\":\"branch\",\"snapshot-id\":" id "}"
#define TAG(id)  "{\"action\":\"set-snapshot-ref\",\"ref-name\":\"x\",\"type\":\"tag\",\"snapshot-id\":" id "}"
    static const struct {
        const char *updates;
        int outcome;
        const char *piece;
    } cases[] = {
        {"[]", 0, "\"last-updated-ms\":2000"},
        {"[" SNAPSHOT("9007199254740993", "1", "") "," MAIN("9007199254740993") "]", 0,
         "\"current-snapshot-id\":9007199254740993"},
        {"[" SNAPSHOT("3", "1", "") "," MAIN("3") "]", 0,
         "\"snapshot-log\":[{\"timestamp-ms\":5000,\"snapshot-id\":3}]"},
        {"[" SNAPSHOT("3", "1", "") "," SNAPSHOT("3", "2", "") "]", 1, "already"},
        {"[" SNAPSHOT("3", "1", "") "," SNAPSHOT("4", "1", ",\"parent-snapshot-id\":3") "]", 1, "sequence"},
        {"[" SNAPSHOT("3", "1", "") "," SNAPSHOT("4", "2", "") "," MAIN("4") "," TAG(
             "3") ",{\"action\":\"remove-snapshots\",\"snapshot-ids\":[3]}]",
         0, "\"refs\":{\"main\":{\"snapshot-id\":4,\"type\":\"branch\"}}"},
        {"[" SNAPSHOT("3", "1", "") "," MAIN("3") ",{\"action\":\"remove-snapshots\",\"snapshot-ids\":[3]}]", -1,
         "current"},
        {"[" SNAPSHOT("3", "1", "") "," MAIN("3") ",{\"action\":\"remove-snapshot-ref\",\"ref-name\":\"main\"}]", 0,
         "\"current-snapshot-id\":-1"},
        {"[" MAIN("3") "]", -1, "unknown snapshot"},
        {"[{\"action\":\"add-snapshot\",\"snapshot\":{\"snapshot-id\":1}}]", -1, "lacks"},
        {"[{\"action\":\"set-properties\",\"updates\":{\"k\":\"w\",\"n\":\"1\"}}]", 0,
         "\"properties\":{\"k\":\"w\",\"n\":\"1\"}"},
        {"[{\"action\":\"set-properties\",\"updates\":{\"k\":1}}]", -1, "k is not a string"},
        {"[{\"action\":\"remove-properties\",\"removals\":[\"k\",\"none\"]}]", 0, "\"properties\":{}"},
        {"[{\"action\":\"add-schema\",\"schema\":{\"fields\":[{\"id\":12,\"name\":\"z\",\"type\":\"int\"}]}},"
         "{\"action\":\"set-current-schema\",\"schema-id\":-1}]",
         0, "\"last-column-id\":12,\"current-schema-id\":1"},
        {"[{\"action\":\"set-current-schema\",\"schema-id\":-1}]", -1, "schemas"},
        {"[{\"action\":\"add-spec\",\"spec\":{\"fields\":[]}},{\"action\":\"set-default-spec\",\"spec-id\":-1}]", 0,
         "\"default-spec-id\":1"},
        {"[{\"action\":\"add-sort-order\",\"sort-order\":{\"fields\":[{\"source-id\":1}]}},"
         "{\"action\":\"set-default-sort-order\",\"sort-order-id\":-1}]",
         0, "\"default-sort-order-id\":1"},
        {"[{\"action\":\"remove-schemas\",\"schema-ids\":[0]}]", -1, "current schema"},
        {"[{\"action\":\"remove-partition-specs\",\"spec-ids\":[0]}]", -1, "default spec"},
        {"[{\"action\":\"assign-uuid\",\"uuid\":\"3b2d9f7e-2a64-4e0c-9a68-3f0b5a1c7d10\"}]", -1, "cannot be changed"},
        {"[{\"action\":\"upgrade-format-version\",\"format-version\":3}]", -1, "format-version 3"},
        {"[{\"action\":\"set-statistics\",\"snapshot-id\":3,\"statistics\":{\"snapshot-id\":3}}]", 0,
         "\"statistics\":[{\"snapshot-id\":3}]"},
        {"[{\"action\":\"dance\"}]", -1, "\"dance\""},
        {"[7]", -1, "not known"},
        {"7", -1, "list of updates"},
    };
    for (size_t i = 0; i < HW_ARRAY_SIZE(cases); i++) {
        yyjson_mut_doc *doc = make();
        yyjson_doc *updates = parse(cases[i].updates);
        struct hw_err err = {0};
        int outcome = hw_metadata_apply(doc, yyjson_doc_get_root(updates), 2000, &err);
        const char *text = outcome == 0 ? text_of(doc) : err.text;
        if (outcome != cases[i].outcome || !strstr(text, cases[i].piece))
            fail_msg("%s: %d, %s", cases[i].updates, outcome, text);
        if (outcome != 0)
            assert_int_equal(err.code, outcome > 0 ? 409 : 400);
        yyjson_doc_free(updates);
        yyjson_mut_doc_free(doc);
    }
}

static void requirements_are_checked(void **state)
{
    static const struct {
        const char *requirements;
        int outcome, without_table;
    } cases[] = {
        {"[]", 0, 0},
        {"[{\"type\":\"assert-create\"}]", 1, 0},
        {"[{\"type\":\"assert-table-uuid\",\"uuid\":\"0B2D9F7E-2a64-4e0c-9a68-3f0b5a1c7d10\"}]", 0, 1},
        {"[{\"type\":\"assert-table-uuid\",\"uuid\":\"1\"}]", 1, 1},
        {"[{\"type\":\"assert-table-uuid\"}]", -1, -1},
        {"[{\"type\":\"assert-ref-snapshot-id\",\"ref\":\"main\",\"snapshot-id\":null}]", 0, 0},
        {"[{\"type\":\"assert-ref-snapshot-id\",\"ref\":\"main\",\"snapshot-id\":4}]", 1, 1},
        {"[{\"type\":\"assert-ref-snapshot-id\",\"snapshot-id\":4}]", -1, -1},
        {"[{\"type\":\"assert-last-assigned-field-id\",\"last-assigned-field-id\":7}]", 0, 1},
        {"[{\"type\":\"assert-last-assigned-field-id\",\"last-assigned-field-id\":6}]", 1, 1},
        {"[{\"type\":\"assert-current-schema-id\",\"current-schema-id\":0}]", 0, 1},
        {"[{\"type\":\"assert-last-assigned-partition-id\",\"last-assigned-partition-id\":1000}]", 0, 1},
        {"[{\"type\":\"assert-default-spec-id\",\"default-spec-id\":0}]", 0, 1},
        {"[{\"type\":\"assert-default-sort-order-id\",\"default-sort-order-id\":0}]", 0, 1},
        {"[{\"type\":\"assert-default-sort-order-id\"}]", -1, -1},
        {"[{\"type\":\"assert-sunny\"}]", -1, -1},
        {"[{}]", -1, -1},
        {"7", -1, -1},
    };
    yyjson_mut_doc *doc = make();
    yyjson_doc *metadata = yyjson_mut_doc_imut_copy(doc, NULL);
    for (size_t i = 0; i < HW_ARRAY_SIZE(cases); i++) {
        yyjson_doc *requirements = parse(cases[i].requirements);
        struct hw_err err = {0};
        int with = hw_metadata_check(yyjson_doc_get_root(metadata), yyjson_doc_get_root(requirements), &err);
        int without = hw_metadata_check(NULL, yyjson_doc_get_root(requirements), &err);
        if (with != cases[i].outcome || without != cases[i].without_table)
            fail_msg("%s: %d, %d", cases[i].requirements, with, without);
        yyjson_doc_free(requirements);
    }
    yyjson_doc_free(metadata);
    yyjson_mut_doc_free(doc);
}

static void count_drop(const char *location, void *arg)
{
    assert_string_equal(location, "file:///w/t/old");
    ++*(int *)arg;
}

static void metadata_log_keeps_the_newest(void **state)
{
    yyjson_mut_doc *doc = make();
    int dropped = 0;
    for (int i = 0; i < 130; i++)
        hw_metadata_log(doc, "file:///w/t/old", i, count_drop, &dropped);
    assert_int_equal(dropped, 30);
    yyjson_mut_val *log = yyjson_mut_obj_get(yyjson_mut_doc_get_root(doc), "metadata-log");
    assert_int_equal(yyjson_mut_arr_size(log), 100);
    assert_int_equal(yyjson_mut_get_sint(yyjson_mut_obj_get(yyjson_mut_arr_get_first(log), "timestamp-ms")), 30);
    yyjson_mut_doc_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(created_metadata_is_whole),      cmocka_unit_test(bad_create_requests_are_refused),
        cmocka_unit_test(updates_are_applied_or_refused), cmocka_unit_test(requirements_are_checked),
        cmocka_unit_test(metadata_log_keeps_the_newest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
