/* The connectors linked into this binary. */
#pragma once
#include "highway/plugin.h"

extern const struct hw_plugin hw_builtin_plugin;
