#include "admin/topics.h"

#define WINDOW_MS  60000
#define SPACING_MS 950 /* closer looks replace the newest point, so that the ring always spans the window */

void hw_rate_add(struct hw_rate *rate, int64_t now_ms, int64_t count) {
    if (rate->used >= 2) {
        unsigned before = (rate->first + rate->used - 2) % HW_RATE_POINTS,
                 newest = (rate->first + rate->used - 1) % HW_RATE_POINTS;
        if (now_ms - rate->at_ms[before] < SPACING_MS) {
            rate->at_ms[newest] = now_ms;
            rate->count[newest] = count;
            return;
        }
    }
    if (rate->used == HW_RATE_POINTS) {
        rate->first = (rate->first + 1) % HW_RATE_POINTS;
        rate->used--;
    }
    unsigned at = (rate->first + rate->used++) % HW_RATE_POINTS;
    rate->at_ms[at] = now_ms;
    rate->count[at] = count;
    /* One point older than the window stays: the window's beginning lies between it and the next. */
    while (rate->used > 2 && now_ms - rate->at_ms[(rate->first + 1) % HW_RATE_POINTS] >= WINDOW_MS) {
        rate->first = (rate->first + 1) % HW_RATE_POINTS;
        rate->used--;
    }
}

double hw_rate_per_minute(const struct hw_rate *rate, int64_t now_ms) {
    if (rate->used < 2)
        return -1;
    unsigned newest = (rate->first + rate->used - 1) % HW_RATE_POINTS;
    int64_t span = rate->at_ms[newest] - rate->at_ms[rate->first],
            more = rate->count[newest] - rate->count[rate->first];
    (void)now_ms;
    if (span <= 0)
        return -1;
    return more <= 0 ? 0 : (double)more * WINDOW_MS / (double)span; /* less than nothing: the topic was made anew */
}
