/** Opening sparse frames, by their index file or by its copy. */
#ifndef B2_SCHUNK_SPARSE_OPEN_H
#define B2_SCHUNK_SPARSE_OPEN_H

#include "schunk/schunk.h"

/**
 * Open the directory at the path of a super-chunk, which has its settings. Nothing is written.
 *
 * If the index file cannot be used, or names chunks that have not reached the medium, the state of its copy
 * is taken: `recovered` says whether that is the same one. A handle that is opened in the place of another
 * (`is_again`) takes no older state. docs/design/durability.md, "Directories".
 * @return As blosc2_schunk_open_origin(); also BLOSC2_E_CHANGED: others are writing, open again.
 */
int b2_open_sparse(const b2_io *io, blosc2_schunk *schunk);

#endif
