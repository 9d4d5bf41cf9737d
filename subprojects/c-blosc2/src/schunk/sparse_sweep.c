/**
 * Files of a sparse frame that no commit needs any more, or older ones alone: left while somebody reads
 * those, and by changes that never ended. Swept away by a later change.
 */
#include <stdlib.h>
#include <string.h>

#include "base/failure.h"
#include "base/memory.h"
#include "schunk/sparse_store.h"

enum { NAME_BYTES_MAX = 62 }; /* a longer name is not of a file that was made here */

typedef struct sweep_job {
    b2_sparse_store *store;
    const int64_t *live; /* ascending */
    int64_t count;
} sweep_job;

static bool is_live(const sweep_job *job, int64_t number)
{
    int64_t low = 0, high = job->count;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (job->live[middle] < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < job->count && job->live[low] == number;
}

/* Number of a chunk file's name; -1 if it is not just that. */
static int64_t number_of(const char *name)
{
    unsigned long number = strtoul(name, NULL, 16);
    char expected[B2_CHUNK_NAME_BYTES];
    if (strspn(name, "0123456789ABCDEF") != 8) return -1;
    b2_sparse_chunk_name((int64_t)number, expected);
    return strcmp(name, expected) == 0 ? (int64_t)number : -1;
}

static void sweep_name(void *context, const char *name)
{
    static const char temporary[] = B2_SPARSE_INDEX_NAME ".tmp-";
    const sweep_job *job = context;
    int64_t number = number_of(name);
    bool is_index = strncmp(name, temporary, sizeof temporary - 1) == 0 && strlen(name) < NAME_BYTES_MAX;
    if (number >= 0 ? is_live(job, number) : !is_index) return;
    char *path = b2_sparse_path(job->store, name);
    if (path) job->store->io->remove(job->store->io->context, path);
    b2_free(path);
}

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

void b2_store_sparse_sweep(b2_store *base, const b2_index *index)
{
    b2_sparse_store *store = (b2_sparse_store *)base;
    b2_index live;
    if (!store->has_left_overs || base->has_readers || !store->io->list) return;
    b2_failure failure;
    b2_failure_save(&failure);
    if (b2_index_copy(index, &live) == BLOSC2_OK) {
        sweep_job job = {store, live.entries, live.entries ? live.count : 0};
        if (job.count) qsort(live.entries, (size_t)live.count, sizeof *live.entries, compare_i64);
        bool one_stored = !live.entries && live.count > 0 && live.uniform >= 0; /* not expanded: one chunk */
        if (one_stored) job = (sweep_job){store, &live.uniform, 1};
        store->has_left_overs = store->io->list(store->io->context, store->directory, sweep_name, &job) < 0;
        b2_index_free(&live);
    }
    b2_failure_restore(&failure);
}
