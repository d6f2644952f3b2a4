/* A ring under one mutex. */
#include "base/mailbox.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

struct hw_mailbox {
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t filled;
    void **ring;
    size_t limit, first, count;
    bool closed;
};

struct hw_mailbox *hw_mailbox_new(size_t limit) {
    struct hw_mailbox *mailbox = hw_xcalloc(1, sizeof *mailbox);
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_mutex_init(&mailbox->lock, NULL);
    pthread_cond_init(&mailbox->filled, &attributes);
    pthread_condattr_destroy(&attributes);
    mailbox->limit = limit ? limit : 1;
    mailbox->ring = hw_xcalloc(mailbox->limit, sizeof *mailbox->ring);
    return mailbox;
}

int hw_mailbox_put(struct hw_mailbox *mailbox, void *item) {
    pthread_mutex_lock(&mailbox->lock);
    int result = 1;
    if (!mailbox->closed && mailbox->count < mailbox->limit) {
        mailbox->ring[(mailbox->first + mailbox->count++) % mailbox->limit] = item;
        pthread_cond_signal(&mailbox->filled);
        result = 0;
    }
    pthread_mutex_unlock(&mailbox->lock);
    return result;
}

void *hw_mailbox_get(struct hw_mailbox *mailbox, int timeout_ms) {
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    if (timeout_ms > 0) {
        int64_t ns = until.tv_nsec + (int64_t)timeout_ms * 1000000;
        until.tv_sec += ns / 1000000000;
        until.tv_nsec = ns % 1000000000;
    }
    pthread_mutex_lock(&mailbox->lock);
    while (!mailbox->count && !mailbox->closed && timeout_ms != 0) {
        if (timeout_ms < 0)
            pthread_cond_wait(&mailbox->filled, &mailbox->lock);
        else if (pthread_cond_timedwait(&mailbox->filled, &mailbox->lock, &until) == ETIMEDOUT)
            break;
    }
    void *item = NULL;
    if (mailbox->count) {
        item = mailbox->ring[mailbox->first];
        mailbox->first = (mailbox->first + 1) % mailbox->limit;
        mailbox->count--;
    }
    pthread_mutex_unlock(&mailbox->lock);
    return item;
}

bool hw_mailbox_is_closed(struct hw_mailbox *mailbox) {
    pthread_mutex_lock(&mailbox->lock);
    bool closed = mailbox->closed;
    pthread_mutex_unlock(&mailbox->lock);
    return closed;
}

void hw_mailbox_close(struct hw_mailbox *mailbox) {
    pthread_mutex_lock(&mailbox->lock);
    mailbox->closed = true;
    pthread_cond_broadcast(&mailbox->filled);
    pthread_mutex_unlock(&mailbox->lock);
}

struct hw_mailbox *hw_mailbox_free(struct hw_mailbox *mailbox) {
    if (mailbox) {
        pthread_cond_destroy(&mailbox->filled);
        pthread_mutex_destroy(&mailbox->lock);
        free(mailbox->ring);
        free(mailbox);
    }
    return NULL;
}
