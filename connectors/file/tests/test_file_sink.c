#include "connectors/file/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static char directory[] = "/tmp/highway-file-sink-XXXXXX";
static char path[128];

static void *begin(const char *file, struct hw_err *err) {
    const struct hw_config_pair pairs[] = {{"file", file}};
    struct hw_config *config = NULL;
    struct hw_config_faults faults = {0};
    struct hw_task task = {.connector = "c", .count = 1};
    void *self = NULL;
    assert_int_equal(hw_config_parse(hw_file_sink.config, pairs, 1, NULL, &config, &faults, err), 0);
    int result = hw_file_sink.start(&task, config, &self, err);
    hw_config_free(config);
    return result == 0 ? self : NULL;
}

static const char *content(void) {
    static char text[4096];
    FILE *file = fopen(path, "r");
    size_t size = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[size] = 0;
    return text;
}

static struct hw_record record(const char *topic, int partition, int64_t offset, const char *value) {
    return (struct hw_record){.topic = topic,
                              .partition = partition,
                              .offset = offset,
                              .value = {(const uint8_t *)value, value ? strlen(value) : 0}};
}

static void values_become_lines_and_offsets_follow_the_flush(void **state) {
    struct hw_err err = {0};
    void *sink = begin(path, &err);
    assert_non_null(sink);
    struct hw_record records[] = {record("t", 0, 5, "one"), record("t", 1, 9, ""), record("t", 0, 6, NULL),
                                  record("u", 0, 1, "x\ny")};
    assert_int_equal(hw_file_sink.put(sink, &(struct hw_batch){records, 4}, &err), 0);
    struct hw_offsets durable = {0};
    assert_int_equal(hw_file_sink.flush(sink, false, &durable, &err), 0);
    assert_string_equal(content(), "one\n\nnull\nx\ny\n");
    assert_int_equal(hw_offsets_get(&durable, "t", 0), 7);
    assert_int_equal(hw_offsets_get(&durable, "t", 1), 10);
    assert_int_equal(hw_offsets_get(&durable, "u", 0), 2);
    hw_offsets_done(&durable);
    /* Partitions given up: their offsets are no longer ours to commit. */
    assert_int_equal(hw_file_sink.assign(sink, NULL, 0, &durable, &err), 0);
    assert_int_equal(hw_file_sink.flush(sink, true, &durable, &err), 0);
    assert_int_equal(durable.count, 0);
    hw_file_sink.stop(sink);
    sink = begin(path, &err); /* appends */
    assert_int_equal(hw_file_sink.put(sink, &(struct hw_batch){records, 1}, &err), 0);
    hw_file_sink.stop(sink);
    assert_string_equal(content(), "one\n\nnull\nx\ny\none\n");
}

static void a_full_disk_is_told_and_tried_again(void **state) {
    struct hw_err err = {0};
    void *sink = begin("/dev/full", &err);
    assert_non_null(sink);
    struct hw_record records[] = {record("t", 0, 5, "one")};
    assert_int_equal(hw_file_sink.put(sink, &(struct hw_batch){records, 1}, &err), -1);
    assert_int_equal(err.kind, HW_ERR_RETRY);
    hw_file_sink.stop(sink);
}

static void a_path_that_cannot_be_is_a_setting_at_fault(void **state) {
    static const char *const cases[] = {"/no/such/dir/file", "/tmp", "/dev/null/x"};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct hw_err err = {0};
        assert_null(begin(cases[i], &err));
        assert_int_equal(err.kind, HW_ERR_CONFIG);
        assert_non_null(strstr(err.text, cases[i]));
    }
}

int main(void) {
    if (!mkdtemp(directory))
        return 1;
    snprintf(path, sizeof(path), "%s/out", directory);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_become_lines_and_offsets_follow_the_flush),
        cmocka_unit_test(a_full_disk_is_told_and_tried_again),
        cmocka_unit_test(a_path_that_cannot_be_is_a_setting_at_fault),
    };
    int result = cmocka_run_group_tests(tests, NULL, NULL);
    unlink(path);
    rmdir(directory);
    return result;
}
