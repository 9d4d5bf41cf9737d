/** Interrupts: the caller of a loop is asked, he alone, and all who work at it stop. */
#include <stdatomic.h>
#include <string.h>

#include "base/thread_local.h"
#include "check.h"
#include "pause.h"
#include "threads/interrupt.h"
#include "threads/os.h"

enum { THREADS = 4 };

/** What the program answers, and who was asked. */
typedef struct program {
    int patience; /* questions answered by "go on" */
    atomic_int asked, asked_elsewhere;
} program;

static B2_THREAD_LOCAL bool is_caller;

static int answer(void *context)
{
    program *p = context;
    if (!is_caller) ++p->asked_elsewhere;
    return ++p->asked > p->patience;
}

typedef struct job {
    int64_t quick, failing; /* this index ends at once, this one by a failure; -1: none */
    atomic_int ended;
} job;

/** Blocks without end. */
static int work_for_ever(void *context, int worker, int64_t index)
{
    job *j = context;
    int status = BLOSC2_OK;
    (void)worker;
    if (index == j->quick) return BLOSC2_OK;
    if (index == j->failing) {
        pause_briefly(10000000); /* others are at work by then */
        return blosc2_fail(BLOSC2_E_CORRUPT, "index %d is bad", (int)index);
    }
    while (status == BLOSC2_OK) {
        pause_briefly(1000000);
        status = blosc2_check_interrupt();
    }
    ++j->ended;
    return status;
}

static void an_interrupt_ends_the_work_of_all_threads(void)
{
    for (int threads = 1; threads <= THREADS; threads++) {
        program p = {.patience = 1};
        job j = {.quick = -1, .failing = -1};
        blosc2_set_interrupt(answer, &p);
        CHECK(blosc2_parallel_for(threads, 100, work_for_ever, &j) == BLOSC2_E_INTERRUPTED);
        CHECK(strcmp(blosc2_last_error(), "interrupted") == 0);
        CHECK(p.asked == 2 && p.asked_elsewhere == 0);
        CHECK(j.ended >= 1 && j.ended <= threads);
    }
}

/** The caller finds nothing more to do, and is asked while he waits for those who work. */
static void a_caller_who_waits_is_asked_too(void)
{
    program p = {.patience = 1};
    job j = {.quick = 0, .failing = -1};
    blosc2_set_interrupt(answer, &p);
    CHECK(blosc2_parallel_for(2, 2, work_for_ever, &j) == BLOSC2_E_INTERRUPTED);
    CHECK(p.asked >= 2 && p.asked_elsewhere == 0);
}

static void a_failure_stops_those_who_work_and_is_what_is_told(void)
{
    blosc2_set_interrupt(NULL, NULL);
    for (int round = 0; round < 10; round++) {
        job j = {.quick = -1, .failing = round % THREADS};
        CHECK(blosc2_parallel_for(THREADS, THREADS, work_for_ever, &j) == BLOSC2_E_CORRUPT);
        CHECK(strstr(blosc2_last_error(), "is bad") != NULL);
    }
}

static int look_once(void *context, int worker, int64_t index)
{
    (void)context;
    (void)worker;
    (void)index;
    return blosc2_check_interrupt();
}

static void short_calls_are_not_asked(void)
{
    program p = {.patience = 1 << 30};
    blosc2_set_interrupt(answer, &p);
    uint64_t start = b2_coarse_milliseconds(), elapsed = 0;
    while (elapsed < 300) {
        CHECK_OK(blosc2_parallel_for(1, 1000, look_once, NULL));
        elapsed = b2_coarse_milliseconds() - start;
    }
    CHECK(p.asked >= 1 && p.asked <= (int)(elapsed / B2_INTERRUPT_MILLISECONDS));
}

static b2_thread_result B2_THREAD_CALL interrupt_loops(void *argument)
{
    program *p = argument;
    is_caller = true;
    for (int round = 0; round < 5; round++) {
        job j = {.quick = round % 3 - 1, .failing = -1};
        if (blosc2_parallel_for(THREADS, 20, work_for_ever, &j) != BLOSC2_E_INTERRUPTED) ++p->asked_elsewhere;
    }
    return 0;
}

static void several_callers_are_interrupted_each(void)
{
    b2_thread callers[3];
    program p = {0};
    blosc2_set_interrupt(answer, &p);
    for (int i = 0; i < 3; i++) CHECK(b2_thread_start(&callers[i], interrupt_loops, &p));
    for (int i = 0; i < 3; i++) b2_thread_join(callers[i]);
    CHECK(p.asked >= 15 && p.asked_elsewhere == 0);
}

int main(void)
{
    is_caller = true;
    an_interrupt_ends_the_work_of_all_threads();
    a_caller_who_waits_is_asked_too();
    a_failure_stops_those_who_work_and_is_what_is_told();
    short_calls_are_not_asked();
    several_callers_are_interrupted_each();
    return check_result();
}
