#include "connectors/builtin.h"

#ifdef HW_WITH_FILE
#include "connectors/file/file.h"
#endif
#ifdef HW_WITH_WAREHOUSE
#include "connectors/warehouse/warehouse_sink.h"
#endif

static const struct hw_sink_ops *const sinks[] = {
#ifdef HW_WITH_WAREHOUSE
    &hw_warehouse_sink,
#endif
#ifdef HW_WITH_FILE
    &hw_file_sink,
#endif
    NULL,
};

static const struct hw_source_ops *const sources[] = {
#ifdef HW_WITH_FILE
    &hw_file_source,
#endif
    NULL,
};

const struct hw_plugin hw_builtin_plugin = {.abi = HW_PLUGIN_ABI, .sinks = sinks, .sources = sources};
