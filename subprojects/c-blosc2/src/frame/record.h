/**
 * Copies of a frame's header, kept in its file for the day on which the header itself is damaged. Pure: no
 * I/O. Byte layout: docs/design/durability.md, "Header records".
 *
 * A *redo record* is the file's end while a header is being replaced: it has the old one and the new one, so
 * that a header of which only some bytes were replaced can be completed. A *checkpoint* lies right
 * behind the header, and has the header of the last state that is known to be on the medium.
 */
#ifndef B2_FRAME_RECORD_H
#define B2_FRAME_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum b2_record_kind { B2_RECORD_REDO = 1, B2_RECORD_CHECKPOINT = 2 } b2_record_kind;

enum {
    B2_RECORD_FOOT_BYTES = 8,       /* size and checksum, at the end */
    B2_RECORD_HEADER_MAX = 1 << 22, /* headers are some hundred bytes: larger ones are not recorded */
};

/** Size of a record of headers of `header_bytes` bytes. */
int64_t b2_record_bytes(b2_record_kind kind, int32_t header_bytes);

/** Write b2_record_bytes() bytes. @param old  NULL in a checkpoint. */
void b2_record_build(b2_record_kind kind, const uint8_t *old, const uint8_t *header, int32_t header_bytes,
                     uint8_t *out);

/** True if these B2_RECORD_FOOT_BYTES bytes may end a record of headers of this size. */
bool b2_record_foot_fits(b2_record_kind kind, const uint8_t *foot, int32_t header_bytes);

/**
 * Check a record of b2_record_bytes() bytes, and what it says of the header that was found in its place.
 *
 * @param found   The header as it is in the file, header_bytes bytes.
 * @param header  Set to the header that should be there; points into `bytes`.
 * @return False if the record is not whole; or, of a redo record, if a byte of `found` is neither the old
 *         header's nor the new one's.
 */
bool b2_record_parse(b2_record_kind kind, const uint8_t *bytes, const uint8_t *found, int32_t header_bytes,
                     const uint8_t **header);

#endif
