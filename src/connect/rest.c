/* The routes, and what changes connectors. Every change is a record of the config topic: it is answered once this
 * worker has read it back, and the control thread then makes it so. */
#include "connect/rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static HW_REST_HANDLER(handle_root) {
    struct hw_worker *worker = arg;
    struct hw_buf out = {0};
    const char *id = atomic_load(&worker->ready) ? worker->kafka_cluster_id : "";
    hw_buf_add_str(&out, "{\"version\":\"4.0.0-highway\",\"commit\":\"highway\",\"kafka_cluster_id\":");
    hw_buf_add_json_str(&out, id, strlen(id));
    hw_buf_add_char(&out, '}');
    hw_rest_json(x, 200, &out);
}

static bool exists(struct hw_worker *worker, const char *name) {
    pthread_mutex_lock(&worker->lock);
    bool found = hw_configs_get(&worker->configs, name) != NULL;
    pthread_mutex_unlock(&worker->lock);
    return found;
}

static void answer_info(struct hw_worker *worker, struct hw_http_exchange *x, const char *name, int status) {
    struct hw_buf out = {0};
    pthread_mutex_lock(&worker->lock);
    const struct hw_connector *connector = hw_configs_get(&worker->configs, name);
    if (connector)
        hw_rest_write_info(worker, connector, &out);
    pthread_mutex_unlock(&worker->lock);
    if (!connector) {
        hw_rest_not_found(x, name);
        return;
    }
    if (status == 201) {
        HW_CLEANUP(hw_buf_done) struct hw_buf location = {0};
        hw_buf_add_str(&location, "/connectors/");
        for (const unsigned char *c = (const unsigned char *)name; *c; c++)
            hw_buf_printf(&location,
                          (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
                                  strchr("-._~", *c)
                              ? "%c"
                              : "%%%02X",
                          *c);
        hw_http_set_header(x, "Location", hw_buf_str(&location));
    }
    hw_rest_json(x, status, &out);
}

/* True when the configuration is fine; else all faults were answered. */
static bool check(struct hw_worker *worker, struct hw_http_exchange *x, const struct hw_props *props) {
    struct hw_err err = {0};
    const struct hw_class *class = NULL;
    const char *class_name = hw_props_get(props, "connector.class");
    HW_CLEANUP(hw_freep) struct hw_config_faults *faults = hw_xcalloc(1, sizeof(*faults));
    struct hw_checked checked = {0};
    int result = -1;
    if (!class_name)
        hw_faults_add(faults, "connector.class", "is required: the class of the connector");
    else if (hw_classes_find(&worker->classes, class_name, props, &class, &err) < 0)
        hw_faults_add(faults, "connector.class", "%s", err.text);
    else
        result = hw_framework_check(class, props, true, &checked, faults, &err);
    hw_checked_done(&checked);
    if (result == 0)
        return true;
    HW_CLEANUP(hw_buf_done) struct hw_buf message = {0};
    hw_framework_fault_message(faults, &message);
    hw_rest_error_text(x, 400, hw_buf_str(&message));
    return false;
}

static int write_connector(struct hw_worker *worker, const char *name, const struct hw_props *props,
                           struct hw_err *err) {
    HW_CLEANUP(hw_buf_done) struct hw_buf value = {0};
    hw_configs_write_properties(props, &value);
    return hw_worker_put_config(worker, "connector-", name, hw_buf_str(&value), err);
}

/* write_lock held. Java writes the initial state first, so that the connector never runs for a moment. */
static void create(struct hw_worker *worker, struct hw_http_exchange *x, const char *name, const struct hw_props *props,
                   const char *initial) {
    struct hw_err err = {0};
    int result = 0;
    if (exists(worker, name)) {
        hw_rest_error(x, 409, "Connector %.250s already exists", name);
        return;
    }
    if (initial)
        result = hw_worker_put_config(worker, "target-state-", name,
                                      hw_target_value(strcmp(initial, "PAUSED") == 0    ? HW_TARGET_PAUSED
                                                      : strcmp(initial, "STOPPED") == 0 ? HW_TARGET_STOPPED
                                                                                        : HW_TARGET_STARTED),
                                      &err);
    if (result == 0)
        result = write_connector(worker, name, props, &err);
    if (result < 0)
        hw_rest_write_failed(x, &err);
    else
        answer_info(worker, x, name, 201);
}

static HW_REST_HANDLER(handle_create) {
    struct hw_worker *worker = arg;
    if (!hw_rest_ready(worker, x))
        return;
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = hw_rest_body(x);
    if (!doc)
        return;
    yyjson_val *root = yyjson_doc_get_root(doc);
    const char *name = hw_json_str(root, "name"), *initial = hw_json_str(root, "initial_state");
    HW_CLEANUP(hw_props_done) struct hw_props props = {0};
    struct hw_err err = {0};
    yyjson_val *config = yyjson_obj_get(root, "config");
    if (!yyjson_is_obj(config)) {
        hw_rest_error(x, 400, "the body must be {\"name\":\"…\",\"config\":{…}}: config is missing");
        return;
    }
    if (hw_props_from_json(config, &props, &err) < 0) {
        hw_rest_error_text(x, 400, err.text);
        return;
    }
    if (!name)
        name = hw_props_get(&props, "name");
    const char *fault =
        name ? hw_connector_name_fault(name) : "the body must be {\"name\":\"…\",\"config\":{…}}: name is missing";
    if (fault) {
        hw_rest_error_text(x, 400, fault);
        return;
    }
    HW_CLEANUP(hw_freep) char *own_name = hw_xstrdup(name);
    const char *named = hw_props_get(&props, "name");
    if (named && strcmp(named, own_name) != 0) {
        hw_rest_error(x, 400,
                      "Connector name configuration (%.200s) doesn't match connector name in the request (%.200s)",
                      named, own_name);
        return;
    }
    if (initial && strcmp(initial, "RUNNING") != 0 && strcmp(initial, "PAUSED") != 0 &&
        strcmp(initial, "STOPPED") != 0) {
        hw_rest_error(x, 400, "initial_state must be RUNNING, PAUSED or STOPPED");
        return;
    }
    hw_props_set(&props, "name", own_name);
    if (exists(worker, own_name)) {
        hw_rest_error(x, 409, "Connector %.250s already exists", own_name);
        return;
    }
    if (!check(worker, x, &props))
        return;
    pthread_mutex_lock(&worker->write_lock);
    create(worker, x, own_name, &props, initial);
    pthread_mutex_unlock(&worker->write_lock);
    hw_worker_wake(worker);
}

static void replace(struct hw_worker *worker, struct hw_http_exchange *x, const char *name, struct hw_props *props) {
    const char *named = hw_props_get(props, "name");
    const char *fault = hw_connector_name_fault(name);
    struct hw_err err = {0};
    if (fault) {
        hw_rest_error_text(x, 400, fault);
        return;
    }
    if (named && strcmp(named, name) != 0) {
        hw_rest_error(x, 400, "Connector name configuration (%.200s) doesn't match connector name in the URL (%.200s)",
                      named, name);
        return;
    }
    hw_props_set(props, "name", name);
    if (!check(worker, x, props))
        return;
    pthread_mutex_lock(&worker->write_lock);
    bool was_there = exists(worker, name);
    int result = write_connector(worker, name, props, &err);
    if (result < 0)
        hw_rest_write_failed(x, &err);
    else
        answer_info(worker, x, name, was_there ? 200 : 201);
    pthread_mutex_unlock(&worker->write_lock);
    hw_worker_wake(worker);
}

static HW_REST_HANDLER(handle_put_config) {
    struct hw_worker *worker = arg;
    if (!hw_rest_ready(worker, x))
        return;
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = hw_rest_body(x);
    if (!doc)
        return;
    HW_CLEANUP(hw_props_done) struct hw_props props = {0};
    struct hw_err err = {0};
    if (hw_props_from_json(yyjson_doc_get_root(doc), &props, &err) < 0) {
        hw_rest_error_text(x, 400, err.text);
        return;
    }
    replace(worker, x, hw_http_param(x, "c"), &props);
}

/* A null removes the key. */
static HW_REST_HANDLER(handle_patch_config) {
    struct hw_worker *worker = arg;
    if (!hw_rest_ready(worker, x))
        return;
    const char *name = hw_http_param(x, "c");
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = hw_rest_body(x);
    if (!doc)
        return;
    HW_CLEANUP(hw_props_done) struct hw_props props = {0};
    HW_CLEANUP(hw_props_done) struct hw_props changes = {0};
    struct hw_err err = {0};
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (hw_props_from_json(root, &changes, &err) < 0) {
        hw_rest_error_text(x, 400, err.text);
        return;
    }
    pthread_mutex_lock(&worker->lock);
    const struct hw_connector *connector = hw_configs_get(&worker->configs, name);
    if (connector)
        hw_props_copy(&props, &connector->config);
    pthread_mutex_unlock(&worker->lock);
    if (!connector) {
        hw_rest_not_found(x, name);
        return;
    }
    for (size_t i = 0; i < changes.count; i++)
        hw_props_set(&props, changes.items[i].key, changes.items[i].value);
    yyjson_obj_iter at = yyjson_obj_iter_with(root);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&at));)
        if (yyjson_is_null(yyjson_obj_iter_get_val(key)))
            hw_props_remove(&props, yyjson_get_str(key));
    replace(worker, x, name, &props);
}

static HW_REST_HANDLER(handle_delete) {
    struct hw_worker *worker = arg;
    if (!hw_rest_ready(worker, x))
        return;
    const char *name = hw_http_param(x, "c");
    struct hw_err err = {0};
    pthread_mutex_lock(&worker->write_lock);
    if (!exists(worker, name))
        hw_rest_not_found(x, name);
    else if (hw_worker_put_config(worker, "connector-", name, NULL, &err) < 0 ||
             hw_worker_put_config(worker, "target-state-", name, NULL, &err) < 0)
        hw_rest_write_failed(x, &err);
    else
        hw_rest_empty(x, 204);
    pthread_mutex_unlock(&worker->write_lock);
    hw_worker_wake(worker);
}

static void set_target(struct hw_worker *worker, struct hw_http_exchange *x, enum hw_target target, int status) {
    if (!hw_rest_ready(worker, x))
        return;
    const char *name = hw_http_param(x, "c");
    struct hw_err err = {0};
    int result = 0;
    pthread_mutex_lock(&worker->write_lock);
    if (!exists(worker, name)) {
        hw_rest_not_found(x, name);
    } else {
        if (target == HW_TARGET_STOPPED) /* no tasks first, then the state: Java's order */
            result = hw_worker_put_config(worker, "commit-", name, "{\"tasks\":0}", &err);
        if (result == 0)
            result = hw_worker_put_config(worker, "target-state-", name, hw_target_value(target), &err);
        if (result < 0)
            hw_rest_write_failed(x, &err);
        else
            hw_rest_empty(x, status);
    }
    pthread_mutex_unlock(&worker->write_lock);
    hw_worker_wake(worker);
}

static HW_REST_HANDLER(handle_pause) {
    set_target(arg, x, HW_TARGET_PAUSED, 202);
}

static HW_REST_HANDLER(handle_resume) {
    set_target(arg, x, HW_TARGET_STARTED, 202);
}

static HW_REST_HANDLER(handle_stop) {
    set_target(arg, x, HW_TARGET_STOPPED, 204);
}

static HW_REST_HANDLER(handle_restart) {
    struct hw_worker *worker = arg;
    if (!hw_rest_ready(worker, x))
        return;
    const char *name = hw_http_param(x, "c");
    bool include_tasks = hw_rest_flag(x, "includeTasks", false), only_failed = hw_rest_flag(x, "onlyFailed", false);
    struct hw_err err = {0};
    if (!exists(worker, name)) {
        hw_rest_not_found(x, name);
        return;
    }
    if (!include_tasks && !only_failed) {
        pthread_mutex_lock(&worker->lock);
        struct hw_run *run = hw_map_get(&worker->runs, name);
        if (run)
            run->restart_asked = true;
        pthread_mutex_unlock(&worker->lock);
        hw_worker_wake(worker);
        hw_rest_empty(x, 204);
        return;
    }
    char value[80];
    snprintf(value, sizeof(value), "{\"include-tasks\":%s,\"only-failed\":%s}", include_tasks ? "true" : "false",
             only_failed ? "true" : "false");
    if (hw_worker_put_config(worker, "restart-connector-", name, value, &err) < 0) {
        hw_rest_write_failed(x, &err);
        return;
    }
    struct hw_buf out = {0};
    pthread_mutex_lock(&worker->lock);
    const struct hw_connector *connector = hw_configs_get(&worker->configs, name);
    if (connector)
        hw_rest_write_status(worker, connector, &out);
    pthread_mutex_unlock(&worker->lock);
    if (connector)
        hw_rest_json(x, 202, &out);
    else
        hw_rest_not_found(x, name);
}

static HW_REST_HANDLER(handle_restart_task) {
    struct hw_worker *worker = arg;
    if (!hw_rest_ready(worker, x))
        return;
    const char *name = hw_http_param(x, "c"), *task = hw_http_param(x, "i");
    char *end;
    long id = strtol(task, &end, 10);
    pthread_mutex_lock(&worker->lock);
    const struct hw_run *run = hw_configs_get(&worker->configs, name) ? hw_map_get(&worker->runs, name) : NULL;
    bool found = run && *task && !*end && id >= 0 && id < run->slot_count;
    if (found) {
        struct hw_slot *slot = run->slots[id];
        slot->restart_asked = true;
        if (slot->state == HW_TASK_RUNNING || slot->state == HW_TASK_FAILED)
            hw_slot_set_state(slot, HW_TASK_RESTARTING, NULL);
    }
    pthread_mutex_unlock(&worker->lock);
    hw_worker_wake(worker);
    if (found)
        hw_rest_empty(x, 204);
    else if (!exists(worker, name))
        hw_rest_not_found(x, name);
    else
        hw_rest_error(x, 404, "Unknown task: %.250s-%.20s", name, task);
}

/* The worker has one level, set at its start. */
static HW_REST_HANDLER(handle_loggers) {
    struct hw_buf out = {0};
    const char *logger = hw_http_param(x, "l");
    if (logger && strcmp(logger, "root") != 0) {
        hw_rest_error(x, 404, "Logger %.200s not found: this worker has root only", logger);
        return;
    }
    hw_buf_add_str(&out, logger ? "{\"level\":\"INFO\",\"last_modified\":null}"
                                : "{\"root\":{\"level\":\"INFO\",\"last_modified\":null}}");
    hw_rest_json(x, 200, &out);
}

static HW_REST_HANDLER(handle_set_logger) {
    hw_rest_error(x, 400, "log levels cannot be changed at run time: start the worker with common.log.level");
}

const struct hw_http_route hw_connect_routes[] = {
    {"GET", "/", handle_root, 0},
    {"GET", "/connectors", hw_rest_list, 0},
    {"POST", "/connectors", handle_create, HW_HTTP_BLOCKING},
    {"GET", "/connectors/{c}", hw_rest_get, 0},
    {"DELETE", "/connectors/{c}", handle_delete, HW_HTTP_BLOCKING},
    {"GET", "/connectors/{c}/config", hw_rest_get_config, 0},
    {"PUT", "/connectors/{c}/config", handle_put_config, HW_HTTP_BLOCKING},
    {"PATCH", "/connectors/{c}/config", handle_patch_config, HW_HTTP_BLOCKING},
    {"GET", "/connectors/{c}/status", hw_rest_status, 0},
    {"GET", "/connectors/{c}/tasks", hw_rest_tasks, 0},
    {"GET", "/connectors/{c}/tasks/{i}/status", hw_rest_task_status, 0},
    {"POST", "/connectors/{c}/tasks/{i}/restart", handle_restart_task, 0},
    {"POST", "/connectors/{c}/restart", handle_restart, HW_HTTP_BLOCKING},
    {"PUT", "/connectors/{c}/pause", handle_pause, HW_HTTP_BLOCKING},
    {"PUT", "/connectors/{c}/resume", handle_resume, HW_HTTP_BLOCKING},
    {"PUT", "/connectors/{c}/stop", handle_stop, HW_HTTP_BLOCKING},
    {"GET", "/connectors/{c}/topics", hw_rest_topics, 0},
    {"PUT", "/connectors/{c}/topics/reset", hw_rest_reset_topics, 0},
    {"GET", "/connectors/{c}/offsets", hw_rest_offsets, HW_HTTP_BLOCKING},
    {"PATCH", "/connectors/{c}/offsets", hw_rest_alter_offsets, HW_HTTP_BLOCKING},
    {"DELETE", "/connectors/{c}/offsets", hw_rest_delete_offsets, HW_HTTP_BLOCKING},
    {"GET", "/connector-plugins", hw_rest_plugins, 0},
    {"GET", "/connector-plugins/{p}/config", hw_rest_plugin_config, 0},
    {"PUT", "/connector-plugins/{p}/config/validate", hw_rest_validate, HW_HTTP_BLOCKING},
    {"GET", "/admin/loggers", handle_loggers, 0},
    {"GET", "/admin/loggers/{l}", handle_loggers, 0},
    {"PUT", "/admin/loggers/{l}", handle_set_logger, 0},
    {0},
};
