/* Show, then do: every check a change would meet, what it would make, the settings it becomes, and real rows in the
 * target's shape. Nothing here changes anything. */
#include "admin/admin_internal.h"
#include "admin/upstream.h"
#include "event/envelope.h"
#include "warehouse/warehouse.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREVIEW_ROWS       20
#define PREVIEW_CELL_BYTES 20000

struct planning {
    struct hw_admin *admin;
    const char *name;
    const struct hw_flow_spec *spec;
    struct hw_field_errors *errors;
    struct hw_plan *plan;
    yyjson_mut_doc *doc;
    yyjson_mut_val *checks, *effects, *warnings;
    bool table_known, table_exists;
};

enum state { PASS, WARN, FAIL, SKIPPED };

static void check(struct planning *p, const char *id, enum state state, int64_t began_ms, const char *pointer,
                  const char *hint, const char *detail, const char *format, ...) HW_PRINTF(8, 9);
static void check(struct planning *p, const char *id, enum state state, int64_t began_ms, const char *pointer,
                  const char *hint, const char *detail, const char *format, ...) {
    static const char *const words[] = {"pass", "warn", "fail", "skipped"};
    char title[400];
    va_list args;
    va_start(args, format);
    vsnprintf(title, sizeof title, format, args);
    va_end(args);
    yyjson_mut_val *item = yyjson_mut_arr_add_obj(p->doc, p->checks);
    yyjson_mut_obj_add_str(p->doc, item, "id", id);
    hw_json_add_text(p->doc, item, "title", title);
    yyjson_mut_obj_add_str(p->doc, item, "state", words[state]);
    yyjson_mut_obj_add_int(p->doc, item, "ms", hw_mono_ms() - began_ms);
    hw_json_add_text(p->doc, item, "detail", detail ? detail : "");
    if (hint && *hint)
        hw_json_add_text(p->doc, item, "hint", hint);
    if (pointer)
        hw_json_add_text(p->doc, item, "pointer", pointer);
    if (state == FAIL)
        p->plan->valid = false;
}

static void away(struct planning *p, const char *code, const char *format, ...) HW_PRINTF(3, 4);
static void away(struct planning *p, const char *code, const char *format, ...) {
    if (p->plan->unreachable)
        return;
    p->plan->unreachable = true;
    p->plan->away_code = code;
    va_list args;
    va_start(args, format);
    vsnprintf(p->plan->away, sizeof p->plan->away, format, args);
    va_end(args);
}

static yyjson_mut_val *effect(struct planning *p, const char *action, const char *object, const char *name,
                              const char *detail) {
    yyjson_mut_val *item = yyjson_mut_arr_add_obj(p->doc, p->effects);
    yyjson_mut_obj_add_str(p->doc, item, "action", action);
    yyjson_mut_obj_add_str(p->doc, item, "object", object);
    hw_json_add_text(p->doc, item, "name", name);
    if (detail)
        hw_json_add_text(p->doc, item, "detail", detail);
    return item;
}

static enum hw_flow_kind check_name(struct planning *p) {
    int64_t began = hw_mono_ms();
    char why[320];
    enum hw_flow_kind kind = hw_flows_find(p->admin->flows, p->name);
    if (!hw_flows_ready(p->admin->flows, why, sizeof why)) {
        check(p, "name", FAIL, began, NULL, "wait until Kafka answers", why, "The flows cannot be read");
        away(p, "kafka_unreachable", "%s", why);
    } else if (kind == HW_FLOW_UNMANAGED) {
        hw_field_error_add(p->errors, "{flow}", "conflict", "choose another name", NULL,
                           "a connector %s exists that was not made as a flow", p->name);
        check(p, "name", FAIL, began, "{flow}", "choose another name", NULL,
              "%s is a connector that was not made as a flow", p->name);
    } else {
        check(p, "name", PASS, began, NULL, NULL, NULL,
              kind == HW_FLOW_NONE ? "The name %s is free" : "The flow %s exists and would be changed", p->name);
    }
    return kind;
}

static void check_topic(struct planning *p, const char *topic, const char *pointer) {
    int64_t began = hw_mono_ms();
    struct hw_topic_view view;
    char text[300];
    bool found = hw_topics_get(p->admin->topics, topic, &view);
    if (!found && hw_topics_reachable(p->admin->topics, NULL, 0, NULL)) {
        hw_topics_look_now(p->admin->topics, 3000);
        found = hw_topics_get(p->admin->topics, topic, &view);
    }
    if (!hw_topics_reachable(p->admin->topics, text, sizeof text, NULL)) {
        check(p, "topic", FAIL, began, pointer, "check that Kafka runs (highway doctor)", text,
              "Kafka cannot be asked about %s", topic);
        away(p, "kafka_unreachable", "%s", text);
    } else if (found) {
        snprintf(text, sizeof text, "%lld events", (long long)view.messages);
        check(p, "topic", PASS, began, pointer, NULL, text, "Topic %s exists", topic);
        effect(p, "use", "topic", topic, NULL);
    } else {
        snprintf(text, sizeof text, "send a first event to it: POST %s/v1/events/%s", p->admin->ingest_uri, topic);
        check(p, "topic", WARN, began, pointer, text, "It would be made now and be empty; is the name right?",
              "Topic %s does not exist yet", topic);
        effect(p, "create", "topic", topic, "empty");
    }
    if (found)
        hw_topic_view_done(&view);
}

/* The catalog answers, and does the table exist? Looked up directly: one table needs no list of all. */
static void check_table(struct planning *p) {
    int64_t began = hw_mono_ms();
    struct hw_err err = {0};
    HW_CLEANUP(hw_http_response_done) struct hw_http_response config = {0};
    if (hw_upstream_call(p->admin->catalog_uri, "GET", "/v1/config", NULL, 0, 5000, &config, &err) < 0 ||
        config.status != 200) {
        if (!err.text[0])
            snprintf(err.text, sizeof err.text, "it answers HTTP %d", config.status);
        check(p, "catalog", FAIL, began, NULL, "check that the catalog runs (highway doctor)", err.text,
              "The catalog at %s does not answer", p->admin->catalog_uri);
        check(p, "table", SKIPPED, began, "/to/table", NULL, "The catalog could not be asked", "Table %s",
              p->spec->table);
        away(p, "catalog_unreachable", "%.380s", err.text);
        return;
    }
    check(p, "catalog", PASS, began, NULL, NULL, p->admin->catalog_uri, "The catalog answers");
    began = hw_mono_ms();
    const char *dot = strrchr(p->spec->table, '.');
    HW_CLEANUP(hw_freep) char *space = hw_xstrndup(p->spec->table, (size_t)(dot - p->spec->table));
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("/v1/namespaces/%s/tables/%s", space, dot + 1);
    HW_CLEANUP(hw_http_response_done) struct hw_http_response table = {0};
    if (hw_upstream_call(p->admin->catalog_uri, "GET", path, NULL, 0, 5000, &table, &err) < 0 ||
        (table.status != 200 && table.status != 404)) {
        check(p, "table", FAIL, began, "/to/table", "check that the catalog runs (highway doctor)", err.text,
              "Table %s cannot be looked up", p->spec->table);
        away(p, "catalog_unreachable", "the table cannot be looked up: %.300s", err.text);
        return;
    }
    p->table_known = true;
    p->table_exists = table.status == 200;
    check(p, "table", PASS, began, "/to/table", NULL,
          p->table_exists ? "Rows are added to it" : "It is made with the first commit",
          p->table_exists ? "Table %s exists" : "Table %s can be made", p->spec->table);
}

static void table_effect(struct planning *p) {
    if (!p->table_known)
        return;
    if (p->table_exists) {
        effect(p, "use", "table", p->spec->table, "rows are added");
        return;
    }
    HW_CLEANUP(hw_freep)
    char *ddl = hw_xasprintf("CREATE TABLE %s (\n  event_id STRING,\n  event_ts TIMESTAMP WITH TIME ZONE,\n  "
                             "event_version STRING,\n  event_name STRING,\n"
                             "  payload STRING,\n  _topic STRING,\n  _partition INT,\n  _offset BIGINT,\n  _kafka_ts "
                             "TIMESTAMP WITH TIME ZONE\n"
                             ") PARTITIONED BY (day(event_ts))",
                             p->spec->table);
    hw_json_add_text(p->doc, effect(p, "create", "table", p->spec->table, "with the first commit"), "ddl", ddl);
}

static bool check_worker(struct planning *p) {
    int64_t began = hw_mono_ms();
    struct hw_err err = {0};
    HW_CLEANUP(hw_http_response_done) struct hw_http_response response = {0};
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
    if (hw_upstream_call(p->admin->connect_uri, "GET", "/", NULL, 0, 5000, &response, &err) < 0 ||
        response.status != 200) {
        if (!err.text[0])
            snprintf(err.text, sizeof err.text, "it answers HTTP %d", response.status);
        check(p, "worker", FAIL, began, NULL, "check that the connect worker runs (highway doctor)", err.text,
              "The connect worker at %s does not answer", p->admin->connect_uri);
        away(p, "connect_unreachable", "%.380s", err.text);
        return false;
    }
    const char *version = hw_json_parse(response.body.data, response.body.size, &doc, &err) == 0
                              ? hw_json_str(yyjson_doc_get_root(doc), "version")
                              : NULL;
    check(p, "worker", PASS, began, NULL, NULL, version, "The connect worker answers");
    return true;
}

/* The worker's own verdict on the settings, each fault at the flow's field it comes from. */
static void check_settings(struct planning *p, const struct hw_flow_settings *settings) {
    int64_t began = hw_mono_ms();
    struct hw_err err = {0};
    HW_CLEANUP(hw_buf_done) struct hw_buf body = {0};
    const char *class = "";
    for (size_t i = 0; i < settings->count; i++) {
        hw_buf_add_char(&body, i ? ',' : '{');
        hw_buf_add_json_str(&body, settings->items[i].key, strlen(settings->items[i].key));
        hw_buf_add_char(&body, ':');
        hw_buf_add_json_str(&body, settings->items[i].value, strlen(settings->items[i].value));
        if (strcmp(settings->items[i].key, "connector.class") == 0)
            class = settings->items[i].value;
    }
    hw_buf_add_char(&body, '}');
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("/connector-plugins/%s/config/validate", class);
    HW_CLEANUP(hw_http_response_done) struct hw_http_response response = {0};
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
    bool answered =
        hw_upstream_call(p->admin->connect_uri, "PUT", path, body.data, body.size, 15000, &response, &err) == 0;
    if (!answered || response.status != 200 || hw_json_parse(response.body.data, response.body.size, &doc, &err) < 0) {
        char message[400];
        snprintf(message, sizeof message, "%.390s", err.text);
        if (answered)
            hw_upstream_message(&response, message, sizeof message);
        bool refused = answered && response.status >= 400 && response.status < 500;
        check(p, "plugin_config", FAIL, began, "/plugin", refused ? "the worker may lack this plugin" : "try again",
              message, "The worker could not check the settings");
        if (refused)
            hw_field_error_add(p->errors, "/plugin", "not_found", NULL, NULL, "%s", message);
        else
            away(p, "connect_unreachable", "%.380s", message);
        return;
    }
    size_t index, max, faults = 0, inner, inner_max;
    yyjson_val *item, *fault;
    yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(doc), "configs"), index, max, item) {
        yyjson_val *value = yyjson_obj_get(item, "value");
        const char *key = hw_json_str(value, "name");
        yyjson_arr_foreach(yyjson_obj_get(value, "errors"), inner, inner_max, fault) {
            char pointer[320];
            hw_flow_setting_pointer(p->spec, key ? key : "", pointer, sizeof pointer);
            hw_field_error_add(p->errors, pointer, "format", NULL, NULL, "%s",
                               yyjson_get_str(fault) ? yyjson_get_str(fault) : "refused");
            faults++;
        }
    }
    char detail[64];
    snprintf(detail, sizeof detail, "%zu settings", settings->count);
    if (faults)
        snprintf(detail, sizeof detail, "%zu faults, see errors", faults);
    check(p, "plugin_config", faults ? FAIL : PASS, began, NULL, faults ? "correct the fields named in errors" : NULL,
          detail, faults ? "The worker refuses the settings" : "The worker accepts the settings");
}

static yyjson_mut_val *settings_json(struct planning *p, const struct hw_flow_settings *settings) {
    yyjson_mut_val *out = yyjson_mut_obj(p->doc);
    for (size_t i = 0; i < settings->count; i++) {
        yyjson_mut_val *item = yyjson_mut_obj(p->doc);
        hw_json_add_text(p->doc, item, "value", settings->items[i].value);
        yyjson_mut_obj_add_str(p->doc, item, "from", settings->items[i].from);
        if (settings->items[i].why)
            hw_json_add_text(p->doc, item, "why", settings->items[i].why);
        yyjson_mut_obj_add(out, yyjson_mut_strcpy(p->doc, settings->items[i].key), item);
    }
    return out;
}

/* --- Preview
 * ------------------------------------------------------------------------------------------------------------------ */

static void add_cell(yyjson_mut_doc *doc, yyjson_mut_val *row, const char *text, size_t size) {
    size = HW_MIN(size, (size_t)PREVIEW_CELL_BYTES);
    while (size > 0 && !hw_text_is_utf8(text, size))
        size--;
    yyjson_mut_arr_add_strncpy(doc, row, text, size);
}

static void add_time_cell(yyjson_mut_doc *doc, yyjson_mut_val *row, int64_t us) {
    char text[28];
    hw_time_format_us(us, text);
    yyjson_mut_arr_add_strcpy(doc, row, text);
}

static void preview_rows(struct planning *p, const char *topic, yyjson_mut_val *rows, size_t *bad) {
    struct hw_topic_view view;
    struct hw_sample sample;
    struct hw_err err = {0};
    if (!hw_topics_get(p->admin->topics, topic, &view))
        return;
    int partitions = view.partitions;
    hw_topic_view_done(&view);
    if (hw_sample_read(p->admin->settings, hw_topics_client(p->admin->topics), topic, partitions, PREVIEW_ROWS, 5000,
                       &sample, &err) < 0)
        return;
    for (size_t i = 0; i < sample.count && yyjson_mut_arr_size(rows) < PREVIEW_ROWS; i++) {
        const struct hw_sample_event *event = &sample.events[i];
        struct hw_event_parts parts;
        if (!event->value.data || hw_event_split(event->value.data, event->value.size, &parts, &err) < 0) {
            ++*bad;
            continue;
        }
        char offset[24];
        yyjson_mut_val *row = yyjson_mut_arr_add_arr(p->doc, rows);
        add_cell(p->doc, row, parts.id, strlen(parts.id));
        add_time_cell(p->doc, row, parts.timestamp_us);
        add_cell(p->doc, row, parts.version, strlen(parts.version));
        add_cell(p->doc, row, parts.event_name, strlen(parts.event_name));
        add_cell(p->doc, row, (const char *)parts.payload.data, parts.payload.size);
        add_cell(p->doc, row, topic, strlen(topic));
        yyjson_mut_arr_add_int(p->doc, row, event->partition);
        snprintf(offset, sizeof offset, "%lld", (long long)event->offset);
        yyjson_mut_arr_add_strcpy(p->doc, row, offset);
        add_time_cell(p->doc, row, event->timestamp_ms * 1000);
    }
    hw_sample_done(&sample);
}

static yyjson_mut_val *preview(struct planning *p) {
    static const char *const columns[][2] = {{"event_id", "VARCHAR"},
                                             {"event_ts", "TIMESTAMP WITH TIME ZONE"},
                                             {"event_version", "VARCHAR"},
                                             {"event_name", "VARCHAR"},
                                             {"payload", "VARCHAR"},
                                             {"_topic", "VARCHAR"},
                                             {"_partition", "INTEGER"},
                                             {"_offset", "BIGINT"},
                                             {"_kafka_ts", "TIMESTAMP WITH TIME ZONE"}};
    if (p->spec->is_source || !p->spec->table)
        return yyjson_mut_null(p->doc);
    size_t bad = 0;
    yyjson_mut_val *rows = yyjson_mut_arr(p->doc);
    for (size_t i = 0; i < p->spec->topic_count && yyjson_mut_arr_size(rows) < PREVIEW_ROWS; i++)
        preview_rows(p, p->spec->topics[i], rows, &bad);
    if (bad) {
        char text[200];
        snprintf(text, sizeof text, "%zu of the newest events are no envelopes and would %s", bad,
                 p->spec->stop_on_bad_record ? "stop the flow (on_bad_record: stop)" : "be set aside");
        yyjson_mut_arr_add_strcpy(p->doc, p->warnings, text);
    }
    if (yyjson_mut_arr_size(rows) == 0)
        return yyjson_mut_null(p->doc);
    yyjson_mut_val *out = yyjson_mut_obj(p->doc), *list = yyjson_mut_obj_add_arr(p->doc, out, "columns");
    for (size_t i = 0; i < HW_ARRAY_SIZE(columns); i++) {
        yyjson_mut_val *column = yyjson_mut_arr_add_obj(p->doc, list);
        yyjson_mut_obj_add_str(p->doc, column, "name", columns[i][0]);
        yyjson_mut_obj_add_str(p->doc, column, "type", columns[i][1]);
    }
    yyjson_mut_obj_add_val(p->doc, out, "rows", rows);
    return out;
}

/* --- The plan
 * ----------------------------------------------------------------------------------------------------------------- */

static void run_checks(struct planning *p, enum hw_flow_kind *kind, const struct hw_flow_settings *settings) {
    char pointer[64];
    *kind = check_name(p);
    for (size_t i = 0; i < p->spec->topic_count; i++) {
        snprintf(pointer, sizeof pointer, "/from/topics/%zu", i);
        check_topic(p, p->spec->topics[i], pointer);
    }
    if (p->spec->to_topic)
        check_topic(p, p->spec->to_topic, "/to/topic");
    if (p->spec->table)
        check_table(p);
    if (check_worker(p))
        check_settings(p, settings);
    if (!p->spec->is_source && !p->spec->stop_on_bad_record) {
        HW_CLEANUP(hw_freep) char *dead = hw_xasprintf("dlq.%s", p->name);
        struct hw_topic_view view;
        bool exists = hw_topics_get(p->admin->topics, dead, &view);
        if (exists)
            hw_topic_view_done(&view);
        effect(p, exists ? "use" : "create", "topic", dead, "events that cannot be used are kept here");
    }
    table_effect(p);
    if (p->spec->to_file)
        effect(p, "use", "file", p->spec->to_file, "lines are added, on the worker's machine");
    effect(p, *kind == HW_FLOW_NONE ? "create" : "update", "flow", p->name, NULL);
}

yyjson_mut_val *hw_plan_make(struct hw_admin *admin, const char *name, const struct hw_flow_spec *spec,
                             struct hw_field_errors *errors, bool with_preview, yyjson_mut_doc *doc,
                             struct hw_plan *out_plan) {
    *out_plan = (struct hw_plan){.valid = errors->count == 0};
    struct planning p = {.admin = admin, .name = name, .spec = spec, .errors = errors, .plan = out_plan, .doc = doc};
    p.checks = yyjson_mut_arr(doc);
    p.effects = yyjson_mut_arr(doc);
    p.warnings = yyjson_mut_arr(doc);
    struct hw_flow_settings settings = {0};
    hw_flow_settings_make(name, spec, admin->catalog_uri, &settings);
    enum hw_flow_kind kind = hw_flows_find(admin->flows, name);
    if (errors->count == 0) /* what is malformed cannot be checked further */
        run_checks(&p, &kind, &settings);
    out_plan->valid = out_plan->valid && errors->count == 0;
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_obj_add_bool(doc, root, "valid", out_plan->valid);
    yyjson_mut_obj_add_bool(doc, root, "exists", kind != HW_FLOW_NONE);
    yyjson_mut_obj_add_val(doc, root, "checks", p.checks);
    yyjson_mut_obj_add_val(doc, root, "effects", p.effects);
    yyjson_mut_obj_add_val(doc, root, "errors", hw_field_errors_json(doc, errors));
    yyjson_mut_val *shown = with_preview && errors->count == 0 ? preview(&p) : yyjson_mut_null(doc);
    yyjson_mut_obj_add_val(doc, root, "warnings", p.warnings);
    yyjson_mut_obj_add_val(doc, root, "config", settings_json(&p, &settings));
    yyjson_mut_obj_add_val(doc, root, "preview", shown);
    hw_flow_settings_done(&settings);
    return root;
}
