/* Shared by the log's unit tests: a directory to play in, batches to append. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "log/batch.h"

static inline char *test_dir(void) {
    char *dir = hw_xstrdup("/tmp/hw-log-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    return dir;
}

static inline void test_dir_done(char **dir) {
    struct hw_err err;
    assert_int_equal(hw_fs_remove_tree(*dir, &err), 0);
    free(*dir);
}

/* A batch of count records "key-N" → "value-N"; the caller frees with hw_buf_done. */
static inline struct hw_buf test_batch(int64_t base_offset, int count, int64_t timestamp,
                                       struct hw_batch_info *out_info) {
    struct hw_batch_builder builder;
    hw_batch_build_begin(&builder, base_offset);
    for (int i = 0; i < count; i++) {
        char key[32], value[32];
        snprintf(key, sizeof(key), "key-%d", i);
        snprintf(value, sizeof(value), "value-%d", i);
        hw_batch_build_add(&builder, base_offset + i, timestamp + i, (struct hw_slice){(uint8_t *)key, strlen(key)},
                           (struct hw_slice){(uint8_t *)value, strlen(value)});
    }
    hw_batch_build_end(&builder);
    struct hw_err err;
    assert_int_equal(hw_batch_parse(builder.out.data, builder.out.size, out_info, &err), HW_BATCH_OK);
    return builder.out;
}
