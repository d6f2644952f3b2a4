/* Offsets of partitions. */
#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct hw_topic_offset *find(const struct hw_offsets *offsets, const char *topic, int32_t partition) {
    for (size_t i = 0; i < offsets->count; i++)
        if (offsets->items[i].partition == partition && strcmp(offsets->items[i].topic, topic) == 0)
            return &offsets->items[i];
    return NULL;
}

void hw_offsets_set(struct hw_offsets *offsets, const char *topic, int32_t partition, int64_t next_offset) {
    struct hw_topic_offset *item = find(offsets, topic, partition);
    if (!item) {
        if (offsets->count == offsets->capacity) {
            offsets->capacity = offsets->capacity ? offsets->capacity * 2 : 8;
            offsets->items = hw_xrealloc(offsets->items, offsets->capacity * sizeof *offsets->items);
        }
        item = &offsets->items[offsets->count++];
        *item = (struct hw_topic_offset){.partition = partition};
        snprintf(item->topic, sizeof item->topic, "%s", topic);
    }
    item->next_offset = next_offset;
}

int64_t hw_offsets_get(const struct hw_offsets *offsets, const char *topic, int32_t partition) {
    struct hw_topic_offset *item = find(offsets, topic, partition);
    return item ? item->next_offset : -1;
}

void hw_offsets_done(struct hw_offsets *offsets) {
    free(offsets->items);
    *offsets = (struct hw_offsets){0};
}
