/* Consumer groups, the classic protocol: who is a member, who leads, what was assigned, which offsets are committed.
 *
 *   Empty ──join──▶ Preparing ──all joined, or time is up──▶ Completing ──leader's sync, stored──▶ Stable
 *                      ▲────────────── join, leave, silence ──────────────┴────────────────────────┘
 *
 *   G1  Whatever must survive (offsets, the group's generation and members) is a record of __consumer_offsets in
 * Kafka's own schema, durable before it is answered and applied to memory only then. G2  The protocol type is opaque:
 * "consumer", "connect", "sr" and others are all the same to us. G3  Everything here runs on the broker thread. */
#pragma once
#include "log/broker.h"

enum hw_group_state { HW_GROUP_EMPTY, HW_GROUP_PREPARING, HW_GROUP_COMPLETING, HW_GROUP_STABLE };

struct hw_blob {
    uint8_t *data;
    size_t size;
};
struct hw_member_protocol {
    char *name;
    struct hw_blob metadata;
};
struct hw_member {
    struct hw_group *group;
    struct hw_member *next;
    char *id, *instance_id /* or NULL */, *client_id, *client_host;
    int32_t session_timeout_ms, rebalance_timeout_ms;
    struct hw_member_protocol *protocols;
    int32_t protocol_count;
    struct hw_blob assignment;
    bool promised;                  /* told its id (MEMBER_ID_REQUIRED), has not joined with it yet */
    struct hw_request *join, *sync; /* waiting for an answer */
    struct hw_loop_timer *timer;
};
struct hw_group_offset {
    char *topic;
    int32_t partition;
    int64_t offset, committed_ms;
    int32_t leader_epoch;
    char *metadata;
};
struct hw_group {
    struct hw_broker *broker;
    char *id;
    enum hw_group_state state;
    int32_t generation;
    char *protocol_type, *protocol, *leader; /* NULL when unset */
    struct hw_member *members;
    int32_t member_count; /* without promised ones */
    struct hw_loop_timer *timer;
    int64_t rebalance_until_ms; /* an initial delay is extended no further than this */
    int64_t since_ms;
    bool initial, new_since_delay;
    struct hw_map offsets; /* "topic:partition" → struct hw_group_offset * */
    int32_t storing;       /* writes under way: the group must not be forgotten */
};

const char *hw_group_state_name(const struct hw_group *group);
struct hw_group *hw_group_find(struct hw_broker *broker, struct hw_slice id);
struct hw_group *hw_group_get(struct hw_broker *broker, struct hw_slice id); /* created when missing */
void hw_group_free(struct hw_group *group);                                  /* takes it out of the broker's map */
struct hw_member *hw_group_member(const struct hw_group *group, struct hw_slice id);
struct hw_member *hw_group_static(const struct hw_group *group, struct hw_slice instance_id);
struct hw_member *hw_group_add_member(struct hw_group *group, const char *id);
const struct hw_member_protocol *hw_member_find_protocol(const struct hw_member *member, const char *name);
void hw_member_alive(struct hw_member *member); /* restarts its session timer */
void hw_blob_set(struct hw_blob *blob, struct hw_slice from);
/* Checks shared by heartbeat, sync, leave and commit: 0 or Kafka's error; *out_member is set on 0. */
int hw_group_check(struct hw_group *group, struct hw_slice member_id, struct hw_slice instance_id,
                   struct hw_member **out_member);

/* group_store.c */
typedef void (*hw_store_done)(void *arg, int error); /* 0 = durable */
/* Appends records to the group's partition of __consumer_offsets and calls done once they are durable. */
struct hw_store_record {
    struct hw_buf key, value; /* taken over; value.data NULL = tombstone */
    bool tombstone;
};
void hw_store_write(struct hw_broker *broker, const char *group, struct hw_store_record *records, size_t count,
                    hw_store_done done, void *arg);
void hw_store_offset_record(struct hw_store_record *out, const char *group, const struct hw_group_offset *offset,
                            bool tombstone);
void hw_store_group_record(struct hw_store_record *out, const struct hw_group *group, bool tombstone);
void hw_group_set_offset(struct hw_group *group, const char *topic, int32_t partition, int64_t offset,
                         int32_t leader_epoch, const char *metadata, int64_t committed_ms);
struct hw_group_offset *hw_group_offset(const struct hw_group *group, struct hw_slice topic, int32_t partition);
void hw_group_drop_offset(struct hw_group *group, const char *topic, int32_t partition);
/* At start: reads __consumer_offsets. */
HW_MUST_CHECK int hw_groups_load(struct hw_broker *broker, struct hw_err *err);
void hw_groups_free(struct hw_broker *broker);
/* The topic is gone: so are the offsets committed in it. */
void hw_groups_forget_topic(struct hw_broker *broker, const char *topic);
/* Offsets of groups that are empty for longer than offsets.retention.minutes. */
void hw_groups_expire(struct hw_broker *broker, int64_t now_ms);
