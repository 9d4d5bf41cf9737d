/** Metalayers: the document's example, round trips, and every truncation and flip of a byte. */
#include "metadata.h"

#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "random.h"

/* docs/format/ndim-metalayers.md 6 */
/* clang-format off */
static const uint8_t EXAMPLE[] = {
    0x97, 0x00, 0x02,
    0x92, 0xd3, 0, 0, 0, 0, 0, 0, 0, 10, 0xd3, 0, 0, 0, 0, 0, 0, 0, 10,
    0x92, 0xd2, 0, 0, 0, 4, 0xd2, 0, 0, 0, 4,
    0x92, 0xd2, 0, 0, 0, 2, 0xd2, 0, 0, 0, 3,
    0x00, 0xdb, 0, 0, 0, 3, 0x3c, 0x66, 0x38,
};
/* clang-format on */

static const caterva_geometry EXAMPLE_GEOMETRY = {
    .ndim = 2, .item_bytes = 8, .shape = {10, 10}, .chunks = {4, 4}, .blocks = {2, 3}};

enum { WITHOUT_DTYPE = 6 + 19 * 2 };

static bool same_extents(const caterva_geometry *a, const caterva_geometry *b)
{
    return a->ndim == b->ndim && memcmp(a->shape, b->shape, sizeof a->shape) == 0 &&
           memcmp(a->chunks, b->chunks, sizeof a->chunks) == 0 &&
           memcmp(a->blocks, b->blocks, sizeof a->blocks) == 0;
}

/** Parse a copy of just that size, so that the sanitizer sees a byte read too many. */
static int parse_exact(cat_metadata_kind kind, const uint8_t *bytes, size_t size, caterva_geometry *geometry)
{
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) exit(2);
    memcpy(copy, bytes, size);
    cat_metadata found = {0};
    int status = cat_metadata_parse(kind, copy, (int32_t)size, &found);
    if (geometry) *geometry = found.geometry;
    free(copy);
    return status;
}

static void example_is_built_and_parsed(void)
{
    uint8_t built[sizeof EXAMPLE];
    CHECK(cat_metadata_size(CAT_METADATA_B2ND, 2, "<f8") == (int64_t)sizeof EXAMPLE);
    cat_metadata_build(CAT_METADATA_B2ND, &EXAMPLE_GEOMETRY, "<f8", built);
    CHECK(memcmp(built, EXAMPLE, sizeof EXAMPLE) == 0);
    cat_metadata found;
    CHECK_OK(cat_metadata_parse(CAT_METADATA_B2ND, EXAMPLE, sizeof EXAMPLE, &found));
    CHECK(same_extents(&found.geometry, &EXAMPLE_GEOMETRY));
    CHECK(found.dtype_bytes == 3 && memcmp(found.dtype, "<f8", 3) == 0);
}

static void caterva_is_b2nd_without_its_end(void)
{
    uint8_t built[WITHOUT_DTYPE];
    CHECK(cat_metadata_size(CAT_METADATA_CATERVA, 2, "<f8") == WITHOUT_DTYPE);
    cat_metadata_build(CAT_METADATA_CATERVA, &EXAMPLE_GEOMETRY, "<f8", built);
    CHECK(built[0] == 0x95 && memcmp(built + 1, EXAMPLE + 1, WITHOUT_DTYPE - 1) == 0);
    caterva_geometry found;
    CHECK_OK(parse_exact(CAT_METADATA_CATERVA, built, sizeof built, &found));
    CHECK(same_extents(&found, &EXAMPLE_GEOMETRY));
}

static void round_trips_of_all_dimensions(void)
{
    for (int ndim = 0; ndim <= 16; ndim++) {
        caterva_geometry geometry = {.ndim = ndim};
        for (int d = 0; d < ndim; d++) {
            geometry.shape[d] = random_in(1, INT64_MAX);
            geometry.chunks[d] = (int32_t)random_in(0, INT32_MAX);
            geometry.blocks[d] = (int32_t)random_in(0, INT32_MAX);
        }
        for (int kind = CAT_METADATA_CATERVA; kind <= CAT_METADATA_B2ND; kind++) {
            uint8_t built[400];
            size_t size = (size_t)cat_metadata_size((cat_metadata_kind)kind, ndim, "|V6");
            cat_metadata_build((cat_metadata_kind)kind, &geometry, "|V6", built);
            caterva_geometry found;
            CHECK_OK(parse_exact((cat_metadata_kind)kind, built, size, &found));
            CHECK(same_extents(&found, &geometry));
            if (ndim == 16) CHECK(built[3] == 0xa0); /* no msgpack, but what all libraries write */
        }
    }
}

static void every_truncation_is_refused(void)
{
    for (size_t size = 0; size < sizeof EXAMPLE; size++) {
        int status = parse_exact(CAT_METADATA_B2ND, EXAMPLE, size, NULL);
        CHECK(status == (size == WITHOUT_DTYPE ? BLOSC2_OK : BLOSC2_E_CORRUPT));
    }
    for (size_t size = 0; size < WITHOUT_DTYPE; size++) {
        CHECK(parse_exact(CAT_METADATA_CATERVA, EXAMPLE, size, NULL) == BLOSC2_E_CORRUPT);
    }
    uint8_t longer[sizeof EXAMPLE + 1] = {0};
    memcpy(longer, EXAMPLE, sizeof EXAMPLE);
    CHECK(parse_exact(CAT_METADATA_B2ND, longer, sizeof longer, NULL) == BLOSC2_E_CORRUPT);
}

static void b2nd_may_end_after_its_blocks(void)
{
    cat_metadata found;
    CHECK_OK(cat_metadata_parse(CAT_METADATA_B2ND, EXAMPLE, WITHOUT_DTYPE, &found));
    CHECK(found.dtype_bytes == 0 && same_extents(&found.geometry, &EXAMPLE_GEOMETRY));
    uint8_t five[WITHOUT_DTYPE];
    memcpy(five, EXAMPLE, sizeof five);
    five[0] = 0x95;
    CHECK_OK(parse_exact(CAT_METADATA_B2ND, five, sizeof five, NULL));
}

/** Each flip is refused, or changes an extent or the dtype's text, and nothing else. */
static void every_flip_is_seen_or_harmless(void)
{
    for (size_t at = 0; at < sizeof EXAMPLE; at++) {
        for (int bit = 0; bit < 8; bit++) {
            uint8_t bytes[sizeof EXAMPLE];
            memcpy(bytes, EXAMPLE, sizeof bytes);
            bytes[at] ^= (uint8_t)(1 << bit);
            caterva_geometry found;
            int status = parse_exact(CAT_METADATA_B2ND, bytes, sizeof bytes, &found);
            bool extent = (at >= 5 && at < 13) || (at >= 14 && at < 22) || (at >= 24 && at < 28) ||
                          (at >= 29 && at < 33) || (at >= 35 && at < 39) || (at >= 40 && at < 44);
            bool text = at >= sizeof EXAMPLE - 3;
            CHECK(status < 0 || extent || text);
            if (status == BLOSC2_OK && extent) CHECK(!same_extents(&found, &EXAMPLE_GEOMETRY));
            for (int d = 0; status == BLOSC2_OK && d < 2; d++) {
                CHECK(found.shape[d] >= 0 && found.chunks[d] >= 0 && found.blocks[d] >= 0);
            }
        }
    }
}

static int parse_changed(size_t at, uint8_t value)
{
    uint8_t bytes[sizeof EXAMPLE];
    memcpy(bytes, EXAMPLE, sizeof bytes);
    bytes[at] = value;
    return parse_exact(CAT_METADATA_B2ND, bytes, sizeof bytes, NULL);
}

static void refusals_say_what_and_where(void)
{
    CHECK(parse_changed(1, 1) == BLOSC2_E_UNSUPPORTED);
    CHECK(strcmp(blosc2_last_error(), "b2nd: byte 1: version 1 (expected 0..0)") == 0);
    CHECK(parse_changed(2, 17) == BLOSC2_E_CORRUPT);
    CHECK(strcmp(blosc2_last_error(), "b2nd: byte 2: ndim 17 (expected 0..16)") == 0);
    CHECK(parse_changed(23, 0xd3) == BLOSC2_E_CORRUPT);
    CHECK(strcmp(blosc2_last_error(), "b2nd: byte 23: marker 0xd3 of chunkshape (expected 0xd2)") == 0);
    CHECK(parse_changed(0, 0x95) == BLOSC2_E_CORRUPT);
    CHECK(parse_changed(WITHOUT_DTYPE, 1) == BLOSC2_E_UNSUPPORTED);
    CHECK(parse_changed(sizeof EXAMPLE - 1, 0xff) == BLOSC2_E_CORRUPT);
    CHECK(parse_changed(sizeof EXAMPLE - 1, 0) == BLOSC2_E_CORRUPT);
    CHECK(parse_changed(sizeof EXAMPLE - 4, 4) == BLOSC2_E_CORRUPT);
    CHECK(parse_changed(sizeof EXAMPLE - 7, 0x80) == BLOSC2_E_CORRUPT);
}

static bool is_text(const char *bytes, size_t size)
{
    return cat_is_text((const uint8_t *)bytes, (int64_t)size);
}

static void text_is_strict_utf8(void)
{
    CHECK(is_text("", 0) && is_text("<M8[ns]", 7) && is_text("\xc3\xa9", 2));
    CHECK(is_text("\xe2\x82\xac", 3) && is_text("\xf0\x9f\x98\x80", 4) && is_text("\xf4\x8f\xbf\xbf", 4));
    CHECK(!is_text("a\0b", 3) && !is_text("\x80", 1) && !is_text("\xc3", 1) && !is_text("\xc0\x80", 2));
    CHECK(!is_text("\xed\xa0\x80", 3) && !is_text("\xf4\x90\x80\x80", 4) && !is_text("\xe2\x82", 2));
    CHECK(!is_text("\xc3\x29", 2) && !is_text("\xff", 1) && !is_text("\xe0\x80\x80", 3));
}

static void fill_values_are_msgpack_bin(void)
{
    uint8_t *value = calloc(1, 70000), *out = malloc(70000 + CAT_FILL_OVERHEAD);
    if (!value || !out) exit(2);
    CHECK(cat_fill_build("ab", 2, out) == 4 && memcmp(out,
                                                      "\xc4\x02"
                                                      "ab",
                                                      4) == 0);
    CHECK(cat_fill_build(value, 255, out) == 257 && out[0] == 0xc4 && out[1] == 255);
    CHECK(cat_fill_build(value, 256, out) == 259 && memcmp(out, "\xc5\x01\x00", 3) == 0);
    CHECK(cat_fill_build(value, 70000, out) == 70005 && memcmp(out, "\xc6\x00\x01\x11\x70", 5) == 0);
    free(value);
    free(out);
}

static void random_bytes_never_crash(void)
{
    for (int round = 0; round < 100000; round++) {
        uint8_t bytes[80];
        size_t size = (size_t)random_in(0, sizeof bytes);
        random_bytes(bytes, size);
        for (size_t i = 0; i < size && i < sizeof EXAMPLE; i++) {
            if (random_in(0, 15)) bytes[i] = EXAMPLE[i];
        }
        parse_exact(round & 1 ? CAT_METADATA_B2ND : CAT_METADATA_CATERVA, bytes, size, NULL);
    }
    CHECK(true);
}

int main(void)
{
    example_is_built_and_parsed();
    caterva_is_b2nd_without_its_end();
    round_trips_of_all_dimensions();
    every_truncation_is_refused();
    b2nd_may_end_after_its_blocks();
    every_flip_is_seen_or_harmless();
    refusals_say_what_and_where();
    text_is_strict_utf8();
    fill_values_are_msgpack_bin();
    random_bytes_never_crash();
    return check_result();
}
