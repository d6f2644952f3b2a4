/* Lines of a file to a topic, and record values to lines of a file; the connectors that Java calls FileStream. */
#pragma once
#include "highway/plugin.h"

extern const struct hw_sink_ops hw_file_sink;
extern const struct hw_source_ops hw_file_source;
