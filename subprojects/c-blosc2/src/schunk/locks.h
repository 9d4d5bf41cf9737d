/**
 * Locks between handles and processes that use one frame outside of memory: who changes it has the lock file
 * (docs/format/frame-format.md 9) to himself; who has it open says which generation of it he reads.
 *
 * A *generation* is the lock file's counter, which grows by two with each change: before and after the header
 * is replaced. Where there is no lock file it is 0. A handle reads its generation before what it describes,
 * so that what it reads may be newer, never older.
 *
 * A handle tells others that it reads something before it reads header or index, and what it is when it knows
 * (schunk/holders.h): so that whoever changes the frame keeps what it needs. Design:
 * docs/design/processes.md.
 */
#ifndef B2_SCHUNK_LOCKS_H
#define B2_SCHUNK_LOCKS_H

#include "blosc2.h"
#include "io/io.h"
#include "schunk/holders.h"

typedef struct b2_held_lock b2_held_lock;

/** A handle's part in it; `{0}` has none. */
typedef struct b2_locks {
    uint64_t generation;
    b2_identity of;     /* what `snapshot` tells about */
    b2_file *snapshot;  /* tells others what is read; NULL: they are not told */
    b2_held_lock *held; /* while this handle changes the frame */
} b2_locks;

/** Read the generation, and tell others that any state may be read from now on: before the header is read. */
void b2_locks_watch(blosc2_schunk *schunk);

/**
 * Whether others were told of a snapshot of what is read: its path may have been given to another file
 * between the two. To be asked when both are open.
 * @param of  The file that is read; of a frame in many files, its directory.
 * @return BLOSC2_OK, or BLOSC2_E_CHANGED (open it again).
 */
int b2_locks_check_snapshot(const blosc2_schunk *schunk, const b2_identity *of);

/** Tell others that it is this state, now that it has been read, or committed. */
void b2_locks_settle(blosc2_schunk *schunk);

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

/** What others hold besides the committed state, which this handle has: asked while the lock is held. */
void b2_locks_find_holders(const blosc2_schunk *schunk, b2_holders *out);

/** Whether others are known to have the same state of a file open. Those who are just opening it do not
 * count. */
bool b2_locks_have_others(const blosc2_schunk *schunk);

/** Forget the lock, which must not be held, and the snapshot. */
void b2_locks_free(blosc2_schunk *schunk);

#endif
