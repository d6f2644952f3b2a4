/* How any thread of a role tells main that the role cannot go on. */
#include "base/role.h"

#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards reason and fd */
static struct hw_err reason;
static int fd = -1;

int hw_role_quit_fd(void) {
    pthread_mutex_lock(&lock);
    if (fd < 0)
        fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int result = fd;
    pthread_mutex_unlock(&lock);
    return result;
}

void hw_role_quit(const struct hw_err *why) {
    int event = hw_role_quit_fd();
    pthread_mutex_lock(&lock);
    if (reason.kind == HW_ERR_NONE) /* the first failure is the cause, later ones its echo */
        reason = *why;
    pthread_mutex_unlock(&lock);
    uint64_t one = 1;
    ssize_t ignored = write(event, &one, sizeof one);
    (void)ignored;
}

const struct hw_err *hw_role_quit_error(void) {
    return &reason;
}
