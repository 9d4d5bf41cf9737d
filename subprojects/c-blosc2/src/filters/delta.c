#include "filters/delta.h"

#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "filters/kernels.h"

size_t b2_delta_unit(int32_t item_bytes)
{
    if (item_bytes == 1 || item_bytes == 2 || item_bytes == 4 || item_bytes == 8) return (size_t)item_bytes;
    return item_bytes % 8 == 0 ? 8 : 1;
}

static void copy_trailing(const uint8_t *in, uint8_t *out, size_t whole, size_t bytes)
{
    if (in != out && whole < bytes) memcpy(out + whole, in + whole, bytes - whole);
}

/** Running XOR of words of `unit` bytes, eight bytes at a time. */
B2_WRAPS static void accumulate(const uint8_t *in, uint8_t *out, size_t whole, size_t unit)
{
    uint64_t spread =
        UINT64_MAX / (unit == 8 ? UINT64_MAX : (UINT64_C(1) << (8 * unit)) - 1); /* 1 in each word */
    uint64_t before = 0; /* the last word so far, in all words */
    size_t i = 0;
    for (; i + 8 <= whole; i += 8) {
        uint64_t x = b2_load_le64(in + i);
        for (size_t shift = 8 * unit; shift < 64; shift *= 2) x ^= x << shift;
        b2_store_le64(out + i, x ^ before);
        before ^= (x >> (64 - 8 * unit)) * spread;
    }
    for (; i < whole; i++) out[i] = i < unit ? in[i] : in[i] ^ out[i - unit];
}

void b2_delta(const uint8_t *in, uint8_t *out, size_t bytes, int32_t item_bytes, const uint8_t *reference)
{
    size_t unit = b2_delta_unit(item_bytes);
    size_t whole = bytes - bytes % unit;
    if (whole > 0) {
        if (reference) {
            b2_kernels_get()->xor_bytes(in, reference, out, whole);
        } else {
            memcpy(out, in, unit);
            b2_kernels_get()->xor_bytes(in + unit, in, out + unit, whole - unit);
        }
    }
    copy_trailing(in, out, whole, bytes);
}

void b2_undo_delta(const uint8_t *in, uint8_t *out, size_t bytes, int32_t item_bytes,
                   const uint8_t *reference)
{
    size_t unit = b2_delta_unit(item_bytes);
    size_t whole = bytes - bytes % unit;
    if (reference) {
        b2_kernels_get()->xor_bytes(in, reference, out, whole);
    } else {
        accumulate(in, out, whole, unit);
    }
    copy_trailing(in, out, whole, bytes);
}
