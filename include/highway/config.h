/* Configuration: one table of fields feeds parsing, /validate, the wizard's form, `config --describe` and docs/config.md. */
#pragma once
#include "highway/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hw_config_type {
    HW_CONFIG_STRING,
    HW_CONFIG_INT,  /* 32 bit */
    HW_CONFIG_LONG, /* 64 bit */
    HW_CONFIG_DOUBLE,
    HW_CONFIG_BOOLEAN,
    HW_CONFIG_LIST, /* comma separated, blanks trimmed */
    HW_CONFIG_CLASS,
    HW_CONFIG_PASSWORD /* never printed; masked in every answer */
};
enum hw_config_importance { HW_CONFIG_HIGH, HW_CONFIG_MEDIUM, HW_CONFIG_LOW };

/* The facts of Connect's ConfigKeyInfo, plus range, unit and choices. Tables end with a field whose name is NULL. */
struct hw_config_field {
    const char *name;          /* "flush.interval.ms" */
    enum hw_config_type type;
    const char *default_value; /* NULL: required when `required`, else unset */
    const char *doc;           /* one or two sentences in plain words */
    enum hw_config_importance importance;
    bool required;
    const char *group;         /* heading in a form, "Common" when NULL */
    const char *display_name;  /* NULL: name */
    const char *unit;          /* "ms", "bytes", NULL */
    double min, max;           /* numbers only; both 0 = no range */
    const char *const *choices; /* NULL-ended list of allowed words, or NULL */
};

/* Values checked against one table. Read-only once parsed, so any thread may read. */
struct hw_config;

/* One fault of one key. */
struct hw_config_fault {
    char key[128];
    char text[360]; /* names the fault and the fix */
};
struct hw_config_faults {
    size_t count; /* may exceed the capacity: only the first are kept */
    struct hw_config_fault items[32];
};

struct hw_config_pair {
    const char *key, *value;
};

/* Checks all pairs against the table; every fault goes to faults, not only the first (the key "" is the whole).
 * Unknown keys are faults naming the nearest match, unless they begin with one of pass_prefixes (NULL-ended list, may be NULL):
 * those are kept and found by hw_config_each. Returns 0 and *out_config (caller frees), or -1 with HW_ERR_CONFIG. */
HW_MUST_CHECK int hw_config_parse(const struct hw_config_field *table, const struct hw_config_pair *pairs, size_t pair_count,
                                  const char *const *pass_prefixes, struct hw_config **out_config,
                                  struct hw_config_faults *out_faults, struct hw_err *err);
struct hw_config *hw_config_free(struct hw_config *config);

/* Getters; asking for a name that is not in the table is a programming error and aborts. Strings are borrowed. */
const char *hw_config_str(const struct hw_config *config, const char *name); /* NULL when unset */
int64_t hw_config_int(const struct hw_config *config, const char *name);     /* 0 when unset */
double hw_config_double(const struct hw_config *config, const char *name);
bool hw_config_bool(const struct hw_config *config, const char *name);
bool hw_config_is_set(const struct hw_config *config, const char *name); /* given by the user, not by default */
size_t hw_config_list_count(const struct hw_config *config, const char *name);
const char *hw_config_list_item(const struct hw_config *config, const char *name, size_t index);
/* Calls visit for each pair the user gave whose key begins with prefix ("" = all), prefix included in key. */
void hw_config_each(const struct hw_config *config, const char *prefix,
                    void (*visit)(const char *key, const char *value, void *arg), void *arg);
