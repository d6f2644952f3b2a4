/* The event's write and read side on any bytes: what is accepted must be an event that can be read again, with the same
 * parts. */
#include "event/envelope.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct hw_event event;
    struct hw_event_parts parts;
    struct hw_err err;
    if (hw_event_split(data, size, &parts, &err) == 0 && (parts.payload.size < 2 || parts.payload.data[0] != '{'))
        abort();
    int result = hw_event_normalise(data, size, size % 2 ? "topic" : NULL, 1795118400123456LL, &event);
    if (result == 0) {
        if (hw_event_split(event.value.data, event.value.size, &parts, &err) || strcmp(parts.id, event.id) != 0 ||
            strcmp(parts.event_name, event.event_name) != 0 || parts.timestamp_us != event.timestamp_us)
            abort();
    } else {
        struct hw_buf out = {0};
        yyjson_doc *doc = NULL;
        hw_event_faults_write(&event, &out);
        if (event.fault_count == 0 || hw_json_parse(out.data, out.size, &doc, &err))
            abort();
        hw_json_freep(&doc);
        hw_buf_done(&out);
    }
    return 0;
}
