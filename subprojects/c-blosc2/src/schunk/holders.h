/** Who else reads a frame, and which states of it: asked by a writer who has the lock (schunk/locks.h). */
#ifndef B2_SCHUNK_HOLDERS_H
#define B2_SCHUNK_HOLDERS_H

#include "io/io.h"

enum { B2_HOLDERS_MAX = 128 }; /* different runs; if there are more it is not told which */

/**
 * The runs of numbers that others hold, apart from the one that stands for the committed state.
 *
 * A state of a contiguous frame has the numbers of the bytes in the file where its tail is, which nobody
 * writes over while they are held. A state of a directory has its generation. Who is just opening a frame,
 * and cannot tell yet, holds all numbers.
 */
typedef struct b2_holders {
    b2_held held; /* B2_HELD_UNKNOWN: somebody may read anything */
    int count;
    b2_numbers runs[B2_HOLDERS_MAX];
} b2_holders;

/** Whether a state with one of `numbers` is held, or may be. */
bool b2_holders_need(const b2_holders *holders, b2_numbers numbers);

/** Whether it is told of each holder which states it reads. */
bool b2_holders_are_told(const b2_holders *holders);

#endif
