/* Settings from file, environment and command line, checked section by section; and their description for people. */
#include "base/settings.h"
#include "base/base.h"
#include "base/fs.h"

#include <ctype.h>
#include <ini.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SECTIONS 24
#define MAX_FILE (1 << 20)
#define MAX_LINE 197 /* inih's INI_MAX_LINE without CR, LF and NUL */

extern char **environ;

struct pairs {
    struct hw_config_pair *items;
    size_t count;
};
struct hw_settings {
    size_t count;
    const struct hw_settings_section *sections[MAX_SECTIONS];
    struct hw_config *configs[MAX_SECTIONS];
};
struct loading {
    const struct hw_settings_section *sections;
    struct pairs pairs[MAX_SECTIONS];
    struct hw_config_faults *faults;
};

static const char *const levels[] = {"debug", "info", "notice", "warn", "error", NULL};
static const char *const formats[] = {"text", "json", NULL};
const struct hw_config_field hw_common_fields[] = {
    {.name = "data.dir", .type = HW_CONFIG_STRING, .default_value = "./highway-data", .importance = HW_CONFIG_HIGH,
     .doc = "Directory that holds all data of this highway."},
    {.name = "port.offset", .type = HW_CONFIG_INT, .default_value = "0", .min = 0, .max = 50000, .importance = HW_CONFIG_MEDIUM,
     .doc = "Added to every port, so that several highways can live on one machine."},
    {.name = "log.level", .type = HW_CONFIG_STRING, .default_value = "info", .choices = levels, .importance = HW_CONFIG_LOW,
     .doc = "Least severe messages that are printed."},
    {.name = "log.format", .type = HW_CONFIG_STRING, .default_value = "text", .choices = formats, .importance = HW_CONFIG_LOW,
     .doc = "text for people, json for machines."},
    {0}};
const struct hw_config_field hw_kafka_fields[] = {
    {.name = "bootstrap.servers", .type = HW_CONFIG_STRING, .importance = HW_CONFIG_HIGH,
     .doc = "Addresses of the Kafka cluster, host:port,host:port. Unset: the embedded log of this highway. All other keys of this "
            "section go to librdkafka under its own names."},
    {0}};

static void add_fault(struct hw_config_faults *faults, const char *key, const char *text) {
    if (faults->count < HW_ARRAY_SIZE(faults->items)) {
        snprintf(faults->items[faults->count].key, sizeof faults->items[0].key, "%s", key);
        snprintf(faults->items[faults->count].text, sizeof faults->items[0].text, "%s", text);
    }
    faults->count++;
}

static void add_pair(struct loading *loading, const char *section, const char *key, const char *value, const char *origin) {
    for (size_t i = 0; loading->sections[i].name; i++) {
        if (strcmp(loading->sections[i].name, section) != 0)
            continue;
        struct pairs *pairs = &loading->pairs[i];
        pairs->items = hw_xrealloc(pairs->items, (pairs->count + 1) * sizeof *pairs->items);
        pairs->items[pairs->count++] = (struct hw_config_pair){.key = hw_xstrdup(key), .value = hw_xstrdup(value)};
        return;
    }
    const char *names[MAX_SECTIONS + 1] = {0};
    for (size_t i = 0; i < MAX_SECTIONS && loading->sections[i].name; i++)
        names[i] = loading->sections[i].name;
    const char *near = hw_nearest(section, names);
    char text[360];
    snprintf(text, sizeof text, "%s: there is no section [%.60s]%s%s%s", origin, section, near ? "; did you mean [" : "", near ? near : "",
             near ? "]?" : "");
    add_fault(loading->faults, section, text);
}

/* A key given twice in one file is a slip, or a value that went on in an indented line: taking the last would hide it. */
static int on_ini(void *user, const char *section, const char *key, const char *value) {
    struct loading *loading = user;
    for (size_t i = 0; loading->sections[i].name; i++) {
        struct pairs *pairs = &loading->pairs[i];
        for (size_t j = 0; strcmp(loading->sections[i].name, section) == 0 && j < pairs->count; j++) {
            if (strcmp(pairs->items[j].key, key) != 0)
                continue;
            char text[360];
            snprintf(text, sizeof text, "[%s] %.100s is given twice in the configuration file, or its value goes on in the next line: "
                     "write it once, in one line", section, key);
            add_fault(loading->faults, key, text);
            return 1;
        }
    }
    add_pair(loading, section, key, value, "configuration file");
    return 1;
}

/* Kubernetes gives every container variables of the services near it; one called "highway-ingest" makes HIGHWAY_INGEST_PORT=tcp://… */
static bool is_kubernetes_service(const char *key) {
    return strncmp(key, "service.", 8) == 0 || strcmp(key, "port") == 0 || (strncmp(key, "port.", 5) == 0 && isdigit((unsigned char)key[5]));
}

/* HIGHWAY_INGEST_MAX_BODY_BYTES → the field of [ingest] that is so spelled with dots as underscores; for pass-through sections the
 * lower-case name with dots. Variables that name no section (HIGHWAY_URL, HIGHWAY_BIN …) belong to somebody else. */
static void from_environment(struct loading *loading) {
    for (char **at = environ; *at; at++) {
        if (strncmp(*at, "HIGHWAY_", 8) != 0)
            continue;
        const char *equals = strchr(*at, '=');
        if (!equals)
            continue;
        HW_CLEANUP(hw_freep) char *name = hw_xstrndup(*at + 8, (size_t)(equals - *at - 8));
        for (char *c = name; *c; c++)
            *c = (char)(*c == '_' ? '.' : tolower((unsigned char)*c));
        for (size_t i = 0; loading->sections[i].name; i++) {
            size_t size = strlen(loading->sections[i].name);
            if (strncmp(name, loading->sections[i].name, size) == 0 && name[size] == '.' &&
                !is_kubernetes_service(name + size + 1))
                add_pair(loading, loading->sections[i].name, name + size + 1, equals + 1, "environment");
        }
    }
}

static void from_sets(struct loading *loading, const char *const *sets) {
    for (; sets && *sets; sets++) {
        const char *equals = strchr(*sets, '='), *dot = strchr(*sets, '.');
        if (!equals || !dot || dot > equals) {
            char text[360];
            snprintf(text, sizeof text, "--set %.100s: write it as section.key=value", *sets);
            add_fault(loading->faults, *sets, text);
            continue;
        }
        HW_CLEANUP(hw_freep) char *section = hw_xstrndup(*sets, (size_t)(dot - *sets));
        HW_CLEANUP(hw_freep) char *key = hw_xstrndup(dot + 1, (size_t)(equals - dot - 1));
        add_pair(loading, section, key, equals + 1, "--set");
    }
}

/* inih cuts lines at its fixed buffer; a cut value must not pass for a whole one. */
static bool lines_fit(struct loading *loading, const char *file, const char *text) {
    bool fit = true;
    int number = 1;
    for (const char *line = text; *line; number++) {
        size_t size = strcspn(line, "\n");
        if (size > MAX_LINE) {
            char fault[360];
            snprintf(fault, sizeof fault, "%.150s line %d is longer than %d characters: give this value with --set section.key=value or "
                     "HIGHWAY_<SECTION>_<KEY>, which take any length", file, number, MAX_LINE);
            add_fault(loading->faults, file, fault);
            fit = false;
        }
        line += size + (line[size] == '\n');
    }
    return fit;
}

static void read_file(struct loading *loading, const char *file) {
    HW_CLEANUP(hw_buf_done) struct hw_buf content = {0};
    struct hw_err err;
    if (hw_fs_read(file, MAX_FILE, &content, &err) < 0) {
        add_fault(loading->faults, file, err.text);
        return;
    }
    char text[360];
    if (memchr(hw_buf_str(&content), '\0', content.size)) {
        snprintf(text, sizeof text, "%.200s is not a text file", file);
        add_fault(loading->faults, file, text);
        return;
    }
    if (!lines_fit(loading, file, hw_buf_str(&content)))
        return;
    int line = ini_parse_string(hw_buf_str(&content), on_ini, loading);
    if (line == 0)
        return;
    snprintf(text, sizeof text, "%.200s line %d: expected [section] or key = value", file, line);
    add_fault(loading->faults, file, text);
}

int hw_settings_load(const struct hw_settings_section *sections, const char *file, const char *const *sets,
                     struct hw_settings **out_settings, struct hw_config_faults *out_faults, struct hw_err *err) {
    struct hw_config_faults own = {0};
    struct loading loading = {.sections = sections, .faults = out_faults ? out_faults : &own};
    loading.faults->count = 0;
    if (file)
        read_file(&loading, file);
    from_environment(&loading);
    from_sets(&loading, sets);
    struct hw_settings *settings = hw_xcalloc(1, sizeof *settings);
    for (size_t i = 0; i < MAX_SECTIONS && sections[i].name; i++, settings->count++) {
        struct pairs *pairs = &loading.pairs[i];
        size_t before = loading.faults->count;
        struct hw_err ignored;
        settings->sections[i] = &sections[i];
        if (hw_config_parse(sections[i].fields, pairs->items, pairs->count, sections[i].pass_prefixes, &settings->configs[i],
                            loading.faults, &ignored) < 0) {
            for (size_t f = before; f < HW_MIN(loading.faults->count, HW_ARRAY_SIZE(loading.faults->items)); f++) {
                char text[360];
                snprintf(text, sizeof text, "[%s] %.330s", sections[i].name, loading.faults->items[f].text);
                memcpy(loading.faults->items[f].text, text, sizeof text);
            }
        }
        for (size_t j = 0; j < pairs->count; j++) {
            free((char *)pairs->items[j].key);
            free((char *)pairs->items[j].value);
        }
        free(pairs->items);
    }
    if (loading.faults->count) {
        hw_settings_free(settings);
        *out_settings = NULL;
        size_t more = loading.faults->count - 1;
        return more ? hw_err_set(err, HW_ERR_CONFIG, 0, "%s (and %zu more)", loading.faults->items[0].text, more)
                    : hw_err_set(err, HW_ERR_CONFIG, 0, "%s", loading.faults->items[0].text);
    }
    *out_settings = settings;
    return 0;
}

struct hw_settings *hw_settings_free(struct hw_settings *settings) {
    if (settings) {
        for (size_t i = 0; i < settings->count; i++)
            hw_config_free(settings->configs[i]);
        free(settings);
    }
    return NULL;
}

const struct hw_config *hw_settings_section(const struct hw_settings *settings, const char *name) {
    for (size_t i = 0; i < settings->count; i++)
        if (strcmp(settings->sections[i]->name, name) == 0)
            return settings->configs[i];
    fprintf(stderr, "programming error: no settings section \"%s\"\n", name);
    abort();
}

const char *hw_settings_data_dir(const struct hw_settings *settings) {
    return hw_config_str(hw_settings_section(settings, "common"), "data.dir");
}

int hw_settings_port(const struct hw_settings *settings, int port) {
    return port + (int)hw_config_int(hw_settings_section(settings, "common"), "port.offset");
}

static const char *type_name(enum hw_config_type type) {
    static const char *const names[] = {"string", "int", "long", "double", "boolean", "list", "class", "password"};
    return names[type];
}

static void describe_field(const char *section, const struct hw_config_field *field, struct hw_buf *out) {
    hw_buf_printf(out, "  %-32s %s", field->name, type_name(field->type));
    if (field->unit)
        hw_buf_printf(out, ", %s", field->unit);
    if (field->default_value)
        hw_buf_printf(out, ", default %s", *field->default_value ? field->default_value : "(empty)");
    else
        hw_buf_add_str(out, field->required ? ", required" : ", unset");
    if (field->min != 0 || field->max != 0)
        hw_buf_printf(out, ", %.15g to %.15g", field->min, field->max);
    for (size_t i = 0; field->choices && field->choices[i]; i++)
        hw_buf_printf(out, "%s%s", i ? "|" : ", ", field->choices[i]);
    hw_buf_printf(out, "\n      %s\n", field->doc ? field->doc : "");
    (void)section;
}

static void describe_json(const char *section, const struct hw_config_field *field, struct hw_buf *out) {
    hw_buf_printf(out, "{\"section\":\"%s\",\"key\":\"%s\",\"type\":\"%s\",\"default\":", section, field->name, type_name(field->type));
    if (field->default_value)
        hw_buf_add_json_str(out, field->default_value, strlen(field->default_value));
    else
        hw_buf_add_str(out, "null");
    hw_buf_printf(out, ",\"required\":%s,\"unit\":", field->required ? "true" : "false");
    if (field->unit)
        hw_buf_add_json_str(out, field->unit, strlen(field->unit));
    else
        hw_buf_add_str(out, "null");
    hw_buf_add_str(out, ",\"doc\":");
    hw_buf_add_json_str(out, field->doc ? field->doc : "", field->doc ? strlen(field->doc) : 0);
    hw_buf_add_char(out, '}');
}

void hw_config_describe(const struct hw_settings_section *sections, struct hw_buf *out, bool as_json) {
    bool first = true;
    if (as_json)
        hw_buf_add_char(out, '[');
    for (; sections->name; sections++) {
        if (!as_json)
            hw_buf_printf(out, "%s[%s]\n", first ? "" : "\n", sections->name);
        for (const struct hw_config_field *field = sections->fields; field->name; field++) {
            if (as_json && !first)
                hw_buf_add_char(out, ',');
            (as_json ? describe_json : describe_field)(sections->name, field, out);
            first = false;
        }
    }
    if (as_json)
        hw_buf_add_str(out, "]\n");
}
