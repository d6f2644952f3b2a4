/* Errors: the kind decides what happens next, the text is for people (it names the fault and the fix). */
#pragma once

enum hw_err_kind {
    HW_ERR_NONE,
    HW_ERR_RETRY,  /* back off and try again: the other side is away or busy */
    HW_ERR_DATA,   /* this record or request is bad; the next one may be fine */
    HW_ERR_CONFIG, /* the user must change a setting */
    HW_ERR_FATAL   /* stop: going on could lose or damage data */
};

struct hw_err {
    enum hw_err_kind kind;
    int code;       /* errno, HTTP status or Kafka error code, as the function says; 0 when it has none */
    char text[480]; /* one line, no newline at the end */
};

#define HW_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define HW_MUST_CHECK __attribute__((warn_unused_result))

/* Return convention of every function that takes an err:
 * 0 = done; < 0 = failed, err is filled, pass it up; > 0 = an outcome documented at the function. */

/* Fills err (NULL is fine) and returns -1, so that `return hw_err_set(…)` reads well. */
int hw_err_set(struct hw_err *err, enum hw_err_kind kind, int code, const char *format, ...) HW_PRINTF(4, 5);
/* As hw_err_set with kind from errno (EAGAIN, ENOSPC, EINTR… are RETRY, others FATAL) and strerror appended. */
int hw_err_set_errno(struct hw_err *err, int errno_value, const char *format, ...) HW_PRINTF(3, 4);
/* Puts "context: " before the text already in err; returns -1. */
int hw_err_prefix(struct hw_err *err, const char *format, ...) HW_PRINTF(2, 3);
const char *hw_err_kind_name(enum hw_err_kind kind);

#define HW_TRY(call)                   \
    do {                               \
        int hw_try_result_ = (call);   \
        if (hw_try_result_ < 0)        \
            return hw_try_result_;     \
    } while (0)
