/* The worker: what all its parts share.
 *
 * Threads
 *   control      one; starts, stops and restarts tasks, writes task sets (control.c). Only it touches a slot's thread.
 *   status       one; writes the status topic from a collapsing queue, so that no task waits for it (status.c).
 *   stores       those of hw_kafka_store; they apply records of the internal topics under the lock.
 *   tasks        one each (sink.c, source.c); they take the lock only to publish a changed state.
 *   HTTP         GETs read the state under the lock and never wait for Kafka or a task; writers run on the HTTP pool.
 * Nobody holds the lock while calling Kafka, a plugin or the disk. */
#pragma once
#include "base/settings.h"
#include "connect/configs.h"
#include "connect/offsets.h"
#include "connect/plugins.h"
#include "connect/status.h"
#include "kafka/client.h"
#include "net/http_server.h"

#include <pthread.h>
#include <stdatomic.h>

enum hw_task_state {
    HW_TASK_UNASSIGNED,
    HW_TASK_RUNNING,
    HW_TASK_PAUSED,
    HW_TASK_FAILED,
    HW_TASK_RESTARTING,
    HW_TASK_STOPPED
};
const char *hw_task_state_name(enum hw_task_state state); /* Connect's closed list of words */

/* What a task shows of its progress; written by its thread, read by any. Times are wall clock ms, 0 = never; lag -1 =
 * unknown. */
struct hw_task_counters {
    atomic_llong records_read, records_put, bytes, dead_letters, skipped, retries, restarts;
    atomic_llong last_record_at_ms, last_progress_at_ms, last_flush_at_ms, last_commit_at_ms, lag_records;
};

/* The place of one task of one connector; lives from its first start until the connector is gone and the thread has
 * ended. */
struct hw_slot {
    struct hw_worker *worker;
    char *connector;
    int id, count;

    /* Control thread; the task's thread reads those set before it started. */
    pthread_t thread;
    bool live, stop_asked;
    uint64_t serial; /* of the task set it runs */
    const struct hw_class *class;
    struct hw_props config;
    int attempts; /* automatic restarts in a row */
    int64_t started_mono_ms, stop_mono_ms;

    /* Task thread → control. */
    atomic_bool stop;     /* asked to end */
    bool ended;           /* guarded by the lock, with result */
    struct hw_err result; /* kind NONE: it ended because it was asked to */

    /* Guarded by the lock. */
    enum hw_task_state state;
    char trace[640];  /* why FAILED */
    char detail[520]; /* what it waits for while RUNNING; "" = all is well */
    int64_t detail_at_ms;
    int64_t next_restart_at_ms, next_restart_mono_ms; /* 0 = none planned */
    bool restart_asked;

    struct hw_task_counters counters;
    struct hw_task abi;
};

/* What runs of a connector. Guarded by the lock; slots are added and removed by the control thread only. */
struct hw_run {
    char *name;
    enum hw_task_state state;
    char trace[640];
    const struct hw_class *class; /* NULL: unknown class */
    struct hw_slot **slots;
    int slot_count;
    bool restart_asked; /* of the connector itself: check its configuration again */

    /* Control thread: the result of checking the configuration of this serial. */
    uint64_t checked_serial;
    bool check_failed;
    int wanted_tasks;
};

struct hw_worker {
    const struct hw_settings *settings;
    const struct hw_config *config; /* section [connect] */
    char worker_id[300];            /* host:port */
    char kafka_cluster_id[80];
    struct hw_props plugin_defaults;
    struct hw_classes classes;
    struct hw_http_server *server;
    struct hw_kafka_store *config_store, *offset_store;
    struct hw_status_writer *status;

    pthread_mutex_t lock; /* guards the four below and what is marked so in slots and runs */
    struct hw_configs configs;
    struct hw_source_offsets offsets;
    struct hw_map runs;       /* name → struct hw_run */
    struct hw_slot **leaving; /* threads of deleted connectors and surplus tasks that have not ended */
    int leaving_count;

    pthread_mutex_t wake_lock; /* guards dirty; may be taken inside lock, never the other way round */
    pthread_cond_t wake;
    bool dirty;
    pthread_mutex_t write_lock; /* one writer of the config topic: check, then write, as one step */

    pthread_t control;
    atomic_bool ready, stopping;
    bool hung; /* control, at its end: a task did not stop in time and still uses this worker */
};

HW_MUST_CHECK int hw_worker_start(const struct hw_settings *settings, struct hw_worker **out_worker,
                                  struct hw_err *err);
void hw_worker_stop(struct hw_worker *worker); /* frees it, unless a hung task still uses it */
void hw_worker_wake(struct hw_worker *worker); /* any thread: let the control thread look */
/* control.c */
void *hw_worker_control(void *worker);
/* Writes a record of the config topic; any thread but the stores'. value NULL = tombstone. */
HW_MUST_CHECK int hw_worker_put_config(struct hw_worker *worker, const char *prefix, const char *name,
                                       const char *value, struct hw_err *err);
/* Lock held: the run of a connector, made when missing. */
struct hw_run *hw_worker_run(struct hw_worker *worker, const char *name);
/* Lock held: sets the state and queues its status record. */
void hw_run_set_state(struct hw_worker *worker, struct hw_run *run, enum hw_task_state state, const char *trace);
void hw_slot_set_state(struct hw_slot *slot, enum hw_task_state state, const char *trace);
/* Any thread without the lock: what the task waits for, "" = nothing. */
void hw_slot_set_detail(struct hw_slot *slot, const char *format, ...) HW_PRINTF(2, 3);

/* rest.c */
extern const struct hw_http_route hw_connect_routes[];
void hw_rest_metrics(struct hw_buf *out, void *worker);
