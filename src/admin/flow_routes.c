/* /v1/flows */
#include "admin/admin_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void not_found(struct hw_admin *admin, struct hw_http_exchange *x, const char *name) {
    char **names = NULL;
    size_t count = hw_flows_names(admin->flows, NULL, &names);
    const char *near = hw_nearest(name, (const char *const *)names);
    HW_CLEANUP(hw_freep) char *hint = near ? hw_xasprintf("did you mean %s?", near) : NULL;
    hw_admin_problem(admin->access, x, &(struct hw_problem){.status = 404, .code = "not_found", .hint = hint},
                     "there is no flow %.200s", name);
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

/* Answers 503 and returns false while the flows cannot be read. */
static bool ready(struct hw_admin *admin, struct hw_http_exchange *x) {
    char why[320];
    if (hw_flows_ready(admin->flows, why, sizeof why))
        return true;
    hw_admin_kafka_away(admin, x, why);
    return false;
}

static void reply_flow(struct hw_admin *admin, struct hw_http_exchange *x, int status, const char *name) {
    HW_CLEANUP(hw_json_mut_freep) yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    char etag[24] = "";
    yyjson_mut_val *root = hw_flows_json(admin->flows, name, false, doc, etag);
    if (!root) {
        not_found(admin, x, name);
        return;
    }
    yyjson_mut_doc_set_root(doc, root);
    if (etag[0])
        hw_http_set_header(x, "ETag", etag);
    hw_admin_reply(admin->access, x, status, doc);
}

void hw_route_flows(struct hw_http_exchange *x, void *arg) {
    struct hw_admin *admin = arg;
    if (!ready(admin, x))
        return;
    const char *q = hw_http_query(x, "q");
    char **names = NULL;
    size_t count = hw_flows_names(admin->flows, hw_http_query(x, "topic"), &names), kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (q && !hw_contains_nocase(names[i], q))
            free(names[i]);
        else
            names[kept++] = names[i];
    }
    struct hw_page page;
    if (hw_admin_page(admin, x, kept, &page) == 0) {
        HW_CLEANUP(hw_json_mut_freep) yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
        yyjson_mut_val *root = yyjson_mut_obj(doc);
        yyjson_mut_doc_set_root(doc, root);
        yyjson_mut_val *items = yyjson_mut_obj_add_arr(doc, root, "items");
        for (size_t i = page.begin; i < page.end; i++) {
            yyjson_mut_val *item = hw_flows_json(admin->flows, names[i], true, doc, NULL);
            if (item)
                yyjson_mut_arr_append(items, item);
        }
        hw_admin_page_json(doc, root, &page, kept, hw_now_us());
        hw_admin_reply(admin->access, x, 200, doc);
    }
    for (size_t i = 0; i < kept; i++)
        free(names[i]);
    free(names);
}

void hw_route_flow(struct hw_http_exchange *x, void *arg) {
    struct hw_admin *admin = arg;
    if (ready(admin, x))
        reply_flow(admin, x, 200, hw_http_param(x, "flow"));
}

/* If-Match and If-None-Match, for clients that must not overwrite each other. False: answered 412. */
static bool preconditions_hold(struct hw_admin *admin, struct hw_http_exchange *x, const char *name) {
    const char *match = hw_http_header(x, "if-match"), *none = hw_http_header(x, "if-none-match");
    char etag[24] = "";
    HW_CLEANUP(hw_json_mut_freep) yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    bool exists = hw_flows_json(admin->flows, name, true, doc, etag) != NULL;
    bool holds = true;
    if (match && *match)
        holds = exists && (strcmp(match, "*") == 0 || strcmp(match, etag) == 0);
    if (none && strcmp(none, "*") == 0)
        holds = holds && !exists;
    if (!holds)
        hw_admin_problem(admin->access, x,
                         &(struct hw_problem){.status = 412,
                                              .code = "conflict",
                                              .hint = "read it again, then decide whether your change still fits"},
                         exists ? "the flow %s was changed meanwhile" : "there is no flow %s", name);
    return holds;
}

static void change(struct hw_admin *admin, struct hw_http_exchange *x, const char *name,
                   const struct hw_flow_spec *spec, struct hw_field_errors *errors) {
    HW_CLEANUP(hw_json_mut_freep) yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    struct hw_plan plan = {0};
    struct hw_err err = {0};
    bool created = false;
    if (errors->count == 0)
        (void)hw_plan_make(admin, name, spec, errors, false, doc, &plan);
    bool conflict = false;
    for (size_t i = 0; i < HW_MIN(errors->count, HW_FIELD_ERRORS_MAX); i++)
        conflict = conflict || strcmp(errors->items[i].pointer, "{flow}") == 0;
    if (errors->count) {
        bool taken = conflict && hw_flows_find(admin->flows, name) == HW_FLOW_UNMANAGED;
        hw_admin_problem(
            admin->access, x,
            &(struct hw_problem){
                .status = taken ? 409 : 422,
                .code = taken ? "conflict" : "invalid",
                .errors = errors,
                .hint = "correct the fields named in errors; ?dry_run=all checks without changing anything"},
            "the flow is not valid: %s", errors->items[0].detail);
        return;
    }
    if (plan.unreachable) {
        if (strcmp(plan.away_code, "connect_unreachable") == 0)
            hw_admin_connect_away(admin, x, plan.away);
        else if (strcmp(plan.away_code, "catalog_unreachable") == 0)
            hw_admin_catalog_away(admin, x, plan.away);
        else
            hw_admin_kafka_away(admin, x, plan.away);
        return;
    }
    if (hw_flows_put(admin->flows, name, spec, &created, &err) < 0) {
        if (err.kind == HW_ERR_CONFIG)
            hw_admin_problem(admin->access, x,
                             &(struct hw_problem){.status = err.code == 409 ? 409 : 422,
                                                  .code = err.code == 409 ? "conflict" : "invalid"},
                             "the flow was refused: %s", err.text);
        else
            hw_admin_connect_away(admin, x, err.text);
        return;
    }
    if (created) {
        HW_CLEANUP(hw_freep) char *location = hw_xasprintf("/v1/flows/%s", name);
        hw_http_set_header(x, "Location", location);
    }
    reply_flow(admin, x, created ? 201 : 200, name);
}

void hw_route_flow_put(struct hw_http_exchange *x, void *arg) {
    struct hw_admin *admin = arg;
    static const char *const runs[] = {"all", NULL};
    const char *dry_run = NULL, *name = hw_http_param(x, "flow");
    HW_CLEANUP(hw_json_freep) yyjson_doc *body = NULL;
    if (hw_admin_query_word(admin, x, "dry_run", runs, &dry_run) < 0 || hw_admin_body(admin, x, &body) < 0)
        return;
    HW_CLEANUP(hw_freep) struct hw_field_errors *errors = hw_xcalloc(1, sizeof *errors);
    HW_CLEANUP(hw_flow_spec_done) struct hw_flow_spec spec;
    hw_flow_spec_parse(name, yyjson_doc_get_root(body), &spec, errors);
    if (dry_run) {
        HW_CLEANUP(hw_json_mut_freep) yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
        struct hw_plan plan;
        yyjson_mut_doc_set_root(doc, hw_plan_make(admin, name, &spec, errors, true, doc, &plan));
        hw_admin_reply(admin->access, x, 200, doc);
        return;
    }
    if (errors->count == 0 && (!ready(admin, x) || !preconditions_hold(admin, x, name)))
        return;
    change(admin, x, name, &spec, errors);
}

/* A flow of ours; otherwise answers and returns false. */
static bool is_ours(struct hw_admin *admin, struct hw_http_exchange *x, const char *name) {
    if (!ready(admin, x))
        return false;
    enum hw_flow_kind kind = hw_flows_find(admin->flows, name);
    if (kind == HW_FLOW_NONE)
        not_found(admin, x, name);
    if (kind == HW_FLOW_UNMANAGED)
        hw_admin_problem(admin->access, x,
                         &(struct hw_problem){.status = 409, .code = "conflict", .hint = "use the Connect REST for it"},
                         "%s is a connector that was not made as a flow; it is read-only here", name);
    return kind == HW_FLOW_MANAGED;
}

void hw_route_flow_delete(struct hw_http_exchange *x, void *arg) {
    struct hw_admin *admin = arg;
    const char *name = hw_http_param(x, "flow");
    struct hw_err err = {0};
    if (!is_ours(admin, x, name) || !preconditions_hold(admin, x, name))
        return;
    if (hw_flows_delete(admin->flows, name, &err) < 0) {
        hw_admin_connect_away(admin, x, err.text);
        return;
    }
    hw_admin_reply_text(admin->access, x, 204, NULL, NULL, 0);
}

void hw_route_flow_action(struct hw_http_exchange *x, void *arg) {
    struct hw_admin *admin = arg;
    static const char *const actions[] = {"pause", "resume", "restart", NULL};
    static const char *const known[] = {"action", NULL};
    const char *name = hw_http_param(x, "flow");
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
    struct hw_err err = {0};
    if (!is_ours(admin, x, name) || hw_admin_body(admin, x, &doc) < 0)
        return;
    yyjson_val *body = yyjson_doc_get_root(doc), *key, *value;
    HW_CLEANUP(hw_freep) struct hw_field_errors *errors = hw_xcalloc(1, sizeof *errors);
    size_t index, max;
    yyjson_obj_foreach(body, index, max, key, value) {
        if (strcmp(yyjson_get_str(key), "action") != 0)
            hw_field_error_add(errors, "", "unknown", NULL, known, "there is no field \"%.200s\" here",
                               yyjson_get_str(key));
    }
    const char *action = hw_json_str(body, "action"), *wanted = NULL;
    for (size_t i = 0; action && actions[i]; i++)
        if (strcmp(actions[i], action) == 0)
            wanted = actions[i];
    if (!wanted) {
        const char *near = action ? hw_nearest(action, actions) : NULL;
        HW_CLEANUP(hw_freep) char *hint = near ? hw_xasprintf("did you mean \"%s\"?", near) : NULL;
        hw_field_error_add(errors, "/action", action ? "enum" : "required", hint, actions,
                           "expected pause, resume or restart");
    }
    if (errors->count) {
        hw_admin_problem(admin->access, x, &(struct hw_problem){.status = 422, .code = "invalid", .errors = errors},
                         "%s", errors->items[0].detail);
        return;
    }
    if (hw_flows_act(admin->flows, name, wanted, &err) < 0) {
        if (err.kind == HW_ERR_CONFIG)
            hw_admin_problem(admin->access, x, &(struct hw_problem){.status = 409, .code = "conflict"},
                             "the worker refuses: %s", err.text);
        else
            hw_admin_connect_away(admin, x, err.text);
        return;
    }
    reply_flow(admin, x, 200, name);
}

/* --- Plugins
 * ------------------------------------------------------------------------------------------------------------------ */

struct question {
    const char *name, *pointer, *type;
    bool required;
    const char *fallback, *doc;
    const char *allowed[4];
};
struct plugin {
    const char *name, *kind, *title, *doc, *class;
    struct question questions[6];
};
#define TOPICS_QUESTION                                                                                                \
    {                                                                                                                  \
        "topics", "/from/topics", "list", true, NULL, "Topics whose events are taken.", {                              \
            0                                                                                                          \
        }                                                                                                              \
    }
#define BAD_RECORD_QUESTION                                                                                            \
    {                                                                                                                  \
        "on_bad_record", "/on_bad_record", "enum", false, "set_aside",                                                 \
            "set_aside: events that cannot be used go to dlq.<flow> and the flow goes on. stop: the flow stops at "    \
            "the first one.",                                                                                          \
        {                                                                                                              \
            "set_aside", "stop"                                                                                        \
        }                                                                                                              \
    }
static const struct plugin plugins[] = {
    {"warehouse",
     "sink",
     "Warehouse table",
     "Each event becomes one row of an Iceberg table, exactly once; query it with SQL seconds later.",
     "warehouse",
     {TOPICS_QUESTION,
      {"table", "/to/table", "string", true, NULL, "namespace.table; it is made when it does not exist.", {0}},
      {"freshness",
       "/freshness",
       "duration",
       false,
       "30s",
       "How old new rows may be when they can be queried. Longer makes larger, fewer files.",
       {0}},
      BAD_RECORD_QUESTION}},
    {"file",
     "sink",
     "File of lines",
     "Each event becomes one line of a file on the worker's machine. For looking and testing.",
     "FileStreamSink",
     {TOPICS_QUESTION,
      {"file", "/to/file", "string", true, NULL, "Path of the file, as the worker sees it.", {0}},
      BAD_RECORD_QUESTION}},
    {"file",
     "source",
     "Lines of a file",
     "Each new line of a file on the worker's machine becomes an event.",
     "FileStreamSource",
     {{"file", "/from/file", "string", true, NULL, "Path of the file, as the worker sees it.", {0}},
      {"topic", "/to/topic", "string", true, NULL, "The topic that takes the lines.", {0}}}},
};

void hw_route_plugins(struct hw_http_exchange *x, void *arg) {
    struct hw_admin *admin = arg;
    HW_CLEANUP(hw_json_mut_freep) yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_val *items = yyjson_mut_obj_add_arr(doc, root, "items");
    for (size_t i = 0; i < HW_ARRAY_SIZE(plugins); i++) {
        yyjson_mut_val *item = yyjson_mut_arr_add_obj(doc, items);
        yyjson_mut_obj_add_str(doc, item, "name", plugins[i].name);
        yyjson_mut_obj_add_str(doc, item, "kind", plugins[i].kind);
        yyjson_mut_obj_add_str(doc, item, "title", plugins[i].title);
        yyjson_mut_obj_add_str(doc, item, "doc", plugins[i].doc);
        yyjson_mut_obj_add_str(doc, item, "class", plugins[i].class);
        yyjson_mut_val *fields = yyjson_mut_obj_add_arr(doc, item, "fields");
        for (const struct question *q = plugins[i].questions;
             q < plugins[i].questions + HW_ARRAY_SIZE(plugins[i].questions) && q->name; q++) {
            yyjson_mut_val *field = yyjson_mut_arr_add_obj(doc, fields);
            yyjson_mut_obj_add_str(doc, field, "name", q->name);
            yyjson_mut_obj_add_str(doc, field, "pointer", q->pointer);
            yyjson_mut_obj_add_str(doc, field, "type", q->type);
            yyjson_mut_obj_add_bool(doc, field, "required", q->required);
            hw_json_add_text(doc, field, "default", q->fallback);
            yyjson_mut_obj_add_str(doc, field, "doc", q->doc);
            if (!q->allowed[0])
                continue;
            yyjson_mut_val *allowed = yyjson_mut_obj_add_arr(doc, field, "allowed");
            for (size_t a = 0; q->allowed[a]; a++)
                yyjson_mut_arr_add_str(doc, allowed, q->allowed[a]);
        }
    }
    hw_admin_reply(admin->access, x, 200, doc);
}
