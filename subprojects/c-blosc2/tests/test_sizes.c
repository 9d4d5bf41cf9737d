/**
 * Every number that says where something is in a chunk, replaced by numbers that overflow what is computed
 * with them: content or an error comes of it, and no byte beside the chunk is touched. On the chunks of the
 * folders that it is given, which have every layout: streams, dictionaries, VL-blocks, copies, special
 * values.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "check.h"
#include "chunk/postscript.h"
#include "chunk/view.h"
#include "guarded.h"
#include "scratch.h"

enum { ROOM = GUARD_BYTES, CONTENT_MAX = 1 << 20, PLACES_MAX = 24, BLOCKS_MAX = 3, STREAMS_MAX = 4 };

static uint8_t *room, *content;
static blosc2_workspace *workspace;
static int stride, seen, chunks;

typedef struct places {
    int32_t at[PLACES_MAX];
    int count;
} places;

static void add_place(places *all, int64_t position, int32_t cbytes)
{
    if (all->count < PLACES_MAX && position >= 0 && position <= cbytes - 4)
        all->at[all->count++] = (int32_t)position;
}

/* Where the numbers are: of the header, the first block starts, the dictionary's size, the first streams. */
static void find_places(const blosc2_view *view, places *all)
{
    all->count = 0;
    for (int32_t at = 4; at < 16; at += 4) add_place(all, at, view->cbytes);
    if (!b2_view_is_regular(view)) return;
    if (view->dict_bytes) add_place(all, view->dict_start - 4, view->cbytes);
    for (int32_t i = 0; i < view->block_count && i < BLOCKS_MAX; i++) {
        int32_t start, streams = 1;
        add_place(all, view->header_bytes + 4 * (int64_t)i, view->cbytes);
        if (b2_view_block_start(view, i, &start) < 0) continue;
        if (!view->vl_blocks && b2_view_stream_count(view, i, &streams) < 0) continue;
        int64_t at = start;
        for (int32_t s = 0; s < streams && s < STREAMS_MAX && at <= view->cbytes - 4; s++) {
            add_place(all, at, view->cbytes);
            int32_t size = b2_load_le_i32(view->bytes + at);
            at += 4 + (size < 0 ? 1 : (int64_t)size);
        }
    }
}

static blosc2_cparams cparams_like(const blosc2_view *view)
{
    static const int CODECS[] = {BLOSC2_BLOSCLZ, BLOSC2_LZ4, BLOSC2_LZ4, BLOSC2_ZLIB, BLOSC2_ZSTD};
    blosc2_cparams cparams = blosc2_cparams_default(view->item_bytes);
    if (view->codec_format <= 4) cparams.codec = CODECS[view->codec_format];
    cparams.split = view->split ? BLOSC2_SPLIT_ALWAYS : BLOSC2_SPLIT_NEVER;
    memcpy(cparams.filters, view->filters, BLOSC2_MAX_FILTERS);
    memcpy(cparams.filters_meta, view->filters_meta, BLOSC2_MAX_FILTERS);
    return cparams;
}

/* A chunk that takes over what it can. */
static void rebuild(const blosc2_view *view)
{
    blosc2_cparams cparams = cparams_like(view);
    blosc2_builder *builder;
    const uint8_t *chunk;
    int32_t cbytes;
    if (blosc2_builder_create(&cparams, &builder) < 0) return;
    int status = blosc2_builder_start(builder, view->nbytes, view->block_bytes);
    for (int32_t i = 0; i < view->block_count && status == BLOSC2_OK; i++)
        status = blosc2_builder_copy_block(builder, i, view, workspace);
    if (status == BLOSC2_OK) status = blosc2_builder_finish(builder, &chunk, &cbytes, workspace);
    if (status == BLOSC2_OK) CHECK(cbytes <= (int64_t)view->nbytes + BLOSC2_CHUNK_OVERHEAD);
    blosc2_builder_free(builder);
}

/* The checksums of a chunk, and the same compared with it: all agree, or the chunk cannot have any. */
static void check_postscript(const blosc2_view *view)
{
    static uint8_t postscript[ROOM];
    if (b2_postscript_bytes(view) > (int32_t)sizeof postscript) return;
    if (b2_postscript_build(view, postscript) < 0) return;
    CHECK_OK(b2_postscript_check(view, postscript));
    if (!view->vl_blocks) /* each is as long as its content is decoded from */
        for (int32_t i = 0; i < view->block_count; i++) {
            blosc2_view verified = *view;
            verified.postscript = postscript;
            blosc2_view_raw_block(&verified, i);
        }
}

static void use(const uint8_t *bytes, size_t size)
{
    blosc2_view view;
    if (blosc2_view_init(&view, bytes, size, 8, CONTENT_MAX) < 0) return;
    int status = blosc2_view_decode(&view, content, workspace);
    CHECK(status == BLOSC2_OK || status == BLOSC2_E_CORRUPT || status == BLOSC2_E_UNSUPPORTED);
    check_postscript(&view);
    if (view.vl_blocks) return;
    for (int32_t i = 0; i < view.block_count && i < 2 * BLOCKS_MAX; i++) {
        blosc2_planes planes;
        int32_t nbytes = blosc2_view_block_nbytes(&view, i);
        blosc2_view_decode_prefix(&view, i, nbytes / 3 + 1, content, workspace);
        blosc2_view_decode_planes(&view, i, nbytes / 3 + 1, &planes, workspace);
    }
    rebuild(&view);
}

/* The chunk between guards, its end or its start at one. */
static void replace(const uint8_t *chunk, int32_t cbytes, int32_t at, int32_t number)
{
    for (int side = 0; side < 2; side++) {
        uint8_t *bytes = side ? room : room + ROOM - cbytes;
        memcpy(bytes, chunk, (size_t)cbytes);
        b2_store_le32(bytes + at, (uint32_t)number);
        use(bytes, (size_t)cbytes);
    }
}

static void try_chunk(const uint8_t *chunk, size_t size)
{
    static const int32_t MARGINS[] = {0, 1, 3, 4, 5, 32, 36};
    blosc2_view view;
    places all;
    if (blosc2_view_init(&view, chunk, size, 8, CONTENT_MAX) < 0) return;
    find_places(&view, &all);
    for (int i = 0; i < all.count; i++) {
        for (size_t m = 0; m < B2_COUNT(MARGINS); m++) {
            int32_t margin = MARGINS[m];
            replace(chunk, view.cbytes, all.at[i], INT32_MAX - margin);
            replace(chunk, view.cbytes, all.at[i], INT32_MIN + margin);
            replace(chunk, view.cbytes, all.at[i], view.cbytes - margin);
            replace(chunk, view.cbytes, all.at[i], -margin);
        }
    }
    chunks++;
}

static void try_file(const char *path, void *context)
{
    static uint8_t bytes[ROOM];
    (void)context;
    size_t length = strlen(path);
    if (length < 6 || strcmp(path + length - 6, ".chunk") != 0 || seen++ % stride) return;
    FILE *file = fopen(path, "rb");
    if (!file) return;
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    if (size < sizeof bytes) try_chunk(bytes, size);
}

int main(int argc, char **argv)
{
    const char *profile = getenv("CATERVA_TEST_PROFILE");
    stride = profile && !strcmp(profile, "quick") ? 9 : 1;
    room = guarded(ROOM);
    content = malloc(CONTENT_MAX);
    CHECK_OK(blosc2_init());
    CHECK_OK(blosc2_workspace_create(&workspace));
    for (int i = 1; i < argc; i++) scratch_each(argv[i], try_file, NULL);
    CHECK(chunks > 250 / stride);
    printf("%d chunks\n", chunks);
    blosc2_workspace_free(workspace);
    free(content);
    return check_result();
}
