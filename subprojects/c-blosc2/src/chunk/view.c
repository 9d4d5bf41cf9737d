#include "chunk/view.h"

#include <stdatomic.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "chunk/header.h"

static _Atomic uint64_t next_serial = 1;

bool b2_view_is_regular(const blosc2_view *view)
{
    return !view->special && !view->memcpyed && view->nbytes > 0;
}

b2_pipeline b2_view_pipeline(const blosc2_view *view)
{
    b2_pipeline pipeline = {.item_bytes = view->item_bytes,
                            .frame_item_bytes = view->frame_item_bytes,
                            .chunk_version = view->version};
    memcpy(pipeline.codes, view->filters, BLOSC2_MAX_FILTERS);
    memcpy(pipeline.metas, view->filters_meta, BLOSC2_MAX_FILTERS);
    return pipeline;
}

/* chunk-format.md 5 */
static int check_special(const blosc2_view *view)
{
    int32_t value_bytes = view->cbytes - view->header_bytes;
    if (view->special == BLOSC2_SPECIAL_VALUE) {
        if (value_bytes < 1 || value_bytes > view->nbytes || view->nbytes % value_bytes)
            return blosc2_fail(BLOSC2_E_CORRUPT, "chunk: repeated value of %d bytes in %d bytes", value_bytes,
                               view->nbytes);
    } else if (view->special == BLOSC2_SPECIAL_NAN) {
        if ((view->item_bytes != 4 && view->item_bytes != 8) || view->nbytes % view->item_bytes)
            return blosc2_fail(BLOSC2_E_CORRUPT, "chunk: NaN in %d bytes of typesize %d (expected 4 or 8)",
                               view->nbytes, view->item_bytes);
    }
    return BLOSC2_OK;
}

/* Positions of bstarts and dictionary (chunk-format.md 7). */
static int check_tables(blosc2_view *view, size_t at_hand)
{
    int64_t end = view->header_bytes + 4 * (int64_t)view->block_count;
    if (end > view->cbytes || (size_t)end > at_hand)
        return blosc2_fail(BLOSC2_E_CORRUPT, "chunk: %d blocks do not fit in cbytes %d", view->block_count,
                           view->cbytes);
    view->streams_start = (int32_t)end;
    if (!view->dict_bytes) return BLOSC2_OK;
    if (end + 4 > view->cbytes || (size_t)end + 4 > at_hand)
        return blosc2_fail(BLOSC2_E_CORRUPT, "chunk: no room for the dictionary's size");
    view->dict_bytes = b2_load_le_i32(view->bytes + end);
    view->dict_start = (int32_t)end + 4;
    if (view->dict_bytes < 1 || view->dict_bytes > B2_DICT_BYTES_MAX ||
        view->dict_bytes > view->cbytes - view->dict_start)
        return blosc2_fail(BLOSC2_E_CORRUPT,
                           "chunk: dictionary of %d bytes (expected 1..%d, inside of cbytes)",
                           view->dict_bytes, B2_DICT_BYTES_MAX);
    return BLOSC2_OK;
}

int b2_view_init_head(blosc2_view *out, const uint8_t *bytes, size_t at_hand, int64_t room,
                      int32_t frame_item_bytes, int64_t max_nbytes)
{
    blosc2_view view;
    int status = b2_header_parse(bytes, at_hand, room, &view);
    if (status < 0) return status;
    if (view.nbytes > max_nbytes)
        return blosc2_fail(BLOSC2_E_CORRUPT, "chunk: nbytes %d (expected at most %lld)", view.nbytes,
                           (long long)max_nbytes);
    view.frame_item_bytes = frame_item_bytes;
    view.serial = atomic_fetch_add_explicit(&next_serial, 1, memory_order_relaxed);
    if (view.special) {
        view.dict_bytes = 0;
        status = check_special(&view);
    } else if (view.memcpyed || view.nbytes == 0) {
        view.dict_bytes = 0;
        if (view.cbytes != view.header_bytes + view.nbytes)
            status = blosc2_fail(BLOSC2_E_CORRUPT, "chunk: cbytes %d of a copied chunk (expected %lld)",
                                 view.cbytes, (long long)view.header_bytes + view.nbytes);
    } else {
        b2_pipeline pipeline = b2_view_pipeline(&view);
        status = b2_pipeline_check(&pipeline);
        if (status == BLOSC2_OK) status = check_tables(&view, at_hand);
    }
    if (status == BLOSC2_OK) *out = view;
    return status;
}

int blosc2_view_init(blosc2_view *view, const void *bytes, size_t available, int32_t frame_item_bytes,
                     int64_t max_nbytes)
{
    int64_t room = available < INT32_MAX ? (int64_t)available : INT32_MAX; /* no chunk is larger */
    return b2_view_init_head(view, bytes, available, room, frame_item_bytes, max_nbytes);
}

int32_t blosc2_view_block_nbytes(const blosc2_view *view, int32_t block)
{
    int64_t left = view->nbytes - (int64_t)block * view->block_bytes;
    return (int32_t)b2_min_i64(left, view->block_bytes);
}

int b2_view_block_start(const blosc2_view *view, int32_t block, int32_t *start)
{
    *start = b2_load_le_i32(view->bytes + view->header_bytes + 4 * (size_t)block);
    if (*start < view->streams_start || *start >= view->cbytes)
        return blosc2_fail(BLOSC2_E_CORRUPT, "block %d: starts at %d (expected %d..%d)", block, *start,
                           view->streams_start, view->cbytes - 1);
    return BLOSC2_OK;
}

int b2_view_stream_count(const blosc2_view *view, int32_t block, int32_t *count)
{
    int32_t nbytes = blosc2_view_block_nbytes(view, block);
    *count = view->split && nbytes == view->block_bytes ? view->item_bytes : 1;
    if (nbytes < *count || nbytes % *count)
        return blosc2_fail(BLOSC2_E_CORRUPT, "block %d: %d bytes cannot be split into %d streams", block,
                           nbytes, *count);
    return BLOSC2_OK;
}

/* What follows the size of a stream: nothing of zeros, a token of a run, else as many bytes as it says. Any
 * number may stand there: docs/design/bytes.md. */
static int64_t bytes_behind_size(int32_t size)
{
    return size < 0 ? 1 : size;
}

int b2_view_block_end(const blosc2_view *view, int32_t block, int32_t limit, int32_t *end)
{
    int32_t start = 0, streams = 0;
    int status = b2_view_block_start(view, block, &start);
    if (status == BLOSC2_OK) status = b2_view_stream_count(view, block, &streams);
    if (status < 0) return status;
    int64_t position = start;
    *end = 0;
    for (int32_t i = 0; i < streams; i++) {
        if (position + 4 > limit) return BLOSC2_OK;
        position += 4 + bytes_behind_size(b2_load_le_i32(view->bytes + position));
        if (position > limit) return BLOSC2_OK;
    }
    *end = (int32_t)position;
    return BLOSC2_OK;
}
