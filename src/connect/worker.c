/* Start and stop of the worker, and the small things its parts share. */
#include "connect/worker.h"
#include "base/role.h"
#include "base/diag.h"
#include "connectors/builtin.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *hw_task_state_name(enum hw_task_state state) {
    static const char *const names[] = {"UNASSIGNED", "RUNNING", "PAUSED", "FAILED", "RESTARTING", "STOPPED"};
    return names[state];
}

void hw_worker_wake(struct hw_worker *worker) {
    pthread_mutex_lock(&worker->wake_lock);
    worker->dirty = true;
    pthread_cond_signal(&worker->wake);
    pthread_mutex_unlock(&worker->wake_lock);
}

struct hw_run *hw_worker_run(struct hw_worker *worker, const char *name) {
    struct hw_run *run = hw_map_get(&worker->runs, name);
    if (run)
        return run;
    run = hw_xcalloc(1, sizeof(*run));
    run->name = hw_xstrdup(name);
    hw_map_put(&worker->runs, name, run);
    return run;
}

void hw_run_set_state(struct hw_worker *worker, struct hw_run *run, enum hw_task_state state, const char *trace) {
    bool changed = run->state != state || strcmp(run->trace, trace ? trace : "") != 0;
    run->state = state;
    snprintf(run->trace, sizeof(run->trace), "%s", trace ? trace : "");
    if (changed)
        hw_status_connector(worker->status, run->name, hw_task_state_name(state), trace,
                            run->class ? run->class->version : NULL);
}

void hw_slot_set_state(struct hw_slot *slot, enum hw_task_state state, const char *trace) {
    bool changed = slot->state != state || strcmp(slot->trace, trace ? trace : "") != 0;
    slot->state = state;
    snprintf(slot->trace, sizeof(slot->trace), "%s", trace ? trace : "");
    if (changed)
        hw_status_task(slot->worker->status, slot->connector, slot->id, hw_task_state_name(state), trace,
                       slot->class ? slot->class->version : NULL);
}

void hw_slot_set_detail(struct hw_slot *slot, const char *format, ...) {
    char text[sizeof(slot->detail)];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    pthread_mutex_lock(&slot->worker->lock);
    bool news = strcmp(slot->detail, text) != 0;
    if (news) {
        memcpy(slot->detail, text, sizeof(text));
        slot->detail_at_ms = hw_now_ms();
    }
    pthread_mutex_unlock(&slot->worker->lock);
    if (news && text[0])
        hw_warn(text, hw_kv_s("connector", slot->connector), hw_kv_i("task", slot->id));
}

int hw_worker_put_config(struct hw_worker *worker, const char *prefix, const char *name, const char *value,
                         struct hw_err *err) {
    HW_CLEANUP(hw_freep) char *key = hw_xasprintf("%s%s", prefix, name);
    struct hw_slice k = {(const uint8_t *)key, strlen(key)}, v = {(const uint8_t *)value, value ? strlen(value) : 0};
    return hw_kafka_store_put(worker->config_store, k, v, 10000, err);
}

static int start_server(struct hw_worker *worker, struct hw_err *err) {
    const char *host = hw_config_str(worker->config, "listen.host");
    struct hw_http_server_options options = {
        .host = host,
        .port = hw_settings_port(worker->settings, (int)hw_config_int(worker->config, "listen.port")),
        .loops = 1,
        .workers = 4,
        .max_body_bytes = 1u << 20,
        .server_name = "connect",
        .routes = hw_connect_routes,
        .arg = worker,
    };
    HW_TRY(hw_http_server_start(&options, &worker->server, err));
    hw_http_server_set_ready(worker->server, false, "reading the state topics");
    hw_http_server_metrics(worker->server, hw_rest_metrics, worker);
    const char *advertised = hw_config_str(worker->config, "rest.advertised.host.name");
    snprintf(worker->worker_id, sizeof(worker->worker_id), "%s:%d", advertised && *advertised ? advertised : host,
             hw_http_server_port(worker->server));
    return 0;
}

static void worker_free(struct hw_worker *worker) {
    hw_status_close(worker->status);
    hw_kafka_store_close(worker->offset_store);
    hw_kafka_store_close(worker->config_store);
    hw_configs_done(&worker->configs);
    hw_source_offsets_done(&worker->offsets);
    hw_map_done(&worker->runs);
    free(worker->leaving);
    hw_classes_done(&worker->classes);
    hw_props_done(&worker->plugin_defaults);
    pthread_cond_destroy(&worker->wake);
    pthread_mutex_destroy(&worker->wake_lock);
    pthread_mutex_destroy(&worker->write_lock);
    pthread_mutex_destroy(&worker->lock);
    free(worker);
}

int hw_worker_start(const struct hw_settings *settings, struct hw_worker **out_worker, struct hw_err *err) {
    struct hw_worker *worker = hw_xcalloc(1, sizeof(*worker));
    worker->settings = settings;
    worker->config = hw_settings_section(settings, "connect");
    pthread_mutex_init(&worker->lock, NULL);
    pthread_mutex_init(&worker->wake_lock, NULL);
    pthread_mutex_init(&worker->write_lock, NULL);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&worker->wake, &attributes);
    pthread_condattr_destroy(&attributes);
    const char *catalog = hw_config_str(worker->config, "catalog.uri");
    HW_CLEANUP(hw_freep) char *near = hw_xasprintf("http://127.0.0.1:%d", hw_settings_port(settings, 8181));
    hw_props_set(&worker->plugin_defaults, "catalog.uri", catalog && *catalog ? catalog : near);
    if (hw_classes_load(&worker->classes, &hw_builtin_plugin, &worker->plugin_defaults, err) < 0 ||
        start_server(worker, err) < 0) {
        worker_free(worker);
        return -1;
    }
    if (pthread_create(&worker->control, NULL, hw_worker_control, worker) != 0) {
        hw_http_server_stop(worker->server);
        worker_free(worker);
        return hw_err_set(err, HW_ERR_RETRY, 0, "cannot start the worker's thread");
    }
    *out_worker = worker;
    return 0;
}

void hw_worker_stop(struct hw_worker *worker) {
    atomic_store(&worker->stopping, true);
    hw_worker_wake(worker); /* from now on REST answers 503 */
    pthread_join(worker->control, NULL);
    worker->server = hw_http_server_stop(worker->server);
    if (!worker->hung)
        worker_free(worker);
}
