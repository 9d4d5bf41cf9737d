/** Chunk to bytes: block by block, each checked to give exactly its size (docs/format/chunk-format.md 7). */
#include <string.h>

#include "base/bytes.h"
#include "chunk/header.h"
#include "chunk/planes.h"
#include "chunk/special.h"
#include "chunk/streams.h"
#include "chunk/view.h"
#include "chunk/workspace.h"

/* ------------------------------------------------------------------ blocks */

/* A regular block; `reference` is block 0's content, NULL for block 0 itself. */
static int decode_regular(const blosc2_view *view, const b2_pipeline *pipeline, int32_t block,
                          const uint8_t *reference, uint8_t *out, blosc2_workspace *workspace)
{
    b2_streams_use_dict(view, workspace);
    if (b2_pipeline_is_identity_backward(pipeline))
        return b2_streams_decode(view, block, out, workspace->codecs);
    int32_t bytes = blosc2_view_block_nbytes(view, block);
    blosc2_planes planes;
    int status = b2_planes_find(view, pipeline, block, bytes, &planes, workspace);
    if (status < 0) return status;
    if (planes.count > 0) {
        b2_planes_join_all(&planes, out);
        return BLOSC2_OK;
    }
    status = b2_buffer_reserve(&workspace->filtered, (size_t)bytes);
    if (status == BLOSC2_OK) status = b2_buffer_reserve(&workspace->scratch, (size_t)bytes);
    if (status == BLOSC2_OK)
        status = b2_streams_decode(view, block, workspace->filtered.bytes, workspace->codecs);
    if (status == BLOSC2_OK)
        b2_pipeline_backward(pipeline, workspace->filtered.bytes, bytes, reference, out,
                             workspace->scratch.bytes);
    return status;
}

/* Content of block 0 for delta, kept for the blocks that follow. */
static int load_reference(const blosc2_view *view, const b2_pipeline *pipeline, blosc2_workspace *workspace)
{
    if (workspace->reference_serial == view->serial) return BLOSC2_OK;
    workspace->reference_serial = 0;
    int status = b2_view_verify_block(view, 0);
    if (status == BLOSC2_OK) status = b2_buffer_reserve(&workspace->reference, (size_t)view->block_bytes);
    if (status == BLOSC2_OK)
        status = decode_regular(view, pipeline, 0, NULL, workspace->reference.bytes, workspace);
    if (status == BLOSC2_OK) workspace->reference_serial = view->serial;
    return status;
}

/* The stream of a block that is one stream, stored as it is. */
static const uint8_t *raw_stream(const blosc2_view *view, int32_t block)
{
    int32_t start, bytes = blosc2_view_block_nbytes(view, block);
    bool is_one = !view->split || view->item_bytes == 1 || bytes != view->block_bytes;
    if (!is_one || b2_view_block_start(view, block, &start) < 0) return NULL;
    if (start > view->cbytes - 4 - (int64_t)bytes || b2_load_le_i32(view->bytes + start) != bytes)
        return NULL;
    return view->bytes + start + 4;
}

/* A block that lies as it is; not verified. */
static const uint8_t *raw_block(const blosc2_view *view, int32_t block)
{
    if (view->memcpyed) return view->bytes + view->header_bytes + (size_t)block * (size_t)view->block_bytes;
    b2_pipeline pipeline = b2_view_pipeline(view);
    return b2_pipeline_is_identity_backward(&pipeline) ? raw_stream(view, block) : NULL;
}

const uint8_t *blosc2_view_raw_block(const blosc2_view *view, int32_t block)
{
    if (block < 0 || block >= view->block_count || view->vl_blocks || view->special) return NULL;
    const uint8_t *raw = raw_block(view, block);
    return raw && b2_view_verify_block(view, block) == BLOSC2_OK ? raw : NULL;
}

int blosc2_view_decode_block(const blosc2_view *view, int32_t block, void *out, blosc2_workspace *workspace)
{
    if (block < 0 || block >= view->block_count)
        return blosc2_fail(BLOSC2_E_ARGUMENT, "block: %d (expected 0..%d)", block, view->block_count - 1);
    if (view->vl_blocks) return blosc2_fail(BLOSC2_E_UNSUPPORTED, "chunk: VL-blocks are decoded whole only");
    int32_t bytes = blosc2_view_block_nbytes(view, block);
    if (view->special) {
        b2_special_fill(view, block * view->block_bytes, out, bytes);
        return BLOSC2_OK;
    }
    int status = b2_view_verify_block(view, block);
    if (status < 0) return status;
    const uint8_t *raw = raw_block(view, block);
    if (raw) {
        memcpy(out, raw, (size_t)bytes);
        return BLOSC2_OK;
    }
    b2_pipeline pipeline = b2_view_pipeline(view);
    const uint8_t *reference = NULL;
    if (block > 0 && b2_pipeline_has_delta(&pipeline)) {
        status = load_reference(view, &pipeline, workspace);
        reference = workspace->reference.bytes;
    }
    if (status == BLOSC2_OK) status = decode_regular(view, &pipeline, block, reference, out, workspace);
    return status < 0 ? blosc2_fail_within(status, "block %d", block) : status;
}

/* ------------------------------------------------------------------ the first part of a block */

bool blosc2_view_has_prefix(const blosc2_view *view, int32_t block, int32_t bytes)
{
    b2_pipeline pipeline = b2_view_pipeline(view);
    int32_t streams;
    return b2_streams_prefix(view, &pipeline, block, bytes, &streams) > 0;
}

static int decode_prefixes(const blosc2_view *view, int32_t block, int32_t want, int32_t streams,
                           uint8_t *out, blosc2_workspace *workspace)
{
    int32_t start, bytes = blosc2_view_block_nbytes(view, block) / streams;
    int status = b2_buffer_reserve(&workspace->scratch, (size_t)bytes);
    if (status == BLOSC2_OK) status = b2_view_block_start(view, block, &start);
    if (status < 0) return status;
    int64_t position = start;
    for (int32_t i = 0; i < streams && status == BLOSC2_OK; i++) {
        uint8_t *to = out + (size_t)i * (size_t)want;
        const uint8_t *content;
        status = b2_stream_find_prefix(view, &position, to, want, bytes, workspace->scratch.bytes, &content,
                                       workspace->codecs);
        if (status == BLOSC2_OK && content != to) memcpy(to, content, (size_t)want);
    }
    return status;
}

int blosc2_view_decode_prefix(const blosc2_view *view, int32_t block, int32_t bytes, void *out,
                              blosc2_workspace *workspace)
{
    b2_pipeline pipeline = b2_view_pipeline(view);
    int32_t streams = 0;
    int32_t want = b2_streams_prefix(view, &pipeline, block, bytes, &streams);
    if (want == 0) return blosc2_view_decode_block(view, block, out, workspace);
    int status = b2_view_verify_block(view, block);
    if (status < 0) return status;
    blosc2_planes planes;
    status = b2_planes_find(view, &pipeline, block, bytes, &planes, workspace);
    if (status == BLOSC2_OK && planes.count > 0) {
        b2_planes_join_all(&planes, out);
        return BLOSC2_OK;
    }
    if (status < 0) return blosc2_fail_within(status, "block %d", block);
    b2_streams_use_dict(view, workspace);
    status = b2_buffer_reserve(&workspace->filtered, (size_t)want * (size_t)streams);
    uint8_t *filtered = streams > 1 ? workspace->filtered.bytes : out;
    if (status == BLOSC2_OK) status = decode_prefixes(view, block, want, streams, filtered, workspace);
    if (status < 0) return blosc2_fail_within(status, "block %d", block);
    if (streams > 1) { /* the first items of a shuffled block are a shuffled block themselves */
        b2_pipeline_backward(&pipeline, filtered, want * streams, NULL, out, workspace->scratch.bytes);
    }
    return BLOSC2_OK;
}

/* ------------------------------------------------------------------ whole chunks */

/* chunk-format.md 8: each block tells its own size, and filters see one block alone. */
static int decode_vl_block(const blosc2_view *view, const b2_pipeline *pipeline, int32_t block, int64_t room,
                           uint8_t *out, int32_t *nbytes, blosc2_workspace *workspace)
{
    const uint8_t *starts = view->bytes + view->header_bytes;
    int64_t start = b2_load_le_i32(starts + 4 * (size_t)block);
    int64_t stop =
        block + 1 < view->block_count ? b2_load_le_i32(starts + 4 * (size_t)block + 4) : view->cbytes;
    if (start < view->streams_start || stop < start + 5 || stop > view->cbytes)
        return blosc2_fail(BLOSC2_E_CORRUPT, "VL-block %d: bytes %lld..%lld", block, (long long)start,
                           (long long)stop);
    *nbytes = b2_load_le_i32(view->bytes + start);
    if (*nbytes < 1 || *nbytes > room)
        return blosc2_fail(BLOSC2_E_CORRUPT, "VL-block %d: %d bytes (expected 1..%lld)", block, *nbytes,
                           (long long)room);
    int status = b2_buffer_reserve(&workspace->filtered, (size_t)*nbytes);
    if (status == BLOSC2_OK) status = b2_buffer_reserve(&workspace->scratch, (size_t)*nbytes);
    if (status < 0) return status;
    int32_t csize = (int32_t)(stop - start - 4);
    const uint8_t *in = view->bytes + start + 4;
    if (csize == *nbytes)
        memcpy(workspace->filtered.bytes, in, (size_t)csize);
    else
        status = b2_codec_decompress(workspace->codecs, view->codec_format, in, csize,
                                     workspace->filtered.bytes, *nbytes);
    if (status == BLOSC2_OK)
        b2_pipeline_backward(pipeline, workspace->filtered.bytes, *nbytes, NULL, out,
                             workspace->scratch.bytes);
    return status;
}

static int decode_vl_blocks(const blosc2_view *view, uint8_t *out, blosc2_workspace *workspace)
{
    b2_pipeline pipeline = b2_view_pipeline(view);
    int32_t done = 0;
    b2_streams_use_dict(view, workspace);
    for (int32_t i = 0; i < view->block_count; i++) {
        int32_t nbytes = 0;
        int status = i > 0 ? blosc2_check_interrupt() : BLOSC2_OK;
        if (status < 0) return status;
        status = decode_vl_block(view, &pipeline, i, view->nbytes - done, out + done, &nbytes, workspace);
        if (status < 0) return status;
        done += nbytes;
    }
    if (done != view->nbytes)
        return blosc2_fail(BLOSC2_E_CORRUPT, "chunk: VL-blocks of %d bytes in all (expected %d)", done,
                           view->nbytes);
    return BLOSC2_OK;
}

int blosc2_view_decode(const blosc2_view *view, void *out, blosc2_workspace *workspace)
{
    if (view->special) {
        b2_special_fill(view, 0, out, view->nbytes);
        return BLOSC2_OK;
    }
    if (view->vl_blocks && view->nbytes > 0) return decode_vl_blocks(view, out, workspace);
    for (int32_t i = 0; i < view->block_count; i++) {
        uint8_t *block = (uint8_t *)out + (size_t)i * (size_t)view->block_bytes;
        int status = i > 0 ? blosc2_check_interrupt() : BLOSC2_OK;
        if (status == BLOSC2_OK) status = blosc2_view_decode_block(view, i, block, workspace);
        if (status < 0) return status;
    }
    return BLOSC2_OK;
}
