/* Files and directories. */
#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <libgen.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int hw_fs_mkdirs(const char *path, struct hw_err *err) {
    HW_CLEANUP(hw_freep) char *copy = hw_xstrdup(path);
    for (char *at = copy + (*copy == '/');; at++) {
        if (*at && *at != '/')
            continue;
        char end = *at;
        *at = '\0';
        if (*copy && mkdir(copy, 0755) && errno != EEXIST)
            return hw_err_set_errno(err, errno, "cannot create directory %s", copy);
        *at = end;
        if (!end)
            break;
    }
    struct stat status;
    if (stat(path, &status) || !S_ISDIR(status.st_mode))
        return hw_err_set_errno(err, ENOTDIR, "cannot create directory %s", path);
    return 0;
}

int hw_fs_read(const char *path, size_t limit, struct hw_buf *out, struct hw_err *err) {
    HW_CLEANUP(hw_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return hw_err_set_errno(err, errno, "cannot read %s", path);
    size_t began = out->size;
    for (;;) {
        size_t room = out->limit ? HW_MIN((size_t)65536, out->limit - out->size) : 65536;
        if (!room || hw_buf_reserve(out, room))
            return hw_err_set(err, HW_ERR_DATA, EFBIG, "cannot read %s: larger than its buffer", path);
        ssize_t got = read(fd, out->data + out->size, room);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return hw_err_set_errno(err, errno, "cannot read %s", path);
        if (got == 0)
            return 0;
        out->size += (size_t)got;
        if (limit && out->size - began > limit)
            return hw_err_set(err, HW_ERR_DATA, EFBIG, "cannot read %s: larger than %zu bytes", path, limit);
    }
}

static int write_all(int fd, const void *data, size_t size) {
    const char *at = data;
    while (size) {
        ssize_t wrote = write(fd, at, size);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return -1;
        at += wrote;
        size -= (size_t)wrote;
    }
    return 0;
}

int hw_fs_sync_dir(const char *path, struct hw_err *err) {
    HW_CLEANUP(hw_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd))
        return hw_err_set_errno(err, errno, "cannot sync directory %s", path);
    return 0;
}

int hw_fs_write_atomic(const char *path, const void *data, size_t size, struct hw_err *err) {
    static atomic_uint serial; /* two threads may write the same path: the last rename wins, whole */
    HW_CLEANUP(hw_freep) char *temporary = hw_xasprintf("%s.%d-%u.tmp", path, (int)getpid(), atomic_fetch_add(&serial, 1));
    HW_CLEANUP(hw_closep) int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return hw_err_set_errno(err, errno, "cannot write %s", temporary);
    if (write_all(fd, data, size) || fsync(fd) || rename(temporary, path)) {
        hw_err_set_errno(err, errno, "cannot write %s", path);
        unlink(temporary);
        return -1;
    }
    HW_CLEANUP(hw_freep) char *copy = hw_xstrdup(path);
    return hw_fs_sync_dir(dirname(copy), err);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw) {
    (void)status;
    (void)type;
    (void)ftw;
    return remove(path);
}

int hw_fs_remove_tree(const char *path, struct hw_err *err) {
    if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) && errno != ENOENT)
        return hw_err_set_errno(err, errno, "cannot remove %s", path);
    return 0;
}
