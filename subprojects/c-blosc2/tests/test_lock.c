/** blosc2_lock: owners are alone, readers are not, and nobody waits for ever. */
#include <stdatomic.h>

#include "base/checked.h"
#include "check.h"
#include "pause.h"
#include "threads/os.h"

typedef struct lock_test {
    blosc2_lock *lock;
    int value; /* not atomic: the lock keeps others out */
    atomic_int inside, together, wrong;
} lock_test;

static b2_thread_result B2_THREAD_CALL add_alone(void *argument)
{
    lock_test *t = argument;
    for (int i = 0; i < 2000; i++) {
        blosc2_lock_own(t->lock);
        if (++t->inside != 1) ++t->wrong;
        t->value++;
        --t->inside;
        blosc2_lock_release(t->lock);
        blosc2_lock_share(t->lock);
        int before = t->value;
        pause_briefly(1);
        if (t->value != before) ++t->wrong;
        blosc2_lock_release(t->lock);
    }
    return 0;
}

static void owners_are_alone(void)
{
    lock_test t = {0};
    b2_thread threads[4];
    CHECK_OK(blosc2_lock_create(&t.lock));
    for (size_t i = 0; i < B2_COUNT(threads); i++) CHECK(b2_thread_start(&threads[i], add_alone, &t));
    for (size_t i = 0; i < B2_COUNT(threads); i++) b2_thread_join(threads[i]);
    CHECK(t.value == 8000 && t.wrong == 0);
    blosc2_lock_free(t.lock);
    blosc2_lock_free(NULL);
}

/** Share the lock until another reader is in, too, or a while has passed. */
static b2_thread_result B2_THREAD_CALL meet_inside(void *argument)
{
    lock_test *t = argument;
    blosc2_lock_share(t->lock);
    ++t->inside;
    for (int i = 0; i < 5000 && t->inside < 2; i++) pause_briefly(1000000);
    if (t->inside == 2) ++t->together;
    blosc2_lock_release(t->lock);
    return 0;
}

static void a_try_never_waits(void)
{
    blosc2_lock *lock = NULL;
    CHECK_OK(blosc2_lock_create(&lock));
    blosc2_lock_own(lock);
    CHECK(!blosc2_lock_try_share(lock));
    blosc2_lock_release(lock);
    blosc2_lock_share(lock);
    CHECK(blosc2_lock_try_share(lock));
    blosc2_lock_release(lock);
    blosc2_lock_release(lock);
    blosc2_lock_own(lock); /* no reader was left behind */
    blosc2_lock_release(lock);
    blosc2_lock_free(lock);
}

static void readers_are_in_together_once_the_owner_is_out(void)
{
    lock_test t = {0};
    b2_thread readers[2];
    CHECK_OK(blosc2_lock_create(&t.lock));
    blosc2_lock_own(t.lock);
    for (int i = 0; i < 2; i++) CHECK(b2_thread_start(&readers[i], meet_inside, &t));
    pause_briefly(20000000);
    CHECK(t.inside == 0);
    blosc2_lock_release(t.lock);
    for (int i = 0; i < 2; i++) b2_thread_join(readers[i]);
    CHECK(t.together == 2);
    blosc2_lock_free(t.lock);
}

static b2_thread_result B2_THREAD_CALL read_until_told(void *argument)
{
    lock_test *t = argument;
    while (t->together == 0) {
        blosc2_lock_share(t->lock);
        pause_briefly(1000000); /* the others' overlap: without turns there is always one inside */
        blosc2_lock_release(t->lock);
    }
    return 0;
}

static void a_stream_of_readers_lets_writers_in(void)
{
    lock_test t = {0};
    b2_thread readers[3];
    CHECK_OK(blosc2_lock_create(&t.lock));
    for (int i = 0; i < 3; i++) CHECK(b2_thread_start(&readers[i], read_until_told, &t));
    for (int i = 0; i < 50; i++) {
        blosc2_lock_own(t.lock); /* or the test ends by its time limit */
        t.value++;
        blosc2_lock_release(t.lock);
    }
    t.together = 1;
    for (int i = 0; i < 3; i++) b2_thread_join(readers[i]);
    CHECK(t.value == 50);
    blosc2_lock_free(t.lock);
}

int main(void)
{
    owners_are_alone();
    a_try_never_waits();
    readers_are_in_together_once_the_owner_is_out();
    a_stream_of_readers_lets_writers_in();
    return check_result();
}
