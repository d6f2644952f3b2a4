/* One line a request, as web servers have written it for thirty years, so that every tool reads it:
 *   127.0.0.1 - - [23/Nov/2026:11:00:00 +0000] "GET /v1/topics HTTP/1.1" 200 512 "-" "curl/8.5.0"
 * Health probes and metrics are not in it: the HTTP server answers those itself. */
#include "admin/reply.h"

#include <ctype.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ROTATE_BYTES (16 << 20)
#define MAX_FIELD    1000

struct hw_access_log {
    pthread_mutex_t lock; /* guards all below */
    int fd;
    char *path, *older;
    off_t size;
};

/* Quotes, backslashes and whatever is not printable ASCII become \xNN: a line stays a line and a field stays a field.
 */
static void add_field(struct hw_buf *out, const char *text) {
    if (!text || !*text)
        text = "-";
    size_t count = 0;
    for (const unsigned char *c = (const unsigned char *)text; *c && count < MAX_FIELD; c++, count++) {
        if (*c < 0x20 || *c >= 0x7f || *c == '"' || *c == '\\')
            hw_buf_printf(out, "\\x%02x", *c);
        else
            hw_buf_add_char(out, (char)*c);
    }
}

static void add_path(struct hw_buf *out, const char *path) {
    size_t count = 0;
    for (const unsigned char *c = (const unsigned char *)path; *c && count < MAX_FIELD; c++, count++) {
        if (isalnum(*c) || strchr("/-._~!$&'()*+,;=:@", *c))
            hw_buf_add_char(out, (char)*c);
        else
            hw_buf_printf(out, "%%%02X", *c);
    }
}

void hw_access_line_write(const struct hw_access_line *line, struct hw_buf *out) {
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm tm;
    time_t at = (time_t)line->at_s;
    gmtime_r(&at, &tm);
    hw_buf_printf(out, "%s - - [%02d/%s/%04d:%02d:%02d:%02d +0000] \"%s ", line->peer, tm.tm_mday, months[tm.tm_mon],
                  tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec, line->method);
    add_path(out, line->path);
    hw_buf_printf(out, " HTTP/1.1\" %d %zu \"", line->status, line->body_bytes);
    add_field(out, line->referer);
    hw_buf_add_str(out, "\" \"");
    add_field(out, line->agent);
    hw_buf_add_char(out, '"');
}

struct hw_access_log *hw_access_log_open(const char *dir) {
    struct hw_access_log *log = hw_xcalloc(1, sizeof *log);
    pthread_mutex_init(&log->lock, NULL);
    log->path = hw_xasprintf("%s/access.log", dir);
    log->older = hw_xasprintf("%s/access.log.1", dir);
    log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    struct stat info;
    if (log->fd >= 0 && fstat(log->fd, &info) == 0)
        log->size = info.st_size;
    return log;
}

struct hw_access_log *hw_access_log_close(struct hw_access_log *log) {
    if (!log)
        return NULL;
    hw_closep(&log->fd);
    pthread_mutex_destroy(&log->lock);
    free(log->path);
    free(log->older);
    free(log);
    return NULL;
}

void hw_access_log_write(struct hw_access_log *log, const struct hw_http_exchange *x, int status, size_t body_bytes) {
    if (!log)
        return;
    HW_CLEANUP(hw_buf_done) struct hw_buf text = {0};
    struct hw_access_line line = {.peer = hw_http_peer(x),
                                  .method = hw_http_method(x),
                                  .path = hw_http_path(x),
                                  .referer = hw_http_header(x, "referer"),
                                  .agent = hw_http_header(x, "user-agent"),
                                  .at_s = hw_now_ms() / 1000,
                                  .status = status,
                                  .body_bytes = body_bytes};
    hw_access_line_write(&line, &text);
    hw_buf_add_char(&text, '\n');
    pthread_mutex_lock(&log->lock);
    if (log->size > ROTATE_BYTES) {
        hw_closep(&log->fd);
        rename(log->path, log->older);
        log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
        log->size = 0;
    }
    /* A full disk costs the line, not the answer. */
    if (log->fd >= 0 && write(log->fd, text.data, text.size) == (ssize_t)text.size)
        log->size += (off_t)text.size;
    pthread_mutex_unlock(&log->lock);
}
