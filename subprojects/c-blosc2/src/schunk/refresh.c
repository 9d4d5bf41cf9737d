/** Seeing what other handles and processes have committed. */
#include <errno.h>
#include <string.h>

#include "base/failure.h"
#include "schunk/schunk.h"

static bool is_on_disk(const blosc2_schunk *schunk)
{
    return schunk->home == BLOSC2_HOME_FILE || schunk->home == BLOSC2_HOME_DIRECTORY;
}

/* Whether what was found can take the place of what the handle has. */
static int check_kind(const blosc2_schunk *schunk, blosc2_schunk *fresh)
{
    if (fresh->home != schunk->home || fresh->cparams.item_bytes != schunk->cparams.item_bytes)
        return b2_store_changed(schunk->path);
    return schunk->accept ? schunk->accept(schunk->accept_context, fresh) : BLOSC2_OK;
}

/* Exchange all that a commit changes; what makes the handle stays. */
static void exchange(blosc2_schunk *schunk, blosc2_schunk *fresh)
{
    blosc2_schunk old = *schunk;
    *schunk = *fresh;
    *fresh = old;
    schunk->io = old.io;
    schunk->path = old.path; /* others may be looking at it */
    schunk->workspace = old.workspace;
    schunk->accept = old.accept;
    schunk->accept_context = old.accept_context;
    schunk->name_chunk = old.name_chunk;
    schunk->namer = old.namer;
    schunk->locks.held = old.locks.held;
}

/* Take what is at the path now in place of what the handle has. On failure it has what it had. */
static int reload(blosc2_schunk *schunk)
{
    blosc2_schunk *fresh;
    int status = b2_schunk_open_again(schunk, &fresh);
    if (status == BLOSC2_E_NOT_FOUND) return b2_store_changed(schunk->path);
    if (status < 0) return status;
    char *path = fresh->path;
    blosc2_workspace *workspace = fresh->workspace;
    status = check_kind(schunk, fresh);
    if (status == BLOSC2_OK) {
        fresh->store->ops->inherit(fresh->store, schunk->store);
        exchange(schunk, fresh);
        fresh->path = path;
        fresh->workspace = workspace;
        fresh->locks.held = NULL;
    }
    blosc2_schunk_free(fresh);
    return status;
}

/* BLOSC2_E_CHANGED if others have counted a change, or have replaced header or index. */
static int check_committed(const blosc2_schunk *schunk)
{
    return b2_locks_have_changed(schunk) ? BLOSC2_E_CHANGED : schunk->store->ops->check(schunk->store);
}

/* The same, or if a file was written at all: some writers do neither. */
static int check_stored(const blosc2_schunk *schunk)
{
    int status = check_committed(schunk);
    if (status < 0 || schunk->home != BLOSC2_HOME_FILE) return status;
    b2_identity now;
    status = schunk->io->identity(schunk->io->context, schunk->path, &now);
    if (status == BLOSC2_OK && !b2_identity_same(&now, &schunk->seen)) status = BLOSC2_E_CHANGED;
    return status;
}

bool b2_schunk_is_stale(const blosc2_schunk *schunk)
{
    return is_on_disk(schunk) && schunk->committed && check_stored(schunk) < 0;
}

void b2_schunk_look(blosc2_schunk *schunk)
{
    if (schunk->home != BLOSC2_HOME_FILE) return;
    b2_failure failure;
    b2_failure_save(&failure);
    if (schunk->io->identity(schunk->io->context, schunk->path, &schunk->seen) < 0)
        schunk->seen = (b2_identity){0}; /* then it is read again */
    b2_failure_restore(&failure);
}

void b2_schunk_look_for_readers(blosc2_schunk *schunk)
{
    if (!is_on_disk(schunk) || schunk->safety.locking != BLOSC2_LOCKING_ON) return;
    b2_held held = b2_snapshots_held(schunk);
    /* Bytes that are reused in doubt would be read as what they are not; a file that is gone is noticed. */
    schunk->store->has_readers =
        schunk->home == BLOSC2_HOME_FILE ? held != B2_HELD_NONE : held == B2_HELD_SOME;
}

int b2_schunk_catch_up(blosc2_schunk *schunk)
{
    if (!schunk->committed || !is_on_disk(schunk) || schunk->safety.locking != BLOSC2_LOCKING_ON)
        return schunk->store->ops->check(schunk->store);
    int status = check_stored(schunk);
    if (status == BLOSC2_E_CHANGED) status = reload(schunk);
    if (status == BLOSC2_OK) b2_schunk_look_for_readers(schunk);
    return status;
}

void blosc2_schunk_on_reload(blosc2_schunk *schunk, blosc2_accept_fn *accept, void *context)
{
    schunk->accept = accept;
    schunk->accept_context = context;
}

int blosc2_schunk_refresh(blosc2_schunk *schunk, bool *changed)
{
    *changed = false;
    if (!is_on_disk(schunk) || !schunk->committed || schunk->changing) return BLOSC2_OK;
    int status = check_stored(schunk);
    if (status == BLOSC2_E_CHANGED) {
        status = reload(schunk);
        *changed = status == BLOSC2_OK;
    }
    return status;
}

int blosc2_schunk_explain(const blosc2_schunk *schunk, int status)
{
    bool may_be_others = status == BLOSC2_E_CORRUPT || status == BLOSC2_E_UNSUPPORTED ||
                         status == BLOSC2_E_CODEC || status == BLOSC2_E_LIMIT;
    if (!may_be_others || !is_on_disk(schunk) || !schunk->committed || schunk->changing) return status;
    b2_failure failure;
    b2_failure_save(&failure);
    if (check_committed(schunk) == BLOSC2_E_CHANGED) return b2_store_changed(schunk->path);
    b2_failure_restore(&failure);
    return status;
}
