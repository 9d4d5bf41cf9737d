/** CRC-32C by the instructions that ARMv8.0 may have and later ones must. */
#include <arm_acle.h>

#include "base/bytes.h"
#include "checksum/crc32c.h"
#include "cpu/cpu.h"

static uint32_t update(uint32_t crc, const uint8_t *data, size_t bytes)
{
    crc = ~crc;
    for (; bytes >= 8; bytes -= 8, data += 8) crc = __crc32cd(crc, b2_load_le64(data));
    for (; bytes > 0; bytes--, data++) crc = __crc32cb(crc, *data);
    return ~crc;
}

const b2_crc32c_way b2_crc32c_armv8 = {"armv8", B2_CPU_ARM_CRC32, update};
