/* A client of any Iceberg REST catalog, and a read-only view of the table metadata it returns. Any one thread at a
 * time. */
#pragma once
#include "base/base.h"
#include "net/json.h"

struct hw_catalog_client;
/* Asks /v1/config, so a wrong address is found at once. */
HW_MUST_CHECK int hw_catalog_client_open(const char *uri, struct hw_catalog_client **out_client, struct hw_err *err);
struct hw_catalog_client *hw_catalog_client_close(struct hw_catalog_client *client);
void hw_catalog_client_closep(struct hw_catalog_client **client);

/* "events.clicks" in two. */
struct hw_table_name {
    char space[201], name[201];
};
HW_MUST_CHECK int hw_table_name_split(const char *table, struct hw_table_name *out, struct hw_err *err);
/* Any engine's table as hw_catalog_list names it: "a.b.clicks" is clicks of the namespace a, b. -1 when it is none. */
int hw_table_name_any(const char *table, struct hw_table_name *out);

/* The answer's document. HW_ERR_DATA with code 404: there is no such table or namespace. */
HW_MUST_CHECK int hw_catalog_load(struct hw_catalog_client *client, const struct hw_table_name *table,
                                  bool all_snapshots, yyjson_doc **out_doc, struct hw_err *err);
/* Creating what exists already is fine (0). */
HW_MUST_CHECK int hw_catalog_create_namespace(struct hw_catalog_client *client, const char *space, struct hw_err *err);
HW_MUST_CHECK int hw_catalog_create_table(struct hw_catalog_client *client, const char *space,
                                          const struct hw_buf *body, struct hw_err *err);
/* 0: applied. CONFLICT: surely not applied, load again. UNKNOWN: may or may not be applied, load and look. err is
 * filled for all but 0. Other failures are -1 and surely not applied. */
enum { HW_COMMIT_CONFLICT = 1, HW_COMMIT_UNKNOWN = 2 };
HW_MUST_CHECK int hw_catalog_commit(struct hw_catalog_client *client, const struct hw_table_name *table,
                                    const struct hw_buf *body, yyjson_doc **out_doc, struct hw_err *err);
/* Names of all tables, "namespace.table" (levels of a namespace joined by dots), sorted. Free with hw_names_done. */
struct hw_names {
    char **items;
    size_t count, capacity;
};
void hw_names_add(struct hw_names *names, const char *name);
void hw_names_done(struct hw_names *names);
HW_MUST_CHECK int hw_catalog_list(struct hw_catalog_client *client, struct hw_names *out, struct hw_err *err);

/* --- Table metadata as loaded. Everything borrows from doc. -------------------------------------------------------- */
struct hw_table_view {
    yyjson_doc *doc; /* owned: hw_table_view_done */
    yyjson_val *metadata;
    const char *uuid, *location;
    int schema_id, spec_id;
    yyjson_val *schema, *spec;
    int64_t snapshot_id; /* main's, -1 = none */
    yyjson_val *snapshot;
    int64_t last_sequence;
};
/* Takes doc (also on failure). */
HW_MUST_CHECK int hw_table_view_init(struct hw_table_view *view, yyjson_doc *doc, struct hw_err *err);
void hw_table_view_done(struct hw_table_view *view);
yyjson_val *hw_table_view_snapshot(const struct hw_table_view *view,
                                   int64_t snapshot_id); /* NULL when it is not there */
/* "file:///a/b" or "file:/a/b" → "/a/b"; HW_ERR_CONFIG for other stores. */
HW_MUST_CHECK int hw_uri_to_path(const char *uri, const char **out_path, struct hw_err *err);
