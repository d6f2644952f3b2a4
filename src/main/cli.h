/* What the commands that talk to the admin API share: the address, calls, and faults as words and exit codes. */
#pragma once
#include "main/args.h"
#include "main/output.h"

struct cli {
    const char *url_option, *offset_option, *format_option;
    char url[512]; /* without a slash at its end */
    enum output_format format;
};
/* The options every such command takes; put CLI_OPTIONS(cli) into its table. */
#define CLI_OPTIONS(cli)                                                                                               \
    {.name = "--url", .value = &(cli).url_option}, {.name = "--port-offset", .value = &(cli).offset_option}, {         \
        .name = "--output", .alias = "-o", .value = &(cli).format_option                                               \
    }
/* Works out url and format. -1 when a fault was printed. */
HW_MUST_CHECK int cli_prepare(struct cli *cli);
/* Calls METHOD path. HW_EXIT_OK with *out_doc (freed by the caller, NULL for 204), else the exit code with everything
 * printed. */
HW_MUST_CHECK int cli_call(const struct cli *cli, const char *method, const char *path, const char *body,
                           size_t body_size, yyjson_doc **out_doc);
/* Percent-encodes one path segment or query value; malloc'd. */
char *cli_encode(const char *text);
/* Nothing fits the verb: says the nearest one. Returns HW_EXIT_USAGE. */
int cli_unknown_verb(const char *noun, const char *verb, const char *const *verbs);
/* All items of a paged list, printed. */
int cli_list(const struct cli *cli, const char *path, const struct output_column *columns, const char *when_empty);

int topic_command(int argc, char **argv);
int flow_command(int argc, char **argv);
int table_command(int argc, char **argv);
int sql_command(int argc, char **argv);
int config_command(int argc, char **argv);
int doctor_command(int argc, char **argv);
