/* The warehouse library: Iceberg tables written exactly once, and SQL over them. See README.md of this folder. */
#pragma once
#include "base/base.h"
#include "base/buf.h"

/* --- Writing: one appender per sink task and table. Owner thread: the task's. -------------------------------------- */
struct hw_table_appender;
struct hw_table_options {
    const char *catalog_uri; /* Iceberg REST catalog, "http://127.0.0.1:8181" */
    const char *table;       /* "events.clicks": namespace.table, [a-z0-9_]{1,200} each */
    const char *writer; /* names this writer: the connector. Its offsets live in the snapshots under this name; several
                         * tasks may share it as long as each partition has one owner */
    const char *scratch_dir;
};
/* Creates namespace and table when missing. */
HW_MUST_CHECK int hw_table_appender_open(const struct hw_table_options *options, struct hw_table_appender **out,
                                         struct hw_err *err);
/* Looks at the table anew: other tasks of this writer may have committed since. Call it before asking for offsets on an
 * assignment. */
HW_MUST_CHECK int hw_table_appender_refresh(struct hw_table_appender *appender, struct hw_err *err);
/* Next offset of a partition as of opening, the last refresh or commit; -1 when the table holds none of this writer. */
HW_MUST_CHECK int hw_table_appender_offset(struct hw_table_appender *appender, const char *topic, int32_t partition,
                                           int64_t *out_next, struct hw_err *err);
struct hw_table_row {
    const char *id, *version, *event_name;
    int64_t timestamp_us;
    struct hw_slice payload; /* JSON text */
    const char *topic;
    int32_t partition;
    int64_t offset;
    int64_t kafka_timestamp_ms;
};
HW_MUST_CHECK int hw_table_appender_add(struct hw_table_appender *appender, const struct hw_table_row *rows,
                                        size_t count, struct hw_err *err);
/* Rows added since the last commit, and their rough bytes. */
void hw_table_appender_pending(const struct hw_table_appender *appender, size_t *out_rows, size_t *out_bytes);
/* Parquet files, then one snapshot with data and offsets. HW_ERR_RETRY: nothing or everything happened, call again.
 * HW_ERR_FATAL: another writer of the same name moved the offsets (we are a zombie). */
HW_MUST_CHECK int hw_table_appender_commit(struct hw_table_appender *appender, const struct hw_offsets *next_offsets,
                                           struct hw_err *err);
void hw_table_appender_discard(struct hw_table_appender *appender); /* forget rows added since the last commit */
struct hw_table_appender *hw_table_appender_free(struct hw_table_appender *appender);
/* 0, or -1 with HW_ERR_CONFIG and a text saying what a name must look like. */
int hw_table_name_check(const char *table, struct hw_err *err);

/* --- Reading ------------------------------------------------------------------------------------------------------- */
/* JSON array of
 * {"name":"events.clicks","columns":[{"name","type"}],"rows":"123","files":4,"bytes":"…","snapshot_id":"…",
 * "last_commit":"RFC 3339"}. Appended to out. */
HW_MUST_CHECK int hw_tables_list(const char *catalog_uri, struct hw_buf *out, struct hw_err *err);
struct hw_sql_options {
    const char *catalog_uri;
    int timeout_ms;         /* 0 = 30 s */
    size_t max_rows;        /* 0 = 10,000; the answer says "truncated":true beyond it */
    size_t memory_limit_mb; /* 0 = 512 */
};
/* One read-only statement over the current snapshots. Appends
 * {"columns":[{"name","type"}],"rows":[[…]],"truncated":false, "elapsed_ms":12}; 64-bit integers and decimals are
 * strings. HW_ERR_DATA: the statement is at fault (text says where). Any thread. */
HW_MUST_CHECK int hw_sql_run(const struct hw_sql_options *options, const char *sql, struct hw_buf *out,
                             struct hw_err *err);
