/** Super-chunks in their four homes: changes, commits, metalayers, partial reads, and every I/O call failing
 * in turn. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "check.h"
#include "io/io.h"
#include "put_chunk.h"
#include "schunk/schunk.h"
#include "scratch.h"

enum { CHUNK = 6000, BLOCK = 1000, COUNT = 5 };

static const char *directory;
static blosc2_workspace *workspace;

static blosc2_schunk_options options_of(blosc2_home home, const char *path)
{
    static const blosc2_metalayer layers[] = {{"shape", (const uint8_t *)"\0\1\2\3", 4},
                                              {"empty", (const uint8_t *)"", 0}};
    return (blosc2_schunk_options){.home = home,
                                   .path = path,
                                   .cparams = blosc2_cparams_default(4),
                                   .chunk_bytes = CHUNK,
                                   .block_bytes = BLOCK,
                                   .chunk_count = COUNT,
                                   .fill = BLOSC2_SPECIAL_ZEROS,
                                   .metalayers = layers,
                                   .metalayer_count = 2};
}

static void content_of(int64_t chunk, int version, uint8_t *out)
{
    for (int i = 0; i < CHUNK; i++)
        out[i] = (uint8_t)(i % 250 * (i / 900 + 1) + chunk * 17 + version * 59 + 1);
}

static int put(blosc2_schunk *schunk, int64_t chunk, int version)
{
    uint8_t data[CHUNK];
    content_of(chunk, version, data);
    return put_chunk(schunk, chunk, data, CHUNK, BLOCK, workspace);
}

/* @param version  Version that the chunk must have; -1: zeros. */
static void check_chunk(const blosc2_schunk *schunk, int64_t chunk, int version)
{
    uint8_t expected[CHUNK] = {0}, out[CHUNK];
    if (version >= 0) content_of(chunk, version, expected);
    blosc2_view view;
    CHECK_OK(blosc2_schunk_view(schunk, chunk, NULL, 0, workspace, &view));
    memset(out, 0xEE, sizeof out);
    CHECK_OK(blosc2_view_decode(&view, out, workspace));
    CHECK(memcmp(out, expected, CHUNK) == 0);
    int32_t blocks[] = {1, 4};
    CHECK_OK(blosc2_schunk_view(schunk, chunk, blocks, 2, workspace, &view));
    for (int i = 0; i < 2; i++) {
        CHECK_OK(blosc2_view_decode_block(&view, blocks[i], out, workspace));
        CHECK(memcmp(out, expected + blocks[i] * BLOCK, BLOCK) == 0);
    }
}

static void check_bytes_round_trip(const blosc2_schunk *schunk)
{
    uint8_t *bytes, *again;
    size_t size, size_again;
    blosc2_schunk *copy;
    CHECK_OK(blosc2_schunk_to_bytes(schunk, &bytes, &size));
    CHECK_OK(blosc2_schunk_from_bytes(bytes, size, &copy));
    CHECK_OK(blosc2_schunk_to_bytes(copy, &again, &size_again));
    CHECK(size == size_again && memcmp(bytes, again, size) == 0);
    for (int64_t i = 0; i < COUNT; i++) check_chunk(copy, i, i == 1 ? 1 : i == 3 ? 0 : -1);
    blosc2_schunk_free(copy);
    CHECK(blosc2_schunk_from_bytes(bytes, size - 1, &copy) == BLOSC2_E_CORRUPT);
    blosc2_bytes_free(bytes);
    blosc2_bytes_free(again);
}

static void check_layers(const blosc2_schunk *schunk)
{
    CHECK(blosc2_schunk_layer_count(schunk, BLOSC2_LAYER_FIXED) == 2);
    uint8_t *content = NULL;
    int32_t bytes = 0;
    CHECK(!strcmp(blosc2_schunk_layer_name(schunk, BLOSC2_LAYER_FIXED, 0), "shape"));
    CHECK_OK(blosc2_schunk_layer_content(schunk, BLOSC2_LAYER_FIXED, 0, &content, &bytes));
    CHECK(bytes == 4 && !memcmp(content, "\0\1\2\7", 4));
    blosc2_bytes_free(content);
    int units = blosc2_schunk_find_layer(schunk, BLOSC2_LAYER_VARIABLE, "units");
    CHECK(units == 0);
    CHECK_OK(blosc2_schunk_layer_content(schunk, BLOSC2_LAYER_VARIABLE, units, &content, &bytes));
    CHECK(bytes == 500 && content[499] == 42);
    blosc2_bytes_free(content);
}

static void change_layers(blosc2_schunk *schunk)
{
    uint8_t long_content[500];
    memset(long_content, 42, sizeof long_content);
    blosc2_metalayer shape = {"shape", (const uint8_t *)"\0\1\2\7", 4}, units = {"units", long_content, 500},
                     gone = {"gone", long_content, 1}, unknown = {"unknown", long_content, 1};
    CHECK(blosc2_schunk_set_layer(schunk, BLOSC2_LAYER_FIXED, &shape) ==
          BLOSC2_E_ARGUMENT); /* no change open */
    CHECK_OK(blosc2_schunk_begin(schunk));
    CHECK_OK(blosc2_schunk_set_layer(schunk, BLOSC2_LAYER_FIXED, &shape));
    CHECK(blosc2_schunk_set_layer(schunk, BLOSC2_LAYER_FIXED, &unknown) == BLOSC2_E_NOT_FOUND);
    CHECK_OK(blosc2_schunk_set_layer(schunk, BLOSC2_LAYER_VARIABLE, &units));
    CHECK_OK(blosc2_schunk_set_layer(schunk, BLOSC2_LAYER_VARIABLE, &gone));
    CHECK_OK(blosc2_schunk_delete_layer(schunk, "gone"));
    CHECK(blosc2_schunk_delete_layer(schunk, "gone") == BLOSC2_E_NOT_FOUND);
    CHECK_OK(blosc2_schunk_commit(schunk));
}

/* Chunk 1 ends with version 1, chunk 3 with version 0, the others are zeros. */
static void test_life(blosc2_home home, const char *name)
{
    bool on_disk = home == BLOSC2_HOME_FILE || home == BLOSC2_HOME_DIRECTORY;
    blosc2_schunk_options options = options_of(home, on_disk ? scratch_path(directory, name) : NULL);
    blosc2_schunk *schunk;
    CHECK_OK(blosc2_schunk_create(&options, &schunk));
    CHECK_OK(put(schunk, 1, 0));
    if (on_disk) CHECK(!scratch_is_there(scratch_path(directory, name))); /* not there before it is whole */
    CHECK_OK(blosc2_schunk_commit(schunk));
    CHECK(put(schunk, 2, 0) == BLOSC2_E_ARGUMENT); /* no change open */

    CHECK_OK(blosc2_schunk_begin(schunk));
    CHECK_OK(put(schunk, 1, 1));
    CHECK_OK(put(schunk, 1, 2));
    CHECK_OK(put(schunk, 2, 2));
    check_chunk(schunk, 1, 2); /* own changes are seen */
    blosc2_schunk_rollback(schunk);
    check_chunk(schunk, 1, 0);
    check_chunk(schunk, 2, -1);

    CHECK_OK(blosc2_schunk_begin(schunk));
    CHECK_OK(put(schunk, 1, 0));
    CHECK_OK(put(schunk, 1, 1));
    CHECK_OK(put(schunk, 3, 0));
    CHECK_OK(blosc2_schunk_commit(schunk));
    change_layers(schunk);
    int64_t stored = 0, stored_again = 0;
    CHECK_OK(blosc2_schunk_stored_bytes(schunk, &stored));
    check_bytes_round_trip(schunk);
    if (on_disk) {
        blosc2_schunk_free(schunk);
        CHECK(blosc2_schunk_create(&options, &schunk) == BLOSC2_E_EXISTS);
        CHECK_OK(blosc2_schunk_open(scratch_path(directory, name), 0, BLOSC2_READ, &schunk));
        CHECK(blosc2_schunk_begin(schunk) == BLOSC2_E_READ_ONLY);
        CHECK(blosc2_schunk_home(schunk) == home);
    }
    for (int64_t i = 0; i < COUNT; i++) check_chunk(schunk, i, i == 1 ? 1 : i == 3 ? 0 : -1);
    CHECK_OK(blosc2_schunk_stored_bytes(schunk, &stored_again));
    CHECK(stored == stored_again && stored > 0);
    check_layers(schunk);
    blosc2_view view;
    CHECK(blosc2_schunk_view(schunk, COUNT, NULL, 0, workspace, &view) == BLOSC2_E_ARGUMENT);
    CHECK(blosc2_schunk_view(schunk, -1, NULL, 0, workspace, &view) == BLOSC2_E_ARGUMENT);
    blosc2_schunk_free(schunk);
}

static void test_reset_and_append(blosc2_home home, const char *name)
{
    bool on_disk = home == BLOSC2_HOME_FILE || home == BLOSC2_HOME_DIRECTORY;
    blosc2_schunk_options options = options_of(home, on_disk ? scratch_path(directory, name) : NULL);
    blosc2_schunk *schunk;
    uint8_t special[40];
    CHECK_OK(blosc2_schunk_create(&options, &schunk));
    CHECK_OK(put(schunk, 1, 0));
    CHECK_OK(blosc2_schunk_commit(schunk));
    CHECK_OK(blosc2_schunk_begin(schunk));
    CHECK_OK(blosc2_schunk_reset(schunk, CHUNK / 2, BLOCK / 2, 7));
    CHECK(blosc2_schunk_chunk_count(schunk) == 7);
    blosc2_schunk_rollback(schunk);
    check_chunk(schunk, 1, 0);
    CHECK_OK(blosc2_schunk_begin(schunk));
    CHECK_OK(blosc2_schunk_reset(schunk, CHUNK, BLOCK, 2));
    CHECK_OK(put(schunk, 0, 3));
    CHECK_OK(blosc2_special_chunk(BLOSC2_SPECIAL_VALUE, 4, CHUNK, BLOCK, "abcd", 4, special));
    CHECK_OK(blosc2_schunk_append_chunk(schunk, special, 36));
    CHECK_OK(blosc2_schunk_commit(schunk));
    CHECK(blosc2_schunk_chunk_count(schunk) == 3 && blosc2_schunk_nbytes(schunk) == 3 * CHUNK);
    check_chunk(schunk, 0, 3);
    check_chunk(schunk, 1, -1);
    blosc2_view view;
    CHECK_OK(blosc2_schunk_view(schunk, 2, NULL, 0, workspace, &view));
    CHECK(view.special == BLOSC2_SPECIAL_VALUE);
    blosc2_schunk_free(schunk);
}

/* An index of one entry, 0, is a chunk of zeros: it still names a stored chunk. */
static void test_one_chunk_at_the_start(void)
{
    blosc2_schunk_options options = options_of(BLOSC2_HOME_MEMFRAME, NULL);
    options.chunk_count = 1;
    blosc2_schunk *schunk, *copy;
    uint8_t *bytes;
    size_t size;
    CHECK_OK(blosc2_schunk_create(&options, &schunk));
    CHECK_OK(put(schunk, 0, 0));
    CHECK_OK(blosc2_schunk_commit(schunk));
    for (int round = 0; round < 3; round++) {
        int64_t stored = 0;
        CHECK_OK(blosc2_schunk_to_bytes(schunk, &bytes, &size));
        blosc2_schunk_free(schunk);
        CHECK_OK(blosc2_schunk_from_bytes(bytes, size, &copy));
        blosc2_bytes_free(bytes);
        check_chunk(copy, 0, 0);
        CHECK_OK(blosc2_schunk_stored_bytes(copy, &stored));
        CHECK(stored > 32);
        schunk = copy;
    }
    blosc2_schunk_free(schunk);
}

/* Updates of a frame in memory do not pile up. */
static void test_memory_stays_small(void)
{
    blosc2_schunk_options options = options_of(BLOSC2_HOME_MEMFRAME, NULL);
    blosc2_schunk *schunk;
    CHECK_OK(blosc2_schunk_create(&options, &schunk));
    CHECK_OK(blosc2_schunk_commit(schunk));
    int64_t most = 0;
    for (int version = 0; version < 1500; version++) {
        CHECK_OK(blosc2_schunk_begin(schunk));
        CHECK_OK(put(schunk, version % COUNT, version % 3));
        CHECK_OK(blosc2_schunk_commit(schunk));
        most = schunk->store->ops->section_bytes(schunk->store) > most
                   ? schunk->store->ops->section_bytes(schunk->store)
                   : most;
    }
    CHECK(most > 256 * 1024 && most < 320 * 1024);
    for (int64_t i = 0; i < COUNT; i++) check_chunk(schunk, i, (int)(1495 + i) % 3);
    blosc2_schunk_free(schunk);
}

/* Everything that changes a super-chunk on disk, as one scenario. @return The first failure. */
static int scenario(const char *path, blosc2_home home, int *committed)
{
    blosc2_schunk_options options = options_of(home, path);
    blosc2_schunk *schunk;
    *committed = -1;
    int status = blosc2_schunk_create(&options, &schunk);
    if (status < 0) return status;
    for (int version = 0; version < 3 && status == BLOSC2_OK; version++) {
        if (version > 0) status = blosc2_schunk_begin(schunk);
        for (int64_t i = 0; i < 3 && status == BLOSC2_OK; i++) status = put(schunk, i, version);
        if (status == BLOSC2_OK) status = blosc2_schunk_commit(schunk);
        if (status == BLOSC2_OK) *committed = version;
    }
    if (status == BLOSC2_E_IO && *committed >= 0) {
        if (blosc2_schunk_changing(schunk)) blosc2_schunk_rollback(schunk);
        CHECK(blosc2_last_os_error() == 5); /* EIO: the reason has survived the cleaning */
    }
    blosc2_schunk_free(schunk);
    return status;
}

/* Fail each I/O call in turn: what was committed is whole, and opens. */
static void test_every_call_can_fail(blosc2_home home)
{
    const char *path = scratch_path(directory, "failing");
    int status = -1, failures = 0;
    for (int64_t n = 0; status < 0 && n < 500; n++) {
        b2_io *io;
        int committed;
        CHECK_OK(b2_io_failing_create(b2_io_system(), n, &io));
        b2_schunk_use_io(io);
        status = scenario(path, home, &committed);
        b2_schunk_use_io(NULL);
        b2_io_failing_free(io);
        failures += status < 0;
        blosc2_schunk *schunk;
        int opened = blosc2_schunk_open(path, 0, BLOSC2_UPDATE, &schunk);
        if (committed < 0) {
            CHECK(opened == BLOSC2_E_NOT_FOUND ||
                  opened == BLOSC2_OK); /* OK: the failure came after the rename */
        } else {
            CHECK_OK(opened);
        }
        if (opened == BLOSC2_OK) {
            uint8_t out[CHUNK], expected[CHUNK];
            blosc2_view view;
            CHECK_OK(blosc2_schunk_view(schunk, 0, NULL, 0, workspace, &view));
            CHECK_OK(blosc2_view_decode(&view, out, workspace));
            int found = -1;
            for (int version = 0; version < 3; version++) {
                content_of(0, version, expected);
                if (!memcmp(out, expected, CHUNK)) found = version;
            }
            CHECK(found == committed || found == committed + 1); /* old or new, nothing else */
            for (int64_t i = 0; i < 3; i++) check_chunk(schunk, i, found);
            CHECK_OK(blosc2_schunk_begin(schunk)); /* and it goes on */
            CHECK_OK(put(schunk, 4, 0));
            CHECK_OK(blosc2_schunk_commit(schunk));
            check_chunk(schunk, 4, 0);
            blosc2_schunk_free(schunk);
        }
        scratch_remove(directory);
        directory = scratch_directory();
        path = scratch_path(directory, "failing");
    }
    CHECK(status == BLOSC2_OK && failures > 10);
}

static void test_every_allocation_can_fail(void)
{
    int status = -1, failures = 0;
    for (int64_t n = 0; status < 0 && n < 3000; n++) {
        int committed;
        const char *path = scratch_path(directory, "memory");
        b2_memory_fail_after(n);
        status = scenario(path, BLOSC2_HOME_FILE, &committed);
        b2_memory_fail_after(-1);
        failures += status < 0;
        if (committed >= 0) {
            blosc2_schunk *schunk;
            CHECK_OK(blosc2_schunk_open(path, 0, BLOSC2_READ, &schunk));
            check_chunk(schunk, 0, committed);
            blosc2_schunk_free(schunk);
        } else {
            CHECK(!scratch_is_there(path));
        }
        const char *lock = scratch_path(directory, "memory.b2lock");
        CHECK(scratch_entries(directory) ==
              (committed >= 0) + scratch_is_there(lock)); /* nothing is left over */
        scratch_remove(lock);
        scratch_remove(scratch_path(directory, "memory"));
    }
    CHECK(status == BLOSC2_OK && failures > 10);
}

int main(void)
{
    static const struct {
        blosc2_home home;
        const char *name;
    } homes[] = {{BLOSC2_HOME_MEMORY, ""},
                 {BLOSC2_HOME_MEMFRAME, ""},
                 {BLOSC2_HOME_FILE, "a.b2frame"},
                 {BLOSC2_HOME_DIRECTORY, "b.b2frame"}};
    CHECK_OK(blosc2_init());
    CHECK_OK(blosc2_workspace_create(&workspace));
    directory = scratch_directory();
    for (size_t i = 0; i < 4; i++) test_life(homes[i].home, homes[i].name);
    CHECK(scratch_entries(directory) == 3); /* with the lock file of the first */
    scratch_remove(directory);
    directory = scratch_directory();
    for (size_t i = 0; i < 4; i++) test_reset_and_append(homes[i].home, homes[i].name);
    scratch_remove(directory);
    directory = scratch_directory();
    test_one_chunk_at_the_start();
    test_memory_stays_small();
    test_every_call_can_fail(BLOSC2_HOME_FILE);
    test_every_call_can_fail(BLOSC2_HOME_DIRECTORY);
    b2_memory_fail_after(-1);
    test_every_allocation_can_fail();
    scratch_remove(directory);
    blosc2_workspace_free(workspace);
    return check_result();
}
