#include "connect/props.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void json_scalars_become_text(void **state) {
    static const char text[] =
        "{\"s\":\"a\\\"b\",\"i\":5,\"big\":18446744073709551615,\"f\":1.5,\"t\":true,\"n\":null}";
    yyjson_doc *doc = NULL;
    struct hw_err err = {0};
    struct hw_props props = {0};
    assert_int_equal(hw_json_parse(text, strlen(text), &doc, &err), 0);
    assert_int_equal(hw_props_from_json(yyjson_doc_get_root(doc), &props, &err), 0);
    assert_int_equal(props.count, 5);
    assert_string_equal(hw_props_get(&props, "i"), "5");
    assert_string_equal(hw_props_get(&props, "big"), "18446744073709551615");
    assert_string_equal(hw_props_get(&props, "t"), "true");
    assert_null(hw_props_get(&props, "n"));
    struct hw_buf out = {0};
    hw_props_to_json(&props, &out);
    assert_string_equal(hw_buf_str(&out),
                        "{\"s\":\"a\\\"b\",\"i\":\"5\",\"big\":\"18446744073709551615\",\"f\":\"1.5\",\"t\":\"true\"}");
    hw_buf_done(&out);
    hw_props_done(&props);
    yyjson_doc_free(doc);
}

static void what_is_no_text_is_refused(void **state) {
    static const char *const cases[] = {"[]", "\"x\"", "{\"a\":{}}", "{\"a\":[1]}", "{\"a\":\"x\\u0000y\"}"};
    for (size_t i = 0; i < HW_ARRAY_SIZE(cases); i++) {
        yyjson_doc *doc = NULL;
        struct hw_err err = {0};
        struct hw_props props = {0};
        assert_int_equal(hw_json_parse(cases[i], strlen(cases[i]), &doc, &err), 0);
        assert_int_equal(hw_props_from_json(yyjson_doc_get_root(doc), &props, &err), -1);
        assert_true(err.text[0]);
        hw_props_done(&props);
        yyjson_doc_free(doc);
    }
}

static void setting_removing_comparing(void **state) {
    struct hw_props a = {0}, b = {0};
    hw_props_set(&a, "x", "1");
    hw_props_set(&a, "y", "2");
    hw_props_set(&a, "x", "3");
    hw_props_set(&b, "y", "2");
    assert_false(hw_props_equal(&a, &b));
    hw_props_set(&b, "x", "3");
    assert_true(hw_props_equal(&a, &b));
    assert_true(hw_props_remove(&a, "x"));
    assert_false(hw_props_remove(&a, "x"));
    assert_int_equal(a.count, 1);
    hw_props_done(&a);
    hw_props_done(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_scalars_become_text),
        cmocka_unit_test(what_is_no_text_is_refused),
        cmocka_unit_test(setting_removing_comparing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
