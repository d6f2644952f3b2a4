#include "connect/configs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void tasks_free(struct hw_props *tasks, int count) {
    for (int i = 0; i < count; i++)
        hw_props_done(&tasks[i]);
    free(tasks);
}

static void tasks_clear(struct hw_connector *connector) {
    tasks_free(connector->tasks, connector->task_count);
    connector->tasks = NULL;
    connector->task_count = 0;
}

static void pending_clear(struct hw_connector *connector) {
    tasks_free(connector->pending, connector->pending_count);
    connector->pending = NULL;
    connector->pending_count = 0;
}

static void connector_free(struct hw_connector *connector) {
    tasks_clear(connector);
    pending_clear(connector);
    hw_props_done(&connector->config);
    free(connector->name);
    free(connector);
}

static struct hw_connector *connector_of(struct hw_configs *configs, const char *name) {
    struct hw_connector *found = hw_map_get(&configs->connectors, name);
    if (found)
        return found;
    found = hw_xcalloc(1, sizeof(*found));
    found->name = hw_xstrdup(name);
    hw_map_put(&configs->connectors, name, found);
    return found;
}

struct hw_connector *hw_configs_get(const struct hw_configs *configs, const char *name) {
    struct hw_connector *found = hw_map_get(&configs->connectors, name);
    return found && found->exists ? found : NULL;
}

void hw_configs_done(struct hw_configs *configs) {
    size_t at = 0;
    const char *key;
    void *value;
    while (hw_map_next(&configs->connectors, &at, &key, &value))
        connector_free(value);
    hw_map_done(&configs->connectors);
}

static void bad(struct hw_configs_change *out, const char *fault) {
    out->event = HW_CONFIGS_BAD;
    snprintf(out->fault, sizeof(out->fault), "%s", fault);
}

static bool read_properties(yyjson_val *root, struct hw_props *out, struct hw_configs_change *change) {
    struct hw_err err = {0};
    if (hw_props_from_json(yyjson_obj_get(root, "properties"), out, &err) == 0)
        return true;
    hw_props_done(out);
    bad(change, err.text);
    return false;
}

static void apply_connector(struct hw_configs *configs, const char *name, yyjson_val *root,
                            struct hw_configs_change *out) {
    struct hw_connector *connector = connector_of(configs, name);
    struct hw_props config = {0};
    if (root && !read_properties(root, &config, out))
        return;
    hw_props_done(&connector->config);
    connector->config = config;
    connector->config_serial = ++configs->serials;
    connector->exists = root != NULL;
    if (!root) { /* deleted: Java writes tombstones for connector and target state only */
        tasks_clear(connector);
        pending_clear(connector);
        connector->inconsistent = false;
        connector->serial = ++configs->serials;
    }
    out->event = HW_CONFIGS_CHANGED;
}

static void apply_task(struct hw_configs *configs, const char *name, int task, yyjson_val *root,
                       struct hw_configs_change *out) {
    struct hw_connector *connector = connector_of(configs, name);
    struct hw_props config = {0};
    if (!root || !read_properties(root, &config, out))
        return;
    if (task >= connector->pending_count) {
        connector->pending = hw_xrealloc(connector->pending, (size_t)(task + 1) * sizeof(*connector->pending));
        memset(connector->pending + connector->pending_count, 0,
               (size_t)(task + 1 - connector->pending_count) * sizeof(*connector->pending));
        connector->pending_count = task + 1;
    }
    hw_props_done(&connector->pending[task]);
    connector->pending[task] = config;
}

/* Compaction may have removed task records that an older, larger set shared with a newer one; Java then calls the
 * connector inconsistent, and its task set must be written anew. */
static void apply_commit(struct hw_configs *configs, const char *name, yyjson_val *root,
                         struct hw_configs_change *out) {
    struct hw_connector *connector = connector_of(configs, name);
    if (!root)
        return;
    int64_t count = hw_json_int(root, "tasks", -1);
    if (count < 0 || count > HW_TASKS_MAX) {
        bad(out, "commit record without a sensible number of tasks");
        return;
    }
    bool complete = connector->pending_count >= count;
    for (int64_t i = 0; complete && i < count; i++)
        complete = connector->pending[i].count > 0;
    connector->inconsistent = !complete;
    tasks_clear(connector);
    if (complete && count > 0) {
        connector->tasks = hw_xcalloc((size_t)count, sizeof(*connector->tasks));
        connector->task_count = (int)count;
        for (int64_t i = 0; i < count; i++) {
            connector->tasks[i] = connector->pending[i];
            connector->pending[i] = (struct hw_props){0};
        }
    }
    connector->serial = ++configs->serials;
    out->event = HW_CONFIGS_CHANGED;
}

static void apply_target(struct hw_configs *configs, const char *name, yyjson_val *root,
                         struct hw_configs_change *out) {
    struct hw_connector *connector = connector_of(configs, name);
    const char *state = root ? hw_json_str(root, "state.v2") : "STARTED";
    if (!state)
        state = hw_json_str(root, "state"); /* written before Kafka 3.5 */
    if (state && strcmp(state, "STARTED") == 0)
        connector->target = HW_TARGET_STARTED;
    else if (state && strcmp(state, "PAUSED") == 0)
        connector->target = HW_TARGET_PAUSED;
    else if (state && strcmp(state, "STOPPED") == 0)
        connector->target = HW_TARGET_STOPPED;
    else {
        bad(out, "target state is none of STARTED, PAUSED, STOPPED");
        return;
    }
    out->event = HW_CONFIGS_CHANGED;
}

static const char *after(const char *text, const char *prefix) {
    size_t size = strlen(prefix);
    return strncmp(text, prefix, size) == 0 && text[size] ? text + size : NULL;
}

void hw_configs_apply(struct hw_configs *configs, struct hw_slice key, struct hw_slice value,
                      struct hw_configs_change *out) {
    *out = (struct hw_configs_change){0};
    char text[320];
    if (!key.data || key.size == 0 || key.size >= sizeof(text) || memchr(key.data, 0, key.size)) {
        bad(out, "key is missing, too long or no text");
        return;
    }
    memcpy(text, key.data, key.size);
    text[key.size] = 0;
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
    struct hw_err err = {0};
    if (value.data && hw_json_parse(value.data, value.size, &doc, &err) < 0) {
        bad(out, err.text);
        return;
    }
    yyjson_val *root = doc ? yyjson_doc_get_root(doc) : NULL;
    if (doc && !yyjson_is_obj(root)) {
        bad(out, "value is no JSON object");
        return;
    }
    const char *name;
    if ((name = after(text, "connector-"))) {
        snprintf(out->connector, sizeof(out->connector), "%s", name);
        apply_connector(configs, name, root, out);
    } else if ((name = after(text, "target-state-"))) {
        snprintf(out->connector, sizeof(out->connector), "%s", name);
        apply_target(configs, name, root, out);
    } else if ((name = after(text, "commit-"))) {
        snprintf(out->connector, sizeof(out->connector), "%s", name);
        apply_commit(configs, name, root, out);
    } else if ((name = after(text, "restart-connector-"))) {
        snprintf(out->connector, sizeof(out->connector), "%s", name);
        out->event = root ? HW_CONFIGS_RESTART : HW_CONFIGS_NOTHING;
        out->include_tasks = hw_json_bool(root, "include-tasks", false);
        out->only_failed = hw_json_bool(root, "only-failed", false);
    } else if ((name = after(text, "task-"))) {
        char *dash = strrchr(text, '-');
        char *end;
        long task = strtol(dash + 1, &end, 10);
        if (dash <= name || end == dash + 1 || *end || task < 0 || task >= HW_TASKS_MAX) {
            bad(out, "task key without a sensible number");
            return;
        }
        *dash = 0;
        snprintf(out->connector, sizeof(out->connector), "%s", name);
        apply_task(configs, name, (int)task, root, out);
    }
}

void hw_configs_write_properties(const struct hw_props *props, struct hw_buf *out) {
    hw_buf_add_str(out, "{\"properties\":");
    hw_props_to_json(props, out);
    hw_buf_add_char(out, '}');
}

const char *hw_target_value(enum hw_target target) {
    switch (target) { /* the old field knows no STOPPED */
    case HW_TARGET_PAUSED:
        return "{\"state\":\"PAUSED\",\"state.v2\":\"PAUSED\"}";
    case HW_TARGET_STOPPED:
        return "{\"state\":\"PAUSED\",\"state.v2\":\"STOPPED\"}";
    default:
        return "{\"state\":\"STARTED\",\"state.v2\":\"STARTED\"}";
    }
}

const char *hw_target_state(enum hw_target target) {
    return target == HW_TARGET_PAUSED ? "PAUSED" : target == HW_TARGET_STOPPED ? "STOPPED" : "RUNNING";
}
