/**
 * How a sparse frame is committed: docs/design/durability.md, "Directories".
 *
 * Changed chunks are in new files already. The index file, replaced by one rename, makes them current. A new
 * directory is filled under a temporary name, and renamed.
 */
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "schunk/sparse_store.h"

/** What a commit makes of the index file and its copy. */
typedef struct fresh_state {
    b2_buffer index;
    int64_t index_bytes;
    b2_file_numbers files;
    char *path, *copy_path; /* where they go */
    char *temporary, *temporary_copy;
    blosc2_seal seal;
    b2_identity identity; /* of the index file */
} fresh_state;

static void free_fresh(fresh_state *fresh)
{
    b2_buffer_free(&fresh->index);
    b2_file_numbers_free(&fresh->files);
    b2_free(fresh->path);
    b2_free(fresh->copy_path);
    b2_free(fresh->temporary);
    b2_free(fresh->temporary_copy);
}

static int name_fresh(const b2_sparse_store *store, fresh_state *fresh)
{
    fresh->path = b2_sparse_path(store, B2_SPARSE_INDEX_NAME);
    fresh->copy_path = b2_sparse_path(store, B2_SPARSE_COPY_NAME);
    if (!fresh->path || !fresh->copy_path) return BLOSC2_E_MEMORY;
    fresh->temporary = b2_io_temporary_name(fresh->path);
    fresh->temporary_copy = b2_io_temporary_name(fresh->copy_path);
    if (fresh->temporary && fresh->temporary_copy) return BLOSC2_OK;
    return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a path");
}

/* The index file: header, index chunk, trailer. */
static int build_index(const b2_sparse_store *store, const b2_state *state, b2_image *image,
                       fresh_state *fresh)
{
    int64_t header_bytes = b2_frame_header_size(state->fixed);
    int64_t frame_bytes = header_bytes + image->tail_bytes;
    /* C-Blosc2 3.3.5 checks file numbers as if they were offsets: number + 32 <= cbytes
     * (docs/design/commit.md). */
    int64_t files_bytes = b2_max_i64(state->files_bytes, store->next - 1 + BLOSC2_CHUNK_OVERHEAD);
    if (store->next == 0) files_bytes = state->files_bytes;
    int status = b2_buffer_reserve_exactly(&fresh->index, (size_t)frame_bytes);
    if (status < 0) return status;
    uint8_t *bytes = fresh->index.bytes;
    b2_state sealed = *state;
    sealed.dead_units = (uint32_t)((store->next + B2_NUMBER_UNIT - 1) / B2_NUMBER_UNIT);
    b2_image_header(state, B2_FRAME_SPARSE, (int32_t)header_bytes, files_bytes, frame_bytes, bytes);
    b2_image_seal(image, &sealed, bytes, (int32_t)header_bytes);
    memcpy(bytes + header_bytes, image->bytes.bytes, (size_t)image->tail_bytes);
    fresh->index_bytes = frame_bytes;
    fresh->seal = state->seal;
    return BLOSC2_OK;
}

static int make_fresh(const b2_sparse_store *store, const b2_state *state, blosc2_workspace *workspace,
                      fresh_state *fresh)
{
    b2_image image = {0};
    int status = b2_image_build(&image, state, workspace);
    if (status == BLOSC2_OK) status = build_index(store, state, &image, fresh);
    b2_image_free(&image);
    if (status == BLOSC2_OK) status = b2_file_numbers_of(state->index, &fresh->files);
    return status == BLOSC2_OK ? name_fresh(store, fresh) : status;
}

static int write_index(b2_sparse_store *store, fresh_state *fresh)
{
    const b2_io *io = store->io;
    int status = b2_sparse_write_file(store, fresh->temporary, fresh->index.bytes, fresh->index_bytes,
                                      store->durability);
    if (status < 0) return status;
    status = io->identity(io->context, fresh->temporary, &fresh->identity); /* a rename keeps it */
    if (status < 0) io->remove(io->context, fresh->temporary);
    return status;
}

static int rename_index(b2_sparse_store *store, fresh_state *fresh)
{
    const b2_io *io = store->io;
    int status = io->rename_over(io->context, fresh->temporary, fresh->path);
    if (status < 0) io->remove(io->context, fresh->temporary);
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

/* The fresh state is the committed one. */
static void take(b2_sparse_store *store, fresh_state *fresh)
{
    b2_buffer_free(&store->index);
    /* Who reads what is replaced has told the generation before the commit, or that in the middle of it. */
    bool is_known = store->base.generation < B2_NUMBERS - 1 && !store->is_new;
    b2_file_numbers_free(&store->replaced);
    store->replaced = store->files;
    /* Who has opened it between its rename and the counting after that has read the number before. */
    uint64_t generation = store->base.generation, first = generation > 0 ? generation - 1 : 0;
    store->replaced_generations = (b2_numbers){first, is_known ? generation + 2 - first : 0};
    store->index = fresh->index;
    store->index_bytes = fresh->index_bytes;
    store->files = fresh->files;
    store->seal = fresh->seal;
    store->identity = fresh->identity;
    store->is_damaged = false;
    fresh->index = (b2_buffer){0};
    fresh->files = (b2_file_numbers){0};
}

/* Index and copy are on the medium before they are renamed, the index first: the copy's state is never newer.
 */
static int replace_both(b2_sparse_store *store, fresh_state *fresh)
{
    const b2_io *io = store->io;
    int status = write_index(store, fresh);
    if (status < 0) return status;
    const b2_sparse_index index = {fresh->index.bytes, fresh->index_bytes, &fresh->identity};
    status = b2_sparse_write_copy(store, fresh->temporary_copy, &index);
    if (status < 0) {
        io->remove(io->context, fresh->temporary);
        return status;
    }
    status = rename_index(store, fresh);
    if (status < 0) {
        io->remove(io->context, fresh->temporary_copy);
        return status;
    }
    status = io->rename_over(io->context, fresh->temporary_copy, fresh->copy_path);
    if (status < 0) {
        io->remove(io->context, fresh->temporary_copy);
        store->poisoned = true; /* the index is there, and must keep its files */
    }
    return status;
}

static int commit_synced(b2_sparse_store *store, fresh_state *fresh)
{
    bool synced;
    b2_file_numbers flushed;
    int status = b2_file_numbers_copy(&fresh->files, &flushed);
    if (status < 0) return status;
    status = b2_sparse_sync_chunks(store, &fresh->files, &synced);
    if (status == BLOSC2_OK && (synced || store->is_unsynced))
        status = b2_sparse_sync_names(store); /* before they are mentioned */
    if (status == BLOSC2_OK) status = replace_both(store, fresh);
    if (status == BLOSC2_OK && store->is_new) status = b2_sparse_sync_names(store);
    if (status == BLOSC2_OK) status = publish(store);
    if (status == BLOSC2_OK) {
        status = b2_sparse_sync_names(store);
        if (status < 0) store->poisoned = true; /* as above */
    }
    if (status == BLOSC2_OK) {
        take(store, fresh);
        b2_sparse_was_flushed(store, &flushed);
    }
    b2_file_numbers_free(&flushed);
    return status;
}

/* What is replaced may be needed again after a power cut: there must be a copy of a state that is flushed. */
static int commit_ordered(b2_sparse_store *store, fresh_state *fresh)
{
    bool needs_copy = !store->is_new && !store->has_copy && !store->was_never_flushed;
    int status = needs_copy ? b2_sparse_flush_locked(store) : BLOSC2_OK;
    if (status == BLOSC2_OK) status = write_index(store, fresh);
    if (status < 0) return status;
    b2_sparse_count_dead(store);
    status = rename_index(store, fresh);
    if (status == BLOSC2_OK) status = publish(store);
    if (status < 0) return status;
    take(store, fresh);
    store->is_unsynced = true;
    store->is_copied = false;
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
    fresh_state fresh = {0};
    int status = make_fresh(store, state, workspace, &fresh);
    if (status == BLOSC2_OK)
        status = store->durability == BLOSC2_DURABILITY_FSYNC ? commit_synced(store, &fresh)
                                                              : commit_ordered(store, &fresh);
    free_fresh(&fresh);
    if (status == BLOSC2_OK) base->is_changing = false;
    return status;
}
