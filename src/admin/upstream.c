#include "admin/upstream.h"
#include "net/json.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUSY_MOST_MS 10000

int hw_upstream_call(const char *base, const char *method, const char *path, const void *body, size_t size,
                     int timeout_ms, struct hw_http_response *out, struct hw_err *err) {
    HW_CLEANUP(hw_freep) char *url = hw_xasprintf("%s%s", base, path);
    static const char *const headers[] = {"Accept: application/json", NULL};
    struct hw_http_call call = {
        .method = method, .url = url, .headers = headers, .body = body, .body_size = size, .timeout_ms = timeout_ms};
    int64_t until = hw_mono_ms() + BUSY_MOST_MS;
    for (int pause_ms = 100;; pause_ms = HW_MIN(pause_ms * 2, 1000)) {
        *out = (struct hw_http_response){0};
        HW_TRY(hw_http_call(&call, out, err));
        /* A worker answers 409 while it rebalances; also for a name that exists, which PUT …/config never meets. */
        if (out->status != 409 || hw_mono_ms() > until)
            return 0;
        hw_http_response_done(out);
        usleep((useconds_t)pause_ms * 1000);
    }
}

void hw_upstream_message(const struct hw_http_response *response, char *out, size_t size) {
    yyjson_doc *doc = NULL;
    struct hw_err ignored;
    out[0] = 0;
    if (response->body.size && hw_json_parse(response->body.data, response->body.size, &doc, &ignored) == 0) {
        const char *message = hw_json_str(yyjson_doc_get_root(doc), "message");
        if (!message)
            message = hw_json_str(yyjson_doc_get_root(doc), "detail");
        snprintf(out, size, "%s", message ? message : "");
        yyjson_doc_free(doc);
    }
    if (!out[0])
        snprintf(out, size, "HTTP %d: %.*s", response->status, (int)HW_MIN(response->body.size, (size_t)200),
                 response->body.data ? (const char *)response->body.data : "");
    for (char *c = out; *c; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' ';
}

char *hw_url_encode(const char *text) {
    char *out = hw_xmalloc(strlen(text) * 3 + 1), *at = out;
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (isalnum(*c) || strchr("-._~", *c))
            *at++ = (char)*c;
        else
            at += sprintf(at, "%%%02X", *c);
    }
    *at = 0;
    return out;
}
