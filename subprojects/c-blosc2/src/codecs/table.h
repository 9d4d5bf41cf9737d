/**
 * What every codec provides to codecs.c: one constant struct each, in its own file. Contracts of the
 * functions are those of codecs.h.
 */
#ifndef B2_CODECS_TABLE_H
#define B2_CODECS_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codecs/codecs.h"

/** The dictionary in force. */
typedef struct b2_dict {
    const uint8_t *bytes; /* NULL: none */
    int32_t dict_bytes;
    uint64_t serial; /* a new one for each dictionary, from 1: a state remembers for which it is prepared */
} b2_dict;

/** Compress one stream; `clevel` 1..9, sizes > 0. */
typedef int b2_compress_fn(void *state, const b2_dict *dict, int clevel, const uint8_t *in, int32_t in_bytes,
                           uint8_t *out, int32_t capacity);

/** Decompress one stream; sizes > 0. */
typedef int b2_decompress_fn(void *state, const b2_dict *dict, const uint8_t *in, int32_t in_bytes,
                             uint8_t *out, int32_t out_bytes);

/** Whether decompress_prefix() gives what decompress() gives. */
typedef bool b2_has_prefix_fn(const uint8_t *in, int32_t in_bytes, int32_t want);

typedef struct b2_codec {
    const char *name;
    b2_format format;
    bool has_dict;
    size_t state_bytes;           /* what one thread keeps from stream to stream; all zeros at first */
    void (*release)(void *state); /* frees what a state owns, not the state itself; NULL: it owns nothing */
    const char *(*version)(void);
    b2_compress_fn *compress;
    b2_decompress_fn *decompress;
    b2_has_prefix_fn *has_prefix;        /* NULL: none has one */
    b2_decompress_fn *decompress_prefix; /* of a stream that has one */
} b2_codec;

extern const b2_codec b2_codec_blosclz, b2_codec_lz4, b2_codec_lz4hc, b2_codec_zlib, b2_codec_zstd;

#endif
