/* highway doctor: looks at everything a running highway needs and says the fix beside each fault. */
#include "main/cli.h"
#include "main/probe.h"
#include "main/roles.h"
#include "net/http_client.h"

#include <errno.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define DISK_LOW_BYTES (1ull << 30)

struct doctor {
    int faults;
    const struct hw_settings *settings;
};

static void say(struct doctor *doctor, bool good, const char *what, const char *fix) {
    if (!good)
        doctor->faults++;
    printf("%s  %s\n", good ? "ok  " : "FAIL", what);
    if (!good && fix)
        printf("      fix: %s\n", fix);
}

static void check_data_dir(struct doctor *doctor) {
    const char *dir = hw_settings_data_dir(doctor->settings);
    char what[600];
    struct hw_err err = {0};
    if (access(dir, F_OK) < 0) {
        printf("--    data directory %s is not there yet; `highway up` makes it\n", dir);
        return;
    }
    if (probe_writable(dir, &err) < 0) {
        say(doctor, false, err.text, "chown it to the user that runs the highway, or use --data DIR");
        return;
    }
    struct statvfs disk;
    if (statvfs(dir, &disk) < 0)
        return;
    unsigned long long left = (unsigned long long)disk.f_bavail * disk.f_frsize;
    snprintf(what, sizeof what, "data directory %s: writable, %.1f GB free", dir, (double)left / 1e9);
    say(doctor, left >= DISK_LOW_BYTES, what,
        "make room: below 1 GB the log stops soon; shorten retention or move the directory");
}

static void check_role(struct doctor *doctor, const struct role_entry *entry) {
    char what[600], fix[400], url[200];
    const char *host = role_host(doctor->settings, entry, true);
    int port = role_port(doctor->settings, entry);
    bool http = strcmp(entry->name, "log") != 0;
    if (!http && hw_config_is_set(hw_settings_section(doctor->settings, "kafka"), "bootstrap.servers")) {
        printf("--    log: not ours, Kafka at %s\n",
               hw_config_str(hw_settings_section(doctor->settings, "kafka"), "bootstrap.servers"));
        return;
    }
    if (!http) {
        bool answers = probe_ready(host, port, false, 1000);
        snprintf(what, sizeof what, "%s at %s:%d %s", entry->name, host, port,
                 answers ? "accepts connections" : "does not answer");
        say(doctor, answers, what, "start it: highway up (or name the right --port-offset)");
        return;
    }
    snprintf(url, sizeof url, "http://%s:%d/health", host, port);
    struct hw_http_call call = {.method = "GET", .url = url, .timeout_ms = 3000};
    HW_CLEANUP(hw_http_response_done) struct hw_http_response response = {0};
    struct hw_err err = {0};
    if (hw_http_call(&call, &response, &err) < 0) {
        snprintf(what, sizeof what, "%s at %s:%d does not answer", entry->name, host, port);
        snprintf(fix, sizeof fix,
                 "start it: highway up (or name the right --port-offset); why it ended is in DATA/logs/%s.log",
                 entry->name);
        say(doctor, false, what, fix);
        return;
    }
    snprintf(what, sizeof what, "%s at %s:%d %s", entry->name, host, port,
             response.status == 200 ? "is healthy" : "answers, but is not ready: ");
    if (response.status != 200) {
        size_t at = strlen(what);
        snprintf(what + at, sizeof what - at, "%.300s", hw_buf_str(&response.body));
    }
    snprintf(fix, sizeof fix, "wait a moment; if it stays so, look into DATA/logs/%s.log", entry->name);
    say(doctor, response.status == 200, what, fix);
}

int doctor_command(int argc, char **argv) {
    const char *file = NULL, *data = NULL, *offset = NULL;
    struct args_list sets = {0};
    struct args_words words;
    const struct args_option options[] = {{.name = "--config", .value = &file},
                                          {.name = "--set", .list = &sets},
                                          {.name = "--data", .value = &data},
                                          {.name = "--port-offset", .value = &offset},
                                          {0}};
    if (args_parse(argc, argv, options, &words) < 0 ||
        args_expect(&words, "doctor [--data DIR] [--port-offset N]", 0, 0) < 0)
        return HW_EXIT_USAGE;
    HW_CLEANUP(hw_freep) char *data_set = data ? hw_xasprintf("common.data.dir=%s", data) : NULL;
    HW_CLEANUP(hw_freep) char *offset_set = offset ? hw_xasprintf("common.port.offset=%s", offset) : NULL;
    if ((data_set && args_list_add(&sets, data_set) < 0) || (offset_set && args_list_add(&sets, offset_set) < 0))
        return HW_EXIT_USAGE;
    struct hw_settings *settings = role_settings_load(file, &sets);
    if (!settings)
        return HW_EXIT_USAGE;
    struct doctor doctor = {.settings = settings};
    printf("ok    highway %s\n", HW_VERSION);
    check_data_dir(&doctor);
    for (size_t i = 0; i < ROLE_COUNT; i++)
        check_role(&doctor, &role_table[i]);
    hw_settings_free(settings);
    if (doctor.faults)
        fprintf(stderr, "%d fault%s\n", doctor.faults, doctor.faults == 1 ? "" : "s");
    return doctor.faults ? HW_EXIT_FAILURE : HW_EXIT_OK;
}
