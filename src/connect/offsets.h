/* Source offsets: key ["<connector>",{source partition}] → {offset}, both as raw bytes. The bytes of a key are its
 * identity (they choose its partition and drive compaction), so what was read is kept and written back unchanged.
 * Caller's lock. */
#pragma once
#include "base/map.h"
#include "net/json.h"

struct hw_source_offsets {
    struct hw_map entries; /* key text → value text (malloc'd) */
};
void hw_source_offsets_apply(struct hw_source_offsets *offsets, struct hw_slice key, struct hw_slice value);
/* The key's bytes as Java's JsonConverter writes them. malloc'd. */
char *hw_source_offset_key(const char *connector, const char *partition);
const char *hw_source_offsets_get(const struct hw_source_offsets *offsets, const char *connector,
                                  const char *partition);
/* Appends {"partition":…,"offset":…},… of one connector. */
void hw_source_offsets_list(const struct hw_source_offsets *offsets, const char *connector, struct hw_buf *out);
/* The raw keys of one connector: malloc'd strings in a malloc'd array; count is returned. */
size_t hw_source_offsets_keys(const struct hw_source_offsets *offsets, const char *connector, char ***out_keys);
/* The raw key stored for this partition whatever its blanks or member order, or NULL. Borrowed. */
const char *hw_source_offsets_find(const struct hw_source_offsets *offsets, const char *connector,
                                   yyjson_val *partition);
void hw_source_offsets_done(struct hw_source_offsets *offsets);
