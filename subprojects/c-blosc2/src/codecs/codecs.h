/**
 * Codecs: one stream of bytes to and from its compressed form. Layer: below chunk, above base.
 * Byte layouts: codecs.md. Adding a codec: one file, one line in the table of codecs.c.
 */
#ifndef B2_CODECS_CODECS_H
#define B2_CODECS_CODECS_H

#include <stdbool.h>
#include <stdint.h>

/** Codec *formats* of chunk headers (chunk-format.md 3). */
typedef enum b2_format {
    B2_FORMAT_BLOSCLZ = 0,
    B2_FORMAT_LZ4 = 1,
    B2_FORMAT_ZLIB = 3,
    B2_FORMAT_ZSTD = 4
} b2_format;

/** Format of a codec id (blosc2_codec), or -1. */
int b2_codec_format(int codec);

/** True if a chunk of this format may carry a dictionary that the codec uses. */
bool b2_format_has_dict(int format);

/** States of all codecs for one thread, each made on first use and kept. */
typedef struct b2_codec_states b2_codec_states;

int b2_codec_states_create(b2_codec_states **out);
void b2_codec_states_free(b2_codec_states *states);

/**
 * Use a dictionary for the calls that follow, or none (`bytes` NULL). The bytes are borrowed until the next
 * call of this function or the states' end. Preparing it for the codec happens once, on first use, and not
 * for each stream.
 */
void b2_codec_set_dict(b2_codec_states *states, const uint8_t *bytes, int32_t dict_bytes);

/**
 * Compress one stream.
 *
 * @param codec     blosc2_codec.
 * @param clevel    1..9; codecs.md "Levels" has the mapping.
 * @param capacity  Room in `out`. It can be less than the worst case: that is not an error.
 * @return Bytes written, > 0; 0 if the result does not fit in `capacity` or the codec gave up (store raw);
 *         or BLOSC2_E_CODEC, BLOSC2_E_MEMORY.
 */
int b2_codec_compress(b2_codec_states *states, int codec, int clevel, const uint8_t *in, int32_t in_bytes,
                      uint8_t *out, int32_t capacity);

/**
 * Decompress one stream that must give exactly `out_bytes` bytes. Any input is safe.
 * @return BLOSC2_OK, BLOSC2_E_CORRUPT, BLOSC2_E_UNSUPPORTED (format), BLOSC2_E_MEMORY.
 */
int b2_codec_decompress(b2_codec_states *states, int format, const uint8_t *in, int32_t in_bytes,
                        uint8_t *out, int32_t out_bytes);

/** True if b2_codec_decompress_prefix() is there for a format, and less work than decompressing all. */
bool b2_format_has_prefix(int format);

/** Whether it can be called for this stream. If not, the stream is to be decompressed whole. */
bool b2_codec_has_prefix(int format, const uint8_t *in, int32_t in_bytes, int32_t want);

/**
 * Decompress the first `want` bytes of a stream of `out_bytes` > want bytes that has such a prefix; without a
 * dictionary. What comes after them in the stream is not looked at, and may be anything.
 *
 * @param out  Receives `want` bytes. Any input is safe.
 * @return As b2_codec_decompress().
 */
int b2_codec_decompress_prefix(b2_codec_states *states, int format, const uint8_t *in, int32_t in_bytes,
                               uint8_t *out, int32_t want);

/**
 * Train a dictionary from filtered blocks (codecs.md "Dictionaries").
 *
 * @param samples       The filtered, unsplit blocks, one after another.
 * @param sample_count  How many equal samples the real writer takes: max(blocks * streams per block, 8).
 * @param out           Receives at most 32768 bytes.
 * @return Its size; 0 if there is too little data or training failed (compress without); or BLOSC2_E_MEMORY.
 */
int32_t b2_codec_train(int codec, const uint8_t *samples, int32_t samples_bytes, int32_t sample_count,
                       uint8_t *out);

#endif
