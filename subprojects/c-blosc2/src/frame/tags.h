/**
 * The tags of a frame's stored chunks: how many bytes lie at each chunk's place, and the CRC that ends them;
 * and when this state was committed.
 * They lie right before the chunk index, where the format has a hole. Pure: no I/O.
 * Byte layout and reasons: docs/design/durability.md, "Tags".
 */
#ifndef B2_FRAME_TAGS_H
#define B2_FRAME_TAGS_H

#include <stdint.h>

/**
 * How many bytes a stored chunk has, its postscript included, and that postscript's own CRC: another chunk in
 * the same place, or an older one, has another.
 */
typedef struct b2_tag {
    uint32_t bytes; /* 0: not known */
    uint32_t crc;   /* of chunks without a postscript 0, which says nothing */
} b2_tag;

/** How many of `count` entries of an index are of stored chunks: those have a tag. */
int64_t b2_tags_count(const int64_t *entries, int64_t count);

/** Size of the table of `stored` chunks, 0 <= stored <= B2_FRAME_CHUNK_COUNT_MAX. */
int64_t b2_tags_bytes(int64_t stored);

/** Bytes of a table of `bytes` bytes that the fingerprint's CRC counts: all but the CRCs at its end. */
int64_t b2_tags_bound_bytes(int64_t bytes);

/**
 * Write the tags of the stored ones of `count` chunks: the first b2_tags_bound_bytes() bytes.
 * @param serial  Of the state: it grows with each commit, and with each copy of the header (frame/copy.h).
 */
void b2_tags_build(const int64_t *entries, const b2_tag *tags, int64_t count, uint64_t serial, uint8_t *out);

/** The state's serial number in a table of `bytes` bytes. */
uint64_t b2_tags_serial(const uint8_t *table, int64_t bytes);

/**
 * Write the CRCs at the end of a table of `bytes` bytes that is built.
 * @param tail_crc  That of the fingerprint, which binds the table to its index (frame/fingerprint.h).
 */
void b2_tags_seal(uint8_t *table, int64_t bytes, uint32_t tail_crc);

/**
 * Read the table of the stored ones of `count` chunks.
 * @param bytes  b2_tags_bytes() bytes.
 * @param out    Receives `count` tags, those of chunks that are not stored being zeros.
 * @return BLOSC2_OK, or BLOSC2_E_CORRUPT: it is damaged, or another index's.
 */
int b2_tags_parse(const uint8_t *bytes, const int64_t *entries, int64_t count, uint32_t tail_crc,
                  b2_tag *out);

/** How many tags the table has that begins with these bytes, which are not verified; -1: none does. */
int64_t b2_tags_find(const uint8_t *bytes, int64_t available);

#endif
