#include "kafka/messages.h"
#include "log/producers.h"
#include "log_test.h"

static struct hw_batch_info batch(int64_t id, int16_t epoch, int32_t sequence, int count, int64_t offset) {
    return (struct hw_batch_info){.base_offset = offset,
                                  .last_offset = offset + count - 1,
                                  .producer_id = id,
                                  .producer_epoch = epoch,
                                  .base_sequence = sequence,
                                  .count = count};
}

static void test_repeats_gaps_and_epochs(void **state) {
    struct hw_producers producers = {0};
    for (int i = 0; i < 6; i++) {
        struct hw_batch_info info = batch(7, 1, i * 10, 10, 100 + i * 10);
        hw_producers_update(&producers, &info, 1000);
    }
    static const struct {
        int16_t epoch;
        int32_t sequence;
        int count, result, code;
        int64_t last_offset;
    } rows[] = {
        {1, 60, 10, 0, 0, 0},                                      /* the next one */
        {1, 50, 10, 1, 0, 159},                                    /* the last one again */
        {1, 10, 10, 1, 0, 119},                                    /* the oldest remembered */
        {1, 0, 10, -1, HW_KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER, 0},  /* older than remembered */
        {1, 50, 9, -1, HW_KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER, 0},  /* same start, other end */
        {1, 61, 1, -1, HW_KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER, 0},  /* a gap */
        {0, 60, 10, -1, HW_KAFKA_INVALID_PRODUCER_EPOCH, 0},       /* fenced */
        {2, 0, 10, 0, 0, 0},                                       /* a new epoch begins at 0 */
        {2, 60, 10, -1, HW_KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER, 0}, /* and nowhere else */
    };
    for (size_t i = 0; i < HW_ARRAY_SIZE(rows); i++) {
        struct hw_batch_info info = batch(7, rows[i].epoch, rows[i].sequence, rows[i].count, 0);
        const struct hw_producer_batch *seen = NULL;
        struct hw_err err = {0};
        assert_int_equal(hw_producers_check(&producers, &info, &seen, &err), rows[i].result);
        assert_int_equal(err.code, rows[i].code);
        if (rows[i].result == 1)
            assert_int_equal(seen->last_offset, rows[i].last_offset);
    }
    hw_producers_done(&producers);
}

static void test_sequences_wrap(void **state) {
    struct hw_producers producers = {0};
    struct hw_batch_info info = batch(1, 0, INT32_MAX - 4, 10, 0), next = batch(1, 0, 5, 1, 10);
    const struct hw_producer_batch *seen;
    struct hw_err err;
    hw_producers_update(&producers, &info, 1);
    assert_int_equal(hw_producers_check(&producers, &next, &seen, &err), 0);
    assert_int_equal(hw_producers_check(&producers, &info, &seen, &err), 1);
    hw_producers_done(&producers);
}

static void test_a_snapshot_brings_everything_back_and_damage_is_noticed(void **state) {
    HW_CLEANUP(test_dir_done) char *dir = test_dir();
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("%s/00000000000000000000.snapshot", dir);
    struct hw_producers producers = {0}, loaded = {0};
    struct hw_err err;
    for (int64_t id = 0; id < 100; id++) {
        for (int i = 0; i < 5; i++) {
            struct hw_batch_info info = batch(id, 3, i * 2, 2, i * 2);
            hw_producers_update(&producers, &info, 5000 + id);
        }
    }
    assert_int_equal(hw_producers_save(&producers, path, &err), 0);
    assert_int_equal(hw_producers_load(&loaded, path, &err), 0);
    assert_int_equal(loaded.count, 100);
    const struct hw_producer_batch *seen;
    struct hw_batch_info again = batch(42, 3, 2, 2, 0);
    assert_int_equal(hw_producers_check(&loaded, &again, &seen, &err), 1);
    assert_int_equal(seen->last_offset, 3);
    hw_producers_expire(&loaded, 5050);
    assert_int_equal(loaded.count, 50);
    hw_producers_done(&loaded);
    FILE *file = fopen(path, "r+b");
    fseek(file, 40, SEEK_SET);
    fputc(0x55, file);
    fclose(file);
    assert_int_equal(hw_producers_load(&loaded, path, &err), -1);
    hw_producers_done(&producers);
    hw_producers_done(&loaded);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_repeats_gaps_and_epochs),
        cmocka_unit_test(test_sequences_wrap),
        cmocka_unit_test(test_a_snapshot_brings_everything_back_and_damage_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
