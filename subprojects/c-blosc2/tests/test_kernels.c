/** Every kernel table that this CPU runs gives the bytes of the generic one, and touches no other byte. */
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "check.h"
#include "cpu/cpu.h"
#include "filters/kernels.h"
#include "guarded.h"

enum { ROOM = 3 * GUARD_BYTES, CANARY = 0xa5, NEAR = 96 };

static uint8_t *in_room, *out_room, expected[ROOM];

/** Bytes of `room` that end at its upper guard, or begin at the lower one. */
static uint8_t *place(uint8_t *room, size_t bytes, int at_end)
{
    return at_end ? room + ROOM - bytes : room;
}

static void fill(uint8_t *p, size_t bytes)
{
    static uint32_t state = 1;
    for (size_t i = 0; i < bytes; i++) {
        state = state * 1664525u + 1013904223u;
        p[i] = (uint8_t)(state >> 24);
    }
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

static void prepare_out(uint8_t *out, size_t bytes)
{
    uint8_t *start = out - out_room > NEAR ? out - NEAR : out_room;
    uint8_t *stop = out_room + ROOM - (out + bytes) > NEAR ? out + bytes + NEAR : out_room + ROOM;
    memset(start, CANARY, (size_t)(stop - start));
}

static void check_shuffle(const char *what, b2_shuffle_fn *generic, b2_shuffle_fn *kernel, size_t bytes,
                          size_t width)
{
    for (int ends = 0; ends < 4; ends++) {
        uint8_t *in = place(in_room, bytes, ends & 1);
        uint8_t *out = place(out_room, bytes, ends >> 1);
        if (bytes > 2000 && (ends == 0 || ends == 3)) continue; /* two of the four places will do */
        generic(in, expected, bytes, width);
        prepare_out(out, bytes);
        kernel(in, out, bytes, width);
        int same = memcmp(out, expected, bytes) == 0 && is_clean_around(out, bytes);
        CHECK(same);
        if (!same) fprintf(stderr, "  %s, %zu bytes, width %zu, ends %d\n", what, bytes, width, ends);
    }
}

static void check_all_shuffles(const b2_kernels *table, size_t bytes, size_t width)
{
    const b2_kernels *generic = &b2_kernels_generic;
    check_shuffle("shuffle", generic->shuffle, table->shuffle, bytes, width);
    check_shuffle("unshuffle", generic->unshuffle, table->unshuffle, bytes, width);
    check_shuffle("bitshuffle", generic->bitshuffle, table->bitshuffle, bytes, width);
    check_shuffle("bitunshuffle", generic->bitunshuffle, table->bitunshuffle, bytes, width);
}

static void check_rows(const b2_kernels *table, size_t bytes)
{
    const b2_kernels *generic = &b2_kernels_generic;
    uint8_t *in = place(in_room, bytes, 1);
    uint8_t *out = place(out_room, bytes, (int)(bytes & 1));
    generic->bytedelta_row(in, expected, bytes);
    prepare_out(out, bytes);
    table->bytedelta_row(in, out, bytes);
    CHECK(memcmp(out, expected, bytes) == 0 && is_clean_around(out, bytes));

    table->undo_bytedelta_row(out, out, bytes); /* in place */
    CHECK(memcmp(out, in, bytes) == 0 && is_clean_around(out, bytes));
    generic->undo_bytedelta_row(in, expected, bytes);
    table->undo_bytedelta_row(in, out, bytes);
    CHECK(memcmp(out, expected, bytes) == 0 && is_clean_around(out, bytes));

    uint8_t *other = place(in_room, bytes, 0);
    generic->xor_bytes(in, other, expected, bytes);
    prepare_out(out, bytes);
    table->xor_bytes(in, other, out, bytes);
    CHECK(memcmp(out, expected, bytes) == 0 && is_clean_around(out, bytes));
    memcpy(out, other, bytes);
    table->xor_bytes(in, out, out, bytes); /* onto an operand */
    CHECK(memcmp(out, expected, bytes) == 0 && is_clean_around(out, bytes));
}

/** Bitshuffle of 8 * n items is undone, and shuffle too: sizes that fill the buffers of tiles. */
static void check_table(const b2_kernels *table)
{
    static const size_t LARGE[] = {4096, 4097, 16384, 20000, 33333, 65536, 65600, 131072, 140001};
    for (size_t bytes = 0; bytes <= 1100; bytes++) {
        for (size_t width = 1; width <= 64; width++) check_all_shuffles(table, bytes, width);
        check_all_shuffles(table, bytes, 255);
        check_rows(table, bytes);
    }
    for (size_t i = 0; i < B2_COUNT(LARGE); i++) {
        for (size_t width = 1; width <= 64; width++) check_all_shuffles(table, LARGE[i], width);
        check_all_shuffles(table, LARGE[i], 255);
        check_all_shuffles(table, LARGE[i], 300);
        check_all_shuffles(table, LARGE[i], 200000);
        check_rows(table, LARGE[i]);
    }
}

static void test_the_public_list_is_that_of_the_tables(void)
{
    const b2_kernels *const *tables;
    size_t count = b2_kernels_all(&tables);
    const char *names[16] = {0};
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
    test_the_public_list_is_that_of_the_tables();
    in_room = guarded(ROOM);
    out_room = guarded(ROOM);
    fill(in_room, ROOM);

    const b2_kernels *const *tables;
    size_t count = b2_kernels_all(&tables);
    CHECK(count >= 1 && tables[count - 1] == &b2_kernels_generic);
    uint32_t have = b2_cpu_features();
    for (size_t i = 0; i < count; i++) {
        int can_run = (tables[i]->needs & ~have) == 0;
        printf("%s: %s\n", tables[i]->name, can_run ? "checked" : "cannot run here");
        if (can_run) check_table(tables[i]);
    }
    return check_result();
}
