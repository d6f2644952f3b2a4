/* Records of a source that were handed to the producer, in order. Only a prefix without gaps counts: an offset is
 * stored when its record and every earlier one are acknowledged. The task's own thread (delivery reports come on it
 * too). */
#pragma once
#include "base/map.h"

struct hw_inflight_entry {
    struct hw_inflight_entry *next;
    char *source_partition, *source_offset; /* JSON text */
    size_t bytes;
    bool acked;
};
struct hw_inflight {
    struct hw_inflight_entry *first, *last;
    size_t count, bytes;
    struct hw_map ready; /* source partition → newest offset of the acknowledged prefix, not yet stored (malloc'd) */
};
struct hw_inflight_entry *hw_inflight_add(struct hw_inflight *inflight, const char *source_partition,
                                          const char *source_offset, size_t bytes);
/* Marks it and moves the prefix on; entry is gone afterwards when it was in the prefix. Returns how many left. */
size_t hw_inflight_ack(struct hw_inflight *inflight, struct hw_inflight_entry *entry);
void hw_inflight_done(struct hw_inflight *inflight);
