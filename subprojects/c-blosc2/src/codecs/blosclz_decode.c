#include "codecs/blosclz.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "blosc2.h"

/* A "wild" copy may write this many bytes past what was asked for, at most; there must be room. */
enum { WILD = 32 };

/** One literal run, if it lies within the input and the output. */
static inline bool copy_literals(uint8_t *op, const uint8_t *out_end, const uint8_t *ip,
                                 const uint8_t *in_end, size_t count)
{
    if (in_end - ip >= B2_BLOSCLZ_RUN_MAX && out_end - op >= B2_BLOSCLZ_RUN_MAX) {
        memcpy(op, ip, B2_BLOSCLZ_RUN_MAX); /* the longest one: a fixed size is fastest */
        return true;
    }
    if (count > (size_t)(in_end - ip) || count > (size_t)(out_end - op)) return false;
    memcpy(op, ip, count);
    return true;
}

/** Compilers make this one store, unlike a loop. */
static inline void store8(uint8_t *p, uint64_t v)
{
    p[0] = (uint8_t)v, p[1] = (uint8_t)(v >> 8), p[2] = (uint8_t)(v >> 16), p[3] = (uint8_t)(v >> 24);
    p[4] = (uint8_t)(v >> 32), p[5] = (uint8_t)(v >> 40), p[6] = (uint8_t)(v >> 48),
    p[7] = (uint8_t)(v >> 56);
}

/** Repeat the last `distance` < 8 bytes. The period is spread over a word, so that no store waits for
 * another. */
B2_WRAPS static inline void repeat_wild(uint8_t *op, size_t distance, const uint8_t *end)
{
    static const uint64_t SPREAD[] = {0,
                                      0x0101010101010101,
                                      0x0001000100010001,
                                      0x0001000001000001,
                                      0x0000000100000001,
                                      0x0000010000000001,
                                      0x0001000000000001,
                                      0x0100000000000001};
    static const uint8_t STEP[] = {0, 8, 8, 6, 8, 5, 6, 7}; /* whole periods in 8 bytes */
    uint64_t period = b2_load_le64(op - distance) & ((UINT64_C(1) << 8 * distance) - 1);
    uint64_t word = period * SPREAD[distance];
    do {
        store8(op, word);
        op += STEP[distance];
    } while (op < end);
}

/** A match, as if copied byte by byte: it may read what it writes. */
static inline void copy_match_wild(uint8_t *op, size_t distance, size_t length)
{
    const uint8_t *from = op - distance;
    uint8_t *const end = op + length;
    if (distance >= 8 && length <= 8) {
        memcpy(op, from, 8);
    } else if (distance >= 32) {
        do {
            memcpy(op, from, 32);
            op += 32;
            from += 32;
        } while (op < end);
    } else if (distance >= 8) {
        do {
            memcpy(op, from, 8);
            op += 8;
            from += 8;
        } while (op < end);
    } else if (distance == 1 && length > 64) {
        memset(op, *from, length);
    } else {
        repeat_wild(op, distance, end);
    }
}

/** The same with no byte too many, for the end of the output. */
static void copy_match(uint8_t *op, size_t distance, size_t length)
{
    if (length > WILD) {
        copy_match_wild(op, distance, length - WILD);
        op += length - WILD;
        length = WILD;
    }
    for (const uint8_t *from = op - distance; length > 0; length--) *op++ = *from++;
}

/* Tokens and end conditions: docs/format/codecs.md, "BLOSCLZ". */
int b2_blosclz_decode(const uint8_t *in, int32_t in_bytes, uint8_t *out, int32_t out_bytes)
{
    const uint8_t *ip = in, *const in_end = in + in_bytes;
    uint8_t *op = out, *const out_end = out + out_bytes;
    if (in_bytes < 1) goto truncated;
    unsigned token = *ip++ & 31; /* the first one is a literal run, whatever its high bits */
    for (;;) {
        if (token < 32) {
            size_t count = token + 1;
            if (!copy_literals(op, out_end, ip, in_end, count)) goto misfit;
            ip += count;
            op += count;
            if (ip == in_end) break;
        } else {
            size_t length = (token >> 5) - 1, distance = (token & 31) << 8;
            if (length == 6) {
                unsigned more;
                do {
                    if (ip == in_end) goto truncated;
                    more = *ip++;
                    length += more;
                    if (length > (size_t)out_bytes) goto misfit;
                } while (more == 255);
            }
            length += 3;
            if (ip == in_end) goto truncated;
            unsigned low = *ip++;
            if (low == 255 && distance == 0x1f00) {
                if (in_end - ip < 2) goto truncated;
                distance = B2_BLOSCLZ_NEAR_MAX + 1 + (size_t)b2_load_be16(ip);
                ip += 2;
            } else {
                distance += low + 1;
            }
            if (length > (size_t)(out_end - op)) goto misfit;
            if (distance > (size_t)(op - out)) {
                return blosc2_fail(BLOSC2_E_CORRUPT, "blosclz: match distance %zu (expected 1..%zu)",
                                   distance, (size_t)(op - out));
            }
            if ((size_t)(out_end - op) - length >= WILD) {
                copy_match_wild(op, distance, length);
            } else {
                copy_match(op, distance, length);
            }
            op += length;
            if (ip == in_end) goto truncated; /* a match is never the last token */
        }
        token = *ip++;
    }
    if (op == out_end) return BLOSC2_OK;
misfit:
    return blosc2_fail(BLOSC2_E_CORRUPT, "blosclz: %d bytes do not decode to exactly %d", (int)in_bytes,
                       (int)out_bytes);
truncated:
    return blosc2_fail(BLOSC2_E_CORRUPT, "blosclz: a stream of %d bytes is cut off", (int)in_bytes);
}
