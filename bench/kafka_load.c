/* A small producer and consumer over librdkafka, for comparing logs: prints one JSON line.
 *   kafka_load produce|consume BOOTSTRAP TOPIC RECORDS RECORD_BYTES */
#include <librdkafka/rdkafka.h>

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static long delivered, failed;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *arg) {
    (void)client;
    (void)arg;
    if (message->err)
        failed++;
    else
        delivered++;
}

static void set(rd_kafka_conf_t *conf, const char *key, const char *value) {
    char text[256];
    if (rd_kafka_conf_set(conf, key, value, text, sizeof text) != RD_KAFKA_CONF_OK) {
        fprintf(stderr, "kafka_load: %s\n", text);
        exit(2);
    }
}

static void report(const char *what, long records, int bytes, double seconds) {
    printf("{\"what\":\"%s\",\"records\":%ld,\"failed\":%ld,\"seconds\":%.3f,\"mb_per_s\":%.1f,\"records_per_s\":%.0f}\n", what, records,
           failed, seconds, (double)records * bytes / 1e6 / seconds, (double)records / seconds);
}

static int produce(rd_kafka_conf_t *conf, const char *topic, long records, int bytes) {
    char text[256];
    set(conf, "acks", "all");
    set(conf, "linger.ms", "5");
    set(conf, "batch.size", "1000000");
    set(conf, "queue.buffering.max.messages", "200000");
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (!client) {
        fprintf(stderr, "kafka_load: %s\n", text);
        return 2;
    }
    /* Half random, half repeated bytes: neither all zeros nor incompressible. */
    uint8_t *value = malloc((size_t)bytes);
    for (int i = 0; i < bytes; i++)
        value[i] = (uint8_t)(i % 2 ? 'x' : rand());
    rd_kafka_topic_t *handle = rd_kafka_topic_new(client, topic, NULL);
    double began = 0;
    for (long i = 0; i < records; i++) {
        if (i == 1) { /* the first record pays for connecting and creating the topic */
            rd_kafka_flush(client, 30000);
            began = now();
        }
        while (rd_kafka_produce(handle, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, value, (size_t)bytes, NULL, 0, NULL))
            rd_kafka_poll(client, 5);
        if (i % 1000 == 0)
            rd_kafka_poll(client, 0);
    }
    rd_kafka_flush(client, 120000);
    report("produce", delivered - 1, bytes, now() - began);
    rd_kafka_topic_destroy(handle);
    rd_kafka_destroy(client);
    free(value);
    return failed || delivered != records;
}

static int consume(rd_kafka_conf_t *conf, const char *topic, long records, int bytes) {
    char text[256], group[64];
    snprintf(group, sizeof group, "bench-%ld-%d", (long)time(NULL), rand());
    set(conf, "group.id", group);
    set(conf, "auto.offset.reset", "earliest");
    set(conf, "enable.auto.commit", "false");
    set(conf, "fetch.queue.backoff.ms", "5");
    set(conf, "queued.max.messages.kbytes", "131072");
    rd_kafka_t *client = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (!client) {
        fprintf(stderr, "kafka_load: %s\n", text);
        return 2;
    }
    rd_kafka_poll_set_consumer(client);
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_subscribe(client, topics);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(client);
    rd_kafka_message_t *messages[1000];
    long seen = 0;
    double began = 0, deadline = now() + 120;
    while (seen < records && now() < deadline) {
        ssize_t count = rd_kafka_consume_batch_queue(queue, 200, messages, 1000);
        for (ssize_t i = 0; i < count; i++) {
            if (!messages[i]->err && seen++ == 0)
                began = now();
            rd_kafka_message_destroy(messages[i]);
        }
    }
    report("consume", seen, bytes, now() - began);
    rd_kafka_queue_destroy(queue);
    rd_kafka_consumer_close(client);
    rd_kafka_topic_partition_list_destroy(topics);
    rd_kafka_destroy(client);
    return seen < records;
}

int main(int argc, char **argv) {
    if (argc != 6) {
        fprintf(stderr, "usage: kafka_load produce|consume BOOTSTRAP TOPIC RECORDS RECORD_BYTES\n");
        return 2;
    }
    srand((unsigned)time(NULL));
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "bootstrap.servers", argv[2]);
    long records = atol(argv[4]);
    int bytes = atoi(argv[5]);
    if (records < 2 || bytes < 1) {
        fprintf(stderr, "kafka_load: at least 2 records of 1 byte\n");
        return 2;
    }
    return strcmp(argv[1], "produce") == 0 ? produce(conf, argv[3], records, bytes) : consume(conf, argv[3], records, bytes);
}
