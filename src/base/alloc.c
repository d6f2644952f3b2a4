/* Memory that is there or the process ends: sizes are bounded by limits checked before. */
#include "base/base.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *need(void *p, size_t size) {
    if (!p) {
        fprintf(stderr, "out of memory asking for %zu bytes\n", size);
        abort();
    }
    return p;
}

void *hw_xmalloc(size_t size) {
    return need(malloc(size ? size : 1), size);
}

void *hw_xcalloc(size_t count, size_t size) {
    return need(calloc(count ? count : 1, size ? size : 1), count * size);
}

void *hw_xrealloc(void *p, size_t size) {
    return need(realloc(p, size ? size : 1), size);
}

char *hw_xstrdup(const char *s) {
    return need(strdup(s), strlen(s));
}

char *hw_xstrndup(const char *s, size_t size) {
    char *copy = hw_xmalloc(size + 1);
    if (size)
        memcpy(copy, s, size);
    copy[size] = '\0';
    return copy;
}

char *hw_xasprintf(const char *format, ...) {
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int size = vasprintf(&text, format, args);
    va_end(args);
    return need(size < 0 ? NULL : text, 0);
}

void hw_freep(void *p) {
    free(*(void **)p);
    *(void **)p = NULL;
}

void hw_closep(int *fd) {
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}
