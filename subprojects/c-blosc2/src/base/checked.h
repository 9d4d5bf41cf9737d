/**
 * Arithmetic that tells when it overflows. Every size that comes from a file or a caller is
 * combined with these; `true` means the result is exact.
 */
#ifndef B2_BASE_CHECKED_H
#define B2_BASE_CHECKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define B2_COUNT(array) (sizeof(array) / sizeof((array)[0]))

static inline bool b2_add_i64(int64_t a, int64_t b, int64_t *sum)
{
#if defined(__GNUC__)
    return !__builtin_add_overflow(a, b, sum);
#else
    if ((b > 0 && a > INT64_MAX - b) || (b < 0 && a < INT64_MIN - b)) return false;
    *sum = a + b;
    return true;
#endif
}

/** For factors >= 0 only: the sizes and counts of this library. */
static inline bool b2_mul_i64(int64_t a, int64_t b, int64_t *product)
{
#if defined(__GNUC__)
    return !__builtin_mul_overflow(a, b, product);
#else
    if (a < 0 || b < 0 || (b != 0 && a > INT64_MAX / b)) return false;
    *product = a * b;
    return true;
#endif
}

/** How many pieces of size `b` > 0 cover `a` >= 0. */
static inline int64_t b2_ceil_div(int64_t a, int64_t b)
{
    return a / b + (a % b != 0);
}

static inline int64_t b2_min_i64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t b2_max_i64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

#endif
