/** Asks the CPU itself: `__builtin_cpu_supports` answers 0 for everything under some compilers. */
#include "cpu/cpu.h"

#if defined(__x86_64__) || defined(__i386__) || defined(_M_X64) || defined(_M_IX86)

#if defined(_MSC_VER)
#include <intrin.h>
#endif

typedef struct registers {
    uint32_t eax, ebx, ecx, edx;
} registers;

static registers cpuid(uint32_t leaf)
{
    registers r;
#if defined(_MSC_VER)
    int out[4];
    __cpuidex(out, (int)leaf, 0);
    r = (registers){(uint32_t)out[0], (uint32_t)out[1], (uint32_t)out[2], (uint32_t)out[3]};
#else
    __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "a"(leaf), "c"(0));
#endif
    return r;
}

/** The low half of XCR0: which registers the operating system saves. Only where CPUID says OSXSAVE. */
static uint32_t saved_state(void)
{
#if defined(_MSC_VER)
    return (uint32_t)_xgetbv(0);
#else
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
#endif
}

/** `flag` if all of `mask` is set. */
static uint32_t flag_if(uint32_t word, uint32_t mask, uint32_t flag)
{
    return (word & mask) == mask ? flag : 0;
}

/* Bits: Intel SDM volume 2, CPUID; volume 1, 13.3 and 14.3 (XCR0). */
enum {
    LEAF1_ECX_PCLMUL = 1u << 1,
    LEAF1_ECX_SSSE3 = 1u << 9,
    LEAF1_ECX_SSE42 = 1u << 20,
    LEAF1_ECX_OSXSAVE = 1u << 27,
    LEAF1_EDX_SSE2 = 1u << 26,
    LEAF7_EBX_AVX2 = 1u << 5,
    LEAF7_ECX_VPCLMUL = 1u << 10,
    STATE_AVX = 0x06,    /* xmm, ymm */
    STATE_AVX512 = 0xe6, /* and opmask, zmm */
};
static const uint32_t LEAF7_EBX_AVX512BW = 1u << 16 | 1u << 30 | 1u << 31; /* F, BW, VL */

uint32_t b2_cpu_features(void)
{
    uint32_t max_leaf = cpuid(0).eax;
    if (max_leaf < 1) return 0;

    registers one = cpuid(1);
    uint32_t features =
        flag_if(one.edx, LEAF1_EDX_SSE2, B2_CPU_SSE2) | flag_if(one.ecx, LEAF1_ECX_PCLMUL, B2_CPU_PCLMUL) |
        flag_if(one.ecx, LEAF1_ECX_SSSE3, B2_CPU_SSSE3) | flag_if(one.ecx, LEAF1_ECX_SSE42, B2_CPU_SSE42);
    if (max_leaf < 7 || !(one.ecx & LEAF1_ECX_OSXSAVE)) return features;

    registers seven = cpuid(7);
    uint32_t state = saved_state();
    if ((state & STATE_AVX) == STATE_AVX)
        features |= flag_if(seven.ebx, LEAF7_EBX_AVX2, B2_CPU_AVX2) |
                    flag_if(seven.ecx, LEAF7_ECX_VPCLMUL, B2_CPU_VPCLMUL);
    if ((state & STATE_AVX512) == STATE_AVX512)
        features |= flag_if(seven.ebx, LEAF7_EBX_AVX512BW, B2_CPU_AVX512BW);
    return features;
}

#elif defined(__aarch64__) || defined(_M_ARM64)

#if defined(_WIN32)
#include <windows.h>
#elif defined(__linux__)
#include <sys/auxv.h>
#endif

/* NEON is part of the architecture; the CRC instructions are from ARMv8.1 on. */
uint32_t b2_cpu_features(void)
{
#if defined(__APPLE__) || defined(__ARM_FEATURE_CRC32)
    int has_crc = 1; /* all of Apple's have it; or the build asks for it */
#elif defined(_WIN32)
    int has_crc = IsProcessorFeaturePresent(PF_ARM_V8_CRC32_INSTRUCTIONS_AVAILABLE);
#elif defined(__linux__)
    int has_crc = (getauxval(AT_HWCAP) & 1ul << 7) != 0; /* HWCAP_CRC32: Linux, asm/hwcap.h */
#else
    int has_crc = 0;
#endif
    return B2_CPU_NEON | (has_crc ? B2_CPU_ARM_CRC32 : 0);
}

#else

uint32_t b2_cpu_features(void)
{
    return 0;
}

#endif
