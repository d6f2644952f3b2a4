/* The one public header of the role. */
#pragma once
#include "base/role.h"

extern const struct hw_role hw_ingest_role;
