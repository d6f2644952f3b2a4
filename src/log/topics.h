/* All topics of the log: names, ids, configs, partitions; and the files that make them survive.
 *
 * LOG/meta/NAME.topic holds id, partition count and configs of one topic (text, replaced atomically and synced before
 * the topic is acknowledged). LOG/NAME-P/ holds partition P. A directory without a .topic file is what a deletion left
 * behind. */
#pragma once
#include "kafka/codec.h"
#include "log/partition.h"

struct hw_topic {
    char *name;
    struct hw_uuid id;
    struct hw_topic_config config;
    struct hw_partition **partitions;
    int32_t partition_count;
    bool internal;
};
struct hw_topics {
    char *dir;
    struct hw_map by_name, by_id; /* struct hw_topic * */
    struct hw_topic **graveyard;  /* deleted, still referenced by requests under way */
    size_t grave_count;
    struct hw_partition *dirty; /* not yet handed to the flusher */
    int lock_fd;
    char cluster_id[40];
};
#define HW_TOPIC_MAX_PARTITIONS 10000

/* Locks the directory, recovers every partition. */
HW_MUST_CHECK int hw_topics_open(struct hw_topics *topics, const char *dir, struct hw_err *err);
/* After an orderly stop everything is checkpointed and the next start trusts it. */
void hw_topics_close(struct hw_topics *topics, bool clean);
struct hw_topic *hw_topics_find(struct hw_topics *topics, struct hw_slice name);
struct hw_topic *hw_topics_find_id(struct hw_topics *topics, const struct hw_uuid *id);
/* NULL = a fine name; else what is wrong with it. */
const char *hw_topic_name_fault(struct hw_slice name);
/* config is copied. */
HW_MUST_CHECK int hw_topics_create(struct hw_topics *topics, const char *name, int32_t partitions,
                                   const struct hw_topic_config *config, struct hw_topic **out, struct hw_err *err);
HW_MUST_CHECK int hw_topics_grow(struct hw_topics *topics, struct hw_topic *topic, int32_t partitions,
                                 struct hw_err *err);
HW_MUST_CHECK int hw_topics_delete(struct hw_topics *topics, struct hw_topic *topic, struct hw_err *err);
HW_MUST_CHECK int hw_topics_save(struct hw_topics *topics, const struct hw_topic *topic, struct hw_err *err);
/* Recovery points and log starts of all partitions to their checkpoint files. */
HW_MUST_CHECK int hw_topics_checkpoint(struct hw_topics *topics, struct hw_err *err);
struct hw_partition *hw_topic_partition(const struct hw_topic *topic, int32_t id); /* NULL when there is none */
