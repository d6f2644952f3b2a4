/* The broker: what the request handlers share. One thread, the broker thread, runs the loop and owns connections,
 * topics, partitions and groups; so there is not a lock among them. The flusher thread only syncs files it was handed
 * and posts back. */
#pragma once
#include "highway/config.h"
#include "kafka/messages.h"
#include "log/topics.h"
#include "net/loop.h"

extern const struct hw_config_field hw_log_fields[]; /* role.c: section [log] */

struct hw_broker;
struct hw_conn;
struct hw_group;
struct hw_flusher;
struct hw_cleaner;

/* One request from its frame to the last byte of its answer. Freed by the connection. */
struct hw_request {
    struct hw_broker *broker;
    struct hw_conn *conn; /* NULL once the client went away: the answer is then dropped */
    struct hw_request *next;
    const struct hw_kafka_api *api;
    int16_t version;
    bool flexible;
    int32_t correlation;
    struct hw_slice client_id;
    uint8_t *frame; /* what `in` points into */
    struct hw_arena arena;
    void *in;
    bool done, silent; /* silent: no answer at all (acks=0) */
    void (*cancel)(
        struct hw_request *request); /* the client went away; must end with hw_request_drop or keep its own reference */
    void *state;
    struct hw_buf out;
    struct hw_kafka_writer writer; /* its spans; owners are segments */
    size_t out_sent, span_at, span_sent;
    int64_t began_us;
};
/* Encodes the answer and lets the connection send it. The request is gone afterwards. */
void hw_request_reply(struct hw_request *request, const void *response);
/* Ends the request without an answer: silent, or its client is gone. */
void hw_request_drop(struct hw_request *request);
void *hw_request_alloc(struct hw_request *request, size_t size);
#define HW_RESPONSE(request, name)                                                                                     \
    ({                                                                                                                 \
        struct hw_kafka_##name *response_ = hw_request_alloc((request), sizeof(*response_));                           \
        hw_kafka_init(hw_kafka_##name##_schema(), response_);                                                          \
        response_;                                                                                                     \
    })
const char *hw_request_host(const struct hw_request *request); /* what this client should connect to */
const char *hw_request_peer(const struct hw_request *request); /* "/127.0.0.1", as Kafka shows it */

struct hw_api_stats {
    uint64_t requests, total_us, max_us;
};
struct hw_broker {
    struct hw_loop *loop;
    struct hw_topics topics;
    struct hw_flusher *flusher;
    struct hw_map groups;             /* struct hw_group * */
    struct hw_topic *offsets_topic;   /* __consumer_offsets, NULL until needed */
    struct hw_request *ready_fetches; /* to be looked at again, chained by hw_fetch_state */
    struct hw_conn *conns;
    uint32_t conn_count;
    int listen_fd;
    struct hw_loop_io *listen_io;
    struct hw_loop_timer *tick;
    char *advertised_host;
    int port;
    int64_t next_producer_id, producer_id_limit;
    int64_t last_checkpoint_ms, last_retain_ms, last_clean_ms;
    struct hw_cleaner *cleaner;
    struct hw_api_stats stats[96];
    /* settings */
    int32_t num_partitions, offsets_partitions;
    bool auto_create, stopping;
    int32_t max_request_bytes, max_connections;
    int64_t initial_rebalance_delay_ms, min_session_ms, max_session_ms, checkpoint_interval_ms, retention_check_ms,
        clean_interval_ms;
    int64_t offsets_retention_ms, producer_expiration_ms;
    int32_t max_group_size, offset_metadata_max;
    const struct hw_config *config;
};

/* server.c */
HW_MUST_CHECK int hw_server_start(struct hw_broker *broker, const char *host, int port, struct hw_err *err);
void hw_server_stop(struct hw_broker *broker);
/* dispatch.c */
void hw_dispatch(struct hw_request *request);

/* flusher.c */
HW_MUST_CHECK int hw_flusher_start(struct hw_broker *broker, struct hw_err *err);
void hw_flusher_kick(struct hw_broker *broker); /* hands over what is dirty if the flusher is idle */
void hw_flusher_finish(void *broker); /* broker thread: ends the loop once everything is synced and answered */
void hw_broker_maybe_end(struct hw_broker *broker);
void hw_flusher_stop(struct hw_broker *broker); /* joins */

/* cleaner.c */
void hw_cleaner_look(struct hw_broker *broker); /* begins a compaction where one is due */
void hw_cleaner_cancel(struct hw_broker *broker);
bool hw_cleaner_busy(const struct hw_broker *broker);
void hw_cleaner_stop(struct hw_broker *broker);

/* api_*.c: handlers, one per request key */
typedef void (*hw_api_handler)(struct hw_request *request);
void hw_api_versions(struct hw_request *request);
void hw_api_metadata(struct hw_request *request);
void hw_api_describe_cluster(struct hw_request *request);
void hw_api_describe_log_dirs(struct hw_request *request);
void hw_api_find_coordinator(struct hw_request *request);
void hw_api_init_producer_id(struct hw_request *request);
void hw_api_produce(struct hw_request *request);
void hw_api_fetch(struct hw_request *request);
void hw_api_list_offsets(struct hw_request *request);
void hw_api_offset_for_leader_epoch(struct hw_request *request);
void hw_api_delete_records(struct hw_request *request);
void hw_api_create_topics(struct hw_request *request);
void hw_api_delete_topics(struct hw_request *request);
void hw_api_create_partitions(struct hw_request *request);
void hw_api_describe_configs(struct hw_request *request);
void hw_api_alter_configs(struct hw_request *request);
void hw_api_incremental_alter_configs(struct hw_request *request);
void hw_api_join_group(struct hw_request *request);
void hw_api_sync_group(struct hw_request *request);
void hw_api_heartbeat(struct hw_request *request);
void hw_api_leave_group(struct hw_request *request);
void hw_api_describe_groups(struct hw_request *request);
void hw_api_list_groups(struct hw_request *request);
void hw_api_delete_groups(struct hw_request *request);
void hw_api_offset_commit(struct hw_request *request);
void hw_api_offset_fetch(struct hw_request *request);
void hw_api_offset_delete(struct hw_request *request);

/* Looks again at the fetches whose partitions moved. */
void hw_fetch_run_ready(struct hw_broker *broker);
/* Creates the topic if it may be created of itself; NULL and *out_error when not. */
struct hw_topic *hw_topic_auto_create(struct hw_broker *broker, struct hw_slice name, int *out_error);
/* The error of a client's view of the leader epoch, or 0. */
int hw_epoch_check(const struct hw_partition *partition, int32_t current_leader_epoch);
/* Every so often: checkpoints, retention, expiry. */
void hw_broker_tick(void *arg);
