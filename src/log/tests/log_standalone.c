/* The log alone in a process, for trying clients against it: log_standalone [section.key=value]… */
#include "base/diag.h"
#include "log/log.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/signalfd.h>

int main(int argc, char **argv)
{
    static const char *const anything[] = {"", NULL};
    const struct hw_settings_section sections[] = {{"common", hw_common_fields, NULL}, {"kafka", hw_kafka_fields, anything}, {"log", hw_log_role.config, NULL}, {0}};
    struct hw_settings *settings = NULL;
    static struct hw_config_faults faults;
    struct hw_err err;
    hw_diag_setup("log", HW_INFO, 0);
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    if (hw_settings_load(sections, NULL, (const char *const *)(argv + 1), &settings, &faults, &err) < 0) {
        fprintf(stderr, "%s\n%s\n", err.text, faults.count ? faults.items[0].text : "");
        return 2;
    }
    void *self;
    if (hw_log_role.start(settings, &self, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    struct pollfd fds[2] = {{signalfd(-1, &signals, 0), POLLIN, 0}, {hw_role_quit_fd(), POLLIN, 0}};
    poll(fds, 2, -1);
    hw_log_role.stop(self);
    hw_settings_free(settings);
    return 0;
}
