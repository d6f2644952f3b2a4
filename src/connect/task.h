/* What sink and source tasks share. All of it runs on the task's own thread. */
#pragma once
#include "connect/framework.h"
#include "connect/worker.h"

/* Runs the task until it is asked to stop (0) or fails (-1). */
HW_MUST_CHECK int hw_sink_task_run(struct hw_slot *slot, const struct hw_checked *checked, struct hw_err *err);
HW_MUST_CHECK int hw_source_task_run(struct hw_slot *slot, const struct hw_checked *checked, struct hw_err *err);
void *hw_task_main(void *slot); /* the thread */

static inline bool hw_slot_stopping(const struct hw_slot *slot) {
    return atomic_load_explicit(&slot->stop, memory_order_relaxed);
}

/* Pauses of an operation that is tried again: 300 ms, doubling up to errors.retry.delay.max.ms, until
 * errors.retry.timeout. */
struct hw_backoff {
    int64_t delay_ms, max_delay_ms;
    int64_t give_up_mono_ms; /* 0 = never */
};
struct hw_backoff hw_backoff_begin(const struct hw_config *framework);
/* The next pause in ms, or -1: the time is over. */
int64_t hw_backoff_next(struct hw_backoff *backoff);
