#include "chunk/streams.h"

#include <string.h>

#include "base/bytes.h"

/*
 * One stream at `position`, which moves past it. Its content is decoded to `out`, or found where it lies raw;
 * then `content` says where.
 */
static int b2_stream_find(const blosc2_view *view, int64_t *position, uint8_t *out, int32_t bytes,
                          const uint8_t **content, b2_codec_states *codecs)
{
    *content = out;
    if (*position + 4 > view->cbytes)
        return blosc2_fail(BLOSC2_E_CORRUPT, "stream: its size lies past the chunk");
    int32_t csize = b2_load_le_i32(view->bytes + *position);
    *position += 4;
    if (csize <= 0) {
        if (csize == 0) {
            memset(out, 0, (size_t)bytes);
            return BLOSC2_OK;
        }
        if (csize < -255 || *position >= view->cbytes || !(view->bytes[*position] & 1))
            return blosc2_fail(BLOSC2_E_CORRUPT, "stream: size %d without a valid run token", csize);
        memset(out, -csize, (size_t)bytes);
        *position += 1;
        return BLOSC2_OK;
    }
    if (csize > bytes || csize > view->cbytes - *position)
        return blosc2_fail(BLOSC2_E_CORRUPT, "stream: size %d (content %d, left in the chunk %lld)", csize,
                           bytes, (long long)(view->cbytes - *position));
    const uint8_t *in = view->bytes + *position;
    *position += csize;
    if (csize == bytes) {
        *content = in;
        return BLOSC2_OK;
    }
    return b2_codec_decompress(codecs, view->codec_format, in, csize, out, bytes);
}

static int b2_stream_decode(const blosc2_view *view, int64_t *position, uint8_t *out, int32_t bytes,
                            b2_codec_states *codecs)
{
    const uint8_t *content;
    int status = b2_stream_find(view, position, out, bytes, &content, codecs);
    if (status == BLOSC2_OK && content != out) memcpy(out, content, (size_t)bytes);
    return status;
}

int b2_streams_decode(const blosc2_view *view, int32_t block, uint8_t *out, b2_codec_states *codecs)
{
    int32_t start = 0, streams = 0;
    int status = b2_view_block_start(view, block, &start);
    if (status == BLOSC2_OK) status = b2_view_stream_count(view, block, &streams);
    if (status < 0) return status;
    int32_t bytes = blosc2_view_block_nbytes(view, block) / streams;
    int64_t position = start;
    for (int32_t i = 0; i < streams && status == BLOSC2_OK; i++)
        status = b2_stream_decode(view, &position, out + (size_t)i * (size_t)bytes, bytes, codecs);
    return status;
}

void b2_streams_use_dict(const blosc2_view *view, blosc2_workspace *workspace)
{
    uint64_t serial = view->dict_bytes ? view->serial : 0;
    if (workspace->dict_serial == serial) return;
    b2_codec_set_dict(workspace->codecs, view->dict_bytes ? view->bytes + view->dict_start : NULL,
                      view->dict_bytes);
    workspace->dict_serial = serial;
}

/*
 * A prefix of LZ4 takes time in proportion to its length, but long matches are copied slowly there: streams
 * that are nearly all match are decoded faster as a whole (measured: benchmarks/README.md).
 */
enum { PREFIX_OF_8_MAX = 5, TIGHT_RATIO = 16, STREAM_STEP = 64 };

int32_t b2_streams_prefix(const blosc2_view *view, const b2_pipeline *pipeline, int32_t block, int32_t bytes,
                          int32_t *streams)
{
    if (block < 0 || block >= view->block_count || view->vl_blocks || !b2_view_is_regular(view)) return 0;
    if (view->dict_bytes || !b2_format_has_prefix(view->codec_format)) return 0;
    if (b2_view_stream_count(view, block, streams) < 0 || b2_pipeline_planes(pipeline) != *streams) return 0;
    int32_t whole = blosc2_view_block_nbytes(view, block) / *streams;
    int32_t need = (bytes / *streams + STREAM_STEP) / STREAM_STEP * STREAM_STEP;
    return need <= whole / 8 * PREFIX_OF_8_MAX ? need : 0;
}

int b2_stream_find_prefix(const blosc2_view *view, int64_t *position, uint8_t *out, int32_t want,
                          int32_t bytes, uint8_t *scratch, const uint8_t **content, b2_codec_states *codecs)
{
    int32_t csize = *position + 4 <= view->cbytes ? b2_load_le_i32(view->bytes + *position) : 0;
    bool is_coded = csize > 0 && csize < bytes && csize <= view->cbytes - *position - 4;
    if (want < bytes && is_coded && csize >= bytes / TIGHT_RATIO) {
        const uint8_t *in = view->bytes + *position + 4;
        if (b2_codec_has_prefix(view->codec_format, in, csize, want)) {
            *position += 4 + (int64_t)csize;
            *content = out;
            return b2_codec_decompress_prefix(codecs, view->codec_format, in, csize, out, want);
        }
    }
    int status = b2_stream_find(view, position, want < bytes ? scratch : out, bytes, content, codecs);
    if (status < 0 || *content != scratch || want == bytes) return status;
    memcpy(out, scratch, (size_t)want); /* the next stream needs it */
    *content = out;
    return BLOSC2_OK;
}
