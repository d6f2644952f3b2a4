/* `highway serve admin`: settings, routes, start and stop. It starts whether or not Kafka, the worker and the catalog
 * are there: its whole point is to say what is missing. */
#include "admin/admin.h"
#include "admin/admin_internal.h"
#include "base/diag.h"
#include "base/fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct hw_config_field fields[] = {
    {.name = "listen.host",
     .type = HW_CONFIG_STRING,
     .default_value = "127.0.0.1",
     .importance = HW_CONFIG_HIGH,
     .group = "HTTP",
     .doc = "Address the UI and the API listen on. There is no log-in yet: keep it on loopback or behind a proxy that "
            "has one."},
    {.name = "listen.port",
     .type = HW_CONFIG_INT,
     .default_value = "8080",
     .importance = HW_CONFIG_HIGH,
     .group = "HTTP",
     .min = 1,
     .max = 65535,
     .doc = "Port of the UI and the API, before common.port.offset."},
    {.name = "connect.uri",
     .type = HW_CONFIG_STRING,
     .importance = HW_CONFIG_HIGH,
     .group = "Other parts",
     .doc = "Connect REST of the worker, ours or a Java cluster's. Default: http://127.0.0.1 at port 8083 plus the "
            "offset."},
    {.name = "catalog.uri",
     .type = HW_CONFIG_STRING,
     .importance = HW_CONFIG_HIGH,
     .group = "Other parts",
     .doc = "Iceberg REST catalog. Default: http://127.0.0.1 at port 8181 plus the offset."},
    {.name = "ingest.uri",
     .type = HW_CONFIG_STRING,
     .importance = HW_CONFIG_MEDIUM,
     .group = "Other parts",
     .doc = "Address of the HTTP door that the UI shows to people. Default: http://127.0.0.1 at port 8084 plus the "
            "offset."},
    {.name = "environment",
     .type = HW_CONFIG_STRING,
     .default_value = "local",
     .importance = HW_CONFIG_MEDIUM,
     .group = "UI",
     .doc = "Name of this installation, shown on every page: local, staging, production."},
    {.name = "ui.dir",
     .type = HW_CONFIG_STRING,
     .importance = HW_CONFIG_LOW,
     .group = "UI",
     .doc = "Directory of a built UI to serve instead of the one inside the binary (for working on it)."},
    {0},
};

static const struct hw_http_route routes[] = {
    {"GET", "/v1/info", hw_route_info, 0},
    {"GET", "/v1/openapi.json", hw_route_openapi, 0},
    {"GET", "/v1/topics", hw_route_topics, HW_HTTP_BLOCKING},
    {"POST", "/v1/topics", hw_route_topic_create, HW_HTTP_BLOCKING},
    {"GET", "/v1/topics/{topic}", hw_route_topic, HW_HTTP_BLOCKING},
    {"GET", "/v1/topics/{topic}/sample", hw_route_sample, HW_HTTP_BLOCKING},
    {"GET", "/v1/plugins", hw_route_plugins, 0},
    {"GET", "/v1/flows", hw_route_flows, HW_HTTP_BLOCKING},
    {"GET", "/v1/flows/{flow}", hw_route_flow, HW_HTTP_BLOCKING},
    {"PUT", "/v1/flows/{flow}", hw_route_flow_put, HW_HTTP_BLOCKING},
    {"DELETE", "/v1/flows/{flow}", hw_route_flow_delete, HW_HTTP_BLOCKING},
    {"POST", "/v1/flows/{flow}/actions", hw_route_flow_action, HW_HTTP_BLOCKING},
    {"GET", "/v1/tables", hw_route_tables, HW_HTTP_BLOCKING},
    {"GET", "/v1/tables/{table}", hw_route_table, HW_HTTP_BLOCKING},
    {"POST", "/v1/sql", hw_route_sql, HW_HTTP_BLOCKING},
    {"GET", "/v1", hw_route_unknown_v1, 0},
    {"GET", "/v1/{rest...}", hw_route_unknown_v1, 0},
    {"GET", "/{rest...}", hw_route_ui, HW_HTTP_BLOCKING},
    {0},
};

/* An address of another part: as set, without slashes at its end, or loopback. */
static char *uri_of(const struct hw_settings *settings, const char *key, int port) {
    const char *set = hw_config_str(hw_settings_section(settings, "admin"), key);
    if (!set || !*set)
        return hw_xasprintf("http://127.0.0.1:%d", hw_settings_port(settings, port));
    char *uri = hw_xstrdup(set);
    for (size_t size = strlen(uri); size && uri[size - 1] == '/'; size--)
        uri[size - 1] = 0;
    return uri;
}

static void stop(void *self) {
    struct hw_admin *admin = self;
    if (!admin)
        return;
    if (admin->server)
        hw_http_server_stop(admin->server);
    hw_flows_stop(admin->flows);
    hw_topics_stop(admin->topics);
    hw_access_log_close(admin->access);
    free(admin->connect_uri);
    free(admin->catalog_uri);
    free(admin->ingest_uri);
    free(admin->own_uri);
    free(admin->ui_dir);
    free((char *)admin->bootstrap);
    free(admin);
}

/* /health turns 200 once flows can be read and changed. The watcher's thread may come before or after the server is
 * there: whichever of the two is second opens the door. */
static void open_door(void *arg) {
    struct hw_admin *admin = arg;
    struct hw_http_server *server = __atomic_load_n(&admin->server, __ATOMIC_ACQUIRE);
    if (server)
        hw_http_server_set_ready(server, true, NULL);
}

static int start_parts(struct hw_admin *admin, const struct hw_settings *settings, struct hw_err *err) {
    const struct hw_config *config = hw_settings_section(settings, "admin");
    HW_CLEANUP(hw_freep) char *logs = hw_xasprintf("%s/logs", hw_settings_data_dir(settings));
    HW_TRY(hw_fs_mkdirs(logs, err));
    admin->access = hw_access_log_open(logs);
    HW_TRY(hw_topics_start(settings, &admin->topics, err));
    struct hw_flows_options flows = {.settings = settings,
                                     .topics = admin->topics,
                                     .connect_uri = admin->connect_uri,
                                     .catalog_uri = admin->catalog_uri,
                                     .on_ready = open_door,
                                     .on_ready_arg = admin};
    HW_TRY(hw_flows_start(&flows, &admin->flows, err));
    struct hw_http_server_options http = {.host = hw_config_str(config, "listen.host"),
                                          .port = hw_settings_port(settings, (int)hw_config_int(config, "listen.port")),
                                          .loops = 1,
                                          .workers = 16,
                                          .server_name = "admin",
                                          .routes = routes,
                                          .arg = admin};
    struct hw_http_server *server;
    HW_TRY(hw_http_server_start(&http, &server, err));
    hw_http_server_set_ready(server, false, "waiting for Kafka to read the flows");
    __atomic_store_n(&admin->server, server, __ATOMIC_RELEASE);
    char why[200];
    if (hw_flows_ready(admin->flows, why, sizeof why))
        hw_http_server_set_ready(server, true, NULL);
    return 0;
}

static int start(const struct hw_settings *settings, void **out_self, struct hw_err *err) {
    const struct hw_config *config = hw_settings_section(settings, "admin"),
                           *kafka = hw_settings_section(settings, "kafka");
    struct hw_admin *admin = hw_xcalloc(1, sizeof *admin);
    const char *bootstrap = hw_config_str(kafka, "bootstrap.servers"), *ui_dir = hw_config_str(config, "ui.dir");
    const char *host = hw_config_str(config, "listen.host");
    bool any_host = !host || strcmp(host, "0.0.0.0") == 0 || strcmp(host, "::") == 0;
    admin->settings = settings;
    admin->started_us = hw_now_us();
    admin->environment = hw_config_str(config, "environment");
    admin->embedded_log = !bootstrap;
    admin->bootstrap =
        bootstrap ? hw_xstrdup(bootstrap) : hw_xasprintf("127.0.0.1:%d", hw_settings_port(settings, 9092));
    admin->connect_uri = uri_of(settings, "connect.uri", 8083);
    admin->catalog_uri = uri_of(settings, "catalog.uri", 8181);
    admin->ingest_uri = uri_of(settings, "ingest.uri", 8084);
    admin->own_uri = hw_xasprintf("http://%s:%d", any_host ? "127.0.0.1" : host,
                                  hw_settings_port(settings, (int)hw_config_int(config, "listen.port")));
    admin->ui_dir = ui_dir && *ui_dir ? hw_xstrdup(ui_dir) : NULL;
    if (start_parts(admin, settings, err) < 0) {
        stop(admin);
        return -1;
    }
    hw_info("admin listens", hw_kv_s("url", admin->own_uri));
    *out_self = admin;
    return 0;
}

const struct hw_role hw_admin_role = {.name = "admin",
                                      .doc = "One API over topics, flows, tables and SQL; serves the web UI.",
                                      .config = fields,
                                      .start = start,
                                      .stop = stop};
