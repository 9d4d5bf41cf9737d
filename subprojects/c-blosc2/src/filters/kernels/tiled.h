/**
 * The kernels, by the tiles of filters/kernels/tiles.h: for the file of an instruction set, which includes
 * this after its operations and puts the seven functions into its table. Layouts: docs/format/filters.md.
 */
#ifndef B2_FILTERS_KERNELS_TILED_H
#define B2_FILTERS_KERNELS_TILED_H

#include "filters/kernels/items.h"
#include "filters/kernels/tiles.h"

/* Wide items go through a buffer of rows, which are then copied as a whole. Written tile by tile, the rows of
   a block would fight for the cache: they are often a power of two apart, and so share one set of its lines.
   */
enum { BUFFER_BYTES = 8192, SHUFFLE_RUN = BUFFER_BYTES / LANE };

static inline size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/** Copy a run: a multiple of a vector's bytes. */
static inline void copy_run(uint8_t *out, const uint8_t *in, size_t bytes)
{
#pragma GCC unroll 4
    for (size_t k = 0; k < bytes; k += TILE) store(out + k, load(in + k));
}

/* ------------------------------------------------------------------ shuffle */

/** Where the tile after column `j` starts: the last one of a width above 16 overlaps the one before it. */
static inline size_t tile_column(size_t j, size_t width)
{
    return width > LANE ? min(j, width - LANE) : j;
}

/** How many whole tiles of items can be moved 16 bytes at a time without passing the end of the last item. */
static inline size_t items_in_tiles(size_t items, size_t width)
{
    size_t beyond = width < LANE ? (LANE - 1) / width : 0; /* items that start within 15 bytes of the end */
    size_t safe = items > beyond ? items - beyond : 0;
    return safe - safe % TILE;
}

/** Items that are done at once: fewer wide ones, so that they stay in the cache for all of their columns. */
static inline size_t shuffle_run(size_t width)
{
    return width > LANE ? SHUFFLE_RUN / 4 : SHUFFLE_RUN;
}

/* Widths 2 and 4 need no buffer: their few rows do not fight. @return Items done, as for the next ones. */
ALWAYS_INLINE size_t shuffle_narrow(const uint8_t *in, uint8_t *out, size_t items, int width)
{
    size_t done = items - items % TILE;
    for (size_t i = 0; i < done; i += TILE) shuffle_tile(in + i * (size_t)width, out + i, items, width);
    return done;
}

/** Widths 2, 4 and 8: the items are written in order. */
ALWAYS_INLINE size_t unshuffle_narrow(const uint8_t *in, uint8_t *out, size_t items, int width)
{
    size_t done = items - items % TILE;
    for (size_t i = 0; i < done; i += TILE) unshuffle_tile(in + i, items, out + i * (size_t)width, width);
    return done;
}

/** Shuffle `count` items into the buffer, as rows of SHUFFLE_RUN. */
static inline void shuffle_to_rows(const uint8_t *in, uint8_t *rows, size_t count, size_t width)
{
    for (size_t k = 0; k < count; k += TILE) {
        const uint8_t *from = in + k * width;
        if (width == 8) {
            shuffle_tile(from, rows + k, SHUFFLE_RUN, 8);
        } else if (width < 8) {
            columns_to_rows(from, width, rows + k, SHUFFLE_RUN, 8);
        } else {
            columns_to_rows(from, width, rows + k, SHUFFLE_RUN, 16);
        }
    }
}

static inline size_t shuffle_any(const uint8_t *in, uint8_t *out, size_t items, size_t width)
{
    _Alignas(64) uint8_t rows[BUFFER_BYTES];
    size_t done = width == 8 ? items - items % TILE : items_in_tiles(items, width);
    size_t run = shuffle_run(width);
    for (size_t i = 0; i < done; i += run) {
        size_t count = min(run, done - i);
        for (size_t j = 0; j < width; j += LANE) {
            size_t column = tile_column(j, width);
            shuffle_to_rows(in + i * width + column, rows, count, width);
            for (size_t c = 0; c < min(width, LANE); c++) {
                copy_run(out + (column + c) * items + i, rows + c * SHUFFLE_RUN, count);
            }
        }
    }
    return done;
}

static inline size_t unshuffle_any(const uint8_t *in, uint8_t *out, size_t items, size_t width)
{
    _Alignas(64) uint8_t rows[BUFFER_BYTES];
    size_t done = items_in_tiles(items, width);
    size_t run = shuffle_run(width);
    if (width < LANE)
        memset(rows + width * SHUFFLE_RUN, 0, (LANE - width) * SHUFFLE_RUN); /* no such columns */
    for (size_t i = 0; i < done; i += run) {
        size_t count = min(run, done - i);
        for (size_t j = 0; j < width; j += LANE) {
            size_t column = tile_column(j, width);
            for (size_t c = 0; c < min(width, LANE); c++) {
                copy_run(rows + c * SHUFFLE_RUN, in + (column + c) * items + i, count);
            }
            for (size_t k = 0; k < count; k += TILE) {
                rows_to_columns(rows + k, SHUFFLE_RUN, out + (i + k) * width + column, width);
            }
        }
    }
    return done;
}

static void shuffle(const uint8_t *in, uint8_t *out, size_t bytes, size_t width)
{
    size_t items = width > 1 ? bytes / width : 0; /* width 1: all is rest */
    size_t done;
    switch (width) {
    case 2:
        done = shuffle_narrow(in, out, items, 2);
        break;
    case 4:
        done = shuffle_narrow(in, out, items, 4);
        break;
    default:
        done = shuffle_any(in, out, items, width);
    }
    shuffle_items(in, out, done, items, width);
    copy_rest(in, out, items * width, bytes);
}

static void unshuffle(const uint8_t *in, uint8_t *out, size_t bytes, size_t width)
{
    size_t items = width > 1 ? bytes / width : 0;
    size_t done;
    switch (width) {
    case 2:
        done = unshuffle_narrow(in, out, items, 2);
        break;
    case 4:
        done = unshuffle_narrow(in, out, items, 4);
        break;
    case 8:
        done = unshuffle_narrow(in, out, items, 8);
        break;
    default:
        done = unshuffle_any(in, out, items, width);
    }
    unshuffle_items(in, out, done, items, width);
    copy_rest(in, out, items * width, bytes);
}

/* ------------------------------------------------------------------ bitshuffle */

/* Items go in groups of 8. Column q of a group is byte j of its item g; as a row of the buffer it has a byte
   for each group. Widths below 16 have all 8 * width columns at once, q = g * width + j; others 16 bytes of
   an item at a time, q = g * 16 + j. For each j, the eight rows g then exchange bits in place: bit b of row g
   becomes bit g of row b, which is row 8 * j + b of the result. */

ALWAYS_INLINE void exchange_bits(vec *x, int apart, vec low)
{
    UNROLL
    for (int r = 0; r < 8; r++) {
        if (r & apart) continue;
        vec t = and_bits(xor_bits(shift_bits_right(x[r], apart), x[r + apart]), low);
        x[r + apart] = xor_bits(x[r + apart], t);
        x[r] = xor_bits(x[r], shift_bits_left(t, apart));
    }
}

/** In every byte, bit c of row r becomes bit r of row c; the eight rows of `count` bytes are `step` apart. */
static inline void mirror_bits_of_rows(uint8_t *rows, size_t step, size_t count)
{
    for (size_t k = 0; k < count; k += TILE) {
        vec x[8];
        load_rows(rows + k, step, x, 8);
        exchange_bits(x, 4, set(0x0f));
        exchange_bits(x, 2, set(0x33));
        exchange_bits(x, 1, set(0x55));
        store_rows(rows + k, step, x, 8);
    }
}

/** How items of some width are cut. */
typedef struct bit_plan {
    size_t width;
    size_t columns; /* bytes of an item that are done at once */
    size_t run;     /* bytes of a row of the buffer: groups that are done at once */
    size_t step;    /* bytes from a row of the buffer to that of the next g or b */
} bit_plan;

static inline bit_plan plan_bits(size_t width)
{
    size_t columns = min(width, LANE);
    size_t run = BUFFER_BYTES / (8 * columns);
    run -= run % TILE;
    return (bit_plan){width, columns, run, columns * run};
}

/** Where 16 columns of a group begin; the last ones overlap where 8 * columns is no multiple of 16. */
typedef struct tile_start {
    size_t q;      /* in the buffer */
    size_t offset; /* in the group, bytes */
} tile_start;

static inline tile_start locate_tile(const bit_plan *plan, size_t q)
{
    if (plan->width >= LANE) return (tile_start){q, q / LANE * plan->width};
    q = min(q, 8 * plan->columns - LANE);
    return (tile_start){q, q};
}

static inline void groups_to_rows(const bit_plan *plan, const uint8_t *in, uint8_t *rows, size_t groups)
{
    size_t group_bytes = 8 * plan->width;
    for (size_t k = 0; k < groups; k += TILE, in += TILE * group_bytes, rows += TILE) {
        if (plan->width == 1) {
            shuffle_tile(in, rows, plan->run, 8);
            continue;
        }
        for (size_t q = 0; q < 8 * plan->columns; q += LANE) {
            tile_start tile = locate_tile(plan, q);
            columns_to_rows(in + tile.offset, group_bytes, rows + tile.q * plan->run, plan->run, 16);
        }
    }
}

static inline void rows_to_groups(const bit_plan *plan, const uint8_t *rows, uint8_t *out, size_t groups)
{
    size_t group_bytes = 8 * plan->width;
    for (size_t k = 0; k < groups; k += TILE, out += TILE * group_bytes, rows += TILE) {
        if (plan->width == 1) {
            unshuffle_tile(rows, plan->run, out, 8);
            continue;
        }
        for (size_t q = 0; q < 8 * plan->columns; q += LANE) {
            tile_start tile = locate_tile(plan, q);
            rows_to_columns(rows + tile.q * plan->run, plan->run, out + tile.offset, group_bytes);
        }
    }
}

static void bitshuffle(const uint8_t *in, uint8_t *out, size_t bytes, size_t width)
{
    _Alignas(64) uint8_t rows[BUFFER_BYTES];
    const bit_plan plan = plan_bits(width);
    size_t items = whole_groups(bytes / width);
    size_t row = items / 8;
    size_t done = row - row % TILE; /* in groups */
    for (size_t i = 0; i < done; i += plan.run) {
        size_t groups = min(plan.run, done - i);
        for (size_t j = 0; j < width; j += LANE) {
            size_t column = tile_column(j, width);
            groups_to_rows(&plan, in + 8 * i * width + column, rows, groups);
            for (size_t c = 0; c < plan.columns; c++) {
                mirror_bits_of_rows(rows + c * plan.run, plan.step, groups);
                for (size_t b = 0; b < 8; b++) {
                    copy_run(out + (8 * (column + c) + b) * row + i, rows + b * plan.step + c * plan.run,
                             groups);
                }
            }
        }
    }
    bitshuffle_items(in, out, 8 * done, items, width);
    copy_rest(in, out, items * width, bytes);
}

static void bitunshuffle(const uint8_t *in, uint8_t *out, size_t bytes, size_t width)
{
    _Alignas(64) uint8_t rows[BUFFER_BYTES];
    const bit_plan plan = plan_bits(width);
    size_t items = whole_groups(bytes / width);
    size_t row = items / 8;
    size_t done = row - row % TILE;
    for (size_t i = 0; i < done; i += plan.run) {
        size_t groups = min(plan.run, done - i);
        for (size_t j = 0; j < width; j += LANE) {
            size_t column = tile_column(j, width);
            for (size_t c = 0; c < plan.columns; c++) {
                for (size_t b = 0; b < 8; b++) {
                    copy_run(rows + b * plan.step + c * plan.run, in + (8 * (column + c) + b) * row + i,
                             groups);
                }
                mirror_bits_of_rows(rows + c * plan.run, plan.step, groups);
            }
            rows_to_groups(&plan, rows, out + 8 * i * width + column, groups);
        }
    }
    bitunshuffle_items(in, out, 8 * done, items, width);
    copy_rest(in, out, items * width, bytes);
}

/* ------------------------------------------------------------------ xor, bytedelta */

static void xor_bytes(const uint8_t *a, const uint8_t *b, uint8_t *out, size_t bytes)
{
    size_t i = 0;
    for (; i + TILE <= bytes; i += TILE) store(out + i, xor_bits(load(a + i), load(b + i)));
    for (; i < bytes; i++) out[i] = a[i] ^ b[i];
}

static void bytedelta_row(const uint8_t *in, uint8_t *out, size_t row_bytes)
{
    if (row_bytes == 0) return;
    out[0] = in[0];
    size_t i = 1;
    for (; i + TILE <= row_bytes; i += TILE) store(out + i, sub(load(in + i), load(in + i - 1)));
    for (; i < row_bytes; i++) out[i] = (uint8_t)(in[i] - in[i - 1]);
}

static void undo_bytedelta_row(const uint8_t *in, uint8_t *out, size_t row_bytes)
{
    vec before = set(0); /* in all bytes: the sum of all vectors before this one */
    size_t i = 0;
    for (; i + TILE <= row_bytes; i += TILE) {
        vec x = sum_up(load(in + i));
        store(out + i, add(x, before));
        before = add(before, last_byte(x));
    }
    uint8_t sum = i ? out[i - 1] : 0;
    for (; i < row_bytes; i++) out[i] = sum = (uint8_t)(sum + in[i]);
}

#endif
