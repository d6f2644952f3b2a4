/* The store against the broker that librdkafka brings for tests. */
#include "base/map.h"
#include "kafka/client.h"
#include "settings.h"

#include <librdkafka/rdkafka_mock.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PARTITIONS 5

static rd_kafka_t *host;
static rd_kafka_mock_cluster_t *cluster;
static struct hw_settings *settings;

static int start_cluster(void **state) {
    struct hw_err err;
    HW_CLEANUP(hw_freep) char *servers = NULL;
    struct hw_settings *none = settings_of(NULL);
    if (hw_kafka_producer(none, "mock", NULL, NULL, &host, &err))
        return -1;
    hw_settings_free(none);
    cluster = rd_kafka_mock_cluster_new(host, 1);
    rd_kafka_mock_topic_create(cluster, "state", PARTITIONS, 1);
    servers = hw_xasprintf("kafka.bootstrap.servers=%s", rd_kafka_mock_cluster_bootstraps(cluster));
    settings = settings_of((const char *const[]){servers, NULL});
    return 0;
}

static int stop_cluster(void **state) {
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(host);
    hw_settings_free(settings);
    return 0;
}

/* What apply has built: key → value as strings. */
struct table {
    pthread_mutex_t lock; /* guards all below */
    struct hw_map values;
    int applied;
};

static void apply(void *arg, struct hw_slice key, struct hw_slice value, int64_t timestamp_ms) {
    struct table *table = arg;
    HW_CLEANUP(hw_freep) char *name = hw_xstrndup((const char *)key.data, key.size);
    pthread_mutex_lock(&table->lock);
    free(value.data ? hw_map_put(&table->values, name, hw_xstrndup((const char *)value.data, value.size))
                    : hw_map_remove(&table->values, name));
    table->applied++;
    pthread_mutex_unlock(&table->lock);
    assert_true(timestamp_ms > 1600000000000);
}

static char *value_of(struct table *table, const char *key) { /* a copy, "" when there is none */
    pthread_mutex_lock(&table->lock);
    const char *value = hw_map_get(&table->values, key);
    char *copy = hw_xstrdup(value ? value : "");
    pthread_mutex_unlock(&table->lock);
    return copy;
}

static void assert_value(struct table *table, const char *key, const char *expected) {
    HW_CLEANUP(hw_freep) char *value = value_of(table, key);
    assert_string_equal(value, expected);
}

static void table_done(struct table *table) {
    size_t at = 0;
    void *value;
    while (hw_map_next(&table->values, &at, NULL, &value))
        free(value);
    hw_map_done(&table->values);
}

static int put(struct hw_kafka_store *store, const char *key, const char *value, int timeout_ms, struct hw_err *err) {
    struct hw_slice k = {(const uint8_t *)key, strlen(key)}, v = {(const uint8_t *)value, value ? strlen(value) : 0};
    return hw_kafka_store_put(store, k, v, timeout_ms, err);
}

static struct hw_kafka_store *open_store(struct table *table) {
    struct hw_kafka_store *store;
    struct hw_err err;
    *table = (struct table){.lock = PTHREAD_MUTEX_INITIALIZER};
    if (hw_kafka_store_open(settings, "test", "state", PARTITIONS, apply, table, 10000, &store, &err))
        fail_msg("%s", err.text);
    return store;
}

static void test_a_put_is_visible_when_it_returns_and_after_opening_again(void **state) {
    struct table table;
    struct hw_err err;
    char key[16];
    struct hw_kafka_store *store = open_store(&table);
    for (int i = 0; i < 50; i++) { /* over all partitions */
        snprintf(key, sizeof key, "key-%d", i);
        assert_int_equal(put(store, key, "first", 10000, &err), 0);
        assert_value(&table, key, "first");
    }
    assert_int_equal(put(store, "key-7", "second", 10000, &err), 0);
    assert_value(&table, "key-7", "second");
    assert_int_equal(put(store, "key-8", NULL, 10000, &err), 0); /* a tombstone */
    assert_value(&table, "key-8", "");
    assert_int_equal(table.values.count, 49);
    assert_null(hw_kafka_store_close(store));
    table_done(&table);

    store = open_store(&table); /* all of it is there at once */
    assert_int_equal(table.applied, 52);
    assert_int_equal(table.values.count, 49);
    assert_value(&table, "key-7", "second");
    hw_kafka_store_close(store);
    table_done(&table);
}

static void test_another_store_follows(void **state) {
    struct table mine, theirs;
    struct hw_err err;
    struct hw_kafka_store *writer = open_store(&mine), *reader = open_store(&theirs);
    assert_int_equal(put(writer, "shared", "news", 10000, &err), 0);
    int64_t until_ms = hw_mono_ms() + 5000;
    for (;;) {
        HW_CLEANUP(hw_freep) char *value = value_of(&theirs, "shared");
        if (strcmp(value, "news") == 0)
            break;
        assert_true(hw_mono_ms() < until_ms);
    }
    hw_kafka_store_close(writer);
    hw_kafka_store_close(reader);
    table_done(&mine);
    table_done(&theirs);
}

struct writer {
    struct hw_kafka_store *store;
    int number, failed;
};

static void *write_many(void *arg) {
    struct writer *writer = arg;
    struct hw_err err;
    char key[32];
    for (int i = 0; i < 25; i++) {
        snprintf(key, sizeof key, "writer-%d-%d", writer->number, i);
        writer->failed += put(writer->store, key, "x", 10000, &err) != 0;
    }
    return NULL;
}

static void test_many_threads_put(void **state) {
    struct table table;
    struct hw_kafka_store *store = open_store(&table);
    pthread_t threads[4];
    struct writer writers[4];
    size_t before = table.values.count;
    for (int i = 0; i < 4; i++) {
        writers[i] = (struct writer){.store = store, .number = i};
        pthread_create(&threads[i], NULL, write_many, &writers[i]);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(writers[i].failed, 0);
    }
    assert_int_equal(table.values.count, before + 100);
    hw_kafka_store_close(store);
    table_done(&table);
}

static void test_a_broker_that_comes_back_finds_the_store_working(void **state) {
    struct table table;
    struct hw_err err;
    struct hw_kafka_store *store = open_store(&table);
    rd_kafka_mock_broker_set_down(cluster, 1);
    int64_t began_ms = hw_mono_ms();
    assert_int_equal(put(store, "away", "lost?", 300, &err), -1);
    assert_int_equal(err.kind, HW_ERR_RETRY);
    assert_true(hw_mono_ms() - began_ms < 5000);
    rd_kafka_mock_broker_set_up(cluster, 1);
    assert_int_equal(put(store, "away", "back", 30000, &err), 0);
    assert_value(&table, "away", "back"); /* the earlier put went before it, or never */
    hw_kafka_store_close(store);
    table_done(&table);
}

static void test_opening_what_cannot_be_read_ends_in_time(void **state) {
    struct table table = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct hw_kafka_store *store = NULL;
    struct hw_err err;
    rd_kafka_mock_broker_set_down(cluster, 1);
    int64_t began_ms = hw_mono_ms();
    assert_int_equal(hw_kafka_store_open(settings, "test", "state", PARTITIONS, apply, &table, 1000, &store, &err), -1);
    assert_int_equal(err.kind, HW_ERR_RETRY);
    assert_non_null(strstr(err.text, "topic state"));
    assert_true(hw_mono_ms() - began_ms < 15000);
    rd_kafka_mock_broker_set_up(cluster, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_put_is_visible_when_it_returns_and_after_opening_again),
        cmocka_unit_test(test_another_store_follows),
        cmocka_unit_test(test_many_threads_put),
        cmocka_unit_test(test_a_broker_that_comes_back_finds_the_store_working),
        cmocka_unit_test(test_opening_what_cannot_be_read_ends_in_time),
    };
    return cmocka_run_group_tests(tests, start_cluster, stop_cluster);
}
