/**
 * BLOSCLZ, a byte-oriented LZ77 of 32-byte literal runs and matches within 72 KiB. The stream is described in
 * docs/format/codecs.md, "BLOSCLZ"; encoder and decoder are this library's own.
 */
#ifndef B2_CODECS_BLOSCLZ_H
#define B2_CODECS_BLOSCLZ_H

#include <stdint.h>

/** Version of this implementation. */
#define B2_BLOSCLZ_VERSION "1.0"

/** Limits of the stream format. */
enum {
    B2_BLOSCLZ_RUN_MAX = 32,       /* literals of one token */
    B2_BLOSCLZ_NEAR_MAX = 8191,    /* longest distance in 13 bits; 8192 would be the mark of a far match */
    B2_BLOSCLZ_FAR_MAX = 73727,    /* longest distance of all: 8192 + 65535 */
    B2_BLOSCLZ_TABLE_LOG_MAX = 14, /* of the encoder, not of the format */
};

/** The encoder's memory: where in the stream a byte sequence was seen last, modulo 65536. Any content to
 * begin with. */
typedef struct b2_blosclz_state {
    uint16_t table[1 << B2_BLOSCLZ_TABLE_LOG_MAX];
} b2_blosclz_state;

/**
 * Compress one stream. The bytes depend on the input and `clevel` alone.
 *
 * @param clevel    1..9.
 * @param capacity  Room in `out`.
 * @return Bytes written, or 0: not compressible enough, or no room.
 */
int32_t b2_blosclz_encode(b2_blosclz_state *state, int clevel, const uint8_t *in, int32_t in_bytes,
                          uint8_t *out, int32_t capacity);

/**
 * Decompress a stream of exactly `out_bytes` bytes. Any input is safe; `out` is undefined on failure.
 * @return BLOSC2_OK or BLOSC2_E_CORRUPT.
 */
int b2_blosclz_decode(const uint8_t *in, int32_t in_bytes, uint8_t *out, int32_t out_bytes);

#endif
