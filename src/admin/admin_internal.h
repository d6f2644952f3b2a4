/* What the routes of the admin role share. Read-only after start, but for what it points to. */
#pragma once
#include "admin/flows.h"
#include "admin/reply.h"
#include "admin/topics.h"
#include "net/http_server.h"

struct hw_admin {
    const struct hw_settings *settings;
    struct hw_http_server *server;
    struct hw_access_log *access;
    struct hw_topics *topics;
    struct hw_flows *flows;
    char *connect_uri, *catalog_uri, *ingest_uri, *own_uri;
    char *ui_dir; /* NULL: the embedded UI */
    const char *environment, *bootstrap;
    bool embedded_log;
    int64_t started_us;
};

/* Routes; arg is struct hw_admin. */
void hw_route_topics(struct hw_http_exchange *x, void *arg);
void hw_route_topic_create(struct hw_http_exchange *x, void *arg);
void hw_route_topic(struct hw_http_exchange *x, void *arg);
void hw_route_sample(struct hw_http_exchange *x, void *arg);
void hw_route_flows(struct hw_http_exchange *x, void *arg);
void hw_route_flow(struct hw_http_exchange *x, void *arg);
void hw_route_flow_put(struct hw_http_exchange *x, void *arg);
void hw_route_flow_delete(struct hw_http_exchange *x, void *arg);
void hw_route_flow_action(struct hw_http_exchange *x, void *arg);
void hw_route_plugins(struct hw_http_exchange *x, void *arg);
void hw_route_tables(struct hw_http_exchange *x, void *arg);
void hw_route_table(struct hw_http_exchange *x, void *arg);
void hw_route_sql(struct hw_http_exchange *x, void *arg);
void hw_route_info(struct hw_http_exchange *x, void *arg);
void hw_route_openapi(struct hw_http_exchange *x, void *arg);
void hw_route_unknown_v1(struct hw_http_exchange *x, void *arg);
void hw_route_ui(struct hw_http_exchange *x, void *arg);

/* A body that is one JSON document, strictly; otherwise answers 400 and returns -1. Fields not in known (NULL: any)
 * answer 422. */
int hw_admin_body(struct hw_admin *admin, struct hw_http_exchange *x, yyjson_doc **out_doc);
/* Numbers and words of the query; a fault answers 400 and returns -1. */
int hw_admin_query_number(struct hw_admin *admin, struct hw_http_exchange *x, const char *name, long least, long most,
                          long *number);
int hw_admin_query_word(struct hw_admin *admin, struct hw_http_exchange *x, const char *name, const char *const *words,
                        const char **word);
/* limit and cursor of a list of `total` items: [*begin, *end). */
struct hw_page {
    size_t begin, end;
};
int hw_admin_page(struct hw_admin *admin, struct hw_http_exchange *x, size_t total, struct hw_page *out_page);
void hw_admin_page_json(yyjson_mut_doc *doc, yyjson_mut_val *root, const struct hw_page *page, size_t total,
                        int64_t as_of_us);
/* 503 with the part that does not answer and what to do. */
void hw_admin_kafka_away(struct hw_admin *admin, struct hw_http_exchange *x, const char *why);
void hw_admin_connect_away(struct hw_admin *admin, struct hw_http_exchange *x, const char *why);
void hw_admin_catalog_away(struct hw_admin *admin, struct hw_http_exchange *x, const char *why);
bool hw_contains_nocase(const char *text, const char *part);

/* plan.c: what a PUT would do. Adds checks, effects, errors, config, preview… as a Plan to doc. */
struct hw_plan {
    bool valid;
    bool unreachable;      /* a part that the change needs is away */
    const char *away_code; /* kafka_unreachable… */
    char away[400];
};
yyjson_mut_val *hw_plan_make(struct hw_admin *admin, const char *name, const struct hw_flow_spec *spec,
                             struct hw_field_errors *errors, bool with_preview, yyjson_mut_doc *doc,
                             struct hw_plan *out_plan);
void hw_sample_event_json(yyjson_mut_doc *doc, yyjson_mut_val *item, const struct hw_sample_event *event,
                          size_t most_bytes);
