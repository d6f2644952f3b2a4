/* `highway up --demo`: feeds real events, so that a new highway has something to show. */
#pragma once
#include "base/buf.h"
#include "base/settings.h"

#include <sys/types.h>

/* Forks a process that sends each line of the UI's access log as an event to the topic ui.requests and lands that topic
 * in demo.ui_requests. 0 when the fork failed. */
pid_t demo_fork(const struct hw_settings *settings, const char *data_dir);
/* One line in combined log format → an event as JSON, appended to out. False when it is none. */
bool demo_event(const char *line, size_t size, struct hw_buf *out);
