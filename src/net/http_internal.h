/* Inside of the HTTP server, shared by http_*.c of this folder.
 *
 *   http_server.c      start, stop, acceptor, the loops
 *   http_connection.c  one socket: states, reading, writing, timeouts
 *   http_parse.c       bytes → request: llhttp's callbacks and what RFC 9112 asks beyond them
 *   http_target.c      request target → path, segments, query
 *   http_router.c      path → route
 *   http_exchange.c    the request as handlers see it; their answers
 *   http_stream.c      answers sent piece by piece
 *   http_response.c    status lines, heads, problem documents, gzip
 *   http_workers.c     threads for blocking routes
 *   http_metrics.c     counters and /metrics */
#pragma once
#include "net/http_server.h"
#include "net/loop.h"

#include <llhttp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#define HTTP_MAX_TARGET_BYTES 8192
#define HTTP_MAX_HEADERS 128
#define HTTP_MAX_SEGMENTS 64
#define HTTP_MAX_QUERY_FIELDS 64
#define HTTP_MAX_PARAMS 8
#define HTTP_MAX_CHUNK_EXTENSION_BYTES 4096
#define HTTP_MAX_STREAM_UNSENT_BYTES (1u << 20)
#define HTTP_MAX_EARLY_BYTES 65536      /* pipelined input kept while a request is under way */
#define HTTP_MAX_BATCH_BYTES 65536      /* answers gathered before they are written */
#define HTTP_SMALL_BODY_BYTES 4096      /* copied behind its head; larger ones go out by writev */
#define HTTP_KEPT_BUFFER_BYTES 65536    /* buffers larger than this are not kept for the next request */
#define HTTP_READ_BYTES 65536
#define HTTP_LINGER_MS 2000
#define HTTP_WORKER_QUEUE 1024
#define HTTP_LATENCY_BUCKETS 12

struct http_connection;
struct http_loop;

struct http_pair {
    uint32_t name, value; /* offsets into text */
};

enum http_body_kind { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED };

/* One request and its answer. Lives inside its connection and is used again for the next request.
 * Owner: the loop thread while parsing and sending; whoever has to answer in between. */
struct hw_http_exchange {
    struct http_connection *connection;
    struct hw_http_server *server;
    /* Request. text holds NUL-ended strings: target, header names and values, then what http_target.c decodes. */
    struct hw_buf text, body;
    struct http_pair headers[HTTP_MAX_HEADERS], query[HTTP_MAX_QUERY_FIELDS];
    unsigned header_count, query_count;
    const char *method;
    uint32_t target, path, segments[HTTP_MAX_SEGMENTS];
    unsigned segment_count;
    uint32_t rest; /* offset of what "{rest...}" took */
    bool is_head, is_http_1_0, keep_alive;
    const struct http_route *route;
    int64_t began_us;
    struct hw_http_exchange *next; /* in the worker queue */
    /* Answer */
    int status;
    char content_type[96];
    struct hw_buf extra;  /* further header lines */
    struct hw_buf answer; /* its body */
    bool answered;
    /* Stream: see http_stream.c */
    pthread_mutex_t lock;
    struct hw_buf stream; /* lock */
    size_t unsent;        /* lock */
    bool flush_posted, stream_ended, client_gone; /* lock */
};

enum http_state {
    HTTP_READING,   /* waiting for a request, or within one */
    HTTP_HANDLING,  /* the exchange is with a handler */
    HTTP_STREAMING, /* the handler sends piece by piece */
    HTTP_CLOSING,   /* the rest of the output, then lingering */
    HTTP_LINGERING, /* our side is shut; what the client still sends is dropped, so that it can read our answer */
    HTTP_CLOSED     /* no descriptor any more; freed as soon as no handler holds the exchange */
};

struct http_connection {
    struct http_loop *loop;
    struct hw_loop_io *io;
    int fd;
    uint32_t events; /* as given to epoll */
    enum http_state state;
    bool held;        /* a handler has the exchange */
    bool read_closed; /* the client will send nothing more */
    bool write_blocked;   /* the socket took less than there is */
    bool answered_inline; /* by the handler, before it returned */
    unsigned depth;       /* entry points on the stack; see I3 in http_connection.c */
    int64_t deadline_ms;
    struct http_connection *prev, *next; /* of the loop */
    /* Parser */
    llhttp_t parser;
    bool in_request, head_done;
    bool wants_continue;
    size_t head_bytes, extension_bytes, accounted_bytes;
    uint64_t content_length;
    enum http_body_kind body_kind;
    unsigned line_spaces; /* of the request line */
    bool line_done;
    char line_start[24];
    unsigned line_start_size;
    int last_part; /* what the last header callback was about */
    int refuse_status;
    const char *refuse_code, *refuse_detail;
    struct hw_buf early; /* input that came before it could be parsed */
    /* Output: head and small bodies in out, then large (from large_sent on). */
    struct hw_buf out, large;
    size_t out_sent, large_sent;
    char peer[48];
    struct hw_http_exchange exchange;
};

struct http_route {
    const struct hw_http_route *route; /* as given */
    char *storage;                     /* pattern cut into segments */
    struct {
        const char *text; /* literal, or the parameter's name */
        bool is_param;
    } segments[HTTP_MAX_SEGMENTS];
    unsigned segment_count;
    bool takes_rest;
    const char *rest_name;
    unsigned index; /* for metrics */
};

/* Written by one loop thread, read by whoever answers /metrics. */
struct http_route_counts {
    _Atomic uint64_t by_class[6]; /* status / 100 */
    _Atomic uint64_t latency_us;
};
struct http_counts {
    struct http_route_counts *routes;
    _Atomic uint64_t latency[HTTP_LATENCY_BUCKETS + 1];
    _Atomic uint64_t refused, timeouts, received_bytes, sent_bytes, accepted;
};

struct http_loop {
    struct hw_http_server *server;
    struct hw_loop *loop;
    pthread_t thread;
    bool started;
    struct http_connection *connections;
    uint8_t *read_buffer; /* HTTP_READ_BYTES */
    int64_t date_s;
    char date[40]; /* the Date header's value for date_s */
    bool stopping;
    struct http_counts counts;
};

struct http_workers {
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct hw_http_exchange *first, *last; /* lock */
    unsigned queued;                       /* lock */
    bool stopping;                         /* lock */
    pthread_t *threads;
    unsigned count;
};

struct hw_http_server {
    struct hw_http_server_options options; /* defaults filled in */
    char *name;
    int port, listen_fd;
    struct hw_loop_io *listen_io;
    struct hw_loop_timer *accept_again;
    unsigned next_loop;
    struct http_route *routes;
    unsigned route_count, counted_routes;
    struct http_loop *loops;
    unsigned loop_count;
    struct http_workers workers;
    bool workers_ready; /* http_workers_start was called */
    _Atomic int connection_count;
    _Atomic uint64_t turned_away;
    _Atomic size_t body_bytes; /* in flight */
    _Atomic bool ready;
    pthread_mutex_t lock;
    char why_not_ready[200];                            /* lock */
    void (*write_metrics)(struct hw_buf *out, void *arg); /* lock */
    void *write_metrics_arg;                            /* lock */
    unsigned stopping_loops;                            /* lock */
    pthread_cond_t all_gone;
    int64_t started_ms;
};

/* http_connection.c, loop thread */
void http_connection_open(struct http_loop *loop, int fd, const char *peer);
void http_connection_process(struct http_connection *c, const uint8_t *data, size_t size);
void http_connection_answered(void *connection); /* posted when an answer is complete */
void http_connection_refuse(struct http_connection *c, int status, const char *code, const char *detail);
void http_connection_send(struct http_connection *c); /* writes what it can and arranges for the rest */
void http_connection_close(struct http_connection *c);
void http_connection_sweep(struct http_loop *loop, int64_t now_ms);
void http_connection_stop_all(struct http_loop *loop, bool now); /* idle ones; with now all */
void http_connection_stream_started(void *connection); /* these three are posted */
void http_connection_stream_flush(void *connection);
void http_connection_stream_ended(void *connection);
bool http_connection_is_inline(const struct http_connection *c); /* the handler runs right now on this loop thread */
size_t http_connection_pending(const struct http_connection *c);

/* http_parse.c */
void http_parse_init(struct http_connection *c);
enum http_parse_result { HTTP_PARSE_MORE, HTTP_PARSE_REQUEST, HTTP_PARSE_REFUSED };
/* Reads up to the end of one request; *out_used bytes are consumed. Refused: refuse_* are filled. */
enum http_parse_result http_parse_feed(struct http_connection *c, const uint8_t *data, size_t size, size_t *out_used);
void http_parse_next(struct http_connection *c); /* after an answer, before the next request */

/* http_target.c: 0, or -1 with refuse_* filled. */
int http_target_parse(struct http_connection *c);

/* http_router.c */
int http_router_build(struct hw_http_server *server, struct hw_err *err);
void http_router_free(struct hw_http_server *server);
/* Sets x->route, or answers (404, 405, built-in pages) and returns false. */
bool http_router_find(struct hw_http_exchange *x);
const char *http_route_param(const struct hw_http_exchange *x, const char *name);

/* http_response.c */
const char *http_status_title(int status);
bool http_status_has_body(int status);
void http_response_head(struct http_connection *c, bool close, bool chunked, size_t length);
void http_response_problem(struct hw_buf *out, int status, const char *code, const char *detail);
bool http_response_gzip(struct hw_http_exchange *x);

/* http_stream.c */
void http_stream_drop(struct hw_http_exchange *x); /* loop thread: the client went away */
void http_stream_pull(struct http_connection *c);  /* moves waiting bytes into the connection's output */
void http_stream_sent(struct http_connection *c, size_t size);

/* http_workers.c */
int http_workers_start(struct hw_http_server *server, struct hw_err *err);
bool http_workers_push(struct hw_http_server *server, struct hw_http_exchange *x); /* false: the queue is full */
void http_workers_stop(struct hw_http_server *server);

/* http_metrics.c */
void http_metrics_count(struct http_loop *loop, const struct hw_http_exchange *x);
void http_metrics_write(struct hw_http_server *server, struct hw_buf *out);

static inline void http_add(_Atomic uint64_t *counter, uint64_t n) { /* single writer */
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n, memory_order_relaxed);
}
static inline const char *http_text(const struct hw_http_exchange *x, uint32_t offset) {
    return (const char *)x->text.data + offset;
}
