/**
 * CRC-32C (Castagnoli): iSCSI's checksum, RFC 3720 appendix B.4. Polynomial 0x1edc6f41, bits reflected, all
 * ones before and after.
 */
#ifndef B2_CHECKSUM_CRC32C_H
#define B2_CHECKSUM_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/**
 * Checksum of `bytes` bytes at any address, by the fastest way that this CPU has. CATERVA_ISA does not change
 * it.
 *
 * @param crc  Checksum of the bytes before these, 0 if there are none: crc(crc(0, a), b) is that of a and b.
 */
uint32_t b2_crc32c(uint32_t crc, const void *data, size_t bytes);

typedef uint32_t b2_crc32c_fn(uint32_t crc, const uint8_t *data, size_t bytes);

/** One way to compute it. */
typedef struct b2_crc32c_way {
    const char *name;
    uint32_t needs; /* B2_CPU_* bits; 0 runs anywhere */
    b2_crc32c_fn *update;
} b2_crc32c_way;

extern const b2_crc32c_way b2_crc32c_tables; /* in plain C: the definition */
extern const b2_crc32c_way b2_crc32c_sse42;  /* each only where B2_HAVE_CRC32C_<NAME> */
extern const b2_crc32c_way b2_crc32c_vpclmul;
extern const b2_crc32c_way b2_crc32c_armv8;

/** All built in, best first, for tests. @return Their number. */
size_t b2_crc32c_all(const b2_crc32c_way *const **ways);

#endif
