/**
 * The input, behind the parameters, is the content of a chunk: encoded with them and decoded it is the same,
 * also block by block, in part, and after a way through a frame. Built by ci/fuzz.
 */
#include "fuzz.h"

enum { PARAMETER_BYTES = 12, CONTENT_MAX = 1 << 16 };

static blosc2_cparams choose_cparams(const uint8_t *data)
{
    static const int codecs[] = {BLOSC2_BLOSCLZ, BLOSC2_LZ4, BLOSC2_LZ4HC, BLOSC2_ZLIB, BLOSC2_ZSTD};
    static const uint8_t filters[] = {BLOSC2_NOFILTER,  BLOSC2_SHUFFLE,    BLOSC2_BITSHUFFLE,
                                      BLOSC2_DELTA,     BLOSC2_TRUNC_PREC, BLOSC2_BYTEDELTA,
                                      BLOSC2_INT_TRUNC, BLOSC2_NOFILTER};
    blosc2_cparams cparams = blosc2_cparams_default(1 + data[0] % 64);
    cparams.codec = codecs[data[1] % 5];
    cparams.clevel = data[2] % 10;
    cparams.split = 1 + data[3] % 4;
    cparams.use_dict = data[3] & 0x80;
    for (int i = 0; i < 3; i++) {
        cparams.filters[i] = filters[data[4 + i] % 8];
        cparams.filters_meta[i] = data[4 + i] >> 3;
    }
    cparams.filters[BLOSC2_MAX_FILTERS - 1] = 0;
    return cparams;
}

static bool is_lossy(const blosc2_cparams *cparams)
{
    for (int i = 0; i < BLOSC2_MAX_FILTERS; i++)
        if (cparams->filters[i] == BLOSC2_TRUNC_PREC || cparams->filters[i] == BLOSC2_INT_TRUNC) return true;
    return false;
}

/** The content as the chunk has it: as it was, unless a filter drops bits. */
static uint8_t *decode(const blosc2_view *view, const uint8_t *content, bool lossy)
{
    uint8_t *whole = fuzz_alloc((size_t)view->nbytes);
    MUST(blosc2_view_decode(view, whole, fuzz_workspace()) == BLOSC2_OK);
    MUST(lossy || memcmp(whole, content, (size_t)view->nbytes) == 0);
    for (int32_t i = view->block_count - 1; i >= 0; i--) {
        int32_t bytes = blosc2_view_block_nbytes(view, i), part = bytes / 2 + 1;
        uint8_t *block = fuzz_alloc((size_t)bytes);
        MUST(blosc2_view_decode_block(view, i, block, fuzz_workspace()) == BLOSC2_OK);
        MUST(memcmp(block, whole + (size_t)i * (size_t)view->block_bytes, (size_t)bytes) == 0);
        if (part <= bytes) {
            MUST(blosc2_view_decode_prefix(view, i, part, block, fuzz_workspace()) == BLOSC2_OK);
            MUST(memcmp(block, whole + (size_t)i * (size_t)view->block_bytes, (size_t)part) == 0);
        }
        free(block);
    }
    return whole;
}

static void through_a_frame(const blosc2_cparams *cparams, const blosc2_view *view, const uint8_t *whole)
{
    const blosc2_schunk_options options = {.home = BLOSC2_HOME_MEMFRAME,
                                           .cparams = *cparams,
                                           .chunk_bytes = view->nbytes,
                                           .block_bytes = view->block_bytes,
                                           .chunk_count = 2,
                                           .fill = BLOSC2_SPECIAL_ZEROS};
    blosc2_schunk *schunk, *again;
    blosc2_view found;
    uint8_t *bytes, *out = fuzz_alloc((size_t)view->nbytes);
    size_t size;
    MUST(blosc2_schunk_create(&options, &schunk) == BLOSC2_OK);
    MUST(blosc2_schunk_set_chunk(schunk, 1, view->bytes, view->cbytes) == BLOSC2_OK);
    MUST(blosc2_schunk_commit(schunk) == BLOSC2_OK);
    MUST(blosc2_schunk_to_bytes(schunk, &bytes, &size) == BLOSC2_OK);
    MUST(blosc2_schunk_from_bytes(bytes, size, &again) == BLOSC2_OK);
    MUST(blosc2_schunk_view(again, 1, NULL, 0, fuzz_workspace(), &found) == BLOSC2_OK);
    MUST(found.nbytes == view->nbytes);
    MUST(blosc2_view_decode(&found, out, fuzz_workspace()) == BLOSC2_OK);
    MUST(memcmp(out, whole, (size_t)view->nbytes) == 0);
    blosc2_bytes_free(bytes);
    blosc2_schunk_free(again);
    blosc2_schunk_free(schunk);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= PARAMETER_BYTES || size > CONTENT_MAX) return 0;
    blosc2_cparams cparams = choose_cparams(data);
    blosc2_builder *builder;
    if (blosc2_builder_create(&cparams, &builder) < 0) return 0; /* refused parameters */
    int32_t items = (int32_t)(size - PARAMETER_BYTES) / cparams.item_bytes,
            nbytes = items * cparams.item_bytes;
    int32_t block_bytes = (1 + (data[7] | data[8] << 8)) * cparams.item_bytes;
    if (nbytes > 0 && blosc2_builder_start(builder, nbytes, block_bytes) == BLOSC2_OK) {
        const uint8_t *content = data + PARAMETER_BYTES, *chunk;
        int32_t cbytes;
        blosc2_view view;
        for (int32_t at = 0, i = 0; at < nbytes; at += block_bytes, i++) {
            int32_t bytes = nbytes - at < block_bytes ? nbytes - at : block_bytes;
            uint8_t *block = fuzz_alloc((size_t)bytes);
            memcpy(block, content + at, (size_t)bytes);
            MUST(blosc2_builder_encode_block(builder, i, block, fuzz_workspace()) == BLOSC2_OK);
            free(block);
        }
        MUST(blosc2_builder_finish(builder, &chunk, &cbytes, fuzz_workspace()) == BLOSC2_OK);
        MUST(cbytes <= nbytes + BLOSC2_CHUNK_OVERHEAD);
        uint8_t *exact = fuzz_alloc((size_t)cbytes);
        memcpy(exact, chunk, (size_t)cbytes);
        MUST(blosc2_view_init(&view, exact, (size_t)cbytes, cparams.item_bytes, nbytes) == BLOSC2_OK);
        MUST(view.nbytes == nbytes && view.cbytes == cbytes);
        uint8_t *whole = decode(&view, content, is_lossy(&cparams));
        through_a_frame(&cparams, &view, whole);
        free(whole);
        free(exact);
    }
    blosc2_builder_free(builder);
    return 0;
}
