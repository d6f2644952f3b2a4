/* Appends made-up events from a table's own offset on, so that integration tests can kill things in the middle.
 * append_tool CATALOG_URI TABLE WRITER TOPIC PARTITION UP_TO_OFFSET ROWS_PER_COMMIT [PAUSE_MS]
 * Prints a line "committed N" per commit. Exit 0 = all there, 3 = told to be a zombie, 1 = anything else. */
#include "warehouse/warehouse.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int append(struct hw_table_appender *appender, const char *topic, int32_t partition, int64_t from, int64_t to,
                  struct hw_err *err)
{
    for (int64_t offset = from; offset < to; offset++) {
        char id[64], payload[128];
        snprintf(id, sizeof(id), "%s-%d-%" PRId64, topic, partition, offset);
        int size = snprintf(payload, sizeof(payload), "{\"package\":\"p%" PRId64 "\",\"n\":%" PRId64 ",\"ü\":null}",
                            offset % 7, offset);
        const struct hw_table_row row = {.id = id,
                                         .version = "1",
                                         .event_name = topic,
                                         .timestamp_us = INT64_C(1790000000000000) + offset * INT64_C(60000000),
                                         .payload = {(const uint8_t *)payload, (size_t)size},
                                         .topic = topic,
                                         .partition = partition,
                                         .offset = offset,
                                         .kafka_timestamp_ms = INT64_C(1790000000000) + offset};
        HW_TRY(hw_table_appender_add(appender, &row, 1, err));
    }
    return 0;
}

static int commit(struct hw_table_appender *appender, const struct hw_offsets *next, struct hw_err *err)
{
    for (int round = 0; round < 200; round++) {
        if (hw_table_appender_commit(appender, next, err) == 0)
            return 0;
        if (err->kind != HW_ERR_RETRY)
            return -1;
        fprintf(stderr, "again: %s\n", err->text);
        usleep(100000);
    }
    return -1;
}

static int run(char **argv, struct hw_table_appender *appender, struct hw_err *err)
{
    const char *topic = argv[4];
    int32_t partition = atoi(argv[5]);
    int64_t last = atoll(argv[6]), step = atoll(argv[7]), next;
    HW_TRY(hw_table_appender_offset(appender, topic, partition, &next, err));
    for (next = next < 0 ? 0 : next; next < last;) {
        int64_t to = HW_MIN(next + step, last);
        struct hw_offsets offsets = {0};
        hw_offsets_set(&offsets, topic, partition, to);
        int result = append(appender, topic, partition, next, to, err);
        if (result == 0)
            result = commit(appender, &offsets, err);
        hw_offsets_done(&offsets);
        if (result < 0)
            return -1;
        next = to;
        printf("committed %" PRId64 "\n", next);
        fflush(stdout);
        if (argv[8])
            usleep((useconds_t)atoi(argv[8]) * 1000);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 8)
        return 2;
    const struct hw_table_options options = {
        .catalog_uri = argv[1], .table = argv[2], .writer = argv[3], .scratch_dir = "/tmp"};
    struct hw_table_appender *appender = NULL;
    struct hw_err err = {0};
    int result = hw_table_appender_open(&options, &appender, &err);
    if (result == 0)
        result = run(argv, appender, &err);
    if (result < 0)
        fprintf(stderr, "%s: %s\n", hw_err_kind_name(err.kind), err.text);
    hw_table_appender_free(appender);
    return result == 0 ? 0 : err.kind == HW_ERR_FATAL ? 3 : 1;
}
