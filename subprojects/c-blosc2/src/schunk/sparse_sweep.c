/**
 * Files of a sparse frame that no commit needs any more, or older ones alone: left while somebody reads
 * those, and by changes that never ended. Swept away by a later change.
 */
#include <string.h>

#include "base/checked.h"
#include "base/failure.h"
#include "base/memory.h"
#include "schunk/sparse_store.h"

enum { NAME_BYTES_MAX = 70 }; /* a longer name is not of a file that was made here */

static bool is_temporary(const char *name)
{
    static const char index[] = B2_SPARSE_INDEX_NAME ".tmp-", copy[] = B2_SPARSE_COPY_NAME ".tmp-";
    bool has_prefix =
        strncmp(name, index, sizeof index - 1) == 0 || strncmp(name, copy, sizeof copy - 1) == 0;
    return has_prefix && strlen(name) < NAME_BYTES_MAX;
}

static bool is_needed(const b2_sparse_store *store, int64_t number)
{
    return b2_file_numbers_have(&store->files, number) || b2_sparse_older_need(&store->older, number) ||
           (store->has_copy && b2_file_numbers_have(&store->flushed, number));
}

static void sweep_name(void *context, const char *name)
{
    b2_sparse_store *store = context;
    int64_t number = b2_sparse_chunk_number(name);
    if (number >= 0 ? is_needed(store, number) : !is_temporary(name)) return;
    /* Who reads a state that this handle has stepped back from must find the file missing, not another chunk.
     */
    if (number >= store->next) store->next = number + 1;
    char *path = b2_sparse_path(store, name);
    if (path) store->io->remove(store->io->context, path);
    b2_free(path);
}

/* Take note of the state that was just replaced, if somebody reads it. */
static void note_replaced(b2_sparse_store *store)
{
    if (store->replaced_generations.count &&
        b2_holders_need(&store->base.holders, store->replaced_generations))
        b2_sparse_older_add(&store->older, store->replaced_generations, &store->replaced);
    b2_file_numbers_free(&store->replaced);
    store->replaced_generations = (b2_numbers){0};
}

/* Looking at all names is worth it if many files are dead, or nobody else is there. */
static bool is_worth_it(const b2_sparse_store *store)
{
    enum { LEFT_ALONE = 64, PART = 4 };
    return !store->base.has_readers ||
           store->left_over_count > b2_max_i64(LEFT_ALONE, store->files.count / PART);
}

void b2_store_sparse_sweep(b2_store *base)
{
    b2_sparse_store *store = (b2_sparse_store *)base;
    note_replaced(store);
    if (b2_holders_are_told(&base->holders)) b2_sparse_older_forget(&store->older, &base->holders);
    if (!store->has_left_overs || store->poisoned || !store->io->list || !is_worth_it(store)) return;
    if (base->has_readers && !b2_sparse_older_explain(&store->older, &base->holders, base->generation))
        return;
    b2_failure failure;
    b2_failure_save(&failure);
    bool is_swept = store->io->list(store->io->context, store->directory, sweep_name, store) >= 0;
    store->has_left_overs = !is_swept || base->has_readers;
    store->left_over_count = is_swept ? 0 : store->left_over_count;
    b2_failure_restore(&failure);
}
