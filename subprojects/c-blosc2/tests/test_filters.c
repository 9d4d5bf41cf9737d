/** Each filter against docs/format/filters.md written out bit by bit, and pipelines of several filters back
 * and forth. */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "check.h"
#include "filters/pipeline.h"

enum { ROOM = 8192 };

static uint8_t original[ROOM], block0[ROOM], wanted[ROOM], a[ROOM], b[ROOM], filtered[ROOM], out[ROOM],
    scratch[ROOM];

static b2_pipeline one(int filter, int meta, int32_t item_bytes)
{
    b2_pipeline p = {.item_bytes = item_bytes, .frame_item_bytes = item_bytes, .chunk_version = 5};
    p.codes[5] = (uint8_t)filter;
    p.metas[5] = (uint8_t)meta;
    return p;
}

/* ------------------------------------------------------------------ the definitions, as filters.md has them
 */

static void define_shuffle(const uint8_t *in, uint8_t *result, size_t n, size_t w)
{
    size_t m = n / w;
    memcpy(result, in, n);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < w; j++) result[j * m + i] = in[i * w + j];
    }
}

static void define_bitshuffle(const uint8_t *in, uint8_t *result, size_t n, size_t w, int version)
{
    size_t m = n / w;
    memcpy(result, in, n);
    if (version == 2 && m % 8 != 0) return;
    size_t k = m - m % 8;
    memset(result, 0, k * w);
    for (size_t i = 0; i < k; i++) {
        for (size_t j = 0; j < w; j++) {
            for (size_t bit = 0; bit < 8; bit++) {
                int value = in[i * w + j] >> bit & 1;
                uint8_t *target = &result[(8 * j + bit) * (k / 8) + i / 8];
                *target = (uint8_t)(*target | value << (i % 8));
            }
        }
    }
}

static void define_delta(const uint8_t *in, uint8_t *result, size_t n, size_t typesize,
                         const uint8_t *reference)
{
    size_t u = typesize == 1 || typesize == 2 || typesize == 4 || typesize == 8 ? typesize
               : typesize % 8                                                   ? 1
                                                                                : 8;
    memcpy(result, in, n);
    for (size_t i = 0; i < n / u * u; i++) {
        if (reference)
            result[i] = in[i] ^ reference[i];
        else if (i >= u)
            result[i] = in[i] ^ in[i - u];
    }
}

static void define_bytedelta(const uint8_t *in, uint8_t *result, size_t n, size_t w)
{
    size_t m = n / w;
    memcpy(result, in, n);
    for (size_t i = 0; i < m * w; i++) result[i] = (uint8_t)(in[i] - (i % m ? in[i - 1] : 0));
}

static void define_truncation(const uint8_t *in, uint8_t *result, size_t n, size_t typesize, size_t dropped)
{
    memcpy(result, in, n);
    for (size_t i = 0; i < n / typesize; i++) {
        for (size_t bit = 0; bit < dropped; bit++) {
            result[i * typesize + bit / 8] &= (uint8_t)~(1 << (bit % 8));
        }
    }
}

/* ------------------------------------------------------------------ checks */

/** Forward gives `wanted`, leaves its input alone, and backward gives `undone`. */
static void check_both_ways(const b2_pipeline *p, size_t n, const uint8_t *reference, const uint8_t *undone)
{
    static uint8_t before[ROOM];
    memcpy(before, original, n);
    memset(a, 0xee, n + 64);
    memset(b, 0xee, n + 64);
    memset(out, 0xee, n + 64);
    const uint8_t *result = b2_pipeline_forward(p, original, (int32_t)n, reference, a, b);
    int right = memcmp(result, wanted, n) == 0;
    int kept = memcmp(original, before, n) == 0;
    memcpy(filtered, result, n);
    b2_pipeline_backward(p, filtered, (int32_t)n, reference, out, scratch);
    int back = memcmp(out, undone, n) == 0;
    int inside = a[n] == 0xee && b[n] == 0xee && out[n] == 0xee;
    CHECK(right && kept && back && inside);
    if (!(right && kept && back && inside)) {
        fprintf(
            stderr,
            "  codes %d %d %d %d %d %d, item %d, %zu bytes, block %d: forward %d, input %d, backward %d\n",
            p->codes[0], p->codes[1], p->codes[2], p->codes[3], p->codes[4], p->codes[5], (int)p->item_bytes,
            n, reference ? 1 : 0, right, kept, back);
    }
}

static void check_filters(size_t n, size_t w)
{
    b2_pipeline p = one(BLOSC2_SHUFFLE, 0, (int32_t)w);
    define_shuffle(original, wanted, n, w);
    check_both_ways(&p, n, NULL, original);
    p = one(BLOSC2_SHUFFLE, (int)w, 7); /* the meta's width, not the item's */
    check_both_ways(&p, n, NULL, original);

    p = one(BLOSC2_BITSHUFFLE, 9, (int32_t)w); /* its meta is ignored */
    define_bitshuffle(original, wanted, n, w, 5);
    check_both_ways(&p, n, NULL, original);
    p.chunk_version = 2;
    define_bitshuffle(original, wanted, n, w, 2);
    check_both_ways(&p, n, NULL, original);

    p = one(BLOSC2_DELTA, 3, (int32_t)w);
    define_delta(original, wanted, n, w, NULL);
    check_both_ways(&p, n, NULL, original);
    define_delta(original, wanted, n, w, block0);
    check_both_ways(&p, n, block0, original);

    p = one(BLOSC2_BYTEDELTA, (int)w, 1);
    define_bytedelta(original, wanted, n, w);
    check_both_ways(&p, n, NULL, original);
    p = one(BLOSC2_BYTEDELTA, 0, 1);
    p.frame_item_bytes = (int32_t)w; /* the frame's width, not the chunk's */
    check_both_ways(&p, n, NULL, original);
    p.frame_item_bytes = 300;
    define_bytedelta(original, wanted, n, 300);
    check_both_ways(&p, n, NULL, original);
}

static void check_truncation(int filter, size_t typesize, int meta, size_t dropped)
{
    b2_pipeline p = one(filter, meta, (int32_t)typesize);
    CHECK_OK(b2_pipeline_check_writing(&p));
    for (size_t n = 0; n <= 70; n++) {
        define_truncation(original, wanted, n, typesize, dropped);
        check_both_ways(&p, n, NULL, wanted);
    }
}

static void truncations_clear_the_low_bits(void)
{
    for (int kept = 1; kept <= 23; kept++) check_truncation(BLOSC2_TRUNC_PREC, 4, kept, (size_t)(23 - kept));
    for (int kept = 1; kept <= 52; kept++) check_truncation(BLOSC2_TRUNC_PREC, 8, kept, (size_t)(52 - kept));
    for (int lost = 1; lost < 23; lost++) check_truncation(BLOSC2_TRUNC_PREC, 4, -lost, (size_t)lost);
    for (int lost = 1; lost < 52; lost++) check_truncation(BLOSC2_TRUNC_PREC, 8, -lost, (size_t)lost);
    for (size_t typesize = 1; typesize <= 8; typesize *= 2) {
        int bits = 8 * (int)typesize;
        for (int kept = 1; kept <= bits; kept++)
            check_truncation(BLOSC2_INT_TRUNC, typesize, kept, (size_t)(bits - kept));
        for (int lost = 1; lost < bits; lost++)
            check_truncation(BLOSC2_INT_TRUNC, typesize, -lost, (size_t)lost);
    }
}

/** Run the definitions one after another, for what a pipeline must give. @return What its undoing must give.
 */
static const uint8_t *define_pipeline(const b2_pipeline *p, size_t n, const uint8_t *reference)
{
    static uint8_t step[ROOM], lossy[ROOM];
    memcpy(wanted, original, n);
    memcpy(lossy, original, n);
    size_t item = (size_t)p->item_bytes;
    for (int slot = 0; slot < BLOSC2_MAX_FILTERS; slot++) {
        size_t width = p->metas[slot] ? p->metas[slot] : item;
        memcpy(step, wanted, n);
        switch (p->codes[slot]) {
        case BLOSC2_SHUFFLE:
            define_shuffle(step, wanted, n, width);
            break;
        case BLOSC2_BITSHUFFLE:
            define_bitshuffle(step, wanted, n, item, p->chunk_version);
            break;
        case BLOSC2_DELTA:
            define_delta(step, wanted, n, item, reference);
            break;
        case BLOSC2_BYTEDELTA:
            define_bytedelta(step, wanted, n, width);
            break;
        case BLOSC2_INT_TRUNC: /* first in the pipelines here, so that it is what is lost */
            define_truncation(step, wanted, n, item, 3);
            memcpy(lossy, wanted, n);
            break;
        default:
            break;
        }
    }
    return lossy;
}

static void pipelines_are_undone_in_reverse(void)
{
    static const uint8_t CODES[][BLOSC2_MAX_FILTERS] = {
        {0, 0, 0, 0, 0, 0},    {0, 0, 0, 0, 3, 1},   {0, 0, 0, 3, 1, 35}, {0, 1, 0, 35, 0, 0},
        {0, 0, 0, 0, 1, 3},    {36, 0, 0, 0, 0, 1},  {36, 0, 2, 0, 0, 0}, {36, 0, 0, 0, 0, 0},
        {36, 0, 0, 0, 1, 35},  {1, 2, 0, 0, 0, 0},   {2, 1, 2, 0, 0, 0},  {1, 1, 1, 1, 1, 1},
        {35, 1, 35, 2, 35, 1}, {3, 1, 35, 2, 35, 1}, {3, 3, 2, 3, 1, 35}, {35, 35, 0, 0, 0, 0},
        {0, 3, 0, 35, 0, 0},   {0, 0, 0, 2, 2, 0},   {1, 0, 2, 0, 1, 2},  {3, 0, 0, 0, 0, 2},
    };
    static const int32_t ITEMS[] = {1, 2, 3, 4, 7, 8, 12, 16, 24, 255};
    static const size_t SIZES[] = {0, 1, 7, 8, 15, 63, 64, 65, 255, 256, 400, 777, 1024, 4096, 4103};
    for (size_t c = 0; c < B2_COUNT(CODES); c++) {
        for (size_t i = 0; i < B2_COUNT(ITEMS) * B2_COUNT(SIZES); i++) {
            size_t n = SIZES[i / B2_COUNT(ITEMS)];
            b2_pipeline p = {.item_bytes = ITEMS[i % B2_COUNT(ITEMS)], .chunk_version = 5};
            p.frame_item_bytes = p.item_bytes;
            memcpy(p.codes, CODES[c], sizeof p.codes);
            if (p.codes[0] == BLOSC2_INT_TRUNC) p.metas[0] = (uint8_t)-3;
            if (p.codes[0] == BLOSC2_INT_TRUNC && p.item_bytes != 1 && p.item_bytes != 2 &&
                p.item_bytes != 4 && p.item_bytes != 8) {
                continue;
            }
            if (p.codes[4] == BLOSC2_SHUFFLE) p.metas[4] = 5;
            CHECK_OK(b2_pipeline_check(&p));
            const uint8_t *undone = define_pipeline(&p, n, NULL);
            check_both_ways(&p, n, NULL, undone);
            undone = define_pipeline(&p, n, block0);
            check_both_ways(&p, n, block0, undone);
        }
    }
}

static void idle_pipelines_copy_nothing(void)
{
    b2_pipeline p = one(BLOSC2_NOFILTER, 0, 4);
    CHECK(b2_pipeline_forward(&p, original, 100, NULL, a, b) == original);
    CHECK(b2_pipeline_is_identity_backward(&p));
    CHECK(!b2_pipeline_has_delta(&p));

    p = one(BLOSC2_SHUFFLE, 0, 1); /* of single bytes */
    CHECK(b2_pipeline_forward(&p, original, 100, NULL, a, b) == original);
    CHECK(b2_pipeline_is_identity_backward(&p));

    p = one(BLOSC2_SHUFFLE, 0, 4);
    CHECK(!b2_pipeline_is_identity_backward(&p));
    p = one(BLOSC2_TRUNC_PREC, 10, 4);
    CHECK(b2_pipeline_is_identity_backward(&p));
    p = one(BLOSC2_DELTA, 0, 4);
    CHECK(b2_pipeline_has_delta(&p) && !b2_pipeline_is_identity_backward(&p));
}

/* ------------------------------------------------------------------ refusals */

static void refused(const b2_pipeline *p, const char *words)
{
    CHECK(b2_pipeline_check_writing(p) == BLOSC2_E_ARGUMENT);
    int named = strstr(blosc2_last_error(), words) != NULL;
    CHECK(named);
    if (!named) fprintf(stderr, "  \"%s\" is not in \"%s\"\n", words, blosc2_last_error());
}

static void wrong_pipelines_are_refused(void)
{
    for (int code = 0; code < 256; code++) {
        b2_pipeline p = one(code, 4, 8);
        int known = code <= 4 || code == 35 || code == 36;
        CHECK(b2_pipeline_check(&p) == (known ? BLOSC2_OK : BLOSC2_E_UNSUPPORTED));
        CHECK(b2_pipeline_check_writing(&p) == (known ? BLOSC2_OK : BLOSC2_E_ARGUMENT));
    }
    b2_pipeline p = one(34, 0, 4);
    refused(&p, "34");

    p = one(BLOSC2_BYTEDELTA, 0, 4);
    p.frame_item_bytes = 0;
    CHECK(b2_pipeline_check(&p) == BLOSC2_E_CORRUPT);
    refused(&p, "BYTEDELTA");
    p = one(BLOSC2_SHUFFLE, 0, 0);
    CHECK(b2_pipeline_check(&p) == BLOSC2_E_CORRUPT);
    refused(&p, "item size 0");

    p = one(BLOSC2_TRUNC_PREC, 10, 2);
    CHECK_OK(b2_pipeline_check(&p)); /* reading does not care */
    refused(&p, "item size 2 (expected 4 or 8)");
    p = one(BLOSC2_INT_TRUNC, 10, 3);
    refused(&p, "item size 3 (expected 1, 2, 4 or 8)");
    static const struct {
        int filter, item, meta;
    } BAD[] = {
        {BLOSC2_TRUNC_PREC, 4, 0},  {BLOSC2_TRUNC_PREC, 4, 24},  {BLOSC2_TRUNC_PREC, 4, -23},
        {BLOSC2_TRUNC_PREC, 8, 53}, {BLOSC2_TRUNC_PREC, 8, -52}, {BLOSC2_TRUNC_PREC, 8, -128},
        {BLOSC2_INT_TRUNC, 1, 0},   {BLOSC2_INT_TRUNC, 1, 9},    {BLOSC2_INT_TRUNC, 1, -8},
        {BLOSC2_INT_TRUNC, 8, 65},  {BLOSC2_INT_TRUNC, 8, 127},  {BLOSC2_INT_TRUNC, 8, -64},
    };
    for (size_t i = 0; i < B2_COUNT(BAD); i++) {
        p = one(BAD[i].filter, BAD[i].meta, BAD[i].item);
        char words[32];
        snprintf(words, sizeof words, "parameter %d (", BAD[i].meta);
        refused(&p, words);
    }

    p = one(BLOSC2_DELTA, 0, 4);
    CHECK_OK(b2_pipeline_check_writing(&p));
    p.codes[4] = BLOSC2_SHUFFLE;
    refused(&p, "DELTA in slot 5 (expected the lowest used slot, 4)");
    p = one(BLOSC2_TRUNC_PREC, 10, 4);
    p.codes[1] = BLOSC2_DELTA;
    refused(&p, "truncat");
}

int main(void)
{
    CHECK_OK(blosc2_init());
    printf("kernels: %s\n", blosc2_kernels_name());
    srand(7);
    for (size_t i = 0; i < ROOM; i++) {
        original[i] = (uint8_t)(rand() >> 7);
        block0[i] = (uint8_t)(rand() >> 7);
    }
    for (size_t n = 0; n <= 400; n++) {
        for (size_t w = 1; w <= 64; w++) check_filters(n, w);
        check_filters(n, 255);
    }
    static const size_t SIZES[] = {511, 512, 1000, 1024, 2040, 2048, 3333, 4000, 4095, 4096};
    for (size_t i = 0; i < B2_COUNT(SIZES); i++) {
        for (size_t w = 1; w <= 64; w++) check_filters(SIZES[i], w);
        check_filters(SIZES[i], 255);
    }
    truncations_clear_the_low_bits();
    pipelines_are_undone_in_reverse();
    idle_pipelines_copy_nothing();
    wrong_pipelines_are_refused();
    return check_result();
}
