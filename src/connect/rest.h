/* Inside the REST API. Handlers that change something run on the HTTP pool (HW_HTTP_BLOCKING), the others on the loop.
 */
#pragma once
#include "connect/framework.h"
#include "connect/worker.h"

/* rest_common.c */
void hw_rest_error(struct hw_http_exchange *x, int status, const char *format, ...) HW_PRINTF(3, 4);
void hw_rest_error_text(struct hw_http_exchange *x, int status, const char *message);
void hw_rest_json(struct hw_http_exchange *x, int status, struct hw_buf *body); /* takes body */
void hw_rest_empty(struct hw_http_exchange *x, int status);
/* False: the worker is starting or stopping, and 503 was answered. */
bool hw_rest_ready(struct hw_worker *worker, struct hw_http_exchange *x);
/* The request's body as a document with an object at its root, or NULL after having answered 400. */
yyjson_doc *hw_rest_body(struct hw_http_exchange *x);
void hw_rest_not_found(struct hw_http_exchange *x, const char *connector);
/* 500 or 503 for a record that could not be written. */
void hw_rest_write_failed(struct hw_http_exchange *x, const struct hw_err *err);
bool hw_rest_flag(const struct hw_http_exchange *x, const char *name, bool otherwise);

/* rest_status.c: shapes. Lock held. */
void hw_rest_write_info(struct hw_worker *worker, const struct hw_connector *connector, struct hw_buf *out);
void hw_rest_write_status(struct hw_worker *worker, const struct hw_connector *connector, struct hw_buf *out);
void hw_rest_write_task(struct hw_worker *worker, const struct hw_slot *slot, struct hw_buf *out);

/* Handlers, arg is the worker. */
#define HW_REST_HANDLER(name) void name(struct hw_http_exchange *x, void *arg)
HW_REST_HANDLER(hw_rest_list);
HW_REST_HANDLER(hw_rest_get);
HW_REST_HANDLER(hw_rest_get_config);
HW_REST_HANDLER(hw_rest_status);
HW_REST_HANDLER(hw_rest_tasks);
HW_REST_HANDLER(hw_rest_task_status);
HW_REST_HANDLER(hw_rest_plugins);
HW_REST_HANDLER(hw_rest_plugin_config);
HW_REST_HANDLER(hw_rest_validate);
HW_REST_HANDLER(hw_rest_offsets);
HW_REST_HANDLER(hw_rest_alter_offsets);
HW_REST_HANDLER(hw_rest_delete_offsets);
HW_REST_HANDLER(hw_rest_topics);
HW_REST_HANDLER(hw_rest_reset_topics);
