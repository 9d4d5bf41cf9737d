#include "schunk/sparse_older.h"

#include "base/memory.h"
#include "blosc2.h"

void b2_sparse_older_add(b2_sparse_older *older, b2_numbers generations, b2_file_numbers *files)
{
    if (older->count == older->room) {
        int room = 2 * older->room + 4;
        b2_sparse_older_state *items = b2_realloc(older->items, (size_t)room * sizeof *items);
        if (!items) {
            b2_file_numbers_free(files);
            return;
        }
        older->items = items;
        older->room = room;
    }
    older->items[older->count++] = (b2_sparse_older_state){generations, *files};
    *files = (b2_file_numbers){0};
}

void b2_sparse_older_forget(b2_sparse_older *older, const b2_holders *holders)
{
    int count = 0;
    for (int i = 0; i < older->count; i++) {
        if (b2_holders_need(holders, older->items[i].generations))
            older->items[count++] = older->items[i];
        else
            b2_file_numbers_free(&older->items[i].files);
    }
    older->count = count;
}

static bool is_known(const b2_sparse_older *older, uint64_t generation)
{
    for (int i = 0; i < older->count; i++) {
        b2_numbers known = older->items[i].generations;
        if (generation >= known.first && generation - known.first < known.count) return true;
    }
    return false;
}

bool b2_sparse_older_explain(const b2_sparse_older *older, const b2_holders *holders, uint64_t current)
{
    enum { RUN_MAX = 64 }; /* of one reader, who has opened the directory while so many changes were made */
    if (!b2_holders_are_told(holders)) return false;
    for (int i = 0; i < holders->count; i++) {
        b2_numbers run = holders->runs[i];
        if (run.count > RUN_MAX) return false;
        for (uint64_t n = 0; n < run.count; n++)
            if (run.first + n != current && !is_known(older, run.first + n)) return false;
    }
    return true;
}

bool b2_sparse_older_need(const b2_sparse_older *older, int64_t number)
{
    for (int i = 0; i < older->count; i++)
        if (b2_file_numbers_have(&older->items[i].files, number)) return true;
    return false;
}

void b2_sparse_older_inherit(b2_sparse_older *older, const b2_sparse_older *from)
{
    for (int i = 0; i < from->count; i++) {
        b2_file_numbers files = {0};
        if (b2_file_numbers_copy(&from->items[i].files, &files) == BLOSC2_OK)
            b2_sparse_older_add(older, from->items[i].generations, &files);
    }
}

void b2_sparse_older_free(b2_sparse_older *older)
{
    for (int i = 0; i < older->count; i++) b2_file_numbers_free(&older->items[i].files);
    b2_free(older->items);
    *older = (b2_sparse_older){0};
}
