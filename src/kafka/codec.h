/* Kafka's wire format, driven by tables: one description per struct (messages.def) walked by one decoder and one
 * encoder.
 *
 * Decoding copies nothing: strings and bytes point into the frame, arrays live in an arena with a limit. A frame may
 * lie about every length; the decoder checks each against what is left and refuses counts the frame cannot hold. No
 * threads of its own. */
#pragma once
#include "base/buf.h"

/* Memory that is freed at once. {0} is a valid empty one without limit. */
struct hw_arena_chunk;
struct hw_arena {
    struct hw_arena_chunk *chunk;
    size_t used, total, limit; /* limit 0 = none */
};
void *hw_arena_alloc(struct hw_arena *arena, size_t size); /* zeroed, 16-aligned; NULL past the limit */
char *hw_arena_printf(struct hw_arena *arena, const char *format, ...) HW_PRINTF(2, 3); /* "" past the limit */
void hw_arena_done(struct hw_arena *arena);

enum hw_kafka_type {
    HW_KAFKA_BOOL,
    HW_KAFKA_I8,
    HW_KAFKA_I16,
    HW_KAFKA_I32,
    HW_KAFKA_I64,
    HW_KAFKA_UUID,
    HW_KAFKA_STRING,  /* struct hw_slice; data NULL = null */
    HW_KAFKA_BYTES,   /* struct hw_slice */
    HW_KAFKA_RECORDS, /* struct hw_kafka_records */
    HW_KAFKA_I32S,
    HW_KAFKA_STRINGS,
    HW_KAFKA_ARRAY, /* the shape of HW_KAFKA_ARRAY_OF */
    HW_KAFKA_NESTED /* a struct inside */
};

struct hw_uuid {
    uint8_t bytes[16];
};
/* Record batches: bytes in memory, or a range of a file that the sender passes on without reading it. */
struct hw_kafka_records {
    const uint8_t *data; /* NULL and no file = null */
    size_t size;
    int fd; /* used when owner is set */
    int64_t position;
    void *owner; /* whoever keeps fd open; NULL = bytes in memory */
};
#define HW_KAFKA_ARRAY_OF(type)                                                                                        \
    struct {                                                                                                           \
        type *items;                                                                                                   \
        int32_t count;                                                                                                 \
        int32_t capacity;                                                                                              \
        bool null;                                                                                                     \
    }

struct hw_kafka_schema;
struct hw_kafka_field {
    const char *name;
    uint16_t offset;
    uint8_t type;
    int16_t first, until;  /* versions with this field: first <= v < until, until 0 = no end */
    int16_t nullable_plus; /* 1 + first version where null is allowed; 0 = never */
    int16_t tag_plus;      /* 1 + tag; 0 = not tagged */
    int64_t otherwise;     /* value when the version has no such field */
    const struct hw_kafka_schema *(*sub)(void);
};
struct hw_kafka_schema {
    const char *name;
    uint32_t size;
    uint32_t field_count;
    const struct hw_kafka_field *fields;
};

/* A place in a frame; failed once any read ran past the end. */
struct hw_kafka_reader {
    const uint8_t *at, *end;
    bool failed;
};
int8_t hw_kafka_read_i8(struct hw_kafka_reader *in);
int16_t hw_kafka_read_i16(struct hw_kafka_reader *in);
int32_t hw_kafka_read_i32(struct hw_kafka_reader *in);
int64_t hw_kafka_read_i64(struct hw_kafka_reader *in);
uint32_t hw_kafka_read_uvarint(struct hw_kafka_reader *in);
int64_t hw_kafka_read_varint(struct hw_kafka_reader *in); /* zigzag, up to 64 bits */
struct hw_slice hw_kafka_read_slice(struct hw_kafka_reader *in, size_t size);
struct hw_slice hw_kafka_read_string(struct hw_kafka_reader *in, bool flexible, bool nullable);
void hw_kafka_skip_tags(struct hw_kafka_reader *in);

/* Where records from files belong in the encoded bytes. */
struct hw_kafka_span {
    size_t at; /* before this byte of the buffer */
    struct hw_kafka_records records;
};
struct hw_kafka_writer {
    struct hw_buf *out;
    struct hw_kafka_span *spans; /* malloc'd, hw_kafka_writer_done */
    size_t span_count, span_capacity, span_bytes;
};
void hw_kafka_writer_done(struct hw_kafka_writer *writer); /* frees the span list, not the buffer */
void hw_kafka_write_i8(struct hw_buf *out, int8_t value);
void hw_kafka_write_i16(struct hw_buf *out, int16_t value);
void hw_kafka_write_i32(struct hw_buf *out, int32_t value);
void hw_kafka_write_i64(struct hw_buf *out, int64_t value);
void hw_kafka_write_uvarint(struct hw_buf *out, uint32_t value);
void hw_kafka_write_varint(struct hw_buf *out, int64_t value); /* zigzag */
void hw_kafka_write_string(struct hw_buf *out, struct hw_slice value, bool flexible);

/* Fills *out_struct (schema->size bytes, zeroed first) from the reader. -1 with HW_ERR_DATA naming the field at fault.
 */
HW_MUST_CHECK int hw_kafka_decode(const struct hw_kafka_schema *schema, int version, bool flexible,
                                  struct hw_kafka_reader *in, struct hw_arena *arena, void *out_struct,
                                  struct hw_err *err);
void hw_kafka_encode(const struct hw_kafka_schema *schema, int version, bool flexible, const void *value,
                     struct hw_kafka_writer *out);
/* Sets every field to its default. */
void hw_kafka_init(const struct hw_kafka_schema *schema, void *out_struct);

/* Appends one element of defaults to an array field built for an answer; NULL past the arena's limit. */
void *hw_kafka_array_add(struct hw_arena *arena, const struct hw_kafka_schema *schema, void *array);
#define HW_KAFKA_ADD(arena, schema_name, array)                                                                        \
    ((__typeof__((array)->items))hw_kafka_array_add((arena), hw_kafka_##schema_name##_schema(), (array)))

/* Slices and C strings. */
static inline struct hw_slice hw_slice_str(const char *s) {
    return (struct hw_slice){(const uint8_t *)s, s ? __builtin_strlen(s) : 0};
}
static inline bool hw_slice_eq(struct hw_slice slice, const char *s) {
    return slice.size == __builtin_strlen(s) && (slice.size == 0 || __builtin_memcmp(slice.data, s, slice.size) == 0);
}
