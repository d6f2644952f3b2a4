/* The role table of `highway serve ingest`. */
#include "ingest/ingest.h"

const struct hw_role hw_ingest_role = {.name = "ingest"};
