/** Opening frames: at a path, in memory, behind a callback. */
#include <errno.h>
#include <string.h>

#include "base/failure.h"
#include "schunk/load.h"

/* The frame passes to `schunk`; its file is closed on failure. */
static int open_contiguous(b2_frame_file *frame, blosc2_schunk *schunk)
{
    int status = b2_load_frame(frame, B2_FRAME_CONTIGUOUS, schunk);
    if (status == BLOSC2_OK) {
        schunk->io = frame->io;
        schunk->stored_bytes = -1;
        const b2_opened opened = {.path = schunk->path,
                                  .offset = frame->offset,
                                  .header = &frame->header,
                                  .header_bytes = frame->header_bytes.bytes,
                                  .fingerprint = frame->fingerprint,
                                  .flags = frame->flags,
                                  .damaged = frame->found.bytes,
                                  .identity = frame->identity,
                                  .file_bytes = frame->available,
                                  .lowest = b2_index_lowest(&schunk->index),
                                  .safety = schunk->safety};
        status = b2_store_frame_open(frame->io, frame->file, &opened, &schunk->store);
        if (status == BLOSC2_OK) b2_schunk_probe(schunk);
    } else {
        frame->io->close(frame->io->context, frame->file);
    }
    b2_frame_file_free(frame);
    return status;
}

static int open_sparse(const b2_io *io, blosc2_schunk *schunk)
{
    b2_frame_file frame = {.io = io};
    char *path = b2_io_join(schunk->path, "/", "chunks.b2frame");
    if (!path) return BLOSC2_E_MEMORY;
    int status = io->identity(io->context, path, &frame.identity);
    if (status == BLOSC2_OK) status = io->open(io->context, path, B2_OPEN_READ_INSIDE, &frame.file);
    if (status == BLOSC2_OK) {
        status = b2_load_frame(&frame, B2_FRAME_SPARSE, schunk);
        io->close(io->context, frame.file);
        b2_frame_file_free(&frame);
    } else if (status == BLOSC2_E_NOT_FOUND) {
        status = blosc2_fail(BLOSC2_E_CORRUPT, "a directory without chunks.b2frame is no sparse frame");
    }
    b2_free(path);
    if (status == BLOSC2_OK) status = b2_index_check_files(&schunk->index);
    if (status < 0) return status;
    schunk->stored_bytes = -1;
    schunk->files_bytes = frame.header.section_bytes;
    const b2_opened_directory opened = {schunk->path, b2_index_highest(&schunk->index), frame.identity,
                                        schunk->safety};
    status = b2_store_sparse_open(io, &opened, &schunk->store);
    if (status == BLOSC2_OK) b2_schunk_probe(schunk);
    return status;
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
        if (io == &schunk->mapped_io)
            return blosc2_fail(BLOSC2_E_ARGUMENT, "a directory cannot be mapped: its chunks are files each");
        b2_locks_watch(schunk);
        return open_sparse(io, schunk);
    }
    b2_locks_watch(schunk);
    b2_frame_file frame = {.io = io, .offset = offset};
    b2_open_mode mode = schunk->mode == BLOSC2_READ ? B2_OPEN_READ : B2_OPEN_UPDATE;
    status = io->identity(io->context, schunk->path, &frame.identity);
    schunk->seen = frame.identity;
    if (status == BLOSC2_OK) status = io->open(io->context, schunk->path, mode, &frame.file);
    return status < 0 ? status : open_contiguous(&frame, schunk);
}

/* Open what is at the path of `like` now, as that was opened; a name and settings are all that it need have.
 */
static int open_once(const blosc2_schunk *like, blosc2_schunk **out)
{
    blosc2_schunk *schunk;
    int status = b2_schunk_new(BLOSC2_HOME_FILE, like->path, &schunk);
    if (status < 0) return status;
    schunk->max_bytes = like->max_bytes;
    schunk->safety = like->safety;
    schunk->mode = like->mode;
    schunk->offset = like->offset;
    schunk->mapped_io = like->mapped_io;
    schunk->io = like->io == &like->mapped_io ? &schunk->mapped_io : like->io;
    status = open_path(schunk);
    if (status < 0)
        blosc2_schunk_free(schunk);
    else
        *out = schunk;
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
    like->mode = origin->mode == BLOSC2_UPDATE ? BLOSC2_UPDATE : BLOSC2_READ;
    if (origin->mode == BLOSC2_READ_MAPPED) {
        b2_io_mapped(&like->mapped_io);
        like->io = &like->mapped_io;
    }
    status = b2_schunk_open_again(like, out);
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
