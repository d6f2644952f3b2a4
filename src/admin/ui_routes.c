/* Serves the built UI: from inside the binary, or from ui.dir while someone works on it. Assets carry their hash in the
 * name and never change; index.html is asked for again each time and answered 304 when it is the same. */
#include "admin/admin_internal.h"
#include "admin/ui.h"
#include "base/fs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE_BYTES (32u << 20)
#define CSP                                                                                                            \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src "     \
    "'self'; worker-src 'self'; "                                                                                      \
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'"

static const char *content_type(const char *path) {
    static const struct {
        const char *ending, *type;
    } types[] = {{".html", "text/html; charset=utf-8"},
                 {".js", "text/javascript; charset=utf-8"},
                 {".css", "text/css; charset=utf-8"},
                 {".json", "application/json"},
                 {".svg", "image/svg+xml"},
                 {".woff2", "font/woff2"},
                 {".png", "image/png"},
                 {".ico", "image/x-icon"},
                 {".txt", "text/plain; charset=utf-8"},
                 {".map", "application/json"},
                 {".webmanifest", "application/manifest+json"}};
    size_t size = strlen(path);
    for (size_t i = 0; i < HW_ARRAY_SIZE(types); i++) {
        size_t ending = strlen(types[i].ending);
        if (size > ending && strcmp(path + size - ending, types[i].ending) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

/* "br;q=0" refuses; everything else that names the coding accepts. */
static bool accepts(const struct hw_http_exchange *x, const char *coding) {
    const char *header = hw_http_header(x, "accept-encoding");
    size_t size = strlen(coding);
    for (const char *at = header; at && *at;) {
        at += strspn(at, " \t,");
        size_t length = strcspn(at, ",");
        if (length >= size && strncmp(at, coding, size) == 0 && (length == size || strchr("; \t", at[size]))) {
            const char *q = memmem(at, length, "q=0", 3);
            return !q || (q[3] == '.' && strspn(q + 4, "0") < strcspn(q + 4, ", \t;"));
        }
        at += length;
    }
    return false;
}

static void set_headers(struct hw_http_exchange *x, const char *path, const char *etag) {
    bool asset = strncmp(path, "/assets/", 8) == 0;
    hw_http_set_header(x, "Cache-Control", asset ? "public, max-age=31536000, immutable" : "no-cache");
    hw_http_set_header(x, "ETag", etag);
    hw_http_set_header(x, "Vary", "Accept-Encoding");
    hw_http_set_header(x, "X-Content-Type-Options", "nosniff");
    hw_http_set_header(x, "Referrer-Policy", "no-referrer");
    hw_http_set_header(x, "Cross-Origin-Opener-Policy", "same-origin");
    hw_http_set_header(x, "Content-Security-Policy", CSP);
}

static void send_file(struct hw_admin *admin, struct hw_http_exchange *x, const struct hw_ui_file *file) {
    set_headers(x, file->path, file->etag);
    const char *none_match = hw_http_header(x, "if-none-match");
    if (none_match && (strcmp(none_match, "*") == 0 || strstr(none_match, file->etag))) {
        hw_admin_reply_text(admin->access, x, 304, NULL, NULL, 0);
        return;
    }
    const unsigned char *data = file->data;
    size_t size = file->size;
    if (file->br_size && accepts(x, "br")) {
        hw_http_set_header(x, "Content-Encoding", "br");
        data = file->br;
        size = file->br_size;
    } else if (file->gz_size && accepts(x, "gzip")) {
        hw_http_set_header(x, "Content-Encoding", "gzip");
        data = file->gz;
        size = file->gz_size;
    }
    hw_admin_reply_text(admin->access, x, 200, content_type(file->path), data, size);
}

static void send_missing(struct hw_admin *admin, struct hw_http_exchange *x) {
    hw_admin_problem(admin->access, x,
                     &(struct hw_problem){
                         .status = 404, .code = "not_found", .hint = "reload the page: it may be of an older version"},
                     "there is no file %.300s", hw_http_path(x));
}

static void send_unbuilt(struct hw_admin *admin, struct hw_http_exchange *x) {
    static const char page[] =
        "<!doctype html><html lang=\"en\"><title>The Data Highway</title><h1>The web UI is not in this binary</h1>"
        "<p>Build it with <code>make ui</code> and then <code>make build</code>. The API is at <a "
        "href=\"/v1/info\">/v1</a>.";
    hw_http_set_header(x, "Cache-Control", "no-cache");
    hw_http_set_header(x, "X-Content-Type-Options", "nosniff");
    hw_http_set_header(x, "Content-Security-Policy", CSP);
    hw_admin_reply_text(admin->access, x, 200, "text/html; charset=utf-8", page, sizeof page - 1);
}

static void serve_embedded(struct hw_admin *admin, struct hw_http_exchange *x, const char *path) {
    const struct hw_ui_file *index = NULL;
    for (const struct hw_ui_file *file = hw_ui_files; file->path; file++) {
        if (strcmp(file->path, path) == 0) {
            send_file(admin, x, file);
            return;
        }
        if (strcmp(file->path, "/index.html") == 0)
            index = file;
    }
    if (strncmp(path, "/assets/", 8) == 0)
        send_missing(admin, x); /* not the page: a script that is HTML would only hide what is wrong */
    else if (index)
        send_file(admin, x, index);
    else
        send_unbuilt(admin, x);
}

/* From ui.dir. Paths come from outside: no "..", no dot files. */
static void serve_directory(struct hw_admin *admin, struct hw_http_exchange *x, const char *path) {
    HW_CLEANUP(hw_buf_done) struct hw_buf text = {0};
    struct hw_err err = {0};
    char etag[32];
    if (strstr(path, "/.")) {
        send_missing(admin, x);
        return;
    }
    HW_CLEANUP(hw_freep) char *name = hw_xasprintf("%s%s", admin->ui_dir, path);
    if (strcmp(path, "/") == 0 || hw_fs_read(name, MAX_FILE_BYTES, &text, &err) < 0) {
        HW_CLEANUP(hw_freep) char *index = hw_xasprintf("%s/index.html", admin->ui_dir);
        path = "/index.html";
        if (strncmp(hw_http_path(x), "/assets/", 8) == 0 || hw_fs_read(index, MAX_FILE_BYTES, &text, &err) < 0) {
            send_missing(admin, x);
            return;
        }
    }
    snprintf(etag, sizeof etag, "\"%08x-%zx\"", hw_crc32c(text.data, text.size), text.size);
    send_file(admin, x, &(struct hw_ui_file){.path = path, .etag = etag, .data = text.data, .size = text.size});
}

void hw_route_ui(struct hw_http_exchange *x, void *arg) {
    struct hw_admin *admin = arg;
    const char *path = hw_http_path(x);
    if (strcmp(path, "/") == 0)
        path = "/index.html";
    if (admin->ui_dir)
        serve_directory(admin, x, path);
    else
        serve_embedded(admin, x, path);
}

void hw_route_openapi(struct hw_http_exchange *x, void *arg) {
    struct hw_admin *admin = arg;
    hw_http_set_header(x, "Cache-Control", "no-store");
    hw_admin_reply_text(admin->access, x, 200, "application/json", hw_ui_openapi, hw_ui_openapi_size);
}

void hw_route_unknown_v1(struct hw_http_exchange *x, void *arg) {
    struct hw_admin *admin = arg;
    hw_admin_problem(
        admin->access, x,
        &(struct hw_problem){.status = 404, .code = "not_found", .hint = "GET /v1/openapi.json lists what there is"},
        "there is no %.300s in this API", hw_http_path(x));
}

void hw_route_info(struct hw_http_exchange *x, void *arg) {
    struct hw_admin *admin = arg;
    HW_CLEANUP(hw_json_mut_freep) yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_mut_obj(doc);
    yyjson_mut_doc_set_root(doc, root);
    yyjson_mut_obj_add_str(doc, root, "name", "The Data Highway");
    yyjson_mut_obj_add_str(doc, root, "version", HW_VERSION);
    hw_json_add_text(doc, root, "environment", admin->environment);
    hw_json_add_time(doc, root, "now", hw_now_us());
    hw_json_add_time(doc, root, "started_at", admin->started_us);
    hw_json_add_text(doc, root, "bootstrap_servers", admin->bootstrap);
    yyjson_mut_obj_add_bool(doc, root, "embedded_log", admin->embedded_log);
    yyjson_mut_val *urls = yyjson_mut_obj_add_obj(doc, root, "urls");
    hw_json_add_text(doc, urls, "admin", admin->own_uri);
    hw_json_add_text(doc, urls, "ingest", admin->ingest_uri);
    hw_json_add_text(doc, urls, "connect", admin->connect_uri);
    hw_json_add_text(doc, urls, "catalog", admin->catalog_uri);
    hw_admin_reply(admin->access, x, 200, doc);
}
