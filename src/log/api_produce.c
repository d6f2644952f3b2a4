/* Produce: append, then answer by acks: 0 nothing, 1 after the write, -1 when the high watermark has passed every
 * batch. */
#include "log/broker.h"

#include <string.h>

struct wait {
    struct hw_waiter waiter;
    struct hw_partition *partition; /* referenced */
    struct produce *produce;
    struct hw_kafka_produce_response_partition *row;
};
struct produce {
    struct hw_request *request;
    struct hw_kafka_produce_response *response;
    int32_t waiting; /* plus one while the handler runs */
    int32_t wait_count, wait_capacity;
    struct wait *waits; /* in the request's arena */
};

static void release(struct produce *produce) {
    if (--produce->waiting > 0)
        return;
    if (produce->request->silent)
        hw_request_drop(produce->request);
    else
        hw_request_reply(produce->request, produce->response);
}

static void durable(struct hw_waiter *waiter, bool gone) {
    struct wait *wait = HW_CONTAINER_OF(waiter, struct wait, waiter);
    if (gone) {
        wait->row->error_code = HW_KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
        wait->row->base_offset = -1;
    }
    hw_partition_unref(wait->partition);
    wait->partition = NULL;
    release(wait->produce);
}

static void cancel(struct hw_request *request) {
    struct produce *produce = request->state;
    for (int32_t i = 0; i < produce->wait_count; i++) {
        struct wait *wait = &produce->waits[i];
        if (!wait->partition)
            continue;
        hw_waiter_remove(wait->partition, &wait->waiter);
        hw_partition_unref(wait->partition);
    }
    hw_request_drop(request);
}

static void append(struct produce *produce, struct hw_topic *topic,
                   const struct hw_kafka_produce_request_partition *asked, int refuse, bool wait_for_disk,
                   struct hw_kafka_produce_response_partition *row) {
    struct hw_partition *partition = hw_topic_partition(topic, asked->index);
    row->index = asked->index;
    row->base_offset = -1;
    if (refuse || !partition) {
        row->error_code = (int16_t)(refuse ? refuse : HW_KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
        return;
    }
    row->log_start_offset = partition->log_start;
    struct hw_append_result result;
    /* The records lie in the request's own frame: ours to change. */
    hw_partition_append(partition, (uint8_t *)(uintptr_t)asked->records.data, asked->records.size, false, &result);
    row->error_code = (int16_t)result.error;
    if (result.error) {
        char *text = hw_arena_printf(&produce->request->arena, "%s", result.message);
        row->error_message = hw_slice_str(text);
        if (result.error == HW_KAFKA_INVALID_RECORD) {
            struct hw_kafka_produce_response_record_error *record =
                HW_KAFKA_ADD(&produce->request->arena, produce_response_record_error, &row->record_errors);
            record->message = hw_slice_str(text);
        }
        return;
    }
    row->base_offset = result.base_offset;
    row->log_append_time_ms = result.append_time;
    if (!wait_for_disk || partition->high_watermark >= result.durable_at)
        return;
    struct wait *wait = &produce->waits[produce->wait_count++];
    *wait = (struct wait){
        .waiter = {.offset = result.durable_at, .fn = durable}, .partition = partition, .produce = produce, .row = row};
    hw_partition_ref(partition);
    produce->waiting++;
    hw_waiter_add_produce(partition, &wait->waiter);
}

void hw_api_produce(struct hw_request *request) {
    const struct hw_kafka_produce_request *in = request->in;
    struct hw_kafka_produce_response *out = HW_RESPONSE(request, produce_response);
    struct produce *produce = hw_request_alloc(request, sizeof(*produce));
    *produce = (struct produce){.request = request, .response = out, .waiting = 1};
    for (int32_t t = 0; t < in->topics.count; t++)
        produce->wait_capacity += in->topics.items[t].partitions.count;
    produce->waits = hw_request_alloc(request, (size_t)produce->wait_capacity * sizeof(struct wait));
    request->state = produce;
    request->cancel = cancel;
    request->silent = in->acks == 0;
    int refuse = request->version < 3            ? HW_KAFKA_UNSUPPORTED_VERSION
                 : in->acks < -1 || in->acks > 1 ? HW_KAFKA_INVALID_REQUIRED_ACKS
                 : in->transactional_id.data     ? HW_KAFKA_INVALID_REQUEST
                                                 : 0;
    /* Rows are made first, waits point at them: arrays must not move any more. */
    for (int32_t t = 0; t < in->topics.count; t++) {
        struct hw_kafka_produce_response_topic *row =
            HW_KAFKA_ADD(&request->arena, produce_response_topic, &out->topics);
        for (int32_t p = 0; p < in->topics.items[t].partitions.count; p++)
            hw_kafka_array_add(&request->arena, hw_kafka_produce_response_partition_schema(), &row->partitions);
    }
    for (int32_t t = 0; t < in->topics.count; t++) {
        const struct hw_kafka_produce_request_topic *asked = &in->topics.items[t];
        struct hw_kafka_produce_response_topic *row = &out->topics.items[t];
        row->name = asked->name;
        row->topic_id = asked->topic_id;
        struct hw_topic *topic = request->version >= 13 ? hw_topics_find_id(&request->broker->topics, &asked->topic_id)
                                                        : hw_topics_find(&request->broker->topics, asked->name);
        int fault = refuse ? refuse : !topic && request->version >= 13 ? HW_KAFKA_UNKNOWN_TOPIC_ID : 0;
        for (int32_t p = 0; p < asked->partitions.count; p++)
            append(produce, topic, &asked->partitions.items[p], fault, in->acks == -1, &row->partitions.items[p]);
    }
    release(produce);
}
