/**
 * Whether a contiguous frame that was opened by its header should be opened by the copies of that instead:
 * docs/design/durability.md, "Twice".
 */
#ifndef B2_SCHUNK_FRAME_DOUBT_H
#define B2_SCHUNK_FRAME_DOUBT_H

#include "blosc2.h"

typedef enum b2_doubt {
    B2_DOUBT_NONE,
    B2_DOUBT_OLD_HEADER, /* the far copy tells of a later state: the first sector has lost a write */
    B2_DOUBT_UNFLUSHED,  /* the copies tell of an older one: what has been put since may be lost */
} b2_doubt;

/**
 * Compare the header with its copies; reads these.
 * @param serial  Set to that of the copy whose state may be better.
 */
b2_doubt b2_frame_doubt(const blosc2_schunk *schunk, uint64_t *serial);

/** Serial number of the copy by which a frame was opened. */
uint64_t b2_frame_serial(const blosc2_schunk *schunk);

/**
 * Whether chunks are not on the medium that have been put since a flush: others are in their places, or
 * nothing, or a part. A flipped bit is not that. The first 64 MiB are read, of the rest the checksums.
 * @param flushed  The flushed state.
 * @return A status; `lost` is set.
 */
int b2_frame_find_lost(const blosc2_schunk *schunk, const blosc2_schunk *flushed, bool *lost);

/** Whether each chunk is the one that its tag tells of, by the last bytes of its checksums. */
int b2_frame_check_ends(const blosc2_schunk *schunk);

#endif
