/* What the catalog's request handlers share. */
#pragma once
#include "catalog/metadata.h"
#include "catalog/store.h"
#include "net/http_server.h"
#include "net/json.h"

#include <pthread.h>

enum { HW_CATALOG_STRIPES = 64, HW_METADATA_FILE_LIMIT = 512 * 1024 * 1024 };

struct hw_catalog {
    struct hw_store *store;
    char *root, *root_uri; /* the warehouse: path without a slash at the end, and the same as file: location */
    struct hw_http_server *server;
    /* Serialises the changes of a table within this process (several tables share a stripe). Against other processes on
     * the same database the compare-and-swap decides. */
    pthread_mutex_t stripes[HW_CATALOG_STRIPES];
};

/* --- Answers (answer.c) --- */
void hw_reply_error(struct hw_http_exchange *x, int status, const char *type, const char *format, ...) HW_PRINTF(4, 5);
/* From an error: code 400 and 409 are the client's, the rest is ours (500, or 503 when it may pass). */
void hw_reply_failure(struct hw_http_exchange *x, const struct hw_err *err);
void hw_reply_json(struct hw_http_exchange *x, int status, struct hw_buf *body);
void hw_reply_doc(struct hw_http_exchange *x, int status, const yyjson_mut_doc *doc);
void hw_reply_empty(struct hw_http_exchange *x);
void hw_reply_no_namespace(struct hw_http_exchange *x, const char *space);
void hw_reply_no_table(struct hw_http_exchange *x, const char *space, const char *name);
/* The request's JSON object, or NULL and the answer has been given. */
yyjson_doc *hw_request_json(struct hw_http_exchange *x);
/* Levels ("a", "b") or their URL form ("a" 0x1F "b") → "a.b", malloc'd; NULL and the answer has been given. */
char *hw_request_levels(struct hw_http_exchange *x, yyjson_val *levels);
char *hw_request_space(struct hw_http_exchange *x);
const char *hw_request_table(struct hw_http_exchange *x);
/* NULL and the answer has been given when it cannot be a table's name. */
const char *hw_table_name_ok(struct hw_http_exchange *x, const char *name);
void hw_add_levels(yyjson_mut_doc *doc, yyjson_mut_val *list, const char *space);

/* --- Files (files.c) --- */
/* 0 when location lies inside the warehouse and is plain; HW_ERR_DATA (400) else. */
HW_MUST_CHECK int hw_location_check(const struct hw_catalog *catalog, const char *location, struct hw_err *err);
const char *hw_location_path(const char *location); /* of a checked one */
HW_MUST_CHECK int hw_metadata_file_read(const struct hw_catalog *catalog, const char *location, struct hw_buf *out,
                                        struct hw_err *err);
/* Writes doc as the next metadata file of its table; text is the file's content. old NULL: the first. */
HW_MUST_CHECK int hw_metadata_file_write(const struct hw_catalog *catalog, const yyjson_mut_doc *doc,
                                         const char *old_location, struct hw_buf *out_text, char **out_location,
                                         struct hw_err *err);
void hw_metadata_file_remove(const struct hw_catalog *catalog, const char *location);
/* A location for a new table; a fresh one when the plain one is taken. malloc'd. */
char *hw_table_location(const struct hw_catalog *catalog, const char *space, const char *name);

unsigned hw_stripe_of(const char *space, const char *name);

/* --- Handlers --- */
void hw_on_config(struct hw_http_exchange *x, void *arg);
void hw_on_namespaces_list(struct hw_http_exchange *x, void *arg);
void hw_on_namespaces_create(struct hw_http_exchange *x, void *arg);
void hw_on_namespace_get(struct hw_http_exchange *x, void *arg);
void hw_on_namespace_drop(struct hw_http_exchange *x, void *arg);
void hw_on_namespace_properties(struct hw_http_exchange *x, void *arg);
void hw_on_tables_list(struct hw_http_exchange *x, void *arg);
void hw_on_table_create(struct hw_http_exchange *x, void *arg);
void hw_on_table_register(struct hw_http_exchange *x, void *arg);
void hw_on_table_get(struct hw_http_exchange *x, void *arg);
void hw_on_table_drop(struct hw_http_exchange *x, void *arg);
void hw_on_table_rename(struct hw_http_exchange *x, void *arg);
void hw_on_table_metrics(struct hw_http_exchange *x, void *arg);
void hw_on_table_commit(struct hw_http_exchange *x, void *arg);
void hw_on_transaction_commit(struct hw_http_exchange *x, void *arg);
/* {"metadata-location", "metadata", "config"}; location NULL for a staged table. */
void hw_reply_table(struct hw_http_exchange *x, const char *location, const struct hw_buf *metadata);
