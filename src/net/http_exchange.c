/* The exchange as handlers see it: the request's parts, and the answer. */
#include "net/http_internal.h"

#include "base/diag.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *hw_http_method(const struct hw_http_exchange *x) {
    return x->method;
}

const char *hw_http_path(const struct hw_http_exchange *x) {
    return http_text(x, x->path);
}

const char *hw_http_param(const struct hw_http_exchange *x, const char *name) {
    return http_route_param(x, name);
}

const char *hw_http_query(const struct hw_http_exchange *x, const char *name) {
    for (unsigned i = 0; i < x->query_count; i++)
        if (strcmp(http_text(x, x->query[i].name), name) == 0)
            return http_text(x, x->query[i].value);
    return NULL;
}

const char *hw_http_header(const struct hw_http_exchange *x, const char *name) {
    size_t size = strlen(name);
    for (unsigned i = 0; i < x->header_count; i++)
        if (x->headers[i].value - x->headers[i].name - 1 == size && strcasecmp(http_text(x, x->headers[i].name), name) == 0)
            return http_text(x, x->headers[i].value);
    return NULL;
}

struct hw_slice hw_http_body(const struct hw_http_exchange *x) {
    return (struct hw_slice){.data = x->body.data, .size = x->body.size};
}

const char *hw_http_peer(const struct hw_http_exchange *x) {
    return x->connection->peer;
}

/* Answers. */

static void hand_back(struct hw_http_exchange *x) {
    struct http_connection *c = x->connection;
    if (http_connection_is_inline(c))
        c->answered_inline = true;
    else
        hw_loop_post(c->loop->loop, http_connection_answered, c);
}

/* A second answer is a fault in a handler; it must not reach the next request's client. */
static bool begin_answer(struct hw_http_exchange *x, int status, const char *content_type) {
    if (x->answered) {
        hw_error("a request was answered twice", hw_kv_s("path", hw_http_path(x)), hw_kv_i("status", status));
        return false;
    }
    x->answered = true;
    x->status = status >= 200 && status <= 599 ? status : 500;
    snprintf(x->content_type, sizeof(x->content_type), "%s", content_type ? content_type : "");
    if (strpbrk(x->content_type, "\r\n"))
        x->content_type[0] = 0;
    return true;
}

void hw_http_set_header(struct hw_http_exchange *x, const char *name, const char *value) {
    if (strpbrk(name, "\r\n: ") || strpbrk(value, "\r\n")) /* would let a client write headers of its own */
        return;
    hw_buf_printf(&x->extra, "%s: %s\r\n", name, value);
}

void hw_http_reply(struct hw_http_exchange *x, int status, const char *content_type, const void *body, size_t size) {
    if (!begin_answer(x, status, content_type))
        return;
    hw_buf_clear(&x->answer);
    if (size > 0)
        hw_buf_add(&x->answer, body, size);
    http_response_gzip(x);
    hand_back(x);
}

void hw_http_reply_buf(struct hw_http_exchange *x, int status, const char *content_type, struct hw_buf *body) {
    struct hw_buf taken = *body;
    *body = (struct hw_buf){0};
    if (!begin_answer(x, status, content_type)) {
        hw_buf_done(&taken);
        return;
    }
    hw_buf_done(&x->answer);
    taken.limit = 0;
    x->answer = taken;
    http_response_gzip(x);
    hand_back(x);
}

void hw_http_reply_problem(struct hw_http_exchange *x, int status, const char *code, const char *format, ...) {
    if (!begin_answer(x, status, "application/problem+json"))
        return;
    char *detail = NULL;
    va_list args;
    va_start(args, format);
    if (vasprintf(&detail, format, args) < 0)
        detail = NULL;
    va_end(args);
    hw_buf_clear(&x->answer);
    http_response_problem(&x->answer, x->status, code, detail ? detail : "");
    free(detail);
    hand_back(x);
}
