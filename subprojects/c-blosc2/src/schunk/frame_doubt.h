/**
 * Whether a contiguous frame that was opened by its header should be opened by the copies of that instead:
 * docs/design/durability.md, "Twice".
 */
#ifndef B2_SCHUNK_FRAME_DOUBT_H
#define B2_SCHUNK_FRAME_DOUBT_H

#include "blosc2.h"

typedef enum b2_doubt {
    B2_DOUBT_NONE,
    B2_DOUBT_OLD_HEADER, /* the copies tell of a state that nothing followed: the header has lost a write */
    B2_DOUBT_UNFLUSHED,  /* they tell of an older one: what has been put since may be lost */
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

/** Position in the section of the first sector's end: what begins below it may be lost with the header. */
int64_t b2_frame_first_sector(const blosc2_schunk *schunk);

/**
 * Whether each chunk that begins at `from` or behind is the one that its tag tells of, by the last bytes of
 * its checksums. @return BLOSC2_E_CORRUPT if one is not.
 */
int b2_frame_check_ends(const blosc2_schunk *schunk, int64_t from);

#endif
