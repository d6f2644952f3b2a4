#include "connect/bisect.h"

int hw_bisect_put(const struct hw_bisect *bisect, const struct hw_batch *batch, struct hw_err *err) {
    if (batch->count == 0)
        return 0;
    struct hw_err why = {0};
    int result = bisect->put(bisect->arg, batch, &why);
    if (result >= 0)
        return result;
    if (why.kind != HW_ERR_DATA) {
        *err = why;
        return -1;
    }
    if (batch->count == 1)
        return bisect->poison(bisect->arg, &batch->records[0], &why, err);
    struct hw_batch left = {.records = batch->records, .count = batch->count / 2};
    struct hw_batch right = {.records = batch->records + left.count, .count = batch->count - left.count};
    result = hw_bisect_put(bisect, &left, err); /* depth: log2 of the batch */
    return result != 0 ? result : hw_bisect_put(bisect, &right, err);
}
