/* Catalog state in SQLite, in the table layout Java's JdbcCatalog and PyIceberg's SqlCatalog share. Any thread: one
 * connection behind a lock; each change is one transaction, synced before it returns. */
#pragma once
#include "base/base.h"

struct hw_store;
HW_MUST_CHECK int hw_store_open(const char *path, struct hw_store **out_store, struct hw_err *err);
struct hw_store *hw_store_close(struct hw_store *store);

typedef void (*hw_store_visit)(const char *a, const char *b, void *arg);
/* Namespaces are levels joined by dots. Outcomes > 0: */
enum { HW_STORE_EXISTS = 1, HW_STORE_MISSING = 2, HW_STORE_NOT_EMPTY = 3, HW_STORE_CHANGED = 4 };
/* visit(name, NULL) for each, sorted. */
HW_MUST_CHECK int hw_store_namespaces(struct hw_store *store, hw_store_visit visit, void *arg, struct hw_err *err);
HW_MUST_CHECK int hw_store_namespace_exists(struct hw_store *store, const char *space,
                                            struct hw_err *err); /* MISSING */
/* visit(key, value) for each property. */
HW_MUST_CHECK int hw_store_properties(struct hw_store *store, const char *space, hw_store_visit visit, void *arg,
                                      struct hw_err *err);
struct hw_store_pair {
    const char *key, *value; /* value NULL: remove */
};
HW_MUST_CHECK int hw_store_namespace_create(struct hw_store *store, const char *space,
                                            const struct hw_store_pair *pairs, size_t count,
                                            struct hw_err *err); /* EXISTS */
HW_MUST_CHECK int hw_store_namespace_change(struct hw_store *store, const char *space,
                                            const struct hw_store_pair *pairs, size_t count,
                                            struct hw_err *err); /* MISSING */
HW_MUST_CHECK int hw_store_namespace_drop(struct hw_store *store, const char *space,
                                          struct hw_err *err); /* MISSING, NOT_EMPTY */

/* visit(name, metadata_location) for each table of the namespace, sorted; space NULL: of all. */
HW_MUST_CHECK int hw_store_tables(struct hw_store *store, const char *space, hw_store_visit visit, void *arg,
                                  struct hw_err *err);
/* malloc'd metadata location. MISSING */
HW_MUST_CHECK int hw_store_table_get(struct hw_store *store, const char *space, const char *name, char **out_location,
                                     struct hw_err *err);
HW_MUST_CHECK int hw_store_table_create(struct hw_store *store, const char *space, const char *name,
                                        const char *location, struct hw_err *err); /* EXISTS, MISSING (the namespace) */
HW_MUST_CHECK int hw_store_table_drop(struct hw_store *store, const char *space, const char *name,
                                      struct hw_err *err); /* MISSING */
HW_MUST_CHECK int hw_store_table_rename(struct hw_store *store, const char *space, const char *name,
                                        const char *to_space, const char *to_name,
                                        struct hw_err *err); /* MISSING, EXISTS */
/* The compare-and-swap of one or several tables, all or none. CHANGED: one no longer is at its old location. old NULL:
 * must not exist yet. */
struct hw_store_swap {
    const char *space, *name, *old_location, *new_location;
};
HW_MUST_CHECK int hw_store_swap_all(struct hw_store *store, const struct hw_store_swap *swaps, size_t count,
                                    struct hw_err *err);
