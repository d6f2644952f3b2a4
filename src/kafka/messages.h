/* C structs of Kafka's messages and their schemas, made from messages.def:
 * STRUCT(x) becomes struct hw_kafka_x, described by hw_kafka_x_schema(). */
#pragma once
#include "kafka/codec.h"

#define STRUCT(n) struct hw_kafka_##n {
#define END(n) };
#define BOOL(n, ...) bool n;
#define I8(n, ...) int8_t n;
#define I16(n, ...) int16_t n;
#define I32(n, ...) int32_t n;
#define I64(n, ...) int64_t n;
#define UUID(n, ...) struct hw_uuid n;
#define STRING(n, ...) struct hw_slice n;
#define BYTES(n, ...) struct hw_slice n;
#define RECORDS(n, ...) struct hw_kafka_records n;
#define I32S(n, ...) HW_KAFKA_ARRAY_OF(int32_t) n;
#define STRINGS(n, ...) HW_KAFKA_ARRAY_OF(struct hw_slice) n;
#define ARRAY(n, of, ...) HW_KAFKA_ARRAY_OF(struct hw_kafka_##of) n;
#define NESTED(n, of, ...) struct hw_kafka_##of n;
#include "kafka/messages.def"
#undef STRUCT
#undef END

#define STRUCT(n) const struct hw_kafka_schema *hw_kafka_##n##_schema(void);
#define END(n)
#undef BOOL
#undef I8
#undef I16
#undef I32
#undef I64
#undef UUID
#undef STRING
#undef BYTES
#undef RECORDS
#undef I32S
#undef STRINGS
#undef ARRAY
#undef NESTED
#define BOOL(n, ...)
#define I8(n, ...)
#define I16(n, ...)
#define I32(n, ...)
#define I64(n, ...)
#define UUID(n, ...)
#define STRING(n, ...)
#define BYTES(n, ...)
#define RECORDS(n, ...)
#define I32S(n, ...)
#define STRINGS(n, ...)
#define ARRAY(n, of, ...)
#define NESTED(n, of, ...)
#include "kafka/messages.def"
#undef STRUCT
#undef END
#undef BOOL
#undef I8
#undef I16
#undef I32
#undef I64
#undef UUID
#undef STRING
#undef BYTES
#undef RECORDS
#undef I32S
#undef STRINGS
#undef ARRAY
#undef NESTED

/* One row per request key we know. The versions are what the log advertises. */
struct hw_kafka_api {
    int16_t key, min, max;
    int16_t flexible; /* first flexible version; 99 = never */
    const char *name;
    const struct hw_kafka_schema *(*request)(void), *(*response)(void);
};
extern const struct hw_kafka_api hw_kafka_apis[];
extern const size_t hw_kafka_api_count;
const struct hw_kafka_api *hw_kafka_api_find(int key); /* NULL when unknown */

enum hw_kafka_error {
    HW_KAFKA_UNKNOWN_SERVER_ERROR = -1,
    HW_KAFKA_OK = 0,
    HW_KAFKA_OFFSET_OUT_OF_RANGE = 1,
    HW_KAFKA_CORRUPT_MESSAGE = 2,
    HW_KAFKA_UNKNOWN_TOPIC_OR_PARTITION = 3,
    HW_KAFKA_REQUEST_TIMED_OUT = 7,
    HW_KAFKA_MESSAGE_TOO_LARGE = 10,
    HW_KAFKA_OFFSET_METADATA_TOO_LARGE = 12,
    HW_KAFKA_COORDINATOR_LOAD_IN_PROGRESS = 14,
    HW_KAFKA_COORDINATOR_NOT_AVAILABLE = 15,
    HW_KAFKA_INVALID_TOPIC = 17,
    HW_KAFKA_INVALID_REQUIRED_ACKS = 21,
    HW_KAFKA_ILLEGAL_GENERATION = 22,
    HW_KAFKA_INCONSISTENT_GROUP_PROTOCOL = 23,
    HW_KAFKA_INVALID_GROUP_ID = 24,
    HW_KAFKA_UNKNOWN_MEMBER_ID = 25,
    HW_KAFKA_INVALID_SESSION_TIMEOUT = 26,
    HW_KAFKA_REBALANCE_IN_PROGRESS = 27,
    HW_KAFKA_UNSUPPORTED_VERSION = 35,
    HW_KAFKA_TOPIC_ALREADY_EXISTS = 36,
    HW_KAFKA_INVALID_PARTITIONS = 37,
    HW_KAFKA_INVALID_REPLICATION_FACTOR = 38,
    HW_KAFKA_INVALID_REPLICA_ASSIGNMENT = 39,
    HW_KAFKA_INVALID_CONFIG = 40,
    HW_KAFKA_INVALID_REQUEST = 42,
    HW_KAFKA_UNSUPPORTED_FOR_MESSAGE_FORMAT = 43,
    HW_KAFKA_POLICY_VIOLATION = 44,
    HW_KAFKA_OUT_OF_ORDER_SEQUENCE_NUMBER = 45,
    HW_KAFKA_DUPLICATE_SEQUENCE_NUMBER = 46,
    HW_KAFKA_INVALID_PRODUCER_EPOCH = 47,
    HW_KAFKA_KAFKA_STORAGE_ERROR = 56,
    HW_KAFKA_NON_EMPTY_GROUP = 68,
    HW_KAFKA_GROUP_ID_NOT_FOUND = 69,
    HW_KAFKA_FENCED_LEADER_EPOCH = 74,
    HW_KAFKA_UNKNOWN_LEADER_EPOCH = 75,
    HW_KAFKA_UNSUPPORTED_COMPRESSION_TYPE = 76,
    HW_KAFKA_MEMBER_ID_REQUIRED = 79,
    HW_KAFKA_GROUP_MAX_SIZE_REACHED = 81,
    HW_KAFKA_FENCED_INSTANCE_ID = 82,
    HW_KAFKA_GROUP_SUBSCRIBED_TO_TOPIC = 86,
    HW_KAFKA_INVALID_RECORD = 87,
    HW_KAFKA_UNKNOWN_TOPIC_ID = 100
};
