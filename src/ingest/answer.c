/* The answer: {"results":[…],"counts":{…}} and an honest status line.
 *
 *   200 every event durable                 400 no event was JSON          413 every event too large
 *   207 mixed: read the results             422 every event invalid        503 none durable, try again (Retry-After)
 *
 * A row "retry" means Kafka did not confirm the event; it may yet be there, so a client that sends it again sends the
 * same id. */
#include "ingest/answer.h"

#include <stdio.h>
#include <string.h>

const char *const hw_outcome_names[HW_OUTCOME_COUNT] = {"ok", "invalid", "retry"};

static void add_number(struct hw_buf *out, int64_t value) {
    char text[24], *p = text + sizeof(text);
    uint64_t rest = value < 0 ? -(uint64_t)value : (uint64_t)value;
    do
        *--p = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0)
        *--p = '-';
    hw_buf_add(out, p, (size_t)(text + sizeof(text) - p));
}

#define ADD_TEXT(out, literal) hw_buf_add((out), (literal), sizeof(literal) - 1)

static void write_kafka_error(const struct hw_ingest_request *request, const struct hw_ingest_row *row,
                              struct hw_buf *out) {
    rd_kafka_resp_err_t error = row->kafka_error;
    char text[400];
    const char *keyword = "kafka";
    switch (error) {
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        keyword = "size";
        snprintf(text, sizeof(text),
                 "Kafka refused the event as too large for this topic; send less in one event, or raise the topic's "
                 "max.message.bytes");
        break;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        snprintf(text, sizeof(text),
                 "Kafka does not let this door write to the topic; ask the platform team for the right");
        break;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
        keyword = "topic";
        snprintf(text, sizeof(text),
                 "the topic does not exist and Kafka does not create it by itself; create it first");
        break;
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
        snprintf(text, sizeof(text),
                 "Kafka at %.200s did not confirm the event within %lld ms; send it again with the same id",
                 hw_ingest_producer_brokers(request->ingest->producer),
                 (long long)request->ingest->delivery_timeout_ms);
        break;
    default:
        if (row->outcome == HW_OUTCOME_RETRY)
            snprintf(text, sizeof(text), "Kafka did not confirm the event (%.200s); send it again with the same id",
                     rd_kafka_err2str(error));
        else
            snprintf(text, sizeof(text), "Kafka refused the event: %.200s", rd_kafka_err2str(error));
        break;
    }
    ADD_TEXT(out, "[{\"path\":\"\",\"keyword\":\"");
    hw_buf_add_str(out, keyword);
    ADD_TEXT(out, "\",\"expected\":\"confirmed by Kafka\",\"got\":");
    const char *name = rd_kafka_err2name(error);
    hw_buf_add_json_str(out, name, strlen(name));
    ADD_TEXT(out, ",\"text\":");
    hw_buf_add_json_str(out, text, strlen(text));
    ADD_TEXT(out, "}]");
}

static void write_row(const struct hw_ingest_request *request, uint32_t index, struct hw_buf *out) {
    const struct hw_ingest_row *row = &request->rows[index];
    ADD_TEXT(out, "{\"i\":");
    add_number(out, index);
    ADD_TEXT(out, ",\"id\":");
    if (row->id_size)
        hw_buf_add_json_str(out, (const char *)request->ids.data + row->id_at, row->id_size);
    else
        ADD_TEXT(out, "null");
    ADD_TEXT(out, ",\"status\":\"");
    hw_buf_add_str(out, hw_outcome_names[row->outcome]);
    hw_buf_add_char(out, '"');
    if (row->partition >= 0) {
        ADD_TEXT(out, ",\"partition\":");
        add_number(out, row->partition);
        ADD_TEXT(out, ",\"offset\":");
        add_number(out, row->offset);
    }
    if (row->errors_size) {
        ADD_TEXT(out, ",\"errors\":");
        hw_buf_add(out, request->errors.data + row->errors_at, row->errors_size);
    } else if (row->kafka_error) {
        ADD_TEXT(out, ",\"errors\":");
        write_kafka_error(request, row, out);
    }
    hw_buf_add_char(out, '}');
}

static int status_of(const struct hw_ingest_request *request, const uint32_t counts[HW_OUTCOME_COUNT]) {
    uint32_t received = request->row_count;
    if (counts[HW_OUTCOME_OK] == received)
        return 200;
    if (counts[HW_OUTCOME_RETRY] == received)
        return 503;
    if (counts[HW_OUTCOME_INVALID] < received)
        return 207;
    if (request->not_json == received)
        return 400;
    return request->too_large == received ? 413 : 422;
}

void hw_ingest_answer_cors(const struct hw_ingest *ingest, struct hw_http_exchange *exchange) {
    if (!ingest->cors_origin[0] || !hw_http_header(exchange, "origin"))
        return;
    hw_http_set_header(exchange, "Access-Control-Allow-Origin", ingest->cors_origin);
    hw_http_set_header(exchange, "Access-Control-Expose-Headers", "Retry-After");
}

void hw_ingest_answer(struct hw_ingest_request *request) {
    uint32_t counts[HW_OUTCOME_COUNT] = {0};
    for (uint32_t i = 0; i < request->row_count; i++)
        counts[request->rows[i].outcome]++;
    struct hw_ingest_counters *counters = &request->ingest->counters;
    if (request->dry_run) {
        atomic_fetch_add(&counters->validated, request->row_count);
    } else {
        for (int i = 0; i < HW_OUTCOME_COUNT; i++) {
            if (counts[i])
                atomic_fetch_add(&counters->events[i], counts[i]);
        }
    }

    struct hw_buf out = {0};
    uint32_t shown = request->report_all ? request->row_count : request->row_count - counts[HW_OUTCOME_OK];
    hw_buf_reserve(&out, 256 + shown * (size_t)120 + request->errors.size);
    ADD_TEXT(&out, "{\"results\":[");
    for (uint32_t i = 0, written = 0; i < request->row_count; i++) {
        if (!request->report_all && request->rows[i].outcome == HW_OUTCOME_OK)
            continue;
        if (written++)
            hw_buf_add_char(&out, ',');
        write_row(request, i, &out);
    }
    ADD_TEXT(&out, "],\"counts\":{\"received\":");
    add_number(&out, request->row_count);
    for (int i = 0; i < HW_OUTCOME_COUNT; i++) {
        ADD_TEXT(&out, ",\"");
        hw_buf_add_str(&out, hw_outcome_names[i]);
        ADD_TEXT(&out, "\":");
        add_number(&out, counts[i]);
    }
    hw_buf_add_char(&out, '}');
    if (!request->report_all)
        ADD_TEXT(&out, ",\"report\":\"errors\"");
    if (request->errors_cut)
        ADD_TEXT(&out, ",\"errors_cut\":true");
    if (request->dry_run)
        ADD_TEXT(&out, ",\"dry_run\":true");
    hw_buf_add_char(&out, '}');

    int status = status_of(request, counts);
    if (status == 503)
        hw_http_set_header(request->exchange, "Retry-After", "1");
    hw_http_reply_buf(request->exchange, status, "application/json", &out);
}
