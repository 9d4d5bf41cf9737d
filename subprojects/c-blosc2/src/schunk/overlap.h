/** Chunks of a contiguous frame that share bytes: damage that no checksum of a single chunk shows. */
#ifndef B2_SCHUNK_OVERLAP_H
#define B2_SCHUNK_OVERLAP_H

#include "schunk/schunk.h"

/** Called for a chunk that begins inside of another one. */
typedef void b2_overlap_fn(void *context, int64_t chunk, int64_t other);

/**
 * Find all chunks that begin before another one has ended, by what their tags say, or their headers.
 * @return BLOSC2_OK, or BLOSC2_E_MEMORY.
 */
int b2_schunk_find_overlaps(const blosc2_schunk *schunk, b2_overlap_fn *visit, void *context);

#endif
