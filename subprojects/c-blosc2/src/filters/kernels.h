/**
 * The hot loops of the filters, one complete table per instruction set. No entry is NULL.
 *
 * Buffers have any alignment and do not overlap unless said; `width` is bytes per item, >= 1; a kernel
 * handles the trailing bytes that make no whole item as filters.md says. All tables give equal bytes:
 * the generic one is the definition.
 */
#ifndef B2_FILTERS_KERNELS_H
#define B2_FILTERS_KERNELS_H

#include <stddef.h>
#include <stdint.h>

typedef void b2_shuffle_fn(const uint8_t *in, uint8_t *out, size_t bytes, size_t width);
typedef void b2_xor_fn(const uint8_t *a, const uint8_t *b, uint8_t *out, size_t bytes);
typedef void b2_rows_fn(const uint8_t *in, uint8_t *out, size_t row_bytes);

/** Rows of items of 2, 4 or 8 bytes, whose planes of bytes lie apart, and a place for each row. */
typedef struct b2_plane_rows {
    const uint8_t *const *planes; /* `width` of them */
    size_t width;                 /* 2, 4 or 8 */
    size_t items;                 /* of the planes, all of which may be read */
    size_t first, count;          /* items of the first row */
    size_t rows, row_step;        /* items from a row's start to that of the next */
    uint8_t *out;                 /* receives the first row's count * width bytes */
    ptrdiff_t out_step;           /* bytes from there to where the next row goes */
    int streaming;                /* past the caches where rows are whole lines, until end_streaming() */
} b2_plane_rows;

typedef void b2_join_fn(const b2_plane_rows *rows);
typedef void b2_end_fn(void);

typedef struct b2_kernels {
    const char *name;       /* what CATERVA_ISA=<name> selects */
    uint32_t needs;         /* B2_CPU_* bits; 0 runs anywhere */
    b2_shuffle_fn *shuffle; /* filters.md 1 */
    b2_shuffle_fn *unshuffle;
    b2_shuffle_fn *bitshuffle; /* filters.md 2: groups of 8 items, the rest copied */
    b2_shuffle_fn *bitunshuffle;
    b2_join_fn *join_planes;        /* unshuffle, row by row */
    b2_rows_fn *stream_lines;       /* copy past the caches, whole lines of 64 bytes, `out` at one */
    b2_end_fn *end_streaming;       /* other threads see what was streamed once they know of this */
    b2_xor_fn *xor_bytes;           /* out = a ^ b; out may be a or b (delta, blocks after the first) */
    b2_rows_fn *bytedelta_row;      /* out[i] = in[i] - in[i-1], in[-1] = 0; one row */
    b2_rows_fn *undo_bytedelta_row; /* running sum; one row; out may be in */
} b2_kernels;

extern const b2_kernels b2_kernels_generic;
extern const b2_kernels b2_kernels_avx512; /* each only where B2_HAVE_<NAME> */
extern const b2_kernels b2_kernels_avx2;
extern const b2_kernels b2_kernels_sse2;
extern const b2_kernels b2_kernels_neon;

/** The table in use; blosc2_init() has chosen it. */
const b2_kernels *b2_kernels_get(void);

/** All tables built in, best first, for tests. @return Their number. */
size_t b2_kernels_all(const b2_kernels *const **tables);

#endif
