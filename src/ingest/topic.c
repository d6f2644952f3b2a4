#include "ingest/topic.h"

#include <string.h>

/* The system keeps its state in these; an event written there would be read as state. */
static int is_internal(const char *name) {
    static const char connect[] = "highway-connect-";
    return strncmp(name, "__", 2) == 0 || strncmp(name, connect, sizeof(connect) - 1) == 0 ||
           strcmp(name, "_schemas") == 0;
}

enum hw_topic_check hw_ingest_topic_check(const char *name) {
    size_t size = strlen(name);
    if (size == 0 || size > 249 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return HW_TOPIC_BAD_NAME;
    for (size_t i = 0; i < size; i++) {
        char c = name[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
              c == '-'))
            return HW_TOPIC_BAD_NAME;
    }
    return is_internal(name) ? HW_TOPIC_INTERNAL : HW_TOPIC_OK;
}
