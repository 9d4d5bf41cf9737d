/**
 * How a contiguous frame is committed: docs/design/durability.md.
 *
 * Chunks are in the file already, where nothing live was. Index and trailer follow, in a place of their own,
 * and a record of the header that is going to be replaced. The header, written last and at once, makes all of
 * it current. A new frame has no live bytes, is written under a temporary name, and renamed.
 */
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/memory.h"
#include "schunk/frame_store.h"

int b2_frame_write(b2_frame_store *store, const void *bytes, int64_t count, int64_t location)
{
    const b2_io *io = store->io;
    store->is_unsynced = true;
    store->file_end = b2_max_i64(store->file_end, location + count);
    return io->write(io->context, store->file, bytes, (size_t)count, b2_frame_position(store, location));
}

/* ------------------------------------------------------------------ syncs */

/* A sync that failed is not tried again: the system may have forgotten the bytes by then. */
static int poison(b2_frame_store *store, int status)
{
    if (status == BLOSC2_E_IO) store->poisoned = true;
    return status;
}

int b2_frame_sync(b2_frame_store *store)
{
    if (!store->path) return BLOSC2_OK;
    const b2_io *io = store->io;
    if (store->is_unsynced) {
        int status = io->sync(io->context, store->file);
        if (status < 0) return poison(store, status);
        store->is_unsynced = false;
    }
    if (store->has_new_name) {
        int status = b2_io_sync_parent(io, store->path);
        if (status < 0) return poison(store, status);
        store->has_new_name = false;
    }
    b2_space_synced(&store->space);
    store->checkpointed = false; /* the header itself is one, until it is replaced */
    return BLOSC2_OK;
}

/* Cut the file: behind `end` nothing is needed. If that fails, it is longer, and right as well. */
void b2_frame_cut(b2_frame_store *store, int64_t end)
{
    if (store->file_end <= end) return;
    if (store->io->truncate(store->io->context, store->file, b2_frame_position(store, end)) == BLOSC2_OK)
        store->file_end = end;
}

int b2_frame_flush(b2_store *base)
{
    b2_frame_store *store = (b2_frame_store *)base;
    if (!store->path || store->temporary) return BLOSC2_OK;
    if (store->poisoned)
        return blosc2_fail_io(BLOSC2_E_IO, EIO, store->path, "%s: an earlier sync failed", store->path);
    return b2_frame_sync(store);
}

bool b2_frame_can_trim(const b2_store *base)
{
    const b2_frame_store *store = (const b2_frame_store *)base;
    return store->path && store->file_end > store->frame_bytes - store->header_bytes;
}

/* States before the committed one are not needed once that is on the medium. */
void b2_frame_trim(b2_store *base)
{
    b2_frame_store *store = (b2_frame_store *)base;
    b2_space *space = &store->space;
    int64_t end = store->frame_bytes - store->header_bytes;
    if (base->has_readers || store->is_unsynced || store->poisoned) return;
    b2_space_claim(space, end, b2_max_i64(space->end - end, 0));
    space->end = space->committed_end = end;
    b2_frame_cut(store, end);
}

/* ------------------------------------------------------------------ the header */

/*
 * Before a header goes over one that is on the medium, with no sync in between: a copy of that one, synced,
 * so that its state can be found again if a power cut takes the new one's bytes and leaves the new header.
 */
static int write_checkpoint(b2_frame_store *store)
{
    int64_t bytes = b2_frame_checkpoint_bytes(store->header_bytes);
    if (!store->has_checkpoint || store->checkpointed || store->header_bytes > B2_RECORD_HEADER_MAX)
        return BLOSC2_OK;
    uint8_t *record = b2_malloc((size_t)bytes);
    if (!record)
        return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a record of %lld bytes", (long long)bytes);
    b2_record_build(B2_RECORD_CHECKPOINT, NULL, b2_frame_committed(store), store->header_bytes, record);
    int status = b2_frame_write(store, record, bytes, 0);
    b2_free(record);
    if (status == BLOSC2_OK) status = b2_frame_sync(store);
    if (status == BLOSC2_OK) store->checkpointed = true;
    return status;
}

/* What must be on the medium before the new header may be there. */
static int before_header(b2_frame_store *store, bool syncs)
{
    if (!store->path || b2_frame_is_new(store)) return BLOSC2_OK;
    return syncs ? b2_frame_sync(store) : write_checkpoint(store);
}

/* Replace the header by the fresh one. A write that fails half-way is undone as well as it can be. */
static int write_header(b2_frame_store *store, bool syncs)
{
    const b2_io *io = store->io;
    size_t size = (size_t)store->header_bytes;
    int status = before_header(store, syncs);
    if (status < 0) return status;
    store->is_unsynced = true;
    status = io->write(io->context, store->file, b2_frame_fresh(store), size, store->offset);
    if (status < 0 && !b2_frame_is_new(store))
        io->write(io->context, store->file, b2_frame_committed(store), size, store->offset);
    if (status == BLOSC2_OK) {
        memcpy(b2_frame_committed(store), b2_frame_fresh(store), size);
        store->damaged = false;
    }
    return status;
}

static int publish(b2_frame_store *store)
{
    const b2_io *io = store->io;
    if (!store->temporary) return BLOSC2_OK;
    int status = io->identity(io->context, store->temporary, &store->identity);
    if (status == BLOSC2_OK)
        status =
            (store->replaces ? io->rename_over : io->rename_new)(io->context, store->temporary, store->path);
    if (status < 0) return status;
    b2_free(store->temporary);
    store->temporary = NULL;
    store->replaces = false;
    store->has_new_name = true;
    return BLOSC2_OK;
}

/* ------------------------------------------------------------------ index, trailer, header */

/* Write the tail to `location`, and as the file's end a record of the header's replacement. */
static int write_tail(b2_frame_store *store, b2_image *image, int64_t location)
{
    int64_t bytes = b2_record_bytes(B2_RECORD_REDO, store->header_bytes), end = location + image->tail_bytes;
    if (!store->path || b2_frame_is_new(store) || store->header_bytes > B2_RECORD_HEADER_MAX)
        return b2_frame_write(store, image->bytes.bytes, image->tail_bytes, location);
    int status = b2_buffer_reserve(&image->bytes, (size_t)(image->tail_bytes + bytes));
    if (status < 0) return status;
    uint8_t *record = image->bytes.bytes + image->tail_bytes;
    b2_record_build(B2_RECORD_REDO, b2_frame_committed(store), b2_frame_fresh(store), store->header_bytes,
                    record);
    if (end >= store->file_end)
        return b2_frame_write(store, image->bytes.bytes, image->tail_bytes + bytes, location);
    status = b2_frame_write(store, image->bytes.bytes, image->tail_bytes, location);
    return status < 0 ? status : b2_frame_write(store, record, bytes, store->file_end);
}

/* Dead bytes of the section, about: a reader that writes decides by them whether to look. */
static int64_t count_dead(const b2_frame_store *store, int64_t section_bytes)
{
    int64_t bytes = store->unknown_dead_bytes + store->space.dead_bytes;
    for (int64_t i = 0; i < store->space.free.count; i++)
        bytes += store->space.free.items[i].stop - store->space.free.items[i].start;
    return b2_min_i64(bytes, section_bytes);
}

/* Write the tail to `location`, and the header; each of them synced if `is_cautious`, or in `fsync` mode. */
static int commit_at(b2_frame_store *store, const b2_state *state, b2_image *image, int64_t location,
                     bool is_cautious)
{
    int64_t frame_bytes = store->header_bytes + location + image->tail_bytes;
    uint8_t fingerprint[B2_FINGERPRINT_BYTES];
    b2_state sealed = *state;
    sealed.dead_units = (uint32_t)b2_min_i64(count_dead(store, location) / B2_DEAD_UNIT, UINT32_MAX);
    b2_image_header(state, B2_FRAME_CONTIGUOUS, store->header_bytes, location, frame_bytes,
                    b2_frame_fresh(store));
    b2_image_seal(image, &sealed, b2_frame_fresh(store), store->header_bytes);
    memcpy(fingerprint, b2_image_fingerprint(image), sizeof fingerprint);
    bool syncs = is_cautious || store->durability == BLOSC2_DURABILITY_FSYNC || store->replaces;
    int status = write_tail(store, image, location);
    if (status == BLOSC2_OK) status = write_header(store, syncs);
    if (status == BLOSC2_OK && syncs && store->temporary) status = b2_frame_sync(store);
    if (status == BLOSC2_OK) status = publish(store);
    if (status < 0) return status;
    int64_t old_tail = store->frame_bytes - store->header_bytes - store->section_bytes;
    bool was_new = b2_frame_is_new(store);
    b2_space_commit(&store->space);
    if (!was_new)
        b2_space_bury(&store->space,
                      (b2_extent){.start = store->section_bytes, .stop = store->section_bytes + old_tail});
    memcpy(store->fingerprint, fingerprint, sizeof fingerprint);
    store->frame_bytes = frame_bytes;
    store->section_bytes = location;
    store->has_chunks = state->index->count > 0;
    status = syncs ? b2_frame_sync(store) : BLOSC2_OK;
    if (status == BLOSC2_OK) b2_frame_cut(store, store->space.end); /* the record is needed until then */
    return status;
}

/* Where the tail may begin: behind the last chunk of the new state. */
static int64_t end_of_chunks(const b2_frame_store *store, const b2_index *index)
{
    if (store->space.frozen) return store->space.end;
    int64_t last = index->entries || index->count == 0 ? -1 : index->uniform;
    for (int64_t i = 0; i < index->count && index->entries; i++) last = b2_max_i64(last, index->entries[i]);
    if (last >= 0) {
        int64_t bytes = b2_frame_extent_bytes(store, last);
        return bytes ? last + bytes : store->space.end;
    }
    return store->has_checkpoint ? b2_frame_checkpoint_bytes(store->header_bytes) : 0;
}

static int commit_chunks(b2_frame_store *store, const b2_state *state, b2_image *image)
{
    int64_t low = end_of_chunks(store, state->index), location = 0;
    int status = b2_space_take_from(&store->space, low, image->tail_bytes, &location);
    return status < 0 ? status : commit_at(store, state, image, location, false);
}

/* Right behind the header, where no byte is live; where chunks were, each step is synced. */
static int commit_in_front(b2_frame_store *store, const b2_state *state, b2_image *image, bool had_chunks)
{
    int status = had_chunks ? b2_frame_sync(store) : BLOSC2_OK; /* what is there may be a checkpoint */
    if (status < 0) return status;
    b2_space_claim(&store->space, 0, image->tail_bytes);
    return commit_at(store, state, image, 0, had_chunks);
}

/* In the place of the checkpoint, which a frame without chunks cannot have. */
static int commit_in_hole(b2_frame_store *store, const b2_state *state, b2_image *image)
{
    int64_t bytes = b2_frame_checkpoint_bytes(store->header_bytes);
    int status = commit_in_front(store, state, image, true);
    if (status < 0) return status;
    store->has_checkpoint = false;
    b2_space_bury(&store->space, (b2_extent){.start = image->tail_bytes, .stop = bytes, .is_mixed = true});
    return BLOSC2_OK;
}

/**
 * A frame without chunks: C-Blosc2 looks for the trailer right behind the header then
 * (docs/format/frame-format.md 5). If bytes are live there, they must be dead before: docs/design/growth.md.
 */
static int commit_empty(b2_frame_store *store, const b2_state *state, b2_image *image)
{
    bool had_chunks = store->has_chunks;
    if (b2_frame_is_new(store)) {
        store->space.end = 0;
        store->has_checkpoint = false;
        return commit_in_front(store, state, image, false);
    }
    if (store->has_checkpoint && image->tail_bytes <= b2_frame_checkpoint_bytes(store->header_bytes))
        return commit_in_hole(store, state, image);
    int64_t location = 0;
    bool is_there = store->section_bytes == 0;
    int64_t low = is_there ? store->frame_bytes - store->header_bytes : 0;
    int status =
        b2_space_take_from(&store->space, b2_max_i64(low, image->tail_bytes), image->tail_bytes, &location);
    if (status == BLOSC2_OK) status = commit_at(store, state, image, location, false);
    if (status < 0) return status;
    store->has_checkpoint = false;
    if (store->base.has_readers) return BLOSC2_OK;    /* of the old chunks */
    commit_in_front(store, state, image, had_chunks); /* if it fails: as committed before, whole */
    return BLOSC2_OK;
}

int b2_frame_commit(b2_store *base, const b2_state *state, blosc2_workspace *workspace)
{
    b2_frame_store *store = (b2_frame_store *)base;
    if (b2_frame_header_size(state->fixed) > store->header_bytes)
        return blosc2_fail(BLOSC2_E_ARGUMENT,
                           "metalayers: a header of %lld bytes (it has %d, and cannot grow)",
                           (long long)b2_frame_header_size(state->fixed), store->header_bytes);
    b2_image image = {0};
    int status = b2_image_build(&image, state, workspace);
    if (status == BLOSC2_OK)
        status =
            state->index->count ? commit_chunks(store, state, &image) : commit_empty(store, state, &image);
    b2_image_free(&image);
    if (status == BLOSC2_OK) base->is_changing = false;
    return status;
}
