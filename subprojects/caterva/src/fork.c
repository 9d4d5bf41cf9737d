/**
 * Arrays in a child after fork().
 *
 * The child has a copy of each array as it was at that instant, whatever the threads that are gone were doing
 * to it. What readers share is set right here. What a writer was changing cannot be: the array is lost, and
 * is left alone for good, for its file is the parent's to write, and its structures may be half-made.
 */
#include "internal.h"

#if defined(_MSC_VER) && !defined(__clang__)
#define THREAD_LOCAL __declspec(thread)
#else
#define THREAD_LOCAL _Thread_local
#endif

const void *cat_this_thread(void)
{
    static THREAD_LOCAL char here; /* the thread that forks keeps its address in the child */
    return &here;
}

static bool is_in_files(const caterva_array *array)
{
    blosc2_home home = blosc2_schunk_home(array->schunk);
    return home == BLOSC2_HOME_FILE || home == BLOSC2_HOME_DIRECTORY;
}

/** The array's locks have been freed. */
static void after_fork(void *context)
{
    caterva_array *array = context;
    if (array->lost) return;
    atomic_flag_clear(&array->geometry_taken);
    bool was_changed = blosc2_lock_lost(array->lock) == BLOSC2_LOST_OWNER;
    bool had_readers = blosc2_lock_lost(array->lock) == BLOSC2_LOST_READERS;
    if (had_readers || blosc2_lock_lost(array->cache.lock) != BLOSC2_LOST_NONE)
        cat_cache_abandon(&array->cache); /* slots would stay pinned */
    if (blosc2_lock_lost(array->workers.lock) != BLOSC2_LOST_NONE) array->workers.first = NULL;
    /* A change that is open between two calls is whole. In memory it goes on in the child if the thread does;
       in files it is the parent's. */
    bool is_open = !was_changed && blosc2_schunk_changing(array->schunk);
    array->lost = was_changed || (is_open && is_in_files(array));
    if (array->lost && is_in_files(array)) blosc2_schunk_leave_to_parent(array->schunk);
    if (is_open && !array->lost && array->changer != cat_this_thread()) caterva_array_rollback(array);
}

void cat_array_watch_forks(caterva_array *array)
{
    array->forked = (blosc2_fork_watch){.run = after_fork, .context = array};
    blosc2_fork_watch_add(&array->forked);
}

bool caterva_array_is_lost(const caterva_array *array)
{
    return array->lost;
}
