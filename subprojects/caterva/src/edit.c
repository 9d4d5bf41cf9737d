/** Edits along one axis: steps that a caller has planned, made as one change. */
#include <inttypes.h>
#include <string.h>

#include "checked.h"
#include "internal.h"

typedef struct edit_job {
    caterva_array *array;
    int axis;
    const uint8_t *values;
    const int64_t *strides;
    cat_scratch piece; /* items on their way */
} edit_job;

static int bad_step(const edit_job *job, const caterva_step *step)
{
    return blosc2_fail(BLOSC2_E_ARGUMENT,
                       "edit: step %d of %" PRId64 " items at %" PRId64 " from %" PRId64
                       " (axis %d has %" PRId64 ")",
                       (int)step->kind, step->count, step->start, step->source, job->axis,
                       job->array->layout.shape[job->axis]);
}

/** True if [start, start + count) lies in [0, extent]. */
static bool is_inside(int64_t start, int64_t count, int64_t extent)
{
    return start >= 0 && count >= 0 && start <= extent && count <= extent - start;
}

static int check_step(const edit_job *job, const caterva_step *step)
{
    const cat_layout *layout = &job->array->layout;
    int64_t extent = layout->shape[job->axis], chunk = layout->chunk[job->axis];
    bool whole = chunk > 0 && step->start % chunk == 0 && step->count % chunk == 0;
    bool good = false;
    switch (step->kind) {
    case CATERVA_STEP_RESIZE:
        good = step->count >= 0;
        break;
    case CATERVA_STEP_INSERT:
        good = whole && is_inside(step->start, 0, extent) && step->count >= 0 &&
               step->count <= INT64_MAX - extent;
        break;
    case CATERVA_STEP_REMOVE:
        good = whole && is_inside(step->start, step->count, extent);
        break;
    case CATERVA_STEP_MOVE:
        good = is_inside(step->start, step->count, extent) && is_inside(step->source, step->count, extent);
        break;
    case CATERVA_STEP_WRITE:
        good = job->values && step->source >= 0 && is_inside(step->start, step->count, extent);
        break;
    }
    return good ? BLOSC2_OK : bad_step(job, step);
}

static int resize_axis(const edit_job *job, int64_t length)
{
    int64_t shape[CATERVA_MAX_NDIM];
    memcpy(shape, job->array->layout.shape, sizeof shape);
    shape[job->axis] = length;
    return cat_array_resize(job->array, shape, CAT_EXPOSED_LEAVE);
}

static int shift(const edit_job *job, const caterva_step *step)
{
    int64_t chunk = job->array->layout.chunk[job->axis];
    int64_t count = step->count / chunk;
    bool inserts = step->kind == CATERVA_STEP_INSERT;
    cat_layers layers = {job->axis, step->start / chunk, inserts ? count : 0, inserts ? 0 : count};
    return cat_array_shift(job->array, &layers);
}

/* ------------------------------------------------------------------ moving */

/** Copy `count` positions of the axis, of the chunks at `tile` on the other axes. */
static int move_piece(edit_job *job, const int64_t *tile, int64_t source, int64_t start, int64_t count)
{
    caterva_array *array = job->array;
    const cat_layout *layout = &array->layout;
    caterva_selection box = {0};
    int64_t strides[CATERVA_MAX_NDIM], bytes = layout->item_bytes;
    for (int d = 0; d < layout->ndim; d++) {
        box.step[d] = 1;
        box.start[d] = d == job->axis ? source : tile[d] * layout->chunk[d];
        box.count[d] =
            d == job->axis ? count : cat_min_i64(layout->chunk[d], layout->shape[d] - box.start[d]);
        bytes *= box.count[d]; /* a chunk's at most */
    }
    cat_strides_c(layout->ndim, box.count, layout->item_bytes, strides);
    int threads = cat_array_threads(array);
    int status = blosc2_check_interrupt();
    if (status == BLOSC2_OK) status = cat_scratch_reserve(&job->piece, bytes);
    if (status == BLOSC2_OK)
        status = cat_array_read(array, BLOSC2_USE_CONTENT, &box, job->piece.bytes, strides, threads);
    box.start[job->axis] = start;
    if (status == BLOSC2_OK) status = cat_array_write(array, &box, job->piece.bytes, strides, threads);
    return status;
}

/**
 * Pieces end where chunks of the target do, so that each is written once, and they follow each other in the
 * direction in which none overwrites what another has yet to take.
 */
static int move_tile(edit_job *job, const int64_t *tile, const caterva_step *step)
{
    int64_t chunk = job->array->layout.chunk[job->axis], done = 0;
    int64_t stop = step->start + step->count;
    int status = BLOSC2_OK;
    while (done < step->count && status == BLOSC2_OK) {
        int64_t from, count;
        if (step->start < step->source) {
            from = step->start + done;
            count = cat_min_i64(chunk - from % chunk, step->count - done);
        } else {
            int64_t last = stop - done - 1;
            count = cat_min_i64(last % chunk + 1, step->count - done);
            from = last + 1 - count;
        }
        status = move_piece(job, tile, step->source + (from - step->start), from, count);
        done += count;
    }
    return status;
}

static int move(edit_job *job, const caterva_step *step)
{
    const cat_layout *layout = &job->array->layout;
    int64_t grid[CATERVA_MAX_NDIM], tile[CATERVA_MAX_NDIM], tiles = 1;
    for (int d = 0; d < layout->ndim; d++) {
        grid[d] = d == job->axis ? 1 : layout->chunk_grid[d];
        tiles *= grid[d];
    }
    if (step->start == step->source || layout->chunk_count == 0) return BLOSC2_OK;
    int status = BLOSC2_OK;
    for (int64_t i = 0; i < tiles && status == BLOSC2_OK; i++) {
        cat_unravel(layout->ndim, grid, i, tile);
        status = move_tile(job, tile, step);
    }
    return status;
}

/* ------------------------------------------------------------------ all steps */

static int write_values(const edit_job *job, const caterva_step *step)
{
    const cat_layout *layout = &job->array->layout;
    caterva_selection box = {0};
    for (int d = 0; d < layout->ndim; d++) {
        box.start[d] = d == job->axis ? step->start : 0;
        box.count[d] = d == job->axis ? step->count : layout->shape[d];
        box.step[d] = 1;
    }
    if (cat_selection_items(layout->ndim, &box) == 0) return BLOSC2_OK;
    const uint8_t *first = job->values + step->source * job->strides[job->axis];
    return cat_array_write(job->array, &box, first, job->strides, cat_array_threads(job->array));
}

static int make_step(edit_job *job, const caterva_step *step)
{
    int status = check_step(job, step);
    if (status < 0) return status;
    switch (step->kind) {
    case CATERVA_STEP_RESIZE:
        return resize_axis(job, step->count);
    case CATERVA_STEP_INSERT:
    case CATERVA_STEP_REMOVE:
        return shift(job, step);
    case CATERVA_STEP_MOVE:
        return move(job, step);
    case CATERVA_STEP_WRITE:
        return write_values(job, step);
    }
    return bad_step(job, step);
}

static int make_steps(caterva_array *array, const caterva_edit *edit)
{
    edit_job job = {.array = array, .axis = edit->axis, .values = edit->values, .strides = edit->strides};
    int status = BLOSC2_OK;
    for (int64_t i = 0; i < edit->step_count && status == BLOSC2_OK; i++)
        status = make_step(&job, &edit->steps[i]);
    cat_scratch_free(&job.piece);
    return status;
}

static int plan_and_make(caterva_array *array, caterva_plan_fn *plan, void *context)
{
    caterva_edit edit = {0};
    cat_change change;
    int status = cat_change_enter(array, &change);
    if (status < 0) return status;
    status = plan(context, &array->geometry, &edit);
    if (status == BLOSC2_OK && (edit.axis < 0 || edit.axis >= array->layout.ndim))
        status =
            blosc2_fail(BLOSC2_E_ARGUMENT, "axis: %d (expected 0..%d)", edit.axis, array->layout.ndim - 1);
    if (status < 0 && change == CAT_CHANGE_CALLERS) return status; /* nothing was done */
    if (status == BLOSC2_OK) status = make_steps(array, &edit);
    return cat_change_leave(array, change, status);
}

int caterva_array_plan_edit(caterva_array *array, caterva_plan_fn *plan, void *context)
{
    cat_array_own(array);
    int status = plan_and_make(array, plan, context);
    blosc2_lock_release(array->lock);
    return status;
}

/** A plan that was made for a shape. */
typedef struct made_plan {
    const int64_t *shape;
    caterva_edit edit;
} made_plan;

static int give_plan(void *context, const caterva_geometry *geometry, caterva_edit *out)
{
    const made_plan *made = context;
    if (memcmp(made->shape, geometry->shape, (size_t)geometry->ndim * sizeof *geometry->shape) != 0)
        return blosc2_fail(BLOSC2_E_ARGUMENT, "edit: the array was resized meanwhile");
    *out = made->edit;
    return BLOSC2_OK;
}

int caterva_array_edit(caterva_array *array, const int64_t *shape, int axis, const caterva_step *steps,
                       int64_t step_count, const void *values, const int64_t *strides)
{
    made_plan made = {shape, {axis, steps, step_count, values, strides}};
    return caterva_array_plan_edit(array, give_plan, &made);
}
