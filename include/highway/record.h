/* A record as Kafka carries it. All memory is borrowed from the batch it came in. */
#pragma once
#include <stddef.h>
#include <stdint.h>

struct hw_slice {
    const uint8_t *data; /* NULL = null, as Kafka tells null and empty apart */
    size_t size;
};

struct hw_record_header {
    const char *key; /* NUL-ended UTF-8 */
    struct hw_slice value;
};

struct hw_record {
    const char *topic;
    int32_t partition; /* -1: let the partitioner choose (sources) */
    int64_t offset;    /* -1 in sources */
    int64_t timestamp_ms; /* since 1970 UTC; -1 = none */
    struct hw_slice key, value;
    const struct hw_record_header *headers;
    size_t header_count;
};

struct hw_batch {
    const struct hw_record *records;
    size_t count;
};

/* "Everything below next_offset": what a sink has made durable, or where it wants to go on reading. */
struct hw_topic_offset {
    char topic[250]; /* Kafka's limit is 249 characters */
    int32_t partition;
    int64_t next_offset;
};
struct hw_offsets {
    struct hw_topic_offset *items; /* owned by this struct: hw_offsets_done */
    size_t count, capacity;
};
/* Sets the entry of that partition (adds it when missing). */
void hw_offsets_set(struct hw_offsets *offsets, const char *topic, int32_t partition, int64_t next_offset);
/* -1 when there is no entry. */
int64_t hw_offsets_get(const struct hw_offsets *offsets, const char *topic, int32_t partition);
void hw_offsets_done(struct hw_offsets *offsets);
