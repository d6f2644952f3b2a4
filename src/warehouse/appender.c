/* A table appender: opening (creating) the table, taking rows, and the public face of commits. */
#include "warehouse/appender.h"

#include "base/fs.h"
#include "warehouse/duckdb_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- Creating ------------------------------------------------------------------------------------------------------ */
static int create_table(struct hw_table_appender *a, struct hw_err *err)
{
    HW_CLEANUP(hw_buf_done) struct hw_buf body = {0};
    hw_buf_printf(&body, "{\"name\":\"%s\",\"schema\":{\"type\":\"struct\",\"schema-id\":0,\"fields\":[", a->name.name);
    for (size_t i = 0; i < HW_EVENT_COLUMNS; i++)
        hw_buf_printf(&body, "%s{\"id\":%zu,\"name\":\"%s\",\"required\":false,\"type\":\"%s\"}", i ? "," : "", i + 1,
                      hw_event_columns[i].name, hw_event_columns[i].iceberg_type);
    hw_buf_printf(
        &body,
        "]},\"partition-spec\":{\"spec-id\":0,\"fields\":[{\"source-id\":%d,\"field-id\":1000,\"transform\":\"day\","
        "\"name\":\"event_ts_day\"}]},\"write-order\":{\"order-id\":0,\"fields\":[]},\"stage-create\":false,"
        "\"properties\":{\"format-version\":\"2\",\"write.parquet.compression-codec\":\"zstd\","
        "\"write.metadata.delete-after-commit.enabled\":\"true\",\"write.metadata.previous-versions-max\":\"100\"}}",
        HW_COLUMN_EVENT_TS + 1);
    HW_TRY(hw_catalog_create_namespace(a->client, a->name.space, err));
    return hw_catalog_create_table(a->client, a->name.space, &body, err);
}

/* --- An existing table must be able to take our rows --------------------------------------------------------------- */
static int match_columns(struct hw_table_appender *a, struct hw_err *err)
{
    size_t i, max;
    yyjson_val *field;
    memset(a->field_ids, 0, sizeof(a->field_ids));
    yyjson_arr_foreach(yyjson_obj_get(a->view.schema, "fields"), i, max, field) {
        const char *name = hw_json_str(field, "name"), *type = hw_json_str(field, "type");
        size_t c = 0;
        while (c < HW_EVENT_COLUMNS && (!name || strcmp(hw_event_columns[c].name, name) != 0))
            c++;
        if (c == HW_EVENT_COLUMNS) {
            if (hw_json_bool(field, "required", false))
                return hw_err_set(
                    err, HW_ERR_CONFIG, 0,
                    "table %s.%s requires a column \"%s\" that events do not have: make it optional or choose "
                    "another table",
                    a->name.space, a->name.name, name ? name : "?");
            continue;
        }
        if (!type || strcmp(type, hw_event_columns[c].iceberg_type) != 0)
            return hw_err_set(err, HW_ERR_CONFIG, 0,
                              "column \"%s\" of table %s.%s is %s, events need %s: choose another table", name,
                              a->name.space, a->name.name, type ? type : "nested", hw_event_columns[c].iceberg_type);
        a->field_ids[c] = (int)hw_json_int(field, "id", 0);
    }
    for (size_t c = 0; c < HW_EVENT_COLUMNS; c++)
        if (a->field_ids[c] <= 0)
            return hw_err_set(err, HW_ERR_CONFIG, 0,
                              "table %s.%s has no column \"%s\": add it as %s, or choose another table", a->name.space,
                              a->name.name, hw_event_columns[c].name, hw_event_columns[c].iceberg_type);
    return 0;
}

static int match_partitions(struct hw_table_appender *a, struct hw_err *err)
{
    yyjson_val *fields = yyjson_obj_get(a->view.spec, "fields"), *field = yyjson_arr_get_first(fields);
    a->by_day = false;
    if (yyjson_arr_size(fields) == 0)
        return 0;
    const char *transform = hw_json_str(field, "transform"), *name = hw_json_str(field, "name");
    if (yyjson_arr_size(fields) > 1 || !transform || strcmp(transform, "day") != 0 || !name ||
        hw_json_int(field, "source-id", -1) != a->field_ids[HW_COLUMN_EVENT_TS])
        return hw_err_set(
            err, HW_ERR_CONFIG, 0,
            "table %s.%s is not partitioned by day(event_ts): only that or no partitions at all can be written so "
            "far; choose another table",
            a->name.space, a->name.name);
    a->by_day = true;
    snprintf(a->partition_name, sizeof(a->partition_name), "%s", name);
    a->partition_field_id = (int)hw_json_int(field, "field-id", 1000);
    return 0;
}

static int open_table(struct hw_table_appender *a, struct hw_err *err)
{
    yyjson_doc *doc = NULL;
    if (hw_catalog_load(a->client, &a->name, true, &doc, err) < 0) {
        if (err->code != 404)
            return -1;
        HW_TRY(create_table(a, err));
        HW_TRY(hw_catalog_load(a->client, &a->name, true, &doc, err));
    }
    HW_TRY(hw_table_view_init(&a->view, doc, err));
    if (hw_json_int(a->view.metadata, "format-version", 0) != 2)
        return hw_err_set(err, HW_ERR_CONFIG, 0, "table %s.%s is not of Iceberg format version 2: choose another table",
                          a->name.space, a->name.name);
    a->uuid = hw_xstrdup(a->view.uuid);
    a->location = hw_xstrdup(a->view.location);
    for (size_t size = strlen(a->location); size > 1 && a->location[size - 1] == '/'; size--)
        a->location[size - 1] = 0;
    HW_TRY(hw_uri_to_path(a->location, &a->location_path, err));
    HW_TRY(match_columns(a, err));
    HW_TRY(match_partitions(a, err));
    return hw_summary_offsets_load(&a->view, a->writer, &a->seen, err);
}

int hw_table_appender_open(const struct hw_table_options *options, struct hw_table_appender **out, struct hw_err *err)
{
    struct hw_err local = {0};
    err = err ? err : &local; /* open_table looks at the code */
    struct hw_table_appender *a = hw_xcalloc(1, sizeof(*a));
    a->view.snapshot_id = -1;
    a->writer = hw_xstrdup(options->writer);
    a->catalog_uri = hw_xstrdup(options->catalog_uri);
    a->scratch_dir = hw_xstrdup(options->scratch_dir && *options->scratch_dir ? options->scratch_dir : "/tmp");
    a->random = (unsigned)hw_mono_us();
    if (hw_table_name_split(options->table, &a->name, err) < 0 ||
        hw_catalog_client_open(options->catalog_uri, &a->client, err) < 0 || open_table(a, err) < 0 ||
        hw_rows_open(a->field_ids, a->scratch_dir, &a->rows, err) < 0) {
        hw_table_appender_free(a);
        return -1;
    }
    *out = a;
    return 0;
}

/* --- Taking rows --------------------------------------------------------------------------------------------------- */
int hw_table_appender_refresh(struct hw_table_appender *a, struct hw_err *err)
{
    return hw_appender_reload(a, err);
}

int hw_table_appender_offset(struct hw_table_appender *a, const char *topic, int32_t partition, int64_t *out_next,
                             struct hw_err *err)
{
    *out_next = hw_offsets_get(&a->seen, topic, partition);
    return 0;
}

int hw_table_appender_add(struct hw_table_appender *a, const struct hw_table_row *rows, size_t count,
                          struct hw_err *err)
{
    return hw_rows_add(a->rows, rows, count, err);
}

void hw_table_appender_pending(const struct hw_table_appender *a, size_t *out_rows, size_t *out_bytes)
{
    *out_rows = hw_rows_count(a->rows);
    *out_bytes = hw_rows_bytes(a->rows);
}

/* --- Committing ---------------------------------------------------------------------------------------------------- */
static void pending_done(struct hw_pending_commit *pending)
{
    struct hw_manifests one = {.items = hw_xcalloc(1, sizeof(pending->manifest)), .count = 1};
    one.items[0] = pending->manifest;
    hw_manifests_done(&one);
    hw_data_files_done(&pending->files);
    hw_offsets_done(&pending->next);
    hw_names_done(&pending->attempt_files);
    *pending = (struct hw_pending_commit){0};
}

static void remove_uri(const char *uri)
{
    const char *path;
    if (hw_uri_to_path(uri, &path, NULL) == 0)
        unlink(path);
}

/* Only when it is certain that no snapshot refers to them. */
static void pending_remove_files(struct hw_pending_commit *pending)
{
    for (size_t i = 0; i < pending->files.count; i++)
        remove_uri(pending->files.items[i].path);
    for (size_t i = 0; i < pending->attempt_files.count; i++)
        remove_uri(pending->attempt_files.items[i]);
    if (pending->manifest.path)
        remove_uri(pending->manifest.path);
}

static int64_t random_snapshot_id(void)
{
    uint8_t uuid[16];
    uint64_t high, low;
    hw_uuid_v4(uuid);
    memcpy(&high, uuid, 8);
    memcpy(&low, uuid + 8, 8);
    return (int64_t)((high ^ low) & INT64_MAX);
}

static int write_manifest(struct hw_table_appender *a, struct hw_pending_commit *pending, struct hw_err *err)
{
    HW_CLEANUP(hw_buf_done) struct hw_buf schema = {0}, spec = {0}, body = {0};
    struct hw_manifest_context context;
    HW_TRY(hw_appender_manifest_context(a, &context, &schema, &spec, err));
    for (size_t i = 0; i < pending->files.count; i++)
        pending->files.items[i].snapshot_id = pending->snapshot_id;
    HW_TRY(hw_manifest_write(&context, &pending->files, &body, err));
    hw_manifest_summarise(&context, &pending->files, &pending->manifest);
    pending->manifest.length = (int64_t)body.size;
    pending->manifest.added_snapshot_id = pending->snapshot_id;
    uint8_t uuid[16];
    char text[37], name[64];
    hw_uuid_v7(uuid);
    hw_uuid_format(uuid, text);
    snprintf(name, sizeof(name), "%s-m0.avro", text);
    return hw_metadata_write(a, name, &body, &pending->manifest.path, err);
}

/* Data files and their manifest, written once; then only pushing remains, which may be repeated. */
static int prepare(struct hw_table_appender *a, const struct hw_offsets *next_offsets, struct hw_err *err)
{
    struct hw_pending_commit *pending = &a->pending;
    HW_CLEANUP(hw_freep) char *data_dir = hw_xasprintf("%s/data", a->location_path);
    HW_CLEANUP(hw_freep) char *data_uri = hw_xasprintf("%s/data", a->location);
    pending->snapshot_id = random_snapshot_id();
    if (hw_rows_count(a->rows) > 0) {
        HW_TRY(hw_fs_mkdirs(data_dir, err));
        HW_TRY(hw_fs_sync_dir(a->location_path, err));
        HW_TRY(hw_rows_write(a->rows, data_dir, data_uri, a->by_day, &pending->files, err));
        if (write_manifest(a, pending, err) < 0) {
            pending_remove_files(pending);
            pending_done(pending);
            return -1;
        }
    }
    for (size_t i = 0; i < next_offsets->count; i++)
        hw_offsets_set(&pending->next, next_offsets->items[i].topic, next_offsets->items[i].partition,
                       next_offsets->items[i].next_offset);
    pending->active = true;
    hw_rows_clear(a->rows);
    return 0;
}

/* Pushes the pending commit; on the end of it, good or bad, nothing is pending any more. */
static int push(struct hw_table_appender *a, struct hw_err *err)
{
    int result = hw_appender_push(a, err);
    if (result < 0 && err->kind == HW_ERR_RETRY)
        return -1;
    if (result < 0 && !a->pending.unknown)
        pending_remove_files(&a->pending);
    pending_done(&a->pending);
    return result;
}

static bool moves(const struct hw_table_appender *a, const struct hw_offsets *next)
{
    for (size_t i = 0; i < next->count; i++)
        if (hw_offsets_get(&a->seen, next->items[i].topic, next->items[i].partition) != next->items[i].next_offset)
            return true;
    return false;
}

int hw_table_appender_commit(struct hw_table_appender *a, const struct hw_offsets *next_offsets, struct hw_err *err)
{
    struct hw_err local = {0};
    err = err ? err : &local;
    if (a->pending.active)
        HW_TRY(push(a, err));
    if (hw_rows_count(a->rows) == 0 && !moves(a, next_offsets))
        return 0;
    HW_TRY(prepare(a, next_offsets, err));
    return push(a, err);
}

void hw_table_appender_discard(struct hw_table_appender *a)
{
    hw_rows_clear(a->rows);
    if (!a->pending.active)
        return;
    if (!a->pending.unknown)
        pending_remove_files(&a->pending);
    pending_done(&a->pending);
}

struct hw_table_appender *hw_table_appender_free(struct hw_table_appender *a)
{
    if (!a)
        return NULL;
    if (a->pending.active && !a->pending.unknown)
        pending_remove_files(&a->pending);
    pending_done(&a->pending);
    hw_rows_close(a->rows);
    hw_table_view_done(&a->view);
    hw_offsets_done(&a->seen);
    hw_catalog_client_close(a->client);
    free(a->writer);
    free(a->catalog_uri);
    free(a->scratch_dir);
    free(a->uuid);
    free(a->location);
    free(a);
    return NULL;
}
