/** Kernels for SSE2, which every x86-64 has: the operations that filters/kernels/tiles.h asks for. */
#include <emmintrin.h>
#include <stdint.h>

#include "cpu/cpu.h"
#include "filters/kernels.h"

typedef __m128i vec;
enum { LANES = 1, CAN_PICK = 0 };

static inline vec load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline void store(uint8_t *p, vec x)
{
    _mm_storeu_si128((__m128i *)(void *)p, x);
}

/** Past the caches; `p` is a multiple of the vector's size. */
static inline void stream(uint8_t *p, vec x)
{
    _mm_stream_si128((__m128i *)(void *)p, x);
}

static void end_streaming(void)
{
    _mm_sfence();
}

static inline vec load_lanes(const uint8_t *p, size_t step)
{
    (void)step; /* one lane */
    return load(p);
}

static inline void store_lane(uint8_t *p, vec x, int lane)
{
    (void)lane;
    store(p, x);
}

static inline void store_lane_pairs(uint8_t *p, size_t step, vec a, vec b)
{
    (void)step;
    store(p, a);
    store(p + 16, b);
}

static inline vec set(uint8_t byte)
{
    return _mm_set1_epi8((char)byte);
}

static inline vec zip_low(vec a, vec b, int unit)
{
    switch (unit) {
    case 1:
        return _mm_unpacklo_epi8(a, b);
    case 2:
        return _mm_unpacklo_epi16(a, b);
    case 4:
        return _mm_unpacklo_epi32(a, b);
    default:
        return _mm_unpacklo_epi64(a, b);
    }
}

static inline vec zip_high(vec a, vec b, int unit)
{
    switch (unit) {
    case 1:
        return _mm_unpackhi_epi8(a, b);
    case 2:
        return _mm_unpackhi_epi16(a, b);
    case 4:
        return _mm_unpackhi_epi32(a, b);
    default:
        return _mm_unpackhi_epi64(a, b);
    }
}

/* SSSE3 would have it; never called. */
static inline vec pick(vec x, vec index)
{
    (void)index;
    return x;
}

static inline vec and_bits(vec a, vec b)
{
    return _mm_and_si128(a, b);
}

static inline vec xor_bits(vec a, vec b)
{
    return _mm_xor_si128(a, b);
}

static inline vec shift_bits_left(vec x, int bits)
{
    return _mm_slli_epi64(x, bits);
}

static inline vec shift_bits_right(vec x, int bits)
{
    return _mm_srli_epi64(x, bits);
}

static inline vec add(vec a, vec b)
{
    return _mm_add_epi8(a, b);
}

static inline vec sub(vec a, vec b)
{
    return _mm_sub_epi8(a, b);
}

static inline vec sum_up(vec x)
{
    x = add(x, _mm_slli_si128(x, 1)); /* sums over 2, 4, 8, 16 bytes */
    x = add(x, _mm_slli_si128(x, 2));
    x = add(x, _mm_slli_si128(x, 4));
    return add(x, _mm_slli_si128(x, 8));
}

static inline vec last_byte(vec x)
{
    x = _mm_unpackhi_epi8(x, x);                          /* twice in the last 16 bits */
    x = _mm_shufflehi_epi16(x, _MM_SHUFFLE(3, 3, 3, 3));  /* in the high half */
    return _mm_shuffle_epi32(x, _MM_SHUFFLE(3, 3, 3, 3)); /* everywhere */
}

#include "filters/kernels/tiled.h"

const b2_kernels b2_kernels_sse2 = {
    .name = "sse2",
    .needs = B2_CPU_SSE2,
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
