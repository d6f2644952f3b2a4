/* The client against our own server, and against peers that misbehave. */
#include "net/http_client.h"
#include "net/http_server.h"
#include "net/loop.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static struct hw_http_server *server;

static void echo(struct hw_http_exchange *x, void *arg) {
    struct hw_buf out = {0};
    struct hw_slice body = hw_http_body(x);
    const char *type = hw_http_header(x, "content-type"), *own = hw_http_header(x, "x-own"), *expects = hw_http_header(x, "expect");
    hw_buf_printf(&out, "%s type=%s own=%s expect=%s body=%.*s", hw_http_method(x), type ? type : "-", own ? own : "-",
                  expects ? expects : "-", (int)body.size, body.size ? (const char *)body.data : "");
    hw_http_set_header(x, "ETag", "\"7\"");
    hw_http_set_header(x, "Location", "/there");
    hw_http_reply_buf(x, 201, "text/plain", &out);
}

static void large(struct hw_http_exchange *x, void *arg) {
    struct hw_buf out = {0};
    for (int i = 0; i < 100000; i++)
        hw_buf_add_str(&out, "0123456789");
    hw_http_reply_buf(x, 200, "application/json", &out);
}

static void slow(struct hw_http_exchange *x, void *arg) {
    usleep(500 * 1000);
    hw_http_reply(x, 200, NULL, NULL, 0);
}

static const struct hw_http_route routes[] = {
    {"GET", "/echo", echo}, {"POST", "/echo", echo}, {"PUT", "/echo", echo}, {"DELETE", "/echo", echo}, {"PATCH", "/echo", echo},
    {"GET", "/large", large}, {"GET", "/slow", slow, HW_HTTP_BLOCKING}, {0},
};

static int set_up(void **state) {
    const struct hw_http_server_options options = {.host = "127.0.0.1", .loops = 1, .routes = routes};
    struct hw_err err = {0};
    return hw_http_server_start(&options, &server, &err);
}

static int tear_down(void **state) {
    server = hw_http_server_stop(server);
    return 0;
}

static const char *url(int port, const char *path) {
    static char text[200];
    snprintf(text, sizeof(text), "http://127.0.0.1:%d%s", port, path);
    return text;
}

static void test_methods_bodies_and_headers(void **state) {
    static const char *const headers[] = {"X-Own: 1", NULL};
    static const struct {
        const char *method, *body, *type, *answer;
    } cases[] = {
        {"GET", NULL, NULL, "GET type=- own=1 expect=- body="},
        {"POST", "{}", NULL, "POST type=application/json own=1 expect=- body={}"},
        {"POST", NULL, NULL, "POST type=- own=1 expect=- body="},
        {"PUT", "a=b", "text/plain", "PUT type=text/plain own=1 expect=- body=a=b"},
        {"PATCH", "x", NULL, "PATCH type=application/json own=1 expect=- body=x"},
        {"DELETE", NULL, NULL, "DELETE type=- own=1 expect=- body="},
    };
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < HW_ARRAY_SIZE(cases); i++) {
            const struct hw_http_call call = {.method = cases[i].method, .url = url(hw_http_server_port(server), "/echo"),
                .headers = headers, .body = cases[i].body, .body_size = cases[i].body ? strlen(cases[i].body) : 0,
                .content_type = cases[i].type};
            struct hw_http_response response;
            struct hw_err err = {0};
            if (hw_http_call(&call, &response, &err) < 0)
                fail_msg("%s: %s", cases[i].method, err.text);
            assert_int_equal(response.status, 201);
            assert_string_equal(hw_buf_str(&response.body), cases[i].answer);
            assert_string_equal(response.content_type, "text/plain");
            assert_string_equal(response.location, "/there");
            assert_string_equal(response.etag, "\"7\"");
            hw_http_response_done(&response);
        }
    }
}

static void test_head_and_error_status(void **state) {
    struct hw_http_response response;
    struct hw_err err = {0};
    struct hw_http_call call = {.method = "HEAD", .url = url(hw_http_server_port(server), "/echo")};
    assert_int_equal(hw_http_call(&call, &response, &err), 0);
    assert_int_equal(response.status, 201);
    assert_int_equal(response.body.size, 0);
    hw_http_response_done(&response);
    call = (struct hw_http_call){.method = "GET", .url = url(hw_http_server_port(server), "/none")};
    assert_int_equal(hw_http_call(&call, &response, &err), 0);
    assert_int_equal(response.status, 404);
    assert_string_equal(response.content_type, "application/problem+json");
    hw_http_response_done(&response);
}

static void test_large_answer_is_unpacked_and_limited(void **state) {
    struct hw_http_response response;
    struct hw_err err = {0};
    struct hw_http_call call = {.method = "GET", .url = url(hw_http_server_port(server), "/large")};
    assert_int_equal(hw_http_call(&call, &response, &err), 0);
    assert_int_equal(response.body.size, 1000000);
    hw_http_response_done(&response);
    call.max_body_bytes = 999999;
    assert_int_equal(hw_http_call(&call, &response, &err), -1);
    assert_int_equal(err.kind, HW_ERR_DATA);
    assert_non_null(strstr(err.text, "999999"));
}

/* A peer that accepts, reads, and does what the case says. */
static void *serve_once(void *arg) {
    struct pollfd wait = {.fd = *(int *)arg, .events = POLLIN}; /* the listener does not block */
    poll(&wait, 1, 5000);
    int fd = accept(wait.fd, NULL, NULL);
    char data[4096];
    ssize_t size = recv(fd, data, sizeof(data), 0);
    (void)size;
    close(fd);
    return NULL;
}

static void test_failures_tell_whether_the_request_was_sent(void **state) {
    struct hw_http_response response;
    struct hw_err err = {0};
    struct hw_http_call call = {.method = "POST", .url = url(21103, "/"), .body = "{}", .body_size = 2};
    assert_int_equal(hw_http_call(&call, &response, &err), -1); /* refused */
    assert_int_equal(err.kind, HW_ERR_RETRY);
    assert_int_equal(err.code, 0);
    call.url = "http://no.such.host.invalid/";
    assert_int_equal(hw_http_call(&call, &response, &err), -1);
    assert_int_equal(err.kind, HW_ERR_RETRY);
    assert_int_equal(err.code, 0);
    call = (struct hw_http_call){.method = "GET", .url = url(hw_http_server_port(server), "/slow"), .timeout_ms = 100};
    assert_int_equal(hw_http_call(&call, &response, &err), -1); /* no answer in time */
    assert_int_equal(err.kind, HW_ERR_RETRY);
    assert_int_equal(err.code, 1);
    int fd = -1;
    assert_int_equal(hw_listen_tcp("127.0.0.1", 21104, false, &fd, &err), 0);
    pthread_t thread;
    pthread_create(&thread, NULL, serve_once, &fd);
    call = (struct hw_http_call){.method = "POST", .url = url(21104, "/"), .body = "{}", .body_size = 2};
    assert_int_equal(hw_http_call(&call, &response, &err), -1); /* closed without an answer */
    assert_int_equal(err.kind, HW_ERR_RETRY);
    assert_int_equal(err.code, 1);
    pthread_join(thread, NULL);
    close(fd);
}

static void test_bad_addresses_are_settings_to_change(void **state) {
    static const char *const urls[] = {"", "ftp://127.0.0.1/", "file:///etc/passwd", "http://", "gopher://a"};
    for (size_t i = 0; i < HW_ARRAY_SIZE(urls); i++) {
        struct hw_http_response response;
        struct hw_err err = {0};
        const struct hw_http_call call = {.method = "GET", .url = urls[i]};
        assert_int_equal(hw_http_call(&call, &response, &err), -1);
        if (err.kind != HW_ERR_CONFIG)
            fail_msg("%s: kind %d, %s", urls[i], err.kind, err.text);
    }
}

/* A connection that the server has closed meanwhile is no reason to fail. */
static void test_restarted_server_is_reached(void **state) {
    int port = hw_http_server_port(server);
    struct hw_http_response response;
    struct hw_err err = {0};
    const struct hw_http_call call = {.method = "GET", .url = url(port, "/echo")};
    assert_int_equal(hw_http_call(&call, &response, &err), 0);
    hw_http_response_done(&response);
    server = hw_http_server_stop(server);
    const struct hw_http_server_options options = {.host = "127.0.0.1", .port = port, .loops = 1, .routes = routes};
    assert_int_equal(hw_http_server_start(&options, &server, &err), 0);
    assert_int_equal(hw_http_call(&call, &response, &err), 0);
    assert_int_equal(response.status, 201);
    hw_http_response_done(&response);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_methods_bodies_and_headers),
        cmocka_unit_test(test_head_and_error_status),
        cmocka_unit_test(test_large_answer_is_unpacked_and_limited),
        cmocka_unit_test(test_failures_tell_whether_the_request_was_sent),
        cmocka_unit_test(test_bad_addresses_are_settings_to_change),
        cmocka_unit_test(test_restarted_server_is_reached),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
