/* The keys every connector has, and the checks of a whole configuration. */
#pragma once
#include "connect/plugins.h"

extern const struct hw_config_field hw_framework_common_fields[], hw_framework_sink_fields[],
    hw_framework_source_fields[];

struct hw_checked {
    struct hw_config *framework; /* all keys of the combined table */
    struct hw_config *plugin;    /* the plugin's own keys */
};
void hw_checked_done(struct hw_checked *checked);
/* All faults go to out_faults. reach_outside: ask the plugin too, which may take seconds. On failure out_checked is
 * empty. */
HW_MUST_CHECK int hw_framework_check(const struct hw_class *class, const struct hw_props *props, bool reach_outside,
                                     struct hw_checked *out_checked, struct hw_config_faults *out_faults,
                                     struct hw_err *err);
/* "Connector configuration is invalid and contains the following N error(s): …", one per line, as Java says it. */
void hw_framework_fault_message(const struct hw_config_faults *faults, struct hw_buf *out);
void hw_faults_add(struct hw_config_faults *faults, const char *key, const char *format, ...) HW_PRINTF(3, 4);
/* NULL when fine, else what is wrong with it as a connector's name. */
const char *hw_connector_name_fault(const char *name);

/* infos.c: ConfigInfos of PUT …/validate, and the list of GET /connector-plugins/{p}/config. */
void hw_infos_write(const struct hw_class *class, const struct hw_props *props, const struct hw_config_faults *faults,
                    struct hw_buf *out);
void hw_infos_write_keys(const struct hw_config_field *fields, struct hw_buf *out);
