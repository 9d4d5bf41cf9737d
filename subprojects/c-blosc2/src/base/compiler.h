/** What is said to compilers alone. */
#ifndef B2_BASE_COMPILER_H
#define B2_BASE_COMPILER_H

/**
 * Before a function whose unsigned numbers are meant to wrap: hashes, words of several items, generators. All
 * else that wraps is a mistake, which `ci/sanitize integer` finds.
 */
#if defined(__clang__)
#define B2_WRAPS __attribute__((no_sanitize("unsigned-integer-overflow", "unsigned-shift-base")))
#else
#define B2_WRAPS
#endif

#endif
