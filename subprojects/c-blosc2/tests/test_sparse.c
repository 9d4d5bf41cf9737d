/**
 * Directories: the copy of the index and what is opened by it, what a flush brings to the medium, dead files.
 *
 * All in a file system in memory that records its calls (io/recording.h). Each state has a version, which
 * every chunk and a metalayer tell: a model of one number.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "io/recording.h"
#include "put_chunk.h"
#include "schunk/schunk.h"
#include "schunk/sparse_copy.h"
#include "schunk/sparse_repair.h"

enum { CHUNK = 4000, BLOCK = 1000, COUNT = 5, NAME_BYTES = 64, UNREADABLE = -1, MIXED = -2 };

static const char PATH[] = "a.b2nd", INDEX[] = "a.b2nd/chunks.b2frame", COPY[] = "a.b2nd/chunks.b2frame.copy";
static blosc2_workspace *workspace;
static b2_io *disk;

static void new_disk(void)
{
    b2_schunk_use_io(NULL);
    b2_io_recording_free(disk);
    CHECK_OK(b2_io_recording_create(&disk));
    b2_schunk_use_io(disk);
}

/** The disk after a power cut: nothing is there that was not synced. */
static void cut_power(void)
{
    int64_t count = b2_io_recording_count(disk);
    b2_fate *fates = malloc((size_t)count * sizeof *fates);
    b2_io *after;
    if (!fates) abort();
    for (int64_t i = 0; i < count; i++)
        fates[i] = b2_io_recording_is_durable(disk, i, count) ? B2_FATE_WHOLE : B2_FATE_LOST;
    CHECK_OK(b2_io_recording_replay(disk, count, fates, &after));
    free(fates);
    b2_schunk_use_io(after);
    b2_io_recording_free(disk);
    disk = after;
}

/* ------------------------------------------------------------------ files as bytes */

typedef struct file_bytes {
    uint8_t *bytes;
    int64_t size; /* -1: there is no such file */
} file_bytes;

static file_bytes load(const char *path)
{
    file_bytes file = {.size = -1};
    b2_file *f;
    if (disk->open(disk->context, path, B2_OPEN_READ, &f) < 0) return file;
    CHECK_OK(disk->size(disk->context, f, &file.size));
    file.bytes = malloc((size_t)file.size + 1);
    if (!file.bytes) abort();
    CHECK_OK(disk->read(disk->context, f, file.bytes, (size_t)file.size, 0));
    disk->close(disk->context, f);
    return file;
}

/** Another file of the name. */
static void save(const char *path, const uint8_t *bytes, int64_t size)
{
    b2_file *f;
    disk->remove(disk->context, path);
    if (size < 0) return;
    CHECK_OK(disk->open(disk->context, path, B2_OPEN_NEW, &f));
    if (size) CHECK_OK(disk->write(disk->context, f, bytes, (size_t)size, 0));
    disk->close(disk->context, f);
}

static void restore(const char *path, file_bytes *file)
{
    save(path, file->bytes, file->size);
    free(file->bytes);
}

/** Write over a byte where it is. */
static void flip(const char *path, int64_t position, uint8_t mask)
{
    b2_file *f;
    uint8_t byte;
    CHECK_OK(disk->open(disk->context, path, B2_OPEN_UPDATE, &f));
    CHECK_OK(disk->read(disk->context, f, &byte, 1, position));
    byte ^= mask;
    CHECK_OK(disk->write(disk->context, f, &byte, 1, position));
    disk->close(disk->context, f);
}

/** Whether the copy is what the index is, and has its foot. */
static bool copy_equals_index(void)
{
    file_bytes index = load(INDEX), copy = load(COPY);
    bool equals = index.size > 0 && copy.size == index.size + B2_SPARSE_FOOT_BYTES &&
                  memcmp(index.bytes, copy.bytes, (size_t)index.size) == 0;
    free(index.bytes);
    free(copy.bytes);
    return equals;
}

typedef struct totals {
    int64_t files, bytes;
} totals;

static void count_file(void *context, const char *path, const uint8_t *bytes, size_t size)
{
    totals *t = context;
    if (!bytes || !strstr(path, ".chunk")) return;
    t->files++;
    t->bytes += (int64_t)size;
}

static totals chunk_files(void)
{
    totals t = {0};
    b2_io_recording_each(disk, count_file, &t);
    return t;
}

/* ------------------------------------------------------------------ super-chunks that tell a version */

static int put(blosc2_schunk *schunk, int64_t chunk, int version)
{
    uint8_t data[CHUNK];
    uint32_t noise = (uint32_t)(version * 977 + chunk);
    for (int i = 0; i < CHUNK; i++) {
        noise = noise * 1664525u + 1013904223u;
        data[i] = i < 300 * (version % 7) ? (uint8_t)((noise >> 24) | 1) : (uint8_t)(version + chunk);
    }
    return put_chunk(schunk, chunk, data, CHUNK, BLOCK, workspace);
}

/** Version of one chunk; UNREADABLE. */
static int version_of_chunk(const blosc2_schunk *schunk, int64_t chunk)
{
    uint8_t out[CHUNK];
    blosc2_view view;
    if (blosc2_schunk_view(schunk, chunk, NULL, 0, workspace, &view) < 0) return UNREADABLE;
    if (blosc2_view_decode(&view, out, workspace) < 0) return UNREADABLE;
    return (uint8_t)(out[CHUNK - 1] - chunk);
}

static int version_of(const blosc2_schunk *schunk)
{
    int version = version_of_chunk(schunk, 0);
    for (int64_t chunk = 1; chunk < COUNT; chunk++)
        if (version_of_chunk(schunk, chunk) != version) return MIXED;
    return version;
}

static int commit_version(blosc2_schunk *schunk, int version)
{
    int status = schunk->changing ? BLOSC2_OK : blosc2_schunk_begin(schunk);
    for (int64_t chunk = 0; chunk < COUNT && status == BLOSC2_OK; chunk++)
        status = put(schunk, chunk, version);
    if (status == BLOSC2_OK) return blosc2_schunk_commit(schunk);
    if (schunk->changing) blosc2_schunk_rollback(schunk);
    return status;
}

static blosc2_schunk *create(int version, blosc2_durability durability)
{
    const blosc2_schunk_options options = {.home = BLOSC2_HOME_DIRECTORY,
                                           .path = PATH,
                                           .safety = {.durability = durability},
                                           .cparams = blosc2_cparams_default(4),
                                           .chunk_bytes = CHUNK,
                                           .block_bytes = BLOCK,
                                           .chunk_count = COUNT,
                                           .fill = BLOSC2_SPECIAL_ZEROS};
    blosc2_schunk *schunk;
    CHECK_OK(blosc2_schunk_create(&options, &schunk));
    CHECK_OK(commit_version(schunk, version));
    return schunk;
}

static blosc2_schunk *open_as(blosc2_mode mode, blosc2_durability durability)
{
    const blosc2_origin origin = {.path = PATH, .mode = mode, .safety = {.durability = durability}};
    blosc2_schunk *schunk = NULL;
    CHECK_OK(blosc2_schunk_open_origin(&origin, &schunk));
    if (!schunk) exit(check_result());
    return schunk;
}

static blosc2_schunk *open_writer(void)
{
    return open_as(BLOSC2_UPDATE, BLOSC2_DURABILITY_ORDER);
}

/** Version that is found, opening and closing for writing; this must write nothing. */
static int version_there(blosc2_recovery *recovery)
{
    int64_t before = b2_io_recording_count(disk);
    blosc2_schunk *schunk;
    *recovery = BLOSC2_RECOVERED_NOTHING;
    if (blosc2_schunk_open(PATH, 0, BLOSC2_UPDATE, &schunk) < 0) return UNREADABLE;
    int version = version_of(schunk);
    *recovery = blosc2_schunk_recovery(schunk);
    CHECK_OK(blosc2_schunk_finish(schunk));
    blosc2_schunk_free(schunk);
    CHECK(b2_io_recording_count(disk) == before);
    return version;
}

/** A flushed directory of version 1. */
static void make_flushed(void)
{
    new_disk();
    blosc2_schunk *schunk = create(1, BLOSC2_DURABILITY_ORDER);
    CHECK_OK(blosc2_schunk_flush(schunk));
    blosc2_schunk_free(schunk);
}

/** The same, to which version 2 was committed and not flushed. */
static void make_unflushed(void)
{
    make_flushed();
    blosc2_schunk *schunk = open_writer();
    CHECK_OK(commit_version(schunk, 2));
    blosc2_schunk_free(schunk);
}

/* ------------------------------------------------------------------ the copy */

static void after_flush_and_synced_commits_the_copy_equals_the_index(void)
{
    new_disk();
    blosc2_schunk *schunk = create(1, BLOSC2_DURABILITY_ORDER);
    CHECK(load(COPY).size < 0);
    CHECK_OK(blosc2_schunk_flush(schunk));
    CHECK(copy_equals_index());
    CHECK_OK(commit_version(schunk, 2));
    CHECK(!copy_equals_index());
    CHECK_OK(blosc2_schunk_finish(schunk)); /* as closing does */
    CHECK(copy_equals_index());
    blosc2_schunk_free(schunk);
    schunk = open_as(BLOSC2_UPDATE, BLOSC2_DURABILITY_FSYNC);
    for (int version = 3; version < 6; version++) {
        CHECK_OK(commit_version(schunk, version));
        CHECK(copy_equals_index());
    }
    blosc2_schunk_free(schunk);
    new_disk();
    schunk = create(1, BLOSC2_DURABILITY_FSYNC);
    CHECK(copy_equals_index());
    blosc2_schunk_free(schunk);
}

static void a_flipped_bit_of_a_flushed_index_loses_nothing(void)
{
    make_flushed();
    file_bytes index = load(INDEX);
    int64_t recovered = 0;
    for (int64_t bit = 0; bit < 8 * index.size; bit++) {
        blosc2_recovery recovery;
        flip(INDEX, bit / 8, (uint8_t)(1 << bit % 8));
        CHECK(version_there(&recovery) == 1);
        CHECK(recovery != BLOSC2_RECOVERED_OLDER);
        recovered += recovery == BLOSC2_RECOVERED_COPY;
        flip(INDEX, bit / 8, (uint8_t)(1 << bit % 8));
    }
    CHECK(recovered > 4 * index.size); /* of the others, C-Blosc2 may have changed them (the soft part) */
    for (int64_t bit = 0; bit < 8 * (index.size + B2_SPARSE_FOOT_BYTES); bit++) {
        blosc2_recovery recovery;
        flip(COPY, bit / 8, (uint8_t)(1 << bit % 8));
        CHECK(version_there(&recovery) == 1 && recovery == BLOSC2_RECOVERED_NOTHING);
        flip(COPY, bit / 8, (uint8_t)(1 << bit % 8));
    }
    free(index.bytes);
}

static void a_cut_or_missing_index_gives_the_flushed_state(void)
{
    make_flushed();
    file_bytes index = load(INDEX);
    for (int64_t size = -1; size < index.size; size++) {
        blosc2_recovery recovery;
        save(INDEX, index.bytes, size);
        CHECK(version_there(&recovery) == 1 && recovery != BLOSC2_RECOVERED_NOTHING);
    }
    free(index.bytes);
}

static void after_later_commits_a_damaged_index_gives_the_flushed_state_until_a_commit(void)
{
    make_unflushed();
    file_bytes index = load(INDEX);
    blosc2_recovery recovery;
    CHECK(version_there(&recovery) == 2 && recovery == BLOSC2_RECOVERED_NOTHING);
    for (int64_t size = -1; size < index.size; size += 7) {
        save(INDEX, index.bytes, size);
        for (int again = 0; again < 2; again++) /* each time */
            CHECK(version_there(&recovery) == 1 && recovery == BLOSC2_RECOVERED_OLDER);
    }
    blosc2_schunk *schunk = open_writer();
    CHECK_OK(blosc2_schunk_flush(schunk)); /* which does not accept it */
    CHECK(version_there(&recovery) == 1 && recovery == BLOSC2_RECOVERED_OLDER);
    CHECK_OK(commit_version(schunk, 3));
    CHECK(version_there(&recovery) == 3 && recovery == BLOSC2_RECOVERED_NOTHING);
    CHECK_OK(blosc2_schunk_flush(schunk));
    CHECK(copy_equals_index() && chunk_files().files == COUNT);
    blosc2_schunk_free(schunk);
    free(index.bytes);
}

static void an_older_state_in_part_is_not_taken(void)
{
    make_unflushed();
    file_bytes index = load(INDEX), first = load("a.b2nd/00000000.chunk");
    blosc2_recovery recovery;
    CHECK(first.size > 0); /* of version 1, kept for it */
    save(INDEX, NULL, 0);
    for (int64_t size = -1; size < first.size; size += 5) {
        save("a.b2nd/00000000.chunk", first.bytes, size);
        CHECK(version_there(&recovery) == UNREADABLE && strstr(blosc2_last_error(), "00000000.chunk"));
    }
    save("a.b2nd/00000000.chunk", first.bytes, first.size);
    CHECK(version_there(&recovery) == 1);
    flip(COPY, 100, 1);
    CHECK(version_there(&recovery) == UNREADABLE && strstr(blosc2_last_error(), "copy"));
    save(COPY, NULL, -1);
    CHECK(version_there(&recovery) == UNREADABLE && strstr(blosc2_last_error(), "copy"));
    restore(INDEX, &index);
    CHECK(version_there(&recovery) == 2);
    free(first.bytes);
}

/* A power cut may take the chunks of a state that was not flushed, and leave its index. */
static void an_index_whose_chunks_are_lost_gives_the_flushed_state(void)
{
    make_unflushed();
    file_bytes chunk = load("a.b2nd/00000005.chunk");
    blosc2_recovery recovery;
    CHECK(chunk.size > 0); /* of version 2 */
    for (int64_t size = -1; size < chunk.size; size += 9) {
        save("a.b2nd/00000005.chunk", chunk.bytes, size);
        CHECK(version_there(&recovery) == 1 && recovery == BLOSC2_RECOVERED_OLDER);
    }
    uint8_t *holed = calloc(1, (size_t)chunk.size);
    if (!holed) abort();
    for (int64_t start = 0; start + chunk.size / 2 <= chunk.size; start += 9) {
        memcpy(holed, chunk.bytes, (size_t)chunk.size);
        memset(holed + start, 0, (size_t)chunk.size / 2);
        save("a.b2nd/00000005.chunk", holed, chunk.size);
        CHECK(version_there(&recovery) == 1 && recovery == BLOSC2_RECOVERED_OLDER);
    }
    free(holed);
    restore("a.b2nd/00000005.chunk", &chunk);
    CHECK(version_there(&recovery) == 2 && recovery == BLOSC2_RECOVERED_NOTHING);
}

/* The index of the lost state stays until a commit is through: it must not find new files in the place of
 * those that it lacks. */
static void a_change_that_dies_after_a_step_back_completes_no_lost_state(void)
{
    make_unflushed();
    char name[NAME_BYTES];
    blosc2_recovery recovery;
    for (int number = COUNT; number < 2 * COUNT; number++) { /* all of version 2 */
        snprintf(name, sizeof name, "a.b2nd/%08X.chunk", (unsigned)number);
        save(name, NULL, -1);
    }
    blosc2_schunk *schunk = open_writer();
    CHECK(version_of(schunk) == 1);
    CHECK_OK(blosc2_schunk_begin(schunk));
    for (int64_t chunk = 0; chunk < COUNT; chunk++) CHECK_OK(put(schunk, chunk, 3));
    int64_t count = b2_io_recording_count(disk);
    b2_io *after; /* as if the process was killed here */
    CHECK_OK(b2_io_recording_replay(disk, count, NULL, &after));
    blosc2_schunk_free(schunk);
    b2_io_recording_free(disk);
    disk = after;
    b2_schunk_use_io(disk);
    CHECK(version_there(&recovery) == 1 && recovery == BLOSC2_RECOVERED_OLDER);
}

static void a_damaged_chunk_file_costs_that_chunk_alone(void)
{
    make_flushed();
    file_bytes chunk = load("a.b2nd/00000002.chunk");
    for (int64_t size = -1; size < chunk.size; size += 17) {
        save("a.b2nd/00000002.chunk", chunk.bytes, size);
        blosc2_schunk *schunk = open_writer();
        CHECK(blosc2_schunk_recovery(schunk) == BLOSC2_RECOVERED_NOTHING);
        for (int64_t i = 0; i < COUNT; i++) CHECK(version_of_chunk(schunk, i) == (i == 2 ? UNREADABLE : 1));
        blosc2_schunk_free(schunk);
    }
    restore("a.b2nd/00000002.chunk", &chunk);
    /* The same of a state that was not flushed. */
    make_unflushed();
    flip("a.b2nd/00000007.chunk", 40, 16);
    blosc2_schunk *schunk = open_writer();
    for (int64_t i = 0; i < COUNT; i++) CHECK(version_of_chunk(schunk, i) == (i == 2 ? UNREADABLE : 2));
    blosc2_schunk_free(schunk);
}

/* A handle does not go back to a state that is older than what it has. */
static void a_refresh_takes_no_older_state(void)
{
    make_flushed();
    blosc2_schunk *reader = open_as(BLOSC2_READ, BLOSC2_DURABILITY_ORDER), *writer = open_writer();
    bool changed;
    CHECK_OK(commit_version(writer, 2));
    CHECK_OK(blosc2_schunk_refresh(reader, &changed));
    CHECK(changed && version_of(reader) == 2);
    save(INDEX, NULL, 0);
    CHECK(blosc2_schunk_refresh(reader, &changed) == BLOSC2_E_CORRUPT);
    CHECK(version_of(reader) == 2);
    CHECK(blosc2_schunk_begin(writer) == BLOSC2_E_CORRUPT);
    blosc2_schunk_free(reader);
    blosc2_schunk_free(writer);
}

/* ------------------------------------------------------------------ verifying and mending */

typedef struct findings {
    int count;
    bool twice;
    blosc2_note what;
    char last[256];
} findings;

static void note_finding(void *context, blosc2_note what, const char *text)
{
    findings *f = context;
    f->count++;
    f->what = what;
    snprintf(f->last, sizeof f->last, "%s", text);
}

static findings verify(const blosc2_schunk *schunk)
{
    findings f = {0};
    CHECK_OK(b2_sparse_check_copies(schunk->store, &schunk->index, note_finding, &f, &f.twice));
    return f;
}

/* Both files are as they were, and so are they when they are opened anew. */
static void expect_mended(const file_bytes *index)
{
    file_bytes now = load(INDEX);
    CHECK(now.size == index->size && memcmp(now.bytes, index->bytes, (size_t)now.size) == 0);
    CHECK(copy_equals_index());
    free(now.bytes);
    blosc2_recovery recovery;
    CHECK(version_there(&recovery) == 1 && recovery == BLOSC2_RECOVERED_NOTHING);
}

/** Damage was done: it is told of, by the name of the file, and mended. @param name  NULL: nothing is told.
 */
static void verify_and_mend(const char *name, const file_bytes *index)
{
    int mended;
    blosc2_schunk *schunk = open_writer();
    findings f = verify(schunk);
    bool in_doubt = blosc2_schunk_seal(schunk) == BLOSC2_SEAL_LAYERS;
    CHECK((f.count >= 1) == (name != NULL) &&
          (in_doubt || !name || strncmp(f.last, name, strlen(name)) == 0));
    CHECK_OK(b2_sparse_repair_copies(schunk, BLOSC2_MEND_LATEST, &mended));
    CHECK(mended == !in_doubt);
    CHECK(verify(schunk).count == in_doubt);
    int64_t before = b2_io_recording_count(disk);
    CHECK_OK(b2_sparse_repair_copies(schunk, BLOSC2_MEND_LATEST, &mended));
    CHECK(mended == 0 && b2_io_recording_count(disk) <= before + 2); /* the lock file says who has it */
    blosc2_schunk_free(schunk);
    if (!in_doubt) expect_mended(index);
}

static void damage_of_index_or_copy_is_found_and_mended(void)
{
    make_flushed();
    file_bytes index = load(INDEX);
    int64_t copy_bytes = index.size + B2_SPARSE_FOOT_BYTES;
    blosc2_schunk *schunk = open_writer();
    CHECK(verify(schunk).count == 0 && verify(schunk).twice);
    blosc2_schunk_free(schunk);
    for (int64_t bit = 0; bit < 8 * index.size; bit += 11) {
        flip(INDEX, bit / 8, (uint8_t)(1 << bit % 8));
        verify_and_mend("chunks.b2frame:", &index);
        save(INDEX, index.bytes, index.size); /* where it could not be told */
    }
    for (int64_t bit = 0; bit < 8 * copy_bytes; bit += 11) {
        flip(COPY, bit / 8, (uint8_t)(1 << bit % 8));
        verify_and_mend("chunks.b2frame.copy:", &index);
    }
    for (int64_t size = -1; size < copy_bytes; size += 29) {
        file_bytes copy = load(COPY);
        save(COPY, copy.bytes, size);
        free(copy.bytes);
        /* A file that is not there may never have been: its writer was killed before the first flush. */
        verify_and_mend(size < 0 ? NULL : "chunks.b2frame.copy:", &index);
    }
    free(index.bytes);
}

static void nothing_is_mended_that_cannot_be_proven(void)
{
    make_unflushed();
    blosc2_schunk *schunk = open_writer();
    int mended;
    CHECK(verify(schunk).count == 0 && !verify(schunk).twice); /* an older copy is right before a flush */
    blosc2_schunk_free(schunk);
    flip(INDEX, 20, 1);
    schunk = open_writer();
    CHECK(blosc2_schunk_recovery(schunk) == BLOSC2_RECOVERED_OLDER);
    CHECK(verify(schunk).count >= 1);
    CHECK(b2_sparse_repair_copies(schunk, BLOSC2_MEND_LATEST, &mended) == BLOSC2_E_CORRUPT && mended == 0);
    CHECK(blosc2_schunk_repair(schunk, BLOSC2_MEND_LATEST) == BLOSC2_E_CORRUPT);
    blosc2_schunk_free(schunk);
    schunk = open_as(BLOSC2_READ, BLOSC2_DURABILITY_ORDER);
    CHECK(b2_sparse_repair_copies(schunk, BLOSC2_MEND_LATEST, &mended) == BLOSC2_E_READ_ONLY);
    blosc2_schunk_free(schunk);
}

/* It is the state then, for who opens the directory anew, and of the handle no older one any more. */
static void an_older_state_is_mended_where_that_is_accepted(void)
{
    blosc2_recovery recovery;
    make_unflushed();
    flip(INDEX, 20, 1);
    blosc2_schunk *schunk = open_writer();
    CHECK_OK(blosc2_schunk_repair(schunk, BLOSC2_MEND_OLDER));
    CHECK(blosc2_schunk_recovery(schunk) == BLOSC2_RECOVERED_NOTHING);
    findings f = verify(schunk);
    CHECK(f.count == 0 && f.twice);
    blosc2_schunk_free(schunk);
    CHECK(copy_equals_index());
    CHECK(version_there(&recovery) == 1 && recovery == BLOSC2_RECOVERED_NOTHING);
}

/* ------------------------------------------------------------------ what a flush brings to the medium */

static void expect_after_power_cut(int version)
{
    blosc2_recovery recovery;
    cut_power();
    CHECK(version_there(&recovery) == version && recovery == BLOSC2_RECOVERED_NOTHING);
}

static void flush_syncs_what_others_have_committed(void)
{
    make_unflushed(); /* whoever committed version 2 has died */
    blosc2_schunk *schunk = open_writer(), *other;
    CHECK_OK(blosc2_schunk_flush(schunk));
    blosc2_schunk_free(schunk);
    expect_after_power_cut(2);

    make_unflushed(); /* the next one changes a single chunk, in fsync mode */
    schunk = open_as(BLOSC2_UPDATE, BLOSC2_DURABILITY_FSYNC);
    CHECK_OK(blosc2_schunk_begin(schunk));
    CHECK_OK(put(schunk, 0, 2));
    CHECK_OK(blosc2_schunk_commit(schunk));
    blosc2_schunk_free(schunk);
    expect_after_power_cut(2);

    bool changed;
    make_flushed(); /* one has the other's commit by refreshing */
    schunk = open_writer();
    other = open_writer();
    CHECK_OK(commit_version(other, 2));
    blosc2_schunk_free(other);
    CHECK_OK(blosc2_schunk_refresh(schunk, &changed));
    CHECK_OK(blosc2_schunk_flush(schunk));
    blosc2_schunk_free(schunk);
    expect_after_power_cut(2);

    make_flushed(); /* or does not know of it */
    schunk = open_writer();
    CHECK_OK(commit_version(schunk, 2));
    other = open_writer();
    CHECK_OK(commit_version(other, 3));
    blosc2_schunk_free(other);
    CHECK_OK(blosc2_schunk_flush(schunk));
    blosc2_schunk_free(schunk);
    expect_after_power_cut(3);

    new_disk(); /* nothing was flushed ever */
    blosc2_schunk_free(create(1, BLOSC2_DURABILITY_ORDER));
    schunk = open_writer();
    CHECK_OK(blosc2_schunk_flush(schunk));
    blosc2_schunk_free(schunk);
    expect_after_power_cut(1);
}

static void copy_entry(void *context, const char *path, const uint8_t *bytes, size_t size)
{
    (void)context;
    if (!bytes && strchr(path, '.') && !strstr(path, "chunk") && !strstr(path, "lock"))
        CHECK_OK(disk->make_directory(disk->context, path));
    else if (!strstr(path, ".b2lock"))
        save(path, bytes, (int64_t)size);
}

/* Tools that copy files sync nothing; and the copy of the index must not say that all is there. */
static void a_copied_directory_is_synced_as_a_whole(void)
{
    make_flushed();
    b2_io *from = disk;
    disk = NULL;
    new_disk();
    for (int i = 0; i < 3; i++) { /* other numbers of files, as on another disk */
        char name[NAME_BYTES];
        snprintf(name, sizeof name, "other-%d", i);
        save(name, (const uint8_t *)"x", 1);
    }
    b2_io_recording_each(from, copy_entry, NULL);
    b2_io_recording_free(from);
    CHECK(copy_equals_index());
    blosc2_schunk *schunk = open_writer();
    CHECK_OK(blosc2_schunk_flush(schunk));
    blosc2_schunk_free(schunk);
    expect_after_power_cut(1);
}

static void syncs_are_made_once(void)
{
    make_flushed();
    blosc2_schunk *schunk = open_writer();
    int64_t before = b2_io_recording_count(disk);
    CHECK_OK(blosc2_schunk_finish(schunk));
    CHECK(b2_io_recording_count(disk) == before);
    CHECK_OK(blosc2_schunk_flush(schunk)); /* index and directory: the copy stands for the chunks */
    CHECK(b2_io_recording_count(disk) <= before + 2);
    before = b2_io_recording_count(disk);
    CHECK_OK(blosc2_schunk_flush(schunk));
    CHECK(b2_io_recording_count(disk) == before);
    blosc2_schunk_free(schunk);
}

/* ------------------------------------------------------------------ dead files */

static void dead_files_are_bounded(blosc2_durability durability)
{
    new_disk();
    blosc2_schunk *schunk = create(1, durability);
    int64_t most = 0, live = 0, syncs = 0;
    CHECK_OK(blosc2_schunk_flush(schunk));
    for (int version = 2; version < 1500; version++) {
        if (version % 100 == 0) { /* others go on where this one was killed */
            blosc2_schunk_free(schunk);
            schunk = open_as(BLOSC2_UPDATE, durability);
        }
        CHECK_OK(blosc2_schunk_begin(schunk));
        CHECK_OK(put(schunk, version % COUNT, version));
        CHECK_OK(blosc2_schunk_commit(schunk));
        totals now = chunk_files();
        most = now.bytes > most ? now.bytes : most;
        CHECK(now.files <= 2 * COUNT); /* what is younger than the last flush and dead goes at once */
    }
    for (int64_t i = 0; i < b2_io_recording_count(disk); i++)
        syncs += b2_io_recording_get(disk, i)->kind == B2_RECORD_SYNC;
    CHECK_OK(blosc2_schunk_stored_bytes(schunk, &live));
    CHECK(most < 2 * COUNT * (CHUNK + 100) && live <= COUNT * (CHUNK + 32));
    CHECK(durability == BLOSC2_DURABILITY_FSYNC || syncs < 40);
    CHECK_OK(blosc2_schunk_finish(schunk));
    CHECK(chunk_files().files == COUNT);
    blosc2_schunk_free(schunk);
}

/* Large enough that a quarter of it, and 1 MiB, is soon dead. */
static void what_is_dead_is_flushed_away(void)
{
    enum { LARGE = 64 << 10, LARGE_COUNT = 64 };
    static uint8_t data[LARGE];
    const blosc2_schunk_options options = {.home = BLOSC2_HOME_DIRECTORY,
                                           .path = PATH,
                                           .cparams = blosc2_cparams_default(4),
                                           .chunk_bytes = LARGE,
                                           .block_bytes = LARGE / 4,
                                           .chunk_count = LARGE_COUNT,
                                           .fill = BLOSC2_SPECIAL_ZEROS};
    blosc2_schunk *schunk;
    uint32_t noise = 1;
    new_disk();
    CHECK_OK(blosc2_schunk_create(&options, &schunk));
    for (int i = 0; i < LARGE; i++) data[i] = (uint8_t)((noise = noise * 1664525u + 1013904223u) >> 24);
    for (int chunk = 0; chunk < LARGE_COUNT; chunk++)
        CHECK_OK(put_chunk(schunk, chunk, data, LARGE, LARGE / 4, workspace));
    CHECK_OK(blosc2_schunk_commit(schunk));
    CHECK_OK(blosc2_schunk_flush(schunk));
    int64_t live = chunk_files().bytes;
    for (int chunk = 0; chunk < LARGE_COUNT; chunk++) {
        CHECK_OK(blosc2_schunk_begin(schunk));
        CHECK_OK(put_chunk(schunk, chunk, data, LARGE, LARGE / 4, workspace));
        CHECK_OK(blosc2_schunk_commit(schunk));
        CHECK(chunk_files().bytes <= live + (live / 4 > 1 << 20 ? live / 4 : 1 << 20));
    }
    blosc2_schunk_free(schunk);
}

int main(void)
{
    CHECK_OK(blosc2_init());
    CHECK_OK(blosc2_workspace_create(&workspace));
    after_flush_and_synced_commits_the_copy_equals_the_index();
    a_flipped_bit_of_a_flushed_index_loses_nothing();
    a_cut_or_missing_index_gives_the_flushed_state();
    after_later_commits_a_damaged_index_gives_the_flushed_state_until_a_commit();
    an_older_state_in_part_is_not_taken();
    an_index_whose_chunks_are_lost_gives_the_flushed_state();
    a_change_that_dies_after_a_step_back_completes_no_lost_state();
    a_damaged_chunk_file_costs_that_chunk_alone();
    a_refresh_takes_no_older_state();
    damage_of_index_or_copy_is_found_and_mended();
    nothing_is_mended_that_cannot_be_proven();
    an_older_state_is_mended_where_that_is_accepted();
    flush_syncs_what_others_have_committed();
    a_copied_directory_is_synced_as_a_whole();
    syncs_are_made_once();
    dead_files_are_bounded(BLOSC2_DURABILITY_ORDER);
    dead_files_are_bounded(BLOSC2_DURABILITY_FSYNC);
    what_is_dead_is_flushed_away();
    b2_schunk_use_io(NULL);
    b2_io_recording_free(disk);
    blosc2_workspace_free(workspace);
    return check_result();
}
