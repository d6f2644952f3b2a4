/* The role table of `highway serve catalog`. */
#include "catalog/catalog.h"

const struct hw_role hw_catalog_role = {.name = "catalog"};
