/**
 * Reading: a selection falls into chunks, each chunk's part into blocks, and each block's part is copied into
 * place. A block that is just what the caller wants, where he wants it, is decoded in place; blocks that lie
 * raw in memory are copied from there; those of small requests come from the cache, or go there.
 */
#include <inttypes.h>
#include <string.h>

#include "cache.h"
#include "checked.h"
#include "chunk.h"
#include "copy_box.h"
#include "internal.h"

enum {
    PIECES_PER_THREAD = 4,     /* of work, so that all end at about the same time */
    BLOCKS_WORTH_A_THREAD = 2, /* waking one takes about as long as decoding a block */
};

typedef struct read_job {
    caterva_array *array;
    blosc2_use use;
    uint8_t *out; /* first item of the runs */
    cat_run runs[CATERVA_MAX_NDIM];
    int64_t strides[CATERVA_MAX_NDIM]; /* of `out` */
    cat_overlap chunks;
    int64_t slices;       /* pieces of work that each chunk is cut into */
    bool out_fits_blocks; /* a whole block lies in `out` as it does in a chunk */
    bool use_cache;
    blosc2_stores stores; /* what is larger than caches need not go through them */
    bool raw_stays; /* raw blocks are in memory anyway, and need no check: the cache need not hold them */
    cat_crew crew;
} read_job;

/** What one thread reads at a time: a slice of the touched blocks of one chunk. */
typedef struct read_piece {
    read_job *read;
    cat_worker *worker;
    uint8_t *out; /* first item of the chunk's part */
    cat_part part;
    cat_overlap blocks;
    int64_t start, stop;  /* of the touched blocks */
    const int32_t *order; /* those of them still to be read; NULL: all from `start` */
    int32_t *numbers;     /* their block numbers; NULL: not listed */
    int64_t count;
    cat_chunk chunk;
} read_piece;

/** Copy the items of a part from its block. */
static void copy_part(const read_job *read, const cat_part *part, const uint8_t *block, uint8_t *out)
{
    const cat_layout *layout = &read->array->layout;
    int64_t counts[CATERVA_MAX_NDIM], strides[CATERVA_MAX_NDIM];
    int64_t first = cat_part_box(part, layout->ndim, layout->block_strides, counts, strides);
    if (read->stores == BLOSC2_STORES_STREAMING)
        cat_stream_box(layout->ndim, counts, layout->item_bytes, out, read->strides, block + first, strides);
    else
        cat_copy_box(layout->ndim, counts, layout->item_bytes, out, read->strides, block + first, strides);
}

/** Bytes of a block up to the end of a part's last item. */
static int64_t end_of(const read_job *read, const cat_part *part)
{
    const cat_layout *layout = &read->array->layout;
    int64_t end = layout->item_bytes;
    for (int d = 0; d < layout->ndim; d++) {
        const cat_run *run = &part->runs[d];
        end += (run->start + (run->count - 1) * run->step) * layout->block_strides[d];
    }
    return end;
}

/** Put the rows of a part together where they go. @param first  Byte of the block that the part starts at. */
static void join_rows(const read_job *read, const blosc2_planes *planes, const int64_t *counts,
                      const int64_t *strides, int64_t first, uint8_t *out)
{
    int ndim = read->array->layout.ndim, row = ndim - 1, column = ndim - 2;
    int64_t item_bytes = read->array->layout.item_bytes, index[CATERVA_MAX_NDIM] = {0}, offset = 0;
    blosc2_rows rows = {.count = counts[row], .rows = 1, .stores = read->stores};
    if (column >= 0) rows.rows = counts[column];
    if (column >= 0) rows.step = strides[column] / item_bytes;
    if (column >= 0) rows.out_step = read->strides[column];
    for (;;) {
        int d = column - 1;
        rows.first = first / item_bytes;
        rows.out = out + offset;
        blosc2_planes_join(planes, &rows);
        for (; d >= 0; d--) {
            first += strides[d];
            offset += read->strides[d];
            if (++index[d] < counts[d]) break;
            first -= strides[d] * counts[d];
            offset -= read->strides[d] * counts[d];
            index[d] = 0;
        }
        if (d < 0) return;
    }
}

/** Unshuffle a part's rows right into their places. @param end  Bytes of the block that it needs. */
static int join_part(const read_piece *piece, const cat_part *part, int64_t end, uint8_t *out, bool *joined)
{
    const read_job *read = piece->read;
    const cat_layout *layout = &read->array->layout;
    int64_t counts[CATERVA_MAX_NDIM], strides[CATERVA_MAX_NDIM], item_bytes = layout->item_bytes;
    int64_t first = cat_part_box(part, layout->ndim, layout->block_strides, counts, strides);
    int row = layout->ndim - 1;
    *joined = false;
    if (row < 0) return BLOSC2_OK;
    if (counts[row] > 1 && (strides[row] != item_bytes || read->strides[row] != item_bytes)) return BLOSC2_OK;
    blosc2_planes planes;
    int status = cat_chunk_read_planes(&piece->chunk, (int32_t)part->number, end, layout->item_bytes, &planes,
                                       piece->worker);
    *joined = status == BLOSC2_OK && planes.count > 0;
    if (*joined) join_rows(read, &planes, counts, strides, first, out);
    return status;
}

/** Where a block is decoded to if only some of it is wanted, or not as it lies in the chunk. */
static int read_part(const read_piece *piece, const cat_part *part, uint8_t *out)
{
    const read_job *read = piece->read;
    cat_cache *cache = &read->array->cache;
    int32_t block = (int32_t)part->number;
    bool takes_raw = read->raw_stays || !read->use_cache;
    const uint8_t *raw = takes_raw ? cat_chunk_raw_block(&piece->chunk, block) : NULL;
    if (raw) {
        copy_part(read, part, raw, out);
        return BLOSC2_OK;
    }
    int64_t end = end_of(read, part);
    cat_slot *slot = NULL;
    if (read->use_cache) {
        bool has_prefix = cat_chunk_has_prefix(&piece->chunk, block, end);
        slot =
            cat_cache_claim(cache, piece->part.number, block, has_prefix ? CAT_ADMIT_KNOWN : CAT_ADMIT_ANY);
    }
    bool joined = false;
    int status = slot ? BLOSC2_OK : join_part(piece, part, end, out, &joined);
    if (status < 0 || joined) return status;
    uint8_t *bytes = slot ? slot->bytes : piece->worker->block.bytes;
    status = slot ? cat_chunk_read_block(&piece->chunk, block, bytes, piece->worker)
                  : cat_chunk_read_prefix(&piece->chunk, block, end, bytes, piece->worker);
    if (status == BLOSC2_OK) copy_part(read, part, bytes, out);
    if (slot && status == BLOSC2_OK) cat_cache_list(cache, slot);
    if (slot) cat_cache_release(cache, slot);
    return status;
}

static int read_block(const read_piece *piece, int64_t n)
{
    const read_job *read = piece->read;
    const cat_layout *layout = &read->array->layout;
    cat_part part;
    cat_overlap_part(&piece->blocks, n, &part);
    uint8_t *out = piece->out + part.offset;
    bool in_place = read->out_fits_blocks && cat_part_is_tile(&part, layout->ndim, layout->block);
    bool joined = false;
    if (in_place && read->stores == BLOSC2_STORES_STREAMING) {
        int status = join_part(piece, &part, layout->block_bytes, out, &joined);
        if (status < 0 || joined) return status;
    }
    if (in_place) return cat_chunk_read_block(&piece->chunk, (int32_t)part.number, out, piece->worker);
    return read_part(piece, &part, out);
}

static bool copy_from_cache(const read_piece *piece, const cat_part *part)
{
    cat_cache *cache = &piece->read->array->cache;
    cat_slot *slot = cat_cache_find(cache, piece->part.number, (int32_t)part->number);
    if (!slot) return false;
    copy_part(piece->read, part, slot->bytes, piece->out + part->offset);
    cat_cache_release(cache, slot);
    return true;
}

/** List the blocks to be read; those in the cache are copied on the way. */
static int list_blocks(read_piece *piece)
{
    cat_scratch *list = &piece->worker->list;
    piece->count = piece->stop - piece->start;
    if (piece->count == 0 || piece->count > CAT_BLOCK_LIST_MAX) return BLOSC2_OK;
    int status = cat_scratch_reserve(list, 2 * piece->count * (int64_t)sizeof(int32_t));
    if (status < 0) return status;
    int32_t *order = (int32_t *)(void *)list->bytes, left = 0;
    piece->numbers = order + piece->count;
    for (int64_t n = piece->start; n < piece->stop; n++) {
        cat_part part;
        cat_overlap_part(&piece->blocks, n, &part);
        if (piece->read->use_cache && copy_from_cache(piece, &part)) continue;
        piece->numbers[left] = (int32_t)part.number;
        order[left++] = (int32_t)n;
    }
    piece->order = order;
    piece->count = left;
    return BLOSC2_OK;
}

/** Lay the selection over the chunk of piece `index`, and take its slice of the blocks. */
static void lay_piece(read_piece *piece, read_job *read, int64_t index)
{
    const cat_layout *layout = &read->array->layout;
    int64_t slice = index % read->slices;
    piece->read = read;
    cat_overlap_part(&read->chunks, index / read->slices, &piece->part);
    piece->out = read->out + piece->part.offset;
    cat_overlap_init(&piece->blocks, layout->ndim, piece->part.runs, layout->block, layout->block_grid,
                     read->strides);
    int64_t each = cat_ceil_div(piece->blocks.count, read->slices);
    piece->start = cat_min_i64(slice * each, piece->blocks.count);
    piece->stop = cat_min_i64(piece->start + each, piece->blocks.count);
    piece->order = NULL;
    piece->numbers = NULL;
}

/** If the chunk repeats one item: lay that over its part, without a look at blocks. The first slice does it.
 */
static bool fill_part(const read_piece *piece)
{
    static const int64_t still[CATERVA_MAX_NDIM];
    const cat_layout *layout = &piece->read->array->layout;
    const uint8_t *item = cat_chunk_repeated_item(&piece->chunk, layout->item_bytes, piece->worker);
    if (!item || piece->start > 0) return item != NULL;
    int64_t counts[CATERVA_MAX_NDIM];
    for (int d = 0; d < layout->ndim; d++) counts[d] = piece->part.runs[d].count;
    cat_copy_box(layout->ndim, counts, layout->item_bytes, piece->out, piece->read->strides, item, still);
    return true;
}

static int get_worker(read_job *job, int thread, cat_worker **out)
{
    int status = cat_crew_get(&job->crew, thread, out);
    if (status < 0) return status;
    return cat_scratch_reserve(&(*out)->block, job->array->layout.block_bytes);
}

static int read_piece_of(void *context, int thread, int64_t index)
{
    read_piece piece;
    int status = get_worker(context, thread, &piece.worker);
    if (status < 0) return status;
    lay_piece(&piece, context, index);
    status = list_blocks(&piece);
    if (status < 0 || piece.count == 0) return status;
    const caterva_array *array = piece.read->array;
    status = cat_chunk_open(array, piece.part.number, piece.read->use, piece.numbers,
                            piece.numbers ? (int32_t)piece.count : 0, piece.worker, &piece.chunk);
    if (status < 0 || fill_part(&piece)) return status;
    for (int64_t i = 0; i < piece.count && status == BLOSC2_OK; i++) {
        if (i > 0) status = blosc2_check_interrupt();
        if (status == BLOSC2_OK) status = read_block(&piece, piece.order ? piece.order[i] : piece.start + i);
    }
    if (piece.read->stores == BLOSC2_STORES_STREAMING) blosc2_streaming_end();
    return status < 0 ? blosc2_schunk_fail_within(array->schunk, piece.part.number, status) : status;
}

/** Blocks that the request touches, at most: they do not go on over the edge of a chunk. */
static int64_t touched_blocks(const read_job *job)
{
    const cat_layout *layout = &job->array->layout;
    int64_t blocks = 1;
    for (int d = 0; d < layout->ndim; d++) {
        int64_t touched = cat_run_tiles(&job->runs[d], layout->block[d]) +
                          cat_run_tiles(&job->runs[d], layout->chunk[d]) - 1;
        if (!cat_mul_i64(blocks, touched, &blocks)) return INT64_MAX;
    }
    return blocks;
}

int cat_array_read(caterva_array *array, blosc2_use use, const caterva_selection *selection, void *out,
                   const int64_t *strides, int threads)
{
    const cat_layout *layout = &array->layout;
    if (cat_selection_items(layout->ndim, selection) == 0) return BLOSC2_OK;
    int status = cat_array_check_chunks(array);
    if (status < 0) return status;
    bool checked = blosc2_schunk_verifies(array->schunk), takes_any = use == BLOSC2_USE_READ;
    read_job job = {.array = array, .use = use, .out = out, .crew = {.pool = &array->workers}};
    for (int d = 0; d < layout->ndim; d++) job.strides[d] = strides[d];
    job.out += cat_selection_runs(layout->ndim, selection, job.runs, job.strides);
    job.out_fits_blocks = cat_box_is_contiguous(layout->ndim, layout->block, layout->item_bytes, job.strides);
    int64_t blocks = touched_blocks(&job);
    bool is_large = cat_selection_items(layout->ndim, selection) >= CATERVA_LARGE_BYTES / layout->item_bytes;
    job.stores = is_large ? BLOSC2_STORES_STREAMING : BLOSC2_STORES_CACHED;
    if (threads > blocks / BLOCKS_WORTH_A_THREAD) threads = (int)(blocks / BLOCKS_WORTH_A_THREAD);
    job.use_cache = (checked || takes_any) && cat_cache_suits(&array->cache, blocks);
    job.raw_stays = blosc2_schunk_in_memory(array->schunk) && !checked && takes_any;
    cat_overlap_init(&job.chunks, layout->ndim, job.runs, layout->chunk, layout->chunk_grid, job.strides);
    int64_t pieces = threads > 1 ? PIECES_PER_THREAD * (int64_t)threads : 1;
    job.slices = job.chunks.count < pieces ? cat_ceil_div(pieces, job.chunks.count) : 1;
    job.slices = cat_min_i64(job.slices, layout->block_count);
    status = blosc2_parallel_for(threads, job.chunks.count * job.slices, read_piece_of, &job);
    cat_crew_dismiss(&job.crew);
    return status;
}

/** The smallest request: one item of a block in the cache. */
static bool copy_item(caterva_array *array, const caterva_selection *item, void *out)
{
    const cat_layout *layout = &array->layout;
    int64_t chunk = 0, block = 0, offset = 0;
    if (layout->ndim < CATERVA_MAX_NDIM && item->step[layout->ndim]) return false; /* of more axes */
    for (int d = 0; d < layout->ndim; d++) {
        if (item->step[d] == 0 || item->start[d] < 0 || item->start[d] >= layout->shape[d]) return false;
        int64_t in_array = item->start[d] / layout->chunk[d];
        int64_t in_chunk = item->start[d] % layout->chunk[d];
        chunk = chunk * layout->chunk_grid[d] + in_array;
        block = block * layout->block_grid[d] + in_chunk / layout->block[d];
        offset += in_chunk % layout->block[d] * layout->block_strides[d];
    }
    return cat_cache_copy(&array->cache, chunk, (int32_t)block, offset, out, (size_t)layout->item_bytes);
}

bool caterva_array_read_hot(caterva_array *array, const caterva_geometry *made_for,
                            const caterva_selection *item, void *out)
{
    if (!blosc2_lock_try_share(array->lock)) return false;
    bool is_there = cat_array_has_shape_of(array, made_for) && copy_item(array, item, out);
    blosc2_lock_release(array->lock);
    return is_there;
}

static int read_shared(caterva_array *array, blosc2_use use, const caterva_selection *selection, void *out,
                       const int64_t *strides)
{
    int status = cat_selection_check(array->layout.ndim, array->layout.shape, selection);
    if (status == BLOSC2_OK && use != BLOSC2_USE_READ) status = blosc2_schunk_check_sound(array->schunk);
    if (status == BLOSC2_OK)
        status = cat_array_read(array, use, selection, out, strides, cat_array_threads(array));
    return blosc2_schunk_explain(array->schunk, status);
}

int caterva_array_read(caterva_array *array, const caterva_selection *selection, void *out,
                       const int64_t *strides)
{
    blosc2_lock_share(array->lock);
    int status = read_shared(array, BLOSC2_USE_READ, selection, out, strides);
    blosc2_lock_release(array->lock);
    return status;
}

int caterva_array_read_of(caterva_array *array, blosc2_use use, const caterva_geometry *made_for,
                          const caterva_selection *selection, void *out, const int64_t *strides,
                          bool *is_other)
{
    blosc2_lock_share(array->lock);
    *is_other = !cat_array_has_shape_of(array, made_for);
    int status = *is_other ? BLOSC2_OK : read_shared(array, use, selection, out, strides);
    blosc2_lock_release(array->lock);
    return status;
}
