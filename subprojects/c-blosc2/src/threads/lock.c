/**
 * Readers-writer locks of mutex and condition: platforms' own may prefer readers, or writers, or tell
 * neither.
 *
 * Who asks draws a number and is let in when it is his turn, so that none is passed by more than those who
 * asked before him; readers in a row are in together.
 */
#include <stdint.h>

#include "base/memory.h"
#include "blosc2.h"
#include "threads/os.h"

struct blosc2_lock {
    b2_mutex mutex; /* of the fields below */
    b2_condition changed;
    uint64_t drawn, called; /* numbers handed out, and let in: the difference waits */
    int readers;
    bool is_owned;
    blosc2_lost lost;
    blosc2_fork_watch watch;
};

/** In a child after fork(): nobody is in, nobody waits. What mutex and condition were does not matter. */
static void forget_holders(void *context)
{
    blosc2_lock *lock = context;
    lock->lost = lock->is_owned      ? BLOSC2_LOST_OWNER
                 : lock->readers > 0 ? BLOSC2_LOST_READERS
                                     : BLOSC2_LOST_NONE;
    b2_mutex_init(&lock->mutex);
    b2_condition_init(&lock->changed);
    lock->drawn = lock->called = 0;
    lock->readers = 0;
    lock->is_owned = false;
}

int blosc2_lock_create(blosc2_lock **out)
{
    blosc2_lock *lock = b2_calloc(sizeof *lock);
    if (!lock) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a lock");
    b2_mutex_init(&lock->mutex);
    b2_condition_init(&lock->changed);
    lock->watch = (blosc2_fork_watch){.run = forget_holders, .context = lock};
    blosc2_fork_watch_add(&lock->watch);
    *out = lock;
    return BLOSC2_OK;
}

void blosc2_lock_free(blosc2_lock *lock)
{
    if (!lock) return;
    blosc2_fork_watch_remove(&lock->watch);
    b2_condition_deinit(&lock->changed);
    b2_mutex_deinit(&lock->mutex);
    b2_free(lock);
}

void blosc2_lock_share(blosc2_lock *lock)
{
    b2_mutex_lock(&lock->mutex);
    uint64_t number = lock->drawn++;
    while (lock->called != number || lock->is_owned) b2_condition_wait(&lock->changed, &lock->mutex);
    lock->called++;
    lock->readers++;
    if (lock->called != lock->drawn) b2_condition_wake_all(&lock->changed); /* the next may read, too */
    b2_mutex_unlock(&lock->mutex);
}

bool blosc2_lock_try_share(blosc2_lock *lock)
{
    b2_mutex_lock(&lock->mutex); /* held for a few instructions only */
    bool is_free = lock->called == lock->drawn && !lock->is_owned;
    if (is_free) {
        lock->called = ++lock->drawn;
        lock->readers++;
    }
    b2_mutex_unlock(&lock->mutex);
    return is_free;
}

void blosc2_lock_own(blosc2_lock *lock)
{
    b2_mutex_lock(&lock->mutex);
    uint64_t number = lock->drawn++;
    while (lock->called != number || lock->is_owned || lock->readers > 0)
        b2_condition_wait(&lock->changed, &lock->mutex);
    lock->called++;
    lock->is_owned = true;
    b2_mutex_unlock(&lock->mutex);
}

void blosc2_lock_release(blosc2_lock *lock)
{
    b2_mutex_lock(&lock->mutex);
    if (lock->is_owned)
        lock->is_owned = false;
    else if (lock->readers > 0) /* or it was let go of by a fork meanwhile */
        lock->readers--;
    if (lock->readers == 0 && lock->called != lock->drawn) b2_condition_wake_all(&lock->changed);
    b2_mutex_unlock(&lock->mutex);
}

blosc2_lost blosc2_lock_lost(const blosc2_lock *lock)
{
    return lock->lost;
}
