/**
 * Tiles of bytes in vectors, for every instruction set whose vectors are lanes of 16 bytes: some items are
 * turned into rows, one for each byte of an item, and back. The instruction set's file defines, before it
 * includes this, `vec`, LANES and the operations
 *
 *     load, store               a vector at any address
 *     stream                    a vector past the caches, at a multiple of its size
 *     load_lanes                its lanes from places `step` apart
 *     store_lane                one of them
 *     store_lane_pairs          all of two vectors', `step` apart: each lane and then the other vector's
 *     zip_low, zip_high         in each lane: units of 1, 2, 4 or 8 bytes of the low, the high halves of two
 *                               vectors in turn
 *     CAN_PICK, pick            in each lane: byte index[i] becomes byte i; 0 if it is above 127. Without it
 *                               widths 3, 5, 6 and 7 are moved as those above 8.
 *     set, and_bits, xor_bits, shift_bits_left, shift_bits_right (which may cross bytes)
 *     add, sub                  of bytes
 *     sum_up, last_byte         each byte becomes the sum of all up to it; the last byte in all places
 *
 * The idea. Give a byte in a group of 16 items the address [item: 4 bits | byte of the item: log2(width)
 * bits]. Lanes hold the four low bits of the address as the position, the others are the vector's number.
 * `turn` rotates all addresses left by one bit, leaving out those within a unit. All lanes do the same for a
 * group each: a tile.
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
    LINE = 64,           /* bytes of a cache line */
};

static inline size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

ALWAYS_INLINE void turn(vec *x, int n, int unit)
{
    vec y[8];
    UNROLL
    for (int q = 0; q < n / 2; q++) {
        y[2 * q] = zip_low(x[q], x[q + n / 2], unit);
        y[2 * q + 1] = zip_high(x[q], x[q + n / 2], unit);
    }
    UNROLL
    for (int q = 0; q < n; q++) x[q] = y[q];
}

/** log2(n) turns: what is the vector's number moves into the address, and the other way round. */
ALWAYS_INLINE void turn_over(vec *x, int n, int unit)
{
    turn(x, n, unit);
    if (n >= 4) turn(x, n, unit);
    if (n >= 8) turn(x, n, unit);
}

/** Load rows `step` apart; of those from `last` on, that one. */
ALWAYS_INLINE void load_rows(const uint8_t *in, size_t step, size_t last, vec *x, int rows)
{
    UNROLL
    for (size_t r = 0; r < (size_t)rows; r++) x[r] = load(in + min(r, last) * step);
}

/** Store rows `step` apart, backwards: those after `last` go there first, and are written over. */
ALWAYS_INLINE void store_rows(uint8_t *out, size_t step, size_t last, const vec *x, int rows)
{
    UNROLL
    for (int r = rows - 1; r >= 0; r--) store(out + min((size_t)r, last) * step, x[r]);
}

/* ------------------------------------------------------------------ items of up to 8 bytes */

/** Items of `width` bytes, and how they get to places of `room` = 2, 4 or 8 bytes and back. */
typedef struct spread {
    size_t width;
    size_t step; /* bytes of the items that a lane has room for */
    vec out;     /* for pick: items to [byte of the item | item] */
    vec back;    /* for pick: items in their places to items without gaps */
} spread;

ALWAYS_INLINE spread plan_spread(size_t width, int room)
{
    spread plan = {.width = width, .step = (size_t)(LANE / room) * width};
    if (!CAN_PICK) return plan;
    uint8_t out[LANE], back[LANE];
    for (size_t i = 0; i < LANE; i++) {
        size_t item = i % (size_t)(LANE / room), byte = i / (size_t)(LANE / room);
        out[i] = (uint8_t)(byte < width ? item * width + byte : 0x80);
        back[i] = (uint8_t)(i < plan.step ? i / width * (size_t)room + i % width : 0x80);
    }
    plan.out = load_lanes(out, 0);
    plan.back = load_lanes(back, 0);
    return plan;
}

/** Places of how many bytes the items go to; LANE for those that a lane has one of. */
ALWAYS_INLINE int room_of(size_t width)
{
    if (!CAN_PICK && width != 2 && width != 4 && width != 8) return LANE;
    return width <= 2 ? 2 : width <= 4 ? 4 : width <= 8 ? 8 : LANE;
}

/** A tile of items to rows `row` apart. May read 15 bytes more if the items have gaps. @param room  A
 * constant. */
ALWAYS_INLINE void spread_to_rows(const uint8_t *in, const spread *plan, uint8_t *out, size_t row, int room)
{
    vec x[8];
    UNROLL
    for (int q = 0; q < room; q++) x[q] = load_lanes(in + (size_t)q * plan->step, LANE * plan->width);
    if (CAN_PICK) {
        UNROLL
        for (int q = 0; q < room; q++) x[q] = pick(x[q], plan->out);
        turn_over(x, room, LANE / room);
    } else {
        for (int r = 0; r < 4; r++) turn(x, room, 1);
    }
    store_rows(out, row, plan->width - 1, x, room);
}

/** The opposite; may write 15 bytes more if the items have gaps. */
ALWAYS_INLINE void rows_to_spread(const uint8_t *in, size_t row, const spread *plan, uint8_t *out, int room)
{
    vec x[8];
    load_rows(in, row, plan->width - 1, x, room);
    turn_over(x, room, 1);
    if (plan->width == (size_t)room) {
        UNROLL
        for (int q = 0; q < room; q += 2)
            store_lane_pairs(out + LANE * q, LANE * (size_t)room, x[q], x[q + 1]);
        return;
    }
    UNROLL
    for (int q = 0; q < room; q++) x[q] = pick(x[q], plan->back);
    UNROLL
    for (int lane = 0; lane < LANES; lane++) { /* in order: what is too much is written over by the next */
        UNROLL
        for (int q = 0; q < room; q++, out += plan->step) store_lane(out, x[q], lane);
    }
}

/* ------------------------------------------------------------------ sixteen columns of any items */

/**
 * 16 bytes of each item of a tile to rows.
 *
 * @param step  Bytes from an item to the next.
 * @param row   Bytes from a row to the next.
 * @param last  The last row that is wanted, up to 15; others are not written.
 */
ALWAYS_INLINE void columns_to_rows(const uint8_t *in, size_t step, uint8_t *out, size_t row, size_t last)
{
    vec x[8], upper[8];
    UNROLL
    for (int r = 0; r < 8; r++) {
        vec low = load_lanes(in, LANE * step);
        vec high = load_lanes(in + 8 * step, LANE * step);
        x[r] = zip_low(low, high, 1); /* the first turn: columns 0..7 here, 8..15 there */
        upper[r] = zip_high(low, high, 1);
        in += step;
        KEEP_POINTER(in);
    }
    turn_over(x, 8, 1);
    store_rows(out, row, last, x, 8);
    if (last < 8) return;
    turn_over(upper, 8, 1);
    store_rows(out + 8 * row, row, last - 8, upper, 8);
}

/** The opposite. Writes 16 bytes for each item, in order. */
ALWAYS_INLINE void rows_to_columns(const uint8_t *in, size_t row, size_t last, uint8_t *out, size_t step)
{
    vec low[8], high[8], items[16];
    load_rows(in, row, last, low, 8);
    turn_over(low, 8, 1); /* two items' first 8 bytes in each lane */
    const uint8_t *upper = in + min(8, last) * row;
    size_t upper_last = last - min(8, last);
    if (upper_last < 4) { /* widths up to 12: items' next 4 bytes, twice */
        vec x[4];
        load_rows(upper, row, upper_last, x, 4);
        turn_over(x, 4, 1);
        UNROLL
        for (int q = 0; q < 4; q++) {
            high[2 * q] = zip_low(x[q], x[q], 4);
            high[2 * q + 1] = zip_high(x[q], x[q], 4);
        }
    } else {
        load_rows(upper, row, upper_last, high, 8);
        turn_over(high, 8, 1);
    }
    UNROLL
    for (int q = 0; q < 8; q++) {
        items[2 * q] = zip_low(low[q], high[q], 8);
        items[2 * q + 1] = zip_high(low[q], high[q], 8);
    }
    if (step == LANE) {
        UNROLL
        for (int q = 0; q < 16; q += 2) store_lane_pairs(out + LANE * q, LANE * LANE, items[q], items[q + 1]);
        return;
    }
    UNROLL
    for (int lane = 0; lane < LANES; lane++) {
        UNROLL
        for (int q = 0; q < 16; q++) {
            store_lane(out, items[q], lane);
            out += step;
            KEEP_POINTER(out);
        }
    }
}

#endif
