#include "schunk/space.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/memory.h"
#include "blosc2.h"

void b2_space_init(b2_space *space, int64_t end)
{
    *space = (b2_space){.end = end, .committed_end = end, .no_room = INT64_MAX};
}

void b2_space_free(b2_space *space)
{
    b2_free(space->free.items);
    b2_free(space->taken.items);
    b2_free(space->spare.items);
    b2_free(space->dead.items);
    b2_free(space->wiped.items);
    *space = (b2_space){0};
}

/* ------------------------------------------------------------------ lists */

static bool reserve(b2_extents *list, int64_t count)
{
    if (count <= list->room) return true;
    int64_t room = 2 * count + 8;
    b2_extent *items = b2_realloc(list->items, (size_t)room * sizeof *items);
    if (!items) return false;
    list->items = items;
    list->room = room;
    return true;
}

/* Needs room. An extent that goes on where the last one ends makes that longer. */
static void join(b2_extents *list, b2_extent extent)
{
    b2_extent *last = list->count ? &list->items[list->count - 1] : NULL;
    if (last && last->stop == extent.start)
        last->stop = extent.stop;
    else
        list->items[list->count++] = extent;
}

static void remove_at(b2_extents *list, int64_t at, int64_t count)
{
    memmove(list->items + at, list->items + at + count,
            (size_t)(list->count - at - count) * sizeof *list->items);
    list->count -= count;
}

static int compare_starts(const void *a, const void *b)
{
    int64_t x = ((const b2_extent *)a)->start, y = ((const b2_extent *)b)->start;
    return (x > y) - (x < y);
}

/* Put extents into the ascending `free`, joining neighbours. Needs room there for all of both. */
static void merge_into_free(b2_space *space, b2_extent *more, int64_t count)
{
    b2_extents *list = &space->free;
    qsort(more, (size_t)count, sizeof *more, compare_starts);
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
    b2_extent *last;
    while (list->count && (last = &list->items[list->count - 1])->stop >= space->end) {
        space->end = b2_min_i64(last->start, space->end);
        list->count--;
    }
    space->cursor = 0;
    space->no_room = INT64_MAX;
}

/* ------------------------------------------------------------------ taking */

/* Take [start, start + bytes) out of free extent `at`. */
static int take_out(b2_space *space, int64_t at, int64_t start, int64_t bytes)
{
    b2_extents *list = &space->free;
    b2_extent extent = list->items[at], taken = {.start = start, .stop = start + bytes};
    if (!reserve(&space->taken, space->taken.count + 1) || !reserve(list, list->count + 1))
        return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a list of free space");
    space->taken.items[space->taken.count++] = taken;
    b2_extent below = {.start = extent.start, .stop = start},
              above = {.start = taken.stop, .stop = extent.stop};
    if (below.start < below.stop && above.start < above.stop) {
        memmove(list->items + at + 1, list->items + at, (size_t)(list->count - at) * sizeof *list->items);
        list->items[at] = below;
        list->items[at + 1] = above;
        list->count++;
    } else if (below.start < below.stop || above.start < above.stop) {
        list->items[at] = below.start < below.stop ? below : above;
    } else {
        remove_at(list, at, 1);
    }
    return BLOSC2_OK;
}

static int take_end(b2_space *space, int64_t bytes, int64_t *start)
{
    int64_t end;
    if (!b2_add_i64(space->end, bytes, &end))
        return blosc2_fail(BLOSC2_E_ARGUMENT, "chunks section: %lld bytes and %lld overflow",
                           (long long)space->end, (long long)bytes);
    *start = space->end;
    space->end = end;
    return BLOSC2_OK;
}

int b2_space_take(b2_space *space, int64_t bytes, int64_t *start)
{
    const b2_extents *list = &space->free;
    if (!space->frozen && bytes < space->no_room) {
        for (int64_t n = 0; n < list->count; n++) {
            int64_t at = (space->cursor + n) % list->count;
            int64_t place = list->items[at].start;
            if (list->items[at].stop - place < bytes) continue;
            int status = take_out(space, at, place, bytes);
            if (status < 0) return status;
            space->cursor = at;
            *start = place;
            return BLOSC2_OK;
        }
        space->no_room = bytes;
    }
    return take_end(space, bytes, start);
}

int b2_space_take_from(b2_space *space, int64_t low, int64_t bytes, int64_t *start)
{
    const b2_extents *list = &space->free;
    int64_t at = list->count;
    while (at > 0 && list->items[at - 1].stop > low) at--;
    for (; !space->frozen && at < list->count; at++) {
        int64_t place = b2_max_i64(list->items[at].start, low);
        if (list->items[at].stop - place < bytes) continue;
        int status = take_out(space, at, place, bytes);
        if (status == BLOSC2_OK) *start = place;
        return status;
    }
    if (space->end < low) space->end = low;
    return take_end(space, bytes, start);
}

/* Cut [start, stop) out of a list; false if memory is short. */
static bool cut(b2_extents *list, int64_t start, int64_t stop)
{
    for (int64_t i = list->count - 1; i >= 0; i--) {
        b2_extent extent = list->items[i];
        if (extent.stop <= start || extent.start >= stop) continue;
        remove_at(list, i, 1);
        b2_extent parts[] = {extent, extent};
        parts[0].stop = start;
        parts[1].start = stop;
        for (int n = 1; n >= 0; n--) {
            if (parts[n].start >= parts[n].stop) continue;
            if (!reserve(list, list->count + 1)) return false;
            memmove(list->items + i + 1, list->items + i, (size_t)(list->count - i) * sizeof *list->items);
            list->items[i] = parts[n];
            list->count++;
        }
    }
    return true;
}

static int64_t bytes_of(const b2_extents *list)
{
    int64_t bytes = 0;
    for (int64_t i = 0; i < list->count; i++) bytes += list->items[i].stop - list->items[i].start;
    return bytes;
}

void b2_space_claim(b2_space *space, int64_t start, int64_t bytes)
{
    int64_t wiped = space->wiped.count;
    cut(&space->free, start, start + bytes);
    cut(&space->dead, start, start + bytes);
    cut(&space->wiped, start, start + bytes);
    if (space->wiped.count != wiped) space->wiped_synced = 0; /* which they are is not known any more */
    space->dead_bytes = bytes_of(&space->dead) + bytes_of(&space->wiped);
    if (space->end < start + bytes) space->end = start + bytes;
    space->cursor = 0;
}

void b2_space_give_back(b2_space *space, int64_t start, int64_t bytes)
{
    b2_extent extent = {.start = start, .stop = start + bytes};
    if (reserve(&space->spare, space->spare.count + 1)) space->spare.items[space->spare.count++] = extent;
}

/* ------------------------------------------------------------------ ends of changes */

void b2_space_bury(b2_space *space, b2_extent extent)
{
    b2_extents *list = &space->dead;
    if (extent.start >= extent.stop || !reserve(list, list->count + 1)) return;
    extent.died = space->commits;
    list->items[list->count++] = extent;
    space->dead_bytes += extent.stop - extent.start;
}

void b2_space_commit(b2_space *space)
{
    space->commits++;
    for (int64_t i = 0; i < space->spare.count; i++) b2_space_bury(space, space->spare.items[i]);
    space->taken.count = space->spare.count = 0;
    space->committed_end = space->end;
}

void b2_space_rollback(b2_space *space)
{
    space->end = space->committed_end;
    for (int64_t i = 0; i < space->taken.count; i++) b2_space_bury(space, space->taken.items[i]);
    space->taken.count = space->spare.count = 0;
}

void b2_space_synced(b2_space *space)
{
    space->synced = space->commits;
    space->wiped_synced = space->wiped.count;
}

/* ------------------------------------------------------------------ from dead to free */

static int64_t count_ripe(const b2_space *space, int64_t synced)
{
    int64_t count = 0;
    while (count < space->dead.count && space->dead.items[count].died < space->commits &&
           space->dead.items[count].died <= synced)
        count++;
    return count;
}

int64_t b2_space_ripe(const b2_space *space)
{
    return count_ripe(space, space->synced);
}

int64_t b2_space_ripe_after_sync(const b2_space *space)
{
    return count_ripe(space, space->commits);
}

void b2_space_wiped(b2_space *space, int64_t count)
{
    b2_extents *to = &space->wiped;
    if (count == 0 || !reserve(to, to->count + count)) return;
    memcpy(to->items + to->count, space->dead.items, (size_t)count * sizeof *to->items);
    to->count += count;
    remove_at(&space->dead, 0, count);
}

void b2_space_settle(b2_space *space)
{
    int64_t count = space->wiped_synced;
    if (count == 0 || !reserve(&space->free, space->free.count + count)) return;
    for (int64_t i = 0; i < count; i++)
        space->dead_bytes -= space->wiped.items[i].stop - space->wiped.items[i].start;
    merge_into_free(space, space->wiped.items, count);
    remove_at(&space->wiped, 0, count);
    space->wiped_synced = 0;
    space->committed_end = space->end;
}

void b2_space_settle_unwiped(b2_space *space)
{
    b2_space_wiped(space, b2_space_ripe(space));
    space->wiped_synced = space->wiped.count;
    b2_space_settle(space);
}
