/* Settings as a role would have them, for tests of this folder. */
#pragma once
#include "base/settings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static inline struct hw_settings *settings_of(const char *const *sets) {
    static const char *const everything[] = {"", NULL};
    static const struct hw_settings_section sections[] = {
        {.name = "common", .fields = hw_common_fields},
        {.name = "kafka", .fields = hw_kafka_fields, .pass_prefixes = everything},
        {0}};
    static struct hw_config_faults faults;
    struct hw_settings *settings;
    struct hw_err err;
    if (hw_settings_load(sections, NULL, sets, &settings, &faults, &err))
        fail_msg("%s", err.text);
    return settings;
}
