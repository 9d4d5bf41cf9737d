/**
 * Workers: what one thread needs to read and write blocks. An array keeps those of past calls for the next
 * ones, so that a small request allocates nothing.
 */
#ifndef CAT_WORKER_H
#define CAT_WORKER_H

#include <stddef.h>
#include <stdint.h>

#include "caterva.h"

enum { CAT_MAX_THREADS = 64 }; /* of one call */

/** Memory that grows and does not keep its content; `{0}` is empty. */
typedef struct cat_scratch {
    uint8_t *bytes;
    size_t capacity;
} cat_scratch;

/** Make room for `bytes` bytes. @return BLOSC2_OK or BLOSC2_E_MEMORY. */
int cat_scratch_reserve(cat_scratch *scratch, int64_t bytes);

void cat_scratch_free(cat_scratch *scratch);

typedef struct cat_worker {
    struct cat_worker *next; /* in the pool */
    blosc2_workspace *workspace;
    blosc2_builder *builder; /* NULL until the first write */
    cat_scratch block;       /* a block between chunk and memory */
    cat_scratch list;        /* int32: the blocks that a view must have */
    cat_scratch chunk;       /* a whole chunk, where one must be decoded at once; not kept between calls */
} cat_worker;

/** Workers at rest. */
typedef struct cat_worker_pool {
    blosc2_lock *lock; /* owned by who owns the pool */
    cat_worker *first;
} cat_worker_pool;

/** Release the workers; nobody else may use the pool. */
void cat_worker_pool_empty(cat_worker_pool *pool);

/** The workers of one call, taken from the pool when their thread first asks; `{.pool = ...}` is empty. */
typedef struct cat_crew {
    cat_worker_pool *pool;
    cat_worker *workers[CAT_MAX_THREADS];
} cat_crew;

/** Worker of thread `thread`, 0 <= thread < CAT_MAX_THREADS. @return BLOSC2_OK or BLOSC2_E_MEMORY. */
int cat_crew_get(cat_crew *crew, int thread, cat_worker **out);

/**
 * Give a worker its builder, if it has none yet. An opened file may ask for a codec or filter that can be
 * neither checked nor written here, though chunks with others can be read: BLOSC2_E_UNSUPPORTED.
 */
int cat_worker_need_builder(cat_worker *worker, const blosc2_cparams *cparams);

/** Return all to the pool. */
void cat_crew_dismiss(cat_crew *crew);

#endif
