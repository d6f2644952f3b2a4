/* Avro container files of any bytes: read as rows, as a manifest and as a manifest list. What is read as a manifest
 * must survive being written and read again. */
#include "warehouse/avro.h"
#include "warehouse/manifest.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void walk(const uint8_t *data, size_t size)
{
    struct hw_avro_reader *reader = NULL;
    const struct hw_avro_value *row;
    struct hw_err err;
    if (hw_avro_open(data, size, &reader, &err) < 0)
        return;
    while (hw_avro_next(reader, &row, &err) == 0)
        (void)hw_avro_integer(hw_avro_field(row, 1), 0);
    hw_avro_close(reader);
}

static void rewrite(const struct hw_data_files *files)
{
    const struct hw_manifest_context context = {.schema_json = "{}",
                                                .spec_json = "[]",
                                                .partitioned = true,
                                                .partition_name = "day",
                                                .partition_field_id = 1000};
    struct hw_buf out = {0};
    struct hw_data_files again = {0};
    struct hw_err err;
    bool own;
    if (hw_manifest_write(&context, files, &out, &err) || hw_manifest_read(out.data, out.size, &again, &own, &err) ||
        again.count != files->count || !own)
        abort();
    for (size_t i = 0; i < again.count; i++)
        if (strcmp(again.items[i].path, files->items[i].path) != 0 || again.items[i].records != files->items[i].records)
            abort();
    hw_data_files_done(&again);
    hw_buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hw_data_files files = {0};
    struct hw_manifests list = {0};
    struct hw_err err;
    bool own;
    walk(data, size);
    if (hw_manifest_read(data, size, &files, &own, &err) == 0)
        rewrite(&files);
    if (hw_manifest_list_read(data, size, &list, &err) == 0)
        (void)list.count;
    hw_data_files_done(&files);
    hw_manifests_done(&list);
    return 0;
}
