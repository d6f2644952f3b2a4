/* /v1/topics */
#include "admin/admin_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE_BYTES      (16u << 20) /* of all values in one answer */
#define VALUE_BYTES       (1u << 20)
#define SAMPLE_TIMEOUT_MS 8000

static void topic_json(struct hw_admin *admin, const struct hw_topic_view *view, yyjson_mut_doc *doc,
                       yyjson_mut_val *out) {
    hw_json_add_text(doc, out, "name", view->name);
    yyjson_mut_obj_add_bool(doc, out, "internal", view->internal);
    yyjson_mut_obj_add_int(doc, out, "partitions", view->partitions);
    hw_json_add_int64(doc, out, "messages", view->messages);
    if (view->per_minute < 0)
        yyjson_mut_obj_add_null(doc, out, "messages_per_minute");
    else
        yyjson_mut_obj_add_real(doc, out, "messages_per_minute", (double)(int64_t)(view->per_minute * 10 + 0.5) / 10);
    if (view->consumers < 0)
        yyjson_mut_obj_add_null(doc, out, "consumers");
    else
        yyjson_mut_obj_add_int(doc, out, "consumers", view->consumers);
    yyjson_mut_obj_add_val(doc, out, "flows", hw_flows_of_topic(admin->flows, view->name, doc));
    hw_json_add_time(doc, out, "last_event_at", view->last_event_us);
}

#define SORT(order, less, greater)                                                                                     \
    static int order(const void *a, const void *b) {                                                                   \
        const struct hw_topic_view *one = a, *two = b;                                                                 \
        return (less) ? -1 : (greater) ? 1 : strcmp(one->name, two->name);                                             \
    }
SORT(by_name_down, strcmp(one->name, two->name) > 0, strcmp(one->name, two->name) < 0)
SORT(by_messages, one->messages<two->messages, one->messages> two->messages)
SORT(by_messages_down, one->messages > two->messages, one->messages < two->messages)
SORT(by_rate, one->per_minute<two->per_minute, one->per_minute> two->per_minute)
SORT(by_rate_down, one->per_minute > two->per_minute, one->per_minute < two->per_minute)
SORT(by_last, one->last_event_us<two->last_event_us, one->last_event_us> two->last_event_us)
SORT(by_last_down, one->last_event_us > two->last_event_us, one->last_event_us < two->last_event_us)

static const char *const sort_words[] = {
    "name",          "-name",          "messages", "-messages", "messages_per_minute", "-messages_per_minute",
    "last_event_at", "-last_event_at", NULL};
static int (*const sort_orders[])(const void *, const void *) = {NULL,    by_name_down, by_messages, by_messages_down,
                                                                 by_rate, by_rate_down, by_last,     by_last_down};

void hw_route_topics(struct hw_http_exchange *x, void *arg) {
    struct hw_admin *admin = arg;
    static const char *const bools[] = {"true", "false", "1", "0", NULL};
    const char *sort = "name", *internal = "false", *q = hw_http_query(x, "q");
    char why[300];
    int64_t as_of_us;
    if (hw_admin_query_word(admin, x, "sort", sort_words, &sort) < 0 ||
        hw_admin_query_word(admin, x, "internal", bools, &internal) < 0)
        return;
    bool with_internal = strcmp(internal, "true") == 0 || strcmp(internal, "1") == 0;
    hw_topics_reachable(admin->topics, why, sizeof why, &as_of_us);
    if (as_of_us == 0) { /* an old look is better than none and says its age; but there is none yet */
        hw_admin_kafka_away(admin, x, why);
        return;
    }
    HW_CLEANUP(hw_freep) struct hw_topic_view *views = NULL;
    size_t count = hw_topics_list(admin->topics, &views), kept = 0, all = 0;
    for (size_t i = 0; i < count; i++) {
        if (views[i].internal && !with_internal)
            continue;
        all++;
        if (!q || hw_contains_nocase(views[i].name, q))
            views[kept++] = views[i];
    }
    for (size_t i = 0; sort_words[i]; i++)
        if (strcmp(sort_words[i], sort) == 0 && sort_orders[i])
            qsort(views, kept, sizeof *views, sort_orders[i]);
    struct hw_page page;
    if (hw_admin_page(admin, x, kept, &page) < 0)
        return;
    HW_CLEANUP(hw_json_mut_freep) yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_val *items = yyjson_mut_obj_add_arr(doc, root, "items");
    for (size_t i = page.begin; i < page.end; i++)
        topic_json(admin, &views[i], doc, yyjson_mut_arr_add_obj(doc, items));
    hw_admin_page_json(doc, root, &page, kept, as_of_us);
    yyjson_mut_obj_add_uint(doc, root, "total_all", all);
    hw_admin_reply(admin->access, x, 200, doc);
}

/* The topic as seen last; one that is not there is looked for once more, for it may be a second old. */
static bool find_topic(struct hw_admin *admin, struct hw_http_exchange *x, const char *name,
                       struct hw_topic_view *view) {
    char why[300];
    if (hw_topics_get(admin->topics, name, view))
        return true;
    if (hw_topics_reachable(admin->topics, why, sizeof why, NULL)) {
        hw_topics_look_now(admin->topics, 3000);
        if (hw_topics_get(admin->topics, name, view))
            return true;
    }
    if (!hw_topics_reachable(admin->topics, why, sizeof why, NULL)) {
        hw_admin_kafka_away(admin, x, why);
        return false;
    }
    HW_CLEANUP(hw_freep) struct hw_topic_view *views = NULL;
    size_t count = hw_topics_list(admin->topics, &views);
    HW_CLEANUP(hw_freep) const char **names = hw_xcalloc(count + 1, sizeof *names);
    for (size_t i = 0; i < count; i++)
        names[i] = views[i].name;
    const char *near = hw_nearest(name, names);
    HW_CLEANUP(hw_freep)
    char *hint = near ? hw_xasprintf("did you mean %s? A first event makes a topic: POST %s/v1/events/%.249s", near,
                                     admin->ingest_uri, name)
                      : hw_xasprintf("a first event makes it: POST %s/v1/events/%.249s", admin->ingest_uri, name);
    hw_admin_problem(admin->access, x, &(struct hw_problem){.status = 404, .code = "not_found", .hint = hint},
                     "there is no topic %.249s", name);
    return false;
}

static const char *group_flow(struct hw_admin *admin, const char *group) {
    return strncmp(group, "connect-", 8) == 0 && hw_flows_is_flow(admin->flows, group + 8) ? group + 8 : NULL;
}

static void reply_topic(struct hw_admin *admin, struct hw_http_exchange *x, int status,
                        const struct hw_topic_view *view) {
    int64_t as_of_us;
    hw_topics_reachable(admin->topics, NULL, 0, &as_of_us);
    HW_CLEANUP(hw_json_mut_freep) yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    topic_json(admin, view, doc, root);
    hw_json_add_time(doc, root, "as_of", as_of_us);
    yyjson_mut_val *partitions = yyjson_mut_obj_add_arr(doc, root, "partition_list");
    for (int p = 0; p < view->partitions; p++) {
        yyjson_mut_val *item = yyjson_mut_arr_add_obj(doc, partitions);
        yyjson_mut_obj_add_int(doc, item, "partition", p);
        hw_json_add_int64(doc, item, "start", view->starts[p]);
        hw_json_add_int64(doc, item, "end", view->ends[p]);
    }
    yyjson_mut_val *groups = yyjson_mut_obj_add_arr(doc, root, "groups");
    for (size_t i = 0; i < view->group_count; i++) {
        yyjson_mut_val *item = yyjson_mut_arr_add_obj(doc, groups);
        hw_json_add_text(doc, item, "name", view->groups[i].name);
        hw_json_add_int64(doc, item, "lag", view->groups[i].lag);
        hw_json_add_text(doc, item, "flow", group_flow(admin, view->groups[i].name));
    }
    hw_admin_reply(admin->access, x, status, doc);
}

void hw_route_topic(struct hw_http_exchange *x, void *arg) {
    struct hw_admin *admin = arg;
    struct hw_topic_view view;
    if (!find_topic(admin, x, hw_http_param(x, "topic"), &view))
        return;
    reply_topic(admin, x, 200, &view);
    hw_topic_view_done(&view);
}

static void add_bytes(yyjson_mut_doc *doc, yyjson_mut_val *item, const char *key, const char *encoding_key,
                      struct hw_slice bytes, size_t most) {
    size_t size = HW_MIN(bytes.size, most);
    if (size < bytes.size) /* cut between characters, not inside one */
        while (size > 0 && (bytes.data[size] & 0xc0) == 0x80)
            size--;
    bool text = !bytes.data || hw_text_is_utf8(bytes.data, size);
    if (!bytes.data) {
        yyjson_mut_obj_add_null(doc, item, key);
    } else if (text) {
        yyjson_mut_obj_add_strncpy(doc, item, key, (const char *)bytes.data, size);
    } else {
        HW_CLEANUP(hw_freep) char *encoded = hw_base64(bytes.data, size);
        yyjson_mut_obj_add_strcpy(doc, item, key, encoded);
    }
    if (encoding_key)
        yyjson_mut_obj_add_str(doc, item, encoding_key, text ? "utf8" : "base64");
}

void hw_sample_event_json(yyjson_mut_doc *doc, yyjson_mut_val *item, const struct hw_sample_event *event,
                          size_t most_bytes) {
    yyjson_mut_obj_add_int(doc, item, "partition", event->partition);
    hw_json_add_int64(doc, item, "offset", event->offset);
    hw_json_add_time(doc, item, "timestamp", event->timestamp_ms * 1000);
    add_bytes(doc, item, "key", "key_encoding", event->key, most_bytes);
    add_bytes(doc, item, "value", "encoding", event->value, most_bytes);
    yyjson_mut_obj_add_uint(doc, item, "size", event->value.size);
    yyjson_mut_obj_add_bool(doc, item, "truncated", event->value.size > most_bytes);
    yyjson_mut_val *headers = yyjson_mut_obj_add_arr(doc, item, "headers");
    for (size_t i = 0; i < event->header_count; i++) {
        yyjson_mut_val *header = yyjson_mut_arr_add_obj(doc, headers);
        hw_json_add_text(doc, header, "name", event->headers[i].name);
        add_bytes(doc, header, "value", NULL, event->headers[i].value, 4096);
    }
}

void hw_route_sample(struct hw_http_exchange *x, void *arg) {
    struct hw_admin *admin = arg;
    struct hw_topic_view view;
    struct hw_sample sample;
    struct hw_err err = {0};
    long limit = 50;
    if (hw_admin_query_number(admin, x, "limit", 1, 500, &limit) < 0 ||
        !find_topic(admin, x, hw_http_param(x, "topic"), &view))
        return;
    char why[300];
    int read = -1;
    if (!hw_topics_reachable(admin->topics, why, sizeof why, NULL))
        hw_err_set(&err, HW_ERR_RETRY, 0, "%s", why);
    else
        read = hw_sample_read(admin->settings, hw_topics_client(admin->topics), view.name, view.partitions,
                              (size_t)limit, SAMPLE_TIMEOUT_MS, &sample, &err);
    hw_topic_view_done(&view);
    if (read < 0) {
        hw_admin_kafka_away(admin, x, err.text);
        return;
    }
    HW_CLEANUP(hw_json_mut_freep) yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_val *items = yyjson_mut_obj_add_arr(doc, root, "items");
    size_t room = SAMPLE_BYTES;
    for (size_t i = 0; i < sample.count; i++) {
        size_t most = HW_MIN((size_t)VALUE_BYTES, HW_MAX(room / (sample.count - i), (size_t)4096));
        hw_sample_event_json(doc, yyjson_mut_arr_add_obj(doc, items), &sample.events[i], most);
        size_t used = HW_MIN(sample.events[i].value.size, most);
        room -= HW_MIN(used, room);
    }
    yyjson_mut_obj_add_bool(doc, root, "complete", sample.complete);
    hw_json_add_time(doc, root, "as_of", hw_now_us());
    hw_sample_done(&sample);
    hw_admin_reply(admin->access, x, 200, doc);
}

/* --- Creating
 * ----------------------------------------------------------------------------------------------------------------- */

struct creation {
    const char *name;
    int partitions;
    char *configs[33];
    size_t config_count;
};

static void check_creation(yyjson_val *body, struct creation *out, struct hw_field_errors *errors) {
    static const char *const known[] = {"name", "partitions", "config", NULL};
    yyjson_val *key, *value;
    size_t index, max;
    if (!yyjson_is_obj(body)) {
        hw_field_error_add(errors, "", "type", NULL, NULL, "expected an object, got %s", yyjson_get_type_desc(body));
        return;
    }
    yyjson_obj_foreach(body, index, max, key, value) {
        const char *near = hw_nearest(unsafe_yyjson_get_str(key), known);
        char pointer[300], hint[100] = "";
        bool is_known = false;
        for (size_t i = 0; known[i]; i++)
            is_known = is_known || strcmp(known[i], unsafe_yyjson_get_str(key)) == 0;
        if (is_known)
            continue;
        snprintf(pointer, sizeof pointer, "/%.200s", unsafe_yyjson_get_str(key));
        if (near)
            snprintf(hint, sizeof hint, "did you mean \"%s\"?", near);
        hw_field_error_add(errors, pointer, "unknown", hint, known, "there is no field \"%.200s\" here",
                           unsafe_yyjson_get_str(key));
    }
    out->name = hw_json_str(body, "name");
    if (!out->name)
        hw_field_error_add(errors, "/name", "required", NULL, NULL, "the name of the topic is missing");
    else if (!hw_topic_name_is_valid(out->name))
        hw_field_error_add(errors, "/name", "format", "1 to 249 letters, digits, dots, dashes or underscores", NULL,
                           "\"%.200s\" cannot be a topic name", out->name);
    else if (hw_topic_is_internal(out->name))
        hw_field_error_add(errors, "/name", "format", "choose another beginning", NULL,
                           "names like %s are kept for the highway itself", out->name);
    yyjson_val *partitions = yyjson_obj_get(body, "partitions");
    out->partitions = partitions ? (int)hw_json_int(body, "partitions", -1) : -1;
    if (partitions &&
        (!yyjson_is_int(partitions) || yyjson_get_sint(partitions) < 1 || yyjson_get_sint(partitions) > 1000))
        hw_field_error_add(errors, "/partitions", "range", NULL, NULL, "expected a whole number from 1 to 1000");
    yyjson_val *config = yyjson_obj_get(body, "config");
    if (config && !yyjson_is_obj(config))
        hw_field_error_add(errors, "/config", "type", NULL, NULL, "expected an object, got %s",
                           yyjson_get_type_desc(config));
    yyjson_obj_foreach(config, index, max, key, value) {
        char pointer[300];
        snprintf(pointer, sizeof pointer, "/config/%.200s", unsafe_yyjson_get_str(key));
        if (!yyjson_is_str(value))
            hw_field_error_add(errors, pointer, "type", "put it in quotes", NULL, "topic settings are strings");
        else if (out->config_count + 1 >= HW_ARRAY_SIZE(out->configs))
            hw_field_error_add(errors, pointer, "range", NULL, NULL, "more than 32 settings");
        else
            out->configs[out->config_count++] =
                hw_xasprintf("%s=%s", unsafe_yyjson_get_str(key), yyjson_get_str(value));
    }
}

static void create(struct hw_admin *admin, struct hw_http_exchange *x, const struct creation *creation) {
    struct hw_err err = {0};
    char why[300];
    if (!hw_topics_reachable(admin->topics, why, sizeof why, NULL)) {
        hw_admin_kafka_away(admin, x, why);
        return;
    }
    struct hw_kafka_topic_spec spec = {.name = creation->name,
                                       .partitions = creation->partitions,
                                       .replication = -1,
                                       .configs = (const char *const *)creation->configs};
    int result = hw_kafka_create_topic(hw_topics_client(admin->topics), &spec, 15000, &err);
    if (result == 1) {
        hw_admin_problem(
            admin->access, x,
            &(struct hw_problem){.status = 409, .code = "conflict", .hint = "use it, or choose another name"},
            "the topic %s exists already", creation->name);
        return;
    }
    if (result < 0 && err.kind == HW_ERR_RETRY) {
        hw_admin_kafka_away(admin, x, err.text);
        return;
    }
    if (result < 0) {
        HW_CLEANUP(hw_freep) struct hw_field_errors *errors = hw_xcalloc(1, sizeof *errors);
        hw_field_error_add(errors, creation->config_count ? "/config" : "/partitions", "range", NULL, NULL, "%s",
                           err.text);
        hw_admin_problem(admin->access, x, &(struct hw_problem){.status = 422, .code = "invalid", .errors = errors},
                         "Kafka refuses the topic: %s", err.text);
        return;
    }
    hw_topics_look_now(admin->topics, 3000);
    struct hw_topic_view view;
    if (!find_topic(admin, x, creation->name, &view))
        return;
    HW_CLEANUP(hw_freep) char *location = hw_xasprintf("/v1/topics/%s", creation->name);
    hw_http_set_header(x, "Location", location);
    reply_topic(admin, x, 201, &view);
    hw_topic_view_done(&view);
}

void hw_route_topic_create(struct hw_http_exchange *x, void *arg) {
    struct hw_admin *admin = arg;
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
    if (hw_admin_body(admin, x, &doc) < 0)
        return;
    HW_CLEANUP(hw_freep) struct hw_field_errors *errors = hw_xcalloc(1, sizeof *errors);
    struct creation creation = {0};
    check_creation(yyjson_doc_get_root(doc), &creation, errors);
    if (errors->count)
        hw_admin_problem(
            admin->access, x,
            &(struct hw_problem){
                .status = 422, .code = "invalid", .errors = errors, .hint = "correct the fields named in errors"},
            "the topic cannot be made: %s", errors->items[0].detail);
    else
        create(admin, x, &creation);
    for (size_t i = 0; i < creation.config_count; i++)
        free(creation.configs[i]);
}
