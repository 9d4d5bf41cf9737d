#include "frame/tags.h"

#include <stdbool.h>
#include <string.h>

#include "base/bytes.h"
#include "blosc2.h"
#include "checksum/crc32c.h"

/* Behind the tags, counted from their end; all numbers are little-endian, as in chunks. */
enum { TAG_BYTES = 8, MAGIC = 0, COUNT = 4, SERIAL = 8, TAIL_CRC = 16, OWN_CRC = 20, FOOT_BYTES = 24 };

static const uint8_t MAGIC_BYTES[4] = {0xb2, 'T', 'A', 'G'};

int64_t b2_tags_count(const int64_t *entries, int64_t count)
{
    int64_t stored = 0;
    for (int64_t i = 0; i < count; i++) stored += entries[i] >= 0;
    return stored;
}

int64_t b2_tags_bytes(int64_t stored)
{
    return TAG_BYTES * stored + FOOT_BYTES;
}

int64_t b2_tags_bound_bytes(int64_t bytes)
{
    return bytes > 0 ? bytes - (FOOT_BYTES - TAIL_CRC) : 0;
}

void b2_tags_build(const int64_t *entries, const b2_tag *tags, int64_t count, uint64_t serial, uint8_t *out)
{
    uint8_t *at = out;
    for (int64_t i = 0; i < count; i++) {
        if (entries[i] < 0) continue;
        b2_store_le32(at, tags[i].bytes);
        b2_store_le32(at + 4, tags[i].crc);
        at += TAG_BYTES;
    }
    memcpy(at + MAGIC, MAGIC_BYTES, sizeof MAGIC_BYTES);
    b2_store_le32(at + COUNT, (uint32_t)((at - out) / TAG_BYTES));
    b2_store_le64(at + SERIAL, serial);
}

uint64_t b2_tags_serial(const uint8_t *table, int64_t bytes)
{
    return b2_load_le64(table + bytes - FOOT_BYTES + SERIAL);
}

void b2_tags_seal(uint8_t *table, int64_t bytes, uint32_t tail_crc)
{
    uint8_t *foot = table + bytes - FOOT_BYTES;
    b2_store_le32(foot + TAIL_CRC, tail_crc);
    b2_store_le32(foot + OWN_CRC, b2_crc32c(0, table, (size_t)(foot + OWN_CRC - table)));
}

int b2_tags_parse(const uint8_t *bytes, const int64_t *entries, int64_t count, uint32_t tail_crc, b2_tag *out)
{
    int64_t stored = b2_tags_count(entries, count);
    const uint8_t *foot = bytes + TAG_BYTES * stored;
    uint32_t own = b2_load_le32(foot + OWN_CRC),
             found = b2_crc32c(0, bytes, (size_t)(foot + OWN_CRC - bytes));
    if (memcmp(foot + MAGIC, MAGIC_BYTES, sizeof MAGIC_BYTES) != 0 || own != found)
        return blosc2_fail(BLOSC2_E_CORRUPT, "tags of chunks: checksum 0x%08x (stored: 0x%08x)", found, own);
    if (b2_load_le32(foot + COUNT) != (uint64_t)stored || b2_load_le32(foot + TAIL_CRC) != tail_crc)
        return blosc2_fail(BLOSC2_E_CORRUPT, "tags of chunks: those of another chunk index");
    for (int64_t i = 0; i < count; i++) {
        out[i] = (b2_tag){0};
        if (entries[i] < 0) continue;
        out[i] = (b2_tag){b2_load_le32(bytes), b2_load_le32(bytes + 4)};
        bytes += TAG_BYTES;
    }
    return BLOSC2_OK;
}

int64_t b2_tags_find(const uint8_t *bytes, int64_t available)
{
    for (int64_t count = 0; b2_tags_bytes(count) <= available; count++) {
        const uint8_t *foot = bytes + TAG_BYTES * count;
        bool is_foot = memcmp(foot + MAGIC, MAGIC_BYTES, sizeof MAGIC_BYTES) == 0;
        if (is_foot && b2_load_le32(foot + COUNT) == (uint64_t)count) return count;
    }
    return -1;
}
