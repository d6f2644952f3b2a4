/* What goes out: status line and header fields, problem documents (RFC 9457), gzip. */
#include "net/http_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <zlib.h>

#define GZIP_FROM_BYTES 1400 /* about one packet: below it nothing is won */
#define GZIP_LEVEL 2

static const struct {
    int status;
    const char *title;
} titles[] = {
    {100, "Continue"}, {200, "OK"}, {201, "Created"}, {202, "Accepted"}, {204, "No Content"}, {206, "Partial Content"},
    {207, "Multi-Status"}, {301, "Moved Permanently"}, {302, "Found"}, {303, "See Other"}, {304, "Not Modified"},
    {307, "Temporary Redirect"}, {308, "Permanent Redirect"}, {400, "Bad Request"}, {401, "Unauthorized"}, {403, "Forbidden"},
    {404, "Not Found"}, {405, "Method Not Allowed"}, {406, "Not Acceptable"}, {408, "Request Timeout"}, {409, "Conflict"},
    {410, "Gone"}, {411, "Length Required"}, {412, "Precondition Failed"}, {413, "Content Too Large"}, {414, "URI Too Long"},
    {415, "Unsupported Media Type"}, {416, "Range Not Satisfiable"}, {417, "Expectation Failed"},
    {419, "Authentication Timeout"}, {422, "Unprocessable Content"}, {428, "Precondition Required"},
    {429, "Too Many Requests"}, {431, "Request Header Fields Too Large"}, {500, "Internal Server Error"},
    {501, "Not Implemented"}, {502, "Bad Gateway"}, {503, "Service Unavailable"}, {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"}, {507, "Insufficient Storage"},
};

const char *http_status_title(int status) {
    for (size_t i = 0; i < HW_ARRAY_SIZE(titles); i++)
        if (titles[i].status == status)
            return titles[i].title;
    return "Unknown";
}

bool http_status_has_body(int status) {
    return status >= 200 && status != 204 && status != 304;
}

static const char *date_now(struct http_loop *loop) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    if (now.tv_sec != loop->date_s) {
        static const char days[7][4] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
        static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
        struct tm tm;
        gmtime_r(&now.tv_sec, &tm);
        snprintf(loop->date, sizeof(loop->date), "%s, %02d %s %04d %02d:%02d:%02d GMT", days[tm.tm_wday], tm.tm_mday,
                 months[tm.tm_mon], (tm.tm_year + 1900) % 10000, tm.tm_hour, tm.tm_min, tm.tm_sec);
        loop->date_s = now.tv_sec;
    }
    return loop->date;
}

/* A cursor into reserved memory; heads are built for every answer, so no format strings here. */
static uint8_t *put(uint8_t *at, const char *s, size_t size) {
    memcpy(at, s, size);
    return at + size;
}
#define PUT_LITERAL(at, s) put((at), (s), sizeof(s) - 1)

static uint8_t *put_number(uint8_t *at, size_t number) {
    char digits[24];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0)
        *at++ = (uint8_t)digits[--count];
    return at;
}

void http_response_head(struct http_connection *c, bool close, bool chunked, size_t length) {
    const struct hw_http_exchange *x = &c->exchange;
    const char *title = http_status_title(x->status), *date = date_now(c->loop);
    size_t title_size = strlen(title), date_size = strlen(date), type_size = strlen(x->content_type);
    hw_buf_reserve(&c->out, 256 + title_size + date_size + type_size + x->extra.size);
    uint8_t *at = c->out.data + c->out.size;
    at = PUT_LITERAL(at, "HTTP/1.1 ");
    at = put_number(at, (size_t)x->status);
    *at++ = ' ';
    at = put(at, title, title_size);
    at = PUT_LITERAL(at, "\r\nDate: ");
    at = put(at, date, date_size);
    if (type_size > 0 && (http_status_has_body(x->status) || x->is_head)) {
        at = PUT_LITERAL(at, "\r\nContent-Type: ");
        at = put(at, x->content_type, type_size);
    }
    if (chunked) {
        if (!x->is_http_1_0)
            at = PUT_LITERAL(at, "\r\nTransfer-Encoding: chunked");
    } else if (http_status_has_body(x->status)) { /* RFC 9110 section 8.6: none with 204 */
        at = PUT_LITERAL(at, "\r\nContent-Length: ");
        at = put_number(at, length);
    }
    if (close)
        at = PUT_LITERAL(at, "\r\nConnection: close");
    else if (x->is_http_1_0)
        at = PUT_LITERAL(at, "\r\nConnection: keep-alive");
    at = PUT_LITERAL(at, "\r\n");
    if (x->extra.size > 0)
        at = put(at, (const char *)x->extra.data, x->extra.size);
    at = PUT_LITERAL(at, "\r\n");
    c->out.size = (size_t)(at - c->out.data);
}

void http_response_problem(struct hw_buf *out, int status, const char *code, const char *detail) {
    hw_buf_printf(out, "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"code\":", http_status_title(status), status);
    hw_buf_add_json_str(out, code, strlen(code));
    hw_buf_add_str(out, ",\"detail\":");
    hw_buf_add_json_str(out, detail, strlen(detail));
    hw_buf_add_char(out, '}');
}

/* gzip named in Accept-Encoding and not with q=0. */
static bool accepts_gzip(const struct hw_http_exchange *x) {
    const char *at = hw_http_header(x, "accept-encoding");
    while (at && *at) {
        at += strspn(at, " \t,");
        size_t size = strcspn(at, ",");
        if (strncasecmp(at, "gzip", 4) == 0 && (size == 4 || strchr(" \t;", at[4]))) {
            const char *quality = memchr(at, '=', size);
            return !quality || strtod(quality + 1, NULL) > 0;
        }
        at += size;
    }
    return false;
}

static bool is_text(const char *content_type) {
    return strncasecmp(content_type, "application/json", 16) == 0 || strncasecmp(content_type, "text/", 5) == 0 ||
           strncasecmp(content_type, "application/problem+json", 24) == 0 ||
           strncasecmp(content_type, "application/javascript", 22) == 0 || strncasecmp(content_type, "image/svg+xml", 13) == 0;
}

static bool has_extra(const struct hw_http_exchange *x, const char *name) {
    return x->extra.size > 0 && memmem(x->extra.data, x->extra.size, name, strlen(name));
}

/* Packs x->answer when the client wants it and it pays; runs on the thread that answers. */
bool http_response_gzip(struct hw_http_exchange *x) {
    if (x->answer.size < GZIP_FROM_BYTES || x->answer.size > UINT32_MAX || !is_text(x->content_type) || x->is_head ||
        has_extra(x, "Content-Encoding") || has_extra(x, "ETag"))
        return false; /* a strong ETag names the bytes as they are */
    hw_buf_add_str(&x->extra, "Vary: Accept-Encoding\r\n");
    if (!accepts_gzip(x))
        return false;
    z_stream z = {0};
    if (deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    struct hw_buf packed = {0};
    size_t bound = deflateBound(&z, x->answer.size);
    hw_buf_reserve(&packed, bound);
    z.next_in = x->answer.data;
    z.avail_in = (uInt)x->answer.size;
    z.next_out = packed.data;
    z.avail_out = (uInt)bound;
    bool done = deflate(&z, Z_FINISH) == Z_STREAM_END && z.total_out < x->answer.size;
    packed.size = z.total_out;
    deflateEnd(&z);
    if (!done) {
        hw_buf_done(&packed);
        return false;
    }
    hw_buf_done(&x->answer);
    x->answer = packed;
    hw_buf_add_str(&x->extra, "Content-Encoding: gzip\r\n");
    return true;
}
