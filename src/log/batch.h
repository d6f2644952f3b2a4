/* A record batch, format v2: header, checksum, and the records inside. Byte for byte what goes over the wire and into
 * .log files. */
#pragma once
#include "base/buf.h"

#define HW_BATCH_HEADER 61 /* bytes before the first record */

struct hw_batch_info {
    int64_t base_offset, last_offset;
    uint32_t size; /* whole batch, header included */
    int32_t leader_epoch;
    uint32_t crc;
    int16_t attributes;
    int64_t first_timestamp, max_timestamp;
    int64_t producer_id;
    int16_t producer_epoch;
    int32_t base_sequence;
    int32_t count;
};
enum hw_batch_attributes {
    HW_BATCH_CODEC = 7,
    HW_BATCH_LOG_APPEND_TIME = 8,
    HW_BATCH_TRANSACTIONAL = 16,
    HW_BATCH_CONTROL = 32,
    HW_BATCH_DELETE_HORIZON = 64
};
enum hw_batch_result { HW_BATCH_OK = 0, HW_BATCH_SHORT = 1 /* size is less than the batch needs */ };

/* Reads the header only; -1 when these bytes cannot be a v2 batch (err says why). size may reach beyond the batch. */
int hw_batch_parse(const uint8_t *data, size_t size, struct hw_batch_info *out, struct hw_err *err);
bool hw_batch_crc_ok(const uint8_t *data, const struct hw_batch_info *info);
/* These two lie before the checksummed part. */
void hw_batch_set_position(uint8_t *data, int64_t base_offset, int32_t leader_epoch);
/* Turns the batch into one with the log's own time; redoes the checksum. */
void hw_batch_set_append_time(uint8_t *data, struct hw_batch_info *info, int64_t now_ms);
int32_t hw_batch_last_sequence(const struct hw_batch_info *info); /* wraps at 2^31 */

struct hw_batch_record {
    int64_t offset, timestamp;
    struct hw_slice key, value; /* data NULL = null */
    struct hw_slice raw;        /* the record with its length, for copying */
};
/* The records of a batch, decompressed when needed. */
struct hw_batch_records {
    struct hw_batch_info info;
    const uint8_t *at, *end;
    int32_t left;
    struct hw_buf plain; /* owned when the batch is compressed */
};
HW_MUST_CHECK int hw_batch_records_open(const uint8_t *data, const struct hw_batch_info *info, size_t max_plain_bytes,
                                        struct hw_batch_records *out, struct hw_err *err);
int hw_batch_records_next(struct hw_batch_records *records, struct hw_batch_record *out,
                          struct hw_err *err); /* 1 = one more, 0 = end */
void hw_batch_records_done(struct hw_batch_records *records);

/* Building an uncompressed batch. */
struct hw_batch_builder {
    struct hw_buf out; /* the batch, whole after hw_batch_build_end */
    int64_t first_timestamp, max_timestamp, base_offset;
    int32_t count, last_delta;
};
void hw_batch_build_begin(struct hw_batch_builder *builder, int64_t base_offset);
void hw_batch_build_add(struct hw_batch_builder *builder, int64_t offset, int64_t timestamp, struct hw_slice key,
                        struct hw_slice value);
void hw_batch_build_end(struct hw_batch_builder *builder);
