/* A role: what `highway serve NAME` runs. Each role folder exports one const table, src/main lists them. */
#pragma once
#include "base/settings.h"

struct hw_role {
    const char *name, *doc;
    const struct hw_config_field *config; /* keys of the section [name] */
    /* Starts threads and returns; the role is ready when its port answers (HTTP roles: /health 200). */
    int (*start)(const struct hw_settings *settings, void **out_self, struct hw_err *err);
    void (*stop)(void *self); /* graceful: answers what was begun, flushes, joins its threads */
};

/* Any thread: the role cannot go on (fsync failed, …). Main stops it and exits with 1; the supervisor starts it anew. */
void hw_role_quit(const struct hw_err *why);
/* main's side: an eventfd that becomes readable on quit, and the error to print. */
int hw_role_quit_fd(void);
const struct hw_err *hw_role_quit_error(void);
