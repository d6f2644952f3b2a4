#include "connectors/file/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char directory[] = "/tmp/highway-file-source-XXXXXX";
static char path[128], moved[128];
static const char *stored; /* what the worker would have */

static char *offset_of(struct hw_source_context *context, const char *source_partition) {
    char expected[200];
    snprintf(expected, sizeof(expected), "{\"filename\":\"%s\"}", path);
    assert_string_equal(source_partition, expected);
    return stored ? strdup(stored) : NULL;
}

static void quiet(struct hw_task *task, int level, const char *format, ...) {
}

static void *begin(const char *offset, const char *batch_size, const char *max_line) {
    static struct hw_source_context context = {.offset = offset_of};
    static struct hw_task task = {.connector = "c", .count = 1, .log = quiet};
    const struct hw_config_pair pairs[] = {
        {"file", path}, {"topic", "t"}, {"batch.size", batch_size}, {"max.line.bytes", max_line}};
    struct hw_config *config = NULL;
    struct hw_config_faults faults = {0};
    struct hw_err err = {0};
    void *self = NULL;
    stored = offset;
    assert_int_equal(hw_config_parse(hw_file_source.config, pairs, 4, NULL, &config, &faults, &err), 0);
    assert_int_equal(hw_file_source.start(&task, config, &context, &self, &err), 0);
    hw_config_free(config);
    return self;
}

static void write_file(const char *mode, const char *text) {
    FILE *file = fopen(path, mode);
    fputs(text, file);
    fclose(file);
}

/* Polls until nothing new comes; lines joined by |, then the last offset. */
static const char *drain(void *source) {
    static char text[4096];
    char offset[64] = "";
    text[0] = 0;
    for (;;) {
        const struct hw_source_record *records;
        size_t count;
        struct hw_err err = {0};
        assert_int_equal(hw_file_source.poll(source, 60, &records, &count, &err), 0);
        if (count == 0)
            break;
        for (size_t i = 0; i < count; i++) {
            snprintf(text + strlen(text), sizeof(text) - strlen(text), "%.*s|", (int)records[i].record.value.size,
                     (const char *)records[i].record.value.data);
            assert_string_equal(records[i].record.topic, "t");
            snprintf(offset, sizeof(offset), "%s", records[i].source_offset);
        }
    }
    snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s", offset);
    return text;
}

static void lines_come_whole(void **state) {
    unlink(path);
    void *source = begin(NULL, "2", "100");
    assert_string_equal(drain(source), ""); /* not there yet */
    write_file("w", "one\ntwo\r\n\nfour\nhal");
    assert_string_equal(drain(source), "one|two||four|{\"position\":15}");
    write_file("a", "f\n");
    assert_string_equal(drain(source), "half|{\"position\":20}");
    hw_file_source.stop(source);
    source = begin("{\"position\":15}", "2", "100");
    assert_string_equal(drain(source), "half|{\"position\":20}");
    hw_file_source.stop(source);
}

static void truncation_begins_anew(void **state) {
    write_file("w", "aaaa\nbbbb\npart");
    void *source = begin(NULL, "10", "100");
    assert_string_equal(drain(source), "aaaa|bbbb|{\"position\":10}");
    write_file("w", "c\n");
    assert_string_equal(drain(source), "c|{\"position\":2}");
    hw_file_source.stop(source);
    source = begin("{\"position\":999}", "10", "100"); /* shortened while nobody looked */
    assert_string_equal(drain(source), "c|{\"position\":2}");
    hw_file_source.stop(source);
}

static void rotation_finishes_the_old_file_first(void **state) {
    write_file("w", "a\n");
    void *source = begin(NULL, "10", "100");
    assert_string_equal(drain(source), "a|{\"position\":2}");
    write_file("a", "b\nunfinished");
    rename(path, moved);
    write_file("w", "new\n");
    assert_string_equal(drain(source), "b|unfinished|new|{\"position\":4}");
    hw_file_source.stop(source);
    unlink(moved);
}

static void stored_offsets_of_others_are_survived(void **state) {
    static const char *const cases[] = {"{}", "nonsense", "{\"position\":-5}", "{\"position\":\"x\"}",
                                        "{\"position\":99999999999999999999}"};
    write_file("w", "a\n");
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        void *source = begin(cases[i], "10", "100");
        assert_string_equal(drain(source), "a|{\"position\":2}");
        hw_file_source.stop(source);
    }
}

static void a_line_too_long_names_the_setting(void **state) {
    write_file("w", "ok\n0123456789012345678901234567890\n");
    void *source = begin(NULL, "10", "20");
    const struct hw_source_record *records;
    size_t count;
    struct hw_err err = {0};
    assert_int_equal(hw_file_source.poll(source, 50, &records, &count, &err), 0);
    hw_file_source.stop(source);
    write_file("w", "0123456789012345678901234567890");
    source = begin(NULL, "10", "20");
    assert_int_equal(hw_file_source.poll(source, 50, &records, &count, &err), -1);
    assert_int_equal(err.kind, HW_ERR_CONFIG);
    assert_non_null(strstr(err.text, "max.line.bytes"));
    hw_file_source.stop(source);
}

int main(void) {
    if (!mkdtemp(directory))
        return 1;
    snprintf(path, sizeof(path), "%s/in", directory);
    snprintf(moved, sizeof(moved), "%s/in.1", directory);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_whole),
        cmocka_unit_test(truncation_begins_anew),
        cmocka_unit_test(rotation_finishes_the_old_file_first),
        cmocka_unit_test(stored_offsets_of_others_are_survived),
        cmocka_unit_test(a_line_too_long_names_the_setting),
    };
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    rmdir(directory);
    return result;
}
