/**
 * A sparse frame: a directory with one file for each chunk (docs/format/frame-format.md 7).
 *
 * File names are made from checked numbers alone. sparse_commit.c has the order of a commit, sparse_flush.c
 * how it is brought to the medium, sparse_sweep.c what becomes of files that nobody needs any more.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/failure.h"
#include "base/memory.h"
#include "frame/fingerprint.h"
#include "schunk/sparse_repair.h"
#include "schunk/sparse_store.h"

char *b2_sparse_path(const b2_sparse_store *store, const char *name)
{
    return b2_io_join(store->directory, "/", name);
}

void b2_sparse_chunk_name(int64_t number, char *out)
{
    snprintf(out, B2_CHUNK_NAME_BYTES, "%08" PRIX32 ".chunk", (uint32_t)number);
}

int64_t b2_sparse_chunk_number(const char *name)
{
    unsigned long number = strtoul(name, NULL, 16);
    char expected[B2_CHUNK_NAME_BYTES];
    if (strspn(name, "0123456789ABCDEF") != 8) return -1;
    b2_sparse_chunk_name((int64_t)number, expected);
    return strcmp(name, expected) == 0 ? (int64_t)number : -1;
}

char *b2_sparse_chunk_path(const b2_sparse_store *store, int64_t number)
{
    char name[B2_CHUNK_NAME_BYTES];
    b2_sparse_chunk_name(number, name);
    return b2_sparse_path(store, name);
}

/* Another directory may have the name by now, whose files have the same names. */
static int check_directory(const b2_sparse_store *store)
{
    b2_identity now;
    if (!store->of.number) return BLOSC2_OK;
    int status = store->io->identity(store->io->context, store->path, &now);
    if (status == BLOSC2_E_NOT_FOUND) return b2_store_gone(store->path);
    bool is_other = status == BLOSC2_OK && (now.device != store->of.device || now.number != store->of.number);
    return is_other ? b2_store_changed(store->path) : status;
}

static int open_chunk(const b2_sparse_store *store, int64_t number, b2_open_mode mode, b2_file **file)
{
    char *path = b2_sparse_chunk_path(store, number);
    if (!path) return BLOSC2_E_MEMORY;
    int status = store->io->open(store->io->context, path, mode, file);
    if (status == BLOSC2_E_NOT_FOUND)
        status = blosc2_fail(BLOSC2_E_CORRUPT, "%s: the chunk file is missing", path);
    b2_free(path);
    return status;
}

/* The same, of the directory that was opened. */
static int open_to_read(const b2_sparse_store *store, int64_t number, b2_file **file)
{
    int status = open_chunk(store, number, B2_OPEN_READ_INSIDE, file);
    if (status < 0) return status;
    status = check_directory(store);
    if (status < 0) store->io->close(store->io->context, *file);
    return status;
}

void b2_sparse_remove_chunk(const b2_sparse_store *store, int64_t number)
{
    char *path = b2_sparse_chunk_path(store, number);
    if (path) store->io->remove(store->io->context, path);
    b2_free(path);
}

static int sparse_room(b2_store *base, int64_t location, int64_t *bytes)
{
    const b2_sparse_store *store = (const b2_sparse_store *)base;
    b2_file *file;
    int status = open_to_read(store, location, &file);
    if (status < 0) return status;
    status = store->io->size(store->io->context, file, bytes);
    store->io->close(store->io->context, file);
    return status;
}

static const uint8_t *sparse_map(b2_store *base, int64_t location, int64_t bytes)
{
    (void)base;
    (void)location;
    (void)bytes;
    return NULL;
}

static int sparse_read(b2_store *base, int64_t location, int64_t position, void *out, size_t bytes)
{
    const b2_sparse_store *store = (const b2_sparse_store *)base;
    b2_file *file;
    int status = open_to_read(store, location, &file);
    if (status < 0) return status;
    status = store->io->read(store->io->context, file, out, bytes, position);
    store->io->close(store->io->context, file);
    return status;
}

/* Numbers that are taken belong to readers of an older commit, or to a change that never ended. */
void b2_sparse_take_attributes(const b2_sparse_store *store, b2_file *file, b2_attributes what)
{
    const b2_io *io = store->io;
    if (store->is_new || !io->take_attributes) return;
    char *like = b2_sparse_path(store, B2_SPARSE_INDEX_NAME);
    if (like) io->take_attributes(io->context, file, like, what);
    b2_free(like);
}

static int make_chunk_file(b2_sparse_store *store, b2_file **file)
{
    for (;; store->next++) {
        if (store->next > UINT32_MAX)
            return blosc2_fail(BLOSC2_E_ARGUMENT, "%s: chunk file number %lld (expected at most FFFFFFFF)",
                               store->path, (long long)store->next);
        int status = open_chunk(store, store->next, B2_OPEN_NEW, file);
        if (status != BLOSC2_E_EXISTS) return status;
    }
}

static int sparse_put(b2_store *base, const b2_stored *chunk, int64_t *location)
{
    b2_sparse_store *store = (b2_sparse_store *)base;
    b2_file *file;
    int status = make_chunk_file(store, &file);
    if (status < 0) return status;
    int64_t number = store->next++;
    b2_sparse_take_attributes(store, file, B2_ATTRIBUTES_ACCESS);
    status = store->io->write(store->io->context, file, chunk->bytes, (size_t)chunk->cbytes, 0);
    if (status == BLOSC2_OK && chunk->after_bytes)
        status = store->io->write(store->io->context, file, chunk->after, (size_t)chunk->after_bytes,
                                  chunk->cbytes);
    store->io->close(store->io->context, file);
    if (status < 0) {
        b2_sparse_remove_chunk(store, number);
        return status;
    }
    *location = number;
    return BLOSC2_OK;
}

void b2_store_sparse_hold(b2_store *base, const b2_identity *of)
{
    ((b2_sparse_store *)base)->of = *of;
}

static int64_t file_bytes(b2_sparse_store *store, int64_t number)
{
    b2_failure failure;
    int64_t bytes = 0;
    b2_failure_save(&failure);
    if (sparse_room(&store->base, number, &bytes) < 0) bytes = 0;
    b2_failure_restore(&failure);
    return bytes;
}

void b2_sparse_count_dead(b2_sparse_store *store)
{
    if (store->dead_bytes >= 0) return;
    store->dead_bytes = 0;
    for (int64_t i = 0; i < store->flushed.count; i++)
        if (!b2_file_numbers_have(&store->files, store->flushed.items[i]))
            store->dead_bytes += file_bytes(store, store->flushed.items[i]);
}

/* No reader knows files that the open change has put; and the copy of the index none that are younger. */
static void sparse_drop(b2_store *base, int64_t location, int64_t bytes)
{
    b2_sparse_store *store = (b2_sparse_store *)base;
    if (!base->is_changing && store->has_copy && b2_file_numbers_have(&store->flushed, location))
        store->dead_bytes += bytes ? bytes : file_bytes(store, location);
    else if (store->poisoned || (base->has_readers && !base->is_changing))
        b2_sparse_leave(store);
    else
        b2_sparse_remove_chunk(store, location);
}

static int identify(const b2_sparse_store *store, b2_identity *out)
{
    char *path = b2_sparse_path(store, B2_SPARSE_INDEX_NAME);
    if (!path) return BLOSC2_E_MEMORY;
    int status = store->io->identity(store->io->context, path, out);
    b2_free(path);
    return status;
}

static int sparse_check(b2_store *base)
{
    const b2_sparse_store *store = (const b2_sparse_store *)base;
    if (store->is_new) return BLOSC2_OK;
    b2_identity now;
    int status = identify(store, &now);
    bool was_missing = store->is_damaged && store->identity.bytes == 0 && store->identity.number == 0;
    if (status == BLOSC2_E_NOT_FOUND && was_missing) return BLOSC2_OK;
    if (status == BLOSC2_E_NOT_FOUND) return b2_store_gone(store->path);
    if (status == BLOSC2_OK && !b2_identity_same(&now, &store->identity))
        return b2_store_changed(store->path);
    return status;
}

static bool sparse_can_sink(const b2_store *store, const b2_index *index)
{
    (void)store;
    (void)index;
    return false;
}

static int sparse_find_neighbour(b2_store *store, int64_t *found)
{
    (void)store;
    *found = 0;
    return BLOSC2_OK;
}

static bool sparse_can_trim(const b2_store *store)
{
    (void)store;
    return false;
}

static void sparse_trim(b2_store *store)
{
    (void)store;
}

/* Numbers are not used again: a file that could not be removed may have one. */
static void sparse_rollback(b2_store *base)
{
    base->is_changing = false;
}

static int64_t sparse_section_bytes(b2_store *store)
{
    (void)store;
    return 0;
}

static void sparse_describe(b2_store *base, int64_t location, char *out, size_t bytes)
{
    const b2_sparse_store *store = (const b2_sparse_store *)base;
    char name[B2_CHUNK_NAME_BYTES];
    b2_sparse_chunk_name(location, name);
    snprintf(out, bytes, "%s/%s", store->path, name);
}

/* A directory that was never committed goes away with all that is in it. */
static void remove_new_directory(b2_sparse_store *store)
{
    static const char *const names[] = {B2_SPARSE_INDEX_NAME, B2_SPARSE_COPY_NAME};
    for (int64_t number = 0; number < store->next; number++) b2_sparse_remove_chunk(store, number);
    for (int i = 0; i < 2; i++) {
        char *path = b2_sparse_path(store, names[i]);
        if (path) store->io->remove(store->io->context, path);
        b2_free(path);
    }
    store->io->remove_directory(store->io->context, store->directory);
}

static void sparse_inherit(b2_store *base, const b2_store *old)
{
    b2_sparse_store *store = (b2_sparse_store *)base;
    const b2_sparse_store *before = (const b2_sparse_store *)old;
    store->has_left_overs |= before->has_left_overs;
    store->left_over_count += before->left_over_count;
    b2_file_numbers files = {0};
    b2_sparse_older_inherit(&store->older, &before->older);
    if (before->base.generation < B2_NUMBERS - 1 && b2_file_numbers_copy(&before->files, &files) == BLOSC2_OK)
        b2_sparse_older_add(&store->older, (b2_numbers){before->base.generation, 2}, &files);
    store->is_unsynced |= before->is_unsynced;
    store->has_new_name |= before->has_new_name;
    store->poisoned |= before->poisoned;
    if (store->next < before->next) store->next = before->next;
}

static void sparse_free(b2_store *base)
{
    b2_sparse_store *store = (b2_sparse_store *)base;
    if (store->is_new) remove_new_directory(store);
    b2_buffer_free(&store->index);
    b2_file_numbers_free(&store->files);
    b2_file_numbers_free(&store->replaced);
    b2_sparse_older_free(&store->older);
    b2_file_numbers_free(&store->flushed);
    b2_free(store->directory);
    b2_free(store->path);
    b2_free(store);
}

static int make_store(const b2_io *io, const char *path, b2_sparse_store **out)
{
    static const b2_store_ops ops = {
        .room = sparse_room,
        .map = sparse_map,
        .read = sparse_read,
        .put = sparse_put,
        .drop = sparse_drop,
        .check = sparse_check,
        .prepare = b2_sparse_prepare,
        .commit = b2_sparse_commit,
        .rollback = sparse_rollback,
        .inherit = sparse_inherit,
        .flush = b2_sparse_flush,
        .needs_lock = b2_sparse_needs_lock,
        .settle = b2_sparse_settle,
        .can_sink = sparse_can_sink,
        .check_copies = b2_sparse_check_copies,
        .sync = b2_sparse_sync,
        .find_neighbour = sparse_find_neighbour,
        .can_trim = sparse_can_trim,
        .trim = sparse_trim,
        .section_bytes = sparse_section_bytes,
        .describe = sparse_describe,
        .free = sparse_free,
    };
    b2_sparse_store *store = b2_calloc(sizeof *store);
    if (!store) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a store");
    store->base.ops = &ops;
    store->io = io;
    store->path = b2_malloc(strlen(path) + 1);
    store->directory = b2_io_temporary_name(path);
    if (!store->path || !store->directory) {
        sparse_free(&store->base);
        return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a path");
    }
    memcpy(store->path, path, strlen(path) + 1);
    *out = store;
    return BLOSC2_OK;
}

int b2_store_sparse_create(const b2_io *io, const char *path, blosc2_durability durability, b2_store **out)
{
    b2_sparse_store *store;
    int status = make_store(io, path, &store);
    if (status < 0) return status;
    status = io->make_directory(io->context, store->directory);
    if (status < 0) {
        sparse_free(&store->base);
        return b2_store_cannot_create(status, path);
    }
    store->is_new = true;
    store->was_never_flushed = true;
    store->durability = durability;
    *out = &store->base;
    return BLOSC2_OK;
}

/* Numbers that were given since the last flush, files that are gone again included: after a power cut an
 * index may come back that names them. */
static int64_t spent_numbers(const b2_opened_directory *opened)
{
    uint32_t flags;
    const uint8_t *end = opened->bytes.bytes + opened->bytes_count;
    bool is_known = !opened->is_copied && opened->bytes_count > B2_FINGERPRINT_BYTES &&
                    b2_fingerprint_read(end - B2_FINGERPRINT_BYTES, &flags);
    return is_known ? (int64_t)(flags >> B2_FINGERPRINT_DEAD_SHIFT) * B2_NUMBER_UNIT : 0;
}

static int take_opened(b2_sparse_store *store, b2_opened_directory *opened)
{
    int status = b2_file_numbers_of(opened->index, &store->files);
    if (status < 0) return status;
    memcpy(store->directory, opened->path, strlen(opened->path) + 1);
    store->next = b2_max_i64(b2_file_numbers_highest(&store->files), opened->highest) + 1;
    store->next = b2_max_i64(store->next, spent_numbers(opened));
    store->index = opened->bytes;
    store->index_bytes = opened->bytes_count;
    store->flushed = opened->flushed;
    store->next = b2_max_i64(store->next, b2_file_numbers_highest(&store->flushed) + 1);
    opened->bytes = (b2_buffer){0};
    opened->flushed = (b2_file_numbers){0};
    store->seal = opened->seal;
    store->identity = opened->identity;
    store->durability = opened->safety.durability;
    store->has_copy = opened->has_copy;
    store->is_copied = opened->is_copied;
    store->is_proven = opened->is_proven;
    store->is_damaged = opened->is_damaged;
    store->is_doubtful = opened->is_doubtful;
    /* Whoever wrote all this need not have synced it. The directory's name had been when there was a copy. */
    store->is_unsynced = true;
    store->has_new_name = !opened->is_proven;
    store->has_left_overs = true;
    store->dead_bytes = store->is_copied ? 0 : -1;
    return BLOSC2_OK;
}

int b2_store_sparse_open(const b2_io *io, b2_opened_directory *opened, b2_store **out)
{
    b2_sparse_store *store;
    int status = make_store(io, opened->path, &store);
    if (status < 0) return status;
    status = take_opened(store, opened);
    if (status < 0)
        sparse_free(&store->base);
    else
        *out = &store->base;
    return status;
}
