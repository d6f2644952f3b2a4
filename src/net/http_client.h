/* Blocking HTTP client over libcurl; any thread, connections are kept per thread. */
#pragma once
#include "base/buf.h"

struct hw_http_response {
    int status;
    struct hw_buf body;       /* hw_http_response_done */
    char content_type[128];
    char location[512];
    char etag[160];
};
struct hw_http_call {
    const char *method, *url;
    const char *const *headers; /* NULL-ended "Name: value", or NULL */
    const void *body;
    size_t body_size;
    const char *content_type; /* default application/json when there is a body */
    int timeout_ms;           /* whole call, 0 = 30 s */
    size_t max_body_bytes;    /* of the answer, 0 = 64 MiB */
};
/* 0 for any HTTP status. -1: no answer; err->kind RETRY, err->code 1 when the request may have reached the server, 0 when surely not
 * (refused, unresolved). */
HW_MUST_CHECK int hw_http_call(const struct hw_http_call *call, struct hw_http_response *out, struct hw_err *err);
void hw_http_response_done(struct hw_http_response *response);
