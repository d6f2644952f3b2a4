/* Faults of an event: what is wrong, where, and what to do, for machines and for people. */
#include "event/envelope.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Bytes of the character that begins at p, by its first byte; text comes from the parser, so only cuts can make it bad.
 */
static size_t char_size(const char *p) {
    uint8_t c = (uint8_t)*p;
    size_t size = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    for (size_t i = 1; i < size; i++) {
        if (((uint8_t)p[i] & 0xc0) != 0x80)
            return 0;
    }
    return size;
}

/* Copies what fits, whole characters only: neither this cut nor an earlier one leaves half a character in the answer.
 */
static void copy_text(char *out, size_t capacity, const char *text) {
    size_t at = 0;
    while (*text) {
        size_t size = char_size(text);
        if (size == 0) {
            text++;
            continue;
        }
        if (at + size >= capacity)
            break;
        memcpy(out + at, text, size);
        at += size;
        text += size;
    }
    out[at] = '\0';
}

void hw_event_fault_add(struct hw_event *event, const char *path, const char *keyword, const char *expected,
                        const char *got, const char *format, ...) {
    if (event->fault_count >= HW_ARRAY_SIZE(event->faults))
        return;
    struct hw_event_fault *fault = &event->faults[event->fault_count++];
    copy_text(fault->path, sizeof(fault->path), path);
    copy_text(fault->keyword, sizeof(fault->keyword), keyword);
    copy_text(fault->expected, sizeof(fault->expected), expected);
    copy_text(fault->got, sizeof(fault->got), got);
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    copy_text(fault->text, sizeof(fault->text), text);
}

static void add_member(struct hw_buf *out, const char *key, const char *value) {
    hw_buf_add_str(out, key);
    hw_buf_add_json_str(out, value, strlen(value));
}

void hw_event_faults_write(const struct hw_event *event, struct hw_buf *out) {
    hw_buf_add_char(out, '[');
    for (size_t i = 0; i < event->fault_count; i++) {
        const struct hw_event_fault *fault = &event->faults[i];
        add_member(out, i ? ",{\"path\":" : "{\"path\":", fault->path);
        add_member(out, ",\"keyword\":", fault->keyword);
        add_member(out, ",\"expected\":", fault->expected);
        add_member(out, ",\"got\":", fault->got);
        add_member(out, ",\"text\":", fault->text);
        hw_buf_add_char(out, '}');
    }
    hw_buf_add_char(out, ']');
}
