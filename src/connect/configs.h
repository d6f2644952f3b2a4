/* What the config topic says, in Java's records (research of Kafka Connect: KafkaConfigBackingStore):
 *   connector-<c>    {"properties":{…}}                 a tombstone deletes the connector
 *   task-<c>-<i>     {"properties":{…}}                 waits for the commit record
 *   commit-<c>       {"tasks":N}                        N task records become the truth together
 *   target-state-<c> {"state":"STARTED|PAUSED","state.v2":"STARTED|PAUSED|STOPPED"}
 *   restart-connector-<c> {"include-tasks":b,"only-failed":b}
 * Keys of other kinds (session-key, logger-cluster-…) are left alone. Pure state: no Kafka, no threads; caller's lock.
 */
#pragma once
#include "base/map.h"
#include "connect/props.h"

#define HW_TASKS_MAX 1000 /* tasks of one connector */

enum hw_target { HW_TARGET_STARTED, HW_TARGET_PAUSED, HW_TARGET_STOPPED };

struct hw_connector {
    char *name;
    bool exists; /* false: only loose task or target records were seen */
    struct hw_props config;
    uint64_t config_serial; /* grows with each change of config */
    enum hw_target target;
    struct hw_props *tasks; /* committed */
    int task_count;
    bool inconsistent;        /* a commit named tasks that are missing: the set must be written anew */
    uint64_t serial;          /* grows with each committed task set */
    struct hw_props *pending; /* by task number; empty = not seen since the last commit */
    int pending_count;
};
struct hw_configs {
    struct hw_map connectors; /* name → struct hw_connector */
    uint64_t serials;
};

enum hw_configs_event { HW_CONFIGS_NOTHING, HW_CONFIGS_CHANGED, HW_CONFIGS_RESTART, HW_CONFIGS_BAD };
struct hw_configs_change {
    enum hw_configs_event event;
    char connector[256];
    bool include_tasks, only_failed; /* RESTART */
    char fault[200];                 /* BAD: why the record was ignored */
};
void hw_configs_apply(struct hw_configs *configs, struct hw_slice key, struct hw_slice value,
                      struct hw_configs_change *out_change);
struct hw_connector *hw_configs_get(const struct hw_configs *configs,
                                    const char *name); /* only existing ones, else NULL */
void hw_configs_done(struct hw_configs *configs);

/* Values of the records. */
void hw_configs_write_properties(const struct hw_props *props, struct hw_buf *out);
const char *hw_target_value(enum hw_target target); /* the whole JSON value */
const char *hw_target_state(enum hw_target target); /* RUNNING, PAUSED, STOPPED: as status shows it */
