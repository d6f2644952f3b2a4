/* The event: {"metadata":{"id","timestamp","version"},"payload":{…},"event_name":"…"} (design §5). */
#pragma once
#include "base/buf.h"

struct hw_event_fault {
    char path[200];     /* JSON pointer, "" = the whole */
    char keyword[24];   /* "type", "required", "format", "json", "size" */
    char expected[80], got[80];
    char text[200];     /* in plain words, with the fix */
};
struct hw_event {
    struct hw_buf value; /* the envelope as it goes to Kafka; payload bytes untouched */
    char id[129];
    int64_t timestamp_us;
    char event_name[250];
    size_t fault_count;
    struct hw_event_fault faults[8];
};
/* Checks and normalises one JSON document. Fills missing id (UUIDv7), timestamp (received_us), version "1", event_name (topic).
 * 0 = fine; HW_EVENT_INVALID (1) = faults say why, value is empty. event is reused: call hw_event_done at the end only. */
#define HW_EVENT_INVALID 1
HW_MUST_CHECK int hw_event_normalise(const void *json, size_t size, const char *topic, int64_t received_us, struct hw_event *event);
void hw_event_done(struct hw_event *event);

/* Read side: the parts of a stored envelope, as slices of the text given. 0, or -1 (HW_ERR_DATA) when it is not an envelope. */
struct hw_event_parts {
    char id[129];
    char version[33];
    char event_name[250];
    int64_t timestamp_us;
    struct hw_slice payload; /* raw JSON text */
};
HW_MUST_CHECK int hw_event_split(const void *json, size_t size, struct hw_event_parts *out, struct hw_err *err);
