/** Kernels for NEON, which every AArch64 has: the operations that filters/kernels/tiles.h asks for. */
#include <arm_neon.h>
#include <stdint.h>

#include "cpu/cpu.h"
#include "filters/kernels.h"

typedef uint8x16_t vec;
enum { LANES = 1, CAN_PICK = 1 };

static inline vec load(const uint8_t *p)
{
    return vld1q_u8(p);
}

static inline void store(uint8_t *p, vec x)
{
    vst1q_u8(p, x);
}

/** Compilers have no common way to store past the caches here. */
static inline void stream(uint8_t *p, vec x)
{
    store(p, x);
}

static void end_streaming(void) {}

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
    return vdupq_n_u8(byte);
}

static inline vec zip_low(vec a, vec b, int unit)
{
    switch (unit) {
    case 1:
        return vzip1q_u8(a, b);
    case 2:
        return vreinterpretq_u8_u16(vzip1q_u16(vreinterpretq_u16_u8(a), vreinterpretq_u16_u8(b)));
    case 4:
        return vreinterpretq_u8_u32(vzip1q_u32(vreinterpretq_u32_u8(a), vreinterpretq_u32_u8(b)));
    default:
        return vreinterpretq_u8_u64(vzip1q_u64(vreinterpretq_u64_u8(a), vreinterpretq_u64_u8(b)));
    }
}

static inline vec zip_high(vec a, vec b, int unit)
{
    switch (unit) {
    case 1:
        return vzip2q_u8(a, b);
    case 2:
        return vreinterpretq_u8_u16(vzip2q_u16(vreinterpretq_u16_u8(a), vreinterpretq_u16_u8(b)));
    case 4:
        return vreinterpretq_u8_u32(vzip2q_u32(vreinterpretq_u32_u8(a), vreinterpretq_u32_u8(b)));
    default:
        return vreinterpretq_u8_u64(vzip2q_u64(vreinterpretq_u64_u8(a), vreinterpretq_u64_u8(b)));
    }
}

static inline vec pick(vec x, vec index)
{
    return vqtbl1q_u8(x, index);
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
    .join_planes = join_planes,
    .stream_lines = copy_lines,
    .end_streaming = end_streaming,
    .xor_bytes = xor_bytes,
    .bytedelta_row = bytedelta_row,
    .undo_bytedelta_row = undo_bytedelta_row,
};
