/* Sink: topics → one Iceberg table, each event exactly once. */
#pragma once
#include "highway/plugin.h"

extern const struct hw_sink_ops hw_warehouse_sink;
