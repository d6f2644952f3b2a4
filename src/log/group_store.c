/* Groups on disk: records of __consumer_offsets in Kafka's schemas. */
#include "log/group.h"

#include "base/diag.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define VALUE_VERSION 3

struct write {
    struct hw_waiter waiter;
    struct hw_partition *partition; /* referenced */
    hw_store_done done;
    void *arg;
};

/* Java's String.hashCode, over UTF-16 units; group ids are ASCII in practice, other bytes count as they are. */
static int32_t partition_of(const char *group, int32_t count) {
    uint32_t hash = 0;
    for (; *group; group++)
        hash = hash * 31 + (uint8_t)*group;
    return (int32_t)((hash & 0x7fffffff) % (uint32_t)count);
}

static struct hw_partition *find_partition(struct hw_broker *broker, const char *group) {
    if (!broker->offsets_topic) {
        int error = 0;
        broker->offsets_topic = hw_topics_find(&broker->topics, hw_slice_str("__consumer_offsets"));
        if (!broker->offsets_topic)
            broker->offsets_topic = hw_topic_auto_create(broker, hw_slice_str("__consumer_offsets"), &error);
        if (!broker->offsets_topic)
            return NULL;
    }
    return broker->offsets_topic->partitions[partition_of(group, broker->offsets_topic->partition_count)];
}

static void on_durable(struct hw_waiter *waiter, bool gone) {
    struct write *write = HW_CONTAINER_OF(waiter, struct write, waiter);
    write->done(write->arg, gone ? HW_KAFKA_COORDINATOR_NOT_AVAILABLE : 0);
    hw_partition_unref(write->partition);
    free(write);
}

void hw_store_write(struct hw_broker *broker, const char *group, struct hw_store_record *records, size_t count,
                    hw_store_done done, void *arg) {
    struct hw_partition *partition = find_partition(broker, group);
    struct hw_append_result result = {.error = HW_KAFKA_COORDINATOR_NOT_AVAILABLE};
    struct hw_batch_builder builder;
    hw_batch_build_begin(&builder, 0);
    int64_t now = hw_now_ms();
    for (size_t i = 0; i < count; i++) {
        struct hw_store_record *record = &records[i];
        struct hw_slice value = {record->tombstone ? NULL : record->value.data, record->value.size};
        hw_batch_build_add(&builder, (int64_t)i, now, (struct hw_slice){record->key.data, record->key.size}, value);
        hw_buf_done(&record->key);
        hw_buf_done(&record->value);
    }
    hw_batch_build_end(&builder);
    if (partition)
        hw_partition_append(partition, builder.out.data, builder.out.size, true, &result);
    hw_buf_done(&builder.out);
    if (result.error) {
        done(arg, HW_KAFKA_COORDINATOR_NOT_AVAILABLE);
        return;
    }
    struct write *write = hw_xmalloc(sizeof(*write));
    *write = (struct write){
        .waiter = {.offset = result.durable_at, .fn = on_durable}, .partition = partition, .done = done, .arg = arg};
    hw_partition_ref(partition);
    hw_waiter_add_produce(partition, &write->waiter);
    hw_flusher_kick(broker);
}

static void encode(struct hw_buf *out, int version, const struct hw_kafka_schema *schema, const void *value) {
    struct hw_kafka_writer writer = {.out = out};
    hw_kafka_write_i16(out, (int16_t)version);
    hw_kafka_encode(schema, version, false, value, &writer);
}

void hw_store_offset_record(struct hw_store_record *out, const char *group, const struct hw_group_offset *offset,
                            bool tombstone) {
    *out = (struct hw_store_record){.tombstone = tombstone};
    struct hw_kafka_offset_commit_key key = {hw_slice_str(group), hw_slice_str(offset->topic), offset->partition};
    encode(&out->key, 1, hw_kafka_offset_commit_key_schema(), &key);
    if (tombstone)
        return;
    struct hw_kafka_offset_commit_value value = {.offset = offset->offset,
                                                 .leader_epoch = offset->leader_epoch,
                                                 .metadata = hw_slice_str(offset->metadata),
                                                 .commit_timestamp = offset->committed_ms,
                                                 .expire_timestamp = -1};
    encode(&out->value, VALUE_VERSION, hw_kafka_offset_commit_value_schema(), &value);
}

void hw_store_group_record(struct hw_store_record *out, const struct hw_group *group, bool tombstone) {
    *out = (struct hw_store_record){.tombstone = tombstone};
    struct hw_kafka_group_metadata_key key = {hw_slice_str(group->id)};
    encode(&out->key, 2, hw_kafka_group_metadata_key_schema(), &key);
    if (tombstone)
        return;
    struct hw_arena arena = {0};
    struct hw_kafka_group_metadata_value value = {.protocol_type = hw_slice_str(group->protocol_type),
                                                  .generation = group->generation,
                                                  .protocol = hw_slice_str(group->protocol),
                                                  .leader = hw_slice_str(group->leader),
                                                  .current_state_timestamp = group->since_ms};
    for (const struct hw_member *member = group->members; member; member = member->next) {
        const struct hw_member_protocol *protocol =
            group->protocol ? hw_member_find_protocol(member, group->protocol) : NULL;
        if (member->promised)
            continue;
        struct hw_kafka_group_metadata_member *row = HW_KAFKA_ADD(&arena, group_metadata_member, &value.members);
        row->member_id = hw_slice_str(member->id);
        row->group_instance_id = hw_slice_str(member->instance_id);
        row->client_id = hw_slice_str(member->client_id);
        row->client_host = hw_slice_str(member->client_host);
        row->rebalance_timeout = member->rebalance_timeout_ms;
        row->session_timeout = member->session_timeout_ms;
        if (protocol)
            row->subscription = (struct hw_slice){protocol->metadata.data, protocol->metadata.size};
        row->assignment = (struct hw_slice){member->assignment.data, member->assignment.size};
    }
    encode(&out->value, VALUE_VERSION, hw_kafka_group_metadata_value_schema(), &value);
    hw_arena_done(&arena);
}

/* ---- offsets in memory ---- */

struct hw_group_offset *hw_group_offset(const struct hw_group *group, struct hw_slice topic, int32_t partition) {
    HW_CLEANUP(hw_freep) char *key = hw_xasprintf("%.*s:%d", (int)topic.size, (const char *)topic.data, partition);
    return hw_map_get(&group->offsets, key);
}

static void offset_free(struct hw_group_offset *offset) {
    if (!offset)
        return;
    free(offset->topic);
    free(offset->metadata);
    free(offset);
}

void hw_group_set_offset(struct hw_group *group, const char *topic, int32_t partition, int64_t offset,
                         int32_t leader_epoch, const char *metadata, int64_t committed_ms) {
    struct hw_group_offset *entry = hw_xcalloc(1, sizeof(*entry));
    *entry = (struct hw_group_offset){hw_xstrdup(topic), partition,    offset,
                                      committed_ms,      leader_epoch, hw_xstrdup(metadata)};
    HW_CLEANUP(hw_freep) char *key = hw_xasprintf("%s:%d", topic, partition);
    offset_free(hw_map_put(&group->offsets, key, entry));
}

void hw_group_drop_offset(struct hw_group *group, const char *topic, int32_t partition) {
    HW_CLEANUP(hw_freep) char *key = hw_xasprintf("%s:%d", topic, partition);
    offset_free(hw_map_remove(&group->offsets, key));
}

/* ---- loading ---- */

static char *text_of(struct hw_slice slice) {
    return hw_xstrndup(slice.data ? (const char *)slice.data : "", slice.size);
}

static void load_offset(struct hw_broker *broker, struct hw_kafka_reader *key, struct hw_slice value,
                        struct hw_arena *arena) {
    struct hw_kafka_offset_commit_key name;
    struct hw_err err;
    if (hw_kafka_decode(hw_kafka_offset_commit_key_schema(), 1, false, key, arena, &name, &err) < 0)
        return;
    HW_CLEANUP(hw_freep) char *topic = text_of(name.topic);
    if (!value.data) {
        struct hw_group *group = hw_group_find(broker, name.group);
        if (group)
            hw_group_drop_offset(group, topic, name.partition);
        return;
    }
    struct hw_kafka_reader in = {value.data, value.data + value.size, false};
    struct hw_kafka_offset_commit_value body;
    int16_t version = hw_kafka_read_i16(&in);
    if (version < 0 || version > 4 ||
        hw_kafka_decode(hw_kafka_offset_commit_value_schema(), version, version >= 4, &in, arena, &body, &err) < 0)
        return;
    HW_CLEANUP(hw_freep) char *metadata = text_of(body.metadata);
    hw_group_set_offset(hw_group_get(broker, name.group), topic, name.partition, body.offset, body.leader_epoch,
                        metadata, body.commit_timestamp);
}

static void load_members(struct hw_group *group, const struct hw_kafka_group_metadata_value *value) {
    for (int32_t i = 0; i < value->members.count; i++) {
        const struct hw_kafka_group_metadata_member *row = &value->members.items[i];
        HW_CLEANUP(hw_freep) char *id = text_of(row->member_id);
        struct hw_member *member = hw_group_add_member(group, id);
        member->instance_id = row->group_instance_id.data ? text_of(row->group_instance_id) : NULL;
        member->client_id = text_of(row->client_id);
        member->client_host = text_of(row->client_host);
        member->session_timeout_ms = row->session_timeout;
        member->rebalance_timeout_ms = row->rebalance_timeout;
        member->protocols = hw_xcalloc(1, sizeof(*member->protocols));
        member->protocol_count = 1;
        member->protocols[0].name = text_of(value->protocol);
        hw_blob_set(&member->protocols[0].metadata, row->subscription);
        hw_blob_set(&member->assignment, row->assignment);
        group->member_count++;
        hw_member_alive(member);
    }
}

static void load_group(struct hw_broker *broker, struct hw_kafka_reader *key, struct hw_slice value,
                       struct hw_arena *arena) {
    struct hw_kafka_group_metadata_key name;
    struct hw_err err;
    if (hw_kafka_decode(hw_kafka_group_metadata_key_schema(), 2, false, key, arena, &name, &err) < 0)
        return;
    struct hw_group *old = hw_group_find(broker, name.group);
    if (!value.data) {
        if (old)
            hw_group_free(old);
        return;
    }
    struct hw_kafka_reader in = {value.data, value.data + value.size, false};
    struct hw_kafka_group_metadata_value body;
    int16_t version = hw_kafka_read_i16(&in);
    if (version < 0 || version > 4 ||
        hw_kafka_decode(hw_kafka_group_metadata_value_schema(), version, version >= 4, &in, arena, &body, &err) < 0)
        return;
    /* The later record replaces the members; offsets stay. */
    struct hw_map offsets = {0};
    if (old) {
        offsets = old->offsets;
        old->offsets = (struct hw_map){0};
        hw_group_free(old);
    }
    struct hw_group *group = hw_group_get(broker, name.group);
    group->offsets = offsets;
    group->generation = body.generation;
    group->protocol_type = text_of(body.protocol_type);
    group->protocol = body.protocol.data ? text_of(body.protocol) : NULL;
    group->leader = body.leader.data ? text_of(body.leader) : NULL;
    group->since_ms = body.current_state_timestamp;
    load_members(group, &body);
    group->state = group->member_count ? HW_GROUP_STABLE : HW_GROUP_EMPTY;
}

static int load_batch(struct hw_broker *broker, const uint8_t *bytes, const struct hw_batch_info *info,
                      struct hw_err *err) {
    HW_CLEANUP(hw_batch_records_done) struct hw_batch_records records = {0};
    HW_TRY(hw_batch_records_open(bytes, info, 256u << 20, &records, err));
    struct hw_batch_record record;
    int result;
    while (!(info->attributes & HW_BATCH_CONTROL) && (result = hw_batch_records_next(&records, &record, err)) != 0) {
        if (result < 0)
            return result;
        if (!record.key.data)
            continue;
        struct hw_arena arena = {.limit = 64u << 20};
        struct hw_kafka_reader key = {record.key.data, record.key.data + record.key.size, false};
        int16_t kind = hw_kafka_read_i16(&key);
        if (!key.failed && (kind == 0 || kind == 1))
            load_offset(broker, &key, record.value, &arena);
        else if (!key.failed && kind == 2)
            load_group(broker, &key, record.value, &arena);
        hw_arena_done(&arena);
    }
    return 0;
}

int hw_groups_load(struct hw_broker *broker, struct hw_err *err) {
    struct hw_topic *topic = broker->offsets_topic =
        hw_topics_find(&broker->topics, hw_slice_str("__consumer_offsets"));
    for (int32_t p = 0; topic && p < topic->partition_count; p++) {
        struct hw_partition *partition = topic->partitions[p];
        for (int64_t offset = partition->log_start; offset < partition->next_offset;) {
            HW_CLEANUP(hw_freep) uint8_t *bytes = NULL;
            struct hw_batch_info info;
            int result = hw_partition_read_batch(partition, offset, &bytes, &info, err);
            if (result > 0)
                break;
            if (result == 0)
                result = load_batch(broker, bytes, &info, err);
            if (result < 0)
                return hw_err_prefix(err, "__consumer_offsets-%d", p);
            offset = info.last_offset + 1;
        }
    }
    return 0;
}

void hw_groups_free(struct hw_broker *broker) {
    for (;;) {
        size_t at = 0;
        const char *id;
        void *group;
        if (!hw_map_next(&broker->groups, &at, &id, &group))
            break;
        hw_group_free(group);
    }
    hw_map_done(&broker->groups);
}

/* ---- forgetting ---- */

static void ignore(void *arg, int error) {
}

/* Writes tombstones for the offsets that `matches` picks and drops them from memory. */
static void drop_offsets(struct hw_group *group, bool (*matches)(const struct hw_group_offset *offset, const void *arg),
                         const void *arg) {
    struct hw_store_record *records = hw_xcalloc(group->offsets.count + 1, sizeof(*records));
    size_t count = 0, at = 0;
    const char *key;
    void *value;
    while (hw_map_next(&group->offsets, &at, &key, &value)) {
        if (!matches(value, arg))
            continue;
        hw_store_offset_record(&records[count++], group->id, value, true);
        hw_map_remove(&group->offsets, key);
        offset_free(value);
    }
    if (count)
        hw_store_write(group->broker, group->id, records, count, ignore, NULL);
    free(records);
}

static bool in_topic(const struct hw_group_offset *offset, const void *arg) {
    return strcmp(offset->topic, arg) == 0;
}

void hw_groups_forget_topic(struct hw_broker *broker, const char *topic) {
    size_t at = 0;
    const char *id;
    void *group;
    while (hw_map_next(&broker->groups, &at, &id, &group))
        drop_offsets(group, in_topic, topic);
}

static bool older(const struct hw_group_offset *offset, const void *arg) {
    return offset->committed_ms < *(const int64_t *)arg;
}

void hw_groups_expire(struct hw_broker *broker, int64_t now_ms) {
    int64_t before = now_ms - broker->offsets_retention_ms;
    size_t at = 0;
    const char *id;
    void *value;
    while (hw_map_next(&broker->groups, &at, &id, &value)) {
        struct hw_group *group = value;
        if (group->state != HW_GROUP_EMPTY || group->since_ms > before || group->storing || group->members)
            continue;
        drop_offsets(group, older, &before);
        if (group->offsets.count)
            continue;
        struct hw_store_record record;
        hw_store_group_record(&record, group, true);
        hw_store_write(broker, group->id, &record, 1, ignore, NULL);
        hw_info("group expired", hw_kv_s("group", group->id));
        hw_group_free(group);
    }
}
