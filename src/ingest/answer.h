#pragma once
#include "ingest/request.h"

/* Writes and sends the answer of a request whose every event is settled, and counts the outcomes. */
void hw_ingest_answer(struct hw_ingest_request *request);
/* Before any answer: headers that let a browser page of another origin read it. */
void hw_ingest_answer_cors(const struct hw_ingest *ingest, struct hw_http_exchange *exchange);
