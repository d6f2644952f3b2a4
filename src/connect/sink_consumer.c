/* The consumer of a sink task: group membership, positions, commits. */
#include "base/diag.h"
#include "connect/sink.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int64_t hw_sink_partition_committable(const struct hw_sink_partition *partition) {
    int64_t end =
        partition->put <= partition->durable ? HW_MAX(partition->processed, partition->durable) : partition->durable;
    return end > partition->committed ? end : -1;
}

char *hw_sink_instance_id(const char *worker_group, const char *connector, int task) {
    /* Different names must stay different after replacing what the broker does not allow: hence the hash. */
    char *id =
        hw_xasprintf("%.80s.%.120s.%08x.%d", worker_group, connector, hw_crc32c(connector, strlen(connector)), task);
    for (char *c = id; *c; c++)
        if (!((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') || strchr("._-", *c)))
            *c = '_';
    return id;
}

struct hw_sink_partition *hw_sink_partition_find(struct hw_sink_task *task, const char *topic, int32_t partition) {
    for (size_t i = 0; i < task->partition_count;
         i++) { /* records of one partition come in runs: begin at the last hit */
        size_t at = (task->last_partition + i) % task->partition_count;
        struct hw_sink_partition *candidate = &task->partitions[at];
        if (candidate->partition == partition && strcmp(candidate->topic, topic) == 0) {
            task->last_partition = at;
            return candidate;
        }
    }
    return NULL;
}

static void partitions_clear(struct hw_sink_task *task) {
    free(task->partitions);
    task->partitions = NULL;
    task->partition_count = task->last_partition = 0;
}

static void partitions_set(struct hw_sink_task *task, const rd_kafka_topic_partition_list_t *list) {
    partitions_clear(task);
    task->partitions = hw_xcalloc((size_t)list->cnt + 1, sizeof(*task->partitions));
    for (int i = 0; i < list->cnt; i++) {
        struct hw_sink_partition *partition = &task->partitions[task->partition_count++];
        snprintf(partition->topic, sizeof(partition->topic), "%s", list->elems[i].topic);
        partition->partition = list->elems[i].partition;
        partition->processed = partition->put = partition->durable = partition->committed = -1;
    }
}

/* Where to begin: the sink's own truth, else the group's offset, else auto.offset.reset. */
static int set_start(struct hw_sink_task *task, rd_kafka_topic_partition_list_t *list, struct hw_err *err) {
    struct hw_offsets seek = {0};
    if (task->ops->assign) {
        struct hw_topic_offset *owned = hw_xcalloc((size_t)list->cnt + 1, sizeof(*owned));
        for (int i = 0; i < list->cnt; i++) {
            snprintf(owned[i].topic, sizeof(owned[i].topic), "%s", list->elems[i].topic);
            owned[i].partition = list->elems[i].partition;
            owned[i].next_offset = -1;
        }
        int result = task->ops->assign(task->self, owned, (size_t)list->cnt, &seek, err);
        free(owned);
        if (result < 0) {
            hw_offsets_done(&seek);
            return hw_err_prefix(err, "taking over partitions");
        }
    }
    /* Known positions make the lag right from the beginning. Not reaching the coordinator is no harm: rd_kafka_assign
     * asks again. */
    rd_kafka_resp_err_t code =
        list->cnt > 0 ? rd_kafka_committed(task->consumer, list, 5000) : RD_KAFKA_RESP_ERR_NO_ERROR;
    for (int i = 0; i < list->cnt; i++) {
        rd_kafka_topic_partition_t *elem = &list->elems[i];
        struct hw_sink_partition *partition = hw_sink_partition_find(task, elem->topic, elem->partition);
        if (code || elem->err)
            elem->offset = RD_KAFKA_OFFSET_INVALID;
        elem->err = RD_KAFKA_RESP_ERR_NO_ERROR;
        partition->committed = elem->offset >= 0 ? elem->offset : -1;
        int64_t own = hw_offsets_get(&seek, elem->topic, elem->partition);
        if (own >= 0)
            elem->offset = own;
        partition->processed = partition->durable = partition->put = elem->offset >= 0 ? elem->offset : -1;
        if (own >= 0)
            hw_info("going on from the target's own position", hw_kv_s("connector", task->slot->connector),
                    hw_kv_s("topic", elem->topic), hw_kv_i("partition", elem->partition), hw_kv_i("offset", own),
                    hw_kv_i("group_offset", partition->committed));
    }
    hw_offsets_done(&seek);
    return 0;
}

static void on_assign(struct hw_sink_task *task, rd_kafka_topic_partition_list_t *list) {
    struct hw_err err = {0};
    partitions_set(task, list);
    if (set_start(task, list, &err) < 0) {
        task->assign_fault = err;
        rd_kafka_assign(task->consumer, NULL);
        return;
    }
    hw_debug("partitions assigned", hw_kv_s("connector", task->slot->connector), hw_kv_i("task", task->slot->id),
             hw_kv_i("count", list->cnt));
    rd_kafka_assign(task->consumer, list);
    hw_slot_set_detail(task->slot, "%s", "");
}

static void on_revoke(struct hw_sink_task *task) {
    struct hw_err err = {0};
    if (!task->closing && !rd_kafka_assignment_lost(task->consumer) && hw_sink_flush(task, true, true, &err) < 0)
        hw_warn("not flushed before partitions were given up; their records will be read again",
                hw_kv_s("connector", task->slot->connector), hw_kv_s("why", err.text));
    struct hw_offsets none = {0};
    if (!task->closing && task->ops->assign && task->ops->assign(task->self, NULL, 0, &none, &err) < 0)
        task->assign_fault = err;
    hw_offsets_done(&none);
    partitions_clear(task);
    rd_kafka_assign(task->consumer, NULL);
}

static void on_rebalance(rd_kafka_t *consumer, rd_kafka_resp_err_t code, rd_kafka_topic_partition_list_t *list,
                         void *opaque) {
    struct hw_sink_task *task = opaque;
    task->assignments++;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && !task->closing)
        on_assign(task, list);
    else
        on_revoke(task);
}

static void on_error(rd_kafka_t *consumer, int code, const char *reason, void *opaque) {
    struct hw_sink_task *task = opaque;
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        hw_slot_set_detail(task->slot, "Kafka is away, trying again: %s", reason);
}

static rd_kafka_topic_partition_list_t *topics_of(const struct hw_config *framework) {
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(4);
    const char *pattern = hw_config_str(framework, "topics.regex");
    if (pattern &&
        *pattern) { /* the whole name must match, as in Java; librdkafka takes what begins with ^ for a pattern */
        HW_CLEANUP(hw_freep) char *whole = hw_xasprintf("^(%s)$", pattern);
        rd_kafka_topic_partition_list_add(topics, whole, RD_KAFKA_PARTITION_UA);
    }
    for (size_t i = 0; i < hw_config_list_count(framework, "topics"); i++)
        rd_kafka_topic_partition_list_add(topics, hw_config_list_item(framework, "topics", i), RD_KAFKA_PARTITION_UA);
    return topics;
}

int hw_sink_consumer_open(struct hw_sink_task *task, struct hw_err *err) {
    struct hw_slot *slot = task->slot;
    HW_CLEANUP(hw_freep) char *group = hw_xasprintf("connect-%s", slot->connector);
    HW_CLEANUP(hw_freep)
    char *instance = hw_sink_instance_id(hw_config_str(slot->worker->config, "group.id"), slot->connector, slot->id);
    rd_kafka_conf_t *conf;
    HW_TRY(hw_client_conf_consumer(slot->worker->settings, &slot->config, group, instance, &conf, err));
    rd_kafka_conf_set_opaque(conf, task);
    rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
    rd_kafka_conf_set_error_cb(conf, on_error);
    char why[300];
    task->consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
    if (!task->consumer) {
        rd_kafka_conf_destroy(conf);
        return hw_err_set(err, HW_ERR_CONFIG, 0, "cannot make the consumer: %s", why);
    }
    rd_kafka_poll_set_consumer(task->consumer);
    task->queue = rd_kafka_queue_get_consumer(task->consumer);
    task->commits = rd_kafka_queue_new(task->consumer);
    rd_kafka_topic_partition_list_t *topics = topics_of(task->checked->framework);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(task->consumer, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    if (code)
        return hw_err_set(err, HW_ERR_CONFIG, (int)code, "cannot subscribe: %s", rd_kafka_err2str(code));
    return 0;
}

void hw_sink_consumer_close(struct hw_sink_task *task) {
    if (!task->consumer)
        return;
    task->closing = true;
    rd_kafka_queue_destroy(task->queue);
    rd_kafka_queue_destroy(task->commits);
    rd_kafka_consumer_close(task->consumer);
    rd_kafka_destroy(task->consumer);
    task->consumer = NULL;
    partitions_clear(task);
}

static void commit_answered(struct hw_sink_task *task, rd_kafka_event_t *event) {
    const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(event);
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    task->commit_unanswered = false;
    for (int i = 0; list && i < list->cnt; i++) {
        struct hw_sink_partition *partition =
            hw_sink_partition_find(task, list->elems[i].topic, list->elems[i].partition);
        if (partition && !code && !list->elems[i].err)
            partition->committed = HW_MAX(partition->committed, list->elems[i].offset);
    }
    if (!code) {
        atomic_store(&task->slot->counters.last_commit_at_ms, hw_now_ms());
        return;
    }
    /* Not committed stays committable: the next flush tries again. */
    hw_debug("offset commit failed", hw_kv_s("connector", task->slot->connector),
             hw_kv_s("why", rd_kafka_err2str(code)));
}

void hw_sink_commits_serve(struct hw_sink_task *task) {
    rd_kafka_event_t *event;
    while ((event = rd_kafka_queue_poll(task->commits, 0))) {
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_OFFSET_COMMIT)
            commit_answered(task, event);
        rd_kafka_event_destroy(event);
    }
}

static void commit(struct hw_sink_task *task, bool wait) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)task->partition_count + 1);
    for (size_t i = 0; i < task->partition_count; i++) {
        int64_t end = hw_sink_partition_committable(&task->partitions[i]);
        if (end >= 0)
            rd_kafka_topic_partition_list_add(list, task->partitions[i].topic, task->partitions[i].partition)->offset =
                end;
    }
    if (list->cnt > 0 && (wait || !task->commit_unanswered)) {
        rd_kafka_resp_err_t code = rd_kafka_commit_queue(task->consumer, list, task->commits, NULL, NULL);
        task->commit_unanswered = code == RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    rd_kafka_topic_partition_list_destroy(list);
    int64_t until = hw_mono_ms() + 5000;
    while (wait && task->commit_unanswered && hw_mono_ms() < until) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(task->commits, 100);
        if (event && rd_kafka_event_type(event) == RD_KAFKA_EVENT_OFFSET_COMMIT)
            commit_answered(task, event);
        if (event)
            rd_kafka_event_destroy(event);
    }
}

int hw_sink_flush(struct hw_sink_task *task, bool force, bool wait, struct hw_err *err) {
    struct hw_offsets durable = {0};
    int result = task->ops->flush ? task->ops->flush(task->self, force, &durable, err) : 0;
    task->flushed_mono_ms = hw_mono_ms();
    if (result >= 0) {
        for (size_t i = 0; i < task->partition_count; i++) {
            struct hw_sink_partition *partition = &task->partitions[i];
            int64_t end = hw_offsets_get(&durable, partition->topic, partition->partition);
            partition->durable = HW_MAX(partition->durable, task->ops->flush ? end : partition->put);
        }
        if (durable.count > 0)
            atomic_store(&task->slot->counters.last_flush_at_ms, hw_now_ms());
        commit(task, wait);
    }
    hw_offsets_done(&durable);
    return result;
}

void hw_sink_measure_lag(struct hw_sink_task *task) {
    int64_t lag = 0;
    task->lag_mono_ms = hw_mono_ms();
    for (size_t i = 0; i < task->partition_count; i++) {
        const struct hw_sink_partition *partition = &task->partitions[i];
        int64_t low = -1, high = -1;
        if (rd_kafka_get_watermark_offsets(task->consumer, partition->topic, partition->partition, &low, &high) ||
            high < 0) {
            lag = -1; /* nothing fetched yet: unknown */
            break;
        }
        int64_t position = partition->processed >= 0 ? partition->processed : HW_MAX(low, 0);
        lag += HW_MAX(high - position, 0);
    }
    atomic_store(&task->slot->counters.lag_records, task->partition_count > 0 || lag < 0 ? lag : 0);
}

int hw_sink_idle(struct hw_sink_task *task, int64_t ms, struct hw_err *err) {
    int64_t until = hw_mono_ms() + ms;
    uint64_t assignments = task->assignments;
    int result = 0;
    rd_kafka_topic_partition_list_t *owned = NULL;
    if (rd_kafka_assignment(task->consumer, &owned) == RD_KAFKA_RESP_ERR_NO_ERROR)
        rd_kafka_pause_partitions(task->consumer, owned);
    while (result == 0 && hw_mono_ms() < until) {
        if (hw_slot_stopping(task->slot) || task->assignments != assignments ||
            task->assign_fault.kind != HW_ERR_NONE) {
            result = 1;
            break;
        }
        rd_kafka_message_t *message =
            rd_kafka_consumer_poll(task->consumer, (int)HW_MIN(100, HW_MAX(1, until - hw_mono_ms())));
        if (message && !message->err) /* pausing has emptied the queue; a record here would be lost if we went on */
            result =
                hw_err_set(err, HW_ERR_RETRY, 0, "a record came while paused: the task starts over from its offsets");
        if (message)
            rd_kafka_message_destroy(message);
        hw_sink_commits_serve(task);
    }
    if (owned) {
        if (task->assignments == assignments)
            rd_kafka_resume_partitions(task->consumer, owned);
        rd_kafka_topic_partition_list_destroy(owned);
    }
    return result;
}
