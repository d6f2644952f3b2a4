/* The records inside a compressed batch: gzip, snappy (plain or in Java's "xerial" blocks), lz4 frames, zstd. */
#include "log/batch.h"

#include <lz4frame.h>
#include <snappy-c.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#define STEP (64 * 1024)

static int too_big(struct hw_err *err) {
    return hw_err_set(err, HW_ERR_DATA, 0, "the batch unpacks to more than the limit");
}

static int unpack_gzip(const uint8_t *data, size_t size, struct hw_buf *out, struct hw_err *err) {
    z_stream z = {.next_in = (uint8_t *)(uintptr_t)data, .avail_in = (uInt)size};
    if (inflateInit2(&z, 15 + 32) != Z_OK)
        return hw_err_set(err, HW_ERR_FATAL, 0, "zlib does not start");
    int result = Z_OK;
    while (result == Z_OK) {
        if (hw_buf_reserve(out, STEP) < 0) {
            inflateEnd(&z);
            return too_big(err);
        }
        z.next_out = out->data + out->size;
        z.avail_out = STEP;
        result = inflate(&z, Z_NO_FLUSH);
        out->size += STEP - z.avail_out;
    }
    inflateEnd(&z);
    return result == Z_STREAM_END ? 0 : hw_err_set(err, HW_ERR_DATA, 0, "the batch's gzip data is damaged");
}

static int unpack_snappy_block(const uint8_t *data, size_t size, struct hw_buf *out, struct hw_err *err) {
    size_t plain = 0;
    if (snappy_uncompressed_length((const char *)data, size, &plain) != SNAPPY_OK)
        return hw_err_set(err, HW_ERR_DATA, 0, "the batch's snappy data is damaged");
    if (hw_buf_reserve(out, plain) < 0)
        return too_big(err);
    if (snappy_uncompress((const char *)data, size, (char *)out->data + out->size, &plain) != SNAPPY_OK)
        return hw_err_set(err, HW_ERR_DATA, 0, "the batch's snappy data is damaged");
    out->size += plain;
    return 0;
}

static int unpack_snappy(const uint8_t *data, size_t size, struct hw_buf *out, struct hw_err *err) {
    static const uint8_t xerial[8] = {0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0};
    if (size < 16 || memcmp(data, xerial, sizeof(xerial)) != 0)
        return unpack_snappy_block(data, size, out, err);
    for (size_t at = 16; at < size;) {
        if (size - at < 4)
            return hw_err_set(err, HW_ERR_DATA, 0, "the batch's snappy blocks are cut off");
        size_t block = (size_t)data[at] << 24 | (size_t)data[at + 1] << 16 | (size_t)data[at + 2] << 8 | data[at + 3];
        at += 4;
        if (block > size - at)
            return hw_err_set(err, HW_ERR_DATA, 0, "the batch's snappy blocks are cut off");
        HW_TRY(unpack_snappy_block(data + at, block, out, err));
        at += block;
    }
    return 0;
}

static int unpack_lz4(const uint8_t *data, size_t size, struct hw_buf *out, struct hw_err *err) {
    LZ4F_dctx *context = NULL;
    if (LZ4F_isError(LZ4F_createDecompressionContext(&context, LZ4F_VERSION)))
        return hw_err_set(err, HW_ERR_FATAL, 0, "lz4 does not start");
    int result = 0;
    size_t hint = 1, at = 0;
    while (hint != 0 && result == 0) {
        if (hw_buf_reserve(out, STEP) < 0) {
            result = too_big(err);
            break;
        }
        size_t space = STEP, taken = size - at;
        hint = LZ4F_decompress(context, out->data + out->size, &space, data + at, &taken, NULL);
        out->size += space;
        at += taken;
        if (LZ4F_isError(hint) || (hint != 0 && space == 0 && taken == 0))
            result = hw_err_set(err, HW_ERR_DATA, 0, "the batch's lz4 data is damaged");
    }
    LZ4F_freeDecompressionContext(context);
    return result;
}

static int unpack_zstd(const uint8_t *data, size_t size, struct hw_buf *out, struct hw_err *err) {
    ZSTD_DStream *stream = ZSTD_createDStream();
    ZSTD_inBuffer in = {data, size, 0};
    int result = 0;
    size_t hint = 1;
    while (result == 0 && hint != 0) {
        if (hw_buf_reserve(out, STEP) < 0) {
            result = too_big(err);
            break;
        }
        ZSTD_outBuffer to = {out->data + out->size, STEP, 0};
        size_t before = in.pos;
        hint = ZSTD_decompressStream(stream, &to, &in);
        out->size += to.pos;
        if (ZSTD_isError(hint) || (hint != 0 && to.pos == 0 && in.pos == before))
            result = hw_err_set(err, HW_ERR_DATA, 0, "the batch's zstd data is damaged");
    }
    ZSTD_freeDStream(stream);
    return result;
}

int hw_batch_records_open(const uint8_t *data, const struct hw_batch_info *info, size_t max_plain_bytes,
                          struct hw_batch_records *out, struct hw_err *err) {
    *out = (struct hw_batch_records){.info = *info, .left = info->count, .plain.limit = max_plain_bytes + STEP};
    const uint8_t *body = data + HW_BATCH_HEADER;
    size_t size = info->size - HW_BATCH_HEADER;
    int result = 0;
    if (info->count == 0)
        return 0;
    switch (info->attributes & HW_BATCH_CODEC) {
    case 0:
        out->at = body;
        out->end = body + size;
        return 0;
    case 1:
        result = unpack_gzip(body, size, &out->plain, err);
        break;
    case 2:
        result = unpack_snappy(body, size, &out->plain, err);
        break;
    case 3:
        result = unpack_lz4(body, size, &out->plain, err);
        break;
    case 4:
        result = unpack_zstd(body, size, &out->plain, err);
        break;
    default:
        result = hw_err_set(err, HW_ERR_DATA, 0, "the batch names compression %d, which does not exist",
                            info->attributes & 7);
    }
    if (result < 0) {
        hw_buf_done(&out->plain);
        return result;
    }
    out->at = out->plain.size ? out->plain.data : body; /* unpacked to nothing: any place will do */
    out->end = out->at + out->plain.size;
    return 0;
}

void hw_batch_records_done(struct hw_batch_records *records) {
    hw_buf_done(&records->plain);
}
