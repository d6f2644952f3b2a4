/* highway up ─┬─ highway serve log        started first; the others once it answers
 *             ├─ highway serve catalog
 *             ├─ highway serve ingest
 *             ├─ highway serve connect
 *             └─ highway serve admin
 * One thread, one loop: signals come through a signalfd, everything else is looked at every 50 ms (200 ms once all is
 * ready). Stop order is the reverse, in stages, so that nobody loses what it still needs: doors and UI, worker,
 * catalog, log. */
#include "main/up.h"
#include "main/child.h"
#include "main/demo.h"
#include "main/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_STARTING_MS 30
#define TICK_QUIET_MS    200
#define SLOW_START_MS    20000

struct up {
    struct hw_settings *settings;
    const char *config;
    struct args_list sets; /* for the children: what the user gave and what up adds */
    char *data, *bootstrap;
    bool demo, table_printed, stopping, slow_told;
    struct child children[ROLE_COUNT];
    size_t count;
    int lock_fd, signal_fd;
    int64_t began_ms, rotated_ms;
    pid_t demo_pid;
};

static int lock_data_dir(struct up *up, struct hw_err *err) {
    HW_TRY(probe_writable(up->data, err));
    HW_CLEANUP(hw_freep) char *run = hw_xasprintf("%s/run", up->data);
    HW_CLEANUP(hw_freep) char *logs = hw_xasprintf("%s/logs", up->data);
    HW_TRY(probe_writable(run, err));
    HW_TRY(probe_writable(logs, err));
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("%s/up.lock", run);
    up->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (up->lock_fd < 0)
        return hw_err_set_errno(err, errno, "cannot open %s", path);
    if (flock(up->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        char pid[24] = {0};
        ssize_t got = pread(up->lock_fd, pid, sizeof pid - 1, 0);
        return hw_err_set(err, HW_ERR_CONFIG, EWOULDBLOCK,
                          "another `highway up` (process %s) runs on %s. Stop that one, or give this one a directory "
                          "of its own: --data DIR",
                          got > 0 ? pid : "?", up->data);
    }
    char pid[24];
    int size = snprintf(pid, sizeof pid, "%d", (int)getpid());
    if (ftruncate(up->lock_fd, 0) < 0 || pwrite(up->lock_fd, pid, (size_t)size, 0) != size)
        return hw_err_set_errno(err, errno, "cannot write %s", path);
    return 0;
}

/* Every port in use is named at once, with an offset at which all are free. */
static int check_ports(const struct up *up) {
    size_t taken = 0;
    for (size_t i = 0; i < up->count; i++) {
        const struct child *child = &up->children[i];
        if (child->port < 1 || child->port > 65535) {
            fprintf(stderr, "error: the port of %s would be %d; choose a smaller --port-offset\n", child->entry->name,
                    child->port);
            return -1;
        }
        const char *host = role_host(up->settings, child->entry, false);
        if (probe_port_is_free(host, child->port))
            continue;
        fprintf(stderr, "error: port %d on %s, which %s needs, is in use by another program\n", child->port, host,
                child->entry->name);
        taken++;
    }
    if (!taken)
        return 0;
    int now = hw_settings_port(up->settings, 0);
    for (int offset = 100; offset <= 20000; offset += 100) {
        bool all_free = true;
        for (size_t i = 0; i < up->count && all_free; i++)
            all_free = probe_port_is_free(role_host(up->settings, up->children[i].entry, false),
                                          up->children[i].port - now + offset);
        if (all_free) {
            fprintf(stderr,
                    "  fix: stop that program, or shift every port of this highway: highway up --port-offset %d …\n",
                    offset);
            return -1;
        }
    }
    fprintf(stderr, "  fix: stop that program, or shift every port of this highway with --port-offset N\n");
    return -1;
}

static bool user_set(const struct up *up, const char *section, const char *key) {
    return hw_config_is_set(hw_settings_section(up->settings, section), key);
}

static int add_set(struct up *up, const char *format, const char *value) {
    char *text = hw_xasprintf("%s%s", format, value); /* kept until the end of the process */
    return args_list_add(&up->sets, text);
}

/* What the embedded set-up wants to be different from a role's own defaults; the user's word counts more. */
static int add_defaults(struct up *up) {
    static const struct {
        const char *key, *value;
    } log_defaults[] = {{"num.partitions", "4"}, {"group.initial.rebalance.delay.ms", "0"}};
    const struct role_entry *log = role_find("log");
    for (size_t i = 0; i < HW_ARRAY_SIZE(log_defaults); i++) {
        if (!role_has_key(log, log_defaults[i].key) || user_set(up, "log", log_defaults[i].key))
            continue;
        HW_CLEANUP(hw_freep) char *key = hw_xasprintf("log.%s=", log_defaults[i].key);
        HW_TRY(add_set(up, key, log_defaults[i].value));
    }
    return 0;
}

static const char *const *child_argv(const struct up *up, const char *role) {
    size_t size = 6 + 2 * up->sets.count + 1, at = 0;
    const char **argv = hw_xcalloc(size, sizeof *argv); /* lives as long as the process */
    argv[at++] = "highway";
    argv[at++] = "serve";
    argv[at++] = role;
    if (up->config) {
        argv[at++] = "--config";
        argv[at++] = up->config;
    }
    for (size_t i = 0; i < up->sets.count; i++) {
        argv[at++] = "--set";
        argv[at++] = up->sets.items[i];
    }
    return argv;
}

static void plan_children(struct up *up) {
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        const struct role_entry *entry = &role_table[i];
        if (!entry->role || !entry->role->start || (strcmp(entry->name, "log") == 0 && up->bootstrap))
            continue;
        struct child *child = &up->children[up->count++];
        child->entry = entry;
        snprintf(child->host, sizeof child->host, "%s", role_host(up->settings, entry, true));
        child->port = role_port(up->settings, entry);
        child->argv = child_argv(up, entry->name);
        child->log_path = hw_xasprintf("%s/logs/%s.log", up->data, entry->name);
    }
}

static bool is_http(const struct child *child) {
    return strcmp(child->entry->name, "log") != 0;
}

static void print_table(const struct up *up) {
    printf("\nThe Data Highway %s is up after %.1f s; its data is in %s\n\n", HW_VERSION,
           (double)(hw_mono_ms() - up->began_ms) / 1000, up->data);
    if (up->bootstrap)
        printf("  %-9s %-28s %s\n", "kafka", up->bootstrap, "the log: a Kafka cluster of yours");
    const struct child *admin = NULL;
    for (size_t i = 0; i < up->count; i++) {
        const struct child *child = &up->children[i];
        char address[128];
        snprintf(address, sizeof address, "%s%s:%d", is_http(child) ? "http://" : "", child->host, child->port);
        if (strcmp(child->entry->name, "admin") == 0)
            admin = child;
        else
            printf("  %-9s %-28s %s\n", child->entry->name, address, child->entry->what);
    }
    printf("  %-9s %s/logs/ROLE.log\n", "logs", up->data);
    if (admin)
        printf("\n  Web UI    http://%s:%d\n", admin->host, admin->port);
    printf("\nCtrl-C stops everything.\n");
    fflush(stdout);
}

static void reap(struct up *up) {
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid == up->demo_pid)
            up->demo_pid = 0;
        for (size_t i = 0; i < up->count; i++) {
            struct child *child = &up->children[i];
            if (child->pid != pid)
                continue;
            if (up->stopping)
                child->pid = 0;
            else
                child_ended(child, status);
            /* A setting is wrong and it never ran: starting it again and again would only hide the message. */
            if (!up->stopping && !child->was_ready && WIFEXITED(status) && WEXITSTATUS(status) == HW_EXIT_USAGE) {
                fprintf(stderr, "error: %s cannot run with these settings:\n", child->entry->name);
                child_print_log_tail(child, 6);
                up->stopping = true;
            }
        }
    }
}

/* Starts what is due, looks for answers. Returns whether all are ready. */
static bool step(struct up *up) {
    int64_t now = hw_mono_ms();
    bool all = true, log_ready = true;
    for (size_t i = 0; i < up->count; i++) {
        struct child *child = &up->children[i];
        /* At the very beginning the log comes first; later, roles ride out its absence themselves. */
        if (child->pid == 0 && now >= child->restart_at_ms && (log_ready || child->was_ready)) {
            struct hw_err err = {0};
            if (child_spawn(child, &err) < 0) {
                fprintf(stderr, "error: %s\n", err.text);
                child->restart_at_ms = now + 1000;
            }
        }
        if (child->pid && !child->ready && now - child->probed_at_ms >= 25) {
            child->probed_at_ms = now;
            child->ready = probe_ready(child->host, child->port, is_http(child), 100);
            child->was_ready = child->was_ready || child->ready;
        }
        all = all && child->ready;
        if (!is_http(child))
            log_ready = child->was_ready;
    }
    return all;
}

static void tell_slow(struct up *up) {
    if (up->slow_told || up->table_printed || hw_mono_ms() - up->began_ms < SLOW_START_MS)
        return;
    up->slow_told = true;
    for (size_t i = 0; i < up->count; i++)
        if (!up->children[i].ready)
            fprintf(stderr, "still waiting for %s (its log: %s)\n", up->children[i].entry->name,
                    up->children[i].log_path);
    if (up->bootstrap)
        fprintf(stderr, "is Kafka reachable at %s?\n", up->bootstrap);
}

static void run(struct up *up) {
    while (!up->stopping) {
        bool all = step(up);
        if (all && !up->table_printed) {
            up->table_printed = true;
            print_table(up);
            if (up->demo)
                up->demo_pid = demo_fork(up->settings, up->data);
        }
        tell_slow(up);
        if (hw_mono_ms() - up->rotated_ms > 5000) {
            up->rotated_ms = hw_mono_ms();
            for (size_t i = 0; i < up->count; i++)
                child_log_rotate(&up->children[i]);
        }
        struct pollfd poller = {.fd = up->signal_fd, .events = POLLIN};
        if (poll(&poller, 1, all ? TICK_QUIET_MS : TICK_STARTING_MS) > 0) {
            struct signalfd_siginfo info;
            if (read(up->signal_fd, &info, sizeof info) == sizeof info && info.ssi_signo != SIGCHLD)
                up->stopping = true;
        }
        reap(up);
    }
}

/* 0: doors and UI, 1: worker, 2: catalog, 3: log */
static int stage_of(const struct child *child) {
    static const char *const stages[] = {"", "connect", "catalog", "log"};
    for (int i = 1; i < 4; i++)
        if (strcmp(child->entry->name, stages[i]) == 0)
            return i;
    return 0;
}

static void stop_all(struct up *up) {
    static const int until_ms[] = {3000, 7000, 8500,
                                   10000}; /* since the beginning of the stop; the worker flushes, so it gets most */
    int64_t began = hw_mono_ms();
    if (up->demo_pid)
        kill(up->demo_pid, SIGKILL);
    bool impatient = false;
    for (int stage = 0; stage < 4; stage++) {
        for (size_t i = 0; i < up->count; i++)
            if (up->children[i].pid && stage_of(&up->children[i]) == stage)
                kill(up->children[i].pid, SIGTERM);
        for (;;) {
            reap(up);
            bool left = false;
            for (size_t i = 0; i < up->count; i++)
                left = left || (up->children[i].pid && stage_of(&up->children[i]) == stage);
            if (!left)
                break;
            if (impatient || hw_mono_ms() - began > until_ms[stage]) {
                for (size_t i = 0; i < up->count; i++) {
                    if (!up->children[i].pid || stage_of(&up->children[i]) != stage)
                        continue;
                    fprintf(stderr, "%s did not stop in time and is killed; it recovers at its next start\n",
                            up->children[i].entry->name);
                    kill(up->children[i].pid, SIGKILL);
                    waitpid(up->children[i].pid, NULL, 0);
                    up->children[i].pid = 0;
                }
                break;
            }
            struct pollfd poller = {.fd = up->signal_fd, .events = POLLIN};
            struct signalfd_siginfo info;
            if (poll(&poller, 1, 50) > 0 && read(up->signal_fd, &info, sizeof info) == sizeof info &&
                info.ssi_signo == SIGINT)
                impatient = true; /* Ctrl-C a second time */
        }
    }
    fprintf(stderr, "stopped in %.1f s\n", (double)(hw_mono_ms() - began) / 1000);
}

static int prepare(struct up *up, const char *data, const char *offset, const char *bootstrap) {
    if ((data && add_set(up, "common.data.dir=", data) < 0) ||
        (offset && add_set(up, "common.port.offset=", offset) < 0) ||
        (bootstrap && add_set(up, "kafka.bootstrap.servers=", bootstrap) < 0))
        return -1;
    up->settings = role_settings_load(up->config, &up->sets);
    if (!up->settings)
        return -1;
    if (user_set(up, "kafka", "bootstrap.servers"))
        up->bootstrap = hw_xstrdup(hw_config_str(hw_settings_section(up->settings, "kafka"), "bootstrap.servers"));
    struct hw_err err = {0};
    up->data = hw_xstrdup(hw_settings_data_dir(up->settings));
    if (probe_writable(up->data, &err) < 0) {
        fprintf(stderr, "error: %s\n", err.text);
        return -1;
    }
    char *whole = realpath(up->data, NULL); /* so that messages and children do not hang on the current directory */
    if (whole) {
        free(up->data);
        up->data = whole;
    }
    if (add_set(up, "common.data.dir=", up->data) < 0 || add_defaults(up) < 0)
        return -1;
    plan_children(up);
    if (lock_data_dir(up, &err) < 0) {
        fprintf(stderr, "error: %s\n", err.text);
        return -1;
    }
    return check_ports(up);
}

int up_command(int argc, char **argv) {
    const char *data = NULL, *offset = NULL, *bootstrap = NULL;
    static struct up up = {.lock_fd = -1};
    struct args_words words;
    const struct args_option options[] = {{.name = "--data", .value = &data},
                                          {.name = "--port-offset", .value = &offset},
                                          {.name = "--bootstrap-servers", .value = &bootstrap},
                                          {.name = "--config", .value = &up.config},
                                          {.name = "--set", .list = &up.sets},
                                          {.name = "--demo", .flag = &up.demo},
                                          {0}};
    if (args_parse(argc, argv, options, &words) < 0 ||
        args_expect(&words, "up [--data DIR] [--port-offset N] …", 0, 0) < 0)
        return HW_EXIT_USAGE;
    up.began_ms = up.rotated_ms = hw_mono_ms();
    if (prepare(&up, data, offset, bootstrap) < 0)
        return HW_EXIT_USAGE;
    if (up.count == 0) {
        fprintf(stderr, "error: this binary holds no role (CMake: HW_ROLES)\n");
        return HW_EXIT_FAILURE;
    }
    sigset_t mask;
    sigemptyset(&mask);
    sigaddset(&mask, SIGCHLD);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGHUP);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    up.signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (up.signal_fd < 0) {
        fprintf(stderr, "error: signalfd: %s\n", strerror(errno));
        return HW_EXIT_FAILURE;
    }
    run(&up);
    /* Stopped on request is a success; a role that cannot run at all is none. */
    bool failed = false;
    for (size_t i = 0; i < up.count; i++)
        failed = failed || (!up.children[i].was_ready && up.children[i].quick_failures > 0 && up.children[i].pid == 0);
    stop_all(&up);
    return failed ? HW_EXIT_FAILURE : HW_EXIT_OK;
}
