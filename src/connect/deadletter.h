/* Dead letters: the record as it was, with headers that say where it came from and why; acknowledged before we return.
 */
#pragma once
#include "connect/client_conf.h"

struct hw_dead_letters; /* one task's own */
HW_MUST_CHECK int hw_dead_letters_open(const struct hw_settings *settings, const struct hw_config *framework,
                                       const char *connector, int task, struct hw_dead_letters **out_letters,
                                       struct hw_err *err);
struct hw_dead_letters *hw_dead_letters_close(struct hw_dead_letters *letters);
/* Waits up to 15 s for the acknowledgement; HW_ERR_RETRY when there was none (the record may have arrived
 * nevertheless). */
HW_MUST_CHECK int hw_dead_letters_put(struct hw_dead_letters *letters, const struct hw_record *record,
                                      const char *stage, const char *class_name, const struct hw_err *why,
                                      struct hw_err *err);
