/* Iceberg v2 manifests (lists of data files) and manifest lists (a snapshot's manifests). Spec: Iceberg table spec
 * §Manifests. All structs own their strings; {0} is safe to done. */
#pragma once
#include "base/base.h"
#include "base/buf.h"

enum hw_entry_status { HW_ENTRY_EXISTING = 0, HW_ENTRY_ADDED = 1, HW_ENTRY_DELETED = 2 };

/* Facts of one column of one file. Sizes and counts are -1 when unknown; bounds are Iceberg's single-value bytes. */
struct hw_column_facts {
    int id;
    int64_t size_bytes, values, nulls;
    uint8_t lower[16], upper[16];
    uint8_t lower_size, upper_size; /* 0 = no bound */
};
#define HW_COLUMN_FACTS 16
struct hw_data_file {
    int status;                                   /* hw_entry_status */
    int content;                                  /* 0 = data; others are delete files */
    int64_t snapshot_id, sequence, file_sequence; /* -1 = null, to be inherited from the manifest list */
    char *path;
    char format[12];
    bool has_day; /* partition event_ts_day (or whatever the single int partition field is called) */
    int32_t day;
    int64_t records, bytes;
    struct hw_column_facts columns[HW_COLUMN_FACTS];
    size_t column_count;
};
struct hw_data_files {
    struct hw_data_file *items;
    size_t count, capacity;
};
struct hw_data_file *hw_data_files_add(struct hw_data_files *files); /* a zeroed item at the end */
void hw_data_files_done(struct hw_data_files *files);

/* What a manifest is written for: the table's schema and the partition spec of its files. */
struct hw_manifest_context {
    const char *schema_json, *spec_json; /* spec_json: the array of partition fields */
    int schema_id, spec_id;
    bool partitioned;           /* by one int (day) field: */
    const char *partition_name; /* "event_ts_day" */
    int partition_field_id;     /* 1000 */
};
HW_MUST_CHECK int hw_manifest_write(const struct hw_manifest_context *context, const struct hw_data_files *files,
                                    struct hw_buf *out, struct hw_err *err);
/* own: the manifest was written by hw_manifest_write, so that nothing is lost by writing its entries again. */
HW_MUST_CHECK int hw_manifest_read(const void *data, size_t size, struct hw_data_files *out_files, bool *out_own,
                                   struct hw_err *err);

struct hw_partition_summary {
    bool contains_null;
    int contains_nan; /* -1 = not said */
    struct hw_buf lower, upper;
    bool has_lower, has_upper;
};
struct hw_manifest {
    char *path;
    int64_t length;
    int spec_id, content;
    int64_t sequence, min_sequence, added_snapshot_id;
    int64_t added_files, existing_files, deleted_files, added_rows, existing_rows, deleted_rows;
    struct hw_partition_summary *summaries;
    size_t summary_count;
};
struct hw_manifests {
    struct hw_manifest *items;
    size_t count, capacity;
};
struct hw_manifest *hw_manifests_add(struct hw_manifests *list);
void hw_manifests_done(struct hw_manifests *list);
/* Counts, sequence bounds and the partition summary of files written as one manifest; path and length are the caller's.
 */
void hw_manifest_summarise(const struct hw_manifest_context *context, const struct hw_data_files *files,
                           struct hw_manifest *out);
struct hw_manifest_list_info {
    int64_t snapshot_id, parent_snapshot_id /* -1 = none */, sequence;
};
HW_MUST_CHECK int hw_manifest_list_write(const struct hw_manifest_list_info *info, const struct hw_manifests *list,
                                         struct hw_buf *out, struct hw_err *err);
HW_MUST_CHECK int hw_manifest_list_read(const void *data, size_t size, struct hw_manifests *out, struct hw_err *err);
