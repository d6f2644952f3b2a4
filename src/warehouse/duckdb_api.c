/* Finding and loading libduckdb.so. */
#include "warehouse/duckdb_api.h"

#include "base/buf.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static pthread_mutex_t load_lock = PTHREAD_MUTEX_INITIALIZER; /* guards loaded; api is read-only once it is set */
static bool loaded;
static struct hw_duckdb_api api;

static void *open_beside_executable(void)
{
    char path[4096];
    ssize_t size = readlink("/proc/self/exe", path, sizeof(path) - 1);
    if (size <= 0)
        return NULL;
    path[size] = 0;
    char *slash = strrchr(path, '/');
    if (!slash)
        return NULL;
    *slash = 0;
    HW_CLEANUP(hw_freep) char *library = hw_xasprintf("%s/../lib/libduckdb.so", path);
    return dlopen(library, RTLD_NOW | RTLD_LOCAL);
}

static int load(struct hw_err *err)
{
    const char *named = getenv("HIGHWAY_DUCKDB");
    void *library = named && *named ? dlopen(named, RTLD_NOW | RTLD_LOCAL) : open_beside_executable();
    if (!library && !(named && *named))
        library = dlopen(HW_DUCKDB_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return hw_err_set(
            err, HW_ERR_CONFIG, 0,
            "cannot load libduckdb.so: %s; put it into ../lib beside the executable's folder or name it by "
            "the environment variable HIGHWAY_DUCKDB",
            dlerror());
#define HW_DUCKDB_LOAD(name)                                                                                           \
    if (!(*(void **)&api.name = dlsym(library, "duckdb_" #name)))                                                      \
        return hw_err_set(err, HW_ERR_CONFIG, 0,                                                                       \
                          "this libduckdb.so lacks duckdb_" #name ": version 1.5 or newer is needed");
    HW_DUCKDB_FUNCTIONS(HW_DUCKDB_LOAD)
#undef HW_DUCKDB_LOAD
    loaded = true;
    return 0;
}

int hw_duckdb_load(struct hw_err *err)
{
    pthread_mutex_lock(&load_lock);
    int result = loaded ? 0 : load(err);
    pthread_mutex_unlock(&load_lock);
    return result;
}

const struct hw_duckdb_api *hw_duckdb(void)
{
    return &api;
}

int hw_duckdb_open(const struct hw_duckdb_setting *settings, duckdb_database *out_db, duckdb_connection *out_con,
                   struct hw_err *err)
{
    static const struct hw_duckdb_setting always[] = {
        {"autoinstall_known_extensions", "false"}, {"autoload_known_extensions", "false"}, {NULL, NULL}};
    HW_TRY(hw_duckdb_load(err));
    duckdb_config config = NULL;
    char *fault = NULL;
    if (api.create_config(&config) == DuckDBError)
        return hw_err_set(err, HW_ERR_FATAL, 0, "DuckDB gives no configuration");
    const struct hw_duckdb_setting *const lists[] = {always, settings};
    for (size_t i = 0; i < HW_ARRAY_SIZE(lists); i++)
        for (const struct hw_duckdb_setting *s = lists[i]; s->name; s++)
            api.set_config(config, s->name, s->value);
    duckdb_state state = api.open_ext(NULL, out_db, config, &fault);
    api.destroy_config(&config);
    if (state == DuckDBError) {
        hw_err_set(err, HW_ERR_FATAL, 0, "DuckDB does not start: %s", fault ? fault : "no reason given");
        if (fault)
            api.free(fault);
        return -1;
    }
    if (api.connect(*out_db, out_con) == DuckDBError) {
        api.close(out_db);
        return hw_err_set(err, HW_ERR_FATAL, 0, "DuckDB gives no connection");
    }
    if (hw_duckdb_exec(*out_con, "SET GLOBAL TimeZone = 'UTC'", err) < 0) {
        hw_duckdb_close(out_db, out_con);
        return -1;
    }
    return 0;
}

void hw_duckdb_close(duckdb_database *db, duckdb_connection *con)
{
    if (*con)
        api.disconnect(con);
    if (*db)
        api.close(db);
}

int hw_duckdb_exec(duckdb_connection con, const char *sql, struct hw_err *err)
{
    duckdb_result result;
    int outcome = 0;
    if (api.query(con, sql, &result) == DuckDBError) {
        duckdb_error_type type = api.result_error_type(&result); /* a full disk or memory may be free again later */
        enum hw_err_kind kind =
            type == DUCKDB_ERROR_IO || type == DUCKDB_ERROR_OUT_OF_MEMORY ? HW_ERR_RETRY : HW_ERR_FATAL;
        outcome = hw_err_set(err, kind, (int)type, "DuckDB: %s", api.result_error(&result));
    }
    api.destroy_result(&result);
    return outcome;
}
