/* Which roles there are, which of them this binary holds, and the settings of all. */
#pragma once
#include "base/role.h"
#include "main/args.h"

struct role_entry {
    const char *name;
    int port;                   /* default, when the role's table has no listen.port */
    const char *what;           /* one line for the table `highway up` prints */
    const struct hw_role *role; /* NULL: not built in */
};
#define ROLE_COUNT 5
/* In start order: the log first, then what needs it. */
extern const struct role_entry role_table[ROLE_COUNT];
const struct role_entry *role_find(const char *name); /* NULL when unknown */

/* Every section of highway.conf, ended by a NULL name. */
const struct hw_settings_section *role_sections(void);
/* Prints all faults with their fixes. NULL after printing. */
struct hw_settings *role_settings_load(const char *file, const struct args_list *sets);
bool role_has_key(const struct role_entry *entry, const char *key);
/* Where the role listens, by the settings; host "0.0.0.0" and "::" become loopback when as_client. */
const char *role_host(const struct hw_settings *settings, const struct role_entry *entry, bool as_client);
int role_port(const struct hw_settings *settings, const struct role_entry *entry);
