/* Open addressing with linear probing; a removed slot keeps a marker until the next growth. */
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

struct hw_map_entry {
    char *key; /* NULL = free, REMOVED = was used */
    void *value;
    uint32_t hash;
};
static char removed_marker[1];
#define REMOVED removed_marker

static uint32_t hash_of(const char *key) {
    return hw_murmur2(key, strlen(key));
}

static struct hw_map_entry *find(const struct hw_map *map, const char *key, uint32_t hash) {
    if (!map->capacity)
        return NULL;
    for (size_t i = hash & (map->capacity - 1);; i = (i + 1) & (map->capacity - 1)) {
        struct hw_map_entry *entry = &map->entries[i];
        if (!entry->key)
            return NULL;
        if (entry->key != REMOVED && entry->hash == hash && strcmp(entry->key, key) == 0)
            return entry;
    }
}

static void place(struct hw_map *map, struct hw_map_entry entry) {
    size_t i = entry.hash & (map->capacity - 1);
    while (map->entries[i].key)
        i = (i + 1) & (map->capacity - 1);
    map->entries[i] = entry;
}

static void grow(struct hw_map *map) {
    struct hw_map old = *map;
    size_t capacity = 16;
    while (capacity < (map->count + 1) * 2)
        capacity *= 2;
    map->entries = hw_xcalloc(capacity, sizeof *map->entries);
    map->capacity = capacity;
    for (size_t i = 0; i < old.capacity; i++)
        if (old.entries[i].key && old.entries[i].key != REMOVED)
            place(map, old.entries[i]);
    map->used = map->count;
    free(old.entries);
}

void *hw_map_get(const struct hw_map *map, const char *key) {
    struct hw_map_entry *entry = find(map, key, hash_of(key));
    return entry ? entry->value : NULL;
}

void *hw_map_put(struct hw_map *map, const char *key, void *value) {
    uint32_t hash = hash_of(key);
    struct hw_map_entry *entry = find(map, key, hash);
    if (entry) {
        void *old = entry->value;
        entry->value = value;
        return old;
    }
    if ((map->used + 1) * 4 > map->capacity * 3)
        grow(map);
    place(map, (struct hw_map_entry){.key = hw_xstrdup(key), .value = value, .hash = hash});
    map->count++;
    map->used++;
    return NULL;
}

void *hw_map_remove(struct hw_map *map, const char *key) {
    struct hw_map_entry *entry = find(map, key, hash_of(key));
    if (!entry)
        return NULL;
    void *value = entry->value;
    free(entry->key);
    *entry = (struct hw_map_entry){.key = REMOVED};
    map->count--;
    return value;
}

bool hw_map_next(const struct hw_map *map, size_t *at, const char **out_key, void **out_value) {
    for (; *at < map->capacity; (*at)++) {
        struct hw_map_entry *entry = &map->entries[*at];
        if (!entry->key || entry->key == REMOVED)
            continue;
        if (out_key)
            *out_key = entry->key;
        if (out_value)
            *out_value = entry->value;
        (*at)++;
        return true;
    }
    return false;
}

void hw_map_done(struct hw_map *map) {
    for (size_t i = 0; i < map->capacity; i++)
        if (map->entries[i].key != REMOVED)
            free(map->entries[i].key);
    free(map->entries);
    *map = (struct hw_map){0};
}
