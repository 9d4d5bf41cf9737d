/**
 * The life of an array of unknown origin, beside a model: it is written, resized, extended, rolled back,
 * compacted, given checksums and opened again; what could be read once is never anything else than what was
 * written. For fuzz_hostile.c.
 */
#ifndef CAT_FUZZ_LIVE_H
#define CAT_FUZZ_LIVE_H

#include "exercise.h"
#include "mutate.h"

enum { CACHE_UNIT = 2048, STEPS_MAX = 6, WRITTEN_MAX = 1 << 14 };

/** What is known of the content. */
typedef struct life {
    caterva_array *array;
    choice_input *in;
    bool is_certain;  /* no chunk shares bytes with another, and no filter drops bits */
    uint8_t *content; /* owned; NULL: it cannot be told */
    size_t bytes;
    bool is_open; /* a change is */
    uint8_t *before;
    size_t before_bytes;
    caterva_geometry geometry_before;
} life;

static inline void ignore_bad(void *context, const blosc2_bad *bad)
{
    (void)context;
    MUST(bad->reason[0] != 0);
}

/** True if a geometry makes few chunks, of few bytes in all: what takes seconds finds nothing that less does
 * not. */
static inline bool is_quick(const caterva_geometry *geometry)
{
    int64_t chunks = 1, bytes = geometry->item_bytes;
    for (int d = 0; d < geometry->ndim; d++) {
        int64_t chunk = geometry->chunks[d] > 0 ? geometry->chunks[d] : 1;
        if (geometry->shape[d] > CONTENT_MAX) return false;
        int64_t count = geometry->shape[d] / chunk + 1;
        chunks *= count;
        bytes *= count * chunk;
        if (chunks > 4 * COUNT_MAX || bytes > 4 * CONTENT_MAX) return false;
    }
    return true;
}

/** True for what a file may do to its reader, and a caller would not want to be told otherwise. */
static inline bool is_lawful(int status)
{
    return status == BLOSC2_OK || status == BLOSC2_E_CORRUPT || status == BLOSC2_E_UNSUPPORTED ||
           status == BLOSC2_E_CODEC || status == BLOSC2_E_LIMIT || status == BLOSC2_E_MEMORY ||
           status == BLOSC2_E_ARGUMENT || status == BLOSC2_E_IO || status == BLOSC2_E_CHANGED ||
           status == BLOSC2_E_NOT_FOUND || status == BLOSC2_E_EXISTS;
}

/** All of an array for free(), or NULL. */
static inline uint8_t *read_whole(caterva_array *array, size_t *bytes, int *status)
{
    *bytes = 0;
    *status = BLOSC2_OK;
    if (!is_small(array)) return NULL;
    caterva_selection all = select_all(caterva_array_geometry(array));
    *bytes = (size_t)content_bytes(caterva_array_geometry(array));
    uint8_t *content = fuzz_alloc(*bytes);
    *status = read_box(array, &all, content);
    MUST(is_lawful(*status));
    if (*status == BLOSC2_OK) return content;
    free(content);
    return NULL;
}

static inline void learn(life *l)
{
    int status;
    free(l->content);
    l->content = read_whole(l->array, &l->bytes, &status);
}

static inline void forget(life *l)
{
    free(l->content);
    l->content = NULL;
}

/** What is there is what the model has. */
static inline void compare(life *l, caterva_array *array)
{
    size_t bytes;
    int status;
    if (!l->content || !l->is_certain) return;
    uint8_t *found = read_whole(array, &bytes, &status);
    MUST(found || status == BLOSC2_OK || status == BLOSC2_E_MEMORY || status == BLOSC2_E_LIMIT);
    if (found) MUST(bytes == l->bytes && memcmp(found, l->content, bytes) == 0);
    free(found);
}

static inline void write_some(life *l)
{
    const caterva_geometry *geometry = caterva_array_geometry(l->array);
    choices from = {l->in->bytes, l->in->left < 64 ? l->in->left : 64};
    for (int d = 0; d < geometry->ndim; d++)
        if (geometry->shape[d] == 0) return;
    if (!is_small(l->array)) return;
    caterva_selection some = select_some(geometry, &from);
    int64_t strides[CATERVA_MAX_NDIM], items = box_strides(geometry, &some, strides);
    size_t item_bytes = (size_t)geometry->item_bytes, bytes = (size_t)items * item_bytes;
    uint8_t *written = fuzz_alloc(bytes), salt = take_byte(l->in);
    for (size_t i = 0; i < bytes; i++) written[i] = salt & 1 ? salt : (uint8_t)((uint32_t)i * 7919 >> 3);
    int status = caterva_array_write(l->array, &some, written, strides);
    MUST(is_lawful(status));
    if (status < 0 && l->is_open) forget(l);
    for (int64_t n = 0; n < items && status == BLOSC2_OK && l->content; n++)
        memcpy(item_of(geometry, &some, n, l->content), written + (size_t)n * item_bytes, item_bytes);
    free(written);
}

/** What two shapes have in common stays. */
static inline void resize_some(life *l)
{
    caterva_geometry old = *caterva_array_geometry(l->array);
    int64_t shape[CATERVA_MAX_NDIM] = {0};
    if (!is_small(l->array)) return;
    for (int d = 0; d < old.ndim; d++) {
        shape[d] = old.shape[d] + take_below(l->in, 9) - 4;
        if (shape[d] < 0) shape[d] = 0;
    }
    caterva_geometry fresh = old;
    memcpy(fresh.shape, shape, sizeof shape);
    if (!is_quick(&fresh)) return;
    int status = caterva_array_resize(l->array, shape);
    MUST(is_lawful(status));
    if (status < 0) {
        if (l->is_open) /* what failed in a change can only be rolled back */
            forget(l);
        else
            MUST(memcmp(&old, caterva_array_geometry(l->array), sizeof old) == 0);
        return;
    }
    uint8_t *content = l->content;
    l->content = NULL;
    learn(l);
    if (content && l->content && l->is_certain) {
        uint8_t *expected = copy_of(l->content, l->bytes);
        copy_common(&old, content, caterva_array_geometry(l->array), expected);
        MUST(memcmp(expected, l->content, l->bytes) == 0);
        free(expected);
    }
    free(content);
}

static int plan_append(void *context, const caterva_geometry *geometry, caterva_edit *out)
{
    static const int64_t still[CATERVA_MAX_NDIM];
    static const uint8_t item[WRITTEN_MAX];
    static caterva_step steps[2];
    int axis = *(const int *)context;
    if (geometry->ndim == 0 || geometry->item_bytes > (int32_t)sizeof item)
        return blosc2_fail(BLOSC2_E_ARGUMENT, "nothing to append to");
    axis %= geometry->ndim;
    steps[0] = (caterva_step){.kind = CATERVA_STEP_RESIZE, .count = geometry->shape[axis] + 3};
    steps[1] = (caterva_step){.kind = CATERVA_STEP_WRITE, .start = geometry->shape[axis], .count = 3};
    *out = (caterva_edit){axis, steps, 2, item, still};
    return BLOSC2_OK;
}

static inline void append_some(life *l)
{
    int axis = (int)take_below(l->in, CATERVA_MAX_NDIM);
    caterva_geometry fresh = *caterva_array_geometry(l->array);
    if (fresh.ndim) fresh.shape[axis % fresh.ndim] += 3;
    if (!is_small(l->array) || !is_quick(&fresh)) return;
    MUST(is_lawful(caterva_array_plan_edit(l->array, plan_append, &axis)));
    learn(l);
}

static inline void change_layers(life *l)
{
    static const uint8_t bytes[512] = {1, 2, 3};
    const blosc2_metalayer layer = {"fuzz", bytes, (int32_t)take_below(l->in, sizeof bytes)};
    if (take_below(l->in, 4))
        MUST(is_lawful(caterva_array_set_layer(l->array, BLOSC2_LAYER_VARIABLE, &layer)));
    else
        MUST(is_lawful(caterva_array_delete_layer(l->array, "fuzz")));
}

static inline void begin(life *l)
{
    if (l->is_open) return;
    l->is_open = caterva_array_begin(l->array) == BLOSC2_OK;
    if (!l->is_open) return;
    l->before = l->content ? copy_of(l->content, l->bytes) : NULL;
    l->before_bytes = l->bytes;
    l->geometry_before = *caterva_array_geometry(l->array);
}

static inline void end(life *l)
{
    if (!l->is_open) return;
    l->is_open = false;
    int status = take_below(l->in, 2) ? caterva_array_commit(l->array) : BLOSC2_E_ARGUMENT;
    MUST(is_lawful(status));
    if (status < 0) { /* a change that cannot be committed may still be open */
        caterva_array_rollback(l->array);
        MUST(memcmp(&l->geometry_before, caterva_array_geometry(l->array), sizeof l->geometry_before) == 0);
        free(l->content);
        l->content = l->before;
        l->bytes = l->before_bytes;
    } else {
        free(l->before);
    }
    l->before = NULL;
}

static inline void step(life *l)
{
    bool changed;
    int kind = take_byte(l->in) % 16;
    if (kind < 5) {
        write_some(l);
    } else if (kind < 7) {
        resize_some(l);
    } else if (kind == 7) {
        append_some(l);
    } else if (kind == 8) {
        change_layers(l);
    } else if (kind == 9) {
        begin(l);
    } else if (kind == 10) {
        end(l);
    } else if (l->is_open) {
        write_some(l);
    } else if (kind == 11) {
        MUST(is_lawful(caterva_array_flush(l->array)));
    } else if (kind == 12) {
        if (is_small(l->array)) MUST(is_lawful(caterva_array_compact(l->array)));
    } else if (kind == 13) {
        if (is_small(l->array)) MUST(is_lawful(caterva_array_adopt(l->array, NULL, NULL)));
    } else {
        MUST(is_lawful(caterva_array_refresh(l->array, &changed)));
    }
    if (l->is_certain) compare(l, l->array);
}

/** Open it, change it, close it, and look again. */
static inline void live(const blosc2_origin *origin, bool is_certain, choice_input *in)
{
    life l = {.in = in};
    blosc2_origin update = *origin;
    update.mode = BLOSC2_UPDATE;
    if (caterva_array_open_origin(&update, &l.array) < 0) return;
    caterva_array_set_cache_bytes(l.array, take_below(in, 4) * CACHE_UNIT);
    l.is_certain = is_certain && is_lossless(l.array);
    learn(&l);
    for (int64_t i = 1 + take_below(in, STEPS_MAX); i > 0; i--) step(&l);
    end(&l);
    caterva_array_free(l.array);
    caterva_array *again;
    int status = caterva_array_open_origin(origin, &again);
    MUST(is_lawful(status));
    if (l.content && l.is_certain)
        MUST(status == BLOSC2_OK || status == BLOSC2_E_LIMIT || status == BLOSC2_E_MEMORY);
    if (status == BLOSC2_OK) {
        caterva_array_set_cache_bytes(again, 0);
        compare(&l, again);
        caterva_array_free(again);
    }
    free(l.content);
}

/* ------------------------------------------------------------------ reading alone */

static inline void read_layers_of(caterva_array *array, blosc2_layer_kind kind)
{
    caterva_name *names;
    int count;
    if (caterva_array_layer_names(array, kind, &names, &count) < 0) return;
    for (int i = 0; i < count; i++) {
        uint8_t *content;
        int32_t bytes;
        if (caterva_array_layer(array, kind, names[i].text, &content, &bytes) == BLOSC2_OK)
            blosc2_bytes_free(content);
    }
    caterva_names_free(names);
}

static inline void verify_all(caterva_array *array)
{
    blosc2_verdict verdict = {0};
    int64_t next = 0, count = blosc2_schunk_chunk_count(caterva_array_schunk(array));
    int status = BLOSC2_OK;
    for (int i = 0; i < COUNT_MAX && next < count && status == BLOSC2_OK; i++)
        status = caterva_array_verify(array, &next, ignore_bad, NULL, &verdict);
    MUST(is_lawful(status));
}

/** Into memory, with other chunks. */
static inline void copy_array(caterva_array *array, const uint8_t *content, size_t bytes, choice_input *in)
{
    const blosc2_schunk *schunk = caterva_array_schunk(array);
    caterva_options options = {.geometry = *caterva_array_geometry(array),
                               .dtype = caterva_array_dtype(array),
                               .home = BLOSC2_HOME_MEMFRAME,
                               .cparams = *blosc2_schunk_cparams(schunk),
                               .threads = 1};
    caterva_array *copy;
    if (take_below(in, 2))
        for (int d = 0; d < options.geometry.ndim; d++) {
            options.geometry.chunks[d] = 1 + (int32_t)take_below(in, 9);
            options.geometry.blocks[d] = 1 + (int32_t)take_below(in, options.geometry.chunks[d]);
        }
    if (!is_quick(&options.geometry)) return;
    int status = caterva_array_copy(array, &options, &copy);
    MUST(is_lawful(status));
    if (status < 0) return;
    caterva_array_set_cache_bytes(copy, 0);
    if (content && is_lossless(array)) check_content(copy, content, bytes);
    caterva_array_free(copy);
}

static inline void read_array(caterva_array *array, choice_input *in)
{
    choices from = {in->bytes, in->left};
    size_t bytes;
    int status;
    int64_t stored;
    caterva_array_set_cache_bytes(array, take_below(in, 4) * CACHE_UNIT);
    read_layers_of(array, BLOSC2_LAYER_FIXED);
    read_layers_of(array, BLOSC2_LAYER_VARIABLE);
    uint8_t *content = read_whole(array, &bytes, &status);
    for (int i = 0; i < SLICES && content && bytes; i++) check_slice(array, content, &from);
    caterva_array_stored_bytes(array, &stored);
    verify_all(array);
    if (content) check_reopened(array, content, bytes);
    if (is_small(array)) copy_array(array, content, bytes, in);
    free(content);
}

#endif
