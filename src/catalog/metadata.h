/* Iceberg table metadata as JSON: making it, checking requirements, applying updates. Pure: no files, no database. */
#pragma once
#include "base/base.h"
#include "net/json.h"

/* From a CreateTableRequest. location is the table's; now_ms and uuid come in so that tests are exact. */
HW_MUST_CHECK int hw_metadata_create(yyjson_val *request, const char *location, const char *uuid, int64_t now_ms,
                                     yyjson_mut_doc **out_doc, struct hw_err *err);
/* Begins a table that does not exist, for commits with assert-create; updates fill it. */
yyjson_mut_doc *hw_metadata_blank(const char *location, int64_t now_ms);
/* 0, or HW_METADATA_CONFLICT with err saying which requirement failed; -1: the request is at fault (HW_ERR_DATA).
 * metadata NULL: there is no such table. */
#define HW_METADATA_CONFLICT 1
HW_MUST_CHECK int hw_metadata_check(yyjson_val *metadata, yyjson_val *requirements, struct hw_err *err);
/* Applies the updates in order to doc. Outcomes as hw_metadata_check. */
HW_MUST_CHECK int hw_metadata_apply(yyjson_mut_doc *doc, yyjson_val *updates, int64_t now_ms, struct hw_err *err);
/* Puts the old file into metadata-log; entries beyond the table's limit leave it and are given to drop (may be NULL).
 */
void hw_metadata_log(yyjson_mut_doc *doc, const char *old_location, int64_t old_updated_ms,
                     void (*drop)(const char *location, void *arg), void *arg);
/* All that a finished metadata file must have. */
HW_MUST_CHECK int hw_metadata_validate(yyjson_mut_doc *doc, struct hw_err *err);
