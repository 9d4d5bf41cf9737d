/** What this CPU, and the operating system on it, can run. */
#ifndef B2_CPU_CPU_H
#define B2_CPU_CPU_H

#include <stdint.h>

enum {
    B2_CPU_SSE2 = 1u << 0,
    B2_CPU_SSSE3 = 1u << 1,
    B2_CPU_SSE42 = 1u << 2,
    B2_CPU_AVX2 = 1u << 3,
    B2_CPU_AVX512BW = 1u << 4, /* F, BW and VL */
    B2_CPU_PCLMUL = 1u << 5,
    B2_CPU_NEON = 1u << 6,
    B2_CPU_ARM_CRC32 = 1u << 7,
    B2_CPU_VPCLMUL = 1u << 8, /* of 32 bytes */
};

/** By CPUID and XGETBV of our own: compilers' builtins lie under some compilers (packaging facts 3c). */
uint32_t b2_cpu_features(void);

#endif
