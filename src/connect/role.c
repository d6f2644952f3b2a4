/* The role table of `highway serve connect`. */
#include "connect/connect.h"
#include "connect/worker.h"

static const struct hw_config_field fields[] = {
    {.name = "listen.host", .type = HW_CONFIG_STRING, .default_value = "127.0.0.1", .importance = HW_CONFIG_MEDIUM, .doc = "Address the Connect REST API listens on."},
    {.name = "listen.port", .type = HW_CONFIG_INT, .default_value = "8083", .importance = HW_CONFIG_MEDIUM, .min = 1, .max = 65535, .doc = "Its port; common.port.offset is added."},
    {.name = "rest.advertised.host.name", .type = HW_CONFIG_STRING, .importance = HW_CONFIG_LOW, .doc = "Host shown as worker_id; default listen.host."},
    {.name = "group.id", .type = HW_CONFIG_STRING, .default_value = "highway-connect", .importance = HW_CONFIG_MEDIUM, .doc = "Name of this Connect cluster."},
    {.name = "config.storage.topic", .type = HW_CONFIG_STRING, .default_value = "highway-connect-configs", .importance = HW_CONFIG_LOW, .doc = "Topic of connector configurations, in Java's records; one partition."},
    {.name = "offset.storage.topic", .type = HW_CONFIG_STRING, .default_value = "highway-connect-offsets", .importance = HW_CONFIG_LOW, .doc = "Topic of source offsets, in Java's records."},
    {.name = "offset.storage.partitions", .type = HW_CONFIG_INT, .default_value = "5", .importance = HW_CONFIG_LOW, .min = 1, .max = 64, .doc = "Partitions of the offsets topic when the worker creates it."},
    {.name = "status.storage.topic", .type = HW_CONFIG_STRING, .default_value = "highway-connect-status", .importance = HW_CONFIG_LOW, .doc = "Topic of connector and task states, in Java's records."},
    {.name = "status.storage.partitions", .type = HW_CONFIG_INT, .default_value = "5", .importance = HW_CONFIG_LOW, .min = 1, .max = 64, .doc = "Partitions of the status topic when the worker creates it."},
    {.name = "offset.flush.interval.ms", .type = HW_CONFIG_LONG, .default_value = "1000", .importance = HW_CONFIG_LOW, .unit = "ms", .min = 50, .max = 3600000, .doc = "How often the offsets of sources are stored."},
    {.name = "task.shutdown.graceful.timeout.ms", .type = HW_CONFIG_LONG, .default_value = "10000", .importance = HW_CONFIG_LOW, .unit = "ms", .min = 0, .max = 600000, .doc = "How long stopping waits for tasks to flush."},
    {.name = "task.restart.delay.ms", .type = HW_CONFIG_LONG, .default_value = "1000", .importance = HW_CONFIG_LOW, .unit = "ms", .min = 10, .max = 3600000, .doc = "Pause before a failed task is started again; doubles with each failure in a row."},
    {.name = "task.restart.delay.max.ms", .type = HW_CONFIG_LONG, .default_value = "60000", .importance = HW_CONFIG_LOW, .unit = "ms", .min = 10, .max = 86400000, .doc = "Longest such pause."},
    {.name = "catalog.uri", .type = HW_CONFIG_STRING, .importance = HW_CONFIG_MEDIUM, .doc = "Table catalog that connectors use unless they name another; default http://127.0.0.1:8181 with common.port.offset added."},
    {0},
};

static int start(const struct hw_settings *settings, void **out_self, struct hw_err *err)
{
    struct hw_worker *worker;
    HW_TRY(hw_worker_start(settings, &worker, err));
    *out_self = worker;
    return 0;
}

static void stop(void *self)
{
    hw_worker_stop(self);
}

const struct hw_role hw_connect_role = {
    .name = "connect",
    .doc = "Worker of connectors: Kafka Connect's REST API, tasks that move records between topics and other systems.",
    .config = fields,
    .start = start,
    .stop = stop,
};
