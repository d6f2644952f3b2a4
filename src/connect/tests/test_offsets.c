#include "connect/offsets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void apply(struct hw_source_offsets *offsets, const char *key, const char *value) {
    hw_source_offsets_apply(offsets, (struct hw_slice){(const uint8_t *)key, strlen(key)},
                            (struct hw_slice){(const uint8_t *)value, value ? strlen(value) : 0});
}

static void keys_are_javas_bytes(void **state) {
    char *key = hw_source_offset_key("a\"b", "{\"filename\":\"/x\"}");
    assert_string_equal(key, "[\"a\\\"b\",{\"filename\":\"/x\"}]");
    free(key);
}

static void newest_value_counts_and_null_removes(void **state) {
    struct hw_source_offsets offsets = {0};
    apply(&offsets, "[\"c\",{\"filename\":\"/x\"}]", "{\"position\":1}");
    apply(&offsets, "[\"c\",{\"filename\":\"/x\"}]", "{\"position\":2}");
    apply(&offsets, "[\"other\",{\"filename\":\"/x\"}]", "{\"position\":9}");
    apply(&offsets, "not json", "{}");
    assert_string_equal(hw_source_offsets_get(&offsets, "c", "{\"filename\":\"/x\"}"), "{\"position\":2}");
    assert_null(hw_source_offsets_get(&offsets, "c", "{\"filename\":\"/y\"}"));
    struct hw_buf list = {0};
    hw_source_offsets_list(&offsets, "c", &list);
    assert_string_equal(hw_buf_str(&list), "{\"partition\":{\"filename\":\"/x\"},\"offset\":{\"position\":2}}");
    hw_buf_done(&list);
    char **keys;
    assert_int_equal(hw_source_offsets_keys(&offsets, "c", &keys), 1);
    free(keys[0]);
    free(keys);
    apply(&offsets, "[\"c\",{\"filename\":\"/x\"}]", "null");
    assert_null(hw_source_offsets_get(&offsets, "c", "{\"filename\":\"/x\"}"));
    apply(&offsets, "[\"other\",{\"filename\":\"/x\"}]", NULL);
    assert_null(hw_source_offsets_get(&offsets, "other", "{\"filename\":\"/x\"}"));
    hw_source_offsets_done(&offsets);
}

/* What another worker wrote with other blanks or order must be overwritten under its own bytes. */
static void stored_key_is_found_whatever_its_spelling(void **state) {
    struct hw_source_offsets offsets = {0};
    apply(&offsets, "[ \"c\", {\"b\":1, \"a\":2} ]", "{\"position\":1}");
    yyjson_doc *doc = NULL;
    struct hw_err err = {0};
    assert_int_equal(hw_json_parse("{\"a\":2,\"b\":1}", 13, &doc, &err), 0);
    assert_string_equal(hw_source_offsets_find(&offsets, "c", yyjson_doc_get_root(doc)),
                        "[ \"c\", {\"b\":1, \"a\":2} ]");
    assert_null(hw_source_offsets_find(&offsets, "d", yyjson_doc_get_root(doc)));
    yyjson_doc_free(doc);
    hw_source_offsets_done(&offsets);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_are_javas_bytes),
        cmocka_unit_test(newest_value_counts_and_null_removes),
        cmocka_unit_test(stored_key_is_found_whatever_its_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
