/** Frame headers, trailers, metalayers and index entries: docs/format/frame-format.md. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "check.h"
#include "frame/frame.h"

/** A frame as C-Blosc2 3.3.5 wrote it: an array of shape (0,), chunks (0,), blocks (0,), dtype '<i2'. */
static const uint8_t REAL_FRAME[] = {
    0x9e, 0xa8, 0x62, 0x32, 0x66, 0x72, 0x61, 0x6d, 0x65, 0x00, 0xd2, 0x00, 0x00, 0x00, 0x92, 0xcf, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xb5, 0xa4, 0x53, 0x00, 0x50, 0x02, 0xd3, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0xd3, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0xd2, 0x00, 0x00, 0x00,
    0x02, 0xd2, 0x00, 0x00, 0x00, 0x00, 0xd2, 0x00, 0x00, 0x00, 0x00, 0xd1, 0x00, 0x01, 0xd1, 0x00, 0x01,
    0xc2, 0xd8, 0x06, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x93, 0xcd, 0x00, 0x11, 0xde, 0x00, 0x01, 0xa4, 0x62, 0x32, 0x6e, 0x64, 0xd2, 0x00, 0x00,
    0x00, 0x6b, 0xdc, 0x00, 0x01, 0xc6, 0x00, 0x00, 0x00, 0x22, 0x97, 0x00, 0x01, 0x91, 0xd3, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x91, 0xd2, 0x00, 0x00, 0x00, 0x00, 0x91, 0xd2, 0x00, 0x00, 0x00,
    0x00, 0x00, 0xdb, 0x00, 0x00, 0x00, 0x03, 0x3c, 0x69, 0x32, 0x94, 0x01, 0x93, 0xcd, 0x00, 0x06, 0xde,
    0x00, 0x00, 0xdc, 0x00, 0x00, 0xce, 0x00, 0x00, 0x00, 0x23, 0xd8, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};

/** All that the parsers make of one frame. */
typedef struct parsed {
    b2_frame_header header;
    b2_layers fixed, variable;
    int64_t trailer_start;
} parsed;

static void parsed_free(parsed *p)
{
    b2_layers_free(&p->fixed);
    b2_layers_free(&p->variable);
}

/** The order in which a home opens a frame. */
static int parse(const uint8_t *bytes, int64_t size, b2_frame_type type, parsed *p)
{
    *p = (parsed){0};
    int status = b2_frame_header_parse(bytes, size, type, &p->header);
    if (status < 0) return status;
    status = b2_frame_header_layers(bytes, &p->header, &p->fixed);
    if (status < 0) return status;
    const uint8_t *tail = bytes + p->header.frame_bytes - B2_FRAME_TRAILER_TAIL;
    status = b2_frame_trailer_locate(tail, &p->header, &p->trailer_start);
    if (status < 0) return status;
    int64_t trailer_bytes = p->header.frame_bytes - p->trailer_start;
    return b2_frame_trailer_parse(bytes + p->trailer_start, trailer_bytes, &p->variable);
}

/** Parse a copy of exactly `size` bytes, so that sanitizers see each byte too much. */
static int parse_copy(const uint8_t *bytes, int64_t size)
{
    uint8_t *copy = malloc(size > 0 ? (size_t)size : 1);
    if (size > 0) memcpy(copy, bytes, (size_t)size);
    blosc2_fail(BLOSC2_OK, "%s", "");
    parsed p;
    int status = parse(copy, size, B2_FRAME_CONTIGUOUS, &p);
    parsed_free(&p);
    free(copy);
    CHECK(status == BLOSC2_OK || blosc2_last_error()[0] != '\0');
    return status;
}

static bool same_layers(const b2_layers *a, const b2_layers *b)
{
    if (a->count != b->count) return false;
    for (int i = 0; i < a->count; i++) {
        const b2_layer *x = &a->items[i], *y = &b->items[i];
        if (strcmp(x->name, y->name) != 0 || x->content_bytes != y->content_bytes) return false;
        if (memcmp(x->content, y->content, (size_t)x->content_bytes) != 0) return false;
    }
    return true;
}

/** `count` layers with names of 1..31 bytes and contents of 0 and more. */
static b2_layers make_layers(int count)
{
    b2_layers layers = {0};
    uint8_t content[64];
    for (int i = 0; i < count; i++) {
        char name[BLOSC2_MAX_NAME_BYTES + 1] = {0};
        memset(name, 'a' + i % 26, (size_t)(1 + (i * 13 + 30) % BLOSC2_MAX_NAME_BYTES));
        memset(content, i, sizeof content);
        CHECK_OK(b2_layers_set(&layers, name, content, i * 7 % 20));
    }
    return layers;
}

/** A frame of chunks that are no chunks: enough for what is tested here. @return A block for free(). */
static uint8_t *make_frame(b2_frame_header *h, const b2_layers *fixed, const b2_layers *variable,
                           int32_t spare)
{
    const int32_t index_bytes = 40;
    h->header_bytes = (int32_t)b2_frame_header_size(fixed) + spare;
    int64_t trailer = h->header_bytes + (h->nbytes > 0 ? h->section_bytes + index_bytes : 0);
    h->frame_bytes = trailer + b2_frame_trailer_size(variable);
    uint8_t *bytes = calloc(1, (size_t)h->frame_bytes);
    b2_frame_header_build(h, fixed, bytes);
    b2_frame_trailer_build(variable, bytes + trailer);
    return bytes;
}

static b2_frame_header plain_header(void)
{
    return (b2_frame_header){
        .version = 2,
        .codec = BLOSC2_ZSTD,
        .clevel = 7,
        .split = BLOSC2_SPLIT_FORWARD,
        .nbytes = 10000,
        .section_bytes = 300,
        .item_bytes = 300,
        .block_bytes = 900,
        .chunk_bytes = 3000,
        .has_variable_layers = true,
        .filters = {1, 2, 3, 4, 35, 36},
        .filters_meta = {10, 20, 30, 40, 50, 250},
        .codec_meta = 9,
        .use_dict = true,
    };
}

/* ------------------------------------------------------------------ the list */

static void test_a_list_keeps_order_and_replaces_in_place(void)
{
    b2_layers layers = {0};
    CHECK_OK(b2_layers_set(&layers, "one", (const uint8_t *)"1", 1));
    CHECK_OK(b2_layers_set(&layers, "two", NULL, 0));
    CHECK_OK(b2_layers_set(&layers, "three", (const uint8_t *)"333", 3));
    CHECK_OK(b2_layers_set(&layers, "one", (const uint8_t *)"11\0001", 4));
    CHECK(layers.count == 3 && b2_layers_find(&layers, "one") == 0 && b2_layers_find(&layers, "three") == 2);
    CHECK(layers.items[0].content_bytes == 4 && memcmp(layers.items[0].content, "11\0001", 4) == 0);
    CHECK(b2_layers_find(&layers, "four") == -1 && b2_layers_find(&layers, "") == -1);
    /* From a layer of the same list. */
    CHECK_OK(b2_layers_set(&layers, layers.items[2].name, layers.items[0].content, 2));
    CHECK(layers.items[2].content_bytes == 2 && memcmp(layers.items[2].content, "11", 2) == 0);

    b2_layers copy;
    CHECK_OK(b2_layers_copy(&layers, &copy));
    CHECK(same_layers(&layers, &copy));
    b2_layers_remove(&layers, 0);
    CHECK(layers.count == 2 && b2_layers_find(&layers, "two") == 0 && b2_layers_find(&layers, "one") == -1);
    b2_layers_remove(&layers, 1);
    b2_layers_remove(&layers, 0);
    CHECK(layers.count == 0 && copy.count == 3);
    b2_layers_free(&layers);
    b2_layers_free(&copy);
    b2_layers_free(&copy); /* an empty one */
}

static void test_names_must_be_short_utf8(void)
{
    static const char *GOOD[] = {
        "a",
        "1234567890123456789012345678901",
        "\xc3\xa9",
        "\xe2\x82\xac",
        "\xf0\x9f\x8e\x88",
        "\xf4\x8f\xbf\xbf",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\x7f",
        "\xc2\x80",
        "\xe0\xa0\x80",
        "\xf0\x90\x80\x80",
    };
    static const char *BAD[] = {
        "",
        "12345678901234567890123456789012",
        "\x80",
        "\xc3",
        "a\xc3",
        "\xc3\xc3",
        "\xc0\x80",
        "\xc1\xbf",
        "\xe0\x9f\xbf",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xe2\x82",
        "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff",
        "\xfe",
        "\xf0\x9f\x8e",
        "\xe2\x28\xa1",
    };
    b2_layers layers = {0};
    for (size_t i = 0; i < B2_COUNT(GOOD); i++) CHECK_OK(b2_layers_set(&layers, GOOD[i], NULL, 0));
    for (size_t i = 0; i < B2_COUNT(BAD); i++) {
        CHECK(b2_layers_set(&layers, BAD[i], NULL, 0) == BLOSC2_E_ARGUMENT);
    }
    CHECK(b2_layers_set(&layers, "x", NULL, -1) == BLOSC2_E_ARGUMENT);
    CHECK(layers.count == (int)B2_COUNT(GOOD));

    /* The same names in a file, where "" is one too. */
    for (size_t i = 0; i < B2_COUNT(BAD); i++) {
        size_t length = strlen(BAD[i]);
        if (length == 0 || length > BLOSC2_MAX_NAME_BYTES) continue;
        b2_layers one = {0}, out;
        CHECK_OK(b2_layers_set(&one, "a", NULL, 0));
        memcpy(one.items[0].name, BAD[i], length + 1);
        int64_t bytes = b2_layers_built_bytes(&one);
        uint8_t *built = malloc((size_t)bytes);
        b2_layers_build(&one, B2_LAYERS_IN_HEADER, 0, built);
        CHECK(b2_layers_parse(built, 0, bytes, 0, B2_LAYERS_IN_HEADER, &out) == BLOSC2_E_CORRUPT);
        free(built);
        b2_layers_free(&one);
    }
    b2_layers_free(&layers);
}

static void test_a_list_has_a_limit(void)
{
    b2_layers layers = {0};
    char name[16];
    for (int i = 0; i < B2_LAYERS_MAX; i++) {
        snprintf(name, sizeof name, "%d", i);
        if (b2_layers_set(&layers, name, NULL, 0) < 0) break;
    }
    CHECK(layers.count == B2_LAYERS_MAX);
    CHECK(b2_layers_set(&layers, "more", NULL, 0) == BLOSC2_E_ARGUMENT);
    CHECK_OK(b2_layers_set(&layers, "0", (const uint8_t *)"x", 1));
    int64_t bytes = b2_layers_built_bytes(&layers);
    uint8_t *built = malloc((size_t)bytes);
    b2_layers out;
    b2_layers_build(&layers, B2_LAYERS_IN_TRAILER, 0, built);
    CHECK_OK(b2_layers_parse(built, 0, bytes, 0, B2_LAYERS_IN_TRAILER, &out));
    CHECK(same_layers(&layers, &out));
    b2_layers_free(&out);
    CHECK(b2_layers_parse(built, 0, bytes, 0, B2_LAYERS_IN_HEADER, &out) == BLOSC2_E_CORRUPT);
    free(built);
    b2_layers_free(&layers);
}

static void test_a_failed_allocation_changes_nothing(void)
{
    b2_layers layers = make_layers(5), same = make_layers(5), copy = {0};
    for (int n = 0; n < 2; n++) {
        b2_memory_fail_after(n);
        CHECK(b2_layers_set(&layers, "new", (const uint8_t *)"content", 7) == BLOSC2_E_MEMORY);
        b2_memory_fail_after(-1);
        CHECK(same_layers(&layers, &same));
    }
    b2_memory_fail_after(0);
    CHECK(b2_layers_set(&layers, layers.items[3].name, (const uint8_t *)"content", 7) == BLOSC2_E_MEMORY);
    CHECK(same_layers(&layers, &same));
    for (int n = 0; n < 10; n++) {
        b2_memory_fail_after(n);
        CHECK(b2_layers_copy(&layers, &copy) == BLOSC2_E_MEMORY && copy.items == NULL);
    }
    int64_t bytes = b2_layers_built_bytes(&layers);
    uint8_t *built = malloc((size_t)bytes);
    b2_layers_build(&layers, B2_LAYERS_IN_HEADER, 0, built);
    for (int n = 0; n < 6; n++) {
        b2_memory_fail_after(n);
        CHECK(b2_layers_parse(built, 0, bytes, 0, B2_LAYERS_IN_HEADER, &copy) == BLOSC2_E_MEMORY);
        CHECK(copy.items == NULL);
    }
    b2_memory_fail_after(-1);
    free(built);
    b2_layers_free(&layers);
    b2_layers_free(&same);
}

/* ------------------------------------------------------------------ whole frames */

static void test_built_frames_parse_as_they_were(void)
{
    for (int count = 0; count <= BLOSC2_MAX_METALAYERS; count++) {
        for (int32_t spare = 0; spare <= 100; spare += 100) {
            b2_layers fixed = make_layers(count), variable = make_layers(BLOSC2_MAX_METALAYERS - count);
            b2_frame_header h = plain_header();
            h.type = count % 2 ? B2_FRAME_SPARSE : B2_FRAME_CONTIGUOUS;
            uint8_t *bytes = make_frame(&h, &fixed, &variable, spare);
            parsed p;
            CHECK_OK(parse(bytes, h.frame_bytes, h.type, &p));
            CHECK(same_layers(&p.fixed, &fixed) && same_layers(&p.variable, &variable));
            CHECK(p.header.header_bytes == h.header_bytes && p.header.frame_bytes == h.frame_bytes);
            CHECK(p.header.version == 2 && p.header.type == h.type && !p.header.variable_chunks);
            CHECK(p.header.codec == h.codec && p.header.clevel == h.clevel && p.header.split == h.split);
            CHECK(p.header.nbytes == h.nbytes && p.header.section_bytes == h.section_bytes);
            CHECK(p.header.item_bytes == 300 && p.header.block_bytes == 900 && p.header.chunk_bytes == 3000);
            CHECK(memcmp(p.header.filters, h.filters, sizeof h.filters) == 0);
            CHECK(memcmp(p.header.filters_meta, h.filters_meta, sizeof h.filters_meta) == 0);
            CHECK(p.header.codec_meta == 9 && p.header.use_dict && p.header.has_variable_layers);
            CHECK(p.trailer_start == h.frame_bytes - b2_frame_trailer_size(&variable));
            CHECK(parse_copy(bytes, h.frame_bytes - 1) == BLOSC2_E_CORRUPT);
            parsed_free(&p);
            CHECK(b2_frame_header_parse(bytes, h.frame_bytes, (b2_frame_type)(1 - h.type), &p.header) ==
                  BLOSC2_E_CORRUPT);
            b2_layers_free(&fixed);
            b2_layers_free(&variable);
            free(bytes);
        }
    }
}

static void test_versions_and_codecs_are_written_as_flags(void)
{
    b2_layers none = {0};
    b2_frame_header h = plain_header(), out;
    h.codec = 200;
    h.chunk_bytes = 0;
    uint8_t *bytes = make_frame(&h, &none, &none, 0);
    CHECK(bytes[25] == 0x53 && bytes[27] == 0x76 && bytes[77] == 200);
    CHECK_OK(b2_frame_header_parse(bytes, h.frame_bytes, h.type, &out));
    CHECK(out.codec == 200 && out.variable_chunks && out.version == 3 && b2_frame_chunk_count(&out) == -1);
    free(bytes);

    h = plain_header();
    h.codec = BLOSC2_LZ4HC;
    h.vl_blocks = true;
    bytes = make_frame(&h, &none, &none, 0);
    CHECK(bytes[25] == 0x93 && bytes[27] == 0x72 && bytes[77] == 2);
    CHECK_OK(b2_frame_header_parse(bytes, h.frame_bytes, h.type, &out));
    CHECK(out.codec == BLOSC2_LZ4HC && out.vl_blocks && !out.variable_chunks);
    free(bytes);
}

static void test_real_bytes_parse_and_are_rebuilt(void)
{
    parsed p;
    CHECK_OK(parse(REAL_FRAME, sizeof REAL_FRAME, B2_FRAME_CONTIGUOUS, &p));
    CHECK(p.header.header_bytes == 146 && p.header.frame_bytes == 181 && p.trailer_start == 146);
    CHECK(p.header.version == 3 && p.header.variable_chunks && !p.header.vl_blocks);
    CHECK(p.header.codec == BLOSC2_BLOSCLZ && p.header.clevel == 5 && p.header.split == BLOSC2_SPLIT_AUTO);
    CHECK(p.header.nbytes == 0 && p.header.item_bytes == 2 && p.header.chunk_bytes == 0);
    CHECK(p.header.filters[5] == BLOSC2_SHUFFLE && p.header.filters[4] == 0 && !p.header.has_variable_layers);
    CHECK(p.fixed.count == 1 && strcmp(p.fixed.items[0].name, "b2nd") == 0);
    CHECK(p.fixed.items[0].content_bytes == 34 && p.fixed.items[0].content[0] == 0x97 &&
          p.variable.count == 0);
    uint8_t built[sizeof REAL_FRAME];
    b2_frame_header_build(&p.header, &p.fixed, built);
    b2_frame_trailer_build(&p.variable, built + p.trailer_start);
    CHECK(memcmp(built, REAL_FRAME, sizeof built) == 0);
    parsed_free(&p);
    CHECK_OK(parse_copy(REAL_FRAME, sizeof REAL_FRAME));
}

static void test_a_frame_without_chunks_may_have_stale_sizes(void)
{
    uint8_t bytes[sizeof REAL_FRAME];
    b2_frame_header h;
    memcpy(bytes, REAL_FRAME, sizeof bytes);
    b2_store_be64(bytes + 39, INT64_MAX); /* cbytes of the chunks that were deleted */
    b2_store_be32(bytes + 58, UINT32_MAX);
    CHECK_OK(parse_copy(bytes, sizeof bytes));
    CHECK_OK(b2_frame_header_parse(bytes, sizeof bytes, B2_FRAME_CONTIGUOUS, &h));
    CHECK(h.section_bytes == 0 && h.chunk_bytes == -1 && b2_frame_chunk_count(&h) == 0);
    b2_store_be32(bytes + 58, INT32_MAX);
    CHECK_OK(parse_copy(bytes, sizeof bytes));
}

static void test_chunks_need_room_for_their_index(void)
{
    b2_layers none = {0};
    for (int room = 0; room < 40; room++) { /* of 40 bytes that make_frame() leaves */
        b2_frame_header h = plain_header();
        uint8_t *bytes = make_frame(&h, &none, &none, 0);
        b2_store_be64(bytes + 39, (uint64_t)(h.section_bytes + 40 - room));
        CHECK(parse_copy(bytes, h.frame_bytes) == (room < 16 ? BLOSC2_E_CORRUPT : BLOSC2_OK));
        free(bytes);
    }
}

/* ------------------------------------------------------------------ damage */

/** One field of a frame made wrong, and what the message must say of it. */
typedef struct damage {
    int offset, width; /* negative offsets count from the frame's end */
    uint64_t value;
    const char *message;
} damage;

static const damage DAMAGES[] = {
    {0, 1, 0x9d, "marker 0x9d at offset 0 (expected 0x9e)"},
    {1, 1, 0xa7, "marker 0xa7 at offset 1"},
    {2, 1, 'B', "no magic"},
    {9, 1, 1, "no magic"},
    {10, 1, 0, "at offset 10"},
    {11, 4, 86, "header_len 86 at offset 11 (expected 87 or more)"},
    {11, 4, 87, "frame header: no room for metalayers at offset 87 (limit 87)"},
    {11, 4, 0x80000000, "header_len -2147483648"},
    {15, 1, 0xd3, "at offset 15"},
    {16, 8, UINT64_MAX, "frame_len 18446744073709551615 at offset 16, but only"},
    {16, 8, 96, "header_len"},
    {24, 1, 0xa5, "at offset 24"},
    {25, 1, 0x10, "version 0 at offset 25 (expected 1..3)"},
    {25, 1, 0x14, "version 4 at offset 25 (expected 1..3)"},
    {25, 1, 0x02, "offset width 0 at offset 25"},
    {25, 1, 0x32, "offset width 3 at offset 25"},
    {26, 1, 1, "frame_type 1 at offset 26 (expected 0"},
    {26, 1, 2, "frame_type 2 at offset 26"},
    {29, 1, 0, "at offset 29"},
    {30, 8, UINT64_MAX, "nbytes -1 at offset 30 (expected 0 or more)"},
    {30, 8, INT64_MAX,
     "nbytes 9223372036854775807 at offset 30 are 3074457345618259 chunks (expected 268435455"},
    {38, 1, 0, "at offset 38"},
    {39, 8, UINT64_MAX, "cbytes -1 at offset 39"},
    {39, 8, INT64_MAX, "cbytes 9223372036854775807 at offset 39 (expected"},
    {47, 1, 0, "at offset 47"},
    {48, 4, 0, "frame header: typesize 0 at offset 48 (expected 1 or more)"},
    {48, 4, 0x80000000, "typesize -2147483648"},
    {52, 1, 0, "at offset 52"},
    {53, 4, UINT32_MAX, "blocksize -1 at offset 53"},
    {57, 1, 0, "at offset 57"},
    {58, 4, UINT32_MAX, "chunksize -1 at offset 58 (expected 0 or more)"},
    {58, 4, 2147483616, "chunksize 2147483616 at offset 58 (expected 2147483615 or less)"},
    {62, 1, 0, "at offset 62"},
    {65, 1, 0, "at offset 65"},
    {68, 1, 0xc1, "marker 0xc1 at offset 68 (expected 0xc2 or 0xc3)"},
    {69, 1, 0, "at offset 69"},
    {70, 1, 7, "number of filters 7 at offset 70 (expected 6 or less)"},
    /* Two layers: "one" at 94, "two" at 103; array at 112; contents at 115 (3 bytes) and 123 (0 bytes). */
    {87, 1, 0x94, "metalayers at offset 87: marker 0x94"},
    {88, 1, 0xce, "index size at offset 88: marker 0xce"},
    {91, 1, 0xdf, "map at offset 91: marker 0xdf"},
    {92, 2, 17, "17 metalayers at offset 92 (limit"},
    {92, 2, 1, "metalayer values at offset 103: marker 0xa3"},
    {92, 2, 3, "metalayers at offset 92 (limit 2)"},
    {94, 1, 0xc3, "metalayer name at offset 94: marker 0xc3 (expected 0xa0)"},
    {94, 1, 0xa2, "metalayer offset at offset 97: marker 0x65 (expected 0xd2)"},
    {94, 1, 0xa4, "name at offset 94 is not UTF-8"},
    {94, 1, 0xbf, "no room for metalayer entry at offset 94 (limit 128)"},
    {95, 1, 0, "name at offset 94 is not UTF-8 without NUL"},
    {95, 1, 0xff, "name at offset 94 is not UTF-8"},
    {104, 3, 0x6f6e65, "metalayer \"one\" at offset 103 is there twice"},
    {98, 1, 0xd3, "metalayer offset at offset 98: marker 0xd3"},
    {99, 4, UINT32_MAX, "metalayer \"one\": offset -1 (expected 115)"},
    {108, 4, 115, "metalayer \"two\": offset 115 (expected 123)"},
    {112, 1, 0xdd, "metalayer values at offset 112: marker 0xdd"},
    {113, 2, 1, "1 metalayer values at offset 113 (expected 2)"},
    {115, 1, 0xc5, "metalayer content at offset 115: marker 0xc5"},
    {116, 4, UINT32_MAX, "metalayer \"one\": length 4294967295 at offset 116 (limit 8)"},
    {116, 4, 9, "length 9 at offset 116 (limit 8)"},
    {116, 4, 8, "metalayer \"two\": offset 123 (expected 128)"},
    {124, 4, 1, "metalayer \"two\": length 1 at offset 124 (limit 0)"},
    {-23, 1, 0xcd, "markers 0xcd, 0xd8 at 23"},
    {-18, 1, 0xd7, "markers 0xce, 0xd7 at 23"},
    {-22, 4, 23, "trailer_len 23 at 22 bytes from its end (expected 24.."},
    {-22, 4, UINT32_MAX, "trailer_len 4294967295"},
    {-22, 4, 24, "frame trailer: only 24 bytes"},
    {-22, 4, 40, "frame trailer: begins with"},
    {-35, 1, 0x93, "frame trailer: begins with 0x93, 0x01"},
    {-34, 1, 2, "frame trailer: begins with 0x94, 0x02"},
};

static void test_damaged_fields_are_named(void)
{
    b2_layers fixed = {0}, none = {0};
    CHECK_OK(b2_layers_set(&fixed, "one", (const uint8_t *)"111", 3));
    CHECK_OK(b2_layers_set(&fixed, "two", NULL, 0));
    for (size_t i = 0; i < B2_COUNT(DAMAGES); i++) {
        const damage *d = &DAMAGES[i];
        b2_frame_header h = plain_header();
        uint8_t *bytes = make_frame(&h, &fixed, &none, 0);
        uint8_t *field = bytes + d->offset + (d->offset < 0 ? h.frame_bytes : 0);
        for (int k = 0; k < d->width; k++) field[k] = (uint8_t)(d->value >> 8 * (d->width - 1 - k));
        int status = parse_copy(bytes, h.frame_bytes);
        bool unsupported = d->offset == 25 && d->value != 0x10;
        CHECK(status == (unsupported ? BLOSC2_E_UNSUPPORTED : BLOSC2_E_CORRUPT));
        if (!strstr(blosc2_last_error(), d->message)) {
            fprintf(stderr, "damage %zu: \"%s\" lacks \"%s\"\n", i, blosc2_last_error(), d->message);
            CHECK(false);
        }
        free(bytes);
    }
    b2_layers_free(&fixed);
}

static void test_cut_frames_are_refused(void)
{
    b2_layers fixed = make_layers(3), variable = make_layers(2);
    b2_frame_header h = plain_header();
    uint8_t *bytes = make_frame(&h, &fixed, &variable, 5);
    for (int64_t size = 0; size < h.frame_bytes; size++) {
        CHECK(parse_copy(bytes, size) == BLOSC2_E_CORRUPT);
        if (size < B2_FRAME_HEADER_MIN) continue;
        b2_store_be64(bytes + 16, (uint64_t)size); /* and with a frame_len that agrees */
        CHECK(parse_copy(bytes, size) == BLOSC2_E_CORRUPT);
        b2_store_be64(bytes + 16, (uint64_t)h.frame_bytes);
    }
    for (int64_t size = 0; size < b2_frame_trailer_size(&variable); size++) { /* of a trailer alone */
        uint8_t *copy = malloc(size > 0 ? (size_t)size : 1);
        memcpy(copy, bytes + h.frame_bytes - size, (size_t)size);
        b2_layers out;
        CHECK(b2_frame_trailer_parse(copy, size, &out) == BLOSC2_E_CORRUPT);
        free(copy);
    }
    uint8_t *trailer = bytes + h.frame_bytes - b2_frame_trailer_size(&variable);
    b2_layers out;
    trailer[b2_frame_trailer_size(&variable) - 19]++; /* the length's last byte */
    CHECK(b2_frame_trailer_parse(trailer, b2_frame_trailer_size(&variable), &out) == BLOSC2_E_CORRUPT);
    trailer[b2_frame_trailer_size(&variable) - 23]++; /* its marker */
    CHECK(b2_frame_trailer_parse(trailer, b2_frame_trailer_size(&variable), &out) == BLOSC2_E_CORRUPT);
    free(bytes);
    b2_layers_free(&fixed);
    b2_layers_free(&variable);
}

/** Whatever the bytes: a frame or a message, and no access outside (the sanitizers tell). */
static void test_flipped_bytes_do_no_harm(void)
{
    b2_layers fixed = make_layers(3), variable = make_layers(2);
    b2_frame_header h = plain_header();
    h.section_bytes = 1;
    uint8_t *bytes = make_frame(&h, &fixed, &variable, 5);
    for (int64_t i = 0; i < h.frame_bytes; i++) {
        uint8_t good = bytes[i];
        for (int flip = 1; flip < 256; flip++) {
            bytes[i] = (uint8_t)(good ^ flip);
            parse_copy(bytes, h.frame_bytes);
        }
        bytes[i] = good;
    }
    uint32_t random = 1;
    uint8_t *work = malloc((size_t)h.frame_bytes);
    for (int round = 0; round < 20000; round++) {
        memcpy(work, bytes, (size_t)h.frame_bytes);
        for (int k = 0; k <= round % 4; k++) {
            random = random * 1664525 + 1013904223;
            work[(random >> 8) % (uint32_t)h.frame_bytes] = (uint8_t)(random >> 24);
        }
        parse_copy(work, h.frame_bytes);
    }
    CHECK_OK(parse_copy(bytes, h.frame_bytes));
    free(work);
    free(bytes);
    b2_layers_free(&fixed);
    b2_layers_free(&variable);
}

/* ------------------------------------------------------------------ index */

static void test_index_entries_of_special_chunks(void)
{
    CHECK((uint64_t)b2_index_special(BLOSC2_SPECIAL_ZEROS) == 0x8100000000000000);
    CHECK((uint64_t)b2_index_special(BLOSC2_SPECIAL_NAN) == 0x8200000000000000);
    CHECK((uint64_t)b2_index_special(BLOSC2_SPECIAL_UNINIT) == 0x8400000000000000);
    CHECK(b2_index_special_kind(b2_index_special(BLOSC2_SPECIAL_ZEROS)) == BLOSC2_SPECIAL_ZEROS);
    CHECK(b2_index_special_kind(b2_index_special(BLOSC2_SPECIAL_NAN)) == BLOSC2_SPECIAL_NAN);
    CHECK(b2_index_special_kind(b2_index_special(BLOSC2_SPECIAL_UNINIT)) == BLOSC2_SPECIAL_UNINIT);
    static const uint64_t BAD[] = {
        0,
        1,
        UINT64_MAX,
        0x8000000000000000,
        0x8300000000000000,
        0x8500000000000000,
        0x8100000000000001,
        0x7fffffffffffffff,
        0xc100000000000000,
        0x0100000000000000,
    };
    for (size_t i = 0; i < B2_COUNT(BAD); i++)
        CHECK(b2_index_special_kind((int64_t)BAD[i]) == BLOSC2_SPECIAL_NONE);
}

static void test_chunk_counts_and_sizes(void)
{
    b2_frame_header h = {.nbytes = 10, .chunk_bytes = 4};
    CHECK(b2_frame_chunk_count(&h) == 3);
    CHECK(b2_frame_chunk_nbytes(&h, 0, 3) == 4 && b2_frame_chunk_nbytes(&h, 1, 3) == 4);
    CHECK(b2_frame_chunk_nbytes(&h, 2, 3) == 2);
    h.nbytes = 8;
    CHECK(b2_frame_chunk_count(&h) == 2 && b2_frame_chunk_nbytes(&h, 1, 2) == 4);
    h.nbytes = (int64_t)B2_FRAME_CHUNK_COUNT_MAX * BLOSC2_MAX_CHUNK_BYTES;
    h.chunk_bytes = BLOSC2_MAX_CHUNK_BYTES;
    CHECK(b2_frame_chunk_count(&h) == B2_FRAME_CHUNK_COUNT_MAX);
    h.chunk_bytes = 0;
    CHECK(b2_frame_chunk_count(&h) == -1);
    h.nbytes = 0;
    CHECK(b2_frame_chunk_count(&h) == 0);
}

int main(void)
{
    test_a_list_keeps_order_and_replaces_in_place();
    test_names_must_be_short_utf8();
    test_a_list_has_a_limit();
    test_a_failed_allocation_changes_nothing();
    test_built_frames_parse_as_they_were();
    test_versions_and_codecs_are_written_as_flags();
    test_real_bytes_parse_and_are_rebuilt();
    test_a_frame_without_chunks_may_have_stale_sizes();
    test_chunks_need_room_for_their_index();
    test_damaged_fields_are_named();
    test_cut_frames_are_refused();
    test_flipped_bytes_do_no_harm();
    test_index_entries_of_special_chunks();
    test_chunk_counts_and_sizes();
    return check_result();
}
