/* Speaking to an Iceberg REST catalog. */
#include "warehouse/catalog_client.h"

#include "net/http_client.h"
#include "warehouse/warehouse.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CALL_TIMEOUT_MS = 15000, PAGES_LIMIT = 1000, TABLES_LIMIT = 100000 };

struct hw_catalog_client {
    char *base; /* "http://127.0.0.1:8181/v1" or ".../v1/prefix" */
};

/* --- Names --------------------------------------------------------------------------------------------------------- */
int hw_table_name_split(const char *table, struct hw_table_name *out, struct hw_err *err)
{
    const char *dot = strchr(table, '.');
    const char *fix =
        "write it as namespace.table, each of a-z, 0-9 and _ and at most 200 characters, as in events.clicks";
    if (!dot)
        return hw_err_set(err, HW_ERR_CONFIG, 0, "\"%.100s\" has no namespace: %s", table, fix);
    size_t space = (size_t)(dot - table), name = strlen(dot + 1);
    if (space == 0 || name == 0 || space > 200 || name > 200)
        return hw_err_set(err, HW_ERR_CONFIG, 0, "\"%.100s\" is too short or too long for a table: %s", table, fix);
    for (const char *p = table; *p; p++)
        if (p != dot && !islower((unsigned char)*p) && !isdigit((unsigned char)*p) && *p != '_')
            return hw_err_set(err, HW_ERR_CONFIG, 0,
                              "\"%.100s\" cannot be a table because of its character %zu (\"%.1s\"): %s", table,
                              (size_t)(p - table) + 1, (unsigned char)*p < 0x80 ? p : "?", fix);
    memcpy(out->space, table, space);
    out->space[space] = 0;
    memcpy(out->name, dot + 1, name + 1);
    return 0;
}

int hw_table_name_check(const char *table, struct hw_err *err)
{
    struct hw_table_name name;
    return hw_table_name_split(table, &name, err);
}

/* REST joins the levels of a namespace by 0x1F. */
int hw_table_name_any(const char *table, struct hw_table_name *out)
{
    const char *dot = strrchr(table, '.');
    if (!dot || (size_t)(dot - table) >= sizeof(out->space) || strlen(dot + 1) >= sizeof(out->name))
        return -1;
    snprintf(out->space, sizeof(out->space), "%.*s", (int)(dot - table), table);
    snprintf(out->name, sizeof(out->name), "%s", dot + 1);
    for (char *p = out->space; *p; p++)
        if (*p == '.')
            *p = 0x1f;
    return 0;
}

void hw_names_add(struct hw_names *names, const char *name)
{
    if (names->count == names->capacity) {
        names->capacity = names->capacity ? names->capacity * 2 : 16;
        names->items = hw_xrealloc(names->items, names->capacity * sizeof(*names->items));
    }
    names->items[names->count++] = hw_xstrdup(name);
}

void hw_names_done(struct hw_names *names)
{
    for (size_t i = 0; i < names->count; i++)
        free(names->items[i]);
    free(names->items);
    *names = (struct hw_names){0};
}

/* --- Calls --------------------------------------------------------------------------------------------------------- */
/* The catalog's own words: {"error":{"message",…}}, else the status alone. */
static void fill_error(const struct hw_http_response *response, const char *url, struct hw_err *err)
{
    yyjson_doc *doc = yyjson_read((const char *)response->body.data, response->body.size, 0);
    yyjson_val *root = yyjson_doc_get_root(doc);
    const char *message = hw_json_str(yyjson_obj_get(root, "error"), "message");
    if (!message)
        message = hw_json_str(root, "detail");
    enum hw_err_kind kind = response->status >= 500 || response->status == 429 ? HW_ERR_RETRY : HW_ERR_DATA;
    hw_err_set(err, kind, response->status, "the catalog answers %d: %s", response->status, message ? message : url);
    yyjson_doc_free(doc);
}

static int call(const char *method, const char *url, const struct hw_buf *body, struct hw_http_response *response,
                struct hw_err *err)
{
    struct hw_http_call request = {.method = method, .url = url, .timeout_ms = CALL_TIMEOUT_MS};
    if (body) {
        request.body = body->data;
        request.body_size = body->size;
    }
    if (hw_http_call(&request, response, err) < 0)
        return hw_err_prefix(err, "catalog");
    return 0;
}

/* 2xx and its document, or -1 with the status as err->code. */
static int call_json(const char *method, const char *url, const struct hw_buf *body, yyjson_doc **out_doc,
                     struct hw_err *err)
{
    HW_CLEANUP(hw_http_response_done) struct hw_http_response response = {0};
    HW_TRY(call(method, url, body, &response, err));
    if (response.status < 200 || response.status > 299) {
        fill_error(&response, url, err);
        return -1;
    }
    if (!out_doc)
        return 0;
    if (hw_json_parse(response.body.data, response.body.size, out_doc, err) < 0) {
        hw_err_prefix(err, "the answer of %s", url);
        err->kind = HW_ERR_RETRY;
        return -1;
    }
    return 0;
}

int hw_catalog_client_open(const char *uri, struct hw_catalog_client **out_client, struct hw_err *err)
{
    HW_CLEANUP(hw_freep) char *root = hw_xstrdup(uri);
    for (size_t size = strlen(root); size > 0 && root[size - 1] == '/'; size--)
        root[size - 1] = 0;
    HW_CLEANUP(hw_freep) char *url = hw_xasprintf("%s/v1/config", root);
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
    HW_TRY(call_json("GET", url, NULL, &doc, err));
    const char *prefix = hw_json_str(yyjson_obj_get(yyjson_doc_get_root(doc), "overrides"), "prefix");
    struct hw_catalog_client *client = hw_xcalloc(1, sizeof(*client));
    client->base = prefix && *prefix ? hw_xasprintf("%s/v1/%s", root, prefix) : hw_xasprintf("%s/v1", root);
    *out_client = client;
    return 0;
}

struct hw_catalog_client *hw_catalog_client_close(struct hw_catalog_client *client)
{
    if (client)
        free(client->base);
    free(client);
    return NULL;
}

void hw_catalog_client_closep(struct hw_catalog_client **client)
{
    *client = hw_catalog_client_close(*client);
}

/* Percent-encodes a path segment. */
static void add_segment(struct hw_buf *url, const char *s)
{
    for (; *s; s++) {
        if (isalnum((unsigned char)*s) || strchr("-._~", *s))
            hw_buf_add_char(url, *s);
        else
            hw_buf_printf(url, "%%%02X", (unsigned)(unsigned char)*s);
    }
}

static void table_url(const struct hw_catalog_client *client, const struct hw_table_name *table, struct hw_buf *url)
{
    hw_buf_printf(url, "%s/namespaces/", client->base);
    add_segment(url, table->space);
    hw_buf_add_str(url, "/tables/");
    add_segment(url, table->name);
}

int hw_catalog_load(struct hw_catalog_client *client, const struct hw_table_name *table, bool all_snapshots,
                    yyjson_doc **out_doc, struct hw_err *err)
{
    HW_CLEANUP(hw_buf_done) struct hw_buf url = {0};
    table_url(client, table, &url);
    if (!all_snapshots)
        hw_buf_add_str(&url, "?snapshots=refs");
    return call_json("GET", hw_buf_str(&url), NULL, out_doc, err);
}

int hw_catalog_create_namespace(struct hw_catalog_client *client, const char *space, struct hw_err *err)
{
    HW_CLEANUP(hw_freep) char *url = hw_xasprintf("%s/namespaces", client->base);
    HW_CLEANUP(hw_buf_done) struct hw_buf body = {0};
    hw_buf_printf(&body, "{\"namespace\":[\"%s\"],\"properties\":{}}", space);
    if (call_json("POST", url, &body, NULL, err) < 0 && err->code != 409)
        return -1;
    return 0;
}

int hw_catalog_create_table(struct hw_catalog_client *client, const char *space, const struct hw_buf *body,
                            struct hw_err *err)
{
    HW_CLEANUP(hw_freep) char *url = hw_xasprintf("%s/namespaces/%s/tables", client->base, space);
    if (call_json("POST", url, body, NULL, err) < 0 && err->code != 409)
        return -1;
    return 0;
}

int hw_catalog_commit(struct hw_catalog_client *client, const struct hw_table_name *table, const struct hw_buf *body,
                      yyjson_doc **out_doc, struct hw_err *err)
{
    HW_CLEANUP(hw_buf_done) struct hw_buf url = {0};
    HW_CLEANUP(hw_http_response_done) struct hw_http_response response = {0};
    table_url(client, table, &url);
    if (call("POST", hw_buf_str(&url), body, &response, err) < 0)
        return err->code == 0 ? -1 : HW_COMMIT_UNKNOWN; /* code 0: the request surely never left */
    if (response.status >= 200 && response.status <= 299) {
        if (hw_json_parse(response.body.data, response.body.size, out_doc, err) == 0)
            return 0;
        hw_err_prefix(err, "the catalog's answer to a commit");
        err->kind = HW_ERR_RETRY;
        return HW_COMMIT_UNKNOWN;
    }
    fill_error(&response, hw_buf_str(&url), err);
    if (response.status == 409)
        return HW_COMMIT_CONFLICT;
    /* 429 and 503 come before any work in our own catalog, yet others may differ: look before trying again. */
    return response.status >= 500 ? HW_COMMIT_UNKNOWN : -1;
}

/* --- Listing ------------------------------------------------------------------------------------------------------- */
/* Follows next-page-token; visit gets each item of the array. */
static int each_page(const char *url, const char *array, void (*visit)(yyjson_val *item, void *arg), void *arg,
                     struct hw_err *err)
{
    HW_CLEANUP(hw_freep) char *token = NULL;
    for (int page = 0; page < PAGES_LIMIT; page++) {
        HW_CLEANUP(hw_buf_done) struct hw_buf paged = {0};
        HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
        hw_buf_add_str(&paged, url);
        if (token) {
            hw_buf_add_str(&paged, strchr(url, '?') ? "&pageToken=" : "?pageToken=");
            add_segment(&paged, token);
        }
        HW_TRY(call_json("GET", hw_buf_str(&paged), NULL, &doc, err));
        yyjson_val *root = yyjson_doc_get_root(doc), *item;
        size_t i, max;
        yyjson_arr_foreach(yyjson_obj_get(root, array), i, max, item) {
            visit(item, arg);
        }
        const char *next = hw_json_str(root, "next-page-token");
        free(token);
        token = next ? hw_xstrdup(next) : NULL;
        if (!token)
            return 0;
    }
    return hw_err_set(err, HW_ERR_DATA, 0, "the catalog never ends its list of %s", array);
}

struct space_visit {
    struct hw_names *out;
    const char *parent; /* "" = the top */
};

static void add_namespace(yyjson_val *item, void *arg)
{
    struct space_visit *visit = arg;
    size_t parent = strlen(visit->parent);
    HW_CLEANUP(hw_buf_done) struct hw_buf joined = {0};
    size_t i, max;
    yyjson_val *level;
    yyjson_arr_foreach(item, i, max, level) {
        if (i)
            hw_buf_add_char(&joined, '\x1f'); /* how REST joins levels */
        hw_buf_add_str(&joined, yyjson_is_str(level) ? yyjson_get_str(level) : "");
    }
    const char *name = hw_buf_str(&joined);
    /* A catalog without nesting may answer with the top again: only true children count. */
    if (visit->out->count < TABLES_LIMIT &&
        (parent == 0 || (strncmp(name, visit->parent, parent) == 0 && name[parent] == 0x1f)))
        hw_names_add(visit->out, name);
}

struct table_visit {
    struct hw_names *out;
    const char *space;
};

static void add_table(yyjson_val *item, void *arg)
{
    struct table_visit *visit = arg;
    const char *name = hw_json_str(item, "name");
    if (!name || visit->out->count >= TABLES_LIMIT)
        return;
    HW_CLEANUP(hw_freep) char *full = hw_xasprintf("%s.%s", visit->space, name);
    for (char *p = full; *p; p++)
        if (*p == '\x1f')
            *p = '.';
    hw_names_add(visit->out, full);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

int hw_catalog_list(struct hw_catalog_client *client, struct hw_names *out, struct hw_err *err)
{
    HW_CLEANUP(hw_names_done) struct hw_names spaces = {0};
    HW_CLEANUP(hw_freep) char *url = hw_xasprintf("%s/namespaces", client->base);
    struct space_visit top = {&spaces, ""};
    HW_TRY(each_page(url, "namespaces", add_namespace, &top, err));
    for (size_t i = 0; i < spaces.count; i++) { /* grows while it is walked: children are added at its end */
        HW_CLEANUP(hw_buf_done) struct hw_buf children = {0};
        hw_buf_printf(&children, "%s?parent=", url);
        add_segment(&children, spaces.items[i]);
        HW_CLEANUP(hw_freep) char *parent = hw_xstrdup(spaces.items[i]);
        struct space_visit nested = {&spaces, parent};
        if (each_page(hw_buf_str(&children), "namespaces", add_namespace, &nested, err) < 0 && err->code != 404)
            return -1;
        HW_CLEANUP(hw_buf_done) struct hw_buf tables = {0};
        struct table_visit visit = {out, spaces.items[i]};
        hw_buf_printf(&tables, "%s/namespaces/", client->base);
        add_segment(&tables, spaces.items[i]);
        hw_buf_add_str(&tables, "/tables");
        if (each_page(hw_buf_str(&tables), "identifiers", add_table, &visit, err) < 0 && err->code != 404)
            return -1; /* 404: dropped meanwhile */
    }
    if (out->count)
        qsort(out->items, out->count, sizeof(*out->items), by_name);
    return 0;
}

/* --- Views of metadata --------------------------------------------------------------------------------------------- */
static yyjson_val *with_id(yyjson_val *list, const char *key, int64_t id)
{
    size_t i, max;
    yyjson_val *item;
    yyjson_arr_foreach(list, i, max, item) {
        if (hw_json_int(item, key, INT64_MIN) == id)
            return item;
    }
    return NULL;
}

int hw_table_view_init(struct hw_table_view *view, yyjson_doc *doc, struct hw_err *err)
{
    *view = (struct hw_table_view){.doc = doc, .snapshot_id = -1};
    yyjson_val *m = view->metadata = yyjson_obj_get(yyjson_doc_get_root(doc), "metadata");
    view->uuid = hw_json_str(m, "table-uuid");
    view->location = hw_json_str(m, "location");
    view->schema_id = (int)hw_json_int(m, "current-schema-id", -1);
    view->spec_id = (int)hw_json_int(m, "default-spec-id", -1);
    view->schema = with_id(yyjson_obj_get(m, "schemas"), "schema-id", view->schema_id);
    view->spec = with_id(yyjson_obj_get(m, "partition-specs"), "spec-id", view->spec_id);
    view->last_sequence = hw_json_int(m, "last-sequence-number", 0);
    if (!view->uuid || !view->location || !view->schema || !view->spec) {
        hw_table_view_done(view);
        return hw_err_set(err, HW_ERR_DATA, 0,
                          "the catalog's table metadata lacks its uuid, location, schema or partition spec");
    }
    int64_t current = hw_json_int(m, "current-snapshot-id", -1);
    view->snapshot = current >= 0 ? hw_table_view_snapshot(view, current) : NULL;
    if (current >= 0 && !view->snapshot) {
        hw_table_view_done(view);
        return hw_err_set(err, HW_ERR_DATA, 0, "the catalog's table metadata lacks its current snapshot %lld",
                          (long long)current);
    }
    view->snapshot_id = current >= 0 ? current : -1;
    return 0;
}

void hw_table_view_done(struct hw_table_view *view)
{
    hw_json_freep(&view->doc);
    *view = (struct hw_table_view){.snapshot_id = -1};
}

yyjson_val *hw_table_view_snapshot(const struct hw_table_view *view, int64_t snapshot_id)
{
    return with_id(yyjson_obj_get(view->metadata, "snapshots"), "snapshot-id", snapshot_id);
}

int hw_uri_to_path(const char *uri, const char **out_path, struct hw_err *err)
{
    if (strncmp(uri, "file:///", 8) == 0)
        *out_path = uri + 7;
    else if (strncmp(uri, "file:/", 6) == 0 && uri[6] != '/')
        *out_path = uri + 5;
    else if (uri[0] == '/')
        *out_path = uri;
    else
        return hw_err_set(err, HW_ERR_CONFIG, 0,
                          "%.200s is not on this machine: only file: locations are supported so far", uri);
    return 0;
}
