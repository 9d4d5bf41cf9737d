/** Metalayers of an array, under its lock. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"
#include "metadata.h"

int caterva_array_layer_names(caterva_array *array, blosc2_layer_kind kind, caterva_name **names, int *count)
{
    blosc2_lock_share(array->lock);
    int found = blosc2_schunk_layer_count(array->schunk, kind);
    caterva_name *list = malloc((size_t)found * sizeof *list + 1);
    for (int i = 0; i < found && list; i++)
        strncpy(list[i].text, blosc2_schunk_layer_name(array->schunk, kind, i), sizeof list[i].text);
    blosc2_lock_release(array->lock);
    if (!list) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate %d names", found);
    *names = list;
    *count = found;
    return BLOSC2_OK;
}

void caterva_names_free(caterva_name *names)
{
    free(names);
}

int caterva_array_layer(caterva_array *array, blosc2_layer_kind kind, const char *name, uint8_t **content,
                        int32_t *content_bytes)
{
    blosc2_lock_share(array->lock);
    int index = blosc2_schunk_find_layer(array->schunk, kind, name);
    int status = index < 0 ? blosc2_fail(BLOSC2_E_NOT_FOUND, "metalayer \"%s\": not there", name)
                           : blosc2_schunk_layer_content(array->schunk, kind, index, content, content_bytes);
    blosc2_lock_release(array->lock);
    return status < 0 ? cat_array_fail_within(array, status) : status;
}

/** Layers that the array keeps itself would tell lies if set from outside. */
static int check_name(blosc2_layer_kind kind, const char *name)
{
    bool own = kind == BLOSC2_LAYER_VARIABLE ? strcmp(name, CAT_FILL_LAYER) == 0 : cat_metadata_is_own(name);
    return own ? blosc2_fail(BLOSC2_E_ARGUMENT, "metalayer: \"%s\" is the array's own", name) : BLOSC2_OK;
}

static int set_or_delete(blosc2_schunk *schunk, blosc2_layer_kind kind, const blosc2_metalayer *layer)
{
    if (layer->content) return blosc2_schunk_set_layer(schunk, kind, layer);
    if (kind == BLOSC2_LAYER_VARIABLE) return blosc2_schunk_delete_layer(schunk, layer->name);
    return blosc2_fail(BLOSC2_E_ARGUMENT, "metalayer \"%s\": fixed ones cannot be deleted", layer->name);
}

int caterva_array_set_layers(caterva_array *array, blosc2_layer_kind kind, const blosc2_metalayer *layers,
                             int count)
{
    cat_change change;
    int status = BLOSC2_OK, done = 0;
    for (int i = 0; i < count && status == BLOSC2_OK; i++) status = check_name(kind, layers[i].name);
    if (status < 0 || count == 0) return status;
    cat_array_own(array);
    status = cat_change_enter(array, &change);
    if (status == BLOSC2_OK) {
        while (done < count && status == BLOSC2_OK)
            status = set_or_delete(array->schunk, kind, &layers[done++]);
        /* A failure of the first one has left a caller's change as it was. */
        if (change == CAT_CHANGE_OURS || done > 1) status = cat_change_leave(array, change, status);
    }
    blosc2_lock_release(array->lock);
    return status;
}

int caterva_array_set_layer(caterva_array *array, blosc2_layer_kind kind, const blosc2_metalayer *layer)
{
    return caterva_array_set_layers(array, kind, layer, 1);
}

int caterva_array_delete_layer(caterva_array *array, const char *name)
{
    const blosc2_metalayer layer = {.name = name};
    return caterva_array_set_layers(array, BLOSC2_LAYER_VARIABLE, &layer, 1);
}

static bool is_kept(const char *name, const blosc2_metalayer *kept, int count)
{
    for (int i = 0; i < count; i++)
        if (strcmp(name, kept[i].name) == 0) return true;
    return strcmp(name, CAT_FILL_LAYER) == 0;
}

/** @param done  Set to how many were deleted. */
static int delete_others(caterva_array *array, const blosc2_metalayer *kept, int count, int *done)
{
    int status = BLOSC2_OK, found = blosc2_schunk_layer_count(array->schunk, BLOSC2_LAYER_VARIABLE);
    *done = 0;
    for (int i = found - 1; i >= 0 && status == BLOSC2_OK; i--) {
        char name[BLOSC2_MAX_NAME_BYTES + 1];
        snprintf(name, sizeof name, "%s", blosc2_schunk_layer_name(array->schunk, BLOSC2_LAYER_VARIABLE, i));
        if (is_kept(name, kept, count)) continue;
        status = blosc2_schunk_delete_layer(array->schunk, name);
        if (status == BLOSC2_OK) ++*done;
    }
    return status;
}

int caterva_array_clear_layers(caterva_array *array, const blosc2_metalayer *kept, int count)
{
    cat_change change;
    int done;
    cat_array_own(array);
    int status = cat_change_enter(array, &change);
    if (status == BLOSC2_OK) {
        status = delete_others(array, kept, count, &done);
        if (change == CAT_CHANGE_OURS || done > 0) status = cat_change_leave(array, change, status);
    }
    blosc2_lock_release(array->lock);
    return status;
}

/** @param content  Set to a block for blosc2_bytes_free(), NULL if there is no such layer. */
static int find_content(const caterva_array *array, const char *name, uint8_t **content, int32_t *bytes)
{
    *content = NULL;
    *bytes = 0;
    int index = blosc2_schunk_find_layer(array->schunk, BLOSC2_LAYER_VARIABLE, name);
    if (index < 0) return BLOSC2_OK;
    return blosc2_schunk_layer_content(array->schunk, BLOSC2_LAYER_VARIABLE, index, content, bytes);
}

static int change_content(caterva_array *array, const char *name, caterva_content_fn *content_of,
                          void *context)
{
    uint8_t *before;
    int32_t before_bytes;
    int status = find_content(array, name, &before, &before_bytes);
    blosc2_metalayer layer = {.name = name};
    if (status == BLOSC2_OK) status = content_of(context, before, before_bytes, &layer);
    if (status == BLOSC2_OK && (before || layer.content))
        status = set_or_delete(array->schunk, BLOSC2_LAYER_VARIABLE, &layer);
    blosc2_bytes_free(before);
    return status;
}

int caterva_array_change_layer(caterva_array *array, const char *name, caterva_content_fn *content_of,
                               void *context)
{
    cat_change change;
    int status = check_name(BLOSC2_LAYER_VARIABLE, name);
    if (status < 0) return status;
    cat_array_own(array);
    status = cat_change_enter(array, &change);
    if (status == BLOSC2_OK) {
        status = change_content(array, name, content_of, context);
        if (change == CAT_CHANGE_OURS) status = cat_change_leave(array, change, status);
    }
    blosc2_lock_release(array->lock);
    return status;
}

static int set_shape_layer(caterva_array *array, int index, const int64_t *shape)
{
    blosc2_metalayer layer = {.name = blosc2_schunk_layer_name(array->schunk, BLOSC2_LAYER_FIXED, index)};
    uint8_t *content;
    int status =
        blosc2_schunk_layer_content(array->schunk, BLOSC2_LAYER_FIXED, index, &content, &layer.content_bytes);
    if (status < 0) return status;
    layer.content = content;
    if (cat_metadata_set_shape(content, layer.content_bytes, array->layout.ndim, shape))
        status = blosc2_schunk_set_layer(array->schunk, BLOSC2_LAYER_FIXED, &layer);
    blosc2_bytes_free(content);
    return status;
}

int cat_array_set_shape_layers(caterva_array *array, const int64_t *shape)
{
    int status = BLOSC2_OK;
    for (int kind = CAT_METADATA_CATERVA; kind <= CAT_METADATA_B2ND && status == BLOSC2_OK; kind++) {
        const char *name = cat_metadata_name((cat_metadata_kind)kind);
        int index = blosc2_schunk_find_layer(array->schunk, BLOSC2_LAYER_FIXED, name);
        if (index >= 0) status = set_shape_layer(array, index, shape);
    }
    return status;
}
