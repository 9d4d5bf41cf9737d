/**
 * What is done with an array of unknown origin, and must hold: slices are those of the whole; what is
 * written, resized, written out and opened again reads as it should. For fuzz_array.c and
 * fuzz_sparse.c.
 */
#ifndef CAT_FUZZ_EXERCISE_H
#define CAT_FUZZ_EXERCISE_H

#include "caterva.h"
#include "fuzz.h"

enum { CONTENT_MAX = 1 << 16, CHUNK_MAX = 1 << 20, COUNT_MAX = 256, SLICES = 3 };

typedef struct choices {
    const uint8_t *data;
    size_t left;
} choices;

/** The next choice, 0 <= choice < count. */
static inline int64_t choose(choices *from, int64_t count)
{
    return from->left ? from->data[--from->left] % count : 0;
}

static inline int64_t content_bytes(const caterva_geometry *geometry)
{
    int64_t bytes = geometry->item_bytes;
    for (int d = 0; d < geometry->ndim; d++)
        if (geometry->shape[d] == 0) return 0;
    for (int d = 0; d < geometry->ndim && bytes <= CONTENT_MAX; d++) {
        if (geometry->shape[d] > CONTENT_MAX) return INT64_MAX;
        bytes *= geometry->shape[d];
    }
    return bytes;
}

static inline bool is_small(const caterva_array *array)
{
    const blosc2_schunk *schunk = caterva_array_schunk(array);
    return content_bytes(caterva_array_geometry(array)) <= CONTENT_MAX &&
           blosc2_schunk_chunk_bytes(schunk) <= CHUNK_MAX && blosc2_schunk_chunk_count(schunk) <= COUNT_MAX;
}

static inline caterva_selection select_all(const caterva_geometry *geometry)
{
    caterva_selection all = {.start = {0}};
    for (int d = 0; d < geometry->ndim; d++) {
        all.count[d] = geometry->shape[d];
        all.step[d] = 1;
    }
    return all;
}

/** Of an array that has items. */
static inline caterva_selection select_some(const caterva_geometry *geometry, choices *from)
{
    caterva_selection some = {.start = {0}};
    for (int d = 0; d < geometry->ndim; d++) {
        int64_t step = 1 + choose(from, 3), start = choose(from, geometry->shape[d]);
        int64_t most = (geometry->shape[d] - 1 - start) / step + 1;
        some.count[d] = 1 + choose(from, most);
        some.step[d] = step;
        some.start[d] = start;
        if (choose(from, 2)) { /* the same items, from the last to the first */
            some.start[d] = start + (some.count[d] - 1) * step;
            some.step[d] = -step;
        }
    }
    return some;
}

/** Strides of a C-ordered box; returns its items. */
static inline int64_t box_strides(const caterva_geometry *geometry, const caterva_selection *box,
                                  int64_t *strides)
{
    int64_t items = 1;
    for (int d = geometry->ndim - 1; d >= 0; d--) {
        strides[d] = items * geometry->item_bytes;
        items *= box->count[d];
    }
    return items;
}

/** Where item `n` of a selection lies in the content of the whole array. */
static inline uint8_t *item_of(const caterva_geometry *geometry, const caterva_selection *box, int64_t n,
                               uint8_t *content)
{
    int64_t stride = geometry->item_bytes;
    for (int d = geometry->ndim - 1; d >= 0; d--) {
        content += (box->start[d] + n % box->count[d] * box->step[d]) * stride;
        n /= box->count[d];
        stride *= geometry->shape[d];
    }
    return content;
}

static inline int read_box(caterva_array *array, const caterva_selection *box, uint8_t *out)
{
    int64_t strides[CATERVA_MAX_NDIM];
    box_strides(caterva_array_geometry(array), box, strides);
    return caterva_array_read(array, box, out, strides);
}

static inline void check_content(caterva_array *array, const uint8_t *content, size_t bytes)
{
    caterva_selection all = select_all(caterva_array_geometry(array));
    uint8_t *found = fuzz_alloc(bytes);
    MUST(read_box(array, &all, found) == BLOSC2_OK);
    MUST(memcmp(found, content, bytes) == 0);
    free(found);
}

static inline void check_slice(caterva_array *array, uint8_t *content, choices *from)
{
    const caterva_geometry *geometry = caterva_array_geometry(array);
    caterva_selection some = select_some(geometry, from);
    int64_t strides[CATERVA_MAX_NDIM], items = box_strides(geometry, &some, strides);
    size_t item_bytes = (size_t)geometry->item_bytes;
    uint8_t *found = fuzz_alloc((size_t)items * item_bytes);
    MUST(read_box(array, &some, found) == BLOSC2_OK);
    for (int64_t n = 0; n < items; n++)
        MUST(memcmp(found + (size_t)n * item_bytes, item_of(geometry, &some, n, content), item_bytes) == 0);
    free(found);
}

/** True if the filters for new chunks keep every bit. */
static inline bool is_lossless(const caterva_array *array)
{
    const blosc2_cparams *cparams = blosc2_schunk_cparams(caterva_array_schunk(array));
    for (int i = 0; i < BLOSC2_MAX_FILTERS; i++)
        if (cparams->filters[i] == BLOSC2_TRUNC_PREC || cparams->filters[i] == BLOSC2_INT_TRUNC) return false;
    return true;
}

/** Write a slice, and into `content` if that works: padding that nobody has read can be broken. */
static inline void write_slice(caterva_array *array, uint8_t *content, choices *from)
{
    const caterva_geometry *geometry = caterva_array_geometry(array);
    caterva_selection some = select_some(geometry, from);
    int64_t strides[CATERVA_MAX_NDIM], items = box_strides(geometry, &some, strides);
    size_t item_bytes = (size_t)geometry->item_bytes, bytes = (size_t)items * item_bytes;
    uint8_t *written = fuzz_alloc(bytes);
    for (size_t i = 0; i < bytes; i++) written[i] = (uint8_t)(i * 7 + bytes);
    if (caterva_array_write(array, &some, written, strides) == BLOSC2_OK)
        for (int64_t n = 0; n < items; n++)
            memcpy(item_of(geometry, &some, n, content), written + (size_t)n * item_bytes, item_bytes);
    free(written);
}

static inline void check_reopened(caterva_array *array, const uint8_t *content, size_t size)
{
    uint8_t *bytes;
    size_t frame_bytes;
    caterva_array *again;
    int status = caterva_array_to_bytes(array, &bytes, &frame_bytes);
    if (status == BLOSC2_E_CORRUPT || status == BLOSC2_E_UNSUPPORTED || status == BLOSC2_E_LIMIT)
        return; /* padding that nobody has read can be broken, and has no checksum */
    if (status == BLOSC2_E_CHANGED && blosc2_schunk_recovery(caterva_array_schunk(array)))
        return; /* of a damaged file it is not known who has damaged it */
    MUST(status == BLOSC2_OK);
    MUST(caterva_array_from_bytes(bytes, frame_bytes, &again) == BLOSC2_OK);
    caterva_array_set_cache_bytes(again, 0);
    MUST(memcmp(caterva_array_geometry(array), caterva_array_geometry(again), sizeof(caterva_geometry)) == 0);
    MUST(strcmp(caterva_array_dtype(array), caterva_array_dtype(again)) == 0);
    check_content(again, content, size);
    caterva_array_free(again);
    blosc2_bytes_free(bytes);
}

/** Copy what two C-ordered boxes of the same number of axes have in common, from one to the other. */
static inline void copy_common(const caterva_geometry *from, const uint8_t *in, const caterva_geometry *to,
                               uint8_t *out)
{
    caterva_selection common = {.start = {0}};
    int64_t items = 1;
    for (int d = 0; d < from->ndim; d++) {
        common.count[d] = from->shape[d] < to->shape[d] ? from->shape[d] : to->shape[d];
        common.step[d] = 1;
        items *= common.count[d];
    }
    for (int64_t n = 0; n < items; n++)
        memcpy(item_of(to, &common, n, out), item_of(from, &common, n, (uint8_t *)in),
               (size_t)from->item_bytes);
}

/** Resize by some items on each axis; what was there before is there still. */
static inline void check_resize(caterva_array *array, const uint8_t *content, choices *from)
{
    caterva_geometry old = *caterva_array_geometry(array);
    int64_t shape[CATERVA_MAX_NDIM] = {0};
    for (int d = 0; d < old.ndim; d++) {
        shape[d] = old.shape[d] + choose(from, 9) - 4;
        if (shape[d] < 0) shape[d] = 0;
    }
    int status = caterva_array_resize(array, shape);
    const caterva_geometry *fresh = caterva_array_geometry(array);
    if (status < 0) {
        MUST(memcmp(fresh, &old, sizeof old) == 0);
        return;
    }
    MUST(memcmp(fresh->shape, shape, sizeof shape) == 0);
    if (!is_small(array)) return;
    size_t bytes = (size_t)content_bytes(fresh);
    caterva_selection all = select_all(fresh);
    uint8_t *found = fuzz_alloc(bytes), *expected = fuzz_alloc(bytes);
    MUST(read_box(array, &all, found) == BLOSC2_OK);
    memcpy(expected, found, bytes);
    copy_common(&old, content, fresh, expected);
    MUST(memcmp(found, expected, bytes) == 0);
    check_reopened(array, found, bytes);
    free(expected);
    free(found);
}

/** A metalayer can be set and read, whatever the others are, unless there are too many. */
static inline void check_layer(caterva_array *array)
{
    const blosc2_metalayer layer = {"fuzz", (const uint8_t *)"content", 7};
    uint8_t *content;
    int32_t bytes;
    if (caterva_array_set_layer(array, BLOSC2_LAYER_VARIABLE, &layer) < 0) return;
    MUST(caterva_array_layer(array, BLOSC2_LAYER_VARIABLE, "fuzz", &content, &bytes) == BLOSC2_OK);
    MUST(bytes == 7 && memcmp(content, "content", 7) == 0);
    blosc2_bytes_free(content);
}

/** All of it, of an array that can be changed. */
static inline void exercise(caterva_array *array, const uint8_t *data, size_t size)
{
    if (!is_small(array)) return;
    choices from = {data, size};
    size_t bytes = (size_t)content_bytes(caterva_array_geometry(array));
    caterva_selection all = select_all(caterva_array_geometry(array));
    uint8_t *content = fuzz_alloc(bytes);
    if (read_box(array, &all, content) == BLOSC2_OK) {
        for (int i = 0; i < SLICES && bytes; i++) check_slice(array, content, &from);
        if (bytes && is_lossless(array)) write_slice(array, content, &from);
        check_content(array, content, bytes);
        check_layer(array);
        check_reopened(array, content, bytes);
        check_resize(array, content, &from);
    }
    free(content);
}

#endif
