/**
 * Where chunks live: one small interface, three stores (memory, contiguous frame, sparse frame).
 *
 * A *location* is >= 0 and names a stored chunk until it is dropped; no two live chunks share one. A store
 * keeps what was committed readable until the next commit is through, and never overwrites it.
 */
#ifndef B2_SCHUNK_STORE_H
#define B2_SCHUNK_STORE_H

#include <stdbool.h>

#include "base/bytes.h"
#include "blosc2.h"
#include "frame/copy.h"
#include "io/io.h"
#include "schunk/file_numbers.h"
#include "schunk/holders.h"
#include "schunk/image.h"

typedef struct b2_store b2_store;

/** A chunk as it is stored. */
typedef struct b2_stored {
    const uint8_t *bytes;
    int32_t cbytes;
    const uint8_t *after; /* the postscript behind it; not counted by cbytes */
    int32_t after_bytes;  /* 0: none */
} b2_stored;

static inline b2_tag b2_stored_tag(const b2_stored *stored)
{
    uint32_t crc = stored->after_bytes ? b2_load_le32(stored->after + stored->after_bytes - 4) : 0;
    return (b2_tag){(uint32_t)stored->cbytes + (uint32_t)stored->after_bytes, crc};
}

typedef struct b2_store_ops {
    /* Bytes from the chunk's start on that may belong to it: an upper bound of its cbytes. */
    int (*room)(b2_store *store, int64_t location, int64_t *bytes);
    /* The bytes [0, bytes) of a chunk where they lie in memory, else NULL. */
    const uint8_t *(*map)(b2_store *store, int64_t location, int64_t bytes);
    int (*read)(b2_store *store, int64_t location, int64_t position, void *out, size_t bytes);
    /* Store a chunk, and right behind it what is outside of it: its postscript (`after_bytes` may be 0). */
    int (*put)(b2_store *store, const b2_stored *chunk, int64_t *location);
    /* A chunk that was put since the last commit, or that the last commit made dead, is not needed any more,
       but by readers of older commits (`has_readers`). `bytes` are those of its tag; 0: not known. */
    void (*drop)(b2_store *store, int64_t location, int64_t bytes);
    /* BLOSC2_E_CHANGED if what is stored is not what this store has committed or opened. */
    int (*check)(b2_store *store);
    /* A change begins. `index` is the committed one. */
    int (*prepare)(b2_store *store, const b2_index *index);
    /* Make `state` the committed one; on failure the old one still is. */
    int (*commit)(b2_store *store, const b2_state *state, blosc2_workspace *workspace);
    /* Forget what was put since the last commit (each was dropped before). */
    void (*rollback)(b2_store *store);
    /* The store takes the place of one that had an older state of the same: what that has written, or left to
     * do, is not forgotten. */
    void (*inherit)(b2_store *store, const b2_store *old);
    /* Bring what is committed to the medium, names too, whoever wrote it. `index` is the committed one. */
    int (*flush)(b2_store *store, const b2_index *index);
    /* The same, by who only reads, or may write nothing: no second copies are made. */
    int (*sync)(b2_store *store);
    /* Where in the file of a frame another one begins behind it; 0: there is none. What was looked at before
     * is not looked at again, while nobody else has made the file longer. */
    int (*find_neighbour)(b2_store *store, int64_t *found);
    /* True if there is more to do for that, with the lock held: settle(). */
    bool (*needs_lock)(const b2_store *store);
    /* The rest of a flush. If the lock is still needed after it, the state is to be committed once more. */
    int (*settle)(b2_store *store);
    /* True if one more commit would end far before the committed one. */
    bool (*can_sink)(const b2_store *store, const b2_index *index);
    /* Tell of each place where metadata that should be there twice is not. `twice`: it should be, as this is
     * the state that was flushed last. */
    int (*check_copies)(b2_store *store, const b2_index *index, blosc2_note_fn *note, void *context,
                        bool *twice);
    /* True if `trim` would do something. */
    bool (*can_trim)(const b2_store *store);
    /* Give back to the system what is not needed any more. After `prepare`. */
    void (*trim)(b2_store *store);
    /* Bytes of the chunks section, dead ones included; 0 where chunks lie each by itself. */
    int64_t (*section_bytes)(b2_store *store);
    /* Where a chunk is, for messages: a path, or "" in memory. */
    void (*describe)(b2_store *store, int64_t location, char *out, size_t bytes);
    void (*free)(b2_store *store);
} b2_store_ops;

struct b2_store {
    const b2_store_ops *ops;
    bool is_changing;    /* between prepare, and commit or rollback */
    bool has_readers;    /* somebody holds an older state: what it needs is kept. Set before `prepare` */
    b2_holders holders;  /* what they hold, asked at the same time */
    b2_numbers state;    /* those of the committed state, for others; count 0: its generation */
    uint64_t generation; /* of the committed state, where it has no numbers; B2_NUMBERS: not known */
    bool wants_space;    /* it would have used more dead space, had it been told what others read */
};

/** Chunks on the heap. A location is an address. */
int b2_store_memory_create(b2_store **out);

/** How a contiguous frame is to be made. */
typedef struct b2_new_frame {
    const char *path;     /* where it appears with the first commit; NULL: `io` is a memory file */
    bool replaces;        /* what is at `path` */
    int32_t header_bytes; /* for good: chunks follow it */
    blosc2_safety safety;
} b2_new_frame;

/** A new contiguous frame. @param io  Borrowed, outlives the store. */
int b2_store_frame_create(const b2_io *io, const b2_new_frame *frame, b2_store **out);

/** What was found of a contiguous frame when it was opened; all borrowed. */
typedef struct b2_opened {
    const char *path; /* "" if there is none */
    int64_t offset;   /* where in the file the frame starts */
    const b2_frame_header *header;
    const uint8_t *header_bytes; /* header->header_bytes of them, which it was parsed from */
    const uint8_t *damaged;      /* what is in their place in the file, if it is not them; else NULL */
    const uint8_t *fingerprint;  /* B2_FINGERPRINT_BYTES at its end */
    uint32_t flags;              /* the fingerprint's; 0 without one */
    b2_identity identity;        /* of the file, before it was opened */
    int64_t file_bytes;          /* from `offset` on */
    bool tail_is_damaged;        /* what was read is the tail's mirror */
    bool has_record;             /* the file ends with a record that completes the header */
    b2_copy copy;                /* where its tail is; what else is known of copies */
    blosc2_safety safety;
} b2_opened;

/** A committed contiguous frame. The file's ownership passes to the store, on failure too. */
int b2_store_frame_open(const b2_io *io, b2_file *file, const b2_opened *opened, b2_store **out);

/** A new sparse frame: a directory that appears at `path` with the first commit. */
int b2_store_sparse_create(const b2_io *io, const char *path, blosc2_durability durability, b2_store **out);

/** What was found of a sparse frame when it was opened; all borrowed, but what the store takes over. */
typedef struct b2_opened_directory {
    const char *path;
    const b2_index *index;
    blosc2_seal seal;
    b2_identity identity; /* of the index file, before it was opened; zeros: it is missing */
    blosc2_safety safety;
    b2_buffer bytes; /* of the state's index file, `bytes_count` of them; taken over */
    int64_t bytes_count;
    b2_file_numbers flushed; /* the files that the copy names; taken over */
    int64_t highest;         /* at least: an index that is not taken, but is still there, names it; or -1 */
    bool has_copy;           /* there is one that may be needed */
    bool is_copied;          /* it is of the state that is opened */
    bool is_proven;          /* what it names was on the medium when it was written */
    bool is_damaged;         /* the index file is, so that the state is the copy's */
    bool is_doubtful;        /* it is, and was read all the same: nothing is written */
} b2_opened_directory;

/** A committed sparse frame. */
int b2_store_sparse_open(const b2_io *io, b2_opened_directory *opened, b2_store **out);

/** The files that the copy names, in the store's hands. */
const b2_file_numbers *b2_store_sparse_flushed(const b2_store *store);

/** Of a sparse frame: `of` is the directory that the handle holds. Reads by its name are of that, or fail. */
void b2_store_sparse_hold(b2_store *store, const b2_identity *of);

/**
 * After a commit, and the drops that belong to it: flush if files that only the last flushed state needs have
 * more than 1 MiB, and than a quarter of the live bytes.
 */
void b2_store_sparse_bound(b2_store *store, int64_t live_bytes);

/**
 * After a commit, with the lock held and nobody reading older commits: remove files that neither the
 * committed nor the last flushed state names, if there may be some.
 */
void b2_store_sparse_sweep(b2_store *store);

/** Fail with BLOSC2_E_CHANGED. */
int b2_store_changed(const char *path);

/** The same where nothing has the name any more. */
int b2_store_gone(const char *path);

/** After a failure to make a temporary file or directory: put the name that the user knows into the message.
 */
int b2_store_cannot_create(int status, const char *path);

#endif
