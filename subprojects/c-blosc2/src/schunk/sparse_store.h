/** What a sparse frame's store is made of: store_sparse.c, sparse_commit.c, sparse_sweep.c see it. */
#ifndef B2_SCHUNK_SPARSE_STORE_H
#define B2_SCHUNK_SPARSE_STORE_H

#include "base/memory.h"
#include "schunk/file_numbers.h"
#include "schunk/sparse_copy.h"
#include "schunk/sparse_older.h"
#include "schunk/store.h"

enum { B2_CHUNK_NAME_BYTES = 16 };

enum { B2_NUMBER_UNIT = 256 }; /* in which a fingerprint counts numbers of chunk files */

typedef struct b2_sparse_store {
    b2_store base;
    const b2_io *io;
    char *path;
    char *directory; /* where the files are: the temporary name before the first commit, else `path` */
    bool is_new;
    b2_identity of;    /* the directory that this handle holds, so that no other one is it; zeros: none */
    int64_t next;      /* number for the next chunk file */
    bool is_unsynced;  /* index, or names in the directory, may not be on the medium */
    bool has_new_name; /* nor the directory's name */
    bool poisoned;     /* a sync failed */
    bool is_reader;    /* files are synced as one can who may only read them: b2_sparse_sync() */
    int64_t left_over_count; /* since the last sweep */
    bool has_left_overs;     /* or may have: files that no commit needs, or older ones alone */
    blosc2_durability durability;

    /* The committed state, which is the index file's. */
    b2_identity identity; /* of that file; zeros: there is none */
    b2_buffer index;      /* what it holds */
    int64_t index_bytes;
    b2_file_numbers files; /* that it names */
    blosc2_seal seal;
    bool is_damaged;  /* the file does not hold it: the state is the copy's */
    bool is_doubtful; /* it does not fit its checksum: it is not copied */

    b2_sparse_older older;           /* states that others may read */
    b2_file_numbers replaced;        /* by the last commit */
    b2_numbers replaced_generations; /* of those who read that; count 0: there is none, or it is not known */

    /* The state that was flushed last, which is the copy's. */
    bool was_never_flushed; /* it was made here, and nothing of it is promised yet */
    bool has_copy;          /* there is one that may be needed: what it names is kept */
    bool is_copied;         /* it is of the committed state */
    bool is_proven;         /* what it names is known to be on the medium */
    b2_file_numbers flushed;
    int64_t dead_bytes; /* of files that the copy alone names; -1: not counted yet */
} b2_sparse_store;

/** Path of a file in the directory. @return NULL if memory is short, with the failure set; to be freed. */
char *b2_sparse_path(const b2_sparse_store *store, const char *name);

/** Name of a chunk file. @param out  B2_CHUNK_NAME_BYTES of room. */
void b2_sparse_chunk_name(int64_t number, char *out);

/** Number of a chunk file's name; -1 if it is not just that. */
int64_t b2_sparse_chunk_number(const char *name);

/** Path of a chunk file. @return As b2_sparse_path(). */
char *b2_sparse_chunk_path(const b2_sparse_store *store, int64_t number);

/** Remove a chunk file; never mind if it cannot be. */
void b2_sparse_remove_chunk(const b2_sparse_store *store, int64_t number);

/** Before the index is replaced: have `dead_bytes` known. */
void b2_sparse_count_dead(b2_sparse_store *store);

/** Make a new file in the directory one like its index: not one that anybody may read, of a private array. */
void b2_sparse_take_attributes(const b2_sparse_store *store, b2_file *file, b2_attributes what);

/** A file is dead, and left to a sweep. */
static inline void b2_sparse_leave(b2_sparse_store *store)
{
    store->has_left_overs = true;
    store->left_over_count++;
}

/* sparse_commit.c */

int b2_sparse_prepare(b2_store *base, const b2_index *index);
int b2_sparse_commit(b2_store *base, const b2_state *state, blosc2_workspace *workspace);

/* sparse_flush.c */

/** All that the committed state names to the medium, whoever wrote it. */
int b2_sparse_flush(b2_store *base, const b2_index *index);

/** The same, by who may only read. */
int b2_sparse_sync(b2_store *base);

/** Whether the copy is not yet of the committed state. */
bool b2_sparse_needs_lock(const b2_store *base);

/** Write the copy, with the lock held. */
int b2_sparse_settle(b2_store *base);

/** All of a flush, with the lock held. */
int b2_sparse_flush_locked(b2_sparse_store *store);

/** A failure to sync ends all writing: the system may have forgotten the bytes. @return `status`. */
int b2_sparse_poison(b2_sparse_store *store, int status);

/** Files of the set that may not be on the medium. @param synced  Set to whether there were any. */
int b2_sparse_sync_chunks(b2_sparse_store *store, const b2_file_numbers *files, bool *synced);

/** Names in the directory, and its own. */
int b2_sparse_sync_names(b2_sparse_store *store);

/** A new file with these bytes, synced if `durability` says so. It is removed on failure. */
int b2_sparse_write_file(b2_sparse_store *store, const char *path, const uint8_t *bytes, int64_t count,
                         blosc2_durability durability);

/** What an index file holds, and which it is. */
typedef struct b2_sparse_index {
    const uint8_t *bytes;
    int64_t count;
    const b2_identity *identity;
} b2_sparse_index;

/** A new file with a copy of that, synced. The same. */
int b2_sparse_write_copy(b2_sparse_store *store, const char *path, const b2_sparse_index *index);

/** The copy is of the committed state now, which is on the medium: what it alone named may go. Of `files`
 * nothing is left. */
void b2_sparse_was_flushed(b2_sparse_store *store, b2_file_numbers *files);

#endif
