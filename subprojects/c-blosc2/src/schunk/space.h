/**
 * Which bytes of a chunks section may be written: what is free, what is dead but not free yet, and where all
 * ends. Positions count from the start of the section. Pure: no I/O.
 *
 * Committed bytes are never written over. Bytes that a commit makes dead are *ripe* once another commit has
 * been made (a reader without a lock has that long to notice), and once the commit is on the medium: before
 * that, a power cut may bring the state back that needs them. They are free when they are *wiped*, and that
 * is on the medium, too: else a power cut that takes what is written there could leave the old chunk in its
 * place, which checks out (docs/design/durability.md).
 */
#ifndef B2_SCHUNK_SPACE_H
#define B2_SCHUNK_SPACE_H

#include <stdbool.h>
#include <stdint.h>

/** The bytes [start, stop). */
typedef struct b2_extent {
    int64_t start, stop;
    int64_t died;  /* number of the commit that made it dead */
    bool is_mixed; /* of pieces that nobody knows: all of it is to be wiped, not its start alone */
} b2_extent;

typedef struct b2_extents {
    b2_extent *items; /* owned */
    int64_t count, room;
} b2_extents;

/** Begin with b2_space_init(). Lists grow as needed; what has no room in them stays unused. */
typedef struct b2_space {
    b2_extents free;  /* ascending, apart from each other, below `end` */
    b2_extents taken; /* out of `free`, by the open change */
    b2_extents spare; /* given back by the open change: dead when it is committed */
    b2_extents dead;  /* in the order in which they died */
    b2_extents wiped; /* out of `dead`, in the same order */
    int64_t end;      /* all is free from here on */
    int64_t committed_end;
    int64_t cursor;          /* of `free`: where the last search ended */
    int64_t no_room;         /* no free extent is this large */
    int64_t dead_bytes;      /* of `dead` and `wiped` */
    int64_t wiped_synced;    /* so many of `wiped` are wiped on the medium */
    int64_t commits, synced; /* number of the last commit, and of the last one on the medium */
    bool frozen;             /* nothing below `end` is taken: somebody still reads there */
} b2_space;

/** All free from `end` on, nothing below. */
void b2_space_init(b2_space *space, int64_t end);
void b2_space_free(b2_space *space);

/** Take `bytes` > 0 bytes, free or from the end on. @return BLOSC2_OK or BLOSC2_E_MEMORY. */
int b2_space_take(b2_space *space, int64_t bytes, int64_t *start);

/** Take the lowest `bytes` > 0 bytes that begin at `low` or later. */
int b2_space_take_from(b2_space *space, int64_t low, int64_t bytes, int64_t *start);

/** Take just the bytes [start, start + bytes), in use or not: only for what is known to be unused. */
void b2_space_claim(b2_space *space, int64_t start, int64_t bytes);

/** Give back what the open change has taken. */
void b2_space_give_back(b2_space *space, int64_t start, int64_t bytes);

/** The change is committed. */
void b2_space_commit(b2_space *space);

/** What the last commit does not use any more. */
void b2_space_bury(b2_space *space, b2_extent extent);

/** The change is undone: what it took is dead, for it was written. */
void b2_space_rollback(b2_space *space);

/** The last commit is on the medium, and all that was wiped. */
void b2_space_synced(b2_space *space);

/** How many of `dead`, from the first on, are ripe; or would be after a sync. */
int64_t b2_space_ripe(const b2_space *space);
int64_t b2_space_ripe_after_sync(const b2_space *space);

/** The first `count` of `dead` have been wiped. */
void b2_space_wiped(b2_space *space, int64_t count);

/** Make free what is wiped and synced. Between changes. */
void b2_space_settle(b2_space *space);

/** Make free all that is ripe: where each commit is synced before its header, nothing need be wiped. */
void b2_space_settle_unwiped(b2_space *space);

#endif
