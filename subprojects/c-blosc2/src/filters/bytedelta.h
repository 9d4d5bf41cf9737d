/** The bytedelta filter: differences of bytes within `width` rows, as shuffle makes them. Layout:
 * docs/format/filters.md 6. */
#ifndef B2_FILTERS_BYTEDELTA_H
#define B2_FILTERS_BYTEDELTA_H

#include <stddef.h>
#include <stdint.h>

/** @param width  Number of rows, >= 1. @param out  Does not overlap `in`. */
void b2_bytedelta(const uint8_t *in, uint8_t *out, size_t bytes, size_t width);

/** The opposite; `out` may be `in`. */
void b2_undo_bytedelta(const uint8_t *in, uint8_t *out, size_t bytes, size_t width);

#endif
