/** The truncating filters: clear low bits of each item, for good. Layout: docs/format/filters.md 5 and 7. */
#ifndef B2_FILTERS_TRUNCATE_H
#define B2_FILTERS_TRUNCATE_H

#include <stddef.h>
#include <stdint.h>

/**
 * How many bits are cleared.
 *
 * @param filter      BLOSC2_TRUNC_PREC or BLOSC2_INT_TRUNC.
 * @param item_bytes  4 or 8 for the former; 1, 2, 4 or 8 for the latter.
 * @param meta        Two's complement: bits to keep if >= 0, to drop if < 0.
 * @param dropped     Set to the number of bits.
 * @return BLOSC2_OK, or BLOSC2_E_ARGUMENT when item size or meta do not fit.
 */
int b2_truncate_bits(int filter, int32_t item_bytes, uint8_t meta, int *dropped);

/** Clear the `dropped` lowest bits of every little-endian item; trailing bytes are copied. `out` may be `in`.
 */
void b2_truncate(const uint8_t *in, uint8_t *out, size_t bytes, int32_t item_bytes, int dropped);

#endif
