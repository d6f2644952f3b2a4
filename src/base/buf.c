/* The growing byte buffer. */
#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int hw_buf_reserve(struct hw_buf *buf, size_t more) {
    if (more > SIZE_MAX / 4 - buf->size)
        return -1;
    size_t need = buf->size + more;
    if (buf->limit && need > buf->limit)
        return -1;
    /* one byte more than asked for: hw_buf_str's NUL */
    if (need + 1 > buf->capacity) {
        size_t capacity = HW_MAX(HW_MAX(need + 1, buf->capacity * 2), (size_t)64);
        buf->data = hw_xrealloc(buf->data, capacity);
        buf->capacity = capacity;
    }
    return 0;
}

int hw_buf_add(struct hw_buf *buf, const void *data, size_t size) {
    HW_TRY(hw_buf_reserve(buf, size));
    if (size)
        memcpy(buf->data + buf->size, data, size);
    buf->size += size;
    return 0;
}

int hw_buf_add_str(struct hw_buf *buf, const char *s) {
    return hw_buf_add(buf, s, strlen(s));
}

int hw_buf_add_char(struct hw_buf *buf, char c) {
    return hw_buf_add(buf, &c, 1);
}

int hw_buf_printf(struct hw_buf *buf, const char *format, ...) {
    char small[512];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(small, sizeof small, format, args);
    va_end(args);
    if (size < 0)
        return -1;
    if ((size_t)size < sizeof small)
        return hw_buf_add(buf, small, (size_t)size);
    HW_TRY(hw_buf_reserve(buf, (size_t)size));
    va_start(args, format);
    vsnprintf((char *)buf->data + buf->size, (size_t)size + 1, format, args);
    va_end(args);
    buf->size += (size_t)size;
    return 0;
}

/* Length of the well-formed UTF-8 sequence at s (RFC 3629 §4), 0 when there is none. */
static size_t utf8_sequence(const unsigned char *s, size_t size) {
    size_t length = s[0] < 0x80 ? 1 : s[0] >= 0xc2 && s[0] < 0xe0 ? 2 : (s[0] & 0xf0) == 0xe0 ? 3 : s[0] >= 0xf0 && s[0] < 0xf5 ? 4 : 0;
    if (length > size)
        return 0;
    for (size_t i = 1; i < length; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xf0 && s[1] < 0x90);
    bool beyond = (s[0] == 0xed && s[1] >= 0xa0) || (s[0] == 0xf4 && s[1] >= 0x90);
    return overlong || beyond ? 0 : length;
}

/* One character that cannot stand as it is: a control, a quote, a backslash, or a byte that is no UTF-8. */
static int add_escaped(struct hw_buf *buf, unsigned char c) {
    static const char hex[] = "0123456789abcdef";
    static const char from[] = "\"\\\n\r\t\b\f", to[] = "\"\\nrtbf";
    if (c >= 0x80)
        return hw_buf_add(buf, "\xef\xbf\xbd", 3); /* U+FFFD */
    const char *at = c ? strchr(from, c) : NULL;
    if (at) {
        char pair[2] = {'\\', to[at - from]};
        return hw_buf_add(buf, pair, 2);
    }
    char six[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    return hw_buf_add(buf, six, 6);
}

static int add_json_str(struct hw_buf *buf, const char *s, size_t size) {
    HW_TRY(hw_buf_reserve(buf, size + 2));
    HW_TRY(hw_buf_add_char(buf, '"'));
    size_t from = 0; /* what lies between from and i goes over as it is */
    for (size_t i = 0; i < size;) {
        unsigned char c = (unsigned char)s[i];
        size_t plain = c >= 0x80 ? utf8_sequence((const unsigned char *)s + i, size - i) : c >= 0x20 && c != '"' && c != '\\';
        if (plain) {
            i += plain;
            continue;
        }
        HW_TRY(hw_buf_add(buf, s + from, i - from));
        HW_TRY(add_escaped(buf, c));
        from = ++i;
    }
    HW_TRY(hw_buf_add(buf, s + from, size - from));
    return hw_buf_add_char(buf, '"');
}

int hw_buf_add_json_str(struct hw_buf *buf, const char *s, size_t size) {
    size_t before = buf->size;
    if (add_json_str(buf, s, size) == 0)
        return 0;
    buf->size = before;
    return -1;
}

char *hw_buf_str(struct hw_buf *buf) {
    if (!buf->data)
        hw_buf_reserve(buf, 0);
    buf->data[buf->size] = '\0';
    return (char *)buf->data;
}

void hw_buf_consume(struct hw_buf *buf, size_t size) {
    if (size >= buf->size) {
        buf->size = 0;
        return;
    }
    memmove(buf->data, buf->data + size, buf->size - size);
    buf->size -= size;
}

void hw_buf_clear(struct hw_buf *buf) {
    buf->size = 0;
}

void hw_buf_done(struct hw_buf *buf) {
    free(buf->data);
    *buf = (struct hw_buf){0};
}
