/** What a frame may make its reader allocate: every piece above the limit is refused, nothing below it. */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/memory.h"
#include "check.h"
#include "scratch.h"

enum {
    CHUNK = 4096,
    COUNT = 20000,
    CONTENT = 100000,
    STORED = COUNT - 2,
    INDEX = 8 * COUNT,
};

static char path[SCRATCH_PATH_BYTES];

/** A frame of 20,000 chunks, of which the last but one is stored, and a metalayer of zeros. */
static blosc2_schunk *make(blosc2_home home)
{
    static const uint8_t zeros[CONTENT];
    const blosc2_metalayer layer = {"zeros", zeros, CONTENT};
    const blosc2_schunk_options options = {.home = home,
                                           .path = home == BLOSC2_HOME_MEMFRAME ? NULL : path,
                                           .cparams = blosc2_cparams_default(1),
                                           .chunk_bytes = CHUNK,
                                           .block_bytes = CHUNK,
                                           .chunk_count = COUNT,
                                           .fill = BLOSC2_SPECIAL_ZEROS};
    blosc2_schunk *schunk = NULL;
    uint8_t chunk[BLOSC2_CHUNK_OVERHEAD + 1];
    CHECK_OK(blosc2_schunk_create(&options, &schunk));
    if (!schunk) exit(1);
    CHECK_OK(blosc2_special_chunk(BLOSC2_SPECIAL_VALUE, 1, CHUNK, CHUNK, "\7", 1, chunk));
    CHECK_OK(blosc2_schunk_set_chunk(schunk, STORED, chunk, sizeof chunk));
    CHECK_OK(blosc2_schunk_set_layer(schunk, BLOSC2_LAYER_VARIABLE, &layer));
    CHECK_OK(blosc2_schunk_commit(schunk));
    return schunk;
}

/** True if the status is that of a limit, and the message has all that a user needs. */
static bool limited(int status, const char *what, long long value, long long limit)
{
    char expected[200];
    snprintf(expected, sizeof expected, "%s: %lld bytes (max_bytes allows %lld", what, value, limit);
    bool right = status == BLOSC2_E_LIMIT && strstr(blosc2_last_error(), expected);
    if (!right) fprintf(stderr, "\"%s\" expected, got %d: %s\n", expected, status, blosc2_last_error());
    return right;
}

static int read_layer(const blosc2_schunk *schunk)
{
    uint8_t *content = NULL;
    int32_t bytes = 0;
    int status = blosc2_schunk_layer_content(schunk, BLOSC2_LAYER_VARIABLE, 0, &content, &bytes);
    if (status == BLOSC2_OK) CHECK(bytes == CONTENT && content[CONTENT - 1] == 0);
    blosc2_bytes_free(content);
    return status;
}

static int read_chunk(const blosc2_schunk *schunk, int64_t chunk)
{
    uint8_t out[CHUNK];
    blosc2_workspace *workspace;
    blosc2_view view;
    CHECK_OK(blosc2_workspace_create(&workspace));
    int status = blosc2_schunk_view(schunk, chunk, NULL, 0, workspace, &view);
    if (status == BLOSC2_OK) status = blosc2_view_decode(&view, out, workspace);
    uint8_t expected = chunk == STORED ? 7 : 0;
    if (status == BLOSC2_OK) CHECK(out[0] == expected && out[CHUNK - 1] == expected);
    blosc2_workspace_free(workspace);
    return status;
}

/** Open with each limit that lets one more piece in. */
static void each_piece_has_the_limit(const blosc2_origin *origin)
{
    blosc2_origin limit = *origin;
    blosc2_schunk *schunk = NULL;
    limit.max_bytes = 80;
    CHECK(blosc2_schunk_open_origin(&limit, &schunk) == BLOSC2_E_LIMIT && !schunk);
    bool is_whole_file =
        strstr(blosc2_last_error(), "chunks.b2frame: chunk index: ") != NULL; /* of a directory */
    CHECK(is_whole_file || strstr(blosc2_last_error(), "frame header: 97 bytes (max_bytes allows 80"));
    CHECK(!limit.path || strstr(blosc2_last_error(), limit.path));
    limit.max_bytes = 100;
    CHECK(blosc2_schunk_open_origin(&limit, &schunk) == BLOSC2_E_LIMIT && !schunk);
    CHECK(is_whole_file || strstr(blosc2_last_error(), "chunk index and trailer: "));
    limit.max_bytes = INDEX - 1;
    CHECK(limited(blosc2_schunk_open_origin(&limit, &schunk), "chunk index: entries", INDEX, INDEX - 1));
    CHECK(!schunk);
    for (int64_t max_bytes = INDEX; max_bytes >= 0; max_bytes -= INDEX) {
        limit.max_bytes = max_bytes;
        CHECK_OK(blosc2_schunk_open_origin(&limit, &schunk));
        if (!schunk) exit(1);
        CHECK_OK(read_layer(schunk));
        CHECK_OK(read_chunk(schunk, STORED));
        blosc2_schunk_set_max_bytes(schunk, CONTENT - 1);
        CHECK(limited(read_layer(schunk), "metalayer \"zeros\": content", CONTENT, CONTENT - 1));
        CHECK_OK(read_chunk(schunk, STORED));
        blosc2_schunk_set_max_bytes(schunk, CHUNK);
        CHECK_OK(read_chunk(schunk, STORED));
        CHECK_OK(read_chunk(schunk, 0));
        blosc2_schunk_set_max_bytes(schunk, CHUNK - 1);
        CHECK(limited(read_chunk(schunk, STORED), "chunk 19998: content", CHUNK, CHUNK - 1));
        CHECK(!limit.path || strstr(blosc2_last_error(), limit.path));
        CHECK(limited(read_chunk(schunk, 0), "chunk 0: content", CHUNK, CHUNK - 1));
        blosc2_schunk_free(schunk);
        schunk = NULL;
    }
}

static void limits_hold_in_files(blosc2_home home)
{
    blosc2_schunk_free(make(home));
    each_piece_has_the_limit(&(blosc2_origin){.path = path, .mode = BLOSC2_UPDATE});
    each_piece_has_the_limit(&(blosc2_origin){.path = path, .mode = BLOSC2_READ});
    if (home == BLOSC2_HOME_FILE)
        each_piece_has_the_limit(&(blosc2_origin){.path = path, .mode = BLOSC2_READ_MAPPED});
    scratch_remove(path);
}

static int read_bytes(void *context, void *out, size_t bytes, int64_t position)
{
    memcpy(out, (const uint8_t *)context + position, bytes);
    return 0;
}

static void limits_hold_in_memory(void)
{
    uint8_t *bytes;
    size_t size;
    blosc2_schunk *schunk = make(BLOSC2_HOME_MEMFRAME);
    CHECK_OK(blosc2_schunk_to_bytes(schunk, &bytes, &size));
    blosc2_schunk_free(schunk);
    each_piece_has_the_limit(&(blosc2_origin){.bytes = bytes, .size = (int64_t)size});
    each_piece_has_the_limit(&(blosc2_origin){.read = read_bytes, .context = bytes, .size = (int64_t)size});
    blosc2_bytes_free(bytes);
}

/** The 32 bytes that stand for a metalayer of zeros, found in a frame by their sizes. */
static uint8_t *find_layer_chunk(uint8_t *bytes, size_t size)
{
    for (size_t at = 0; at + BLOSC2_CHUNK_OVERHEAD <= size; at++)
        if (b2_load_le_i32(bytes + at + 4) == CONTENT && b2_load_le_i32(bytes + at + 12) == 32)
            return bytes + at;
    return NULL;
}

static void a_few_bytes_cannot_ask_for_gigabytes(void)
{
    uint8_t *bytes;
    size_t size;
    blosc2_schunk *schunk = make(BLOSC2_HOME_MEMFRAME);
    CHECK_OK(blosc2_schunk_to_bytes(schunk, &bytes, &size));
    blosc2_schunk_free(schunk);
    uint8_t *chunk = find_layer_chunk(bytes, size);
    CHECK(chunk);
    if (!chunk) exit(1);
    b2_store_le32(chunk + 4, BLOSC2_MAX_CHUNK_BYTES);
    const blosc2_origin origin = {
        .bytes = bytes, .size = (int64_t)size, .safety.checksums = BLOSC2_CHECKSUMS_OFF};
    CHECK_OK(blosc2_schunk_open_origin(&origin, &schunk)); /* it takes no memory until it is asked for */
    CHECK(limited(read_layer(schunk), "metalayer \"zeros\": content", BLOSC2_MAX_CHUNK_BYTES,
                  BLOSC2_LAYER_BYTES));
    blosc2_schunk_free(schunk);
    blosc2_bytes_free(bytes);
}

static void what_could_not_be_read_is_not_stored(void)
{
    const blosc2_metalayer large = {"large", (const uint8_t *)"", BLOSC2_LAYER_BYTES + 1};
    blosc2_schunk *schunk = make(BLOSC2_HOME_MEMFRAME);
    CHECK_OK(blosc2_schunk_begin(schunk));
    CHECK(blosc2_schunk_set_layer(schunk, BLOSC2_LAYER_VARIABLE, &large) == BLOSC2_E_ARGUMENT);
    CHECK(strstr(blosc2_last_error(), "\"large\": content: 268435457 bytes (max_bytes allows 268435456"));
    CHECK(blosc2_schunk_find_layer(schunk, BLOSC2_LAYER_VARIABLE, "large") < 0);
    CHECK_OK(blosc2_schunk_commit(schunk));
    CHECK_OK(read_layer(schunk));
    blosc2_schunk_free(schunk);
}

int main(void)
{
    CHECK_OK(blosc2_init());
    const char *directory = scratch_directory();
    snprintf(path, sizeof path, "%s/frame", directory);
    limits_hold_in_files(BLOSC2_HOME_FILE);
    limits_hold_in_files(BLOSC2_HOME_DIRECTORY);
    limits_hold_in_memory();
    a_few_bytes_cannot_ask_for_gigabytes();
    what_could_not_be_read_is_not_stored();
    scratch_remove(directory);
    return check_result();
}
