/* From the tables a statement names to views over the Parquet files of their current snapshots. */
#include "warehouse/sql_tables.h"

#include "warehouse/appender.h"
#include "warehouse/manifest.h"
#include "warehouse/sql_value.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALL_TABLES_LIMIT = 200, FILES_LIMIT = 200000 };

void hw_sql_tables_done(struct hw_sql_tables *tables)
{
    hw_names_done(&tables->known);
    hw_names_done(&tables->made);
    hw_names_done(&tables->folders);
}

static bool contains(const struct hw_names *names, const char *name)
{
    for (size_t i = 0; i < names->count; i++)
        if (strcmp(names->items[i], name) == 0)
            return true;
    return false;
}

/* --- One view ------------------------------------------------------------------------------------------------------ */
static int add_files(const char *table, const char *manifest_uri, struct hw_buf *sql, size_t *count, struct hw_err *err)
{
    HW_CLEANUP(hw_buf_done) struct hw_buf body = {0};
    HW_CLEANUP(hw_data_files_done) struct hw_data_files files = {0};
    bool own;
    HW_TRY(hw_uri_read(manifest_uri, &body, err));
    HW_TRY(hw_manifest_read(body.data, body.size, &files, &own, err));
    for (size_t i = 0; i < files.count; i++) {
        const struct hw_data_file *file = &files.items[i];
        const char *path;
        if (file->status == HW_ENTRY_DELETED || file->content != 0)
            continue;
        if (strcasecmp(file->format, "parquet") != 0)
            return hw_err_set(err, HW_ERR_DATA, 0, "table %s has files of the format %s, only Parquet can be read here",
                              table, file->format);
        if (++*count > FILES_LIMIT)
            return hw_err_set(err, HW_ERR_DATA, 0, "table %s has more than %d files: compact it first", table,
                              FILES_LIMIT);
        HW_TRY(hw_uri_to_path(file->path, &path, err));
        if (*count > 1)
            hw_buf_add_char(sql, ',');
        hw_sql_quote(sql, '\'', path);
    }
    return 0;
}

static int list_files(const char *table, const struct hw_table_view *view, struct hw_buf *sql, size_t *count,
                      struct hw_err *err)
{
    HW_CLEANUP(hw_buf_done) struct hw_buf body = {0};
    HW_CLEANUP(hw_manifests_done) struct hw_manifests list = {0};
    const char *uri = hw_json_str(view->snapshot, "manifest-list");
    if (!view->snapshot)
        return 0;
    if (!uri)
        return hw_err_set(err, HW_ERR_DATA, 0, "table %s has a snapshot without a manifest list", table);
    HW_TRY(hw_uri_read(uri, &body, err));
    HW_TRY(hw_manifest_list_read(body.data, body.size, &list, err));
    for (size_t i = 0; i < list.count; i++) {
        const struct hw_manifest *m = &list.items[i];
        if (m->content != 0 && m->added_files + m->existing_files > 0)
            return hw_err_set(
                err, HW_ERR_DATA, 0,
                "table %s has deleted rows in delete files, which cannot be applied here: rewrite it with the engine "
                "that deleted them",
                table);
        if (m->content == 0 && m->added_files + m->existing_files > 0)
            HW_TRY(add_files(table, m->path, sql, count, err));
    }
    return 0;
}

/* Columns are found by field id, so renamed and added ones read right from old files as well. */
static int add_columns(const char *table, const struct hw_table_view *view, bool with_files, struct hw_buf *out,
                       bool *by_id, struct hw_err *err)
{
    size_t i, max;
    yyjson_val *field;
    *by_id = true;
    yyjson_arr_foreach(yyjson_obj_get(view->schema, "fields"), i, max, field) {
        const char *name = hw_json_str(field, "name");
        HW_CLEANUP(hw_buf_done) struct hw_buf type = {0};
        bool nested;
        if (!name || !hw_sql_iceberg_type(yyjson_obj_get(field, "type"), &type, &nested))
            return hw_err_set(err, HW_ERR_DATA, 0, "column \"%.100s\" of table %s has a type that cannot be read here",
                              name ? name : "", table);
        *by_id &= !nested;
        hw_buf_add_str(out, i ? ", " : "");
        if (with_files) {
            hw_buf_printf(out, "%d: {name: ", (int)hw_json_int(field, "id", 0));
            hw_sql_quote(out, '\'', name);
            hw_buf_printf(out, ", type: '%s', default_value: NULL}", hw_buf_str(&type));
        } else {
            hw_buf_printf(out, "CAST(NULL AS %s) AS ", hw_buf_str(&type));
            hw_sql_quote(out, '"', name);
        }
    }
    return 0;
}

static int create_view(struct hw_sql_tables *tables, const char *table, const struct hw_table_view *view,
                       struct hw_err *err)
{
    HW_CLEANUP(hw_buf_done) struct hw_buf files = {0}, columns = {0}, sql = {0};
    size_t count = 0;
    bool by_id;
    const char *dot = strrchr(table, '.'), *folder;
    HW_CLEANUP(hw_freep) char *space = hw_xstrndup(table, (size_t)(dot - table));
    HW_TRY(list_files(table, view, &files, &count, err));
    HW_TRY(add_columns(table, view, count > 0, &columns, &by_id, err));
    HW_TRY(hw_uri_to_path(view->location, &folder, err));
    hw_names_add(&tables->folders, folder);
    hw_buf_add_str(&sql, "CREATE SCHEMA IF NOT EXISTS ");
    hw_sql_quote(&sql, '"', space);
    hw_buf_add_str(&sql, "; CREATE VIEW ");
    hw_sql_quote(&sql, '"', space);
    hw_buf_add_char(&sql, '.');
    hw_sql_quote(&sql, '"', dot + 1);
    if (count == 0)
        hw_buf_printf(&sql, " AS SELECT %s LIMIT 0", hw_buf_str(&columns));
    else if (by_id)
        hw_buf_printf(&sql, " AS SELECT * FROM read_parquet([%s], schema = MAP {%s})", hw_buf_str(&files),
                      hw_buf_str(&columns));
    else
        hw_buf_printf(&sql, " AS SELECT * FROM read_parquet([%s], union_by_name = true, hive_partitioning = false)",
                      hw_buf_str(&files));
    return hw_duckdb_exec(tables->con, hw_buf_str(&sql), err);
}

static void view_done(struct hw_table_view *view)
{
    hw_table_view_done(view);
}

/* HW_ERR_DATA with code 404 when it is not there. A commit may remove a manifest while we read: then look again. */
static int make_table(struct hw_sql_tables *tables, const char *table, struct hw_err *err)
{
    struct hw_table_name name;
    if (contains(&tables->made, table))
        return 0;
    if (hw_table_name_any(table, &name) < 0)
        return hw_err_set(err, HW_ERR_DATA, 404, "there is no table \"%.200s\"", table);
    for (int round = 0;; round++) {
        yyjson_doc *doc = NULL;
        HW_CLEANUP(view_done) struct hw_table_view view = {0};
        HW_TRY(hw_catalog_load(tables->client, &name, false, &doc, err));
        HW_TRY(hw_table_view_init(&view, doc, err));
        if (create_view(tables, table, &view, err) == 0)
            break;
        if (round == 2)
            return -1;
    }
    hw_names_add(&tables->made, table);
    return 0;
}

/* --- Names --------------------------------------------------------------------------------------------------------- */
static int list_known(struct hw_sql_tables *tables, struct hw_err *err)
{
    if (tables->listed)
        return 0;
    HW_TRY(hw_catalog_list(tables->client, &tables->known, err));
    tables->listed = true;
    return 0;
}

/* Parts of "a"."b" AS c, quotes taken off. Returns how many, at most 4. */
static size_t split_name(const char *s, char parts[4][256])
{
    size_t count = 0;
    while (*s && count < 4) {
        size_t size = 0;
        bool quoted = *s == '"';
        for (s += quoted; *s; s++) {
            if (quoted && *s == '"' && *++s != '"')
                break;
            if (!quoted && (*s == '.' || *s == ' '))
                break;
            if (size < 255)
                parts[count][size++] = *s;
        }
        parts[count++][size] = 0;
        if (*s != '.')
            break;
        s++;
    }
    return count;
}

static bool built_in(const char *space)
{
    static const char *const spaces[] = {"information_schema", "pg_catalog", "main", "system", "temp"};
    for (size_t i = 0; i < HW_ARRAY_SIZE(spaces); i++)
        if (strcasecmp(spaces[i], space) == 0)
            return true;
    return false;
}

static int no_such_table(struct hw_sql_tables *tables, const char *asked, struct hw_err *err)
{
    HW_CLEANUP(hw_freep) const char **words = hw_xcalloc(tables->known.count * 2 + 1, sizeof(*words));
    size_t count = 0;
    for (size_t i = 0; i < tables->known.count; i++)
        words[count++] = strchr(asked, '.') ? tables->known.items[i] : strrchr(tables->known.items[i], '.') + 1;
    const char *near = hw_nearest(asked, words);
    if (!near && count > 0) { /* right table, other namespace? */
        const char *last = strrchr(asked, '.') ? strrchr(asked, '.') + 1 : asked;
        for (size_t i = 0; i < count && !near; i++)
            if (strcasecmp(strrchr(tables->known.items[i], '.') + 1, last) == 0)
                near = tables->known.items[i];
    }
    if (near) {
        for (size_t i = 0; i < tables->known.count; i++)
            if (near == words[i])
                near = tables->known.items[i];
        return hw_err_set(err, HW_ERR_DATA, 404, "there is no table \"%.200s\"; did you mean \"%.200s\"?", asked, near);
    }
    return hw_err_set(err, HW_ERR_DATA, 404, "there is no table \"%.200s\"%s%.200s", asked,
                      tables->known.count ? "; there is, for one, " : ": there are no tables yet",
                      tables->known.count ? tables->known.items[0] : "");
}

/* "clicks" alone: fine when just one namespace has it. */
static int make_unqualified(struct hw_sql_tables *tables, const char *asked, struct hw_err *err)
{
    const char *found = NULL;
    HW_TRY(list_known(tables, err));
    for (size_t i = 0; i < tables->known.count; i++) {
        if (strcasecmp(strrchr(tables->known.items[i], '.') + 1, asked) != 0)
            continue;
        if (found)
            return hw_err_set(err, HW_ERR_DATA, 0, "table \"%.100s\" is not unique: say %.100s or %.100s", asked, found,
                              tables->known.items[i]);
        found = tables->known.items[i];
    }
    if (!found)
        return strncasecmp(asked, "duckdb_", 7) == 0 || strncasecmp(asked, "pg_", 3) == 0 ||
                       strncasecmp(asked, "sqlite_", 7) == 0
                   ? 0
                   : no_such_table(tables, asked, err);
    HW_TRY(make_table(tables, found, err));
    HW_CLEANUP(hw_buf_done) struct hw_buf sql = {0};
    const char *dot = strrchr(found, '.');
    HW_CLEANUP(hw_freep) char *space = hw_xstrndup(found, (size_t)(dot - found));
    hw_buf_add_str(&sql, "CREATE VIEW IF NOT EXISTS main.");
    hw_sql_quote(&sql, '"', dot + 1);
    hw_buf_add_str(&sql, " AS SELECT * FROM ");
    hw_sql_quote(&sql, '"', space);
    hw_buf_add_char(&sql, '.');
    hw_sql_quote(&sql, '"', dot + 1);
    return hw_duckdb_exec(tables->con, hw_buf_str(&sql), err);
}

static int make_named(struct hw_sql_tables *tables, const char *qualified, struct hw_err *err)
{
    char parts[4][256];
    size_t count = split_name(qualified, parts), first = count == 3 && strcasecmp(parts[0], "memory") == 0;
    if (count - first == 1)
        return make_unqualified(tables, parts[first], err);
    if (count - first == 2 && built_in(parts[first]))
        return 0;
    HW_CLEANUP(hw_buf_done) struct hw_buf name = {0};
    for (size_t i = first; i < count; i++)
        hw_buf_printf(&name, "%s%s", i > first ? "." : "", parts[i]);
    const char *asked = hw_buf_str(&name);
    if (make_table(tables, asked, err) == 0)
        return 0;
    if (err->code != 404)
        return -1;
    HW_TRY(list_known(tables, err));
    for (size_t i = 0; i < tables->known.count; i++) /* SQL does not mind upper and lower case */
        if (strcasecmp(tables->known.items[i], asked) == 0)
            return make_table(tables, tables->known.items[i], err);
    return no_such_table(tables, asked, err);
}

static int make_all(struct hw_sql_tables *tables, struct hw_err *err)
{
    HW_TRY(list_known(tables, err));
    for (size_t i = 0; i < tables->known.count && i < ALL_TABLES_LIMIT; i++)
        if (make_table(tables, tables->known.items[i], err) < 0 && err->code != 404) /* 404: dropped meanwhile */
            return -1;
    return 0;
}

int hw_sql_tables_for(struct hw_sql_tables *tables, const char *sql, struct hw_err *err)
{
    const struct hw_duckdb_api *duck = hw_duckdb();
    duckdb_value names = duck->get_table_names(tables->con, sql, true);
    idx_t count = names ? duck->get_list_size(names) : 0;
    int result = 0;
    bool unclear = !names || count == 0; /* SHOW TABLES, information_schema…: the statement may look at any */
    for (idx_t i = 0; i < count && result == 0; i++) {
        duckdb_value item = duck->get_list_child(names, i);
        char *name = duck->get_varchar(item);
        result = make_named(tables, name ? name : "", err);
        unclear |= name && strcasestr(name, "duckdb_") == name;
        duck->free(name);
        duck->destroy_value(&item);
    }
    if (names)
        duck->destroy_value(&names);
    if (result == 0 && unclear)
        result = make_all(tables, err);
    return result;
}
