/**
 * Dead space of a contiguous frame, and when it is used again: only in frames with checksums, so that a
 * reader who holds an older state and no lock notices, and only when there is as much of it as is worth a
 * sync.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/memory.h"
#include "chunk/header.h"
#include "chunk/postscript.h"
#include "schunk/frame_store.h"

/* Dead bytes are left alone up to here, and up to a part of the section. */
enum { DEAD_BYTES_FREE = 1 << 20, DEAD_PART = 4, WIPE_BYTES = 1 << 16 };

int64_t b2_frame_extent_bytes(const b2_frame_store *store, int64_t location)
{
    uint8_t header[B2_HEADER_EXTENDED];
    int64_t room = b2_max_i64(store->section_bytes, store->space.end) - location;
    size_t bytes = (size_t)b2_min_i64(room, sizeof header);
    blosc2_view view;
    if (room < B2_HEADER_BLOSC1) return 0;
    if (store->io->read(store->io->context, store->file, header, bytes, b2_frame_position(store, location)) <
            0 ||
        b2_header_parse(header, bytes, room, &view) < 0)
        return 0;
    return (int64_t)view.cbytes + (store->reuses ? b2_postscript_bytes(&view) : 0);
}

void b2_frame_drop(b2_store *base, int64_t location)
{
    b2_frame_store *store = (b2_frame_store *)base;
    if (!store->reuses) return;
    int64_t bytes = b2_frame_extent_bytes(store, location);
    if (bytes == 0) return;
    if (base->is_changing)
        b2_space_give_back(&store->space, location, bytes);
    else
        b2_space_bury(&store->space, (b2_extent){.start = location, .stop = location + bytes});
}

static int compare_starts(const void *a, const void *b)
{
    int64_t x = ((const b2_extent *)a)->start, y = ((const b2_extent *)b)->start;
    return (x > y) - (x < y);
}

/* Extents of all stored chunks, ascending. @return False if they cannot be told. */
static bool find_live(const b2_frame_store *store, const b2_index *index, b2_extent *live, int64_t *count)
{
    *count = 0;
    for (int64_t i = 0; i < index->count; i++) {
        int64_t location = index->entries[i];
        if (location < 0) continue;
        int64_t bytes = b2_frame_extent_bytes(store, location);
        if (bytes == 0) return false;
        live[(*count)++] = (b2_extent){.start = location, .stop = location + bytes};
    }
    qsort(live, (size_t)*count, sizeof *live, compare_starts);
    for (int64_t i = 1; i < *count; i++)
        if (live[i].start < live[i - 1].stop) return false; /* another writer's: leave all as it is */
    return true;
}

static void bury_gap(b2_frame_store *store, int64_t start, int64_t stop)
{
    if (stop <= start) return;
    b2_space_claim(&store->space, start, stop - start); /* once, not twice */
    b2_space_bury(&store->space, (b2_extent){.start = start, .stop = stop, .is_mixed = true});
}

/* What no chunk uses, of a frame that was written by others, or earlier: dead from now on. */
static void scan(b2_frame_store *store, const b2_index *index)
{
    store->is_scanned = true;
    store->unknown_dead_bytes = 0;
    int64_t count = 0, stored = index->entries ? index->count : 0;
    b2_extent *live = b2_malloc((size_t)stored * sizeof *live);
    if (!live) return;
    b2_index none = {0};
    if (find_live(store, index->entries ? index : &none, live, &count)) {
        int64_t at = store->has_checkpoint ? b2_frame_checkpoint_bytes(store->header_bytes) : 0;
        for (int64_t i = 0; i < count; i++) {
            bury_gap(store, at, live[i].start);
            at = live[i].stop;
        }
        bury_gap(store, at, store->section_bytes);
    } else {
        store->reuses = false;
    }
    b2_free(live);
}

/* A frame that was made without chunks has its first tail where a checkpoint belongs. */
static void reserve_checkpoint(b2_frame_store *store)
{
    int64_t bytes = b2_frame_checkpoint_bytes(store->header_bytes);
    const b2_extents *list = &store->space.free;
    bool is_free = list->count > 0 && list->items[0].start == 0 && list->items[0].stop >= bytes;
    if (store->has_checkpoint || !store->has_chunks || !is_free) return;
    b2_space_claim(&store->space, 0, bytes);
    store->has_checkpoint = true;
}

/* The header was found damaged, and what it should be is known. */
static int repair_header(b2_frame_store *store)
{
    if (!store->damaged) return BLOSC2_OK;
    int status = store->io->write(store->io->context, store->file, b2_frame_committed(store),
                                  (size_t)store->header_bytes, store->offset);
    store->is_unsynced = true;
    if (status == BLOSC2_OK) store->damaged = false;
    return status;
}

/* What begins there does not look like a chunk, or an index, any more. */
static int wipe(b2_frame_store *store, const b2_extent *extent)
{
    static const uint8_t zeros[WIPE_BYTES];
    int64_t stop =
        extent->is_mixed ? extent->stop : b2_min_i64(extent->start + B2_HEADER_BLOSC1, extent->stop);
    int status = BLOSC2_OK;
    for (int64_t at = extent->start; at < stop && status == BLOSC2_OK; at += WIPE_BYTES)
        status = b2_frame_write(store, zeros, b2_min_i64(WIPE_BYTES, stop - at), at);
    return status;
}

static int wipe_ripe(b2_frame_store *store)
{
    b2_space *space = &store->space;
    int64_t count = b2_space_ripe(space);
    int status = BLOSC2_OK;
    for (int64_t i = 0; i < count && status == BLOSC2_OK; i++) status = wipe(store, &space->dead.items[i]);
    if (status == BLOSC2_OK) b2_space_wiped(space, count);
    return status;
}

/* Make dead space free, if that costs nothing, or there is enough of it. */
static int reclaim(b2_frame_store *store, const b2_index *index)
{
    b2_space *space = &store->space;
    int64_t enough = b2_max_i64(DEAD_BYTES_FREE, store->section_bytes / DEAD_PART);
    if (!store->is_scanned && space->dead_bytes + store->unknown_dead_bytes > enough) scan(store, index);
    if (store->durability == BLOSC2_DURABILITY_FSYNC) {
        b2_space_settle_unwiped(space);
        return BLOSC2_OK;
    }
    if (space->dead_bytes <= enough || b2_space_ripe_after_sync(space) == 0) return BLOSC2_OK;
    int status = b2_frame_sync(store);
    if (status == BLOSC2_OK) status = wipe_ripe(store);
    if (status == BLOSC2_OK) status = b2_frame_sync(store);
    if (status == BLOSC2_OK) b2_space_settle(space);
    return status;
}

int b2_frame_prepare(b2_store *base, const b2_index *index)
{
    b2_frame_store *store = (b2_frame_store *)base;
    store->space.frozen = base->has_readers || !store->reuses;
    if (store->poisoned)
        return blosc2_fail_io(BLOSC2_E_IO, EIO, store->path,
                              "%s: a sync failed, and what is on the medium is not known: open it again",
                              store->path);
    int status = repair_header(store);
    if (status == BLOSC2_OK && !store->space.frozen) {
        status = reclaim(store, index);
        if (status == BLOSC2_OK) reserve_checkpoint(store);
    }
    base->is_changing = status == BLOSC2_OK;
    return status;
}
