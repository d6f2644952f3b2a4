#include "connect/configs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static struct hw_configs_change apply(struct hw_configs *configs, const char *key, const char *value) {
    struct hw_configs_change change;
    hw_configs_apply(configs, (struct hw_slice){(const uint8_t *)key, strlen(key)},
                     (struct hw_slice){(const uint8_t *)value, value ? strlen(value) : 0}, &change);
    return change;
}

static void tasks_count_only_once_committed(void **state) {
    struct hw_configs configs = {0};
    assert_int_equal(apply(&configs, "connector-a-b", "{\"properties\":{\"name\":\"a-b\",\"n\":5}}").event,
                     HW_CONFIGS_CHANGED);
    struct hw_connector *connector = hw_configs_get(&configs, "a-b");
    assert_non_null(connector);
    assert_string_equal(hw_props_get(&connector->config, "n"), "5");
    assert_int_equal(connector->target, HW_TARGET_STARTED);
    assert_int_equal(apply(&configs, "task-a-b-0", "{\"properties\":{\"k\":\"0\"}}").event, HW_CONFIGS_NOTHING);
    apply(&configs, "task-a-b-1", "{\"properties\":{\"k\":\"1\"}}");
    assert_int_equal(connector->task_count, 0);
    uint64_t before = connector->serial;
    apply(&configs, "commit-a-b", "{\"tasks\":2}");
    assert_int_equal(connector->task_count, 2);
    assert_string_equal(hw_props_get(&connector->tasks[1], "k"), "1");
    assert_true(connector->serial > before);
    /* A commit whose tasks compaction has taken: inconsistent until written anew. */
    apply(&configs, "commit-a-b", "{\"tasks\":3}");
    assert_true(connector->inconsistent);
    assert_int_equal(connector->task_count, 0);
    for (int i = 0; i < 3; i++)
        apply(&configs, (const char *[]){"task-a-b-0", "task-a-b-1", "task-a-b-2"}[i],
              "{\"properties\":{\"k\":\"x\"}}");
    apply(&configs, "commit-a-b", "{\"tasks\":3}");
    assert_false(connector->inconsistent);
    assert_int_equal(connector->task_count, 3);
    apply(&configs, "commit-a-b", "{\"tasks\":0}");
    assert_int_equal(connector->task_count, 0);
    hw_configs_done(&configs);
}

static void target_states(void **state) {
    static const struct {
        const char *value;
        enum hw_configs_event event;
        enum hw_target target;
    } cases[] = {
        {"{\"state\":\"PAUSED\",\"state.v2\":\"STOPPED\"}", HW_CONFIGS_CHANGED, HW_TARGET_STOPPED},
        {"{\"state\":\"PAUSED\"}", HW_CONFIGS_CHANGED, HW_TARGET_PAUSED}, /* before Kafka 3.5 */
        {"{\"state\":\"STARTED\",\"state.v2\":\"STARTED\"}", HW_CONFIGS_CHANGED, HW_TARGET_STARTED},
        {"{\"state\":\"ELSEWHERE\"}", HW_CONFIGS_BAD, HW_TARGET_STARTED},
        {"{}", HW_CONFIGS_BAD, HW_TARGET_STARTED},
    };
    struct hw_configs configs = {0};
    apply(&configs, "connector-c", "{\"properties\":{}}");
    for (size_t i = 0; i < HW_ARRAY_SIZE(cases); i++) {
        assert_int_equal(apply(&configs, "target-state-c", cases[i].value).event, cases[i].event);
        assert_int_equal(hw_configs_get(&configs, "c")->target, cases[i].target);
    }
    apply(&configs, "target-state-c", hw_target_value(HW_TARGET_STOPPED));
    assert_int_equal(hw_configs_get(&configs, "c")->target, HW_TARGET_STOPPED);
    hw_configs_done(&configs);
}

static void deletion_and_creation_anew(void **state) {
    struct hw_configs configs = {0};
    apply(&configs, "target-state-c", hw_target_value(HW_TARGET_PAUSED)); /* the state may come before the connector */
    assert_null(hw_configs_get(&configs, "c"));
    apply(&configs, "connector-c", "{\"properties\":{\"a\":\"1\"}}");
    assert_int_equal(hw_configs_get(&configs, "c")->target, HW_TARGET_PAUSED);
    apply(&configs, "task-c-0", "{\"properties\":{\"a\":\"1\"}}");
    apply(&configs, "commit-c", "{\"tasks\":1}");
    apply(&configs, "connector-c", NULL);
    apply(&configs, "target-state-c", NULL);
    assert_null(hw_configs_get(&configs, "c"));
    apply(&configs, "connector-c", "{\"properties\":{\"a\":\"2\"}}");
    assert_int_equal(hw_configs_get(&configs, "c")->task_count, 0);
    assert_int_equal(hw_configs_get(&configs, "c")->target, HW_TARGET_STARTED);
    hw_configs_done(&configs);
}

static void restarts_are_told(void **state) {
    struct hw_configs configs = {0};
    struct hw_configs_change change =
        apply(&configs, "restart-connector-c", "{\"include-tasks\":true,\"only-failed\":false}");
    assert_int_equal(change.event, HW_CONFIGS_RESTART);
    assert_string_equal(change.connector, "c");
    assert_true(change.include_tasks);
    assert_false(change.only_failed);
    hw_configs_done(&configs);
}

static void bad_records_are_ignored_with_a_reason(void **state) {
    static const char *const cases[][2] = {
        {"connector-c", "not json"},
        {"connector-c", "[]"},
        {"connector-c", "{}"},
        {"connector-c", "{\"properties\":{\"a\":{}}}"},
        {"task-c-x", "{\"properties\":{}}"},
        {"task-c-99999", "{\"properties\":{}}"},
        {"task-0", "{\"properties\":{}}"},
        {"commit-c", "{}"},
        {"commit-c", "{\"tasks\":-1}"},
        {"commit-c", "{\"tasks\":1000000}"},
        {"", "{}"},
    };
    struct hw_configs configs = {0};
    for (size_t i = 0; i < HW_ARRAY_SIZE(cases); i++) {
        struct hw_configs_change change = apply(&configs, cases[i][0], cases[i][1]);
        if (change.event != HW_CONFIGS_BAD || !change.fault[0])
            fail_msg("key '%s' value '%s' was taken", cases[i][0], cases[i][1]);
    }
    assert_int_equal(apply(&configs, "session-key", "{\"key\":\"x\"}").event, HW_CONFIGS_NOTHING);
    assert_int_equal(apply(&configs, "tasks-fencing-c", "{\"task-count\":1}").event, HW_CONFIGS_NOTHING);
    assert_null(hw_configs_get(&configs, "c"));
    hw_configs_done(&configs);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tasks_count_only_once_committed),
        cmocka_unit_test(target_states),
        cmocka_unit_test(deletion_and_creation_anew),
        cmocka_unit_test(restarts_are_told),
        cmocka_unit_test(bad_records_are_ignored_with_a_reason),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
