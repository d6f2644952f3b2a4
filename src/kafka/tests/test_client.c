/* What reaches librdkafka of our defaults and of the user's [kafka], without any broker. */
#include "kafka/client.h"
#include "settings.h"

#include <string.h>

static void assert_conf(const rd_kafka_conf_t *conf, const char *name, const char *expected) {
    char value[512];
    size_t size = sizeof value;
    assert_int_equal(rd_kafka_conf_get(conf, name, value, &size), RD_KAFKA_CONF_OK);
    assert_string_equal(value, expected);
}

static void test_unset_servers_are_the_embedded_log_at_its_offset(void **state) {
    struct hw_settings *settings = settings_of((const char *const[]){"common.port.offset=100", NULL});
    rd_kafka_conf_t *conf;
    struct hw_err err;
    assert_int_equal(hw_kafka_conf(settings, "admin", &conf, &err), 0);
    assert_conf(conf, "bootstrap.servers", "127.0.0.1:9192");
    assert_conf(conf, "client.id", "highway-admin");
    rd_kafka_conf_destroy(conf);
    hw_settings_free(settings);
}

static void test_the_user_overrides_our_defaults_also_by_alias(void **state) {
    static const struct {
        const char *set, *name, *value;
    } rows[] = {
        {"common.port.offset=0", "linger.ms", "1"},
        {"common.port.offset=0", "partitioner", "murmur2_random"},
        {"common.port.offset=0", "enable.idempotence", "true"},
        {"common.port.offset=0", "acks", "-1"},
        {"kafka.linger.ms=25", "linger.ms", "25"},
        {"kafka.queue.buffering.max.ms=25", "linger.ms", "25"},
        {"kafka.bootstrap.servers=a:1,b:2", "bootstrap.servers", "a:1,b:2"},
        {"kafka.metadata.broker.list=a:1", "bootstrap.servers", "a:1"},
        {"kafka.client.id=mine", "client.id", "mine"},
    };
    for (size_t i = 0; i < HW_ARRAY_SIZE(rows); i++) {
        struct hw_settings *settings = settings_of((const char *const[]){rows[i].set, NULL});
        rd_kafka_t *producer;
        struct hw_err err;
        assert_int_equal(hw_kafka_producer(settings, "ingest", NULL, NULL, &producer, &err), 0);
        assert_conf(rd_kafka_conf(producer), rows[i].name, rows[i].value);
        rd_kafka_destroy(producer);
        hw_settings_free(settings);
    }
}

static void test_bad_settings_name_the_key(void **state) {
    static const struct {
        const char *set, *needle;
    } rows[] = {
        {"kafka.linger.msx=1", "[kafka]: Kafka client setting linger.msx"},
        {"kafka.linger.ms=soon", "[kafka]: Kafka client setting linger.ms"},
        {"kafka.security.protocol=pigeon", "security.protocol"},
        {"kafka.acks=1", "acks"}, /* an idempotent producer needs all */
    };
    for (size_t i = 0; i < HW_ARRAY_SIZE(rows); i++) {
        struct hw_settings *settings = settings_of((const char *const[]){rows[i].set, NULL});
        rd_kafka_t *producer;
        struct hw_err err;
        assert_int_equal(hw_kafka_producer(settings, "ingest", NULL, NULL, &producer, &err), -1);
        assert_int_equal(err.kind, HW_ERR_CONFIG);
        if (!strstr(err.text, rows[i].needle))
            fail_msg("\"%s\" does not say \"%s\"", err.text, rows[i].needle);
        hw_settings_free(settings);
    }
}

static void test_creating_without_a_broker_ends_in_time_with_retry(void **state) {
    struct hw_settings *settings = settings_of((const char *const[]){"kafka.bootstrap.servers=127.0.0.1:21099", NULL});
    struct hw_kafka_topic_spec spec = {.name = "t", .partitions = 1, .replication = -1};
    struct hw_kafka_topic_spec nameless = {.name = "", .partitions = 1, .replication = -1};
    rd_kafka_t *producer;
    struct hw_err err;
    assert_int_equal(hw_kafka_producer(settings, "admin", NULL, NULL, &producer, &err), 0);
    int64_t began_ms = hw_mono_ms();
    assert_int_equal(hw_kafka_create_topic(producer, &spec, 1000, &err), -1);
    assert_int_equal(err.kind, HW_ERR_RETRY);
    assert_true(hw_mono_ms() - began_ms < 10000);
    assert_int_equal(hw_kafka_create_topic(producer, &nameless, 1000, &err), -1);
    assert_int_equal(err.kind, HW_ERR_CONFIG);
    rd_kafka_destroy(producer);
    hw_settings_free(settings);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unset_servers_are_the_embedded_log_at_its_offset),
        cmocka_unit_test(test_the_user_overrides_our_defaults_also_by_alias),
        cmocka_unit_test(test_bad_settings_name_the_key),
        cmocka_unit_test(test_creating_without_a_broker_ends_in_time_with_retry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
