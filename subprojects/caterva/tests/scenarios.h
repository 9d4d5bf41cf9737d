/**
 * Changes of an array, step by step, each beside a plain model that says what it must hold afterwards: what
 * crashes and failures at any place of them may leave is the state before or after a step.
 */
#ifndef CAT_TESTS_SCENARIOS_H
#define CAT_TESTS_SCENARIOS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "caterva.h"
#include "check.h"

enum {
    MODEL_ITEMS = 1024, /* most items of the array */
    LAYER_BYTES = 9000, /* most bytes of its variable metalayer: of one so long, a file has a far copy */
    NOTE_BYTES = 4,     /* of its fixed one */
    STEPS_MAX = 12,
};

/** What an array holds: rows x 1 x columns items of 4 bytes. */
typedef struct plain_model {
    bool exists;
    int64_t rows, columns;
    uint32_t items[MODEL_ITEMS];
    char note[NOTE_BYTES];
    uint8_t layer[LAYER_BYTES];
    int32_t layer_bytes; /* -1: there is none */
} plain_model;

static const uint32_t FILL = 0x01020304;

/** Half smooth, half noise, so that codecs both win and give up. */
static inline uint32_t item_value(int seed, int64_t row, int64_t column)
{
    uint32_t place = (uint32_t)(row * 31 + column + seed * 1009);
    return row % 2 ? place : place * 2654435761u;
}

/* ------------------------------------------------------------------ what arrays are compared with */

static inline int model_shape(const plain_model *m, int64_t *shape)
{
    shape[0] = m->rows;
    shape[1] = 1;
    shape[2] = m->columns;
    return 3;
}

static inline caterva_selection model_box(int64_t row, int64_t rows, int64_t column, int64_t columns)
{
    return (caterva_selection){.start = {row, 0, column}, .count = {rows, 1, columns}, .step = {1, 1, 1}};
}

/** Bytes from item to item of a box in C order. */
static inline void model_strides(int64_t columns, int64_t *strides)
{
    strides[0] = strides[1] = 4 * columns;
    strides[2] = 4;
}

static inline bool same_layer(caterva_array *array, blosc2_layer_kind kind, const char *name,
                              const void *content, int32_t content_bytes)
{
    uint8_t *found;
    int32_t bytes;
    int status = caterva_array_layer(array, kind, name, &found, &bytes);
    if (status < 0) return content_bytes < 0 && status == BLOSC2_E_NOT_FOUND;
    bool same = bytes == content_bytes && memcmp(found, content, (size_t)bytes) == 0;
    blosc2_bytes_free(found);
    return same;
}

/** Whether an array holds what the model says: shape, every item, both metalayers. */
static inline bool model_agrees(const plain_model *m, caterva_array *array)
{
    static uint32_t found[MODEL_ITEMS];
    int64_t shape[CATERVA_MAX_NDIM], strides[CATERVA_MAX_NDIM] = {0};
    int ndim = model_shape(m, shape);
    const caterva_geometry *geometry = caterva_array_geometry(array);
    if (geometry->ndim != ndim) return false;
    for (int d = 0; d < ndim; d++)
        if (geometry->shape[d] != shape[d]) return false;
    caterva_selection all = model_box(0, m->rows, 0, m->columns);
    model_strides(m->columns, strides);
    memset(found, 0xEE, sizeof found);
    if (caterva_array_read(array, &all, found, strides) < 0) return false;
    return memcmp(found, m->items, (size_t)(m->rows * m->columns) * 4) == 0 &&
           same_layer(array, BLOSC2_LAYER_FIXED, "note", m->note, NOTE_BYTES) &&
           same_layer(array, BLOSC2_LAYER_VARIABLE, "layer", m->layer, m->layer_bytes);
}

/** Whether there is at a path what the model says: nothing, if it says so. */
static inline bool model_agrees_at(const plain_model *m, const char *path, blosc2_mode mode)
{
    caterva_array *array;
    int status = caterva_array_open(path, 0, mode, &array);
    if (!m->exists) {
        if (status == BLOSC2_OK) caterva_array_free(array);
        return status == BLOSC2_E_NOT_FOUND;
    }
    if (status < 0) return false;
    bool same = model_agrees(m, array);
    caterva_array_free(array);
    return same;
}

/* ------------------------------------------------------------------ changes of both */

static inline void model_resize(plain_model *m, int64_t rows, int64_t columns)
{
    plain_model old = *m;
    for (int64_t row = 0; row < rows; row++)
        for (int64_t column = 0; column < columns; column++)
            m->items[row * columns + column] =
                row < old.rows && column < old.columns ? old.items[row * old.columns + column] : FILL;
    m->rows = rows;
    m->columns = columns;
}

static inline int array_resize(caterva_array *array, const plain_model *after)
{
    int64_t shape[CATERVA_MAX_NDIM];
    model_shape(after, shape);
    return caterva_array_resize(array, shape);
}

static inline void model_fill_box(plain_model *m, int64_t row, int64_t rows, int64_t column, int64_t columns,
                                  int seed)
{
    for (int64_t r = row; r < row + rows; r++)
        for (int64_t c = column; c < column + columns; c++)
            m->items[r * m->columns + c] = item_value(seed, r, c);
}

/** Give a box of the array the values that the model has there. */
static inline int array_write_box(caterva_array *array, const plain_model *after, int64_t row, int64_t rows,
                                  int64_t column, int64_t columns)
{
    caterva_selection box = model_box(row, rows, column, columns);
    int64_t strides[CATERVA_MAX_NDIM] = {0};
    model_strides(after->columns, strides);
    return caterva_array_write(array, &box, after->items + row * after->columns + column, strides);
}

static inline int array_set_note(caterva_array *array, const plain_model *after)
{
    blosc2_metalayer note = {"note", (const uint8_t *)after->note, NOTE_BYTES};
    return caterva_array_set_layer(array, BLOSC2_LAYER_FIXED, &note);
}

static inline void model_fill_layer(plain_model *m, int32_t bytes, int seed)
{
    m->layer_bytes = bytes;
    for (int32_t i = 0; i < bytes; i++) /* noise: it is stored compressed */
        m->layer[i] = (uint8_t)((uint32_t)(i + seed) * (uint32_t)(i ^ seed) * 2654435761u >> 24);
}

static inline int array_set_layer(caterva_array *array, const plain_model *after)
{
    blosc2_metalayer layer = {"layer", after->layer, after->layer_bytes};
    if (after->layer_bytes < 0) return caterva_array_delete_layer(array, "layer");
    return caterva_array_set_layer(array, BLOSC2_LAYER_VARIABLE, &layer);
}

/* ------------------------------------------------------------------ steps */

typedef enum step_kind {
    STEP_END,
    STEP_CREATE,
    STEP_ITEM,
    STEP_BOX,
    STEP_ALL,
    STEP_GROW_INSIDE, /* of the last chunks: only the header changes, and what was hidden */
    STEP_GROW,
    STEP_SHRINK,
    STEP_EMPTY, /* no rows */
    STEP_APPEND,
    STEP_INSERT,
    STEP_REMOVE,
    STEP_NOTE,
    STEP_LAYER,
    STEP_LAYER_LONGER,
    STEP_LAYER_LONGEST,
    STEP_LAYER_DELETED,
    STEP_TRANSACTION,
    STEP_FLUSH,
    STEP_COMPACT,
} step_kind;

typedef struct scenario_plan {
    const char *name;
    step_kind steps[STEPS_MAX + 1]; /* STEP_END at the end */
} scenario_plan;

static const scenario_plan SCENARIOS[] = {
    {"writes",
     {STEP_CREATE, STEP_ITEM, STEP_BOX, STEP_ALL, STEP_FLUSH, STEP_ITEM, STEP_BOX, STEP_ITEM, STEP_ITEM,
      STEP_ALL, STEP_BOX}},
    {"items", /* of one chunk, which goes round in the space of its earlier ones */
     {STEP_CREATE, STEP_ITEM, STEP_ITEM, STEP_ITEM, STEP_ITEM, STEP_ITEM, STEP_ITEM, STEP_ITEM, STEP_ITEM}},
    {"growth",
     {STEP_CREATE, STEP_GROW_INSIDE, STEP_GROW, STEP_APPEND, STEP_FLUSH, STEP_SHRINK, STEP_ITEM, STEP_EMPTY,
      STEP_GROW, STEP_BOX}},
    {"layers",
     {STEP_CREATE, STEP_NOTE, STEP_LAYER, STEP_LAYER_LONGER, STEP_FLUSH, STEP_NOTE, STEP_LAYER,
      STEP_LAYER_DELETED, STEP_ITEM}},
    {"edits", {STEP_CREATE, STEP_REMOVE, STEP_INSERT, STEP_ITEM, STEP_GROW, STEP_BOX, STEP_FLUSH}},
    {"transactions", {STEP_CREATE, STEP_TRANSACTION, STEP_ITEM, STEP_FLUSH, STEP_TRANSACTION}},
    {"large",
     {STEP_CREATE, STEP_FLUSH, STEP_LAYER_LONGEST, STEP_FLUSH, STEP_ITEM, STEP_EMPTY, STEP_GROW, STEP_FLUSH,
      STEP_LAYER_DELETED, STEP_BOX, STEP_LAYER_LONGEST, STEP_FLUSH}},
    {"compacting",
     {STEP_CREATE, STEP_BOX, STEP_ITEM, STEP_COMPACT, STEP_ITEM, STEP_BOX, STEP_COMPACT, STEP_GROW}},
};
enum { SCENARIO_COUNT = sizeof SCENARIOS / sizeof *SCENARIOS };

/** What the array holds after a step. @param seed The step's number, so that each writes values of its own.
 */
static inline void model_step(plain_model *m, step_kind what, int seed)
{
    plain_model old = *m;
    switch (what) {
    case STEP_CREATE:
        *m = (plain_model){.exists = true, .rows = 10, .columns = 12, .note = "abc", .layer_bytes = -1};
        model_fill_box(m, 0, 10, 0, 12, seed);
        break;
    case STEP_ITEM:
        model_fill_box(m, 3, 1, 4, 1, seed);
        break;
    case STEP_BOX:
        model_fill_box(m, 1, 5, 3, 7, seed);
        break;
    case STEP_ALL:
        model_fill_box(m, 0, m->rows, 0, m->columns, seed);
        break;
    case STEP_GROW_INSIDE:
        model_resize(m, m->rows + 1, m->columns + 2);
        break;
    case STEP_GROW:
        model_resize(m, m->rows + 6, m->columns + 1);
        break;
    case STEP_SHRINK:
        model_resize(m, m->rows - 7, m->columns - 6);
        break;
    case STEP_EMPTY:
        model_resize(m, 0, m->columns);
        break;
    case STEP_APPEND:
        model_resize(m, m->rows + 3, m->columns);
        model_fill_box(m, old.rows, 3, 0, m->columns, seed);
        break;
    case STEP_INSERT: /* a row of chunks before row 4 */
        model_resize(m, m->rows + 4, m->columns);
        memcpy(m->items + 8 * m->columns, old.items + 4 * m->columns,
               (size_t)((old.rows - 4) * m->columns) * 4);
        model_fill_box(m, 4, 4, 0, m->columns, seed);
        break;
    case STEP_REMOVE: /* the first row of chunks */
        memcpy(m->items, old.items + 4 * m->columns, (size_t)((old.rows - 4) * m->columns) * 4);
        m->rows -= 4;
        break;
    case STEP_NOTE:
        m->note[1] = (char)('A' + seed);
        break;
    case STEP_LAYER:
        model_fill_layer(m, 40, seed);
        break;
    case STEP_LAYER_LONGER:
        model_fill_layer(m, 600, seed);
        break;
    case STEP_LAYER_LONGEST:
        model_fill_layer(m, LAYER_BYTES, seed);
        break;
    case STEP_LAYER_DELETED:
        m->layer_bytes = -1;
        break;
    case STEP_TRANSACTION:
        model_resize(m, m->rows + 5, m->columns);
        model_fill_box(m, 2, 8, 1, 6, seed);
        m->note[2] = (char)('a' + seed);
        model_fill_layer(m, 90, seed + 3);
        break;
    case STEP_FLUSH:
    case STEP_COMPACT:
    case STEP_END:
        break;
    }
}

/** Where an array is, and how safe. */
typedef struct array_place {
    const char *path;
    blosc2_home home;
    blosc2_durability durability;
} array_place;

static inline int create_array(caterva_array **array, const array_place *place, const plain_model *after)
{
    blosc2_metalayer note = {"note", (const uint8_t *)after->note, NOTE_BYTES};
    caterva_options options = {.geometry = {.ndim = 3,
                                            .item_bytes = 4,
                                            .shape = {after->rows, 1, after->columns},
                                            .chunks = {4, 1, 5},
                                            .blocks = {2, 1, 3}},
                               .dtype = "<u4",
                               .home = place->home,
                               .path = place->path,
                               .safety = {.durability = place->durability},
                               .cparams = blosc2_cparams_default(4),
                               .fill = CATERVA_FILL_VALUE,
                               .fill_value = &FILL,
                               .metalayers = &note,
                               .metalayer_count = 1,
                               .threads = 1};
    caterva_array *made;
    int status = caterva_array_create(&options, &made);
    if (status < 0) return status;
    status = array_write_box(made, after, 0, after->rows, 0, after->columns);
    if (status == BLOSC2_OK) status = caterva_array_commit(made);
    *array = made; /* released by the caller, who may first ask what has failed */
    return status;
}

static inline int array_edit_rows(caterva_array *array, const plain_model *before, const plain_model *after,
                                  bool inserts)
{
    const caterva_step insert[] = {{CATERVA_STEP_INSERT, 4, 4, 0}, {CATERVA_STEP_WRITE, 4, 4, 0}};
    const caterva_step remove[] = {{CATERVA_STEP_REMOVE, 0, 4, 0}};
    int64_t shape[CATERVA_MAX_NDIM], strides[CATERVA_MAX_NDIM] = {0};
    model_shape(before, shape);
    model_strides(before->columns, strides);
    if (inserts)
        return caterva_array_edit(array, shape, 0, insert, 2, after->items + 4 * after->columns, strides);
    return caterva_array_edit(array, shape, 0, remove, 1, NULL, NULL);
}

/** The parts of one commit. */
static inline int array_change(caterva_array *array, const plain_model *before, const plain_model *after,
                               step_kind what)
{
    int status = caterva_array_begin(array);
    if (status < 0) return status;
    status = array_resize(array, after);
    if (status == BLOSC2_OK && what == STEP_APPEND)
        status = array_write_box(array, after, before->rows, 3, 0, after->columns);
    if (status == BLOSC2_OK && what == STEP_TRANSACTION) {
        status = array_write_box(array, after, 2, 8, 1, 6);
        if (status == BLOSC2_OK) status = array_set_note(array, after);
        if (status == BLOSC2_OK) status = array_set_layer(array, after);
    }
    if (status == BLOSC2_OK) return caterva_array_commit(array);
    caterva_array_rollback(array);
    return status;
}

/** Take a step. @param array Set by STEP_CREATE, which may have failed then. */
static inline int array_step(caterva_array **array, const array_place *place, step_kind what,
                             const plain_model *before, const plain_model *after)
{
    switch (what) {
    case STEP_CREATE:
        return create_array(array, place, after);
    case STEP_ITEM:
        return array_write_box(*array, after, 3, 1, 4, 1);
    case STEP_BOX:
        return array_write_box(*array, after, 1, 5, 3, 7);
    case STEP_ALL:
        return array_write_box(*array, after, 0, after->rows, 0, after->columns);
    case STEP_GROW_INSIDE:
    case STEP_GROW:
    case STEP_SHRINK:
    case STEP_EMPTY:
        return array_resize(*array, after);
    case STEP_INSERT:
        return array_edit_rows(*array, before, after, true);
    case STEP_REMOVE:
        return array_edit_rows(*array, before, after, false);
    case STEP_NOTE:
        return array_set_note(*array, after);
    case STEP_LAYER:
    case STEP_LAYER_LONGER:
    case STEP_LAYER_LONGEST:
    case STEP_LAYER_DELETED:
        return array_set_layer(*array, after);
    case STEP_APPEND:
    case STEP_TRANSACTION:
        return array_change(*array, before, after, what);
    case STEP_FLUSH:
        return caterva_array_flush(*array);
    case STEP_COMPACT:
        return caterva_array_compact(*array);
    case STEP_END:
        break;
    }
    return BLOSC2_OK;
}

#endif
