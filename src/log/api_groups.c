/* Committed offsets, and looking at and deleting groups. */
#include "log/group.h"

#include <stdlib.h>
#include <string.h>

/* ---- OffsetCommit ---- */

struct commit {
    struct hw_request *request;
    struct hw_kafka_offset_commit_response *response;
    struct hw_group *group;
    bool gone; /* the client left; memory still has to follow the disk */
    size_t count;
    struct hw_group_offset offsets[];
};

static void commit_free(struct commit *commit) {
    for (size_t i = 0; i < commit->count; i++) {
        free(commit->offsets[i].topic);
        free(commit->offsets[i].metadata);
    }
    free(commit);
}

static void on_committed(void *arg, int error) {
    struct commit *commit = arg;
    commit->group->storing--;
    for (size_t i = 0; !error && i < commit->count; i++) {
        const struct hw_group_offset *o = &commit->offsets[i];
        hw_group_set_offset(commit->group, o->topic, o->partition, o->offset, o->leader_epoch, o->metadata,
                            o->committed_ms);
    }
    if (!commit->gone) {
        for (int32_t t = 0; error && t < commit->response->topics.count; t++)
            for (int32_t p = 0; p < commit->response->topics.items[t].partitions.count; p++)
                if (!commit->response->topics.items[t].partitions.items[p].error_code)
                    commit->response->topics.items[t].partitions.items[p].error_code = (int16_t)error;
        commit->request->cancel = NULL;
        hw_request_reply(commit->request, commit->response);
    }
    commit_free(commit);
}

static void cancel_commit(struct hw_request *request) {
    ((struct commit *)request->state)->gone = true;
    hw_request_drop(request);
}

static int may_commit(struct hw_request *request, struct hw_group **group) {
    const struct hw_kafka_offset_commit_request *in = request->in;
    *group = hw_group_find(request->broker, in->group_id);
    if (in->group_id.size == 0 && in->generation_id >= 0)
        return HW_KAFKA_INVALID_GROUP_ID;
    if (!*group) {
        if (in->generation_id >= 0)
            return HW_KAFKA_ILLEGAL_GENERATION;
        *group = hw_group_get(request->broker, in->group_id); /* a consumer without group management */
        return 0;
    }
    if (in->generation_id < 0 && (*group)->state == HW_GROUP_EMPTY)
        return 0;
    struct hw_member *member;
    int error = hw_group_check(*group, in->member_id, in->group_instance_id, &member);
    if (error)
        return error;
    if (in->generation_id != (*group)->generation)
        return HW_KAFKA_ILLEGAL_GENERATION;
    hw_member_alive(member);
    return (*group)->state == HW_GROUP_COMPLETING ? HW_KAFKA_REBALANCE_IN_PROGRESS : 0;
}

void hw_api_offset_commit(struct hw_request *request) {
    const struct hw_kafka_offset_commit_request *in = request->in;
    struct hw_kafka_offset_commit_response *out = HW_RESPONSE(request, offset_commit_response);
    struct hw_group *group;
    int error = may_commit(request, &group);
    size_t total = 0;
    for (int32_t t = 0; t < in->topics.count; t++)
        total += (size_t)in->topics.items[t].partitions.count;
    struct commit *commit = hw_xcalloc(1, sizeof(*commit) + total * sizeof(commit->offsets[0]));
    for (int32_t t = 0; t < in->topics.count; t++) {
        const struct hw_kafka_offset_commit_request_topic *asked = &in->topics.items[t];
        struct hw_kafka_offset_commit_response_topic *rows =
            HW_KAFKA_ADD(&request->arena, offset_commit_response_topic, &out->topics);
        struct hw_topic *topic = request->version >= 10 ? hw_topics_find_id(&request->broker->topics, &asked->topic_id)
                                                        : hw_topics_find(&request->broker->topics, asked->name);
        rows->name = asked->name;
        rows->topic_id = asked->topic_id;
        for (int32_t p = 0; p < asked->partitions.count; p++) {
            const struct hw_kafka_offset_commit_request_partition *o = &asked->partitions.items[p];
            struct hw_kafka_offset_commit_response_partition *row =
                HW_KAFKA_ADD(&request->arena, offset_commit_response_partition, &rows->partitions);
            row->partition_index = o->partition_index;
            row->error_code =
                (int16_t)(error                                            ? error
                          : !topic && request->version >= 10               ? HW_KAFKA_UNKNOWN_TOPIC_ID
                          : !hw_topic_partition(topic, o->partition_index) ? HW_KAFKA_UNKNOWN_TOPIC_OR_PARTITION
                          : o->committed_metadata.size > (size_t)request->broker->offset_metadata_max
                              ? HW_KAFKA_OFFSET_METADATA_TOO_LARGE
                              : 0);
            if (row->error_code)
                continue;
            commit->offsets[commit->count++] = (struct hw_group_offset){
                .topic = hw_xstrdup(topic->name),
                .partition = o->partition_index,
                .offset = o->committed_offset,
                .committed_ms = hw_now_ms(),
                .leader_epoch = o->committed_leader_epoch,
                .metadata = hw_xstrndup(o->committed_metadata.data ? (const char *)o->committed_metadata.data : "",
                                        o->committed_metadata.size)};
        }
    }
    if (!commit->count) {
        commit_free(commit);
        hw_request_reply(request, out);
        return;
    }
    struct hw_store_record *records = hw_xcalloc(commit->count, sizeof(*records));
    for (size_t i = 0; i < commit->count; i++)
        hw_store_offset_record(&records[i], group->id, &commit->offsets[i], false);
    commit->request = request;
    commit->response = out;
    commit->group = group;
    group->storing++;
    request->state = commit;
    request->cancel = cancel_commit;
    hw_store_write(request->broker, group->id, records, commit->count, on_committed, commit);
    free(records);
}

/* ---- OffsetFetch ---- */

static void fetch_one(struct hw_kafka_offset_fetch_response_partition *row, const struct hw_group_offset *offset,
                      int32_t partition) {
    row->partition_index = partition;
    row->committed_offset = offset ? offset->offset : -1;
    row->committed_leader_epoch = offset ? offset->leader_epoch : -1;
    row->metadata = hw_slice_str(offset ? offset->metadata : "");
}

static struct hw_kafka_offset_fetch_response_topic *row_of(struct hw_request *request, void *topics_array,
                                                           const struct hw_group_offset *offset) {
    HW_KAFKA_ARRAY_OF(struct hw_kafka_offset_fetch_response_topic) *topics = topics_array;
    for (int32_t i = 0; i < topics->count; i++)
        if (hw_slice_eq(topics->items[i].name, offset->topic))
            return &topics->items[i];
    struct hw_kafka_offset_fetch_response_topic *row =
        hw_kafka_array_add(&request->arena, hw_kafka_offset_fetch_response_topic_schema(), topics);
    row->name = hw_slice_str(offset->topic);
    struct hw_topic *topic = hw_topics_find(&request->broker->topics, row->name);
    if (topic)
        row->topic_id = topic->id;
    return row;
}

/* asked NULL = all offsets of the group. */
static void fetch_group(struct hw_request *request, struct hw_slice group_id,
                        const struct hw_kafka_offset_fetch_request_topic *asked, int32_t asked_count,
                        void *out_topics) {
    struct hw_group *group = hw_group_find(request->broker, group_id);
    size_t at = 0;
    const char *key;
    void *offset;
    while (!asked && group && hw_map_next(&group->offsets, &at, &key, &offset)) {
        struct hw_kafka_offset_fetch_response_topic *rows = row_of(request, out_topics, offset);
        struct hw_kafka_offset_fetch_response_partition *row =
            HW_KAFKA_ADD(&request->arena, offset_fetch_response_partition, &rows->partitions);
        fetch_one(row, offset,
                  ((struct hw_group_offset *)offset)->partition);
    }
    for (int32_t t = 0; asked && t < asked_count; t++) {
        struct hw_kafka_offset_fetch_response_topic *rows =
            hw_kafka_array_add(&request->arena, hw_kafka_offset_fetch_response_topic_schema(), out_topics);
        rows->name = asked[t].name;
        rows->topic_id = asked[t].topic_id;
        struct hw_topic *topic =
            request->version >= 10 ? hw_topics_find_id(&request->broker->topics, &asked[t].topic_id) : NULL;
        struct hw_slice name = request->version < 10 ? asked[t].name : hw_slice_str(topic ? topic->name : "");
        for (int32_t p = 0; p < asked[t].partition_indexes.count; p++) {
            int32_t partition = asked[t].partition_indexes.items[p];
            struct hw_kafka_offset_fetch_response_partition *row =
                HW_KAFKA_ADD(&request->arena, offset_fetch_response_partition, &rows->partitions);
            fetch_one(row, group ? hw_group_offset(group, name, partition) : NULL, partition);
            if (request->version >= 10 && !topic)
                row->error_code = HW_KAFKA_UNKNOWN_TOPIC_ID;
        }
    }
}

void hw_api_offset_fetch(struct hw_request *request) {
    static const struct hw_kafka_offset_fetch_request_topic nothing[1];
    const struct hw_kafka_offset_fetch_request *in = request->in;
    struct hw_kafka_offset_fetch_response *out = HW_RESPONSE(request, offset_fetch_response);
    if (request->version < 8)
        fetch_group(request, in->group_id,
                    in->topics.null    ? NULL
                    : in->topics.count ? in->topics.items
                                       : nothing,
                    in->topics.count, &out->topics);
    for (int32_t g = 0; g < in->groups.count; g++) {
        const struct hw_kafka_offset_fetch_request_group *asked = &in->groups.items[g];
        struct hw_kafka_offset_fetch_response_group *row =
            HW_KAFKA_ADD(&request->arena, offset_fetch_response_group, &out->groups);
        row->group_id = asked->group_id;
        fetch_group(request, asked->group_id,
                    asked->topics.null    ? NULL
                    : asked->topics.count ? asked->topics.items
                                          : nothing,
                    asked->topics.count, &row->topics);
    }
    hw_request_reply(request, out);
}

/* ---- DescribeGroups, ListGroups ---- */

void hw_api_describe_groups(struct hw_request *request) {
    const struct hw_kafka_describe_groups_request *in = request->in;
    struct hw_kafka_describe_groups_response *out = HW_RESPONSE(request, describe_groups_response);
    for (int32_t i = 0; i < in->groups.count; i++) {
        struct hw_kafka_describe_groups_response_group *row =
            HW_KAFKA_ADD(&request->arena, describe_groups_response_group, &out->groups);
        struct hw_group *group = hw_group_find(request->broker, in->groups.items[i]);
        row->group_id = in->groups.items[i];
        row->group_state = hw_slice_str(group ? hw_group_state_name(group) : "Dead");
        if (!group) {
            row->error_code = request->version >= 6 ? HW_KAFKA_GROUP_ID_NOT_FOUND : 0;
            row->error_message = request->version >= 6 ? hw_slice_str("there is no such group") : (struct hw_slice){0};
            continue;
        }
        row->protocol_type = hw_slice_str(group->protocol_type);
        bool settled = group->state == HW_GROUP_STABLE || group->state == HW_GROUP_COMPLETING;
        row->protocol_data = hw_slice_str(settled ? group->protocol : "");
        for (const struct hw_member *member = group->members; member; member = member->next) {
            if (member->promised)
                continue;
            struct hw_kafka_describe_groups_response_member *m =
                HW_KAFKA_ADD(&request->arena, describe_groups_response_member, &row->members);
            const struct hw_member_protocol *protocol =
                settled && group->protocol ? hw_member_find_protocol(member, group->protocol) : NULL;
            m->member_id = hw_slice_str(member->id);
            m->group_instance_id = hw_slice_str(member->instance_id);
            m->client_id = hw_slice_str(member->client_id);
            m->client_host = hw_slice_str(member->client_host);
            if (protocol)
                m->member_metadata = (struct hw_slice){protocol->metadata.data, protocol->metadata.size};
            if (group->state == HW_GROUP_STABLE)
                m->member_assignment = (struct hw_slice){member->assignment.data, member->assignment.size};
        }
    }
    hw_request_reply(request, out);
}

static bool wanted(const struct hw_slice *words, int32_t count, const char *word) {
    for (int32_t i = 0; i < count; i++)
        if (words[i].size == strlen(word) && strncasecmp((const char *)words[i].data, word, words[i].size) == 0)
            return true;
    return count == 0;
}

void hw_api_list_groups(struct hw_request *request) {
    const struct hw_kafka_list_groups_request *in = request->in;
    struct hw_kafka_list_groups_response *out = HW_RESPONSE(request, list_groups_response);
    size_t at = 0;
    const char *id;
    void *value;
    while (hw_map_next(&request->broker->groups, &at, &id, &value)) {
        const struct hw_group *group = value;
        if (!wanted(in->states_filter.items, in->states_filter.count, hw_group_state_name(group)) ||
            !wanted(in->types_filter.items, in->types_filter.count, "classic"))
            continue;
        struct hw_kafka_list_groups_response_group *row =
            HW_KAFKA_ADD(&request->arena, list_groups_response_group, &out->groups);
        row->group_id = hw_slice_str(group->id);
        row->protocol_type = hw_slice_str(group->protocol_type);
        row->group_state = hw_slice_str(hw_group_state_name(group));
        row->group_type = hw_slice_str("classic");
    }
    hw_request_reply(request, out);
}

/* ---- DeleteGroups, OffsetDelete: memory first, the answer once the tombstones are durable ---- */

struct erase {
    struct hw_request *request;
    const void *response;
    int32_t waiting;
};

static void erase_release(struct erase *erase) {
    if (--erase->waiting > 0)
        return;
    if (erase->request) {
        erase->request->cancel = NULL;
        hw_request_reply(erase->request, erase->response);
    }
    free(erase);
}

static void on_erased(void *arg, int error) {
    erase_release(arg);
}

static void cancel_erase(struct hw_request *request) {
    ((struct erase *)request->state)->request = NULL;
    hw_request_drop(request);
}

static struct erase *erase_begin(struct hw_request *request, const void *response) {
    struct erase *erase = hw_xmalloc(sizeof(*erase));
    *erase = (struct erase){request, response, 1};
    request->state = erase;
    request->cancel = cancel_erase;
    return erase;
}

static void delete_group(struct hw_group *group, struct erase *erase) {
    struct hw_store_record *records = hw_xcalloc(group->offsets.count + 1, sizeof(*records));
    size_t count = 0, at = 0;
    const char *key;
    void *offset;
    while (hw_map_next(&group->offsets, &at, &key, &offset))
        hw_store_offset_record(&records[count++], group->id, offset, true);
    hw_store_group_record(&records[count++], group, true);
    erase->waiting++;
    hw_store_write(group->broker, group->id, records, count, on_erased, erase);
    free(records);
    hw_group_free(group);
}

void hw_api_delete_groups(struct hw_request *request) {
    const struct hw_kafka_delete_groups_request *in = request->in;
    struct hw_kafka_delete_groups_response *out = HW_RESPONSE(request, delete_groups_response);
    struct erase *erase = erase_begin(request, out);
    for (int32_t i = 0; i < in->groups_names.count; i++) {
        struct hw_kafka_delete_groups_response_result *row =
            HW_KAFKA_ADD(&request->arena, delete_groups_response_result, &out->results);
        struct hw_group *group = hw_group_find(request->broker, in->groups_names.items[i]);
        row->group_id = in->groups_names.items[i];
        row->error_code = !group ? HW_KAFKA_GROUP_ID_NOT_FOUND
                          : group->state != HW_GROUP_EMPTY || group->members || group->storing
                              ? HW_KAFKA_NON_EMPTY_GROUP
                              : 0;
        if (!row->error_code)
            delete_group(group, erase);
    }
    erase_release(erase);
}

/* Does a member of a consumer group subscribe to the topic? Its metadata begins with: version, topics. */
static bool is_subscribed(const struct hw_group *group, const char *topic) {
    for (const struct hw_member *member = group->members; member; member = member->next) {
        const struct hw_member_protocol *protocol =
            group->protocol ? hw_member_find_protocol(member, group->protocol) : NULL;
        if (!protocol)
            continue;
        struct hw_kafka_reader in = {protocol->metadata.data, protocol->metadata.data + protocol->metadata.size, false};
        hw_kafka_read_i16(&in);
        for (int32_t left = hw_kafka_read_i32(&in); left > 0 && !in.failed; left--)
            if (hw_slice_eq(hw_kafka_read_string(&in, false, false), topic))
                return true;
    }
    return false;
}

void hw_api_offset_delete(struct hw_request *request) {
    const struct hw_kafka_offset_delete_request *in = request->in;
    struct hw_kafka_offset_delete_response *out = HW_RESPONSE(request, offset_delete_response);
    struct hw_group *group = hw_group_find(request->broker, in->group_id);
    bool consumer = group && group->protocol_type && strcmp(group->protocol_type, "consumer") == 0;
    out->error_code = !group ? HW_KAFKA_GROUP_ID_NOT_FOUND : group->members && !consumer ? HW_KAFKA_NON_EMPTY_GROUP : 0;
    struct erase *erase = erase_begin(request, out);
    for (int32_t t = 0; !out->error_code && t < in->topics.count; t++) {
        struct hw_kafka_offset_delete_response_topic *rows =
            HW_KAFKA_ADD(&request->arena, offset_delete_response_topic, &out->topics);
        rows->name = in->topics.items[t].name;
        char *topic = hw_arena_printf(&request->arena, "%.*s", (int)rows->name.size, (const char *)rows->name.data);
        bool busy = is_subscribed(group, topic);
        for (int32_t p = 0; p < in->topics.items[t].partitions.count; p++) {
            struct hw_kafka_offset_delete_response_partition *row =
                HW_KAFKA_ADD(&request->arena, offset_delete_response_partition, &rows->partitions);
            row->partition_index = in->topics.items[t].partitions.items[p].partition_index;
            struct hw_group_offset *offset = hw_group_offset(group, rows->name, row->partition_index);
            if (busy)
                row->error_code = HW_KAFKA_GROUP_SUBSCRIBED_TO_TOPIC;
            if (busy || !offset)
                continue;
            struct hw_store_record record;
            hw_store_offset_record(&record, group->id, offset, true);
            hw_group_drop_offset(group, topic, row->partition_index);
            erase->waiting++;
            hw_store_write(request->broker, group->id, &record, 1, on_erased, erase);
        }
    }
    erase_release(erase);
}
