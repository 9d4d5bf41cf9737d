/**
 * Our BLOSCLZ. The input, behind 3 bytes of parameters, is a stream to decode and content to compress, which
 * comes back. Built by ci/fuzz.
 */
#include "codecs/blosclz.h"
#include "fuzz.h"

enum { PARAMETER_BYTES = 3 };

static void decode_any(const uint8_t *in, int32_t in_bytes, int32_t out_bytes)
{
    uint8_t *out = fuzz_alloc((size_t)out_bytes);
    b2_blosclz_decode(in, in_bytes, out, out_bytes);
    free(out);
}

/** Same content, same bytes, whatever the table held. */
static void round_trip(const uint8_t *in, int32_t in_bytes, int clevel, int32_t capacity)
{
    static b2_blosclz_state used, blank;
    uint8_t *stream = fuzz_alloc((size_t)capacity), *again = fuzz_alloc((size_t)capacity);
    uint8_t *back = fuzz_alloc((size_t)in_bytes);
    int32_t bytes = b2_blosclz_encode(&used, clevel, in, in_bytes, stream, capacity);
    memset(&blank, 0, sizeof blank);
    MUST(bytes >= 0 && bytes <= capacity);
    MUST(b2_blosclz_encode(&blank, clevel, in, in_bytes, again, capacity) == bytes);
    MUST(memcmp(stream, again, (size_t)bytes) == 0);
    if (bytes > 0) {
        uint8_t *exact = fuzz_alloc((size_t)bytes);
        memcpy(exact, stream, (size_t)bytes);
        MUST(b2_blosclz_decode(exact, bytes, back, in_bytes) == BLOSC2_OK);
        MUST(memcmp(in, back, (size_t)in_bytes) == 0);
        free(exact);
    }
    free(stream);
    free(again);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= PARAMETER_BYTES) return 0;
    int clevel = 1 + data[0] % 9;
    int32_t bytes = data[1] | data[2] << 8; /* decoded size, or room for the stream */
    const uint8_t *rest = data + PARAMETER_BYTES;
    int32_t rest_bytes = (int32_t)(size - PARAMETER_BYTES);
    decode_any(rest, rest_bytes, bytes);
    round_trip(rest, rest_bytes, clevel, bytes);
    round_trip(rest, rest_bytes, clevel, rest_bytes);
    return 0;
}
