/* Start, stop, and the acceptor. One listening socket is watched by the first loop, which hands connections out in turn: so the
 * loops stay evenly loaded, and a port that another process listens on is noticed (with SO_REUSEPORT it would be shared silently). */
#include "net/http_internal.h"

#include "base/diag.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define STOP_WAIT_S 5
#define ACCEPTS_PER_ROUND 64
#define ACCEPT_PAUSE_MS 100

struct handover {
    struct http_loop *loop;
    int fd;
    char peer[48];
};

static void take_connection(void *arg) {
    struct handover *handover = arg;
    http_connection_open(handover->loop, handover->fd, handover->peer);
    free(handover);
}

static void format_peer(const struct sockaddr_storage *address, char *out, size_t size) {
    out[0] = 0;
    if (address->ss_family == AF_INET)
        inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, out, (socklen_t)size);
    else if (address->ss_family == AF_INET6)
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, out, (socklen_t)size);
    if (strncmp(out, "::ffff:", 7) == 0 && strchr(out, '.')) /* IPv4 through a socket on [::] */
        memmove(out, out + 7, strlen(out + 7) + 1);
}

static void turn_away(struct hw_http_server *server, int fd) {
    static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    ssize_t sent = send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
    (void)sent; /* a courtesy */
    close(fd);
    atomic_fetch_add(&server->turned_away, 1);
}

static void start_accepting(void *arg);

/* Out of descriptors: the backlog would wake the loop again at once, so look away for a moment. */
static void pause_accepting(struct hw_http_server *server, int error) {
    hw_warn("cannot accept connections for a moment", hw_kv_s("server", server->name), hw_kv_s("error", strerror(error)));
    hw_loop_remove(server->listen_io);
    server->listen_io = NULL;
    server->accept_again = hw_loop_timer(server->loops[0].loop, ACCEPT_PAUSE_MS, start_accepting, server);
}

static void hand_out(struct hw_http_server *server, int fd, const struct sockaddr_storage *address) {
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
    struct handover *handover = hw_xcalloc(1, sizeof(*handover));
    handover->loop = &server->loops[server->next_loop++ % server->loop_count];
    handover->fd = fd;
    format_peer(address, handover->peer, sizeof(handover->peer));
    atomic_fetch_add(&server->connection_count, 1);
    http_add(&server->loops[0].counts.accepted, 1);
    if (handover->loop == &server->loops[0])
        take_connection(handover);
    else
        hw_loop_post(handover->loop->loop, take_connection, handover);
}

static void on_listen(void *arg, uint32_t events) {
    struct hw_http_server *server = arg;
    for (int i = 0; i < ACCEPTS_PER_ROUND; i++) {
        struct sockaddr_storage address;
        socklen_t size = sizeof(address);
        int fd = accept4(server->listen_fd, (struct sockaddr *)&address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
                pause_accepting(server, errno);
            return; /* EAGAIN, or a connection that was gone before it was accepted */
        }
        if (atomic_load(&server->connection_count) >= server->options.max_connections)
            turn_away(server, fd);
        else
            hand_out(server, fd, &address);
    }
}

static void start_accepting(void *arg) {
    struct hw_http_server *server = arg;
    server->accept_again = NULL;
    server->listen_io = hw_loop_add(server->loops[0].loop, server->listen_fd, EPOLLIN, on_listen, server);
}

/* Loops. */

static int64_t sweep_every_ms(const struct hw_http_server *server) {
    return HW_MAX(HW_MIN(server->options.idle_timeout_ms / 4, 1000), 20);
}

static void sweep(void *arg) {
    struct http_loop *loop = arg;
    http_connection_sweep(loop, hw_mono_ms());
    hw_loop_timer(loop->loop, sweep_every_ms(loop->server), sweep, loop);
}

static void *run_loop(void *arg) {
    struct http_loop *loop = arg;
    hw_loop_run(loop->loop);
    return NULL;
}

static int start_loop(struct hw_http_server *server, struct http_loop *loop, struct hw_err *err) {
    loop->server = server;
    loop->read_buffer = hw_xmalloc(HTTP_READ_BYTES);
    loop->counts.routes = hw_xcalloc(server->counted_routes, sizeof(struct http_route_counts));
    HW_TRY(hw_loop_new(&loop->loop, err));
    hw_loop_timer(loop->loop, sweep_every_ms(server), sweep, loop);
    return 0;
}

static int run_loops(struct hw_http_server *server, struct hw_err *err) {
    for (unsigned i = 0; i < server->loop_count; i++) {
        int failed = pthread_create(&server->loops[i].thread, NULL, run_loop, &server->loops[i]);
        if (failed)
            return hw_err_set_errno(err, failed, "cannot start the threads of the HTTP server");
        server->loops[i].started = true;
    }
    return 0;
}

static void free_server(struct hw_http_server *server) {
    for (unsigned i = 0; i < server->loop_count; i++) {
        hw_loop_free(server->loops[i].loop);
        free(server->loops[i].read_buffer);
        free(server->loops[i].counts.routes);
    }
    free(server->loops);
    http_router_free(server);
    hw_closep(&server->listen_fd);
    pthread_mutex_destroy(&server->lock);
    pthread_cond_destroy(&server->all_gone);
    free(server->name);
    free(server);
}

static void fill_defaults(struct hw_http_server_options *options) {
    if (!options->host)
        options->host = "127.0.0.1";
    if (options->loops <= 0)
        options->loops = (int)HW_MAX(sysconf(_SC_NPROCESSORS_ONLN), 1);
    if (options->workers <= 0)
        options->workers = 8;
    if (options->max_body_bytes == 0)
        options->max_body_bytes = 1u << 20;
    if (options->max_header_bytes == 0)
        options->max_header_bytes = 64u << 10;
    if (options->max_total_body_bytes == 0)
        options->max_total_body_bytes = 256u << 20;
    if (options->idle_timeout_ms <= 0)
        options->idle_timeout_ms = 60 * 1000;
    if (options->max_connections <= 0)
        options->max_connections = 10000;
}

static int read_port(struct hw_http_server *server, struct hw_err *err) {
    struct sockaddr_storage address = {0};
    socklen_t size = sizeof(address);
    if (getsockname(server->listen_fd, (struct sockaddr *)&address, &size) < 0)
        return hw_err_set_errno(err, errno, "cannot read the port of the HTTP server");
    server->port = ntohs(address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                                       : ((struct sockaddr_in *)&address)->sin_port);
    return 0;
}

static int start(struct hw_http_server *server, struct hw_err *err) {
    HW_TRY(http_router_build(server, err));
    HW_TRY(hw_listen_tcp(server->options.host, server->options.port, false, &server->listen_fd, err));
    HW_TRY(read_port(server, err));
    server->loops = hw_xcalloc((size_t)server->options.loops, sizeof(struct http_loop));
    server->loop_count = (unsigned)server->options.loops;
    for (unsigned i = 0; i < server->loop_count; i++)
        HW_TRY(start_loop(server, &server->loops[i], err));
    start_accepting(server); /* before the loop runs, as hw_loop_add asks */
    HW_TRY(http_workers_start(server, err));
    return run_loops(server, err);
}

static void stop_loops(struct hw_http_server *server) {
    for (unsigned i = 0; i < server->loop_count; i++) {
        if (!server->loops[i].started)
            continue;
        hw_loop_stop(server->loops[i].loop);
        pthread_join(server->loops[i].thread, NULL);
    }
}

int hw_http_server_start(const struct hw_http_server_options *options, struct hw_http_server **out_server, struct hw_err *err) {
    struct hw_http_server *server = hw_xcalloc(1, sizeof(*server));
    server->options = *options;
    fill_defaults(&server->options);
    server->name = hw_xstrdup(options->server_name ? options->server_name : "http");
    server->listen_fd = -1;
    server->started_ms = hw_now_ms();
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->all_gone, NULL);
    snprintf(server->why_not_ready, sizeof(server->why_not_ready), "starting");
    if (start(server, err) < 0) {
        stop_loops(server);
        if (server->workers_ready)
            http_workers_stop(server);
        free_server(server);
        return -1;
    }
    *out_server = server;
    return 0;
}

/* Posted on stop: no new connections, idle ones closed; those with a request are closed behind its answer. */
static void begin_stop(void *arg) {
    struct http_loop *loop = arg;
    struct hw_http_server *server = loop->server;
    if (loop == &server->loops[0]) {
        hw_loop_timer_cancel(server->accept_again);
        server->accept_again = NULL;
        hw_loop_remove(server->listen_io);
        server->listen_io = NULL;
        hw_closep(&server->listen_fd);
    }
    http_connection_stop_all(loop, false);
    pthread_mutex_lock(&server->lock);
    server->stopping_loops++;
    pthread_cond_broadcast(&server->all_gone);
    pthread_mutex_unlock(&server->lock);
}

static void finish_stop(void *arg) {
    http_connection_stop_all(arg, true);
}

static void post_all(struct hw_http_server *server, hw_loop_fn fn) {
    for (unsigned i = 0; i < server->loop_count; i++)
        hw_loop_post(server->loops[i].loop, fn, &server->loops[i]);
}

/* Once every loop has begun to stop, connections only become fewer. */
static bool wait_until_gone(struct hw_http_server *server, int seconds) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += seconds;
    pthread_mutex_lock(&server->lock);
    int result = 0;
    bool gone;
    while (!(gone = server->stopping_loops == server->loop_count && atomic_load(&server->connection_count) == 0) && result == 0)
        result = pthread_cond_timedwait(&server->all_gone, &server->lock, &until);
    pthread_mutex_unlock(&server->lock);
    return gone;
}

struct hw_http_server *hw_http_server_stop(struct hw_http_server *server) {
    if (!server)
        return NULL;
    post_all(server, begin_stop);
    if (!wait_until_gone(server, STOP_WAIT_S))
        post_all(server, finish_stop);
    if (!wait_until_gone(server, 1)) {
        /* A handler still holds an exchange and may answer any time, so its memory and its loop must stay. The process is about to
         * end anyway. */
        hw_warn("a request was still being handled at the end", hw_kv_s("server", server->name));
        return NULL;
    }
    http_workers_stop(server);
    stop_loops(server);
    free_server(server);
    return NULL;
}

int hw_http_server_port(const struct hw_http_server *server) {
    return server->port;
}

void hw_http_server_set_ready(struct hw_http_server *server, bool ready, const char *why_not) {
    pthread_mutex_lock(&server->lock);
    snprintf(server->why_not_ready, sizeof(server->why_not_ready), "%s", why_not ? why_not : "not ready");
    pthread_mutex_unlock(&server->lock);
    atomic_store(&server->ready, ready);
}

void hw_http_server_metrics(struct hw_http_server *server, void (*write)(struct hw_buf *out, void *arg), void *arg) {
    pthread_mutex_lock(&server->lock);
    server->write_metrics = write;
    server->write_metrics_arg = arg;
    pthread_mutex_unlock(&server->lock);
}
