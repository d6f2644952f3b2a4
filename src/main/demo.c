#include "main/demo.h"
#include "base/buf.h"
#include "main/roles.h"
#include "net/http_client.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEMO_TOPIC "ui.requests"
#define DEMO_TABLE "demo.ui_requests"
#define READ_BYTES 65536

/* 127.0.0.1 - - [23/Nov/2026:11:00:00 +0000] "GET /v1/topics HTTP/1.1" 200 512 "-" "curl/8" */
bool demo_event(const char *line, size_t size, struct hw_buf *out) {
    char peer[64], method[16], target[1024], agent[512] = "";
    int status = 0, used = 0;
    long bytes = 0;
    HW_CLEANUP(hw_freep) char *text = hw_xstrndup(line, size);
    if (sscanf(text, "%63s - - [%*[^]]] \"%15s %1023s HTTP/%*[^\"]\" %d %ld%n", peer, method, target, &status, &bytes,
               &used) != 5)
        return false;
    const char *quoted = strstr(text + used, "\" \"");
    if (quoted)
        sscanf(quoted + 3, "%511[^\"]", agent);
    hw_buf_add_str(out, "{\"event_name\":\"ui.requested\",\"payload\":{\"peer\":");
    hw_buf_add_json_str(out, peer, strlen(peer));
    hw_buf_add_str(out, ",\"method\":");
    hw_buf_add_json_str(out, method, strlen(method));
    hw_buf_add_str(out, ",\"path\":");
    hw_buf_add_json_str(out, target, strlen(target));
    hw_buf_printf(out, ",\"status\":%d,\"bytes\":%ld,\"agent\":", status, bytes);
    hw_buf_add_json_str(out, agent, strlen(agent));
    hw_buf_add_str(out, "}}");
    return true;
}

static int call(const char *method, const char *url, const char *content_type, const void *body, size_t size) {
    struct hw_http_response response = {0};
    struct hw_err err = {0};
    struct hw_http_call request = {.method = method,
                                   .url = url,
                                   .body = body,
                                   .body_size = size,
                                   .content_type = content_type,
                                   .timeout_ms = 20000};
    int status = hw_http_call(&request, &response, &err) == 0 ? response.status : 0;
    hw_http_response_done(&response);
    return status;
}

/* Sends the whole lines from *at on; *at moves only once the events are acknowledged. */
static void feed(const char *path, const char *url, off_t *at) {
    HW_CLEANUP(hw_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat info;
    if (fd < 0 || fstat(fd, &info) < 0)
        return;
    if (info.st_size < *at)
        *at = 0; /* rotated */
    static char text[READ_BYTES];
    ssize_t got = pread(fd, text, sizeof text, *at);
    HW_CLEANUP(hw_buf_done) struct hw_buf body = {0};
    ssize_t line = 0;
    while (line < got) {
        const char *stop = memchr(text + line, '\n', (size_t)(got - line));
        if (!stop)
            break;
        if (demo_event(text + line, (size_t)(stop - text - line), &body))
            hw_buf_add_char(&body, '\n');
        line = stop + 1 - text;
    }
    if (line == 0)
        return;
    if (body.size == 0 || call("POST", url, "application/x-ndjson", body.data, body.size) == 200)
        *at += line;
}

static void run(const struct hw_settings *settings, const char *data_dir) {
    const struct role_entry *ingest = role_find("ingest"), *admin = role_find("admin");
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("%s/logs/access.log", data_dir);
    HW_CLEANUP(hw_freep)
    char *events = hw_xasprintf("http://%s:%d/v1/events/" DEMO_TOPIC, role_host(settings, ingest, true),
                                role_port(settings, ingest));
    HW_CLEANUP(hw_freep)
    char *ui = hw_xasprintf("http://%s:%d/", role_host(settings, admin, true), role_port(settings, admin));
    HW_CLEANUP(hw_freep) char *flow = hw_xasprintf("%sv1/flows/" DEMO_TOPIC, ui);
    static const char spec[] =
        "{\"kind\":\"sink\",\"plugin\":\"warehouse\",\"from\":{\"topics\":[\"" DEMO_TOPIC
        "\"]},\"to\":{\"table\":\"" DEMO_TABLE
        "\"},\"freshness\":\"1s\",\"owner\":\"demo\",\"description\":\"Requests of the web UI, from its access log\"}";
    off_t at = 0;
    bool landed = false;
    call("GET", ui, NULL, NULL, 0);
    for (;;) {
        feed(path, events, &at);
        if (!landed && at > 0) {
            int status = call("PUT", flow, NULL, spec, sizeof spec - 1);
            landed = status == 200 || status == 201;
            if (landed)
                printf("demo: each request of the web UI becomes an event in the topic " DEMO_TOPIC
                       " and a row of " DEMO_TABLE "\n");
            fflush(stdout);
        }
        usleep(900000);
    }
}

pid_t demo_fork(const struct hw_settings *settings, const char *data_dir) {
    pid_t parent = getpid(), pid = fork();
    if (pid != 0)
        return pid > 0 ? pid : 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(HW_EXIT_FAILURE);
    setpgid(0, 0);
    run(settings, data_dir);
    _exit(HW_EXIT_OK);
}
