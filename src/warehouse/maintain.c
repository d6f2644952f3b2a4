/* Keeping metadata small while commits come every second: manifests are merged, old snapshots expire.
 *
 * Files are removed only when they belong to snapshots that one of our own commits took out and no snapshot left refers
 * to them. Data files are never removed here: tables are only appended to. */
#include "warehouse/appender.h"

#include "base/map.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    MANIFEST_TARGET = 1024 * 1024, /* larger ones are left alone */
    KEEP_SNAPSHOTS = 100,
    MOST_SNAPSHOTS = 220,
    EXPIRE_AT_ONCE = 20,         /* fewer are not worth the look */
    READER_GRACE_MS = 120 * 1000 /* readers plan from a snapshot for so long */
};

/* --- Merging manifests --------------------------------------------------------------------------------------------- */
/* Adds the live entries of one manifest as existing ones. 1 = leave this manifest as it is. */
static int take_entries(const struct hw_manifest *manifest, struct hw_data_files *out, struct hw_err *err)
{
    HW_CLEANUP(hw_buf_done) struct hw_buf body = {0};
    HW_CLEANUP(hw_data_files_done) struct hw_data_files files = {0};
    bool own;
    HW_TRY(hw_uri_read(manifest->path, &body, err));
    if (hw_manifest_read(body.data, body.size, &files, &own, err) < 0) {
        hw_err_prefix(err, "%s", manifest->path);
        err->kind = HW_ERR_FATAL;
        return -1;
    }
    if (!own)
        return 1;
    for (size_t i = 0; i < files.count; i++) {
        struct hw_data_file *file = &files.items[i];
        if (file->status == HW_ENTRY_DELETED)
            continue;
        /* What was inherited must be said from now on: the merged manifest has a sequence number of its own. */
        if (file->snapshot_id < 0)
            file->snapshot_id = manifest->added_snapshot_id;
        if (file->sequence < 0)
            file->sequence = manifest->sequence;
        if (file->file_sequence < 0)
            file->file_sequence = manifest->sequence;
        file->status = HW_ENTRY_EXISTING;
        *hw_data_files_add(out) = *file;
        file->path = NULL;
    }
    return 0;
}

static void drop_manifest(struct hw_manifests *list, size_t at)
{
    struct hw_manifests one = {.items = hw_xcalloc(1, sizeof(*one.items)), .count = 1};
    one.items[0] = list->items[at];
    hw_manifests_done(&one);
    memmove(&list->items[at], &list->items[at + 1], (list->count - at - 1) * sizeof(*list->items));
    list->count--;
}

int hw_manifests_merge(struct hw_table_appender *a, const struct hw_manifest_context *context,
                       struct hw_manifests *list, int64_t sequence, struct hw_err *err)
{
    HW_CLEANUP(hw_data_files_done) struct hw_data_files files = {0};
    HW_CLEANUP(hw_buf_done) struct hw_buf body = {0};
    int64_t total = 0;
    for (size_t i = 0; i < list->count && total < MANIFEST_TARGET;) {
        const struct hw_manifest *m = &list->items[i];
        bool fits = m->content == 0 && m->spec_id == context->spec_id && m->length < MANIFEST_TARGET;
        int taken = fits ? take_entries(m, &files, err) : 1;
        if (taken < 0)
            return -1;
        total += taken == 0 ? m->length : 0;
        if (taken == 0)
            drop_manifest(list, i);
        else
            i++;
    }
    if (files.count == 0)
        return 0;
    HW_TRY(hw_manifest_write(context, &files, &body, err));
    struct hw_manifest merged = {.length = (int64_t)body.size, .added_snapshot_id = a->pending.snapshot_id};
    uint8_t uuid[16];
    char text[37], name[64];
    hw_uuid_v7(uuid);
    hw_uuid_format(uuid, text);
    snprintf(name, sizeof(name), "%s-m1.avro", text);
    HW_TRY(hw_metadata_write(a, name, &body, &merged.path, err));
    hw_manifest_summarise(context, &files, &merged);
    merged.sequence = sequence;
    *hw_manifests_add(list) = merged;
    hw_names_add(&a->pending.attempt_files, merged.path);
    return 0;
}

/* --- Expiring snapshots -------------------------------------------------------------------------------------------- */
static bool has_ref(const struct hw_table_view *view, int64_t snapshot_id)
{
    size_t i, max;
    yyjson_val *name, *ref;
    yyjson_obj_foreach(yyjson_obj_get(view->metadata, "refs"), i, max, name, ref) {
        if (hw_json_int(ref, "snapshot-id", -1) == snapshot_id)
            return true;
    }
    return false;
}

/* Snapshots stand in the order they were added. */
void hw_expiry_plan(const struct hw_table_view *view, int64_t now_ms, struct hw_expiry *out)
{
    yyjson_val *snapshots = yyjson_obj_get(view->metadata, "snapshots"), *snapshot;
    size_t count = yyjson_arr_size(snapshots), i, max;
    if (count < KEEP_SNAPSHOTS + EXPIRE_AT_ONCE)
        return;
    yyjson_arr_foreach(snapshots, i, max, snapshot) {
        int64_t id = hw_json_int(snapshot, "snapshot-id", -1);
        bool old = hw_json_int(snapshot, "timestamp-ms", INT64_MAX) < now_ms - READER_GRACE_MS;
        const char *list = hw_json_str(snapshot, "manifest-list");
        if (count - i <= KEEP_SNAPSHOTS || out->count == HW_ARRAY_SIZE(out->ids))
            break;
        if ((!old && count - i <= MOST_SNAPSHOTS) || id < 0 || id == view->snapshot_id || !list || has_ref(view, id))
            continue;
        out->ids[out->count++] = id;
        hw_names_add(&out->lists, list);
    }
    if (out->count >= EXPIRE_AT_ONCE)
        return;
    hw_names_done(&out->lists);
    out->count = 0;
}

/* Paths of all manifests a list names → map. */
static int note_manifests(const char *list_uri, struct hw_map *map)
{
    HW_CLEANUP(hw_buf_done) struct hw_buf body = {0};
    HW_CLEANUP(hw_manifests_done) struct hw_manifests list = {0};
    struct hw_err ignored;
    if (hw_uri_read(list_uri, &body, &ignored) < 0 || hw_manifest_list_read(body.data, body.size, &list, &ignored) < 0)
        return -1;
    for (size_t i = 0; i < list.count; i++)
        hw_map_put(map, list.items[i].path, map);
    return 0;
}

static void remove_metadata(const struct hw_table_appender *a, const char *uri)
{
    const char *path;
    size_t size = strlen(a->location_path);
    if (hw_uri_to_path(uri, &path, NULL) < 0 || strncmp(path, a->location_path, size) != 0 ||
        strncmp(path + size, "/metadata/", 10) != 0 || strstr(path, "/../"))
        return;
    unlink(path);
}

void hw_expiry_clean(const struct hw_table_appender *a, const struct hw_expiry *expiry)
{
    if (expiry->count == 0)
        return;
    HW_CLEANUP(hw_map_done) struct hw_map gone = {0}, kept = {0};
    for (size_t i = 0; i < expiry->lists.count; i++)
        (void)!note_manifests(expiry->lists.items[i], &gone); /* unreadable: what it named stays, which harms nobody */
    size_t i, max, at = 0;
    yyjson_val *snapshot;
    yyjson_arr_foreach(yyjson_obj_get(a->view.metadata, "snapshots"), i, max, snapshot) {
        const char *list = hw_json_str(snapshot, "manifest-list");
        if (!list || note_manifests(list, &kept) < 0)
            return; /* not sure what is in use: remove nothing */
    }
    const char *path;
    void *value;
    while (hw_map_next(&gone, &at, &path, &value))
        if (!hw_map_get(&kept, path))
            remove_metadata(a, path);
    for (i = 0; i < expiry->lists.count; i++)
        remove_metadata(a, expiry->lists.items[i]);
}
