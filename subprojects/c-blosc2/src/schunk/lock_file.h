/**
 * What a lock file holds: docs/format/frame-format.md 9. A file that has the name of one may be somebody's
 * own, or another name of a file elsewhere: it is told by its size, its content and its number of names, and
 * nothing is written into it.
 */
#ifndef B2_SCHUNK_LOCK_FILE_H
#define B2_SCHUNK_LOCK_FILE_H

#include "io/io.h"

/* 8 bytes that are the format's, its counter in host order, and behind what the format has, text that says
 * who has the lock. Others neither read that nor write there. */
enum {
    B2_LOCK_COUNTER_AT = 8,
    B2_LOCK_HOLDER_AT = 16,
    B2_LOCK_HOLDER_BYTES = 112,
    B2_LOCK_BYTES_MAX = B2_LOCK_HOLDER_AT + B2_LOCK_HOLDER_BYTES,
};

/** How the holder's text begins. */
#define B2_LOCK_HOLDER_START "caterva pid "

/** What was found in one. */
typedef struct b2_lock_file {
    b2_identity identity;
    bool has_holder; /* somebody is named */
} b2_lock_file;

/**
 * Check an open file that has the name of a lock file.
 * @param path  Its name, for the message.
 * @return BLOSC2_OK, or BLOSC2_E_IO (EEXIST): it is none, and the message says why and what to do.
 */
int b2_lock_file_check(const b2_io *io, b2_file *file, const char *path, b2_lock_file *out);

/** Remove the lock file at a path, if it is one. Failures do not matter. */
void b2_lock_file_remove(const b2_io *io, const char *path);

#endif
