/* The newest events: each partition is read from `limit` events before its end to its end. Reaching every end is what
 * makes the answer complete; running out of time is said, never dressed up as emptiness. */
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
    static const char *const wanted[][2] = {
        {"group.id", "highway-admin-sample"}, {"enable.auto.commit", "false"}, {"enable.partition.eof", "true"},
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

/* Where each partition's tail begins and where it ends now. Asked through a client that is connected already: a new
 * consumer that looks for "the tail" itself first waits half a second for its connection. */
struct tail {
    int64_t end;
    bool done;
};

static int find_tails(rd_kafka_t *client, const char *topic, int partitions, size_t limit, int64_t until_ms,
                      struct tail *tails, rd_kafka_topic_partition_list_t *list, struct hw_err *err) {
    for (int p = 0; p < partitions; p++) {
        int64_t low = 0, high = 0, left = until_ms - hw_mono_ms();
        rd_kafka_resp_err_t code =
            rd_kafka_query_watermark_offsets(client, topic, p, &low, &high, (int)HW_MAX(left, (int64_t)1));
        if (code)
            return hw_err_set(err, HW_ERR_RETRY, (int)code, "topic %s, partition %d: %s", topic, p,
                              rd_kafka_err2str(code));
        tails[p] = (struct tail){.end = high, .done = high <= low};
        if (!tails[p].done)
            rd_kafka_topic_partition_list_add(list, topic, p)->offset = HW_MAX(low, high - (int64_t)limit);
    }
    return 0;
}

/* Reads until every tail is whole: at its last offset, or told "end of partition" (the last offsets may be gaps:
 * compacted away, or marks of transactions). */
static void read_tails(rd_kafka_t *consumer, struct tail *tails, int partitions, int left, int64_t until_ms,
                       struct hw_sample *out) {
    size_t room = 0;
    while (left > 0 && hw_mono_ms() < until_ms) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 100);
        if (!message)
            continue;
        int32_t p = message->partition;
        bool known = p >= 0 && p < partitions && !tails[p].done;
        bool ended = message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        if (known && !message->err && message->offset < tails[p].end) {
            if (out->count == room) {
                room = HW_MAX(room * 2, (size_t)64);
                out->events = hw_xrealloc(out->events, room * sizeof *out->events);
            }
            take(message, &out->events[out->count++]);
        }
        if (known && (ended || (!message->err && message->offset + 1 >= tails[p].end))) {
            tails[p].done = true;
            left--;
        }
        rd_kafka_message_destroy(message);
    }
    out->complete = left == 0;
}

int hw_sample_read(const struct hw_settings *settings, rd_kafka_t *client, const char *topic, int partitions,
                   size_t limit, int timeout_ms, struct hw_sample *out, struct hw_err *err) {
    *out = (struct hw_sample){0};
    partitions = HW_MIN(partitions, MAX_PARTITIONS);
    int64_t until_ms = hw_mono_ms() + timeout_ms;
    HW_CLEANUP(hw_freep) struct tail *tails = hw_xcalloc((size_t)partitions, sizeof *tails);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(partitions);
    rd_kafka_t *consumer = NULL;
    int result = find_tails(client, topic, partitions, limit, until_ms, tails, list, err);
    out->complete = true;
    if (result == 0 && list->cnt > 0)
        result = consumer_new(settings, &consumer, err);
    if (consumer) {
        rd_kafka_assign(consumer, list);
        read_tails(consumer, tails, partitions, list->cnt, until_ms, out);
        rd_kafka_consumer_close(consumer);
        rd_kafka_destroy(consumer);
    }
    rd_kafka_topic_partition_list_destroy(list);
    if (out->count)
        qsort(out->events, out->count, sizeof *out->events, newest_first);
    for (; out->count > limit; out->count--)
        drop(&out->events[out->count - 1]);
    return result;
}

void hw_sample_done(struct hw_sample *sample) {
    for (size_t i = 0; i < sample->count; i++)
        drop(&sample->events[i]);
    free(sample->events);
    *sample = (struct hw_sample){0};
}
