/* Flow specs: what is accepted, and that every fault is found at its place. */
#include "admin/flow_spec.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct hw_field_errors errors;

static void parse(const char *name, const char *json, struct hw_flow_spec *spec) {
    yyjson_doc *doc = NULL;
    struct hw_err err;
    errors = (struct hw_field_errors){0};
    assert_int_equal(hw_json_parse(json, strlen(json), &doc, &err), 0);
    hw_flow_spec_parse(name, yyjson_doc_get_root(doc), spec, &errors);
    yyjson_doc_free(doc);
}

static const char good[] =
    "{\"kind\":\"sink\",\"plugin\":\"warehouse\",\"from\":{\"topics\":[\"web.clicks\"]},\"to\":{\"table\":\"events."
    "clicks\"},"
    "\"freshness\":\"1m\",\"on_bad_record\":\"set_aside\",\"owner\":\"ada\",\"config\":{\"tasks.max\":\"2\"}}";

static const char *value_of(const struct hw_flow_settings *settings, const char *key) {
    for (size_t i = 0; i < settings->count; i++)
        if (strcmp(settings->items[i].key, key) == 0)
            return settings->items[i].value;
    return NULL;
}

static void a_good_spec_becomes_settings(void **state) {
    struct hw_flow_spec spec;
    parse("clicks", good, &spec);
    assert_int_equal(errors.count, 0);
    struct hw_flow_settings settings;
    hw_flow_settings_make("clicks", &spec, "http://127.0.0.1:8181", &settings);
    assert_string_equal(value_of(&settings, "topics"), "web.clicks");
    assert_string_equal(value_of(&settings, "commit.interval.ms"), "60000");
    assert_string_equal(value_of(&settings, "tasks.max"), "2");
    assert_string_equal(value_of(&settings, "errors.tolerance"), "all");
    assert_string_equal(value_of(&settings, "errors.deadletterqueue.topic.name"), "dlq.clicks");
    for (size_t i = 0; i < settings.count; i++)
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(settings.items[i].key, settings.items[j].key);
    hw_flow_settings_done(&settings);
    hw_flow_spec_done(&spec);
}

static void the_canonical_text_reads_back_the_same(void **state) {
    struct hw_flow_spec one, two;
    parse("clicks", good, &one);
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_doc_set_root(doc, hw_flow_spec_json(doc, &one));
    char *text = yyjson_mut_write(doc, 0, NULL);
    parse("clicks", text, &two);
    assert_int_equal(errors.count, 0);
    yyjson_mut_doc *again = yyjson_mut_doc_new(NULL);
    yyjson_mut_doc_set_root(again, hw_flow_spec_json(again, &two));
    char *text_again = yyjson_mut_write(again, 0, NULL);
    assert_string_equal(text, text_again);
    free(text);
    free(text_again);
    yyjson_mut_doc_free(doc);
    yyjson_mut_doc_free(again);
    hw_flow_spec_done(&one);
    hw_flow_spec_done(&two);
}

#define SINK "\"kind\":\"sink\",\"plugin\":\"warehouse\","
#define ENDS "\"from\":{\"topics\":[\"a\"]},\"to\":{\"table\":\"x.y\"}"

static void every_fault_is_named_at_its_place(void **state) {
    static const struct {
        const char *name, *json, *pointer, *code;
    } cases[] = {
        {"f", "[]", "", "type"},
        {"f", "{}", "/kind", "required"},
        {"a/b", "{" SINK ENDS "}", "{flow}", "format"},
        {"f", "{\"kind\":\"snk\",\"plugin\":\"warehouse\"," ENDS "}", "/kind", "enum"},
        {"f", "{" SINK ENDS ",\"freshnes\":\"1s\"}", "/freshnes", "unknown"},
        {"f", "{" SINK ENDS ",\"freshness\":\"soon\"}", "/freshness", "format"},
        {"f", "{" SINK ENDS ",\"freshness\":\"1ms\"}", "/freshness", "range"},
        {"f", "{" SINK ENDS ",\"freshness\":5}", "/freshness", "type"},
        {"f", "{" SINK "\"from\":{\"topics\":\"a\"},\"to\":{\"table\":\"x.y\"}}", "/from/topics", "type"},
        {"f", "{" SINK "\"from\":{\"topics\":[]},\"to\":{\"table\":\"x.y\"}}", "/from/topics", "required"},
        {"f", "{" SINK "\"from\":{\"topics\":[\"a\",\"b c\"]},\"to\":{\"table\":\"x.y\"}}", "/from/topics/1", "format"},
        {"f", "{" SINK "\"from\":{\"topics\":[\"__highway.flows\"]},\"to\":{\"table\":\"x.y\"}}", "/from/topics/0",
         "format"},
        {"f", "{" SINK "\"from\":{\"topics\":[\"a\",\"a\"]},\"to\":{\"table\":\"x.y\"}}", "/from/topics/1", "format"},
        {"f", "{" SINK "\"from\":{\"topics\":[\"a\"],\"topic\":\"b\"},\"to\":{\"table\":\"x.y\"}}", "/from/topic",
         "unknown"},
        {"f", "{" SINK "\"from\":{\"topics\":[\"a\"]},\"to\":{}}", "/to/table", "required"},
        {"f", "{" SINK "\"from\":{\"topics\":[\"a\"]},\"to\":{\"table\":\"no dot\"}}", "/to/table", "format"},
        {"f", "{" SINK "\"from\":{\"topics\":[\"a\"]},\"to\":{\"table\":\"a.b'; drop\"}}", "/to/table", "format"},
        {"f", "{" SINK "\"from\":{\"topics\":[\"a\"]},\"to\":{\"table\":\"x.y\",\"file\":\"/f\"}}", "/to/file",
         "conflict"},
        {"f", "{" SINK ENDS ",\"on_bad_record\":\"skip\"}", "/on_bad_record", "enum"},
        {"f", "{" SINK ENDS ",\"config\":{\"topics\":\"b\"}}", "/config/topics", "conflict"},
        {"f", "{" SINK ENDS ",\"config\":{\"tasks.max\":2}}", "/config/tasks.max", "type"},
        {"f", "{" SINK ENDS ",\"owner\":\"a\",\"owner\":\"b\"}", "/owner", "unknown"},
        {"f", "{\"kind\":\"source\",\"plugin\":\"warehouse\"}", "/plugin", "conflict"},
        {"f", "{\"kind\":\"source\",\"plugin\":\"file\",\"from\":{},\"to\":{\"topic\":\"t\"}}", "/from/file",
         "required"},
    };
    for (size_t i = 0; i < HW_ARRAY_SIZE(cases); i++) {
        struct hw_flow_spec spec;
        bool found = false;
        parse(cases[i].name, cases[i].json, &spec);
        for (size_t e = 0; e < errors.count; e++)
            found = found || (strcmp(errors.items[e].pointer, cases[i].pointer) == 0 &&
                              strcmp(errors.items[e].code, cases[i].code) == 0);
        if (!found)
            fail_msg("%s: no %s at \"%s\" (%zu faults, first %s at \"%s\")", cases[i].json, cases[i].code,
                     cases[i].pointer, errors.count, errors.items[0].code, errors.items[0].pointer);
        hw_flow_spec_done(&spec);
    }
}

static void all_faults_come_at_once(void **state) {
    struct hw_flow_spec spec;
    parse("f", "{\"kind\":\"sink\",\"plugin\":\"warehose\",\"form\":{},\"to\":{\"table\":\"x\"},\"freshness\":\"x\"}",
          &spec);
    assert_true(errors.count >= 4);
    bool hinted = false;
    for (size_t e = 0; e < errors.count; e++)
        hinted = hinted || strstr(errors.items[e].hint, "did you mean \"warehouse\"");
    assert_true(hinted);
    hw_flow_spec_done(&spec);
}

static void many_faults_stay_within_bounds(void **state) {
    struct hw_buf json = {0};
    hw_buf_add_str(&json, "{\"config\":{");
    for (int i = 0; i < 500; i++)
        hw_buf_printf(&json, "%s\"k%d\":%d", i ? "," : "", i, i);
    hw_buf_add_str(&json, "}}");
    struct hw_flow_spec spec;
    parse("f", hw_buf_str(&json), &spec);
    assert_true(errors.count >= HW_FIELD_ERRORS_MAX);
    hw_flow_spec_done(&spec);
    hw_buf_done(&json);
}

static void faults_of_settings_find_their_field(void **state) {
    struct hw_flow_spec sink = {0}, source = {.is_source = true};
    char pointer[64];
    hw_flow_setting_pointer(&sink, "commit.interval.ms", pointer, sizeof pointer);
    assert_string_equal(pointer, "/freshness");
    hw_flow_setting_pointer(&source, "file", pointer, sizeof pointer);
    assert_string_equal(pointer, "/from/file");
    hw_flow_setting_pointer(&sink, "tasks.max", pointer, sizeof pointer);
    assert_string_equal(pointer, "/config/tasks.max");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_spec_becomes_settings),      cmocka_unit_test(the_canonical_text_reads_back_the_same),
        cmocka_unit_test(every_fault_is_named_at_its_place), cmocka_unit_test(all_faults_come_at_once),
        cmocka_unit_test(many_faults_stay_within_bounds),    cmocka_unit_test(faults_of_settings_find_their_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
