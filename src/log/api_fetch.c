/* Fetch: answered at once when min_bytes are there, else when partitions move or max_wait is over. Record bytes go from
 * the page cache to the socket (sendfile); only durable ones. Fetch sessions are not kept: every answer says session 0.
 */
#include "log/broker.h"

#include "base/diag.h"

#include <string.h>

struct wait {
    struct hw_waiter waiter;
    struct hw_partition *partition; /* referenced */
    struct fetch *fetch;
};
struct fetch {
    struct hw_request *request;
    struct hw_loop_timer *timer;
    struct wait *waits;
    int32_t wait_count;
    bool ready;
    struct fetch *next_ready;
};
static struct fetch *ready_list; /* broker thread */

int hw_epoch_check(const struct hw_partition *partition, int32_t current_leader_epoch) {
    if (current_leader_epoch < 0 || current_leader_epoch == hw_partition_epoch(partition))
        return 0;
    return current_leader_epoch < hw_partition_epoch(partition) ? HW_KAFKA_FENCED_LEADER_EPOCH
                                                                : HW_KAFKA_UNKNOWN_LEADER_EPOCH;
}

static struct hw_topic *topic_of(const struct hw_request *request, const struct hw_kafka_fetch_request_topic *asked) {
    return request->version >= 13 ? hw_topics_find_id(&request->broker->topics, &asked->topic_id)
                                  : hw_topics_find(&request->broker->topics, asked->topic);
}

/* Fills one row; returns the bytes it adds. */
static int64_t read_partition(struct hw_request *request, struct hw_topic *topic,
                              const struct hw_kafka_fetch_request_partition *asked, int64_t budget, bool first_data,
                              struct hw_kafka_fetch_response_partition *row) {
    static const uint8_t none[1];
    row->partition_index = asked->partition;
    row->high_watermark = -1;
    row->records.data = none;
    struct hw_partition *partition = hw_topic_partition(topic, asked->partition);
    if (!partition) {
        row->error_code =
            !topic && request->version >= 13 ? HW_KAFKA_UNKNOWN_TOPIC_ID : HW_KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        return 0;
    }
    row->error_code = (int16_t)hw_epoch_check(partition, asked->current_leader_epoch);
    if (row->error_code)
        return 0;
    row->high_watermark = row->last_stable_offset = partition->high_watermark;
    row->log_start_offset = partition->log_start;
    row->aborted_transactions.null = true;
    if (asked->last_fetched_epoch >= 0) {
        int32_t epoch;
        int64_t end;
        hw_partition_epoch_end(partition, asked->last_fetched_epoch, &epoch, &end);
        if (epoch < asked->last_fetched_epoch || end < asked->fetch_offset) {
            row->diverging_epoch.epoch = epoch;
            row->diverging_epoch.end_offset = end;
            return 0;
        }
    }
    if (asked->fetch_offset < partition->log_start || asked->fetch_offset > partition->next_offset) {
        row->error_code = HW_KAFKA_OFFSET_OUT_OF_RANGE;
        return 0;
    }
    if (asked->fetch_offset >= partition->high_watermark || (budget <= 0 && !first_data))
        return 0;
    uint32_t max = (uint32_t)HW_MAX(HW_MIN((int64_t)asked->partition_max_bytes, budget), 0);
    struct hw_read_range range;
    struct hw_err err;
    if (hw_partition_read(partition, asked->fetch_offset, max, &range, &err) < 0) {
        hw_error("records cannot be served", hw_kv_s("topic", topic->name), hw_kv_i("partition", partition->id),
                 hw_kv_s("error", err.text));
        row->error_code = err.kind == HW_ERR_DATA ? HW_KAFKA_CORRUPT_MESSAGE : HW_KAFKA_KAFKA_STORAGE_ERROR;
        return 0;
    }
    if (!range.segment)
        return 0;
    if (range.size > max && !first_data) { /* more than asked for is allowed for the first partition with data only */
        hw_segment_unref(range.segment);
        return 0;
    }
    row->records = (struct hw_kafka_records){
        .size = range.size, .fd = range.segment->fd, .position = range.position, .owner = range.segment};
    return range.size;
}

static bool build(struct hw_request *request, struct hw_kafka_fetch_response *out, int64_t *out_bytes) {
    const struct hw_kafka_fetch_request *in = request->in;
    int64_t budget = in->max_bytes;
    bool errors = false;
    *out_bytes = 0;
    for (int32_t t = 0; t < in->topics.count; t++) {
        const struct hw_kafka_fetch_request_topic *asked = &in->topics.items[t];
        struct hw_topic *topic = topic_of(request, asked);
        struct hw_kafka_fetch_response_topic *rows = HW_KAFKA_ADD(&request->arena, fetch_response_topic, &out->topics);
        rows->topic = asked->topic;
        rows->topic_id = asked->topic_id;
        for (int32_t p = 0; p < asked->partitions.count; p++) {
            struct hw_kafka_fetch_response_partition *row =
                HW_KAFKA_ADD(&request->arena, fetch_response_partition, &rows->partitions);
            int64_t bytes = read_partition(request, topic, &asked->partitions.items[p], budget, *out_bytes == 0, row);
            budget -= bytes;
            *out_bytes += bytes;
            errors = errors || row->error_code || row->diverging_epoch.epoch >= 0;
        }
    }
    return errors;
}

static void give_back(struct hw_kafka_fetch_response *out) {
    for (int32_t t = 0; t < out->topics.count; t++)
        for (int32_t p = 0; p < out->topics.items[t].partitions.count; p++)
            hw_segment_unref(out->topics.items[t].partitions.items[p].records.owner);
}

static void stop_waiting(struct fetch *fetch) {
    for (int32_t i = 0; i < fetch->wait_count; i++) {
        if (!fetch->waits[i].partition)
            continue;
        hw_waiter_remove(fetch->waits[i].partition, &fetch->waits[i].waiter);
        hw_partition_unref(fetch->waits[i].partition);
        fetch->waits[i].partition = NULL;
    }
    if (fetch->timer)
        hw_loop_timer_cancel(fetch->timer);
    fetch->timer = NULL;
    for (struct fetch **link = &ready_list; fetch->ready && *link; link = &(*link)->next_ready) {
        if (*link == fetch) {
            *link = fetch->next_ready;
            break;
        }
    }
    fetch->ready = false;
}

static void cancel(struct hw_request *request) {
    stop_waiting(request->state);
    hw_request_drop(request);
}

/* Answers when there is enough (or must); false = goes on waiting. */
static bool try_answer(struct hw_request *request, bool must) {
    const struct hw_kafka_fetch_request *in = request->in;
    struct hw_kafka_fetch_response *out = HW_RESPONSE(request, fetch_response);
    int64_t bytes;
    bool errors = build(request, out, &bytes);
    if (!must && !errors && bytes < in->min_bytes) {
        give_back(out);
        return false;
    }
    if (request->state)
        stop_waiting(request->state);
    hw_request_reply(request, out);
    return true;
}

static void on_timer(void *arg) {
    struct fetch *fetch = arg;
    fetch->timer = NULL;
    try_answer(fetch->request, true);
}

static void on_moved(struct hw_waiter *waiter, bool gone) {
    struct wait *wait = HW_CONTAINER_OF(waiter, struct wait, waiter);
    struct fetch *fetch = wait->fetch;
    if (gone) {
        hw_partition_unref(wait->partition);
        wait->partition = NULL;
    }
    if (fetch->ready)
        return;
    fetch->ready = true;
    fetch->next_ready = ready_list;
    ready_list = fetch;
}

void hw_fetch_run_ready(struct hw_broker *broker) {
    while (ready_list) {
        struct fetch *fetch = ready_list;
        ready_list = fetch->next_ready;
        fetch->ready = false;
        try_answer(fetch->request, false);
    }
}

void hw_api_fetch(struct hw_request *request) {
    const struct hw_kafka_fetch_request *in = request->in;
    if (in->session_id != 0 && in->session_epoch > 0) { /* we never hand one out */
        struct hw_kafka_fetch_response *out = HW_RESPONSE(request, fetch_response);
        out->error_code = 70; /* FETCH_SESSION_ID_NOT_FOUND */
        hw_request_reply(request, out);
        return;
    }
    if (try_answer(request, in->max_wait_ms <= 0 || in->min_bytes <= 0))
        return;
    struct fetch *fetch = hw_request_alloc(request, sizeof(*fetch));
    fetch->request = request;
    int32_t count = 0;
    for (int32_t t = 0; t < in->topics.count; t++)
        count += in->topics.items[t].partitions.count;
    fetch->waits = hw_request_alloc(request, (size_t)count * sizeof(struct wait));
    for (int32_t t = 0; t < in->topics.count; t++) {
        struct hw_topic *topic = topic_of(request, &in->topics.items[t]);
        for (int32_t p = 0; p < in->topics.items[t].partitions.count; p++) {
            struct hw_partition *partition =
                hw_topic_partition(topic, in->topics.items[t].partitions.items[p].partition);
            if (!partition)
                continue;
            struct wait *wait = &fetch->waits[fetch->wait_count++];
            *wait = (struct wait){.waiter = {.fn = on_moved}, .partition = partition, .fetch = fetch};
            hw_partition_ref(partition);
            hw_waiter_add_fetch(partition, &wait->waiter);
        }
    }
    request->state = fetch;
    request->cancel = cancel;
    fetch->timer = hw_loop_timer(request->broker->loop, HW_MIN(in->max_wait_ms, 600000), on_timer, fetch);
}
