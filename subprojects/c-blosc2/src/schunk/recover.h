/** Looking for the header that a damaged one should be: docs/design/durability.md, "Header records". */
#ifndef B2_SCHUNK_RECOVER_H
#define B2_SCHUNK_RECOVER_H

#include "base/memory.h"
#include "frame/record.h"
#include "io/io.h"

/**
 * Read the record of a kind, if there is one and it belongs to the header that is there.
 *
 * @param found   Set to the header as it is in the file, if a record is found.
 * @param header  Set to what it should be; left empty if there is no such record.
 * @return BLOSC2_OK, found or not; BLOSC2_E_IO, BLOSC2_E_MEMORY.
 */
int b2_recover_header(const b2_io *io, b2_file *file, b2_record_kind kind, b2_buffer *found,
                      b2_buffer *header);

#endif
