/* Answers and requests in the form of the Iceberg REST specification. */
#include "catalog/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void hw_reply_json(struct hw_http_exchange *x, int status, struct hw_buf *body)
{
    hw_http_reply_buf(x, status, "application/json", body);
}

void hw_reply_doc(struct hw_http_exchange *x, int status, const yyjson_mut_doc *doc)
{
    struct hw_buf body = {0};
    (void)!hw_json_write(doc, &body);
    hw_reply_json(x, status, &body);
}

void hw_reply_empty(struct hw_http_exchange *x)
{
    hw_http_reply(x, 204, NULL, NULL, 0);
}

void hw_reply_error(struct hw_http_exchange *x, int status, const char *type, const char *format, ...)
{
    char text[600];
    struct hw_buf body = {0};
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    hw_buf_add_str(&body, "{\"error\":{\"message\":");
    hw_buf_add_json_str(&body, text, strlen(text));
    hw_buf_printf(&body, ",\"type\":\"%s\",\"code\":%d}}", type, status);
    hw_reply_json(x, status, &body);
}

void hw_reply_failure(struct hw_http_exchange *x, const struct hw_err *err)
{
    if (err->kind == HW_ERR_DATA && err->code == 409)
        hw_reply_error(x, 409, "CommitFailedException", "%s", err->text);
    else if (err->kind == HW_ERR_DATA || err->kind == HW_ERR_CONFIG)
        hw_reply_error(x, 400, "BadRequestException", "%s", err->text);
    else if (err->kind == HW_ERR_RETRY)
        hw_reply_error(x, 503, "ServiceUnavailableException", "%s", err->text);
    else
        hw_reply_error(x, 500, "ServiceFailureException", "%s", err->text);
}

void hw_reply_no_namespace(struct hw_http_exchange *x, const char *space)
{
    hw_reply_error(x, 404, "NoSuchNamespaceException", "Namespace does not exist: %.250s", space);
}

void hw_reply_no_table(struct hw_http_exchange *x, const char *space, const char *name)
{
    hw_reply_error(x, 404, "NoSuchTableException", "Table does not exist: %.200s.%.200s", space, name);
}

yyjson_doc *hw_request_json(struct hw_http_exchange *x)
{
    struct hw_slice body = hw_http_body(x);
    struct hw_err err = {0};
    yyjson_doc *doc = NULL;
    if (hw_json_parse(body.data, body.size, &doc, &err) < 0) {
        hw_reply_error(x, 400, "BadRequestException", "the body is not JSON: %s", err.text);
        return NULL;
    }
    if (!yyjson_is_obj(yyjson_doc_get_root(doc))) {
        hw_reply_error(x, 400, "BadRequestException", "the body is not a JSON object");
        yyjson_doc_free(doc);
        return NULL;
    }
    return doc;
}

/* Names become folders and rows of a database, and levels are joined by dots. */
static bool level_ok(const char *s, size_t size, bool dots)
{
    if (size == 0 || size > 200 || (size <= 2 && strspn(s, ".") >= size))
        return false;
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f || strchr("/\\?#%", s[i]) || (!dots && s[i] == '.'))
            return false;
    return true;
}

static char *join_levels(struct hw_http_exchange *x, const struct hw_buf *joined)
{
    const char *p = (const char *)joined->data, *end = p + joined->size;
    bool ok = joined->size > 0 && joined->size <= 250;
    for (const char *next; ok && p <= end; p = next + 1) {
        next = memchr(p, 0x1f, (size_t)(end - p));
        next = next ? next : end;
        ok = level_ok(p, (size_t)(next - p), false);
    }
    if (!ok) {
        hw_reply_error(
            x, 400, "BadRequestException",
            "that is no namespace: each level has 1 to 200 characters, without dots, slashes, ?, #, %% and control "
            "characters");
        return NULL;
    }
    char *space = hw_xstrndup((const char *)joined->data, joined->size);
    for (char *c = space; *c; c++)
        if (*c == 0x1f)
            *c = '.';
    return space;
}

char *hw_request_levels(struct hw_http_exchange *x, yyjson_val *levels)
{
    HW_CLEANUP(hw_buf_done) struct hw_buf joined = {0};
    size_t i, max;
    yyjson_val *level;
    yyjson_arr_foreach(levels, i, max, level) {
        if (i)
            hw_buf_add_char(&joined, 0x1f);
        if (yyjson_is_str(level))
            hw_buf_add(&joined, yyjson_get_str(level), yyjson_get_len(level));
    }
    if (joined.size && memchr(joined.data, 0, joined.size))
        hw_buf_clear(&joined);
    return join_levels(x, &joined);
}

char *hw_request_space(struct hw_http_exchange *x)
{
    HW_CLEANUP(hw_buf_done) struct hw_buf joined = {0};
    hw_buf_add_str(&joined, hw_http_param(x, "namespace"));
    return join_levels(x, &joined);
}

const char *hw_table_name_ok(struct hw_http_exchange *x, const char *name)
{
    if (name && level_ok(name, strlen(name), true))
        return name;
    hw_reply_error(
        x, 400, "BadRequestException",
        "that is no table name: it has 1 to 200 characters, without slashes, ?, #, %% and control characters");
    return NULL;
}

const char *hw_request_table(struct hw_http_exchange *x)
{
    return hw_table_name_ok(x, hw_http_param(x, "table"));
}

void hw_add_levels(yyjson_mut_doc *doc, yyjson_mut_val *list, const char *space)
{
    for (const char *p = space, *dot; *p; p = *dot ? dot + 1 : dot) {
        dot = strchrnul(p, '.');
        yyjson_mut_arr_append(list, yyjson_mut_strncpy(doc, p, (size_t)(dot - p)));
    }
}
