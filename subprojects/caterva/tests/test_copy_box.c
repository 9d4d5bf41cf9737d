/** copy_box: against one memcpy per item, over random boxes, strides, item sizes and alignments. */
#include "copy_box.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "random.h"
#include "shape.h"

enum { MAX_AXES = 5 };

/** A box somewhere in memory: any order of axes, gaps, signs. */
typedef struct place {
    int64_t strides[MAX_AXES];
    int64_t first; /* bytes from the lowest address to the first item */
    int64_t bytes;
} place;

typedef enum repeats { DISTINCT_ITEMS, REPEATED_ITEMS } repeats;

static place random_place(int ndim, const int64_t *counts, int64_t item_bytes, repeats allowed)
{
    place box = {.bytes = item_bytes};
    int order[MAX_AXES] = {0};
    for (int i = 0; i < ndim; i++) {
        int other = (int)random_in(0, i);
        order[i] = order[other];
        order[other] = i;
    }
    bool in_c_order = random_in(0, 2) == 0;
    int64_t stride = item_bytes, last = 0;
    for (int i = ndim - 1; i >= 0; i--) {
        int d = in_c_order ? i : order[i];
        if (random_in(0, 3) == 0) stride += random_in(0, 3); /* a gap, which breaks alignment too */
        int64_t sign = random_in(0, 3) == 0 ? -1 : 1;
        bool still = allowed == REPEATED_ITEMS && random_in(0, 3) == 0;
        box.strides[d] = still ? 0 : sign * stride;
        if (still || counts[d] == 0) continue;
        if (sign < 0) box.first += (counts[d] - 1) * stride;
        last += (counts[d] - 1) * stride;
        stride *= counts[d];
    }
    box.bytes += last;
    return box;
}

static void copy_items(int ndim, const int64_t *counts, int64_t item_bytes, uint8_t *to,
                       const int64_t *to_strides, const uint8_t *from, const int64_t *from_strides)
{
    int64_t items = 1, index[MAX_AXES];
    for (int d = 0; d < ndim; d++) items *= counts[d];
    for (int64_t i = 0; i < items; i++) {
        int64_t target = 0, source = 0;
        cat_unravel(ndim, counts, i, index);
        for (int d = 0; d < ndim; d++) {
            target += index[d] * to_strides[d];
            source += index[d] * from_strides[d];
        }
        memcpy(to + target, from + source, (size_t)item_bytes);
    }
}

static bool random_copy_is_right(void)
{
    static const int64_t sizes[] = {1, 2, 3, 4, 5, 8, 12, 16, 17, 32, 64, 100, 128, 256, 300};
    int ndim = (int)random_in(0, MAX_AXES);
    int64_t item_bytes = sizes[random_in(0, 14)], counts[MAX_AXES];
    for (int d = 0; d < ndim; d++) counts[d] = random_in(0, 40) == 0 ? 0 : random_in(1, ndim > 2 ? 5 : 30);
    place to = random_place(ndim, counts, item_bytes, DISTINCT_ITEMS);
    place from = random_place(ndim, counts, item_bytes, REPEATED_ITEMS);
    /* Exact sizes, so that the sanitizer sees one byte too many. */
    uint8_t *source = malloc((size_t)from.bytes), *expected = malloc((size_t)to.bytes);
    uint8_t *got = malloc((size_t)to.bytes);
    if (!source || !expected || !got) exit(2);
    random_bytes(source, (size_t)from.bytes);
    memset(expected, 0xee, (size_t)to.bytes);
    memset(got, 0xee, (size_t)to.bytes);
    copy_items(ndim, counts, item_bytes, expected + to.first, to.strides, source + from.first, from.strides);
    cat_copy_box(ndim, counts, item_bytes, got + to.first, to.strides, source + from.first, from.strides);
    bool right = memcmp(got, expected, (size_t)to.bytes) == 0;
    free(source);
    free(expected);
    free(got);
    return right;
}

static void random_copies_equal_item_by_item(void)
{
    for (int round = 0; round < 60000; round++) CHECK(random_copy_is_right());
}

static void sixteen_axes(void)
{
    int64_t counts[16], strides[16], reverse[16];
    uint8_t from[1 << 16], to[1 << 16];
    for (int d = 0; d < 16; d++) {
        counts[d] = 2;
        strides[d] = (int64_t)1 << d;
        reverse[d] = (int64_t)1 << (15 - d);
    }
    random_bytes(from, sizeof from);
    cat_copy_box(16, counts, 1, to, strides, from, reverse);
    bool right = true;
    for (unsigned i = 0; i < sizeof from; i++) {
        unsigned mirror = 0;
        for (int bit = 0; bit < 16; bit++) mirror |= (i >> bit & 1u) << (15 - bit);
        right = right && to[mirror] == from[i];
    }
    CHECK(right);
}

static void one_item_fills_large_memory(void)
{
    for (size_t item = 1; item <= 5000; item += 1 + item / 4) {
        int64_t counts[2] = {3, (int64_t)(20000 / item) + 1}, still[2] = {0, 0}, strides[2];
        cat_strides_c(2, counts, (int64_t)item, strides);
        size_t items = (size_t)(counts[0] * counts[1]);
        uint8_t *to = malloc(items * item), *from = malloc(item);
        if (!to || !from) exit(2);
        random_bytes(from, item);
        if (item % 3 == 1) memset(from, 5, item); /* goes another way */
        cat_copy_box(2, counts, (int64_t)item, to, strides, from, still);
        bool right = true;
        for (size_t i = 0; i < items; i++) right = right && memcmp(to + i * item, from, item) == 0;
        CHECK(right);
        free(to);
        free(from);
    }
}

static void contiguous_boxes_are_known(void)
{
    CHECK(cat_box_is_contiguous(2, (int64_t[]){3, 4}, 8, (int64_t[]){32, 8}));
    CHECK(cat_box_is_contiguous(2, (int64_t[]){1, 4}, 8, (int64_t[]){-999, 8}));
    CHECK(cat_box_is_contiguous(0, NULL, 8, NULL));
    CHECK(!cat_box_is_contiguous(2, (int64_t[]){3, 4}, 8, (int64_t[]){8, 24}));
    CHECK(!cat_box_is_contiguous(1, (int64_t[]){3}, 8, (int64_t[]){-8}));
    CHECK(!cat_box_is_contiguous(1, (int64_t[]){3}, 8, (int64_t[]){0}));
}

int main(void)
{
    random_copies_equal_item_by_item();
    sixteen_axes();
    one_item_fills_large_memory();
    contiguous_boxes_are_known();
    return check_result();
}
