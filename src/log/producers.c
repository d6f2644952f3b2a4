#include "log/producers.h"

#include "base/fs.h"
#include "kafka/codec.h"
#include "kafka/messages.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ENTRY_SIZE 46 /* 8 + 2 + 4 + 8 + 4 + 8 + 4 + 8 */

static size_t slot_of(const struct hw_producers *producers, int64_t id) {
    uint64_t hash = (uint64_t)id * 0x9E3779B97F4A7C15u;
    size_t at = (size_t)(hash >> 32) & (producers->capacity - 1);
    while (producers->slots[at] && producers->slots[at]->id != id)
        at = (at + 1) & (producers->capacity - 1);
    return at;
}

static struct hw_producer *find(const struct hw_producers *producers, int64_t id) {
    return producers->capacity ? producers->slots[slot_of(producers, id)] : NULL;
}

static struct hw_producer *find_or_add(struct hw_producers *producers, int64_t id) {
    struct hw_producer *producer = find(producers, id);
    if (producer)
        return producer;
    if ((producers->count + 1) * 2 > producers->capacity) {
        struct hw_producers bigger = {.capacity = HW_MAX(producers->capacity * 2, (size_t)8),
                                      .count = producers->count};
        bigger.slots = hw_xcalloc(bigger.capacity, sizeof(*bigger.slots));
        for (size_t i = 0; i < producers->capacity; i++)
            if (producers->slots[i])
                bigger.slots[slot_of(&bigger, producers->slots[i]->id)] = producers->slots[i];
        free(producers->slots);
        *producers = bigger;
    }
    producer = hw_xcalloc(1, sizeof(*producer));
    producer->id = id;
    producer->epoch = -1;
    producers->slots[slot_of(producers, id)] = producer;
    producers->count++;
    return producer;
}

void hw_producers_done(struct hw_producers *producers) {
    for (size_t i = 0; i < producers->capacity; i++)
        free(producers->slots[i]);
    free(producers->slots);
    *producers = (struct hw_producers){0};
}

int hw_producers_check(const struct hw_producers *producers, const struct hw_batch_info *info,
                       const struct hw_producer_batch **out_batch, struct hw_err *err) {
    const struct hw_producer *producer = find(producers, info->producer_id);
    if (!producer || producer->count == 0)
        return 0; /* nothing remembered (new, or expired): any sequence begins */
    if (info->producer_epoch < producer->epoch)
        return hw_err_set(err, HW_ERR_DATA, HW_KAFKA_INVALID_PRODUCER_EPOCH,
                          "producer %" PRId64 " has epoch %d, a newer one (%d) wrote already", info->producer_id,
                          info->producer_epoch, producer->epoch);
    if (info->producer_epoch > producer->epoch) {
        if (info->base_sequence == 0)
            return 0;
        return hw_err_set(err, HW_ERR_DATA, HW_KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER,
                          "producer %" PRId64 " begins epoch %d with sequence %d, not 0", info->producer_id,
                          info->producer_epoch, info->base_sequence);
    }
    int32_t last = hw_batch_last_sequence(info);
    for (unsigned i = 0; i < producer->count; i++) {
        const struct hw_producer_batch *batch = &producer->batches[i];
        if (batch->first_sequence == info->base_sequence && batch->last_sequence == last) {
            *out_batch = batch;
            return 1;
        }
    }
    int32_t due = (int32_t)(((uint32_t)producer->batches[producer->count - 1].last_sequence + 1) & 0x7fffffff);
    if (info->base_sequence == due)
        return 0;
    return hw_err_set(err, HW_ERR_DATA, HW_KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER,
                      "producer %" PRId64 " sent sequence %d, %d was due", info->producer_id, info->base_sequence, due);
}

static void remember(struct hw_producers *producers, int64_t id, int16_t epoch, const struct hw_producer_batch *batch) {
    struct hw_producer *producer = find_or_add(producers, id);
    if (producer->epoch != epoch) {
        producer->epoch = epoch;
        producer->count = 0;
    }
    if (producer->count == HW_PRODUCER_BATCHES) {
        memmove(producer->batches, producer->batches + 1, (HW_PRODUCER_BATCHES - 1) * sizeof(*batch));
        producer->count--;
    }
    producer->batches[producer->count++] = *batch;
}

void hw_producers_update(struct hw_producers *producers, const struct hw_batch_info *info, int64_t now_ms) {
    if (info->producer_id < 0 || (info->attributes & HW_BATCH_CONTROL))
        return;
    remember(producers, info->producer_id, info->producer_epoch,
             &(struct hw_producer_batch){.first_sequence = info->base_sequence,
                                         .last_sequence = hw_batch_last_sequence(info),
                                         .last_offset = info->last_offset,
                                         .offset_delta = (int32_t)(info->last_offset - info->base_offset),
                                         .timestamp = now_ms});
}

void hw_producers_expire(struct hw_producers *producers, int64_t before_ms) {
    struct hw_producers kept = {0};
    for (size_t i = 0; i < producers->capacity; i++) {
        struct hw_producer *producer = producers->slots[i];
        if (!producer)
            continue;
        if (producer->count && producer->batches[producer->count - 1].timestamp >= before_ms) {
            struct hw_producer *copy = find_or_add(&kept, producer->id);
            *copy = *producer;
        }
        free(producer);
    }
    free(producers->slots);
    *producers = kept;
}

int hw_producers_save(const struct hw_producers *producers, const char *path, struct hw_err *err) {
    HW_CLEANUP(hw_buf_done) struct hw_buf out = {0};
    int32_t entries = 0;
    for (size_t i = 0; i < producers->capacity; i++)
        entries += producers->slots[i] ? producers->slots[i]->count : 0;
    hw_kafka_write_i16(&out, 1);
    hw_kafka_write_i32(&out, 0); /* checksum, below */
    hw_kafka_write_i32(&out, entries);
    for (size_t i = 0; i < producers->capacity; i++) {
        const struct hw_producer *producer = producers->slots[i];
        for (unsigned b = 0; producer && b < producer->count; b++) {
            const struct hw_producer_batch *batch = &producer->batches[b];
            hw_kafka_write_i64(&out, producer->id);
            hw_kafka_write_i16(&out, producer->epoch);
            hw_kafka_write_i32(&out, batch->last_sequence);
            hw_kafka_write_i64(&out, batch->last_offset);
            hw_kafka_write_i32(&out, batch->offset_delta);
            hw_kafka_write_i64(&out, batch->timestamp);
            hw_kafka_write_i32(&out, -1); /* coordinator epoch */
            hw_kafka_write_i64(&out, -1); /* first offset of an open transaction */
        }
    }
    uint32_t crc = hw_crc32c(out.data + 6, out.size - 6);
    for (int i = 0; i < 4; i++)
        out.data[2 + i] = (uint8_t)(crc >> (24 - 8 * i));
    /* No fsync: a snapshot that does not survive a power cut fails its checksum, and the log is scanned from further
     * back. */
    HW_CLEANUP(hw_freep) char *temporary = hw_xasprintf("%s.tmp", path);
    HW_CLEANUP(hw_closep) int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, out.data, out.size) != (ssize_t)out.size || rename(temporary, path) < 0)
        return hw_err_set_errno(err, errno, "cannot write %s", path);
    return 0;
}

int hw_producers_load(struct hw_producers *producers, const char *path, struct hw_err *err) {
    HW_CLEANUP(hw_buf_done) struct hw_buf bytes = {0};
    HW_TRY(hw_fs_read(path, 64u << 20, &bytes, err));
    struct hw_kafka_reader in = {bytes.data, bytes.data + bytes.size, false};
    int16_t version = hw_kafka_read_i16(&in);
    uint32_t crc = (uint32_t)hw_kafka_read_i32(&in);
    if (in.failed || version != 1 || crc != hw_crc32c(in.at, (size_t)(in.end - in.at)))
        return hw_err_set(err, HW_ERR_DATA, 0, "%s is damaged (version or checksum)", path);
    int32_t count = hw_kafka_read_i32(&in);
    if (count < 0 || (int64_t)count * ENTRY_SIZE != in.end - in.at)
        return hw_err_set(err, HW_ERR_DATA, 0, "%s is damaged (count)", path);
    for (int32_t i = 0; i < count; i++) {
        int64_t id = hw_kafka_read_i64(&in);
        int16_t epoch = hw_kafka_read_i16(&in);
        struct hw_producer_batch batch = {.last_sequence = hw_kafka_read_i32(&in)};
        batch.last_offset = hw_kafka_read_i64(&in);
        batch.offset_delta = hw_kafka_read_i32(&in);
        batch.timestamp = hw_kafka_read_i64(&in);
        hw_kafka_read_i32(&in);
        hw_kafka_read_i64(&in);
        batch.first_sequence = (int32_t)(((uint32_t)batch.last_sequence - (uint32_t)batch.offset_delta) & 0x7fffffff);
        remember(producers, id, epoch, &batch);
    }
    return 0;
}
