/* Calls to the Kafka Connect REST of any worker, ours or Java's. Blocking; any thread but the HTTP loops. */
#pragma once
#include "base/base.h"
#include "net/http_client.h"

/* Answer of any status (free with hw_http_response_done). 409 "rebalancing" is tried again for up to 10 s. -1: nobody
 * answered. */
HW_MUST_CHECK int hw_upstream_call(const char *base, const char *method, const char *path, const void *body,
                                   size_t size, int timeout_ms, struct hw_http_response *out, struct hw_err *err);
/* The message of a Connect fault {"error_code","message"}, or the beginning of the body. */
void hw_upstream_message(const struct hw_http_response *response, char *out, size_t size);
char *hw_url_encode(const char *text); /* malloc'd */
