/** Blocks that are shuffled, plane by plane, so that planes are joined right into the rows of a result. */
#ifndef B2_CHUNK_PLANES_H
#define B2_CHUNK_PLANES_H

#include "chunk/view.h"
#include "chunk/workspace.h"

/** The planes of a regular block, as far as its first `bytes` bytes need them; `count` 0 if there are none.
 */
int b2_planes_find(const blosc2_view *view, const b2_pipeline *pipeline, int32_t block, int32_t bytes,
                   blosc2_planes *planes, blosc2_workspace *workspace);

/** Join all that was found. */
void b2_planes_join_all(const blosc2_planes *planes, uint8_t *out);

#endif
