#include "connect/framework.h"
#include "net/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static const struct hw_config_field sink_fields[] = {
    {.name = "table", .type = HW_CONFIG_STRING, .required = true, .doc = "Where to."},
    {.name = "secret", .type = HW_CONFIG_PASSWORD, .doc = "Hidden."},
    {.name = "catalog.uri", .type = HW_CONFIG_STRING, .required = true, .doc = "Which catalog."},
    {0},
};
static const struct hw_config_field source_fields[] = {{.name = "topic", .type = HW_CONFIG_STRING, .required = true},
                                                       {0}};
static const char *const sink_aliases[] = {"com.acme.ThingSinkConnector", NULL};
static const char *const source_aliases[] = {"com.acme.ThingSourceConnector", NULL};
static int four_at_most(const struct hw_config *config, int max) {
    return HW_MIN(max, 4);
}
static const struct hw_sink_ops sink = {.abi = HW_PLUGIN_ABI,
                                        .name = "thing",
                                        .aliases = sink_aliases,
                                        .version = "1",
                                        .config = sink_fields,
                                        .task_count = four_at_most};
static const struct hw_source_ops source = {
    .abi = HW_PLUGIN_ABI, .name = "thing", .aliases = source_aliases, .version = "1", .config = source_fields};
static const struct hw_sink_ops *const sinks[] = {&sink, NULL};
static const struct hw_source_ops *const sources[] = {&source, NULL};
static const struct hw_plugin plugin = {.abi = HW_PLUGIN_ABI, .sinks = sinks, .sources = sources};

static struct hw_classes classes;
static struct hw_props defaults;

static int load(void **state) {
    struct hw_err err = {0};
    hw_props_set(&defaults, "catalog.uri", "http://here");
    return hw_classes_load(&classes, &plugin, &defaults, &err);
}

static int unload(void **state) {
    hw_classes_done(&classes);
    hw_props_done(&defaults);
    return 0;
}

static void props_of(struct hw_props *props, const char *pairs) /* "a=1 b=2" */
{
    char *copy = hw_xstrdup(pairs), *rest = copy;
    for (char *pair; (pair = strsep(&rest, " "));) {
        char *value = strchr(pair, '=');
        if (!value)
            continue;
        *value++ = 0;
        hw_props_set(props, pair, value);
    }
    free(copy);
}

static void classes_are_found_as_java_finds_them(void **state) {
    static const struct {
        const char *name, *config, *type;
    } cases[] = {
        {"com.acme.ThingSinkConnector", "", "sink"},
        {"ThingSinkConnector", "", "sink"},
        {"ThingSink", "", "sink"},
        {"ThingSource", "", "source"},
        {"thing", "topics=a", "sink"},
        {"thing", "topics.regex=a", "sink"},
        {"thing", "topic=a", "source"},
        {"Thing", "", NULL},
        {"com.other.ThingSink", "", NULL},
        {"", "", NULL},
    };
    for (size_t i = 0; i < HW_ARRAY_SIZE(cases); i++) {
        struct hw_props props = {0};
        const struct hw_class *class = NULL;
        struct hw_err err = {0};
        props_of(&props, cases[i].config);
        int result = hw_classes_find(&classes, cases[i].name, &props, &class, &err);
        assert_int_equal(result, cases[i].type ? 0 : -1);
        if (cases[i].type)
            assert_string_equal(hw_class_type(class), cases[i].type);
        else
            assert_non_null(strstr(err.text, "com.acme.ThingSinkConnector (sink)")); /* names what there is */
        hw_props_done(&props);
    }
    const struct hw_class *class;
    struct hw_err err = {0};
    assert_int_equal(hw_classes_find(&classes, "thing", NULL, &class, &err), -1);
    assert_non_null(strstr(err.text, "say com.acme.ThingSinkConnector or"));
}

static void every_fault_is_named(void **state) {
    static const struct {
        const char *config, *faults; /* keys at fault, in any order */
    } cases[] = {
        {"topics=a table=t", ""},
        {"topics=a,b table=t tasks.max=3 consumer.override.max.poll.records=10 consumer.override.fetch.max.wait.ms=5",
         ""},
        {"topics.regex=a.* table=t value.converter=org.apache.kafka.connect.json.JsonConverter "
         "value.converter.schemas.enable=false",
         ""},
        {"table=t", "topics"},
        {"topics=a topics.regex=b table=t", "topics"},
        {"topics.regex=a( table=t", "topics.regex"},
        {"topics=a/b table=t", "topics"},
        {"topics=a", "table"},
        {"topics=a table=t tabel=x", "tabel"},
        {"topics=a table=t tasks.max=0", "tasks.max"},
        {"topics=a table=t transforms=x transforms.x.type=Y", "transforms"},
        {"topics=a table=t value.converter=io.confluent.AvroConverter", "value.converter"},
        {"topics=a table=t key.converter=JsonConverter", "key.converter"},
        {"topics=a table=t errors.tolerance=some", "errors.tolerance"},
        {"topics=a table=t errors.deadletterqueue.topic.name=a", "errors.deadletterqueue.topic.name"},
        {"topics=a table=t consumer.override.enable.auto.commit=true", "consumer.override.enable.auto.commit"},
        {"topics=a table=t consumer.override.fetch.min.bytes=x", "consumer.override.fetch.min.bytes"},
        {"tasks.max=x transforms=y", "topics table tasks.max transforms"},
    };
    const struct hw_class *class;
    struct hw_err err = {0};
    assert_int_equal(hw_classes_find(&classes, "ThingSink", NULL, &class, &err), 0);
    struct hw_config_faults *faults = hw_xcalloc(1, sizeof(*faults));
    for (size_t i = 0; i < HW_ARRAY_SIZE(cases); i++) {
        struct hw_props props = {0};
        struct hw_checked checked;
        props_of(&props, cases[i].config);
        hw_props_set(&props, "name", "n");
        hw_props_set(&props, "connector.class", "ThingSink");
        int result = hw_framework_check(class, &props, true, &checked, faults, &err);
        size_t expected = 0;
        char *copy = hw_xstrdup(cases[i].faults), *rest = copy;
        for (char *key; (key = strsep(&rest, " "));) {
            bool found = !*key;
            expected += *key != 0;
            for (size_t f = 0; f < faults->count; f++)
                found |= strcmp(faults->items[f].key, key) == 0;
            if (!found)
                fail_msg("'%s': no fault of %s", cases[i].config, key);
        }
        if (faults->count != expected || (result == 0) != (expected == 0))
            fail_msg("'%s': %zu faults, first %s: %s", cases[i].config, faults->count, faults->items[0].key,
                     faults->items[0].text);
        free(copy);
        if (result == 0) {
            assert_string_equal(hw_config_str(checked.plugin, "catalog.uri"),
                                "http://here"); /* this worker's default */
            hw_checked_done(&checked);
        }
        hw_props_done(&props);
    }
    free(faults);
}

static void infos_have_connects_shape(void **state) {
    const struct hw_class *class;
    struct hw_err err = {0};
    assert_int_equal(hw_classes_find(&classes, "ThingSink", NULL, &class, &err), 0);
    struct hw_props props = {0};
    props_of(&props, "name=n connector.class=ThingSink topics=a secret=s3cret nonsense=1");
    struct hw_config_faults *faults = hw_xcalloc(1, sizeof(*faults));
    struct hw_checked checked;
    assert_int_equal(hw_framework_check(class, &props, true, &checked, faults, &err), -1);
    struct hw_buf out = {0};
    hw_infos_write(class, &props, faults, &out);
    assert_null(strstr(hw_buf_str(&out), "s3cret"));
    yyjson_doc *doc = NULL;
    assert_int_equal(hw_json_parse(out.data, out.size, &doc, &err), 0);
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert_int_equal(hw_json_int(root, "error_count", -1), 2);
    assert_true(yyjson_arr_size(yyjson_obj_get(root, "groups")) >= 3);
    yyjson_arr_iter at = yyjson_arr_iter_with(yyjson_obj_get(root, "configs"));
    bool saw_table = false, saw_unknown = false;
    for (yyjson_val *item; (item = yyjson_arr_iter_next(&at));) {
        yyjson_val *definition = yyjson_obj_get(item, "definition"), *value = yyjson_obj_get(item, "value");
        if (yyjson_is_null(definition)) {
            saw_unknown = strcmp(hw_json_str(value, "name"), "nonsense") == 0;
            continue;
        }
        assert_int_equal(hw_json_int(definition, "order", -1), hw_json_int(definition, "order_in_group", -2));
        saw_table |=
            strcmp(hw_json_str(value, "name"), "table") == 0 && yyjson_arr_size(yyjson_obj_get(value, "errors")) == 1;
    }
    assert_true(saw_table);
    assert_true(saw_unknown);
    struct hw_buf message = {0};
    hw_framework_fault_message(faults, &message);
    assert_non_null(strstr(hw_buf_str(&message), "contains the following 2 error(s):\n"));
    hw_buf_done(&message);
    yyjson_doc_free(doc);
    hw_buf_done(&out);
    hw_props_done(&props);
    free(faults);
}

static void names_that_could_not_be_addressed_are_refused(void **state) {
    static const char *const good[] = {"a", "a b", "büro", "a.b-c_d", "a:b"};
    static const char *const bad[] = {"",   "a/b",  "a%b", ".",   "..",   ".a",  " a",
                                      "a ", "a\nb", "a?b", "a#b", "a\\b", "a\"b"};
    for (size_t i = 0; i < HW_ARRAY_SIZE(good); i++)
        assert_null(hw_connector_name_fault(good[i]));
    for (size_t i = 0; i < HW_ARRAY_SIZE(bad); i++)
        assert_non_null(hw_connector_name_fault(bad[i]));
}

static void task_counts(void **state) {
    const struct hw_class *thing_sink, *thing_source;
    struct hw_err err = {0};
    assert_int_equal(hw_classes_find(&classes, "ThingSink", NULL, &thing_sink, &err), 0);
    assert_int_equal(hw_classes_find(&classes, "ThingSource", NULL, &thing_source, &err), 0);
    assert_int_equal(hw_class_task_count(thing_sink, NULL, 2), 2);
    assert_int_equal(hw_class_task_count(thing_sink, NULL, 9), 4);
    assert_int_equal(hw_class_task_count(thing_source, NULL, 9), 1);
}

static void plugins_of_another_abi_are_refused(void **state) {
    static const struct hw_plugin old = {.abi = HW_PLUGIN_ABI + 1};
    struct hw_classes none = {0};
    struct hw_err err = {0};
    assert_int_equal(hw_classes_load(&none, &old, &defaults, &err), -1);
    assert_non_null(strstr(err.text, "rebuild"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classes_are_found_as_java_finds_them),
        cmocka_unit_test(every_fault_is_named),
        cmocka_unit_test(infos_have_connects_shape),
        cmocka_unit_test(names_that_could_not_be_addressed_are_refused),
        cmocka_unit_test(task_counts),
        cmocka_unit_test(plugins_of_another_abi_are_refused),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
