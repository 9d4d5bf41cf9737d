#include "chunk/encode.h"

#include <string.h>

#include "base/bytes.h"

bool b2_is_run(const uint8_t *data, size_t bytes)
{
    return data[0] == data[bytes - 1] && memcmp(data, data + 1, bytes - 1) == 0;
}

bool b2_repeats_item(const uint8_t *data, int32_t bytes, int32_t item_bytes)
{
    if (bytes % item_bytes) return false;
    return memcmp(data, data + item_bytes, (size_t)bytes - (size_t)item_bytes) == 0;
}

static int64_t encode_stream(const blosc2_cparams *cparams, const uint8_t *in, int32_t bytes, uint8_t *out,
                             b2_codec_states *codecs)
{
    if (b2_is_run(in, (size_t)bytes)) {
        b2_store_le32(out, (uint32_t)-in[0]);
        if (in[0] == 0) return 4;
        out[4] = 1; /* token: a run */
        return 5;
    }
    int written = b2_codec_compress(codecs, cparams->codec, cparams->clevel, in, bytes, out + 4, bytes - 1);
    if (written < 0) return written;
    if (written == 0) {
        memcpy(out + 4, in, (size_t)bytes);
        written = bytes;
    }
    b2_store_le32(out, (uint32_t)written);
    return 4 + (int64_t)written;
}

int64_t b2_encode_streams(const blosc2_cparams *cparams, const uint8_t *filtered, int32_t block_nbytes,
                          int32_t streams, uint8_t *out, b2_codec_states *codecs)
{
    int32_t bytes = block_nbytes / streams;
    int64_t total = 0;
    for (int32_t i = 0; i < streams; i++) {
        int64_t written =
            encode_stream(cparams, filtered + (size_t)i * (size_t)bytes, bytes, out + total, codecs);
        if (written < 0) return written;
        total += written;
    }
    return total;
}
