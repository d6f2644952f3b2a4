#include "main/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define BACKOFF_FIRST_MS 100
#define BACKOFF_MOST_MS  5000
#define LONG_LIFE_MS     30000
#define QUICK_MS         10000
#define LOG_LIMIT_BYTES  (10 << 20)
#define TAIL_BYTES       16384

int child_spawn(struct child *child, struct hw_err *err) {
    int log = open(child->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log < 0)
        return hw_err_set_errno(err, errno, "cannot write the log file %s", child->log_path);
    child->log_from = lseek(log, 0, SEEK_END);
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        int fault = errno;
        close(log);
        return hw_err_set_errno(err, fault, "cannot start another process");
    }
    if (pid == 0) {
        /* KILL, not TERM: when the supervisor is gone nobody would wait for a slow stop, and every role survives a
         * kill. */
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(HW_EXIT_FAILURE);
        setpgid(0, 0); /* the terminal's Ctrl-C is for the supervisor, which stops the roles in order */
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        int null = open("/dev/null", O_RDONLY);
        dup2(null, STDIN_FILENO);
        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
        execv("/proc/self/exe", (char *const *)child->argv);
        dprintf(STDERR_FILENO, "cannot run %s: %s\n", child->argv[0], strerror(errno));
        _exit(127);
    }
    close(log);
    child->pid = pid;
    child->ready = false;
    child->started_at_ms = hw_mono_ms();
    child->restart_at_ms = 0;
    return 0;
}

static void describe(char *out, size_t size, int status) {
    if (WIFSIGNALED(status))
        snprintf(out, size, "was killed by %s%s", strsignal(WTERMSIG(status)),
                 WTERMSIG(status) == SIGKILL ? " (SIGKILL: by hand, or out of memory)" : "");
    else
        snprintf(out, size, "ended with code %d", WEXITSTATUS(status));
}

void child_ended(struct child *child, int wait_status) {
    int64_t now = hw_mono_ms(), lived = now - child->started_at_ms;
    char how[128];
    describe(how, sizeof how, wait_status);
    if (lived >= LONG_LIFE_MS)
        child->backoff_ms = 0;
    child->quick_failures = lived < QUICK_MS && !child->ready ? child->quick_failures + 1 : 0;
    child->backoff_ms = child->backoff_ms ? HW_MIN(child->backoff_ms * 2, BACKOFF_MOST_MS) : BACKOFF_FIRST_MS;
    child->pid = 0;
    child->ready = false;
    child->restart_at_ms = now + child->backoff_ms;
    fprintf(stderr, "%s %s after %.1f s; starting it again in %d ms (its log: %s)\n", child->entry->name, how,
            (double)lived / 1000, child->backoff_ms, child->log_path);
    if (child->quick_failures == 3) {
        fprintf(stderr, "%s failed three times in a row at its start. The last lines of its log:\n",
                child->entry->name);
        child_print_log_tail(child, 12);
    }
}

/* The child appends (O_APPEND), so cutting the file to nothing makes it go on at the beginning: no signal, no pipe that
 * could fill up. Lines written between the copy and the cut are lost, as with logrotate's copytruncate. */
void child_log_rotate(struct child *child) {
    struct stat info;
    if (stat(child->log_path, &info) < 0 || info.st_size < LOG_LIMIT_BYTES)
        return;
    HW_CLEANUP(hw_freep) char *older = hw_xasprintf("%s.1", child->log_path);
    HW_CLEANUP(hw_closep) int from = open(child->log_path, O_RDWR | O_CLOEXEC);
    HW_CLEANUP(hw_closep) int to = open(older, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (from < 0)
        return; // cppcheck-suppress resourceLeak ; HW_CLEANUP closes
    char block[65536];
    ssize_t got;
    while (to >= 0 && (got = read(from, block, sizeof block)) > 0)
        if (write(to, block, (size_t)got) != got)
            break;
    if (ftruncate(from, 0) == 0)
        child->log_from = 0;
}

void child_print_log_tail(const struct child *child, int lines) {
    HW_CLEANUP(hw_closep) int fd = open(child->log_path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    off_t end = lseek(fd, 0, SEEK_END);
    off_t from = HW_MAX(end - TAIL_BYTES, child->log_from <= end ? (off_t)child->log_from : 0);
    static char text[TAIL_BYTES];
    ssize_t got = pread(fd, text, sizeof text, from);
    if (got <= 0)
        return; // cppcheck-suppress resourceLeak ; HW_CLEANUP closes
    ssize_t at = got - (text[got - 1] == '\n');
    while (at > 0 && lines > 0)
        if (text[--at] == '\n' && --lines == 0)
            at++;
    for (ssize_t line = at; line < got;) {
        const char *stop = memchr(text + line, '\n', (size_t)(got - line));
        ssize_t size = stop ? stop - (text + line) : got - line;
        fprintf(stderr, "  | %.*s\n", (int)size, text + line);
        line += size + 1;
    }
}
