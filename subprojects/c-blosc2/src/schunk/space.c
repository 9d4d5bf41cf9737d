#include "schunk/space.h"

#include <string.h>

#include "base/checked.h"
#include "base/memory.h"
#include "blosc2.h"

void b2_space_init(b2_space *space, int64_t end)
{
    *space = (b2_space){.end = end, .committed_end = end};
    space->free.no_room = space->spare.no_room = INT64_MAX;
}

void b2_space_free(b2_space *space)
{
    b2_free(space->free.list.items);
    b2_free(space->unwiped.items);
    b2_free(space->taken.items);
    b2_free(space->spare.list.items);
    b2_free(space->dead.items);
    b2_free(space->ripe.items);
    *space = (b2_space){0};
}

/* ------------------------------------------------------------------ lists */

/* Needs room. An extent that goes on where the last one ends makes that longer. */
static void join(b2_extents *list, b2_extent extent)
{
    b2_extent *last = list->count ? &list->items[list->count - 1] : NULL;
    if (last && last->stop == extent.start)
        last->stop = extent.stop;
    else
        list->items[list->count++] = extent;
}

/* Put extents into an ascending pool, joining neighbours. Needs room there for all of both. */
static void merge(b2_pool *pool, b2_extent *more, int64_t count)
{
    b2_extents *list = &pool->list;
    const b2_extents fresh = {.items = more, .count = count};
    b2_extents_sort(&fresh);
    int64_t old = list->count - 1, next = count - 1, at = list->count + count;
    while (next >= 0) { /* from behind, in place */
        bool is_old = old >= 0 && list->items[old].start > more[next].start;
        list->items[--at] = is_old ? list->items[old--] : more[next--];
    }
    int64_t total = list->count + count;
    list->count = 0;
    for (int64_t i = 0; i < total; i++) {
        b2_extent extent = list->items[i];
        if (extent.start < extent.stop) join(list, extent); /* writes at or before `i` */
    }
    pool->cursor = 0;
    pool->no_room = INT64_MAX;
}

/* What is free up to the end moves the end, but not below `low`. @return Bytes that left the pool. */
static int64_t lower_end(b2_space *space, b2_pool *pool, int64_t low)
{
    b2_extents *list = &pool->list;
    int64_t bytes = 0;
    while (list->count > 0) {
        b2_extent *last = &list->items[list->count - 1];
        bool is_behind_kept = space->end == space->kept_stop && last->stop == space->kept_start;
        if ((last->stop < space->end && !is_behind_kept) || b2_min_i64(last->stop, space->end) <= low) break;
        int64_t end = b2_max_i64(last->start, low);
        bytes += last->stop - end;
        space->end = b2_min_i64(space->end, end);
        last->stop = end;
        if (last->start == last->stop) list->count--;
    }
    if (pool->cursor >= list->count) pool->cursor = 0;
    return bytes;
}

/* What nobody has wiped is not cut off: without a sync it may come back. */
static void merge_into_free(b2_space *space, b2_extent *more, int64_t count)
{
    const b2_extents *unwiped = &space->unwiped;
    merge(&space->free, more, count);
    lower_end(space, &space->free, unwiped->count ? unwiped->items[unwiped->count - 1].stop : 0);
}

/* ------------------------------------------------------------------ taking */

static int fail_memory(void)
{
    return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a list of free space");
}

/* Take [start, start + bytes) out of extent `at` of a list. */
static int cut_out(b2_extents *list, int64_t at, int64_t start, int64_t bytes)
{
    if (!b2_extents_reserve(list, list->count + 1)) return fail_memory();
    b2_extent below = list->items[at], above = below;
    below.stop = start;
    above.start = start + bytes;
    if (below.start < below.stop && above.start < above.stop) {
        memmove(list->items + at + 1, list->items + at, (size_t)(list->count - at) * sizeof *list->items);
        list->items[at] = below;
        list->items[at + 1] = above;
        list->count++;
    } else if (below.start < below.stop || above.start < above.stop) {
        list->items[at] = below.start < below.stop ? below : above;
    } else {
        b2_extents_remove(list, at, 1);
    }
    return BLOSC2_OK;
}

/* What was written there before could come back in the place of what is going to be. */
static void write_over(b2_space *space, int64_t start, int64_t bytes)
{
    if (space->unwiped.count == 0) return;
    if (b2_extents_have(&space->unwiped, start)) space->has_rewritten = true;
    b2_extents_cut(&space->unwiped, start, start + bytes);
}

/* Take out of the free extent `at`. */
static int take_free(b2_space *space, int64_t at, int64_t start, int64_t bytes)
{
    if (!b2_extents_reserve(&space->taken, space->taken.count + 1)) return fail_memory();
    int status = cut_out(&space->free.list, at, start, bytes);
    if (status < 0) return status;
    space->taken.items[space->taken.count++] = (b2_extent){.start = start, .stop = start + bytes};
    write_over(space, start, bytes);
    return BLOSC2_OK;
}

static int take_spare(b2_space *space, int64_t at, int64_t start, int64_t bytes)
{
    int status = cut_out(&space->spare.list, at, start, bytes);
    if (status < 0) return status;
    space->spare_bytes -= bytes;
    space->has_rewritten = true;
    return BLOSC2_OK;
}

/* Bytes that the end went past without a need are as if taken and given back: the kept place is not. */
static void leave_hole(b2_space *space, int64_t start, int64_t stop)
{
    int64_t below = b2_min_i64(stop, space->kept_start), above = b2_max_i64(start, space->kept_stop);
    if (start >= stop) return;
    if (space->kept_stop <= start || space->kept_start >= stop) {
        b2_space_give_back(space, start, stop - start);
        return;
    }
    if (start < below) b2_space_give_back(space, start, below - start);
    if (above < stop) b2_space_give_back(space, above, stop - above);
}

static int take_end(b2_space *space, int64_t low, int64_t bytes, int64_t *start)
{
    int64_t place = b2_max_i64(space->end, low), end, hole = space->end;
    if (place < space->kept_stop && bytes > space->kept_start - place) place = space->kept_stop;
    if (!b2_add_i64(place, bytes, &end))
        return blosc2_fail(BLOSC2_E_ARGUMENT, "chunks section: %lld bytes and %lld overflow",
                           (long long)space->end, (long long)bytes);
    *start = place;
    space->end = end;
    write_over(space, place, bytes);
    leave_hole(space, hole, place);
    return BLOSC2_OK;
}

/* An extent with that many bytes; -1: none has. */
static int64_t find_room(b2_pool *pool, int64_t bytes)
{
    const b2_extents *list = &pool->list;
    if (bytes >= pool->no_room) return -1;
    for (int64_t n = 0; n < list->count; n++) {
        int64_t at = (pool->cursor + n) % list->count;
        if (list->items[at].stop - list->items[at].start < bytes) continue;
        pool->cursor = at;
        return at;
    }
    pool->no_room = bytes;
    return -1;
}

int b2_space_take(b2_space *space, int64_t bytes, int64_t *start)
{
    int64_t at = space->spare_bytes > space->spare_left ? find_room(&space->spare, bytes) : -1;
    if (at >= 0) {
        *start = space->spare.list.items[at].start;
        return take_spare(space, at, *start, bytes);
    }
    at = space->frozen ? -1 : find_room(&space->free, bytes);
    if (at >= 0) {
        *start = space->free.list.items[at].start;
        return take_free(space, at, *start, bytes);
    }
    return take_end(space, 0, bytes, start);
}

/* The first extent of a list with that many bytes at `low` or later; -1: none has. */
static int64_t find_room_from(const b2_extents *list, int64_t low, int64_t bytes, int64_t *place)
{
    int64_t at = list->count;
    while (at > 0 && list->items[at - 1].stop > low) at--;
    for (; at < list->count; at++) {
        *place = b2_max_i64(list->items[at].start, low);
        if (list->items[at].stop - *place >= bytes) return at;
    }
    return -1;
}

int b2_space_take_from(b2_space *space, int64_t low, int64_t bytes, int64_t *start)
{
    int64_t free_place = 0, spare_place = 0, free_at = -1, spare_at = -1;
    if (!space->frozen) free_at = find_room_from(&space->free.list, low, bytes, &free_place);
    if (space->spare_bytes > space->spare_left)
        spare_at = find_room_from(&space->spare.list, low, bytes, &spare_place);
    if (spare_at >= 0 && (free_at < 0 || spare_place < free_place)) {
        *start = spare_place;
        return take_spare(space, spare_at, spare_place, bytes);
    }
    if (free_at >= 0) {
        *start = free_place;
        return take_free(space, free_at, free_place, bytes);
    }
    return take_end(space, low, bytes, start);
}

static void cut_everywhere(b2_space *space, int64_t start, int64_t stop)
{
    b2_extents_cut(&space->free.list, start, stop);
    b2_extents_cut(&space->unwiped, start, stop);
    b2_extents_cut(&space->dead, start, stop);
    b2_extents_cut(&space->ripe, start, stop);
    space->dead_bytes = b2_extents_bytes(&space->dead) + b2_extents_bytes(&space->ripe);
    space->free.cursor = 0;
}

void b2_space_claim(b2_space *space, int64_t start, int64_t bytes)
{
    cut_everywhere(space, start, start + bytes);
    if (space->end < start + bytes) space->end = start + bytes;
}

void b2_space_keep(b2_space *space, int64_t start, int64_t stop)
{
    cut_everywhere(space, start, stop);
    space->kept_start = start;
    space->kept_stop = stop;
}

int64_t b2_space_free_bytes(const b2_space *space)
{
    return b2_extents_bytes(&space->free.list);
}

void b2_space_give_back(b2_space *space, int64_t start, int64_t bytes)
{
    b2_extents *list = &space->spare.list;
    if (!b2_extents_reserve(list, list->count + 1)) return;
    int64_t at = 0, high = list->count;
    while (at < high) { /* to the first one behind it */
        int64_t middle = at + (high - at) / 2;
        if (list->items[middle].start < start)
            at = middle + 1;
        else
            high = middle;
    }
    b2_extent extent = {.start = start, .stop = start + bytes};
    space->spare_bytes += bytes;
    space->spare.no_room = INT64_MAX;
    if (at < list->count && list->items[at].start == extent.stop) {
        extent.stop = list->items[at].stop;
        extent.starts = B2_STARTS_INSIDE;
        b2_extents_remove(list, at, 1);
    }
    if (at > 0 && list->items[at - 1].stop == extent.start) {
        list->items[at - 1].stop = extent.stop;
        list->items[at - 1].starts = B2_STARTS_INSIDE;
    } else {
        memmove(list->items + at + 1, list->items + at, (size_t)(list->count - at) * sizeof *list->items);
        list->items[at] = extent;
        list->count++;
    }
    if (space->is_tagged) space->spare_bytes -= lower_end(space, &space->spare, space->committed_end);
}

/* ------------------------------------------------------------------ ends of changes */

static void bury(b2_space *space, b2_extent extent, int64_t died)
{
    extent.died = died;
    if (extent.start < extent.stop && b2_extents_add(&space->dead, extent))
        space->dead_bytes += extent.stop - extent.start;
}

void b2_space_bury(b2_space *space, b2_extent extent)
{
    bury(space, extent, space->commits);
}

void b2_space_bury_old(b2_space *space, b2_extent extent)
{
    bury(space, extent, -1);
}

static void end_change(b2_space *space)
{
    space->taken.count = space->spare.list.count = 0;
    space->spare_bytes = space->spare.cursor = 0;
    space->has_rewritten = false;
}

void b2_space_commit(b2_space *space)
{
    b2_extents *spare = &space->spare.list;
    space->commits++;
    if (!space->is_tagged)
        for (int64_t i = 0; i < spare->count; i++) b2_space_bury_old(space, spare->items[i]);
    else if (b2_extents_reserve(&space->free.list, space->free.list.count + spare->count))
        merge_into_free(space, spare->items, spare->count);
    end_change(space);
    space->committed_end = space->end;
}

void b2_space_rollback(b2_space *space)
{
    space->end = space->committed_end;
    for (int64_t i = 0; i < space->taken.count; i++) { /* in pieces, if it was taken again */
        if (space->has_rewritten) space->taken.items[i].starts = B2_STARTS_INSIDE;
        b2_space_bury_old(space, space->taken.items[i]);
    }
    end_change(space);
}

void b2_space_synced(b2_space *space)
{
    space->synced = space->commits;
}

/* ------------------------------------------------------------------ from dead to free */

static bool is_ripe(const b2_space *space, const b2_extent *extent)
{
    return extent->died < space->commits && extent->died <= space->synced;
}

/* Divide a dead extent: what is needed to `kept`, the rest to `ripe`. @return False if memory is short. */
static bool divide(b2_space *space, b2_extent extent, const b2_extents *needed, b2_extents *kept)
{
    b2_extent rest = extent;
    for (int64_t at = b2_extents_first_behind(needed, rest.start); rest.start < extent.stop; at++) {
        b2_extent free = rest, held = rest;
        if (at < needed->count) free.stop = b2_min_i64(extent.stop, needed->items[at].start);
        if (free.start < free.stop) {
            if (!b2_extents_add(&space->ripe, free)) return false;
            held.start = free.stop;
        }
        if (held.start == extent.stop) break;
        held.stop = b2_min_i64(extent.stop, needed->items[at].stop);
        if (held.start > extent.start) held.starts = b2_extent_starts_within(&extent);
        if (!b2_extents_add(kept, held)) return false;
        rest.start = held.stop;
        rest.starts = b2_extent_starts_within(&extent);
    }
    return true;
}

void b2_space_ripen(b2_space *space, const b2_extents *needed)
{
    b2_extents kept = {0};
    bool has_memory = true;
    for (int64_t i = 0; i < space->dead.count && has_memory; i++) {
        b2_extent extent = space->dead.items[i];
        has_memory =
            is_ripe(space, &extent) ? divide(space, extent, needed, &kept) : b2_extents_add(&kept, extent);
    }
    b2_free(space->dead.items); /* what memory was too short for is lost until the file is opened again */
    space->dead = kept;
    space->dead_bytes = b2_extents_bytes(&space->dead) + b2_extents_bytes(&space->ripe);
}

/* @return False if memory is short. */
static bool note_unwiped(b2_space *space)
{
    for (int64_t i = 0; i < space->ripe.count && !space->is_tagged; i++)
        if (space->ripe.items[i].starts == B2_STARTS_OTHERS &&
            !b2_extents_add(&space->unwiped, space->ripe.items[i]))
            return false;
    b2_extents_unite(&space->unwiped);
    return true;
}

void b2_space_settle(b2_space *space)
{
    int64_t count = space->ripe.count;
    if (count == 0 || !b2_extents_reserve(&space->free.list, space->free.list.count + count)) return;
    if (!note_unwiped(space)) return;
    space->dead_bytes -= b2_extents_bytes(&space->ripe);
    merge_into_free(space, space->ripe.items, count);
    space->ripe.count = 0;
    space->committed_end = space->end;
}

/* ------------------------------------------------------------------ frames that were opened */

/* What must not be free: what is live, and the places that are kept. @return False if memory is short. */
static bool list_used(const b2_space *space, int64_t start, const b2_extents *live, b2_extents *used)
{
    for (int64_t i = 0; i < live->count; i++)
        if (!b2_extents_add(used, live->items[i])) return false;
    if (!b2_extents_add(used, (b2_extent){.stop = start}) ||
        !b2_extents_add(used, (b2_extent){.start = space->kept_start, .stop = space->kept_stop}))
        return false;
    b2_extents_unite(used);
    return true;
}

/* Append what is known to be unused, and sort. @return False if memory is short. */
static bool add_unused(const b2_space *space, b2_extents *known)
{
    const b2_extents *lists[] = {&space->free.list, &space->dead, &space->ripe};
    for (size_t n = 0; n < sizeof lists / sizeof *lists; n++)
        for (int64_t i = 0; i < lists[n]->count; i++)
            if (!b2_extents_add(known, lists[n]->items[i])) return false;
    b2_extents_unite(known);
    return true;
}

bool b2_space_account(b2_space *space, int64_t start, int64_t stop, const b2_extents *live, int64_t died)
{
    b2_extents known = {0}, *unused[] = {&space->free.list, &space->dead, &space->ripe};
    bool is_known = list_used(space, start, live, &known);
    for (size_t n = 0; n < sizeof unused / sizeof *unused && is_known; n++)
        b2_extents_subtract(unused[n], &known);
    b2_extents_set_apart(&space->dead); /* a tail without chunks lies where chunks died */
    b2_extents_set_apart(&space->ripe);
    b2_extents_subtract(&space->ripe, &space->dead);
    b2_extents_subtract(&space->free.list, &space->dead);
    b2_extents_subtract(&space->free.list, &space->ripe);
    space->free.cursor = 0;
    space->dead_bytes = b2_extents_bytes(&space->dead) + b2_extents_bytes(&space->ripe);
    is_known = is_known && add_unused(space, &known);
    for (int64_t i = 0; i <= known.count && is_known && start < stop; i++) {
        b2_extent gap = {.start = start, .stop = stop, .starts = B2_STARTS_OTHERS};
        if (i < known.count) gap.stop = b2_min_i64(known.items[i].start, stop);
        bury(space, gap, died);
        if (i < known.count) start = b2_max_i64(start, known.items[i].stop);
    }
    b2_extents_free(&known);
    return is_known;
}
