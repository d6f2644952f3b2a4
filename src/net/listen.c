/* Listening TCP sockets. */
#include "net/loop.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 1024

static int listen_on(const struct addrinfo *address, bool reuse_port, int *out_fd) {
    HW_CLEANUP(hw_closep) int fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    if (fd < 0)
        return -errno;
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (reuse_port)
        setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    if (bind(fd, address->ai_addr, address->ai_addrlen) < 0 || listen(fd, BACKLOG) < 0)
        return -errno;
    *out_fd = fd;
    fd = -1;
    return 0;
}

int hw_listen_tcp(const char *host, int port, bool reuse_port, int *out_fd, struct hw_err *err) {
    if (port < 0 || port > 65535)
        return hw_err_set(err, HW_ERR_CONFIG, 0, "port %d is outside 0 to 65535", port);
    char service[8];
    snprintf(service, sizeof(service), "%d", port);
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct addrinfo *addresses = NULL;
    int failed = getaddrinfo(host && *host ? host : NULL, service, &hints, &addresses);
    if (failed)
        return hw_err_set(err, HW_ERR_CONFIG, 0, "cannot listen on \"%s\": %s; give an address of this machine, such as 127.0.0.1",
                          host ? host : "", gai_strerror(failed));
    int result = listen_on(addresses, reuse_port, out_fd);
    freeaddrinfo(addresses);
    if (result == 0)
        return 0;
    if (result == -EADDRINUSE)
        return hw_err_set(err, HW_ERR_CONFIG, EADDRINUSE,
                          "port %d on %s is in use by another program; stop it (ss -ltnp names it), or choose another port with "
                          "listen.port or port.offset",
                          port, host ? host : "*");
    if (result == -EADDRNOTAVAIL)
        return hw_err_set(err, HW_ERR_CONFIG, EADDRNOTAVAIL, "%s is no address of this machine; listen on 127.0.0.1 or 0.0.0.0", host);
    if (result == -EACCES)
        return hw_err_set(err, HW_ERR_CONFIG, EACCES, "not allowed to listen on port %d; choose a port above 1023", port);
    return hw_err_set_errno(err, -result, "cannot listen on %s port %d", host ? host : "*", port);
}
