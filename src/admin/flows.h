/* The flows: their specs live in the compacted topic __highway.flows, their work is done by connectors of that name.
 *
 *   PUT /v1/flows/x ─▶ __highway.flows ─▶ (apply) map of flows ◀─ watcher: Connect status, progress, tables, first row
 *                   └▶ PUT connect/connectors/x/config
 *
 * Threads: the store's thread applies specs; the watcher thread judges every second; routes read under the lock. */
#pragma once
#include "admin/flow_spec.h"
#include "admin/topics.h"

#define HW_FLOWS_TOPIC "__highway.flows"
#define HW_FLOWS_MAX   5000

struct hw_flows;
struct hw_flows_options {
    const struct hw_settings *settings;
    struct hw_topics *topics;
    const char *connect_uri, *catalog_uri;
    void (*on_ready)(void *arg); /* once, on the watcher's thread, when the specs are read */
    void *on_ready_arg;
};
HW_MUST_CHECK int hw_flows_start(const struct hw_flows_options *options, struct hw_flows **out_flows,
                                 struct hw_err *err);
struct hw_flows *hw_flows_stop(struct hw_flows *flows);
/* Specs are read and changes can be stored. why names what is missing. */
bool hw_flows_ready(struct hw_flows *flows, char *why, size_t size);

enum hw_flow_kind { HW_FLOW_NONE, HW_FLOW_MANAGED, HW_FLOW_UNMANAGED };
enum hw_flow_kind hw_flows_find(struct hw_flows *flows, const char *name);
/* Adds the flow as the contract's Flow (or FlowSummary) to doc; NULL when there is none. out_etag may be NULL. */
yyjson_mut_val *hw_flows_json(struct hw_flows *flows, const char *name, bool summary, yyjson_mut_doc *doc,
                              char out_etag[24]);
/* Names in order; the caller frees each and the array. topic NULL: all. */
size_t hw_flows_names(struct hw_flows *flows, const char *topic, char ***out_names);
/* Flows that write the table / read the topic, as a JSON array of names. */
yyjson_mut_val *hw_flows_of_table(struct hw_flows *flows, const char *table, yyjson_mut_doc *doc);
yyjson_mut_val *hw_flows_of_topic(struct hw_flows *flows, const char *topic, yyjson_mut_doc *doc);
bool hw_flows_is_flow(struct hw_flows *flows, const char *name);

/* Stores the spec and gives it to the worker. *out_created: it was new. A worker that refuses (HW_ERR_CONFIG) leaves
 * everything as it was; a worker that is away gives HW_ERR_RETRY and nothing is changed either. */
HW_MUST_CHECK int hw_flows_put(struct hw_flows *flows, const char *name, const struct hw_flow_spec *spec,
                               bool *out_created, struct hw_err *err);
HW_MUST_CHECK int hw_flows_delete(struct hw_flows *flows, const char *name, struct hw_err *err);
/* action: pause, resume, restart */
HW_MUST_CHECK int hw_flows_act(struct hw_flows *flows, const char *name, const char *action, struct hw_err *err);
