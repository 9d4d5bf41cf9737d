/**
 * How a sparse frame is brought to the medium: docs/design/durability.md, "Directories".
 *
 * All chunk files that the state names, the index file, the names of them; and when all that is there, the
 * copy of the index file. So what the copy says is always on the medium, and is kept until there is a newer
 * copy.
 */
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/failure.h"
#include "schunk/sparse_store.h"

/* ------------------------------------------------------------------ syncs */

int b2_sparse_poison(b2_sparse_store *store, int status)
{
    if (status == BLOSC2_E_IO) store->poisoned = true;
    return status;
}

static int sync_file(b2_sparse_store *store, const char *path)
{
    const b2_io *io = store->io;
    b2_file *file;
    int status = io->open(io->context, path, store->is_reader ? B2_OPEN_READ : B2_OPEN_UPDATE, &file);
    if (status < 0) return status;
    status = io->sync(io->context, file);
    io->close(io->context, file);
    return status < 0 ? b2_sparse_poison(store, status) : status;
}

/* A file that is gone has nothing to be synced: whoever reads it says so. */
int b2_sparse_sync_chunks(b2_sparse_store *store, const b2_file_numbers *files, bool *synced)
{
    *synced = false;
    for (int64_t i = 0; i < files->count; i++) {
        int64_t number = files->items[i];
        if (store->is_proven && b2_file_numbers_have(&store->flushed, number)) continue;
        char *path = b2_sparse_chunk_path(store, number);
        if (!path) return BLOSC2_E_MEMORY;
        int status = sync_file(store, path);
        b2_free(path);
        if (status < 0 && status != BLOSC2_E_NOT_FOUND) return status;
        *synced = true;
    }
    return BLOSC2_OK;
}

int b2_sparse_sync_names(b2_sparse_store *store)
{
    const b2_io *io = store->io;
    int status = io->sync_directory(io->context, store->directory);
    if (status == BLOSC2_OK && store->has_new_name) status = b2_io_sync_parent(io, store->path);
    if (status < 0) return b2_sparse_poison(store, status);
    store->has_new_name = false;
    return BLOSC2_OK;
}

static int sync_index(b2_sparse_store *store)
{
    char *path = b2_sparse_path(store, B2_SPARSE_INDEX_NAME);
    if (!path) return BLOSC2_E_MEMORY;
    int status = sync_file(store, path);
    b2_free(path);
    return status;
}

/* ------------------------------------------------------------------ files */

int b2_sparse_write_file(b2_sparse_store *store, const char *path, const uint8_t *bytes, int64_t count,
                         blosc2_durability durability)
{
    const b2_io *io = store->io;
    b2_file *file;
    int status = io->open(io->context, path, B2_OPEN_NEW, &file);
    if (status < 0) return status;
    b2_sparse_take_attributes(store, file, B2_ATTRIBUTES_ALL);
    status = io->write(io->context, file, bytes, (size_t)count, 0);
    if (status == BLOSC2_OK && durability == BLOSC2_DURABILITY_FSYNC)
        status = b2_sparse_poison(store, io->sync(io->context, file));
    io->close(io->context, file);
    if (status < 0) io->remove(io->context, path);
    return status;
}

/* The foot says which file it is in, so that one that was copied with its directory is told. */
static int fill_copy(b2_sparse_store *store, b2_file *file, const char *path, const b2_sparse_index *index)
{
    const b2_io *io = store->io;
    b2_identity own;
    b2_buffer copy = {0};
    size_t bytes = (size_t)index->count + B2_SPARSE_FOOT_BYTES;
    int status = io->identity(io->context, path, &own);
    if (status == BLOSC2_OK) status = b2_buffer_reserve_exactly(&copy, bytes);
    if (status == BLOSC2_OK) {
        memcpy(copy.bytes, index->bytes, (size_t)index->count);
        b2_sparse_foot_build(copy.bytes, index->count, &own, index->identity);
        status = io->write(io->context, file, copy.bytes, bytes, 0);
    }
    if (status == BLOSC2_OK) status = b2_sparse_poison(store, io->sync(io->context, file));
    b2_buffer_free(&copy);
    return status;
}

int b2_sparse_write_copy(b2_sparse_store *store, const char *path, const b2_sparse_index *index)
{
    const b2_io *io = store->io;
    b2_file *file;
    int status = io->open(io->context, path, B2_OPEN_NEW, &file);
    if (status < 0) return status;
    b2_sparse_take_attributes(store, file, B2_ATTRIBUTES_ACCESS);
    status = fill_copy(store, file, path, index);
    io->close(io->context, file);
    if (status < 0) io->remove(io->context, path);
    return status;
}

static int replace_copy(b2_sparse_store *store, const char *path)
{
    const b2_io *io = store->io;
    char *temporary = b2_io_temporary_name(path);
    if (!temporary) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a path");
    const b2_sparse_index index = {store->index.bytes, store->index_bytes, &store->identity};
    int status = b2_sparse_write_copy(store, temporary, &index);
    if (status == BLOSC2_OK) {
        status = io->rename_over(io->context, temporary, path);
        if (status < 0) io->remove(io->context, temporary);
    }
    b2_free(temporary);
    return status == BLOSC2_OK ? b2_sparse_sync_names(store) : status;
}

/* ------------------------------------------------------------------ flush */

static int sync_all(b2_sparse_store *store)
{
    bool synced;
    if (store->is_new) return BLOSC2_OK;
    if (store->poisoned)
        return blosc2_fail_io(BLOSC2_E_IO, EIO, store->path, "%s: an earlier sync failed", store->path);
    int status = b2_sparse_sync_chunks(store, &store->files, &synced);
    if (status == BLOSC2_OK && !store->is_damaged && (store->is_unsynced || !store->is_copied))
        status = sync_index(store);
    if (status == BLOSC2_OK && (store->is_unsynced || synced)) status = b2_sparse_sync_names(store);
    if (status == BLOSC2_OK) store->is_unsynced = false;
    return status;
}

void b2_sparse_was_flushed(b2_sparse_store *store, b2_file_numbers *files)
{
    bool was_copied = store->is_copied;
    b2_file_numbers before = store->flushed;
    store->flushed = *files;
    *files = (b2_file_numbers){0};
    store->has_copy = store->is_copied = store->is_proven = true;
    store->was_never_flushed = store->is_unsynced = false;
    store->dead_bytes = 0;
    /* Without any commit since the last copy there is nothing that it alone named. */
    for (int64_t i = 0; i < before.count && !was_copied; i++) {
        if (b2_file_numbers_have(&store->flushed, before.items[i])) continue;
        if (store->base.has_readers || store->poisoned)
            b2_sparse_leave(store);
        else
            b2_sparse_remove_chunk(store, before.items[i]);
    }
    b2_file_numbers_free(&before);
}

static int write_new_copy(b2_sparse_store *store)
{
    b2_file_numbers files = {0};
    int status = b2_file_numbers_copy(&store->files, &files);
    char *path = status == BLOSC2_OK ? b2_sparse_path(store, B2_SPARSE_COPY_NAME) : NULL;
    if (status == BLOSC2_OK) status = path ? replace_copy(store, path) : BLOSC2_E_MEMORY;
    b2_free(path);
    if (status == BLOSC2_OK)
        b2_sparse_was_flushed(store, &files);
    else
        b2_file_numbers_free(&files);
    return status;
}

int b2_sparse_flush(b2_store *base, const b2_index *index)
{
    (void)index; /* the store knows the files */
    return sync_all((b2_sparse_store *)base);
}

int b2_sparse_sync(b2_store *base)
{
    b2_sparse_store *store = (b2_sparse_store *)base;
    store->is_reader = store->is_unsynced = true;
    int status = sync_all(store);
    store->is_reader = false;
    return status;
}

bool b2_sparse_needs_lock(const b2_store *base)
{
    const b2_sparse_store *store = (const b2_sparse_store *)base;
    return !store->is_copied && !store->is_new && !store->is_doubtful;
}

int b2_sparse_settle(b2_store *base)
{
    return b2_sparse_needs_lock(base) ? write_new_copy((b2_sparse_store *)base) : BLOSC2_OK;
}

int b2_sparse_flush_locked(b2_sparse_store *store)
{
    int status = sync_all(store);
    return status < 0 ? status : b2_sparse_settle(&store->base);
}

const b2_file_numbers *b2_store_sparse_flushed(const b2_store *base)
{
    return &((const b2_sparse_store *)base)->flushed;
}

void b2_store_sparse_bound(b2_store *base, int64_t live_bytes)
{
    enum { LEAST = 1 << 20 };
    b2_sparse_store *store = (b2_sparse_store *)base;
    if (store->dead_bytes <= b2_max_i64(live_bytes / 4, LEAST) || store->poisoned) return;
    b2_failure failure;
    b2_failure_save(&failure); /* the commit is through; if a sync fails, the next one will say so */
    b2_sparse_flush_locked(store);
    b2_failure_restore(&failure);
}
