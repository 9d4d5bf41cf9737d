/** A chunk on its way: what builder.c, which takes blocks in, shares with finish.c, which ends the chunk. */
#ifndef B2_CHUNK_BUILDER_H
#define B2_CHUNK_BUILDER_H

#include "base/memory.h"
#include "blosc2.h"
#include "filters/pipeline.h"

typedef enum build_way { BUILD_STREAMS, BUILD_COPY, BUILD_GATHER } build_way;

struct blosc2_builder {
    blosc2_cparams cparams;
    b2_pipeline pipeline;
    build_way way;
    int32_t nbytes, block_bytes, block_count, blocks_in;
    bool split;
    bool all_zeros;  /* no stream so far holds anything but zeros */
    bool may_repeat; /* STREAMS: all blocks so far have the same streams, which may be one item over and over
                      */
    int64_t first_bytes;    /* of the streams of the first block that came in */
    int64_t constant_start; /* where the streams of a block of `constant` are; 0: there is none */
    int64_t constant_bytes;
    int32_t dict_bytes;
    int64_t used;       /* bytes of `chunk` in use */
    b2_buffer chunk;    /* the chunk as it grows */
    b2_buffer spare;    /* changes places with `chunk` when that becomes a copy */
    b2_buffer gather;   /* GATHER: the content */
    b2_buffer samples;  /* GATHER with a dictionary: all filtered blocks */
    b2_buffer constant; /* an item that some block repeats */
};

/** Bytes of block `block`. */
int32_t b2_builder_block_nbytes(const blosc2_builder *builder, int32_t block);

/** Streams of a block of `bytes` bytes. */
int32_t b2_builder_stream_count(const blosc2_builder *builder, int32_t bytes);

/** Where COPY and GATHER keep the content. */
uint8_t *b2_builder_content_of(const blosc2_builder *builder);

/** Go on as STREAMS, with an empty table of block starts. */
int b2_builder_start_streams(blosc2_builder *builder);

/** Make room for `bytes` more at the end of the streams. */
int b2_builder_reserve_streams(blosc2_builder *builder, int64_t bytes);

/** Filter a block of `bytes` bytes. @return Where the result is; NULL with a failure's `status`. */
const uint8_t *b2_builder_filter(const blosc2_builder *builder, const uint8_t *data, int32_t bytes,
                                 const uint8_t *reference, blosc2_workspace *workspace, int *status);

/** Compress a filtered block behind the streams that are there; the chunk may become a COPY. */
int b2_builder_add_filtered(blosc2_builder *builder, int32_t block, const uint8_t *filtered,
                            blosc2_workspace *workspace);

/** Take the dictionary of another chunk from the codecs. */
void b2_builder_use_no_dict(blosc2_workspace *workspace);

void b2_builder_write_header(const blosc2_builder *builder, uint8_t flags, uint8_t flags31, int32_t cbytes);
void b2_builder_write_streams_header(const blosc2_builder *builder);

#endif
