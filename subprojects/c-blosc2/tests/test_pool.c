/** blosc2_parallel_for(): every index once, failures carried, nested and concurrent callers, forks. */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#ifndef _WIN32
#include <sys/wait.h>
#endif

#include "base/checked.h"
#include "base/thread_local.h"
#include "check.h"
#include "pause.h"
#include "threads/os.h"

enum { COUNT = 10000, THREADS = 4 };

typedef struct tally {
    atomic_int seen[COUNT];
    _Atomic int64_t sum;
    int64_t by_worker[THREADS]; /* not atomic: a worker number belongs to one thread at a time */
    atomic_int wrong_workers;
    int threads;
} tally;

static int add(void *context, int worker, int64_t index)
{
    tally *t = context;
    if (worker < 0 || worker >= t->threads)
        t->wrong_workers++;
    else
        t->by_worker[worker] += index;
    t->seen[index]++;
    t->sum += index;
    return BLOSC2_OK;
}

static void every_index_is_done_once(void)
{
    static const int64_t COUNTS[] = {0, 1, 2, 3, 7, 100, COUNT};
    for (int threads = -1; threads <= THREADS; threads++) {
        for (size_t c = 0; c < B2_COUNT(COUNTS); c++) {
            static tally t;
            memset(&t, 0, sizeof t);
            t.threads = threads > 1 ? threads : 1;
            CHECK_OK(blosc2_parallel_for(threads, COUNTS[c], add, &t));
            int64_t sum = 0;
            int once = 1;
            for (int w = 0; w < THREADS; w++) sum += t.by_worker[w];
            for (int64_t i = 0; i < COUNT; i++) once &= t.seen[i] == (i < COUNTS[c]);
            CHECK(once && t.wrong_workers == 0);
            CHECK(t.sum == COUNTS[c] * (COUNTS[c] - 1) / 2 && sum == t.sum);
        }
    }
}

/** Two threads meet, or give up after a while. */
static int meet(void *context, int worker, int64_t index)
{
    atomic_int *present = context;
    (void)worker;
    (void)index;
    ++*present;
    for (int i = 0; i < 5000 && *present < 2; i++) pause_briefly(1000000);
    return *present >= 2 ? BLOSC2_OK : blosc2_fail(BLOSC2_E_ARGUMENT, "alone");
}

static void two_threads_work_at_once(void)
{
    atomic_int present = 0;
    CHECK_OK(blosc2_parallel_for(2, 2, meet, &present));
}

typedef struct trouble {
    atomic_int calls;
    int64_t bad_index;
    int with_errno;
} trouble;

static int fail_at(void *context, int worker, int64_t index)
{
    trouble *t = context;
    (void)worker;
    t->calls++;
    if (index < t->bad_index) return BLOSC2_OK;
    pause_briefly(100000); /* others get into the loop meanwhile */
    if (t->with_errno)
        return blosc2_fail_io(BLOSC2_E_IO, ENOSPC, "/some/where", "write %d", (int)t->bad_index);
    return blosc2_fail(BLOSC2_E_CORRUPT, "index %d is bad", (int)t->bad_index);
}

static void a_failure_ends_the_loop_and_reaches_the_caller(void)
{
    for (int threads = 1; threads <= THREADS; threads++) {
        trouble t = {.bad_index = 50};
        blosc2_fail(BLOSC2_E_ARGUMENT, "an old message");
        CHECK(blosc2_parallel_for(threads, 1000000, fail_at, &t) == BLOSC2_E_CORRUPT);
        CHECK(strcmp(blosc2_last_error(), "index 50 is bad") == 0);
        CHECK(blosc2_last_os_error() == 0 && strcmp(blosc2_last_path(), "") == 0);
        CHECK(t.calls >= 51 && t.calls <= 51 + threads);

        trouble io = {.bad_index = 3, .with_errno = 1};
        CHECK(blosc2_parallel_for(threads, 1000000, fail_at, &io) == BLOSC2_E_IO);
        CHECK(strcmp(blosc2_last_error(), "write 3") == 0);
        CHECK(blosc2_last_os_error() == ENOSPC && strcmp(blosc2_last_path(), "/some/where") == 0);
    }
}

static int count_one(void *context, int worker, int64_t index)
{
    atomic_int *calls = context;
    (void)index;
    if (worker != 0) return blosc2_fail(BLOSC2_E_ARGUMENT, "nested worker %d", worker);
    ++*calls;
    return BLOSC2_OK;
}

static int nest(void *context, int worker, int64_t index)
{
    (void)worker;
    (void)index;
    return blosc2_parallel_for(THREADS, 10, count_one, context);
}

static void nested_loops_run_alone(void)
{
    atomic_int calls = 0;
    CHECK_OK(blosc2_parallel_for(THREADS, 100, nest, &calls));
    CHECK(calls == 1000);
}

static b2_thread_result B2_THREAD_CALL run_many_loops(void *argument)
{
    atomic_int *failures = argument;
    for (int round = 0; round < 200; round++) {
        static B2_THREAD_LOCAL tally t;
        memset(&t, 0, sizeof t);
        t.threads = THREADS;
        int64_t count = round * 7 % 300;
        int status = blosc2_parallel_for(THREADS, count, add, &t);
        if (status != BLOSC2_OK || t.sum != count * (count - 1) / 2 || t.wrong_workers) ++*failures;

        trouble bad = {.bad_index = round % 20};
        if (round % 10 == 0 && blosc2_parallel_for(3, 100, fail_at, &bad) != BLOSC2_E_CORRUPT) ++*failures;
    }
    return 0;
}

static void concurrent_callers_do_not_disturb_each_other(void)
{
    b2_thread callers[6];
    atomic_int failures = 0;
    for (size_t i = 0; i < B2_COUNT(callers); i++)
        CHECK(b2_thread_start(&callers[i], run_many_loops, &failures));
    for (size_t i = 0; i < B2_COUNT(callers); i++) b2_thread_join(callers[i]);
    CHECK(failures == 0);
}

static void many_small_loops_are_fine(void)
{
    static tally t;
    for (int round = 0; round < 5000; round++) {
        t.sum = 0;
        t.threads = 2;
        if (blosc2_parallel_for(2, 3, add, &t) != BLOSC2_OK || t.sum != 3) CHECK(0);
    }
    CHECK(t.wrong_workers == 0);
}

/* ------------------------------------------------------------------ signals and forks */

#ifndef _WIN32

static int is_signal_blocked(void *context, int worker, int64_t index)
{
    atomic_int *wrong = context;
    (void)index;
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    if (worker > 0 && (sigismember(&mask, SIGINT) != 1 || sigismember(&mask, SIGSEGV) != 0)) ++*wrong;
    if (worker == 0 && sigismember(&mask, SIGINT) != 0) ++*wrong;
    pause_briefly(10000);
    return BLOSC2_OK;
}

static void signals_are_left_to_the_program(void)
{
    atomic_int wrong = 0;
    CHECK_OK(blosc2_parallel_for(THREADS, 200, is_signal_blocked, &wrong));
    CHECK(wrong == 0);
}

/** Status of a child that runs `work`; killed by SIGALRM if it hangs. */
static int in_child(int (*work)(void))
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        _exit(work());
    }
    int status = -1;
    waitpid(child, &status, 0);
    return status;
}

static int use_pool(void)
{
    static tally t;
    memset(&t, 0, sizeof t);
    t.threads = THREADS;
    atomic_int present = 0;
    if (blosc2_parallel_for(THREADS, COUNT, add, &t) != BLOSC2_OK) return 1;
    if (t.sum != (int64_t)COUNT * (COUNT - 1) / 2) return 2;
    return blosc2_parallel_for(2, 2, meet, &present) == BLOSC2_OK ? 0 : 3;
}

static int use_pool_and_fork(void)
{
    int status = use_pool();
    return status ? status : in_child(use_pool);
}

static atomic_int stop_forking;

static b2_thread_result keep_pool_busy(void *argument)
{
    (void)argument;
    static tally t;
    t.threads = THREADS;
    while (!stop_forking) blosc2_parallel_for(THREADS, 100, add, &t);
    return NULL;
}

static void children_have_a_pool_of_their_own(void)
{
    CHECK(in_child(use_pool) == 0);
    CHECK(in_child(use_pool_and_fork) == 0);
    b2_thread busy;
    CHECK(b2_thread_start(&busy, keep_pool_busy, NULL));
    for (int i = 0; i < 20; i++) CHECK(in_child(use_pool) == 0);
    stop_forking = 1;
    b2_thread_join(busy);
    CHECK(use_pool() == 0);
}

static int fork_inside(void *context, int worker, int64_t index)
{
    pid_t *child = context;
    pause_briefly(100000); /* so that several threads are in the loop */
    if (worker != 0 || *child != 0 || index < 10) return BLOSC2_OK;
    *child = fork();
    if (*child == 0) alarm(20);
    if (*child == 0) *child = -1; /* once */
    return BLOSC2_OK;
}

static void a_child_of_a_loop_ends_with_a_failure(void)
{
    pid_t child = 0;
    fflush(NULL);
    int status = blosc2_parallel_for(THREADS, 200, fork_inside, &child);
    if (child == -1) _exit(status == BLOSC2_E_ARGUMENT ? 0 : 1);
    CHECK_OK(status);
    int result = -1;
    if (child > 0) waitpid(child, &result, 0);
    CHECK(result == 0);
}

#endif

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    every_index_is_done_once();
    two_threads_work_at_once();
    a_failure_ends_the_loop_and_reaches_the_caller();
    nested_loops_run_alone();
    concurrent_callers_do_not_disturb_each_other();
    many_small_loops_are_fine();
#ifndef _WIN32
    signals_are_left_to_the_program();
    if (argc == 1) { /* any argument: without forks, which ThreadSanitizer does not follow */
        children_have_a_pool_of_their_own();
        a_child_of_a_loop_ends_with_a_failure();
    }
#endif
    return check_result();
}
