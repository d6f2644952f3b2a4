#include "connect/plugins.h"
#include "connect/framework.h"

#include <stdlib.h>
#include <string.h>

static size_t fields_count(const struct hw_config_field *fields) {
    size_t count = 0;
    while (fields && fields[count].name)
        count++;
    return count;
}

static bool fields_have(const struct hw_config_field *fields, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(fields[i].name, name) == 0)
            return true;
    return false;
}

static void fields_build(struct hw_class *class, const struct hw_config_field *own, const struct hw_props *defaults) {
    size_t own_count = fields_count(own);
    class->fields = hw_xcalloc(own_count + 1, sizeof(*own));
    for (size_t i = 0; i < own_count; i++) {
        class->fields[i] = own[i];
        const char *here = hw_props_get(defaults, own[i].name);
        if (here) {
            class->fields[i].default_value = here;
            class->fields[i].required = false;
        }
    }
    const struct hw_config_field *lists[3] = {
        hw_framework_common_fields, class->sink ? hw_framework_sink_fields : hw_framework_source_fields, class->fields};
    class->combined = hw_xcalloc(fields_count(lists[0]) + fields_count(lists[1]) + own_count + 1, sizeof(*own));
    size_t count = 0;
    for (size_t l = 0; l < HW_ARRAY_SIZE(lists); l++)
        for (const struct hw_config_field *field = lists[l]; field->name; field++)
            if (!fields_have(class->combined, count, field->name))
                class->combined[count++] = *field;
}

static int add(struct hw_classes *classes, struct hw_class class, uint32_t abi, const struct hw_config_field *fields,
               const struct hw_props *defaults, struct hw_err *err) {
    if (abi != HW_PLUGIN_ABI)
        return hw_err_set(err, HW_ERR_CONFIG, 0,
                          "plugin %s was built for plugin ABI %u, this worker has %u: rebuild it", class.short_name,
                          abi, HW_PLUGIN_ABI);
    if (classes->count == HW_ARRAY_SIZE(classes->items))
        return hw_err_set(err, HW_ERR_CONFIG, 0, "more than %zu plugins", HW_ARRAY_SIZE(classes->items));
    fields_build(&class, fields, defaults);
    classes->items[classes->count++] = class;
    return 0;
}

/* A name shared by two classes could not be told apart in a list: those go by their first alias. */
static void name_uniquely(struct hw_classes *classes) {
    for (size_t i = 0; i < classes->count; i++) {
        struct hw_class *class = &classes->items[i];
        class->name = class->short_name;
        for (size_t j = 0; j < classes->count; j++)
            if (j != i && strcmp(classes->items[j].short_name, class->short_name) == 0 && class->aliases &&
                class->aliases[0])
                class->name = class->aliases[0];
    }
}

int hw_classes_load(struct hw_classes *classes, const struct hw_plugin *plugin, const struct hw_props *defaults,
                    struct hw_err *err) {
    if (plugin->abi != HW_PLUGIN_ABI)
        return hw_err_set(err, HW_ERR_CONFIG, 0, "plugin ABI %u, this worker has %u: rebuild it", plugin->abi,
                          HW_PLUGIN_ABI);
    for (const struct hw_sink_ops *const *sink = plugin->sinks; sink && *sink; sink++) {
        struct hw_class class = {.sink = *sink,
                                 .short_name = (*sink)->name,
                                 .aliases = (*sink)->aliases,
                                 .version = (*sink)->version,
                                 .doc = (*sink)->doc};
        HW_TRY(add(classes, class, (*sink)->abi, (*sink)->config, defaults, err));
    }
    for (const struct hw_source_ops *const *source = plugin->sources; source && *source; source++) {
        struct hw_class class = {.source = *source,
                                 .short_name = (*source)->name,
                                 .aliases = (*source)->aliases,
                                 .version = (*source)->version,
                                 .doc = (*source)->doc};
        HW_TRY(add(classes, class, (*source)->abi, (*source)->config, defaults, err));
    }
    name_uniquely(classes);
    return 0;
}

void hw_classes_done(struct hw_classes *classes) {
    for (size_t i = 0; i < classes->count; i++) {
        free(classes->items[i].fields);
        free(classes->items[i].combined);
    }
    classes->count = 0;
}

static const char *simple(const char *name) {
    const char *dot = strrchr(name, '.');
    return dot ? dot + 1 : name;
}

/* Java's rule: the full name, the simple name, or the simple name without its ending "Connector". */
static bool answers_to(const char *known, const char *asked) {
    const char *last = simple(known);
    size_t size = strlen(last), ending = strlen("Connector");
    if (strcmp(known, asked) == 0 || strcmp(last, asked) == 0)
        return true;
    return size > ending && strcmp(last + size - ending, "Connector") == 0 && strlen(asked) == size - ending &&
           strncmp(last, asked, size - ending) == 0;
}

static bool class_answers_to(const struct hw_class *class, const char *asked) {
    if (answers_to(class->short_name, asked))
        return true;
    for (const char *const *alias = class->aliases; alias && *alias; alias++)
        if (answers_to(*alias, asked))
            return true;
    return false;
}

static int unknown(const struct hw_classes *classes, const char *name, struct hw_err *err) {
    HW_CLEANUP(hw_buf_done) struct hw_buf known = {0};
    for (size_t i = 0; i < classes->count; i++)
        hw_buf_printf(&known, "%s%s (%s)", i ? ", " : "", classes->items[i].name, hw_class_type(&classes->items[i]));
    return hw_err_set(err, HW_ERR_CONFIG, 0, "no connector class \"%.120s\" here; this worker has: %s", name,
                      hw_buf_str(&known));
}

int hw_classes_find(const struct hw_classes *classes, const char *name, const struct hw_props *config,
                    const struct hw_class **out_class, struct hw_err *err) {
    const struct hw_class *sink = NULL, *source = NULL;
    for (size_t i = 0; i < classes->count; i++) {
        const struct hw_class *class = &classes->items[i];
        if (!class_answers_to(class, name))
            continue;
        if (class->sink && !sink)
            sink = class;
        if (class->source && !source)
            source = class;
    }
    *out_class = sink ? sink : source;
    if (!*out_class)
        return unknown(classes, name, err);
    if (!sink || !source)
        return 0;
    if (!config)
        return hw_err_set(err, HW_ERR_CONFIG, 0, "\"%.120s\" is a sink and a source: say %s or %s", name, sink->name,
                          source->name);
    if (!hw_props_get(config, "topics") && !hw_props_get(config, "topics.regex"))
        *out_class = source;
    return 0;
}

const char *hw_class_type(const struct hw_class *class) {
    return !class ? "unknown" : class->sink ? "sink" : "source";
}

int hw_class_task_count(const struct hw_class *class, const struct hw_config *config, int max) {
    int (*count)(const struct hw_config *, int) = class->sink ? class->sink->task_count : class->source->task_count;
    int wanted = count ? count(config, max) : class->sink ? max : 1;
    return HW_MAX(1, HW_MIN(wanted, max));
}
