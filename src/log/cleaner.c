/* Compaction: of records with the same key only the last stays.
 *
 *   C1  Only sealed, durable segments are touched; the newest segment never is. Offsets do not change, records go
 * missing. C2  A segment is replaced by its cleaned copy: copy written and synced, index files (hints) removed, then
 * one rename. A crash at any point leaves either the old or the new file, both right. C3  A record is dropped only if a
 * later one with its key is in the map, so dropping twice or half is harmless. C4  A tombstone goes once it is older
 * than delete.retention.ms; everything before it in its key went in the same pass or earlier. The cleaner thread reads
 * by descriptors of its own and writes NNN.log.cleaned; the swap happens on the broker thread. One partition at a time.
 * Rewritten batches are stored uncompressed. */
#include "log/broker.h"

#include "base/diag.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_KEYS (4u << 20) /* 24 bytes each */
#define ROLL_BYTES                                                                                                     \
    (16 << 20) /* the newest segment of a compacted topic is closed at this size, so that it can be cleaned */
#define MAX_PLAIN (256u << 20)

struct key_entry {
    uint64_t hash[2];
    int64_t offset; /* last seen, +1; 0 = empty */
};
struct key_map {
    struct key_entry *slots;
    size_t capacity, count;
};
struct source {
    struct hw_segment *segment; /* referenced: its name stays, its files are ours to replace */
    int64_t base, end;
    uint32_t size, new_size;
    bool changed;
};
struct job {
    struct hw_broker *broker;
    struct hw_partition *partition; /* referenced */
    struct source *sources;
    size_t count;
    int64_t from, map_end; /* keys of [from, map_end) are in the map */
    int64_t tombstones_before_ms;
    struct hw_err err;
    bool failed;
};
struct hw_cleaner {
    pthread_t thread;
    bool running; /* broker thread */
    bool cancel;  /* atomic */
};

/* ---- the map: key → last offset, by a 128-bit hash ---- */

static uint64_t mix(const uint8_t *data, size_t size, uint64_t seed) {
    uint64_t h = seed ^ (size * 0xc6a4a7935bd1e995u);
    for (; size >= 8; size -= 8, data += 8) {
        uint64_t k;
        memcpy(&k, data, 8);
        k *= 0xc6a4a7935bd1e995u;
        h = (h ^ (k ^ (k >> 47)) * 0xc6a4a7935bd1e995u) * 0xc6a4a7935bd1e995u;
    }
    uint64_t rest = 0;
    for (size_t i = 0; i < size; i++)
        rest |= (uint64_t)data[i] << (8 * i);
    h = (h ^ rest) * 0xc6a4a7935bd1e995u;
    h = (h ^ (h >> 47)) * 0xc6a4a7935bd1e995u;
    return h ^ (h >> 47);
}

static struct key_entry *slot_of(const struct key_map *map, const uint64_t hash[2]) {
    size_t at = hash[0] & (map->capacity - 1);
    while (map->slots[at].offset && (map->slots[at].hash[0] != hash[0] || map->slots[at].hash[1] != hash[1]))
        at = (at + 1) & (map->capacity - 1);
    return &map->slots[at];
}

static void hash_key(struct hw_slice key, uint64_t out[2]) {
    out[0] = mix(key.data, key.size, 0x9E3779B97F4A7C15u);
    out[1] = mix(key.data, key.size, 0xD1B54A32D192ED03u);
}

static void map_put(struct key_map *map, struct hw_slice key, int64_t offset) {
    if ((map->count + 1) * 4 > map->capacity * 3) {
        struct key_map bigger = {.capacity = HW_MAX(map->capacity * 2, (size_t)1024), .count = map->count};
        bigger.slots = hw_xcalloc(bigger.capacity, sizeof(*bigger.slots));
        for (size_t i = 0; i < map->capacity; i++)
            if (map->slots[i].offset)
                *slot_of(&bigger, map->slots[i].hash) = map->slots[i];
        free(map->slots);
        *map = bigger;
    }
    uint64_t hash[2];
    hash_key(key, hash);
    struct key_entry *entry = slot_of(map, hash);
    if (!entry->offset)
        map->count++;
    *entry = (struct key_entry){{hash[0], hash[1]}, offset + 1};
}

static int64_t map_get(const struct key_map *map, struct hw_slice key) {
    uint64_t hash[2];
    if (!map->capacity)
        return -1;
    hash_key(key, hash);
    return slot_of(map, hash)->offset - 1;
}

/* ---- reading a source ---- */

struct view {
    uint8_t *data;
    size_t size;
};

static void view_done(struct view *view) {
    if (view->data)
        munmap(view->data, view->size);
}

static int view_open(const struct source *source, struct view *out, struct hw_err *err) {
    HW_CLEANUP(hw_freep) char *path = hw_segment_path(source->segment, "log");
    HW_CLEANUP(hw_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    void *data = fd < 0 || !source->size ? MAP_FAILED : mmap(NULL, source->size, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED)
        return hw_err_set_errno(err, fd < 0 || source->size ? errno : EINVAL, "cannot read %s", path);
    *out = (struct view){data, source->size};
    return 0;
}

static int batch_at(const struct source *source, const struct view *view, size_t at, struct hw_batch_info *out,
                    struct hw_err *err) {
    int result = hw_batch_parse(view->data + at, view->size - at, out, err);
    if (result != HW_BATCH_OK || !hw_batch_crc_ok(view->data + at, out))
        return hw_err_set(err, HW_ERR_DATA, 0,
                          "%s/%020" PRId64 ".log is damaged at byte %zu; its partition is not compacted",
                          source->segment->dir, source->base, at);
    return 0;
}

static bool cancelled(const struct job *job) {
    return __atomic_load_n(&job->broker->cleaner->cancel, __ATOMIC_RELAXED);
}

static int map_batch(struct job *job, struct key_map *map, const uint8_t *data, const struct hw_batch_info *info) {
    HW_CLEANUP(hw_batch_records_done) struct hw_batch_records records = {0};
    HW_TRY(hw_batch_records_open(data, info, MAX_PLAIN, &records, &job->err));
    struct hw_batch_record record;
    int result;
    while ((result = hw_batch_records_next(&records, &record, &job->err)) > 0)
        if (record.key.data)
            map_put(map, record.key, record.offset);
    return result;
}

static int build_map(struct job *job, struct key_map *map) {
    job->map_end = job->sources[job->count - 1].end;
    for (size_t s = 0; s < job->count; s++) {
        const struct source *source = &job->sources[s];
        if (source->end <= job->from || !source->size)
            continue;
        HW_CLEANUP(view_done) struct view view = {0};
        HW_TRY(view_open(source, &view, &job->err));
        struct hw_batch_info info;
        for (size_t at = 0; at < view.size; at += info.size) {
            HW_TRY(batch_at(source, &view, at, &info, &job->err));
            if (cancelled(job))
                return -1;
            if (map->count + (size_t)info.count > MAX_KEYS) { /* the rest is for the next pass */
                job->map_end = info.base_offset;
                return 0;
            }
            if (info.last_offset >= job->from && !(info.attributes & HW_BATCH_CONTROL))
                HW_TRY(map_batch(job, map, view.data + at, &info));
        }
    }
    return 0;
}

/* ---- writing the cleaned copy ---- */

static bool keeps(const struct job *job, const struct key_map *map, const struct hw_batch_record *record) {
    if (!record->key.data)
        return false; /* cannot be in a compacted topic but from before it was one */
    if (map_get(map, record->key) > record->offset)
        return false;
    return record->value.data || record->timestamp >= job->tombstones_before_ms || record->offset >= job->map_end;
}

static void put_be(uint8_t *p, uint64_t value, unsigned size) {
    for (unsigned i = size; i-- > 0; value >>= 8)
        p[i] = (uint8_t)value;
}

/* Appends what stays of the batch. The header keeps its offsets, times and producer; records are copied as they are. */
static int clean_batch(struct job *job, const struct key_map *map, const uint8_t *data,
                       const struct hw_batch_info *info, struct hw_buf *out, bool *changed) {
    HW_CLEANUP(hw_batch_records_done) struct hw_batch_records records = {0};
    HW_TRY(hw_batch_records_open(data, info, MAX_PLAIN, &records, &job->err));
    size_t start = out->size;
    int32_t kept = 0;
    hw_buf_add(out, data, HW_BATCH_HEADER);
    struct hw_batch_record record;
    int result;
    while ((result = hw_batch_records_next(&records, &record, &job->err)) > 0) {
        if (!keeps(job, map, &record))
            continue;
        hw_buf_add(out, record.raw.data, record.raw.size);
        kept++;
    }
    HW_TRY(result);
    if (kept == info->count) {
        out->size = start;
        hw_buf_add(out, data, info->size);
        return 0;
    }
    *changed = true;
    if (kept == 0) {
        out->size = start;
        return 0;
    }
    uint8_t *p = out->data + start;
    size_t size = out->size - start;
    put_be(p + 8, size - 12, 4);
    put_be(p + 21, (uint16_t)(info->attributes & ~HW_BATCH_CODEC), 2);
    put_be(p + 57, (uint32_t)kept, 4);
    put_be(p + 17, hw_crc32c(p + 21, size - 21), 4);
    return 0;
}

static int flush_out(int fd, struct hw_buf *out, uint32_t *total, struct hw_err *err) {
    for (size_t done = 0; done < out->size;) {
        ssize_t n = write(fd, out->data + done, out->size - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return hw_err_set_errno(err, n < 0 ? errno : ENOSPC, "cannot write a compacted segment");
        done += (size_t)n;
    }
    *total += (uint32_t)out->size;
    hw_buf_clear(out);
    return 0;
}

static int clean_source(struct job *job, const struct key_map *map, struct source *source) {
    HW_CLEANUP(view_done) struct view view = {0};
    HW_TRY(view_open(source, &view, &job->err));
    HW_CLEANUP(hw_freep) char *path = hw_segment_path(source->segment, "log.cleaned");
    HW_CLEANUP(hw_closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return hw_err_set_errno(&job->err, errno, "cannot create %s", path);
    HW_CLEANUP(hw_buf_done) struct hw_buf out = {0};
    struct hw_batch_info info;
    for (size_t at = 0; at < view.size; at += info.size) {
        HW_TRY(batch_at(source, &view, at, &info, &job->err));
        if (cancelled(job))
            return -1;
        if (info.attributes & HW_BATCH_CONTROL)
            hw_buf_add(&out, view.data + at, info.size);
        else
            HW_TRY(clean_batch(job, map, view.data + at, &info, &out, &source->changed));
        if (out.size > (1 << 20))
            HW_TRY(flush_out(fd, &out, &source->new_size, &job->err));
    }
    HW_TRY(flush_out(fd, &out, &source->new_size, &job->err));
    if (!source->changed)
        unlink(path);
    else if (fsync(fd) < 0)
        return hw_err_set_errno(&job->err, errno, "cannot sync %s", path);
    return 0;
}

/* ---- swapping, on the broker thread ---- */

static int swap_in(struct job *job, struct source *source, uint32_t index, struct hw_err *err) {
    struct hw_partition *partition = job->partition;
    struct hw_segment *old = partition->segments[index], *new_segment;
    HW_CLEANUP(hw_freep) char *cleaned = hw_segment_path(old, "log.cleaned");
    HW_CLEANUP(hw_freep) char *log = hw_segment_path(old, "log");
    HW_CLEANUP(hw_freep) char *offsets = hw_segment_path(old, "index");
    HW_CLEANUP(hw_freep) char *times = hw_segment_path(old, "timeindex");
    unlink(offsets);
    unlink(times);
    if (rename(cleaned, log) < 0)
        return hw_err_set_errno(err, errno, "cannot put %s in place", cleaned);
    partition->new_files = true; /* the rename must reach the disk some time; both files are right */
    HW_TRY(hw_segment_open(partition->dir, source->base, true, &new_segment, err));
    new_segment->next_offset = old->next_offset;
    new_segment->max_timestamp = old->max_timestamp;
    new_segment->max_timestamp_offset = old->max_timestamp_offset;
    new_segment->first_timestamp = old->first_timestamp;
    partition->segments[index] = new_segment;
    hw_segment_unref(old);
    if (source->new_size == 0 && index > 0) { /* the first one stays: it says where the log begins */
        hw_segment_delete(new_segment);
        hw_segment_unref(new_segment);
        partition->segment_count--;
        memmove(&partition->segments[index], &partition->segments[index + 1],
                (partition->segment_count - index) * sizeof(*partition->segments));
    }
    return 0;
}

static void job_free(struct job *job) {
    for (size_t i = 0; i < job->count; i++)
        hw_segment_unref(job->sources[i].segment);
    hw_partition_unref(job->partition);
    free(job->sources);
    free(job);
}

static void finish(void *arg) {
    struct job *job = arg;
    struct hw_partition *partition = job->partition;
    struct hw_cleaner *cleaner = job->broker->cleaner;
    pthread_join(cleaner->thread, NULL);
    cleaner->running = false;
    uint64_t before = 0, after = 0;
    for (size_t s = 0; !job->failed && !partition->deleted && s < job->count; s++) {
        struct source *source = &job->sources[s];
        before += source->size;
        after += source->changed ? source->new_size : source->size;
        /* Retention may have taken it meanwhile; then the copy goes too. */
        uint32_t index = 0;
        while (index < partition->segment_count && partition->segments[index] != source->segment)
            index++;
        if (!source->changed || index == partition->segment_count)
            continue;
        if (swap_in(job, source, index, &job->err) < 0)
            job->failed = true;
    }
    for (size_t s = 0; s < job->count; s++) {
        HW_CLEANUP(hw_freep) char *left = hw_segment_path(job->sources[s].segment, "log.cleaned");
        unlink(left);
    }
    if (job->failed && job->err.kind) {
        hw_warn("compaction failed; it is tried again later", hw_kv_s("topic", partition->topic->name),
                hw_kv_i("partition", partition->id), hw_kv_s("error", job->err.text));
    } else if (!job->failed && !partition->deleted) {
        partition->cleaned_until = job->map_end;
        hw_info("compacted", hw_kv_s("topic", partition->topic->name), hw_kv_i("partition", partition->id),
                hw_kv_i("bytes_before", (int64_t)before), hw_kv_i("bytes_after", (int64_t)after));
        hw_partition_mark_dirty(partition);
    }
    struct hw_broker *broker = job->broker;
    job_free(job);
    hw_broker_maybe_end(broker);
}

static void *cleaner_main(void *arg) {
    struct job *job = arg;
    struct key_map map = {0};
    int result = build_map(job, &map);
    for (size_t s = 0; result >= 0 && s < job->count && job->sources[s].base < job->map_end; s++)
        if (job->sources[s].size)
            result = clean_source(job, &map, &job->sources[s]);
    free(map.slots);
    job->failed = result < 0;
    hw_loop_post(job->broker->loop, finish, job);
    return NULL;
}

/* ---- choosing ---- */

/* How many sealed segments may be cleaned; *out_dirty and *out_total are their bytes. */
static uint32_t cleanable(const struct hw_partition *partition, int64_t now_ms, uint64_t *out_dirty,
                          uint64_t *out_total) {
    const struct hw_topic_config *config = &partition->topic->config;
    uint32_t count = 0;
    *out_dirty = *out_total = 0;
    for (; count + 1 < partition->segment_count; count++) {
        const struct hw_segment *segment = partition->segments[count];
        int64_t end = partition->segments[count + 1]->base_offset;
        if (end > partition->high_watermark || segment->flushed < segment->size ||
            (config->min_compaction_lag_ms > 0 && segment->max_timestamp > now_ms - config->min_compaction_lag_ms))
            break;
        *out_total += segment->size;
        *out_dirty += end > partition->cleaned_until ? segment->size : 0;
    }
    return count;
}

static void begin(struct hw_broker *broker, struct hw_partition *partition, uint32_t count, int64_t now_ms) {
    struct job *job = hw_xcalloc(1, sizeof(*job));
    *job = (struct job){.broker = broker,
                        .partition = partition,
                        .count = count,
                        .from = partition->cleaned_until,
                        .tombstones_before_ms = now_ms - partition->topic->config.delete_retention_ms};
    hw_partition_ref(partition);
    job->sources = hw_xcalloc(count, sizeof(*job->sources));
    for (uint32_t i = 0; i < count; i++) {
        struct hw_segment *segment = partition->segments[i];
        hw_segment_ref(segment);
        job->sources[i] = (struct source){.segment = segment,
                                          .base = segment->base_offset,
                                          .end = partition->segments[i + 1]->base_offset,
                                          .size = segment->size};
    }
    int error = pthread_create(&broker->cleaner->thread, NULL, cleaner_main, job);
    broker->cleaner->running = error == 0;
    if (error)
        job_free(job);
}

void hw_cleaner_look(struct hw_broker *broker) {
    if (!broker->cleaner)
        broker->cleaner = hw_xcalloc(1, sizeof(*broker->cleaner));
    if (broker->cleaner->running || broker->stopping)
        return;
    struct hw_partition *best = NULL;
    uint32_t best_count = 0;
    double best_ratio = 0;
    int64_t now = hw_now_ms();
    size_t at = 0;
    const char *name;
    void *value;
    while (hw_map_next(&broker->topics.by_name, &at, &name, &value)) {
        const struct hw_topic *topic = value;
        for (int32_t i = 0; topic->config.compact && i < topic->partition_count; i++) {
            struct hw_partition *partition = topic->partitions[i];
            const struct hw_segment *last = partition->segments[partition->segment_count - 1];
            struct hw_err err;
            if (last->size >= ROLL_BYTES && hw_partition_roll(partition, &err) < 0)
                hw_warn("cannot close a segment for compaction", hw_kv_s("error", err.text));
            uint64_t dirty, total;
            uint32_t count = cleanable(partition, now, &dirty, &total);
            double ratio = total ? (double)dirty / (double)total : 0;
            if (dirty > 0 && ratio >= topic->config.min_dirty_ratio && ratio > best_ratio) {
                best = partition;
                best_count = count;
                best_ratio = ratio;
            }
        }
    }
    if (best)
        begin(broker, best, best_count, now);
}

void hw_cleaner_cancel(struct hw_broker *broker) {
    if (broker->cleaner)
        __atomic_store_n(&broker->cleaner->cancel, true, __ATOMIC_RELAXED);
}

bool hw_cleaner_busy(const struct hw_broker *broker) {
    return broker->cleaner && broker->cleaner->running;
}

/* After the loop has ended. */
void hw_cleaner_stop(struct hw_broker *broker) {
    struct hw_cleaner *cleaner = broker->cleaner;
    if (!cleaner)
        return;
    free(cleaner);
    broker->cleaner = NULL;
}
