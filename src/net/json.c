/* The JSON façade: parse with limits and good error places, read members, write. */
#include "net/json.h"

#include <stdlib.h>
#include <string.h>

/* Line and column (in characters) of a byte position, both from 1. */
static void locate(const char *text, size_t size, size_t pos, size_t *out_line, size_t *out_column) {
    size_t line = 1, column = 1;
    for (size_t i = 0; i < pos && i < size; i++) {
        if (text[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)text[i] & 0xC0) != 0x80) { /* not the middle of a UTF-8 character */
            column++;
        }
    }
    *out_line = line;
    *out_column = column;
}

/* yyjson keeps the values of a document in one array, in document order, and every container knows where the value after it
 * starts. So the depth is found by one walk along that array with a stack as high as the limit. */
static bool is_too_deep(yyjson_doc *doc) {
    yyjson_val *ends[HW_JSON_MAX_DEPTH];
    size_t depth = 0;
    yyjson_val *val = yyjson_doc_get_root(doc), *end = val + yyjson_doc_get_val_count(doc);
    for (; val < end; val++) {
        while (depth > 0 && val >= ends[depth - 1])
            depth--;
        if (!yyjson_is_ctn(val))
            continue;
        if (depth == HW_JSON_MAX_DEPTH)
            return true;
        ends[depth++] = unsafe_yyjson_get_next(val);
    }
    return false;
}

int hw_json_parse(const void *text, size_t size, yyjson_doc **out_doc, struct hw_err *err) {
    *out_doc = NULL;
    if (size == 0)
        return hw_err_set(err, HW_ERR_DATA, 0, "line 1, column 1: the JSON text is empty");
    yyjson_read_err fault;
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)text, size, YYJSON_READ_BIGNUM_AS_RAW, NULL, &fault);
    if (!doc) {
        if (fault.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
            return hw_err_set(err, HW_ERR_RETRY, 0, "out of memory while parsing %zu bytes of JSON", size);
        size_t line, column;
        locate(text, size, fault.pos, &line, &column);
        return hw_err_set(err, HW_ERR_DATA, 0, "line %zu, column %zu: %s", line, column, fault.msg);
    }
    if (is_too_deep(doc)) {
        yyjson_doc_free(doc);
        return hw_err_set(err, HW_ERR_DATA, 0, "JSON is nested deeper than %d levels", HW_JSON_MAX_DEPTH);
    }
    *out_doc = doc;
    return 0;
}

void hw_json_freep(yyjson_doc **doc) {
    yyjson_doc_free(*doc);
    *doc = NULL;
}

void hw_json_mut_freep(yyjson_mut_doc **doc) {
    yyjson_mut_doc_free(*doc);
    *doc = NULL;
}

const char *hw_json_str(yyjson_val *object, const char *key) {
    return yyjson_get_str(yyjson_obj_get(object, key));
}

int64_t hw_json_int(yyjson_val *object, const char *key, int64_t otherwise) {
    yyjson_val *val = yyjson_obj_get(object, key);
    if (yyjson_is_sint(val))
        return yyjson_get_sint(val);
    if (yyjson_is_uint(val) && yyjson_get_uint(val) <= INT64_MAX)
        return (int64_t)yyjson_get_uint(val);
    return otherwise;
}

bool hw_json_bool(yyjson_val *object, const char *key, bool otherwise) {
    yyjson_val *val = yyjson_obj_get(object, key);
    return yyjson_is_bool(val) ? yyjson_get_bool(val) : otherwise;
}

static int add_text(char *text, size_t size, struct hw_buf *out) {
    if (!text)
        return -1; /* NaN, infinity or bad UTF-8 in a value that we made ourselves */
    int result = hw_buf_add(out, text, size);
    free(text);
    return result;
}

int hw_json_write(const yyjson_mut_doc *doc, struct hw_buf *out) {
    size_t size = 0;
    char *text = yyjson_mut_write(doc, YYJSON_WRITE_NOFLAG, &size); /* before size is read: arguments have no order */
    return add_text(text, size, out);
}

int hw_json_write_val(const yyjson_val *val, struct hw_buf *out) {
    size_t size = 0;
    char *text = yyjson_val_write(val, YYJSON_WRITE_NOFLAG, &size);
    return add_text(text, size, out);
}
