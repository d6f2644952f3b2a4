/* Flow → connector settings, each with its origin, so that the plan can say why a value is what it is. */
#include "admin/flow_spec.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add(struct hw_flow_settings *out, const char *key, const char *from, const char *why, const char *format,
                ...) HW_PRINTF(5, 6);
static void add(struct hw_flow_settings *out, const char *key, const char *from, const char *why, const char *format,
                ...) {
    if (out->count >= HW_ARRAY_SIZE(out->items))
        return; /* cannot be: the table has room for all own settings and the most a user may pass */
    char *value = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&value, format, args) < 0)
        value = hw_xstrdup("");
    va_end(args);
    out->items[out->count++] = (struct hw_flow_setting){
        .key = hw_xstrdup(key), .value = value, .from = from, .why = why ? hw_xstrdup(why) : NULL};
}

static bool user_has(const struct hw_flow_spec *spec, const char *key) {
    for (size_t i = 0; i < spec->config_count; i++)
        if (strcmp(spec->config[i].key, key) == 0)
            return true;
    return false;
}

void hw_flow_settings_make(const char *name, const struct hw_flow_spec *spec, const char *catalog_uri,
                           struct hw_flow_settings *out) {
    *out = (struct hw_flow_settings){0};
    add(out, "name", "user", NULL, "%s", name);
    add(out, "connector.class", "derived", "from kind and plugin", "%s",
        strcmp(spec->plugin, "file") != 0 ? spec->plugin
        : spec->is_source                 ? "FileStreamSource"
                                          : "FileStreamSink");
    if (!user_has(spec, "tasks.max"))
        add(out, "tasks.max", "default", "one task carries some hundred thousand events a second", "1");
    if (spec->is_source) {
        add(out, "file", "user", NULL, "%s", spec->from_file ? spec->from_file : "");
        add(out, "topic", "user", NULL, "%s", spec->to_topic ? spec->to_topic : "");
    } else {
        HW_CLEANUP(hw_buf_done) struct hw_buf topics = {0};
        for (size_t i = 0; i < spec->topic_count; i++)
            hw_buf_printf(&topics, "%s%s", i ? "," : "", spec->topics[i]);
        add(out, "topics", "user", NULL, "%s", hw_buf_str(&topics));
    }
    if (spec->table) {
        add(out, "table", "user", NULL, "%s", spec->table);
        add(out, "catalog.uri", "environment", "the catalog of this highway", "%s", catalog_uri);
        add(out, "commit.interval.ms", spec->freshness[0] ? "user" : "default", "from freshness", "%lld",
            (long long)spec->freshness_ms);
    }
    if (spec->to_file)
        add(out, "file", "user", NULL, "%s", spec->to_file);
    if (!spec->is_source) {
        const char *from = spec->on_bad_record_given ? "user" : "default";
        add(out, "errors.tolerance", from, "from on_bad_record", "%s", spec->stop_on_bad_record ? "none" : "all");
        if (!spec->stop_on_bad_record) {
            add(out, "errors.deadletterqueue.topic.name", "policy",
                "events that cannot be used are kept, never dropped", "dlq.%s", name);
            if (!user_has(spec, "errors.deadletterqueue.context.headers.enable"))
                add(out, "errors.deadletterqueue.context.headers.enable", "policy",
                    "each kept event says why it is there", "true");
        }
    }
    for (size_t i = 0; i < spec->config_count; i++)
        add(out, spec->config[i].key, "user", NULL, "%s", spec->config[i].value);
}

void hw_flow_settings_done(struct hw_flow_settings *settings) {
    for (size_t i = 0; i < settings->count; i++) {
        free(settings->items[i].key);
        free(settings->items[i].value);
        free(settings->items[i].why);
    }
    settings->count = 0;
}

void hw_flow_setting_pointer(const struct hw_flow_spec *spec, const char *key, char *out, size_t size) {
    static const struct {
        const char *key, *sink, *source;
    } places[] = {{"topics", "/from/topics", NULL},
                  {"topic", NULL, "/to/topic"},
                  {"table", "/to/table", NULL},
                  {"file", "/to/file", "/from/file"},
                  {"commit.interval.ms", "/freshness", NULL},
                  {"connector.class", "/plugin", "/plugin"},
                  {"name", "{flow}", "{flow}"},
                  {"errors.tolerance", "/on_bad_record", NULL},
                  {"errors.deadletterqueue.topic.name", "/on_bad_record", NULL}};
    for (size_t i = 0; i < HW_ARRAY_SIZE(places); i++) {
        const char *place = spec->is_source ? places[i].source : places[i].sink;
        if (place && strcmp(places[i].key, key) == 0) {
            snprintf(out, size, "%s", place);
            return;
        }
    }
    snprintf(out, size, "/config/%s", key);
}
