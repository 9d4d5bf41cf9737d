/** Changes of an array, and what else is done to its super-chunk under the array's lock. */
#include <string.h>

#include "internal.h"
#include "metadata.h"

/** The super-chunk has rolled back. */
static void return_to_committed(caterva_array *array)
{
    cat_array_set_geometry(array, &array->committed);
    array->change_failed = false;
}

static void roll_back(caterva_array *array)
{
    if (!blosc2_schunk_changing(array->schunk)) return;
    blosc2_schunk_rollback(array->schunk);
    return_to_committed(array);
}

void cat_array_own(caterva_array *array)
{
    blosc2_lock_own(array->lock);
    long long abandoned = atomic_load_explicit(&array->abandoned, memory_order_relaxed);
    if (!abandoned) return;
    if (abandoned == array->change_number) roll_back(array);
    atomic_store_explicit(&array->abandoned, 0, memory_order_relaxed);
}

static int commit(caterva_array *array)
{
    int status = blosc2_schunk_commit(array->schunk);
    if (status == BLOSC2_OK) {
        array->committed = array->geometry;
    } else if (!blosc2_schunk_changing(array->schunk)) {
        return_to_committed(array);
    }
    return status;
}

int cat_change_enter(caterva_array *array, cat_change *change)
{
    *change = blosc2_schunk_changing(array->schunk) ? CAT_CHANGE_CALLERS : CAT_CHANGE_OURS;
    return *change == CAT_CHANGE_OURS ? blosc2_schunk_begin(array->schunk) : BLOSC2_OK;
}

int cat_change_leave(caterva_array *array, cat_change change, int status)
{
    if (array->lost) return status; /* this is a child that was forked inside of the call: not its change */
    if (change == CAT_CHANGE_CALLERS) {
        if (status < 0) array->change_failed = true;
        return status;
    }
    if (status == BLOSC2_OK) return commit(array);
    blosc2_schunk_rollback(array->schunk);
    return_to_committed(array);
    return status;
}

int caterva_array_begin_change(caterva_array *array, int64_t *number)
{
    cat_array_own(array);
    int status = blosc2_schunk_begin(array->schunk);
    if (status == BLOSC2_OK) {
        array->changer = cat_this_thread();
        *number = ++array->change_number;
    }
    blosc2_lock_release(array->lock);
    return status;
}

int caterva_array_begin(caterva_array *array)
{
    int64_t number;
    return caterva_array_begin_change(array, &number);
}

static int commit_or_roll_back(caterva_array *array)
{
    if (!array->change_failed) return commit(array);
    roll_back(array);
    return blosc2_fail(BLOSC2_E_ARGUMENT, "change: rolled back, as a call inside of it had failed");
}

int caterva_array_commit(caterva_array *array)
{
    cat_array_own(array);
    int status = commit_or_roll_back(array);
    blosc2_lock_release(array->lock);
    return status;
}

/** True if the change of that number is the one that is open. */
static bool is_open(const caterva_array *array, int64_t number)
{
    return number == array->change_number && blosc2_schunk_changing(array->schunk);
}

int caterva_array_commit_change(caterva_array *array, int64_t number)
{
    cat_array_own(array);
    int status = is_open(array, number) ? commit_or_roll_back(array)
                                        : blosc2_fail(BLOSC2_E_ARGUMENT, "change: it has been ended already");
    blosc2_lock_release(array->lock);
    return status;
}

void caterva_array_rollback(caterva_array *array)
{
    cat_array_own(array);
    roll_back(array);
    blosc2_lock_release(array->lock);
}

void caterva_array_rollback_change(caterva_array *array, int64_t number)
{
    cat_array_own(array);
    if (is_open(array, number)) roll_back(array);
    blosc2_lock_release(array->lock);
}

void caterva_array_abandon(caterva_array *array, int64_t number)
{
    atomic_store_explicit(&array->abandoned, number, memory_order_relaxed);
}

int caterva_array_flush(caterva_array *array)
{
    cat_array_own(array);
    int status = blosc2_schunk_flush(array->schunk);
    blosc2_lock_release(array->lock);
    return status;
}

int caterva_array_finish(caterva_array *array)
{
    cat_array_own(array);
    int status = blosc2_schunk_finish(array->schunk);
    blosc2_lock_release(array->lock);
    return status;
}

int caterva_array_compact(caterva_array *array)
{
    cat_array_own(array);
    int status = blosc2_schunk_compact(array->schunk);
    blosc2_lock_release(array->lock);
    return status;
}

int caterva_array_refresh(caterva_array *array, bool *changed)
{
    cat_array_own(array);
    int status = blosc2_schunk_refresh(array->schunk, changed);
    blosc2_lock_release(array->lock);
    return status;
}

int caterva_array_to_bytes(caterva_array *array, uint8_t **bytes, size_t *size)
{
    blosc2_lock_share(array->lock);
    int status = blosc2_schunk_to_bytes(array->schunk, bytes, size);
    blosc2_lock_release(array->lock);
    return status;
}

int caterva_array_stored_bytes(caterva_array *array, int64_t *bytes)
{
    blosc2_lock_share(array->lock);
    int status = blosc2_schunk_stored_bytes(array->schunk, bytes);
    blosc2_lock_release(array->lock);
    return status;
}
