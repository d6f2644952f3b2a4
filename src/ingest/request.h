/* A request on its way: its events, what became of each, and the answer when the last is known.
 *
 * Threads: one handler fills it (begin … add … send … end) on the connection's loop thread, while delivery reports of
 * events sent earlier already arrive on the producer's thread. A row belongs to the handler until it is sent, then to
 * the report. `pending` counts the sent rows without report plus one for the handler; who takes it to zero writes the
 * answer. */
#pragma once
#include "event/envelope.h"
#include "ingest/ingest_internal.h"

struct hw_ingest_request;
struct hw_ingest_row {
    struct hw_ingest_request *request;
    int64_t offset;
    int32_t partition;
    uint32_t id_at, errors_at, errors_size; /* in request->ids and request->errors */
    int16_t kafka_error;
    uint8_t id_size;
    uint8_t outcome; /* enum hw_outcome */
};

struct hw_ingest_request {
    struct hw_ingest *ingest;
    struct hw_http_exchange *exchange;
    const char *topic; /* of the address, or NULL */
    int64_t received_us;
    bool dry_run, report_all;
    struct hw_ingest_stamp stamp;
    struct hw_buf ids, errors;
    bool errors_cut;            /* more faults than the answer may carry */
    size_t not_json, too_large; /* invalid rows of these kinds: they have a status of their own */
    size_t reserved_bytes;
    atomic_uint pending;
    uint32_t row_count, capacity;
    uint32_t sent; /* handler's: rows that get a report */
    struct hw_ingest_row rows[];
};

/* Takes capacity for the events of a body; NULL when that passes the mark of bytes in flight. */
struct hw_ingest_request *hw_ingest_request_begin(struct hw_ingest *ingest, struct hw_http_exchange *exchange,
                                                  size_t capacity);
/* The next event was refused: event has its faults. */
void hw_ingest_request_add_invalid(struct hw_ingest_request *request, const struct hw_event *event);
/* The next event is fine: off it goes (or is only counted in a dry run). */
void hw_ingest_request_add(struct hw_ingest_request *request, rd_kafka_topic_t *topic, const struct hw_event *event);
/* All events are added. The request may be gone on return. */
void hw_ingest_request_end(struct hw_ingest_request *request);
/* The producer's report (hw_ingest_report_fn): message is the row. */
void hw_ingest_request_report(void *message, rd_kafka_resp_err_t error, int32_t partition, int64_t offset);
