/**
 * The second copy of a sparse frame's index file, `chunks.b2frame.copy`: of the state that was flushed last.
 * Other libraries know nothing of it. Bytes and reasons: docs/design/durability.md, "Directories".
 */
#ifndef B2_SCHUNK_SPARSE_COPY_H
#define B2_SCHUNK_SPARSE_COPY_H

#include "base/memory.h"
#include "io/io.h"

#define B2_SPARSE_INDEX_NAME "chunks.b2frame"
#define B2_SPARSE_COPY_NAME  "chunks.b2frame.copy"

/** Bytes behind the copied frame. */
enum { B2_SPARSE_FOOT_BYTES = 56 };

/** Write the foot behind the frame. @param own  Identity of the copy's file. @param index  Of the index file.
 */
void b2_sparse_foot_build(uint8_t *bytes, int64_t frame_bytes, const b2_identity *own,
                          const b2_identity *index);

typedef enum b2_sparse_copy_state {
    B2_SPARSE_COPY_MISSING,
    B2_SPARSE_COPY_DAMAGED,
    B2_SPARSE_COPY_WHOLE,
} b2_sparse_copy_state;

/** A copy that was read; `{0}` is none. */
typedef struct b2_sparse_copy {
    b2_sparse_copy_state state;
    b2_buffer bytes;     /* owned: the frame and its foot, if it is whole */
    int64_t frame_bytes; /* 0 if it is not */
    bool is_in_place;  /* the file is the one that was written, so that what it names was synced then: a copy
                          of the whole directory is another one */
    b2_identity index; /* of the index file that it was made of; its device is not known */
} b2_sparse_copy;

/**
 * Read the copy of a directory, and check it.
 * @param most  Bytes of a frame that are read at most; larger ones count as damaged. 0: any.
 * @return BLOSC2_OK, whatever was found; BLOSC2_E_MEMORY.
 */
int b2_sparse_copy_read(const b2_io *io, const char *directory, int64_t most, b2_sparse_copy *out);

void b2_sparse_copy_free(b2_sparse_copy *copy);

#endif
