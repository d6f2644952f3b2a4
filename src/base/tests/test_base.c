/* Time, ids, hashes, buffers, maps, mailboxes, files. */
#include "base/buf.h"
#include "base/fs.h"
#include "base/mailbox.h"
#include "base/map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void test_time_parses_rfc3339_and_refuses_the_rest(void **state) {
    static const struct {
        const char *text, *normal; /* NULL = refused */
    } rows[] = {
        {"2026-11-20T20:00:00Z", "2026-11-20T20:00:00.000000Z"},
        {"2026-11-20t20:00:00.5z", "2026-11-20T20:00:00.500000Z"},
        {"2026-11-20T20:00:00.123456789+02:00", "2026-11-20T18:00:00.123456Z"},
        {"2026-11-20 20:00:00-00:30", "2026-11-20T20:30:00.000000Z"},
        {"1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"},
        {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000000Z"},
        {"0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000000Z"},
        {"2016-12-31T23:59:60Z", "2017-01-01T00:00:00.000000Z"},
        {"2023-02-29T00:00:00Z", NULL},
        {"1900-02-29T00:00:00Z", NULL},
        {"2026-13-01T00:00:00Z", NULL},
        {"2026-11-20T24:00:00Z", NULL},
        {"2026-11-20T20:00:00", NULL},
        {"2026-11-20T20:00:00.Z", NULL},
        {"2026-11-20T20:00:00+0200", NULL},
        {"2026-11-20T20:00:00Zx", NULL},
        {"2026-11-20", NULL},
        {"not a time at all, no", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < HW_ARRAY_SIZE(rows); i++) {
        int64_t us = 0;
        char text[28];
        int result = hw_time_parse_us(rows[i].text, strlen(rows[i].text), &us);
        if (!rows[i].normal) {
            if (result == 0)
                fail_msg("accepted: %s", rows[i].text);
            continue;
        }
        assert_int_equal(result, 0);
        hw_time_format_us(us, text);
        assert_string_equal(text, rows[i].normal);
    }
}

static void test_durations(void **state) {
    static const struct {
        const char *text;
        int64_t ms; /* -1 = refused */
    } rows[] = {{"90s", 90000}, {"1m", 60000}, {"250ms", 250}, {"2h", 7200000}, {"7d", 604800000}, {"1500", 1500}, {"0.5s", 500},
                {"", -1},       {"s", -1},     {"-1s", -1},    {"1 year", -1},  {"1e300s", -1},    {"nan", -1},     {"0x10s", -1},  {"1.2.3s", -1}};
    for (size_t i = 0; i < HW_ARRAY_SIZE(rows); i++) {
        int64_t ms = -1;
        int result = hw_duration_parse_ms(rows[i].text, &ms);
        assert_int_equal(result, rows[i].ms < 0 ? -1 : 0);
        if (!result)
            assert_int_equal(ms, rows[i].ms);
    }
}

static void test_uuids_have_version_and_variant_and_v7_only_rises(void **state) {
    uint8_t last[16] = {0}, uuid[16], back[16];
    char text[37];
    for (int i = 0; i < 20000; i++) {
        hw_uuid_v7(uuid);
        assert_int_equal(uuid[6] >> 4, 7);
        assert_int_equal(uuid[8] >> 6, 2);
        assert_true(memcmp(last, uuid, 8) < 0);
        memcpy(last, uuid, 16);
    }
    hw_uuid_v4(uuid);
    assert_int_equal(uuid[6] >> 4, 4);
    hw_uuid_format(uuid, text);
    assert_int_equal(hw_uuid_parse(text, 36, back), 0);
    assert_memory_equal(uuid, back, 16);
    assert_int_equal(hw_uuid_parse("0193f6b0-0000-7000-8000-00000000000g", 36, back), -1);
    assert_int_equal(hw_uuid_parse("0193f6b0000070008000000000000000abcd", 36, back), -1);
    assert_int_equal(hw_uuid_parse("0193", 4, back), -1);
}

static void *take_ids(void *out) {
    uint8_t(*ids)[16] = out;
    for (int i = 0; i < 5000; i++)
        hw_uuid_v7(ids[i]);
    return NULL;
}

static int compare_ids(const void *a, const void *b) {
    return memcmp(a, b, 16);
}

static void test_uuid_v7_of_many_threads_are_all_different(void **state) {
    enum { THREADS = 4, EACH = 5000 };
    HW_CLEANUP(hw_freep) uint8_t *ids = hw_xcalloc(THREADS * EACH, 16);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, take_ids, ids + (size_t)i * EACH * 16);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 1; i < THREADS * EACH; i++) /* each thread saw its own rise */
        assert_true(i % EACH == 0 || compare_ids(ids + (i - 1) * 16, ids + i * 16) < 0);
    qsort(ids, THREADS * EACH, 16, compare_ids);
    for (size_t i = 1; i < THREADS * EACH; i++)
        assert_true(memcmp(ids + (i - 1) * 16, ids + i * 16, 8) != 0); /* time and counter alone tell them apart */
}

static void test_crc32c_and_murmur2_give_the_published_values(void **state) {
    assert_int_equal(hw_crc32c("123456789", 9), 0xe3069283);
    assert_int_equal(hw_crc32c("", 0), 0);
    assert_int_equal(hw_crc32c_add(hw_crc32c("1234", 4), "56789", 5), 0xe3069283);
    /* Kafka's own vectors for its default partitioner */
    static const struct {
        const char *text;
        int32_t hash;
    } rows[] = {{"21", -973932308},      {"foobar", -790332482},  {"a-little-bit-long-string", -985981536},
                {"a-little-bit-longer-string", -1486304829}, {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971}, {"abc", 479470107}};
    for (size_t i = 0; i < HW_ARRAY_SIZE(rows); i++)
        assert_int_equal((int32_t)hw_murmur2(rows[i].text, strlen(rows[i].text)), rows[i].hash);
}

static void test_nearest_finds_slips_and_nothing_else(void **state) {
    static const char *const words[] = {"freshness", "description", "owner", NULL};
    assert_string_equal(hw_nearest("freshnes", words), "freshness");
    assert_string_equal(hw_nearest("ownr", words), "owner");
    assert_null(hw_nearest("zzzzzzzz", words));
}

static void test_buffer_keeps_its_limit_and_escapes_json(void **state) {
    HW_CLEANUP(hw_buf_done) struct hw_buf buf = {.limit = 40};
    assert_int_equal(hw_buf_add_json_str(&buf, "a\"b\\c\n\x01\xc3\xa4", 9), 0);
    assert_string_equal(hw_buf_str(&buf), "\"a\\\"b\\\\c\\n\\u0001\xc3\xa4\"");
    hw_buf_consume(&buf, 2);
    assert_int_equal(buf.data[0], '\\');
    assert_int_equal(hw_buf_printf(&buf, "%0100d", 1), -1);
    hw_buf_clear(&buf);
    assert_int_equal(hw_buf_printf(&buf, "%d", 42), 0);
    assert_string_equal(hw_buf_str(&buf), "42");
    struct hw_buf empty = {0};
    assert_string_equal(hw_buf_str(&empty), "");
    hw_buf_done(&empty);
}

static void test_json_strings_are_always_utf8_and_never_half(void **state) {
    static const struct {
        const char *given, *json;
    } rows[] = {
        {"", "\"\""},
        {"\xe2\x82\xac \xf0\x9f\x98\x80", "\"\xe2\x82\xac \xf0\x9f\x98\x80\""},
        {"a\xff" "b", "\"a\xef\xbf\xbd" "b\""},               /* no start of a sequence */
        {"cut \xe2\x82", "\"cut \xef\xbf\xbd\xef\xbf\xbd\""}, /* as a bounded error text may end */
        {"\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\""},         /* overlong */
        {"\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""}, /* a surrogate */
        {"\t\b\f\r\x7f", "\"\\t\\b\\f\\r\x7f\""},
    };
    for (size_t i = 0; i < HW_ARRAY_SIZE(rows); i++) {
        HW_CLEANUP(hw_buf_done) struct hw_buf buf = {0};
        assert_int_equal(hw_buf_add_json_str(&buf, rows[i].given, strlen(rows[i].given)), 0);
        assert_string_equal(hw_buf_str(&buf), rows[i].json);
    }
    HW_CLEANUP(hw_buf_done) struct hw_buf small = {.limit = 12};
    hw_buf_add_str(&small, "x");
    assert_int_equal(hw_buf_add_json_str(&small, "\x01\x01\x01", 3), -1);
    assert_string_equal(hw_buf_str(&small), "x");
}

static void test_map_puts_replaces_removes_and_walks(void **state) {
    struct hw_map map = {0};
    char key[16];
    static int values[1000];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 1000; i++) {
            snprintf(key, sizeof key, "k%d", i);
            assert_null(hw_map_put(&map, key, &values[i]));
        }
        assert_ptr_equal(hw_map_put(&map, "k7", &values[8]), &values[7]);
        assert_ptr_equal(hw_map_get(&map, "k7"), &values[8]);
        size_t at = 0, seen = 0;
        const char *found;
        void *value;
        while (hw_map_next(&map, &at, &found, &value))
            seen++;
        assert_int_equal(seen, 1000);
        for (int i = 0; i < 1000; i++) {
            snprintf(key, sizeof key, "k%d", i);
            assert_non_null(hw_map_remove(&map, key));
        }
        assert_null(hw_map_get(&map, "k7"));
        assert_null(hw_map_remove(&map, "k7"));
        assert_int_equal(map.count, 0);
    }
    hw_map_done(&map);
    assert_null(hw_map_get(&map, "k"));
}

static void *putter(void *mailbox) {
    static int item;
    usleep(20000);
    hw_mailbox_put(mailbox, &item);
    return NULL;
}

static void test_mailbox_is_bounded_waits_and_closes(void **state) {
    int a, b;
    struct hw_mailbox *mailbox = hw_mailbox_new(2);
    assert_int_equal(hw_mailbox_put(mailbox, &a), 0);
    assert_int_equal(hw_mailbox_put(mailbox, &b), 0);
    assert_int_equal(hw_mailbox_put(mailbox, &a), 1);
    assert_ptr_equal(hw_mailbox_get(mailbox, 0), &a);
    assert_ptr_equal(hw_mailbox_get(mailbox, -1), &b);
    assert_null(hw_mailbox_get(mailbox, 10));
    pthread_t thread;
    pthread_create(&thread, NULL, putter, mailbox);
    assert_non_null(hw_mailbox_get(mailbox, 5000));
    pthread_join(thread, NULL);
    hw_mailbox_close(mailbox);
    assert_null(hw_mailbox_get(mailbox, -1));
    assert_int_equal(hw_mailbox_put(mailbox, &a), 1);
    assert_null(hw_mailbox_free(mailbox));
}

static void test_files_are_written_whole_and_errors_name_the_path(void **state) {
    char dir[] = "/tmp/hw-test-base-XXXXXX";
    struct hw_err err;
    assert_non_null(mkdtemp(dir));
    HW_CLEANUP(hw_freep) char *deep = hw_xasprintf("%s/a/b/c", dir);
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("%s/f", deep);
    assert_int_equal(hw_fs_mkdirs(deep, &err), 0);
    assert_int_equal(hw_fs_mkdirs(deep, &err), 0);
    assert_int_equal(hw_fs_write_atomic(path, "hello", 5, &err), 0);
    assert_int_equal(hw_fs_write_atomic(path, "world!", 6, &err), 0);
    HW_CLEANUP(hw_buf_done) struct hw_buf text = {0};
    assert_int_equal(hw_fs_read(path, 100, &text, &err), 0);
    assert_string_equal(hw_buf_str(&text), "world!");
    assert_int_equal(hw_fs_read(path, 3, &text, &err), -1);
    HW_CLEANUP(hw_freep) char *below_file = hw_xasprintf("%s/g", path);
    assert_int_equal(hw_fs_mkdirs(below_file, &err), -1);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(hw_fs_remove_tree(dir, &err), 0);
    assert_int_equal(access(dir, F_OK), -1);
}

static void test_errors_keep_their_text_within_bounds(void **state) {
    struct hw_err err;
    assert_int_equal(hw_err_set(&err, HW_ERR_DATA, 7, "record %d", 3), -1);
    assert_int_equal(hw_err_prefix(&err, "topic %s", "t"), -1);
    assert_string_equal(err.text, "topic t: record 3");
    assert_int_equal(hw_err_set(&err, HW_ERR_DATA, 0, "%01000d", 1), -1);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    hw_err_prefix(&err, "x");
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    assert_int_equal(hw_err_set(NULL, HW_ERR_DATA, 0, "nobody listens"), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_parses_rfc3339_and_refuses_the_rest),
        cmocka_unit_test(test_durations),
        cmocka_unit_test(test_uuids_have_version_and_variant_and_v7_only_rises),
        cmocka_unit_test(test_uuid_v7_of_many_threads_are_all_different),
        cmocka_unit_test(test_crc32c_and_murmur2_give_the_published_values),
        cmocka_unit_test(test_nearest_finds_slips_and_nothing_else),
        cmocka_unit_test(test_buffer_keeps_its_limit_and_escapes_json),
        cmocka_unit_test(test_json_strings_are_always_utf8_and_never_half),
        cmocka_unit_test(test_map_puts_replaces_removes_and_walks),
        cmocka_unit_test(test_mailbox_is_bounded_waits_and_closes),
        cmocka_unit_test(test_files_are_written_whole_and_errors_name_the_path),
        cmocka_unit_test(test_errors_keep_their_text_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
