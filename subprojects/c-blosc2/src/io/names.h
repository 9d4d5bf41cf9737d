/**
 * The names of one frame: the path that the user gave, where it leads, and the names made of it. Links, and
 * what counts from the working directory, are resolved once, when a frame is made or opened; after that its
 * data, lock file and temporary files are found by the resolved path, and messages show the user's. Design:
 * docs/design/processes.md, "Names".
 *
 * The caller goes on using the user's path, and names made of it ("PATH.b2lock", "PATH/NAME",
 * "PATH.tmp-..."): a table of functions stands between, and translates.
 */
#ifndef B2_IO_NAMES_H
#define B2_IO_NAMES_H

#include "io/io.h"

typedef struct b2_names b2_names;

/** Most bytes of a name in a directory. A lock or temporary file whose name would be longer gets one that is
 * made of a hash. */
enum { B2_NAME_BYTES_MAX = 255 };

/**
 * Resolve a path. One that leads nowhere yet is resolved as far as it is there.
 * @param inner  Copied; its context must outlive the names.
 * @param out    With one reference.
 * @return BLOSC2_OK or BLOSC2_E_MEMORY.
 */
int b2_names_create(const b2_io *inner, const char *path, b2_names **out);

/** One more reference. */
b2_names *b2_names_hold(b2_names *names);

/** One reference less; the last one frees it, and its table. NULL is fine. */
void b2_names_release(b2_names *names);

/** The table that translates. */
const b2_io *b2_names_io(b2_names *names);

/** Where a name made of the user's path really is; to be released by b2_free(), NULL and a message when
 * memory is short. */
char *b2_names_real(const b2_names *names, const char *path);

/** How far b2_names_sweep() looks. */
typedef enum b2_sweep {
    B2_SWEEP_SELDOM, /* not each time where the directory has many entries: constructors, of which there may
                        be many */
    B2_SWEEP_NOW,
} b2_sweep;

/**
 * Remove what processes that died on this host have left beside the frame: files and directories
 * "NAME.tmp-<pid>-<random and host>" (io/temporary.c). Failures do not matter.
 */
void b2_names_sweep(const b2_names *names, b2_sweep how);

#endif
