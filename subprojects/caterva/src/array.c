/** Arrays: made, opened, released and described. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "metadata.h"

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
static int accept_reload(void *context, blosc2_schunk *fresh);

/** An array over `schunk`, which it owns then. */
static int array_new(blosc2_schunk *schunk, const caterva_geometry *geometry, const void *dtype,
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
    blosc2_schunk_on_reload(schunk, accept_reload, array);
    array->cache.bytes = CATERVA_CACHE_BYTES;
    array->committed = *geometry;
    atomic_flag_clear(&array->geometry_taken);
    cat_array_set_geometry(array, geometry);
    atomic_init(&array->threads, 1);
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

/* ------------------------------------------------------------------ making */

static int check_metalayers(const caterva_options *options)
{
    int own = cat_metadata_suits_caterva(&options->geometry) ? 2 : 1;
    int room = BLOSC2_MAX_METALAYERS - own;
    if (options->metalayer_count < 0 || options->metalayer_count > room) {
        return blosc2_fail(BLOSC2_E_ARGUMENT, "metalayers: %d (expected at most %d beside the array's own)",
                           options->metalayer_count, room);
    }
    for (int i = 0; i < options->metalayer_count; i++) {
        const char *name = options->metalayers[i].name;
        if (cat_metadata_is_own(name)) {
            return blosc2_fail(BLOSC2_E_ARGUMENT, "metalayer: \"%s\" is the array's own", name);
        }
    }
    return BLOSC2_OK;
}

static int check_options(const caterva_options *options, const char *dtype)
{
    int status = caterva_geometry_check(&options->geometry);
    if (status == BLOSC2_OK) status = check_metalayers(options);
    if (status < 0) return status;
    int32_t item_bytes = options->geometry.item_bytes;
    if (options->cparams.item_bytes != item_bytes) {
        return blosc2_fail(BLOSC2_E_ARGUMENT,
                           "item size: %" PRId32 " to compress (expected the geometry's, %" PRId32 ")",
                           options->cparams.item_bytes, item_bytes);
    }
    if (options->threads < 1) {
        return blosc2_fail(BLOSC2_E_ARGUMENT, "threads: %d (expected >= 1)", options->threads);
    }
    if (!cat_is_text((const uint8_t *)dtype, (int64_t)strlen(dtype))) {
        return blosc2_fail(BLOSC2_E_ARGUMENT, "dtype: not UTF-8");
    }
    if (options->fill != CATERVA_FILL_ZEROS && options->fill != CATERVA_FILL_VALUE &&
        options->fill != CATERVA_FILL_UNINIT) {
        return blosc2_fail(BLOSC2_E_ARGUMENT, "fill: %d (expected 0..2)", (int)options->fill);
    }
    if (options->fill == CATERVA_FILL_VALUE && !options->fill_value) {
        return blosc2_fail(BLOSC2_E_ARGUMENT, "fill value: none given");
    }
    return BLOSC2_OK;
}

/** The super-chunk with its fixed metalayers: the array's own come first, as the real writers put them. */
static int create_schunk(const caterva_options *options, const cat_layout *layout, const char *dtype,
                         uint8_t *content, blosc2_schunk **out)
{
    const caterva_geometry *geometry = &options->geometry;
    blosc2_metalayer layers[BLOSC2_MAX_METALAYERS];
    int count = 0;
    for (int kind = CAT_METADATA_CATERVA; kind <= CAT_METADATA_B2ND; kind++) {
        if (kind == CAT_METADATA_CATERVA && !cat_metadata_suits_caterva(geometry)) continue;
        cat_metadata_build((cat_metadata_kind)kind, geometry, dtype, content);
        int32_t size = (int32_t)cat_metadata_size((cat_metadata_kind)kind, geometry->ndim, dtype);
        layers[count++] = (blosc2_metalayer){cat_metadata_name((cat_metadata_kind)kind), content, size};
        content += size;
    }
    for (int i = 0; i < options->metalayer_count; i++) layers[count++] = options->metalayers[i];
    blosc2_schunk_options below = {
        .home = options->home,
        .path = options->path,
        .safety = options->safety,
        .cparams = options->cparams,
        .chunk_bytes = layout->chunk_bytes,
        .block_bytes = layout->block_bytes,
        .chunk_count = layout->chunk_count,
        .fill = options->fill == CATERVA_FILL_UNINIT ? BLOSC2_SPECIAL_UNINIT : BLOSC2_SPECIAL_ZEROS,
        .metalayers = layers,
        .metalayer_count = count,
    };
    return blosc2_schunk_create(&below, out);
}

static int create_empty(const caterva_options *options, const cat_layout *layout, const char *dtype,
                        caterva_array **out)
{
    int64_t bytes = cat_metadata_size(CAT_METADATA_CATERVA, layout->ndim, dtype) +
                    cat_metadata_size(CAT_METADATA_B2ND, layout->ndim, dtype);
    if (bytes > INT32_MAX) return blosc2_fail(BLOSC2_E_ARGUMENT, "dtype: too long");
    uint8_t *content = malloc((size_t)bytes);
    if (!content) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate %" PRId64 " bytes", bytes);
    blosc2_schunk *schunk;
    int status = create_schunk(options, layout, dtype, content, &schunk);
    free(content);
    if (status < 0) return status;
    status = array_new(schunk, &options->geometry, dtype, strlen(dtype), out);
    if (status < 0) blosc2_schunk_free(schunk);
    return status;
}

/** Set all chunks to one repeated value, and keep it for growth. `scratch` has room for chunk or layer. */
static int fill_with_value(caterva_array *array, const void *value, uint8_t *scratch)
{
    const cat_layout *layout = &array->layout;
    int32_t item_bytes = layout->item_bytes;
    blosc2_metalayer layer = {CAT_FILL_LAYER, scratch, cat_fill_build(value, item_bytes, scratch)};
    int status = blosc2_schunk_set_layer(array->schunk, BLOSC2_LAYER_VARIABLE, &layer);
    if (status < 0 || layout->chunk_count == 0) return status;
    status = blosc2_special_chunk(BLOSC2_SPECIAL_VALUE, item_bytes, layout->chunk_bytes, layout->block_bytes,
                                  value, item_bytes, scratch);
    for (int64_t i = 0; i < layout->chunk_count && status == BLOSC2_OK; i++) {
        status = blosc2_check_interrupt();
        if (status < 0) break;
        status = blosc2_schunk_set_chunk(array->schunk, i, scratch, BLOSC2_CHUNK_OVERHEAD + item_bytes);
    }
    return status;
}

static int fill(caterva_array *array, const caterva_options *options)
{
    int64_t item_bytes = array->layout.item_bytes;
    if (options->fill != CATERVA_FILL_VALUE || cat_is_zeros(options->fill_value, item_bytes))
        return BLOSC2_OK;
    uint8_t *scratch = malloc((size_t)item_bytes + BLOSC2_CHUNK_OVERHEAD);
    if (!scratch) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a chunk of one value");
    int status = fill_with_value(array, options->fill_value, scratch);
    free(scratch);
    return status;
}

int caterva_array_create(const caterva_options *options, caterva_array **out)
{
    const char *dtype = options->dtype ? options->dtype : "";
    cat_layout layout;
    caterva_array *array;
    int status = check_options(options, dtype);
    if (status == BLOSC2_OK) status = cat_layout_init(&options->geometry, BLOSC2_E_ARGUMENT, &layout);
    if (status == BLOSC2_OK) status = create_empty(options, &layout, dtype, &array);
    if (status < 0) return status;
    caterva_array_set_threads(array, options->threads);
    caterva_array_set_cache_bytes(array, options->cache_bytes);
    status = fill(array, options);
    if (status < 0) {
        caterva_array_free(array);
        return status;
    }
    *out = array;
    return BLOSC2_OK;
}

/* ------------------------------------------------------------------ opening */

/** The content of the layer that counts. @param content  Set to a block for blosc2_bytes_free(). */
static int load_metadata(const blosc2_schunk *schunk, cat_metadata_kind *kind, uint8_t **content,
                         int32_t *size)
{
    *kind = CAT_METADATA_B2ND; /* it wins: docs/format/ndim-metalayers.md 4 */
    int index = blosc2_schunk_find_layer(schunk, BLOSC2_LAYER_FIXED, cat_metadata_name(*kind));
    if (index < 0) {
        *kind = CAT_METADATA_CATERVA;
        index = blosc2_schunk_find_layer(schunk, BLOSC2_LAYER_FIXED, cat_metadata_name(*kind));
    }
    if (index < 0) return blosc2_fail(BLOSC2_E_CORRUPT, "not an array: no b2nd or caterva metalayer");
    return blosc2_schunk_layer_content(schunk, BLOSC2_LAYER_FIXED, index, content, size);
}

/** The geometry must describe just the chunks that are there: docs/format/ndim-metalayers.md 2. */
static int check_chunks(const blosc2_schunk *schunk, const cat_layout *layout)
{
    int64_t count = blosc2_schunk_chunk_count(schunk), nbytes = blosc2_schunk_nbytes(schunk);
    int32_t chunk_bytes = blosc2_schunk_chunk_bytes(schunk);
    if (count != layout->chunk_count) {
        return blosc2_fail(BLOSC2_E_CORRUPT, "chunks: %" PRId64 " stored (expected %" PRId64 " by the shape)",
                           count, layout->chunk_count);
    }
    if (count > 0 && chunk_bytes != layout->chunk_bytes) {
        return blosc2_fail(BLOSC2_E_CORRUPT,
                           "chunks: of %" PRId32 " bytes (expected %" PRId32 " by the chunk shape)",
                           chunk_bytes, layout->chunk_bytes);
    }
    if (nbytes != count * layout->chunk_bytes) {
        return blosc2_fail(BLOSC2_E_CORRUPT, "chunks: %" PRId64 " bytes in all (expected %" PRId64 ")",
                           nbytes, count * layout->chunk_bytes);
    }
    return BLOSC2_OK;
}

/**
 * "b2nd" wins, and other libraries know that one alone: after their resize "caterva" tells of an older shape.
 * Both are kept equal here, so it is set right, in the file with the next commit
 * (docs/format/ndim-metalayers.md 4).
 */
static int correct_stale_layer(blosc2_schunk *schunk, const caterva_geometry *geometry)
{
    blosc2_metalayer layer = {.name = cat_metadata_name(CAT_METADATA_CATERVA)};
    int index = blosc2_schunk_find_layer(schunk, BLOSC2_LAYER_FIXED, layer.name);
    int64_t size = cat_metadata_size(CAT_METADATA_CATERVA, geometry->ndim, "");
    if (index < 0) return BLOSC2_OK;
    uint8_t *stored, *right = malloc((size_t)size);
    if (!right) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a metalayer");
    int status =
        blosc2_schunk_layer_content(schunk, BLOSC2_LAYER_FIXED, index, &stored, &layer.content_bytes);
    if (status == BLOSC2_OK) {
        cat_metadata_build(CAT_METADATA_CATERVA, geometry, "", right);
        layer.content = right;
        if (layer.content_bytes == size && memcmp(stored, right, (size_t)size) != 0)
            status = blosc2_schunk_correct_layer(schunk, &layer);
        blosc2_bytes_free(stored);
    }
    free(right);
    return status;
}

/** The geometry of a metalayer, checked against the chunks that are there. */
static int find_geometry(blosc2_schunk *schunk, const cat_metadata *metadata, caterva_geometry *geometry)
{
    cat_layout layout;
    *geometry = metadata->geometry;
    geometry->item_bytes = blosc2_schunk_cparams(schunk)->item_bytes;
    int status = cat_layout_init(geometry, BLOSC2_E_CORRUPT, &layout);
    if (status == BLOSC2_OK) status = check_chunks(schunk, &layout);
    return status < 0 ? status : correct_stale_layer(schunk, geometry);
}

/** @param content  What `metadata` points into; set to a block for blosc2_bytes_free(), or NULL, on failure
 * too.
 */
static int describe(blosc2_schunk *schunk, uint8_t **content, cat_metadata *metadata,
                    caterva_geometry *geometry)
{
    cat_metadata_kind kind;
    int32_t size;
    *content = NULL;
    int status = load_metadata(schunk, &kind, content, &size);
    if (status == BLOSC2_OK) status = cat_metadata_parse(kind, *content, size, metadata);
    return status < 0 ? status : find_geometry(schunk, metadata, geometry);
}

static bool has_dtype(const caterva_array *array, const cat_metadata *metadata)
{
    size_t bytes = (size_t)metadata->dtype_bytes;
    return strlen(array->dtype) == bytes && (bytes == 0 || memcmp(array->dtype, metadata->dtype, bytes) == 0);
}

/** Others have changed the array; or have put another one into its place, which nobody here has asked for. */
static int accept_reload(void *context, blosc2_schunk *fresh)
{
    caterva_array *array = context;
    cat_metadata metadata;
    caterva_geometry geometry;
    uint8_t *content;
    int status = describe(fresh, &content, &metadata, &geometry);
    bool same = status == BLOSC2_OK && geometry.ndim == array->geometry.ndim && has_dtype(array, &metadata);
    blosc2_bytes_free(content);
    if (status < 0) return cat_array_fail_within(array, status);
    if (!same) {
        const char *path = blosc2_schunk_path(array->schunk);
        return blosc2_fail_io(BLOSC2_E_CHANGED, EBUSY, path,
                              "%s is an array of other items or %d axes by now: open it again", path,
                              geometry.ndim);
    }
    cat_array_set_geometry(array, &geometry);
    array->committed = geometry;
    return BLOSC2_OK;
}

static int array_from_schunk(blosc2_schunk *schunk, caterva_array **out)
{
    cat_metadata metadata;
    caterva_geometry geometry;
    uint8_t *content;
    int status = describe(schunk, &content, &metadata, &geometry);
    if (status == BLOSC2_OK)
        status = array_new(schunk, &geometry, metadata.dtype, (size_t)metadata.dtype_bytes, out);
    blosc2_bytes_free(content);
    return status;
}

int caterva_array_open_origin(const blosc2_origin *origin, caterva_array **out)
{
    blosc2_schunk *schunk;
    int status = blosc2_schunk_open_origin(origin, &schunk);
    if (status < 0) return status;
    status = array_from_schunk(schunk, out);
    if (status == BLOSC2_OK) return BLOSC2_OK;
    const char *path = blosc2_schunk_path(schunk);
    if (path[0]) blosc2_fail_within(status, "%s", path);
    blosc2_schunk_free(schunk);
    return status;
}

int caterva_array_open(const char *path, int64_t offset, blosc2_mode mode, caterva_array **out)
{
    const blosc2_origin origin = {.path = path, .offset = offset, .mode = mode};
    return caterva_array_open_origin(&origin, out);
}

int caterva_array_from_bytes(const void *bytes, size_t size, caterva_array **out)
{
    const blosc2_origin origin = {.bytes = bytes, .size = (int64_t)size};
    return caterva_array_open_origin(&origin, out);
}

int caterva_array_open_source(blosc2_read_fn *read, void *context, int64_t size, caterva_array **out)
{
    const blosc2_origin origin = {.read = read, .context = context, .size = size};
    return caterva_array_open_origin(&origin, out);
}

/* ------------------------------------------------------------------ describing */

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
    blosc2_lock_own(array->lock);
    cat_cache_reset(&array->cache, bytes < 0 ? 0 : bytes, array->layout.block_bytes);
    blosc2_lock_release(array->lock);
}
