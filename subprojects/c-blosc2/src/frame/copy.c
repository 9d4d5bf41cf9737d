#include "frame/copy.h"

#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "checksum/crc32c.h"
#include "frame/frame.h"
#include "frame/record.h"

/* Where the fields lie; little-endian but for the header. The foot has size and checksum. */
enum {
    KIND = 8,
    HEADER_LEN = 12,
    SERIAL = 16,
    TAIL_START = 24,
    TAIL_BYTES = 32,
    MIRROR = 40,
    TAIL_CRC = 48,
    FLAGS = 52,
    HEADER = B2_COPY_HEADER_AT,
    FOOT_BYTES = 8,
};

enum { FLAG_FAR = 1 };

/* How the checksum differs once a later state was committed: in more bits than damage flips. */
static const uint32_t FOLLOWED = 0x5aa55aa5;

const uint8_t b2_copy_magic[B2_COPY_MAGIC_BYTES] = {'c', 'a', 't', 'h', 'e', 'a', 'd', 0x1a};
const uint8_t b2_copy_void[B2_COPY_MAGIC_BYTES] = {'c', 'a', 't', 'v', 'o', 'i', 'd', 0x1a};

int64_t b2_copy_far(int32_t header_bytes)
{
    int64_t end = header_bytes + b2_copy_bytes(header_bytes) + B2_COPY_SECTOR - 1;
    return b2_max_i64(B2_COPY_FAR_MIN, end / B2_COPY_SECTOR * B2_COPY_SECTOR) - header_bytes;
}

void b2_copy_build(const b2_copy *copy, uint8_t *out)
{
    int64_t bytes = b2_copy_bytes(copy->header_bytes);
    uint8_t *foot = out + bytes - FOOT_BYTES;
    memcpy(out, b2_copy_magic, sizeof b2_copy_magic);
    b2_store_le32(out + KIND, B2_KIND_COPY);
    b2_store_le32(out + HEADER_LEN, (uint32_t)copy->header_bytes);
    b2_store_le64(out + SERIAL, copy->serial);
    b2_store_le64(out + TAIL_START, (uint64_t)copy->tail_start);
    b2_store_le64(out + TAIL_BYTES, (uint64_t)copy->tail_bytes);
    b2_store_le64(out + MIRROR, (uint64_t)copy->mirror);
    b2_store_le32(out + TAIL_CRC, copy->tail_crc);
    b2_store_le32(out + FLAGS, copy->has_far ? FLAG_FAR : 0);
    memcpy(out + HEADER, copy->header, (size_t)copy->header_bytes);
    b2_store_le32(foot, (uint32_t)bytes);
    b2_store_le32(foot + 4, b2_crc32c(0, out, (size_t)bytes - 4));
}

void b2_copy_follow(const uint8_t *bytes, int32_t header_bytes, uint8_t out[B2_COPY_CRC_BYTES])
{
    size_t count = (size_t)b2_copy_bytes(header_bytes) - B2_COPY_CRC_BYTES;
    b2_store_le32(out, b2_crc32c(0, bytes, count) ^ FOLLOWED);
}

int64_t b2_copy_stated_bytes(const uint8_t *bytes)
{
    int32_t header_bytes = b2_load_le_i32(bytes + HEADER_LEN);
    bool is_one = memcmp(bytes, b2_copy_magic, sizeof b2_copy_magic) == 0 &&
                  b2_load_le32(bytes + KIND) == B2_KIND_COPY && header_bytes >= B2_FRAME_HEADER_MIN &&
                  header_bytes <= B2_RECORD_HEADER_MAX;
    return is_one ? b2_copy_bytes(header_bytes) : 0;
}

/* Whether a checksum is right in each byte, or marked. */
static bool is_checksum(uint32_t found, uint32_t right)
{
    for (int i = 0; i < B2_COPY_CRC_BYTES; i++) {
        uint8_t differs = (uint8_t)((found ^ right) >> (8 * i));
        if (differs && differs != (uint8_t)(FOLLOWED >> (8 * i))) return false;
    }
    return true;
}

bool b2_copy_parse(const uint8_t *bytes, int64_t available, b2_copy *out)
{
    int64_t size = available < HEADER ? 0 : b2_copy_stated_bytes(bytes);
    if (size == 0 || size > available) return false;
    const uint8_t *foot = bytes + size - FOOT_BYTES;
    *out = (b2_copy){.serial = b2_load_le64(bytes + SERIAL),
                     .tail_start = b2_load_le_i64(bytes + TAIL_START),
                     .tail_bytes = b2_load_le_i64(bytes + TAIL_BYTES),
                     .mirror = b2_load_le_i64(bytes + MIRROR),
                     .tail_crc = b2_load_le32(bytes + TAIL_CRC),
                     .has_far = b2_load_le32(bytes + FLAGS) & FLAG_FAR,
                     .header_bytes = b2_load_le_i32(bytes + HEADER_LEN),
                     .header = bytes + HEADER};
    uint32_t crc = b2_load_le32(foot + 4), expected = b2_crc32c(0, bytes, (size_t)size - 4);
    out->is_followed = crc != expected;
    return b2_load_le32(foot) == size && is_checksum(crc, expected) && out->serial < B2_SERIAL_LIMIT &&
           b2_frame_stated_header_bytes(out->header) == out->header_bytes && out->tail_start >= 0 &&
           out->tail_bytes > 0 && out->mirror >= -1;
}
