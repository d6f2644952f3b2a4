/* The warehouse sink: a thin shell around hw_table_appender.
 *
 * Table snapshot first, Kafka offsets second. The snapshot records the offsets it covers, and an assignment trusts
 * those over the group's, so dying in between neither loses nor doubles a batch. */
#include "connectors/warehouse/warehouse_sink.h"

#include "base/fs.h"
#include "event/envelope.h"
#include "net/http_client.h"
#include "warehouse/warehouse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sink {
    struct hw_task *task;
    struct hw_table_appender *appender;
    struct hw_offsets first, next; /* of what was put since the last commit: first offset, last offset + 1 */
    int64_t interval_ms;
    size_t max_rows, max_bytes;
    int64_t first_put_ms;         /* monotonic, of the rows waiting; 0 = none wait */
    bool half_put;                /* rows may be half in: only an assignment or a restart gets out of this */
    struct hw_event_parts *parts; /* of a batch, grown as needed */
    struct hw_table_row *rows;
    size_t capacity;
};

/* --- Configuration ------------------------------------------------------------------------------------------------- */
static const struct hw_config_field fields[] = {
    {.name = "table",
     .type = HW_CONFIG_STRING,
     .required = true,
     .importance = HW_CONFIG_HIGH,
     .group = "Table",
     .display_name = "Table",
     .doc = "Table to append to, as namespace.table (a-z, 0-9, _). Created when it is missing."},
    {.name = "catalog.uri",
     .type = HW_CONFIG_STRING,
     .importance = HW_CONFIG_MEDIUM,
     .group = "Table",
     .display_name = "Catalog",
     .doc = "Address of an Iceberg REST catalog. Default: the platform's own."},
    {.name = "commit.interval.ms",
     .type = HW_CONFIG_LONG,
     .default_value = "30000",
     .unit = "ms",
     .min = 200,
     .max = 3600000,
     .importance = HW_CONFIG_HIGH,
     .group = "Commits",
     .display_name = "Visible within",
     .doc = "Longest time a record waits until it is visible in the table. Shorter means more and smaller files."},
    {.name = "commit.max.rows",
     .type = HW_CONFIG_LONG,
     .default_value = "1000000",
     .unit = "rows",
     .min = 1,
     .max = 100000000,
     .importance = HW_CONFIG_LOW,
     .group = "Commits",
     .display_name = "Rows a commit",
     .doc = "So many waiting rows are committed at once, before the interval ends."},
    {.name = "commit.max.bytes",
     .type = HW_CONFIG_LONG,
     .default_value = "268435456",
     .unit = "bytes",
     .min = 1024,
     .max = 1073741824,
     .importance = HW_CONFIG_LOW,
     .group = "Commits",
     .display_name = "Bytes a commit",
     .doc = "So many waiting bytes are committed at once, before the interval ends. Bounds the task's memory."},
    {.name = NULL},
};

static const char *catalog_uri(const struct hw_config *config)
{
    const char *uri = hw_config_str(config, "catalog.uri"), *fallback = getenv("HIGHWAY_CATALOG_URI");
    if (uri && *uri)
        return uri;
    return fallback && *fallback ? fallback : "http://127.0.0.1:8181";
}

static void add_fault(struct hw_config_faults *faults, const char *key, const char *text)
{
    size_t at = faults->count++;
    if (at >= HW_ARRAY_SIZE(faults->items))
        return;
    snprintf(faults->items[at].key, sizeof(faults->items[at].key), "%s", key);
    snprintf(faults->items[at].text, sizeof(faults->items[at].text), "%s", text);
}

static int validate(const struct hw_config *config, struct hw_config_faults *out_faults, struct hw_err *err)
{
    struct hw_err fault = {0};
    size_t before = out_faults->count;
    if (hw_table_name_check(hw_config_str(config, "table"), &fault) < 0)
        add_fault(out_faults, "table", fault.text);
    HW_CLEANUP(hw_freep) char *url = hw_xasprintf("%s/v1/config", catalog_uri(config));
    HW_CLEANUP(hw_http_response_done) struct hw_http_response response = {0};
    const struct hw_http_call call = {.method = "GET", .url = url, .timeout_ms = 5000};
    char text[360];
    if (hw_http_call(&call, &response, &fault) < 0) {
        snprintf(text, sizeof(text), "the catalog %.100s cannot be reached: %.200s", catalog_uri(config), fault.text);
        add_fault(out_faults, "catalog.uri", text);
    } else if (response.status != 200) {
        snprintf(text, sizeof(text), "%.200s is no Iceberg REST catalog: it answers %d to /v1/config",
                 catalog_uri(config), response.status);
        add_fault(out_faults, "catalog.uri", text);
    }
    if (out_faults->count == before)
        return 0;
    return hw_err_set(err, HW_ERR_CONFIG, 0, "%s",
                      out_faults->items[HW_MIN(before, HW_ARRAY_SIZE(out_faults->items) - 1)].text);
}

/* --- Life ---------------------------------------------------------------------------------------------------------- */
static void stop(void *self)
{
    struct sink *sink = self;
    hw_table_appender_free(sink->appender);
    hw_offsets_done(&sink->first);
    hw_offsets_done(&sink->next);
    free(sink->parts);
    free(sink->rows);
    free(sink);
}

static int start(struct hw_task *task, const struct hw_config *config, void **out_self, struct hw_err *err)
{
    HW_TRY(hw_fs_mkdirs(task->data_dir, err));
    struct sink *sink = hw_xcalloc(1, sizeof(*sink));
    sink->task = task;
    sink->interval_ms = hw_config_int(config, "commit.interval.ms");
    sink->max_rows = (size_t)hw_config_int(config, "commit.max.rows");
    sink->max_bytes = (size_t)hw_config_int(config, "commit.max.bytes");
    const struct hw_table_options options = {.catalog_uri = catalog_uri(config),
                                             .table = hw_config_str(config, "table"),
                                             .writer = task->connector,
                                             .scratch_dir = task->data_dir};
    if (hw_table_appender_open(&options, &sink->appender, err) < 0) {
        stop(sink);
        return -1;
    }
    *out_self = sink;
    return 0;
}

static void nothing_waits(struct sink *sink)
{
    hw_offsets_done(&sink->first);
    hw_offsets_done(&sink->next);
    sink->first = sink->next = (struct hw_offsets){0};
    sink->first_put_ms = 0;
}

/* Whatever waits is dropped and every partition goes on from the table's own offsets: that is right whoever owned it
 * before. A partition the table has nothing of goes on from the first record dropped, else from where the group says.
 */
static int assign(void *self, const struct hw_topic_offset *partitions, size_t count, struct hw_offsets *out_seek,
                  struct hw_err *err)
{
    struct sink *sink = self;
    if (count > 0)
        HW_TRY(hw_table_appender_refresh(sink->appender, err));
    hw_table_appender_discard(sink->appender);
    for (size_t i = 0; i < count; i++) {
        int64_t next;
        HW_TRY(hw_table_appender_offset(sink->appender, partitions[i].topic, partitions[i].partition, &next, err));
        if (next < 0)
            next = hw_offsets_get(&sink->first, partitions[i].topic, partitions[i].partition);
        if (next >= 0)
            hw_offsets_set(out_seek, partitions[i].topic, partitions[i].partition, next);
    }
    nothing_waits(sink);
    sink->half_put = false;
    return 0;
}

/* --- Records ------------------------------------------------------------------------------------------------------- */
static int to_row(const struct hw_record *record, struct hw_event_parts *parts, struct hw_table_row *row,
                  struct hw_err *err)
{
    if (!record->value.data)
        return hw_err_set(err, HW_ERR_DATA, 0,
                          "%s-%d at offset %lld has no value (a tombstone), a table row needs an event", record->topic,
                          record->partition, (long long)record->offset);
    if (hw_event_split(record->value.data, record->value.size, parts, err) < 0) {
        hw_err_prefix(err, "%s-%d at offset %lld is not an event", record->topic, record->partition,
                      (long long)record->offset);
        err->kind = HW_ERR_DATA;
        return -1;
    }
    *row = (struct hw_table_row){.id = parts->id,
                                 .version = parts->version,
                                 .event_name = parts->event_name,
                                 .timestamp_us = parts->timestamp_us,
                                 .payload = parts->payload,
                                 .topic = record->topic,
                                 .partition = record->partition,
                                 .offset = record->offset,
                                 .kafka_timestamp_ms = record->timestamp_ms};
    return 0;
}

static int put(void *self, const struct hw_batch *batch, struct hw_err *err)
{
    struct sink *sink = self;
    if (sink->half_put)
        return hw_err_set(err, HW_ERR_FATAL, 0, "an earlier batch got stuck half way: restart the task");
    size_t rows, bytes;
    hw_table_appender_pending(sink->appender, &rows, &bytes);
    if (bytes >= 2 * sink->max_bytes)
        return hw_err_set(err, HW_ERR_RETRY, 0, "%zu rows wait for their commit: no more until the table takes them",
                          rows);
    if (batch->count > sink->capacity) {
        sink->capacity = batch->count;
        sink->parts = hw_xrealloc(sink->parts, sink->capacity * sizeof(*sink->parts));
        sink->rows = hw_xrealloc(sink->rows, sink->capacity * sizeof(*sink->rows));
    }
    for (size_t i = 0; i < batch->count; i++)
        HW_TRY(to_row(&batch->records[i], &sink->parts[i], &sink->rows[i], err));
    if (hw_table_appender_add(sink->appender, sink->rows, batch->count, err) < 0) {
        sink->half_put = err->kind != HW_ERR_DATA; /* DATA: nothing was added */
        return -1;
    }
    for (size_t i = 0; i < batch->count; i++) {
        const struct hw_record *record = &batch->records[i];
        if (hw_offsets_get(&sink->next, record->topic, record->partition) < 0)
            hw_offsets_set(&sink->first, record->topic, record->partition, record->offset);
        hw_offsets_set(&sink->next, record->topic, record->partition, record->offset + 1);
    }
    if (batch->count && !sink->first_put_ms)
        sink->first_put_ms = hw_mono_ms();
    return 0;
}

static bool due(const struct sink *sink)
{
    size_t rows, bytes;
    hw_table_appender_pending(sink->appender, &rows, &bytes);
    return rows >= sink->max_rows || bytes >= sink->max_bytes || hw_mono_ms() - sink->first_put_ms >= sink->interval_ms;
}

static int flush(void *self, bool force, struct hw_offsets *out_durable, struct hw_err *err)
{
    struct sink *sink = self;
    if (sink->next.count == 0 || (!force && !due(sink)))
        return 0;
    HW_TRY(hw_table_appender_commit(sink->appender, &sink->next, err));
    for (size_t i = 0; i < sink->next.count; i++)
        hw_offsets_set(out_durable, sink->next.items[i].topic, sink->next.items[i].partition,
                       sink->next.items[i].next_offset);
    nothing_waits(sink);
    return 0;
}

static const char *const aliases[] = {"io.highway.WarehouseSink", NULL};

const struct hw_sink_ops hw_warehouse_sink = {
    .abi = HW_PLUGIN_ABI,
    .name = "warehouse",
    .aliases = aliases,
    .version = "0.1.0",
    .doc = "Lands topics in an Iceberg table, each event exactly once.",
    .config = fields,
    .validate = validate,
    .start = start,
    .assign = assign,
    .put = put,
    .flush = flush,
    .stop = stop,
};
