#include "schunk/index.h"

#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "blosc2.h"

static int fail_memory(int64_t count)
{
    return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate an index of %lld chunks", (long long)count);
}

/* Tags one by one, with room for `count` of them. */
static int expand_tags(b2_index *index, int64_t count)
{
    size_t room = (size_t)(count ? count : 1);
    b2_tag *tags = b2_realloc(index->tags, room * sizeof *tags);
    if (!tags) return fail_memory(count);
    if (!index->tags) memset(tags, 0, room * sizeof *tags);
    index->tags = tags;
    return BLOSC2_OK;
}

/* Entries and tags one by one, with room for `count` of them. */
static int expand(b2_index *index, int64_t count)
{
    size_t room = (size_t)(count ? count : 1);
    int status = expand_tags(index, count);
    if (status < 0) return status;
    int64_t *entries = b2_realloc(index->entries, room * sizeof *entries);
    if (!entries) return fail_memory(count);
    if (!index->entries)
        for (int64_t i = 0; i < index->count; i++) entries[i] = index->uniform;
    index->entries = entries;
    return BLOSC2_OK;
}

int b2_index_expand(b2_index *index)
{
    return index->entries && index->tags ? BLOSC2_OK : expand(index, index->count);
}

int b2_index_append(b2_index *index, int64_t entry, b2_tag tag)
{
    bool is_uniform = !index->entries && entry < 0 && (index->count == 0 || index->uniform == entry);
    if (is_uniform) {
        index->uniform = entry;
    } else {
        int status = expand(index, index->count + 1);
        if (status < 0) return status;
        b2_index_set(index, index->count, entry, tag);
    }
    index->count++;
    return BLOSC2_OK;
}

int b2_index_copy(const b2_index *from, b2_index *to)
{
    b2_index copy = {.count = from->count, .uniform = from->uniform};
    if (from->entries) {
        int status = b2_index_expand(&copy);
        if (status < 0) {
            b2_index_free(&copy);
            return status;
        }
        memcpy(copy.entries, from->entries, (size_t)from->count * sizeof *copy.entries);
        if (from->tags) memcpy(copy.tags, from->tags, (size_t)from->count * sizeof *copy.tags);
    }
    *to = copy;
    return BLOSC2_OK;
}

void b2_index_free(b2_index *index)
{
    b2_free(index->entries);
    b2_free(index->tags);
    *index = (b2_index){0};
}
