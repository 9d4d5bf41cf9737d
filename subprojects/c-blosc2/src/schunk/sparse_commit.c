/**
 * How a sparse frame is committed: docs/design/durability.md.
 *
 * Changed chunks are in new files already. The index file, replaced by one rename, makes them current. A new
 * directory is filled under a temporary name, and renamed.
 */
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/memory.h"
#include "schunk/sparse_store.h"

/* ------------------------------------------------------------------ syncs */

/* A sync that failed is not tried again: the system may have forgotten the bytes by then. */
static int poison(b2_sparse_store *store, int status)
{
    if (status == BLOSC2_E_IO) store->poisoned = true;
    return status;
}

static int sync_file(b2_sparse_store *store, const char *path)
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
static int sync_chunks(b2_sparse_store *store)
{
    for (int64_t number = store->synced_next; number < store->next; number++) {
        char *path = b2_sparse_chunk_path(store, number);
        if (!path) return BLOSC2_E_MEMORY;
        int status = sync_file(store, path);
        b2_free(path);
        if (status < 0 && status != BLOSC2_E_NOT_FOUND) return status;
    }
    store->synced_next = store->next;
    return BLOSC2_OK;
}

static int sync_names(b2_sparse_store *store)
{
    const b2_io *io = store->io;
    int status = io->sync_directory(io->context, store->directory);
    if (status == BLOSC2_OK && store->has_new_name) status = b2_io_sync_parent(io, store->path);
    if (status < 0) return poison(store, status);
    store->has_new_name = false;
    store->is_unsynced = false;
    return BLOSC2_OK;
}

int b2_sparse_flush(b2_store *base)
{
    b2_sparse_store *store = (b2_sparse_store *)base;
    if (store->is_new) return BLOSC2_OK;
    if (store->poisoned)
        return blosc2_fail_io(BLOSC2_E_IO, EIO, store->path, "%s: an earlier sync failed", store->path);
    int status = sync_chunks(store);
    if (status < 0 || !store->is_unsynced) return status;
    char *path = b2_sparse_path(store, B2_SPARSE_INDEX_NAME);
    if (!path) return BLOSC2_E_MEMORY;
    status = sync_file(store, path);
    b2_free(path);
    return status == BLOSC2_OK ? sync_names(store) : status;
}

/* ------------------------------------------------------------------ the index file */

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
static int write_index(const b2_sparse_store *store, const b2_state *state, b2_image *image, const char *path)
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

static int replace_index(b2_sparse_store *store, const b2_state *state, b2_image *image)
{
    const b2_io *io = store->io;
    char *path = b2_sparse_path(store, B2_SPARSE_INDEX_NAME);
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

static int publish(b2_sparse_store *store)
{
    if (!store->is_new) return BLOSC2_OK;
    int status = store->io->rename_new(store->io->context, store->directory, store->path);
    if (status < 0) return status;
    memcpy(store->directory, store->path, strlen(store->path) + 1); /* the temporary name is longer */
    store->is_new = false;
    store->has_new_name = true;
    return BLOSC2_OK;
}

int b2_sparse_prepare(b2_store *base, const b2_index *index)
{
    const b2_sparse_store *store = (const b2_sparse_store *)base;
    (void)index;
    base->is_changing = !store->poisoned;
    if (!store->poisoned) return BLOSC2_OK;
    return blosc2_fail_io(BLOSC2_E_IO, EIO, store->path,
                          "%s: a sync failed, and what is on the medium is not known: open it again",
                          store->path);
}

int b2_sparse_commit(b2_store *base, const b2_state *state, blosc2_workspace *workspace)
{
    b2_sparse_store *store = (b2_sparse_store *)base;
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
