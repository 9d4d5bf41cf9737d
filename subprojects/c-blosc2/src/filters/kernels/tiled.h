/**
 * The kernels, by the tiles of filters/kernels/tiles.h: for the file of an instruction set, which includes
 * this after its operations and puts its functions into its table. Layouts: docs/format/filters.md.
 */
#ifndef B2_FILTERS_KERNELS_TILED_H
#define B2_FILTERS_KERNELS_TILED_H

#include "filters/kernels/items.h"
#include "filters/kernels/tiles.h"

/** Where the columns after column `j` start: the last ones of a width above 16 overlap those before them. */
static inline size_t tile_column(size_t j, size_t width)
{
    return width > LANE ? min(j, width - LANE) : j;
}

/* ------------------------------------------------------------------ shuffle */

enum {
    BEYOND = LANE - 1,  /* bytes that may be touched after items which are no whole lanes */
    RUN = 512,          /* items of a block, below; measured, as the other three */
    WIDE_RUN = 256,     /* for items that are not of 8 or 16 bytes */
    NEAR_BYTES = 16384, /* with as much to read, rows stay in the smallest L1 */
    WAY_BYTES = 4096,   /* of an L1: addresses that far apart share a set of 8 or more lines */
    WRITES_OF_SET = 2,  /* rows in the first one's set that do no harm: while written ... */
    READS_OF_SET = 5,   /* ... and while read */
};

/** True if these items are moved by whole lanes that do not end with the items. */
ALWAYS_INLINE int goes_beyond(size_t width, int room)
{
    return width < LANE && width != (size_t)room;
}

/** A tile of items to rows. @param room  room_of(width), a constant here and below. */
ALWAYS_INLINE void tile_to_rows(const uint8_t *in, const spread *plan, uint8_t *out, size_t row, int room)
{
    if (room < LANE) {
        spread_to_rows(in, plan, out, row, room);
    } else {
        columns_to_rows(in, plan->width, out, row, min(plan->width, LANE) - 1);
    }
}

ALWAYS_INLINE void rows_to_tile(const uint8_t *in, size_t row, const spread *plan, uint8_t *out, int room)
{
    if (room < LANE) {
        rows_to_spread(in, row, plan, out, room);
    } else {
        rows_to_columns(in, row, min(plan->width, LANE) - 1, out, plan->width);
    }
}

/* Rows are often a power of two apart, and then share a set of the cache's lines that has no room for all of
   them. So they are moved in blocks of `run` items and up to 16 columns: a block is turned in a buffer, and
   copied to the rows a run at a time while the next block is turned. Copying waits for memory and turning for
   the vector unit: taken in small turns, they overlap. */

typedef struct block_plan {
    size_t items, width;
    size_t across; /* blocks that make an item */
    size_t count;  /* of blocks; 0 if rows do not get in each other's way */
} block_plan;

/** True if more than `most` rows share the first one's set. */
static inline int do_rows_collide(size_t items, size_t columns, size_t most)
{
    size_t count = 0;
    for (size_t r = 1; r < columns; r++) count += (r * items + LINE) % WAY_BYTES < 2 * LINE;
    return count > most;
}

ALWAYS_INLINE block_plan plan_blocks(size_t items, size_t width, size_t run, int room, size_t most)
{
    size_t across = (width + LANE - 1) / LANE;
    size_t safe = items - (goes_beyond(width, room) ? BEYOND : 0);
    int is_needed = items * width > NEAR_BYTES && do_rows_collide(items, min(width, LANE), most);
    return (block_plan){items, width, across, is_needed ? safe / run * across : 0};
}

ALWAYS_INLINE size_t block_item(const block_plan *plan, size_t block, size_t run)
{
    return block / plan->across * run;
}

ALWAYS_INLINE size_t block_column(const block_plan *plan, size_t block)
{
    return tile_column(block % plan->across * LANE, plan->width);
}

/** Copy the n-th part of a block's rows: as many bytes as a tile has. */
ALWAYS_INLINE void copy_part(const uint8_t *in, size_t in_row, uint8_t *out, size_t out_row, size_t columns,
                             size_t part, size_t run, int room)
{
    size_t share = (size_t)room * TILE, piece = min(share, run);
    UNROLL
    for (size_t n = part * share; n < (part + 1) * share; n += piece) {
        if (n / run >= columns) return;
        const uint8_t *from = in + n / run * in_row + n % run;
        uint8_t *to = out + n / run * out_row + n % run;
        UNROLL
        for (size_t k = 0; k < piece; k += TILE) store(to + k, load(from + k));
    }
}

/** @return The items that have been done in blocks: none, if these are not needed. */
ALWAYS_INLINE size_t shuffle_blocks(const uint8_t *in, uint8_t *out, size_t items, size_t width, size_t run,
                                    int room)
{
    _Alignas(64) uint8_t rows[2][LANE * RUN];
    spread items_plan = plan_spread(width, room);
    block_plan plan = plan_blocks(items, width, run, room, WRITES_OF_SET);
    size_t columns = min(width, LANE);
    uint8_t *to = out; /* of the block before */
    for (size_t b = 0; b <= plan.count && plan.count > 0; b++) {
        const uint8_t *from = in + block_item(&plan, b, run) * width + block_column(&plan, b);
        for (size_t part = 0; part < run / TILE; part++) {
            if (b < plan.count)
                tile_to_rows(from + part * TILE * width, &items_plan, rows[b % 2] + part * TILE, run, room);
            if (b > 0) copy_part(rows[(b - 1) % 2], run, to, items, columns, part, run, room);
        }
        to = out + block_column(&plan, b) * items + block_item(&plan, b, run);
    }
    return plan.count / plan.across * run;
}

ALWAYS_INLINE size_t unshuffle_blocks(const uint8_t *in, uint8_t *out, size_t items, size_t width, size_t run,
                                      int room)
{
    _Alignas(64) uint8_t rows[2][LANE * RUN];
    spread items_plan = plan_spread(width, room);
    block_plan plan = plan_blocks(items, width, run, room, READS_OF_SET);
    size_t columns = min(width, LANE);
    for (size_t part = 0; part < run / TILE && plan.count > 0; part++)
        copy_part(in, items, rows[0], run, columns, part, run, room);
    for (size_t b = 0; b < plan.count; b++) {
        uint8_t *to = out + block_item(&plan, b, run) * width + block_column(&plan, b);
        const uint8_t *next = in + block_column(&plan, b + 1) * items + block_item(&plan, b + 1, run);
        for (size_t part = 0; part < run / TILE; part++) {
            if (b + 1 < plan.count) copy_part(next, items, rows[(b + 1) % 2], run, columns, part, run, room);
            rows_to_tile(rows[b % 2] + part * TILE, run, &items_plan, to + part * TILE * width, room);
        }
    }
    return plan.count / plan.across * run;
}

/** `count` items, a constant, right from their place to the rows. */
ALWAYS_INLINE void shuffle_some(const uint8_t *in, const spread *plan, uint8_t *out, size_t items,
                                size_t count, int room)
{
    for (size_t j = 0; j < plan->width; j += LANE) {
        size_t column = tile_column(j, plan->width);
        UNROLL
        for (size_t k = 0; k < count; k += TILE)
            tile_to_rows(in + k * plan->width + column, plan, out + column * items + k, items, room);
    }
}

ALWAYS_INLINE void unshuffle_some(const uint8_t *in, size_t items, const spread *plan, uint8_t *out,
                                  size_t count, int room)
{
    for (size_t j = 0; j < plan->width; j += LANE) {
        size_t column = tile_column(j, plan->width);
        UNROLL
        for (size_t k = 0; k < count; k += TILE)
            rows_to_tile(in + column * items + k, items, plan, out + k * plan->width + column, room);
    }
}

/** Shuffle all items, at least TILE: blocks, then lines, then tiles, the last of which overlaps the one
 * before. */
ALWAYS_INLINE void shuffle_tiles(const uint8_t *in, uint8_t *out, size_t items, size_t width, size_t run,
                                 int room)
{
    uint8_t padded[TILE * LANE + BEYOND];
    spread plan = plan_spread(width, room);
    size_t safe = items - (goes_beyond(width, room) ? BEYOND : 0);
    size_t i = room > 4 ? shuffle_blocks(in, out, items, width, run, room) : 0;
    for (; i + LINE <= safe; i += LINE) shuffle_some(in + i * width, &plan, out + i, items, LINE, room);
    for (; i < items; i += TILE) {
        i = min(i, items - TILE);
        const uint8_t *from = in + i * width;
        if (goes_beyond(width, room)) from = memcpy(padded, from, TILE * width);
        shuffle_some(from, &plan, out + i, items, TILE, room);
    }
}

ALWAYS_INLINE void unshuffle_tiles(const uint8_t *in, uint8_t *out, size_t items, size_t width, size_t run,
                                   int room)
{
    uint8_t padded[TILE * LANE + BEYOND];
    spread plan = plan_spread(width, room);
    size_t safe = items - (goes_beyond(width, room) ? BEYOND : 0);
    size_t i = room > 8 ? unshuffle_blocks(in, out, items, width, run, room) : 0;
    for (; i + LINE <= safe; i += LINE) unshuffle_some(in + i, items, &plan, out + i * width, LINE, room);
    for (; i < items; i += TILE) {
        i = min(i, items - TILE);
        if (goes_beyond(width, room)) {
            unshuffle_some(in + i, items, &plan, padded, TILE, room);
            memcpy(out + i * width, padded, TILE * width);
        } else {
            unshuffle_some(in + i, items, &plan, out + i * width, TILE, room);
        }
    }
}

/** Call `tiles` with constants for the usual widths. */
#define WITH_WIDTH(tiles, in, out, items, width)                                                             \
    switch (width) {                                                                                         \
    case 2:                                                                                                  \
        tiles(in, out, items, 2, RUN, 2);                                                                    \
        break;                                                                                               \
    case 4:                                                                                                  \
        tiles(in, out, items, 4, RUN, 4);                                                                    \
        break;                                                                                               \
    case 8:                                                                                                  \
        tiles(in, out, items, 8, RUN, 8);                                                                    \
        break;                                                                                               \
    case 16:                                                                                                 \
        tiles(in, out, items, 16, RUN, LANE);                                                                \
        break;                                                                                               \
    default:                                                                                                 \
        switch (room_of(width)) {                                                                            \
        case 4:                                                                                              \
            tiles(in, out, items, width, WIDE_RUN, 4);                                                       \
            break;                                                                                           \
        case 8:                                                                                              \
            tiles(in, out, items, width, WIDE_RUN, 8);                                                       \
            break;                                                                                           \
        default:                                                                                             \
            tiles(in, out, items, width, WIDE_RUN, LANE);                                                    \
        }                                                                                                    \
    }

static void shuffle(const uint8_t *in, uint8_t *out, size_t bytes, size_t width)
{
    size_t items = width > 1 ? bytes / width : 0; /* width 1: all is rest */
    if (items < TILE) {
        shuffle_items(in, out, 0, items, width);
    } else {
        WITH_WIDTH(shuffle_tiles, in, out, items, width);
    }
    copy_rest(in, out, items * width, bytes);
}

static void unshuffle(const uint8_t *in, uint8_t *out, size_t bytes, size_t width)
{
    size_t items = width > 1 ? bytes / width : 0;
    if (items < TILE) {
        unshuffle_items(in, out, 0, items, width);
    } else {
        WITH_WIDTH(unshuffle_tiles, in, out, items, width);
    }
    copy_rest(in, out, items * width, bytes);
}

/* ------------------------------------------------------------------ rows of planes that lie apart */

enum { FEW = 4 }; /* items that are put together faster one by one than by a tile */

ALWAYS_INLINE void planes_to_tile(const uint8_t *const *planes, size_t at, uint8_t *out, int width)
{
    vec x[8];
    UNROLL
    for (int r = 0; r < width; r++) x[r] = load(planes[r] + at);
    turn_over(x, width, 1);
    UNROLL
    for (int q = 0; q < width; q += 2) store_lane_pairs(out + LANE * q, LANE * (size_t)width, x[q], x[q + 1]);
}

/** Copy whole lines past the caches, in order. */
ALWAYS_INLINE void stream_lines(const uint8_t *in, uint8_t *out, size_t bytes)
{
    UNROLL
    for (size_t k = 0; k < bytes; k += TILE) stream(out + k, load(in + k));
}

/** Fewer items than a tile: one that holds them, and lies in the planes, is put together beside. */
ALWAYS_INLINE void join_part(const uint8_t *const *planes, const b2_plane_rows *rows, size_t at, uint8_t *out,
                             int width, int streaming)
{
    uint8_t tile[TILE * 8];
    size_t start = min(at, rows->items - TILE), bytes = rows->count * (size_t)width;
    planes_to_tile(planes, start, tile, width);
    const uint8_t *from = tile + (at - start) * (size_t)width;
    if (streaming)
        stream_lines(from, out, bytes);
    else
        memcpy(out, from, bytes);
}

ALWAYS_INLINE void join_row(const uint8_t *const *planes, const b2_plane_rows *rows, size_t at, uint8_t *out,
                            int width, int streaming)
{
    uint8_t tile[TILE * 8];
    size_t count = rows->count;
    if (count < FEW) {
        join_items(planes, at, count, out, (size_t)width);
    } else if (count < TILE) {
        join_part(planes, rows, at, out, width, streaming);
    } else {
        for (size_t i = 0; i < count; i += TILE) {
            i = min(i, count - TILE);
            uint8_t *to = out + i * (size_t)width;
            planes_to_tile(planes, at + i, streaming ? tile : to, width);
            if (streaming) stream_lines(tile, to, TILE * (size_t)width);
        }
    }
}

/** Rows of `width`, a constant, in planes of at least a tile. */
ALWAYS_INLINE void join_rows(const b2_plane_rows *rows, int width)
{
    const uint8_t *planes[8]; /* in registers: what is written could be where the caller's are */
    size_t lines = (size_t)(uintptr_t)rows->out | (size_t)rows->out_step | rows->count * (size_t)width;
    int streaming = rows->streaming && lines % LINE == 0;
    for (int r = 0; r < width; r++) planes[r] = rows->planes[r];
    for (size_t n = 0; n < rows->rows; n++) {
        uint8_t *out = rows->out + (ptrdiff_t)n * rows->out_step;
        join_row(planes, rows, rows->first + n * rows->row_step, out, width, streaming);
    }
}

static void join_planes(const b2_plane_rows *rows)
{
    if (rows->items < TILE) {
        join_rows_of_items(rows);
    } else if (rows->width == 2) {
        join_rows(rows, 2);
    } else if (rows->width == 4) {
        join_rows(rows, 4);
    } else {
        join_rows(rows, 8);
    }
}

static void copy_lines(const uint8_t *in, uint8_t *out, size_t bytes)
{
    for (size_t k = 0; k < bytes; k += LINE) stream_lines(in + k, out + k, LINE);
}

/* ------------------------------------------------------------------ bitshuffle */

/* Items go in groups of 8. Column q of a group is byte j of its item g; as a row of a buffer it has a byte
   for each group. Widths below 16 have all 8 * width columns at once, q = g * width + j; others 16 bytes of
   an item at a time, q = g * 16 + j. For each j, the eight rows g then exchange bits: bit b of row g
   becomes bit g of row b, which is row 8 * j + b of the result. */

enum { BUFFER_BYTES = 8192 };

/** Groups that are done at once: whole tiles of them. */
typedef struct stretch {
    size_t start, count;
} stretch;

/** The next at most `most` of `total`, of which `done` are done; the last tile overlaps what is before it. */
ALWAYS_INLINE stretch next_stretch(size_t done, size_t total, size_t most)
{
    size_t count = min(total - done, most);
    if (count < TILE) return (stretch){total - TILE, TILE};
    return (stretch){done, count - count % TILE};
}

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

/** In every byte, bit c of row r of `in` becomes bit r of row c of `out`; eight rows of `count` bytes. */
static inline void mirror_bits_of_rows(const uint8_t *in, size_t in_row, uint8_t *out, size_t out_row,
                                       size_t count)
{
    for (size_t k = 0; k < count; k += TILE) {
        vec x[8];
        load_rows(in + k, in_row, 7, x, 8);
        exchange_bits(x, 4, set(0x0f));
        exchange_bits(x, 2, set(0x33));
        exchange_bits(x, 1, set(0x55));
        store_rows(out + k, out_row, 7, x, 8);
    }
}

/** How items of some width are cut. */
typedef struct bit_plan {
    size_t width;
    size_t columns; /* bytes of an item that are done at once */
    size_t run;     /* bytes of a row of the buffer: groups that are done at once */
    size_t step;    /* bytes from a row of the buffer to that of the next g or b */
    spread single;  /* of width 1: its groups */
} bit_plan;

static inline bit_plan plan_bits(size_t width)
{
    size_t columns = min(width, LANE);
    size_t run = BUFFER_BYTES / (8 * columns);
    run -= run % LINE;
    return (bit_plan){width, columns, run, columns * run, plan_spread(8, 8)};
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
            spread_to_rows(in, &plan->single, rows, plan->run, 8);
            continue;
        }
        for (size_t q = 0; q < 8 * plan->columns; q += LANE) {
            tile_start tile = locate_tile(plan, q);
            columns_to_rows(in + tile.offset, group_bytes, rows + tile.q * plan->run, plan->run, LANE - 1);
        }
    }
}

static inline void rows_to_groups(const bit_plan *plan, const uint8_t *rows, uint8_t *out, size_t groups)
{
    size_t group_bytes = 8 * plan->width;
    for (size_t k = 0; k < groups; k += TILE, out += TILE * group_bytes, rows += TILE) {
        if (plan->width == 1) {
            rows_to_spread(rows, plan->run, &plan->single, out, 8);
            continue;
        }
        for (size_t q = 0; q < 8 * plan->columns; q += LANE) {
            tile_start tile = locate_tile(plan, q);
            rows_to_columns(rows + tile.q * plan->run, plan->run, LANE - 1, out + tile.offset, group_bytes);
        }
    }
}

static inline void bitshuffle_tiles(const uint8_t *in, uint8_t *out, size_t row, size_t width)
{
    _Alignas(64) uint8_t rows[BUFFER_BYTES];
    const bit_plan plan = plan_bits(width);
    for (size_t done = 0; done < row;) { /* groups */
        stretch s = next_stretch(done, row, plan.run);
        for (size_t j = 0; j < width; j += LANE) {
            size_t column = tile_column(j, width);
            groups_to_rows(&plan, in + 8 * s.start * width + column, rows, s.count);
            for (size_t c = 0; c < plan.columns; c++)
                mirror_bits_of_rows(rows + c * plan.run, plan.step, out + 8 * (column + c) * row + s.start,
                                    row, s.count);
        }
        done = s.start + s.count;
    }
}

static inline void bitunshuffle_tiles(const uint8_t *in, uint8_t *out, size_t row, size_t width)
{
    _Alignas(64) uint8_t rows[BUFFER_BYTES];
    const bit_plan plan = plan_bits(width);
    for (size_t done = 0; done < row;) {
        stretch s = next_stretch(done, row, plan.run);
        for (size_t j = 0; j < width; j += LANE) {
            size_t column = tile_column(j, width);
            for (size_t c = 0; c < plan.columns; c++)
                mirror_bits_of_rows(in + 8 * (column + c) * row + s.start, row, rows + c * plan.run,
                                    plan.step, s.count);
            rows_to_groups(&plan, rows, out + 8 * s.start * width + column, s.count);
        }
        done = s.start + s.count;
    }
}

static void bitshuffle(const uint8_t *in, uint8_t *out, size_t bytes, size_t width)
{
    size_t items = whole_groups(bytes / width);
    if (items < 8 * TILE) {
        bitshuffle_items(in, out, 0, items, width);
    } else {
        bitshuffle_tiles(in, out, items / 8, width);
    }
    copy_rest(in, out, items * width, bytes);
}

static void bitunshuffle(const uint8_t *in, uint8_t *out, size_t bytes, size_t width)
{
    size_t items = whole_groups(bytes / width);
    if (items < 8 * TILE) {
        bitunshuffle_items(in, out, 0, items, width);
    } else {
        bitunshuffle_tiles(in, out, items / 8, width);
    }
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
