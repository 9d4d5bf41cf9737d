/** Kernels for NEON, which every AArch64 has: the operations that filters/kernels/tiles.h asks for. */
#include <arm_neon.h>
#include <stdint.h>

#include "cpu/cpu.h"
#include "filters/kernels.h"

typedef uint8x16_t vec;
enum { LANES = 1, CHEAP_TAKE = 1 };

static inline vec load(const uint8_t *p)
{
    return vld1q_u8(p);
}

static inline void store(uint8_t *p, vec x)
{
    vst1q_u8(p, x);
}

static inline vec load_lanes(const uint8_t *p, size_t step)
{
    (void)step; /* one lane */
    return load(p);
}

static inline void store_lanes(uint8_t *p, size_t step, vec x)
{
    (void)step;
    store(p, x);
}

static inline void store_lane(uint8_t *p, vec x, int lane)
{
    (void)lane;
    store(p, x);
}

static inline vec set(uint8_t byte)
{
    return vdupq_n_u8(byte);
}

static inline vec zip_low(vec a, vec b)
{
    return vzip1q_u8(a, b);
}

static inline vec zip_high(vec a, vec b)
{
    return vzip2q_u8(a, b);
}

static inline vec take_even(vec a, vec b)
{
    return vuzp1q_u8(a, b);
}

static inline vec take_odd(vec a, vec b)
{
    return vuzp2q_u8(a, b);
}

static inline vec and_bits(vec a, vec b)
{
    return vandq_u8(a, b);
}

static inline vec xor_bits(vec a, vec b)
{
    return veorq_u8(a, b);
}

/* Operators, as the intrinsics take constants only. */
static inline vec shift_bits_left(vec x, int bits)
{
    return x << bits;
}

static inline vec shift_bits_right(vec x, int bits)
{
    return x >> bits;
}

static inline vec add(vec a, vec b)
{
    return vaddq_u8(a, b);
}

static inline vec sub(vec a, vec b)
{
    return vsubq_u8(a, b);
}

static inline vec sum_up(vec x)
{
    const vec zero = vdupq_n_u8(0);
    x = add(x, vextq_u8(zero, x, 16 - 1)); /* sums over 2, 4, 8, 16 bytes */
    x = add(x, vextq_u8(zero, x, 16 - 2));
    x = add(x, vextq_u8(zero, x, 16 - 4));
    return add(x, vextq_u8(zero, x, 16 - 8));
}

static inline vec last_byte(vec x)
{
    return vdupq_laneq_u8(x, 15);
}

#include "filters/kernels/tiled.h"

const b2_kernels b2_kernels_neon = {
    .name = "neon",
    .needs = B2_CPU_NEON,
    .shuffle = shuffle,
    .unshuffle = unshuffle,
    .bitshuffle = bitshuffle,
    .bitunshuffle = bitunshuffle,
    .xor_bytes = xor_bytes,
    .bytedelta_row = bytedelta_row,
    .undo_bytedelta_row = undo_bytedelta_row,
};
