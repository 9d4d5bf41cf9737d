/** Memory between two pages that cannot be touched, for tests of what reads and writes up to the last byte.
 */
#ifndef B2_TESTS_GUARD_H
#define B2_TESTS_GUARD_H

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { GUARD_PAGE = 65536 }; /* a multiple of any page */

/** `bytes` bytes, a multiple of GUARD_PAGE, zeroed, never freed; a touch beyond either end ends the program.
 */
static inline uint8_t *guarded_memory(size_t bytes)
{
    uint8_t *all =
        mmap(NULL, bytes + 2 * GUARD_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED || mprotect(all, GUARD_PAGE, PROT_NONE) ||
        mprotect(all + GUARD_PAGE + bytes, GUARD_PAGE, PROT_NONE))
        abort();
    return all + GUARD_PAGE;
}

#endif
