/* The status topic: a queue that keeps only the newest value of each key and one thread that writes it, so that tasks
 * and REST never wait for Kafka; and the active topics of connectors, which are read back from it. */
#pragma once
#include "base/map.h"
#include "base/settings.h"
#include "net/json.h"

struct hw_status_writer;
HW_MUST_CHECK int hw_status_open(const struct hw_settings *settings, const char *topic, int partitions,
                                 const char *worker_id, int timeout_ms, struct hw_status_writer **out_writer,
                                 struct hw_err *err);
/* Writes what is queued (up to 3 s), ends the thread. NULL is fine. */
struct hw_status_writer *hw_status_close(struct hw_status_writer *writer);
/* Any thread. writer NULL = the worker is still starting: nothing happens. */
void hw_status_connector(struct hw_status_writer *writer, const char *connector, const char *state, const char *trace,
                         const char *version);
void hw_status_task(struct hw_status_writer *writer, const char *connector, int task, const char *state,
                    const char *trace, const char *version);
void hw_status_forget_task(struct hw_status_writer *writer, const char *connector, int task);
void hw_status_forget_connector(struct hw_status_writer *writer, const char *connector); /* its state and its topics */
/* Notes that a connector uses a topic; cheap when it is known already. */
void hw_status_topic(struct hw_status_writer *writer, const char *connector, int task, const char *topic);
void hw_status_reset_topics(struct hw_status_writer *writer, const char *connector);
void hw_status_list_topics(struct hw_status_writer *writer, const char *connector, struct hw_buf *out); /* "a","b" */
/* The value of a status record; pure. */
void hw_status_value(struct hw_buf *out, const char *state, const char *trace, const char *worker_id,
                     const char *version);
/* "status-topic-<topic>:connector-<c>" → its halves (malloc'd). A topic has no colon, so the first one divides. False =
 * another key. */
bool hw_status_topic_key(struct hw_slice key, char **out_topic, char **out_connector);
