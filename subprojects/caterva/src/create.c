/** New arrays: options checked, a super-chunk with both geometry layers, filled. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "metadata.h"

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
    status = cat_array_new(schunk, &options->geometry, dtype, strlen(dtype), out);
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
