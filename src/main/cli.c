#include "main/cli.h"
#include "net/http_client.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

int cli_prepare(struct cli *cli) {
    HW_TRY(output_format_parse(cli->format_option, &cli->format));
    const char *url = cli->url_option, *offset_text = cli->offset_option;
    if (!url && !offset_text)
        url = getenv("HIGHWAY_URL");
    if (url && *url) {
        if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0) {
            fprintf(stderr, "error: '%s' is no address; write it as http://HOST:PORT (--url or HIGHWAY_URL)\n", url);
            return -1;
        }
        snprintf(cli->url, sizeof cli->url, "%s", url);
        for (size_t size = strlen(cli->url); size && cli->url[size - 1] == '/'; size--)
            cli->url[size - 1] = 0;
        return 0;
    }
    long offset = 0;
    if (!offset_text)
        offset_text = getenv("HIGHWAY_COMMON_PORT_OFFSET");
    if (offset_text && *offset_text)
        HW_TRY(args_number("--port-offset", offset_text, 0, 57455, &offset));
    snprintf(cli->url, sizeof cli->url, "http://127.0.0.1:%ld", 8080 + offset);
    return 0;
}

static int exit_code(int status) {
    switch (status) {
    case 404:
        return HW_EXIT_NOT_FOUND;
    case 401:
    case 403:
        return HW_EXIT_AUTH;
    case 409:
    case 412:
    case 428:
        return HW_EXIT_CONFLICT;
    case 400:
    case 413:
    case 422:
        return HW_EXIT_INVALID;
    case 429:
    case 502:
    case 503:
    case 504:
        return HW_EXIT_UNREACHABLE;
    default:
        return HW_EXIT_FAILURE;
    }
}

static void print_problem(int status, yyjson_doc *doc) {
    yyjson_val *problem = yyjson_doc_get_root(doc), *fault;
    const char *detail = hw_json_str(problem, "detail"), *hint = hw_json_str(problem, "hint"),
               *id = hw_json_str(problem, "request_id");
    size_t index, max;
    fprintf(stderr, "error: %s\n", detail ? detail : "the admin role answered with a fault");
    yyjson_arr_foreach(yyjson_obj_get(problem, "errors"), index, max, fault) {
        const char *pointer = hw_json_str(fault, "pointer"), *text = hw_json_str(fault, "detail"),
                   *fix = hw_json_str(fault, "hint");
        fprintf(stderr, "  %s: %s%s%s\n", pointer ? pointer : "", text ? text : "", fix ? " → " : "", fix ? fix : "");
    }
    if (hint)
        fprintf(stderr, "  fix: %s\n", hint);
    fprintf(stderr, "  (HTTP %d%s%s)\n", status, id ? ", request " : "", id ? id : "");
}

int cli_call(const struct cli *cli, const char *method, const char *path, const char *body, size_t body_size,
             yyjson_doc **out_doc) {
    *out_doc = NULL;
    HW_CLEANUP(hw_freep) char *url = hw_xasprintf("%s%s", cli->url, path);
    static const char *const headers[] = {"Accept: application/json", "User-Agent: highway-cli/" HW_VERSION, NULL};
    struct hw_http_call call = {
        .method = method, .url = url, .headers = headers, .body = body, .body_size = body_size, .timeout_ms = 60000};
    HW_CLEANUP(hw_http_response_done) struct hw_http_response response = {0};
    struct hw_err err = {0};
    if (hw_http_call(&call, &response, &err) < 0) {
        fprintf(stderr,
                "error: no highway answers at %s: %s\n  fix: start it with `highway up`, or name the address: --url, "
                "--port-offset or HIGHWAY_URL\n",
                cli->url, err.text);
        return HW_EXIT_UNREACHABLE;
    }
    bool good = response.status >= 200 && response.status < 300;
    if (good && response.body.size == 0)
        return HW_EXIT_OK;
    yyjson_doc *doc = NULL;
    if (hw_json_parse(response.body.data, response.body.size, &doc, &err) < 0) {
        fprintf(stderr, "error: %s %s answered HTTP %d and no JSON; is %s the address of a highway's admin role?\n",
                method, path, response.status, cli->url);
        return good ? HW_EXIT_FAILURE : exit_code(response.status);
    }
    if (good) {
        *out_doc = doc;
        return HW_EXIT_OK;
    }
    print_problem(response.status, doc);
    yyjson_doc_free(doc);
    return exit_code(response.status);
}

char *cli_encode(const char *text) {
    struct hw_buf out = {0};
    for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
        if (isalnum(*c) || strchr("-._~", *c))
            hw_buf_add_char(&out, (char)*c);
        else
            hw_buf_printf(&out, "%%%02X", *c);
    }
    char *result = hw_xstrdup(hw_buf_str(&out));
    hw_buf_done(&out);
    return result;
}

int cli_unknown_verb(const char *noun, const char *verb, const char *const *verbs) {
    const char *near = verb ? hw_nearest(verb, verbs) : NULL;
    if (verb)
        fprintf(stderr, "error: there is no '%s %s'", noun, verb);
    else
        fprintf(stderr, "error: highway %s what?", noun);
    if (near)
        fprintf(stderr, "; did you mean '%s %s'?", noun, near);
    fprintf(stderr, "\n  verbs:");
    for (size_t i = 0; verbs[i]; i++)
        fprintf(stderr, "%s %s", i ? "," : "", verbs[i]);
    fprintf(stderr, "\n");
    return HW_EXIT_USAGE;
}

/* All pages are gathered first: column widths and a closed JSON array need the whole list. */
int cli_list(const struct cli *cli, const char *path, const struct output_column *columns, const char *when_empty) {
    HW_CLEANUP(hw_json_mut_freep) yyjson_mut_doc *all = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *items = yyjson_mut_arr(all);
    yyjson_mut_doc_set_root(all, items);
    HW_CLEANUP(hw_freep) char *cursor = NULL;
    do {
        HW_CLEANUP(hw_freep) char *encoded = cursor ? cli_encode(cursor) : NULL;
        HW_CLEANUP(hw_freep)
        char *page = hw_xasprintf("%s%climit=500%s%s", path, strchr(path, '?') ? '&' : '?', encoded ? "&cursor=" : "",
                                  encoded ? encoded : "");
        HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
        int result = cli_call(cli, "GET", page, NULL, 0, &doc);
        if (result != HW_EXIT_OK)
            return result;
        size_t index, max;
        yyjson_val *item;
        yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(doc), "items"), index, max, item) {
            yyjson_mut_arr_append(items, yyjson_val_mut_copy(all, item));
        }
        const char *next = hw_json_str(yyjson_doc_get_root(doc), "next_cursor");
        free(cursor);
        cursor = next ? hw_xstrdup(next) : NULL;
    } while (cursor);
    HW_CLEANUP(hw_json_freep) yyjson_doc *whole = yyjson_mut_doc_imut_copy(all, NULL);
    output_items(stdout, cli->format, yyjson_doc_get_root(whole), columns, when_empty);
    return HW_EXIT_OK;
}
