/* One partition: its segments, its high watermark, its producers.
 *
 *   P1  Offsets are given out here, in order, by the one thread that owns the partition (the broker thread).
 *   P2  high_watermark = the durable end. It moves only in hw_partition_flushed, after fdatasync() returned.
 *   P3  Consumers see offsets below the high watermark; acks=all is answered when it has passed the batch. */
#pragma once
#include "log/producers.h"
#include "log/segment.h"
#include "log/topic_config.h"

struct hw_topic;
struct hw_epoch_entry {
    int32_t epoch;
    int64_t start_offset;
};
struct hw_waiter { /* told when the high watermark reaches `offset` (or the partition is gone) */
    struct hw_waiter *next, **link;
    int64_t offset;
    void (*fn)(struct hw_waiter *waiter, bool gone);
};
struct hw_partition {
    struct hw_topic *topic;
    int32_t id;
    int refs;
    bool deleted;
    char *dir;
    struct hw_segment **segments; /* by base offset; the last one takes appends */
    uint32_t segment_count, segment_capacity;
    int64_t log_start, next_offset, high_watermark;
    struct hw_epoch_entry *epochs;
    uint32_t epoch_count;
    struct hw_producers producers;
    int64_t recovery_point, snapshot_offset, old_snapshot_offset;
    int64_t cleaned_until; /* compaction has seen everything below */
    bool dirty, new_files; /* queued for the flusher; the directory needs a sync too */
    struct hw_partition *next_dirty;
    struct hw_waiter *produce_waiters, **produce_tail; /* ascending offsets */
    struct hw_waiter *fetch_waiters;
    uint64_t appended_bytes, appended_records;
};

struct hw_append_result {
    int error;                                    /* enum hw_kafka_error */
    int64_t base_offset, append_time, durable_at; /* high watermark needed for acks=all */
    char message[200];
};

HW_MUST_CHECK int hw_partition_create(struct hw_topic *topic, int32_t id, const char *dir, struct hw_partition **out,
                                      struct hw_err *err);
/* clean: the last stop was orderly, files are trusted. Damage is reported through diag. recovery_point/log_start: -1 =
 * unknown. */
HW_MUST_CHECK int hw_partition_open(struct hw_topic *topic, int32_t id, const char *dir, bool clean,
                                    int64_t recovery_point, int64_t log_start, struct hw_partition **out,
                                    struct hw_err *err);
void hw_partition_ref(struct hw_partition *partition);
void hw_partition_unref(struct hw_partition *partition);
/* Unlinks everything and tells the waiters. */
void hw_partition_delete(struct hw_partition *partition);

/* Appends what a producer sent (one batch; its offset and epoch bytes are changed in place). internal: our own batch,
 * not checked against the topic's limits. */
void hw_partition_append(struct hw_partition *partition, uint8_t *data, size_t size, bool internal,
                         struct hw_append_result *out);

struct hw_read_range {
    struct hw_segment *segment; /* referenced; NULL = nothing there */
    uint32_t position, size;
};
/* Range of batches from the one holding offset: up to max_bytes, but at least one batch. Only what is durable. */
HW_MUST_CHECK int hw_partition_read(struct hw_partition *partition, int64_t offset, uint32_t max_bytes,
                                    struct hw_read_range *out, struct hw_err *err);
/* Reads one whole batch holding offset (or the next one). 1 = none. *out_batch malloc'd. */
HW_MUST_CHECK int hw_partition_read_batch(struct hw_partition *partition, int64_t offset, uint8_t **out_batch,
                                          struct hw_batch_info *out_info, struct hw_err *err);
/* 1 = no record that young. */
HW_MUST_CHECK int hw_partition_find_time(struct hw_partition *partition, int64_t wanted, int64_t *out_offset,
                                         int64_t *out_timestamp, struct hw_err *err);
int64_t hw_partition_max_time(struct hw_partition *partition, int64_t *out_offset); /* -1 when empty */
int32_t hw_partition_epoch(const struct hw_partition *partition);
/* The newest epoch ≤ wanted and where it ends. */
void hw_partition_epoch_end(const struct hw_partition *partition, int32_t wanted, int32_t *out_epoch, int64_t *out_end);
uint64_t hw_partition_bytes(const struct hw_partition *partition);

/* The flusher's result: everything below end_offset is on the disk. */
void hw_partition_flushed(struct hw_partition *partition, int64_t end_offset);
void hw_waiter_add_produce(struct hw_partition *partition, struct hw_waiter *waiter);
void hw_waiter_add_fetch(struct hw_partition *partition, struct hw_waiter *waiter);
void hw_waiter_remove(struct hw_partition *partition, struct hw_waiter *waiter);

/* Index tails and producer snapshot to disk, recovery point forward. */
HW_MUST_CHECK int hw_partition_checkpoint(struct hw_partition *partition, struct hw_err *err);
/* Retention; true when segments went. */
bool hw_partition_retain(struct hw_partition *partition, int64_t now_ms);
void hw_partition_set_log_start(struct hw_partition *partition, int64_t offset);
HW_MUST_CHECK int hw_partition_roll(struct hw_partition *partition, struct hw_err *err);

/* In the broker: puts the partition on the list of dirty ones. */
void hw_partition_mark_dirty(struct hw_partition *partition);
