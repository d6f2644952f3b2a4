#include "connect/deadletter.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hw_dead_letters {
    rd_kafka_t *producer;
    char *topic, *connector;
    int task;
    bool with_headers;
};

struct delivery {
    bool done;
    rd_kafka_resp_err_t code;
};

static void on_delivery(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque) {
    struct delivery *delivery = message->_private;
    delivery->done = true;
    delivery->code = message->err;
}

static void tune(rd_kafka_conf_t *conf, void *arg) {
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    /* Shorter than our wait, so that a delivery report always comes before its place on the stack is gone. */
    rd_kafka_conf_set(conf, "message.timeout.ms", "12000", NULL, 0);
    rd_kafka_conf_set(conf, "message.max.bytes", "16777216", NULL, 0);
    rd_kafka_conf_set(conf, "linger.ms", "0", NULL, 0);
}

int hw_dead_letters_open(const struct hw_settings *settings, const struct hw_config *framework, const char *connector,
                         int task, struct hw_dead_letters **out_letters, struct hw_err *err) {
    struct hw_dead_letters *letters = hw_xcalloc(1, sizeof(*letters));
    letters->topic = hw_xstrdup(hw_config_str(framework, "errors.deadletterqueue.topic.name"));
    letters->connector = hw_xstrdup(connector);
    letters->task = task;
    letters->with_headers = hw_config_bool(framework, "errors.deadletterqueue.context.headers.enable");
    struct hw_kafka_topic_spec spec = {
        .name = letters->topic,
        .partitions = 1,
        .replication = (int)hw_config_int(framework, "errors.deadletterqueue.topic.replication.factor"),
    };
    if (hw_kafka_producer(settings, "connect", tune, NULL, &letters->producer, err) < 0 ||
        hw_kafka_create_topic(letters->producer, &spec, 10000, err) < 0) {
        hw_err_prefix(err, "dead letter topic %s", letters->topic);
        hw_dead_letters_close(letters);
        return -1;
    }
    *out_letters = letters;
    return 0;
}

struct hw_dead_letters *hw_dead_letters_close(struct hw_dead_letters *letters) {
    if (!letters)
        return NULL;
    if (letters->producer)
        rd_kafka_destroy(letters->producer);
    free(letters->topic);
    free(letters->connector);
    free(letters);
    return NULL;
}

static void add(rd_kafka_headers_t *headers, const char *name, const char *value) {
    char key[80];
    snprintf(key, sizeof(key), "__connect.errors.%s", name);
    rd_kafka_header_add(headers, key, -1, value, -1);
}

static rd_kafka_headers_t *headers_of(const struct hw_dead_letters *letters, const struct hw_record *record,
                                      const char *stage, const char *class_name, const struct hw_err *why) {
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->header_count + 10);
    for (size_t i = 0; i < record->header_count; i++)
        rd_kafka_header_add(headers, record->headers[i].key, -1, record->headers[i].value.data,
                            (ssize_t)record->headers[i].value.size);
    if (!letters->with_headers)
        return headers;
    char number[32];
    add(headers, "topic", record->topic);
    snprintf(number, sizeof(number), "%d", record->partition);
    add(headers, "partition", number);
    snprintf(number, sizeof(number), "%lld", (long long)record->offset);
    add(headers, "offset", number);
    add(headers, "connector.name", letters->connector);
    snprintf(number, sizeof(number), "%d", letters->task);
    add(headers, "task.id", number);
    add(headers, "stage", stage);
    add(headers, "class.name", class_name);
    add(headers, "exception.class.name", "org.apache.kafka.connect.errors.DataException");
    add(headers, "exception.message", why->text);
    add(headers, "exception.stacktrace", why->text);
    return headers;
}

int hw_dead_letters_put(struct hw_dead_letters *letters, const struct hw_record *record, const char *stage,
                        const char *class_name, const struct hw_err *why, struct hw_err *err) {
    struct delivery delivery = {0};
    rd_kafka_headers_t *headers = headers_of(letters, record, stage, class_name, why);
    rd_kafka_resp_err_t code = rd_kafka_producev(
        letters->producer, RD_KAFKA_V_TOPIC(letters->topic), RD_KAFKA_V_KEY(record->key.data, record->key.size),
        RD_KAFKA_V_VALUE((void *)record->value.data, record->value.size),
        RD_KAFKA_V_TIMESTAMP(HW_MAX(record->timestamp_ms, 0)), RD_KAFKA_V_HEADERS(headers),
        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_OPAQUE(&delivery), RD_KAFKA_V_END);
    if (code) {
        rd_kafka_headers_destroy(headers);
        return hw_err_set(err, HW_ERR_RETRY, (int)code, "dead letter topic %s: %s", letters->topic,
                          rd_kafka_err2str(code));
    }
    int64_t until = hw_mono_ms() + 15000;
    while (!delivery.done && hw_mono_ms() < until)
        rd_kafka_poll(letters->producer, 100);
    if (!delivery.done) { /* forget it for good: its report must not come later */
        rd_kafka_purge(letters->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        while (!delivery.done)
            rd_kafka_poll(letters->producer, 100);
    }
    if (delivery.code)
        return hw_err_set(err, HW_ERR_RETRY, (int)delivery.code, "dead letter topic %s: %s", letters->topic,
                          rd_kafka_err2str(delivery.code));
    return 0;
}
