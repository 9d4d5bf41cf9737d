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
#include "base/failure.h"
#include "base/memory.h"
#include "checksum/crc32c.h"
#include "frame/record.h"
#include "schunk/frame_store.h"

int b2_frame_write(b2_frame_store *store, const void *bytes, int64_t count, int64_t location)
{
    const b2_io *io = store->io;
    store->is_unsynced = true;
    store->file_end = b2_max_i64(store->file_end, location + count);
    if (store->searched_end > 0)
        store->searched_end = b2_max_i64(store->searched_end, b2_frame_position(store, store->file_end));
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
    return BLOSC2_OK;
}

int b2_frame_sync_all(b2_store *base)
{
    b2_frame_store *store = (b2_frame_store *)base;
    store->is_unsynced = true;
    return b2_frame_sync(store);
}

/* The committed state is on the medium, and what names an older one names it now. */
static void is_on_medium(b2_frame_store *store)
{
    b2_space_synced(&store->space);
    store->is_recorded = store->has_near;
    store->is_flushed = true;
}

/* Where a frame has no places for copies of its header, each of its commits is synced. */
static bool can_be_twice(const b2_frame_store *store)
{
    return store->has_near && store->has_chunks && store->copy.mirror >= 0;
}

int b2_frame_settle(b2_frame_store *store)
{
    int status = b2_frame_sync_all(&store->base); /* others may have written what is committed */
    bool is_recorded = status == BLOSC2_OK && store->has_near && b2_frame_is_recorded(store);
    if (status == BLOSC2_OK && can_be_twice(store) && !is_recorded) {
        status = b2_frame_write_twice(store);
        if (status == BLOSC2_OK) status = b2_frame_sync(store);
        is_recorded = status == BLOSC2_OK;
    }
    if (status < 0) return status;
    if (is_recorded || !store->has_near)
        is_on_medium(store);
    else
        store->is_recorded = false; /* the next commit is synced, and has a mirror */
    return BLOSC2_OK;
}

/* Cut the file: behind `end` nothing is needed. If that fails, it is longer, and right as well. */
void b2_frame_cut(b2_frame_store *store, int64_t end)
{
    if (store->file_end <= end) return;
    int64_t position = b2_frame_position(store, end);
    if (store->io->truncate(store->io->context, store->file, position) < 0) return;
    store->file_end = end;
    store->searched_end = b2_min_i64(store->searched_end, position);
}

int b2_frame_flush(b2_store *base, const b2_index *index)
{
    b2_frame_store *store = (b2_frame_store *)base;
    if (!store->path || store->temporary) return BLOSC2_OK;
    if (store->poisoned)
        return blosc2_fail_io(BLOSC2_E_IO, EIO, store->path, "%s: an earlier sync failed", store->path);
    if (store->is_flushed) return BLOSC2_OK;
    b2_frame_find_places(store, index);
    if (store->has_near) return BLOSC2_OK; /* the rest takes the lock */
    return b2_frame_settle(store);
}

int b2_frame_settle_locked(b2_store *base)
{
    b2_frame_store *store = (b2_frame_store *)base;
    b2_frame_check_places(store);
    return b2_frame_settle(store);
}

bool b2_frame_needs_lock(const b2_store *base)
{
    const b2_frame_store *store = (const b2_frame_store *)base;
    return store->path && !store->temporary && !store->is_flushed;
}

bool b2_frame_can_trim(const b2_store *base)
{
    const b2_frame_store *store = (const b2_frame_store *)base;
    return store->path && store->file_end > b2_frame_end(store);
}

/* States before the committed one are not needed once that is on the medium. */
void b2_frame_trim(b2_store *base)
{
    b2_frame_store *store = (b2_frame_store *)base;
    b2_space *space = &store->space;
    int64_t end = b2_frame_end(store);
    if (base->has_readers || !store->is_flushed || store->poisoned) return;
    b2_space_claim(space, end, b2_max_i64(space->end - end, 0));
    space->end = space->committed_end = end;
    b2_frame_cut(store, end);
    if (!space->is_tagged) b2_frame_sync_all(base); /* else old chunks may come back where new ones will be */
}

/* ------------------------------------------------------------------ the header */

/* Replace the header by the fresh one. A write that fails half-way is undone as well as it can be. */
static int write_header(b2_frame_store *store)
{
    const b2_io *io = store->io;
    size_t size = (size_t)store->header_bytes;
    store->is_unsynced = true;
    store->is_flushed = false;
    int status = io->write(io->context, store->file, b2_frame_fresh(store), size, store->offset);
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

/* Where a tail is to be, or is. */
typedef struct tail_place {
    int64_t mirror; /* its second copy; -1: none */
    int64_t tail;
} tail_place;

/* What is done with the medium while a tail and a header are written. */
typedef enum sync_policy {
    SYNC_NOTHING, /* an older state is on the medium, and found there */
    SYNC_EACH,    /* all that a header tells of is on the medium before it is; then the header */
} sync_policy;

/* Write the tail, and as the file's end a record of the header's replacement. */
static int write_tail(b2_frame_store *store, b2_image *image, const tail_place *place)
{
    int64_t bytes = b2_record_bytes(store->header_bytes), end = place->tail + image->tail_bytes;
    if (!store->path || b2_frame_is_new(store) || store->header_bytes > B2_RECORD_HEADER_MAX)
        return b2_frame_write(store, image->bytes.bytes, image->tail_bytes, place->tail);
    int status = b2_buffer_reserve(&image->bytes, (size_t)(image->tail_bytes + bytes));
    if (status < 0) return status;
    uint8_t *record = image->bytes.bytes + image->tail_bytes;
    b2_record_build(b2_frame_committed(store), b2_frame_fresh(store), store->header_bytes, record);
    if (end >= store->file_end)
        return b2_frame_write(store, image->bytes.bytes, image->tail_bytes + bytes, place->tail);
    status = b2_frame_write(store, image->bytes.bytes, image->tail_bytes, place->tail);
    return status < 0 ? status : b2_frame_write(store, record, bytes, store->file_end);
}

/* Dead bytes of the section, about: a reader that writes decides by them whether to look. */
static int64_t count_dead(const b2_frame_store *store, int64_t section_bytes)
{
    int64_t bytes = store->unknown_dead_bytes + store->space.dead_bytes + b2_space_free_bytes(&store->space);
    return b2_min_i64(bytes, section_bytes);
}

/* Copies are needed until the state that the header has now is on the medium, its header as well: others may
 * have committed it, or it was mended just now. */
static int make_safe(b2_frame_store *store)
{
    bool is_safe = !store->has_near || store->is_flushed || b2_frame_is_new(store);
    return is_safe ? BLOSC2_OK : b2_frame_sync_all(&store->base);
}

/* Write all that a commit needs before its header; a copy of that, too, where it is synced. */
static int write_before_header(b2_frame_store *store, const b2_index *index, b2_image *image,
                               const tail_place *place, const b2_copy *copy, sync_policy policy)
{
    int64_t end = place->tail + image->tail_bytes; /* what is behind the frame may be cut off */
    int status = write_tail(store, image, place);
    if (status < 0) return status;
    bool has_copies = !b2_frame_is_new(store);
    if (policy == SYNC_NOTHING) return has_copies ? b2_frame_follow_copies(store, index, true) : BLOSC2_OK;
    if (place->mirror >= 0)
        status = b2_frame_write(store, image->bytes.bytes, image->tail_bytes, place->mirror);
    if (status == BLOSC2_OK) status = make_safe(store);
    if (status == BLOSC2_OK && has_copies) status = b2_frame_follow_copies(store, index, false);
    if (status == BLOSC2_OK) status = b2_frame_write_copies(store, copy, b2_frame_fresh(store), end);
    if (status == BLOSC2_OK && !b2_frame_is_new(store)) status = b2_frame_sync(store);
    return status;
}

static int write_all(b2_frame_store *store, const b2_index *index, b2_image *image, const tail_place *place,
                     const b2_copy *copy, sync_policy policy)
{
    int status = write_before_header(store, index, image, place, copy, policy);
    if (status == BLOSC2_OK) status = write_header(store);
    if (status == BLOSC2_OK && policy == SYNC_EACH && store->temporary) status = b2_frame_sync(store);
    return status == BLOSC2_OK ? publish(store) : status;
}

/* Fresh header and fingerprint for a tail at that place. */
static void finish_image(b2_frame_store *store, const b2_state *state, b2_image *image,
                         const tail_place *place, uint64_t serial)
{
    int64_t section = place->tail + image->tags_bytes;
    int64_t frame_bytes = store->header_bytes + place->tail + image->tail_bytes;
    b2_state sealed = *state;
    sealed.serial = serial;
    sealed.dead_units = (uint32_t)b2_min_i64(count_dead(store, place->tail) / B2_DEAD_UNIT, UINT32_MAX);
    b2_image_header(state, B2_FRAME_CONTIGUOUS, store->header_bytes, section, frame_bytes,
                    b2_frame_fresh(store));
    b2_image_seal(image, &sealed, b2_frame_fresh(store), store->header_bytes);
}

/* What a change has written twice to one place must be on the medium before its header, or tags must tell. */
static sync_policy policy_of(const b2_frame_store *store, const b2_state *state)
{
    bool syncs = store->durability == BLOSC2_DURABILITY_FSYNC || store->replaces;
    syncs |= store->space.has_rewritten && !state->has_tags;
    return store->path && (syncs || (!store->is_recorded && !b2_frame_is_new(store))) ? SYNC_EACH
                                                                                      : SYNC_NOTHING;
}

/* The committed tail and its mirror, which are being replaced. What this change has taken there, where damage
 * had them overlap with free space, is in use. */
static bool list_old_tail(const b2_frame_store *store, b2_extents *out)
{
    int64_t tail = store->copy.tail_start, end = b2_frame_end(store);
    const b2_extents *taken = &store->space.taken;
    if (b2_frame_is_new(store)) return true;
    if (store->copy.mirror >= 0 && store->copy.mirror < tail && /* apart: either may begin with an index */
        !b2_extents_add(out, (b2_extent){.start = store->copy.mirror, .stop = tail}))
        return false;
    if (!b2_extents_add(out, (b2_extent){.start = tail, .stop = end})) return false;
    for (int64_t i = 0; i < taken->count; i++)
        if (!b2_extents_cut(out, taken->items[i].start, taken->items[i].stop)) return false;
    return true;
}

/* The change is committed, and the tail of the state before is dead; if memory is short, it stays unused. */
static void turn_over(b2_frame_store *store)
{
    b2_extents old = {0};
    bool is_listed = list_old_tail(store, &old);
    b2_space_commit(&store->space);
    for (int64_t i = 0; i < old.count && is_listed; i++) b2_space_bury(&store->space, old.items[i]);
    b2_extents_free(&old);
}

/* Whether a power cut may leave a part of the header's replacement: it is in several sectors of the medium.
 */
static bool may_tear(const b2_frame_store *store)
{
    enum { SECTOR_BYTES = 512 }; /* the smallest one that media write whole */
    int changed = 0;
    for (int32_t at = 0; at < store->header_bytes; at += SECTOR_BYTES) {
        int64_t count = b2_min_i64(SECTOR_BYTES, store->header_bytes - at);
        changed += memcmp(b2_frame_fresh(store) + at, b2_frame_committed(store) + at, (size_t)count) != 0;
    }
    return store->path && !b2_frame_is_new(store) && changed > 1;
}

/* Write the tail to its place, and the header. */
static int commit_at(b2_frame_store *store, const b2_state *state, b2_image *image, const tail_place *place,
                     sync_policy policy)
{
    if (!b2_frame_is_new(store)) b2_frame_learn_serial(store);
    finish_image(store, state, image, place, store->copy.serial + 1);
    if (may_tear(store)) policy = SYNC_EACH;
    const b2_copy copy = {.serial = store->copy.serial + 1,
                          .tail_start = place->tail,
                          .tail_bytes = image->tail_bytes,
                          .mirror = place->mirror,
                          .tail_crc = b2_crc32c(0, image->bytes.bytes, (size_t)image->tail_bytes)};
    uint8_t fingerprint[B2_FINGERPRINT_BYTES];
    memcpy(fingerprint, b2_image_fingerprint(image), sizeof fingerprint);
    int status = write_all(store, state->index, image, place, &copy, policy);
    if (status < 0) {
        if (policy == SYNC_EACH) b2_frame_restore_copies(store);
        return status;
    }
    turn_over(store);
    memcpy(store->fingerprint, fingerprint, sizeof fingerprint);
    store->frame_bytes = store->header_bytes + place->tail + image->tail_bytes;
    store->section_bytes = place->tail + image->tags_bytes;
    store->has_chunks = state->index->count > 0;
    store->copy = copy;
    store->tail_is_damaged = false;
    b2_frame_name_state(store);
    if (policy == SYNC_EACH) status = b2_frame_sync(store);
    if (policy == SYNC_EACH && status == BLOSC2_OK) is_on_medium(store);
    if (status == BLOSC2_OK) b2_frame_cut(store, store->space.end); /* the record is needed until then */
    return status;
}

/* Where the tail may begin: behind the last chunk of the new state. Where that ends need not be known: what
 * is free lies before it or behind it. */
static int64_t end_of_chunks(const b2_frame_store *store, const b2_index *index)
{
    if (store->space.frozen) return store->space.end;
    int64_t last = -1, bytes = 0;
    for (int64_t i = 0; i < index->count && index->entries; i++) {
        if (index->entries[i] <= last) continue;
        last = index->entries[i];
        bytes = b2_index_tag(index, i).bytes;
    }
    if (last < 0) return store->has_near ? b2_copy_bytes(store->header_bytes) : 0;
    return last + b2_max_i64(bytes, 1);
}

static int commit_chunks(b2_frame_store *store, const b2_state *state, b2_image *image)
{
    int64_t low = end_of_chunks(store, state->index), bytes = image->tail_bytes, start = 0;
    if (store->path && !b2_add_i64(bytes, bytes + b2_frame_mirror_gap(store, store->space.end), &bytes))
        return blosc2_fail(BLOSC2_E_ARGUMENT, "chunk index and trailer: %lld bytes",
                           (long long)image->tail_bytes);
    int status = b2_space_take_from(&store->space, low, bytes, &start);
    if (status < 0) return status;
    const tail_place place = {.mirror = store->path ? start : -1, .tail = start + bytes - image->tail_bytes};
    return commit_at(store, state, image, &place, policy_of(store, state));
}

/* Right behind the header, where no byte is live. */
static int commit_in_front(b2_frame_store *store, const b2_state *state, b2_image *image, sync_policy policy)
{
    const tail_place place = {.mirror = -1};
    if (policy == SYNC_EACH) {
        int synced = b2_frame_sync_all(&store->base); /* until then the copies are needed that are there */
        if (synced < 0) return synced;
    }
    int status = b2_frame_void_copies(store);
    if (status < 0) return status;
    b2_space_claim(&store->space, 0, image->tail_bytes);
    store->has_near = store->has_far = false;
    status = commit_at(store, state, image, &place, policy);
    if (status == BLOSC2_OK) b2_frame_save_places(store);
    return status;
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
        store->space.kept_start = store->space.kept_stop = 0;
        return commit_in_front(store, state, image, policy_of(store, state));
    }
    if (store->has_near && image->tail_bytes <= b2_copy_bytes(store->header_bytes)) /* in the copy's place */
        return commit_in_front(store, state, image, SYNC_EACH);
    tail_place place = {.mirror = -1};
    bool is_there = store->copy.tail_start == 0;
    int64_t low = b2_max_i64(is_there ? b2_frame_end(store) : 0, image->tail_bytes);
    int status = b2_space_take_from(&store->space, low, image->tail_bytes, &place.tail);
    if (status == BLOSC2_OK) status = b2_frame_sync(store);
    if (status == BLOSC2_OK) status = b2_frame_void_copies(store);
    store->has_near = store->has_far = false;
    if (status == BLOSC2_OK) status = commit_at(store, state, image, &place, SYNC_EACH);
    if (status < 0 || store->base.has_readers) return status; /* of the old chunks */
    commit_in_front(store, state, image, had_chunks ? SYNC_EACH : policy_of(store, state));
    return BLOSC2_OK; /* if it failed: as committed before, whole */
}

/* Tags are for chunks with postscripts; others read frames of variable chunks wrongly enough already. */
static bool is_tagged(const b2_frame_store *store, const b2_state *state)
{
    return store->path && state->seal != BLOSC2_SEAL_NONE && state->chunk_bytes > 0 && state->index->tags;
}

/*
 * The first chunks of a frame that had none: from now on there is room for copies of its header. If they
 * cannot be written, they are another time. Where chunks have left the places in this commit, somebody may
 * read the state that they are of: that is asked before the next one.
 */
static void begin_copies(b2_frame_store *store, const b2_index *index)
{
    b2_failure failure;
    if (store->has_near || !store->is_flushed || store->base.has_readers || store->copy.mirror < 0) return;
    b2_frame_take_places(store, index);
    if (!store->has_near) return;
    b2_failure_save(&failure);
    store->copy.serial++;
    int status = b2_frame_write_copies(store, &store->copy, b2_frame_committed(store), b2_frame_end(store));
    if (status == BLOSC2_OK) status = b2_frame_sync(store);
    if (status == BLOSC2_OK)
        is_on_medium(store);
    else
        store->is_flushed = false;
    b2_failure_restore(&failure);
}

int b2_frame_commit(b2_store *base, const b2_state *state, blosc2_workspace *workspace)
{
    b2_frame_store *store = (b2_frame_store *)base;
    if (b2_frame_header_size(state->fixed) > store->header_bytes)
        return blosc2_fail(BLOSC2_E_ARGUMENT,
                           "metalayers: a header of %lld bytes (it has %d, and cannot grow)",
                           (long long)b2_frame_header_size(state->fixed), store->header_bytes);
    b2_image image = {0};
    b2_state tagged = *state;
    tagged.has_tags = state->index->count > 0 && is_tagged(store, state);
    store->is_untagged = state->index->count > 0 && !tagged.has_tags;
    store->space.is_tagged &= !store->is_untagged;
    bool had_chunks = store->has_chunks;
    int status = b2_image_build(&image, &tagged, workspace);
    if (status == BLOSC2_OK)
        status = state->index->count ? commit_chunks(store, &tagged, &image)
                                     : commit_empty(store, &tagged, &image);
    b2_image_free(&image);
    if (status < 0) return status;
    base->is_changing = false;
    if (!had_chunks) begin_copies(store, state->index);
    return BLOSC2_OK;
}
