/* The epoll loop. Everything but hw_loop_post and hw_loop_stop belongs to the loop's thread.
 *
 *   I1  Posted work is in `posted` under the lock; the loop swaps the whole list out, so a burst of posts costs one wake-up.
 *   I2  `sleeping` is set (under the lock) only when the list is empty and the loop is about to wait: a poster writes the eventfd
 *       exactly then, never while the loop is awake.
 *   I3  A removed io is freed after the running round, because epoll may already have handed out its pointer. */
#include "net/loop.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EVENTS_PER_ROUND 256

struct hw_loop_io {
    struct hw_loop *loop;
    hw_loop_io_fn fn;
    void *arg;
    int fd;
    bool removed;
    struct hw_loop_io *next_removed;
};

struct hw_loop_timer {
    struct hw_loop *loop;
    int64_t due_ms;
    size_t at; /* place in the heap */
    hw_loop_fn fn;
    void *arg;
};

struct post {
    hw_loop_fn fn;
    void *arg;
};

struct post_list {
    struct post *items;
    size_t count, capacity;
};

struct hw_loop {
    int epoll_fd, wake_fd;
    pthread_mutex_t lock;
    struct post_list posted; /* lock */
    bool sleeping, stopped;  /* lock */
    struct post_list running;
    struct hw_loop_timer **heap; /* by due_ms, smallest first */
    size_t heap_count, heap_capacity;
    struct hw_loop_io *removed;
};

int hw_loop_new(struct hw_loop **out_loop, struct hw_err *err) {
    struct hw_loop *loop = hw_xcalloc(1, sizeof(*loop));
    pthread_mutex_init(&loop->lock, NULL);
    loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    loop->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (loop->epoll_fd < 0 || loop->wake_fd < 0) {
        hw_err_set_errno(err, errno, "cannot create an event loop");
        hw_loop_free(loop);
        return -1;
    }
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, loop->wake_fd, &event) < 0) {
        hw_err_set_errno(err, errno, "cannot watch the event loop's wake-up");
        hw_loop_free(loop);
        return -1;
    }
    *out_loop = loop;
    return 0;
}

static void free_removed(struct hw_loop *loop) {
    while (loop->removed) {
        struct hw_loop_io *io = loop->removed;
        loop->removed = io->next_removed;
        free(io);
    }
}

struct hw_loop *hw_loop_free(struct hw_loop *loop) {
    if (!loop)
        return NULL;
    free_removed(loop);
    for (size_t i = 0; i < loop->heap_count; i++)
        free(loop->heap[i]);
    free(loop->heap);
    free(loop->posted.items);
    free(loop->running.items);
    hw_closep(&loop->epoll_fd);
    hw_closep(&loop->wake_fd);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
    return NULL;
}

/* Descriptors. */

struct hw_loop_io *hw_loop_add(struct hw_loop *loop, int fd, uint32_t events, hw_loop_io_fn fn, void *arg) {
    struct hw_loop_io *io = hw_xcalloc(1, sizeof(*io));
    io->loop = loop;
    io->fd = fd;
    io->fn = fn;
    io->arg = arg;
    struct epoll_event event = {.events = events, .data.ptr = io};
    if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0) {
        free(io);
        return NULL;
    }
    return io;
}

void hw_loop_modify(struct hw_loop_io *io, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = io};
    epoll_ctl(io->loop->epoll_fd, EPOLL_CTL_MOD, io->fd, &event);
}

void hw_loop_remove(struct hw_loop_io *io) {
    if (!io || io->removed)
        return;
    epoll_ctl(io->loop->epoll_fd, EPOLL_CTL_DEL, io->fd, NULL);
    io->removed = true;
    io->next_removed = io->loop->removed;
    io->loop->removed = io;
}

/* Timers: a binary heap; every timer knows its place, so that cancel is O(log n). */

static void heap_set(struct hw_loop *loop, size_t at, struct hw_loop_timer *timer) {
    loop->heap[at] = timer;
    timer->at = at;
}

static void heap_up(struct hw_loop *loop, size_t at) {
    struct hw_loop_timer *timer = loop->heap[at];
    while (at > 0 && loop->heap[(at - 1) / 2]->due_ms > timer->due_ms) {
        heap_set(loop, at, loop->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_set(loop, at, timer);
}

static void heap_down(struct hw_loop *loop, size_t at) {
    struct hw_loop_timer *timer = loop->heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= loop->heap_count)
            break;
        if (child + 1 < loop->heap_count && loop->heap[child + 1]->due_ms < loop->heap[child]->due_ms)
            child++;
        if (loop->heap[child]->due_ms >= timer->due_ms)
            break;
        heap_set(loop, at, loop->heap[child]);
        at = child;
    }
    heap_set(loop, at, timer);
}

static void heap_take(struct hw_loop *loop, size_t at) {
    struct hw_loop_timer *last = loop->heap[--loop->heap_count];
    if (at == loop->heap_count)
        return;
    heap_set(loop, at, last);
    heap_up(loop, at);
    heap_down(loop, last->at);
}

struct hw_loop_timer *hw_loop_timer(struct hw_loop *loop, int64_t after_ms, hw_loop_fn fn, void *arg) {
    struct hw_loop_timer *timer = hw_xcalloc(1, sizeof(*timer));
    timer->loop = loop;
    timer->due_ms = hw_mono_ms() + HW_MAX(after_ms, 0);
    timer->fn = fn;
    timer->arg = arg;
    if (loop->heap_count == loop->heap_capacity) {
        loop->heap_capacity = HW_MAX(16, loop->heap_capacity * 2);
        loop->heap = hw_xrealloc(loop->heap, loop->heap_capacity * sizeof(struct hw_loop_timer *));
    }
    loop->heap[loop->heap_count] = timer;
    heap_up(loop, loop->heap_count++);
    return timer;
}

void hw_loop_timer_cancel(struct hw_loop_timer *timer) {
    if (!timer)
        return;
    heap_take(timer->loop, timer->at);
    free(timer);
}

static void run_timers(struct hw_loop *loop) {
    if (loop->heap_count == 0)
        return;
    int64_t now_ms = hw_mono_ms();
    while (loop->heap_count > 0 && loop->heap[0]->due_ms <= now_ms) {
        struct hw_loop_timer *timer = loop->heap[0];
        hw_loop_fn fn = timer->fn;
        void *arg = timer->arg;
        heap_take(loop, 0);
        free(timer);
        fn(arg);
    }
}

static int wait_ms(const struct hw_loop *loop) {
    if (loop->heap_count == 0)
        return -1;
    int64_t left = loop->heap[0]->due_ms - hw_mono_ms();
    return (int)HW_MIN(HW_MAX(left, 0), 60 * 60 * 1000);
}

/* Posted work. */

/* Under the lock: once it is released, a stopped loop may be freed by whoever waited for this post. */
static void wake(struct hw_loop *loop) {
    if (!loop->sleeping)
        return;
    loop->sleeping = false;
    uint64_t one = 1;
    ssize_t done = write(loop->wake_fd, &one, sizeof(one));
    (void)done; /* EAGAIN means that the counter is full: the loop wakes up anyway */
}

void hw_loop_post(struct hw_loop *loop, hw_loop_fn fn, void *arg) {
    pthread_mutex_lock(&loop->lock);
    struct post_list *list = &loop->posted;
    if (list->count == list->capacity) {
        list->capacity = HW_MAX(64, list->capacity * 2);
        list->items = hw_xrealloc(list->items, list->capacity * sizeof(struct post));
    }
    list->items[list->count++] = (struct post){.fn = fn, .arg = arg};
    wake(loop);
    pthread_mutex_unlock(&loop->lock);
}

void hw_loop_stop(struct hw_loop *loop) {
    pthread_mutex_lock(&loop->lock);
    loop->stopped = true;
    wake(loop);
    pthread_mutex_unlock(&loop->lock);
}

static bool is_stopped(struct hw_loop *loop) {
    pthread_mutex_lock(&loop->lock);
    bool stopped = loop->stopped;
    pthread_mutex_unlock(&loop->lock);
    return stopped;
}

/* Runs what was posted until now; what these functions post waits for the next round. */
static void run_posted(struct hw_loop *loop) {
    pthread_mutex_lock(&loop->lock);
    loop->sleeping = false;
    struct post_list taken = loop->posted;
    loop->posted = loop->running;
    loop->posted.count = 0;
    loop->running = taken;
    bool stopped = loop->stopped;
    pthread_mutex_unlock(&loop->lock);
    for (size_t i = 0; i < taken.count && !stopped; i++) {
        taken.items[i].fn(taken.items[i].arg);
        if ((i & 63) == 63)
            stopped = is_stopped(loop);
    }
}

/* True when the loop may wait; false when work or the end is there already. */
static bool go_to_sleep(struct hw_loop *loop, bool *out_stopped) {
    pthread_mutex_lock(&loop->lock);
    *out_stopped = loop->stopped;
    loop->sleeping = !loop->stopped && loop->posted.count == 0;
    bool sleeping = loop->sleeping;
    pthread_mutex_unlock(&loop->lock);
    return sleeping;
}

void hw_loop_run(struct hw_loop *loop) {
    struct epoll_event events[EVENTS_PER_ROUND];
    for (;;) {
        bool stopped;
        bool may_wait = go_to_sleep(loop, &stopped);
        if (stopped)
            return;
        int count = epoll_wait(loop->epoll_fd, events, EVENTS_PER_ROUND, may_wait ? wait_ms(loop) : 0);
        run_posted(loop);
        for (int i = 0; i < count; i++) {
            struct hw_loop_io *io = events[i].data.ptr;
            if (io && !io->removed) /* NULL is the eventfd: edge triggered, so it need not be read */
                io->fn(io->arg, events[i].events);
        }
        run_timers(loop);
        free_removed(loop);
    }
}
