/* The event loop: order of posts, timers, removal within a round, stop. */
#include "net/loop.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define THREADS 4
#define POSTS 20000

static struct hw_loop *loop;

static int set_up(void **state) {
    struct hw_err err = {0};
    return hw_loop_new(&loop, &err);
}

static int tear_down(void **state) {
    loop = hw_loop_free(loop);
    return 0;
}

struct posted {
    int thread, number;
};
static struct posted items[THREADS][POSTS];
static int next_number[THREADS], total;

static void on_post(void *arg) {
    struct posted *item = arg;
    assert_int_equal(item->number, next_number[item->thread]++);
    if (++total == THREADS * POSTS)
        hw_loop_stop(loop);
}

static void *post_many(void *arg) {
    int thread = (int)(intptr_t)arg;
    for (int i = 0; i < POSTS; i++) {
        items[thread][i] = (struct posted){thread, i};
        hw_loop_post(loop, on_post, &items[thread][i]);
        if (i % 1000 == 0)
            usleep(500); /* lets the loop fall asleep */
    }
    return NULL;
}

static void test_posts_of_a_thread_stay_in_order_and_none_is_lost(void **state) {
    pthread_t threads[THREADS];
    total = 0;
    memset(next_number, 0, sizeof(next_number));
    for (intptr_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, post_many, (void *)i);
    hw_loop_run(loop);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(total, THREADS * POSTS);
}

static char order[16];
static struct hw_loop_timer *victim;

static void on_timer(void *arg) {
    strncat(order, arg, 1);
    if (*(char *)arg == 'b')
        hw_loop_timer_cancel(victim);
    if (*(char *)arg == 'd')
        hw_loop_stop(loop);
}

static void test_timers_fire_in_order_and_cancelled_ones_do_not(void **state) {
    order[0] = 0;
    hw_loop_timer(loop, 40, on_timer, "d");
    hw_loop_timer(loop, 1, on_timer, "a");
    victim = hw_loop_timer(loop, 20, on_timer, "x");
    hw_loop_timer(loop, 10, on_timer, "b");
    hw_loop_timer(loop, 30, on_timer, "c");
    struct hw_loop_timer *many[100];
    for (int i = 0; i < 100; i++)
        many[i] = hw_loop_timer(loop, (i * 37) % 100, on_timer, "y");
    for (int i = 0; i < 100; i++)
        hw_loop_timer_cancel(many[(i * 61) % 100]);
    int64_t began_ms = hw_mono_ms();
    hw_loop_run(loop);
    assert_string_equal(order, "abcd");
    assert_true(hw_mono_ms() - began_ms >= 39);
}

static struct hw_loop_io *ios[2];
static int io_calls;

static void stop_loop(void *arg) {
    hw_loop_stop(loop);
}

static void on_readable(void *arg, uint32_t events) {
    io_calls++;
    hw_loop_remove(ios[0]); /* both are ready in this round; whoever comes first removes both */
    hw_loop_remove(ios[1]);
    hw_loop_timer(loop, 20, stop_loop, NULL);
}

static void test_removed_io_gets_no_call_in_the_running_round(void **state) {
    int pairs[2][2];
    io_calls = 0;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]), 0);
        assert_int_equal(write(pairs[i][1], "x", 1), 1);
        ios[i] = hw_loop_add(loop, pairs[i][0], EPOLLIN, on_readable, NULL);
        assert_non_null(ios[i]);
    }
    hw_loop_run(loop);
    assert_int_equal(io_calls, 1);
    for (int i = 0; i < 4; i++)
        close(pairs[i / 2][i % 2]);
}

static void test_stop_before_run_and_posts_after_stop(void **state) {
    total = 0;
    hw_loop_stop(loop);
    hw_loop_post(loop, on_post, &items[0][0]);
    hw_loop_run(loop);
    assert_int_equal(total, 0);
}

static void test_listen_errors_name_the_way_out(void **state) {
    struct hw_err err = {0};
    int fd = -1, second = -1;
    assert_int_equal(hw_listen_tcp("127.0.0.1", 70000, false, &fd, &err), -1);
    assert_int_equal(err.kind, HW_ERR_CONFIG);
    assert_int_equal(hw_listen_tcp("no.such.host.invalid", 21101, false, &fd, &err), -1);
    assert_int_equal(err.kind, HW_ERR_CONFIG);
    assert_int_equal(hw_listen_tcp("192.0.2.1", 21101, false, &fd, &err), -1);
    assert_non_null(strstr(err.text, "no address of this machine"));
    assert_int_equal(hw_listen_tcp("127.0.0.1", 21102, false, &fd, &err), 0);
    assert_int_equal(hw_listen_tcp("127.0.0.1", 21102, false, &second, &err), -1);
    assert_int_equal(err.kind, HW_ERR_CONFIG);
    assert_non_null(strstr(err.text, "port 21102"));
    close(fd);
    assert_int_equal(hw_listen_tcp("127.0.0.1", 0, true, &fd, &err), 0);
    close(fd);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_posts_of_a_thread_stay_in_order_and_none_is_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_timers_fire_in_order_and_cancelled_ones_do_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_removed_io_gets_no_call_in_the_running_round, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_stop_before_run_and_posts_after_stop, set_up, tear_down),
        cmocka_unit_test(test_listen_errors_name_the_way_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
