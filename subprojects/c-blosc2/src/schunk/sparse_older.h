/**
 * Older states of a directory that somebody may still read, as far as this handle has seen them: which files
 * they need. With them dead files go although there are readers: all but what these need.
 */
#ifndef B2_SCHUNK_SPARSE_OLDER_H
#define B2_SCHUNK_SPARSE_OLDER_H

#include "schunk/file_numbers.h"
#include "schunk/holders.h"

typedef struct b2_sparse_older_state {
    b2_numbers generations; /* of those who read it */
    b2_file_numbers files;  /* owned */
} b2_sparse_older_state;

/** `{0}` is empty. */
typedef struct b2_sparse_older {
    b2_sparse_older_state *items; /* owned */
    int count, room;
} b2_sparse_older;

/** Add a state. Its files pass to the list; if memory is short they are forgotten, and what they need is
 * kept. */
void b2_sparse_older_add(b2_sparse_older *older, b2_numbers generations, b2_file_numbers *files);

/** Forget states that nobody reads. */
void b2_sparse_older_forget(b2_sparse_older *older, const b2_holders *holders);

/** Whether of all that is read it is known what it needs. @param current  Generation of the committed state.
 */
bool b2_sparse_older_explain(const b2_sparse_older *older, const b2_holders *holders, uint64_t current);

/** Whether one of the states needs a file. */
bool b2_sparse_older_need(const b2_sparse_older *older, int64_t number);

/** Add copies of all states of another list; what memory is too short for is forgotten. */
void b2_sparse_older_inherit(b2_sparse_older *older, const b2_sparse_older *from);

void b2_sparse_older_free(b2_sparse_older *older);

#endif
