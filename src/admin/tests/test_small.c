/* Rates, access log lines, UTF-8 and base64. */
#include "admin/reply.h"
#include "admin/topics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void rates_over_the_last_minute(void **state) {
    struct hw_rate rate = {0};
    assert_true(hw_rate_per_minute(&rate, 0) < 0);
    hw_rate_add(&rate, 1000, 100);
    assert_true(hw_rate_per_minute(&rate, 1000) < 0); /* one point is no rate */
    hw_rate_add(&rate, 2000, 110);
    assert_true(hw_rate_per_minute(&rate, 2000) == 600);
    for (int64_t at = 3000; at <= 200000; at += 1000)
        hw_rate_add(&rate, at, 110); /* silence */
    assert_true(hw_rate_per_minute(&rate, 200000) == 0);
    hw_rate_add(&rate, 201000, 50); /* the topic was made anew */
    assert_true(hw_rate_per_minute(&rate, 201000) == 0);
}

static void frequent_looks_do_not_shorten_the_window(void **state) {
    struct hw_rate rate = {0};
    for (int64_t i = 0; i <= 60000; i++)
        hw_rate_add(&rate, 1000 + i * 10, i); /* 100 a second, looked at every 10 ms for ten minutes */
    double per_minute = hw_rate_per_minute(&rate, 0);
    assert_true(per_minute > 5900 && per_minute < 6100);
    assert_true(rate.used <= HW_RATE_POINTS);
}

static void access_lines_cannot_be_forged(void **state) {
    struct hw_buf out = {0};
    struct hw_access_line line = {.peer = "127.0.0.1",
                                  .method = "GET",
                                  .path = "/a b\"\n/ü",
                                  .agent = "x\" 200 1 \"\nfake",
                                  .at_s = 1795435200,
                                  .status = 404,
                                  .body_bytes = 7};
    hw_access_line_write(&line, &out);
    assert_string_equal(hw_buf_str(&out), "127.0.0.1 - - [23/Nov/2026:12:00:00 +0000] \"GET /a%20b%22%0A/%C3%BC "
                                          "HTTP/1.1\" 404 7 \"-\" \"x\\x22 200 1 \\x22\\x0afake\"");
    hw_buf_done(&out);
}

static void utf8_is_checked(void **state) {
    static const struct {
        const char *text;
        size_t size;
        bool good;
    } cases[] = {{"", 0, true},      {"a\0b", 3, true},      {"\xc3\xbc", 2, true},      {"\xf0\x9f\x9a\x97", 4, true},
                 {"\xc3", 1, false}, {"\xc0\xaf", 2, false}, {"\xed\xa0\x80", 3, false}, {"\xf4\x90\x80\x80", 4, false},
                 {"\xff", 1, false}, {"\xe2\x82", 2, false}};
    for (size_t i = 0; i < HW_ARRAY_SIZE(cases); i++)
        assert_int_equal(hw_text_is_utf8(cases[i].text, cases[i].size), cases[i].good);
}

static void base64_as_everyone_writes_it(void **state) {
    static const char *const cases[][2] = {
        {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}};
    for (size_t i = 0; i < HW_ARRAY_SIZE(cases); i++) {
        char *text = hw_base64(cases[i][0], strlen(cases[i][0]));
        assert_string_equal(text, cases[i][1]);
        free(text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rates_over_the_last_minute), cmocka_unit_test(frequent_looks_do_not_shorten_the_window),
        cmocka_unit_test(access_lines_cannot_be_forged), cmocka_unit_test(utf8_is_checked),
        cmocka_unit_test(base64_as_everyone_writes_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
