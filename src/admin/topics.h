/* What the log holds, looked at by a thread of its own: topics, sizes, rates, consumer groups.
 * Readers get copies of the newest look; nobody waits for Kafka but that thread. */
#pragma once
#include "base/settings.h"
#include "kafka/client.h"

struct hw_topics;
HW_MUST_CHECK int hw_topics_start(const struct hw_settings *settings, struct hw_topics **out_topics,
                                  struct hw_err *err);
struct hw_topics *hw_topics_stop(struct hw_topics *topics);
/* A client for admin calls of others (create topic); any thread. */
rd_kafka_t *hw_topics_client(struct hw_topics *topics);
/* False while there is no look yet, or Kafka was away at the last one; why says it. */
bool hw_topics_reachable(struct hw_topics *topics, char *why, size_t size, int64_t *out_as_of_us);
/* Waits until a look that began after this call is done, at most timeout_ms. */
void hw_topics_look_now(struct hw_topics *topics, int timeout_ms);

struct hw_topic_group {
    char name[256];
    int64_t lag;
};
struct hw_topic_view {
    char name[250];
    bool internal;
    int partitions, consumers;       /* consumers -1: not known */
    int64_t messages, last_event_us; /* last_event_us 0: none or not known */
    double per_minute;               /* < 0: not known yet */
    /* Only from hw_topics_get */
    int64_t *starts, *ends;
    struct hw_topic_group *groups;
    size_t group_count;
};
/* All topics by name; the caller frees the array. */
size_t hw_topics_list(struct hw_topics *topics, struct hw_topic_view **out_views);
/* False when there is no such topic; hw_topic_view_done. */
bool hw_topics_get(struct hw_topics *topics, const char *name, struct hw_topic_view *out_view);
void hw_topic_view_done(struct hw_topic_view *view);

/* How far a consumer group is in some topics. */
struct hw_progress {
    bool known;         /* topics and group were looked at */
    bool has_committed; /* the group has a position in any of them */
    int64_t messages;   /* held in the topics now */
    int64_t committed;  /* sum of positions, to see movement */
    int64_t lag;        /* events not passed yet */
    int64_t oldest_ms;  /* time of the oldest of those, 0 when not known */
    int64_t last_event_us;
};
void hw_topics_progress(struct hw_topics *topics, const char *group, char *const *names, size_t count,
                        struct hw_progress *out);

/* Newest events of a topic, read by a consumer made for this one call; client (connected already) finds the ends. */
struct hw_sample_event {
    int32_t partition;
    int64_t offset, timestamp_ms;
    struct hw_slice key, value;
    size_t header_count;
    struct {
        char *name;
        struct hw_slice value;
    } * headers;
};
struct hw_sample {
    struct hw_sample_event *events; /* newest first */
    size_t count;
    bool complete;
};
HW_MUST_CHECK int hw_sample_read(const struct hw_settings *settings, rd_kafka_t *client, const char *topic,
                                 int partitions, size_t limit, int timeout_ms, struct hw_sample *out,
                                 struct hw_err *err);
void hw_sample_done(struct hw_sample *sample);

/* Rate over a ring of (time, count) points; split out for its test. */
#define HW_RATE_POINTS 70
struct hw_rate {
    int64_t at_ms[HW_RATE_POINTS], count[HW_RATE_POINTS];
    unsigned first, used;
};
void hw_rate_add(struct hw_rate *rate, int64_t now_ms, int64_t count);
double hw_rate_per_minute(const struct hw_rate *rate, int64_t now_ms); /* < 0: not known yet */
