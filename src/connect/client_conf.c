#include "connect/client_conf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char consumer_prefix[] = "consumer.override.", producer_prefix[] = "producer.override.";

/* Java's names that librdkafka spells in another way; others are the same or unknown to it. */
static const char *const spelled[][2] = {
    {"fetch.max.wait.ms", "fetch.wait.max.ms"},
    {"retry.backoff.max.ms", "retry.backoff.max.ms"},
    {"metadata.max.age.ms", "topic.metadata.refresh.interval.ms"},
    {"delivery.timeout.ms", "message.timeout.ms"},
    {"max.request.size", "message.max.bytes"},
};

static bool is_refused(const char *name, bool consumer) {
    static const char *const consumer_own[] = {"enable.auto.commit", "enable.auto.offset.store",
                                               "partition.assignment.strategy", NULL};
    static const char *const producer_own[] = {"acks", "enable.idempotence", "transactional.id", NULL};
    for (const char *const *own = consumer ? consumer_own : producer_own; *own; own++)
        if (strcmp(name, *own) == 0)
            return true;
    return false;
}

static int set_override(rd_kafka_conf_t *conf, const char *name, const char *value, struct hw_err *err) {
    if (strcmp(name, "max.poll.records") == 0) { /* ours to keep: the size of a batch */
        char *end;
        long count = strtol(value, &end, 10);
        if (end == value || *end || count < 1 || count > 100000)
            return hw_err_set(err, HW_ERR_CONFIG, 0, "max.poll.records must be 1 to 100000");
        return 0;
    }
    if (strcmp(name, "buffer.memory") == 0) {
        char kbytes[32];
        snprintf(kbytes, sizeof(kbytes), "%lld", HW_MAX(1LL, atoll(value) / 1024));
        return hw_kafka_conf_set(conf, "queue.buffering.max.kbytes", kbytes, err);
    }
    for (size_t i = 0; i < HW_ARRAY_SIZE(spelled); i++)
        if (strcmp(name, spelled[i][0]) == 0)
            name = spelled[i][1];
    return hw_kafka_conf_set(conf, name, value, err);
}

void hw_client_conf_check(const char *key, const char *value, struct hw_config_faults *faults) {
    bool consumer = strncmp(key, consumer_prefix, strlen(consumer_prefix)) == 0;
    bool producer = strncmp(key, producer_prefix, strlen(producer_prefix)) == 0;
    if (!consumer && !producer)
        return;
    const char *name = key + strlen(consumer ? consumer_prefix : producer_prefix);
    if (is_refused(name, consumer)) {
        hw_faults_add(faults, key, "%s is the worker's own, delivery depends on it: remove this key", name);
        return;
    }
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    struct hw_err err = {0};
    if (set_override(conf, name, value, &err) < 0)
        hw_faults_add(faults, key, "%s", err.text);
    rd_kafka_conf_destroy(conf);
}

static int set_overrides(rd_kafka_conf_t *conf, const struct hw_props *props, const char *prefix, struct hw_err *err) {
    for (size_t i = 0; i < props->count; i++)
        if (strncmp(props->items[i].key, prefix, strlen(prefix)) == 0)
            HW_TRY(set_override(conf, props->items[i].key + strlen(prefix), props->items[i].value, err));
    return 0;
}

int hw_client_conf_consumer(const struct hw_settings *settings, const struct hw_props *props, const char *group_id,
                            const char *instance_id, rd_kafka_conf_t **out_conf, struct hw_err *err) {
    /* A task holds at most queued.max.messages.kbytes of fetched records (plus one fetch): librdkafka stops fetching
     * there and goes on as the sink takes them. The static group.instance.id lets a restarted worker take its
     * partitions back at once instead of after the session timeout. */
    const char *const defaults[][2] = {
        {"group.id", group_id},
        {"group.instance.id", instance_id},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"auto.offset.reset", "earliest"},
        {"isolation.level", "read_committed"},
        {"partition.assignment.strategy", "roundrobin"},
        {"session.timeout.ms", "10000"},
        {"topic.metadata.refresh.interval.ms", "5000"},
        {"queued.max.messages.kbytes", "16384"},
        {"fetch.queue.backoff.ms", "20"},
    };
    rd_kafka_conf_t *conf;
    HW_TRY(hw_kafka_conf(settings, "connect", &conf, err));
    int result = 0;
    for (size_t i = 0; i < HW_ARRAY_SIZE(defaults) && result == 0; i++)
        if (defaults[i][1])
            result = hw_kafka_conf_set(conf, defaults[i][0], defaults[i][1], err);
    if (result == 0)
        result = set_overrides(conf, props, consumer_prefix, err);
    if (result < 0) {
        rd_kafka_conf_destroy(conf);
        return hw_err_prefix(err, "consumer of %s", group_id);
    }
    *out_conf = conf;
    return 0;
}

int hw_client_conf_producer(rd_kafka_conf_t *conf, const struct hw_props *props, struct hw_err *err) {
    return set_overrides(conf, props, producer_prefix, err);
}

int hw_client_conf_max_records(const struct hw_props *props, int otherwise) {
    const char *value = hw_props_get(props, "consumer.override.max.poll.records");
    return value ? HW_MAX(1, HW_MIN(atoi(value), 100000)) : otherwise;
}
