/* The schemas of messages.def and the table of request keys. */
#include "kafka/messages.h"

/* Words of messages.def: versions with the field, null, tag and default. */
#define ALL .first = 0
#define SINCE(v) .first = (v)
#define UNTIL(v) .until = (v) + 1
#define BETWEEN(a, b) .first = (a), .until = (b) + 1
#define NULLABLE(v) .nullable_plus = (v) + 1
#define TAG(t) .tag_plus = (t) + 1
#define DEFAULT(d) .otherwise = (d)

#define FIELD(n, t, ...) {.name = #n, .offset = offsetof(this_struct, n), .type = HW_KAFKA_##t, __VA_ARGS__},
#define STRUCT(n)                                        \
    const struct hw_kafka_schema *hw_kafka_##n##_schema(void) \
    {                                                    \
        typedef struct hw_kafka_##n this_struct;         \
        static const char name[] = #n;                   \
        static const struct hw_kafka_field fields[] = {
#define END(n)                                                                                           \
    }                                                                                                    \
    ;                                                                                                    \
    static const struct hw_kafka_schema schema = {name, sizeof(this_struct), HW_ARRAY_SIZE(fields), fields}; \
    return &schema;                                                                                      \
    }
#define BOOL(n, ...) FIELD(n, BOOL, __VA_ARGS__)
#define I8(n, ...) FIELD(n, I8, __VA_ARGS__)
#define I16(n, ...) FIELD(n, I16, __VA_ARGS__)
#define I32(n, ...) FIELD(n, I32, __VA_ARGS__)
#define I64(n, ...) FIELD(n, I64, __VA_ARGS__)
#define UUID(n, ...) FIELD(n, UUID, __VA_ARGS__)
#define STRING(n, ...) FIELD(n, STRING, __VA_ARGS__)
#define BYTES(n, ...) FIELD(n, BYTES, __VA_ARGS__)
#define RECORDS(n, ...) FIELD(n, RECORDS, __VA_ARGS__)
#define I32S(n, ...) FIELD(n, I32S, __VA_ARGS__)
#define STRINGS(n, ...) FIELD(n, STRINGS, __VA_ARGS__)
#define ARRAY(n, of, ...) FIELD(n, ARRAY, .sub = hw_kafka_##of##_schema, __VA_ARGS__)
#define NESTED(n, of, ...) FIELD(n, NESTED, .sub = hw_kafka_##of##_schema, __VA_ARGS__)
#include "kafka/messages.def"

#define API(k, n, lo, hi, flex, s) \
    {.key = k, .name = n, .min = lo, .max = hi, .flexible = flex, .request = hw_kafka_##s##_request_schema, \
     .response = hw_kafka_##s##_response_schema}
/* Produce is advertised from 0, as Kafka 4 does: librdkafka before 2.11 turns compression off otherwise. Below 3 it is refused. */
const struct hw_kafka_api hw_kafka_apis[] = {
    API(0, "Produce", 0, 13, 9, produce),
    API(1, "Fetch", 4, 18, 12, fetch),
    API(2, "ListOffsets", 1, 11, 6, list_offsets),
    API(3, "Metadata", 0, 13, 9, metadata),
    API(8, "OffsetCommit", 2, 10, 8, offset_commit),
    API(9, "OffsetFetch", 1, 10, 6, offset_fetch),
    API(10, "FindCoordinator", 0, 6, 3, find_coordinator),
    API(11, "JoinGroup", 0, 9, 6, join_group),
    API(12, "Heartbeat", 0, 4, 4, heartbeat),
    API(13, "LeaveGroup", 0, 5, 4, leave_group),
    API(14, "SyncGroup", 0, 5, 4, sync_group),
    API(15, "DescribeGroups", 0, 6, 5, describe_groups),
    API(16, "ListGroups", 0, 5, 3, list_groups),
    API(18, "ApiVersions", 0, 4, 3, api_versions),
    API(19, "CreateTopics", 2, 7, 5, create_topics),
    API(20, "DeleteTopics", 1, 6, 4, delete_topics),
    API(21, "DeleteRecords", 0, 2, 2, delete_records),
    API(22, "InitProducerId", 0, 5, 2, init_producer_id),
    API(23, "OffsetForLeaderEpoch", 2, 4, 4, offset_for_leader_epoch),
    API(32, "DescribeConfigs", 1, 4, 4, describe_configs),
    {.key = 33, .name = "AlterConfigs", .min = 0, .max = 2, .flexible = 2, .request = hw_kafka_alter_configs_request_schema,
     .response = hw_kafka_alter_configs_response_schema},
    API(35, "DescribeLogDirs", 1, 4, 2, describe_log_dirs),
    API(37, "CreatePartitions", 0, 3, 2, create_partitions),
    API(42, "DeleteGroups", 0, 2, 2, delete_groups),
    {.key = 44, .name = "IncrementalAlterConfigs", .min = 0, .max = 1, .flexible = 1,
     .request = hw_kafka_incremental_alter_configs_request_schema, .response = hw_kafka_alter_configs_response_schema},
    API(47, "OffsetDelete", 0, 0, 99, offset_delete),
    API(60, "DescribeCluster", 0, 2, 0, describe_cluster),
};
const size_t hw_kafka_api_count = HW_ARRAY_SIZE(hw_kafka_apis);

const struct hw_kafka_api *hw_kafka_api_find(int key) {
    for (size_t i = 0; i < hw_kafka_api_count; i++)
        if (hw_kafka_apis[i].key == key)
            return &hw_kafka_apis[i];
    return NULL;
}
