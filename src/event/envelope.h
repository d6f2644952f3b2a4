/* The event: {"metadata":{"id","timestamp","version"},"payload":{…},"event_name":"…"} (design §5). */
#pragma once
#include "base/buf.h"
#include "net/json.h"

struct hw_event_fault {
    char path[200];   /* JSON pointer, "" = the whole */
    char keyword[24]; /* "type", "required", "format", "json", "size" */
    char expected[80], got[80];
    char text[200]; /* in plain words, with the fix */
};
struct hw_event {
    struct hw_buf value; /* the envelope as it goes to Kafka; payload bytes untouched */
    char id[129];
    int64_t timestamp_us;
    char event_name[250];
    size_t fault_count;
    struct hw_event_fault faults[8];
};
/* Checks and normalises one JSON document. Fills missing id (UUIDv7), timestamp (received_us), version "1", event_name
 * (topic). 0 = fine; HW_EVENT_INVALID (1) = faults say why, value is empty. event is reused: call hw_event_done at the
 * end only. */
#define HW_EVENT_INVALID 1
HW_MUST_CHECK int hw_event_normalise(const void *json, size_t size, const char *topic, int64_t received_us,
                                     struct hw_event *event);
/* The same for a value that is parsed already (an element of an array): raw is its own text, blanks around it allowed.
 * topic NULL: event_name is required and names the topic. */
enum hw_event_flags {
    HW_EVENT_WRAP = 1 /* the value is not an envelope but a bare object that becomes the payload */
};
HW_MUST_CHECK int hw_event_normalise_value(yyjson_val *value, const void *raw, size_t size, const char *topic,
                                           int64_t received_us, unsigned flags, struct hw_event *event);
/* Adds a fault of the caller's own (size, topic rule, later schema); those past the capacity are not kept. */
void hw_event_fault_add(struct hw_event *event, const char *path, const char *keyword, const char *expected,
                        const char *got, const char *format, ...) HW_PRINTF(6, 7);
/* Appends [{"path","keyword","expected","got","text"}…]. */
void hw_event_faults_write(const struct hw_event *event, struct hw_buf *out);
void hw_event_done(struct hw_event *event);

/* Read side: the parts of a stored envelope, as slices of the text given, members in any order, a registry prefix (0x00
 * and four bytes) skipped. 0, or -1 (HW_ERR_DATA) when it is not an envelope: id, timestamp and a payload object must
 * be there; version and event_name are "" when absent, members we do not know are passed over. */
struct hw_event_parts {
    char id[129];
    char version[33];
    char event_name[250];
    int64_t timestamp_us;
    struct hw_slice payload; /* raw JSON text */
};
HW_MUST_CHECK int hw_event_split(const void *json, size_t size, struct hw_event_parts *out, struct hw_err *err);
