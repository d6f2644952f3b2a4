/* The updates of a commit (REST specification, TableUpdate), one function each. */
#include "catalog/metadata.h"
#include "catalog/metadata_json.h"

#include <inttypes.h>
#include <string.h>

struct change {
    yyjson_mut_doc *doc;
    yyjson_mut_val *m;
    int64_t now_ms;
    int64_t last_schema, last_spec, last_order; /* ids added by this commit, -1 = none */
    int64_t snapshot_ms;                        /* time of the newest snapshot added by this commit, -1 = none */
};

static int bad(struct hw_err *err, const char *what)
{
    return hw_err_set(err, HW_ERR_DATA, 400, "%s", what);
}

static int assign_uuid(struct change *c, yyjson_val *update, struct hw_err *err)
{
    const char *uuid = hw_json_str(update, "uuid");
    uint8_t bytes[16];
    if (!uuid || hw_uuid_parse(uuid, strlen(uuid), bytes) < 0)
        return bad(err, "assign-uuid has no sound uuid");
    const char *old = yyjson_mut_get_str(yyjson_mut_obj_get(c->m, "table-uuid"));
    if (old && strcasecmp(old, uuid) != 0)
        return bad(err, "the uuid of a table cannot be changed");
    hw_mut_put(c->doc, c->m, "table-uuid", yyjson_mut_strcpy(c->doc, uuid));
    return 0;
}

static int upgrade_format(struct change *c, yyjson_val *update, struct hw_err *err)
{
    int64_t version = hw_json_int(update, "format-version", 0);
    if (version != 2)
        return hw_err_set(err, HW_ERR_DATA, 400, "format-version %" PRId64 " is not supported, only 2", version);
    return 0;
}

/* Adds item to list under a new id, unless one with the same fields is there already. Returns the id. */
static int64_t add_versioned(struct change *c, const char *list_name, const char *id_name, yyjson_mut_val *item,
                             int64_t first_id)
{
    yyjson_mut_val *list = hw_mut_list(c->doc, c->m, list_name), *other;
    yyjson_mut_val *fields = hw_mut_list(c->doc, item, "fields");
    int64_t next = first_id;
    size_t i, max;
    yyjson_mut_arr_foreach(list, i, max, other) {
        yyjson_mut_val *mine = yyjson_mut_obj_get(item, "identifier-field-ids");
        yyjson_mut_val *theirs = yyjson_mut_obj_get(other, "identifier-field-ids");
        bool same_keys =
            (yyjson_mut_arr_size(mine) == 0 && yyjson_mut_arr_size(theirs) == 0) || yyjson_mut_equals(mine, theirs);
        if (same_keys && yyjson_mut_equals(fields, yyjson_mut_obj_get(other, "fields")))
            return hw_mut_int(other, id_name, 0);
        next = HW_MAX(next, hw_mut_int(other, id_name, -1) + 1);
    }
    hw_mut_put_int(c->doc, item, id_name, next);
    yyjson_mut_arr_append(list, item);
    return next;
}

static int add_schema(struct change *c, yyjson_val *update, struct hw_err *err)
{
    yyjson_val *given = yyjson_obj_get(update, "schema");
    if (!yyjson_is_arr(yyjson_obj_get(given, "fields")))
        return bad(err, "add-schema has no schema with fields");
    yyjson_mut_val *schema = yyjson_val_mut_copy(c->doc, given);
    c->last_schema = add_versioned(c, "schemas", "schema-id", schema, 0);
    int64_t highest = HW_MAX(hw_mut_int(c->m, "last-column-id", 0), hw_highest_field_id(schema));
    hw_mut_put_int(c->doc, c->m, "last-column-id", highest);
    return 0;
}

static int set_current(struct change *c, yyjson_val *update, const char *wanted, int64_t last, const char *list,
                       const char *id_name, const char *member, struct hw_err *err)
{
    int64_t id = hw_json_int(update, wanted, INT64_MIN);
    if (id == -1)
        id = last;
    if (!hw_mut_find(yyjson_mut_obj_get(c->m, list), id_name, id))
        return hw_err_set(err, HW_ERR_DATA, 400, "%s names an id that is not in %s", member, list);
    hw_mut_put_int(c->doc, c->m, member, id);
    return 0;
}

static int set_current_schema(struct change *c, yyjson_val *update, struct hw_err *err)
{
    return set_current(c, update, "schema-id", c->last_schema, "schemas", "schema-id", "current-schema-id", err);
}

static int add_spec(struct change *c, yyjson_val *update, struct hw_err *err)
{
    yyjson_val *given = yyjson_obj_get(update, "spec");
    if (!yyjson_is_arr(yyjson_obj_get(given, "fields")))
        return bad(err, "add-spec has no spec with fields");
    yyjson_mut_val *spec = yyjson_val_mut_copy(c->doc, given);
    int64_t last = hw_number_partition_fields(c->doc, spec, hw_mut_int(c->m, "last-partition-id", 999));
    c->last_spec = add_versioned(c, "partition-specs", "spec-id", spec, 0);
    hw_mut_put_int(c->doc, c->m, "last-partition-id", last);
    return 0;
}

static int set_default_spec(struct change *c, yyjson_val *update, struct hw_err *err)
{
    return set_current(c, update, "spec-id", c->last_spec, "partition-specs", "spec-id", "default-spec-id", err);
}

static int add_sort_order(struct change *c, yyjson_val *update, struct hw_err *err)
{
    yyjson_val *given = yyjson_obj_get(update, "sort-order");
    if (!yyjson_is_arr(yyjson_obj_get(given, "fields")))
        return bad(err, "add-sort-order has no sort-order with fields");
    bool unsorted = yyjson_arr_size(yyjson_obj_get(given, "fields")) == 0;
    c->last_order = add_versioned(c, "sort-orders", "order-id", yyjson_val_mut_copy(c->doc, given), unsorted ? 0 : 1);
    return 0;
}

static int set_default_sort_order(struct change *c, yyjson_val *update, struct hw_err *err)
{
    return set_current(c, update, "sort-order-id", c->last_order, "sort-orders", "order-id", "default-sort-order-id",
                       err);
}

static int add_snapshot(struct change *c, yyjson_val *update, struct hw_err *err)
{
    yyjson_val *snapshot = yyjson_obj_get(update, "snapshot");
    int64_t id = hw_json_int(snapshot, "snapshot-id", -1), sequence = hw_json_int(snapshot, "sequence-number", -1);
    int64_t time_ms = hw_json_int(snapshot, "timestamp-ms", -1), last = hw_mut_int(c->m, "last-sequence-number", 0);
    if (id < 0 || time_ms < 0 || !hw_json_str(snapshot, "manifest-list") ||
        !hw_json_str(yyjson_obj_get(snapshot, "summary"), "operation"))
        return bad(err, "add-snapshot lacks its snapshot-id, timestamp-ms, manifest-list or summary.operation");
    if (hw_mut_find(yyjson_mut_obj_get(c->m, "snapshots"), "snapshot-id", id)) {
        hw_err_set(err, HW_ERR_DATA, 409, "snapshot %" PRId64 " is in the table already", id);
        return HW_METADATA_CONFLICT;
    }
    if (sequence <= last && yyjson_get_sint(yyjson_obj_get(snapshot, "parent-snapshot-id")) != 0) {
        hw_err_set(err, HW_ERR_DATA, 409,
                   "Cannot add a snapshot with sequence number %" PRId64 ": the last one is %" PRId64, sequence, last);
        return HW_METADATA_CONFLICT;
    }
    yyjson_mut_arr_append(hw_mut_list(c->doc, c->m, "snapshots"), yyjson_val_mut_copy(c->doc, snapshot));
    hw_mut_put_int(c->doc, c->m, "last-sequence-number", HW_MAX(sequence, last));
    c->snapshot_ms = time_ms;
    return 0;
}

static int set_snapshot_ref(struct change *c, yyjson_val *update, struct hw_err *err)
{
    static const char *const optional[] = {"min-snapshots-to-keep", "max-snapshot-age-ms", "max-ref-age-ms"};
    const char *name = hw_json_str(update, "ref-name"), *type = hw_json_str(update, "type");
    int64_t id = hw_json_int(update, "snapshot-id", -1);
    yyjson_mut_val *snapshot = hw_mut_find(yyjson_mut_obj_get(c->m, "snapshots"), "snapshot-id", id);
    if (!name || !*name || !type || (strcmp(type, "branch") != 0 && strcmp(type, "tag") != 0))
        return bad(err, "set-snapshot-ref lacks its ref-name or type (branch or tag)");
    if (!snapshot)
        return hw_err_set(err, HW_ERR_DATA, 400, "ref %.100s cannot be set to the unknown snapshot %" PRId64, name, id);
    yyjson_mut_val *ref = yyjson_mut_obj(c->doc);
    hw_mut_put_int(c->doc, ref, "snapshot-id", id);
    hw_mut_put(c->doc, ref, "type", yyjson_mut_strcpy(c->doc, type));
    for (size_t i = 0; i < HW_ARRAY_SIZE(optional); i++)
        if (yyjson_is_int(yyjson_obj_get(update, optional[i])))
            hw_mut_put_int(c->doc, ref, optional[i], hw_json_int(update, optional[i], 0));
    hw_mut_put(c->doc, hw_mut_object(c->doc, c->m, "refs"), name, ref);
    if (strcmp(name, "main") != 0 || hw_mut_int(c->m, "current-snapshot-id", -1) == id)
        return 0;
    hw_mut_put_int(c->doc, c->m, "current-snapshot-id", id);
    yyjson_mut_val *entry = yyjson_mut_obj(c->doc);
    hw_mut_put_int(c->doc, entry, "timestamp-ms", c->snapshot_ms >= 0 ? c->snapshot_ms : c->now_ms);
    hw_mut_put_int(c->doc, entry, "snapshot-id", id);
    yyjson_mut_arr_append(hw_mut_list(c->doc, c->m, "snapshot-log"), entry);
    return 0;
}

static void remove_ref(struct change *c, const char *name)
{
    yyjson_mut_obj_remove_key(yyjson_mut_obj_get(c->m, "refs"), name);
    if (strcmp(name, "main") == 0)
        hw_mut_put_int(c->doc, c->m, "current-snapshot-id", -1);
}

static int remove_snapshot_ref(struct change *c, yyjson_val *update, struct hw_err *err)
{
    const char *name = hw_json_str(update, "ref-name");
    if (!name)
        return bad(err, "remove-snapshot-ref has no ref-name");
    remove_ref(c, name);
    return 0;
}

static bool listed(yyjson_val *ids, int64_t id)
{
    size_t i, max;
    yyjson_val *item;
    yyjson_arr_foreach(ids, i, max, item) {
        if (yyjson_is_int(item) && yyjson_get_sint(item) == id)
            return true;
    }
    return false;
}

/* Keeps the items of a list whose id is not among ids. */
static void filter(struct change *c, const char *list_name, const char *id_name, yyjson_val *ids)
{
    yyjson_mut_val *list = hw_mut_list(c->doc, c->m, list_name), *kept = yyjson_mut_arr(c->doc), *item;
    for (item = yyjson_mut_arr_remove_first(list); item; item = yyjson_mut_arr_remove_first(list))
        if (!listed(ids, hw_mut_int(item, id_name, -1)))
            yyjson_mut_arr_append(kept, item);
    hw_mut_put(c->doc, c->m, list_name, kept);
}

static int remove_snapshots(struct change *c, yyjson_val *update, struct hw_err *err)
{
    yyjson_val *ids = yyjson_obj_get(update, "snapshot-ids");
    if (!yyjson_is_arr(ids))
        return bad(err, "remove-snapshots has no snapshot-ids");
    if (listed(ids, hw_mut_int(c->m, "current-snapshot-id", -1)))
        return bad(err, "remove-snapshots names the current snapshot of main");
    filter(c, "snapshots", "snapshot-id", ids);
    filter(c, "snapshot-log", "snapshot-id", ids);
    filter(c, "statistics", "snapshot-id", ids);
    filter(c, "partition-statistics", "snapshot-id", ids);
    yyjson_mut_val *refs = yyjson_mut_obj_get(c->m, "refs"), *name, *ref;
    for (bool again = true; again;) { /* removing ends the walk */
        size_t i, max;
        again = false;
        yyjson_mut_obj_foreach(refs, i, max, name, ref) {
            if (!listed(ids, hw_mut_int(ref, "snapshot-id", -1)))
                continue;
            remove_ref(c, yyjson_mut_get_str(name));
            again = true;
            break;
        }
    }
    return 0;
}

static int set_location(struct change *c, yyjson_val *update, struct hw_err *err)
{
    const char *location = hw_json_str(update, "location");
    if (!location)
        return bad(err, "set-location has no location");
    hw_mut_put(c->doc, c->m, "location", yyjson_mut_strcpy(c->doc, location)); /* the caller checks where it points */
    return 0;
}

static int set_properties(struct change *c, yyjson_val *update, struct hw_err *err)
{
    yyjson_val *updates = yyjson_obj_get(update, "updates"), *key, *value;
    size_t i, max;
    if (!yyjson_is_obj(updates))
        return bad(err, "set-properties has no updates");
    yyjson_obj_foreach(updates, i, max, key, value) {
        if (!yyjson_is_str(value))
            return hw_err_set(err, HW_ERR_DATA, 400, "property %.100s is not a string", yyjson_get_str(key));
        hw_mut_put(c->doc, hw_mut_object(c->doc, c->m, "properties"), yyjson_get_str(key),
                   yyjson_val_mut_copy(c->doc, value));
    }
    return 0;
}

static int remove_properties(struct change *c, yyjson_val *update, struct hw_err *err)
{
    yyjson_val *removals = yyjson_obj_get(update, "removals"), *key;
    size_t i, max;
    if (!yyjson_is_arr(removals))
        return bad(err, "remove-properties has no removals");
    yyjson_arr_foreach(removals, i, max, key) {
        if (yyjson_is_str(key))
            yyjson_mut_obj_remove_key(hw_mut_object(c->doc, c->m, "properties"), yyjson_get_str(key));
    }
    return 0;
}

static int replace_statistics(struct change *c, yyjson_val *update, const char *list, const char *member,
                              struct hw_err *err)
{
    yyjson_val *given = yyjson_obj_get(update, member);
    int64_t id = hw_json_int(given, "snapshot-id", -1);
    if (!yyjson_is_obj(given) || id < 0)
        return hw_err_set(err, HW_ERR_DATA, 400, "set-%s has no %s with a snapshot-id", member, member);
    yyjson_mut_val *items = hw_mut_list(c->doc, c->m, list), *kept = yyjson_mut_arr(c->doc), *item;
    for (item = yyjson_mut_arr_remove_first(items); item; item = yyjson_mut_arr_remove_first(items))
        if (hw_mut_int(item, "snapshot-id", -1) != id)
            yyjson_mut_arr_append(kept, item);
    yyjson_mut_arr_append(kept, yyjson_val_mut_copy(c->doc, given));
    hw_mut_put(c->doc, c->m, list, kept);
    return 0;
}

static int set_statistics(struct change *c, yyjson_val *update, struct hw_err *err)
{
    return replace_statistics(c, update, "statistics", "statistics", err);
}

static int set_partition_statistics(struct change *c, yyjson_val *update, struct hw_err *err)
{
    return replace_statistics(c, update, "partition-statistics", "partition-statistics", err);
}

static int drop_statistics(struct change *c, yyjson_val *update, const char *list, struct hw_err *err)
{
    int64_t id = hw_json_int(update, "snapshot-id", -1);
    yyjson_mut_val *items = hw_mut_list(c->doc, c->m, list), *kept = yyjson_mut_arr(c->doc), *item;
    if (id < 0)
        return bad(err, "remove-statistics has no snapshot-id");
    for (item = yyjson_mut_arr_remove_first(items); item; item = yyjson_mut_arr_remove_first(items))
        if (hw_mut_int(item, "snapshot-id", -1) != id)
            yyjson_mut_arr_append(kept, item);
    hw_mut_put(c->doc, c->m, list, kept);
    return 0;
}

static int remove_statistics(struct change *c, yyjson_val *update, struct hw_err *err)
{
    return drop_statistics(c, update, "statistics", err);
}

static int remove_partition_statistics(struct change *c, yyjson_val *update, struct hw_err *err)
{
    return drop_statistics(c, update, "partition-statistics", err);
}

static int remove_specs(struct change *c, yyjson_val *update, struct hw_err *err)
{
    yyjson_val *ids = yyjson_obj_get(update, "spec-ids");
    if (!yyjson_is_arr(ids) || listed(ids, hw_mut_int(c->m, "default-spec-id", -1)))
        return bad(err, "remove-partition-specs has no spec-ids or names the default spec");
    filter(c, "partition-specs", "spec-id", ids);
    return 0;
}

static int remove_schemas(struct change *c, yyjson_val *update, struct hw_err *err)
{
    yyjson_val *ids = yyjson_obj_get(update, "schema-ids");
    if (!yyjson_is_arr(ids) || listed(ids, hw_mut_int(c->m, "current-schema-id", -1)))
        return bad(err, "remove-schemas has no schema-ids or names the current schema");
    filter(c, "schemas", "schema-id", ids);
    return 0;
}

static const struct {
    const char *action;
    int (*apply)(struct change *c, yyjson_val *update, struct hw_err *err);
} actions[] = {
    {"assign-uuid", assign_uuid},
    {"upgrade-format-version", upgrade_format},
    {"add-schema", add_schema},
    {"set-current-schema", set_current_schema},
    {"add-spec", add_spec},
    {"set-default-spec", set_default_spec},
    {"add-sort-order", add_sort_order},
    {"set-default-sort-order", set_default_sort_order},
    {"add-snapshot", add_snapshot},
    {"set-snapshot-ref", set_snapshot_ref},
    {"remove-snapshots", remove_snapshots},
    {"remove-snapshot-ref", remove_snapshot_ref},
    {"set-location", set_location},
    {"set-properties", set_properties},
    {"remove-properties", remove_properties},
    {"set-statistics", set_statistics},
    {"remove-statistics", remove_statistics},
    {"set-partition-statistics", set_partition_statistics},
    {"remove-partition-statistics", remove_partition_statistics},
    {"remove-partition-specs", remove_specs},
    {"remove-schemas", remove_schemas},
};

static int apply_one(struct change *c, yyjson_val *update, struct hw_err *err)
{
    const char *action = hw_json_str(update, "action");
    for (size_t i = 0; action && i < HW_ARRAY_SIZE(actions); i++)
        if (strcmp(actions[i].action, action) == 0)
            return actions[i].apply(c, update, err);
    return hw_err_set(err, HW_ERR_DATA, 400, "update \"%.80s\" is not known here", action ? action : "");
}

int hw_metadata_apply(yyjson_mut_doc *doc, yyjson_val *updates, int64_t now_ms, struct hw_err *err)
{
    struct change c = {.doc = doc,
                       .m = yyjson_mut_doc_get_root(doc),
                       .now_ms = now_ms,
                       .last_schema = -1,
                       .last_spec = -1,
                       .last_order = -1,
                       .snapshot_ms = -1};
    size_t i, max;
    yyjson_val *update;
    if (!yyjson_is_arr(updates))
        return bad(err, "the commit has no list of updates");
    yyjson_arr_foreach(updates, i, max, update) {
        int result = apply_one(&c, update, err);
        if (result != 0)
            return result;
    }
    hw_mut_put_int(doc, c.m, "last-updated-ms", c.snapshot_ms >= 0 ? c.snapshot_ms : now_ms);
    return 0;
}
