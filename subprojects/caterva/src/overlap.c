#include "overlap.h"

#include <inttypes.h>

#include "checked.h"

int cat_selection_check(int ndim, const int64_t *shape, const caterva_selection *selection)
{
    for (int d = 0; d < ndim; d++) {
        int64_t start = selection->start[d], count = selection->count[d], step = selection->step[d];
        if (step == 0) return blosc2_fail(BLOSC2_E_ARGUMENT, "axis %d: step 0 (expected another)", d);
        if (count < 0) {
            return blosc2_fail(BLOSC2_E_ARGUMENT, "axis %d: count %" PRId64 " (expected >= 0)", d, count);
        }
        if (count == 0) continue;
        if (start < 0 || start >= shape[d]) {
            return blosc2_fail(BLOSC2_E_ARGUMENT,
                               "axis %d: start %" PRId64 " (expected 0 <= start < %" PRId64 ")", d, start,
                               shape[d]);
        }
        if (count == 1) continue;
        /* Dividing by the negative step itself, as -step may not exist. */
        int64_t limit = step > 0 ? (shape[d] - 1 - start) / step : -(start / step);
        if (count - 1 > limit) {
            return blosc2_fail(BLOSC2_E_ARGUMENT,
                               "axis %d: count %" PRId64 " from %" PRId64 " by %" PRId64
                               " (expected at most %" PRId64 " in an extent of %" PRId64 ")",
                               d, count, start, step, limit + 1, shape[d]);
        }
    }
    if (ndim < CATERVA_MAX_NDIM && selection->step[ndim]) {
        return blosc2_fail(BLOSC2_E_ARGUMENT, "axis %d: selected (expected %d axes)", ndim, ndim);
    }
    return BLOSC2_OK;
}

int64_t cat_selection_items(int ndim, const caterva_selection *selection)
{
    int64_t items = 1;
    for (int d = 0; d < ndim; d++) {
        if (selection->count[d] == 0) return 0;
        if (!cat_mul_i64(items, selection->count[d], &items)) items = INT64_MAX;
    }
    return items;
}

int64_t cat_selection_runs(int ndim, const caterva_selection *selection, cat_run *runs, int64_t *strides)
{
    int64_t offset = 0;
    for (int d = 0; d < ndim; d++) {
        runs[d] = (cat_run){selection->start[d], selection->count[d], selection->step[d]};
        if (runs[d].count == 1) {
            runs[d].step = 1; /* its step is never taken, and may be anything */
        } else if (runs[d].step < 0) {
            int64_t last = runs[d].count - 1;
            runs[d].start += last * runs[d].step;
            runs[d].step = -runs[d].step;
            offset += last * strides[d];
            strides[d] = -strides[d];
        }
    }
    return offset;
}

/* Steps of a tile or more meet tiles once each, and skip some; shorter ones meet every tile on their way. */
int64_t cat_run_tiles(const cat_run *run, int64_t tile)
{
    if (run->step >= tile) return run->count;
    return (run->start + (run->count - 1) * run->step) / tile - run->start / tile + 1;
}

/** Cut touched tile `n` out of a run. @return The position in the run of the first item in the tile. */
static int64_t cut(const cat_run *run, int64_t tile, int64_t n, int64_t *index, cat_run *inside)
{
    if (run->step >= tile) {
        int64_t position = run->start + n * run->step;
        *index = position / tile;
        *inside = (cat_run){position % tile, 1, 1};
        return n;
    }
    *index = run->start / tile + n;
    int64_t begin = *index * tile - run->start; /* from the run's start; negative only for n = 0 */
    int64_t first = n == 0 ? 0 : cat_ceil_div(begin, run->step);
    int64_t end = (run->count - 1) * run->step; /* of the run; its tile's end may be beyond all numbers */
    int64_t last = end - begin < tile ? run->count - 1 : (begin + tile - 1) / run->step;
    *inside = (cat_run){first * run->step - begin, last - first + 1, run->step};
    return first;
}

void cat_overlap_init(cat_overlap *overlap, int ndim, const cat_run *runs, const int64_t *tile,
                      const int64_t *grid, const int64_t *strides)
{
    overlap->ndim = ndim;
    overlap->runs = runs;
    overlap->tile = tile;
    overlap->grid = grid;
    overlap->strides = strides;
    overlap->count = 1;
    for (int d = 0; d < ndim; d++) {
        overlap->touched[d] = cat_run_tiles(&runs[d], tile[d]);
        overlap->count *= overlap->touched[d];
    }
}

void cat_overlap_part(const cat_overlap *overlap, int64_t n, cat_part *out)
{
    int64_t weight = 1; /* of an axis in the tile's number */
    out->number = 0;
    out->offset = 0;
    for (int d = overlap->ndim - 1; d >= 0; d--) {
        int64_t nth = n % overlap->touched[d];
        n /= overlap->touched[d];
        int64_t first = cut(&overlap->runs[d], overlap->tile[d], nth, &out->index[d], &out->runs[d]);
        out->number += out->index[d] * weight;
        out->offset += first * overlap->strides[d];
        weight *= overlap->grid[d];
    }
}

bool cat_part_is_tile(const cat_part *part, int ndim, const int64_t *tile)
{
    for (int d = 0; d < ndim; d++) {
        if (part->runs[d].count != tile[d]) return false; /* if equal, its steps are 1 */
    }
    return true;
}

int64_t cat_part_box(const cat_part *part, int ndim, const int64_t *tile_strides, int64_t *counts,
                     int64_t *strides)
{
    int64_t first = 0;
    for (int d = 0; d < ndim; d++) {
        counts[d] = part->runs[d].count;
        strides[d] = part->runs[d].step * tile_strides[d];
        first += part->runs[d].start * tile_strides[d];
    }
    return first;
}
