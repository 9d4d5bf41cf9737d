/**
 * What the fingerprint at the end of a trailer says of header, index and trailer. Pure.
 * Byte layout and reasons: docs/design/durability.md, "Checksums".
 */
#ifndef B2_FRAME_FINGERPRINT_H
#define B2_FRAME_FINGERPRINT_H

#include <stdbool.h>
#include <stdint.h>

#include "frame/metalayers.h"

enum {
    B2_FINGERPRINT_BYTES = 17, /* type and value: the end of a trailer */

    /* flags */
    B2_FINGERPRINT_SEALED = 0x01,       /* each stored chunk has its postscript */
    B2_FINGERPRINT_TAGGED = 0x04,       /* the tags of all chunks lie right before the index (frame/tags.h) */
    B2_FINGERPRINT_SOFT_UNKNOWN = 0x02, /* the soft parts of the header are another writer's, unverified */
    B2_FINGERPRINT_DEAD_SHIFT = 8,      /* above: dead bytes of the section, in units of 4 KiB */
};

/** All that it is made of; borrowed. */
typedef struct b2_fingerprinted {
    const uint8_t
        *tags; /* of the tags what comes before the foot's CRCs, b2_tags_bound_bytes(); NULL: none */
    int64_t tags_bytes;
    const uint8_t *tail; /* chunk index and trailer, the fingerprint at its end */
    int64_t tail_bytes;
    const uint8_t *header;
    int32_t header_bytes;
    const b2_layers *fixed; /* the metalayers in that header */
} b2_fingerprinted;

/** Compute it. @param out Receives B2_FINGERPRINT_BYTES, the last ones of the tail. */
void b2_fingerprint_build(const b2_fingerprinted *of, uint32_t flags, uint8_t *out);

/** What is known of a frame by its fingerprint. */
typedef enum b2_fingerprint_verdict {
    B2_FINGERPRINT_NONE,         /* there is none */
    B2_FINGERPRINT_MATCHES,      /* nothing was changed */
    B2_FINGERPRINT_SOFT_CHANGED, /* only what others replace in a header alone: contents of metalayers,
                                    parameters of chunks to come */
} b2_fingerprint_verdict;

/**
 * Compare a frame with its fingerprint.
 * @param flags  Set if there is one.
 * @return BLOSC2_OK, or BLOSC2_E_CORRUPT: header, tags, index or trailer are not what was written.
 */
int b2_fingerprint_check(const b2_fingerprinted *of, b2_fingerprint_verdict *verdict, uint32_t *flags);

/** Its CRC of tags, chunk index and trailer, which binds other parts of the file to them. */
uint32_t b2_fingerprint_tail_crc(const uint8_t *bytes);

/** Whether tags, chunk index and trailer are what the fingerprint at their end says; no header is looked at.
 */
bool b2_fingerprint_fits_tail(const b2_fingerprinted *of);

/** True if there is one, right or not. @param flags Set then. */
bool b2_fingerprint_read(const uint8_t *bytes, uint32_t *flags);

#endif
