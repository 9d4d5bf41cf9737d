#include "shape.h"

#include <inttypes.h>

#include "checked.h"

static int check_axis(const caterva_geometry *geometry, int axis, int status)
{
    int64_t shape = geometry->shape[axis];
    int32_t chunk = geometry->chunks[axis];
    int32_t block = geometry->blocks[axis];
    if (shape < 0) return blosc2_fail(status, "axis %d: shape %" PRId64 " (expected >= 0)", axis, shape);
    if (chunk < 0 || (chunk == 0 && shape > 0)) {
        return blosc2_fail(status, "axis %d: chunk %" PRId32 " (expected >= 1)", axis, chunk);
    }
    if (block < 0 || (block == 0 && (shape > 0 || chunk > 0))) {
        return blosc2_fail(status, "axis %d: block %" PRId32 " (expected >= 1)", axis, block);
    }
    return BLOSC2_OK;
}

/** Multiply extents and `unit` > 0. A zero wins over any overflow: such a box holds nothing. */
static bool product(int ndim, const int64_t *extents, int64_t unit, int64_t *out)
{
    bool exact = true, empty = false;
    for (int d = 0; d < ndim; d++) {
        empty = empty || extents[d] == 0;
        exact = exact && cat_mul_i64(unit, extents[d], &unit);
    }
    *out = empty ? 0 : unit;
    return exact || empty;
}

/** NumPy refuses empty shapes whose other extents overflow, so zeros count as ones here. */
static bool shape_fits(const caterva_geometry *geometry)
{
    int64_t bytes = geometry->item_bytes;
    for (int d = 0; d < geometry->ndim; d++) {
        int64_t extent = geometry->shape[d] ? geometry->shape[d] : 1;
        if (!cat_mul_i64(bytes, extent, &bytes)) return false;
    }
    return true;
}

static int derive_axes(const caterva_geometry *geometry, int status, cat_layout *out)
{
    for (int d = 0; d < geometry->ndim; d++) {
        int failed = check_axis(geometry, d, status);
        if (failed < 0) return failed;
        out->shape[d] = geometry->shape[d];
        out->chunk[d] = geometry->chunks[d];
        out->block[d] = geometry->blocks[d];
        out->chunk_grid[d] = out->shape[d] ? cat_ceil_div(out->shape[d], out->chunk[d]) : 0;
        out->block_grid[d] = out->chunk[d] ? cat_ceil_div(out->chunk[d], out->block[d]) : 0;
    }
    return BLOSC2_OK;
}

static int derive_sizes(const caterva_geometry *geometry, int status, cat_layout *out)
{
    int64_t extended[CATERVA_MAX_NDIM], block_bytes, chunk_bytes, block_count, nbytes;
    int ndim = geometry->ndim;
    for (int d = 0; d < ndim; d++) extended[d] = out->block_grid[d] * out->block[d];
    if (!product(ndim, out->block, geometry->item_bytes, &block_bytes) ||
        block_bytes > BLOSC2_MAX_BLOCK_BYTES) {
        return blosc2_fail(status, "blocks: too many bytes in a block (limit %d)", BLOSC2_MAX_BLOCK_BYTES);
    }
    if (!product(ndim, extended, geometry->item_bytes, &chunk_bytes) ||
        chunk_bytes > BLOSC2_MAX_CHUNK_BYTES) {
        return blosc2_fail(status, "chunks: too many bytes in a chunk of whole blocks (limit %d)",
                           BLOSC2_MAX_CHUNK_BYTES);
    }
    if (!shape_fits(geometry)) {
        return blosc2_fail(status, "shape: too many bytes in the array (limit %" PRId64 ")", INT64_MAX);
    }
    if (!product(ndim, out->chunk_grid, 1, &out->chunk_count) ||
        !cat_mul_i64(out->chunk_count, chunk_bytes, &nbytes)) {
        return blosc2_fail(status, "shape: too many bytes in all chunks (limit %" PRId64 ")", INT64_MAX);
    }
    product(ndim, out->block_grid, 1, &block_count); /* fits: each block has bytes, or there are none */
    out->item_bytes = geometry->item_bytes;
    out->block_bytes = (int32_t)block_bytes;
    out->chunk_bytes = (int32_t)chunk_bytes;
    out->block_count = chunk_bytes ? (int32_t)block_count : 0;
    return BLOSC2_OK;
}

int cat_layout_init(const caterva_geometry *geometry, int status, cat_layout *out)
{
    if (geometry->ndim < 0 || geometry->ndim > CATERVA_MAX_NDIM) {
        return blosc2_fail(status, "ndim: %d (expected 0..%d)", geometry->ndim, CATERVA_MAX_NDIM);
    }
    if (geometry->item_bytes < 1) {
        return blosc2_fail(status, "item size: %" PRId32 " (expected >= 1)", geometry->item_bytes);
    }
    *out = (cat_layout){.ndim = geometry->ndim};
    int failed = derive_axes(geometry, status, out);
    if (failed == BLOSC2_OK) failed = derive_sizes(geometry, status, out);
    if (failed < 0) return failed;
    if (out->block_bytes > 0) cat_strides_c(out->ndim, out->block, out->item_bytes, out->block_strides);
    return BLOSC2_OK;
}

int caterva_geometry_check(const caterva_geometry *geometry)
{
    cat_layout layout;
    int status = cat_layout_init(geometry, BLOSC2_E_ARGUMENT, &layout);
    for (int d = 0; status == BLOSC2_OK && d < geometry->ndim; d++) {
        if (geometry->blocks[d] <= geometry->chunks[d]) continue;
        status = blosc2_fail(BLOSC2_E_ARGUMENT,
                             "axis %d: block %" PRId32 " (expected at most the chunk, %" PRId32 ")", d,
                             geometry->blocks[d], geometry->chunks[d]);
    }
    return status;
}

void cat_strides_c(int ndim, const int64_t *extents, int64_t item_bytes, int64_t *strides)
{
    int64_t stride = item_bytes;
    for (int d = ndim - 1; d >= 0; d--) {
        strides[d] = stride;
        stride *= extents[d];
    }
}

void cat_unravel(int ndim, const int64_t *grid, int64_t number, int64_t *index)
{
    for (int d = ndim - 1; d >= 0; d--) {
        index[d] = number % grid[d];
        number /= grid[d];
    }
}
