/* Putting a batch of which some records may be poison: halves it until each bad record stands alone. */
#pragma once
#include "highway/err.h"
#include "highway/record.h"

struct hw_bisect {
    /* 0 = put; > 0 = interrupted (stopping, partitions gone): leave at once with that; -1 with HW_ERR_DATA = something
     * in it is bad; -1 with another kind ends everything. */
    int (*put)(void *arg, const struct hw_batch *batch, struct hw_err *err);
    /* One bad record alone: 0 = set aside, go on; -1 = stop (err filled). */
    int (*poison)(void *arg, const struct hw_record *record, const struct hw_err *why, struct hw_err *err);
    void *arg;
};
/* Order is kept: when it ends early, everything before the record at fault was put or set aside, nothing after it.
 * k bad records of n cost about k·log2(n) extra puts. Returns as put does. */
HW_MUST_CHECK int hw_bisect_put(const struct hw_bisect *bisect, const struct hw_batch *batch, struct hw_err *err);
