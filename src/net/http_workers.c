/* Threads for blocking routes: a bounded queue, so that a slow back end shows as 503 and not as memory. */
#include "net/http_internal.h"

#include <errno.h>
#include <stdlib.h>

static struct hw_http_exchange *take(struct http_workers *workers) {
    pthread_mutex_lock(&workers->lock);
    while (!workers->first && !workers->stopping)
        pthread_cond_wait(&workers->more, &workers->lock);
    struct hw_http_exchange *x = workers->first;
    if (x) {
        workers->first = x->next;
        if (!workers->first)
            workers->last = NULL;
        workers->queued--;
    }
    pthread_mutex_unlock(&workers->lock);
    return x;
}

static void *run(void *arg) {
    struct hw_http_server *server = arg;
    struct hw_http_exchange *x;
    while ((x = take(&server->workers)))
        x->route->route->handler(x, server->options.arg);
    return NULL;
}

int http_workers_start(struct hw_http_server *server, struct hw_err *err) {
    struct http_workers *workers = &server->workers;
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->more, NULL);
    server->workers_ready = true;
    bool needed = false;
    for (unsigned i = 0; i < server->route_count; i++)
        needed |= (server->routes[i].route->flags & HW_HTTP_BLOCKING) != 0;
    if (!needed)
        return 0;
    unsigned wanted = (unsigned)server->options.workers;
    workers->threads = hw_xcalloc(wanted, sizeof(pthread_t));
    for (; workers->count < wanted; workers->count++) {
        int failed = pthread_create(&workers->threads[workers->count], NULL, run, server);
        if (failed)
            return hw_err_set_errno(err, failed, "cannot start HTTP worker threads");
    }
    return 0;
}

bool http_workers_push(struct hw_http_server *server, struct hw_http_exchange *x) {
    struct http_workers *workers = &server->workers;
    pthread_mutex_lock(&workers->lock);
    bool has_room = workers->queued < HTTP_WORKER_QUEUE && !workers->stopping;
    if (has_room) {
        x->next = NULL;
        if (workers->last)
            workers->last->next = x;
        else
            workers->first = x;
        workers->last = x;
        workers->queued++;
        pthread_cond_signal(&workers->more);
    }
    pthread_mutex_unlock(&workers->lock);
    return has_room;
}

/* What is queued is still answered, then the threads end. */
void http_workers_stop(struct hw_http_server *server) {
    struct http_workers *workers = &server->workers;
    pthread_mutex_lock(&workers->lock);
    workers->stopping = true;
    pthread_cond_broadcast(&workers->more);
    pthread_mutex_unlock(&workers->lock);
    for (unsigned i = 0; i < workers->count; i++)
        pthread_join(workers->threads[i], NULL);
    free(workers->threads);
    pthread_cond_destroy(&workers->more);
    pthread_mutex_destroy(&workers->lock);
}
