/* /v1/tables and /v1/sql, both by the warehouse library. */
#include "admin/admin_internal.h"
#include "admin/upstream.h"
#include "warehouse/warehouse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SQL_TIMEOUT_MS 30000

static int load(struct hw_admin *admin, struct hw_http_exchange *x, yyjson_doc **out_doc) {
    HW_CLEANUP(hw_buf_done) struct hw_buf text = {0};
    struct hw_err err = {0};
    if (hw_tables_list(admin->catalog_uri, &text, &err) < 0 || hw_json_parse(text.data, text.size, out_doc, &err) < 0) {
        hw_admin_catalog_away(admin, x, err.text);
        return -1;
    }
    return 0;
}

/* The library gives counts as strings or as numbers; the contract wants strings. */
static void add_count(yyjson_mut_doc *doc, yyjson_mut_val *out, const char *key, yyjson_val *item) {
    yyjson_val *value = yyjson_obj_get(item, key);
    if (yyjson_is_str(value))
        yyjson_mut_obj_add_strcpy(doc, out, key, yyjson_get_str(value));
    else if (yyjson_is_int(value))
        hw_json_add_int64(doc, out, key, yyjson_get_sint(value));
    else
        yyjson_mut_obj_add_null(doc, out, key);
}

static void table_json(struct hw_admin *admin, yyjson_val *item, yyjson_mut_doc *doc, yyjson_mut_val *out) {
    const char *name = hw_json_str(item, "name"), *dot = strrchr(name, '.'), *when = hw_json_str(item, "last_commit");
    HW_CLEANUP(hw_freep) char *space = hw_xstrndup(name, dot ? (size_t)(dot - name) : 0);
    hw_json_add_text(doc, out, "name", name);
    hw_json_add_text(doc, out, "namespace", space);
    add_count(doc, out, "rows", item);
    add_count(doc, out, "files", item);
    add_count(doc, out, "bytes", item);
    hw_json_add_text(doc, out, "updated_at", when);
    yyjson_mut_obj_add_val(doc, out, "flows", hw_flows_of_table(admin->flows, name, doc));
}

static int by_name(const void *a, const void *b) {
    return strcmp(hw_json_str(*(yyjson_val *const *)a, "name"), hw_json_str(*(yyjson_val *const *)b, "name"));
}

void hw_route_tables(struct hw_http_exchange *x, void *arg) {
    struct hw_admin *admin = arg;
    const char *q = hw_http_query(x, "q");
    HW_CLEANUP(hw_json_freep) yyjson_doc *tables = NULL;
    if (load(admin, x, &tables) < 0)
        return;
    yyjson_val *list = yyjson_doc_get_root(tables), *item;
    HW_CLEANUP(hw_freep) yyjson_val **kept = hw_xcalloc(yyjson_arr_size(list) + 1, sizeof *kept);
    size_t index, max, count = 0;
    yyjson_arr_foreach(list, index, max, item) {
        const char *name = hw_json_str(item, "name");
        if (name && (!q || hw_contains_nocase(name, q)))
            kept[count++] = item;
    }
    qsort(kept, count, sizeof *kept, by_name);
    struct hw_page page;
    if (hw_admin_page(admin, x, count, &page) < 0)
        return;
    HW_CLEANUP(hw_json_mut_freep) yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_val *items = yyjson_mut_obj_add_arr(doc, root, "items");
    for (size_t i = page.begin; i < page.end; i++)
        table_json(admin, kept[i], doc, yyjson_mut_arr_add_obj(doc, items));
    hw_admin_page_json(doc, root, &page, count, hw_now_us());
    hw_admin_reply(admin->access, x, 200, doc);
}

/* Where it lies and how it is cut, from the catalog's metadata: "day(event_ts)". */
static void add_layout(struct hw_admin *admin, const char *name, yyjson_mut_doc *doc, yyjson_mut_val *out) {
    const char *dot = strrchr(name, '.');
    HW_CLEANUP(hw_freep) char *plain_space = hw_xstrndup(name, (size_t)(dot - name));
    HW_CLEANUP(hw_freep) char *space = hw_url_encode(plain_space);
    HW_CLEANUP(hw_freep) char *table = hw_url_encode(dot + 1);
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("/v1/namespaces/%s/tables/%s", space, table);
    HW_CLEANUP(hw_http_response_done) struct hw_http_response response = {0};
    HW_CLEANUP(hw_json_freep) yyjson_doc *answer = NULL;
    struct hw_err err = {0};
    yyjson_mut_val *cuts = yyjson_mut_obj_add_arr(doc, out, "partition_by");
    yyjson_val *metadata = NULL;
    if (hw_upstream_call(admin->catalog_uri, "GET", path, NULL, 0, 10000, &response, &err) == 0 &&
        response.status == 200 && hw_json_parse(response.body.data, response.body.size, &answer, &err) == 0)
        metadata = yyjson_obj_get(yyjson_doc_get_root(answer), "metadata");
    const char *location = hw_json_str(metadata, "location");
    hw_json_add_text(doc, out, "location", location ? location : "");
    int64_t spec_id = hw_json_int(metadata, "default-spec-id", 0),
            schema_id = hw_json_int(metadata, "current-schema-id", 0);
    yyjson_val *spec, *field, *schema, *column;
    size_t i, i_max, j, j_max, k, k_max, l, l_max;
    yyjson_arr_foreach(yyjson_obj_get(metadata, "partition-specs"), i, i_max, spec) {
        if (hw_json_int(spec, "spec-id", -1) != spec_id)
            continue;
        yyjson_arr_foreach(yyjson_obj_get(spec, "fields"), j, j_max, field) {
            const char *transform = hw_json_str(field, "transform"), *source = NULL;
            yyjson_arr_foreach(yyjson_obj_get(metadata, "schemas"), k, k_max, schema) {
                if (hw_json_int(schema, "schema-id", -1) != schema_id)
                    continue;
                yyjson_arr_foreach(yyjson_obj_get(schema, "fields"), l, l_max, column) {
                    if (hw_json_int(column, "id", -1) == hw_json_int(field, "source-id", -2))
                        source = hw_json_str(column, "name");
                }
            }
            HW_CLEANUP(hw_freep)
            char *text = transform && strcmp(transform, "identity") == 0
                             ? hw_xasprintf("%s", source ? source : "?")
                             : hw_xasprintf("%s(%s)", transform ? transform : "?", source ? source : "?");
            yyjson_mut_arr_add_strcpy(doc, cuts, text);
        }
    }
}

void hw_route_table(struct hw_http_exchange *x, void *arg) {
    struct hw_admin *admin = arg;
    const char *wanted = hw_http_param(x, "table");
    HW_CLEANUP(hw_json_freep) yyjson_doc *tables = NULL;
    if (load(admin, x, &tables) < 0)
        return;
    yyjson_val *list = yyjson_doc_get_root(tables), *item, *found = NULL;
    HW_CLEANUP(hw_freep) const char **names = hw_xcalloc(yyjson_arr_size(list) + 1, sizeof *names);
    size_t index, max, count = 0;
    yyjson_arr_foreach(list, index, max, item) {
        const char *name = hw_json_str(item, "name");
        if (!name)
            continue;
        names[count++] = name;
        if (strcmp(name, wanted) == 0 && strrchr(name, '.'))
            found = item;
    }
    if (!found) {
        const char *near = hw_nearest(wanted, names);
        HW_CLEANUP(hw_freep)
        char *hint =
            near ? hw_xasprintf("did you mean %s?", near) : hw_xstrdup("a flow makes its table with its first commit");
        hw_admin_problem(admin->access, x, &(struct hw_problem){.status = 404, .code = "not_found", .hint = hint},
                         "there is no table %.300s", wanted);
        return;
    }
    HW_CLEANUP(hw_json_mut_freep) yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    table_json(admin, found, doc, root);
    yyjson_val *columns = yyjson_obj_get(found, "columns");
    yyjson_mut_obj_add_val(doc, root, "columns", columns ? yyjson_val_mut_copy(doc, columns) : yyjson_mut_arr(doc));
    add_count(doc, root, "snapshot_id", found);
    add_layout(admin, wanted, doc, root);
    hw_admin_reply(admin->access, x, 200, doc);
}

void hw_route_sql(struct hw_http_exchange *x, void *arg) {
    struct hw_admin *admin = arg;
    static const char *const known[] = {"sql", "limit", NULL};
    HW_CLEANUP(hw_json_freep) yyjson_doc *body = NULL;
    if (hw_admin_body(admin, x, &body) < 0)
        return;
    HW_CLEANUP(hw_freep) struct hw_field_errors *errors = hw_xcalloc(1, sizeof *errors);
    yyjson_val *root = yyjson_doc_get_root(body), *key, *value;
    size_t index, max;
    if (!yyjson_is_obj(root))
        hw_field_error_add(errors, "", "type", NULL, NULL, "expected an object, got %s", yyjson_get_type_desc(root));
    yyjson_obj_foreach(root, index, max, key, value) {
        const char *name = yyjson_get_str(key), *near = hw_nearest(name, known);
        if (strcmp(name, "sql") == 0 || strcmp(name, "limit") == 0)
            continue;
        char pointer[240], hint[64] = "";
        snprintf(pointer, sizeof pointer, "/%.200s", name);
        if (near)
            snprintf(hint, sizeof hint, "did you mean \"%s\"?", near);
        hw_field_error_add(errors, pointer, "unknown", hint, known, "there is no field \"%.200s\" here", name);
    }
    yyjson_val *sql = yyjson_obj_get(root, "sql"), *limit = yyjson_obj_get(root, "limit");
    if (!yyjson_is_str(sql) || yyjson_get_len(sql) == 0)
        hw_field_error_add(errors, "/sql", sql ? "type" : "required", "one SELECT statement in quotes", NULL,
                           "the statement is missing");
    else if (yyjson_get_len(sql) > 100000 || strlen(yyjson_get_str(sql)) != yyjson_get_len(sql))
        hw_field_error_add(errors, "/sql", "range", NULL, NULL, "at most 100000 bytes, without NUL");
    if (limit && (!yyjson_is_int(limit) || yyjson_get_sint(limit) < 1 || yyjson_get_sint(limit) > 10000))
        hw_field_error_add(errors, "/limit", "range", NULL, NULL, "expected a whole number from 1 to 10000");
    if (errors->count) {
        hw_admin_problem(admin->access, x, &(struct hw_problem){.status = 422, .code = "invalid", .errors = errors},
                         "%s", errors->items[0].detail);
        return;
    }
    struct hw_sql_options options = {.catalog_uri = admin->catalog_uri,
                                     .timeout_ms = SQL_TIMEOUT_MS,
                                     .max_rows = (size_t)hw_json_int(root, "limit", 1000)};
    struct hw_buf answer = {0};
    struct hw_err err = {0};
    if (hw_sql_run(&options, yyjson_get_str(sql), &answer, &err) < 0) {
        hw_buf_done(&answer);
        if (err.kind == HW_ERR_RETRY) {
            hw_admin_catalog_away(admin, x, err.text);
            return;
        }
        bool late = strstr(err.text, "longer than") || strstr(err.text, "timeout") || strstr(err.text, "too long") ||
                    strstr(err.text, "time limit");
        bool fault = err.kind == HW_ERR_DATA || err.kind == HW_ERR_CONFIG;
        hw_admin_problem(
            admin->access, x,
            &(struct hw_problem){.status = fault ? 422 : 500,
                                 .code = !fault ? "internal"
                                         : late ? "sql_timeout"
                                                : "sql_failed",
                                 .hint = late ? "ask for less: a narrower WHERE on event_ts, or a LIMIT" : NULL},
            "%s", err.text);
        return;
    }
    hw_http_set_header(x, "Cache-Control", "no-store");
    hw_access_log_write(admin->access, x, 200, answer.size);
    hw_http_reply_buf(x, 200, "application/json", &answer);
}
