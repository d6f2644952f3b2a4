/* highway topic list|show|sample */
#include "main/cli.h"

#include <stdlib.h>
#include <string.h>

static const struct output_column list_columns[] = {{"TOPIC", "name"},
                                                    {"EVENTS", "messages"},
                                                    {"PER MIN", "messages_per_minute"},
                                                    {"CONSUMERS", "consumers"},
                                                    {"FLOWS", "flows"},
                                                    {"LAST EVENT", "last_event_at"},
                                                    {0}};
static const struct output_column show_columns[] = {{"topic", "name"},
                                                    {"events", "messages"},
                                                    {"events per minute", "messages_per_minute"},
                                                    {"last event", "last_event_at"},
                                                    {"flows", "flows"},
                                                    {"consumer groups", "consumers"},
                                                    {"partitions", "partitions"},
                                                    {0}};
static const struct output_column sample_columns[] = {
    {"TIME", "timestamp"}, {"PARTITION", "partition"}, {"OFFSET", "offset"}, {"KEY", "key"}, {"VALUE", "value"}, {0}};

static int show(const struct cli *cli, const char *topic) {
    HW_CLEANUP(hw_freep) char *name = cli_encode(topic);
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("/v1/topics/%s", name);
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
    int result = cli_call(cli, "GET", path, NULL, 0, &doc);
    if (result == HW_EXIT_OK)
        output_object(stdout, cli->format, yyjson_doc_get_root(doc), show_columns);
    return result;
}

static int sample(const struct cli *cli, const char *topic, const char *limit_text) {
    long limit = 20;
    if (limit_text && args_number("--limit", limit_text, 1, 500, &limit) < 0)
        return HW_EXIT_USAGE;
    HW_CLEANUP(hw_freep) char *name = cli_encode(topic);
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("/v1/topics/%s/sample?limit=%ld", name, limit);
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
    int result = cli_call(cli, "GET", path, NULL, 0, &doc);
    if (result != HW_EXIT_OK)
        return result;
    yyjson_val *items = yyjson_obj_get(yyjson_doc_get_root(doc), "items"), *item;
    size_t index, max;
    if (cli->format == OUTPUT_TABLE) { /* people want the events themselves, whole, not a grid of cut ones */
        yyjson_arr_foreach(items, index, max, item) {
            const char *value = hw_json_str(item, "value");
            printf("%s\n", value ? value : "null");
        }
        if (yyjson_arr_size(items) == 0)
            fprintf(stderr, "no events in %s yet\n", topic);
    } else {
        output_items(stdout, cli->format, items, sample_columns, NULL);
    }
    if (!hw_json_bool(yyjson_doc_get_root(doc), "complete", true))
        fprintf(stderr, "some partition could not be read in time; what is shown is not all\n");
    return HW_EXIT_OK;
}

int topic_command(int argc, char **argv) {
    static const char *const verbs[] = {"list", "show", "sample", NULL};
    struct cli cli = {0};
    const char *limit = NULL, *filter = NULL;
    bool internal = false;
    struct args_words words;
    const struct args_option options[] = {CLI_OPTIONS(cli),
                                          {.name = "--limit", .value = &limit},
                                          {.name = "--filter", .value = &filter},
                                          {.name = "--internal", .flag = &internal},
                                          {0}};
    if (args_parse(argc, argv, options, &words) < 0 || cli_prepare(&cli) < 0)
        return HW_EXIT_USAGE;
    const char *verb = words.count ? words.items[0] : NULL;
    if (verb && (strcmp(verb, "list") == 0 || strcmp(verb, "ls") == 0)) {
        if (args_expect(&words, "topic list [--filter TEXT] [--internal]", 1, 1) < 0)
            return HW_EXIT_USAGE;
        HW_CLEANUP(hw_freep) char *q = filter ? cli_encode(filter) : NULL;
        HW_CLEANUP(hw_freep)
        char *path =
            hw_xasprintf("/v1/topics?internal=%s%s%s", internal ? "true" : "false", q ? "&q=" : "", q ? q : "");
        return cli_list(&cli, path, list_columns,
                        "no topics yet; send an event: curl -d '{\"payload\":{}}' -H 'Content-Type: application/json' "
                        "http://127.0.0.1:8084/v1/events/my.topic");
    }
    if (verb && strcmp(verb, "show") == 0)
        return args_expect(&words, "topic show TOPIC", 2, 2) < 0 ? HW_EXIT_USAGE : show(&cli, words.items[1]);
    if (verb && strcmp(verb, "sample") == 0)
        return args_expect(&words, "topic sample TOPIC [--limit N]", 2, 2) < 0 ? HW_EXIT_USAGE
                                                                               : sample(&cli, words.items[1], limit);
    return cli_unknown_verb("topic", verb, verbs);
}
