/* The newest events: each partition is read from `limit` events before its end to its end. Reaching every end is what makes the
 * answer complete; running out of time is said, never dressed up as emptiness. */
#include "admin/topics.h"

#include <stdlib.h>
#include <string.h>

#define MAX_PARTITIONS 1000

static void copy(struct hw_slice *out, const void *data, size_t size) {
    *out = (struct hw_slice){0};
    if (!data)
        return;
    uint8_t *own = hw_xmalloc(size + 1);
    memcpy(own, data, size);
    own[size] = 0;
    *out = (struct hw_slice){own, size};
}

static void take(const rd_kafka_message_t *message, struct hw_sample_event *event) {
    *event = (struct hw_sample_event){.partition = message->partition, .offset = message->offset};
    rd_kafka_timestamp_type_t type;
    event->timestamp_ms = rd_kafka_message_timestamp(message, &type);
    copy(&event->key, message->key, message->key_len);
    copy(&event->value, message->payload, message->len);
    rd_kafka_headers_t *headers = NULL;
    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    size_t count = HW_MIN(rd_kafka_header_cnt(headers), (size_t)100);
    event->headers = hw_xcalloc(count, sizeof *event->headers);
    for (size_t i = 0; i < count; i++) {
        const char *name;
        const void *value;
        size_t size;
        if (rd_kafka_header_get_all(headers, i, &name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR)
            break;
        event->headers[event->header_count].name = hw_xstrdup(name);
        copy(&event->headers[event->header_count++].value, value, size);
    }
}

static void drop(struct hw_sample_event *event) {
    free((void *)event->key.data);
    free((void *)event->value.data);
    for (size_t i = 0; i < event->header_count; i++) {
        free(event->headers[i].name);
        free((void *)event->headers[i].value.data);
    }
    free(event->headers);
}

static int newest_first(const void *a, const void *b) {
    const struct hw_sample_event *one = a, *two = b;
    if (one->timestamp_ms != two->timestamp_ms)
        return one->timestamp_ms < two->timestamp_ms ? 1 : -1;
    if (one->partition != two->partition)
        return one->partition < two->partition ? -1 : 1;
    return one->offset < two->offset ? 1 : -1;
}

static int consumer_new(const struct hw_settings *settings, rd_kafka_t **out, struct hw_err *err) {
    rd_kafka_conf_t *conf;
    char text[256];
    HW_TRY(hw_kafka_conf(settings, "admin-sample", &conf, err));
    static const char *const wanted[][2] = {{"group.id", "highway-admin-sample"}, {"enable.auto.commit", "false"}, {"enable.partition.eof", "true"},
                                            {"auto.offset.reset", "earliest"},    {"fetch.wait.max.ms", "50"},     {"queued.max.messages.kbytes", "16384"}};
    for (size_t i = 0; i < HW_ARRAY_SIZE(wanted); i++)
        if (hw_kafka_conf_set(conf, wanted[i][0], wanted[i][1], err) < 0) {
            rd_kafka_conf_destroy(conf);
            return -1;
        }
    *out = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (!*out) {
        rd_kafka_conf_destroy(conf);
        return hw_err_set(err, HW_ERR_RETRY, 0, "cannot start a Kafka consumer: %s", text);
    }
    rd_kafka_poll_set_consumer(*out);
    return 0;
}

int hw_sample_read(const struct hw_settings *settings, const char *topic, int partitions, size_t limit, int timeout_ms, struct hw_sample *out,
                   struct hw_err *err) {
    *out = (struct hw_sample){0};
    partitions = HW_MIN(partitions, MAX_PARTITIONS);
    rd_kafka_t *consumer;
    HW_TRY(consumer_new(settings, &consumer, err));
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    for (int p = 0; p < partitions; p++)
        rd_kafka_topic_partition_list_add(list, topic, p)->offset = RD_KAFKA_OFFSET_TAIL((int64_t)limit);
    rd_kafka_assign(consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    size_t capacity = (size_t)partitions * limit, done = 0;
    bool *at_end = hw_xcalloc((size_t)partitions, sizeof *at_end);
    size_t *taken = hw_xcalloc((size_t)partitions, sizeof *taken);
    int64_t until = hw_mono_ms() + timeout_ms;
    size_t room = 0;
    while (done < (size_t)partitions && hw_mono_ms() < until) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 100);
        if (!message)
            continue;
        int32_t p = message->partition;
        if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF && p >= 0 && p < partitions) {
            done += !at_end[p];
            at_end[p] = true;
        } else if (!message->err && p >= 0 && p < partitions && !at_end[p] && out->count < capacity) {
            if (out->count == room) {
                room = HW_MIN(HW_MAX(room * 2, (size_t)64), capacity);
                out->events = hw_xrealloc(out->events, room * sizeof *out->events);
            }
            take(message, &out->events[out->count++]);
            /* A busy partition has no end to wait for: its tail as it was when we began is enough. */
            if (++taken[p] >= limit) {
                done++;
                at_end[p] = true;
            }
        }
        rd_kafka_message_destroy(message);
    }
    out->complete = done == (size_t)partitions;
    free(at_end);
    free(taken);
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
    if (out->count)
        qsort(out->events, out->count, sizeof *out->events, newest_first);
    for (; out->count > limit; out->count--)
        drop(&out->events[out->count - 1]);
    return 0;
}

void hw_sample_done(struct hw_sample *sample) {
    for (size_t i = 0; i < sample->count; i++)
        drop(&sample->events[i]);
    free(sample->events);
    *sample = (struct hw_sample){0};
}
