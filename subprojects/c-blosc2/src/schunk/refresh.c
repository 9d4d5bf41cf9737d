/** Seeing what other handles and processes have committed. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/failure.h"
#include "base/memory.h"
#include "schunk/schunk.h"

static bool is_on_disk(const blosc2_schunk *schunk)
{
    return schunk->home == BLOSC2_HOME_FILE || schunk->home == BLOSC2_HOME_DIRECTORY;
}

static int ask(const blosc2_schunk *schunk, blosc2_schunk *fresh, blosc2_accept what)
{
    return schunk->accept ? schunk->accept(schunk->accept_context, fresh, what) : BLOSC2_OK;
}

/* Whether what was found can take the place of what the handle has. */
static int check_kind(const blosc2_schunk *schunk, blosc2_schunk *fresh)
{
    if (fresh->home != schunk->home || fresh->cparams.item_bytes != schunk->cparams.item_bytes)
        return b2_store_changed(schunk->path);
    /* The handle has a state already: an older one does not take its place unasked. */
    if (fresh->recovered == BLOSC2_RECOVERED_OLDER && schunk->recovered != BLOSC2_RECOVERED_OLDER)
        return blosc2_fail(BLOSC2_E_CORRUPT,
                           "%s: its last state is damaged, and the last flushed one may be older than what "
                           "this handle has: it can be opened anew",
                           schunk->path);
    if (fresh->is_doubtful && !schunk->is_doubtful) return blosc2_schunk_check_sound(fresh);
    return ask(schunk, fresh, BLOSC2_ACCEPT_ASK);
}

/* Where the state begins, of which a reload exchanges all. */
enum { STATE_AT = offsetof(blosc2_schunk, cparams), STATE_BYTES = sizeof(blosc2_schunk) - STATE_AT };

static void exchange_states(blosc2_schunk *schunk, blosc2_schunk *fresh)
{
    uint8_t held[STATE_BYTES], *ours = (uint8_t *)schunk + STATE_AT, *others = (uint8_t *)fresh + STATE_AT;
    memcpy(held, ours, STATE_BYTES);
    memcpy(ours, others, STATE_BYTES);
    memcpy(others, held, STATE_BYTES);
}

/* What other threads may be asking for: they are not excluded. */
static void show(blosc2_schunk *schunk, const blosc2_schunk *fresh)
{
    schunk->recovered = fresh->recovered;
    schunk->seal = fresh->seal;
    schunk->chunk_bytes = fresh->chunk_bytes;
    schunk->block_bytes = fresh->block_bytes;
    schunk->nbytes = fresh->nbytes;
}

static bool has_cparams(const blosc2_cparams *a, const blosc2_cparams *b)
{
    return a->item_bytes == b->item_bytes && a->codec == b->codec && a->clevel == b->clevel &&
           a->split == b->split && a->use_dict == b->use_dict &&
           memcmp(a->filters, b->filters, sizeof a->filters) == 0 &&
           memcmp(a->filters_meta, b->filters_meta, sizeof a->filters_meta) == 0;
}

/* Parameters that stay as long as the handle, equal to those; NULL and a message if memory is short. There
 * are as many as a file has ever had, which is few. */
static const blosc2_cparams *keep_cparams(blosc2_schunk *schunk, const blosc2_cparams *cparams)
{
    if (has_cparams(&schunk->opened_cparams, cparams)) return &schunk->opened_cparams;
    for (const b2_shown_cparams *kept = schunk->reloaded_cparams; kept; kept = kept->before)
        if (has_cparams(&kept->cparams, cparams)) return &kept->cparams;
    b2_shown_cparams *kept = b2_malloc(sizeof *kept);
    if (!kept) {
        blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate parameters");
        return NULL;
    }
    *kept = (b2_shown_cparams){*cparams, schunk->reloaded_cparams};
    schunk->reloaded_cparams = kept;
    return &kept->cparams;
}

/* Exchange all that a commit changes; what makes the handle stays. */
static void exchange(blosc2_schunk *schunk, blosc2_schunk *fresh, const blosc2_cparams *cparams)
{
    bool is_unflushed = schunk->is_unflushed;
    b2_held_lock *held = schunk->locks.held;
    exchange_states(schunk, fresh);
    schunk->locks.held = held;
    fresh->locks.held = NULL;
    schunk->is_unflushed = is_unflushed;
    show(schunk, fresh);
    schunk->shown = cparams;
}

/* Why a handle has what is at the path now. */
typedef enum reload_reason {
    RELOAD_ASKED,      /* the caller has asked for it, and looks at what it says of itself */
    RELOAD_IN_PASSING, /* before a change */
} reload_reason;

/* A change goes by the shape, which is a metalayer: one that came in doubt is not taken for right unseen. */
static int check_doubts(const blosc2_schunk *schunk, const blosc2_schunk *fresh, reload_reason reason)
{
    bool is_new = fresh->seal == BLOSC2_SEAL_LAYERS && schunk->seal == BLOSC2_SEAL_WHOLE;
    if (!is_new || reason == RELOAD_ASKED) return BLOSC2_OK;
    return blosc2_fail_io(BLOSC2_E_CHANGED, EBUSY, schunk->path,
                          "%s: its shape, other metalayers or parameters were changed since they were read "
                          "here, by another library or by damage, and nothing verifies them: refresh() shows "
                          "what is there now, and then it can be changed",
                          schunk->path);
}

/* Open what is at the path now, if it can take the place of what the handle has. Metalayers that are in
 * doubt, and are no array's, may be right in their second copy. */
static int open_kind(blosc2_schunk *schunk, blosc2_schunk **out)
{
    int status = b2_schunk_open_again(schunk, out);
    if (status < 0) return status;
    status = check_kind(schunk, *out);
    if (status == BLOSC2_OK) return status;
    bool is_other =
        status == BLOSC2_E_CORRUPT || status == BLOSC2_E_UNSUPPORTED || status == BLOSC2_E_CHANGED;
    bool has_copy = is_other && (*out)->seal == BLOSC2_SEAL_LAYERS && !schunk->prefers_copy;
    blosc2_schunk_free(*out);
    if (!has_copy) return status;
    schunk->prefers_copy = true;
    status = open_kind(schunk, out);
    schunk->prefers_copy = false;
    return status;
}

static int take(blosc2_schunk *schunk, blosc2_schunk *fresh)
{
    const blosc2_cparams *cparams = keep_cparams(schunk, &fresh->cparams);
    if (!cparams) return BLOSC2_E_MEMORY;
    int status = ask(schunk, fresh, BLOSC2_ACCEPT_TAKE);
    if (status < 0) return status;
    fresh->store->ops->inherit(fresh->store, schunk->store);
    exchange(schunk, fresh, cparams);
    return BLOSC2_OK;
}

/* Take what is at the path now in place of what the handle has. On failure it has what it had. */
static int reload(blosc2_schunk *schunk, reload_reason reason)
{
    blosc2_schunk *fresh;
    int status = open_kind(schunk, &fresh);
    if (status == BLOSC2_E_NOT_FOUND) return b2_store_gone(schunk->path);
    if (status < 0) return status;
    status = check_doubts(schunk, fresh, reason);
    if (status == BLOSC2_OK) status = take(schunk, fresh);
    blosc2_schunk_free(fresh);
    return status;
}

/* The same for a handle of an older state, whose index nobody has changed: the later one may have been
 * flushed since, and is there then. In a file a flush shows. */
static int reload_later(blosc2_schunk *schunk, bool *changed)
{
    blosc2_schunk *fresh;
    *changed = false;
    bool may_be_flushed =
        schunk->home == BLOSC2_HOME_DIRECTORY && schunk->recovered == BLOSC2_RECOVERED_OLDER;
    if (!may_be_flushed) return BLOSC2_OK;
    int status = open_kind(schunk, &fresh);
    if (status < 0) return status;
    bool is_later = fresh->recovered != BLOSC2_RECOVERED_OLDER;
    if (is_later) status = take(schunk, fresh);
    *changed = is_later && status == BLOSC2_OK;
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
    if (status == BLOSC2_E_NOT_FOUND) status = BLOSC2_E_CHANGED; /* it was there a moment ago */
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
    b2_store *store = schunk->store;
    enum { TRIES = 3 }; /* who is just opening the frame is done soon */
    for (int i = 0; i < TRIES; i++) {
        b2_locks_find_holders(schunk, &store->holders);
        bool is_worth_it = schunk->home == BLOSC2_HOME_FILE && store->wants_space &&
                           store->holders.held == B2_HELD_SOME && !b2_holders_are_told(&store->holders);
        if (!is_worth_it || i + 1 == TRIES) break;
        b2_io_sleep(1);
    }
    b2_held held = store->holders.held;
    /* Bytes that are reused in doubt would be read as what they are not; a file that is gone is noticed. */
    store->has_readers = schunk->home == BLOSC2_HOME_FILE ? held != B2_HELD_NONE : held == B2_HELD_SOME;
}

int b2_schunk_catch_up(blosc2_schunk *schunk)
{
    if (!schunk->committed || !is_on_disk(schunk) || schunk->safety.locking != BLOSC2_LOCKING_ON)
        return schunk->store->ops->check(schunk->store);
    bool changed;
    int status = check_stored(schunk);
    if (status == BLOSC2_E_CHANGED && !schunk->stays)
        status = reload(schunk, RELOAD_IN_PASSING);
    else if (status == BLOSC2_OK && !schunk->stays)
        status = reload_later(schunk, &changed);
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
    if (status == BLOSC2_OK) return reload_later(schunk, changed);
    if (status != BLOSC2_E_CHANGED) return status;
    status = reload(schunk, RELOAD_ASKED);
    *changed = status == BLOSC2_OK;
    return status;
}

int blosc2_schunk_explain(const blosc2_schunk *schunk, int status)
{
    bool may_be_others = status == BLOSC2_E_CORRUPT || status == BLOSC2_E_UNSUPPORTED ||
                         status == BLOSC2_E_CODEC || status == BLOSC2_E_LIMIT;
    if (!may_be_others || !is_on_disk(schunk) || !schunk->committed || schunk->changing) return status;
    b2_failure failure;
    b2_failure_save(&failure);
    if (check_committed(schunk) == BLOSC2_E_CHANGED) return BLOSC2_E_CHANGED;
    b2_failure_restore(&failure);
    return status;
}
