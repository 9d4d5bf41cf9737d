/**
 * @file caterva.h
 * N-dimensional arrays of fixed-size items, chunked and compressed, in Blosc2 super-chunks.
 *
 * Knows axes, shapes and boxes; everything about bytes is blosc2.h's. Errors, ownership and sizes follow
 * blosc2.h: negative status, message in blosc2_last_error(), outputs set on success only.
 *
 * Threads: an array carries a readers-writer lock, so that any number of threads may read one array, and
 * writers exclude all others. Layout of arrays: docs/format/ndim-metalayers.md.
 */
#ifndef CATERVA_H
#define CATERVA_H

#include <blosc2.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CATERVA_API BLOSC2_API

#define CATERVA_MAX_NDIM 16

/** Results of at least this many bytes are written past the caches where they lie at multiples of 64 bytes.
 */
#define CATERVA_LARGE_BYTES (4 << 20)

typedef struct caterva_array caterva_array;

/** Axes of an array, in C order. Entries from `ndim` on are 0. */
typedef struct caterva_geometry {
    int ndim;                         /**< 0..16 */
    int32_t item_bytes;               /**< 1..2^31 - 1 */
    int64_t shape[CATERVA_MAX_NDIM];  /**< items, >= 0 */
    int32_t chunks[CATERVA_MAX_NDIM]; /**< chunk shape, items; may exceed the shape; 0 only where the shape is
                                         0 */
    int32_t blocks[CATERVA_MAX_NDIM]; /**< block shape, items */
} caterva_geometry;

/**
 * Check a geometry: extents, products without overflow, extended chunk <= BLOSC2_MAX_CHUNK_BYTES, block <=
 * BLOSC2_MAX_BLOCK_BYTES and block <= chunk on every axis. For user arguments (BLOSC2_E_ARGUMENT, the message
 * names axis, value and limit).
 */
CATERVA_API int caterva_geometry_check(const caterva_geometry *geometry);

typedef enum caterva_fill {
    CATERVA_FILL_ZEROS = 0,
    CATERVA_FILL_VALUE = 1,  /**< `fill_value`; all-zero bytes are taken as ZEROS */
    CATERVA_FILL_UNINIT = 2, /**< anything; read as zeros here */
} caterva_fill;

typedef struct caterva_options {
    caterva_geometry geometry;
    const char *dtype; /**< UTF-8, for "b2nd": ndim-metalayers.md 1; "" if unknown */
    blosc2_home home;
    const char *path; /**< NULL in memory */
    blosc2_safety safety;
    blosc2_cparams cparams; /**< its item_bytes equals the geometry's */
    caterva_fill fill;
    const void *fill_value;             /**< item_bytes bytes, or NULL */
    const blosc2_metalayer *metalayers; /**< the user's fixed ones, in order; geometry's own come on top */
    int metalayer_count;
    int threads;         /**< 1.. */
    int64_t cache_bytes; /**< caterva_array_set_cache_bytes() */
} caterva_options;

/**
 * Make an array, every item of it the fill value; special chunks make that cost nothing per item. A change is
 * begun: write what belongs in it, then caterva_array_commit() makes it visible at `path`. Both metalayers,
 * "caterva" and "b2nd", are written, only "b2nd" above 8 axes or 255 bytes an item. A fill value that is not
 * zeros is kept in the variable metalayer "caterva_fill" (msgpack bin) too.
 */
CATERVA_API int caterva_array_create(const caterva_options *options, caterva_array **out);

/** Open a frame with a "b2nd" or "caterva" metalayer ("b2nd" wins). Failures: blosc2_schunk_open_origin(). */
CATERVA_API int caterva_array_open_origin(const blosc2_origin *origin, caterva_array **out);
CATERVA_API int caterva_array_open(const char *path, int64_t offset, blosc2_mode mode, caterva_array **out);
CATERVA_API int caterva_array_from_bytes(const void *bytes, size_t size, caterva_array **out);
CATERVA_API int caterva_array_open_source(blosc2_read_fn *read, void *context, int64_t size,
                                          caterva_array **out);

/** Release; a change that was begun is rolled back. NULL is fine. */
CATERVA_API void caterva_array_free(caterva_array *array);

/**
 * True in a child after fork() if a thread that is gone was changing the array at that instant, or a change
 * was open of an array in files, which the parent ends. Then the array must not be used here, as it may be
 * half-changed: open its file again. Only its home, path, mode, threads and cache bytes can be asked for;
 * releasing it releases nothing, and leaves files alone. Other arrays can be used in the child as before.
 */
CATERVA_API bool caterva_array_is_lost(const caterva_array *array);

/** The geometry, for callers that keep out who would change the array meanwhile. */
CATERVA_API const caterva_geometry *caterva_array_geometry(const caterva_array *array);

/** A copy of the geometry, whole even while another thread changes the array. Never waits for that thread. */
CATERVA_API void caterva_array_get_geometry(caterva_array *array, caterva_geometry *out);

/** The "b2nd" dtype string; "" where the file has none. */
CATERVA_API const char *caterva_array_dtype(const caterva_array *array);

/** The super-chunk below, for reading its properties and metalayers; owned by the array. */
CATERVA_API const blosc2_schunk *caterva_array_schunk(const caterva_array *array);

CATERVA_API int caterva_array_threads(const caterva_array *array);
CATERVA_API void caterva_array_set_threads(caterva_array *array, int threads);

/**
 * Bytes of recently decoded blocks that an array keeps for the next reads; 0 keeps none, less than two blocks
 * neither. Small requests use them, and those alone: ones that touch one block, or an eighth as many bytes.
 */
#define CATERVA_CACHE_BYTES (4 << 20) /* to begin with */
CATERVA_API int64_t caterva_array_cache_bytes(caterva_array *array);
CATERVA_API void caterva_array_set_cache_bytes(caterva_array *array, int64_t bytes);

/** Items start, start + step, ... (count of them) on each axis. */
typedef struct caterva_selection {
    int64_t start[CATERVA_MAX_NDIM]; /**< 0 <= start < shape where count > 0 */
    int64_t count[CATERVA_MAX_NDIM]; /**< >= 0 */
    int64_t step[CATERVA_MAX_NDIM]; /**< not 0, which ends the axes if they are fewer than 16; any sign; start
                                       + (count - 1) * step within the shape */
} caterva_selection;

/**
 * Copy a selection into strided memory.
 *
 * @param out      Address of the selection's first item.
 * @param strides  Bytes from item to item on each axis of the selection; any sign.
 * @return BLOSC2_OK, BLOSC2_E_ARGUMENT (selection), BLOSC2_E_CORRUPT, BLOSC2_E_IO, BLOSC2_E_MEMORY; on
 * failure `out` is undefined.
 */
CATERVA_API int caterva_array_read(caterva_array *array, const caterva_selection *selection, void *out,
                                   const int64_t *strides);

/**
 * caterva_array_read() of a selection that was made for a geometry. Another thread may have given the array
 * another shape meanwhile; then nothing is read, and the selection is to be made again.
 *
 * @param use       BLOSC2_USE_READ; or BLOSC2_USE_CONTENT of items that are stored again: verified whatever
 * the handle's own setting.
 * @param made_for  What caterva_array_get_geometry() gave; axes and shape count.
 * @param is_other  Set to whether the array has other axes or another shape by now.
 */
CATERVA_API int caterva_array_read_of(caterva_array *array, blosc2_use use, const caterva_geometry *made_for,
                                      const caterva_selection *selection, void *out, const int64_t *strides,
                                      bool *is_other);

/**
 * Copy a selection of one item, if that costs no more than a copy: its block is in the cache, and nobody
 * changes the array. It never waits, so that a caller may hold locks of his own (an interpreter's).
 *
 * @param made_for  As above.
 * @param item      A selection of count 1 on every axis.
 * @return True if `out` has the item; else caterva_array_read_of() must be asked.
 */
CATERVA_API bool caterva_array_read_hot(caterva_array *array, const caterva_geometry *made_for,
                                        const caterva_selection *item, void *out);

/**
 * Copy strided memory into a selection: one change (begun and committed here, unless one is open). Blocks
 * that the selection does not touch keep their compressed bytes. On failure the array is as it was.
 *
 * @param strides  As above; 0 on axes along which one item is repeated (broadcasting).
 */
CATERVA_API int caterva_array_write(caterva_array *array, const caterva_selection *selection, const void *in,
                                    const int64_t *strides);

/** What a caller writes where; all is borrowed until the call is over. */
typedef struct caterva_box {
    caterva_selection selection;
    const void *values;     /**< the selection's first item */
    const int64_t *strides; /**< as above */
} caterva_box;

/** Make a box for an array as it is now; else as caterva_plan_fn. */
typedef int caterva_box_fn(void *context, const caterva_geometry *geometry, caterva_box *out);

/**
 * caterva_array_write() of a box that was made for a geometry. Others may have given the array another shape
 * until it is locked: then the box is made again, for what is there.
 *
 * @param made_for  What `box` was made for; NULL: nothing yet, and `box` is NULL.
 */
CATERVA_API int caterva_array_plan_write(caterva_array *array, const caterva_geometry *made_for,
                                         const caterva_box *box, caterva_box_fn *make, void *context);

/**
 * Copy an array into a new one of any chunks, blocks, home and parameters; a change is begun, as by
 * caterva_array_create(). The shape is the source's at that time, whatever `options` has; axes and
 * item_bytes equal the source's. Chunks are taken over as compressed where geometry and parameters agree. The
 * variable metalayers come along; fixed ones are those of `options`.
 */
CATERVA_API int caterva_array_copy(caterva_array *from, const caterva_options *options, caterva_array **out);

/**
 * Give an array another shape, any of its axes longer or shorter: one change. Chunks that stay are neither
 * decoded nor moved in the file. New items have the fill value (zeros if none was given), those too that were
 * cut off before; whole new chunks cost nothing per item.
 *
 * @param shape  Items on each axis, >= 0.
 * @return BLOSC2_OK, BLOSC2_E_ARGUMENT (the shape or its products), BLOSC2_E_CORRUPT, BLOSC2_E_IO,
 * BLOSC2_E_MEMORY; on failure the array is as it was.
 */
CATERVA_API int caterva_array_resize(caterva_array *array, const int64_t *shape);

typedef enum caterva_step_kind {
    CATERVA_STEP_RESIZE = 0, /**< the axis gets `count` items */
    CATERVA_STEP_INSERT = 1, /**< `count` undefined items before `start`: both whole chunks */
    CATERVA_STEP_REMOVE = 2, /**< the `count` items from `start` on: both whole chunks */
    CATERVA_STEP_MOVE = 3,   /**< `count` items from `source` on are copied to `start` on */
    CATERVA_STEP_WRITE = 4,  /**< `count` of the values, from index `source` on, go to `start` on */
} caterva_step_kind;

/** A step of an edit; positions and counts are items along its axis. */
typedef struct caterva_step {
    caterva_step_kind kind;
    int64_t start, count, source;
} caterva_step;

/**
 * Edit an array along one axis, step by step: one change. Chunks that are inserted or removed, and those
 * behind them, are not decoded; items are moved a chunk at a time. An item that a step adds is undefined
 * until a later one moves or writes something there.
 *
 * @param shape    The array's, for which the steps were made: BLOSC2_E_ARGUMENT if it is another by now.
 * @param values   What WRITE takes: as long as the array on the other axes. NULL if there is none.
 * @param strides  Bytes from item to item of the values on each axis; 0 repeats.
 * @return As caterva_array_resize(); on failure the array is as it was.
 */
CATERVA_API int caterva_array_edit(caterva_array *array, const int64_t *shape, int axis,
                                   const caterva_step *steps, int64_t step_count, const void *values,
                                   const int64_t *strides);

/** An edit: its axis, steps, and what WRITE takes, as for caterva_array_edit(). */
typedef struct caterva_edit {
    int axis;
    const caterva_step *steps;
    int64_t step_count; /**< 0: nothing to do */
    const void *values;
    const int64_t *strides;
} caterva_edit;

/**
 * Plan an edit of an array as it is now: called in the change, when no other thread or process can change it,
 * and must call nothing of this array. What it sets `out` to stays until the edit is made. A failure, with
 * its message, becomes that of the call.
 */
typedef int caterva_plan_fn(void *context, const caterva_geometry *geometry, caterva_edit *out);

/** caterva_array_edit() of an array whose shape others may change until it is locked. */
CATERVA_API int caterva_array_plan_edit(caterva_array *array, caterva_plan_fn *plan, void *context);

/**
 * Have what other handles and processes have committed since this one has read or changed the array: shape,
 * items, metalayers. Waits for calls in other threads, not for other processes. No effect within a change,
 * and in memory. Failures: blosc2_schunk_refresh(); BLOSC2_E_CHANGED too if items or number of axes are
 * others.
 * @param changed  Set to whether anything was written.
 */
CATERVA_API int caterva_array_refresh(caterva_array *array, bool *changed);

/**
 * One change, as blosc2_schunk_begin(), _commit(), _rollback(). Calls that change the array begin one by
 * themselves. Where others have committed meanwhile the array has their shape from then on: what it is asked
 * to do is checked against that.
 */
CATERVA_API int caterva_array_begin(caterva_array *array);
CATERVA_API int caterva_array_commit(caterva_array *array);
CATERVA_API void caterva_array_rollback(caterva_array *array);

/**
 * The same of a change that has a number, for one of several owners: it ends its own and no later one.
 * @param number  Set to the number, which the array gives once.
 * @return As above; commit: BLOSC2_E_ARGUMENT too if that change is over already.
 */
CATERVA_API int caterva_array_begin_change(caterva_array *array, int64_t *number);
CATERVA_API int caterva_array_commit_change(caterva_array *array, int64_t number);
CATERVA_API void caterva_array_rollback_change(caterva_array *array, int64_t number);

/** caterva_array_rollback_change() that waits for nobody: done by the next call that changes the array. */
CATERVA_API void caterva_array_abandon(caterva_array *array, int64_t number);

/** blosc2_schunk_flush(), blosc2_schunk_finish() and blosc2_schunk_compact(), under the lock. */
CATERVA_API int caterva_array_flush(caterva_array *array);
CATERVA_API int caterva_array_finish(caterva_array *array);
CATERVA_API int caterva_array_compact(caterva_array *array);

/** A metalayer's name, NUL-terminated. */
typedef struct caterva_name {
    char text[BLOSC2_MAX_NAME_BYTES + 1];
} caterva_name;

/**
 * Names of all metalayers of a kind, in order.
 * @param names  Set to a heap block that the caller releases by caterva_names_free().
 */
CATERVA_API int caterva_array_layer_names(caterva_array *array, blosc2_layer_kind kind, caterva_name **names,
                                          int *count);
CATERVA_API void caterva_names_free(caterva_name *names);

/**
 * Content of a metalayer, decoded; BLOSC2_E_NOT_FOUND if there is none of that name.
 * @param content  Set to a heap block that the caller releases by blosc2_bytes_free().
 */
CATERVA_API int caterva_array_layer(caterva_array *array, blosc2_layer_kind kind, const char *name,
                                    uint8_t **content, int32_t *content_bytes);

/**
 * blosc2_schunk_set_layer(), or for a content that is NULL blosc2_schunk_delete_layer(), of `count` layers
 * under the lock: one change, unless one is open, which then can only be rolled back if this fails half-way.
 */
CATERVA_API int caterva_array_set_layers(caterva_array *array, blosc2_layer_kind kind,
                                         const blosc2_metalayer *layers, int count);

/** The same for one layer. */
CATERVA_API int caterva_array_set_layer(caterva_array *array, blosc2_layer_kind kind,
                                        const blosc2_metalayer *layer);
CATERVA_API int caterva_array_delete_layer(caterva_array *array, const char *name);

/** Delete all variable layers but those that have the name of one of `kept`: one change, as above. */
CATERVA_API int caterva_array_clear_layers(caterva_array *array, const blosc2_metalayer *kept, int count);

/**
 * Say, inside of the change that makes `array`, that its metalayers were taken over from `from`: if they are
 * in doubt there, they are here.
 */
CATERVA_API void caterva_array_inherit_doubt(caterva_array *array, caterva_array *from);

/** blosc2_schunk_verify() and blosc2_schunk_adopt() under the lock; the latter is one change. */
CATERVA_API int caterva_array_verify(caterva_array *array, int64_t *next, blosc2_bad_fn *bad, void *context,
                                     blosc2_verdict *verdict);
CATERVA_API int caterva_array_adopt(caterva_array *array, blosc2_progress_fn *progress, void *context);

/**
 * blosc2_schunk_check_copies() and blosc2_schunk_repair(), under the lock.
 * @param is_other  Set to whether the file is mended, and is an array now that this one cannot be.
 */
CATERVA_API int caterva_array_check_copies(caterva_array *array, blosc2_note_fn *note, void *context,
                                           bool *twice);
CATERVA_API int caterva_array_repair(caterva_array *array, blosc2_mend accepted, bool *is_other);

/**
 * Give the new content of a layer, made from the one that is there.
 * @param content  NULL if there is none.
 * @param out      Its content and content_bytes are to be set, and stay until the call is over; NULL deletes.
 */
typedef int caterva_content_fn(void *context, const uint8_t *content, int32_t content_bytes,
                               blosc2_metalayer *out);

/** Change a variable layer by what is in it: no other thread or process can change it in between. */
CATERVA_API int caterva_array_change_layer(caterva_array *array, const char *name,
                                           caterva_content_fn *content_of, void *context);

/** blosc2_schunk_to_bytes() and blosc2_schunk_stored_bytes() under the lock. */
CATERVA_API int caterva_array_to_bytes(caterva_array *array, uint8_t **bytes, size_t *size);
CATERVA_API int caterva_array_stored_bytes(caterva_array *array, int64_t *bytes);

#ifdef __cplusplus
}
#endif

#endif
