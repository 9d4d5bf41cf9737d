/**
 * Interrupts: long calls ask between blocks whether they shall go on, and their threads are told.
 *
 * The question is the program's, and may be dear (the binding of Python takes its global lock for it), so
 * that it is put twenty times a second only; in between a look at a coarse clock is all.
 */
#include "threads/interrupt.h"

#include <stddef.h>

#include "base/thread_local.h"
#include "blosc2.h"
#include "threads/os.h"

static _Atomic(blosc2_interrupt_fn *) question;
static void *question_context;

static B2_THREAD_LOCAL b2_follower followed;
static B2_THREAD_LOCAL uint64_t looked, asked; /* when this thread did, in milliseconds */
static B2_THREAD_LOCAL bool was_away;          /* the last look came long after the one before */

void blosc2_set_interrupt(blosc2_interrupt_fn *ask, void *context)
{
    question_context = context;
    atomic_store(&question, ask);
}

b2_follower b2_interrupt_follow(b2_follower follower)
{
    b2_follower before = followed;
    followed = follower;
    return before;
}

int b2_interrupt_ask(void)
{
    blosc2_interrupt_fn *ask = atomic_load(&question);
    long process = b2_process_id();
    if (!ask) return BLOSC2_OK;
    if (ask(question_context) != 0) return blosc2_fail(BLOSC2_E_INTERRUPTED, "interrupted");
    if (process == b2_process_id()) return BLOSC2_OK;
    return blosc2_fail(BLOSC2_E_ARGUMENT, "fork inside of a call: it goes on in the parent alone");
}

/**
 * True once in a while. A thread that has not looked for long has most likely begun another call, which need
 * not ask at once; if it happens again, its blocks just take that long.
 */
static bool is_due(uint64_t now)
{
    bool is_away = now - looked >= B2_INTERRUPT_MILLISECONDS;
    bool begins = is_away && !was_away;
    looked = now;
    was_away = is_away;
    if (!begins && now - asked < B2_INTERRUPT_MILLISECONDS) return false;
    asked = now;
    return !begins;
}

int blosc2_check_interrupt(void)
{
    if (followed.stopped) {
        if (atomic_load_explicit(followed.stopped, memory_order_relaxed))
            return blosc2_fail(BLOSC2_E_INTERRUPTED, "interrupted: another thread of the call has failed");
        if (!followed.is_caller) return BLOSC2_OK;
    }
    if (!atomic_load_explicit(&question, memory_order_relaxed)) return BLOSC2_OK;
    return is_due(b2_coarse_milliseconds()) ? b2_interrupt_ask() : BLOSC2_OK;
}
