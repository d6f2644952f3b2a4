/* Rows → DuckDB data chunks → Parquet. The facts Iceberg wants of each file (counts, bounds) are kept while rows come
 * in. */
#include "warehouse/rows.h"

#include "base/fs.h"
#include "warehouse/duckdb_api.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAY_US INT64_C(86400000000)

const struct hw_event_column_info hw_event_columns[HW_EVENT_COLUMNS] = {
    [HW_COLUMN_EVENT_ID] = {"event_id", "string", "VARCHAR"},
    [HW_COLUMN_EVENT_TS] = {"event_ts", "timestamptz", "TIMESTAMPTZ"},
    [HW_COLUMN_EVENT_VERSION] = {"event_version", "string", "VARCHAR"},
    [HW_COLUMN_EVENT_NAME] = {"event_name", "string", "VARCHAR"},
    [HW_COLUMN_PAYLOAD] = {"payload", "string", "VARCHAR"},
    [HW_COLUMN_TOPIC] = {"_topic", "string", "VARCHAR"},
    [HW_COLUMN_PARTITION] = {"_partition", "int", "INTEGER"},
    [HW_COLUMN_OFFSET] = {"_offset", "long", "BIGINT"},
    [HW_COLUMN_KAFKA_TS] = {"_kafka_ts", "timestamptz", "TIMESTAMPTZ"},
};

/* What is known of the rows of one day (of all rows, when the table is not partitioned). */
struct day_facts {
    int32_t day;
    int64_t records, null_payloads, null_kafka_ts;
    int64_t low[HW_EVENT_COLUMNS], high[HW_EVENT_COLUMNS];
    struct {
        uint8_t low[16], high[16];
        uint8_t low_size, high_size;
        bool high_longer; /* the text went on after high */
        bool unknown;     /* not plain ASCII: no bounds */
    } text[HW_EVENT_COLUMNS];
};

struct hw_rows {
    int field_ids[HW_EVENT_COLUMNS];
    duckdb_database db;
    duckdb_connection con;
    duckdb_appender appender; /* NULL between clear and the next row */
    duckdb_data_chunk chunk;
    duckdb_vector vectors[HW_EVENT_COLUMNS + 1]; /* the last: the day */
    size_t chunk_rows, chunk_capacity;
    size_t count, bytes;
    struct day_facts *days; /* sorted by day */
    size_t day_count, day_capacity;
};

/* --- Opening ------------------------------------------------------------------------------------------------------- */
static int make_table(struct hw_rows *rows, struct hw_err *err)
{
    HW_CLEANUP(hw_buf_done) struct hw_buf sql = {0};
    hw_buf_add_str(&sql, "CREATE OR REPLACE TABLE pending(");
    for (size_t i = 0; i < HW_EVENT_COLUMNS; i++)
        hw_buf_printf(&sql, "\"%s\" %s, ", hw_event_columns[i].name, hw_event_columns[i].duckdb_type);
    hw_buf_add_str(&sql, "day INTEGER)");
    return hw_duckdb_exec(rows->con, hw_buf_str(&sql), err);
}

static void make_chunk(struct hw_rows *rows)
{
    static const duckdb_type types[HW_EVENT_COLUMNS + 1] = {
        DUCKDB_TYPE_VARCHAR,      DUCKDB_TYPE_TIMESTAMP_TZ, DUCKDB_TYPE_VARCHAR, DUCKDB_TYPE_VARCHAR,
        DUCKDB_TYPE_VARCHAR,      DUCKDB_TYPE_VARCHAR,      DUCKDB_TYPE_INTEGER, DUCKDB_TYPE_BIGINT,
        DUCKDB_TYPE_TIMESTAMP_TZ, DUCKDB_TYPE_INTEGER};
    const struct hw_duckdb_api *duck = hw_duckdb();
    duckdb_logical_type logical[HW_ARRAY_SIZE(types)];
    for (size_t i = 0; i < HW_ARRAY_SIZE(types); i++)
        logical[i] = duck->create_logical_type(types[i]);
    rows->chunk = duck->create_data_chunk(logical, HW_ARRAY_SIZE(types));
    for (size_t i = 0; i < HW_ARRAY_SIZE(types); i++)
        duck->destroy_logical_type(&logical[i]);
    rows->chunk_capacity = duck->vector_size();
}

int hw_rows_open(const int field_ids[HW_EVENT_COLUMNS], const char *scratch_dir, struct hw_rows **out_rows,
                 struct hw_err *err)
{
    const struct hw_duckdb_setting settings[] = {
        {"threads", "2"}, {"memory_limit", "2GB"}, {"temp_directory", scratch_dir}, {NULL, NULL}};
    struct hw_rows *rows = hw_xcalloc(1, sizeof(*rows));
    memcpy(rows->field_ids, field_ids, sizeof(rows->field_ids));
    if (hw_duckdb_open(settings, &rows->db, &rows->con, err) < 0 || make_table(rows, err) < 0) {
        hw_rows_close(rows);
        return -1;
    }
    make_chunk(rows);
    *out_rows = rows;
    return 0;
}

struct hw_rows *hw_rows_close(struct hw_rows *rows)
{
    if (!rows)
        return NULL;
    if (rows->appender)
        hw_duckdb()->appender_destroy(&rows->appender);
    if (rows->chunk)
        hw_duckdb()->destroy_data_chunk(&rows->chunk);
    hw_duckdb_close(&rows->db, &rows->con);
    free(rows->days);
    free(rows);
    return NULL;
}

size_t hw_rows_count(const struct hw_rows *rows)
{
    return rows->count;
}

size_t hw_rows_bytes(const struct hw_rows *rows)
{
    return rows->bytes;
}

void hw_rows_clear(struct hw_rows *rows)
{
    if (rows->appender)
        hw_duckdb()->appender_destroy(&rows->appender);
    hw_duckdb()->data_chunk_reset(rows->chunk);
    rows->chunk_rows = rows->count = rows->bytes = rows->day_count = 0;
    struct hw_err ignored; /* when this fails, adding the next row does and says so */
    if (make_table(rows, &ignored) < 0)
        return;
}

/* --- Facts --------------------------------------------------------------------------------------------------------- */
static struct day_facts *facts_of_day(struct hw_rows *rows, int32_t day)
{
    size_t low = 0, high = rows->day_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (rows->days[middle].day < day)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < rows->day_count && rows->days[low].day == day)
        return &rows->days[low];
    if (rows->day_count == rows->day_capacity) {
        rows->day_capacity = rows->day_capacity ? rows->day_capacity * 2 : 4;
        rows->days = hw_xrealloc(rows->days, rows->day_capacity * sizeof(*rows->days));
    }
    struct day_facts *facts = &rows->days[low];
    memmove(facts + 1, facts, (rows->day_count - low) * sizeof(*facts));
    rows->day_count++;
    *facts = (struct day_facts){.day = day};
    for (size_t i = 0; i < HW_EVENT_COLUMNS; i++) {
        facts->low[i] = INT64_MAX;
        facts->high[i] = INT64_MIN;
    }
    return facts;
}

static void note_number(struct day_facts *facts, enum hw_event_column column, int64_t value)
{
    facts->low[column] = HW_MIN(facts->low[column], value);
    facts->high[column] = HW_MAX(facts->high[column], value);
}

static int compare_text(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
    int order = memcmp(a, b, HW_MIN(a_size, b_size));
    return order ? order : (a_size > b_size) - (a_size < b_size);
}

/* Bounds are cut to 16 characters. Only ASCII is kept, where characters are bytes. */
static void note_text(struct day_facts *facts, enum hw_event_column column, const char *s, size_t size)
{
    __typeof__(&facts->text[0]) text = &facts->text[column];
    size_t cut = HW_MIN(size, sizeof(text->low));
    for (size_t i = 0; i < cut; i++)
        text->unknown |= (uint8_t)s[i] >= 0x7f;
    if (text->unknown)
        return;
    bool first = facts->records == 0;
    if (first || compare_text((const uint8_t *)s, cut, text->low, text->low_size) < 0) {
        memcpy(text->low, s, cut);
        text->low_size = (uint8_t)cut;
    }
    int order = first ? 1 : compare_text((const uint8_t *)s, cut, text->high, text->high_size);
    if (order > 0) {
        memcpy(text->high, s, cut);
        text->high_size = (uint8_t)cut;
        text->high_longer = size > cut;
    } else if (order == 0) {
        text->high_longer |= size > cut;
    }
}

/* --- Adding -------------------------------------------------------------------------------------------------------- */
static int append_chunk(struct hw_rows *rows, struct hw_err *err)
{
    const struct hw_duckdb_api *duck = hw_duckdb();
    if (rows->chunk_rows == 0)
        return 0;
    if (!rows->appender && duck->appender_create(rows->con, NULL, "pending", &rows->appender) == DuckDBError)
        return hw_err_set(err, HW_ERR_FATAL, 0, "DuckDB cannot take rows: %s",
                          rows->appender ? duck->appender_error(rows->appender) : "no appender");
    duck->data_chunk_set_size(rows->chunk, rows->chunk_rows);
    if (duck->append_data_chunk(rows->appender, rows->chunk) == DuckDBError)
        return hw_err_set(err, HW_ERR_FATAL, 0, "DuckDB cannot take rows: %s", duck->appender_error(rows->appender));
    duck->data_chunk_reset(rows->chunk);
    rows->chunk_rows = 0;
    return 0;
}

static void set_text(struct hw_rows *rows, enum hw_event_column column, const char *s, size_t size)
{
    hw_duckdb()->unsafe_vector_assign_string_element_len(rows->vectors[column], rows->chunk_rows, s, size);
}

static void set_null(struct hw_rows *rows, enum hw_event_column column)
{
    duckdb_vector vector = rows->vectors[column];
    hw_duckdb()->vector_ensure_validity_writable(vector);
    hw_duckdb()->vector_get_validity(vector)[rows->chunk_rows / 64] &= ~(UINT64_C(1) << (rows->chunk_rows % 64));
}

static void fill_row(struct hw_rows *rows, const struct hw_table_row *row)
{
    const struct hw_duckdb_api *duck = hw_duckdb();
    int64_t day = row->timestamp_us / DAY_US - (row->timestamp_us % DAY_US < 0);
    struct day_facts *facts = facts_of_day(rows, (int32_t)day);
    const struct {
        enum hw_event_column column;
        const char *s;
    } texts[] = {{HW_COLUMN_EVENT_ID, row->id},
                 {HW_COLUMN_EVENT_VERSION, row->version},
                 {HW_COLUMN_EVENT_NAME, row->event_name},
                 {HW_COLUMN_TOPIC, row->topic}};
    size_t bytes = sizeof(*row);
    for (size_t i = 0; i < HW_ARRAY_SIZE(texts); i++) {
        size_t size = strlen(texts[i].s);
        set_text(rows, texts[i].column, texts[i].s, size);
        note_text(facts, texts[i].column, texts[i].s, size);
        bytes += size;
    }
    if (row->payload.data)
        set_text(rows, HW_COLUMN_PAYLOAD, (const char *)row->payload.data, row->payload.size);
    else
        set_null(rows, HW_COLUMN_PAYLOAD);
    facts->null_payloads += row->payload.data == NULL;
    int64_t kafka_us = row->kafka_timestamp_ms < 0 ? 0 : row->kafka_timestamp_ms * 1000;
    ((int64_t *)duck->vector_get_data(rows->vectors[HW_COLUMN_EVENT_TS]))[rows->chunk_rows] = row->timestamp_us;
    ((int32_t *)duck->vector_get_data(rows->vectors[HW_COLUMN_PARTITION]))[rows->chunk_rows] = row->partition;
    ((int64_t *)duck->vector_get_data(rows->vectors[HW_COLUMN_OFFSET]))[rows->chunk_rows] = row->offset;
    ((int64_t *)duck->vector_get_data(rows->vectors[HW_COLUMN_KAFKA_TS]))[rows->chunk_rows] = kafka_us;
    ((int32_t *)duck->vector_get_data(rows->vectors[HW_EVENT_COLUMNS]))[rows->chunk_rows] = (int32_t)day;
    note_number(facts, HW_COLUMN_EVENT_TS, row->timestamp_us);
    note_number(facts, HW_COLUMN_PARTITION, row->partition);
    note_number(facts, HW_COLUMN_OFFSET, row->offset);
    if (row->kafka_timestamp_ms < 0) {
        set_null(rows, HW_COLUMN_KAFKA_TS);
        facts->null_kafka_ts++;
    } else {
        note_number(facts, HW_COLUMN_KAFKA_TS, kafka_us);
    }
    facts->records++;
    rows->chunk_rows++;
    rows->count++;
    rows->bytes += bytes + row->payload.size;
}

/* DuckDB is handed text unchecked, so bad UTF-8 must end here. */
static int check_text(const char *what, const char *s, size_t size, const struct hw_table_row *row, struct hw_err *err)
{
    const struct hw_duckdb_api *duck = hw_duckdb();
    bool ascii = true;
    for (size_t i = 0; i < size && ascii; i++)
        ascii = (uint8_t)s[i] < 0x80;
    if (ascii)
        return 0;
    duckdb_error_data fault = duck->valid_utf8_check(s, size);
    bool bad = fault && duck->error_data_has_error(fault);
    if (fault)
        duck->destroy_error_data(&fault);
    if (bad)
        return hw_err_set(err, HW_ERR_DATA, 0, "the %s of %s-%d at offset %lld is not UTF-8", what, row->topic,
                          row->partition, (long long)row->offset);
    return 0;
}

int hw_rows_add(struct hw_rows *rows, const struct hw_table_row *items, size_t count, struct hw_err *err)
{
    const struct hw_duckdb_api *duck = hw_duckdb();
    for (size_t i = 0; i < count; i++) {
        const struct hw_table_row *row = &items[i];
        HW_TRY(check_text("id", row->id, strlen(row->id), row, err));
        HW_TRY(check_text("version", row->version, strlen(row->version), row, err));
        HW_TRY(check_text("event_name", row->event_name, strlen(row->event_name), row, err));
        HW_TRY(check_text("payload", (const char *)row->payload.data, row->payload.size, row, err));
    }
    for (size_t i = 0; i < count; i++) {
        if (rows->chunk_rows == 0) /* a reset may move the vectors */
            for (size_t c = 0; c <= HW_EVENT_COLUMNS; c++)
                rows->vectors[c] = duck->data_chunk_get_vector(rows->chunk, c);
        fill_row(rows, &items[i]);
        if (rows->chunk_rows == rows->chunk_capacity)
            HW_TRY(append_chunk(rows, err));
    }
    return 0;
}

/* --- Writing ------------------------------------------------------------------------------------------------------- */
static void put_bound(uint8_t *out, uint8_t *out_size, enum hw_event_column column, int64_t value)
{
    int32_t narrow = (int32_t)value;
    if (column == HW_COLUMN_PARTITION)
        memcpy(out, &narrow, *out_size = sizeof(narrow));
    else
        memcpy(out, &value, *out_size = sizeof(value));
}

static void fill_facts(const struct hw_rows *rows, const struct day_facts *facts, struct hw_data_file *file)
{
    file->column_count = HW_EVENT_COLUMNS;
    for (size_t i = 0; i < HW_EVENT_COLUMNS; i++) {
        struct hw_column_facts *column = &file->columns[i];
        int64_t nulls = i == HW_COLUMN_PAYLOAD    ? facts->null_payloads
                        : i == HW_COLUMN_KAFKA_TS ? facts->null_kafka_ts
                                                  : 0;
        *column = (struct hw_column_facts){
            .id = rows->field_ids[i], .size_bytes = -1, .values = facts->records, .nulls = nulls};
        if (facts->low[i] <= facts->high[i]) {
            put_bound(column->lower, &column->lower_size, (enum hw_event_column)i, facts->low[i]);
            put_bound(column->upper, &column->upper_size, (enum hw_event_column)i, facts->high[i]);
        } else if (i != HW_COLUMN_PAYLOAD && i != HW_COLUMN_KAFKA_TS && !facts->text[i].unknown) {
            memcpy(column->lower, facts->text[i].low, column->lower_size = facts->text[i].low_size);
            memcpy(column->upper, facts->text[i].high, column->upper_size = facts->text[i].high_size);
            if (facts->text[i].high_longer) /* an upper bound must not be below what was cut off; bytes are < 0x7f */
                column->upper[column->upper_size - 1]++;
        }
    }
}

static int sync_file(const char *path, int64_t *out_bytes, struct hw_err *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool done = fd >= 0 && fsync(fd) == 0 && fstat(fd, &st) == 0;
    int cause = errno;
    if (fd >= 0)
        close(fd);
    if (!done)
        return hw_err_set_errno(err, cause, "cannot sync %s", path);
    *out_bytes = st.st_size;
    return 0;
}

/* The directory, its entry in the one above included. */
static int make_dir(const char *dir, const char *parent, struct hw_err *err)
{
    struct stat st;
    if (stat(dir, &st) == 0)
        return 0;
    HW_TRY(hw_fs_mkdirs(dir, err));
    return hw_fs_sync_dir(parent, err);
}

static int copy_to(struct hw_rows *rows, const char *path, const struct day_facts *only_day, struct hw_err *err)
{
    HW_CLEANUP(hw_buf_done) struct hw_buf sql = {0};
    hw_buf_add_str(&sql, "COPY (SELECT ");
    for (size_t i = 0; i < HW_EVENT_COLUMNS; i++)
        hw_buf_printf(&sql, "%s\"%s\"", i ? ", " : "", hw_event_columns[i].name);
    hw_buf_add_str(&sql, " FROM pending");
    if (only_day)
        hw_buf_printf(&sql, " WHERE day = %d", only_day->day);
    hw_buf_add_str(&sql, ") TO '");
    for (const char *p = path; *p; p++)
        hw_buf_add_str(&sql, *p == '\'' ? "''" : (char[]){*p, 0});
    hw_buf_add_str(&sql, "' (FORMAT parquet, COMPRESSION zstd, FIELD_IDS {");
    for (size_t i = 0; i < HW_EVENT_COLUMNS; i++)
        hw_buf_printf(&sql, "%s\"%s\": %d", i ? ", " : "", hw_event_columns[i].name, rows->field_ids[i]);
    hw_buf_add_str(&sql, "})");
    return hw_duckdb_exec(rows->con, hw_buf_str(&sql), err);
}

static int write_day(struct hw_rows *rows, const char *data_dir, const char *data_uri, bool by_day, bool filter,
                     const struct day_facts *facts, struct hw_data_files *out_files, struct hw_err *err)
{
    uint8_t uuid[16];
    char name[37], day[28], folder[64] = "";
    hw_uuid_v7(uuid);
    hw_uuid_format(uuid, name);
    if (by_day) {
        hw_time_format_us((int64_t)facts->day * DAY_US, day);
        snprintf(folder, sizeof(folder), "/event_ts_day=%.10s", day);
    }
    HW_CLEANUP(hw_freep) char *dir = hw_xasprintf("%s%s", data_dir, folder);
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("%s/%s.parquet", dir, name);
    HW_TRY(make_dir(dir, data_dir, err));
    struct hw_data_file *file = hw_data_files_add(out_files); /* before writing: the caller removes what is listed */
    *file = (struct hw_data_file){.status = HW_ENTRY_ADDED,
                                  .snapshot_id = -1,
                                  .sequence = -1,
                                  .file_sequence = -1,
                                  .format = "PARQUET",
                                  .has_day = by_day,
                                  .day = facts->day,
                                  .records = facts->records};
    file->path = hw_xasprintf("%s%s/%s.parquet", data_uri, folder, name);
    HW_TRY(copy_to(rows, path, filter ? facts : NULL, err));
    HW_TRY(sync_file(path, &file->bytes, err));
    fill_facts(rows, facts, file);
    return hw_fs_sync_dir(dir, err);
}

/* All days as one, for tables without partitions. */
static void merge_days(const struct hw_rows *rows, struct day_facts *all)
{
    *all = rows->days[0];
    for (size_t d = 1; d < rows->day_count; d++) {
        const struct day_facts *day = &rows->days[d];
        all->records += day->records;
        all->null_payloads += day->null_payloads;
        all->null_kafka_ts += day->null_kafka_ts;
        for (size_t i = 0; i < HW_EVENT_COLUMNS; i++) {
            all->low[i] = HW_MIN(all->low[i], day->low[i]);
            all->high[i] = HW_MAX(all->high[i], day->high[i]);
            all->text[i].unknown = true; /* rare: text bounds are left out rather than merged */
        }
    }
}

static int write_all(struct hw_rows *rows, const char *data_dir, const char *data_uri, bool by_day,
                     struct hw_data_files *out_files, struct hw_err *err)
{
    const struct hw_duckdb_api *duck = hw_duckdb();
    HW_TRY(append_chunk(rows, err));
    if (rows->appender && duck->appender_flush(rows->appender) == DuckDBError)
        return hw_err_set(err, HW_ERR_FATAL, 0, "DuckDB cannot take rows: %s", duck->appender_error(rows->appender));
    if (!by_day) {
        struct day_facts all;
        merge_days(rows, &all);
        return write_day(rows, data_dir, data_uri, false, false, &all, out_files, err);
    }
    for (size_t i = 0; i < rows->day_count; i++)
        HW_TRY(write_day(rows, data_dir, data_uri, true, rows->day_count > 1, &rows->days[i], out_files, err));
    return 0;
}

int hw_rows_write(struct hw_rows *rows, const char *data_dir, const char *data_uri, bool by_day,
                  struct hw_data_files *out_files, struct hw_err *err)
{
    if (rows->count == 0)
        return 0;
    if (write_all(rows, data_dir, data_uri, by_day, out_files, err) == 0)
        return 0;
    size_t uri_size = strlen(data_uri);
    for (size_t i = 0; i < out_files->count; i++) {
        HW_CLEANUP(hw_freep) char *path = hw_xasprintf("%s%s", data_dir, out_files->items[i].path + uri_size);
        unlink(path);
    }
    hw_data_files_done(out_files);
    return -1;
}
