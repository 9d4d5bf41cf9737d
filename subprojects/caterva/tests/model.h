/** An array beside a plain C array that says what it must hold. */
#ifndef CAT_TESTS_MODEL_H
#define CAT_TESTS_MODEL_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caterva.h"
#include "check.h"
#include "random.h"
#include "scratch.h"

enum { MODEL_MAX_NDIM = 4 };

typedef struct model {
    caterva_array *array;
    caterva_options options;
    uint8_t *plain; /* C order */
    size_t plain_bytes;
} model;

static inline void *need(void *memory)
{
    if (!memory) abort();
    return memory;
}

static inline void c_strides(int ndim, const int64_t *counts, int64_t item_bytes, int64_t *strides)
{
    for (int d = ndim - 1; d >= 0; d--) {
        strides[d] = item_bytes;
        item_bytes *= counts[d];
    }
}

static inline int64_t count_items(int ndim, const int64_t *counts)
{
    int64_t items = 1;
    for (int d = 0; d < ndim; d++) items *= counts[d];
    return items;
}

/** All of the array. */
static inline caterva_selection whole(const caterva_geometry *geometry)
{
    caterva_selection all = {0};
    for (int d = 0; d < geometry->ndim; d++) {
        all.count[d] = geometry->shape[d];
        all.step[d] = 1;
    }
    return all;
}

/** Copy items one by one between the plain array and memory. */
static inline void plain_copy(const model *m, const caterva_selection *selection, uint8_t *memory,
                              const int64_t *strides, const uint8_t *source)
{
    const caterva_geometry *g = &m->options.geometry;
    int64_t plain_strides[CATERVA_MAX_NDIM], items = count_items(g->ndim, selection->count);
    size_t item_bytes = (size_t)g->item_bytes;
    c_strides(g->ndim, g->shape, g->item_bytes, plain_strides);
    for (int64_t i = 0; i < items; i++) {
        int64_t rest = i, at = 0, place = 0;
        for (int d = g->ndim - 1; d >= 0; d--) {
            int64_t index = rest % selection->count[d];
            rest /= selection->count[d];
            at += (selection->start[d] + index * selection->step[d]) * plain_strides[d];
            place += index * strides[d];
        }
        if (source)
            memcpy(m->plain + at, source + place, item_bytes);
        else
            memcpy(memory + place, m->plain + at, item_bytes);
    }
}

static inline caterva_selection random_selection(const caterva_geometry *g)
{
    caterva_selection selection = {0};
    for (int d = 0; d < g->ndim; d++) {
        selection.step[d] = random_in(0, 1) ? 1 : random_in(1, 4) * (random_in(0, 1) ? 1 : -1);
        if (g->shape[d] == 0) continue;
        int64_t step = selection.step[d];
        bool all = random_in(0, 2) == 0;
        selection.start[d] = all ? (step > 0 ? 0 : g->shape[d] - 1) : random_in(0, g->shape[d] - 1);
        int64_t most =
            step > 0 ? (g->shape[d] - 1 - selection.start[d]) / step + 1 : selection.start[d] / -step + 1;
        selection.count[d] = all ? most : random_in(random_in(0, 9) ? 1 : 0, most);
    }
    return selection;
}

/** Memory for a selection, its axes in any order and direction; exact, for the sanitizer. */
typedef struct memory_box {
    uint8_t *bytes; /* owned */
    uint8_t *first;
    int64_t strides[CATERVA_MAX_NDIM];
    size_t size;
} memory_box;

typedef enum box_order { BOX_C_ORDER, BOX_ANY_ORDER, BOX_BROADCAST } box_order;

static inline memory_box box_make(int ndim, const int64_t *counts, int64_t item_bytes, box_order order)
{
    memory_box box = {0};
    int axes[CATERVA_MAX_NDIM];
    int64_t stride = item_bytes, first = 0;
    for (int i = 0; i < ndim; i++) {
        int other = order == BOX_C_ORDER ? i : (int)random_in(0, i);
        axes[i] = axes[other];
        axes[other] = i;
    }
    for (int i = ndim - 1; i >= 0; i--) {
        int d = axes[i];
        if (order == BOX_BROADCAST && random_in(0, 1)) continue; /* stride 0 */
        bool backward = order != BOX_C_ORDER && random_in(0, 3) == 0 && counts[d] > 0;
        box.strides[d] = backward ? -stride : stride;
        if (backward) first += (counts[d] - 1) * stride;
        stride *= counts[d];
    }
    box.size = (size_t)stride;
    box.bytes = need(malloc(box.size ? box.size : 1));
    random_bytes(box.bytes, box.size);
    box.first = box.bytes + first;
    return box;
}

static inline box_order random_order(void)
{
    return random_in(0, 1) ? BOX_C_ORDER : BOX_ANY_ORDER;
}

/** Write random items, or a few distinct ones that compress, to a random selection of both. */
static inline void model_write(model *m)
{
    const caterva_geometry *g = &m->options.geometry;
    caterva_selection selection = random_selection(g);
    memory_box box = box_make(g->ndim, selection.count, g->item_bytes, (box_order)random_in(0, 2));
    if (random_in(0, 1)) memset(box.bytes, (int)random_in(0, 2), box.size);
    CHECK_OK(caterva_array_write(m->array, &selection, box.first, box.strides));
    plain_copy(m, &selection, NULL, box.strides, box.first);
    free(box.bytes);
}

/** True if a selection reads as the plain array says, and no byte else of the memory changes. */
static inline bool selection_is_right(const model *m, caterva_array *array,
                                      const caterva_selection *selection, box_order order)
{
    const caterva_geometry *g = &m->options.geometry;
    memory_box got = box_make(g->ndim, selection->count, g->item_bytes, order);
    uint8_t *expected = need(malloc(got.size ? got.size : 1));
    memcpy(expected, got.bytes, got.size);
    plain_copy(m, selection, expected + (got.first - got.bytes), got.strides, NULL);
    int status = caterva_array_read(array, selection, got.first, got.strides);
    if (status < 0) fprintf(stderr, "read gave %d: %s\n", status, blosc2_last_error());
    bool right = status == BLOSC2_OK && memcmp(expected, got.bytes, got.size) == 0;
    free(expected);
    free(got.bytes);
    return right;
}

/** True if the whole array and some selections of it read as the plain array says. */
static inline bool array_is_right(const model *m, caterva_array *array)
{
    caterva_selection all = whole(&m->options.geometry);
    bool right = selection_is_right(m, array, &all, random_order());
    for (int i = 0; i < 8 && right; i++) {
        caterva_selection some = random_selection(&m->options.geometry);
        right = selection_is_right(m, array, &some, random_order());
    }
    return right;
}

static inline caterva_geometry random_geometry(void)
{
    static const int32_t sizes[] = {1, 2, 3, 4, 8, 16, 300};
    caterva_geometry g = {.ndim = (int)random_in(0, MODEL_MAX_NDIM), .item_bytes = sizes[random_in(0, 6)]};
    for (int d = 0; d < g.ndim; d++) {
        g.shape[d] = random_in(0, 30) ? random_in(1, g.ndim > 2 ? 9 : 40) : 0;
        if (random_in(0, 5) == 0) g.shape[d] = 1;
        g.chunks[d] = (int32_t)random_in(1, g.shape[d] + 3);
        g.blocks[d] = (int32_t)random_in(1, g.chunks[d]);
    }
    return g;
}

static inline blosc2_cparams random_cparams(int32_t item_bytes)
{
    static const int codecs[] = {BLOSC2_BLOSCLZ, BLOSC2_LZ4, BLOSC2_LZ4HC, BLOSC2_ZLIB, BLOSC2_ZSTD};
    blosc2_cparams cparams = blosc2_cparams_default(item_bytes);
    cparams.codec = codecs[random_in(0, 4)];
    cparams.clevel = (int)random_in(0, 9);
    cparams.split = (int)random_in(1, 4);
    int filter = (int)random_in(0, 3);
    cparams.filters[5] = (uint8_t)(filter == 3 ? BLOSC2_SHUFFLE : filter);
    if (filter == 3) cparams.filters[4] = BLOSC2_DELTA;
    return cparams;
}

static inline caterva_options random_options(void)
{
    caterva_options options = {
        .geometry = random_geometry(), .dtype = "|V1", .threads = (int)random_in(1, 3)};
    options.cache_bytes = random_in(0, 1) * random_in(0, 20000);
    options.cparams = random_cparams(options.geometry.item_bytes);
    return options;
}

static inline model model_make(const caterva_options *options)
{
    const caterva_geometry *g = &options->geometry;
    model m = {.options = *options};
    m.plain_bytes = (size_t)(count_items(g->ndim, g->shape) * g->item_bytes);
    m.plain = need(calloc(1, m.plain_bytes ? m.plain_bytes : 1));
    CHECK_OK(caterva_array_create(options, &m.array));
    if (!m.array) exit(1);
    return m;
}

static inline void model_free(model *m)
{
    caterva_array_free(m->array);
    free(m->plain);
}

/** An array in memory with random content, committed. */
static inline model model_filled(const caterva_options *options)
{
    model m = model_make(options);
    for (int i = 0; i < 3; i++) model_write(&m);
    CHECK_OK(caterva_array_commit(m.array));
    return m;
}

#endif
