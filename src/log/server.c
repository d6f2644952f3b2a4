/* Connections: frames in, answers out in the order of the requests. All on the broker thread.
 *
 *   S1  A frame's memory grows with the bytes that arrive (at most twice as much), whatever length its header claims.
 *   S2  Answers leave in request order; a request waiting for the disk holds back only the later answers of its own
 * connection. S3  At most MAX_IN_FLIGHT requests of a connection are under way; beyond that it is not read from. */
#include "log/broker.h"

#include "base/diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define MAX_IN_FLIGHT       128
#define MAX_IN_FLIGHT_BYTES (128u << 20)
#define SCRATCH             (64 * 1024)
#define DECODE_LIMIT        (64u << 20)

struct hw_conn {
    struct hw_broker *broker;
    struct hw_conn *next, **link;
    int fd;
    struct hw_loop_io *io;
    uint32_t events;
    uint8_t header[4];
    uint32_t header_size;
    uint8_t *frame;
    uint32_t frame_size, frame_capacity, frame_need;
    struct hw_request *first, **last;
    uint32_t in_flight;
    size_t in_flight_bytes;
    bool closed, busy; /* busy: inside its event handler, freeing waits */
    char peer[64], local[64];
};
static uint8_t scratch[SCRATCH]; /* broker thread */

const char *hw_request_peer(const struct hw_request *request) {
    return request->conn ? request->conn->peer : "";
}

const char *hw_request_host(const struct hw_request *request) {
    if (request->broker->advertised_host)
        return request->broker->advertised_host;
    return request->conn ? request->conn->local : "127.0.0.1";
}

void *hw_request_alloc(struct hw_request *request, size_t size) {
    return hw_arena_alloc(&request->arena, size);
}

/* ---- requests ---- */

static void request_free(struct hw_request *request) {
    for (size_t i = 0; i < request->writer.span_count; i++)
        hw_segment_unref(request->writer.spans[i].records.owner);
    hw_kafka_writer_done(&request->writer);
    hw_buf_done(&request->out);
    hw_arena_done(&request->arena);
    free(request->frame);
    free(request);
}

static void conn_send(struct hw_conn *conn);
static void conn_close(struct hw_conn *conn);

static void finish(struct hw_request *request) {
    struct hw_api_stats *stats = &request->broker->stats[request->api->key];
    uint64_t took = (uint64_t)(hw_mono_us() - request->began_us);
    stats->requests++;
    stats->total_us += took;
    stats->max_us = HW_MAX(stats->max_us, took);
    request->done = true;
    if (!request->conn)
        request_free(request);
    else
        conn_send(request->conn);
}

void hw_request_drop(struct hw_request *request) {
    request->silent = true;
    finish(request);
}

void hw_request_reply(struct hw_request *request, const void *response) {
    struct hw_buf *out = &request->out;
    request->writer.out = out;
    hw_kafka_write_i32(out, 0);
    hw_kafka_write_i32(out, request->correlation);
    if (request->flexible && request->api->key != 18)
        hw_kafka_write_uvarint(out, 0);
    hw_kafka_encode(request->api->response(), request->version, request->flexible, response, &request->writer);
    size_t size = out->size - 4 + request->writer.span_bytes;
    for (int i = 0; i < 4; i++)
        out->data[i] = (uint8_t)(size >> (24 - 8 * i));
    finish(request);
}

static void detach(struct hw_request *request) {
    request->conn = NULL;
    if (request->done)
        request_free(request);
    else if (request->cancel)
        request->cancel(request);
}

/* Takes conn->frame over; false = the connection must be closed. */
static bool begin_request(struct hw_conn *conn) {
    struct hw_request *request = hw_xcalloc(1, sizeof(*request));
    request->broker = conn->broker;
    request->frame = HW_STEAL(conn->frame);
    request->began_us = hw_mono_us();
    struct hw_kafka_reader in = {request->frame, request->frame + conn->frame_size, false};
    int16_t key = hw_kafka_read_i16(&in);
    request->version = hw_kafka_read_i16(&in);
    request->correlation = hw_kafka_read_i32(&in);
    request->client_id = hw_kafka_read_string(&in, false, true);
    request->api = hw_kafka_api_find(key);
    size_t frame_size = conn->frame_size;
    conn->frame_size = conn->frame_capacity = conn->frame_need = conn->header_size = 0;
    if (in.failed || !request->api) {
        hw_debug("request refused", hw_kv_s("peer", conn->peer), hw_kv_i("key", key));
        request_free(request);
        return false;
    }
    struct hw_err err;
    bool supported = request->version >= request->api->min && request->version <= request->api->max;
    if (!supported && key == 18) {
        request->version = 0; /* the caller learns from a version 0 answer with error 35 what would do */
        request->state = request;
    } else if (!supported) {
        hw_debug("version refused", hw_kv_s("peer", conn->peer), hw_kv_s("api", request->api->name),
                 hw_kv_i("version", request->version));
        request_free(request);
        return false;
    } else {
        request->flexible = request->version >= request->api->flexible;
        if (request->flexible)
            hw_kafka_skip_tags(&in);
        const struct hw_kafka_schema *schema = request->api->request();
        request->arena.limit = DECODE_LIMIT;
        request->in = hw_request_alloc(request, schema->size);
        if (hw_kafka_decode(schema, request->version, request->flexible, &in, &request->arena, request->in, &err) < 0) {
            hw_warn("malformed request, connection closed", hw_kv_s("peer", conn->peer), hw_kv_s("error", err.text));
            request_free(request);
            return false;
        }
        request->arena.limit = 0; /* from here on it holds our answer */
    }
    request->conn = conn;
    *conn->last = request;
    conn->last = &request->next;
    conn->in_flight++;
    conn->in_flight_bytes += frame_size;
    hw_dispatch(request);
    return true;
}

/* ---- connection ---- */

static void update_events(struct hw_conn *conn) {
    bool blocked = conn->first && conn->first->done;
    bool full = conn->in_flight >= MAX_IN_FLIGHT || conn->in_flight_bytes > MAX_IN_FLIGHT_BYTES;
    uint32_t events = (full ? 0 : EPOLLIN) | (blocked ? EPOLLOUT : 0);
    if (conn->closed || events == conn->events)
        return;
    conn->events = events;
    hw_loop_modify(conn->io, events);
}

static void conn_close(struct hw_conn *conn) {
    if (conn->closed)
        return;
    conn->closed = true;
    hw_loop_remove(conn->io);
    close(conn->fd);
    *conn->link = conn->next;
    if (conn->next)
        conn->next->link = conn->link;
    conn->broker->conn_count--;
    while (conn->first) {
        struct hw_request *request = conn->first;
        conn->first = request->next;
        detach(request);
    }
    free(conn->frame);
    conn->frame = NULL;
    if (!conn->busy)
        free(conn);
}

/* 1 = all of it is out, 0 = the socket is full, -1 = the connection is broken. */
static int send_request(struct hw_conn *conn, struct hw_request *request) {
    for (;;) {
        const struct hw_kafka_span *span =
            request->span_at < request->writer.span_count ? &request->writer.spans[request->span_at] : NULL;
        size_t until = span ? span->at : request->out.size;
        ssize_t n;
        if (request->out_sent < until) {
            int more = span || (request->next && request->next->done && !request->next->silent) ? MSG_MORE : 0;
            n = send(conn->fd, request->out.data + request->out_sent, until - request->out_sent, MSG_NOSIGNAL | more);
            if (n > 0)
                request->out_sent += (size_t)n;
        } else if (span) {
            off_t at = (off_t)(span->records.position + (int64_t)request->span_sent);
            n = span->records.size == request->span_sent
                    ? 0
                    : sendfile(conn->fd, span->records.fd, &at, span->records.size - request->span_sent);
            if (n == 0 && request->span_sent < span->records.size)
                return -1; /* the file is shorter than it was: never on purpose */
            request->span_sent += n > 0 ? (size_t)n : 0;
            if (request->span_sent == span->records.size) {
                request->span_at++;
                request->span_sent = 0;
            }
        } else {
            return 1;
        }
        if (n < 0 && errno != EINTR)
            return errno == EAGAIN ? 0 : -1;
    }
}

/* Frees nothing of conn unless it closes it; callers on the stack of its handler have set busy. */
static void conn_send(struct hw_conn *conn) {
    while (conn->first && conn->first->done && !conn->closed) {
        struct hw_request *request = conn->first;
        int result = request->silent ? 1 : send_request(conn, request);
        if (result < 0) {
            conn_close(conn);
            return;
        }
        if (result == 0)
            break;
        conn->first = request->next;
        if (!conn->first)
            conn->last = &conn->first;
        conn->in_flight--;
        request_free(request);
    }
    if (!conn->in_flight)
        conn->in_flight_bytes = 0;
    update_events(conn);
}

/* Consumes bytes; false = close. */
static bool take_bytes(struct hw_conn *conn, const uint8_t *data, size_t size) {
    while (size > 0 && !conn->closed) {
        if (conn->header_size < 4) {
            conn->header[conn->header_size++] = *data++;
            size--;
            if (conn->header_size < 4)
                continue;
            uint32_t need = (uint32_t)conn->header[0] << 24 | (uint32_t)conn->header[1] << 16 |
                            (uint32_t)conn->header[2] << 8 | conn->header[3];
            if (need < 10 || need > (uint32_t)conn->broker->max_request_bytes) {
                hw_warn("frame refused, connection closed: its length is no Kafka request's or above "
                        "socket.request.max.bytes",
                        hw_kv_s("peer", conn->peer), hw_kv_i("length", (int32_t)need));
                return false;
            }
            conn->frame_need = need;
            conn->frame_capacity = HW_MIN(need, 4096u); /* S1 */
            conn->frame = hw_xmalloc(conn->frame_capacity);
            continue;
        }
        if (conn->frame_size == conn->frame_capacity) {
            conn->frame_capacity = HW_MIN(conn->frame_need, conn->frame_capacity * 2);
            conn->frame = hw_xrealloc(conn->frame, conn->frame_capacity);
        }
        size_t step = HW_MIN(size, (size_t)(conn->frame_capacity - conn->frame_size));
        memcpy(conn->frame + conn->frame_size, data, step);
        conn->frame_size += (uint32_t)step;
        data += step;
        size -= step;
        if (conn->frame_size == conn->frame_need && !begin_request(conn))
            return false;
    }
    return true;
}

/* The rest of a big frame is read straight into its place, what follows into the scratch buffer. */
static void conn_read(struct hw_conn *conn) {
    for (int round = 0; round < 8 && !conn->closed && (conn->events & EPOLLIN); round++) {
        struct iovec parts[2];
        int count = 0;
        size_t direct = 0;
        if (conn->frame) {
            if (conn->frame_size == conn->frame_capacity) {
                conn->frame_capacity = HW_MIN(conn->frame_need, conn->frame_capacity * 2);
                conn->frame = hw_xrealloc(conn->frame, conn->frame_capacity);
            }
            direct = conn->frame_capacity - conn->frame_size;
            parts[count++] = (struct iovec){conn->frame + conn->frame_size, direct};
        }
        if (!conn->frame || conn->frame_capacity == conn->frame_need)
            parts[count++] = (struct iovec){scratch, SCRATCH};
        ssize_t n = readv(conn->fd, parts, count);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            conn_close(conn);
            return;
        }
        size_t got = HW_MIN((size_t)n, direct);
        conn->frame_size += (uint32_t)got;
        if ((conn->frame && conn->frame_size == conn->frame_need && !begin_request(conn)) ||
            !take_bytes(conn, scratch, (size_t)n - got)) {
            conn_close(conn);
            return;
        }
    }
}

static void on_conn(void *arg, uint32_t events) {
    struct hw_conn *conn = arg;
    struct hw_broker *broker = conn->broker;
    conn->busy = true;
    if (events & EPOLLOUT)
        conn_send(conn);
    if (!conn->closed && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
        conn_read(conn);
    conn->busy = false;
    if (conn->closed)
        free(conn);
    hw_flusher_kick(broker);
}

static void address_text(int fd, bool peer, char *out, size_t size) {
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof(address);
    *out = 0;
    if ((peer ? getpeername(fd, (struct sockaddr *)&address, &length)
              : getsockname(fd, (struct sockaddr *)&address, &length)) < 0)
        return;
    if (address.ss_family == AF_INET)
        inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)&address)->sin_addr, out, (socklen_t)size);
    else
        inet_ntop(AF_INET6, &((struct sockaddr_in6 *)(void *)&address)->sin6_addr, out, (socklen_t)size);
    if (strncmp(out, "::ffff:", 7) == 0)
        memmove(out, out + 7, strlen(out + 7) + 1);
}

static void on_listen(void *arg, uint32_t events) {
    struct hw_broker *broker = arg;
    for (int i = 0; i < 64; i++) {
        int fd = accept4(broker->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0)
            return;
        if (broker->conn_count >= (uint32_t)broker->max_connections) {
            hw_warn("connection refused: max.connections reached", hw_kv_i("connections", broker->conn_count));
            close(fd);
            continue;
        }
        int one = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
        struct hw_conn *conn = hw_xcalloc(1, sizeof(*conn));
        conn->broker = broker;
        conn->fd = fd;
        conn->last = &conn->first;
        conn->peer[0] = '/';
        address_text(fd, true, conn->peer + 1, sizeof(conn->peer) - 1);
        address_text(fd, false, conn->local, sizeof(conn->local));
        conn->next = broker->conns;
        conn->link = &broker->conns;
        if (conn->next)
            conn->next->link = &conn->next;
        broker->conns = conn;
        broker->conn_count++;
        conn->events = EPOLLIN;
        conn->io = hw_loop_add(broker->loop, fd, EPOLLIN, on_conn, conn);
    }
}

int hw_server_start(struct hw_broker *broker, const char *host, int port, struct hw_err *err) {
    HW_TRY(hw_listen_tcp(host, port, false, &broker->listen_fd, err));
    broker->port = port;
    broker->listen_io = hw_loop_add(broker->loop, broker->listen_fd, EPOLLIN, on_listen, broker);
    return 0;
}

/* After the loop has ended. */
void hw_server_stop(struct hw_broker *broker) {
    while (broker->conns)
        conn_close(broker->conns);
    if (broker->listen_io)
        hw_loop_remove(broker->listen_io);
    if (broker->listen_fd >= 0)
        close(broker->listen_fd);
    broker->listen_fd = -1;
}
