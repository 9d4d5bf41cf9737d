/** What decoding and copying need of a view besides blosc2.h. */
#ifndef B2_CHUNK_VIEW_H
#define B2_CHUNK_VIEW_H

#include "blosc2.h"
#include "filters/pipeline.h"

/** True if the chunk has bstarts and streams: not special, not memcpyed, not empty. */
bool b2_view_is_regular(const blosc2_view *view);

/**
 * As blosc2_view_init(), for a chunk of which only the first bytes are at hand yet: header, bstarts and the
 * dictionary's size.
 * @param room  Bytes that belong to the chunk's container from its start on.
 */
int b2_view_init_head(blosc2_view *view, const uint8_t *bytes, size_t at_hand, int64_t room,
                      int32_t frame_item_bytes, int64_t max_nbytes);

/** First byte of a regular block's streams, checked. */
int b2_view_block_start(const blosc2_view *view, int32_t block, int32_t *start);

/** Streams of a block of `block_nbytes` bytes; BLOSC2_E_CORRUPT if they would not be equal. */
int b2_view_stream_count(const blosc2_view *view, int32_t block, int32_t *count);

/**
 * End of a regular block's streams, found by walking their sizes.
 * @param limit  Bytes of the chunk that are at hand.
 * @param end    Set to the end, or to 0 if the streams go on beyond `limit`.
 */
int b2_view_block_end(const blosc2_view *view, int32_t block, int32_t limit, int32_t *end);

/** The view's filters for filters/pipeline.h. */
b2_pipeline b2_view_pipeline(const blosc2_view *view);

#endif
