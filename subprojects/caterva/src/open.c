/** Arrays are opened: what the geometry layers say, and whether the chunks fit; again when others have
 * changed one. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "metadata.h"

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

/* What was found is no state of this array: say both. */
static int fail_kind(const caterva_array *array, const caterva_geometry *geometry,
                     const cat_metadata *metadata)
{
    const char *path = blosc2_schunk_path(array->schunk);
    enum { SHOWN = 60 };
    int shown = metadata->dtype_bytes < SHOWN ? metadata->dtype_bytes : SHOWN;
    return blosc2_fail_io(
        BLOSC2_E_CHANGED, EBUSY, path,
        "%s%s has %d axes and items of dtype \"%.*s\" now, and had %d and \"%.*s\" when it was "
        "opened: open it again",
        array->is_mended ? "the file is mended: " : "", path, geometry->ndim, shown,
        shown ? (const char *)metadata->dtype : "", array->geometry.ndim, SHOWN, array->dtype);
}

/* Others have put another array into its place: nobody here has asked for that one. */
int cat_array_accept_reload(void *context, blosc2_schunk *fresh, blosc2_accept what)
{
    caterva_array *array = context;
    cat_metadata metadata;
    caterva_geometry geometry;
    uint8_t *content;
    int status = describe(fresh, &content, &metadata, &geometry);
    bool same = status == BLOSC2_OK && geometry.ndim == array->geometry.ndim && has_dtype(array, &metadata);
    if (status < 0)
        status = cat_array_fail_within(array, status);
    else if (!same)
        status = fail_kind(array, &geometry, &metadata);
    blosc2_bytes_free(content);
    if (status < 0 || what == BLOSC2_ACCEPT_ASK) return status;
    array->is_mended = false;
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
        status = cat_array_new(schunk, &geometry, metadata.dtype, (size_t)metadata.dtype_bytes, out);
    blosc2_bytes_free(content);
    return status;
}

static int open_once(const blosc2_origin *origin, blosc2_seal *seal, caterva_array **out)
{
    blosc2_schunk *schunk;
    int status = blosc2_schunk_open_origin(origin, &schunk);
    if (status < 0) return status;
    *seal = blosc2_schunk_seal(schunk);
    status = array_from_schunk(schunk, out);
    if (status == BLOSC2_OK) return BLOSC2_OK;
    const char *path = blosc2_schunk_path(schunk);
    if (path[0]) blosc2_fail_within(status, "%s", path);
    blosc2_schunk_free(schunk);
    return status;
}

/* Metalayers that another library may have changed, or damage: if they make no array, their copy may. */
int caterva_array_open_origin(const blosc2_origin *origin, caterva_array **out)
{
    blosc2_seal seal = BLOSC2_SEAL_NONE;
    int status = open_once(origin, &seal, out);
    bool may_be_damage = status == BLOSC2_E_CORRUPT || status == BLOSC2_E_UNSUPPORTED;
    if (!may_be_damage || seal != BLOSC2_SEAL_LAYERS || origin->prefers_copy) return status;
    blosc2_origin copied = *origin;
    copied.prefers_copy = true;
    return open_once(&copied, &seal, out);
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
