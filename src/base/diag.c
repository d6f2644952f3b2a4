/* One message = one line = one write(2), so that lines of several threads and processes never mix. */
#include "base/diag.h"
#include "base/buf.h"

#include <string.h>
#include <unistd.h>

/* Longer texts are cut, so that a line always fits its buffer up to the values, and never ends in half a JSON object. */
#define MAX_TEXT 2000
#define MAX_VALUE 1000

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

static int add_text_value(struct hw_buf *line, const char *s) {
    size_t size = strnlen(s, MAX_VALUE);
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)s[i] <= ' ' || s[i] == '"' || s[i] == '=' || s[i] == 0x7f)
            return hw_buf_add_json_str(line, s, size);
    return size ? hw_buf_add(line, s, size) : hw_buf_add_str(line, "\"\"");
}

static int add_pair(struct hw_buf *line, const struct hw_kv *kv) {
    if (json) {
        HW_TRY(hw_buf_add_char(line, ','));
        HW_TRY(hw_buf_add_json_str(line, kv->key, strlen(kv->key)));
        HW_TRY(hw_buf_add_char(line, ':'));
    } else {
        HW_TRY(hw_buf_printf(line, " %s=", kv->key));
    }
    if (!kv->s)
        return hw_buf_printf(line, "%lld", (long long)kv->i);
    return json ? hw_buf_add_json_str(line, kv->s, strnlen(kv->s, MAX_VALUE)) : add_text_value(line, kv->s);
}

void hw_diag_write(enum hw_level level, const char *text, const struct hw_kv *kvs, unsigned kv_count) {
    if (level > threshold)
        return;
    HW_CLEANUP(hw_buf_done) struct hw_buf line = {.limit = 16384};
    size_t text_size = strnlen(text, MAX_TEXT);
    char now[28];
    hw_time_format_us(hw_now_us(), now);
    if (json) {
        hw_buf_printf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"component\":\"%s\",\"text\":", now, level_name(level), component);
        hw_buf_add_json_str(&line, text, text_size);
    } else {
        hw_buf_printf(&line, "%.23sZ %s %s: ", now, level_name(level), component);
        for (size_t i = 0; i < text_size; i++)
            hw_buf_add_char(&line, (unsigned char)text[i] < ' ' || text[i] == 0x7f ? ' ' : text[i]);
    }
    for (unsigned i = 0; i < kv_count; i++) {
        size_t before = line.size;
        if (add_pair(&line, &kvs[i]) < 0) {
            line.size = before;
            break;
        }
    }
    line.limit = 0;
    hw_buf_add_str(&line, json ? "}\n" : "\n");
    ssize_t ignored = write(STDERR_FILENO, line.data, line.size);
    (void)ignored; /* nowhere left to complain */
}
