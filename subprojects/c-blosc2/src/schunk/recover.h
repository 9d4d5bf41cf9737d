/** Finding what a frame's header should be where it is damaged: redo records, copies. Reads; changes nothing.
 */
#ifndef B2_SCHUNK_RECOVER_H
#define B2_SCHUNK_RECOVER_H

#include <stdbool.h>

#include "base/memory.h"
#include "frame/copy.h"
#include "io/io.h"

/**
 * The header that a redo record at the end of the file completes.
 * @param found   Set to the header as it is in the file; owned by the caller.
 * @param header  Set to what it should be; left empty if there is no such record.
 * @return BLOSC2_OK, or a failure to read.
 */
int b2_recover_header(const b2_io *io, b2_file *file, b2_buffer *found, b2_buffer *header);

enum { B2_COPIES_MAX = 4 };

/** The copies of headers that a file has, latest first. */
typedef struct b2_copies {
    b2_copy items[B2_COPIES_MAX]; /* their headers lie in `bytes` */
    int count;
    b2_buffer bytes; /* owned */
} b2_copies;

/**
 * Whether the near copy of a header is of that very header, and of another tail: then the tail is damaged,
 * for others who replace it replace the header, too.
 */
bool b2_recover_disagrees(const b2_io *io, b2_file *file, const uint8_t *header, int32_t header_bytes,
                          uint32_t tail_crc);

/**
 * Look for copies where they may be, whatever the header says of itself.
 * @return BLOSC2_OK, or a failure to read.
 */
int b2_recover_copies(const b2_io *io, b2_file *file, b2_copies *out);

#endif
