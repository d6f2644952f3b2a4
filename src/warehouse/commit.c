/* The commit protocol.
 *
 *   I1  Data files, manifests and the manifest list are synced before the catalog hears of them.
 *   I2  A commit asserts that main still is the parent it was built on; the offsets it writes are the parent's plus
 * ours. So two writers never overwrite each other's offsets, and a writer whose partitions moved finds out before
 * anything is applied. I3  A batch keeps its snapshot id over all attempts. After an unknown outcome the table is
 * loaded and searched for that id (or, if it has expired since, for our offsets) before another attempt is made. I4  A
 * conflict rewrites only the manifest list: sequence numbers are inherited from it (spec: Sequence Number Inheritance).
 */
#include "warehouse/appender.h"

#include "base/fs.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ATTEMPTS = 12, METADATA_LIMIT = 512 * 1024 * 1024, MERGE_MANIFESTS = 100 };

/* --- Files --------------------------------------------------------------------------------------------------------- */
int hw_metadata_write(const struct hw_table_appender *a, const char *name, const struct hw_buf *body, char **out_uri,
                      struct hw_err *err)
{
    HW_CLEANUP(hw_freep) char *dir = hw_xasprintf("%s/metadata", a->location_path);
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("%s/%s", dir, name);
    HW_TRY(hw_fs_mkdirs(dir, err));
    HW_TRY(hw_fs_write_atomic(path, body->data, body->size, err));
    *out_uri = hw_xasprintf("%s/metadata/%s", a->location, name);
    return 0;
}

int hw_uri_read(const char *uri, struct hw_buf *out, struct hw_err *err)
{
    const char *path;
    HW_TRY(hw_uri_to_path(uri, &path, err));
    return hw_fs_read(path, METADATA_LIMIT, out, err);
}

int hw_appender_manifest_context(const struct hw_table_appender *a, struct hw_manifest_context *out,
                                 struct hw_buf *schema, struct hw_buf *spec, struct hw_err *err)
{
    if (hw_json_write_val(a->view.schema, schema) < 0 ||
        hw_json_write_val(yyjson_obj_get(a->view.spec, "fields"), spec) < 0)
        return hw_err_set(err, HW_ERR_FATAL, 0, "the table's schema cannot be written as JSON");
    *out = (struct hw_manifest_context){.schema_json = hw_buf_str(schema),
                                        .spec_json = hw_buf_str(spec),
                                        .schema_id = a->view.schema_id,
                                        .spec_id = a->view.spec_id,
                                        .partitioned = a->by_day,
                                        .partition_name = a->partition_name,
                                        .partition_field_id = a->partition_field_id};
    return 0;
}

/* --- State --------------------------------------------------------------------------------------------------------- */
/* Takes doc: an answer that holds metadata. */
static int take_view(struct hw_table_appender *a, yyjson_doc *doc, struct hw_err *err)
{
    struct hw_table_view view;
    HW_CLEANUP(hw_offsets_done) struct hw_offsets offsets = {0};
    HW_TRY(hw_table_view_init(&view, doc, err));
    if (strcmp(view.uuid, a->uuid) != 0) {
        hw_table_view_done(&view);
        return hw_err_set(err, HW_ERR_FATAL, 0,
                          "table %s.%s was dropped and made anew while rows were on their way into it: "
                          "restart the connector to go on with the new one",
                          a->name.space, a->name.name);
    }
    if (hw_summary_offsets_load(&view, a->writer, &offsets, err) < 0) {
        hw_table_view_done(&view);
        return -1;
    }
    hw_table_view_done(&a->view);
    a->view = view;
    struct hw_offsets old = a->seen;
    a->seen = offsets;
    offsets = old;
    return 0;
}

int hw_appender_reload(struct hw_table_appender *a, struct hw_err *err)
{
    yyjson_doc *doc = NULL;
    if (hw_catalog_load(a->client, &a->name, true, &doc, err) < 0) {
        if (err->code == 404)
            return hw_err_set(err, HW_ERR_FATAL, 404, "table %s.%s is gone: restart the connector to create it again",
                              a->name.space, a->name.name);
        return -1;
    }
    return take_view(a, doc, err);
}

/* --- One attempt --------------------------------------------------------------------------------------------------- */
static int64_t summary_number(yyjson_val *summary, const char *key)
{
    const char *text = hw_json_str(summary, key);
    return text ? strtoll(text, NULL, 10) : 0;
}

/* Totals are the parent's plus ours; the offsets of every writer are carried on, ours moved. */
static void add_summary(const struct hw_table_appender *a, struct hw_buf *out)
{
    const struct hw_pending_commit *pending = &a->pending;
    yyjson_val *parent = yyjson_obj_get(a->view.snapshot, "summary");
    int64_t rows = 0, bytes = 0;
    for (size_t i = 0; i < pending->files.count; i++) {
        rows += pending->files.items[i].records;
        bytes += pending->files.items[i].bytes;
    }
    hw_buf_printf(out,
                  "{\"operation\":\"append\",\"added-data-files\":\"%zu\",\"added-records\":\"%" PRId64
                  "\",\"added-files-size\":\"%" PRId64 "\",\"changed-partition-count\":\"%zu\"",
                  pending->files.count, rows, bytes, pending->files.count);
    hw_buf_printf(out,
                  ",\"total-records\":\"%" PRId64 "\",\"total-data-files\":\"%" PRId64
                  "\",\"total-files-size\":\"%" PRId64 "\"",
                  summary_number(parent, "total-records") + rows,
                  summary_number(parent, "total-data-files") + (int64_t)pending->files.count,
                  summary_number(parent, "total-files-size") + bytes);
    hw_buf_printf(out,
                  ",\"total-delete-files\":\"%" PRId64 "\",\"total-position-deletes\":\"%" PRId64
                  "\",\"total-equality-deletes\":\"%" PRId64 "\"",
                  summary_number(parent, "total-delete-files"), summary_number(parent, "total-position-deletes"),
                  summary_number(parent, "total-equality-deletes"));

    HW_CLEANUP(hw_freep) char *own_key = hw_xasprintf(HW_OFFSETS_PREFIX "%s", a->writer);
    yyjson_val *carrier = hw_summary_find(&a->view, a->writer);
    size_t i, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(yyjson_obj_get(carrier, "summary"), i, max, key, value) {
        const char *name = yyjson_get_str(key);
        if (strncmp(name, HW_OFFSETS_PREFIX, strlen(HW_OFFSETS_PREFIX)) != 0 || strcmp(name, own_key) == 0 ||
            !yyjson_is_str(value))
            continue;
        hw_buf_add_char(out, ',');
        hw_buf_add_json_str(out, name, strlen(name));
        hw_buf_add_char(out, ':');
        hw_buf_add_json_str(out, yyjson_get_str(value), yyjson_get_len(value));
    }
    HW_CLEANUP(hw_offsets_done) struct hw_offsets merged = {0};
    HW_CLEANUP(hw_buf_done) struct hw_buf json = {0};
    for (size_t j = 0; j < a->seen.count; j++)
        hw_offsets_set(&merged, a->seen.items[j].topic, a->seen.items[j].partition, a->seen.items[j].next_offset);
    for (size_t j = 0; j < pending->next.count; j++)
        hw_offsets_set(&merged, pending->next.items[j].topic, pending->next.items[j].partition,
                       pending->next.items[j].next_offset);
    hw_summary_offsets_format(&merged, &json);
    hw_buf_add_char(out, ',');
    hw_buf_add_json_str(out, own_key, strlen(own_key));
    hw_buf_add_char(out, ':');
    hw_buf_add_json_str(out, (const char *)json.data, json.size);
    hw_buf_add_char(out, '}');
}

static struct hw_manifest copy_manifest(const struct hw_manifest *from)
{
    struct hw_manifest copy = *from;
    copy.path = hw_xstrdup(from->path);
    copy.summaries = hw_xcalloc(from->summary_count + 1, sizeof(*copy.summaries));
    for (size_t i = 0; i < from->summary_count; i++) {
        struct hw_partition_summary *s = &copy.summaries[i];
        *s = from->summaries[i];
        s->lower = s->upper = (struct hw_buf){0};
        hw_buf_add(&s->lower, from->summaries[i].lower.data, from->summaries[i].lower.size);
        hw_buf_add(&s->upper, from->summaries[i].upper.data, from->summaries[i].upper.size);
    }
    return copy;
}

/* The parent's manifests and the new one, as a file of its own for this attempt. */
static int write_manifest_list(struct hw_table_appender *a, int64_t sequence, char **out_uri, struct hw_err *err)
{
    struct hw_pending_commit *pending = &a->pending;
    HW_CLEANUP(hw_manifests_done) struct hw_manifests list = {0};
    HW_CLEANUP(hw_buf_done) struct hw_buf old = {0}, body = {0}, schema = {0}, spec = {0};
    if (a->view.snapshot) {
        const char *uri = hw_json_str(a->view.snapshot, "manifest-list");
        if (!uri)
            return hw_err_set(err, HW_ERR_CONFIG, 0, "snapshot %" PRId64 " of table %s.%s has no manifest list",
                              a->view.snapshot_id, a->name.space, a->name.name);
        HW_TRY(hw_uri_read(uri, &old, err));
        if (hw_manifest_list_read(old.data, old.size, &list, err) < 0) {
            hw_err_prefix(err, "%s", uri);
            err->kind = HW_ERR_FATAL;
            return -1;
        }
    }
    if (list.count >= MERGE_MANIFESTS) {
        struct hw_manifest_context context;
        HW_TRY(hw_appender_manifest_context(a, &context, &schema, &spec, err));
        HW_TRY(hw_manifests_merge(a, &context, &list, sequence, err));
    }
    if (pending->manifest.path) {
        struct hw_manifest copy = copy_manifest(&pending->manifest);
        copy.sequence = copy.min_sequence = sequence;
        *hw_manifests_add(&list) = copy;
    }
    const struct hw_manifest_list_info info = {pending->snapshot_id, a->view.snapshot_id, sequence};
    HW_TRY(hw_manifest_list_write(&info, &list, &body, err));
    uint8_t uuid[16];
    char text[37], name[128];
    hw_uuid_v4(uuid);
    hw_uuid_format(uuid, text);
    snprintf(name, sizeof(name), "snap-%" PRId64 "-1-%s.avro", pending->snapshot_id, text);
    HW_TRY(hw_metadata_write(a, name, &body, out_uri, err));
    hw_names_add(&pending->attempt_files, *out_uri);
    return 0;
}

static void add_requirements(const struct hw_table_appender *a, struct hw_buf *body)
{
    hw_buf_printf(body, "{\"identifier\":{\"namespace\":[\"%s\"],\"name\":\"%s\"},\"requirements\":[", a->name.space,
                  a->name.name);
    hw_buf_printf(body, "{\"type\":\"assert-table-uuid\",\"uuid\":\"%s\"},", a->uuid);
    hw_buf_add_str(body, "{\"type\":\"assert-ref-snapshot-id\",\"ref\":\"main\",\"snapshot-id\":");
    if (a->view.snapshot_id >= 0)
        hw_buf_printf(body, "%" PRId64, a->view.snapshot_id);
    else
        hw_buf_add_str(body, "null");
    hw_buf_add_str(body, "}]");
}

static void build_body(const struct hw_table_appender *a, int64_t sequence, const char *list_uri,
                       const struct hw_expiry *expiry, struct hw_buf *body)
{
    int64_t id = a->pending.snapshot_id;
    /* Snapshot times must not go backwards, whatever the clock does. */
    int64_t now = HW_MAX(hw_now_ms(), hw_json_int(a->view.metadata, "last-updated-ms", 0));
    add_requirements(a, body);
    hw_buf_printf(body, ",\"updates\":[{\"action\":\"add-snapshot\",\"snapshot\":{\"snapshot-id\":%" PRId64, id);
    if (a->view.snapshot_id >= 0)
        hw_buf_printf(body, ",\"parent-snapshot-id\":%" PRId64, a->view.snapshot_id);
    hw_buf_printf(body, ",\"sequence-number\":%" PRId64 ",\"timestamp-ms\":%" PRId64 ",\"manifest-list\":", sequence,
                  now);
    hw_buf_add_json_str(body, list_uri, strlen(list_uri));
    hw_buf_add_str(body, ",\"summary\":");
    add_summary(a, body);
    hw_buf_printf(body, ",\"schema-id\":%d}}", a->view.schema_id);
    hw_buf_printf(
        body,
        ",{\"action\":\"set-snapshot-ref\",\"ref-name\":\"main\",\"type\":\"branch\",\"snapshot-id\":%" PRId64 "}", id);
    /* The tag keeps this writer's newest offsets alive when others expire snapshots. */
    HW_CLEANUP(hw_freep) char *tag = hw_xasprintf("highway.%s", a->writer);
    hw_buf_add_str(body, ",{\"action\":\"set-snapshot-ref\",\"ref-name\":");
    hw_buf_add_json_str(body, tag, strlen(tag));
    hw_buf_printf(body, ",\"type\":\"tag\",\"snapshot-id\":%" PRId64 "}", id);
    if (expiry->count) {
        hw_buf_add_str(body, ",{\"action\":\"remove-snapshots\",\"snapshot-ids\":[");
        for (size_t i = 0; i < expiry->count; i++)
            hw_buf_printf(body, "%s%" PRId64, i ? "," : "", expiry->ids[i]);
        hw_buf_add_str(body, "]}");
    }
    hw_buf_add_str(body, "]}");
}

static void expiry_done(struct hw_expiry *expiry)
{
    hw_names_done(&expiry->lists);
}

/* The previous attempt surely failed: what only it referred to goes. */
static void drop_attempt(struct hw_pending_commit *pending)
{
    for (size_t i = 0; i < pending->attempt_files.count; i++) {
        const char *path;
        if (hw_uri_to_path(pending->attempt_files.items[i], &path, NULL) == 0)
            unlink(path);
    }
    hw_names_done(&pending->attempt_files);
}

static int attempt(struct hw_table_appender *a, struct hw_err *err)
{
    HW_CLEANUP(hw_buf_done) struct hw_buf body = {0};
    HW_CLEANUP(hw_freep) char *list_uri = NULL;
    HW_CLEANUP(expiry_done) struct hw_expiry expiry = {0};
    yyjson_doc *doc = NULL;
    int64_t sequence = a->view.last_sequence + 1;
    if (write_manifest_list(a, sequence, &list_uri, err) < 0) {
        drop_attempt(&a->pending);
        return -1;
    }
    hw_expiry_plan(&a->view, hw_now_ms(), &expiry);
    build_body(a, sequence, list_uri, &expiry, &body);
    int result = hw_catalog_commit(a->client, &a->name, &body, &doc, err);
    if (result == 0) {
        a->pending.unknown = false;
        /* It is in the table whatever becomes of reading the answer: a later load will do as well. */
        if (take_view(a, doc, err) == 0)
            hw_expiry_clean(a, &expiry);
        return 0;
    }
    if (result == HW_COMMIT_UNKNOWN) {
        a->pending.unknown = true;
        hw_names_done(&a->pending.attempt_files); /* may be in use: never removed */
    } else {
        drop_attempt(&a->pending);
    }
    return result;
}

/* --- All of them --------------------------------------------------------------------------------------------------- */
static bool offsets_equal(const struct hw_offsets *a, const struct hw_offsets *b, const struct hw_offsets *partitions)
{
    for (size_t i = 0; i < partitions->count; i++) {
        const struct hw_topic_offset *at = &partitions->items[i];
        if (hw_offsets_get(a, at->topic, at->partition) != hw_offsets_get(b, at->topic, at->partition))
            return false;
    }
    return true;
}

static void copy_offsets(const struct hw_offsets *from, struct hw_offsets *to)
{
    for (size_t i = 0; i < from->count; i++)
        hw_offsets_set(to, from->items[i].topic, from->items[i].partition, from->items[i].next_offset);
}

enum { PUSH_AGAIN = 0, PUSH_APPLIED = 1 };

/* After a conflict or an unknown outcome. */
static int look(struct hw_table_appender *a, struct hw_err *err)
{
    struct hw_pending_commit *pending = &a->pending;
    HW_CLEANUP(hw_offsets_done) struct hw_offsets before = {0};
    copy_offsets(&a->seen, &before);
    HW_TRY(hw_appender_reload(a, err));
    if (hw_table_view_snapshot(&a->view, pending->snapshot_id))
        return PUSH_APPLIED;
    if (offsets_equal(&a->seen, &before, &pending->next))
        return PUSH_AGAIN;
    if (pending->unknown && offsets_equal(&a->seen, &pending->next, &pending->next))
        return PUSH_APPLIED; /* our snapshot was applied and has expired since */
    return hw_err_set(
        err, HW_ERR_FATAL, 0,
        "another task of \"%s\" has moved the offsets of our partitions in table %s.%s: these rows are its own now",
        a->writer, a->name.space, a->name.name);
}

static void wait_a_little(struct hw_table_appender *a, int round)
{
    unsigned ceiling_ms = HW_MIN(20u << HW_MIN(round, 5), 640u);
    usleep((useconds_t)(1000 * (1 + (unsigned)rand_r(&a->random) % ceiling_ms)));
}

int hw_appender_push(struct hw_table_appender *a, struct hw_err *err)
{
    struct hw_pending_commit *pending = &a->pending;
    for (int round = 0; round < ATTEMPTS; round++) {
        if (round > 0 || pending->unknown) {
            int seen = look(a, err);
            if (seen != PUSH_AGAIN)
                return seen == PUSH_APPLIED ? 0 : -1;
        }
        int result = attempt(a, err);
        if (result <= 0)
            return result;
        if (result == HW_COMMIT_UNKNOWN && round > 0)
            break; /* the catalog is in trouble: let the caller back off */
        wait_a_little(a, round);
    }
    err->kind = HW_ERR_RETRY;
    return hw_err_prefix(err, "table %s.%s did not take the commit yet", a->name.space, a->name.name);
}
