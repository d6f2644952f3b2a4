#include "connect/offsets.h"

#include <stdlib.h>
#include <string.h>

#define MAX_OFFSET_BYTES (1u << 20)

void hw_source_offsets_apply(struct hw_source_offsets *offsets, struct hw_slice key, struct hw_slice value) {
    if (!key.data || key.size > MAX_OFFSET_BYTES || value.size > MAX_OFFSET_BYTES || memchr(key.data, 0, key.size))
        return;
    HW_CLEANUP(hw_freep) char *name = hw_xstrndup((const char *)key.data, key.size);
    bool is_null = !value.data || (value.size == 4 && memcmp(value.data, "null", 4) == 0);
    char *old = is_null ? hw_map_remove(&offsets->entries, name)
                        : hw_map_put(&offsets->entries, name, hw_xstrndup((const char *)value.data, value.size));
    free(old);
}

char *hw_source_offset_key(const char *connector, const char *partition) {
    HW_CLEANUP(hw_buf_done) struct hw_buf key = {0};
    hw_buf_add_char(&key, '[');
    hw_buf_add_json_str(&key, connector, strlen(connector));
    hw_buf_printf(&key, ",%s]", partition);
    return hw_xstrdup(hw_buf_str(&key));
}

const char *hw_source_offsets_get(const struct hw_source_offsets *offsets, const char *connector,
                                  const char *partition) {
    HW_CLEANUP(hw_freep) char *key = hw_source_offset_key(connector, partition);
    return hw_map_get(&offsets->entries, key);
}

/* The partition of a key when it is one of this connector's, else NULL; the document is the caller's. */
static yyjson_val *key_partition(const char *key, const char *connector, yyjson_doc **out_doc) {
    struct hw_err err = {0};
    if (hw_json_parse(key, strlen(key), out_doc, &err) < 0)
        return NULL;
    yyjson_val *root = yyjson_doc_get_root(*out_doc);
    yyjson_val *name = yyjson_arr_get_first(root);
    if (yyjson_arr_size(root) != 2 || !yyjson_is_str(name) || strcmp(yyjson_get_str(name), connector) != 0)
        return NULL;
    return yyjson_arr_get(root, 1);
}

void hw_source_offsets_list(const struct hw_source_offsets *offsets, const char *connector, struct hw_buf *out) {
    size_t at = 0;
    const char *key;
    void *value;
    bool first = true;
    while (hw_map_next(&offsets->entries, &at, &key, &value)) {
        HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
        HW_CLEANUP(hw_json_freep) yyjson_doc *offset = NULL;
        struct hw_err err = {0};
        yyjson_val *partition = key_partition(key, connector, &doc);
        if (!partition || hw_json_parse(value, strlen(value), &offset, &err) < 0)
            continue;
        hw_buf_add_str(out, first ? "{\"partition\":" : ",{\"partition\":");
        first = false;
        hw_json_write_val(partition, out);
        hw_buf_add_str(out, ",\"offset\":");
        hw_json_write_val(yyjson_doc_get_root(offset), out);
        hw_buf_add_char(out, '}');
    }
}

size_t hw_source_offsets_keys(const struct hw_source_offsets *offsets, const char *connector, char ***out_keys) {
    size_t at = 0, count = 0;
    const char *key;
    void *value;
    *out_keys = hw_xcalloc(offsets->entries.count + 1, sizeof(char *));
    while (hw_map_next(&offsets->entries, &at, &key, &value)) {
        HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
        if (key_partition(key, connector, &doc))
            (*out_keys)[count++] = hw_xstrdup(key);
    }
    return count;
}

const char *hw_source_offsets_find(const struct hw_source_offsets *offsets, const char *connector,
                                   yyjson_val *partition) {
    size_t at = 0;
    const char *key;
    void *value;
    while (hw_map_next(&offsets->entries, &at, &key, &value)) {
        HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
        yyjson_val *known = key_partition(key, connector, &doc);
        if (known && yyjson_equals(known, partition))
            return key;
    }
    return NULL;
}

void hw_source_offsets_done(struct hw_source_offsets *offsets) {
    size_t at = 0;
    const char *key;
    void *value;
    while (hw_map_next(&offsets->entries, &at, &key, &value))
        free(value);
    hw_map_done(&offsets->entries);
}
