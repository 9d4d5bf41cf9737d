/**
 * The input, behind 2 bytes of parameters, is what filters work on: every table of kernels that this CPU runs
 * gives the bytes of the generic one, and what one way did the other undoes. Built by ci/fuzz.
 */
#include "filters/kernels.h"
#include "fuzz.h"

enum { PARAMETER_BYTES = 2, BYTES_MAX = 1 << 14 };

typedef struct input {
    const uint8_t *bytes;
    size_t size, width, shift; /* shift: how far buffers are from where the heap begins them */
} input;

/** Memory of exactly the size, at another alignment; the sanitizer sees the bytes behind it. */
static uint8_t *take(const input *in)
{
    return fuzz_alloc(in->size + in->shift) + in->shift;
}

static void give_back(const input *in, uint8_t *bytes)
{
    free(bytes - in->shift);
}

static void check_shuffle(const input *in, b2_shuffle_fn *generic, b2_shuffle_fn *other, b2_shuffle_fn *undo)
{
    uint8_t *expected = take(in), *found = take(in), *back = take(in);
    generic(in->bytes, expected, in->size, in->width);
    other(in->bytes, found, in->size, in->width);
    MUST(memcmp(expected, found, in->size) == 0);
    undo(found, back, in->size, in->width);
    MUST(memcmp(back, in->bytes, in->size) == 0);
    give_back(in, expected);
    give_back(in, found);
    give_back(in, back);
}

static void check_rows(const input *in, const b2_kernels *generic, const b2_kernels *other)
{
    uint8_t *expected = take(in), *found = take(in);
    generic->bytedelta_row(in->bytes, expected, in->size);
    other->bytedelta_row(in->bytes, found, in->size);
    MUST(memcmp(expected, found, in->size) == 0);
    other->undo_bytedelta_row(found, found, in->size); /* in place */
    MUST(memcmp(found, in->bytes, in->size) == 0);
    generic->xor_bytes(in->bytes, expected, expected, in->size);
    other->bytedelta_row(in->bytes, found, in->size);
    other->xor_bytes(in->bytes, found, found, in->size);
    MUST(memcmp(expected, found, in->size) == 0);
    give_back(in, expected);
    give_back(in, found);
}

/** Two rows of a block of planes, the second behind a gap; unshuffled they are those of the whole. */
static void check_join(const input *in, const b2_kernels *other)
{
    size_t width = in->width, items = in->size / width, half = items / 2;
    if ((width != 2 && width != 4 && width != 8) || half == 0) return;
    size_t count = 1 + in->bytes[0] % half;
    uint8_t *whole = take(in), *out = fuzz_alloc(2 * count * width);
    const uint8_t *planes[8];
    for (size_t i = 0; i < width; i++) planes[i] = in->bytes + i * items;
    const b2_plane_rows rows = {.planes = planes,
                                .width = width,
                                .items = items,
                                .count = count,
                                .rows = 2,
                                .row_step = half,
                                .out = out,
                                .out_step = (ptrdiff_t)(count * width)};
    b2_kernels_generic.unshuffle(in->bytes, whole, items * width, width);
    other->join_planes(&rows);
    MUST(memcmp(out, whole, count * width) == 0);
    MUST(memcmp(out + count * width, whole + half * width, count * width) == 0);
    free(out);
    give_back(in, whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < PARAMETER_BYTES + 1 || size > BYTES_MAX) return 0;
    input in = {.size = size - PARAMETER_BYTES, .width = (size_t)data[0] % 80 + 1, .shift = data[1] % 64};
    uint8_t *copy = take(&in);
    memcpy(copy, data + PARAMETER_BYTES, in.size);
    in.bytes = copy;
    const b2_kernels *generic = &b2_kernels_generic, *const * tables;
    size_t count = b2_kernels_all(&tables);
    for (size_t i = 0; i < count; i++) {
        const b2_kernels *other = tables[i];
        if (!blosc2_kernels_can_run(other->name)) continue;
        check_shuffle(&in, generic->shuffle, other->shuffle, other->unshuffle);
        check_shuffle(&in, generic->unshuffle, other->unshuffle, other->shuffle);
        check_shuffle(&in, generic->bitshuffle, other->bitshuffle, other->bitunshuffle);
        check_shuffle(&in, generic->bitunshuffle, other->bitunshuffle, other->bitshuffle);
        check_rows(&in, generic, other);
        check_join(&in, other);
    }
    give_back(&in, copy);
    return 0;
}
