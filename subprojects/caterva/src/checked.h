/**
 * Arithmetic on extents and sizes that tells when it overflows; `true` means the result is exact.
 * This library sees c-blosc2's public header only, hence its own few lines of it.
 */
#ifndef CAT_CHECKED_H
#define CAT_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

/** Before a function whose unsigned numbers are meant to wrap; `ci/sanitize integer` finds all others. */
#if defined(__clang__)
#define CAT_WRAPS __attribute__((no_sanitize("unsigned-integer-overflow", "unsigned-shift-base")))
#else
#define CAT_WRAPS
#endif

/** For factors >= 0 only. */
static inline bool cat_mul_i64(int64_t a, int64_t b, int64_t *product)
{
#if defined(__GNUC__)
    return !__builtin_mul_overflow(a, b, product);
#else
    if (b != 0 && a > INT64_MAX / b) return false;
    *product = a * b;
    return true;
#endif
}

/** How many pieces of size `b` > 0 cover `a` >= 0. */
static inline int64_t cat_ceil_div(int64_t a, int64_t b)
{
    return a / b + (a % b != 0);
}

static inline int64_t cat_min_i64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

#endif
