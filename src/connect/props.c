#include "connect/props.h"

#include <stdlib.h>
#include <string.h>

static struct hw_prop *find(const struct hw_props *props, const char *key) {
    for (size_t i = 0; i < props->count; i++)
        if (strcmp(props->items[i].key, key) == 0)
            return &props->items[i];
    return NULL;
}

const char *hw_props_get(const struct hw_props *props, const char *key) {
    const struct hw_prop *found = find(props, key);
    return found ? found->value : NULL;
}

void hw_props_set(struct hw_props *props, const char *key, const char *value) {
    struct hw_prop *found = find(props, key);
    if (found) {
        char *fresh = hw_xstrdup(value);
        free(found->value);
        found->value = fresh;
        return;
    }
    if (props->count == props->capacity) {
        props->capacity = props->capacity ? props->capacity * 2 : 16;
        props->items = hw_xrealloc(props->items, props->capacity * sizeof(*props->items));
    }
    props->items[props->count++] = (struct hw_prop){.key = hw_xstrdup(key), .value = hw_xstrdup(value)};
}

bool hw_props_remove(struct hw_props *props, const char *key) {
    struct hw_prop *found = find(props, key);
    if (!found)
        return false;
    size_t at = (size_t)(found - props->items);
    free(found->key);
    free(found->value);
    memmove(found, found + 1, (props->count - at - 1) * sizeof(*found));
    props->count--;
    return true;
}

void hw_props_copy(struct hw_props *out, const struct hw_props *from) {
    *out = (struct hw_props){0};
    for (size_t i = 0; i < from->count; i++)
        hw_props_set(out, from->items[i].key, from->items[i].value);
}

bool hw_props_equal(const struct hw_props *a, const struct hw_props *b) {
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const char *other = hw_props_get(b, a->items[i].key);
        if (!other || strcmp(other, a->items[i].value) != 0)
            return false;
    }
    return true;
}

void hw_props_done(struct hw_props *props) {
    for (size_t i = 0; i < props->count; i++) {
        free(props->items[i].key);
        free(props->items[i].value);
    }
    free(props->items);
    *props = (struct hw_props){0};
}

char *hw_json_scalar_text(yyjson_val *value) {
    if (yyjson_is_str(value))
        return hw_xstrndup(yyjson_get_str(value), yyjson_get_len(value));
    if (!yyjson_is_bool(value) && !yyjson_is_num(value) && !yyjson_is_raw(value))
        return NULL;
    HW_CLEANUP(hw_buf_done) struct hw_buf text = {.limit = 4096};
    if (hw_json_write_val(value, &text) < 0)
        return NULL;
    return hw_xstrdup(hw_buf_str(&text));
}

int hw_props_from_json(yyjson_val *object, struct hw_props *out, struct hw_err *err) {
    if (!yyjson_is_obj(object))
        return hw_err_set(err, HW_ERR_DATA, 400, "the configuration must be a JSON object of text values");
    if (yyjson_obj_size(object) > HW_PROPS_MAX)
        return hw_err_set(err, HW_ERR_DATA, 400, "the configuration has more than %d keys", HW_PROPS_MAX);
    yyjson_obj_iter at = yyjson_obj_iter_with(object);
    yyjson_val *key;
    while ((key = yyjson_obj_iter_next(&at))) {
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        if (yyjson_is_null(value))
            continue;
        HW_CLEANUP(hw_freep) char *text = hw_json_scalar_text(value);
        if (!text)
            return hw_err_set(err, HW_ERR_DATA, 400, "the value of \"%.100s\" must be a text, not an object or array",
                              yyjson_get_str(key));
        if (strlen(text) != yyjson_get_len(value) && yyjson_is_str(value))
            return hw_err_set(err, HW_ERR_DATA, 400, "the value of \"%.100s\" holds a NUL character",
                              yyjson_get_str(key));
        hw_props_set(out, yyjson_get_str(key), text);
    }
    return 0;
}

void hw_props_to_json(const struct hw_props *props, struct hw_buf *out) {
    hw_buf_add_char(out, '{');
    for (size_t i = 0; i < props->count; i++) {
        if (i)
            hw_buf_add_char(out, ',');
        hw_buf_add_json_str(out, props->items[i].key, strlen(props->items[i].key));
        hw_buf_add_char(out, ':');
        hw_buf_add_json_str(out, props->items[i].value, strlen(props->items[i].value));
    }
    hw_buf_add_char(out, '}');
}
