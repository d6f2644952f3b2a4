#include "connect/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void values_are_javas(void **state) {
    struct hw_buf out = {0};
    hw_status_value(&out, "RUNNING", NULL, "h:8083", "1");
    assert_string_equal(
        hw_buf_str(&out),
        "{\"state\":\"RUNNING\",\"trace\":null,\"worker_id\":\"h:8083\",\"generation\":1,\"version\":\"1\"}");
    hw_buf_clear(&out);
    hw_status_value(&out, "FAILED", "it \"broke\"", "h:8083", NULL);
    assert_string_equal(
        hw_buf_str(&out),
        "{\"state\":\"FAILED\",\"trace\":\"it \\\"broke\\\"\",\"worker_id\":\"h:8083\",\"generation\":1}");
    hw_buf_done(&out);
}

static void topic_keys(void **state) {
    static const struct {
        const char *key, *topic, *connector;
    } cases[] = {
        {"status-topic-a.b:connector-c", "a.b", "c"},
        {"status-topic-t:connector-x:connector-y", "t", "x:connector-y"},
        {"status-topic-:connector-c", NULL, NULL},
        {"status-topic-t:connector-", NULL, NULL},
        {"status-topic-t", NULL, NULL},
        {"status-connector-c", NULL, NULL},
        {"", NULL, NULL},
    };
    for (size_t i = 0; i < HW_ARRAY_SIZE(cases); i++) {
        char *topic = NULL, *connector = NULL;
        struct hw_slice key = {(const uint8_t *)cases[i].key, strlen(cases[i].key)};
        assert_int_equal(hw_status_topic_key(key, &topic, &connector), cases[i].topic != NULL);
        if (cases[i].topic) {
            assert_string_equal(topic, cases[i].topic);
            assert_string_equal(connector, cases[i].connector);
        }
        free(topic);
        free(connector);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(values_are_javas), cmocka_unit_test(topic_keys)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
