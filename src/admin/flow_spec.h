/* What a flow is, as its owner writes it, and the connector settings it becomes. Knows no network. */
#pragma once
#include "admin/reply.h"

#define HW_FLOW_TOPICS_MAX 100
#define HW_FLOW_CONFIG_MAX 64

struct hw_flow_spec {
    bool is_source;
    char plugin[64]; /* "warehouse", "file" */
    size_t topic_count;
    char *topics[HW_FLOW_TOPICS_MAX];
    char *from_file, *table, *to_file, *to_topic;
    char freshness[32]; /* as written; "" = default */
    int64_t freshness_ms;
    bool stop_on_bad_record;
    bool on_bad_record_given;
    char *owner, *description;
    size_t config_count;
    struct {
        char *key, *value;
    } config[HW_FLOW_CONFIG_MAX];
};
/* Checks name and body; every fault goes to errors. The spec must be given to hw_flow_spec_done in any case. */
void hw_flow_spec_parse(const char *name, yyjson_val *body, struct hw_flow_spec *spec, struct hw_field_errors *errors);
/* Canonical JSON: same flow, same text. Members left out stay out. */
yyjson_mut_val *hw_flow_spec_json(yyjson_mut_doc *doc, const struct hw_flow_spec *spec);
void hw_flow_spec_done(struct hw_flow_spec *spec);
bool hw_topic_name_is_valid(const char *name);
bool hw_topic_is_internal(const char *name);

/* One setting of the connector with where it comes from. */
struct hw_flow_setting {
    char *key, *value;
    const char *from; /* user, default, environment, policy, derived */
    char *why;        /* may be NULL */
};
struct hw_flow_settings {
    size_t count;
    struct hw_flow_setting items[HW_FLOW_CONFIG_MAX + 24];
};
void hw_flow_settings_make(const char *name, const struct hw_flow_spec *spec, const char *catalog_uri,
                           struct hw_flow_settings *out);
void hw_flow_settings_done(struct hw_flow_settings *settings);
/* Where a fault of a connector setting belongs in the flow: "commit.interval.ms" → "/freshness". */
void hw_flow_setting_pointer(const struct hw_flow_spec *spec, const char *key, char *out, size_t size);
