/* One binary: `highway WORD …`. */
#include "main/cli.h"
#include "main/serve.h"
#include "main/up.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static int help_command(int argc, char **argv);
static int version_command(int argc, char **argv);

static const struct command {
    const char *name, *usage, *doc;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"up",
     "up [--data DIR] [--port-offset N] [--bootstrap-servers HOST:PORT] [--config FILE] [--set section.key=value]… "
     "[--demo]",
     "start everything on this machine; Ctrl-C stops it", up_command},
    {"serve", "serve ROLE [--config FILE] [--set section.key=value]… [--data DIR] [--port-offset N]",
     "run one role: log, catalog, ingest, connect, admin", serve_command},
    {"topic", "topic list [--filter TEXT] [--internal] | show TOPIC | sample TOPIC [--limit N]", "streams of events",
     topic_command},
    {"flow",
     "flow list | show NAME | create NAME --topic TOPIC --table NAMESPACE.TABLE [--freshness 1s] [--dry-run] | pause "
     "NAME | resume NAME | restart NAME | delete NAME",
     "standing jobs that land topics in tables", flow_command},
    {"table", "table list | show NAMESPACE.TABLE", "warehouse tables", table_command},
    {"sql", "sql \"SELECT …\" [--limit N]   (- reads stdin)", "one read-only statement over the tables", sql_command},
    {"config", "config --describe [-o json] | show [--config FILE] [--set section.key=value]…",
     "every setting, or the values in force", config_command},
    {"doctor", "doctor [--data DIR] [--port-offset N]", "what is wrong here, and the fix", doctor_command},
    {"version", "version", "version of this binary", version_command},
    {"help", "help [WORD]", "this text, or the usage of one word", help_command},
};

static const struct command *find(const char *name) {
    for (size_t i = 0; i < HW_ARRAY_SIZE(commands); i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

static int unknown(const char *word) {
    const char *names[HW_ARRAY_SIZE(commands) + 1] = {0};
    for (size_t i = 0; i < HW_ARRAY_SIZE(commands); i++)
        names[i] = commands[i].name;
    const char *near = hw_nearest(word, names);
    fprintf(stderr, "error: there is no '%s'", word);
    fprintf(stderr, near ? "; did you mean 'highway %s'?\n" : "\n%s", near ? near : "");
    fprintf(stderr, "  see: highway help\n");
    return HW_EXIT_USAGE;
}

static void print_help(FILE *to) {
    fprintf(to, "The Data Highway %s: events in, one log, warehouse tables out.\n\nusage: highway WORD …\n\n",
            HW_VERSION);
    for (size_t i = 0; i < HW_ARRAY_SIZE(commands); i++)
        fprintf(to, "  %-9s %s\n", commands[i].name, commands[i].doc);
    fprintf(
        to,
        "\nWords that ask a running highway take --url URL (or HIGHWAY_URL; default http://127.0.0.1:8080), "
        "--port-offset N\n"
        "and -o table|json|jsonl|csv. `highway help WORD` shows the usage of one word.\n"
        "Exit codes: 0 done, 1 failure, 2 usage, 3 not found, 4 not allowed, 5 conflict, 6 invalid, 7 unreachable.\n");
}

static int help_command(int argc, char **argv) {
    if (argc == 0) {
        print_help(stdout);
        return HW_EXIT_OK;
    }
    const struct command *command = find(argv[0]);
    if (!command)
        return unknown(argv[0]);
    printf("highway %s\n\n%s\n", command->usage, command->doc);
    return HW_EXIT_OK;
}

static int version_command(int argc, char **argv) {
    if (argc > 0) {
        fprintf(stderr, "error: version takes no words\n");
        return HW_EXIT_USAGE;
    }
    printf("highway %s\n", HW_VERSION);
    return HW_EXIT_OK;
}

int main(int argc, char **argv) {
    signal(SIGPIPE, SIG_DFL); /* `highway topic sample x | head` ends quietly; roles ignore it for themselves */
    if (argc < 2) {
        print_help(stderr);
        return HW_EXIT_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0)
        word = "help";
    else if (strcmp(word, "--version") == 0)
        word = "version";
    const struct command *command = find(word);
    if (!command)
        return unknown(word);
    for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return help_command(1, (char *[]){(char *)command->name});
    return command->run(argc - 2, argv + 2);
}
