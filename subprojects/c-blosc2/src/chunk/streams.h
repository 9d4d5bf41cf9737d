/** Streams of a block: found where they lie, or decoded, whole or in part. Nothing here verifies checksums.
 */
#ifndef B2_CHUNK_STREAMS_H
#define B2_CHUNK_STREAMS_H

#include "chunk/postscript.h"
#include "chunk/view.h"
#include "chunk/workspace.h"

/** Compare a block with its checksum, if that was left to do. */
static inline int b2_view_verify_block(const blosc2_view *view, int32_t block)
{
    return view->postscript ? b2_postscript_check_block(view, view->postscript, block) : BLOSC2_OK;
}

/** Have the codecs use the dictionary of the chunk, or none. */
void b2_streams_use_dict(const blosc2_view *view, blosc2_workspace *workspace);

/** Decode all streams of a regular block, one behind the other. */
int b2_streams_decode(const blosc2_view *view, int32_t block, uint8_t *out, b2_codec_states *codecs);

/** Bytes of each of the block's streams that bring the first `bytes` of it; 0: all are needed. */
int32_t b2_streams_prefix(const blosc2_view *view, const b2_pipeline *pipeline, int32_t block, int32_t bytes,
                          int32_t *streams);

/**
 * The first `want` bytes of the stream at `position`, which has `bytes`; `position` moves past it. They are
 * decoded to `out`, or found where they lie raw; then `content` says where. Whole streams go through
 * `scratch`, which has room for them.
 */
int b2_stream_find_prefix(const blosc2_view *view, int64_t *position, uint8_t *out, int32_t want,
                          int32_t bytes, uint8_t *scratch, const uint8_t **content, b2_codec_states *codecs);

#endif
