/* An epoll loop: one thread, file descriptors, timers, and work posted from other threads. */
#pragma once
#include "base/base.h"

struct hw_loop;
struct hw_loop_io; /* one watched descriptor */
typedef void (*hw_loop_io_fn)(void *arg, uint32_t epoll_events);
typedef void (*hw_loop_fn)(void *arg);

HW_MUST_CHECK int hw_loop_new(struct hw_loop **out_loop, struct hw_err *err);
struct hw_loop *hw_loop_free(struct hw_loop *loop);
void hw_loop_run(struct hw_loop *loop);  /* until hw_loop_stop */
void hw_loop_stop(struct hw_loop *loop); /* any thread */
/* Loop thread only (or before run). Level triggered unless EPOLLET is in events. A removed io gets no further call, also not in
 * the running round. */
struct hw_loop_io *hw_loop_add(struct hw_loop *loop, int fd, uint32_t events, hw_loop_io_fn fn, void *arg);
void hw_loop_modify(struct hw_loop_io *io, uint32_t events);
void hw_loop_remove(struct hw_loop_io *io); /* does not close fd */
/* Any thread: fn(arg) runs on the loop thread, in order of posting. Posts after stop run never. */
void hw_loop_post(struct hw_loop *loop, hw_loop_fn fn, void *arg);
/* Loop thread only. One shot; cancel with hw_loop_timer_cancel before it fired. */
struct hw_loop_timer;
struct hw_loop_timer *hw_loop_timer(struct hw_loop *loop, int64_t after_ms, hw_loop_fn fn, void *arg);
void hw_loop_timer_cancel(struct hw_loop_timer *timer);
/* Listening TCP socket, non-blocking, SO_REUSEADDR; host "127.0.0.1", "0.0.0.0", "::". A port in use is HW_ERR_CONFIG and the text
 * names the port and the way out. */
HW_MUST_CHECK int hw_listen_tcp(const char *host, int port, bool reuse_port, int *out_fd, struct hw_err *err);
