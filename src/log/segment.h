/* One segment of a partition: NNN.log (batches), NNN.index (offset → position), NNN.timeindex (time → offset), as Kafka
 * lays them out.
 *
 *   I1  The .log is the truth. Both indexes are hints: every entry points at a whole batch, any entry may be missing.
 *   I2  Readers get bytes below `visible` only: what is on the disk for good. `size` may be ahead of it until the next
 * flush. I3  Bytes that this process neither wrote nor checked are checked (CRC) before they are served the first time.
 * Owner: the broker thread; only the flusher uses `fd` beside it, holding a reference taken and given back on the
 * broker thread. */
#pragma once
#include "log/batch.h"

struct hw_index_entry {
    uint32_t relative_offset, position;
};
struct hw_time_entry {
    int64_t timestamp;
    uint32_t relative_offset;
};

struct hw_segment {
    int refs;
    char *dir;
    int64_t base_offset, next_offset; /* next_offset = base_offset while empty */
    uint32_t size, flushed, visible;
    int fd; /* -1 = closed; hw_segment_fd opens */
    bool sealed, deleted;
    int64_t created_ms, max_timestamp, max_timestamp_offset;
    int64_t first_timestamp;      /* of the first batch, -1 = none */
    struct hw_index_entry *index; /* NULL while not loaded (sealed only) */
    struct hw_time_entry *times;
    uint32_t index_count, index_capacity, index_written;
    uint32_t time_count, time_capacity, time_written;
    uint32_t bytes_since_index;
    uint32_t checked_from, checked_until; /* I3 */
    int64_t last_used_ms;
};

HW_MUST_CHECK int hw_segment_create(const char *dir, int64_t base_offset, struct hw_segment **out_segment,
                                    struct hw_err *err);
/* Opens an existing one. sealed: trusts the files' sizes and loads the indexes on demand. */
HW_MUST_CHECK int hw_segment_open(const char *dir, int64_t base_offset, bool sealed, struct hw_segment **out_segment,
                                  struct hw_err *err);
void hw_segment_ref(struct hw_segment *segment);
void hw_segment_unref(struct hw_segment *segment);
HW_MUST_CHECK int hw_segment_fd(struct hw_segment *segment, struct hw_err *err); /* the open file, or -1 */
/* Releases what an idle sealed segment can load again. */
void hw_segment_relax(struct hw_segment *segment);

/* What a scan found damaged: the first place, and how much in all. */
struct hw_segment_damage {
    uint32_t position, cut_bytes;
    uint32_t places; /* damaged places with whole batches behind them: flipped bits */
    bool torn_tail;  /* the end of the file was cut as well (or only that) */
    char why[160];
};
typedef int (*hw_segment_visit)(void *arg, const struct hw_batch_info *info);
/* Walks the batches from the one at or after from_offset, checks each and rebuilds the index tails. Bad bytes are taken
 * out, and only they: a torn tail is cut, a damaged batch amid whole ones leaves a gap in the offsets (consumers know
 * gaps from compaction). 0 = all whole, 1 = damage found (out_damage filled; what was taken out is kept as
 * NNN.log.damaged-POSITION). */
HW_MUST_CHECK int hw_segment_recover(struct hw_segment *segment, int64_t from_offset, uint32_t index_interval,
                                     hw_segment_visit visit, void *arg, struct hw_segment_damage *out_damage,
                                     struct hw_err *err);
/* Walks without changing anything; stops when visit returns ≠ 0. */
HW_MUST_CHECK int hw_segment_walk(struct hw_segment *segment, int64_t from_offset, int64_t until_offset,
                                  hw_segment_visit visit, void *arg, struct hw_err *err);
/* Appends one batch that has its offset already. A failed write leaves the segment as it was. */
HW_MUST_CHECK int hw_segment_append(struct hw_segment *segment, const uint8_t *batch, const struct hw_batch_info *info,
                                    uint32_t index_interval, struct hw_err *err);
/* Position and header of the batch holding offset (or the first one after it). 1 = none below `visible`. */
HW_MUST_CHECK int hw_segment_find(struct hw_segment *segment, int64_t offset, uint32_t *out_position,
                                  struct hw_batch_info *out_info, struct hw_err *err);
/* First record with timestamp ≥ wanted. 1 = none. */
HW_MUST_CHECK int hw_segment_find_time(struct hw_segment *segment, int64_t wanted, int64_t *out_offset,
                                       int64_t *out_timestamp, struct hw_err *err);
/* I3. Checks the batches in [from, until); -1 with HW_ERR_DATA names file and position. */
HW_MUST_CHECK int hw_segment_check(struct hw_segment *segment, uint32_t from, uint32_t until, struct hw_err *err);
/* Writes index entries not written yet; no fsync (they can be rebuilt). */
HW_MUST_CHECK int hw_segment_write_index(struct hw_segment *segment, struct hw_err *err);
/* No further appends. */
void hw_segment_seal(struct hw_segment *segment);
/* Unlinks the files; readers that hold a reference read on. */
void hw_segment_delete(struct hw_segment *segment);
char *hw_segment_path(const struct hw_segment *segment, const char *suffix); /* malloc'd */
