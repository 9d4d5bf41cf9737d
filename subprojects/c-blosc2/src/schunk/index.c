#include "schunk/index.h"

#include <string.h>

#include "base/memory.h"
#include "blosc2.h"

/* Entries one by one, with room for `count` of them. */
static int expand(b2_index *index, int64_t count)
{
    int64_t *entries = b2_realloc(index->entries, (size_t)(count ? count : 1) * sizeof *entries);
    if (!entries)
        return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate an index of %lld chunks", (long long)count);
    if (!index->entries)
        for (int64_t i = 0; i < index->count; i++) entries[i] = index->uniform;
    index->entries = entries;
    return BLOSC2_OK;
}

int b2_index_expand(b2_index *index)
{
    return index->entries ? BLOSC2_OK : expand(index, index->count);
}

int b2_index_append(b2_index *index, int64_t entry)
{
    if (!index->entries && (index->count == 0 || index->uniform == entry)) {
        index->uniform = entry;
    } else {
        int status = expand(index, index->count + 1);
        if (status < 0) return status;
        index->entries[index->count] = entry;
    }
    index->count++;
    return BLOSC2_OK;
}

int b2_index_copy(const b2_index *from, b2_index *to)
{
    b2_index copy = *from;
    if (from->entries) {
        size_t bytes = (size_t)from->count * sizeof *copy.entries;
        copy.entries = b2_malloc(bytes);
        if (!copy.entries)
            return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate an index of %zu bytes", bytes);
        memcpy(copy.entries, from->entries, bytes);
    }
    *to = copy;
    return BLOSC2_OK;
}

void b2_index_free(b2_index *index)
{
    b2_free(index->entries);
    *index = (b2_index){0};
}
