/* The one decoder and the one encoder, and the primitives below them. */
#include "kafka/codec.h"

#include <endian.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- arena ---- */

struct hw_arena_chunk {
    struct hw_arena_chunk *next;
    size_t size;
    _Alignas(16) uint8_t data[];
};

void *hw_arena_alloc(struct hw_arena *arena, size_t size) {
    size_t rounded = (size + 15) & ~(size_t)15;
    if (rounded < size || (arena->limit && rounded > arena->limit - HW_MIN(arena->limit, arena->total)))
        return NULL;
    if (!arena->chunk || arena->chunk->size - arena->used < rounded) {
        size_t chunk_size = HW_MAX(rounded, (size_t)4000);
        struct hw_arena_chunk *chunk = hw_xmalloc(sizeof(*chunk) + chunk_size);
        chunk->size = chunk_size;
        chunk->next = arena->chunk;
        arena->chunk = chunk;
        arena->used = 0;
    }
    void *p = arena->chunk->data + arena->used;
    arena->used += rounded;
    arena->total += rounded;
    memset(p, 0, size);
    return p;
}

char *hw_arena_printf(struct hw_arena *arena, const char *format, ...) {
    va_list args;
    va_start(args, format);
    HW_CLEANUP(hw_freep) char *text = NULL;
    int size = vasprintf(&text, format, args);
    va_end(args);
    char *copy = size < 0 ? NULL : hw_arena_alloc(arena, (size_t)size + 1);
    if (!copy)
        return (char *)"";
    memcpy(copy, text, (size_t)size + 1);
    return copy;
}

void hw_arena_done(struct hw_arena *arena) {
    while (arena->chunk) {
        struct hw_arena_chunk *next = arena->chunk->next;
        free(arena->chunk);
        arena->chunk = next;
    }
    *arena = (struct hw_arena){.limit = arena->limit};
}

/* ---- reading ---- */

struct hw_slice hw_kafka_read_slice(struct hw_kafka_reader *in, size_t size) {
    if (in->failed || size > (size_t)(in->end - in->at)) {
        in->failed = true;
        return (struct hw_slice){0};
    }
    struct hw_slice slice = {in->at, size};
    in->at += size;
    return slice;
}

static uint64_t read_be(struct hw_kafka_reader *in, unsigned size) {
    struct hw_slice bytes = hw_kafka_read_slice(in, size);
    uint64_t value = 0;
    for (size_t i = 0; i < bytes.size; i++)
        value = value << 8 | bytes.data[i];
    return value;
}

int8_t hw_kafka_read_i8(struct hw_kafka_reader *in) {
    return (int8_t)read_be(in, 1);
}
int16_t hw_kafka_read_i16(struct hw_kafka_reader *in) {
    return (int16_t)read_be(in, 2);
}
int32_t hw_kafka_read_i32(struct hw_kafka_reader *in) {
    return (int32_t)read_be(in, 4);
}
int64_t hw_kafka_read_i64(struct hw_kafka_reader *in) {
    return (int64_t)read_be(in, 8);
}

static uint64_t read_uvarint64(struct hw_kafka_reader *in, unsigned max_bytes) {
    uint64_t value = 0;
    for (unsigned i = 0; i < max_bytes; i++) {
        if (in->failed || in->at == in->end)
            break;
        uint8_t byte = *in->at++;
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80))
            return value;
    }
    in->failed = true;
    return 0;
}

uint32_t hw_kafka_read_uvarint(struct hw_kafka_reader *in) {
    return (uint32_t)read_uvarint64(in, 5);
}

int64_t hw_kafka_read_varint(struct hw_kafka_reader *in) {
    uint64_t raw = read_uvarint64(in, 10);
    return (int64_t)(raw >> 1) ^ -(int64_t)(raw & 1);
}

/* A length as flexible and classic versions write it; -1 = null. */
static int64_t read_length(struct hw_kafka_reader *in, bool flexible, bool wide) {
    if (flexible)
        return (int64_t)hw_kafka_read_uvarint(in) - 1;
    return wide ? hw_kafka_read_i32(in) : hw_kafka_read_i16(in);
}

static struct hw_slice read_sized(struct hw_kafka_reader *in, int64_t length, bool nullable) {
    static const uint8_t empty[1];
    if (length == -1 && nullable)
        return (struct hw_slice){0};
    if (length < 0) {
        in->failed = true;
        return (struct hw_slice){0};
    }
    return length ? hw_kafka_read_slice(in, (size_t)length) : (struct hw_slice){empty, 0};
}

struct hw_slice hw_kafka_read_string(struct hw_kafka_reader *in, bool flexible, bool nullable) {
    return read_sized(in, read_length(in, flexible, false), nullable);
}

void hw_kafka_skip_tags(struct hw_kafka_reader *in) {
    uint32_t count = hw_kafka_read_uvarint(in);
    for (uint32_t i = 0; i < count && !in->failed; i++) {
        hw_kafka_read_uvarint(in);
        hw_kafka_read_slice(in, hw_kafka_read_uvarint(in));
    }
}

/* ---- decoding by table ---- */

struct any_array {
    void *items;
    int32_t count, capacity;
    bool null;
};

static bool has_field(const struct hw_kafka_field *field, int version) {
    return version >= field->first && (!field->until || version < field->until);
}

static bool may_be_null(const struct hw_kafka_field *field, int version) {
    return field->nullable_plus && version >= field->nullable_plus - 1;
}

static void set_default(const struct hw_kafka_field *field, uint8_t *at) {
    switch ((enum hw_kafka_type)field->type) {
    case HW_KAFKA_BOOL:
        *(bool *)at = field->otherwise != 0;
        break;
    case HW_KAFKA_I8:
        *(int8_t *)at = (int8_t)field->otherwise;
        break;
    case HW_KAFKA_I16:
        *(int16_t *)at = (int16_t)field->otherwise;
        break;
    case HW_KAFKA_I32:
        *(int32_t *)at = (int32_t)field->otherwise;
        break;
    case HW_KAFKA_I64:
        *(int64_t *)at = field->otherwise;
        break;
    case HW_KAFKA_NESTED:
        hw_kafka_init(field->sub(), at);
        break;
    default:
        break; /* zeroed already */
    }
}

void hw_kafka_init(const struct hw_kafka_schema *schema, void *out_struct) {
    memset(out_struct, 0, schema->size);
    for (uint32_t i = 0; i < schema->field_count; i++)
        set_default(&schema->fields[i], (uint8_t *)out_struct + schema->fields[i].offset);
}

/* The fewest bytes a struct can take, so that a count cannot promise more elements than the frame holds. */
static size_t min_size(const struct hw_kafka_schema *schema, int version, bool flexible) {
    static const uint8_t fixed[] = {
        [HW_KAFKA_BOOL] = 1,    [HW_KAFKA_I8] = 1,    [HW_KAFKA_I16] = 2,     [HW_KAFKA_I32] = 4,
        [HW_KAFKA_I64] = 8,     [HW_KAFKA_UUID] = 16, [HW_KAFKA_STRING] = 2,  [HW_KAFKA_BYTES] = 4,
        [HW_KAFKA_RECORDS] = 4, [HW_KAFKA_I32S] = 4,  [HW_KAFKA_STRINGS] = 4, [HW_KAFKA_ARRAY] = 4};
    size_t size = flexible;
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const struct hw_kafka_field *field = &schema->fields[i];
        if (!has_field(field, version) || field->tag_plus)
            continue;
        if (field->type == HW_KAFKA_NESTED)
            size += min_size(field->sub(), version, flexible);
        else
            size += flexible && field->type >= HW_KAFKA_STRING ? 1 : fixed[field->type];
    }
    return size;
}

static int decode_struct(const struct hw_kafka_schema *schema, int version, bool flexible, struct hw_kafka_reader *in,
                         struct hw_arena *arena, uint8_t *out);

static int decode_array(const struct hw_kafka_field *field, int version, bool flexible, struct hw_kafka_reader *in,
                        struct hw_arena *arena, struct any_array *out) {
    int64_t count = read_length(in, flexible, true);
    if (in->failed)
        return -1;
    if (count == -1 && may_be_null(field, version)) {
        out->null = true;
        return 0;
    }
    const struct hw_kafka_schema *sub = field->type == HW_KAFKA_ARRAY ? field->sub() : NULL;
    size_t item_size = sub ? sub->size : field->type == HW_KAFKA_I32S ? sizeof(int32_t) : sizeof(struct hw_slice);
    size_t wire_min = sub ? min_size(sub, version, flexible) : field->type == HW_KAFKA_I32S ? 4 : flexible ? 1 : 2;
    if (count < 0 || (uint64_t)count > (size_t)(in->end - in->at) / HW_MAX(wire_min, (size_t)1))
        return -1;
    if (!count)
        return 0;
    out->items = hw_arena_alloc(arena, (size_t)count * item_size);
    if (!out->items)
        return -1;
    out->count = out->capacity = (int32_t)count;
    for (int32_t i = 0; i < out->count; i++) {
        uint8_t *item = (uint8_t *)out->items + (size_t)i * item_size;
        if (sub)
            HW_TRY(decode_struct(sub, version, flexible, in, arena, item));
        else if (field->type == HW_KAFKA_I32S)
            *(int32_t *)(void *)item = hw_kafka_read_i32(in);
        else
            *(struct hw_slice *)(void *)item = hw_kafka_read_string(in, flexible, false);
    }
    return in->failed ? -1 : 0;
}

static int decode_field(const struct hw_kafka_field *field, int version, bool flexible, struct hw_kafka_reader *in,
                        struct hw_arena *arena, void *at) {
    bool nullable = may_be_null(field, version);
    switch ((enum hw_kafka_type)field->type) {
    case HW_KAFKA_BOOL:
        *(bool *)at = hw_kafka_read_i8(in) != 0;
        break;
    case HW_KAFKA_I8:
        *(int8_t *)at = hw_kafka_read_i8(in);
        break;
    case HW_KAFKA_I16:
        *(int16_t *)at = hw_kafka_read_i16(in);
        break;
    case HW_KAFKA_I32:
        *(int32_t *)at = hw_kafka_read_i32(in);
        break;
    case HW_KAFKA_I64:
        *(int64_t *)at = hw_kafka_read_i64(in);
        break;
    case HW_KAFKA_UUID: {
        struct hw_slice bytes = hw_kafka_read_slice(in, 16);
        if (bytes.size)
            memcpy(at, bytes.data, 16);
        break;
    }
    case HW_KAFKA_STRING:
        *(struct hw_slice *)at = hw_kafka_read_string(in, flexible, nullable);
        break;
    case HW_KAFKA_BYTES:
        *(struct hw_slice *)at = read_sized(in, read_length(in, flexible, true), nullable);
        break;
    case HW_KAFKA_RECORDS: {
        struct hw_slice bytes = read_sized(in, read_length(in, flexible, true), nullable);
        *(struct hw_kafka_records *)at = (struct hw_kafka_records){.data = bytes.data, .size = bytes.size};
        break;
    }
    case HW_KAFKA_I32S:
    case HW_KAFKA_STRINGS:
    case HW_KAFKA_ARRAY:
        return decode_array(field, version, flexible, in, arena, at);
    case HW_KAFKA_NESTED:
        return decode_struct(field->sub(), version, flexible, in, arena, at);
    }
    return in->failed ? -1 : 0;
}

static int decode_tags(const struct hw_kafka_schema *schema, int version, struct hw_kafka_reader *in,
                       struct hw_arena *arena, uint8_t *out) {
    uint32_t count = hw_kafka_read_uvarint(in);
    for (uint32_t i = 0; i < count && !in->failed; i++) {
        uint32_t tag = hw_kafka_read_uvarint(in);
        struct hw_slice body = hw_kafka_read_slice(in, hw_kafka_read_uvarint(in));
        for (uint32_t f = 0; f < schema->field_count && !in->failed; f++) {
            const struct hw_kafka_field *field = &schema->fields[f];
            if (field->tag_plus != (int64_t)tag + 1 || !has_field(field, version))
                continue;
            struct hw_kafka_reader inner = {body.data, body.data + body.size, false};
            HW_TRY(decode_field(field, version, true, &inner, arena, out + field->offset));
        }
    }
    return in->failed ? -1 : 0;
}

/* On failure in->at is where reading stopped. */
static int decode_struct(const struct hw_kafka_schema *schema, int version, bool flexible, struct hw_kafka_reader *in,
                         struct hw_arena *arena, uint8_t *out) {
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const struct hw_kafka_field *field = &schema->fields[i];
        if (has_field(field, version) && !field->tag_plus)
            HW_TRY(decode_field(field, version, flexible, in, arena, out + field->offset));
        else
            set_default(field, out + field->offset);
    }
    return flexible ? decode_tags(schema, version, in, arena, out) : 0;
}

int hw_kafka_decode(const struct hw_kafka_schema *schema, int version, bool flexible, struct hw_kafka_reader *in,
                    struct hw_arena *arena, void *out_struct, struct hw_err *err) {
    const uint8_t *start = in->at;
    memset(out_struct, 0, schema->size);
    if (decode_struct(schema, version, flexible, in, arena, out_struct) < 0)
        return hw_err_set(err, HW_ERR_DATA, 0,
                          "%s version %d is malformed near byte %td of %td: a length or count does not fit",
                          schema->name, version, in->at - start, in->end - start);
    return 0;
}

/* ---- writing ---- */

void hw_kafka_write_i8(struct hw_buf *out, int8_t value) {
    hw_buf_add(out, &value, 1);
}

void hw_kafka_write_i16(struct hw_buf *out, int16_t value) {
    uint16_t be = htobe16((uint16_t)value);
    hw_buf_add(out, &be, sizeof(be));
}

void hw_kafka_write_i32(struct hw_buf *out, int32_t value) {
    uint32_t be = htobe32((uint32_t)value);
    hw_buf_add(out, &be, sizeof(be));
}

void hw_kafka_write_i64(struct hw_buf *out, int64_t value) {
    uint64_t be = htobe64((uint64_t)value);
    hw_buf_add(out, &be, sizeof(be));
}

static void write_uvarint64(struct hw_buf *out, uint64_t value) {
    uint8_t bytes[10];
    size_t size = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[size++] = (uint8_t)(value | 0x80);
    bytes[size++] = (uint8_t)value;
    hw_buf_add(out, bytes, size);
}

void hw_kafka_write_uvarint(struct hw_buf *out, uint32_t value) {
    write_uvarint64(out, value);
}

void hw_kafka_write_varint(struct hw_buf *out, int64_t value) {
    write_uvarint64(out, (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0));
}

static void write_length(struct hw_buf *out, int64_t length, bool flexible, bool wide) {
    if (flexible)
        hw_kafka_write_uvarint(out, (uint32_t)(length + 1));
    else if (wide)
        hw_kafka_write_i32(out, (int32_t)length);
    else
        hw_kafka_write_i16(out, (int16_t)length);
}

void hw_kafka_write_string(struct hw_buf *out, struct hw_slice value, bool flexible) {
    size_t size = HW_MIN(value.size, (size_t)INT16_MAX);
    write_length(out, value.data ? (int64_t)size : -1, flexible, false);
    hw_buf_add(out, value.data, value.data ? size : 0);
}

void hw_kafka_writer_done(struct hw_kafka_writer *writer) {
    free(writer->spans);
    writer->spans = NULL;
    writer->span_count = writer->span_capacity = 0;
}

static void write_records(struct hw_kafka_writer *out, const struct hw_kafka_records *records, bool flexible) {
    bool null = !records->data && !records->owner;
    write_length(out->out, null ? -1 : (int64_t)records->size, flexible, true);
    if (!records->owner) {
        hw_buf_add(out->out, records->data, records->data ? records->size : 0);
        return;
    }
    if (out->span_count == out->span_capacity) {
        out->span_capacity = HW_MAX(out->span_capacity * 2, (size_t)8);
        out->spans = hw_xrealloc(out->spans, out->span_capacity * sizeof(*out->spans));
    }
    out->spans[out->span_count++] = (struct hw_kafka_span){out->out->size, *records};
    out->span_bytes += records->size;
}

static void encode_struct(const struct hw_kafka_schema *schema, int version, bool flexible, const uint8_t *value,
                          struct hw_kafka_writer *out);

static void encode_array(const struct hw_kafka_field *field, int version, bool flexible, const struct any_array *array,
                         struct hw_kafka_writer *out) {
    bool null = array->null && may_be_null(field, version);
    write_length(out->out, null ? -1 : array->count, flexible, true);
    if (null)
        return;
    const struct hw_kafka_schema *sub = field->type == HW_KAFKA_ARRAY ? field->sub() : NULL;
    for (int32_t i = 0; i < array->count; i++) {
        if (sub) {
            encode_struct(sub, version, flexible, (const uint8_t *)array->items + (size_t)i * sub->size, out);
        } else if (field->type == HW_KAFKA_I32S) {
            hw_kafka_write_i32(out->out, ((const int32_t *)array->items)[i]);
        } else {
            struct hw_slice s = ((const struct hw_slice *)array->items)[i];
            hw_kafka_write_string(out->out, s.data ? s : hw_slice_str(""), flexible);
        }
    }
}

static void encode_field(const struct hw_kafka_field *field, int version, bool flexible, const void *at,
                         struct hw_kafka_writer *out) {
    bool nullable = may_be_null(field, version);
    struct hw_slice slice;
    switch ((enum hw_kafka_type)field->type) {
    case HW_KAFKA_BOOL:
        hw_kafka_write_i8(out->out, *(const bool *)at);
        break;
    case HW_KAFKA_I8:
        hw_kafka_write_i8(out->out, *(const int8_t *)at);
        break;
    case HW_KAFKA_I16:
        hw_kafka_write_i16(out->out, *(const int16_t *)at);
        break;
    case HW_KAFKA_I32:
        hw_kafka_write_i32(out->out, *(const int32_t *)at);
        break;
    case HW_KAFKA_I64:
        hw_kafka_write_i64(out->out, *(const int64_t *)at);
        break;
    case HW_KAFKA_UUID:
        hw_buf_add(out->out, at, 16);
        break;
    case HW_KAFKA_STRING:
        slice = *(const struct hw_slice *)at;
        hw_kafka_write_string(out->out, slice.data || nullable ? slice : hw_slice_str(""), flexible);
        break;
    case HW_KAFKA_BYTES:
        slice = *(const struct hw_slice *)at;
        write_length(out->out, slice.data || !nullable ? (int64_t)slice.size : -1, flexible, true);
        hw_buf_add(out->out, slice.data, slice.data ? slice.size : 0);
        break;
    case HW_KAFKA_RECORDS:
        write_records(out, at, flexible);
        break;
    case HW_KAFKA_I32S:
    case HW_KAFKA_STRINGS:
    case HW_KAFKA_ARRAY:
        encode_array(field, version, flexible, at, out);
        break;
    case HW_KAFKA_NESTED:
        encode_struct(field->sub(), version, flexible, at, out);
        break;
    }
}

/* A tagged field that says nothing new is left out. */
static bool is_default(const struct hw_kafka_field *field, const uint8_t *at) {
    switch ((enum hw_kafka_type)field->type) {
    case HW_KAFKA_BOOL:
        return *(const bool *)at == (field->otherwise != 0);
    case HW_KAFKA_I8:
        return *(const int8_t *)at == field->otherwise;
    case HW_KAFKA_I16:
        return *(const int16_t *)(const void *)at == field->otherwise;
    case HW_KAFKA_I32:
        return *(const int32_t *)(const void *)at == field->otherwise;
    case HW_KAFKA_I64:
        return *(const int64_t *)(const void *)at == field->otherwise;
    case HW_KAFKA_STRING:
    case HW_KAFKA_BYTES:
        return ((const struct hw_slice *)(const void *)at)->size == 0;
    case HW_KAFKA_I32S:
    case HW_KAFKA_STRINGS:
    case HW_KAFKA_ARRAY:
        return ((const struct any_array *)(const void *)at)->count == 0;
    case HW_KAFKA_NESTED: {
        const struct hw_kafka_schema *sub = field->sub();
        for (uint32_t i = 0; i < sub->field_count; i++)
            if (!is_default(&sub->fields[i], at + sub->fields[i].offset))
                return false;
        return true;
    }
    default:
        return false;
    }
}

static void encode_tags(const struct hw_kafka_schema *schema, int version, const uint8_t *value,
                        struct hw_kafka_writer *out) {
    const struct hw_kafka_field *tagged[8]; /* in the order of their tags: messages.def lists them so */
    uint32_t count = 0;
    for (uint32_t i = 0; i < schema->field_count && count < HW_ARRAY_SIZE(tagged); i++) {
        const struct hw_kafka_field *field = &schema->fields[i];
        if (field->tag_plus && has_field(field, version) && !is_default(field, value + field->offset))
            tagged[count++] = field;
    }
    hw_kafka_write_uvarint(out->out, count);
    for (uint32_t i = 0; i < count; i++) {
        struct hw_buf body = {0};
        struct hw_kafka_writer inner = {.out = &body};
        encode_field(tagged[i], version, true, value + tagged[i]->offset, &inner);
        hw_kafka_write_uvarint(out->out, (uint32_t)(tagged[i]->tag_plus - 1));
        hw_kafka_write_uvarint(out->out, (uint32_t)body.size);
        hw_buf_add(out->out, body.data, body.size);
        hw_buf_done(&body);
        hw_kafka_writer_done(&inner);
    }
}

static void encode_struct(const struct hw_kafka_schema *schema, int version, bool flexible, const uint8_t *value,
                          struct hw_kafka_writer *out) {
    for (uint32_t i = 0; i < schema->field_count; i++) {
        const struct hw_kafka_field *field = &schema->fields[i];
        if (has_field(field, version) && !field->tag_plus)
            encode_field(field, version, flexible, value + field->offset, out);
    }
    if (flexible)
        encode_tags(schema, version, value, out);
}

void hw_kafka_encode(const struct hw_kafka_schema *schema, int version, bool flexible, const void *value,
                     struct hw_kafka_writer *out) {
    encode_struct(schema, version, flexible, value, out);
}

void *hw_kafka_array_add(struct hw_arena *arena, const struct hw_kafka_schema *schema, void *array) {
    struct any_array *a = array;
    if (a->count == a->capacity) {
        int32_t capacity = HW_MAX(a->capacity * 2, 4);
        void *items = hw_arena_alloc(arena, (size_t)capacity * schema->size);
        if (!items)
            return NULL;
        if (a->count)
            memcpy(items, a->items, (size_t)a->count * schema->size);
        a->items = items;
        a->capacity = capacity;
    }
    a->null = false;
    void *item = (uint8_t *)a->items + (size_t)a->count++ * schema->size;
    hw_kafka_init(schema, item);
    return item;
}
