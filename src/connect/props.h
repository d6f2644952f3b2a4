/* The settings of a connector: text pairs in the order they came. Caller's lock; {0} is a valid empty list. */
#pragma once
#include "net/json.h"

#define HW_PROPS_MAX 2000 /* keys in one connector's configuration */

struct hw_prop {
    char *key, *value;
};
struct hw_props {
    struct hw_prop *items;
    size_t count, capacity;
};
const char *hw_props_get(const struct hw_props *props, const char *key); /* NULL when absent */
void hw_props_set(struct hw_props *props, const char *key, const char *value);
bool hw_props_remove(struct hw_props *props, const char *key);
void hw_props_copy(struct hw_props *out, const struct hw_props *from);   /* out is overwritten, not freed */
bool hw_props_equal(const struct hw_props *a, const struct hw_props *b); /* order does not matter */
void hw_props_done(struct hw_props *props);
/* Scalars become text as Java's REST does it, null members are left out; objects and arrays are refused. */
HW_MUST_CHECK int hw_props_from_json(yyjson_val *object, struct hw_props *out, struct hw_err *err);
/* The text of a JSON scalar (malloc'd), or NULL when it is null, an object or an array. */
char *hw_json_scalar_text(yyjson_val *value);
void hw_props_to_json(const struct hw_props *props, struct hw_buf *out);
