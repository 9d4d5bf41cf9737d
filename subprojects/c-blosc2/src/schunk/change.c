/** Changes: begun, made on the index, committed by the store or rolled back. */
#include <errno.h>
#include <string.h>

#include "base/checked.h"
#include "base/failure.h"
#include "schunk/schunk.h"

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
    status = keep_committed(schunk);
    if (status < 0) schunk->store->ops->rollback(schunk->store);
    return status;
}

int blosc2_schunk_begin(blosc2_schunk *schunk)
{
    if (schunk->mode == BLOSC2_READ)
        return blosc2_fail_io(BLOSC2_E_READ_ONLY, EROFS, schunk->path, "%s is open for reading only",
                              schunk->path[0] ? schunk->path : "the frame");
    if (schunk->changing) return blosc2_fail(BLOSC2_E_ARGUMENT, "super-chunk: a change is open already");
    int status = b2_locks_enter(schunk);
    if (status == BLOSC2_OK) status = b2_schunk_catch_up(schunk);
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
    b2_state state = b2_schunk_state(schunk);
    status = schunk->store->ops->commit(schunk->store, &state, schunk->workspace);
    if (status < 0) return status;
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
    for (int64_t i = 0; i < schunk->dead.count; i++)
        schunk->store->ops->drop(schunk->store, schunk->dead.items[i]);
    if (schunk->home == BLOSC2_HOME_DIRECTORY && schunk->locks.held)
        b2_store_sparse_sweep(schunk->store, &schunk->index);
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
        if (is_born(schunk, i)) schunk->store->ops->drop(schunk->store, schunk->index.entries[i]);
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

int blosc2_schunk_flush(blosc2_schunk *schunk)
{
    if (schunk->changing) return blosc2_fail(BLOSC2_E_ARGUMENT, "flush: a change is open: commit it first");
    if (schunk->mode == BLOSC2_READ) return BLOSC2_OK;
    int status = schunk->store->ops->flush(schunk->store);
    if (status < 0 || !schunk->store->ops->can_trim(schunk->store)) return status;
    b2_failure failure;
    int32_t lock_timeout_ms = schunk->safety.lock_timeout_ms;
    b2_failure_save(&failure);
    schunk->safety.lock_timeout_ms = 0; /* another time will do as well */
    bool is_ours = !b2_schunk_is_stale(schunk) && blosc2_schunk_begin(schunk) == BLOSC2_OK;
    schunk->safety.lock_timeout_ms = lock_timeout_ms;
    if (is_ours) { /* nobody else is at work there */
        schunk->store->ops->trim(schunk->store);
        blosc2_schunk_rollback(schunk);
    }
    b2_failure_restore(&failure);
    return BLOSC2_OK;
}

static int reserve_dead(blosc2_schunk *schunk, int64_t more)
{
    if (schunk->dead.count + more <= schunk->dead.room) return BLOSC2_OK;
    int64_t room = 2 * schunk->dead.room + more;
    int64_t *items = b2_realloc(schunk->dead.items, (size_t)room * sizeof *items);
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
    if (is_born(schunk, chunk))
        schunk->store->ops->drop(schunk->store, entry);
    else
        schunk->dead.items[schunk->dead.count++] = entry;
}

/* Entry for an encoded chunk: special ones that the index can say are not stored. */
static int put_chunk(blosc2_schunk *schunk, const blosc2_view *view, int64_t *entry)
{
    bool in_index = view->special == BLOSC2_SPECIAL_ZEROS || view->special == BLOSC2_SPECIAL_UNINIT ||
                    (view->special == BLOSC2_SPECIAL_NAN && view->item_bytes == schunk->cparams.item_bytes);
    if (in_index && schunk->chunk_bytes > 0) {
        *entry = b2_index_special(view->special);
        return BLOSC2_OK;
    }
    b2_stored stored;
    int status = b2_schunk_stored(view, schunk->seal, &schunk->postscript, &stored);
    return status < 0 ? status : schunk->store->ops->put(schunk->store, &stored, entry);
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
    bool counts = schunk->stored_bytes >= 0 || schunk->home == BLOSC2_HOME_DIRECTORY;
    if (counts && old >= 0) status = b2_schunk_chunk_cbytes(schunk, old, &old_cbytes);
    if (status == BLOSC2_OK) status = reserve_dead(schunk, 1);
    if (status == BLOSC2_OK) status = b2_index_expand(&schunk->index);
    if (status == BLOSC2_OK) status = put_chunk(schunk, &view, &entry);
    if (status < 0) return status;
    release(schunk, chunk);
    b2_index_set(&schunk->index, chunk, entry);
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
    if (status == BLOSC2_OK && !b2_add_i64(schunk->nbytes, view.nbytes, &nbytes))
        status = blosc2_fail(BLOSC2_E_ARGUMENT, "append: the sum of all chunks overflows");
    if (status == BLOSC2_OK) status = put_chunk(schunk, &view, &entry);
    if (status < 0) return status;
    status = b2_index_append(&schunk->index, entry);
    if (status < 0) {
        if (entry >= 0) schunk->store->ops->drop(schunk->store, entry);
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
        index->entries[i] = b2_index_get(&schunk->index, from);
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
