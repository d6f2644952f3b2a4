/* The settings of a topic under Kafka's names: one table feeds checks, DescribeConfigs and the values the log works
 * with. */
#pragma once
#include "base/map.h"

enum hw_topic_config_type {
    HW_TOPIC_BOOL = 1,
    HW_TOPIC_STRING = 2,
    HW_TOPIC_INT = 3,
    HW_TOPIC_LONG = 5,
    HW_TOPIC_DOUBLE = 6,
    HW_TOPIC_LIST = 7
};
struct hw_topic_config_field {
    const char *name;
    enum hw_topic_config_type type; /* numbers of DescribeConfigs */
    const char *otherwise, *doc;
    double min;                 /* numbers */
    const char *const *choices; /* words, or NULL */
    const char *broker_name;    /* the broker-wide setting it falls back to, or NULL */
};
extern const struct hw_topic_config_field hw_topic_config_fields[]; /* ends with a NULL name */

struct hw_topic_config {
    struct hw_map values; /* set for this topic: name → malloc'd text */
    int64_t segment_bytes, segment_ms, retention_ms, retention_bytes, max_message_bytes, delete_retention_ms;
    int64_t min_compaction_lag_ms, index_interval;
    double min_dirty_ratio;
    bool compact, remove; /* cleanup.policy */
    bool append_time;
};
/* Broker-wide values that stand in where a topic says nothing: name (of the topic) → text. */
extern struct hw_map hw_topic_defaults;

const struct hw_topic_config_field *hw_topic_config_find(const char *name);
const char *hw_topic_config_value(const struct hw_topic_config *config, const struct hw_topic_config_field *field);
/* 0, or -1 with a text that names the key and what is allowed. */
int hw_topic_config_check(const char *name, const char *value, struct hw_err *err);
/* value NULL = back to the default. Checked before. */
void hw_topic_config_set(struct hw_topic_config *config, const char *name, const char *value);
void hw_topic_config_init(struct hw_topic_config *config);
void hw_topic_config_copy(struct hw_topic_config *to, const struct hw_topic_config *from);
void hw_topic_config_done(struct hw_topic_config *config);
