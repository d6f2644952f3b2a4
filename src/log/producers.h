/* What a partition remembers of idempotent producers: the last five batches of each, so that a repeated batch is
 * answered with the offsets it got the first time and a gap is refused.
 *
 * On disk: Kafka's producer snapshot, version 1. We write one entry per remembered batch (oldest first) where Kafka
 * writes only the newest; its reader lets the last entry of an id win, so both read the file. */
#pragma once
#include "log/batch.h"

#define HW_PRODUCER_BATCHES 5

struct hw_producer_batch {
    int32_t first_sequence, last_sequence;
    int64_t last_offset, timestamp;
    int32_t offset_delta;
};
struct hw_producer {
    int64_t id;
    int16_t epoch;
    uint8_t count; /* batches[count - 1] is the newest */
    struct hw_producer_batch batches[HW_PRODUCER_BATCHES];
};
struct hw_producers {
    struct hw_producer **slots; /* open addressing by id */
    size_t capacity, count;
};
void hw_producers_done(struct hw_producers *producers);
/* 0 = new and in order; 1 = seen before, *out_batch says where; -1 refused, err->code = Kafka's error. */
int hw_producers_check(const struct hw_producers *producers, const struct hw_batch_info *info,
                       const struct hw_producer_batch **out_batch, struct hw_err *err);
/* Books an appended batch. */
void hw_producers_update(struct hw_producers *producers, const struct hw_batch_info *info, int64_t now_ms);
/* Forgets ids idle since before_ms. */
void hw_producers_expire(struct hw_producers *producers, int64_t before_ms);

HW_MUST_CHECK int hw_producers_save(const struct hw_producers *producers, const char *path, struct hw_err *err);
/* -1 when the file is missing or damaged (the caller then scans from further back). */
HW_MUST_CHECK int hw_producers_load(struct hw_producers *producers, const char *path, struct hw_err *err);
