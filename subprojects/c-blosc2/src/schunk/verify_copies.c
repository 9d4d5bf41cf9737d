/** Whether metadata is in the file as it should be, and twice: what `verify` says besides of chunks. */
#include <stdio.h>
#include <string.h>

#include "base/failure.h"
#include "base/memory.h"
#include "schunk/schunk.h"

static int check_store(const blosc2_schunk *schunk, blosc2_note_fn *note, void *context, bool *twice)
{
    const b2_store_ops *ops = schunk->store->ops;
    int status = ops->check_copies(schunk->store, &schunk->index, note, context, twice);
    return status < 0 ? status : ops->check(schunk->store); /* of what was read, that is */
}

/* The file has another state than the handle, or damage: what would somebody read who opens it now? */
static int check_anew(const blosc2_schunk *schunk, blosc2_note_fn *note, void *context, bool *twice)
{
    blosc2_schunk *fresh;
    int status = b2_schunk_open_again(schunk, &fresh);
    if (status == BLOSC2_E_NOT_FOUND) return BLOSC2_OK; /* it was removed */
    if (status == BLOSC2_E_CORRUPT || status == BLOSC2_E_UNSUPPORTED || status == BLOSC2_E_CODEC) {
        note(context, BLOSC2_NOTE_DAMAGE, blosc2_last_error());
        return BLOSC2_OK;
    }
    if (status < 0) return status;
    if (fresh->recovered == BLOSC2_RECOVERED_OLDER)
        note(context, BLOSC2_NOTE_DAMAGE,
             "header, chunk index or trailer: damaged, so that who opens it now finds the state that was "
             "flushed last, and not that of this handle");
    if (fresh->is_doubtful)
        note(context, BLOSC2_NOTE_DAMAGE, "header, chunk index or trailer: not what their checksums say");
    status = check_store(fresh, note, context, twice);
    /* Without a copy the handle is one that says otherwise. */
    if (status == BLOSC2_OK && !*twice && fresh->seal == BLOSC2_SEAL_LAYERS &&
        schunk->seal == BLOSC2_SEAL_WHOLE)
        note(context, BLOSC2_NOTE_DOUBT,
             "header: metalayers, shape or parameters are not those that this handle has, and have no copy");
    blosc2_schunk_free(fresh);
    return status;
}

static int look_at_copies(const blosc2_schunk *schunk, blosc2_note_fn *note, void *context, bool *twice)
{
    *twice = false;
    int status = schunk->store->ops->check(schunk->store);
    if (status == BLOSC2_OK) return check_store(schunk, note, context, twice);
    return status == BLOSC2_E_CHANGED ? check_anew(schunk, note, context, twice) : status;
}

/** What one look has found. */
typedef struct noted {
    blosc2_note what;
    char text[1024];
} noted;

typedef struct noted_list {
    noted *items; /* owned */
    int count;
    bool is_short; /* memory is */
} noted_list;

static void keep_note(void *context, blosc2_note what, const char *text)
{
    noted_list *list = context;
    noted *items = b2_realloc(list->items, (size_t)(list->count + 1) * sizeof *items);
    list->is_short |= !items;
    if (!items) return;
    list->items = items;
    items[list->count].what = what;
    snprintf(items[list->count++].text, sizeof items->text, "%s", text);
}

/* Whether somebody has written since `before`, who may have been between two of his writes. */
static bool is_in_use(const blosc2_schunk *schunk, const b2_identity *before)
{
    enum { TICK_MS = 10 }; /* file systems tell no times that are nearer to each other than some of these */
    b2_identity now;
    b2_failure failure;
    b2_failure_save(&failure);
    b2_io_sleep(TICK_MS);
    bool is_known = schunk->io->identity(schunk->io->context, schunk->path, &now) == BLOSC2_OK;
    b2_failure_restore(&failure);
    return is_known && !b2_identity_same(before, &now);
}

/* Look again while what was found may be of a commit that is under way. */
static int look_until_still(const blosc2_schunk *schunk, noted_list *list, bool *twice)
{
    enum { TRIES = 20 };
    int status = BLOSC2_OK;
    for (int i = 0; i < TRIES; i++) {
        b2_identity before;
        b2_failure failure;
        b2_failure_save(&failure);
        bool is_known = schunk->io->identity(schunk->io->context, schunk->path, &before) == BLOSC2_OK;
        b2_failure_restore(&failure);
        list->count = 0;
        status = look_at_copies(schunk, keep_note, list, twice);
        if (!is_known || (status == BLOSC2_OK && list->count == 0)) break;
        if (status < 0 && status != BLOSC2_E_CHANGED) break;
        if (!is_in_use(schunk, &before)) break;
    }
    return status;
}

int blosc2_schunk_check_copies(const blosc2_schunk *schunk, blosc2_note_fn *note, void *context, bool *twice)
{
    noted_list list = {0};
    *twice = false;
    if (schunk->is_doubtful) {
        note(context, BLOSC2_NOTE_DAMAGE,
             "header, chunk index or trailer do not match their checksum, and no copy does");
        return BLOSC2_OK;
    }
    if (!schunk->path[0] || schunk->home != BLOSC2_HOME_FILE)
        return look_at_copies(schunk, note, context, twice);
    int status = look_until_still(schunk, &list, twice);
    for (int i = 0; i < list.count && status == BLOSC2_OK; i++)
        note(context, list.items[i].what, list.items[i].text);
    if (status == BLOSC2_OK && list.is_short)
        status = blosc2_fail(BLOSC2_E_MEMORY, "no memory for what is found");
    b2_free(list.items);
    return status;
}

static void note_doubt(void *context, blosc2_note what, const char *text)
{
    bool *doubts = context;
    (void)text;
    if (what == BLOSC2_NOTE_DOUBT) *doubts = true;
}

int b2_schunk_check_doubts(const blosc2_schunk *schunk)
{
    bool twice = false, doubts = false;
    int status = schunk->store->ops->check_copies(schunk->store, &schunk->index, note_doubt, &doubts, &twice);
    if (status < 0 || !doubts) return status;
    return blosc2_fail(
        BLOSC2_E_CORRUPT,
        "%s: the header differs from its second copy, and chunks were changed by another library, so "
        "that nothing says which of the two is right: verify(adopt=True) takes the header",
        schunk->path);
}
