/* The catalog role: an Iceberg REST catalog over SQLite and a folder. */
#include "catalog/catalog.h"

#include "base/fs.h"
#include "catalog/internal.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static const struct hw_http_route routes[] = {
    {"GET", "/v1/config", hw_on_config, 0},
    {"GET", "/v1/namespaces", hw_on_namespaces_list, HW_HTTP_BLOCKING},
    {"POST", "/v1/namespaces", hw_on_namespaces_create, HW_HTTP_BLOCKING},
    {"GET", "/v1/namespaces/{namespace}", hw_on_namespace_get, HW_HTTP_BLOCKING},
    {"DELETE", "/v1/namespaces/{namespace}", hw_on_namespace_drop, HW_HTTP_BLOCKING},
    {"POST", "/v1/namespaces/{namespace}/properties", hw_on_namespace_properties, HW_HTTP_BLOCKING},
    {"POST", "/v1/namespaces/{namespace}/register", hw_on_table_register, HW_HTTP_BLOCKING},
    {"GET", "/v1/namespaces/{namespace}/tables", hw_on_tables_list, HW_HTTP_BLOCKING},
    {"POST", "/v1/namespaces/{namespace}/tables", hw_on_table_create, HW_HTTP_BLOCKING},
    {"GET", "/v1/namespaces/{namespace}/tables/{table}", hw_on_table_get, HW_HTTP_BLOCKING},
    {"POST", "/v1/namespaces/{namespace}/tables/{table}", hw_on_table_commit, HW_HTTP_BLOCKING},
    {"DELETE", "/v1/namespaces/{namespace}/tables/{table}", hw_on_table_drop, HW_HTTP_BLOCKING},
    {"POST", "/v1/namespaces/{namespace}/tables/{table}/metrics", hw_on_table_metrics, 0},
    {"POST", "/v1/tables/rename", hw_on_table_rename, HW_HTTP_BLOCKING},
    {"POST", "/v1/transactions/commit", hw_on_transaction_commit, HW_HTTP_BLOCKING},
    {NULL, NULL, NULL, 0},
};

static void stop(void *self)
{
    struct hw_catalog *catalog = self;
    if (!catalog)
        return;
    hw_http_server_stop(catalog->server);
    hw_store_close(catalog->store);
    for (size_t i = 0; i < HW_CATALOG_STRIPES; i++)
        pthread_mutex_destroy(&catalog->stripes[i]);
    free(catalog->root);
    free(catalog->root_uri);
    free(catalog);
}

/* Folders below data.dir; the warehouse as the absolute path its tables will name for ever. */
static int open_folders(struct hw_catalog *catalog, const char *data_dir, struct hw_err *err)
{
    HW_CLEANUP(hw_freep)
    char *state = hw_xasprintf("%s/catalog", data_dir),
         *tables = hw_xasprintf("%s/warehouse", data_dir);
    HW_CLEANUP(hw_freep) char *database = hw_xasprintf("%s/catalog.db", state);
    HW_TRY(hw_fs_mkdirs(state, err));
    HW_TRY(hw_fs_mkdirs(tables, err));
    catalog->root = realpath(tables, NULL);
    if (!catalog->root || strpbrk(catalog->root, "?#%"))
        return hw_err_set(err, HW_ERR_CONFIG, 0,
                          "data.dir %s has a character (?, # or %%) that table locations cannot have: "
                          "choose another folder",
                          data_dir);
    catalog->root_uri = hw_xasprintf("file://%s", catalog->root);
    return hw_store_open(database, &catalog->store, err);
}

static int start(const struct hw_settings *settings, void **out_self, struct hw_err *err)
{
    const struct hw_config *config = hw_settings_section(settings, "catalog");
    struct hw_catalog *catalog = hw_xcalloc(1, sizeof(*catalog));
    for (size_t i = 0; i < HW_CATALOG_STRIPES; i++)
        pthread_mutex_init(&catalog->stripes[i], NULL);
    const struct hw_http_server_options options = {
        .host = hw_config_str(config, "listen.host"),
        .port = hw_settings_port(settings, (int)hw_config_int(config, "listen.port")),
        .loops = 1,
        .max_body_bytes = (size_t)hw_config_int(config, "max.body.bytes"),
        .server_name = "catalog",
        .routes = routes,
        .arg = catalog,
    };
    if (open_folders(catalog, hw_settings_data_dir(settings), err) < 0 ||
        hw_http_server_start(&options, &catalog->server, err) < 0) {
        stop(catalog);
        return -1;
    }
    hw_http_server_set_ready(catalog->server, true, NULL);
    *out_self = catalog;
    return 0;
}

static const struct hw_config_field fields[] = {
    {.name = "listen.host",
     .type = HW_CONFIG_STRING,
     .default_value = "127.0.0.1",
     .importance = HW_CONFIG_MEDIUM,
     .doc = "Address to listen on. The catalog has no log-in: keep it on loopback or behind a proxy."},
    {.name = "listen.port",
     .type = HW_CONFIG_INT,
     .default_value = "8181",
     .importance = HW_CONFIG_MEDIUM,
     .min = 1,
     .max = 65535,
     .doc = "Port of the Iceberg REST catalog, before port.offset is added."},
    {.name = "max.body.bytes",
     .type = HW_CONFIG_INT,
     .default_value = "16777216",
     .unit = "bytes",
     .importance = HW_CONFIG_LOW,
     .min = 65536,
     .max = 1073741824,
     .doc = "Largest request body; a commit names its snapshot, not its files, so few are large."},
    {.name = NULL},
};

const struct hw_role hw_catalog_role = {
    .name = "catalog",
    .doc = "Iceberg REST catalog: which tables there are and which snapshot of each is current.",
    .config = fields,
    .start = start,
    .stop = stop,
};
