/* The looking thread. One look: metadata → latest and earliest offsets in one request each → groups and their positions
 * → times of single events (the newest of each topic that moved, the oldest unread of each lagging flow).
 *
 * Everything in struct hw_topics below `lock` is guarded by it; Kafka is never asked while it is held. */
#include "admin/topics.h"
#include "admin/flow_spec.h"
#include "base/diag.h"
#include "base/map.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOK_MS         1000
#define LOOK_MANY_MS    4000
#define MANY_TOPICS     1000
#define MAX_TOPICS      50000
#define MAX_GROUPS      1000
#define MAX_PEEKS       200
#define PEEK_TRIES      3
#define GROUPS_A_LOOK   50 /* more groups are asked less often */
#define CALL_TIMEOUT_MS 5000

struct topic {
    char *name;
    int partitions;
    int64_t *starts, *ends; /* by partition; -1 not known */
    bool has_offsets;
    int64_t last_event_ms, peeked_ends; /* sum of ends at the last peek */
    int peek_failures;                  /* in a row: a topic that cannot be read must not slow every look */
    struct hw_rate rate;
    unsigned seen; /* number of the last look that had it */
};

struct position {
    char topic[250];
    int32_t partition;
    int64_t offset;
    int64_t peeked_offset, oldest_ms; /* time of the event at peeked_offset */
};

struct group {
    struct position *positions;
    size_t count;
    unsigned seen;
};

struct hw_topics {
    const struct hw_settings *settings;
    rd_kafka_t *client, *peeker;
    rd_kafka_queue_t *queue;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;          /* lock */
    bool stopping, wanted;           /* lock */
    unsigned began, finished;        /* lock: numbers of looks */
    bool reachable, groups_known;    /* lock */
    char why[300];                   /* lock */
    int64_t as_of_us, first_look_ms; /* lock */
    struct hw_map topics, groups;    /* lock: struct topic, struct group */
};

static void topic_free(struct topic *topic) {
    free(topic->name);
    free(topic->starts);
    free(topic->ends);
    free(topic);
}

static void group_free(struct group *group) {
    free(group->positions);
    free(group);
}

static int64_t sum(const int64_t *numbers, int count) {
    int64_t total = 0;
    for (int i = 0; i < count; i++)
        total += HW_MAX(numbers[i], (int64_t)0);
    return total;
}

static int64_t messages_of(const struct topic *topic) {
    int64_t total = 0;
    for (int i = 0; i < topic->partitions; i++)
        if (topic->ends[i] > topic->starts[i] && topic->starts[i] >= 0)
            total += topic->ends[i] - topic->starts[i];
    return total;
}

/* --- Looking
 * ------------------------------------------------------------------------------------------------------------------ */

static void fail(struct hw_topics *topics, const char *what, const char *why) {
    pthread_mutex_lock(&topics->lock);
    if (topics->reachable || !topics->why[0])
        hw_warn("Kafka cannot be asked", hw_kv_s("for", what), hw_kv_s("why", why));
    topics->reachable = false;
    snprintf(topics->why, sizeof topics->why, "%s: %s", what, why);
    pthread_mutex_unlock(&topics->lock);
}

/* Puts the list of topics into the map; new ones get room, vanished ones go. */
static int look_topics(struct hw_topics *topics) {
    const struct rd_kafka_metadata *metadata = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(topics->client, 1, NULL, &metadata, CALL_TIMEOUT_MS);
    if (code) {
        fail(topics, "list of topics", rd_kafka_err2str(code));
        return -1;
    }
    pthread_mutex_lock(&topics->lock);
    for (int i = 0; i < HW_MIN(metadata->topic_cnt, MAX_TOPICS); i++) {
        const struct rd_kafka_metadata_topic *seen = &metadata->topics[i];
        if (seen->partition_cnt < 1 || strlen(seen->topic) > 249)
            continue;
        struct topic *topic = hw_map_get(&topics->topics, seen->topic);
        if (topic && topic->partitions != seen->partition_cnt) {
            topic_free(hw_map_remove(&topics->topics, seen->topic));
            topic = NULL;
        }
        if (!topic) {
            topic = hw_xcalloc(1, sizeof *topic);
            topic->name = hw_xstrdup(seen->topic);
            topic->partitions = seen->partition_cnt;
            topic->starts = hw_xcalloc((size_t)topic->partitions, sizeof *topic->starts);
            topic->ends = hw_xcalloc((size_t)topic->partitions, sizeof *topic->ends);
            if (topics->first_look_ms) /* born since the last look: before that it held nothing */
                hw_rate_add(&topic->rate, topics->as_of_us / 1000, 0);
            hw_map_put(&topics->topics, seen->topic, topic);
        }
        topic->seen = topics->began;
    }
    size_t at = 0;
    const char *name;
    void *value;
    while (hw_map_next(&topics->topics, &at, &name, &value))
        if (((struct topic *)value)->seen != topics->began)
            topic_free(hw_map_remove(&topics->topics, name));
    pthread_mutex_unlock(&topics->lock);
    rd_kafka_metadata_destroy(metadata);
    return 0;
}

static rd_kafka_topic_partition_list_t *all_partitions(struct hw_topics *topics, int64_t spec) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(64);
    size_t at = 0;
    const char *name;
    void *value;
    pthread_mutex_lock(&topics->lock);
    while (hw_map_next(&topics->topics, &at, &name, &value))
        for (int p = 0; p < ((struct topic *)value)->partitions; p++)
            rd_kafka_topic_partition_list_add(list, name, p)->offset = spec;
    pthread_mutex_unlock(&topics->lock);
    return list;
}

static rd_kafka_event_t *call_result(struct hw_topics *topics) {
    return rd_kafka_queue_poll(topics->queue, CALL_TIMEOUT_MS + 2000);
}

static rd_kafka_AdminOptions_t *call_options(struct hw_topics *topics, rd_kafka_admin_op_t op) {
    char text[128];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(topics->client, op);
    rd_kafka_AdminOptions_set_request_timeout(options, CALL_TIMEOUT_MS, text, sizeof text);
    return options;
}

static int look_offsets(struct hw_topics *topics, int64_t spec) {
    rd_kafka_topic_partition_list_t *list = all_partitions(topics, spec);
    if (list->cnt == 0) {
        rd_kafka_topic_partition_list_destroy(list);
        return 0;
    }
    rd_kafka_AdminOptions_t *options = call_options(topics, RD_KAFKA_ADMIN_OP_LISTOFFSETS);
    rd_kafka_ListOffsets(topics->client, list, options, topics->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_event_t *event = call_result(topics);
    if (!event || rd_kafka_event_error(event)) {
        fail(topics, "sizes of topics", event ? rd_kafka_event_error_string(event) : "no answer in time");
        if (event)
            rd_kafka_event_destroy(event);
        return -1;
    }
    size_t count = 0;
    const rd_kafka_ListOffsetsResultInfo_t **infos =
        rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(event), &count);
    pthread_mutex_lock(&topics->lock);
    for (size_t i = 0; i < count; i++) {
        const rd_kafka_topic_partition_t *seen = rd_kafka_ListOffsetsResultInfo_topic_partition(infos[i]);
        struct topic *topic = hw_map_get(&topics->topics, seen->topic);
        if (seen->err || !topic || seen->partition < 0 || seen->partition >= topic->partitions)
            continue;
        (spec == RD_KAFKA_OFFSET_SPEC_LATEST ? topic->ends : topic->starts)[seen->partition] = seen->offset;
        if (spec == RD_KAFKA_OFFSET_SPEC_LATEST)
            topic->has_offsets = true;
    }
    pthread_mutex_unlock(&topics->lock);
    rd_kafka_event_destroy(event);
    return 0;
}

/* New positions of a group; times already peeked at stay where the position did not move. */
static void take_positions(struct hw_topics *topics, const char *name, const rd_kafka_topic_partition_list_t *list) {
    struct group *group = hw_map_get(&topics->groups, name), *fresh = hw_xcalloc(1, sizeof *fresh);
    fresh->positions = hw_xcalloc((size_t)list->cnt + 1, sizeof *fresh->positions);
    fresh->seen = topics->began;
    for (int i = 0; i < list->cnt; i++) {
        const rd_kafka_topic_partition_t *seen = &list->elems[i];
        if (seen->err || seen->offset < 0 || strlen(seen->topic) > 249)
            continue;
        struct position *position = &fresh->positions[fresh->count++];
        *position = (struct position){.partition = seen->partition, .offset = seen->offset, .peeked_offset = -1};
        snprintf(position->topic, sizeof position->topic, "%s", seen->topic);
        for (size_t j = 0; group && j < group->count; j++)
            if (group->positions[j].partition == position->partition &&
                strcmp(group->positions[j].topic, position->topic) == 0) {
                position->peeked_offset = group->positions[j].peeked_offset;
                position->oldest_ms = group->positions[j].oldest_ms;
            }
    }
    group = hw_map_put(&topics->groups, name, fresh);
    if (group)
        group_free(group);
}

static void look_groups(struct hw_topics *topics) {
    rd_kafka_AdminOptions_t *options = call_options(topics, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS);
    rd_kafka_ListConsumerGroups(topics->client, options, topics->queue);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_event_t *event = call_result(topics);
    if (!event || rd_kafka_event_error(event)) {
        if (event)
            rd_kafka_event_destroy(event);
        pthread_mutex_lock(&topics->lock);
        topics->groups_known = false;
        pthread_mutex_unlock(&topics->lock);
        return;
    }
    size_t count = 0, asked = 0;
    const rd_kafka_ConsumerGroupListing_t **listed =
        rd_kafka_ListConsumerGroups_result_valid(rd_kafka_event_ListConsumerGroups_result(event), &count);
    options = call_options(topics, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
    for (size_t i = 0; i < HW_MIN(count, (size_t)MAX_GROUPS); i++) {
        const char *name = rd_kafka_ConsumerGroupListing_group_id(listed[i]);
        if (strlen(name) > 255 || !*name)
            continue;
        rd_kafka_ListConsumerGroupOffsets_t *request = rd_kafka_ListConsumerGroupOffsets_new(name, NULL);
        rd_kafka_ListConsumerGroupOffsets(topics->client, &request, 1, options, topics->queue);
        rd_kafka_ListConsumerGroupOffsets_destroy(request);
        asked++;
    }
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_event_destroy(event);
    bool all = true;
    for (; asked > 0; asked--) {
        event = call_result(topics);
        if (!event) {
            all = false;
            break;
        }
        if (!rd_kafka_event_error(event) && rd_kafka_event_ListConsumerGroupOffsets_result(event)) {
            size_t groups = 0;
            const rd_kafka_group_result_t **results = rd_kafka_ListConsumerGroupOffsets_result_groups(
                rd_kafka_event_ListConsumerGroupOffsets_result(event), &groups);
            pthread_mutex_lock(&topics->lock);
            for (size_t i = 0; i < groups; i++)
                if (!rd_kafka_group_result_error(results[i]) && rd_kafka_group_result_partitions(results[i]))
                    take_positions(topics, rd_kafka_group_result_name(results[i]),
                                   rd_kafka_group_result_partitions(results[i]));
            pthread_mutex_unlock(&topics->lock);
        } else {
            all = false;
        }
        rd_kafka_event_destroy(event);
    }
    pthread_mutex_lock(&topics->lock);
    topics->groups_known = true;
    size_t at = 0;
    const char *name;
    void *value;
    while (all && hw_map_next(&topics->groups, &at, &name, &value))
        if (((struct group *)value)->seen != topics->began)
            group_free(hw_map_remove(&topics->groups, name));
    pthread_mutex_unlock(&topics->lock);
}

/* Reads the one event at each place of the list; its time goes to ->offset's entry in times (0 = not found in time). */
static void peek(struct hw_topics *topics, rd_kafka_topic_partition_list_t *list, int64_t *times) {
    rd_kafka_assign(topics->peeker, list);
    int left = list->cnt;
    int64_t until = hw_mono_ms() + 1500;
    while (left > 0 && hw_mono_ms() < until) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(topics->peeker, 100);
        if (!message)
            continue;
        bool counts = !message->err || message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        for (int i = 0; counts && i < list->cnt && message->rkt; i++) {
            if (list->elems[i].partition != message->partition || times[i] != 0 ||
                strcmp(list->elems[i].topic, rd_kafka_topic_name(message->rkt)) != 0)
                continue;
            rd_kafka_timestamp_type_t type;
            times[i] = message->err ? -1 : HW_MAX(rd_kafka_message_timestamp(message, &type), (int64_t)1);
            left--;
            break;
        }
        rd_kafka_message_destroy(message);
    }
    rd_kafka_assign(topics->peeker, NULL);
}

static void peek_newest(struct hw_topics *topics) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    size_t at = 0;
    const char *name;
    void *value;
    pthread_mutex_lock(&topics->lock);
    while (hw_map_next(&topics->topics, &at, &name, &value)) {
        struct topic *topic = value;
        int64_t ends = sum(topic->ends, topic->partitions);
        bool fits = list->cnt == 0 || list->cnt + topic->partitions <= MAX_PEEKS; /* the rest waits for the next look */
        if (!topic->has_offsets || ends == topic->peeked_ends || !fits)
            continue;
        topic->peeked_ends = ends;
        for (int p = 0; p < topic->partitions && list->cnt < MAX_PEEKS; p++)
            if (topic->ends[p] > topic->starts[p])
                rd_kafka_topic_partition_list_add(list, name, p)->offset = topic->ends[p] - 1;
    }
    pthread_mutex_unlock(&topics->lock);
    if (list->cnt > 0) {
        int64_t times[MAX_PEEKS] = {0};
        peek(topics, list, times);
        pthread_mutex_lock(&topics->lock);
        for (int i = 0; i < list->cnt; i++) {
            struct topic *topic = hw_map_get(&topics->topics, list->elems[i].topic);
            if (!topic)
                continue;
            topic->last_event_ms = HW_MAX(topic->last_event_ms, times[i]);
            if (times[i])
                topic->peek_failures = 0;
            else if (topic->peek_failures++ < PEEK_TRIES)
                topic->peeked_ends = -1;
        }
        pthread_mutex_unlock(&topics->lock);
    }
    rd_kafka_topic_partition_list_destroy(list);
}

static bool lags(struct hw_topics *topics, const struct position *position) {
    const struct topic *topic = hw_map_get(&topics->topics, position->topic);
    return topic && position->partition >= 0 && position->partition < topic->partitions &&
           topic->ends[position->partition] > position->offset;
}

/* Two flows may lag at the same partition at different places, and an assignment has a partition once: the rest waits a
 * look. */
static void peek_oldest(struct hw_topics *topics) {
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    size_t at = 0;
    const char *name;
    void *value;
    pthread_mutex_lock(&topics->lock);
    while (hw_map_next(&topics->groups, &at, &name, &value)) {
        struct group *group = value;
        if (strncmp(name, "connect-", 8) != 0)
            continue;
        for (size_t i = 0; i < group->count && list->cnt < MAX_PEEKS; i++) {
            struct position *position = &group->positions[i];
            if (position->peeked_offset != position->offset && lags(topics, position) &&
                !rd_kafka_topic_partition_list_find(list, position->topic, position->partition))
                rd_kafka_topic_partition_list_add(list, position->topic, position->partition)->offset =
                    position->offset;
        }
    }
    pthread_mutex_unlock(&topics->lock);
    if (list->cnt > 0) {
        int64_t times[MAX_PEEKS] = {0};
        peek(topics, list, times);
        pthread_mutex_lock(&topics->lock);
        at = 0;
        while (hw_map_next(&topics->groups, &at, &name, &value)) {
            struct group *group = value;
            for (size_t i = 0; i < group->count; i++) {
                struct position *position = &group->positions[i];
                for (int j = 0; j < list->cnt; j++)
                    if (times[j] > 0 && list->elems[j].partition == position->partition &&
                        list->elems[j].offset == position->offset &&
                        strcmp(list->elems[j].topic, position->topic) == 0) {
                        position->peeked_offset = position->offset;
                        position->oldest_ms = times[j];
                    }
            }
        }
        pthread_mutex_unlock(&topics->lock);
    }
    rd_kafka_topic_partition_list_destroy(list);
}

static void finish_look(struct hw_topics *topics) {
    int64_t now = hw_now_us();
    size_t at = 0;
    const char *name;
    void *value;
    pthread_mutex_lock(&topics->lock);
    while (hw_map_next(&topics->topics, &at, &name, &value)) {
        struct topic *topic = value;
        if (topic->has_offsets)
            hw_rate_add(&topic->rate, now / 1000, sum(topic->ends, topic->partitions));
    }
    if (!topics->reachable)
        hw_info("Kafka answers", hw_kv_i("topics", (int64_t)topics->topics.count));
    topics->reachable = true;
    topics->why[0] = 0;
    topics->as_of_us = now;
    if (!topics->first_look_ms)
        topics->first_look_ms = now / 1000;
    pthread_mutex_unlock(&topics->lock);
}

static void look(struct hw_topics *topics, unsigned number) {
    rd_kafka_event_t *late;
    while ((late = rd_kafka_queue_poll(topics->queue, 0))) /* answers of a look that gave up waiting */
        rd_kafka_event_destroy(late);
    /* Earliest after latest: a topic made in between must not look as if it held a negative number of events. */
    if (look_topics(topics) < 0 || look_offsets(topics, RD_KAFKA_OFFSET_SPEC_LATEST) < 0 ||
        look_offsets(topics, RD_KAFKA_OFFSET_SPEC_EARLIEST) < 0)
        return;
    finish_look(topics);
    if (number % (1 + topics->groups.count / GROUPS_A_LOOK) == 0 ||
        !topics->groups_known) /* both written by this thread alone */
        look_groups(topics);
    peek_newest(topics);
    peek_oldest(topics);
}

static void *run(void *arg) {
    struct hw_topics *topics = arg;
    pthread_mutex_lock(&topics->lock);
    while (!topics->stopping) {
        unsigned number = ++topics->began;
        topics->wanted = false;
        pthread_mutex_unlock(&topics->lock);
        look(topics, number);
        pthread_mutex_lock(&topics->lock);
        topics->finished = number;
        pthread_cond_broadcast(&topics->changed);
        int wait_ms = topics->topics.count > MANY_TOPICS ? LOOK_MANY_MS : LOOK_MS;
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += wait_ms / 1000;
        while (!topics->stopping && !topics->wanted)
            if (pthread_cond_timedwait(&topics->changed, &topics->lock, &until) != 0)
                break;
    }
    pthread_mutex_unlock(&topics->lock);
    return NULL;
}

void hw_topics_look_now(struct hw_topics *topics, int timeout_ms) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += timeout_ms / 1000 + 1;
    pthread_mutex_lock(&topics->lock);
    unsigned wanted = topics->began + 1;
    topics->wanted = true;
    pthread_cond_broadcast(&topics->changed);
    while (!topics->stopping && topics->finished < wanted)
        if (pthread_cond_timedwait(&topics->changed, &topics->lock, &until) != 0)
            break;
    pthread_mutex_unlock(&topics->lock);
}

/* --- Reading
 * ------------------------------------------------------------------------------------------------------------------ */

static void view_of(struct hw_topics *topics, const struct topic *topic, struct hw_topic_view *view) {
    *view = (struct hw_topic_view){.internal = hw_topic_is_internal(topic->name),
                                   .partitions = topic->partitions,
                                   .consumers = topics->groups_known ? 0 : -1,
                                   .messages = messages_of(topic),
                                   .last_event_us = topic->last_event_ms * 1000,
                                   .per_minute = hw_rate_per_minute(&topic->rate, 0)};
    snprintf(view->name, sizeof view->name, "%s", topic->name);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const struct hw_topic_view *)a)->name, ((const struct hw_topic_view *)b)->name);
}

/* Positions of a group are sorted by nothing; a group counts once for each topic it has a position in. */
static void count_consumers(struct hw_topics *topics, struct hw_topic_view *views, size_t count) {
    size_t at = 0;
    const char *name;
    void *value;
    while (hw_map_next(&topics->groups, &at, &name, &value)) {
        const struct group *group = value;
        for (size_t i = 0; i < group->count; i++) {
            bool earlier = false;
            for (size_t j = 0; j < i && !earlier; j++)
                earlier = strcmp(group->positions[j].topic, group->positions[i].topic) == 0;
            if (earlier)
                continue;
            struct hw_topic_view key = {0};
            memcpy(key.name, group->positions[i].topic, sizeof key.name);
            struct hw_topic_view *view = bsearch(&key, views, count, sizeof *views, by_name);
            if (view && view->consumers >= 0)
                view->consumers++;
        }
    }
}

size_t hw_topics_list(struct hw_topics *topics, struct hw_topic_view **out_views) {
    pthread_mutex_lock(&topics->lock);
    struct hw_topic_view *views = hw_xcalloc(topics->topics.count + 1, sizeof *views);
    size_t count = 0, at = 0;
    const char *name;
    void *value;
    while (hw_map_next(&topics->topics, &at, &name, &value))
        view_of(topics, value, &views[count++]);
    qsort(views, count, sizeof *views, by_name);
    count_consumers(topics, views, count);
    pthread_mutex_unlock(&topics->lock);
    *out_views = views;
    return count;
}

bool hw_topics_get(struct hw_topics *topics, const char *name, struct hw_topic_view *out_view) {
    pthread_mutex_lock(&topics->lock);
    const struct topic *topic = hw_map_get(&topics->topics, name);
    if (!topic) {
        pthread_mutex_unlock(&topics->lock);
        return false;
    }
    view_of(topics, topic, out_view);
    size_t bytes = (size_t)topic->partitions * sizeof(int64_t);
    out_view->starts = memcpy(hw_xmalloc(bytes), topic->starts, bytes);
    out_view->ends = memcpy(hw_xmalloc(bytes), topic->ends, bytes);
    out_view->groups = hw_xcalloc(topics->groups.count + 1, sizeof *out_view->groups);
    size_t at = 0;
    const char *group_name;
    void *value;
    while (hw_map_next(&topics->groups, &at, &group_name, &value)) {
        const struct group *group = value;
        struct hw_topic_group *out = &out_view->groups[out_view->group_count];
        bool used = false;
        for (size_t i = 0; i < group->count; i++) {
            const struct position *position = &group->positions[i];
            if (strcmp(position->topic, name) != 0 || position->partition < 0 ||
                position->partition >= topic->partitions)
                continue;
            used = true;
            out->lag += HW_MAX(topic->ends[position->partition] - position->offset, (int64_t)0);
        }
        if (used) {
            snprintf(out->name, sizeof out->name, "%s", group_name);
            out_view->group_count++;
        }
    }
    if (topics->groups_known)
        out_view->consumers = (int)out_view->group_count;
    pthread_mutex_unlock(&topics->lock);
    return true;
}

void hw_topic_view_done(struct hw_topic_view *view) {
    free(view->starts);
    free(view->ends);
    free(view->groups);
    view->starts = view->ends = NULL;
    view->groups = NULL;
}

void hw_topics_progress(struct hw_topics *topics, const char *group_name, char *const *names, size_t count,
                        struct hw_progress *out) {
    *out = (struct hw_progress){0};
    pthread_mutex_lock(&topics->lock);
    const struct group *group = hw_map_get(&topics->groups, group_name);
    out->known = topics->reachable && topics->groups_known;
    for (size_t t = 0; t < count; t++) {
        const struct topic *topic = hw_map_get(&topics->topics, names[t]);
        if (!topic)
            continue;
        out->messages += messages_of(topic);
        out->last_event_us = HW_MAX(out->last_event_us, topic->last_event_ms * 1000);
        for (int p = 0; p < topic->partitions; p++) {
            int64_t from = topic->starts[p], oldest = 0;
            for (size_t i = 0; group && i < group->count; i++) {
                const struct position *position = &group->positions[i];
                if (position->partition != p || strcmp(position->topic, names[t]) != 0)
                    continue;
                out->has_committed = true;
                out->committed += position->offset;
                from = HW_MAX(from, position->offset);
                oldest = position->peeked_offset == position->offset ? position->oldest_ms : 0;
            }
            if (topic->ends[p] > from) {
                out->lag += topic->ends[p] - from;
                if (oldest > 0 && (out->oldest_ms == 0 || oldest < out->oldest_ms))
                    out->oldest_ms = oldest;
            }
        }
    }
    pthread_mutex_unlock(&topics->lock);
}

bool hw_topics_reachable(struct hw_topics *topics, char *why, size_t size, int64_t *out_as_of_us) {
    pthread_mutex_lock(&topics->lock);
    bool reachable = topics->reachable;
    if (why)
        snprintf(why, size, "%s", reachable ? "" : topics->why[0] ? topics->why : "not asked yet");
    if (out_as_of_us)
        *out_as_of_us = topics->as_of_us;
    pthread_mutex_unlock(&topics->lock);
    return reachable;
}

rd_kafka_t *hw_topics_client(struct hw_topics *topics) {
    return topics->client;
}

/* --- Life
 * ---------------------------------------------------------------------------------------------------------------------
 */

static int peeker_new(const struct hw_settings *settings, rd_kafka_t **out, struct hw_err *err) {
    rd_kafka_conf_t *conf;
    char text[256];
    HW_TRY(hw_kafka_conf(settings, "admin", &conf, err));
    static const char *const wanted[][2] = {{"group.id", "highway-admin"},       {"enable.auto.commit", "false"},
                                            {"enable.partition.eof", "true"},    {"auto.offset.reset", "latest"},
                                            {"fetch.wait.max.ms", "20"},         {"queued.max.messages.kbytes", "1024"},
                                            {"fetch.message.max.bytes", "65536"}};
    for (size_t i = 0; i < HW_ARRAY_SIZE(wanted); i++)
        if (hw_kafka_conf_set(conf, wanted[i][0], wanted[i][1], err) < 0) {
            rd_kafka_conf_destroy(conf);
            return -1;
        }
    *out = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (!*out) {
        rd_kafka_conf_destroy(conf);
        return hw_err_set(err, HW_ERR_CONFIG, 0, "cannot start a Kafka consumer: %s", text);
    }
    rd_kafka_poll_set_consumer(*out);
    return 0;
}

int hw_topics_start(const struct hw_settings *settings, struct hw_topics **out_topics, struct hw_err *err) {
    struct hw_topics *topics = hw_xcalloc(1, sizeof *topics);
    topics->settings = settings;
    pthread_mutex_init(&topics->lock, NULL);
    pthread_cond_init(&topics->changed, NULL);
    if (hw_kafka_producer(settings, "admin", NULL, NULL, &topics->client, err) < 0 ||
        peeker_new(settings, &topics->peeker, err) < 0) {
        hw_topics_stop(topics);
        return -1;
    }
    topics->queue = rd_kafka_queue_new(topics->client);
    if (pthread_create(&topics->thread, NULL, run, topics) != 0) {
        topics->thread = 0;
        hw_topics_stop(topics);
        return hw_err_set(err, HW_ERR_FATAL, 0, "cannot start a thread");
    }
    *out_topics = topics;
    return 0;
}

struct hw_topics *hw_topics_stop(struct hw_topics *topics) {
    if (!topics)
        return NULL;
    pthread_mutex_lock(&topics->lock);
    topics->stopping = true;
    pthread_cond_broadcast(&topics->changed);
    pthread_mutex_unlock(&topics->lock);
    if (topics->thread)
        pthread_join(topics->thread, NULL);
    if (topics->queue)
        rd_kafka_queue_destroy(topics->queue);
    if (topics->peeker) {
        rd_kafka_consumer_close(topics->peeker);
        rd_kafka_destroy(topics->peeker);
    }
    if (topics->client)
        rd_kafka_destroy(topics->client);
    size_t at = 0;
    const char *name;
    void *value;
    while (hw_map_next(&topics->topics, &at, &name, &value))
        topic_free(value);
    at = 0;
    while (hw_map_next(&topics->groups, &at, &name, &value))
        group_free(value);
    hw_map_done(&topics->topics);
    hw_map_done(&topics->groups);
    pthread_cond_destroy(&topics->changed);
    pthread_mutex_destroy(&topics->lock);
    free(topics);
    return NULL;
}
