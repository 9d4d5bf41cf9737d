/**
 * A contiguous frame, in a file or in memory, changed by copy-on-write: live bytes are never overwritten.
 * frame_commit.c has the order of a commit, frame_space.c what becomes of dead bytes.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/memory.h"
#include "schunk/frame_store.h"
#include "schunk/neighbour.h"

static int frame_room(b2_store *base, int64_t location, int64_t *bytes)
{
    const b2_frame_store *store = (const b2_frame_store *)base;
    /* Chunks of an open change may lie behind the committed section. */
    *bytes = (location < store->section_bytes ? store->section_bytes : store->space.end) - location;
    return BLOSC2_OK;
}

static const uint8_t *frame_map(b2_store *base, int64_t location, int64_t bytes)
{
    const b2_frame_store *store = (const b2_frame_store *)base;
    return store->io->map(store->io->context, store->file, (size_t)bytes, b2_frame_position(store, location));
}

static int frame_read(b2_store *base, int64_t location, int64_t position, void *out, size_t bytes)
{
    const b2_frame_store *store = (const b2_frame_store *)base;
    return store->io->read(store->io->context, store->file, out, bytes,
                           b2_frame_position(store, location) + position);
}

static int frame_put(b2_store *base, const b2_stored *chunk, int64_t *location)
{
    b2_frame_store *store = (b2_frame_store *)base;
    int64_t bytes = (int64_t)chunk->cbytes + chunk->after_bytes, start = 0;
    int status = b2_space_take(&store->space, bytes, &start);
    if (status < 0) return status;
    status = b2_frame_write(store, chunk->bytes, chunk->cbytes, start);
    if (status == BLOSC2_OK && chunk->after_bytes)
        status = b2_frame_write(store, chunk->after, chunk->after_bytes, start + chunk->cbytes);
    if (status == BLOSC2_OK)
        *location = start;
    else
        b2_space_give_back(&store->space, start, bytes);
    return status;
}

int b2_store_changed(const char *path)
{
    return blosc2_fail_io(BLOSC2_E_CHANGED, EBUSY, path,
                          "%s was changed by somebody else: refresh() or open it again", path);
}

int b2_store_gone(const char *path)
{
    return blosc2_fail_io(BLOSC2_E_CHANGED, ENOENT, path,
                          "%s is gone: somebody has removed it, or given it another name", path);
}

/* Another writer may have replaced the header; or a chunk by one as long, and with it the fingerprint alone.
 * Threads that read may ask at the same time. */
static int check_header(const b2_frame_store *store)
{
    const b2_io *io = store->io;
    size_t size = (size_t)store->header_bytes;
    uint8_t fingerprint[B2_FINGERPRINT_BYTES];
    const uint8_t *expected = store->damaged ? b2_frame_damaged(store) : b2_frame_committed(store);
    b2_buffer found = {0};
    int status = b2_buffer_reserve(&found, size);
    if (status == BLOSC2_OK) status = io->read(io->context, store->file, found.bytes, size, store->offset);
    bool same = status == BLOSC2_OK && memcmp(found.bytes, expected, size) == 0;
    b2_buffer_free(&found);
    if (same && !store->tail_is_damaged) {
        status = io->read(io->context, store->file, fingerprint, sizeof fingerprint,
                          store->offset + store->frame_bytes - B2_FINGERPRINT_BYTES);
        same = status == BLOSC2_OK && memcmp(fingerprint, store->fingerprint, sizeof fingerprint) == 0;
    }
    return status == BLOSC2_OK && !same ? b2_store_changed(store->path) : status;
}

/* Another file may have the name now, too. */
static int frame_check(b2_store *base)
{
    const b2_frame_store *store = (const b2_frame_store *)base;
    const b2_io *io = store->io;
    if (!store->path || store->temporary) return BLOSC2_OK;
    b2_identity now;
    int status = io->identity(io->context, store->path, &now);
    if (status == BLOSC2_E_NOT_FOUND) return b2_store_gone(store->path);
    if (status < 0) return status;
    if (now.device != store->identity.device || now.number != store->identity.number)
        return b2_store_changed(store->path);
    return check_header(store);
}

static void frame_rollback(b2_store *base)
{
    b2_frame_store *store = (b2_frame_store *)base;
    base->is_changing = false;
    if (!store->is_sealed && store->file_end > store->space.committed_end)
        store->is_recorded = false; /* what was written must not come back in the place of what will be */
    b2_space_rollback(&store->space);
    if (!store->poisoned) b2_frame_cut(store, store->space.end);
}

static void frame_inherit(b2_store *base, const b2_store *old)
{
    b2_frame_store *store = (b2_frame_store *)base;
    const b2_frame_store *before = (const b2_frame_store *)old;
    store->io = before->io; /* which may be a part of the super-chunk that stays */
    store->is_unsynced |= before->is_unsynced;
    bool is_same_file = store->identity.device == before->identity.device &&
                        store->identity.number == before->identity.number;
    if (is_same_file) store->has_new_name = before->has_new_name;
    store->poisoned |= before->poisoned;
}

/* Where the states end of which it is known that they are read. */
static int64_t end_of_held(const b2_holders *holders)
{
    uint64_t end = 0;
    for (int i = 0; i < holders->count && holders->held == B2_HELD_SOME; i++) {
        uint64_t stop = holders->runs[i].first + holders->runs[i].count;
        if (stop < B2_NUMBERS && stop > end) end = stop; /* who is just opening it holds all */
    }
    return (int64_t)end;
}

/* The committed header is known to be right. */
static int search(b2_frame_store *store, int64_t file_bytes)
{
    b2_frame_header header;
    int status = b2_frame_header_parse(b2_frame_committed(store), file_bytes, B2_FRAME_CONTIGUOUS, &header);
    if (status < 0) return status;
    const b2_first_frame first = {.io = store->io,
                                  .file = store->file,
                                  .frame_bytes = store->frame_bytes,
                                  .held_bytes = end_of_held(&store->base.holders),
                                  .file_bytes = file_bytes,
                                  .header_bytes = store->header_bytes,
                                  .chunk_bytes = header.chunk_bytes};
    status = b2_find_neighbour(&first, &store->neighbour);
    if (status == BLOSC2_OK && store->neighbour == 0) store->searched_end = file_bytes;
    return status;
}

/* In the section nothing is looked for: a file that others have made longer is another one than was opened.
 */
static int frame_find_neighbour(b2_store *base, int64_t *found)
{
    b2_frame_store *store = (b2_frame_store *)base;
    int64_t file_bytes;
    *found = 0;
    if (!store->path || store->temporary || store->offset > 0) return BLOSC2_OK;
    int status = store->io->size(store->io->context, store->file, &file_bytes);
    if (status < 0) return status;
    if (file_bytes <= store->neighbour) store->neighbour = 0; /* it was cut off */
    int64_t known = b2_max_i64(store->searched_end, store->frame_bytes);
    if (store->neighbour == 0 && file_bytes > known) status = search(store, file_bytes);
    *found = store->neighbour;
    return status;
}

static int64_t frame_section_bytes(b2_store *base)
{
    return ((const b2_frame_store *)base)->section_bytes;
}

static void frame_describe(b2_store *base, int64_t location, char *out, size_t bytes)
{
    (void)location;
    const b2_frame_store *store = (const b2_frame_store *)base;
    snprintf(out, bytes, "%s", store->path ? store->path : "");
}

static void frame_free(b2_store *base)
{
    b2_frame_store *store = (b2_frame_store *)base;
    store->io->close(store->io->context, store->file);
    if (store->temporary) store->io->remove(store->io->context, store->temporary);
    b2_buffer_free(&store->header);
    b2_space_free(&store->space);
    b2_held_states_free(&store->needed);
    b2_free(store->temporary);
    b2_free(store->path);
    b2_free(store);
}

static const b2_store_ops OPS = {
    .room = frame_room,
    .map = frame_map,
    .read = frame_read,
    .put = frame_put,
    .drop = b2_frame_drop,
    .check = frame_check,
    .prepare = b2_frame_prepare,
    .commit = b2_frame_commit,
    .rollback = frame_rollback,
    .inherit = frame_inherit,
    .flush = b2_frame_flush,
    .needs_lock = b2_frame_needs_lock,
    .settle = b2_frame_settle_locked,
    .can_sink = b2_frame_can_sink,
    .check_copies = b2_frame_check_copies,
    .sync = b2_frame_sync_all,
    .find_neighbour = frame_find_neighbour,
    .can_trim = b2_frame_can_trim,
    .trim = b2_frame_trim,
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

static int name_new_file(b2_frame_store *store, const char *path)
{
    store->temporary = b2_io_temporary_name(path);
    if (!store->temporary) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a path");
    return copy_path(path, &store->path);
}

/* What new and opened frames have in common. @param file NULL: to be opened. */
static int make_store(const b2_io *io, b2_file *file, int32_t header_bytes, b2_frame_store **out)
{
    b2_frame_store *store = b2_calloc(sizeof *store);
    if (!store) {
        io->close(io->context, file);
        return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a store");
    }
    store->base.ops = &OPS;
    store->io = io;
    store->file = file;
    store->header_bytes = header_bytes;
    int status = b2_buffer_reserve(&store->header, 3 * (size_t)header_bytes);
    if (status < 0)
        frame_free(&store->base);
    else
        *out = store;
    return status;
}

int b2_store_frame_create(const b2_io *io, const b2_new_frame *frame, b2_store **out)
{
    b2_frame_store *store = NULL;
    int status = make_store(io, NULL, frame->header_bytes, &store);
    if (status < 0) return status;
    store->frame_bytes = frame->header_bytes;
    store->replaces = frame->replaces;
    store->durability = frame->safety.durability;
    store->is_sealed = frame->path && frame->safety.checksums == BLOSC2_CHECKSUMS_ON;
    store->reuses = store->is_sealed || (frame->path && frame->safety.locking == BLOSC2_LOCKING_ON);
    store->is_scanned = true;
    store->copy.mirror = -1;
    b2_space_init(&store->space, 0);
    if (frame->path) status = name_new_file(store, frame->path);
    b2_frame_keep_places(store);
    store->is_recorded = store->has_near; /* nothing is promised of what was never flushed */
    if (status == BLOSC2_OK) status = io->open(io->context, store->temporary, B2_OPEN_NEW, &store->file);
    if (status < 0) {
        b2_free(store->temporary);
        store->temporary = NULL; /* the file was not made */
        frame_free(&store->base);
        return b2_store_cannot_create(status, frame->path);
    }
    if (frame->replaces && io->take_attributes) /* from now on: what is private is so while it is written */
        io->take_attributes(io->context, store->file, frame->path, B2_ATTRIBUTES_ALL);
    *out = &store->base;
    return BLOSC2_OK;
}

/* What is behind the frame may be of an older state, which readers or a power cut may still want. */
static void open_space(b2_frame_store *store, const b2_opened *opened)
{
    int64_t frame_end = store->frame_bytes - store->header_bytes;
    store->file_end = b2_max_i64(opened->file_bytes - store->header_bytes, frame_end);
    b2_space_init(&store->space, store->file_end);
    b2_space_bury_old(&store->space,
                      (b2_extent){.start = frame_end, .stop = store->file_end, .starts = B2_STARTS_OTHERS});
    store->space.synced = -2; /* whoever wrote this need not have synced it */
    store->durability = opened->safety.durability;
    store->is_sealed = store->path && (opened->flags & B2_FINGERPRINT_SEALED);
    store->reuses = store->is_sealed || (store->path && opened->safety.locking == BLOSC2_LOCKING_ON);
    store->unknown_dead_bytes = (int64_t)(opened->flags >> B2_FINGERPRINT_DEAD_SHIFT) * B2_DEAD_UNIT;
    store->copy = opened->copy;
    store->tail_is_damaged = opened->tail_is_damaged;
    store->has_record = opened->has_record;
    store->has_new_name = store->path != NULL; /* whoever gave it need not have synced it */
    store->is_tagged_here = opened->flags & B2_FINGERPRINT_TAGGED;
}

int b2_store_frame_open(const b2_io *io, b2_file *file, const b2_opened *opened, b2_store **out)
{
    const b2_frame_header *header = opened->header;
    b2_frame_store *store = NULL;
    int status = make_store(io, file, header->header_bytes, &store);
    if (status < 0) return status;
    store->offset = opened->offset;
    store->identity = opened->identity;
    memcpy(b2_frame_committed(store), opened->header_bytes, (size_t)header->header_bytes);
    memcpy(store->fingerprint, opened->fingerprint, sizeof store->fingerprint);
    if (opened->damaged) {
        store->damaged = true;
        memcpy(b2_frame_damaged(store), opened->damaged, (size_t)header->header_bytes);
    }
    store->frame_bytes = header->frame_bytes;
    store->section_bytes = header->nbytes > 0 ? header->section_bytes : 0;
    store->has_chunks = header->nbytes > 0;
    status = copy_path(opened->path, &store->path);
    if (status < 0) {
        frame_free(&store->base);
        return status;
    }
    open_space(store, opened);
    b2_frame_name_state(store);
    *out = &store->base;
    return BLOSC2_OK;
}
