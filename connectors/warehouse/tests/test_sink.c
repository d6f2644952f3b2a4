/* The sink against a catalog in this process: rows land once, offsets are found again, bad records are named. */
#include "connectors/warehouse/warehouse_sink.h"

#include "base/fs.h"
#include "base/settings.h"
#include "catalog/catalog.h"
#include "warehouse/warehouse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[64], uri[64];
static void *catalog;
static struct hw_settings *settings;
static struct hw_err err;

static void no_log(struct hw_task *task, int level, const char *format, ...)
{
}

static struct hw_task task = {.connector = "flow", .count = 1, .log = no_log};

static int set_up(void **state)
{
    const struct hw_settings_section sections[] = {
        {"common", hw_common_fields, NULL}, {"catalog", hw_catalog_role.config, NULL}, {NULL, NULL, NULL}};
    struct hw_config_faults faults = {0};
    char data[96], port[64];
    int number = 21520 + getpid() % 60;
    snprintf(folder, sizeof(folder), "/tmp/hw-sink-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(data, sizeof(data), "common.data.dir=%s", folder);
    snprintf(port, sizeof(port), "catalog.listen.port=%d", number);
    snprintf(uri, sizeof(uri), "http://127.0.0.1:%d", number);
    const char *const sets[] = {data, port, NULL};
    task.data_dir = folder;
    if (hw_settings_load(sections, NULL, sets, &settings, &faults, &err) < 0 ||
        hw_catalog_role.start(settings, &catalog, &err) < 0)
        fail_msg("%s", err.text);
    return 0;
}

static int tear_down(void **state)
{
    hw_catalog_role.stop(catalog);
    hw_settings_free(settings);
    return hw_fs_remove_tree(folder, &err);
}

static struct hw_config *config_of(const char *table, const char *interval)
{
    const struct hw_config_pair pairs[] = {{"table", table}, {"catalog.uri", uri}, {"commit.interval.ms", interval}};
    struct hw_config_faults faults = {0};
    struct hw_config *config = NULL;
    if (hw_config_parse(hw_warehouse_sink.config, pairs, HW_ARRAY_SIZE(pairs), NULL, &config, &faults, &err) < 0)
        fail_msg("%s", err.text);
    return config;
}

static struct hw_record event(int partition, int64_t offset, char buffer[256])
{
    int size =
        snprintf(buffer, 256,
                 "{\"metadata\":{\"id\":\"%d-%lld\",\"timestamp\":\"2026-11-20T20:00:00.000000Z\",\"version\":\"1\"},"
                 "\"payload\":{\"n\":%lld},\"event_name\":\"e\"}",
                 partition, (long long)offset, (long long)offset);
    return (struct hw_record){.topic = "t",
                              .partition = partition,
                              .offset = offset,
                              .timestamp_ms = 1795000000000,
                              .value = {(const uint8_t *)buffer, (size_t)size}};
}

static void put(void *self, int partition, int64_t from, int64_t to)
{
    for (int64_t offset = from; offset < to; offset++) {
        char buffer[256];
        const struct hw_record record = event(partition, offset, buffer);
        const struct hw_batch batch = {&record, 1};
        if (hw_warehouse_sink.put(self, &batch, &err) < 0)
            fail_msg("%s", err.text);
    }
}

static int64_t seek_of(void *self, int partition)
{
    const struct hw_topic_offset at = {.topic = "t", .partition = partition, .next_offset = -1};
    struct hw_offsets seek = {0};
    if (hw_warehouse_sink.assign(self, &at, 1, &seek, &err) < 0)
        fail_msg("%s", err.text);
    int64_t next = hw_offsets_get(&seek, "t", partition);
    hw_offsets_done(&seek);
    return next;
}

static int64_t flushed(void *self, bool force, int partition)
{
    struct hw_offsets durable = {0};
    if (hw_warehouse_sink.flush(self, force, &durable, &err) < 0)
        fail_msg("%s", err.text);
    int64_t next = hw_offsets_get(&durable, "t", partition);
    hw_offsets_done(&durable);
    return next;
}

static void assert_rows(const char *table, const char *count)
{
    struct hw_buf out = {0};
    char sql[128];
    snprintf(sql, sizeof(sql), "SELECT count(*), count(DISTINCT event_id) FROM %s", table);
    const struct hw_sql_options options = {.catalog_uri = uri};
    if (hw_sql_run(&options, sql, &out, &err) < 0)
        fail_msg("%s", err.text);
    snprintf(sql, sizeof(sql), "\"rows\":[[\"%s\",\"%s\"]]", count, count);
    if (!strstr(hw_buf_str(&out), sql))
        fail_msg("%s", hw_buf_str(&out));
    hw_buf_done(&out);
}

static void offsets_come_from_the_table(void **state)
{
    void *self = NULL;
    struct hw_config *config = config_of("a.first", "200");
    if (hw_warehouse_sink.start(&task, config, &self, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(seek_of(self, 0), -1);
    put(self, 0, 5, 15);
    assert_int_equal(seek_of(self, 0), 5); /* dropped before any commit: read them again */
    put(self, 0, 5, 15);
    assert_int_equal(flushed(self, true, 0), 15);
    assert_int_equal(flushed(self, true, 0), -1); /* nothing new */
    put(self, 0, 15, 17);
    assert_int_equal(seek_of(self, 0), 15); /* dropped again */
    hw_warehouse_sink.stop(self);
    if (hw_warehouse_sink.start(&task, config, &self, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(seek_of(self, 0), 15);
    assert_int_equal(seek_of(self, 1), -1);
    put(self, 1, 0, 3);
    assert_int_equal(flushed(self, false, 1), -1); /* not due yet */
    usleep(250000);
    assert_int_equal(flushed(self, false, 1), 3);
    hw_warehouse_sink.stop(self);
    hw_config_free(config);
    assert_rows("a.first", "13");
}

static void a_zombie_is_told(void **state)
{
    void *old = NULL, *new = NULL;
    struct hw_offsets durable = {0};
    struct hw_config *config = config_of("a.second", "200");
    assert_int_equal(hw_warehouse_sink.start(&task, config, &old, &err), 0);
    assert_int_equal(seek_of(old, 0), -1);
    put(old, 0, 0, 4);
    assert_int_equal(hw_warehouse_sink.start(&task, config, &new, &err), 0);
    assert_int_equal(seek_of(new, 0), -1);
    put(new, 0, 0, 6);
    assert_int_equal(flushed(new, true, 0), 6);
    assert_int_equal(hw_warehouse_sink.flush(old, true, &durable, &err), -1);
    assert_int_equal(err.kind, HW_ERR_FATAL);
    assert_int_equal(durable.count, 0);
    hw_warehouse_sink.stop(old);
    hw_warehouse_sink.stop(new);
    hw_config_free(config);
    assert_rows("a.second", "6");
}

static void bad_records_are_named_and_nothing_of_their_batch_is_put(void **state)
{
    static const char *const bad[] = {"not json", "{}", "[]", "{\"payload\":{}}", ""};
    void *self = NULL;
    struct hw_config *config = config_of("a.third", "200");
    assert_int_equal(hw_warehouse_sink.start(&task, config, &self, &err), 0);
    for (size_t i = 0; i <= HW_ARRAY_SIZE(bad); i++) {
        char buffer[256];
        struct hw_record records[2] = {event(0, 0, buffer), {.topic = "t", .partition = 0, .offset = 1}};
        if (i < HW_ARRAY_SIZE(bad)) /* the last: no value at all */
            records[1].value = (struct hw_slice){(const uint8_t *)bad[i], strlen(bad[i])};
        const struct hw_batch batch = {records, 2};
        assert_int_equal(hw_warehouse_sink.put(self, &batch, &err), -1);
        assert_int_equal(err.kind, HW_ERR_DATA);
        assert_non_null(strstr(err.text, "t-0 at offset 1"));
    }
    put(self, 0, 0, 1);
    assert_int_equal(flushed(self, true, 0), 1);
    hw_warehouse_sink.stop(self);
    hw_config_free(config);
    assert_rows("a.third", "1");
}

static void validation_names_table_and_catalog(void **state)
{
    struct hw_config_faults faults = {0};
    struct hw_config *config = config_of("nodot", "200");
    assert_int_equal(hw_warehouse_sink.validate(config, &faults, &err), -1);
    assert_int_equal(faults.count, 1);
    assert_string_equal(faults.items[0].key, "table");
    hw_config_free(config);
    snprintf(uri, sizeof(uri), "http://127.0.0.1:9");
    config = config_of("a.b", "200");
    faults.count = 0;
    assert_int_equal(hw_warehouse_sink.validate(config, &faults, &err), -1);
    assert_string_equal(faults.items[0].key, "catalog.uri");
    hw_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_come_from_the_table),
        cmocka_unit_test(a_zombie_is_told),
        cmocka_unit_test(bad_records_are_named_and_nothing_of_their_batch_is_put),
        cmocka_unit_test(validation_names_table_and_catalog),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
