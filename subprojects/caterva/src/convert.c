/** Arrays into others: a copy with other chunks or parameters, and one without its axes of length 1. */
#include <stdlib.h>
#include <string.h>

#include "checked.h"
#include "chunk.h"
#include "copy_box.h"
#include "internal.h"
#include "metadata.h"

/* ------------------------------------------------------------------ copy */

typedef struct copy_job {
    caterva_array *from;
    caterva_array *to;
    cat_crew crew;                      /* of `from` */
    cat_scratch boxes[CAT_MAX_THREADS]; /* a chunk without padding, for each thread */
} copy_job;

static bool same_geometry(const caterva_geometry *a, const caterva_geometry *b)
{
    if (a->ndim != b->ndim || a->item_bytes != b->item_bytes) return false;
    for (int d = 0; d < a->ndim; d++) {
        if (a->shape[d] != b->shape[d] || a->chunks[d] != b->chunks[d] || a->blocks[d] != b->blocks[d])
            return false;
    }
    return true;
}

static bool same_cparams(const blosc2_cparams *a, const blosc2_cparams *b)
{
    return a->item_bytes == b->item_bytes && a->codec == b->codec && a->clevel == b->clevel &&
           a->split == b->split && a->use_dict == b->use_dict &&
           memcmp(a->filters, b->filters, sizeof a->filters) == 0 &&
           memcmp(a->filters_meta, b->filters_meta, sizeof a->filters_meta) == 0;
}

static bool reads_as_zeros(const blosc2_view *view)
{
    return view->special == BLOSC2_SPECIAL_ZEROS || view->special == BLOSC2_SPECIAL_UNINIT;
}

/** All of chunk `number` of an array, as a selection. */
static void select_chunk(const cat_layout *layout, int64_t number, caterva_selection *out)
{
    int64_t index[CATERVA_MAX_NDIM];
    cat_unravel(layout->ndim, layout->chunk_grid, number, index);
    for (int d = 0; d < layout->ndim; d++) {
        out->start[d] = index[d] * layout->chunk[d];
        out->count[d] = cat_min_i64(layout->chunk[d], layout->shape[d] - out->start[d]);
        out->step[d] = 1;
    }
}

/** Whether no chunk under a selection holds anything: then nothing need be read, however large it is. */
static int find_zeros(caterva_array *array, const caterva_selection *selection, cat_worker *worker,
                      bool *zeros)
{
    static const int32_t no_blocks[1];
    const cat_layout *layout = &array->layout;
    int64_t unused[CATERVA_MAX_NDIM] = {0};
    cat_run runs[CATERVA_MAX_NDIM];
    cat_overlap chunks;
    cat_selection_runs(layout->ndim, selection, runs, unused);
    cat_overlap_init(&chunks, layout->ndim, runs, layout->chunk, layout->chunk_grid, unused);
    *zeros = true;
    for (int64_t n = 0; n < chunks.count && *zeros; n++) {
        cat_part part;
        blosc2_view view;
        cat_overlap_part(&chunks, n, &part);
        int status = blosc2_check_interrupt();
        if (status == BLOSC2_OK)
            status = blosc2_schunk_view_for(array->schunk, part.number, BLOSC2_USE_CONTENT, no_blocks, 0,
                                            worker->workspace, &view);
        if (status < 0) return status;
        *zeros = reads_as_zeros(&view);
    }
    return BLOSC2_OK;
}

/** Decode what lies under chunk `index` of the new array, and compress it anew. The chunk is zeros so far. */
static int recode_chunk(void *context, int thread, int64_t index)
{
    copy_job *job = context;
    const cat_layout *layout = &job->to->layout;
    caterva_selection chunk;
    cat_worker *worker;
    bool zeros = false;
    select_chunk(layout, index, &chunk);
    int status = cat_crew_get(&job->crew, thread, &worker);
    if (status == BLOSC2_OK) status = find_zeros(job->from, &chunk, worker, &zeros);
    if (status < 0 || zeros) return status;
    int64_t strides[CATERVA_MAX_NDIM];
    cat_strides_c(layout->ndim, chunk.count, layout->item_bytes, strides);
    cat_scratch *box = &job->boxes[thread];
    status = cat_scratch_reserve(box, layout->chunk_bytes);
    if (status == BLOSC2_OK)
        status = cat_array_read(job->from, BLOSC2_USE_CONTENT, &chunk, box->bytes, strides, 1);
    if (status == BLOSC2_OK) status = cat_array_write(job->to, &chunk, box->bytes, strides, 1);
    return status;
}

/** Take chunk `index` over as compressed; both arrays have the same chunks and parameters. */
static int take_chunk(copy_job *job, int64_t index)
{
    cat_worker *worker;
    blosc2_view view;
    int status = blosc2_check_interrupt();
    if (status == BLOSC2_OK) status = cat_crew_get(&job->crew, 0, &worker);
    if (status == BLOSC2_OK) {
        status = blosc2_schunk_view_for(job->from->schunk, index, BLOSC2_USE_COPY, NULL, 0, worker->workspace,
                                        &view);
    }
    if (status < 0 || reads_as_zeros(&view)) return status;
    const cat_layout *layout = &job->to->layout;
    bool fits = view.nbytes == layout->chunk_bytes && view.block_bytes == layout->block_bytes &&
                !view.vl_blocks && view.header_bytes == BLOSC2_CHUNK_OVERHEAD; /* not a chunk of Blosc1 */
    if (!fits) return recode_chunk(job, 0, index);
    return blosc2_schunk_set_chunk(job->to->schunk, index, view.bytes, view.cbytes);
}

static int copy_chunks(copy_job *job)
{
    int64_t count = job->to->layout.chunk_count;
    bool as_compressed =
        same_geometry(&job->from->geometry, &job->to->geometry) &&
        same_cparams(blosc2_schunk_cparams(job->from->schunk), blosc2_schunk_cparams(job->to->schunk));
    if (!as_compressed) return blosc2_parallel_for(cat_array_threads(job->to), count, recode_chunk, job);
    int status = BLOSC2_OK;
    for (int64_t i = 0; i < count && status == BLOSC2_OK; i++) status = take_chunk(job, i);
    return status;
}

static int copy_variable_layer(const blosc2_schunk *from, int index, blosc2_schunk *to)
{
    uint8_t *content;
    blosc2_metalayer layer = {.name = blosc2_schunk_layer_name(from, BLOSC2_LAYER_VARIABLE, index)};
    int status =
        blosc2_schunk_layer_content(from, BLOSC2_LAYER_VARIABLE, index, &content, &layer.content_bytes);
    if (status < 0) return status;
    layer.content = content;
    status = blosc2_schunk_set_layer(to, BLOSC2_LAYER_VARIABLE, &layer);
    blosc2_bytes_free(content);
    return status;
}

static int copy_variable_layers(const blosc2_schunk *from, blosc2_schunk *to)
{
    int count = blosc2_schunk_layer_count(from, BLOSC2_LAYER_VARIABLE), status = BLOSC2_OK;
    for (int i = 0; i < count && status == BLOSC2_OK; i++) status = copy_variable_layer(from, i, to);
    return status;
}

static int copy_into(caterva_array *from, caterva_array *to)
{
    copy_job *job = calloc(1, sizeof *job);
    if (!job) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a copy's work");
    *job = (copy_job){.from = from, .to = to, .crew = {.pool = &from->workers}};
    int status = copy_variable_layers(from->schunk, to->schunk);
    if (status == BLOSC2_OK) status = copy_chunks(job);
    cat_crew_dismiss(&job->crew);
    for (int i = 0; i < CAT_MAX_THREADS; i++) cat_scratch_free(&job->boxes[i]);
    free(job);
    return status;
}

static int check_kind(const caterva_geometry *from, const caterva_geometry *to)
{
    if (from->ndim == to->ndim && from->item_bytes == to->item_bytes) return BLOSC2_OK;
    return blosc2_fail(BLOSC2_E_ARGUMENT,
                       "copy: %d axes and items of %d bytes (expected %d and %d, the source's)", to->ndim,
                       to->item_bytes, from->ndim, from->item_bytes);
}

int caterva_array_copy(caterva_array *from, const caterva_options *options, caterva_array **out)
{
    caterva_options empty = *options;
    caterva_array *to = NULL;
    empty.fill = CATERVA_FILL_ZEROS; /* the source's fill value comes with its layers */
    blosc2_lock_share(from->lock);
    int status = check_kind(&from->geometry, &options->geometry);
    memcpy(empty.geometry.shape, from->geometry.shape, sizeof empty.geometry.shape);
    if (status == BLOSC2_OK) status = blosc2_schunk_check_sound(from->schunk);
    if (status == BLOSC2_OK) status = caterva_array_create(&empty, &to);
    if (status == BLOSC2_OK && blosc2_schunk_layers_in_doubt(from->schunk))
        blosc2_schunk_doubt_layers(to->schunk); /* its metalayers are the caller's, who has them from there */
    if (status == BLOSC2_OK) status = blosc2_schunk_explain(from->schunk, copy_into(from, to));
    blosc2_lock_release(from->lock);
    if (status < 0) {
        caterva_array_free(to);
        return status;
    }
    *out = to;
    return BLOSC2_OK;
}
