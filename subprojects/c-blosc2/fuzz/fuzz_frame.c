/**
 * The input is a contiguous frame. What can be read of it is read, in two ways that must agree; then its
 * first chunk is replaced, and the frame written out and opened again. Built by ci/fuzz.
 */
#include "fuzz.h"

enum { CHUNKS_MAX = 8, CONTENT_MAX = 1 << 18, LAYERS_MAX = 32, LIMIT = 1 << 10 };

typedef struct input {
    const uint8_t *bytes;
    size_t size;
} input;

static int read_input(void *context, void *out, size_t bytes, int64_t position)
{
    const input *from = context;
    MUST(position >= 0 && (size_t)position <= from->size && bytes <= from->size - (size_t)position);
    memcpy(out, from->bytes + position, bytes);
    return 0;
}

static void read_layers(const blosc2_schunk *schunk, blosc2_layer_kind kind)
{
    int count = blosc2_schunk_layer_count(schunk, kind);
    for (int i = 0; i < count && i < LAYERS_MAX; i++) {
        uint8_t *content;
        int32_t bytes;
        MUST(blosc2_schunk_find_layer(schunk, kind, blosc2_schunk_layer_name(schunk, kind, i)) == i);
        if (blosc2_schunk_layer_content(schunk, kind, i, &content, &bytes) == BLOSC2_OK)
            blosc2_bytes_free(content);
    }
}

/** Content of a chunk for free(); NULL if it is too large or broken. */
static uint8_t *read_chunk(const blosc2_schunk *schunk, int64_t chunk, int32_t *nbytes)
{
    blosc2_view view;
    int status = blosc2_schunk_view(schunk, chunk, NULL, 0, fuzz_workspace(), &view);
    if (status < 0 || view.nbytes > CONTENT_MAX) return NULL;
    uint8_t *content = fuzz_alloc((size_t)view.nbytes);
    *nbytes = view.nbytes;
    if (blosc2_view_decode(&view, content, fuzz_workspace()) == BLOSC2_OK) return content;
    free(content);
    return NULL;
}

/** The last block of a chunk alone, of a frame of which only the bytes needed are read. */
static void check_last_block(const blosc2_schunk *source, int64_t chunk, const uint8_t *content,
                             int32_t nbytes)
{
    blosc2_view view;
    MUST(blosc2_schunk_view(source, chunk, NULL, 0, fuzz_workspace(), &view) == BLOSC2_OK);
    MUST(view.nbytes == nbytes);
    if (view.vl_blocks || view.block_count == 0) return;
    int32_t last = view.block_count - 1, bytes = blosc2_view_block_nbytes(&view, last);
    uint8_t *block = fuzz_alloc((size_t)bytes);
    MUST(blosc2_schunk_view(source, chunk, &last, 1, fuzz_workspace(), &view) == BLOSC2_OK);
    MUST(blosc2_view_decode_block(&view, last, block, fuzz_workspace()) == BLOSC2_OK);
    MUST(memcmp(block, content + nbytes - bytes, (size_t)bytes) == 0);
    free(block);
}

/** @return Whether all chunks could be read. */
static bool read_chunks(const blosc2_schunk *schunk, const blosc2_schunk *source)
{
    int64_t count = blosc2_schunk_chunk_count(schunk);
    bool all = count <= CHUNKS_MAX;
    for (int64_t i = 0; i < count && i < CHUNKS_MAX; i++) {
        int32_t nbytes;
        uint8_t *content = read_chunk(schunk, i, &nbytes);
        if (content) check_last_block(source, i, content, nbytes);
        all = all && content;
        free(content);
    }
    return all;
}

/** Put `content` in place of chunk 0, in one change. */
static int replace(blosc2_schunk *schunk, const uint8_t *content, int32_t nbytes)
{
    blosc2_cparams cparams = blosc2_cparams_default(1);
    blosc2_builder *builder;
    const uint8_t *chunk;
    int32_t cbytes;
    MUST(blosc2_builder_create(&cparams, &builder) == BLOSC2_OK);
    MUST(blosc2_builder_start(builder, nbytes, nbytes ? nbytes : 1) == BLOSC2_OK);
    if (nbytes) MUST(blosc2_builder_encode_block(builder, 0, content, fuzz_workspace()) == BLOSC2_OK);
    MUST(blosc2_builder_finish(builder, &chunk, &cbytes, fuzz_workspace()) == BLOSC2_OK);
    int status = blosc2_schunk_begin(schunk);
    if (status == BLOSC2_OK) status = blosc2_schunk_set_chunk(schunk, 0, chunk, cbytes);
    if (status == BLOSC2_OK) status = blosc2_schunk_commit(schunk);
    blosc2_schunk_rollback(schunk);
    blosc2_builder_free(builder);
    return status;
}

static void check_first_chunk(const blosc2_schunk *schunk, const uint8_t *content, int32_t nbytes)
{
    int32_t bytes = -1;
    uint8_t *found = read_chunk(schunk, 0, &bytes);
    MUST(found && bytes == nbytes && memcmp(found, content, (size_t)nbytes) == 0);
    free(found);
}

static void change(blosc2_schunk *schunk, bool readable)
{
    int32_t nbytes;
    if (blosc2_schunk_chunk_count(schunk) == 0) return;
    if (blosc2_schunk_chunk_nbytes(schunk, 0, &nbytes) < 0 || nbytes > CONTENT_MAX) return;
    uint8_t *content = fuzz_alloc((size_t)nbytes), *bytes;
    size_t size;
    for (int32_t i = 0; i < nbytes; i++) content[i] = (uint8_t)((uint32_t)i * (uint32_t)i >> 3);
    int status = replace(schunk, content, nbytes);
    MUST(status == BLOSC2_OK || !readable);
    if (status == BLOSC2_OK) {
        check_first_chunk(schunk, content, nbytes);
        status = blosc2_schunk_to_bytes(schunk, &bytes, &size);
        MUST(status == BLOSC2_OK || !readable);
    }
    if (status == BLOSC2_OK) {
        blosc2_schunk *again;
        MUST(blosc2_schunk_from_bytes(bytes, size, &again) == BLOSC2_OK);
        check_first_chunk(again, content, nbytes);
        blosc2_schunk_free(again);
        blosc2_bytes_free(bytes);
    }
    free(content);
}

/** What a limit lets through is within it, and is what there is without one. */
static void check_limit(const blosc2_schunk *schunk, const uint8_t *data, size_t size)
{
    const blosc2_origin origin = {.bytes = data, .size = (int64_t)size, .max_bytes = LIMIT};
    blosc2_schunk *limited;
    if (blosc2_schunk_open_origin(&origin, &limited) < 0) return;
    int layers = blosc2_schunk_layer_count(limited, BLOSC2_LAYER_VARIABLE);
    MUST(layers == blosc2_schunk_layer_count(schunk, BLOSC2_LAYER_VARIABLE));
    for (int i = 0; i < layers && i < LAYERS_MAX; i++) {
        uint8_t *content;
        int32_t bytes;
        if (blosc2_schunk_layer_content(limited, BLOSC2_LAYER_VARIABLE, i, &content, &bytes) < 0) continue;
        MUST(bytes <= LIMIT);
        blosc2_bytes_free(content);
    }
    int64_t count = blosc2_schunk_chunk_count(limited);
    MUST(count == blosc2_schunk_chunk_count(schunk));
    for (int64_t i = 0; i < count && i < CHUNKS_MAX; i++) {
        int32_t bytes, nbytes;
        uint8_t *content = read_chunk(limited, i, &bytes);
        if (!content) continue;
        uint8_t *same = read_chunk(schunk, i, &nbytes);
        MUST(bytes <= LIMIT && same && nbytes == bytes && memcmp(content, same, (size_t)bytes) == 0);
        free(same);
        free(content);
    }
    blosc2_schunk_free(limited);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input from = {data, size};
    blosc2_schunk *schunk, *source;
    int status = blosc2_schunk_from_bytes(data, size, &schunk);
    int source_status = blosc2_schunk_open_source(read_input, &from, (int64_t)size, &source);
    MUST(status == source_status);
    if (status < 0) return 0;
    read_layers(schunk, BLOSC2_LAYER_FIXED);
    read_layers(schunk, BLOSC2_LAYER_VARIABLE);
    check_limit(schunk, data, size);
    change(schunk, read_chunks(schunk, source));
    blosc2_schunk_free(source);
    blosc2_schunk_free(schunk);
    return 0;
}
