/** Copying N-dimensional boxes between strided memories. Pure. */
#ifndef CAT_COPY_BOX_H
#define CAT_COPY_BOX_H

#include <stdbool.h>
#include <stdint.h>

#include "caterva.h"

/**
 * Copy a box of items.
 *
 * @param counts        Items on each axis; any may be 0.
 * @param item_bytes    1..; any size, at any alignment.
 * @param to            First item of the box; must not overlap `from`.
 * @param to_strides    Bytes from item to item; any sign. Items must not overlap.
 * @param from_strides  The same; 0 repeats an item.
 */
void cat_copy_box(int ndim, const int64_t *counts, int64_t item_bytes, void *to, const int64_t *to_strides,
                  const void *from, const int64_t *from_strides);

/** The same, past the caches where rows of the target are whole lines; until blosc2_streaming_end(). */
void cat_stream_box(int ndim, const int64_t *counts, int64_t item_bytes, void *to, const int64_t *to_strides,
                    const void *from, const int64_t *from_strides);

/**
 * True if all items of a box have the same bytes. Ends at the first one that differs.
 *
 * @param counts  Items on each axis, at least 1.
 */
bool cat_box_repeats_item(int ndim, const int64_t *counts, int64_t item_bytes, const void *box,
                          const int64_t *strides);

/** True if a box with these strides lies in memory as in C order, without gaps. */
bool cat_box_is_contiguous(int ndim, const int64_t *counts, int64_t item_bytes, const int64_t *strides);

#endif
