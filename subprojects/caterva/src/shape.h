/**
 * Geometry of an array and what follows from it: docs/format/ndim-metalayers.md 2. Pure, and checked
 * before any memory is taken.
 */
#ifndef CAT_SHAPE_H
#define CAT_SHAPE_H

#include <stdint.h>

#include "caterva.h"

/**
 * A checked geometry with its derived values. Arrays are per axis, entries from `ndim` on are unset.
 * An *extended* chunk is a chunk rounded up to whole blocks: what is stored.
 */
typedef struct cat_layout {
    int ndim;
    int32_t item_bytes;
    int32_t block_bytes;
    int32_t chunk_bytes; /* of an extended chunk */
    int32_t block_count; /* blocks in a chunk */
    int64_t chunk_count; /* chunks in the array; 0 if it has no items */
    int64_t shape[CATERVA_MAX_NDIM];
    int64_t chunk[CATERVA_MAX_NDIM];         /* extents of a chunk, items */
    int64_t block[CATERVA_MAX_NDIM];         /* extents of a block, items */
    int64_t chunk_grid[CATERVA_MAX_NDIM];    /* chunks along an axis of the array */
    int64_t block_grid[CATERVA_MAX_NDIM];    /* blocks along an axis of a chunk */
    int64_t block_strides[CATERVA_MAX_NDIM]; /* bytes from item to item in a block; 0 if it has none */
} cat_layout;

/**
 * Check a geometry and derive its layout. Blocks larger than chunks pass: files may have them.
 *
 * @param status  What a failure is: BLOSC2_E_ARGUMENT for a user's geometry, BLOSC2_E_CORRUPT for a file's.
 */
int cat_layout_init(const caterva_geometry *geometry, int status, cat_layout *out);

/** Bytes from item to item of a C-ordered box, whose bytes are known to fit in 64 bits. */
void cat_strides_c(int ndim, const int64_t *extents, int64_t item_bytes, int64_t *strides);

/** Position of number `number` on each axis of a grid, C order. */
void cat_unravel(int ndim, const int64_t *grid, int64_t number, int64_t *index);

#endif
