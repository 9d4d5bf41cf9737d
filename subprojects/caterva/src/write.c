/**
 * Writing: each touched chunk is built anew from its blocks. Those that the selection covers are gathered
 * from the caller's memory, those that it touches in part are decoded first, and all others keep their
 * compressed bytes.
 */
#include <string.h>

#include "checked.h"
#include "chunk.h"
#include "copy_box.h"
#include "internal.h"

typedef struct write_job {
    caterva_array *array;
    const uint8_t *in; /* first item of the runs */
    cat_run runs[CATERVA_MAX_NDIM];
    int64_t strides[CATERVA_MAX_NDIM]; /* of `in` */
    cat_overlap chunks;
    bool in_fits_blocks; /* a whole block lies in `in` as it does in a chunk */
    bool is_lossy;       /* what is read is not what is written: filters drop bits */
    int64_t slices;      /* threads that share a chunk */
    cat_crew crew;
} write_job;

/** Blocks [first, stop) of one chunk on their way from `old` to the builder of a worker. */
typedef struct chunk_job {
    const write_job *write;
    int32_t first, stop;
    cat_worker *worker;
    cat_part part;
    cat_overlap blocks;
    int64_t extent[CATERVA_MAX_NDIM]; /* of the chunk without padding: items that lie in the array */
    bool covered;                     /* the selection takes all of those */
    cat_chunk old;                    /* unset if covered */
} chunk_job;

/** True if the selection takes every item of a block that lies in the array. */
static bool is_covered(const chunk_job *job, const cat_part *part)
{
    const cat_layout *layout = &job->write->array->layout;
    for (int d = 0; d < layout->ndim; d++) {
        int64_t start = part->index[d] * layout->block[d];
        int64_t inside = cat_min_i64(layout->block[d], job->extent[d] - start);
        if (part->runs[d].count != inside) return false;
    }
    return true;
}

/** Lay the selection over chunk `n` of those it touches, and take slice `slice` of all its blocks. */
static void lay_over_chunk(chunk_job *job, int64_t n, int64_t slice)
{
    const cat_layout *layout = &job->write->array->layout;
    job->first = (int32_t)(layout->block_count * slice / job->write->slices);
    job->stop = (int32_t)(layout->block_count * (slice + 1) / job->write->slices);
    cat_overlap_part(&job->write->chunks, n, &job->part);
    cat_overlap_init(&job->blocks, layout->ndim, job->part.runs, layout->block, layout->block_grid,
                     job->write->strides);
    job->covered = true;
    for (int d = 0; d < layout->ndim; d++) {
        int64_t start = job->part.index[d] * layout->chunk[d];
        job->extent[d] = cat_min_i64(layout->chunk[d], layout->shape[d] - start);
        if (job->part.runs[d].count != job->extent[d]) job->covered = false;
    }
}

/**
 * The next block that the selection touches, of those of the slice.
 * @param n  Which of the touched blocks of the chunk to begin with; moves past the one found.
 */
static bool next_touched(const chunk_job *job, int64_t *n, cat_part *part)
{
    while (*n < job->blocks.count) {
        cat_overlap_part(&job->blocks, (*n)++, part);
        if (part->number >= job->stop) return false; /* numbers ascend */
        if (part->number >= job->first) return true;
    }
    return false;
}

/** Write the numbers of the slice's blocks whose old content is needed. @return How many. */
static int32_t list_old_blocks(const chunk_job *job, int32_t *list)
{
    int32_t count = 0, next = job->first;
    cat_part part;
    for (int64_t n = 0; next_touched(job, &n, &part);) {
        while (next < part.number) list[count++] = next++;
        if (!is_covered(job, &part)) list[count++] = next;
        next++;
    }
    while (next < job->stop) list[count++] = next++;
    return count;
}

static int open_old(chunk_job *job)
{
    const caterva_array *array = job->write->array;
    int32_t block_count = job->stop - job->first, listed = 0;
    const int32_t *list = NULL;
    if (block_count <= CAT_BLOCK_LIST_MAX) {
        int status = cat_scratch_reserve(&job->worker->list, block_count * (int64_t)sizeof(int32_t));
        if (status < 0) return status;
        int32_t *room = (int32_t *)(void *)job->worker->list.bytes;
        listed = list_old_blocks(job, room);
        list = room;
    }
    return cat_chunk_open(array, job->part.number, BLOSC2_USE_REBUILD, list, listed, job->worker, &job->old);
}

/** Say which chunk's old content could not be had. */
static int fail_within(const chunk_job *job, int status)
{
    if (status != BLOSC2_E_CORRUPT && status != BLOSC2_E_CODEC) return status;
    return blosc2_schunk_fail_within(job->write->array->schunk, job->part.number, status);
}

/** A block outside of the selection. */
static int keep_block(const chunk_job *job, int32_t block)
{
    const cat_layout *layout = &job->write->array->layout;
    cat_worker *worker = job->worker;
    int status = blosc2_check_interrupt();
    if (status < 0) return status;
    if (job->covered) { /* all of it is padding */
        memset(worker->block.bytes, 0, (size_t)layout->block_bytes);
        return blosc2_builder_encode_block(worker->builder, block, worker->block.bytes, worker->workspace);
    }
    if (job->old.decoded) {
        const uint8_t *content = job->old.decoded + (size_t)block * (size_t)layout->block_bytes;
        return blosc2_builder_encode_block(worker->builder, block, content, worker->workspace);
    }
    status = blosc2_builder_copy_block(worker->builder, block, &job->old.view, worker->workspace);
    return fail_within(job, status);
}

/** Copy the caller's items into their block. */
static void scatter_part(const write_job *write, const cat_part *part, uint8_t *block, const uint8_t *in)
{
    const cat_layout *layout = &write->array->layout;
    int64_t counts[CATERVA_MAX_NDIM], strides[CATERVA_MAX_NDIM];
    int64_t first = cat_part_box(part, layout->ndim, layout->block_strides, counts, strides);
    cat_copy_box(layout->ndim, counts, layout->item_bytes, block + first, strides, in, write->strides);
}

/** A block that the selection touches. */
static int change_block(const chunk_job *job, const cat_part *part)
{
    const write_job *write = job->write;
    const cat_layout *layout = &write->array->layout;
    cat_worker *worker = job->worker;
    const uint8_t *in = write->in + job->part.offset + part->offset;
    int32_t block = (int32_t)part->number;
    int status = blosc2_check_interrupt();
    if (status < 0) return status;
    bool whole = cat_part_is_tile(part, layout->ndim, layout->block);
    if (whole && write->in_fits_blocks) {
        return blosc2_builder_encode_block(worker->builder, block, in, worker->workspace);
    }
    if (!whole && !is_covered(job, part)) {
        status = cat_chunk_read_block(&job->old, block, worker->block.bytes, worker);
        if (status < 0) return fail_within(job, status);
    } else if (!whole) {
        memset(worker->block.bytes, 0, (size_t)layout->block_bytes); /* padding */
    }
    scatter_part(write, part, worker->block.bytes, in);
    return blosc2_builder_encode_block(worker->builder, block, worker->block.bytes, worker->workspace);
}

static int build_blocks(const chunk_job *job)
{
    const cat_layout *layout = &job->write->array->layout;
    int status = blosc2_builder_start(job->worker->builder, layout->chunk_bytes, layout->block_bytes);
    int32_t next = job->first;
    cat_part part;
    for (int64_t n = 0; status == BLOSC2_OK && next_touched(job, &n, &part);) {
        for (; next < part.number && status == BLOSC2_OK; next++) status = keep_block(job, next);
        if (status == BLOSC2_OK) status = change_block(job, &part);
        next++;
    }
    for (; next < job->stop && status == BLOSC2_OK; next++) status = keep_block(job, next);
    return status;
}

static int get_worker(write_job *job, int64_t number, cat_worker **out)
{
    int status = cat_crew_get(&job->crew, (int)number, out);
    if (status == BLOSC2_OK)
        status = cat_worker_need_builder(*out, blosc2_schunk_cparams(job->array->schunk));
    if (status == BLOSC2_OK) status = cat_scratch_reserve(&(*out)->block, job->array->layout.block_bytes);
    return status;
}

/** Build a slice of a chunk's blocks in the builder of a worker. */
static int build_slice(write_job *write, int64_t chunk, int64_t slice, int64_t worker)
{
    chunk_job job = {.write = write};
    int status = get_worker(write, worker, &job.worker);
    if (status < 0) return status;
    lay_over_chunk(&job, chunk, slice);
    blosc2_lock *chunks = write->array->chunks;
    if (!job.covered) { /* replacing another chunk would pull the view away */
        blosc2_lock_share(chunks);
        status = open_old(&job);
    }
    if (status == BLOSC2_OK) status = build_blocks(&job);
    if (!job.covered) blosc2_lock_release(chunks);
    return status;
}

/** Put an encoded chunk in the place of chunk `number`. */
static int put_chunk(write_job *write, int64_t number, const uint8_t *bytes, int32_t cbytes)
{
    caterva_array *array = write->array;
    blosc2_lock_own(array->chunks);
    int status = blosc2_schunk_set_chunk(array->schunk, number, bytes, cbytes);
    cat_cache_drop(&array->cache, number);
    blosc2_lock_release(array->chunks);
    return status;
}

/** Put the chunk that a worker's builder has all blocks of into its place. */
static int store_chunk(write_job *write, int64_t n, cat_worker *worker)
{
    const uint8_t *bytes;
    int32_t cbytes;
    cat_part part;
    cat_overlap_part(&write->chunks, n, &part);
    int status = blosc2_builder_finish(worker->builder, &bytes, &cbytes, worker->workspace);
    return status < 0 ? status : put_chunk(write, part.number, bytes, cbytes);
}

/** The item that a chunk gets in all of its places, if there is one. Padding may hold it too. */
static const uint8_t *repeated_item(const write_job *write, const chunk_job *job)
{
    const cat_layout *layout = &write->array->layout;
    const uint8_t *in = write->in + job->part.offset;
    int64_t counts[CATERVA_MAX_NDIM];
    if (!job->covered || write->is_lossy || layout->chunk_bytes == layout->item_bytes) return NULL;
    for (int d = 0; d < layout->ndim; d++) counts[d] = job->part.runs[d].count;
    return cat_box_repeats_item(layout->ndim, counts, layout->item_bytes, in, write->strides) ? in : NULL;
}

/** Store a chunk of equal items as one of them, without a look at blocks. @param done  Whether it was one. */
static int store_repeated(write_job *write, int64_t n, int thread, bool *done)
{
    const cat_layout *layout = &write->array->layout;
    int32_t item_bytes = layout->item_bytes;
    chunk_job job = {.write = write};
    lay_over_chunk(&job, n, 0);
    const uint8_t *item = repeated_item(write, &job);
    *done = item != NULL;
    if (!item) return BLOSC2_OK;
    int status = get_worker(write, thread, &job.worker);
    if (status < 0) return status;
    cat_scratch *chunk = &job.worker->block;
    int32_t value_bytes = cat_is_zeros(item, item_bytes) ? 0 : item_bytes;
    status = cat_scratch_reserve(chunk, BLOSC2_CHUNK_OVERHEAD + (int64_t)value_bytes);
    if (status == BLOSC2_OK)
        status =
            blosc2_special_chunk(value_bytes ? BLOSC2_SPECIAL_VALUE : BLOSC2_SPECIAL_ZEROS, item_bytes,
                                 layout->chunk_bytes, layout->block_bytes, item, value_bytes, chunk->bytes);
    if (status < 0) return status;
    return put_chunk(write, job.part.number, chunk->bytes, BLOSC2_CHUNK_OVERHEAD + value_bytes);
}

/** A chunk on each thread. */
static int write_chunk(void *context, int thread, int64_t n)
{
    write_job *write = context;
    bool done;
    int status = store_repeated(write, n, thread, &done);
    if (status < 0 || done) return status;
    status = build_slice(write, n, 0, thread);
    return status < 0 ? status : store_chunk(write, n, write->crew.workers[thread]);
}

typedef struct shared_chunk {
    write_job *write;
    int64_t n;
} shared_chunk;

/* Slices have workers of their own, whichever thread builds them: their builders are wanted afterwards. */
static int build_shared(void *context, int thread, int64_t slice)
{
    (void)thread;
    const shared_chunk *shared = context;
    return build_slice(shared->write, shared->n, slice, slice);
}

/** One chunk by all threads. */
static int write_together(write_job *write, int64_t n)
{
    int32_t count = write->array->layout.block_count;
    shared_chunk shared = {write, n};
    bool done;
    int status = store_repeated(write, n, 0, &done);
    if (status < 0 || done) return status;
    status = blosc2_parallel_for((int)write->slices, write->slices, build_shared, &shared);
    if (status < 0) return status;
    cat_worker *const *workers = write->crew.workers;
    for (int64_t slice = 1; slice < write->slices && status == BLOSC2_OK; slice++) {
        status = blosc2_builder_take(workers[0]->builder, workers[slice]->builder,
                                     (int32_t)(count * slice / write->slices),
                                     (int32_t)(count * (slice + 1) / write->slices), workers[0]->workspace);
    }
    return status < 0 ? status : store_chunk(write, n, workers[0]);
}

int cat_array_write(caterva_array *array, const caterva_selection *selection, const void *in,
                    const int64_t *strides, int threads)
{
    const cat_layout *layout = &array->layout;
    if (cat_selection_items(layout->ndim, selection) == 0) return BLOSC2_OK;
    int status = cat_array_check_chunks(array);
    if (status < 0) return status;
    write_job job = {.array = array, .in = in, .crew = {.pool = &array->workers}};
    for (int d = 0; d < layout->ndim; d++) job.strides[d] = strides[d];
    job.in += cat_selection_runs(layout->ndim, selection, job.runs, job.strides);
    job.is_lossy = blosc2_cparams_is_lossy(blosc2_schunk_cparams(array->schunk));
    job.in_fits_blocks = cat_box_is_contiguous(layout->ndim, layout->block, layout->item_bytes, job.strides);
    cat_overlap_init(&job.chunks, layout->ndim, job.runs, layout->chunk, layout->chunk_grid, job.strides);
    bool is_shared = job.chunks.count < threads;
    job.slices = is_shared ? cat_min_i64(threads, layout->block_count) : 1;
    status = is_shared ? BLOSC2_OK : blosc2_parallel_for(threads, job.chunks.count, write_chunk, &job);
    for (int64_t n = 0; is_shared && n < job.chunks.count && status == BLOSC2_OK; n++)
        status = write_together(&job, n);
    cat_crew_dismiss(&job.crew);
    return status;
}

/** What a call writes, and how it is made again where the array has another shape by now. */
typedef struct box_plan {
    const caterva_geometry *made_for; /* NULL: for nothing */
    caterva_box box;
    caterva_box_fn *make; /* NULL: the box holds, or is refused */
    void *context;
} box_plan;

/** In a change: have a box for the array as it is. */
static int settle_box(const caterva_array *array, box_plan *plan)
{
    bool holds = plan->made_for && cat_array_has_shape_of(array, plan->made_for);
    int status = plan->make && !holds ? plan->make(plan->context, &array->geometry, &plan->box) : BLOSC2_OK;
    return status < 0 ? status
                      : cat_selection_check(array->layout.ndim, array->layout.shape, &plan->box.selection);
}

static int write_in_change(caterva_array *array, box_plan *plan)
{
    cat_change change;
    int status = cat_change_enter(array, &change);
    if (status < 0) return status;
    status = settle_box(array, plan);
    if (status < 0 && change == CAT_CHANGE_CALLERS) return status; /* nothing was done */
    if (status == BLOSC2_OK)
        status = cat_array_write(array, &plan->box.selection, plan->box.values, plan->box.strides,
                                 cat_array_threads(array));
    return cat_change_leave(array, change, status);
}

int caterva_array_write(caterva_array *array, const caterva_selection *selection, const void *in,
                        const int64_t *strides)
{
    box_plan plan = {.box = {*selection, in, strides}};
    cat_array_own(array);
    int ndim = array->layout.ndim;
    int status = cat_selection_check(ndim, array->layout.shape, selection);
    if (status == BLOSC2_OK && cat_selection_items(ndim, selection) > 0)
        status = write_in_change(array, &plan);
    blosc2_lock_release(array->lock);
    return status;
}

/** True if the box is known to hold no items: nobody else can give the array another shape. */
static bool is_surely_empty(const caterva_array *array, const box_plan *plan)
{
    if (cat_array_may_be_stale(array)) return false;
    return plan->made_for && cat_array_has_shape_of(array, plan->made_for) &&
           cat_selection_items(array->layout.ndim, &plan->box.selection) == 0;
}

int caterva_array_plan_write(caterva_array *array, const caterva_geometry *made_for, const caterva_box *box,
                             caterva_box_fn *make, void *context)
{
    box_plan plan = {.made_for = made_for, .make = make, .context = context};
    if (made_for) plan.box = *box;
    cat_array_own(array);
    int status = is_surely_empty(array, &plan) ? BLOSC2_OK : write_in_change(array, &plan);
    blosc2_lock_release(array->lock);
    return status;
}
