/* What the cluster is: versions, metadata, coordinator, producer ids, directories. */
#include "log/broker.h"

#include "base/diag.h"
#include "base/fs.h"

#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#define NODE              0
#define PRODUCER_ID_BLOCK 1000

void hw_api_versions(struct hw_request *request) {
    struct hw_kafka_api_versions_response *out = HW_RESPONSE(request, api_versions_response);
    if (request->state) {
        out->error_code = HW_KAFKA_UNSUPPORTED_VERSION;
    } else if (request->version >= 3) {
        const struct hw_kafka_api_versions_request *in = request->in;
        struct hw_slice words[2] = {in->client_software_name, in->client_software_version};
        for (int w = 0; w < 2; w++) {
            bool good = words[w].size > 0;
            for (size_t i = 0; i < words[w].size; i++) {
                uint8_t c = words[w].data[i];
                bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
                good = good && (letter || ((c == '-' || c == '.') && i > 0 && i + 1 < words[w].size));
            }
            if (!good)
                out->error_code = HW_KAFKA_INVALID_REQUEST;
        }
    }
    for (size_t i = 0; i < hw_kafka_api_count; i++) {
        struct hw_kafka_api_versions_response_key *key =
            HW_KAFKA_ADD(&request->arena, api_versions_response_key, &out->api_keys);
        key->api_key = hw_kafka_apis[i].key;
        key->min_version = hw_kafka_apis[i].min;
        key->max_version = hw_kafka_apis[i].max;
    }
    if (request->version >= 3) { /* what admin tools derive a release from; 27 = Kafka 4.1 */
        struct hw_kafka_api_versions_response_supported *supported =
            HW_KAFKA_ADD(&request->arena, api_versions_response_supported, &out->supported_features);
        supported->name = hw_slice_str("metadata.version");
        supported->min_version = 7;
        supported->max_version = 27;
        struct hw_kafka_api_versions_response_finalized *finalized =
            HW_KAFKA_ADD(&request->arena, api_versions_response_finalized, &out->finalized_features);
        finalized->name = hw_slice_str("metadata.version");
        finalized->min_version_level = finalized->max_version_level = 27;
        out->finalized_features_epoch = 0;
    }
    hw_request_reply(request, out);
}

/* ---- Metadata ---- */

struct hw_topic *hw_topic_auto_create(struct hw_broker *broker, struct hw_slice name, int *out_error) {
    if (hw_topic_name_fault(name)) {
        *out_error = HW_KAFKA_INVALID_TOPIC;
        return NULL;
    }
    HW_CLEANUP(hw_freep) char *text = hw_xstrndup((const char *)name.data, name.size);
    struct hw_topic_config config;
    hw_topic_config_init(&config);
    bool offsets = strcmp(text, "__consumer_offsets") == 0;
    if (offsets)
        hw_topic_config_set(&config, "cleanup.policy", "compact");
    struct hw_topic *topic = NULL;
    struct hw_err err;
    if (hw_topics_create(&broker->topics, text, offsets ? broker->offsets_partitions : broker->num_partitions, &config,
                         &topic, &err) < 0) {
        hw_error("cannot create a topic", hw_kv_s("topic", text), hw_kv_s("error", err.text));
        *out_error = HW_KAFKA_KAFKA_STORAGE_ERROR;
    }
    hw_topic_config_done(&config);
    return topic;
}

static void describe_topic(struct hw_request *request, struct hw_kafka_metadata_response *out,
                           const struct hw_topic *topic) {
    static int32_t node[1] = {NODE};
    struct hw_kafka_metadata_response_topic *row = HW_KAFKA_ADD(&request->arena, metadata_response_topic, &out->topics);
    row->name = hw_slice_str(topic->name);
    row->topic_id = topic->id;
    row->is_internal = topic->internal;
    for (int32_t i = 0; i < topic->partition_count; i++) {
        struct hw_kafka_metadata_response_partition *partition =
            HW_KAFKA_ADD(&request->arena, metadata_response_partition, &row->partitions);
        partition->partition_index = i;
        partition->leader_id = NODE;
        partition->leader_epoch = hw_partition_epoch(topic->partitions[i]);
        partition->replica_nodes.items = partition->isr_nodes.items = node;
        partition->replica_nodes.count = partition->isr_nodes.count = 1;
    }
}

static void describe_missing(struct hw_request *request, struct hw_kafka_metadata_response *out,
                             const struct hw_kafka_metadata_request_topic *asked, int error) {
    struct hw_kafka_metadata_response_topic *row = HW_KAFKA_ADD(&request->arena, metadata_response_topic, &out->topics);
    row->error_code = (int16_t)error;
    row->name = asked->name;
    row->topic_id = asked->topic_id;
}

void hw_api_metadata(struct hw_request *request) {
    struct hw_broker *broker = request->broker;
    const struct hw_kafka_metadata_request *in = request->in;
    struct hw_kafka_metadata_response *out = HW_RESPONSE(request, metadata_response);
    struct hw_kafka_metadata_response_broker *self =
        HW_KAFKA_ADD(&request->arena, metadata_response_broker, &out->brokers);
    self->node_id = NODE;
    self->host = hw_slice_str(hw_request_host(request));
    self->port = broker->port;
    out->cluster_id = hw_slice_str(broker->topics.cluster_id);
    out->controller_id = NODE;
    if (in->topics.null || (request->version == 0 && in->topics.count == 0)) {
        size_t at = 0;
        const char *name;
        void *topic;
        while (hw_map_next(&broker->topics.by_name, &at, &name, &topic))
            describe_topic(request, out, topic);
    }
    for (int32_t i = 0; i < in->topics.count; i++) {
        const struct hw_kafka_metadata_request_topic *asked = &in->topics.items[i];
        bool by_id = !asked->name.data;
        struct hw_topic *topic =
            by_id ? hw_topics_find_id(&broker->topics, &asked->topic_id) : hw_topics_find(&broker->topics, asked->name);
        int error = by_id                              ? HW_KAFKA_UNKNOWN_TOPIC_ID
                    : hw_topic_name_fault(asked->name) ? HW_KAFKA_INVALID_TOPIC
                                                       : HW_KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        if (!topic && !by_id && broker->auto_create && in->allow_auto_topic_creation)
            topic = hw_topic_auto_create(broker, asked->name, &error);
        if (topic)
            describe_topic(request, out, topic);
        else
            describe_missing(request, out, asked, error);
    }
    hw_request_reply(request, out);
}

void hw_api_describe_cluster(struct hw_request *request) {
    struct hw_kafka_describe_cluster_response *out = HW_RESPONSE(request, describe_cluster_response);
    const struct hw_kafka_describe_cluster_request *in = request->in;
    out->endpoint_type = in->endpoint_type;
    out->cluster_id = hw_slice_str(request->broker->topics.cluster_id);
    out->controller_id = NODE;
    struct hw_kafka_describe_cluster_response_broker *self =
        HW_KAFKA_ADD(&request->arena, describe_cluster_response_broker, &out->brokers);
    self->broker_id = NODE;
    self->host = hw_slice_str(hw_request_host(request));
    self->port = request->broker->port;
    hw_request_reply(request, out);
}

void hw_api_find_coordinator(struct hw_request *request) {
    const struct hw_kafka_find_coordinator_request *in = request->in;
    struct hw_kafka_find_coordinator_response *out = HW_RESPONSE(request, find_coordinator_response);
    int error = in->key_type == 0 ? 0 : HW_KAFKA_COORDINATOR_NOT_AVAILABLE;
    struct hw_slice why =
        error ? hw_slice_str("the embedded log has no transactions and share groups; use Kafka for those")
              : (struct hw_slice){0};
    int32_t node = error ? -1 : NODE;
    struct hw_slice host = hw_slice_str(error ? "" : hw_request_host(request));
    int32_t port = error ? -1 : request->broker->port;
    out->error_code = (int16_t)error;
    out->error_message = why;
    out->node_id = node;
    out->host = host;
    out->port = port;
    for (int32_t i = 0; i < in->coordinator_keys.count; i++) {
        struct hw_kafka_find_coordinator_response_coordinator *row =
            HW_KAFKA_ADD(&request->arena, find_coordinator_response_coordinator, &out->coordinators);
        row->key = in->coordinator_keys.items[i];
        row->node_id = node;
        row->host = host;
        row->port = port;
        row->error_code = (int16_t)error;
        row->error_message = why;
    }
    hw_request_reply(request, out);
}

/* ---- producer ids: a block is reserved on disk before any of it is given out ---- */

static int reserve_ids(struct hw_broker *broker, struct hw_err *err) {
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("%s/meta/producer-ids", broker->topics.dir);
    HW_CLEANUP(hw_buf_done) struct hw_buf text = {0};
    int64_t next = 0;
    if (hw_fs_read(path, 100, &text, err) == 0)
        next = strtoll(hw_buf_str(&text), NULL, 10);
    next = HW_MAX(next, broker->producer_id_limit);
    hw_buf_clear(&text);
    hw_buf_printf(&text, "%lld\n", (long long)(next + PRODUCER_ID_BLOCK));
    HW_TRY(hw_fs_write_atomic(path, text.data, text.size, err));
    broker->next_producer_id = next;
    broker->producer_id_limit = next + PRODUCER_ID_BLOCK;
    return 0;
}

void hw_api_init_producer_id(struct hw_request *request) {
    struct hw_broker *broker = request->broker;
    const struct hw_kafka_init_producer_id_request *in = request->in;
    struct hw_kafka_init_producer_id_response *out = HW_RESPONSE(request, init_producer_id_response);
    struct hw_err err;
    if (in->transactional_id.data) {
        out->error_code = HW_KAFKA_COORDINATOR_NOT_AVAILABLE;
    } else if (broker->next_producer_id == broker->producer_id_limit && reserve_ids(broker, &err) < 0) {
        hw_error("cannot reserve producer ids", hw_kv_s("error", err.text));
        out->error_code = HW_KAFKA_KAFKA_STORAGE_ERROR;
    } else {
        out->producer_id = broker->next_producer_id++;
    }
    hw_request_reply(request, out);
}

/* ---- DescribeLogDirs ---- */

static void describe_dir_topic(struct hw_request *request, struct hw_kafka_describe_log_dirs_response_result *result,
                               const struct hw_topic *topic, const int32_t *ids, int32_t count) {
    struct hw_kafka_describe_log_dirs_response_topic *row =
        HW_KAFKA_ADD(&request->arena, describe_log_dirs_response_topic, &result->topics);
    row->name = hw_slice_str(topic->name);
    for (int32_t i = 0; i < (ids ? count : topic->partition_count); i++) {
        const struct hw_partition *partition = hw_topic_partition(topic, ids ? ids[i] : i);
        if (!partition)
            continue;
        struct hw_kafka_describe_log_dirs_response_partition *p =
            HW_KAFKA_ADD(&request->arena, describe_log_dirs_response_partition, &row->partitions);
        p->partition_index = partition->id;
        p->partition_size = (int64_t)hw_partition_bytes(partition);
    }
}

void hw_api_describe_log_dirs(struct hw_request *request) {
    struct hw_topics *topics = &request->broker->topics;
    const struct hw_kafka_describe_log_dirs_request *in = request->in;
    struct hw_kafka_describe_log_dirs_response *out = HW_RESPONSE(request, describe_log_dirs_response);
    struct hw_kafka_describe_log_dirs_response_result *result =
        HW_KAFKA_ADD(&request->arena, describe_log_dirs_response_result, &out->results);
    result->log_dir = hw_slice_str(topics->dir);
    struct statvfs fs;
    if (statvfs(topics->dir, &fs) == 0) {
        result->total_bytes = (int64_t)fs.f_blocks * (int64_t)fs.f_frsize;
        result->usable_bytes = (int64_t)fs.f_bavail * (int64_t)fs.f_frsize;
    }
    if (in->topics.null) {
        size_t at = 0;
        const char *name;
        void *topic;
        while (hw_map_next(&topics->by_name, &at, &name, &topic))
            describe_dir_topic(request, result, topic, NULL, 0);
    }
    for (int32_t i = 0; i < in->topics.count; i++) {
        const struct hw_topic *topic = hw_topics_find(topics, in->topics.items[i].topic);
        if (topic)
            describe_dir_topic(request, result, topic, in->topics.items[i].partitions.items,
                               in->topics.items[i].partitions.count);
    }
    hw_request_reply(request, out);
}
