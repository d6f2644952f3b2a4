#include "admin/flow_status.h"

#include <stdio.h>
#include <string.h>

#define STARTING_MS    15000 /* tasks need a moment after a change; silence within it is no fault */
#define STUCK_LEAST_MS 30000
#define RECENT_MS      60000

static bool is(const char *state, const char *word) {
    return state && strcmp(state, word) == 0;
}

static void first_line(const char *trace, char *out, size_t size) {
    size_t length = trace ? strcspn(trace, "\r\n") : 0;
    snprintf(out, size, "%.*s", (int)HW_MIN(length, size - 1), trace ? trace : "");
}

double hw_flow_lag_seconds(const struct hw_flow_facts *facts) {
    const struct hw_progress *p = &facts->progress;
    if (facts->is_source || !p->known)
        return -1;
    if (p->lag == 0)
        return 0;
    if (p->oldest_ms <= 0)
        return -1;
    return (double)HW_MAX(facts->now_ms - p->oldest_ms, (int64_t)0) / 1000;
}

static void judge_running(const struct hw_flow_facts *facts, struct hw_flow_verdict *out) {
    const struct hw_progress *p = &facts->progress;
    bool starting = facts->now_ms - facts->changed_ms < STARTING_MS;
    int64_t last_ms = p->last_event_us / 1000;
    if (!p->known) {
        out->state = "unknown";
        snprintf(out->why, sizeof out->why, "The worker says it runs, but Kafka could not be asked how far it is.");
        snprintf(out->hint, sizeof out->hint, "Check that Kafka is up; this heals by itself.");
    } else if (facts->is_source) {
        bool recent = facts->now_ms - last_ms < RECENT_MS;
        out->state = recent ? "flowing" : "waiting";
        snprintf(out->why, sizeof out->why,
                 recent ? "New events arrive in the topic." : "The source has had nothing new for a minute.");
    } else if (p->messages == 0 && p->lag == 0) {
        out->state = "waiting";
        snprintf(out->why, sizeof out->why, "No event has been sent yet.");
    } else if (p->lag == 0) {
        bool recent = facts->now_ms - last_ms < RECENT_MS;
        out->state = recent ? "flowing" : "waiting";
        snprintf(out->why, sizeof out->why,
                 recent ? "Every event is there." : "Every event is there; nothing new for a minute.");
    } else {
        double seconds = hw_flow_lag_seconds(facts);
        int64_t allowed_ms = HW_MAX(2 * facts->freshness_ms, facts->freshness_ms + 3000);
        int64_t still_ms = facts->now_ms - HW_MAX(facts->moved_at_ms, facts->changed_ms);
        if (seconds >= 0 && seconds * 1000 <= (double)allowed_ms) {
            out->state = "flowing";
            snprintf(out->why, sizeof out->why, "The newest events land within the next commit.");
        } else if (starting || still_ms < HW_MAX(3 * facts->freshness_ms, (int64_t)STUCK_LEAST_MS)) {
            out->state = "catching_up";
            snprintf(out->why, sizeof out->why, "%lld events are still to come.", (long long)p->lag);
        } else {
            out->state = "failing";
            snprintf(out->why, sizeof out->why,
                     "%lld events wait and nothing has landed for %lld s, although the worker says it runs.",
                     (long long)p->lag, (long long)(still_ms / 1000));
            snprintf(out->hint, sizeof out->hint,
                     "Restart the flow; if it stays so, look into the worker's log and whether the catalog answers.");
        }
    }
}

void hw_flow_judge(const struct hw_flow_facts *facts, struct hw_flow_verdict *out) {
    *out = (struct hw_flow_verdict){.state = "unknown"};
    bool starting = facts->now_ms - facts->changed_ms < STARTING_MS;
    if (!facts->worker_answers) {
        snprintf(out->why, sizeof out->why, "The connect worker does not answer.");
        snprintf(out->hint, sizeof out->hint,
                 "Start it (highway serve connect) or look into its log; events wait in the log meanwhile, nothing is "
                 "lost.");
    } else if (!facts->connector_exists) {
        out->state = starting ? "catching_up" : "failing";
        snprintf(out->why, sizeof out->why,
                 starting ? "The worker is taking it over." : "The worker does not know this flow.");
        if (!starting)
            snprintf(out->hint, sizeof out->hint, "Restart it: the flow is then given to the worker again.");
    } else if (is(facts->connector_state, "FAILED") || facts->tasks_failed > 0) {
        /* One failed task is a failing flow, whatever the others say: a part of its events does not arrive. */
        char line[240];
        first_line(facts->trace, line, sizeof line);
        out->state = "failing";
        snprintf(out->why, sizeof out->why, "%s", line[0] ? line : "A task failed without saying why.");
        snprintf(out->hint, sizeof out->hint, "Fix the cause, then restart the flow; it goes on where it stopped.");
    } else if (is(facts->connector_state, "PAUSED") || is(facts->connector_state, "STOPPED")) {
        out->state = "paused";
        snprintf(out->why, sizeof out->why, "Paused on request; events wait in the topic.");
    } else if (facts->tasks_running == 0 || facts->tasks_running < facts->tasks) {
        out->state = starting ? "catching_up" : "failing";
        snprintf(out->why, sizeof out->why, starting ? "The worker is starting it." : "%d of %d tasks run.",
                 facts->tasks_running, facts->tasks);
        if (!starting)
            snprintf(out->hint, sizeof out->hint, "Restart the flow; if it stays so, look into the worker's log.");
    } else {
        judge_running(facts, out);
    }
}
