/* HTTP/1.1 server: llhttp on epoll loops, strict per RFC 9112. Handlers may answer at once or later, from any thread.
 *
 * Threads: each connection belongs to one loop thread. A plain route's handler runs on that thread and must not block; a
 * HW_HTTP_BLOCKING route's handler runs on the server's worker pool. The exchange stays valid until it is answered;
 * answering hands it back. When the client goes away first, the answer is dropped quietly. */
#pragma once
#include "base/buf.h"

struct hw_http_server;
struct hw_http_exchange;
typedef void (*hw_http_handler)(struct hw_http_exchange *exchange, void *arg);

enum hw_http_flags { HW_HTTP_BLOCKING = 1 };

struct hw_http_route {
    const char *method;  /* "GET"; HEAD is answered from GET */
    /* "/v1/topics/{topic}/sample"; "{rest...}" takes the remaining path. First match wins. "/topics/" is "/topics". %2F in the
     * target stays within its segment; %00, bad UTF-8 and ".." segments are refused before any route sees them. */
    const char *pattern;
    hw_http_handler handler;
    unsigned flags;
};

struct hw_http_server_options {
    const char *host;  /* "127.0.0.1" */
    int port;          /* 0 = any, see hw_http_server_port */
    int loops;         /* 0 = number of cores */
    int workers;       /* threads for HW_HTTP_BLOCKING, 0 = 8 */
    size_t max_body_bytes;   /* 0 = 1 MiB; beyond it 413 */
    size_t max_header_bytes; /* 0 = 64 KiB; beyond it 431 */
    size_t max_total_body_bytes; /* all bodies in flight, 0 = 256 MiB; beyond it 503 with Retry-After */
    int idle_timeout_ms;     /* keep-alive, 0 = 60 s; a request must be whole within it too, else 408 */
    int max_connections;     /* 0 = 10,000 */
    const char *server_name; /* for logs */
    const struct hw_http_route *routes; /* ends with a NULL method; borrowed */
    void *arg;                          /* given to every handler */
};

/* GET /health (200 {"status":"healthy"} or 503 until hw_http_server_set_ready) and GET /metrics (Prometheus text: requests, latency,
 * connections, and what hw_http_server_metrics adds) are answered by the server itself unless a route matches them.
 * Unknown path 404, known path with another method 405 with Allow; both as problem+json. */
HW_MUST_CHECK int hw_http_server_start(const struct hw_http_server_options *options, struct hw_http_server **out_server,
                                       struct hw_err *err);
/* Closes listeners, waits up to 5 s for exchanges under way, joins. */
struct hw_http_server *hw_http_server_stop(struct hw_http_server *server);
int hw_http_server_port(const struct hw_http_server *server);
void hw_http_server_set_ready(struct hw_http_server *server, bool ready, const char *why_not);
void hw_http_server_metrics(struct hw_http_server *server, void (*write)(struct hw_buf *out, void *arg), void *arg);

/* The request; strings are borrowed from the exchange. */
const char *hw_http_method(const struct hw_http_exchange *x);
const char *hw_http_path(const struct hw_http_exchange *x);              /* decoded, without query */
const char *hw_http_param(const struct hw_http_exchange *x, const char *name);  /* {name} of the pattern, percent-decoded */
const char *hw_http_query(const struct hw_http_exchange *x, const char *name);  /* decoded, NULL when absent */
const char *hw_http_header(const struct hw_http_exchange *x, const char *name); /* case does not matter, NULL when absent */
struct hw_slice hw_http_body(const struct hw_http_exchange *x);          /* whole, one NUL follows the last byte */
const char *hw_http_peer(const struct hw_http_exchange *x);              /* "127.0.0.1" */

/* The answer, once; any thread. Extra headers first. */
void hw_http_set_header(struct hw_http_exchange *x, const char *name, const char *value);
void hw_http_reply(struct hw_http_exchange *x, int status, const char *content_type, const void *body, size_t size); /* copies */
void hw_http_reply_buf(struct hw_http_exchange *x, int status, const char *content_type, struct hw_buf *body); /* takes body, leaves {0} */
/* application/problem+json (RFC 9457): title from status, detail by format. */
void hw_http_reply_problem(struct hw_http_exchange *x, int status, const char *code, const char *format, ...) HW_PRINTF(4, 5);
/* A body sent piece by piece (SSE): start, any number of write from any one thread, end. write returns -1 when the client has gone
 * or more than 1 MiB waits unsent; end must still be called. */
void hw_http_stream_start(struct hw_http_exchange *x, int status, const char *content_type);
int hw_http_stream_write(struct hw_http_exchange *x, const void *data, size_t size);
void hw_http_stream_end(struct hw_http_exchange *x);
