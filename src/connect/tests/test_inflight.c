#include "connect/inflight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void only_the_acknowledged_prefix_counts(void **state) {
    struct hw_inflight inflight = {0};
    struct hw_inflight_entry *entries[4];
    const char *offsets[] = {"1", "2", "3", "4"};
    for (int i = 0; i < 4; i++)
        entries[i] = hw_inflight_add(&inflight, i == 2 ? "q" : "p", offsets[i], 10);
    assert_int_equal(inflight.bytes, 40);
    assert_int_equal(hw_inflight_ack(&inflight, entries[1]), 0);
    assert_null(hw_map_get(&inflight.ready, "p"));
    assert_int_equal(hw_inflight_ack(&inflight, entries[0]), 2);
    assert_string_equal(hw_map_get(&inflight.ready, "p"), "2");
    assert_int_equal(hw_inflight_ack(&inflight, entries[3]), 0);
    assert_null(hw_map_get(&inflight.ready, "q"));
    assert_int_equal(hw_inflight_ack(&inflight, entries[2]), 2);
    assert_string_equal(hw_map_get(&inflight.ready, "p"), "4");
    assert_string_equal(hw_map_get(&inflight.ready, "q"), "3");
    assert_int_equal(inflight.count, 0);
    assert_int_equal(inflight.bytes, 0);
    hw_inflight_add(&inflight, "p", "5", 1); /* never acknowledged: freed all the same */
    hw_inflight_done(&inflight);
}

static void records_without_offset_only_hold_their_place(void **state) {
    struct hw_inflight inflight = {0};
    struct hw_inflight_entry *entry = hw_inflight_add(&inflight, NULL, NULL, 1);
    assert_int_equal(hw_inflight_ack(&inflight, entry), 1);
    assert_int_equal(inflight.ready.count, 0);
    hw_inflight_done(&inflight);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_acknowledged_prefix_counts),
        cmocka_unit_test(records_without_offset_only_hold_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
