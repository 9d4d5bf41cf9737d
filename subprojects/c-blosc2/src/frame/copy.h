/**
 * The second copy of a frame's header, and where the copies of its tail are. Pure: no I/O.
 *
 * It tells of the state that was flushed last. Two of them are in a file: one right behind the header, one
 * in another sector (schunk/frame_copies.h). Byte layout and reasons: docs/design/durability.md, "Twice".
 */
#ifndef B2_FRAME_COPY_H
#define B2_FRAME_COPY_H

#include <stdbool.h>
#include <stdint.h>

/* A sector is what a medium loses at once. From B2_COPY_FAR_MIN on a file is large enough that its copies are
 * in other sectors, too. */
enum { B2_COPY_SECTOR = 4096, B2_COPY_FAR_MIN = 2 * B2_COPY_SECTOR };

enum { B2_COPY_MAGIC_BYTES = 8, B2_COPY_HEADER_AT = 56, B2_COPY_OVERHEAD = 64, B2_COPY_CRC_BYTES = 4 };

/** Serial numbers are below: one that is not is nobody's, and the next one can be counted. */
#define B2_SERIAL_LIMIT (UINT64_C(1) << 62)

/** What stands behind the magic: what kind of record it is. */
enum { B2_KIND_REDO = 1, B2_KIND_COPY = 3 };

/** What begins each one, and the other records of a header. */
extern const uint8_t b2_copy_magic[B2_COPY_MAGIC_BYTES];

/** What begins one that has been taken back: it is none any more, and not damaged. */
extern const uint8_t b2_copy_void[B2_COPY_MAGIC_BYTES];

/** One state. Positions count from the end of the header; a tail is tags, chunk index and trailer. */
typedef struct b2_copy {
    uint64_t serial;    /* grows with each copy that is written to a file */
    int64_t tail_start; /* >= 0 */
    int64_t tail_bytes; /* > 0 */
    int64_t mirror;     /* start of the tail's second copy; -1: there is none */
    uint32_t tail_crc;  /* CRC-32C of all of the tail */
    bool has_far;       /* there is one in another sector, too */
    bool is_followed;   /* a later state was committed since, and not flushed */
    int32_t header_bytes;
    const uint8_t *header;
} b2_copy;

/** Size of a copy of a header of `header_bytes` bytes. */
static inline int64_t b2_copy_bytes(int32_t header_bytes)
{
    return (int64_t)header_bytes + B2_COPY_OVERHEAD;
}

/** Where behind the header the far copy of it begins: in another sector of the file than the header. */
int64_t b2_copy_far(int32_t header_bytes);

/** Write b2_copy_bytes() bytes. */
void b2_copy_build(const b2_copy *copy, uint8_t *out);

/**
 * Read a copy. It is believed only if it is whole, and its header says the same of its own size. A mark that
 * b2_copy_follow() has written in part, as a sector ended in it, is one.
 * @param available  How many bytes there are; more than the copy has do no harm.
 * @param out        `header` points into `bytes`.
 */
bool b2_copy_parse(const uint8_t *bytes, int64_t available, b2_copy *out);

/** The last bytes of a copy once a later state was committed: written over those that it has, and nothing
 * else. */
void b2_copy_follow(const uint8_t *bytes, int32_t header_bytes, uint8_t out[B2_COPY_CRC_BYTES]);

/** Bytes that the copy takes which begins with these 16; 0: none begins there. */
int64_t b2_copy_stated_bytes(const uint8_t *bytes);

#endif
