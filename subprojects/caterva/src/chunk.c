#include "chunk.h"

#include <inttypes.h>
#include <string.h>

static int view(const caterva_array *array, int64_t number, blosc2_use use, const int32_t *blocks,
                int32_t block_count, cat_worker *worker, blosc2_view *out)
{
    int status =
        blosc2_schunk_view_for(array->schunk, number, use, blocks, block_count, worker->workspace, out);
    if (status < 0 || out->nbytes == array->layout.chunk_bytes) return status;
    status = blosc2_fail(BLOSC2_E_CORRUPT, "nbytes %" PRId32 " (expected %" PRId32 ")", out->nbytes,
                         array->layout.chunk_bytes);
    return blosc2_schunk_fail_within(array->schunk, number, status);
}

/**
 * Blocks of another size than the geometry's are legal (docs/format/ndim-metalayers.md 2): a special chunk
 * can be cut into any blocks, others are decoded at once.
 */
static int adapt_blocks(const caterva_array *array, int64_t number, blosc2_use use, cat_worker *worker,
                        cat_chunk *chunk)
{
    const cat_layout *layout = &array->layout;
    if (chunk->view.block_bytes == layout->block_bytes && !chunk->view.vl_blocks) return BLOSC2_OK;
    if (chunk->view.special) {
        chunk->view.block_bytes = layout->block_bytes;
        chunk->view.block_count = layout->block_count;
        return BLOSC2_OK;
    }
    int status = view(array, number, use, NULL, 0, worker, &chunk->view);
    if (status == BLOSC2_OK) status = cat_scratch_reserve(&worker->chunk, layout->chunk_bytes);
    if (status < 0) return status;
    chunk->decoded = worker->chunk.bytes;
    status = blosc2_view_decode(&chunk->view, worker->chunk.bytes, worker->workspace);
    return status < 0 ? blosc2_schunk_fail_within(array->schunk, number, status) : status;
}

int cat_chunk_open(const caterva_array *array, int64_t number, blosc2_use use, const int32_t *blocks,
                   int32_t block_count, cat_worker *worker, cat_chunk *out)
{
    cat_chunk chunk = {.block_bytes = array->layout.block_bytes};
    int status = view(array, number, use, blocks, block_count, worker, &chunk.view);
    /* A chunk of fewer blocks than the geometry's may not know all that are listed. */
    if (status == BLOSC2_E_ARGUMENT && blocks)
        status = view(array, number, use, NULL, 0, worker, &chunk.view);
    if (status == BLOSC2_OK) status = adapt_blocks(array, number, use, worker, &chunk);
    if (status == BLOSC2_OK) *out = chunk;
    return status;
}

const uint8_t *cat_chunk_repeated_item(const cat_chunk *chunk, int32_t item_bytes, cat_worker *worker)
{
    const blosc2_view *view = &chunk->view;
    if (view->special == BLOSC2_SPECIAL_VALUE && view->cbytes - view->header_bytes == item_bytes) {
        return view->bytes + view->header_bytes;
    }
    bool zeros = view->special == BLOSC2_SPECIAL_ZEROS || view->special == BLOSC2_SPECIAL_UNINIT;
    return zeros ? memset(worker->block.bytes, 0, (size_t)item_bytes) : NULL;
}

const uint8_t *cat_chunk_raw_block(const cat_chunk *chunk, int32_t block)
{
    if (chunk->decoded) return chunk->decoded + (size_t)block * (size_t)chunk->block_bytes;
    return blosc2_view_raw_block(&chunk->view, block);
}

int cat_chunk_read_block(const cat_chunk *chunk, int32_t block, void *out, cat_worker *worker)
{
    if (chunk->decoded) {
        memcpy(out, chunk->decoded + (size_t)block * (size_t)chunk->block_bytes, (size_t)chunk->block_bytes);
        return BLOSC2_OK;
    }
    return blosc2_view_decode_block(&chunk->view, block, out, worker->workspace);
}

int cat_chunk_read_planes(const cat_chunk *chunk, int32_t block, int64_t bytes, int32_t item_bytes,
                          blosc2_planes *planes, cat_worker *worker)
{
    planes->count = 0;
    if (chunk->decoded || chunk->view.item_bytes != item_bytes) return BLOSC2_OK;
    return blosc2_view_decode_planes(&chunk->view, block, (int32_t)bytes, planes, worker->workspace);
}

bool cat_chunk_has_prefix(const cat_chunk *chunk, int32_t block, int64_t bytes)
{
    return !chunk->decoded && blosc2_view_has_prefix(&chunk->view, block, (int32_t)bytes);
}

int cat_chunk_read_prefix(const cat_chunk *chunk, int32_t block, int64_t bytes, void *out, cat_worker *worker)
{
    if (chunk->decoded) return cat_chunk_read_block(chunk, block, out, worker);
    return blosc2_view_decode_prefix(&chunk->view, block, (int32_t)bytes, out, worker->workspace);
}
