/* Strict by design: a misspelled key that is silently ignored is a flow that does something else than its owner thinks.
 */
#include "admin/flow_spec.h"
#include "warehouse/warehouse.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_FRESHNESS_MS 30000
#define FRESHNESS_LEAST_MS   100
#define FRESHNESS_MOST_MS    3600000

static const char *const root_keys[] = {"kind",          "plugin", "from",        "to",     "freshness",
                                        "on_bad_record", "owner",  "description", "config", NULL};
static const char *const from_keys[] = {"topics", "file", NULL};
static const char *const to_keys[] = {"table", "file", "topic", NULL};
static const char *const kinds[] = {"sink", "source", NULL};
static const char *const plugins[] = {"warehouse", "file", NULL};
static const char *const bad_record_words[] = {"set_aside", "stop", NULL};
/* Settings a flow's own members decide; passing them beside would make two truths. */
static const char *const owned_keys[] = {"name",
                                         "connector.class",
                                         "topics",
                                         "topics.regex",
                                         "table",
                                         "file",
                                         "topic",
                                         "catalog.uri",
                                         "commit.interval.ms",
                                         "errors.tolerance",
                                         "errors.deadletterqueue.topic.name",
                                         NULL};

static bool is_in(const char *word, const char *const *words) {
    for (; *words; words++)
        if (strcmp(*words, word) == 0)
            return true;
    return false;
}

bool hw_topic_name_is_valid(const char *name) {
    size_t size = strlen(name);
    if (size < 1 || size > 249 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return false;
    for (const char *c = name; *c; c++)
        if (!isascii(*c) || !(isalnum((unsigned char)*c) || *c == '.' || *c == '_' || *c == '-'))
            return false;
    return true;
}

bool hw_topic_is_internal(const char *name) {
    return strncmp(name, "__", 2) == 0 || strncmp(name, "highway-connect-", 16) == 0 || strcmp(name, "_schemas") == 0;
}

static void unknown_keys(yyjson_val *object, const char *at, const char *const *known, struct hw_field_errors *errors) {
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(object, index, max, key, value) {
        const char *name = yyjson_get_str(key);
        if (strlen(name) == yyjson_get_len(key) && is_in(name, known))
            continue;
        char pointer[320], hint[200] = "";
        snprintf(pointer, sizeof pointer, "%s/%.200s", at, name);
        const char *near = hw_nearest(name, known);
        if (near)
            snprintf(hint, sizeof hint, "did you mean \"%s\"?", near);
        hw_field_error_add(errors, pointer, "unknown", hint, known, "there is no field \"%.200s\" here", name);
    }
}

/* Members given twice: JSON readers differ on which one counts, so neither does. */
static void doubled_keys(yyjson_val *object, const char *at, struct hw_field_errors *errors) {
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(object, index, max, key, value) {
        if (yyjson_obj_getn(object, yyjson_get_str(key), yyjson_get_len(key)) == value)
            continue;
        char pointer[320];
        const char *name = yyjson_get_str(key);
        snprintf(pointer, sizeof pointer, "%s/%.200s", at, name ? name : "");
        hw_field_error_add(errors, pointer, "unknown", "keep one of them", NULL, "this field is given twice");
    }
}

/* A string member; NULL when absent or (after a fault) unusable. */
static const char *text_of(yyjson_val *object, const char *at, const char *key, size_t most,
                           struct hw_field_errors *errors) {
    yyjson_val *value = yyjson_obj_get(object, key);
    char pointer[320];
    if (!value)
        return NULL;
    snprintf(pointer, sizeof pointer, "%s/%s", at, key);
    if (!yyjson_is_str(value)) {
        hw_field_error_add(errors, pointer, "type", "put it in quotes", NULL, "expected a string, got %s",
                           yyjson_get_type_desc(value));
        return NULL;
    }
    if (yyjson_get_len(value) > most || strlen(yyjson_get_str(value)) != yyjson_get_len(value)) {
        hw_field_error_add(errors, pointer, "range", NULL, NULL, "at most %zu bytes, without NUL", most);
        return NULL;
    }
    return yyjson_get_str(value);
}

static const char *word_of(yyjson_val *object, const char *key, const char *const *words, const char *what,
                           struct hw_field_errors *errors) {
    char pointer[64], hint[128] = "";
    const char *text = text_of(object, "", key, 200, errors);
    if (!text || is_in(text, words))
        return text;
    snprintf(pointer, sizeof pointer, "/%s", key);
    const char *near = hw_nearest(text, words);
    if (near)
        snprintf(hint, sizeof hint, "did you mean \"%s\"?", near);
    hw_field_error_add(errors, pointer, "enum", hint, words, "\"%.200s\" is no %s", text, what);
    return NULL;
}

static yyjson_val *object_of(yyjson_val *body, const char *key, const char *const *known,
                             struct hw_field_errors *errors) {
    yyjson_val *value = yyjson_obj_get(body, key);
    char pointer[64];
    snprintf(pointer, sizeof pointer, "/%s", key);
    if (value && !yyjson_is_obj(value)) {
        hw_field_error_add(errors, pointer, "type", NULL, NULL, "expected an object, got %s",
                           yyjson_get_type_desc(value));
        return NULL;
    }
    if (value && known) {
        unknown_keys(value, pointer, known, errors);
        doubled_keys(value, pointer, errors);
    }
    return value;
}

static void bad_topic(const char *pointer, const char *topic, struct hw_field_errors *errors) {
    hw_field_error_add(errors, pointer, "format", "1 to 249 letters, digits, dots, dashes or underscores", NULL,
                       "\"%.200s\" cannot be a topic name", topic);
}

static void parse_topics(yyjson_val *from, struct hw_flow_spec *spec, struct hw_field_errors *errors) {
    yyjson_val *topics = yyjson_obj_get(from, "topics"), *item;
    size_t index, max;
    if (!topics || (yyjson_is_arr(topics) && yyjson_arr_size(topics) == 0)) {
        hw_field_error_add(errors, "/from/topics", "required",
                           "name at least one topic: \"from\": {\"topics\": [\"web.clicks\"]}", NULL,
                           "the topic to read is missing");
        return;
    }
    if (!yyjson_is_arr(topics)) {
        hw_field_error_add(errors, "/from/topics", "type", "write it as a list: [\"web.clicks\"]", NULL,
                           "expected a list of topic names, got %s", yyjson_get_type_desc(topics));
        return;
    }
    if (yyjson_arr_size(topics) > HW_FLOW_TOPICS_MAX) {
        hw_field_error_add(errors, "/from/topics", "range", "make several flows", NULL,
                           "more than %d topics in one flow", HW_FLOW_TOPICS_MAX);
        return;
    }
    yyjson_arr_foreach(topics, index, max, item) {
        char pointer[64];
        snprintf(pointer, sizeof pointer, "/from/topics/%zu", index);
        const char *name = yyjson_get_str(item);
        if (!name) {
            hw_field_error_add(errors, pointer, "type", NULL, NULL, "expected a topic name in quotes, got %s",
                               yyjson_get_type_desc(item));
            continue;
        }
        if (strlen(name) != yyjson_get_len(item) || !hw_topic_name_is_valid(name)) {
            bad_topic(pointer, name, errors);
            continue;
        }
        if (hw_topic_is_internal(name)) {
            hw_field_error_add(errors, pointer, "format", "choose a topic of your own", NULL,
                               "%s is an internal topic of the highway", name);
            continue;
        }
        bool doubled = false;
        for (size_t i = 0; i < spec->topic_count; i++)
            doubled = doubled || strcmp(spec->topics[i], name) == 0;
        if (doubled)
            hw_field_error_add(errors, pointer, "format", "name each topic once", NULL, "%s is listed twice", name);
        else
            spec->topics[spec->topic_count++] = hw_xstrdup(name);
    }
}

static void not_here(yyjson_val *object, const char *at, const char *key, const char *why,
                     struct hw_field_errors *errors) {
    char pointer[64];
    if (!yyjson_obj_get(object, key))
        return;
    snprintf(pointer, sizeof pointer, "%s/%s", at, key);
    hw_field_error_add(errors, pointer, "conflict", "leave it out", NULL, "%s", why);
}

static char *required_text(yyjson_val *object, const char *at, const char *key, size_t most, const char *hint,
                           struct hw_field_errors *errors) {
    char pointer[64];
    size_t before = errors->count;
    const char *text = text_of(object, at, key, most, errors);
    if (text && *text)
        return hw_xstrdup(text);
    snprintf(pointer, sizeof pointer, "%s/%s", at, key);
    if (errors->count == before)
        hw_field_error_add(errors, pointer, "required", hint, NULL, "%s is missing", key);
    return NULL;
}

static void parse_ends(yyjson_val *body, const char *plugin, struct hw_flow_spec *spec,
                       struct hw_field_errors *errors) {
    yyjson_val *from = object_of(body, "from", from_keys, errors), *to = object_of(body, "to", to_keys, errors);
    if (spec->is_source) {
        not_here(from, "/from", "topics", "a source reads an outside system, not topics", errors);
        not_here(to, "/to", "table", "a source writes to a topic", errors);
        not_here(to, "/to", "file", "a source writes to a topic", errors);
        spec->from_file =
            required_text(from, "/from", "file", 4096, "the path of the file to read, as the worker sees it", errors);
        spec->to_topic = required_text(to, "/to", "topic", 249, "the topic to write to", errors);
        if (spec->to_topic && (!hw_topic_name_is_valid(spec->to_topic) || hw_topic_is_internal(spec->to_topic)))
            bad_topic("/to/topic", spec->to_topic, errors);
        return;
    }
    not_here(from, "/from", "file", "a sink reads topics", errors);
    not_here(to, "/to", "topic", "a sink writes to an outside system, not to a topic", errors);
    parse_topics(from, spec, errors);
    if (plugin && strcmp(plugin, "file") == 0) {
        not_here(to, "/to", "table", "the plugin file writes a file; use the plugin warehouse for tables", errors);
        spec->to_file =
            required_text(to, "/to", "file", 4096, "the path of the file to write, as the worker sees it", errors);
        return;
    }
    not_here(to, "/to", "file", "the plugin warehouse writes a table; use the plugin file for files", errors);
    spec->table = required_text(to, "/to", "table", 300, "namespace.table, such as events.web_clicks", errors);
    struct hw_err err = {0};
    if (spec->table && hw_table_name_check(spec->table, &err) < 0)
        hw_field_error_add(errors, "/to/table", "format", "namespace.table, such as events.web_clicks", NULL, "%s",
                           err.text);
}

static void parse_freshness(yyjson_val *body, struct hw_flow_spec *spec, struct hw_field_errors *errors) {
    spec->freshness_ms = DEFAULT_FRESHNESS_MS;
    const char *text = text_of(body, "", "freshness", 31, errors);
    if (!text)
        return;
    if (hw_duration_parse_ms(text, &spec->freshness_ms) < 0) {
        hw_field_error_add(errors, "/freshness", "format", "a number and a unit: 500ms, 1s, 5m, 1h", NULL,
                           "\"%s\" is no duration", text);
        return;
    }
    if (spec->freshness_ms < FRESHNESS_LEAST_MS || spec->freshness_ms > FRESHNESS_MOST_MS)
        hw_field_error_add(errors, "/freshness", "range", "from 100ms to 1h", NULL, "\"%s\" is out of range", text);
    snprintf(spec->freshness, sizeof spec->freshness, "%s", text);
}

static void parse_config(yyjson_val *body, struct hw_flow_spec *spec, struct hw_field_errors *errors) {
    yyjson_val *config = object_of(body, "config", NULL, errors), *key, *value;
    size_t index, max;
    if (config)
        doubled_keys(config, "/config", errors);
    yyjson_obj_foreach(config, index, max, key, value) {
        const char *name = unsafe_yyjson_get_str(key); /* keys are strings */
        char pointer[320];
        snprintf(pointer, sizeof pointer, "/config/%.200s", name);
        if (!*name || strlen(name) != yyjson_get_len(key) || strlen(name) > 200)
            hw_field_error_add(errors, pointer, "format", NULL, NULL, "no connector setting has such a name");
        else if (is_in(name, owned_keys))
            hw_field_error_add(errors, pointer, "conflict", "change the flow's own field instead", NULL,
                               "%s follows from the flow", name);
        else if (!yyjson_is_str(value) || strlen(yyjson_get_str(value)) != yyjson_get_len(value))
            hw_field_error_add(errors, pointer, "type", "connector settings are strings: put it in quotes", NULL,
                               "expected a string, got %s", yyjson_get_type_desc(value));
        else if (spec->config_count >= HW_FLOW_CONFIG_MAX)
            hw_field_error_add(errors, "/config", "range", NULL, NULL, "more than %d settings", HW_FLOW_CONFIG_MAX);
        else {
            spec->config[spec->config_count].key = hw_xstrdup(name);
            spec->config[spec->config_count++].value = hw_xstrdup(yyjson_get_str(value));
        }
        if (errors->count >= HW_FIELD_ERRORS_MAX)
            return;
    }
}

void hw_flow_spec_parse(const char *name, yyjson_val *body, struct hw_flow_spec *spec, struct hw_field_errors *errors) {
    *spec = (struct hw_flow_spec){.freshness_ms = DEFAULT_FRESHNESS_MS};
    if (!hw_topic_name_is_valid(name) || strlen(name) > 200)
        hw_field_error_add(errors, "{flow}", "format", "1 to 200 letters, digits, dots, dashes or underscores", NULL,
                           "\"%.200s\" cannot be the name of a flow", name);
    if (!yyjson_is_obj(body)) {
        hw_field_error_add(errors, "", "type", NULL, NULL, "expected an object, got %s", yyjson_get_type_desc(body));
        return;
    }
    unknown_keys(body, "", root_keys, errors);
    doubled_keys(body, "", errors);
    const char *kind = word_of(body, "kind", kinds, "kind of flow", errors),
               *plugin = word_of(body, "plugin", plugins, "plugin of this highway", errors);
    if (!yyjson_obj_get(body, "kind"))
        hw_field_error_add(errors, "/kind", "required", "sink (out of topics) or source (into a topic)", kinds,
                           "kind is missing");
    if (!yyjson_obj_get(body, "plugin"))
        hw_field_error_add(errors, "/plugin", "required", "warehouse, for a table", plugins, "plugin is missing");
    spec->is_source = kind && strcmp(kind, "source") == 0;
    snprintf(spec->plugin, sizeof spec->plugin, "%s", plugin ? plugin : "");
    if (spec->is_source && plugin && strcmp(plugin, "file") != 0)
        hw_field_error_add(errors, "/plugin", "conflict", "use kind sink, or the plugin file", NULL,
                           "the plugin %s cannot be a source", plugin);
    parse_ends(body, plugin, spec, errors);
    parse_freshness(body, spec, errors);
    const char *bad = word_of(body, "on_bad_record", bad_record_words, "way to treat bad records", errors);
    spec->on_bad_record_given = bad != NULL;
    spec->stop_on_bad_record = bad && strcmp(bad, "stop") == 0;
    const char *owner = text_of(body, "", "owner", 200, errors),
               *description = text_of(body, "", "description", 2000, errors);
    spec->owner = owner ? hw_xstrdup(owner) : NULL;
    spec->description = description ? hw_xstrdup(description) : NULL;
    parse_config(body, spec, errors);
}

yyjson_mut_val *hw_flow_spec_json(yyjson_mut_doc *doc, const struct hw_flow_spec *spec) {
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_obj_add_str(doc, root, "kind", spec->is_source ? "source" : "sink");
    hw_json_add_text(doc, root, "plugin", spec->plugin);
    yyjson_mut_val *from = yyjson_mut_obj_add_obj(doc, root, "from");
    if (spec->topic_count) {
        yyjson_mut_val *topics = yyjson_mut_obj_add_arr(doc, from, "topics");
        for (size_t i = 0; i < spec->topic_count; i++)
            yyjson_mut_arr_add_strcpy(doc, topics, spec->topics[i]);
    }
    if (spec->from_file)
        hw_json_add_text(doc, from, "file", spec->from_file);
    yyjson_mut_val *to = yyjson_mut_obj_add_obj(doc, root, "to");
    if (spec->table)
        hw_json_add_text(doc, to, "table", spec->table);
    if (spec->to_file)
        hw_json_add_text(doc, to, "file", spec->to_file);
    if (spec->to_topic)
        hw_json_add_text(doc, to, "topic", spec->to_topic);
    hw_json_add_text(doc, root, "freshness", spec->freshness[0] ? spec->freshness : "30s");
    yyjson_mut_obj_add_str(doc, root, "on_bad_record", spec->stop_on_bad_record ? "stop" : "set_aside");
    if (spec->owner)
        hw_json_add_text(doc, root, "owner", spec->owner);
    if (spec->description)
        hw_json_add_text(doc, root, "description", spec->description);
    if (spec->config_count) {
        yyjson_mut_val *config = yyjson_mut_obj_add_obj(doc, root, "config");
        for (size_t i = 0; i < spec->config_count; i++)
            yyjson_mut_obj_add(config, yyjson_mut_strcpy(doc, spec->config[i].key),
                               yyjson_mut_strcpy(doc, spec->config[i].value));
    }
    return root;
}

void hw_flow_spec_done(struct hw_flow_spec *spec) {
    for (size_t i = 0; i < spec->topic_count; i++)
        free(spec->topics[i]);
    for (size_t i = 0; i < spec->config_count; i++) {
        free(spec->config[i].key);
        free(spec->config[i].value);
    }
    free(spec->from_file);
    free(spec->table);
    free(spec->to_file);
    free(spec->to_topic);
    free(spec->owner);
    free(spec->description);
    *spec = (struct hw_flow_spec){0};
}
