/* Plugins: what there is, what it can be told, and whether a configuration would do. */
#include "connect/rest.h"

#include <string.h>

static const struct {
    const char *class, *type;
} converters[] = {
    {"org.apache.kafka.connect.converters.ByteArrayConverter", "converter"},
    {"org.apache.kafka.connect.json.JsonConverter", "converter"},
    {"org.apache.kafka.connect.storage.StringConverter", "converter"},
};

HW_REST_HANDLER(hw_rest_plugins) {
    struct hw_worker *worker = arg;
    struct hw_buf out = {0};
    hw_buf_add_char(&out, '[');
    for (size_t i = 0; i < worker->classes.count; i++) {
        const struct hw_class *class = &worker->classes.items[i];
        hw_buf_printf(&out,
                      "%s{\"class\":\"%s\",\"type\":\"%s\",\"version\":\"%s\",\"highway\":{\"name\":\"%s\",\"doc\":",
                      i ? "," : "", class->name, hw_class_type(class), class->version, class->short_name);
        hw_buf_add_json_str(&out, class->doc ? class->doc : "", class->doc ? strlen(class->doc) : 0);
        hw_buf_add_str(&out, "}}");
    }
    if (!hw_rest_flag(x, "connectorsOnly", true))
        for (size_t i = 0; i < HW_ARRAY_SIZE(converters); i++)
            hw_buf_printf(&out, "%s{\"class\":\"%s\",\"type\":\"%s\"}", i || worker->classes.count ? "," : "",
                          converters[i].class, converters[i].type);
    hw_buf_add_char(&out, ']');
    hw_rest_json(x, 200, &out);
}

HW_REST_HANDLER(hw_rest_plugin_config) {
    struct hw_worker *worker = arg;
    const struct hw_class *class;
    struct hw_err err = {0};
    if (hw_classes_find(&worker->classes, hw_http_param(x, "p"), NULL, &class, &err) < 0) {
        hw_rest_error_text(x, 404, err.text);
        return;
    }
    struct hw_buf out = {0};
    hw_infos_write_keys(class->fields, &out);
    hw_rest_json(x, 200, &out);
}

HW_REST_HANDLER(hw_rest_validate) {
    struct hw_worker *worker = arg;
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = hw_rest_body(x);
    if (!doc)
        return;
    HW_CLEANUP(hw_props_done) struct hw_props props = {0};
    struct hw_err err = {0};
    const char *asked = hw_http_param(x, "p"), *named;
    const struct hw_class *class, *other;
    if (hw_props_from_json(yyjson_doc_get_root(doc), &props, &err) < 0) {
        hw_rest_error_text(x, 400, err.text);
        return;
    }
    named = hw_props_get(&props, "connector.class");
    if (!named) {
        hw_rest_error(x, 400, "the configuration must hold connector.class");
        return;
    }
    if (hw_classes_find(&worker->classes, asked, &props, &class, &err) < 0 ||
        hw_classes_find(&worker->classes, named, &props, &other, &err) < 0) {
        hw_rest_error_text(x, 400, err.text);
        return;
    }
    if (class != other) {
        hw_rest_error(x, 400, "Included connector type %.120s does not match request type %.120s", named, asked);
        return;
    }
    struct hw_checked checked;
    HW_CLEANUP(hw_freep) struct hw_config_faults *faults = hw_xcalloc(1, sizeof(*faults));
    if (hw_framework_check(class, &props, true, &checked, faults, &err) == 0)
        hw_checked_done(&checked);
    struct hw_buf out = {0};
    hw_infos_write(class, &props, faults, &out);
    hw_rest_json(x, 200, &out);
}
