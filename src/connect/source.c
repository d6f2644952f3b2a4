/* The loop of a source task: poll, produce, and store offsets once Kafka has acknowledged.
 *
 *   poll ─▶ produce (idempotent) ─▶ delivery reports move the acknowledged prefix ─▶ offsets topic ─▶ plugin's commit
 *
 * At least once: a crash between the acknowledgement and the stored offset repeats those records. */
#include "base/diag.h"
#include "connect/client_conf.h"
#include "connect/deadletter.h"
#include "connect/inflight.h"
#include "connect/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_INFLIGHT_RECORDS 20000
#define MAX_INFLIGHT_BYTES   (32u << 20)
#define POLL_MS              200

struct source_task {
    struct hw_slot *slot;
    const struct hw_source_ops *ops;
    const struct hw_checked *checked;
    void *self;
    rd_kafka_t *producer;
    struct hw_inflight inflight;
    struct hw_source_context context;
    struct hw_map topics; /* topics seen, value unused */
    struct hw_err fault;  /* of a delivery; kind NONE = fine */
    struct hw_err tune_fault;
    int64_t flush_every_ms, flushed_mono_ms;
    bool uncommitted; /* stored something since the plugin's last commit */
};

static char *stored_offset(struct hw_source_context *context, const char *source_partition) {
    struct hw_slot *slot = context->worker;
    pthread_mutex_lock(&slot->worker->lock);
    const char *offset = hw_source_offsets_get(&slot->worker->offsets, slot->connector, source_partition);
    char *copy = offset ? hw_xstrdup(offset) : NULL;
    pthread_mutex_unlock(&slot->worker->lock);
    return copy;
}

static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque) {
    struct source_task *task = opaque;
    struct hw_slot *slot = task->slot;
    if (message->err) {
        /* Purged at the end: simply not acknowledged. */
        if (message->err != RD_KAFKA_RESP_ERR__PURGE_QUEUE && message->err != RD_KAFKA_RESP_ERR__PURGE_INFLIGHT &&
            task->fault.kind == HW_ERR_NONE)
            hw_err_set(&task->fault, HW_ERR_RETRY, (int)message->err, "topic %s did not take a record: %s",
                       message->rkt ? rd_kafka_topic_name(message->rkt) : "?", rd_kafka_err2str(message->err));
        return;
    }
    hw_inflight_ack(&task->inflight, message->_private);
    int64_t now = hw_now_ms();
    atomic_fetch_add(&slot->counters.records_put, 1);
    atomic_store(&slot->counters.last_progress_at_ms, now);
    atomic_store(&slot->counters.last_flush_at_ms, now);
}

static void on_error(rd_kafka_t *producer, int code, const char *reason, void *opaque) {
    struct source_task *task = opaque;
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
        hw_slot_set_detail(task->slot, "Kafka is away, trying again: %s", reason);
}

static void tune(rd_kafka_conf_t *conf, void *arg) {
    struct source_task *task = arg;
    rd_kafka_conf_set_opaque(conf, task);
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_error_cb(conf, on_error);
    struct hw_err *err = &task->tune_fault;
    /* A record is tried until Kafka is back (0 = for ever). */
    if (hw_kafka_conf_set(conf, "message.timeout.ms", "0", err) < 0 ||
        hw_kafka_conf_set(conf, "linger.ms", "5", err) < 0 ||
        hw_client_conf_producer(conf, &task->slot->config, err) < 0)
        err->kind = HW_ERR_CONFIG;
}

static int wait_for_room(struct source_task *task) {
    while (task->fault.kind == HW_ERR_NONE && !hw_slot_stopping(task->slot) &&
           (task->inflight.count >= MAX_INFLIGHT_RECORDS || task->inflight.bytes >= MAX_INFLIGHT_BYTES))
        rd_kafka_poll(task->producer, 100);
    return task->fault.kind != HW_ERR_NONE ? -1 : hw_slot_stopping(task->slot) ? 1 : 0;
}

static int meet_topic(struct source_task *task, const char *topic, struct hw_err *err) {
    if (hw_map_get(&task->topics, topic))
        return 0;
    struct hw_kafka_topic_spec spec = {
        .name = topic,
        .partitions = (int)hw_config_int(task->checked->framework, "topic.creation.default.partitions"),
        .replication = (int)hw_config_int(task->checked->framework, "topic.creation.default.replication.factor"),
    };
    struct hw_err why = {0};
    if (hw_kafka_create_topic(task->producer, &spec, 10000, &why) < 0) {
        if (why.kind == HW_ERR_RETRY)
            return hw_err_set(err, HW_ERR_RETRY, why.code, "topic %.200s: %.200s", topic, why.text);
        hw_debug("topic not created", hw_kv_s("topic", topic), hw_kv_s("why", why.text)); /* the produce will tell */
    }
    hw_map_put(&task->topics, topic, task);
    hw_status_topic(task->slot->worker->status, task->slot->connector, task->slot->id, topic);
    return 0;
}

static rd_kafka_headers_t *headers_of(const struct hw_record *record) {
    if (record->header_count == 0)
        return NULL;
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->header_count);
    for (size_t i = 0; i < record->header_count; i++)
        rd_kafka_header_add(headers, record->headers[i].key, -1, record->headers[i].value.data,
                            (ssize_t)record->headers[i].value.size);
    return headers;
}

static rd_kafka_resp_err_t produce(struct source_task *task, const struct hw_record *record, void *opaque) {
    rd_kafka_headers_t *headers = headers_of(record);
    rd_kafka_vu_t vus[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = record->topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = record->partition < 0 ? RD_KAFKA_PARTITION_UA : record->partition},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)record->key.data, record->key.size}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)record->value.data, record->value.size}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = HW_MAX(record->timestamp_ms, 0)}, /* 0 = now */
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = opaque},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    rd_kafka_error_t *error =
        rd_kafka_produceva(task->producer, vus, headers ? HW_ARRAY_SIZE(vus) : HW_ARRAY_SIZE(vus) - 1);
    if (!error)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    if (headers)
        rd_kafka_headers_destroy(headers);
    return code;
}

/* 0 = handed over or tolerated; > 0 = stopping. */
static int send_record(struct source_task *task, const struct hw_source_record *from, struct hw_err *err) {
    const struct hw_record *record = &from->record;
    struct hw_slot *slot = task->slot;
    HW_TRY(meet_topic(task, record->topic, err));
    size_t bytes = record->key.size + record->value.size + 64;
    struct hw_inflight_entry *entry =
        hw_inflight_add(&task->inflight, from->source_partition, from->source_offset, bytes);
    rd_kafka_resp_err_t code;
    while ((code = produce(task, record, entry)) == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
        rd_kafka_poll(task->producer, 50);
        if (hw_slot_stopping(slot) || task->fault.kind != HW_ERR_NONE)
            return 1; /* the entry stays unacknowledged, so nothing behind it counts */
    }
    atomic_fetch_add(&slot->counters.records_read, 1);
    atomic_fetch_add(&slot->counters.bytes, (long long)(record->key.size + record->value.size));
    if (!code)
        return 0;
    if (code != RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE)
        return hw_err_set(err, HW_ERR_RETRY, (int)code, "topic %s: %s", record->topic, rd_kafka_err2str(code));
    if (strcmp(hw_config_str(task->checked->framework, "errors.tolerance"), "all") != 0)
        return hw_err_set(
            err, HW_ERR_DATA, (int)code,
            "the record at %.150s %.100s for topic %s has %zu bytes, more than the producer's message.max.bytes: "
            "raise producer.override.max.request.size or set errors.tolerance=all",
            from->source_partition ? from->source_partition : "", from->source_offset ? from->source_offset : "",
            record->topic, record->value.size);
    atomic_fetch_add(&slot->counters.skipped, 1);
    hw_warn("record too large, skipped", hw_kv_s("connector", slot->connector), hw_kv_s("at", from->source_offset));
    hw_inflight_ack(&task->inflight, entry);
    return 0;
}

static int store_one(struct source_task *task, const char *source_partition, const char *offset, struct hw_err *err) {
    HW_CLEANUP(hw_freep) char *key = hw_source_offset_key(task->slot->connector, source_partition);
    struct hw_slice k = {(const uint8_t *)key, strlen(key)}, v = {(const uint8_t *)offset, strlen(offset)};
    return hw_kafka_store_put(task->slot->worker->offset_store, k, v, 10000, err);
}

/* Stores what is acknowledged, then tells the plugin. Kafka being away is no fault: the next flush tries again. */
static int flush(struct source_task *task, struct hw_err *err) {
    size_t at = 0;
    const char *partition;
    void *offset;
    task->flushed_mono_ms = hw_mono_ms();
    while (hw_map_next(&task->inflight.ready, &at, &partition, &offset)) {
        struct hw_err why = {0};
        if (store_one(task, partition, offset, &why) < 0) {
            if (why.kind != HW_ERR_RETRY) {
                *err = why;
                return -1;
            }
            hw_slot_set_detail(task->slot, "offsets not stored, trying again: %s", why.text);
            return 0;
        }
        hw_map_remove(&task->inflight.ready, partition);
        free(offset);
        task->uncommitted = true;
    }
    if (!task->uncommitted)
        return 0;
    task->uncommitted = false;
    atomic_store(&task->slot->counters.last_commit_at_ms, hw_now_ms());
    hw_slot_set_detail(task->slot, "%s", "");
    return task->ops->commit ? task->ops->commit(task->self, err) : 0;
}

/* Waits out a pause of the plugin's own trouble while deliveries go on. */
static void idle(struct source_task *task, int64_t ms) {
    int64_t until = hw_mono_ms() + ms;
    while (hw_mono_ms() < until && !hw_slot_stopping(task->slot) && task->fault.kind == HW_ERR_NONE)
        rd_kafka_poll(task->producer, (int)HW_MIN(100, HW_MAX(1, until - hw_mono_ms())));
}

static int poll_with_retries(struct source_task *task, const struct hw_source_record **records, size_t *count,
                             struct hw_err *err) {
    struct hw_backoff backoff = hw_backoff_begin(task->checked->framework);
    bool retried = false;
    while (!hw_slot_stopping(task->slot) && task->fault.kind == HW_ERR_NONE) {
        *count = 0;
        *err = (struct hw_err){0};
        if (task->ops->poll(task->self, POLL_MS, records, count, err) >= 0) {
            if (retried)
                hw_slot_set_detail(task->slot, "%s", "");
            return 0;
        }
        int64_t delay = err->kind == HW_ERR_RETRY ? hw_backoff_next(&backoff) : -1;
        if (delay < 0)
            return -1;
        retried = true;
        atomic_fetch_add(&task->slot->counters.retries, 1);
        hw_slot_set_detail(task->slot, "the source cannot be read, trying again: %s", err->text);
        idle(task, delay);
        HW_TRY(flush(task, err));
    }
    return 0;
}

static int loop(struct source_task *task, struct hw_err *err) {
    struct hw_slot *slot = task->slot;
    while (!hw_slot_stopping(slot)) {
        const struct hw_source_record *records = NULL;
        size_t count = 0;
        HW_TRY(poll_with_retries(task, &records, &count, err));
        if (count > 0)
            atomic_store(&slot->counters.last_record_at_ms, hw_now_ms());
        for (size_t i = 0; i < count && !hw_slot_stopping(slot); i++) {
            if (wait_for_room(task) != 0)
                break;
            int result = send_record(task, &records[i], err);
            if (result < 0)
                return -1;
            if (result > 0)
                break;
        }
        rd_kafka_poll(task->producer, 0);
        if (task->fault.kind != HW_ERR_NONE) {
            *err = task->fault;
            return -1;
        }
        if (hw_mono_ms() - task->flushed_mono_ms >= task->flush_every_ms)
            HW_TRY(flush(task, err));
    }
    return 0;
}

static void finish(struct source_task *task) {
    struct hw_err err = {0};
    rd_kafka_flush(task->producer, 5000);
    if (flush(task, &err) < 0)
        hw_warn("last offsets not stored; those records will be sent again",
                hw_kv_s("connector", task->slot->connector), hw_kv_s("why", err.text));
}

int hw_source_task_run(struct hw_slot *slot, const struct hw_checked *checked, struct hw_err *err) {
    struct source_task *task = hw_xcalloc(1, sizeof(*task));
    task->slot = slot;
    task->ops = slot->class->source;
    task->checked = checked;
    task->context = (struct hw_source_context){.offset = stored_offset, .worker = slot};
    task->flush_every_ms = hw_config_int(slot->worker->config, "offset.flush.interval.ms");
    int result = hw_kafka_producer(slot->worker->settings, "connect", tune, task, &task->producer, err);
    if (result >= 0 && task->tune_fault.kind != HW_ERR_NONE) {
        *err = task->tune_fault;
        result = -1;
    }
    bool started = false;
    if (result >= 0) {
        result = task->ops->start(&slot->abi, checked->plugin, &task->context, &task->self, err);
        started = result >= 0;
    }
    if (started) {
        pthread_mutex_lock(&slot->worker->lock);
        hw_slot_set_state(slot, HW_TASK_RUNNING, NULL);
        pthread_mutex_unlock(&slot->worker->lock);
        result = loop(task, err);
        finish(task);
        task->ops->stop(task->self);
    }
    if (task->producer) {
        rd_kafka_purge(task->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_flush(task->producer, 1000);
        rd_kafka_destroy(task->producer);
    }
    hw_inflight_done(&task->inflight);
    hw_map_done(&task->topics);
    free(task);
    return result;
}
