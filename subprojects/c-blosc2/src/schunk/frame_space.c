/**
 * Dead space of a contiguous frame, and when it is used again: docs/design/durability.md, "Space". What each
 * chunk takes is told by its tag, or by a header that its postscript verifies; by less only where there is no
 * more, in frames that are not sealed.
 */
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "base/checked.h"
#include "base/failure.h"
#include "base/memory.h"
#include "chunk/header.h"
#include "chunk/postscript.h"
#include "frame/record.h"
#include "schunk/frame_store.h"

enum { DEAD_PART = 4, WIPE_BYTES = 1 << 16 };

/* ------------------------------------------------------------------ extents */

/* By a header, and the postscript that verifies it. @return 0: there is no header. */
static int64_t told_bytes(const b2_frame_store *store, int64_t location, bool *is_verified)
{
    uint8_t header[B2_HEADER_EXTENDED], postscript[B2_POSTSCRIPT_MIN];
    int64_t room = store->file_end - location;
    size_t bytes = (size_t)b2_min_i64(room, sizeof header);
    const b2_io *io = store->io;
    blosc2_view view;
    *is_verified = false;
    if (room < B2_HEADER_BLOSC1 ||
        io->read(io->context, store->file, header, bytes, b2_frame_position(store, location)) < 0 ||
        b2_header_parse(header, bytes, room, &view) < 0)
        return 0;
    *is_verified = room - view.cbytes >= B2_POSTSCRIPT_MIN &&
                   io->read(io->context, store->file, postscript, sizeof postscript,
                            b2_frame_position(store, location + view.cbytes)) == BLOSC2_OK &&
                   b2_postscript_check_header(&view, postscript) == BLOSC2_OK;
    return (int64_t)view.cbytes + (*is_verified ? b2_postscript_bytes(&view) : 0);
}

int64_t b2_frame_chunk_bytes(const b2_frame_store *store, int64_t location)
{
    b2_failure failure;
    bool is_verified;
    b2_failure_save(&failure);
    int64_t bytes = told_bytes(store, location, &is_verified);
    b2_failure_restore(&failure);
    return is_verified || !store->is_sealed ? bytes : 0;
}

int b2_frame_find_extents(const b2_frame_store *store, const b2_index *index, int64_t stop, b2_extents *out)
{
    bool has_memory = true;
    for (int64_t i = 0; index->entries && i < index->count && has_memory; i++) {
        int64_t location = index->entries[i], bytes = b2_index_tag(index, i).bytes;
        if (location < 0) continue;
        if (bytes == 0) bytes = b2_frame_chunk_bytes(store, location);
        has_memory = b2_extents_add(out, (b2_extent){.start = location, .stop = location + bytes});
    }
    if (!has_memory) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a list of extents");
    b2_extents_sort(out);
    for (int64_t i = out->count - 1; i >= 0; i--) { /* what is not known reaches up to what follows */
        b2_extent *extent = &out->items[i];
        if (extent->stop == extent->start) extent->stop = i + 1 < out->count ? extent[1].start : stop;
    }
    return BLOSC2_OK;
}

void b2_frame_drop(b2_store *base, int64_t location, int64_t bytes)
{
    b2_frame_store *store = (b2_frame_store *)base;
    if (base->is_changing && bytes) b2_space_give_back(&store->space, location, bytes);
    if (base->is_changing || !store->reuses) return;
    if (bytes == 0) { /* where the next chunk begins is not known here: see count_unknown() */
        store->unknown_dead_bytes += b2_frame_chunk_bytes(store, location);
        store->has_dropped_unknown = true;
    } else {
        b2_space_bury(&store->space, (b2_extent){.start = location, .stop = location + bytes});
    }
}

/* ------------------------------------------------------------------ what nobody told this handle of */

static int64_t first_of_tail(const b2_frame_store *store)
{
    int64_t tail = store->copy.tail_start;
    return store->copy.mirror >= 0 ? b2_min_i64(store->copy.mirror, tail) : tail;
}

/* The stored chunk that begins last. @return Where it ends; -1: that cannot be told; 0: there is none. */
static int64_t end_of_last(const b2_frame_store *store, const b2_index *index)
{
    int64_t last = -1, bytes = 0;
    for (int64_t i = 0; i < index->count && index->entries; i++) {
        if (index->entries[i] <= last) continue;
        last = index->entries[i];
        bytes = b2_index_tag(index, i).bytes;
    }
    if (last >= 0 && bytes == 0) bytes = b2_frame_chunk_bytes(store, last);
    return last < 0 ? 0 : bytes ? last + bytes : -1;
}

/* The chunk that begins last at or before the middle of each of some parts of `step` bytes. */
static void find_before(const b2_index *index, int64_t step, int64_t *starts, int64_t count)
{
    for (int64_t n = 0; n < count; n++) starts[n] = -1;
    for (int64_t i = 0; i < index->count; i++) {
        int64_t entry = index->entries[i], first = (entry + step - 1 - step / 2) / step;
        if (entry >= 0 && first < count) starts[first] = b2_max_i64(starts[first], entry);
    }
    for (int64_t n = 1; n < count; n++) starts[n] = b2_max_i64(starts[n], starts[n - 1]);
}

/* Dead bytes before the tail, about, where no tags tell: of some places spread over it as many are in dead
 * bytes as of all. That costs a few reads; to know it takes one of each chunk's header. */
static int64_t estimate_dead(const b2_frame_store *store, const b2_index *index, int64_t room)
{
    enum { PLACES = 32 };
    int64_t step = room / PLACES + 1, starts[PLACES], dead = 0, bytes = 0;
    find_before(index, step, starts, PLACES);
    for (int n = 0; n < PLACES; n++) {
        if (n == 0 || starts[n] != starts[n - 1])
            bytes = starts[n] >= 0 ? b2_frame_chunk_bytes(store, starts[n]) : 0;
        bool is_told = starts[n] < 0 || bytes > 0;
        dead += is_told && n * step + step / 2 >= b2_max_i64(starts[n], 0) + bytes;
    }
    int64_t last = end_of_last(store, index);
    return b2_max_i64(dead * step, last < 0 ? 0 : room - last);
}

/* Dead bytes that `space` does not know, about: what tags tell, else headers, or the frame when it was
 * opened; and what was dropped since. */
static int64_t count_unknown(b2_frame_store *store, const b2_index *index, int64_t enough)
{
    int64_t room = first_of_tail(store), bytes = room;
    if (store->is_scanned || store->is_counted) return store->unknown_dead_bytes;
    store->is_counted = true;
    bool has_tags = true;
    for (int64_t i = 0; index->entries && i < index->count; i++) {
        int64_t chunk = b2_index_tag(index, i).bytes;
        has_tags &= index->entries[i] < 0 || chunk > 0;
        bytes -= index->entries[i] >= 0 ? chunk : 0;
    }
    if (!has_tags) bytes = room > enough ? estimate_dead(store, index, room) : 0;
    store->unknown_dead_bytes = b2_max_i64(bytes, store->unknown_dead_bytes);
    return store->unknown_dead_bytes;
}

/* What no chunk uses, of a frame that was written by others, or earlier: dead from now on. */
static void scan(b2_frame_store *store, const b2_index *index)
{
    b2_space *space = &store->space;
    int64_t tail = first_of_tail(store);
    b2_extents live = {0};
    bool is_known = b2_frame_find_extents(store, index, tail, &live) == BLOSC2_OK;
    for (int64_t i = 1; i < live.count; i++) is_known &= live.items[i - 1].stop <= live.items[i].start;
    /* Chunks that overlap are damage, or another writer's: leave all as it is. */
    store->reuses &=
        is_known && b2_space_account(space, store->has_near ? b2_copy_bytes(store->header_bytes) : 0, tail,
                                     &live, store->has_dropped_unknown ? space->commits : -1);
    b2_extents_free(&live);
    store->is_scanned = true;
    store->has_dropped_unknown = false;
    store->unknown_dead_bytes = 0;
}

/* A record of what the damaged header is to become, as the file's end. */
static int record_repair(b2_frame_store *store)
{
    int64_t bytes = b2_record_bytes(store->header_bytes);
    if (!store->path || store->has_record || store->header_bytes > B2_RECORD_HEADER_MAX) return BLOSC2_OK;
    uint8_t *record = b2_malloc((size_t)bytes);
    if (!record)
        return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a record of %lld bytes", (long long)bytes);
    b2_record_build(b2_frame_damaged(store), b2_frame_committed(store), store->header_bytes, record);
    int status = b2_frame_write(store, record, bytes, store->file_end);
    b2_free(record);
    bool syncs = status == BLOSC2_OK && store->durability == BLOSC2_DURABILITY_FSYNC;
    return syncs ? b2_frame_sync(store) : status;
}

/* The header was found damaged, and what it should be is known. */
static int repair_header(b2_frame_store *store)
{
    int64_t end = store->file_end;
    if (!store->damaged) return BLOSC2_OK;
    int status = record_repair(store);
    if (status < 0) return status;
    store->is_unsynced = true;
    status = store->io->write(store->io->context, store->file, b2_frame_committed(store),
                              (size_t)store->header_bytes, store->offset);
    if (status < 0) return status;
    store->damaged = false;
    b2_frame_cut(store, end);
    return BLOSC2_OK;
}

/* ------------------------------------------------------------------ from dead to free */

/* What begins there does not look like a chunk, or an index, any more. */
static int wipe(b2_frame_store *store, const b2_extent *extent)
{
    static const uint8_t zeros[WIPE_BYTES];
    int64_t stop = extent->stop;
    int status = BLOSC2_OK;
    if (extent->starts == B2_STARTS_FIRST) stop = b2_min_i64(extent->start + B2_HEADER_BLOSC1, stop);
    for (int64_t at = extent->start; at < stop && status == BLOSC2_OK; at += WIPE_BYTES)
        status = b2_frame_write(store, zeros, b2_min_i64(WIPE_BYTES, stop - at), at);
    return status;
}

static int wipe_ripe(b2_frame_store *store)
{
    const b2_extents *ripe = &store->space.ripe;
    int status = BLOSC2_OK;
    for (int64_t i = 0; i < ripe->count && status == BLOSC2_OK; i++)
        if (ripe->items[i].starts != B2_STARTS_OTHERS) status = wipe(store, &ripe->items[i]);
    return status == BLOSC2_OK ? b2_frame_sync(store) : status; /* what was rolled back, too */
}

static _Atomic int64_t dead_left = B2_FRAME_DEAD_LEFT;

void b2_frame_leave_dead(int64_t bytes)
{
    atomic_store(&dead_left, bytes);
}

/* Dead bytes that are no reason for a sync: some, and a part of the section. */
static int64_t left_alone(const b2_frame_store *store)
{
    int64_t least = atomic_load(&dead_left);
    return least ? b2_max_i64(least, store->section_bytes / DEAD_PART) : 0;
}

/* All that is dead becomes free, but for what readers need. */
static int free_dead(b2_frame_store *store)
{
    b2_space *space = &store->space;
    const b2_extents *needed;
    store->needed_bytes = space->dead_bytes;
    if (!b2_frame_find_needed(store, &needed)) return BLOSC2_OK; /* another time it may be told */
    b2_space_ripen(space, needed);
    bool may_be_lost = !space->is_tagged && store->durability != BLOSC2_DURABILITY_FSYNC;
    int status = may_be_lost ? wipe_ripe(store) : BLOSC2_OK;
    if (status < 0) return status;
    b2_space_settle(space);
    store->needed_bytes = needed->count ? space->dead_bytes : 0;
    return BLOSC2_OK;
}

/* The committed state is on the medium, and has no place for its mirror: copies of an older one must not
 * bring that back. This change's commit is synced, and has copies again. */
static int forget_older(b2_frame_store *store)
{
    int status = b2_frame_void_copies(store);
    if (status == BLOSC2_OK) status = b2_frame_sync(store);
    if (status == BLOSC2_OK) b2_space_synced(&store->space);
    return status;
}

/* Make dead space free, if that costs nothing, or there is enough of it. */
static int reclaim(b2_frame_store *store, const b2_index *index)
{
    b2_space *space = &store->space;
    int64_t enough = left_alone(store);
    int64_t unknown = count_unknown(store, index, enough);
    bool may_find = !store->is_scanned || store->has_dropped_unknown;
    if (may_find && space->dead_bytes - store->needed_bytes + unknown > enough) scan(store, index);
    bool is_enough = space->dead_bytes - store->needed_bytes > enough;
    bool costs_nothing = store->durability == BLOSC2_DURABILITY_FSYNC && store->base.holders.count == 0;
    if (!store->reuses || !store->is_scanned || !(is_enough || costs_nothing)) return BLOSC2_OK;
    if (space->synced < space->commits) {
        int status = b2_frame_settle(store);
        if (status == BLOSC2_OK && !store->is_flushed) status = forget_older(store);
        if (status < 0) return status;
    }
    return free_dead(store);
}

bool b2_frame_can_sink(const b2_store *base, const b2_index *index)
{
    const b2_frame_store *store = (const b2_frame_store *)base;
    if (!store->path || !store->reuses || base->holders.held != B2_HELD_NONE) return false;
    if (!store->is_sealed && store->space.commits == 0) return false; /* of others alone: leave it as it is */
    int64_t low = end_of_last(store, index);
    return low >= 0 && first_of_tail(store) - low > left_alone(store);
}

int b2_frame_prepare(b2_store *base, const b2_index *index)
{
    b2_frame_store *store = (b2_frame_store *)base;
    b2_space *space = &store->space;
    space->frozen = !store->reuses || !b2_holders_are_told(&base->holders);
    if (store->poisoned)
        return blosc2_fail_io(BLOSC2_E_IO, EIO, store->path,
                              "%s: a sync failed, and what is on the medium is not known: open it again",
                              store->path);
    space->is_tagged = store->path && store->is_sealed && !store->is_untagged;
    b2_frame_find_places(store, index);
    b2_frame_check_places(store);
    int status = repair_header(store);
    if (status == BLOSC2_OK && !base->has_readers) b2_frame_take_places(store, index);
    if (status == BLOSC2_OK && !space->frozen) status = reclaim(store, index);
    space->frozen |= !store->reuses; /* it has looked */
    bool costs_nothing = space->is_tagged || store->durability == BLOSC2_DURABILITY_FSYNC || !store->path;
    space->spare_left = costs_nothing ? 0 : atomic_load(&dead_left);
    base->wants_space = space->frozen && space->dead_bytes + b2_space_free_bytes(space) > left_alone(store);
    base->is_changing = status == BLOSC2_OK;
    return status;
}
