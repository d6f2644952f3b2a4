/* The settings of a process: highway.conf (INI), then environment HIGHWAY_<SECTION>_<KEY>, then --set section.key=value; later
 * wins. In environment names dots of the key become underscores: HIGHWAY_INGEST_MAX_BODY_BYTES sets ingest.max.body.bytes. */
#pragma once
#include "highway/config.h"

struct hw_settings;
struct hw_settings_section {
    const char *name;
    const struct hw_config_field *fields;
    const char *const *pass_prefixes; /* see hw_config_parse; {"", NULL} lets everything pass ([kafka] has librdkafka's names) */
};

/* sections ends with a NULL name. file may be NULL; sets is a NULL-ended list of "section.key=value". All faults are reported. */
HW_MUST_CHECK int hw_settings_load(const struct hw_settings_section *sections, const char *file, const char *const *sets,
                                   struct hw_settings **out_settings, struct hw_config_faults *out_faults, struct hw_err *err);
struct hw_settings *hw_settings_free(struct hw_settings *settings);
/* The section's values; every section of the table exists, also when the user set nothing. Aborts on an unknown name. */
const struct hw_config *hw_settings_section(const struct hw_settings *settings, const char *name);

/* Sections every role shares: [common] data.dir, log.format, log.level; [kafka] bootstrap.servers and librdkafka's own names. */
extern const struct hw_config_field hw_common_fields[]; /* data.dir (default ./highway-data), log.level, log.format, port.offset */
extern const struct hw_config_field hw_kafka_fields[];  /* bootstrap.servers, default 127.0.0.1:9092 */
struct hw_buf;
/* Every key with type, default, unit and meaning, as text for people or a JSON array. Appended to out. */
void hw_config_describe(const struct hw_settings_section *sections, struct hw_buf *out, bool as_json);
/* data.dir of [common]. */
const char *hw_settings_data_dir(const struct hw_settings *settings);
/* port + port.offset of [common]. Used for listening ports AND for the default addresses of other roles. */
int hw_settings_port(const struct hw_settings *settings, int port);
