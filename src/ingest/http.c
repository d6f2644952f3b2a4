/* The routes of the HTTP door: everything about a request that is not its events. */
#include "ingest/answer.h"
#include "ingest/shape.h"
#include "ingest/topic.h"

#include <string.h>
#include <strings.h>

static bool flag(const struct hw_http_exchange *exchange, const char *name) {
    const char *value = hw_http_query(exchange, name);
    return value && strcmp(value, "0") != 0 && strcmp(value, "false") != 0;
}

/* Each check answers itself and returns false when the request ends there. */
static bool check_topic(struct hw_ingest *ingest, struct hw_http_exchange *exchange, const char *topic) {
    switch (hw_ingest_topic_check(topic)) {
    case HW_TOPIC_BAD_NAME:
        hw_ingest_refuse(ingest, exchange, HW_REFUSED_TOPIC, 400, "topic_name",
                         "\"%.100s\" cannot name a topic: a topic's name is " HW_TOPIC_RULE, topic);
        return false;
    case HW_TOPIC_INTERNAL:
        hw_ingest_refuse(ingest, exchange, HW_REFUSED_TOPIC, 403, "topic_internal",
                         "\"%.100s\" is internal to the system, events cannot be sent there; choose another topic",
                         topic);
        return false;
    default:
        return true;
    }
}

static bool check_encoding(struct hw_ingest *ingest, struct hw_http_exchange *exchange) {
    const char *encoding = hw_http_header(exchange, "content-encoding");
    if (!encoding || !*encoding || strcasecmp(encoding, "identity") == 0)
        return true;
    hw_http_set_header(exchange, "Accept-Encoding", "identity");
    hw_ingest_refuse(ingest, exchange, HW_REFUSED_CONTENT_TYPE, 415, "content_encoding",
                     "Content-Encoding %.60s is not accepted; send the body uncompressed", encoding);
    return false;
}

static bool check_kafka(struct hw_ingest *ingest, struct hw_http_exchange *exchange) {
    if (atomic_load(&ingest->stopping)) {
        hw_ingest_refuse(ingest, exchange, HW_REFUSED_OVERLOAD, 503, "stopping",
                         "this door is being stopped; try again");
        return false;
    }
    int64_t away_ms = hw_ingest_producer_away_ms(ingest->producer);
    if (away_ms <= ingest->delivery_timeout_ms)
        return true;
    /* A short absence is waited out with the request held; a long one must not gather requests. */
    hw_ingest_refuse(ingest, exchange, HW_REFUSED_KAFKA_AWAY, 503, "kafka_away",
                     "Kafka at %s has been away for %lld s, nothing can be stored; try again later",
                     hw_ingest_producer_brokers(ingest->producer), (long long)(away_ms / 1000));
    return false;
}

static void take(struct hw_ingest *ingest, struct hw_http_exchange *exchange, bool dry_run) {
    hw_ingest_answer_cors(ingest, exchange);
    const char *topic = hw_http_param(exchange, "topic"), *report = hw_http_query(exchange, "report");
    if (topic && !check_topic(ingest, exchange, topic))
        return;
    if (!check_encoding(ingest, exchange) || (!dry_run && !check_kafka(ingest, exchange)))
        return;
    const char *type = hw_http_header(exchange, "content-type");
    enum hw_shape shape = hw_ingest_shape(type);
    if (shape == HW_SHAPE_UNKNOWN) {
        hw_ingest_refuse(ingest, exchange, HW_REFUSED_CONTENT_TYPE, 415, "content_type",
                         "Content-Type %.100s is not accepted; send application/json (one object or an array) or "
                         "application/x-ndjson "
                         "(one object a line), with curl: -H 'Content-Type: application/json'",
                         type);
        return;
    }
    if (hw_http_body(exchange).size == 0) {
        hw_ingest_refuse(ingest, exchange, HW_REFUSED_NOT_JSON, 400, "empty",
                         "the body is empty; send an event such as {\"payload\":{\"page\":\"/home\"}}");
        return;
    }
    if (report && strcmp(report, "all") != 0 && strcmp(report, "errors") != 0) {
        hw_http_reply_problem(exchange, 400, "report", "report=%.60s is unknown; use report=all or report=errors",
                              report);
        return;
    }
    const char *key = hw_http_header(exchange, "x-key");
    struct hw_intake intake = {
        .ingest = ingest,
        .exchange = exchange,
        .topic = topic,
        .key = key ? key : hw_http_query(exchange, "key"),
        .dry_run = dry_run,
        .wrap = flag(exchange, "wrap"),
        .report_all = report && strcmp(report, "all") == 0,
        .report_errors = report && strcmp(report, "errors") == 0,
        .received_us = hw_now_us(),
    };
    if (shape == HW_SHAPE_LINES)
        hw_ingest_intake_lines(&intake);
    else
        hw_ingest_intake_json(&intake);
}

static void post_events(struct hw_http_exchange *exchange, void *arg) {
    take(arg, exchange, false);
}

static void post_validate(struct hw_http_exchange *exchange, void *arg) {
    take(arg, exchange, true);
}

/* A browser asks first when a page of another origin wants to send application/json. */
static void preflight(struct hw_http_exchange *exchange, void *arg) {
    struct hw_ingest *ingest = arg;
    hw_ingest_answer_cors(ingest, exchange);
    if (ingest->cors_origin[0]) {
        hw_http_set_header(exchange, "Access-Control-Allow-Methods", "POST, OPTIONS");
        hw_http_set_header(exchange, "Access-Control-Allow-Headers", "Content-Type, X-Key, Idempotency-Key");
        hw_http_set_header(exchange, "Access-Control-Max-Age", "86400");
    }
    hw_http_set_header(exchange, "Allow", "POST, OPTIONS");
    hw_http_reply(exchange, 204, NULL, NULL, 0);
}

const struct hw_http_route hw_ingest_routes[] = {
    {"POST", "/v1/events/{topic}", post_events, 0},
    {"POST", "/v1/events", post_events, 0},
    {"POST", "/v1/validate/{topic}", post_validate, 0},
    {"POST", "/v1/validate", post_validate, 0},
    {"OPTIONS", "/v1/events/{topic}", preflight, 0},
    {"OPTIONS", "/v1/events", preflight, 0},
    {"OPTIONS", "/v1/validate/{topic}", preflight, 0},
    {"OPTIONS", "/v1/validate", preflight, 0},
    {0},
};
