/* The way into Kafka: one idempotent producer, its delivery reports, and whether Kafka is there at all.
 *
 * Threads: send and topic from any thread. Reports arrive on the producer's own thread (in hw_ingest_producer_drain
 * also on the caller's); a second thread asks for the brokers while they are away. */
#pragma once
#include "kafka/client.h"

#include <stdatomic.h>

/* What became of one event. error 0 = durable at partition and offset. message is the one given to send. */
typedef void (*hw_ingest_report_fn)(void *message, rd_kafka_resp_err_t error, int32_t partition, int64_t offset);

struct hw_ingest_producer_options {
    int64_t delivery_timeout_ms;
    int64_t max_event_bytes;
    int64_t max_inflight_bytes;
    int max_topics;
    hw_ingest_report_fn report;
    void (*state)(void *arg, bool reachable, const char *brokers); /* on each change */
    void *state_arg;
};
struct hw_ingest_producer;

HW_MUST_CHECK int hw_ingest_producer_start(const struct hw_settings *settings,
                                           const struct hw_ingest_producer_options *options,
                                           struct hw_ingest_producer **out_producer, struct hw_err *err);
/* Starts the threads: from here on reports and state are called. state begins as "away". */
HW_MUST_CHECK int hw_ingest_producer_watch(struct hw_ingest_producer *producer, struct hw_err *err);
/* Hands everything in flight to Kafka, waiting up to timeout_ms; what is left then is reported as purged. */
void hw_ingest_producer_drain(struct hw_ingest_producer *producer, int timeout_ms);
struct hw_ingest_producer *hw_ingest_producer_stop(struct hw_ingest_producer *producer); /* after drain */

/* The handle of a topic, kept for the producer's life. NULL: max_topics different ones are in use already. */
rd_kafka_topic_t *hw_ingest_producer_topic(struct hw_ingest_producer *producer, const char *name);

/* Facts that are the same for every event of a request. */
struct hw_ingest_stamp {
    int64_t timestamp_ms;
    rd_kafka_headers_t *headers; /* copied for each event */
    const char *key;             /* or NULL */
    size_t key_size;
};
/* Copies value and key. 0: report will be called exactly once for message; else it will not. */
rd_kafka_resp_err_t hw_ingest_producer_send(struct hw_ingest_producer *producer, rd_kafka_topic_t *topic,
                                            const struct hw_ingest_stamp *stamp, const void *value, size_t size,
                                            void *message);
/* How long Kafka has been away, 0 when it is reachable. */
int64_t hw_ingest_producer_away_ms(const struct hw_ingest_producer *producer);
const char *hw_ingest_producer_brokers(const struct hw_ingest_producer *producer);
