#include "event/span.h"

static int is_blank(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

const uint8_t *hw_span_blanks(const uint8_t *p, const uint8_t *end)
{
    while (p < end && is_blank(*p))
        p++;
    return p;
}

/* p at the opening quote. */
static const uint8_t *skip_string(const uint8_t *p, const uint8_t *end)
{
    for (p++; p < end && *p != '"'; p++) {
        if (*p == '\\')
            p++;
    }
    return p < end ? p + 1 : end;
}

/* p at the opening bracket. Counting suffices: brackets are known to match. */
static const uint8_t *skip_nested(const uint8_t *p, const uint8_t *end)
{
    unsigned depth = 0;
    while (p < end) {
        switch (*p) {
        case '"':
            p = skip_string(p, end);
            continue;
        case '{':
        case '[':
            depth++;
            break;
        case '}':
        case ']':
            if (--depth == 0)
                return p + 1;
            break;
        default:
            break;
        }
        p++;
    }
    return end;
}

const uint8_t *hw_span_value(const uint8_t *p, const uint8_t *end)
{
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

int hw_span_next(const uint8_t **at, const uint8_t *end, int in_object, const uint8_t **out_begin, const uint8_t **out_end)
{
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
    *out_begin = p;
    *out_end = *at = hw_span_value(p, end);
    return 1;
}
