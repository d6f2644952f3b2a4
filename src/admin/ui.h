/* The files of the web UI inside the binary; made by CMake from ui/dist (ui_files.S, ui_files.c). */
#pragma once
#include <stddef.h>

struct hw_ui_file {
    const char *path; /* "/assets/index-B52rpyvi.js" */
    const char *etag; /* strong, in quotes */
    const unsigned char *data, *br, *gz;
    size_t size, br_size, gz_size; /* 0: no such form */
};
extern const struct hw_ui_file hw_ui_files[]; /* ends with a NULL path */
extern const char hw_ui_openapi[];            /* api/openapi.yaml as JSON */
extern const size_t hw_ui_openapi_size;
