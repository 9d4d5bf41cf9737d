/** Reading what a frame says of itself, from an open file into a super-chunk. Every byte is checked. */
#ifndef B2_SCHUNK_LOAD_H
#define B2_SCHUNK_LOAD_H

#include "base/memory.h"
#include "frame/copy.h"
#include "frame/fingerprint.h"
#include "frame/frame.h"
#include "io/io.h"
#include "schunk/schunk.h"

/** Which of the two tails of a state is to be read. */
typedef enum b2_tail_choice {
    B2_TAIL_IN_PLACE,
    B2_TAIL_AS_COPIED, /* the same, as a copy of the header tells of it */
    B2_TAIL_MIRROR,    /* its second copy */
} b2_tail_choice;

/** A frame's file while it is being opened. */
typedef struct b2_frame_file {
    const b2_io *io;
    b2_file *file;
    int64_t offset;    /* of the frame in the file */
    int64_t available; /* bytes from there on */
    b2_frame_header header;
    b2_identity identity;   /* taken before the file was opened, so that a later change of it shows */
    b2_buffer header_bytes; /* what `header` was parsed from, metalayers included; owned */
    uint8_t fingerprint[B2_FINGERPRINT_BYTES];
    uint32_t flags;    /* of the fingerprint; 0 without one */
    b2_buffer instead; /* a header to be taken instead of the file's, which is damaged; owned */
    b2_buffer found;   /* the file's then; owned */
    b2_copy copy;      /* where the tail is, as it was read or is to be read; header not set */
    b2_tail_choice choice;
    bool lost_header; /* there is none in its place, nor one with some flipped bits */
    bool is_lenient;  /* checksums are not compared: nothing else is left */
    uint32_t seen;    /* CRC of all bytes that were read: to tell whether they change meanwhile */
} b2_frame_file;

/**
 * Read header, index and trailer. Bytes that another process replaces meanwhile are read again; a header that
 * a crash has damaged is completed, or replaced by an older one (schunk/recover.h).
 * @param frame  With io, file, offset and identity; the rest is filled in. Its buffers pass to the caller, on
 *               failure too.
 * @return Also BLOSC2_E_CHANGED: open the file again, others have written to it meanwhile.
 */
int b2_load_frame(b2_frame_file *frame, b2_frame_type type, blosc2_schunk *schunk);

void b2_frame_file_free(b2_frame_file *frame); /* its buffers; not the file */

/* load_index.c */

/** Decode the chunk index. @param bytes  From its start to the trailer. */
int b2_load_index(const b2_frame_header *header, const uint8_t *bytes, int64_t available,
                  blosc2_schunk *schunk);

/** Last location that it mentions; -1 if it mentions none. */
int64_t b2_index_highest(const b2_index *index);

/** BLOSC2_E_CORRUPT if two chunks of a sparse frame share a file: it would go when one of them is replaced.
 */
int b2_index_check_files(const b2_index *index);

#endif
