/**
 * What a stepped selection takes of a grid of equal tiles: of the chunks of an array, and of the blocks of a
 * chunk. Pure. Only touched tiles are visited, each found in constant time by its number, so that threads can
 * share them.
 */
#ifndef CAT_OVERLAP_H
#define CAT_OVERLAP_H

#include <stdbool.h>
#include <stdint.h>

#include "caterva.h"

/** Positions start, start + step, ... on one axis. */
typedef struct cat_run {
    int64_t start; /* >= 0 */
    int64_t count;
    int64_t step; /* >= 1 */
} cat_run;

/** @return BLOSC2_OK, or BLOSC2_E_ARGUMENT with axis, value and limit. */
int cat_selection_check(int ndim, const int64_t *shape, const caterva_selection *selection);

/** Items in a selection; INT64_MAX at most. */
int64_t cat_selection_items(int ndim, const caterva_selection *selection);

/**
 * Turn a checked selection of at least one item into runs with steps >= 1. An axis with a negative step is
 * walked from its other end, in memory too.
 *
 * @param strides  In: bytes per item of the selection in memory; out: per item of the runs.
 * @return Bytes from the selection's first item in memory to the first one of the runs.
 */
int64_t cat_selection_runs(int ndim, const caterva_selection *selection, cat_run *runs, int64_t *strides);

/** Tiles of extent `tile` that a run of at least one item touches. */
int64_t cat_run_tiles(const cat_run *run, int64_t tile);

/** A selection laid over a grid. All pointers are borrowed. */
typedef struct cat_overlap {
    int ndim;
    const cat_run *runs;               /* each of at least one item */
    const int64_t *tile;               /* extents of a tile, items */
    const int64_t *grid;               /* tiles along each axis */
    const int64_t *strides;            /* of the memory beside it, bytes per item of the runs */
    int64_t touched[CATERVA_MAX_NDIM]; /* tiles touched along each axis */
    int64_t count;                     /* tiles touched */
} cat_overlap;

/** What the selection takes of one tile. */
typedef struct cat_part {
    int64_t number; /* of the tile: C order over the grid */
    int64_t offset; /* bytes in memory from the first item of the runs to the first of the part */
    int64_t index[CATERVA_MAX_NDIM]; /* of the tile on each axis */
    cat_run runs[CATERVA_MAX_NDIM];  /* inside of the tile */
} cat_part;

void cat_overlap_init(cat_overlap *overlap, int ndim, const cat_run *runs, const int64_t *tile,
                      const int64_t *grid, const int64_t *strides);

/** Touched tile `n`, 0 <= n < overlap->count; numbers ascend with n. */
void cat_overlap_part(const cat_overlap *overlap, int64_t n, cat_part *out);

/** True if the part is all of its tile. */
bool cat_part_is_tile(const cat_part *part, int ndim, const int64_t *tile);

/**
 * The part as a box in a tile's memory.
 *
 * @param tile_strides  Bytes from item to item in the tile.
 * @param counts        Receives items on each axis.
 * @param strides       Receives bytes from item to item of the part.
 * @return Bytes from the tile's first item to the part's.
 */
int64_t cat_part_box(const cat_part *part, int ndim, const int64_t *tile_strides, int64_t *counts,
                     int64_t *strides);

#endif
