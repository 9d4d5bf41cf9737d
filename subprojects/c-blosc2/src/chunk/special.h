/** Chunks of one value, stored as that value alone: docs/format/chunk-format.md 5. */
#ifndef B2_CHUNK_SPECIAL_H
#define B2_CHUNK_SPECIAL_H

#include "blosc2.h"

/** Fill `bytes` bytes of the content of a special chunk, from content position `position` on. */
void b2_special_fill(const blosc2_view *view, int32_t position, uint8_t *out, int32_t bytes);

#endif
