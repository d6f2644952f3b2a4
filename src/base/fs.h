/* Files and directories. */
#pragma once
#include "base/buf.h"

int hw_fs_mkdirs(const char *path, struct hw_err *err);                       /* as mkdir -p, mode 0755 */
int hw_fs_read(const char *path, size_t limit, struct hw_buf *out, struct hw_err *err); /* err->code = errno (ENOENT…) */
/* Whole or not at all, also across a power cut: temporary file, fsync, rename, fsync of the directory. */
int hw_fs_write_atomic(const char *path, const void *data, size_t size, struct hw_err *err);
int hw_fs_sync_dir(const char *path, struct hw_err *err);
int hw_fs_remove_tree(const char *path, struct hw_err *err);
