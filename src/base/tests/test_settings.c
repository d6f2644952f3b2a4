/* Config tables and settings: every fault is reported, the later source wins. */
#include "base/buf.h"
#include "base/fs.h"
#include "base/settings.h"
#include "base/base.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const colours[] = {"red", "green", NULL};
static const struct hw_config_field fields[] = {
    {.name = "name", .type = HW_CONFIG_STRING, .required = true, .doc = "A name."},
    {.name = "size", .type = HW_CONFIG_INT, .default_value = "10", .min = 1, .max = 100, .unit = "bytes"},
    {.name = "ratio", .type = HW_CONFIG_DOUBLE, .default_value = "0.5"},
    {.name = "big", .type = HW_CONFIG_LONG, .default_value = "9007199254740993"},
    {.name = "on", .type = HW_CONFIG_BOOLEAN, .default_value = "true"},
    {.name = "topics", .type = HW_CONFIG_LIST},
    {.name = "colour", .type = HW_CONFIG_STRING, .choices = colours},
    {0}};

static void test_good_values_are_typed(void **state) {
    struct hw_config_pair pairs[] = {{"name", " x "}, {"size", "42"}, {"on", "No"}, {"topics", "a, b ,,c"}, {"colour", "red"}, {"kafka.x", "1"}};
    static const char *const pass[] = {"kafka.", NULL};
    struct hw_config *config;
    struct hw_config_faults faults = {0};
    struct hw_err err;
    assert_int_equal(hw_config_parse(fields, pairs, HW_ARRAY_SIZE(pairs), pass, &config, &faults, &err), 0);
    assert_string_equal(hw_config_str(config, "name"), "x");
    assert_int_equal(hw_config_int(config, "size"), 42);
    assert_true(hw_config_is_set(config, "size"));
    assert_false(hw_config_is_set(config, "ratio"));
    assert_true(hw_config_double(config, "ratio") == 0.5);
    assert_true(hw_config_int(config, "big") == 9007199254740993);
    assert_false(hw_config_bool(config, "on"));
    assert_int_equal(hw_config_list_count(config, "topics"), 3);
    assert_string_equal(hw_config_list_item(config, "topics", 1), "b");
    assert_null(hw_config_list_item(config, "topics", 3));
    hw_config_free(config);
}

static void test_every_fault_is_named_at_once(void **state) {
    struct hw_config_pair pairs[] = {{"size", "101"}, {"ratio", "half"}, {"on", "maybe"}, {"colour", "blue"}, {"topcs", "a"}, {"big", "1.5"}};
    static const char *const needles[] = {"name is required", "from 1 to 100 bytes", "must be a number", "true or false", "one of red, green",
                                          "did you mean \"topics\"", "whole number"};
    struct hw_config *config;
    struct hw_config_faults faults = {0};
    struct hw_err err;
    assert_int_equal(hw_config_parse(fields, pairs, HW_ARRAY_SIZE(pairs), NULL, &config, &faults, &err), -1);
    assert_null(config);
    assert_int_equal(err.kind, HW_ERR_CONFIG);
    assert_int_equal(faults.count, HW_ARRAY_SIZE(needles));
    for (size_t i = 0; i < HW_ARRAY_SIZE(needles); i++) {
        bool found = false;
        for (size_t f = 0; f < faults.count; f++)
            found = found || strstr(faults.items[f].text, needles[i]);
        if (!found)
            fail_msg("no fault says: %s", needles[i]);
    }
}

static const struct hw_settings_section sections[] = {
    {.name = "common", .fields = hw_common_fields},
    {.name = "kafka", .fields = hw_kafka_fields, .pass_prefixes = (const char *const[]){"", NULL}},
    {.name = "door", .fields = fields},
    {0}};

static void test_later_sources_win_and_ports_shift(void **state) {
    char path[] = "/tmp/hw-test-settings-XXXXXX";
    struct hw_err err;
    close(mkstemp(path));
    const char *text = "[common]\nport.offset = 100\n[door]\nname = file\nsize = 1\nratio = 1\n[kafka]\nlinger.ms=7\n";
    assert_int_equal(hw_fs_write_atomic(path, text, strlen(text), &err), 0);
    setenv("HIGHWAY_DOOR_SIZE", "2", 1);
    setenv("HIGHWAY_DOOR_RATIO", "2", 1);
    setenv("HIGHWAY_SOMETHING_ELSE", "x", 1);
    const char *const sets[] = {"door.ratio=3", "common.log.level=warn", NULL};
    struct hw_settings *settings;
    struct hw_config_faults faults;
    assert_int_equal(hw_settings_load(sections, path, sets, &settings, &faults, &err), 0);
    const struct hw_config *door = hw_settings_section(settings, "door");
    assert_string_equal(hw_config_str(door, "name"), "file");
    assert_int_equal(hw_config_int(door, "size"), 2);
    assert_true(hw_config_double(door, "ratio") == 3);
    assert_int_equal(hw_settings_port(settings, 9092), 9192);
    hw_settings_free(settings);
    unsetenv("HIGHWAY_DOOR_SIZE");
    unsetenv("HIGHWAY_DOOR_RATIO");
    unlink(path);
}

static void test_bad_settings_name_section_key_and_nearest(void **state) {
    const char *const sets[] = {"dor.name=x", "door.nmae=x", "novalue", "door.name=y", NULL};
    struct hw_settings *settings;
    struct hw_config_faults faults;
    struct hw_err err;
    assert_int_equal(hw_settings_load(sections, "/nonexistent/highway.conf", sets, &settings, &faults, &err), -1);
    assert_int_equal(faults.count, 4);
    assert_non_null(strstr(faults.items[0].text, "/nonexistent/highway.conf"));
    assert_non_null(strstr(faults.items[1].text, "did you mean [door]"));
    assert_non_null(strstr(faults.items[2].text, "section.key=value"));
    assert_non_null(strstr(faults.items[3].text, "did you mean \"name\""));
}

/* What a file holds, and what the first fault must say. */
static void test_bad_files_are_refused_with_line_and_fix(void **state) {
    char path[] = "/tmp/hw-test-settings-XXXXXX";
    char text[600];
    static char long_line[400];
    static const struct {
        const char *text, *needle;
        size_t size;
    } rows[] = {
        {"[door]\nname = x\nnonsense\n", "line 3: expected [section] or key = value", 0},
        {"name = x\n", "there is no section []", 0},
        {"[door]\nname = x\nname = y\n", "[door] name is given twice", 0},
        {"[door]\nname = x\ntopics = a,\n  b\n", "[door] topics is given twice", 0},
        {"[door]\nname = x\0y\n", "is not a text file", 18},
        {"[door]\nname = x\nsize = 1e3\n", "[door] size must be a whole number of bytes", 0},
        {long_line, "line 2 is longer than 197 characters", 0},
    };
    snprintf(long_line, sizeof long_line, "[door]\nname = %0200d\n", 1);
    close(mkstemp(path));
    for (size_t i = 0; i < HW_ARRAY_SIZE(rows); i++) {
        struct hw_settings *settings;
        struct hw_config_faults faults;
        struct hw_err err;
        assert_int_equal(hw_fs_write_atomic(path, rows[i].text, rows[i].size ? rows[i].size : strlen(rows[i].text), &err), 0);
        assert_int_equal(hw_settings_load(sections, path, NULL, &settings, &faults, &err), -1);
        assert_null(settings);
        snprintf(text, sizeof text, "%s", faults.items[0].text);
        if (!strstr(text, rows[i].needle))
            fail_msg("\"%s\" does not say \"%s\"", text, rows[i].needle);
    }
    unlink(path);
}

static void test_numbers_that_are_none_are_refused(void **state) {
    static const struct hw_config_pair rows[] = {{"size", ""}, {"size", "99999999999"}, {"size", "0"}, {"size", "7x"}, {"big", "9223372036854775808"},
                                                 {"ratio", "nan"}, {"ratio", "inf"}, {"ratio", "1e999"}, {"on", ""}, {"name", "  "}};
    for (size_t i = 0; i < HW_ARRAY_SIZE(rows); i++) {
        struct hw_config_pair pairs[] = {{"name", "x"}, rows[i]};
        struct hw_config *config;
        struct hw_config_faults faults = {0};
        assert_int_equal(hw_config_parse(fields, pairs, 2, NULL, &config, &faults, NULL), -1);
        assert_int_equal(faults.count, 1);
        assert_string_equal(faults.items[0].key, rows[i].key);
    }
}

static void test_environment_of_kubernetes_is_not_ours(void **state) {
    const char *const sets[] = {"door.name=x", NULL};
    struct hw_settings *settings;
    struct hw_config_faults faults;
    struct hw_err err;
    setenv("HIGHWAY_DOOR_SERVICE_HOST", "10.0.0.1", 1);
    setenv("HIGHWAY_DOOR_PORT", "tcp://10.0.0.1:8084", 1);
    setenv("HIGHWAY_DOOR_PORT_8084_TCP_ADDR", "10.0.0.1", 1);
    assert_int_equal(hw_settings_load(sections, NULL, sets, &settings, &faults, &err), 0);
    hw_settings_free(settings);
    setenv("HIGHWAY_DOOR_SIEZ", "1", 1);
    assert_int_equal(hw_settings_load(sections, NULL, sets, &settings, &faults, &err), -1);
    assert_non_null(strstr(err.text, "did you mean \"size\""));
    unsetenv("HIGHWAY_DOOR_SERVICE_HOST");
    unsetenv("HIGHWAY_DOOR_PORT");
    unsetenv("HIGHWAY_DOOR_PORT_8084_TCP_ADDR");
    unsetenv("HIGHWAY_DOOR_SIEZ");
}

static void test_describe_names_every_key(void **state) {
    HW_CLEANUP(hw_buf_done) struct hw_buf text = {0};
    hw_config_describe(sections, &text, false);
    assert_non_null(strstr(hw_buf_str(&text), "colour"));
    hw_buf_clear(&text);
    hw_config_describe(sections, &text, true);
    assert_non_null(strstr(hw_buf_str(&text), "\"key\":\"port.offset\""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_values_are_typed),
        cmocka_unit_test(test_every_fault_is_named_at_once),
        cmocka_unit_test(test_later_sources_win_and_ports_shift),
        cmocka_unit_test(test_bad_settings_name_section_key_and_nearest),
        cmocka_unit_test(test_bad_files_are_refused_with_line_and_fix),
        cmocka_unit_test(test_numbers_that_are_none_are_refused),
        cmocka_unit_test(test_environment_of_kubernetes_is_not_ours),
        cmocka_unit_test(test_describe_names_every_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
