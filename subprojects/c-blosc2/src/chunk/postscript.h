/**
 * The checksums of a stored chunk, right behind it: outside of its cbytes, where the format has a hole.
 * Pure: bytes in, bytes or a verdict out. Byte layout and reasons: docs/design/durability.md, "Checksums".
 *
 * A block read alone is verified before it is decoded. Where a block starts, and the sizes that tell where it
 * ends, need no checksum of their own: with a wrong one other bytes are checked, which give another CRC.
 */
#ifndef B2_CHUNK_POSTSCRIPT_H
#define B2_CHUNK_POSTSCRIPT_H

#include "blosc2.h"

/** Bytes of a postscript without blocks. */
enum { B2_POSTSCRIPT_MIN = 24 };

/**
 * How many CRCs of blocks a chunk has: one a block, but one for all of a repeated value, and for all of a
 * memcpyed chunk whose blocks are shorter than 64 bytes; none where the header says all.
 * @param view  A parsed header is enough: of b2_header_parse().
 */
int32_t b2_postscript_count(const blosc2_view *view);

/** Size of a chunk's postscript; the same holds. */
int32_t b2_postscript_bytes(const blosc2_view *view);

/**
 * Compute the postscript of a whole chunk.
 * @param out  Receives b2_postscript_bytes() bytes.
 * @return BLOSC2_OK, or BLOSC2_E_CORRUPT: the streams of a block do not end inside of the chunk.
 */
int b2_postscript_build(const blosc2_view *view, uint8_t *out);

/** Size of the postscript that begins with these B2_POSTSCRIPT_MIN bytes; 0: none does. */
int64_t b2_postscript_stated_bytes(const uint8_t *bytes);

/** True if a whole and undamaged postscript lies there, of whatever chunk. */
bool b2_postscript_is_intact(const uint8_t *bytes, size_t available);

/**
 * Verify a chunk's header alone.
 * @param view        A parsed header is enough.
 * @param postscript  B2_POSTSCRIPT_MIN bytes or more, from behind the chunk.
 * @return BLOSC2_OK, or BLOSC2_E_CORRUPT.
 */
int b2_postscript_check_header(const blosc2_view *view, const uint8_t *postscript);

/** The same for a header that could not be parsed. @param header_bytes 16 or 32. */
int b2_postscript_check_raw_header(const uint8_t *header, int32_t header_bytes, const uint8_t *postscript);

/** Verify the header, and if there is a dictionary the tables. @param postscript All b2_postscript_bytes() of
 * it, here and below. */
int b2_postscript_check_head(const blosc2_view *view, const uint8_t *postscript);

/**
 * Verify that a chunk and its postscript are those of which an index has told.
 * @param bytes  Of both.
 * @param crc    The last four bytes of the postscript, as a number.
 */
int b2_postscript_check_tag(const blosc2_view *view, const uint8_t *postscript, int64_t bytes, uint32_t crc);

/** Verify bstarts and dictionary. Single blocks need it for the dictionary alone. */
int b2_postscript_check_tables(const blosc2_view *view, const uint8_t *postscript);

/** Verify the stored bytes of one block: 0 <= block < view->block_count. */
int b2_postscript_check_block(const blosc2_view *view, const uint8_t *postscript, int32_t block);

/** Bytes [start, stop) of a chunk, and what their CRC should be. */
typedef struct b2_summed {
    int64_t start, stop;
    uint32_t crc;
} b2_summed;

enum { B2_SUM_OF_HEADER = -2, B2_SUM_OF_TABLES = -1 };

/**
 * What one of the CRCs is of.
 * @param which  One of the two above, or 0 <= which < b2_postscript_count().
 * @return BLOSC2_OK, or BLOSC2_E_CORRUPT: the streams of that block do not end inside of the chunk.
 */
int b2_postscript_sum(const blosc2_view *view, const uint8_t *postscript, int32_t which, b2_summed *out);

/** Verify all of the chunk: its head, every block, its tables. */
int b2_postscript_check(const blosc2_view *view, const uint8_t *postscript);

#endif
