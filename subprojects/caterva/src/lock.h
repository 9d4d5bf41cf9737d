/**
 * A readers-writer lock that no stream of readers can keep a writer out of; the platform's own may prefer
 * readers. A thread must not take one lock twice, not even for reading.
 */
#ifndef CAT_LOCK_H
#define CAT_LOCK_H

#include <pthread.h>
#include <stdbool.h>

typedef struct cat_lock {
    pthread_mutex_t door; /* a waiting writer holds it, so that new readers queue behind him */
    pthread_rwlock_t room;
} cat_lock;

/** @return BLOSC2_OK or BLOSC2_E_MEMORY. */
int cat_lock_init(cat_lock *lock);
void cat_lock_deinit(cat_lock *lock);

void cat_lock_share(cat_lock *lock); /**< for reading */
bool cat_lock_try_share(cat_lock *lock); /**< the same, without waiting; false if that must be */
void cat_lock_own(cat_lock *lock);   /**< for writing */
void cat_lock_release(cat_lock *lock);

#endif
