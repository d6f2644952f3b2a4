/* The group's state machine: Join, Sync, Heartbeat, Leave. */
#include "log/group.h"

#include "base/diag.h"

#include <stdlib.h>
#include <string.h>

static void prepare_rebalance(struct hw_group *group, const char *reason);
static void maybe_complete_join(struct hw_group *group);

const char *hw_group_state_name(const struct hw_group *group) {
    static const char *const names[] = {"Empty", "PreparingRebalance", "CompletingRebalance", "Stable"};
    return names[group->state];
}

static char *dup_slice(struct hw_slice slice) {
    return hw_xstrndup((const char *)slice.data, slice.size);
}

static bool same(const char *text, struct hw_slice slice) {
    return text && hw_slice_eq(slice, text);
}

static void set_text(char **text, const char *value) {
    char *copy = value ? hw_xstrdup(value) : NULL;
    free(*text);
    *text = copy;
}

void hw_blob_set(struct hw_blob *blob, struct hw_slice from) {
    uint8_t *copy = hw_xmalloc(HW_MAX(from.size, (size_t)1));
    if (from.size)
        memcpy(copy, from.data, from.size);
    free(blob->data);
    *blob = (struct hw_blob){copy, from.size};
}

struct hw_group *hw_group_find(struct hw_broker *broker, struct hw_slice id) {
    HW_CLEANUP(hw_freep) char *text = dup_slice(id);
    return hw_map_get(&broker->groups, text);
}

struct hw_group *hw_group_get(struct hw_broker *broker, struct hw_slice id) {
    struct hw_group *group = hw_group_find(broker, id);
    if (group)
        return group;
    group = hw_xcalloc(1, sizeof(*group));
    group->broker = broker;
    group->id = dup_slice(id);
    group->since_ms = hw_now_ms();
    hw_map_put(&broker->groups, group->id, group);
    return group;
}

struct hw_member *hw_group_member(const struct hw_group *group, struct hw_slice id) {
    for (struct hw_member *member = group->members; member; member = member->next)
        if (same(member->id, id))
            return member;
    return NULL;
}

struct hw_member *hw_group_static(const struct hw_group *group, struct hw_slice instance_id) {
    for (struct hw_member *member = group->members; instance_id.data && member; member = member->next)
        if (same(member->instance_id, instance_id))
            return member;
    return NULL;
}

struct hw_member *hw_group_add_member(struct hw_group *group, const char *id) {
    struct hw_member *member = hw_xcalloc(1, sizeof(*member));
    member->group = group;
    member->id = hw_xstrdup(id);
    struct hw_member **link = &group->members;
    while (*link)
        link = &(*link)->next;
    *link = member;
    return member;
}

const struct hw_member_protocol *hw_member_find_protocol(const struct hw_member *member, const char *name) {
    for (int32_t i = 0; i < member->protocol_count; i++)
        if (strcmp(member->protocols[i].name, name) == 0)
            return &member->protocols[i];
    return NULL;
}

static void clear_protocols(struct hw_member *member) {
    for (int32_t i = 0; i < member->protocol_count; i++) {
        free(member->protocols[i].name);
        free(member->protocols[i].metadata.data);
    }
    free(member->protocols);
    member->protocols = NULL;
    member->protocol_count = 0;
}

static void answer_join_error(struct hw_request *request, int error, const char *member_id) {
    struct hw_kafka_join_group_response *out = HW_RESPONSE(request, join_group_response);
    out->error_code = (int16_t)error;
    /* null is for version 7 and later; older ones get "" from the codec */
    out->member_id = hw_slice_str(member_id ? hw_arena_printf(&request->arena, "%s", member_id) : "");
    hw_request_reply(request, out);
}

static void answer_sync(struct hw_request *request, const struct hw_group *group, int error,
                        const struct hw_member *member) {
    struct hw_kafka_sync_group_response *out = HW_RESPONSE(request, sync_group_response);
    out->error_code = (int16_t)error;
    if (!error && member) {
        out->protocol_type = hw_slice_str(group->protocol_type);
        out->protocol_name = hw_slice_str(group->protocol);
        out->assignment = (struct hw_slice){member->assignment.data, member->assignment.size};
    }
    hw_request_reply(request, out);
}

/* A waiting request is answered (or its client left): it leaves the member first. */
static void fail_waiting(struct hw_member *member, int error) {
    if (member->join)
        answer_join_error(HW_STEAL(member->join), error, member->id);
    if (member->sync)
        answer_sync(HW_STEAL(member->sync), member->group, error, member);
}

static void unlink_member(struct hw_member *member) {
    struct hw_member **link = &member->group->members;
    while (*link != member)
        link = &(*link)->next;
    *link = member->next;
    if (!member->promised)
        member->group->member_count--;
    if (member->timer)
        hw_loop_timer_cancel(member->timer);
    if (member->group->leader && strcmp(member->group->leader, member->id) == 0) {
        struct hw_member *next = member->group->members;
        while (next && next->promised)
            next = next->next;
        set_text(&member->group->leader, next ? next->id : NULL);
    }
}

static void member_free(struct hw_member *member) {
    clear_protocols(member);
    free(member->id);
    free(member->instance_id);
    free(member->client_id);
    free(member->client_host);
    free(member->assignment.data);
    free(member);
}

static void remove_member(struct hw_member *member, int error) {
    unlink_member(member);
    fail_waiting(member, error);
    member_free(member);
}

void hw_group_free(struct hw_group *group) {
    hw_map_remove(&group->broker->groups, group->id);
    while (group->members)
        remove_member(group->members, HW_KAFKA_UNKNOWN_MEMBER_ID);
    if (group->timer)
        hw_loop_timer_cancel(group->timer);
    size_t at = 0;
    const char *key;
    void *value;
    while (hw_map_next(&group->offsets, &at, &key, &value)) {
        struct hw_group_offset *offset = value;
        free(offset->topic);
        free(offset->metadata);
        free(offset);
    }
    hw_map_done(&group->offsets);
    free(group->protocol_type);
    free(group->protocol);
    free(group->leader);
    free(group->id);
    free(group);
}

/* ---- timers ---- */

static void after_removal(struct hw_group *group, const char *reason) {
    if (group->state == HW_GROUP_PREPARING)
        maybe_complete_join(group);
    else if (group->state != HW_GROUP_EMPTY)
        prepare_rebalance(group, reason);
}

static void on_silence(void *arg) {
    struct hw_member *member = arg;
    struct hw_group *group = member->group;
    member->timer = NULL;
    if (member->join || member->sync) { /* it waits for us, so it is there */
        hw_member_alive(member);
        return;
    }
    hw_info("group member went silent", hw_kv_s("group", group->id), hw_kv_s("member", member->id));
    remove_member(member, HW_KAFKA_UNKNOWN_MEMBER_ID);
    after_removal(group, "member went silent");
}

void hw_member_alive(struct hw_member *member) {
    if (member->timer)
        hw_loop_timer_cancel(member->timer);
    member->timer = hw_loop_timer(member->group->broker->loop, member->session_timeout_ms, on_silence, member);
}

/* ---- answering joins ---- */

static void answer_join(struct hw_member *member, struct hw_request *request, bool skip_assignment) {
    struct hw_group *group = member->group;
    struct hw_kafka_join_group_response *out = HW_RESPONSE(request, join_group_response);
    out->generation_id = group->generation;
    out->protocol_type = hw_slice_str(group->protocol_type);
    out->protocol_name = hw_slice_str(group->protocol);
    out->leader = hw_slice_str(group->leader);
    out->member_id = hw_slice_str(member->id);
    out->skip_assignment = skip_assignment;
    bool leads = group->leader && strcmp(group->leader, member->id) == 0;
    for (struct hw_member *each = group->members; leads && each; each = each->next) {
        if (each->promised)
            continue;
        struct hw_kafka_join_group_response_member *row =
            HW_KAFKA_ADD(&request->arena, join_group_response_member, &out->members);
        const struct hw_member_protocol *protocol = hw_member_find_protocol(each, group->protocol);
        row->member_id = hw_slice_str(each->id);
        row->group_instance_id = hw_slice_str(each->instance_id);
        if (protocol)
            row->metadata = (struct hw_slice){protocol->metadata.data, protocol->metadata.size};
    }
    hw_member_alive(member);
    hw_request_reply(request, out);
}

/* Each member votes for the first of its protocols that all members know. */
static const char *choose_protocol(const struct hw_group *group) {
    const char *best = NULL;
    int best_votes = 0;
    const struct hw_member *first = group->members;
    while (first && first->promised)
        first = first->next;
    for (int32_t p = 0; first && p < first->protocol_count; p++) {
        const char *name = first->protocols[p].name;
        int votes = 0;
        bool known_by_all = true;
        for (const struct hw_member *member = group->members; member && known_by_all; member = member->next) {
            if (member->promised)
                continue;
            known_by_all = hw_member_find_protocol(member, name) != NULL;
            votes += member->protocol_count && strcmp(member->protocols[0].name, name) == 0;
        }
        if (known_by_all && (!best || votes > best_votes)) {
            best = name;
            best_votes = votes;
        }
    }
    return best;
}

static void ignore_stored(void *arg, int error) {
    struct hw_group *group = arg;
    group->storing--;
    if (error)
        hw_warn("group state not stored", hw_kv_s("group", group->id), hw_kv_i("error", error));
}

static void store_group(struct hw_group *group, hw_store_done done, void *arg) {
    struct hw_store_record record = {0};
    hw_store_group_record(&record, group, false);
    group->storing++;
    hw_store_write(group->broker, group->id, &record, 1, done, arg);
}

static void complete_join(struct hw_group *group) {
    if (group->timer)
        hw_loop_timer_cancel(group->timer);
    group->timer = NULL;
    for (struct hw_member *member = group->members, *next; member; member = next) {
        next = member->next;
        if (!member->promised && !member->join && !member->instance_id)
            remove_member(member, HW_KAFKA_UNKNOWN_MEMBER_ID); /* did not come back in time */
    }
    group->generation++;
    group->since_ms = hw_now_ms();
    if (group->member_count == 0) {
        group->state = HW_GROUP_EMPTY;
        set_text(&group->protocol, NULL);
        set_text(&group->leader, NULL);
        store_group(group, ignore_stored, group);
        return;
    }
    struct hw_member *leader = group->leader ? hw_group_member(group, hw_slice_str(group->leader)) : NULL;
    for (struct hw_member *member = group->members; (!leader || !leader->join) && member; member = member->next)
        if (member->join)
            leader = member;
    if (leader)
        set_text(&group->leader, leader->id);
    set_text(&group->protocol, choose_protocol(group));
    group->state = HW_GROUP_COMPLETING;
    hw_info("group rebalanced", hw_kv_s("group", group->id), hw_kv_i("generation", group->generation),
            hw_kv_i("members", group->member_count), hw_kv_s("protocol", group->protocol));
    for (struct hw_member *member = group->members; member; member = member->next)
        if (member->join)
            answer_join(member, HW_STEAL(member->join), false);
}

static void maybe_complete_join(struct hw_group *group) {
    if (group->state != HW_GROUP_PREPARING || group->initial)
        return;
    for (struct hw_member *member = group->members; member; member = member->next)
        if (!member->join)
            return; /* promised ones count too: they are about to come */
    complete_join(group);
}

static void on_rebalance_time(void *arg) {
    struct hw_group *group = arg;
    group->timer = NULL;
    if (group->initial && group->new_since_delay && hw_mono_ms() < group->rebalance_until_ms) {
        group->new_since_delay = false;
        int64_t wait = HW_MIN(group->broker->initial_rebalance_delay_ms, group->rebalance_until_ms - hw_mono_ms());
        group->timer = hw_loop_timer(group->broker->loop, HW_MAX(wait, (int64_t)1), on_rebalance_time, group);
        return;
    }
    group->initial = false;
    complete_join(group);
}

static int32_t longest_rebalance(const struct hw_group *group) {
    int32_t longest = 0;
    for (const struct hw_member *member = group->members; member; member = member->next)
        longest = HW_MAX(longest, member->rebalance_timeout_ms);
    return longest;
}

static void prepare_rebalance(struct hw_group *group, const char *reason) {
    bool was_empty = group->state == HW_GROUP_EMPTY;
    if (group->state == HW_GROUP_COMPLETING)
        for (struct hw_member *member = group->members; member; member = member->next)
            if (member->sync)
                answer_sync(HW_STEAL(member->sync), group, HW_KAFKA_REBALANCE_IN_PROGRESS, member);
    group->state = HW_GROUP_PREPARING;
    group->since_ms = hw_now_ms();
    hw_debug("group rebalance begins", hw_kv_s("group", group->id), hw_kv_s("reason", reason));
    int64_t limit = longest_rebalance(group);
    group->initial = was_empty && group->broker->initial_rebalance_delay_ms > 0;
    group->new_since_delay = false;
    group->rebalance_until_ms = hw_mono_ms() + limit;
    if (group->timer)
        hw_loop_timer_cancel(group->timer);
    group->timer = hw_loop_timer(group->broker->loop,
                                 group->initial ? HW_MIN(group->broker->initial_rebalance_delay_ms, limit) : limit,
                                 on_rebalance_time, group);
    maybe_complete_join(group);
}

/* ---- JoinGroup ---- */

static void cancel_join(struct hw_request *request) {
    struct hw_member *member = request->state;
    if (member && member->join == request)
        member->join = NULL;
    if (member && member->sync == request)
        member->sync = NULL;
    hw_request_drop(request);
}

static void wait_join(struct hw_member *member, struct hw_request *request) {
    if (member->join) { /* an earlier try of the same member, its client gave up on it */
        struct hw_request *old = HW_STEAL(member->join);
        old->state = NULL;
        answer_join_error(old, HW_KAFKA_REBALANCE_IN_PROGRESS, member->id);
    }
    member->join = request;
    request->state = member;
    request->cancel = cancel_join;
}

static void update_member(struct hw_member *member, struct hw_request *request) {
    const struct hw_kafka_join_group_request *in = request->in;
    clear_protocols(member);
    member->protocols = hw_xcalloc((size_t)in->protocols.count, sizeof(*member->protocols));
    member->protocol_count = in->protocols.count;
    for (int32_t i = 0; i < in->protocols.count; i++) {
        member->protocols[i].name = dup_slice(in->protocols.items[i].name);
        hw_blob_set(&member->protocols[i].metadata, in->protocols.items[i].metadata);
    }
    member->session_timeout_ms = in->session_timeout_ms;
    member->rebalance_timeout_ms = in->rebalance_timeout_ms >= 0 ? in->rebalance_timeout_ms : in->session_timeout_ms;
    free(member->client_id);
    member->client_id = request->client_id.data ? dup_slice(request->client_id) : hw_xstrdup("");
    set_text(&member->client_host, hw_request_peer(request));
}

static bool same_protocols(const struct hw_member *member, const struct hw_kafka_join_group_request *in) {
    if (member->protocol_count != in->protocols.count)
        return false;
    for (int32_t i = 0; i < in->protocols.count; i++) {
        const struct hw_member_protocol *mine = &member->protocols[i];
        struct hw_slice metadata = in->protocols.items[i].metadata;
        if (!same(mine->name, in->protocols.items[i].name) || mine->metadata.size != metadata.size ||
            (metadata.size && memcmp(mine->metadata.data, metadata.data, metadata.size) != 0))
            return false;
    }
    return true;
}

static bool protocols_fit(const struct hw_group *group, const struct hw_kafka_join_group_request *in) {
    if (in->protocol_type.size == 0 || in->protocols.count == 0)
        return false;
    if (group->member_count == 0)
        return true;
    if (!same(group->protocol_type, in->protocol_type))
        return false;
    for (int32_t i = 0; i < in->protocols.count; i++) {
        HW_CLEANUP(hw_freep) char *name = dup_slice(in->protocols.items[i].name);
        bool all = true;
        for (const struct hw_member *member = group->members; member && all; member = member->next)
            all = member->promised || hw_member_find_protocol(member, name);
        if (all)
            return true;
    }
    return false;
}

static char *new_member_id(const struct hw_request *request, struct hw_slice instance_id) {
    uint8_t uuid[16];
    char text[37];
    hw_uuid_v4(uuid);
    hw_uuid_format(uuid, text);
    struct hw_slice head = instance_id.data ? instance_id : request->client_id;
    return hw_xasprintf("%.*s-%s", (int)HW_MIN(head.size, (size_t)500), head.data ? (const char *)head.data : "", text);
}

static void join_new(struct hw_group *group, struct hw_member *member, struct hw_request *request) {
    const struct hw_kafka_join_group_request *in = request->in;
    if (group->member_count == 0) {
        free(group->protocol_type);
        group->protocol_type = dup_slice(in->protocol_type);
    }
    member->promised = false;
    group->member_count++;
    update_member(member, request);
    wait_join(member, request);
    hw_member_alive(member);
    if (!group->leader)
        set_text(&group->leader, member->id);
    if (group->state == HW_GROUP_PREPARING) {
        group->new_since_delay = true;
        maybe_complete_join(group);
    } else {
        prepare_rebalance(group, "a member joined");
    }
}

static void join_again(struct hw_group *group, struct hw_member *member, struct hw_request *request) {
    const struct hw_kafka_join_group_request *in = request->in;
    bool leads = group->leader && strcmp(group->leader, member->id) == 0;
    bool unchanged = same_protocols(member, in);
    if ((group->state == HW_GROUP_COMPLETING && unchanged) ||
        (group->state == HW_GROUP_STABLE && unchanged && !leads)) {
        answer_join(member, request, false);
        return;
    }
    update_member(member, request);
    wait_join(member, request);
    if (group->state == HW_GROUP_PREPARING)
        maybe_complete_join(group);
    else
        prepare_rebalance(group, "a member joined again");
}

/* A static member came back under a new id: the old one is fenced, its place and assignment stay. */
static void replace_static(struct hw_group *group, struct hw_member *member, struct hw_request *request) {
    const struct hw_kafka_join_group_request *in = request->in;
    char *id = new_member_id(request, in->group_instance_id);
    bool led = group->leader && strcmp(group->leader, member->id) == 0;
    fail_waiting(member, HW_KAFKA_FENCED_INSTANCE_ID);
    free(member->id);
    member->id = id;
    if (led)
        set_text(&group->leader, id);
    if (group->state == HW_GROUP_STABLE && same_protocols(member, in)) {
        store_group(group, ignore_stored, group);
        if (request->version >= 9) {
            answer_join(member, request, led);
        } else { /* before skip_assignment a returning leader is told of another leader, so that it does not assign anew
                  */
            struct hw_kafka_join_group_response *out = HW_RESPONSE(request, join_group_response);
            out->generation_id = group->generation;
            out->protocol_type = hw_slice_str(group->protocol_type);
            out->protocol_name = hw_slice_str(group->protocol);
            out->leader = hw_slice_str(led ? "" : group->leader);
            out->member_id = hw_slice_str(member->id);
            hw_member_alive(member);
            hw_request_reply(request, out);
        }
        return;
    }
    update_member(member, request);
    wait_join(member, request);
    hw_member_alive(member);
    if (group->state == HW_GROUP_PREPARING)
        maybe_complete_join(group);
    else
        prepare_rebalance(group, "a static member came back");
}

void hw_api_join_group(struct hw_request *request) {
    struct hw_broker *broker = request->broker;
    const struct hw_kafka_join_group_request *in = request->in;
    HW_CLEANUP(hw_freep) char *given = dup_slice(in->member_id);
    if (in->group_id.size == 0) {
        answer_join_error(request, HW_KAFKA_INVALID_GROUP_ID, given);
        return;
    }
    if (in->session_timeout_ms < broker->min_session_ms || in->session_timeout_ms > broker->max_session_ms) {
        answer_join_error(request, HW_KAFKA_INVALID_SESSION_TIMEOUT, given);
        return;
    }
    struct hw_group *group = hw_group_find(broker, in->group_id);
    if (!group && in->member_id.size) {
        answer_join_error(request, HW_KAFKA_UNKNOWN_MEMBER_ID, given);
        return;
    }
    if (!group)
        group = hw_group_get(broker, in->group_id);
    struct hw_member *fixed = hw_group_static(group, in->group_instance_id);
    struct hw_member *member = in->member_id.size ? hw_group_member(group, in->member_id) : NULL;
    int error = !protocols_fit(group, in) ? HW_KAFKA_INCONSISTENT_GROUP_PROTOCOL
                : in->member_id.size && in->group_instance_id.data && fixed && fixed != member
                    ? HW_KAFKA_FENCED_INSTANCE_ID
                : in->member_id.size && !member                                      ? HW_KAFKA_UNKNOWN_MEMBER_ID
                : !member && !fixed && group->member_count >= broker->max_group_size ? HW_KAFKA_GROUP_MAX_SIZE_REACHED
                                                                                     : 0;
    if (error) {
        answer_join_error(request, error, given);
    } else if (member && member->promised) {
        join_new(group, member, request);
    } else if (member) {
        join_again(group, member, request);
    } else if (fixed) {
        replace_static(group, fixed, request);
    } else {
        HW_CLEANUP(hw_freep) char *id = new_member_id(request, in->group_instance_id);
        member = hw_group_add_member(group, id);
        if (in->group_instance_id.data) {
            member->instance_id = dup_slice(in->group_instance_id);
        } else if (request->version >= 4) {
            member->promised = true;
            member->session_timeout_ms = in->session_timeout_ms;
            hw_member_alive(member);
            answer_join_error(request, HW_KAFKA_MEMBER_ID_REQUIRED, id);
            return;
        }
        join_new(group, member, request);
    }
}

/* ---- SyncGroup ---- */

int hw_group_check(struct hw_group *group, struct hw_slice member_id, struct hw_slice instance_id,
                   struct hw_member **out_member) {
    *out_member = NULL;
    if (!group)
        return HW_KAFKA_UNKNOWN_MEMBER_ID;
    if (instance_id.data) {
        struct hw_member *fixed = hw_group_static(group, instance_id);
        if (!fixed)
            return HW_KAFKA_UNKNOWN_MEMBER_ID;
        if (!same(fixed->id, member_id))
            return HW_KAFKA_FENCED_INSTANCE_ID;
    }
    struct hw_member *member = hw_group_member(group, member_id);
    if (!member || member->promised)
        return HW_KAFKA_UNKNOWN_MEMBER_ID;
    *out_member = member;
    return 0;
}

struct sync_store {
    struct hw_group *group;
    int32_t generation;
};

static void on_assignment_stored(void *arg, int error) {
    struct sync_store *store = arg;
    struct hw_group *group = store->group;
    group->storing--;
    if (group->state == HW_GROUP_COMPLETING && group->generation == store->generation) {
        if (error) {
            prepare_rebalance(group, "the assignment could not be stored");
        } else {
            group->state = HW_GROUP_STABLE;
            group->since_ms = hw_now_ms();
            for (struct hw_member *member = group->members; member; member = member->next) {
                if (!member->sync)
                    continue;
                hw_member_alive(member);
                answer_sync(HW_STEAL(member->sync), group, 0, member);
            }
        }
    }
    free(store);
}

void hw_api_sync_group(struct hw_request *request) {
    const struct hw_kafka_sync_group_request *in = request->in;
    struct hw_group *group = hw_group_find(request->broker, in->group_id);
    struct hw_member *member;
    int error = in->group_id.size == 0 ? HW_KAFKA_INVALID_GROUP_ID
                                       : hw_group_check(group, in->member_id, in->group_instance_id, &member);
    if (!error && in->generation_id != group->generation)
        error = HW_KAFKA_ILLEGAL_GENERATION;
    if (!error && ((in->protocol_type.data && !same(group->protocol_type, in->protocol_type)) ||
                   (in->protocol_name.data && !same(group->protocol, in->protocol_name))))
        error = HW_KAFKA_INCONSISTENT_GROUP_PROTOCOL;
    if (!error && group->state == HW_GROUP_EMPTY)
        error = HW_KAFKA_UNKNOWN_MEMBER_ID;
    if (!error && group->state == HW_GROUP_PREPARING)
        error = HW_KAFKA_REBALANCE_IN_PROGRESS;
    if (error || group->state == HW_GROUP_STABLE) {
        if (!error)
            hw_member_alive(member);
        answer_sync(request, group, error, error ? NULL : member);
        return;
    }
    if (member->sync)
        answer_sync(HW_STEAL(member->sync), group, HW_KAFKA_REBALANCE_IN_PROGRESS, member);
    member->sync = request;
    request->state = member;
    request->cancel = cancel_join;
    hw_member_alive(member);
    if (!group->leader || strcmp(group->leader, member->id) != 0)
        return;
    for (struct hw_member *each = group->members; each; each = each->next)
        hw_blob_set(&each->assignment, (struct hw_slice){0});
    for (int32_t i = 0; i < in->assignments.count; i++) {
        struct hw_member *to = hw_group_member(group, in->assignments.items[i].member_id);
        if (to)
            hw_blob_set(&to->assignment, in->assignments.items[i].assignment);
    }
    struct sync_store *store = hw_xmalloc(sizeof(*store));
    *store = (struct sync_store){group, group->generation};
    store_group(group, on_assignment_stored, store);
}

/* ---- Heartbeat, LeaveGroup ---- */

void hw_api_heartbeat(struct hw_request *request) {
    const struct hw_kafka_heartbeat_request *in = request->in;
    struct hw_kafka_heartbeat_response *out = HW_RESPONSE(request, heartbeat_response);
    struct hw_group *group = hw_group_find(request->broker, in->group_id);
    struct hw_member *member;
    int error = hw_group_check(group, in->member_id, in->group_instance_id, &member);
    if (!error && in->generation_id != group->generation)
        error = HW_KAFKA_ILLEGAL_GENERATION;
    if (!error) {
        hw_member_alive(member);
        if (group->state == HW_GROUP_PREPARING)
            error = HW_KAFKA_REBALANCE_IN_PROGRESS;
    }
    out->error_code = (int16_t)error;
    hw_request_reply(request, out);
}

static int leave(struct hw_group *group, struct hw_slice member_id, struct hw_slice instance_id) {
    struct hw_member *member = NULL;
    if (group && instance_id.data) {
        member = hw_group_static(group, instance_id);
        if (member && member_id.size && !same(member->id, member_id))
            return HW_KAFKA_FENCED_INSTANCE_ID;
    } else if (group) {
        member = hw_group_member(group, member_id);
    }
    if (!member)
        return HW_KAFKA_UNKNOWN_MEMBER_ID;
    remove_member(member, HW_KAFKA_UNKNOWN_MEMBER_ID);
    return 0;
}

void hw_api_leave_group(struct hw_request *request) {
    const struct hw_kafka_leave_group_request *in = request->in;
    struct hw_kafka_leave_group_response *out = HW_RESPONSE(request, leave_group_response);
    struct hw_group *group = hw_group_find(request->broker, in->group_id);
    bool left = false;
    if (request->version < 3) {
        out->error_code = (int16_t)leave(group, in->member_id, (struct hw_slice){0});
        left = out->error_code == 0;
    }
    for (int32_t i = 0; i < in->members.count; i++) {
        struct hw_kafka_leave_group_response_member *row =
            HW_KAFKA_ADD(&request->arena, leave_group_response_member, &out->members);
        row->member_id = in->members.items[i].member_id;
        row->group_instance_id = in->members.items[i].group_instance_id;
        row->error_code = (int16_t)leave(group, row->member_id, row->group_instance_id);
        left = left || row->error_code == 0;
    }
    if (left)
        after_removal(group, "a member left");
    hw_request_reply(request, out);
}
