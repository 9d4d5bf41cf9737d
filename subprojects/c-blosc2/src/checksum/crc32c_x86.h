/** What the ways of x86-64 to compute CRC-32C have in common. Compiled with their flags: include it there
 * only. */
#ifndef B2_CHECKSUM_CRC32C_X86_H
#define B2_CHECKSUM_CRC32C_X86_H

#include <nmmintrin.h>
#include <stdint.h>
#include <string.h>
#include <wmmintrin.h>

static inline uint64_t b2_crc32c_load(const uint8_t *p)
{
    uint64_t x;
    memcpy(&x, p, sizeof x);
    return x;
}

/**
 * The checksum as it is n zero bytes later, where `power` is x^(8n - 33) modulo the polynomial, reflected.
 * The product of two reflected polynomials is one bit short of 64, that is, multiplied by x; the instruction
 * multiplies its 64 bits by x^32, and reduces.
 */
static inline uint64_t b2_crc32c_pass_zeros(uint64_t crc, uint32_t power)
{
    __m128i product =
        _mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)crc), _mm_cvtsi32_si128((int32_t)power), 0);
    return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

#endif
