/* HTTP requests as raw bytes. What holds for every input: no crash, all strings end, and the pieces in which the bytes arrive decide
 * nothing: the same requests are taken, with the same parts, and the same place is refused. */
#include "net/http_internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void add_request(const struct hw_http_exchange *x, struct hw_buf *out) {
    hw_buf_printf(out, "%s %s %d %d|", hw_http_method(x), hw_http_path(x), x->keep_alive, x->is_http_1_0);
    for (unsigned i = 0; i < x->segment_count; i++)
        hw_buf_printf(out, "/%s", http_text(x, x->segments[i]));
    for (unsigned i = 0; i < x->query_count; i++)
        hw_buf_printf(out, "?%s=%s", http_text(x, x->query[i].name), http_text(x, x->query[i].value));
    for (unsigned i = 0; i < x->header_count; i++)
        hw_buf_printf(out, "\n%s:%s", http_text(x, x->headers[i].name), http_text(x, x->headers[i].value));
    struct hw_slice body = hw_http_body(x);
    hw_buf_printf(out, "\n%zu ", body.size);
    if (body.size > 0)
        hw_buf_add(out, body.data, body.size);
}

static void parse(const uint8_t *data, size_t size, size_t piece, struct hw_buf *out) {
    static struct hw_http_server server;
    server.options.max_body_bytes = 2000;
    server.options.max_header_bytes = 1u << 20; /* counted by pieces while a head is not whole, so out of reach here */
    server.options.max_total_body_bytes = 1u << 20;
    struct http_connection *c = hw_xcalloc(1, sizeof(*c));
    c->exchange.connection = c;
    c->exchange.server = &server;
    http_parse_init(c);
    enum http_parse_result result = HTTP_PARSE_MORE;
    while (size > 0 && result != HTTP_PARSE_REFUSED) {
        size_t used = 0;
        result = http_parse_feed(c, data, piece < size ? piece : size, &used);
        data += used;
        size -= used;
        if (result == HTTP_PARSE_REQUEST) {
            add_request(&c->exchange, out);
            if (!c->exchange.keep_alive)
                break; /* the server closes behind the answer */
            http_parse_next(c);
        }
        if (result == HTTP_PARSE_REFUSED) {
            if (c->refuse_status < 400 || !c->refuse_code || !c->refuse_detail)
                abort();
            hw_buf_add_str(out, "refused");
        }
    }
    http_parse_next(c); /* gives back what was counted */
    if (atomic_load(&server.body_bytes) != 0)
        abort();
    hw_buf_done(&c->exchange.text);
    hw_buf_done(&c->exchange.body);
    hw_buf_done(&c->exchange.extra);
    hw_buf_done(&c->exchange.answer);
    free(c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2 || size > 8000)
        return 0;
    size_t piece = data[0] % 32 + 1;
    struct hw_buf whole = {0}, pieces = {0};
    /* Each copy has its exact size, so that the sanitizer sees a read past the end. */
    uint8_t *exact = malloc(size - 1);
    memcpy(exact, data + 1, size - 1);
    parse(exact, size - 1, size, &whole);
    parse(exact, size - 1, piece, &pieces);
    free(exact);
    if (whole.size != pieces.size || (whole.size > 0 && memcmp(whole.data, pieces.data, whole.size) != 0))
        abort();
    hw_buf_done(&whole);
    hw_buf_done(&pieces);
    return 0;
}
