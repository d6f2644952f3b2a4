/* Manifests: which data files there are, and what is known about each. */
#include "warehouse/manifest.h"

#include "warehouse/avro.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CREATED_BY_KEY "highway.manifest" /* marks manifests whose every field we know */

struct hw_data_file *hw_data_files_add(struct hw_data_files *files)
{
    if (files->count == files->capacity) {
        files->capacity = files->capacity ? files->capacity * 2 : 8;
        files->items = hw_xrealloc(files->items, files->capacity * sizeof(*files->items));
    }
    struct hw_data_file *file = &files->items[files->count++];
    memset(file, 0, sizeof(*file));
    return file;
}

void hw_data_files_done(struct hw_data_files *files)
{
    for (size_t i = 0; i < files->count; i++)
        free(files->items[i].path);
    free(files->items);
    *files = (struct hw_data_files){0};
}

/* --- Writing ------------------------------------------------------------------------------------------------------- */
static void add_schema(const struct hw_manifest_context *context, struct hw_buf *out)
{
#define NULLABLE(name, type, id)                                                                                       \
    "{\"name\":\"" name "\",\"type\":[\"null\"," type "],\"default\":null,\"field-id\":" id "}"
#define COLUMN_MAP(name, id, record, key_id, value, value_id)                                                          \
    NULLABLE(name,                                                                                                     \
             "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"" record "\",\"fields\":["                 \
             "{\"name\":\"key\",\"type\":\"int\",\"field-id\":" key_id "},"                                            \
             "{\"name\":\"value\",\"type\":\"" value "\",\"field-id\":" value_id "}]},\"logicalType\":\"map\"}",       \
             id)
    hw_buf_add_str(
        out,
        "{\"type\":\"record\",\"name\":\"manifest_entry\",\"fields\":["
        "{\"name\":\"status\",\"type\":\"int\",\"field-id\":0}," NULLABLE("snapshot_id", "\"long\"", "1") "," NULLABLE(
            "sequence_number", "\"long\"",
            "3") "," NULLABLE("file_sequence_number", "\"long\"",
                              "4") ","
                                   "{\"name\":\"data_file\",\"field-id\":2,\"type\":{\"type\":\"record\",\"name\":"
                                   "\"r2\",\"fields\":["
                                   "{\"name\":\"content\",\"type\":\"int\",\"field-id\":134},"
                                   "{\"name\":\"file_path\",\"type\":\"string\",\"field-id\":100},"
                                   "{\"name\":\"file_format\",\"type\":\"string\",\"field-id\":101},"
                                   "{\"name\":\"partition\",\"field-id\":102,\"type\":{\"type\":\"record\",\"name\":"
                                   "\"r102\",\"fields\":[");
    if (context->partitioned) {
        hw_buf_add_str(out, "{\"name\":");
        hw_buf_add_json_str(out, context->partition_name, strlen(context->partition_name));
        hw_buf_printf(
            out, ",\"type\":[\"null\",{\"type\":\"int\",\"logicalType\":\"date\"}],\"default\":null,\"field-id\":%d}",
            context->partition_field_id);
    }
    hw_buf_add_str(
        out,
        "]}},{\"name\":\"record_count\",\"type\":\"long\",\"field-id\":103},"
        "{\"name\":\"file_size_in_bytes\",\"type\":\"long\",\"field-id\":104}," COLUMN_MAP(
            "column_sizes", "108", "k117_v118", "117", "long",
            "118") "," COLUMN_MAP("value_counts", "109", "k119_v120", "119", "long",
                                  "120") "," COLUMN_MAP("null_value_counts", "110", "k121_v122", "121", "long",
                                                        "122") "," COLUMN_MAP("lower_bounds", "125", "k126_v127", "126",
                                                                              "bytes",
                                                                              "127") "," COLUMN_MAP("upper_bounds",
                                                                                                    "128", "k129_v130",
                                                                                                    "129", "bytes",
                                                                                                    "130") "]}}]}");
#undef COLUMN_MAP
#undef NULLABLE
}

static void put_nullable_long(struct hw_buf *out, int64_t value)
{
    hw_avro_put_long(out, value < 0 ? 0 : 1);
    if (value >= 0)
        hw_avro_put_long(out, value);
}

/* One of the int-keyed maps, as an array of key and value records. */
static void put_column_map(struct hw_buf *out, const struct hw_data_file *file, size_t member)
{
    size_t count = 0;
    for (size_t i = 0; i < file->column_count; i++)
        count += *(const int64_t *)((const char *)&file->columns[i] + member) >= 0;
    hw_avro_put_long(out, count ? 1 : 0);
    if (count == 0)
        return;
    hw_avro_put_long(out, (int64_t)count);
    for (size_t i = 0; i < file->column_count; i++) {
        int64_t value = *(const int64_t *)((const char *)&file->columns[i] + member);
        if (value < 0)
            continue;
        hw_avro_put_long(out, file->columns[i].id);
        hw_avro_put_long(out, value);
    }
    hw_avro_put_long(out, 0);
}

static void put_bounds(struct hw_buf *out, const struct hw_data_file *file, bool upper)
{
    size_t count = 0;
    for (size_t i = 0; i < file->column_count; i++)
        count += (upper ? file->columns[i].upper_size : file->columns[i].lower_size) > 0;
    hw_avro_put_long(out, count ? 1 : 0);
    if (count == 0)
        return;
    hw_avro_put_long(out, (int64_t)count);
    for (size_t i = 0; i < file->column_count; i++) {
        const struct hw_column_facts *column = &file->columns[i];
        size_t size = upper ? column->upper_size : column->lower_size;
        if (size == 0)
            continue;
        hw_avro_put_long(out, column->id);
        hw_avro_put_bytes(out, upper ? column->upper : column->lower, size);
    }
    hw_avro_put_long(out, 0);
}

static void put_entry(const struct hw_manifest_context *context, const struct hw_data_file *file, struct hw_buf *out)
{
    hw_avro_put_long(out, file->status);
    put_nullable_long(out, file->snapshot_id);
    put_nullable_long(out, file->sequence);
    put_nullable_long(out, file->file_sequence);
    hw_avro_put_long(out, file->content);
    hw_avro_put_str(out, file->path);
    hw_avro_put_str(out, file->format);
    if (context->partitioned) {
        hw_avro_put_long(out, file->has_day ? 1 : 0);
        if (file->has_day)
            hw_avro_put_long(out, file->day);
    }
    hw_avro_put_long(out, file->records);
    hw_avro_put_long(out, file->bytes);
    put_column_map(out, file, offsetof(struct hw_column_facts, size_bytes));
    put_column_map(out, file, offsetof(struct hw_column_facts, values));
    put_column_map(out, file, offsetof(struct hw_column_facts, nulls));
    put_bounds(out, file, false);
    put_bounds(out, file, true);
}

int hw_manifest_write(const struct hw_manifest_context *context, const struct hw_data_files *files, struct hw_buf *out,
                      struct hw_err *err)
{
    HW_CLEANUP(hw_buf_done) struct hw_buf schema = {0};
    HW_CLEANUP(hw_avro_done) struct hw_avro_file avro = {0};
    char schema_id[16], spec_id[16];
    snprintf(schema_id, sizeof(schema_id), "%d", context->schema_id);
    snprintf(spec_id, sizeof(spec_id), "%d", context->spec_id);
    add_schema(context, &schema);
    const struct hw_avro_meta metas[] = {
        {"schema", context->schema_json},
        {"schema-id", schema_id},
        {"partition-spec", context->spec_json},
        {"partition-spec-id", spec_id},
        {"format-version", "2"},
        {"content", "data"},
        {CREATED_BY_KEY, "1"},
    };
    hw_avro_begin(&avro, hw_buf_str(&schema), metas, HW_ARRAY_SIZE(metas), true);
    for (size_t i = 0; i < files->count; i++) {
        put_entry(context, &files->items[i], &avro.block);
        HW_TRY(hw_avro_row_end(&avro, err));
    }
    HW_TRY(hw_avro_finish(&avro, err));
    hw_buf_add(out, avro.out.data, avro.out.size);
    return 0;
}

void hw_manifest_summarise(const struct hw_manifest_context *context, const struct hw_data_files *files,
                           struct hw_manifest *out)
{
    int32_t low = INT32_MAX, high = INT32_MIN;
    bool null_day = false;
    int64_t min_sequence = INT64_MAX;
    for (size_t i = 0; i < files->count; i++) {
        const struct hw_data_file *file = &files->items[i];
        *(file->status == HW_ENTRY_ADDED ? &out->added_files : &out->existing_files) += 1;
        *(file->status == HW_ENTRY_ADDED ? &out->added_rows : &out->existing_rows) += file->records;
        if (file->sequence >= 0)
            min_sequence = HW_MIN(min_sequence, file->sequence);
        null_day |= !file->has_day;
        if (file->has_day) {
            low = HW_MIN(low, file->day);
            high = HW_MAX(high, file->day);
        }
    }
    out->spec_id = context->spec_id;
    out->min_sequence = min_sequence == INT64_MAX ? -1 : min_sequence;
    if (!context->partitioned)
        return;
    out->summaries = hw_xcalloc(1, sizeof(*out->summaries));
    out->summary_count = 1;
    struct hw_partition_summary *summary = out->summaries;
    summary->contains_null = null_day;
    summary->contains_nan = 0;
    if (low <= high) {
        summary->has_lower = summary->has_upper = true;
        hw_buf_add(&summary->lower, &low, sizeof(low)); /* little endian, as is the machine */
        hw_buf_add(&summary->upper, &high, sizeof(high));
    }
}

/* --- Reading ------------------------------------------------------------------------------------------------------- */
static struct hw_column_facts *facts_of(struct hw_data_file *file, int64_t id)
{
    for (size_t i = 0; i < file->column_count; i++)
        if (file->columns[i].id == id)
            return &file->columns[i];
    if (file->column_count == HW_COLUMN_FACTS)
        return NULL;
    struct hw_column_facts *facts = &file->columns[file->column_count++];
    *facts = (struct hw_column_facts){.id = (int)id, .size_bytes = -1, .values = -1, .nulls = -1};
    return facts;
}

static void read_counts(const struct hw_avro_value *list, int key_id, size_t member, struct hw_data_file *file)
{
    if (!list || list->type != HW_AVRO_ARRAY)
        return;
    for (size_t i = 0; i < list->list.count; i++) {
        const struct hw_avro_value *item = &list->list.items[i];
        struct hw_column_facts *facts = facts_of(file, hw_avro_integer(hw_avro_field(item, key_id), -1));
        if (facts)
            *(int64_t *)((char *)facts + member) = hw_avro_integer(hw_avro_field(item, key_id + 1), -1);
    }
}

static void read_bounds(const struct hw_avro_value *list, int key_id, bool upper, struct hw_data_file *file)
{
    if (!list || list->type != HW_AVRO_ARRAY)
        return;
    for (size_t i = 0; i < list->list.count; i++) {
        const struct hw_avro_value *item = &list->list.items[i], *bytes = hw_avro_field(item, key_id + 1);
        struct hw_column_facts *facts = facts_of(file, hw_avro_integer(hw_avro_field(item, key_id), -1));
        if (!facts || !bytes || bytes->type != HW_AVRO_BYTES || bytes->bytes.size > sizeof(facts->lower))
            continue;
        memcpy(upper ? facts->upper : facts->lower, bytes->bytes.data, bytes->bytes.size);
        *(upper ? &facts->upper_size : &facts->lower_size) = (uint8_t)bytes->bytes.size;
    }
}

static char *dup_text(const struct hw_avro_value *value)
{
    if (!value || value->type != HW_AVRO_STRING || memchr(value->bytes.data, 0, value->bytes.size))
        return NULL;
    return hw_xstrndup((const char *)value->bytes.data, value->bytes.size);
}

static int read_entry(const struct hw_avro_value *row, struct hw_data_file *file, struct hw_err *err)
{
    const struct hw_avro_value *data = hw_avro_field(row, 2);
    const struct hw_avro_value *format = hw_avro_field(data, 101), *partition = hw_avro_field(data, 102);
    file->status = (int)hw_avro_integer(hw_avro_field(row, 0), -1);
    file->snapshot_id = hw_avro_integer(hw_avro_field(row, 1), -1);
    file->sequence = hw_avro_integer(hw_avro_field(row, 3), -1);
    file->file_sequence = hw_avro_integer(hw_avro_field(row, 4), -1);
    file->content = (int)hw_avro_integer(hw_avro_field(data, 134), 0);
    file->path = dup_text(hw_avro_field(data, 100));
    file->records = hw_avro_integer(hw_avro_field(data, 103), -1);
    file->bytes = hw_avro_integer(hw_avro_field(data, 104), -1);
    if (!file->path || !format || format->type != HW_AVRO_STRING || file->status < 0 || file->status > 2 ||
        file->records < 0)
        return hw_err_set(err, HW_ERR_DATA, 0, "a manifest entry lacks its path, format, status or record count");
    snprintf(file->format, sizeof(file->format), "%.*s", (int)HW_MIN(format->bytes.size, sizeof(file->format)),
             (const char *)format->bytes.data);
    if (partition && partition->type == HW_AVRO_RECORD && partition->list.count == 1 &&
        partition->list.items[0].type == HW_AVRO_INT) {
        file->has_day = true;
        file->day = (int32_t)partition->list.items[0].integer;
    }
    read_counts(hw_avro_field(data, 108), 117, offsetof(struct hw_column_facts, size_bytes), file);
    read_counts(hw_avro_field(data, 109), 119, offsetof(struct hw_column_facts, values), file);
    read_counts(hw_avro_field(data, 110), 121, offsetof(struct hw_column_facts, nulls), file);
    read_bounds(hw_avro_field(data, 125), 126, false, file);
    read_bounds(hw_avro_field(data, 128), 129, true, file);
    return 0;
}

static void close_reader(struct hw_avro_reader **reader)
{
    *reader = hw_avro_close(*reader);
}

int hw_manifest_read(const void *data, size_t size, struct hw_data_files *out_files, bool *out_own, struct hw_err *err)
{
    HW_CLEANUP(close_reader) struct hw_avro_reader *reader = NULL;
    HW_TRY(hw_avro_open(data, size, &reader, err));
    *out_own = hw_avro_header(reader, CREATED_BY_KEY).data != NULL;
    const struct hw_avro_value *row;
    int result;
    while ((result = hw_avro_next(reader, &row, err)) == 0)
        HW_TRY(read_entry(row, hw_data_files_add(out_files), err));
    return result < 0 ? -1 : 0;
}

/* --- Manifest lists ------------------------------------------------------------------------------------------------ */
struct hw_manifest *hw_manifests_add(struct hw_manifests *list)
{
    if (list->count == list->capacity) {
        list->capacity = list->capacity ? list->capacity * 2 : 16;
        list->items = hw_xrealloc(list->items, list->capacity * sizeof(*list->items));
    }
    struct hw_manifest *manifest = &list->items[list->count++];
    memset(manifest, 0, sizeof(*manifest));
    return manifest;
}

void hw_manifests_done(struct hw_manifests *list)
{
    for (size_t i = 0; i < list->count; i++) {
        struct hw_manifest *manifest = &list->items[i];
        for (size_t j = 0; j < manifest->summary_count; j++) {
            hw_buf_done(&manifest->summaries[j].lower);
            hw_buf_done(&manifest->summaries[j].upper);
        }
        free(manifest->summaries);
        free(manifest->path);
    }
    free(list->items);
    *list = (struct hw_manifests){0};
}

static const char manifest_list_schema[] =
    "{\"type\":\"record\",\"name\":\"manifest_file\",\"fields\":["
    "{\"name\":\"manifest_path\",\"type\":\"string\",\"field-id\":500},"
    "{\"name\":\"manifest_length\",\"type\":\"long\",\"field-id\":501},"
    "{\"name\":\"partition_spec_id\",\"type\":\"int\",\"field-id\":502},"
    "{\"name\":\"content\",\"type\":\"int\",\"field-id\":517},"
    "{\"name\":\"sequence_number\",\"type\":\"long\",\"field-id\":515},"
    "{\"name\":\"min_sequence_number\",\"type\":\"long\",\"field-id\":516},"
    "{\"name\":\"added_snapshot_id\",\"type\":\"long\",\"field-id\":503},"
    "{\"name\":\"added_files_count\",\"type\":\"int\",\"field-id\":504},"
    "{\"name\":\"existing_files_count\",\"type\":\"int\",\"field-id\":505},"
    "{\"name\":\"deleted_files_count\",\"type\":\"int\",\"field-id\":506},"
    "{\"name\":\"added_rows_count\",\"type\":\"long\",\"field-id\":512},"
    "{\"name\":\"existing_rows_count\",\"type\":\"long\",\"field-id\":513},"
    "{\"name\":\"deleted_rows_count\",\"type\":\"long\",\"field-id\":514},"
    "{\"name\":\"partitions\",\"type\":[\"null\",{\"type\":\"array\",\"element-id\":508,\"items\":{\"type\":\"record\","
    "\"name\":"
    "\"r508\",\"fields\":[{\"name\":\"contains_null\",\"type\":\"boolean\",\"field-id\":509},"
    "{\"name\":\"contains_nan\",\"type\":[\"null\",\"boolean\"],\"default\":null,\"field-id\":518},"
    "{\"name\":\"lower_bound\",\"type\":[\"null\",\"bytes\"],\"default\":null,\"field-id\":510},"
    "{\"name\":\"upper_bound\",\"type\":[\"null\",\"bytes\"],\"default\":null,\"field-id\":511}]}}],"
    "\"default\":null,\"field-id\":507}]}";

static void put_summaries(struct hw_buf *out, const struct hw_manifest *manifest)
{
    hw_avro_put_long(out, manifest->summary_count ? 1 : 0);
    if (manifest->summary_count == 0)
        return;
    hw_avro_put_long(out, (int64_t)manifest->summary_count);
    for (size_t i = 0; i < manifest->summary_count; i++) {
        const struct hw_partition_summary *summary = &manifest->summaries[i];
        hw_avro_put_boolean(out, summary->contains_null);
        hw_avro_put_long(out, summary->contains_nan >= 0 ? 1 : 0);
        if (summary->contains_nan >= 0)
            hw_avro_put_boolean(out, summary->contains_nan > 0);
        hw_avro_put_long(out, summary->has_lower ? 1 : 0);
        if (summary->has_lower)
            hw_avro_put_bytes(out, summary->lower.data, summary->lower.size);
        hw_avro_put_long(out, summary->has_upper ? 1 : 0);
        if (summary->has_upper)
            hw_avro_put_bytes(out, summary->upper.data, summary->upper.size);
    }
    hw_avro_put_long(out, 0);
}

int hw_manifest_list_write(const struct hw_manifest_list_info *info, const struct hw_manifests *list,
                           struct hw_buf *out, struct hw_err *err)
{
    HW_CLEANUP(hw_avro_done) struct hw_avro_file avro = {0};
    char snapshot[24], parent[24] = "null", sequence[24];
    snprintf(snapshot, sizeof(snapshot), "%lld", (long long)info->snapshot_id);
    if (info->parent_snapshot_id >= 0)
        snprintf(parent, sizeof(parent), "%lld", (long long)info->parent_snapshot_id);
    snprintf(sequence, sizeof(sequence), "%lld", (long long)info->sequence);
    const struct hw_avro_meta metas[] = {{"snapshot-id", snapshot},
                                         {"parent-snapshot-id", parent},
                                         {"sequence-number", sequence},
                                         {"format-version", "2"}};
    hw_avro_begin(&avro, manifest_list_schema, metas, HW_ARRAY_SIZE(metas), true);
    for (size_t i = 0; i < list->count; i++) {
        const struct hw_manifest *m = &list->items[i];
        struct hw_buf *b = &avro.block;
        hw_avro_put_str(b, m->path);
        const int64_t numbers[] = {m->length,        m->spec_id,           m->content,       m->sequence,
                                   m->min_sequence,  m->added_snapshot_id, m->added_files,   m->existing_files,
                                   m->deleted_files, m->added_rows,        m->existing_rows, m->deleted_rows};
        for (size_t j = 0; j < HW_ARRAY_SIZE(numbers); j++)
            hw_avro_put_long(b, numbers[j]);
        put_summaries(b, m);
        HW_TRY(hw_avro_row_end(&avro, err));
    }
    HW_TRY(hw_avro_finish(&avro, err));
    hw_buf_add(out, avro.out.data, avro.out.size);
    return 0;
}

static void read_summaries(const struct hw_avro_value *list, struct hw_manifest *out)
{
    if (!list || list->type != HW_AVRO_ARRAY || list->list.count == 0)
        return;
    out->summaries = hw_xcalloc(list->list.count, sizeof(*out->summaries));
    out->summary_count = list->list.count;
    for (size_t i = 0; i < out->summary_count; i++) {
        const struct hw_avro_value *item = &list->list.items[i];
        const struct hw_avro_value *null = hw_avro_field(item, 509), *nan = hw_avro_field(item, 518);
        const struct hw_avro_value *lower = hw_avro_field(item, 510), *upper = hw_avro_field(item, 511);
        struct hw_partition_summary *summary = &out->summaries[i];
        summary->contains_null = null && null->type == HW_AVRO_BOOLEAN && null->boolean;
        summary->contains_nan = nan && nan->type == HW_AVRO_BOOLEAN ? nan->boolean : -1;
        if (lower && lower->type == HW_AVRO_BYTES) {
            summary->has_lower = true;
            hw_buf_add(&summary->lower, lower->bytes.data, lower->bytes.size);
        }
        if (upper && upper->type == HW_AVRO_BYTES) {
            summary->has_upper = true;
            hw_buf_add(&summary->upper, upper->bytes.data, upper->bytes.size);
        }
    }
}

int hw_manifest_list_read(const void *data, size_t size, struct hw_manifests *out, struct hw_err *err)
{
    HW_CLEANUP(close_reader) struct hw_avro_reader *reader = NULL;
    HW_TRY(hw_avro_open(data, size, &reader, err));
    const struct hw_avro_value *row;
    int result;
    while ((result = hw_avro_next(reader, &row, err)) == 0) {
        struct hw_manifest *m = hw_manifests_add(out);
        m->path = dup_text(hw_avro_field(row, 500));
        if (!m->path)
            return hw_err_set(err, HW_ERR_DATA, 0, "an entry of a manifest list has no path");
        m->length = hw_avro_integer(hw_avro_field(row, 501), 0);
        m->spec_id = (int)hw_avro_integer(hw_avro_field(row, 502), 0);
        m->content = (int)hw_avro_integer(hw_avro_field(row, 517), 0);
        m->sequence = hw_avro_integer(hw_avro_field(row, 515), 0);
        m->min_sequence = hw_avro_integer(hw_avro_field(row, 516), 0);
        m->added_snapshot_id = hw_avro_integer(hw_avro_field(row, 503), 0);
        m->added_files = hw_avro_integer(hw_avro_field(row, 504), 0);
        m->existing_files = hw_avro_integer(hw_avro_field(row, 505), 0);
        m->deleted_files = hw_avro_integer(hw_avro_field(row, 506), 0);
        m->added_rows = hw_avro_integer(hw_avro_field(row, 512), 0);
        m->existing_rows = hw_avro_integer(hw_avro_field(row, 513), 0);
        m->deleted_rows = hw_avro_integer(hw_avro_field(row, 514), 0);
        read_summaries(hw_avro_field(row, 507), m);
    }
    return result < 0 ? -1 : 0;
}
