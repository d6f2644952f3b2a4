/* Answers sent piece by piece. The writer's thread appends framed pieces to x->stream under the lock; the loop thread moves them to
 * the connection's output. `unsent` counts both places, so a client that does not read costs 1 MiB at most.
 * At most one flush is posted at a time; start, flushes and end arrive on the loop thread in the order they were made. */
#include "net/http_internal.h"

#include <string.h>

static void post(struct hw_http_exchange *x, hw_loop_fn fn) {
    hw_loop_post(x->connection->loop->loop, fn, x->connection);
}

void hw_http_stream_start(struct hw_http_exchange *x, int status, const char *content_type) {
    x->status = status;
    snprintf(x->content_type, sizeof(x->content_type), "%s", content_type ? content_type : "");
    pthread_mutex_lock(&x->lock);
    hw_buf_clear(&x->stream);
    x->unsent = 0;
    x->flush_posted = false;
    pthread_mutex_unlock(&x->lock);
    post(x, http_connection_stream_started);
}

static void add_piece(struct hw_http_exchange *x, const void *data, size_t size) {
    size_t before = x->stream.size;
    if (!x->is_http_1_0)
        hw_buf_printf(&x->stream, "%zx\r\n", size);
    hw_buf_add(&x->stream, data, size);
    if (!x->is_http_1_0)
        hw_buf_add(&x->stream, "\r\n", 2);
    x->unsent += x->stream.size - before;
}

int hw_http_stream_write(struct hw_http_exchange *x, const void *data, size_t size) {
    if (size == 0)
        return 0; /* a chunk of no bytes would end the stream */
    pthread_mutex_lock(&x->lock);
    bool refused = x->client_gone || x->is_head || size > HTTP_MAX_STREAM_UNSENT_BYTES ||
                   x->unsent > HTTP_MAX_STREAM_UNSENT_BYTES - size;
    bool must_post = false;
    if (!refused) {
        add_piece(x, data, size);
        must_post = !x->flush_posted;
        x->flush_posted = true;
    }
    pthread_mutex_unlock(&x->lock);
    if (must_post)
        post(x, http_connection_stream_flush);
    return refused ? -1 : 0;
}

void hw_http_stream_end(struct hw_http_exchange *x) {
    pthread_mutex_lock(&x->lock);
    if (!x->is_http_1_0 && !x->is_head && !x->client_gone)
        hw_buf_add(&x->stream, "0\r\n\r\n", 5);
    pthread_mutex_unlock(&x->lock);
    post(x, http_connection_stream_ended);
}

/* The loop thread's side. */

void http_stream_drop(struct hw_http_exchange *x) {
    pthread_mutex_lock(&x->lock);
    x->client_gone = true;
    hw_buf_done(&x->stream);
    pthread_mutex_unlock(&x->lock);
}

void http_stream_pull(struct http_connection *c) {
    struct hw_http_exchange *x = &c->exchange;
    if (c->state != HTTP_STREAMING)
        return;
    pthread_mutex_lock(&x->lock);
    x->flush_posted = false;
    if (x->stream.size > 0) {
        hw_buf_add(&c->out, x->stream.data, x->stream.size);
        hw_buf_clear(&x->stream);
    }
    pthread_mutex_unlock(&x->lock);
}

void http_stream_sent(struct http_connection *c, size_t size) {
    struct hw_http_exchange *x = &c->exchange;
    pthread_mutex_lock(&x->lock);
    x->unsent -= HW_MIN(size, x->unsent); /* the head was never counted */
    pthread_mutex_unlock(&x->lock);
}
