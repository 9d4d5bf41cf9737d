/** Opening frames: at a path, in memory, behind a callback. */
#include <errno.h>
#include <string.h>

#include "base/failure.h"
#include "schunk/frame_doubt.h"
#include "schunk/load.h"
#include "schunk/sparse_open.h"

/* What is there now, where a tail was read from its second copy: by it another writer is noticed. */
static void note_fingerprint(b2_frame_file *frame)
{
    b2_failure failure;
    int64_t start = frame->offset + frame->header.frame_bytes - B2_FINGERPRINT_BYTES;
    if (frame->choice != B2_TAIL_MIRROR) return;
    b2_failure_save(&failure);
    int status =
        frame->io->read(frame->io->context, frame->file, frame->fingerprint, B2_FINGERPRINT_BYTES, start);
    if (status < 0) memset(frame->fingerprint, 0, sizeof frame->fingerprint);
    b2_failure_restore(&failure);
}

/* The frame passes to `schunk`; its file is closed on failure. */
static int open_contiguous(b2_frame_file *frame, blosc2_schunk *schunk)
{
    int status = b2_load_frame(frame, B2_FRAME_CONTIGUOUS, schunk);
    if (status == BLOSC2_OK) {
        schunk->io = frame->io;
        schunk->stored_bytes = -1;
        note_fingerprint(frame);
        const b2_opened opened = {.path = schunk->path,
                                  .offset = frame->offset,
                                  .header = &frame->header,
                                  .header_bytes = frame->header_bytes.bytes,
                                  .fingerprint = frame->fingerprint,
                                  .flags = frame->flags,
                                  .damaged = frame->found.bytes,
                                  .identity = frame->identity,
                                  .file_bytes = frame->available,
                                  .copy = frame->copy,
                                  .tail_is_damaged = frame->choice == B2_TAIL_MIRROR,
                                  .has_record = schunk->recovered == BLOSC2_RECOVERED_WHOLE,
                                  .safety = schunk->safety};
        status = b2_store_frame_open(frame->io, frame->file, &opened, &schunk->store);
        if (status == BLOSC2_OK) b2_schunk_probe(schunk);
        bool is_short = frame->header.frame_bytes > frame->available;
        /* Where a sector was lost, chunks may be lost with it: they say so themselves. */
        bool is_older = schunk->recovered == BLOSC2_RECOVERED_OLDER && !frame->lost_header;
        if (status == BLOSC2_OK && (is_older || is_short)) {
            status = b2_schunk_check_whole(schunk);
            if (status < 0) status = blosc2_fail_within(status, "the last flushed state is not whole");
        }
    } else {
        frame->io->close(frame->io->context, frame->file);
    }
    b2_frame_file_free(frame);
    return status;
}

/* After its index was read: its files are opened by path, and another directory may have that by then. */
static int check_directory(const blosc2_schunk *schunk)
{
    b2_identity now;
    if (!schunk->locks.snapshot) return BLOSC2_OK; /* nobody was told of any */
    int status = schunk->io->identity(schunk->io->context, schunk->path, &now);
    return status < 0 ? status : b2_locks_check_snapshot(schunk, &now);
}

static int open_path(blosc2_schunk *schunk)
{
    const b2_io *io = schunk->io;
    int64_t offset = schunk->offset;
    b2_path_kind kind;
    int status = io->kind(io->context, schunk->path, &kind);
    if (status < 0) return status;
    if (kind == B2_PATH_NONE)
        return blosc2_fail_io(BLOSC2_E_NOT_FOUND, ENOENT, schunk->path, "%s: no such file or directory",
                              schunk->path);
    if (kind == B2_PATH_DIRECTORY) {
        schunk->home = BLOSC2_HOME_DIRECTORY;
        if (offset) return blosc2_fail(BLOSC2_E_ARGUMENT, "offset: %lld of a directory", (long long)offset);
        if (schunk->is_mapped)
            return blosc2_fail(BLOSC2_E_ARGUMENT, "a directory cannot be mapped: its chunks are files each");
        b2_locks_watch(schunk);
        status = b2_open_sparse(io, schunk);
        return status < 0 ? status : check_directory(schunk);
    }
    b2_locks_watch(schunk);
    b2_frame_file frame = {.io = io, .offset = offset};
    b2_open_mode mode = schunk->mode == BLOSC2_READ ? B2_OPEN_READ : B2_OPEN_UPDATE;
    status = io->open(io->context, schunk->path, mode, &frame.file);
    if (status < 0) return status;
    status = io->identify(io->context, frame.file, &frame.identity);
    if (status == BLOSC2_OK) status = b2_locks_check_snapshot(schunk, &frame.identity);
    if (status < 0) {
        io->close(io->context, frame.file);
        return status;
    }
    schunk->seen = frame.identity;
    return open_contiguous(&frame, schunk);
}

/* By what a frame is opened. */
typedef enum open_by { OPEN_BY_HEADER, OPEN_BY_COPY } open_by;

/* Open what is at the path of `like` now, as that was opened; a name and settings are all that it need have.
 */
static int open_by_one(const blosc2_schunk *like, open_by by, blosc2_schunk **out)
{
    blosc2_schunk *schunk;
    int status = b2_schunk_new(BLOSC2_HOME_FILE, like->path, &schunk);
    if (status < 0) return status;
    schunk->max_bytes = like->max_bytes;
    schunk->safety = like->safety;
    schunk->mode = like->mode;
    schunk->prefers_copy = like->prefers_copy;
    schunk->offset = like->offset;
    schunk->is_mapped = like->is_mapped;
    schunk->takes_copy = by == OPEN_BY_COPY;
    schunk->is_again = like->committed && like->recovered != BLOSC2_RECOVERED_OLDER;
    schunk->names = b2_names_hold(like->names); /* resolved once */
    schunk->io = like->io;
    status = open_path(schunk);
    if (status < 0)
        blosc2_schunk_free(schunk);
    else
        *out = schunk;
    return status;
}

/* BLOSC2_OK for what is whole, chunks below `from` left out; sets `whole`. */
static int is_whole(const blosc2_schunk *schunk, int64_t from, bool *whole)
{
    int status = b2_frame_check_ends(schunk, from);
    *whole = status == BLOSC2_OK;
    return status == BLOSC2_E_CORRUPT ? BLOSC2_OK : status;
}

/* Whether the state that copies of the header tell of is the better one. One that was flushed is, even if
 * chunks of it are lost with the first sector, or if the other is not whole either. */
static int is_better(const blosc2_schunk *opened, const blosc2_schunk *copied, b2_doubt doubt,
                     uint64_t serial, bool *better)
{
    bool is_old = doubt == B2_DOUBT_OLD_HEADER, opened_is_whole = false;
    *better = false;
    if (b2_frame_serial(copied) != serial) return BLOSC2_OK; /* that one is damaged */
    int status = is_old ? BLOSC2_OK : b2_frame_find_lost(opened, copied, better);
    if (status < 0 || (!is_old && !*better)) return status;
    status = is_whole(copied, is_old ? b2_frame_first_sector(copied) : 0, better);
    if (status < 0 || *better || !is_old) return status;
    status = is_whole(opened, 0, &opened_is_whole);
    *better = !opened_is_whole;
    return status;
}

/* A header may have lost its last write, and chunks of a state that was not flushed may be gone: then the
 * copies have what was flushed. */
static int settle_doubt(const blosc2_schunk *like, b2_doubt doubt, uint64_t serial, blosc2_schunk **opened)
{
    blosc2_schunk *copied;
    b2_failure failure;
    bool better;
    b2_failure_save(&failure);
    int status = open_by_one(like, OPEN_BY_COPY, &copied);
    if (status == BLOSC2_E_MEMORY || status == BLOSC2_E_INTERRUPTED || status == BLOSC2_E_CHANGED)
        return status;
    if (status == BLOSC2_OK) {
        bool is_old = doubt == B2_DOUBT_OLD_HEADER;
        status = is_better(*opened, copied, doubt, serial, &better);
        if (status == BLOSC2_OK && (better || is_old)) /* the doubt was of a state that was being replaced */
            status = (*opened)->store->ops->check((*opened)->store);
        if (status == BLOSC2_OK && better) {
            copied->recovered = is_old ? BLOSC2_RECOVERED_COPY : BLOSC2_RECOVERED_OLDER;
            blosc2_schunk *old = *opened;
            *opened = copied;
            copied = old;
        } else if (status == BLOSC2_OK && is_old && b2_frame_serial(copied) == serial) {
            (*opened)->recovered = BLOSC2_RECOVERED_OLDER;
        }
        blosc2_schunk_free(copied);
        if (status < 0) return status;
    }
    b2_failure_restore(&failure); /* the state of the header is what there is */
    return BLOSC2_OK;
}

/* Take what is there, by the header or by copies of it. */
static int choose(const blosc2_schunk *like, blosc2_schunk **opened)
{
    const blosc2_schunk *first = *opened;
    uint64_t serial = 0;
    bool is_later =
        first->recovered == BLOSC2_RECOVERED_NOTHING || first->recovered == BLOSC2_RECOVERED_WHOLE;
    bool may_doubt = first->home == BLOSC2_HOME_FILE && first->offset == 0 && !first->is_doubtful &&
                     b2_schunk_is_sealed(first) && is_later;
    b2_doubt doubt = may_doubt ? b2_frame_doubt(first, &serial) : B2_DOUBT_NONE;
    /* Since somebody has that state open, the system has not gone down; a handle that has a state steps back
     * from none. */
    if (doubt == B2_DOUBT_UNFLUSHED && (like->committed || b2_locks_have_others(first)))
        doubt = B2_DOUBT_NONE;
    return doubt == B2_DOUBT_NONE ? BLOSC2_OK : settle_doubt(like, doubt, serial, opened);
}

static int open_once(const blosc2_schunk *like, blosc2_schunk **out)
{
    int status = open_by_one(like, OPEN_BY_HEADER, out);
    if (status < 0) return status;
    status = choose(like, out);
    if (status == BLOSC2_OK) {
        b2_locks_settle(*out); /* not before: who has it open vouches for it */
    } else {
        blosc2_schunk_free(*out);
        *out = NULL;
    }
    return status;
}

/* Whether what is at the path has been written to since. */
static bool was_written(const blosc2_schunk *like, const b2_identity *before)
{
    b2_identity now;
    b2_failure failure;
    b2_failure_save(&failure);
    bool known = like->io->identity(like->io->context, like->path, &now) == BLOSC2_OK;
    b2_failure_restore(&failure);
    return known && !b2_identity_same(before, &now);
}

int b2_schunk_open_again(const blosc2_schunk *like, blosc2_schunk **out)
{
    enum { TRIES = 20 }; /* what is read while another process replaces the header may be half of each */
    int status = BLOSC2_OK;
    for (int i = 0; i < TRIES; i++) {
        b2_identity before = {0};
        bool known = like->io->identity(like->io->context, like->path, &before) == BLOSC2_OK;
        status = open_once(like, out);
        bool is_between =
            status == BLOSC2_E_CHANGED || (status == BLOSC2_E_CORRUPT && known && was_written(like, &before));
        if (!is_between) break;
        b2_io_sleep(1);
    }
    if (status < 0 && !blosc2_last_os_error()) return blosc2_fail_within(status, "%s", like->path);
    return status;
}

static int open_at_path(const blosc2_origin *origin, blosc2_schunk **out)
{
    if (origin->offset < 0 || (origin->offset > 0 && origin->mode == BLOSC2_UPDATE))
        return blosc2_fail(BLOSC2_E_ARGUMENT, "offset: %lld (expected 0, or more for reading only)",
                           (long long)origin->offset);
    blosc2_schunk *like;
    int status = b2_schunk_new(BLOSC2_HOME_FILE, origin->path, &like);
    if (status < 0) return status;
    like->max_bytes = origin->max_bytes;
    like->safety = origin->safety;
    like->offset = origin->offset;
    like->prefers_copy = origin->prefers_copy;
    like->mode = origin->mode == BLOSC2_UPDATE ? BLOSC2_UPDATE : BLOSC2_READ;
    b2_io mapped;
    like->is_mapped = origin->mode == BLOSC2_READ_MAPPED;
    if (like->is_mapped) b2_io_mapped(&mapped);
    status = b2_schunk_resolve(like, like->is_mapped ? &mapped : like->io);
    if (status == BLOSC2_OK) status = b2_schunk_open_again(like, out);
    blosc2_schunk_free(like);
    return status;
}

/* The frame of `origin`, which is in `io`, all of it; `io` passes to the super-chunk. */
static int open_whole(const blosc2_origin *origin, b2_io *io, void (*free_io)(b2_io *), blosc2_mode mode,
                      blosc2_schunk **out)
{
    blosc2_schunk *schunk;
    int status = b2_schunk_new(BLOSC2_HOME_MEMFRAME, NULL, &schunk);
    if (status < 0) {
        free_io(io);
        return status;
    }
    schunk->own_io = io;
    schunk->free_own_io = free_io;
    schunk->max_bytes = origin->max_bytes;
    schunk->safety = origin->safety;
    schunk->mode = mode;
    b2_frame_file frame = {.io = io};
    status = io->open(io->context, NULL, mode == BLOSC2_READ ? B2_OPEN_READ : B2_OPEN_UPDATE, &frame.file);
    if (status == BLOSC2_OK) status = open_contiguous(&frame, schunk);
    if (status == BLOSC2_OK && frame.header.frame_bytes != origin->size)
        status = blosc2_fail(BLOSC2_E_CORRUPT, "frame: frame_len %lld in %lld bytes",
                             (long long)frame.header.frame_bytes, (long long)origin->size);
    if (status < 0)
        blosc2_schunk_free(schunk);
    else
        *out = schunk;
    return status;
}

static int open_in_memory(const blosc2_origin *origin, blosc2_schunk **out)
{
    b2_io *io;
    int status = b2_io_memory_create(&io);
    if (status < 0) return status;
    b2_file *file;
    status = io->open(io->context, NULL, B2_OPEN_NEW, &file);
    if (status == BLOSC2_OK) {
        status = io->write(io->context, file, origin->bytes, (size_t)origin->size, 0);
        io->close(io->context, file);
    }
    if (status < 0) {
        b2_io_memory_free(io);
        return status;
    }
    return open_whole(origin, io, b2_io_memory_free, BLOSC2_UPDATE, out);
}

static int open_behind_callback(const blosc2_origin *origin, blosc2_schunk **out)
{
    b2_io *io;
    int status = b2_io_source_create(origin->read, origin->context, origin->size, &io);
    if (status < 0) return status;
    return open_whole(origin, io, b2_io_source_free, BLOSC2_READ, out);
}

int blosc2_schunk_open_origin(const blosc2_origin *origin, blosc2_schunk **out)
{
    if (origin->path) return open_at_path(origin, out);
    return origin->read ? open_behind_callback(origin, out) : open_in_memory(origin, out);
}

int blosc2_schunk_open(const char *path, int64_t offset, blosc2_mode mode, blosc2_schunk **out)
{
    const blosc2_origin origin = {.path = path, .offset = offset, .mode = mode};
    return blosc2_schunk_open_origin(&origin, out);
}

int blosc2_schunk_from_bytes(const void *bytes, size_t size, blosc2_schunk **out)
{
    const blosc2_origin origin = {.bytes = bytes, .size = (int64_t)size};
    return blosc2_schunk_open_origin(&origin, out);
}

int blosc2_schunk_open_source(blosc2_read_fn *read, void *context, int64_t size, blosc2_schunk **out)
{
    const blosc2_origin origin = {.read = read, .context = context, .size = size};
    return blosc2_schunk_open_origin(&origin, out);
}
