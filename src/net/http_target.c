/* Request target (RFC 9112 section 3.2) → decoded path, its segments, decoded query fields.
 *
 * Segments are cut at the '/' of the target as sent, so that %2F stays within a segment. Decoded strings end with NUL, hence %00 is
 * refused; bad UTF-8 and ".." segments are refused here once instead of in every handler. */
#include "net/http_internal.h"

#include <string.h>
#include <strings.h>

static int refuse_target(struct http_connection *c, const char *detail) {
    c->refuse_status = 400;
    c->refuse_code = "bad_target";
    c->refuse_detail = detail;
    return -1;
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_utf8(const uint8_t *s, size_t size) {
    size_t i = 0;
    while (i < size) {
        uint8_t byte = s[i++];
        if (byte < 0x80)
            continue;
        unsigned more = byte >= 0xF0 ? 3 : byte >= 0xE0 ? 2 : 1;
        if (byte < 0xC2 || byte > 0xF4 || size - i < more)
            return false;
        uint8_t low = byte == 0xE0 ? 0xA0 : byte == 0xF0 ? 0x90 : 0x80; /* no overlong form */
        uint8_t high = byte == 0xED ? 0x9F : byte == 0xF4 ? 0x8F : 0xBF; /* no surrogate, nothing past U+10FFFF */
        if (s[i] < low || s[i] > high)
            return false;
        for (unsigned j = 1; j < more; j++)
            if ((s[i + j] & 0xC0) != 0x80)
                return false;
        i += more;
    }
    return true;
}

/* Decodes [from, to) to the end of text with a NUL behind; -1 when it is not well formed. Room was reserved. */
static int add_decoded(struct hw_buf *text, const char *from, const char *to, bool plus_is_space) {
    size_t start = text->size;
    uint8_t *out = text->data + text->size;
    bool plain = true;
    while (from < to) {
        char byte = *from++;
        if (byte == '%') {
            int high = from < to ? hex_digit(from[0]) : -1, low = to - from >= 2 ? hex_digit(from[1]) : -1;
            if (high < 0 || low < 0 || (high == 0 && low == 0))
                return -1;
            byte = (char)(high << 4 | low);
            from += 2;
            plain = false;
        } else if (byte == '+' && plus_is_space) {
            byte = ' ';
        }
        *out++ = (uint8_t)byte;
    }
    *out++ = 0;
    text->size = (size_t)(out - text->data);
    return plain || is_utf8(text->data + start, text->size - 1 - start) ? 0 : -1;
}

/* "http://host:80/path" → "/path"; proxies' form, which every server must take (section 3.2.2). */
static const char *skip_authority(const char *target) {
    size_t scheme = strncasecmp(target, "http://", 7) == 0 ? 7 : strncasecmp(target, "https://", 8) == 0 ? 8 : 0;
    if (scheme == 0)
        return NULL;
    size_t authority = strcspn(target + scheme, "/?");
    if (authority == 0 || memchr(target + scheme, '@', authority))
        return NULL;
    return target + scheme + authority;
}

/* The path is stored twice: whole, and with NUL where the target has '/'. Both have the same offsets, so a segment's place in the
 * one tells where "{rest...}" begins in the other. */
static int parse_path(struct http_connection *c, const char *from, const char *to) {
    struct hw_http_exchange *x = &c->exchange;
    uint32_t shift = (uint32_t)(to - from) + 2; /* bound of one copy */
    x->path = (uint32_t)x->text.size;
    for (const char *at = from; at < to;) { /* at is a '/' */
        const char *end = memchr(at + 1, '/', (size_t)(to - at - 1));
        end = end ? end : to;
        if (x->segment_count == HTTP_MAX_SEGMENTS)
            return refuse_target(c, "the path has more than 64 segments");
        uint32_t start = (uint32_t)x->text.size;
        x->text.data[x->text.size++] = '/';
        if (add_decoded(&x->text, at + 1, end, false) < 0)
            return refuse_target(c, "the path has a bad percent-encoding, %00, or text that is not UTF-8");
        const char *segment = http_text(x, start + 1);
        if (strcmp(segment, "..") == 0 || strstr(segment, "/../") || strncmp(segment, "../", 3) == 0 ||
            (strlen(segment) > 3 && strcmp(segment + strlen(segment) - 3, "/..") == 0))
            return refuse_target(c, "the path has a \"..\" segment");
        x->text.size--; /* the next '/' overwrites the NUL */
        x->segments[x->segment_count++] = start + 1;
        at = end;
    }
    x->text.data[x->text.size++] = 0;
    /* second copy */
    uint32_t size = (uint32_t)x->text.size - x->path, copy = x->path + shift;
    memcpy(x->text.data + copy, x->text.data + x->path, size);
    x->text.size = copy + size;
    for (unsigned i = 0; i < x->segment_count; i++) {
        x->segments[i] += shift;
        x->text.data[x->segments[i] - 1] = 0;
    }
    x->rest = shift; /* segment offset minus this = place in the whole path */
    return 0;
}

static int parse_query(struct http_connection *c, const char *at) {
    struct hw_http_exchange *x = &c->exchange;
    while (*at) {
        const char *end = at + strcspn(at, "&");
        const char *equals = memchr(at, '=', (size_t)(end - at));
        if (end > at) {
            if (x->query_count == HTTP_MAX_QUERY_FIELDS)
                return refuse_target(c, "the query has more than 64 fields");
            struct http_pair *pair = &x->query[x->query_count++];
            pair->name = (uint32_t)x->text.size;
            int failed = add_decoded(&x->text, at, equals ? equals : end, true);
            pair->value = (uint32_t)x->text.size;
            failed |= add_decoded(&x->text, equals ? equals + 1 : end, end, true);
            if (failed)
                return refuse_target(c, "the query has a bad percent-encoding, %00, or text that is not UTF-8");
        }
        at = *end ? end + 1 : end;
    }
    return 0;
}

int http_target_parse(struct http_connection *c) {
    static const char star[] = "/*";
    struct hw_http_exchange *x = &c->exchange;
    size_t size = strlen(http_text(x, 0));
    /* Path twice, query once, each not longer than the target; a NUL for every name and value. */
    if (hw_buf_reserve(&x->text, 3 * size + 2 * HTTP_MAX_QUERY_FIELDS + 16) < 0)
        return refuse_target(c, "the request target is too long");
    const char *target = http_text(x, 0); /* text does not move from here on */
    for (size_t i = 0; i < size; i++)
        if ((uint8_t)target[i] <= 0x20 || (uint8_t)target[i] >= 0x7F || target[i] == '#')
            return refuse_target(c, "the request target has a byte that must be percent-encoded");
    if (size == 1 && target[0] == '*') {
        if (strcmp(x->method, "OPTIONS") != 0)
            return refuse_target(c, "the target \"*\" belongs to OPTIONS only");
        return parse_path(c, star, star + 2);
    }
    if (target[0] != '/') {
        target = skip_authority(target);
        if (!target)
            return refuse_target(c, "the request target is neither a path nor an http:// address without user");
        if (*target != '/') { /* "http://host" or "http://host?query" */
            HW_TRY(parse_path(c, star, star + 1));
            return *target == '?' ? parse_query(c, target + 1) : 0;
        }
    }
    const char *question = strchr(target, '?');
    HW_TRY(parse_path(c, target, question ? question : target + strlen(target)));
    return question ? parse_query(c, question + 1) : 0;
}
