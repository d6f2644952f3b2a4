/* Source offsets inside snapshot summaries: written with the data by one compare-and-swap, so both are there or
 * neither. */
#include "warehouse/appender.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int hw_summary_offsets_parse(const char *json, struct hw_offsets *out, struct hw_err *err)
{
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
    HW_TRY(hw_json_parse(json, strlen(json), &doc, err));
    size_t i, max, j, parts;
    yyjson_val *topic, *partitions, *partition, *next;
    yyjson_obj_foreach(yyjson_doc_get_root(doc), i, max, topic, partitions) {
        yyjson_obj_foreach(partitions, j, parts, partition, next) {
            char *end;
            long number = strtol(yyjson_get_str(partition), &end, 10);
            if (*end || number < 0 || number > INT32_MAX || !yyjson_is_int(next) ||
                yyjson_get_len(topic) >= sizeof(((struct hw_topic_offset *)0)->topic))
                return hw_err_set(err, HW_ERR_FATAL, 0, "the table's summary holds offsets that are none: %.200s",
                                  json);
            hw_offsets_set(out, yyjson_get_str(topic), (int32_t)number, yyjson_get_sint(next));
        }
    }
    return 0;
}

static int by_partition(const void *a, const void *b)
{
    const struct hw_topic_offset *x = a, *y = b;
    int order = strcmp(x->topic, y->topic);
    return order ? order : (x->partition > y->partition) - (x->partition < y->partition);
}

void hw_summary_offsets_format(const struct hw_offsets *offsets, struct hw_buf *out)
{
    HW_CLEANUP(hw_freep) struct hw_topic_offset *sorted = hw_xcalloc(offsets->count + 1, sizeof(*sorted));
    if (offsets->count)
        memcpy(sorted, offsets->items, offsets->count * sizeof(*sorted));
    qsort(sorted, offsets->count, sizeof(*sorted), by_partition);
    hw_buf_add_char(out, '{');
    for (size_t i = 0; i < offsets->count; i++) {
        bool new_topic = i == 0 || strcmp(sorted[i].topic, sorted[i - 1].topic) != 0;
        if (new_topic) {
            hw_buf_add_str(out, i ? "}," : "");
            hw_buf_add_json_str(out, sorted[i].topic, strlen(sorted[i].topic));
            hw_buf_add_str(out, ":{");
        }
        hw_buf_printf(out, "%s\"%d\":%" PRId64, new_topic ? "" : ",", sorted[i].partition, sorted[i].next_offset);
    }
    hw_buf_add_str(out, offsets->count ? "}}" : "}");
}

static bool carries(yyjson_val *snapshot, const char *writer)
{
    size_t i, max, prefix = strlen(HW_OFFSETS_PREFIX);
    yyjson_val *key, *value;
    yyjson_obj_foreach(yyjson_obj_get(snapshot, "summary"), i, max, key, value) {
        if (strncmp(yyjson_get_str(key), HW_OFFSETS_PREFIX, prefix) == 0 &&
            (!writer || strcmp(yyjson_get_str(key) + prefix, writer) == 0))
            return true;
    }
    return false;
}

/* Every snapshot of ours repeats the offsets of all writers, so the nearest one that has any has them all. Snapshots of
 * other engines in between carry none. Where the line breaks off (expired by others), the writer's tag still holds its
 * last one. */
yyjson_val *hw_summary_find(const struct hw_table_view *view, const char *writer)
{
    yyjson_val *snapshot = view->snapshot;
    size_t left = yyjson_arr_size(yyjson_obj_get(view->metadata, "snapshots"));
    for (; snapshot && left > 0; left--) {
        if (carries(snapshot, NULL))
            return snapshot;
        int64_t parent = hw_json_int(snapshot, "parent-snapshot-id", -1);
        if (parent < 0)
            return NULL;
        snapshot = hw_table_view_snapshot(view, parent);
    }
    if (!view->snapshot)
        return NULL;
    HW_CLEANUP(hw_freep) char *tag = hw_xasprintf("highway.%s", writer);
    yyjson_val *ref = yyjson_obj_get(yyjson_obj_get(view->metadata, "refs"), tag);
    snapshot = ref ? hw_table_view_snapshot(view, hw_json_int(ref, "snapshot-id", -1)) : NULL;
    return snapshot && carries(snapshot, writer) ? snapshot : NULL;
}

int hw_summary_offsets_load(const struct hw_table_view *view, const char *writer, struct hw_offsets *out,
                            struct hw_err *err)
{
    yyjson_val *snapshot = hw_summary_find(view, writer);
    if (!snapshot)
        return 0;
    HW_CLEANUP(hw_freep) char *key = hw_xasprintf(HW_OFFSETS_PREFIX "%s", writer);
    const char *json = hw_json_str(yyjson_obj_get(snapshot, "summary"), key);
    return json ? hw_summary_offsets_parse(json, out, err) : 0;
}
