/* Group commit. While one round of fdatasync() runs, appends go on; the next round takes all of them together.
 *
 *   F1  A round covers, per partition, everything appended before it was handed over; the high watermark moves to there
 *       afterwards.
 *   F2  Few dirty files: fdatasync() each. Many: one syncfs(), which costs about as much as two.
 *   F3  A failed sync is final: the kernel may have dropped the pages. The process stops and recovers from what the disk
 *       has.
 */
#include "log/broker.h"

#include "base/diag.h"
#include "base/role.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SYNCFS_FROM_FILES 8

struct item {
    struct hw_partition *partition; /* referenced */
    struct hw_segment *segment;     /* referenced; NULL = nothing to sync, only to report */
    char *dir;                      /* to sync first, new files are in it; or NULL */
    uint32_t size;
    int64_t end_offset;
};
struct job {
    struct hw_broker *broker;
    struct item *items;
    size_t count, capacity;
};
struct hw_flusher {
    struct hw_broker *broker;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct job *job; /* lock: handed over, not yet taken */
    bool stop;       /* lock */
    bool busy;       /* broker thread: a job is out */
    int root_fd;
};

static struct item *add_item(struct job *job) {
    if (job->count == job->capacity) {
        job->capacity = HW_MAX(job->capacity * 2, (size_t)8);
        job->items = hw_xrealloc(job->items, job->capacity * sizeof(*job->items));
    }
    job->items[job->count] = (struct item){0};
    return &job->items[job->count++];
}

/* Takes the list of dirty partitions; NULL when there is none. */
static struct job *take_dirty(struct hw_broker *broker) {
    if (!broker->topics.dirty)
        return NULL;
    struct job *job = hw_xcalloc(1, sizeof(*job));
    job->broker = broker;
    bool unsyncable = false;
    while (broker->topics.dirty) {
        struct hw_partition *partition = broker->topics.dirty;
        broker->topics.dirty = partition->next_dirty;
        partition->dirty = false;
        size_t before = job->count;
        for (uint32_t i = partition->segment_count; !partition->deleted && i-- > 0;) {
            struct hw_segment *segment = partition->segments[i];
            if (segment->flushed == segment->size && i + 1 < partition->segment_count)
                break; /* older ones are done */
            struct hw_err err;
            if (hw_segment_fd(segment, &err) < 0) { /* F3 holds here too: what cannot be synced is not acknowledged */
                hw_role_quit(&err);
                unsyncable = true;
                continue;
            }
            struct item *item = add_item(job);
            hw_segment_ref(segment);
            hw_partition_ref(partition);
            *item = (struct item){.partition = partition,
                                  .segment = segment,
                                  .size = segment->size,
                                  .end_offset = partition->next_offset};
        }
        if (partition->new_files && job->count > before) {
            job->items[before].dir = hw_xstrdup(partition->dir);
            partition->new_files = false;
        }
        hw_partition_unref(partition);
    }
    for (size_t i = 0; unsyncable && i < job->count; i++)
        job->items[i].end_offset = -1;
    return job;
}

static int sync_dir(const char *dir) {
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -1; /* deleted meanwhile */
    int result = fsync(fd);
    close(fd);
    return result;
}

static void run(struct hw_flusher *flusher, struct job *job) {
    struct hw_err err;
    bool failed = false;
    if (job->count >= SYNCFS_FROM_FILES) {
        failed = syncfs(flusher->root_fd) < 0;
        if (failed)
            hw_err_set_errno(&err, errno, "syncfs of the log directory failed; nothing further is acknowledged");
    } else {
        bool root = false;
        for (size_t i = 0; i < job->count && !failed; i++) {
            struct item *item = &job->items[i];
            failed = fdatasync(item->segment->fd) < 0 || (item->dir && sync_dir(item->dir) < 0);
            root = root || item->dir;
            if (failed)
                hw_err_set_errno(&err, errno,
                                 "fdatasync of %s/%020" PRId64 ".log failed; nothing further is acknowledged",
                                 item->segment->dir, item->segment->base_offset);
        }
        if (!failed && root && fsync(flusher->root_fd) < 0) {
            failed = true;
            hw_err_set_errno(&err, errno, "fsync of the log directory failed; nothing further is acknowledged");
        }
    }
    if (failed)
        hw_role_quit(&err);
    for (size_t i = 0; failed && i < job->count; i++)
        job->items[i].end_offset = -1; /* F3: no acknowledgement */
}

/* Broker thread: the disk has it. */
static void finish(void *arg) {
    struct job *job = arg;
    struct hw_broker *broker = job->broker;
    broker->flusher->busy = false;
    for (size_t i = 0; i < job->count; i++) {
        struct item *item = &job->items[i];
        if (item->end_offset >= 0) {
            item->segment->flushed = HW_MAX(item->segment->flushed, item->size);
            item->segment->visible = HW_MAX(item->segment->visible, item->size);
        }
    }
    for (size_t i = 0; i < job->count; i++) {
        struct item *item = &job->items[i];
        if (item->end_offset >= 0)
            hw_partition_flushed(item->partition, item->end_offset);
        hw_segment_unref(item->segment);
        hw_partition_unref(item->partition);
        free(item->dir);
    }
    free(job->items);
    free(job);
    hw_fetch_run_ready(broker);
    hw_flusher_kick(broker);
    hw_broker_maybe_end(broker);
}

static void *flusher_main(void *arg) {
    struct hw_flusher *flusher = arg;
    pthread_mutex_lock(&flusher->lock);
    for (;;) {
        while (!flusher->job && !flusher->stop)
            pthread_cond_wait(&flusher->wake, &flusher->lock);
        struct job *job = flusher->job;
        flusher->job = NULL;
        if (!job)
            break;
        pthread_mutex_unlock(&flusher->lock);
        run(flusher, job);
        hw_loop_post(flusher->broker->loop, finish, job);
        pthread_mutex_lock(&flusher->lock);
    }
    pthread_mutex_unlock(&flusher->lock);
    return NULL;
}

void hw_flusher_kick(struct hw_broker *broker) {
    struct hw_flusher *flusher = broker->flusher;
    if (flusher->busy)
        return;
    struct job *job = take_dirty(broker);
    if (!job)
        return;
    flusher->busy = true;
    if (job->count == 0) {
        hw_loop_post(broker->loop, finish, job);
        return;
    }
    pthread_mutex_lock(&flusher->lock);
    flusher->job = job;
    pthread_cond_signal(&flusher->wake);
    pthread_mutex_unlock(&flusher->lock);
}

int hw_flusher_start(struct hw_broker *broker, struct hw_err *err) {
    struct hw_flusher *flusher = hw_xcalloc(1, sizeof(*flusher));
    flusher->broker = broker;
    flusher->root_fd = open(broker->topics.dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    pthread_mutex_init(&flusher->lock, NULL);
    pthread_cond_init(&flusher->wake, NULL);
    broker->flusher = flusher;
    if (flusher->root_fd < 0)
        return hw_err_set_errno(err, errno, "cannot open %s", broker->topics.dir);
    int error = pthread_create(&flusher->thread, NULL, flusher_main, flusher);
    return error ? hw_err_set_errno(err, error, "cannot start the flusher thread") : 0;
}

/* On the broker thread: the last round of syncs, then the loop ends. */
void hw_flusher_finish(void *arg) {
    struct hw_broker *broker = arg;
    broker->stopping = true;
    hw_cleaner_cancel(broker);
    hw_flusher_kick(broker);
    hw_broker_maybe_end(broker);
}

void hw_broker_maybe_end(struct hw_broker *broker) {
    if (broker->stopping && !broker->flusher->busy && !hw_cleaner_busy(broker))
        hw_loop_stop(broker->loop);
}

/* After the loop has ended. */
void hw_flusher_stop(struct hw_broker *broker) {
    struct hw_flusher *flusher = broker->flusher;
    if (!flusher)
        return;
    pthread_mutex_lock(&flusher->lock);
    flusher->stop = true;
    pthread_cond_signal(&flusher->wake);
    pthread_mutex_unlock(&flusher->lock);
    if (flusher->thread)
        pthread_join(flusher->thread, NULL);
    if (flusher->root_fd >= 0)
        close(flusher->root_fd);
    pthread_mutex_destroy(&flusher->lock);
    pthread_cond_destroy(&flusher->wake);
    free(flusher);
    broker->flusher = NULL;
}
