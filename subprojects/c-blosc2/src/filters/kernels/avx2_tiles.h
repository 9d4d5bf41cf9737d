/**
 * Tiles of bytes in AVX2 registers: 32 items are turned into rows, one for each byte of an item, and back.
 *
 * The idea. Give a byte in a group of 16 items the address [item: 4 bits | byte of the item: log2(width)
 * bits]. Vectors of 16 bytes hold the four low bits of the address as the position, the others are the
 * vector's number. `turn` (unpack the vectors q and q + n/2) rotates all addresses left by one bit. Shuffle
 * is a rotation by 4, unshuffle one by log2(width). Both lanes of a register do the same for two groups, 16
 * items apart.
 *
 * Static inline functions only: this is compiled with -mavx2.
 */
#ifndef B2_FILTERS_KERNELS_AVX2_TILES_H
#define B2_FILTERS_KERNELS_AVX2_TILES_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define UNROLL _Pragma("GCC unroll 16")

/* Keeps GCC from making one address out of another, 32 times: that chain takes longer than the work. */
#define KEEP_POINTER(p) __asm__("" : "+r"(p))

enum { LANE = 16, ITEMS = 32 }; /* bytes of a lane; items of a tile */

typedef __m256i vec;

static inline vec load(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)p);
}

static inline void store(uint8_t *p, vec x)
{
    _mm256_storeu_si256((__m256i *)(void *)p, x);
}

static inline __m128i load_half(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static inline void store_half(uint8_t *p, __m128i x)
{
    _mm_storeu_si128((__m128i *)(void *)p, x);
}

/** 16 bytes of two places, one to a lane. */
static inline vec load_lanes(const uint8_t *low, const uint8_t *high)
{
    return _mm256_inserti128_si256(_mm256_castsi128_si256(load_half(low)), load_half(high), 1);
}

/** Rotate the addresses of n vectors left by one bit. */
static inline void turn(vec *x, int n)
{
    vec y[16];
    UNROLL
    for (int q = 0; q < n / 2; q++) {
        y[2 * q] = _mm256_unpacklo_epi8(x[q], x[q + n / 2]);
        y[2 * q + 1] = _mm256_unpackhi_epi8(x[q], x[q + n / 2]);
    }
    UNROLL
    for (int q = 0; q < n; q++) x[q] = y[q];
}

/* ------------------------------------------------------------------ widths 2, 4, 8: items without gaps */

/** Load 32 items of `width` bytes: lane 0 has the first 16 items, lane 1 the others. */
static inline void load_items(const uint8_t *in, vec *x, int width)
{
    UNROLL
    for (int q = 0; q < width; q++) x[q] = load_lanes(in + LANE * q, in + LANE * (width + q));
}

/** The opposite: pairs of vectors are joined, to store 32 bytes at once. */
static inline void store_items(uint8_t *out, const vec *x, int width)
{
    UNROLL
    for (int q = 0; q < width; q += 2) {
        store(out + LANE * q, _mm256_permute2x128_si256(x[q], x[q + 1], 0x20));
        store(out + LANE * (width + q), _mm256_permute2x128_si256(x[q], x[q + 1], 0x31));
    }
}

static inline void store_rows(uint8_t *out, size_t step, const vec *x, int rows)
{
    UNROLL
    for (int c = 0; c < rows; c++) store(out + (size_t)c * step, x[c]);
}

static inline void load_rows(const uint8_t *in, size_t step, vec *x, int rows)
{
    UNROLL
    for (int c = 0; c < rows; c++) x[c] = load(in + (size_t)c * step);
}

/** Both lanes of a byte shuffle's indices. */
static inline vec lanes(__m128i indices)
{
    return _mm256_broadcastsi128_si256(indices);
}

/* Widths 2 and 4: one byte shuffle brings the bytes of a vector to [byte | item], as several turns would. */
static inline void shuffle_tile_2(const uint8_t *in, uint8_t *out, size_t items)
{
    const vec split = lanes(_mm_setr_epi8(0, 2, 4, 6, 8, 10, 12, 14, 1, 3, 5, 7, 9, 11, 13, 15));
    vec x[2];
    load_items(in, x, 2);
    vec low = _mm256_shuffle_epi8(x[0], split);
    vec high = _mm256_shuffle_epi8(x[1], split);
    store(out, _mm256_unpacklo_epi64(low, high));
    store(out + items, _mm256_unpackhi_epi64(low, high));
}

static inline void shuffle_tile_4(const uint8_t *in, uint8_t *out, size_t items)
{
    const vec split = lanes(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    vec x[4];
    load_items(in, x, 4);
    UNROLL
    for (int q = 0; q < 4; q++) x[q] = _mm256_shuffle_epi8(x[q], split);
    vec low02 = _mm256_unpacklo_epi32(x[0], x[1]);
    vec low13 = _mm256_unpacklo_epi32(x[2], x[3]);
    vec high02 = _mm256_unpackhi_epi32(x[0], x[1]);
    vec high13 = _mm256_unpackhi_epi32(x[2], x[3]);
    store(out, _mm256_unpacklo_epi64(low02, low13));
    store(out + items, _mm256_unpackhi_epi64(low02, low13));
    store(out + 2 * items, _mm256_unpacklo_epi64(high02, high13));
    store(out + 3 * items, _mm256_unpackhi_epi64(high02, high13));
}

static inline void shuffle_tile_8(const uint8_t *in, uint8_t *out, size_t items)
{
    vec x[8];
    load_items(in, x, 8);
    turn(x, 8);
    turn(x, 8);
    turn(x, 8);
    turn(x, 8);
    store_rows(out, items, x, 8);
}

static inline void unshuffle_tile_2(const uint8_t *in, uint8_t *out, size_t items)
{
    vec x[2];
    load_rows(in, items, x, 2);
    turn(x, 2);
    store_items(out, x, 2);
}

static inline void unshuffle_tile_4(const uint8_t *in, uint8_t *out, size_t items)
{
    vec x[4];
    load_rows(in, items, x, 4);
    turn(x, 4);
    turn(x, 4);
    store_items(out, x, 4);
}

static inline void unshuffle_tile_8(const uint8_t *in, uint8_t *out, size_t step)
{
    vec x[8];
    load_rows(in, step, x, 8);
    turn(x, 8);
    turn(x, 8);
    turn(x, 8);
    store_items(out, x, 8);
}

/* ------------------------------------------------------------------ tiles of items any distance apart */

/* These go through a buffer of rows, which are then copied as a whole. Written tile by tile, the rows of a
   block would fight for the cache: they are often a power of two apart, and so share one set of its lines. */
enum { BUFFER_BYTES = 8192, SHUFFLE_RUN = BUFFER_BYTES / LANE };

/** Columns of 32 items, `step` apart, to rows of the buffer, `run` apart. @param columns  8 or 16, a
 * constant. */
static inline void columns_to_rows(const uint8_t *in, size_t step, uint8_t *rows, size_t run, int columns)
{
    vec x[8], upper[8];
    UNROLL
    for (int r = 0; r < 8; r++) {
        vec low = load_lanes(in, in + 16 * step);
        vec high = load_lanes(in + 8 * step, in + 24 * step);
        x[r] = _mm256_unpacklo_epi8(low, high); /* the first turn: columns 0..7 here, 8..15 there */
        upper[r] = _mm256_unpackhi_epi8(low, high);
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

/** Sixteen rows to 32 items: item r of each lane's 16 in x[r], r < 8, or upper[r - 8]. */
static inline void load_columns(const uint8_t *rows, size_t run, vec x[8], vec upper[8])
{
    UNROLL
    for (size_t c = 0; c < 8; c++) {
        vec low = load(rows + c * run);
        vec high = load(rows + (c + 8) * run);
        x[c] = _mm256_unpacklo_epi8(low, high);
        upper[c] = _mm256_unpackhi_epi8(low, high);
    }
    turn(x, 8);
    turn(x, 8);
    turn(x, 8);
    turn(upper, 8);
    turn(upper, 8);
    turn(upper, 8);
}

static inline uint8_t *store_low_halves(uint8_t *out, size_t step, const vec x[8])
{
    UNROLL
    for (int r = 0; r < 8; r++) {
        store_half(out, _mm256_castsi256_si128(x[r]));
        out += step;
        KEEP_POINTER(out);
    }
    return out;
}

static inline uint8_t *store_high_halves(uint8_t *out, size_t step, const vec x[8])
{
    UNROLL
    for (int r = 0; r < 8; r++) {
        store_half(out, _mm256_extracti128_si256(x[r], 1));
        out += step;
        KEEP_POINTER(out);
    }
    return out;
}

/** Sixteen rows of the buffer to items in order: those below 16 bytes are written over by the next ones. */
static inline void rows_to_columns(const uint8_t *rows, size_t run, uint8_t *out, size_t step)
{
    vec x[8], upper[8];
    load_columns(rows, run, x, upper);
    out = store_low_halves(out, step, x);
    out = store_low_halves(out, step, upper);
    out = store_high_halves(out, step, x);
    store_high_halves(out, step, upper);
}

/** The same for items of 16 bytes without gaps. */
static inline void unshuffle_tile_16(const uint8_t *rows, size_t run, uint8_t *out)
{
    vec x[16];
    load_columns(rows, run, x, x + 8);
    store_items(out, x, 16);
}

/** Copy a run: a multiple of 32 bytes. */
static inline void copy_run(uint8_t *out, const uint8_t *in, size_t bytes)
{
#pragma GCC unroll 4 /* else its speed depends on where the loop happens to lie */
    for (size_t k = 0; k < bytes; k += 32) store(out + k, load(in + k));
}

#endif
