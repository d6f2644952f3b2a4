/* Rows waiting for their commit: columns in an in-memory DuckDB table, then one Parquet file per day. One thread. */
#pragma once
#include "warehouse/manifest.h"
#include "warehouse/warehouse.h"

/* The columns of an event table, in this order everywhere. */
enum hw_event_column {
    HW_COLUMN_EVENT_ID,
    HW_COLUMN_EVENT_TS,
    HW_COLUMN_EVENT_VERSION,
    HW_COLUMN_EVENT_NAME,
    HW_COLUMN_PAYLOAD,
    HW_COLUMN_TOPIC,
    HW_COLUMN_PARTITION,
    HW_COLUMN_OFFSET,
    HW_COLUMN_KAFKA_TS,
    HW_EVENT_COLUMNS
};
struct hw_event_column_info {
    const char *name, *iceberg_type, *duckdb_type;
};
extern const struct hw_event_column_info hw_event_columns[HW_EVENT_COLUMNS];

struct hw_rows;
/* field_ids: the table's ids of hw_event_columns. */
HW_MUST_CHECK int hw_rows_open(const int field_ids[HW_EVENT_COLUMNS], const char *scratch_dir,
                               struct hw_rows **out_rows, struct hw_err *err);
struct hw_rows *hw_rows_close(struct hw_rows *rows);
/* HW_ERR_DATA: a row is not text as it should be, none was added. HW_ERR_FATAL: call hw_rows_clear, rows may be half
 * there. */
HW_MUST_CHECK int hw_rows_add(struct hw_rows *rows, const struct hw_table_row *items, size_t count, struct hw_err *err);
size_t hw_rows_count(const struct hw_rows *rows);
size_t hw_rows_bytes(const struct hw_rows *rows);
void hw_rows_clear(struct hw_rows *rows);
/* Writes everything below data_dir (a path; data_uri is the same as a location), synced to disk, files and directories.
 * by_day: a file per day in event_ts_day=YYYY-MM-DD/, else one file. The rows stay until hw_rows_clear. On failure
 * nothing is left. */
HW_MUST_CHECK int hw_rows_write(struct hw_rows *rows, const char *data_dir, const char *data_uri, bool by_day,
                                struct hw_data_files *out_files, struct hw_err *err);
