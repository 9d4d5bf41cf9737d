/**
 * A sparse frame: a directory with one file for each chunk (docs/format/frame-format.md 7).
 *
 * A changed chunk gets a new file; the index file, replaced by one rename, makes it current; then the old
 * files go, or, while somebody reads an older commit, are left for a later change to sweep away. A new
 * directory is filled under a temporary name, and renamed. File names are made from checked numbers alone.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/failure.h"
#include "base/memory.h"
#include "schunk/store.h"

static const char INDEX_NAME[] = "chunks.b2frame";

enum { NAME_BYTES_MAX = 62 }; /* a longer name is not of a file that was made here */

typedef struct sparse_store {
    b2_store base;
    const b2_io *io;
    char *path;
    char *directory; /* where the files are: the temporary name before the first commit, else `path` */
    bool is_new;
    int64_t next;        /* number for the next chunk file */
    int64_t synced_next; /* files from here on may not be on the medium */
    bool is_unsynced;    /* nor may the index */
    bool has_new_name;   /* nor the directory's name */
    bool poisoned;       /* a sync failed */
    bool has_left_overs; /* or may have: files that no commit needs, or older ones alone */
    blosc2_durability durability;
    b2_identity identity; /* of the committed index file */
} sparse_store;

static char *file_path(const sparse_store *store, const char *name)
{
    return b2_io_join(store->directory, "/", name);
}

enum { CHUNK_NAME_BYTES = 16 };

static void chunk_name(int64_t number, char *out)
{
    snprintf(out, CHUNK_NAME_BYTES, "%08" PRIX32 ".chunk", (uint32_t)number);
}

static char *chunk_path(const sparse_store *store, int64_t number)
{
    char name[CHUNK_NAME_BYTES];
    chunk_name(number, name);
    return file_path(store, name);
}

static int open_chunk(const sparse_store *store, int64_t number, b2_open_mode mode, b2_file **file)
{
    char *path = chunk_path(store, number);
    if (!path) return BLOSC2_E_MEMORY;
    int status = store->io->open(store->io->context, path, mode, file);
    if (status == BLOSC2_E_NOT_FOUND)
        status = blosc2_fail(BLOSC2_E_CORRUPT, "%s: the chunk file is missing", path);
    b2_free(path);
    return status;
}

static void remove_chunk(const sparse_store *store, int64_t number)
{
    char *path = chunk_path(store, number);
    if (path) store->io->remove(store->io->context, path);
    b2_free(path);
}

static int sparse_room(b2_store *base, int64_t location, int64_t *bytes)
{
    const sparse_store *store = (const sparse_store *)base;
    b2_file *file;
    int status = open_chunk(store, location, B2_OPEN_READ_INSIDE, &file);
    if (status < 0) return status;
    status = store->io->size(store->io->context, file, bytes);
    store->io->close(store->io->context, file);
    return status;
}

static const uint8_t *sparse_map(b2_store *base, int64_t location, int64_t bytes)
{
    (void)base;
    (void)location;
    (void)bytes;
    return NULL;
}

static int sparse_read(b2_store *base, int64_t location, int64_t position, void *out, size_t bytes)
{
    const sparse_store *store = (const sparse_store *)base;
    b2_file *file;
    int status = open_chunk(store, location, B2_OPEN_READ_INSIDE, &file);
    if (status < 0) return status;
    status = store->io->read(store->io->context, file, out, bytes, position);
    store->io->close(store->io->context, file);
    return status;
}

/* Numbers that are taken belong to readers of an older commit, or to a change that never ended. */
static int make_chunk_file(sparse_store *store, b2_file **file)
{
    for (;; store->next++) {
        if (store->next > UINT32_MAX)
            return blosc2_fail(BLOSC2_E_ARGUMENT, "%s: chunk file number %lld (expected at most FFFFFFFF)",
                               store->path, (long long)store->next);
        int status = open_chunk(store, store->next, B2_OPEN_NEW, file);
        if (status != BLOSC2_E_EXISTS) return status;
    }
}

static int sparse_put(b2_store *base, const b2_stored *chunk, int64_t *location)
{
    sparse_store *store = (sparse_store *)base;
    b2_file *file;
    int status = make_chunk_file(store, &file);
    if (status < 0) return status;
    int64_t number = store->next++;
    status = store->io->write(store->io->context, file, chunk->bytes, (size_t)chunk->cbytes, 0);
    if (status == BLOSC2_OK && chunk->after_bytes)
        status = store->io->write(store->io->context, file, chunk->after, (size_t)chunk->after_bytes,
                                  chunk->cbytes);
    store->io->close(store->io->context, file);
    if (status < 0) {
        remove_chunk(store, number);
        return status;
    }
    *location = number;
    return BLOSC2_OK;
}

/* No reader knows files that the open change has put. */
static void sparse_drop(b2_store *base, int64_t location)
{
    sparse_store *store = (sparse_store *)base;
    if (store->poisoned || (base->has_readers && !base->is_changing))
        store->has_left_overs = true;
    else
        remove_chunk(store, location);
}

static int write_file(const b2_io *io, const char *path, const uint8_t *bytes, size_t size)
{
    b2_file *file;
    int status = io->open(io->context, path, B2_OPEN_NEW, &file);
    if (status < 0) return status;
    status = io->write(io->context, file, bytes, size, 0);
    io->close(io->context, file);
    if (status < 0) io->remove(io->context, path);
    return status;
}

/* The index file: header, index chunk, trailer. */
static int write_index(const sparse_store *store, const b2_state *state, b2_image *image, const char *path)
{
    int64_t header_bytes = b2_frame_header_size(state->fixed);
    int64_t frame_bytes = header_bytes + image->tail_bytes;
    /* C-Blosc2 3.3.5 checks file numbers as if they were offsets: number + 32 <= cbytes
     * (docs/design/commit.md). */
    int64_t files_bytes = b2_max_i64(state->files_bytes, store->next - 1 + BLOSC2_CHUNK_OVERHEAD);
    if (store->next == 0) files_bytes = state->files_bytes;
    b2_buffer bytes = {0};
    int status = b2_buffer_reserve(&bytes, (size_t)frame_bytes);
    if (status < 0) return status;
    b2_image_header(state, B2_FRAME_SPARSE, (int32_t)header_bytes, files_bytes, frame_bytes, bytes.bytes);
    b2_image_seal(image, state, bytes.bytes, (int32_t)header_bytes);
    memcpy(bytes.bytes + header_bytes, image->bytes.bytes, (size_t)image->tail_bytes);
    status = write_file(store->io, path, bytes.bytes, (size_t)frame_bytes);
    b2_buffer_free(&bytes);
    return status;
}

static int identify(const sparse_store *store, b2_identity *out)
{
    char *path = file_path(store, INDEX_NAME);
    if (!path) return BLOSC2_E_MEMORY;
    int status = store->io->identity(store->io->context, path, out);
    b2_free(path);
    return status;
}

static int sparse_check(b2_store *base)
{
    const sparse_store *store = (const sparse_store *)base;
    if (store->is_new) return BLOSC2_OK;
    b2_identity now;
    int status = identify(store, &now);
    if (status == BLOSC2_E_NOT_FOUND || (status == BLOSC2_OK && !b2_identity_same(&now, &store->identity)))
        return b2_store_changed(store->path);
    return status;
}

/* ------------------------------------------------------------------ syncs */

/* A sync that failed is not tried again: the system may have forgotten the bytes by then. */
static int poison(sparse_store *store, int status)
{
    if (status == BLOSC2_E_IO) store->poisoned = true;
    return status;
}

static int sync_file(sparse_store *store, const char *path)
{
    const b2_io *io = store->io;
    b2_file *file;
    int status = io->open(io->context, path, B2_OPEN_UPDATE, &file);
    if (status < 0) return status;
    status = io->sync(io->context, file);
    io->close(io->context, file);
    return status < 0 ? poison(store, status) : status;
}

/* Files put since the last sync; some of them are gone. */
static int sync_chunks(sparse_store *store)
{
    for (int64_t number = store->synced_next; number < store->next; number++) {
        char *path = chunk_path(store, number);
        if (!path) return BLOSC2_E_MEMORY;
        int status = sync_file(store, path);
        b2_free(path);
        if (status < 0 && status != BLOSC2_E_NOT_FOUND) return status;
    }
    store->synced_next = store->next;
    return BLOSC2_OK;
}

static int sync_names(sparse_store *store)
{
    const b2_io *io = store->io;
    int status = io->sync_directory(io->context, store->directory);
    if (status == BLOSC2_OK && store->has_new_name) status = b2_io_sync_parent(io, store->path);
    if (status < 0) return poison(store, status);
    store->has_new_name = false;
    store->is_unsynced = false;
    return BLOSC2_OK;
}

static int sparse_flush(b2_store *base)
{
    sparse_store *store = (sparse_store *)base;
    if (store->is_new) return BLOSC2_OK;
    if (store->poisoned)
        return blosc2_fail_io(BLOSC2_E_IO, EIO, store->path, "%s: an earlier sync failed", store->path);
    int status = sync_chunks(store);
    if (status < 0 || !store->is_unsynced) return status;
    char *path = file_path(store, INDEX_NAME);
    if (!path) return BLOSC2_E_MEMORY;
    status = sync_file(store, path);
    b2_free(path);
    return status == BLOSC2_OK ? sync_names(store) : status;
}

static bool sparse_can_trim(const b2_store *store)
{
    (void)store;
    return false;
}

static void sparse_trim(b2_store *store)
{
    (void)store;
}

/* ------------------------------------------------------------------ commits */

static int replace_index(sparse_store *store, const b2_state *state, b2_image *image)
{
    const b2_io *io = store->io;
    char *path = file_path(store, INDEX_NAME);
    char *temporary = path ? b2_io_temporary_name(path) : NULL;
    int status = temporary ? BLOSC2_OK : blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a path");
    if (status == BLOSC2_OK) status = write_index(store, state, image, temporary);
    if (status == BLOSC2_OK && store->durability == BLOSC2_DURABILITY_FSYNC) {
        status = sync_file(store, temporary);
        if (status < 0) io->remove(io->context, temporary);
    }
    if (status == BLOSC2_OK) {
        b2_identity identity;
        status = io->identity(io->context, temporary, &identity); /* a rename keeps it */
        if (status == BLOSC2_OK) status = io->rename_over(io->context, temporary, path);
        if (status == BLOSC2_OK)
            store->identity = identity;
        else
            io->remove(io->context, temporary);
    }
    b2_free(temporary);
    b2_free(path);
    return status;
}

static int publish(sparse_store *store)
{
    if (!store->is_new) return BLOSC2_OK;
    int status = store->io->rename_new(store->io->context, store->directory, store->path);
    if (status < 0) return status;
    memcpy(store->directory, store->path, strlen(store->path) + 1); /* the temporary name is longer */
    store->is_new = false;
    store->has_new_name = true;
    return BLOSC2_OK;
}

static int sparse_prepare(b2_store *base, const b2_index *index)
{
    const sparse_store *store = (const sparse_store *)base;
    (void)index;
    base->is_changing = !store->poisoned;
    if (!store->poisoned) return BLOSC2_OK;
    return blosc2_fail_io(BLOSC2_E_IO, EIO, store->path,
                          "%s: a sync failed, and what is on the medium is not known: open it again",
                          store->path);
}

static int sparse_commit(b2_store *base, const b2_state *state, blosc2_workspace *workspace)
{
    sparse_store *store = (sparse_store *)base;
    bool syncs = store->durability == BLOSC2_DURABILITY_FSYNC;
    b2_image image = {0};
    int status = b2_image_build(&image, state, workspace);
    bool has_new_files = store->synced_next < store->next;
    if (status == BLOSC2_OK && syncs) status = sync_chunks(store);
    if (status == BLOSC2_OK && syncs && has_new_files)
        status = sync_names(store); /* before they are mentioned */
    if (status == BLOSC2_OK) status = replace_index(store, state, &image);
    b2_image_free(&image);
    store->is_unsynced = true;
    if (status == BLOSC2_OK && syncs && store->is_new) status = sync_names(store);
    if (status == BLOSC2_OK) status = publish(store);
    if (status == BLOSC2_OK && syncs) {
        status = sync_names(store);
        if (status < 0) store->poisoned = true; /* the index is there, and must keep its files */
    }
    if (status == BLOSC2_OK) base->is_changing = false;
    return status;
}

/* Numbers are not used again: a file that could not be removed may have one. */
static void sparse_rollback(b2_store *base)
{
    base->is_changing = false;
}

static int64_t sparse_section_bytes(b2_store *store)
{
    (void)store;
    return 0;
}

static void sparse_describe(b2_store *base, int64_t location, char *out, size_t bytes)
{
    const sparse_store *store = (const sparse_store *)base;
    char name[CHUNK_NAME_BYTES];
    chunk_name(location, name);
    snprintf(out, bytes, "%s/%s", store->directory, name);
}

/* A directory that was never committed goes away with all that is in it. */
static void remove_new_directory(sparse_store *store)
{
    for (int64_t number = 0; number < store->next; number++) remove_chunk(store, number);
    char *path = file_path(store, INDEX_NAME);
    if (path) store->io->remove(store->io->context, path);
    b2_free(path);
    store->io->remove_directory(store->io->context, store->directory);
}

/* ------------------------------------------------------------------ sweeping */

typedef struct sweep_job {
    sparse_store *store;
    const int64_t *live; /* ascending */
    int64_t count;
} sweep_job;

static bool is_live(const sweep_job *job, int64_t number)
{
    int64_t low = 0, high = job->count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (job->live[middle] < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < job->count && job->live[low] == number;
}

/* Number of a chunk file's name; -1 if it is not just that. */
static int64_t number_of(const char *name)
{
    unsigned long number = strtoul(name, NULL, 16);
    char expected[CHUNK_NAME_BYTES];
    if (strspn(name, "0123456789ABCDEF") != 8) return -1;
    chunk_name((int64_t)number, expected);
    return strcmp(name, expected) == 0 ? (int64_t)number : -1;
}

static void sweep_name(void *context, const char *name)
{
    static const char temporary[] = "chunks.b2frame.tmp-";
    const sweep_job *job = context;
    int64_t number = number_of(name);
    bool is_index = strncmp(name, temporary, sizeof temporary - 1) == 0 && strlen(name) < NAME_BYTES_MAX;
    if (number >= 0 ? is_live(job, number) : !is_index) return;
    char *path = file_path(job->store, name);
    if (path) job->store->io->remove(job->store->io->context, path);
    b2_free(path);
}

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void b2_store_sparse_sweep(b2_store *base, const b2_index *index)
{
    sparse_store *store = (sparse_store *)base;
    b2_index live;
    if (!store->has_left_overs || base->has_readers || !store->io->list) return;
    b2_failure failure;
    b2_failure_save(&failure);
    if (b2_index_copy(index, &live) == BLOSC2_OK) {
        sweep_job job = {store, live.entries, live.entries ? live.count : 0};
        if (job.count) qsort(live.entries, (size_t)live.count, sizeof *live.entries, compare_i64);
        bool one_stored = !live.entries && live.count > 0 && live.uniform >= 0; /* not expanded: one chunk */
        if (one_stored) job = (sweep_job){store, &live.uniform, 1};
        store->has_left_overs = store->io->list(store->io->context, store->directory, sweep_name, &job) < 0;
        b2_index_free(&live);
    }
    b2_failure_restore(&failure);
}

static void sparse_inherit(b2_store *base, const b2_store *old)
{
    sparse_store *store = (sparse_store *)base;
    const sparse_store *before = (const sparse_store *)old;
    store->has_left_overs = before->has_left_overs;
    store->is_unsynced = before->is_unsynced;
    store->has_new_name = before->has_new_name;
    store->poisoned = before->poisoned;
    store->synced_next = b2_min_i64(store->synced_next, before->synced_next);
    if (store->next < before->next) store->next = before->next;
}

static void sparse_free(b2_store *base)
{
    sparse_store *store = (sparse_store *)base;
    if (store->is_new) remove_new_directory(store);
    b2_free(store->directory);
    b2_free(store->path);
    b2_free(store);
}

static int make_store(const b2_io *io, const char *path, sparse_store **out)
{
    static const b2_store_ops ops = {
        .room = sparse_room,
        .map = sparse_map,
        .read = sparse_read,
        .put = sparse_put,
        .drop = sparse_drop,
        .check = sparse_check,
        .prepare = sparse_prepare,
        .commit = sparse_commit,
        .rollback = sparse_rollback,
        .inherit = sparse_inherit,
        .flush = sparse_flush,
        .can_trim = sparse_can_trim,
        .trim = sparse_trim,
        .section_bytes = sparse_section_bytes,
        .describe = sparse_describe,
        .free = sparse_free,
    };
    sparse_store *store = b2_calloc(sizeof *store);
    if (!store) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a store");
    store->base.ops = &ops;
    store->io = io;
    store->path = b2_malloc(strlen(path) + 1);
    store->directory = b2_io_temporary_name(path);
    if (!store->path || !store->directory) {
        sparse_free(&store->base);
        return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a path");
    }
    memcpy(store->path, path, strlen(path) + 1);
    *out = store;
    return BLOSC2_OK;
}

int b2_store_sparse_create(const b2_io *io, const char *path, blosc2_durability durability, b2_store **out)
{
    sparse_store *store;
    int status = make_store(io, path, &store);
    if (status < 0) return status;
    status = io->make_directory(io->context, store->directory);
    if (status < 0) {
        sparse_free(&store->base);
        return b2_store_cannot_create(status, path);
    }
    store->is_new = true;
    store->durability = durability;
    *out = &store->base;
    return BLOSC2_OK;
}

int b2_store_sparse_open(const b2_io *io, const b2_opened_directory *opened, b2_store **out)
{
    const char *path = opened->path;
    sparse_store *store;
    int status = make_store(io, path, &store);
    if (status < 0) return status;
    memcpy(store->directory, path, strlen(path) + 1);
    store->next = store->synced_next = opened->highest + 1;
    store->has_left_overs = true;
    store->identity = opened->identity;
    store->durability = opened->safety.durability;
    *out = &store->base;
    return BLOSC2_OK;
}
