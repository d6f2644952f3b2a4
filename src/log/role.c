/* The role `log`: settings, start and stop, and the upkeep done every second. */
#include "log/log.h"

#include "base/diag.h"
#include "log/group.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define KEY(n, t, d, lo, hi, u, text) \
    {.name = n, .type = HW_CONFIG_##t, .default_value = d, .doc = text, .importance = HW_CONFIG_MEDIUM, .min = lo, .max = hi, .unit = u}
/* Kafka's names and defaults, where Kafka has the setting. */
const struct hw_config_field hw_log_fields[] = {
    KEY("listen.host", STRING, "127.0.0.1", 0, 0, NULL, "Address to listen on; 0.0.0.0 for all."),
    KEY("listen.port", INT, "9092", 0, 65535, NULL, "Port to listen on, before common.port.offset is added."),
    KEY("advertised.host", STRING, NULL, 0, 0, NULL, "What clients are told to connect to; unset: the address they reached us by."),
    KEY("num.partitions", INT, "1", 1, 10000, NULL, "Partitions of a topic created without a number."),
    KEY("auto.create.topics.enable", BOOLEAN, "true", 0, 0, NULL, "Create a topic when a client first asks for it."),
    KEY("offsets.topic.num.partitions", INT, "4", 1, 1000, NULL, "Partitions of __consumer_offsets, when it is first created."),
    KEY("offsets.retention.minutes", INT, "10080", 1, 2147483647, "min", "Offsets of a group without members are kept this long."),
    KEY("offset.metadata.max.bytes", INT, "4096", 0, 1048576, "bytes", "Longest note stored with a committed offset."),
    KEY("group.initial.rebalance.delay.ms", INT, "3000", 0, 600000, "ms", "How long a new group waits for more members before the first assignment."),
    KEY("group.min.session.timeout.ms", INT, "6000", 1, 2147483647, "ms", "Shortest session timeout a member may ask for."),
    KEY("group.max.session.timeout.ms", INT, "1800000", 1, 2147483647, "ms", "Longest session timeout a member may ask for."),
    KEY("group.max.size", INT, "2147483647", 1, 2147483647, NULL, "Most members of one group."),
    KEY("message.max.bytes", INT, "1048588", 100, 1073741824, "bytes", "Largest batch accepted; topics override it with max.message.bytes."),
    KEY("socket.request.max.bytes", INT, "104857600", 1024, 1073741824, "bytes", "Largest request accepted."),
    KEY("max.connections", INT, "20000", 1, 1000000, NULL, "Connections beyond this are refused."),
    KEY("log.segment.bytes", INT, "1073741824", 1024, 2147483647, "bytes", "A segment is closed before it grows past this; topics override it with segment.bytes."),
    KEY("log.roll.ms", LONG, "604800000", 1, 9e18, "ms", "A segment is closed when its first record is older; topics: segment.ms."),
    KEY("log.retention.ms", LONG, "604800000", -1, 9e18, "ms", "Segments older than this are dropped, -1 = never; topics: retention.ms."),
    KEY("log.retention.bytes", LONG, "-1", -1, 9e18, "bytes", "Partitions larger than this lose their oldest segments, -1 = no limit; topics: retention.bytes."),
    KEY("log.cleanup.policy", STRING, "delete", 0, 0, NULL, "delete, compact or both; topics: cleanup.policy."),
    KEY("log.retention.check.interval.ms", LONG, "300000", 100, 9e15, "ms", "How often retention is checked."),
    KEY("log.cleaner.backoff.ms", LONG, "15000", 100, 9e15, "ms", "How often compacted topics are looked at."),
    KEY("log.flush.offset.checkpoint.interval.ms", LONG, "5000", 100, 9e15, "ms", "How often recovery points are written; a restart after a crash checks only what came after."),
    KEY("producer.id.expiration.ms", LONG, "86400000", 1000, 9e15, "ms", "Idempotent producers silent for longer are forgotten."),
    {0},
};

/* Broker-wide keys that are the defaults of topic configs. */
static const char *const topic_defaults[][2] = {
    {"message.max.bytes", "max.message.bytes"}, {"log.segment.bytes", "segment.bytes"},     {"log.roll.ms", "segment.ms"},
    {"log.retention.ms", "retention.ms"},       {"log.retention.bytes", "retention.bytes"}, {"log.cleanup.policy", "cleanup.policy"},
};

struct role {
    struct hw_broker broker;
    pthread_t thread;
    bool running;
    struct hw_settings *copy;
};

static int read_settings(struct hw_broker *broker, const struct hw_config *config, struct hw_err *err) {
    broker->config = config;
    broker->num_partitions = (int32_t)hw_config_int(config, "num.partitions");
    broker->offsets_partitions = (int32_t)hw_config_int(config, "offsets.topic.num.partitions");
    broker->auto_create = hw_config_bool(config, "auto.create.topics.enable");
    broker->max_request_bytes = (int32_t)hw_config_int(config, "socket.request.max.bytes");
    broker->max_connections = (int32_t)hw_config_int(config, "max.connections");
    broker->initial_rebalance_delay_ms = hw_config_int(config, "group.initial.rebalance.delay.ms");
    broker->min_session_ms = hw_config_int(config, "group.min.session.timeout.ms");
    broker->max_session_ms = hw_config_int(config, "group.max.session.timeout.ms");
    broker->max_group_size = (int32_t)hw_config_int(config, "group.max.size");
    broker->offset_metadata_max = (int32_t)hw_config_int(config, "offset.metadata.max.bytes");
    broker->offsets_retention_ms = hw_config_int(config, "offsets.retention.minutes") * 60000;
    broker->checkpoint_interval_ms = hw_config_int(config, "log.flush.offset.checkpoint.interval.ms");
    broker->retention_check_ms = hw_config_int(config, "log.retention.check.interval.ms");
    broker->clean_interval_ms = hw_config_int(config, "log.cleaner.backoff.ms");
    broker->producer_expiration_ms = hw_config_int(config, "producer.id.expiration.ms");
    for (size_t i = 0; i < HW_ARRAY_SIZE(topic_defaults); i++) {
        if (!hw_config_is_set(config, topic_defaults[i][0]))
            continue;
        bool text = strcmp(topic_defaults[i][0], "log.cleanup.policy") == 0;
        char *value = text ? hw_xstrdup(hw_config_str(config, topic_defaults[i][0]))
                           : hw_xasprintf("%lld", (long long)hw_config_int(config, topic_defaults[i][0]));
        if (hw_topic_config_check(topic_defaults[i][1], value, err) < 0) {
            free(value);
            return hw_err_prefix(err, "log.%s", topic_defaults[i][0]);
        }
        free(hw_map_put(&hw_topic_defaults, topic_defaults[i][1], value));
    }
    return 0;
}

static void each_partition(struct hw_broker *broker, void (*fn)(struct hw_broker *broker, struct hw_partition *partition, int64_t now_ms), int64_t now_ms) {
    size_t at = 0;
    const char *name;
    void *value;
    while (hw_map_next(&broker->topics.by_name, &at, &name, &value)) {
        const struct hw_topic *topic = value;
        for (int32_t i = 0; i < topic->partition_count; i++)
            fn(broker, topic->partitions[i], now_ms);
    }
}

static void retain(struct hw_broker *broker, struct hw_partition *partition, int64_t now_ms) {
    hw_partition_retain(partition, now_ms);
    hw_producers_expire(&partition->producers, now_ms - broker->producer_expiration_ms);
}

void hw_broker_tick(void *arg) {
    struct hw_broker *broker = arg;
    int64_t mono = hw_mono_ms(), now = hw_now_ms();
    struct hw_err err;
    if (mono - broker->last_checkpoint_ms >= broker->checkpoint_interval_ms) {
        broker->last_checkpoint_ms = mono;
        if (hw_topics_checkpoint(&broker->topics, &err) < 0)
            hw_warn("checkpoint failed; a restart will check more of the log", hw_kv_s("error", err.text));
    }
    if (mono - broker->last_retain_ms >= broker->retention_check_ms) {
        broker->last_retain_ms = mono;
        each_partition(broker, retain, now);
        hw_groups_expire(broker, now);
    }
    if (mono - broker->last_clean_ms >= broker->clean_interval_ms) {
        broker->last_clean_ms = mono;
        hw_cleaner_look(broker);
    }
    hw_flusher_kick(broker);
    int64_t next = HW_MIN(HW_MIN(broker->checkpoint_interval_ms, broker->retention_check_ms), broker->clean_interval_ms);
    broker->tick = hw_loop_timer(broker->loop, HW_MIN(next, (int64_t)1000), hw_broker_tick, broker);
}

static void *broker_main(void *arg) {
    struct hw_broker *broker = arg;
    hw_loop_run(broker->loop);
    return NULL;
}

static void raise_file_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void log_stop(void *self) {
    struct role *role = self;
    struct hw_broker *broker = &role->broker;
    if (role->running) {
        hw_loop_post(broker->loop, hw_flusher_finish, broker);
        pthread_join(role->thread, NULL);
    }
    bool clean = role->running && hw_role_quit_error()->kind == HW_ERR_NONE;
    hw_server_stop(broker);
    hw_cleaner_stop(broker);
    hw_flusher_stop(broker);
    hw_groups_free(broker);
    if (broker->topics.dir)
        hw_topics_close(&broker->topics, clean);
    if (broker->loop)
        hw_loop_free(broker->loop);
    size_t at = 0;
    const char *name;
    void *value;
    while (hw_map_next(&hw_topic_defaults, &at, &name, &value))
        free(value);
    hw_map_done(&hw_topic_defaults);
    free(broker->advertised_host);
    free(role);
}

static int begin(struct role *role, const struct hw_settings *settings, struct hw_err *err) {
    struct hw_broker *broker = &role->broker;
    const struct hw_config *config = hw_settings_section(settings, "log");
    HW_TRY(read_settings(broker, config, err));
    raise_file_limit();
    HW_TRY(hw_loop_new(&broker->loop, err));
    const char *advertised = hw_config_str(config, "advertised.host");
    broker->advertised_host = advertised && *advertised ? hw_xstrdup(advertised) : NULL;
    HW_CLEANUP(hw_freep) char *dir = hw_xasprintf("%s/log", hw_settings_data_dir(settings));
    int64_t began = hw_mono_ms();
    HW_TRY(hw_topics_open(&broker->topics, dir, err));
    HW_TRY(hw_flusher_start(broker, err));
    HW_TRY(hw_groups_load(broker, err));
    int port = hw_settings_port(settings, (int)hw_config_int(config, "listen.port"));
    HW_TRY(hw_server_start(broker, hw_config_str(config, "listen.host"), port, err));
    broker->last_checkpoint_ms = broker->last_retain_ms = broker->last_clean_ms = hw_mono_ms();
    hw_broker_tick(broker);
    int error = pthread_create(&role->thread, NULL, broker_main, broker);
    if (error)
        return hw_err_set_errno(err, error, "cannot start the broker thread");
    role->running = true;
    hw_notice("log ready", hw_kv_s("host", hw_config_str(config, "listen.host")), hw_kv_i("port", port), hw_kv_s("dir", dir),
              hw_kv_i("topics", (int64_t)broker->topics.by_name.count), hw_kv_i("ms", hw_mono_ms() - began));
    return 0;
}

static int log_start(const struct hw_settings *settings, void **out_self, struct hw_err *err) {
    struct role *role = hw_xcalloc(1, sizeof(*role));
    role->broker.listen_fd = -1;
    role->broker.topics.lock_fd = -1;
    if (begin(role, settings, err) < 0) {
        log_stop(role);
        return -1;
    }
    *out_self = role;
    return 0;
}

const struct hw_role hw_log_role = {
    .name = "log",
    .doc = "The embedded log: speaks the Kafka protocol on one node and never loses what it acknowledged.",
    .config = hw_log_fields,
    .start = log_start,
    .stop = log_stop,
};
