/* Appends each record's value and a newline; flush makes it durable (fdatasync).
 *
 * A put counts whole or not at all: when a write fails in its middle the file is cut back to where the put began. A
 * crash between flush and the commit of its offsets repeats those lines: at least once. */
#include "connectors/file/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

struct sink {
    int fd;
    bool is_file; /* regular: can be cut and synced */
    bool dirty;   /* written since the last sync */
    struct hw_offsets put;
};

static const struct hw_config_field fields[] = {
    {.name = "file",
     .type = HW_CONFIG_STRING,
     .importance = HW_CONFIG_HIGH,
     .display_name = "File",
     .doc = "Path of the file to append to, made when missing. Without it lines go to the worker's standard output."},
    {0},
};
static const char *const aliases[] = {"org.apache.kafka.connect.file.FileStreamSinkConnector", NULL};

static int start(struct hw_task *task, const struct hw_config *config, void **out_self, struct hw_err *err) {
    const char *path = hw_config_str(config, "file");
    int fd = path && *path ? open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : dup(STDOUT_FILENO);
    if (fd < 0 && (errno == EACCES || errno == ENOENT || errno == ENOTDIR || errno == EISDIR || errno == EROFS))
        return hw_err_set(err, HW_ERR_CONFIG, errno,
                          "cannot write file %s: %s; its directory must exist and be writable to the worker", path,
                          strerror(errno));
    if (fd < 0)
        return hw_err_set_errno(err, errno, "cannot open file %s", path && *path ? path : "(standard output)");
    struct stat status;
    struct sink *sink = calloc(1, sizeof(*sink));
    if (!sink) {
        close(fd);
        return hw_err_set(err, HW_ERR_RETRY, ENOMEM, "out of memory");
    }
    sink->fd = fd;
    sink->is_file = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);
    *out_self = sink;
    return 0;
}

static int assign(void *self, const struct hw_topic_offset *partitions, size_t count, struct hw_offsets *out_seek,
                  struct hw_err *err) {
    struct sink *sink = self;
    hw_offsets_done(&sink->put); /* lines already in the file stay; only what may be committed is forgotten */
    return 0;
}

static int write_all(int fd, struct iovec *parts, int count, struct hw_err *err) {
    while (count > 0) {
        ssize_t written = writev(fd, parts, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return hw_err_set_errno(err, errno, "writing the file");
        for (; count > 0 && (size_t)written >= parts->iov_len; parts++, count--)
            written -= (ssize_t)parts->iov_len;
        if (count > 0) {
            parts->iov_base = (char *)parts->iov_base + written;
            parts->iov_len -= (size_t)written;
        }
    }
    return 0;
}

static int put(void *self, const struct hw_batch *batch, struct hw_err *err) {
    struct sink *sink = self;
    struct stat before = {0};
    if (sink->is_file && fstat(sink->fd, &before) < 0)
        return hw_err_set_errno(err, errno, "looking at the file");
    struct iovec parts[512];
    int count = 0;
    for (size_t i = 0; i < batch->count; i++) {
        const struct hw_slice *value = &batch->records[i].value;
        parts[count++] =
            value->data ? (struct iovec){(void *)value->data, value->size} : (struct iovec){(char *)"null", 4};
        parts[count++] = (struct iovec){(char *)"\n", 1};
        if (count < 512 && i + 1 < batch->count)
            continue;
        sink->dirty = true;
        if (write_all(sink->fd, parts, count, err) < 0) {
            if (sink->is_file &&
                ftruncate(sink->fd, before.st_size) < 0) /* half a put would be doubled by the next try */
                return hw_err_set_errno(err, errno, "cutting the file back after a failed write");
            return -1;
        }
        count = 0;
    }
    for (size_t i = 0; i < batch->count; i++) { /* the last record of each run of one partition decides */
        const struct hw_record *record = &batch->records[i], *next = record + 1;
        if (i + 1 == batch->count || next->partition != record->partition || strcmp(next->topic, record->topic) != 0)
            hw_offsets_set(&sink->put, record->topic, record->partition, record->offset + 1);
    }
    return 0;
}

static int flush(void *self, bool force, struct hw_offsets *out_durable, struct hw_err *err) {
    struct sink *sink = self;
    if (sink->dirty && sink->is_file && fdatasync(sink->fd) < 0)
        /* After a failed sync the kernel may have dropped the pages: only writing again from the committed offsets is
         * safe. */
        return hw_err_set(err, HW_ERR_FATAL, errno, "the disk did not keep the file's data: %s", strerror(errno));
    sink->dirty = false;
    for (size_t i = 0; i < sink->put.count; i++) {
        const struct hw_topic_offset *at = &sink->put.items[i];
        hw_offsets_set(out_durable, at->topic, at->partition, at->next_offset);
    }
    return 0;
}

static void stop(void *self) {
    struct sink *sink = self;
    close(sink->fd);
    hw_offsets_done(&sink->put);
    free(sink);
}

const struct hw_sink_ops hw_file_sink = {
    .abi = HW_PLUGIN_ABI,
    .name = "file",
    .aliases = aliases,
    .version = "0.1.0",
    .doc = "Appends each record's value as a line to a file.",
    .config = fields,
    .start = start,
    .assign = assign,
    .put = put,
    .flush = flush,
    .stop = stop,
};
