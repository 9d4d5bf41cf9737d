/**
 * Speed of every kernel table that this CPU runs, beside memcpy and, if asked, another library's filters.
 *
 *     bench_kernels [FILTER [LIBRARY]]
 *
 * FILTER is part of a filter's name, "" for all. LIBRARY is a shared C-Blosc2, whose public functions
 * blosc2_shuffle and the like are then timed too. Prints Markdown: GB/s, each the median of rounds that all
 * candidates of a line take in turn.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/checked.h"
#include "cpu/cpu.h"
#include "filters/kernels.h"

enum { ROUNDS = 21, MAX_CANDIDATES = 8, PAGE = 4096 };

static const size_t WIDTHS[] = {1, 2, 3, 4, 7, 8, 12, 16, 24, 32};

/* Source and result together: half of a 32 KiB L1, a quarter of a 1 MiB L2. */
static const struct {
    const char *name;
    size_t bytes;
} BLOCKS[] = {{"L1", 8192}, {"L2", 131072}, {"L2, rows no power of two apart", 120000}};

/* Filters as offsets in a table, so that one loop serves all of them. */
enum kind { MOVES, JOINS, SUMS };
static const struct filter {
    const char *name, *peer; /* of the exported function, NULL if there is none */
    enum kind kind;
    size_t offset;
} FILTERS[] = {
    {"shuffle", "blosc2_shuffle", MOVES, offsetof(b2_kernels, shuffle)},
    {"unshuffle", "blosc2_unshuffle", MOVES, offsetof(b2_kernels, unshuffle)},
    {"bitshuffle", "blosc2_bitshuffle", MOVES, offsetof(b2_kernels, bitshuffle)},
    {"bitunshuffle", "blosc2_bitunshuffle", MOVES, offsetof(b2_kernels, bitunshuffle)},
    {"xor_bytes", NULL, JOINS, offsetof(b2_kernels, xor_bytes)},
    {"bytedelta_row", NULL, SUMS, offsetof(b2_kernels, bytedelta_row)},
    {"undo_bytedelta_row", NULL, SUMS, offsetof(b2_kernels, undo_bytedelta_row)},
};

/** C-Blosc2's public filters: sizes in its order. */
typedef int32_t peer_fn(int32_t width, int32_t bytes, const void *in, void *out);

typedef struct candidate {
    const b2_kernels *table; /* NULL: the peer's function, or without one memcpy */
    peer_fn *peer;
    double speeds[ROUNDS];
} candidate;

static uint8_t *in, *out;
static void *library;
static const b2_kernels *tables[MAX_CANDIDATES - 2]; /* those that run here */
static size_t table_count;

static void run(const struct filter *filter, const candidate *c, size_t bytes, size_t width)
{
    const void *slot = (const char *)c->table + (c->table ? filter->offset : 0);
    if (c->peer) {
        c->peer((int32_t)width, (int32_t)bytes, in, out);
    } else if (!c->table) {
        memcpy(out, in, bytes);
        __asm__ volatile("" : : "r"(out) : "memory"); /* it must not be left out */
    } else if (filter->kind == MOVES) {
        (*(b2_shuffle_fn *const *)slot)(in, out, bytes, width);
    } else if (filter->kind == JOINS) {
        (*(b2_xor_fn *const *)slot)(in, in, out, bytes);
    } else {
        (*(b2_rows_fn *const *)slot)(in, out, bytes);
    }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/** GB/s of `repeats` runs. */
static double time_runs(const struct filter *filter, const candidate *c, size_t bytes, size_t width,
                        int repeats)
{
    double start = now();
    for (int i = 0; i < repeats; i++) run(filter, c, bytes, width);
    return (double)bytes * repeats / (now() - start) / 1e9;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(candidate *c)
{
    qsort(c->speeds, ROUNDS, sizeof c->speeds[0], compare);
    return c->speeds[ROUNDS / 2];
}

/** One line: memcpy, the tables, the peer; the best table in parts of memcpy and of the peer. */
static void bench_line(const struct filter *filter, size_t bytes, size_t width)
{
    candidate candidates[MAX_CANDIDATES] = {{0}};
    size_t count = 1; /* the first is memcpy */
    for (size_t i = 0; i < table_count; i++) candidates[count++].table = tables[i];
    if (library && filter->peer) *(void **)&candidates[count].peer = dlsym(library, filter->peer);
    size_t peer = candidates[count].peer ? count++ : 0;

    for (size_t i = 0; i < count; i++) time_runs(filter, &candidates[i], bytes, width, 2); /* warm */
    int repeats = (int)((1u << 21) / bytes);
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < count; i++)
            candidates[i].speeds[round] = time_runs(filter, &candidates[i], bytes, width, repeats);
    }

    printf("| %s | %zu |", filter->name, width);
    double speeds[MAX_CANDIDATES];
    for (size_t i = 0; i < count; i++) printf(" %.1f |", speeds[i] = median(&candidates[i]));
    if (library)
        printf(peer ? " %.2f | %.2f |\n" : " | %.2f | |\n", speeds[1] / speeds[0],
               peer ? speeds[1] / speeds[peer] : 0);
    else
        printf(" %.2f |\n", speeds[1] / speeds[0]);
    fflush(stdout);
}

static void print_head(const char *name, size_t bytes)
{
    printf("\n%zu bytes (%s), GB/s:\n\n| filter | item | memcpy |", bytes, name);
    for (size_t i = 0; i < table_count; i++) printf(" %s |", tables[i]->name);
    printf(library ? " C-Blosc2 | %s/memcpy | %s/C-Blosc2 |\n|---|--:|--:|" : " %s/memcpy |\n|---|--:|--:|",
           tables[0]->name, tables[0]->name);
    for (size_t i = 0; i < table_count + (library ? 3 : 1); i++) printf("--:|");
    printf("\n");
}

int main(int argc, char **argv)
{
    const char *wanted = argc > 1 ? argv[1] : "";
    if (argc > 2 && !(library = dlopen(argv[2], RTLD_NOW))) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    size_t room = 131072;
    in = aligned_alloc(PAGE, room);
    out = aligned_alloc(PAGE, room);
    if (!in || !out) return 1;
    for (size_t i = 0; i < room; i++) in[i] = (uint8_t)(i * 2654435761u >> 13);

    const b2_kernels *const *all;
    size_t all_count = b2_kernels_all(&all);
    for (size_t i = 0; i < all_count; i++) {
        if ((all[i]->needs & ~b2_cpu_features()) == 0) tables[table_count++] = all[i];
    }
    for (size_t b = 0; b < B2_COUNT(BLOCKS); b++) {
        print_head(BLOCKS[b].name, BLOCKS[b].bytes);
        for (size_t f = 0; f < B2_COUNT(FILTERS); f++) {
            if (!strstr(FILTERS[f].name, wanted)) continue;
            size_t widths = FILTERS[f].kind == MOVES ? B2_COUNT(WIDTHS) : 1;
            for (size_t w = 0; w < widths; w++) bench_line(&FILTERS[f], BLOCKS[b].bytes, WIDTHS[w]);
        }
    }
    return 0;
}
