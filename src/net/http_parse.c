/* Bytes → request. llhttp (no lenient flag set) reads the message; this file adds what RFC 9112 asks beyond it: exactly two spaces
 * in the request line, versions 1.0 and 1.1 only, exactly one good Host, no Transfer-Encoding on 1.0 and none but chunked, and the
 * limits of sizes. Whatever is refused closes the connection, because the end of a message that is not understood is unknown:
 * guessing it is how requests get smuggled (§11.2). */
#include "net/http_internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { PART_NONE, PART_NAME, PART_VALUE };

static struct http_connection *connection_of(llhttp_t *parser) {
    return HW_CONTAINER_OF(parser, struct http_connection, parser);
}

static int refuse(struct http_connection *c, int status, const char *code, const char *detail) {
    c->refuse_status = status;
    c->refuse_code = code;
    c->refuse_detail = detail;
    return -1;
}

static int refuse_header_size(struct http_connection *c) {
    return refuse(c, 431, "headers_too_large", "the request's header fields are larger than this server takes");
}

/* llhttp's callbacks. The strings go to exchange.text, each with a NUL behind. */

static int on_url(llhttp_t *parser, const char *at, size_t size) {
    struct http_connection *c = connection_of(parser);
    struct hw_buf *text = &c->exchange.text;
    if (text->size + size > HTTP_MAX_TARGET_BYTES)
        return refuse(c, 414, "target_too_long", "the request target is longer than 8192 bytes");
    return hw_buf_add(text, at, size);
}

static int on_url_complete(llhttp_t *parser) {
    return hw_buf_add_char(&connection_of(parser)->exchange.text, 0);
}

static int on_version_complete(llhttp_t *parser) {
    struct http_connection *c = connection_of(parser);
    if (parser->http_major != 1 || parser->http_minor > 1)
        return refuse(c, 505, "http_version_not_supported", "this server speaks HTTP/1.1 and HTTP/1.0");
    return 0;
}

static bool is_trailer(const llhttp_t *parser) {
    return parser->flags & F_TRAILING;
}

/* Chunk extensions and trailers are read and dropped, within a limit. */
static int drop(struct http_connection *c, size_t size) {
    c->extension_bytes += size;
    if (c->extension_bytes > HTTP_MAX_CHUNK_EXTENSION_BYTES)
        return refuse(c, 431, "trailers_too_large", "chunk extensions and trailers are larger than this server takes");
    return 0;
}

static int add_header_text(struct http_connection *c, const char *at, size_t size) {
    if (c->exchange.text.size + size > c->exchange.server->options.max_header_bytes)
        return refuse_header_size(c);
    return hw_buf_add(&c->exchange.text, at, size);
}

static int on_header_field(llhttp_t *parser, const char *at, size_t size) {
    struct http_connection *c = connection_of(parser);
    struct hw_http_exchange *x = &c->exchange;
    if (is_trailer(parser))
        return drop(c, size + 1);
    if (c->last_part != PART_NAME) {
        if (x->header_count == HTTP_MAX_HEADERS)
            return refuse(c, 431, "too_many_headers", "the request has more than 128 header fields");
        x->headers[x->header_count++].name = (uint32_t)x->text.size;
        c->last_part = PART_NAME;
    }
    return add_header_text(c, at, size);
}

static int on_header_field_complete(llhttp_t *parser) {
    struct http_connection *c = connection_of(parser);
    struct hw_http_exchange *x = &c->exchange;
    if (is_trailer(parser))
        return 0;
    hw_buf_add_char(&x->text, 0);
    x->headers[x->header_count - 1].value = (uint32_t)x->text.size;
    c->last_part = PART_VALUE;
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t size) {
    struct http_connection *c = connection_of(parser);
    return is_trailer(parser) ? drop(c, size) : add_header_text(c, at, size);
}

static int on_header_value_complete(llhttp_t *parser) {
    struct http_connection *c = connection_of(parser);
    if (is_trailer(parser))
        return 0;
    c->last_part = PART_NONE;
    struct hw_http_exchange *x = &c->exchange;
    size_t start = x->headers[x->header_count - 1].value;
    while (x->text.size > start && strchr(" \t", x->text.data[x->text.size - 1])) /* llhttp leaves them to us */
        x->text.size--;
    return hw_buf_add_char(&x->text, 0);
}

static int on_chunk_extension(llhttp_t *parser, const char *at, size_t size) {
    return drop(connection_of(parser), size + 1);
}

/* host[:port] with the characters RFC 3986 allows; no user, no path, no list. */
static bool is_good_host(const char *host) {
    size_t size = strlen(host), i = 0;
    if (size == 0 || size > 300)
        return false;
    if (host[0] == '[') { /* IPv6 literal */
        while (i < size && host[i] != ']')
            i++;
        if (i < 3 || i == size)
            return false;
        for (size_t j = 1; j < i; j++)
            if (!isxdigit((unsigned char)host[j]) && host[j] != ':' && host[j] != '.')
                return false;
        i++;
    } else {
        while (i < size && host[i] != ':') {
            if (!isalnum((unsigned char)host[i]) && !strchr("-._~!$&'()*+;=%", host[i]))
                return false;
            i++;
        }
        if (i == 0)
            return false;
    }
    if (i == size)
        return true;
    if (host[i] != ':' || size - i > 6)
        return false;
    for (i++; i < size; i++)
        if (!isdigit((unsigned char)host[i]))
            return false;
    return true;
}

struct framing {
    unsigned hosts, lengths, encodings, expects;
    const char *host, *length, *encoding, *expect;
};

static void find_framing(const struct hw_http_exchange *x, struct framing *out) {
    for (unsigned i = 0; i < x->header_count; i++) {
        const char *name = http_text(x, x->headers[i].name), *value = http_text(x, x->headers[i].value);
        switch (x->headers[i].value - x->headers[i].name - 1) { /* length of the name */
        case 4:
            if (strcasecmp(name, "host") == 0) {
                out->hosts++;
                out->host = value;
            }
            break;
        case 6:
            if (strcasecmp(name, "expect") == 0) {
                out->expects++;
                out->expect = value;
            }
            break;
        case 14:
            if (strcasecmp(name, "content-length") == 0) {
                out->lengths++;
                out->length = value;
            }
            break;
        case 17:
            if (strcasecmp(name, "transfer-encoding") == 0) {
                out->encodings++;
                out->encoding = value;
            }
            break;
        default:
            break;
        }
    }
}

static int check_host(struct http_connection *c, const struct framing *framing) {
    if (framing->hosts > 1)
        return refuse(c, 400, "bad_host", "the request has more than one Host field (RFC 9112 section 3.2)");
    if (framing->hosts == 0 && !c->exchange.is_http_1_0)
        return refuse(c, 400, "bad_host", "an HTTP/1.1 request needs a Host field (RFC 9112 section 3.2)");
    if (framing->host && !is_good_host(framing->host))
        return refuse(c, 400, "bad_host", "the Host field is no host name with optional port");
    return 0;
}

static int check_encoding(struct http_connection *c, const struct framing *framing) {
    if (c->exchange.is_http_1_0)
        return refuse(c, 400, "bad_framing", "Transfer-Encoding does not exist in HTTP/1.0 (RFC 9112 section 6.1)");
    if (framing->lengths > 0)
        return refuse(c, 400, "bad_framing", "a request has Content-Length or Transfer-Encoding, not both (RFC 9112 section 6.3)");
    if (framing->encodings > 1 || strncasecmp(framing->encoding, "chunked,", 8) == 0)
        return refuse(c, 400, "bad_framing", "chunked must be the one and last transfer coding");
    if (strcasecmp(framing->encoding, "chunked") != 0)
        return refuse(c, 501, "transfer_coding_not_implemented", "the only transfer coding this server knows is chunked");
    c->body_kind = HTTP_BODY_CHUNKED;
    return 0;
}

static int check_length(struct http_connection *c, const struct framing *framing) {
    if (framing->lengths > 1)
        return refuse(c, 400, "bad_framing", "the request has more than one Content-Length field");
    const char *text = framing->length;
    if (!*text || strspn(text, "0123456789") != strlen(text) || strlen(text) > 18)
        return refuse(c, 400, "bad_framing", "Content-Length is no number of bytes");
    c->content_length = strtoull(text, NULL, 10);
    c->body_kind = c->content_length > 0 ? HTTP_BODY_LENGTH : HTTP_BODY_NONE;
    return 0;
}

static int refuse_body_size(struct http_connection *c) {
    return refuse(c, 413, "body_too_large", "the body is larger than this server takes; send less in one request");
}

static int check_framing(struct http_connection *c) {
    struct framing framing = {0};
    find_framing(&c->exchange, &framing);
    HW_TRY(check_host(c, &framing));
    c->body_kind = HTTP_BODY_NONE;
    if (framing.encodings > 0)
        HW_TRY(check_encoding(c, &framing));
    else if (framing.lengths > 0)
        HW_TRY(check_length(c, &framing));
    if (framing.expect && !c->exchange.is_http_1_0) { /* RFC 9110 section 10.1.1: ignored in 1.0 */
        if (framing.expects > 1 || strcasecmp(framing.expect, "100-continue") != 0)
            return refuse(c, 417, "expectation_failed", "the only expectation this server knows is 100-continue");
        c->wants_continue = c->body_kind != HTTP_BODY_NONE;
    }
    if (c->body_kind == HTTP_BODY_LENGTH && c->content_length > c->exchange.server->options.max_body_bytes)
        return refuse_body_size(c);
    return 0;
}

static int on_headers_complete(llhttp_t *parser) {
    struct http_connection *c = connection_of(parser);
    struct hw_http_exchange *x = &c->exchange;
    c->head_done = true;
    parser->upgrade = 0; /* a server may go on in HTTP/1.1 (RFC 9110 section 7.8), and we always do */
    x->is_http_1_0 = parser->http_minor == 0;
    x->method = llhttp_method_name(parser->method);
    x->is_head = parser->method == HTTP_HEAD;
    if (parser->method == HTTP_CONNECT)
        return refuse(c, 501, "method_not_implemented", "CONNECT is for proxies, and this is none");
    HW_TRY(check_framing(c));
    return http_target_parse(c);
}

static int on_body(llhttp_t *parser, const char *at, size_t size) {
    struct http_connection *c = connection_of(parser);
    struct hw_http_exchange *x = &c->exchange;
    struct hw_http_server *server = x->server;
    if (size > server->options.max_body_bytes - x->body.size)
        return refuse_body_size(c);
    size_t in_flight = atomic_fetch_add_explicit(&server->body_bytes, size, memory_order_relaxed) + size;
    c->accounted_bytes += size;
    if (in_flight > server->options.max_total_body_bytes)
        return refuse(c, 503, "overloaded", "too many request bodies are under way; try again in a moment");
    return hw_buf_add(&x->body, at, size);
}

static int on_message_complete(llhttp_t *parser) {
    struct http_connection *c = connection_of(parser);
    struct hw_http_exchange *x = &c->exchange;
    hw_buf_str(&x->body); /* one NUL behind the last byte, as the contract of hw_http_body says */
    x->keep_alive = llhttp_should_keep_alive(parser);
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_url_complete = on_url_complete,
    .on_version_complete = on_version_complete,
    .on_header_field = on_header_field,
    .on_header_field_complete = on_header_field_complete,
    .on_header_value = on_header_value,
    .on_header_value_complete = on_header_value_complete,
    .on_headers_complete = on_headers_complete,
    .on_chunk_extension_name = on_chunk_extension,
    .on_chunk_extension_value = on_chunk_extension,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

void http_parse_init(struct http_connection *c) {
    llhttp_init(&c->parser, HTTP_REQUEST, &settings);
    http_parse_next(c);
}

static void clear_or_free(struct hw_buf *buf) {
    if (buf->capacity > HTTP_KEPT_BUFFER_BYTES)
        hw_buf_done(buf);
    else
        hw_buf_clear(buf);
}

void http_parse_next(struct http_connection *c) {
    struct hw_http_exchange *x = &c->exchange;
    if (c->accounted_bytes > 0)
        atomic_fetch_sub_explicit(&x->server->body_bytes, c->accounted_bytes, memory_order_relaxed);
    clear_or_free(&x->text);
    clear_or_free(&x->body);
    clear_or_free(&x->answer);
    hw_buf_clear(&x->extra);
    x->header_count = x->query_count = x->segment_count = 0;
    x->route = NULL;
    x->is_head = x->is_http_1_0 = x->keep_alive = x->answered = false;
    c->in_request = c->head_done = c->line_done = c->wants_continue = false;
    c->head_bytes = c->extension_bytes = c->accounted_bytes = 0;
    c->line_spaces = c->line_start_size = 0;
    c->last_part = PART_NONE;
    c->refuse_status = 0;
}

/* Watches the request line go by, because llhttp skips further spaces and takes lines without version for HTTP/0.9. */
static int scan_request_line(struct http_connection *c, const uint8_t *data, size_t size) {
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = data[i];
        if (c->line_start_size == 0 && (byte == '\r' || byte == '\n'))
            continue; /* empty lines before a request (RFC 9112 section 2.2) */
        c->in_request = true;
        if (byte == '\n') {
            c->line_done = true;
            if (c->line_spaces != 2)
                return refuse(c, 400, "bad_request_line", "the request line is not: method, one space, target, one space, version");
            return 0;
        }
        if (c->line_start_size < sizeof(c->line_start))
            c->line_start[c->line_start_size++] = (char)byte;
        if (byte == ' ' && ++c->line_spaces > 2)
            return refuse(c, 400, "bad_request_line", "the request line has more than two spaces");
    }
    return 0;
}

/* An unknown method is 501, something that is no method at all 400 (RFC 9110 section 15.6.2). */
static bool line_starts_with_token(const struct http_connection *c) {
    unsigned size = 0;
    while (size < c->line_start_size && c->line_start[size] != ' ') {
        char byte = c->line_start[size++];
        if (!isalnum((unsigned char)byte) && !strchr("!#$%&'*+-.^_`|~", byte))
            return false;
    }
    return size > 0 && size < sizeof(c->line_start);
}

static void refuse_error(struct http_connection *c, enum llhttp_errno code) {
    if (c->refuse_status)
        return;
    const char *reason = llhttp_get_error_reason(&c->parser);
    switch (code) {
    case HPE_INVALID_METHOD:
        if (line_starts_with_token(c))
            refuse(c, 501, "method_not_implemented", "this server does not know the request's method");
        else
            refuse(c, 400, "bad_request_line", "the request does not begin with a method; is this HTTP without TLS?");
        return;
    case HPE_INVALID_VERSION:
        if (reason && strcmp(reason, "Invalid HTTP version") == 0)
            refuse(c, 505, "http_version_not_supported", "this server speaks HTTP/1.1 and HTTP/1.0");
        else
            refuse(c, 400, "bad_request_line", "the request line does not end with an HTTP version");
        return;
    case HPE_PAUSED_H2_UPGRADE:
        refuse(c, 505, "http_version_not_supported", "this server speaks HTTP/1.1 and HTTP/1.0");
        return;
    default:
        refuse(c, 400, "bad_request", reason && *reason ? reason : "the request is no well-formed HTTP message");
    }
}

enum http_parse_result http_parse_feed(struct http_connection *c, const uint8_t *data, size_t size, size_t *out_used) {
    *out_used = size;
    if (!c->line_done && scan_request_line(c, data, size) < 0)
        return HTTP_PARSE_REFUSED;
    enum llhttp_errno code = llhttp_execute(&c->parser, (const char *)data, size);
    if (code == HPE_PAUSED && !c->refuse_status) { /* by on_message_complete */
        *out_used = (size_t)((const uint8_t *)llhttp_get_error_pos(&c->parser) - data);
        llhttp_resume(&c->parser);
        return HTTP_PARSE_REQUEST;
    }
    if (code != HPE_OK) {
        refuse_error(c, code);
        return HTTP_PARSE_REFUSED;
    }
    if (c->in_request && !c->head_done) { /* also counts what llhttp drops, such as spaces before a value */
        c->head_bytes += size;
        if (c->head_bytes > c->exchange.server->options.max_header_bytes) {
            refuse_header_size(c);
            return HTTP_PARSE_REFUSED;
        }
    }
    return HTTP_PARSE_MORE;
}
