/**
 * Planes of bytes put together row by row: every kernel table by the definition, and blocks decoded as planes
 * by the same blocks decoded whole. No table touches another byte.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "check.h"
#include "cpu/cpu.h"
#include "filters/kernels.h"
#include "guarded.h"

enum { ROOM = 2 * GUARD_BYTES, CANARY = 0xa5 };

static uint8_t *plane_room[8], *out_room, expected[ROOM];
static uint32_t seed = 1;

static uint32_t next_random(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

static uint32_t below(uint32_t limit)
{
    return next_random() % limit;
}

/* ------------------------------------------------------------------ kernels */

/* The definition: byte k of item i is byte i of plane k. Whatever lies between rows stays. */
static void define_join(const b2_plane_rows *rows, uint8_t *out)
{
    for (size_t r = 0; r < rows->rows; r++)
        for (size_t i = 0; i < rows->count; i++)
            for (size_t k = 0; k < rows->width; k++)
                out[(ptrdiff_t)r * rows->out_step + (ptrdiff_t)(i * rows->width + k)] =
                    rows->planes[k][rows->first + r * rows->row_step + i];
}

/* Rows that fit in planes of `items`, which end at their guards, so that a read behind them is noticed. */
static void compare_join(const b2_kernels *table, size_t width, size_t items, size_t count, int streaming)
{
    const uint8_t *planes[8];
    b2_plane_rows rows = {.planes = planes, .width = width, .items = items, .count = count};
    for (size_t k = 0; k < width; k++) planes[k] = plane_room[k] + ROOM - items;
    rows.rows = 1 + below(5);
    rows.first = below((uint32_t)(items - count) + 1);
    rows.row_step = (items - count - rows.first) / rows.rows;
    size_t gap = below(3) * 64, row_bytes = count * width;
    size_t step = (row_bytes + gap + 63) / 64 * 64, misaligned = streaming ? 0 : below(64);
    size_t start = misaligned, end = start + step * (rows.rows - 1) + row_bytes;
    CHECK(end <= ROOM);
    if (streaming == 0 && below(2)) start += ROOM - end; /* the last row ends at the guard */
    rows.out = out_room + start;
    rows.out_step = (ptrdiff_t)step;
    if (below(2)) { /* from the last row to the first */
        rows.out += step * (rows.rows - 1);
        rows.out_step = -(ptrdiff_t)step;
    }
    rows.streaming = streaming;
    memset(out_room, CANARY, ROOM);
    memset(expected, CANARY, ROOM);
    define_join(&rows, expected + (rows.out - out_room));
    table->join_planes(&rows);
    table->end_streaming();
    bool same = memcmp(out_room, expected, ROOM) == 0;
    CHECK(same);
    if (!same) fprintf(stderr, "  %s: width %zu, %zu of %zu items\n", table->name, width, count, items);
}

static void test_joined_rows_are_as_defined(const b2_kernels *table)
{
    static const size_t WIDTHS[] = {2, 4, 8};
    for (size_t w = 0; w < 3; w++)
        for (int streaming = 0; streaming < 2; streaming++) {
            for (size_t items = 1; items <= 150; items++)
                for (size_t count = 1; count <= items; count += 1 + below(3))
                    compare_join(table, WIDTHS[w], items, count, streaming);
            for (size_t count = 1; count <= 3000; count += 1 + below(200))
                compare_join(table, WIDTHS[w], 3000, count, streaming);
        }
}

static void test_streamed_lines_are_copied(const b2_kernels *table)
{
    for (size_t bytes = 64; bytes <= 4096; bytes += 64) {
        const uint8_t *in = plane_room[0] + ROOM - bytes - below(2) * below(64);
        uint8_t *out = out_room + 64 * below(2);
        memset(out_room, CANARY, ROOM);
        memset(expected, CANARY, ROOM);
        memcpy(expected + (out - out_room), in, bytes);
        table->stream_lines(in, out, bytes);
        table->end_streaming();
        CHECK(memcmp(out_room, expected, ROOM) == 0);
    }
}

/* ------------------------------------------------------------------ blocks */

/* Smooth, noise, or all the same: streams that are compressed, raw, and runs. */
static void make_data(uint8_t *data, int32_t bytes, int32_t item_bytes)
{
    for (int32_t i = 0; i < bytes; i++) {
        int32_t item = i / item_bytes, byte = i % item_bytes;
        data[i] = byte == 0   ? (uint8_t)next_random()
                  : byte == 1 ? (uint8_t)(item / 20)
                              : (uint8_t)(3 * byte - 6);
    }
}

static void check_block(const blosc2_view *view, int32_t block, const uint8_t *data,
                        blosc2_workspace *workspace)
{
    int32_t nbytes = blosc2_view_block_nbytes(view, block), item = view->item_bytes;
    uint8_t *out = malloc((size_t)nbytes);
    for (int round = 0; round < 6; round++) {
        int32_t bytes = round == 0 ? nbytes : 1 + (int32_t)below((uint32_t)nbytes);
        blosc2_planes planes;
        CHECK_OK(blosc2_view_decode_planes(view, block, bytes, &planes, workspace));
        CHECK(planes.count == item && planes.items * item >= bytes && planes.items * item <= nbytes);
        blosc2_rows rows = {.count = bytes / item, .rows = 1, .out = out, .stores = BLOSC2_STORES_STREAMING};
        if (rows.count == 0) continue;
        memset(out, CANARY, (size_t)nbytes);
        blosc2_planes_join(&planes, &rows);
        blosc2_streaming_end();
        CHECK(memcmp(out, data, (size_t)(rows.count * item)) == 0);
    }
    free(out);
}

static void test_blocks_as_planes(int codec, int32_t item, int32_t block_items, blosc2_workspace *workspace)
{
    enum { BLOCKS = 3 };
    int32_t block_bytes = item * block_items, nbytes = BLOCKS * block_bytes;
    uint8_t *data = malloc((size_t)nbytes);
    make_data(data, nbytes, item);
    blosc2_cparams cparams = blosc2_cparams_default(item);
    cparams.codec = codec;
    cparams.split = BLOSC2_SPLIT_ALWAYS;
    blosc2_builder *builder;
    const uint8_t *chunk;
    int32_t cbytes;
    blosc2_view view;
    CHECK_OK(blosc2_builder_create(&cparams, &builder));
    CHECK_OK(blosc2_builder_start(builder, nbytes, block_bytes));
    for (int32_t i = 0; i < BLOCKS; i++)
        CHECK_OK(blosc2_builder_encode_block(builder, i, data + (size_t)(i * block_bytes), workspace));
    CHECK_OK(blosc2_builder_finish(builder, &chunk, &cbytes, workspace));
    CHECK_OK(blosc2_view_init(&view, chunk, (size_t)cbytes, item, nbytes));
    CHECK(view.memcpyed == (block_items == 33 && view.memcpyed)); /* only what is so short does not pay */
    for (int32_t i = 0; i < BLOCKS && !view.memcpyed; i++)
        check_block(&view, i, data + (size_t)(i * block_bytes), workspace);
    blosc2_planes planes;
    CHECK(blosc2_view_decode_planes(&view, BLOCKS, 1, &planes, workspace) == BLOSC2_E_ARGUMENT);
    blosc2_builder_free(builder);
    free(data);
}

/* Other filters, other item sizes, one stream: to be decoded otherwise. */
static void test_other_blocks_have_no_planes(blosc2_workspace *workspace)
{
    uint8_t data[2400];
    for (int kind = 0; kind < 4; kind++) {
        blosc2_cparams cparams = blosc2_cparams_default(kind == 0 ? 3 : 4);
        cparams.clevel = kind == 3 ? 0 : 5;
        cparams.split = kind == 2 ? BLOSC2_SPLIT_NEVER : BLOSC2_SPLIT_ALWAYS;
        if (kind == 1) cparams.filters[5] = BLOSC2_BITSHUFFLE;
        make_data(data, 2400, cparams.item_bytes);
        blosc2_builder *builder;
        const uint8_t *chunk;
        int32_t cbytes;
        blosc2_view view;
        blosc2_planes planes = {.count = 1};
        CHECK_OK(blosc2_builder_create(&cparams, &builder));
        CHECK_OK(blosc2_builder_start(builder, 2400, 1200));
        for (int32_t i = 0; i < 2; i++)
            CHECK_OK(blosc2_builder_encode_block(builder, i, data + 1200 * i, workspace));
        CHECK_OK(blosc2_builder_finish(builder, &chunk, &cbytes, workspace));
        CHECK_OK(blosc2_view_init(&view, chunk, (size_t)cbytes, cparams.item_bytes, 2400));
        CHECK_OK(blosc2_view_decode_planes(&view, 1, 1200, &planes, workspace));
        CHECK(planes.count == 0);
        blosc2_builder_free(builder);
    }
}

int main(void)
{
    blosc2_workspace *workspace;
    CHECK_OK(blosc2_init());
    CHECK_OK(blosc2_workspace_create(&workspace));
    for (int k = 0; k < 8; k++) {
        plane_room[k] = guarded(ROOM);
        for (size_t i = 0; i < ROOM; i++) plane_room[k][i] = (uint8_t)next_random();
    }
    out_room = guarded(ROOM);
    const b2_kernels *const *tables;
    size_t count = b2_kernels_all(&tables);
    for (size_t i = 0; i < count; i++) {
        if (tables[i]->needs & ~b2_cpu_features()) continue;
        test_joined_rows_are_as_defined(tables[i]);
        test_streamed_lines_are_copied(tables[i]);
    }
    static const int CODECS[] = {BLOSC2_BLOSCLZ, BLOSC2_LZ4, BLOSC2_LZ4HC, BLOSC2_ZLIB, BLOSC2_ZSTD};
    static const int32_t ITEMS[] = {33, 100, 1000, 4099};
    for (size_t c = 0; c < 5; c++)
        for (int32_t item = 2; item <= 8; item *= 2)
            for (size_t n = 0; n < 4; n++) test_blocks_as_planes(CODECS[c], item, ITEMS[n], workspace);
    test_other_blocks_have_no_planes(workspace);
    blosc2_workspace_free(workspace);
    return check_result();
}
