/* The parts of requests that all routes read alike, and the answers for parts of the highway that are away. */
#include "admin/admin_internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void bad_query(struct hw_admin *admin, struct hw_http_exchange *x, const char *name, const char *const *allowed,
                      const char *detail) {
    HW_CLEANUP(hw_freep) struct hw_field_errors *errors = hw_xcalloc(1, sizeof *errors);
    char pointer[64];
    snprintf(pointer, sizeof pointer, "?%s", name);
    hw_field_error_add(errors, pointer, allowed ? "enum" : "range", NULL, allowed, "%s", detail);
    hw_admin_problem(admin->access, x, &(struct hw_problem){.status = 400, .code = "bad_request", .errors = errors},
                     "query parameter %s: %s", name, detail);
}

int hw_admin_body(struct hw_admin *admin, struct hw_http_exchange *x, yyjson_doc **out_doc) {
    struct hw_slice body = hw_http_body(x);
    struct hw_err err = {0};
    if (body.size == 0) {
        hw_admin_problem(
            admin->access, x,
            &(struct hw_problem){.status = 400, .code = "bad_json", .hint = "send a JSON object as the request's body"},
            "the request has no body");
        return -1;
    }
    if (hw_json_parse(body.data, body.size, out_doc, &err) < 0) {
        hw_admin_problem(admin->access, x,
                         &(struct hw_problem){
                             .status = 400, .code = "bad_json", .hint = "the body must be one JSON document in UTF-8"},
                         "%s", err.text);
        return -1;
    }
    return 0;
}

int hw_admin_query_number(struct hw_admin *admin, struct hw_http_exchange *x, const char *name, long least, long most,
                          long *number) {
    const char *text = hw_http_query(x, name);
    if (!text)
        return 0;
    char *end, detail[128];
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < least || value > most || isspace((unsigned char)text[0])) {
        snprintf(detail, sizeof detail, "expected a whole number from %ld to %ld", least, most);
        bad_query(admin, x, name, NULL, detail);
        return -1;
    }
    *number = value;
    return 0;
}

int hw_admin_query_word(struct hw_admin *admin, struct hw_http_exchange *x, const char *name, const char *const *words,
                        const char **word) {
    const char *text = hw_http_query(x, name);
    if (!text)
        return 0;
    for (size_t i = 0; words[i]; i++)
        if (strcmp(words[i], text) == 0) {
            *word = words[i];
            return 0;
        }
    char detail[160];
    const char *near = hw_nearest(text, words);
    snprintf(detail, sizeof detail, "\"%.60s\" is none of the values%s%s%s", text, near ? "; did you mean " : "",
             near ? near : "", near ? "?" : "");
    bad_query(admin, x, name, words, detail);
    return -1;
}

int hw_admin_page(struct hw_admin *admin, struct hw_http_exchange *x, size_t total, struct hw_page *out_page) {
    long limit = 100;
    HW_TRY(hw_admin_query_number(admin, x, "limit", 1, 500, &limit));
    const char *cursor = hw_http_query(x, "cursor");
    unsigned long begin = 0;
    if (cursor) {
        char *end;
        errno = 0;
        begin = cursor[0] == 'n' && isdigit((unsigned char)cursor[1]) ? strtoul(cursor + 1, &end, 10) : 0;
        if (cursor[0] != 'n' || !isdigit((unsigned char)cursor[1]) || *end || errno) {
            bad_query(admin, x, "cursor", NULL, "expected the next_cursor of the page before");
            return -1;
        }
    }
    out_page->begin = HW_MIN((size_t)begin, total);
    out_page->end = HW_MIN(out_page->begin + (size_t)limit, total);
    return 0;
}

void hw_admin_page_json(yyjson_mut_doc *doc, yyjson_mut_val *root, const struct hw_page *page, size_t total,
                        int64_t as_of_us) {
    char cursor[32];
    snprintf(cursor, sizeof cursor, "n%zu", page->end);
    if (page->end < total)
        yyjson_mut_obj_add_strcpy(doc, root, "next_cursor", cursor);
    else
        yyjson_mut_obj_add_null(doc, root, "next_cursor");
    hw_json_add_time(doc, root, "as_of", as_of_us);
    yyjson_mut_obj_add_uint(doc, root, "total", total);
}

void hw_admin_kafka_away(struct hw_admin *admin, struct hw_http_exchange *x, const char *why) {
    HW_CLEANUP(hw_freep)
    char *hint = hw_xasprintf("check that Kafka runs at %s (highway doctor); this heals by itself once it answers",
                              admin->bootstrap);
    hw_admin_problem(admin->access, x, &(struct hw_problem){.status = 503, .code = "kafka_unreachable", .hint = hint},
                     "Kafka cannot be asked: %s", why);
}

void hw_admin_connect_away(struct hw_admin *admin, struct hw_http_exchange *x, const char *why) {
    HW_CLEANUP(hw_freep)
    char *hint =
        hw_xasprintf("check that the connect worker runs at %s (highway doctor), then try again", admin->connect_uri);
    hw_admin_problem(admin->access, x, &(struct hw_problem){.status = 503, .code = "connect_unreachable", .hint = hint},
                     "the connect worker cannot do it now: %s", why);
}

void hw_admin_catalog_away(struct hw_admin *admin, struct hw_http_exchange *x, const char *why) {
    HW_CLEANUP(hw_freep)
    char *hint = hw_xasprintf("check that the catalog runs at %s (highway doctor), then try again", admin->catalog_uri);
    hw_admin_problem(admin->access, x, &(struct hw_problem){.status = 503, .code = "catalog_unreachable", .hint = hint},
                     "the catalog cannot be asked: %s", why);
}

bool hw_contains_nocase(const char *text, const char *part) {
    size_t size = strlen(part);
    for (; *text; text++)
        if (strncasecmp(text, part, size) == 0)
            return true;
    return size == 0;
}
