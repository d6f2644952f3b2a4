/* One connection. Everything here runs on its loop's thread.
 *
 *   READING ──request──▶ HANDLING ──answer──▶ READING (keep-alive) or CLOSING
 *                            └──stream──▶ STREAMING ──end──▶ READING or CLOSING
 *   CLOSING ──output gone──▶ LINGERING ──client closes, or 2 s──▶ CLOSED
 *
 *   I1  One request at a time: what the client sends meanwhile waits in `early` (bounded; then reading stops).
 *   I2  `held` is true from dispatch until the answer has come back to this thread. A connection that closes meanwhile keeps its
 *       memory, so a handler's exchange is always valid.
 *   I3  A connection is freed only in leave(), at the end of an outermost entry point: nothing up the stack sees it vanish.
 *   I4  Lingering: closing with unread input makes the kernel send a reset, which can destroy our answer before the client reads
 *       it (RFC 9112 section 9.6). So our side is shut, and input dropped, until the client closes too. */
#include "net/http_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static _Thread_local struct http_connection *handling; /* whose handler is on this thread's stack */

bool http_connection_is_inline(const struct http_connection *c) {
    return handling == c;
}

size_t http_connection_pending(const struct http_connection *c) {
    return c->out.size - c->out_sent + c->large.size - c->large_sent;
}

static bool is_blocked(const struct http_connection *c) {
    return http_connection_pending(c) >= HTTP_MAX_BATCH_BYTES || c->large.size > 0;
}

static void destroy(struct http_connection *c) {
    struct hw_http_exchange *x = &c->exchange;
    struct hw_http_server *server = x->server;
    if (c->accounted_bytes > 0)
        atomic_fetch_sub_explicit(&server->body_bytes, c->accounted_bytes, memory_order_relaxed);
    hw_buf_done(&x->text);
    hw_buf_done(&x->body);
    hw_buf_done(&x->extra);
    hw_buf_done(&x->answer);
    hw_buf_done(&x->stream);
    hw_buf_done(&c->early);
    hw_buf_done(&c->out);
    hw_buf_done(&c->large);
    pthread_mutex_destroy(&x->lock);
    free(c);
    pthread_mutex_lock(&server->lock);
    atomic_fetch_sub(&server->connection_count, 1);
    pthread_cond_broadcast(&server->all_gone);
    pthread_mutex_unlock(&server->lock);
}

static void enter(struct http_connection *c) {
    c->depth++;
}

static void leave(struct http_connection *c) {
    if (--c->depth == 0 && c->state == HTTP_CLOSED && !c->held)
        destroy(c);
}

void http_connection_close(struct http_connection *c) {
    if (c->state == HTTP_CLOSED)
        return;
    if (c->state == HTTP_STREAMING || c->held)
        http_stream_drop(&c->exchange);
    c->state = HTTP_CLOSED;
    hw_loop_remove(c->io);
    close(c->fd);
    c->fd = -1;
    if (c->prev)
        c->prev->next = c->next;
    else
        c->loop->connections = c->next;
    if (c->next)
        c->next->prev = c->prev;
}

/* Tells epoll what matters now; a system call only when that changed. */
static void update_events(struct http_connection *c) {
    if (c->state == HTTP_CLOSED)
        return;
    uint32_t events = 0;
    bool may_read = c->state == HTTP_LINGERING || (c->state == HTTP_READING && !is_blocked(c)) ||
                    ((c->state == HTTP_HANDLING || c->state == HTTP_STREAMING) && c->early.size < HTTP_MAX_EARLY_BYTES);
    if (may_read && !c->read_closed)
        events |= EPOLLIN;
    if (c->write_blocked)
        events |= EPOLLOUT;
    if (events == c->events)
        return;
    c->events = events;
    hw_loop_modify(c->io, events);
}

static void linger(struct http_connection *c) {
    if (c->read_closed || shutdown(c->fd, SHUT_WR) < 0) {
        http_connection_close(c);
        return;
    }
    c->state = HTTP_LINGERING;
    c->deadline_ms = hw_mono_ms() + HTTP_LINGER_MS;
}

static void output_is_gone(struct http_connection *c) {
    c->out_sent = c->large_sent = 0;
    if (c->out.capacity > 2 * HTTP_KEPT_BUFFER_BYTES)
        hw_buf_done(&c->out);
    else
        hw_buf_clear(&c->out);
    hw_buf_done(&c->large);
}

static void note_sent(struct http_connection *c, size_t sent) {
    http_add(&c->loop->counts.sent_bytes, sent);
    size_t from_out = HW_MIN(sent, c->out.size - c->out_sent);
    c->out_sent += from_out;
    c->large_sent += sent - from_out;
    if (c->state == HTTP_STREAMING)
        http_stream_sent(c, sent);
    if (c->state != HTTP_LINGERING && c->write_blocked) /* progress: the client is slow, but not gone */
        c->deadline_ms = hw_mono_ms() + c->exchange.server->options.idle_timeout_ms;
}

/* Writes until all is gone or the socket is full. */
static void write_output(struct http_connection *c) {
    c->write_blocked = false;
    for (;;) {
        size_t pending = http_connection_pending(c);
        if (pending == 0) {
            output_is_gone(c);
            return;
        }
        struct iovec parts[2];
        int count = 0;
        if (c->out.size > c->out_sent)
            parts[count++] = (struct iovec){c->out.data + c->out_sent, c->out.size - c->out_sent};
        if (c->large.size > c->large_sent)
            parts[count++] = (struct iovec){c->large.data + c->large_sent, c->large.size - c->large_sent};
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = (size_t)count};
        ssize_t sent = sendmsg(c->fd, &message, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
            if (!(c->events & EPOLLOUT)) /* just now: the clock of progress starts */
                c->deadline_ms = hw_mono_ms() + c->exchange.server->options.idle_timeout_ms;
            c->write_blocked = true;
            return;
        }
        if (sent < 0) {
            http_connection_close(c);
            return;
        }
        note_sent(c, (size_t)sent);
    }
}

void http_connection_send(struct http_connection *c) {
    if (c->state == HTTP_CLOSED || c->state == HTTP_LINGERING)
        return;
    if (http_connection_pending(c) > 0)
        write_output(c);
    if (c->state == HTTP_CLOSING && http_connection_pending(c) == 0)
        linger(c);
    update_events(c);
}

/* Answers. */

static void start_idle(struct http_connection *c) {
    c->deadline_ms = hw_mono_ms() + c->exchange.server->options.idle_timeout_ms;
}

/* Puts the exchange's answer into the output and gets ready for the next request. */
static void finish_answer(struct http_connection *c) {
    struct hw_http_exchange *x = &c->exchange;
    bool close = !x->keep_alive || c->loop->stopping;
    http_metrics_count(c->loop, x);
    http_response_head(c, close, false, x->answer.size);
    if (!x->is_head && http_status_has_body(x->status)) {
        if (x->answer.size <= HTTP_SMALL_BODY_BYTES) {
            hw_buf_add(&c->out, x->answer.data, x->answer.size);
        } else {
            c->large = x->answer; /* is empty: a request is parsed only when the output before it is gone (is_blocked) */
            x->answer = (struct hw_buf){0};
        }
    }
    c->state = close ? HTTP_CLOSING : HTTP_READING;
    if (!c->write_blocked)
        start_idle(c);
    http_parse_next(c);
}

void http_connection_refuse(struct http_connection *c, int status, const char *code, const char *detail) {
    struct hw_http_exchange *x = &c->exchange;
    http_add(&c->loop->counts.refused, 1);
    x->status = status;
    x->keep_alive = false;
    x->is_head = c->line_done && c->parser.method == HTTP_HEAD;
    x->route = NULL;
    x->began_us = hw_mono_us();
    snprintf(x->content_type, sizeof(x->content_type), "application/problem+json");
    hw_buf_clear(&x->answer);
    hw_buf_clear(&x->extra);
    if (status == 503)
        hw_buf_add_str(&x->extra, "Retry-After: 1\r\n");
    http_response_problem(&x->answer, status, code, detail);
    finish_answer(c);
}

static void dispatch(struct http_connection *c) {
    struct hw_http_exchange *x = &c->exchange;
    struct hw_http_server *server = x->server;
    c->state = HTTP_HANDLING;
    c->held = true;
    c->answered_inline = false;
    x->began_us = hw_mono_us();
    handling = c;
    if (http_router_find(x)) {
        const struct hw_http_route *route = x->route->route;
        if (!(route->flags & HW_HTTP_BLOCKING)) {
            route->handler(x, server->options.arg);
        } else if (!http_workers_push(server, x)) {
            hw_http_set_header(x, "Retry-After", "1");
            hw_http_reply_problem(x, 503, "overloaded", "all workers are busy and their queue is full; try again in a moment");
        }
    }
    handling = NULL;
    if (c->answered_inline) {
        c->held = false;
        finish_answer(c);
    }
}

void http_connection_process(struct http_connection *c, const uint8_t *data, size_t size) {
    while (size > 0 && c->state == HTTP_READING) {
        if (is_blocked(c)) {
            http_connection_send(c);
            if (c->state != HTTP_READING || is_blocked(c))
                break;
        }
        bool was_in_request = c->in_request;
        size_t used;
        enum http_parse_result result = http_parse_feed(c, data, size, &used);
        data += used;
        size -= used;
        if (result == HTTP_PARSE_REFUSED) {
            http_connection_refuse(c, c->refuse_status, c->refuse_code, c->refuse_detail);
            return;
        }
        if (result == HTTP_PARSE_REQUEST) {
            dispatch(c);
            continue;
        }
        if (c->in_request && !was_in_request && !c->write_blocked)
            start_idle(c); /* from now on the whole request must arrive within it */
        if (c->wants_continue && c->exchange.body.size == 0)
            hw_buf_add_str(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
        c->wants_continue = false;
    }
    if (size > 0 && c->state != HTTP_CLOSED && c->state != HTTP_CLOSING)
        hw_buf_add(&c->early, data, size); /* bounded: reading stops at HTTP_MAX_EARLY_BYTES, and one read is bounded too */
}

/* Requests that were waiting behind the one just answered. */
static void process_early(struct http_connection *c) {
    while (c->early.size > 0 && c->state == HTTP_READING && !is_blocked(c)) {
        struct hw_buf early = c->early;
        c->early = (struct hw_buf){0};
        http_connection_process(c, early.data, early.size);
        hw_buf_done(&early);
    }
    if (c->read_closed && c->state == HTTP_READING && c->early.size == 0)
        c->state = HTTP_CLOSING;
}

static void go_on(struct http_connection *c) {
    process_early(c);
    http_connection_send(c);
    if (c->state == HTTP_READING && c->early.size > 0 && !is_blocked(c)) { /* sending made room */
        process_early(c);
        http_connection_send(c);
    }
}

void http_connection_answered(void *arg) {
    struct http_connection *c = arg;
    enter(c);
    c->held = false;
    if (c->state != HTTP_CLOSED) {
        finish_answer(c);
        go_on(c);
    }
    leave(c);
}

/* Streams: http_stream.c posts these. */

void http_connection_stream_started(void *arg) {
    struct http_connection *c = arg;
    enter(c);
    if (c->state == HTTP_HANDLING) {
        struct hw_http_exchange *x = &c->exchange;
        http_metrics_count(c->loop, x);
        x->keep_alive = x->keep_alive && !x->is_http_1_0 && !c->loop->stopping;
        http_response_head(c, !x->keep_alive, true, 0);
        c->state = HTTP_STREAMING;
        if (c->read_closed)
            http_connection_close(c);
        else
            http_connection_send(c);
    }
    leave(c);
}

void http_connection_stream_flush(void *arg) {
    struct http_connection *c = arg;
    enter(c);
    http_stream_pull(c);
    http_connection_send(c);
    leave(c);
}

void http_connection_stream_ended(void *arg) {
    struct http_connection *c = arg;
    enter(c);
    c->held = false;
    if (c->state != HTTP_CLOSED) {
        http_stream_pull(c);
        c->state = c->exchange.keep_alive && !c->loop->stopping ? HTTP_READING : HTTP_CLOSING;
        start_idle(c);
        http_parse_next(c);
        go_on(c);
    }
    leave(c);
}

/* Socket events. */

static void input_ended(struct http_connection *c) {
    c->read_closed = true;
    switch (c->state) {
    case HTTP_READING:
        if (http_connection_pending(c) > 0)
            c->state = HTTP_CLOSING;
        else
            http_connection_close(c);
        break;
    case HTTP_HANDLING: /* a client may shut its side and still wait for the answer */
    case HTTP_CLOSING:
        break;
    default:
        http_connection_close(c);
    }
}

static void read_input(struct http_connection *c) {
    ssize_t size = recv(c->fd, c->loop->read_buffer, HTTP_READ_BYTES, 0);
    if (size < 0) {
        if (errno != EAGAIN && errno != EINTR)
            http_connection_close(c);
        return;
    }
    if (size == 0) {
        input_ended(c);
        return;
    }
    if (c->state == HTTP_LINGERING)
        return;
    http_add(&c->loop->counts.received_bytes, (uint64_t)size);
    if (c->state == HTTP_READING && c->early.size == 0)
        http_connection_process(c, c->loop->read_buffer, (size_t)size);
    else
        hw_buf_add(&c->early, c->loop->read_buffer, (size_t)size);
}

static void on_io(void *arg, uint32_t events) {
    struct http_connection *c = arg;
    enter(c);
    if ((events & EPOLLERR) || ((events & EPOLLHUP) && !(events & EPOLLIN))) {
        http_connection_close(c);
        leave(c);
        return;
    }
    if (events & EPOLLIN)
        read_input(c);
    go_on(c);
    leave(c);
}

void http_connection_open(struct http_loop *loop, int fd, const char *peer) {
    struct http_connection *c = hw_xcalloc(1, sizeof(*c));
    c->loop = loop;
    c->fd = fd;
    c->exchange.connection = c;
    c->exchange.server = loop->server;
    pthread_mutex_init(&c->exchange.lock, NULL);
    snprintf(c->peer, sizeof(c->peer), "%s", peer);
    http_parse_init(c);
    start_idle(c);
    c->events = EPOLLIN;
    c->next = loop->connections;
    if (c->next)
        c->next->prev = c;
    loop->connections = c;
    enter(c);
    c->io = loop->stopping ? NULL : hw_loop_add(loop->loop, fd, c->events, on_io, c);
    if (!c->io)
        http_connection_close(c);
    leave(c);
}

/* Timeouts and the end. */

static void expire(struct http_connection *c) {
    enter(c);
    http_add(&c->loop->counts.timeouts, 1);
    if (c->state == HTTP_READING && c->in_request && http_connection_pending(c) == 0) {
        http_connection_refuse(c, 408, "request_timeout", "the request did not arrive whole in time");
        http_connection_send(c);
    } else {
        http_connection_close(c);
    }
    leave(c);
}

void http_connection_sweep(struct http_loop *loop, int64_t now_ms) {
    struct http_connection *next;
    for (struct http_connection *c = loop->connections; c; c = next) {
        next = c->next; /* expire() touches no other connection */
        bool waits_for_us = (c->state == HTTP_HANDLING || c->state == HTTP_STREAMING) && !c->write_blocked;
        if (!waits_for_us && c->deadline_ms <= now_ms)
            expire(c);
    }
}

void http_connection_stop_all(struct http_loop *loop, bool now) {
    loop->stopping = true;
    struct http_connection *next;
    for (struct http_connection *c = loop->connections; c; c = next) {
        next = c->next;
        bool is_idle = c->state == HTTP_READING && !c->in_request && http_connection_pending(c) == 0;
        enter(c);
        if (now || is_idle || c->state == HTTP_STREAMING || c->state == HTTP_LINGERING)
            http_connection_close(c);
        leave(c);
    }
}
