/* The watcher: once a second it asks the worker for all connectors in one request and judges every flow. */
#include "admin/flows_internal.h"
#include "admin/upstream.h"
#include "base/diag.h"
#include "warehouse/warehouse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUND_MS            1000
#define TABLES_EVERY_MS     2000
#define FIRST_ROW_AGAIN_MS  1000
#define FIRST_ROW_MAX_BYTES (256 << 10)
#define SQL_PER_ROUND       3

/* Waits up to ms, less when woken. False when it is time to go. */
static bool nap(struct hw_flows *flows, int ms) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&flows->lock);
    if (!flows->stopping)
        pthread_cond_timedwait(&flows->wake, &flows->lock, &until);
    bool go_on = !flows->stopping;
    pthread_mutex_unlock(&flows->lock);
    return go_on;
}

static bool stopping(struct hw_flows *flows) {
    pthread_mutex_lock(&flows->lock);
    bool result = flows->stopping;
    pthread_mutex_unlock(&flows->lock);
    return result;
}

/* Kafka may come later than we do: try until it is there. */
static void open_store(struct hw_flows *flows) {
    int pause_ms = 200;
    for (bool told = false; !stopping(flows); pause_ms = HW_MIN(pause_ms * 2, 2000)) {
        struct hw_kafka_store *store = NULL;
        struct hw_err err = {0};
        if (hw_topics_reachable(flows->options.topics, NULL, 0, NULL)) {
            if (hw_kafka_store_open(flows->options.settings, "admin", HW_FLOWS_TOPIC, 1, flow_apply, flows, 5000,
                                    &store, &err) == 0) {
                pthread_mutex_lock(&flows->lock);
                flows->store = store;
                hw_info("flows are read", hw_kv_i("count", (int64_t)flows->map.count));
                pthread_mutex_unlock(&flows->lock);
                if (flows->options.on_ready)
                    flows->options.on_ready(flows->options.on_ready_arg);
                return;
            }
            if (!told)
                hw_warn("the flows cannot be read yet", hw_kv_s("why", err.text));
            told = true;
        } else {
            hw_topics_reachable(flows->options.topics, err.text, sizeof err.text, NULL);
        }
        pthread_mutex_lock(&flows->lock);
        snprintf(flows->why_not_ready, sizeof flows->why_not_ready, "%.300s", err.text);
        pthread_mutex_unlock(&flows->lock);
        nap(flows, pause_ms);
    }
}

/* --- Tables
 * --------------------------------------------------------------------------------------------------------------------
 */

static int64_t number_of(yyjson_val *object, const char *key) {
    const char *text = hw_json_str(object, key);
    return text ? strtoll(text, NULL, 10) : hw_json_int(object, key, -1);
}

static void look_tables(struct hw_flows *flows) {
    bool any = false;
    size_t at = 0;
    void *value;
    pthread_mutex_lock(&flows->lock);
    while (!any && hw_map_next(&flows->map, &at, NULL, &value))
        any = ((struct flow *)value)->spec.table != NULL;
    pthread_mutex_unlock(&flows->lock);
    int64_t began = hw_mono_ms();
    if (!any || (flows->tables_at_ms && began - flows->tables_at_ms < flows->tables_every_ms))
        return;
    HW_CLEANUP(hw_buf_done) struct hw_buf text = {0};
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
    struct hw_err err = {0};
    bool good = hw_tables_list(flows->options.catalog_uri, &text, &err) == 0 &&
                hw_json_parse(text.data, text.size, &doc, &err) == 0;
    flows->tables_at_ms = hw_mono_ms();
    flows->tables_every_ms =
        HW_MAX((int64_t)TABLES_EVERY_MS, 10 * (flows->tables_at_ms - began)); /* at most a tenth of the time */
    if (!good)
        return;
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(yyjson_doc_get_root(doc), index, max, item) {
        const char *name = hw_json_str(item, "name"), *when = hw_json_str(item, "last_commit");
        if (!name)
            continue;
        struct flow_table *table = hw_map_get(&flows->tables, name);
        if (!table) {
            table = hw_xcalloc(1, sizeof *table);
            hw_map_put(&flows->tables, name, table);
        }
        table->rows = number_of(item, "rows");
        if (!when || hw_time_parse_us(when, strlen(when), &table->last_commit_us) < 0)
            table->last_commit_us = 0;
    }
}

/* --- One flow
 * ------------------------------------------------------------------------------------------------------------------ */

static void step(struct flow *flow, int index, bool done, const char *state_else, int64_t at_us, const char *detail) {
    struct flow_step *s = &flow->steps[index];
    if (done && strcmp(s->state, "done") != 0)
        s->at_us = at_us;
    if (!done && strcmp(s->state, "done") == 0 && index > 1)
        return; /* a first time does not un-happen */
    s->state = done ? "done" : state_else;
    if (!done)
        s->at_us = 0;
    snprintf(s->detail, sizeof s->detail, "%s", detail);
}

/* The first step that is not done is the active one (or the failed one); later ones wait. */
static void update_steps(struct flow *flow, const struct hw_flow_facts *facts, int64_t now_us) {
    const struct hw_progress *p = &facts->progress;
    char text[200];
    bool failed = strcmp(flow->verdict.state, "failing") == 0;
    bool runs =
        facts->worker_answers && facts->connector_exists && facts->tasks > 0 && facts->tasks_running == facts->tasks;
    snprintf(text, sizeof text, runs ? "%d of %d tasks run" : "%d of %d tasks run; waiting for the worker",
             facts->tasks_running, facts->tasks);
    step(flow, 1, runs, failed ? "failed" : "active", now_us, text);
    bool past = runs || strcmp(flow->steps[2].state, "done") == 0;
    bool event = runs && (facts->is_source ? p->messages > 0 : p->messages > 0 || p->has_committed);
    snprintf(text, sizeof text, event ? "%lld events in the topic" : "Waiting for the first event",
             (long long)p->messages);
    step(flow, 2, event, past ? "active" : "pending", now_us, text);
    bool event_done = strcmp(flow->steps[2].state, "done") == 0;
    bool commit = event_done && (facts->is_source ? p->messages > 0 : p->has_committed && p->committed > 0);
    if (commit && flow->spec.table && flow->rows >= 0)
        snprintf(text, sizeof text, "%lld rows in %s", (long long)flow->rows, flow->spec.table);
    else
        snprintf(text, sizeof text, "%s",
                 commit       ? "Stored by the target"
                 : event_done ? "Waiting for the first commit"
                              : "");
    step(flow, 3, commit,
         !event_done ? "pending"
         : failed    ? "failed"
                     : "active",
         flow->last_commit_us > flow->created_us ? flow->last_commit_us : now_us, text);
    bool commit_done = strcmp(flow->steps[3].state, "done") == 0;
    bool queryable = commit_done && (flow->spec.table ? flow->first_row != NULL : true);
    snprintf(text, sizeof text, "%s",
             queryable     ? flow->spec.table ? "The first row answers to SQL" : "Written"
             : commit_done ? "Asking for the first row"
                           : "");
    step(flow, 4, queryable, !commit_done ? "pending" : "active", now_us, text);
}

static void read_connector(yyjson_val *connector, struct hw_flow_facts *facts) {
    yyjson_val *status = yyjson_obj_get(connector, "status"), *task;
    yyjson_val *own = yyjson_obj_get(status, "connector");
    size_t index, max;
    facts->connector_exists = connector != NULL;
    facts->connector_state = hw_json_str(own, "state");
    facts->trace = hw_json_str(own, "trace");
    yyjson_arr_foreach(yyjson_obj_get(status, "tasks"), index, max, task) {
        const char *state = hw_json_str(task, "state");
        facts->tasks++;
        facts->tasks_running += state && strcmp(state, "RUNNING") == 0;
        if (state && strcmp(state, "FAILED") == 0) {
            facts->tasks_failed++;
            if (!facts->trace)
                facts->trace = hw_json_str(task, "trace");
        }
    }
    if (!yyjson_is_obj(status)) /* the worker answers for this flow but knows nothing yet */
        facts->connector_state = NULL;
}

/* lock held */
static void judge(struct hw_flows *flows, struct flow *flow, bool answers, yyjson_val *connector, int64_t now_us) {
    struct hw_flow_facts facts = {.worker_answers = answers,
                                  .is_source = flow->spec.is_source,
                                  .freshness_ms = flow->spec.freshness_ms ? flow->spec.freshness_ms : 30000,
                                  .now_ms = now_us / 1000,
                                  .changed_ms = flow->changed_ms};
    read_connector(connector, &facts);
    HW_CLEANUP(hw_freep) char *group = hw_xasprintf("connect-%s", flow->name);
    if (flow->spec.is_source)
        hw_topics_progress(flows->options.topics, group, &flow->spec.to_topic, flow->spec.to_topic ? 1 : 0,
                           &facts.progress);
    else
        hw_topics_progress(flows->options.topics, group, flow->spec.topics, flow->spec.topic_count, &facts.progress);
    if (facts.progress.has_committed && facts.progress.committed != flow->committed) {
        flow->committed = facts.progress.committed;
        flow->moved_at_ms = now_us / 1000;
    }
    facts.moved_at_ms = flow->moved_at_ms;
    struct hw_flow_verdict verdict;
    hw_flow_judge(&facts, &verdict);
    if (strcmp(verdict.state, flow->verdict.state) != 0)
        flow->since_us = now_us;
    flow->verdict = verdict;
    free(flow->trace);
    flow->trace = facts.trace && strcmp(verdict.state, "failing") == 0
                      ? hw_xstrndup(facts.trace, HW_MIN(strlen(facts.trace), (size_t)16384))
                      : NULL;
    flow->lag = flow->spec.is_source || !facts.progress.known ? -1 : facts.progress.lag;
    flow->lag_seconds = hw_flow_lag_seconds(&facts);
    const struct flow_table *table = flow->spec.table ? hw_map_get(&flows->tables, flow->spec.table) : NULL;
    flow->rows = table ? table->rows : -1;
    flow->last_commit_us = table ? table->last_commit_us : 0;
    HW_CLEANUP(hw_freep) char *dead = hw_xasprintf("dlq.%s", flow->name);
    struct hw_progress dead_progress;
    char *const dead_names[] = {dead};
    hw_topics_progress(flows->options.topics, "", dead_names, 1, &dead_progress);
    flow->set_aside = flow->spec.is_source || flow->spec.stop_on_bad_record ? 0
                      : dead_progress.known                                 ? dead_progress.messages
                                                                            : -1;
    update_steps(flow, &facts, now_us);
}

/* A connector that is no flow is shown as one, read-only. lock held. */
static void adopt(struct hw_flows *flows, const char *name, yyjson_val *connector) {
    yyjson_val *info = yyjson_obj_get(connector, "info"), *config = yyjson_obj_get(info, "config");
    struct flow *flow = hw_map_get(&flows->map, name);
    if (!flow && flows->map.count < HW_FLOWS_MAX && yyjson_is_obj(config)) {
        const char *class = hw_json_str(config, "connector.class"), *type = hw_json_str(info, "type"),
                   *topics = hw_json_str(config, "topics");
        flow = hw_xcalloc(1, sizeof *flow);
        flow->name = hw_xstrdup(name);
        flow->spec.is_source = type && strcmp(type, "source") == 0;
        flow->spec.freshness_ms = 30000;
        snprintf(flow->spec.plugin, sizeof flow->spec.plugin, "%s", class ? class : "?");
        flow->spec.stop_on_bad_record = true;
        while (topics && *topics && flow->spec.topic_count < HW_FLOW_TOPICS_MAX) {
            topics += strspn(topics, " ,");
            size_t size = strcspn(topics, " ,");
            if (size)
                flow->spec.topics[flow->spec.topic_count++] = hw_xstrndup(topics, size);
            topics += size;
        }
        if (hw_json_str(config, "table"))
            flow->spec.table = hw_xstrdup(hw_json_str(config, "table"));
        if (flow->spec.is_source && hw_json_str(config, "topic"))
            flow->spec.to_topic = hw_xstrdup(hw_json_str(config, "topic"));
        flow->changed_ms = hw_now_ms();
        flow_reset_steps(flow);
        flow->steps[0].at_us = 0;
        hw_map_put(&flows->map, name, flow);
    }
    if (flow)
        flow->seen = flows->round;
}

/* Does the worker's configuration say what the spec says? */
static bool config_fits(struct hw_flows *flows, const struct flow *flow, yyjson_val *connector) {
    yyjson_val *config = yyjson_obj_get(yyjson_obj_get(connector, "info"), "config");
    struct hw_flow_settings settings;
    hw_flow_settings_make(flow->name, &flow->spec, flows->options.catalog_uri, &settings);
    bool fits = yyjson_is_obj(config);
    for (size_t i = 0; fits && i < settings.count; i++) {
        const char *value = hw_json_str(config, settings.items[i].key);
        fits = value && strcmp(value, settings.items[i].value) == 0;
    }
    hw_flow_settings_done(&settings);
    return fits;
}

/* Specs the worker does not have (we or it died in between, or it runs on a new log) are given to it again. */
static void reconcile(struct hw_flows *flows, const char *const *names, size_t count) {
    for (size_t i = 0; i < count && !stopping(flows); i++) {
        pthread_mutex_lock(&flows->change);
        pthread_mutex_lock(&flows->lock);
        struct flow *flow = hw_map_get(&flows->map, names[i]);
        HW_CLEANUP(hw_json_mut_freep) yyjson_mut_doc *copy = yyjson_mut_doc_new(NULL);
        bool wanted = flow && flow->managed && flow->check_connector;
        if (wanted)
            yyjson_mut_doc_set_root(copy, hw_flow_spec_json(copy, &flow->spec));
        pthread_mutex_unlock(&flows->lock);
        if (wanted) {
            HW_CLEANUP(hw_json_freep) yyjson_doc *doc = yyjson_mut_doc_imut_copy(copy, NULL);
            struct hw_field_errors *errors = hw_xcalloc(1, sizeof *errors);
            struct hw_flow_spec spec;
            struct hw_err err = {0};
            hw_flow_spec_parse(names[i], yyjson_doc_get_root(doc), &spec, errors);
            int result = flow_give_to_worker(flows, names[i], &spec, &err);
            if (result == 0)
                hw_info("flow given to the worker again", hw_kv_s("flow", names[i]));
            else
                hw_warn("the worker does not take a flow", hw_kv_s("flow", names[i]), hw_kv_s("why", err.text));
            pthread_mutex_lock(&flows->lock);
            flow = hw_map_get(&flows->map, names[i]);
            if (flow && (result == 0 || err.kind == HW_ERR_CONFIG))
                flow->check_connector = false;
            pthread_mutex_unlock(&flows->lock);
            hw_flow_spec_done(&spec);
            free(errors);
        }
        pthread_mutex_unlock(&flows->change);
    }
}

static void free_names(char **names, size_t count) {
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

/* --- First row
 * ----------------------------------------------------------------------------------------------------------------- */

static void ask_first_row(struct hw_flows *flows, const char *name) {
    HW_CLEANUP(hw_buf_done) struct hw_buf sql = {0};
    HW_CLEANUP(hw_freep) char *table = NULL;
    pthread_mutex_lock(&flows->lock);
    struct flow *flow = hw_map_get(&flows->map, name);
    if (flow && flow->spec.table) {
        table = hw_xstrdup(flow->spec.table);
        hw_buf_printf(&sql, "SELECT * FROM %s WHERE _topic IN (", table);
        for (size_t i = 0; i < flow->spec.topic_count; i++)
            hw_buf_printf(&sql, "%s'%s'", i ? "," : "",
                          flow->spec.topics[i]); /* names hold no quotes: checked by the spec */
        hw_buf_add_str(&sql, ") LIMIT 1");
    }
    pthread_mutex_unlock(&flows->lock);
    if (!table)
        return;
    struct hw_sql_options options = {
        .catalog_uri = flows->options.catalog_uri, .timeout_ms = 5000, .max_rows = 1, .memory_limit_mb = 256};
    HW_CLEANUP(hw_buf_done) struct hw_buf answer = {0};
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
    struct hw_err err = {0};
    int result = hw_sql_run(&options, hw_buf_str(&sql), &answer, &err);
    bool row = result == 0 && answer.size <= FIRST_ROW_MAX_BYTES &&
               hw_json_parse(answer.data, answer.size, &doc, &err) == 0 &&
               yyjson_arr_size(yyjson_obj_get(yyjson_doc_get_root(doc), "rows")) > 0;
    pthread_mutex_lock(&flows->lock);
    flow = hw_map_get(&flows->map, name);
    if (flow && row) {
        HW_CLEANUP(hw_buf_done) struct hw_buf kept = {0};
        hw_buf_add_str(&kept, "{\"columns\":");
        bool good = hw_json_write_val(yyjson_obj_get(yyjson_doc_get_root(doc), "columns"), &kept) == 0;
        hw_buf_add_str(&kept, ",\"rows\":");
        good = good && hw_json_write_val(yyjson_obj_get(yyjson_doc_get_root(doc), "rows"), &kept) == 0;
        hw_buf_add_char(&kept, '}');
        if (good) {
            free(flow->first_row);
            flow->first_row = hw_xstrdup(hw_buf_str(&kept));
            step(flow, 4, true, "active", hw_now_us(), "The first row answers to SQL");
        }
    }
    pthread_mutex_unlock(&flows->lock);
}

/* --- The round
 * ----------------------------------------------------------------------------------------------------------------- */

static void round_once(struct hw_flows *flows) {
    HW_CLEANUP(hw_http_response_done) struct hw_http_response response = {0};
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
    struct hw_err err = {0};
    bool answers = hw_upstream_call(flows->options.connect_uri, "GET", "/connectors?expand=info&expand=status", NULL, 0,
                                    5000, &response, &err) == 0 &&
                   response.status == 200 && hw_json_parse(response.body.data, response.body.size, &doc, &err) == 0;
    look_tables(flows);
    yyjson_val *root = yyjson_doc_get_root(doc), *key, *connector;
    size_t index, max, missing_count = 0, row_count = 0, at = 0;
    char **missing = NULL, *rows[SQL_PER_ROUND];
    const char *name;
    void *value;
    int64_t now_us = hw_now_us();
    pthread_mutex_lock(&flows->lock);
    flows->round++;
    flows->worker_answers = answers;
    if (answers && flows->store)
        yyjson_obj_foreach(root, index, max, key, connector) {
            adopt(flows, yyjson_get_str(key), connector);
        }
    missing = hw_xcalloc(flows->map.count + 1, sizeof *missing);
    while (hw_map_next(&flows->map, &at, &name, &value)) {
        struct flow *flow = value;
        if (!flow->managed && answers && flow->seen != flows->round) {
            flow_free(hw_map_remove(&flows->map, name));
            continue;
        }
        connector = answers ? yyjson_obj_get(root, name) : NULL;
        if (flow->managed && flow->check_connector && answers) {
            if (config_fits(flows, flow, connector))
                flow->check_connector = false;
            else
                missing[missing_count++] = hw_xstrdup(name);
        }
        judge(flows, flow, answers, connector, now_us);
        bool wants_row = flow->spec.table && !flow->first_row && strcmp(flow->steps[3].state, "done") == 0;
        if (wants_row && row_count < SQL_PER_ROUND && now_us / 1000 - flow->first_row_tried_ms >= FIRST_ROW_AGAIN_MS) {
            flow->first_row_tried_ms = now_us / 1000;
            rows[row_count++] = hw_xstrdup(name);
        }
    }
    pthread_mutex_unlock(&flows->lock);
    reconcile(flows, (const char *const *)missing, missing_count);
    free_names(missing, missing_count);
    for (size_t i = 0; i < row_count; i++) {
        if (!stopping(flows))
            ask_first_row(flows, rows[i]);
        free(rows[i]);
    }
}

void *flow_watch_run(void *arg) {
    struct hw_flows *flows = arg;
    open_store(flows);
    while (!stopping(flows)) {
        round_once(flows);
        if (!nap(flows, ROUND_MS))
            break;
    }
    return NULL;
}
