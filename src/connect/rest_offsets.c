/* Offsets of connectors: of sources from the offsets topic, of sinks from their consumer group. Changing them needs the
 * STOPPED state. */
#include "connect/rest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TIMEOUT_MS 10000
#define IN_USE_MS  15000 /* more than a task's session.timeout.ms */

enum kind { MISSING, SOURCE, SINK, UNKNOWN };

static enum kind kind_of(struct hw_worker *worker, const char *name, bool *out_stopped, bool *out_keeps_own) {
    enum kind kind = MISSING;
    pthread_mutex_lock(&worker->lock);
    const struct hw_connector *connector = hw_configs_get(&worker->configs, name);
    const struct hw_run *run = hw_map_get(&worker->runs, name);
    if (connector) {
        kind = run && run->class ? (run->class->sink ? SINK : SOURCE) : UNKNOWN;
        *out_stopped =
            connector->target == HW_TARGET_STOPPED && connector->task_count == 0 && run && run->slot_count == 0;
        *out_keeps_own = kind == SINK && run->class->sink->assign != NULL;
    }
    pthread_mutex_unlock(&worker->lock);
    return kind;
}

static rd_kafka_t *client_open(struct hw_worker *worker, struct hw_err *err) {
    rd_kafka_conf_t *conf;
    char why[300];
    if (hw_kafka_conf(worker->settings, "connect", &conf, err) < 0)
        return NULL;
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (!client) {
        rd_kafka_conf_destroy(conf);
        hw_err_set(err, HW_ERR_FATAL, 0, "%s", why);
    }
    return client;
}

/* A task that was just stopped stays a member of its group until its session ends (its membership is static, so that a
 * killed worker finds its partitions again); the broker refuses changes until then. */
static bool still_in_use(const struct hw_err *err) {
    return err->code == RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP || err->code == RD_KAFKA_RESP_ERR_GROUP_SUBSCRIBED_TO_TOPIC ||
           err->code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID;
}

static int while_in_use(int (*change)(struct hw_worker *worker, const char *name, yyjson_val *offsets,
                                      struct hw_err *err),
                        struct hw_worker *worker, const char *name, yyjson_val *offsets, struct hw_err *err) {
    int64_t until = hw_mono_ms() + IN_USE_MS;
    int result;
    while ((result = change(worker, name, offsets, err)) < 0 && still_in_use(err) && hw_mono_ms() < until) {
        struct timespec pause = {.tv_nsec = 300000000};
        nanosleep(&pause, NULL);
        *err = (struct hw_err){0};
    }
    return result;
}

/* Waits for the answer of one admin call. NULL: none in time, or refused as a whole. */
static rd_kafka_event_t *admin_wait(rd_kafka_queue_t *queue, struct hw_err *err) {
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, TIMEOUT_MS);
    if (!event) {
        hw_err_set(err, HW_ERR_RETRY, 0, "Kafka did not answer within %d s", TIMEOUT_MS / 1000);
        return NULL;
    }
    if (!rd_kafka_event_error(event))
        return event;
    hw_err_set(err, HW_ERR_RETRY, rd_kafka_event_error(event), "%s", rd_kafka_event_error_string(event));
    rd_kafka_event_destroy(event);
    return NULL;
}

static const rd_kafka_topic_partition_list_t *first_group(const rd_kafka_group_result_t **groups, size_t count,
                                                          struct hw_err *err) {
    if (count < 1)
        return NULL;
    const rd_kafka_error_t *error = rd_kafka_group_result_error(groups[0]);
    if (error) {
        hw_err_set(err, HW_ERR_RETRY, (int)rd_kafka_error_code(error), "%s", rd_kafka_error_string(error));
        return NULL;
    }
    return rd_kafka_group_result_partitions(groups[0]);
}

/* The group's offsets as a list the caller destroys; an unknown group has none. */
static rd_kafka_topic_partition_list_t *group_offsets(rd_kafka_t *client, const char *group, struct hw_err *err) {
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_ListConsumerGroupOffsets_t *ask = rd_kafka_ListConsumerGroupOffsets_new(group, NULL);
    rd_kafka_topic_partition_list_t *copy = NULL;
    rd_kafka_ListConsumerGroupOffsets(client, &ask, 1, NULL, queue);
    rd_kafka_event_t *event = admin_wait(queue, err);
    if (event) {
        size_t count = 0;
        const rd_kafka_group_result_t **groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
            rd_kafka_event_ListConsumerGroupOffsets_result(event), &count);
        const rd_kafka_topic_partition_list_t *list = first_group(groups, count, err);
        if (list)
            copy = rd_kafka_topic_partition_list_copy(list);
        rd_kafka_event_destroy(event);
    }
    rd_kafka_ListConsumerGroupOffsets_destroy(ask);
    rd_kafka_queue_destroy(queue);
    return copy;
}

static void write_group_offsets(const rd_kafka_topic_partition_list_t *list, struct hw_buf *out) {
    bool first = true;
    for (int i = 0; i < list->cnt; i++) {
        if (list->elems[i].offset < 0)
            continue;
        hw_buf_add_str(out, first ? "{\"partition\":{\"kafka_topic\":" : ",{\"partition\":{\"kafka_topic\":");
        first = false;
        hw_buf_add_json_str(out, list->elems[i].topic, strlen(list->elems[i].topic));
        hw_buf_printf(out, ",\"kafka_partition\":%d},\"offset\":{\"kafka_offset\":%lld}}", list->elems[i].partition,
                      (long long)list->elems[i].offset);
    }
}

HW_REST_HANDLER(hw_rest_offsets) {
    struct hw_worker *worker = arg;
    if (!hw_rest_ready(worker, x))
        return;
    const char *name = hw_http_param(x, "c");
    bool stopped = false, keeps_own = false;
    enum kind kind = kind_of(worker, name, &stopped, &keeps_own);
    if (kind == MISSING) {
        hw_rest_not_found(x, name);
        return;
    }
    struct hw_buf out = {0};
    struct hw_err err = {0};
    hw_buf_add_str(&out, "{\"offsets\":[");
    if (kind == SINK) {
        HW_CLEANUP(hw_freep) char *group = hw_xasprintf("connect-%s", name);
        rd_kafka_t *client = client_open(worker, &err);
        rd_kafka_topic_partition_list_t *list = client ? group_offsets(client, group, &err) : NULL;
        if (list) {
            write_group_offsets(list, &out);
            rd_kafka_topic_partition_list_destroy(list);
        }
        if (client)
            rd_kafka_destroy(client);
    } else {
        pthread_mutex_lock(&worker->lock);
        hw_source_offsets_list(&worker->offsets, name, &out);
        pthread_mutex_unlock(&worker->lock);
    }
    if (err.kind != HW_ERR_NONE) {
        hw_buf_done(&out);
        hw_rest_error(x, 503, "the offsets of %.200s could not be read: %s", name, err.text);
        return;
    }
    hw_buf_add_str(&out, "]}");
    hw_rest_json(x, 200, &out);
}

/* True: go on; else it was answered. */
static bool may_change(struct hw_worker *worker, struct hw_http_exchange *x, enum kind *out_kind, bool *out_keeps_own) {
    const char *name = hw_http_param(x, "c");
    bool stopped = false;
    *out_kind = kind_of(worker, name, &stopped, out_keeps_own);
    if (*out_kind == MISSING)
        hw_rest_not_found(x, name);
    else if (!stopped)
        hw_rest_error(
            x, 400,
            "Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the "
            "specified connector by issuing a 'PUT' request to the '/connectors/%.200s/stop' endpoint",
            name);
    else if (*out_kind == UNKNOWN)
        hw_rest_error(x, 400, "the class of connector %.200s is not known here, so what its offsets are is not either",
                      name);
    else
        return true;
    return false;
}

static void changed(struct hw_http_exchange *x, const char *name, const char *what, bool keeps_own) {
    struct hw_buf out = {0};
    hw_buf_add_str(&out, "{\"message\":\"The Connect framework-managed offsets for this connector have been ");
    hw_buf_printf(
        &out, "%s successfully.%s\"}", what,
        keeps_own
            ? " However, if this connector manages offsets externally, they will need to be manually changed in the "
              "system that the connector uses."
            : "");
    hw_rest_json(x, 200, &out);
}

static int store_source_offset(struct hw_worker *worker, const char *key, const char *value, struct hw_err *err) {
    struct hw_slice k = {(const uint8_t *)key, strlen(key)}, v = {(const uint8_t *)value, value ? strlen(value) : 0};
    return hw_kafka_store_put(worker->offset_store, k, v, TIMEOUT_MS, err);
}

static int alter_source(struct hw_worker *worker, const char *name, yyjson_val *partition, yyjson_val *offset,
                        struct hw_err *err) {
    HW_CLEANUP(hw_buf_done) struct hw_buf partition_text = {0};
    HW_CLEANUP(hw_buf_done) struct hw_buf offset_text = {0};
    hw_json_write_val(partition, &partition_text);
    pthread_mutex_lock(&worker->lock);
    const char *known = hw_source_offsets_find(&worker->offsets, name, partition);
    HW_CLEANUP(hw_freep)
    char *key = known ? hw_xstrdup(known) : hw_source_offset_key(name, hw_buf_str(&partition_text));
    pthread_mutex_unlock(&worker->lock);
    if (yyjson_is_null(offset))
        return store_source_offset(worker, key, NULL, err);
    hw_json_write_val(offset, &offset_text);
    return store_source_offset(worker, key, hw_buf_str(&offset_text), err);
}

/* One entry of the request: 0 = added to set or drop. */
static int read_sink_entry(yyjson_val *partition, yyjson_val *offset, rd_kafka_topic_partition_list_t *set,
                           rd_kafka_topic_partition_list_t *drop, struct hw_err *err) {
    const char *topic = hw_json_str(partition, "kafka_topic");
    int64_t number = hw_json_int(partition, "kafka_partition", -1);
    int64_t next = yyjson_is_null(offset) ? 0 : hw_json_int(offset, "kafka_offset", -1);
    if (!topic || number < 0 || number > INT32_MAX || next < 0)
        return hw_err_set(err, HW_ERR_DATA, 0,
                          "each offset of a sink must be {\"partition\":{\"kafka_topic\":\"…\",\"kafka_partition\":0},"
                          "\"offset\":{\"kafka_offset\":0}}, or with \"offset\":null to reset it");
    rd_kafka_topic_partition_list_add(yyjson_is_null(offset) ? drop : set, topic, (int32_t)number)->offset = next;
    return 0;
}

static int partitions_fault(const rd_kafka_topic_partition_list_t *list, struct hw_err *err) {
    for (int i = 0; list && i < list->cnt; i++)
        if (list->elems[i].err)
            return hw_err_set(err, HW_ERR_RETRY, list->elems[i].err, "%s-%d: %s", list->elems[i].topic,
                              list->elems[i].partition, rd_kafka_err2str(list->elems[i].err));
    return 0;
}

static int set_group(rd_kafka_t *client, const char *group, const rd_kafka_topic_partition_list_t *list,
                     struct hw_err *err) {
    if (list->cnt == 0)
        return 0;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_AlterConsumerGroupOffsets_t *ask = rd_kafka_AlterConsumerGroupOffsets_new(group, list);
    rd_kafka_AlterConsumerGroupOffsets(client, &ask, 1, NULL, queue);
    rd_kafka_event_t *event = admin_wait(queue, err);
    int result = -1;
    if (event) {
        size_t count = 0;
        const rd_kafka_group_result_t **groups = rd_kafka_AlterConsumerGroupOffsets_result_groups(
            rd_kafka_event_AlterConsumerGroupOffsets_result(event), &count);
        const rd_kafka_topic_partition_list_t *done = first_group(groups, count, err);
        result = done ? partitions_fault(done, err) : -1;
        rd_kafka_event_destroy(event);
    }
    rd_kafka_AlterConsumerGroupOffsets_destroy(ask);
    rd_kafka_queue_destroy(queue);
    return result;
}

static int drop_group(rd_kafka_t *client, const char *group, const rd_kafka_topic_partition_list_t *list,
                      struct hw_err *err) {
    if (list->cnt == 0)
        return 0;
    rd_kafka_queue_t *queue = rd_kafka_queue_new(client);
    rd_kafka_DeleteConsumerGroupOffsets_t *ask = rd_kafka_DeleteConsumerGroupOffsets_new(group, list);
    rd_kafka_DeleteConsumerGroupOffsets(client, &ask, 1, NULL, queue);
    rd_kafka_event_t *event = admin_wait(queue, err);
    int result = -1;
    if (event) {
        size_t count = 0;
        const rd_kafka_group_result_t **groups = rd_kafka_DeleteConsumerGroupOffsets_result_groups(
            rd_kafka_event_DeleteConsumerGroupOffsets_result(event), &count);
        const rd_kafka_topic_partition_list_t *done = first_group(groups, count, err);
        result = done ? partitions_fault(done, err) : -1;
        rd_kafka_event_destroy(event);
    }
    rd_kafka_DeleteConsumerGroupOffsets_destroy(ask);
    rd_kafka_queue_destroy(queue);
    return result;
}

static int alter_sink(struct hw_worker *worker, const char *name, yyjson_val *offsets, struct hw_err *err) {
    rd_kafka_topic_partition_list_t *set = rd_kafka_topic_partition_list_new(4),
                                    *drop = rd_kafka_topic_partition_list_new(4);
    HW_CLEANUP(hw_freep) char *group = hw_xasprintf("connect-%s", name);
    rd_kafka_t *client = NULL;
    int result = 0;
    yyjson_arr_iter at = yyjson_arr_iter_with(offsets);
    for (yyjson_val *entry; result == 0 && (entry = yyjson_arr_iter_next(&at));)
        result = read_sink_entry(yyjson_obj_get(entry, "partition"), yyjson_obj_get(entry, "offset"), set, drop, err);
    if (result == 0)
        client = client_open(worker, err);
    if (client)
        result = set_group(client, group, set, err) < 0 || drop_group(client, group, drop, err) < 0 ? -1 : 0;
    else
        result = -1;
    if (client)
        rd_kafka_destroy(client);
    rd_kafka_topic_partition_list_destroy(set);
    rd_kafka_topic_partition_list_destroy(drop);
    return result;
}

HW_REST_HANDLER(hw_rest_alter_offsets) {
    struct hw_worker *worker = arg;
    enum kind kind;
    bool keeps_own = false;
    if (!hw_rest_ready(worker, x) || !may_change(worker, x, &kind, &keeps_own))
        return;
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = hw_rest_body(x);
    if (!doc)
        return;
    const char *name = hw_http_param(x, "c");
    yyjson_val *offsets = yyjson_obj_get(yyjson_doc_get_root(doc), "offsets");
    struct hw_err err = {0};
    if (yyjson_arr_size(offsets) == 0) {
        hw_rest_error(x, 400, "Partitions / offsets need to be provided for an alter offsets request");
        return;
    }
    yyjson_arr_iter at = yyjson_arr_iter_with(offsets);
    for (yyjson_val *entry; (entry = yyjson_arr_iter_next(&at));) {
        yyjson_val *offset = yyjson_obj_get(entry, "offset");
        if (!yyjson_is_obj(yyjson_obj_get(entry, "partition")) || (!yyjson_is_obj(offset) && !yyjson_is_null(offset))) {
            hw_rest_error(x, 400,
                          "each entry of offsets must be {\"partition\":{…},\"offset\":{…}}, or with \"offset\":null "
                          "to reset it");
            return;
        }
    }
    int result = 0;
    if (kind == SINK)
        result = while_in_use(alter_sink, worker, name, offsets, &err);
    at = yyjson_arr_iter_with(offsets);
    for (yyjson_val *entry; kind == SOURCE && result == 0 && (entry = yyjson_arr_iter_next(&at));)
        result = alter_source(worker, name, yyjson_obj_get(entry, "partition"), yyjson_obj_get(entry, "offset"), &err);
    if (result == 0)
        changed(x, name, "altered", keeps_own);
    else
        hw_rest_error(x, err.kind == HW_ERR_DATA ? 400 : 500, "%s", err.text);
}

static int reset_sink(struct hw_worker *worker, const char *name, yyjson_val *offsets, struct hw_err *err) {
    HW_CLEANUP(hw_freep) char *group = hw_xasprintf("connect-%s", name);
    rd_kafka_t *client = client_open(worker, err);
    if (!client)
        return -1;
    rd_kafka_topic_partition_list_t *list = group_offsets(client, group, err);
    int result = list ? drop_group(client, group, list, err) : -1;
    if (list)
        rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_destroy(client);
    return result;
}

static int reset_source(struct hw_worker *worker, const char *name, struct hw_err *err) {
    char **keys;
    pthread_mutex_lock(&worker->lock);
    size_t count = hw_source_offsets_keys(&worker->offsets, name, &keys);
    pthread_mutex_unlock(&worker->lock);
    int result = 0;
    for (size_t i = 0; i < count; i++) {
        if (result == 0)
            result = store_source_offset(worker, keys[i], NULL, err);
        free(keys[i]);
    }
    free(keys);
    return result;
}

HW_REST_HANDLER(hw_rest_delete_offsets) {
    struct hw_worker *worker = arg;
    enum kind kind;
    bool keeps_own = false;
    if (!hw_rest_ready(worker, x) || !may_change(worker, x, &kind, &keeps_own))
        return;
    const char *name = hw_http_param(x, "c");
    struct hw_err err = {0};
    int result = kind == SINK ? while_in_use(reset_sink, worker, name, NULL, &err) : reset_source(worker, name, &err);
    if (result == 0)
        changed(x, name, "reset", keeps_own);
    else
        hw_rest_error(x, 500, "%s", err.text);
}
