/** Chunks and blocks of one item over and over: found however they are built, and nothing else is. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "check.h"

enum { ITEMS_OF_BLOCK = 40, BLOCKS = 6, ITEM_MAX = 300, MOST = ITEM_MAX * ITEMS_OF_BLOCK * BLOCKS };

static const int CODECS[] = {BLOSC2_BLOSCLZ, BLOSC2_LZ4, BLOSC2_LZ4HC, BLOSC2_ZLIB, BLOSC2_ZSTD};
static const int32_t ITEMS[] = {1, 2, 3, 4, 8, 16, 255, 300};
static const uint8_t PIPELINES[][6] = {{0},
                                       {0, 0, 0, 0, 0, BLOSC2_SHUFFLE},
                                       {0, 0, 0, 0, 0, BLOSC2_BITSHUFFLE},
                                       {0, 0, 0, 0, BLOSC2_DELTA, BLOSC2_SHUFFLE},
                                       {0, 0, 0, 0, BLOSC2_SHUFFLE, BLOSC2_BYTEDELTA}};

typedef struct setting {
    blosc2_cparams cparams;
    int32_t block_bytes, nbytes;
} setting;

typedef void visit_fn(const setting *s, uint8_t *data, blosc2_workspace *workspace);

/* Call with every codec, pipeline, item size, and two levels; `data` repeats an item. */
static void with_settings(visit_fn *visit, blosc2_workspace *workspace)
{
    uint8_t *data = malloc(MOST);
    for (size_t c = 0; c < 5; c++)
        for (size_t p = 0; p < 5; p++)
            for (size_t i = 0; i < 8; i++)
                for (int clevel = 0; clevel <= 9; clevel += 3) {
                    int32_t item = ITEMS[i];
                    setting s = {blosc2_cparams_default(item), item * ITEMS_OF_BLOCK,
                                 item * ITEMS_OF_BLOCK * BLOCKS};
                    s.cparams.codec = CODECS[c];
                    s.cparams.clevel = clevel;
                    memcpy(s.cparams.filters, PIPELINES[p], 6);
                    for (int32_t k = 0; k < s.nbytes; k++) data[k] = (uint8_t)(7 + 5 * (k % item));
                    visit(&s, data, workspace);
                }
    free(data);
}

static blosc2_builder *build(const setting *s, const uint8_t *data, int32_t first, int32_t stop,
                             blosc2_workspace *workspace)
{
    blosc2_builder *builder;
    CHECK_OK(blosc2_builder_create(&s->cparams, &builder));
    CHECK_OK(blosc2_builder_start(builder, s->nbytes, s->block_bytes));
    for (int32_t i = first; i < stop; i++)
        CHECK_OK(
            blosc2_builder_encode_block(builder, i, data + (size_t)i * (size_t)s->block_bytes, workspace));
    return builder;
}

/* End the chunk, and see that it holds `data`. @return Its special kind. */
static int finish(blosc2_builder *builder, const setting *s, const uint8_t *data, blosc2_workspace *workspace)
{
    const uint8_t *chunk;
    int32_t cbytes;
    blosc2_view view;
    uint8_t *out = malloc((size_t)s->nbytes);
    CHECK_OK(blosc2_builder_finish(builder, &chunk, &cbytes, workspace));
    CHECK_OK(blosc2_view_init(&view, chunk, (size_t)cbytes, s->cparams.item_bytes, s->nbytes));
    CHECK_OK(blosc2_view_decode(&view, out, workspace));
    CHECK(memcmp(out, data, (size_t)s->nbytes) == 0);
    CHECK(view.special != BLOSC2_SPECIAL_VALUE || cbytes == BLOSC2_CHUNK_OVERHEAD + s->cparams.item_bytes);
    free(out);
    return view.special;
}

static void visit_equal_items(const setting *s, uint8_t *data, blosc2_workspace *workspace)
{
    blosc2_builder *builder = build(s, data, 0, BLOCKS, workspace);
    CHECK(finish(builder, s, data, workspace) == BLOSC2_SPECIAL_VALUE);
    blosc2_builder_free(builder);
    memset(data, 0, (size_t)s->nbytes);
    builder = build(s, data, 0, BLOCKS, workspace);
    CHECK(finish(builder, s, data, workspace) == BLOSC2_SPECIAL_ZEROS);
    blosc2_builder_free(builder);
}

/* One byte that differs, at either end of a block or within, makes it a chunk as any other. */
static void visit_one_byte_differs(const setting *s, uint8_t *data, blosc2_workspace *workspace)
{
    const int32_t places[] = {0, s->block_bytes - 1, s->block_bytes, 3 * s->block_bytes + 17, s->nbytes - 1};
    for (size_t i = 0; i < 5; i++) {
        data[places[i]] ^= 0x40;
        blosc2_builder *builder = build(s, data, 0, BLOCKS, workspace);
        CHECK(finish(builder, s, data, workspace) == 0);
        blosc2_builder_free(builder);
        data[places[i]] ^= 0x40;
    }
}

/* Blocks that are each constant, of two items in turn, and blocks that are all the same but not constant. */
static void visit_equal_blocks(const setting *s, uint8_t *data, blosc2_workspace *workspace)
{
    for (int32_t i = 0; i < BLOCKS; i += 2)
        memset(data + (size_t)i * (size_t)s->block_bytes, i == 2 ? 0 : 99, (size_t)s->block_bytes);
    blosc2_builder *builder = build(s, data, 0, BLOCKS, workspace);
    CHECK(finish(builder, s, data, workspace) == 0);
    blosc2_builder_free(builder);
    for (int32_t k = 0; k < s->nbytes; k++) data[k] = (uint8_t)(k % s->block_bytes / 7);
    builder = build(s, data, 0, BLOCKS, workspace);
    CHECK(finish(builder, s, data, workspace) == 0);
    blosc2_builder_free(builder);
}

/* Blocks are taken over compressed, the others made equal to them: the chunk becomes a value. */
static void visit_blocks_taken_over(const setting *s, uint8_t *data, blosc2_workspace *workspace)
{
    data[2 * s->block_bytes] ^= 1;
    blosc2_builder *old = build(s, data, 0, BLOCKS, workspace);
    const uint8_t *chunk;
    int32_t cbytes;
    blosc2_view view;
    CHECK_OK(blosc2_builder_finish(old, &chunk, &cbytes, workspace));
    CHECK_OK(blosc2_view_init(&view, chunk, (size_t)cbytes, s->cparams.item_bytes, s->nbytes));
    data[2 * s->block_bytes] ^= 1;
    blosc2_builder *builder = build(s, data, 0, 0, workspace);
    for (int32_t i = 0; i < BLOCKS; i++) {
        if (i == 2)
            CHECK_OK(blosc2_builder_encode_block(builder, i, data, workspace));
        else
            CHECK_OK(blosc2_builder_copy_block(builder, i, &view, workspace));
    }
    CHECK(finish(builder, s, data, workspace) == BLOSC2_SPECIAL_VALUE);
    blosc2_builder_free(builder);
    blosc2_builder_free(old);
}

/* Builders that share a chunk find what one would find. */
static void visit_shared_work(const setting *s, uint8_t *data, blosc2_workspace *workspace)
{
    for (int kind = 0; kind < 3; kind++) {
        if (kind == 1) data[s->nbytes - 1] ^= 1;                    /* the second varies */
        if (kind == 2) memset(data, 1, 2 * (size_t)s->block_bytes); /* both constant, of other items */
        blosc2_builder *a = build(s, data, 0, 2, workspace), *b = build(s, data, 2, BLOCKS, workspace);
        CHECK_OK(blosc2_builder_take(a, b, 2, BLOCKS, workspace));
        CHECK(finish(a, s, data, workspace) == (kind == 0 ? BLOSC2_SPECIAL_VALUE : 0));
        blosc2_builder_free(a);
        blosc2_builder_free(b);
        if (kind == 1) data[s->nbytes - 1] ^= 1;
    }
}

/* What is kept is what the filters left, also where they make equal items of others. */
static void test_lossy_filters(blosc2_workspace *workspace)
{
    setting s = {blosc2_cparams_default(4), 400, 2400};
    s.cparams.filters[0] = BLOSC2_TRUNC_PREC;
    s.cparams.filters_meta[0] = 10;
    uint8_t data[2400], out[2400]; /* floats as on most machines, little-endian */
    for (int i = 0; i < 2400; i += 4) b2_store_le32(data + i, 0x3dcccccd); /* 0.1 */
    CHECK(blosc2_cparams_is_lossy(&s.cparams));
    blosc2_builder *builder = build(&s, data, 0, BLOCKS, workspace);
    const uint8_t *chunk;
    int32_t cbytes;
    blosc2_view view;
    CHECK_OK(blosc2_builder_finish(builder, &chunk, &cbytes, workspace));
    CHECK_OK(blosc2_view_init(&view, chunk, (size_t)cbytes, 4, 2400));
    CHECK_OK(blosc2_view_decode(&view, out, workspace));
    CHECK(view.special == BLOSC2_SPECIAL_VALUE);
    CHECK(b2_load_le32(out) == 0x3dccc000); /* 10 bits of mantissa */
    CHECK(memcmp(out, out + 4, sizeof out - 4) == 0);
    blosc2_builder_free(builder);
}

/* No value would be shorter than a chunk's only item, or could stand for a last block of another size. */
static void test_chunks_that_cannot_repeat(blosc2_workspace *workspace)
{
    uint8_t data[1000];
    memset(data, 5, sizeof data);
    setting one = {blosc2_cparams_default(100), 100, 100}, uneven = {blosc2_cparams_default(3), 300, 1000};
    blosc2_builder *builder = build(&one, data, 0, 1, workspace);
    CHECK(finish(builder, &one, data, workspace) == 0);
    blosc2_builder_free(builder);
    builder = build(&uneven, data, 0, 4, workspace);
    CHECK(finish(builder, &uneven, data, workspace) == 0);
    blosc2_builder_free(builder);
}

int main(void)
{
    blosc2_workspace *workspace;
    CHECK_OK(blosc2_init());
    CHECK_OK(blosc2_workspace_create(&workspace));
    with_settings(visit_equal_items, workspace);
    with_settings(visit_one_byte_differs, workspace);
    with_settings(visit_equal_blocks, workspace);
    with_settings(visit_blocks_taken_over, workspace);
    with_settings(visit_shared_work, workspace);
    test_lossy_filters(workspace);
    test_chunks_that_cannot_repeat(workspace);
    blosc2_workspace_free(workspace);
    return check_result();
}
