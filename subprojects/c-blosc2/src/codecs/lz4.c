/*
 * LZ4 and LZ4HC: raw blocks, docs/format/codecs.md "LZ4". No stream depends on another: with a dictionary,
 * each begins from a copy of a stream object into which the dictionary was loaded once, which costs much less
 * than loading it.
 */
#include <lz4.h>
#include <lz4hc.h>
#include <string.h>

#include "base/memory.h"
#include "blosc2.h"
#include "codecs/table.h"

enum { SHORT_STREAM_BYTES = 4096 };

typedef struct lz4_state {
    LZ4_stream_t *stream;
    LZ4_stream_t *loaded; /* holds the dictionary `serial` */
    uint64_t serial;
} lz4_state;

typedef struct lz4hc_state {
    LZ4_streamHC_t *stream;
    LZ4_streamHC_t *loaded; /* holds the dictionary `serial`, prepared for level `clevel` */
    uint64_t serial;
    int clevel;
} lz4hc_state;

static const char *version(void)
{
    return LZ4_versionString();
}

static int no_memory(const char *what)
{
    return blosc2_fail(BLOSC2_E_MEMORY, "%s: cannot allocate a stream object", what);
}

/* The sizes of the objects are those of the library that runs, which can differ from that of the header. */

static int make_stream(LZ4_stream_t **stream)
{
    if (*stream) return BLOSC2_OK;
    size_t bytes = (size_t)LZ4_sizeofState();
    LZ4_stream_t *made = b2_malloc(bytes);
    if (!made) return no_memory("lz4");
    LZ4_initStream(made, bytes);
    *stream = made;
    return BLOSC2_OK;
}

static int make_stream_hc(LZ4_streamHC_t **stream)
{
    if (*stream) return BLOSC2_OK;
    size_t bytes = (size_t)LZ4_sizeofStateHC();
    LZ4_streamHC_t *made = b2_malloc(bytes);
    if (!made) return no_memory("lz4hc");
    LZ4_initStreamHC(made, bytes);
    *stream = made;
    return BLOSC2_OK;
}

static int load_dict(lz4_state *state, const b2_dict *dict)
{
    if (state->loaded && state->serial == dict->serial) return BLOSC2_OK;
    int status = make_stream(&state->loaded);
    if (status < 0) return status;
    LZ4_loadDict(state->loaded, (const char *)dict->bytes, dict->dict_bytes);
    state->serial = dict->serial;
    return BLOSC2_OK;
}

static int load_dict_hc(lz4hc_state *state, const b2_dict *dict, int clevel)
{
    if (state->loaded && state->serial == dict->serial && state->clevel == clevel) return BLOSC2_OK;
    int status = make_stream_hc(&state->loaded);
    if (status < 0) return status;
    LZ4_resetStreamHC_fast(state->loaded, clevel); /* some versions load differently for each level */
    LZ4_loadDictHC(state->loaded, (const char *)dict->bytes, dict->dict_bytes);
    state->serial = dict->serial;
    state->clevel = clevel;
    return BLOSC2_OK;
}

/*
 * The real library's mapping, but for short streams: there it skips most matches before it has found one, and
 * costs a fifth of the size, while a stream takes microseconds anyway (docs/design/short-streams.md).
 */
static int acceleration_of(int clevel, int32_t in_bytes)
{
    return in_bytes < SHORT_STREAM_BYTES ? (clevel < 5 ? 2 : 1) : 10 - clevel;
}

static int compress_stream(void *opaque, const b2_dict *dict, int clevel, const uint8_t *in, int32_t in_bytes,
                           uint8_t *out, int32_t capacity)
{
    lz4_state *state = opaque;
    const int acceleration = acceleration_of(clevel, in_bytes);
    int status = make_stream(&state->stream);
    if (status < 0) return status;
    if (!dict->bytes) {
        return LZ4_compress_fast_extState(state->stream, (const char *)in, (char *)out, in_bytes, capacity,
                                          acceleration);
    }
    status = load_dict(state, dict);
    if (status < 0) return status;
    memcpy(state->stream, state->loaded, (size_t)LZ4_sizeofState());
    return LZ4_compress_fast_continue(state->stream, (const char *)in, (char *)out, in_bytes, capacity,
                                      acceleration);
}

static int compress_stream_hc(void *opaque, const b2_dict *dict, int clevel, const uint8_t *in,
                              int32_t in_bytes, uint8_t *out, int32_t capacity)
{
    lz4hc_state *state = opaque;
    int status = make_stream_hc(&state->stream);
    if (status < 0) return status;
    if (dict->bytes) {
        status = load_dict_hc(state, dict, clevel);
        if (status < 0) return status;
        memcpy(state->stream, state->loaded, (size_t)LZ4_sizeofStateHC());
    } else {
        LZ4_resetStreamHC_fast(state->stream, clevel); /* forgets the last stream without clearing 256 KiB */
    }
    return LZ4_compress_HC_continue(state->stream, (const char *)in, (char *)out, in_bytes, capacity);
}

static int decompress_stream(void *state, const b2_dict *dict, const uint8_t *in, int32_t in_bytes,
                             uint8_t *out, int32_t out_bytes)
{
    (void)state;
    int got = dict->bytes ? LZ4_decompress_safe_usingDict((const char *)in, (char *)out, in_bytes, out_bytes,
                                                          (const char *)dict->bytes, dict->dict_bytes)
                          : LZ4_decompress_safe((const char *)in, (char *)out, in_bytes, out_bytes);
    if (got == out_bytes) return BLOSC2_OK;
    return blosc2_fail(BLOSC2_E_CORRUPT, "lz4: %d bytes do not decode to exactly %d", (int)in_bytes,
                       (int)out_bytes);
}

/* A length of 15 goes on in the bytes that follow, as long as they are 255. @return The next byte's place. */
static int64_t read_length(const uint8_t *in, int32_t in_bytes, int64_t at, int64_t *length)
{
    enum { GOES_ON = 15, LAST = 255 };
    if (*length != GOES_ON) return at;
    while (at < in_bytes) {
        uint8_t more = in[at++];
        *length += more;
        if (more != LAST) break;
    }
    return at;
}

/*
 * LZ4_decompress_safe_partial() takes matches of offset 0, which no writer makes, and may then leave in `out`
 * what was there before (1.9.4, 1.10.0): with such a stream the heap would be shown, by a file that is made
 * for it. LZ4_decompress_safe() writes all of its output. What is wrong otherwise either of them finds.
 */
static bool has_prefix(const uint8_t *in, int32_t in_bytes, int32_t want)
{
    enum { MATCH_LEAST = 4 };
    int64_t at = 0, out = 0;
    while (at < in_bytes) {
        int64_t literals = in[at] >> 4, match = in[at] & 15;
        at = read_length(in, in_bytes, at + 1, &literals) + literals;
        out += literals;
        if (out >= want || at + 2 > in_bytes) break;
        if (in[at] == 0 && in[at + 1] == 0) return false;
        at = read_length(in, in_bytes, at + 2, &match);
        out += match + MATCH_LEAST;
        if (out >= want) break;
    }
    return true;
}

static int decompress_prefix(void *state, const b2_dict *dict, const uint8_t *in, int32_t in_bytes,
                             uint8_t *out, int32_t want)
{
    (void)state;
    (void)dict;
    int got = LZ4_decompress_safe_partial((const char *)in, (char *)out, in_bytes, want, want);
    if (got == want) return BLOSC2_OK;
    return blosc2_fail(BLOSC2_E_CORRUPT, "lz4: %d bytes do not decode to %d or more", (int)in_bytes,
                       (int)want);
}

static void release(void *opaque)
{
    lz4_state *state = opaque;
    b2_free(state->stream);
    b2_free(state->loaded);
}

static void release_hc(void *opaque)
{
    lz4hc_state *state = opaque;
    b2_free(state->stream);
    b2_free(state->loaded);
}

const b2_codec b2_codec_lz4 = {
    .name = "lz4",
    .format = B2_FORMAT_LZ4,
    .has_dict = true,
    .state_bytes = sizeof(lz4_state),
    .release = release,
    .version = version,
    .compress = compress_stream,
    .decompress = decompress_stream,
    .has_prefix = has_prefix,
    .decompress_prefix = decompress_prefix,
};

const b2_codec b2_codec_lz4hc = {
    .name = "lz4hc",
    .format = B2_FORMAT_LZ4,
    .has_dict = true,
    .state_bytes = sizeof(lz4hc_state),
    .release = release_hc,
    .version = version,
    .compress = compress_stream_hc,
    .decompress = decompress_stream,
};
