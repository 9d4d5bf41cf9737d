/* ZSTD: one frame for each stream, docs/format/codecs.md "ZSTD". */
#include <zstd.h>
#include <zstd_errors.h>

#include "base/bytes.h"
#include "blosc2.h"
#include "codecs/table.h"

static const unsigned long long CONTENT_SIZE_UNKNOWN = ZSTD_CONTENTSIZE_UNKNOWN; /* which wraps */

enum {
    DICT_LEVEL = 1, /* of everything that has a dictionary */
    SHORT_STREAM_BYTES = 1 << 14,
};

typedef struct zstd_state {
    ZSTD_CCtx *cctx;
    ZSTD_DCtx *dctx;
    ZSTD_CDict *cdict; /* made from dictionary `cdict_serial` */
    ZSTD_DDict *ddict;
    uint64_t cdict_serial, ddict_serial;
} zstd_state;

static const char *version(void)
{
    return ZSTD_versionString();
}

static int zstd_level(int clevel)
{
    return clevel < 9 ? 2 * clevel - 1 : ZSTD_maxCLevel();
}

/*
 * Level 9 means a slower strategy for up to 16 KiB than for more. On planes of bytes that takes half as long
 * again, and no fewer bytes come of it (docs/design/short-streams.md). 0: what the level says.
 */
static int strategy_of(int level, int32_t in_bytes)
{
    return level == 9 && in_bytes <= SHORT_STREAM_BYTES ? ZSTD_lazy2 : 0;
}

static int no_memory(const char *what)
{
    return blosc2_fail(BLOSC2_E_MEMORY, "zstd: cannot allocate a %s", what);
}

/** Status of a failed call, `status` unless memory was short. */
static int fail(int status, size_t result)
{
    if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation) status = BLOSC2_E_MEMORY;
    return blosc2_fail(status, "zstd: %s", ZSTD_getErrorName(result));
}

static int prepare_cdict(zstd_state *state, const b2_dict *dict)
{
    if (state->cdict && state->cdict_serial == dict->serial) return BLOSC2_OK;
    ZSTD_freeCDict(state->cdict);
    state->cdict = ZSTD_createCDict(dict->bytes, (size_t)dict->dict_bytes, DICT_LEVEL);
    if (!state->cdict) {
        return blosc2_fail(BLOSC2_E_CODEC, "zstd: cannot use a dictionary of %d bytes",
                           (int)dict->dict_bytes);
    }
    state->cdict_serial = dict->serial;
    return BLOSC2_OK;
}

static int prepare_ddict(zstd_state *state, const b2_dict *dict)
{
    if (state->ddict && state->ddict_serial == dict->serial) return BLOSC2_OK;
    ZSTD_freeDDict(state->ddict);
    state->ddict = ZSTD_createDDict(dict->bytes, (size_t)dict->dict_bytes);
    if (!state->ddict) {
        return blosc2_fail(BLOSC2_E_CORRUPT, "zstd: invalid dictionary of %d bytes", (int)dict->dict_bytes);
    }
    state->ddict_serial = dict->serial;
    return BLOSC2_OK;
}

static int compress_stream(void *opaque, const b2_dict *dict, int clevel, const uint8_t *in, int32_t in_bytes,
                           uint8_t *out, int32_t capacity)
{
    zstd_state *state = opaque;
    if (!state->cctx) state->cctx = ZSTD_createCCtx();
    if (!state->cctx) return no_memory("compressor");
    if (dict->bytes) {
        int status = prepare_cdict(state, dict);
        if (status < 0) return status;
    }
    /* Not ZSTD_compress_usingCDict(): its frames would not declare their content size. */
    ZSTD_CCtx_reset(state->cctx, ZSTD_reset_session_only); /* a stream that did not fit may be pending */
    size_t result = ZSTD_CCtx_refCDict(state->cctx, dict->bytes ? state->cdict : NULL);
    if (ZSTD_isError(result)) return fail(BLOSC2_E_CODEC, result);
    int level = dict->bytes ? DICT_LEVEL : zstd_level(clevel);
    result = ZSTD_CCtx_setParameter(state->cctx, ZSTD_c_compressionLevel, level);
    if (!ZSTD_isError(result))
        result = ZSTD_CCtx_setParameter(state->cctx, ZSTD_c_strategy, strategy_of(level, in_bytes));
    if (ZSTD_isError(result)) return fail(BLOSC2_E_CODEC, result);
    result = ZSTD_compress2(state->cctx, out, (size_t)capacity, in, (size_t)in_bytes);
    if (!ZSTD_isError(result)) return (int)result;
    if (ZSTD_getErrorCode(result) == ZSTD_error_dstSize_tooSmall) return 0;
    return fail(BLOSC2_E_CODEC, result);
}

static int decompress_stream(void *opaque, const b2_dict *dict, const uint8_t *in, int32_t in_bytes,
                             uint8_t *out, int32_t out_bytes)
{
    zstd_state *state = opaque;
    /* The library would also take skippable frames and the formats of before 2016. */
    if (in_bytes < 4 || b2_load_le32(in) != ZSTD_MAGICNUMBER) {
        return blosc2_fail(BLOSC2_E_CORRUPT, "zstd: a stream of %d bytes does not begin a frame",
                           (int)in_bytes);
    }
    unsigned long long declared = ZSTD_getFrameContentSize(in, (size_t)in_bytes);
    if (declared != CONTENT_SIZE_UNKNOWN && declared != (unsigned long long)out_bytes) {
        return blosc2_fail(BLOSC2_E_CORRUPT, "zstd: frame of another content size (expected %d)",
                           (int)out_bytes);
    }
    if (!state->dctx) state->dctx = ZSTD_createDCtx();
    if (!state->dctx) return no_memory("decompressor");
    size_t result;
    if (dict->bytes) {
        int status = prepare_ddict(state, dict);
        if (status < 0) return status;
        result = ZSTD_decompress_usingDDict(state->dctx, out, (size_t)out_bytes, in, (size_t)in_bytes,
                                            state->ddict);
    } else {
        result = ZSTD_decompressDCtx(state->dctx, out, (size_t)out_bytes, in, (size_t)in_bytes);
    }
    if (ZSTD_isError(result)) return fail(BLOSC2_E_CORRUPT, result);
    if (result == (size_t)out_bytes) return BLOSC2_OK;
    return blosc2_fail(BLOSC2_E_CORRUPT, "zstd: content of %zu bytes (expected %d)", result, (int)out_bytes);
}

static void release(void *opaque)
{
    zstd_state *state = opaque;
    ZSTD_freeCDict(state->cdict);
    ZSTD_freeDDict(state->ddict);
    ZSTD_freeCCtx(state->cctx);
    ZSTD_freeDCtx(state->dctx);
}

const b2_codec b2_codec_zstd = {
    .name = "zstd",
    .format = B2_FORMAT_ZSTD,
    .has_dict = true,
    .state_bytes = sizeof(zstd_state),
    .release = release,
    .version = version,
    .compress = compress_stream,
    .decompress = decompress_stream,
};
