/* A compacted topic as a table: read to its end, then followed.
 *
 * Ordering: put() produces with acks=all and then waits until the follower has applied that very offset, so that a caller sees its own
 * write in what apply() built, and two writers of one process never see each other's writes out of log order.
 * Threads: one follower thread owns the consumer and calls apply, another serves delivery reports; put() runs on any thread. */
#include "kafka/client.h"
#include "base/diag.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_PARTITIONS 1000

struct hw_kafka_store {
    char *topic;
    hw_kafka_apply apply;
    void *arg;
    rd_kafka_t *consumer, *producer;
    int partitions;
    pthread_t thread, deliverer; /* the follower; the one that serves delivery reports */
    bool has_thread;
    atomic_bool stop;
    pthread_mutex_t lock; /* guards next */
    pthread_cond_t moved;
    int64_t *next; /* by partition: the follower's position: everything below it is applied */
};

/* One produce under way; shared by the caller and the delivery report, freed by the last of the two. */
struct pending {
    atomic_int references;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
    rd_kafka_resp_err_t code;
    int32_t partition;
    int64_t offset;
};

static void pending_unref(struct pending *pending) {
    if (atomic_fetch_sub(&pending->references, 1) == 1) {
        pthread_cond_destroy(&pending->changed);
        pthread_mutex_destroy(&pending->lock);
        free(pending);
    }
}

static void init_cond(pthread_cond_t *cond) {
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *arg) {
    struct pending *pending = message->_private;
    pthread_mutex_lock(&pending->lock);
    pending->done = true;
    pending->code = message->err;
    pending->partition = message->partition;
    pending->offset = message->offset;
    pthread_cond_signal(&pending->changed);
    pthread_mutex_unlock(&pending->lock);
    pending_unref(pending);
}

static void tune_producer(rd_kafka_conf_t *conf, void *arg) {
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set(conf, "linger.ms", "0", NULL, 0);
    rd_kafka_conf_set(conf, "message.timeout.ms", "60000", NULL, 0);
}

static void take(struct hw_kafka_store *store, rd_kafka_message_t *message) {
    if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
        /* also moves past offsets that compaction or control records left empty */
    } else if (message->err) {
        hw_debug("reading state", hw_kv_s("topic", store->topic), hw_kv_s("error", rd_kafka_message_errstr(message)));
        return;
    } else {
        rd_kafka_timestamp_type_t type;
        struct hw_slice key = {message->key, message->key_len};
        struct hw_slice value = {message->payload, message->len};
        store->apply(store->arg, key, value, rd_kafka_message_timestamp(message, &type));
    }
    if (message->partition < 0 || message->partition >= store->partitions)
        return;
    pthread_mutex_lock(&store->lock);
    int64_t next = message->offset + (message->err ? 0 : 1);
    if (next > store->next[message->partition])
        store->next[message->partition] = next;
    pthread_cond_broadcast(&store->moved);
    pthread_mutex_unlock(&store->lock);
}

static void *follow(void *arg) {
    struct hw_kafka_store *store = arg;
    pthread_setname_np(pthread_self(), "store");
    while (!atomic_load(&store->stop)) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(store->consumer, 100);
        if (message) {
            take(store, message);
            rd_kafka_message_destroy(message);
        }
    }
    return NULL;
}

static void *deliver(void *arg) {
    struct hw_kafka_store *store = arg;
    while (!atomic_load(&store->stop))
        rd_kafka_poll(store->producer, 100);
    return NULL;
}

static int open_consumer(struct hw_kafka_store *store, const struct hw_settings *settings, const char *role, struct hw_err *err) {
    static const char *const values[][2] = {
        {"enable.auto.commit", "false"}, {"enable.auto.offset.store", "false"}, {"auto.offset.reset", "earliest"},
        {"enable.partition.eof", "true"}, {"fetch.wait.max.ms", "100"}, {"fetch.queue.backoff.ms", "5"},
        {"fetch.error.backoff.ms", "50"}, {"allow.auto.create.topics", "false"}, {"queued.max.messages.kbytes", "16384"}};
    char text[256];
    rd_kafka_conf_t *conf;
    HW_TRY(hw_kafka_conf(settings, role, &conf, err));
    snprintf(text, sizeof text, "highway-%s-state", role); /* assigned by hand and never committed: the group stays empty */
    int failed = hw_kafka_conf_set(conf, "group.id", text, err);
    for (size_t i = 0; !failed && i < HW_ARRAY_SIZE(values); i++)
        failed = hw_kafka_conf_set(conf, values[i][0], values[i][1], err);
    if (failed) {
        rd_kafka_conf_destroy(conf);
        return -1;
    }
    store->consumer = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (!store->consumer) {
        rd_kafka_conf_destroy(conf);
        return hw_err_set(err, HW_ERR_CONFIG, 0, "cannot start a Kafka consumer: %s", text);
    }
    rd_kafka_poll_set_consumer(store->consumer);
    return 0;
}

/* Partitions of the topic, 0 when there is none. Asked by the consumer, whose question never creates a topic. */
static int look_up(struct hw_kafka_store *store, int64_t until_ms, int *out_partitions, struct hw_err *err) {
    rd_kafka_topic_t *topic = rd_kafka_topic_new(store->consumer, store->topic, NULL);
    rd_kafka_resp_err_t code;
    for (;;) {
        const struct rd_kafka_metadata *metadata;
        code = rd_kafka_metadata(store->consumer, 0, topic, &metadata, (int)HW_MAX(HW_MIN(until_ms - hw_mono_ms(), 5000), 100));
        if (!code) {
            code = metadata->topic_cnt == 1 ? metadata->topics[0].err : RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
            *out_partitions = code ? 0 : metadata->topics[0].partition_cnt;
            rd_kafka_metadata_destroy(metadata);
        }
        bool known = !code || code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART || code == RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
        if (known || code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED || hw_mono_ms() > until_ms) {
            rd_kafka_topic_destroy(topic);
            if (known)
                return 0;
            return hw_err_set(err, code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ? HW_ERR_CONFIG : HW_ERR_RETRY, (int)code,
                              "cannot look up topic %s: %s", store->topic, rd_kafka_err2str(code));
        }
        usleep(50000);
    }
}

/* Looks before it creates: where topics are made by an administrator, this role needs no right to create any. */
static int ensure_topic(struct hw_kafka_store *store, int partitions, int64_t until_ms, struct hw_err *err) {
    static const char *const compacted[] = {"cleanup.policy=compact", NULL};
    struct hw_kafka_topic_spec spec = {.name = store->topic, .partitions = partitions, .replication = -1, .configs = compacted};
    HW_TRY(look_up(store, until_ms, &store->partitions, err));
    while (!store->partitions) {
        HW_TRY(hw_kafka_create_topic(store->producer, &spec, (int)HW_MAX(until_ms - hw_mono_ms(), (int64_t)1000), err));
        HW_TRY(look_up(store, until_ms, &store->partitions, err));
        if (store->partitions)
            break;
        if (hw_mono_ms() > until_ms) /* created, but the broker asked has not heard of it */
            return hw_err_set(err, HW_ERR_RETRY, 0, "topic %s was created but is not to be seen yet", store->topic);
        usleep(20000);
    }
    if (store->partitions > MAX_PARTITIONS)
        return hw_err_set(err, HW_ERR_CONFIG, 0, "topic %s has %d partitions; a state topic may have %d", store->topic,
                          store->partitions, MAX_PARTITIONS);
    store->next = hw_xcalloc((size_t)store->partitions, sizeof *store->next);
    return 0;
}

/* Everything that was in the topic when we opened it is applied before open returns. */
static int read_to_end(struct hw_kafka_store *store, int64_t until_ms, struct hw_err *err) {
    HW_CLEANUP(hw_freep) int64_t *high = hw_xcalloc((size_t)store->partitions, sizeof *high);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(store->partitions);
    for (int p = 0; p < store->partitions; p++) {
        int64_t low = 0;
        rd_kafka_resp_err_t code;
        while ((code = rd_kafka_query_watermark_offsets(store->consumer, store->topic, p, &low, &high[p], 5000)) && hw_mono_ms() < until_ms)
            usleep(50000);
        if (code) {
            rd_kafka_topic_partition_list_destroy(list);
            return hw_err_set(err, HW_ERR_RETRY, (int)code, "cannot read topic %s: %s", store->topic, rd_kafka_err2str(code));
        }
        store->next[p] = low;
        rd_kafka_topic_partition_list_add(list, store->topic, p)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_assign(store->consumer, list);
    rd_kafka_topic_partition_list_destroy(list);
    for (;;) {
        int left = 0;
        for (int p = 0; p < store->partitions; p++)
            left += store->next[p] < high[p];
        if (!left)
            return 0;
        if (hw_mono_ms() > until_ms)
            return hw_err_set(err, HW_ERR_RETRY, 0, "could not read topic %s to its end in time", store->topic);
        rd_kafka_message_t *message = rd_kafka_consumer_poll(store->consumer, 200);
        if (message) {
            take(store, message);
            rd_kafka_message_destroy(message);
        }
    }
}

int hw_kafka_store_open(const struct hw_settings *settings, const char *role, const char *topic, int partitions, hw_kafka_apply apply,
                        void *arg, int timeout_ms, struct hw_kafka_store **out_store, struct hw_err *err) {
    int64_t until_ms = hw_mono_ms() + timeout_ms;
    struct hw_kafka_store *store = hw_xcalloc(1, sizeof *store);
    store->topic = hw_xstrdup(topic);
    store->apply = apply;
    store->arg = arg;
    pthread_mutex_init(&store->lock, NULL);
    init_cond(&store->moved);
    if (hw_kafka_producer(settings, role, tune_producer, NULL, &store->producer, err) < 0 ||
        open_consumer(store, settings, role, err) < 0 || ensure_topic(store, partitions, until_ms, err) < 0 ||
        read_to_end(store, until_ms, err) < 0) {
        hw_kafka_store_close(store);
        return -1;
    }
    if (pthread_create(&store->thread, NULL, follow, store)) {
        hw_kafka_store_close(store);
        return hw_err_set(err, HW_ERR_RETRY, EAGAIN, "cannot start a thread for topic %s", topic);
    }
    if (pthread_create(&store->deliverer, NULL, deliver, store)) {
        atomic_store(&store->stop, true);
        pthread_join(store->thread, NULL);
        hw_kafka_store_close(store);
        return hw_err_set(err, HW_ERR_RETRY, EAGAIN, "cannot start a thread for topic %s", topic);
    }
    store->has_thread = true;
    *out_store = store;
    return 0;
}

static struct timespec deadline_in(int timeout_ms) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    int64_t ns = t.tv_nsec + (int64_t)timeout_ms % 1000 * 1000000;
    t.tv_sec += timeout_ms / 1000 + ns / 1000000000;
    t.tv_nsec = ns % 1000000000;
    return t;
}

static int wait_applied(struct hw_kafka_store *store, int32_t partition, int64_t offset, const struct timespec *until, struct hw_err *err) {
    int failed = 0;
    if (partition < 0 || partition >= store->partitions)
        return hw_err_set(err, HW_ERR_CONFIG, 0, "topic %s got more partitions than the %d it had at the start: restart this role",
                          store->topic, store->partitions);
    pthread_mutex_lock(&store->lock);
    while (store->next[partition] <= offset && !failed)
        failed = pthread_cond_timedwait(&store->moved, &store->lock, until);
    failed = store->next[partition] <= offset;
    pthread_mutex_unlock(&store->lock);
    return failed ? hw_err_set(err, HW_ERR_RETRY, 0, "topic %s: written, but not read back in time", store->topic) : 0;
}

int hw_kafka_store_put(struct hw_kafka_store *store, struct hw_slice key, struct hw_slice value, int timeout_ms, struct hw_err *err) {
    struct pending *pending = hw_xcalloc(1, sizeof *pending);
    atomic_init(&pending->references, 2);
    pthread_mutex_init(&pending->lock, NULL);
    init_cond(&pending->changed);
    struct timespec until = deadline_in(timeout_ms);
    rd_kafka_resp_err_t code =
        rd_kafka_producev(store->producer, RD_KAFKA_V_TOPIC(store->topic), RD_KAFKA_V_KEY(key.data, key.size),
                          RD_KAFKA_V_VALUE((void *)value.data, value.size), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                          RD_KAFKA_V_OPAQUE(pending), RD_KAFKA_V_END);
    if (code) {
        pending_unref(pending);
        pending_unref(pending);
        return hw_err_set(err, HW_ERR_RETRY, (int)code, "cannot write topic %s: %s", store->topic, rd_kafka_err2str(code));
    }
    int timed_out = 0;
    pthread_mutex_lock(&pending->lock);
    while (!pending->done && !timed_out) {
        timed_out = pthread_cond_timedwait(&pending->changed, &pending->lock, &until);
    }
    bool done = pending->done;
    code = pending->code;
    int32_t partition = pending->partition;
    int64_t offset = pending->offset;
    pthread_mutex_unlock(&pending->lock);
    pending_unref(pending);
    if (!done)
        return hw_err_set(err, HW_ERR_RETRY, 0, "topic %s: no answer from Kafka within %d ms", store->topic, timeout_ms);
    if (code)
        return hw_err_set(err, HW_ERR_RETRY, (int)code, "cannot write topic %s: %s", store->topic, rd_kafka_err2str(code));
    return wait_applied(store, partition, offset, &until, err);
}

struct hw_kafka_store *hw_kafka_store_close(struct hw_kafka_store *store) {
    if (!store)
        return NULL;
    atomic_store(&store->stop, true);
    if (store->has_thread) {
        pthread_join(store->thread, NULL);
        pthread_join(store->deliverer, NULL);
    }
    if (store->producer) {
        rd_kafka_flush(store->producer, 5000);
        rd_kafka_destroy(store->producer);
    }
    if (store->consumer) {
        rd_kafka_consumer_close(store->consumer);
        rd_kafka_destroy(store->consumer);
    }
    pthread_cond_destroy(&store->moved);
    pthread_mutex_destroy(&store->lock);
    free(store->next);
    free(store->topic);
    free(store);
    return NULL;
}
