#include "connect/task.h"
#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void task_log(struct hw_task *task, int level, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    int known = level < HW_ERROR ? HW_ERROR : level > HW_DEBUG ? HW_DEBUG : level;
    HW_LOG((enum hw_level)known, text, hw_kv_s("connector", task->connector), hw_kv_i("task", task->id));
}

struct hw_backoff hw_backoff_begin(const struct hw_config *framework) {
    struct hw_backoff backoff = {.delay_ms = 300,
                                 .max_delay_ms = hw_config_int(framework, "errors.retry.delay.max.ms")};
    int64_t timeout = hw_config_int(framework, "errors.retry.timeout");
    if (timeout >= 0)
        backoff.give_up_mono_ms = hw_mono_ms() + timeout + 1;
    return backoff;
}

int64_t hw_backoff_next(struct hw_backoff *backoff) {
    if (backoff->give_up_mono_ms && hw_mono_ms() + 1 >= backoff->give_up_mono_ms)
        return -1;
    int64_t delay = HW_MIN(backoff->delay_ms, backoff->max_delay_ms);
    backoff->delay_ms = HW_MIN(backoff->delay_ms * 2, backoff->max_delay_ms);
    return delay;
}

static int run(struct hw_slot *slot, struct hw_err *err) {
    struct hw_checked checked = {0};
    struct hw_config_faults *faults = hw_xcalloc(1, sizeof(*faults));
    int result = hw_framework_check(slot->class, &slot->config, false, &checked, faults, err);
    hw_freep(&faults);
    if (result == 0)
        result = slot->class->sink ? hw_sink_task_run(slot, &checked, err) : hw_source_task_run(slot, &checked, err);
    hw_checked_done(&checked);
    return result;
}

void *hw_task_main(void *arg) {
    struct hw_slot *slot = arg;
    char name[16];
    snprintf(name, sizeof(name), "task-%.10s", slot->connector);
    pthread_setname_np(pthread_self(), name);
    slot->abi = (struct hw_task){
        .connector = slot->connector, .id = slot->id, .count = slot->count, .log = task_log, .worker = slot};
    HW_CLEANUP(hw_freep)
    char *data_dir = hw_xasprintf("%s/connect/%s", hw_settings_data_dir(slot->worker->settings), slot->connector);
    slot->abi.data_dir = data_dir;
    struct hw_err err = {0};
    int result = run(slot, &err);
    if (result < 0 && err.kind == HW_ERR_NONE) /* a plugin that failed without saying why */
        hw_err_set(&err, HW_ERR_FATAL, 0, "the plugin failed and gave no reason");
    slot->abi.data_dir = NULL;
    pthread_mutex_lock(&slot->worker->lock);
    slot->result = result < 0 ? err : (struct hw_err){0};
    slot->ended = true;
    pthread_mutex_unlock(&slot->worker->lock);
    hw_worker_wake(slot->worker);
    return NULL;
}
