/* Avro object container files: the reading side. Every length is checked against what is left; what a row may expand to
 * is bounded by VALUES_PER_ROW, as schemas of empty records could otherwise name any number of values in no bytes at
 * all. */
#include "warehouse/avro.h"

#include "net/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum {
    BLOCK_LIMIT = 256 * 1024 * 1024,
    HEADER_ITEMS = 64,
    DEPTH_LIMIT = 40,
    FIELDS_LIMIT = 4096,
    NAMES_LIMIT = 4096,
    VALUES_PER_ROW = 1 << 20,
    ARENA_CHUNK = 64 * 1024
};

/* --- Arena: what a row (or the schema) needs, freed at once -------------------------------------------------------- */
struct arena_chunk {
    struct arena_chunk *next;
    size_t used, capacity;
    max_align_t data[];
};
struct arena {
    struct arena_chunk *first;
};

static void *arena_take(struct arena *arena, size_t size)
{
    size = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
    struct arena_chunk *chunk = arena->first;
    if (!chunk || chunk->capacity - chunk->used < size) {
        size_t capacity = HW_MAX((size_t)ARENA_CHUNK, size);
        chunk = hw_xmalloc(sizeof(*chunk) + capacity);
        *chunk = (struct arena_chunk){.next = arena->first, .capacity = capacity};
        arena->first = chunk;
    }
    void *p = (char *)chunk->data + chunk->used;
    chunk->used += size;
    return memset(p, 0, size);
}

/* Keeps the newest chunk, so that small rows allocate nothing. */
static void arena_reset(struct arena *arena)
{
    struct arena_chunk *chunk = arena->first;
    if (!chunk)
        return;
    struct arena_chunk *next = chunk->next;
    while (next) {
        struct arena_chunk *after = next->next;
        free(next);
        next = after;
    }
    chunk->next = NULL;
    chunk->used = 0;
}

static void arena_done(struct arena *arena)
{
    arena_reset(arena);
    free(arena->first);
    arena->first = NULL;
}

/* --- The writer's schema ------------------------------------------------------------------------------------------- */
struct hw_avro_schema {
    enum hw_avro_type type;
    const char *name; /* of named types */
    size_t fixed_size;
    size_t count;                           /* fields of a record, branches of a union, symbols of an enum */
    const struct hw_avro_schema **children; /* fields, branches; item of an array, value of a map */
    int *field_ids;                         /* records: -1 where a field has none */
};

struct hw_avro_reader {
    const uint8_t *data;
    size_t size, at;
    yyjson_doc *schema_doc;
    const struct hw_avro_schema *schema;
    struct {
        struct hw_slice key, value;
    } header[HEADER_ITEMS];
    size_t header_count;
    uint8_t sync[16];
    bool deflate;
    struct arena schema_arena, row_arena;
    struct hw_avro_schema *named[NAMES_LIMIT];
    size_t named_count;
    struct hw_buf unpacked;
    const uint8_t *block; /* rows of the current block */
    size_t block_size, block_at;
    int64_t block_rows;
    size_t budget; /* values the current row may still make */
    struct hw_avro_value row;
};

static int parse_schema(struct hw_avro_reader *r, yyjson_val *json, int depth, const struct hw_avro_schema **out,
                        struct hw_err *err);

static int bad(struct hw_err *err, const char *what)
{
    return hw_err_set(err, HW_ERR_DATA, 0, "not a sound Avro file: %s", what);
}

static int primitive_of(const char *word)
{
    static const char *const words[] = {"null", "boolean", "int", "long", "float", "double", "bytes", "string"};
    for (size_t i = 0; i < HW_ARRAY_SIZE(words); i++)
        if (strcmp(words[i], word) == 0)
            return (int)i;
    return -1;
}

static int parse_name(struct hw_avro_reader *r, const char *word, const struct hw_avro_schema **out, struct hw_err *err)
{
    int primitive = primitive_of(word);
    if (primitive >= 0) {
        struct hw_avro_schema *node = arena_take(&r->schema_arena, sizeof(*node));
        node->type = (enum hw_avro_type)primitive;
        *out = node;
        return 0;
    }
    for (size_t i = 0; i < r->named_count; i++) {
        if (strcmp(r->named[i]->name, word) == 0) {
            *out = r->named[i];
            return 0;
        }
    }
    return bad(err, "its schema names an unknown type");
}

static int remember(struct hw_avro_reader *r, struct hw_avro_schema *node, yyjson_val *json, struct hw_err *err)
{
    node->name = hw_json_str(json, "name");
    if (!node->name)
        return bad(err, "a record, enum or fixed of its schema has no name");
    if (r->named_count == NAMES_LIMIT)
        return bad(err, "its schema names too many types");
    r->named[r->named_count++] = node;
    return 0;
}

static int parse_record(struct hw_avro_reader *r, struct hw_avro_schema *node, yyjson_val *json, int depth,
                        struct hw_err *err)
{
    yyjson_val *fields = yyjson_obj_get(json, "fields");
    if (!yyjson_is_arr(fields) || yyjson_arr_size(fields) > FIELDS_LIMIT)
        return bad(err, "a record of its schema has no fields or too many");
    HW_TRY(remember(r, node, json, err));
    size_t count = yyjson_arr_size(fields);
    node->children = arena_take(&r->schema_arena, count * sizeof(*node->children) + 1);
    node->field_ids = arena_take(&r->schema_arena, count * sizeof(int) + 1);
    size_t i, max;
    yyjson_val *field;
    yyjson_arr_foreach(fields, i, max, field) {
        node->field_ids[i] = (int)hw_json_int(field, "field-id", -1);
        HW_TRY(parse_schema(r, yyjson_obj_get(field, "type"), depth + 1, &node->children[i], err));
        node->count = i + 1; /* a type may name itself inside: only whole fields count */
    }
    return 0;
}

static int parse_union(struct hw_avro_reader *r, yyjson_val *json, int depth, const struct hw_avro_schema **out,
                       struct hw_err *err)
{
    struct hw_avro_schema *node = arena_take(&r->schema_arena, sizeof(*node));
    node->type = HW_AVRO_UNION;
    if (yyjson_arr_size(json) > FIELDS_LIMIT)
        return bad(err, "a union of its schema has too many branches");
    node->children = arena_take(&r->schema_arena, yyjson_arr_size(json) * sizeof(*node->children) + 1);
    size_t i, max;
    yyjson_val *branch;
    yyjson_arr_foreach(json, i, max, branch) {
        HW_TRY(parse_schema(r, branch, depth + 1, &node->children[i], err));
        if (node->children[i]->type == HW_AVRO_UNION)
            return bad(err, "its schema has a union inside a union");
        node->count = i + 1;
    }
    *out = node;
    return 0;
}

static int parse_complex(struct hw_avro_reader *r, yyjson_val *json, int depth, const struct hw_avro_schema **out,
                         struct hw_err *err)
{
    yyjson_val *type = yyjson_obj_get(json, "type");
    const char *word = yyjson_get_str(type);
    if (!word) /* {"type": {"type": …}} */
        return parse_schema(r, type, depth + 1, out, err);
    struct hw_avro_schema *node = arena_take(&r->schema_arena, sizeof(*node));
    *out = node;
    if (strcmp(word, "record") == 0) {
        node->type = HW_AVRO_RECORD;
        return parse_record(r, node, json, depth, err);
    }
    if (strcmp(word, "array") == 0 || strcmp(word, "map") == 0) {
        node->type = word[0] == 'a' ? HW_AVRO_ARRAY : HW_AVRO_MAP;
        node->children = arena_take(&r->schema_arena, sizeof(*node->children));
        HW_TRY(parse_schema(r, yyjson_obj_get(json, word[0] == 'a' ? "items" : "values"), depth + 1, &node->children[0],
                            err));
        node->count = 1;
        return 0;
    }
    if (strcmp(word, "fixed") == 0) {
        int64_t size = hw_json_int(json, "size", -1);
        if (size < 0 || size > BLOCK_LIMIT)
            return bad(err, "a fixed of its schema has no sound size");
        node->type = HW_AVRO_FIXED;
        node->fixed_size = (size_t)size;
        return remember(r, node, json, err);
    }
    if (strcmp(word, "enum") == 0) {
        node->type = HW_AVRO_ENUM;
        node->count = yyjson_arr_size(yyjson_obj_get(json, "symbols"));
        return remember(r, node, json, err);
    }
    return parse_name(r, word, out, err);
}

static int parse_schema(struct hw_avro_reader *r, yyjson_val *json, int depth, const struct hw_avro_schema **out,
                        struct hw_err *err)
{
    if (depth > DEPTH_LIMIT)
        return bad(err, "its schema nests too deeply");
    if (yyjson_is_str(json))
        return parse_name(r, yyjson_get_str(json), out, err);
    if (yyjson_is_arr(json))
        return parse_union(r, json, depth, out, err);
    if (yyjson_is_obj(json))
        return parse_complex(r, json, depth, out, err);
    return bad(err, "its schema has a field without a type");
}

/* --- Bytes --------------------------------------------------------------------------------------------------------- */
static int get_long(const uint8_t *data, size_t size, size_t *at, int64_t *out)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (*at >= size)
            return -1;
        uint8_t byte = data[(*at)++];
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *out = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
            return 0;
        }
    }
    return -1;
}

static int get_bytes(const uint8_t *data, size_t size, size_t *at, struct hw_slice *out)
{
    int64_t length;
    if (get_long(data, size, at, &length) < 0 || length < 0 || (uint64_t)length > size - *at)
        return -1;
    *out = (struct hw_slice){data + *at, (size_t)length};
    *at += (size_t)length;
    return 0;
}

/* --- Header -------------------------------------------------------------------------------------------------------- */
static int read_header_map(struct hw_avro_reader *r, struct hw_err *err)
{
    for (;;) {
        int64_t count, bytes;
        if (get_long(r->data, r->size, &r->at, &count) < 0)
            return bad(err, "the header ends early");
        if (count == 0)
            return 0;
        if (count < 0) { /* a negative count is followed by the size in bytes */
            if (get_long(r->data, r->size, &r->at, &bytes) < 0 || count == INT64_MIN)
                return bad(err, "the header ends early");
            count = -count;
        }
        for (; count > 0; count--) {
            if (r->header_count == HEADER_ITEMS)
                return bad(err, "the header has too many entries");
            if (get_bytes(r->data, r->size, &r->at, &r->header[r->header_count].key) < 0 ||
                get_bytes(r->data, r->size, &r->at, &r->header[r->header_count].value) < 0)
                return bad(err, "the header ends early");
            r->header_count++;
        }
    }
}

static int read_header(struct hw_avro_reader *r, struct hw_err *err)
{
    if (r->size < 4 || memcmp(r->data, "Obj\1", 4) != 0)
        return bad(err, "it does not begin with Obj and 1");
    r->at = 4;
    HW_TRY(read_header_map(r, err));
    if (r->size - r->at < sizeof(r->sync))
        return bad(err, "the header ends early");
    memcpy(r->sync, r->data + r->at, sizeof(r->sync));
    r->at += sizeof(r->sync);

    struct hw_slice codec = hw_avro_header(r, "avro.codec");
    if (codec.data && codec.size == 7 && memcmp(codec.data, "deflate", 7) == 0)
        r->deflate = true;
    else if (codec.data && !(codec.size == 4 && memcmp(codec.data, "null", 4) == 0))
        return hw_err_set(err, HW_ERR_DATA, 0,
                          "this Avro file is compressed with \"%.*s\"; deflate and null can be read",
                          (int)HW_MIN(codec.size, (size_t)20), (const char *)codec.data);
    struct hw_slice schema = hw_avro_header(r, "avro.schema");
    if (!schema.data)
        return bad(err, "it has no schema");
    HW_TRY(hw_json_parse(schema.data, schema.size, &r->schema_doc, err));
    return parse_schema(r, yyjson_doc_get_root(r->schema_doc), 0, &r->schema, err);
}

int hw_avro_open(const void *data, size_t size, struct hw_avro_reader **out_reader, struct hw_err *err)
{
    struct hw_avro_reader *r = hw_xcalloc(1, sizeof(*r));
    r->data = data;
    r->size = size;
    if (read_header(r, err) < 0) {
        hw_avro_close(r);
        return -1;
    }
    *out_reader = r;
    return 0;
}

struct hw_avro_reader *hw_avro_close(struct hw_avro_reader *r)
{
    if (!r)
        return NULL;
    hw_json_freep(&r->schema_doc);
    arena_done(&r->schema_arena);
    arena_done(&r->row_arena);
    hw_buf_done(&r->unpacked);
    free(r);
    return NULL;
}

struct hw_slice hw_avro_header(const struct hw_avro_reader *r, const char *key)
{
    size_t length = strlen(key);
    for (size_t i = 0; i < r->header_count; i++)
        if (r->header[i].key.size == length && memcmp(r->header[i].key.data, key, length) == 0)
            return r->header[i].value;
    return (struct hw_slice){0};
}

/* --- Rows ---------------------------------------------------------------------------------------------------------- */
static int inflate_raw(struct hw_slice in, struct hw_buf *out, struct hw_err *err)
{
    hw_buf_clear(out);
    if (in.size > BLOCK_LIMIT)
        return bad(err, "a block is too large");
    z_stream z = {.next_in = (Bytef *)in.data, .avail_in = (uInt)in.size};
    if (inflateInit2(&z, -15) != Z_OK)
        return hw_err_set(err, HW_ERR_FATAL, 0, "zlib cannot start");
    int result = Z_OK;
    while (result == Z_OK) {
        if (out->size >= BLOCK_LIMIT)
            break;
        hw_buf_reserve(out, HW_MAX((size_t)4096, in.size * 2));
        z.next_out = out->data + out->size;
        size_t room = HW_MIN(out->capacity - out->size, (size_t)BLOCK_LIMIT);
        z.avail_out = (uInt)room;
        result = inflate(&z, Z_NO_FLUSH);
        out->size += room - z.avail_out;
    }
    inflateEnd(&z);
    return result == Z_STREAM_END ? 0 : bad(err, "a block does not decompress");
}

static int next_block(struct hw_avro_reader *r, struct hw_err *err)
{
    struct hw_slice body;
    if (get_long(r->data, r->size, &r->at, &r->block_rows) < 0 || r->block_rows < 0 ||
        get_bytes(r->data, r->size, &r->at, &body) < 0 || r->size - r->at < sizeof(r->sync))
        return bad(err, "a block ends early");
    if (memcmp(r->data + r->at, r->sync, sizeof(r->sync)) != 0)
        return bad(err, "the mark after a block is wrong");
    r->at += sizeof(r->sync);
    r->block = body.data;
    r->block_size = body.size;
    r->block_at = 0;
    if (r->deflate) {
        HW_TRY(inflate_raw(body, &r->unpacked, err));
        r->block = r->unpacked.data;
        r->block_size = r->unpacked.size;
    }
    if ((uint64_t)r->block_rows > r->block_size)
        return bad(err, "a block claims more rows than it has bytes");
    return 0;
}

static int decode(struct hw_avro_reader *r, const struct hw_avro_schema *schema, int depth, struct hw_avro_value *out,
                  struct hw_err *err);

static int take_budget(struct hw_avro_reader *r, size_t count, struct hw_err *err)
{
    if (count > r->budget)
        return bad(err, "a row holds too many values");
    r->budget -= count;
    return 0;
}

static int decode_record(struct hw_avro_reader *r, const struct hw_avro_schema *schema, int depth,
                         struct hw_avro_value *out, struct hw_err *err)
{
    HW_TRY(take_budget(r, schema->count, err));
    out->list.count = schema->count;
    out->list.items = arena_take(&r->row_arena, schema->count * sizeof(*out->list.items) + 1);
    for (size_t i = 0; i < schema->count; i++)
        HW_TRY(decode(r, schema->children[i], depth + 1, &out->list.items[i], err));
    return 0;
}

/* Arrays and maps come in blocks; the items grow by doubling in the arena (at most twice the memory). */
static int decode_list(struct hw_avro_reader *r, const struct hw_avro_schema *schema, int depth,
                       struct hw_avro_value *out, struct hw_err *err)
{
    size_t capacity = 0, each = schema->type == HW_AVRO_MAP ? 2 : 1;
    for (;;) {
        int64_t count, bytes;
        if (get_long(r->block, r->block_size, &r->block_at, &count) < 0)
            return bad(err, "a list ends early");
        if (count == 0)
            return 0;
        if (count < 0) {
            if (count == INT64_MIN || get_long(r->block, r->block_size, &r->block_at, &bytes) < 0)
                return bad(err, "a list ends early");
            count = -count;
        }
        if ((uint64_t)count > r->budget / each)
            return bad(err, "a row holds too many values");
        HW_TRY(take_budget(r, (size_t)count * each, err));
        size_t needed = out->list.count + (size_t)count * each;
        if (needed > capacity) {
            capacity = HW_MAX(needed, capacity * 2);
            struct hw_avro_value *grown = arena_take(&r->row_arena, capacity * sizeof(*grown));
            if (out->list.count)
                memcpy(grown, out->list.items, out->list.count * sizeof(*grown));
            out->list.items = grown;
        }
        for (; count > 0; count--) {
            if (each == 2) {
                struct hw_avro_value *key = &out->list.items[out->list.count++];
                key->type = HW_AVRO_STRING;
                if (get_bytes(r->block, r->block_size, &r->block_at, &key->bytes) < 0)
                    return bad(err, "a map ends early");
            }
            HW_TRY(decode(r, schema->children[0], depth + 1, &out->list.items[out->list.count++], err));
        }
    }
}

static int decode_flat(struct hw_avro_reader *r, const struct hw_avro_schema *schema, struct hw_avro_value *out)
{
    size_t left = r->block_size - r->block_at;
    const uint8_t *p = r->block + r->block_at;
    switch (schema->type) {
    case HW_AVRO_NULL:
        return 0;
    case HW_AVRO_BOOLEAN:
        if (left < 1)
            return -1;
        out->boolean = p[0] != 0;
        r->block_at += 1;
        return 0;
    case HW_AVRO_FLOAT: {
        float f;
        if (left < sizeof(f))
            return -1;
        memcpy(&f, p, sizeof(f));
        out->number = (double)f;
        r->block_at += sizeof(f);
        return 0;
    }
    case HW_AVRO_DOUBLE:
        if (left < sizeof(double))
            return -1;
        memcpy(&out->number, p, sizeof(double));
        r->block_at += sizeof(double);
        return 0;
    case HW_AVRO_FIXED:
        if (left < schema->fixed_size)
            return -1;
        out->bytes = (struct hw_slice){p, schema->fixed_size};
        r->block_at += schema->fixed_size;
        return 0;
    case HW_AVRO_BYTES:
    case HW_AVRO_STRING:
        return get_bytes(r->block, r->block_size, &r->block_at, &out->bytes);
    default: /* int, long, enum */
        return get_long(r->block, r->block_size, &r->block_at, &out->integer);
    }
}

static int decode(struct hw_avro_reader *r, const struct hw_avro_schema *schema, int depth, struct hw_avro_value *out,
                  struct hw_err *err)
{
    if (depth > DEPTH_LIMIT)
        return bad(err, "a row nests too deeply");
    if (schema->type == HW_AVRO_UNION) {
        int64_t branch;
        if (get_long(r->block, r->block_size, &r->block_at, &branch) < 0 || branch < 0 ||
            (uint64_t)branch >= schema->count)
            return bad(err, "a union names a branch it does not have");
        schema = schema->children[branch];
    }
    out->type = schema->type;
    out->schema = schema;
    if (schema->type == HW_AVRO_RECORD)
        return decode_record(r, schema, depth, out, err);
    if (schema->type == HW_AVRO_ARRAY || schema->type == HW_AVRO_MAP)
        return decode_list(r, schema, depth, out, err);
    return decode_flat(r, schema, out) < 0 ? bad(err, "a value ends early") : 0;
}

int hw_avro_next(struct hw_avro_reader *r, const struct hw_avro_value **out_row, struct hw_err *err)
{
    while (r->block_rows == 0) {
        if (r->at == r->size)
            return HW_AVRO_END;
        HW_TRY(next_block(r, err));
    }
    r->block_rows--;
    arena_reset(&r->row_arena);
    r->budget = VALUES_PER_ROW;
    r->row = (struct hw_avro_value){0};
    HW_TRY(decode(r, r->schema, 0, &r->row, err));
    *out_row = &r->row;
    return 0;
}

const struct hw_avro_value *hw_avro_field(const struct hw_avro_value *record, int field_id)
{
    if (!record || record->type != HW_AVRO_RECORD)
        return NULL;
    for (size_t i = 0; i < record->list.count; i++)
        if (record->schema->field_ids[i] == field_id)
            return record->list.items[i].type == HW_AVRO_NULL ? NULL : &record->list.items[i];
    return NULL;
}

int64_t hw_avro_integer(const struct hw_avro_value *value, int64_t otherwise)
{
    if (!value || (value->type != HW_AVRO_INT && value->type != HW_AVRO_LONG && value->type != HW_AVRO_ENUM))
        return otherwise;
    return value->integer;
}
