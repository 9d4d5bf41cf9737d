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

void caterva_array_inherit_doubt(caterva_array *array, caterva_array *from)
{
    blosc2_lock_share(from->lock);
    bool in_doubt = blosc2_schunk_layers_in_doubt(from->schunk);
    blosc2_lock_release(from->lock);
    cat_array_own(array);
    if (in_doubt) blosc2_schunk_doubt_layers(array->schunk);
    blosc2_lock_release(array->lock);
}

int caterva_array_adopt(caterva_array *array, blosc2_progress_fn *progress, void *context)
{
    cat_change change;
    cat_array_own(array);
    int status = cat_change_enter(array, &change);
    if (status == BLOSC2_OK) {
        status = blosc2_schunk_adopt(array->schunk, progress, context);
        status = cat_change_leave(array, change, status);
    }
    blosc2_lock_release(array->lock);
    return status;
}

int caterva_array_check_copies(caterva_array *array, blosc2_note_fn *note, void *context, bool *twice)
{
    cat_array_own(array);
    int status = blosc2_schunk_check_copies(array->schunk, note, context, twice);
    blosc2_lock_release(array->lock);
    return status;
}

int caterva_array_repair(caterva_array *array, blosc2_mend accepted, bool *is_other)
{
    bool changed;
    cat_array_own(array);
    int status = blosc2_schunk_repair(array->schunk, accepted);
    array->is_mended = status == BLOSC2_OK;
    if (array->is_mended && blosc2_schunk_refresh(array->schunk, &changed) != BLOSC2_E_CHANGED)
        array->is_mended = false; /* here, too */
    *is_other = array->is_mended;
    blosc2_lock_release(array->lock);
    return status;
}
