/** What a contiguous frame's store is made of: store_frame.c, frame_commit.c, frame_space.c see it. */
#ifndef B2_SCHUNK_FRAME_STORE_H
#define B2_SCHUNK_FRAME_STORE_H

#include "frame/copy.h"
#include "frame/fingerprint.h"
#include "frame/record.h"
#include "schunk/space.h"
#include "schunk/store.h"

enum { B2_DEAD_UNIT = 4096 }; /* in which a fingerprint counts dead bytes */

/** What a state needs that somebody else reads. */
typedef struct b2_held_state {
    b2_numbers place; /* of its tail in the file */
    uint8_t fingerprint[B2_FINGERPRINT_BYTES];
    b2_extents extents; /* owned */
    bool is_held;
} b2_held_state;

typedef struct b2_held_states {
    b2_held_state *items; /* owned */
    int count, room;
    b2_extents all; /* of them together: ascending, apart; owned */
} b2_held_states;

typedef struct b2_frame_store {
    b2_store base;
    const b2_io *io;
    b2_file *file;
    char *path;      /* owned; NULL in memory and for sources */
    char *temporary; /* owned; the file's name until the first commit, then NULL */
    bool replaces;   /* the first commit may take the place of what is at `path` */
    int64_t offset;  /* of the frame in the file */
    int32_t header_bytes;
    int64_t frame_bytes;                       /* committed; header_bytes before the first commit */
    int64_t section_bytes;                     /* committed */
    b2_copy copy;                              /* what a copy says of the committed state; header not set */
    b2_buffer header;                          /* three of them: committed, new or found, damaged */
    b2_identity identity;                      /* of the committed file */
    bool has_chunks;                           /* committed */
    uint8_t fingerprint[B2_FINGERPRINT_BYTES]; /* committed */
    b2_space space;
    bool is_sealed;             /* each stored chunk has its postscript, and from now on its tag */
    bool is_tagged_here;        /* the state that was opened has tags */
    bool is_untagged;           /* this handle has committed a state with chunks and no tags */
    bool reuses;                /* dead space is written again */
    bool is_scanned;            /* `space` knows what was dead when the file was opened */
    bool is_counted;            /* how much that may be was counted, or estimated */
    bool has_dropped_unknown;   /* since then a chunk has died of which it is not known what it takes */
    int64_t unknown_dead_bytes; /* of both, about */
    int64_t needed_bytes;       /* dead ones that others still read, when that was last looked at */
    b2_held_states needed;

    blosc2_durability durability;
    bool tail_is_damaged; /* the state's tail was read from its mirror */
    bool has_record;      /* the file ends with a record that completes the damaged header */
    bool damaged;      /* the file has the third header, which was found damaged, and should have the first */
    bool is_unsynced;  /* something was written that may not be on the medium */
    bool has_new_name; /* nor may the file's name */
    bool knows_places; /* b2_frame_find_places() has looked where copies of the header may be */
    bool has_near;     /* right behind the header is a place for one */
    bool has_far;      /* at b2_copy_far() is another one */
    bool owns_near, owns_far; /* nobody reads another thing there, and from now on nobody will */
    bool far_waits;           /* for those who do */
    bool is_recorded; /* copies on the medium name a state that is whole there, and stays; or none is promised
                       */
    bool is_flushed;  /* this is the committed one, and this handle has seen to it */
    bool poisoned;    /* a sync failed: what is on the medium is not known */
    int64_t file_end; /* of what was written, counted as positions are */

    /* Positions in the file. */
    int64_t searched_end; /* of what is known to hold no other frame, from this one's end on; 0: nothing is */
    int64_t neighbour;    /* where another frame begins; 0: none is known */
} b2_frame_store;

static inline uint8_t *b2_frame_committed(const b2_frame_store *store)
{
    return store->header.bytes;
}

static inline uint8_t *b2_frame_fresh(const b2_frame_store *store)
{
    return store->header.bytes + store->header_bytes;
}

static inline uint8_t *b2_frame_damaged(const b2_frame_store *store)
{
    return store->header.bytes + 2 * (size_t)store->header_bytes;
}

/** Where a position of the section is in the file. */
static inline int64_t b2_frame_position(const b2_frame_store *store, int64_t location)
{
    return store->offset + store->header_bytes + location;
}

/** Position behind the committed frame. */
static inline int64_t b2_frame_end(const b2_frame_store *store)
{
    return store->frame_bytes - store->header_bytes;
}

/** True before the first commit: nobody else has seen the file. */
static inline bool b2_frame_is_new(const b2_frame_store *store)
{
    return store->frame_bytes == store->header_bytes;
}

/* frame_copies.c: metadata twice */

/** Bytes between the start of a tail's mirror and the tail that lies behind `end`: 0, or some of a sector. */
int64_t b2_frame_mirror_gap(const b2_frame_store *store, int64_t end);

/** Keep the places of a new frame's copies. */
void b2_frame_keep_places(b2_frame_store *store);

/**
 * Find out whether an opened frame has places for copies of its header, and whether these tell of the
 * committed state already. Once; reads a few bytes. @param index  The committed one.
 */
void b2_frame_find_places(b2_frame_store *store, const b2_index *index);

/** Whether a place of the section is free of chunks, as far as their tags tell. */
bool b2_frame_is_place(const b2_frame_store *store, const b2_index *index, int64_t place);

/** Read the copy of the header at a place of the section. @return False if there is none that is whole. */
bool b2_frame_read_copy(const b2_frame_store *store, int64_t place, b2_buffer *buffer, b2_copy *copy);

/** Whether a copy tells of the committed state. */
bool b2_frame_copy_is_same(const b2_frame_store *store, const b2_copy *copy);

/** The same, and that nothing follows it. */
bool b2_frame_copy_fits(const b2_frame_store *store, const b2_copy *copy);

/** True if the copies in the file are those of the committed state. */
bool b2_frame_is_recorded(b2_frame_store *store);

/** Keep what lies behind a frame without chunks free of chunks, where copies have their places later. */
void b2_frame_save_places(b2_frame_store *store);

/**
 * Give up places in which somebody reads a chunk of an older state. To be called with the lock held, when
 * `base.holders` is known, before anything is written there.
 */
void b2_frame_check_places(b2_frame_store *store);

/**
 * Keep places for copies in an opened frame that has none, if nobody needs what is there. Between changes.
 * @param index  The committed one.
 */
void b2_frame_take_places(b2_frame_store *store, const b2_index *index);

/**
 * Write the copies of the state that `copy` and `header` tell of.
 * @param end  Of the frame: the far copy is written if there is room below.
 */
int b2_frame_write_copies(b2_frame_store *store, const b2_copy *copy, const uint8_t *header, int64_t end);

/**
 * Have the copies in the file say that a state is committed that they do not tell of. Others may have written
 * them meanwhile, and where this handle has no place for one.
 * @param index  Of the state that is being committed.
 * @param all    False: only those that this commit does not replace.
 */
int b2_frame_follow_copies(b2_frame_store *store, const b2_index *index, bool all);

/** Raise `copy.serial` to those of the copies in the file: the next one is later than all of them. */
void b2_frame_learn_serial(b2_frame_store *store);

/** From now on there are none: an older state must not be found by them. */
int b2_frame_void_copies(b2_frame_store *store);

/** A change that has written copies failed: those of the committed state again, or none. */
void b2_frame_restore_copies(b2_frame_store *store);

/** b2_store_ops.check_copies. */
int b2_frame_check_copies(b2_store *base, const b2_index *index, blosc2_note_fn *note, void *context,
                          bool *twice);

/** Write the committed tail to its mirror, and the copies; all that is there has been synced. */
int b2_frame_write_twice(b2_frame_store *store);

/* frame_commit.c */

int b2_frame_commit(b2_store *base, const b2_state *state, blosc2_workspace *workspace);
int b2_frame_flush(b2_store *base, const b2_index *index);
bool b2_frame_needs_lock(const b2_store *base);
int b2_frame_settle_locked(b2_store *base);
bool b2_frame_can_trim(const b2_store *base);
void b2_frame_trim(b2_store *base);

/** Write at a position of the section. */
int b2_frame_write(b2_frame_store *store, const void *bytes, int64_t count, int64_t location);

/** Cut the file at a position of the section, behind which nothing is needed. It may stay longer. */
void b2_frame_cut(b2_frame_store *store, int64_t end);

/** Bring the committed state to the medium, twice, with the lock held. */
int b2_frame_settle(b2_frame_store *store);

/** To the medium, all of it. A failure poisons the store. */
int b2_frame_sync(b2_frame_store *store);

/** All of the file, whoever wrote it: b2_store_ops.sync. */
int b2_frame_sync_all(b2_store *base);

/* frame_held.c */

/**
 * What the states need that others read, by `base.holders`.
 * @param needed  Extents, ascending and apart; owned by the store, until the next call.
 * @return False if it cannot be told.
 */
bool b2_frame_find_needed(b2_frame_store *store, const b2_extents **needed);

void b2_held_states_free(b2_held_states *states);

/** Say to others by what they know that the committed state is read: b2_locks_settle(). */
void b2_frame_name_state(b2_frame_store *store);

/* frame_space.c */

/** Whether the tail could be far before where it is: b2_store_ops.can_sink. */
bool b2_frame_can_sink(const b2_store *base, const b2_index *index);

/**
 * Bytes of a stored chunk without a tag, by its header; with the postscript behind it, if that verifies the
 * header. In sealed frames it must. 0 if they cannot be told.
 */
int64_t b2_frame_chunk_bytes(const b2_frame_store *store, int64_t location);

/** Before a change: free what may be, if that is worth it. @param index  The committed one. */
int b2_frame_prepare(b2_store *base, const b2_index *index);

/**
 * The extents of an index's stored chunks, as far as tags or headers tell (b2_frame_chunk_bytes()); others
 * reach up to the next chunk, or to `stop`.
 * @param out  Ascending; they may overlap, which is damage.
 * @return BLOSC2_OK or BLOSC2_E_MEMORY; `out` is to be freed either way.
 */
int b2_frame_find_extents(const b2_frame_store *store, const b2_index *index, int64_t stop, b2_extents *out);

/** Dead bytes that are no reason for a sync, whatever the section has: 1 MiB. Set to 0 by tests only. */
enum { B2_FRAME_DEAD_LEFT = 1 << 20 };
void b2_frame_leave_dead(int64_t bytes);

void b2_frame_drop(b2_store *base, int64_t location, int64_t bytes);

#endif
