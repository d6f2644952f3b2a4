/* DuckDB, opened at run time: only the processes that write tables or answer SQL pay for it.
 * hw_duckdb()->query(…) calls duckdb_query(…). */
#pragma once
#include "base/base.h"

#include <duckdb.h>

#define HW_DUCKDB_FUNCTIONS(X)                                                                                         \
    X(open_ext)                                                                                                        \
    X(close) X(connect) X(disconnect) X(interrupt) X(library_version) X(create_config) X(set_config) X(                \
        destroy_config) X(query) X(destroy_result) X(free) X(result_error) X(result_error_type)                        \
        X(result_statement_type) X(column_count) X(column_name) X(column_logical_type) X(extract_statements) X(        \
            extract_statements_error) X(destroy_extracted) X(prepare_extracted_statement) X(prepare_error)             \
            X(destroy_prepare) X(prepared_statement_type) X(pending_prepared_streaming) X(execute_pending) X(          \
                pending_error) X(destroy_pending) X(fetch_chunk) X(get_table_names) X(get_list_size) X(get_list_child) \
                X(get_varchar) X(destroy_value) X(create_logical_type) X(destroy_logical_type) X(get_type_id) X(       \
                    logical_type_get_alias) X(decimal_width) X(decimal_scale) X(decimal_internal_type)                 \
                    X(enum_internal_type) X(enum_dictionary_value) X(list_type_child_type) X(array_type_child_type) X( \
                        array_type_array_size) X(map_type_key_type) X(map_type_value_type) X(struct_type_child_count)  \
                        X(struct_type_child_name) X(struct_type_child_type) X(create_data_chunk) X(destroy_data_chunk) \
                            X(data_chunk_reset) X(data_chunk_get_vector) X(data_chunk_get_column_count)                \
                                X(data_chunk_get_size) X(data_chunk_set_size) X(vector_size) X(vector_get_data)        \
                                    X(vector_get_validity) X(vector_get_column_type)                                   \
                                        X(vector_ensure_validity_writable) X(validity_row_is_valid)                    \
                                            X(valid_utf8_check) X(error_data_has_error) X(destroy_error_data)          \
                                                X(unsafe_vector_assign_string_element_len) X(list_vector_get_child)    \
                                                    X(struct_vector_get_child) X(array_vector_get_child)               \
                                                        X(appender_create) X(appender_error) X(appender_flush)         \
                                                            X(appender_close) X(appender_destroy) X(append_data_chunk)

struct hw_duckdb_api {
#define HW_DUCKDB_MEMBER(name) __typeof__(&duckdb_##name) name;
    HW_DUCKDB_FUNCTIONS(HW_DUCKDB_MEMBER)
#undef HW_DUCKDB_MEMBER
};

/* Loads the library once per process, from $HIGHWAY_DUCKDB, ../lib/libduckdb.so beside the executable's folder, or
 * where the build found it. HW_ERR_CONFIG names what was tried. Any thread. */
HW_MUST_CHECK int hw_duckdb_load(struct hw_err *err);
/* Valid after a good hw_duckdb_load. */
const struct hw_duckdb_api *hw_duckdb(void);

struct hw_duckdb_setting {
    const char *name, *value;
};
/* An in-memory database without extension downloads, times in UTC. settings ends with a NULL name. */
HW_MUST_CHECK int hw_duckdb_open(const struct hw_duckdb_setting *settings, duckdb_database *out_db,
                                 duckdb_connection *out_con, struct hw_err *err);
void hw_duckdb_close(duckdb_database *db, duckdb_connection *con);
/* Runs SQL of our own and throws the rows away. */
HW_MUST_CHECK int hw_duckdb_exec(duckdb_connection con, const char *sql, struct hw_err *err);
