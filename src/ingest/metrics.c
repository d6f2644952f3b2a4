#include "ingest/ingest_internal.h"

static const char *const refusal_names[HW_REFUSED_COUNT] = {"not_json",  "topic",    "content_type",
                                                            "too_large", "overload", "kafka_away"};

static void head(struct hw_buf *out, const char *name, const char *type, const char *help) {
    hw_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void single(struct hw_buf *out, const char *name, const char *type, const char *help, long long value) {
    head(out, name, type, help);
    hw_buf_printf(out, "%s %lld\n", name, value);
}

void hw_ingest_metrics_write(struct hw_buf *out, void *arg) {
    struct hw_ingest *ingest = arg;
    struct hw_ingest_counters *counters = &ingest->counters;
    unsigned long long received = 0, count[HW_OUTCOME_COUNT];
    for (int i = 0; i < HW_OUTCOME_COUNT; i++)
        received += count[i] = atomic_load(&counters->events[i]);
    single(out, "highway_ingest_events_received_total", "counter", "Events answered; the sum of the outcomes.",
           (long long)received);
    head(out, "highway_ingest_events_total", "counter", "Events answered, by what became of them.");
    for (int i = 0; i < HW_OUTCOME_COUNT; i++)
        hw_buf_printf(out, "highway_ingest_events_total{outcome=\"%s\"} %llu\n", hw_outcome_names[i], count[i]);
    head(out, "highway_ingest_refused_total", "counter", "Requests refused as a whole, by reason.");
    for (int i = 0; i < HW_REFUSED_COUNT; i++)
        hw_buf_printf(out, "highway_ingest_refused_total{reason=\"%s\"} %llu\n", refusal_names[i],
                      (unsigned long long)atomic_load(&counters->refused[i]));
    single(out, "highway_ingest_validated_total", "counter", "Events of dry runs (/v1/validate).",
           (long long)atomic_load(&counters->validated));
    single(out, "highway_ingest_body_bytes_total", "counter", "Bytes of bodies taken in.",
           (long long)atomic_load(&counters->bytes));
    single(out, "highway_ingest_inflight_bytes", "gauge", "Memory set aside for events Kafka has not confirmed yet.",
           atomic_load(&counters->inflight_bytes));
    single(out, "highway_ingest_inflight_requests", "gauge", "Requests waiting for Kafka.",
           atomic_load(&counters->inflight_requests));
    single(out, "highway_ingest_kafka_up", "gauge", "1 when Kafka is reachable.",
           hw_ingest_producer_away_ms(ingest->producer) == 0);
}
