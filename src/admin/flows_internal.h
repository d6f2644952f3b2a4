/* Shared by flows.c (specs and changes), flow_watch.c (the watcher) and flow_json.c (answers). */
#pragma once
#include "admin/flow_status.h"
#include "admin/flows.h"
#include "base/map.h"

#include <pthread.h>

#define FLOW_STEPS 5
extern const char *const hw_flow_step_names[FLOW_STEPS];

struct flow_step {
    const char *state; /* done, active, pending, failed */
    int64_t at_us;
    char detail[240];
};

struct flow {
    char *name;
    bool managed;
    struct hw_flow_spec spec;
    char etag[24];
    int64_t created_us, updated_us, changed_ms;
    bool check_connector; /* the worker must be compared with the spec: at start, and after a change that did not reach
                             it */
    unsigned seen;
    /* what the watcher found */
    struct hw_flow_verdict verdict;
    int64_t since_us;
    char *trace;
    struct flow_step steps[FLOW_STEPS];
    int64_t lag, rows, set_aside, last_commit_us; /* -1 not known; time 0 */
    double lag_seconds;
    int64_t committed, moved_at_ms;
    char *first_row; /* RowSet as JSON text */
    int64_t first_row_tried_ms;
};

struct flow_table {
    int64_t rows, last_commit_us;
};

struct hw_flows {
    struct hw_flows_options options;
    struct hw_kafka_store *store; /* lock; set once by the watcher */
    pthread_mutex_t lock;         /* guards everything below */
    pthread_cond_t wake;
    struct hw_map map; /* name → struct flow */
    bool stopping, worker_answers;
    char why_not_ready[320];
    pthread_t watcher;
    pthread_mutex_t change; /* one change of a flow at a time; taken before lock */
    /* watcher only */
    unsigned round;
    struct hw_map tables; /* name → struct flow_table */
    int64_t tables_at_ms, tables_every_ms;
};

void flow_free(struct flow *flow);
void flow_reset_steps(struct flow *flow);
void *flow_watch_run(void *arg);
/* PUT /connectors/NAME/config. HW_ERR_CONFIG: refused. */
HW_MUST_CHECK int flow_give_to_worker(struct hw_flows *flows, const char *name, const struct hw_flow_spec *spec,
                                      struct hw_err *err);
void flow_apply(void *arg, struct hw_slice key, struct hw_slice value, int64_t timestamp_ms);
