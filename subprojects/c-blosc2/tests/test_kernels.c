/**
 * The generic kernels do what docs/format/filters.md says, byte by byte and bit by bit; every other table
 * that this CPU runs gives the bytes of the generic one; none touches another byte.
 *
 * CATERVA_TEST_PROFILE=quick takes fewer sizes, for emulators; =long takes each item size with every length.
 */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "check.h"
#include "cpu/cpu.h"
#include "filters/kernels.h"
#include "guarded.h"

enum { ROOM = 4 * GUARD_BYTES, CANARY = 0xa5, NEAR = 96 };

static uint8_t *in_room, *out_room, expected[ROOM];
static enum { PROFILE_QUICK, PROFILE_DEFAULT, PROFILE_LONG } profile = PROFILE_DEFAULT;

/* ------------------------------------------------------------------ the definition */

/** filters.md 1 */
static void define_shuffle(const uint8_t *in, uint8_t *out, size_t bytes, size_t width)
{
    size_t items = bytes / width;
    memcpy(out, in, bytes);
    for (size_t i = 0; i < items; i++) {
        for (size_t j = 0; j < width; j++) out[j * items + i] = in[i * width + j];
    }
}

static void define_unshuffle(const uint8_t *in, uint8_t *out, size_t bytes, size_t width)
{
    size_t items = bytes / width;
    memcpy(out, in, bytes);
    for (size_t i = 0; i < items; i++) {
        for (size_t j = 0; j < width; j++) out[i * width + j] = in[j * items + i];
    }
}

static unsigned get_bit(const uint8_t *p, size_t byte, size_t bit)
{
    return p[byte] >> bit & 1u;
}

/** filters.md 2: bit (i % 8) of out[(8*j + b) * (k/8) + i/8] = bit b of in[i*w + j] */
static void define_bitshuffle(const uint8_t *in, uint8_t *out, size_t bytes, size_t width)
{
    size_t k = bytes / width - bytes / width % 8;
    memcpy(out, in, bytes);
    memset(out, 0, k * width);
    for (size_t i = 0; i < k; i++) {
        for (size_t q = 0; q < 8 * width; q++)
            out[q * (k / 8) + i / 8] |= (uint8_t)(get_bit(in, i * width + q / 8, q % 8) << i % 8);
    }
}

static void define_bitunshuffle(const uint8_t *in, uint8_t *out, size_t bytes, size_t width)
{
    size_t k = bytes / width - bytes / width % 8;
    memcpy(out, in, bytes);
    memset(out, 0, k * width);
    for (size_t i = 0; i < k; i++) {
        for (size_t q = 0; q < 8 * width; q++)
            out[i * width + q / 8] |= (uint8_t)(get_bit(in, q * (k / 8) + i / 8, i % 8) << q % 8);
    }
}

/** filters.md 6, one row */
static void define_bytedelta(const uint8_t *in, uint8_t *out, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) out[i] = (uint8_t)(in[i] - (i ? in[i - 1] : 0));
}

static void define_undo_bytedelta(const uint8_t *in, uint8_t *out, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) out[i] = (uint8_t)(in[i] + (i ? out[i - 1] : 0));
}

static void define_xor(const uint8_t *a, const uint8_t *b, uint8_t *out, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) out[i] = a[i] ^ b[i];
}

static const b2_kernels DEFINITION = {
    .name = "definition",
    .shuffle = define_shuffle,
    .unshuffle = define_unshuffle,
    .bitshuffle = define_bitshuffle,
    .bitunshuffle = define_bitunshuffle,
    .xor_bytes = define_xor,
    .bytedelta_row = define_bytedelta,
    .undo_bytedelta_row = define_undo_bytedelta,
};

/* ------------------------------------------------------------------ one comparison */

static void fill(uint8_t *p, size_t bytes)
{
    static uint32_t state = 1;
    for (size_t i = 0; i < bytes; i++) {
        state = state * 1664525u + 1013904223u;
        p[i] = (uint8_t)(state >> 24);
    }
}

/** Bytes of `room` that end at its upper guard, or begin at the lower one. */
static uint8_t *place(uint8_t *room, size_t bytes, int at_end)
{
    return at_end ? room + ROOM - bytes : room;
}

static void prepare_out(uint8_t *out, size_t bytes)
{
    uint8_t *start = out - out_room > NEAR ? out - NEAR : out_room;
    uint8_t *stop = out_room + ROOM - (out + bytes) > NEAR ? out + bytes + NEAR : out_room + ROOM;
    memset(start, CANARY, (size_t)(stop - start));
}

/** True if no byte near `p` was written. */
static int is_clean_around(const uint8_t *p, size_t bytes)
{
    for (const uint8_t *q = p; q > out_room && q > p - NEAR; q--) {
        if (q[-1] != CANARY) return 0;
    }
    for (const uint8_t *q = p + bytes; q < out_room + ROOM && q < p + bytes + NEAR; q++) {
        if (*q != CANARY) return 0;
    }
    return 1;
}

/** `ends`: bit 0, the source ends at its guard; bit 1, the result does. So both have many alignments. */
static void compare_one(const char *what, b2_shuffle_fn *oracle, b2_shuffle_fn *kernel, size_t bytes,
                        size_t width, int ends)
{
    uint8_t *in = place(in_room, bytes, ends & 1);
    uint8_t *out = place(out_room, bytes, ends >> 1);
    oracle(in, expected, bytes, width);
    prepare_out(out, bytes);
    kernel(in, out, bytes, width);
    int same = memcmp(out, expected, bytes) == 0 && is_clean_around(out, bytes);
    CHECK(same);
    if (!same) fprintf(stderr, "  %s, %zu bytes, width %zu, ends %d\n", what, bytes, width, ends);
}

static void compare_shuffles(const b2_kernels *oracle, const b2_kernels *table, size_t bytes, size_t width,
                             int ends)
{
    compare_one("shuffle", oracle->shuffle, table->shuffle, bytes, width, ends);
    compare_one("unshuffle", oracle->unshuffle, table->unshuffle, bytes, width, ends);
    compare_one("bitshuffle", oracle->bitshuffle, table->bitshuffle, bytes, width, ends);
    compare_one("bitunshuffle", oracle->bitunshuffle, table->bitunshuffle, bytes, width, ends);
}

static void compare_rows(const b2_kernels *oracle, const b2_kernels *table, size_t bytes)
{
    uint8_t *in = place(in_room, bytes, 1);
    uint8_t *out = place(out_room, bytes, (int)(bytes & 1));
    oracle->bytedelta_row(in, expected, bytes);
    prepare_out(out, bytes);
    table->bytedelta_row(in, out, bytes);
    CHECK(memcmp(out, expected, bytes) == 0 && is_clean_around(out, bytes));

    table->undo_bytedelta_row(out, out, bytes); /* in place */
    CHECK(memcmp(out, in, bytes) == 0 && is_clean_around(out, bytes));
    oracle->undo_bytedelta_row(in, expected, bytes);
    table->undo_bytedelta_row(in, out, bytes);
    CHECK(memcmp(out, expected, bytes) == 0 && is_clean_around(out, bytes));

    uint8_t *other = place(in_room, bytes, 0);
    oracle->xor_bytes(in, other, expected, bytes);
    prepare_out(out, bytes);
    table->xor_bytes(in, other, out, bytes);
    CHECK(memcmp(out, expected, bytes) == 0 && is_clean_around(out, bytes));
    memcpy(out, other, bytes);
    table->xor_bytes(in, out, out, bytes); /* onto an operand */
    CHECK(memcmp(out, expected, bytes) == 0 && is_clean_around(out, bytes));
}

/* ------------------------------------------------------------------ which sizes */

/**
 * Every length up to 4096 with item sizes 1..64 and 255. A length takes all item sizes while it is short, or
 * if it is one of every `sparse`; else some of them, others with the next length. The guards take turns.
 */
static void compare_lengths(const b2_kernels *oracle, const b2_kernels *table, size_t all_up_to,
                            size_t sparse)
{
    for (size_t bytes = 0; bytes <= 4096; bytes++) {
        int is_dense = bytes <= all_up_to || bytes % sparse == 0;
        for (size_t width = is_dense ? 1 : 1 + bytes % sparse; width <= 64; width += is_dense ? 1 : sparse)
            compare_shuffles(oracle, table, bytes, width, (int)(bytes + width) & 3);
        compare_shuffles(oracle, table, bytes, 255, (int)bytes & 3);
        compare_rows(oracle, table, bytes);
    }
}

/** Lengths that fill the buffers of tiles; and, where the item size is a power of two, rows that collide in
 * the cache. */
static void compare_large(const b2_kernels *oracle, const b2_kernels *table, size_t width_step)
{
    static const size_t BYTES[] = {16384, 20000, 33333, 65536, 65600, 98304, 131072, 131173, 196608, 261888};
    static const size_t WIDTHS[] = {255, 300, 4096, 200000};
    for (size_t i = 0; i < B2_COUNT(BYTES); i += profile == PROFILE_QUICK ? 3 : 1) {
        for (size_t width = 1; width <= 64; width += width <= 16 ? 1 : width_step) {
            for (int ends = 0; ends < 4; ends++) {
                if (profile == PROFILE_QUICK && ends != (int)((i + width) & 3)) continue;
                compare_shuffles(oracle, table, BYTES[i], width, ends);
            }
        }
        for (size_t w = 0; w < B2_COUNT(WIDTHS); w++)
            compare_shuffles(oracle, table, BYTES[i], WIDTHS[w], (int)i & 3);
        compare_rows(oracle, table, BYTES[i]);
    }
}

static void test_generic_is_the_definition(void)
{
    if (profile == PROFILE_QUICK) {
        compare_lengths(&DEFINITION, &b2_kernels_generic, 40, 64);
    } else {
        compare_lengths(&DEFINITION, &b2_kernels_generic, profile == PROFILE_LONG ? 4096 : 300, 16);
        compare_shuffles(&DEFINITION, &b2_kernels_generic, 65600, 16, 3);
    }
}

static void test_table_is_as_generic(const b2_kernels *table)
{
    if (profile == PROFILE_QUICK) {
        compare_lengths(&b2_kernels_generic, table, 100, 64);
        compare_large(&b2_kernels_generic, table, 16);
    } else {
        compare_lengths(&b2_kernels_generic, table, 4096, 1);
        compare_large(&b2_kernels_generic, table, 1);
    }
}

static void test_the_public_list_is_that_of_the_tables(void)
{
    const b2_kernels *const *tables;
    size_t count = b2_kernels_all(&tables);
    const char *names[16] = {0};
    CHECK(count >= 1 && tables[count - 1] == &b2_kernels_generic && b2_kernels_generic.needs == 0);
    CHECK(blosc2_kernels_list(NULL, 0) == count && blosc2_kernels_list(names, 16) == count && count <= 16);
    for (size_t i = 0; i < count; i++) {
        int can_run = (tables[i]->needs & ~b2_cpu_features()) == 0;
        CHECK(strcmp(names[i], tables[i]->name) == 0 && blosc2_kernels_can_run(names[i]) == can_run);
    }
    CHECK(blosc2_kernels_can_run("generic") == 1 && blosc2_kernels_can_run(blosc2_kernels_name()) == 1);
    CHECK(blosc2_kernels_can_run("abacus") == 0 && blosc2_kernels_can_run(NULL) == 0);
    CHECK(strchr(blosc2_compiler(), ' ') != NULL);
}

int main(void)
{
    const char *asked = getenv("CATERVA_TEST_PROFILE");
    if (asked && strcmp(asked, "quick") == 0) profile = PROFILE_QUICK;
    if (asked && strcmp(asked, "long") == 0) profile = PROFILE_LONG;
    in_room = guarded(ROOM);
    out_room = guarded(ROOM);
    fill(in_room, ROOM);

    test_the_public_list_is_that_of_the_tables();
    test_generic_is_the_definition();
    const b2_kernels *const *tables;
    size_t count = b2_kernels_all(&tables);
    for (size_t i = 0; i + 1 < count; i++) { /* the last one is generic */
        int can_run = (tables[i]->needs & ~b2_cpu_features()) == 0;
        printf("%s: %s\n", tables[i]->name, can_run ? "checked" : "cannot run here");
        if (can_run) test_table_is_as_generic(tables[i]);
    }
    return check_result();
}
