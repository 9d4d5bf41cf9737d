/** Arrays: what one is made of, released and described. create.c makes them, open.c opens them. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* Who asks for the shape must not wait for a long write under the array's lock, so the geometry has a lock of
   its own. It is held for one copy: too short to sleep for. */
static void geometry_enter(caterva_array *array)
{
    while (atomic_flag_test_and_set_explicit(&array->geometry_taken, memory_order_acquire)) continue;
}

static void geometry_leave(caterva_array *array)
{
    atomic_flag_clear_explicit(&array->geometry_taken, memory_order_release);
}

void cat_array_set_geometry(caterva_array *array, const caterva_geometry *geometry)
{
    geometry_enter(array);
    array->geometry = *geometry;
    geometry_leave(array);
    cat_layout_init(geometry, BLOSC2_E_ARGUMENT, &array->layout); /* cannot fail: it is checked */
    cat_cache_reset(&array->cache, array->cache.bytes, array->layout.block_bytes);
}

int cat_array_fail_within(const caterva_array *array, int status)
{
    const char *path = blosc2_schunk_path(array->schunk);
    return path[0] ? blosc2_fail_within(status, "%s", path) : status;
}

int cat_array_check_chunks(const caterva_array *array)
{
    int status = blosc2_schunk_check_bytes(array->schunk, "chunks", array->layout.chunk_bytes);
    return status < 0 ? cat_array_fail_within(array, status) : status;
}

static int create_locks(caterva_array *array)
{
    int status = blosc2_lock_create(&array->lock);
    if (status == BLOSC2_OK) status = blosc2_lock_create(&array->chunks);
    if (status == BLOSC2_OK) status = blosc2_lock_create(&array->workers.lock);
    if (status == BLOSC2_OK) status = blosc2_lock_create(&array->cache.lock);
    return status;
}

static void free_locks(caterva_array *array)
{
    blosc2_lock_free(array->cache.lock);
    blosc2_lock_free(array->workers.lock);
    blosc2_lock_free(array->chunks);
    blosc2_lock_free(array->lock);
}

/** "5 (2, 1)": number, and index per axis. */
static void name_chunk(const void *context, int64_t chunk, char *out, size_t bytes)
{
    const cat_layout *layout = &((const caterva_array *)context)->layout;
    int64_t index[CATERVA_MAX_NDIM];
    size_t used = (size_t)snprintf(out, bytes, "%" PRId64, chunk);
    if (chunk >= layout->chunk_count || layout->ndim == 0) return;
    cat_unravel(layout->ndim, layout->chunk_grid, chunk, index);
    for (int d = 0; d < layout->ndim && used < bytes; d++)
        used += (size_t)snprintf(out + used, bytes - used, "%s%" PRId64, d ? ", " : " (", index[d]);
    if (used < bytes) snprintf(out + used, bytes - used, ")");
}

int cat_array_new(blosc2_schunk *schunk, const caterva_geometry *geometry, const void *dtype,
                  size_t dtype_bytes, caterva_array **out)
{
    caterva_array *array = calloc(1, sizeof *array);
    char *text = malloc(dtype_bytes + 1);
    int status =
        array && text ? create_locks(array) : blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate an array");
    if (status < 0) {
        if (array) free_locks(array);
        free(array);
        free(text);
        return status;
    }
    if (dtype_bytes) memcpy(text, dtype, dtype_bytes);
    text[dtype_bytes] = '\0';
    array->dtype = text;
    array->schunk = schunk;
    blosc2_schunk_name_chunks(schunk, name_chunk, array);
    blosc2_schunk_on_reload(schunk, cat_array_accept_reload, array);
    array->cache.bytes = CATERVA_CACHE_BYTES;
    array->committed = *geometry;
    atomic_flag_clear(&array->geometry_taken);
    cat_array_set_geometry(array, geometry);
    atomic_init(&array->threads, 1);
    atomic_init(&array->abandoned, 0);
    array->changer = cat_this_thread(); /* of a new array; an opened one has no change open */
    cat_array_watch_forks(array);
    *out = array;
    return BLOSC2_OK;
}

void caterva_array_free(caterva_array *array)
{
    if (!array || array->lost) return; /* what is lost may be half-made, and its files are the parent's */
    blosc2_fork_watch_remove(&array->forked);
    cat_cache_empty(&array->cache);
    cat_worker_pool_empty(&array->workers);
    blosc2_schunk_free(array->schunk);
    free_locks(array);
    free(array->dtype);
    free(array);
}

const caterva_geometry *caterva_array_geometry(const caterva_array *array)
{
    return &array->geometry;
}

void caterva_array_get_geometry(caterva_array *array, caterva_geometry *out)
{
    geometry_enter(array);
    *out = array->geometry;
    geometry_leave(array);
}

const char *caterva_array_dtype(const caterva_array *array)
{
    return array->dtype;
}

const blosc2_schunk *caterva_array_schunk(const caterva_array *array)
{
    return array->schunk;
}

int caterva_array_threads(const caterva_array *array)
{
    return atomic_load_explicit(&array->threads, memory_order_relaxed);
}

void caterva_array_set_threads(caterva_array *array, int threads)
{
    atomic_store_explicit(&array->threads, threads < 1 ? 1 : threads, memory_order_relaxed);
}

int64_t caterva_array_cache_bytes(caterva_array *array)
{
    blosc2_lock_share(array->lock);
    int64_t bytes = array->cache.bytes;
    blosc2_lock_release(array->lock);
    return bytes;
}

void caterva_array_set_cache_bytes(caterva_array *array, int64_t bytes)
{
    cat_array_own(array);
    cat_cache_reset(&array->cache, bytes < 0 ? 0 : bytes, array->layout.block_bytes);
    blosc2_lock_release(array->lock);
}
