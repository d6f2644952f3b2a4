/* What the server takes and what it refuses, as raw bytes: RFC 9110 and 9112 beside our limits. */
#include "http_peer.h"

#include "net/http_server.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

static struct hw_http_server *server;

static void echo(struct hw_http_exchange *x, void *arg) {
    struct hw_buf out = {0};
    struct hw_slice body = hw_http_body(x);
    const char *name = hw_http_param(x, "name"), *rest = hw_http_param(x, "rest"), *q = hw_http_query(x, "q");
    hw_buf_printf(&out, "%s %s name=%s rest=%s q=%s body=%.*s", hw_http_method(x), hw_http_path(x), name ? name : "-",
                  rest ? rest : "-", q ? q : "-", (int)body.size, body.size ? (const char *)body.data : "");
    hw_http_reply_buf(x, 200, "text/plain", &out);
}

static const struct hw_http_route routes[] = {
    {"GET", "/echo", echo}, {"POST", "/echo", echo}, {"GET", "/t/{name}", echo}, {"PUT", "/t/{name}", echo},
    {"GET", "/f/{rest...}", echo}, {"GET", "/", echo}, {0},
};

static int set_up(void **state) {
    const struct hw_http_server_options options = {
        .host = "127.0.0.1", .loops = 2, .max_body_bytes = 1000, .max_header_bytes = 16384, .routes = routes};
    struct hw_err err = {0};
    if (hw_http_server_start(&options, &server, &err) < 0) {
        print_error("%s\n", err.text);
        return -1;
    }
    return 0;
}

static int tear_down(void **state) {
    server = hw_http_server_stop(server);
    return 0;
}

#define H "Host: a\r\n"
#define CASE(bytes, status, closes, body) \
    { #bytes, bytes, sizeof(bytes) - 1, status, closes, body }

static const struct {
    const char *name, *bytes;
    size_t size;
    int status;
    bool close;
    const char *body; /* NULL: any */
} cases[] = {
    /* good */
    CASE("GET /echo HTTP/1.1\r\n" H "\r\n", 200, false, "GET /echo name=- rest=- q=- body="),
    CASE("\r\n\r\nGET /echo HTTP/1.1\r\n" H "\r\n", 200, false, NULL),
    CASE("GET /echo HTTP/1.1\r\nhOST:   a:80  \r\n\r\n", 200, false, NULL),
    CASE("GET /echo HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n", 200, false, NULL),
    CASE("GET /echo HTTP/1.1\r\n" H "X-Empty:\r\nX-Last: 1\r\n\r\n", 200, false, NULL),
    CASE("GET /echo HTTP/1.1\r\n" H "Connection: close\r\n\r\n", 200, true, NULL),
    CASE("GET /echo HTTP/1.0\r\n\r\n", 200, true, NULL),
    CASE("GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", 200, false, NULL),
    CASE("GET http://a/echo?q=1 HTTP/1.1\r\n" H "\r\n", 200, false, "GET /echo name=- rest=- q=1 body="),
    CASE("GET http://a HTTP/1.1\r\n" H "\r\n", 200, false, "GET / name=- rest=- q=- body="),
    CASE("GET http://a?q=2 HTTP/1.1\r\n" H "\r\n", 200, false, "GET / name=- rest=- q=2 body="),
    CASE("GET /echo?q=a%20b+c%26 HTTP/1.1\r\n" H "\r\n", 200, false, "GET /echo name=- rest=- q=a b c& body="),
    CASE("GET /t/a%2Fb HTTP/1.1\r\n" H "\r\n", 200, false, "GET /t/a/b name=a/b rest=- q=- body="),
    CASE("GET /t/%C3%BC+x/ HTTP/1.1\r\n" H "\r\n", 200, false, "GET /t/\xC3\xBC+x/ name=\xC3\xBC+x rest=- q=- body="),
    CASE("GET /f/a/b%20c/d HTTP/1.1\r\n" H "\r\n", 200, false, "GET /f/a/b c/d name=- rest=a/b c/d q=- body="),
    CASE("GET /f HTTP/1.1\r\n" H "\r\n", 200, false, "GET /f name=- rest= q=- body="),
    CASE("GET /f/ HTTP/1.1\r\n" H "\r\n", 200, false, "GET /f/ name=- rest= q=- body="),
    CASE("POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc", 200, false, "POST /echo name=- rest=- q=- body=abc"),
    CASE("POST /echo HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", 200, false, "POST /echo name=- rest=- q=- body="),
    CASE("POST /echo HTTP/1.1\r\n" H "\r\n", 200, false, NULL),
    CASE("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\n", 200, false,
         "POST /echo name=- rest=- q=- body=abcde"),
    CASE("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n0\r\n\r\n", 200, false, NULL),
    CASE("GET /echo HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 200, false, NULL),
    CASE("HEAD /echo HTTP/1.1\r\n" H "\r\n", 200, false, ""),
    CASE("OPTIONS * HTTP/1.1\r\n" H "\r\n", 204, false, ""),
    CASE("GET /nothing HTTP/1.1\r\n" H "\r\n", 404, false, NULL),
    CASE("GET /t/ HTTP/1.1\r\n" H "\r\n", 404, false, NULL),
    CASE("DELETE /t/x HTTP/1.1\r\n" H "\r\n", 405, false, NULL),
    CASE("GET /health HTTP/1.1\r\n" H "\r\n", 503, false, NULL),
    CASE("POST /health HTTP/1.1\r\n" H "\r\n", 405, false, NULL),
    CASE("GET /metrics HTTP/1.1\r\n" H "\r\n", 200, false, NULL),
    /* request line */
    CASE("GET  /echo HTTP/1.1\r\n" H "\r\n", 400, true, NULL),
    CASE("GET /echo  HTTP/1.1\r\n" H "\r\n", 400, true, NULL),
    CASE("GET /echo HTTP/1.1 \r\n" H "\r\n", 400, true, NULL),
    CASE(" GET /echo HTTP/1.1\r\n" H "\r\n", 400, true, NULL),
    CASE("GET\t/echo HTTP/1.1\r\n" H "\r\n", 400, true, NULL),
    CASE("GET /ec\tho HTTP/1.1\r\n" H "\r\n", 400, true, NULL),
    CASE("GET /echo\r\n" H "\r\n", 400, true, NULL),
    CASE("GET /echo http/1.1\r\n" H "\r\n", 400, true, NULL),
    CASE("GET /echo HTTP/2.0\r\n" H "\r\n", 505, true, NULL),
    CASE("GET /echo HTTP/0.9\r\n" H "\r\n", 505, true, NULL),
    CASE("GET /echo HTTP/1.2\r\n" H "\r\n", 505, true, NULL),
    CASE("GET /echo HTTP/11\r\n" H "\r\n", 400, true, NULL),
    CASE("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, true, NULL),
    CASE("FROB /echo HTTP/1.1\r\n" H "\r\n", 501, true, NULL),
    CASE("get /echo HTTP/1.1\r\n" H "\r\n", 501, true, NULL),
    CASE("CONNECT a:80 HTTP/1.1\r\n" H "\r\n", 501, true, NULL),
    CASE("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, true, NULL),
    CASE("GET /echo HTTP/1.1\n" H "\r\n", 400, true, NULL),
    CASE("GET /echo HTTP/1.1\r" H "\r\n", 400, true, NULL),
    /* target */
    CASE("GET echo HTTP/1.1\r\n" H "\r\n", 400, true, NULL),
    CASE("GET * HTTP/1.1\r\n" H "\r\n", 400, true, NULL),
    CASE("GET /t/a%00b HTTP/1.1\r\n" H "\r\n", 400, true, NULL),
    CASE("GET /t/a%zzb HTTP/1.1\r\n" H "\r\n", 400, true, NULL),
    CASE("GET /t/a%4 HTTP/1.1\r\n" H "\r\n", 400, true, NULL),
    CASE("GET /t/%ff HTTP/1.1\r\n" H "\r\n", 400, true, NULL),
    CASE("GET /t/%C0%AF HTTP/1.1\r\n" H "\r\n", 400, true, NULL),
    CASE("GET /echo?q=%00 HTTP/1.1\r\n" H "\r\n", 400, true, NULL),
    CASE("GET /t/\xC3\xBC HTTP/1.1\r\n" H "\r\n", 400, true, NULL),
    CASE("GET /echo#x HTTP/1.1\r\n" H "\r\n", 400, true, NULL),
    CASE("GET /f/../echo HTTP/1.1\r\n" H "\r\n", 400, true, NULL),
    CASE("GET /f/%2e%2e/echo HTTP/1.1\r\n" H "\r\n", 400, true, NULL),
    CASE("GET /f/a%2f..%2fecho HTTP/1.1\r\n" H "\r\n", 400, true, NULL),
    CASE("GET http://user@a/echo HTTP/1.1\r\n" H "\r\n", 400, true, NULL),
    CASE("GET ftp://a/echo HTTP/1.1\r\n" H "\r\n", 400, true, NULL),
    /* Host */
    CASE("GET /echo HTTP/1.1\r\n\r\n", 400, true, NULL),
    CASE("GET /echo HTTP/1.1\r\n" H H "\r\n", 400, true, NULL),
    CASE("GET /echo HTTP/1.0\r\n" H H "\r\n", 400, true, NULL),
    CASE("GET /echo HTTP/1.1\r\nHost: a b\r\n\r\n", 400, true, NULL),
    CASE("GET /echo HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, true, NULL),
    CASE("GET /echo HTTP/1.1\r\nHost: a,b\r\n\r\n", 400, true, NULL),
    CASE("GET /echo HTTP/1.1\r\nHost: u@a\r\n\r\n", 400, true, NULL),
    CASE("GET /echo HTTP/1.1\r\nHost: a:x\r\n\r\n", 400, true, NULL),
    CASE("GET /echo HTTP/1.1\r\nHost:\r\n\r\n", 400, true, NULL),
    /* fields */
    CASE("GET /echo HTTP/1.1\r\nHost : a\r\n\r\n", 400, true, NULL),
    CASE("GET /echo HTTP/1.1\r\n Host: a\r\n\r\n", 400, true, NULL),
    CASE("GET /echo HTTP/1.1\r\n" H "X: 1\r\n folded\r\n\r\n", 400, true, NULL),
    CASE("GET /echo HTTP/1.1\r\n" H "X Y: 1\r\n\r\n", 400, true, NULL),
    CASE("GET /echo HTTP/1.1\r\n" H "NoColon\r\n\r\n", 400, true, NULL),
    CASE("GET /echo HTTP/1.1\r\n" H ": none\r\n\r\n", 400, true, NULL),
    CASE("GET /echo HTTP/1.1\r\n" H "X: a\0b\r\n\r\n", 400, true, NULL),
    CASE("GET /echo HTTP/1.1\r\n" H "X: a\rb\r\n\r\n", 400, true, NULL),
    CASE("GET /echo HTTP/1.1\r\n" H "X: a\nY: b\r\n\r\n", 400, true, NULL),
    CASE("GET /echo HTTP/1.1\r\n" H "X: a\x01\r\n\r\n", 400, true, NULL),
    CASE("GET /echo HTTP/1.1\r\n" H "X(: a\r\n\r\n", 400, true, NULL),
    CASE("GET /echo HTTP/1.1\r\n" H "Expect: more\r\n\r\n", 417, true, NULL),
    /* framing */
    CASE("POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", 400, true, NULL),
    CASE("POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", 400, true, NULL),
    CASE("POST /echo HTTP/1.1\r\n" H "Content-Length: 3, 3\r\n\r\nabc", 400, true, NULL),
    CASE("POST /echo HTTP/1.1\r\n" H "Content-Length: +3\r\n\r\nabc", 400, true, NULL),
    CASE("POST /echo HTTP/1.1\r\n" H "Content-Length: -3\r\n\r\nabc", 400, true, NULL),
    CASE("POST /echo HTTP/1.1\r\n" H "Content-Length: 0x3\r\n\r\nabc", 400, true, NULL),
    CASE("POST /echo HTTP/1.1\r\n" H "Content-Length: 3 3\r\n\r\nabc", 400, true, NULL),
    CASE("POST /echo HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 400, true, NULL),
    CASE("POST /echo HTTP/1.1\r\n" H "Content-Length: 99999999999999999999999\r\n\r\n", 400, true, NULL),
    CASE("POST /echo HTTP/1.1\r\n" H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, true, NULL),
    CASE("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400, true, NULL),
    CASE("POST /echo HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, true, NULL),
    CASE("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: gzip\r\n\r\n", 501, true, NULL),
    CASE("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", 501, true, NULL),
    CASE("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501, true, NULL),
    CASE("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked, gzip\r\n\r\n", 400, true, NULL),
    CASE("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400, true, NULL),
    CASE("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400, true, NULL),
    CASE("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501, true, NULL),
    CASE("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n", 400, true, NULL),
    CASE("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n", 400, true, NULL),
    CASE("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n", 400, true, NULL),
    CASE("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n", 400, true, NULL),
    CASE("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n", 400, true, NULL),
    CASE("POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\nabc", 400, true, NULL),
    /* sizes */
    CASE("POST /echo HTTP/1.1\r\n" H "Content-Length: 1001\r\n\r\nabc", 413, true, NULL),
};

static void test_raw_requests(void **state) {
    int failures = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct peer_answer answer;
        int result = peer_ask(hw_http_server_port(server), cases[i].bytes, cases[i].size, &answer);
        bool good = result == 0 && answer.status == cases[i].status && answer.close == cases[i].close;
        if (good && cases[i].body)
            good = answer.body.size == strlen(cases[i].body) &&
                   (answer.body.size == 0 || memcmp(answer.body.data, cases[i].body, answer.body.size) == 0);
        if (good && result == 0)
            good = peer_header(&answer, "Date") && (answer.status == 204 || peer_header(&answer, "Content-Length"));
        failures += !good;
        if (!good)
            print_error("%s\n  wanted %d%s %s\n  got %d (%d)%s %s%.*s\n", cases[i].name, cases[i].status, cases[i].close ? " close" : "",
                        cases[i].body ? cases[i].body : "", answer.status, result, answer.close ? " close" : "", answer.head,
                        (int)answer.body.size, answer.body.size ? (const char *)answer.body.data : "");
        peer_answer_done(&answer);
    }
    assert_int_equal(failures, 0);
}

/* The same answers when every byte comes alone. */
static void test_raw_requests_byte_by_byte(void **state) {
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i += 3) {
        int fd = peer_connect(hw_http_server_port(server)), on = 1;
        setsockopt(fd, 6, 1, &on, sizeof(on)); /* TCP_NODELAY */
        for (size_t j = 0; j < cases[i].size; j++) {
            peer_send(fd, cases[i].bytes + j, 1);
            if (j % 7 == 0)
                usleep(200);
        }
        struct hw_buf in = {0};
        struct peer_answer answer;
        bool is_head = memcmp(cases[i].bytes, "HEAD", 4) == 0;
        int result = peer_take(fd, &in, is_head, &answer);
        if (result < 0 || answer.status != cases[i].status)
            fail_msg("%s\n  wanted %d, got %d (%d)", cases[i].name, cases[i].status, answer.status, result);
        peer_answer_done(&answer);
        hw_buf_done(&in);
        close(fd);
    }
}

/* A refused request is answered, then the connection ends; nothing behind it is taken for a request. */
static void test_refused_request_hides_no_second_one(void **state) {
    static const char bytes[] = "POST /echo HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
                                "GET /t/smuggled HTTP/1.1\r\n" H "\r\n";
    int fd = peer_connect(hw_http_server_port(server));
    peer_send(fd, bytes, sizeof(bytes) - 1);
    struct hw_buf in = {0};
    int result;
    while ((result = peer_read(fd, &in, 5000)) > 0)
        ;
    assert_int_equal(result, 0);
    char *text = hw_buf_str(&in);
    assert_ptr_equal(strstr(text, "HTTP/1.1 400"), text);
    assert_null(strstr(text, "smuggled"));
    hw_buf_done(&in);
    close(fd);
}

static int status_of(const char *format, size_t filler, const char *end) {
    struct hw_buf request = {0};
    hw_buf_add_str(&request, format);
    for (size_t i = 0; i < filler; i++)
        hw_buf_add_char(&request, 'a');
    hw_buf_add_str(&request, end);
    struct peer_answer answer;
    int result = peer_ask(hw_http_server_port(server), request.data, request.size, &answer);
    int status = result < 0 ? result : answer.status;
    peer_answer_done(&answer);
    hw_buf_done(&request);
    return status;
}

static void test_size_limits(void **state) {
    assert_int_equal(status_of("GET /t/", 8000, " HTTP/1.1\r\n" H "\r\n"), 200);
    assert_int_equal(status_of("GET /t/", 8300, " HTTP/1.1\r\n" H "\r\n"), 414);
    assert_int_equal(status_of("GET /t/", 200000, " HTTP/1.1\r\n" H "\r\n"), 414);
    assert_int_equal(status_of("GET /echo HTTP/1.1\r\n" H "X: ", 8000, "\r\n\r\n"), 200);
    assert_int_equal(status_of("GET /echo HTTP/1.1\r\n" H "X: ", 20000, "\r\n\r\n"), 431);
    assert_int_equal(status_of("GET /echo HTTP/1.1\r\n" H, 300000, ": 1\r\n\r\n"), 431);
    struct hw_buf request = {0};
    hw_buf_add_str(&request, "GET /echo HTTP/1.1\r\n" H);
    for (int i = 0; i < 200; i++)
        hw_buf_printf(&request, "X%d: 1\r\n", i);
    hw_buf_add_str(&request, "\r\n");
    struct peer_answer answer;
    assert_int_equal(peer_ask(hw_http_server_port(server), request.data, request.size, &answer), 0);
    assert_int_equal(answer.status, 431);
    peer_answer_done(&answer);
    hw_buf_done(&request);
}

static void test_chunked_body_beyond_the_limit_is_413(void **state) {
    struct hw_buf request = {0};
    hw_buf_add_str(&request, "POST /echo HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 101; i++)
        hw_buf_add_str(&request, "a\r\n0123456789\r\n");
    hw_buf_add_str(&request, "0\r\n\r\n");
    struct peer_answer answer;
    assert_int_equal(peer_ask(hw_http_server_port(server), request.data, request.size, &answer), 0);
    assert_int_equal(answer.status, 413);
    assert_true(answer.close);
    assert_non_null(strstr(hw_buf_str(&answer.body), "\"code\":\"body_too_large\""));
    peer_answer_done(&answer);
    hw_buf_done(&request);
}

/* The client has sent much more than the server will read, and still gets the answer instead of a reset. */
static void test_answer_survives_unread_input(void **state) {
    size_t size = 3 << 20;
    char *bytes = calloc(1, size);
    int head = sprintf(bytes, "POST /echo HTTP/1.1\r\n" H "Content-Length: %zu\r\n\r\n", size);
    for (int round = 0; round < 5; round++) {
        struct peer_answer answer;
        assert_int_equal(peer_ask(hw_http_server_port(server), bytes, (size_t)head + size / 2, &answer), 0);
        assert_int_equal(answer.status, 413);
        peer_answer_done(&answer);
    }
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_raw_requests),
        cmocka_unit_test(test_raw_requests_byte_by_byte),
        cmocka_unit_test(test_refused_request_hides_no_second_one),
        cmocka_unit_test(test_size_limits),
        cmocka_unit_test(test_chunked_body_beyond_the_limit_is_413),
        cmocka_unit_test(test_answer_survives_unread_input),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
