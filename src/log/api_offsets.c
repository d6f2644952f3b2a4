/* Questions about offsets: by time, by leader epoch; and moving a log's start. */
#include "log/broker.h"

#include "base/diag.h"

static void list_one(struct hw_request *request, struct hw_topic *topic,
                     const struct hw_kafka_list_offsets_request_partition *asked,
                     struct hw_kafka_list_offsets_response_partition *row) {
    struct hw_partition *partition = hw_topic_partition(topic, asked->partition_index);
    row->partition_index = asked->partition_index;
    row->error_code = (int16_t)(partition ? hw_epoch_check(partition, asked->current_leader_epoch)
                                          : HW_KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
    if (row->error_code)
        return;
    row->leader_epoch = hw_partition_epoch(partition);
    struct hw_err err;
    switch (asked->timestamp) {
    case -1:
        row->offset = partition->high_watermark;
        return; /* latest */
    case -2:    /* earliest */
    case -4:
        row->offset = partition->log_start;
        return; /* earliest local: there is no other */
    case -3: {  /* the record with the highest timestamp */
        int64_t last, time = hw_partition_max_time(partition, &last);
        if (time < 0 || hw_partition_find_time(partition, time, &row->offset, &row->timestamp, &err) != 0) {
            row->offset = row->timestamp = -1;
            row->leader_epoch = -1;
        }
        return;
    }
    case -5:
    case -6:
        row->leader_epoch = -1;
        return; /* nothing is tiered */
    default:
        break;
    }
    int result = asked->timestamp < 0
                     ? 1
                     : hw_partition_find_time(partition, asked->timestamp, &row->offset, &row->timestamp, &err);
    if (result == 0)
        return;
    row->offset = row->timestamp = -1;
    row->leader_epoch = -1;
    if (result < 0) {
        hw_error("offset lookup failed", hw_kv_s("topic", topic->name), hw_kv_i("partition", partition->id),
                 hw_kv_s("error", err.text));
        row->error_code = HW_KAFKA_CORRUPT_MESSAGE;
    }
}

void hw_api_list_offsets(struct hw_request *request) {
    const struct hw_kafka_list_offsets_request *in = request->in;
    struct hw_kafka_list_offsets_response *out = HW_RESPONSE(request, list_offsets_response);
    for (int32_t t = 0; t < in->topics.count; t++) {
        struct hw_kafka_list_offsets_response_topic *rows =
            HW_KAFKA_ADD(&request->arena, list_offsets_response_topic, &out->topics);
        struct hw_topic *topic = hw_topics_find(&request->broker->topics, in->topics.items[t].name);
        rows->name = in->topics.items[t].name;
        for (int32_t p = 0; p < in->topics.items[t].partitions.count; p++) {
            struct hw_kafka_list_offsets_response_partition *row =
                HW_KAFKA_ADD(&request->arena, list_offsets_response_partition, &rows->partitions);
            list_one(request, topic, &in->topics.items[t].partitions.items[p], row);
        }
    }
    hw_request_reply(request, out);
}

void hw_api_offset_for_leader_epoch(struct hw_request *request) {
    const struct hw_kafka_offset_for_leader_epoch_request *in = request->in;
    struct hw_kafka_offset_for_leader_epoch_response *out = HW_RESPONSE(request, offset_for_leader_epoch_response);
    for (int32_t t = 0; t < in->topics.count; t++) {
        struct hw_kafka_offset_for_leader_epoch_response_topic *rows =
            HW_KAFKA_ADD(&request->arena, offset_for_leader_epoch_response_topic, &out->topics);
        struct hw_topic *topic = hw_topics_find(&request->broker->topics, in->topics.items[t].topic);
        rows->topic = in->topics.items[t].topic;
        for (int32_t p = 0; p < in->topics.items[t].partitions.count; p++) {
            const struct hw_kafka_offset_for_leader_epoch_request_partition *asked =
                &in->topics.items[t].partitions.items[p];
            struct hw_kafka_offset_for_leader_epoch_response_partition *row =
                HW_KAFKA_ADD(&request->arena, offset_for_leader_epoch_response_partition, &rows->partitions);
            struct hw_partition *partition = hw_topic_partition(topic, asked->partition);
            row->partition = asked->partition;
            row->error_code = (int16_t)(partition ? hw_epoch_check(partition, asked->current_leader_epoch)
                                                  : HW_KAFKA_UNKNOWN_TOPIC_OR_PARTITION);
            if (!row->error_code)
                hw_partition_epoch_end(partition, asked->leader_epoch, &row->leader_epoch, &row->end_offset);
        }
    }
    hw_request_reply(request, out);
}

void hw_api_delete_records(struct hw_request *request) {
    const struct hw_kafka_delete_records_request *in = request->in;
    struct hw_kafka_delete_records_response *out = HW_RESPONSE(request, delete_records_response);
    for (int32_t t = 0; t < in->topics.count; t++) {
        struct hw_kafka_delete_records_response_topic *rows =
            HW_KAFKA_ADD(&request->arena, delete_records_response_topic, &out->topics);
        struct hw_topic *topic = hw_topics_find(&request->broker->topics, in->topics.items[t].name);
        rows->name = in->topics.items[t].name;
        for (int32_t p = 0; p < in->topics.items[t].partitions.count; p++) {
            const struct hw_kafka_delete_records_request_partition *asked = &in->topics.items[t].partitions.items[p];
            struct hw_kafka_delete_records_response_partition *row =
                HW_KAFKA_ADD(&request->arena, delete_records_response_partition, &rows->partitions);
            struct hw_partition *partition = hw_topic_partition(topic, asked->partition_index);
            int64_t until = partition && asked->offset == -1 ? partition->high_watermark : asked->offset;
            row->partition_index = asked->partition_index;
            row->low_watermark = -1;
            if (!partition) {
                row->error_code = HW_KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
            } else if (topic->config.compact && !topic->config.remove) {
                row->error_code = HW_KAFKA_POLICY_VIOLATION;
            } else if (until < 0 || until > partition->high_watermark) {
                row->error_code = HW_KAFKA_OFFSET_OUT_OF_RANGE;
            } else {
                hw_partition_set_log_start(partition, until);
                row->low_watermark = partition->log_start;
            }
        }
    }
    struct hw_err err;
    if (hw_topics_checkpoint(&request->broker->topics, &err) < 0)
        hw_warn("log starts not checkpointed", hw_kv_s("error", err.text));
    hw_request_reply(request, out);
}
