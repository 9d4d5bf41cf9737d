#include "chunk/planes.h"

#include "chunk/streams.h"
#include "filters/kernels.h"

enum {
    PLANE_ALIGNMENT = 64
}; /* of planes that are decoded; a gap keeps them from the same sets of a cache */

static int locate_planes(const blosc2_view *view, int32_t block, int32_t want, blosc2_planes *planes,
                         blosc2_workspace *workspace)
{
    int32_t start, bytes = blosc2_view_block_nbytes(view, block) / planes->count;
    size_t apart = ((size_t)want / PLANE_ALIGNMENT + 2) * PLANE_ALIGNMENT;
    int status = b2_buffer_reserve(&workspace->filtered, (size_t)planes->count * apart);
    if (status == BLOSC2_OK) status = b2_buffer_reserve(&workspace->scratch, (size_t)bytes);
    if (status == BLOSC2_OK) status = b2_view_block_start(view, block, &start);
    if (status < 0) return status;
    int64_t position = start;
    for (int32_t i = 0; i < planes->count && status == BLOSC2_OK; i++)
        status = b2_stream_find_prefix(view, &position, workspace->filtered.bytes + (size_t)i * apart, want,
                                       bytes, workspace->scratch.bytes, &planes->plane[i], workspace->codecs);
    return status;
}

static bool has_planes(const b2_pipeline *pipeline, int32_t streams)
{
    return (streams == 2 || streams == 4 || streams == 8) && b2_pipeline_planes(pipeline) == streams;
}

int b2_planes_find(const blosc2_view *view, const b2_pipeline *pipeline, int32_t block, int32_t bytes,
                   blosc2_planes *planes, blosc2_workspace *workspace)
{
    int32_t streams = 0;
    int status = b2_view_stream_count(view, block, &streams);
    planes->count = 0;
    if (status < 0 || !has_planes(pipeline, streams)) return status;
    planes->count = streams;
    planes->items = b2_streams_prefix(view, pipeline, block, bytes, &streams);
    if (planes->items == 0) planes->items = blosc2_view_block_nbytes(view, block) / streams;
    b2_streams_use_dict(view, workspace);
    return locate_planes(view, block, planes->items, planes, workspace);
}

void b2_planes_join_all(const blosc2_planes *planes, uint8_t *out)
{
    blosc2_rows all = {.count = planes->items, .rows = 1, .out = out};
    blosc2_planes_join(planes, &all);
}

void blosc2_planes_join(const blosc2_planes *planes, const blosc2_rows *rows)
{
    b2_plane_rows to_join = {
        .planes = planes->plane,
        .width = (size_t)planes->count,
        .items = (size_t)planes->items,
        .first = (size_t)rows->first,
        .count = (size_t)rows->count,
        .rows = (size_t)rows->rows,
        .row_step = (size_t)rows->step,
        .out = rows->out,
        .out_step = (ptrdiff_t)rows->out_step,
        .streaming = rows->stores == BLOSC2_STORES_STREAMING,
    };
    b2_kernels_get()->join_planes(&to_join);
}

void blosc2_copy_streaming(void *out, const void *in, size_t bytes)
{
    b2_kernels_get()->stream_lines(in, out, bytes);
}

void blosc2_streaming_end(void)
{
    b2_kernels_get()->end_streaming();
}

int blosc2_view_decode_planes(const blosc2_view *view, int32_t block, int32_t bytes, blosc2_planes *planes,
                              blosc2_workspace *workspace)
{
    planes->count = 0;
    if (block < 0 || block >= view->block_count)
        return blosc2_fail(BLOSC2_E_ARGUMENT, "block: %d (expected 0..%d)", block, view->block_count - 1);
    if (!b2_view_is_regular(view) || view->vl_blocks) return BLOSC2_OK;
    b2_pipeline pipeline = b2_view_pipeline(view);
    int32_t streams = 0;
    int status = b2_view_stream_count(view, block, &streams);
    if (status == BLOSC2_OK && !has_planes(&pipeline, streams)) return BLOSC2_OK;
    if (status == BLOSC2_OK) {
        status = b2_view_verify_block(view, block);
        if (status < 0) return status;
    }
    if (status == BLOSC2_OK) status = b2_planes_find(view, &pipeline, block, bytes, planes, workspace);
    return status < 0 ? blosc2_fail_within(status, "block %d", block) : status;
}
