/* The loop of a sink task: take a batch, put it, flush, commit.
 *
 *   read ─▶ put (retries, bisecting) ─▶ flush says what is durable ─▶ commit ─▶ …
 *
 * Memory: one batch at a time; librdkafka fetches ahead up to queued.max.messages.kbytes and waits there while the sink
 * is slow. */
#include "connect/sink.h"
#include "base/diag.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_RECORDS  5000
#define POLL_MS        100
#define FLUSH_EVERY_MS 500

struct reader {
    rd_kafka_message_t **messages;
    struct hw_record *records;
    struct hw_record_header *headers; /* of all records of the batch */
    size_t capacity, header_count, header_capacity;
};

static void reader_done(struct reader *reader) {
    free(reader->messages);
    free(reader->records);
    free(reader->headers);
}

static void add_headers(struct reader *reader, const rd_kafka_message_t *message, struct hw_record *record) {
    rd_kafka_headers_t *headers;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    const char *key;
    const void *value;
    size_t size;
    for (size_t i = 0; rd_kafka_header_get_all(headers, i, &key, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        if (reader->header_count == reader->header_capacity) {
            reader->header_capacity = reader->header_capacity ? reader->header_capacity * 2 : 256;
            reader->headers = hw_xrealloc(reader->headers, reader->header_capacity * sizeof(*reader->headers));
        }
        reader->headers[reader->header_count++] = (struct hw_record_header){.key = key, .value = {value, size}};
        record->header_count++;
    }
}

static void take_error(struct hw_sink_task *task, const rd_kafka_message_t *message) {
    switch (message->err) {
    case RD_KAFKA_RESP_ERR__PARTITION_EOF:
        return;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        hw_slot_set_detail(task->slot, "waiting for topic %s: it does not exist yet",
                           message->rkt ? rd_kafka_topic_name(message->rkt) : "(unknown)");
        return;
    default:
        hw_slot_set_detail(task->slot, "reading from Kafka: %s", rd_kafka_message_errstr(message));
    }
}

static void add_record(struct hw_sink_task *task, struct reader *reader, const rd_kafka_message_t *message,
                       size_t *count) {
    rd_kafka_timestamp_type_t type;
    struct hw_record *record = &reader->records[(*count)++];
    *record = (struct hw_record){
        .topic = rd_kafka_topic_name(message->rkt),
        .partition = message->partition,
        .offset = message->offset,
        .timestamp_ms = rd_kafka_message_timestamp(message, &type),
        .key = {message->key, message->key_len},
        .value = {message->payload, message->len},
    };
    add_headers(reader, message, record);
    if (strcmp(task->last_topic, record->topic) != 0) {
        snprintf(task->last_topic, sizeof(task->last_topic), "%s", record->topic);
        hw_status_topic(task->slot->worker->status, task->slot->connector, task->slot->id, record->topic);
    }
}

static void count_batch(struct hw_slot *slot, const struct hw_batch *batch) {
    long long bytes = 0;
    for (size_t i = 0; i < batch->count; i++)
        bytes += (long long)(batch->records[i].key.size + batch->records[i].value.size);
    atomic_fetch_add(&slot->counters.records_read, (long long)batch->count);
    atomic_fetch_add(&slot->counters.bytes, bytes);
    atomic_store(&slot->counters.last_record_at_ms, hw_now_ms());
}

/* Waits for a first record, then takes what is there. A rebalance between the two makes the first void: its partition
 * was given up, or starts again from its committed offset. */
static size_t read_messages(struct hw_sink_task *task, struct reader *reader) {
    ssize_t first = rd_kafka_consume_batch_queue(task->queue, POLL_MS, reader->messages, 1);
    if (first < 1)
        return 0;
    uint64_t assignments = task->assignments;
    ssize_t more = rd_kafka_consume_batch_queue(task->queue, 0, reader->messages + 1, reader->capacity - 1);
    size_t count = 1 + (size_t)HW_MAX(more, 0);
    if (assignments == task->assignments)
        return count;
    for (size_t i = 0; i < count; i++)
        rd_kafka_message_destroy(reader->messages[i]);
    /* Whatever came with the change is dropped too: start over from the offsets, which is always right. */
    task->assign_fault = (struct hw_err){.kind = HW_ERR_NONE};
    struct hw_err err = {0};
    rd_kafka_topic_partition_list_t *owned = NULL;
    if (count > 1 && rd_kafka_assignment(task->consumer, &owned) == RD_KAFKA_RESP_ERR_NO_ERROR && owned->cnt > 0)
        hw_err_set(&err, HW_ERR_RETRY, 0,
                   "partitions changed while a batch was read: the task starts over from its offsets");
    if (owned)
        rd_kafka_topic_partition_list_destroy(owned);
    task->assign_fault = err;
    return 0;
}

/* One round. The reader's arrays are used again each time. */
static int step(struct hw_sink_task *task, struct reader *reader, struct hw_err *err) {
    size_t message_count = read_messages(task, reader), count = 0;
    if (task->assign_fault.kind != HW_ERR_NONE) {
        *err = task->assign_fault;
        return -1;
    }
    reader->header_count = 0;
    for (size_t i = 0; i < message_count; i++) {
        if (reader->messages[i]->err)
            take_error(task, reader->messages[i]);
        else
            add_record(task, reader, reader->messages[i], &count);
    }
    size_t header = 0; /* the array may have moved while it grew: set the pointers now */
    for (size_t i = 0; i < count; i++) {
        reader->records[i].headers = reader->header_count ? reader->headers + header : NULL;
        header += reader->records[i].header_count;
    }
    struct hw_batch batch = {.records = reader->records, .count = count};
    int result = 0;
    if (count > 0) {
        count_batch(task->slot, &batch);
        result = hw_sink_put(task, &batch, err);
    }
    for (size_t i = 0; i < message_count; i++)
        rd_kafka_message_destroy(reader->messages[i]);
    return result;
}

/* Flush with retries; the sink keeps what it holds meanwhile and no further records are taken. */
static int flush_with_retries(struct hw_sink_task *task, struct hw_err *err) {
    struct hw_backoff backoff = hw_backoff_begin(task->checked->framework);
    bool retried = false;
    while (hw_sink_flush(task, false, false, err) < 0) {
        if (err->kind != HW_ERR_RETRY)
            return -1;
        int64_t delay = hw_backoff_next(&backoff);
        if (delay < 0)
            return hw_err_prefix(err, "gave up after errors.retry.timeout");
        retried = true;
        atomic_fetch_add(&task->slot->counters.retries, 1);
        hw_slot_set_detail(task->slot, "the target does not keep records, trying again: %s", err->text);
        int result = hw_sink_idle(task, delay, err);
        if (result < 0)
            return result;
        if (hw_slot_stopping(task->slot))
            return 0;
        *err = (struct hw_err){0};
    }
    if (retried)
        hw_slot_set_detail(task->slot, "%s", "");
    return 0;
}

static int loop(struct hw_sink_task *task, struct reader *reader, struct hw_err *err) {
    while (!hw_slot_stopping(task->slot)) {
        HW_TRY(step(task, reader, err));
        hw_sink_commits_serve(task);
        int64_t now = hw_mono_ms();
        if (now - task->flushed_mono_ms >= FLUSH_EVERY_MS)
            HW_TRY(flush_with_retries(task, err));
        if (now - task->lag_mono_ms >= FLUSH_EVERY_MS)
            hw_sink_measure_lag(task);
    }
    return 0;
}

/* The records before a poison one are good: make them durable, so that the task stands exactly at the fault. */
static void flush_at_end(struct hw_sink_task *task) {
    struct hw_err err = {0};
    if (hw_sink_flush(task, true, true, &err) < 0)
        hw_warn("not flushed at the end; those records will be read again", hw_kv_s("connector", task->slot->connector),
                hw_kv_i("task", task->slot->id), hw_kv_s("why", err.text));
}

int hw_sink_task_run(struct hw_slot *slot, const struct hw_checked *checked, struct hw_err *err) {
    struct hw_sink_task *task = hw_xcalloc(1, sizeof(*task));
    task->slot = slot;
    task->ops = slot->class->sink;
    task->checked = checked;
    struct reader reader = {.capacity = (size_t)hw_client_conf_max_records(&slot->config, BATCH_RECORDS)};
    reader.messages = hw_xcalloc(reader.capacity, sizeof(*reader.messages));
    reader.records = hw_xcalloc(reader.capacity, sizeof(*reader.records));
    int result = task->ops->start(&slot->abi, checked->plugin, &task->self, err);
    bool started = result >= 0;
    if (started)
        result = hw_sink_consumer_open(task, err);
    if (started && result >= 0) {
        pthread_mutex_lock(&slot->worker->lock);
        hw_slot_set_state(slot, HW_TASK_RUNNING, NULL);
        pthread_mutex_unlock(&slot->worker->lock);
        result = loop(task, &reader, err);
        if (result >= 0 || err->kind == HW_ERR_DATA)
            flush_at_end(task);
    }
    hw_sink_consumer_close(task);
    hw_dead_letters_close(task->letters);
    if (started)
        task->ops->stop(task->self);
    reader_done(&reader);
    free(task);
    return result;
}
