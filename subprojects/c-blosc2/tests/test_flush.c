/**
 * What a flush brings to the medium: all that the state names, whoever wrote it. In a file system in memory
 * that records its calls, what was not synced is taken away, and what is left is opened.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "io/recording.h"
#include "put_chunk.h"
#include "schunk/schunk.h"

enum { CHUNK = 4000, BLOCK = 1000, COUNT = 6 };

static const char PATH[] = "/array";

typedef struct place {
    b2_io *io;
    blosc2_home home;
    blosc2_durability durability;
} place;

static blosc2_workspace *workspace;

/* Each chunk of a commit tells its number, and differs in size. */
static int commit(blosc2_schunk *schunk, int version)
{
    uint8_t data[CHUNK];
    int status = blosc2_schunk_changing(schunk) ? BLOSC2_OK : blosc2_schunk_begin(schunk);
    for (int64_t chunk = 0; chunk < COUNT && status == BLOSC2_OK; chunk++) {
        uint32_t noise = (uint32_t)(version * 31 + chunk);
        for (int i = 0; i < CHUNK; i++) {
            noise = noise * 1664525u + 1013904223u;
            data[i] = i < 500 + 100 * (version % 5) ? (uint8_t)(noise >> 24) : (uint8_t)(version + chunk);
        }
        status = put_chunk(schunk, chunk, data, CHUNK, BLOCK, workspace);
    }
    return status == BLOSC2_OK ? blosc2_schunk_commit(schunk) : status;
}

/* The commit whose chunks a super-chunk has; -1 if they are not all of one, or cannot be read. */
static int version_of(const blosc2_schunk *schunk)
{
    int version = -1;
    for (int64_t chunk = 0; chunk < COUNT; chunk++) {
        uint8_t out[CHUNK];
        blosc2_view view;
        if (blosc2_schunk_view(schunk, chunk, NULL, 0, workspace, &view) < 0) return -1;
        if (blosc2_view_decode(&view, out, workspace) < 0) return -1;
        int found = (uint8_t)(out[CHUNK - 1] - chunk);
        if (chunk && found != version) return -1;
        version = found;
    }
    return version;
}

static blosc2_schunk *make(const place *p)
{
    blosc2_schunk_options options = {.home = p->home,
                                     .path = PATH,
                                     .safety = {.durability = p->durability},
                                     .cparams = blosc2_cparams_default(4),
                                     .chunk_bytes = CHUNK,
                                     .block_bytes = BLOCK,
                                     .chunk_count = COUNT,
                                     .fill = BLOSC2_SPECIAL_ZEROS};
    blosc2_schunk *schunk;
    CHECK_OK(blosc2_schunk_create(&options, &schunk));
    CHECK_OK(commit(schunk, 0));
    return schunk;
}

static blosc2_schunk *open_for(blosc2_durability durability)
{
    const blosc2_origin origin = {
        .path = PATH, .mode = BLOSC2_UPDATE, .safety = {.durability = durability, .lock_timeout_ms = 1000}};
    blosc2_schunk *schunk = NULL;
    CHECK_OK(blosc2_schunk_open_origin(&origin, &schunk));
    if (!schunk) abort();
    return schunk;
}

/* What is there after a power cut now that takes all that it may. */
static int version_after_power_cut(const place *p)
{
    int64_t stop = b2_io_recording_count(p->io);
    b2_fate *fates = calloc((size_t)stop, sizeof *fates);
    b2_io *left;
    if (!fates) abort();
    for (int64_t i = 0; i < stop; i++)
        fates[i] = b2_io_recording_is_durable(p->io, i, stop) ? B2_FATE_WHOLE : B2_FATE_LOST;
    CHECK_OK(b2_io_recording_replay(p->io, stop, fates, &left));
    free(fates);
    b2_schunk_use_io(left);
    blosc2_schunk *schunk;
    int version = -1;
    if (blosc2_schunk_open(PATH, 0, BLOSC2_READ, &schunk) == BLOSC2_OK) {
        version = version_of(schunk);
        blosc2_schunk_free(schunk);
    }
    b2_schunk_use_io(p->io);
    b2_io_recording_free(left);
    return version;
}

static void after_opening(const place *p)
{
    blosc2_schunk_free(make(p));
    blosc2_schunk *other = open_for(BLOSC2_DURABILITY_ORDER);
    for (int version = 1; version < 4; version++) CHECK_OK(commit(other, version));
    blosc2_schunk_free(other); /* without a flush, as a process that is killed */
    blosc2_schunk *schunk = open_for(p->durability);
    CHECK_OK(blosc2_schunk_flush(schunk));
    CHECK(version_after_power_cut(p) == 3);
    int64_t records = b2_io_recording_count(p->io);
    CHECK_OK(blosc2_schunk_flush(schunk));
    CHECK(b2_io_recording_count(p->io) == records); /* there is nothing left to do */
    blosc2_schunk_free(schunk);
}

/* By who only reads, and writes nothing. */
static void after_opening_for_reading(const place *p)
{
    blosc2_schunk_free(make(p));
    blosc2_schunk *other = open_for(BLOSC2_DURABILITY_ORDER), *reader;
    for (int version = 1; version < 4; version++) CHECK_OK(commit(other, version));
    blosc2_schunk_free(other);
    CHECK_OK(blosc2_schunk_open(PATH, 0, BLOSC2_READ, &reader));
    CHECK(version_of(reader) == 3);
    CHECK_OK(blosc2_schunk_flush(reader));
    CHECK(version_after_power_cut(p) == 3);
    other = open_for(BLOSC2_DURABILITY_ORDER);
    for (int version = 4; version < 7; version++) {
        bool changed;
        CHECK_OK(commit(other, version));
        CHECK_OK(blosc2_schunk_refresh(reader, &changed));
        CHECK_OK(blosc2_schunk_flush(reader));
        CHECK(changed && version_after_power_cut(p) == version);
    }
    blosc2_schunk_free(reader);
    blosc2_schunk_free(other);
}

static void after_refreshing(const place *p)
{
    bool changed;
    blosc2_schunk *schunk = make(p), *other = open_for(BLOSC2_DURABILITY_ORDER);
    CHECK_OK(blosc2_schunk_flush(schunk));
    for (int version = 1; version < 6; version++) {
        CHECK_OK(commit(other, version));
        CHECK_OK(blosc2_schunk_refresh(schunk, &changed));
        CHECK(changed && version_of(schunk) == version);
        if (version % 2 == 0) continue;
        CHECK_OK(blosc2_schunk_flush(schunk));
        CHECK(version_after_power_cut(p) == version);
    }
    blosc2_schunk_free(other);
    blosc2_schunk_free(schunk);
}

/* A handle flushes what it has committed, though others have gone on since. */
static void beside_later_commits(const place *p)
{
    blosc2_schunk *schunk = make(p), *other = open_for(BLOSC2_DURABILITY_ORDER);
    for (int version = 1; version < 12; version += 2) {
        CHECK_OK(commit(schunk, version));
        CHECK_OK(commit(other, version + 1));
        CHECK_OK(blosc2_schunk_flush(schunk));
        CHECK(version_after_power_cut(p) >= version);
    }
    blosc2_schunk_free(other);
    blosc2_schunk_free(schunk);
}

static void a_synced_commit_after_unsynced_ones(const place *p)
{
    blosc2_schunk_free(make(p));
    blosc2_schunk *other = open_for(BLOSC2_DURABILITY_ORDER);
    blosc2_schunk *schunk = open_for(BLOSC2_DURABILITY_FSYNC);
    for (int version = 1; version < 8; version += 2) {
        CHECK_OK(commit(other, version));
        CHECK_OK(blosc2_schunk_begin(schunk));
        uint8_t data[CHUNK];
        memset(data, version + 1, sizeof data); /* chunk 0 alone, so that the others are the other's */
        CHECK_OK(put_chunk(schunk, 0, data, CHUNK, BLOCK, workspace));
        CHECK_OK(blosc2_schunk_commit(schunk));
        CHECK_OK(commit(schunk, version + 1));
        CHECK(version_after_power_cut(p) == version + 1);
    }
    blosc2_schunk_free(other);
    blosc2_schunk_free(schunk);
}

static void who_has_committed_nothing_writes_nothing(const place *p)
{
    blosc2_schunk *schunk = make(p);
    CHECK_OK(blosc2_schunk_finish(schunk));
    CHECK(version_after_power_cut(p) == 0);
    blosc2_schunk_free(schunk);
    int64_t records = b2_io_recording_count(p->io);
    schunk = open_for(p->durability);
    CHECK(version_of(schunk) == 0);
    CHECK_OK(blosc2_schunk_finish(schunk));
    blosc2_schunk_free(schunk);
    CHECK(b2_io_recording_count(p->io) == records);
}

static void in_place(blosc2_home home, blosc2_durability durability)
{
    static void (*const TESTS[])(const place *) = {
        after_opening,        after_opening_for_reading,           after_refreshing,
        beside_later_commits, a_synced_commit_after_unsynced_ones, who_has_committed_nothing_writes_nothing};
    for (size_t i = 0; i < sizeof TESTS / sizeof *TESTS; i++) {
        place p = {.home = home, .durability = durability};
        CHECK_OK(b2_io_recording_create(&p.io));
        b2_schunk_use_io(p.io);
        TESTS[i](&p);
        b2_schunk_use_io(NULL);
        b2_io_recording_free(p.io);
    }
}

int main(void)
{
    CHECK_OK(blosc2_init());
    CHECK_OK(blosc2_workspace_create(&workspace));
    in_place(BLOSC2_HOME_FILE, BLOSC2_DURABILITY_ORDER);
    in_place(BLOSC2_HOME_FILE, BLOSC2_DURABILITY_FSYNC);
    in_place(BLOSC2_HOME_DIRECTORY, BLOSC2_DURABILITY_ORDER);
    in_place(BLOSC2_HOME_DIRECTORY, BLOSC2_DURABILITY_FSYNC);
    blosc2_workspace_free(workspace);
    return check_result();
}
