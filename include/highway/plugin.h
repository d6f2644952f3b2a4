/* The connector ABI. A connector is a const table; the worker in src/connect runs it.
 *
 * Threads: all calls of one task come from that task's own thread, one at a time; tasks of one connector run in parallel.
 * Errors: HW_ERR_RETRY = the worker backs off and calls again with the same batch; HW_ERR_DATA = the worker isolates the bad
 * record by bisecting the batch and sets it aside; HW_ERR_CONFIG and HW_ERR_FATAL stop the task, status FAILED with the text. */
#pragma once
#include "highway/config.h"
#include "highway/err.h"
#include "highway/record.h"

#define HW_PLUGIN_ABI 1u

/* What a task may ask of its worker. Borrowed; valid between start and stop. */
struct hw_task {
    const char *connector; /* connector name */
    int id;                /* task number from 0 */
    int count;             /* tasks of this connector */
    const char *data_dir;  /* a directory of this connector's own for scratch files; may not exist yet */
    void (*log)(struct hw_task *task, int level, const char *format, ...) HW_PRINTF(3, 4); /* level: syslog's LOG_* */
    void *worker; /* the worker's own */
};

struct hw_sink_ops {
    uint32_t abi; /* HW_PLUGIN_ABI */
    const char *name;              /* "warehouse": what connector.class says */
    const char *const *aliases;    /* NULL-ended Java class names answered to, or NULL */
    const char *version, *doc;
    const struct hw_config_field *config; /* besides the framework's own keys */
    /* Further checks of a parsed config (may reach the outside system, must end within 10 s). NULL = none. */
    int (*validate)(const struct hw_config *config, struct hw_config_faults *out_faults, struct hw_err *err);
    int (*start)(struct hw_task *task, const struct hw_config *config, void **out_self, struct hw_err *err);
    /* Partitions now owned (all of them, also on each change). The sink adds to out_seek where it wants to go on for those whose
     * truth it keeps itself (exactly once); others go on from the group's offsets. Data put but not flushed of partitions no
     * longer owned must be dropped. NULL = fine. */
    int (*assign)(void *self, const struct hw_topic_offset *partitions, size_t count, struct hw_offsets *out_seek, struct hw_err *err);
    /* The batch is borrowed until return. Failing means none of it counts as put. */
    int (*put)(void *self, const struct hw_batch *batch, struct hw_err *err);
    /* Called at least every second, and with force before stop, pause and rebalance. out_durable receives what may now be
     * committed to the group; leave it empty to say "not yet". force: make all that was put durable now. */
    int (*flush)(void *self, bool force, struct hw_offsets *out_durable, struct hw_err *err);
    void (*stop)(void *self); /* called once after a good start */
    /* How many tasks make sense, 1…max (the user's tasks.max). NULL = max. */
    int (*task_count)(const struct hw_config *config, int max);
};

/* A source offset: two JSON objects as text, partition and offset, exactly as they go into the offsets topic
 * (Java's field order, no blanks). */
struct hw_source_record {
    struct hw_record record;
    const char *source_partition; /* {"filename":"…"} */
    const char *source_offset;    /* {"position":123} */
};
struct hw_source_context {
    /* The stored offset of a source partition: malloc'd JSON text the caller frees, or NULL when there is none. */
    char *(*offset)(struct hw_source_context *context, const char *source_partition);
    void *worker;
};

struct hw_source_ops {
    uint32_t abi;
    const char *name;
    const char *const *aliases;
    const char *version, *doc;
    const struct hw_config_field *config;
    int (*validate)(const struct hw_config *config, struct hw_config_faults *out_faults, struct hw_err *err);
    int (*start)(struct hw_task *task, const struct hw_config *config, struct hw_source_context *context, void **out_self,
                 struct hw_err *err);
    /* Waits up to timeout_ms for records. *out_records stays valid until the next poll. 0 with *out_count = 0 is "nothing new". */
    int (*poll)(void *self, int timeout_ms, const struct hw_source_record **out_records, size_t *out_count, struct hw_err *err);
    /* All records of earlier polls up to here are acknowledged by Kafka and their offsets stored. NULL = fine. */
    int (*commit)(void *self, struct hw_err *err);
    void (*stop)(void *self);
    /* How many tasks make sense, 1…max (the user's tasks.max). NULL = 1; each task finds its share by task->id of task->count. */
    int (*task_count)(const struct hw_config *config, int max);
};

/* What a loadable plugin exports as `const struct hw_plugin hw_plugin_v1`; built-in ones are listed in connectors/builtin.c. */
struct hw_plugin {
    uint32_t abi;
    const struct hw_sink_ops *const *sinks;     /* NULL-ended, or NULL */
    const struct hw_source_ops *const *sources; /* NULL-ended, or NULL */
};
