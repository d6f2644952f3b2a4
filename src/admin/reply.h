/* Answers of the admin API: JSON, problem documents with every bad field, and one access log line for each. */
#pragma once
#include "net/http_server.h"
#include "net/json.h"

#define HW_FIELD_ERRORS_MAX 32

struct hw_access_log;
struct hw_access_log *hw_access_log_open(const char *dir); /* dir/access.log; NULL is a log that keeps nothing */
struct hw_access_log *hw_access_log_close(struct hw_access_log *log);
/* Any thread; before the exchange is answered, for that hands it back. */
void hw_access_log_write(struct hw_access_log *log, const struct hw_http_exchange *x, int status, size_t body_bytes);
/* The line itself, without newline: combined log format, everything from outside escaped. */
struct hw_access_line {
    const char *peer, *method, *path, *referer, *agent;
    int64_t at_s;
    int status;
    size_t body_bytes;
};
void hw_access_line_write(const struct hw_access_line *line, struct hw_buf *out);

struct hw_field_error {
    char pointer[320]; /* "/to/table", "?limit" */
    char code[16];
    char detail[480], hint[320];
    const char *const *allowed; /* NULL-ended, or NULL */
};
struct hw_field_errors {
    size_t count; /* may exceed what is kept */
    struct hw_field_error items[HW_FIELD_ERRORS_MAX];
};
/* hint may be NULL. */
void hw_field_error_add(struct hw_field_errors *errors, const char *pointer, const char *code, const char *hint,
                        const char *const *allowed, const char *format, ...) HW_PRINTF(6, 7);
yyjson_mut_val *hw_field_errors_json(yyjson_mut_doc *doc, const struct hw_field_errors *errors);

struct hw_problem {
    int status;
    const char *code, *hint; /* hint may be NULL */
    const struct hw_field_errors *errors;
};
void hw_admin_reply(struct hw_access_log *log, struct hw_http_exchange *x, int status, yyjson_mut_doc *doc);
void hw_admin_reply_text(struct hw_access_log *log, struct hw_http_exchange *x, int status, const char *content_type,
                         const void *text, size_t size);
void hw_admin_problem(struct hw_access_log *log, struct hw_http_exchange *x, const struct hw_problem *problem,
                      const char *format, ...) HW_PRINTF(4, 5);

/* JSON bits the contract wants everywhere. Keys are borrowed literals. */
void hw_json_add_time(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, int64_t us); /* <= 0: null */
void hw_json_add_int64(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, int64_t number);
void hw_json_add_int64_known(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key,
                             int64_t number); /* < 0: null */
void hw_json_add_text(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key,
                      const char *text); /* copied; NULL: null; bad UTF-8 becomes ? */
bool hw_text_is_utf8(const void *text, size_t size);
char *hw_base64(const void *data, size_t size); /* malloc'd */
