/* One role as a child process of `highway up`. Everything runs on the supervisor's only thread. */
#pragma once
#include "main/roles.h"

#include <sys/types.h>

struct child {
    const struct role_entry *entry;
    char host[64];
    int port;
    const char *const *argv; /* NULL-ended, argv[0] is our own binary */
    char *log_path;
    pid_t pid;      /* 0: not running */
    bool ready;     /* answered since its last start */
    bool was_ready; /* has answered at any time */
    int64_t started_at_ms, restart_at_ms, probed_at_ms;
    int backoff_ms;
    int quick_failures; /* ends in a row that came within seconds of the start */
    int64_t log_from;   /* where its present life begins in the log file */
};

/* Forks and runs argv; output goes to log_path. The child dies with this process and ignores the terminal's Ctrl-C. */
HW_MUST_CHECK int child_spawn(struct child *child, struct hw_err *err);
/* The process has ended: plans the next start and prints what happened. */
void child_ended(struct child *child, int wait_status);
/* Keeps the log file within its limit: the old half becomes ROLE.log.1. */
void child_log_rotate(struct child *child);
void child_print_log_tail(const struct child *child, int lines);
