/** Names of files that are being written, and what is left of them when a process dies. */
#ifndef B2_IO_TEMPORARY_H
#define B2_IO_TEMPORARY_H

#include "io/io.h"

/**
 * Find a temporary part ".tmp-<pid>-<16 hexadecimal digits>" in a path or message.
 * @param bytes  Set to its length.
 * @return Where it begins, or NULL.
 */
const char *b2_temporary_find(const char *text, size_t *bytes);

/**
 * Remove the temporary files and directories whose names begin with `stem` in `directory`, and which were
 * made by processes of this host that are no more. Failures are left in the thread's message.
 * @param entries  Set to how many entries the directory has.
 */
void b2_temporary_sweep(const b2_io *io, const char *directory, const char *stem, int64_t *entries);

#endif
