/* Parsing values against a table of fields. */
#include "highway/config.h"
#include "base/base.h"
#include "base/buf.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct value {
    const struct hw_config_field *field;
    char *text; /* as given or by default, trimmed; NULL = unset */
    bool by_user;
    int64_t number;
    double real;
    char **items; /* HW_CONFIG_LIST */
    size_t item_count;
};
struct hw_config {
    struct value *values;
    size_t value_count;
    struct hw_config_pair *pairs; /* all the user gave, copies */
    size_t pair_count;
};

static void fault(struct hw_config_faults *faults, const char *key, const char *format, ...) HW_PRINTF(3, 4);
static void fault(struct hw_config_faults *faults, const char *key, const char *format, ...) {
    if (faults->count < HW_ARRAY_SIZE(faults->items)) {
        struct hw_config_fault *item = &faults->items[faults->count];
        snprintf(item->key, sizeof item->key, "%s", key);
        va_list args;
        va_start(args, format);
        vsnprintf(item->text, sizeof item->text, format, args);
        va_end(args);
    }
    faults->count++;
}

static char *trimmed(const char *s) {
    while (isspace((unsigned char)*s))
        s++;
    size_t size = strlen(s);
    while (size && isspace((unsigned char)s[size - 1]))
        size--;
    return hw_xstrndup(s, size);
}

static bool parse_bool(const char *s, int64_t *out) {
    static const char *const yes[] = {"true", "yes", "on", "1"}, *const no[] = {"false", "no", "off", "0"};
    for (size_t i = 0; i < HW_ARRAY_SIZE(yes); i++) {
        if (strcasecmp(s, yes[i]) == 0)
            return *out = 1, true;
        if (strcasecmp(s, no[i]) == 0)
            return *out = 0, true;
    }
    return false;
}

static void split_list(struct value *value) {
    for (const char *at = value->text; *at;) {
        const char *end = strchrnul(at, ',');
        HW_CLEANUP(hw_freep) char *raw = hw_xstrndup(at, (size_t)(end - at));
        char *item = trimmed(raw);
        if (*item) {
            value->items = hw_xrealloc(value->items, (value->item_count + 1) * sizeof *value->items);
            value->items[value->item_count++] = item;
        } else {
            free(item);
        }
        at = *end ? end + 1 : end;
    }
}

static void check_range(const struct hw_config_field *field, double number, struct hw_config_faults *faults) {
    if ((field->min != 0 || field->max != 0) && !(number >= field->min && number <= field->max))
        fault(faults, field->name, "%s must be from %.15g to %.15g%s%s, not %.15g", field->name, field->min, field->max,
              field->unit ? " " : "", field->unit ? field->unit : "", number);
}

static void check_choices(const struct hw_config_field *field, const char *text, struct hw_config_faults *faults) {
    if (!field->choices)
        return;
    HW_CLEANUP(hw_buf_done) struct hw_buf words = {0};
    for (size_t i = 0; field->choices[i]; i++) {
        if (strcasecmp(field->choices[i], text) == 0)
            return;
        hw_buf_printf(&words, "%s%s", i ? ", " : "", field->choices[i]);
    }
    fault(faults, field->name, "%s must be one of %s, not \"%.60s\"", field->name, hw_buf_str(&words), text);
}

static void check(struct value *value, struct hw_config_faults *faults) {
    const struct hw_config_field *field = value->field;
    const char *text = value->text;
    char *end = NULL;
    errno = 0;
    switch (field->type) {
    case HW_CONFIG_INT:
    case HW_CONFIG_LONG: {
        long long number = strtoll(text, &end, 10);
        bool fits = field->type == HW_CONFIG_LONG || (number >= INT32_MIN && number <= INT32_MAX);
        if (!*text || *end || errno || !fits) {
            fault(faults, field->name, "%s must be a whole number%s%s%s, not \"%.60s\"", field->name, field->unit ? " of " : "",
                  field->unit ? field->unit : "", fits ? "" : " of 32 bits", text);
            return;
        }
        value->number = number;
        value->real = (double)number;
        check_range(field, (double)number, faults);
        break;
    }
    case HW_CONFIG_DOUBLE:
        value->real = strtod(text, &end);
        if (!*text || *end || errno || !isfinite(value->real)) {
            fault(faults, field->name, "%s must be a number, not \"%.60s\"", field->name, text);
            return;
        }
        value->number = value->real > -9e18 && value->real < 9e18 ? (int64_t)value->real : 0;
        check_range(field, value->real, faults);
        break;
    case HW_CONFIG_BOOLEAN:
        if (!parse_bool(text, &value->number))
            fault(faults, field->name, "%s must be true or false, not \"%.60s\"", field->name, text);
        break;
    case HW_CONFIG_LIST:
        split_list(value);
        for (size_t i = 0; i < value->item_count; i++)
            check_choices(field, value->items[i], faults);
        break;
    default:
        check_choices(field, text, faults);
    }
}

static const char *given(const struct hw_config_pair *pairs, size_t count, const char *name) {
    const char *value = NULL; /* the last one wins */
    for (size_t i = 0; i < count; i++)
        if (strcmp(pairs[i].key, name) == 0)
            value = pairs[i].value;
    return value;
}

static void check_unknown(const struct hw_config_field *table, size_t field_count, const char *key, const char *const *pass,
                          struct hw_config_faults *faults) {
    for (size_t i = 0; i < field_count; i++)
        if (strcmp(table[i].name, key) == 0)
            return;
    for (; pass && *pass; pass++)
        if (strncmp(*pass, key, strlen(*pass)) == 0)
            return;
    const char **names = hw_xcalloc(field_count + 1, sizeof *names);
    for (size_t i = 0; i < field_count; i++)
        names[i] = table[i].name;
    const char *near = hw_nearest(key, names);
    fault(faults, key, "\"%.100s\" is not a known key%s%s%s", key, near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    free(names);
}

int hw_config_parse(const struct hw_config_field *table, const struct hw_config_pair *pairs, size_t pair_count,
                    const char *const *pass_prefixes, struct hw_config **out_config, struct hw_config_faults *out_faults,
                    struct hw_err *err) {
    struct hw_config_faults own = {0}, *faults = out_faults ? out_faults : &own;
    size_t before = faults->count;
    struct hw_config *config = hw_xcalloc(1, sizeof *config);
    while (table[config->value_count].name)
        config->value_count++;
    config->values = hw_xcalloc(config->value_count, sizeof *config->values);
    config->pairs = hw_xcalloc(pair_count, sizeof *config->pairs);
    for (size_t i = 0; i < pair_count; i++) {
        check_unknown(table, config->value_count, pairs[i].key, pass_prefixes, faults);
        config->pairs[config->pair_count++] =
            (struct hw_config_pair){.key = hw_xstrdup(pairs[i].key), .value = hw_xstrdup(pairs[i].value ? pairs[i].value : "")};
    }
    for (size_t i = 0; i < config->value_count; i++) {
        struct value *value = &config->values[i];
        value->field = &table[i];
        const char *text = given(pairs, pair_count, table[i].name);
        value->by_user = text != NULL;
        if (!text)
            text = table[i].default_value;
        if (text)
            value->text = trimmed(text);
        if (table[i].required && (!value->text || !*value->text))
            fault(faults, table[i].name, "%s is required: %s", table[i].name, table[i].doc ? table[i].doc : "give it a value");
        else if (value->text)
            check(value, faults);
    }
    if (faults->count > before) {
        const struct hw_config_fault *first = &faults->items[HW_MIN(before, HW_ARRAY_SIZE(faults->items) - 1)];
        hw_config_free(config);
        *out_config = NULL;
        size_t more = faults->count - before - 1;
        return more ? hw_err_set(err, HW_ERR_CONFIG, 0, "%s (and %zu more)", first->text, more)
                    : hw_err_set(err, HW_ERR_CONFIG, 0, "%s", first->text);
    }
    *out_config = config;
    return 0;
}

struct hw_config *hw_config_free(struct hw_config *config) {
    if (!config)
        return NULL;
    for (size_t i = 0; i < config->value_count; i++) {
        struct value *value = &config->values[i];
        if (value->text && value->field->type == HW_CONFIG_PASSWORD)
            explicit_bzero(value->text, strlen(value->text));
        free(value->text);
        for (size_t j = 0; j < value->item_count; j++)
            free(value->items[j]);
        free(value->items);
    }
    for (size_t i = 0; i < config->pair_count; i++) {
        char *secret = (char *)config->pairs[i].value; /* might be one */
        explicit_bzero(secret, strlen(secret));
        free(secret);
        free((char *)config->pairs[i].key);
    }
    free(config->values);
    free(config->pairs);
    free(config);
    return NULL;
}

static const struct value *find(const struct hw_config *config, const char *name) {
    for (size_t i = 0; i < config->value_count; i++)
        if (strcmp(config->values[i].field->name, name) == 0)
            return &config->values[i];
    fprintf(stderr, "programming error: no field \"%s\" in this config table\n", name);
    abort();
}

const char *hw_config_str(const struct hw_config *config, const char *name) {
    return find(config, name)->text;
}

int64_t hw_config_int(const struct hw_config *config, const char *name) {
    return find(config, name)->number;
}

double hw_config_double(const struct hw_config *config, const char *name) {
    return find(config, name)->real;
}

bool hw_config_bool(const struct hw_config *config, const char *name) {
    return find(config, name)->number != 0;
}

bool hw_config_is_set(const struct hw_config *config, const char *name) {
    return find(config, name)->by_user;
}

size_t hw_config_list_count(const struct hw_config *config, const char *name) {
    return find(config, name)->item_count;
}

const char *hw_config_list_item(const struct hw_config *config, const char *name, size_t index) {
    const struct value *value = find(config, name);
    return index < value->item_count ? value->items[index] : NULL;
}

void hw_config_each(const struct hw_config *config, const char *prefix, void (*visit)(const char *key, const char *value, void *arg),
                    void *arg) {
    size_t size = strlen(prefix);
    for (size_t i = 0; i < config->pair_count; i++)
        if (strncmp(config->pairs[i].key, prefix, size) == 0)
            visit(config->pairs[i].key, config->pairs[i].value, arg);
}
