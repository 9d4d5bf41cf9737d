#include "frame/record.h"

#include <string.h>

#include "base/bytes.h"
#include "checksum/crc32c.h"

/* Where the fields lie: docs/design/durability.md. */
enum { KIND = 8, HEADER_LEN = 12, HEADERS = 16 };

static const uint8_t MAGIC[8] = {'c', 'a', 't', 'h', 'e', 'a', 'd', 0x1a};

static int64_t headers_of(b2_record_kind kind)
{
    return kind == B2_RECORD_REDO ? 2 : 1;
}

int64_t b2_record_bytes(b2_record_kind kind, int32_t header_bytes)
{
    return HEADERS + headers_of(kind) * header_bytes + B2_RECORD_FOOT_BYTES;
}

void b2_record_build(b2_record_kind kind, const uint8_t *old, const uint8_t *header, int32_t header_bytes,
                     uint8_t *out)
{
    int64_t bytes = b2_record_bytes(kind, header_bytes);
    uint8_t *at = out + HEADERS, *foot = out + bytes - B2_RECORD_FOOT_BYTES;
    memcpy(out, MAGIC, sizeof MAGIC);
    b2_store_le32(out + KIND, (uint32_t)kind);
    b2_store_le32(out + HEADER_LEN, (uint32_t)header_bytes);
    if (kind == B2_RECORD_REDO) {
        memcpy(at, old, (size_t)header_bytes);
        at += header_bytes;
    }
    memcpy(at, header, (size_t)header_bytes);
    b2_store_le32(foot, (uint32_t)bytes);
    b2_store_le32(foot + 4, b2_crc32c(0, out, (size_t)bytes - 4));
}

bool b2_record_foot_fits(b2_record_kind kind, const uint8_t *foot, int32_t header_bytes)
{
    return b2_load_le32(foot) == b2_record_bytes(kind, header_bytes);
}

/* A part of the new header was written, wherever it lies: sectors reach the medium in any order. */
static bool is_torn(const uint8_t *found, const uint8_t *old, const uint8_t *header, int32_t header_bytes)
{
    int32_t at = 0;
    while (at < header_bytes && (found[at] == header[at] || found[at] == old[at])) at++;
    return at == header_bytes;
}

bool b2_record_parse(b2_record_kind kind, const uint8_t *bytes, const uint8_t *found, int32_t header_bytes,
                     const uint8_t **header)
{
    int64_t size = b2_record_bytes(kind, header_bytes);
    const uint8_t *foot = bytes + size - B2_RECORD_FOOT_BYTES;
    bool is_whole = memcmp(bytes, MAGIC, sizeof MAGIC) == 0 && b2_load_le32(bytes + KIND) == (uint32_t)kind &&
                    b2_load_le_i32(bytes + HEADER_LEN) == header_bytes &&
                    b2_record_foot_fits(kind, foot, header_bytes) &&
                    b2_load_le32(foot + 4) == b2_crc32c(0, bytes, (size_t)size - 4);
    if (!is_whole) return false;
    const uint8_t *old = bytes + HEADERS;
    *header = old + (headers_of(kind) - 1) * header_bytes;
    return kind == B2_RECORD_CHECKPOINT || is_torn(found, old, *header, header_bytes);
}
