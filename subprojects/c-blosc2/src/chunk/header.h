/**
 * The 16 or 32 bytes at the start of a chunk. Byte layout: docs/format/chunk-format.md 2-4. Pure.
 */
#ifndef B2_CHUNK_HEADER_H
#define B2_CHUNK_HEADER_H

#include "blosc2.h"

enum {
    B2_HEADER_BLOSC1 = 16,
    B2_HEADER_EXTENDED = 32,
    B2_DICT_BYTES_MAX = 32768,

    /* flags, offset 2 */
    B2_FLAG_SHUFFLE = 0x01,
    B2_FLAG_MEMCPYED = 0x02,
    B2_FLAG_BITSHUFFLE = 0x04,
    B2_FLAG_EXTENDED = 0x05, /* both shuffles at once say: 32-byte header */
    B2_FLAG_DELTA = 0x08,
    B2_FLAG_NOT_SPLIT = 0x10,
    B2_FLAG_FORMAT_SHIFT = 5,

    /* offset 0x1e */
    B2_FLAG2_VL_BLOCKS = 0x01,

    /* offset 0x1f */
    B2_FLAG31_DICT = 0x01,
    B2_FLAG31_LAZY = 0x08,
    B2_FLAG31_SPECIAL_SHIFT = 4,
    B2_FLAG31_INSTRUMENTED = 0x80,

    B2_VERSION_BLOSC1 = 2,
    B2_VERSION_ALPHA = 3,
    B2_VERSION_WRITTEN = 5,
    B2_VERSION_NEWEST = 6,
};

/**
 * Parse the header alone into `view`: all fields but dict_bytes, dict_start and streams_start, which
 * blosc2_view_init() adds.
 *
 * @param bytes    The chunk's start.
 * @param at_hand  Readable bytes there.
 * @param room     Bytes that belong to the chunk's container from there on: cbytes must not exceed them. >=
 * at_hand.
 */
int b2_header_parse(const uint8_t *bytes, size_t at_hand, int64_t room, blosc2_view *view);

/** Fields of a chunk to be written. */
typedef struct b2_header {
    uint8_t flags;
    uint8_t flags31;
    int32_t item_bytes; /* true one; stored as 1 above 255 */
    int32_t nbytes;
    int32_t block_bytes;
    int32_t cbytes;
    int codec; /* id for offset 0x16 */
    const uint8_t *filters;
    const uint8_t *filters_meta;
} b2_header;

/** Write the 32 bytes of an extended header. */
void b2_header_write(const b2_header *header, uint8_t *out);

/** The item size that a chunk stores and its filters work with: 1 above 255 (chunk-format.md 9). */
static inline int32_t b2_stored_item_bytes(int32_t item_bytes)
{
    return item_bytes > 255 ? 1 : item_bytes;
}

#endif
