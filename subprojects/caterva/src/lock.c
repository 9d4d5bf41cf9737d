#include "lock.h"

#include "caterva.h"

int cat_lock_init(cat_lock *lock)
{
    if (pthread_mutex_init(&lock->door, NULL)) return blosc2_fail(BLOSC2_E_MEMORY, "cannot make a lock");
    if (pthread_rwlock_init(&lock->room, NULL) == 0) return BLOSC2_OK;
    pthread_mutex_destroy(&lock->door);
    return blosc2_fail(BLOSC2_E_MEMORY, "cannot make a lock");
}

void cat_lock_deinit(cat_lock *lock)
{
    pthread_rwlock_destroy(&lock->room);
    pthread_mutex_destroy(&lock->door);
}

void cat_lock_share(cat_lock *lock)
{
    pthread_mutex_lock(&lock->door);
    pthread_rwlock_rdlock(&lock->room);
    pthread_mutex_unlock(&lock->door);
}

bool cat_lock_try_share(cat_lock *lock)
{
    if (pthread_mutex_trylock(&lock->door)) return false;
    bool shared = pthread_rwlock_tryrdlock(&lock->room) == 0;
    pthread_mutex_unlock(&lock->door);
    return shared;
}

void cat_lock_own(cat_lock *lock)
{
    pthread_mutex_lock(&lock->door);
    pthread_rwlock_wrlock(&lock->room);
    pthread_mutex_unlock(&lock->door);
}

void cat_lock_release(cat_lock *lock)
{
    pthread_rwlock_unlock(&lock->room);
}
