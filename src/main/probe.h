/* Small looks at the outside: is a port free, does a role answer, can a directory be written. */
#pragma once
#include "base/base.h"

bool probe_port_is_free(const char *host, int port);
/* One try of at most timeout_ms: does somebody accept, and with http also answer GET /health with 200? */
bool probe_ready(const char *host, int port, bool http, int timeout_ms);
/* A file can be made in dir (which is made when missing); else the text names the fault and the fix. */
HW_MUST_CHECK int probe_writable(const char *dir, struct hw_err *err);
