#include "log/topic_config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const policies[] = {"delete", "compact", NULL};
static const char *const codecs[] = {"producer", "uncompressed", "gzip", "snappy", "lz4", "zstd", NULL};
static const char *const time_types[] = {"CreateTime", "LogAppendTime", NULL};

#define T(n, t, d, m, c, b, text) {n, HW_TOPIC_##t, d, text, m, c, b}
const struct hw_topic_config_field hw_topic_config_fields[] = {
    T("cleanup.policy", LIST, "delete", 0, policies, "log.cleanup.policy", "delete drops old segments, compact keeps the last value of each key; both may be given."),
    T("compression.type", STRING, "producer", 0, codecs, "compression.type", "Batches are kept as the producer sent them; only 'producer' changes nothing."),
    T("delete.retention.ms", LONG, "86400000", 0, NULL, "log.cleaner.delete.retention.ms", "How long tombstones of a compacted topic stay readable."),
    T("file.delete.delay.ms", LONG, "60000", 0, NULL, "log.segment.delete.delay.ms", "Accepted for compatibility: files go at once, readers under way read on."),
    T("flush.messages", LONG, "9223372036854775807", 1, NULL, "log.flush.interval.messages", "Accepted for compatibility: every round of writes is flushed."),
    T("flush.ms", LONG, "9223372036854775807", 0, NULL, "log.flush.interval.ms", "Accepted for compatibility: every round of writes is flushed."),
    T("index.interval.bytes", INT, "4096", 0, NULL, "log.index.interval.bytes", "Bytes between two entries of the offset index."),
    T("max.compaction.lag.ms", LONG, "9223372036854775807", 1, NULL, "log.cleaner.max.compaction.lag.ms", "Longest time a record may stay uncompacted."),
    T("max.message.bytes", INT, "1048588", 0, NULL, "message.max.bytes", "Largest batch accepted."),
    T("message.timestamp.after.max.ms", LONG, "3600000", 0, NULL, "log.message.timestamp.after.max.ms", "Accepted for compatibility."),
    T("message.timestamp.before.max.ms", LONG, "9223372036854775807", 0, NULL, "log.message.timestamp.before.max.ms", "Accepted for compatibility."),
    T("message.timestamp.type", STRING, "CreateTime", 0, time_types, "log.message.timestamp.type", "Whose clock stamps records: the producer's or the log's."),
    T("min.cleanable.dirty.ratio", DOUBLE, "0.5", 0, NULL, "log.cleaner.min.cleanable.ratio", "Share of not yet compacted bytes that starts a compaction."),
    T("min.compaction.lag.ms", LONG, "0", 0, NULL, "log.cleaner.min.compaction.lag.ms", "Shortest time a record stays uncompacted."),
    T("min.insync.replicas", INT, "1", 1, NULL, "min.insync.replicas", "Always satisfied: there is one replica and it is synced to disk."),
    T("preallocate", BOOL, "false", 0, NULL, "log.preallocate", "Accepted for compatibility."),
    T("retention.bytes", LONG, "-1", -1, NULL, "log.retention.bytes", "A partition larger than this loses its oldest segments; -1 = no limit."),
    T("retention.ms", LONG, "604800000", -1, NULL, "log.retention.ms", "Segments whose newest record is older than this are dropped; -1 = never."),
    T("segment.bytes", INT, "1073741824", 14, NULL, "log.segment.bytes", "A segment is closed before it grows past this."),
    T("segment.index.bytes", INT, "10485760", 4, NULL, "log.index.size.max.bytes", "Accepted for compatibility: indexes grow as needed."),
    T("segment.jitter.ms", LONG, "0", 0, NULL, "log.roll.jitter.ms", "Accepted for compatibility."),
    T("segment.ms", LONG, "604800000", 1, NULL, "log.roll.ms", "A segment is closed when its first record is older than this."),
    T("unclean.leader.election.enable", BOOL, "false", 0, NULL, "unclean.leader.election.enable", "Without meaning on a single node."),
    {0},
};
struct hw_map hw_topic_defaults;

const struct hw_topic_config_field *hw_topic_config_find(const char *name) {
    for (const struct hw_topic_config_field *field = hw_topic_config_fields; field->name; field++)
        if (strcmp(field->name, name) == 0)
            return field;
    return NULL;
}

const char *hw_topic_config_value(const struct hw_topic_config *config, const struct hw_topic_config_field *field) {
    const char *value = hw_map_get(&config->values, field->name);
    if (!value)
        value = hw_map_get(&hw_topic_defaults, field->name);
    return value ? value : field->otherwise;
}

static bool is_choice(const char *const *choices, const char *word, size_t size) {
    for (; *choices; choices++)
        if (strlen(*choices) == size && memcmp(*choices, word, size) == 0)
            return true;
    return false;
}

static int bad(struct hw_err *err, const struct hw_topic_config_field *field, const char *value) {
    char allowed[160] = "";
    for (const char *const *choice = field->choices; choice && *choice; choice++) {
        strncat(allowed, *choice, sizeof(allowed) - strlen(allowed) - 1);
        strncat(allowed, choice[1] ? ", " : "", sizeof(allowed) - strlen(allowed) - 1);
    }
    if (field->choices)
        return hw_err_set(err, HW_ERR_CONFIG, 0, "Invalid value %s for configuration %s: allowed are %s", value, field->name, allowed);
    if (field->type == HW_TOPIC_BOOL)
        return hw_err_set(err, HW_ERR_CONFIG, 0, "Invalid value %s for configuration %s: allowed are true and false", value, field->name);
    return hw_err_set(err, HW_ERR_CONFIG, 0, "Invalid value %s for configuration %s: a number of at least %.0f is needed", value,
                      field->name, field->min);
}

int hw_topic_config_check(const char *name, const char *value, struct hw_err *err) {
    const struct hw_topic_config_field *field = hw_topic_config_find(name);
    if (!field) {
        const char *names[64];
        size_t count = 0;
        for (field = hw_topic_config_fields; field->name && count < 63; field++)
            names[count++] = field->name;
        names[count] = NULL;
        const char *near = hw_nearest(name, names);
        return hw_err_set(err, HW_ERR_CONFIG, 0, "Unknown topic config name: %s%s%s", name, near ? ". Did you mean " : "", near ? near : "");
    }
    if (field->type == HW_TOPIC_BOOL)
        return strcmp(value, "true") == 0 || strcmp(value, "false") == 0 ? 0 : bad(err, field, value);
    if (field->choices) {
        const char *at = value;
        do {
            const char *comma = strchrnul(at, ',');
            if (!is_choice(field->choices, at, (size_t)(comma - at)) || (field->type != HW_TOPIC_LIST && *comma))
                return bad(err, field, value);
            at = *comma ? comma + 1 : comma;
        } while (*at);
        return 0;
    }
    char *end;
    errno = 0;
    double number = strtod(value, &end);
    if (field->type != HW_TOPIC_DOUBLE) {
        number = (double)strtoll(value, &end, 10);
        if (field->type == HW_TOPIC_INT && number > INT32_MAX)
            return bad(err, field, value);
    }
    return errno || end == value || *end || number < field->min ? bad(err, field, value) : 0;
}

static int64_t number_of(const struct hw_topic_config *config, const char *name) {
    return strtoll(hw_topic_config_value(config, hw_topic_config_find(name)), NULL, 10);
}

static void derive(struct hw_topic_config *config) {
    config->segment_bytes = number_of(config, "segment.bytes");
    config->segment_ms = number_of(config, "segment.ms");
    config->retention_ms = number_of(config, "retention.ms");
    config->retention_bytes = number_of(config, "retention.bytes");
    config->max_message_bytes = number_of(config, "max.message.bytes");
    config->delete_retention_ms = number_of(config, "delete.retention.ms");
    config->min_compaction_lag_ms = number_of(config, "min.compaction.lag.ms");
    config->index_interval = number_of(config, "index.interval.bytes");
    config->min_dirty_ratio = strtod(hw_topic_config_value(config, hw_topic_config_find("min.cleanable.dirty.ratio")), NULL);
    const char *policy = hw_topic_config_value(config, hw_topic_config_find("cleanup.policy"));
    config->compact = strstr(policy, "compact") != NULL;
    config->remove = strstr(policy, "delete") != NULL;
    config->append_time = strcmp(hw_topic_config_value(config, hw_topic_config_find("message.timestamp.type")), "LogAppendTime") == 0;
}

void hw_topic_config_set(struct hw_topic_config *config, const char *name, const char *value) {
    if (value)
        free(hw_map_put(&config->values, name, hw_xstrdup(value)));
    else
        free(hw_map_remove(&config->values, name));
    derive(config);
}

void hw_topic_config_init(struct hw_topic_config *config) {
    *config = (struct hw_topic_config){0};
    derive(config);
}

void hw_topic_config_copy(struct hw_topic_config *to, const struct hw_topic_config *from) {
    hw_topic_config_init(to);
    size_t at = 0;
    const char *name;
    void *value;
    while (hw_map_next(&from->values, &at, &name, &value))
        hw_topic_config_set(to, name, value);
}

void hw_topic_config_done(struct hw_topic_config *config) {
    size_t at = 0;
    const char *name;
    void *value;
    while (hw_map_next(&config->values, &at, &name, &value))
        free(value);
    hw_map_done(&config->values);
}
