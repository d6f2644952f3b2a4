/* The role table of `highway serve admin`. */
#include "admin/admin.h"

const struct hw_role hw_admin_role = {.name = "admin"};
