/* SQL over the current snapshots, in a database of its own for each statement.
 *
 * The fence: only one statement of type SELECT (DESCRIBE and SHOW are such) is run; by then the database may read only
 * the folders of the tables named, load no extension, reach no network, and its settings are locked. Memory, time and
 * rows are limited. */
#include "warehouse/sql_tables.h"
#include "warehouse/sql_value.h"
#include "warehouse/warehouse.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    AT_ONCE = 8,
    DEFAULT_TIMEOUT_MS = 30000,
    DEFAULT_ROWS = 10000,
    DEFAULT_MEMORY_MB = 512,
    STATEMENT_LIMIT = 1024 * 1024,
    ANSWER_LIMIT = 64 * 1024 * 1024
};

/* --- How many run -------------------------------------------------------------------------------------------------- */
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER; /* guards running */
static int running;

static int take_slot(struct hw_err *err)
{
    pthread_mutex_lock(&slots_lock);
    bool free_slot = running < AT_ONCE;
    running += free_slot;
    pthread_mutex_unlock(&slots_lock);
    return free_slot
               ? 0
               : hw_err_set(err, HW_ERR_RETRY, 0, "%d queries are running already: try again in a moment", AT_ONCE);
}

static void give_slot(void)
{
    pthread_mutex_lock(&slots_lock);
    running--;
    pthread_mutex_unlock(&slots_lock);
}

/* --- Time limit ---------------------------------------------------------------------------------------------------- */
struct watch {
    pthread_t thread;
    pthread_mutex_t lock; /* guards over, late */
    pthread_cond_t changed;
    duckdb_connection con;
    struct timespec deadline;
    bool started, over, late;
};

static void *watch_run(void *arg)
{
    struct watch *watch = arg;
    pthread_mutex_lock(&watch->lock);
    while (!watch->over) {
        if (pthread_cond_timedwait(&watch->changed, &watch->lock, &watch->deadline) != ETIMEDOUT)
            continue;
        watch->late = true;
        hw_duckdb()->interrupt(watch->con);
        watch->deadline.tv_nsec += 50000000; /* again, in case it was between two steps */
        watch->deadline.tv_sec += watch->deadline.tv_nsec / 1000000000;
        watch->deadline.tv_nsec %= 1000000000;
    }
    pthread_mutex_unlock(&watch->lock);
    return NULL;
}

static void watch_start(struct watch *watch, duckdb_connection con, int timeout_ms)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&watch->changed, &attr);
    pthread_condattr_destroy(&attr);
    pthread_mutex_init(&watch->lock, NULL);
    watch->con = con;
    clock_gettime(CLOCK_MONOTONIC, &watch->deadline);
    watch->deadline.tv_sec += timeout_ms / 1000;
    watch->deadline.tv_nsec += (long)(timeout_ms % 1000) * 1000000;
    watch->deadline.tv_sec += watch->deadline.tv_nsec / 1000000000;
    watch->deadline.tv_nsec %= 1000000000;
    watch->started = pthread_create(&watch->thread, NULL, watch_run, watch) == 0;
}

static bool watch_late(struct watch *watch)
{
    pthread_mutex_lock(&watch->lock);
    bool late = watch->late;
    pthread_mutex_unlock(&watch->lock);
    return late;
}

static void watch_stop(struct watch *watch)
{
    pthread_mutex_lock(&watch->lock);
    watch->over = true;
    pthread_cond_signal(&watch->changed);
    pthread_mutex_unlock(&watch->lock);
    if (watch->started)
        pthread_join(watch->thread, NULL);
    pthread_cond_destroy(&watch->changed);
    pthread_mutex_destroy(&watch->lock);
}

/* --- One query ----------------------------------------------------------------------------------------------------- */
struct query {
    const struct hw_sql_options *options;
    int timeout_ms;
    size_t max_rows, memory_mb;
    duckdb_database db;
    duckdb_connection con;
    duckdb_extracted_statements extracted;
    duckdb_prepared_statement prepared;
    duckdb_pending_result pending;
    duckdb_result result;
    bool has_result;
    struct hw_sql_tables tables;
    struct watch watch;
    bool watched;
};

static void query_done(struct query *q)
{
    const struct hw_duckdb_api *duck = hw_duckdb();
    if (q->watched)
        watch_stop(&q->watch);
    if (q->has_result)
        duck->destroy_result(&q->result);
    if (q->pending)
        duck->destroy_pending(&q->pending);
    if (q->prepared)
        duck->destroy_prepare(&q->prepared);
    if (q->extracted)
        duck->destroy_extracted(&q->extracted);
    hw_duckdb_close(&q->db, &q->con);
    hw_sql_tables_done(&q->tables);
    hw_catalog_client_close(q->tables.client);
}

/* DuckDB's own words on one line; they name the place and often the nearest name. */
static int statement_fault(struct query *q, const char *text, struct hw_err *err)
{
    char line[400];
    size_t size = 0;
    if (q->watched && watch_late(&q->watch))
        return hw_err_set(err, HW_ERR_DATA, 408,
                          "the query took longer than %d ms: ask for less, or raise the time limit", q->timeout_ms);
    for (const char *p = text ? text : "no reason given"; *p && size + 1 < sizeof(line); p++) {
        char c = (unsigned char)*p < 0x20 ? ' ' : *p;
        if (c != ' ' || (size > 0 && line[size - 1] != ' '))
            line[size++] = c;
    }
    line[size] = 0;
    if (strncmp(line, "Out of Memory", 13) == 0)
        return hw_err_set(err, HW_ERR_DATA, 413, "the query needs more than its %zu MB of memory: ask for less",
                          q->memory_mb);
    return hw_err_set(err, HW_ERR_DATA, 0, "%s", line);
}

static int open_query(struct query *q, struct hw_err *err)
{
    char memory[32];
    snprintf(memory, sizeof(memory), "%zuMB", q->memory_mb);
    const struct hw_duckdb_setting settings[] = {
        {"memory_limit", memory}, {"temp_directory", ""}, {"threads", "2"}, {NULL, NULL}};
    HW_TRY(hw_duckdb_open(settings, &q->db, &q->con, err));
    watch_start(&q->watch, q->con, q->timeout_ms);
    q->watched = true;
    HW_TRY(hw_catalog_client_open(q->options->catalog_uri, &q->tables.client, err));
    q->tables.con = q->con;
    return 0;
}

static const char only_reading[] = "only one reading statement is run here: SELECT, WITH, DESCRIBE or SHOW";

static int parse(struct query *q, const char *sql, struct hw_err *err)
{
    const struct hw_duckdb_api *duck = hw_duckdb();
    if (strlen(sql) > STATEMENT_LIMIT)
        return hw_err_set(err, HW_ERR_DATA, 413, "the statement is longer than %d bytes", STATEMENT_LIMIT);
    idx_t count = duck->extract_statements(q->con, sql, &q->extracted);
    const char *fault = count == 0 ? duck->extract_statements_error(q->extracted) : NULL;
    if (fault && *fault)
        return statement_fault(q, fault, err);
    if (count == 0)
        return hw_err_set(err, HW_ERR_DATA, 0,
                          "there is no statement: write one, as in SELECT * FROM events.clicks LIMIT 10");
    if (count > 1)
        return hw_err_set(err, HW_ERR_DATA, 0, "%s (these are %d)", only_reading, (int)count);
    return 0;
}

static int close_fence(struct query *q, struct hw_err *err)
{
    HW_CLEANUP(hw_buf_done) struct hw_buf sql = {0};
    hw_buf_add_str(&sql, "SET allowed_directories = [");
    for (size_t i = 0; i < q->tables.folders.count; i++) {
        hw_buf_add_str(&sql, i ? "," : "");
        hw_sql_quote(&sql, '\'', q->tables.folders.items[i]);
    }
    hw_buf_add_str(&sql, "]; SET enable_external_access = false; SET lock_configuration = true");
    return hw_duckdb_exec(q->con, hw_buf_str(&sql), err);
}

/* The first words decide before anything is bound: preparing already looks at files. */
static bool begins_as_reading(const char *sql)
{
    static const char *const others[] = {"copy",    "create",  "insert",  "update", "delete",  "drop",   "alter",
                                         "attach",  "detach",  "install", "load",   "set",     "reset",  "pragma",
                                         "call",    "export",  "import",  "use",    "begin",   "commit", "vacuum",
                                         "explain", "prepare", "execute", "merge",  "truncate"};
    while (*sql && strchr(" \t\r\n(", *sql))
        sql++;
    for (size_t i = 0; i < HW_ARRAY_SIZE(others); i++) {
        size_t size = strlen(others[i]);
        if (strncasecmp(sql, others[i], size) == 0 && !((sql[size] | 32) >= 'a' && (sql[size] | 32) <= 'z') &&
            sql[size] != '_')
            return false;
    }
    return true;
}

/* DuckDB's SHOW TABLES knows one schema only; every table lives in a namespace of its own. */
static const char *rewrite(const char *sql)
{
    char words[32];
    size_t size = 0;
    for (const char *p = sql; *p; p++) {
        bool blank = strchr(" \t\r\n;", *p) != NULL;
        if (size + 2 > sizeof(words))
            return sql;
        if (!blank)
            words[size++] = *p;
        else if (size > 0 && words[size - 1] != ' ')
            words[size++] = ' ';
    }
    while (size > 0 && words[size - 1] == ' ')
        size--;
    words[size] = 0;
    return strcasecmp(words, "show tables") == 0
               ? "SELECT schema || '.' || name AS name FROM (SHOW ALL TABLES) ORDER BY 1"
               : sql;
}

static int execute(struct query *q, struct hw_err *err)
{
    const struct hw_duckdb_api *duck = hw_duckdb();
    if (duck->prepare_extracted_statement(q->con, q->extracted, 0, &q->prepared) == DuckDBError)
        return statement_fault(q, duck->prepare_error(q->prepared), err);
    if (duck->prepared_statement_type(q->prepared) != DUCKDB_STATEMENT_TYPE_SELECT)
        return hw_err_set(err, HW_ERR_DATA, 0, "%s", only_reading);
    if (duck->pending_prepared_streaming(q->prepared, &q->pending) == DuckDBError)
        return statement_fault(q, duck->pending_error(q->pending), err);
    q->has_result = true;
    if (duck->execute_pending(q->pending, &q->result) == DuckDBError)
        return statement_fault(q, duck->result_error(&q->result), err);
    return 0;
}

/* --- The answer ---------------------------------------------------------------------------------------------------- */
static int add_columns(struct query *q, duckdb_logical_type *types, idx_t count, struct hw_buf *out, struct hw_err *err)
{
    const struct hw_duckdb_api *duck = hw_duckdb();
    hw_buf_add_str(out, "{\"columns\":[");
    for (idx_t i = 0; i < count; i++) {
        HW_CLEANUP(hw_buf_done) struct hw_buf type = {0};
        const char *name = duck->column_name(&q->result, i);
        types[i] = duck->column_logical_type(&q->result, i);
        if (!hw_sql_type_name(types[i], &type))
            return hw_err_set(err, HW_ERR_DATA, 0,
                              "column \"%.100s\" has a type that cannot be shown: cast it, as in %.100s::VARCHAR", name,
                              name);
        hw_buf_add_str(out, i ? ",{\"name\":" : "{\"name\":");
        hw_buf_add_json_str(out, name, strlen(name));
        hw_buf_add_str(out, ",\"type\":");
        hw_buf_add_json_str(out, (const char *)type.data, type.size);
        hw_buf_add_char(out, '}');
    }
    hw_buf_add_str(out, "],\"rows\":[");
    return 0;
}

static int add_rows(struct query *q, duckdb_logical_type *types, idx_t columns, struct hw_buf *out, bool *truncated,
                    struct hw_err *err)
{
    const struct hw_duckdb_api *duck = hw_duckdb();
    size_t begun = out->size, rows = 0;
    *truncated = false;
    while (!*truncated) {
        duckdb_data_chunk chunk = duck->fetch_chunk(q->result);
        if (!chunk)
            break;
        idx_t size = duck->data_chunk_get_size(chunk);
        for (idx_t row = 0; row < size && !*truncated; row++) {
            if (rows == q->max_rows || out->size - begun > ANSWER_LIMIT) {
                *truncated = true;
                break;
            }
            hw_buf_add_str(out, rows++ ? ",[" : "[");
            for (idx_t column = 0; column < columns; column++) {
                if (column)
                    hw_buf_add_char(out, ',');
                hw_sql_value_json(duck->data_chunk_get_vector(chunk, column), types[column], row, out);
            }
            hw_buf_add_char(out, ']');
        }
        duck->destroy_data_chunk(&chunk);
        if (size == 0)
            break;
    }
    const char *fault = duck->result_error(&q->result);
    if (!*truncated && ((fault && *fault) || watch_late(&q->watch)))
        return statement_fault(q, fault, err);
    return 0;
}

static int answer(struct query *q, int64_t begun_us, struct hw_buf *out, struct hw_err *err)
{
    const struct hw_duckdb_api *duck = hw_duckdb();
    idx_t count = duck->column_count(&q->result);
    duckdb_logical_type *types = hw_xcalloc(count + 1, sizeof(*types));
    bool truncated = false;
    int result = add_columns(q, types, count, out, err);
    if (result == 0)
        result = add_rows(q, types, count, out, &truncated, err);
    for (idx_t i = 0; i < count; i++)
        if (types[i])
            duck->destroy_logical_type(&types[i]);
    free(types);
    hw_buf_printf(out, "],\"truncated\":%s,\"elapsed_ms\":%" PRId64 "}", truncated ? "true" : "false",
                  (hw_mono_us() - begun_us) / 1000);
    return result;
}

static int run(struct query *q, const char *sql, struct hw_buf *out, struct hw_err *err)
{
    int64_t begun_us = hw_mono_us();
    HW_TRY(open_query(q, err));
    HW_TRY(parse(q, sql, err));
    if (!begins_as_reading(sql))
        return hw_err_set(err, HW_ERR_DATA, 0, "%s", only_reading);
    HW_TRY(hw_sql_tables_for(&q->tables, sql, err));
    HW_TRY(close_fence(q, err));
    HW_TRY(execute(q, err));
    return answer(q, begun_us, out, err);
}

int hw_sql_run(const struct hw_sql_options *options, const char *sql, struct hw_buf *out, struct hw_err *err)
{
    struct hw_err local = {0};
    err = err ? err : &local;
    struct query q = {.options = options,
                      .timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : DEFAULT_TIMEOUT_MS,
                      .max_rows = options->max_rows ? options->max_rows : DEFAULT_ROWS,
                      .memory_mb = options->memory_limit_mb ? options->memory_limit_mb : DEFAULT_MEMORY_MB};
    size_t begun = out->size;
    HW_TRY(hw_duckdb_load(err));
    HW_TRY(take_slot(err));
    int result = run(&q, rewrite(sql), out, err);
    query_done(&q);
    give_slot();
    if (result < 0)
        out->size = begun;
    return result;
}

/* --- The list of tables -------------------------------------------------------------------------------------------- */
static void add_table(const char *name, const struct hw_table_view *view, struct hw_buf *out)
{
    yyjson_val *summary = yyjson_obj_get(view->snapshot, "summary"), *field;
    size_t i, max;
    hw_buf_add_str(out, "{\"name\":");
    hw_buf_add_json_str(out, name, strlen(name));
    hw_buf_add_str(out, ",\"columns\":[");
    yyjson_arr_foreach(yyjson_obj_get(view->schema, "fields"), i, max, field) {
        HW_CLEANUP(hw_buf_done) struct hw_buf type = {0};
        const char *column = hw_json_str(field, "name");
        bool nested;
        if (!hw_sql_iceberg_type(yyjson_obj_get(field, "type"), &type, &nested)) {
            hw_buf_clear(&type);
            hw_buf_add_str(&type, "UNKNOWN");
        }
        hw_buf_add_str(out, i ? ",{\"name\":" : "{\"name\":");
        hw_buf_add_json_str(out, column ? column : "", column ? strlen(column) : 0);
        hw_buf_add_str(out, ",\"type\":");
        hw_buf_add_json_str(out, (const char *)type.data, type.size);
        hw_buf_add_char(out, '}');
    }
    const char *rows = hw_json_str(summary, "total-records"), *files = hw_json_str(summary, "total-data-files");
    const char *bytes = hw_json_str(summary, "total-files-size");
    hw_buf_printf(out, "],\"rows\":\"%" PRId64 "\",\"files\":%" PRId64 ",\"bytes\":\"%" PRId64 "\"",
                  rows ? (int64_t)atoll(rows) : 0, files ? (int64_t)atoll(files) : 0,
                  bytes ? (int64_t)atoll(bytes) : 0);
    if (view->snapshot) {
        char text[28];
        hw_time_format_us(hw_json_int(view->snapshot, "timestamp-ms", 0) * 1000, text);
        hw_buf_printf(out, ",\"snapshot_id\":\"%" PRId64 "\",\"last_commit\":\"%s\"}", view->snapshot_id, text);
    } else {
        hw_buf_add_str(out, ",\"snapshot_id\":null,\"last_commit\":null}");
    }
}

static int list_tables(struct hw_catalog_client *client, struct hw_buf *out, struct hw_err *err)
{
    HW_CLEANUP(hw_names_done) struct hw_names names = {0};
    bool first = true;
    HW_TRY(hw_catalog_list(client, &names, err));
    hw_buf_add_char(out, '[');
    for (size_t i = 0; i < names.count; i++) {
        struct hw_table_name name;
        struct hw_table_view view;
        yyjson_doc *doc = NULL;
        if (hw_table_name_any(names.items[i], &name) < 0)
            continue;
        if (hw_catalog_load(client, &name, false, &doc, err) < 0) {
            if (err->code == 404) /* dropped meanwhile */
                continue;
            return -1;
        }
        HW_TRY(hw_table_view_init(&view, doc, err));
        if (!first)
            hw_buf_add_char(out, ',');
        first = false;
        add_table(names.items[i], &view, out);
        hw_table_view_done(&view);
    }
    hw_buf_add_char(out, ']');
    return 0;
}

int hw_tables_list(const char *catalog_uri, struct hw_buf *out, struct hw_err *err)
{
    struct hw_err local = {0};
    err = err ? err : &local;
    HW_CLEANUP(hw_catalog_client_closep) struct hw_catalog_client *client = NULL;
    size_t begun = out->size;
    HW_TRY(hw_catalog_client_open(catalog_uri, &client, err));
    int result = list_tables(client, out, err);
    if (result < 0)
        out->size = begun;
    return result;
}
