/* `highway serve ingest`: settings, start and stop. */
#include "ingest/ingest.h"
#include "ingest/request.h"

#include <stdio.h>
#include <stdlib.h>

#define DRAIN_MS 3000

static const struct hw_config_field fields[] = {
    {.name = "listen.host",
     .type = HW_CONFIG_STRING,
     .default_value = "127.0.0.1",
     .importance = HW_CONFIG_HIGH,
     .group = "HTTP",
     .doc = "Address the HTTP door listens on; 0.0.0.0 for every interface."},
    {.name = "listen.port",
     .type = HW_CONFIG_INT,
     .default_value = "8084",
     .importance = HW_CONFIG_HIGH,
     .group = "HTTP",
     .min = 1,
     .max = 65535,
     .doc = "Port of the HTTP door, before common.port.offset."},
    {.name = "http.loops",
     .type = HW_CONFIG_INT,
     .default_value = "0",
     .importance = HW_CONFIG_LOW,
     .group = "HTTP",
     .min = 0,
     .max = 256,
     .doc = "Threads that serve connections; 0 is one a core."},
    {.name = "cors.allow.origin",
     .type = HW_CONFIG_STRING,
     .default_value = "*",
     .importance = HW_CONFIG_MEDIUM,
     .group = "HTTP",
     .doc = "Origin whose web pages may send events and read the answers: * for any, or one such as "
            "https://shop.example."},
    {.name = "max.body.bytes",
     .type = HW_CONFIG_LONG,
     .default_value = "16777216",
     .importance = HW_CONFIG_MEDIUM,
     .group = "Limits",
     .unit = "bytes",
     .min = 1024,
     .max = 1073741824,
     .doc = "Largest request body; beyond it 413."},
    {.name = "max.event.bytes",
     .type = HW_CONFIG_LONG,
     .default_value = "1048576",
     .importance = HW_CONFIG_MEDIUM,
     .group = "Limits",
     .unit = "bytes",
     .min = 1024,
     .max = 100000000,
     .doc =
         "Largest event with its envelope; larger ones are invalid. The topic's max.message.bytes must allow it too."},
    {.name = "max.request.events",
     .type = HW_CONFIG_INT,
     .default_value = "200000",
     .importance = HW_CONFIG_LOW,
     .group = "Limits",
     .min = 1,
     .max = 10000000,
     .doc = "Most events in one request; beyond it 413."},
    {.name = "max.inflight.bytes",
     .type = HW_CONFIG_LONG,
     .default_value = "268435456",
     .importance = HW_CONFIG_MEDIUM,
     .group = "Limits",
     .unit = "bytes",
     .min = 1048576,
     .max = 1099511627776.0,
     .doc = "Memory for events on their way to Kafka; beyond it requests get 503 with Retry-After."},
    {.name = "max.topics",
     .type = HW_CONFIG_INT,
     .default_value = "5000",
     .importance = HW_CONFIG_LOW,
     .group = "Limits",
     .min = 1,
     .max = 1000000,
     .doc = "Most different topics this door writes to."},
    {.name = "delivery.timeout.ms",
     .type = HW_CONFIG_LONG,
     .default_value = "25000",
     .importance = HW_CONFIG_MEDIUM,
     .group = "Kafka",
     .unit = "ms",
     .min = 100,
     .max = 900000,
     .doc = "How long an event may wait for Kafka's confirmation; then its result is retry. Keep it below your "
            "clients' time limit."},
    {0},
};

/* Any thread. */
static void on_state(void *arg, bool reachable, const char *brokers) {
    struct hw_ingest *ingest = arg;
    char why[600];
    snprintf(why, sizeof(why), "waiting for Kafka at %s", brokers);
    hw_http_server_set_ready(ingest->server, reachable, reachable ? NULL : why);
}

static int start(const struct hw_settings *settings, void **out_self, struct hw_err *err) {
    const struct hw_config *config = hw_settings_section(settings, "ingest");
    struct hw_ingest *ingest = hw_xcalloc(1, sizeof(*ingest));
    ingest->max_event_bytes = hw_config_int(config, "max.event.bytes");
    ingest->max_inflight_bytes = hw_config_int(config, "max.inflight.bytes");
    ingest->max_request_events = hw_config_int(config, "max.request.events");
    ingest->delivery_timeout_ms = hw_config_int(config, "delivery.timeout.ms");
    const char *origin = hw_config_str(config, "cors.allow.origin");
    ingest->cors_origin = origin ? origin : "";

    struct hw_http_server_options http = {
        .host = hw_config_str(config, "listen.host"),
        .port = hw_settings_port(settings, (int)hw_config_int(config, "listen.port")),
        .loops = (int)hw_config_int(config, "http.loops"),
        .workers = 1,
        .max_body_bytes = (size_t)hw_config_int(config, "max.body.bytes"),
        .max_total_body_bytes = (size_t)ingest->max_inflight_bytes,
        .server_name = "ingest",
        .routes = hw_ingest_routes,
        .arg = ingest,
    };
    struct hw_ingest_producer_options kafka = {
        .delivery_timeout_ms = ingest->delivery_timeout_ms,
        .max_event_bytes = ingest->max_event_bytes,
        .max_inflight_bytes = ingest->max_inflight_bytes,
        .max_topics = (int)hw_config_int(config, "max.topics"),
        .report = hw_ingest_request_report,
        .state = on_state,
        .state_arg = ingest,
    };
    /* Each needs the other: the producer tells the server whether it is ready, handlers need the producer. The producer
     * comes first and keeps its news back until hw_ingest_producer_watch. */
    if (hw_ingest_producer_start(settings, &kafka, &ingest->producer, err) ||
        hw_http_server_start(&http, &ingest->server, err)) {
        hw_ingest_producer_stop(ingest->producer);
        free(ingest);
        return -1;
    }
    on_state(ingest, false, hw_ingest_producer_brokers(ingest->producer));
    hw_http_server_metrics(ingest->server, hw_ingest_metrics_write, ingest);
    if (hw_ingest_producer_watch(ingest->producer, err)) {
        hw_http_server_stop(ingest->server);
        hw_ingest_producer_stop(ingest->producer);
        free(ingest);
        return -1;
    }
    *out_self = ingest;
    return 0;
}

/* Graceful: no new events, those under way are confirmed (or told to retry), then the door closes. */
static void stop(void *self) {
    struct hw_ingest *ingest = self;
    atomic_store(&ingest->stopping, true);
    hw_ingest_producer_drain(ingest->producer, DRAIN_MS);
    hw_http_server_stop(ingest->server);
    hw_ingest_producer_stop(ingest->producer);
    free(ingest);
}

const struct hw_role hw_ingest_role = {
    .name = "ingest",
    .doc = "The doors: events by HTTP into topics, answered when they are durable.",
    .config = fields,
    .start = start,
    .stop = stop,
};
