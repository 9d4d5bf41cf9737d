#include "chunk/cparams.h"

#include <string.h>

#include "chunk/header.h"
#include "codecs/codecs.h"

blosc2_cparams blosc2_cparams_default(int32_t item_bytes)
{
    blosc2_cparams cparams = {
        .item_bytes = item_bytes, .codec = BLOSC2_LZ4, .clevel = 5, .split = BLOSC2_SPLIT_AUTO};
    cparams.filters[BLOSC2_MAX_FILTERS - 1] = BLOSC2_SHUFFLE;
    return cparams;
}

b2_pipeline b2_cparams_pipeline(const blosc2_cparams *cparams)
{
    b2_pipeline pipeline = {.item_bytes = b2_stored_item_bytes(cparams->item_bytes),
                            .frame_item_bytes = cparams->item_bytes,
                            .chunk_version = B2_VERSION_WRITTEN};
    memcpy(pipeline.codes, cparams->filters, BLOSC2_MAX_FILTERS);
    memcpy(pipeline.metas, cparams->filters_meta, BLOSC2_MAX_FILTERS);
    return pipeline;
}

int blosc2_cparams_check(const blosc2_cparams *cparams)
{
    if (cparams->item_bytes < 1)
        return blosc2_fail(BLOSC2_E_ARGUMENT, "item size: %d (expected 1 or more)", cparams->item_bytes);
    if (b2_codec_format(cparams->codec) < 0)
        return blosc2_fail(BLOSC2_E_ARGUMENT, "codec: %d (expected 0, 1, 2, 4 or 5)", cparams->codec);
    if (cparams->clevel < 0 || cparams->clevel > 9)
        return blosc2_fail(BLOSC2_E_ARGUMENT, "compression level: %d (expected 0..9)", cparams->clevel);
    if (cparams->split < BLOSC2_SPLIT_ALWAYS || cparams->split > BLOSC2_SPLIT_FORWARD)
        return blosc2_fail(BLOSC2_E_ARGUMENT, "split mode: %d (expected 1..4)", cparams->split);
    if (cparams->use_dict && !b2_format_has_dict(b2_codec_format(cparams->codec)))
        return blosc2_fail(BLOSC2_E_ARGUMENT, "dictionary: codec %s has none (expected lz4, lz4hc or zstd)",
                           blosc2_codec_name(cparams->codec));
    b2_pipeline pipeline = b2_cparams_pipeline(cparams);
    return b2_pipeline_check_writing(&pipeline);
}

bool b2_cparams_split(const blosc2_cparams *cparams, int32_t block_bytes)
{
    int32_t item_bytes = b2_stored_item_bytes(cparams->item_bytes);
    if (block_bytes < item_bytes || block_bytes % item_bytes) return false;
    if (cparams->split == BLOSC2_SPLIT_ALWAYS) return true;
    if (cparams->split == BLOSC2_SPLIT_NEVER) return false;
    bool splitting_codec = cparams->codec == BLOSC2_BLOSCLZ || cparams->codec == BLOSC2_LZ4 ||
                           (cparams->codec == BLOSC2_ZSTD && cparams->clevel <= 5);
    bool shuffled = memchr(cparams->filters, BLOSC2_SHUFFLE, BLOSC2_MAX_FILTERS) != NULL;
    return splitting_codec && shuffled && item_bytes <= 16 && block_bytes / item_bytes >= 32;
}

bool blosc2_cparams_is_lossy(const blosc2_cparams *cparams)
{
    return memchr(cparams->filters, BLOSC2_TRUNC_PREC, BLOSC2_MAX_FILTERS) ||
           memchr(cparams->filters, BLOSC2_INT_TRUNC, BLOSC2_MAX_FILTERS);
}
