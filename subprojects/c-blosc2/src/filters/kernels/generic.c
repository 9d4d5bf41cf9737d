/**
 * Kernels in plain C for any machine: the definition that all other tables must equal.
 *
 * Shuffle moves tiles of 8 items x 8 bytes held in eight 64-bit words: the tile is mirrored at its diagonal
 * in three steps, each of which exchanges half of the bits of pairs of words. Bitshuffle is the same on
 * groups of 8 items (a byte of each of 8 groups makes a word), followed by the same three steps on bits
 * instead of bytes.
 */
#include "filters/kernels.h"
#include "filters/kernels/items.h"

#if defined(__GNUC__)
#define UNROLL _Pragma("GCC unroll 8")
#else
#define UNROLL
#endif

/* Little-endian on every host: byte r of a word is byte r in memory. Written so that compilers see one move.
 */
static inline uint64_t load(const uint8_t *p)
{
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
           (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
}

static inline void store(uint8_t *p, uint64_t x)
{
    p[0] = (uint8_t)x;
    p[1] = (uint8_t)(x >> 8);
    p[2] = (uint8_t)(x >> 16);
    p[3] = (uint8_t)(x >> 24);
    p[4] = (uint8_t)(x >> 32);
    p[5] = (uint8_t)(x >> 40);
    p[6] = (uint8_t)(x >> 48);
    p[7] = (uint8_t)(x >> 56);
}

/** Exchange the bits of *b under `low` with those of *a that lie `shift` higher. */
static inline void exchange(uint64_t *a, uint64_t *b, int shift, uint64_t low)
{
    uint64_t t = ((*a >> shift) ^ *b) & low;
    *b ^= t;
    *a ^= t << shift;
}

/** One step for all pairs of words `apart` from each other. */
static inline void exchange_pairs(uint64_t x[8], int apart, int shift, uint64_t low)
{
    UNROLL
    for (int r = 0; r < 8; r++) {
        if ((r & apart) == 0) exchange(&x[r], &x[r + apart], shift, low);
    }
}

/** Byte c of word r becomes byte r of word c. */
static inline void mirror_bytes_of_words(uint64_t x[8])
{
    exchange_pairs(x, 4, 32, 0x00000000ffffffffu);
    exchange_pairs(x, 2, 16, 0x0000ffff0000ffffu);
    exchange_pairs(x, 1, 8, 0x00ff00ff00ff00ffu);
}

/** In every byte, bit c of word r becomes bit r of word c. */
static inline void mirror_bits_of_words(uint64_t x[8])
{
    exchange_pairs(x, 4, 4, 0x0f0f0f0f0f0f0f0fu);
    exchange_pairs(x, 2, 2, 0x3333333333333333u);
    exchange_pairs(x, 1, 1, 0x5555555555555555u);
}

/** Rows in, columns out: words `in_step` apart to words `out_step` apart, of which `columns` are wanted. */
static inline void move_tile(const uint8_t *in, size_t in_step, size_t rows, uint8_t *out, size_t out_step,
                             size_t columns)
{
    uint64_t x[8];
    UNROLL
    for (size_t r = 0; r < 8; r++) x[r] = r < rows ? load(in + r * in_step) : 0;
    mirror_bytes_of_words(x);
    UNROLL
    for (size_t c = 0; c < 8; c++) {
        if (c < columns) store(out + c * out_step, x[c]);
    }
}

/** Items that can be read or written 8 bytes each without passing the end of the last item. */
static size_t items_within(size_t items, size_t width)
{
    size_t beyond =
        width < 8 ? (8 - width + width - 1) / width : 0; /* items that lie within 8 bytes of the end */
    size_t safe = items > beyond ? items - beyond : 0;
    return safe - safe % 8;
}

/** Where the tile after column `j` starts: the last one overlaps the one before it if 8 does not divide the
 * width. */
static inline size_t tile_column(size_t j, size_t width)
{
    return width > 8 && j > width - 8 ? width - 8 : j;
}

/* Rows are written by whole cache lines, a block of items at a time: they are often a power of two apart, and
   then a line does not stay in the cache until its next item comes. Widths below 8 have one tile, whose other
   columns belong to the next items: they are dropped, or written first and then overwritten. */
enum { BLOCK = 64 };

static inline void shuffle_width(const uint8_t *in, uint8_t *out, size_t items, size_t width)
{
    size_t done = items_within(items, width);
    size_t columns = width < 8 ? width : 8;
    for (size_t block = 0; block < done; block += BLOCK) {
        size_t stop = done - block < BLOCK ? done : block + BLOCK;
        for (size_t j = 0; j < width; j += 8) {
            size_t column = tile_column(j, width);
            for (size_t i = block; i < stop; i += 8) {
                move_tile(in + i * width + column, width, 8, out + column * items + i, items, columns);
            }
        }
    }
    shuffle_items(in, out, done, items, width);
}

static inline void unshuffle_width(const uint8_t *in, uint8_t *out, size_t items, size_t width)
{
    size_t done = items_within(items, width);
    size_t rows = width < 8 ? width : 8;
    for (size_t block = 0; block < done; block += BLOCK) {
        size_t stop = done - block < BLOCK ? done : block + BLOCK;
        for (size_t j = 0; j < width; j += 8) {
            size_t column = tile_column(j, width);
            for (size_t i = block; i < stop; i += 8) {
                move_tile(in + column * items + i, items, rows, out + i * width + column, width, 8);
            }
        }
    }
    unshuffle_items(in, out, done, items, width);
}

static void shuffle(const uint8_t *in, uint8_t *out, size_t bytes, size_t width)
{
    size_t items = bytes / width;
    switch (width) { /* constants let the compiler drop the columns that are not wanted */
    case 1:
        memcpy(out, in, bytes);
        return;
    case 2:
        shuffle_width(in, out, items, 2);
        break;
    case 4:
        shuffle_width(in, out, items, 4);
        break;
    case 8:
        shuffle_width(in, out, items, 8);
        break;
    case 16:
        shuffle_width(in, out, items, 16);
        break;
    default:
        shuffle_width(in, out, items, width);
    }
    copy_rest(in, out, items * width, bytes);
}

static void unshuffle(const uint8_t *in, uint8_t *out, size_t bytes, size_t width)
{
    size_t items = bytes / width;
    switch (width) {
    case 1:
        memcpy(out, in, bytes);
        return;
    case 2:
        unshuffle_width(in, out, items, 2);
        break;
    case 4:
        unshuffle_width(in, out, items, 4);
        break;
    case 8:
        unshuffle_width(in, out, items, 8);
        break;
    case 16:
        unshuffle_width(in, out, items, 16);
        break;
    default:
        unshuffle_width(in, out, items, width);
    }
    copy_rest(in, out, items * width, bytes);
}

/* Bitshuffle: 64 items at a time, as 8 groups of 8 items; `words` has, for column q of a group (byte j of its
   item g), the bytes of all 8 groups. Widths below 8: q = g * width + j, and all columns are there. Others: 8
   bytes of an item at a time, q = g * 8 + j. */

static inline void bitshuffle_64(const uint8_t *in, uint8_t *out, size_t width, size_t row)
{
    size_t columns = width < 8 ? width : 8; /* bytes of an item; as many tiles of 8 columns cover them */
    uint64_t words[64];
    for (size_t t = 0; t < columns; t++) {
        uint64_t *x = words + 8 * t;
        UNROLL
        for (size_t p = 0; p < 8; p++) x[p] = load(in + p * 8 * width + t * (width < 8 ? 8 : width));
        mirror_bytes_of_words(x);
    }
    for (size_t j = 0; j < columns; j++) {
        uint64_t x[8];
        UNROLL
        for (size_t g = 0; g < 8; g++) x[g] = words[g * columns + j];
        mirror_bits_of_words(x);
        UNROLL
        for (size_t b = 0; b < 8; b++) store(out + (8 * j + b) * row, x[b]);
    }
}

static inline void bitunshuffle_64(const uint8_t *in, uint8_t *out, size_t width, size_t row)
{
    size_t columns = width < 8 ? width : 8;
    uint64_t words[64];
    for (size_t j = 0; j < columns; j++) {
        uint64_t x[8];
        UNROLL
        for (size_t b = 0; b < 8; b++) x[b] = load(in + (8 * j + b) * row);
        mirror_bits_of_words(x);
        UNROLL
        for (size_t g = 0; g < 8; g++) words[g * columns + j] = x[g];
    }
    for (size_t t = 0; t < columns; t++) {
        uint64_t *x = words + 8 * t;
        mirror_bytes_of_words(x);
        UNROLL
        for (size_t p = 0; p < 8; p++) store(out + p * 8 * width + t * (width < 8 ? 8 : width), x[p]);
    }
}

static void bitshuffle(const uint8_t *in, uint8_t *out, size_t bytes, size_t width)
{
    size_t items = whole_groups(bytes / width);
    size_t row = items / 8;
    size_t done = items - items % 64;
    for (size_t i = 0; i < done; i += 64) {
        for (size_t j = 0; j < width; j += 8) {
            size_t column = tile_column(j, width);
            bitshuffle_64(in + i * width + column, out + 8 * column * row + i / 8, width, row);
        }
    }
    bitshuffle_items(in, out, done, items, width);
    copy_rest(in, out, items * width, bytes);
}

static void bitunshuffle(const uint8_t *in, uint8_t *out, size_t bytes, size_t width)
{
    size_t items = whole_groups(bytes / width);
    size_t row = items / 8;
    size_t done = items - items % 64;
    for (size_t i = 0; i < done; i += 64) {
        for (size_t j = 0; j < width; j += 8) {
            size_t column = tile_column(j, width);
            bitunshuffle_64(in + 8 * column * row + i / 8, out + i * width + column, width, row);
        }
    }
    bitunshuffle_items(in, out, done, items, width);
    copy_rest(in, out, items * width, bytes);
}

static void xor_bytes(const uint8_t *a, const uint8_t *b, uint8_t *out, size_t bytes)
{
    size_t i = 0;
    for (; i + 8 <= bytes; i += 8) store(out + i, load(a + i) ^ load(b + i));
    for (; i < bytes; i++) out[i] = a[i] ^ b[i];
}

static void bytedelta_row(const uint8_t *in, uint8_t *out, size_t row_bytes)
{
    uint8_t before = 0;
    for (size_t i = 0; i < row_bytes; i++) {
        out[i] = (uint8_t)(in[i] - before);
        before = in[i];
    }
}

static void undo_bytedelta_row(const uint8_t *in, uint8_t *out, size_t row_bytes)
{
    uint8_t sum = 0;
    for (size_t i = 0; i < row_bytes; i++) out[i] = sum = (uint8_t)(sum + in[i]);
}

static void copy_lines(const uint8_t *in, uint8_t *out, size_t bytes)
{
    memcpy(out, in, bytes);
}

static void end_streaming(void) {}

static void join_planes(const b2_plane_rows *rows)
{
    join_rows_of_items(rows);
}

const b2_kernels b2_kernels_generic = {
    .name = "generic",
    .needs = 0,
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
