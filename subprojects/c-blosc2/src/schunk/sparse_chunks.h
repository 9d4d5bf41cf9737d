/** Whether the chunk files of a sparse frame are there, as far as a power cut is concerned. */
#ifndef B2_SCHUNK_SPARSE_CHUNKS_H
#define B2_SCHUNK_SPARSE_CHUNKS_H

#include "schunk/schunk.h"

/**
 * Look for a chunk that has not reached the medium, among those whose files are not in `known`: its file is
 * missing or short, or has zeros where it does not match its checksums. Other damage is none of that: it
 * costs its own block, and is found when that is read.
 *
 * All bytes of the first 64 MiB are looked at, and of the rest size, header and checksums.
 * @param lost  Set to the number of such a chunk, or to -1.
 * @return BLOSC2_OK, BLOSC2_E_IO, BLOSC2_E_MEMORY, BLOSC2_E_INTERRUPTED.
 */
int b2_sparse_find_lost(blosc2_schunk *schunk, const b2_file_numbers *known, int64_t *lost);

/**
 * Whether all chunk files that the index names are there, each with its size, and its header as it was
 * written.
 * @return BLOSC2_OK; BLOSC2_E_CORRUPT, whose message says which is not; others as above.
 */
int b2_sparse_check_files(blosc2_schunk *schunk);

/**
 * Whether there are chunk files in the directory that are not in `known`. @param found  True also where the
 * directory cannot be listed. @return BLOSC2_OK or BLOSC2_E_MEMORY.
 */
int b2_sparse_find_others(const b2_io *io, const char *directory, const b2_file_numbers *known, bool *found);

#endif
