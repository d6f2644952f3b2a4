/* From a body to events. The steps of each event, in order:
 *   parse (net/json) → envelope (event/envelope) → topic and size rules → Kafka (request.c, producer.c)
 * A check of the topic's schema belongs between envelope and Kafka: it sees the parsed value and may add faults. */
#include "ingest/shape.h"
#include "event/span.h"
#include "ingest/topic.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define REPORT_ALL_UP_TO 100 /* events; above, rows that are ok are left out unless ?report=all */

enum hw_shape hw_ingest_shape(const char *content_type) {
    static const struct {
        const char *type;
        enum hw_shape shape;
    } known[] = {
        {"application/json", HW_SHAPE_JSON},
        {"text/plain", HW_SHAPE_JSON},
        {"text/json", HW_SHAPE_JSON},
        {"application/x-ndjson", HW_SHAPE_LINES},
        {"application/ndjson", HW_SHAPE_LINES},
        {"application/jsonl", HW_SHAPE_LINES},
        {"application/x-jsonlines", HW_SHAPE_LINES},
    };
    if (!content_type)
        return HW_SHAPE_JSON;
    size_t size = strcspn(content_type, "; \t");
    if (size == 0)
        return HW_SHAPE_JSON;
    for (size_t i = 0; i < HW_ARRAY_SIZE(known); i++) {
        if (strlen(known[i].type) == size && strncasecmp(content_type, known[i].type, size) == 0)
            return known[i].shape;
    }
    return HW_SHAPE_UNKNOWN;
}

void hw_ingest_refuse(struct hw_ingest *ingest, struct hw_http_exchange *exchange, enum hw_refusal refusal, int status,
                      const char *code, const char *format, ...) {
    atomic_fetch_add(&ingest->counters.refused[refusal], 1);
    char text[900];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (status == 503 || status == 429)
        hw_http_set_header(exchange, "Retry-After", refusal == HW_REFUSED_KAFKA_AWAY ? "5" : "1");
    hw_http_reply_problem(exchange, status, code, "%s", text);
}

/* The body being taken in: one event at a time passes through `event`. */
struct pass {
    const struct hw_intake *intake;
    struct hw_ingest_request *request;
    struct hw_event event;
    rd_kafka_topic_t *handle; /* of topic_name */
    char topic_name[250];
};

static rd_kafka_headers_t *make_headers(int64_t received_us) {
    char received[28];
    hw_time_format_us(received_us, received);
    rd_kafka_headers_t *headers = rd_kafka_headers_new(2);
    rd_kafka_header_add(headers, "hw.received_at", -1, received, 27);
    rd_kafka_header_add(headers, "hw.source", -1, "http", 4);
    return headers;
}

/* Finds the handle of an event's topic; consecutive events mostly go to the same one. */
static bool find_topic(struct pass *pass, const char *name) {
    if (pass->intake->dry_run || (pass->handle && strcmp(pass->topic_name, name) == 0))
        return true;
    pass->handle = hw_ingest_producer_topic(pass->intake->ingest->producer, name);
    snprintf(pass->topic_name, sizeof(pass->topic_name), "%s", name);
    return pass->handle != NULL;
}

/* Rules beyond the envelope. */
static void check_rules(struct pass *pass) {
    struct hw_event *event = &pass->event;
    int64_t limit = pass->intake->ingest->max_event_bytes;
    if ((int64_t)event->value.size > limit) {
        char expected[40], got[40];
        snprintf(expected, sizeof(expected), "at most %lld bytes", (long long)limit);
        snprintf(got, sizeof(got), "%zu bytes", event->value.size);
        hw_event_fault_add(
            event, "", "size", expected, got,
            "the event has %s with its envelope, allowed are %s (ingest.max.event.bytes); send less in one event", got,
            expected);
        return;
    }
    const char *name = pass->intake->topic ? pass->intake->topic : event->event_name;
    if (!pass->intake->topic) {
        enum hw_topic_check check = hw_ingest_topic_check(name);
        if (check == HW_TOPIC_BAD_NAME)
            hw_event_fault_add(event, "/event_name", "topic", "[a-zA-Z0-9._-]{1,249}", name,
                               "event_name names the topic here, and a topic's name is " HW_TOPIC_RULE);
        else if (check == HW_TOPIC_INTERNAL)
            hw_event_fault_add(event, "/event_name", "topic", "a topic of your own", name,
                               "\"%.100s\" is internal to the system; choose another event_name", name);
        if (check != HW_TOPIC_OK)
            return;
    }
    if (!find_topic(pass, name))
        hw_event_fault_add(
            event, "", "topic", "a topic in use", name,
            "this door writes to as many different topics as it may (ingest.max.topics); use one of those");
}

/* One event whose text is known to be JSON. */
static void take_value(struct pass *pass, yyjson_val *value, const void *raw, size_t size) {
    const struct hw_intake *intake = pass->intake;
    int result = hw_event_normalise_value(value, raw, size, intake->topic, intake->received_us,
                                          intake->wrap ? HW_EVENT_WRAP : 0, &pass->event);
    if (result == 0)
        check_rules(pass);
    if (pass->event.fault_count)
        hw_ingest_request_add_invalid(pass->request, &pass->event);
    else
        hw_ingest_request_add(pass->request, pass->handle, &pass->event);
}

/* Answers itself and returns false when the request cannot be begun. */
static bool begin(struct pass *pass, size_t event_count) {
    const struct hw_intake *intake = pass->intake;
    struct hw_ingest *ingest = intake->ingest;
    if ((int64_t)event_count > ingest->max_request_events) {
        hw_ingest_refuse(
            ingest, intake->exchange, HW_REFUSED_TOO_LARGE, 413, "too_many_events",
            "%zu events in one request, allowed are %lld (ingest.max.request.events); send them in several requests",
            event_count, (long long)ingest->max_request_events);
        return false;
    }
    struct hw_ingest_request *request = hw_ingest_request_begin(ingest, intake->exchange, event_count);
    if (!request) {
        hw_ingest_refuse(
            ingest, intake->exchange, HW_REFUSED_OVERLOAD, 503, "overload",
            "more bytes are on their way to Kafka than the mark of %lld (ingest.max.inflight.bytes); try again after a "
            "moment",
            (long long)ingest->max_inflight_bytes);
        return false;
    }
    request->received_us = intake->received_us;
    request->dry_run = intake->dry_run;
    request->report_all = intake->report_all || (!intake->report_errors && event_count <= REPORT_ALL_UP_TO);
    if (!intake->dry_run) {
        request->stamp = (struct hw_ingest_stamp){.timestamp_ms = intake->received_us / 1000,
                                                  .key = intake->key,
                                                  .key_size = intake->key ? strlen(intake->key) : 0};
        request->stamp.headers = make_headers(intake->received_us);
    }
    pass->request = request;
    return true;
}

static void refuse_json(const struct hw_intake *intake, const char *why) {
    struct hw_slice body = hw_http_body(intake->exchange);
    bool lines = memmem(body.data, body.size, "}\n{", 3) || memmem(body.data, body.size, "}\r\n{", 4);
    hw_ingest_refuse(intake->ingest, intake->exchange, HW_REFUSED_NOT_JSON, 400, "not_json",
                     "the body is not JSON: %s%s", why,
                     lines ? "; for one event a line send Content-Type: application/x-ndjson" : "");
}

void hw_ingest_intake_json(const struct hw_intake *intake) {
    struct hw_slice body = hw_http_body(intake->exchange);
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
    struct hw_err err = {0};
    if (hw_json_parse(body.data, body.size, &doc, &err)) {
        refuse_json(intake, err.text);
        return;
    }
    yyjson_val *root = yyjson_doc_get_root(doc);
    struct pass pass = {.intake = intake};
    if (!yyjson_is_arr(root)) {
        if (!begin(&pass, 1))
            return;
        take_value(&pass, root, body.data, body.size);
    } else {
        if (!begin(&pass, yyjson_arr_size(root)))
            return;
        const uint8_t *end = body.data + body.size, *at = hw_span_blanks(body.data, end) + 1, *from, *to;
        yyjson_arr_iter iter = yyjson_arr_iter_with(root);
        for (yyjson_val *value; (value = yyjson_arr_iter_next(&iter)) && hw_span_next(&at, end, 0, &from, &to);)
            take_value(&pass, value, from, (size_t)(to - from));
    }
    hw_event_done(&pass.event);
    hw_ingest_request_end(pass.request);
}

/* The next line with anything on it; *at moves behind it. false at the end. */
static bool next_line(const uint8_t **at, const uint8_t *end, size_t *line, struct hw_slice *out) {
    while (*at < end) {
        const uint8_t *from = *at, *newline = memchr(from, '\n', (size_t)(end - from));
        const uint8_t *to = newline ? newline : end;
        *at = newline ? newline + 1 : end;
        ++*line;
        from = hw_span_blanks(from, to);
        if (from == to)
            continue;
        *out = (struct hw_slice){from, (size_t)(to - from)};
        return true;
    }
    return false;
}

/* A line that is not JSON is an invalid event among others, not the end of the request: the good ones are stored. */
static void take_bad_line(struct pass *pass, size_t line, const char *why) {
    static const char first[] = "line 1, ";
    if (strncmp(why, first, sizeof(first) - 1) == 0) /* the parser saw this line alone */
        why += sizeof(first) - 1;
    struct hw_event *event = &pass->event;
    hw_buf_clear(&event->value);
    event->id[0] = '\0';
    event->fault_count = 0;
    char got[24];
    snprintf(got, sizeof(got), "line %zu", line);
    hw_event_fault_add(event, "", "json", "JSON", got, "line %zu is not JSON: %s", line, why);
    hw_ingest_request_add_invalid(pass->request, event);
}

void hw_ingest_intake_lines(const struct hw_intake *intake) {
    struct hw_slice body = hw_http_body(intake->exchange);
    const uint8_t *at = body.data, *end = at + body.size;
    size_t line = 0, count = 0;
    struct hw_slice text;
    while (next_line(&at, end, &line, &text))
        count++;
    struct pass pass = {.intake = intake};
    if (!begin(&pass, count))
        return;
    for (at = body.data, line = 0; next_line(&at, end, &line, &text);) {
        HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
        struct hw_err err;
        if (hw_json_parse(text.data, text.size, &doc, &err))
            take_bad_line(&pass, line, err.text);
        else
            take_value(&pass, yyjson_doc_get_root(doc), text.data, text.size);
    }
    hw_event_done(&pass.event);
    hw_ingest_request_end(pass.request);
}
