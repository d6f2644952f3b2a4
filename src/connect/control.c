/* The control thread: makes what runs agree with what the config topic says.
 *
 *   connector config ─▶ check ─▶ task set (written to the topic, one commit) ─▶ one slot a task ─▶ thread
 *
 * It never waits for a task: a task is asked to stop, goes on in its own time, and is joined once it said it has ended.
 */
#include "base/diag.h"
#include "base/fs.h"
#include "base/role.h"
#include "connect/task.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORE_TIMEOUT_MS 30000
#define STEADY_MS        60000 /* a task that ran this long starts its back-off anew */

/* Store threads. */

static void mark_restart(struct hw_worker *worker, const struct hw_configs_change *change) {
    struct hw_run *run = hw_map_get(&worker->runs, change->connector);
    if (!run || !atomic_load(&worker->ready)) /* restarts from before this start are done by starting */
        return;
    if (!change->only_failed || run->state == HW_TASK_FAILED)
        run->restart_asked = true;
    for (int i = 0; change->include_tasks && i < run->slot_count; i++) {
        struct hw_slot *slot = run->slots[i];
        if (change->only_failed && slot->state != HW_TASK_FAILED)
            continue;
        if (slot->state == HW_TASK_RUNNING || slot->state == HW_TASK_FAILED) {
            slot->restart_asked = true;
            hw_slot_set_state(slot, HW_TASK_RESTARTING, NULL);
        }
    }
}

static void apply_config(void *arg, struct hw_slice key, struct hw_slice value, int64_t timestamp_ms) {
    struct hw_worker *worker = arg;
    struct hw_configs_change change;
    pthread_mutex_lock(&worker->lock);
    hw_configs_apply(&worker->configs, key, value, &change);
    if (change.event == HW_CONFIGS_RESTART)
        mark_restart(worker, &change);
    if (change.event == HW_CONFIGS_CHANGED && hw_configs_get(&worker->configs, change.connector))
        hw_worker_run(worker, change.connector); /* visible at once */
    pthread_mutex_unlock(&worker->lock);
    if (change.event == HW_CONFIGS_BAD)
        hw_warn("a record of the config topic was ignored", hw_kv_s("why", change.fault),
                hw_kv_i("key_bytes", (int64_t)key.size));
    else if (change.event != HW_CONFIGS_NOTHING)
        hw_worker_wake(worker);
}

static void apply_offset(void *arg, struct hw_slice key, struct hw_slice value, int64_t timestamp_ms) {
    struct hw_worker *worker = arg;
    pthread_mutex_lock(&worker->lock);
    hw_source_offsets_apply(&worker->offsets, key, value);
    pthread_mutex_unlock(&worker->lock);
}

/* Slots. Control thread. */

static void slot_free(struct hw_slot *slot) {
    hw_props_done(&slot->config);
    free(slot->connector);
    free(slot);
}

static void slot_ask_stop(struct hw_slot *slot) {
    if (!slot->live || slot->stop_asked)
        return;
    slot->stop_asked = true;
    slot->stop_mono_ms = hw_mono_ms();
    atomic_store(&slot->stop, true);
}

static void slot_start(struct hw_slot *slot, const struct hw_class *class, const struct hw_props *config, int count,
                       uint64_t serial) {
    hw_props_done(&slot->config);
    hw_props_copy(&slot->config, config);
    slot->class = class;
    slot->count = count;
    slot->serial = serial;
    slot->stop_asked = false;
    slot->started_mono_ms = hw_mono_ms();
    atomic_store(&slot->stop, false);
    pthread_mutex_lock(&slot->worker->lock);
    slot->ended = slot->restart_asked = false;
    slot->next_restart_at_ms = slot->next_restart_mono_ms = 0;
    slot->detail[0] = 0;
    pthread_mutex_unlock(&slot->worker->lock);
    slot->live = pthread_create(&slot->thread, NULL, hw_task_main, slot) == 0;
    if (!slot->live) {
        pthread_mutex_lock(&slot->worker->lock);
        hw_slot_set_state(slot, HW_TASK_FAILED, "cannot start a thread: the machine is out of threads or memory");
        slot->next_restart_mono_ms = hw_mono_ms() + 1000;
        pthread_mutex_unlock(&slot->worker->lock);
    }
}

static void plan_restart(struct hw_slot *slot) {
    const struct hw_config *config = slot->worker->config;
    int64_t delay = hw_config_int(config, "task.restart.delay.ms"),
            most = hw_config_int(config, "task.restart.delay.max.ms");
    if (hw_mono_ms() - slot->started_mono_ms > STEADY_MS)
        slot->attempts = 0;
    for (int i = 0; i < slot->attempts && delay < most; i++)
        delay *= 2;
    delay = HW_MIN(delay, most);
    slot->attempts++;
    slot->next_restart_mono_ms = hw_mono_ms() + delay;
    slot->next_restart_at_ms = hw_now_ms() + delay;
}

/* Joins a thread that has ended and settles its state. False: still running. */
static bool slot_reap(struct hw_slot *slot, enum hw_task_state state_when_asked) {
    pthread_mutex_lock(&slot->worker->lock);
    bool ended = slot->ended;
    pthread_mutex_unlock(&slot->worker->lock);
    if (!ended) {
        if (slot->stop_asked && hw_mono_ms() - slot->stop_mono_ms > 5000)
            hw_slot_set_detail(slot, "asked to stop, but still inside a call of its plugin");
        return false;
    }
    pthread_join(slot->thread, NULL);
    slot->live = false;
    pthread_mutex_lock(&slot->worker->lock);
    struct hw_err result = slot->result;
    slot->ended = false;
    slot->detail[0] = 0;
    if (result.kind == HW_ERR_NONE && !slot->stop_asked)
        hw_err_set(&result, HW_ERR_FATAL, 0, "the task ended by itself");
    if (result.kind == HW_ERR_NONE || slot->stop_asked) {
        hw_slot_set_state(slot, slot->restart_asked ? HW_TASK_RESTARTING : state_when_asked, NULL);
        slot->attempts = 0;
    } else {
        hw_slot_set_state(slot, HW_TASK_FAILED, result.text);
        if (result.kind == HW_ERR_RETRY || result.kind == HW_ERR_FATAL)
            plan_restart(slot);
    }
    pthread_mutex_unlock(&slot->worker->lock);
    if (result.kind != HW_ERR_NONE)
        hw_error("task failed", hw_kv_s("connector", slot->connector), hw_kv_i("task", slot->id),
                 hw_kv_s("kind", hw_err_kind_name(result.kind)), hw_kv_s("why", result.text));
    return true;
}

/* Lock held. */
static void slot_leave(struct hw_worker *worker, struct hw_slot *slot) {
    hw_status_forget_task(worker->status, slot->connector, slot->id);
    worker->leaving = hw_xrealloc(worker->leaving, (size_t)(worker->leaving_count + 1) * sizeof(*worker->leaving));
    worker->leaving[worker->leaving_count++] = slot;
}

static void reap_leaving(struct hw_worker *worker) {
    int kept = 0;
    for (int i = 0; i < worker->leaving_count; i++) {
        struct hw_slot *slot = worker->leaving[i];
        slot_ask_stop(slot);
        pthread_mutex_lock(&worker->lock);
        bool ended = slot->ended || !slot->live;
        pthread_mutex_unlock(&worker->lock);
        if (!ended) {
            worker->leaving[kept++] = slot;
            continue;
        }
        if (slot->live)
            pthread_join(slot->thread, NULL);
        slot_free(slot);
    }
    worker->leaving_count = kept;
}

/* Lock held. */
static void set_slot_count(struct hw_worker *worker, struct hw_run *run, int count) {
    while (run->slot_count > count)
        slot_leave(worker, run->slots[--run->slot_count]);
    if (count > run->slot_count)
        run->slots = hw_xrealloc(run->slots, (size_t)count * sizeof(*run->slots));
    while (run->slot_count < count) {
        struct hw_slot *slot = hw_xcalloc(1, sizeof(*slot));
        slot->worker = worker;
        slot->connector = hw_xstrdup(run->name);
        slot->id = run->slot_count;
        atomic_store(&slot->counters.lag_records, -1);
        run->slots[run->slot_count++] = slot;
    }
}

/* Connectors. Control thread. */

static void run_remove(struct hw_worker *worker, const char *name) {
    pthread_mutex_lock(&worker->lock);
    struct hw_run *run = hw_map_remove(&worker->runs, name);
    set_slot_count(worker, run, 0);
    hw_status_forget_connector(worker->status, name);
    pthread_mutex_unlock(&worker->lock);
    free(run->slots);
    free(run->name);
    free(run);
    HW_CLEANUP(hw_freep) char *scratch = hw_xasprintf("%s/connect/%s", hw_settings_data_dir(worker->settings), name);
    struct hw_err ignored = {0};
    if (!hw_connector_name_fault(name) && hw_fs_remove_tree(scratch, &ignored) < 0)
        hw_debug("scratch directory not removed", hw_kv_s("path", scratch));
}

static void run_check(struct hw_worker *worker, struct hw_run *run, const struct hw_props *config) {
    struct hw_err err = {0};
    struct hw_checked checked = {0};
    const struct hw_class *class = NULL;
    HW_CLEANUP(hw_freep) struct hw_config_faults *faults = hw_xcalloc(1, sizeof(*faults));
    const char *name_fault = hw_connector_name_fault(run->name), *class_name = hw_props_get(config, "connector.class");
    int result = 0;
    if (name_fault)
        result = hw_err_set(&err, HW_ERR_CONFIG, 0, "%s", name_fault);
    else if (!class_name)
        result = hw_err_set(&err, HW_ERR_CONFIG, 0, "connector.class is missing");
    else
        result = hw_classes_find(&worker->classes, class_name, config, &class, &err);
    if (result == 0)
        result = hw_framework_check(class, config, false, &checked, faults, &err);
    run->check_failed = result < 0;
    run->wanted_tasks =
        result < 0 ? 0 : hw_class_task_count(class, checked.plugin, (int)hw_config_int(checked.framework, "tasks.max"));
    hw_checked_done(&checked);
    pthread_mutex_lock(&worker->lock);
    run->class = class;
    run->restart_asked = false;
    if (result < 0)
        hw_run_set_state(worker, run, HW_TASK_FAILED, err.text);
    pthread_mutex_unlock(&worker->lock);
    if (result < 0)
        hw_error("connector cannot run", hw_kv_s("connector", run->name), hw_kv_s("why", err.text));
}

/* Lock held: every task's settings are the connector's. */
static bool task_set_is_right(const struct hw_connector *connector, int wanted) {
    if (connector->inconsistent || connector->task_count != wanted)
        return false;
    for (int i = 0; i < wanted; i++)
        if (!hw_props_equal(&connector->tasks[i], &connector->config))
            return false;
    return true;
}

/* The REST side holds write_lock while it changes a connector in more than one record (stop: no tasks, then the state);
 * to write tasks in between would undo it. When it is taken we come back on the wake that its records cause. */
static int write_task_set(struct hw_worker *worker, const char *name, const struct hw_props *config, int wanted,
                          uint64_t config_serial) {
    if (pthread_mutex_trylock(&worker->write_lock) != 0)
        return -1;
    pthread_mutex_lock(&worker->lock);
    const struct hw_connector *now = hw_configs_get(&worker->configs, name);
    bool still = now && now->config_serial == config_serial && now->target == HW_TARGET_STARTED;
    pthread_mutex_unlock(&worker->lock);
    struct hw_err err = {0};
    int result = 0;
    HW_CLEANUP(hw_buf_done) struct hw_buf value = {0};
    hw_configs_write_properties(config, &value);
    for (int i = 0; still && i < wanted && result == 0; i++) {
        char id[32];
        snprintf(id, sizeof(id), "-%d", i);
        HW_CLEANUP(hw_freep) char *key = hw_xasprintf("%s%s", name, id);
        result = hw_worker_put_config(worker, "task-", key, hw_buf_str(&value), &err);
    }
    char commit[40];
    snprintf(commit, sizeof(commit), "{\"tasks\":%d}", wanted);
    if (still && result == 0)
        result = hw_worker_put_config(worker, "commit-", name, commit, &err);
    pthread_mutex_unlock(&worker->write_lock);
    if (result < 0)
        hw_warn("tasks not written, trying again", hw_kv_s("connector", name), hw_kv_s("why", err.text));
    return result;
}

/* One task: what it should do against what it does. */
static void slot_reconcile(struct hw_slot *slot, const struct hw_class *class, const struct hw_props *config, int count,
                           uint64_t serial, bool should_run, enum hw_task_state idle_state) {
    struct hw_worker *worker = slot->worker;
    pthread_mutex_lock(&worker->lock);
    bool asked = slot->restart_asked;
    pthread_mutex_unlock(&worker->lock);
    if (slot->live && (!should_run || slot->serial != serial || asked))
        slot_ask_stop(slot);
    if (slot->live && !slot_reap(slot, idle_state))
        return;
    if (slot->live)
        return;
    pthread_mutex_lock(&worker->lock);
    bool failed = slot->state == HW_TASK_FAILED;
    bool due = slot->next_restart_mono_ms && hw_mono_ms() >= slot->next_restart_mono_ms;
    if (!should_run) {
        slot->restart_asked = false;
        slot->next_restart_at_ms = slot->next_restart_mono_ms = 0;
        hw_slot_set_state(slot, idle_state, NULL);
    }
    pthread_mutex_unlock(&worker->lock);
    if (!should_run || (failed && !due && !asked && slot->serial == serial))
        return;
    if (asked)
        slot->attempts = 0;
    if (failed)
        atomic_fetch_add(&slot->counters.restarts, 1);
    slot_start(slot, class, config, count, serial);
}

/* Returns false when it must be looked at again soon. */
static bool reconcile(struct hw_worker *worker, const char *name) {
    pthread_mutex_lock(&worker->lock);
    const struct hw_connector *connector = hw_configs_get(&worker->configs, name);
    struct hw_run *run = hw_map_get(&worker->runs, name);
    if (!connector) {
        pthread_mutex_unlock(&worker->lock);
        if (run)
            run_remove(worker, name);
        return true;
    }
    if (!run)
        run = hw_worker_run(worker, name);
    struct hw_props config;
    hw_props_copy(&config, &connector->config);
    uint64_t config_serial = connector->config_serial;
    bool must_check = run->checked_serial != config_serial || run->restart_asked;
    pthread_mutex_unlock(&worker->lock);
    if (must_check)
        run_check(worker, run, &config);
    run->checked_serial = config_serial;

    bool settled = true;
    pthread_mutex_lock(&worker->lock);
    connector = hw_configs_get(&worker->configs, name); /* what follows uses one consistent view */
    enum hw_target target = connector ? connector->target : HW_TARGET_STOPPED;
    bool write = connector && !run->check_failed && target == HW_TARGET_STARTED &&
                 connector->config_serial == config_serial && !task_set_is_right(connector, run->wanted_tasks);
    pthread_mutex_unlock(&worker->lock);
    if (write)
        settled = write_task_set(worker, name, &config, run->wanted_tasks, config_serial) == 0;
    hw_props_done(&config);

    pthread_mutex_lock(&worker->lock);
    connector = hw_configs_get(&worker->configs, name);
    if (!connector) {
        pthread_mutex_unlock(&worker->lock);
        return false;
    }
    target = connector->target;
    uint64_t serial = connector->serial;
    int count = target == HW_TARGET_STOPPED ? 0 : connector->task_count;
    bool should_run =
        target == HW_TARGET_STARTED && !run->check_failed && run->checked_serial == connector->config_serial;
    set_slot_count(worker, run, count);
    struct hw_props *tasks = hw_xcalloc((size_t)count + 1, sizeof(*tasks));
    for (int i = 0; i < count; i++)
        hw_props_copy(&tasks[i], &connector->tasks[i]);
    if (!run->check_failed)
        hw_run_set_state(worker, run,
                         target == HW_TARGET_STARTED  ? HW_TASK_RUNNING
                         : target == HW_TARGET_PAUSED ? HW_TASK_PAUSED
                                                      : HW_TASK_STOPPED,
                         NULL);
    pthread_mutex_unlock(&worker->lock);
    for (int i = 0; i < count; i++) {
        slot_reconcile(run->slots[i], run->class, &tasks[i], count, serial, should_run,
                       target == HW_TARGET_PAUSED ? HW_TASK_PAUSED : HW_TASK_UNASSIGNED);
        hw_props_done(&tasks[i]);
    }
    free(tasks);
    return settled;
}

static char **names_of_all(struct hw_worker *worker, size_t *out_count) {
    pthread_mutex_lock(&worker->lock);
    char **names = hw_xcalloc(worker->runs.count + worker->configs.connectors.count + 1, sizeof(*names));
    size_t count = 0, at = 0;
    const char *key;
    void *value;
    while (hw_map_next(&worker->runs, &at, &key, &value))
        names[count++] = hw_xstrdup(key);
    at = 0;
    while (hw_map_next(&worker->configs.connectors, &at, &key, &value))
        if (((struct hw_connector *)value)->exists && !hw_map_get(&worker->runs, key))
            names[count++] = hw_xstrdup(key);
    pthread_mutex_unlock(&worker->lock);
    *out_count = count;
    return names;
}

static bool reconcile_all(struct hw_worker *worker) {
    size_t count;
    char **names = names_of_all(worker, &count);
    bool settled = true;
    for (size_t i = 0; i < count; i++) {
        settled &= reconcile(worker, names[i]);
        free(names[i]);
    }
    free(names);
    reap_leaving(worker);
    return settled;
}

/* The earliest planned restart, as a pause from now. */
static int64_t next_pause_ms(struct hw_worker *worker) {
    int64_t until = hw_mono_ms() + 60000;
    size_t at = 0;
    const char *key;
    void *value;
    pthread_mutex_lock(&worker->lock);
    while (hw_map_next(&worker->runs, &at, &key, &value)) {
        const struct hw_run *run = value;
        for (int i = 0; i < run->slot_count; i++) {
            const struct hw_slot *slot = run->slots[i];
            if (slot->next_restart_mono_ms)
                until = HW_MIN(until, slot->next_restart_mono_ms);
            if (slot->live && slot->stop_asked)
                until = HW_MIN(until, hw_mono_ms() + 1000);
        }
    }
    pthread_mutex_unlock(&worker->lock);
    return HW_MAX(1, until - hw_mono_ms());
}

static void wait_for_work(struct hw_worker *worker, int64_t most_ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += most_ms / 1000;
    until.tv_nsec += most_ms % 1000 * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&worker->wake_lock);
    while (!worker->dirty && pthread_cond_timedwait(&worker->wake, &worker->wake_lock, &until) != ETIMEDOUT)
        ;
    worker->dirty = false;
    pthread_mutex_unlock(&worker->wake_lock);
}

/* Asks every task to end and waits up to the graceful time; a task hung in its plugin is left behind. */
static void stop_all(struct hw_worker *worker) {
    int64_t until = hw_mono_ms() + hw_config_int(worker->config, "task.shutdown.graceful.timeout.ms");
    size_t at = 0;
    const char *key;
    void *value;
    pthread_mutex_lock(&worker->lock);
    while (hw_map_next(&worker->runs, &at, &key, &value)) {
        struct hw_run *run = value;
        while (run->slot_count > 0) {
            struct hw_slot *slot = run->slots[--run->slot_count];
            slot_ask_stop(slot);
            hw_slot_set_state(slot, HW_TASK_UNASSIGNED, NULL);
            worker->leaving =
                hw_xrealloc(worker->leaving, (size_t)(worker->leaving_count + 1) * sizeof(*worker->leaving));
            worker->leaving[worker->leaving_count++] = slot;
        }
        hw_run_set_state(worker, run, HW_TASK_UNASSIGNED, NULL);
        hw_map_remove(&worker->runs, key);
        free(run->slots);
        free(run->name);
        free(run);
    }
    pthread_mutex_unlock(&worker->lock);
    reap_leaving(worker);
    while (worker->leaving_count > 0 && hw_mono_ms() < until) {
        wait_for_work(worker, HW_MIN(200, HW_MAX(1, until - hw_mono_ms())));
        reap_leaving(worker);
    }
    for (int i = 0; i < worker->leaving_count; i++)
        hw_error("task did not stop in time, leaving it", hw_kv_s("connector", worker->leaving[i]->connector),
                 hw_kv_i("task", worker->leaving[i]->id));
    worker->hung = worker->leaving_count > 0;
}

/* Until Kafka answers, in steps short enough for a quick stop; then learns the cluster's id for GET /. */
static int meet_kafka(struct hw_worker *worker, struct hw_err *err) {
    rd_kafka_t *client = NULL;
    const struct rd_kafka_metadata *metadata = NULL;
    HW_TRY(hw_kafka_producer(worker->settings, "connect", NULL, NULL, &client, err));
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TRANSPORT;
    for (int i = 0; code && i < 5 && !atomic_load(&worker->stopping); i++)
        code = rd_kafka_metadata(client, 0, NULL, &metadata, 1000);
    if (!code) {
        rd_kafka_metadata_destroy(metadata);
        char *id = rd_kafka_clusterid(client, 1000);
        snprintf(worker->kafka_cluster_id, sizeof(worker->kafka_cluster_id), "%s", id ? id : "");
        if (id)
            rd_kafka_mem_free(client, id);
    }
    rd_kafka_destroy(client);
    const char *servers = hw_config_str(hw_settings_section(worker->settings, "kafka"), "bootstrap.servers");
    return code ? hw_err_set(err, HW_ERR_RETRY, (int)code,
                             "Kafka at %.200s does not answer (%s): start it or set kafka.bootstrap.servers",
                             servers && *servers ? servers : "the default address", rd_kafka_err2str(code))
                : 0;
}

static int open_stores(struct hw_worker *worker, struct hw_err *err) {
    const struct hw_config *config = worker->config;
    HW_TRY(meet_kafka(worker, err));
    if (!worker->offset_store)
        HW_TRY(hw_kafka_store_open(worker->settings, "connect", hw_config_str(config, "offset.storage.topic"),
                                   (int)hw_config_int(config, "offset.storage.partitions"), apply_offset, worker,
                                   STORE_TIMEOUT_MS, &worker->offset_store, err));
    if (!worker->status) {
        struct hw_status_writer *status;
        HW_TRY(hw_status_open(worker->settings, hw_config_str(config, "status.storage.topic"),
                              (int)hw_config_int(config, "status.storage.partitions"), worker->worker_id,
                              STORE_TIMEOUT_MS, &status, err));
        pthread_mutex_lock(&worker->lock);
        worker->status = status;
        pthread_mutex_unlock(&worker->lock);
    }
    if (!worker->config_store)
        HW_TRY(hw_kafka_store_open(worker->settings, "connect", hw_config_str(config, "config.storage.topic"), 1,
                                   apply_config, worker, STORE_TIMEOUT_MS, &worker->config_store, err));
    return 0;
}

void *hw_worker_control(void *arg) {
    struct hw_worker *worker = arg;
    pthread_setname_np(pthread_self(), "control");
    struct hw_err err = {0};
    while (!atomic_load(&worker->stopping) && open_stores(worker, &err) < 0) {
        hw_warn("cannot read the state topics yet", hw_kv_s("why", err.text));
        hw_http_server_set_ready(worker->server, false, err.text);
        if (err.kind == HW_ERR_CONFIG) {
            hw_role_quit(&err);
            return NULL;
        }
        if (!atomic_load(&worker->stopping))
            wait_for_work(worker, 500);
    }
    if (atomic_load(&worker->stopping))
        return NULL;
    atomic_store(&worker->ready, true);
    hw_http_server_set_ready(worker->server, true, NULL);
    while (!atomic_load(&worker->stopping)) {
        bool settled = reconcile_all(worker);
        wait_for_work(worker, settled ? next_pause_ms(worker) : 200);
    }
    stop_all(worker);
    return NULL;
}
