/* The connector classes this worker knows: built-in tables, each with the framework's own keys added. Read-only once
 * loaded. */
#pragma once
#include "base/base.h"
#include "connect/props.h"
#include "highway/plugin.h"

struct hw_class {
    const struct hw_sink_ops *sink; /* one of the two */
    const struct hw_source_ops *source;
    const char *name;       /* as listed: unique over all classes */
    const char *short_name; /* as the plugin calls itself */
    const char *const *aliases;
    const char *version, *doc;
    struct hw_config_field *fields;   /* the plugin's own, with this worker's defaults */
    struct hw_config_field *combined; /* framework's first, then fields; what validation runs on */
};
struct hw_classes {
    struct hw_class items[64];
    size_t count;
};

/* defaults: values of this worker (catalog.uri) for plugin keys of that name; must outlive the classes. A plugin of
 * another ABI is refused. */
HW_MUST_CHECK int hw_classes_load(struct hw_classes *classes, const struct hw_plugin *plugin,
                                  const struct hw_props *defaults, struct hw_err *err);
void hw_classes_done(struct hw_classes *classes);
/* Full name, alias, simple name, or simple name without "Connector". A name that a sink and a source share (file) is
 * decided by the other keys of config; config NULL makes it an error. The error names what is known. */
HW_MUST_CHECK int hw_classes_find(const struct hw_classes *classes, const char *name, const struct hw_props *config,
                                  const struct hw_class **out_class, struct hw_err *err);
const char *hw_class_type(const struct hw_class *class); /* "sink", "source"; NULL → "unknown" */
/* How many tasks a connector of this class gets when tasks.max allows max. */
int hw_class_task_count(const struct hw_class *class, const struct hw_config *config, int max);
