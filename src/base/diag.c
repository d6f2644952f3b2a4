/* One message = one line = one write(2), so that lines of several threads and processes never mix. */
#include "base/diag.h"
#include "base/buf.h"

#include <string.h>
#include <unistd.h>

static const char *component = "highway";
static enum hw_level threshold = HW_INFO;
static int json;

void hw_diag_setup(const char *name, enum hw_level level, int as_json) {
    component = name;
    threshold = level;
    json = as_json;
}

static const char *level_name(enum hw_level level) {
    switch (level) {
    case HW_ERROR:
        return "ERROR";
    case HW_WARN:
        return "WARN";
    case HW_NOTICE:
        return "NOTICE";
    case HW_INFO:
        return "INFO";
    default:
        return "DEBUG";
    }
}

static void add_text_value(struct hw_buf *line, const char *s) {
    if (*s && !strpbrk(s, " \"=\n\t\r"))
        hw_buf_add_str(line, s);
    else
        hw_buf_add_json_str(line, s, strlen(s));
}

void hw_diag_write(enum hw_level level, const char *text, const struct hw_kv *kvs, unsigned kv_count) {
    if (level > threshold)
        return;
    HW_CLEANUP(hw_buf_done) struct hw_buf line = {.limit = 16384};
    char now[28];
    hw_time_format_us(hw_now_us(), now);
    if (json) {
        hw_buf_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"component\":\"%s\",\"text\":", now, level_name(level), component);
        hw_buf_add_json_str(&line, text, strlen(text));
    } else {
        hw_buf_printf(&line, "%.23sZ %s %s: ", now, level_name(level), component);
        for (const char *s = text; *s; s++)
            hw_buf_add_char(&line, *s == '\n' || *s == '\r' ? ' ' : *s);
    }
    for (unsigned i = 0; i < kv_count; i++) {
        if (json) {
            hw_buf_add_char(&line, ',');
            hw_buf_add_json_str(&line, kvs[i].key, strlen(kvs[i].key));
            hw_buf_add_char(&line, ':');
        } else {
            hw_buf_printf(&line, " %s=", kvs[i].key);
        }
        if (!kvs[i].s)
            hw_buf_printf(&line, "%lld", (long long)kvs[i].i);
        else if (json)
            hw_buf_add_json_str(&line, kvs[i].s, strlen(kvs[i].s));
        else
            add_text_value(&line, kvs[i].s);
    }
    line.limit = 0;
    hw_buf_add_str(&line, json ? "}\n" : "\n");
    ssize_t ignored = write(STDERR_FILENO, line.data, line.size);
    (void)ignored; /* nowhere left to complain */
}
