/* highway flow list|show|create|pause|resume|restart|delete */
#include "main/cli.h"

#include <stdlib.h>
#include <string.h>

static const struct output_column list_columns[] = {{"FLOW", "name"},
                                                    {"STATE", "status.state"},
                                                    {"FROM", "spec.from.topics"},
                                                    {"TO", "spec.to.table"},
                                                    {"LAG", "lag.records"},
                                                    {"WHY", "status.why"},
                                                    {0}};
static const struct output_column show_columns[] = {{"flow", "name"},
                                                    {"state", "status.state"},
                                                    {"since", "status.since"},
                                                    {"why", "status.why"},
                                                    {"fix", "status.hint"},
                                                    {"from", "spec.from.topics"},
                                                    {"to", "spec.to.table"},
                                                    {"freshness", "spec.freshness"},
                                                    {"owner", "spec.owner"},
                                                    {"lag, events", "lag.records"},
                                                    {"lag, seconds", "lag.seconds"},
                                                    {"rows", "rows"},
                                                    {"set aside", "set_aside"},
                                                    {"last commit", "last_commit_at"},
                                                    {0}};
static const struct output_column step_columns[] = {
    {"STEP", "id"}, {"STATE", "state"}, {"AT", "at"}, {"DETAIL", "detail"}, {0}};

static void print_flow(const struct cli *cli, yyjson_val *flow) {
    output_object(stdout, cli->format, flow, show_columns);
    if (cli->format == OUTPUT_TABLE && yyjson_obj_get(flow, "steps")) {
        printf("\n");
        output_items(stdout, OUTPUT_TABLE, yyjson_obj_get(flow, "steps"), step_columns, NULL);
    }
}

static int on_flow(const struct cli *cli, const char *method, const char *flow, const char *tail, const char *body) {
    HW_CLEANUP(hw_freep) char *name = cli_encode(flow);
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("/v1/flows/%s%s", name, tail);
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
    int result = cli_call(cli, method, path, body, body ? strlen(body) : 0, &doc);
    if (result == HW_EXIT_OK && doc)
        print_flow(cli, yyjson_doc_get_root(doc));
    return result;
}

static void member(struct hw_buf *out, const char *name, const char *value) {
    if (!value)
        return;
    hw_buf_printf(out, ",\"%s\":", name);
    hw_buf_add_json_str(out, value, strlen(value));
}

struct create {
    const char *table, *freshness, *on_bad_record, *owner, *description;
    struct args_list topics;
    bool dry_run;
};

static const struct output_column check_columns[] = {{"CHECK", "title"},   {"STATE", "state"}, {"MS", "ms"},
                                                     {"DETAIL", "detail"}, {"FIX", "hint"},    {0}};
static const struct output_column effect_columns[] = {
    {"ACTION", "action"}, {"OBJECT", "object"}, {"NAME", "name"}, {"DETAIL", "detail"}, {0}};
static const struct output_column error_columns[] = {{"FIELD", "pointer"}, {"FAULT", "detail"}, {"FIX", "hint"}, {0}};

static int print_plan(const struct cli *cli, yyjson_val *plan) {
    if (cli->format != OUTPUT_TABLE) {
        output_object(stdout, cli->format, plan, check_columns);
        return hw_json_bool(plan, "valid", false) ? HW_EXIT_OK : HW_EXIT_INVALID;
    }
    output_items(stdout, OUTPUT_TABLE, yyjson_obj_get(plan, "checks"), check_columns, NULL);
    printf("\n");
    output_items(stdout, OUTPUT_TABLE, yyjson_obj_get(plan, "effects"), effect_columns, NULL);
    output_items(stderr, OUTPUT_TABLE, yyjson_obj_get(plan, "errors"), error_columns, NULL);
    bool valid = hw_json_bool(plan, "valid", false);
    fprintf(stderr, valid ? "\nNothing was changed. Without --dry-run this would be done.\n"
                          : "\nThis flow would be refused.\n");
    return valid ? HW_EXIT_OK : HW_EXIT_INVALID;
}

static int create(const struct cli *cli, const char *flow, const struct create *spec) {
    if (spec->topics.count == 0 || !spec->table) {
        fprintf(stderr,
                "error: %s is missing\nusage: highway flow create NAME --topic TOPIC --table NAMESPACE.TABLE "
                "[--freshness 1s]\n",
                spec->topics.count == 0 ? "--topic" : "--table");
        return HW_EXIT_USAGE;
    }
    HW_CLEANUP(hw_buf_done) struct hw_buf body = {0};
    hw_buf_add_str(&body, "{\"kind\":\"sink\",\"plugin\":\"warehouse\",\"from\":{\"topics\":[");
    for (size_t i = 0; i < spec->topics.count; i++) {
        if (i)
            hw_buf_add_char(&body, ',');
        hw_buf_add_json_str(&body, spec->topics.items[i], strlen(spec->topics.items[i]));
    }
    hw_buf_add_str(&body, "]},\"to\":{\"table\":");
    hw_buf_add_json_str(&body, spec->table, strlen(spec->table));
    hw_buf_add_char(&body, '}');
    member(&body, "freshness", spec->freshness);
    member(&body, "on_bad_record", spec->on_bad_record);
    member(&body, "owner", spec->owner);
    member(&body, "description", spec->description);
    hw_buf_add_char(&body, '}');
    if (!spec->dry_run)
        return on_flow(cli, "PUT", flow, "", hw_buf_str(&body));
    HW_CLEANUP(hw_freep) char *name = cli_encode(flow);
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("/v1/flows/%s?dry_run=all", name);
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
    int result = cli_call(cli, "PUT", path, hw_buf_str(&body), body.size, &doc);
    return result == HW_EXIT_OK ? print_plan(cli, yyjson_doc_get_root(doc)) : result;
}

int flow_command(int argc, char **argv) {
    static const char *const verbs[] = {"list", "show", "create", "pause", "resume", "restart", "delete", NULL};
    struct cli cli = {0};
    struct create spec = {0};
    struct args_words words;
    const struct args_option options[] = {CLI_OPTIONS(cli),
                                          {.name = "--topic", .list = &spec.topics},
                                          {.name = "--table", .value = &spec.table},
                                          {.name = "--freshness", .value = &spec.freshness},
                                          {.name = "--on-bad-record", .value = &spec.on_bad_record},
                                          {.name = "--owner", .value = &spec.owner},
                                          {.name = "--description", .value = &spec.description},
                                          {.name = "--dry-run", .flag = &spec.dry_run},
                                          {0}};
    if (args_parse(argc, argv, options, &words) < 0 || cli_prepare(&cli) < 0)
        return HW_EXIT_USAGE;
    const char *verb = words.count ? words.items[0] : "";
    if (strcmp(verb, "list") == 0 || strcmp(verb, "ls") == 0)
        return args_expect(&words, "flow list", 1, 1) < 0
                   ? HW_EXIT_USAGE
                   : cli_list(&cli, "/v1/flows", list_columns,
                              "no flows yet; make one: highway flow create NAME --topic TOPIC --table NAMESPACE.TABLE");
    bool known = false;
    for (size_t i = 1; verbs[i]; i++)
        known = known || strcmp(verb, verbs[i]) == 0;
    if (strcmp(verb, "new") == 0)
        known = true;
    if (!known)
        return cli_unknown_verb("flow", words.count ? verb : NULL, verbs);
    HW_CLEANUP(hw_freep) char *usage = hw_xasprintf("flow %s NAME", verb);
    if (args_expect(&words, usage, 2, 2) < 0)
        return HW_EXIT_USAGE;
    const char *flow = words.items[1];
    if (strcmp(verb, "show") == 0)
        return on_flow(&cli, "GET", flow, "", NULL);
    if (strcmp(verb, "create") == 0 || strcmp(verb, "new") == 0)
        return create(&cli, flow, &spec);
    if (strcmp(verb, "delete") == 0) {
        int result = on_flow(&cli, "DELETE", flow, "", NULL);
        if (result == HW_EXIT_OK)
            fprintf(stderr, "flow %s is deleted; its topics and its table stay as they are\n", flow);
        return result;
    }
    HW_CLEANUP(hw_freep) char *body = hw_xasprintf("{\"action\":\"%s\"}", verb);
    return on_flow(&cli, "POST", flow, "/actions", body);
}
