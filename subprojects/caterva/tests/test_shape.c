/** Geometry: derived values against those of the format's document, and every refusal with its message. */
#include "shape.h"

#include <string.h>

#include "check.h"
#include "checked.h"

static caterva_geometry geometry_2d(int64_t s0, int64_t s1, int32_t c0, int32_t c1, int32_t b0, int32_t b1)
{
    return (caterva_geometry){
        .ndim = 2, .item_bytes = 8, .shape = {s0, s1}, .chunks = {c0, c1}, .blocks = {b0, b1}};
}

/** True if the geometry is refused with this in the message. */
static bool refused(caterva_geometry geometry, const char *message)
{
    if (caterva_geometry_check(&geometry) != BLOSC2_E_ARGUMENT) return false;
    if (strstr(blosc2_last_error(), message)) return true;
    fprintf(stderr, "\"%s\" is not in \"%s\"\n", message, blosc2_last_error());
    return false;
}

static void example_of_the_document_is_derived(void)
{
    caterva_geometry geometry = geometry_2d(10, 10, 4, 4, 2, 3);
    cat_layout layout;
    CHECK_OK(caterva_geometry_check(&geometry));
    CHECK_OK(cat_layout_init(&geometry, BLOSC2_E_CORRUPT, &layout));
    CHECK(layout.chunk_grid[0] == 3 && layout.chunk_grid[1] == 3);
    CHECK(layout.block_grid[0] == 2 && layout.block_grid[1] == 2);
    CHECK(layout.chunk_count == 9 && layout.block_count == 4);
    CHECK(layout.chunk_bytes == 192 && layout.block_bytes == 48);
    CHECK(layout.block_strides[0] == 24 && layout.block_strides[1] == 8);
}

static void scalar_is_one_chunk_of_one_item(void)
{
    caterva_geometry geometry = {.ndim = 0, .item_bytes = 3};
    cat_layout layout;
    CHECK_OK(cat_layout_init(&geometry, BLOSC2_E_ARGUMENT, &layout));
    CHECK(layout.chunk_count == 1 && layout.block_count == 1 && layout.chunk_bytes == 3 &&
          layout.block_bytes == 3);
}

static void zero_extents_make_no_chunks(void)
{
    cat_layout layout;
    caterva_geometry geometry = geometry_2d(0, 5, 3, 2, 2, 2);
    CHECK_OK(cat_layout_init(&geometry, BLOSC2_E_ARGUMENT, &layout));
    CHECK(layout.chunk_count == 0 && layout.chunk_bytes == 4 * 2 * 8);
    geometry = geometry_2d(0, 100000, 0, 100000, 0, 100000); /* as python-blosc2 makes them */
    CHECK_OK(cat_layout_init(&geometry, BLOSC2_E_CORRUPT, &layout));
    CHECK(layout.chunk_count == 0 && layout.chunk_bytes == 0 && layout.block_bytes == 0);
    CHECK_OK(caterva_geometry_check(&geometry));
}

static void blocks_above_chunks_are_for_files_only(void)
{
    cat_layout layout;
    caterva_geometry geometry = geometry_2d(10, 10, 4, 4, 5, 3);
    CHECK_OK(cat_layout_init(&geometry, BLOSC2_E_CORRUPT, &layout));
    CHECK(layout.block_grid[0] == 1 && layout.chunk_bytes == 5 * 6 * 8);
    CHECK(refused(geometry, "axis 0: block 5 (expected at most the chunk, 4)"));
}

static void wrong_geometries_name_axis_value_and_limit(void)
{
    CHECK(refused((caterva_geometry){.ndim = 17, .item_bytes = 1}, "ndim: 17 (expected 0..16)"));
    CHECK(refused((caterva_geometry){.ndim = -1, .item_bytes = 1}, "ndim: -1"));
    CHECK(refused((caterva_geometry){.ndim = 0, .item_bytes = 0}, "item size: 0 (expected >= 1)"));
    CHECK(refused(geometry_2d(10, -1, 4, 4, 2, 2), "axis 1: shape -1 (expected >= 0)"));
    CHECK(refused(geometry_2d(10, 10, 4, 0, 2, 2), "axis 1: chunk 0 (expected >= 1)"));
    CHECK(refused(geometry_2d(10, 10, -4, 4, 2, 2), "axis 0: chunk -4"));
    CHECK(refused(geometry_2d(10, 10, 4, 4, 2, 0), "axis 1: block 0 (expected >= 1)"));
    CHECK(refused(geometry_2d(0, 10, 4, 4, 0, 2), "axis 0: block 0 (expected >= 1)"));
    CHECK(refused(geometry_2d(10, 10, 4, 4, 2, INT32_MIN), "axis 1: block -2147483648"));
}

static void sizes_that_overflow_are_refused(void)
{
    int32_t most = INT32_MAX;
    CHECK(refused(geometry_2d(most, most, most, most, most, most), "bytes in a block (limit 536866816)"));
    CHECK(refused(geometry_2d(most, most, most, most, 1, 1),
                  "bytes in a chunk of whole blocks (limit 2147483615)"));
    CHECK(refused(geometry_2d(most, most, 16384, 16384, 1, 1), "in a chunk"));
    CHECK(refused(geometry_2d(INT64_MAX, 2, 4, 4, 2, 2), "shape: too many bytes"));
    CHECK(refused(geometry_2d(0, (int64_t)1 << 62, 4, 4, 2, 2),
                  "shape: too many bytes")); /* NumPy refuses it */
    /* The array fits, its chunks with their padding do not. */
    CHECK(refused(geometry_2d((int64_t)1 << 59, 1, 1, 100, 1, 100), "in all chunks"));
    caterva_geometry deep = {.ndim = 16, .item_bytes = 1};
    for (int d = 0; d < 16; d++) deep.shape[d] = deep.chunks[d] = deep.blocks[d] = 1000;
    CHECK(refused(deep, "in a block"));
    for (int d = 0; d < 16; d++) deep.chunks[d] = deep.blocks[d] = 1;
    CHECK(refused(deep, "shape: too many bytes"));
    CHECK_OK(caterva_geometry_check(
        &(caterva_geometry){.ndim = 1, .item_bytes = 1, .shape = {INT64_MAX}, .chunks = {1}, .blocks = {1}}));
}

/* An axis of length 0 makes all products 0, whatever the others are: only UBSan sees what overflows on the
 * way. */
static void extents_beside_an_empty_axis_do_not_overflow(void)
{
    for (int empty = 0; empty < 5; empty++) {
        cat_layout layout;
        caterva_geometry geometry = {.ndim = 5, .item_bytes = INT32_MAX};
        for (int d = 0; d < 5; d++) {
            geometry.shape[d] = d != empty;
            geometry.chunks[d] = geometry.blocks[d] = d == empty ? 0 : INT32_MAX;
        }
        CHECK_OK(cat_layout_init(&geometry, BLOSC2_E_CORRUPT, &layout));
        CHECK(layout.block_bytes == 0 && layout.chunk_count == 0);
        for (int d = 0; d < 5; d++) CHECK(layout.block_strides[d] == 0);
    }
}

static void unravel_is_c_order(void)
{
    int64_t grid[] = {3, 4, 5}, index[3];
    cat_unravel(3, grid, 2 * 20 + 3 * 5 + 4, index);
    CHECK(index[0] == 2 && index[1] == 3 && index[2] == 4);
}

static void helpers_are_exact(void)
{
    int64_t product = 7;
    CHECK(cat_mul_i64(INT64_MAX, 1, &product) && product == INT64_MAX);
    CHECK(!cat_mul_i64(INT64_MAX, 2, &product));
    CHECK(cat_ceil_div(0, 3) == 0 && cat_ceil_div(3, 3) == 1 && cat_ceil_div(4, 3) == 2);
    CHECK(cat_ceil_div(INT64_MAX, 2) == (int64_t)1 << 62);
}

int main(void)
{
    example_of_the_document_is_derived();
    scalar_is_one_chunk_of_one_item();
    zero_extents_make_no_chunks();
    blocks_above_chunks_are_for_files_only();
    wrong_geometries_name_axis_value_and_limit();
    sizes_that_overflow_are_refused();
    extents_beside_an_empty_axis_do_not_overflow();
    unravel_is_c_order();
    helpers_are_exact();
    return check_result();
}
