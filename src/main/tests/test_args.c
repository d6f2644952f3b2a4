/* Command line words: what is understood, what is refused. */
#include "main/args.h"
#include "main/demo.h"
#include "main/roles.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <string.h>

static void options_and_words_mix(void **state) {
    const char *data = NULL, *format = NULL;
    bool dry = false;
    struct args_list sets = {0};
    const struct args_option options[] = {{.name = "--data", .value = &data},
                                          {.name = "--output", .alias = "-o", .value = &format},
                                          {.name = "--dry-run", .flag = &dry},
                                          {.name = "--set", .list = &sets},
                                          {0}};
    char *argv[] = {"flow", "--set", "a.b=c", "-o", "json", "--data=/x=y", "--dry-run", "--set=d.e=f", "--", "--name"};
    struct args_words words;
    assert_int_equal(args_parse(HW_ARRAY_SIZE(argv), argv, options, &words), 0);
    assert_string_equal(data, "/x=y");
    assert_string_equal(format, "json");
    assert_true(dry);
    assert_int_equal(sets.count, 2);
    assert_string_equal(sets.items[1], "d.e=f");
    assert_null(sets.items[2]);
    assert_int_equal(words.count, 2);
    assert_string_equal(words.items[1], "--name");
}

static void bad_words_are_refused(void **state) {
    static const struct {
        const char *what;
        char *argv[4];
        int argc;
    } cases[] = {
        {"unknown option", {"--dta", "x"}, 2},
        {"no value", {"--data"}, 1},
        {"twice", {"--data", "a", "--data=b"}, 3},
        {"flag with a value", {"--dry-run=yes"}, 1},
    };
    for (size_t i = 0; i < HW_ARRAY_SIZE(cases); i++) {
        const char *data = NULL;
        bool dry = false;
        const struct args_option options[] = {
            {.name = "--data", .value = &data}, {.name = "--dry-run", .flag = &dry}, {0}};
        struct args_words words;
        char *argv[4];
        memcpy(argv, cases[i].argv, sizeof argv);
        if (args_parse(cases[i].argc, argv, options, &words) == 0)
            fail_msg("accepted: %s", cases[i].what);
    }
}

static void too_many_of_a_list_are_refused(void **state) {
    struct args_list sets = {0};
    for (int i = 0; i < ARGS_MAX_LIST; i++)
        assert_int_equal(args_list_add(&sets, "a.b=c"), 0);
    assert_int_equal(args_list_add(&sets, "a.b=c"), -1);
}

static void numbers_have_a_range(void **state) {
    long number = 0;
    assert_int_equal(args_number("-n", "500", 1, 500, &number), 0);
    assert_int_equal(number, 500);
    const char *const bad[] = {"0", "501", "", "5x", "99999999999999999999", "-1"};
    for (size_t i = 0; i < HW_ARRAY_SIZE(bad); i++)
        assert_int_equal(args_number("-n", bad[i], 1, 500, &number), -1);
}

static void every_role_has_a_section(void **state) {
    const struct hw_settings_section *sections = role_sections();
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        bool found = false;
        for (const struct hw_settings_section *s = sections; s->name; s++)
            found = found || strcmp(s->name, role_table[i].name) == 0;
        assert_true(found);
    }
    assert_null(role_find("lgo"));
    assert_string_equal(role_table[0].name, "log"); /* up starts it first */
}

static void access_lines_become_events(void **state) {
    HW_CLEANUP(hw_buf_done) struct hw_buf out = {0};
    const char *line =
        "127.0.0.1 - - [23/Nov/2026:11:00:00 +0000] \"GET /v1/topics HTTP/1.1\" 200 512 \"-\" \"curl \\x22 8\"";
    assert_true(demo_event(line, strlen(line), &out));
    assert_string_equal(hw_buf_str(&out), "{\"event_name\":\"ui.requested\",\"payload\":{\"peer\":\"127.0.0.1\","
                                          "\"method\":\"GET\",\"path\":\"/v1/topics\","
                                          "\"status\":200,\"bytes\":512,\"agent\":\"curl \\\\x22 8\"}}");
    const char *const bad[] = {"", "x", "127.0.0.1 - - [x] \"GET\" 200", "\"\" \"\" \"\""};
    for (size_t i = 0; i < HW_ARRAY_SIZE(bad); i++)
        assert_false(demo_event(bad[i], strlen(bad[i]), &out));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_and_words_mix),          cmocka_unit_test(bad_words_are_refused),
        cmocka_unit_test(too_many_of_a_list_are_refused), cmocka_unit_test(numbers_have_a_range),
        cmocka_unit_test(every_role_has_a_section),       cmocka_unit_test(access_lines_become_events),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
