/* Inside a sink task: its partitions and how far each has come. The task's own thread. */
#pragma once
#include "connect/deadletter.h"
#include "connect/task.h"

/* Positions of one owned partition: next offsets, -1 = none yet.
 *   I1  processed covers records that were put or set aside (dead letter acknowledged), in order, without gaps.
 *   I2  put is the end of what the sink holds or has made durable; durable is what the sink said.
 *   I3  committed follows durable; only when nothing put is outstanding (put ≤ durable) may it follow processed, which
 * then ends with records that were set aside. So an offset is never committed before the sink has everything below it.
 */
struct hw_sink_partition {
    char topic[250];
    int32_t partition;
    int64_t processed, put, durable, committed;
};
/* What may be committed now, or -1. */
int64_t hw_sink_partition_committable(const struct hw_sink_partition *partition);

struct hw_sink_task {
    struct hw_slot *slot;
    const struct hw_sink_ops *ops;
    const struct hw_checked *checked;
    void *self;
    rd_kafka_t *consumer;
    rd_kafka_queue_t *queue, *commits;
    struct hw_sink_partition *partitions;
    size_t partition_count, last_partition;
    uint64_t assignments;       /* grows with each change: a batch taken before is void */
    struct hw_err assign_fault; /* kind NONE = fine */
    bool closing;
    bool commit_unanswered;
    struct hw_dead_letters *letters;
    int64_t flushed_mono_ms, lag_mono_ms;
    char last_topic[250];
};

/* sink_consumer.c */
HW_MUST_CHECK int hw_sink_consumer_open(struct hw_sink_task *task, struct hw_err *err);
void hw_sink_consumer_close(struct hw_sink_task *task);
struct hw_sink_partition *hw_sink_partition_find(struct hw_sink_task *task, const char *topic, int32_t partition);
/* Asks the sink what is durable and commits that. wait: until Kafka has answered (5 s at most). */
HW_MUST_CHECK int hw_sink_flush(struct hw_sink_task *task, bool force, bool wait, struct hw_err *err);
void hw_sink_commits_serve(struct hw_sink_task *task);
void hw_sink_measure_lag(struct hw_sink_task *task);
/* Keeps the membership alive for ms without taking records. > 0: stopping, or the partitions changed. */
HW_MUST_CHECK int hw_sink_idle(struct hw_sink_task *task, int64_t ms, struct hw_err *err);
/* sink_put.c */
HW_MUST_CHECK int hw_sink_put(struct hw_sink_task *task, const struct hw_batch *batch, struct hw_err *err);
/* A group.instance.id of legal characters, the same for each start of this task. malloc'd. */
char *hw_sink_instance_id(const char *worker_group, const char *connector, int task);
