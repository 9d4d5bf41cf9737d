#include "frame/record.h"

#include <string.h>

#include "base/bytes.h"
#include "checksum/crc32c.h"
#include "frame/copy.h"
#include "frame/frame.h"

/* Where the fields lie: docs/design/durability.md. */
enum { KIND = 8, HEADER_LEN = 12, HEADERS = 16 };

int64_t b2_record_bytes(int32_t header_bytes)
{
    return HEADERS + 2 * (int64_t)header_bytes + B2_RECORD_FOOT_BYTES;
}

void b2_record_build(const uint8_t *old, const uint8_t *header, int32_t header_bytes, uint8_t *out)
{
    int64_t bytes = b2_record_bytes(header_bytes);
    uint8_t *at = out + HEADERS, *foot = out + bytes - B2_RECORD_FOOT_BYTES;
    memcpy(out, b2_copy_magic, sizeof b2_copy_magic);
    b2_store_le32(out + KIND, B2_KIND_REDO);
    b2_store_le32(out + HEADER_LEN, (uint32_t)header_bytes);
    memcpy(at, old, (size_t)header_bytes);
    memcpy(at + header_bytes, header, (size_t)header_bytes);
    b2_store_le32(foot, (uint32_t)bytes);
    b2_store_le32(foot + 4, b2_crc32c(0, out, (size_t)bytes - 4));
}

/* A part of the new header was written, wherever it lies: sectors reach the medium in any order. */
static bool is_torn(const uint8_t *found, const uint8_t *old, const uint8_t *header, int32_t header_bytes)
{
    int32_t at = 0;
    while (at < header_bytes && (found[at] == header[at] || found[at] == old[at])) at++;
    return at == header_bytes;
}

bool b2_record_parse(const uint8_t *bytes, const uint8_t *found, int32_t header_bytes, const uint8_t **header)
{
    int64_t size = b2_record_bytes(header_bytes);
    const uint8_t *foot = bytes + size - B2_RECORD_FOOT_BYTES, *old = bytes + HEADERS;
    *header = old + header_bytes;
    return memcmp(bytes, b2_copy_magic, sizeof b2_copy_magic) == 0 &&
           b2_load_le32(bytes + KIND) == B2_KIND_REDO && b2_load_le_i32(bytes + HEADER_LEN) == header_bytes &&
           b2_load_le32(foot) == size && b2_load_le32(foot + 4) == b2_crc32c(0, bytes, (size_t)size - 4) &&
           b2_frame_stated_header_bytes(*header) == header_bytes &&
           is_torn(found, old, *header, header_bytes);
}
