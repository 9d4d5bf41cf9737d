/**
 * Tiles of bytes in vectors, for every instruction set whose vectors are lanes of 16 bytes: some items are
 * turned into rows, one for each byte of an item, and back. The instruction set's file defines, before it
 * includes this, `vec`, LANES and the operations
 *
 *     load, store               a vector at any address
 *     load_lanes, store_lanes   its lanes, `step` apart
 *     store_lane                one of them
 *     zip_low, zip_high         in each lane: the bytes of the low, the high halves of two vectors in turn
 *     take_even, take_odd       the opposite: every other byte of two vectors
 *     CHEAP_TAKE                1 if these two are single instructions
 *     set, and_bits, xor_bits, shift_bits_left, shift_bits_right (which may cross bytes)
 *     add, sub                  of bytes
 *     sum_up, last_byte         each byte becomes the sum of all up to it; the last byte in all places
 *
 * The idea. Give a byte in a group of 16 items the address [item: 4 bits | byte of the item: log2(width)
 * bits]. Lanes hold the four low bits of the address as the position, the others are the vector's number.
 * `turn` rotates all addresses left by one bit, `turn_back` right. Shuffle is a rotation left by 4, or right
 * by log2(width); unshuffle one left by log2(width). All lanes do the same for a group each: a tile.
 *
 * Static functions only: each file has instructions of its own.
 */
#ifndef B2_FILTERS_KERNELS_TILES_H
#define B2_FILTERS_KERNELS_TILES_H

#include <stddef.h>
#include <stdint.h>

#define UNROLL _Pragma("GCC unroll 16")

/* For functions with a parameter that is a constant: the loops over it must vanish. */
#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* Keeps GCC from making one address out of another, 16 times: that chain takes longer than the work. */
#define KEEP_POINTER(p) __asm__("" : "+r"(p))

enum {
    LANE = 16,           /* bytes; also items of a group */
    TILE = LANES * LANE, /* items; also bytes of a vector */
};

ALWAYS_INLINE void turn(vec *x, int n)
{
    vec y[16];
    UNROLL
    for (int q = 0; q < n / 2; q++) {
        y[2 * q] = zip_low(x[q], x[q + n / 2]);
        y[2 * q + 1] = zip_high(x[q], x[q + n / 2]);
    }
    UNROLL
    for (int q = 0; q < n; q++) x[q] = y[q];
}

ALWAYS_INLINE void turn_back(vec *x, int n)
{
    vec y[16];
    UNROLL
    for (int q = 0; q < n / 2; q++) {
        y[q] = take_even(x[2 * q], x[2 * q + 1]);
        y[q + n / 2] = take_odd(x[2 * q], x[2 * q + 1]);
    }
    UNROLL
    for (int q = 0; q < n; q++) x[q] = y[q];
}

ALWAYS_INLINE void load_rows(const uint8_t *in, size_t step, vec *x, int rows)
{
    UNROLL
    for (int r = 0; r < rows; r++) x[r] = load(in + (size_t)r * step);
}

ALWAYS_INLINE void store_rows(uint8_t *out, size_t step, const vec *x, int rows)
{
    UNROLL
    for (int r = 0; r < rows; r++) store(out + (size_t)r * step, x[r]);
}

/** A tile of items without gaps to rows `step` apart. @param width  2, 4 or 8, a constant. */
ALWAYS_INLINE void shuffle_tile(const uint8_t *in, uint8_t *out, size_t step, int width)
{
    vec x[8];
    UNROLL
    for (int q = 0; q < width; q++) x[q] = load_lanes(in + LANE * q, LANE * (size_t)width);
    if (width == 2 || CHEAP_TAKE) {
        turn_back(x, width);
        if (width >= 4) turn_back(x, width);
        if (width >= 8) turn_back(x, width);
    } else {
        turn(x, width);
        turn(x, width);
        turn(x, width);
        turn(x, width);
    }
    store_rows(out, step, x, width);
}

ALWAYS_INLINE void unshuffle_tile(const uint8_t *in, size_t step, uint8_t *out, int width)
{
    vec x[8];
    load_rows(in, step, x, width);
    turn(x, width);
    if (width >= 4) turn(x, width);
    if (width >= 8) turn(x, width);
    UNROLL
    for (int q = 0; q < width; q++) store_lanes(out + LANE * q, LANE * (size_t)width, x[q]);
}

/** 16 bytes of a tile's items, `step` apart, to rows `run` apart. @param columns  8 or 16, a constant. */
ALWAYS_INLINE void columns_to_rows(const uint8_t *in, size_t step, uint8_t *rows, size_t run, int columns)
{
    vec x[8], upper[8];
    UNROLL
    for (int r = 0; r < 8; r++) {
        vec low = load_lanes(in, LANE * step);
        vec high = load_lanes(in + 8 * step, LANE * step);
        x[r] = zip_low(low, high); /* the first turn: columns 0..7 here, 8..15 there */
        upper[r] = zip_high(low, high);
        in += step;
        KEEP_POINTER(in);
    }
    turn(x, 8);
    turn(x, 8);
    turn(x, 8);
    store_rows(rows, run, x, 8);
    if (columns == 8) return;
    turn(upper, 8);
    turn(upper, 8);
    turn(upper, 8);
    store_rows(rows + 8 * run, run, upper, 8);
}

/** Lane `lane` of eight vectors. @return Where the next goes. */
ALWAYS_INLINE uint8_t *store_items(uint8_t *out, size_t step, const vec x[8], int lane)
{
    UNROLL
    for (int r = 0; r < 8; r++) {
        store_lane(out, x[r], lane);
        out += step;
        KEEP_POINTER(out);
    }
    return out;
}

/** Sixteen rows to items in order: those below 16 bytes are written over by the next ones. */
static inline void rows_to_columns(const uint8_t *rows, size_t run, uint8_t *out, size_t step)
{
    vec x[8], upper[8];
    UNROLL
    for (size_t c = 0; c < 8; c++) {
        vec low = load(rows + c * run);
        vec high = load(rows + (c + 8) * run);
        x[c] = zip_low(low, high);
        upper[c] = zip_high(low, high);
    }
    turn(x, 8);
    turn(x, 8);
    turn(x, 8);
    turn(upper, 8);
    turn(upper, 8);
    turn(upper, 8);
    UNROLL
    for (int lane = 0; lane < LANES; lane++) {
        out = store_items(out, step, x, lane);
        out = store_items(out, step, upper, lane);
    }
}

#endif
