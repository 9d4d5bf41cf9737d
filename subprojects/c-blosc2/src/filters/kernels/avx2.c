/**
 * Kernels for AVX2, built with -mavx2 as a library of their own. Included headers give static inline
 * functions only, so that no AVX2 code gets out under a shared name. Layouts: docs/format/filters.md.
 */
#include "cpu/cpu.h"
#include "filters/kernels.h"
#include "filters/kernels/avx2_tiles.h"
#include "filters/kernels/items.h"

static size_t min(size_t a, size_t b)
{
    return a < b ? a : b;
}

/** Where the tile after column `j` starts: the last one of a width above 16 overlaps the one before it. */
static size_t tile_column(size_t j, size_t width)
{
    return width > LANE ? min(j, width - LANE) : j;
}

/* ------------------------------------------------------------------ shuffle */

typedef void tile_fn(const uint8_t *in, uint8_t *out, size_t items);

/** Run a tile function over all whole tiles. @return Items done. Inlined, so that `tile` is a constant. */
static inline __attribute__((always_inline)) size_t each_tile(const uint8_t *in, size_t in_step, uint8_t *out,
                                                              size_t out_step, size_t items, tile_fn *tile)
{
    size_t i = 0;
    for (; i + ITEMS <= items; i += ITEMS) tile(in + i * in_step, out + i * out_step, items);
    return i;
}

/** How many whole tiles of items can be moved 16 bytes at a time without passing the end of the last item. */
static size_t items_in_tiles(size_t items, size_t width)
{
    size_t beyond = width < LANE ? (LANE - 1) / width : 0; /* items that start within 15 bytes of the end */
    size_t safe = items > beyond ? items - beyond : 0;
    return safe - safe % ITEMS;
}

/** Items that are done at once: fewer wide ones, so that they stay in the cache for all of their columns. */
static size_t shuffle_run(size_t width)
{
    return width > LANE ? SHUFFLE_RUN / 4 : SHUFFLE_RUN;
}

/** Shuffle `count` items into the buffer, as rows of SHUFFLE_RUN. */
static inline void shuffle_to_rows(const uint8_t *in, uint8_t *rows, size_t count, size_t width)
{
    for (size_t k = 0; k < count; k += ITEMS) {
        const uint8_t *from = in + k * width;
        if (width == 8) {
            shuffle_tile_8(from, rows + k, SHUFFLE_RUN);
        } else if (width < 8) {
            columns_to_rows(from, width, rows + k, SHUFFLE_RUN, 8);
        } else {
            columns_to_rows(from, width, rows + k, SHUFFLE_RUN, 16);
        }
    }
}

static inline void unshuffle_from_rows(const uint8_t *rows, uint8_t *out, size_t count, size_t width)
{
    for (size_t k = 0; k < count; k += ITEMS) {
        if (width == 16) {
            unshuffle_tile_16(rows + k, SHUFFLE_RUN, out + k * width);
        } else {
            rows_to_columns(rows + k, SHUFFLE_RUN, out + k * width, width);
        }
    }
}

static size_t shuffle_any(const uint8_t *in, uint8_t *out, size_t items, size_t width)
{
    _Alignas(64) uint8_t rows[BUFFER_BYTES];
    size_t done = width == 8 ? items - items % ITEMS : items_in_tiles(items, width);
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

static size_t unshuffle_any(const uint8_t *in, uint8_t *out, size_t items, size_t width)
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
            unshuffle_from_rows(rows, out + i * width + column, count, width);
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
        done = each_tile(in, 2, out, 1, items, shuffle_tile_2);
        break;
    case 4:
        done = each_tile(in, 4, out, 1, items, shuffle_tile_4);
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
        done = each_tile(in, 1, out, 2, items, unshuffle_tile_2);
        break;
    case 4:
        done = each_tile(in, 1, out, 4, items, unshuffle_tile_4);
        break;
    case 8:
        done = each_tile(in, 1, out, 8, items, unshuffle_tile_8);
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

static inline void exchange_bits(vec *x, int apart, vec low)
{
    UNROLL
    for (int r = 0; r < 8; r++) {
        if (r & apart) continue;
        vec t = _mm256_and_si256(_mm256_xor_si256(_mm256_srli_epi64(x[r], apart), x[r + apart]), low);
        x[r + apart] = _mm256_xor_si256(x[r + apart], t);
        x[r] = _mm256_xor_si256(x[r], _mm256_slli_epi64(t, apart));
    }
}

/** In every byte, bit c of row r becomes bit r of row c; the eight rows of `count` bytes are `step` apart. */
static inline void mirror_bits_of_rows(uint8_t *rows, size_t step, size_t count)
{
    for (size_t k = 0; k < count; k += ITEMS) {
        vec x[8];
        load_rows(rows + k, step, x, 8);
        exchange_bits(x, 4, _mm256_set1_epi8(0x0f));
        exchange_bits(x, 2, _mm256_set1_epi8(0x33));
        exchange_bits(x, 1, _mm256_set1_epi8(0x55));
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

static bit_plan plan_bits(size_t width)
{
    size_t columns = min(width, LANE);
    size_t run = BUFFER_BYTES / (8 * columns);
    run -= run % ITEMS;
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

static void groups_to_rows(const bit_plan *plan, const uint8_t *in, uint8_t *rows, size_t groups)
{
    size_t group_bytes = 8 * plan->width;
    for (size_t k = 0; k < groups; k += ITEMS, in += ITEMS * group_bytes, rows += ITEMS) {
        if (plan->width == 1) {
            shuffle_tile_8(in, rows, plan->run);
            continue;
        }
        for (size_t q = 0; q < 8 * plan->columns; q += LANE) {
            tile_start tile = locate_tile(plan, q);
            columns_to_rows(in + tile.offset, group_bytes, rows + tile.q * plan->run, plan->run, 16);
        }
    }
}

static void rows_to_groups(const bit_plan *plan, const uint8_t *rows, uint8_t *out, size_t groups)
{
    size_t group_bytes = 8 * plan->width;
    for (size_t k = 0; k < groups; k += ITEMS, out += ITEMS * group_bytes, rows += ITEMS) {
        if (plan->width == 1) {
            unshuffle_tile_8(rows, out, plan->run);
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
    size_t done = row - row % ITEMS; /* in groups */
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
    size_t done = row - row % ITEMS;
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
    for (; i + 32 <= bytes; i += 32) store(out + i, _mm256_xor_si256(load(a + i), load(b + i)));
    for (; i < bytes; i++) out[i] = a[i] ^ b[i];
}

static void bytedelta_row(const uint8_t *in, uint8_t *out, size_t row_bytes)
{
    if (row_bytes == 0) return;
    out[0] = in[0];
    size_t i = 1;
    for (; i + 32 <= row_bytes; i += 32) store(out + i, _mm256_sub_epi8(load(in + i), load(in + i - 1)));
    for (; i < row_bytes; i++) out[i] = (uint8_t)(in[i] - in[i - 1]);
}

static void undo_bytedelta_row(const uint8_t *in, uint8_t *out, size_t row_bytes)
{
    const vec last = _mm256_set1_epi8(LANE - 1);
    vec before = _mm256_setzero_si256(); /* in all bytes: the sum of all vectors before this one */
    size_t i = 0;
    for (; i + 32 <= row_bytes; i += 32) {
        vec x = load(in + i); /* sums over 2, 4, 8, 16 bytes of a lane */
        x = _mm256_add_epi8(x, _mm256_slli_si256(x, 1));
        x = _mm256_add_epi8(x, _mm256_slli_si256(x, 2));
        x = _mm256_add_epi8(x, _mm256_slli_si256(x, 4));
        x = _mm256_add_epi8(x, _mm256_slli_si256(x, 8));
        vec totals = _mm256_shuffle_epi8(x, last);                       /* of each lane */
        vec low_total = _mm256_permute2x128_si256(totals, totals, 0x08); /* for the high lane alone */
        vec both = _mm256_add_epi8(totals, _mm256_permute2x128_si256(totals, totals, 0x01));
        store(out + i, _mm256_add_epi8(_mm256_add_epi8(x, low_total), before));
        before = _mm256_add_epi8(before, both);
    }
    uint8_t sum = i ? out[i - 1] : 0;
    for (; i < row_bytes; i++) out[i] = sum = (uint8_t)(sum + in[i]);
}

const b2_kernels b2_kernels_avx2 = {
    .name = "avx2",
    .needs = B2_CPU_AVX2,
    .shuffle = shuffle,
    .unshuffle = unshuffle,
    .bitshuffle = bitshuffle,
    .bitunshuffle = bitunshuffle,
    .xor_bytes = xor_bytes,
    .bytedelta_row = bytedelta_row,
    .undo_bytedelta_row = undo_bytedelta_row,
};
