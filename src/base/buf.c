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

int hw_buf_add_json_str(struct hw_buf *buf, const char *s, size_t size) {
    static const char hex[] = "0123456789abcdef";
    HW_TRY(hw_buf_reserve(buf, size + 2));
    HW_TRY(hw_buf_add_char(buf, '"'));
    size_t from = 0;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c >= 0x20 && c != '"' && c != '\\')
            continue;
        HW_TRY(hw_buf_add(buf, s + from, i - from));
        from = i + 1;
        const char *at = strchr("\"\"\\\\\nn\rr\tt\bb\ff", c);
        if (c && at) {
            char pair[2] = {'\\', c == '"' || c == '\\' ? (char)c : at[1]};
            HW_TRY(hw_buf_add(buf, pair, 2));
        } else {
            char six[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
            HW_TRY(hw_buf_add(buf, six, 6));
        }
    }
    HW_TRY(hw_buf_add(buf, s + from, size - from));
    return hw_buf_add_char(buf, '"');
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
