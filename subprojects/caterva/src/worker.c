#include "worker.h"

#include <inttypes.h>
#include <stdlib.h>

int cat_scratch_reserve(cat_scratch *scratch, int64_t bytes)
{
    if ((uint64_t)bytes <= scratch->capacity) return BLOSC2_OK;
    cat_scratch_free(scratch);
    scratch->bytes = malloc((size_t)bytes);
    if (!scratch->bytes) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate %" PRId64 " bytes", bytes);
    scratch->capacity = (size_t)bytes;
    return BLOSC2_OK;
}

void cat_scratch_free(cat_scratch *scratch)
{
    free(scratch->bytes);
    *scratch = (cat_scratch){0};
}

static int create(cat_worker **out)
{
    cat_worker *worker = calloc(1, sizeof *worker);
    if (!worker) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a worker");
    int status = blosc2_workspace_create(&worker->workspace);
    if (status < 0) {
        free(worker);
        return status;
    }
    *out = worker;
    return BLOSC2_OK;
}

static void destroy(cat_worker *worker)
{
    blosc2_workspace_free(worker->workspace);
    blosc2_builder_free(worker->builder);
    cat_scratch_free(&worker->block);
    cat_scratch_free(&worker->list);
    cat_scratch_free(&worker->chunk);
    free(worker);
}

void cat_worker_pool_empty(cat_worker_pool *pool)
{
    while (pool->first) {
        cat_worker *worker = pool->first;
        pool->first = worker->next;
        destroy(worker);
    }
}

int cat_crew_get(cat_crew *crew, int thread, cat_worker **out)
{
    cat_worker **slot = &crew->workers[thread]; /* of this thread alone */
    if (!*slot) {
        blosc2_lock_own(crew->pool->lock);
        *slot = crew->pool->first;
        if (*slot) crew->pool->first = (*slot)->next;
        blosc2_lock_release(crew->pool->lock);
    }
    int status = *slot ? BLOSC2_OK : create(slot);
    if (status == BLOSC2_OK) *out = *slot;
    return status;
}

int cat_worker_need_builder(cat_worker *worker, const blosc2_cparams *cparams)
{
    if (worker->builder) return BLOSC2_OK;
    int status = blosc2_builder_create(cparams, &worker->builder);
    if (status != BLOSC2_E_ARGUMENT) return status;
    return blosc2_fail_within(BLOSC2_E_UNSUPPORTED, "cannot write with this array's parameters");
}

void cat_crew_dismiss(cat_crew *crew)
{
    blosc2_lock_own(crew->pool->lock);
    for (int i = 0; i < CAT_MAX_THREADS; i++) {
        cat_worker *worker = crew->workers[i];
        if (!worker) continue;
        cat_scratch_free(&worker->chunk);
        blosc2_workspace_trim(worker->workspace);
        if (worker->builder) blosc2_builder_trim(worker->builder);
        worker->next = crew->pool->first;
        crew->pool->first = worker;
    }
    blosc2_lock_release(crew->pool->lock);
}
