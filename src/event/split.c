/* The read side of an event: the parts of a stored envelope. Values in a topic may come from any producer, so the text
 * is parsed with the same strictness as at the door; what is not an envelope is the caller's to set aside. */
#include "event/envelope.h"
#include "event/span.h"

#include <string.h>

#define REGISTRY_PREFIX 5 /* 0x00 and a 32-bit schema id, as Confluent's serialisers write it */

static int not_envelope(struct hw_err *err, const char *why) {
    return hw_err_set(err, HW_ERR_DATA, 0, "not an event envelope {\"metadata\":{…},\"payload\":{…}}: %s", why);
}

/* Copies a string member; absent is "" unless it is required. */
static int copy_member(yyjson_val *object, const char *name, bool required, char *out, size_t capacity,
                       struct hw_err *err) {
    yyjson_val *value = yyjson_obj_get(object, name);
    out[0] = '\0';
    if (!value && !required)
        return 0;
    if (!yyjson_is_str(value) || (required && yyjson_get_len(value) == 0))
        return hw_err_set(err, HW_ERR_DATA, 0, "not an event envelope: \"%s\" is %s", name,
                          value ? "no usable string" : "missing");
    size_t size = yyjson_get_len(value);
    if (size >= capacity || memchr(yyjson_get_str(value), 0, size))
        return hw_err_set(err, HW_ERR_DATA, 0, "not an event envelope: \"%s\" is longer than %zu bytes or holds NUL",
                          name, capacity - 1);
    memcpy(out, yyjson_get_str(value), size + 1);
    return 0;
}

static int find_payload(yyjson_val *root, const uint8_t *text, const uint8_t *end, struct hw_slice *out,
                        struct hw_err *err) {
    const uint8_t *at = hw_span_blanks(text, end) + 1, *begin, *stop;
    yyjson_obj_iter iter = yyjson_obj_iter_with(root);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&iter));) {
        if (!(yyjson_obj_iter_has_next(&iter) ? hw_span_next(&at, end, 1, &begin, &stop)
                                              : hw_span_last_member(&at, end, &begin, &stop)))
            break;
        if (!yyjson_equals_str(key, "payload"))
            continue;
        if (!yyjson_is_obj(yyjson_obj_iter_get_val(key)))
            return not_envelope(err, "\"payload\" is no object");
        *out = (struct hw_slice){begin, (size_t)(stop - begin)};
        return 0;
    }
    return not_envelope(err, "\"payload\" is missing");
}

int hw_event_split(const void *json, size_t size, struct hw_event_parts *out, struct hw_err *err) {
    const uint8_t *text = json;
    if (size > REGISTRY_PREFIX && text[0] == 0) {
        text += REGISTRY_PREFIX;
        size -= REGISTRY_PREFIX;
    }
    HW_CLEANUP(hw_json_freep) yyjson_doc *doc = NULL;
    if (hw_json_parse(text, size, &doc, err))
        return hw_err_prefix(err, "not an event envelope");
    yyjson_val *root = yyjson_doc_get_root(doc), *metadata = yyjson_obj_get(root, "metadata");
    if (!yyjson_is_obj(root))
        return not_envelope(err, "the value is no object");
    if (!yyjson_is_obj(metadata))
        return not_envelope(err, "\"metadata\" is missing or no object");
    HW_TRY(copy_member(metadata, "id", true, out->id, sizeof(out->id), err));
    HW_TRY(copy_member(metadata, "version", false, out->version, sizeof(out->version), err));
    HW_TRY(copy_member(root, "event_name", false, out->event_name, sizeof(out->event_name), err));
    yyjson_val *timestamp = yyjson_obj_get(metadata, "timestamp");
    if (!yyjson_is_str(timestamp) ||
        hw_time_parse_us(yyjson_get_str(timestamp), yyjson_get_len(timestamp), &out->timestamp_us))
        return not_envelope(err, "metadata.timestamp is missing or no RFC 3339 time");
    return find_payload(root, text, text + size, &out->payload, err);
}
