/** Forks: locks are free in a child, which knows who held them; watches are told in order. */
#include <stdatomic.h>

#include "check.h"
#include "pause.h"
#include "threads/os.h"

#ifdef _WIN32

int main(void)
{
    CHECK(1); /* there is no fork */
    return check_result();
}

#else
#include <sys/wait.h>

/** Exit status of a child that runs `work`; -1 if it was killed, as by SIGALRM when it hangs. */
static int in_child(int (*work)(void *), void *context)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        _exit(work(context));
    }
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

typedef struct holder {
    blosc2_lock *lock;
    bool owns;
    atomic_bool holds, done;
} holder;

static b2_thread_result hold(void *argument)
{
    holder *h = argument;
    if (h->owns)
        blosc2_lock_own(h->lock);
    else
        blosc2_lock_share(h->lock);
    h->holds = true;
    while (!h->done) pause_briefly(1000000);
    blosc2_lock_release(h->lock);
    return 0;
}

static int use_lock(void *context)
{
    const holder *h = context;
    if (blosc2_lock_lost(h->lock) != (h->owns ? BLOSC2_LOST_OWNER : BLOSC2_LOST_READERS)) return 1;
    for (int i = 0; i < 3; i++) {
        blosc2_lock_own(h->lock);
        if (blosc2_lock_try_share(h->lock)) return 2;
        blosc2_lock_release(h->lock);
        if (!blosc2_lock_try_share(h->lock)) return 3;
        blosc2_lock_release(h->lock);
    }
    return 0;
}

static void a_lock_that_a_lost_thread_held_is_free(void)
{
    for (int owns = 0; owns <= 1; owns++) {
        holder h = {.owns = owns};
        b2_thread thread;
        CHECK_OK(blosc2_lock_create(&h.lock));
        CHECK(b2_thread_start(&thread, hold, &h));
        while (!h.holds) pause_briefly(1000000);
        CHECK(in_child(use_lock, &h) == 0);
        CHECK(blosc2_lock_lost(h.lock) == BLOSC2_LOST_NONE); /* in the parent all is as it was */
        if (owns) CHECK(!blosc2_lock_try_share(h.lock));
        h.done = true;
        b2_thread_join(thread);
        blosc2_lock_own(h.lock);
        blosc2_lock_release(h.lock);
        blosc2_lock_free(h.lock);
    }
}

static int release_what_the_parent_holds(void *context)
{
    holder *h = context;
    blosc2_lock_release(h->lock); /* let go of by the fork: nothing happens */
    return use_lock(h);
}

static void who_forks_with_a_lock_may_release_it_in_the_child(void)
{
    holder h = {0};
    CHECK_OK(blosc2_lock_create(&h.lock));
    blosc2_lock_share(h.lock);
    CHECK(in_child(release_what_the_parent_holds, &h) == 0);
    blosc2_lock_release(h.lock);
    blosc2_lock_own(h.lock);
    blosc2_lock_release(h.lock);
    blosc2_lock_free(h.lock);
}

/** Digits, in the order in which the watches were told. */
static int told;

static void tell(void *context)
{
    told = 10 * told + *(const int *)context;
}

static int what_was_told(void *context)
{
    (void)context;
    return told;
}

static void watches_are_told_in_order_until_removed(void)
{
    int digits[] = {1, 2, 3};
    blosc2_fork_watch watches[3];
    for (int i = 0; i < 3; i++) {
        watches[i] = (blosc2_fork_watch){.run = tell, .context = &digits[i]};
        blosc2_fork_watch_add(&watches[i]);
    }
    CHECK(in_child(what_was_told, NULL) == 123 && told == 0);
    blosc2_fork_watch_remove(&watches[1]);
    CHECK(in_child(what_was_told, NULL) == 13);
    blosc2_fork_watch_remove(&watches[2]);
    blosc2_fork_watch_add(&watches[1]);
    CHECK(in_child(what_was_told, NULL) == 12);
    blosc2_fork_watch_remove(&watches[0]);
    CHECK(in_child(what_was_told, NULL) == 2);
    blosc2_fork_watch_remove(&watches[1]);
    CHECK(in_child(what_was_told, NULL) == 0);
}

static atomic_bool stop;

static b2_thread_result make_locks(void *argument)
{
    (void)argument;
    while (!stop) {
        blosc2_lock *locks[20];
        for (int i = 0; i < 20; i++)
            if (blosc2_lock_create(&locks[i]) < 0) return 0;
        for (int i = 0; i < 20; i++) blosc2_lock_free(locks[i]);
    }
    return 0;
}

static int make_one(void *context)
{
    (void)context;
    blosc2_lock *lock = NULL;
    if (blosc2_lock_create(&lock) < 0) return 1;
    blosc2_lock_own(lock);
    blosc2_lock_release(lock);
    blosc2_lock_free(lock);
    return 0;
}

static void the_list_is_whole_while_others_change_it(void)
{
    b2_thread makers[2];
    for (int i = 0; i < 2; i++) CHECK(b2_thread_start(&makers[i], make_locks, NULL));
    for (int i = 0; i < 50; i++) CHECK(in_child(make_one, NULL) == 0);
    stop = true;
    for (int i = 0; i < 2; i++) b2_thread_join(makers[i]);
}

int main(void)
{
    a_lock_that_a_lost_thread_held_is_free();
    who_forks_with_a_lock_may_release_it_in_the_child();
    watches_are_told_in_order_until_removed();
    the_list_is_whole_while_others_change_it();
    return check_result();
}

#endif
