/* Avro object container files: the writing side. */
#include "warehouse/avro.h"

#include <string.h>
#include <zlib.h>

enum { BLOCK_BYTES = 64 * 1024 };

void hw_avro_put_long(struct hw_buf *out, int64_t value)
{
    uint64_t zigzag = ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0);
    uint8_t bytes[10];
    size_t size = 0;
    while (zigzag >= 0x80) {
        bytes[size++] = (uint8_t)(zigzag | 0x80);
        zigzag >>= 7;
    }
    bytes[size++] = (uint8_t)zigzag;
    hw_buf_add(out, bytes, size);
}

void hw_avro_put_bytes(struct hw_buf *out, const void *data, size_t size)
{
    hw_avro_put_long(out, (int64_t)size);
    hw_buf_add(out, data, size);
}

void hw_avro_put_str(struct hw_buf *out, const char *s)
{
    hw_avro_put_bytes(out, s, strlen(s));
}

void hw_avro_put_boolean(struct hw_buf *out, bool value)
{
    hw_buf_add_char(out, value ? 1 : 0);
}

void hw_avro_begin(struct hw_avro_file *file, const char *schema, const struct hw_avro_meta *metas, size_t meta_count,
                   bool deflate)
{
    file->deflate = deflate;
    hw_uuid_v4(file->sync);
    hw_buf_add(&file->out, "Obj\1", 4);
    hw_avro_put_long(&file->out, (int64_t)meta_count + 2);
    hw_avro_put_str(&file->out, "avro.schema");
    hw_avro_put_str(&file->out, schema);
    hw_avro_put_str(&file->out, "avro.codec");
    hw_avro_put_str(&file->out, deflate ? "deflate" : "null");
    for (size_t i = 0; i < meta_count; i++) {
        hw_avro_put_str(&file->out, metas[i].key);
        hw_avro_put_str(&file->out, metas[i].value);
    }
    hw_avro_put_long(&file->out, 0);
    hw_buf_add(&file->out, file->sync, sizeof(file->sync));
}

/* Raw deflate (RFC 1951) without zlib's frame, as the specification asks. */
static int deflate_raw(const struct hw_buf *in, struct hw_buf *out, struct hw_err *err)
{
    z_stream z = {0};
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        return hw_err_set(err, HW_ERR_FATAL, 0, "zlib cannot start compressing");
    hw_buf_reserve(out, deflateBound(&z, in->size));
    z.next_in = in->data;
    z.avail_in = (uInt)in->size;
    z.next_out = out->data + out->size;
    z.avail_out = (uInt)(out->capacity - out->size);
    int result = deflate(&z, Z_FINISH);
    out->size += z.total_out;
    deflateEnd(&z);
    if (result != Z_STREAM_END)
        return hw_err_set(err, HW_ERR_FATAL, result, "zlib cannot compress a block of %zu bytes", in->size);
    return 0;
}

static int flush_block(struct hw_avro_file *file, struct hw_err *err)
{
    if (file->block_rows == 0)
        return 0;
    HW_CLEANUP(hw_buf_done) struct hw_buf packed = {0};
    const struct hw_buf *body = &file->block;
    if (file->deflate) {
        HW_TRY(deflate_raw(&file->block, &packed, err));
        body = &packed;
    }
    hw_avro_put_long(&file->out, (int64_t)file->block_rows);
    hw_avro_put_bytes(&file->out, body->data, body->size);
    hw_buf_add(&file->out, file->sync, sizeof(file->sync));
    hw_buf_clear(&file->block);
    file->block_rows = 0;
    return 0;
}

int hw_avro_row_end(struct hw_avro_file *file, struct hw_err *err)
{
    file->block_rows++;
    return file->block.size >= BLOCK_BYTES ? flush_block(file, err) : 0;
}

int hw_avro_finish(struct hw_avro_file *file, struct hw_err *err)
{
    return flush_block(file, err);
}

void hw_avro_done(struct hw_avro_file *file)
{
    hw_buf_done(&file->out);
    hw_buf_done(&file->block);
}
