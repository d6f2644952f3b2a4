/* The write side of an event: check the envelope, fill what is missing, write the form that goes to Kafka.
 *
 * The envelope's own members are few and strict, so that every reader may rely on them; the payload is the user's and
 * its bytes are copied as they came (design §5). Text and parsed value are walked side by side: the parser keeps the
 * order of members. */
#include "event/envelope.h"
#include "event/span.h"

#include <stdio.h>
#include <string.h>

/* Years 0001 to 9999: what RFC 3339 can write. */
#define TIME_MIN_US (-62135596800LL * 1000000)
#define TIME_MAX_US (253402300800LL * 1000000 - 1)

#define VERSION_MAX 32 /* as hw_event_parts.version holds */

enum member { MEMBER_METADATA, MEMBER_PAYLOAD, MEMBER_EVENT_NAME, MEMBER_COUNT };
enum meta { META_ID, META_TIMESTAMP, META_VERSION, META_COUNT };
static const char *const member_names[] = {"metadata", "payload", "event_name", NULL};
static const char *const meta_names[] = {"id", "timestamp", "version", NULL};

static const char *type_name(yyjson_val *value) {
    switch (yyjson_get_type(value)) {
    case YYJSON_TYPE_NULL:
        return "null";
    case YYJSON_TYPE_BOOL:
        return "boolean";
    case YYJSON_TYPE_NUM:
    case YYJSON_TYPE_RAW: /* a number too big for 64 bits */
        return "number";
    case YYJSON_TYPE_STR:
        return "string";
    case YYJSON_TYPE_ARR:
        return "array";
    case YYJSON_TYPE_OBJ:
        return "object";
    default:
        return "nothing";
    }
}

static int find_name(const char *const *names, yyjson_val *key) {
    for (int i = 0; names[i]; i++) {
        if (yyjson_equals_str(key, names[i]))
            return i;
    }
    return -1;
}

/* One step of a JSON pointer (RFC 6901) after prefix. */
static void pointer(char out[200], const char *prefix, const char *name) {
    size_t at = (size_t)snprintf(out, 200, "%s/", prefix);
    for (; *name && at < 197; name++) {
        if (*name == '~' || *name == '/') {
            out[at++] = '~';
            out[at++] = *name == '~' ? '0' : '1';
        } else {
            out[at++] = *name;
        }
    }
    out[at] = '\0';
}

static void fault_unknown(struct hw_event *event, const char *prefix, const char *where, const char *key,
                          const char *const *names) {
    char path[200];
    pointer(path, prefix, key);
    const char *near = hw_nearest(key, names);
    if (near)
        hw_event_fault_add(
            event, path, "additionalProperties", "a member of the envelope", key,
            "%s has the unknown member \"%.60s\"; did you mean \"%s\"? Fields of your own go into \"payload\"", where,
            key, near);
    else
        hw_event_fault_add(event, path, "additionalProperties", "a member of the envelope", key,
                           "%s has the unknown member \"%.60s\"; fields of your own go into \"payload\"", where, key);
}

/* A string without control characters of 1..max bytes; copied to out. Returns false after adding a fault. */
static bool take_string(struct hw_event *event, yyjson_val *value, const char *path, size_t max, char *out) {
    if (!yyjson_is_str(value)) {
        hw_event_fault_add(event, path, "type", "string", type_name(value), "%s must be a string, not %s", path + 1,
                           type_name(value));
        return false;
    }
    const char *text = yyjson_get_str(value);
    size_t size = yyjson_get_len(value);
    if (size == 0 || size > max) {
        char expected[40], got[40];
        snprintf(expected, sizeof(expected), "1 to %zu bytes", max);
        snprintf(got, sizeof(got), "%zu bytes", size);
        hw_event_fault_add(event, path, size ? "maxLength" : "minLength", expected, got, "%s has %s, allowed are %s%s",
                           path + 1, got, expected, size ? "" : "; leave it out to have it filled in");
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if ((uint8_t)text[i] < 0x20 || text[i] == 0x7f) {
            hw_event_fault_add(event, path, "pattern", "no control characters", "a control character",
                               "%s has a control character at byte %zu; remove it", path + 1, i + 1);
            return false;
        }
    }
    memcpy(out, text, size);
    out[size] = '\0';
    return true;
}

static void take_timestamp(struct hw_event *event, yyjson_val *value) {
    static const char path[] = "/metadata/timestamp";
    if (!yyjson_is_str(value)) {
        hw_event_fault_add(event, path, "type", "string", type_name(value),
                           "metadata.timestamp must be a string such as \"2026-11-20T20:00:00Z\", not %s",
                           type_name(value));
        return;
    }
    int64_t us;
    if (hw_time_parse_us(yyjson_get_str(value), yyjson_get_len(value), &us) || us < TIME_MIN_US || us > TIME_MAX_US) {
        hw_event_fault_add(
            event, path, "format", "date-time of RFC 3339", yyjson_get_str(value),
            "metadata.timestamp \"%.60s\" is no RFC 3339 time; write it as \"2026-11-20T20:00:00.123Z\" or with a zone "
            "such as +02:00",
            yyjson_get_str(value));
        return;
    }
    event->timestamp_us = us;
}

static void check_metadata(struct hw_event *event, yyjson_val *metadata, char version[VERSION_MAX + 1]) {
    if (!yyjson_is_obj(metadata)) {
        hw_event_fault_add(
            event, "/metadata", "type", "object", type_name(metadata),
            "metadata must be an object with id, timestamp and version, not %s; leave it out to have it filled in",
            type_name(metadata));
        return;
    }
    unsigned seen = 0;
    yyjson_obj_iter iter = yyjson_obj_iter_with(metadata);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));) {
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        int which = find_name(meta_names, key);
        if (which < 0) {
            fault_unknown(event, "/metadata", "metadata", yyjson_get_str(key), meta_names);
            continue;
        }
        if (seen & (1u << which)) {
            char path[200];
            pointer(path, "/metadata", meta_names[which]);
            hw_event_fault_add(event, path, "unique", "once", "twice", "metadata has \"%s\" twice; keep one",
                               meta_names[which]);
            continue;
        }
        seen |= 1u << which;
        if (which == META_ID)
            take_string(event, value, "/metadata/id", sizeof(event->id) - 1, event->id);
        else if (which == META_TIMESTAMP)
            take_timestamp(event, value);
        else
            take_string(event, value, "/metadata/version", VERSION_MAX, version);
    }
}

/* Walks the envelope; payload is the span of its text, empty when there is none that can be used. */
static void check_envelope(struct hw_event *event, yyjson_val *root, const uint8_t *text, const uint8_t *end,
                           const char *topic, char version[VERSION_MAX + 1], struct hw_slice *out_payload) {
    yyjson_val *payload = yyjson_obj_get(root, "payload");
    if (!payload)
        hw_event_fault_add(
            event, "/payload", "required", "object", "nothing",
            "the event has no \"payload\"; send {\"payload\":{…}}, or add ?wrap=1 to the address to have bare objects "
            "wrapped");
    unsigned seen = 0;
    const uint8_t *at = hw_span_blanks(text, end) + 1, *begin, *stop;
    yyjson_obj_iter iter = yyjson_obj_iter_with(root);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));) {
        if (!(yyjson_obj_iter_has_next(&iter) ? hw_span_next(&at, end, 1, &begin, &stop)
                                              : hw_span_last_member(&at, end, &begin, &stop)))
            break;
        yyjson_val *value = yyjson_obj_iter_get_val(key);
        int which = find_name(member_names, key);
        if (which < 0) {
            fault_unknown(event, "", "the event", yyjson_get_str(key), member_names);
            continue;
        }
        if (seen & (1u << which)) {
            char path[200];
            pointer(path, "", member_names[which]);
            hw_event_fault_add(event, path, "unique", "once", "twice", "the event has \"%s\" twice; keep one",
                               member_names[which]);
            continue;
        }
        seen |= 1u << which;
        if (which == MEMBER_METADATA)
            check_metadata(event, value, version);
        else if (which == MEMBER_EVENT_NAME)
            take_string(event, value, "/event_name", sizeof(event->event_name) - 1, event->event_name);
        else if (!yyjson_is_obj(value))
            hw_event_fault_add(event, "/payload", "type", "object", type_name(value),
                               "payload must be an object such as {\"page\":\"/home\"}, not %s", type_name(value));
        else
            *out_payload = (struct hw_slice){begin, (size_t)(stop - begin)};
    }
    if (!topic && !(seen & (1u << MEMBER_EVENT_NAME)))
        hw_event_fault_add(
            event, "/event_name", "required", "string", "nothing",
            "without a topic in the address the event must have an event_name, which names its topic; or send to "
            "/v1/events/{topic}");
}

static void add_text(struct hw_buf *out, const char *before, const char *text) {
    hw_buf_add_str(out, before);
    hw_buf_add_json_str(out, text, strlen(text));
}

static void write_value(struct hw_event *event, const char *version, struct hw_slice payload) {
    struct hw_buf *out = &event->value;
    char timestamp[28];
    hw_time_format_us(event->timestamp_us, timestamp);
    hw_buf_reserve(out, payload.size + strlen(event->id) + strlen(event->event_name) + 160);
    add_text(out, "{\"metadata\":{\"id\":", event->id);
    hw_buf_add_str(out, ",\"timestamp\":\"");
    hw_buf_add(out, timestamp, 27);
    add_text(out, "\",\"version\":", version);
    hw_buf_add_str(out, "},\"payload\":");
    hw_buf_add(out, payload.data, payload.size);
    add_text(out, ",\"event_name\":", event->event_name);
    hw_buf_add_char(out, '}');
}

static void reset(struct hw_event *event, int64_t received_us) {
    hw_buf_clear(&event->value);
    event->id[0] = event->event_name[0] = '\0';
    event->timestamp_us = received_us;
    event->fault_count = 0;
}

int hw_event_normalise_value(yyjson_val *value, const void *raw, size_t size, const char *topic, int64_t received_us,
                             unsigned flags, struct hw_event *event) {
    reset(event, received_us);
    const uint8_t *text = raw, *end = text + size;
    char version[VERSION_MAX + 1] = "1";
    struct hw_slice payload = {0};
    if (!yyjson_is_obj(value)) {
        hw_event_fault_add(event, "", "type", "object", type_name(value),
                           "an event is an object {\"payload\":{…}}, not %s", type_name(value));
    } else if (flags & HW_EVENT_WRAP) {
        payload.data = hw_span_blanks(text, end);
        payload.size = (size_t)(hw_span_value(payload.data, end) - payload.data);
        if (!topic)
            hw_event_fault_add(event, "/event_name", "required", "string", "nothing",
                               "a bare object names no topic; send to /v1/events/{topic}?wrap=1");
    } else {
        check_envelope(event, value, text, end, topic, version, &payload);
    }
    if (event->fault_count)
        return HW_EVENT_INVALID;
    if (!event->id[0]) {
        uint8_t uuid[16];
        hw_uuid_v7(uuid);
        hw_uuid_format(uuid, event->id);
    }
    if (!event->event_name[0])
        snprintf(event->event_name, sizeof(event->event_name), "%s", topic);
    write_value(event, version, payload);
    return 0;
}

int hw_event_normalise(const void *json, size_t size, const char *topic, int64_t received_us, struct hw_event *event) {
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
    struct hw_err err = {0};
    if (hw_json_parse(json, size, &doc, &err)) {
        reset(event, received_us);
        hw_event_fault_add(event, "", "json", "JSON", "something else", "not JSON: %s", err.text);
        return HW_EVENT_INVALID;
    }
    return hw_event_normalise_value(yyjson_doc_get_root(doc), json, size, topic, received_us, 0, event);
}

void hw_event_done(struct hw_event *event) {
    hw_buf_done(&event->value);
}
