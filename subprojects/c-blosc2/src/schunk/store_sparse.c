/**
 * A sparse frame: a directory with one file for each chunk (docs/format/frame-format.md 7).
 *
 * File names are made from checked numbers alone. sparse_commit.c has the order of a commit, sparse_sweep.c
 * what becomes of files that nobody needs any more.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/memory.h"
#include "schunk/sparse_store.h"

char *b2_sparse_path(const b2_sparse_store *store, const char *name)
{
    return b2_io_join(store->directory, "/", name);
}

void b2_sparse_chunk_name(int64_t number, char *out)
{
    snprintf(out, B2_CHUNK_NAME_BYTES, "%08" PRIX32 ".chunk", (uint32_t)number);
}

char *b2_sparse_chunk_path(const b2_sparse_store *store, int64_t number)
{
    char name[B2_CHUNK_NAME_BYTES];
    b2_sparse_chunk_name(number, name);
    return b2_sparse_path(store, name);
}

static int open_chunk(const b2_sparse_store *store, int64_t number, b2_open_mode mode, b2_file **file)
{
    char *path = b2_sparse_chunk_path(store, number);
    if (!path) return BLOSC2_E_MEMORY;
    int status = store->io->open(store->io->context, path, mode, file);
    if (status == BLOSC2_E_NOT_FOUND)
        status = blosc2_fail(BLOSC2_E_CORRUPT, "%s: the chunk file is missing", path);
    b2_free(path);
    return status;
}

static void remove_chunk(const b2_sparse_store *store, int64_t number)
{
    char *path = b2_sparse_chunk_path(store, number);
    if (path) store->io->remove(store->io->context, path);
    b2_free(path);
}

static int sparse_room(b2_store *base, int64_t location, int64_t *bytes)
{
    const b2_sparse_store *store = (const b2_sparse_store *)base;
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
    const b2_sparse_store *store = (const b2_sparse_store *)base;
    b2_file *file;
    int status = open_chunk(store, location, B2_OPEN_READ_INSIDE, &file);
    if (status < 0) return status;
    status = store->io->read(store->io->context, file, out, bytes, position);
    store->io->close(store->io->context, file);
    return status;
}

/* Numbers that are taken belong to readers of an older commit, or to a change that never ended. */
static int make_chunk_file(b2_sparse_store *store, b2_file **file)
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
    b2_sparse_store *store = (b2_sparse_store *)base;
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
    b2_sparse_store *store = (b2_sparse_store *)base;
    if (store->poisoned || (base->has_readers && !base->is_changing))
        store->has_left_overs = true;
    else
        remove_chunk(store, location);
}

static int identify(const b2_sparse_store *store, b2_identity *out)
{
    char *path = b2_sparse_path(store, B2_SPARSE_INDEX_NAME);
    if (!path) return BLOSC2_E_MEMORY;
    int status = store->io->identity(store->io->context, path, out);
    b2_free(path);
    return status;
}

static int sparse_check(b2_store *base)
{
    const b2_sparse_store *store = (const b2_sparse_store *)base;
    if (store->is_new) return BLOSC2_OK;
    b2_identity now;
    int status = identify(store, &now);
    if (status == BLOSC2_E_NOT_FOUND || (status == BLOSC2_OK && !b2_identity_same(&now, &store->identity)))
        return b2_store_changed(store->path);
    return status;
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
    const b2_sparse_store *store = (const b2_sparse_store *)base;
    char name[B2_CHUNK_NAME_BYTES];
    b2_sparse_chunk_name(location, name);
    snprintf(out, bytes, "%s/%s", store->directory, name);
}

/* A directory that was never committed goes away with all that is in it. */
static void remove_new_directory(b2_sparse_store *store)
{
    for (int64_t number = 0; number < store->next; number++) remove_chunk(store, number);
    char *path = b2_sparse_path(store, B2_SPARSE_INDEX_NAME);
    if (path) store->io->remove(store->io->context, path);
    b2_free(path);
    store->io->remove_directory(store->io->context, store->directory);
}

static void sparse_inherit(b2_store *base, const b2_store *old)
{
    b2_sparse_store *store = (b2_sparse_store *)base;
    const b2_sparse_store *before = (const b2_sparse_store *)old;
    store->has_left_overs = before->has_left_overs;
    store->is_unsynced = before->is_unsynced;
    store->has_new_name = before->has_new_name;
    store->poisoned = before->poisoned;
    store->synced_next = b2_min_i64(store->synced_next, before->synced_next);
    if (store->next < before->next) store->next = before->next;
}

static void sparse_free(b2_store *base)
{
    b2_sparse_store *store = (b2_sparse_store *)base;
    if (store->is_new) remove_new_directory(store);
    b2_free(store->directory);
    b2_free(store->path);
    b2_free(store);
}

static int make_store(const b2_io *io, const char *path, b2_sparse_store **out)
{
    static const b2_store_ops ops = {
        .room = sparse_room,
        .map = sparse_map,
        .read = sparse_read,
        .put = sparse_put,
        .drop = sparse_drop,
        .check = sparse_check,
        .prepare = b2_sparse_prepare,
        .commit = b2_sparse_commit,
        .rollback = sparse_rollback,
        .inherit = sparse_inherit,
        .flush = b2_sparse_flush,
        .can_trim = sparse_can_trim,
        .trim = sparse_trim,
        .section_bytes = sparse_section_bytes,
        .describe = sparse_describe,
        .free = sparse_free,
    };
    b2_sparse_store *store = b2_calloc(sizeof *store);
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
    b2_sparse_store *store;
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
    b2_sparse_store *store;
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
