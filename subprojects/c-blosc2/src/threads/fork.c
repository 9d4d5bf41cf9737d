/**
 * What a child process must set right after fork(): blosc2_fork_watch of blosc2.h.
 *
 * A child has the thread that forked and no other one, but all memory as it was: locks that are held by
 * threads that are gone, lists that these were changing. So who owns such memory is on a list here, and is
 * told, in the order in which all came on it. The list itself is whole, as forks wait for its lock.
 */
#include "blosc2.h"
#include "threads/os.h"

static b2_once once = B2_ONCE_INIT;
static b2_mutex lock = B2_MUTEX_INIT; /* of the list */
static blosc2_fork_watch *first, *last;

static void before_fork(void)
{
    b2_mutex_lock(&lock);
}

static void in_parent(void)
{
    b2_mutex_unlock(&lock);
}

static void in_child(void)
{
    b2_mutex_init(&lock); /* not all systems let a child unlock what its parent locked */
    for (blosc2_fork_watch *watch = first; watch; watch = watch->next) watch->run(watch->context);
}

static void handle_forks(void)
{
    b2_around_fork(before_fork, in_parent, in_child);
}

void blosc2_fork_watch_add(blosc2_fork_watch *watch)
{
    b2_once_run(&once, handle_forks);
    b2_mutex_lock(&lock);
    watch->next = NULL;
    watch->previous = last;
    *(last ? &last->next : &first) = watch;
    last = watch;
    b2_mutex_unlock(&lock);
}

void blosc2_fork_watch_remove(blosc2_fork_watch *watch)
{
    b2_mutex_lock(&lock);
    *(watch->previous ? &watch->previous->next : &first) = watch->next;
    *(watch->next ? &watch->next->previous : &last) = watch->previous;
    b2_mutex_unlock(&lock);
}
