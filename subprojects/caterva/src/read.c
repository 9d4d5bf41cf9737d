/**
 * Reading: a selection falls into chunks, each chunk's part into blocks, and each block's part is copied into
 * place. A block that is just what the caller wants, where he wants it, is decoded in place.
 */
#include <inttypes.h>

#include "checked.h"
#include "chunk.h"
#include "copy_box.h"
#include "internal.h"

typedef struct read_job {
    caterva_array *array;
    uint8_t *out; /* first item of the runs */
    cat_run runs[CATERVA_MAX_NDIM];
    int64_t strides[CATERVA_MAX_NDIM]; /* of `out` */
    cat_overlap chunks;
    bool out_fits_blocks; /* a whole block lies in `out` as it does in a chunk */
    cat_crew crew;
} read_job;

/** One chunk's blocks; threads share them in groups when few chunks are read. */
typedef struct chunk_job {
    read_job *read;
    uint8_t *out; /* first item of the chunk's part */
    cat_part part;
    cat_overlap blocks;
    cat_chunk chunk;
    int64_t group; /* blocks per piece of work */
} chunk_job;

/** Copy the items of a part from its block. */
static void copy_part(const read_job *read, const cat_part *part, const uint8_t *block, uint8_t *out)
{
    const cat_layout *layout = &read->array->layout;
    int64_t counts[CATERVA_MAX_NDIM], strides[CATERVA_MAX_NDIM];
    int64_t first = cat_part_box(part, layout->ndim, layout->block_strides, counts, strides);
    cat_copy_box(layout->ndim, counts, layout->item_bytes, out, read->strides, block + first, strides);
}

static int read_block(const chunk_job *job, int64_t n, cat_worker *worker)
{
    const read_job *read = job->read;
    const cat_layout *layout = &read->array->layout;
    const cat_chunk *chunk = &job->chunk;
    cat_part part;
    cat_overlap_part(&job->blocks, n, &part);
    int32_t block = (int32_t)part.number;
    uint8_t *out = job->out + part.offset;
    if (chunk->decoded) {
        copy_part(read, &part, chunk->decoded + part.number * layout->block_bytes, out);
        return BLOSC2_OK;
    }
    if (read->out_fits_blocks && cat_part_is_tile(&part, layout->ndim, layout->block)) {
        return cat_chunk_read_block(chunk, block, out, worker);
    }
    int status = cat_chunk_read_block(chunk, block, worker->block.bytes, worker);
    if (status == BLOSC2_OK) copy_part(read, &part, worker->block.bytes, out);
    return status;
}

static int read_blocks(const chunk_job *job, int64_t start, int64_t stop, cat_worker *worker)
{
    int status = BLOSC2_OK;
    for (int64_t n = start; n < stop && status == BLOSC2_OK; n++) status = read_block(job, n, worker);
    if (status < 0) return blosc2_fail_within(status, "chunk %" PRId64, job->part.number);
    return BLOSC2_OK;
}

static int get_worker(read_job *job, int thread, cat_worker **out)
{
    int status = cat_crew_get(&job->crew, thread, out);
    if (status < 0) return status;
    return cat_scratch_reserve(&(*out)->block, job->array->layout.block_bytes);
}

static int read_group(void *context, int thread, int64_t index)
{
    chunk_job *job = context;
    cat_worker *worker;
    int status = get_worker(job->read, thread, &worker);
    if (status < 0) return status;
    int64_t start = index * job->group;
    return read_blocks(job, start, cat_min_i64(start + job->group, job->blocks.count), worker);
}

static int list_blocks(const cat_overlap *blocks, cat_worker *worker)
{
    int status = cat_scratch_reserve(&worker->list, blocks->count * (int64_t)sizeof(int32_t));
    if (status < 0) return status;
    int32_t *list = (int32_t *)(void *)worker->list.bytes;
    for (int64_t n = 0; n < blocks->count; n++) {
        cat_part part;
        cat_overlap_part(blocks, n, &part);
        list[n] = (int32_t)part.number;
    }
    return BLOSC2_OK;
}

/** Lay the selection over chunk `n` of those it touches, and bring the blocks it takes. */
static int open_chunk(read_job *read, int64_t n, cat_worker *worker, chunk_job *job)
{
    const cat_layout *layout = &read->array->layout;
    job->read = read;
    cat_overlap_part(&read->chunks, n, &job->part);
    job->out = read->out + job->part.offset;
    cat_overlap_init(&job->blocks, layout->ndim, job->part.runs, layout->block, layout->block_grid,
                     read->strides);
    int64_t count = job->blocks.count;
    bool all = count == layout->block_count || count > CAT_BLOCK_LIST_MAX;
    int status = all ? BLOSC2_OK : list_blocks(&job->blocks, worker);
    if (status < 0) return status;
    const int32_t *list = all ? NULL : (const int32_t *)(void *)worker->list.bytes;
    return cat_chunk_open(read->array, job->part.number, list, all ? 0 : (int32_t)count, worker, &job->chunk);
}

/** If the chunk repeats one item: lay that over its part, without a look at blocks. */
static bool fill_part(const chunk_job *job, cat_worker *worker)
{
    static const int64_t still[CATERVA_MAX_NDIM];
    const cat_layout *layout = &job->read->array->layout;
    const uint8_t *item = cat_chunk_repeated_item(&job->chunk, layout->item_bytes, worker);
    if (!item) return false;
    int64_t counts[CATERVA_MAX_NDIM];
    for (int d = 0; d < layout->ndim; d++) counts[d] = job->part.runs[d].count;
    cat_copy_box(layout->ndim, counts, layout->item_bytes, job->out, job->read->strides, item, still);
    return true;
}

/** Chunk by chunk on each thread. */
static int read_chunk(void *context, int thread, int64_t index)
{
    read_job *read = context;
    cat_worker *worker;
    chunk_job job;
    int status = get_worker(read, thread, &worker);
    if (status == BLOSC2_OK) status = open_chunk(read, index, worker, &job);
    if (status < 0 || fill_part(&job, worker)) return status;
    return read_blocks(&job, 0, job.blocks.count, worker);
}

/** One chunk after another, each by all threads. */
static int read_chunks_together(read_job *read, int threads)
{
    cat_worker *worker;
    chunk_job job;
    int status = get_worker(read, 0, &worker);
    for (int64_t n = 0; n < read->chunks.count && status == BLOSC2_OK; n++) {
        status = open_chunk(read, n, worker, &job);
        if (status < 0 || fill_part(&job, worker)) continue;
        job.group = cat_ceil_div(job.blocks.count, 4 * (int64_t)threads);
        status = blosc2_parallel_for(threads, cat_ceil_div(job.blocks.count, job.group), read_group, &job);
    }
    return status;
}

int cat_array_read(caterva_array *array, const caterva_selection *selection, void *out,
                   const int64_t *strides, int threads)
{
    const cat_layout *layout = &array->layout;
    if (cat_selection_items(layout->ndim, selection) == 0) return BLOSC2_OK;
    read_job job = {.array = array, .out = out, .crew = {.pool = &array->workers}};
    for (int d = 0; d < layout->ndim; d++) job.strides[d] = strides[d];
    job.out += cat_selection_runs(layout->ndim, selection, job.runs, job.strides);
    job.out_fits_blocks = cat_box_is_contiguous(layout->ndim, layout->block, layout->item_bytes, job.strides);
    cat_overlap_init(&job.chunks, layout->ndim, job.runs, layout->chunk, layout->chunk_grid, job.strides);
    int status = BLOSC2_OK;
    if (threads > 1 && job.chunks.count < threads) {
        status = read_chunks_together(&job, threads);
    } else if (threads > 1) {
        status = blosc2_parallel_for(threads, job.chunks.count, read_chunk, &job);
    } else {
        for (int64_t n = 0; n < job.chunks.count && status == BLOSC2_OK; n++) status = read_chunk(&job, 0, n);
    }
    cat_crew_dismiss(&job.crew);
    return status;
}

int caterva_array_read(caterva_array *array, const caterva_selection *selection, void *out,
                       const int64_t *strides)
{
    blosc2_lock_share(array->lock);
    int status = cat_selection_check(array->layout.ndim, array->layout.shape, selection);
    if (status == BLOSC2_OK)
        status = cat_array_read(array, selection, out, strides, cat_array_threads(array));
    blosc2_lock_release(array->lock);
    return status;
}
