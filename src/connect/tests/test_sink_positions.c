#include "connect/sink.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void never_commits_what_is_not_durable(void **state) {
    static const struct {
        struct hw_sink_partition at;
        int64_t committable;
        const char *why;
    } cases[] = {
        {{.processed = -1, .put = -1, .durable = -1, .committed = -1}, -1, "nothing read"},
        {{.processed = 10, .put = 10, .durable = -1, .committed = -1}, -1, "put, not flushed"},
        {{.processed = 10, .put = 10, .durable = 7, .committed = -1}, 7, "partly durable"},
        {{.processed = 10, .put = 10, .durable = 10, .committed = 7}, 10, "all durable"},
        {{.processed = 12, .put = 10, .durable = 10, .committed = 10}, 12, "ends with dead letters"},
        {{.processed = 12, .put = 10, .durable = 9, .committed = 5}, 9, "dead letters behind something outstanding"},
        {{.processed = 3, .put = -1, .durable = -1, .committed = -1}, 3, "only dead letters"},
        {{.processed = 10, .put = 10, .durable = 10, .committed = 10}, -1, "nothing new"},
        {{.processed = 5, .put = 5, .durable = 5, .committed = 20},
         -1,
         "the sink's truth is behind the group: never backwards"},
        {{.processed = 5, .put = 5, .durable = 5, .committed = -1}, 5, "the sink's own truth tells the group"},
    };
    for (size_t i = 0; i < HW_ARRAY_SIZE(cases); i++)
        if (hw_sink_partition_committable(&cases[i].at) != cases[i].committable)
            fail_msg("%s", cases[i].why);
}

static void instance_ids_are_legal_and_distinct(void **state) {
    char *one = hw_sink_instance_id("w", "büro 1", 0), *two = hw_sink_instance_id("w", "b__ro 1", 0),
         *again = hw_sink_instance_id("w", "büro 1", 0);
    assert_string_not_equal(one, two);
    assert_string_equal(one, again);
    assert_int_equal(strspn(one, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"), strlen(one));
    free(one);
    free(two);
    free(again);
}

/* A sink of our own behind hw_sink_put: no Kafka needed as long as nothing is retried or dead-lettered. */
static int puts_seen;
static int picky_put(void *self, const struct hw_batch *batch, struct hw_err *err) {
    for (size_t i = 0; i < batch->count; i++)
        if (batch->records[i].value.size == 0)
            return hw_err_set(err, HW_ERR_DATA, 0, "empty value");
    puts_seen += (int)batch->count;
    return 0;
}

static int put_three(const char *tolerance, struct hw_slot *slot, struct hw_sink_partition *partition,
                     struct hw_err *err) {
    static const struct hw_sink_ops ops = {.abi = HW_PLUGIN_ABI, .name = "picky", .version = "1", .put = picky_put};
    static const struct hw_class class = {.sink = &ops, .name = "picky"};
    const struct hw_config_pair pairs[] = {
        {"name", "c"}, {"connector.class", "picky"}, {"errors.tolerance", tolerance}};
    struct hw_config_field table[64];
    size_t count = 0;
    for (const struct hw_config_field *f = hw_framework_common_fields; f->name; f++)
        table[count++] = *f;
    for (const struct hw_config_field *f = hw_framework_sink_fields; f->name; f++)
        table[count++] = *f;
    table[count] = (struct hw_config_field){0};
    struct hw_checked checked = {0};
    struct hw_config_faults faults = {0};
    assert_int_equal(hw_config_parse(table, pairs, 3, NULL, &checked.framework, &faults, err), 0);
    slot->connector = (char *)"c";
    slot->class = &class;
    struct hw_sink_task task = {
        .slot = slot, .ops = &ops, .checked = &checked, .partitions = partition, .partition_count = 1};
    struct hw_record records[3] = {
        {.topic = "t", .offset = 7, .value = {(const uint8_t *)"a", 1}},
        {.topic = "t", .offset = 8},
        {.topic = "t", .offset = 9, .value = {(const uint8_t *)"b", 1}},
    };
    int result = hw_sink_put(&task, &(struct hw_batch){.records = records, .count = 3}, err);
    hw_checked_done(&checked);
    return result;
}

static void poison_stops_the_task_and_is_named(void **state) {
    struct hw_slot slot = {0};
    struct hw_sink_partition partition = {.topic = "t", .processed = -1, .put = -1, .durable = -1, .committed = -1};
    struct hw_err err = {0};
    puts_seen = 0;
    assert_int_equal(put_three("none", &slot, &partition, &err), -1);
    assert_int_equal(err.kind, HW_ERR_DATA);
    assert_non_null(strstr(err.text, "topic t, partition 0, offset 8"));
    assert_non_null(strstr(err.text, "empty value"));
    assert_int_equal(puts_seen, 1);
    assert_int_equal(partition.processed, 8); /* stands exactly at the fault */
}

static void tolerated_poison_is_skipped_and_counted(void **state) {
    struct hw_slot slot = {0};
    struct hw_sink_partition partition = {.topic = "t", .processed = -1, .put = -1, .durable = -1, .committed = -1};
    struct hw_err err = {0};
    puts_seen = 0;
    assert_int_equal(put_three("all", &slot, &partition, &err), 0);
    assert_int_equal(puts_seen, 2);
    assert_int_equal(partition.processed, 10);
    assert_int_equal(partition.put, 10);
    assert_int_equal(atomic_load(&slot.counters.skipped), 1);
    assert_int_equal(atomic_load(&slot.counters.records_put), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(never_commits_what_is_not_durable),
        cmocka_unit_test(instance_ids_are_legal_and_distinct),
        cmocka_unit_test(poison_stops_the_task_and_is_named),
        cmocka_unit_test(tolerated_poison_is_skipped_and_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
