/* Life of connections: keep-alive, pipelining, deferred and blocking handlers, streams, timeouts, limits, the end. */
#include "http_peer.h"

#include "net/http_server.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <zlib.h>
#include <cmocka.h>

#define H "Host: a\r\n"
#define GET(path) "GET " path " HTTP/1.1\r\n" H "\r\n"

static struct hw_http_server *server;
static _Atomic int gone_writes, streams_ended;

static void hello(struct hw_http_exchange *x, void *arg) {
    const char *n = hw_http_query(x, "n");
    hw_http_reply(x, 200, "text/plain", n ? n : "hello", n ? strlen(n) : 5);
}

static void *answer_later(void *arg) {
    struct hw_http_exchange *x = arg;
    const char *n = hw_http_query(x, "n"), *ms = hw_http_query(x, "ms");
    usleep((ms ? (unsigned)atoi(ms) : 5) * 1000);
    hw_http_set_header(x, "X-Later", "yes");
    hw_http_reply(x, 200, "text/plain", n ? n : "later", n ? strlen(n) : 5);
    return NULL;
}

static void later(struct hw_http_exchange *x, void *arg) {
    pthread_t thread;
    pthread_create(&thread, NULL, answer_later, x);
    pthread_detach(thread);
}

static void blocking(struct hw_http_exchange *x, void *arg) {
    usleep(20 * 1000);
    hello(x, arg);
}

static void size_of_body(struct hw_http_exchange *x, void *arg) {
    struct hw_slice body = hw_http_body(x);
    char text[32];
    if (body.data && body.data[body.size] != 0)
        hw_http_reply_problem(x, 500, "no_nul", "no NUL behind the body");
    else
        hw_http_reply(x, 200, "text/plain", text, (size_t)snprintf(text, sizeof(text), "%zu", body.size));
}

static void large(struct hw_http_exchange *x, void *arg) {
    struct hw_buf out = {0};
    const char *kib = hw_http_query(x, "kib");
    for (int i = 0; i < atoi(kib ? kib : "1") * 64; i++)
        hw_buf_printf(&out, "%15d\n", i);
    hw_http_reply_buf(x, 200, hw_http_query(x, "type") ? "application/octet-stream" : "application/json", &out);
}

static void *stream_thread(void *arg) {
    struct hw_http_exchange *x = arg;
    hw_http_stream_start(x, 200, "text/event-stream");
    for (int i = 0; i < 5; i++) {
        char text[32];
        hw_http_stream_write(x, text, (size_t)snprintf(text, sizeof(text), "data: %d\n\n", i));
        usleep(2000);
    }
    hw_http_stream_end(x);
    return NULL;
}

static void stream(struct hw_http_exchange *x, void *arg) {
    pthread_t thread;
    pthread_create(&thread, NULL, stream_thread, x);
    pthread_detach(thread);
}

static void *endless_thread(void *arg) {
    struct hw_http_exchange *x = arg;
    static char piece[10000];
    hw_http_stream_start(x, 200, "text/event-stream");
    while (hw_http_stream_write(x, piece, sizeof(piece)) == 0)
        usleep(100);
    atomic_fetch_add(&gone_writes, 1);
    hw_http_stream_end(x);
    atomic_fetch_add(&streams_ended, 1);
    return NULL;
}

static void endless(struct hw_http_exchange *x, void *arg) {
    pthread_t thread;
    pthread_create(&thread, NULL, endless_thread, x);
    pthread_detach(thread);
}

static void problem(struct hw_http_exchange *x, void *arg) {
    hw_http_set_header(x, "X-Bad", "a\r\nInjected: 1"); /* is dropped */
    hw_http_reply_problem(x, 409, "conflict", "topic \"%s\" exists", "a\nb");
}

static const struct hw_http_route routes[] = {
    {"GET", "/hello", hello},
    {"GET", "/later", later},
    {"GET", "/blocking", blocking, HW_HTTP_BLOCKING},
    {"POST", "/size", size_of_body},
    {"GET", "/large", large},
    {"GET", "/stream", stream},
    {"GET", "/endless", endless},
    {"GET", "/problem", problem},
    {0},
};

static int start(int idle_timeout_ms, int max_connections, size_t max_total) {
    const struct hw_http_server_options options = {.host = "127.0.0.1", .loops = 2, .workers = 4, .max_body_bytes = 4 << 20,
        .max_total_body_bytes = max_total, .idle_timeout_ms = idle_timeout_ms, .max_connections = max_connections, .routes = routes};
    struct hw_err err = {0};
    if (hw_http_server_start(&options, &server, &err) == 0)
        return 0;
    print_error("%s\n", err.text);
    return -1;
}

static int set_up(void **state) {
    return start(0, 0, 0);
}

static int set_up_impatient(void **state) {
    return start(200, 8, 2 << 20);
}

static int tear_down(void **state) {
    server = hw_http_server_stop(server);
    return 0;
}

static int connect_here(void) {
    int fd = peer_connect(hw_http_server_port(server));
    assert_true(fd >= 0);
    return fd;
}

static void say(int fd, const char *text) {
    peer_send(fd, text, strlen(text));
}

/* Takes one answer and checks status and body (NULL: any). */
static void expect(int fd, struct hw_buf *in, int status, const char *body) {
    struct peer_answer answer;
    assert_int_equal(peer_take(fd, in, false, &answer), 0);
    assert_int_equal(answer.status, status);
    if (body)
        assert_string_equal(hw_buf_str(&answer.body), body);
    peer_answer_done(&answer);
}

static void test_keep_alive(void **state) {
    int fd = connect_here();
    struct hw_buf in = {0};
    for (int i = 0; i < 100; i++) {
        say(fd, i % 2 ? GET("/hello") : GET("/later?ms=0"));
        expect(fd, &in, 200, i % 2 ? "hello" : "later");
    }
    hw_buf_done(&in);
    close(fd);
}

/* Answers come in the order of the requests, whoever answers them and however late. */
static void test_pipelining_keeps_the_order(void **state) {
    int fd = connect_here();
    struct hw_buf out = {0}, in = {0};
    static const char *const paths[] = {"/later?ms=3&n=", "/hello?n=", "/hello?n=", "/blocking?n=", "/later?ms=0&n="};
    for (int i = 0; i < 200; i++)
        hw_buf_printf(&out, "GET %s%d HTTP/1.1\r\n" H "\r\n", paths[i % 50 == 3 ? 3 : i % 10 == 0 ? 0 : i % 3 == 0 ? 4 : 1], i);
    peer_send(fd, out.data, out.size);
    for (int i = 0; i < 200; i++) {
        char number[16];
        snprintf(number, sizeof(number), "%d", i);
        expect(fd, &in, 200, number);
    }
    hw_buf_done(&out);
    hw_buf_done(&in);
    close(fd);
}

/* More pipelined requests than the server gathers, and nobody reads meanwhile: reading stops, nothing is lost. */
static void *send_many(void *arg) {
    int fd = *(int *)arg;
    for (int i = 0; i < 3000; i++)
        say(fd, GET("/large?kib=8&type=raw"));
    return NULL;
}

static void test_slow_reader_gets_everything(void **state) {
    int fd = connect_here();
    pthread_t thread;
    pthread_create(&thread, NULL, send_many, &fd);
    usleep(200 * 1000);
    struct hw_buf in = {0};
    for (int i = 0; i < 3000; i++) {
        struct peer_answer answer;
        assert_int_equal(peer_take(fd, &in, false, &answer), 0);
        assert_int_equal(answer.body.size, 8192);
        peer_answer_done(&answer);
    }
    pthread_join(thread, NULL);
    hw_buf_done(&in);
    close(fd);
}

static void test_half_closed_client_is_answered(void **state) {
    int fd = connect_here();
    struct hw_buf in = {0};
    say(fd, GET("/later?ms=30&n=1") GET("/hello?n=2"));
    shutdown(fd, SHUT_WR);
    expect(fd, &in, 200, "1");
    expect(fd, &in, 200, "2");
    assert_int_equal(peer_read(fd, &in, 2000), 0);
    hw_buf_done(&in);
    close(fd);
}

static void test_client_gone_before_the_answer(void **state) {
    for (int i = 0; i < 20; i++) {
        int fd = connect_here();
        say(fd, GET("/later?ms=20"));
        struct linger now = {.l_onoff = 1};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)); /* close sends a reset */
        usleep(2000);
        close(fd);
    }
    usleep(50 * 1000);
    test_keep_alive(state);
}

static void test_continue_is_sent(void **state) {
    int fd = connect_here();
    struct hw_buf in = {0};
    say(fd, "POST /size HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    expect(fd, &in, 100, NULL);
    say(fd, "12345");
    expect(fd, &in, 200, "5");
    say(fd, "POST /size HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 50000000\r\n\r\n");
    expect(fd, &in, 413, NULL);
    hw_buf_done(&in);
    close(fd);
}

static void test_large_body_in_pieces(void **state) {
    int fd = connect_here();
    struct hw_buf in = {0};
    static char piece[100000];
    for (int round = 0; round < 3; round++) {
        say(fd, "POST /size HTTP/1.1\r\n" H "Content-Length: 3000000\r\n\r\n");
        for (int i = 0; i < 30; i++)
            peer_send(fd, piece, sizeof(piece));
        expect(fd, &in, 200, "3000000");
    }
    hw_buf_done(&in);
    close(fd);
}

static void test_head_has_the_length_and_no_body(void **state) {
    int fd = connect_here();
    struct hw_buf in = {0};
    struct peer_answer answer;
    say(fd, "HEAD /hello HTTP/1.1\r\n" H "\r\n" GET("/hello"));
    assert_int_equal(peer_take(fd, &in, true, &answer), 0);
    assert_string_equal(peer_header(&answer, "Content-Length"), "5");
    expect(fd, &in, 200, "hello");
    peer_answer_done(&answer);
    hw_buf_done(&in);
    close(fd);
}

static void test_problem_document(void **state) {
    struct peer_answer answer;
    assert_int_equal(peer_ask(hw_http_server_port(server), GET("/problem"), sizeof(GET("/problem")) - 1, &answer), 0);
    assert_int_equal(answer.status, 409);
    assert_string_equal(peer_header(&answer, "Content-Type"), "application/problem+json");
    assert_null(peer_header(&answer, "Injected"));
    assert_string_equal(hw_buf_str(&answer.body), "{\"type\":\"about:blank\",\"title\":\"Conflict\",\"status\":409,"
                                                  "\"code\":\"conflict\",\"detail\":\"topic \\\"a\\nb\\\" exists\"}");
    peer_answer_done(&answer);
}

static void *ask_blocking(void *arg) {
    struct peer_answer answer;
    int result = peer_ask(hw_http_server_port(server), GET("/blocking"), sizeof(GET("/blocking")) - 1, &answer);
    bool good = result == 0 && answer.status == 200;
    peer_answer_done(&answer);
    return good ? arg : NULL;
}

static void test_blocking_routes_run_beside_each_other(void **state) {
    pthread_t threads[16];
    int64_t began_ms = hw_mono_ms();
    for (int i = 0; i < 16; i++)
        pthread_create(&threads[i], NULL, ask_blocking, &server);
    for (int i = 0; i < 16; i++) {
        void *good = NULL;
        pthread_join(threads[i], &good);
        assert_non_null(good);
    }
    assert_true(hw_mono_ms() - began_ms < 16 * 20); /* one after another would take that long */
}

static void test_gzip(void **state) {
    static const char request[] = "GET /large?kib=64 HTTP/1.1\r\n" H "Accept-Encoding: br, gzip;q=0.8\r\n\r\n";
    static const char no_gzip[] = "GET /large?kib=64 HTTP/1.1\r\n" H "Accept-Encoding: gzip;q=0\r\n\r\n";
    struct peer_answer answer;
    assert_int_equal(peer_ask(hw_http_server_port(server), no_gzip, sizeof(no_gzip) - 1, &answer), 0);
    assert_null(peer_header(&answer, "Content-Encoding"));
    assert_int_equal(answer.body.size, 65536);
    peer_answer_done(&answer);
    assert_int_equal(peer_ask(hw_http_server_port(server), request, sizeof(request) - 1, &answer), 0);
    assert_string_equal(peer_header(&answer, "Content-Encoding"), "gzip");
    assert_string_equal(peer_header(&answer, "Vary"), "Accept-Encoding");
    static char plain[70000];
    z_stream z = {.next_in = answer.body.data, .avail_in = (uInt)answer.body.size, .next_out = (Bytef *)plain, .avail_out = sizeof(plain)};
    assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.total_out, 65536);
    inflateEnd(&z);
    peer_answer_done(&answer);
}

static void read_until(int fd, struct hw_buf *in, const char *end) {
    while (!memmem(in->data ? in->data : (uint8_t *)"", in->size, end, strlen(end)))
        if (peer_read(fd, in, 5000) <= 0)
            break;
    hw_buf_str(in);
}

static void test_stream_is_chunked_and_keeps_the_connection(void **state) {
    int fd = connect_here();
    struct hw_buf in = {0};
    for (int round = 0; round < 3; round++) {
        hw_buf_clear(&in);
        say(fd, GET("/stream"));
        read_until(fd, &in, "\r\n0\r\n\r\n");
        assert_non_null(strcasestr((char *)in.data, "Transfer-Encoding: chunked"));
        assert_non_null(strstr((char *)in.data, "9\r\ndata: 0\n\n\r\n"));
        assert_non_null(strstr((char *)in.data, "9\r\ndata: 4\n\n\r\n0\r\n\r\n"));
    }
    hw_buf_clear(&in);
    say(fd, GET("/hello"));
    expect(fd, &in, 200, "hello");
    hw_buf_done(&in);
    close(fd);
}

static void test_stream_for_http_1_0_ends_with_the_connection(void **state) {
    int fd = connect_here();
    struct hw_buf in = {0};
    say(fd, "GET /stream HTTP/1.0\r\n\r\n");
    int result;
    while ((result = peer_read(fd, &in, 5000)) > 0)
        ;
    assert_int_equal(result, 0);
    assert_null(strcasestr(hw_buf_str(&in), "chunked"));
    assert_non_null(strstr((char *)in.data, "\r\n\r\ndata: 0\n\ndata: 1\n\n"));
    hw_buf_done(&in);
    close(fd);
}

static void wait_for(_Atomic int *counter, int value) {
    for (int i = 0; i < 500 && atomic_load(counter) < value; i++)
        usleep(10 * 1000);
    assert_int_equal(atomic_load(counter), value);
}

static void test_stream_ends_for_clients_that_go_or_do_not_read(void **state) {
    atomic_store(&gone_writes, 0);
    atomic_store(&streams_ended, 0);
    int deaf = connect_here(), leaving = connect_here();
    say(leaving, GET("/endless"));
    usleep(20 * 1000);
    close(leaving);
    wait_for(&gone_writes, 1);
    say(deaf, GET("/endless")); /* never reads: the buffer's limit ends it */
    wait_for(&streams_ended, 2);
    close(deaf);
}

static void test_unfinished_request_times_out_with_408(void **state) {
    static const char *const parts[] = {"GET /hel", "GET /hello HTTP/1.1\r\nHost: a\r\n",
        "POST /size HTTP/1.1\r\n" H "Content-Length: 9\r\n\r\n123"};
    for (size_t i = 0; i < HW_ARRAY_SIZE(parts); i++) {
        int fd = connect_here();
        struct hw_buf in = {0};
        say(fd, parts[i]);
        expect(fd, &in, 408, NULL);
        assert_int_equal(peer_read(fd, &in, 3000), 0);
        hw_buf_done(&in);
        close(fd);
    }
}

/* Dripping bytes does not stretch the time a request may take. */
static void test_dripping_request_times_out(void **state) {
    int fd = connect_here();
    struct hw_buf in = {0};
    static const char request[] = "GET /hello HTTP/1.1\r\nHost: a\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    for (size_t i = 0; i < sizeof(request) - 1 && in.size == 0; i++) {
        peer_send(fd, request + i, 1);
        peer_read(fd, &in, 20);
    }
    expect(fd, &in, 408, NULL);
    hw_buf_done(&in);
    close(fd);
}

static void test_idle_connection_is_closed_without_a_word(void **state) {
    int fd = connect_here();
    struct hw_buf in = {0};
    say(fd, GET("/hello"));
    expect(fd, &in, 200, "hello");
    assert_int_equal(peer_read(fd, &in, 3000), 0);
    assert_int_equal(in.size, 0);
    hw_buf_done(&in);
    close(fd);
}

static void test_slow_handler_is_no_timeout(void **state) {
    int fd = connect_here();
    struct hw_buf in = {0};
    say(fd, GET("/later?ms=600"));
    expect(fd, &in, 200, "later");
    hw_buf_done(&in);
    close(fd);
}

static void test_too_many_connections_are_turned_away(void **state) {
    int fds[9];
    struct hw_buf in = {0};
    for (int i = 0; i < 9; i++)
        fds[i] = connect_here();
    expect(fds[8], &in, 503, NULL);
    assert_int_equal(peer_read(fds[8], &in, 2000), 0);
    for (int i = 0; i < 9; i++)
        close(fds[i]);
    hw_buf_done(&in);
    usleep(300 * 1000);
}

static void test_too_many_body_bytes_in_flight_is_503(void **state) {
    int first = connect_here(), second = connect_here();
    struct hw_buf in = {0};
    static char piece[1500000];
    say(first, "POST /size HTTP/1.1\r\n" H "Content-Length: 1500001\r\n\r\n");
    peer_send(first, piece, sizeof(piece));
    usleep(50 * 1000);
    say(second, "POST /size HTTP/1.1\r\n" H "Content-Length: 1500000\r\n\r\n");
    peer_send(second, piece, sizeof(piece));
    struct peer_answer answer;
    assert_int_equal(peer_take(second, &in, false, &answer), 0);
    assert_int_equal(answer.status, 503);
    assert_string_equal(peer_header(&answer, "Retry-After"), "1");
    peer_answer_done(&answer);
    hw_buf_clear(&in);
    say(first, "x");
    expect(first, &in, 200, "1500001");
    close(second);
    second = connect_here(); /* the bytes were given back */
    hw_buf_clear(&in);
    say(second, "POST /size HTTP/1.1\r\n" H "Content-Length: 1500000\r\n\r\n");
    peer_send(second, piece, sizeof(piece));
    expect(second, &in, 200, "1500000");
    close(first);
    close(second);
    hw_buf_done(&in);
}

static void add_own_metric(struct hw_buf *out, void *arg) {
    hw_buf_add_str(out, "own_metric 7\n");
}

static void test_health_and_metrics(void **state) {
    int fd = connect_here();
    struct hw_buf in = {0};
    struct peer_answer answer;
    say(fd, GET("/health"));
    expect(fd, &in, 503, NULL);
    hw_http_server_set_ready(server, false, "Kafka is away");
    say(fd, GET("/health"));
    assert_int_equal(peer_take(fd, &in, false, &answer), 0);
    assert_non_null(strstr(hw_buf_str(&answer.body), "Kafka is away"));
    peer_answer_done(&answer);
    hw_http_server_set_ready(server, true, NULL);
    hw_http_server_metrics(server, add_own_metric, NULL);
    say(fd, GET("/health"));
    expect(fd, &in, 200, "{\"status\":\"healthy\"}");
    say(fd, GET("/hello"));
    expect(fd, &in, 200, NULL);
    say(fd, GET("/metrics"));
    assert_int_equal(peer_take(fd, &in, false, &answer), 0);
    const char *text = hw_buf_str(&answer.body);
    assert_non_null(strstr(text, "highway_http_requests_total{method=\"GET\",route=\"/hello\",code=\"2xx\"} "));
    assert_non_null(strstr(text, "highway_http_request_seconds_bucket{le=\"+Inf\"} "));
    assert_non_null(strstr(text, "\nown_metric 7\n"));
    peer_answer_done(&answer);
    hw_buf_done(&in);
    close(fd);
}

static void test_port_in_use_is_named(void **state) {
    const struct hw_http_server_options options = {.host = "127.0.0.1", .port = hw_http_server_port(server), .routes = routes};
    struct hw_http_server *second = NULL;
    struct hw_err err = {0};
    assert_int_equal(hw_http_server_start(&options, &second, &err), -1);
    assert_int_equal(err.kind, HW_ERR_CONFIG);
    char port[16];
    snprintf(port, sizeof(port), "port %d", options.port);
    assert_non_null(strstr(err.text, port));
}

static void *stop_server(void *arg) {
    server = hw_http_server_stop(server);
    return NULL;
}

/* Stopping answers what was begun, ends streams and idle connections, and takes no time without need. */
static void test_graceful_stop(void **state) {
    assert_int_equal(start(0, 0, 0), 0);
    atomic_store(&streams_ended, 0);
    int busy = connect_here(), idle = connect_here(), streaming = connect_here();
    struct hw_buf in = {0}, rest = {0};
    say(busy, GET("/later?ms=300"));
    say(streaming, GET("/endless"));
    usleep(30 * 1000);
    pthread_t thread;
    int64_t began_ms = hw_mono_ms();
    pthread_create(&thread, NULL, stop_server, NULL);
    assert_int_equal(peer_read(idle, &rest, 2000), 0);
    struct peer_answer answer;
    assert_int_equal(peer_take(busy, &in, false, &answer), 0);
    assert_int_equal(answer.status, 200);
    assert_true(answer.close);
    peer_answer_done(&answer);
    close(busy);
    pthread_join(thread, NULL);
    assert_true(hw_mono_ms() - began_ms < 2000);
    wait_for(&streams_ended, 1);
    close(idle);
    close(streaming);
    hw_buf_done(&in);
    hw_buf_done(&rest);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_keep_alive, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pipelining_keeps_the_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_slow_reader_gets_everything, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_half_closed_client_is_answered, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_client_gone_before_the_answer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_continue_is_sent, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_large_body_in_pieces, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_head_has_the_length_and_no_body, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_problem_document, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_blocking_routes_run_beside_each_other, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_gzip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stream_is_chunked_and_keeps_the_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stream_for_http_1_0_ends_with_the_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stream_ends_for_clients_that_go_or_do_not_read, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_unfinished_request_times_out_with_408, set_up_impatient, tear_down),
        cmocka_unit_test_setup_teardown(test_dripping_request_times_out, set_up_impatient, tear_down),
        cmocka_unit_test_setup_teardown(test_idle_connection_is_closed_without_a_word, set_up_impatient, tear_down),
        cmocka_unit_test_setup_teardown(test_slow_handler_is_no_timeout, set_up_impatient, tear_down),
        cmocka_unit_test_setup_teardown(test_too_many_connections_are_turned_away, set_up_impatient, tear_down),
        cmocka_unit_test_setup_teardown(test_too_many_body_bytes_in_flight_is_503, set_up_impatient, tear_down),
        cmocka_unit_test_setup_teardown(test_health_and_metrics, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_port_in_use_is_named, set_up, tear_down),
        cmocka_unit_test(test_graceful_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
