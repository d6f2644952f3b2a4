/* Checksums and hashes that formats prescribe, and the nearest word for messages. */
#include "base/base.h"

#include <isa-l/crc.h>
#include <string.h>

/* ISA-L's crc32_iscsi neither inverts at the start nor at the end; CRC-32C (RFC 3720 §12.1) does both. */
uint32_t hw_crc32c_add(uint32_t crc, const void *data, size_t size) {
    const uint8_t *at = data;
    uint32_t state = ~crc;
    while (size) {
        int step = (int)HW_MIN(size, (size_t)1 << 30);
        state = crc32_iscsi((unsigned char *)at, step, state);
        at += step;
        size -= (size_t)step;
    }
    return ~state;
}

uint32_t hw_crc32c(const void *data, size_t size) {
    return hw_crc32c_add(0, data, size);
}

uint32_t hw_murmur2(const void *data, size_t size) {
    const uint8_t *at = data;
    const uint32_t m = 0x5bd1e995;
    uint32_t h = 0x9747b28c ^ (uint32_t)size;
    for (; size >= 4; size -= 4, at += 4) {
        uint32_t k;
        memcpy(&k, at, 4);
        k *= m;
        k ^= k >> 24;
        h = h * m ^ k * m;
    }
    if (size == 3)
        h ^= (uint32_t)at[2] << 16;
    if (size >= 2)
        h ^= (uint32_t)at[1] << 8;
    if (size >= 1)
        h = (h ^ at[0]) * m;
    h ^= h >> 13;
    h *= m;
    return h ^ h >> 15;
}

static size_t distance(const char *a, const char *b) {
    size_t row[65], size = strlen(b);
    for (size_t j = 0; j <= size; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= size; j++) {
            size_t change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            row[j] = HW_MIN(change, HW_MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[size];
}

const char *hw_nearest(const char *s, const char *const *words) {
    const char *best = NULL;
    size_t size = strlen(s), best_distance = size / 3 + 2; /* farther is not a slip of the pen */
    if (size > 64)
        return NULL;
    for (; *words; words++) {
        if (strlen(*words) > 64)
            continue;
        size_t d = distance(s, *words);
        if (d < best_distance) {
            best_distance = d;
            best = *words;
        }
    }
    return best;
}
