/* Reading: every answer comes from memory, under the lock, and never waits for Kafka or a task. */
#include "connect/rest.h"

#include <stdlib.h>
#include <string.h>

static void add_str(struct hw_buf *out, const char *text) {
    hw_buf_add_json_str(out, text, strlen(text));
}

static const char *type_of(struct hw_worker *worker, const struct hw_connector *connector) {
    const struct hw_run *run = hw_map_get(&worker->runs, connector->name);
    if (run && run->class)
        return hw_class_type(run->class);
    const struct hw_class *class = NULL; /* not looked at by the control thread yet */
    struct hw_err ignored = {0};
    const char *name = hw_props_get(&connector->config, "connector.class");
    return name && hw_classes_find(&worker->classes, name, &connector->config, &class, &ignored) == 0
               ? hw_class_type(class)
               : "unknown";
}

void hw_rest_write_info(struct hw_worker *worker, const struct hw_connector *connector, struct hw_buf *out) {
    hw_buf_add_str(out, "{\"name\":");
    add_str(out, connector->name);
    hw_buf_add_str(out, ",\"config\":");
    hw_props_to_json(&connector->config, out);
    hw_buf_add_str(out, ",\"tasks\":[");
    for (int i = 0; i < connector->task_count; i++) {
        hw_buf_add_str(out, i ? ",{\"connector\":" : "{\"connector\":");
        add_str(out, connector->name);
        hw_buf_printf(out, ",\"task\":%d}", i);
    }
    hw_buf_printf(out, "],\"type\":\"%s\"}", type_of(worker, connector));
}

static void add_time(struct hw_buf *out, const char *key, long long ms) {
    char text[28];
    if (ms <= 0) {
        hw_buf_printf(out, ",\"%s\":null", key);
        return;
    }
    hw_time_format_us(ms * 1000, text);
    hw_buf_printf(out, ",\"%s\":\"%s\"", key, text);
}

static void add_lag(struct hw_buf *out, long long lag) {
    if (lag < 0)
        hw_buf_add_str(out, ",\"lag_records\":null");
    else
        hw_buf_printf(out, ",\"lag_records\":%lld", lag);
}

/* Ours, under a name of its own, because clients know Connect's fields by heart. */
static void add_progress(struct hw_buf *out, const struct hw_slot *slot) {
    struct hw_task_counters *c = (struct hw_task_counters *)&slot->counters; /* atomics, not changed */
    hw_buf_printf(
        out,
        ",\"highway\":{\"records\":%lld,\"records_read\":%lld,\"bytes\":%lld,\"dead_letters\":%lld,\"skipped\":%lld,"
        "\"retries\":%lld,\"restarts\":%lld",
        atomic_load(&c->records_put), atomic_load(&c->records_read), atomic_load(&c->bytes),
        atomic_load(&c->dead_letters), atomic_load(&c->skipped), atomic_load(&c->retries), atomic_load(&c->restarts));
    add_time(out, "last_record_at", atomic_load(&c->last_record_at_ms));
    add_time(out, "last_progress_at", atomic_load(&c->last_progress_at_ms));
    add_time(out, "last_flush_at", atomic_load(&c->last_flush_at_ms));
    add_time(out, "last_commit_at", atomic_load(&c->last_commit_at_ms));
    add_lag(out, slot->class && slot->class->sink ? atomic_load(&c->lag_records) : -1);
    add_time(out, "next_restart_at", slot->next_restart_at_ms);
    hw_buf_add_str(out, ",\"state_detail\":");
    if (slot->detail[0])
        add_str(out, slot->detail);
    else
        hw_buf_add_str(out, "null");
    add_time(out, "state_detail_at", slot->detail[0] ? slot->detail_at_ms : 0);
    hw_buf_add_char(out, '}');
}

static void add_state(struct hw_worker *worker, struct hw_buf *out, enum hw_task_state state, const char *trace,
                      const struct hw_class *class) {
    hw_buf_printf(out, "\"state\":\"%s\",\"worker_id\":", hw_task_state_name(state));
    add_str(out, worker->worker_id);
    if (trace && *trace) {
        hw_buf_add_str(out, ",\"trace\":");
        add_str(out, trace);
    }
    hw_buf_add_str(out, ",\"version\":");
    if (class)
        add_str(out, class->version);
    else
        hw_buf_add_str(out, "null");
}

void hw_rest_write_task(struct hw_worker *worker, const struct hw_slot *slot, struct hw_buf *out) {
    hw_buf_printf(out, "{\"id\":%d,", slot->id);
    add_state(worker, out, slot->state, slot->trace, slot->class);
    if (slot->next_restart_at_ms)
        add_time(out, "next_restart_at", slot->next_restart_at_ms);
    add_progress(out, slot);
    hw_buf_add_char(out, '}');
}

struct totals {
    long long records, read, lag, dead_letters, last_record, last_progress, last_flush, last_commit;
};

static struct totals add_up(const struct hw_run *run) {
    struct totals totals = {0};
    for (int i = 0; i < run->slot_count; i++) {
        struct hw_task_counters *c = &run->slots[i]->counters;
        long long lag = atomic_load(&c->lag_records);
        totals.records += atomic_load(&c->records_put);
        totals.read += atomic_load(&c->records_read);
        totals.dead_letters += atomic_load(&c->dead_letters);
        totals.lag = lag < 0 || totals.lag < 0 ? -1 : totals.lag + lag;
        totals.last_record = HW_MAX(totals.last_record, atomic_load(&c->last_record_at_ms));
        totals.last_progress = HW_MAX(totals.last_progress, atomic_load(&c->last_progress_at_ms));
        totals.last_flush = HW_MAX(totals.last_flush, atomic_load(&c->last_flush_at_ms));
        totals.last_commit = HW_MAX(totals.last_commit, atomic_load(&c->last_commit_at_ms));
    }
    return totals;
}

void hw_rest_write_status(struct hw_worker *worker, const struct hw_connector *connector, struct hw_buf *out) {
    const struct hw_run *run = hw_map_get(&worker->runs, connector->name);
    hw_buf_add_str(out, "{\"name\":");
    add_str(out, connector->name);
    hw_buf_add_str(out, ",\"connector\":{");
    add_state(worker, out, run ? run->state : HW_TASK_UNASSIGNED, run ? run->trace : NULL, run ? run->class : NULL);
    hw_buf_add_str(out, "},\"tasks\":[");
    for (int i = 0; run && i < run->slot_count; i++) {
        if (i)
            hw_buf_add_char(out, ',');
        hw_rest_write_task(worker, run->slots[i], out);
    }
    hw_buf_printf(out, "],\"type\":\"%s\"", type_of(worker, connector));
    if (run) {
        struct totals totals = add_up(run);
        hw_buf_printf(out, ",\"highway\":{\"records\":%lld,\"records_read\":%lld,\"dead_letters\":%lld", totals.records,
                      totals.read, totals.dead_letters);
        add_lag(out, run->class && run->class->sink && run->slot_count > 0 ? totals.lag : -1);
        add_time(out, "last_record_at", totals.last_record);
        add_time(out, "last_progress_at", totals.last_progress);
        add_time(out, "last_flush_at", totals.last_flush);
        add_time(out, "last_commit_at", totals.last_commit);
        hw_buf_add_char(out, '}');
    }
    hw_buf_add_char(out, '}');
}

/* ?expand=status&expand=info: either word gives both, clients take what they asked for. */
HW_REST_HANDLER(hw_rest_list) {
    struct hw_worker *worker = arg;
    if (!hw_rest_ready(worker, x))
        return;
    const char *expand = hw_http_query(x, "expand");
    bool expanded = expand && (strstr(expand, "status") || strstr(expand, "info")), first = true;
    struct hw_buf out = {0};
    size_t at = 0;
    const char *name;
    void *value;
    hw_buf_add_char(&out, expanded ? '{' : '[');
    pthread_mutex_lock(&worker->lock);
    while (hw_map_next(&worker->configs.connectors, &at, &name, &value)) {
        const struct hw_connector *connector = value;
        if (!connector->exists)
            continue;
        if (!first)
            hw_buf_add_char(&out, ',');
        first = false;
        add_str(&out, name);
        if (!expanded)
            continue;
        hw_buf_add_str(&out, ":{\"status\":");
        hw_rest_write_status(worker, connector, &out);
        hw_buf_add_str(&out, ",\"info\":");
        hw_rest_write_info(worker, connector, &out);
        hw_buf_add_char(&out, '}');
    }
    pthread_mutex_unlock(&worker->lock);
    hw_buf_add_char(&out, expanded ? '}' : ']');
    hw_rest_json(x, 200, &out);
}

enum shape { INFO, CONFIG, STATUS, TASKS };

static void write_tasks(const struct hw_connector *connector, struct hw_buf *out) {
    hw_buf_add_char(out, '[');
    for (int i = 0; i < connector->task_count; i++) {
        hw_buf_add_str(out, i ? ",{\"id\":{\"connector\":" : "{\"id\":{\"connector\":");
        add_str(out, connector->name);
        hw_buf_printf(out, ",\"task\":%d},\"config\":", i);
        hw_props_to_json(&connector->tasks[i], out);
        hw_buf_add_char(out, '}');
    }
    hw_buf_add_char(out, ']');
}

static void answer(struct hw_worker *worker, struct hw_http_exchange *x, enum shape shape) {
    if (!hw_rest_ready(worker, x))
        return;
    const char *name = hw_http_param(x, "c");
    struct hw_buf out = {0};
    pthread_mutex_lock(&worker->lock);
    const struct hw_connector *connector = hw_configs_get(&worker->configs, name);
    if (connector && shape == INFO)
        hw_rest_write_info(worker, connector, &out);
    else if (connector && shape == CONFIG)
        hw_props_to_json(&connector->config, &out);
    else if (connector && shape == STATUS)
        hw_rest_write_status(worker, connector, &out);
    else if (connector)
        write_tasks(connector, &out);
    pthread_mutex_unlock(&worker->lock);
    if (connector)
        hw_rest_json(x, 200, &out);
    else if (shape == STATUS)
        hw_rest_error(x, 404, "No status found for connector %.250s", name);
    else
        hw_rest_not_found(x, name);
}

HW_REST_HANDLER(hw_rest_get) {
    answer(arg, x, INFO);
}

HW_REST_HANDLER(hw_rest_get_config) {
    answer(arg, x, CONFIG);
}

HW_REST_HANDLER(hw_rest_status) {
    answer(arg, x, STATUS);
}

HW_REST_HANDLER(hw_rest_tasks) {
    answer(arg, x, TASKS);
}

HW_REST_HANDLER(hw_rest_task_status) {
    struct hw_worker *worker = arg;
    if (!hw_rest_ready(worker, x))
        return;
    const char *name = hw_http_param(x, "c"), *task = hw_http_param(x, "i");
    char *end;
    long id = strtol(task, &end, 10);
    struct hw_buf out = {0};
    pthread_mutex_lock(&worker->lock);
    const struct hw_run *run = hw_configs_get(&worker->configs, name) ? hw_map_get(&worker->runs, name) : NULL;
    bool found = run && *task && !*end && id >= 0 && id < run->slot_count;
    if (found)
        hw_rest_write_task(worker, run->slots[id], &out);
    pthread_mutex_unlock(&worker->lock);
    if (found)
        hw_rest_json(x, 200, &out);
    else
        hw_rest_error(x, 404, "No status found for task %.250s-%.20s", name, task);
}

HW_REST_HANDLER(hw_rest_topics) {
    struct hw_worker *worker = arg;
    if (!hw_rest_ready(worker, x))
        return;
    const char *name = hw_http_param(x, "c");
    pthread_mutex_lock(&worker->lock);
    bool found = hw_configs_get(&worker->configs, name) != NULL;
    pthread_mutex_unlock(&worker->lock);
    if (!found) {
        hw_rest_not_found(x, name);
        return;
    }
    struct hw_buf out = {0};
    hw_buf_add_char(&out, '{');
    add_str(&out, name);
    hw_buf_add_str(&out, ":{\"topics\":[");
    hw_status_list_topics(worker->status, name, &out);
    hw_buf_add_str(&out, "]}}");
    hw_rest_json(x, 200, &out);
}

HW_REST_HANDLER(hw_rest_reset_topics) {
    struct hw_worker *worker = arg;
    if (!hw_rest_ready(worker, x))
        return;
    hw_status_reset_topics(worker->status, hw_http_param(x, "c"));
    hw_rest_empty(x, 202);
}

void hw_rest_metrics(struct hw_buf *out, void *arg) {
    struct hw_worker *worker = arg;
    size_t at = 0;
    const char *name;
    void *value;
    long long connectors = 0, tasks = 0;
    HW_CLEANUP(hw_buf_done) struct hw_buf states = {0};
    HW_CLEANUP(hw_buf_done) struct hw_buf sent = {0};
    HW_CLEANUP(hw_buf_done) struct hw_buf lag = {0};
    pthread_mutex_lock(&worker->lock);
    while (hw_map_next(&worker->runs, &at, &name, &value)) {
        const struct hw_run *run = value;
        connectors++;
        for (int i = 0; i < run->slot_count; i++, tasks++) {
            struct hw_slot *slot = run->slots[i];
            if (strpbrk(name, "\"\\\n"))
                continue; /* no connector of ours has such a name */
            hw_buf_printf(&states,
                          "kafka_connect_connector_task_status{connector=\"%s\",task=\"%d\",status=\"%s\"} 1\n", name,
                          i, hw_task_state_name(slot->state));
            hw_buf_printf(&sent, "kafka_connect_%s_task_%s_total{connector=\"%s\",task=\"%d\"} %lld\n",
                          slot->class && slot->class->source ? "source" : "sink",
                          slot->class && slot->class->source ? "source_record_write" : "sink_record_send", name, i,
                          atomic_load(&slot->counters.records_put));
            long long records = atomic_load(&slot->counters.lag_records);
            if (slot->class && slot->class->sink && records >= 0)
                hw_buf_printf(&lag, "highway_connect_task_lag_records{connector=\"%s\",task=\"%d\"} %lld\n", name, i,
                              records);
        }
    }
    pthread_mutex_unlock(&worker->lock);
    hw_buf_printf(out,
                  "# TYPE kafka_connect_worker_connector_count gauge\nkafka_connect_worker_connector_count %lld\n"
                  "# TYPE kafka_connect_worker_task_count gauge\nkafka_connect_worker_task_count %lld\n",
                  connectors, tasks);
    struct hw_buf *parts[] = {&states, &sent, &lag};
    for (size_t i = 0; i < HW_ARRAY_SIZE(parts); i++)
        hw_buf_add(out, parts[i]->data, parts[i]->size);
}
