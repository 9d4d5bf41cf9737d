/** Metalayers of a super-chunk. */
#include <string.h>

#include "schunk/schunk.h"

enum { LAYER_BLOCK_BYTES = 256 * 1024 }; /* blocks of a variable-length metalayer */

static const b2_layers *layers_of(const blosc2_schunk *schunk, blosc2_layer_kind kind)
{
    return kind == BLOSC2_LAYER_FIXED ? &schunk->fixed : &schunk->variable;
}

int blosc2_schunk_layer_count(const blosc2_schunk *schunk, blosc2_layer_kind kind)
{
    return layers_of(schunk, kind)->count;
}

const char *blosc2_schunk_layer_name(const blosc2_schunk *schunk, blosc2_layer_kind kind, int index)
{
    return layers_of(schunk, kind)->items[index].name;
}

/* The default is for metalayers alone: nothing else grows so far beyond what it has in the file. */
static int check_content_bytes(const blosc2_schunk *schunk, int32_t bytes)
{
    if (schunk->max_bytes > 0 || bytes <= BLOSC2_LAYER_BYTES)
        return blosc2_schunk_check_bytes(schunk, "content", bytes);
    return blosc2_fail(BLOSC2_E_LIMIT, "content: %d bytes (max_bytes allows %d, by default)", bytes,
                       BLOSC2_LAYER_BYTES);
}

static int copy_content(const blosc2_schunk *schunk, const b2_layer *layer, uint8_t **content,
                        int32_t *content_bytes)
{
    int status = check_content_bytes(schunk, layer->content_bytes);
    if (status < 0) return status;
    uint8_t *copy = b2_malloc((size_t)layer->content_bytes);
    if (!copy) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate %d bytes", layer->content_bytes);
    if (layer->content_bytes) memcpy(copy, layer->content, (size_t)layer->content_bytes);
    *content = copy;
    *content_bytes = layer->content_bytes;
    return BLOSC2_OK;
}

/* frame-format.md 2: contents in the trailer are chunks. */
static int decode_content(const blosc2_schunk *schunk, const b2_layer *layer, uint8_t **content,
                          int32_t *content_bytes)
{
    blosc2_view view;
    blosc2_workspace *workspace;
    int status =
        blosc2_view_init(&view, layer->content, (size_t)layer->content_bytes, 0, BLOSC2_MAX_CHUNK_BYTES);
    if (status == BLOSC2_OK) status = check_content_bytes(schunk, view.nbytes);
    if (status == BLOSC2_OK) status = blosc2_workspace_create(&workspace);
    if (status < 0) return status;
    uint8_t *copy = b2_malloc((size_t)view.nbytes);
    status = copy ? blosc2_view_decode(&view, copy, workspace)
                  : blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate %d bytes", view.nbytes);
    blosc2_workspace_free(workspace);
    if (status < 0) {
        b2_free(copy);
        return status;
    }
    *content = copy;
    *content_bytes = view.nbytes;
    return BLOSC2_OK;
}

int blosc2_schunk_layer_content(const blosc2_schunk *schunk, blosc2_layer_kind kind, int index,
                                uint8_t **content, int32_t *content_bytes)
{
    const b2_layer *layer = &layers_of(schunk, kind)->items[index];
    int status = kind == BLOSC2_LAYER_FIXED ? copy_content(schunk, layer, content, content_bytes)
                                            : decode_content(schunk, layer, content, content_bytes);
    return status < 0 ? blosc2_fail_within(status, "metalayer \"%s\"", layer->name) : status;
}

int blosc2_schunk_find_layer(const blosc2_schunk *schunk, blosc2_layer_kind kind, const char *name)
{
    return b2_layers_find(layers_of(schunk, kind), name);
}

static int set_fixed(blosc2_schunk *schunk, const blosc2_metalayer *layer)
{
    if (b2_layers_find(&schunk->fixed, layer->name) < 0)
        return blosc2_fail(BLOSC2_E_NOT_FOUND, "metalayer \"%s\": not there, and fixed ones cannot be added",
                           layer->name);
    return b2_layers_set(&schunk->fixed, layer->name, layer->content, layer->content_bytes);
}

static int set_variable(blosc2_schunk *schunk, const blosc2_metalayer *layer)
{
    b2_layers *layers = &schunk->variable;
    int status = check_content_bytes(schunk, layer->content_bytes); /* what is stored can be read again */
    if (status < 0)
        return blosc2_fail_within(BLOSC2_E_ARGUMENT, "variable-length metalayer \"%s\"", layer->name);
    if (b2_layers_find(layers, layer->name) < 0 && layers->count >= BLOSC2_MAX_METALAYERS)
        return blosc2_fail(BLOSC2_E_ARGUMENT,
                           "variable-length metalayers: %d are there (expected at most %d)", layers->count,
                           BLOSC2_MAX_METALAYERS);
    blosc2_cparams cparams = blosc2_cparams_default(1);
    cparams.filters[BLOSC2_MAX_FILTERS - 1] = BLOSC2_NOFILTER;
    b2_buffer chunk = {0};
    int64_t used = 0;
    status = b2_encode_chunk(&cparams, layer->content, layer->content_bytes, LAYER_BLOCK_BYTES, &chunk, &used,
                             schunk->workspace);
    if (status == BLOSC2_OK) status = b2_layers_set(layers, layer->name, chunk.bytes, (int32_t)used);
    b2_buffer_free(&chunk);
    return status;
}

int blosc2_schunk_set_layer(blosc2_schunk *schunk, blosc2_layer_kind kind, const blosc2_metalayer *layer)
{
    if (!schunk->changing) return blosc2_fail(BLOSC2_E_ARGUMENT, "super-chunk: no change was begun");
    int status = kind == BLOSC2_LAYER_FIXED ? set_fixed(schunk, layer) : set_variable(schunk, layer);
    if (status < 0) return status;
    schunk->is_changed = true;
    return BLOSC2_OK;
}

int blosc2_schunk_correct_layer(blosc2_schunk *schunk, const blosc2_metalayer *layer)
{
    int index = b2_layers_find(&schunk->fixed, layer->name);
    if (schunk->changing || index < 0 || schunk->fixed.items[index].content_bytes != layer->content_bytes)
        return blosc2_fail(BLOSC2_E_ARGUMENT,
                           "metalayer \"%s\": not there, of another length, or a change is open",
                           layer->name);
    return b2_layers_set(&schunk->fixed, layer->name, layer->content, layer->content_bytes);
}

int blosc2_schunk_delete_layer(blosc2_schunk *schunk, const char *name)
{
    if (!schunk->changing) return blosc2_fail(BLOSC2_E_ARGUMENT, "super-chunk: no change was begun");
    int index = b2_layers_find(&schunk->variable, name);
    if (index < 0)
        return blosc2_fail(BLOSC2_E_NOT_FOUND, "variable-length metalayer \"%s\": not there", name);
    b2_layers_remove(&schunk->variable, index);
    schunk->is_changed = true;
    return BLOSC2_OK;
}
