/**
 * Threads that share an array: readers see all of a write or nothing, calls are interrupted, children are
 * forked. Also for ThreadSanitizer, with any argument: without forks, which that does not follow.
 */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "caterva.h"
#include "check.h"
#include "pause.h"
#include "scratch.h"
#include "threads/os.h"
#ifndef _WIN32
#include <sys/wait.h>
#endif

enum { ROWS = 90, COLUMNS = 70, READERS = 7, WRITES = 30 };

static const char *directory;

static caterva_array *make(blosc2_home home, const char *name, int threads)
{
    char path[SCRATCH_PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    caterva_options options = {.geometry = {.ndim = 2,
                                            .item_bytes = 8,
                                            .shape = {ROWS, COLUMNS},
                                            .chunks = {40, 30},
                                            .blocks = {11, 30}},
                               .cparams = blosc2_cparams_default(8),
                               .home = home,
                               .path = home >= BLOSC2_HOME_FILE ? path : NULL,
                               .threads = threads,
                               .cache_bytes = 80000}; /* some blocks, not all */
    caterva_array *array = NULL;
    CHECK_OK(caterva_array_create(&options, &array));
    return array;
}

/* ------------------------------------------------------------------ readers and a writer */

typedef struct scene {
    caterva_array *array;
    atomic_bool done;
    atomic_int reads, wrong;
    atomic_uint seed;
} scene;

/** Each item tells which write it is of, and its place. */
static uint64_t item_of(uint64_t version, int64_t row, int64_t column)
{
    return version << 32 | (uint64_t)(row * COLUMNS + column);
}

static int write_version(caterva_array *array, uint64_t version)
{
    static uint64_t items[ROWS][COLUMNS]; /* of the only writer */
    const caterva_selection all = {.count = {ROWS, COLUMNS}, .step = {1, 1}};
    const int64_t strides[] = {COLUMNS * 8, 8};
    for (int r = 0; r < ROWS; r++)
        for (int c = 0; c < COLUMNS; c++) items[r][c] = item_of(version, r, c);
    return caterva_array_write(array, &all, items, strides);
}

static int pick(uint32_t *state, int below)
{
    *state = *state * 1664525u + 1013904223u;
    return (int)((uint64_t)(*state >> 8) * (uint64_t)below >> 24);
}

/** Read a box and check its items. @return false if they are of two writes, or of another place. */
static bool read_box(caterva_array *array, uint32_t *state)
{
    uint64_t items[ROWS * COLUMNS];
    int row = pick(state, ROWS), column = pick(state, COLUMNS);
    int rows = 1 + pick(state, ROWS - row), columns = 1 + pick(state, COLUMNS - column);
    const caterva_selection box = {.start = {row, column}, .count = {rows, columns}, .step = {1, 1}};
    const int64_t strides[] = {columns * 8, 8};
    bool is_item = rows == 1 && columns == 1;
    caterva_geometry geometry;
    caterva_array_get_geometry(array, &geometry);
    if (!(is_item && caterva_array_read_hot(array, &geometry, &box, items)) &&
        caterva_array_read(array, &box, items, strides) < 0)
        return false;
    for (int r = 0; r < rows; r++)
        for (int c = 0; c < columns; c++)
            if (items[r * columns + c] != item_of(items[0] >> 32, row + r, column + c)) return false;
    return true;
}

static b2_thread_result B2_THREAD_CALL read_boxes(void *argument)
{
    scene *s = argument;
    uint32_t state = ++s->seed * 7919u;
    while (!s->done) {
        if (!read_box(s->array, &state)) ++s->wrong;
        ++s->reads;
    }
    return 0;
}

static void readers_see_all_of_a_write_or_nothing(blosc2_home home, int threads)
{
    b2_thread readers[READERS];
    scene s = {.array = make(home, threads == 1 ? "one" : "several", threads)};
    CHECK_OK(write_version(s.array, 1));
    CHECK_OK(caterva_array_commit(s.array));
    for (int i = 0; i < READERS; i++) CHECK(b2_thread_start(&readers[i], read_boxes, &s));
    for (uint64_t version = 2; version < WRITES; version++) {
        CHECK_OK(write_version(s.array, version));
        pause_briefly(1000000);
    }
    s.done = true;
    for (int i = 0; i < READERS; i++) b2_thread_join(readers[i]);
    CHECK(s.wrong == 0 && s.reads > 0);
    caterva_array_free(s.array);
}

/* ------------------------------------------------------------------ refreshing beside properties */

typedef struct glance {
    caterva_array *array;
    atomic_bool done;
    atomic_int glances, refreshed, wrong;
} glance;

/** Ask for all that needs no lock. @return False if something is what it never was. */
static bool tells_the_truth(glance *g)
{
    char path[SCRATCH_PATH_BYTES];
    caterva_geometry geometry;
    const blosc2_schunk *schunk = caterva_array_schunk(g->array);
    const blosc2_cparams *cparams = blosc2_schunk_cparams(schunk);
    snprintf(path, sizeof path, "%s", blosc2_schunk_path(schunk));
    caterva_array_get_geometry(g->array, &geometry);
    int64_t length = geometry.shape[0], count = blosc2_schunk_chunk_count(schunk);
    bool is_one_of_two = (cparams->codec == BLOSC2_LZ4 && cparams->clevel == 5) ||
                         (cparams->codec == BLOSC2_BLOSCLZ && cparams->clevel == 1);
    return is_one_of_two && cparams->item_bytes == 8 && strstr(path, "refreshed") &&
           blosc2_schunk_home(schunk) == BLOSC2_HOME_FILE && blosc2_schunk_read_only(schunk) &&
           blosc2_schunk_safety(schunk)->lock_timeout_ms == 5000 &&
           blosc2_schunk_seal(schunk) == BLOSC2_SEAL_WHOLE &&
           blosc2_schunk_recovery(schunk) == BLOSC2_RECOVERED_NOTHING &&
           blosc2_schunk_chunk_bytes(schunk) == 32 && blosc2_schunk_block_bytes(schunk) == 16 &&
           length >= 8 && length <= 24 && length % 4 == 0 && count >= 2 && count <= 6;
}

static b2_thread_result B2_THREAD_CALL look_on(void *argument)
{
    glance *g = argument;
    while (!g->done) {
        if (!tells_the_truth(g)) ++g->wrong;
        ++g->glances;
    }
    return 0;
}

static b2_thread_result B2_THREAD_CALL refresh_on(void *argument)
{
    glance *g = argument;
    while (!g->done) {
        bool changed = false;
        int status = caterva_array_refresh(g->array, &changed);
        if (status < 0 && status != BLOSC2_E_CHANGED) ++g->wrong; /* for a moment there is nothing */
        if (changed) ++g->refreshed;
    }
    return 0;
}

/** Another array in the place of the one that is there, of other parameters. */
static caterva_array *make_anew(const char *path, int round)
{
    caterva_options options = {
        .geometry = {.ndim = 1, .item_bytes = 8, .shape = {8}, .chunks = {4}, .blocks = {2}},
        .cparams = blosc2_cparams_default(8),
        .home = BLOSC2_HOME_FILE,
        .path = path,
        .threads = 1};
    caterva_array *array = NULL;
    options.cparams.codec = round % 2 ? BLOSC2_BLOSCLZ : BLOSC2_LZ4;
    options.cparams.clevel = round % 2 ? 1 : 5;
    remove(path);
    CHECK_OK(caterva_array_create(&options, &array));
    CHECK_OK(caterva_array_commit(array));
    return array;
}

static void properties_are_told_while_others_refresh(void)
{
    enum { ROUNDS = 8, RESIZES = 40, LOOKERS = 3 };
    char path[SCRATCH_PATH_BYTES];
    snprintf(path, sizeof path, "%s/refreshed", directory);
    caterva_array *writer = make_anew(path, 0);
    const blosc2_origin origin = {.path = path, .safety = {.lock_timeout_ms = 5000}};
    glance g = {0};
    b2_thread lookers[LOOKERS], refresher;
    CHECK_OK(caterva_array_open_origin(&origin, &g.array));
    for (int i = 0; i < LOOKERS; i++) CHECK(b2_thread_start(&lookers[i], look_on, &g));
    CHECK(b2_thread_start(&refresher, refresh_on, &g));
    for (int round = 1; round <= ROUNDS; round++) {
        for (int i = 0; i < RESIZES; i++) {
            const int64_t shape[CATERVA_MAX_NDIM] = {8 + 4 * (i % 5)};
            CHECK_OK(caterva_array_resize(writer, shape));
        }
        while ((g.refreshed < round || g.glances < round) && g.wrong == 0) pause_briefly(100000);
        caterva_array_free(writer);
        writer = make_anew(path, round);
    }
    g.done = true;
    for (int i = 0; i < LOOKERS; i++) b2_thread_join(lookers[i]);
    b2_thread_join(refresher);
    CHECK(g.glances > 0);
    CHECK(g.wrong == 0);
    caterva_array_free(g.array);
    caterva_array_free(writer);
}

/* ------------------------------------------------------------------ interrupts */

static int refuse(void *context)
{
    ++*(atomic_int *)context;
    return 1;
}

/** Reads and writes that take minutes, of one item's or one row's memory. */
static void long_calls_are_interrupted(int threads)
{
    static uint64_t row[1 << 17];
    const int64_t still[2] = {0}, along[2] = {0, sizeof *row};
    const caterva_selection all = {.count = {1 << 17, 1 << 17}, .step = {1, 1}};
    caterva_options options = {.geometry = {.ndim = 2,
                                            .item_bytes = 8,
                                            .shape = {1 << 17, 1 << 17},
                                            .chunks = {1 << 9, 1 << 9},
                                            .blocks = {1 << 6, 1 << 6}},
                               .cparams = blosc2_cparams_default(8),
                               .threads = threads};
    caterva_array *array = NULL;
    uint64_t item = 5;
    int64_t bytes = -1;
    atomic_int asked = 0;
    for (uint64_t i = 0; i < 1 << 17; i++) row[i] = i * i;
    CHECK_OK(caterva_array_create(&options, &array));
    CHECK_OK(caterva_array_commit(array));
    blosc2_set_interrupt(refuse, &asked);
    CHECK(caterva_array_write(array, &all, row, along) == BLOSC2_E_INTERRUPTED);
    if (threads == 1) /* several would write to the one item */
        CHECK(caterva_array_read(array, &all, &item, still) == BLOSC2_E_INTERRUPTED);
    CHECK_OK(caterva_array_begin(array));
    CHECK(caterva_array_write(array, &all, row, along) == BLOSC2_E_INTERRUPTED);
    CHECK(caterva_array_commit(array) == BLOSC2_E_ARGUMENT); /* half of it is missing */
    blosc2_set_interrupt(NULL, NULL);
    CHECK(asked >= 2);
    CHECK_OK(caterva_array_stored_bytes(array, &bytes));
    CHECK(bytes == 0); /* zeros, as it was */
    caterva_array_free(array);
}

/* ------------------------------------------------------------------ forks */

#ifndef _WIN32

static b2_thread_result write_versions(void *argument)
{
    scene *s = argument;
    for (uint64_t version = 2; !s->done; version++)
        if (write_version(s->array, version) < 0) ++s->wrong;
    return 0;
}

/** What a child makes of an array that it has inherited: 0 if all is well, 1 if it is lost. */
static int look_at(caterva_array *array)
{
    uint32_t state = 5;
    if (caterva_array_is_lost(array)) {
        caterva_array_free(array); /* releases nothing, and does no harm */
        return 1;
    }
    for (int i = 0; i < 20; i++)
        if (!read_box(array, &state)) return 2;
    if (write_version(array, 1000) < 0 || !read_box(array, &state)) return 3;
    caterva_array_free(array);
    return 0;
}

static int in_child(caterva_array *array)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        _exit(look_at(array));
    }
    int status = -1;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void children_use_an_array_or_know_that_it_is_lost(void)
{
    b2_thread readers[2], writer;
    scene s = {.array = make(BLOSC2_HOME_MEMORY, "", 2)};
    int results[2] = {0};
    CHECK_OK(write_version(s.array, 1));
    CHECK_OK(caterva_array_commit(s.array));
    for (int i = 0; i < 2; i++) CHECK(b2_thread_start(&readers[i], read_boxes, &s));
    for (int i = 0; i < 20; i++) CHECK(in_child(s.array) == 0); /* readers lose nothing */
    CHECK(b2_thread_start(&writer, write_versions, &s));
    for (int i = 0; i < 60; i++) {
        int result = in_child(s.array);
        CHECK(result == 0 || result == 1);
        if (result == 0 || result == 1) results[result]++;
    }
    s.done = true;
    b2_thread_join(writer);
    for (int i = 0; i < 2; i++) b2_thread_join(readers[i]);
    CHECK(s.wrong == 0 && results[1] > 0);
    caterva_array_free(s.array);
}

static void a_new_file_is_the_parents(void)
{
    caterva_array *array = make(BLOSC2_HOME_FILE, "new", 1);
    CHECK_OK(write_version(array, 1));
    int before = scratch_entries(directory);
    CHECK(in_child(array) == 1);
    CHECK(scratch_entries(directory) == before);
    CHECK_OK(caterva_array_commit(array));
    uint32_t state = 3;
    CHECK(read_box(array, &state));
    caterva_array_free(array);
}

#endif

int main(int argc, char **argv)
{
    (void)argv;
    directory = scratch_directory();
    for (int threads = 1; threads <= 3; threads += 2) {
        readers_see_all_of_a_write_or_nothing(BLOSC2_HOME_MEMORY, threads);
        readers_see_all_of_a_write_or_nothing(BLOSC2_HOME_MEMFRAME, threads);
        readers_see_all_of_a_write_or_nothing(BLOSC2_HOME_FILE, threads);
        long_calls_are_interrupted(threads);
    }
#ifndef _WIN32
    if (argc == 1) {
        children_use_an_array_or_know_that_it_is_lost();
        a_new_file_is_the_parents();
    }
#else
    (void)argc;
#endif
    properties_are_told_while_others_refresh();
    scratch_remove(directory);
    return check_result();
}
