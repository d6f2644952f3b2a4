#include "log/segment.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define INDEX_ENTRY 8
#define TIME_ENTRY  12

char *hw_segment_path(const struct hw_segment *segment, const char *suffix) {
    return hw_xasprintf("%s/%020" PRId64 ".%s", segment->dir, segment->base_offset, suffix);
}

static struct hw_segment *segment_new(const char *dir, int64_t base_offset) {
    struct hw_segment *segment = hw_xcalloc(1, sizeof(*segment));
    segment->refs = 1;
    segment->dir = hw_xstrdup(dir);
    segment->base_offset = segment->next_offset = base_offset;
    segment->fd = -1;
    segment->max_timestamp = segment->max_timestamp_offset = segment->first_timestamp = -1;
    segment->created_ms = segment->last_used_ms = hw_now_ms();
    return segment;
}

int hw_segment_create(const char *dir, int64_t base_offset, struct hw_segment **out_segment, struct hw_err *err) {
    struct hw_segment *segment = segment_new(dir, base_offset);
    HW_CLEANUP(hw_freep) char *path = hw_segment_path(segment, "log");
    segment->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (segment->fd < 0) {
        int result = hw_err_set_errno(err, errno, "cannot create %s", path);
        hw_segment_unref(segment);
        return result;
    }
    for (int i = 0; i < 2; i++) { /* what an earlier segment of this name may have left */
        HW_CLEANUP(hw_freep) char *old = hw_segment_path(segment, i ? "timeindex" : "index");
        unlink(old);
    }
    *out_segment = segment;
    return 0;
}

int hw_segment_open(const char *dir, int64_t base_offset, bool sealed, struct hw_segment **out_segment,
                    struct hw_err *err) {
    struct hw_segment *segment = segment_new(dir, base_offset);
    HW_CLEANUP(hw_freep) char *path = hw_segment_path(segment, "log");
    struct stat st;
    int result = 0;
    if (stat(path, &st) < 0)
        result = hw_err_set_errno(err, errno, "cannot open %s", path);
    else if (st.st_size > UINT32_MAX)
        result = hw_err_set(err, HW_ERR_FATAL, 0, "%s is larger than a segment can be (4 GiB)", path);
    else if (!sealed && hw_segment_fd(segment, err) < 0)
        result = -1;
    if (result < 0) {
        hw_segment_unref(segment);
        return result;
    }
    segment->size = segment->flushed = segment->visible = (uint32_t)st.st_size;
    segment->created_ms = (int64_t)st.st_mtim.tv_sec * 1000;
    segment->sealed = sealed;
    *out_segment = segment;
    return 0;
}

void hw_segment_ref(struct hw_segment *segment) {
    segment->refs++;
}

static void drop_index(struct hw_segment *segment) {
    free(segment->index);
    free(segment->times);
    segment->index = NULL;
    segment->times = NULL;
    segment->index_count = segment->index_capacity = segment->time_count = segment->time_capacity = 0;
}

void hw_segment_unref(struct hw_segment *segment) {
    if (!segment || --segment->refs > 0)
        return;
    if (segment->fd >= 0)
        close(segment->fd);
    drop_index(segment);
    free(segment->dir);
    free(segment);
}

int hw_segment_fd(struct hw_segment *segment, struct hw_err *err) {
    segment->last_used_ms = hw_mono_ms();
    if (segment->fd >= 0)
        return segment->fd;
    HW_CLEANUP(hw_freep) char *path = hw_segment_path(segment, "log");
    segment->fd = open(path, O_RDWR | O_CLOEXEC);
    if (segment->fd < 0)
        return hw_err_set_errno(err, errno, "cannot open %s", path);
    return segment->fd;
}

void hw_segment_relax(struct hw_segment *segment) {
    if (!segment->sealed || segment->refs > 1 || segment->flushed < segment->size)
        return;
    if (segment->index && segment->index_written == segment->index_count &&
        segment->time_written == segment->time_count)
        drop_index(segment);
    if (segment->fd >= 0)
        close(segment->fd);
    segment->fd = -1;
}

/* ---- indexes ---- */

static void index_add(struct hw_segment *segment, int64_t offset, uint32_t position) {
    if (segment->index_count == segment->index_capacity) {
        segment->index_capacity = HW_MAX(segment->index_capacity * 2, 16u);
        segment->index = hw_xrealloc(segment->index, segment->index_capacity * sizeof(*segment->index));
    }
    segment->index[segment->index_count++] =
        (struct hw_index_entry){(uint32_t)(offset - segment->base_offset), position};
}

static void time_add(struct hw_segment *segment, int64_t timestamp, int64_t offset) {
    if (segment->time_count && segment->times[segment->time_count - 1].timestamp >= timestamp)
        return;
    if (segment->time_count == segment->time_capacity) {
        segment->time_capacity = HW_MAX(segment->time_capacity * 2, 16u);
        segment->times = hw_xrealloc(segment->times, segment->time_capacity * sizeof(*segment->times));
    }
    segment->times[segment->time_count++] =
        (struct hw_time_entry){timestamp, (uint32_t)(offset - segment->base_offset)};
}

/* Books one batch that lies at position; the file has it already. */
static void account(struct hw_segment *segment, const struct hw_batch_info *info, uint32_t position,
                    uint32_t index_interval) {
    if (segment->first_timestamp < 0)
        segment->first_timestamp = info->max_timestamp;
    if (info->max_timestamp > segment->max_timestamp) {
        segment->max_timestamp = info->max_timestamp;
        segment->max_timestamp_offset = info->last_offset;
    }
    if (segment->bytes_since_index > index_interval) {
        index_add(segment, info->last_offset, position);
        time_add(segment, segment->max_timestamp, segment->max_timestamp_offset);
        segment->bytes_since_index = 0;
    }
    segment->bytes_since_index += info->size;
    segment->next_offset = info->last_offset + 1;
}

static int append_file(const char *path, const struct hw_buf *bytes, size_t keep, struct hw_err *err) {
    HW_CLEANUP(hw_closep) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0)
        return hw_err_set_errno(err, errno, "cannot open %s", path);
    if (ftruncate(fd, (off_t)keep) < 0 || pwrite(fd, bytes->data, bytes->size, (off_t)keep) != (ssize_t)bytes->size)
        return hw_err_set_errno(err, errno, "cannot write %s", path);
    return 0;
}

int hw_segment_write_index(struct hw_segment *segment, struct hw_err *err) {
    struct hw_buf bytes = {0};
    int result = 0;
    if (segment->index_written < segment->index_count || segment->index_written == 0) {
        for (uint32_t i = segment->index_written; i < segment->index_count; i++) {
            uint32_t pair[2] = {htobe32(segment->index[i].relative_offset), htobe32(segment->index[i].position)};
            hw_buf_add(&bytes, pair, sizeof(pair));
        }
        HW_CLEANUP(hw_freep) char *path = hw_segment_path(segment, "index");
        result = append_file(path, &bytes, (size_t)segment->index_written * INDEX_ENTRY, err);
        segment->index_written = result < 0 ? segment->index_written : segment->index_count;
    }
    hw_buf_clear(&bytes);
    if (result == 0 && (segment->time_written < segment->time_count || segment->time_written == 0)) {
        for (uint32_t i = segment->time_written; i < segment->time_count; i++) {
            uint64_t timestamp = htobe64((uint64_t)segment->times[i].timestamp);
            uint32_t offset = htobe32(segment->times[i].relative_offset);
            hw_buf_add(&bytes, &timestamp, 8);
            hw_buf_add(&bytes, &offset, 4);
        }
        HW_CLEANUP(hw_freep) char *path = hw_segment_path(segment, "timeindex");
        result = append_file(path, &bytes, (size_t)segment->time_written * TIME_ENTRY, err);
        segment->time_written = result < 0 ? segment->time_written : segment->time_count;
    }
    hw_buf_done(&bytes);
    return result;
}

static bool read_file(const struct hw_segment *segment, const char *suffix, size_t unit, struct hw_buf *out) {
    HW_CLEANUP(hw_freep) char *path = hw_segment_path(segment, suffix);
    HW_CLEANUP(hw_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || st.st_size > 256 * 1024 * 1024 || (size_t)st.st_size % unit)
        return false;
    if (st.st_size == 0)
        return true;
    if (hw_buf_reserve(out, (size_t)st.st_size) < 0 || pread(fd, out->data, (size_t)st.st_size, 0) != st.st_size)
        return false;
    out->size = (size_t)st.st_size;
    return true;
}

/* False when the files are missing or do not agree with the log (I1: then they are rebuilt). */
static bool load_index(struct hw_segment *segment) {
    struct hw_buf index = {0}, times = {0};
    bool good = read_file(segment, "index", INDEX_ENTRY, &index) && read_file(segment, "timeindex", TIME_ENTRY, &times);
    uint32_t last_offset = 0, last_position = 0;
    for (size_t at = 0; good && at < index.size; at += INDEX_ENTRY) {
        uint32_t pair[2];
        memcpy(pair, index.data + at, sizeof(pair));
        uint32_t offset = be32toh(pair[0]), position = be32toh(pair[1]);
        good = position < segment->size && (at == 0 || (offset > last_offset && position > last_position));
        index_add(segment, segment->base_offset + offset, position);
        last_offset = offset;
        last_position = position;
    }
    for (size_t at = 0; good && at < times.size; at += TIME_ENTRY) {
        uint64_t timestamp;
        uint32_t offset;
        memcpy(&timestamp, times.data + at, 8);
        memcpy(&offset, times.data + at + 8, 4);
        uint32_t before = segment->time_count;
        time_add(segment, (int64_t)be64toh(timestamp), segment->base_offset + be32toh(offset));
        good = segment->time_count > before;
    }
    hw_buf_done(&index);
    hw_buf_done(&times);
    if (!good) {
        drop_index(segment);
        segment->index_written = segment->time_written = 0;
        return false;
    }
    segment->index_written = segment->index_count;
    segment->time_written = segment->time_count;
    if (segment->time_count && segment->max_timestamp < segment->times[segment->time_count - 1].timestamp) {
        segment->max_timestamp = segment->times[segment->time_count - 1].timestamp;
        segment->max_timestamp_offset = segment->base_offset + segment->times[segment->time_count - 1].relative_offset;
    }
    if (!segment->index)
        segment->index = hw_xcalloc(1, sizeof(*segment->index)); /* loaded, and empty */
    return true;
}

static int nothing(void *arg, const struct hw_batch_info *info) {
    return 0;
}

static int need_index(struct hw_segment *segment, struct hw_err *err) {
    if (segment->index || !segment->sealed)
        return 0;
    if (load_index(segment))
        return 0;
    struct hw_segment_damage damage;
    int result = hw_segment_recover(segment, segment->base_offset, 4096, nothing, NULL, &damage, err);
    if (result > 0)
        return hw_err_set(err, HW_ERR_DATA, 0, "%s/%020" PRId64 ".log is damaged at byte %u: %s", segment->dir,
                          segment->base_offset, damage.position, damage.why);
    return result;
}

/* ---- scanning ---- */

struct map {
    uint8_t *data;
    size_t size;
};

static void unmap(struct map *map) {
    if (map->data)
        munmap(map->data, map->size);
}

static int map_log(struct hw_segment *segment, struct map *out, struct hw_err *err) {
    *out = (struct map){0};
    int fd = hw_segment_fd(segment, err);
    if (fd < 0)
        return -1;
    if (!segment->size)
        return 0;
    void *data = mmap(NULL, segment->size, PROT_READ, MAP_SHARED, fd, 0);
    if (data == MAP_FAILED)
        return hw_err_set_errno(err, errno, "cannot map %s/%020" PRId64 ".log", segment->dir, segment->base_offset);
    madvise(data, segment->size, MADV_SEQUENTIAL);
    *out = (struct map){data, segment->size};
    return 0;
}

static bool whole_batch(const struct map *map, size_t at, int64_t next_offset, struct hw_batch_info *out,
                        char why[160]) {
    struct hw_err err = {0};
    int result = hw_batch_parse(map->data + at, map->size - at, out, &err);
    if (result < 0)
        snprintf(why, 160, "%.150s", err.text);
    else if (result == HW_BATCH_SHORT)
        snprintf(why, 160, "the last batch is cut off");
    else if (out->base_offset < next_offset)
        snprintf(why, 160, "offset %" PRId64 " goes back, %" PRId64 " or more was due", out->base_offset, next_offset);
    else if (!hw_batch_crc_ok(map->data + at, out))
        snprintf(why, 160, "the checksum does not match");
    else
        return true;
    return false;
}

/* Where the next whole batch begins behind the damage, map->size when there is none. Every byte is tried; cheap,
 * because the header must make sense before a checksum is computed. */
static size_t next_whole(const struct map *map, size_t from, int64_t next_offset) {
    char why[160];
    struct hw_batch_info info;
    for (size_t at = from; at + HW_BATCH_HEADER <= map->size; at++)
        if (map->data[at + 16] == 2 && whole_batch(map, at, next_offset, &info, why))
            return at;
    return map->size;
}

static int write_all(int fd, const uint8_t *data, size_t size) {
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        data += n;
        size -= (size_t)n;
    }
    return 0;
}

static int write_file(const char *path, const struct map *map, size_t from, size_t until, size_t skip_from,
                      size_t skip_until, struct hw_err *err) {
    HW_CLEANUP(hw_closep) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write_all(fd, map->data + from, skip_from - from) < 0 ||
        write_all(fd, map->data + skip_until, until - skip_until) < 0 || fsync(fd) < 0)
        return hw_err_set_errno(err, errno, "cannot write %s", path);
    return 0;
}

/* Takes [at, next) out of the file; the bytes stay in a file of their own. Whole or not at all: the new file replaces
 * the old by rename. */
static int take_out(struct hw_segment *segment, const struct map *map, size_t at, size_t next, struct hw_err *err) {
    HW_CLEANUP(hw_freep) char *path = hw_segment_path(segment, "log");
    HW_CLEANUP(hw_freep) char *kept = hw_xasprintf("%s.damaged-%zu", path, at);
    HW_CLEANUP(hw_freep) char *swap = hw_xasprintf("%s.swap", path);
    HW_TRY(write_file(kept, map, at, next, next, next, err));
    if (next == map->size) {
        if (ftruncate(segment->fd, (off_t)at) < 0 || fdatasync(segment->fd) < 0)
            return hw_err_set_errno(err, errno, "cannot cut the damaged tail of %s", path);
    } else {
        HW_TRY(write_file(swap, map, 0, map->size, at, next, err));
        if (rename(swap, path) < 0)
            return hw_err_set_errno(err, errno, "cannot replace %s", path);
        close(segment->fd);
        segment->fd = -1;
    }
    segment->size = segment->visible = segment->flushed = (uint32_t)(map->size - (next - at));
    return 0;
}

/* Index entries at or before from_offset stay; returns where scanning begins. */
static uint32_t keep_index_until(struct hw_segment *segment, int64_t from_offset) {
    if (from_offset <= segment->base_offset || !load_index(segment)) {
        drop_index(segment);
        segment->index_written = segment->time_written = 0;
        return 0;
    }
    while (segment->index_count &&
           segment->base_offset + segment->index[segment->index_count - 1].relative_offset >= from_offset)
        segment->index_count--;
    while (segment->time_count &&
           segment->base_offset + segment->times[segment->time_count - 1].relative_offset >= from_offset)
        segment->time_count--;
    segment->index_written = segment->index_count;
    segment->time_written = segment->time_count;
    segment->max_timestamp = segment->time_count ? segment->times[segment->time_count - 1].timestamp : -1;
    segment->max_timestamp_offset =
        segment->time_count ? segment->base_offset + segment->times[segment->time_count - 1].relative_offset : -1;
    return segment->index_count ? segment->index[segment->index_count - 1].position : 0;
}

/* One pass; 1 = damage at *out_at (why filled). Batches are not visited twice: from_offset moves with them. */
static int scan(struct hw_segment *segment, const struct map *map, int64_t *from_offset, uint32_t index_interval,
                hw_segment_visit visit, void *arg, size_t *out_at, char why[160]) {
    size_t at = keep_index_until(segment, *from_offset);
    struct hw_batch_info info;
    if (at && !whole_batch(map, at, segment->base_offset, &info, why)) /* the index misled us: begin anew */
        at = keep_index_until(segment, segment->base_offset);
    segment->next_offset = segment->base_offset;
    segment->bytes_since_index = 0;
    segment->checked_from = (uint32_t)at;
    bool in_index = at > 0; /* the batch of the last kept entry */
    for (; at < map->size; at += info.size) {
        if (!whole_batch(map, at, segment->next_offset, &info, why))
            break;
        if (in_index) {
            segment->next_offset = info.last_offset + 1;
            segment->bytes_since_index = info.size;
            if (info.max_timestamp > segment->max_timestamp) {
                segment->max_timestamp = info.max_timestamp;
                segment->max_timestamp_offset = info.last_offset;
            }
            in_index = false;
        } else {
            account(segment, &info, (uint32_t)at, index_interval);
        }
        if (info.last_offset >= *from_offset) {
            HW_TRY(visit(arg, &info));
            *from_offset = info.last_offset + 1;
        }
    }
    segment->checked_until = (uint32_t)at;
    *out_at = at;
    return at < map->size;
}

int hw_segment_recover(struct hw_segment *segment, int64_t from_offset, uint32_t index_interval, hw_segment_visit visit,
                       void *arg, struct hw_segment_damage *out_damage, struct hw_err *err) {
    *out_damage = (struct hw_segment_damage){0};
    for (;;) {
        HW_CLEANUP(unmap) struct map map = {0};
        HW_TRY(map_log(segment, &map, err));
        size_t at;
        char why[160] = "";
        int result = scan(segment, &map, &from_offset, index_interval, visit, arg, &at, why);
        HW_TRY(result);
        struct hw_batch_info info;
        if (segment->first_timestamp < 0 && map.size >= HW_BATCH_HEADER &&
            hw_batch_parse(map.data, map.size, &info, NULL) == 0)
            segment->first_timestamp = info.max_timestamp;
        if (!segment->index && segment->sealed)
            segment->index = hw_xcalloc(1, sizeof(*segment->index));
        if (result == 0)
            return out_damage->cut_bytes > 0;
        size_t next = next_whole(&map, at + 1, segment->next_offset);
        if (!out_damage->cut_bytes) {
            out_damage->position = (uint32_t)at;
            memcpy(out_damage->why, why, sizeof(out_damage->why));
        }
        out_damage->cut_bytes += (uint32_t)(next - at);
        if (next == map.size)
            out_damage->torn_tail = true;
        else
            out_damage->places++;
        HW_TRY(take_out(segment, &map, at, next, err));
    }
}

int hw_segment_walk(struct hw_segment *segment, int64_t from_offset, int64_t until_offset, hw_segment_visit visit,
                    void *arg, struct hw_err *err) {
    uint32_t position;
    struct hw_batch_info info;
    int result = hw_segment_find(segment, from_offset, &position, &info, err);
    if (result)
        return result < 0 ? result : 0;
    HW_CLEANUP(unmap) struct map map = {0};
    HW_TRY(map_log(segment, &map, err));
    for (size_t at = position; at < map.size; at += info.size) {
        result = hw_batch_parse(map.data + at, map.size - at, &info, err);
        if (result != HW_BATCH_OK || info.base_offset >= until_offset)
            return result < 0 ? result : 0;
        result = visit(arg, &info);
        if (result)
            return result < 0 ? result : 0;
    }
    return 0;
}

int hw_segment_append(struct hw_segment *segment, const uint8_t *batch, const struct hw_batch_info *info,
                      uint32_t index_interval, struct hw_err *err) {
    size_t done = 0;
    while (done < info->size) {
        ssize_t n = pwrite(segment->fd, batch + done, info->size - done, (off_t)(segment->size + done));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            int error = n < 0 ? errno : ENOSPC;
            if (ftruncate(segment->fd, (off_t)segment->size) < 0) {
                /* a torn tail stays behind `size`; the next append overwrites it and recovery would cut it */
            }
            return hw_err_set_errno(err, error, "cannot write %s/%020" PRId64 ".log", segment->dir,
                                    segment->base_offset);
        }
        done += (size_t)n;
    }
    if (segment->checked_until == segment->size)
        segment->checked_until += info->size;
    account(segment, info, segment->size, index_interval);
    segment->size += info->size;
    return 0;
}

/* ---- finding ---- */

static uint32_t index_floor(const struct hw_segment *segment, int64_t offset) {
    uint32_t low = 0, high = segment->index_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (segment->base_offset + segment->index[middle].relative_offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    return low ? segment->index[low - 1].position : 0;
}

int hw_segment_find(struct hw_segment *segment, int64_t offset, uint32_t *out_position, struct hw_batch_info *out_info,
                    struct hw_err *err) {
    HW_TRY(need_index(segment, err));
    int fd = hw_segment_fd(segment, err);
    if (fd < 0)
        return -1;
    uint8_t window[8192];
    for (uint32_t at = index_floor(segment, offset); at < segment->visible;) {
        ssize_t n = pread(fd, window, HW_MIN(sizeof(window), (size_t)(segment->visible - at)), at);
        if (n <= 0)
            return hw_err_set_errno(err, n < 0 ? errno : EIO, "cannot read %s/%020" PRId64 ".log", segment->dir,
                                    segment->base_offset);
        size_t used = 0;
        do {
            int result = hw_batch_parse(window + used, (size_t)n - used, out_info, err);
            if (result < 0)
                return hw_err_prefix(err, "%s/%020" PRId64 ".log at byte %zu", segment->dir, segment->base_offset,
                                     at + used);
            if ((size_t)n - used < HW_BATCH_HEADER)
                break;
            if (out_info->last_offset >= offset) {
                *out_position = at + (uint32_t)used;
                return 0;
            }
            used += out_info->size;
        } while (used < (size_t)n);
        if (!used)
            break;
        at += (uint32_t)used;
    }
    return 1;
}

static int find_in_batch(struct hw_segment *segment, uint32_t at, const struct hw_batch_info *info, int64_t wanted,
                         int64_t *out_offset, int64_t *out_timestamp, struct hw_err *err) {
    HW_CLEANUP(hw_freep) uint8_t *bytes = hw_xmalloc(info->size);
    if (pread(segment->fd, bytes, info->size, at) != (ssize_t)info->size)
        return hw_err_set_errno(err, EIO, "cannot read %s/%020" PRId64 ".log", segment->dir, segment->base_offset);
    HW_CLEANUP(hw_batch_records_done) struct hw_batch_records records;
    HW_TRY(hw_batch_records_open(bytes, info, 1u << 30, &records, err));
    struct hw_batch_record record;
    int result;
    while ((result = hw_batch_records_next(&records, &record, err)) > 0) {
        if (record.timestamp < wanted)
            continue;
        *out_offset = record.offset;
        *out_timestamp = record.timestamp;
        return 0;
    }
    return result < 0 ? result : 1;
}

int hw_segment_find_time(struct hw_segment *segment, int64_t wanted, int64_t *out_offset, int64_t *out_timestamp,
                         struct hw_err *err) {
    HW_TRY(need_index(segment, err));
    int64_t from = segment->base_offset;
    for (uint32_t i = 0; i < segment->time_count && segment->times[i].timestamp < wanted; i++)
        from = segment->base_offset + segment->times[i].relative_offset;
    uint32_t at;
    struct hw_batch_info info;
    int result = hw_segment_find(segment, from, &at, &info, err);
    while (result == 0) {
        if (info.max_timestamp >= wanted) {
            result = find_in_batch(segment, at, &info, wanted, out_offset, out_timestamp, err);
            if (result <= 0)
                return result;
        }
        result = hw_segment_find(segment, info.last_offset + 1, &at, &info, err);
    }
    return result;
}

int hw_segment_check(struct hw_segment *segment, uint32_t from, uint32_t until, struct hw_err *err) {
    if (from >= segment->checked_from && until <= segment->checked_until)
        return 0;
    HW_CLEANUP(unmap) struct map map = {0};
    HW_TRY(map_log(segment, &map, err));
    size_t at = from;
    while (at < until) {
        struct hw_batch_info info;
        char why[160];
        if (!whole_batch(&map, at, segment->base_offset, &info, why))
            return hw_err_set(err, HW_ERR_DATA, 0, "%s/%020" PRId64 ".log is damaged at byte %zu: %s", segment->dir,
                              segment->base_offset, at, why);
        at += info.size;
    }
    if (from <= segment->checked_until && at >= segment->checked_from) { /* ranges touch: one range */
        segment->checked_from = HW_MIN(segment->checked_from, from);
        segment->checked_until = HW_MAX(segment->checked_until, (uint32_t)at);
    } else {
        segment->checked_from = from;
        segment->checked_until = (uint32_t)at;
    }
    return 0;
}

void hw_segment_seal(struct hw_segment *segment) {
    if (segment->max_timestamp >= 0)
        time_add(segment, segment->max_timestamp, segment->max_timestamp_offset);
    if (!segment->index)
        segment->index = hw_xcalloc(1, sizeof(*segment->index));
    segment->sealed = true;
}

void hw_segment_delete(struct hw_segment *segment) {
    static const char *const suffixes[] = {"log", "index", "timeindex", "snapshot"};
    for (size_t i = 0; i < HW_ARRAY_SIZE(suffixes); i++) {
        HW_CLEANUP(hw_freep) char *path = hw_segment_path(segment, suffixes[i]);
        unlink(path);
    }
    segment->deleted = true;
}
