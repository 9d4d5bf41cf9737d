/**
 * A *redo record* is the end of a frame's file while its header is being replaced: it has the old header and
 * the new one, so that a header of which only some bytes were replaced can be completed. Pure: no I/O.
 * Byte layout: docs/design/durability.md, "Twice".
 */
#ifndef B2_FRAME_RECORD_H
#define B2_FRAME_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    B2_RECORD_FOOT_BYTES = 8,       /* size and checksum, at the end */
    B2_RECORD_HEADER_MAX = 1 << 22, /* headers are some hundred bytes: larger ones are not recorded */
};

/** Size of a record of headers of `header_bytes` bytes. */
int64_t b2_record_bytes(int32_t header_bytes);

/** Write b2_record_bytes() bytes. */
void b2_record_build(const uint8_t *old, const uint8_t *header, int32_t header_bytes, uint8_t *out);

/**
 * Check a record of b2_record_bytes() bytes, and what it says of the header that was found in its place.
 *
 * @param found   The header as it is in the file, header_bytes bytes.
 * @param header  Set to the header that should be there; points into `bytes`.
 * @return False if the record is not whole, if its headers state another size than `header_bytes`, or if a
 *         byte of `found` is neither the old header's nor the new one's.
 */
bool b2_record_parse(const uint8_t *bytes, const uint8_t *found, int32_t header_bytes,
                     const uint8_t **header);

#endif
