/** Contiguous frames in files: damaged headers, lost tails, syncs that fail, dead space, compaction. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "check.h"
#include "frame/record.h"
#include "io/io.h"
#include "put_chunk.h"
#include "schunk/frame_store.h"
#include "schunk/schunk.h"
#include "scratch.h"

enum { CHUNK = 6000, BLOCK = 1000, COUNT = 5 };

static const char *directory;
static blosc2_workspace *workspace;

/* ------------------------------------------------------------------ files as bytes */

typedef struct file_bytes {
    uint8_t *bytes;
    int64_t size;
} file_bytes;

static file_bytes load(const char *path)
{
    file_bytes file = {0};
    FILE *f = fopen(path, "rb");
    if (!f) abort();
    fseek(f, 0, SEEK_END);
    file.size = ftell(f);
    rewind(f);
    file.bytes = malloc((size_t)file.size);
    if (!file.bytes || fread(file.bytes, 1, (size_t)file.size, f) != (size_t)file.size) abort();
    fclose(f);
    return file;
}

static void save(const char *path, const uint8_t *bytes, int64_t size)
{
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, (size_t)size, f) != (size_t)size) abort();
    fclose(f);
}

static int32_t header_bytes_of(const file_bytes *file)
{
    return b2_load_be_i32(file->bytes + 11);
}

static int64_t frame_bytes_of(const file_bytes *file)
{
    return b2_load_be_i64(file->bytes + 16);
}

/* ------------------------------------------------------------------ super-chunks whose chunks tell a version
 */

static int put(blosc2_schunk *schunk, int64_t chunk, int version)
{
    uint8_t data[CHUNK];
    uint32_t noise = (uint32_t)(version * 977 + chunk);
    for (int i = 0; i < CHUNK; i++) { /* sizes differ from version to version */
        noise = noise * 1664525u + 1013904223u;
        data[i] = i < 300 * (version % 7) ? (uint8_t)(noise >> 24) : (uint8_t)(version + chunk);
    }
    return put_chunk(schunk, chunk, data, CHUNK, BLOCK, workspace);
}

/* Version of all chunks; -1 if they are not of one, or cannot be read. */
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

static int commit_version(blosc2_schunk *schunk, int version)
{
    int status = schunk->changing ? BLOSC2_OK : blosc2_schunk_begin(schunk);
    for (int64_t chunk = 0; chunk < COUNT && status == BLOSC2_OK; chunk++)
        status = put(schunk, chunk, version);
    if (status == BLOSC2_OK) return blosc2_schunk_commit(schunk);
    if (schunk->changing) blosc2_schunk_rollback(schunk);
    return status;
}

/* A new one, its first change begun. */
static blosc2_schunk *begin_new(const char *path, blosc2_durability durability)
{
    blosc2_schunk_options options = {.home = BLOSC2_HOME_FILE,
                                     .path = path,
                                     .safety = {.durability = durability},
                                     .cparams = blosc2_cparams_default(4),
                                     .chunk_bytes = CHUNK,
                                     .block_bytes = BLOCK,
                                     .chunk_count = COUNT,
                                     .fill = BLOSC2_SPECIAL_ZEROS};
    blosc2_schunk *schunk;
    CHECK_OK(blosc2_schunk_create(&options, &schunk));
    return schunk;
}

static blosc2_schunk *create(const char *path, blosc2_durability durability)
{
    blosc2_schunk *schunk = begin_new(path, durability);
    CHECK_OK(commit_version(schunk, 0));
    return schunk;
}

/* Version in a file as it is opened; -1 if it cannot be. It goes on from there: the next commit is whole,
 * too. */
static int version_in(const char *path, blosc2_recovery *recovery)
{
    blosc2_schunk *schunk;
    *recovery = BLOSC2_RECOVERED_NOTHING;
    if (blosc2_schunk_open(path, 0, BLOSC2_UPDATE, &schunk) < 0) return -1;
    int version = version_of(schunk);
    *recovery = blosc2_schunk_recovery(schunk);
    CHECK_OK(commit_version(schunk, 99));
    CHECK(version_of(schunk) == 99);
    blosc2_schunk_free(schunk);
    CHECK_OK(blosc2_schunk_open(path, 0, BLOSC2_READ, &schunk));
    CHECK(version_of(schunk) == 99 && blosc2_schunk_recovery(schunk) == BLOSC2_RECOVERED_NOTHING);
    blosc2_schunk_free(schunk);
    return version;
}

/* ------------------------------------------------------------------ damaged headers */

static void a_header_torn_at_any_byte_is_completed(void)
{
    const char *path = scratch_path(directory, "torn");
    blosc2_schunk *schunk = create(path, BLOSC2_DURABILITY_ORDER);
    file_bytes old = load(path);
    CHECK_OK(commit_version(schunk, 1));
    blosc2_schunk_free(schunk);
    file_bytes new = load(path);
    int32_t header_bytes = header_bytes_of(&new);
    int64_t record_bytes = b2_record_bytes(header_bytes);
    /* As the file was before the last call: with the record that is cut off then. */
    uint8_t *torn = malloc((size_t)(new.size + record_bytes));
    if (!torn) abort();
    for (int32_t at = 0; at <= header_bytes; at++) {
        memcpy(torn, new.bytes, (size_t)new.size);
        memcpy(torn + at, old.bytes + at, (size_t)(header_bytes - at));
        b2_record_build(old.bytes, new.bytes, header_bytes, torn + new.size);
        save(path, torn, new.size + record_bytes);
        blosc2_recovery recovery;
        int version = version_in(path, &recovery);
        CHECK(version == 0 || version == 1);
        bool is_old = memcmp(torn, old.bytes, (size_t)header_bytes) == 0;
        bool is_new = memcmp(torn, new.bytes, (size_t)header_bytes) == 0;
        CHECK(version == (is_old ? 0 : 1));
        CHECK(recovery == (is_old || is_new ? BLOSC2_RECOVERED_NOTHING : BLOSC2_RECOVERED_WHOLE));
    }
    /* A header that is neither is not completed. */
    memcpy(torn, new.bytes, (size_t)new.size);
    torn[35] ^= 1;
    b2_record_build(old.bytes, new.bytes, header_bytes, torn + new.size);
    torn[new.size + 20] ^= 1;
    save(path, torn, new.size + record_bytes);
    blosc2_recovery recovery;
    CHECK(version_in(path, &recovery) != 1 || recovery != BLOSC2_RECOVERED_WHOLE);
    free(torn);
    free(old.bytes);
    free(new.bytes);
}

static void ignore_note(void *context, blosc2_note what, const char *text)
{
    (void)context, (void)what;
    CHECK(text[0]);
}

/** An older state is opened: nothing is written until it is accepted, and then it is the last one. */
static void expect_refused_and_accepted(const char *path, const uint8_t *bytes, int64_t size)
{
    blosc2_schunk *schunk;
    blosc2_recovery recovery;
    bool twice;
    save(path, bytes, size);
    CHECK_OK(blosc2_schunk_open(path, 0, BLOSC2_UPDATE, &schunk));
    CHECK(blosc2_schunk_repair(schunk, BLOSC2_MEND_LATEST) == BLOSC2_E_CORRUPT);
    CHECK(strstr(blosc2_last_error(), "is lost") && strstr(blosc2_last_error(), "accept_older=True"));
    file_bytes now = load(path);
    CHECK(now.size == size && memcmp(now.bytes, bytes, (size_t)size) == 0);
    free(now.bytes);
    CHECK_OK(blosc2_schunk_repair(schunk, BLOSC2_MEND_OLDER));
    CHECK(blosc2_schunk_recovery(schunk) == BLOSC2_RECOVERED_NOTHING);
    CHECK_OK(blosc2_schunk_check_copies(schunk, ignore_note, NULL, &twice));
    CHECK(twice);
    blosc2_schunk_free(schunk);
    CHECK(version_in(path, &recovery) == 1 && recovery == BLOSC2_RECOVERED_NOTHING);
}

/* What a power cut may leave: the header of a commit without any of its other bytes. */
static void a_header_without_its_bytes_gives_the_flushed_state(void)
{
    const char *path = scratch_path(directory, "flushed");
    blosc2_schunk *schunk = create(path, BLOSC2_DURABILITY_ORDER);
    CHECK_OK(commit_version(schunk, 1));
    CHECK_OK(blosc2_schunk_flush(schunk));
    file_bytes flushed = load(path);
    for (int version = 2; version < 12; version++) {
        CHECK_OK(commit_version(schunk, version));
        file_bytes now = load(path);
        int32_t header_bytes = header_bytes_of(&now);
        int64_t checkpoint = header_bytes + b2_copy_bytes(header_bytes);
        CHECK(now.size >= flushed.size);
        /* The flushed bytes, the synced checkpoint, the new header, and zeros where nothing was written. */
        uint8_t *lost = calloc(1, (size_t)now.size);
        if (!lost) abort();
        memcpy(lost, flushed.bytes, (size_t)flushed.size);
        memcpy(lost, now.bytes, (size_t)checkpoint);
        save(scratch_path(directory, "lost"), lost, now.size);
        blosc2_recovery recovery;
        CHECK(version_in(scratch_path(directory, "lost"), &recovery) == 1);
        CHECK(recovery == BLOSC2_RECOVERED_OLDER);
        expect_refused_and_accepted(scratch_path(directory, "lost"), lost, now.size);
        free(lost);
        free(now.bytes);
        path = scratch_path(directory, "flushed");
    }
    blosc2_schunk_free(schunk);
    free(flushed.bytes);
}

/* ------------------------------------------------------------------ space */

static void dead_space_is_bounded(blosc2_durability durability)
{
    const char *path = scratch_path(directory, "space");
    blosc2_schunk *schunk = create(path, durability);
    int64_t most = 0, live = 0;
    for (int version = 1; version < 3000; version++) {
        CHECK_OK(blosc2_schunk_begin(schunk));
        CHECK_OK(put(schunk, version % COUNT, version));
        CHECK_OK(blosc2_schunk_commit(schunk));
        if (version % 500 == 0) { /* others go on where this one has stopped */
            blosc2_schunk_free(schunk);
            CHECK_OK(blosc2_schunk_open(path, 0, BLOSC2_UPDATE, &schunk));
        }
        int64_t size = ((const b2_frame_store *)schunk->store)->file_end;
        most = size > most ? size : most;
    }
    CHECK_OK(blosc2_schunk_stored_bytes(schunk, &live));
    CHECK(most < (4 << 20) && live < 5 * (CHUNK + 32)); /* 3000 updates have written 6 MB at least */
    CHECK_OK(commit_version(schunk, 77));
    blosc2_schunk_free(schunk);
    blosc2_recovery recovery;
    CHECK(version_in(path, &recovery) == 77 && recovery == BLOSC2_RECOVERED_NOTHING);
    scratch_remove(path);
}

static void a_flushed_file_ends_with_its_frame(void)
{
    const char *path = scratch_path(directory, "ends");
    blosc2_schunk *schunk = create(path, BLOSC2_DURABILITY_ORDER);
    for (int version = 1; version < 200; version++) {
        CHECK_OK(commit_version(schunk, version % 90));
        if (version % 10) continue;
        CHECK_OK(blosc2_schunk_flush(schunk));
        file_bytes file = load(path);
        CHECK(file.size == frame_bytes_of(&file));
        free(file.bytes);
        CHECK(version_of(schunk) == version % 90);
    }
    CHECK_OK(blosc2_schunk_begin(schunk));
    CHECK(blosc2_schunk_flush(schunk) == BLOSC2_E_ARGUMENT &&
          blosc2_schunk_compact(schunk) == BLOSC2_E_ARGUMENT);
    blosc2_schunk_free(schunk);
}

static void compaction_leaves_no_dead_space(void)
{
    const char *path = scratch_path(directory, "compact");
    blosc2_schunk *schunk = create(path, BLOSC2_DURABILITY_ORDER), *reader;
    for (int version = 1; version < 30; version++) CHECK_OK(commit_version(schunk, version));
    CHECK_OK(blosc2_schunk_open(path, 0, BLOSC2_READ, &reader));
    file_bytes before = load(path);
    CHECK_OK(blosc2_schunk_compact(schunk));
    file_bytes after = load(path);
    uint8_t *bytes;
    size_t size;
    CHECK_OK(blosc2_schunk_to_bytes(schunk, &bytes, &size));
    /* Besides the chunks there are copies of the metadata, and tags: a few hundred bytes each, and a sector
     * between two of them. */
    CHECK(after.size > (int64_t)size && after.size < (int64_t)size + 2 * B2_COPY_SECTOR);
    CHECK(after.size < before.size);
    CHECK(version_of(schunk) == 29 && version_of(reader) == 29);
    CHECK_OK(commit_version(schunk, 30));
    blosc2_recovery recovery;
    blosc2_schunk_free(schunk);
    blosc2_schunk_free(reader);
    CHECK(version_in(path, &recovery) == 30);
    CHECK(scratch_entries(directory) > 0);
    blosc2_bytes_free(bytes);
    free(before.bytes);
    free(after.bytes);
}

/* ------------------------------------------------------------------ syncs */

static b2_io failing_sync;
static int syncs, fail_from;

static int count_sync(void *context, b2_file *file)
{
    if (syncs++ >= fail_from)
        return blosc2_fail_io(BLOSC2_E_IO, 5, "medium", "sync: it fails, as a test wants it");
    return b2_io_system()->sync(context, file);
}

static void after_a_failed_sync_a_handle_changes_nothing(void)
{
    failing_sync = *b2_io_system();
    failing_sync.sync = count_sync;
    for (fail_from = 0; fail_from < 8; fail_from++) {
        char name[32];
        snprintf(name, sizeof name, "sync-%d", fail_from);
        const char *path = scratch_path(directory, name);
        syncs = 0;
        b2_schunk_use_io(&failing_sync);
        blosc2_schunk *schunk = begin_new(path, BLOSC2_DURABILITY_FSYNC);
        int version = 0, status = BLOSC2_OK;
        while (version < 20 && (status = commit_version(schunk, version)) == BLOSC2_OK) version++;
        CHECK(status == BLOSC2_E_IO && blosc2_last_os_error() == 5);
        if (version > 0) {
            CHECK(version_of(schunk) == version - 1); /* as before the change, and readable */
            CHECK(commit_version(schunk, 50) == BLOSC2_E_IO && blosc2_schunk_flush(schunk) == BLOSC2_E_IO);
        }
        b2_schunk_use_io(NULL);
        blosc2_schunk_free(schunk);
        if (version == 0) continue;
        blosc2_recovery recovery;
        int found = version_in(path, &recovery);
        CHECK(found == version - 1 || found == version);
    }
}

/* ------------------------------------------------------------------ synced commits after others */

enum { CUTS = 16 };

/* What the medium has: all of the last sync, and what a power cut is going to spare. */
static struct {
    b2_io io;
    char path[SCRATCH_PATH_BYTES];
    file_bytes synced, cuts[CUTS]; /* owned */
    int count;
} medium;

/* A cut after each write of a copy spares the copies, and the header: nothing else since the last sync. */
static int write_watched(void *context, b2_file *file, const void *bytes, size_t count, int64_t position)
{
    int status = b2_io_system()->write(context, file, bytes, count, position);
    int32_t header_bytes = header_bytes_of(&medium.synced);
    size_t copy_bytes = (size_t)b2_copy_bytes(header_bytes);
    if (status < 0 || count != copy_bytes || medium.count == CUTS) return status;
    file_bytes now = load(medium.path), *cut = &medium.cuts[medium.count++];
    cut->size = now.size;
    cut->bytes = calloc(1, (size_t)now.size);
    if (!cut->bytes) abort();
    memcpy(cut->bytes, medium.synced.bytes, (size_t)b2_min_i64(medium.synced.size, now.size));
    memcpy(cut->bytes, now.bytes, (size_t)header_bytes + copy_bytes);
    memcpy(cut->bytes + position, bytes, count);
    free(now.bytes);
    return status;
}

static int sync_watched(void *context, b2_file *file)
{
    int status = b2_io_system()->sync(context, file);
    free(medium.synced.bytes);
    medium.synced = load(medium.path);
    return status;
}

/* Commits in `order` mode, of which a power cut leaves the header, and then one that replaces the copies. */
static void a_cut_in_a_synced_commit_leaves_what_was_flushed(void)
{
    snprintf(medium.path, sizeof medium.path, "%s", scratch_path(directory, "mixed"));
    blosc2_schunk *schunk = create(medium.path, BLOSC2_DURABILITY_ORDER);
    CHECK_OK(commit_version(schunk, 1));
    CHECK_OK(blosc2_schunk_flush(schunk));
    medium.synced = load(medium.path);
    CHECK_OK(commit_version(schunk, 2));
    CHECK_OK(commit_version(schunk, 3));
    blosc2_origin origin = {
        .path = medium.path, .mode = BLOSC2_UPDATE, .safety = {.durability = BLOSC2_DURABILITY_FSYNC}};
    medium.io = *b2_io_system();
    medium.io.write = write_watched;
    medium.io.sync = sync_watched;
    b2_schunk_use_io(&medium.io);
    blosc2_schunk *other;
    CHECK_OK(blosc2_schunk_open_origin(&origin, &other));
    CHECK_OK(commit_version(other, 4));
    b2_schunk_use_io(NULL);
    blosc2_schunk_free(other);
    blosc2_schunk_free(schunk);
    CHECK(medium.count >= 2);
    for (int i = 0; i < medium.count; i++) {
        blosc2_recovery recovery;
        const char *path = scratch_path(directory, "cut");
        save(path, medium.cuts[i].bytes, medium.cuts[i].size);
        int version = version_in(path, &recovery);
        CHECK(version == 1 || version == 3 || version == 4);
        free(medium.cuts[i].bytes);
    }
    free(medium.synced.bytes);
}

int main(void)
{
    CHECK_OK(blosc2_init());
    CHECK_OK(blosc2_workspace_create(&workspace));
    directory = scratch_directory();
    a_header_torn_at_any_byte_is_completed();
    a_header_without_its_bytes_gives_the_flushed_state();
    dead_space_is_bounded(BLOSC2_DURABILITY_ORDER);
    dead_space_is_bounded(BLOSC2_DURABILITY_FSYNC);
    a_flushed_file_ends_with_its_frame();
    compaction_leaves_no_dead_space();
    after_a_failed_sync_a_handle_changes_nothing();
    a_cut_in_a_synced_commit_leaves_what_was_flushed();
    scratch_remove(directory);
    blosc2_workspace_free(workspace);
    return check_result();
}
