/* Blocking HTTP client over libcurl. Each thread keeps one easy handle, and with it its connections, until the thread ends.
 *
 * libcurl sends a request a second time by itself when a kept connection turns out to be dead. That is fine for methods that are
 * idempotent; a POST or PATCH always gets a fresh connection, so that a failed call was sent once at most. */
#include "net/http_client.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define DEFAULT_TIMEOUT_MS 30000
#define CONNECT_TIMEOUT_MS 5000
#define DEFAULT_MAX_BODY_BYTES (64u << 20)
#define KEPT_CONNECTION_MAX_S 30L /* below the 60 s after which our servers close */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t handle_key;
static char no_proxy[1024];

static void free_handle(void *handle) {
    curl_easy_cleanup(handle);
}

static void set_up(void) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    pthread_key_create(&handle_key, free_handle);
    const char *from_environment = getenv("no_proxy");
    if (!from_environment)
        from_environment = getenv("NO_PROXY");
    /* The roles speak to each other over loopback, which no proxy can reach. */
    snprintf(no_proxy, sizeof(no_proxy), "localhost,127.0.0.1,::1%s%s", from_environment ? "," : "",
             from_environment ? from_environment : "");
    if (from_environment && strcmp(from_environment, "*") == 0)
        snprintf(no_proxy, sizeof(no_proxy), "*");
}

static CURL *thread_handle(void) {
    pthread_once(&once, set_up);
    CURL *easy = pthread_getspecific(handle_key);
    if (easy) {
        curl_easy_reset(easy); /* keeps connections and the DNS cache */
        return easy;
    }
    easy = curl_easy_init();
    pthread_setspecific(handle_key, easy);
    return easy;
}

struct receiver {
    struct hw_http_response *response;
    size_t max_body_bytes;
    bool too_large;
};

static size_t on_body(char *data, size_t unit, size_t count, void *arg) {
    struct receiver *receiver = arg;
    size_t size = unit * count;
    if (size > receiver->max_body_bytes - receiver->response->body.size || hw_buf_add(&receiver->response->body, data, size) < 0) {
        receiver->too_large = true;
        return 0;
    }
    return size;
}

static void copy_header(const char *line, size_t size, const char *name, char *out, size_t out_size) {
    size_t name_size = strlen(name);
    if (size <= name_size || strncasecmp(line, name, name_size) != 0 || line[name_size] != ':')
        return;
    line += name_size + 1;
    size -= name_size + 1;
    while (size > 0 && (*line == ' ' || *line == '\t')) {
        line++;
        size--;
    }
    while (size > 0 && strchr("\r\n \t", line[size - 1]))
        size--;
    if (size >= out_size)
        return; /* half a location or tag would be wrong, none is honest */
    memcpy(out, line, size);
    out[size] = 0;
}

static size_t on_header(char *line, size_t unit, size_t count, void *arg) {
    struct receiver *receiver = arg;
    struct hw_http_response *response = receiver->response;
    size_t size = unit * count;
    if (size > 5 && memcmp(line, "HTTP/", 5) == 0) { /* the final answer follows a 100 */
        response->content_type[0] = response->location[0] = response->etag[0] = 0;
        return size;
    }
    copy_header(line, size, "content-type", response->content_type, sizeof(response->content_type));
    copy_header(line, size, "location", response->location, sizeof(response->location));
    copy_header(line, size, "etag", response->etag, sizeof(response->etag));
    return size;
}

static void add_header(struct curl_slist **list, const char *line) {
    struct curl_slist *longer = curl_slist_append(*list, line);
    if (longer)
        *list = longer;
}

static struct curl_slist *build_headers(const struct hw_http_call *call) {
    struct curl_slist *list = NULL;
    add_header(&list, "Expect:"); /* never wait a second for 100 Continue */
    if (call->body || call->body_size > 0 || call->content_type) {
        char line[256];
        snprintf(line, sizeof(line), "Content-Type: %s", call->content_type ? call->content_type : "application/json");
        add_header(&list, line);
    } else {
        add_header(&list, "Content-Type:"); /* else libcurl calls a POST without body a form */
    }
    for (size_t i = 0; call->headers && call->headers[i]; i++)
        add_header(&list, call->headers[i]);
    return list;
}

static bool is_method(const struct hw_http_call *call, const char *name) {
    return strcmp(call->method, name) == 0;
}

static void set_request(CURL *easy, const struct hw_http_call *call) {
    bool may_have_body = is_method(call, "POST") || is_method(call, "PUT") || is_method(call, "PATCH");
    if (is_method(call, "HEAD")) {
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    } else if (call->body_size > 0 || may_have_body) {
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDS, call->body_size > 0 ? call->body : "");
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)call->body_size);
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
    } else {
        curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, call->method);
    }
    if (is_method(call, "POST") || is_method(call, "PATCH"))
        curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
}

/* Could the server have seen the request? */
static bool was_sent(CURL *easy, CURLcode code) {
    if (code == CURLE_COULDNT_RESOLVE_HOST || code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_COULDNT_CONNECT)
        return false;
    curl_off_t ready_us = 0; /* when the connection (and TLS) stood and sending could begin */
    curl_easy_getinfo(easy, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
    return ready_us > 0;
}

static int failed(CURL *easy, const struct hw_http_call *call, const struct receiver *receiver, CURLcode code, const char *text,
                  struct hw_err *err) {
    if (receiver->too_large)
        return hw_err_set(err, HW_ERR_DATA, 1, "%s %s: the answer is larger than %zu bytes", call->method, call->url,
                          receiver->max_body_bytes);
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL)
        return hw_err_set(err, HW_ERR_CONFIG, 0, "\"%s\" is no http:// or https:// address", call->url);
    return hw_err_set(err, HW_ERR_RETRY, was_sent(easy, code) ? 1 : 0, "%s %s: %s", call->method, call->url,
                      text[0] ? text : curl_easy_strerror(code));
}

int hw_http_call(const struct hw_http_call *call, struct hw_http_response *out, struct hw_err *err) {
    memset(out, 0, sizeof(*out));
    CURL *easy = thread_handle();
    if (!easy)
        return hw_err_set(err, HW_ERR_RETRY, 0, "cannot create an HTTP client: out of memory");
    struct receiver receiver = {.response = out, .max_body_bytes = call->max_body_bytes ? call->max_body_bytes : DEFAULT_MAX_BODY_BYTES};
    char text[CURL_ERROR_SIZE] = "";
    int timeout_ms = call->timeout_ms > 0 ? call->timeout_ms : DEFAULT_TIMEOUT_MS;
    struct curl_slist *headers = build_headers(call);
    curl_easy_setopt(easy, CURLOPT_URL, call->url);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_NOPROXY, no_proxy);
    curl_easy_setopt(easy, CURLOPT_USERAGENT, "highway/1");
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)HW_MIN(timeout_ms, CONNECT_TIMEOUT_MS));
    curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, KEPT_CONNECTION_MAX_S);
    curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, text);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, &receiver);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, &receiver);
    set_request(easy, call);

    CURLcode code = curl_easy_perform(easy);
    int result = 0;
    if (code != CURLE_OK) {
        result = failed(easy, call, &receiver, code, text, err);
        hw_buf_done(&out->body);
    } else {
        long status = 0;
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        out->status = (int)status;
    }
    curl_easy_reset(easy); /* text and headers are gone after this call */
    curl_slist_free_all(headers);
    return result;
}

void hw_http_response_done(struct hw_http_response *response) {
    hw_buf_done(&response->body);
}
