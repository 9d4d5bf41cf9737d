/**
 * Which bytes of a chunks section may be written: what is free, what is dead but not free yet, and where all
 * ends. Positions count from the start of the section. Pure: no I/O.
 *
 * Committed bytes are never written over. Bytes that a commit makes dead are *ripe* once another commit has
 * been made (a reader without a lock has that long to notice), once a commit without them is on the medium
 * (before that, a power cut may bring the state back that needs them), and if nobody reads a state that has
 * them. Then they are free; but a power cut that takes what is written there could leave the old chunk in its
 * place. Where chunks have tags that is noticed; where they have not, what is ripe is *wiped* first: zeros
 * over its start, or all of it. What others have left is not wiped: it may be as large as the file. Who
 * writes there has to sync before the header (docs/design/durability.md). What a change has written and given
 * back nobody else has seen: it may take it again at once.
 */
#ifndef B2_SCHUNK_SPACE_H
#define B2_SCHUNK_SPACE_H

#include "schunk/extents.h"

/** Extents that are taken from: ascending, apart from each other, below the end. */
typedef struct b2_pool {
    b2_extents list;
    int64_t cursor;  /* where the last search ended */
    int64_t no_room; /* no extent is this large */
} b2_pool;

/** Begin with b2_space_init(). Lists grow as needed; what has no room in them stays unused. */
typedef struct b2_space {
    b2_pool free;
    b2_pool spare;      /* given back by the open change, which alone has seen it: it takes that again */
    b2_extents taken;   /* out of `free`, by the open change */
    b2_extents unwiped; /* an old chunk may begin anywhere there, and there are no tags: ascending, apart */
    b2_extents dead;    /* in the order in which they died */
    b2_extents ripe;    /* out of `dead`: nobody needs it any more */
    int64_t end;        /* all is free from here on, but for the kept place */
    int64_t committed_end;
    int64_t kept_start, kept_stop; /* never taken nor freed: b2_space_keep() */
    int64_t dead_bytes;            /* of `dead` and `ripe` */
    int64_t spare_bytes;           /* of `spare` */
    int64_t spare_left;            /* up to so many of them are left alone */
    bool is_tagged;     /* an old chunk in the place of a lost write is told from the new one: frame/tags.h */
    bool has_rewritten; /* the open change has taken what it had written before, or what nobody has wiped */
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

/** Keep [start, stop) for something else, once: nothing is taken there. It is unused, or beyond the end. */
void b2_space_keep(b2_space *space, int64_t start, int64_t stop);

/** Give back what the open change has taken: all that one call of b2_space_take() gave. */
void b2_space_give_back(b2_space *space, int64_t start, int64_t bytes);

/** The change is committed. What it gave back is free if chunks have tags, else dead. */
void b2_space_commit(b2_space *space);

/** What the last commit does not use any more. */
void b2_space_bury(b2_space *space, b2_extent extent);

/** What no state uses that was ever committed, or none but those before the frame was opened. */
void b2_space_bury_old(b2_space *space, b2_extent extent);

/** The change is undone: what it took is dead, for it was written; no state uses it. */
void b2_space_rollback(b2_space *space);

/** Bytes that are free. */
int64_t b2_space_free_bytes(const b2_space *space);

/** The last commit is on the medium, and what names the state to be found there names no older one. */
void b2_space_synced(b2_space *space);

/**
 * Have all that nobody needs any more in `ripe`: what died before the last commit, and is not in the last one
 * on the medium either.
 * @param needed  By somebody who reads an older state: ascending, apart from each other. It stays dead.
 */
void b2_space_ripen(b2_space *space, const b2_extents *needed);

/**
 * Make `ripe` free. Between changes. Where chunks have no tags it must have been wiped, if only this handle
 * has written there, and synced.
 */
void b2_space_settle(b2_space *space);

/**
 * All of [start, stop) that is neither in use nor kept, and not known to be free or dead, is dead. What is in
 * use, kept, or below `start`, is neither free nor dead, whatever was thought. Between changes.
 * @param live  Extents in use: ascending, not overlapping.
 * @param died  Number of the commit that made the rest dead; -1: an earlier one than those of this map.
 * @return False if memory is short: nothing may be made free then.
 */
bool b2_space_account(b2_space *space, int64_t start, int64_t stop, const b2_extents *live, int64_t died);

#endif
