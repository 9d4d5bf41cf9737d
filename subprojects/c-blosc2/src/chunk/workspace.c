#include "chunk/workspace.h"

int blosc2_workspace_create(blosc2_workspace **out)
{
    blosc2_workspace *workspace = b2_calloc(sizeof *workspace);
    if (!workspace) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a workspace");
    int status = b2_codec_states_create(&workspace->codecs);
    if (status < 0) {
        b2_free(workspace);
        return status;
    }
    *out = workspace;
    return BLOSC2_OK;
}

void blosc2_workspace_trim(blosc2_workspace *workspace)
{
    b2_buffer_trim(&workspace->filtered);
    b2_buffer_trim(&workspace->scratch);
    b2_buffer_trim(&workspace->block);
    b2_buffer_trim(&workspace->chunk);
    b2_buffer_trim(&workspace->order);
    b2_buffer_trim(&workspace->reference);
    workspace->reference_serial = 0;
}

void blosc2_workspace_free(blosc2_workspace *workspace)
{
    if (!workspace) return;
    b2_codec_states_free(workspace->codecs);
    b2_buffer_free(&workspace->filtered);
    b2_buffer_free(&workspace->scratch);
    b2_buffer_free(&workspace->reference);
    b2_buffer_free(&workspace->block);
    b2_buffer_free(&workspace->chunk);
    b2_buffer_free(&workspace->order);
    b2_free(workspace);
}
