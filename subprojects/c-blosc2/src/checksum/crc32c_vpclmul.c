/**
 * CRC-32C by two units at once: carry-less products of 32 bytes (VPCLMULQDQ) take the first part of a piece,
 * and the instruction of SSE4.2 three stretches behind it. The products fold, after V. Gopal and others,
 * "Fast CRC computation for generic polynomials using PCLMULQDQ instruction", Intel white paper 323102, 2009.
 */
#include <immintrin.h>

#include "checksum/crc32c.h"
#include "checksum/crc32c_x86.h"
#include "cpu/cpu.h"

/* Measured: with four vectors, five words of each stretch keep both units busy (Zen 3). */
enum { VECTORS = 4, WORDS = 5, FOLDED = VECTORS * 32, STRETCH = WORDS * 8 };
enum { ROUNDS = 64, FEW_ROUNDS = 16, ROUND_BYTES = FOLDED + 3 * STRETCH };

static inline __m256i load_vector(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

/**
 * What 128 bits are worth `D` bits further on: the low 64 times x^(D + 32), the high ones times x^(D - 32),
 * modulo the polynomial, both reflected in 33 bits.
 */
static inline __m256i fold(__m256i x, __m256i powers)
{
    return _mm256_xor_si256(_mm256_clmulepi64_epi128(x, powers, 0x00),
                            _mm256_clmulepi64_epi128(x, powers, 0x11));
}

static inline __m256i powers_of(int64_t low, int64_t high)
{
    return _mm256_set_epi64x(high, low, high, low);
}

/* The checksum of what has been folded into four vectors, each 32 bytes behind the one before. */
static inline uint64_t reduce(const __m256i x[VECTORS])
{
    const __m256i by_32 = powers_of(0x1384aa63a, 0xba4fc28e);
    const __m128i by_16 = _mm_set_epi64x(0x14cd00bd6, 0xf20c0dfe);
    __m256i sum = x[0];
    for (int i = 1; i < VECTORS; i++) sum = _mm256_xor_si256(fold(sum, by_32), x[i]);
    __m128i low = _mm256_castsi256_si128(sum), high = _mm256_extracti128_si256(sum, 1);
    low = _mm_xor_si128(_mm_clmulepi64_si128(low, by_16, 0x00), _mm_clmulepi64_si128(low, by_16, 0x11));
    high = _mm_xor_si128(high, low);
    uint64_t crc = _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(high));
    return _mm_crc32_u64(crc, (uint64_t)_mm_extract_epi64(high, 1));
}

/** `rounds` times ROUND_BYTES; the powers are those of one, two and three stretches of `rounds` times STRETCH
 * bytes. */
static inline uint64_t update_piece(uint64_t crc, const uint8_t *data, int rounds, const uint32_t powers[3])
{
    const __m256i by_128 = powers_of(0x6992cea2, 0x0d3b6092);
    const uint8_t *first = data + rounds * FOLDED, *second = first + rounds * STRETCH,
                  *third = second + rounds * STRETCH;
    uint64_t a = 0, b = 0, c = 0;
    __m256i x[VECTORS];
    for (int i = 0; i < VECTORS; i++) x[i] = load_vector(data + 32 * i);
    x[0] = _mm256_xor_si256(x[0], _mm256_set_epi64x(0, 0, 0, (int64_t)crc));
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < VECTORS && round > 0; i++)
            x[i] = _mm256_xor_si256(fold(x[i], by_128), load_vector(data + round * FOLDED + 32 * i));
        for (int i = 0; i < WORDS; i++, first += 8, second += 8, third += 8) {
            a = _mm_crc32_u64(a, b2_crc32c_load(first));
            b = _mm_crc32_u64(b, b2_crc32c_load(second));
            c = _mm_crc32_u64(c, b2_crc32c_load(third));
        }
    }
    return b2_crc32c_pass_zeros(reduce(x), powers[2]) ^ b2_crc32c_pass_zeros(a, powers[1]) ^
           b2_crc32c_pass_zeros(b, powers[0]) ^ c;
}

static uint32_t update(uint32_t start, const uint8_t *data, size_t bytes)
{
    static const uint32_t powers[3] = {0x22c3799f, 0xca110698, 0xf7ac8f1f};
    static const uint32_t few_powers[3] = {0x6b749fb2, 0xdd66cbbb, 0xf48642e9};
    const size_t piece = ROUNDS * ROUND_BYTES, few = FEW_ROUNDS * ROUND_BYTES;
    uint64_t crc = (uint32_t)~start;
    for (; bytes >= piece; bytes -= piece, data += piece) crc = update_piece(crc, data, ROUNDS, powers);
    for (; bytes >= few; bytes -= few, data += few) crc = update_piece(crc, data, FEW_ROUNDS, few_powers);
    return b2_crc32c_sse42.update(~(uint32_t)crc, data, bytes);
}

const b2_crc32c_way b2_crc32c_vpclmul = {"vpclmul",
                                         B2_CPU_SSE42 | B2_CPU_PCLMUL | B2_CPU_AVX2 | B2_CPU_VPCLMUL, update};
