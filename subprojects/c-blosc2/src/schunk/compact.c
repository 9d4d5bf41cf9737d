/** Frames without their dead space. */
#include "schunk/export.h"

#include <errno.h>

/* Dead bytes that a frame in memory may have before it is worth moving, besides as many as live ones. */
enum { DEAD_BYTES_FREE = 256 * 1024 };

static void take_over(blosc2_schunk *schunk, b2_store *store, const b2_index *index)
{
    schunk->store->ops->free(schunk->store);
    b2_index_free(&schunk->index);
    schunk->store = store;
    schunk->index = *index;
}

static int compact_in_memory(blosc2_schunk *schunk)
{
    b2_io *io;
    b2_store *store;
    b2_index index;
    b2_copy_job job = {.from = schunk, .seal = schunk->seal, .workspace = schunk->workspace};
    int status = b2_io_memory_create(&io);
    if (status < 0) return status;
    status = b2_copy_frame(&job, io, &store, &index);
    if (status < 0) {
        b2_io_memory_free(io);
        return status;
    }
    take_over(schunk, store, &index);
    schunk->free_own_io(schunk->own_io);
    schunk->io = schunk->own_io = io;
    schunk->free_own_io = b2_io_memory_free;
    return BLOSC2_OK;
}

void b2_schunk_compact_memory(blosc2_schunk *schunk)
{
    int64_t live, used = schunk->store->ops->section_bytes(schunk->store);
    if (used < DEAD_BYTES_FREE || blosc2_schunk_stored_bytes(schunk, &live) < 0) return;
    if (used - live >= live + DEAD_BYTES_FREE) compact_in_memory(schunk);
}

/* A new file takes the place of one name alone: the others would keep the old one, and part from it. */
static int check_one_name(const blosc2_schunk *schunk)
{
    b2_identity identity;
    int status = schunk->io->identity(schunk->io->context, schunk->path, &identity);
    if (status < 0 || identity.links <= 1) return status;
    return blosc2_fail_io(
        BLOSC2_E_ARGUMENT, EMLINK, schunk->path,
        "%s: the file has %llu names (hard links), and compact() would give this one a file of "
        "its own. Copy the array to a new file, or remove the other names",
        schunk->path, (unsigned long long)identity.links);
}

static int compact_file(blosc2_schunk *schunk)
{
    b2_store *store;
    b2_index index;
    int status = blosc2_schunk_begin(schunk); /* from here on it is as it is in the file */
    if (status < 0) return status;
    status = check_one_name(schunk);
    if (status < 0) {
        blosc2_schunk_rollback(schunk);
        return status;
    }
    b2_names_sweep(schunk->names, B2_SWEEP_NOW);
    bool seals = schunk->seal != BLOSC2_SEAL_NONE || schunk->safety.checksums == BLOSC2_CHECKSUMS_ON;
    b2_copy_job job = {.from = schunk,
                       .seal = seals ? b2_schunk_seal_of_copies(schunk) : BLOSC2_SEAL_NONE,
                       .frame = {.path = schunk->path, .replaces = true, .safety = schunk->safety},
                       .workspace = schunk->workspace};
    status = b2_locks_count(schunk);
    if (status == BLOSC2_OK) status = b2_copy_frame(&job, schunk->io, &store, &index);
    if (status < 0) {
        blosc2_schunk_rollback(schunk);
        return status;
    }
    take_over(schunk, store, &index);
    b2_locks_counted(schunk);
    schunk->seal = job.seal;
    schunk->recovered = BLOSC2_RECOVERED_NOTHING;
    schunk->verifies = seals && schunk->safety.checksums == BLOSC2_CHECKSUMS_ON;
    b2_schunk_end_change(schunk);
    return BLOSC2_OK;
}

int blosc2_schunk_compact(blosc2_schunk *schunk)
{
    if (schunk->changing) return blosc2_fail(BLOSC2_E_ARGUMENT, "compact: a change is open: commit it first");
    if (schunk->home == BLOSC2_HOME_FILE) return compact_file(schunk);
    bool in_memory = schunk->home == BLOSC2_HOME_MEMFRAME && schunk->mode == BLOSC2_UPDATE;
    return in_memory ? compact_in_memory(schunk) : BLOSC2_OK;
}
