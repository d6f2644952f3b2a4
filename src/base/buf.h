/* A growing byte buffer. {0} is a valid empty one without limit. */
#pragma once
#include "base/base.h"

#include <stdarg.h>

struct hw_buf {
    uint8_t *data; /* not NUL-ended; see hw_buf_str */
    size_t size, capacity;
    size_t limit; /* 0 = none; growing past it fails */
};
int hw_buf_reserve(struct hw_buf *buf, size_t more); /* 0, or -1 past the limit */
int hw_buf_add(struct hw_buf *buf, const void *data, size_t size);
int hw_buf_add_str(struct hw_buf *buf, const char *s);
int hw_buf_add_char(struct hw_buf *buf, char c);
int hw_buf_printf(struct hw_buf *buf, const char *format, ...) HW_PRINTF(2, 3);
/* Adds s as a JSON string with quotes, escaping what RFC 8259 asks for; bytes that are no UTF-8 become U+FFFD. Past the limit
 * nothing is added. */
int hw_buf_add_json_str(struct hw_buf *buf, const char *s, size_t size);
/* Ends the text with NUL (not counted in size) and returns it; valid until the next change. */
char *hw_buf_str(struct hw_buf *buf);
void hw_buf_consume(struct hw_buf *buf, size_t size); /* drops from the front */
void hw_buf_clear(struct hw_buf *buf);                /* keeps the memory */
void hw_buf_done(struct hw_buf *buf);                 /* frees; {0} again */
