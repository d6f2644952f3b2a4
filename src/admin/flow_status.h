/* From what is known about a flow to one honest word. Pure: no clock, no network, so that every case has a test. */
#pragma once
#include "admin/topics.h"

struct hw_flow_facts {
    bool worker_answers, connector_exists, is_source;
    const char *connector_state; /* RUNNING, PAUSED, FAILED, UNASSIGNED, STOPPED; NULL not known */
    int tasks, tasks_running, tasks_failed;
    const char *trace; /* of the first fault, or NULL */
    struct hw_progress progress;
    int64_t freshness_ms, now_ms;
    int64_t changed_ms;  /* when the flow was last made, changed, resumed or restarted */
    int64_t moved_at_ms; /* when its position last moved; 0 never seen */
};
struct hw_flow_verdict {
    const char *state; /* flowing, catching_up, waiting, paused, failing, unknown */
    char why[320], hint[320];
};
void hw_flow_judge(const struct hw_flow_facts *facts, struct hw_flow_verdict *out);
double hw_flow_lag_seconds(const struct hw_flow_facts *facts); /* < 0: not known */
