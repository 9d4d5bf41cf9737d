/* All codecs through codecs.h. Buffers have the exact sizes, so that sanitizers see every byte too many. */
#include "codecs/codecs.h"

#include <lz4.h>
#include <lz4hc.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "check.h"

static const int CODECS[] = {BLOSC2_BLOSCLZ, BLOSC2_LZ4, BLOSC2_LZ4HC, BLOSC2_ZLIB, BLOSC2_ZSTD};
enum { CODEC_COUNT = 5, KINDS = 4, NOISE = 3 };

static uint32_t random_state = 1;

static uint32_t random32(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state;
}

static void fill(uint8_t *bytes, int32_t count, int kind)
{
    static const char words[] =
        "a chunk is a self-contained compressed buffer; frames store chunks and their index";
    for (int32_t i = 0; i < count; i++) {
        switch (kind) {
        case 0:
            bytes[i] = 0;
            break;
        case 1:
            bytes[i] = (uint8_t)(i / 7);
            break;
        case 2:
            bytes[i] = (uint8_t)words[(i + (i / 50) * (i / 50)) % (int32_t)(sizeof words - 1)];
            break;
        default:
            bytes[i] = (uint8_t)random32();
            break;
        }
    }
}

static uint8_t *block(int32_t bytes)
{
    uint8_t *made = malloc(bytes > 0 ? (size_t)bytes : 1);
    if (!made) abort();
    return made;
}

/** Decompress from and into blocks of the exact sizes, then to `out`. */
static int decompress(b2_codec_states *states, int format, const uint8_t *stream, int32_t bytes, uint8_t *out,
                      int32_t out_bytes)
{
    uint8_t *in = block(bytes), *exact = block(out_bytes);
    if (bytes > 0) memcpy(in, stream, (size_t)bytes);
    int status = b2_codec_decompress(states, format, in, bytes, exact, out_bytes);
    if (status == BLOSC2_OK) memcpy(out, exact, (size_t)out_bytes);
    free(in);
    free(exact);
    return status;
}

/** @return The size of the compressed stream, 0 if stored raw. */
static int32_t round_trip(b2_codec_states *states, int codec, int clevel, const uint8_t *data, int32_t count)
{
    uint8_t *stream = block(count), *out = block(count);
    int32_t bytes = b2_codec_compress(states, codec, clevel, data, count, stream, count - 1);
    CHECK(bytes >= 0 && bytes < count);
    if (bytes > 0) {
        int format = b2_codec_format(codec);
        CHECK_OK(decompress(states, format, stream, bytes, out, count));
        CHECK(memcmp(out, data, (size_t)count) == 0);
        CHECK(decompress(states, format, stream, bytes, out, count - 1) == BLOSC2_E_CORRUPT);
        CHECK(b2_codec_compress(states, codec, clevel, data, count, out, bytes / 2) == 0);
    }
    free(stream);
    free(out);
    return bytes;
}

static void names_formats_and_versions_are_known(void)
{
    static const char *const names[] = {"blosclz", "lz4", "lz4hc", NULL, "zlib", "zstd", NULL};
    static const int formats[] = {0, 1, 1, -1, 3, 4, -1};
    for (int codec = -1; codec <= 5; codec++) {
        const char *name = codec < 0 ? NULL : names[codec], *found = blosc2_codec_name(codec);
        CHECK(name ? found && strcmp(name, found) == 0 : found == NULL);
        CHECK(b2_codec_format(codec) == (codec < 0 ? -1 : formats[codec]));
        const char *version = blosc2_codec_version(codec);
        CHECK(name ? version && version[0] >= '0' && version[0] <= '9' : version == NULL);
    }
    CHECK(!b2_format_has_dict(0) && b2_format_has_dict(1) && !b2_format_has_dict(2));
    CHECK(!b2_format_has_dict(3) && b2_format_has_dict(4) && !b2_format_has_dict(6));
}

static void all_levels_round_trip(void)
{
    static const int32_t sizes[] = {1021, 4096, 30011, 65536, 100003};
    static uint8_t data[100003];
    b2_codec_states *states;
    CHECK_OK(b2_codec_states_create(&states));
    for (int kind = 0; kind < KINDS; kind++) {
        fill(data, sizeof data, kind);
        for (int c = 0; c < CODEC_COUNT; c++) {
            for (int clevel = 1; clevel <= 9; clevel++) {
                int32_t step = CODECS[c] == BLOSC2_ZSTD && clevel > 5 ? 17 : 1; /* the slow ones */
                for (int32_t count = 1; count <= 300; count += step) {
                    round_trip(states, CODECS[c], clevel, data, count);
                }
                for (int i = 0; i < 5; i++) {
                    int32_t bytes = round_trip(states, CODECS[c], clevel, data, sizes[i]);
                    if (kind == NOISE) CHECK(bytes == 0);
                    if (kind <= 1 && sizes[i] > 4096) CHECK(bytes > 0 && bytes < sizes[i] / 2);
                }
            }
        }
    }
    b2_codec_states_free(states);
}

static void states_leave_no_trace(void)
{
    enum { COUNT = 20000 };
    static uint8_t data[KINDS][COUNT], first[COUNT], again[COUNT];
    for (int kind = 0; kind < KINDS; kind++) fill(data[kind], COUNT, kind);
    b2_codec_states *used;
    CHECK_OK(b2_codec_states_create(&used));
    for (int trial = 0; trial < 300; trial++) {
        int codec = CODECS[random32() % CODEC_COUNT], clevel = 1 + (int)(random32() % 6),
            kind = (int)(random32() % KINDS);
        int32_t count = 1 + (int32_t)(random32() % COUNT);
        b2_codec_states *fresh;
        CHECK_OK(b2_codec_states_create(&fresh));
        int32_t bytes = b2_codec_compress(fresh, codec, clevel, data[kind], count, first, count);
        CHECK(b2_codec_compress(used, codec, clevel, data[kind], count, again, count) == bytes);
        CHECK(memcmp(first, again, (size_t)bytes) == 0);
        b2_codec_states_free(fresh);
    }
    b2_codec_states_free(used);
}

static void damaged_streams_are_safe(void)
{
    enum { COUNT = 2000 };
    static uint8_t data[COUNT], stream[COUNT], out[COUNT + 1];
    b2_codec_states *states;
    CHECK_OK(b2_codec_states_create(&states));
    for (int c = 0; c < CODEC_COUNT; c++) {
        int format = b2_codec_format(CODECS[c]);
        fill(data, COUNT, 2);
        int32_t bytes = b2_codec_compress(states, CODECS[c], 5, data, COUNT, stream, COUNT);
        CHECK(bytes > 0);
        for (int32_t cut = 0; cut < bytes; cut++) {
            CHECK(decompress(states, format, stream, cut, out, COUNT) == BLOSC2_E_CORRUPT);
        }
        for (int trial = 0; trial < 3000; trial++) {
            uint32_t at = random32() % (uint32_t)bytes;
            uint8_t flip = (uint8_t)(1u << random32() % 8);
            stream[at] ^= flip;
            int status = decompress(states, format, stream, bytes, out, COUNT);
            CHECK(status == BLOSC2_OK || status == BLOSC2_E_CORRUPT || status == BLOSC2_E_MEMORY);
            CHECK(decompress(states, format, stream, bytes, out, COUNT + 1) != BLOSC2_OK || format == 0 ||
                  format == 1);
            stream[at] ^= flip;
        }
        CHECK_OK(decompress(states, format, stream, bytes, out, COUNT)); /* the states have survived */
        CHECK(memcmp(out, data, COUNT) == 0);
        for (int trial = 0; trial < 3000; trial++) {
            int32_t length = (int32_t)(random32() % 100);
            uint8_t noise[100];
            fill(noise, length, NOISE);
            CHECK(decompress(states, format, noise, length, out, 1 + (int32_t)(random32() % COUNT)) <= 0);
        }
    }
    CHECK(b2_codec_decompress(states, 2, stream, 5, out, 5) == BLOSC2_E_UNSUPPORTED);
    CHECK(b2_codec_compress(states, 3, 5, data, 5, out, 5) == BLOSC2_E_CODEC);
    b2_codec_states_free(states);
}

static void only_zlib_ignores_bytes_after_the_stream(void)
{
    enum { COUNT = 3000 };
    static uint8_t data[COUNT], stream[COUNT + 3], out[COUNT];
    fill(data, COUNT, 2);
    b2_codec_states *states;
    CHECK_OK(b2_codec_states_create(&states));
    for (int c = 0; c < CODEC_COUNT; c++) {
        int32_t bytes = b2_codec_compress(states, CODECS[c], 5, data, COUNT, stream, COUNT);
        CHECK(bytes > 0);
        memset(stream + bytes, 0x5a, 3);
        int expected = CODECS[c] == BLOSC2_ZLIB ? BLOSC2_OK : BLOSC2_E_CORRUPT;
        CHECK(decompress(states, b2_codec_format(CODECS[c]), stream, bytes + 3, out, COUNT) == expected);
    }
    b2_codec_states_free(states);
}

/** Blocks that share much with each other, and little with themselves. */
static void fill_blocks(uint8_t *bytes, int32_t count)
{
    static uint8_t phrases[64][24];
    fill(phrases[0], sizeof phrases, NOISE);
    for (int32_t i = 0; i < count; i += 24) {
        memcpy(bytes + i, phrases[random32() % 64], (size_t)(count - i < 24 ? count - i : 24));
    }
}

static void dictionaries_round_trip(void)
{
    enum { COUNT = 200000, BLOCK = 1500 };
    static uint8_t data[COUNT], dict[32768], stream[BLOCK], again[BLOCK], out[BLOCK];
    static const int codecs[] = {BLOSC2_LZ4, BLOSC2_LZ4HC, BLOSC2_ZSTD};
    fill_blocks(data, COUNT);
    for (int c = 0; c < 3; c++) {
        int codec = codecs[c], format = b2_codec_format(codec);
        int32_t dict_bytes = b2_codec_train(codec, data, COUNT, COUNT / BLOCK, dict);
        CHECK(dict_bytes >= 256 && dict_bytes <= COUNT / 20);
        b2_codec_states *states, *other;
        CHECK_OK(b2_codec_states_create(&states));
        CHECK_OK(b2_codec_states_create(&other));
        for (int clevel = 1; clevel <= 9; clevel += 4) {
            int64_t with = 0, without = 0;
            for (int32_t at = 0; at + BLOCK <= COUNT; at += BLOCK) {
                b2_codec_set_dict(states, NULL, 0);
                int32_t plain = b2_codec_compress(states, codec, clevel, data + at, BLOCK, stream, BLOCK - 1);
                without += plain > 0 ? plain : BLOCK;
                if (plain > 0) CHECK_OK(decompress(states, format, stream, plain, out, BLOCK));

                if (at == 0 || at == 90000) b2_codec_set_dict(other, dict, dict_bytes);
                b2_codec_set_dict(states, dict, dict_bytes);
                int32_t bytes = b2_codec_compress(states, codec, clevel, data + at, BLOCK, stream, BLOCK - 1);
                CHECK(bytes > 0);
                with += bytes;
                CHECK(b2_codec_compress(other, codec, clevel, data + at, BLOCK, again, BLOCK - 1) == bytes);
                CHECK(memcmp(stream, again, (size_t)bytes) == 0);
                memset(out, 0, BLOCK);
                CHECK_OK(decompress(other, format, stream, bytes, out, BLOCK));
                CHECK(memcmp(out, data + at, BLOCK) == 0);
                CHECK(b2_codec_compress(states, codec, clevel, data + at, BLOCK, again, 10) == 0);
            }
            CHECK(with < without * 9 / 10);
        }
        b2_codec_set_dict(states, NULL, 0); /* what needs the dictionary does not decode without */
        int32_t bytes = b2_codec_compress(other, codec, 5, data, BLOCK, stream, BLOCK - 1);
        CHECK(decompress(states, format, stream, bytes, out, BLOCK) == BLOSC2_E_CORRUPT);
        for (int trial = 0; trial < 2000; trial++) {
            uint32_t at = random32() % (uint32_t)bytes;
            stream[at] ^= 4;
            CHECK(decompress(other, format, stream, bytes, out, BLOCK) <= 0);
            stream[at] ^= 4;
        }
        b2_codec_states_free(states);
        b2_codec_states_free(other);
    }
}

/** Copies of a loaded stream object give the bytes of a stream object loaded anew. */
static void lz4_dictionaries_give_the_bytes_of_the_plain_calls(void)
{
    enum { COUNT = 6000, DICT = 5000 };
    static uint8_t data[COUNT], dict[DICT], ours[COUNT], theirs[COUNT];
    fill_blocks(data, COUNT);
    memcpy(dict, data + 500, DICT);
    b2_codec_states *states;
    CHECK_OK(b2_codec_states_create(&states));
    for (int clevel = 1; clevel <= 9; clevel++) {
        b2_codec_set_dict(states, dict, DICT);
        for (int i = 0; i < 2; i++) {
            LZ4_stream_t *fast = LZ4_createStream();
            LZ4_loadDict(fast, (char *)dict, DICT);
            int bytes =
                LZ4_compress_fast_continue(fast, (char *)data, (char *)theirs, COUNT, COUNT, 10 - clevel);
            CHECK(b2_codec_compress(states, BLOSC2_LZ4, clevel, data, COUNT, ours, COUNT) == bytes);
            CHECK(memcmp(ours, theirs, (size_t)bytes) == 0);
            LZ4_freeStream(fast);

            LZ4_streamHC_t *high = LZ4_createStreamHC();
            LZ4_resetStreamHC_fast(high, clevel);
            LZ4_loadDictHC(high, (char *)dict, DICT);
            bytes = LZ4_compress_HC_continue(high, (char *)data, (char *)theirs, COUNT, COUNT);
            CHECK(b2_codec_compress(states, BLOSC2_LZ4HC, clevel, data, COUNT, ours, COUNT) == bytes);
            CHECK(memcmp(ours, theirs, (size_t)bytes) == 0);
            LZ4_freeStreamHC(high);
        }
        b2_codec_set_dict(states, NULL, 0);
        int bytes = LZ4_compress_HC((char *)data, (char *)theirs, COUNT, COUNT, clevel);
        CHECK(b2_codec_compress(states, BLOSC2_LZ4HC, clevel, data, COUNT, ours, COUNT) == bytes);
        CHECK(memcmp(ours, theirs, (size_t)bytes) == 0);
    }
    b2_codec_states_free(states);
}

static void small_or_unsuitable_data_give_no_dictionary(void)
{
    static uint8_t data[20000], dict[32768];
    fill(data, sizeof data, 2);
    CHECK(b2_codec_train(BLOSC2_LZ4, data, 5119, 8, dict) == 0);
    CHECK(b2_codec_train(BLOSC2_LZ4, data, 5120, 8, dict) == 256);
    CHECK(memcmp(dict, data, 256) == 0);
    CHECK(b2_codec_train(BLOSC2_ZSTD, data, 5119, 8, dict) == 0);
    CHECK(b2_codec_train(BLOSC2_ZSTD, data, sizeof data, 30000, dict) == 0);
    CHECK(b2_codec_train(BLOSC2_ZLIB, data, sizeof data, 8, dict) == 0);
    CHECK(b2_codec_train(BLOSC2_BLOSCLZ, data, sizeof data, 8, dict) == 0);
}

/** Any bytes may stand where a dictionary is expected. */
static void strange_dictionaries_are_safe(void)
{
    enum { COUNT = 1000 };
    static uint8_t data[COUNT], stream[COUNT], out[COUNT];
    fill(data, COUNT, 2);
    b2_codec_states *states;
    CHECK_OK(b2_codec_states_create(&states));
    for (int c = 0; c < CODEC_COUNT; c++) {
        for (int32_t size = 1; size <= 40; size++) {
            uint8_t *dict = block(size);
            fill(dict, size, NOISE);
            if (size >= 4 && size % 2) memcpy(dict, "\x37\xa4\x30\xec", 4); /* ZDICT's magic, then noise */
            b2_codec_set_dict(states, dict, size);
            int32_t bytes = b2_codec_compress(states, CODECS[c], 5, data, COUNT, stream, COUNT);
            CHECK(bytes > 0 || bytes == BLOSC2_E_CODEC);
            if (bytes > 0) {
                CHECK_OK(decompress(states, b2_codec_format(CODECS[c]), stream, bytes, out, COUNT));
                CHECK(memcmp(out, data, COUNT) == 0);
            }
            b2_codec_set_dict(states, NULL, 0);
            free(dict);
        }
    }
    b2_codec_states_free(states);
}

/* ------------------------------------------------------------------ nothing of what was there before */

/** LZ4 sequences, some of them with the offset 0, which points at what is not written yet. */
static int32_t lz4_of_offset_0(uint8_t *stream, int32_t *out_bytes)
{
    int32_t at = 0, out = 0, sequences = 1 + (int32_t)(random32() % 4);
    for (int32_t i = 0; i <= sequences; i++) {
        bool is_last = i == sequences;
        int32_t literals = is_last ? 5 + (int32_t)(random32() % 9) : (int32_t)(random32() % 14);
        int32_t match = (int32_t)(random32() % 40);
        stream[at++] = (uint8_t)(literals << 4 | (is_last ? 0 : match < 15 ? match : 15));
        fill(stream + at, literals, NOISE);
        at += literals;
        out += literals;
        if (is_last) break;
        stream[at++] = random32() % 2 && out ? (uint8_t)(1 + random32() % (uint32_t)out) : 0;
        stream[at++] = 0;
        if (match >= 15) stream[at++] = (uint8_t)(match - 15);
        out += match + 4;
    }
    *out_bytes = out;
    return at;
}

static int prefixes; /* that were looked at */

/** Decompress into memory that has something else each time: all or nothing of the output is the stream's. */
static void check_owes_nothing(b2_codec_states *states, int format, const uint8_t *stream, int32_t bytes,
                               int32_t out_bytes, int32_t want)
{
    uint8_t *whole[2], *prefix[2];
    int status[2], prefix_status[2];
    bool has_prefix = want > 0 && want < out_bytes && b2_codec_has_prefix(format, stream, bytes, want);
    for (int i = 0; i < 2; i++) {
        whole[i] = block(out_bytes);
        prefix[i] = block(want);
        memset(whole[i], i ? 0xAA : 0x55, (size_t)out_bytes);
        memset(prefix[i], i ? 0xAA : 0x55, (size_t)want);
        status[i] = b2_codec_decompress(states, format, stream, bytes, whole[i], out_bytes);
        prefix_status[i] = has_prefix
                               ? b2_codec_decompress_prefix(states, format, stream, bytes, prefix[i], want)
                               : BLOSC2_E_CORRUPT;
    }
    prefixes += has_prefix;
    CHECK(status[0] == status[1] && prefix_status[0] == prefix_status[1]);
    if (status[0] == BLOSC2_OK) CHECK(memcmp(whole[0], whole[1], (size_t)out_bytes) == 0);
    if (prefix_status[0] == BLOSC2_OK) CHECK(memcmp(prefix[0], prefix[1], (size_t)want) == 0);
    if (status[0] == BLOSC2_OK && has_prefix)
        CHECK(prefix_status[0] == BLOSC2_OK && memcmp(prefix[0], whole[0], (size_t)want) == 0);
    for (int i = 0; i < 2; i++) {
        free(whole[i]);
        free(prefix[i]);
    }
}

/** What lay where a stream is decompressed to, of another array, is not shown by any stream. */
static void output_owes_nothing_to_memory(void)
{
    enum { COUNT = 700, ROUNDS = 3000 };
    static uint8_t data[COUNT], stream[COUNT], dict[400];
    b2_codec_states *states = NULL;
    CHECK_OK(b2_codec_states_create(&states));
    fill(dict, sizeof dict, 2);
    for (int round = 0; round < ROUNDS; round++) {
        int32_t out_bytes, bytes = lz4_of_offset_0(stream, &out_bytes);
        int32_t want = 1 + (int32_t)(random32() % (uint32_t)out_bytes);
        check_owes_nothing(states, B2_FORMAT_LZ4, stream, bytes, out_bytes, want);
        b2_codec_set_dict(states, dict, sizeof dict);
        check_owes_nothing(states, B2_FORMAT_LZ4, stream, bytes, out_bytes, 0);
        b2_codec_set_dict(states, NULL, 0);
    }
    for (int round = 0; round < ROUNDS; round++) {
        int codec = CODECS[round % CODEC_COUNT], format = b2_codec_format(codec);
        fill(data, sizeof data, 1 + round % 2);
        int32_t bytes =
            b2_codec_compress(states, codec, 1 + round % 9, data, sizeof data, stream, sizeof stream);
        for (int flips = 1 + round % 3; flips > 0 && bytes > 0; flips--)
            stream[random32() % (uint32_t)bytes] = random32() % 3 ? (uint8_t)random32() : 0;
        int32_t want = 1 + (int32_t)(random32() % (COUNT - 1));
        if (bytes > 0) check_owes_nothing(states, format, stream, bytes, sizeof data, want);
    }
    CHECK(prefixes > ROUNDS / 2);
    b2_codec_states_free(states);
}

static void short_memory_is_reported(void)
{
    static uint8_t data[5000], out[5000];
    fill(data, sizeof data, 2);
    for (int c = 0; c < CODEC_COUNT; c++) {
        for (int64_t allowed = 0; allowed < 3; allowed++) {
            b2_codec_states *states = NULL;
            b2_memory_fail_after(allowed);
            int status = b2_codec_states_create(&states);
            if (status == BLOSC2_OK)
                status = b2_codec_compress(states, CODECS[c], 5, data, sizeof data, out, sizeof out);
            CHECK(status > 0 || status == BLOSC2_E_MEMORY);
            b2_memory_fail_after(-1);
            if (states)
                CHECK(b2_codec_compress(states, CODECS[c], 5, data, sizeof data, out, sizeof out) > 0);
            b2_codec_states_free(states);
        }
    }
    b2_codec_states_free(NULL);
}

int main(void)
{
    names_formats_and_versions_are_known();
    all_levels_round_trip();
    states_leave_no_trace();
    damaged_streams_are_safe();
    only_zlib_ignores_bytes_after_the_stream();
    dictionaries_round_trip();
    lz4_dictionaries_give_the_bytes_of_the_plain_calls();
    small_or_unsuitable_data_give_no_dictionary();
    strange_dictionaries_are_safe();
    output_owes_nothing_to_memory();
    short_memory_is_reported();
    return check_result();
}
