/* The shapes in which events come: one object, an array of objects, or one object a line. */
#pragma once
#include "ingest/request.h"

enum hw_shape { HW_SHAPE_JSON, HW_SHAPE_LINES, HW_SHAPE_UNKNOWN };
/* By Content-Type; NULL or "" is JSON. */
enum hw_shape hw_ingest_shape(const char *content_type);

/* What to do with the events of one body; filled by the handler. */
struct hw_intake {
    struct hw_ingest *ingest;
    struct hw_http_exchange *exchange;
    const char *topic; /* NULL: event_name of each event */
    const char *key;
    bool dry_run, wrap, report_all, report_errors;
    int64_t received_us;
};
/* Takes the body in and answers, at once or later. */
void hw_ingest_intake_json(const struct hw_intake *intake);
void hw_ingest_intake_lines(const struct hw_intake *intake);
/* Refuses the request as a whole: counts it and answers problem+json. */
void hw_ingest_refuse(struct hw_ingest *ingest, struct hw_http_exchange *exchange, enum hw_refusal refusal, int status,
                      const char *code, const char *format, ...) HW_PRINTF(6, 7);
