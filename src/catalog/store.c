/* The SQLite side of the catalog. */
#include "catalog/store.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define CATALOG                                                                                                        \
    "iceberg" /* catalog_name of our rows: what PyIceberg's SqlCatalog("iceberg") and JdbcCatalog look for */

struct hw_store {
    pthread_mutex_t lock; /* guards db */
    sqlite3 *db;
};

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS iceberg_tables(catalog_name VARCHAR(255) NOT NULL, table_namespace VARCHAR(255) NOT "
    "NULL,"
    " table_name VARCHAR(255) NOT NULL, metadata_location VARCHAR(1000), previous_metadata_location VARCHAR(1000),"
    " iceberg_type VARCHAR(5), PRIMARY KEY(catalog_name, table_namespace, table_name));"
    "CREATE TABLE IF NOT EXISTS iceberg_namespace_properties(catalog_name VARCHAR(255) NOT NULL,"
    " namespace VARCHAR(255) NOT NULL, property_key VARCHAR(255), property_value VARCHAR(1000),"
    " PRIMARY KEY(catalog_name, namespace, property_key));";

static int fail(struct hw_store *store, struct hw_err *err)
{
    int code = sqlite3_errcode(store->db);
    bool again = code == SQLITE_BUSY || code == SQLITE_FULL || code == SQLITE_LOCKED;
    return hw_err_set(err, again ? HW_ERR_RETRY : HW_ERR_FATAL, code, "the catalog's database: %s",
                      sqlite3_errmsg(store->db));
}

int hw_store_open(const char *path, struct hw_store **out_store, struct hw_err *err)
{
    struct hw_store *store = hw_xcalloc(1, sizeof(*store));
    pthread_mutex_init(&store->lock, NULL);
    if (sqlite3_open_v2(path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX, NULL) !=
            SQLITE_OK ||
        sqlite3_busy_timeout(store->db, 5000) != SQLITE_OK ||
        sqlite3_exec(store->db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;", NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(store->db, schema, NULL, NULL, NULL) != SQLITE_OK) {
        hw_err_set(err, HW_ERR_CONFIG, sqlite3_errcode(store->db), "cannot open the catalog's database %s: %s", path,
                   sqlite3_errmsg(store->db));
        hw_store_close(store);
        return -1;
    }
    *out_store = store;
    return 0;
}

struct hw_store *hw_store_close(struct hw_store *store)
{
    if (!store)
        return NULL;
    sqlite3_close_v2(store->db);
    pthread_mutex_destroy(&store->lock);
    free(store);
    return NULL;
}

/* --- Statements. All of these run under the lock. ------------------------------------------------------------------ */
/* Binds the texts (NULL = SQL NULL) after the catalog's name as ?1. */
static int prepare(struct hw_store *store, const char *sql, const char *const *texts, size_t count, sqlite3_stmt **out,
                   struct hw_err *err)
{
    if (sqlite3_prepare_v2(store->db, sql, -1, out, NULL) != SQLITE_OK)
        return fail(store, err);
    sqlite3_bind_text(*out, 1, CATALOG, -1, SQLITE_STATIC);
    for (size_t i = 0; i < count; i++)
        sqlite3_bind_text(*out, (int)i + 2, texts[i], -1, SQLITE_TRANSIENT);
    return 0;
}

static void finalize(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}

/* Number of rows changed. */
static int change(struct hw_store *store, const char *sql, const char *const *texts, size_t count, struct hw_err *err)
{
    HW_CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    HW_TRY(prepare(store, sql, texts, count, &statement, err));
    if (sqlite3_step(statement) != SQLITE_DONE)
        return fail(store, err);
    return sqlite3_changes(store->db);
}
#define TEXTS(...) (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)

static int each(struct hw_store *store, const char *sql, const char *const *texts, size_t count, hw_store_visit visit,
                void *arg, struct hw_err *err)
{
    HW_CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    HW_TRY(prepare(store, sql, texts, count, &statement, err));
    int result;
    while ((result = sqlite3_step(statement)) == SQLITE_ROW)
        visit((const char *)sqlite3_column_text(statement, 0), (const char *)sqlite3_column_text(statement, 1), arg);
    return result == SQLITE_DONE ? 0 : fail(store, err);
}

static int begin(struct hw_store *store, struct hw_err *err)
{
    pthread_mutex_lock(&store->lock);
    if (sqlite3_exec(store->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK)
        return 0;
    fail(store, err);
    pthread_mutex_unlock(&store->lock);
    return -1;
}

/* Commits on result 0, else rolls back; gives result on. */
static int end(struct hw_store *store, int result, struct hw_err *err)
{
    if (result == 0 && sqlite3_exec(store->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
        result = fail(store, err);
    if (result != 0)
        sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    pthread_mutex_unlock(&store->lock);
    return result;
}

/* --- Namespaces ---------------------------------------------------------------------------------------------------- */
/* A namespace is there when it has properties or tables (as the shared layout has it). */
#define SPACES                                                                                                         \
    "SELECT namespace AS n FROM iceberg_namespace_properties WHERE catalog_name=?1"                                    \
    " UNION SELECT table_namespace AS n FROM iceberg_tables WHERE catalog_name=?1"

static void count_row(const char *a, const char *b, void *arg)
{
    ++*(size_t *)arg;
}

static int space_exists(struct hw_store *store, const char *space, struct hw_err *err)
{
    size_t rows = 0;
    HW_TRY(each(store, "SELECT n, NULL FROM (" SPACES ") WHERE n=?2", TEXTS(space), count_row, &rows, err));
    return rows ? 0 : HW_STORE_MISSING;
}

int hw_store_namespaces(struct hw_store *store, hw_store_visit visit, void *arg, struct hw_err *err)
{
    pthread_mutex_lock(&store->lock);
    int result = each(store, "SELECT n, NULL FROM (" SPACES ") ORDER BY n", NULL, 0, visit, arg, err);
    pthread_mutex_unlock(&store->lock);
    return result;
}

int hw_store_namespace_exists(struct hw_store *store, const char *space, struct hw_err *err)
{
    pthread_mutex_lock(&store->lock);
    int result = space_exists(store, space, err);
    pthread_mutex_unlock(&store->lock);
    return result;
}

int hw_store_properties(struct hw_store *store, const char *space, hw_store_visit visit, void *arg, struct hw_err *err)
{
    pthread_mutex_lock(&store->lock);
    int result = each(store,
                      "SELECT property_key, property_value FROM iceberg_namespace_properties WHERE catalog_name=?1 AND "
                      "namespace=?2 AND property_key<>'exists' ORDER BY 1",
                      TEXTS(space), visit, arg, err);
    pthread_mutex_unlock(&store->lock);
    return result;
}

static int put_pairs(struct hw_store *store, const char *space, const struct hw_store_pair *pairs, size_t count,
                     struct hw_err *err)
{
    for (size_t i = 0; i < count; i++) {
        if (pairs[i].value)
            HW_TRY(change(store, "INSERT OR REPLACE INTO iceberg_namespace_properties VALUES(?1,?2,?3,?4)",
                          TEXTS(space, pairs[i].key, pairs[i].value), err));
        else
            HW_TRY(change(
                store,
                "DELETE FROM iceberg_namespace_properties WHERE catalog_name=?1 AND namespace=?2 AND property_key=?3",
                TEXTS(space, pairs[i].key), err));
    }
    return 0;
}

int hw_store_namespace_create(struct hw_store *store, const char *space, const struct hw_store_pair *pairs,
                              size_t count, struct hw_err *err)
{
    const struct hw_store_pair exists = {"exists", "true"};
    HW_TRY(begin(store, err));
    int result = space_exists(store, space, err);
    if (result == 0)
        result = HW_STORE_EXISTS;
    else if (result == HW_STORE_MISSING)
        result = put_pairs(store, space, &exists, 1, err);
    if (result == 0)
        result = put_pairs(store, space, pairs, count, err);
    return end(store, result, err);
}

int hw_store_namespace_change(struct hw_store *store, const char *space, const struct hw_store_pair *pairs,
                              size_t count, struct hw_err *err)
{
    HW_TRY(begin(store, err));
    int result = space_exists(store, space, err);
    if (result == 0)
        result = put_pairs(store, space, pairs, count, err);
    return end(store, result, err);
}

static int drop_space(struct hw_store *store, const char *space, struct hw_err *err)
{
    size_t tables = 0;
    int result = space_exists(store, space, err);
    if (result != 0)
        return result;
    HW_TRY(each(store,
                "SELECT table_name, NULL FROM iceberg_tables WHERE catalog_name=?1 AND (table_namespace=?2 OR "
                "substr(table_namespace,1,length(?2)+1)=?2||'.') UNION SELECT namespace, NULL FROM "
                "iceberg_namespace_properties WHERE catalog_name=?1 AND substr(namespace,1,length(?2)+1)=?2||'.'",
                TEXTS(space), count_row, &tables, err));
    if (tables)
        return HW_STORE_NOT_EMPTY;
    int changed = change(store, "DELETE FROM iceberg_namespace_properties WHERE catalog_name=?1 AND namespace=?2",
                         TEXTS(space), err);
    return changed < 0 ? -1 : 0;
}

int hw_store_namespace_drop(struct hw_store *store, const char *space, struct hw_err *err)
{
    HW_TRY(begin(store, err));
    return end(store, drop_space(store, space, err), err);
}

/* --- Tables -------------------------------------------------------------------------------------------------------- */
#define IS_TABLE " AND (iceberg_type='TABLE' OR iceberg_type IS NULL)"

int hw_store_tables(struct hw_store *store, const char *space, hw_store_visit visit, void *arg, struct hw_err *err)
{
    pthread_mutex_lock(&store->lock);
    int result = each(store,
                      "SELECT table_name, metadata_location FROM iceberg_tables WHERE catalog_name=?1 AND "
                      "(?2 IS NULL OR table_namespace=?2)" IS_TABLE " ORDER BY 1",
                      TEXTS(space), visit, arg, err);
    pthread_mutex_unlock(&store->lock);
    return result;
}

static void keep_location(const char *location, const char *unused, void *arg)
{
    if (location && !*(char **)arg)
        *(char **)arg = hw_xstrdup(location);
}

static int table_location(struct hw_store *store, const char *space, const char *name, char **out, struct hw_err *err)
{
    *out = NULL;
    HW_TRY(each(store,
                "SELECT metadata_location, NULL FROM iceberg_tables WHERE catalog_name=?1 AND table_namespace=?2 AND "
                "table_name=?3" IS_TABLE,
                TEXTS(space, name), keep_location, out, err));
    return *out ? 0 : HW_STORE_MISSING;
}

int hw_store_table_get(struct hw_store *store, const char *space, const char *name, char **out_location,
                       struct hw_err *err)
{
    pthread_mutex_lock(&store->lock);
    int result = table_location(store, space, name, out_location, err);
    pthread_mutex_unlock(&store->lock);
    return result;
}

static int insert_table(struct hw_store *store, const char *space, const char *name, const char *location,
                        struct hw_err *err)
{
    int changed = change(store, "INSERT OR IGNORE INTO iceberg_tables VALUES(?1,?2,?3,?4,NULL,'TABLE')",
                         TEXTS(space, name, location), err);
    return changed < 0 ? -1 : changed == 0 ? HW_STORE_EXISTS : 0;
}

int hw_store_table_create(struct hw_store *store, const char *space, const char *name, const char *location,
                          struct hw_err *err)
{
    HW_TRY(begin(store, err));
    int result = space_exists(store, space, err);
    if (result == 0)
        result = insert_table(store, space, name, location, err);
    return end(store, result, err);
}

int hw_store_table_drop(struct hw_store *store, const char *space, const char *name, struct hw_err *err)
{
    HW_TRY(begin(store, err));
    int changed = change(
        store, "DELETE FROM iceberg_tables WHERE catalog_name=?1 AND table_namespace=?2 AND table_name=?3" IS_TABLE,
        TEXTS(space, name), err);
    return end(store, changed < 0 ? -1 : changed == 0 ? HW_STORE_MISSING : 0, err);
}

static int rename_table(struct hw_store *store, const char *space, const char *name, const char *to_space,
                        const char *to_name, struct hw_err *err)
{
    HW_CLEANUP(hw_freep) char *from = NULL, *to = NULL;
    int result = table_location(store, space, name, &from, err);
    if (result == 0)
        result = space_exists(store, to_space, err);
    if (result != 0)
        return result;
    result = table_location(store, to_space, to_name, &to, err);
    if (result != HW_STORE_MISSING)
        return result < 0 ? -1 : HW_STORE_EXISTS;
    int changed =
        change(store,
               "UPDATE OR IGNORE iceberg_tables SET table_namespace=?4, table_name=?5 WHERE catalog_name=?1 AND "
               "table_namespace=?2 AND table_name=?3",
               TEXTS(space, name, to_space, to_name), err);
    return changed < 0 ? -1 : changed == 0 ? HW_STORE_EXISTS : 0;
}

int hw_store_table_rename(struct hw_store *store, const char *space, const char *name, const char *to_space,
                          const char *to_name, struct hw_err *err)
{
    HW_TRY(begin(store, err));
    return end(store, rename_table(store, space, name, to_space, to_name, err), err);
}

static int swap_one(struct hw_store *store, const struct hw_store_swap *swap, struct hw_err *err)
{
    if (!swap->old_location) {
        int result = space_exists(store, swap->space, err);
        return result ? result : insert_table(store, swap->space, swap->name, swap->new_location, err);
    }
    int changed =
        change(store,
               "UPDATE iceberg_tables SET metadata_location=?4, previous_metadata_location=?5 WHERE catalog_name=?1 "
               "AND table_namespace=?2 AND table_name=?3 AND metadata_location=?5" IS_TABLE,
               TEXTS(swap->space, swap->name, swap->new_location, swap->old_location), err);
    return changed < 0 ? -1 : changed == 0 ? HW_STORE_CHANGED : 0;
}

int hw_store_swap_all(struct hw_store *store, const struct hw_store_swap *swaps, size_t count, struct hw_err *err)
{
    int result = 0;
    HW_TRY(begin(store, err));
    for (size_t i = 0; i < count && result == 0; i++)
        result = swap_one(store, &swaps[i], err);
    return end(store, result, err);
}
