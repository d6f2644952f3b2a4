/* highway table list|show, highway sql "…" */
#include "main/cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_SQL_BYTES 100000

static const struct output_column list_columns[] = {{"TABLE", "name"},
                                                    {"ROWS", "rows"},
                                                    {"FILES", "files"},
                                                    {"BYTES", "bytes"},
                                                    {"UPDATED", "updated_at"},
                                                    {"FLOWS", "flows"},
                                                    {0}};
static const struct output_column show_columns[] = {{"table", "name"},
                                                    {"rows", "rows"},
                                                    {"files", "files"},
                                                    {"bytes", "bytes"},
                                                    {"updated", "updated_at"},
                                                    {"location", "location"},
                                                    {"partitioned by", "partition_by"},
                                                    {"flows", "flows"},
                                                    {"snapshot", "snapshot_id"},
                                                    {0}};
static const struct output_column field_columns[] = {{"COLUMN", "name"}, {"TYPE", "type"}, {0}};

int table_command(int argc, char **argv) {
    static const char *const verbs[] = {"list", "show", NULL};
    struct cli cli = {0};
    struct args_words words;
    const struct args_option options[] = {CLI_OPTIONS(cli), {0}};
    if (args_parse(argc, argv, options, &words) < 0 || cli_prepare(&cli) < 0)
        return HW_EXIT_USAGE;
    const char *verb = words.count ? words.items[0] : NULL;
    if (verb && (strcmp(verb, "list") == 0 || strcmp(verb, "ls") == 0))
        return args_expect(&words, "table list", 1, 1) < 0
                   ? HW_EXIT_USAGE
                   : cli_list(&cli, "/v1/tables", list_columns, "no tables yet; a flow makes one");
    if (!verb || strcmp(verb, "show") != 0)
        return cli_unknown_verb("table", verb, verbs);
    if (args_expect(&words, "table show NAMESPACE.TABLE", 2, 2) < 0)
        return HW_EXIT_USAGE;
    HW_CLEANUP(hw_freep) char *name = cli_encode(words.items[1]);
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("/v1/tables/%s", name);
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
    int result = cli_call(&cli, "GET", path, NULL, 0, &doc);
    if (result != HW_EXIT_OK)
        return result;
    yyjson_val *table = yyjson_doc_get_root(doc);
    output_object(stdout, cli.format, table, show_columns);
    if (cli.format == OUTPUT_TABLE) {
        printf("\n");
        output_items(stdout, OUTPUT_TABLE, yyjson_obj_get(table, "columns"), field_columns, NULL);
    }
    return HW_EXIT_OK;
}

int sql_command(int argc, char **argv) {
    struct cli cli = {0};
    const char *limit_text = NULL;
    long limit = 1000;
    struct args_words words;
    const struct args_option options[] = {CLI_OPTIONS(cli), {.name = "--limit", .value = &limit_text}, {0}};
    if (args_parse(argc, argv, options, &words) < 0 || cli_prepare(&cli) < 0 ||
        args_expect(&words, "sql \"SELECT …\" [--limit N]   (- reads the statement from stdin)", 1, 1) < 0 ||
        (limit_text && args_number("--limit", limit_text, 1, 10000, &limit) < 0))
        return HW_EXIT_USAGE;
    HW_CLEANUP(hw_buf_done) struct hw_buf sql = {.limit = MAX_SQL_BYTES};
    if (strcmp(words.items[0], "-") == 0) {
        char block[4096];
        ssize_t got;
        while ((got = read(STDIN_FILENO, block, sizeof block)) > 0)
            if (hw_buf_add(&sql, block, (size_t)got) < 0)
                break;
    } else if (hw_buf_add_str(&sql, words.items[0]) < 0) {
        sql.size = 0;
    }
    if (sql.size == 0) {
        fprintf(stderr, "error: the statement is empty or longer than %d bytes\n", MAX_SQL_BYTES);
        return HW_EXIT_USAGE;
    }
    HW_CLEANUP(hw_buf_done) struct hw_buf body = {0};
    hw_buf_add_str(&body, "{\"sql\":");
    hw_buf_add_json_str(&body, (const char *)sql.data, sql.size);
    hw_buf_printf(&body, ",\"limit\":%ld}", limit);
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
    int result = cli_call(&cli, "POST", "/v1/sql", (const char *)body.data, body.size, &doc);
    if (result != HW_EXIT_OK)
        return result;
    yyjson_val *answer = yyjson_doc_get_root(doc);
    output_rows(stdout, cli.format, answer);
    if (hw_json_bool(answer, "truncated", false))
        fprintf(stderr, "only the first %ld rows are shown (--limit)\n", limit);
    return HW_EXIT_OK;
}
