/* Filling struct hw_err. */
#include "highway/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int hw_err_set(struct hw_err *err, enum hw_err_kind kind, int code, const char *format, ...) {
    if (!err)
        return -1;
    char text[sizeof err->text]; /* the arguments may point into err itself */
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    err->kind = kind;
    err->code = code;
    memcpy(err->text, text, sizeof text);
    return -1;
}

static enum hw_err_kind kind_of_errno(int value) {
    switch (value) {
    case EAGAIN:
    case EINTR:
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case ETIMEDOUT:
    case ECONNREFUSED:
    case ECONNRESET:
    case EPIPE:
    case ENETUNREACH:
    case EHOSTUNREACH:
        return HW_ERR_RETRY;
    case EACCES:
    case EPERM:
    case EROFS:
    case EADDRINUSE:
    case EADDRNOTAVAIL:
    case ENOTDIR:
    case EISDIR:
    case ENAMETOOLONG:
        return HW_ERR_CONFIG;
    default:
        return HW_ERR_FATAL;
    }
}

int hw_err_set_errno(struct hw_err *err, int errno_value, const char *format, ...) {
    if (!err)
        return -1;
    char text[sizeof err->text - 80];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return hw_err_set(err, kind_of_errno(errno_value), errno_value, "%s: %s", text, strerror(errno_value));
}

int hw_err_prefix(struct hw_err *err, const char *format, ...) {
    if (!err)
        return -1;
    char before[sizeof err->text / 2], text[2 * sizeof err->text];
    va_list args;
    va_start(args, format);
    vsnprintf(before, sizeof before, format, args);
    va_end(args);
    snprintf(text, sizeof text, "%s: %s", before, err->text);
    text[sizeof err->text - 1] = '\0';
    memcpy(err->text, text, sizeof err->text);
    return -1;
}

const char *hw_err_kind_name(enum hw_err_kind kind) {
    static const char *const names[] = {"none", "retry", "data", "config", "fatal"};
    return (unsigned)kind < sizeof names / sizeof names[0] ? names[kind] : "unknown";
}
