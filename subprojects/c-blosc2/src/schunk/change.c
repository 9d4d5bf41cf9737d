/** Changes: begun, made on the index, committed by the store or rolled back. */
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/failure.h"
#include "schunk/schunk.h"
#include "schunk/sparse_repair.h"

static int check_changing(const blosc2_schunk *schunk)
{
    if (schunk->changing) return BLOSC2_OK;
    return blosc2_fail(BLOSC2_E_ARGUMENT, "super-chunk: no change was begun");
}

/* What a rollback returns to. */
static int keep_committed(blosc2_schunk *schunk)
{
    int status = b2_index_copy(&schunk->index, &schunk->before.index);
    if (status == BLOSC2_OK) status = b2_layers_copy(&schunk->fixed, &schunk->before.fixed);
    if (status == BLOSC2_OK) status = b2_layers_copy(&schunk->variable, &schunk->before.variable);
    if (status < 0) {
        b2_index_free(&schunk->before.index);
        b2_layers_free(&schunk->before.fixed);
        b2_layers_free(&schunk->before.variable);
        return status;
    }
    schunk->before.chunk_bytes = schunk->chunk_bytes;
    schunk->before.block_bytes = schunk->block_bytes;
    schunk->before.nbytes = schunk->nbytes;
    schunk->before.stored_bytes = schunk->stored_bytes;
    schunk->before.files_bytes = schunk->files_bytes;
    schunk->before.seal = schunk->seal;
    schunk->before.verifies = schunk->verifies;
    return BLOSC2_OK;
}

static int prepare(blosc2_schunk *schunk)
{
    int status = schunk->store->ops->prepare(schunk->store, &schunk->index);
    if (status < 0) return status;
    bool is_accepted = schunk->home == BLOSC2_HOME_FILE && schunk->recovered == BLOSC2_RECOVERED_OLDER;
    if (is_accepted) schunk->recovered = BLOSC2_RECOVERED_NOTHING; /* its header is in its place again */
    status = keep_committed(schunk);
    if (status < 0) schunk->store->ops->rollback(schunk->store);
    return status;
}

static int check_alone(const blosc2_schunk *schunk)
{
    int64_t next;
    int status = schunk->store->ops->find_neighbour(schunk->store, &next);
    if (status < 0 || next == 0) return status;
    return blosc2_fail_io(BLOSC2_E_READ_ONLY, EROFS, schunk->path,
                          "%s: another array begins at byte %lld of the file, behind this one, and a change "
                          "would overwrite it. Copy this array to a file of its own",
                          schunk->path, (long long)next);
}

int blosc2_schunk_begin(blosc2_schunk *schunk)
{
    if (schunk->mode == BLOSC2_READ)
        return blosc2_fail_io(BLOSC2_E_READ_ONLY, EROFS, schunk->path, "%s is open for reading only",
                              schunk->path[0] ? schunk->path : "the frame");
    if (schunk->changing) return blosc2_fail(BLOSC2_E_ARGUMENT, "super-chunk: a change is open already");
    int status = b2_locks_enter(schunk);
    if (status == BLOSC2_OK) status = b2_schunk_catch_up(schunk);
    if (status == BLOSC2_OK) status = check_alone(schunk);
    if (status == BLOSC2_OK) status = blosc2_schunk_check_sound(schunk);
    if (status == BLOSC2_OK) status = prepare(schunk);
    if (status < 0) {
        b2_locks_leave(schunk);
        return status;
    }
    schunk->dead.count = 0;
    schunk->is_changed = !schunk->committed;
    schunk->changing = true;
    return BLOSC2_OK;
}

bool blosc2_schunk_changing(const blosc2_schunk *schunk)
{
    return schunk->changing;
}

void b2_schunk_end_change(blosc2_schunk *schunk)
{
    b2_index_free(&schunk->before.index);
    b2_layers_free(&schunk->before.fixed);
    b2_layers_free(&schunk->before.variable);
    b2_index_free(&schunk->arranged);
    schunk->dead.count = 0;
    schunk->changing = false;
    b2_schunk_look(schunk);
    b2_locks_leave(schunk);
}

/* Other processes are told before and after: docs/design/processes.md. */
static int commit_to_store(blosc2_schunk *schunk)
{
    int status = b2_locks_count(schunk);
    if (status < 0) return status;
    bool asks_later = schunk->home == BLOSC2_HOME_DIRECTORY && schunk->locks.held;
    if (asks_later) schunk->store->has_readers = true; /* of what is replaced now, as far as is known yet */
    b2_state state = b2_schunk_state(schunk);
    status = schunk->store->ops->commit(schunk->store, &state, schunk->workspace);
    if (status < 0) return status;
    schunk->recovered = BLOSC2_RECOVERED_NOTHING; /* from now on this is the state */
    b2_locks_counted(schunk);
    if (schunk->home == BLOSC2_HOME_DIRECTORY) b2_schunk_look_for_readers(schunk);
    return BLOSC2_OK;
}

int blosc2_schunk_commit(blosc2_schunk *schunk)
{
    int status = check_changing(schunk);
    if (status < 0) return status;
    if (schunk->is_changed) status = commit_to_store(schunk);
    if (status < 0) {
        blosc2_schunk_rollback(schunk);
        return status;
    }
    schunk->committed = true;
    schunk->is_unflushed |= schunk->is_changed;
    for (int64_t i = 0; i < schunk->dead.count; i++)
        schunk->store->ops->drop(schunk->store, schunk->dead.items[i].location, schunk->dead.items[i].bytes);
    bool has_files = schunk->home == BLOSC2_HOME_DIRECTORY && schunk->is_changed;
    if (has_files) b2_store_sparse_bound(schunk->store, schunk->files_bytes);
    if (has_files && schunk->locks.held) b2_store_sparse_sweep(schunk->store);
    b2_schunk_end_change(schunk);
    if (schunk->home == BLOSC2_HOME_MEMFRAME) b2_schunk_compact_memory(schunk);
    return BLOSC2_OK;
}

/* True if the chunk at this place was put since the change began. Locations are unique, so comparing places
 * is enough. */
static bool is_born(const blosc2_schunk *schunk, int64_t chunk)
{
    const b2_index *old = schunk->arranged.entries ? &schunk->arranged : &schunk->before.index;
    int64_t entry = b2_index_get(&schunk->index, chunk);
    return entry >= 0 && (chunk >= old->count || b2_index_get(old, chunk) != entry);
}

void blosc2_schunk_rollback(blosc2_schunk *schunk)
{
    if (!schunk->changing) return;
    b2_failure failure;
    b2_failure_save(&failure); /* the reason matters, not how the cleaning went */
    for (int64_t i = 0; i < schunk->index.count && schunk->index.entries; i++)
        if (is_born(schunk, i))
            schunk->store->ops->drop(schunk->store, schunk->index.entries[i],
                                     b2_index_tag(&schunk->index, i).bytes);
    schunk->store->ops->rollback(schunk->store);
    b2_index_free(&schunk->index);
    b2_layers_free(&schunk->fixed);
    b2_layers_free(&schunk->variable);
    schunk->index = schunk->before.index;
    schunk->fixed = schunk->before.fixed;
    schunk->variable = schunk->before.variable;
    schunk->before.index = (b2_index){0};
    schunk->before.fixed = schunk->before.variable = (b2_layers){0};
    schunk->chunk_bytes = schunk->before.chunk_bytes;
    schunk->block_bytes = schunk->before.block_bytes;
    schunk->nbytes = schunk->before.nbytes;
    schunk->stored_bytes = schunk->before.stored_bytes;
    schunk->files_bytes = schunk->before.files_bytes;
    schunk->seal = schunk->before.seal;
    schunk->verifies = schunk->before.verifies;
    b2_schunk_end_change(schunk);
    b2_failure_restore(&failure);
}

enum { FLUSH_TRIES = 20 }; /* against who commits all the time */

static int flush_all(blosc2_schunk *schunk, int tries);

/* What others have committed since has this handle's changes, and is flushed in its place. */
static int flush_theirs(const blosc2_schunk *schunk, int tries)
{
    blosc2_schunk *fresh;
    if (tries <= 1) return b2_store_changed(schunk->path); /* by damage, and not by writers */
    int status = b2_schunk_open_again(schunk, &fresh);
    if (status < 0) return status;
    if (fresh->recovered == BLOSC2_RECOVERED_OLDER)
        status = blosc2_fail(BLOSC2_E_CORRUPT, "%s is damaged: what was committed is not there to be flushed",
                             schunk->path);
    else
        status = flush_all(fresh, tries - 1);
    blosc2_schunk_free(fresh);
    return status;
}

/* What a flush does with the lock: the state is to be found in two places. */
static int settle(blosc2_schunk *schunk, int tries)
{
    b2_store *store = schunk->store;
    int status = b2_locks_enter(schunk);
    if (status < 0) return status;
    bool is_theirs = b2_schunk_is_stale(schunk);
    b2_schunk_look_for_readers(schunk);
    if (!is_theirs) status = store->ops->settle(store);
    b2_schunk_look(schunk);
    b2_locks_leave(schunk);
    return is_theirs && status == BLOSC2_OK ? flush_theirs(schunk, tries) : status;
}

/* A change that the caller has not asked for: BLOSC2_E_CHANGED if others have committed since. */
static int begin_here(blosc2_schunk *schunk)
{
    schunk->stays = true;
    int status = blosc2_schunk_begin(schunk);
    schunk->stays = false;
    return status;
}

/* A state whose tail has no second copy is committed once more. */
static int commit_again(blosc2_schunk *schunk)
{
    int status = begin_here(schunk);
    if (status < 0) return status;
    schunk->is_changed = true;
    return blosc2_schunk_commit(schunk);
}

/* Cut off what is free at the end. */
static void trim(blosc2_schunk *schunk)
{
    if (b2_schunk_is_stale(schunk) || begin_here(schunk) < 0) return;
    schunk->store->ops->trim(schunk->store); /* nobody else is at work there */
    blosc2_schunk_rollback(schunk);
}

/* All to the medium that is committed, and twice, if nobody else's bytes are in the file. */
static int flush(blosc2_schunk *schunk, int tries)
{
    int64_t next;
    int status = schunk->store->ops->find_neighbour(schunk->store, &next);
    if (status == BLOSC2_OK && next > 0) return schunk->store->ops->sync(schunk->store);
    if (status == BLOSC2_OK) status = schunk->store->ops->flush(schunk->store, &schunk->index);
    if (status == BLOSC2_OK && schunk->store->ops->needs_lock(schunk->store)) {
        status = settle(schunk, tries);
        bool is_settled = !schunk->store->ops->needs_lock(schunk->store) || b2_schunk_is_stale(schunk);
        if (status == BLOSC2_OK && !is_settled) {
            status = commit_again(schunk);
            if (status == BLOSC2_E_CHANGED) status = flush_theirs(schunk, tries);
        }
    }
    if (status == BLOSC2_OK) schunk->is_unflushed = false;
    return status;
}

/* After chunks have gone the tail is still behind where they were. What the last commit made dead is used
 * again by the next but one. */
static void sink(blosc2_schunk *schunk)
{
    enum { COMMITS = 2 };
    if (schunk->seal == BLOSC2_SEAL_LAYERS) return; /* copies of the header have what was there before */
    for (int i = 0; i < COMMITS && schunk->store->ops->can_sink(schunk->store, &schunk->index); i++)
        if (b2_schunk_is_stale(schunk) || commit_again(schunk) < 0 || flush(schunk, FLUSH_TRIES) < 0) return;
}

/* Give free space at the end back, if nobody else is at work. Another time will do as well. */
static void give_back(blosc2_schunk *schunk)
{
    b2_failure failure;
    int32_t lock_timeout_ms = schunk->safety.lock_timeout_ms;
    b2_failure_save(&failure);
    schunk->safety.lock_timeout_ms = 0;
    sink(schunk);
    if (schunk->store->ops->can_trim(schunk->store)) trim(schunk);
    schunk->safety.lock_timeout_ms = lock_timeout_ms;
    b2_failure_restore(&failure);
}

static int flush_all(blosc2_schunk *schunk, int tries)
{
    /* In a frame that does not fit its checksums nothing tells where a copy may lie. */
    bool may_write = schunk->mode != BLOSC2_READ && !schunk->is_doubtful;
    if (!may_write) return schunk->store->ops->sync(schunk->store);
    int status = flush(schunk, tries);
    if (status == BLOSC2_OK) give_back(schunk);
    return status;
}

int blosc2_schunk_flush(blosc2_schunk *schunk)
{
    if (schunk->changing) return blosc2_fail(BLOSC2_E_ARGUMENT, "flush: a change is open: commit it first");
    return flush_all(schunk, FLUSH_TRIES);
}

int b2_schunk_check_accepted(const blosc2_schunk *schunk, blosc2_mend accepted)
{
    if (schunk->recovered != BLOSC2_RECOVERED_OLDER || accepted == BLOSC2_MEND_OLDER) return BLOSC2_OK;
    return blosc2_fail(
        BLOSC2_E_CORRUPT,
        "%s: the last flushed state was opened, and what was changed after that, if anything was, "
        "is lost. To accept that for good: caterva.repair(path, accept_older=True), "
        "verify(repair=True, accept_older=True), \"verify --repair --accept-older\" in the "
        "command line, or any change",
        schunk->path);
}

/* The file has the state of the handle, or damage of it. */
static int repair_here(blosc2_schunk *schunk, blosc2_mend accepted)
{
    int mended, status = b2_schunk_check_doubts(schunk);
    if (status < 0) return status;
    if (schunk->home == BLOSC2_HOME_DIRECTORY) return b2_sparse_repair_copies(schunk, accepted, &mended);
    status = b2_schunk_check_accepted(schunk, accepted);
    if (status == BLOSC2_OK) status = commit_again(schunk);
    return status < 0 ? status : blosc2_schunk_flush(schunk);
}

/* Mend what is in the file, for all handles. Contents of the header that may be another library's, or
 * damaged, are what its copy has then. */
static int repair_anew(blosc2_schunk *schunk, blosc2_mend accepted)
{
    blosc2_schunk *fresh;
    bool changed, prefers_copy = schunk->prefers_copy;
    schunk->prefers_copy = true;
    int status = b2_schunk_open_again(schunk, &fresh);
    schunk->prefers_copy = prefers_copy;
    if (status < 0) return status;
    if (fresh->seal == BLOSC2_SEAL_LAYERS)
        status = blosc2_fail(BLOSC2_E_CORRUPT,
                             "%s: there is no copy of the header, so that what is right cannot be told: "
                             "verify(adopt=True) takes the file as it is",
                             schunk->path);
    else
        status = repair_here(fresh, accepted);
    blosc2_schunk_free(fresh);
    if (status < 0) return status;
    status = blosc2_schunk_refresh(schunk, &changed);
    return status == BLOSC2_E_CHANGED ? BLOSC2_OK : status; /* mended: an array that this handle cannot be */
}

int blosc2_schunk_repair(blosc2_schunk *schunk, blosc2_mend accepted)
{
    bool is_here = schunk->seal != BLOSC2_SEAL_LAYERS && !b2_schunk_is_stale(schunk);
    return is_here ? repair_here(schunk, accepted) : repair_anew(schunk, accepted);
}

int blosc2_schunk_finish(blosc2_schunk *schunk)
{
    return schunk->is_unflushed ? blosc2_schunk_flush(schunk) : BLOSC2_OK;
}

static int reserve_dead(blosc2_schunk *schunk, int64_t more)
{
    if (schunk->dead.count + more <= schunk->dead.room) return BLOSC2_OK;
    int64_t room = 2 * schunk->dead.room + more;
    b2_dead_chunk *items = b2_realloc(schunk->dead.items, (size_t)room * sizeof *items);
    if (!items) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a list of %lld chunks", (long long)room);
    schunk->dead.items = items;
    schunk->dead.room = room;
    return BLOSC2_OK;
}

/* The chunk at this place is replaced: dead at the commit, or at once if the change itself made it. Needs
 * room in `dead`. */
static void release(blosc2_schunk *schunk, int64_t chunk)
{
    int64_t entry = b2_index_get(&schunk->index, chunk);
    if (entry < 0) return;
    int64_t bytes = b2_index_tag(&schunk->index, chunk).bytes;
    if (is_born(schunk, chunk))
        schunk->store->ops->drop(schunk->store, entry, bytes);
    else
        schunk->dead.items[schunk->dead.count++] = (b2_dead_chunk){entry, bytes};
}

/* Entry and tag for an encoded chunk: special ones that the index can say are not stored. */
static int put_chunk(blosc2_schunk *schunk, const blosc2_view *view, int64_t *entry, b2_tag *tag)
{
    *tag = (b2_tag){0};
    bool in_index = view->special == BLOSC2_SPECIAL_ZEROS || view->special == BLOSC2_SPECIAL_UNINIT ||
                    (view->special == BLOSC2_SPECIAL_NAN && view->item_bytes == schunk->cparams.item_bytes);
    if (in_index && schunk->chunk_bytes > 0) {
        *entry = b2_index_special(view->special);
        return BLOSC2_OK;
    }
    b2_stored stored;
    int status = b2_schunk_stored(view, schunk->seal, &schunk->postscript, &stored);
    if (status < 0) return status;
    *tag = b2_stored_tag(&stored);
    return schunk->store->ops->put(schunk->store, &stored, entry);
}

static void count_stored(blosc2_schunk *schunk, int64_t bytes)
{
    if (schunk->stored_bytes >= 0) schunk->stored_bytes += bytes;
    int64_t files_bytes;
    if (b2_add_i64(schunk->files_bytes, bytes, &files_bytes))
        schunk->files_bytes = b2_max_i64(files_bytes, 0);
}

int blosc2_schunk_set_chunk(blosc2_schunk *schunk, int64_t chunk, const uint8_t *bytes, int32_t cbytes)
{
    int status = check_changing(schunk);
    if (status < 0) return status;
    int32_t nbytes;
    status = blosc2_schunk_chunk_nbytes(schunk, chunk, &nbytes);
    if (status < 0) return status;
    blosc2_view view;
    status = blosc2_view_init(&view, bytes, (size_t)cbytes, schunk->cparams.item_bytes, nbytes);
    if (status == BLOSC2_OK && view.nbytes != nbytes)
        status = blosc2_fail(BLOSC2_E_ARGUMENT, "chunk %lld: nbytes %d (expected %d)", (long long)chunk,
                             view.nbytes, nbytes);
    if (status < 0) return status;
    int64_t old = b2_index_get(&schunk->index, chunk), old_cbytes = 0, entry = 0;
    b2_tag tag;
    bool counts = schunk->stored_bytes >= 0 || schunk->home == BLOSC2_HOME_DIRECTORY;
    if (counts && old >= 0) status = b2_schunk_chunk_cbytes(schunk, old, &old_cbytes);
    if (status == BLOSC2_OK) status = reserve_dead(schunk, 1);
    if (status == BLOSC2_OK) status = b2_index_expand(&schunk->index);
    if (status == BLOSC2_OK) status = put_chunk(schunk, &view, &entry, &tag);
    if (status < 0) return status;
    release(schunk, chunk);
    b2_index_set(&schunk->index, chunk, entry, tag);
    count_stored(schunk, (entry >= 0 ? view.cbytes : 0) - old_cbytes);
    schunk->is_changed = true;
    return BLOSC2_OK;
}

int blosc2_schunk_append_chunk(blosc2_schunk *schunk, const uint8_t *bytes, int32_t cbytes)
{
    int status = check_changing(schunk);
    if (status < 0) return status;
    bool last_is_short =
        schunk->index.count > 0 && schunk->chunk_bytes > 0 && schunk->nbytes % schunk->chunk_bytes;
    if (schunk->chunk_bytes <= 0 || last_is_short)
        return blosc2_fail(BLOSC2_E_ARGUMENT, "append: only after full chunks of a fixed size");
    blosc2_view view;
    status = blosc2_view_init(&view, bytes, (size_t)cbytes, schunk->cparams.item_bytes, schunk->chunk_bytes);
    if (status == BLOSC2_OK && (view.nbytes < 1 || schunk->index.count == B2_FRAME_CHUNK_COUNT_MAX))
        status = blosc2_fail(BLOSC2_E_ARGUMENT, "append: %d bytes as chunk %lld", view.nbytes,
                             (long long)schunk->index.count);
    int64_t entry = 0, nbytes = 0;
    b2_tag tag;
    if (status == BLOSC2_OK && !b2_add_i64(schunk->nbytes, view.nbytes, &nbytes))
        status = blosc2_fail(BLOSC2_E_ARGUMENT, "append: the sum of all chunks overflows");
    if (status == BLOSC2_OK) status = put_chunk(schunk, &view, &entry, &tag);
    if (status < 0) return status;
    status = b2_index_append(&schunk->index, entry, tag);
    if (status < 0) {
        if (entry >= 0) schunk->store->ops->drop(schunk->store, entry, tag.bytes);
        return status;
    }
    schunk->nbytes = nbytes;
    if (entry >= 0) count_stored(schunk, view.cbytes);
    schunk->is_changed = true;
    return BLOSC2_OK;
}

int blosc2_schunk_reset(blosc2_schunk *schunk, int32_t chunk_bytes, int32_t block_bytes, int64_t chunk_count)
{
    int status = check_changing(schunk);
    if (status < 0) return status;
    int64_t nbytes;
    if (chunk_count < 0 || chunk_count > B2_FRAME_CHUNK_COUNT_MAX || chunk_bytes < 1 || block_bytes < 1 ||
        chunk_bytes > BLOSC2_MAX_CHUNK_BYTES || block_bytes > BLOSC2_MAX_BLOCK_BYTES ||
        !b2_mul_i64(chunk_count, chunk_bytes, &nbytes))
        return blosc2_fail(BLOSC2_E_ARGUMENT, "reset: %lld chunks of %d bytes in blocks of %d",
                           (long long)chunk_count, chunk_bytes, block_bytes);
    if (schunk->index.entries) {
        status = reserve_dead(schunk, schunk->index.count);
        if (status < 0) return status;
        for (int64_t i = 0; i < schunk->index.count; i++) release(schunk, i);
        b2_index_free(&schunk->index);
    }
    schunk->index = (b2_index){.count = chunk_count, .uniform = b2_index_special(BLOSC2_SPECIAL_ZEROS)};
    schunk->chunk_bytes = chunk_bytes;
    schunk->block_bytes = block_bytes;
    schunk->nbytes = nbytes;
    schunk->stored_bytes = schunk->files_bytes = 0;
    schunk->is_changed = true;
    return BLOSC2_OK;
}

/* ------------------------------------------------------------------ rearranging */

/* Add up the bytes of the chunks [*next, stop), which the new order leaves out. */
static int count_left_out(const blosc2_schunk *schunk, int64_t *next, int64_t stop, int64_t *bytes)
{
    bool counts = schunk->stored_bytes >= 0 || schunk->home == BLOSC2_HOME_DIRECTORY;
    int status = BLOSC2_OK;
    for (; *next < stop && counts && status == BLOSC2_OK; (*next)++) {
        int64_t entry = b2_index_get(&schunk->index, *next), cbytes = 0;
        if (entry >= 0) status = b2_schunk_chunk_cbytes(schunk, entry, &cbytes);
        *bytes += cbytes;
    }
    *next = stop;
    return status;
}

/* Fill the new index, and the order that the old entries have then. @param bytes  Of chunks left out. */
static int arrange(const blosc2_schunk *schunk, blosc2_origin_fn *origin, const void *context,
                   b2_index *index, b2_index *arranged, int64_t *bytes)
{
    const b2_index *old = schunk->arranged.entries ? &schunk->arranged : &schunk->before.index;
    int64_t next = 0;
    for (int64_t i = 0; i < index->count; i++) {
        int64_t from = origin(context, i);
        index->entries[i] = arranged->entries[i] = b2_index_special(BLOSC2_SPECIAL_ZEROS);
        if (from < 0) continue;
        if (from < next || from >= schunk->index.count)
            return blosc2_fail(BLOSC2_E_ARGUMENT, "rearrange: chunk %lld from %lld (expected %lld..%lld)",
                               (long long)i, (long long)from, (long long)next,
                               (long long)schunk->index.count - 1);
        int status = count_left_out(schunk, &next, from, bytes);
        if (status < 0) return status;
        next = from + 1;
        b2_index_set(index, i, b2_index_get(&schunk->index, from), b2_index_tag(&schunk->index, from));
        if (from < old->count) arranged->entries[i] = b2_index_get(old, from);
    }
    return count_left_out(schunk, &next, schunk->index.count, bytes);
}

/* Let go of the chunks that the new order leaves out. Needs room in `dead`. */
static void release_left_out(blosc2_schunk *schunk, int64_t chunk_count, blosc2_origin_fn *origin,
                             const void *context)
{
    int64_t next = 0;
    for (int64_t i = 0; i < chunk_count && schunk->index.entries; i++) {
        int64_t from = origin(context, i);
        if (from < 0) continue;
        for (; next < from; next++) release(schunk, next);
        next = from + 1;
    }
    for (; next < schunk->index.count; next++) release(schunk, next);
}

static int rearrange_entries(blosc2_schunk *schunk, int64_t chunk_count, blosc2_origin_fn *origin,
                             const void *context)
{
    b2_index index = {.count = chunk_count}, arranged = {.count = chunk_count};
    int64_t bytes = 0;
    int status = b2_index_expand(&index);
    if (status == BLOSC2_OK) status = b2_index_expand(&arranged);
    if (status == BLOSC2_OK) status = arrange(schunk, origin, context, &index, &arranged, &bytes);
    if (status == BLOSC2_OK) status = reserve_dead(schunk, schunk->index.count);
    if (status < 0) {
        b2_index_free(&index);
        b2_index_free(&arranged);
        return status;
    }
    release_left_out(schunk, chunk_count, origin, context);
    b2_index_free(&schunk->index);
    b2_index_free(&schunk->arranged);
    schunk->index = index;
    schunk->arranged = arranged;
    if (chunk_count == 0) { /* as a new super-chunk without chunks */
        b2_index_free(&schunk->index);
        schunk->index.uniform = b2_index_special(BLOSC2_SPECIAL_ZEROS);
    }
    count_stored(schunk, -bytes);
    return BLOSC2_OK;
}

int blosc2_schunk_rearrange(blosc2_schunk *schunk, int64_t chunk_count, blosc2_origin_fn *origin,
                            const void *context)
{
    int64_t nbytes;
    int status = check_changing(schunk);
    if (status < 0) return status;
    if (chunk_count < 0 || chunk_count > B2_FRAME_CHUNK_COUNT_MAX || schunk->chunk_bytes < 1 ||
        schunk->nbytes % schunk->chunk_bytes || !b2_mul_i64(chunk_count, schunk->chunk_bytes, &nbytes))
        return blosc2_fail(BLOSC2_E_ARGUMENT, "rearrange: %lld chunks of %d bytes (expected at most %d)",
                           (long long)chunk_count, schunk->chunk_bytes, B2_FRAME_CHUNK_COUNT_MAX);
    bool all_zeros =
        !schunk->index.entries && schunk->index.uniform == b2_index_special(BLOSC2_SPECIAL_ZEROS);
    if (!all_zeros) status = rearrange_entries(schunk, chunk_count, origin, context);
    if (status < 0) return status;
    schunk->index.count = chunk_count;
    schunk->nbytes = nbytes;
    schunk->is_changed = true;
    return BLOSC2_OK;
}
