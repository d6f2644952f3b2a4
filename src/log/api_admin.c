/* Topics: create, delete, grow; configs: describe and alter. */
#include "log/broker.h"
#include "log/group.h"

#include "base/diag.h"

#include <string.h>

#define RESOURCE_TOPIC       2
#define RESOURCE_BROKER      4
#define SOURCE_TOPIC         1
#define SOURCE_STATIC_BROKER 4
#define SOURCE_DEFAULT       5

static char *text_of(struct hw_request *request, struct hw_slice slice) {
    return hw_arena_printf(&request->arena, "%.*s", (int)slice.size, slice.data ? (const char *)slice.data : "");
}

/* ---- CreateTopics ---- */

static int fail(struct hw_request *request, struct hw_slice *out_message, int error, const char *text) {
    *out_message = hw_slice_str(hw_arena_printf(&request->arena, "%s", text));
    return error;
}

/* Partitions of the request, or by its assignments; checks both. */
static int partitions_wanted(struct hw_request *request, const struct hw_kafka_create_topics_request_topic *asked,
                             int32_t *out, struct hw_slice *message) {
    *out = asked->num_partitions == -1 ? request->broker->num_partitions : asked->num_partitions;
    if (asked->assignments.count) {
        if (asked->num_partitions != -1 || asked->replication_factor != -1)
            return fail(request, message, HW_KAFKA_INVALID_REQUEST,
                        "with an assignment, partitions and replication factor must be -1");
        *out = asked->assignments.count;
        for (int32_t i = 0; i < asked->assignments.count; i++)
            if (asked->assignments.items[i].broker_ids.count != 1 ||
                asked->assignments.items[i].broker_ids.items[0] != 0 ||
                asked->assignments.items[i].partition_index < 0 || asked->assignments.items[i].partition_index >= *out)
                return fail(request, message, HW_KAFKA_INVALID_REPLICA_ASSIGNMENT,
                            "the embedded log is one node: each partition's replicas must be [0]");
        return 0;
    }
    if (*out < 1)
        return fail(request, message, HW_KAFKA_INVALID_PARTITIONS, "a topic needs at least one partition");
    if (*out > HW_TOPIC_MAX_PARTITIONS)
        return fail(request, message, HW_KAFKA_INVALID_PARTITIONS, "more than 10000 partitions are not supported");
    if (asked->replication_factor != -1 && asked->replication_factor != 1)
        return fail(request, message, HW_KAFKA_INVALID_REPLICATION_FACTOR,
                    "the embedded log is one node: the replication factor must be 1 (or -1)");
    return 0;
}

static void list_configs(struct hw_request *request, const struct hw_topic_config *config,
                         struct hw_kafka_create_topics_response_topic *row) {
    for (const struct hw_topic_config_field *field = hw_topic_config_fields; field->name; field++) {
        struct hw_kafka_create_topics_response_config *c =
            HW_KAFKA_ADD(&request->arena, create_topics_response_config, &row->configs);
        c->name = hw_slice_str(field->name);
        c->value = hw_slice_str(hw_arena_printf(&request->arena, "%s", hw_topic_config_value(config, field)));
        c->config_source = hw_map_get(&config->values, field->name) ? SOURCE_TOPIC : SOURCE_DEFAULT;
    }
}

static int create_topic(struct hw_request *request, const struct hw_kafka_create_topics_request_topic *asked,
                        bool only_check, struct hw_kafka_create_topics_response_topic *row) {
    const char *fault = hw_topic_name_fault(asked->name);
    if (fault)
        return fail(request, &row->error_message, HW_KAFKA_INVALID_TOPIC, fault);
    if (hw_topics_find(&request->broker->topics, asked->name))
        return fail(request, &row->error_message, HW_KAFKA_TOPIC_ALREADY_EXISTS,
                    hw_arena_printf(&request->arena, "Topic '%s' already exists.", text_of(request, asked->name)));
    int32_t partitions;
    int error = partitions_wanted(request, asked, &partitions, &row->error_message);
    if (error)
        return error;
    HW_CLEANUP(hw_topic_config_done) struct hw_topic_config config;
    hw_topic_config_init(&config);
    struct hw_err err;
    for (int32_t i = 0; i < asked->configs.count; i++) {
        const char *name = text_of(request, asked->configs.items[i].name),
                   *value = text_of(request, asked->configs.items[i].value);
        if (!asked->configs.items[i].value.data)
            return fail(request, &row->error_message, HW_KAFKA_INVALID_CONFIG,
                        hw_arena_printf(&request->arena, "Null value not supported for topic configs: %s", name));
        if (hw_topic_config_check(name, value, &err) < 0)
            return fail(request, &row->error_message, HW_KAFKA_INVALID_CONFIG, err.text);
        hw_topic_config_set(&config, name, value);
    }
    row->num_partitions = partitions;
    row->replication_factor = 1;
    list_configs(request, &config, row);
    if (only_check)
        return 0;
    struct hw_topic *topic;
    if (hw_topics_create(&request->broker->topics, text_of(request, asked->name), partitions, &config, &topic, &err) <
        0) {
        hw_error("cannot create a topic", hw_kv_s("error", err.text));
        return fail(request, &row->error_message, HW_KAFKA_KAFKA_STORAGE_ERROR, err.text);
    }
    row->topic_id = topic->id;
    return 0;
}

static bool named_twice(const struct hw_kafka_create_topics_request *in, int32_t index) {
    for (int32_t i = 0; i < in->topics.count; i++)
        if (i != index && in->topics.items[i].name.size == in->topics.items[index].name.size &&
            memcmp(in->topics.items[i].name.data, in->topics.items[index].name.data, in->topics.items[i].name.size) ==
                0)
            return true;
    return false;
}

void hw_api_create_topics(struct hw_request *request) {
    const struct hw_kafka_create_topics_request *in = request->in;
    struct hw_kafka_create_topics_response *out = HW_RESPONSE(request, create_topics_response);
    for (int32_t i = 0; i < in->topics.count; i++) {
        struct hw_kafka_create_topics_response_topic *row =
            HW_KAFKA_ADD(&request->arena, create_topics_response_topic, &out->topics);
        row->name = in->topics.items[i].name;
        row->error_code = (int16_t)(in->topics.count <= 1000 && named_twice(in, i)
                                        ? fail(request, &row->error_message, HW_KAFKA_INVALID_REQUEST,
                                               "the request names this topic twice")
                                        : create_topic(request, &in->topics.items[i], in->validate_only, row));
    }
    hw_request_reply(request, out);
}

/* ---- DeleteTopics, CreatePartitions ---- */

static void delete_topic(struct hw_request *request, struct hw_topic *topic, bool by_id,
                         struct hw_kafka_delete_topics_response_topic *row) {
    struct hw_broker *broker = request->broker;
    struct hw_err err;
    if (!topic) {
        row->error_code = by_id ? HW_KAFKA_UNKNOWN_TOPIC_ID : HW_KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        row->error_message = hw_slice_str("there is no such topic");
    } else if (topic == broker->offsets_topic) {
        row->error_code = HW_KAFKA_INVALID_TOPIC;
        row->error_message =
            hw_slice_str("__consumer_offsets holds the committed offsets of all groups and cannot be deleted");
    } else {
        row->name = hw_slice_str(topic->name);
        row->topic_id = topic->id;
        if (hw_topics_delete(&broker->topics, topic, &err) < 0) {
            hw_error("cannot delete a topic", hw_kv_s("error", err.text));
            row->error_code = (int16_t)fail(request, &row->error_message, HW_KAFKA_KAFKA_STORAGE_ERROR, err.text);
        } else {
            hw_groups_forget_topic(broker, topic->name);
            hw_fetch_run_ready(broker);
        }
    }
}

void hw_api_delete_topics(struct hw_request *request) {
    const struct hw_kafka_delete_topics_request *in = request->in;
    struct hw_topics *topics = &request->broker->topics;
    struct hw_kafka_delete_topics_response *out = HW_RESPONSE(request, delete_topics_response);
    for (int32_t i = 0; i < in->topic_names.count; i++) {
        struct hw_kafka_delete_topics_response_topic *row =
            HW_KAFKA_ADD(&request->arena, delete_topics_response_topic, &out->responses);
        row->name = in->topic_names.items[i];
        delete_topic(request, hw_topics_find(topics, row->name), false, row);
    }
    for (int32_t i = 0; i < in->topics.count; i++) {
        struct hw_kafka_delete_topics_response_topic *row =
            HW_KAFKA_ADD(&request->arena, delete_topics_response_topic, &out->responses);
        row->name = in->topics.items[i].name;
        row->topic_id = in->topics.items[i].topic_id;
        bool by_id = !row->name.data;
        delete_topic(request, by_id ? hw_topics_find_id(topics, &row->topic_id) : hw_topics_find(topics, row->name),
                     by_id, row);
    }
    hw_request_reply(request, out);
}

static int grow(struct hw_request *request, const struct hw_kafka_create_partitions_request_topic *asked,
                bool only_check, struct hw_slice *message) {
    struct hw_topic *topic = hw_topics_find(&request->broker->topics, asked->name);
    struct hw_err err;
    if (!topic)
        return fail(request, message, HW_KAFKA_UNKNOWN_TOPIC_OR_PARTITION, "there is no such topic");
    if (asked->count <= topic->partition_count || asked->count > HW_TOPIC_MAX_PARTITIONS)
        return fail(request, message, HW_KAFKA_INVALID_PARTITIONS,
                    hw_arena_printf(&request->arena,
                                    "The topic %s currently has %d partition(s); %d would not be an increase.",
                                    topic->name, topic->partition_count, asked->count));
    if (!asked->assignments.null && asked->assignments.count &&
        asked->assignments.count != asked->count - topic->partition_count)
        return fail(request, message, HW_KAFKA_INVALID_REPLICA_ASSIGNMENT,
                    "the assignment must name each new partition");
    for (int32_t i = 0; i < asked->assignments.count; i++)
        if (asked->assignments.items[i].broker_ids.count != 1 || asked->assignments.items[i].broker_ids.items[0] != 0)
            return fail(request, message, HW_KAFKA_INVALID_REPLICA_ASSIGNMENT,
                        "the embedded log is one node: replicas must be [0]");
    if (topic == request->broker->offsets_topic)
        return fail(request, message, HW_KAFKA_INVALID_PARTITIONS,
                    "growing __consumer_offsets would lose the groups it holds");
    if (!only_check && hw_topics_grow(&request->broker->topics, topic, asked->count, &err) < 0)
        return fail(request, message, HW_KAFKA_KAFKA_STORAGE_ERROR, err.text);
    return 0;
}

void hw_api_create_partitions(struct hw_request *request) {
    const struct hw_kafka_create_partitions_request *in = request->in;
    struct hw_kafka_create_partitions_response *out = HW_RESPONSE(request, create_partitions_response);
    for (int32_t i = 0; i < in->topics.count; i++) {
        struct hw_kafka_create_partitions_response_result *row =
            HW_KAFKA_ADD(&request->arena, create_partitions_response_result, &out->results);
        row->name = in->topics.items[i].name;
        row->error_code = (int16_t)grow(request, &in->topics.items[i], in->validate_only, &row->error_message);
    }
    hw_request_reply(request, out);
}

/* ---- DescribeConfigs ---- */

static bool is_asked(const struct hw_kafka_describe_configs_request_resource *asked, const char *name) {
    for (int32_t i = 0; i < asked->configuration_keys.count; i++)
        if (hw_slice_eq(asked->configuration_keys.items[i], name))
            return true;
    return asked->configuration_keys.null || asked->configuration_keys.count == 0;
}

static void add_synonym(struct hw_request *request, struct hw_kafka_describe_configs_response_config *row,
                        const char *name, const char *value, int source) {
    struct hw_kafka_describe_configs_response_synonym *synonym =
        HW_KAFKA_ADD(&request->arena, describe_configs_response_synonym, &row->synonyms);
    synonym->name = hw_slice_str(name);
    synonym->value = hw_slice_str(value);
    synonym->source = (int8_t)source;
}

static void describe_topic(struct hw_request *request, const struct hw_topic *topic,
                           const struct hw_kafka_describe_configs_request_resource *asked,
                           struct hw_kafka_describe_configs_response_result *out) {
    const struct hw_kafka_describe_configs_request *in = request->in;
    for (const struct hw_topic_config_field *field = hw_topic_config_fields; field->name; field++) {
        if (!is_asked(asked, field->name))
            continue;
        const char *own = hw_map_get(&topic->config.values, field->name),
                   *broker = hw_map_get(&hw_topic_defaults, field->name);
        struct hw_kafka_describe_configs_response_config *row =
            HW_KAFKA_ADD(&request->arena, describe_configs_response_config, &out->configs);
        row->name = hw_slice_str(field->name);
        row->value = hw_slice_str(hw_topic_config_value(&topic->config, field));
        row->config_source = own ? SOURCE_TOPIC : broker ? SOURCE_STATIC_BROKER : SOURCE_DEFAULT;
        row->config_type = (int8_t)field->type;
        if (in->include_documentation)
            row->documentation = hw_slice_str(field->doc);
        if (!in->include_synonyms)
            continue;
        if (own)
            add_synonym(request, row, field->name, own, SOURCE_TOPIC);
        if (broker)
            add_synonym(request, row, field->broker_name, broker, SOURCE_STATIC_BROKER);
        add_synonym(request, row, field->broker_name, field->otherwise, SOURCE_DEFAULT);
    }
}

/* The broker's own settings are the role's config table; topic-wide ones appear under their broker names. */
static void describe_broker(struct hw_request *request, const struct hw_kafka_describe_configs_request_resource *asked,
                            struct hw_kafka_describe_configs_response_result *out) {
    const struct hw_kafka_describe_configs_request *in = request->in;
    for (const struct hw_config_field *field = hw_log_fields; field->name; field++) {
        static const int8_t types[] = {
            [HW_CONFIG_STRING] = 2,  [HW_CONFIG_INT] = 3,  [HW_CONFIG_LONG] = 5,  [HW_CONFIG_DOUBLE] = 6,
            [HW_CONFIG_BOOLEAN] = 1, [HW_CONFIG_LIST] = 7, [HW_CONFIG_CLASS] = 8, [HW_CONFIG_PASSWORD] = 9};
        if (!is_asked(asked, field->name))
            continue;
        struct hw_kafka_describe_configs_response_config *row =
            HW_KAFKA_ADD(&request->arena, describe_configs_response_config, &out->configs);
        const struct hw_config *config = request->broker->config;
        bool set = hw_config_is_set(config, field->name);
        bool number = field->type == HW_CONFIG_INT || field->type == HW_CONFIG_LONG;
        row->name = hw_slice_str(field->name);
        row->value =
            number
                ? hw_slice_str(hw_arena_printf(&request->arena, "%lld", (long long)hw_config_int(config, field->name)))
            : field->type == HW_CONFIG_BOOLEAN ? hw_slice_str(hw_config_bool(config, field->name) ? "true" : "false")
                                               : hw_slice_str(hw_config_str(config, field->name));
        row->read_only = true;
        row->config_source = set ? SOURCE_STATIC_BROKER : SOURCE_DEFAULT;
        row->config_type = types[field->type];
        if (in->include_documentation)
            row->documentation = hw_slice_str(field->doc);
    }
}

void hw_api_describe_configs(struct hw_request *request) {
    const struct hw_kafka_describe_configs_request *in = request->in;
    struct hw_kafka_describe_configs_response *out = HW_RESPONSE(request, describe_configs_response);
    for (int32_t i = 0; i < in->resources.count; i++) {
        const struct hw_kafka_describe_configs_request_resource *asked = &in->resources.items[i];
        struct hw_kafka_describe_configs_response_result *row =
            HW_KAFKA_ADD(&request->arena, describe_configs_response_result, &out->results);
        row->resource_type = asked->resource_type;
        row->resource_name = asked->resource_name;
        struct hw_topic *topic = hw_topics_find(&request->broker->topics, asked->resource_name);
        if (asked->resource_type == RESOURCE_TOPIC && topic)
            describe_topic(request, topic, asked, row);
        else if (asked->resource_type == RESOURCE_TOPIC)
            row->error_code = (int16_t)fail(request, &row->error_message, HW_KAFKA_UNKNOWN_TOPIC_OR_PARTITION,
                                            "there is no such topic");
        else if (asked->resource_type == RESOURCE_BROKER &&
                 (hw_slice_eq(asked->resource_name, "0") || asked->resource_name.size == 0))
            describe_broker(request, asked, row);
        else
            row->error_code = (int16_t)fail(request, &row->error_message, HW_KAFKA_INVALID_REQUEST,
                                            "only topics (type 2) and the broker 0 (type 4) have configs here");
    }
    hw_request_reply(request, out);
}

/* ---- AlterConfigs, IncrementalAlterConfigs ---- */

/* Takes over a checked config and makes it durable. */
static int apply(struct hw_request *request, struct hw_topic *topic, struct hw_topic_config *config,
                 struct hw_slice *message) {
    struct hw_topic_config before = topic->config;
    struct hw_err err;
    topic->config = *config;
    if (hw_topics_save(&request->broker->topics, topic, &err) < 0) {
        topic->config = before;
        hw_topic_config_done(config);
        return fail(request, message, HW_KAFKA_KAFKA_STORAGE_ERROR, err.text);
    }
    hw_topic_config_done(&before);
    hw_info("topic configs changed", hw_kv_s("topic", topic->name));
    return 0;
}

static int resource_topic(struct hw_request *request, int8_t type, struct hw_slice name, struct hw_topic **out,
                          struct hw_slice *message) {
    *out = type == RESOURCE_TOPIC ? hw_topics_find(&request->broker->topics, name) : NULL;
    if (type != RESOURCE_TOPIC)
        return fail(request, message, HW_KAFKA_INVALID_REQUEST,
                    "the broker's settings come from highway.conf, section [log]; only topics can be altered here");
    return *out ? 0 : fail(request, message, HW_KAFKA_UNKNOWN_TOPIC_OR_PARTITION, "there is no such topic");
}

static int alter(struct hw_request *request, const struct hw_kafka_alter_configs_request_resource *asked,
                 bool only_check, struct hw_slice *message) {
    struct hw_topic *topic;
    int error = resource_topic(request, asked->resource_type, asked->resource_name, &topic, message);
    if (error)
        return error;
    struct hw_topic_config config;
    hw_topic_config_init(&config);
    struct hw_err err;
    for (int32_t i = 0; i < asked->configs.count; i++) {
        const char *name = text_of(request, asked->configs.items[i].name),
                   *value = text_of(request, asked->configs.items[i].value);
        if (hw_topic_config_check(name, value, &err) < 0) {
            hw_topic_config_done(&config);
            return fail(request, message, HW_KAFKA_INVALID_CONFIG, err.text);
        }
        hw_topic_config_set(&config, name, value);
    }
    if (!only_check)
        return apply(request, topic, &config, message);
    hw_topic_config_done(&config);
    return 0;
}

void hw_api_alter_configs(struct hw_request *request) {
    const struct hw_kafka_alter_configs_request *in = request->in;
    struct hw_kafka_alter_configs_response *out = HW_RESPONSE(request, alter_configs_response);
    for (int32_t i = 0; i < in->resources.count; i++) {
        struct hw_kafka_alter_configs_response_resource *row =
            HW_KAFKA_ADD(&request->arena, alter_configs_response_resource, &out->responses);
        row->resource_type = in->resources.items[i].resource_type;
        row->resource_name = in->resources.items[i].resource_name;
        row->error_code = (int16_t)alter(request, &in->resources.items[i], in->validate_only, &row->error_message);
    }
    hw_request_reply(request, out);
}

enum { OP_SET, OP_DELETE, OP_APPEND, OP_SUBTRACT };

/* A list with the words of value added or taken out. */
static char *change_list(struct hw_request *request, const char *list, const char *value, bool append) {
    HW_CLEANUP(hw_buf_done) struct hw_buf out = {0};
    for (int round = 0; round < (append ? 2 : 1); round++) {
        for (const char *at = round ? value : list; *at;) {
            const char *comma = strchrnul(at, ',');
            HW_CLEANUP(hw_freep) char *word = hw_xstrndup(at, (size_t)(comma - at));
            HW_CLEANUP(hw_freep) char *padded_word = hw_xasprintf(",%s,", word);
            HW_CLEANUP(hw_freep) char *padded_value = hw_xasprintf(",%s,", value);
            HW_CLEANUP(hw_freep) char *padded_out = hw_xasprintf(",%s,", hw_buf_str(&out));
            if ((append || !strstr(padded_value, padded_word)) && !strstr(padded_out, padded_word)) {
                hw_buf_add_str(&out, out.size ? "," : "");
                hw_buf_add_str(&out, word);
            }
            at = *comma ? comma + 1 : comma;
        }
    }
    return hw_arena_printf(&request->arena, "%s", hw_buf_str(&out));
}

static int change_one(struct hw_request *request, struct hw_topic_config *config,
                      const struct hw_kafka_incremental_alter_configs_request_config *asked, struct hw_err *err) {
    const char *name = text_of(request, asked->name), *value = text_of(request, asked->value);
    const struct hw_topic_config_field *field = hw_topic_config_find(name);
    if (asked->config_operation == OP_DELETE && field) {
        hw_topic_config_set(config, name, NULL);
        return 0;
    }
    if (asked->config_operation < OP_SET || asked->config_operation > OP_SUBTRACT)
        return hw_err_set(err, HW_ERR_CONFIG, 0, "Unknown operation %d for configuration %s", asked->config_operation,
                          name);
    if (field && asked->config_operation >= OP_APPEND) {
        if (field->type != HW_TOPIC_LIST)
            return hw_err_set(err, HW_ERR_CONFIG, 0, "Config value append and subtract are for lists only, %s is none",
                              name);
        value = change_list(request, hw_topic_config_value(config, field), value, asked->config_operation == OP_APPEND);
    }
    HW_TRY(hw_topic_config_check(name, value, err));
    hw_topic_config_set(config, name, value);
    return 0;
}

static int alter_some(struct hw_request *request,
                      const struct hw_kafka_incremental_alter_configs_request_resource *asked, bool only_check,
                      struct hw_slice *message) {
    struct hw_topic *topic;
    int error = resource_topic(request, asked->resource_type, asked->resource_name, &topic, message);
    if (error)
        return error;
    struct hw_topic_config config;
    hw_topic_config_copy(&config, &topic->config);
    struct hw_err err;
    for (int32_t i = 0; i < asked->configs.count; i++) {
        if (change_one(request, &config, &asked->configs.items[i], &err) < 0) {
            hw_topic_config_done(&config);
            return fail(request, message, HW_KAFKA_INVALID_CONFIG, err.text);
        }
    }
    if (!only_check)
        return apply(request, topic, &config, message);
    hw_topic_config_done(&config);
    return 0;
}

void hw_api_incremental_alter_configs(struct hw_request *request) {
    const struct hw_kafka_incremental_alter_configs_request *in = request->in;
    struct hw_kafka_alter_configs_response *out = HW_RESPONSE(request, alter_configs_response);
    for (int32_t i = 0; i < in->resources.count; i++) {
        struct hw_kafka_alter_configs_response_resource *row =
            HW_KAFKA_ADD(&request->arena, alter_configs_response_resource, &out->responses);
        row->resource_type = in->resources.items[i].resource_type;
        row->resource_name = in->resources.items[i].resource_name;
        row->error_code = (int16_t)alter_some(request, &in->resources.items[i], in->validate_only, &row->error_message);
    }
    hw_request_reply(request, out);
}
