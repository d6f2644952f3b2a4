/* String → pointer hash map that owns copies of its keys. One thread, or the caller's lock. {0} is a valid empty map. */
#pragma once
#include "base/base.h"

struct hw_map_entry;
struct hw_map {
    struct hw_map_entry *entries;
    size_t capacity, count, used;
};
void *hw_map_get(const struct hw_map *map, const char *key);
void *hw_map_put(struct hw_map *map, const char *key, void *value); /* returns the value replaced, or NULL; value ≠ NULL */
void *hw_map_remove(struct hw_map *map, const char *key);           /* returns the value taken out, or NULL */
/* size_t at = 0; while (hw_map_next(&map, &at, &key, &value)) …; no changes but removing the current key meanwhile. */
bool hw_map_next(const struct hw_map *map, size_t *at, const char **out_key, void **out_value);
void hw_map_done(struct hw_map *map);
