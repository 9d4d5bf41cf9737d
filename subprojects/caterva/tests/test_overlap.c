/** Overlap: against a walk over each item, for all small selections of one axis and random ones of three. */
#include "overlap.h"

#include <string.h>

#include "check.h"
#include "random.h"
#include "shape.h"

enum { MAX_ITEMS = 4096 };

/** Ask for each part, and mark each item of memory with the tile and the place inside that the parts give it.
 */
static bool mark_parts(const cat_overlap *overlap, const int64_t *tile, int64_t base, int64_t *tile_of,
                       int64_t *place_of)
{
    int ndim = overlap->ndim;
    int64_t before = -1, tile_strides[CATERVA_MAX_NDIM];
    cat_strides_c(ndim, tile, 1, tile_strides);
    for (int64_t n = 0; n < overlap->count; n++) {
        cat_part part;
        cat_overlap_part(overlap, n, &part);
        if (part.number <= before) return false; /* numbers ascend */
        before = part.number;
        int64_t items = 1, counts[CATERVA_MAX_NDIM], index[CATERVA_MAX_NDIM];
        for (int d = 0; d < ndim; d++) {
            counts[d] = part.runs[d].count;
            items *= counts[d];
        }
        if (items == 0) return false; /* only touched tiles */
        for (int64_t i = 0; i < items; i++) {
            int64_t at = base + part.offset, place = 0;
            cat_unravel(ndim, counts, i, index);
            for (int d = 0; d < ndim; d++) {
                int64_t position = part.runs[d].start + index[d] * part.runs[d].step;
                if (position < 0 || position >= tile[d]) return false;
                at += index[d] * overlap->strides[d];
                place += position * tile_strides[d];
            }
            if (at < 0 || at >= MAX_ITEMS || tile_of[at] != -1) return false; /* each item once */
            tile_of[at] = part.number;
            place_of[at] = place;
        }
    }
    return true;
}

/** Compare with the tile and place of each item by definition. Memory is in C order, one byte per item. */
static bool overlap_is_right(int ndim, const int64_t *shape, const int64_t *tile,
                             const caterva_selection *selection)
{
    static int64_t tile_of[MAX_ITEMS], place_of[MAX_ITEMS];
    memset(tile_of, -1, sizeof tile_of);
    int64_t grid[CATERVA_MAX_NDIM], strides[CATERVA_MAX_NDIM], tile_strides[CATERVA_MAX_NDIM];
    for (int d = 0; d < ndim; d++) grid[d] = (shape[d] + tile[d] - 1) / tile[d];
    cat_strides_c(ndim, selection->count, 1, strides);
    cat_strides_c(ndim, tile, 1, tile_strides);
    cat_run runs[CATERVA_MAX_NDIM];
    int64_t base = cat_selection_runs(ndim, selection, runs, strides);
    cat_overlap overlap;
    cat_overlap_init(&overlap, ndim, runs, tile, grid, strides);
    if (!mark_parts(&overlap, tile, base, tile_of, place_of)) return false;
    int64_t items = cat_selection_items(ndim, selection);
    for (int64_t i = 0; i < items; i++) {
        int64_t index[CATERVA_MAX_NDIM], number = 0, place = 0;
        cat_unravel(ndim, selection->count, i, index);
        for (int d = 0; d < ndim; d++) {
            int64_t position = selection->start[d] + index[d] * selection->step[d];
            number = number * grid[d] + position / tile[d];
            place += position % tile[d] * tile_strides[d];
        }
        if (tile_of[i] != number || place_of[i] != place) return false;
    }
    return true;
}

static void all_small_selections_of_one_axis(void)
{
    for (int64_t shape = 1; shape <= 9; shape++) {
        for (int64_t tile = 1; tile <= shape + 1; tile++) {
            for (int64_t start = 0; start < shape; start++) {
                for (int64_t step = -shape; step <= shape; step++) {
                    if (step == 0) continue;
                    int64_t most = step > 0 ? (shape - 1 - start) / step + 1 : start / -step + 1;
                    for (int64_t count = 1; count <= most; count++) {
                        caterva_selection selection = {.start = {start}, .count = {count}, .step = {step}};
                        CHECK_OK(cat_selection_check(1, &shape, &selection));
                        CHECK(overlap_is_right(1, &shape, &tile, &selection));
                    }
                    caterva_selection more = {.start = {start}, .count = {most + 1}, .step = {step}};
                    CHECK(cat_selection_check(1, &shape, &more) == BLOSC2_E_ARGUMENT);
                }
            }
        }
    }
}

static void random_selections_of_two_and_three_axes(void)
{
    for (int round = 0; round < 20000; round++) {
        int ndim = (int)random_in(2, 3);
        int64_t shape[3], tile[3];
        caterva_selection selection = {0};
        for (int d = 0; d < ndim; d++) {
            shape[d] = random_in(1, 13);
            tile[d] = random_in(1, 7);
            selection.start[d] = random_in(0, shape[d] - 1);
            selection.step[d] = random_in(1, 5) * (random_in(0, 1) ? 1 : -1);
            int64_t room = selection.step[d] > 0 ? shape[d] - 1 - selection.start[d] : selection.start[d];
            int64_t step = selection.step[d] > 0 ? selection.step[d] : -selection.step[d];
            selection.count[d] = random_in(1, room / step + 1);
        }
        CHECK_OK(cat_selection_check(ndim, shape, &selection));
        CHECK(overlap_is_right(ndim, shape, tile, &selection));
    }
}

static bool refused(int64_t shape, int64_t start, int64_t count, int64_t step)
{
    caterva_selection selection = {.start = {start}, .count = {count}, .step = {step}};
    return cat_selection_check(1, &shape, &selection) == BLOSC2_E_ARGUMENT;
}

static void wrong_selections_are_refused(void)
{
    CHECK(refused(10, 0, 1, 0));
    CHECK(refused(10, -1, 1, 1));
    CHECK(refused(10, 10, 1, 1));
    CHECK(refused(10, 0, -1, 1));
    CHECK(refused(10, 0, 11, 1));
    CHECK(refused(10, 9, 11, -1));
    CHECK(refused(10, 0, INT64_MAX, 1));
    CHECK(refused(10, 5, 2, INT64_MIN));
    CHECK(refused(10, 5, 2, INT64_MAX));
    CHECK(refused(0, 0, 1, 1));
    CHECK(!refused(0, 0, 0, 1));
    CHECK(!refused(10, 99, 0, 1)); /* of nothing, from anywhere */
    CHECK(!refused(10, 5, 1, INT64_MIN));
    CHECK(!refused(10, 5, 1, INT64_MAX));
    caterva_selection of_two_axes = {.step = {1, 1}}; /* of another array */
    CHECK(cat_selection_check(1, (const int64_t[]){10}, &of_two_axes) == BLOSC2_E_ARGUMENT);
    CHECK(!refused(INT64_MAX, 0, INT64_MAX, 1));
}

static void a_step_that_is_not_taken_is_harmless(void)
{
    int64_t shape = 10, tile = 3;
    caterva_selection selection = {.start = {7}, .count = {1}, .step = {INT64_MIN}};
    CHECK(overlap_is_right(1, &shape, &tile, &selection));
}

static void huge_extents_do_not_overflow(void)
{
    int64_t tile = 1000, grid = INT64_MAX / 1000 + 1, stride = 1;
    caterva_selection selection = {.start = {INT64_MAX - 1}, .count = {INT64_MAX}, .step = {-1}};
    cat_run run;
    int64_t strides[1] = {0};
    cat_selection_runs(1, &selection, &run, strides);
    cat_overlap overlap;
    cat_overlap_init(&overlap, 1, &run, &tile, &grid, &stride);
    CHECK(overlap.count == grid);
    cat_part part;
    cat_overlap_part(&overlap, grid - 1, &part);
    CHECK(part.number == grid - 1 && part.runs[0].count == INT64_MAX % 1000);
}

int main(void)
{
    all_small_selections_of_one_axis();
    random_selections_of_two_and_three_axes();
    wrong_selections_are_refused();
    a_step_that_is_not_taken_is_harmless();
    huge_extents_do_not_overflow();
    return check_result();
}
