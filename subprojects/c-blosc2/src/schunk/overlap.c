#include "schunk/overlap.h"

#include <stdlib.h>

#include "base/failure.h"
#include "base/memory.h"

typedef struct place {
    int64_t start, stop, chunk;
} place;

static int compare_places(const void *a, const void *b)
{
    const place *x = a, *y = b;
    if (x->start != y->start) return x->start < y->start ? -1 : 1;
    return (x->chunk > y->chunk) - (x->chunk < y->chunk);
}

/* A header that cannot be read is damage of its own: one byte is its. */
static int64_t bytes_of(const blosc2_schunk *schunk, int64_t chunk)
{
    int64_t bytes = b2_index_tag(&schunk->index, chunk).bytes;
    b2_failure failure;
    if (bytes > 0) return bytes;
    b2_failure_save(&failure);
    int status = b2_schunk_chunk_cbytes(schunk, b2_index_get(&schunk->index, chunk), &bytes);
    b2_failure_restore(&failure);
    return status == BLOSC2_OK && bytes > 0 ? bytes : 1;
}

int b2_schunk_find_overlaps(const blosc2_schunk *schunk, b2_overlap_fn *visit, void *context)
{
    const b2_index *index = &schunk->index;
    bool is_frame = schunk->home == BLOSC2_HOME_FILE || schunk->home == BLOSC2_HOME_MEMFRAME;
    if (!is_frame || !index->entries) return BLOSC2_OK;
    place *places = b2_malloc((size_t)(index->count + 1) * sizeof *places);
    if (!places)
        return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a list of %lld chunks", (long long)index->count);
    int64_t count = 0, last = 0;
    for (int64_t i = 0; i < index->count; i++) {
        int64_t start = index->entries[i];
        if (start >= 0) places[count++] = (place){start, start + bytes_of(schunk, i), i};
    }
    qsort(places, (size_t)count, sizeof *places, compare_places);
    for (int64_t i = 1; i < count; i++) {
        if (places[i].start < places[last].stop) visit(context, places[i].chunk, places[last].chunk);
        if (places[i].stop > places[last].stop) last = i;
    }
    b2_free(places);
    return BLOSC2_OK;
}
