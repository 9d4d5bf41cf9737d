/** One filtered block to streams: docs/format/chunk-format.md 7. */
#ifndef B2_CHUNK_ENCODE_H
#define B2_CHUNK_ENCODE_H

#include "blosc2.h"
#include "codecs/codecs.h"

/** Bytes that the streams of a block can take at most. */
static inline int64_t b2_streams_bound(int32_t block_nbytes, int32_t streams)
{
    return (int64_t)block_nbytes + 4 * (int64_t)streams;
}

/**
 * Compress a filtered block as `streams` equal streams.
 *
 * @param out     Room for b2_streams_bound() bytes.
 * @return Bytes written, or a negative status.
 */
int64_t b2_encode_streams(const blosc2_cparams *cparams, const uint8_t *filtered, int32_t block_nbytes,
                          int32_t streams, uint8_t *out, b2_codec_states *codecs);

/** True if `bytes` bytes, one item or more, are one item over and over. */
bool b2_repeats_item(const uint8_t *data, int32_t bytes, int32_t item_bytes);

/** True if all bytes are equal. @param bytes >= 1. */
bool b2_is_run(const uint8_t *data, size_t bytes);

#endif
