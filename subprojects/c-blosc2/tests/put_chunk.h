/** Content into a super-chunk, as one chunk. */
#ifndef B2_TESTS_PUT_CHUNK_H
#define B2_TESTS_PUT_CHUNK_H

#include "blosc2.h"

/** Encode `nbytes` bytes in blocks of `block_bytes`, which divide it, and put them in place of chunk `chunk`.
 */
static inline int put_chunk(blosc2_schunk *schunk, int64_t chunk, const uint8_t *data, int32_t nbytes,
                            int32_t block_bytes, blosc2_workspace *workspace)
{
    blosc2_builder *builder;
    const uint8_t *bytes;
    int32_t cbytes;
    int status = blosc2_builder_create(blosc2_schunk_cparams(schunk), &builder);
    if (status < 0) return status;
    status = blosc2_builder_start(builder, nbytes, block_bytes);
    for (int32_t i = 0; i < nbytes / block_bytes && status == BLOSC2_OK; i++)
        status = blosc2_builder_encode_block(builder, i, data + i * block_bytes, workspace);
    if (status == BLOSC2_OK) status = blosc2_builder_finish(builder, &bytes, &cbytes, workspace);
    if (status == BLOSC2_OK) status = blosc2_schunk_set_chunk(schunk, chunk, bytes, cbytes);
    blosc2_builder_free(builder);
    return status;
}

#endif
