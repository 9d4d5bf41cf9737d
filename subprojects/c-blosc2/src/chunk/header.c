#include "chunk/header.h"

#include <string.h>

#include "base/bytes.h"
#include "codecs/codecs.h"

/* The pipeline of a 16-byte header comes from its flags (chunk-format.md 2). */
static void filters_from_flags(uint8_t flags, blosc2_view *view)
{
    if (flags & B2_FLAG_SHUFFLE) view->filters[5] = BLOSC2_SHUFFLE;
    if (flags & B2_FLAG_BITSHUFFLE) view->filters[5] = BLOSC2_BITSHUFFLE;
    if (flags & B2_FLAG_DELTA) view->filters[4] = BLOSC2_DELTA;
}

static int parse_extension(const uint8_t *bytes, blosc2_view *view)
{
    uint8_t flags2 = bytes[0x1e], flags31 = bytes[0x1f];
    if (view->version > B2_VERSION_NEWEST && (flags2 & ~B2_FLAG2_VL_BLOCKS))
        return blosc2_fail(BLOSC2_E_UNSUPPORTED, "chunk header: version %d with flags 0x%02x at offset 0x1e",
                           view->version, flags2);
    if (flags31 & B2_FLAG31_LAZY)
        return blosc2_fail(BLOSC2_E_CORRUPT, "chunk header: a lazy chunk in a frame");
    if (flags31 & B2_FLAG31_INSTRUMENTED)
        return blosc2_fail(BLOSC2_E_CORRUPT, "chunk header: an instrumented chunk holds no data");
    memcpy(view->filters, bytes + 0x10, BLOSC2_MAX_FILTERS);
    memcpy(view->filters_meta, bytes + 0x18, BLOSC2_MAX_FILTERS);
    if (view->version == B2_VERSION_ALPHA) view->filters[5] = view->filters_meta[5] = 0;
    view->special = flags31 >> B2_FLAG31_SPECIAL_SHIFT & 7;
    view->vl_blocks = flags2 & B2_FLAG2_VL_BLOCKS;
    view->dict_bytes = flags31 & B2_FLAG31_DICT ? -1 : 0; /* -1: there is one, size not read yet */
    if (view->special > BLOSC2_SPECIAL_UNINIT)
        return blosc2_fail(BLOSC2_E_CORRUPT, "chunk header: special value kind %d (expected 0..4)",
                           view->special);
    if ((view->vl_blocks != 0) + view->memcpyed + (view->special != 0) > 1)
        return blosc2_fail(BLOSC2_E_CORRUPT, "chunk header: more than one of VL-blocks, memcpyed, special");
    return BLOSC2_OK;
}

static int check_format(const uint8_t *bytes, const blosc2_view *view)
{
    switch (view->codec_format) {
    case B2_FORMAT_BLOSCLZ:
    case B2_FORMAT_LZ4:
    case B2_FORMAT_ZLIB:
    case B2_FORMAT_ZSTD:
        return BLOSC2_OK;
    case 6:
        return blosc2_fail(
            BLOSC2_E_UNSUPPORTED,
            "chunk header: codec id %d is none of the format's five (blosclz, lz4, lz4hc, zlib, "
            "zstd) but a plugin's, and plugins are not supported here: copy the array to one of "
            "the five with the library that wrote it (python-blosc2: array.copy(cparams=...))",
            view->header_bytes == B2_HEADER_EXTENDED ? bytes[0x16] : 6);
    default:
        return blosc2_fail(BLOSC2_E_CORRUPT, "chunk header: codec format %d (expected 0, 1, 3, 4 or 6)",
                           view->codec_format);
    }
}

int b2_header_parse(const uint8_t *bytes, size_t at_hand, int64_t room, blosc2_view *view)
{
    *view = (blosc2_view){.bytes = bytes};
    if (at_hand < B2_HEADER_BLOSC1)
        return blosc2_fail(BLOSC2_E_CORRUPT, "chunk header: %zu bytes (expected at least 16)", at_hand);
    uint8_t flags = bytes[2];
    bool extended = (flags & B2_FLAG_EXTENDED) == B2_FLAG_EXTENDED;
    view->version = bytes[0];
    view->item_bytes = bytes[3];
    view->nbytes = b2_load_le_i32(bytes + 4);
    view->block_bytes = b2_load_le_i32(bytes + 8);
    view->cbytes = b2_load_le_i32(bytes + 12);
    view->header_bytes = extended ? B2_HEADER_EXTENDED : B2_HEADER_BLOSC1;
    view->codec_format = flags >> B2_FLAG_FORMAT_SHIFT;
    view->memcpyed = flags & B2_FLAG_MEMCPYED;
    view->split = !(flags & B2_FLAG_NOT_SPLIT);

    if (view->version == 0) return blosc2_fail(BLOSC2_E_CORRUPT, "chunk header: version 0");
    if (view->item_bytes == 0) return blosc2_fail(BLOSC2_E_CORRUPT, "chunk header: typesize 0");
    if (view->nbytes < 0 || view->nbytes > BLOSC2_MAX_CHUNK_BYTES)
        return blosc2_fail(BLOSC2_E_CORRUPT, "chunk header: nbytes %d (expected 0..%d)", view->nbytes,
                           BLOSC2_MAX_CHUNK_BYTES);
    if (view->block_bytes < 1 || view->block_bytes > BLOSC2_MAX_BLOCK_BYTES)
        return blosc2_fail(BLOSC2_E_CORRUPT, "chunk header: blocksize %d (expected 1..%d)", view->block_bytes,
                           BLOSC2_MAX_BLOCK_BYTES);
    if (view->cbytes < view->header_bytes || view->cbytes > room)
        return blosc2_fail(BLOSC2_E_CORRUPT, "chunk header: cbytes %d (expected %d..%lld)", view->cbytes,
                           view->header_bytes, (long long)room);
    if (at_hand < (size_t)view->header_bytes)
        return blosc2_fail(BLOSC2_E_CORRUPT, "chunk header: %zu bytes (expected 32)", at_hand);
    if (extended) {
        int status = parse_extension(bytes, view);
        if (status < 0) return status;
    } else {
        filters_from_flags(flags, view);
    }
    if (!view->vl_blocks && view->nbytes > 0 && view->nbytes < view->block_bytes)
        view->block_bytes = view->nbytes;
    view->block_count = view->vl_blocks
                            ? view->block_bytes
                            : view->nbytes / view->block_bytes + (view->nbytes % view->block_bytes != 0);
    return view->special || view->memcpyed ? BLOSC2_OK : check_format(bytes, view);
}

void b2_header_write(const b2_header *header, uint8_t *out)
{
    memset(out, 0, B2_HEADER_EXTENDED);
    out[0] = B2_VERSION_WRITTEN;
    out[1] = 1; /* versionlz: of the codec's own format */
    out[2] = header->flags | B2_FLAG_EXTENDED;
    out[3] = (uint8_t)b2_stored_item_bytes(header->item_bytes);
    b2_store_le32(out + 4, (uint32_t)header->nbytes);
    b2_store_le32(out + 8, (uint32_t)header->block_bytes);
    b2_store_le32(out + 12, (uint32_t)header->cbytes);
    if (header->filters) memcpy(out + 0x10, header->filters, BLOSC2_MAX_FILTERS);
    out[0x16] = (uint8_t)header->codec;
    if (header->filters_meta) memcpy(out + 0x18, header->filters_meta, BLOSC2_MAX_FILTERS);
    out[0x1f] = header->flags31;
}
