/** Whether an array is stored as it was written. */
#include "internal.h"

static int verify(caterva_array *array, int64_t *next, blosc2_bad_fn *bad, void *context,
                  blosc2_verdict *verdict)
{
    cat_crew crew = {.pool = &array->workers};
    cat_worker *worker;
    int status = cat_array_check_chunks(array);
    if (status == BLOSC2_OK) status = cat_crew_get(&crew, 0, &worker);
    if (status == BLOSC2_OK)
        status = blosc2_schunk_verify(array->schunk, next, worker->workspace, bad, context, verdict);
    cat_crew_dismiss(&crew);
    return status;
}

int caterva_array_verify(caterva_array *array, int64_t *next, blosc2_bad_fn *bad, void *context,
                         blosc2_verdict *verdict)
{
    blosc2_lock_share(array->lock);
    int status = verify(array, next, bad, context, verdict);
    blosc2_lock_release(array->lock);
    return status;
}

int caterva_array_adopt(caterva_array *array, blosc2_progress_fn *progress, void *context)
{
    cat_change change;
    blosc2_lock_own(array->lock);
    int status = cat_change_enter(array, &change);
    if (status == BLOSC2_OK) {
        status = blosc2_schunk_adopt(array->schunk, progress, context);
        status = cat_change_leave(array, change, status);
    }
    blosc2_lock_release(array->lock);
    return status;
}
