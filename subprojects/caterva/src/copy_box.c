#include "copy_box.h"

#include <stddef.h>
#include <string.h>

typedef struct axis {
    int64_t count;
    int64_t to; /* strides in bytes */
    int64_t from;
} axis;

/** Copies the items along one axis. */
typedef void row_fn(uint8_t *to, const uint8_t *from, const axis *along, size_t item_bytes);

/* A constant size makes memcpy one or two moves. */
#define FIXED_ROW(bytes)                                                                                     \
    static void row_##bytes(uint8_t *to, const uint8_t *from, const axis *along, size_t item_bytes)          \
    {                                                                                                        \
        (void)item_bytes;                                                                                    \
        int64_t count = along->count, to_stride = along->to, from_stride = along->from;                      \
        for (int64_t i = 0; i < count; i++) memcpy(to + i * to_stride, from + i * from_stride, bytes);       \
    }

FIXED_ROW(1)
FIXED_ROW(2)
FIXED_ROW(4)
FIXED_ROW(8)
FIXED_ROW(16)
FIXED_ROW(32)
FIXED_ROW(64)
FIXED_ROW(128)

/** 17 to 128 bytes, such as a block's rows: moves of 16, the last one over the end of the one before. */
static void row_short(uint8_t *to, const uint8_t *from, const axis *along, size_t item_bytes)
{
    int64_t count = along->count, to_stride = along->to, from_stride = along->from;
    size_t last = item_bytes - 16;
    for (int64_t i = 0; i < count; i++) {
        uint8_t *target = to + i * to_stride;
        const uint8_t *source = from + i * from_stride;
        for (size_t at = 0; at < last; at += 16) memcpy(target + at, source + at, 16);
        memcpy(target + last, source + last, 16);
    }
}

static void row_any(uint8_t *to, const uint8_t *from, const axis *along, size_t item_bytes)
{
    for (int64_t i = 0; i < along->count; i++) memcpy(to + i * along->to, from + i * along->from, item_bytes);
}

static bool is_one_byte(const uint8_t *item, size_t item_bytes)
{
    return item[0] == item[item_bytes - 1] && memcmp(item, item + 1, item_bytes - 1) == 0;
}

/** One item over and over into contiguous memory: by a pattern that doubles until it is worth a memcpy. */
static void row_fill(uint8_t *to, const uint8_t *from, const axis *along, size_t item_bytes)
{
    const size_t pattern_bytes = 4096; /* stays in L1 */
    size_t longest = item_bytes < pattern_bytes ? pattern_bytes / item_bytes * item_bytes : item_bytes;
    size_t total = (size_t)along->count * item_bytes;
    if (is_one_byte(from, item_bytes)) {
        memset(to, from[0], total);
        return;
    }
    memcpy(to, from, item_bytes);
    for (size_t done = item_bytes, piece; done < total; done += piece) {
        piece = done < longest ? done : longest;
        if (piece > total - done) piece = total - done;
        memcpy(to + done, to, piece);
    }
}

static void row_stream(uint8_t *to, const uint8_t *from, const axis *along, size_t item_bytes)
{
    for (int64_t i = 0; i < along->count; i++)
        blosc2_copy_streaming(to + i * along->to, from + i * along->from, item_bytes);
}

static row_fn *choose_row(const axis *along, int64_t item_bytes)
{
    if (along->from == 0 && along->to == item_bytes) return row_fill;
    switch (item_bytes) {
    case 1:
        return row_1;
    case 2:
        return row_2;
    case 4:
        return row_4;
    case 8:
        return row_8;
    case 16:
        return row_16;
    case 32:
        return row_32;
    case 64:
        return row_64;
    case 128:
        return row_128;
    default:
        return item_bytes > 16 && item_bytes < 128 ? row_short : row_any;
    }
}

/** Make one axis of two neighbours wherever both memories walk them as one. @return The number left. */
static int merge(axis *axes, int ndim)
{
    int left = 0;
    for (int d = 0; d < ndim; d++) {
        axis inner = axes[d];
        axis *outer = left > 0 ? &axes[left - 1] : NULL;
        if (outer && outer->to == inner.to * inner.count && outer->from == inner.from * inner.count) {
            *outer = (axis){outer->count * inner.count, inner.to, inner.from};
        } else {
            axes[left++] = inner;
        }
    }
    return left;
}

/** True if all rows begin and end with lines of the CPU's caches. */
static bool are_lines(const axis *axes, int ndim, size_t item_bytes, const uint8_t *to)
{
    enum { LINE = 64 };
    if (item_bytes % LINE || (uintptr_t)to % LINE) return false;
    for (int d = 0; d < ndim; d++)
        if (axes[d].to % LINE) return false;
    return true;
}

/** Row by row, the last axis being the row. */
static void copy_rows(const axis *axes, int ndim, size_t item_bytes, uint8_t *to, const uint8_t *from,
                      row_fn *row)
{
    int64_t index[CATERVA_MAX_NDIM] = {0};
    const axis *along = &axes[ndim - 1];
    int64_t to_offset = 0, from_offset = 0; /* pointers would leave their memory at the end of an axis */
    for (;;) {
        row(to + to_offset, from + from_offset, along, item_bytes);
        int d = ndim - 2;
        for (; d >= 0; d--) {
            to_offset += axes[d].to;
            from_offset += axes[d].from;
            if (++index[d] < axes[d].count) break;
            to_offset -= axes[d].to * axes[d].count;
            from_offset -= axes[d].from * axes[d].count;
            index[d] = 0;
        }
        if (d < 0) return;
    }
}

/** Put an axis among those that are there, by the target's strides: writes go forward, whatever its order. */
static void insert(axis *axes, int *used, axis a)
{
    int place = (*used)++;
    for (; place > 0 && axes[place - 1].to < a.to; place--) axes[place] = axes[place - 1];
    axes[place] = a;
}

static void copy_box(int ndim, const int64_t *counts, int64_t item_bytes, void *to, const int64_t *to_strides,
                     const void *from, const int64_t *from_strides, blosc2_stores stores)
{
    uint8_t *target = to;
    const uint8_t *source = from;
    axis axes[CATERVA_MAX_NDIM];
    int used = 0;
    for (int d = 0; d < ndim; d++) {
        if (counts[d] == 0) return;
        if (counts[d] == 1) continue;
        axis a = {counts[d], to_strides[d], from_strides[d]};
        if (a.to < 0) { /* walk it from the other end */
            target += (a.count - 1) * a.to;
            source += (a.count - 1) * a.from;
            a.to = -a.to;
            a.from = -a.from;
        }
        insert(axes, &used, a);
    }
    used = merge(axes, used);
    if (used > 0 && axes[used - 1].to == item_bytes && axes[used - 1].from == item_bytes) {
        item_bytes *= axes[--used].count; /* items in a row on both sides are one larger item */
    }
    bool streams = stores == BLOSC2_STORES_STREAMING && are_lines(axes, used, (size_t)item_bytes, target);
    if (used > 0) {
        row_fn *row = streams ? row_stream : choose_row(&axes[used - 1], item_bytes);
        copy_rows(axes, used, (size_t)item_bytes, target, source, row);
    } else if (streams) {
        blosc2_copy_streaming(target, source, (size_t)item_bytes);
    } else {
        memcpy(target, source, (size_t)item_bytes);
    }
}

void cat_copy_box(int ndim, const int64_t *counts, int64_t item_bytes, void *to, const int64_t *to_strides,
                  const void *from, const int64_t *from_strides)
{
    copy_box(ndim, counts, item_bytes, to, to_strides, from, from_strides, BLOSC2_STORES_CACHED);
}

void cat_stream_box(int ndim, const int64_t *counts, int64_t item_bytes, void *to, const int64_t *to_strides,
                    const void *from, const int64_t *from_strides)
{
    copy_box(ndim, counts, item_bytes, to, to_strides, from, from_strides, BLOSC2_STORES_STREAMING);
}

static bool row_repeats(const uint8_t *row, const axis *along, size_t item_bytes, const uint8_t *item)
{
    if (memcmp(row, item, item_bytes) != 0) return false;
    if (along->from == (int64_t)item_bytes)
        return memcmp(row, row + item_bytes, (size_t)(along->count - 1) * item_bytes) == 0;
    for (int64_t i = 1; i < along->count; i++)
        if (memcmp(row + i * along->from, item, item_bytes) != 0) return false;
    return true;
}

/** Step `offset` to the next row; false after the last. */
static bool next_row(const axis *axes, int ndim, int64_t *index, int64_t *offset)
{
    for (int d = ndim - 2; d >= 0; d--) {
        *offset += axes[d].from;
        if (++index[d] < axes[d].count) return true;
        *offset -= axes[d].from * axes[d].count;
        index[d] = 0;
    }
    return false;
}

bool cat_box_repeats_item(int ndim, const int64_t *counts, int64_t item_bytes, const void *box,
                          const int64_t *strides)
{
    const uint8_t *first = box;
    axis axes[CATERVA_MAX_NDIM];
    int used = 0;
    for (int d = 0; d < ndim; d++) {
        int64_t stride = strides[d];
        if (counts[d] == 1 || stride == 0) continue;
        if (stride < 0) first += (counts[d] - 1) * stride;
        if (stride < 0) stride = -stride;
        insert(axes, &used, (axis){counts[d], stride, stride});
    }
    used = merge(axes, used);
    int64_t index[CATERVA_MAX_NDIM] = {0}, offset = 0;
    if (used == 0) return true;
    do {
        if (!row_repeats(first + offset, &axes[used - 1], (size_t)item_bytes, first)) return false;
    } while (next_row(axes, used, index, &offset));
    return true;
}

bool cat_box_is_contiguous(int ndim, const int64_t *counts, int64_t item_bytes, const int64_t *strides)
{
    int64_t stride = item_bytes;
    for (int d = ndim - 1; d >= 0; d--) {
        if (counts[d] != 1 && strides[d] != stride) return false;
        stride *= counts[d];
    }
    return true;
}
