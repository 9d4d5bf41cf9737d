/**
 * The state of a super-chunk as the bytes of a frame: chunk index, trailer and header, built in memory so
 * that a store only has to write them in the right order.
 */
#ifndef B2_SCHUNK_IMAGE_H
#define B2_SCHUNK_IMAGE_H

#include "base/memory.h"
#include "blosc2.h"
#include "frame/fingerprint.h"
#include "frame/frame.h"
#include "schunk/index.h"

/** What a frame says of its chunks; everything borrowed. */
typedef struct b2_state {
    const blosc2_cparams *cparams;
    int32_t chunk_bytes; /* 0: sizes vary */
    int32_t block_bytes;
    int64_t nbytes;
    int64_t files_bytes; /* sum of the chunks' cbytes: the "cbytes" of a sparse frame */
    const b2_index *index;
    const b2_layers *fixed;
    const b2_layers *variable; /* contents are chunks */
    blosc2_seal seal;          /* BLOSC2_SEAL_NONE: no fingerprint */
    bool has_tags;             /* write them before the index */
    uint64_t serial;           /* for the tags */
    uint32_t dead_units; /* for the fingerprint: dead bytes of the section, in units of 4 KiB; of a sparse
                            frame numbers that chunk files were given, in units of 256 */
} b2_state;

/** Tags, index chunk and trailer, one after the other: the *tail* of a frame. `{0}` is empty. */
typedef struct b2_image {
    b2_buffer bytes;
    int64_t tags_bytes;  /* 0 without tags */
    int64_t index_bytes; /* 0 without chunks */
    int64_t tail_bytes;  /* of all three */
} b2_image;

/** Build index and trailer, with room for tags, with a fingerprint of zeros. Same state, same bytes. */
int b2_image_build(b2_image *image, const b2_state *state, blosc2_workspace *workspace);

/** Encode bytes as one chunk, at position `*used` of `out`, and move `*used` behind it. */
int b2_encode_chunk(const blosc2_cparams *cparams, const uint8_t *data, int32_t bytes, int32_t block_bytes,
                    b2_buffer *out, int64_t *used, blosc2_workspace *workspace);

void b2_image_free(b2_image *image);

/**
 * Build the header that goes with them.
 *
 * @param header_bytes   Size to fill; at least b2_frame_header_size(state->fixed).
 * @param section_bytes  Size of the chunks section (contiguous), or the sum of the chunk files in use
 * (sparse).
 * @param frame_bytes    All of the frame, or of a sparse frame's index file.
 */
void b2_image_header(const b2_state *state, b2_frame_type type, int32_t header_bytes, int64_t section_bytes,
                     int64_t frame_bytes, uint8_t *out);

/**
 * Put the fingerprint and the tags into the tail, once the header that goes with it is known; nothing without
 * a seal.
 * @param header  As b2_image_header() has made it, `header_bytes` bytes.
 */
void b2_image_seal(b2_image *image, const b2_state *state, const uint8_t *header, int32_t header_bytes);

/** The last B2_FINGERPRINT_BYTES of the tail. */
const uint8_t *b2_image_fingerprint(const b2_image *image);

#endif
