/**
 * The filter pipeline of a chunk: up to six filters over a block. Layer: below chunk, above cpu and base.
 * Byte layouts: filters.md.
 */
#ifndef B2_FILTERS_PIPELINE_H
#define B2_FILTERS_PIPELINE_H

#include <stdbool.h>
#include <stdint.h>

#include "blosc2.h"

typedef struct b2_pipeline {
    uint8_t codes[BLOSC2_MAX_FILTERS]; /* slot 0 first; 0 = empty */
    uint8_t metas[BLOSC2_MAX_FILTERS];
    int32_t item_bytes;       /* 1..255: the chunk header's typesize */
    int32_t frame_item_bytes; /* for bytedelta with meta 0; 0 if there is no frame */
    uint8_t chunk_version;    /* 2: Blosc1's rule for bitshuffle (filters.md 3) */
} b2_pipeline;

/**
 * Check that a pipeline read from a chunk can be undone.
 * @return BLOSC2_OK, BLOSC2_E_UNSUPPORTED (filter), BLOSC2_E_CORRUPT (a parameter).
 */
int b2_pipeline_check(const b2_pipeline *pipeline);

/**
 * Check a pipeline for writing: known filters, parameters in range, delta in the lowest used slot and not
 * with a truncating filter (filters.md 4, 5, 7).
 * @return BLOSC2_OK or BLOSC2_E_ARGUMENT with filter, value and limit.
 */
int b2_pipeline_check_writing(const b2_pipeline *pipeline);

/** True if blocks other than the first need the decoded block 0. */
bool b2_pipeline_has_delta(const b2_pipeline *pipeline);

/** True if undoing the pipeline moves no byte, so that streams may be decoded in place (no filter, or
 * truncation only). */
bool b2_pipeline_is_identity_backward(const b2_pipeline *pipeline);

/**
 * How many planes of bytes a filtered block is made of, if each can be undone up to any item alone: 1 where
 * undoing moves no byte, the item size where it is one shuffle, else 0.
 */
int32_t b2_pipeline_planes(const b2_pipeline *pipeline);

/**
 * Apply all filters to one block.
 *
 * @param in         The block; unchanged.
 * @param bytes      Its size.
 * @param reference  Content of block 0, at least `bytes` long; NULL when this is block 0.
 * @param a, b       Two scratch buffers of `bytes` bytes; 32-byte aligned ones are faster.
 * @return Where the result is: `in` (no filter), `a` or `b`.
 */
const uint8_t *b2_pipeline_forward(const b2_pipeline *pipeline, const uint8_t *in, int32_t bytes,
                                   const uint8_t *reference, uint8_t *a, uint8_t *b);

/**
 * Undo all filters of one block.
 *
 * @param in         The filtered block: overwritten as scratch.
 * @param reference  Decoded content of block 0, at least `bytes` long; NULL when this is block 0.
 * @param out        Receives `bytes` bytes; must not overlap `in`.
 * @param scratch    `bytes` bytes, used when more than one filter moves bytes.
 */
void b2_pipeline_backward(const b2_pipeline *pipeline, uint8_t *in, int32_t bytes, const uint8_t *reference,
                          uint8_t *out, uint8_t *scratch);

#endif
