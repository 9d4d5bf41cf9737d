/** Chunks on the heap, without any frame around them. */
#include <string.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "schunk/store.h"

static uint8_t *chunk_at(int64_t location)
{
    return (uint8_t *)(uintptr_t)location;
}

static int memory_room(b2_store *store, int64_t location, int64_t *bytes)
{
    (void)store;
    *bytes = b2_load_le_i32(chunk_at(location) + 12); /* the chunk's own cbytes: checked when it was put */
    return BLOSC2_OK;
}

static const uint8_t *memory_map(b2_store *store, int64_t location, int64_t bytes)
{
    (void)store;
    (void)bytes;
    return chunk_at(location);
}

static int memory_read(b2_store *store, int64_t location, int64_t position, void *out, size_t bytes)
{
    (void)store;
    memcpy(out, chunk_at(location) + position, bytes);
    return BLOSC2_OK;
}

/* Postscripts are for other homes: nothing on the heap is checked. */
static int memory_put(b2_store *store, const b2_stored *chunk, int64_t *location)
{
    (void)store;
    uint8_t *copy = b2_malloc((size_t)chunk->cbytes);
    if (!copy) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a chunk of %d bytes", chunk->cbytes);
    memcpy(copy, chunk->bytes, (size_t)chunk->cbytes);
    *location = (int64_t)(uintptr_t)copy; /* not negative where pointers have 32 bits, either */
    return BLOSC2_OK;
}

static void memory_drop(b2_store *store, int64_t location, int64_t bytes)
{
    (void)bytes;
    (void)store;
    b2_free(chunk_at(location));
}

static int memory_check(b2_store *store)
{
    (void)store;
    return BLOSC2_OK;
}

static int memory_prepare(b2_store *store, const b2_index *index)
{
    (void)store;
    (void)index;
    return BLOSC2_OK;
}

static void memory_inherit(b2_store *store, const b2_store *old)
{
    (void)store;
    (void)old;
}

static int memory_flush(b2_store *store, const b2_index *index)
{
    (void)index;
    (void)store;
    return BLOSC2_OK;
}

static bool memory_needs_lock(const b2_store *store)
{
    (void)store;
    return false;
}

static int memory_settle(b2_store *store)
{
    (void)store;
    return BLOSC2_OK;
}

static bool memory_can_sink(const b2_store *store, const b2_index *index)
{
    (void)store;
    (void)index;
    return false;
}

static int memory_check_copies(b2_store *store, const b2_index *index, blosc2_note_fn *note, void *context,
                               bool *twice)
{
    (void)store;
    (void)index;
    (void)note;
    (void)context;
    *twice = false;
    return BLOSC2_OK;
}

static int memory_sync(b2_store *store)
{
    (void)store;
    return BLOSC2_OK;
}

static int memory_find_neighbour(b2_store *store, int64_t *found)
{
    (void)store;
    *found = 0;
    return BLOSC2_OK;
}

static bool memory_can_trim(const b2_store *store)
{
    (void)store;
    return false;
}

static void memory_trim(b2_store *store)
{
    (void)store;
}

static int memory_commit(b2_store *store, const b2_state *state, blosc2_workspace *workspace)
{
    (void)store;
    (void)state;
    (void)workspace;
    return BLOSC2_OK;
}

static void memory_rollback(b2_store *store)
{
    (void)store;
}

static int64_t memory_section_bytes(b2_store *store)
{
    (void)store;
    return 0;
}

static void memory_describe(b2_store *store, int64_t location, char *out, size_t bytes)
{
    (void)store;
    (void)location;
    if (bytes) out[0] = '\0';
}

static void memory_free(b2_store *store)
{
    b2_free(store);
}

int b2_store_memory_create(b2_store **out)
{
    static const b2_store_ops ops = {
        .room = memory_room,
        .map = memory_map,
        .read = memory_read,
        .put = memory_put,
        .drop = memory_drop,
        .check = memory_check,
        .prepare = memory_prepare,
        .commit = memory_commit,
        .inherit = memory_inherit,
        .flush = memory_flush,
        .needs_lock = memory_needs_lock,
        .settle = memory_settle,
        .can_sink = memory_can_sink,
        .check_copies = memory_check_copies,
        .sync = memory_sync,
        .find_neighbour = memory_find_neighbour,
        .can_trim = memory_can_trim,
        .trim = memory_trim,
        .rollback = memory_rollback,
        .section_bytes = memory_section_bytes,
        .describe = memory_describe,
        .free = memory_free,
    };
    b2_store *store = b2_malloc(sizeof *store);
    if (!store) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a store");
    store->ops = &ops;
    *out = store;
    return BLOSC2_OK;
}
