/* Load for the HTTP door: keep-alive connections on one epoll thread, each with one request under way.
 *
 *   http_load --url http://127.0.0.1:8084/v1/events/load --connections 64 --seconds 5 --mode single|ndjson --batch 1000
 *
 * One JSON line on stdout. Only a 200 counts; everything else is an error and its first body goes to stderr. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ANSWER_MAX 65536     /* longest answer; ndjson asks for ?report=errors, so answers are short */
#define SLOTS      (64 * 32) /* latency: 64 powers of two of µs, 32 steps in each */

struct options {
    char host[256], port[8], path[1024];
    int connections, seconds, batch;
    bool ndjson;
};
struct connection {
    int fd;
    size_t sent, got;
    int64_t started_us;
    bool want_write;
    char answer[ANSWER_MAX];
};
struct figures {
    uint64_t requests, errors, slots[SLOTS];
};
static struct options options = {.connections = 64, .seconds = 5, .batch = 1000, .path = "/"};
static struct figures figures;
static char *request;
static size_t request_size;
static struct sockaddr_storage address;
static socklen_t address_size;
static int poller;
static bool over;

static void die(const char *what) {
    fprintf(stderr, "http_load: %s%s%s\n", what, errno ? ": " : "", errno ? strerror(errno) : "");
    exit(1);
}

static int64_t now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void usage(void) {
    errno = 0;
    die("usage: http_load --url http://HOST:PORT/PATH [--connections 64] [--seconds 5] [--mode single|ndjson] [--batch "
        "1000]");
}

static void parse_arguments(int argc, char **argv) {
    for (int i = 1; i < argc; i += 2) {
        const char *name = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        if (!value)
            usage();
        if (strcmp(name, "--url") == 0) {
            if (sscanf(value, "http://%255[^:/]:%7[0-9]%1023s", options.host, options.port, options.path) < 2)
                usage();
        } else if (strcmp(name, "--connections") == 0) {
            options.connections = atoi(value);
        } else if (strcmp(name, "--seconds") == 0) {
            options.seconds = atoi(value);
        } else if (strcmp(name, "--batch") == 0) {
            options.batch = atoi(value);
        } else if (strcmp(name, "--mode") == 0) {
            options.ndjson = strcmp(value, "ndjson") == 0;
        } else {
            usage();
        }
    }
    if (!options.host[0] || options.connections < 1 || options.connections > 10000 || options.seconds < 1 ||
        options.batch < 1 || options.batch > 100000)
        usage();
}

/* Events of about 350 bytes with the fields of a page view. The door gives each its id and time. */
static void build_request(void) {
    int count = options.ndjson ? options.batch : 1;
    size_t capacity = (size_t)count * 400 + 1024, size = 0;
    char *body = malloc(capacity);
    if (!body)
        die("memory");
    for (int i = 0; i < count; i++)
        size += (size_t)snprintf(
            body + size, capacity - size,
            "{\"payload\":{\"client_id\":%d,\"page\":\"/shop/item/%d\",\"referrer\":\"https://www.example.com/"
            "search?q=%d\","
            "\"agent\":\"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 "
            "Safari/537.36\","
            "\"duration_ms\":%d.25,\"items\":[{\"sku\":\"A-%06d\",\"price\":19.99,\"count\":2}],\"consent\":true,"
            "\"tags\":[\"summer\",\"sale\"]}}%s",
            i * 7919 % 100000, i, i, i % 5000, i, options.ndjson ? "\n" : "");
    request = malloc(size + 2048);
    if (!request)
        die("memory");
    request_size = (size_t)sprintf(
        request, "POST %s%s HTTP/1.1\r\nHost: %s:%s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", options.path,
        !options.ndjson             ? ""
        : strchr(options.path, '?') ? "&report=errors"
                                    : "?report=errors",
        options.host, options.port, options.ndjson ? "application/x-ndjson" : "application/json", size);
    memcpy(request + request_size, body, size);
    request_size += size;
    free(body);
}

static void resolve(void) {
    struct addrinfo *found = NULL;
    int error = getaddrinfo(options.host, options.port, &(struct addrinfo){.ai_socktype = SOCK_STREAM}, &found);
    errno = 0;
    if (error)
        die(gai_strerror(error));
    memcpy(&address, found->ai_addr, found->ai_addrlen);
    address_size = found->ai_addrlen;
    freeaddrinfo(found);
}

static void watch(struct connection *c, bool write, int operation) {
    struct epoll_event event = {.events = EPOLLIN | (write ? EPOLLOUT : 0), .data.ptr = c};
    c->want_write = write;
    if (epoll_ctl(poller, operation, c->fd, &event))
        die("epoll");
}

static void push(struct connection *c) {
    while (c->sent < request_size) {
        ssize_t n = send(c->fd, request + c->sent, request_size - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            break;
        if (n < 0)
            die("send");
        c->sent += (size_t)n;
    }
    bool write = c->sent < request_size;
    if (write != c->want_write)
        watch(c, write, EPOLL_CTL_MOD);
}

static void next_request(struct connection *c) {
    c->sent = c->got = 0;
    c->started_us = now_us();
    push(c);
}

static void connection_open(struct connection *c) {
    c->fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int on = 1;
    errno = 0;
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, address_size))
        die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (fcntl(c->fd, F_SETFL, O_NONBLOCK))
        die("fcntl");
    watch(c, false, EPOLL_CTL_ADD);
    next_request(c);
}

static unsigned slot_of(uint64_t us) {
    if (us < 32) /* each µs has its slot; above, 32 slots for each power of two */
        return (unsigned)us;
    unsigned shift = 63 - (unsigned)__builtin_clzll(us) - 5;
    return (shift + 1) * 32 + (unsigned)(us >> shift) - 32;
}

static double slot_us(unsigned slot) {
    return slot < 32 ? slot : (double)((uint64_t)(slot % 32 + 32) << (slot / 32 - 1));
}

static void note(struct connection *c, int status, const char *body) {
    uint64_t took = (uint64_t)(now_us() - c->started_us);
    figures.slots[slot_of(took)]++;
    if (status == 200) {
        figures.requests++;
        return;
    }
    if (figures.errors++ == 0)
        fprintf(stderr, "http_load: first error: %d %.500s\n", status, body);
}

/* Whole answers only; returns false while more is to come. */
static bool take_answer(struct connection *c) {
    c->answer[c->got] = '\0';
    char *end = strstr(c->answer, "\r\n\r\n");
    if (!end)
        return false;
    char *length = strcasestr(c->answer, "\r\ncontent-length:");
    size_t body = length && length < end ? strtoul(length + 17, NULL, 10) : 0, head = (size_t)(end - c->answer) + 4;
    if (head + body >= ANSWER_MAX) {
        errno = 0;
        die("an answer is longer than this program reads");
    }
    if (c->got < head + body)
        return false;
    note(c, atoi(c->answer + 9), c->answer + head);
    return true;
}

static void on_readable(struct connection *c) {
    for (;;) {
        ssize_t n = recv(c->fd, c->answer + c->got, ANSWER_MAX - 1 - c->got, 0);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) { /* the server hung up: an error, and a new connection */
            note(c, 0, n < 0 ? strerror(errno) : "connection closed");
            close(c->fd);
            if (!over)
                connection_open(c);
            return;
        }
        c->got += (size_t)n;
        if (take_answer(c)) {
            if (!over)
                next_request(c);
            return;
        }
    }
}

static double percentile(double part) {
    uint64_t all = 0, seen = 0;
    for (unsigned i = 0; i < SLOTS; i++)
        all += figures.slots[i];
    for (unsigned i = 0; i < SLOTS; i++) {
        seen += figures.slots[i];
        if (seen > 0 && (double)seen >= part * (double)all)
            return slot_us(i) / 1000;
    }
    return 0;
}

int main(int argc, char **argv) {
    parse_arguments(argc, argv);
    resolve();
    build_request();
    poller = epoll_create1(EPOLL_CLOEXEC);
    struct connection *connections = calloc((size_t)options.connections, sizeof(*connections));
    if (!connections)
        die("memory");
    int64_t start = now_us(), end = start + options.seconds * 1000000LL;
    for (int i = 0; i < options.connections; i++)
        connection_open(&connections[i]);
    while (now_us() < end) {
        struct epoll_event events[256];
        int n = epoll_wait(poller, events, 256, 100);
        for (int i = 0; i < n; i++) {
            struct connection *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT)
                push(c);
            if (events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))
                on_readable(c);
        }
    }
    over = true;
    double seconds = (double)(now_us() - start) / 1e6, requests = (double)figures.requests / seconds;
    printf("{\"requests_per_s\":%.0f,\"events_per_s\":%.0f,\"p50_ms\":%.3f,\"p99_ms\":%.3f,\"errors\":%llu}\n",
           requests, requests * (options.ndjson ? options.batch : 1), percentile(0.5), percentile(0.99),
           (unsigned long long)figures.errors);
    for (int i = 0; i < options.connections; i++)
        close(connections[i].fd);
    free(connections);
    free(request);
    return 0;
}
