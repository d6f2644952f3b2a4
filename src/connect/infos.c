/* ConfigInfos and ConfigKeyInfo, with both names of the position in a group: `order` (up to Kafka 4.0) and
 * `order_in_group`. */
#include "connect/framework.h"

#include <string.h>

static const char *type_name(enum hw_config_type type) {
    static const char *const names[] = {"STRING", "INT", "LONG", "DOUBLE", "BOOLEAN", "LIST", "CLASS", "PASSWORD"};
    return names[type];
}

static void add_str(struct hw_buf *out, const char *key, const char *value) {
    hw_buf_printf(out, "\"%s\":", key);
    if (value)
        hw_buf_add_json_str(out, value, strlen(value));
    else
        hw_buf_add_str(out, "null");
}

static const char *group_of(const struct hw_config_field *field) {
    return field->group ? field->group : "Common";
}

static void write_definition(const struct hw_config_field *fields, size_t at, struct hw_buf *out) {
    static const char *const importances[] = {"HIGH", "MEDIUM", "LOW"};
    const struct hw_config_field *field = &fields[at];
    int order = 1;
    for (size_t i = 0; i < at; i++)
        order += strcmp(group_of(&fields[i]), group_of(field)) == 0;
    hw_buf_add_char(out, '{');
    add_str(out, "name", field->name);
    hw_buf_printf(out, ",\"type\":\"%s\",\"required\":%s,", type_name(field->type), field->required ? "true" : "false");
    add_str(out, "default_value",
            field->type == HW_CONFIG_PASSWORD && field->default_value ? "[hidden]" : field->default_value);
    hw_buf_printf(out, ",\"importance\":\"%s\",", importances[field->importance]);
    add_str(out, "documentation", field->doc ? field->doc : "");
    hw_buf_add_char(out, ',');
    add_str(out, "group", group_of(field));
    hw_buf_printf(out, ",\"order\":%d,\"order_in_group\":%d,\"width\":\"%s\",", order, order,
                  field->type == HW_CONFIG_STRING || field->type == HW_CONFIG_LIST ? "LONG" : "MEDIUM");
    add_str(out, "display_name", field->display_name ? field->display_name : field->name);
    hw_buf_add_str(out, ",\"dependents\":[]");
    if (field->unit) {
        hw_buf_add_char(out, ',');
        add_str(out, "unit", field->unit);
    }
    if (field->min != 0 || field->max != 0)
        hw_buf_printf(out, ",\"min\":%.15g,\"max\":%.15g", field->min, field->max);
    hw_buf_add_char(out, '}');
}

void hw_infos_write_keys(const struct hw_config_field *fields, struct hw_buf *out) {
    hw_buf_add_char(out, '[');
    for (size_t i = 0; fields[i].name; i++) {
        if (i)
            hw_buf_add_char(out, ',');
        write_definition(fields, i, out);
    }
    hw_buf_add_char(out, ']');
}

static void write_errors(const struct hw_config_faults *faults, const char *key, struct hw_buf *out) {
    bool first = true;
    hw_buf_add_str(out, ",\"errors\":[");
    for (size_t i = 0; i < HW_MIN(faults->count, HW_ARRAY_SIZE(faults->items)); i++) {
        if (strcmp(faults->items[i].key, key) != 0)
            continue;
        if (!first)
            hw_buf_add_char(out, ',');
        first = false;
        hw_buf_add_json_str(out, faults->items[i].text, strlen(faults->items[i].text));
    }
    hw_buf_add_str(out, "],\"visible\":true}");
}

static void write_value(const struct hw_config_field *field, const struct hw_props *props,
                        const struct hw_config_faults *faults, struct hw_buf *out) {
    const char *value = hw_props_get(props, field->name);
    if (!value)
        value = field->default_value;
    if (value && field->type == HW_CONFIG_PASSWORD)
        value = "[hidden]";
    hw_buf_add_char(out, '{');
    add_str(out, "name", field->name);
    hw_buf_add_char(out, ',');
    add_str(out, "value", value);
    hw_buf_add_str(out, ",\"recommended_values\":[");
    for (const char *const *choice = field->choices; choice && *choice; choice++) {
        if (choice != field->choices)
            hw_buf_add_char(out, ',');
        hw_buf_add_json_str(out, *choice, strlen(*choice));
    }
    hw_buf_add_char(out, ']');
    write_errors(faults, field->name, out);
}

static bool is_field(const struct hw_config_field *fields, const char *name) {
    for (; fields->name; fields++)
        if (strcmp(fields->name, name) == 0)
            return true;
    return false;
}

/* Keys that no table knows but that were given or found at fault: definition null, as Java answers. */
static void write_unknown(const struct hw_class *class, const struct hw_props *props,
                          const struct hw_config_faults *faults, struct hw_buf *out) {
    struct hw_props seen = {0};
    for (size_t i = 0; i < HW_MIN(faults->count, HW_ARRAY_SIZE(faults->items)); i++) {
        const char *key = faults->items[i].key;
        if (is_field(class->combined, key) || hw_props_get(&seen, key))
            continue;
        hw_props_set(&seen, key, "");
        hw_buf_add_str(out, ",{\"definition\":null,\"value\":{");
        add_str(out, "name", key);
        hw_buf_add_char(out, ',');
        add_str(out, "value", hw_props_get(props, key));
        hw_buf_add_str(out, ",\"recommended_values\":[]");
        write_errors(faults, key, out);
        hw_buf_add_char(out, '}');
    }
    hw_props_done(&seen);
}

void hw_infos_write(const struct hw_class *class, const struct hw_props *props, const struct hw_config_faults *faults,
                    struct hw_buf *out) {
    hw_buf_add_char(out, '{');
    add_str(out, "name", class->name);
    hw_buf_printf(out, ",\"error_count\":%zu,\"groups\":[", faults->count);
    const struct hw_config_field *fields = class->combined;
    bool first = true;
    for (size_t i = 0; fields[i].name; i++) {
        bool seen = false;
        for (size_t j = 0; j < i && !seen; j++)
            seen = strcmp(group_of(&fields[j]), group_of(&fields[i])) == 0;
        if (seen)
            continue;
        if (!first)
            hw_buf_add_char(out, ',');
        first = false;
        hw_buf_add_json_str(out, group_of(&fields[i]), strlen(group_of(&fields[i])));
    }
    hw_buf_add_str(out, "],\"configs\":[");
    for (size_t i = 0; fields[i].name; i++) {
        hw_buf_add_str(out, i ? ",{\"definition\":" : "{\"definition\":");
        write_definition(fields, i, out);
        hw_buf_add_str(out, ",\"value\":");
        write_value(&fields[i], props, faults, out);
        hw_buf_add_char(out, '}');
    }
    write_unknown(class, props, faults, out);
    hw_buf_add_str(out, "]}");
}
