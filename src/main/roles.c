#include "main/roles.h"
#ifdef HW_HAVE_ROLE_LOG
#include "log/log.h"
#define LOG_ROLE &hw_log_role
#else
#define LOG_ROLE NULL
#endif
#ifdef HW_HAVE_ROLE_CATALOG
#include "catalog/catalog.h"
#define CATALOG_ROLE &hw_catalog_role
#else
#define CATALOG_ROLE NULL
#endif
#ifdef HW_HAVE_ROLE_INGEST
#include "ingest/ingest.h"
#define INGEST_ROLE &hw_ingest_role
#else
#define INGEST_ROLE NULL
#endif
#ifdef HW_HAVE_ROLE_CONNECT
#include "connect/connect.h"
#define CONNECT_ROLE &hw_connect_role
#else
#define CONNECT_ROLE NULL
#endif
#ifdef HW_HAVE_ROLE_ADMIN
#include "admin/admin.h"
#define ADMIN_ROLE &hw_admin_role
#else
#define ADMIN_ROLE NULL
#endif

#include <stdio.h>
#include <string.h>

const struct role_entry role_table[ROLE_COUNT] = {
    {"log", 9092, "Kafka protocol: bootstrap.servers of any Kafka client", LOG_ROLE},
    {"catalog", 8181, "Iceberg REST catalog: PyIceberg, Spark, Trino …", CATALOG_ROLE},
    {"ingest", 8084, "events by HTTP: POST /v1/events/TOPIC", INGEST_ROLE},
    {"connect", 8083, "Kafka Connect REST", CONNECT_ROLE},
    {"admin", 8080, "web UI and REST API /v1", ADMIN_ROLE},
};

static const struct hw_config_field no_fields[] = {{0}};
static const char *const everything[] = {"", NULL};

const struct role_entry *role_find(const char *name) {
    for (size_t i = 0; i < ROLE_COUNT; i++)
        if (strcmp(role_table[i].name, name) == 0)
            return &role_table[i];
    return NULL;
}

const struct hw_settings_section *role_sections(void) {
    static struct hw_settings_section sections[ROLE_COUNT + 3];
    if (sections[0].name)
        return sections;
    size_t count = 0;
    sections[count++] = (struct hw_settings_section){"common", hw_common_fields, NULL};
    sections[count++] = (struct hw_settings_section){"kafka", hw_kafka_fields, everything};
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        const struct hw_role *role = role_table[i].role;
        /* A role that is not built in keeps its section: one highway.conf serves every machine. */
        if (role && role->config)
            sections[count++] = (struct hw_settings_section){role->name, role->config, NULL};
        else
            sections[count++] = (struct hw_settings_section){role_table[i].name, no_fields, everything};
    }
    return sections;
}

struct hw_settings *role_settings_load(const char *file, const struct args_list *sets) {
    struct hw_settings *settings = NULL;
    static struct hw_config_faults faults; /* large; main thread only */
    struct hw_err err = {0};
    if (hw_settings_load(role_sections(), file, sets->items, &settings, &faults, &err) == 0)
        return settings;
    size_t kept = HW_MIN(faults.count, HW_ARRAY_SIZE(faults.items));
    if (kept == 0)
        fprintf(stderr, "error: %s\n", err.text);
    for (size_t i = 0; i < kept; i++)
        fprintf(stderr, "error: %s\n", faults.items[i].text);
    fprintf(stderr, "  see: highway config --describe\n");
    return NULL;
}

bool role_has_key(const struct role_entry *entry, const char *key) {
    if (!entry->role || !entry->role->config)
        return false;
    for (const struct hw_config_field *f = entry->role->config; f->name; f++)
        if (strcmp(f->name, key) == 0)
            return true;
    return false;
}

const char *role_host(const struct hw_settings *settings, const struct role_entry *entry, bool as_client) {
    const char *host = "127.0.0.1";
    if (role_has_key(entry, "listen.host") && hw_config_str(hw_settings_section(settings, entry->name), "listen.host"))
        host = hw_config_str(hw_settings_section(settings, entry->name), "listen.host");
    if (as_client && strcmp(host, "0.0.0.0") == 0)
        return "127.0.0.1";
    if (as_client && strcmp(host, "::") == 0)
        return "::1";
    return host;
}

int role_port(const struct hw_settings *settings, const struct role_entry *entry) {
    int port = entry->port;
    if (role_has_key(entry, "listen.port"))
        port = (int)hw_config_int(hw_settings_section(settings, entry->name), "listen.port");
    return hw_settings_port(settings, port);
}
