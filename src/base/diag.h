/* Messages for people and machines, on stderr: text or one JSON object a line. Any thread. */
#pragma once
#include "highway/err.h"

#include <stdint.h>

enum hw_level { HW_DEBUG = 7, HW_INFO = 6, HW_NOTICE = 5, HW_WARN = 4, HW_ERROR = 3 }; /* syslog's numbers */

struct hw_kv {
    const char *key;
    const char *s; /* text, or NULL: i counts */
    int64_t i;
};
static inline struct hw_kv hw_kv_s(const char *key, const char *s) {
    return (struct hw_kv){.key = key, .s = s ? s : ""};
}
static inline struct hw_kv hw_kv_i(const char *key, int64_t i) {
    return (struct hw_kv){.key = key, .i = i};
}

void hw_diag_setup(const char *component, enum hw_level level, int as_json); /* once, before threads; component is borrowed */
void hw_diag_write(enum hw_level level, const char *text, const struct hw_kv *kvs, unsigned kv_count);

/* hw_warn("commit refused", hw_kv_s("topic", t), hw_kv_i("partition", p)); */
#define HW_LOG(level, text, ...)                                                                                     \
    hw_diag_write((level), (text), (const struct hw_kv[]){{0}, ##__VA_ARGS__} + 1,                                   \
                  (unsigned)(sizeof((const struct hw_kv[]){{0}, ##__VA_ARGS__}) / sizeof(struct hw_kv)) - 1)
#define hw_debug(text, ...) HW_LOG(HW_DEBUG, text, ##__VA_ARGS__)
#define hw_info(text, ...) HW_LOG(HW_INFO, text, ##__VA_ARGS__)
#define hw_notice(text, ...) HW_LOG(HW_NOTICE, text, ##__VA_ARGS__)
#define hw_warn(text, ...) HW_LOG(HW_WARN, text, ##__VA_ARGS__)
#define hw_error(text, ...) HW_LOG(HW_ERROR, text, ##__VA_ARGS__)
