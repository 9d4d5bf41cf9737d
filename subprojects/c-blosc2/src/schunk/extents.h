/** Lists of extents: runs of bytes in a file's chunks section. Pure: no I/O. */
#ifndef B2_SCHUNK_EXTENTS_H
#define B2_SCHUNK_EXTENTS_H

#include <stdbool.h>
#include <stdint.h>

/** Where in an extent the start of an old chunk may be, or of an index, and who wipes it. */
typedef enum b2_starts {
    B2_STARTS_FIRST,  /* at its first byte and nowhere else */
    B2_STARTS_INSIDE, /* anywhere; written by this handle */
    B2_STARTS_OTHERS, /* anywhere; it may be as large as the file, and is not wiped */
} b2_starts;

/** The bytes [start, stop). */
typedef struct b2_extent {
    int64_t start, stop;
    int64_t died; /* number of the commit that made it dead */
    b2_starts starts;
} b2_extent;

/** Where starts may be in a part of an extent that does not begin where that does. */
static inline b2_starts b2_extent_starts_within(const b2_extent *extent)
{
    return extent->starts == B2_STARTS_FIRST ? B2_STARTS_INSIDE : extent->starts;
}

/** Begin with zeros. */
typedef struct b2_extents {
    b2_extent *items; /* owned */
    int64_t count, room;
} b2_extents;

/** Room for `count` of them. @return False if memory is short. */
bool b2_extents_reserve(b2_extents *list, int64_t count);

/** Append one. @return False if memory is short. */
bool b2_extents_add(b2_extents *list, b2_extent extent);

/** Remove the extents [at, at + count). */
void b2_extents_remove(b2_extents *list, int64_t at, int64_t count);

/** The sum of all. */
int64_t b2_extents_bytes(const b2_extents *list);

/** Sort by starts. */
void b2_extents_sort(const b2_extents *list);

/** The same, and make one of those that meet or overlap. */
void b2_extents_unite(b2_extents *list);

/** Sort by starts, and make one of those that overlap, which died with the last of them. */
void b2_extents_set_apart(b2_extents *list);

/** Number of the first that ends behind `start`. @param list  Ascending, not overlapping. */
int64_t b2_extents_first_behind(const b2_extents *list, int64_t start);

/** True if `position` is in one of them. @param list  Ascending, not overlapping. */
bool b2_extents_have(const b2_extents *list, int64_t position);

/** Cut [start, stop) out of each. @return False if memory is short: more is missing then. */
bool b2_extents_cut(b2_extents *list, int64_t start, int64_t stop);

/**
 * Cut each of `other` out of each. If memory is short more is missing then.
 * @param other  Ascending, not overlapping.
 */
void b2_extents_subtract(b2_extents *list, const b2_extents *other);

void b2_extents_free(b2_extents *list);

#endif
