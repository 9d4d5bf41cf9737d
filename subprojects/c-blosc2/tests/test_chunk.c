/** Chunks: round trips of every codec and filter, blocks taken over, special chunks, and hostile bytes. */
#include <stdlib.h>
#include <string.h>

#include "check.h"

static uint32_t seed = 1;

static uint32_t next_random(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

/* Kinds of data: 0 zeros, 1 a ramp of 4-byte integers, 2 noise, 3 noise in every other block of 100 bytes. */
static void make_data(uint8_t *data, int32_t bytes, int kind)
{
    for (int32_t i = 0; i < bytes; i++) {
        uint8_t ramp = (uint8_t)((uint32_t)(i / 4) >> (8 * (i % 4)));
        uint8_t noise = (uint8_t)next_random();
        data[i] = kind == 0 ? 0 : kind == 1 ? ramp : kind == 2 || i / 100 % 2 ? noise : 7;
    }
}

static int32_t build(const blosc2_cparams *cparams, const uint8_t *data, int32_t nbytes, int32_t block_bytes,
                     uint8_t *out, blosc2_workspace *workspace)
{
    blosc2_builder *builder;
    const uint8_t *chunk = NULL;
    int32_t cbytes = 0;
    CHECK_OK(blosc2_builder_create(cparams, &builder));
    CHECK_OK(blosc2_builder_start(builder, nbytes, block_bytes));
    if (block_bytes > nbytes) block_bytes = nbytes;
    for (int32_t at = nbytes > 0 ? (nbytes - 1) / block_bytes * block_bytes : -1; at >= 0; at -= block_bytes)
        CHECK_OK(
            blosc2_builder_encode_block(builder, at / block_bytes, data + at, workspace)); /* last first */
    CHECK_OK(blosc2_builder_finish(builder, &chunk, &cbytes, workspace));
    CHECK(cbytes >= 32 && cbytes <= nbytes + BLOSC2_CHUNK_OVERHEAD);
    memcpy(out, chunk, (size_t)cbytes);
    blosc2_builder_free(builder);
    return cbytes;
}

static void check_content(const uint8_t *chunk, int32_t cbytes, const uint8_t *data, int32_t nbytes,
                          int32_t item_bytes, blosc2_workspace *workspace)
{
    blosc2_view view;
    uint8_t *out = malloc((size_t)nbytes + 1);
    CHECK_OK(blosc2_view_init(&view, chunk, (size_t)cbytes, item_bytes, nbytes));
    CHECK(view.nbytes == nbytes && view.cbytes == cbytes);
    memset(out, 0xAA, (size_t)nbytes);
    CHECK_OK(blosc2_view_decode(&view, out, workspace));
    CHECK(memcmp(out, data, (size_t)nbytes) == 0);
    for (int32_t block = view.block_count - 1; block >= 0; block--) { /* alone, and not in order */
        memset(out, 0x55, (size_t)nbytes);
        CHECK_OK(blosc2_view_decode_block(&view, block, out, workspace));
        CHECK(memcmp(out, data + (size_t)block * (size_t)view.block_bytes,
                     (size_t)blosc2_view_block_nbytes(&view, block)) == 0);
        for (int i = 0; i < 4; i++) { /* and in part */
            int32_t bytes = 1 + (int32_t)(next_random() % (uint32_t)blosc2_view_block_nbytes(&view, block));
            memset(out, 0x33, (size_t)nbytes);
            CHECK_OK(blosc2_view_decode_prefix(&view, block, bytes, out, workspace));
            CHECK(memcmp(out, data + (size_t)block * (size_t)view.block_bytes, (size_t)bytes) == 0);
        }
    }
    free(out);
}

static const int CODECS[] = {BLOSC2_BLOSCLZ, BLOSC2_LZ4, BLOSC2_LZ4HC, BLOSC2_ZLIB, BLOSC2_ZSTD};
static const uint8_t PIPELINES[][6] = {{0},
                                       {0, 0, 0, 0, 0, BLOSC2_SHUFFLE},
                                       {0, 0, 0, 0, 0, BLOSC2_BITSHUFFLE},
                                       {0, 0, 0, 0, BLOSC2_DELTA, BLOSC2_SHUFFLE},
                                       {0, 0, 0, 0, BLOSC2_SHUFFLE, BLOSC2_BYTEDELTA}};

static void test_round_trips(blosc2_workspace *workspace)
{
    static const int32_t items[] = {1, 3, 4, 8, 16, 255, 300};
    static const int32_t counts[] = {1, 2, 37, 1000};
    for (size_t c = 0; c < 5; c++)
        for (size_t p = 0; p < 5; p++)
            for (size_t i = 0; i < 7; i++)
                for (size_t n = 0; n < 4; n++)
                    for (int kind = 0; kind < 4; kind++) {
                        blosc2_cparams cparams = blosc2_cparams_default(items[i]);
                        cparams.codec = CODECS[c];
                        cparams.clevel = (int)(n * 3);
                        cparams.split = 1 + (int)(n % 3);
                        memcpy(cparams.filters, PIPELINES[p], 6);
                        int32_t nbytes = items[i] * counts[n], block_bytes = items[i] * (n == 3 ? 130 : 20);
                        uint8_t *data = malloc((size_t)nbytes), *chunk = malloc((size_t)nbytes + 32);
                        make_data(data, nbytes, kind);
                        int32_t cbytes = build(&cparams, data, nbytes, block_bytes, chunk, workspace);
                        check_content(chunk, cbytes, data, nbytes, items[i], workspace);
                        if (kind == 0) CHECK(cbytes == 32); /* a special chunk */
                        free(data);
                        free(chunk);
                    }
}

static void test_dictionaries(blosc2_workspace *workspace)
{
    enum { BYTES = 40000 };
    uint8_t *data = malloc(BYTES), *chunk = malloc(BYTES + 32);
    for (int i = 0; i < BYTES; i++)
        data[i] = (uint8_t)("a dictionary of words, "[(i * 7 + i / 50) % 23] + i / 9000);
    for (size_t c = 1; c < 5; c++) {
        if (CODECS[c] == BLOSC2_ZLIB) continue;
        blosc2_cparams cparams = blosc2_cparams_default(4);
        cparams.codec = CODECS[c];
        cparams.use_dict = true;
        int32_t cbytes = build(&cparams, data, BYTES, 2000, chunk, workspace);
        check_content(chunk, cbytes, data, BYTES, 4, workspace);
        CHECK(chunk[31] & 1);
    }
    free(data);
    free(chunk);
}

/* An update of one block leaves the compressed bytes of the others as they are. */
static void test_blocks_taken_over(blosc2_workspace *workspace)
{
    enum { BYTES = 8000, BLOCK = 1000 };
    uint8_t data[BYTES], chunk[BYTES + 32];
    make_data(data, BYTES, 3);
    blosc2_cparams cparams = blosc2_cparams_default(4);
    int32_t cbytes = build(&cparams, data, BYTES, BLOCK, chunk, workspace);
    blosc2_view view;
    CHECK_OK(blosc2_view_init(&view, chunk, (size_t)cbytes, 4, BYTES));
    for (int other = 0; other < 2; other++) { /* with the same parameters, and with others */
        if (other) cparams.codec = BLOSC2_ZSTD;
        blosc2_builder *builder;
        CHECK_OK(blosc2_builder_create(&cparams, &builder));
        CHECK_OK(blosc2_builder_start(builder, BYTES, BLOCK));
        CHECK(blosc2_builder_can_copy(builder, &view) == !other);
        memset(data + 3 * BLOCK, 9 + other, BLOCK);
        for (int32_t block = 0; block < 8; block++)
            CHECK_OK(block == 3 ? blosc2_builder_encode_block(builder, block, data + 3 * BLOCK, workspace)
                                : blosc2_builder_copy_block(builder, block, &view, workspace));
        const uint8_t *updated = NULL;
        int32_t updated_cbytes = 0;
        CHECK_OK(blosc2_builder_finish(builder, &updated, &updated_cbytes, workspace));
        check_content(updated, updated_cbytes, data, BYTES, 4, workspace);
        blosc2_builder_free(builder);
    }
}

/* A builder of blocks [first, stop), begun. */
static blosc2_builder *build_some(const blosc2_cparams *cparams, const uint8_t *data, int32_t nbytes,
                                  int32_t block_bytes, int32_t first, int32_t stop,
                                  blosc2_workspace *workspace)
{
    blosc2_builder *builder;
    CHECK_OK(blosc2_builder_create(cparams, &builder));
    CHECK_OK(blosc2_builder_start(builder, nbytes, block_bytes));
    for (int32_t block = first; block < stop; block++)
        CHECK_OK(blosc2_builder_encode_block(builder, block, data + (size_t)block * (size_t)block_bytes,
                                             workspace));
    return builder;
}

/* Three builders that share the blocks make the chunk that one would make: streams, copies and gathered ones.
 */
static void test_shared_work_makes_the_same_chunk(blosc2_workspace *workspace)
{
    enum { BYTES = 7990, BLOCK = 1000, COUNT = 8 };
    uint8_t data[BYTES];
    for (int round = 0; round < 20; round++) {
        make_data(data, BYTES, round % 4);
        if (round % 5 == 4) make_data(data, BYTES / 2, 2); /* the first builder's part does not compress */
        blosc2_cparams cparams = blosc2_cparams_default(2);
        cparams.clevel = round == 10 ? 0 : 5;
        if (round > 14) cparams.filters[0] = BLOSC2_DELTA;
        blosc2_builder *alone = build_some(&cparams, data, BYTES, BLOCK, 0, COUNT, workspace);
        blosc2_builder *a = build_some(&cparams, data, BYTES, BLOCK, 0, 3, workspace);
        blosc2_builder *b = build_some(&cparams, data, BYTES, BLOCK, 3, 3, workspace);
        blosc2_builder *c = build_some(&cparams, data, BYTES, BLOCK, 3, COUNT, workspace);
        CHECK(blosc2_builder_take(a, c, 3, COUNT + 1, workspace) == BLOSC2_E_ARGUMENT);
        CHECK(blosc2_builder_take(a, c, 2, COUNT, workspace) == BLOSC2_E_ARGUMENT);
        CHECK_OK(blosc2_builder_take(a, b, 3, 3, workspace));
        CHECK_OK(blosc2_builder_take(a, c, 3, COUNT, workspace));
        const uint8_t *expected, *got;
        int32_t expected_cbytes, got_cbytes;
        CHECK_OK(blosc2_builder_finish(alone, &expected, &expected_cbytes, workspace));
        CHECK_OK(blosc2_builder_finish(a, &got, &got_cbytes, workspace));
        CHECK(got_cbytes == expected_cbytes && memcmp(got, expected, (size_t)got_cbytes) == 0);
        check_content(got, got_cbytes, data, BYTES, 2, workspace);
        blosc2_builder_free(alone);
        blosc2_builder_free(a);
        blosc2_builder_free(b);
        blosc2_builder_free(c);
    }
}

static void test_missing_blocks_are_noticed(blosc2_workspace *workspace)
{
    uint8_t data[200] = {1};
    blosc2_cparams cparams = blosc2_cparams_default(1);
    blosc2_builder *builder;
    const uint8_t *chunk;
    int32_t cbytes;
    CHECK_OK(blosc2_builder_create(&cparams, &builder));
    CHECK_OK(blosc2_builder_start(builder, 200, 100));
    CHECK_OK(blosc2_builder_encode_block(builder, 0, data, workspace));
    CHECK(blosc2_builder_finish(builder, &chunk, &cbytes, workspace) == BLOSC2_E_ARGUMENT);
    CHECK(blosc2_builder_encode_block(builder, 2, data, workspace) == BLOSC2_E_ARGUMENT);
    blosc2_builder_free(builder);
}

static void test_special_chunks(blosc2_workspace *workspace)
{
    uint8_t chunk[64], data[600], value[3] = {1, 2, 3};
    for (int i = 0; i < 600; i++) data[i] = value[i % 3];
    CHECK_OK(blosc2_special_chunk(BLOSC2_SPECIAL_VALUE, 3, 600, 90, value, 3, chunk));
    check_content(chunk, 35, data, 600, 3, workspace);
    memset(data, 0, sizeof data);
    CHECK_OK(blosc2_special_chunk(BLOSC2_SPECIAL_ZEROS, 300, 600, 300, NULL, 0, chunk));
    check_content(chunk, 32, data, 600, 300, workspace);
    for (int i = 0; i < 150; i++) memcpy(data + 4 * i, "\0\0\xc0\x7f", 4);
    CHECK_OK(blosc2_special_chunk(BLOSC2_SPECIAL_NAN, 4, 600, 100, NULL, 0, chunk));
    check_content(chunk, 32, data, 600, 4, workspace);
    CHECK(blosc2_special_chunk(BLOSC2_SPECIAL_NAN, 2, 600, 100, NULL, 0, chunk) == BLOSC2_E_ARGUMENT);
    CHECK(blosc2_special_chunk(BLOSC2_SPECIAL_VALUE, 3, 601, 90, value, 3, chunk) == BLOSC2_E_ARGUMENT);
    CHECK(blosc2_special_chunk(5, 3, 600, 90, NULL, 0, chunk) == BLOSC2_E_ARGUMENT);
}

static void test_parameters_are_checked(void)
{
    blosc2_cparams good = blosc2_cparams_default(4), bad;
    CHECK_OK(blosc2_cparams_check(&good));
    bad = good, bad.item_bytes = 0;
    CHECK(blosc2_cparams_check(&bad) == BLOSC2_E_ARGUMENT);
    bad = good, bad.clevel = 10;
    CHECK(blosc2_cparams_check(&bad) == BLOSC2_E_ARGUMENT && strstr(blosc2_last_error(), "10"));
    bad = good, bad.codec = 3;
    CHECK(blosc2_cparams_check(&bad) == BLOSC2_E_ARGUMENT);
    bad = good, bad.codec = BLOSC2_ZLIB, bad.use_dict = true;
    CHECK(blosc2_cparams_check(&bad) == BLOSC2_E_ARGUMENT);
    bad = good, bad.filters[0] = 99;
    CHECK(blosc2_cparams_check(&bad) == BLOSC2_E_ARGUMENT && strstr(blosc2_last_error(), "99"));
    bad = good, bad.split = 0;
    CHECK(blosc2_cparams_check(&bad) == BLOSC2_E_ARGUMENT);
}

/* Any bytes: decoding ends, stays in bounds (sanitizers watch), and gives data or a message. */
static void test_hostile_chunks(blosc2_workspace *workspace)
{
    enum { BYTES = 3000 };
    uint8_t data[BYTES], chunk[BYTES + 32], out[BYTES];
    for (size_t c = 0; c < 5; c++)
        for (size_t p = 0; p < 5; p++) {
            blosc2_cparams cparams = blosc2_cparams_default(4);
            cparams.codec = CODECS[c];
            memcpy(cparams.filters, PIPELINES[p], 6);
            make_data(data, BYTES, 3);
            int32_t cbytes = build(&cparams, data, BYTES, 800, chunk, workspace);
            blosc2_view view;
            for (int32_t cut = 0; cut < cbytes; cut += 1 + cut / 64)
                CHECK(blosc2_view_init(&view, chunk, (size_t)cut, 4, BYTES) < 0);
            for (int round = 0; round < 400; round++) {
                uint8_t *copy = malloc((size_t)cbytes); /* its exact size, so that a read behind it is seen */
                memcpy(copy, chunk, (size_t)cbytes);
                uint32_t limit = round % 2 ? 60u : (uint32_t)cbytes;
                for (int flip = 0; flip < 3; flip++) copy[next_random() % limit] ^= (uint8_t)next_random();
                if (blosc2_view_init(&view, copy, (size_t)cbytes, 4, BYTES) == BLOSC2_OK) {
                    int status = blosc2_view_decode(&view, out, workspace);
                    CHECK(status == BLOSC2_OK || blosc2_last_error()[0]);
                    for (int32_t block = 0; block < view.block_count && !view.vl_blocks; block++)
                        (void)blosc2_view_decode_prefix(
                            &view, block, 1 + blosc2_view_block_nbytes(&view, block) / 3, out, workspace);
                }
                free(copy);
            }
        }
}

int main(void)
{
    blosc2_workspace *workspace;
    CHECK_OK(blosc2_init());
    CHECK_OK(blosc2_workspace_create(&workspace));
    test_round_trips(workspace);
    test_dictionaries(workspace);
    test_blocks_taken_over(workspace);
    test_shared_work_makes_the_same_chunk(workspace);
    test_missing_blocks_are_noticed(workspace);
    test_special_chunks(workspace);
    test_parameters_are_checked();
    test_hostile_chunks(workspace);
    blosc2_workspace_free(workspace);
    return check_result();
}
