#include "connect/inflight.h"

#include <stdlib.h>

struct hw_inflight_entry *hw_inflight_add(struct hw_inflight *inflight, const char *source_partition,
                                          const char *source_offset, size_t bytes) {
    struct hw_inflight_entry *entry = hw_xcalloc(1, sizeof(*entry));
    entry->source_partition = source_partition ? hw_xstrdup(source_partition) : NULL;
    entry->source_offset = source_offset ? hw_xstrdup(source_offset) : NULL;
    entry->bytes = bytes;
    if (inflight->last)
        inflight->last->next = entry;
    else
        inflight->first = entry;
    inflight->last = entry;
    inflight->count++;
    inflight->bytes += bytes;
    return entry;
}

static void entry_free(struct hw_inflight_entry *entry) {
    free(entry->source_partition);
    free(entry->source_offset);
    free(entry);
}

size_t hw_inflight_ack(struct hw_inflight *inflight, struct hw_inflight_entry *entry) {
    size_t left = 0;
    entry->acked = true;
    while (inflight->first && inflight->first->acked) {
        struct hw_inflight_entry *head = inflight->first;
        inflight->first = head->next;
        if (!inflight->first)
            inflight->last = NULL;
        inflight->count--;
        inflight->bytes -= head->bytes;
        if (head->source_partition && head->source_offset)
            free(hw_map_put(&inflight->ready, head->source_partition, HW_STEAL(head->source_offset)));
        entry_free(head);
        left++;
    }
    return left;
}

void hw_inflight_done(struct hw_inflight *inflight) {
    while (inflight->first) {
        struct hw_inflight_entry *head = inflight->first;
        inflight->first = head->next;
        entry_free(head);
    }
    size_t at = 0;
    const char *key;
    void *value;
    while (hw_map_next(&inflight->ready, &at, &key, &value))
        free(value);
    hw_map_done(&inflight->ready);
    *inflight = (struct hw_inflight){0};
}
