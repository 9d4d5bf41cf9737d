/**
 * Another shape for an array. Chunks are numbered in C order of the chunk grid, so that growing an inner axis
 * numbers them anew: their places in the index change, their bytes stay (docs/format/ndim-metalayers.md 3).
 */
#include <stdlib.h>
#include <string.h>

#include "checked.h"
#include "chunk.h"
#include "internal.h"
#include "metadata.h"

typedef struct resize_job {
    caterva_array *array;
    caterva_geometry geometry; /* the new one */
    cat_layout old, new;
    cat_layers layers; /* inserted or removed */
} resize_job;

/** Number that chunk `number` of the new grid has in the old one; -1 if it is new. */
static int64_t old_number(const void *context, int64_t number)
{
    const resize_job *job = context;
    const cat_layers *layers = &job->layers;
    int64_t index[CATERVA_MAX_NDIM], found = 0;
    cat_unravel(job->new.ndim, job->new.chunk_grid, number, index);
    for (int d = 0; d < job->new.ndim; d++) {
        int64_t at = index[d];
        if (d == layers->axis && at >= layers->start) {
            if (at < layers->start + layers->inserted) return -1;
            at += layers->removed - layers->inserted;
        }
        if (at >= job->old.chunk_grid[d]) return -1;
        found = found * job->old.chunk_grid[d] + at;
    }
    return found;
}

/** Chunks and geometry change together: the array is readable whatever fails. */
static int change_grid(const resize_job *job)
{
    caterva_array *array = job->array;
    int64_t count = job->new.chunk_count;
    int status = cat_array_set_shape_layers(array, job->geometry.shape);
    if (status == BLOSC2_OK && job->old.chunk_count > 0)
        status = blosc2_schunk_rearrange(array->schunk, count, old_number, job);
    else if (status == BLOSC2_OK && count > 0)
        status = blosc2_schunk_reset(array->schunk, job->new.chunk_bytes, job->new.block_bytes, count);
    if (status == BLOSC2_OK) cat_array_set_geometry(array, &job->geometry);
    return status;
}

static int prepare(resize_job *job, caterva_array *array, const int64_t *shape)
{
    job->array = array;
    job->old = array->layout;
    job->geometry = array->geometry;
    for (int d = 0; d < job->geometry.ndim; d++) job->geometry.shape[d] = shape[d];
    return cat_layout_init(&job->geometry, BLOSC2_E_ARGUMENT, &job->new);
}

/* ------------------------------------------------------------------ new items */

/** @param item  Set to a heap block of one item, released by free(). */
static int load_fill(const caterva_array *array, uint8_t **item)
{
    int32_t item_bytes = array->layout.item_bytes, size;
    uint8_t *content, *copy = calloc(1, (size_t)item_bytes);
    if (!copy) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate an item of %d bytes", (int)item_bytes);
    int status = BLOSC2_OK;
    int index = blosc2_schunk_find_layer(array->schunk, BLOSC2_LAYER_VARIABLE, CAT_FILL_LAYER);
    if (index >= 0)
        status = blosc2_schunk_layer_content(array->schunk, BLOSC2_LAYER_VARIABLE, index, &content, &size);
    if (index >= 0 && status == BLOSC2_OK) {
        const uint8_t *value = cat_fill_parse(content, size, item_bytes);
        if (value)
            memcpy(copy, value, (size_t)item_bytes);
        else
            status = blosc2_fail(BLOSC2_E_CORRUPT, "metalayer \"%s\": not an item of %d bytes",
                                 CAT_FILL_LAYER, (int)item_bytes);
        blosc2_bytes_free(content);
    }
    if (status < 0)
        free(copy);
    else
        *item = copy;
    return status;
}

/** Chunks that are new are zeros by now; make them repeat the item. */
static int fill_new_chunks(const resize_job *job, const uint8_t *item)
{
    const cat_layout *layout = &job->new;
    int32_t item_bytes = layout->item_bytes;
    if (cat_is_zeros(item, item_bytes)) return BLOSC2_OK;
    uint8_t *chunk = malloc((size_t)item_bytes + BLOSC2_CHUNK_OVERHEAD);
    if (!chunk) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a chunk of one value");
    int status = BLOSC2_OK;
    if (layout->chunk_count > 0)
        status = blosc2_special_chunk(BLOSC2_SPECIAL_VALUE, item_bytes, layout->chunk_bytes,
                                      layout->block_bytes, item, item_bytes, chunk);
    for (int64_t i = 0; i < layout->chunk_count && status == BLOSC2_OK; i++) {
        if (old_number(job, i) >= 0) continue;
        status = blosc2_check_interrupt();
        if (status == BLOSC2_OK)
            status =
                blosc2_schunk_set_chunk(job->array->schunk, i, chunk, BLOSC2_CHUNK_OVERHEAD + item_bytes);
    }
    free(chunk);
    return status;
}

/** True if the chunk repeats the item already. */
static int repeats(caterva_array *array, int64_t number, const uint8_t *item, bool *yes)
{
    static const int32_t no_blocks[1];
    cat_crew crew = {.pool = &array->workers};
    cat_worker *worker;
    cat_chunk chunk;
    int status = cat_crew_get(&crew, 0, &worker);
    if (status == BLOSC2_OK) status = cat_scratch_reserve(&worker->block, array->layout.block_bytes);
    if (status == BLOSC2_OK)
        status = cat_chunk_open(array, number, BLOSC2_USE_CONTENT, no_blocks, 0, worker, &chunk);
    if (status == BLOSC2_OK) {
        const uint8_t *found = cat_chunk_repeated_item(&chunk, array->layout.item_bytes, worker);
        *yes = found && memcmp(found, item, (size_t)array->layout.item_bytes) == 0;
    }
    cat_crew_dismiss(&crew);
    return status;
}

/** Set a box to the item, but where chunks hold nothing else. */
static int fill_box(caterva_array *array, const cat_run *runs, const uint8_t *item)
{
    static const int64_t no_strides[CATERVA_MAX_NDIM];
    const cat_layout *layout = &array->layout;
    cat_overlap chunks;
    cat_part part;
    cat_overlap_init(&chunks, layout->ndim, runs, layout->chunk, layout->chunk_grid, no_strides);
    for (int64_t n = 0; n < chunks.count; n++) {
        cat_overlap_part(&chunks, n, &part);
        bool is_filled = false;
        int status = blosc2_check_interrupt();
        if (status == BLOSC2_OK) status = repeats(array, part.number, item, &is_filled);
        if (status == BLOSC2_OK && !is_filled) {
            caterva_selection selection = {0};
            for (int d = 0; d < layout->ndim; d++) {
                selection.start[d] = part.index[d] * layout->chunk[d] + part.runs[d].start;
                selection.count[d] = part.runs[d].count;
                selection.step[d] = 1;
            }
            status = cat_array_write(array, &selection, item, no_strides, cat_array_threads(array));
        }
        if (status < 0) return status;
    }
    return BLOSC2_OK;
}

/**
 * Items that are new by the growth of axis `axis` and lie in chunks that were there: writers may have left
 * anything there. Axes before it stay within the old shape, so that no item is filled twice.
 */
static int fill_exposed(const resize_job *job, int axis, const uint8_t *item)
{
    const cat_layout *old = &job->old, *new = &job->new;
    cat_run runs[CATERVA_MAX_NDIM];
    if (old->chunk_count == 0) return BLOSC2_OK;
    for (int d = 0; d < new->ndim; d++) {
        int64_t end = d < axis ? old->shape[d] : old->chunk_grid[d] * old->chunk[d];
        int64_t start = d == axis ? old->shape[d] : 0;
        runs[d] = (cat_run){start, cat_min_i64(end, new->shape[d]) - start, 1};
        if (runs[d].count <= 0) return BLOSC2_OK;
    }
    return fill_box(job->array, runs, item);
}

static int fill_new_items(const resize_job *job)
{
    uint8_t *item = NULL;
    int status = load_fill(job->array, &item);
    if (status == BLOSC2_OK) status = fill_new_chunks(job, item);
    for (int d = 0; status == BLOSC2_OK && d < job->new.ndim; d++) status = fill_exposed(job, d, item);
    free(item);
    return status;
}

/* ------------------------------------------------------------------ calls */

int cat_array_resize(caterva_array *array, const int64_t *shape, cat_exposed exposed)
{
    resize_job job = {.layers = {.axis = -1}};
    int status = prepare(&job, array, shape);
    if (status == BLOSC2_OK) status = change_grid(&job);
    if (status == BLOSC2_OK && exposed == CAT_EXPOSED_FILL) status = fill_new_items(&job);
    return status;
}

int cat_array_shift(caterva_array *array, const cat_layers *layers)
{
    resize_job job = {.layers = *layers};
    int64_t shape[CATERVA_MAX_NDIM];
    memcpy(shape, array->layout.shape, sizeof shape);
    shape[layers->axis] += (layers->inserted - layers->removed) * array->layout.chunk[layers->axis];
    int status = prepare(&job, array, shape);
    return status < 0 ? status : change_grid(&job);
}

static bool has_shape(const caterva_array *array, const int64_t *shape)
{
    return memcmp(shape, array->layout.shape, (size_t)array->layout.ndim * sizeof *shape) == 0;
}

static int resize(caterva_array *array, const int64_t *shape)
{
    if (has_shape(array, shape) && blosc2_schunk_read_only(array->schunk)) return BLOSC2_OK;
    resize_job checked = {0};
    cat_change change;
    int status = prepare(&checked, array, shape);
    if (status == BLOSC2_OK) status = cat_change_enter(array, &change);
    if (status < 0) return status;
    /* Only now: another process may have resized it. */
    if (!has_shape(array, shape)) status = cat_array_resize(array, shape, CAT_EXPOSED_FILL);
    return cat_change_leave(array, change, status);
}

int caterva_array_resize(caterva_array *array, const int64_t *shape)
{
    cat_array_own(array);
    int status = resize(array, shape);
    blosc2_lock_release(array->lock);
    return status;
}
