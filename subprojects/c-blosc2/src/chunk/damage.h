/**
 * What kind of damage a stored chunk has: flipped bits, as a medium makes them, or bytes that were never
 * written. Pure: bytes in, a verdict out.
 *
 * A CRC is linear: the difference of what it is and what it should be tells of a single flipped bit, and
 * which one it is. So a chunk that no power cut has harmed is told from one that it has, without the bytes
 * that should be there.
 */
#ifndef B2_CHUNK_DAMAGE_H
#define B2_CHUNK_DAMAGE_H

#include "blosc2.h"

typedef enum b2_damage {
    B2_DAMAGE_NONE,
    B2_DAMAGE_FLIP, /* no part that has a checksum has more than one flipped bit, as far as can be told */
    B2_DAMAGE_MORE,
} b2_damage;

/**
 * Judge a stored chunk.
 * @param bytes       The chunk and its postscript.
 * @param count       How many bytes these are, by the chunk's tag.
 * @param crc         The last four of them as a number, by the tag.
 * @param item_bytes  Item size of the super-chunk.
 */
b2_damage b2_chunk_damage(const uint8_t *bytes, int64_t count, uint32_t crc, int32_t item_bytes);

#endif
