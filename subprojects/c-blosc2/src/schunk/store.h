/**
 * Where chunks live: one small interface, three stores (memory, contiguous frame, sparse frame).
 *
 * A *location* is >= 0 and names a stored chunk until it is dropped; no two live chunks share one. A store
 * keeps what was committed readable until the next commit is through, and never overwrites it.
 */
#ifndef B2_SCHUNK_STORE_H
#define B2_SCHUNK_STORE_H

#include <stdbool.h>

#include "blosc2.h"
#include "io/io.h"
#include "schunk/image.h"

typedef struct b2_store b2_store;

/** A chunk as it is stored. */
typedef struct b2_stored {
    const uint8_t *bytes;
    int32_t cbytes;
    const uint8_t *after; /* the postscript behind it; not counted by cbytes */
    int32_t after_bytes;  /* 0: none */
} b2_stored;

typedef struct b2_store_ops {
    /* Bytes from the chunk's start on that may belong to it: an upper bound of its cbytes. */
    int (*room)(b2_store *store, int64_t location, int64_t *bytes);
    /* The bytes [0, bytes) of a chunk where they lie in memory, else NULL. */
    const uint8_t *(*map)(b2_store *store, int64_t location, int64_t bytes);
    int (*read)(b2_store *store, int64_t location, int64_t position, void *out, size_t bytes);
    /* Store a chunk, and right behind it what is outside of it: its postscript (`after_bytes` may be 0). */
    int (*put)(b2_store *store, const b2_stored *chunk, int64_t *location);
    /* A chunk that was put since the last commit, or that the last commit made dead, is not needed any more,
       but by readers of older commits (`has_readers`). */
    void (*drop)(b2_store *store, int64_t location);
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
    /* Bring what is committed to the medium, names too. */
    int (*flush)(b2_store *store);
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
    bool is_changing; /* between prepare, and commit or rollback */
    bool has_readers; /* somebody holds an older state: what it needs is kept. Set before `prepare` */
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
    int64_t lowest;              /* location of the first chunk; INT64_MAX: none is stored */
    blosc2_safety safety;
} b2_opened;

/** A committed contiguous frame. The file's ownership passes to the store, on failure too. */
int b2_store_frame_open(const b2_io *io, b2_file *file, const b2_opened *opened, b2_store **out);

/** A new sparse frame: a directory that appears at `path` with the first commit. */
int b2_store_sparse_create(const b2_io *io, const char *path, blosc2_durability durability, b2_store **out);

/** What was found of a sparse frame when it was opened; all borrowed. */
typedef struct b2_opened_directory {
    const char *path;
    int64_t highest;      /* chunk file number that its index mentions, or -1 */
    b2_identity identity; /* of the index file, before it was opened */
    blosc2_safety safety;
} b2_opened_directory;

/** A committed sparse frame. */
int b2_store_sparse_open(const b2_io *io, const b2_opened_directory *opened, b2_store **out);

/**
 * After a commit, with the lock held and nobody reading older commits: remove files that `index` does not
 * name, if there may be some.
 */
void b2_store_sparse_sweep(b2_store *store, const b2_index *index);

/** Fail with BLOSC2_E_CHANGED. */
int b2_store_changed(const char *path);

/** After a failure to make a temporary file or directory: put the name that the user knows into the message.
 */
int b2_store_cannot_create(int status, const char *path);

#endif
