/**
 * Frames: header, trailer and chunk index as checked structs. Pure: no I/O.
 * Byte layout: docs/format/frame-format.md.
 */
#ifndef B2_FRAME_FRAME_H
#define B2_FRAME_FRAME_H

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"
#include "blosc2.h"
#include "frame/metalayers.h"

enum {
    B2_FRAME_HEADER_MIN = 87,   /* without the metalayers' array */
    B2_FRAME_TRAILER_TAIL = 23, /* trailer length and fingerprint, at the very end */
    B2_FRAME_CHUNK_COUNT_MAX = 268435455,
};

typedef enum b2_frame_type { B2_FRAME_CONTIGUOUS = 0, B2_FRAME_SPARSE = 1 } b2_frame_type;

/** The 87 fixed bytes, checked; names as in frame-format.md 1. */
typedef struct b2_frame_header {
    int32_t header_bytes; /* header_len: metalayers included */
    int64_t frame_bytes;  /* frame_len */
    uint8_t version;      /* 1..3; not used for building */
    b2_frame_type type;
    bool variable_chunks; /* chunk_bytes is 0; not used for building */
    bool vl_blocks;       /* a hint: the chunks tell */
    int codec;            /* id, 0..255; may be one that cannot be decoded */
    int clevel;           /* 0..15 */
    int split;            /* blosc2_split */
    int64_t nbytes;
    int64_t section_bytes; /* cbytes: size of the chunks section; parsed as 0 if nbytes is 0 */
    int32_t item_bytes;
    int32_t block_bytes; /* 0 = not set; nothing more is known of it */
    int32_t chunk_bytes; /* 0: variable; -1: no chunk yet; means little if nbytes is 0 */
    bool has_variable_layers;
    uint8_t filters[BLOSC2_MAX_FILTERS];
    uint8_t filters_meta[BLOSC2_MAX_FILTERS];
    uint8_t codec_meta;
    bool use_dict;
} b2_frame_header;

/**
 * Parse and check the first B2_FRAME_HEADER_MIN bytes.
 *
 * @param bytes      At least B2_FRAME_HEADER_MIN of them, if `available` is as much.
 * @param available  Bytes that the file or buffer holds from the frame's start on, >= 0: frame_len's limit.
 * @param type       What the home expects; another is BLOSC2_E_CORRUPT.
 * @return BLOSC2_OK, BLOSC2_E_CORRUPT, or BLOSC2_E_UNSUPPORTED (version over 3, offsets not of 64 bits).
 */
int b2_frame_header_parse(const uint8_t *bytes, int64_t available, b2_frame_type type, b2_frame_header *out);

/**
 * Parse the fixed metalayers in the whole header of `header->header_bytes` bytes.
 * @return BLOSC2_OK, BLOSC2_E_CORRUPT, BLOSC2_E_MEMORY.
 */
int b2_frame_header_layers(const uint8_t *bytes, const b2_frame_header *header, b2_layers *out);

/** How long a header says that it is: the one field that is the same in all headers of a file. Not checked.
 */
static inline int32_t b2_frame_stated_header_bytes(const uint8_t *header)
{
    return b2_load_be_i32(header + 11);
}

/** Smallest header for these layers. The format has room for INT32_MAX: the caller checks. */
int64_t b2_frame_header_size(const b2_layers *layers);

/**
 * Write header->header_bytes bytes (>= b2_frame_header_size(); the rest is zero). Version 2, or 3 when
 * chunk_bytes is 0 or there are VL-blocks.
 */
void b2_frame_header_build(const b2_frame_header *header, const b2_layers *layers, uint8_t *out);

/**
 * Check the last B2_FRAME_TRAILER_TAIL bytes of a frame and tell where its trailer starts. When there are
 * chunks, room for a chunk index is left between their section and the trailer.
 *
 * @param tail           The bytes at header->frame_bytes - B2_FRAME_TRAILER_TAIL.
 * @param header         As parsed.
 * @param trailer_start  Set to header_bytes <= start < frame_bytes - B2_FRAME_TRAILER_TAIL.
 * @return BLOSC2_OK or BLOSC2_E_CORRUPT.
 */
int b2_frame_trailer_locate(const uint8_t *tail, const b2_frame_header *header, int64_t *trailer_start);

/**
 * Parse a whole trailer. The fingerprint is not looked at.
 * @param out  Contents are chunks as stored (frame-format.md 2).
 * @return BLOSC2_OK, BLOSC2_E_CORRUPT, BLOSC2_E_MEMORY.
 */
int b2_frame_trailer_parse(const uint8_t *bytes, int64_t trailer_bytes, b2_layers *out);

/** Size of a trailer with these layers, whose contents are chunks. The caller checks: <= INT32_MAX. */
int64_t b2_frame_trailer_size(const b2_layers *layers);

/** Write it: b2_frame_trailer_size() bytes, with a fingerprint of zeros. */
void b2_frame_trailer_build(const b2_layers *layers, uint8_t *out);

/* ------------------------------------------------------------------ chunk index, frame-format.md 3 */

/** Entry of a chunk of which nothing is stored. @param special BLOSC2_SPECIAL_ZEROS, _NAN or _UNINIT. */
int64_t b2_index_special(int special);

/** Kind of a negative entry: blosc2_special, or BLOSC2_SPECIAL_NONE if the entry is not valid. */
int b2_index_special_kind(int64_t entry);

/** Chunks that a header promises: ceil(nbytes / chunk_bytes); -1 when sizes vary (the index tells). */
int64_t b2_frame_chunk_count(const b2_frame_header *header);

/** Content bytes of chunk `chunk` out of `count`, where sizes do not vary. */
int32_t b2_frame_chunk_nbytes(const b2_frame_header *header, int64_t chunk, int64_t count);

#endif
