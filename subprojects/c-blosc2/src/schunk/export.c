/** A super-chunk as the bytes of a contiguous frame: chunks in order, no gaps; same content, same bytes. */
#include "schunk/export.h"
#include "chunk/postscript.h"

int b2_schunk_stored(const blosc2_view *view, blosc2_seal seal, b2_buffer *postscript, b2_stored *out)
{
    *out = (b2_stored){.bytes = view->bytes, .cbytes = view->cbytes};
    if (seal == BLOSC2_SEAL_NONE) return BLOSC2_OK;
    int32_t bytes = b2_postscript_bytes(view);
    int status = b2_buffer_reserve(postscript, (size_t)bytes);
    if (status == BLOSC2_OK) status = b2_postscript_build(view, postscript->bytes);
    out->after = postscript->bytes;
    out->after_bytes = bytes;
    return status;
}

/* Put every stored chunk of `from` into `store`; `index` says where they went. */
static int copy_chunks(b2_copy_job *job, b2_store *store, b2_index *index)
{
    const blosc2_schunk *from = job->from;
    blosc2_use use = job->seal == BLOSC2_SEAL_NONE ? BLOSC2_USE_CONTENT : BLOSC2_USE_COPY;
    for (int64_t i = 0; i < from->index.count && from->index.entries; i++) {
        if (from->index.entries[i] < 0) continue;
        blosc2_view view;
        int64_t location = 0;
        b2_stored stored;
        int status = blosc2_check_interrupt();
        if (status == BLOSC2_OK)
            status = blosc2_schunk_view_for(from, i, use, NULL, 0, job->workspace, &view);
        if (status == BLOSC2_OK) status = b2_schunk_stored(&view, job->seal, &job->postscript, &stored);
        if (status == BLOSC2_OK) status = store->ops->put(store, &stored, &location);
        if (status < 0) return status;
        b2_index_set(index, i, location, b2_stored_tag(&stored));
    }
    return BLOSC2_OK;
}

int b2_copy_frame(b2_copy_job *job, const b2_io *io, b2_store **out, b2_index *index)
{
    const blosc2_schunk *from = job->from;
    b2_store *store;
    int status = b2_index_copy(&from->index, index);
    if (status < 0) return status;
    job->frame.header_bytes = (int32_t)b2_frame_header_size(&from->fixed);
    status = b2_store_frame_create(io, &job->frame, &store);
    if (status == BLOSC2_OK) {
        status = copy_chunks(job, store, index);
        b2_buffer_free(&job->postscript);
        b2_state state = b2_schunk_state(from);
        state.index = index;
        state.seal = job->seal;
        if (status == BLOSC2_OK) status = store->ops->commit(store, &state, job->workspace);
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
    bool on =
        from->safety.checksums == BLOSC2_CHECKSUMS_ON || from->seal != BLOSC2_SEAL_NONE; /* as compact() */
    b2_copy_job job = {.from = from, .seal = on ? b2_schunk_seal_of_copies(from) : BLOSC2_SEAL_NONE};
    int status = blosc2_workspace_create(&job.workspace);
    if (status < 0) return status;
    status = b2_copy_frame(&job, io, &store, &index);
    if (status == BLOSC2_OK) {
        store->ops->free(store);
        b2_index_free(&index);
    }
    blosc2_workspace_free(job.workspace);
    return status;
}

int blosc2_schunk_to_bytes(const blosc2_schunk *schunk, uint8_t **bytes, size_t *size)
{
    b2_io *io;
    int status = blosc2_schunk_check_sound(schunk);
    if (status == BLOSC2_OK) status = b2_io_memory_create(&io);
    if (status < 0) return status;
    status = export_to(schunk, io);
    if (status == BLOSC2_OK) b2_io_memory_take(io, bytes, size);
    b2_io_memory_free(io);
    return status;
}

void blosc2_bytes_free(uint8_t *bytes)
{
    b2_free(bytes);
}
