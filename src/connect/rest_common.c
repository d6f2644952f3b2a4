#include "connect/rest.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void hw_rest_error_text(struct hw_http_exchange *x, int status, const char *message) {
    struct hw_buf body = {0};
    hw_buf_printf(&body, "{\"error_code\":%d,\"message\":", status);
    hw_buf_add_json_str(&body, message, strlen(message));
    hw_buf_add_char(&body, '}');
    hw_rest_json(x, status, &body);
}

void hw_rest_error(struct hw_http_exchange *x, int status, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    hw_rest_error_text(x, status, text);
}

void hw_rest_json(struct hw_http_exchange *x, int status, struct hw_buf *body) {
    hw_http_reply_buf(x, status, "application/json", body);
}

void hw_rest_empty(struct hw_http_exchange *x, int status) {
    hw_http_reply(x, status, NULL, NULL, 0);
}

bool hw_rest_ready(struct hw_worker *worker, struct hw_http_exchange *x) {
    if (atomic_load(&worker->ready) && !atomic_load(&worker->stopping))
        return true;
    hw_http_set_header(x, "Retry-After", "1");
    hw_rest_error(x, 503, "the worker is %s: try again in a moment; GET /health says what it waits for",
                  atomic_load(&worker->stopping) ? "stopping" : "starting and reads its state topics");
    return false;
}

yyjson_doc *hw_rest_body(struct hw_http_exchange *x) {
    struct hw_slice body = hw_http_body(x);
    yyjson_doc *doc = NULL;
    struct hw_err err = {0};
    if (body.size == 0) {
        hw_rest_error(x, 400, "the request needs a JSON object as its body");
        return NULL;
    }
    if (hw_json_parse(body.data, body.size, &doc, &err) < 0) {
        hw_rest_error(x, 400, "the body is not JSON: %s", err.text);
        return NULL;
    }
    if (yyjson_is_obj(yyjson_doc_get_root(doc)))
        return doc;
    yyjson_doc_free(doc);
    hw_rest_error(x, 400, "the body must be a JSON object");
    return NULL;
}

void hw_rest_not_found(struct hw_http_exchange *x, const char *connector) {
    hw_rest_error(x, 404, "Connector %.250s not found", connector);
}

void hw_rest_write_failed(struct hw_http_exchange *x, const struct hw_err *err) {
    hw_rest_error(x, err->kind == HW_ERR_RETRY ? 503 : 500, "the change could not be written to Kafka: %s", err->text);
}

bool hw_rest_flag(const struct hw_http_exchange *x, const char *name, bool otherwise) {
    const char *value = hw_http_query(x, name);
    return value ? strcmp(value, "true") == 0 : otherwise;
}
