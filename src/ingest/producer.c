#include "ingest/producer.h"
#include "base/diag.h"
#include "base/map.h"
#include "base/role.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PROBE_TIMEOUT_MS 2000
#define PROBE_PAUSE_MS   250

struct hw_ingest_producer {
    rd_kafka_t *client;
    struct hw_ingest_producer_options options;
    const struct hw_settings *settings; /* only while starting */
    char brokers[512];
    pthread_t reports, watch;
    bool reports_started, watch_started;
    atomic_bool stopping;
    atomic_llong away_since_ms; /* monotonic; 0 = reachable */

    pthread_rwlock_t topics_lock; /* guards topics */
    struct hw_map topics;

    pthread_mutex_t watch_lock; /* guards away */
    pthread_cond_t watch_wake;
    bool away;
};

static void set_away(struct hw_ingest_producer *producer, bool away) {
    pthread_mutex_lock(&producer->watch_lock);
    bool changed = producer->away != away;
    if (changed) {
        producer->away = away;
        atomic_store(&producer->away_since_ms, away ? hw_mono_ms() : 0);
        pthread_cond_signal(&producer->watch_wake);
    }
    pthread_mutex_unlock(&producer->watch_lock);
    if (!changed || atomic_load(&producer->stopping))
        return;
    if (away)
        hw_warn("Kafka is away; requests wait", hw_kv_s("brokers", producer->brokers));
    else
        hw_notice("Kafka is reachable", hw_kv_s("brokers", producer->brokers));
    producer->options.state(producer->options.state_arg, !away, producer->brokers);
}

/* Report thread. */
static void on_error(rd_kafka_t *client, int error, const char *reason, void *arg) {
    struct hw_ingest_producer *producer = arg;
    if (error == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) {
        set_away(producer, true);
    } else if (error == RD_KAFKA_RESP_ERR__FATAL) {
        /* The idempotent producer lost its place and must not go on. A new process starts with a new producer id;
         * everything in flight is reported as failed first, so that every client hears "retry". */
        char text[256];
        rd_kafka_resp_err_t cause = rd_kafka_fatal_error(client, text, sizeof(text));
        struct hw_err why;
        (void)hw_err_set(&why, HW_ERR_FATAL, cause, "the Kafka producer stopped: %s", text);
        rd_kafka_purge(client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT | RD_KAFKA_PURGE_F_NON_BLOCKING);
        hw_role_quit(&why);
    } else {
        hw_debug("Kafka client", hw_kv_s("error", rd_kafka_err2name(error)), hw_kv_s("reason", reason));
    }
}

static void on_report(rd_kafka_t *client, const rd_kafka_message_t *message, void *arg) {
    struct hw_ingest_producer *producer = arg;
    producer->options.report(message->_private, message->err, message->partition, message->offset);
}

static void *run_reports(void *arg) {
    struct hw_ingest_producer *producer = arg;
    while (!atomic_load(&producer->stopping) || rd_kafka_outq_len(producer->client) > 0)
        rd_kafka_poll(producer->client, 100);
    return NULL;
}

static void wait_ms(struct hw_ingest_producer *producer, int64_t ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += ms * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&producer->watch_wake, &producer->watch_lock, &until);
}

/* Sleeps while Kafka is there (librdkafka tells when it goes), asks for it while it is away. */
static void *run_watch(void *arg) {
    struct hw_ingest_producer *producer = arg;
    for (;;) {
        pthread_mutex_lock(&producer->watch_lock);
        while (!producer->away && !atomic_load(&producer->stopping))
            pthread_cond_wait(&producer->watch_wake, &producer->watch_lock);
        pthread_mutex_unlock(&producer->watch_lock);
        if (atomic_load(&producer->stopping))
            return NULL;
        const struct rd_kafka_metadata *metadata = NULL;
        rd_kafka_resp_err_t error = rd_kafka_metadata(producer->client, 0, NULL, &metadata, PROBE_TIMEOUT_MS);
        if (!error) {
            rd_kafka_metadata_destroy(metadata);
            set_away(producer, false);
            continue;
        }
        pthread_mutex_lock(&producer->watch_lock);
        if (!atomic_load(&producer->stopping))
            wait_ms(producer, PROBE_PAUSE_MS);
        pthread_mutex_unlock(&producer->watch_lock);
    }
}

static void note_given(const char *key, const char *value, void *arg) {
    (void)key, (void)value;
    *(bool *)arg = true;
}

/* Our default, unless [kafka] says otherwise. */
static void set_default(struct hw_ingest_producer *producer, rd_kafka_conf_t *conf, const char *name,
                        const char *value) {
    bool given = false;
    hw_config_each(hw_settings_section(producer->settings, "kafka"), name, note_given, &given);
    struct hw_err err;
    if (!given && hw_kafka_conf_set(conf, name, value, &err))
        hw_error("Kafka client setting refused", hw_kv_s("reason", err.text));
}

static void set_number(struct hw_ingest_producer *producer, rd_kafka_conf_t *conf, const char *name, int64_t value) {
    char text[24];
    snprintf(text, sizeof(text), "%lld", (long long)value);
    struct hw_err err;
    if (hw_kafka_conf_set(conf, name, text, &err))
        hw_error("Kafka client setting refused", hw_kv_s("reason", err.text));
}

static void tune(rd_kafka_conf_t *conf, void *arg) {
    struct hw_ingest_producer *producer = arg;
    const struct hw_ingest_producer_options *options = &producer->options;
    rd_kafka_conf_set_opaque(conf, producer);
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    rd_kafka_conf_set_error_cb(conf, on_error);
    /* The result of every event is known before any client's patience ends. */
    set_number(producer, conf, "message.timeout.ms", options->delivery_timeout_ms);
    set_number(producer, conf, "request.timeout.ms", HW_MIN(options->delivery_timeout_ms, 10000));
    /* An event at its limit with envelope, key and headers. */
    set_number(producer, conf, "message.max.bytes", options->max_event_bytes + 65536);
    /* The door counts bytes in flight itself; the client's own limits stand out of the way. */
    set_number(producer, conf, "queue.buffering.max.messages", 0);
    set_number(producer, conf, "queue.buffering.max.kbytes",
               HW_MIN(options->max_inflight_bytes / 1024 * 2 + 1024, INT32_MAX));
    set_default(producer, conf, "linger.ms", "1");
    set_default(producer, conf, "sticky.partitioning.linger.ms", "10");
    set_default(producer, conf, "socket.nagle.disable", "true");
    /* Back within a second after the log was restarted. */
    set_default(producer, conf, "reconnect.backoff.ms", "50");
    set_default(producer, conf, "reconnect.backoff.max.ms", "500");
    set_default(producer, conf, "retry.backoff.ms", "50");
    set_default(producer, conf, "retry.backoff.max.ms", "500");
    set_default(producer, conf, "topic.metadata.refresh.fast.interval.ms", "50");
}

int hw_ingest_producer_start(const struct hw_settings *settings, const struct hw_ingest_producer_options *options,
                             struct hw_ingest_producer **out_producer, struct hw_err *err) {
    struct hw_ingest_producer *producer = hw_xcalloc(1, sizeof(*producer));
    producer->options = *options;
    producer->settings = settings;
    producer->away = true;
    atomic_store(&producer->away_since_ms, hw_mono_ms());
    pthread_rwlock_init(&producer->topics_lock, NULL);
    pthread_mutex_init(&producer->watch_lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&producer->watch_wake, &attributes);
    pthread_condattr_destroy(&attributes);

    int result = hw_kafka_producer(settings, "ingest", tune, producer, &producer->client, err);
    producer->settings = NULL;
    if (result == 0) {
        size_t size = sizeof(producer->brokers);
        if (rd_kafka_conf_get(rd_kafka_conf(producer->client), "bootstrap.servers", producer->brokers, &size) !=
            RD_KAFKA_CONF_OK)
            snprintf(producer->brokers, sizeof(producer->brokers), "the addresses in kafka.bootstrap.servers");
    }
    if (result) {
        hw_ingest_producer_stop(producer);
        return result;
    }
    *out_producer = producer;
    return 0;
}

int hw_ingest_producer_watch(struct hw_ingest_producer *producer, struct hw_err *err) {
    int error = pthread_create(&producer->reports, NULL, run_reports, producer);
    if (error)
        return hw_err_set_errno(err, error, "cannot start the thread of delivery reports");
    producer->reports_started = true;
    error = pthread_create(&producer->watch, NULL, run_watch, producer);
    if (error)
        return hw_err_set_errno(err, error, "cannot start the thread that watches Kafka");
    producer->watch_started = true;
    return 0;
}

void hw_ingest_producer_drain(struct hw_ingest_producer *producer, int timeout_ms) {
    if (rd_kafka_flush(producer->client, timeout_ms) == RD_KAFKA_RESP_ERR_NO_ERROR)
        return;
    hw_warn("stopping with events Kafka did not confirm; their clients are told to retry",
            hw_kv_i("events", rd_kafka_outq_len(producer->client)));
    rd_kafka_purge(producer->client, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_flush(producer->client, 1000);
}

struct hw_ingest_producer *hw_ingest_producer_stop(struct hw_ingest_producer *producer) {
    if (!producer)
        return NULL;
    pthread_mutex_lock(&producer->watch_lock);
    atomic_store(&producer->stopping, true);
    pthread_cond_signal(&producer->watch_wake);
    pthread_mutex_unlock(&producer->watch_lock);
    if (producer->watch_started)
        pthread_join(producer->watch, NULL);
    if (producer->reports_started)
        pthread_join(producer->reports, NULL);
    size_t at = 0;
    const char *name;
    void *topic;
    while (hw_map_next(&producer->topics, &at, &name, &topic))
        rd_kafka_topic_destroy(topic);
    hw_map_done(&producer->topics);
    if (producer->client)
        rd_kafka_destroy(producer->client);
    pthread_rwlock_destroy(&producer->topics_lock);
    pthread_mutex_destroy(&producer->watch_lock);
    pthread_cond_destroy(&producer->watch_wake);
    free(producer);
    return NULL;
}

rd_kafka_topic_t *hw_ingest_producer_topic(struct hw_ingest_producer *producer, const char *name) {
    pthread_rwlock_rdlock(&producer->topics_lock);
    rd_kafka_topic_t *topic = hw_map_get(&producer->topics, name);
    pthread_rwlock_unlock(&producer->topics_lock);
    if (topic)
        return topic;
    pthread_rwlock_wrlock(&producer->topics_lock);
    topic = hw_map_get(&producer->topics, name);
    if (!topic && producer->topics.count < (size_t)producer->options.max_topics) {
        topic = rd_kafka_topic_new(producer->client, name, NULL);
        if (topic)
            hw_map_put(&producer->topics, name, topic);
    }
    pthread_rwlock_unlock(&producer->topics_lock);
    return topic;
}

rd_kafka_resp_err_t hw_ingest_producer_send(struct hw_ingest_producer *producer, rd_kafka_topic_t *topic,
                                            const struct hw_ingest_stamp *stamp, const void *value, size_t size,
                                            void *message) {
    rd_kafka_headers_t *headers = rd_kafka_headers_copy(stamp->headers);
    rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = RD_KAFKA_PARTITION_UA},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)value, size}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = stamp->timestamp_ms},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = message},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)stamp->key, stamp->key_size}},
    };
    rd_kafka_error_t *error = rd_kafka_produceva(producer->client, parts, HW_ARRAY_SIZE(parts) - (stamp->key ? 0 : 1));
    if (!error)
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);
    rd_kafka_error_destroy(error);
    rd_kafka_headers_destroy(headers); /* they stay the caller's when nothing was queued */
    return code;
}

int64_t hw_ingest_producer_away_ms(const struct hw_ingest_producer *producer) {
    int64_t since = atomic_load_explicit(&producer->away_since_ms, memory_order_relaxed);
    return since ? HW_MAX(hw_mono_ms() - since, 1) : 0;
}

const char *hw_ingest_producer_brokers(const struct hw_ingest_producer *producer) {
    return producer->brokers;
}
