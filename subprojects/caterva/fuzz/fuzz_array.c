/**
 * The input is an array in a frame; its bytes from the end on also choose slices. They are those of the
 * whole, a box is written, and squeezed, written out and opened again the array is the same. Built by
 * ci/fuzz.
 */
#include "caterva.h"
#include "fuzz.h"

enum { CONTENT_MAX = 1 << 16, CHUNK_MAX = 1 << 20, COUNT_MAX = 256, SLICES = 3 };

typedef struct choices {
    const uint8_t *data;
    size_t left;
} choices;

/** The next choice, 0 <= choice < count. */
static int64_t choose(choices *from, int64_t count)
{
    return from->left ? from->data[--from->left] % count : 0;
}

static int64_t content_bytes(const caterva_geometry *geometry)
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

static bool is_small(const caterva_array *array)
{
    const blosc2_schunk *schunk = caterva_array_schunk(array);
    return content_bytes(caterva_array_geometry(array)) <= CONTENT_MAX &&
           blosc2_schunk_chunk_bytes(schunk) <= CHUNK_MAX && blosc2_schunk_chunk_count(schunk) <= COUNT_MAX;
}

static caterva_selection select_all(const caterva_geometry *geometry)
{
    caterva_selection all = {.start = {0}};
    for (int d = 0; d < geometry->ndim; d++) {
        all.count[d] = geometry->shape[d];
        all.step[d] = 1;
    }
    return all;
}

/** Of an array that has items. */
static caterva_selection select_some(const caterva_geometry *geometry, choices *from)
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
static int64_t box_strides(const caterva_geometry *geometry, const caterva_selection *box, int64_t *strides)
{
    int64_t items = 1;
    for (int d = geometry->ndim - 1; d >= 0; d--) {
        strides[d] = items * geometry->item_bytes;
        items *= box->count[d];
    }
    return items;
}

/** Where item `n` of a selection lies in the content of the whole array. */
static uint8_t *item_of(const caterva_geometry *geometry, const caterva_selection *box, int64_t n,
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

static int read_box(caterva_array *array, const caterva_selection *box, uint8_t *out)
{
    int64_t strides[CATERVA_MAX_NDIM];
    box_strides(caterva_array_geometry(array), box, strides);
    return caterva_array_read(array, box, out, strides);
}

static void check_content(caterva_array *array, const uint8_t *content, size_t bytes)
{
    caterva_selection all = select_all(caterva_array_geometry(array));
    uint8_t *found = fuzz_alloc(bytes);
    MUST(read_box(array, &all, found) == BLOSC2_OK);
    MUST(memcmp(found, content, bytes) == 0);
    free(found);
}

static void check_slice(caterva_array *array, uint8_t *content, choices *from)
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
static bool is_lossless(const caterva_array *array)
{
    const blosc2_cparams *cparams = blosc2_schunk_cparams(caterva_array_schunk(array));
    for (int i = 0; i < BLOSC2_MAX_FILTERS; i++)
        if (cparams->filters[i] == BLOSC2_TRUNC_PREC || cparams->filters[i] == BLOSC2_INT_TRUNC) return false;
    return true;
}

/** Write a slice, and into `content` if that works: padding that nobody has read can be broken. */
static void write_slice(caterva_array *array, uint8_t *content, choices *from)
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

static void check_reopened(caterva_array *array, const uint8_t *content, size_t size)
{
    uint8_t *bytes;
    size_t frame_bytes;
    caterva_array *again;
    MUST(caterva_array_to_bytes(array, &bytes, &frame_bytes) == BLOSC2_OK);
    MUST(caterva_array_from_bytes(bytes, frame_bytes, &again) == BLOSC2_OK);
    MUST(memcmp(caterva_array_geometry(array), caterva_array_geometry(again), sizeof(caterva_geometry)) == 0);
    MUST(strcmp(caterva_array_dtype(array), caterva_array_dtype(again)) == 0);
    check_content(again, content, size);
    caterva_array_free(again);
    blosc2_bytes_free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    caterva_array *array;
    if (caterva_array_from_bytes(data, size, &array) < 0) return 0;
    if (is_small(array)) {
        choices from = {data, size};
        size_t bytes = (size_t)content_bytes(caterva_array_geometry(array));
        caterva_selection all = select_all(caterva_array_geometry(array));
        uint8_t *content = fuzz_alloc(bytes);
        if (read_box(array, &all, content) == BLOSC2_OK) {
            for (int i = 0; i < SLICES && bytes; i++) check_slice(array, content, &from);
            if (bytes && is_lossless(array)) write_slice(array, content, &from);
            check_content(array, content, bytes);
            if (caterva_array_squeeze(array) == BLOSC2_OK) check_content(array, content, bytes);
            check_reopened(array, content, bytes);
        }
        free(content);
    }
    caterva_array_free(array);
    return 0;
}
