/**
 * Chunks from blocks: new ones, and compressed ones taken over from another chunk.
 *
 * Three ways to build, chosen when a chunk starts:
 *  - STREAMS: each block is filtered and compressed as it comes. When the sum exceeds what a copy would take,
 * the blocks so far are decoded again and the chunk goes on as COPY: so no raw copy of compressible data is
 * kept.
 *  - COPY: the content follows the header as it is (chunk-format.md 6).
 *  - GATHER: all blocks must be known first (delta refers to block 0, a dictionary is trained on all): they
 * are collected, and go through STREAMS at the end.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/memory.h"
#include "chunk/builder.h"
#include "chunk/cparams.h"
#include "chunk/encode.h"
#include "chunk/header.h"
#include "chunk/postscript.h"
#include "chunk/view.h"
#include "chunk/workspace.h"

/*
 * A chunk that may take up to this much has all its room from the beginning: memory is taken when it is
 * touched, and a chunk that grows would be there twice while it is moved.
 */
enum { RESERVED_BYTES_MAX = 64 << 20 };

int blosc2_builder_create(const blosc2_cparams *cparams, blosc2_builder **out)
{
    int status = blosc2_cparams_check(cparams);
    if (status < 0) return status;
    blosc2_builder *builder = b2_calloc(sizeof *builder);
    if (!builder) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a chunk builder");
    builder->cparams = *cparams;
    builder->pipeline = b2_cparams_pipeline(cparams);
    *out = builder;
    return BLOSC2_OK;
}

void blosc2_builder_free(blosc2_builder *builder)
{
    if (!builder) return;
    b2_buffer_free(&builder->chunk);
    b2_buffer_free(&builder->spare);
    b2_buffer_free(&builder->gather);
    b2_buffer_free(&builder->samples);
    b2_buffer_free(&builder->constant);
    b2_free(builder);
}

void blosc2_builder_trim(blosc2_builder *builder)
{
    b2_buffer_trim(&builder->chunk);
    b2_buffer_trim(&builder->spare);
    b2_buffer_trim(&builder->gather);
    b2_buffer_trim(&builder->samples);
}

int32_t b2_builder_block_nbytes(const blosc2_builder *builder, int32_t block)
{
    int64_t left = builder->nbytes - (int64_t)block * builder->block_bytes;
    return left < builder->block_bytes ? (int32_t)left : builder->block_bytes;
}

int32_t b2_builder_stream_count(const blosc2_builder *builder, int32_t bytes)
{
    return builder->split && bytes == builder->block_bytes ? builder->pipeline.item_bytes : 1;
}

static int64_t block_bound(const blosc2_builder *builder)
{
    return b2_streams_bound(builder->block_bytes, b2_builder_stream_count(builder, builder->block_bytes));
}

/* Starts an empty table of block starts; 0 marks a block that is not in yet. */
int b2_builder_start_streams(blosc2_builder *builder)
{
    builder->way = BUILD_STREAMS;
    builder->used = B2_HEADER_EXTENDED + 4 * (int64_t)builder->block_count;
    int64_t most = builder->nbytes + BLOSC2_CHUNK_OVERHEAD + block_bound(builder);
    if (most > RESERVED_BYTES_MAX) most = builder->used;
    int status = b2_buffer_reserve(&builder->chunk, (size_t)b2_max_i64(builder->used, most));
    if (status == BLOSC2_OK) memset(builder->chunk.bytes, 0, (size_t)builder->used);
    return status;
}

static int start_copy(blosc2_builder *builder)
{
    builder->way = BUILD_COPY;
    builder->used = B2_HEADER_EXTENDED + (int64_t)builder->nbytes;
    return b2_buffer_reserve(&builder->chunk, (size_t)builder->used);
}

int blosc2_builder_start(blosc2_builder *builder, int32_t nbytes, int32_t block_bytes)
{
    int32_t item_bytes = builder->cparams.item_bytes;
    if (nbytes < 0 || nbytes > BLOSC2_MAX_CHUNK_BYTES)
        return blosc2_fail(BLOSC2_E_ARGUMENT, "chunk: %d bytes (expected 0..%d)", nbytes,
                           BLOSC2_MAX_CHUNK_BYTES);
    if (block_bytes < 1 || block_bytes > BLOSC2_MAX_BLOCK_BYTES ||
        (nbytes >= item_bytes && block_bytes % item_bytes))
        return blosc2_fail(BLOSC2_E_ARGUMENT,
                           "block: %d bytes (expected 1..%d, a multiple of the item size %d)", block_bytes,
                           BLOSC2_MAX_BLOCK_BYTES, item_bytes);
    if (block_bytes > nbytes) block_bytes = nbytes > 0 ? nbytes : 1;
    builder->nbytes = nbytes;
    builder->block_bytes = block_bytes;
    builder->block_count = nbytes / block_bytes + (nbytes % block_bytes != 0);
    builder->blocks_in = 0;
    builder->dict_bytes = 0;
    builder->all_zeros = true;
    builder->may_repeat = nbytes % block_bytes == 0 && block_bytes % item_bytes == 0 && nbytes > item_bytes;
    builder->constant_start = 0;
    builder->split = b2_cparams_split(&builder->cparams, block_bytes);
    if (builder->cparams.clevel == 0 || nbytes < B2_HEADER_EXTENDED) return start_copy(builder);
    if (builder->cparams.use_dict || b2_pipeline_has_delta(&builder->pipeline)) {
        builder->way = BUILD_GATHER;
        builder->may_repeat = false; /* streams depend on other blocks */
        return b2_buffer_reserve(&builder->gather, (size_t)nbytes);
    }
    return b2_builder_start_streams(builder);
}

bool blosc2_builder_can_copy(const blosc2_builder *builder, const blosc2_view *old)
{
    return builder->way == BUILD_STREAMS && b2_view_is_regular(old) && !old->vl_blocks && !old->dict_bytes &&
           old->header_bytes == B2_HEADER_EXTENDED && old->version != B2_VERSION_ALPHA &&
           old->version != B2_VERSION_BLOSC1 && old->nbytes == builder->nbytes &&
           old->block_bytes == builder->block_bytes && old->item_bytes == builder->pipeline.item_bytes &&
           old->codec_format == b2_codec_format(builder->cparams.codec) && old->split == builder->split &&
           !memcmp(old->filters, builder->cparams.filters, BLOSC2_MAX_FILTERS) &&
           !memcmp(old->filters_meta, builder->cparams.filters_meta, BLOSC2_MAX_FILTERS);
}

void b2_builder_write_header(const blosc2_builder *builder, uint8_t flags, uint8_t flags31, int32_t cbytes)
{
    b2_header header = {
        .flags = flags,
        .flags31 = flags31,
        .item_bytes = builder->cparams.item_bytes,
        .nbytes = builder->nbytes,
        .block_bytes = builder->block_bytes,
        .cbytes = cbytes,
        .codec = builder->cparams.codec,
        .filters = builder->cparams.filters,
        .filters_meta = builder->cparams.filters_meta,
    };
    b2_header_write(&header, builder->chunk.bytes);
}

void b2_builder_write_streams_header(const blosc2_builder *builder)
{
    unsigned flags = (unsigned)b2_codec_format(builder->cparams.codec) << B2_FLAG_FORMAT_SHIFT;
    if (!builder->split) flags |= B2_FLAG_NOT_SPLIT;
    if (b2_pipeline_has_delta(&builder->pipeline)) flags |= B2_FLAG_DELTA;
    b2_builder_write_header(builder, (uint8_t)flags, builder->dict_bytes ? B2_FLAG31_DICT : 0,
                            (int32_t)builder->used);
}

/* STREAMS to COPY: decode what is there into a raw chunk. */
static int switch_to_copy(blosc2_builder *builder, blosc2_workspace *workspace)
{
    b2_builder_write_streams_header(builder);
    blosc2_view view;
    int status = blosc2_view_init(&view, builder->chunk.bytes, (size_t)builder->used,
                                  builder->cparams.item_bytes, builder->nbytes);
    b2_buffer *raw = &builder->spare;
    if (status == BLOSC2_OK) status = b2_buffer_reserve(raw, B2_HEADER_EXTENDED + (size_t)builder->nbytes);
    for (int32_t i = 0; i < builder->block_count && status == BLOSC2_OK; i++) {
        if (b2_load_le32(builder->chunk.bytes + B2_HEADER_EXTENDED + 4 * (size_t)i) == 0) continue;
        uint8_t *out = raw->bytes + B2_HEADER_EXTENDED + (size_t)i * (size_t)builder->block_bytes;
        status = blosc2_view_decode_block(&view, i, out, workspace);
    }
    if (status < 0) return status;
    b2_buffer streams = builder->chunk;
    builder->chunk = *raw;
    *raw = streams;
    return start_copy(builder);
}

/* Room for one more block at the end of the streams. */
int b2_builder_reserve_streams(blosc2_builder *builder, int64_t bytes)
{
    return b2_buffer_reserve(&builder->chunk, (size_t)(builder->used + bytes));
}

static int64_t streams_begin(const blosc2_builder *builder)
{
    return B2_HEADER_EXTENDED + 4 * (int64_t)builder->block_count;
}

/* Streams of `bytes` bytes that a block has at `streams`: are they the first block's? */
static void compare_with_first(blosc2_builder *builder, const uint8_t *streams, int64_t bytes)
{
    if (!builder->may_repeat) return;
    if (builder->blocks_in == 0)
        builder->first_bytes = bytes;
    else
        builder->may_repeat =
            bytes == builder->first_bytes &&
            memcmp(builder->chunk.bytes + streams_begin(builder), streams, (size_t)bytes) == 0;
}

/* Whether a chunk with so many more bytes of streams is still one worth having, and one whose size its header
 * can tell. */
static bool has_room(const blosc2_builder *builder, int64_t bytes)
{
    return builder->used + bytes <= (int64_t)builder->nbytes + BLOSC2_CHUNK_OVERHEAD;
}

/*
 * The streams of `block` were just written at the end. If they are too many there, the chunk becomes a COPY
 * without this block, which is the caller's to add.
 */
static int streams_added(blosc2_builder *builder, int32_t block, int64_t bytes, blosc2_workspace *workspace)
{
    if (!has_room(builder, bytes)) return switch_to_copy(builder, workspace);
    b2_store_le32(builder->chunk.bytes + B2_HEADER_EXTENDED + 4 * (size_t)block, (uint32_t)builder->used);
    compare_with_first(builder, builder->chunk.bytes + builder->used, bytes);
    builder->used += bytes;
    builder->blocks_in++;
    /* Only streams of zeros are a bare size: all of them are when the block takes nothing else. */
    if (bytes != 4 * (int64_t)b2_builder_stream_count(builder, b2_builder_block_nbytes(builder, block)))
        builder->all_zeros = false;
    return BLOSC2_OK;
}

int b2_builder_add_filtered(blosc2_builder *builder, int32_t block, const uint8_t *filtered,
                            blosc2_workspace *workspace)
{
    int32_t bytes = b2_builder_block_nbytes(builder, block);
    int32_t streams = b2_builder_stream_count(builder, bytes);
    int status = b2_builder_reserve_streams(builder, b2_streams_bound(bytes, streams));
    if (status < 0) return status;
    int64_t written = b2_encode_streams(&builder->cparams, filtered, bytes, streams,
                                        builder->chunk.bytes + builder->used, workspace->codecs);
    if (written < 0) return (int)written;
    return streams_added(builder, block, written, workspace);
}

const uint8_t *b2_builder_filter(const blosc2_builder *builder, const uint8_t *data, int32_t bytes,
                                 const uint8_t *reference, blosc2_workspace *workspace, int *status)
{
    *status = b2_buffer_reserve(&workspace->filtered, (size_t)bytes);
    if (*status == BLOSC2_OK) *status = b2_buffer_reserve(&workspace->scratch, (size_t)bytes);
    if (*status < 0) return NULL;
    return b2_pipeline_forward(&builder->pipeline, data, bytes, reference, workspace->filtered.bytes,
                               workspace->scratch.bytes);
}

void b2_builder_use_no_dict(blosc2_workspace *workspace)
{
    if (workspace->dict_serial) b2_codec_set_dict(workspace->codecs, NULL, 0);
    workspace->dict_serial = 0;
}

/* A full block that repeats one item: if another one did, its streams are taken. */
static int add_constant(blosc2_builder *builder, int32_t block, const uint8_t *data, bool *added,
                        blosc2_workspace *workspace)
{
    size_t item_bytes = (size_t)builder->cparams.item_bytes;
    int64_t bytes = builder->constant_bytes;
    *added = false;
    if (builder->constant_start == 0 || memcmp(builder->constant.bytes, data, item_bytes)) {
        int status = b2_buffer_reserve(&builder->constant, item_bytes);
        if (status < 0) return status;
        memcpy(builder->constant.bytes, data, item_bytes);
        builder->constant_start = builder->used; /* where they will be */
        return BLOSC2_OK;
    }
    int status = b2_builder_reserve_streams(builder, bytes);
    if (status < 0) return status;
    memcpy(builder->chunk.bytes + builder->used, builder->chunk.bytes + builder->constant_start,
           (size_t)bytes);
    *added = true;
    return streams_added(builder, block, bytes, workspace);
}

static int encode_to_streams(blosc2_builder *builder, int32_t block, const uint8_t *data,
                             blosc2_workspace *workspace)
{
    int32_t bytes = b2_builder_block_nbytes(builder, block);
    int32_t item_bytes = builder->cparams.item_bytes;
    bool constant =
        bytes == builder->block_bytes && bytes > item_bytes && b2_repeats_item(data, bytes, item_bytes);
    if (!constant && bytes != item_bytes) builder->may_repeat = false;
    bool added = false;
    int status = constant ? add_constant(builder, block, data, &added, workspace) : BLOSC2_OK;
    if (status < 0 || added) return status;
    b2_builder_use_no_dict(workspace);
    const uint8_t *filtered = b2_builder_filter(builder, data, bytes, NULL, workspace, &status);
    int64_t before = builder->used;
    if (status == BLOSC2_OK) status = b2_builder_add_filtered(builder, block, filtered, workspace);
    if (constant) builder->constant_bytes = builder->used - before;
    return status;
}

/* A block of a COPY, or of what is gathered. */
static void add_content(blosc2_builder *builder, int32_t block, const uint8_t *data)
{
    uint8_t *out = b2_builder_content_of(builder) + (size_t)block * (size_t)builder->block_bytes;
    memcpy(out, data, (size_t)b2_builder_block_nbytes(builder, block));
    builder->blocks_in++;
}

/* Where COPY and GATHER keep the content. */
uint8_t *b2_builder_content_of(const blosc2_builder *builder)
{
    return builder->way == BUILD_COPY ? builder->chunk.bytes + B2_HEADER_EXTENDED : builder->gather.bytes;
}

int blosc2_builder_encode_block(blosc2_builder *builder, int32_t block, const void *data,
                                blosc2_workspace *workspace)
{
    if (block < 0 || block >= builder->block_count)
        return blosc2_fail(BLOSC2_E_ARGUMENT, "block: %d (expected 0..%d)", block, builder->block_count - 1);
    bool is_streams = builder->way == BUILD_STREAMS;
    int status = is_streams ? encode_to_streams(builder, block, data, workspace) : BLOSC2_OK;
    if (status == BLOSC2_OK && builder->way != BUILD_STREAMS) add_content(builder, block, data);
    return status;
}

/* The block decoded, and added by its content. */
static int add_decoded(blosc2_builder *builder, int32_t block, const blosc2_view *old,
                       blosc2_workspace *workspace)
{
    int status = b2_buffer_reserve(&workspace->block, (size_t)builder->block_bytes);
    if (status == BLOSC2_OK) status = blosc2_view_decode_block(old, block, workspace->block.bytes, workspace);
    if (status < 0) return status;
    return blosc2_builder_encode_block(builder, block, workspace->block.bytes, workspace);
}

int blosc2_builder_copy_block(blosc2_builder *builder, int32_t block, const blosc2_view *old,
                              blosc2_workspace *workspace)
{
    if (!blosc2_builder_can_copy(builder, old)) return add_decoded(builder, block, old, workspace);
    int32_t start, end;
    int status = old->postscript ? b2_postscript_check_block(old, old->postscript, block) : BLOSC2_OK;
    if (status == BLOSC2_OK) status = b2_view_block_start(old, block, &start);
    if (status == BLOSC2_OK) status = b2_view_block_end(old, block, old->cbytes, &end);
    if (status == BLOSC2_OK && end == 0)
        status = blosc2_fail(BLOSC2_E_CORRUPT, "block %d: its streams end beyond the chunk", block);
    if (status == BLOSC2_OK) status = b2_builder_reserve_streams(builder, end - start);
    if (status < 0) return status;
    memcpy(builder->chunk.bytes + builder->used, old->bytes + start, (size_t)(end - start));
    status = streams_added(builder, block, end - start, workspace);
    bool is_left = status == BLOSC2_OK && builder->way != BUILD_STREAMS;
    return is_left ? add_decoded(builder, block, old, workspace) : status;
}

/* The streams of `from` as they lie, behind ours. */
static int take_streams(blosc2_builder *builder, const blosc2_builder *from)
{
    const uint8_t *their_starts = from->chunk.bytes + B2_HEADER_EXTENDED;
    int64_t begin = streams_begin(from);
    int64_t bytes = from->used - begin, shift = builder->used - begin;
    int status = b2_builder_reserve_streams(builder, bytes);
    if (status < 0) return status;
    memcpy(builder->chunk.bytes + builder->used, from->chunk.bytes + begin, (size_t)bytes);
    if (!from->may_repeat) builder->may_repeat = false;
    if (bytes > 0) compare_with_first(builder, from->chunk.bytes + begin, from->first_bytes);
    uint8_t *starts = builder->chunk.bytes + B2_HEADER_EXTENDED;
    for (int32_t i = 0; i < builder->block_count; i++) {
        int64_t start = b2_load_le32(their_starts + 4 * (size_t)i);
        if (start) b2_store_le32(starts + 4 * (size_t)i, (uint32_t)(start + shift));
    }
    builder->used += bytes;
    if (!from->all_zeros) builder->all_zeros = false;
    return BLOSC2_OK;
}

int blosc2_builder_take(blosc2_builder *builder, blosc2_builder *from, int32_t first, int32_t stop,
                        blosc2_workspace *workspace)
{
    if (first < 0 || stop < first || stop > builder->block_count || from->blocks_in != stop - first ||
        from->nbytes != builder->nbytes || from->block_bytes != builder->block_bytes)
        return blosc2_fail(BLOSC2_E_ARGUMENT, "chunk: cannot take blocks %d..%d from one of %d blocks", first,
                           stop, from->blocks_in);
    int status = BLOSC2_OK;
    if (builder->way == BUILD_STREAMS && from->way == BUILD_STREAMS &&
        has_room(builder, from->used - streams_begin(from))) {
        status = take_streams(builder, from);
    } else if (stop > first) {
        if (builder->way == BUILD_STREAMS) status = switch_to_copy(builder, workspace);
        if (status == BLOSC2_OK && from->way == BUILD_STREAMS) status = switch_to_copy(from, workspace);
        if (status < 0) return status;
        size_t begin = (size_t)first * (size_t)builder->block_bytes;
        size_t end = begin + (size_t)(stop - first - 1) * (size_t)builder->block_bytes +
                     (size_t)b2_builder_block_nbytes(builder, stop - 1);
        memcpy(b2_builder_content_of(builder) + begin, b2_builder_content_of(from) + begin, end - begin);
    }
    builder->blocks_in += stop - first;
    return status;
}
