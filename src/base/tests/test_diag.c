/* Messages as they arrive on stderr, and how a role says that it cannot go on. */
#include "base/base.h"
#include "base/diag.h"
#include "base/role.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What one message leaves on stderr. */
static void capture(char *out, size_t size, void (*speak)(void)) {
    int ends[2], stderr_fd = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
    speak();
    dup2(stderr_fd, STDERR_FILENO); /* closes the last writing end */
    close(stderr_fd);
    ssize_t got = read(ends[0], out, size - 1);
    close(ends[0]);
    out[got > 0 ? got : 0] = '\0';
}

static void speak_plainly(void) {
    hw_warn("commit refused", hw_kv_s("topic", "clicks"), hw_kv_i("partition", -3), hw_kv_s("why", "no \"space\" left\n"), hw_kv_s("empty", NULL));
}

static void speak_below(void) {
    hw_debug("not asked for");
}

static void speak_with_controls(void) {
    hw_error("two\nlines\x1b[31m");
}

static void speak_at_length(void) {
    static char text[9000];
    struct hw_kv kvs[40];
    memset(text, '\x01', sizeof text - 1);
    for (size_t i = 0; i < HW_ARRAY_SIZE(kvs); i++)
        kvs[i] = hw_kv_s("key", text);
    hw_diag_write(HW_ERROR, text, kvs, HW_ARRAY_SIZE(kvs));
}

static void test_text_lines_quote_what_needs_it(void **state) {
    char line[1000];
    hw_diag_setup("ingest", HW_INFO, 0);
    capture(line, sizeof line, speak_plainly);
    assert_string_equal(line + strlen("2026-11-23T11:00:00.123Z"),
                        " WARN ingest: commit refused topic=clicks partition=-3 why=\"no \\\"space\\\" left\\n\" empty=\"\"\n");
    assert_int_equal(line[23], 'Z');
    capture(line, sizeof line, speak_with_controls);
    assert_non_null(strstr(line, " ERROR ingest: two lines [31m\n"));
    capture(line, sizeof line, speak_below);
    assert_string_equal(line, "");
}

static void test_json_lines_are_whole_objects(void **state) {
    static char line[40000];
    hw_diag_setup("ingest", HW_INFO, 1);
    capture(line, sizeof line, speak_plainly);
    assert_non_null(strstr(line, "\"level\":\"WARN\",\"component\":\"ingest\",\"text\":\"commit refused\",\"topic\":\"clicks\",\"partition\":-3,"
                                 "\"why\":\"no \\\"space\\\" left\\n\",\"empty\":\"\"}\n"));
    capture(line, sizeof line, speak_at_length); /* cut, yet an object and one line */
    size_t size = strlen(line);
    assert_true(size > 10000 && size < 17000);
    assert_string_equal(line + size - 8, "\\u0001\"}\n" + 1);
    assert_ptr_equal(strchr(line, '\n'), line + size - 1);
    hw_diag_setup("highway", HW_INFO, 0);
}

static void test_the_first_reason_to_quit_counts(void **state) {
    struct pollfd fd = {.fd = hw_role_quit_fd(), .events = POLLIN};
    struct hw_err first, second;
    (void)hw_err_set(&first, HW_ERR_FATAL, 5, "fsync failed");
    (void)hw_err_set(&second, HW_ERR_FATAL, 0, "writer is closed");
    assert_int_equal(poll(&fd, 1, 0), 0);
    hw_role_quit(&first);
    hw_role_quit(&second);
    assert_int_equal(poll(&fd, 1, 0), 1);
    assert_string_equal(hw_role_quit_error()->text, "fsync failed");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_lines_quote_what_needs_it),
        cmocka_unit_test(test_json_lines_are_whole_objects),
        cmocka_unit_test(test_the_first_reason_to_quit_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
