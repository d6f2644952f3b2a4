/* Signals: blocked in every thread; the watcher thread alone reads them. While the role still starts (it may be waiting
 * for Kafka) a signal ends the process at once: nothing was promised to anybody yet. Afterwards it lets main stop the
 * role. */
#include "main/serve.h"
#include "base/diag.h"
#include "main/roles.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

struct watch {
    int signal_fd, quit_fd;
    _Atomic bool started, stopping;
    sem_t stop;
};

static void *watch_run(void *arg) {
    struct watch *watch = arg;
    for (;;) {
        struct pollfd fds[2] = {{.fd = watch->signal_fd, .events = POLLIN}, {.fd = watch->quit_fd, .events = POLLIN}};
        if (poll(fds, atomic_load(&watch->stopping) ? 1 : 2, -1) < 0 && errno != EINTR)
            break;
        struct signalfd_siginfo info;
        if ((fds[0].revents & POLLIN) && read(watch->signal_fd, &info, sizeof info) == sizeof info) {
            if (!atomic_load(&watch->started))
                _exit(HW_EXIT_OK);
            if (atomic_exchange(&watch->stopping, true))
                _exit(HW_EXIT_FAILURE); /* asked twice: no more patience */
            sem_post(&watch->stop);
        } else if ((fds[1].revents & POLLIN) && atomic_load(&watch->started)) {
            if (!atomic_exchange(&watch->stopping, true))
                sem_post(&watch->stop);
        } else if (fds[1].revents & POLLIN) {
            usleep(10000); /* start will return an error or finish */
        }
    }
    return NULL;
}

static enum hw_level level_of(const char *name) {
    static const struct {
        const char *name;
        enum hw_level level;
    } levels[] = {
        {"debug", HW_DEBUG}, {"info", HW_INFO}, {"notice", HW_NOTICE}, {"warn", HW_WARN}, {"error", HW_ERROR}};
    for (size_t i = 0; i < HW_ARRAY_SIZE(levels); i++)
        if (name && strcmp(levels[i].name, name) == 0)
            return levels[i].level;
    return HW_INFO;
}

static int run(const struct role_entry *entry, const struct hw_settings *settings) {
    struct watch watch = {.quit_fd = hw_role_quit_fd()};
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    pthread_sigmask(SIG_BLOCK, &mask, NULL);
    signal(SIGPIPE, SIG_IGN);
    watch.signal_fd = signalfd(-1, &mask, SFD_CLOEXEC);
    sem_init(&watch.stop, 0, 0);
    pthread_t thread;
    if (watch.signal_fd < 0 || pthread_create(&thread, NULL, watch_run, &watch) != 0) {
        hw_error("cannot watch for signals", hw_kv_s("why", strerror(errno)));
        return HW_EXIT_FAILURE;
    }
    pthread_detach(thread); /* lives as long as the process: main returns through exit */
    void *self = NULL;
    struct hw_err err = {0};
    int64_t began = hw_mono_ms();
    if (entry->role->start(settings, &self, &err) < 0) {
        hw_error("cannot start", hw_kv_s("why", err.text));
        /* 2 tells the supervisor that trying again helps nobody before a setting is changed. */
        _exit(err.kind == HW_ERR_CONFIG ? HW_EXIT_USAGE : HW_EXIT_FAILURE);
    }
    hw_info("started", hw_kv_s("version", HW_VERSION), hw_kv_i("pid", getpid()), hw_kv_i("ms", hw_mono_ms() - began));
    atomic_store(&watch.started, true);
    while (sem_wait(&watch.stop) < 0 && errno == EINTR)
        ;
    const struct hw_err *why = hw_role_quit_error();
    bool failed = why && why->kind != HW_ERR_NONE;
    if (failed)
        hw_error("cannot go on", hw_kv_s("why", why->text));
    hw_info("stopping");
    entry->role->stop(self);
    hw_info("stopped");
    return failed ? HW_EXIT_FAILURE : HW_EXIT_OK;
}

int serve_command(int argc, char **argv) {
    const char *config = NULL, *data = NULL, *offset = NULL;
    struct args_list sets = {0};
    struct args_words words;
    const struct args_option options[] = {{.name = "--config", .value = &config},
                                          {.name = "--data", .value = &data},
                                          {.name = "--port-offset", .value = &offset},
                                          {.name = "--set", .list = &sets},
                                          {0}};
    if (args_parse(argc, argv, options, &words) < 0 ||
        args_expect(&words, "serve ROLE [--config FILE] [--set section.key=value]… [--data DIR] [--port-offset N]", 1,
                    1) < 0)
        return HW_EXIT_USAGE;
    const struct role_entry *entry = role_find(words.items[0]);
    if (!entry) {
        const char *names[ROLE_COUNT + 1] = {0};
        for (size_t i = 0; i < ROLE_COUNT; i++)
            names[i] = role_table[i].name;
        const char *near = hw_nearest(words.items[0], names);
        fprintf(stderr, "error: there is no role '%s'%s%s%s\n  roles: log, catalog, ingest, connect, admin\n",
                words.items[0], near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
        return HW_EXIT_USAGE;
    }
    if (!entry->role || !entry->role->start) {
        fprintf(stderr, "error: this binary was built without the role %s (CMake: HW_ROLES)\n", entry->name);
        return HW_EXIT_FAILURE;
    }
    HW_CLEANUP(hw_freep) char *data_set = data ? hw_xasprintf("common.data.dir=%s", data) : NULL;
    HW_CLEANUP(hw_freep) char *offset_set = offset ? hw_xasprintf("common.port.offset=%s", offset) : NULL;
    if ((data_set && args_list_add(&sets, data_set) < 0) || (offset_set && args_list_add(&sets, offset_set) < 0))
        return HW_EXIT_USAGE;
    struct hw_settings *settings = role_settings_load(config, &sets);
    if (!settings)
        return HW_EXIT_USAGE;
    const struct hw_config *common = hw_settings_section(settings, "common");
    const char *format = hw_config_str(common, "log.format");
    hw_diag_setup(entry->name, level_of(hw_config_str(common, "log.level")), format && strcmp(format, "json") == 0);
    int result = run(entry, settings);
    hw_settings_free(settings);
    return result;
}
