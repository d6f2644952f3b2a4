/* What the parts of the role share. */
#pragma once
#include "ingest/producer.h"
#include "net/http_server.h"

/* Every event that is received ends in exactly one outcome, and received is their sum (the metrics and each answer's
 * counts). */
enum hw_outcome { HW_OUTCOME_OK, HW_OUTCOME_INVALID, HW_OUTCOME_RETRY, HW_OUTCOME_COUNT };
extern const char *const hw_outcome_names[HW_OUTCOME_COUNT];

enum hw_refusal { /* requests refused as a whole, before any event of theirs was looked at */
                  HW_REFUSED_NOT_JSON,
                  HW_REFUSED_TOPIC,
                  HW_REFUSED_CONTENT_TYPE,
                  HW_REFUSED_TOO_LARGE,
                  HW_REFUSED_OVERLOAD,
                  HW_REFUSED_KAFKA_AWAY,
                  HW_REFUSED_COUNT
};

struct hw_ingest_counters {
    atomic_ullong events[HW_OUTCOME_COUNT];
    atomic_ullong validated; /* dry runs: not part of the above */
    atomic_ullong bytes;     /* bodies accepted for reading */
    atomic_ullong refused[HW_REFUSED_COUNT];
    atomic_llong inflight_bytes, inflight_requests;
};

struct hw_ingest {
    struct hw_http_server *server;
    struct hw_ingest_producer *producer;
    struct hw_ingest_counters counters;
    /* Settings, read-only after start. */
    int64_t max_event_bytes, max_inflight_bytes, max_request_events, delivery_timeout_ms;
    const char *cors_origin; /* "" = no cross-origin answers */
    atomic_bool stopping;
};

/* http.c: the routes; every handler's arg is the struct hw_ingest. */
extern const struct hw_http_route hw_ingest_routes[];
/* metrics.c */
void hw_ingest_metrics_write(struct hw_buf *out, void *ingest);
