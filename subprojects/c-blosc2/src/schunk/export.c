/** A super-chunk as the bytes of a contiguous frame: chunks in order, no gaps; same content, same bytes. */
#include "schunk/schunk.h"

/* Dead bytes that a frame in memory may have before it is worth moving, besides as many as live ones. */
enum { DEAD_BYTES_FREE = 256 * 1024 };

/* Put every stored chunk of `from` into `store`; `index` says where they went. */
static int copy_chunks(const blosc2_schunk *from, b2_store *store, b2_index *index,
                       blosc2_workspace *workspace)
{
    for (int64_t i = 0; i < from->index.count && from->index.entries; i++) {
        if (from->index.entries[i] < 0) continue;
        blosc2_view view;
        int64_t location = 0;
        int status = blosc2_check_interrupt();
        if (status == BLOSC2_OK) status = blosc2_schunk_view(from, i, NULL, 0, workspace, &view);
        if (status == BLOSC2_OK) status = store->ops->put(store, view.bytes, view.cbytes, &location);
        if (status < 0) return status;
        b2_index_set(index, i, location);
    }
    return BLOSC2_OK;
}

/* Write a whole frame into `io`. @param index Set to where its chunks are. */
static int make_frame(const blosc2_schunk *from, const b2_io *io, blosc2_workspace *workspace, b2_store **out,
                      b2_index *index)
{
    b2_store *store;
    int status = b2_index_copy(&from->index, index);
    if (status < 0) return status;
    status = b2_store_frame_create(io, NULL, (int32_t)b2_frame_header_size(&from->fixed), &store);
    if (status == BLOSC2_OK) {
        status = copy_chunks(from, store, index, workspace);
        b2_state state = b2_schunk_state(from);
        state.index = index;
        state.same_tail = false;
        if (status == BLOSC2_OK) status = store->ops->commit(store, &state, workspace);
        if (status < 0) store->ops->free(store);
    }
    if (status < 0)
        b2_index_free(index);
    else
        *out = store;
    return status;
}

static int export_to(const blosc2_schunk *from, const b2_io *io)
{
    b2_store *store;
    b2_index index;
    blosc2_workspace *workspace;
    int status = blosc2_workspace_create(&workspace);
    if (status < 0) return status;
    status = make_frame(from, io, workspace, &store, &index);
    if (status == BLOSC2_OK) {
        store->ops->free(store);
        b2_index_free(&index);
    }
    blosc2_workspace_free(workspace);
    return status;
}

int blosc2_schunk_to_bytes(const blosc2_schunk *schunk, uint8_t **bytes, size_t *size)
{
    b2_io *io;
    int status = b2_io_memory_create(&io);
    if (status < 0) return status;
    status = export_to(schunk, io);
    if (status == BLOSC2_OK) b2_io_memory_take(io, bytes, size);
    b2_io_memory_free(io);
    return status;
}

void b2_schunk_compact_memory(blosc2_schunk *schunk)
{
    int64_t live, used = schunk->store->ops->section_bytes(schunk->store);
    if (used < DEAD_BYTES_FREE || blosc2_schunk_stored_bytes(schunk, &live) < 0) return;
    if (used - live < live + DEAD_BYTES_FREE) return;
    b2_io *io;
    b2_store *store;
    b2_index index;
    if (b2_io_memory_create(&io) < 0) return;
    if (make_frame(schunk, io, schunk->workspace, &store, &index) < 0) {
        b2_io_memory_free(io);
        return;
    }
    schunk->store->ops->free(schunk->store);
    schunk->free_own_io(schunk->own_io);
    b2_index_free(&schunk->index);
    schunk->store = store;
    schunk->io = schunk->own_io = io;
    schunk->index = index;
}

void blosc2_bytes_free(uint8_t *bytes)
{
    b2_free(bytes);
}
