#include "log/batch.h"

#include "kafka/codec.h"

#include <endian.h>
#include <string.h>

static uint64_t get(const uint8_t *p, unsigned size) {
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value = value << 8 | p[i];
    return value;
}

static void put(uint8_t *p, uint64_t value, unsigned size) {
    for (unsigned i = size; i-- > 0; value >>= 8)
        p[i] = (uint8_t)value;
}

int hw_batch_parse(const uint8_t *data, size_t size, struct hw_batch_info *out, struct hw_err *err) {
    if (size < HW_BATCH_HEADER) {
        if (size >= 12 && (int32_t)get(data + 8, 4) < HW_BATCH_HEADER - 12)
            return hw_err_set(err, HW_ERR_DATA, 0, "batch length %d is below a header", (int32_t)get(data + 8, 4));
        return HW_BATCH_SHORT;
    }
    int32_t length = (int32_t)get(data + 8, 4);
    int32_t delta = (int32_t)get(data + 23, 4);
    *out = (struct hw_batch_info){
        .base_offset = (int64_t)get(data, 8),
        .size = (uint32_t)length + 12,
        .leader_epoch = (int32_t)get(data + 12, 4),
        .crc = (uint32_t)get(data + 17, 4),
        .attributes = (int16_t)get(data + 21, 2),
        .first_timestamp = (int64_t)get(data + 27, 8),
        .max_timestamp = (int64_t)get(data + 35, 8),
        .producer_id = (int64_t)get(data + 43, 8),
        .producer_epoch = (int16_t)get(data + 51, 2),
        .base_sequence = (int32_t)get(data + 53, 4),
        .count = (int32_t)get(data + 57, 4),
    };
    if (length < HW_BATCH_HEADER - 12 || length > INT32_MAX - 12)
        return hw_err_set(err, HW_ERR_DATA, 0, "batch length %d is impossible", length);
    if (data[16] != 2)
        return hw_err_set(err, HW_ERR_DATA, 0, "batch has magic %d, only 2 is supported", (int8_t)data[16]);
    if (out->base_offset < 0 || delta < 0 || out->count < 0 || out->base_offset > INT64_MAX - delta - 1)
        return hw_err_set(err, HW_ERR_DATA, 0, "batch offsets or record count are impossible");
    out->last_offset = out->base_offset + delta;
    return size < out->size ? HW_BATCH_SHORT : HW_BATCH_OK;
}

bool hw_batch_crc_ok(const uint8_t *data, const struct hw_batch_info *info) {
    return hw_crc32c(data + 21, info->size - 21) == info->crc;
}

void hw_batch_set_position(uint8_t *data, int64_t base_offset, int32_t leader_epoch) {
    put(data, (uint64_t)base_offset, 8);
    put(data + 12, (uint32_t)leader_epoch, 4);
}

void hw_batch_set_append_time(uint8_t *data, struct hw_batch_info *info, int64_t now_ms) {
    info->attributes |= HW_BATCH_LOG_APPEND_TIME;
    info->max_timestamp = now_ms;
    put(data + 21, (uint16_t)info->attributes, 2);
    put(data + 35, (uint64_t)now_ms, 8);
    info->crc = hw_crc32c(data + 21, info->size - 21);
    put(data + 17, info->crc, 4);
}

int32_t hw_batch_last_sequence(const struct hw_batch_info *info) {
    uint32_t last = (uint32_t)info->base_sequence + (uint32_t)(info->last_offset - info->base_offset);
    return (int32_t)(last & 0x7fffffff);
}

static struct hw_slice read_bytes(struct hw_kafka_reader *in, int64_t size) {
    struct hw_slice null = {0};
    return size < 0 ? null : hw_kafka_read_slice(in, (size_t)size);
}

int hw_batch_records_next(struct hw_batch_records *records, struct hw_batch_record *out, struct hw_err *err) {
    if (records->left == 0)
        return 0;
    struct hw_kafka_reader in = {records->at, records->end, false};
    int64_t length = hw_kafka_read_varint(&in);
    if (in.failed || length < 0 || length > in.end - in.at)
        return hw_err_set(err, HW_ERR_DATA, 0, "a record's length does not fit its batch");
    in.end = in.at + length;
    hw_kafka_read_i8(&in);
    bool append_time = records->info.attributes & HW_BATCH_LOG_APPEND_TIME;
    int64_t timestamp = (int64_t)((uint64_t)records->info.first_timestamp + (uint64_t)hw_kafka_read_varint(&in));
    int64_t delta = hw_kafka_read_varint(&in);
    out->timestamp = append_time ? records->info.max_timestamp : timestamp;
    out->offset = (int64_t)((uint64_t)records->info.base_offset + (uint64_t)delta);
    int64_t key_size = hw_kafka_read_varint(&in);
    out->key = read_bytes(&in, key_size);
    int64_t value_size = hw_kafka_read_varint(&in);
    out->value = read_bytes(&in, value_size);
    if (in.failed || delta < 0 || delta > INT32_MAX)
        return hw_err_set(err, HW_ERR_DATA, 0, "a record's fields do not fit its length");
    out->raw = (struct hw_slice){records->at, (size_t)(in.end - records->at)};
    records->at = in.end;
    records->left--;
    return 1;
}

void hw_batch_build_begin(struct hw_batch_builder *builder, int64_t base_offset) {
    *builder = (struct hw_batch_builder){.base_offset = base_offset, .max_timestamp = -1};
    static const uint8_t header[HW_BATCH_HEADER];
    hw_buf_add(&builder->out, header, sizeof(header));
}

void hw_batch_build_add(struct hw_batch_builder *builder, int64_t offset, int64_t timestamp, struct hw_slice key,
                        struct hw_slice value) {
    if (builder->count++ == 0)
        builder->first_timestamp = timestamp;
    builder->max_timestamp = HW_MAX(builder->max_timestamp, timestamp);
    builder->last_delta = (int32_t)(offset - builder->base_offset);
    struct hw_buf body = {0};
    hw_kafka_write_i8(&body, 0);
    hw_kafka_write_varint(&body, timestamp - builder->first_timestamp);
    hw_kafka_write_varint(&body, builder->last_delta);
    hw_kafka_write_varint(&body, key.data ? (int64_t)key.size : -1);
    hw_buf_add(&body, key.data, key.data ? key.size : 0);
    hw_kafka_write_varint(&body, value.data ? (int64_t)value.size : -1);
    hw_buf_add(&body, value.data, value.data ? value.size : 0);
    hw_kafka_write_varint(&body, 0);
    hw_kafka_write_varint(&builder->out, (int64_t)body.size);
    hw_buf_add(&builder->out, body.data, body.size);
    hw_buf_done(&body);
}

void hw_batch_build_end(struct hw_batch_builder *builder) {
    uint8_t *p = builder->out.data;
    put(p, (uint64_t)builder->base_offset, 8);
    put(p + 8, builder->out.size - 12, 4);
    put(p + 12, 0, 4);
    p[16] = 2;
    put(p + 23, (uint32_t)builder->last_delta, 4);
    put(p + 27, (uint64_t)builder->first_timestamp, 8);
    put(p + 35, (uint64_t)builder->max_timestamp, 8);
    put(p + 43, UINT64_MAX, 8);
    put(p + 51, UINT64_MAX, 2);
    put(p + 53, UINT64_MAX, 4);
    put(p + 57, (uint32_t)builder->count, 4);
    put(p + 17, hw_crc32c(p + 21, builder->out.size - 21), 4);
}
