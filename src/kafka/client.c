/* Kafka settings for librdkafka, producers, topics. */
#include "kafka/client.h"
#include "base/diag.h"
#include "base/role.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

int hw_kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct hw_err *err) {
    char text[256];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK)
        return hw_err_set(err, HW_ERR_CONFIG, 0, "Kafka client setting %s: %s", name, text);
    return 0;
}

/* librdkafka's lines go where ours go. Connections that come and go are its everyday life, and it tells of every try: one such line
 * in five seconds says that Kafka is away, the rest is for debugging. */
static void on_log(const rd_kafka_t *client, int level, const char *facility, const char *text) {
    static atomic_int_least64_t last_ms = -5000;
    (void)client;
    enum hw_level mine = level <= 3 ? HW_WARN : level <= 4 ? HW_INFO : HW_DEBUG;
    if (strcmp(facility, "FAIL") == 0 || strcmp(facility, "ERROR") == 0 || strcmp(facility, "REQTMOUT") == 0) {
        int_least64_t last = atomic_load(&last_ms), now = hw_mono_ms();
        mine = now - last >= 5000 && atomic_compare_exchange_strong(&last_ms, &last, now) ? HW_INFO : HW_DEBUG;
    }
    hw_diag_write(mine, text, (const struct hw_kv[]){hw_kv_s("librdkafka", facility)}, 1);
}

struct passing {
    rd_kafka_conf_t *conf;
    struct hw_err *err;
    int result;
};

static void pass_setting(const char *key, const char *value, void *arg) {
    struct passing *passing = arg;
    if (passing->result == 0 && hw_kafka_conf_set(passing->conf, key, value, passing->err))
        passing->result = -1;
}

/* Order of authority: ours, then the defaults of the caller, then what the user wrote under [kafka] (also by an alias). */
static int make_conf(const struct hw_settings *settings, const char *role, const char *const (*defaults)[2], size_t default_count,
                     rd_kafka_conf_t **out_conf, struct hw_err *err) {
    char text[80];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    struct passing passing = {.conf = conf, .err = err};
    snprintf(text, sizeof text, "127.0.0.1:%d", hw_settings_port(settings, 9092));
    pass_setting("bootstrap.servers", text, &passing);
    snprintf(text, sizeof text, "highway-%s", role);
    pass_setting("client.id", text, &passing);
    pass_setting("reconnect.backoff.ms", "50", &passing); /* a restarted broker on loopback is back within a second */
    pass_setting("reconnect.backoff.max.ms", "1000", &passing);
    pass_setting("socket.keepalive.enable", "true", &passing);
    for (size_t i = 0; i < default_count; i++)
        pass_setting(defaults[i][0], defaults[i][1], &passing);
    hw_config_each(hw_settings_section(settings, "kafka"), "", pass_setting, &passing);
    if (passing.result) {
        rd_kafka_conf_destroy(conf);
        return hw_err_prefix(err, "[kafka]");
    }
    rd_kafka_conf_set_log_cb(conf, on_log);
    *out_conf = conf;
    return 0;
}

int hw_kafka_conf(const struct hw_settings *settings, const char *role, rd_kafka_conf_t **out_conf, struct hw_err *err) {
    return make_conf(settings, role, NULL, 0, out_conf, err);
}

/* An idempotent producer that lost its place (the broker lost data, or fenced us) refuses everything from then on; only a new one
 * with a new producer id can go on. The role ends and its supervisor starts it anew. */
static void on_error(rd_kafka_t *client, int code, const char *reason, void *arg) {
    if (code != RD_KAFKA_RESP_ERR__FATAL) {
        hw_debug("Kafka client", hw_kv_s("error", rd_kafka_err2name(code)), hw_kv_s("reason", reason));
        return;
    }
    char text[256] = "";
    struct hw_err why;
    rd_kafka_resp_err_t cause = rd_kafka_fatal_error(client, text, sizeof text);
    (void)hw_err_set(&why, HW_ERR_FATAL, cause, "the Kafka producer %s stopped: %s", rd_kafka_name(client), text);
    hw_role_quit(&why);
}

int hw_kafka_producer(const struct hw_settings *settings, const char *role, void (*tune)(rd_kafka_conf_t *conf, void *arg), void *arg,
                      rd_kafka_t **out_producer, struct hw_err *err) {
    static const char *const defaults[][2] = {
        {"enable.idempotence", "true"}, {"acks", "all"}, {"linger.ms", "1"}, {"partitioner", "murmur2_random"}};
    char text[256];
    rd_kafka_conf_t *conf;
    HW_TRY(make_conf(settings, role, defaults, HW_ARRAY_SIZE(defaults), &conf, err));
    rd_kafka_conf_set_error_cb(conf, on_error);
    if (tune)
        tune(conf, arg);
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (!producer) {
        rd_kafka_conf_destroy(conf);
        return hw_err_set(err, HW_ERR_CONFIG, 0, "cannot start a Kafka producer: %s", text);
    }
    *out_producer = producer;
    return 0;
}

/* Created is not yet usable: waits until every partition has a leader, by metadata. */
static int wait_for_leaders(rd_kafka_t *client, const char *topic, int64_t until_ms, struct hw_err *err) {
    for (;;) {
        rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
        const struct rd_kafka_metadata *metadata = NULL;
        rd_kafka_resp_err_t code = rd_kafka_metadata(client, 0, handle, &metadata, 1000);
        bool ready = code == RD_KAFKA_RESP_ERR_NO_ERROR && metadata->topic_cnt == 1 && !metadata->topics[0].err &&
                     metadata->topics[0].partition_cnt > 0;
        for (int i = 0; ready && i < metadata->topics[0].partition_cnt; i++)
            ready = metadata->topics[0].partitions[i].leader >= 0;
        if (!code && metadata->topic_cnt == 1)
            code = metadata->topics[0].err;
        if (metadata)
            rd_kafka_metadata_destroy(metadata);
        rd_kafka_topic_destroy(handle);
        if (ready)
            return 0;
        if (hw_mono_ms() > until_ms)
            return hw_err_set(err, HW_ERR_RETRY, (int)code, "topic %s has no leader yet (%s)", topic,
                              code ? rd_kafka_err2str(code) : "partitions without leader");
        usleep(20000);
    }
}

static rd_kafka_NewTopic_t *new_topic(const struct hw_kafka_topic_spec *spec, struct hw_err *err) {
    char text[256];
    rd_kafka_NewTopic_t *topic = rd_kafka_NewTopic_new(spec->name, spec->partitions, spec->replication, text, sizeof text);
    if (!topic) {
        hw_err_set(err, HW_ERR_CONFIG, 0, "topic %s: %s", spec->name, text);
        return NULL;
    }
    for (const char *const *config = spec->configs; config && *config; config++) {
        const char *equals = strchr(*config, '=');
        HW_CLEANUP(hw_freep) char *key = hw_xstrndup(*config, equals ? (size_t)(equals - *config) : strlen(*config));
        rd_kafka_NewTopic_set_config(topic, key, equals ? equals + 1 : "");
    }
    return topic;
}

/* One CreateTopics request and its answer; text tells what the broker said. */
static rd_kafka_resp_err_t ask_to_create(rd_kafka_t *client, rd_kafka_NewTopic_t *topic, int timeout_ms, char *text, size_t text_size) {
    char ignored[128];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(client, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_AdminOptions_set_request_timeout(options, timeout_ms, ignored, sizeof ignored);
    rd_kafka_AdminOptions_set_operation_timeout(options, timeout_ms, ignored, sizeof ignored);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_CreateTopics(client, &topic, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, timeout_ms + 1000);
    rd_kafka_resp_err_t code = event ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    const char *said = event && code ? rd_kafka_event_error_string(event) : NULL;
    if (!code) {
        size_t count = 0;
        const rd_kafka_topic_result_t **results = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
        code = count ? rd_kafka_topic_result_error(results[0]) : RD_KAFKA_RESP_ERR__FAIL;
        said = count && code ? rd_kafka_topic_result_error_string(results[0]) : NULL;
    }
    snprintf(text, text_size, "%s", said ? said : rd_kafka_err2str(code));
    if (event)
        rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    rd_kafka_AdminOptions_destroy(options);
    return code;
}

/* Passes by itself: no broker reached yet, an election under way, or brokers not yet registered with a controller that just started
 * (which Kafka tells as a bad replication factor). */
static bool is_passing(rd_kafka_resp_err_t code) {
    switch ((int)code) {
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
        return true;
    default:
        return false;
    }
}

int hw_kafka_create_topic(rd_kafka_t *client, const struct hw_kafka_topic_spec *spec, int timeout_ms, struct hw_err *err) {
    int64_t until_ms = hw_mono_ms() + timeout_ms;
    size_t name_size = strlen(spec->name);
    if (!name_size || name_size > 249) /* the broker would say so too, when it is there */
        return hw_err_set(err, HW_ERR_CONFIG, 0, "cannot create topic \"%.60s\": a name has 1 to 249 characters", spec->name);
    for (;;) {
        char text[256];
        rd_kafka_NewTopic_t *topic = new_topic(spec, err);
        if (!topic)
            return -1;
        int left = (int)HW_MAX(until_ms - hw_mono_ms(), (int64_t)1000);
        rd_kafka_resp_err_t code = ask_to_create(client, topic, left, text, sizeof text);
        rd_kafka_NewTopic_destroy(topic);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
            HW_TRY(wait_for_leaders(client, spec->name, until_ms, err));
            return code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS;
        }
        if (!is_passing(code))
            return hw_err_set(err, HW_ERR_CONFIG, (int)code, "cannot create topic %s: %s", spec->name, text);
        if (hw_mono_ms() > until_ms)
            return hw_err_set(err, code == RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR ? HW_ERR_CONFIG : HW_ERR_RETRY, (int)code,
                              "cannot create topic %s: %s", spec->name, text);
        usleep(100000);
    }
}
