/* DuckDB's types and values as JSON. One thread. */
#pragma once
#include "base/buf.h"
#include "warehouse/duckdb_api.h"
#include "net/json.h"

/* "BIGINT", "DECIMAL(18,3)", "STRUCT(a INTEGER, b VARCHAR[])". false: values of this type cannot be shown. */
bool hw_sql_type_name(duckdb_logical_type type, struct hw_buf *out);
/* 64-bit integers and decimals as strings, times as RFC 3339, nested values as JSON. */
void hw_sql_value_json(duckdb_vector vector, duckdb_logical_type type, idx_t row, struct hw_buf *out);
/* An Iceberg type (JSON of a schema) as a DuckDB type; false: there is none. nested tells that it is a struct, list or
 * map. */
bool hw_sql_iceberg_type(yyjson_val *type, struct hw_buf *out, bool *nested);
void hw_sql_quote(struct hw_buf *out, char quote, const char *s); /* doubles the quote inside */
