/**
 * Another frame in the file of a frame, behind it: a container of several arrays. A change of the first would
 * destroy it. What a commit, a crash, or readers of older states leave behind a frame is none, though it may
 * have frames inside: records and copies of the header, chunks, tails. Design: docs/design/processes.md,
 * "Names".
 */
#ifndef B2_SCHUNK_NEIGHBOUR_H
#define B2_SCHUNK_NEIGHBOUR_H

#include "frame/frame.h"
#include "io/io.h"

/** The frame that begins a file. */
typedef struct b2_first_frame {
    const b2_io *io;
    b2_file *file;
    int64_t frame_bytes; /* frame_len */
    int64_t held_bytes;  /* the same of older states that are read: what lies below is of this frame. Or 0 */
    int64_t file_bytes;  /* it ends there */
    int32_t header_bytes;
    int32_t chunk_bytes; /* <= 0: they vary */
} b2_first_frame;

/**
 * Find the first frame behind: the magic, and a header that is right and whose frame_len lies inside of the
 * file. Reads all that is there, in pieces.
 * @param found  Set to its position in the file; 0: there is none.
 * @return BLOSC2_OK, BLOSC2_E_IO, BLOSC2_E_MEMORY, BLOSC2_E_INTERRUPTED.
 */
int b2_find_neighbour(const b2_first_frame *first, int64_t *found);

#endif
