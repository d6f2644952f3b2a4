/* JSON: a thin façade over yyjson (whose value types are used as they are). */
#pragma once
#include "base/buf.h"

#include <yyjson.h>

#define HW_JSON_MAX_DEPTH 64
/* Strict RFC 8259, UTF-8 checked, numbers beyond 64 bits kept raw, depth limited; err (HW_ERR_DATA) names line, column and fault.
 * Free with yyjson_doc_free / HW_CLEANUP(hw_json_freep). */
HW_MUST_CHECK int hw_json_parse(const void *text, size_t size, yyjson_doc **out_doc, struct hw_err *err);
void hw_json_freep(yyjson_doc **doc);
void hw_json_mut_freep(yyjson_mut_doc **doc);
/* Members of an object; NULL or the default when absent or of another type. */
const char *hw_json_str(yyjson_val *object, const char *key);
int64_t hw_json_int(yyjson_val *object, const char *key, int64_t otherwise);
bool hw_json_bool(yyjson_val *object, const char *key, bool otherwise);
/* Serialise (compact) to the end of out. */
int hw_json_write(const yyjson_mut_doc *doc, struct hw_buf *out);
int hw_json_write_val(const yyjson_val *val, struct hw_buf *out);
