/** Who is asked whether a call shall go on, and who follows another thread. */
#ifndef B2_THREADS_INTERRUPT_H
#define B2_THREADS_INTERRUPT_H

#include <stdatomic.h>
#include <stdbool.h>

enum { B2_INTERRUPT_MILLISECONDS = 50 }; /* between two questions of one call */

/** A thread's part in the call of a loop. */
typedef struct b2_follower {
    const atomic_bool *stopped; /* the loop is: whoever works at it returns */
    bool is_caller;             /* of the loop: he alone asks */
} b2_follower;

/** What this thread follows from now on, `{0}` being itself. @return What it did until now. */
b2_follower b2_interrupt_follow(b2_follower follower);

/** Ask at once. @return BLOSC2_OK or BLOSC2_E_INTERRUPTED. */
int b2_interrupt_ask(void);

#endif
