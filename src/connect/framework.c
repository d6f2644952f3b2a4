#include "connect/framework.h"
#include "connect/client_conf.h"
#include "connect/configs.h"

#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const tolerances[] = {"none", "all", NULL};
static const char *const reloads[] = {"none", "restart", NULL};
static const char *const eos[] = {"requested", "required", NULL};
static const char *const boundaries[] = {"poll", "interval", "connector", NULL};

const struct hw_config_field hw_framework_common_fields[] = {
    {.name = "name",
     .type = HW_CONFIG_STRING,
     .required = true,
     .importance = HW_CONFIG_HIGH,
     .doc = "Unique name of this connector.",
     .display_name = "Connector name"},
    {.name = "connector.class",
     .type = HW_CONFIG_CLASS,
     .required = true,
     .importance = HW_CONFIG_HIGH,
     .doc = "Class of this connector: its own name (warehouse, file) or the Java class it stands for.",
     .display_name = "Connector class"},
    {.name = "connector.plugin.version",
     .type = HW_CONFIG_STRING,
     .importance = HW_CONFIG_LOW,
     .doc = "Kept for Java workers; this worker has one version of each plugin."},
    {.name = "tasks.max",
     .type = HW_CONFIG_INT,
     .default_value = "1",
     .importance = HW_CONFIG_HIGH,
     .min = 1,
     .max = HW_TASKS_MAX,
     .doc = "Most tasks to run for this connector. Tasks of a sink share its partitions.",
     .display_name = "Tasks max"},
    {.name = "tasks.max.enforce",
     .type = HW_CONFIG_BOOLEAN,
     .default_value = "true",
     .importance = HW_CONFIG_LOW,
     .doc = "Kept for Java workers; the limit always holds here."},
    {.name = "key.converter",
     .type = HW_CONFIG_CLASS,
     .importance = HW_CONFIG_LOW,
     .doc = "Converter of record keys. Keys pass through byte by byte.",
     .display_name = "Key converter class"},
    {.name = "value.converter",
     .type = HW_CONFIG_CLASS,
     .importance = HW_CONFIG_LOW,
     .doc = "Converter of record values. Values pass through byte by byte.",
     .display_name = "Value converter class"},
    {.name = "header.converter",
     .type = HW_CONFIG_CLASS,
     .importance = HW_CONFIG_LOW,
     .doc = "Converter of record headers. Headers pass through byte by byte.",
     .display_name = "Header converter class"},
    {.name = "transforms",
     .type = HW_CONFIG_LIST,
     .importance = HW_CONFIG_LOW,
     .group = "Transforms",
     .doc = "Transformations of records; not supported yet, must be empty."},
    {.name = "predicates",
     .type = HW_CONFIG_LIST,
     .importance = HW_CONFIG_LOW,
     .group = "Predicates",
     .doc = "Predicates of transformations; not supported yet, must be empty."},
    {.name = "config.action.reload",
     .type = HW_CONFIG_STRING,
     .default_value = "restart",
     .importance = HW_CONFIG_LOW,
     .choices = reloads,
     .doc = "What to do when an external secret changes."},
    {.name = "errors.retry.timeout",
     .type = HW_CONFIG_LONG,
     .default_value = "-1",
     .importance = HW_CONFIG_MEDIUM,
     .group = "Error Handling",
     .unit = "ms",
     .doc = "How long an operation that may succeed later is tried again; -1 = until it does, 0 = never.",
     .display_name = "Retry timeout"},
    {.name = "errors.retry.delay.max.ms",
     .type = HW_CONFIG_LONG,
     .default_value = "60000",
     .importance = HW_CONFIG_MEDIUM,
     .group = "Error Handling",
     .unit = "ms",
     .min = 1,
     .max = 86400000,
     .doc = "Longest pause between two tries; the first is 300 ms and each next one doubles.",
     .display_name = "Longest retry delay"},
    {.name = "errors.tolerance",
     .type = HW_CONFIG_STRING,
     .default_value = "none",
     .importance = HW_CONFIG_MEDIUM,
     .group = "Error Handling",
     .choices = tolerances,
     .doc = "none: a record that cannot be used stops the task. all: it is set aside and the task goes on.",
     .display_name = "Error tolerance"},
    {.name = "errors.log.enable",
     .type = HW_CONFIG_BOOLEAN,
     .default_value = "false",
     .importance = HW_CONFIG_MEDIUM,
     .group = "Error Handling",
     .doc = "Write each tolerated error to the worker's log."},
    {.name = "errors.log.include.messages",
     .type = HW_CONFIG_BOOLEAN,
     .default_value = "false",
     .importance = HW_CONFIG_MEDIUM,
     .group = "Error Handling",
     .doc = "Name topic, partition and offset in that log."},
    {0},
};

const struct hw_config_field hw_framework_sink_fields[] = {
    {.name = "topics",
     .type = HW_CONFIG_LIST,
     .importance = HW_CONFIG_HIGH,
     .doc = "Topics to read, separated by commas. Either this or topics.regex.",
     .display_name = "Topics"},
    {.name = "topics.regex",
     .type = HW_CONFIG_STRING,
     .importance = HW_CONFIG_HIGH,
     .doc = "POSIX extended regular expression of the whole topic name. Topics that appear later are read too.",
     .display_name = "Topics regex"},
    {.name = "errors.deadletterqueue.topic.name",
     .type = HW_CONFIG_STRING,
     .importance = HW_CONFIG_MEDIUM,
     .group = "Error Handling",
     .doc = "Topic that keeps records which cannot be used (errors.tolerance=all). They are acknowledged there before "
            "their offset is committed.",
     .display_name = "Dead letter topic"},
    {.name = "errors.deadletterqueue.topic.replication.factor",
     .type = HW_CONFIG_INT,
     .default_value = "-1",
     .importance = HW_CONFIG_MEDIUM,
     .group = "Error Handling",
     .min = -1,
     .max = 100,
     .doc = "Replication of the dead letter topic when the worker creates it; -1 = the broker's default."},
    {.name = "errors.deadletterqueue.context.headers.enable",
     .type = HW_CONFIG_BOOLEAN,
     .default_value = "true",
     .importance = HW_CONFIG_MEDIUM,
     .group = "Error Handling",
     .doc = "Add headers __connect.errors.* that say where a dead letter came from and why."},
    {0},
};

const struct hw_config_field hw_framework_source_fields[] = {
    {.name = "topic.creation.groups",
     .type = HW_CONFIG_LIST,
     .importance = HW_CONFIG_LOW,
     .group = "Topic Creation",
     .doc = "Groups of new topics with own settings; not supported yet, must be empty."},
    {.name = "topic.creation.default.partitions",
     .type = HW_CONFIG_INT,
     .default_value = "-1",
     .importance = HW_CONFIG_LOW,
     .group = "Topic Creation",
     .min = -1,
     .max = 10000,
     .doc = "Partitions of topics this connector creates; -1 = the broker's default."},
    {.name = "topic.creation.default.replication.factor",
     .type = HW_CONFIG_INT,
     .default_value = "-1",
     .importance = HW_CONFIG_LOW,
     .group = "Topic Creation",
     .min = -1,
     .max = 100,
     .doc = "Replication of topics this connector creates; -1 = the broker's default."},
    {.name = "exactly.once.support",
     .type = HW_CONFIG_STRING,
     .default_value = "requested",
     .importance = HW_CONFIG_MEDIUM,
     .group = "Exactly Once Support",
     .choices = eos,
     .doc = "This worker delivers source records at least once: required is refused."},
    {.name = "transaction.boundary",
     .type = HW_CONFIG_STRING,
     .default_value = "poll",
     .importance = HW_CONFIG_MEDIUM,
     .group = "Exactly Once Support",
     .choices = boundaries,
     .doc = "Kept for Java workers."},
    {.name = "transaction.boundary.interval.ms",
     .type = HW_CONFIG_LONG,
     .importance = HW_CONFIG_LOW,
     .group = "Exactly Once Support",
     .unit = "ms",
     .doc = "Kept for Java workers."},
    {.name = "offsets.storage.topic",
     .type = HW_CONFIG_STRING,
     .importance = HW_CONFIG_LOW,
     .group = "Offsets Topic",
     .doc = "An offsets topic of this connector's own; not supported yet, must be empty."},
    {0},
};

static const char *const pass_prefixes[] = {"consumer.override.", "producer.override.", "admin.override.",
                                            "key.converter.",     "value.converter.",   "header.converter.",
                                            "transforms.",        "predicates.",        NULL};

void hw_checked_done(struct hw_checked *checked) {
    checked->framework = hw_config_free(checked->framework);
    checked->plugin = hw_config_free(checked->plugin);
}

void hw_faults_add(struct hw_config_faults *faults, const char *key, const char *format, ...) {
    size_t at = faults->count++;
    if (at >= HW_ARRAY_SIZE(faults->items))
        return;
    snprintf(faults->items[at].key, sizeof(faults->items[at].key), "%s", key);
    va_list args;
    va_start(args, format);
    vsnprintf(faults->items[at].text, sizeof(faults->items[at].text), format, args);
    va_end(args);
}

const char *hw_connector_name_fault(const char *name) {
    if (!*name)
        return "the name is empty";
    if (strlen(name) > 200)
        return "the name is longer than 200 bytes";
    if (name[0] == '.' || name[0] == ' ' || name[strlen(name) - 1] == ' ')
        return "the name must not begin with a dot, nor begin or end with a blank";
    for (const unsigned char *c = (const unsigned char *)name; *c; c++)
        if (*c < 0x20 || *c == 0x7f || strchr("/\\%?#\"", *c))
            return "the name must not hold control characters or any of / \\ % ? # \": it could not be addressed in a "
                   "URL";
    return NULL;
}

/* "org.apache.kafka.connect.json.JsonConverter" → its simple name. */
static bool is_converter(const char *value, const char *simple_name) {
    const char *dot = strrchr(value, '.');
    return strcmp(dot ? dot + 1 : value, simple_name) == 0;
}

static void check_converter(const struct hw_props *props, const char *key, struct hw_config_faults *faults) {
    const char *value = hw_props_get(props, key);
    if (!value || !*value || is_converter(value, "StringConverter") || is_converter(value, "ByteArrayConverter"))
        return;
    if (is_converter(value, "SimpleHeaderConverter") && strcmp(key, "header.converter") == 0)
        return;
    if (!is_converter(value, "JsonConverter")) {
        hw_faults_add(faults, key,
                      "%.100s is not supported: use StringConverter, ByteArrayConverter or JsonConverter with "
                      "schemas.enable=false (org.apache.kafka.connect.…)",
                      value);
        return;
    }
    char schemas[64];
    snprintf(schemas, sizeof(schemas), "%s.schemas.enable", key);
    const char *enabled = hw_props_get(props, schemas);
    if (!enabled || strcmp(enabled, "false") != 0)
        hw_faults_add(faults, key, "JsonConverter with schemas inside each record is not supported yet: set %s=false",
                      schemas);
}

static void check_unsupported(const struct hw_props *props, const char *key, const char *what,
                              struct hw_config_faults *faults) {
    const char *value = hw_props_get(props, key);
    if (value && *value)
        hw_faults_add(faults, key, "%s not supported yet: remove %s", what, key);
}

static void check_topic_name(const char *key, const char *topic, struct hw_config_faults *faults) {
    size_t size = strlen(topic);
    if (size == 0 || size > 249 ||
        strspn(topic, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != size ||
        strcmp(topic, ".") == 0 || strcmp(topic, "..") == 0)
        hw_faults_add(faults, key, "\"%.100s\" cannot be a topic: 1 to 249 letters, digits, dots, _ and -", topic);
}

static void check_topics(const struct hw_props *props, struct hw_config_faults *faults) {
    const char *topics = hw_props_get(props, "topics"), *pattern = hw_props_get(props, "topics.regex");
    bool have_topics = topics && topics[strspn(topics, " ,")], have_regex = pattern && *pattern;
    if (have_topics == have_regex) {
        hw_faults_add(faults, "topics",
                      have_topics ? "give either topics or topics.regex, not both"
                                  : "a sink needs topics to read: set topics or topics.regex");
        return;
    }
    if (have_regex) {
        regex_t compiled;
        char text[160];
        int result = regcomp(&compiled, pattern, REG_EXTENDED | REG_NOSUB);
        if (result == 0) {
            regfree(&compiled);
            return;
        }
        regerror(result, &compiled, text, sizeof(text));
        hw_faults_add(faults, "topics.regex", "not a POSIX extended regular expression: %s", text);
        return;
    }
    HW_CLEANUP(hw_freep) char *copy = hw_xstrdup(topics);
    const char *dead = hw_props_get(props, "errors.deadletterqueue.topic.name");
    for (char *rest = copy, *item; (item = strsep(&rest, ","));) {
        while (*item == ' ')
            item++;
        for (size_t size = strlen(item); size > 0 && item[size - 1] == ' '; size--)
            item[size - 1] = 0;
        if (!*item)
            continue;
        check_topic_name("topics", item, faults);
        if (dead && strcmp(dead, item) == 0)
            hw_faults_add(faults, "errors.deadletterqueue.topic.name",
                          "the dead letter topic must not be one of topics");
    }
}

static void check_sink(const struct hw_props *props, struct hw_config_faults *faults) {
    check_topics(props, faults);
    const char *dead = hw_props_get(props, "errors.deadletterqueue.topic.name");
    if (dead && *dead)
        check_topic_name("errors.deadletterqueue.topic.name", dead, faults);
}

static void check_source(const struct hw_props *props, struct hw_config_faults *faults) {
    check_unsupported(props, "topic.creation.groups", "groups of created topics are", faults);
    check_unsupported(props, "offsets.storage.topic", "an own offsets topic is", faults);
    const char *support = hw_props_get(props, "exactly.once.support");
    if (support && strcmp(support, "required") == 0)
        hw_faults_add(faults, "exactly.once.support", "sources deliver at least once here: use requested");
}

static void check_framework(const struct hw_class *class, const struct hw_props *props,
                            struct hw_config_faults *faults) {
    const char *name = hw_props_get(props, "name");
    const char *fault = name ? hw_connector_name_fault(name) : NULL; /* a missing one is found by the table */
    if (fault)
        hw_faults_add(faults, "name", "%s", fault);
    check_converter(props, "key.converter", faults);
    check_converter(props, "value.converter", faults);
    check_converter(props, "header.converter", faults);
    check_unsupported(props, "transforms", "transformations are", faults);
    check_unsupported(props, "predicates", "predicates are", faults);
    if (class->sink)
        check_sink(props, faults);
    else
        check_source(props, faults);
    for (size_t i = 0; i < props->count; i++)
        hw_client_conf_check(props->items[i].key, props->items[i].value, faults);
}

static int parse(const struct hw_config_field *table, const struct hw_props *props, bool only_known,
                 struct hw_config **out, struct hw_config_faults *faults, struct hw_err *err) {
    struct hw_config_pair *pairs = hw_xcalloc(props->count + 1, sizeof(*pairs));
    size_t count = 0;
    for (size_t i = 0; i < props->count; i++) {
        bool known = !only_known;
        for (const struct hw_config_field *field = table; !known && field->name; field++)
            known = strcmp(field->name, props->items[i].key) == 0;
        if (known)
            pairs[count++] = (struct hw_config_pair){.key = props->items[i].key, .value = props->items[i].value};
    }
    int result = hw_config_parse(table, pairs, count, pass_prefixes, out, faults, err);
    hw_freep(&pairs);
    return result;
}

int hw_framework_check(const struct hw_class *class, const struct hw_props *props, bool reach_outside,
                       struct hw_checked *out_checked, struct hw_config_faults *out_faults, struct hw_err *err) {
    *out_checked = (struct hw_checked){0};
    *out_faults = (struct hw_config_faults){0};
    struct hw_config_faults *own = hw_xcalloc(1, sizeof(*own));
    struct hw_err ignored = {0};
    int (*validate)(const struct hw_config *, struct hw_config_faults *, struct hw_err *) =
        class->sink ? class->sink->validate : class->source->validate;
    int parsed = parse(class->combined, props, false, &out_checked->framework, out_faults, &ignored);
    check_framework(class, props, out_faults);
    if (parsed == 0)
        parsed = parse(class->fields, props, true, &out_checked->plugin, own, &ignored);
    if (parsed == 0 && validate && reach_outside) {
        struct hw_err why = {0};
        struct hw_config_faults *theirs = own;
        *theirs = (struct hw_config_faults){0};
        int result = validate(out_checked->plugin, theirs, &why);
        for (size_t i = 0; i < HW_MIN(theirs->count, HW_ARRAY_SIZE(theirs->items)); i++)
            hw_faults_add(out_faults, theirs->items[i].key, "%s", theirs->items[i].text);
        if (result < 0 && theirs->count == 0)
            hw_faults_add(out_faults, "", "%s", why.text);
    }
    hw_freep(&own);
    if (parsed == 0 && out_faults->count == 0)
        return 0;
    if (out_faults->count == 0) /* cannot be: a failed parse names its faults */
        hw_faults_add(out_faults, "", "%s", ignored.text);
    hw_checked_done(out_checked);
    return hw_err_set(err, HW_ERR_CONFIG, 400, "%s: %s",
                      out_faults->items[0].key[0] ? out_faults->items[0].key : "configuration",
                      out_faults->items[0].text);
}

void hw_framework_fault_message(const struct hw_config_faults *faults, struct hw_buf *out) {
    hw_buf_printf(out, "Connector configuration is invalid and contains the following %zu error(s):", faults->count);
    for (size_t i = 0; i < HW_MIN(faults->count, HW_ARRAY_SIZE(faults->items)); i++)
        hw_buf_printf(out, "\n%s%s%s", faults->items[i].key, faults->items[i].key[0] ? ": " : "",
                      faults->items[i].text);
    hw_buf_add_str(out, "\nYou can also find the above list of errors at the endpoint "
                        "`/connector-plugins/{connectorType}/config/validate`");
}
