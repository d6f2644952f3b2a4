/* Printing answers of the admin API: a table for people, JSON, JSON lines or CSV for programs. */
#pragma once
#include "net/json.h"

#include <stdio.h>

enum output_format { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_JSONL, OUTPUT_CSV };
/* -1 when a fault was printed. text NULL: table. */
HW_MUST_CHECK int output_format_parse(const char *text, enum output_format *out_format);

struct output_column {
    const char *title, *path; /* "status.state": members down from the item */
};
/* items: an array of objects. json and jsonl print whole items, table and csv the columns (ended by a NULL title). */
void output_items(FILE *to, enum output_format format, yyjson_val *items, const struct output_column *columns,
                  const char *when_empty);
/* {"columns":[{"name"}],"rows":[[…]]} of SQL. json and jsonl print an object a row. */
void output_rows(FILE *to, enum output_format format, yyjson_val *answer);
/* One object: table prints "path: value" for the columns given. */
void output_object(FILE *to, enum output_format format, yyjson_val *object, const struct output_column *columns);
