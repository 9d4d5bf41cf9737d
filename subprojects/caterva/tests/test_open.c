/** Frames of others: what is no array is refused, and chunks of other blocks than the geometry's are read and
 * updated. */
#include "metadata.h"
#include "model.h"
#include "shape.h"

typedef struct frame {
    caterva_geometry geometry;
    int32_t chunk_bytes;
    int32_t block_bytes;
    int64_t chunk_count;
    const char *layer;      /* name to give it, NULL for none */
    cat_metadata_kind kind; /* what the layer holds */
} frame;

static const frame GOOD = {
    .geometry = {.ndim = 2, .item_bytes = 4, .shape = {10, 11}, .chunks = {5, 4}, .blocks = {2, 3}},
    .chunk_bytes = 6 * 6 * 4,
    .block_bytes = 2 * 3 * 4,
    .chunk_count = 6,
    .layer = "b2nd",
    .kind = CAT_METADATA_B2ND,
};

/** Make a super-chunk of zeros with a layer, as a frame in memory; left in a change. */
static blosc2_schunk *make_schunk(const frame *f)
{
    uint8_t content[400];
    cat_metadata_build(f->kind, &f->geometry, "<i4", content);
    blosc2_metalayer layer = {f->layer, content,
                              (int32_t)cat_metadata_size(f->kind, f->geometry.ndim, "<i4")};
    blosc2_schunk_options options = {.home = BLOSC2_HOME_MEMFRAME,
                                     .cparams = blosc2_cparams_default(f->geometry.item_bytes),
                                     .chunk_bytes = f->chunk_bytes,
                                     .block_bytes = f->block_bytes,
                                     .chunk_count = f->chunk_count,
                                     .fill = BLOSC2_SPECIAL_ZEROS,
                                     .metalayers = &layer,
                                     .metalayer_count = f->layer ? 1 : 0};
    blosc2_schunk *schunk = NULL;
    CHECK_OK(blosc2_schunk_create(&options, &schunk));
    return need(schunk);
}

static caterva_array *open_schunk(blosc2_schunk *schunk, int *status)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    caterva_array *array = NULL;
    CHECK_OK(blosc2_schunk_commit(schunk));
    CHECK_OK(blosc2_schunk_to_bytes(schunk, &bytes, &size));
    *status = caterva_array_from_bytes(bytes, size, &array);
    blosc2_bytes_free(bytes);
    blosc2_schunk_free(schunk);
    return array;
}

/** True if the frame is refused with this in the message. */
static bool refused(frame f, const char *message)
{
    int status;
    caterva_array *array = open_schunk(make_schunk(&f), &status);
    bool right = status == BLOSC2_E_CORRUPT && !array && strstr(blosc2_last_error(), message);
    if (!right) fprintf(stderr, "\"%s\" expected, got %d: %s\n", message, status, blosc2_last_error());
    caterva_array_free(array);
    return right;
}

static void frames_that_agree_are_opened(void)
{
    int status;
    frame f = GOOD;
    caterva_array *array = open_schunk(make_schunk(&f), &status);
    CHECK(status == BLOSC2_OK && array && strcmp(caterva_array_dtype(array), "<i4") == 0);
    caterva_array_free(array);
    f.layer = "caterva";
    f.kind = CAT_METADATA_CATERVA;
    array = open_schunk(make_schunk(&f), &status);
    CHECK(status == BLOSC2_OK && array && strcmp(caterva_array_dtype(array), "") == 0);
    caterva_array_free(array);
    f = GOOD;
    f.geometry.shape[0] = 0;
    f.chunk_count = 0;
    array = open_schunk(make_schunk(&f), &status);
    CHECK(status == BLOSC2_OK && array);
    caterva_array_free(array);
}

static void frames_that_disagree_are_refused(void)
{
    frame f = GOOD;
    f.layer = NULL;
    CHECK(refused(f, "not an array: no b2nd or caterva metalayer"));
    f.layer = "other";
    CHECK(refused(f, "not an array"));
    f = GOOD;
    f.layer = "caterva"; /* with b2nd's content */
    CHECK(refused(f, "caterva: byte 0: array of 7 fields"));
    f = GOOD;
    f.geometry.shape[0] = 11;
    CHECK(refused(f, "chunks: 6 stored (expected 9 by the shape)"));
    f.geometry.shape[0] = 0;
    CHECK(refused(f, "chunks: 6 stored (expected 0 by the shape)"));
    f = GOOD;
    f.geometry.blocks[0] = 5;
    CHECK(refused(f, "chunks: of 144 bytes (expected 120 by the chunk shape)"));
    f = GOOD;
    f.geometry.chunks[1] = 0;
    CHECK(refused(f, "axis 1: chunk 0 (expected >= 1)"));
    f = GOOD;
    f.geometry.shape[0] = f.geometry.shape[1] = INT64_MAX;
    CHECK(refused(f, "shape: too many bytes"));
    f = GOOD;
    f.geometry.chunks[0] = f.geometry.chunks[1] = INT32_MAX;
    CHECK(refused(f, "too many bytes in a chunk"));
}

static void every_flip_of_a_frame_is_survived(void)
{
    caterva_options options = {.geometry = GOOD.geometry, .cparams = blosc2_cparams_default(4), .threads = 1};
    options.dtype = "<i4";
    model m = model_filled(&options);
    uint8_t *bytes = NULL;
    size_t size = 0;
    CHECK_OK(caterva_array_to_bytes(m.array, &bytes, &size));
    uint8_t items[10 * 11 * 4];
    caterva_selection all = whole(&options.geometry);
    int64_t strides[2] = {11 * 4, 4};
    for (size_t at = 0; at < size; at++) {
        for (int bit = 0; bit < 8; bit += 3) {
            bytes[at] ^= (uint8_t)(1 << bit);
            caterva_array *array = NULL;
            if (caterva_array_from_bytes(bytes, size, &array) == BLOSC2_OK) {
                const caterva_geometry *g = caterva_array_geometry(array);
                bool same =
                    memcmp(g->shape, options.geometry.shape, sizeof g->shape) == 0 && g->item_bytes == 4;
                if (same && caterva_array_read(array, &all, items, strides) == BLOSC2_OK) {
                    caterva_array_write(array, &all, items, strides);
                }
            }
            caterva_array_free(array);
            bytes[at] ^= (uint8_t)(1 << bit);
        }
    }
    CHECK(true);
    blosc2_bytes_free(bytes);
    model_free(&m);
}

static void chunks_larger_than_the_limit_are_not_read(void)
{
    enum { CHUNK_BYTES = 60 * 60 * 4 }; /* more than header, index and trailer have */
    static uint8_t items[100 * 110 * 4];
    caterva_options options = {
        .geometry = {.ndim = 2, .item_bytes = 4, .shape = {100, 110}, .chunks = {50, 40}, .blocks = {20, 30}},
        .cparams = blosc2_cparams_default(4),
        .threads = 2};
    model m = model_filled(&options);
    uint8_t *bytes = NULL;
    size_t size = 0;
    CHECK_OK(caterva_array_to_bytes(m.array, &bytes, &size));
    caterva_selection all = whole(&options.geometry);
    int64_t strides[2] = {110 * 4, 4};
    for (int over = 0; over < 2; over++) {
        blosc2_origin origin = {.bytes = bytes, .size = (int64_t)size, .max_bytes = CHUNK_BYTES - over};
        int expected = over ? BLOSC2_E_LIMIT : BLOSC2_OK;
        caterva_array *array = NULL;
        CHECK_OK(caterva_array_open_origin(&origin, &array));
        CHECK(caterva_array_read(need(array), &all, items, strides) == expected);
        CHECK(!over || strstr(blosc2_last_error(), "chunks: 14400 bytes (max_bytes allows 14399)"));
        CHECK(caterva_array_write(array, &all, items, strides) == expected);
        CHECK(over || array_is_right(&m, array));
        caterva_array_free(array);
    }
    blosc2_bytes_free(bytes);
    model_free(&m);
}

/* ------------------------------------------------------------------ chunks of other blocks */

/** Byte of item `item` of the extended chunk, by its place in the chunk. */
static uint8_t content_byte(int64_t chunk, int32_t byte)
{
    return (uint8_t)(chunk * 37 + byte / 7);
}

/** What the array holds by the document's formula: chunk, block and item of each index. */
static void fill_plain(model *m, const cat_layout *layout)
{
    caterva_selection all = whole(&m->options.geometry);
    int64_t items = count_items(layout->ndim, all.count);
    for (int64_t i = 0; i < items; i++) {
        int64_t index[CATERVA_MAX_NDIM], chunk = 0, block = 0, item = 0;
        cat_unravel(layout->ndim, layout->shape, i, index);
        for (int d = 0; d < layout->ndim; d++) {
            int64_t inside = index[d] % layout->chunk[d];
            chunk = chunk * layout->chunk_grid[d] + index[d] / layout->chunk[d];
            block = block * layout->block_grid[d] + inside / layout->block[d];
            item = item * layout->block[d] + inside % layout->block[d];
        }
        int64_t byte = block * layout->block_bytes + item * layout->item_bytes;
        for (int k = 0; k < layout->item_bytes; k++) {
            m->plain[i * layout->item_bytes + k] = content_byte(chunk, (int32_t)byte + k);
        }
    }
}

static void set_chunk(blosc2_schunk *schunk, int64_t number, int32_t nbytes, int32_t block_bytes)
{
    blosc2_builder *builder = NULL;
    blosc2_workspace *workspace = NULL;
    CHECK_OK(blosc2_builder_create(blosc2_schunk_cparams(schunk), &builder));
    CHECK_OK(blosc2_workspace_create(&workspace));
    CHECK_OK(blosc2_builder_start(builder, nbytes, block_bytes));
    uint8_t *content = need(malloc((size_t)nbytes));
    for (int32_t i = 0; i < nbytes; i++) content[i] = content_byte(number, i);
    for (int32_t i = 0; i * block_bytes < nbytes; i++) {
        CHECK_OK(blosc2_builder_encode_block(builder, i, content + i * block_bytes, workspace));
    }
    const uint8_t *chunk;
    int32_t cbytes;
    CHECK_OK(blosc2_builder_finish(builder, &chunk, &cbytes, workspace));
    CHECK_OK(blosc2_schunk_set_chunk(schunk, number, chunk, cbytes));
    free(content);
    blosc2_workspace_free(workspace);
    blosc2_builder_free(builder);
}

static void blocks_are_those_of_the_metalayer(int32_t stored_block_bytes)
{
    frame f = GOOD;
    model m = {.options = {.geometry = f.geometry}};
    cat_layout layout;
    CHECK_OK(cat_layout_init(&f.geometry, BLOSC2_E_ARGUMENT, &layout));
    m.plain_bytes = 10 * 11 * 4;
    m.plain = need(malloc(m.plain_bytes));
    fill_plain(&m, &layout);
    blosc2_schunk *schunk = make_schunk(&f);
    for (int64_t i = 0; i < f.chunk_count; i++) set_chunk(schunk, i, f.chunk_bytes, stored_block_bytes);
    int status;
    m.array = open_schunk(schunk, &status);
    CHECK(status == BLOSC2_OK);
    if (m.array) {
        for (int i = 0; i < 5; i++) CHECK(array_is_right(&m, m.array));
        caterva_array_set_threads(m.array, 2);
        for (int i = 0; i < 3; i++) {
            model_write(&m);
            CHECK(array_is_right(&m, m.array));
        }
    }
    model_free(&m);
}

static void special_chunks_of_other_blocks_are_filled(void)
{
    frame f = GOOD;
    uint8_t chunk[BLOSC2_CHUNK_OVERHEAD + 8], pair[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    blosc2_schunk *schunk = make_schunk(&f);
    /* Two items repeated, so that items differ; and a value of half an item. */
    CHECK_OK(blosc2_special_chunk(BLOSC2_SPECIAL_VALUE, 4, f.chunk_bytes, 72, pair, 8, chunk));
    CHECK_OK(blosc2_schunk_set_chunk(schunk, 0, chunk, sizeof chunk));
    CHECK_OK(blosc2_special_chunk(BLOSC2_SPECIAL_VALUE, 4, f.chunk_bytes, 72, pair, 2, chunk));
    CHECK_OK(blosc2_schunk_set_chunk(schunk, 1, chunk, BLOSC2_CHUNK_OVERHEAD + 2));
    CHECK_OK(blosc2_special_chunk(BLOSC2_SPECIAL_NAN, 4, f.chunk_bytes, 72, NULL, 0, chunk));
    CHECK_OK(blosc2_schunk_set_chunk(schunk, 2, chunk, BLOSC2_CHUNK_OVERHEAD));
    int status;
    caterva_array *array = open_schunk(schunk, &status);
    CHECK(status == BLOSC2_OK);
    if (!array) return;
    uint8_t items[11 * 4];
    caterva_selection row = {.start = {1, 0}, .count = {1, 11}, .step = {1, 1}};
    int64_t strides[2] = {11 * 4, 4};
    CHECK_OK(caterva_array_read(array, &row, items, strides));
    /* Row 1 of chunk 0: items 3 4 5 of block 0, then item 3 of block 1 (six items each). */
    CHECK(memcmp(items, "\5\6\7\10\1\2\3\4\5\6\7\10\5\6\7\10", 16) == 0);
    CHECK(memcmp(items + 16, "\1\2\1\2\1\2\1\2\1\2\1\2\1\2\1\2", 16) == 0);
    CHECK(memcmp(items + 32, "\0\0\300\177\0\0\300\177\0\0\300\177", 12) == 0);
    /* A write keeps the rest of such a chunk. */
    uint8_t expected[sizeof items], one[4] = {9, 9, 9, 9};
    memcpy(expected, items, sizeof items);
    for (int64_t column = 0; column < 11; column += 4) {
        caterva_selection item = {.start = {1, column}, .count = {1, 1}, .step = {1, 1}};
        CHECK_OK(caterva_array_write(array, &item, one, strides));
        memcpy(expected + 4 * column, one, 4);
    }
    CHECK_OK(caterva_array_read(array, &row, items, strides));
    CHECK(memcmp(items, expected, sizeof items) == 0);
    caterva_array_free(array);
}

int main(void)
{
    CHECK_OK(blosc2_init());
    frames_that_agree_are_opened();
    frames_that_disagree_are_refused();
    every_flip_of_a_frame_is_survived();
    chunks_larger_than_the_limit_are_not_read();
    static const int32_t sizes[] = {24, 4, 8, 12, 36, 40, 48, 100, 144};
    for (int i = 0; i < 9; i++) blocks_are_those_of_the_metalayer(sizes[i]);
    special_chunks_of_other_blocks_are_filled();
    return check_result();
}
