/* Façade over librdkafka: how every role gets its Kafka settings, and the few admin calls they share.
 * Producing and consuming use rdkafka.h directly. */
#pragma once
#include "base/settings.h"
#include "base/base.h"

#include <librdkafka/rdkafka.h>

/* A conf with bootstrap.servers, all of [kafka], client.id = "highway-<role>" and log callback into diag. Caller owns it until
 * rd_kafka_new takes it. */
HW_MUST_CHECK int hw_kafka_conf(const struct hw_settings *settings, const char *role, rd_kafka_conf_t **out_conf, struct hw_err *err);
HW_MUST_CHECK int hw_kafka_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value, struct hw_err *err);
/* Producer defaults: idempotent, acks=all, linger 1 ms, murmur2_random partitioner; [kafka] overrides them, tune overrides all.
 * A fatal error of the producer calls hw_role_quit, unless tune sets an error callback of its own. */
HW_MUST_CHECK int hw_kafka_producer(const struct hw_settings *settings, const char *role, void (*tune)(rd_kafka_conf_t *conf, void *arg),
                                    void *arg, rd_kafka_t **out_producer, struct hw_err *err);

struct hw_kafka_topic_spec {
    const char *name;
    int partitions;          /* -1 = the broker's default */
    int replication;         /* -1 = the broker's default */
    const char *const *configs; /* NULL-ended "key=value", or NULL */
};
/* 0 = created, 1 = was already there. Waits until its leader is known. */
HW_MUST_CHECK int hw_kafka_create_topic(rd_kafka_t *client, const struct hw_kafka_topic_spec *spec, int timeout_ms, struct hw_err *err);

/* A compacted topic read from its beginning to its end and then followed: the shape of all state in the log (configs, status, flows).
 * apply is called in order of each partition: inside open by its caller, then on the store's own thread; value NULL = tombstone. */
struct hw_kafka_store;
typedef void (*hw_kafka_apply)(void *arg, struct hw_slice key, struct hw_slice value, int64_t timestamp_ms);
/* Creates the topic compacted when missing, reads to the end (blocking, up to timeout_ms), then follows on a thread. */
HW_MUST_CHECK int hw_kafka_store_open(const struct hw_settings *settings, const char *role, const char *topic, int partitions,
                                      hw_kafka_apply apply, void *arg, int timeout_ms, struct hw_kafka_store **out_store, struct hw_err *err);
/* Writes durably (acks=all) and returns once this store has applied it itself. value NULL = tombstone. Any thread
 * but the store's own. HW_ERR_RETRY after timeout_ms: not known to be written, it may still be. */
HW_MUST_CHECK int hw_kafka_store_put(struct hw_kafka_store *store, struct hw_slice key, struct hw_slice value, int timeout_ms, struct hw_err *err);
struct hw_kafka_store *hw_kafka_store_close(struct hw_kafka_store *store);
