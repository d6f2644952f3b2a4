/* Small things every folder uses. */
#pragma once
#include "highway/err.h"
#include "highway/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HW_CLEANUP(fn) __attribute__((cleanup(fn)))
#define HW_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define HW_MIN(a, b) ((a) < (b) ? (a) : (b))
#define HW_MAX(a, b) ((a) > (b) ? (a) : (b))
#define HW_CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr) - offsetof(type, member)))
/* Hands a pointer over and leaves NULL behind. */
#define HW_STEAL(p)                  \
    ({                               \
        __typeof__(p) stolen_ = (p); \
        (p) = NULL;                  \
        stolen_;                     \
    })

/* malloc family that aborts when memory is gone: sizes passed here are always bounded by a limit checked before. */
void *hw_xmalloc(size_t size);
void *hw_xcalloc(size_t count, size_t size);
void *hw_xrealloc(void *p, size_t size);
char *hw_xstrdup(const char *s);
char *hw_xstrndup(const char *s, size_t size);
char *hw_xasprintf(const char *format, ...) HW_PRINTF(1, 2);
void hw_freep(void *p); /* for HW_CLEANUP(hw_freep) char *s */
void hw_closep(int *fd); /* for HW_CLEANUP(hw_closep) int fd = -1 */

/* Time: wall clock for people and records, monotonic for timeouts. */
int64_t hw_now_us(void);
int64_t hw_now_ms(void);
int64_t hw_mono_us(void);
int64_t hw_mono_ms(void);
/* "2026-11-20T20:00:00.000000Z" (27 characters and NUL). */
void hw_time_format_us(int64_t us, char out[28]);
/* RFC 3339 with any zone and 0–9 fraction digits (truncated to µs). -1 when it is none. */
int hw_time_parse_us(const char *s, size_t size, int64_t *out_us);
/* "90s", "1m", "250ms", "2h", "7d", plain number = ms. -1 when it is none. */
int hw_duration_parse_ms(const char *s, int64_t *out_ms);

/* UUIDs as 16 bytes; text is 36 characters and NUL. v7 is monotonic within a process (RFC 9562 §6.2), any thread. */
void hw_uuid_v4(uint8_t out[16]);
void hw_uuid_v7(uint8_t out[16]);
void hw_uuid_format(const uint8_t uuid[16], char out[37]);
int hw_uuid_parse(const char *s, size_t size, uint8_t out[16]);

uint32_t hw_crc32c(const void *data, size_t size);
uint32_t hw_crc32c_add(uint32_t crc, const void *data, size_t size); /* continue an earlier result */
uint32_t hw_murmur2(const void *data, size_t size);                  /* Kafka's default partitioner hash */
/* The word of a NULL-ended list nearest to s by edit distance, or NULL when none is near. */
const char *hw_nearest(const char *s, const char *const *words);
