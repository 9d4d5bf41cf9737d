/**
 * CRC-32C in plain C, eight bytes at a time: "slicing-by-8" of M. E. Kounavis and F. L. Berry, "Novel table
 * lookup-based algorithms for high-performance CRC generation", IEEE Transactions on Computers 57(11), 2008.
 */
#include <pthread.h>

#include "base/bytes.h"
#include "checksum/crc32c.h"

static const uint32_t POLYNOMIAL = 0x82f63b78u; /* 0x1edc6f41 with its bits reflected */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint32_t tables[8][256]; /* tables[k][b]: what byte b does to the checksum, k bytes later */

static void fill_once(void)
{
    for (uint32_t b = 0; b < 256; b++) {
        uint32_t crc = b;
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? POLYNOMIAL : 0);
        tables[0][b] = crc;
    }
    for (int k = 1; k < 8; k++) {
        for (uint32_t b = 0; b < 256; b++) {
            uint32_t before = tables[k - 1][b];
            tables[k][b] = before >> 8 ^ tables[0][before & 0xff];
        }
    }
}

static uint32_t update(uint32_t crc, const uint8_t *data, size_t bytes)
{
    pthread_once(&once, fill_once);
    crc = ~crc;
    for (; bytes >= 8; bytes -= 8, data += 8) {
        uint64_t x = b2_load_le64(data) ^ crc;
        crc = 0;
        for (int k = 0; k < 8; k++) crc ^= tables[7 - k][x >> 8 * k & 0xff];
    }
    for (; bytes > 0; bytes--, data++) crc = crc >> 8 ^ tables[0][(crc ^ *data) & 0xff];
    return ~crc;
}

const b2_crc32c_way b2_crc32c_tables = {"tables", 0, update};
