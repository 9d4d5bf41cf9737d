/** Comparing the index file of a sparse frame with its copy, and mending what is damaged of the two. */
#ifndef B2_SCHUNK_SPARSE_REPAIR_H
#define B2_SCHUNK_SPARSE_REPAIR_H

#include "schunk/schunk.h"

/**
 * Compare both files, as they are on the disk, with the state that the store has. Told of: an index that is
 * missing or has other bytes; a copy that is missing or damaged, but in a directory of another library, or
 * before the first flush; and where the two differ though they may be of one state. A copy of an older state,
 * before a flush, is none of that.
 * @param twice  Set to whether there should be a copy of this state.
 * @return BLOSC2_OK, whatever was found; BLOSC2_E_CHANGED (others have written since), BLOSC2_E_MEMORY.
 */
int b2_sparse_check_copies(b2_store *base, const b2_index *index, blosc2_note_fn *note, void *context,
                           bool *twice);

/**
 * Make both files again that are damaged, from what the handle has, which was checked when it was opened; and
 * bring all to the medium. The lock is taken. Nothing is written where nothing is wrong.
 *
 * @param mended  Set to how many files were damaged: 0, 1 or 2.
 * @return BLOSC2_OK; BLOSC2_E_CORRUPT: the state that was opened may be older than the damaged one, and is
 *         not accepted, or was read unverified, so that it cannot stand for it; BLOSC2_E_READ_ONLY,
 *         BLOSC2_E_CHANGED, BLOSC2_E_LOCKED, BLOSC2_E_IO, BLOSC2_E_MEMORY; BLOSC2_E_ARGUMENT: a change is
 *         open.
 */
int b2_sparse_repair_copies(blosc2_schunk *schunk, blosc2_mend accepted, int *mended);

#endif
