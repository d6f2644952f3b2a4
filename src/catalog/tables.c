/* Tables: list, create, register, load, drop, rename. Commits are in commit.c. */
#include "catalog/internal.h"

#include "base/diag.h"
#include "base/fs.h"
#include "catalog/metadata_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

unsigned hw_stripe_of(const char *space, const char *name)
{
    uint32_t hash = hw_crc32c_add(hw_crc32c(space, strlen(space)), name, strlen(name));
    return hash % HW_CATALOG_STRIPES;
}

/* --- List ---------------------------------------------------------------------------------------------------------- */
struct identifiers {
    yyjson_mut_doc *doc;
    yyjson_mut_val *list;
    const char *space;
};

static void add_identifier(const char *name, const char *location, void *arg)
{
    struct identifiers *identifiers = arg;
    yyjson_mut_val *item = yyjson_mut_obj(identifiers->doc);
    hw_add_levels(identifiers->doc, hw_mut_list(identifiers->doc, item, "namespace"), identifiers->space);
    hw_mut_put(identifiers->doc, item, "name", yyjson_mut_strcpy(identifiers->doc, name));
    yyjson_mut_arr_append(identifiers->list, item);
}

void hw_on_tables_list(struct hw_http_exchange *x, void *arg)
{
    struct hw_catalog *catalog = arg;
    struct hw_err err = {0};
    HW_CLEANUP(hw_freep) char *space = hw_request_space(x);
    if (!space)
        return;
    HW_CLEANUP(hw_json_mut_freep) yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    struct identifiers identifiers = {doc, hw_mut_list(doc, root, "identifiers"), space};
    int result = hw_store_namespace_exists(catalog->store, space, &err);
    if (result == 0)
        result = hw_store_tables(catalog->store, space, add_identifier, &identifiers, &err);
    if (result < 0)
        hw_reply_failure(x, &err);
    else if (result == HW_STORE_MISSING)
        hw_reply_no_namespace(x, space);
    else
        hw_reply_doc(x, 200, doc);
}

/* --- Answers with a table ------------------------------------------------------------------------------------------ */
void hw_reply_table(struct hw_http_exchange *x, const char *location, const struct hw_buf *metadata)
{
    struct hw_buf body = {0};
    hw_buf_add_char(&body, '{');
    if (location) {
        hw_buf_add_str(&body, "\"metadata-location\":");
        hw_buf_add_json_str(&body, location, strlen(location));
        hw_buf_add_char(&body, ',');
    }
    hw_buf_add_str(&body, "\"metadata\":");
    hw_buf_add(&body, metadata->data, metadata->size);
    hw_buf_add_str(&body, ",\"config\":{}}");
    hw_reply_json(x, 200, &body);
}

/* Leaves only the snapshots that refs name. */
static int trim_snapshots(struct hw_buf *metadata, struct hw_err *err)
{
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
    HW_TRY(hw_json_parse(metadata->data, metadata->size, &doc, err));
    HW_CLEANUP(hw_json_mut_freep) yyjson_mut_doc *trimmed = yyjson_doc_mut_copy(doc, NULL);
    yyjson_mut_val *m = yyjson_mut_doc_get_root(trimmed), *kept = yyjson_mut_arr(trimmed), *snapshot, *name, *ref;
    yyjson_mut_val *all = hw_mut_list(trimmed, m, "snapshots");
    for (snapshot = yyjson_mut_arr_remove_first(all); snapshot; snapshot = yyjson_mut_arr_remove_first(all)) {
        size_t i, max;
        bool named = hw_mut_int(snapshot, "snapshot-id", -1) == hw_mut_int(m, "current-snapshot-id", -1);
        yyjson_mut_obj_foreach(yyjson_mut_obj_get(m, "refs"), i, max, name, ref) {
            named |= hw_mut_int(ref, "snapshot-id", -1) == hw_mut_int(snapshot, "snapshot-id", -2);
        }
        if (named)
            yyjson_mut_arr_append(kept, snapshot);
    }
    hw_mut_put(trimmed, m, "snapshots", kept);
    hw_buf_clear(metadata);
    return hw_json_write(trimmed, metadata);
}

/* A commit in between may remove the file just found: look once more then. */
static int read_current(struct hw_catalog *catalog, const char *space, const char *name, char **out_location,
                        struct hw_buf *out_metadata, struct hw_err *err)
{
    for (int round = 0;; round++) {
        free(*out_location);
        *out_location = NULL;
        int result = hw_store_table_get(catalog->store, space, name, out_location, err);
        if (result != 0)
            return result;
        if (hw_metadata_file_read(catalog, *out_location, out_metadata, err) == 0)
            return 0;
        if (err->code != ENOENT || round == 3) {
            err->kind = HW_ERR_FATAL;
            return -1;
        }
        hw_buf_clear(out_metadata);
    }
}

void hw_on_table_get(struct hw_http_exchange *x, void *arg)
{
    struct hw_catalog *catalog = arg;
    struct hw_err err = {0};
    HW_CLEANUP(hw_freep) char *space = hw_request_space(x), *location = NULL;
    HW_CLEANUP(hw_buf_done) struct hw_buf metadata = {0};
    const char *name = space ? hw_request_table(x) : NULL, *snapshots = hw_http_query(x, "snapshots");
    if (!name)
        return;
    int result = strcmp(hw_http_method(x), "HEAD") == 0
                     ? hw_store_table_get(catalog->store, space, name, &location, &err)
                     : read_current(catalog, space, name, &location, &metadata, &err);
    if (result == 0 && metadata.size && snapshots && strcmp(snapshots, "refs") == 0)
        result = trim_snapshots(&metadata, &err);
    if (result < 0)
        hw_reply_failure(x, &err);
    else if (result == HW_STORE_MISSING)
        hw_reply_no_table(x, space, name);
    else if (metadata.size == 0)
        hw_reply_empty(x);
    else
        hw_reply_table(x, location, &metadata);
}

/* --- Create and register ------------------------------------------------------------------------------------------- */
static void reply_created(struct hw_http_exchange *x, int result, const struct hw_err *err, const char *space,
                          const char *name, const char *location, const struct hw_buf *metadata)
{
    if (result < 0)
        hw_reply_failure(x, err);
    else if (result == HW_STORE_MISSING)
        hw_reply_no_namespace(x, space);
    else if (result == HW_STORE_EXISTS)
        hw_reply_error(x, 409, "AlreadyExistsException", "Table already exists: %.200s.%.200s", space, name);
    else
        hw_reply_table(x, location, metadata);
}

static int create(struct hw_catalog *catalog, const char *space, const char *name, yyjson_val *request,
                  char **out_location, struct hw_buf *out_metadata, struct hw_err *err)
{
    uint8_t uuid[16];
    char text[37];
    HW_CLEANUP(hw_json_mut_freep) yyjson_mut_doc *doc = NULL;
    HW_CLEANUP(hw_freep) char *location = NULL, *existing = NULL;
    int result = hw_store_namespace_exists(catalog->store, space, err);
    if (result == 0)
        result = hw_store_table_get(catalog->store, space, name, &existing, err) == 0 ? HW_STORE_EXISTS : 0;
    if (result != 0)
        return result;
    const char *asked = hw_json_str(request, "location");
    location = asked ? hw_xstrdup(asked) : hw_table_location(catalog, space, name);
    HW_TRY(hw_location_check(catalog, location, err));
    hw_uuid_v4(uuid);
    hw_uuid_format(uuid, text);
    HW_TRY(hw_metadata_create(request, location, text, hw_now_ms(), &doc, err));
    if (hw_json_bool(request, "stage-create", false))
        return hw_json_write(doc, out_metadata);
    HW_TRY(hw_metadata_file_write(catalog, doc, NULL, out_metadata, out_location, err));
    result = hw_store_table_create(catalog->store, space, name, *out_location, err);
    if (result != 0)
        hw_metadata_file_remove(catalog, *out_location);
    return result;
}

void hw_on_table_create(struct hw_http_exchange *x, void *arg)
{
    struct hw_catalog *catalog = arg;
    struct hw_err err = {0};
    HW_CLEANUP(hw_freep) char *space = hw_request_space(x), *location = NULL;
    HW_CLEANUP(hw_buf_done) struct hw_buf metadata = {0};
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = space ? hw_request_json(x) : NULL;
    const char *name = doc ? hw_table_name_ok(x, hw_json_str(yyjson_doc_get_root(doc), "name")) : NULL;
    if (!name)
        return;
    pthread_mutex_t *stripe = &catalog->stripes[hw_stripe_of(space, name)];
    pthread_mutex_lock(stripe);
    int result = create(catalog, space, name, yyjson_doc_get_root(doc), &location, &metadata, &err);
    pthread_mutex_unlock(stripe);
    reply_created(x, result, &err, space, name, location, &metadata);
}

void hw_on_table_register(struct hw_http_exchange *x, void *arg)
{
    struct hw_catalog *catalog = arg;
    struct hw_err err = {0};
    HW_CLEANUP(hw_freep) char *space = hw_request_space(x);
    HW_CLEANUP(hw_buf_done) struct hw_buf metadata = {0};
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = space ? hw_request_json(x) : NULL, *content = NULL;
    yyjson_val *root = yyjson_doc_get_root(doc);
    const char *name = doc ? hw_table_name_ok(x, hw_json_str(root, "name")) : NULL;
    if (!name)
        return;
    const char *location = hw_json_str(root, "metadata-location");
    if (!location) {
        hw_reply_error(x, 400, "BadRequestException", "the request has no metadata-location");
        return;
    }
    if (hw_metadata_file_read(catalog, location, &metadata, &err) < 0 ||
        hw_json_parse(metadata.data, metadata.size, &content, &err) < 0) {
        hw_reply_error(x, 400, "BadRequestException", "metadata-location cannot be read: %s", err.text);
        return;
    }
    HW_CLEANUP(hw_json_mut_freep) yyjson_mut_doc *copy = yyjson_doc_mut_copy(content, NULL);
    int result = hw_metadata_validate(copy, &err);
    if (result == 0)
        result = hw_store_table_create(catalog->store, space, name, location, &err);
    reply_created(x, result, &err, space, name, location, &metadata);
}

/* --- Drop and rename ----------------------------------------------------------------------------------------------- */
struct inside {
    const char *folder;
    bool found;
};

static void note_inside(const char *name, const char *location, void *arg)
{
    struct inside *inside = arg;
    size_t size = strlen(inside->folder);
    const char *path = location ? hw_location_path(location) : "";
    inside->found |= strncmp(path, inside->folder, size) == 0 && path[size] == '/';
}

/* The folder goes only when no other table keeps its metadata there. */
static void purge(struct hw_catalog *catalog, const struct hw_buf *metadata)
{
    struct hw_err err = {0};
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
    if (hw_json_parse(metadata->data, metadata->size, &doc, &err) < 0)
        return;
    const char *location = hw_json_str(yyjson_doc_get_root(doc), "location");
    if (!location || hw_location_check(catalog, location, &err) < 0)
        return;
    HW_CLEANUP(hw_freep) char *folder = hw_xstrdup(hw_location_path(location));
    for (size_t size = strlen(folder); size > 1 && folder[size - 1] == '/'; size--)
        folder[size - 1] = 0;
    struct inside inside = {.folder = folder};
    if (hw_store_tables(catalog->store, NULL, note_inside, &inside, &err) < 0 || inside.found)
        return;
    if (hw_fs_remove_tree(folder, &err) < 0)
        hw_warn("cannot remove the files of a dropped table", hw_kv_s("folder", folder), hw_kv_s("error", err.text));
}

void hw_on_table_drop(struct hw_http_exchange *x, void *arg)
{
    struct hw_catalog *catalog = arg;
    struct hw_err err = {0}, unread = {0};
    HW_CLEANUP(hw_freep) char *space = hw_request_space(x), *location = NULL;
    HW_CLEANUP(hw_buf_done) struct hw_buf metadata = {0};
    const char *name = space ? hw_request_table(x) : NULL, *asked = hw_http_query(x, "purgeRequested");
    if (!name)
        return;
    pthread_mutex_t *stripe = &catalog->stripes[hw_stripe_of(space, name)];
    pthread_mutex_lock(stripe);
    bool wanted = asked && strcasecmp(asked, "true") == 0;
    if (wanted && read_current(catalog, space, name, &location, &metadata, &unread) != 0)
        hw_buf_clear(&metadata); /* metadata gone or broken: the entry can still be dropped */
    int result = hw_store_table_drop(catalog->store, space, name, &err);
    if (result == 0 && metadata.size)
        purge(catalog, &metadata);
    pthread_mutex_unlock(stripe);
    if (result < 0)
        hw_reply_failure(x, &err);
    else if (result == HW_STORE_MISSING)
        hw_reply_no_table(x, space, name);
    else
        hw_reply_empty(x);
}

void hw_on_table_rename(struct hw_http_exchange *x, void *arg)
{
    struct hw_catalog *catalog = arg;
    struct hw_err err = {0};
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = hw_request_json(x);
    if (!doc)
        return;
    yyjson_val *source = yyjson_obj_get(yyjson_doc_get_root(doc), "source");
    yyjson_val *target = yyjson_obj_get(yyjson_doc_get_root(doc), "destination");
    HW_CLEANUP(hw_freep) char *from = hw_request_levels(x, yyjson_obj_get(source, "namespace"));
    const char *from_name = from ? hw_table_name_ok(x, hw_json_str(source, "name")) : NULL;
    HW_CLEANUP(hw_freep) char *to = from_name ? hw_request_levels(x, yyjson_obj_get(target, "namespace")) : NULL;
    const char *to_name = to ? hw_table_name_ok(x, hw_json_str(target, "name")) : NULL;
    if (!to_name)
        return;
    int result = hw_store_namespace_exists(catalog->store, to, &err);
    if (result == HW_STORE_MISSING) {
        hw_reply_no_namespace(x, to);
        return;
    }
    if (result == 0)
        result = hw_store_table_rename(catalog->store, from, from_name, to, to_name, &err);
    if (result < 0)
        hw_reply_failure(x, &err);
    else if (result == HW_STORE_MISSING)
        hw_reply_no_table(x, from, from_name);
    else if (result == HW_STORE_EXISTS)
        hw_reply_error(x, 409, "AlreadyExistsException", "Table already exists: %.200s.%.200s", to, to_name);
    else
        hw_reply_empty(x);
}

/* Clients report scan and commit figures; they are welcome and not kept. */
void hw_on_table_metrics(struct hw_http_exchange *x, void *arg)
{
    hw_reply_empty(x);
}
