/* highway config: every key there is (--describe), or the values in force (show). */
#include "base/buf.h"
#include "main/cli.h"
#include "main/roles.h"

#include <string.h>

static void print_extra(const char *key, const char *value, void *arg) {
    const char *section = arg;
    /* Passed through to librdkafka under its own names: those that hold secrets are known by name only. */
    bool secret = strstr(key, "password") || strstr(key, "secret") || strstr(key, "key.pem") || strstr(key, "jaas");
    printf("%s.%s = %s\n", section, key, secret ? "(set, not shown)" : value);
}

static void show_section(const struct hw_settings *settings, const struct hw_settings_section *section) {
    const struct hw_config *config = hw_settings_section(settings, section->name);
    for (const struct hw_config_field *f = section->fields; f->name; f++) {
        bool given = hw_config_is_set(config, f->name);
        HW_CLEANUP(hw_buf_done) struct hw_buf value = {0};
        if (f->type == HW_CONFIG_PASSWORD)
            hw_buf_add_str(&value, given ? "(set, not shown)" : "");
        else if (f->type == HW_CONFIG_INT || f->type == HW_CONFIG_LONG)
            given || f->default_value ? hw_buf_printf(&value, "%lld", (long long)hw_config_int(config, f->name)) : 0;
        else if (f->type == HW_CONFIG_DOUBLE)
            hw_buf_printf(&value, "%g", hw_config_double(config, f->name));
        else if (f->type == HW_CONFIG_BOOLEAN)
            hw_buf_add_str(&value, hw_config_bool(config, f->name) ? "true" : "false");
        else if (f->type == HW_CONFIG_LIST)
            for (size_t i = 0; i < hw_config_list_count(config, f->name); i++)
                hw_buf_printf(&value, "%s%s", i ? "," : "", hw_config_list_item(config, f->name, i));
        else if (hw_config_str(config, f->name))
            hw_buf_add_str(&value, hw_config_str(config, f->name));
        printf("%s.%s = %s%s\n", section->name, f->name, hw_buf_str(&value), given ? "" : "    (default)");
    }
    if (section->pass_prefixes)
        hw_config_each(config, "", print_extra, (void *)section->name);
}

int config_command(int argc, char **argv) {
    const char *file = NULL, *format_text = NULL;
    bool describe = false;
    struct args_list sets = {0};
    struct args_words words;
    const struct args_option options[] = {{.name = "--describe", .flag = &describe},
                                          {.name = "--config", .value = &file},
                                          {.name = "--set", .list = &sets},
                                          {.name = "--output", .alias = "-o", .value = &format_text},
                                          {0}};
    enum output_format format;
    if (args_parse(argc, argv, options, &words) < 0 || output_format_parse(format_text, &format) < 0 ||
        args_expect(&words, "config --describe [-o json] | config show [--config FILE]", 0, 1) < 0)
        return HW_EXIT_USAGE;
    static const char *const verbs[] = {"show", "describe", NULL};
    const char *verb = words.count ? words.items[0] : NULL;
    if (describe || (verb && strcmp(verb, "describe") == 0)) {
        HW_CLEANUP(hw_buf_done) struct hw_buf text = {0};
        hw_config_describe(role_sections(), &text, format == OUTPUT_JSON);
        fwrite(text.data, 1, text.size, stdout);
        return HW_EXIT_OK;
    }
    if (!verb || strcmp(verb, "show") != 0)
        return cli_unknown_verb("config", verb, verbs);
    struct hw_settings *settings = role_settings_load(file, &sets);
    if (!settings)
        return HW_EXIT_USAGE;
    for (const struct hw_settings_section *section = role_sections(); section->name; section++)
        show_section(settings, section);
    hw_settings_free(settings);
    return HW_EXIT_OK;
}
