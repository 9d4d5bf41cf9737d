/** Numbers for the tests: the same on each run. */
#ifndef CAT_TESTS_RANDOM_H
#define CAT_TESTS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

static uint64_t random_state = 0x9e3779b97f4a7c15u;

/** xorshift64*. */
static inline uint64_t random_u64(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * 0x2545f4914f6cdd1du;
}

/** Of [low, high], which holds fewer than 2^63 numbers. */
static inline int64_t random_in(int64_t low, int64_t high)
{
    return low + (int64_t)(random_u64() % (uint64_t)(high - low + 1));
}

static inline void random_bytes(uint8_t *out, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) out[i] = (uint8_t)(random_u64() >> 33);
}

#endif
