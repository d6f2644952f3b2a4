/* Metadata files below the warehouse folder. Nothing outside of it is ever read or written, whatever a client asks for.
 */
#include "catalog/internal.h"

#include "base/fs.h"
#include "catalog/metadata_json.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

const char *hw_location_path(const char *location)
{
    if (strncmp(location, "file:///", 8) == 0)
        return location + 7;
    return strncmp(location, "file:/", 6) == 0 ? location + 5 : location;
}

int hw_location_check(const struct hw_catalog *catalog, const char *location, struct hw_err *err)
{
    const char *path = hw_location_path(location);
    size_t root = strlen(catalog->root), size = strlen(path);
    bool inside = path[0] == '/' && strncmp(path, catalog->root, root) == 0 && path[root] == '/' && path[root + 1];
    bool plain = !strstr(path, "/../") && !strstr(path, "/./") && !strstr(path + 1, "//") && !strpbrk(path, "?#") &&
                 !(size >= 3 && strcmp(path + size - 3, "/..") == 0) && size < 3000;
    if (inside && plain)
        return 0;
    return hw_err_set(err, HW_ERR_DATA, 400,
                      "location %.200s is not inside the warehouse %.200s: leave it out, or choose one there", location,
                      catalog->root_uri);
}

int hw_metadata_file_read(const struct hw_catalog *catalog, const char *location, struct hw_buf *out,
                          struct hw_err *err)
{
    HW_TRY(hw_location_check(catalog, location, err));
    return hw_fs_read(hw_location_path(location), HW_METADATA_FILE_LIMIT, out, err);
}

/* The number at the front of "00012-uuid.metadata.json", -1 when there is none. */
static long version_of(const char *location)
{
    const char *slash = strrchr(location, '/');
    char *end;
    long version = slash ? strtol(slash + 1, &end, 10) : -1;
    return slash && end != slash + 1 && *end == '-' && version >= 0 ? version : -1;
}

static int make_dirs(const struct hw_catalog *catalog, const char *dir, struct hw_err *err)
{
    struct stat st;
    if (stat(dir, &st) == 0)
        return 0;
    HW_TRY(hw_fs_mkdirs(dir, err));
    /* A new folder lasts only once its entry in the one above is synced, up to the warehouse. */
    HW_CLEANUP(hw_freep) char *above = hw_xstrdup(dir);
    size_t root = strlen(catalog->root);
    for (char *slash = strrchr(above, '/'); slash && (size_t)(slash - above) >= root; slash = strrchr(above, '/')) {
        *slash = 0;
        HW_TRY(hw_fs_sync_dir(above, err));
    }
    return 0;
}

int hw_metadata_file_write(const struct hw_catalog *catalog, const yyjson_mut_doc *doc, const char *old_location,
                           struct hw_buf *out_text, char **out_location, struct hw_err *err)
{
    const char *location = yyjson_mut_get_str(yyjson_mut_obj_get(doc->root, "location"));
    uint8_t uuid[16];
    char text[37];
    if (!location)
        return hw_err_set(err, HW_ERR_DATA, 400, "the table has no location");
    HW_TRY(hw_location_check(catalog, location, err));
    HW_CLEANUP(hw_freep) char *dir = hw_xasprintf("%s/metadata", hw_location_path(location));
    HW_TRY(make_dirs(catalog, dir, err));
    hw_uuid_v4(uuid);
    hw_uuid_format(uuid, text);
    long version = old_location ? version_of(old_location) + 1 : 0;
    HW_CLEANUP(hw_freep) char *path = hw_xasprintf("%s/%05ld-%s.metadata.json", dir, version, text);
    if (hw_json_write(doc, out_text) < 0)
        return hw_err_set(err, HW_ERR_FATAL, 0, "the table's metadata cannot be written as JSON");
    HW_TRY(hw_fs_write_atomic(path, out_text->data, out_text->size, err));
    *out_location = hw_xasprintf("file://%s", path);
    return 0;
}

void hw_metadata_file_remove(const struct hw_catalog *catalog, const char *location)
{
    struct hw_err ignored;
    size_t size = strlen(location), end = strlen(".metadata.json");
    if (size > end && strcmp(location + size - end, ".metadata.json") == 0 &&
        hw_location_check(catalog, location, &ignored) == 0)
        unlink(hw_location_path(location));
}

char *hw_table_location(const struct hw_catalog *catalog, const char *space, const char *name)
{
    struct stat st;
    char *location = hw_xasprintf("%s/%s/%s", catalog->root_uri, space, name);
    if (stat(hw_location_path(location), &st) < 0)
        return location;
    /* Left over from a table dropped without purge: its files are not ours to mix with. */
    free(location);
    uint8_t uuid[16];
    char text[37];
    hw_uuid_v4(uuid);
    hw_uuid_format(uuid, text);
    return hw_xasprintf("%s/%s/%s-%.8s", catalog->root_uri, space, name, text);
}
