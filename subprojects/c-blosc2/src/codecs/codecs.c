#include "codecs/codecs.h"

#include "base/checked.h"
#include "base/memory.h"
#include "blosc2.h"
#include "codecs/table.h"

/* By codec id. Where several have one format, the first decodes it. */
static const b2_codec *const TABLE[] = {
    [BLOSC2_BLOSCLZ] = &b2_codec_blosclz, [BLOSC2_LZ4] = &b2_codec_lz4,   [BLOSC2_LZ4HC] = &b2_codec_lz4hc,
    [BLOSC2_ZLIB] = &b2_codec_zlib,       [BLOSC2_ZSTD] = &b2_codec_zstd,
};

struct b2_codec_states {
    b2_dict dict;
    void *state[B2_COUNT(TABLE)]; /* NULL until its codec is used */
};

static const b2_codec *codec_of(int codec)
{
    return codec >= 0 && codec < (int)B2_COUNT(TABLE) ? TABLE[codec] : NULL;
}

/** Id of the codec that decodes a format, or -1. */
static int decoder_of(int format)
{
    for (int codec = 0; codec < (int)B2_COUNT(TABLE); codec++) {
        if (TABLE[codec] && (int)TABLE[codec]->format == format) return codec;
    }
    return -1;
}

const char *blosc2_codec_name(int codec)
{
    const b2_codec *found = codec_of(codec);
    return found ? found->name : NULL;
}

const char *blosc2_codec_version(int codec)
{
    const b2_codec *found = codec_of(codec);
    return found ? found->version() : NULL;
}

int b2_codec_format(int codec)
{
    const b2_codec *found = codec_of(codec);
    return found ? (int)found->format : -1;
}

bool b2_format_has_dict(int format)
{
    int codec = decoder_of(format);
    return codec >= 0 && TABLE[codec]->has_dict;
}

int b2_codec_states_create(b2_codec_states **out)
{
    b2_codec_states *states = b2_calloc(sizeof *states);
    if (!states)
        return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate %zu bytes of codec states", sizeof *states);
    *out = states;
    return BLOSC2_OK;
}

void b2_codec_states_free(b2_codec_states *states)
{
    if (!states) return;
    for (size_t i = 0; i < B2_COUNT(TABLE); i++) {
        if (states->state[i] && TABLE[i]->release) TABLE[i]->release(states->state[i]);
        b2_free(states->state[i]);
    }
    b2_free(states);
}

void b2_codec_set_dict(b2_codec_states *states, const uint8_t *bytes, int32_t dict_bytes)
{
    states->dict.bytes = dict_bytes > 0 ? bytes : NULL;
    states->dict.dict_bytes = states->dict.bytes ? dict_bytes : 0;
    states->dict.serial++;
}

/** Make the state of a codec, if this is its first use. */
static int prepare(b2_codec_states *states, int codec)
{
    if (states->state[codec]) return BLOSC2_OK;
    size_t bytes = TABLE[codec]->state_bytes;
    states->state[codec] = b2_calloc(bytes);
    if (states->state[codec]) return BLOSC2_OK;
    return blosc2_fail(BLOSC2_E_MEMORY, "%s: cannot allocate a state of %zu bytes", TABLE[codec]->name,
                       bytes);
}

int b2_codec_compress(b2_codec_states *states, int codec, int clevel, const uint8_t *in, int32_t in_bytes,
                      uint8_t *out, int32_t capacity)
{
    if (!codec_of(codec)) return blosc2_fail(BLOSC2_E_CODEC, "codec: %d (expected 0, 1, 2, 4 or 5)", codec);
    if (clevel < 1 || clevel > 9) return blosc2_fail(BLOSC2_E_CODEC, "clevel: %d (expected 1..9)", clevel);
    if (in_bytes <= 0 || capacity <= 0) return 0;
    int status = prepare(states, codec);
    if (status < 0) return status;
    return TABLE[codec]->compress(states->state[codec], &states->dict, clevel, in, in_bytes, out, capacity);
}

bool b2_format_has_prefix(int format)
{
    int codec = decoder_of(format);
    return codec >= 0 && TABLE[codec]->decompress_prefix;
}

bool b2_codec_has_prefix(int format, const uint8_t *in, int32_t in_bytes, int32_t want)
{
    return b2_format_has_prefix(format) && TABLE[decoder_of(format)]->has_prefix(in, in_bytes, want);
}

int b2_codec_decompress_prefix(b2_codec_states *states, int format, const uint8_t *in, int32_t in_bytes,
                               uint8_t *out, int32_t want)
{
    int codec = decoder_of(format);
    int status = prepare(states, codec);
    if (status < 0) return status;
    return TABLE[codec]->decompress_prefix(states->state[codec], &states->dict, in, in_bytes, out, want);
}

int b2_codec_decompress(b2_codec_states *states, int format, const uint8_t *in, int32_t in_bytes,
                        uint8_t *out, int32_t out_bytes)
{
    int codec = decoder_of(format);
    if (codec < 0)
        return blosc2_fail(BLOSC2_E_UNSUPPORTED, "codec format: %d (expected 0, 1, 3 or 4)", format);
    if (in_bytes <= 0 || out_bytes <= 0) {
        return blosc2_fail(BLOSC2_E_CORRUPT, "%s: a stream of %d bytes for %d (expected more than 0)",
                           TABLE[codec]->name, (int)in_bytes, (int)out_bytes);
    }
    int status = prepare(states, codec);
    if (status < 0) return status;
    return TABLE[codec]->decompress(states->state[codec], &states->dict, in, in_bytes, out, out_bytes);
}
