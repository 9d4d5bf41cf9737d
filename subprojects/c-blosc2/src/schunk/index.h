/**
 * Where each chunk is: one int64 a chunk, as the frame's index has it (docs/format/frame-format.md 3): a
 * location of the store (>= 0), or a special value (< 0). While all entries are equal and special only one is
 * kept, so that a new array of any size costs nothing.
 *
 * Beside each stored chunk's location stands its *tag*: what must be found there.
 */
#ifndef B2_SCHUNK_INDEX_H
#define B2_SCHUNK_INDEX_H

#include <stdint.h>

#include "frame/tags.h"

typedef struct b2_index {
    int64_t count;
    int64_t uniform;  /* the entry, while `entries` is NULL */
    int64_t *entries; /* owned; NULL: all are `uniform` */
    b2_tag *tags;     /* owned, one for each entry; NULL: none is known */
} b2_index;

static inline int64_t b2_index_get(const b2_index *index, int64_t chunk)
{
    return index->entries ? index->entries[chunk] : index->uniform;
}

static inline b2_tag b2_index_tag(const b2_index *index, int64_t chunk)
{
    return index->tags ? index->tags[chunk] : (b2_tag){0};
}

/** The three may fail with BLOSC2_E_MEMORY and then change nothing. */
int b2_index_expand(b2_index *index); /* one entry each, so that b2_index_set() may follow */
int b2_index_append(b2_index *index, int64_t entry, b2_tag tag);
int b2_index_copy(const b2_index *from, b2_index *to);

/** Change an entry of an expanded index. */
static inline void b2_index_set(b2_index *index, int64_t chunk, int64_t entry, b2_tag tag)
{
    index->entries[chunk] = entry;
    index->tags[chunk] = tag;
}

void b2_index_free(b2_index *index);

#endif
