/* Dictionaries as the real writer builds them: docs/format/codecs.md, "Dictionaries". */
#include <string.h>
#include <zdict.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "base/checked.h"
#include "base/memory.h"
#include "blosc2.h"
#include "codecs/codecs.h"

enum {
    DICT_MIN = 256,
    DICT_MAX = 32768,
    CONTENT_SHARE = 20, /* at most 1/20 of what it is for */
    SAMPLE_SHARE = 16,  /* and 1/16 of that serves as samples */
};

/** Train on `count` samples of `sample_bytes`, one after another. */
static int32_t train_zstd(const uint8_t *samples, int32_t count, int32_t sample_bytes, uint8_t *out,
                          int32_t capacity)
{
    size_t *sizes = b2_malloc((size_t)count * sizeof *sizes);
    if (!sizes)
        return blosc2_fail(BLOSC2_E_MEMORY, "dictionary: cannot allocate the sizes of %d samples",
                           (int)count);
    for (int32_t i = 0; i < count; i++) sizes[i] = (size_t)sample_bytes;
    size_t result = ZDICT_trainFromBuffer(out, (size_t)capacity, samples, sizes, (unsigned)count);
    b2_free(sizes);
    if (!ZDICT_isError(result)) return (int32_t)result;
    if (ZSTD_getErrorCode(result) != ZSTD_error_memory_allocation) return 0;
    return blosc2_fail(BLOSC2_E_MEMORY, "dictionary: not enough memory to train");
}

int32_t b2_codec_train(int codec, const uint8_t *samples, int32_t samples_bytes, int32_t sample_count,
                       uint8_t *out)
{
    int32_t capacity = (int32_t)b2_min_i64(DICT_MAX, samples_bytes / CONTENT_SHARE);
    if (capacity < DICT_MIN || sample_count < 1) return 0;
    int32_t sample_bytes = samples_bytes / sample_count / SAMPLE_SHARE;
    if (sample_bytes == 0) return 0;
    switch (codec) {
    case BLOSC2_ZSTD:
        return train_zstd(samples, sample_count, sample_bytes, out, capacity);
    case BLOSC2_LZ4:
    case BLOSC2_LZ4HC:
        capacity = (int32_t)b2_min_i64(capacity, (int64_t)sample_count * sample_bytes);
        memcpy(out, samples, (size_t)capacity);
        return capacity;
    default:
        return 0;
    }
}
