#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kafka/messages.h"

static void test_numbers_keep_their_value(void **state) {
    static const int64_t values[] = {0,   1,   -1,  63,        64,        -64,       -65,
                                     127, 128, 300, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    for (size_t i = 0; i < HW_ARRAY_SIZE(values); i++) {
        struct hw_buf out = {0};
        hw_kafka_write_varint(&out, values[i]);
        hw_kafka_write_i64(&out, values[i]);
        struct hw_kafka_reader in = {out.data, out.data + out.size, false};
        assert_true(hw_kafka_read_varint(&in) == values[i]);
        assert_true(hw_kafka_read_i64(&in) == values[i]);
        assert_false(in.failed);
        hw_kafka_read_i8(&in);
        assert_true(in.failed);
        hw_buf_done(&out);
    }
}

/* What the protocol guide says a FindCoordinator looks like, byte by byte. */
static void test_bytes_are_the_protocols(void **state) {
    static const uint8_t classic[] = {0, 1, 'g', 0}, flexible[] = {2, 'g', 0, 0}, batched[] = {0, 2, 2, 'g', 0};
    static const struct {
        int version;
        const uint8_t *bytes;
        size_t size;
    } rows[] = {{1, classic, sizeof(classic)}, {3, flexible, sizeof(flexible)}, {4, batched, sizeof(batched)}};
    struct hw_slice g = hw_slice_str("g");
    struct hw_kafka_find_coordinator_request request = {.key = g};
    request.coordinator_keys.items = &g;
    request.coordinator_keys.count = 1;
    for (size_t i = 0; i < HW_ARRAY_SIZE(rows); i++) {
        struct hw_buf out = {0};
        struct hw_kafka_writer writer = {.out = &out};
        hw_kafka_encode(hw_kafka_find_coordinator_request_schema(), rows[i].version, rows[i].version >= 3, &request,
                        &writer);
        assert_int_equal(out.size, rows[i].size);
        assert_memory_equal(out.data, rows[i].bytes, out.size);
        hw_buf_done(&out);
    }
}

/* Every message of every version: defaults encode, decode, and encode to the same bytes; no prefix of them decodes to
 * more. */
static void test_every_message_of_every_version_survives_the_round(void **state) {
    for (size_t a = 0; a < hw_kafka_api_count; a++) {
        const struct hw_kafka_api *api = &hw_kafka_apis[a];
        for (int version = api->min; version <= api->max; version++) {
            for (int side = 0; side < 2; side++) {
                const struct hw_kafka_schema *schema = side ? api->response() : api->request();
                bool flexible = version >= api->flexible;
                void *value = calloc(1, schema->size), *back = calloc(1, schema->size);
                struct hw_arena arena = {0};
                struct hw_err err;
                hw_kafka_init(schema, value);
                for (uint32_t f = 0; f < schema->field_count; f++) /* an element in each array of structs */
                    if (schema->fields[f].type == HW_KAFKA_ARRAY)
                        assert_non_null(hw_kafka_array_add(&arena, schema->fields[f].sub(),
                                                           (uint8_t *)value + schema->fields[f].offset));
                struct hw_buf first = {0}, second = {0};
                struct hw_kafka_writer writer = {.out = &first}, again = {.out = &second};
                hw_kafka_encode(schema, version, flexible, value, &writer);
                struct hw_kafka_reader in = {first.data, first.data + first.size, false};
                assert_int_equal(hw_kafka_decode(schema, version, flexible, &in, &arena, back, &err), 0);
                assert_ptr_equal(in.at, in.end);
                hw_kafka_encode(schema, version, flexible, back, &again);
                assert_int_equal(first.size, second.size);
                assert_memory_equal(first.data, second.data, first.size);
                for (size_t cut = 0; cut < first.size; cut++) {
                    in = (struct hw_kafka_reader){first.data, first.data + cut, false};
                    if (hw_kafka_decode(schema, version, flexible, &in, &arena, back, &err) == 0)
                        fail_msg("%s version %d decoded from %zu of %zu bytes", schema->name, version, cut, first.size);
                }
                hw_buf_done(&first);
                hw_buf_done(&second);
                hw_arena_done(&arena);
                free(value);
                free(back);
            }
        }
    }
}

static void test_lying_counts_allocate_nothing(void **state) {
    static const uint8_t lies[][9] = {
        {0x7f, 0xff, 0xff, 0xff, 0, 1, 'a', 1}, /* 2^31 - 1 topics in four bytes */
        {0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 0},   /* a negative count */
        {0, 0, 0, 1, 0x7f, 0xff, 'a', 'b'},     /* a string longer than the frame */
    };
    for (size_t i = 0; i < HW_ARRAY_SIZE(lies); i++) {
        struct hw_kafka_metadata_request out;
        struct hw_arena arena = {.limit = 1000};
        struct hw_err err;
        struct hw_kafka_reader in = {lies[i], lies[i] + 8, false};
        assert_int_equal(hw_kafka_decode(hw_kafka_metadata_request_schema(), 4, false, &in, &arena, &out, &err), -1);
        assert_int_equal(err.kind, HW_ERR_DATA);
        assert_true(arena.total < 1000);
        hw_arena_done(&arena);
    }
}

static void test_unknown_tags_are_skipped_and_known_ones_read(void **state) {
    /* ApiVersions response 3: no error, no keys, throttle 0, tags: 9 (unknown, 2 bytes), 1 (epoch 5) */
    static const uint8_t bytes[] = {0, 0, 1, 0, 0, 0, 0, 2, 9, 2, 0xaa, 0xbb, 1, 8, 0, 0, 0, 0, 0, 0, 0, 5};
    struct hw_kafka_api_versions_response out;
    struct hw_arena arena = {0};
    struct hw_err err;
    struct hw_kafka_reader in = {bytes, bytes + sizeof(bytes), false};
    assert_int_equal(hw_kafka_decode(hw_kafka_api_versions_response_schema(), 3, true, &in, &arena, &out, &err), 0);
    assert_int_equal(out.finalized_features_epoch, 5);
    hw_arena_done(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_keep_their_value),
        cmocka_unit_test(test_bytes_are_the_protocols),
        cmocka_unit_test(test_every_message_of_every_version_survives_the_round),
        cmocka_unit_test(test_lying_counts_allocate_nothing),
        cmocka_unit_test(test_unknown_tags_are_skipped_and_known_ones_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
