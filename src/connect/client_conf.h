/* Kafka client settings of tasks: the worker's, ours for the job, then the connector's consumer./producer.override.*.
 */
#pragma once
#include "connect/framework.h"
#include "kafka/client.h"

/* Checks one key of a connector's configuration; keys that are no override are fine. */
void hw_client_conf_check(const char *key, const char *value, struct hw_config_faults *faults);
HW_MUST_CHECK int hw_client_conf_consumer(const struct hw_settings *settings, const struct hw_props *props,
                                          const char *group_id, const char *instance_id, rd_kafka_conf_t **out_conf,
                                          struct hw_err *err);
/* For a producer's conf that already carries the defaults. */
HW_MUST_CHECK int hw_client_conf_producer(rd_kafka_conf_t *conf, const struct hw_props *props, struct hw_err *err);
/* consumer.override.max.poll.records, or otherwise. */
int hw_client_conf_max_records(const struct hw_props *props, int otherwise);
