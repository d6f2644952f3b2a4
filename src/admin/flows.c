#include "admin/flows_internal.h"
#include "admin/upstream.h"
#include "base/diag.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STORE_TIMEOUT_MS  10000
#define WORKER_TIMEOUT_MS 15000
#define PAUSE_TIMEOUT_MS  3000

const char *const hw_flow_step_names[FLOW_STEPS] = {"accepted", "running", "first_event", "first_commit", "queryable"};

void flow_free(struct flow *flow) {
    if (!flow)
        return;
    hw_flow_spec_done(&flow->spec);
    free(flow->name);
    free(flow->trace);
    free(flow->first_row);
    free(flow);
}

void flow_reset_steps(struct flow *flow) {
    for (int i = 0; i < FLOW_STEPS; i++)
        flow->steps[i] = (struct flow_step){.state = "pending"};
    flow->steps[0] = (struct flow_step){.state = "done", .at_us = flow->created_us, .detail = "Stored in the log"};
    flow->steps[1].state = "active";
    flow->lag = flow->rows = flow->set_aside = -1;
    flow->lag_seconds = -1;
    flow->verdict = (struct hw_flow_verdict){.state = "catching_up", .why = "The worker is taking it over."};
    flow->since_us = hw_now_us();
}

static int64_t time_member(yyjson_val *object, const char *key) {
    const char *text = hw_json_str(object, key);
    int64_t us = 0;
    if (!text || hw_time_parse_us(text, strlen(text), &us) < 0)
        return 0;
    return us;
}

/* The store's thread: one stored spec, or its end. */
void flow_apply(void *arg, struct hw_slice key, struct hw_slice value, int64_t timestamp_ms) {
    struct hw_flows *flows = arg;
    HW_CLEANUP(hw_freep) char *name = hw_xstrndup((const char *)key.data, key.data ? key.size : 0);
    if (!value.data) {
        pthread_mutex_lock(&flows->lock);
        flow_free(hw_map_remove(&flows->map, name));
        pthread_mutex_unlock(&flows->lock);
        return;
    }
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
    struct hw_err err = {0};
    if (!*name || hw_json_parse(value.data, value.size, &doc, &err) < 0) {
        hw_warn("a stored flow cannot be read and is passed over", hw_kv_s("flow", name), hw_kv_s("why", err.text));
        return;
    }
    yyjson_val *root = yyjson_doc_get_root(doc);
    struct hw_field_errors *errors = hw_xcalloc(1, sizeof *errors);
    struct flow *flow = hw_xcalloc(1, sizeof *flow);
    hw_flow_spec_parse(name, yyjson_obj_get(root, "spec"), &flow->spec, errors);
    if (errors->count)
        hw_warn("a stored flow has faults", hw_kv_s("flow", name), hw_kv_s("where", errors->items[0].pointer),
                hw_kv_s("why", errors->items[0].detail));
    free(errors);
    flow->name = hw_xstrdup(name);
    flow->managed = true;
    flow->created_us = time_member(root, "created_at");
    flow->updated_us = time_member(root, "updated_at");
    if (!flow->created_us)
        flow->created_us = timestamp_ms * 1000;
    flow->changed_ms = flow->updated_us / 1000;
    flow->check_connector = true;
    snprintf(flow->etag, sizeof flow->etag, "\"%08x%08x\"", hw_crc32c(value.data, value.size),
             hw_murmur2(value.data, value.size));
    flow_reset_steps(flow);
    pthread_mutex_lock(&flows->lock);
    struct flow *old = hw_map_get(&flows->map, name);
    if (old || flows->map.count < HW_FLOWS_MAX)
        flow_free(hw_map_put(&flows->map, name, flow));
    else
        flow_free(flow);
    pthread_mutex_unlock(&flows->lock);
}

bool hw_flows_ready(struct hw_flows *flows, char *why, size_t size) {
    pthread_mutex_lock(&flows->lock);
    bool ready = flows->store != NULL;
    snprintf(why, size, "%s", flows->why_not_ready);
    pthread_mutex_unlock(&flows->lock);
    return ready;
}

enum hw_flow_kind hw_flows_find(struct hw_flows *flows, const char *name) {
    pthread_mutex_lock(&flows->lock);
    const struct flow *flow = hw_map_get(&flows->map, name);
    enum hw_flow_kind kind = !flow ? HW_FLOW_NONE : flow->managed ? HW_FLOW_MANAGED : HW_FLOW_UNMANAGED;
    pthread_mutex_unlock(&flows->lock);
    return kind;
}

int flow_give_to_worker(struct hw_flows *flows, const char *name, const struct hw_flow_spec *spec, struct hw_err *err) {
    struct hw_flow_settings settings;
    hw_flow_settings_make(name, spec, flows->options.catalog_uri, &settings);
    HW_CLEANUP(hw_buf_done) struct hw_buf body = {0};
    for (size_t i = 0; i < settings.count; i++) {
        hw_buf_add_char(&body, i ? ',' : '{');
        hw_buf_add_json_str(&body, settings.items[i].key, strlen(settings.items[i].key));
        hw_buf_add_char(&body, ':');
        hw_buf_add_json_str(&body, settings.items[i].value, strlen(settings.items[i].value));
    }
    hw_buf_add_char(&body, '}');
    hw_flow_settings_done(&settings);
    HW_CLEANUP(hw_freep) char *encoded = hw_url_encode(name);
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("/connectors/%s/config", encoded);
    HW_CLEANUP(hw_http_response_done) struct hw_http_response response = {0};
    HW_TRY(hw_upstream_call(flows->options.connect_uri, "PUT", path, body.data, body.size, WORKER_TIMEOUT_MS, &response,
                            err));
    if (response.status >= 200 && response.status < 300)
        return 0;
    char message[400];
    hw_upstream_message(&response, message, sizeof message);
    bool refused = response.status >= 400 && response.status < 500 && response.status != 409 &&
                   response.status != 429 && response.status != 408;
    return hw_err_set(err, refused ? HW_ERR_CONFIG : HW_ERR_RETRY, response.status, "%s", message);
}

/* Settings stored for a flow, as they were before a change; NULL when it was new. malloc'd. */
static char *stored_text(const struct flow *flow, const struct hw_flow_spec *spec, int64_t created_us,
                         int64_t updated_us) {
    HW_CLEANUP(hw_json_mut_freep) yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    (void)flow;
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_obj_add_val(doc, root, "spec", hw_flow_spec_json(doc, spec));
    hw_json_add_time(doc, root, "created_at", created_us);
    hw_json_add_time(doc, root, "updated_at", updated_us);
    return yyjson_mut_write(doc, YYJSON_WRITE_NOFLAG, NULL);
}

static char *spec_text(const struct hw_flow_spec *spec) {
    HW_CLEANUP(hw_json_mut_freep) yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_doc_set_root(doc, hw_flow_spec_json(doc, spec));
    return yyjson_mut_write(doc, YYJSON_WRITE_NOFLAG, NULL);
}

static struct hw_slice slice_of(const char *text) {
    return (struct hw_slice){(const uint8_t *)text, text ? strlen(text) : 0};
}

static int make_topics(struct hw_flows *flows, const char *name, const struct hw_flow_spec *spec, struct hw_err *err) {
    rd_kafka_t *client = hw_topics_client(flows->options.topics);
    for (size_t i = 0; i < spec->topic_count; i++)
        HW_TRY(hw_kafka_create_topic(
            client, &(struct hw_kafka_topic_spec){.name = spec->topics[i], .partitions = -1, .replication = -1}, 10000,
            err));
    if (spec->to_topic)
        HW_TRY(hw_kafka_create_topic(
            client, &(struct hw_kafka_topic_spec){.name = spec->to_topic, .partitions = -1, .replication = -1}, 10000,
            err));
    if (spec->is_source || spec->stop_on_bad_record)
        return 0;
    HW_CLEANUP(hw_freep) char *dead = hw_xasprintf("dlq.%s", name);
    HW_TRY(hw_kafka_create_topic(
        client, &(struct hw_kafka_topic_spec){.name = dead, .partitions = 1, .replication = -1}, 10000, err));
    return 0;
}

/* Order: topics, then the spec, then the worker. A crash after the spec is healed by the watcher, which compares the
 * worker with the specs; the other order could leave a connector that no flow knows. A refusal takes the spec back. */
static int put_locked(struct hw_flows *flows, const char *name, const struct hw_flow_spec *spec, bool *out_created,
                      struct hw_err *err) {
    HW_CLEANUP(hw_freep) char *wanted = spec_text(spec);
    HW_CLEANUP(hw_freep) char *before = NULL;
    bool same = false;
    int64_t now = hw_now_us(), created_us = now;
    pthread_mutex_lock(&flows->lock);
    struct hw_kafka_store *store = flows->store;
    const struct flow *old = hw_map_get(&flows->map, name);
    bool full = !old && flows->map.count >= HW_FLOWS_MAX;
    if (old && old->managed) {
        HW_CLEANUP(hw_freep) char *present = spec_text(&old->spec);
        same = wanted && present && strcmp(wanted, present) == 0 && !old->check_connector;
        created_us = old->created_us;
        before = stored_text(old, &old->spec, old->created_us, old->updated_us);
    }
    pthread_mutex_unlock(&flows->lock);
    *out_created = before == NULL;
    if (full)
        return hw_err_set(err, HW_ERR_CONFIG, 409, "there are %d flows already, which is the limit", HW_FLOWS_MAX);
    if (same)
        return 0;
    /* The cheapest question first: a worker that is away must not leave a half-made flow behind. */
    HW_CLEANUP(hw_http_response_done) struct hw_http_response alive = {0};
    HW_TRY(hw_upstream_call(flows->options.connect_uri, "GET", "/", NULL, 0, 5000, &alive, err));
    HW_TRY(make_topics(flows, name, spec, err));
    HW_CLEANUP(hw_freep) char *value = stored_text(NULL, spec, created_us, now);
    if (!value)
        return hw_err_set(err, HW_ERR_CONFIG, 422, "the flow cannot be written as JSON");
    HW_TRY(hw_kafka_store_put(store, slice_of(name), slice_of(value), STORE_TIMEOUT_MS, err));
    if (flow_give_to_worker(flows, name, spec, err) < 0) {
        if (err->kind == HW_ERR_CONFIG || *out_created) {
            struct hw_err again = {0};
            if (hw_kafka_store_put(store, slice_of(name), slice_of(before), STORE_TIMEOUT_MS, &again) < 0)
                hw_warn("a refused flow could not be taken back", hw_kv_s("flow", name), hw_kv_s("why", again.text));
        }
        return -1;
    }
    pthread_mutex_lock(&flows->lock);
    struct flow *flow = hw_map_get(&flows->map, name);
    if (flow) {
        flow->check_connector = false;
        flow->changed_ms = now / 1000;
    }
    pthread_cond_broadcast(&flows->wake);
    pthread_mutex_unlock(&flows->lock);
    hw_info(*out_created ? "flow created" : "flow changed", hw_kv_s("flow", name));
    return 0;
}

int hw_flows_put(struct hw_flows *flows, const char *name, const struct hw_flow_spec *spec, bool *out_created,
                 struct hw_err *err) {
    pthread_mutex_lock(&flows->change);
    int result = put_locked(flows, name, spec, out_created, err);
    pthread_mutex_unlock(&flows->change);
    return result;
}

int hw_flows_delete(struct hw_flows *flows, const char *name, struct hw_err *err) {
    pthread_mutex_lock(&flows->change);
    HW_CLEANUP(hw_freep) char *encoded = hw_url_encode(name);
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("/connectors/%s", encoded);
    HW_CLEANUP(hw_http_response_done) struct hw_http_response response = {0};
    int result =
        hw_upstream_call(flows->options.connect_uri, "DELETE", path, NULL, 0, WORKER_TIMEOUT_MS, &response, err);
    if (result == 0 && response.status >= 300 && response.status != 404) {
        char message[400];
        hw_upstream_message(&response, message, sizeof message);
        result = hw_err_set(err, HW_ERR_RETRY, response.status, "%s", message);
    }
    if (result ==
        0) /* worker first: a spec that stays behind can be deleted again, a connector without spec would go on */
        result = hw_kafka_store_put(flows->store, slice_of(name), (struct hw_slice){0}, STORE_TIMEOUT_MS, err);
    if (result >= 0)
        hw_info("flow deleted", hw_kv_s("flow", name));
    pthread_mutex_unlock(&flows->change);
    return result < 0 ? -1 : 0;
}

/* "Paused" is said once no task runs any more: what is sent from then on waits. Gives up quietly; the watcher tells how
 * it is. */
static void wait_until_paused(struct hw_flows *flows, const char *encoded_name) {
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("/connectors/%s/status", encoded_name);
    for (int64_t until_ms = hw_mono_ms() + PAUSE_TIMEOUT_MS; hw_mono_ms() < until_ms; usleep(50000)) {
        HW_CLEANUP(hw_http_response_done) struct hw_http_response response = {0};
        HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
        struct hw_err ignored;
        yyjson_val *task;
        size_t index, max, running = 0;
        if (hw_upstream_call(flows->options.connect_uri, "GET", path, NULL, 0, 2000, &response, &ignored) < 0 ||
            response.status != 200 || hw_json_parse(response.body.data, response.body.size, &doc, &ignored) < 0)
            return;
        yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(doc), "tasks"), index, max, task) {
            const char *state = hw_json_str(task, "state");
            running += state && strcmp(state, "RUNNING") == 0;
        }
        if (running == 0)
            return;
    }
}

static int act_locked(struct hw_flows *flows, const char *name, const char *action, struct hw_err *err) {
    HW_CLEANUP(hw_freep) char *encoded = hw_url_encode(name);
    bool restart = strcmp(action, "restart") == 0;
    HW_CLEANUP(hw_freep)
    char *path = restart ? hw_xasprintf("/connectors/%s/restart?includeTasks=true", encoded)
                         : hw_xasprintf("/connectors/%s/%s", encoded, action);
    HW_CLEANUP(hw_http_response_done) struct hw_http_response response = {0};
    HW_TRY(hw_upstream_call(flows->options.connect_uri, restart ? "POST" : "PUT", path, NULL, 0, WORKER_TIMEOUT_MS,
                            &response, err));
    if (response.status == 404) { /* the worker lost it: give it back, which also starts it */
        HW_CLEANUP(hw_freep) char *text = NULL;
        pthread_mutex_lock(&flows->lock);
        const struct flow *flow = hw_map_get(&flows->map, name);
        text = flow ? spec_text(&flow->spec) : NULL;
        pthread_mutex_unlock(&flows->lock);
        HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
        if (!text || hw_json_parse(text, strlen(text), &doc, err) < 0)
            return hw_err_set(err, HW_ERR_CONFIG, 404, "there is no flow %s", name);
        struct hw_flow_spec spec;
        HW_CLEANUP(hw_freep) struct hw_field_errors *errors = hw_xcalloc(1, sizeof *errors);
        hw_flow_spec_parse(name, yyjson_doc_get_root(doc), &spec, errors);
        int result = flow_give_to_worker(flows, name, &spec, err);
        hw_flow_spec_done(&spec);
        return result;
    }
    if (response.status >= 300) {
        char message[400];
        hw_upstream_message(&response, message, sizeof message);
        return hw_err_set(err, response.status < 500 ? HW_ERR_CONFIG : HW_ERR_RETRY, response.status, "%s", message);
    }
    if (strcmp(action, "pause") == 0)
        wait_until_paused(flows, encoded);
    pthread_mutex_lock(&flows->lock);
    struct flow *flow = hw_map_get(&flows->map, name);
    if (flow && strcmp(action, "pause") != 0)
        flow->changed_ms = hw_now_ms();
    if (flow && strcmp(action, "pause") ==
                    0) { /* what was asked shows at once; the watcher corrects it if the worker disagrees */
        flow->verdict =
            (struct hw_flow_verdict){.state = "paused", .why = "Paused on request; events wait in the topic."};
        flow->since_us = hw_now_us();
    }
    pthread_cond_broadcast(&flows->wake);
    pthread_mutex_unlock(&flows->lock);
    return 0;
}

int hw_flows_act(struct hw_flows *flows, const char *name, const char *action, struct hw_err *err) {
    pthread_mutex_lock(&flows->change);
    int result = act_locked(flows, name, action, err);
    pthread_mutex_unlock(&flows->change);
    return result;
}

int hw_flows_start(const struct hw_flows_options *options, struct hw_flows **out_flows, struct hw_err *err) {
    struct hw_flows *flows = hw_xcalloc(1, sizeof *flows);
    flows->options = *options;
    pthread_mutex_init(&flows->lock, NULL);
    pthread_mutex_init(&flows->change, NULL);
    pthread_cond_init(&flows->wake, NULL);
    snprintf(flows->why_not_ready, sizeof flows->why_not_ready, "the flows are being read from Kafka");
    if (pthread_create(&flows->watcher, NULL, flow_watch_run, flows) != 0) {
        free(flows);
        return hw_err_set(err, HW_ERR_FATAL, 0, "cannot start a thread");
    }
    *out_flows = flows;
    return 0;
}

struct hw_flows *hw_flows_stop(struct hw_flows *flows) {
    if (!flows)
        return NULL;
    pthread_mutex_lock(&flows->lock);
    flows->stopping = true;
    pthread_cond_broadcast(&flows->wake);
    pthread_mutex_unlock(&flows->lock);
    pthread_join(flows->watcher, NULL);
    if (flows->store)
        hw_kafka_store_close(flows->store);
    size_t at = 0;
    void *value;
    while (hw_map_next(&flows->map, &at, NULL, &value))
        flow_free(value);
    at = 0;
    while (hw_map_next(&flows->tables, &at, NULL, &value))
        free(value);
    hw_map_done(&flows->map);
    hw_map_done(&flows->tables);
    pthread_cond_destroy(&flows->wake);
    pthread_mutex_destroy(&flows->change);
    pthread_mutex_destroy(&flows->lock);
    free(flows);
    return NULL;
}
