/**
 * A contiguous frame, in a file or in memory, changed by copy-on-write.
 *
 * Live bytes are never overwritten: chunks that are put go behind the end of the committed frame, then the
 * new index and trailer behind them; the header, written last and at once, makes all of it current. What a
 * failed change has written is cut off again. A new frame has no live bytes, is written under a temporary
 * name, and renamed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/memory.h"
#include "schunk/store.h"

typedef struct frame_store {
    b2_store base;
    const b2_io *io;
    b2_file *file;
    char *path;      /* owned; NULL in memory and for sources */
    char *temporary; /* owned; the file's name until the first commit, then NULL */
    int64_t offset;  /* of the frame in the file */
    int32_t header_bytes;
    int64_t frame_bytes;   /* committed; header_bytes before the first commit */
    int64_t section_bytes; /* committed */
    b2_buffer header;      /* the committed one, to notice other writers, and room for the next */
    b2_identity identity;  /* of the committed file */
    bool has_chunks;       /* committed */
    int64_t append;        /* where the next chunk goes: counts from the end of the header, like locations */
} frame_store;

static int64_t position_of(const frame_store *store, int64_t location)
{
    return store->offset + store->header_bytes + location;
}

static int frame_room(b2_store *base, int64_t location, int64_t *bytes)
{
    const frame_store *store = (const frame_store *)base;
    int64_t committed_end = store->frame_bytes - store->header_bytes;
    /* Chunks of an open change lie behind the committed frame. */
    *bytes = (location < committed_end ? store->section_bytes : store->append) - location;
    return BLOSC2_OK;
}

static const uint8_t *frame_map(b2_store *base, int64_t location, int64_t bytes)
{
    const frame_store *store = (const frame_store *)base;
    return store->io->map(store->io->context, store->file, (size_t)bytes, position_of(store, location));
}

static int frame_read(b2_store *base, int64_t location, int64_t position, void *out, size_t bytes)
{
    const frame_store *store = (const frame_store *)base;
    return store->io->read(store->io->context, store->file, out, bytes,
                           position_of(store, location) + position);
}

static int frame_put(b2_store *base, const b2_stored *chunk, int64_t *location)
{
    frame_store *store = (frame_store *)base;
    const b2_io *io = store->io;
    int64_t position = position_of(store, store->append);
    int status = io->write(io->context, store->file, chunk->bytes, (size_t)chunk->cbytes, position);
    if (status == BLOSC2_OK && chunk->after_bytes)
        status = io->write(io->context, store->file, chunk->after, (size_t)chunk->after_bytes,
                           position + chunk->cbytes);
    if (status < 0) return status;
    *location = store->append;
    store->append += (int64_t)chunk->cbytes + chunk->after_bytes;
    return BLOSC2_OK;
}

/* Dead bytes stay where they are, inside of the section. */
static void frame_drop(b2_store *base, int64_t location)
{
    (void)base;
    (void)location;
}

int b2_store_changed(const char *path)
{
    return blosc2_fail_io(BLOSC2_E_CHANGED, EBUSY, path, "%s was changed by somebody else: refresh() or open it again", path);
}

/* Another file may have the name now, or another writer have replaced the header. */
static int frame_check(b2_store *base)
{
    const frame_store *store = (const frame_store *)base;
    const b2_io *io = store->io;
    if (!store->path || store->temporary) return BLOSC2_OK;
    b2_identity now;
    int status = io->identity(io->context, store->path, &now);
    if (status == BLOSC2_E_NOT_FOUND) return b2_store_changed(store->path);
    if (status < 0) return status;
    if (now.device != store->identity.device || now.number != store->identity.number)
        return b2_store_changed(store->path);
    size_t size = (size_t)store->header_bytes;
    uint8_t *committed = store->header.bytes, *found = committed + size;
    status = io->read(io->context, store->file, found, size, store->offset);
    if (status == BLOSC2_OK && memcmp(found, committed, size) != 0) status = b2_store_changed(store->path);
    return status;
}

static int publish(frame_store *store)
{
    const b2_io *io = store->io;
    if (!store->temporary) return BLOSC2_OK;
    int status = io->identity(io->context, store->temporary, &store->identity);
    if (status == BLOSC2_OK) status = io->rename_new(io->context, store->temporary, store->path);
    if (status < 0) return status;
    b2_free(store->temporary);
    store->temporary = NULL;
    return BLOSC2_OK;
}

/* Replace the header. A write that fails half-way is undone as well as it can be. */
static int write_header(frame_store *store, const b2_state *state, int64_t section_bytes, int64_t frame_bytes)
{
    const b2_io *io = store->io;
    size_t size = (size_t)store->header_bytes;
    uint8_t *committed = store->header.bytes, *fresh = committed + size;
    bool is_new = store->frame_bytes == store->header_bytes;
    b2_image_header(state, B2_FRAME_CONTIGUOUS, store->header_bytes, section_bytes, frame_bytes, fresh);
    int status = io->write(io->context, store->file, fresh, size, store->offset);
    if (status == BLOSC2_OK)
        memcpy(committed, fresh, size);
    else if (!is_new)
        io->write(io->context, store->file, committed, size, store->offset);
    return status;
}

static int commit_all(frame_store *store, const b2_state *state, blosc2_workspace *workspace)
{
    b2_image image = {0};
    int status = b2_image_build(&image, state, workspace);
    int64_t section_bytes = store->append;
    int64_t frame_bytes = store->header_bytes + section_bytes + image.tail_bytes;
    if (status == BLOSC2_OK)
        status = store->io->write(store->io->context, store->file, image.bytes.bytes,
                                  (size_t)image.tail_bytes, position_of(store, section_bytes));
    b2_image_free(&image);
    if (status == BLOSC2_OK) status = write_header(store, state, section_bytes, frame_bytes);
    if (status == BLOSC2_OK) status = publish(store);
    if (status < 0) return status;
    store->frame_bytes = frame_bytes;
    store->section_bytes = section_bytes;
    store->append = frame_bytes - store->header_bytes;
    return BLOSC2_OK;
}

/**
 * A frame without chunks: C-Blosc2 looks for the trailer right behind the header then
 * (docs/format/frame-format.md 5), where bytes are dead once the frame has been committed elsewhere. They are
 * written only if no reader can want chunks there.
 */
static int commit_empty(frame_store *store, const b2_state *state, blosc2_workspace *workspace)
{
    bool is_new = store->frame_bytes == store->header_bytes;
    if (is_new) store->append = 0;
    if (store->append == 0) return commit_all(store, state, workspace);
    bool had_chunks = store->has_chunks;
    store->append = b2_max_i64(store->append, b2_frame_trailer_size(state->variable));
    int status = commit_all(store, state, workspace);
    if (status < 0 || had_chunks) return status;
    int64_t append = store->append;
    store->append = 0;
    if (commit_all(store, state, workspace) < 0) store->append = append; /* as committed before: whole */
    return BLOSC2_OK;
}

static int frame_commit(b2_store *base, const b2_state *state, blosc2_workspace *workspace)
{
    frame_store *store = (frame_store *)base;
    if (b2_frame_header_size(state->fixed) > store->header_bytes)
        return blosc2_fail(BLOSC2_E_ARGUMENT,
                           "metalayers: a header of %lld bytes (it has %d, and cannot grow)",
                           (long long)b2_frame_header_size(state->fixed), store->header_bytes);
    if (state->same_tail) return write_header(store, state, store->section_bytes, store->frame_bytes);
    int status =
        state->index->count ? commit_all(store, state, workspace) : commit_empty(store, state, workspace);
    if (status == BLOSC2_OK) store->has_chunks = state->index->count > 0;
    return status;
}

static void frame_rollback(b2_store *base)
{
    frame_store *store = (frame_store *)base;
    store->append = store->frame_bytes - store->header_bytes;
    store->io->truncate(store->io->context, store->file, store->offset + store->frame_bytes);
}

static int64_t frame_section_bytes(b2_store *base)
{
    return ((const frame_store *)base)->section_bytes;
}

static void frame_describe(b2_store *base, int64_t location, char *out, size_t bytes)
{
    (void)location;
    const frame_store *store = (const frame_store *)base;
    snprintf(out, bytes, "%s", store->path ? store->path : "");
}

static void frame_free(b2_store *base)
{
    frame_store *store = (frame_store *)base;
    store->io->close(store->io->context, store->file);
    if (store->temporary) store->io->remove(store->io->context, store->temporary);
    b2_buffer_free(&store->header);
    b2_free(store->temporary);
    b2_free(store->path);
    b2_free(store);
}

static const b2_store_ops OPS = {
    .room = frame_room,
    .map = frame_map,
    .read = frame_read,
    .put = frame_put,
    .drop = frame_drop,
    .check = frame_check,
    .commit = frame_commit,
    .rollback = frame_rollback,
    .section_bytes = frame_section_bytes,
    .describe = frame_describe,
    .free = frame_free,
};

int b2_store_cannot_create(int status, const char *path)
{
    int os_error = blosc2_last_os_error();
    if (!os_error || !path) return status;
    return blosc2_fail_io(status, os_error, path, "%s: cannot create: %s", path, strerror(os_error));
}

static int copy_path(const char *path, char **out)
{
    if (!path[0]) return BLOSC2_OK;
    *out = b2_malloc(strlen(path) + 1);
    if (!*out) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a path");
    memcpy(*out, path, strlen(path) + 1);
    return BLOSC2_OK;
}

static int name_new_file(frame_store *store, const char *path)
{
    store->temporary = b2_io_temporary_name(path);
    if (!store->temporary) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a path");
    return copy_path(path, &store->path);
}

/* What new and opened frames have in common. @param file NULL: to be opened. */
static int make_store(const b2_io *io, b2_file *file, int32_t header_bytes, frame_store **out)
{
    frame_store *store = b2_calloc(sizeof *store);
    if (!store) {
        io->close(io->context, file);
        return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a store");
    }
    store->base.ops = &OPS;
    store->io = io;
    store->file = file;
    store->header_bytes = header_bytes;
    int status = b2_buffer_reserve(&store->header, 2 * (size_t)header_bytes);
    if (status < 0)
        frame_free(&store->base);
    else
        *out = store;
    return status;
}

int b2_store_frame_create(const b2_io *io, const char *path, int32_t header_bytes, b2_store **out)
{
    frame_store *store = NULL;
    int status = make_store(io, NULL, header_bytes, &store);
    if (status < 0) return status;
    store->frame_bytes = header_bytes;
    if (path) status = name_new_file(store, path);
    if (status == BLOSC2_OK) status = io->open(io->context, store->temporary, B2_OPEN_NEW, &store->file);
    if (status < 0) {
        b2_free(store->temporary);
        store->temporary = NULL; /* the file was not made */
        frame_free(&store->base);
        return b2_store_cannot_create(status, path);
    }
    *out = &store->base;
    return BLOSC2_OK;
}

int b2_store_frame_open(const b2_io *io, b2_file *file, const b2_opened *opened, b2_store **out)
{
    const b2_frame_header *header = opened->header;
    frame_store *store = NULL;
    int status = make_store(io, file, header->header_bytes, &store);
    if (status < 0) return status;
    store->offset = opened->offset;
    store->identity = opened->identity;
    memcpy(store->header.bytes, opened->header_bytes, (size_t)header->header_bytes);
    store->frame_bytes = header->frame_bytes;
    store->section_bytes = header->nbytes > 0 ? header->section_bytes : 0;
    store->append = header->frame_bytes - header->header_bytes;
    store->has_chunks = header->nbytes > 0;
    status = copy_path(opened->path, &store->path);
    if (status < 0)
        frame_free(&store->base);
    else
        *out = &store->base;
    return status;
}
