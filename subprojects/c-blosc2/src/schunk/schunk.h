/** What a super-chunk is made of. Seen by src/schunk only. */
#ifndef B2_SCHUNK_SCHUNK_H
#define B2_SCHUNK_SCHUNK_H

#include <stdatomic.h>

#include "blosc2.h"
#include "frame/metalayers.h"
#include "io/io.h"
#include "io/names.h"
#include "schunk/index.h"
#include "schunk/locks.h"
#include "schunk/store.h"

/** A chunk that a change replaces. */
typedef struct b2_dead_chunk {
    int64_t location, bytes; /* as b2_store_ops.drop takes them */
} b2_dead_chunk;

/** Parameters that a reload has found: who was given them may still look at them. */
typedef struct b2_shown_cparams {
    blosc2_cparams cparams;
    struct b2_shown_cparams *before;
} b2_shown_cparams;

struct blosc2_schunk {
    /* What other threads may ask for at any time, while one changes or reloads the super-chunk. It stays as
     * long as the handle, or is atomic. */
    blosc2_home home;
    blosc2_mode mode;
    char *path; /* owned; "" in memory */
    blosc2_safety safety;
    blosc2_cparams opened_cparams;         /* `cparams` as it was made or opened */
    _Atomic(const blosc2_cparams *) shown; /* what `cparams` is now; NULL: `opened_cparams` */
    b2_shown_cparams *reloaded_cparams;    /* owned: what `shown` was and is */
    _Atomic(blosc2_recovery) recovered;
    _Atomic(blosc2_seal) seal;    /* other than NONE: chunks that are put have a postscript */
    _Atomic(int32_t) chunk_bytes; /* 0: sizes vary */
    _Atomic(int32_t) block_bytes;
    _Atomic(int64_t) nbytes;

    /* What makes the handle. */
    int64_t offset;           /* of the frame in its file */
    blosc2_accept_fn *accept; /* blosc2_schunk_on_reload(); NULL: what has the same item size */
    void *accept_context;
    blosc2_name_fn *name_chunk; /* blosc2_schunk_name_chunks() */
    const void *namer;
    int64_t max_bytes; /* blosc2_schunk_set_max_bytes() */
    bool stays;        /* a change of its own is not begun on what others have committed since */
    bool prefers_copy; /* of the header, where the one in its place may be another library's or damaged */
    bool takes_copy;   /* of the header, whatever the one in its place says */
    const b2_io *io;
    b2_names *names; /* outside of memory: where `path` leads; `io` is its table. One reference */
    bool is_mapped;
    blosc2_workspace *workspace; /* for commits: index and metalayers */

    /* The state: from here on, a reload exchanges all. */
    blosc2_cparams cparams;
    bool is_doubtful; /* header, index or tags do not fit their checksums, and were not asked for them */
    bool verifies;    /* each stored chunk has one, and what is read is checked */
    bool is_foreign;  /* opened without a seal on chunks: nobody vouches for those that have no postscript */
    bool doubts_layers; /* in memory, where there is no seal to say so: blosc2_schunk_doubt_layers() */
    b2_locks locks;
    b2_identity seen;     /* of a file, as this handle has read or written it last */
    int64_t stored_bytes; /* sum of the live chunks' cbytes; -1: not known yet */
    int64_t files_bytes;  /* the same as a sparse frame's header has it, which other writers may have made;
                             kept up */
    b2_index index;
    b2_layers fixed;
    b2_layers variable; /* each content a chunk, as the trailer has it: decoded when asked for */

    b2_store *store;
    b2_io *own_io; /* a memory file or a source, released with the super-chunk by `free_own_io` */
    void (*free_own_io)(b2_io *io);
    b2_buffer postscript; /* of the chunk that is put */

    /* An open change. `before` is the committed state that rollback restores. */
    bool changing;
    bool is_unflushed; /* this handle has committed something since it was flushed */
    bool committed;    /* ever: before that there is nothing at the path */
    bool is_changed;   /* something differs from `before` */
    bool is_again;     /* opened to take the place of a handle that has a state already */
    struct {
        b2_index index;
        b2_layers fixed, variable;
        int32_t chunk_bytes, block_bytes;
        int64_t nbytes, stored_bytes, files_bytes;
        blosc2_seal seal;
        bool verifies;
    } before;
    b2_index
        arranged; /* `before.index` in the order that the chunks were given since; no entries: the same */
    struct {
        b2_dead_chunk *items; /* owned */
        int64_t count, room;
    } dead; /* what the commit makes dead */
};

/** An empty one; `path` is copied, NULL for memory. */
int b2_schunk_new(blosc2_home home, const char *path, blosc2_schunk **out);

/** Find out where its path leads, for good. @param io  The table to use there, which is copied. */
int b2_schunk_resolve(blosc2_schunk *schunk, const b2_io *io);

/** I/O of super-chunks made or opened from now on; NULL: the system's. Tests only, before any thread starts.
 */
void b2_schunk_use_io(const b2_io *io);

/**
 * After a commit: move a frame in memory to a new one when most of it is dead bytes. Nobody else can be
 * reading it. Without memory for that it stays as it is.
 */
void b2_schunk_compact_memory(blosc2_schunk *schunk);

/** BLOSC2_E_CORRUPT if an older state was opened, and is not accepted; the message says what that means. */
int b2_schunk_check_accepted(const blosc2_schunk *schunk, blosc2_mend accepted);

/** BLOSC2_E_CORRUPT if a whole copy says other things of metalayers or parameters than what was opened: a
 * repair would not know which of them is right. */
int b2_schunk_check_doubts(const blosc2_schunk *schunk);

/** The change is over, all is committed or rolled back: what it replaced is forgotten. */
void b2_schunk_end_change(blosc2_schunk *schunk);

/**
 * Open what is at the path of `like` now, with the settings of `like`.
 * Failures: those of blosc2_schunk_open_origin().
 */
int b2_schunk_open_again(const blosc2_schunk *like, blosc2_schunk **out);

/**
 * Before a change, with the lock held: have what is committed now, by whomever.
 * @return BLOSC2_OK, BLOSC2_E_CHANGED (gone, or of another kind, or the handle does not lock), and the
 * failures of b2_schunk_open_again().
 */
int b2_schunk_catch_up(blosc2_schunk *schunk);

/**
 * Set `has_readers` of the store, with the lock held. Who has read a header or index has told of it before,
 * so that after they were replaced nobody is missed who reads the older ones.
 */
void b2_schunk_look_for_readers(blosc2_schunk *schunk);

/** True if others have written what is stored since this handle knows it, or it cannot be looked at. */
bool b2_schunk_is_stale(const blosc2_schunk *schunk);

/** Take note of how the file is now: before it is read, and when it was written. */
void b2_schunk_look(blosc2_schunk *schunk);

/** Its state for a store. */
b2_state b2_schunk_state(const blosc2_schunk *schunk);

/**
 * A chunk as it is to be stored, with its postscript if there is a seal.
 * @param postscript  What the result's `after` lies in.
 */
int b2_schunk_stored(const blosc2_view *view, blosc2_seal seal, b2_buffer *postscript, b2_stored *out);

/** cbytes of a stored chunk, from its header, verified. */
int b2_schunk_chunk_cbytes(const blosc2_schunk *schunk, int64_t location, int64_t *cbytes);

/**
 * A frame that was opened without a fingerprint: has another writer taken it away? There are postscripts
 * behind chunks then. Sets the seal; reads a few bytes, which may fail unnoticed.
 */
void b2_schunk_probe(blosc2_schunk *schunk);

/** Whether each chunk is the one that the index tells of; blocks are not looked at. @return As
 * blosc2_schunk_view(). */
int b2_schunk_check_whole(const blosc2_schunk *schunk);

/**
 * The whole chunk as it is stored, not verified, whatever the seal.
 * @param postscript  Set to the b2_postscript_bytes() behind it, or to NULL: no room, or not stored.
 */
int b2_schunk_view_unverified(const blosc2_schunk *schunk, int64_t chunk, blosc2_workspace *workspace,
                              blosc2_view *view, const uint8_t **postscript);

/**
 * Say where a failure to read a chunk was. Bytes that do not fit are damaged only if nobody else has changed
 * the file since it was opened: BLOSC2_E_CHANGED if somebody has, else `status`.
 */
int b2_schunk_blame(const blosc2_schunk *schunk, int64_t chunk, int status);

/** True if each stored chunk has its postscript, by which it can be verified. */
static inline bool b2_schunk_is_sealed(const blosc2_schunk *schunk)
{
    return schunk->seal == BLOSC2_SEAL_WHOLE || schunk->seal == BLOSC2_SEAL_LAYERS;
}

/**
 * Find out whether a chunk is as it was written, in a frame that is not sealed: by the postscript behind it
 * if that is its own, else by decoding all of it.
 * @param postscript  Behind the chunk; NULL: none.
 */
int b2_schunk_vouch(const blosc2_view *view, const uint8_t *postscript, blosc2_workspace *workspace);

/** The seal that copies get, if they get one: metalayers in doubt stay so. */
blosc2_seal b2_schunk_seal_of_copies(const blosc2_schunk *schunk);

/** Content bytes of a chunk of fixed size, the last one too. */
int32_t b2_schunk_fixed_nbytes(const blosc2_schunk *schunk, int64_t chunk);

#endif
