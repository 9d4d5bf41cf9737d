#include "schunk/sparse_repair.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/failure.h"
#include "frame/fingerprint.h"
#include "schunk/sparse_store.h"

/** Bytes of one of the files, as far as they can be read. */
typedef struct raw_file {
    b2_buffer bytes;
    int64_t size; /* -1: there is none, or it cannot be read */
} raw_file;

/** What is looked at. */
typedef struct comparison {
    const b2_sparse_store *store;
    blosc2_note_fn *note;
    void *context;
    raw_file index, copy;
    bool index_is_bad, copy_is_bad;
    bool is_twice; /* there should be a copy of this state, whole or not */
} comparison;

/* ------------------------------------------------------------------ reading */

/* No more is read than could be right. */
static int read_open(const b2_io *io, b2_file *file, int64_t most, raw_file *out)
{
    int64_t size;
    int status = io->size(io->context, file, &size);
    if (status < 0) return status;
    int64_t count = size < most ? size : most;
    status = b2_buffer_reserve_exactly(&out->bytes, (size_t)count);
    if (status == BLOSC2_OK) status = io->read(io->context, file, out->bytes.bytes, (size_t)count, 0);
    if (status == BLOSC2_OK) out->size = size;
    return status;
}

static int read_raw(const b2_sparse_store *store, const char *name, int64_t most, raw_file *out)
{
    const b2_io *io = store->io;
    b2_file *file = NULL;
    char *path = b2_sparse_path(store, name);
    out->size = -1;
    if (!path) return BLOSC2_E_MEMORY;
    int status = io->open(io->context, path, B2_OPEN_READ_INSIDE, &file);
    b2_free(path);
    if (status == BLOSC2_OK) {
        status = read_open(io, file, most, out);
        io->close(io->context, file);
    }
    return status == BLOSC2_E_MEMORY ? status : BLOSC2_OK;
}

/* ------------------------------------------------------------------ telling */

static void say(const comparison *c, blosc2_note what, const char *format, ...)
{
    char text[256];
    va_list arguments;
    if (!c->note) return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    c->note(c->context, what, text);
}

/* Both values, and both places: which of them is right is for `what` to say. */
static void tell_difference(const comparison *c, blosc2_note what, const char *name, const uint8_t *bytes,
                            const char *other_name, const uint8_t *other)
{
    int64_t count = 0, first = -1, total = c->store->index_bytes;
    for (int64_t i = 0; i < total; i++) {
        if (bytes[i] == other[i]) continue;
        if (first < 0) first = i;
        count++;
    }
    say(c, what, "%s: %lld of %lld bytes differ from %s, the first at byte %lld: 0x%02x, and 0x%02x there",
        name, (long long)count, (long long)total, other_name, (long long)first, bytes[first], other[first]);
}

static bool is_like_index(const comparison *c, const raw_file *file, int64_t foot_bytes)
{
    int64_t count = c->store->index_bytes;
    return file->size == count + foot_bytes &&
           memcmp(file->bytes.bytes, c->store->index.bytes, (size_t)count) == 0;
}

/* @param other_name  Where what was opened is from. */
static void tell_file(const comparison *c, blosc2_note what, const char *name, const raw_file *file,
                      int64_t foot_bytes, const char *other_name)
{
    long long expected = (long long)(c->store->index_bytes + foot_bytes);
    if (file->size < 0)
        say(c, what, "%s: missing, or it cannot be read", name);
    else if (file->size != expected)
        say(c, what, "%s: %lld bytes (by %s it should have %lld)", name, (long long)file->size, other_name,
            expected);
    else if (!is_like_index(c, file, foot_bytes))
        tell_difference(c, what, name, file->bytes.bytes, other_name, c->store->index.bytes);
    else
        say(c, what, "%s: its foot is damaged", name);
}

/* What was opened is the copy's state, or the index file's when it was opened. */
static void tell_index(const comparison *c)
{
    tell_file(c, BLOSC2_NOTE_DAMAGE, B2_SPARSE_INDEX_NAME, &c->index, 0,
              c->store->is_damaged ? B2_SPARSE_COPY_NAME : "what was opened");
}

/* ------------------------------------------------------------------ judging */

/* Whether the whole copy is of the same state, and says other things of metalayers or parameters, so that
 * nobody knows which is right: fingerprints are checksums of all else. */
static bool is_in_doubt(const comparison *c)
{
    const b2_sparse_store *store = c->store;
    int64_t rest = store->index_bytes - B2_FINGERPRINT_BYTES;
    uint32_t flags;
    return c->copy.size == store->index_bytes + B2_SPARSE_FOOT_BYTES && rest >= 0 &&
           b2_fingerprint_read(store->index.bytes + rest, &flags) &&
           memcmp(c->copy.bytes.bytes + rest, store->index.bytes + rest, B2_FINGERPRINT_BYTES) == 0;
}

/* A copy of an older state is right before a flush. */
static void judge_copy(comparison *c, b2_sparse_copy_state state)
{
    const b2_sparse_store *store = c->store;
    bool is_whole = state == B2_SPARSE_COPY_WHOLE;
    bool is_equal = is_whole && is_like_index(c, &c->copy, B2_SPARSE_FOOT_BYTES);
    c->is_twice = is_equal || store->is_copied;
    if (is_equal) return;
    if (is_whole && is_in_doubt(c)) {
        c->is_twice = true;
        if (c->note)
            tell_difference(c, BLOSC2_NOTE_DOUBT, B2_SPARSE_INDEX_NAME, store->index.bytes,
                            B2_SPARSE_COPY_NAME, c->copy.bytes.bytes);
        return;
    }
    if (is_whole && !store->is_copied) return;
    c->copy_is_bad = true;
    bool is_missing = state == B2_SPARSE_COPY_MISSING;
    /* Whoever made it may have been killed before the first flush. */
    if (is_missing && !store->is_copied) return;
    c->is_twice = true;
    tell_file(c, is_missing ? BLOSC2_NOTE_REMARK : BLOSC2_NOTE_DAMAGE, B2_SPARSE_COPY_NAME, &c->copy,
              B2_SPARSE_FOOT_BYTES, B2_SPARSE_INDEX_NAME);
}

static int compare(comparison *c)
{
    const b2_sparse_store *store = c->store;
    b2_sparse_copy copy;
    int64_t most = store->index_bytes + B2_SPARSE_FOOT_BYTES;
    int status = read_raw(store, B2_SPARSE_INDEX_NAME, most, &c->index);
    if (status == BLOSC2_OK) status = read_raw(store, B2_SPARSE_COPY_NAME, most, &c->copy);
    if (status == BLOSC2_OK) status = b2_sparse_copy_read(store->io, store->directory, 0, &copy);
    if (status < 0) return status;
    b2_sparse_copy_state state = copy.state;
    b2_sparse_copy_free(&copy);
    c->index_is_bad = c->index.size < store->index_bytes ||
                      memcmp(c->index.bytes.bytes, store->index.bytes, (size_t)store->index_bytes) != 0;
    if (c->index_is_bad) tell_index(c);
    judge_copy(c, state);
    return BLOSC2_OK;
}

static int compare_files(comparison *c)
{
    b2_failure failure;
    b2_failure_save(&failure);
    int status = compare(c);
    b2_buffer_free(&c->index.bytes);
    b2_buffer_free(&c->copy.bytes);
    if (status < 0) return status;
    b2_failure_restore(&failure);
    return c->store->base.ops->check((b2_store *)&c->store->base); /* of what was read, that is */
}

int b2_sparse_check_copies(b2_store *base, const b2_index *index, blosc2_note_fn *note, void *context,
                           bool *twice)
{
    comparison c = {.store = (const b2_sparse_store *)base, .note = note, .context = context};
    (void)index; /* the store has its bytes */
    *twice = false;
    if (c.store->is_new) return BLOSC2_OK;
    int status = compare_files(&c);
    *twice = c.is_twice;
    return status;
}

/* ------------------------------------------------------------------ mending */

static int write_index_again(b2_sparse_store *store, const char *path)
{
    const b2_io *io = store->io;
    b2_identity identity;
    char *temporary = b2_io_temporary_name(path);
    if (!temporary) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a path");
    int status = b2_sparse_write_file(store, temporary, store->index.bytes, store->index_bytes,
                                      BLOSC2_DURABILITY_FSYNC);
    if (status == BLOSC2_OK) {
        status = io->identity(io->context, temporary, &identity);
        if (status == BLOSC2_OK) status = io->rename_over(io->context, temporary, path);
        if (status < 0) io->remove(io->context, temporary);
    }
    b2_free(temporary);
    if (status < 0) return status;
    store->identity = identity;
    store->is_damaged = false;
    return b2_sparse_sync_names(store);
}

static int mend_index(b2_sparse_store *store)
{
    char *path = b2_sparse_path(store, B2_SPARSE_INDEX_NAME);
    int status = path ? write_index_again(store, path) : BLOSC2_E_MEMORY;
    b2_free(path);
    return status;
}

/* A new index file is another one, so the copy is made anew, too. */
static int mend(blosc2_schunk *schunk, int *mended)
{
    int status = b2_schunk_catch_up(schunk);
    if (status < 0) return status;
    b2_sparse_store *store = (b2_sparse_store *)schunk->store;
    comparison c = {.store = store};
    status = compare_files(&c);
    if (status == BLOSC2_OK && c.index_is_bad) status = mend_index(store);
    if (status < 0 || (!c.copy_is_bad && !c.index_is_bad)) return status;
    store->is_copied = store->is_proven = false; /* all is synced once more */
    status = b2_sparse_flush_locked(store);
    if (status == BLOSC2_OK) *mended = c.index_is_bad + c.copy_is_bad;
    return status;
}

int b2_sparse_repair_copies(blosc2_schunk *schunk, blosc2_mend accepted, int *mended)
{
    *mended = 0;
    if (schunk->mode == BLOSC2_READ)
        return blosc2_fail_io(BLOSC2_E_READ_ONLY, EROFS, schunk->path, "%s is open for reading only",
                              schunk->path);
    if (schunk->changing) return blosc2_fail(BLOSC2_E_ARGUMENT, "repair: a change is open: commit it first");
    if (schunk->is_doubtful)
        return blosc2_fail(BLOSC2_E_CORRUPT, "%s: its index is damaged, and was read with checksum=False",
                           schunk->path);
    int status = b2_schunk_check_accepted(schunk, accepted);
    if (status == BLOSC2_OK) status = b2_locks_enter(schunk);
    if (status < 0) return status;
    status = mend(schunk, mended);
    if (status == BLOSC2_OK && *mended) schunk->recovered = BLOSC2_RECOVERED_NOTHING;
    b2_locks_leave(schunk);
    return status;
}
