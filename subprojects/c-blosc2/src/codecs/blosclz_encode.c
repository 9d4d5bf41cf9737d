#include "codecs/blosclz.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "blosc2.h"
#include "codecs/table.h"

enum {
    IN_MIN = 24,        /* shorter inputs cannot gain anything worth it */
    SEARCH_MARGIN = 16, /* no match begins in the last bytes: all loads of 8 bytes stay inside */
    MATCH_MARGIN = 4,   /* no match reaches the last bytes: a stream ends with literals */
    NEAR_MIN = 6,       /* shortest near and far matches: 5 would be 7 % smaller, and read 15 % slower */
    FAR_MIN = 8,
    TINY = 9,      /* a distance of less belongs to a run, or a pattern as good as one */
    PATIENCE = 64, /* misses after which the search begins to skip positions: one more for every 64 */
    TABLE_LOG_MIN = 8,
    PROBE_SHIFT = 3,  /* every level looks at the last eighth first */
    PROBE_MIN = 4096, /* shorter inputs are tried as a whole */
    WILD = 32,        /* literals are copied in pieces of this size, where there is room */
};

B2_WRAPS static inline uint32_t hash6(uint64_t bytes, int log)
{
    return (uint32_t)((bytes << 16) * UINT64_C(0x9E3779B97F4A7C15) >> (64 - log));
}

/** Index of the first byte in which two little-endian words differ; `x` is their XOR, not 0. */
static inline size_t first_difference(uint64_t x)
{
#if defined(__GNUC__)
    return (size_t)__builtin_ctzll(x) / 8;
#else
    size_t i = 0;
    while ((x >> 8 * i & 255) == 0) i++;
    return i;
#endif
}

static inline uint64_t differ8(const uint8_t *a, const uint8_t *b)
{
    return b2_load_le64(a) ^ b2_load_le64(b);
}

/** How many bytes from `a` on equal those from `b` on, up to `end`; `a` < `b`. */
static inline size_t match_length(const uint8_t *a, const uint8_t *b, const uint8_t *end)
{
    const uint8_t *const start = b;
    for (; end - b >= 32; a += 32, b += 32) {
        uint64_t x =
            differ8(a, b) | differ8(a + 8, b + 8) | differ8(a + 16, b + 16) | differ8(a + 24, b + 24);
        if (x != 0) break;
    }
    for (; end - b >= 8; a += 8, b += 8) {
        uint64_t x = differ8(a, b);
        if (x != 0) return (size_t)(b - start) + first_difference(x);
    }
    while (b < end && *a == *b) a++, b++;
    return (size_t)(b - start);
}

/**
 * How far back the bytes hashed to `slot` were last, perhaps: 1..65536, never before the start of the stream
 * (a cleared slot says 0, the start). Remembers `position` in their place, but not in the middle of a run:
 * the next run should match this one from its beginning, and then what follows too.
 */
static inline size_t look_up(uint16_t *slot, size_t position)
{
    uint16_t last = *slot;
    size_t distance = (size_t)(uint16_t)(position - last - 1) + 1;
    *slot = distance < TINY ? last : (uint16_t)position;
    return distance;
}

static inline uint8_t *put_literals(uint8_t *op, const uint8_t *from, size_t count)
{
    while (count > 0) {
        size_t run = count < B2_BLOSCLZ_RUN_MAX ? count : B2_BLOSCLZ_RUN_MAX;
        *op++ = (uint8_t)(run - 1);
        memcpy(op, from, run);
        op += run;
        from += run;
        count -= run;
    }
    return op;
}

/** The same, reading and writing up to WILD bytes too many. */
B2_WRAPS static inline uint8_t *put_literals_wild(uint8_t *op, const uint8_t *from, size_t count)
{
    for (; count > B2_BLOSCLZ_RUN_MAX; count -= B2_BLOSCLZ_RUN_MAX) {
        *op++ = B2_BLOSCLZ_RUN_MAX - 1;
        memcpy(op, from, B2_BLOSCLZ_RUN_MAX);
        op += B2_BLOSCLZ_RUN_MAX;
        from += B2_BLOSCLZ_RUN_MAX;
    }
    *op = (uint8_t)(count - 1);
    memcpy(op + 1, from, WILD);
    return count > 0 ? op + 1 + count : op;
}

/** Near or far, short or long: every form is written, `op` moves on by the bytes that count. */
B2_WRAPS static inline uint8_t *put_match(uint8_t *op, size_t distance, size_t length)
{
    bool far = distance > B2_BLOSCLZ_NEAR_MAX;
    size_t low = far ? 0x1fff : distance - 1;
    *op++ = (uint8_t)((length < 9 ? length - 2 : 7) << 5 | low >> 8);
    size_t rest = length - 9;
    if (length >= 9) {
        for (; rest >= 255; rest -= 255) *op++ = 255;
    }
    *op = (uint8_t)rest;
    op += length >= 9;
    *op++ = (uint8_t)low;
    b2_store_be16(op, (uint16_t)(distance - B2_BLOSCLZ_NEAR_MAX - 1));
    return far ? op + 2 : op;
}

/** True if the first bytes of two little-endian words agree, as many as a match needs; `x` is their XOR. */
B2_WRAPS static inline bool is_match(uint64_t x, size_t distance)
{
    return x << (distance > B2_BLOSCLZ_NEAR_MAX ? 64 - 8 * FAR_MIN : 64 - 8 * NEAR_MIN) == 0;
}

/** Bytes that a run of literals and a match can take, with what is written too many. */
static inline size_t room_for(size_t literals, size_t length)
{
    return literals + literals / B2_BLOSCLZ_RUN_MAX + 1 + WILD + length / 255 + 6;
}

/** Greedy, with a second look one byte further. Returns 0 when `capacity` is short. */
static int32_t encode(uint16_t *table, int log, const uint8_t *in, int32_t in_bytes, uint8_t *out,
                      int32_t capacity)
{
    const uint8_t *const in_end = in + in_bytes;
    const uint8_t *const search_end = in_end - SEARCH_MARGIN, *const match_end = in_end - MATCH_MARGIN;
    const uint8_t *literals = in, *ip = in + 1; /* a stream starts with a literal */
    uint8_t *op = out, *const out_end = out + capacity;
    while (log > TABLE_LOG_MIN && in_bytes >> log < 2) log--; /* clearing must not cost more than searching */
    memset(table, 0, sizeof *table << log);
    unsigned misses = PATIENCE;
    while (ip <= search_end) {
        uint64_t here = b2_load_le64(ip);
        size_t distance = look_up(&table[hash6(here, log)], (size_t)(ip - in));
        uint64_t x = b2_load_le64(ip - distance) ^ here;
        if (!is_match(x, distance)) {
            ip += misses++ / PATIENCE;
            continue;
        }
        size_t length = x ? first_difference(x) : 8 + match_length(ip - distance + 8, ip + 8, match_end);

        /* The next byte may begin a longer one. It must at least agree around the end of what we have. */
        const uint8_t *next = ip + 1, *at = next + length - NEAR_MIN;
        size_t other = look_up(&table[hash6(b2_load_le64(next), log)], (size_t)(next - in));
        if (other != distance && differ8(at, at - other) == 0) {
            size_t longer = match_length(next - other, next, match_end);
            if (longer > length + 1) {
                length = longer;
                distance = other;
                ip = next;
            }
        }
        for (; ip > literals && ip - distance > in && ip[-1] == *(ip - distance - 1); ip--) length++;

        size_t count = (size_t)(ip - literals);
        if ((size_t)(out_end - op) < room_for(count, length)) return 0;
        op = in_end - ip >= WILD ? put_literals_wild(op, literals, count) : put_literals(op, literals, count);
        op = put_match(op, distance, length);
        literals = ip += length;
        misses = PATIENCE;
        if (ip <= search_end) table[hash6(b2_load_le64(ip - 2), log)] = (uint16_t)(ip - 2 - in);
    }
    size_t count = (size_t)(in_end - literals);
    if ((size_t)(out_end - op) < count + (count + B2_BLOSCLZ_RUN_MAX - 1) / B2_BLOSCLZ_RUN_MAX) return 0;
    op = put_literals(op, literals, count);
    out[0] |= 0x20; /* the marker of the first token */
    return (int32_t)(op - out);
}

/** The levels: docs/format/codecs.md, "What the real encoder does". */
typedef struct tuning {
    int table_log;     /* 2^table_log positions are remembered */
    int sample_shift;  /* the last in_bytes >> sample_shift bytes tell whether to compress at all: */
    int ratio_percent; /* their compression ratio must reach this */
} tuning;

static const tuning LEVELS[] = {
    {0, 0, 0},    {12, 3, 200}, {13, 2, 150}, {14, 2, 120}, {14, 1, 120},
    {14, 1, 120}, {14, 1, 120}, {14, 0, 115}, {14, 0, 110}, {14, 0, 100},
};

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/** The most bytes in which `in_bytes` may end for the compression to pay. */
static int32_t paying(const tuning *level, int32_t in_bytes)
{
    return (int32_t)((int64_t)in_bytes * 100 / level->ratio_percent);
}

/** Compress the last in_bytes >> shift bytes, for the size alone. */
static bool sample_pays(b2_blosclz_state *state, const tuning *level, int shift, const uint8_t *in,
                        int32_t in_bytes, uint8_t *out, int32_t capacity)
{
    int32_t sample = in_bytes >> shift;
    const uint8_t *from = in + (in_bytes - sample);
    return encode(state->table, level->table_log, from, sample, out, least(capacity, paying(level, sample))) >
           0;
}

int32_t b2_blosclz_encode(b2_blosclz_state *state, int clevel, const uint8_t *in, int32_t in_bytes,
                          uint8_t *out, int32_t capacity)
{
    const tuning *level = &LEVELS[clevel];
    if (in_bytes < IN_MIN || capacity <= 0) return 0;
    if (in_bytes >= PROBE_MIN && !sample_pays(state, level, PROBE_SHIFT, in, in_bytes, out, capacity)) {
        if (level->sample_shift == PROBE_SHIFT) return 0;
        if (level->sample_shift == 0) {
            capacity = least(capacity,
                             paying(level, in_bytes)); /* the sample is everything: no need to do it twice */
        } else if (!sample_pays(state, level, level->sample_shift, in, in_bytes, out, capacity)) {
            return 0;
        }
    }
    return encode(state->table, level->table_log, in, in_bytes, out, capacity);
}

static const char *version(void)
{
    return B2_BLOSCLZ_VERSION;
}

static int compress_stream(void *state, const b2_dict *dict, int clevel, const uint8_t *in, int32_t in_bytes,
                           uint8_t *out, int32_t capacity)
{
    (void)dict;
    return b2_blosclz_encode(state, clevel, in, in_bytes, out, capacity);
}

static int decompress_stream(void *state, const b2_dict *dict, const uint8_t *in, int32_t in_bytes,
                             uint8_t *out, int32_t out_bytes)
{
    (void)state;
    (void)dict;
    return b2_blosclz_decode(in, in_bytes, out, out_bytes);
}

const b2_codec b2_codec_blosclz = {
    .name = "blosclz",
    .format = B2_FORMAT_BLOSCLZ,
    .state_bytes = sizeof(b2_blosclz_state),
    .version = version,
    .compress = compress_stream,
    .decompress = decompress_stream,
};
