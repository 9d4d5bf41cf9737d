/** Kernels for AVX-512 (F, BW, VL): the operations that filters/kernels/tiles.h asks for. */
#include <immintrin.h>
#include <stdint.h>

#include "cpu/cpu.h"
#include "filters/kernels.h"

typedef __m512i vec;
enum { LANES = 4, CAN_PICK = 1 };

static inline vec load(const uint8_t *p)
{
    return _mm512_loadu_si512(p);
}

static inline void store(uint8_t *p, vec x)
{
    _mm512_storeu_si512(p, x);
}

/** Past the caches; `p` is a multiple of the vector's size. */
static inline void stream(uint8_t *p, vec x)
{
    _mm512_stream_si512((__m512i *)(void *)p, x);
}

static void end_streaming(void)
{
    _mm_sfence();
}

static inline __m128i load_lane(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline vec load_lanes(const uint8_t *p, size_t step)
{
    __m256i low = _mm256_inserti128_si256(_mm256_castsi128_si256(load_lane(p)), load_lane(p + step), 1);
    __m256i high =
        _mm256_inserti128_si256(_mm256_castsi128_si256(load_lane(p + 2 * step)), load_lane(p + 3 * step), 1);
    return _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
}

static inline void store_lane(uint8_t *p, vec x, int lane)
{
    __m128i *out = (__m128i *)(void *)p;
    switch (lane) { /* the instruction takes a constant only */
    case 0:
        _mm_storeu_si128(out, _mm512_castsi512_si128(x));
        break;
    case 1:
        _mm_storeu_si128(out, _mm512_extracti32x4_epi32(x, 1));
        break;
    case 2:
        _mm_storeu_si128(out, _mm512_extracti32x4_epi32(x, 2));
        break;
    default:
        _mm_storeu_si128(out, _mm512_extracti32x4_epi32(x, 3));
    }
}

static inline void store_half(uint8_t *p, __m256i x)
{
    _mm256_storeu_si256((__m256i *)(void *)p, x);
}

static inline void store_lane_pairs(uint8_t *p, size_t step, vec a, vec b)
{
    vec low = _mm512_permutex2var_epi64(a, _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11), b);
    vec high = _mm512_permutex2var_epi64(a, _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15), b);
    store_half(p, _mm512_castsi512_si256(low));
    store_half(p + step, _mm512_extracti64x4_epi64(low, 1));
    store_half(p + 2 * step, _mm512_castsi512_si256(high));
    store_half(p + 3 * step, _mm512_extracti64x4_epi64(high, 1));
}

static inline vec set(uint8_t byte)
{
    return _mm512_set1_epi8((char)byte);
}

static inline vec zip_low(vec a, vec b, int unit)
{
    switch (unit) {
    case 1:
        return _mm512_unpacklo_epi8(a, b);
    case 2:
        return _mm512_unpacklo_epi16(a, b);
    case 4:
        return _mm512_unpacklo_epi32(a, b);
    default:
        return _mm512_unpacklo_epi64(a, b);
    }
}

static inline vec zip_high(vec a, vec b, int unit)
{
    switch (unit) {
    case 1:
        return _mm512_unpackhi_epi8(a, b);
    case 2:
        return _mm512_unpackhi_epi16(a, b);
    case 4:
        return _mm512_unpackhi_epi32(a, b);
    default:
        return _mm512_unpackhi_epi64(a, b);
    }
}

static inline vec pick(vec x, vec index)
{
    return _mm512_shuffle_epi8(x, index);
}

static inline vec and_bits(vec a, vec b)
{
    return _mm512_and_si512(a, b);
}

static inline vec xor_bits(vec a, vec b)
{
    return _mm512_xor_si512(a, b);
}

static inline vec shift_bits_left(vec x, int bits)
{
    return _mm512_slli_epi64(x, (unsigned)bits);
}

static inline vec shift_bits_right(vec x, int bits)
{
    return _mm512_srli_epi64(x, (unsigned)bits);
}

static inline vec add(vec a, vec b)
{
    return _mm512_add_epi8(a, b);
}

static inline vec sub(vec a, vec b)
{
    return _mm512_sub_epi8(a, b);
}

/** The last byte of each lane, in all of its places. */
static inline vec lane_totals(vec x)
{
    return _mm512_shuffle_epi8(x, _mm512_set1_epi8(15));
}

static inline vec sum_up(vec x)
{
    x = add(x, _mm512_bslli_epi128(x, 1)); /* sums over 2, 4, 8, 16 bytes of a lane */
    x = add(x, _mm512_bslli_epi128(x, 2));
    x = add(x, _mm512_bslli_epi128(x, 4));
    x = add(x, _mm512_bslli_epi128(x, 8));
    vec totals = lane_totals(x); /* then lanes 1 and 3 get the total of the one before, 2 and 3 that of 1 */
    x = add(x, _mm512_maskz_shuffle_i64x2(0xcc, totals, totals, _MM_SHUFFLE(2, 2, 0, 0)));
    totals = lane_totals(x);
    return add(x, _mm512_maskz_shuffle_i64x2(0xf0, totals, totals, _MM_SHUFFLE(1, 1, 1, 1)));
}

static inline vec last_byte(vec x)
{
    vec totals = lane_totals(x);
    return _mm512_shuffle_i64x2(totals, totals, _MM_SHUFFLE(3, 3, 3, 3));
}

#include "filters/kernels/tiled.h"

const b2_kernels b2_kernels_avx512 = {
    .name = "avx512",
    .needs = B2_CPU_AVX512BW,
    .shuffle = shuffle,
    .unshuffle = unshuffle,
    .bitshuffle = bitshuffle,
    .bitunshuffle = bitunshuffle,
    .join_planes = join_planes,
    .stream_lines = copy_lines,
    .end_streaming = end_streaming,
    .xor_bytes = xor_bytes,
    .bytedelta_row = bytedelta_row,
    .undo_bytedelta_row = undo_bytedelta_row,
};
