/** A super-chunk written as a contiguous frame of its own. */
#ifndef B2_SCHUNK_EXPORT_H
#define B2_SCHUNK_EXPORT_H

#include "schunk/schunk.h"

/** A frame that is being made of another super-chunk. */
typedef struct b2_copy_job {
    const blosc2_schunk *from;
    blosc2_seal seal;   /* of the new one */
    b2_new_frame frame; /* where it is to be; its header's size is filled in */
    blosc2_workspace *workspace;
    b2_buffer postscript; /* empty */
} b2_copy_job;

/**
 * Write and commit it: chunks in order, no gaps.
 * @param out    The store that has it.
 * @param index  Set to where its chunks are; owned by the caller.
 */
int b2_copy_frame(b2_copy_job *job, const b2_io *io, b2_store **out, b2_index *index);

#endif
