/* GET /v1/config and everything below /v1/namespaces that is not a table. */
#include "catalog/internal.h"

#include "catalog/metadata_json.h"

#include <stdlib.h>
#include <string.h>

void hw_on_config(struct hw_http_exchange *x, void *arg)
{
    static const char body[] =
        "{\"defaults\":{},\"overrides\":{},\"endpoints\":["
        "\"GET /v1/{prefix}/namespaces\",\"POST /v1/{prefix}/namespaces\",\"GET /v1/{prefix}/namespaces/{namespace}\","
        "\"HEAD /v1/{prefix}/namespaces/{namespace}\",\"DELETE /v1/{prefix}/namespaces/{namespace}\","
        "\"POST /v1/{prefix}/namespaces/{namespace}/properties\",\"GET /v1/{prefix}/namespaces/{namespace}/tables\","
        "\"POST /v1/{prefix}/namespaces/{namespace}/tables\",\"GET "
        "/v1/{prefix}/namespaces/{namespace}/tables/{table}\","
        "\"HEAD /v1/{prefix}/namespaces/{namespace}/tables/{table}\",\"POST "
        "/v1/{prefix}/namespaces/{namespace}/tables/{table}\","
        "\"DELETE /v1/{prefix}/namespaces/{namespace}/tables/{table}\",\"POST "
        "/v1/{prefix}/namespaces/{namespace}/register\","
        "\"POST /v1/{prefix}/namespaces/{namespace}/tables/{table}/metrics\",\"POST /v1/{prefix}/tables/rename\","
        "\"POST /v1/{prefix}/transactions/commit\"]}";
    hw_http_reply(x, 200, "application/json", body, sizeof(body) - 1);
}

/* --- Listing ------------------------------------------------------------------------------------------------------- */
struct children {
    yyjson_mut_doc *doc;
    yyjson_mut_val *list;
    const char *parent; /* NULL: the top */
    char last[256]; /* the child added last; names come sorted, so equal ones follow each other (nearly: see add_child)
                     */
};

/* Adds the level below the parent once, also when only a deeper namespace exists. */
static void add_child(const char *space, const char *unused, void *arg)
{
    struct children *children = arg;
    size_t parent = children->parent ? strlen(children->parent) : 0;
    if (parent && (strncmp(space, children->parent, parent) != 0 || space[parent] != '.'))
        return;
    const char *level = parent ? space + parent + 1 : space;
    HW_CLEANUP(hw_freep) char *child = hw_xstrndup(space, (size_t)(strchrnul(level, '.') - space));
    size_t i, max;
    yyjson_mut_val *known;
    if (strcmp(children->last, child) == 0)
        return;
    yyjson_mut_val *levels = yyjson_mut_arr(children->doc);
    hw_add_levels(children->doc, levels, child);
    yyjson_mut_arr_foreach(children->list, i, max, known) {
        if (yyjson_mut_equals(known, levels))
            return;
    }
    yyjson_mut_arr_append(children->list, levels);
    snprintf(children->last, sizeof(children->last), "%s", child);
}

void hw_on_namespaces_list(struct hw_http_exchange *x, void *arg)
{
    struct hw_catalog *catalog = arg;
    struct hw_err err = {0};
    HW_CLEANUP(hw_freep) char *parent = NULL;
    const char *asked = hw_http_query(x, "parent");
    if (asked && *asked) {
        parent = hw_xstrdup(asked);
        for (char *p = parent; *p; p++)
            if (*p == 0x1f)
                *p = '.';
    }
    HW_CLEANUP(hw_json_mut_freep) yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    struct children children = {.doc = doc, .list = hw_mut_list(doc, root, "namespaces"), .parent = parent};
    int known = parent ? hw_store_namespace_exists(catalog->store, parent, &err) : 0;
    if (known == HW_STORE_MISSING) {
        hw_reply_no_namespace(x, parent);
        return;
    }
    if (known < 0 || hw_store_namespaces(catalog->store, add_child, &children, &err) < 0) {
        hw_reply_failure(x, &err);
        return;
    }
    hw_reply_doc(x, 200, doc);
}

/* --- One namespace ------------------------------------------------------------------------------------------------- */
struct property_list {
    yyjson_mut_doc *doc;
    yyjson_mut_val *object;
};

static void add_property(const char *key, const char *value, void *arg)
{
    struct property_list *list = arg;
    hw_mut_put(list->doc, list->object, key, yyjson_mut_strcpy(list->doc, value ? value : ""));
}

static void reply_namespace(struct hw_http_exchange *x, struct hw_catalog *catalog, const char *space)
{
    struct hw_err err = {0};
    HW_CLEANUP(hw_json_mut_freep) yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    hw_add_levels(doc, hw_mut_list(doc, root, "namespace"), space);
    struct property_list list = {doc, hw_mut_object(doc, root, "properties")};
    if (hw_store_properties(catalog->store, space, add_property, &list, &err) < 0)
        hw_reply_failure(x, &err);
    else
        hw_reply_doc(x, 200, doc);
}

void hw_on_namespace_get(struct hw_http_exchange *x, void *arg)
{
    struct hw_catalog *catalog = arg;
    struct hw_err err = {0};
    HW_CLEANUP(hw_freep) char *space = hw_request_space(x);
    if (!space)
        return;
    int result = hw_store_namespace_exists(catalog->store, space, &err);
    if (result < 0)
        hw_reply_failure(x, &err);
    else if (result == HW_STORE_MISSING)
        hw_reply_no_namespace(x, space);
    else if (strcmp(hw_http_method(x), "HEAD") == 0)
        hw_reply_empty(x);
    else
        reply_namespace(x, catalog, space);
}

/* Pairs borrow from the JSON. NULL when a value is no string (answered). */
static struct hw_store_pair *read_pairs(struct hw_http_exchange *x, yyjson_val *object, yyjson_val *removals,
                                        size_t *out_count)
{
    struct hw_store_pair *pairs = hw_xcalloc(yyjson_obj_size(object) + yyjson_arr_size(removals) + 1, sizeof(*pairs));
    size_t i, max, count = 0;
    yyjson_val *key, *value;
    bool ok = true;
    yyjson_arr_foreach(removals, i, max, key) {
        ok &= yyjson_is_str(key);
        pairs[count++] = (struct hw_store_pair){yyjson_get_str(key), NULL};
    }
    yyjson_obj_foreach(object, i, max, key, value) {
        ok &= yyjson_is_str(value) && yyjson_get_len(key) <= 255 && yyjson_get_len(value) <= 1000;
        pairs[count++] = (struct hw_store_pair){yyjson_get_str(key), yyjson_get_str(value)};
    }
    *out_count = count;
    if (ok)
        return pairs;
    free(pairs);
    hw_reply_error(x, 400, "BadRequestException",
                   "a property is no string, or longer than 255 (name) or 1000 (value) characters");
    return NULL;
}

void hw_on_namespaces_create(struct hw_http_exchange *x, void *arg)
{
    struct hw_catalog *catalog = arg;
    struct hw_err err = {0};
    size_t count;
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = hw_request_json(x);
    if (!doc)
        return;
    yyjson_val *root = yyjson_doc_get_root(doc);
    HW_CLEANUP(hw_freep) char *space = hw_request_levels(x, yyjson_obj_get(root, "namespace"));
    if (!space)
        return;
    HW_CLEANUP(hw_freep) struct hw_store_pair *pairs = read_pairs(x, yyjson_obj_get(root, "properties"), NULL, &count);
    if (!pairs)
        return;
    int result = hw_store_namespace_create(catalog->store, space, pairs, count, &err);
    if (result < 0)
        hw_reply_failure(x, &err);
    else if (result == HW_STORE_EXISTS)
        hw_reply_error(x, 409, "AlreadyExistsException", "Namespace already exists: %s", space);
    else
        reply_namespace(x, catalog, space);
}

void hw_on_namespace_drop(struct hw_http_exchange *x, void *arg)
{
    struct hw_catalog *catalog = arg;
    struct hw_err err = {0};
    HW_CLEANUP(hw_freep) char *space = hw_request_space(x);
    if (!space)
        return;
    int result = hw_store_namespace_drop(catalog->store, space, &err);
    if (result < 0)
        hw_reply_failure(x, &err);
    else if (result == HW_STORE_MISSING)
        hw_reply_no_namespace(x, space);
    else if (result == HW_STORE_NOT_EMPTY)
        hw_reply_error(x, 409, "NamespaceNotEmptyException", "Namespace is not empty: %s; drop its tables first",
                       space);
    else
        hw_reply_empty(x);
}

/* --- Properties ---------------------------------------------------------------------------------------------------- */
void hw_on_namespace_properties(struct hw_http_exchange *x, void *arg)
{
    struct hw_catalog *catalog = arg;
    struct hw_err err = {0};
    size_t count, i, max;
    HW_CLEANUP(hw_freep) char *space = hw_request_space(x);
    if (!space)
        return;
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = hw_request_json(x);
    if (!doc)
        return;
    yyjson_val *root = yyjson_doc_get_root(doc), *key, *value;
    yyjson_val *updates = yyjson_obj_get(root, "updates"), *removals = yyjson_obj_get(root, "removals");
    yyjson_arr_foreach(removals, i, max, key) {
        if (yyjson_is_str(key) && yyjson_obj_get(updates, yyjson_get_str(key))) {
            hw_reply_error(x, 422, "UnprocessableEntityException", "Property %.200s is to be both set and removed",
                           yyjson_get_str(key));
            return;
        }
    }
    HW_CLEANUP(hw_freep) struct hw_store_pair *pairs = read_pairs(x, updates, removals, &count);
    if (!pairs)
        return;
    HW_CLEANUP(hw_json_mut_freep) yyjson_mut_doc *old = yyjson_mut_doc_new(NULL), *answer = yyjson_mut_doc_new(NULL);
    struct property_list before = {old, yyjson_mut_obj(old)};
    yyjson_mut_doc_set_root(old, before.object);
    int result = hw_store_properties(catalog->store, space, add_property, &before, &err);
    if (result == 0)
        result = hw_store_namespace_change(catalog->store, space, pairs, count, &err);
    if (result < 0) {
        hw_reply_failure(x, &err);
        return;
    }
    if (result == HW_STORE_MISSING) {
        hw_reply_no_namespace(x, space);
        return;
    }
    yyjson_mut_val *reply = yyjson_mut_obj(answer);
    yyjson_mut_doc_set_root(answer, reply);
    yyjson_mut_val *updated = hw_mut_list(answer, reply, "updated"), *removed = hw_mut_list(answer, reply, "removed");
    yyjson_mut_val *missing = hw_mut_list(answer, reply, "missing");
    yyjson_obj_foreach(updates, i, max, key, value) {
        yyjson_mut_arr_append(updated, yyjson_val_mut_copy(answer, key));
    }
    yyjson_arr_foreach(removals, i, max, key) {
        yyjson_mut_arr_append(yyjson_mut_obj_get(before.object, yyjson_get_str(key)) ? removed : missing,
                              yyjson_val_mut_copy(answer, key));
    }
    hw_reply_doc(x, 200, answer);
}
