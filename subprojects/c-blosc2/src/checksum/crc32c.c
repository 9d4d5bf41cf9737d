/** The choice of a way to compute CRC-32C for this process. */
#include "checksum/crc32c.h"

#include <pthread.h>

#include "base/checked.h"
#include "cpu/cpu.h"

/* Best first. */
static const b2_crc32c_way *const WAYS[] = {
#ifdef B2_HAVE_CRC32C_VPCLMUL
    &b2_crc32c_vpclmul,
#endif
#ifdef B2_HAVE_CRC32C_SSE42
    &b2_crc32c_sse42,
#endif
#ifdef B2_HAVE_CRC32C_ARMV8
    &b2_crc32c_armv8,
#endif
    &b2_crc32c_tables, /* last: needs nothing */
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static b2_crc32c_fn *chosen;

static void choose_once(void)
{
    size_t i = 0;
    while (WAYS[i]->needs & ~b2_cpu_features()) i++;
    chosen = WAYS[i]->update;
}

uint32_t b2_crc32c(uint32_t crc, const void *data, size_t bytes)
{
    pthread_once(&once, choose_once);
    return chosen(crc, data, bytes);
}

size_t b2_crc32c_all(const b2_crc32c_way *const **ways)
{
    *ways = WAYS;
    return B2_COUNT(WAYS);
}
