#include "schunk/image.h"

#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"

enum { INDEX_BLOCK_BYTES = 16 * 1024 }; /* as the real library's (frame-format.md 3) */

int b2_encode_chunk(const blosc2_cparams *cparams, const uint8_t *data, int32_t bytes, int32_t block_bytes,
                    b2_buffer *out, int64_t *used, blosc2_workspace *workspace)
{
    blosc2_builder *builder;
    int status = blosc2_builder_create(cparams, &builder);
    if (status < 0) return status;
    const uint8_t *chunk = NULL;
    int32_t cbytes = 0;
    status = blosc2_builder_start(builder, bytes, block_bytes);
    for (int64_t at = 0, block = 0; at < bytes && status == BLOSC2_OK; at += block_bytes, block++)
        status = blosc2_builder_encode_block(builder, (int32_t)block, data + at, workspace);
    if (status == BLOSC2_OK) status = blosc2_builder_finish(builder, &chunk, &cbytes, workspace);
    if (status == BLOSC2_OK) status = b2_buffer_reserve(out, (size_t)(*used + cbytes));
    if (status == BLOSC2_OK) {
        memcpy(out->bytes + *used, chunk, (size_t)cbytes);
        *used += cbytes;
    }
    blosc2_builder_free(builder);
    return status;
}

static int check_count(int64_t count)
{
    if (count > B2_FRAME_CHUNK_COUNT_MAX)
        return blosc2_fail(BLOSC2_E_ARGUMENT, "frame: %lld chunks (expected at most %d)", (long long)count,
                           B2_FRAME_CHUNK_COUNT_MAX);
    return BLOSC2_OK;
}

/* All entries equal: 40 bytes, however many there are. */
static int build_uniform_index(b2_image *image, const b2_index *index)
{
    uint8_t entry[8];
    b2_store_le64(entry, (uint64_t)index->uniform);
    int status =
        b2_buffer_reserve(&image->bytes, (size_t)image->tags_bytes + BLOSC2_CHUNK_OVERHEAD + sizeof entry);
    if (status < 0) return status;
    int32_t nbytes = (int32_t)(index->count * 8);
    image->index_bytes = BLOSC2_CHUNK_OVERHEAD + sizeof entry;
    return blosc2_special_chunk(BLOSC2_SPECIAL_VALUE, 8, nbytes,
                                nbytes < INDEX_BLOCK_BYTES ? nbytes : INDEX_BLOCK_BYTES, entry, sizeof entry,
                                image->bytes.bytes + image->tags_bytes);
}

static int build_index(b2_image *image, const b2_index *index, blosc2_workspace *workspace)
{
    image->index_bytes = 0;
    if (index->count == 0) return BLOSC2_OK;
    int status = check_count(index->count);
    if (status < 0) return status;
    if (!index->entries) return build_uniform_index(image, index);
    int32_t nbytes = (int32_t)(index->count * 8);
    b2_buffer packed = {0};
    status = b2_buffer_reserve(&packed, (size_t)nbytes);
    if (status == BLOSC2_OK) {
        for (int64_t i = 0; i < index->count; i++)
            b2_store_le64(packed.bytes + 8 * i, (uint64_t)index->entries[i]);
        blosc2_cparams cparams = blosc2_cparams_default(8);
        cparams.codec = BLOSC2_BLOSCLZ;
        int64_t used = image->tags_bytes;
        status = b2_encode_chunk(&cparams, packed.bytes, nbytes, INDEX_BLOCK_BYTES, &image->bytes, &used,
                                 workspace);
        image->index_bytes = used - image->tags_bytes;
    }
    b2_buffer_free(&packed);
    return status;
}

int b2_image_build(b2_image *image, const b2_state *state, blosc2_workspace *workspace)
{
    image->tags_bytes = 0;
    if (state->has_tags)
        image->tags_bytes = b2_tags_bytes(b2_tags_count(state->index->entries, state->index->count));
    int status = b2_buffer_reserve(&image->bytes, (size_t)image->tags_bytes);
    if (status == BLOSC2_OK) status = build_index(image, state->index, workspace);
    if (status < 0) return status;
    int64_t trailer_bytes = b2_frame_trailer_size(state->variable);
    if (trailer_bytes > INT32_MAX)
        return blosc2_fail(BLOSC2_E_ARGUMENT,
                           "variable-length metalayers: a trailer of %lld bytes (expected at most %d)",
                           (long long)trailer_bytes, INT32_MAX);
    int64_t trailer_start = image->tags_bytes + image->index_bytes;
    image->tail_bytes = trailer_start + trailer_bytes;
    status = b2_buffer_reserve(&image->bytes, (size_t)image->tail_bytes);
    if (status == BLOSC2_OK) b2_frame_trailer_build(state->variable, image->bytes.bytes + trailer_start);
    return status;
}

void b2_image_free(b2_image *image)
{
    b2_buffer_free(&image->bytes);
    *image = (b2_image){0};
}

void b2_image_header(const b2_state *state, b2_frame_type type, int32_t header_bytes, int64_t section_bytes,
                     int64_t frame_bytes, uint8_t *out)
{
    const blosc2_cparams *cparams = state->cparams;
    b2_frame_header header = {
        .header_bytes = header_bytes,
        .frame_bytes = frame_bytes,
        .version = state->chunk_bytes == 0 ? 3 : 2,
        .type = type,
        .variable_chunks = state->chunk_bytes == 0,
        .codec = cparams->codec,
        .clevel = cparams->clevel,
        .split = cparams->split,
        .nbytes = state->nbytes,
        .section_bytes = section_bytes,
        .item_bytes = cparams->item_bytes,
        .block_bytes = state->block_bytes,
        .chunk_bytes = state->chunk_bytes,
        .has_variable_layers = state->variable->count > 0,
        .use_dict = cparams->use_dict,
    };
    memcpy(header.filters, cparams->filters, BLOSC2_MAX_FILTERS);
    memcpy(header.filters_meta, cparams->filters_meta, BLOSC2_MAX_FILTERS);
    b2_frame_header_build(&header, state->fixed, out);
}

static uint32_t flags_of(const b2_state *state)
{
    const uint32_t most = UINT32_MAX >> B2_FINGERPRINT_DEAD_SHIFT;
    uint32_t dead = state->dead_units < most ? state->dead_units : most;
    uint32_t flags = dead << B2_FINGERPRINT_DEAD_SHIFT;
    if (state->seal != BLOSC2_SEAL_BROKEN) flags |= B2_FINGERPRINT_SEALED;
    if (state->has_tags) flags |= B2_FINGERPRINT_TAGGED;
    if (state->seal != BLOSC2_SEAL_WHOLE) flags |= B2_FINGERPRINT_SOFT_UNKNOWN;
    return flags;
}

void b2_image_seal(b2_image *image, const b2_state *state, const uint8_t *header, int32_t header_bytes)
{
    if (state->seal == BLOSC2_SEAL_NONE) return;
    int64_t tags_bytes = state->has_tags ? image->tags_bytes : 0;
    uint8_t *table = image->bytes.bytes;
    if (tags_bytes)
        b2_tags_build(state->index->entries, state->index->tags, state->index->count, state->serial, table);
    const b2_fingerprinted of = {.tags = table,
                                 .tags_bytes = b2_tags_bound_bytes(tags_bytes),
                                 .tail = table + image->tags_bytes,
                                 .tail_bytes = image->tail_bytes - image->tags_bytes,
                                 .header = header,
                                 .header_bytes = header_bytes,
                                 .fixed = state->fixed};
    b2_fingerprint_build(&of, flags_of(state), table + image->tail_bytes - B2_FINGERPRINT_BYTES);
    if (tags_bytes) b2_tags_seal(table, tags_bytes, b2_fingerprint_tail_crc(b2_image_fingerprint(image)));
}

const uint8_t *b2_image_fingerprint(const b2_image *image)
{
    return image->bytes.bytes + image->tail_bytes - B2_FINGERPRINT_BYTES;
}
