/* Avro containers: what is written reads back, and damage is found. */
#include "warehouse/avro.h"
#include "warehouse/manifest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char schema[] = "{\"type\":\"record\",\"name\":\"r\",\"fields\":["
                             "{\"name\":\"a\",\"type\":\"long\",\"field-id\":1},"
                             "{\"name\":\"b\",\"type\":[\"null\",\"string\"],\"field-id\":2},"
                             "{\"name\":\"c\",\"type\":{\"type\":\"array\",\"items\":\"int\"},\"field-id\":3}]}";

static void write_rows(struct hw_avro_file *file, bool deflate, int rows)
{
    const struct hw_avro_meta metas[] = {{"key", "value"}};
    struct hw_err err;
    hw_avro_begin(file, schema, metas, 1, deflate);
    for (int i = 0; i < rows; i++) {
        hw_avro_put_long(&file->block, i % 2 ? -i : i);
        hw_avro_put_long(&file->block, i % 3 ? 1 : 0);
        if (i % 3)
            hw_avro_put_str(&file->block, "text");
        hw_avro_put_long(&file->block, 2);
        hw_avro_put_long(&file->block, i);
        hw_avro_put_long(&file->block, INT32_MIN);
        hw_avro_put_long(&file->block, 0);
        assert_int_equal(hw_avro_row_end(file, &err), 0);
    }
    assert_int_equal(hw_avro_finish(file, &err), 0);
}

static void written_rows_read_back(void **state)
{
    const int counts[] = {0, 1, 20000}; /* the last makes several blocks */
    for (size_t c = 0; c < HW_ARRAY_SIZE(counts) * 2; c++) {
        struct hw_avro_file file = {0};
        struct hw_avro_reader *reader = NULL;
        const struct hw_avro_value *row;
        struct hw_err err;
        int rows = 0;
        write_rows(&file, c % 2, counts[c / 2]);
        assert_int_equal(hw_avro_open(file.out.data, file.out.size, &reader, &err), 0);
        assert_int_equal(hw_avro_header(reader, "key").size, 5);
        assert_null(hw_avro_header(reader, "none").data);
        for (; hw_avro_next(reader, &row, &err) == 0; rows++) {
            assert_int_equal(hw_avro_integer(hw_avro_field(row, 1), 0), rows % 2 ? -rows : rows);
            assert_true((hw_avro_field(row, 2) != NULL) == (rows % 3 != 0));
            const struct hw_avro_value *list = hw_avro_field(row, 3);
            assert_int_equal(list->list.count, 2);
            assert_int_equal(list->list.items[0].integer, rows);
            assert_int_equal(list->list.items[1].integer, INT32_MIN);
            assert_null(hw_avro_field(row, 99));
        }
        assert_int_equal(rows, counts[c / 2]);
        hw_avro_close(reader);
        hw_avro_done(&file);
    }
}

/* Any single byte changed, any cut: an error or other values, never a crash (the sanitizers watch). */
static void damage_is_survived(void **state)
{
    struct hw_avro_file file = {0};
    write_rows(&file, false, 5);
    for (size_t cut = 0; cut <= file.out.size; cut++) {
        for (int flip = 0; flip < 2; flip++) {
            struct hw_avro_reader *reader = NULL;
            const struct hw_avro_value *row;
            struct hw_err err = {0};
            uint8_t *copy = malloc(file.out.size + 1); /* exact size, so that a read past the end is seen */
            memcpy(copy, file.out.data, file.out.size);
            size_t size = flip ? file.out.size : cut;
            if (flip && cut < size)
                copy[cut] ^= 0xff;
            int result = hw_avro_open(copy, size, &reader, &err);
            while (result == 0)
                result = hw_avro_next(reader, &row, &err);
            if (result < 0)
                assert_true(err.kind == HW_ERR_DATA && err.text[0]);
            hw_avro_close(reader);
            free(copy);
        }
    }
    hw_avro_done(&file);
}

/* A schema of empty records names any number of values in no bytes. */
static void bombs_are_refused(void **state)
{
    static const char *const schemas[] = {
        "{\"type\":\"array\",\"items\":\"null\"}",
        "{\"type\":\"record\",\"name\":\"a\",\"fields\":[{\"name\":\"x\",\"type\":\"a\"}]}",
        "[\"null\"",
        "{\"type\":\"fixed\",\"name\":\"f\",\"size\":-1}",
        "\"nowhere\"",
        "7",
    };
    for (size_t i = 0; i < HW_ARRAY_SIZE(schemas); i++) {
        struct hw_avro_file file = {0};
        struct hw_avro_reader *reader = NULL;
        const struct hw_avro_value *row;
        struct hw_err err = {0};
        hw_avro_begin(&file, schemas[i], NULL, 0, false);
        hw_avro_put_long(&file.block, INT64_C(1) << 60);
        hw_avro_put_long(&file.block, 0);
        assert_int_equal(hw_avro_row_end(&file, &err), 0);
        assert_int_equal(hw_avro_finish(&file, &err), 0);
        int result = hw_avro_open(file.out.data, file.out.size, &reader, &err);
        while (result == 0)
            result = hw_avro_next(reader, &row, &err);
        assert_int_equal(result, -1);
        assert_int_equal(err.kind, HW_ERR_DATA);
        hw_avro_close(reader);
        hw_avro_done(&file);
    }
}

static void unknown_codec_is_named(void **state)
{
    struct hw_avro_file file = {0};
    struct hw_avro_reader *reader = NULL;
    struct hw_err err = {0};
    write_rows(&file, false, 1);
    uint8_t *codec = memmem(file.out.data, file.out.size, "null", 4);
    for (uint8_t *p = file.out.data; (p = memmem(p, file.out.size - (size_t)(p - file.out.data), "avro.codec", 10));
         p++)
        codec = p + 11;
    memcpy(codec, "zstd", 4);
    assert_int_equal(hw_avro_open(file.out.data, file.out.size, &reader, &err), -1);
    assert_non_null(strstr(err.text, "zstd"));
    hw_avro_done(&file);
}

/* --- Manifests ----------------------------------------------------------------------------------------------------- */
static const struct hw_manifest_context context = {.schema_json = "{}",
                                                   .spec_json = "[]",
                                                   .schema_id = 3,
                                                   .spec_id = 2,
                                                   .partitioned = true,
                                                   .partition_name = "event_ts_day",
                                                   .partition_field_id = 1000};

static void manifest_reads_back(void **state)
{
    struct hw_data_files files = {0}, again = {0};
    struct hw_buf out = {0};
    struct hw_err err;
    bool own = false;
    struct hw_manifest summary = {0};
    for (int i = 0; i < 3; i++) {
        struct hw_data_file *file = hw_data_files_add(&files);
        *file = (struct hw_data_file){.status = i == 2 ? HW_ENTRY_EXISTING : HW_ENTRY_ADDED,
                                      .snapshot_id = 7,
                                      .sequence = i == 2 ? 5 : -1,
                                      .file_sequence = -1,
                                      .format = "PARQUET",
                                      .has_day = i != 1,
                                      .day = -3 + i,
                                      .records = 10 + i,
                                      .bytes = 100,
                                      .column_count = 1};
        file->path = strdup("file:///a/b.parquet");
        file->columns[0] = (struct hw_column_facts){.id = 8,
                                                    .size_bytes = -1,
                                                    .values = 10,
                                                    .nulls = 0,
                                                    .lower = "\1",
                                                    .lower_size = 8,
                                                    .upper = "\2",
                                                    .upper_size = 8};
    }
    assert_int_equal(hw_manifest_write(&context, &files, &out, &err), 0);
    assert_int_equal(hw_manifest_read(out.data, out.size, &again, &own, &err), 0);
    assert_true(own);
    assert_int_equal(again.count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(again.items[i].path, files.items[i].path);
        assert_int_equal(again.items[i].day, i == 1 ? 0 : files.items[i].day);
        assert_int_equal(again.items[i].has_day, files.items[i].has_day);
        assert_int_equal(again.items[i].records, files.items[i].records);
        assert_int_equal(again.items[i].sequence, files.items[i].sequence);
        assert_int_equal(again.items[i].columns[0].values, 10);
        assert_int_equal(again.items[i].columns[0].size_bytes, -1);
        assert_memory_equal(again.items[i].columns[0].lower, files.items[i].columns[0].lower, 8);
    }
    hw_manifest_summarise(&context, &again, &summary);
    assert_int_equal(summary.added_files, 2);
    assert_int_equal(summary.existing_rows, 12);
    assert_int_equal(summary.min_sequence, 5);
    assert_true(summary.summaries[0].contains_null);
    hw_data_files_done(&files);
    hw_data_files_done(&again);
    hw_buf_done(&out);
    struct hw_manifests list = {0}, list_again = {0};
    summary.path = strdup("file:///m.avro");
    summary.sequence = 9;
    *hw_manifests_add(&list) = summary;
    const struct hw_manifest_list_info info = {1, -1, 9};
    assert_int_equal(hw_manifest_list_write(&info, &list, &out, &err), 0);
    assert_int_equal(hw_manifest_list_read(out.data, out.size, &list_again, &err), 0);
    assert_int_equal(list_again.count, 1);
    assert_string_equal(list_again.items[0].path, "file:///m.avro");
    assert_int_equal(list_again.items[0].sequence, 9);
    assert_int_equal(list_again.items[0].added_rows, 21);
    assert_int_equal(list_again.items[0].summary_count, 1);
    assert_memory_equal(list_again.items[0].summaries[0].lower.data, "\xfd\xff\xff\xff", 4);
    hw_manifests_done(&list);
    hw_manifests_done(&list_again);
    hw_buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_rows_read_back), cmocka_unit_test(damage_is_survived),
        cmocka_unit_test(bombs_are_refused),      cmocka_unit_test(unknown_codec_is_named),
        cmocka_unit_test(manifest_reads_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
