#include "log/topics.h"

#include "base/diag.h"
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static struct hw_topics *all; /* the one log of this process: partitions put themselves on its dirty list */

void hw_partition_mark_dirty(struct hw_partition *partition) {
    if (partition->dirty)
        return;
    partition->dirty = true;
    hw_partition_ref(partition);
    partition->next_dirty = all ? all->dirty : NULL;
    if (all)
        all->dirty = partition;
}

static bool is_internal(const char *name) {
    return strncmp(name, "__", 2) == 0;
}

static void id_text(const struct hw_uuid *id, char out[37]) {
    hw_uuid_format(id->bytes, out);
}

struct hw_topic *hw_topics_find(struct hw_topics *topics, struct hw_slice name) {
    char text[250];
    if (!name.data || name.size >= sizeof(text) || memchr(name.data, 0, name.size))
        return NULL;
    memcpy(text, name.data, name.size);
    text[name.size] = 0;
    return hw_map_get(&topics->by_name, text);
}

struct hw_topic *hw_topics_find_id(struct hw_topics *topics, const struct hw_uuid *id) {
    char text[37];
    id_text(id, text);
    return hw_map_get(&topics->by_id, text);
}

struct hw_partition *hw_topic_partition(const struct hw_topic *topic, int32_t id) {
    return topic && id >= 0 && id < topic->partition_count ? topic->partitions[id] : NULL;
}

const char *hw_topic_name_fault(struct hw_slice name) {
    if (!name.data || name.size == 0)
        return "the topic name is empty";
    if (name.size > 249)
        return "the topic name is longer than 249 characters";
    if (hw_slice_eq(name, ".") || hw_slice_eq(name, ".."))
        return "the topic name cannot be '.' or '..'";
    for (size_t i = 0; i < name.size; i++) {
        uint8_t c = name.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
              c == '-'))
            return "the topic name may only have letters, digits, '.', '_' and '-'";
    }
    return NULL;
}

/* ---- the .topic file ---- */

int hw_topics_save(struct hw_topics *topics, const struct hw_topic *topic, struct hw_err *err) {
    HW_CLEANUP(hw_buf_done) struct hw_buf text = {0};
    char id[37];
    id_text(&topic->id, id);
    hw_buf_printf(&text, "version 1\nid %s\npartitions %d\n", id, topic->partition_count);
    size_t at = 0;
    const char *name;
    void *value;
    while (hw_map_next(&topic->config.values, &at, &name, &value))
        hw_buf_printf(&text, "config %s %s\n", name, (char *)value);
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("%s/meta/%s.topic", topics->dir, topic->name);
    return hw_fs_write_atomic(path, text.data, text.size, err);
}

static int load_topic(struct hw_topics *topics, const char *name, struct hw_topic **out, struct hw_err *err) {
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("%s/meta/%s.topic", topics->dir, name);
    HW_CLEANUP(hw_buf_done) struct hw_buf text = {0};
    HW_TRY(hw_fs_read(path, 1 << 20, &text, err));
    struct hw_topic *topic = hw_xcalloc(1, sizeof(*topic));
    topic->name = hw_xstrdup(name);
    topic->internal = is_internal(name);
    hw_topic_config_init(&topic->config);
    char *save = NULL;
    for (char *line = strtok_r(hw_buf_str(&text), "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        if (strncmp(line, "id ", 3) == 0 && hw_uuid_parse(line + 3, strlen(line + 3), topic->id.bytes) < 0)
            line[0] = 0;
        else if (strncmp(line, "partitions ", 11) == 0)
            topic->partition_count = atoi(line + 11);
        else if (strncmp(line, "config ", 7) == 0) {
            char *value = strchr(line + 7, ' ');
            if (value) {
                *value++ = 0;
                if (hw_topic_config_check(line + 7, value, err) == 0)
                    hw_topic_config_set(&topic->config, line + 7, value);
            }
        }
    }
    if (topic->partition_count < 1 || topic->partition_count > HW_TOPIC_MAX_PARTITIONS) {
        hw_topic_config_done(&topic->config);
        free(topic->name);
        free(topic);
        return hw_err_set(err, HW_ERR_FATAL, 0,
                          "%s is damaged: it names no partition count; restore it (lines: id UUID, partitions N)",
                          path);
    }
    topic->partitions = hw_xcalloc((size_t)topic->partition_count, sizeof(struct hw_partition *));
    *out = topic;
    return 0;
}

static void topic_free(struct hw_topic *topic) {
    for (int32_t i = 0; i < topic->partition_count; i++)
        hw_partition_unref(topic->partitions[i]);
    free(topic->partitions);
    hw_topic_config_done(&topic->config);
    free(topic->name);
    free(topic);
}

static void add_topic(struct hw_topics *topics, struct hw_topic *topic) {
    char id[37];
    id_text(&topic->id, id);
    hw_map_put(&topics->by_name, topic->name, topic);
    hw_map_put(&topics->by_id, id, topic);
}

/* ---- checkpoints: Kafka's files "0\nCOUNT\nTOPIC PARTITION OFFSET\n" ---- */

static void load_checkpoint(const char *dir, const char *file, struct hw_map *out) {
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("%s/%s", dir, file);
    FILE *in = fopen(path, "re");
    int version, count;
    if (in && fscanf(in, "%d %d", &version, &count) == 2 && version == 0) {
        char name[256];
        int32_t partition;
        int64_t offset;
        while (count-- > 0 && fscanf(in, "%255s %d %" SCNd64, name, &partition, &offset) == 3) {
            HW_CLEANUP(hw_freep) char *key = hw_xasprintf("%s-%d", name, partition);
            int64_t *value = hw_xmalloc(sizeof(*value));
            *value = offset;
            free(hw_map_put(out, key, value));
        }
    }
    if (in)
        fclose(in);
}

static int64_t take_offset(const struct hw_map *map, const char *key) {
    const int64_t *value = hw_map_get(map, key);
    return value ? *value : -1;
}

static void free_offsets(struct hw_map *map) {
    size_t at = 0;
    const char *key;
    void *value;
    while (hw_map_next(map, &at, &key, &value))
        free(value);
    hw_map_done(map);
}

static int save_checkpoint(struct hw_topics *topics, const char *file, bool starts, struct hw_err *err) {
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("%s/%s", topics->dir, file);
    HW_CLEANUP(hw_freep) char *temporary = hw_xasprintf("%s.tmp", path);
    FILE *out = fopen(temporary, "we");
    if (!out)
        return hw_err_set_errno(err, errno, "cannot write %s", temporary);
    size_t at = 0, count = 0;
    const char *key;
    void *value;
    while (hw_map_next(&topics->by_name, &at, &key, &value))
        count += (size_t)((struct hw_topic *)value)->partition_count;
    fprintf(out, "0\n%zu\n", count);
    at = 0;
    while (hw_map_next(&topics->by_name, &at, &key, &value)) {
        const struct hw_topic *topic = value;
        for (int32_t i = 0; i < topic->partition_count; i++)
            fprintf(out, "%s %d %" PRId64 "\n", topic->name, i,
                    starts ? topic->partitions[i]->log_start : topic->partitions[i]->recovery_point);
    }
    if (fclose(out) != 0 || rename(temporary, path) < 0)
        return hw_err_set_errno(err, errno, "cannot write %s", path);
    return 0;
}

int hw_topics_checkpoint(struct hw_topics *topics, struct hw_err *err) {
    size_t at = 0;
    const char *key;
    void *value;
    while (hw_map_next(&topics->by_name, &at, &key, &value)) {
        const struct hw_topic *topic = value;
        for (int32_t i = 0; i < topic->partition_count; i++)
            HW_TRY(hw_partition_checkpoint(topic->partitions[i], err));
    }
    HW_TRY(save_checkpoint(topics, "recovery-point-offset-checkpoint", false, err));
    return save_checkpoint(topics, "log-start-offset-checkpoint", true, err);
}

/* ---- open and close ---- */

static int lock_dir(struct hw_topics *topics, struct hw_err *err) {
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("%s/.lock", topics->dir);
    topics->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (topics->lock_fd < 0)
        return hw_err_set(err, HW_ERR_CONFIG, errno,
                          "the log cannot write to %s (%s); make it writable for this user or set common.data.dir to "
                          "another directory",
                          topics->dir, strerror(errno));
    if (flock(topics->lock_fd, LOCK_EX | LOCK_NB) < 0)
        return hw_err_set(
            err, HW_ERR_CONFIG, errno,
            "%s is in use by another running log; stop that one or set common.data.dir to another directory",
            topics->dir);
    return 0;
}

static int load_cluster_id(struct hw_topics *topics, struct hw_err *err) {
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("%s/meta.properties", topics->dir);
    HW_CLEANUP(hw_buf_done) struct hw_buf text = {0};
    if (hw_fs_read(path, 1 << 16, &text, err) == 0) {
        char *found = strstr(hw_buf_str(&text), "cluster.id=");
        if (found) {
            snprintf(topics->cluster_id, sizeof(topics->cluster_id), "%.*s", (int)strcspn(found + 11, "\r\n"),
                     found + 11);
            return 0;
        }
    }
    /* 16 random bytes in URL-safe base64, as Kafka writes them */
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint8_t random[18] = {0};
    hw_uuid_v4(random);
    for (int i = 0; i < 22; i++) {
        int bit = i * 6;
        int value = (random[bit / 8] << 8 | random[bit / 8 + 1]) >> (10 - bit % 8) & 63;
        topics->cluster_id[i] = letters[value];
    }
    text.size = 0;
    hw_buf_printf(&text, "version=1\ncluster.id=%s\nnode.id=0\n", topics->cluster_id);
    return hw_fs_write_atomic(path, text.data, text.size, err);
}

/* A partition directory whose topic has no .topic file is the rest of a deletion that was interrupted. */
static void sweep(struct hw_topics *topics) {
    DIR *d = opendir(topics->dir);
    struct dirent *entry;
    while (d && (entry = readdir(d))) {
        const char *dash = strrchr(entry->d_name, '-');
        if (!dash || entry->d_name[0] == '.' || strspn(dash + 1, "0123456789") != strlen(dash + 1) || !dash[1])
            continue;
        HW_CLEANUP(hw_freep) char *path = hw_xasprintf("%s/%s", topics->dir, entry->d_name);
        struct stat st;
        struct hw_slice name = {(const uint8_t *)entry->d_name, (size_t)(dash - entry->d_name)};
        struct hw_topic *topic = hw_topics_find(topics, name);
        if ((topic && atoi(dash + 1) < topic->partition_count) || stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
            continue;
        struct hw_err err;
        hw_info("removing the rest of a deleted topic", hw_kv_s("directory", path));
        if (hw_fs_remove_tree(path, &err) < 0)
            hw_warn("cannot remove it", hw_kv_s("error", err.text));
    }
    if (d)
        closedir(d);
}

static int open_topics(struct hw_topics *topics, bool clean, struct hw_err *err) {
    struct hw_map points = {0}, starts = {0};
    load_checkpoint(topics->dir, "recovery-point-offset-checkpoint", &points);
    load_checkpoint(topics->dir, "log-start-offset-checkpoint", &starts);
    HW_CLEANUP(hw_freep) char *meta = hw_xasprintf("%s/meta", topics->dir);
    DIR *d = opendir(meta);
    int result = d ? 0 : hw_err_set_errno(err, errno, "cannot read %s", meta);
    struct dirent *entry;
    while (result == 0 && (entry = readdir(d))) {
        size_t size = strlen(entry->d_name);
        if (size < 7 || strcmp(entry->d_name + size - 6, ".topic") != 0)
            continue;
        HW_CLEANUP(hw_freep) char *name = hw_xstrndup(entry->d_name, size - 6);
        struct hw_topic *topic = NULL;
        result = load_topic(topics, name, &topic, err);
        if (result < 0 || !topic)
            break;
        add_topic(topics, topic);
        for (int32_t i = 0; result == 0 && i < topic->partition_count; i++) {
            HW_CLEANUP(hw_freep) char *key = hw_xasprintf("%s-%d", name, i);
            HW_CLEANUP(hw_freep) char *dir = hw_xasprintf("%s/%s", topics->dir, key);
            result = hw_partition_open(topic, i, dir, clean, take_offset(&points, key), take_offset(&starts, key),
                                       &topic->partitions[i], err);
        }
    }
    if (d)
        closedir(d);
    free_offsets(&points);
    free_offsets(&starts);
    return result;
}

int hw_topics_open(struct hw_topics *topics, const char *dir, struct hw_err *err) {
    *topics = (struct hw_topics){.dir = hw_xstrdup(dir), .lock_fd = -1};
    HW_CLEANUP(hw_freep) char *meta = hw_xasprintf("%s/meta", dir);
    if (hw_fs_mkdirs(meta, err) < 0) {
        err->kind = HW_ERR_CONFIG;
        char text[sizeof(err->text)];
        memcpy(text, err->text, sizeof(text));
        return hw_err_set(err, HW_ERR_CONFIG, err->code,
                          "the log cannot use %s as its data directory: %.300s; make it writable for this user or set "
                          "common.data.dir to another directory",
                          dir, text);
    }
    HW_TRY(lock_dir(topics, err));
    HW_TRY(load_cluster_id(topics, err));
    all = topics;
    HW_CLEANUP(hw_freep) char *marker = hw_xasprintf("%s/.kafka_cleanshutdown", dir);
    bool clean = unlink(marker) == 0;
    int64_t began = hw_mono_ms();
    HW_TRY(open_topics(topics, clean, err));
    sweep(topics);
    if (!clean && topics->by_name.count) {
        /* All that was found counts as durable from here on, so it must be. */
        if (syncfs(topics->lock_fd) < 0)
            return hw_err_set_errno(err, errno, "cannot sync %s after recovery", dir);
        size_t at = 0;
        const char *key;
        void *value;
        while (hw_map_next(&topics->by_name, &at, &key, &value)) {
            const struct hw_topic *topic = value;
            for (int32_t i = 0; i < topic->partition_count; i++)
                for (uint32_t s = 0; s < topic->partitions[i]->segment_count; s++)
                    topic->partitions[i]->segments[s]->flushed = topic->partitions[i]->segments[s]->size;
        }
        hw_notice("the last stop was not orderly: log recovered", hw_kv_i("topics", (int64_t)topics->by_name.count),
                  hw_kv_i("ms", hw_mono_ms() - began));
        HW_TRY(hw_topics_checkpoint(topics, err));
    }
    return 0;
}

void hw_topics_close(struct hw_topics *topics, bool clean) {
    struct hw_err err;
    if (clean && hw_topics_checkpoint(topics, &err) == 0) {
        HW_CLEANUP(hw_freep) char *marker = hw_xasprintf("%s/.kafka_cleanshutdown", topics->dir);
        /* The marker vouches for what is in the page cache: sync that first. */
        if (syncfs(topics->lock_fd) == 0 && hw_fs_write_atomic(marker, "0\n", 2, &err) < 0)
            hw_warn("the next start will check the log", hw_kv_s("error", err.text));
    }
    while (topics->dirty) {
        struct hw_partition *partition = topics->dirty;
        topics->dirty = partition->next_dirty;
        hw_partition_unref(partition);
    }
    size_t at = 0;
    const char *key;
    void *value;
    while (hw_map_next(&topics->by_name, &at, &key, &value))
        topic_free(value);
    for (size_t i = 0; i < topics->grave_count; i++)
        topic_free(topics->graveyard[i]);
    free(topics->graveyard);
    hw_map_done(&topics->by_name);
    hw_map_done(&topics->by_id);
    free(topics->dir);
    if (topics->lock_fd >= 0)
        close(topics->lock_fd);
    *topics = (struct hw_topics){.lock_fd = -1};
    all = NULL;
}

/* ---- changes ---- */

static int create_partitions(struct hw_topics *topics, struct hw_topic *topic, int32_t from, int32_t until,
                             struct hw_err *err) {
    for (int32_t i = from; i < until; i++) {
        HW_CLEANUP(hw_freep) char *dir = hw_xasprintf("%s/%s-%d", topics->dir, topic->name, i);
        struct hw_err ignored;
        if (access(dir, F_OK) == 0 && hw_fs_remove_tree(dir, &ignored) < 0)
            hw_warn("an old partition directory is in the way", hw_kv_s("directory", dir));
        HW_TRY(hw_partition_create(topic, i, dir, &topic->partitions[i], err));
    }
    return 0;
}

int hw_topics_create(struct hw_topics *topics, const char *name, int32_t partitions,
                     const struct hw_topic_config *config, struct hw_topic **out, struct hw_err *err) {
    struct hw_topic *topic = hw_xcalloc(1, sizeof(*topic));
    topic->name = hw_xstrdup(name);
    topic->internal = is_internal(name);
    topic->partition_count = partitions;
    topic->partitions = hw_xcalloc((size_t)partitions, sizeof(struct hw_partition *));
    hw_uuid_v4(topic->id.bytes);
    hw_topic_config_copy(&topic->config, config);
    if (create_partitions(topics, topic, 0, partitions, err) < 0 || hw_topics_save(topics, topic, err) < 0) {
        for (int32_t i = 0; i < partitions; i++)
            if (topic->partitions[i])
                hw_partition_delete(topic->partitions[i]);
        topics->graveyard = hw_xrealloc(topics->graveyard, (topics->grave_count + 1) * sizeof(*topics->graveyard));
        topics->graveyard[topics->grave_count++] = topic;
        return -1;
    }
    add_topic(topics, topic);
    hw_info("topic created", hw_kv_s("topic", name), hw_kv_i("partitions", partitions));
    *out = topic;
    return 0;
}

int hw_topics_grow(struct hw_topics *topics, struct hw_topic *topic, int32_t partitions, struct hw_err *err) {
    int32_t before = topic->partition_count;
    topic->partitions = hw_xrealloc(topic->partitions, (size_t)partitions * sizeof(struct hw_partition *));
    memset(topic->partitions + before, 0, (size_t)(partitions - before) * sizeof(struct hw_partition *));
    int result = create_partitions(topics, topic, before, partitions, err);
    topic->partition_count = partitions;
    if (result == 0)
        result = hw_topics_save(topics, topic, err);
    if (result < 0) {
        for (int32_t i = before; i < partitions; i++) {
            if (topic->partitions[i])
                hw_partition_delete(topic->partitions[i]);
            hw_partition_unref(topic->partitions[i]);
        }
        topic->partition_count = before;
    }
    return result;
}

int hw_topics_delete(struct hw_topics *topics, struct hw_topic *topic, struct hw_err *err) {
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("%s/meta/%s.topic", topics->dir, topic->name);
    HW_CLEANUP(hw_freep) char *meta = hw_xasprintf("%s/meta", topics->dir);
    /* First the file that makes it a topic; directories left by a crash from here on are swept at the next start. */
    if (unlink(path) < 0 && errno != ENOENT)
        return hw_err_set_errno(err, errno, "cannot remove %s", path);
    HW_TRY(hw_fs_sync_dir(meta, err));
    char id[37];
    id_text(&topic->id, id);
    hw_map_remove(&topics->by_name, topic->name);
    hw_map_remove(&topics->by_id, id);
    for (int32_t i = 0; i < topic->partition_count; i++)
        hw_partition_delete(topic->partitions[i]);
    hw_info("topic deleted", hw_kv_s("topic", topic->name));
    topics->graveyard = hw_xrealloc(topics->graveyard, (topics->grave_count + 1) * sizeof(*topics->graveyard));
    topics->graveyard[topics->grave_count++] = topic;
    return 0;
}
