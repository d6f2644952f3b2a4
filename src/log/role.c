/* The role table of `highway serve log`. */
#include "log/log.h"

const struct hw_role hw_log_role = {.name = "log"};
