/** Dead space of contiguous frames: chunks that share bytes are damage and are never written over; what
 * readers of older states need stays, byte for byte, whatever lives on beside them. */
#include <string.h>

#include "check.h"
#include "put_chunk.h"
#include "schunk/schunk.h"
#include "scratch.h"

enum { CHUNK = 64 << 10, BLOCK = 16 << 10, COUNT = 12 };

static const char *directory;
static blosc2_workspace *workspace;
static uint32_t seed = 1;

static int random_below(int limit)
{
    seed = seed * 1664525u + 1013904223u;
    return (int)((seed >> 8) % (uint32_t)limit);
}

/* Content of a chunk that does not compress; `value` tells which. */
static void fill(uint8_t *out, uint32_t value)
{
    uint32_t state = value * 2654435761u + 1;
    for (int i = 0; i < CHUNK; i++) {
        state = state * 1664525u + 1013904223u;
        out[i] = (uint8_t)(state >> 24);
    }
}

static int put(blosc2_schunk *schunk, int64_t chunk, uint32_t value)
{
    static uint8_t data[CHUNK];
    fill(data, value);
    return put_chunk(schunk, chunk, data, CHUNK, BLOCK, workspace);
}

static int change(blosc2_schunk *schunk, int64_t chunk, uint32_t value)
{
    int status = blosc2_schunk_begin(schunk);
    if (status == BLOSC2_OK) status = put(schunk, chunk, value);
    return status == BLOSC2_OK ? blosc2_schunk_commit(schunk) : status;
}

static bool has(const blosc2_schunk *schunk, int64_t chunk, uint32_t value)
{
    static uint8_t expected[CHUNK], found[CHUNK];
    blosc2_view view;
    fill(expected, value);
    return blosc2_schunk_view(schunk, chunk, NULL, 0, workspace, &view) == BLOSC2_OK &&
           blosc2_view_decode(&view, found, workspace) == BLOSC2_OK && memcmp(expected, found, CHUNK) == 0;
}

static blosc2_checksums checksums = BLOSC2_CHECKSUMS_ON;

static blosc2_schunk *make(const char *path, uint32_t *values)
{
    blosc2_schunk_options options = {.home = BLOSC2_HOME_FILE,
                                     .path = path,
                                     .safety = {.checksums = checksums},
                                     .cparams = blosc2_cparams_default(4),
                                     .chunk_bytes = CHUNK,
                                     .block_bytes = BLOCK,
                                     .chunk_count = COUNT,
                                     .fill = BLOSC2_SPECIAL_ZEROS};
    blosc2_schunk *schunk = NULL;
    CHECK_OK(blosc2_schunk_create(&options, &schunk));
    for (int i = 0; i < COUNT; i++) CHECK_OK(put(schunk, i, values[i] = (uint32_t)i));
    CHECK_OK(blosc2_schunk_commit(schunk));
    return schunk;
}

static blosc2_schunk *opened(const char *path, blosc2_mode mode)
{
    blosc2_schunk *schunk = NULL;
    CHECK_OK(blosc2_schunk_open(path, 0, mode, &schunk));
    return schunk;
}

static int64_t size_of(const char *path)
{
    b2_identity identity = {0};
    CHECK_OK(b2_io_system()->identity(NULL, path, &identity));
    return identity.bytes;
}

static void clean(const char *name)
{
    char lock[64];
    snprintf(lock, sizeof lock, "%s.b2lock", name);
    scratch_remove(scratch_path(directory, lock));
    scratch_remove(scratch_path(directory, name));
}

/* ------------------------------------------------------------------ chunks that share bytes */

static void note_bad(void *context, const blosc2_bad *bad)
{
    unsigned *seen = context;
    if (strstr(bad->reason, "shares bytes")) *seen |= 1u << bad->chunk;
}

static unsigned find_shared(const blosc2_schunk *schunk)
{
    blosc2_verdict verdict = {0};
    unsigned seen = 0;
    int64_t next = 0;
    while (next < COUNT) CHECK_OK(blosc2_schunk_verify(schunk, &next, workspace, note_bad, &seen, &verdict));
    CHECK((seen != 0) == (verdict.bad > 0));
    return seen;
}

/* A file whose index says that two chunks begin at one place, and a third one in the middle of it. */
static void chunks_that_share_bytes_are_found_and_kept(void)
{
    const char *path = scratch_path(directory, "shared");
    uint32_t values[COUNT];
    blosc2_schunk *schunk = make(path, values);
    CHECK(find_shared(schunk) == 0);
    CHECK_OK(blosc2_schunk_begin(schunk));
    CHECK_OK(put(schunk, 11, 11)); /* the index is one of entries now */
    schunk->index.entries[3] = schunk->index.entries[2];
    schunk->index.tags[3] = schunk->index.tags[2];
    CHECK_OK(blosc2_schunk_commit(schunk));
    blosc2_schunk_free(schunk);
    schunk = opened(path, BLOSC2_UPDATE);
    CHECK(find_shared(schunk) == (1u << 2 | 1u << 3));
    CHECK(has(schunk, 3, 2));
    CHECK_OK(change(schunk, 2, 99)); /* what was chunk 2 is chunk 3's still */
    for (int i = 0; i < 100; i++) {
        int chunk = 4 + random_below(COUNT - 4);
        CHECK_OK(change(schunk, chunk, values[chunk] = (uint32_t)(1000 + i)));
    }
    CHECK(has(schunk, 3, 2) && has(schunk, 2, 99));
    for (int i = 4; i < COUNT; i++) CHECK(has(schunk, i, values[i]));
    blosc2_schunk_free(schunk);
    clean("shared");
}

static void a_chunk_that_begins_inside_of_another_is_found(void)
{
    const char *path = scratch_path(directory, "inside");
    uint32_t values[COUNT];
    blosc2_schunk *schunk = make(path, values);
    CHECK_OK(b2_index_expand(&schunk->index));
    schunk->index.entries[5] += 100; /* in memory alone: what a crafted file may say */
    CHECK(find_shared(schunk) == 0 || find_shared(schunk) == (1u << 5 | 1u << 6));
    schunk->index.entries[5] -= 100;
    schunk->index.tags[5].bytes += 1;
    CHECK(find_shared(schunk) == (1u << 5 | 1u << 6));
    blosc2_schunk_free(schunk);
    clean("inside");
}

/* ------------------------------------------------------------------ readers beside writers */

typedef struct reader {
    blosc2_schunk *schunk;
    uint32_t values[COUNT];
} reader;

static void check_reader(const reader *r)
{
    for (int i = 0; i < COUNT; i++) CHECK(has(r->schunk, i, r->values[i]));
}

/* Two writers, in turns of any length, and readers that open, refresh and go: each sees its own state. */
static void readers_keep_their_states_and_no_more(uint32_t start)
{
    enum { READERS = 4, STEPS = 250 };
    const char *path = scratch_path(directory, "held");
    uint32_t values[COUNT];
    blosc2_schunk *writers[2] = {make(path, values)};
    reader readers[READERS] = {0};
    int64_t largest = 0;
    seed = start;
    writers[1] = opened(path, BLOSC2_UPDATE);
    for (uint32_t step = 0; step < STEPS; step++) {
        reader *r = &readers[random_below(READERS)];
        int kind = random_below(12), chunk = random_below(COUNT);
        bool changed;
        if (kind == 0 && r->schunk) {
            check_reader(r);
            blosc2_schunk_free(r->schunk);
            r->schunk = NULL;
        } else if (kind == 0) {
            r->schunk = opened(path, BLOSC2_READ);
            memcpy(r->values, values, sizeof values);
        } else if (kind == 1 && r->schunk) {
            CHECK_OK(blosc2_schunk_refresh(r->schunk, &changed));
            memcpy(r->values, values, sizeof values);
        } else if (kind == 2) {
            CHECK_OK(blosc2_schunk_flush(writers[random_below(2)]));
        } else {
            CHECK_OK(change(writers[random_below(2)], chunk, values[chunk] = 100 + step));
        }
        int64_t size = size_of(path);
        largest = size > largest ? size : largest;
    }
    for (int i = 0; i < READERS; i++) {
        if (readers[i].schunk) check_reader(&readers[i]);
        blosc2_schunk_free(readers[i].schunk);
    }
#ifdef __linux__
    CHECK(largest <= 3 * (READERS + 1) * (int64_t)COUNT * CHUNK + (2 << 20));
#endif
    blosc2_schunk_free(writers[0]);
    blosc2_schunk_free(writers[1]);
    blosc2_schunk *last = opened(path, BLOSC2_READ);
    for (int i = 0; i < COUNT; i++) CHECK(has(last, i, values[i]));
    CHECK(find_shared(last) == 0);
    blosc2_schunk_free(last);
    clean("held");
}

/* The tail, too, is what others look at: a reader of a state without chunks needs nothing else. */
static void a_reader_of_nothing_keeps_nothing(void)
{
    const char *path = scratch_path(directory, "empty");
    blosc2_schunk_options options = {.home = BLOSC2_HOME_FILE,
                                     .path = path,
                                     .cparams = blosc2_cparams_default(4),
                                     .chunk_bytes = CHUNK,
                                     .block_bytes = BLOCK,
                                     .chunk_count = COUNT,
                                     .fill = BLOSC2_SPECIAL_ZEROS};
    blosc2_schunk *schunk = NULL;
    CHECK_OK(blosc2_schunk_create(&options, &schunk));
    CHECK_OK(blosc2_schunk_commit(schunk));
    blosc2_schunk *first = opened(path, BLOSC2_READ);
    for (uint32_t i = 0; i < 200; i++) CHECK_OK(change(schunk, i % COUNT, i));
#ifdef __linux__
    CHECK(size_of(path) <= 3 * (int64_t)COUNT * CHUNK + (2 << 20));
#endif
    blosc2_schunk_free(first);
    blosc2_schunk_free(schunk);
    clean("empty");
}

int main(void)
{
    CHECK_OK(blosc2_init());
    CHECK_OK(blosc2_workspace_create(&workspace));
    directory = scratch_directory();
    chunks_that_share_bytes_are_found_and_kept();
    a_chunk_that_begins_inside_of_another_is_found();
    for (uint32_t start = 1; start <= 6; start++) readers_keep_their_states_and_no_more(start);
    checksums = BLOSC2_CHECKSUMS_OFF; /* headers tell what chunks take */
    for (uint32_t start = 7; start <= 12; start++) readers_keep_their_states_and_no_more(start);
    a_reader_of_nothing_keeps_nothing();
    scratch_remove(directory);
    blosc2_workspace_free(workspace);
    return check_result();
}
