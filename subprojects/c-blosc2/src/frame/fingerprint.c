#include "frame/fingerprint.h"

#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "checksum/crc32c.h"
#include "frame/frame.h"

/* Where the fields lie; all numbers are big-endian, as in the trailer. */
enum { TYPE = 0, TAIL_CRC = 1, HARD_CRC = 5, SOFT_CRC = 9, FLAGS = 13 };

/* C-Blosc2 tolerates any type, and writes 0 with a value of zeros: none. */
enum { TYPE_WRITTEN = 3 };

/* Tags, index, trailer, and what the fingerprint says besides. The tags count here, too, though they have a
 * CRC of their own: what ends with its own CRC adds nothing to a CRC of it all, whatever it says. */
static uint32_t crc_of_tail(const b2_fingerprinted *of, const uint8_t *fingerprint)
{
    uint32_t crc = b2_crc32c(0, of->tags, (size_t)of->tags_bytes);
    crc = b2_crc32c(crc, of->tail, (size_t)(of->tail_bytes - B2_FINGERPRINT_BYTES));
    return b2_crc32c(crc, fingerprint + HARD_CRC, B2_FINGERPRINT_BYTES - HARD_CRC);
}

/* What C-Blosc2 3.3 replaces in a header alone, besides the contents of metalayers: parameters that chunks to
 * come would have, and its own numbers of threads (found by trying: tests/test_checksums.py). */
static const struct {
    uint8_t start, stop;
} SOFT[] = {
    {27, 29},           /* codec, level, split mode */
    {53, 57},           /* block size */
    {63, 65},           /* threads */
    {66, 68}, {71, 87}, /* filters, codec, their parameters, dictionaries */
};

/* A header on its way to its two CRCs. */
typedef struct header_crcs {
    const uint8_t *bytes;
    int64_t done;
    uint32_t hard, soft;
} header_crcs;

static void add_soft(header_crcs *crcs, int64_t start, int64_t stop)
{
    crcs->hard = b2_crc32c(crcs->hard, crcs->bytes + crcs->done, (size_t)(start - crcs->done));
    crcs->soft = b2_crc32c(crcs->soft, crcs->bytes + start, (size_t)(stop - start));
    crcs->done = stop;
}

/* The soft parts and the contents of metalayers together, and all the rest. */
static void crcs_of_header(const b2_fingerprinted *of, uint32_t *hard, uint32_t *soft)
{
    header_crcs crcs = {.bytes = of->header};
    int64_t at = B2_FRAME_HEADER_MIN + b2_layers_first_content(of->fixed);
    for (size_t i = 0; i < B2_COUNT(SOFT); i++) add_soft(&crcs, SOFT[i].start, SOFT[i].stop);
    for (int i = 0; i < of->fixed->count; i++) {
        add_soft(&crcs, at, at + of->fixed->items[i].content_bytes);
        at = crcs.done + B2_LAYERS_CONTENT_FIXED;
    }
    add_soft(&crcs, of->header_bytes, of->header_bytes);
    *hard = crcs.hard;
    *soft = crcs.soft;
}

void b2_fingerprint_build(const b2_fingerprinted *of, uint32_t flags, uint8_t *out)
{
    uint32_t hard, soft;
    crcs_of_header(of, &hard, &soft);
    out[TYPE] = TYPE_WRITTEN;
    b2_store_be32(out + HARD_CRC, hard);
    b2_store_be32(out + SOFT_CRC, soft);
    b2_store_be32(out + FLAGS, flags);
    b2_store_be32(out + TAIL_CRC, crc_of_tail(of, out));
}

uint32_t b2_fingerprint_tail_crc(const uint8_t *bytes)
{
    return b2_load_be32(bytes + TAIL_CRC);
}

bool b2_fingerprint_fits_tail(const b2_fingerprinted *of)
{
    const uint8_t *fingerprint = of->tail + of->tail_bytes - B2_FINGERPRINT_BYTES;
    return b2_load_be32(fingerprint + TAIL_CRC) == crc_of_tail(of, fingerprint);
}

bool b2_fingerprint_read(const uint8_t *bytes, uint32_t *flags)
{
    if (bytes[TYPE] != TYPE_WRITTEN) return false;
    *flags = b2_load_be32(bytes + FLAGS);
    return true;
}

static int check_crc(const char *what, const uint8_t *stored, const uint8_t *found, int field)
{
    uint32_t a = b2_load_be32(stored + field), b = b2_load_be32(found + field);
    if (a == b) return BLOSC2_OK;
    return blosc2_fail(BLOSC2_E_CORRUPT, "%s: checksum 0x%08x (stored: 0x%08x)", what, b, a);
}

/* Whether a checksum is the right one, be it with some flipped bits. */
static bool is_near(const uint8_t *stored, const uint8_t *found, int field)
{
    enum { FEW = 3 };
    int flipped = 0;
    for (uint32_t bits = b2_load_be32(stored + field) ^ b2_load_be32(found + field); bits; bits &= bits - 1)
        flipped++;
    return flipped <= FEW;
}

/* What has not our type is another's, or ours with a damaged type: then one of its checksums at least is
 * right, or nearly so. Of 17 bytes of chance that is one in 250,000, and others write zeros. */
static int check_type(const uint8_t *stored, const uint8_t *found)
{
    static const uint8_t none[B2_FINGERPRINT_BYTES];
    bool is_ours = memcmp(stored, none, sizeof none) != 0 &&
                   (is_near(stored, found, TAIL_CRC) || is_near(stored, found, HARD_CRC) ||
                    is_near(stored, found, SOFT_CRC));
    if (!is_ours) return BLOSC2_OK;
    return blosc2_fail(BLOSC2_E_CORRUPT, "fingerprint: type %d (expected %d)", stored[TYPE], TYPE_WRITTEN);
}

int b2_fingerprint_check(const b2_fingerprinted *of, b2_fingerprint_verdict *verdict, uint32_t *flags)
{
    const uint8_t *stored = of->tail + of->tail_bytes - B2_FINGERPRINT_BYTES;
    uint8_t found[B2_FINGERPRINT_BYTES];
    uint32_t stored_flags = b2_load_be32(stored + FLAGS);
    *verdict = B2_FINGERPRINT_NONE;
    b2_fingerprint_build(of, stored_flags, found);
    b2_store_be32(found + TAIL_CRC, crc_of_tail(of, stored));
    if (stored[TYPE] != TYPE_WRITTEN) return check_type(stored, found);
    int status = check_crc("chunk index and trailer", stored, found, TAIL_CRC);
    if (status == BLOSC2_OK) status = check_crc("frame header", stored, found, HARD_CRC);
    if (status < 0) return status;
    bool same = b2_load_be32(stored + SOFT_CRC) == b2_load_be32(found + SOFT_CRC);
    *verdict = same && !(stored_flags & B2_FINGERPRINT_SOFT_UNKNOWN) ? B2_FINGERPRINT_MATCHES
                                                                     : B2_FINGERPRINT_SOFT_CHANGED;
    *flags = stored_flags;
    return BLOSC2_OK;
}
