/* Path → route. Patterns are cut into segments at start; a request walks the table and the first match wins. The tables have some
 * dozens of rows, so a walk that mostly fails at the first segment beats anything cleverer. */
#include "net/http_internal.h"

#include <stdlib.h>
#include <string.h>

static int bad_pattern(const char *pattern, const char *why, struct hw_err *err) {
    return hw_err_set(err, HW_ERR_FATAL, 0, "route pattern \"%s\": %s", pattern, why);
}

static int add_segment(struct http_route *route, char *text, struct hw_err *err) {
    const char *pattern = route->route->pattern;
    size_t size = strlen(text);
    if (route->takes_rest)
        return bad_pattern(pattern, "{name...} must be the last segment", err);
    bool is_param = size > 2 && text[0] == '{' && text[size - 1] == '}';
    if (!is_param && strpbrk(text, "{}"))
        return bad_pattern(pattern, "a parameter is a whole segment", err);
    if (is_param) {
        text[size - 1] = 0;
        text++;
        size -= 2;
    }
    if (is_param && size > 3 && strcmp(text + size - 3, "...") == 0) {
        text[size - 3] = 0;
        route->takes_rest = true;
        route->rest_name = text;
        return 0;
    }
    if (route->segment_count == HTTP_MAX_SEGMENTS)
        return bad_pattern(pattern, "too many segments", err);
    route->segments[route->segment_count].text = text;
    route->segments[route->segment_count++].is_param = is_param;
    return 0;
}

static int build(struct http_route *route, const struct hw_http_route *from, struct hw_err *err) {
    route->route = from;
    if (from->pattern[0] != '/')
        return bad_pattern(from->pattern, "must begin with /", err);
    route->storage = hw_xstrdup(from->pattern);
    char *at = route->storage + 1;
    while (*at) {
        char *end = strchrnul(at, '/');
        bool last = !*end;
        *end = 0;
        HW_TRY(add_segment(route, at, err));
        if (last)
            break;
        at = end + 1;
    }
    return 0;
}

int http_router_build(struct hw_http_server *server, struct hw_err *err) {
    const struct hw_http_route *routes = server->options.routes;
    unsigned count = 0;
    while (routes && routes[count].method)
        count++;
    server->routes = hw_xcalloc(count + 1, sizeof(struct http_route));
    server->route_count = count;
    for (unsigned i = 0; i < count; i++) {
        server->routes[i].index = i;
        HW_TRY(build(&server->routes[i], &routes[i], err));
    }
    server->counted_routes = count + 1; /* the last one counts what no route answered */
    return 0;
}

void http_router_free(struct hw_http_server *server) {
    for (unsigned i = 0; i < server->route_count; i++)
        free(server->routes[i].storage);
    free(server->routes);
}

static bool path_matches(const struct http_route *route, const struct hw_http_exchange *x) {
    unsigned count = x->segment_count;
    if (count > 0 && !*http_text(x, x->segments[count - 1])) /* "/topics/" means "/topics" */
        count--;
    if (route->takes_rest ? count < route->segment_count : count != route->segment_count)
        return false;
    for (unsigned i = 0; i < route->segment_count; i++) {
        const char *segment = http_text(x, x->segments[i]);
        if (route->segments[i].is_param ? !*segment : strcmp(segment, route->segments[i].text) != 0)
            return false;
    }
    return true;
}

static bool method_matches(const struct http_route *route, const struct hw_http_exchange *x) {
    return strcmp(route->route->method, x->method) == 0;
}

const char *http_route_param(const struct hw_http_exchange *x, const char *name) {
    const struct http_route *route = x->route;
    if (!route)
        return NULL;
    for (unsigned i = 0; i < route->segment_count; i++)
        if (route->segments[i].is_param && strcmp(route->segments[i].text, name) == 0)
            return http_text(x, x->segments[i]);
    if (!route->takes_rest || strcmp(route->rest_name, name) != 0)
        return NULL;
    if (route->segment_count >= x->segment_count)
        return "";
    return http_text(x, x->segments[route->segment_count] - x->rest); /* the same place in the whole path */
}

/* Pages of the server itself. */

static void answer_health(struct hw_http_exchange *x) {
    struct hw_http_server *server = x->server;
    if (atomic_load(&server->ready)) {
        hw_http_reply(x, 200, "application/json", "{\"status\":\"healthy\"}", 20);
        return;
    }
    char why[sizeof(server->why_not_ready)];
    pthread_mutex_lock(&server->lock);
    memcpy(why, server->why_not_ready, sizeof(why));
    pthread_mutex_unlock(&server->lock);
    hw_http_reply_problem(x, 503, "not_ready", "%s", why);
}

static void answer_metrics(struct hw_http_exchange *x) {
    struct hw_buf out = {0};
    http_metrics_write(x->server, &out);
    hw_http_reply_buf(x, 200, "text/plain; version=0.0.4; charset=utf-8", &out);
}

static bool answer_built_in(struct hw_http_exchange *x) {
    const char *path = hw_http_path(x);
    bool is_health = strcmp(path, "/health") == 0, is_metrics = strcmp(path, "/metrics") == 0;
    if (!is_health && !is_metrics)
        return false;
    if (strcmp(x->method, "GET") != 0 && !x->is_head) {
        hw_http_set_header(x, "Allow", "GET, HEAD");
        hw_http_reply_problem(x, 405, "method_not_allowed", "%s answers GET only", path);
    } else if (is_health) {
        answer_health(x);
    } else {
        answer_metrics(x);
    }
    return true;
}

static void answer_not_allowed(struct hw_http_exchange *x) {
    char allow[128] = "";
    for (unsigned i = 0; i < x->server->route_count; i++) {
        const struct http_route *route = &x->server->routes[i];
        size_t used = strlen(allow), more = strlen(route->route->method) + 8;
        if (!path_matches(route, x) || strstr(allow, route->route->method) || used + more >= sizeof(allow))
            continue;
        bool is_get = strcmp(route->route->method, "GET") == 0;
        snprintf(allow + used, sizeof(allow) - used, "%s%s%s", used ? ", " : "", route->route->method, is_get ? ", HEAD" : "");
    }
    hw_http_set_header(x, "Allow", allow);
    hw_http_reply_problem(x, 405, "method_not_allowed", "%s does not take %s; it takes %s", hw_http_path(x), x->method, allow);
}

bool http_router_find(struct hw_http_exchange *x) {
    struct hw_http_server *server = x->server;
    const struct http_route *get = NULL;
    bool is_known = false;
    bool is_built_in = strcmp(hw_http_path(x), "/health") == 0 || strcmp(hw_http_path(x), "/metrics") == 0;
    for (unsigned i = 0; i < server->route_count; i++) {
        const struct http_route *route = &server->routes[i];
        if (!path_matches(route, x) || (is_built_in && route->takes_rest && route->segment_count == 0))
            continue; /* a route for every path ("/{rest...}") does not hide the server's own pages */
        if (method_matches(route, x)) {
            x->route = route;
            return true;
        }
        if (x->is_head && !get && strcmp(route->route->method, "GET") == 0)
            get = route; /* unless the table has a HEAD of its own further down */
        is_known = true;
    }
    if (get) {
        x->route = get;
        return true;
    }
    if (answer_built_in(x))
        return false;
    if (is_known)
        answer_not_allowed(x);
    else if (strcmp(hw_http_path(x), "/*") == 0 && strcmp(x->method, "OPTIONS") == 0)
        hw_http_reply(x, 204, NULL, NULL, 0);
    else
        hw_http_reply_problem(x, 404, "not_found", "there is nothing at %s", hw_http_path(x));
    return false;
}
