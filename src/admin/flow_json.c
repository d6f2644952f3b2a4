/* Flows as the contract shows them. */
#include "admin/flows_internal.h"

#include <stdlib.h>
#include <string.h>

static void add_status(yyjson_mut_doc *doc, yyjson_mut_val *out, const struct flow *flow) {
    yyjson_mut_val *status = yyjson_mut_obj_add_obj(doc, out, "status");
    hw_json_add_text(doc, status, "state", flow->verdict.state);
    hw_json_add_time(doc, status, "since", flow->since_us);
    hw_json_add_text(doc, status, "why", flow->verdict.why);
    if (flow->verdict.hint[0])
        hw_json_add_text(doc, status, "hint", flow->verdict.hint);
    if (flow->trace)
        hw_json_add_text(doc, status, "trace", flow->trace);
}

static void add_lag(yyjson_mut_doc *doc, yyjson_mut_val *out, const struct flow *flow) {
    yyjson_mut_val *lag = yyjson_mut_obj_add_obj(doc, out, "lag");
    hw_json_add_int64_known(doc, lag, "records", flow->lag);
    if (flow->lag_seconds < 0)
        yyjson_mut_obj_add_null(doc, lag, "seconds");
    else
        yyjson_mut_obj_add_real(doc, lag, "seconds", flow->lag_seconds);
}

static void add_steps(yyjson_mut_doc *doc, yyjson_mut_val *out, const struct flow *flow) {
    yyjson_mut_val *steps = yyjson_mut_obj_add_arr(doc, out, "steps");
    for (int i = 0; i < FLOW_STEPS; i++) {
        yyjson_mut_val *step = yyjson_mut_arr_add_obj(doc, steps);
        yyjson_mut_obj_add_str(doc, step, "id", hw_flow_step_names[i]);
        hw_json_add_text(doc, step, "state", flow->steps[i].state);
        hw_json_add_time(doc, step, "at", flow->steps[i].at_us);
        hw_json_add_text(doc, step, "detail", flow->steps[i].detail);
    }
}

static void add_first_row(yyjson_mut_doc *doc, yyjson_mut_val *out, const struct flow *flow) {
    HW_CLEANUP(hw_json_freep) yyjson_doc *row = NULL;
    struct hw_err ignored;
    if (flow->first_row && hw_json_parse(flow->first_row, strlen(flow->first_row), &row, &ignored) == 0)
        yyjson_mut_obj_add_val(doc, out, "first_row", yyjson_val_mut_copy(doc, yyjson_doc_get_root(row)));
    else
        yyjson_mut_obj_add_null(doc, out, "first_row");
}

yyjson_mut_val *hw_flows_json(struct hw_flows *flows, const char *name, bool summary, yyjson_mut_doc *doc,
                              char out_etag[24]) {
    pthread_mutex_lock(&flows->lock);
    const struct flow *flow = hw_map_get(&flows->map, name);
    if (!flow) {
        pthread_mutex_unlock(&flows->lock);
        return NULL;
    }
    yyjson_mut_val *out = yyjson_mut_obj(doc);
    hw_json_add_text(doc, out, "name", flow->name);
    yyjson_mut_obj_add_val(doc, out, "spec", hw_flow_spec_json(doc, &flow->spec));
    yyjson_mut_obj_add_bool(doc, out, "managed", flow->managed);
    hw_json_add_time(doc, out, "created_at", flow->created_us);
    add_status(doc, out, flow);
    add_lag(doc, out, flow);
    if (!summary) {
        hw_json_add_time(doc, out, "updated_at", flow->updated_us);
        add_steps(doc, out, flow);
        hw_json_add_int64_known(doc, out, "rows", flow->rows);
        hw_json_add_int64_known(doc, out, "set_aside", flow->set_aside);
        hw_json_add_time(doc, out, "last_commit_at", flow->last_commit_us);
        add_first_row(doc, out, flow);
    }
    if (out_etag)
        memcpy(out_etag, flow->etag, sizeof flow->etag);
    pthread_mutex_unlock(&flows->lock);
    return out;
}

static bool reads(const struct flow *flow, const char *topic) {
    for (size_t i = 0; i < flow->spec.topic_count; i++)
        if (strcmp(flow->spec.topics[i], topic) == 0)
            return true;
    return false;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

size_t hw_flows_names(struct hw_flows *flows, const char *topic, char ***out_names) {
    pthread_mutex_lock(&flows->lock);
    char **names = hw_xcalloc(flows->map.count + 1, sizeof *names);
    size_t count = 0, at = 0;
    const char *name;
    void *value;
    while (hw_map_next(&flows->map, &at, &name, &value))
        if (!topic || reads(value, topic))
            names[count++] = hw_xstrdup(name);
    pthread_mutex_unlock(&flows->lock);
    qsort(names, count, sizeof *names, by_name);
    *out_names = names;
    return count;
}

static yyjson_mut_val *names_where(struct hw_flows *flows, const char *topic, const char *table, yyjson_mut_doc *doc) {
    yyjson_mut_val *list = yyjson_mut_arr(doc);
    size_t at = 0;
    const char *name;
    void *value;
    pthread_mutex_lock(&flows->lock);
    while (hw_map_next(&flows->map, &at, &name, &value)) {
        const struct flow *flow = value;
        if ((topic && reads(flow, topic)) || (table && flow->spec.table && strcmp(flow->spec.table, table) == 0))
            yyjson_mut_arr_add_strcpy(doc, list, name);
    }
    pthread_mutex_unlock(&flows->lock);
    return list;
}

yyjson_mut_val *hw_flows_of_table(struct hw_flows *flows, const char *table, yyjson_mut_doc *doc) {
    return names_where(flows, NULL, table, doc);
}

yyjson_mut_val *hw_flows_of_topic(struct hw_flows *flows, const char *topic, yyjson_mut_doc *doc) {
    return names_where(flows, topic, NULL, doc);
}

bool hw_flows_is_flow(struct hw_flows *flows, const char *name) {
    return hw_flows_find(flows, name) != HW_FLOW_NONE;
}
