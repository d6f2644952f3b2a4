/* Follows a file as `tail -F` does: each whole line is a record; the offset is the byte behind it.
 *
 * Source partition {"filename":"…"}, source offset {"position":N}: Java's, so either worker goes on where the other
 * stopped. A last line without newline waits until it is whole. Rotation (the path names another file now): the old one
 * is read to its end, an unfinished last line included, then the new one from its beginning. Truncation (shorter than
 * our position): from the beginning. */
#include "connectors/file/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define READ_BYTES    (256u << 10)
#define LOOK_EVERY_MS 50

struct source {
    char *path, *topic, *partition; /* partition: JSON text */
    size_t batch_records, max_line_bytes;
    int fd;       /* -1: the file is not there (yet) */
    dev_t device; /* of fd */
    ino_t inode;
    int64_t position;            /* of the first byte in data */
    char *data;                  /* read, not yet given out as records */
    size_t size, capacity, used; /* used: bytes of data that the last poll gave out */
    struct hw_source_record *records;
    char (*offsets)[40];
};

static const struct hw_config_field fields[] = {
    {.name = "file",
     .type = HW_CONFIG_STRING,
     .required = true,
     .importance = HW_CONFIG_HIGH,
     .display_name = "File",
     .doc = "Path of the file to follow. It may appear later, grow, be rotated or truncated."},
    {.name = "topic",
     .type = HW_CONFIG_STRING,
     .required = true,
     .importance = HW_CONFIG_HIGH,
     .display_name = "Topic",
     .doc = "Topic that gets one record for each line."},
    {.name = "batch.size",
     .type = HW_CONFIG_INT,
     .default_value = "2000",
     .importance = HW_CONFIG_LOW,
     .min = 1,
     .max = 100000,
     .doc = "Most records handed over at once."},
    {.name = "max.line.bytes",
     .type = HW_CONFIG_INT,
     .default_value = "1000000",
     .importance = HW_CONFIG_LOW,
     .unit = "bytes",
     .min = 1,
     .max = 67108864,
     .doc = "Longest line accepted; a longer one stops the task."},
    {0},
};
static const char *const aliases[] = {"org.apache.kafka.connect.file.FileStreamSourceConnector", NULL};

static char *json_partition(const char *path) {
    char *text = malloc(strlen(path) * 6 + 20), *at = text;
    if (!text)
        return NULL;
    at += sprintf(at, "{\"filename\":\"");
    for (const unsigned char *c = (const unsigned char *)path; *c; c++) {
        if (*c == '"' || *c == '\\')
            at += sprintf(at, "\\%c", *c);
        else if (*c < 0x20)
            at += sprintf(at, "\\u%04X", *c);
        else
            *at++ = (char)*c;
    }
    strcpy(at, "\"}");
    return text;
}

/* {"position":N}; anything else is no position of ours. */
static int64_t parse_position(const char *offset) {
    const char *key = offset ? strstr(offset, "\"position\"") : NULL;
    if (!key)
        return -1;
    key += strlen("\"position\"");
    key += strspn(key, " \t:");
    char *end;
    errno = 0;
    long long value = strtoll(key, &end, 10);
    return end == key || errno || value < 0 ? -1 : value;
}

static void stop(void *self) {
    struct source *source = self;
    if (source->fd >= 0)
        close(source->fd);
    free(source->path);
    free(source->topic);
    free(source->partition);
    free(source->data);
    free(source->records);
    free(source->offsets);
    free(source);
}

static int start(struct hw_task *task, const struct hw_config *config, struct hw_source_context *context,
                 void **out_self, struct hw_err *err) {
    struct source *source = calloc(1, sizeof(*source));
    if (!source)
        return hw_err_set(err, HW_ERR_RETRY, ENOMEM, "out of memory");
    source->fd = -1;
    source->batch_records = (size_t)hw_config_int(config, "batch.size");
    source->max_line_bytes = (size_t)hw_config_int(config, "max.line.bytes");
    source->path = strdup(hw_config_str(config, "file"));
    source->topic = strdup(hw_config_str(config, "topic"));
    source->capacity = source->max_line_bytes + READ_BYTES;
    source->data = malloc(source->capacity);
    source->records = calloc(source->batch_records, sizeof(*source->records));
    source->offsets = calloc(source->batch_records, sizeof(*source->offsets));
    if (source->path)
        source->partition = json_partition(source->path);
    if (!source->partition || !source->topic || !source->data || !source->records || !source->offsets) {
        stop(source);
        return hw_err_set(err, HW_ERR_RETRY, ENOMEM, "out of memory");
    }
    char *stored = context->offset(context, source->partition);
    int64_t position = parse_position(stored);
    if (stored && position < 0)
        task->log(task, 4, "the stored offset %.100s has no position: reading %s from its beginning", stored,
                  source->path);
    free(stored);
    source->position = position < 0 ? 0 : position;
    *out_self = source;
    return 0;
}

static void begin_anew(struct source *source) {
    source->position = 0;
    source->size = 0;
}

/* 1 = the file is not there. */
static int open_file(struct source *source, struct hw_err *err) {
    source->fd = open(source->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (source->fd < 0 && errno == ENOENT)
        return 1;
    if (source->fd < 0)
        return hw_err_set(err, errno == EACCES ? HW_ERR_CONFIG : HW_ERR_RETRY, errno, "cannot read file %s: %s",
                          source->path, strerror(errno));
    struct stat status;
    if (fstat(source->fd, &status) < 0 || !S_ISREG(status.st_mode)) {
        close(source->fd);
        source->fd = -1;
        return hw_err_set(err, HW_ERR_CONFIG, 0, "%s is no regular file", source->path);
    }
    source->device = status.st_dev;
    source->inode = status.st_ino;
    if (status.st_size < source->position)
        begin_anew(source);
    return 0;
}

/* At the end of the file: is it still the one the path names, and as long as we have read? Returns 1 when an unfinished
 * last line must be given out as it is, because nothing will complete it. */
static int look_again(struct source *source) {
    struct stat now, ours;
    if (fstat(source->fd, &ours) == 0 && ours.st_size < source->position + (int64_t)source->size) {
        begin_anew(source);
        return 0;
    }
    if (stat(source->path, &now) < 0 || (now.st_dev == source->device && now.st_ino == source->inode))
        return 0;
    if (source->size > 0)
        return 1;
    close(source->fd);
    source->fd = -1;
    begin_anew(source);
    return 0;
}

static void add_record(struct source *source, size_t at, size_t *count, size_t from, size_t line_size, int64_t end) {
    snprintf(source->offsets[at], sizeof(source->offsets[at]), "{\"position\":%lld}", (long long)end);
    source->records[at] = (struct hw_source_record){
        .record = {.topic = source->topic,
                   .partition = -1,
                   .offset = -1,
                   .timestamp_ms = -1,
                   .value = {(const uint8_t *)source->data + from, line_size}},
        .source_partition = source->partition,
        .source_offset = source->offsets[at],
    };
    *count = at + 1;
}

/* Cuts whole lines off data. */
static void cut_lines(struct source *source, size_t *count) {
    size_t from = 0;
    *count = 0;
    while (*count < source->batch_records && from < source->size) {
        const char *line = source->data + from, *newline = memchr(line, '\n', source->size - from);
        if (!newline)
            break;
        size_t whole = (size_t)(newline - line) + 1, size = whole - 1;
        if (size > 0 && line[size - 1] == '\r')
            size--;
        add_record(source, *count, count, from, size, source->position + (int64_t)(from + whole));
        from += whole;
    }
    source->used = from;
}

static int read_more(struct source *source, size_t *out_read, struct hw_err *err) {
    *out_read = 0;
    size_t room = source->capacity - source->size;
    ssize_t got;
    do
        got = pread(source->fd, source->data + source->size, room < READ_BYTES ? room : READ_BYTES,
                    source->position + (int64_t)source->size);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return hw_err_set_errno(err, errno, "reading file %s", source->path);
    source->size += (size_t)got;
    *out_read = (size_t)got;
    return 0;
}

static int64_t now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int poll_lines(void *self, int timeout_ms, const struct hw_source_record **out_records, size_t *out_count,
                      struct hw_err *err) {
    struct source *source = self;
    int64_t until = now_ms() + timeout_ms;
    memmove(source->data, source->data + source->used,
            source->size - source->used); /* the last poll's records are void now */
    source->size -= source->used;
    source->position += (int64_t)source->used;
    source->used = 0;
    *out_records = source->records;
    for (;;) {
        int missing = source->fd < 0 ? open_file(source, err) : 0;
        if (missing < 0)
            return -1;
        cut_lines(source, out_count);
        if (*out_count > 0)
            return 0;
        if (source->size > source->max_line_bytes)
            return hw_err_set(err, HW_ERR_CONFIG, 0,
                              "the line of %s at byte %lld is longer than max.line.bytes=%zu: raise it", source->path,
                              (long long)source->position, source->max_line_bytes);
        size_t read = 0;
        if (!missing && read_more(source, &read, err) < 0)
            return -1;
        if (read > 0)
            continue;
        if (!missing && look_again(source) > 0) {
            add_record(source, 0, out_count, 0, source->size, source->position + (int64_t)source->size);
            source->used = source->size;
            return 0;
        }
        if (now_ms() >= until)
            return 0;
        struct timespec pause = {.tv_nsec = LOOK_EVERY_MS * 1000000};
        nanosleep(&pause, NULL);
    }
}

const struct hw_source_ops hw_file_source = {
    .abi = HW_PLUGIN_ABI,
    .name = "file",
    .aliases = aliases,
    .version = "0.1.0",
    .doc = "Sends each line of a file as a record.",
    .config = fields,
    .start = start,
    .poll = poll_lines,
    .stop = stop,
};
