/** The delta filter: XOR with the word before (block 0) or with block 0 (other blocks). Layout:
 * docs/format/filters.md 4. */
#ifndef B2_FILTERS_DELTA_H
#define B2_FILTERS_DELTA_H

#include <stddef.h>
#include <stdint.h>

/** Bytes of a word: 1, 2, 4 or 8, by the chunk's item size. */
size_t b2_delta_unit(int32_t item_bytes);

/**
 * @param reference  Content of block 0, at least `bytes` long; NULL when this is block 0.
 * @param out        Does not overlap `in`.
 */
void b2_delta(const uint8_t *in, uint8_t *out, size_t bytes, int32_t item_bytes, const uint8_t *reference);

/** The opposite; `out` may be `in`. */
void b2_undo_delta(const uint8_t *in, uint8_t *out, size_t bytes, int32_t item_bytes,
                   const uint8_t *reference);

#endif
