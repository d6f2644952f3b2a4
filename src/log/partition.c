#include "log/partition.h"

#include "base/diag.h"
#include "base/fs.h"
#include "kafka/messages.h"
#include "log/topics.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct hw_segment *active(const struct hw_partition *partition) {
    return partition->segments[partition->segment_count - 1];
}

static void add_segment(struct hw_partition *partition, struct hw_segment *segment) {
    if (partition->segment_count == partition->segment_capacity) {
        partition->segment_capacity = HW_MAX(partition->segment_capacity * 2, 2u);
        partition->segments =
            hw_xrealloc(partition->segments, partition->segment_capacity * sizeof(struct hw_segment *));
    }
    partition->segments[partition->segment_count++] = segment;
}

static struct hw_partition *partition_new(struct hw_topic *topic, int32_t id, const char *dir) {
    struct hw_partition *partition = hw_xcalloc(1, sizeof(*partition));
    partition->topic = topic;
    partition->id = id;
    partition->refs = 1;
    partition->dir = hw_xstrdup(dir);
    partition->produce_tail = &partition->produce_waiters;
    partition->snapshot_offset = partition->old_snapshot_offset = -1;
    return partition;
}

void hw_partition_ref(struct hw_partition *partition) {
    partition->refs++;
}

void hw_partition_unref(struct hw_partition *partition) {
    if (!partition || --partition->refs > 0)
        return;
    for (uint32_t i = 0; i < partition->segment_count; i++)
        hw_segment_unref(partition->segments[i]);
    hw_producers_done(&partition->producers);
    free(partition->segments);
    free(partition->epochs);
    free(partition->dir);
    free(partition);
}

/* ---- leader epochs: which epoch began at which offset, in Kafka's checkpoint file ---- */

static int write_epochs(const struct hw_partition *partition, struct hw_err *err) {
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("%s/leader-epoch-checkpoint", partition->dir);
    HW_CLEANUP(hw_freep) char *temporary = hw_xasprintf("%s.tmp", path);
    FILE *file = fopen(temporary, "we");
    if (!file)
        return hw_err_set_errno(err, errno, "cannot write %s", temporary);
    fprintf(file, "0\n%u\n", partition->epoch_count);
    for (uint32_t i = 0; i < partition->epoch_count; i++)
        fprintf(file, "%d %" PRId64 "\n", partition->epochs[i].epoch, partition->epochs[i].start_offset);
    if (fclose(file) != 0 || rename(temporary, path) < 0)
        return hw_err_set_errno(err, errno, "cannot write %s", path);
    return 0;
}

static void add_epoch(struct hw_partition *partition, int32_t epoch, int64_t start) {
    while (partition->epoch_count && partition->epochs[partition->epoch_count - 1].start_offset >= start)
        partition->epoch_count--; /* an epoch without records says nothing */
    partition->epochs = hw_xrealloc(partition->epochs, (partition->epoch_count + 1) * sizeof(*partition->epochs));
    partition->epochs[partition->epoch_count++] = (struct hw_epoch_entry){epoch, start};
}

static void read_epochs(struct hw_partition *partition) {
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("%s/leader-epoch-checkpoint", partition->dir);
    FILE *file = fopen(path, "re");
    int version, count, epoch;
    int64_t start;
    if (file && fscanf(file, "%d %d", &version, &count) == 2 && version == 0)
        while (count-- > 0 && fscanf(file, "%d %" SCNd64, &epoch, &start) == 2)
            add_epoch(partition, epoch, start);
    if (file)
        fclose(file);
}

int32_t hw_partition_epoch(const struct hw_partition *partition) {
    return partition->epoch_count ? partition->epochs[partition->epoch_count - 1].epoch : 0;
}

void hw_partition_epoch_end(const struct hw_partition *partition, int32_t wanted, int32_t *out_epoch,
                            int64_t *out_end) {
    *out_epoch = -1;
    *out_end = -1;
    if (wanted > hw_partition_epoch(partition))
        return;
    for (uint32_t i = partition->epoch_count; i-- > 0;) {
        if (partition->epochs[i].epoch > wanted)
            continue;
        *out_epoch = partition->epochs[i].epoch;
        *out_end = i + 1 < partition->epoch_count ? partition->epochs[i + 1].start_offset : partition->next_offset;
        return;
    }
    *out_epoch = wanted; /* older than all we know: ends where the oldest begins */
    *out_end = partition->epoch_count ? partition->epochs[0].start_offset : partition->next_offset;
}

/* ---- create and open ---- */

int hw_partition_create(struct hw_topic *topic, int32_t id, const char *dir, struct hw_partition **out,
                        struct hw_err *err) {
    if (mkdir(dir, 0755) < 0 && errno != EEXIST)
        return hw_err_set_errno(err, errno, "cannot create %s", dir);
    struct hw_partition *partition = partition_new(topic, id, dir);
    struct hw_segment *segment;
    add_epoch(partition, 0, 0);
    if (write_epochs(partition, err) < 0 || hw_segment_create(dir, 0, &segment, err) < 0) {
        hw_partition_unref(partition);
        return -1;
    }
    add_segment(partition, segment);
    partition->new_files = true;
    hw_partition_mark_dirty(partition);
    *out = partition;
    return 0;
}

static int by_base(const void *a, const void *b) {
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;
    return left < right ? -1 : left > right;
}

/* Base offsets of NNN.suffix in the directory, ascending. */
static int list_bases(const char *dir, const char *suffix, int64_t **out, size_t *out_count, struct hw_err *err) {
    DIR *d = opendir(dir);
    if (!d)
        return hw_err_set_errno(err, errno, "cannot read %s", dir);
    size_t count = 0, capacity = 0;
    int64_t *bases = NULL;
    struct dirent *entry;
    while ((entry = readdir(d))) {
        char *end;
        int64_t base = strtoll(entry->d_name, &end, 10);
        if (end != entry->d_name + 20 || strcmp(end, suffix) != 0 || base < 0)
            continue;
        if (count == capacity)
            bases = hw_xrealloc(bases, (capacity = HW_MAX(capacity * 2, (size_t)16)) * sizeof(*bases));
        bases[count++] = base;
    }
    closedir(d);
    if (count)
        qsort(bases, count, sizeof(*bases), by_base);
    *out = bases;
    *out_count = count;
    return 0;
}

static int replay(void *arg, const struct hw_batch_info *info) {
    struct hw_partition *partition = arg;
    hw_producers_update(&partition->producers, info, hw_now_ms());
    return 0;
}

static void remove_snapshot(const struct hw_partition *partition, int64_t offset) {
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("%s/%020" PRId64 ".snapshot", partition->dir, offset);
    unlink(path);
}

/* The newest readable snapshot at or below limit; 0 when there is none (then everything is scanned). The others go: a
 * snapshot beyond the limit may speak of records that a power cut took back. */
static int64_t load_snapshot(struct hw_partition *partition, int64_t limit) {
    HW_CLEANUP(hw_freep) int64_t *offsets = NULL;
    size_t count = 0;
    struct hw_err err;
    if (list_bases(partition->dir, ".snapshot", &offsets, &count, &err) < 0)
        return 0;
    while (count-- > 0) {
        if (offsets[count] > limit || partition->snapshot_offset >= 0) {
            remove_snapshot(partition, offsets[count]);
            continue;
        }
        HW_CLEANUP(hw_freep) char *path = hw_xasprintf("%s/%020" PRId64 ".snapshot", partition->dir, offsets[count]);
        if (hw_producers_load(&partition->producers, path, &err) == 0) {
            partition->snapshot_offset = offsets[count];
            continue;
        }
        hw_producers_done(&partition->producers);
        hw_warn("producer snapshot unreadable, scanning further back", hw_kv_s("error", err.text));
    }
    return HW_MAX(partition->snapshot_offset, (int64_t)0);
}

static void report_damage(const struct hw_partition *partition, const struct hw_segment *segment,
                          const struct hw_segment_damage *damage) {
    char file[600];
    snprintf(file, sizeof(file), "%s/%020" PRId64 ".log", segment->dir, segment->base_offset);
    if (damage->places)
        hw_error("damaged batch taken out; its bytes are kept in FILE.damaged-POSITION", hw_kv_s("file", file),
                 hw_kv_i("position", damage->position), hw_kv_i("bytes", damage->cut_bytes),
                 hw_kv_i("places", damage->places), hw_kv_s("fault", damage->why),
                 hw_kv_i("next_offset", segment->next_offset));
    else
        hw_warn("torn tail cut; its bytes are kept in FILE.damaged-POSITION", hw_kv_s("file", file),
                hw_kv_i("position", damage->position), hw_kv_i("bytes_cut", damage->cut_bytes),
                hw_kv_s("fault", damage->why), hw_kv_i("next_offset", segment->next_offset));
}

static int recover(struct hw_partition *partition, int64_t from, struct hw_err *err) {
    for (uint32_t i = 0; i < partition->segment_count; i++) {
        struct hw_segment *segment = partition->segments[i];
        bool last = i + 1 == partition->segment_count;
        int64_t end = last ? INT64_MAX : partition->segments[i + 1]->base_offset;
        if (end <= from && !last) {
            segment->next_offset = end;
            continue;
        }
        struct hw_segment_damage damage;
        int result = hw_segment_recover(segment, from, (uint32_t)partition->topic->config.index_interval, replay,
                                        partition, &damage, err);
        HW_TRY(result);
        if (result > 0)
            report_damage(partition, segment, &damage);
        if (!last)
            segment->next_offset = end;
    }
    return 0;
}

int hw_partition_open(struct hw_topic *topic, int32_t id, const char *dir, bool clean, int64_t recovery_point,
                      int64_t log_start, struct hw_partition **out, struct hw_err *err) {
    HW_CLEANUP(hw_freep) int64_t *bases = NULL;
    size_t count = 0;
    if (mkdir(dir, 0755) < 0 && errno != EEXIST)
        return hw_err_set_errno(err, errno, "cannot create %s", dir);
    HW_TRY(list_bases(dir, ".log", &bases, &count, err));
    if (count == 0)
        return hw_partition_create(topic, id, dir, out, err);
    struct hw_partition *partition = partition_new(topic, id, dir);
    for (size_t i = 0; i < count; i++) {
        struct hw_segment *segment;
        if (hw_segment_open(dir, bases[i], i + 1 < count, &segment, err) < 0) {
            hw_partition_unref(partition);
            return -1;
        }
        add_segment(partition, segment);
    }
    read_epochs(partition);
    int64_t from = load_snapshot(partition, recovery_point < 0 ? 0 : recovery_point);
    if (recover(partition, clean && recovery_point >= 0 ? HW_MAX(from, bases[0]) : from, err) < 0) {
        hw_partition_unref(partition);
        return -1;
    }
    partition->next_offset = partition->high_watermark = active(partition)->next_offset;
    partition->recovery_point = from;
    partition->log_start = HW_MIN(HW_MAX(log_start, bases[0]), partition->next_offset);
    if (!clean && partition->next_offset > 0) {
        /* Records nobody was promised may be gone: a new epoch lets consumers that saw them notice. */
        add_epoch(partition, hw_partition_epoch(partition) + 1, partition->next_offset);
        if (write_epochs(partition, err) < 0) {
            hw_partition_unref(partition);
            return -1;
        }
    }
    if (!partition->epoch_count)
        add_epoch(partition, 0, bases[0]);
    *out = partition;
    return 0;
}

void hw_partition_delete(struct hw_partition *partition) {
    partition->deleted = true;
    for (uint32_t i = 0; i < partition->segment_count; i++)
        hw_segment_delete(partition->segments[i]);
    struct hw_err err;
    if (hw_fs_remove_tree(partition->dir, &err) < 0)
        hw_warn("cannot remove a deleted partition's directory", hw_kv_s("error", err.text));
    for (int list = 0; list < 2; list++) {
        struct hw_waiter **head = list ? &partition->fetch_waiters : &partition->produce_waiters;
        while (*head) {
            struct hw_waiter *waiter = *head;
            hw_waiter_remove(partition, waiter);
            waiter->fn(waiter, true);
        }
    }
}

/* ---- append ---- */

static void refuse(struct hw_append_result *out, int error, const char *message) {
    out->error = error;
    snprintf(out->message, sizeof(out->message), "%.*s", (int)sizeof(out->message) - 1, message);
}

static bool has_key_everywhere(const uint8_t *data, const struct hw_batch_info *info, struct hw_err *err) {
    HW_CLEANUP(hw_batch_records_done) struct hw_batch_records records = {0};
    if (hw_batch_records_open(data, info, 256u << 20, &records, err) < 0)
        return false;
    struct hw_batch_record record;
    int result;
    while ((result = hw_batch_records_next(&records, &record, err)) > 0)
        if (!record.key.data)
            return hw_err_set(err, HW_ERR_DATA, 0, "Compacted topic cannot accept message without key"), false;
    return result == 0;
}

/* Checks a producer's batch; false with out->error set when it is refused. */
static bool acceptable(struct hw_partition *partition, uint8_t *data, size_t size, struct hw_batch_info *info,
                       struct hw_append_result *out) {
    const struct hw_topic_config *config = &partition->topic->config;
    struct hw_err err = {0};
    int result = hw_batch_parse(data, size, info, &err);
    if (result < 0)
        return refuse(out,
                      size > 16 && data[16] < 2 ? HW_KAFKA_UNSUPPORTED_FOR_MESSAGE_FORMAT : HW_KAFKA_CORRUPT_MESSAGE,
                      err.text),
               false;
    if (result == HW_BATCH_SHORT)
        return refuse(out, HW_KAFKA_CORRUPT_MESSAGE, "the batch is cut off"), false;
    if (info->size != size)
        return refuse(out, HW_KAFKA_INVALID_RECORD, "a produce request carries exactly one batch per partition"), false;
    if (!hw_batch_crc_ok(data, info))
        return refuse(out, HW_KAFKA_CORRUPT_MESSAGE, "the batch's checksum does not match"), false;
    if ((int64_t)size > config->max_message_bytes)
        return refuse(out, HW_KAFKA_MESSAGE_TOO_LARGE, "the batch is larger than the topic's max.message.bytes"), false;
    if (info->count < 1 || info->last_offset - info->base_offset != info->count - 1)
        return refuse(out, HW_KAFKA_INVALID_RECORD, "the batch's record count and offsets disagree"), false;
    if ((info->attributes & HW_BATCH_CODEC) > 4)
        return refuse(out, HW_KAFKA_UNSUPPORTED_COMPRESSION_TYPE, "the batch names a compression that does not exist"),
               false;
    if (info->attributes & (HW_BATCH_CONTROL | HW_BATCH_TRANSACTIONAL))
        return refuse(out, HW_KAFKA_INVALID_RECORD,
                      "the embedded log takes no transactional or control batches; use Kafka for transactions"),
               false;
    if (config->compact && !has_key_everywhere(data, info, &err))
        return refuse(out, HW_KAFKA_INVALID_RECORD, err.text), false;
    return true;
}

static bool must_roll(const struct hw_partition *partition, const struct hw_batch_info *info) {
    const struct hw_segment *segment = active(partition);
    const struct hw_topic_config *config = &partition->topic->config;
    if (segment->size == 0)
        return false;
    return segment->size + (int64_t)info->size > config->segment_bytes ||
           partition->next_offset + (info->last_offset - info->base_offset) - segment->base_offset > INT32_MAX ||
           (segment->first_timestamp >= 0 && info->max_timestamp - segment->first_timestamp > config->segment_ms);
}

int hw_partition_roll(struct hw_partition *partition, struct hw_err *err) {
    struct hw_segment *segment;
    HW_TRY(hw_segment_create(partition->dir, partition->next_offset, &segment, err));
    hw_segment_seal(active(partition));
    int result = hw_segment_write_index(active(partition), err);
    add_segment(partition, segment);
    partition->new_files = true;
    hw_partition_mark_dirty(partition);
    return result;
}

void hw_partition_append(struct hw_partition *partition, uint8_t *data, size_t size, bool internal,
                         struct hw_append_result *out) {
    *out = (struct hw_append_result){.base_offset = -1, .append_time = -1, .durable_at = -1};
    struct hw_batch_info info;
    struct hw_err err = {0};
    if (internal ? hw_batch_parse(data, size, &info, &err) != 0 : !acceptable(partition, data, size, &info, out)) {
        if (internal)
            refuse(out, HW_KAFKA_UNKNOWN_SERVER_ERROR, err.text);
        return;
    }
    if (info.producer_id >= 0) {
        const struct hw_producer_batch *seen = NULL;
        int result = hw_producers_check(&partition->producers, &info, &seen, &err);
        if (result < 0) {
            refuse(out, err.code, err.text);
            return;
        }
        if (result > 0) { /* sent again: the answer it would have got, once that is durable */
            out->base_offset = seen->last_offset - seen->offset_delta;
            out->durable_at = seen->last_offset + 1;
            return;
        }
    }
    int64_t now = hw_now_ms();
    if (partition->topic->config.append_time) {
        hw_batch_set_append_time(data, &info, now);
        out->append_time = now;
    }
    if (must_roll(partition, &info) && hw_partition_roll(partition, &err) < 0) {
        hw_error("cannot begin a new segment", hw_kv_s("error", err.text));
        refuse(out, HW_KAFKA_KAFKA_STORAGE_ERROR, err.text);
        return;
    }
    info.last_offset = partition->next_offset + (info.last_offset - info.base_offset);
    info.base_offset = partition->next_offset;
    hw_batch_set_position(data, info.base_offset, hw_partition_epoch(partition));
    if (hw_segment_append(active(partition), data, &info, (uint32_t)partition->topic->config.index_interval, &err) <
        0) {
        hw_error("append failed, the producer is told to retry", hw_kv_s("error", err.text));
        refuse(out, HW_KAFKA_KAFKA_STORAGE_ERROR, err.text);
        return;
    }
    hw_producers_update(&partition->producers, &info, now);
    partition->next_offset = info.last_offset + 1;
    partition->appended_bytes += size;
    partition->appended_records += (uint64_t)info.count;
    out->base_offset = info.base_offset;
    out->durable_at = partition->next_offset;
    hw_partition_mark_dirty(partition);
}

/* ---- read ---- */

static uint32_t segment_of(const struct hw_partition *partition, int64_t offset) {
    uint32_t low = 0, high = partition->segment_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (partition->segments[middle]->base_offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? low - 1 : 0;
}

int hw_partition_read(struct hw_partition *partition, int64_t offset, uint32_t max_bytes, struct hw_read_range *out,
                      struct hw_err *err) {
    *out = (struct hw_read_range){0};
    for (uint32_t i = segment_of(partition, offset); i < partition->segment_count; i++) {
        struct hw_segment *segment = partition->segments[i];
        uint32_t position;
        struct hw_batch_info info;
        int result = hw_segment_find(segment, offset, &position, &info, err);
        HW_TRY(result);
        if (result > 0)
            continue;
        uint32_t size = HW_MIN(HW_MAX(max_bytes, info.size), segment->visible - position);
        HW_TRY(hw_segment_check(segment, position, position + size, err));
        hw_segment_ref(segment);
        *out = (struct hw_read_range){segment, position, size};
        return 0;
    }
    return 0;
}

int hw_partition_read_batch(struct hw_partition *partition, int64_t offset, uint8_t **out_batch,
                            struct hw_batch_info *out_info, struct hw_err *err) {
    for (uint32_t i = segment_of(partition, offset); i < partition->segment_count; i++) {
        struct hw_segment *segment = partition->segments[i];
        uint32_t position;
        int result = hw_segment_find(segment, offset, &position, out_info, err);
        HW_TRY(result);
        if (result > 0)
            continue;
        HW_TRY(hw_segment_check(segment, position, position + out_info->size, err));
        uint8_t *bytes = hw_xmalloc(out_info->size);
        if (pread(segment->fd, bytes, out_info->size, position) != (ssize_t)out_info->size) {
            free(bytes);
            return hw_err_set_errno(err, EIO, "cannot read %s/%020" PRId64 ".log", segment->dir, segment->base_offset);
        }
        *out_batch = bytes;
        return 0;
    }
    return 1;
}

int hw_partition_find_time(struct hw_partition *partition, int64_t wanted, int64_t *out_offset, int64_t *out_timestamp,
                           struct hw_err *err) {
    for (uint32_t i = segment_of(partition, partition->log_start); i < partition->segment_count; i++) {
        int result = hw_segment_find_time(partition->segments[i], wanted, out_offset, out_timestamp, err);
        HW_TRY(result);
        if (result == 0 && *out_offset >= partition->log_start)
            return *out_offset < partition->high_watermark ? 0 : 1;
    }
    return 1;
}

int64_t hw_partition_max_time(struct hw_partition *partition, int64_t *out_offset) {
    int64_t best = -1;
    *out_offset = -1;
    for (uint32_t i = 0; i < partition->segment_count; i++) {
        struct hw_segment *segment = partition->segments[i];
        if (segment->max_timestamp > best) {
            best = segment->max_timestamp;
            *out_offset = segment->max_timestamp_offset;
        }
    }
    return best;
}

uint64_t hw_partition_bytes(const struct hw_partition *partition) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < partition->segment_count; i++)
        bytes += partition->segments[i]->size;
    return bytes;
}

/* ---- waiting for the high watermark ---- */

void hw_waiter_add_produce(struct hw_partition *partition, struct hw_waiter *waiter) {
    /* Offsets ascend but for repeated batches, which wait for an earlier one: those go in front. */
    struct hw_waiter **link = partition->produce_tail;
    if (partition->produce_waiters && waiter->offset < HW_CONTAINER_OF(link, struct hw_waiter, next)->offset)
        for (link = &partition->produce_waiters; *link && (*link)->offset <= waiter->offset;)
            link = &(*link)->next;
    waiter->next = *link;
    waiter->link = link;
    if (waiter->next)
        waiter->next->link = &waiter->next;
    else
        partition->produce_tail = &waiter->next;
    *link = waiter;
}

void hw_waiter_add_fetch(struct hw_partition *partition, struct hw_waiter *waiter) {
    waiter->next = partition->fetch_waiters;
    waiter->link = &partition->fetch_waiters;
    if (waiter->next)
        waiter->next->link = &waiter->next;
    partition->fetch_waiters = waiter;
}

void hw_waiter_remove(struct hw_partition *partition, struct hw_waiter *waiter) {
    if (!waiter->link)
        return;
    *waiter->link = waiter->next;
    if (waiter->next)
        waiter->next->link = waiter->link;
    else if (partition->produce_tail == &waiter->next)
        partition->produce_tail = waiter->link;
    waiter->link = NULL;
    waiter->next = NULL;
}

void hw_partition_flushed(struct hw_partition *partition, int64_t end_offset) {
    if (partition->deleted || end_offset <= partition->high_watermark)
        return;
    partition->high_watermark = end_offset;
    while (partition->produce_waiters && partition->produce_waiters->offset <= end_offset) {
        struct hw_waiter *waiter = partition->produce_waiters;
        hw_waiter_remove(partition, waiter);
        waiter->fn(waiter, false);
    }
    for (struct hw_waiter *waiter = partition->fetch_waiters, *next; waiter; waiter = next) {
        next = waiter->next;
        waiter->fn(waiter, false); /* only notes that there is something new */
    }
}

/* ---- upkeep ---- */

/* A snapshot holds the producers at next_offset. Until that offset is durable the recovery point stays at the snapshot
 * before it, so that a scan never begins behind what the snapshot knows. */
int hw_partition_checkpoint(struct hw_partition *partition, struct hw_err *err) {
    if (partition->recovery_point == partition->next_offset || partition->deleted)
        return 0;
    HW_TRY(hw_segment_write_index(active(partition), err));
    if (partition->snapshot_offset >= 0 && partition->high_watermark >= partition->snapshot_offset)
        partition->recovery_point = partition->snapshot_offset;
    if (partition->snapshot_offset == partition->next_offset)
        return 0;
    HW_CLEANUP(hw_freep)
    char *path = hw_xasprintf("%s/%020" PRId64 ".snapshot", partition->dir, partition->next_offset);
    HW_TRY(hw_producers_save(&partition->producers, path, err));
    if (partition->old_snapshot_offset >= 0 && partition->old_snapshot_offset != partition->recovery_point)
        remove_snapshot(partition, partition->old_snapshot_offset);
    partition->old_snapshot_offset = partition->snapshot_offset;
    partition->snapshot_offset = partition->next_offset;
    if (partition->high_watermark == partition->next_offset)
        partition->recovery_point = partition->next_offset;
    return 0;
}

static void drop_first(struct hw_partition *partition) {
    hw_segment_delete(partition->segments[0]);
    hw_segment_unref(partition->segments[0]);
    partition->segment_count--;
    memmove(partition->segments, partition->segments + 1, partition->segment_count * sizeof(*partition->segments));
    partition->log_start = HW_MAX(partition->log_start, partition->segments[0]->base_offset);
}

bool hw_partition_retain(struct hw_partition *partition, int64_t now_ms) {
    const struct hw_topic_config *config = &partition->topic->config;
    uint32_t before = partition->segment_count;
    struct hw_err err = {0};
    struct hw_segment *last = active(partition);
    /* As Kafka does: an active segment that is wholly too old is closed, so that it can go too. */
    if (config->remove && config->retention_ms >= 0 && last->size > 0 && last->max_timestamp >= 0 &&
        last->flushed == last->size && now_ms - last->max_timestamp > config->retention_ms &&
        hw_partition_roll(partition, &err) < 0)
        hw_warn("cannot close an old segment", hw_kv_s("error", err.text));
    while (partition->segment_count > 1 && partition->segments[1]->base_offset <= partition->high_watermark) {
        struct hw_segment *first = partition->segments[0];
        bool old = config->remove && config->retention_ms >= 0 && first->max_timestamp >= 0 &&
                   now_ms - first->max_timestamp > config->retention_ms;
        bool large = config->remove && config->retention_bytes >= 0 &&
                     hw_partition_bytes(partition) - first->size >= (uint64_t)config->retention_bytes;
        bool passed = partition->segments[1]->base_offset <= partition->log_start;
        if (!old && !large && !passed)
            break;
        hw_info("segment dropped", hw_kv_s("topic", partition->topic->name), hw_kv_i("partition", partition->id),
                hw_kv_i("base_offset", first->base_offset),
                hw_kv_s("reason", passed ? "deleted records"
                                  : old  ? "retention.ms"
                                         : "retention.bytes"));
        drop_first(partition);
    }
    for (uint32_t i = 0; i + 1 < partition->segment_count; i++)
        if (hw_mono_ms() - partition->segments[i]->last_used_ms > 60000)
            hw_segment_relax(partition->segments[i]);
    return partition->segment_count != before;
}

void hw_partition_set_log_start(struct hw_partition *partition, int64_t offset) {
    partition->log_start = HW_MAX(partition->log_start, offset);
}
