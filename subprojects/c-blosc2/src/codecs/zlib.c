/*
 * ZLIB (RFC 1950), docs/format/codecs.md: by libdeflate, which works on whole buffers and is faster, or else
 * by zlib. Both need all of a stream, give exactly the bytes asked for, and ignore what follows the stream.
 */
#include "blosc2.h"
#include "codecs/table.h"

static int misfit(int32_t in_bytes, int32_t out_bytes)
{
    return blosc2_fail(BLOSC2_E_CORRUPT, "zlib: %d bytes do not decode to exactly %d", (int)in_bytes,
                       (int)out_bytes);
}

static int no_memory(const char *what)
{
    return blosc2_fail(BLOSC2_E_MEMORY, "zlib: cannot allocate a %s", what);
}

#if defined(B2_HAVE_LIBDEFLATE)

#include <libdeflate.h>

typedef struct zlib_state {
    struct libdeflate_compressor *compressor; /* made for level `clevel` */
    struct libdeflate_decompressor *decompressor;
    int clevel;
} zlib_state;

static const char *version(void)
{
    return LIBDEFLATE_VERSION_STRING " (libdeflate)";
}

static int compress_stream(void *opaque, const b2_dict *dict, int clevel, const uint8_t *in, int32_t in_bytes,
                           uint8_t *out, int32_t capacity)
{
    (void)dict;
    zlib_state *state = opaque;
    if (!state->compressor || state->clevel != clevel) {
        libdeflate_free_compressor(state->compressor);
        state->compressor = libdeflate_alloc_compressor(clevel);
        if (!state->compressor) return no_memory("compressor");
        state->clevel = clevel;
    }
    return (int)libdeflate_zlib_compress(state->compressor, in, (size_t)in_bytes, out, (size_t)capacity);
}

static int decompress_stream(void *opaque, const b2_dict *dict, const uint8_t *in, int32_t in_bytes,
                             uint8_t *out, int32_t out_bytes)
{
    (void)dict;
    zlib_state *state = opaque;
    if (!state->decompressor) state->decompressor = libdeflate_alloc_decompressor();
    if (!state->decompressor) return no_memory("decompressor");
    size_t used;
    enum libdeflate_result result = libdeflate_zlib_decompress_ex(state->decompressor, in, (size_t)in_bytes,
                                                                  out, (size_t)out_bytes, &used, NULL);
    return result == LIBDEFLATE_SUCCESS ? BLOSC2_OK : misfit(in_bytes, out_bytes);
}

static void release(void *opaque)
{
    zlib_state *state = opaque;
    libdeflate_free_compressor(state->compressor);
    libdeflate_free_decompressor(state->decompressor);
}

#elif defined(B2_HAVE_ZLIB)

#define ZLIB_CONST
#include <zlib.h>

#include "base/memory.h"

typedef struct zlib_state {
    z_stream *deflate; /* made for level `clevel` */
    z_stream *inflate;
    int clevel;
} zlib_state;

static const char *version(void)
{
    return zlibVersion();
}

static void *allocate(void *context, unsigned count, unsigned size)
{
    (void)context;
    return b2_malloc((size_t)count * size);
}

static void release_block(void *context, void *block)
{
    (void)context;
    b2_free(block);
}

static z_stream *make_stream(void)
{
    z_stream *stream = b2_calloc(sizeof *stream);
    if (stream) {
        stream->zalloc = allocate;
        stream->zfree = release_block;
    }
    return stream;
}

static void free_deflate(zlib_state *state)
{
    if (state->deflate) deflateEnd(state->deflate);
    b2_free(state->deflate);
    state->deflate = NULL;
}

/** A deflate stream at its beginning, or NULL. */
static z_stream *start_deflate(zlib_state *state, int clevel)
{
    if (state->deflate && state->clevel == clevel && deflateReset(state->deflate) == Z_OK)
        return state->deflate;
    free_deflate(state);
    state->deflate = make_stream();
    if (state->deflate && deflateInit(state->deflate, clevel) != Z_OK) free_deflate(state);
    state->clevel = clevel;
    return state->deflate;
}

/** An inflate stream at its beginning, or NULL. */
static z_stream *start_inflate(zlib_state *state)
{
    if (state->inflate) return inflateReset(state->inflate) == Z_OK ? state->inflate : NULL;
    z_stream *stream = make_stream();
    if (stream && inflateInit(stream) != Z_OK) {
        b2_free(stream);
        stream = NULL;
    }
    state->inflate = stream;
    return stream;
}

static void set_buffers(z_stream *stream, const uint8_t *in, int32_t in_bytes, uint8_t *out,
                        int32_t out_bytes)
{
    stream->next_in = in;
    stream->avail_in = (unsigned)in_bytes;
    stream->next_out = out;
    stream->avail_out = (unsigned)out_bytes;
}

static int compress_stream(void *opaque, const b2_dict *dict, int clevel, const uint8_t *in, int32_t in_bytes,
                           uint8_t *out, int32_t capacity)
{
    (void)dict;
    z_stream *stream = start_deflate(opaque, clevel);
    if (!stream) return no_memory("compressor");
    set_buffers(stream, in, in_bytes, out, capacity);
    return deflate(stream, Z_FINISH) == Z_STREAM_END ? (int)stream->total_out : 0;
}

static int decompress_stream(void *opaque, const b2_dict *dict, const uint8_t *in, int32_t in_bytes,
                             uint8_t *out, int32_t out_bytes)
{
    (void)dict;
    z_stream *stream = start_inflate(opaque);
    if (!stream) return no_memory("decompressor");
    set_buffers(stream, in, in_bytes, out, out_bytes);
    int result = inflate(stream, Z_FINISH);
    if (result == Z_MEM_ERROR) return no_memory("window");
    return result == Z_STREAM_END && stream->avail_out == 0 ? BLOSC2_OK : misfit(in_bytes, out_bytes);
}

static void release(void *opaque)
{
    zlib_state *state = opaque;
    free_deflate(state);
    if (state->inflate) inflateEnd(state->inflate);
    b2_free(state->inflate);
}

#else
#error "define B2_HAVE_LIBDEFLATE or B2_HAVE_ZLIB"
#endif

const b2_codec b2_codec_zlib = {
    .name = "zlib",
    .format = B2_FORMAT_ZLIB,
    .state_bytes = sizeof(zlib_state),
    .release = release,
    .version = version,
    .compress = compress_stream,
    .decompress = decompress_stream,
};
