#include "admin/reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hw_field_error_add(struct hw_field_errors *errors, const char *pointer, const char *code, const char *hint,
                        const char *const *allowed, const char *format, ...) {
    if (errors->count++ >= HW_FIELD_ERRORS_MAX)
        return;
    struct hw_field_error *error = &errors->items[errors->count - 1];
    snprintf(error->pointer, sizeof error->pointer, "%s", pointer);
    snprintf(error->code, sizeof error->code, "%s", code);
    snprintf(error->hint, sizeof error->hint, "%s", hint ? hint : "");
    error->allowed = allowed;
    va_list args;
    va_start(args, format);
    vsnprintf(error->detail, sizeof error->detail, format, args);
    va_end(args);
}

yyjson_mut_val *hw_field_errors_json(yyjson_mut_doc *doc, const struct hw_field_errors *errors) {
    yyjson_mut_val *list = yyjson_mut_arr(doc);
    for (size_t i = 0; i < HW_MIN(errors->count, HW_FIELD_ERRORS_MAX); i++) {
        const struct hw_field_error *error = &errors->items[i];
        yyjson_mut_val *item = yyjson_mut_arr_add_obj(doc, list);
        hw_json_add_text(doc, item, "pointer", error->pointer);
        hw_json_add_text(doc, item, "code", error->code);
        hw_json_add_text(doc, item, "detail", error->detail);
        if (error->hint[0])
            hw_json_add_text(doc, item, "hint", error->hint);
        if (!error->allowed)
            continue;
        yyjson_mut_val *allowed = yyjson_mut_obj_add_arr(doc, item, "allowed");
        for (size_t a = 0; error->allowed[a]; a++)
            yyjson_mut_arr_add_strcpy(doc, allowed, error->allowed[a]);
    }
    return list;
}

/* Length of the UTF-8 sequence at p, 0 when it is none (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF).
 */
static size_t utf8_size(const unsigned char *p, size_t left) {
    if (p[0] < 0x80)
        return 1;
    if (p[0] >= 0xc2 && p[0] <= 0xdf)
        return left >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
    if ((p[0] & 0xf0) == 0xe0) {
        unsigned low = p[0] == 0xe0 ? 0xa0 : 0x80, high = p[0] == 0xed ? 0x9f : 0xbf;
        return left >= 3 && p[1] >= low && p[1] <= high && (p[2] & 0xc0) == 0x80 ? 3 : 0;
    }
    if (p[0] >= 0xf0 && p[0] <= 0xf4) {
        unsigned low = p[0] == 0xf0 ? 0x90 : 0x80, high = p[0] == 0xf4 ? 0x8f : 0xbf;
        return left >= 4 && p[1] >= low && p[1] <= high && (p[2] & 0xc0) == 0x80 && (p[3] & 0xc0) == 0x80 ? 4 : 0;
    }
    return 0;
}

bool hw_text_is_utf8(const void *text, size_t size) {
    const unsigned char *p = text, *end = p + size;
    while (p < end) {
        size_t step = utf8_size(p, (size_t)(end - p));
        if (!step)
            return false;
        p += step;
    }
    return true;
}

char *hw_base64(const void *data, size_t size) {
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *in = data;
    char *out = hw_xmalloc((size + 2) / 3 * 4 + 1), *at = out;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t bits = (uint32_t)in[i] << 16 | (left > 1 ? (uint32_t)in[i + 1] << 8 : 0) | (left > 2 ? in[i + 2] : 0);
        *at++ = digits[bits >> 18];
        *at++ = digits[bits >> 12 & 63];
        *at++ = left > 1 ? digits[bits >> 6 & 63] : '=';
        *at++ = left > 2 ? digits[bits & 63] : '=';
    }
    *at = 0;
    return out;
}

void hw_json_add_text(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, const char *text) {
    if (!text) {
        yyjson_mut_obj_add_null(doc, object, key);
        return;
    }
    size_t size = strlen(text);
    if (hw_text_is_utf8(text, size)) {
        yyjson_mut_obj_add_strncpy(doc, object, key, text, size);
        return;
    }
    HW_CLEANUP(hw_freep)
    char *safe = hw_xstrdup(text); /* cut messages, other people's words: one bad byte must not cost the answer */
    for (char *c = safe; *c; c++)
        if ((unsigned char)*c >= 0x80)
            *c = '?';
    yyjson_mut_obj_add_strcpy(doc, object, key, safe);
}

void hw_json_add_time(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, int64_t us) {
    if (us <= 0) {
        yyjson_mut_obj_add_null(doc, object, key);
        return;
    }
    char text[28];
    hw_time_format_us(us, text);
    yyjson_mut_obj_add_strcpy(doc, object, key, text);
}

void hw_json_add_int64(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, int64_t number) {
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)number);
    yyjson_mut_obj_add_strcpy(doc, object, key, text);
}

void hw_json_add_int64_known(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, int64_t number) {
    if (number < 0)
        yyjson_mut_obj_add_null(doc, object, key);
    else
        hw_json_add_int64(doc, object, key, number);
}

void hw_admin_reply_text(struct hw_access_log *log, struct hw_http_exchange *x, int status, const char *content_type,
                         const void *text, size_t size) {
    hw_access_log_write(log, x, status, size);
    hw_http_reply(x, status, content_type, text, size);
}

static void reply_doc(struct hw_access_log *log, struct hw_http_exchange *x, int status, const char *content_type,
                      yyjson_mut_doc *doc) {
    struct hw_buf body = {0};
    hw_http_set_header(x, "Cache-Control", "no-store");
    if (hw_json_write(doc, &body) < 0) {
        hw_buf_done(&body);
        hw_access_log_write(log, x, 500, 0);
        hw_http_reply_problem(x, 500, "internal", "the answer could not be written as JSON");
        return;
    }
    hw_access_log_write(log, x, status, body.size);
    hw_http_reply_buf(x, status, content_type, &body);
}

void hw_admin_reply(struct hw_access_log *log, struct hw_http_exchange *x, int status, yyjson_mut_doc *doc) {
    reply_doc(log, x, status, "application/json", doc);
}

static const char *title_of(int status) {
    switch (status) {
    case 400:
        return "Bad Request";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 409:
        return "Conflict";
    case 412:
        return "Precondition Failed";
    case 413:
        return "Content Too Large";
    case 422:
        return "Unprocessable Content";
    case 501:
        return "Not Implemented";
    case 502:
        return "Bad Gateway";
    case 503:
        return "Service Unavailable";
    case 504:
        return "Gateway Timeout";
    default:
        return "Internal Server Error";
    }
}

void hw_admin_problem(struct hw_access_log *log, struct hw_http_exchange *x, const struct hw_problem *problem,
                      const char *format, ...) {
    char detail[1200], request_id[37];
    va_list args;
    va_start(args, format);
    vsnprintf(detail, sizeof detail, format, args);
    va_end(args);
    uint8_t uuid[16];
    hw_uuid_v7(uuid);
    hw_uuid_format(uuid, request_id);
    HW_CLEANUP(hw_json_mut_freep) yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_obj_add_str(doc, root, "type", "about:blank");
    yyjson_mut_obj_add_str(doc, root, "title", title_of(problem->status));
    yyjson_mut_obj_add_int(doc, root, "status", problem->status);
    hw_json_add_text(doc, root, "code", problem->code);
    hw_json_add_text(doc, root, "detail", detail);
    if (problem->hint)
        hw_json_add_text(doc, root, "hint", problem->hint);
    hw_json_add_text(doc, root, "instance", hw_http_path(x));
    hw_json_add_text(doc, root, "request_id", request_id);
    yyjson_mut_obj_add_bool(doc, root, "retryable", problem->status == 503 || problem->status == 504);
    if (problem->errors)
        yyjson_mut_obj_add_val(doc, root, "errors", hw_field_errors_json(doc, problem->errors));
    if (problem->status == 503)
        hw_http_set_header(x, "Retry-After", "2");
    reply_doc(log, x, problem->status, "application/problem+json", doc);
}
