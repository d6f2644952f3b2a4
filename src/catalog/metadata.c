/* Table metadata: creation, requirements, the metadata log. The updates themselves are in update.c. */
#include "catalog/metadata.h"

#include "catalog/metadata_json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* --- Reading and changing members ---------------------------------------------------------------------------------- */
int64_t hw_mut_int(yyjson_mut_val *object, const char *key, int64_t otherwise)
{
    yyjson_mut_val *value = yyjson_mut_obj_get(object, key);
    return yyjson_mut_is_int(value) ? yyjson_mut_get_sint(value) : otherwise;
}

void hw_mut_put(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, yyjson_mut_val *value)
{
    yyjson_mut_obj_put(object, yyjson_mut_strcpy(doc, key), value);
}

void hw_mut_put_int(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, int64_t value)
{
    hw_mut_put(doc, object, key, yyjson_mut_sint(doc, value));
}

yyjson_mut_val *hw_mut_list(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key)
{
    yyjson_mut_val *list = yyjson_mut_obj_get(object, key);
    if (yyjson_mut_is_arr(list))
        return list;
    list = yyjson_mut_arr(doc);
    hw_mut_put(doc, object, key, list);
    return list;
}

yyjson_mut_val *hw_mut_object(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key)
{
    yyjson_mut_val *member = yyjson_mut_obj_get(object, key);
    if (yyjson_mut_is_obj(member))
        return member;
    member = yyjson_mut_obj(doc);
    hw_mut_put(doc, object, key, member);
    return member;
}

yyjson_mut_val *hw_mut_find(yyjson_mut_val *list, const char *key, int64_t id)
{
    size_t i, max;
    yyjson_mut_val *item;
    yyjson_mut_arr_foreach(list, i, max, item) {
        if (hw_mut_int(item, key, INT64_MIN) == id)
            return item;
    }
    return NULL;
}

/* The largest field id of a type, nested ones included. Depth is bounded by the parser. */
int64_t hw_highest_field_id(yyjson_mut_val *type)
{
    static const char *const ids[] = {"id", "element-id", "key-id", "value-id"};
    static const char *const nested[] = {"type", "element", "key", "value"};
    int64_t highest = 0;
    if (!yyjson_mut_is_obj(type))
        return 0;
    for (size_t i = 0; i < HW_ARRAY_SIZE(ids); i++)
        highest = HW_MAX(highest, hw_mut_int(type, ids[i], 0));
    for (size_t i = 0; i < HW_ARRAY_SIZE(nested); i++)
        highest = HW_MAX(highest, hw_highest_field_id(yyjson_mut_obj_get(type, nested[i])));
    size_t i, max;
    yyjson_mut_val *field;
    yyjson_mut_arr_foreach(yyjson_mut_obj_get(type, "fields"), i, max, field) {
        highest = HW_MAX(highest, hw_highest_field_id(field));
    }
    return highest;
}

/* Gives ids to partition fields that have none; returns the highest id, at least `last`. */
int64_t hw_number_partition_fields(yyjson_mut_doc *doc, yyjson_mut_val *spec, int64_t last)
{
    size_t i, max;
    yyjson_mut_val *field;
    yyjson_mut_arr_foreach(yyjson_mut_obj_get(spec, "fields"), i, max, field) {
        last = HW_MAX(last, hw_mut_int(field, "field-id", 0));
    }
    yyjson_mut_arr_foreach(yyjson_mut_obj_get(spec, "fields"), i, max, field) {
        if (hw_mut_int(field, "field-id", -1) < 0)
            hw_mut_put_int(doc, field, "field-id", ++last);
    }
    return last;
}

/* --- Creating ------------------------------------------------------------------------------------------------------ */
yyjson_mut_doc *hw_metadata_blank(const char *location, int64_t now_ms)
{
    static const char *const lists[] = {"schemas",      "partition-specs", "sort-orders", "snapshots",
                                        "snapshot-log", "metadata-log",    "statistics",  "partition-statistics"};
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *m = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, m);
    hw_mut_put_int(doc, m, "format-version", 2);
    hw_mut_put(doc, m, "location", yyjson_mut_strcpy(doc, location));
    hw_mut_put_int(doc, m, "last-sequence-number", 0);
    hw_mut_put_int(doc, m, "last-updated-ms", now_ms);
    hw_mut_put_int(doc, m, "last-column-id", 0);
    hw_mut_put_int(doc, m, "current-schema-id", -1);
    hw_mut_put_int(doc, m, "default-spec-id", -1);
    hw_mut_put_int(doc, m, "last-partition-id", 999);
    hw_mut_put_int(doc, m, "default-sort-order-id", -1);
    hw_mut_put(doc, m, "properties", yyjson_mut_obj(doc));
    hw_mut_put_int(doc, m, "current-snapshot-id", -1);
    hw_mut_put(doc, m, "refs", yyjson_mut_obj(doc));
    for (size_t i = 0; i < HW_ARRAY_SIZE(lists); i++)
        hw_mut_put(doc, m, lists[i], yyjson_mut_arr(doc));
    return doc;
}

static int check_version(yyjson_val *properties, struct hw_err *err)
{
    const char *version = hw_json_str(properties, "format-version");
    if (version && strcmp(version, "2") != 0)
        return hw_err_set(err, HW_ERR_DATA, 400, "format-version %.20s is not supported, only 2", version);
    return 0;
}

static void set_properties(yyjson_mut_doc *doc, yyjson_mut_val *to, yyjson_val *from)
{
    size_t i, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(from, i, max, key, value) {
        if (yyjson_is_str(value) && strcmp(yyjson_get_str(key), "format-version") != 0)
            hw_mut_put(doc, to, yyjson_get_str(key), yyjson_val_mut_copy(doc, value));
    }
}

int hw_metadata_create(yyjson_val *request, const char *location, const char *uuid, int64_t now_ms,
                       yyjson_mut_doc **out_doc, struct hw_err *err)
{
    HW_CLEANUP(hw_json_mut_freep) yyjson_mut_doc *doc = hw_metadata_blank(location, now_ms);
    yyjson_mut_val *m = yyjson_mut_doc_get_root(doc);
    yyjson_val *properties = yyjson_obj_get(request, "properties");
    HW_TRY(check_version(properties, err));
    if (!yyjson_is_arr(yyjson_obj_get(yyjson_obj_get(request, "schema"), "fields")))
        return hw_err_set(err, HW_ERR_DATA, 400, "the request has no schema with fields");
    yyjson_mut_val *schema = yyjson_val_mut_copy(doc, yyjson_obj_get(request, "schema"));
    yyjson_mut_val *spec = yyjson_val_mut_copy(doc, yyjson_obj_get(request, "partition-spec"));
    yyjson_mut_val *order = yyjson_val_mut_copy(doc, yyjson_obj_get(request, "write-order"));
    if (!yyjson_mut_is_obj(spec))
        spec = yyjson_mut_obj(doc);
    if (!yyjson_mut_is_obj(order))
        order = yyjson_mut_obj(doc);
    hw_mut_put(doc, m, "table-uuid", yyjson_mut_strcpy(doc, uuid));

    hw_mut_put_int(doc, schema, "schema-id", 0);
    yyjson_mut_arr_append(hw_mut_list(doc, m, "schemas"), schema);
    hw_mut_put_int(doc, m, "current-schema-id", 0);
    hw_mut_put_int(doc, m, "last-column-id", hw_highest_field_id(schema));

    hw_mut_put_int(doc, spec, "spec-id", 0);
    hw_mut_list(doc, spec, "fields");
    hw_mut_put_int(doc, m, "last-partition-id", hw_number_partition_fields(doc, spec, 999));
    yyjson_mut_arr_append(hw_mut_list(doc, m, "partition-specs"), spec);
    hw_mut_put_int(doc, m, "default-spec-id", 0);

    int order_id = yyjson_mut_arr_size(hw_mut_list(doc, order, "fields")) ? 1 : 0; /* spec: 0 is the unsorted order */
    hw_mut_put_int(doc, order, "order-id", order_id);
    yyjson_mut_arr_append(hw_mut_list(doc, m, "sort-orders"), order);
    hw_mut_put_int(doc, m, "default-sort-order-id", order_id);
    set_properties(doc, hw_mut_object(doc, m, "properties"), properties);
    HW_TRY(hw_metadata_validate(doc, err));
    *out_doc = HW_STEAL(doc);
    return 0;
}

int hw_metadata_validate(yyjson_mut_doc *doc, struct hw_err *err)
{
    yyjson_mut_val *m = yyjson_mut_doc_get_root(doc);
    if (hw_mut_int(m, "format-version", 0) != 2)
        return hw_err_set(err, HW_ERR_DATA, 400, "the table's format-version is not 2");
    if (!yyjson_mut_is_str(yyjson_mut_obj_get(m, "table-uuid")) ||
        !yyjson_mut_is_str(yyjson_mut_obj_get(m, "location")))
        return hw_err_set(err, HW_ERR_DATA, 400, "the table has no uuid or no location");
    if (!hw_mut_find(yyjson_mut_obj_get(m, "schemas"), "schema-id", hw_mut_int(m, "current-schema-id", -1)))
        return hw_err_set(err, HW_ERR_DATA, 400, "the table's current-schema-id names no schema");
    if (!hw_mut_find(yyjson_mut_obj_get(m, "partition-specs"), "spec-id", hw_mut_int(m, "default-spec-id", -1)))
        return hw_err_set(err, HW_ERR_DATA, 400, "the table's default-spec-id names no partition spec");
    if (!hw_mut_find(yyjson_mut_obj_get(m, "sort-orders"), "order-id", hw_mut_int(m, "default-sort-order-id", -1)))
        return hw_err_set(err, HW_ERR_DATA, 400, "the table's default-sort-order-id names no sort order");
    return 0;
}

/* --- Requirements -------------------------------------------------------------------------------------------------- */
static int conflict(struct hw_err *err, const char *what, int64_t expected, int64_t found)
{
    hw_err_set(err, HW_ERR_DATA, 409, "Requirement failed: %s is %" PRId64 ", expected %" PRId64, what, found,
               expected);
    return HW_METADATA_CONFLICT;
}

static int check_ref(yyjson_val *metadata, yyjson_val *requirement, struct hw_err *err)
{
    const char *name = hw_json_str(requirement, "ref");
    yyjson_val *wanted = yyjson_obj_get(requirement, "snapshot-id");
    if (!name)
        return hw_err_set(err, HW_ERR_DATA, 400, "assert-ref-snapshot-id has no ref");
    yyjson_val *ref = yyjson_obj_get(yyjson_obj_get(metadata, "refs"), name);
    int64_t found = hw_json_int(ref, "snapshot-id", -1);
    if (!ref && strcmp(name, "main") == 0)
        found = hw_json_int(metadata, "current-snapshot-id", -1);
    int64_t expected = yyjson_is_int(wanted) ? yyjson_get_sint(wanted) : -1; /* null: must not exist */
    if (found == expected)
        return 0;
    hw_err_set(err, HW_ERR_DATA, 409, "Requirement failed: %s %.100s is at snapshot %" PRId64 ", expected %" PRId64,
               strcmp(name, "main") == 0 ? "branch" : "ref", name, found, expected);
    return HW_METADATA_CONFLICT;
}

static int check_one(yyjson_val *metadata, yyjson_val *requirement, struct hw_err *err)
{
    static const struct {
        const char *type, *member, *wanted;
    } numbers[] = {
        {"assert-last-assigned-field-id", "last-column-id", "last-assigned-field-id"},
        {"assert-current-schema-id", "current-schema-id", "current-schema-id"},
        {"assert-last-assigned-partition-id", "last-partition-id", "last-assigned-partition-id"},
        {"assert-default-spec-id", "default-spec-id", "default-spec-id"},
        {"assert-default-sort-order-id", "default-sort-order-id", "default-sort-order-id"},
    };
    const char *type = hw_json_str(requirement, "type");
    if (!type)
        return hw_err_set(err, HW_ERR_DATA, 400, "a requirement has no type");
    if (strcmp(type, "assert-create") == 0) {
        if (!metadata)
            return 0;
        hw_err_set(err, HW_ERR_DATA, 409, "Requirement failed: the table exists already");
        return HW_METADATA_CONFLICT;
    }
    if (strcmp(type, "assert-table-uuid") == 0) {
        const char *wanted = hw_json_str(requirement, "uuid"), *found = hw_json_str(metadata, "table-uuid");
        if (!wanted)
            return hw_err_set(err, HW_ERR_DATA, 400, "assert-table-uuid has no uuid");
        if (found && strcasecmp(found, wanted) == 0)
            return 0;
        hw_err_set(err, HW_ERR_DATA, 409, "Requirement failed: UUID is %s, expected %.40s", found ? found : "none",
                   wanted);
        return HW_METADATA_CONFLICT;
    }
    if (strcmp(type, "assert-ref-snapshot-id") == 0)
        return check_ref(metadata, requirement, err);
    for (size_t i = 0; i < HW_ARRAY_SIZE(numbers); i++) {
        if (strcmp(type, numbers[i].type) != 0)
            continue;
        int64_t wanted = hw_json_int(requirement, numbers[i].wanted, INT64_MIN);
        int64_t found = hw_json_int(metadata, numbers[i].member, -1);
        if (wanted == INT64_MIN)
            return hw_err_set(err, HW_ERR_DATA, 400, "%s has no %s", type, numbers[i].wanted);
        return wanted == found ? 0 : conflict(err, numbers[i].member, wanted, found);
    }
    return hw_err_set(err, HW_ERR_DATA, 400, "requirement \"%.80s\" is not known here", type);
}

int hw_metadata_check(yyjson_val *metadata, yyjson_val *requirements, struct hw_err *err)
{
    size_t i, max;
    yyjson_val *requirement;
    if (requirements && !yyjson_is_null(requirements) && !yyjson_is_arr(requirements))
        return hw_err_set(err, HW_ERR_DATA, 400, "requirements is not a list");
    yyjson_arr_foreach(requirements, i, max, requirement) {
        int result = check_one(metadata, requirement, err);
        if (result != 0)
            return result;
    }
    return 0;
}

/* --- The metadata log ---------------------------------------------------------------------------------------------- */
void hw_metadata_log(yyjson_mut_doc *doc, const char *old_location, int64_t old_updated_ms,
                     void (*drop)(const char *location, void *arg), void *arg)
{
    yyjson_mut_val *m = yyjson_mut_doc_get_root(doc);
    yyjson_mut_val *properties = yyjson_mut_obj_get(m, "properties"), *log = hw_mut_list(doc, m, "metadata-log");
    const char *limit_text = yyjson_mut_get_str(yyjson_mut_obj_get(properties, "write.metadata.previous-versions-max"));
    long limit = limit_text ? strtol(limit_text, NULL, 10) : 100;
    limit = limit < 1 || limit > 100 ? 100 : limit;
    yyjson_mut_val *entry = yyjson_mut_obj(doc);
    hw_mut_put_int(doc, entry, "timestamp-ms", old_updated_ms);
    hw_mut_put(doc, entry, "metadata-file", yyjson_mut_strcpy(doc, old_location));
    yyjson_mut_arr_append(log, entry);
    while (yyjson_mut_arr_size(log) > (size_t)limit) {
        yyjson_mut_val *oldest = yyjson_mut_arr_remove_first(log);
        const char *file = yyjson_mut_get_str(yyjson_mut_obj_get(oldest, "metadata-file"));
        if (file && drop)
            drop(file, arg);
    }
}
