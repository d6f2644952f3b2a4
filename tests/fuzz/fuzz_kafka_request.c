/* Bytes a client may send: request frames of every key and version, and record batches with their records. */
#include "kafka/messages.h"
#include "log/batch.h"

#include <stdlib.h>
#include <string.h>

static void check(bool good) {
    if (!good)
        abort();
}

static void walk_batch(const uint8_t *data, size_t size) {
    struct hw_batch_info info;
    struct hw_batch_records records;
    struct hw_batch_record record;
    struct hw_err err;
    if (hw_batch_parse(data, size, &info, &err) != HW_BATCH_OK)
        return;
    check(info.size <= size && info.last_offset >= info.base_offset);
    hw_batch_crc_ok(data, &info);
    if (hw_batch_records_open(data, &info, 1 << 20, &records, &err) < 0)
        return;
    while (hw_batch_records_next(&records, &record, &err) > 0)
        check(record.key.size + record.value.size <= record.raw.size);
    hw_batch_records_done(&records);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct hw_kafka_reader in = {data, data + size, false};
    int16_t key = hw_kafka_read_i16(&in);
    int version = hw_kafka_read_i16(&in);
    if (key == -1) {
        walk_batch(in.at, (size_t)(in.end - in.at));
        return 0;
    }
    const struct hw_kafka_api *api = in.failed ? NULL : hw_kafka_api_find(key);
    if (!api || version < api->min || version > api->max)
        return 0;
    bool flexible = version >= api->flexible;
    hw_kafka_read_i32(&in);
    hw_kafka_read_string(&in, false, true);
    if (flexible)
        hw_kafka_skip_tags(&in);
    const struct hw_kafka_schema *schema = api->request();
    struct hw_arena arena = {.limit = 4 << 20};
    struct hw_err err;
    void *value = hw_arena_alloc(&arena, schema->size);
    if (!in.failed && hw_kafka_decode(schema, version, flexible, &in, &arena, value, &err) == 0) {
        /* What was understood can be said again, and is understood as the same. */
        struct hw_buf first = {0}, second = {0};
        hw_buf_reserve(&first, 1); /* a message without fields is empty, not null */
        hw_buf_reserve(&second, 1);
        struct hw_kafka_writer one = {.out = &first}, two = {.out = &second};
        struct hw_arena other = {0};
        void *back = hw_arena_alloc(&other, schema->size);
        hw_kafka_encode(schema, version, flexible, value, &one);
        struct hw_kafka_reader again = {first.data, first.data + first.size, false};
        check(hw_kafka_decode(schema, version, flexible, &again, &other, back, &err) == 0);
        hw_kafka_encode(schema, version, flexible, back, &two);
        check(first.size == second.size && memcmp(first.data, second.data, first.size) == 0);
        hw_buf_done(&first);
        hw_buf_done(&second);
        hw_arena_done(&other);
    }
    hw_arena_done(&arena);
    return 0;
}
