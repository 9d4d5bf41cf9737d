#include "schunk/extents.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/memory.h"

bool b2_extents_reserve(b2_extents *list, int64_t count)
{
    if (count <= list->room) return true;
    int64_t room = 2 * count + 8;
    b2_extent *items = b2_realloc(list->items, (size_t)room * sizeof *items);
    if (!items) return false;
    list->items = items;
    list->room = room;
    return true;
}

bool b2_extents_add(b2_extents *list, b2_extent extent)
{
    if (!b2_extents_reserve(list, list->count + 1)) return false;
    list->items[list->count++] = extent;
    return true;
}

void b2_extents_remove(b2_extents *list, int64_t at, int64_t count)
{
    memmove(list->items + at, list->items + at + count,
            (size_t)(list->count - at - count) * sizeof *list->items);
    list->count -= count;
}

int64_t b2_extents_bytes(const b2_extents *list)
{
    int64_t bytes = 0;
    for (int64_t i = 0; i < list->count; i++) bytes += list->items[i].stop - list->items[i].start;
    return bytes;
}

static int compare_starts(const void *a, const void *b)
{
    int64_t x = ((const b2_extent *)a)->start, y = ((const b2_extent *)b)->start;
    return (x > y) - (x < y);
}

void b2_extents_sort(const b2_extents *list)
{
    if (list->count > 1) qsort(list->items, (size_t)list->count, sizeof *list->items, compare_starts);
}

void b2_extents_unite(b2_extents *list)
{
    int64_t count = list->count;
    b2_extents_sort(list);
    list->count = 0;
    for (int64_t i = 0; i < count; i++) {
        b2_extent extent = list->items[i], *last = list->count ? &list->items[list->count - 1] : NULL;
        if (last && last->stop >= extent.start)
            last->stop = b2_max_i64(last->stop, extent.stop);
        else
            list->items[list->count++] = extent;
    }
}

void b2_extents_set_apart(b2_extents *list)
{
    int64_t count = list->count;
    b2_extents_sort(list);
    list->count = 0;
    for (int64_t i = 0; i < count; i++) {
        b2_extent extent = list->items[i], *last = list->count ? &list->items[list->count - 1] : NULL;
        if (!last || last->stop <= extent.start) {
            list->items[list->count++] = extent;
            continue;
        }
        last->stop = b2_max_i64(last->stop, extent.stop);
        last->died = b2_max_i64(last->died, extent.died);
        bool is_others = last->starts == B2_STARTS_OTHERS || extent.starts == B2_STARTS_OTHERS;
        last->starts = is_others ? B2_STARTS_OTHERS : B2_STARTS_INSIDE;
    }
}

int64_t b2_extents_first_behind(const b2_extents *list, int64_t start)
{
    int64_t at = 0, high = list->count;
    while (at < high) {
        int64_t middle = at + (high - at) / 2;
        if (list->items[middle].stop <= start)
            at = middle + 1;
        else
            high = middle;
    }
    return at;
}

bool b2_extents_have(const b2_extents *list, int64_t position)
{
    int64_t at = b2_extents_first_behind(list, position);
    return at < list->count && list->items[at].start <= position;
}

bool b2_extents_cut(b2_extents *list, int64_t start, int64_t stop)
{
    for (int64_t i = list->count - 1; i >= 0; i--) {
        b2_extent extent = list->items[i];
        if (extent.stop <= start || extent.start >= stop) continue;
        b2_extents_remove(list, i, 1);
        b2_extent parts[] = {extent, extent};
        parts[0].stop = start;
        parts[1].start = stop;
        for (int n = 1; n >= 0; n--) {
            if (parts[n].start >= parts[n].stop) continue;
            if (!b2_extents_reserve(list, list->count + 1)) return false;
            memmove(list->items + i + 1, list->items + i, (size_t)(list->count - i) * sizeof *list->items);
            list->items[i] = parts[n];
            list->count++;
        }
    }
    return true;
}

/* Append what is left of an extent. */
static bool add_rest(b2_extents *list, b2_extent extent, const b2_extents *other)
{
    for (int64_t at = b2_extents_first_behind(other, extent.start); extent.start < extent.stop; at++) {
        const b2_extent *next = at < other->count ? &other->items[at] : NULL;
        b2_extent rest = extent;
        if (next) rest.stop = b2_min_i64(extent.stop, next->start);
        if (rest.start < rest.stop && !b2_extents_add(list, rest)) return false;
        if (!next || next->start >= extent.stop) break;
        extent.start = next->stop;
        extent.starts = b2_extent_starts_within(&extent);
    }
    return true;
}

void b2_extents_subtract(b2_extents *list, const b2_extents *other)
{
    b2_extents rest = {0};
    for (int64_t i = 0; i < list->count; i++)
        if (!add_rest(&rest, list->items[i], other)) break;
    b2_extents_free(list);
    *list = rest;
}

void b2_extents_free(b2_extents *list)
{
    b2_free(list->items);
    *list = (b2_extents){0};
}
