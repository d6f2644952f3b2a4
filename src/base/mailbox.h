/* A bounded queue of pointers between threads: any number of putters and getters. */
#pragma once
#include "base/base.h"

struct hw_mailbox;
struct hw_mailbox *hw_mailbox_new(size_t limit);
int hw_mailbox_put(struct hw_mailbox *mailbox, void *item);        /* 0, or 1 = full or closed (item stays the caller's) */
void *hw_mailbox_get(struct hw_mailbox *mailbox, int timeout_ms);  /* NULL = nothing came, or closed and empty; -1 waits for ever */
bool hw_mailbox_is_closed(struct hw_mailbox *mailbox);
void hw_mailbox_close(struct hw_mailbox *mailbox);                 /* no more puts; waiting getters wake up */
struct hw_mailbox *hw_mailbox_free(struct hw_mailbox *mailbox);    /* items left in it are not freed */
