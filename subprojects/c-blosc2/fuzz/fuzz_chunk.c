/**
 * The input is a chunk. Decoded whole and block by block it gives the same, and so does a chunk that takes
 * its blocks over. Built by ci/fuzz.
 */
#include "fuzz.h"

enum { CONTENT_MAX = 1 << 20 };

/** Blocks alone, from the last to the first, so that none finds what decoding its predecessor prepared. */
static int decode_blocks(const blosc2_view *view, uint8_t *out)
{
    blosc2_workspace *workspace;
    MUST(blosc2_workspace_create(&workspace) == BLOSC2_OK);
    int status = BLOSC2_OK;
    for (int32_t i = view->block_count - 1; i >= 0 && status == BLOSC2_OK; i--) {
        int32_t bytes = blosc2_view_block_nbytes(view, i);
        uint8_t *block = fuzz_alloc((size_t)bytes);
        status = blosc2_view_decode_block(view, i, block, workspace);
        if (status == BLOSC2_OK) memcpy(out + (size_t)i * (size_t)view->block_bytes, block, (size_t)bytes);
        uint8_t *part = fuzz_alloc((size_t)bytes); /* what a damaged rest spoils is no matter here */
        int part_status = blosc2_view_decode_prefix(view, i, bytes / 3 + 1, part, workspace);
        MUST(status < 0 || part_status == BLOSC2_OK);
        MUST(status < 0 || memcmp(part, block, (size_t)(bytes / 3 + 1)) == 0);
        free(part);
        free(block);
    }
    blosc2_workspace_free(workspace);
    return status;
}

/** Parameters that let a builder take compressed blocks over; lossless, if blocks are decoded instead. */
static blosc2_cparams cparams_like(const blosc2_view *view)
{
    static const int CODECS[] = {BLOSC2_BLOSCLZ, BLOSC2_LZ4, BLOSC2_LZ4, BLOSC2_ZLIB, BLOSC2_ZSTD};
    blosc2_cparams cparams = blosc2_cparams_default(view->item_bytes);
    if (view->codec_format <= 4) cparams.codec = CODECS[view->codec_format];
    cparams.clevel = 1;
    cparams.split = view->split ? BLOSC2_SPLIT_ALWAYS : BLOSC2_SPLIT_NEVER;
    for (int i = 0; i < BLOSC2_MAX_FILTERS; i++)
        if (view->filters[i] == BLOSC2_TRUNC_PREC || view->filters[i] == BLOSC2_INT_TRUNC) return cparams;
    memcpy(cparams.filters, view->filters, BLOSC2_MAX_FILTERS);
    memcpy(cparams.filters_meta, view->filters_meta, BLOSC2_MAX_FILTERS);
    return cparams;
}

/** Returns BLOSC2_E_ARGUMENT for chunks that our builder would not make. */
static int rebuild(const blosc2_view *view, const uint8_t *content)
{
    blosc2_cparams cparams = cparams_like(view);
    blosc2_builder *builder;
    blosc2_workspace *workspace = fuzz_workspace();
    int status = blosc2_builder_create(&cparams, &builder);
    if (status < 0) return status;
    status = blosc2_builder_start(builder, view->nbytes, view->block_bytes);
    if (status == BLOSC2_OK) {
        const uint8_t *chunk;
        int32_t cbytes;
        blosc2_view copy;
        for (int32_t i = 0; i < view->block_count; i++)
            MUST(blosc2_builder_copy_block(builder, i, view, workspace) == BLOSC2_OK);
        MUST(blosc2_builder_finish(builder, &chunk, &cbytes, workspace) == BLOSC2_OK);
        MUST(cbytes <= view->nbytes + BLOSC2_CHUNK_OVERHEAD);
        MUST(blosc2_view_init(&copy, chunk, (size_t)cbytes, view->item_bytes, view->nbytes) == BLOSC2_OK);
        uint8_t *out = fuzz_alloc((size_t)copy.nbytes);
        MUST(blosc2_view_decode(&copy, out, workspace) == BLOSC2_OK);
        MUST(copy.nbytes == view->nbytes && memcmp(out, content, (size_t)copy.nbytes) == 0);
        free(out);
    }
    blosc2_builder_free(builder);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    blosc2_view view;
    if (blosc2_view_init(&view, data, size, 0, CONTENT_MAX) < 0) return 0;
    size_t nbytes = (size_t)view.nbytes;
    uint8_t *whole = fuzz_alloc(nbytes), *blocks = fuzz_alloc(nbytes);
    int status = blosc2_view_decode(&view, whole, fuzz_workspace());
    if (!view.vl_blocks) {
        int blocks_status = decode_blocks(&view, blocks);
        MUST((status == BLOSC2_OK) == (blocks_status == BLOSC2_OK));
        if (status == BLOSC2_OK) {
            MUST(memcmp(whole, blocks, nbytes) == 0);
            rebuild(&view, whole);
        }
    }
    free(whole);
    free(blocks);
    return 0;
}
