/* Avro object container files (Avro 1.11 §"Object Container Files"), as far as Iceberg's manifests need them.
 *
 * Writing: the caller encodes rows itself, in the order of the schema text it gives; field ids are just text of that
 * schema. Reading: any writer schema is followed, values are found by their Iceberg field id, so other engines' files
 * read as well. */
#pragma once
#include "base/base.h"
#include "base/buf.h"

/* --- Encoding ------------------------------------------------------------------------------------------------------ */
void hw_avro_put_long(struct hw_buf *out, int64_t value); /* also int: both are zigzag varints */
void hw_avro_put_bytes(struct hw_buf *out, const void *data, size_t size);
void hw_avro_put_str(struct hw_buf *out, const char *s);
void hw_avro_put_boolean(struct hw_buf *out, bool value);

struct hw_avro_meta {
    const char *key;
    const char *value;
};
/* A file being written, in memory. {0} is safe to done. */
struct hw_avro_file {
    struct hw_buf out;   /* the file so far */
    struct hw_buf block; /* rows of the block being filled: encode the next row here, then hw_avro_row_end */
    size_t block_rows;
    uint8_t sync[16];
    bool deflate;
};
void hw_avro_begin(struct hw_avro_file *file, const char *schema, const struct hw_avro_meta *metas, size_t meta_count,
                   bool deflate);
HW_MUST_CHECK int hw_avro_row_end(struct hw_avro_file *file, struct hw_err *err);
HW_MUST_CHECK int hw_avro_finish(struct hw_avro_file *file, struct hw_err *err); /* then file->out is whole */
void hw_avro_done(struct hw_avro_file *file);

/* --- Reading ------------------------------------------------------------------------------------------------------- */
enum hw_avro_type {
    HW_AVRO_NULL,
    HW_AVRO_BOOLEAN,
    HW_AVRO_INT,
    HW_AVRO_LONG,
    HW_AVRO_FLOAT,
    HW_AVRO_DOUBLE,
    HW_AVRO_BYTES,
    HW_AVRO_STRING,
    HW_AVRO_FIXED,
    HW_AVRO_ENUM,
    HW_AVRO_RECORD,
    HW_AVRO_ARRAY,
    HW_AVRO_MAP,
    HW_AVRO_UNION
};
struct hw_avro_schema;
/* Memory belongs to the reader and lasts until its next row. Unions are resolved to the branch chosen. */
struct hw_avro_value {
    enum hw_avro_type type;
    const struct hw_avro_schema *schema;
    union {
        bool boolean;
        int64_t integer;       /* int, long, enum */
        double number;         /* float, double */
        struct hw_slice bytes; /* bytes, string, fixed */
        struct {
            struct hw_avro_value *items; /* record: fields in the order of the schema; map: key, value, key, value… */
            size_t count;
        } list;
    };
};

struct hw_avro_reader;
#define HW_AVRO_END 1
/* data is borrowed until close. */
HW_MUST_CHECK int hw_avro_open(const void *data, size_t size, struct hw_avro_reader **out_reader, struct hw_err *err);
struct hw_avro_reader *hw_avro_close(struct hw_avro_reader *reader);
/* A value of the file's header ("schema", "partition-spec-id"…); data NULL when absent. */
struct hw_slice hw_avro_header(const struct hw_avro_reader *reader, const char *key);
/* 0 = a row, HW_AVRO_END = no more, -1 = the file is damaged (HW_ERR_DATA). */
HW_MUST_CHECK int hw_avro_next(struct hw_avro_reader *reader, const struct hw_avro_value **out_row, struct hw_err *err);
/* The field of a record by its field-id; NULL when the record has none such or it is null. */
const struct hw_avro_value *hw_avro_field(const struct hw_avro_value *record, int field_id);
/* Integer, or `otherwise` when value is NULL or no integer. */
int64_t hw_avro_integer(const struct hw_avro_value *value, int64_t otherwise);
