#include "event/span.h"

#include <string.h>

static int is_blank(uint8_t c) {
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

const uint8_t *hw_span_blanks(const uint8_t *p, const uint8_t *end) {
    while (p < end && is_blank(*p))
        p++;
    return p;
}

/* p at the opening quote. A quote ends the string unless an odd number of backslashes stands before it. */
static const uint8_t *skip_string(const uint8_t *p, const uint8_t *end) {
    const uint8_t *begin = ++p;
    while (p < end && (p = memchr(p, '"', (size_t)(end - p)))) {
        const uint8_t *before = p;
        while (before > begin && before[-1] == '\\')
            before--;
        p++;
        if ((p - 1 - before) % 2 == 0)
            return p;
    }
    return end;
}

/* p at the opening bracket. Counting suffices: brackets are known to match. */
static const uint8_t *skip_nested(const uint8_t *p, const uint8_t *end) {
    enum { STRING = 1, OPEN, CLOSE };
    static const uint8_t kinds[256] = {['"'] = STRING, ['{'] = OPEN, ['['] = OPEN, ['}'] = CLOSE, [']'] = CLOSE};
    unsigned depth = 0;
    while (p < end) {
        uint8_t kind = kinds[*p];
        if (kind == STRING) {
            p = skip_string(p, end);
            continue;
        }
        p++;
        if (kind == OPEN)
            depth++;
        else if (kind == CLOSE && --depth == 0)
            return p;
    }
    return end;
}

const uint8_t *hw_span_value(const uint8_t *p, const uint8_t *end) {
    if (p >= end)
        return end;
    if (*p == '"')
        return skip_string(p, end);
    if (*p == '{' || *p == '[')
        return skip_nested(p, end);
    while (p < end && !is_blank(*p) && *p != ',' && *p != '}' && *p != ']')
        p++;
    return p;
}

/* Over blanks, a comma and (in an object) the key with its colon, to the first byte of a value. */
static int to_value(const uint8_t **at, const uint8_t *end, int in_object) {
    const uint8_t *p = hw_span_blanks(*at, end);
    if (p < end && *p == ',')
        p = hw_span_blanks(p + 1, end);
    if (p >= end || *p == ']' || *p == '}')
        return 0;
    if (in_object) {
        p = hw_span_blanks(hw_span_value(p, end), end);
        if (p >= end)
            return 0;
        p = hw_span_blanks(p + 1, end); /* the colon */
    }
    *at = p;
    return 1;
}

int hw_span_next(const uint8_t **at, const uint8_t *end, int in_object, const uint8_t **out_begin,
                 const uint8_t **out_end) {
    if (!to_value(at, end, in_object))
        return 0;
    *out_begin = *at;
    *out_end = *at = hw_span_value(*at, end);
    return 1;
}

int hw_span_last_member(const uint8_t **at, const uint8_t *end, const uint8_t **out_begin, const uint8_t **out_end) {
    if (!to_value(at, end, 1))
        return 0;
    *out_begin = *at;
    const uint8_t *stop = end;
    while (stop > *at && is_blank(stop[-1]))
        stop--;
    stop--; /* the object's own bracket */
    while (stop > *at && is_blank(stop[-1]))
        stop--;
    *out_end = *at = stop;
    return 1;
}
