/* A raw HTTP client for tests: sends exact bytes, reads what comes back. */
#pragma once
#include "base/buf.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static inline int peer_connect(int port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

static inline void peer_send(int fd, const void *data, size_t size) {
    const char *at = data;
    while (size > 0) {
        ssize_t sent = send(fd, at, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return; /* the server may close early on purpose */
        at += sent;
        size -= (size_t)sent;
    }
}

/* Reads once; 1 data, 0 closed, -1 nothing within the time. */
static inline int peer_read(int fd, struct hw_buf *in, int timeout_ms) {
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    if (poll(&wait, 1, timeout_ms) <= 0)
        return -1;
    char data[65536];
    ssize_t size = recv(fd, data, sizeof(data), 0);
    if (size <= 0)
        return 0;
    hw_buf_add(in, data, (size_t)size);
    return 1;
}

struct peer_answer {
    int status;
    bool close; /* "Connection: close" */
    char head[2048];
    struct hw_buf body;
};

static inline void peer_answer_done(struct peer_answer *answer) {
    hw_buf_done(&answer->body);
}

static inline const char *peer_header(const struct peer_answer *answer, const char *name) {
    static _Thread_local char value[512];
    char pattern[80];
    snprintf(pattern, sizeof(pattern), "\r\n%s: ", name);
    const char *at = strcasestr(answer->head, pattern);
    if (!at)
        return NULL;
    at += strlen(pattern);
    snprintf(value, sizeof(value), "%.*s", (int)strcspn(at, "\r"), at);
    return value;
}

/* Takes one answer with Content-Length (or none: 204, HEAD) off the front of in, reading more as needed. 0, or -1. */
static inline int peer_take(int fd, struct hw_buf *in, bool is_head, struct peer_answer *out) {
    memset(out, 0, sizeof(*out));
    const char *end;
    while (!(end = in->size ? memmem(in->data, in->size, "\r\n\r\n", 4) : NULL))
        if (peer_read(fd, in, 5000) <= 0)
            return -1;
    size_t head_size = (size_t)(end - (const char *)in->data) + 4;
    snprintf(out->head, sizeof(out->head), "%.*s", (int)head_size, (const char *)in->data);
    if (sscanf(out->head, "HTTP/1.1 %d ", &out->status) != 1)
        return -1;
    const char *connection = peer_header(out, "Connection");
    out->close = connection && strcmp(connection, "close") == 0;
    const char *length = peer_header(out, "Content-Length");
    size_t body_size = length && !is_head ? strtoul(length, NULL, 10) : 0;
    while (in->size < head_size + body_size)
        if (peer_read(fd, in, 5000) <= 0)
            return -1;
    hw_buf_add(&out->body, in->data + head_size, body_size);
    hw_buf_consume(in, head_size + body_size);
    return 0;
}

/* One request on a connection of its own. 0, or -1 when no answer came. */
static inline int peer_ask(int port, const void *request, size_t size, struct peer_answer *out) {
    memset(out, 0, sizeof(*out));
    int fd = peer_connect(port);
    if (fd < 0)
        return -1;
    peer_send(fd, request, size);
    struct hw_buf in = {0};
    int result = peer_take(fd, &in, size > 4 && memcmp(request, "HEAD", 4) == 0, out);
    hw_buf_done(&in);
    close(fd);
    return result;
}
