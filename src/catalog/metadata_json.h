/* Small helpers on changeable JSON, shared by metadata.c and update.c. */
#pragma once
#include "base/base.h"
#include "net/json.h"

int64_t hw_mut_int(yyjson_mut_val *object, const char *key, int64_t otherwise);
void hw_mut_put(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, yyjson_mut_val *value); /* replaces */
void hw_mut_put_int(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, int64_t value);
/* The member, made when it is missing. */
yyjson_mut_val *hw_mut_list(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key);
yyjson_mut_val *hw_mut_object(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key);
yyjson_mut_val *hw_mut_find(yyjson_mut_val *list, const char *key, int64_t id);
int64_t hw_highest_field_id(yyjson_mut_val *type);
int64_t hw_number_partition_fields(yyjson_mut_doc *doc, yyjson_mut_val *spec, int64_t last);
