/* Runs SQL from the command line, for integration tests: sql_tool CATALOG_URI STATEMENT [TIMEOUT_MS [MAX_ROWS]];
 * "tables" lists. */
#include "warehouse/warehouse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    struct hw_err err = {0};
    HW_CLEANUP(hw_buf_done) struct hw_buf out = {0};
    const struct hw_sql_options options = {.catalog_uri = argv[1],
                                           .timeout_ms = argc > 3 ? atoi(argv[3]) : 0,
                                           .max_rows = argc > 4 ? (size_t)atoi(argv[4]) : 0};
    int result = strcmp(argv[2], "tables") == 0 ? hw_tables_list(argv[1], &out, &err)
                                                : hw_sql_run(&options, argv[2], &out, &err);
    if (result < 0)
        fprintf(stderr, "%s: %s\n", hw_err_kind_name(err.kind), err.text);
    else
        printf("%s\n", hw_buf_str(&out));
    return result < 0;
}
