/** Memory between two pages that cannot be touched: a byte read or written beside it ends the test. */
#ifndef B2_TESTS_GUARDED_H
#define B2_TESTS_GUARDED_H

#include <stdint.h>
#include <stdlib.h>

#ifdef _WIN32
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>
#undef NEAR /* a name of its own */
#else
#include <sys/mman.h>
#endif

enum { GUARD_BYTES = 1 << 16 }; /* a multiple of all page sizes */

/** `bytes` bytes, a multiple of GUARD_BYTES, never released. */
static inline uint8_t *guarded(size_t bytes)
{
#ifdef _WIN32
    uint8_t *all = VirtualAlloc(NULL, bytes + 2 * GUARD_BYTES, MEM_RESERVE, PAGE_NOACCESS);
    if (!all || !VirtualAlloc(all + GUARD_BYTES, bytes, MEM_COMMIT, PAGE_READWRITE)) abort();
#else
    uint8_t *all = mmap(NULL, bytes + 2 * GUARD_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANON, -1, 0);
    if (all == MAP_FAILED || mprotect(all + GUARD_BYTES, bytes, PROT_READ | PROT_WRITE)) abort();
#endif
    return all + GUARD_BYTES;
}

#endif
