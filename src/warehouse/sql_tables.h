/* Tables of the catalog as views of a DuckDB connection. */
#pragma once
#include "warehouse/catalog_client.h"
#include "warehouse/duckdb_api.h"

struct hw_sql_tables {
    struct hw_catalog_client *client;
    duckdb_connection con;
    struct hw_names known; /* every table of the catalog, once it was asked for */
    bool listed;
    struct hw_names made;    /* views made so far */
    struct hw_names folders; /* paths below which the views read */
};
/* Makes views for the tables a statement names. HW_ERR_DATA names a table that is not there and the nearest that is. */
HW_MUST_CHECK int hw_sql_tables_for(struct hw_sql_tables *tables, const char *sql, struct hw_err *err);
void hw_sql_tables_done(struct hw_sql_tables *tables);
