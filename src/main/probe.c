#include "main/probe.h"
#include "base/fs.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int resolve(const char *host, int port, struct sockaddr_storage *out, socklen_t *out_size) {
    char service[16];
    snprintf(service, sizeof service, "%d", port);
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | AI_PASSIVE}, *found = NULL;
    if (getaddrinfo(host, service, &hints, &found) != 0 || !found)
        return -1;
    memcpy(out, found->ai_addr, found->ai_addrlen);
    *out_size = found->ai_addrlen;
    freeaddrinfo(found);
    return 0;
}

bool probe_port_is_free(const char *host, int port) {
    struct sockaddr_storage address;
    socklen_t size;
    if (port < 1 || port > 65535 || resolve(host, port, &address, &size) < 0)
        return false;
    HW_CLEANUP(hw_closep) int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    return fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, 1) == 0;
}

bool probe_ready(const char *host, int port, bool http, int timeout_ms) {
    struct sockaddr_storage address;
    socklen_t size;
    if (resolve(host, port, &address, &size) < 0)
        return false;
    HW_CLEANUP(hw_closep) int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    struct pollfd poller = {.fd = fd, .events = POLLOUT};
    if (connect(fd, (struct sockaddr *)&address, size) < 0 && errno != EINPROGRESS)
        return false;
    int fault = 0;
    socklen_t fault_size = sizeof fault;
    if (poll(&poller, 1, timeout_ms) != 1 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &fault, &fault_size) < 0 || fault)
        return false;
    if (!http)
        return true;
    static const char request[] = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    if (send(fd, request, sizeof request - 1, MSG_NOSIGNAL) != (ssize_t)(sizeof request - 1))
        return false;
    poller.events = POLLIN;
    char answer[16] = {0};
    if (poll(&poller, 1, timeout_ms) != 1)
        return false;
    ssize_t got = recv(fd, answer, sizeof answer - 1, 0);
    return got >= 12 && strncmp(answer + 8, " 200", 4) == 0;
}

int probe_writable(const char *dir, struct hw_err *err) {
    struct hw_err why = {0};
    if (hw_fs_mkdirs(dir, &why) < 0)
        return hw_err_set(err, HW_ERR_CONFIG, why.code,
                          "cannot make the data directory %s: %s. Choose one you may write to: --data DIR", dir,
                          why.text);
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("%s/.write-test-%d", dir, (int)getpid());
    int fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
    int fault = fd < 0 ? errno : 0;
    if (fd >= 0) {
        if (write(fd, "x", 1) != 1)
            fault = errno ? errno : ENOSPC;
        close(fd);
        unlink(path);
    }
    if (fault)
        return hw_err_set(
            err, HW_ERR_CONFIG, fault,
            "cannot write into the data directory %s: %s. Give it to this user (chown) or choose another: --data DIR",
            dir, strerror(fault));
    return 0;
}
