#include "filters/bytedelta.h"

#include <string.h>

#include "filters/kernels.h"

static void each_row(b2_rows_fn *row, const uint8_t *in, uint8_t *out, size_t bytes, size_t width)
{
    size_t row_bytes = bytes / width;
    size_t moved = row_bytes * width;
    for (size_t start = 0; start < moved; start += row_bytes) row(in + start, out + start, row_bytes);
    if (in != out && moved < bytes) memcpy(out + moved, in + moved, bytes - moved);
}

void b2_bytedelta(const uint8_t *in, uint8_t *out, size_t bytes, size_t width)
{
    each_row(b2_kernels_get()->bytedelta_row, in, out, bytes, width);
}

void b2_undo_bytedelta(const uint8_t *in, uint8_t *out, size_t bytes, size_t width)
{
    each_row(b2_kernels_get()->undo_bytedelta_row, in, out, bytes, width);
}
