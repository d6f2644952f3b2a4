/* Inside of a table appender; only appender.c, commit.c, offsets.c and maintain.c of this folder include it. */
#pragma once
#include "warehouse/catalog_client.h"
#include "warehouse/manifest.h"
#include "warehouse/rows.h"
#include "warehouse/warehouse.h"

/* A batch whose data files are written and synced, on its way into the table. It keeps its snapshot id over all
 * attempts: that is how a commit whose answer was lost is recognised. */
struct hw_pending_commit {
    bool active;
    bool unknown; /* an attempt may still be applied: its files must never be removed */
    int64_t snapshot_id;
    struct hw_data_files files;
    struct hw_manifest manifest; /* path NULL when there are no files */
    struct hw_offsets next;
    struct hw_names attempt_files; /* paths of metadata files only the last attempt refers to */
};

struct hw_table_appender {
    struct hw_table_name name;
    char *writer;
    struct hw_catalog_client *client;
    char *catalog_uri, *scratch_dir;
    struct hw_table_view view; /* as of the last load or commit */
    struct hw_offsets seen;    /* this writer's offsets in view */
    char *uuid, *location;     /* of the table at open; a different uuid later means it was replaced */
    const char *location_path; /* within location */
    int field_ids[HW_EVENT_COLUMNS];
    bool by_day;
    char partition_name[128];
    int partition_field_id;
    struct hw_rows *rows;
    struct hw_pending_commit pending;
    unsigned random; /* for jitter */
};

/* offsets.c: the cumulative JSON map topic → partition → next offset, kept in snapshot summaries under this key. */
#define HW_OFFSETS_PREFIX "highway.offsets."
HW_MUST_CHECK int hw_summary_offsets_parse(const char *json, struct hw_offsets *out, struct hw_err *err);
void hw_summary_offsets_format(const struct hw_offsets *offsets, struct hw_buf *out);
/* The newest snapshot on main's line that carries offsets of ours or anybody's; NULL when there is none. */
yyjson_val *hw_summary_find(const struct hw_table_view *view, const char *writer);
HW_MUST_CHECK int hw_summary_offsets_load(const struct hw_table_view *view, const char *writer, struct hw_offsets *out,
                                          struct hw_err *err);

/* commit.c */
HW_MUST_CHECK int hw_appender_reload(struct hw_table_appender *appender, struct hw_err *err);
/* Carries the pending commit through. Kinds as hw_table_appender_commit. */
HW_MUST_CHECK int hw_appender_push(struct hw_table_appender *appender, struct hw_err *err);
HW_MUST_CHECK int hw_appender_manifest_context(const struct hw_table_appender *appender,
                                               struct hw_manifest_context *out, struct hw_buf *schema,
                                               struct hw_buf *spec, struct hw_err *err);

/* maintain.c */
/* Rewrites many small manifests of list as one, which is added to attempt_files. */
HW_MUST_CHECK int hw_manifests_merge(struct hw_table_appender *appender, const struct hw_manifest_context *context,
                                     struct hw_manifests *list, int64_t sequence, struct hw_err *err);
struct hw_expiry {
    int64_t ids[256];
    struct hw_names lists; /* manifest lists of the snapshots taken out */
    size_t count;
};
void hw_expiry_plan(const struct hw_table_view *view, int64_t now_ms, struct hw_expiry *out);
/* After the commit that removed them: deletes metadata files that no snapshot of the view refers to any more. */
void hw_expiry_clean(const struct hw_table_appender *appender, const struct hw_expiry *expiry);
/* Metadata file below location: written, synced, named for the commit. Returns its location. */
HW_MUST_CHECK int hw_metadata_write(const struct hw_table_appender *appender, const char *name,
                                    const struct hw_buf *body, char **out_uri, struct hw_err *err);
HW_MUST_CHECK int hw_uri_read(const char *uri, struct hw_buf *out, struct hw_err *err);
