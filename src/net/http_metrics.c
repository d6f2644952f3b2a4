/* Counters and /metrics (Prometheus text format 0.0.4). Each loop counts for itself, without sharing cache lines; the page adds up. */
#include "net/http_internal.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static const unsigned bounds_us[HTTP_LATENCY_BUCKETS] = {100,   250,    500,    1000,    2500,    5000,
                                                         10000, 25000, 100000, 500000, 2500000, 10000000};

void http_metrics_count(struct http_loop *loop, const struct hw_http_exchange *x) {
    int64_t took_us = HW_MAX(hw_mono_us() - x->began_us, 0);
    unsigned index = x->route ? x->route->index : loop->server->route_count;
    struct http_route_counts *counts = &loop->counts.routes[index];
    http_add(&counts->by_class[x->status / 100 % 6], 1);
    http_add(&counts->latency_us, (uint64_t)took_us);
    unsigned bucket = 0;
    while (bucket < HTTP_LATENCY_BUCKETS && took_us > bounds_us[bucket])
        bucket++;
    http_add(&loop->counts.latency[bucket], 1);
}

static uint64_t get(const _Atomic uint64_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void head(struct hw_buf *out, const char *name, const char *type, const char *help) {
    hw_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void write_requests(struct hw_http_server *server, struct hw_buf *out) {
    head(out, "highway_http_requests_total", "counter", "Requests answered, by route and status class.");
    for (unsigned i = 0; i < server->counted_routes; i++) {
        const struct hw_http_route *route = i < server->route_count ? server->routes[i].route : NULL;
        for (unsigned class = 1; class < 6; class++) {
            uint64_t sum = 0;
            for (unsigned j = 0; j < server->loop_count; j++)
                sum += get(&server->loops[j].counts.routes[i].by_class[class]);
            if (sum > 0)
                hw_buf_printf(out, "highway_http_requests_total{method=\"%s\",route=\"%s\",code=\"%uxx\"} %llu\n",
                              route ? route->method : "", route ? route->pattern : "", class, (unsigned long long)sum);
        }
    }
}

static void write_latency(struct hw_http_server *server, struct hw_buf *out) {
    uint64_t count = 0, sum_us = 0;
    head(out, "highway_http_request_seconds", "histogram", "From the whole request to its answer.");
    for (unsigned bucket = 0; bucket <= HTTP_LATENCY_BUCKETS; bucket++) {
        for (unsigned j = 0; j < server->loop_count; j++)
            count += get(&server->loops[j].counts.latency[bucket]);
        if (bucket < HTTP_LATENCY_BUCKETS)
            hw_buf_printf(out, "highway_http_request_seconds_bucket{le=\"%g\"} %llu\n", bounds_us[bucket] / 1e6,
                          (unsigned long long)count);
        else
            hw_buf_printf(out, "highway_http_request_seconds_bucket{le=\"+Inf\"} %llu\n", (unsigned long long)count);
    }
    for (unsigned i = 0; i < server->counted_routes; i++)
        for (unsigned j = 0; j < server->loop_count; j++)
            sum_us += get(&server->loops[j].counts.routes[i].latency_us);
    hw_buf_printf(out, "highway_http_request_seconds_sum %.6f\nhighway_http_request_seconds_count %llu\n", (double)sum_us / 1e6,
                  (unsigned long long)count);
}

static void write_number(struct hw_buf *out, const char *name, const char *type, const char *help, double value) {
    head(out, name, type, help);
    hw_buf_printf(out, "%s %.15g\n", name, value);
}

static void write_connections(struct hw_http_server *server, struct hw_buf *out) {
    uint64_t refused = 0, timeouts = 0, received = 0, sent = 0, accepted = 0;
    for (unsigned j = 0; j < server->loop_count; j++) {
        const struct http_counts *counts = &server->loops[j].counts;
        refused += get(&counts->refused);
        timeouts += get(&counts->timeouts);
        received += get(&counts->received_bytes);
        sent += get(&counts->sent_bytes);
        accepted += get(&counts->accepted);
    }
    write_number(out, "highway_http_connections", "gauge", "Open connections.", atomic_load(&server->connection_count));
    write_number(out, "highway_http_connections_total", "counter", "Connections accepted.", (double)accepted);
    write_number(out, "highway_http_connections_turned_away_total", "counter", "Connections closed because there were too many.",
                 (double)atomic_load(&server->turned_away));
    write_number(out, "highway_http_requests_refused_total", "counter", "Requests refused before they reached a route.",
                 (double)refused);
    write_number(out, "highway_http_timeouts_total", "counter", "Connections ended by a timeout, idle ones included.",
                 (double)timeouts);
    write_number(out, "highway_http_received_bytes_total", "counter", "Bytes read.", (double)received);
    write_number(out, "highway_http_sent_bytes_total", "counter", "Bytes written.", (double)sent);
    write_number(out, "highway_http_body_bytes", "gauge", "Request bodies in flight.", (double)atomic_load(&server->body_bytes));
}

static void write_process(struct hw_http_server *server, struct hw_buf *out) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    double cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                   (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
    write_number(out, "process_cpu_seconds_total", "counter", "CPU time used by this process.", cpu_s);
    unsigned long size = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "re");
    if (file) {
        if (fscanf(file, "%lu %lu", &size, &resident) == 2)
            write_number(out, "process_resident_memory_bytes", "gauge", "Memory in use.",
                         (double)resident * (double)sysconf(_SC_PAGESIZE));
        fclose(file);
    }
    DIR *dir = opendir("/proc/self/fd");
    if (dir) {
        int count = -3; /* ".", "..", and the directory itself */
        while (readdir(dir))
            count++;
        closedir(dir);
        write_number(out, "process_open_fds", "gauge", "Open file descriptors.", count);
    }
    write_number(out, "process_start_time_seconds", "gauge", "When the server began, Unix time.",
                 (double)server->started_ms / 1e3);
}

void http_metrics_write(struct hw_http_server *server, struct hw_buf *out) {
    write_requests(server, out);
    write_latency(server, out);
    write_connections(server, out);
    write_process(server, out);
    pthread_mutex_lock(&server->lock);
    if (server->write_metrics)
        server->write_metrics(out, server->write_metrics_arg);
    pthread_mutex_unlock(&server->lock);
}
