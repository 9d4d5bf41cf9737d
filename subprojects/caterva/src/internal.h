/** What an array is made of, and the calls its files share. All of them are made under the array's lock. */
#ifndef CAT_INTERNAL_H
#define CAT_INTERNAL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "cache.h"
#include "caterva.h"
#include "overlap.h"
#include "shape.h"
#include "worker.h"

struct caterva_array {
    blosc2_schunk *schunk; /* owned */
    char *dtype;           /* owned, NUL-terminated */
    caterva_geometry geometry;
    atomic_flag geometry_taken; /* while `geometry` is copied in or out */
    cat_layout layout;          /* of `geometry` */
    caterva_geometry committed; /* what a rollback returns to */
    bool change_failed;         /* a write of the caller's change failed half-way: it must not be committed */
    atomic_int threads;
    blosc2_lock *lock; /* readers and writers of the array */
    blosc2_lock
        *chunks; /* inside of a parallel write: shared by who views chunks, exclusive to replace one */
    cat_worker_pool workers;
    cat_cache cache;        /* blocks of the state that readers see */
    const void *changer;    /* the thread that began the open change: cat_this_thread() */
    int64_t change_number;  /* of the last change that a caller began, from 1 on */
    atomic_llong abandoned; /* number of a change that nobody will end: caterva_array_abandon() */
    bool is_mended;         /* in its file, by a repair that has made it an array that the handle cannot be */
    bool lost;              /* by a fork: caterva_array_is_lost() */
    blosc2_fork_watch forked; /* fork.c */
};

/** Threads of one call. */
static inline int cat_array_threads(const caterva_array *array)
{
    int threads = caterva_array_threads(array);
    return threads < CAT_MAX_THREADS ? threads : CAT_MAX_THREADS;
}

/** True if number of axes and shape are those of a geometry. Under the array's lock. */
static inline bool cat_array_has_shape_of(const caterva_array *array, const caterva_geometry *other)
{
    const cat_layout *layout = &array->layout;
    return other->ndim == layout->ndim &&
           memcmp(other->shape, layout->shape, (size_t)layout->ndim * sizeof *layout->shape) == 0;
}

/** True if others may change the array until a change of it begins: what it has now need not be what is
 * there.
 */
static inline bool cat_array_may_be_stale(const caterva_array *array)
{
    blosc2_home home = blosc2_schunk_home(array->schunk);
    bool is_shared = home == BLOSC2_HOME_FILE || home == BLOSC2_HOME_DIRECTORY;
    return is_shared && !blosc2_schunk_read_only(array->schunk) && !blosc2_schunk_changing(array->schunk);
}

/** True if an item is of zeros. */
static inline bool cat_is_zeros(const uint8_t *item, int64_t item_bytes)
{
    return item[0] == 0 && memcmp(item, item + 1, (size_t)item_bytes - 1) == 0;
}

/** An array over `schunk`, which it owns then. @param dtype  Not terminated. */
int cat_array_new(blosc2_schunk *schunk, const caterva_geometry *geometry, const void *dtype,
                  size_t dtype_bytes, caterva_array **out);

/** Others have changed the array `context`, and `fresh` is what is there now. */
int cat_array_accept_reload(void *context, blosc2_schunk *fresh, blosc2_accept what);

/** Take a checked geometry: array.c. */
void cat_array_set_geometry(caterva_array *array, const caterva_geometry *geometry);

/** A number for the thread that asks, while it lives: fork.c. */
const void *cat_this_thread(void);

/** What happens to the array in a child after fork(): fork.c. */
void cat_array_watch_forks(caterva_array *array);

/** Put the path of an array that has one before the message of a failure; returns `status`: array.c. */
int cat_array_fail_within(const caterva_array *array, int status);

/** BLOSC2_E_LIMIT if chunks are larger than a file may make them: before scratch is taken for one. */
int cat_array_check_chunks(const caterva_array *array);

/* ------------------------------------------------------------------ changes: change.c */

/** Who ends the change that a call works in. */
typedef enum cat_change { CAT_CHANGE_OURS, CAT_CHANGE_CALLERS } cat_change;

/** Take the array's lock to change it. A change that was abandoned is over then. */
void cat_array_own(caterva_array *array);

/** Begin a change unless one is open. */
int cat_change_enter(caterva_array *array, cat_change *change);

/**
 * End it with the work's status: commit or roll back our own; a caller's stays open, but once a piece of work
 * failed in it, it can only be rolled back.
 */
int cat_change_leave(caterva_array *array, cat_change change, int status);

/* ------------------------------------------------------------------ geometry: layers.c, resize.c */

/** Write the shape into the geometry layers that are there, in a change. */
int cat_array_set_shape_layers(caterva_array *array, const int64_t *shape);

/** What becomes of items that are new and lie in chunks that stay. */
typedef enum cat_exposed { CAT_EXPOSED_FILL, CAT_EXPOSED_LEAVE } cat_exposed;

/** caterva_array_resize() to a checked shape inside of a change. LEAVE: new items are undefined. */
int cat_array_resize(caterva_array *array, const int64_t *shape, cat_exposed exposed);

/** Chunk layers [start, start + inserted) of an axis become new, or [start, start + removed) go. */
typedef struct cat_layers {
    int axis;
    int64_t start, inserted, removed; /* chunks */
} cat_layers;

/** Insert or remove chunks on one axis inside of a change; new items are undefined. */
int cat_array_shift(caterva_array *array, const cat_layers *layers);

/* ------------------------------------------------------------------ boxes: read.c, write.c */

/**
 * caterva_array_read() of a checked selection on `threads` threads.
 * @param use  BLOSC2_USE_CONTENT if it is stored again: then nothing unverified is taken, from the cache
 * either.
 */
int cat_array_read(caterva_array *array, blosc2_use use, const caterva_selection *selection, void *out,
                   const int64_t *strides, int threads);

/** caterva_array_write() of a checked selection inside of a change. */
int cat_array_write(caterva_array *array, const caterva_selection *selection, const void *in,
                    const int64_t *strides, int threads);

#endif
