/* The one word a flow's state is shown as, case by case. */
#include "admin/flow_status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define NOW 1000000000

static const struct hw_flow_facts fine = {
    .worker_answers = true,
    .connector_exists = true,
    .connector_state = "RUNNING",
    .tasks = 1,
    .tasks_running = 1,
    .freshness_ms = 1000,
    .now_ms = NOW,
    .changed_ms = NOW - 600000,
    .moved_at_ms = NOW - 1000,
    .progress = {
        .known = true, .has_committed = true, .messages = 10, .committed = 10, .last_event_us = (NOW - 2000) * 1000LL}};

static const char *judged(const struct hw_flow_facts *facts) {
    static struct hw_flow_verdict verdict;
    hw_flow_judge(facts, &verdict);
    assert_true(verdict.why[0]);
    if (strcmp(verdict.state, "failing") == 0)
        assert_true(verdict.hint[0]);
    return verdict.state;
}

static void each_case_has_its_word(void **state) {
    struct hw_flow_facts f = fine;
    assert_string_equal(judged(&f), "flowing");
    f.progress.last_event_us = (NOW - 120000) * 1000LL;
    assert_string_equal(judged(&f), "waiting");
    f.progress = (struct hw_progress){.known = true};
    assert_string_equal(judged(&f), "waiting");
    f = fine;
    f.worker_answers = false;
    assert_string_equal(judged(&f), "unknown");
    f = fine;
    f.connector_exists = false;
    assert_string_equal(judged(&f), "failing");
    f.changed_ms = NOW - 2000;
    assert_string_equal(judged(&f), "catching_up");
    f = fine;
    f.connector_state = "PAUSED";
    assert_string_equal(judged(&f), "paused");
    f = fine;
    f.progress.known = false;
    assert_string_equal(judged(&f), "unknown");
}

static void one_failed_task_is_a_failing_flow(void **state) {
    struct hw_flow_facts f = fine;
    f.tasks = 4;
    f.tasks_running = 3;
    f.tasks_failed = 1;
    f.trace = "disk full\n  at somewhere";
    struct hw_flow_verdict verdict;
    hw_flow_judge(&f, &verdict);
    assert_string_equal(verdict.state, "failing");
    assert_string_equal(verdict.why, "disk full");
    f.connector_state = "PAUSED"; /* pausing does not hide it */
    assert_string_equal(judged(&f), "failing");
}

static void lag_that_moves_is_catching_up_and_lag_that_stands_is_failing(void **state) {
    struct hw_flow_facts f = fine;
    f.progress.lag = 500;
    f.progress.oldest_ms = NOW - 2000;
    assert_string_equal(judged(&f), "flowing"); /* within the next commit */
    f.progress.oldest_ms = NOW - 60000;
    assert_string_equal(judged(&f), "catching_up");
    f.moved_at_ms = NOW - 90000;
    assert_string_equal(judged(&f), "failing");
    f.changed_ms = NOW - 5000;
    assert_string_equal(judged(&f), "catching_up");
}

static void lag_in_seconds(void **state) {
    struct hw_flow_facts f = fine;
    assert_true(hw_flow_lag_seconds(&f) == 0);
    f.progress.lag = 1;
    assert_true(hw_flow_lag_seconds(&f) < 0);
    f.progress.oldest_ms = NOW - 1500;
    assert_true(hw_flow_lag_seconds(&f) == 1.5);
    f.progress.oldest_ms = NOW + 5000; /* a producer's clock runs ahead */
    assert_true(hw_flow_lag_seconds(&f) == 0);
    f.progress.known = false;
    assert_true(hw_flow_lag_seconds(&f) < 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_case_has_its_word),
                                       cmocka_unit_test(one_failed_task_is_a_failing_flow),
                                       cmocka_unit_test(lag_that_moves_is_catching_up_and_lag_that_stands_is_failing),
                                       cmocka_unit_test(lag_in_seconds)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
