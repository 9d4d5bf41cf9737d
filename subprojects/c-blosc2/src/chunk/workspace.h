/** Scratch of one thread, each piece grown to what was needed and kept. */
#ifndef B2_CHUNK_WORKSPACE_H
#define B2_CHUNK_WORKSPACE_H

#include "base/memory.h"
#include "blosc2.h"
#include "codecs/codecs.h"

struct blosc2_workspace {
    b2_codec_states *codecs;
    uint64_t dict_serial;      /* view whose dictionary the codecs have; 0 = none */
    uint64_t reference_serial; /* view whose block 0 `reference` holds; 0 = none */
    b2_buffer filtered;        /* a block between codec and filters */
    b2_buffer scratch;         /* a block between filters */
    b2_buffer reference;       /* decoded block 0, for delta */
    b2_buffer block;           /* a decoded block on its way from chunk to chunk */
    b2_buffer chunk;           /* what was read of a stored chunk */
    b2_buffer order;           /* int32: blocks by place in the file */
};

#endif
