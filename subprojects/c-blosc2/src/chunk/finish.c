/** The end of a chunk: what could only be done with all blocks at hand, and the form that takes least. */
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/memory.h"
#include "chunk/builder.h"
#include "chunk/encode.h"
#include "chunk/header.h"
#include "chunk/workspace.h"

/* A dictionary of the filtered blocks, put between bstarts and streams (chunk-format.md 11). */
static int add_dict(blosc2_builder *builder, blosc2_workspace *workspace)
{
    int64_t samples = (int64_t)builder->block_count * b2_builder_stream_count(builder, builder->block_bytes);
    int status = b2_builder_reserve_streams(builder, 4 + B2_DICT_BYTES_MAX);
    if (status < 0) return status;
    uint8_t *dict = builder->chunk.bytes + builder->used + 4;
    int32_t bytes = b2_codec_train(builder->cparams.codec, builder->samples.bytes, builder->nbytes,
                                   (int32_t)b2_min_i64(b2_max_i64(samples, 8), INT32_MAX), dict);
    if (bytes < 0) return bytes;
    b2_builder_use_no_dict(workspace);
    if (bytes == 0) return BLOSC2_OK;
    b2_store_le32(dict - 4, (uint32_t)bytes);
    builder->dict_bytes = bytes;
    builder->used += 4 + bytes;
    /* The chunk may move while it grows: the codecs work with a copy that does not. */
    status = b2_buffer_reserve(&workspace->block, (size_t)bytes);
    if (status < 0) return status;
    memcpy(workspace->block.bytes, dict, (size_t)bytes);
    b2_codec_set_dict(workspace->codecs, workspace->block.bytes, bytes);
    workspace->dict_serial = UINT64_MAX; /* of no view */
    return BLOSC2_OK;
}

static int filter_all(blosc2_builder *builder, blosc2_workspace *workspace)
{
    int status = b2_buffer_reserve(&builder->samples, (size_t)builder->nbytes);
    for (int32_t i = 0; i < builder->block_count && status == BLOSC2_OK; i++) {
        size_t start = (size_t)i * (size_t)builder->block_bytes;
        int32_t bytes = b2_builder_block_nbytes(builder, i);
        const uint8_t *filtered = b2_builder_filter(builder, builder->gather.bytes + start, bytes,
                                                    i ? builder->gather.bytes : NULL, workspace, &status);
        if (status == BLOSC2_OK) memcpy(builder->samples.bytes + start, filtered, (size_t)bytes);
    }
    return status;
}

static int encode_gathered(blosc2_builder *builder, blosc2_workspace *workspace)
{
    int status = filter_all(builder, workspace);
    if (status == BLOSC2_OK) status = b2_builder_start_streams(builder);
    if (status == BLOSC2_OK) {
        b2_builder_use_no_dict(workspace);
        if (builder->cparams.use_dict) status = add_dict(builder, workspace);
    }
    builder->blocks_in = 0;
    for (int32_t i = 0; i < builder->block_count && status == BLOSC2_OK; i++) {
        size_t start = (size_t)i * (size_t)builder->block_bytes;
        if (builder->way == BUILD_STREAMS)
            status = b2_builder_add_filtered(builder, i, builder->samples.bytes + start, workspace);
        if (builder->way == BUILD_COPY) break;
    }
    if (status == BLOSC2_OK && builder->way == BUILD_COPY) { /* it did not pay: take the content as it came */
        memcpy(builder->chunk.bytes + B2_HEADER_EXTENDED, builder->gather.bytes, (size_t)builder->nbytes);
        builder->blocks_in = builder->block_count;
    }
    b2_builder_use_no_dict(workspace);
    return status;
}

static void finish_zeros(blosc2_builder *builder)
{
    b2_builder_write_header(builder, builder->split ? 0 : B2_FLAG_NOT_SPLIT,
                            BLOSC2_SPECIAL_ZEROS << B2_FLAG31_SPECIAL_SHIFT, B2_HEADER_EXTENDED);
    builder->used = B2_HEADER_EXTENDED;
}

static int decode_first(blosc2_builder *builder, blosc2_workspace *workspace)
{
    b2_builder_write_streams_header(builder);
    blosc2_view view;
    int status = blosc2_view_init(&view, builder->chunk.bytes, (size_t)builder->used,
                                  builder->cparams.item_bytes, builder->nbytes);
    if (status == BLOSC2_OK) status = b2_buffer_reserve(&workspace->block, (size_t)builder->block_bytes);
    return status < 0 ? status : blosc2_view_decode_block(&view, 0, workspace->block.bytes, workspace);
}

/* Is the chunk one item over and over, and not of zeros? Then `constant` is that item. */
static int find_repeated(blosc2_builder *builder, bool *found, blosc2_workspace *workspace)
{
    int32_t item_bytes = builder->cparams.item_bytes, bytes = builder->nbytes;
    const uint8_t *content = b2_builder_content_of(builder);
    int status = BLOSC2_OK;
    *found = false;
    if (bytes <= item_bytes || builder->block_bytes % item_bytes) return BLOSC2_OK;
    if (builder->way == BUILD_GATHER && blosc2_cparams_is_lossy(&builder->cparams))
        return BLOSC2_OK; /* content is not what is kept */
    if (builder->way == BUILD_STREAMS) {
        if (!builder->may_repeat || builder->all_zeros) return BLOSC2_OK;
        status = decode_first(builder, workspace); /* all blocks have its streams */
        content = workspace->block.bytes;
        bytes = builder->block_bytes;
    }
    if (status < 0 || !b2_repeats_item(content, bytes, item_bytes)) return status;
    status = b2_buffer_reserve(&builder->constant, (size_t)item_bytes);
    if (status < 0) return status;
    memcpy(builder->constant.bytes, content, (size_t)item_bytes);
    *found = content[0] != 0 || !b2_is_run(content, (size_t)item_bytes);
    return BLOSC2_OK;
}

static int finish_value(blosc2_builder *builder)
{
    int32_t item_bytes = builder->cparams.item_bytes;
    builder->used = B2_HEADER_EXTENDED + (int64_t)item_bytes;
    int status = b2_buffer_reserve(&builder->chunk, (size_t)builder->used);
    if (status < 0) return status;
    return blosc2_special_chunk(BLOSC2_SPECIAL_VALUE, item_bytes, builder->nbytes, builder->block_bytes,
                                builder->constant.bytes, item_bytes, builder->chunk.bytes);
}

static int finish_blocks(blosc2_builder *builder, blosc2_workspace *workspace)
{
    int status = builder->way == BUILD_GATHER ? encode_gathered(builder, workspace) : BLOSC2_OK;
    if (status < 0) return status;
    const uint8_t *content = builder->chunk.bytes + B2_HEADER_EXTENDED;
    if (builder->way == BUILD_COPY)
        builder->all_zeros =
            builder->nbytes > 0 && content[0] == 0 && b2_is_run(content, (size_t)builder->nbytes);
    if (builder->nbytes > 0 && builder->all_zeros)
        finish_zeros(builder);
    else if (builder->way == BUILD_COPY)
        b2_builder_write_header(builder, B2_FLAG_MEMCPYED, 0, (int32_t)builder->used);
    else
        b2_builder_write_streams_header(builder);
    return BLOSC2_OK;
}

int blosc2_builder_finish(blosc2_builder *builder, const uint8_t **chunk, int32_t *cbytes,
                          blosc2_workspace *workspace)
{
    if (builder->blocks_in != builder->block_count)
        return blosc2_fail(BLOSC2_E_ARGUMENT, "chunk: %d blocks are in (expected %d)", builder->blocks_in,
                           builder->block_count);
    bool repeats;
    int status = find_repeated(builder, &repeats, workspace);
    if (status == BLOSC2_OK) status = repeats ? finish_value(builder) : finish_blocks(builder, workspace);
    if (status < 0) return status;
    *chunk = builder->chunk.bytes;
    *cbytes = (int32_t)builder->used;
    return BLOSC2_OK;
}
