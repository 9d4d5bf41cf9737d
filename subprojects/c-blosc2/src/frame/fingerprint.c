#include "frame/fingerprint.h"

#include <string.h>

#include "base/bytes.h"
#include "checksum/crc32c.h"
#include "frame/frame.h"

/* Where the fields lie; all numbers are big-endian, as in the trailer. */
enum { TYPE = 0, TAIL_CRC = 1, HEADER_CRC = 5, CONTENTS_CRC = 9, FLAGS = 13 };

/* C-Blosc2 tolerates any type, and writes 0 with a value of zeros: none. */
enum { TYPE_WRITTEN = 3 };

/* Index, trailer, and the flags. */
static uint32_t crc_of_tail(const b2_fingerprinted *of, uint32_t flags)
{
    uint8_t bytes[4];
    b2_store_be32(bytes, flags);
    uint32_t crc = b2_crc32c(0, of->tail, (size_t)(of->tail_bytes - B2_FINGERPRINT_BYTES));
    return b2_crc32c(crc, bytes, sizeof bytes);
}

/* The header, leaving out the contents of metalayers; and these alone. */
static void crcs_of_header(const b2_fingerprinted *of, uint32_t *header, uint32_t *contents)
{
    int64_t done = 0, at = B2_FRAME_HEADER_MIN + b2_layers_first_content(of->fixed);
    *header = *contents = 0;
    for (int i = 0; i < of->fixed->count; i++) {
        int32_t bytes = of->fixed->items[i].content_bytes;
        *header = b2_crc32c(*header, of->header + done, (size_t)(at - done));
        *contents = b2_crc32c(*contents, of->header + at, (size_t)bytes);
        done = at + bytes;
        at = done + B2_LAYERS_CONTENT_FIXED;
    }
    *header = b2_crc32c(*header, of->header + done, (size_t)(of->header_bytes - done));
}

void b2_fingerprint_build(const b2_fingerprinted *of, uint32_t flags, uint8_t *out)
{
    uint32_t header, contents;
    crcs_of_header(of, &header, &contents);
    out[TYPE] = TYPE_WRITTEN;
    b2_store_be32(out + TAIL_CRC, crc_of_tail(of, flags));
    b2_store_be32(out + HEADER_CRC, header);
    b2_store_be32(out + CONTENTS_CRC, contents);
    b2_store_be32(out + FLAGS, flags);
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

int b2_fingerprint_check(const b2_fingerprinted *of, b2_fingerprint_verdict *verdict, uint32_t *flags)
{
    const uint8_t *stored = of->tail + of->tail_bytes - B2_FINGERPRINT_BYTES;
    uint8_t found[B2_FINGERPRINT_BYTES];
    uint32_t stored_flags = b2_load_be32(stored + FLAGS);
    *verdict = B2_FINGERPRINT_NONE;
    b2_fingerprint_build(of, stored_flags, found);
    if (stored[TYPE] != TYPE_WRITTEN) { /* another's, or ours but for a damaged type */
        if (memcmp(stored + TAIL_CRC, found + TAIL_CRC, FLAGS - TAIL_CRC) != 0) return BLOSC2_OK;
        return blosc2_fail(BLOSC2_E_CORRUPT, "fingerprint: type %d (expected %d)", stored[TYPE],
                           TYPE_WRITTEN);
    }
    int status = check_crc("frame header", stored, found, HEADER_CRC);
    if (status == BLOSC2_OK) status = check_crc("chunk index and trailer", stored, found, TAIL_CRC);
    if (status < 0) return status;
    bool same = memcmp(stored + CONTENTS_CRC, found + CONTENTS_CRC, FLAGS - CONTENTS_CRC) == 0;
    *verdict =
        same && !(stored_flags & B2_FINGERPRINT_LAYERS) ? B2_FINGERPRINT_MATCHES : B2_FINGERPRINT_RELAYERED;
    *flags = stored_flags;
    return BLOSC2_OK;
}
