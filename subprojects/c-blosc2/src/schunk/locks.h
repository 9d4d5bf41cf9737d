/**
 * Locks between handles and processes that use one frame outside of memory: who changes it has the lock file
 * (docs/format/frame-format.md 9) to himself; who has it open says which generation of it he reads.
 *
 * A *generation* is the lock file's counter, which grows by two with each change: before and after the header
 * is replaced. Where there is no lock file it is 0. A handle reads its generation before what it describes,
 * so that what it reads may be newer, never older. Design: docs/design/processes.md.
 */
#ifndef B2_SCHUNK_LOCKS_H
#define B2_SCHUNK_LOCKS_H

#include "blosc2.h"
#include "io/io.h"

typedef struct b2_held_lock b2_held_lock;

/** A handle's part in it; `{0}` has none. */
typedef struct b2_locks {
    uint64_t generation;
    b2_file *snapshot;  /* tells others of `generation`; NULL: they are not told */
    b2_held_lock *held; /* while this handle changes the frame */
} b2_locks;

/** Read the generation and tell others of it: before the header is read, and after a commit. */
void b2_locks_watch(blosc2_schunk *schunk);

/** True if what is stored has, by its generation, been changed by others since b2_locks_watch(). */
bool b2_locks_have_changed(const blosc2_schunk *schunk);

/**
 * Take the lock of a frame that lies outside of memory, if the handle is to lock at all.
 * @return BLOSC2_OK, BLOSC2_E_LOCKED (not to be had within lock_timeout_ms; or this thread has it already, by
 * another handle), BLOSC2_E_IO, BLOSC2_E_MEMORY.
 */
int b2_locks_enter(blosc2_schunk *schunk);

/** Let others know that the frame changes now, and that it has: the generation grows. No effect unlocked. */
int b2_locks_count(blosc2_schunk *schunk);

/**
 * The change is stored: let others know that it has changed, and of what this handle reads. If that fails,
 * they see that something has changed all the same.
 */
void b2_locks_counted(blosc2_schunk *schunk);

/** Give the lock back, if it is held. */
void b2_locks_leave(blosc2_schunk *schunk);

/** Whether others read older generations; asked while the lock is held. */
b2_held b2_snapshots_held(const blosc2_schunk *schunk);

/** Forget the lock, which must not be held, and the snapshot. */
void b2_locks_free(blosc2_schunk *schunk);

#endif
