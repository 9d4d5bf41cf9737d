/*
 * The floor that reads and writes are measured against: the bare codec library, called on just the streams of
 * the touched blocks, and one copy of the bytes asked for. No filters, no index, no threads, no checks.
 *
 * A shared library for benchmarks/floor.py: a frame of ours is opened, a plan made of the blocks that a key
 * touches, and the plan run again and again. LZ4 and Zstd are called directly; BLOSCLZ is our own. Streams
 * that no codec sees (runs, and raw ones in reading) cost nothing here.
 */
#include <lz4.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include "base/bytes.h"
#include "blosc2.h"
#include "codecs/codecs.h"

#define FLOOR_API __attribute__((visibility("default")))

typedef struct floor_frame {
    blosc2_schunk *schunk;
    blosc2_workspace *workspace;
    b2_codec_states *blosclz;
    LZ4_stream_t *lz4;
    ZSTD_CCtx *cctx;
    ZSTD_DCtx *dctx;
    blosc2_view *views; /* of each chunk, the bytes being a copy of ours */
    int64_t chunk_count;
    uint8_t *scratch; /* two blocks: decoded, encoded */
    int block_bytes;
    int clevel;
} floor_frame;

typedef struct stream {
    const uint8_t *packed; /* NULL: read without the codec */
    uint8_t *plain;        /* NULL: written without the codec */
    int32_t packed_bytes;
    int32_t plain_bytes;
} stream;

typedef struct floor_plan {
    floor_frame *frame;
    stream *streams; /* block after block */
    int64_t *stops;  /* of each block: end of its streams */
    int64_t stream_count;
    int64_t block_count;
    uint8_t *plain; /* decoded streams, what is encoded */
    int format;
} floor_plan;

FLOOR_API floor_frame *floor_frame_open(const void *bytes, size_t size);
FLOOR_API void floor_frame_free(floor_frame *frame);
FLOOR_API floor_plan *floor_plan_create(floor_frame *frame, const int64_t *chunks, const int32_t *blocks,
                                        int64_t block_count);
FLOOR_API void floor_plan_free(floor_plan *plan);
FLOOR_API int floor_decode(const floor_plan *plan, uint8_t *out, int64_t out_bytes);
FLOOR_API int64_t floor_encode(const floor_plan *plan, uint8_t *out);

/* ------------------------------------------------------------------ the bare codecs */

static int decode_stream(const floor_plan *plan, const stream *s, uint8_t *out)
{
    const floor_frame *frame = plan->frame;
    switch (plan->format) {
    case B2_FORMAT_LZ4:
        return LZ4_decompress_safe((const char *)s->packed, (char *)out, s->packed_bytes, s->plain_bytes);
    case B2_FORMAT_ZSTD:
        return (int)ZSTD_decompressDCtx(frame->dctx, out, (size_t)s->plain_bytes, s->packed,
                                        (size_t)s->packed_bytes);
    default:
        return b2_codec_decompress(frame->blosclz, plan->format, s->packed, s->packed_bytes, out,
                                   s->plain_bytes);
    }
}

/* Levels as docs/format/codecs.md maps them. A stream that does not get smaller gives 0. */
static int encode_stream(const floor_plan *plan, const stream *s, uint8_t *out)
{
    const floor_frame *frame = plan->frame;
    switch (plan->format) {
    case B2_FORMAT_LZ4:
        return LZ4_compress_fast_extState(frame->lz4, (const char *)s->plain, (char *)out, s->plain_bytes,
                                          s->plain_bytes, 10 - frame->clevel);
    case B2_FORMAT_ZSTD: {
        size_t bytes = ZSTD_compressCCtx(frame->cctx, out, (size_t)s->plain_bytes, s->plain,
                                         (size_t)s->plain_bytes, 2 * frame->clevel - 1);
        return ZSTD_isError(bytes) ? 0 : (int)bytes;
    }
    default:
        return b2_codec_compress(frame->blosclz, BLOSC2_BLOSCLZ, frame->clevel, s->plain, s->plain_bytes, out,
                                 s->plain_bytes);
    }
}

/* ------------------------------------------------------------------ frames */

static int copy_chunks(floor_frame *frame)
{
    for (int64_t i = 0; i < frame->chunk_count; i++) {
        blosc2_view *view = &frame->views[i];
        int status = blosc2_schunk_view(frame->schunk, i, NULL, 0, frame->workspace, view);
        uint8_t *bytes = status < 0 ? NULL : malloc((size_t)view->cbytes);
        if (bytes) memcpy(bytes, view->bytes, (size_t)view->cbytes);
        view->bytes = bytes;
        if (!bytes) return BLOSC2_E_MEMORY;
    }
    return BLOSC2_OK;
}

/** Open a contiguous frame; NULL if that fails. */
FLOOR_API floor_frame *floor_frame_open(const void *bytes, size_t size)
{
    floor_frame *frame = calloc(1, sizeof *frame);
    if (!frame) return NULL;
    if (blosc2_init() < 0 || blosc2_schunk_from_bytes(bytes, size, &frame->schunk) < 0) goto fail;
    frame->block_bytes = blosc2_schunk_block_bytes(frame->schunk);
    frame->clevel = blosc2_schunk_cparams(frame->schunk)->clevel;
    frame->lz4 = malloc((size_t)LZ4_sizeofState());
    frame->cctx = ZSTD_createCCtx();
    frame->dctx = ZSTD_createDCtx();
    frame->scratch = calloc(2, (size_t)frame->block_bytes);
    frame->views = calloc((size_t)blosc2_schunk_chunk_count(frame->schunk), sizeof *frame->views);
    if (!frame->lz4 || !frame->cctx || !frame->dctx || !frame->scratch || !frame->views) goto fail;
    frame->chunk_count = blosc2_schunk_chunk_count(frame->schunk);
    if (blosc2_workspace_create(&frame->workspace) < 0) goto fail;
    if (b2_codec_states_create(&frame->blosclz) < 0) goto fail;
    if (copy_chunks(frame) < 0) goto fail;
    return frame;
fail:
    floor_frame_free(frame);
    return NULL;
}

FLOOR_API void floor_frame_free(floor_frame *frame)
{
    if (!frame) return;
    for (int64_t i = 0; i < frame->chunk_count; i++) free((void *)(uintptr_t)frame->views[i].bytes);
    free(frame->views);
    free(frame->scratch);
    free(frame->lz4);
    ZSTD_freeCCtx(frame->cctx);
    ZSTD_freeDCtx(frame->dctx);
    b2_codec_states_free(frame->blosclz);
    blosc2_workspace_free(frame->workspace);
    blosc2_schunk_free(frame->schunk);
    free(frame);
}

/* ------------------------------------------------------------------ plans */

/* List the streams of one block (chunk-format.md 6), and decode them to `plain`. */
static int add_streams(floor_plan *plan, const blosc2_view *view, int32_t block, uint8_t *plain)
{
    int32_t nbytes = blosc2_view_block_nbytes(view, block);
    int32_t count = view->split && nbytes == view->block_bytes ? view->item_bytes : 1;
    const uint8_t *at = view->bytes + b2_load_le_i32(view->bytes + view->header_bytes + 4 * (size_t)block);
    for (int32_t i = 0; i < count; i++) {
        stream *s = &plan->streams[plan->stream_count++];
        int32_t csize = b2_load_le_i32(at);
        *s = (stream){.plain = csize > 0 ? plain : NULL, .plain_bytes = nbytes / count};
        at += 4;
        if (csize == s->plain_bytes) {
            memcpy(plain, at, (size_t)csize);
        } else if (csize > 0) {
            s->packed = at;
            s->packed_bytes = csize;
            if (decode_stream(plan, s, plain) < 0) return BLOSC2_E_CORRUPT;
        }
        at += csize > 0 ? csize : csize < 0; /* a run has one token byte, zeros none */
        plain += s->plain_bytes;
    }
    return BLOSC2_OK;
}

static int add_block(floor_plan *plan, const blosc2_view *view, int32_t block, uint8_t *plain)
{
    int status = BLOSC2_OK;
    plan->format = view->codec_format;
    if (view->memcpyed) {
        plan->streams[plan->stream_count++] =
            (stream){.plain = plain, .plain_bytes = blosc2_view_block_nbytes(view, block)};
        status = blosc2_view_decode_block(view, block, plain, plan->frame->workspace);
    } else if (!view->special) {
        status = add_streams(plan, view, block, plain);
    }
    plan->stops[plan->block_count++] = plan->stream_count;
    return status;
}

/** Plan the work on blocks, of these chunks each, in this order; NULL if that fails. */
FLOOR_API floor_plan *floor_plan_create(floor_frame *frame, const int64_t *chunks, const int32_t *blocks,
                                        int64_t block_count)
{
    floor_plan *plan = calloc(1, sizeof *plan);
    if (!plan) return NULL;
    size_t block_bytes = (size_t)frame->block_bytes, count = (size_t)block_count;
    size_t most_streams = (size_t)blosc2_schunk_cparams(frame->schunk)->item_bytes;
    plan->frame = frame;
    plan->streams = calloc(count * most_streams, sizeof *plan->streams);
    plan->stops = calloc(count, sizeof *plan->stops);
    plan->plain = malloc(count * block_bytes);
    int status = plan->streams && plan->stops && plan->plain ? BLOSC2_OK : BLOSC2_E_MEMORY;
    for (size_t i = 0; i < count && status == BLOSC2_OK; i++)
        status = add_block(plan, &frame->views[chunks[i]], blocks[i], plan->plain + i * block_bytes);
    if (status == BLOSC2_OK) return plan;
    floor_plan_free(plan);
    return NULL;
}

FLOOR_API void floor_plan_free(floor_plan *plan)
{
    if (!plan) return;
    free(plan->streams);
    free(plan->stops);
    free(plan->plain);
    free(plan);
}

/** Decode all streams, and copy `out_bytes` in all to `out`, an equal part from each block while it is hot.
 */
FLOOR_API int floor_decode(const floor_plan *plan, uint8_t *out, int64_t out_bytes)
{
    int64_t next = 0, copied = 0;
    for (int64_t block = 0; block < plan->block_count; block++) {
        uint8_t *plain = plan->frame->scratch;
        for (; next < plan->stops[block]; next++) {
            const stream *s = &plan->streams[next];
            if (s->packed && decode_stream(plan, s, plain) < 0) return BLOSC2_E_CORRUPT;
            plain += s->plain_bytes;
        }
        int64_t stop = out_bytes * (block + 1) / plan->block_count;
        memcpy(out + copied, plan->frame->scratch, (size_t)(stop - copied));
        copied = stop;
    }
    return BLOSC2_OK;
}

/** Encode all streams, and copy what comes out to `out`, which has room for the blocks. Returns the bytes. */
FLOOR_API int64_t floor_encode(const floor_plan *plan, uint8_t *out)
{
    uint8_t *packed = plan->frame->scratch + plan->frame->block_bytes;
    int64_t total = 0;
    for (int64_t i = 0; i < plan->stream_count; i++) {
        const stream *s = &plan->streams[i];
        if (!s->plain) continue;
        int bytes = encode_stream(plan, s, packed);
        size_t stored_bytes = (size_t)(bytes > 0 ? bytes : s->plain_bytes);
        memcpy(out + total, bytes > 0 ? packed : s->plain, stored_bytes);
        total += (int64_t)stored_bytes;
    }
    return total;
}
