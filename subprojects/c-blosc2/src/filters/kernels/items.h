/**
 * The filters one item at a time, for what is left when a table's tiles are done. Layouts:
 * docs/format/filters.md.
 *
 * Only `static inline` functions: this is compiled into files with different instruction sets, and no copy of
 * one may serve another.
 */
#ifndef B2_FILTERS_KERNELS_ITEMS_H
#define B2_FILTERS_KERNELS_ITEMS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "filters/kernels.h"

/** How many of `items` items bitshuffle moves: whole groups of 8 (filters.md 2). */
static inline size_t whole_groups(size_t items)
{
    return items - items % 8;
}

/** Copy what follows the bytes that a filter moved. */
static inline void copy_rest(const uint8_t *in, uint8_t *out, size_t moved, size_t bytes)
{
    if (moved < bytes) memcpy(out + moved, in + moved, bytes - moved);
}

/** Shuffle the items [start, items). */
static inline void shuffle_items(const uint8_t *in, uint8_t *out, size_t start, size_t items, size_t width)
{
    for (size_t j = 0; j < width; j++) {
        for (size_t i = start; i < items; i++) out[j * items + i] = in[i * width + j];
    }
}

/** Unshuffle the items [start, items). */
static inline void unshuffle_items(const uint8_t *in, uint8_t *out, size_t start, size_t items, size_t width)
{
    for (size_t i = start; i < items; i++) {
        for (size_t j = 0; j < width; j++) out[i * width + j] = in[j * items + i];
    }
}

/** Unshuffle `count` items from `first` on of planes that lie apart. */
static inline void join_items(const uint8_t *const *planes, size_t first, size_t count, uint8_t *out,
                              size_t width)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < width; j++) out[i * width + j] = planes[j][first + i];
    }
}

/** b2_kernels.join_planes. */
static inline void join_rows_of_items(const b2_plane_rows *rows)
{
    for (size_t r = 0; r < rows->rows; r++) {
        join_items(rows->planes, rows->first + r * rows->row_step, rows->count,
                   rows->out + (ptrdiff_t)r * rows->out_step, rows->width);
    }
}

/** Mirror a matrix of 8 x 8 bits at its diagonal: bit c of byte r becomes bit r of byte c. */
static inline uint64_t mirror_bits(uint64_t x)
{
    uint64_t t = (x ^ (x >> 7)) & 0x00aa00aa00aa00aau;
    x ^= t ^ (t << 7);
    t = (x ^ (x >> 14)) & 0x0000cccc0000ccccu;
    x ^= t ^ (t << 14);
    t = (x ^ (x >> 28)) & 0x00000000f0f0f0f0u;
    return x ^ t ^ (t << 28);
}

/** Eight bytes, `step` apart, as the bytes of a word. */
static inline uint64_t gather_bytes(const uint8_t *in, size_t step)
{
    uint64_t word = 0;
    for (int r = 0; r < 8; r++) word |= (uint64_t)in[(size_t)r * step] << (8 * r);
    return word;
}

static inline void scatter_bytes(uint64_t word, uint8_t *out, size_t step)
{
    for (int r = 0; r < 8; r++) out[(size_t)r * step] = (uint8_t)(word >> (8 * r));
}

/** Bitshuffle the items [start, items); both are multiples of 8. */
static inline void bitshuffle_items(const uint8_t *in, uint8_t *out, size_t start, size_t items, size_t width)
{
    size_t row = items / 8;
    for (size_t i = start; i < items; i += 8) {
        for (size_t j = 0; j < width; j++) {
            uint64_t bits = mirror_bits(gather_bytes(in + i * width + j, width));
            scatter_bytes(bits, out + 8 * j * row + i / 8, row);
        }
    }
}

/** Undo bitshuffle for the items [start, items); both are multiples of 8. */
static inline void bitunshuffle_items(const uint8_t *in, uint8_t *out, size_t start, size_t items,
                                      size_t width)
{
    size_t row = items / 8;
    for (size_t i = start; i < items; i += 8) {
        for (size_t j = 0; j < width; j++) {
            uint64_t bits = mirror_bits(gather_bytes(in + 8 * j * row + i / 8, row));
            scatter_bytes(bits, out + i * width + j, width);
        }
    }
}

#endif
