/**
 * What an array must hold, in plain C arrays, and which of its stored chunks and blocks were damaged: the
 * oracle of lives.c. It follows each change by itself, and asks the library nothing.
 */
#ifndef CAT_TESTS_LIVES_TRUTH_H
#define CAT_TESTS_LIVES_TRUTH_H

#include "model.h"

enum {
    NOTES_MAX = 2, /* fixed metalayers of the user */
    NOTE_BYTES_MAX = 20,
    LAYERS_MAX = 3, /* variable ones */
    LAYER_BYTES_MAX = 3000,
};

/** A metalayer's content is made from these: -1 bytes, there is none. */
typedef struct layer_truth {
    int32_t bytes;
    uint32_t seed;
} layer_truth;

/** FINE: intact. HURT: a byte of it is known to differ. MAYBE: it was hurt, and was changed in part since. */
typedef enum chunk_health { CHUNK_FINE, CHUNK_MAYBE, CHUNK_HURT } chunk_health;

typedef struct truth {
    caterva_geometry geometry;
    uint8_t fill[16];
    uint8_t *items; /* C order, owned */
    int64_t item_count;
    int64_t grid[CATERVA_MAX_NDIM], block_grid[CATERVA_MAX_NDIM];
    int64_t chunk_count, block_count; /* blocks of one chunk */
    uint8_t *chunks;                  /* a chunk_health each; owned with `blocks` */
    uint8_t *blocks;                  /* chunk by chunk: whether reading it may fail */
    layer_truth notes[NOTES_MAX], layers[LAYERS_MAX];
    bool was_sealed; /* of a state of the past */
} truth;

static inline void truth_free(truth *t)
{
    free(t->items);
    free(t->chunks);
    t->items = t->chunks = t->blocks = NULL;
}

/** Count and allocate by the geometry: all chunks intact, items undefined. */
static inline void truth_allocate(truth *t)
{
    const caterva_geometry *g = &t->geometry;
    t->item_count = count_items(g->ndim, g->shape);
    t->chunk_count = t->block_count = 1;
    for (int d = 0; d < g->ndim; d++) {
        t->grid[d] = (g->shape[d] + g->chunks[d] - 1) / g->chunks[d];
        t->block_grid[d] = (g->chunks[d] + g->blocks[d] - 1) / g->blocks[d];
        t->chunk_count *= t->grid[d];
        t->block_count *= t->block_grid[d];
    }
    t->items = need(malloc((size_t)(t->item_count * g->item_bytes) + 1));
    t->chunks = need(calloc((size_t)(t->chunk_count * (t->block_count + 1)) + 1, 1));
    t->blocks = t->chunks + t->chunk_count;
}

static inline void truth_copy(truth *to, const truth *from)
{
    *to = *from;
    truth_allocate(to);
    memcpy(to->items, from->items, (size_t)(from->item_count * from->geometry.item_bytes));
    memcpy(to->chunks, from->chunks, (size_t)(from->chunk_count * (from->block_count + 1)));
}

/** Replace what `to` holds; `from` is spent. */
static inline void truth_take(truth *to, truth *from)
{
    truth_free(to);
    *to = *from;
    from->items = from->chunks = from->blocks = NULL;
}

/* ------------------------------------------------------------------ places */

static inline void unravel(int ndim, const int64_t *counts, int64_t number, int64_t *index)
{
    for (int d = ndim - 1; d >= 0; d--) {
        index[d] = number % counts[d];
        number /= counts[d];
    }
}

static inline int64_t ravel(int ndim, const int64_t *counts, const int64_t *index)
{
    int64_t number = 0;
    for (int d = 0; d < ndim; d++) number = number * counts[d] + index[d];
    return number;
}

/** The block of an item, counted over all chunks. */
static inline int64_t block_of_item(const truth *t, const int64_t *index)
{
    int64_t chunk[CATERVA_MAX_NDIM], block[CATERVA_MAX_NDIM];
    const caterva_geometry *g = &t->geometry;
    for (int d = 0; d < g->ndim; d++) {
        chunk[d] = index[d] / g->chunks[d];
        block[d] = index[d] % g->chunks[d] / g->blocks[d];
    }
    return ravel(g->ndim, t->grid, chunk) * t->block_count + ravel(g->ndim, t->block_grid, block);
}

/** The part of a block inside of the shape. @return False if there is none. */
static inline bool box_of_block(const truth *t, int64_t number, caterva_selection *box)
{
    int64_t chunk[CATERVA_MAX_NDIM], block[CATERVA_MAX_NDIM];
    const caterva_geometry *g = &t->geometry;
    unravel(g->ndim, t->grid, number / t->block_count, chunk);
    unravel(g->ndim, t->block_grid, number % t->block_count, block);
    *box = (caterva_selection){0};
    for (int d = 0; d < g->ndim; d++) {
        int64_t start = chunk[d] * g->chunks[d] + block[d] * g->blocks[d];
        int64_t stop = start + g->blocks[d], end = (chunk[d] + 1) * g->chunks[d];
        if (stop > end) stop = end;
        if (stop > g->shape[d]) stop = g->shape[d];
        if (start >= stop) return false;
        box->start[d] = start;
        box->count[d] = stop - start;
        box->step[d] = 1;
    }
    return true;
}

static inline bool truth_is_intact(const truth *t)
{
    for (int64_t i = 0; i < t->chunk_count; i++)
        if (t->chunks[i] != CHUNK_FINE) return false;
    return true;
}

/* ------------------------------------------------------------------ damage */

/** @param block  -1: all of the chunk. */
static inline void truth_hurt(truth *t, int64_t chunk, int64_t block)
{
    if (chunk < 0 || chunk >= t->chunk_count) return;
    t->chunks[chunk] = CHUNK_HURT;
    for (int64_t i = 0; i < t->block_count; i++)
        if (block < 0 || i == block) t->blocks[chunk * t->block_count + i] = 1;
}

/** The same items may be stored elsewhere, too. */
static inline void doubt_hurt(truth *t)
{
    for (int64_t i = 0; i < t->chunk_count; i++)
        if (t->chunks[i] == CHUNK_HURT) t->chunks[i] = CHUNK_MAYBE;
}

/** Nobody knows which chunks are damaged. */
static inline void truth_doubt(truth *t)
{
    memset(t->chunks, CHUNK_MAYBE, (size_t)t->chunk_count);
    memset(t->blocks, 1, (size_t)(t->chunk_count * t->block_count));
}

/* ------------------------------------------------------------------ changes */

/** Read or write the items of a selection, one by one; memory in C order. */
static inline void truth_move(truth *t, const caterva_selection *selection, uint8_t *out, const uint8_t *in)
{
    const caterva_geometry *g = &t->geometry;
    int64_t items = count_items(g->ndim, selection->count), index[CATERVA_MAX_NDIM];
    size_t bytes = (size_t)g->item_bytes;
    for (int64_t i = 0; i < items; i++) {
        unravel(g->ndim, selection->count, i, index);
        for (int d = 0; d < g->ndim; d++) index[d] = selection->start[d] + index[d] * selection->step[d];
        uint8_t *item = t->items + (size_t)ravel(g->ndim, g->shape, index) * bytes;
        if (in)
            memcpy(item, in + (size_t)i * bytes, bytes);
        else
            memcpy(out + (size_t)i * bytes, item, bytes);
    }
}

/** Whether the chunks that a selection touches are all intact. */
static inline bool selection_is_intact(const truth *t, const caterva_selection *selection)
{
    const caterva_geometry *g = &t->geometry;
    int64_t items = count_items(g->ndim, selection->count), index[CATERVA_MAX_NDIM];
    for (int64_t i = 0; i < items; i++) {
        unravel(g->ndim, selection->count, i, index);
        for (int d = 0; d < g->ndim; d++) index[d] = selection->start[d] + index[d] * selection->step[d];
        if (t->chunks[block_of_item(t, index) / t->block_count] != CHUNK_FINE) return false;
    }
    return true;
}

/** What a write that worked makes of the health of chunks: what it gave whole is intact. */
static inline void truth_heal(truth *t, const caterva_selection *selection)
{
    const caterva_geometry *g = &t->geometry;
    if (truth_is_intact(t)) return;
    int64_t items = count_items(g->ndim, selection->count), index[CATERVA_MAX_NDIM];
    int64_t *given = need(calloc((size_t)(t->chunk_count * t->block_count) + 1, sizeof *given));
    for (int64_t i = 0; i < items; i++) {
        unravel(g->ndim, selection->count, i, index);
        for (int d = 0; d < g->ndim; d++) index[d] = selection->start[d] + index[d] * selection->step[d];
        given[block_of_item(t, index)]++;
    }
    for (int64_t chunk = 0; chunk < t->chunk_count; chunk++) {
        bool is_touched = false, is_whole = true;
        for (int64_t i = chunk * t->block_count; i < (chunk + 1) * t->block_count; i++) {
            caterva_selection box;
            if (!box_of_block(t, i, &box)) continue;
            bool is_given = given[i] == count_items(g->ndim, box.count);
            is_touched |= given[i] > 0;
            is_whole &= is_given;
            if (is_given) t->blocks[i] = 0;
        }
        if (is_touched && is_whole) {
            t->chunks[chunk] = CHUNK_FINE;
            memset(t->blocks + chunk * t->block_count, 0, (size_t)t->block_count);
        } else if (is_touched && t->chunks[chunk] == CHUNK_HURT) {
            t->chunks[chunk] = CHUNK_MAYBE;
        }
    }
    free(given);
}

/** Positions [at, at + inserted) of an axis are new, [at, at + removed) go; then the shape becomes `shape`.
 */
typedef struct truth_shift {
    int axis;
    int64_t at, inserted, removed; /* items; whole chunks */
} truth_shift;

/** Where a position of the new axis was; -1: nowhere. */
static inline int64_t shift_back(const truth_shift *shift, int axis, int64_t position, int64_t unit)
{
    if (!shift || axis != shift->axis || position < shift->at / unit) return position;
    if (position < (shift->at + shift->inserted) / unit) return -1;
    return position - shift->inserted / unit + shift->removed / unit;
}

/** True if a chunk shows another part of itself than before. */
static inline bool shows_another_part(const truth *old, const truth *t, const int64_t *from,
                                      const int64_t *chunk)
{
    for (int d = 0; d < t->geometry.ndim; d++) {
        int64_t bytes = t->geometry.chunks[d];
        int64_t before = old->geometry.shape[d] - from[d] * bytes,
                now = t->geometry.shape[d] - chunk[d] * bytes;
        if ((before < bytes ? before : bytes) != (now < bytes ? now : bytes)) return true;
    }
    return false;
}

/** Give it another shape. @param shift  NULL: axes only get longer or shorter. */
static inline void truth_reshape(truth *t, const int64_t *shape, const truth_shift *shift)
{
    truth old = *t;
    const caterva_geometry *g = &t->geometry;
    size_t bytes = (size_t)g->item_bytes;
    int64_t index[CATERVA_MAX_NDIM], from[CATERVA_MAX_NDIM];
    for (int d = 0; d < g->ndim; d++) t->geometry.shape[d] = shape[d];
    truth_allocate(t);
    for (int64_t i = 0; i < t->item_count; i++) {
        bool was_there = true;
        unravel(g->ndim, g->shape, i, index);
        for (int d = 0; d < g->ndim && was_there; d++) {
            from[d] = shift_back(shift, d, index[d], 1);
            was_there = from[d] >= 0 && from[d] < old.geometry.shape[d];
        }
        memcpy(t->items + (size_t)i * bytes,
               was_there ? old.items + (size_t)ravel(g->ndim, old.geometry.shape, from) * bytes : t->fill,
               bytes);
    }
    for (int64_t i = 0; i < t->chunk_count; i++) {
        bool was_there = true;
        unravel(g->ndim, t->grid, i, index);
        for (int d = 0; d < g->ndim && was_there; d++) {
            from[d] = shift_back(shift, d, index[d], g->chunks[d]);
            was_there = from[d] >= 0 && from[d] < old.grid[d];
        }
        if (!was_there) continue;
        int64_t number = ravel(g->ndim, old.grid, from);
        t->chunks[i] = old.chunks[number];
        memcpy(t->blocks + i * t->block_count, old.blocks + number * t->block_count, (size_t)t->block_count);
        if (t->chunks[i] == CHUNK_HURT && shows_another_part(&old, t, from, index))
            t->chunks[i] = CHUNK_MAYBE;
    }
    truth_free(&old);
}

/* ------------------------------------------------------------------ metalayers */

static inline const char *note_name(int number)
{
    static const char *const names[NOTES_MAX] = {"note", "second note"};
    return names[number];
}

static inline const char *layer_name(int number)
{
    static const char *const names[LAYERS_MAX] = {"one", "two", "a third layer"};
    return names[number];
}

/** Content of a metalayer. It stays until the next call. */
static inline const uint8_t *layer_content(const layer_truth *layer)
{
    static uint8_t content[LAYER_BYTES_MAX];
    for (int32_t i = 0; i < layer->bytes; i++)
        content[i] = (uint8_t)(layer->seed % 3 ? (uint32_t)i * layer->seed >> 7 : layer->seed);
    return content;
}

#endif
