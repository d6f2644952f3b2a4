/* The role table of `highway serve connect`. */
#include "connect/connect.h"

const struct hw_role hw_connect_role = {.name = "connect"};
