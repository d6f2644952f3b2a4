/* Command line words: options in any order, each at most once (lists excepted), and the words left over.
 * A fault is printed with its fix; the caller then ends with HW_EXIT_USAGE. */
#pragma once
#include "base/base.h"

#define ARGS_MAX_LIST  64
#define ARGS_MAX_WORDS 16

/* Exit codes, the same for every command. */
enum {
    HW_EXIT_OK = 0,
    HW_EXIT_FAILURE = 1,
    HW_EXIT_USAGE = 2,
    HW_EXIT_NOT_FOUND = 3,
    HW_EXIT_AUTH = 4,
    HW_EXIT_CONFLICT = 5,
    HW_EXIT_INVALID = 6,
    HW_EXIT_UNREACHABLE = 7
};

struct args_list {
    const char *items[ARGS_MAX_LIST + 1]; /* NULL-ended */
    size_t count;
};
/* Exactly one of value, list, flag is set. A table ends with a NULL name. */
struct args_option {
    const char *name;  /* "--data" */
    const char *alias; /* "-o", or NULL */
    const char **value;
    struct args_list *list;
    bool *flag;
};
struct args_words {
    const char *items[ARGS_MAX_WORDS];
    size_t count;
};

/* argv[0] is the first word to look at. A "--" ends the options. 0, or -1 when a fault was printed. */
HW_MUST_CHECK int args_parse(int argc, char **argv, const struct args_option *options, struct args_words *out_words);
/* 0 when count words are there as wanted; else says what is missing (names: "FLOW", "TOPIC"…, NULL-ended) or too
 * much. */
HW_MUST_CHECK int args_expect(const struct args_words *words, const char *usage, size_t least, size_t most);
int args_list_add(struct args_list *list, const char *item); /* -1 when full (printed) */
/* Whole number in a range, or -1 when a fault was printed. */
HW_MUST_CHECK int args_number(const char *option, const char *text, long least, long most, long *out_number);
