/** A stored chunk as the blocks of an array, whatever blocks it was compressed in. */
#ifndef CAT_CHUNK_H
#define CAT_CHUNK_H

#include "internal.h"

/**
 * Most blocks that are asked for one by one; the list of more would outweigh what it saves, and a hostile
 * geometry can have 2^31 of them.
 */
enum { CAT_BLOCK_LIST_MAX = 1 << 16 };

typedef struct cat_chunk {
    blosc2_view view;
    const uint8_t *decoded; /* its content, in the worker's `chunk`, if its blocks are others; else NULL */
    int32_t block_bytes;    /* the array's */
} cat_chunk;

/**
 * View chunk `number`, checking that it has the array's chunk size.
 *
 * @param use     What becomes of its content: what is stored again is verified before.
 * @param blocks  The blocks that will be read, ascending; NULL for all.
 * @param out     Valid until the worker opens another chunk, or a chunk is replaced.
 */
int cat_chunk_open(const caterva_array *array, int64_t number, blosc2_use use, const int32_t *blocks,
                   int32_t block_count, cat_worker *worker, cat_chunk *out);

/** The item that the whole chunk repeats, if that is known without decoding, else NULL; may lie in `block`.
 */
const uint8_t *cat_chunk_repeated_item(const cat_chunk *chunk, int32_t item_bytes, cat_worker *worker);

/** Block `block` where it lies uncompressed in memory, else NULL. */
const uint8_t *cat_chunk_raw_block(const cat_chunk *chunk, int32_t block);

/** Bring block `block` of the array to `out`. */
int cat_chunk_read_block(const cat_chunk *chunk, int32_t block, void *out, cat_worker *worker);

/**
 * Bring the planes of block `block` as far as its first `bytes` bytes need them, for blosc2_planes_join().
 *
 * @param planes  Valid until the worker reads another block; `count` is 0 if it has none of `item_bytes`
 * bytes.
 */
int cat_chunk_read_planes(const cat_chunk *chunk, int32_t block, int64_t bytes, int32_t item_bytes,
                          blosc2_planes *planes, cat_worker *worker);

/** True if cat_chunk_read_prefix() of `bytes` bytes is less work than the block. */
bool cat_chunk_has_prefix(const cat_chunk *chunk, int32_t block, int64_t bytes);

/** Bring at least its first `bytes` bytes there; `out` has room for the block. */
int cat_chunk_read_prefix(const cat_chunk *chunk, int32_t block, int64_t bytes, void *out,
                          cat_worker *worker);

#endif
