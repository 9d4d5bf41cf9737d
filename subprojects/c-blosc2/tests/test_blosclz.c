/* BLOSCLZ: docs/format/codecs.md. Buffers have the exact sizes, so that sanitizers see every byte too many.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "codecs/blosclz.h"

static b2_blosclz_state state;

static uint32_t random_state = 1;

static uint32_t random32(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

/** A heap copy of exactly `bytes` bytes. */
static uint8_t *copy_of(const uint8_t *from, size_t bytes)
{
    uint8_t *copy = malloc(bytes ? bytes : 1);
    if (!copy) abort();
    memcpy(copy, from, bytes);
    return copy;
}

static int decode(const uint8_t *stream, size_t stream_bytes, uint8_t *out, size_t out_bytes)
{
    uint8_t *exact_in = copy_of(stream, stream_bytes), *exact_out = copy_of(out, out_bytes);
    int status = b2_blosclz_decode(exact_in, (int32_t)stream_bytes, exact_out, (int32_t)out_bytes);
    memcpy(out, exact_out, out_bytes);
    free(exact_in);
    free(exact_out);
    return status;
}

static void the_example_of_the_specification_decodes(void)
{
    static const uint8_t stream[] = {0x20, 0x61, 0xe0, 0x36, 0x00, 0x00, 0x62};
    for (unsigned marker = 0; marker < 8; marker++) { /* readers ignore it */
        uint8_t bytes[sizeof stream], out[65] = {0}, expected[65];
        memcpy(bytes, stream, sizeof stream);
        bytes[0] = (uint8_t)(marker << 5);
        memset(expected, 'a', 64);
        expected[64] = 'b';
        CHECK_OK(decode(bytes, sizeof bytes, out, 65));
        CHECK(memcmp(out, expected, 65) == 0);
        CHECK(decode(bytes, sizeof bytes, out, 64) == BLOSC2_E_CORRUPT);
    }
}

/** Literals, then a match of this distance and length in every form, then two literals. */
static size_t build(uint8_t *stream, uint8_t *expected, size_t distance, size_t length, size_t *out_bytes)
{
    uint8_t *op = stream;
    size_t n = 0;
    for (size_t left = distance; left > 0;) {
        size_t run = left < 32 ? left : 32;
        *op++ = (uint8_t)((run - 1) | (left == distance ? 0x20 : 0));
        for (size_t i = 0; i < run; i++) expected[n++] = *op++ = (uint8_t)random32();
        left -= run;
    }
    size_t code = length < 9 ? length - 2 : 7, biased = distance > 8191 ? 0x1fff : distance - 1;
    *op++ = (uint8_t)(code << 5 | biased >> 8);
    if (code == 7) {
        size_t rest = length - 9;
        for (; rest >= 255; rest -= 255) *op++ = 255;
        *op++ = (uint8_t)rest;
    }
    *op++ = (uint8_t)biased;
    if (distance > 8191) {
        *op++ = (uint8_t)((distance - 8192) >> 8);
        *op++ = (uint8_t)(distance - 8192);
    }
    for (size_t i = 0; i < length; i++, n++) expected[n] = expected[n - distance];
    *op++ = 1;
    *op++ = expected[n++] = 7;
    *op++ = expected[n++] = 8;
    *out_bytes = n;
    return (size_t)(op - stream);
}

static void every_form_of_match_decodes(void)
{
    static const size_t distances[] = {1,  2,  3,  4,  5,   6,   7,    8,    9,    12,   15,    16,    17,
                                       24, 31, 32, 33, 255, 256, 8190, 8191, 8192, 8193, 65536, 73726, 73727};
    static const size_t lengths[] = {3,  4,  5,  6,  7,  8,   9,   10,  16,  17,  31,
                                     32, 33, 40, 64, 65, 100, 263, 264, 265, 519, 5000};
    static uint8_t stream[90000], expected[90000], out[90000];
    for (size_t d = 0; d < sizeof distances / sizeof *distances; d++) {
        for (size_t l = 0; l < sizeof lengths / sizeof *lengths; l++) {
            size_t out_bytes, bytes = build(stream, expected, distances[d], lengths[l], &out_bytes);
            memset(out, 0, out_bytes);
            CHECK_OK(decode(stream, bytes, out, out_bytes));
            CHECK(memcmp(out, expected, out_bytes) == 0);
            CHECK(decode(stream, bytes, out, out_bytes - 1) == BLOSC2_E_CORRUPT);
            CHECK(decode(stream, bytes, out, out_bytes + 1) == BLOSC2_E_CORRUPT);
            for (size_t cut = 1; cut <= 9 && cut < bytes; cut++) {
                CHECK(decode(stream, bytes - cut, out, out_bytes) == BLOSC2_E_CORRUPT);
            }
        }
    }
}

static void bad_streams_are_refused(void)
{
    static const struct {
        uint8_t bytes[8];
        size_t stream_bytes, out_bytes;
    } bad[] = {
        {{0x20}, 1, 1},                               /* no literal */
        {{0x21, 'a'}, 2, 2},                          /* a run longer than the input */
        {{0x20, 'a', 0x20, 0x01, 0, 'b'}, 6, 5},      /* distance 2 of 1 */
        {{0x20, 'a', 0x20, 0x00}, 4, 4},              /* a match at the end */
        {{0x20, 'a', 0xe0, 0xff, 0xff, 0xff}, 6, 20}, /* a length that leaves the output, and does not end */
        {{0x20, 'a', 0x3f, 0xff, 0x00}, 5, 4},        /* half a far distance */
        {{0x20, 'a', 0x3f, 0xff, 0, 0, 0, 'b'}, 8, 5},
    };
    uint8_t out[32] = {0};
    CHECK(b2_blosclz_decode(out, 0, out, 1) == BLOSC2_E_CORRUPT);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(decode(bad[i].bytes, bad[i].stream_bytes, out, bad[i].out_bytes) == BLOSC2_E_CORRUPT);
    }
}

/** Kinds of data; 0 and 1 shrink much, 4 not at all. */
static void fill(uint8_t *bytes, size_t count, int kind)
{
    for (size_t i = 0; i < count; i++) {
        switch (kind) {
        case 0:
            bytes[i] = 0;
            break;
        case 1:
            bytes[i] = (uint8_t)(i / 9 * 3);
            break;
        case 2:
            bytes[i] =
                (uint8_t)"the quick brown fox jumps over a lazy dog "[(i * (i / 97 % 7 + 1) + i / 300) % 42];
            break;
        case 3:
            bytes[i] = random32() % 20 ? 0 : (uint8_t)random32();
            break;
        default:
            bytes[i] = (uint8_t)random32();
            break;
        }
    }
}

/** Walk the tokens: the stream begins and ends with a literal run. */
static void check_grammar(const uint8_t *stream, size_t bytes)
{
    size_t p = 0, run = 0;
    CHECK(stream[0] >> 5 == 1);
    while (p < bytes) {
        unsigned token = p == 0 ? stream[p] & 31u : stream[p];
        p++;
        run = 0;
        if (token < 32) {
            p += run = token + 1;
            continue;
        }
        if (token >= 7 << 5) {
            while (stream[p++] == 255) continue;
        }
        p += (token & 31) == 31 && stream[p] == 255 ? 3 : 1;
    }
    CHECK(p == bytes && run >= 1);
}

static void round_trip(const uint8_t *data, size_t count, int clevel)
{
    uint8_t *in = copy_of(data, count), *out = copy_of(data, count), *again = copy_of(data, count);
    int32_t capacity = (int32_t)count - 1;
    int32_t bytes = b2_blosclz_encode(&state, clevel, in, (int32_t)count, out, capacity);
    CHECK(bytes >= 0 && bytes <= capacity);
    /* The state must leave no trace. */
    memset(&state, (int)random32(), sizeof state);
    CHECK(b2_blosclz_encode(&state, clevel, in, (int32_t)count, again, capacity) == bytes);
    CHECK(memcmp(out, again, (size_t)bytes) == 0);
    if (bytes > 0) {
        check_grammar(out, (size_t)bytes);
        memset(again, 0xaa, count);
        CHECK_OK(decode(out, (size_t)bytes, again, count));
        CHECK(memcmp(again, data, count) == 0);
        /* Just enough room is enough, or it is declined; never more is written. */
        uint8_t *tight = malloc((size_t)bytes);
        if (!tight) abort();
        int32_t fitted = b2_blosclz_encode(&state, clevel, in, (int32_t)count, tight, bytes);
        CHECK(fitted == 0 || (fitted == bytes && memcmp(tight, out, (size_t)bytes) == 0));
        free(tight);
        tight = malloc((size_t)bytes / 2 + 1);
        if (!tight) abort();
        CHECK(b2_blosclz_encode(&state, clevel, in, (int32_t)count, tight, bytes / 2) == 0);
        free(tight);
    }
    free(in);
    free(out);
    free(again);
}

static void what_is_encoded_decodes(void)
{
    static const size_t sizes[] = {1000, 4095, 4096, 5003, 8200, 32768, 65536, 65537, 70001, 140003, 300007};
    static uint8_t data[300007];
    for (int kind = 0; kind < 5; kind++) {
        fill(data, sizeof data, kind);
        for (int clevel = 1; clevel <= 9; clevel++) {
            for (size_t count = 1; count <= 300; count++) round_trip(data, count, clevel);
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) round_trip(data, sizes[i], clevel);
        }
    }
}

static void levels_shrink_what_shrinks(void)
{
    static uint8_t data[65536], out[65536];
    static const int32_t most[] = {1000, 8000, 25000, 30000};
    for (int kind = 0; kind < 5; kind++) {
        fill(data, sizeof data, kind);
        for (int clevel = 1; clevel <= 9; clevel++) {
            int32_t bytes = b2_blosclz_encode(&state, clevel, data, sizeof data, out, sizeof data - 1);
            if (kind < 4) CHECK(bytes > 0 && bytes < most[kind]);
            if (kind == 4) CHECK(bytes == 0);
        }
    }
}

/** Distances around those where the form changes, and about 65536, where the encoder's memory wraps. */
static void far_matches_round_trip(void)
{
    static const size_t distances[] = {8190, 8191, 8192, 8193, 65535, 65536, 65537, 73727, 73728};
    static uint8_t data[200000];
    for (size_t d = 0; d < sizeof distances / sizeof *distances; d++) {
        fill(data, distances[d], 4);
        for (size_t i = distances[d]; i < sizeof data; i++) data[i] = data[i - distances[d]];
        round_trip(data, sizeof data, 9);
        static uint8_t out[200000];
        int32_t bytes = b2_blosclz_encode(&state, 9, data, sizeof data, out, sizeof data - 1);
        if (distances[d] <= 65536)
            CHECK(bytes > 0 && (size_t)bytes < distances[d] + distances[d] / 20 + 1500);
    }
}

static void damaged_streams_are_safe(void)
{
    static uint8_t data[3000], out[3000], stream[3000];
    for (int kind = 0; kind < 4; kind++) {
        fill(data, sizeof data, kind);
        int32_t bytes = b2_blosclz_encode(&state, 9, data, sizeof data, stream, sizeof stream);
        CHECK(bytes > 0);
        for (int32_t cut = 0; cut < bytes; cut++)
            CHECK(decode(stream, (size_t)cut, out, sizeof out) != BLOSC2_OK);
        for (int trial = 0; trial < 5000; trial++) {
            uint32_t at = random32() % (uint32_t)bytes;
            uint8_t flip = (uint8_t)(1 + random32() % 255);
            stream[at] ^= flip;
            int status = decode(stream, (size_t)bytes, out, sizeof out); /* other bytes, or refused */
            CHECK(status == BLOSC2_OK || status == BLOSC2_E_CORRUPT);
            stream[at] ^= flip;
        }
    }
    for (int trial = 0; trial < 20000; trial++) {
        size_t bytes = random32() % 64;
        fill(stream, bytes, 4);
        int status = decode(stream, bytes, out, 1 + random32() % 200);
        CHECK(status == BLOSC2_OK || status == BLOSC2_E_CORRUPT);
    }
}

int main(void)
{
    the_example_of_the_specification_decodes();
    every_form_of_match_decodes();
    bad_streams_are_refused();
    what_is_encoded_decodes();
    levels_shrink_what_shrinks();
    far_matches_round_trip();
    damaged_streams_are_safe();
    return check_result();
}
