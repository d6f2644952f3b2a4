#include "ingest/request.h"
#include "ingest/answer.h"

#include <stdlib.h>
#include <string.h>

/* What an event costs beside its bytes: row, id, librdkafka's message with headers. */
#define EVENT_OVERHEAD 512
/* Faults of one answer; beyond it invalid rows carry none, and the answer says so. */
#define ERRORS_MAX (1u << 20)

struct hw_ingest_request *hw_ingest_request_begin(struct hw_ingest *ingest, struct hw_http_exchange *exchange,
                                                  size_t capacity) {
    /* Twice the body: the server holds it until the answer, and the client library holds a copy. */
    size_t body = hw_http_body(exchange).size, cost = 2 * body + capacity * EVENT_OVERHEAD;
    long long before = atomic_fetch_add(&ingest->counters.inflight_bytes, (long long)cost);
    if (before > 0 && before + (long long)cost > ingest->max_inflight_bytes) {
        atomic_fetch_sub(&ingest->counters.inflight_bytes, (long long)cost);
        return NULL;
    }
    atomic_fetch_add(&ingest->counters.inflight_requests, 1);
    atomic_fetch_add(&ingest->counters.bytes, body);
    struct hw_ingest_request *request = hw_xmalloc(sizeof(*request) + capacity * sizeof(request->rows[0]));
    memset(request, 0, sizeof(*request));
    request->ingest = ingest;
    request->exchange = exchange;
    request->capacity = (uint32_t)capacity;
    request->reserved_bytes = cost;
    atomic_init(&request->pending, (unsigned)capacity + 1);
    hw_buf_reserve(&request->ids, capacity * 36);
    return request;
}

static void request_free(struct hw_ingest_request *request) {
    atomic_fetch_sub(&request->ingest->counters.inflight_bytes, (long long)request->reserved_bytes);
    atomic_fetch_sub(&request->ingest->counters.inflight_requests, 1);
    if (request->stamp.headers)
        rd_kafka_headers_destroy(request->stamp.headers);
    hw_buf_done(&request->ids);
    hw_buf_done(&request->errors);
    free(request);
}

static struct hw_ingest_row *next_row(struct hw_ingest_request *request, const struct hw_event *event) {
    struct hw_ingest_row *row = &request->rows[request->row_count++];
    size_t id_size = strlen(event->id);
    *row = (struct hw_ingest_row){.request = request,
                                  .partition = -1,
                                  .offset = -1,
                                  .id_at = (uint32_t)request->ids.size,
                                  .id_size = (uint8_t)id_size};
    hw_buf_add(&request->ids, event->id, id_size);
    return row;
}

/* Drops n from pending; the last one answers. */
static void settle(struct hw_ingest_request *request, unsigned n) {
    if (atomic_fetch_sub_explicit(&request->pending, n, memory_order_acq_rel) != n)
        return;
    hw_ingest_answer(request);
    request_free(request);
}

void hw_ingest_request_add_invalid(struct hw_ingest_request *request, const struct hw_event *event) {
    struct hw_ingest_row *row = next_row(request, event);
    row->outcome = HW_OUTCOME_INVALID;
    if (event->fault_count && strcmp(event->faults[0].keyword, "json") == 0)
        request->not_json++;
    else if (event->fault_count && strcmp(event->faults[0].keyword, "size") == 0)
        request->too_large++;
    if (request->errors.size > ERRORS_MAX) {
        request->errors_cut = true;
        return;
    }
    row->errors_at = (uint32_t)request->errors.size;
    hw_event_faults_write(event, &request->errors);
    row->errors_size = (uint32_t)request->errors.size - row->errors_at;
}

void hw_ingest_request_add(struct hw_ingest_request *request, rd_kafka_topic_t *topic, const struct hw_event *event) {
    struct hw_ingest_row *row = next_row(request, event);
    if (request->dry_run)
        return;
    request->sent++;
    rd_kafka_resp_err_t error = hw_ingest_producer_send(request->ingest->producer, topic, &request->stamp,
                                                        event->value.data, event->value.size, row);
    if (error) /* never sent, so never reported */
        hw_ingest_request_report(row, error, -1, -1);
}

void hw_ingest_request_end(struct hw_ingest_request *request) {
    settle(request, request->capacity - request->sent + 1);
}

static enum hw_outcome outcome_of(rd_kafka_resp_err_t error) {
    switch (error) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
        return HW_OUTCOME_OK;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
        return HW_OUTCOME_INVALID; /* sending the same again would end the same */
    default:
        return HW_OUTCOME_RETRY;
    }
}

void hw_ingest_request_report(void *message, rd_kafka_resp_err_t error, int32_t partition, int64_t offset) {
    struct hw_ingest_row *row = message;
    row->outcome = (uint8_t)outcome_of(error);
    row->kafka_error = (int16_t)error;
    row->partition = error ? -1 : partition;
    row->offset = error ? -1 : offset;
    settle(row->request, 1);
}
