/* Handing a batch to the sink: retries, bisecting, dead letters. */
#include "base/diag.h"
#include "connect/bisect.h"
#include "connect/sink.h"

#include <string.h>

static int64_t now_progress(struct hw_slot *slot) {
    int64_t now = hw_now_ms();
    atomic_store(&slot->counters.last_progress_at_ms, now);
    return now;
}

static void mark(struct hw_sink_task *task, const struct hw_batch *batch, bool put) {
    for (size_t i = 0; i < batch->count; i++) {
        struct hw_sink_partition *partition =
            hw_sink_partition_find(task, batch->records[i].topic, batch->records[i].partition);
        if (!partition)
            continue;
        partition->processed = batch->records[i].offset + 1;
        if (put)
            partition->put = partition->processed;
    }
    now_progress(task->slot);
}

static int put_with_retries(void *arg, const struct hw_batch *batch, struct hw_err *err) {
    struct hw_sink_task *task = arg;
    struct hw_backoff backoff = hw_backoff_begin(task->checked->framework);
    uint64_t assignments = task->assignments;
    bool retried = false;
    for (;;) {
        *err = (struct hw_err){0};
        if (task->ops->put(task->self, batch, err) >= 0) {
            mark(task, batch, true);
            atomic_fetch_add(&task->slot->counters.records_put, (long long)batch->count);
            if (retried)
                hw_slot_set_detail(task->slot, "%s", "");
            return 0;
        }
        if (err->kind != HW_ERR_RETRY)
            return -1;
        int64_t delay = hw_backoff_next(&backoff);
        if (delay < 0)
            return hw_err_prefix(err, "gave up after errors.retry.timeout");
        retried = true;
        atomic_fetch_add(&task->slot->counters.retries, 1);
        hw_slot_set_detail(task->slot, "the target does not take records, trying again: %s", err->text);
        int result = hw_sink_idle(task, delay, err);
        if (result != 0)
            return result;
        if (assignments != task->assignments)
            return 1;
    }
}

static int set_aside(void *arg, const struct hw_record *record, const struct hw_err *why, struct hw_err *err) {
    struct hw_sink_task *task = arg;
    const struct hw_config *framework = task->checked->framework;
    struct hw_slot *slot = task->slot;
    if (strcmp(hw_config_str(framework, "errors.tolerance"), "all") != 0)
        return hw_err_set(
            err, HW_ERR_DATA, 0,
            "the record at topic %s, partition %d, offset %lld was refused: %s. Mend it or the settings, or set "
            "errors.tolerance=all with errors.deadletterqueue.topic.name to set such records aside",
            record->topic, record->partition, (long long)record->offset, why->text);
    const char *topic = hw_config_str(framework, "errors.deadletterqueue.topic.name");
    struct hw_backoff backoff = hw_backoff_begin(framework);
    uint64_t assignments = task->assignments;
    while (topic && *topic) {
        int result = task->letters ? 0
                                   : hw_dead_letters_open(slot->worker->settings, framework, slot->connector, slot->id,
                                                          &task->letters, err);
        if (result == 0)
            result = hw_dead_letters_put(task->letters, record, "TASK_PUT", slot->class->name, why, err);
        if (result == 0)
            break;
        int64_t delay = err->kind == HW_ERR_RETRY ? hw_backoff_next(&backoff) : -1;
        if (delay < 0)
            return -1;
        hw_slot_set_detail(slot, "a dead letter was not taken, trying again: %s", err->text);
        result = hw_sink_idle(task, delay, err);
        if (result != 0 || assignments != task->assignments)
            return result < 0 ? result : 1;
    }
    mark(task, &(struct hw_batch){.records = record, .count = 1}, false);
    atomic_fetch_add(topic && *topic ? &slot->counters.dead_letters : &slot->counters.skipped, 1);
    if (hw_config_bool(framework, "errors.log.enable"))
        hw_warn("record set aside", hw_kv_s("connector", slot->connector), hw_kv_s("topic", record->topic),
                hw_kv_i("partition", record->partition), hw_kv_i("offset", record->offset), hw_kv_s("why", why->text));
    return 0;
}

int hw_sink_put(struct hw_sink_task *task, const struct hw_batch *batch, struct hw_err *err) {
    const struct hw_bisect bisect = {.put = put_with_retries, .poison = set_aside, .arg = task};
    return hw_bisect_put(&bisect, batch, err);
}
