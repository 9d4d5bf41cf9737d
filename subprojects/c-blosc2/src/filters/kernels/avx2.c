/** Kernels for AVX2: the operations that filters/kernels/tiles.h asks for. */
#include <immintrin.h>
#include <stdint.h>

#include "cpu/cpu.h"
#include "filters/kernels.h"

typedef __m256i vec;
enum { LANES = 2, CAN_PICK = 1 };

static inline vec load(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

static inline void store(uint8_t *p, vec x)
{
    _mm256_storeu_si256((__m256i *)(void *)p, x);
}

/** Past the caches; `p` is a multiple of the vector's size. */
static inline void stream(uint8_t *p, vec x)
{
    _mm256_stream_si256((__m256i *)(void *)p, x);
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
    return _mm256_inserti128_si256(_mm256_castsi128_si256(load_lane(p)), load_lane(p + step), 1);
}

static inline void store_lane(uint8_t *p, vec x, int lane)
{
    __m128i half = lane ? _mm256_extracti128_si256(x, 1) : _mm256_castsi256_si128(x);
    _mm_storeu_si128((__m128i *)(void *)p, half);
}

static inline void store_lane_pairs(uint8_t *p, size_t step, vec a, vec b)
{
    store(p, _mm256_permute2x128_si256(a, b, 0x20));
    store(p + step, _mm256_permute2x128_si256(a, b, 0x31));
}

static inline vec set(uint8_t byte)
{
    return _mm256_set1_epi8((char)byte);
}

static inline vec zip_low(vec a, vec b, int unit)
{
    switch (unit) {
    case 1:
        return _mm256_unpacklo_epi8(a, b);
    case 2:
        return _mm256_unpacklo_epi16(a, b);
    case 4:
        return _mm256_unpacklo_epi32(a, b);
    default:
        return _mm256_unpacklo_epi64(a, b);
    }
}

static inline vec zip_high(vec a, vec b, int unit)
{
    switch (unit) {
    case 1:
        return _mm256_unpackhi_epi8(a, b);
    case 2:
        return _mm256_unpackhi_epi16(a, b);
    case 4:
        return _mm256_unpackhi_epi32(a, b);
    default:
        return _mm256_unpackhi_epi64(a, b);
    }
}

static inline vec pick(vec x, vec index)
{
    return _mm256_shuffle_epi8(x, index);
}

static inline vec and_bits(vec a, vec b)
{
    return _mm256_and_si256(a, b);
}

static inline vec xor_bits(vec a, vec b)
{
    return _mm256_xor_si256(a, b);
}

static inline vec shift_bits_left(vec x, int bits)
{
    return _mm256_slli_epi64(x, bits);
}

static inline vec shift_bits_right(vec x, int bits)
{
    return _mm256_srli_epi64(x, bits);
}

static inline vec add(vec a, vec b)
{
    return _mm256_add_epi8(a, b);
}

static inline vec sub(vec a, vec b)
{
    return _mm256_sub_epi8(a, b);
}

/** The last byte of each lane, in all of its places. */
static inline vec lane_totals(vec x)
{
    return _mm256_shuffle_epi8(x, _mm256_set1_epi8(15));
}

static inline vec sum_up(vec x)
{
    x = add(x, _mm256_slli_si256(x, 1)); /* sums over 2, 4, 8, 16 bytes of a lane */
    x = add(x, _mm256_slli_si256(x, 2));
    x = add(x, _mm256_slli_si256(x, 4));
    x = add(x, _mm256_slli_si256(x, 8));
    vec totals = lane_totals(x);
    return add(x,
               _mm256_permute2x128_si256(totals, totals, 0x08)); /* the low one's, for the high lane alone */
}

static inline vec last_byte(vec x)
{
    vec totals = lane_totals(x);
    return _mm256_permute2x128_si256(totals, totals, 0x11);
}

#include "filters/kernels/tiled.h"

const b2_kernels b2_kernels_avx2 = {
    .name = "avx2",
    .needs = B2_CPU_AVX2,
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
