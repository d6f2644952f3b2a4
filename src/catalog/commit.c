/* Commits.
 *
 *   I1  The new metadata file is synced before the database points at it; the pointer moves by compare-and-swap, synced
 * as well. So a kill at any moment leaves the old table or the new one, and at worst a file nobody refers to. I2
 * Requirements are checked against the very metadata the swap replaces. When another process was quicker, everything is
 *       done again on the new base.
 *   I3  Files that left the metadata log are removed only after the swap. */
#include "catalog/internal.h"

#include "catalog/metadata_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 5, TABLES_PER_TRANSACTION = 64 };

struct dropped {
    char *items[256];
    size_t count;
};

/* One table on its way from old_location to new_location. {0} is safe to done. */
struct prepared {
    char *space, *name, *old_location, *new_location;
    struct hw_buf text; /* the new metadata */
    struct dropped dropped;
};

static void prepared_reset(struct prepared *p)
{
    free(p->old_location);
    free(p->new_location);
    for (size_t i = 0; i < p->dropped.count; i++)
        free(p->dropped.items[i]);
    p->old_location = p->new_location = NULL;
    p->dropped.count = 0;
    hw_buf_clear(&p->text);
}

static void prepared_done(struct prepared *p)
{
    prepared_reset(p);
    hw_buf_done(&p->text);
    free(p->space);
    free(p->name);
}

static void note_dropped(const char *location, void *arg)
{
    struct dropped *dropped = arg;
    if (dropped->count < HW_ARRAY_SIZE(dropped->items))
        dropped->items[dropped->count++] = hw_xstrdup(location);
}

static bool asserts_create(yyjson_val *requirements)
{
    size_t i, max;
    yyjson_val *requirement;
    yyjson_arr_foreach(requirements, i, max, requirement) {
        const char *type = hw_json_str(requirement, "type");
        if (type && strcmp(type, "assert-create") == 0)
            return true;
    }
    return false;
}

/* The base a commit works on: the table's file, or a blank for one that is to be created. MISSING as the store says. */
static int load_base(struct hw_catalog *catalog, struct prepared *p, yyjson_val *requirements, yyjson_doc **out_doc,
                     struct hw_err *err)
{
    HW_CLEANUP(hw_buf_done) struct hw_buf text = {0};
    int result = hw_store_table_get(catalog->store, p->space, p->name, &p->old_location, err);
    if (result == HW_STORE_MISSING)
        return asserts_create(requirements) ? 0 : HW_STORE_MISSING;
    HW_TRY(result);
    if (hw_metadata_file_read(catalog, p->old_location, &text, err) < 0) {
        err->kind = err->code == ENOENT ? HW_ERR_RETRY : HW_ERR_FATAL; /* another process moved the table on */
        return -1;
    }
    return hw_json_parse(text.data, text.size, out_doc, err);
}

/* Everything but the swap. > 0: HW_STORE_MISSING. */
static int prepare(struct hw_catalog *catalog, struct prepared *p, yyjson_val *request, struct hw_err *err)
{
    yyjson_val *requirements = yyjson_obj_get(request, "requirements");
    HW_CLEANUP(hw_json_freep) yyjson_doc *base = NULL;
    HW_CLEANUP(hw_json_mut_freep) yyjson_mut_doc *doc = NULL;
    int result = load_base(catalog, p, requirements, &base, err);
    if (result != 0)
        return result;
    if (hw_metadata_check(yyjson_doc_get_root(base), requirements, err) != 0)
        return -1;
    if (base) {
        doc = yyjson_doc_mut_copy(base, NULL);
    } else {
        HW_CLEANUP(hw_freep) char *location = hw_table_location(catalog, p->space, p->name);
        doc = hw_metadata_blank(location, hw_now_ms());
    }
    if (hw_metadata_apply(doc, yyjson_obj_get(request, "updates"), hw_now_ms(), err) != 0)
        return -1;
    HW_TRY(hw_metadata_validate(doc, err));
    if (base)
        hw_metadata_log(doc, p->old_location, hw_json_int(yyjson_doc_get_root(base), "last-updated-ms", 0),
                        note_dropped, &p->dropped);
    return hw_metadata_file_write(catalog, doc, p->old_location, &p->text, &p->new_location, err);
}

/* All tables or none. */
static int commit_all(struct hw_catalog *catalog, struct prepared *tables, yyjson_val *const *requests, size_t count,
                      size_t *out_at, struct hw_err *err)
{
    struct hw_store_swap swaps[TABLES_PER_TRANSACTION];
    int result = 0;
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < count && result == 0; i++) {
            *out_at = i;
            prepared_reset(&tables[i]);
            result = prepare(catalog, &tables[i], requests[i], err);
            swaps[i] =
                (struct hw_store_swap){tables[i].space, tables[i].name, tables[i].old_location, tables[i].new_location};
        }
        if (result == 0)
            result = hw_store_swap_all(catalog->store, swaps, count, err);
        if (result == 0)
            break;
        for (size_t i = 0; i < count; i++)
            if (tables[i].new_location)
                hw_metadata_file_remove(catalog, tables[i].new_location);
        if (result != HW_STORE_CHANGED && result != HW_STORE_EXISTS)
            return result;
        hw_err_set(err, HW_ERR_DATA, 409, "the table was changed by somebody else meanwhile");
        result = round + 1 < ROUNDS ? 0 : -1;
    }
    for (size_t i = 0; i < count && result == 0; i++)
        for (size_t j = 0; j < tables[i].dropped.count; j++)
            hw_metadata_file_remove(catalog, tables[i].dropped.items[j]);
    return result;
}

static void reply_outcome(struct hw_http_exchange *x, int result, const struct prepared *at, const struct hw_err *err)
{
    if (result == HW_STORE_MISSING)
        hw_reply_no_table(x, at->space, at->name);
    else
        hw_reply_failure(x, err);
}

void hw_on_table_commit(struct hw_http_exchange *x, void *arg)
{
    struct hw_catalog *catalog = arg;
    struct hw_err err = {0};
    size_t at = 0;
    HW_CLEANUP(prepared_done) struct prepared table = {.space = hw_request_space(x)};
    const char *name = table.space ? hw_request_table(x) : NULL;
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = name ? hw_request_json(x) : NULL;
    if (!doc)
        return;
    table.name = hw_xstrdup(name);
    yyjson_val *request = yyjson_doc_get_root(doc);
    pthread_mutex_t *stripe = &catalog->stripes[hw_stripe_of(table.space, table.name)];
    pthread_mutex_lock(stripe);
    int result = commit_all(catalog, &table, &request, 1, &at, &err);
    pthread_mutex_unlock(stripe);
    if (result == 0)
        hw_reply_table(x, table.new_location, &table.text);
    else
        reply_outcome(x, result, &table, &err);
}

/* --- Several tables at once ---------------------------------------------------------------------------------------- */
static void lock_stripes(struct hw_catalog *catalog, const struct prepared *tables, size_t count, bool lock)
{
    bool wanted[HW_CATALOG_STRIPES] = {0};
    for (size_t i = 0; i < count; i++)
        wanted[hw_stripe_of(tables[i].space, tables[i].name)] = true;
    for (size_t i = 0; i < HW_CATALOG_STRIPES;
         i++) { /* always in this order, so two transactions cannot block each other */
        if (wanted[i] && lock)
            pthread_mutex_lock(&catalog->stripes[i]);
        else if (wanted[i])
            pthread_mutex_unlock(&catalog->stripes[i]);
    }
}

/* false: answered. */
static bool read_changes(struct hw_http_exchange *x, yyjson_val *changes, struct prepared *tables,
                         yyjson_val **requests, size_t *out_count)
{
    size_t i, max;
    yyjson_val *change;
    if (yyjson_arr_size(changes) == 0 || yyjson_arr_size(changes) > TABLES_PER_TRANSACTION) {
        hw_reply_error(x, 400, "BadRequestException", "table-changes is no list of 1 to %d tables",
                       TABLES_PER_TRANSACTION);
        return false;
    }
    yyjson_arr_foreach(changes, i, max, change) {
        yyjson_val *identifier = yyjson_obj_get(change, "identifier");
        struct prepared *table = &tables[(*out_count)++];
        requests[i] = change;
        table->space = hw_request_levels(x, yyjson_obj_get(identifier, "namespace"));
        const char *name = table->space ? hw_table_name_ok(x, hw_json_str(identifier, "name")) : NULL;
        if (!name)
            return false;
        table->name = hw_xstrdup(name);
        for (size_t j = 0; j < i; j++) {
            if (strcmp(tables[j].space, table->space) == 0 && strcmp(tables[j].name, table->name) == 0) {
                hw_reply_error(x, 400, "BadRequestException", "table %.200s.%.200s is named twice", table->space,
                               table->name);
                return false;
            }
        }
    }
    return true;
}

void hw_on_transaction_commit(struct hw_http_exchange *x, void *arg)
{
    struct hw_catalog *catalog = arg;
    struct hw_err err = {0};
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = hw_request_json(x);
    if (!doc)
        return;
    HW_CLEANUP(hw_freep) struct prepared *tables = hw_xcalloc(TABLES_PER_TRANSACTION, sizeof(*tables));
    yyjson_val *requests[TABLES_PER_TRANSACTION];
    size_t count = 0, at = 0;
    if (read_changes(x, yyjson_obj_get(yyjson_doc_get_root(doc), "table-changes"), tables, requests, &count)) {
        lock_stripes(catalog, tables, count, true);
        int result = commit_all(catalog, tables, requests, count, &at, &err);
        lock_stripes(catalog, tables, count, false);
        if (result == 0)
            hw_reply_empty(x);
        else
            reply_outcome(x, result, &tables[at], &err);
    }
    for (size_t i = 0; i < count; i++)
        prepared_done(&tables[i]);
}
