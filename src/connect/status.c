#include "connect/status.h"
#include "base/diag.h"
#include "kafka/client.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define GENERATION 1 /* small on purpose: a Java worker that takes over must be able to pass it */

struct hw_status_writer {
    struct hw_kafka_store *store;
    char *worker_id;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t changed;
    struct hw_map queue;  /* key → value, "" = tombstone (malloc'd) */
    struct hw_map topics; /* "<topic>:connector-<c>" as in the topic's keys → the connector's name (malloc'd) */
    bool stopping;
    int64_t give_up_mono_ms;
    pthread_t thread;
};

static const char topic_prefix[] = "status-topic-", connector_part[] = ":connector-";

void hw_status_value(struct hw_buf *out, const char *state, const char *trace, const char *worker_id,
                     const char *version) {
    hw_buf_printf(out, "{\"state\":\"%s\",\"trace\":", state);
    if (trace && *trace)
        hw_buf_add_json_str(out, trace, strlen(trace));
    else
        hw_buf_add_str(out, "null");
    hw_buf_add_str(out, ",\"worker_id\":");
    hw_buf_add_json_str(out, worker_id, strlen(worker_id));
    hw_buf_printf(out, ",\"generation\":%d", GENERATION);
    if (version) {
        hw_buf_add_str(out, ",\"version\":");
        hw_buf_add_json_str(out, version, strlen(version));
    }
    hw_buf_add_char(out, '}');
}

bool hw_status_topic_key(struct hw_slice key, char **out_topic, char **out_connector) {
    size_t prefix = strlen(topic_prefix), part = strlen(connector_part);
    if (!key.data || key.size < prefix || memcmp(key.data, topic_prefix, prefix) != 0 || memchr(key.data, 0, key.size))
        return false;
    const char *rest = (const char *)key.data + prefix;
    size_t size = key.size - prefix;
    const char *colon = memchr(rest, ':', size);
    if (!colon || colon == rest || size - (size_t)(colon - rest) <= part || memcmp(colon, connector_part, part) != 0)
        return false;
    *out_topic = hw_xstrndup(rest, (size_t)(colon - rest));
    *out_connector = hw_xstrndup(colon + part, size - (size_t)(colon - rest) - part);
    return true;
}

/* Store thread. States of before are of no use to a single worker: it sets its own. */
static void apply(void *arg, struct hw_slice key, struct hw_slice value, int64_t timestamp_ms) {
    struct hw_status_writer *writer = arg;
    HW_CLEANUP(hw_freep) char *topic = NULL;
    HW_CLEANUP(hw_freep) char *connector = NULL;
    if (key.size > 600 || !hw_status_topic_key(key, &topic, &connector))
        return;
    HW_CLEANUP(hw_freep) char *name = hw_xstrndup((const char *)key.data, key.size);
    pthread_mutex_lock(&writer->lock);
    if (value.data)
        free(hw_map_put(&writer->topics, name, hw_xstrdup(connector)));
    else
        free(hw_map_remove(&writer->topics, name));
    pthread_mutex_unlock(&writer->lock);
}

/* Lock held. */
static void enqueue(struct hw_status_writer *writer, const char *key, const char *value) {
    free(hw_map_put(&writer->queue, key, hw_xstrdup(value)));
    pthread_cond_signal(&writer->changed);
}

static int write_one(struct hw_status_writer *writer, const char *key, const char *value) {
    struct hw_err err = {0};
    struct hw_slice k = {(const uint8_t *)key, strlen(key)}, v = {0};
    if (*value)
        v = (struct hw_slice){(const uint8_t *)value, strlen(value)};
    int result = hw_kafka_store_put(writer->store, k, v, 10000, &err);
    if (result < 0)
        hw_info("status not written, trying again", hw_kv_s("key", key), hw_kv_s("why", err.text));
    return result;
}

static void *write_queue(void *arg) {
    struct hw_status_writer *writer = arg;
    pthread_setname_np(pthread_self(), "status");
    pthread_mutex_lock(&writer->lock);
    for (;;) {
        size_t at = 0;
        const char *next;
        void *value;
        if (!hw_map_next(&writer->queue, &at, &next, &value)) {
            if (writer->stopping)
                break;
            pthread_cond_wait(&writer->changed, &writer->lock);
            continue;
        }
        HW_CLEANUP(hw_freep) char *key = hw_xstrdup(next);
        hw_map_remove(&writer->queue, key);
        pthread_mutex_unlock(&writer->lock);
        int result = write_one(writer, key, value);
        if (result < 0) {
            struct timespec pause = {.tv_nsec = 500000000};
            nanosleep(&pause, NULL);
        }
        pthread_mutex_lock(&writer->lock);
        if (writer->stopping && hw_mono_ms() > writer->give_up_mono_ms) {
            free(value);
            break;
        }
        if (result < 0 && !hw_map_get(&writer->queue, key)) /* unless a newer value came meanwhile */
            hw_map_put(&writer->queue, key, value);
        else
            free(value);
    }
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

int hw_status_open(const struct hw_settings *settings, const char *topic, int partitions, const char *worker_id,
                   int timeout_ms, struct hw_status_writer **out_writer, struct hw_err *err) {
    struct hw_status_writer *writer = hw_xcalloc(1, sizeof(*writer));
    pthread_mutex_init(&writer->lock, NULL);
    pthread_cond_init(&writer->changed, NULL);
    writer->worker_id = hw_xstrdup(worker_id);
    if (hw_kafka_store_open(settings, "connect", topic, partitions, apply, writer, timeout_ms, &writer->store, err) <
            0 ||
        (pthread_create(&writer->thread, NULL, write_queue, writer) != 0 &&
         hw_err_set(err, HW_ERR_RETRY, 0, "cannot start a thread") < 0)) {
        hw_kafka_store_close(writer->store);
        free(writer->worker_id);
        free(writer);
        return -1;
    }
    *out_writer = writer;
    return 0;
}

static void map_free(struct hw_map *map) {
    size_t at = 0;
    const char *key;
    void *value;
    while (hw_map_next(map, &at, &key, &value))
        free(value);
    hw_map_done(map);
}

struct hw_status_writer *hw_status_close(struct hw_status_writer *writer) {
    if (!writer)
        return NULL;
    pthread_mutex_lock(&writer->lock);
    writer->stopping = true;
    writer->give_up_mono_ms = hw_mono_ms() + 3000;
    pthread_cond_signal(&writer->changed);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    hw_kafka_store_close(writer->store);
    map_free(&writer->queue);
    map_free(&writer->topics);
    pthread_cond_destroy(&writer->changed);
    pthread_mutex_destroy(&writer->lock);
    free(writer->worker_id);
    free(writer);
    return NULL;
}

void hw_status_connector(struct hw_status_writer *writer, const char *connector, const char *state, const char *trace,
                         const char *version) {
    if (!writer)
        return;
    HW_CLEANUP(hw_freep) char *key = hw_xasprintf("status-connector-%s", connector);
    HW_CLEANUP(hw_buf_done) struct hw_buf value = {0};
    hw_status_value(&value, state, trace, writer->worker_id, version);
    pthread_mutex_lock(&writer->lock);
    enqueue(writer, key, hw_buf_str(&value));
    pthread_mutex_unlock(&writer->lock);
}

void hw_status_task(struct hw_status_writer *writer, const char *connector, int task, const char *state,
                    const char *trace, const char *version) {
    if (!writer)
        return;
    HW_CLEANUP(hw_freep) char *key = hw_xasprintf("status-task-%s-%d", connector, task);
    HW_CLEANUP(hw_buf_done) struct hw_buf value = {0};
    hw_status_value(&value, state, trace, writer->worker_id, version);
    pthread_mutex_lock(&writer->lock);
    enqueue(writer, key, hw_buf_str(&value));
    pthread_mutex_unlock(&writer->lock);
}

void hw_status_forget_task(struct hw_status_writer *writer, const char *connector, int task) {
    if (!writer)
        return;
    HW_CLEANUP(hw_freep) char *key = hw_xasprintf("status-task-%s-%d", connector, task);
    pthread_mutex_lock(&writer->lock);
    enqueue(writer, key, "");
    pthread_mutex_unlock(&writer->lock);
}

void hw_status_reset_topics(struct hw_status_writer *writer, const char *connector) {
    if (!writer)
        return;
    pthread_mutex_lock(&writer->lock);
    size_t at = 0;
    const char *key;
    void *value;
    while (hw_map_next(&writer->topics, &at, &key, &value)) {
        if (strcmp(value, connector) != 0)
            continue;
        enqueue(writer, key, "");
        hw_map_remove(&writer->topics, key);
        free(value);
    }
    pthread_mutex_unlock(&writer->lock);
}

void hw_status_forget_connector(struct hw_status_writer *writer, const char *connector) {
    if (!writer)
        return;
    hw_status_reset_topics(writer, connector);
    HW_CLEANUP(hw_freep) char *key = hw_xasprintf("status-connector-%s", connector);
    pthread_mutex_lock(&writer->lock);
    enqueue(writer, key, "");
    pthread_mutex_unlock(&writer->lock);
}

void hw_status_topic(struct hw_status_writer *writer, const char *connector, int task, const char *topic) {
    if (!writer)
        return;
    HW_CLEANUP(hw_freep) char *key = hw_xasprintf("%s%s%s%s", topic_prefix, topic, connector_part, connector);
    pthread_mutex_lock(&writer->lock);
    bool known = hw_map_get(&writer->topics, key) != NULL;
    if (!known) {
        HW_CLEANUP(hw_buf_done) struct hw_buf value = {0};
        hw_buf_add_str(&value, "{\"topic\":{\"name\":");
        hw_buf_add_json_str(&value, topic, strlen(topic));
        hw_buf_add_str(&value, ",\"connector\":");
        hw_buf_add_json_str(&value, connector, strlen(connector));
        hw_buf_printf(&value, ",\"task\":%d,\"discoverTimestamp\":%lld}}", task, (long long)hw_now_ms());
        hw_map_put(&writer->topics, key, hw_xstrdup(connector));
        enqueue(writer, key, hw_buf_str(&value));
    }
    pthread_mutex_unlock(&writer->lock);
}

void hw_status_list_topics(struct hw_status_writer *writer, const char *connector, struct hw_buf *out) {
    if (!writer)
        return;
    size_t at = 0, prefix = strlen(topic_prefix);
    const char *key;
    void *value;
    bool first = true;
    pthread_mutex_lock(&writer->lock);
    while (hw_map_next(&writer->topics, &at, &key, &value)) {
        if (strcmp(value, connector) != 0)
            continue;
        if (!first)
            hw_buf_add_char(out, ',');
        first = false;
        hw_buf_add_json_str(out, key + prefix, strcspn(key + prefix, ":"));
    }
    pthread_mutex_unlock(&writer->lock);
}
