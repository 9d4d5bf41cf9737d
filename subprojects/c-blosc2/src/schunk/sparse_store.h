/** What a sparse frame's store is made of: store_sparse.c, sparse_commit.c, sparse_sweep.c see it. */
#ifndef B2_SCHUNK_SPARSE_STORE_H
#define B2_SCHUNK_SPARSE_STORE_H

#include "schunk/store.h"

#define B2_SPARSE_INDEX_NAME "chunks.b2frame"

enum { B2_CHUNK_NAME_BYTES = 16 };

typedef struct b2_sparse_store {
    b2_store base;
    const b2_io *io;
    char *path;
    char *directory; /* where the files are: the temporary name before the first commit, else `path` */
    bool is_new;
    int64_t next;        /* number for the next chunk file */
    int64_t synced_next; /* files from here on may not be on the medium */
    bool is_unsynced;    /* nor may the index */
    bool has_new_name;   /* nor the directory's name */
    bool poisoned;       /* a sync failed */
    bool has_left_overs; /* or may have: files that no commit needs, or older ones alone */
    blosc2_durability durability;
    b2_identity identity; /* of the committed index file */
} b2_sparse_store;

/** Path of a file in the directory. @return NULL if memory is short, with the failure set; to be freed. */
char *b2_sparse_path(const b2_sparse_store *store, const char *name);

/** Name of a chunk file. @param out  B2_CHUNK_NAME_BYTES of room. */
void b2_sparse_chunk_name(int64_t number, char *out);

/** Path of a chunk file. @return As b2_sparse_path(). */
char *b2_sparse_chunk_path(const b2_sparse_store *store, int64_t number);

/* sparse_commit.c */

int b2_sparse_prepare(b2_store *base, const b2_index *index);
int b2_sparse_commit(b2_store *base, const b2_state *state, blosc2_workspace *workspace);
int b2_sparse_flush(b2_store *base);

#endif
