/** Another frame behind a frame: found wherever it begins, and not in what changes and crashes leave there.
 */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "check.h"
#include "frame/copy.h"
#include "frame/record.h"
#include "put_chunk.h"
#include "schunk/neighbour.h"

enum { CHUNK = 40000, BLOCK = 20000, PIECE = 1 << 18, ROOM = 3 * PIECE };

static blosc2_workspace *workspace;
static uint8_t *frame, *bytes; /* a frame, and a file that begins with it */
static size_t frame_bytes;
static int32_t header_bytes;
static uint32_t seed = 7;

static uint32_t random_below(uint32_t limit)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % limit;
}

/* A frame of two chunks: the first one is not compressed and holds `content`, if there is some. */
static blosc2_schunk *make(const uint8_t *content, size_t content_bytes)
{
    static uint8_t data[CHUNK];
    blosc2_schunk_options options = {.home = BLOSC2_HOME_MEMFRAME,
                                     .cparams = blosc2_cparams_default(1),
                                     .chunk_bytes = CHUNK,
                                     .block_bytes = BLOCK,
                                     .chunk_count = 2,
                                     .fill = BLOSC2_SPECIAL_ZEROS};
    blosc2_schunk *schunk;
    options.cparams.clevel = 0;
    memset(options.cparams.filters, 0, sizeof options.cparams.filters);
    CHECK_OK(blosc2_schunk_create(&options, &schunk));
    memset(data, 1, sizeof data);
    if (content) memcpy(data + 5, content, content_bytes);
    CHECK_OK(put_chunk(schunk, 0, data, CHUNK, BLOCK, workspace));
    CHECK_OK(blosc2_schunk_commit(schunk));
    return schunk;
}

/* Where in the first `count` bytes of the file a neighbour is found. */
static int64_t find(int64_t count)
{
    b2_io *io;
    b2_file *file;
    int64_t found = -1;
    CHECK_OK(b2_io_memory_create(&io));
    CHECK_OK(io->open(io->context, NULL, B2_OPEN_NEW, &file));
    CHECK_OK(io->write(io->context, file, bytes, (size_t)count, 0));
    const b2_first_frame first = {.io = io,
                                  .file = file,
                                  .frame_bytes = (int64_t)frame_bytes,
                                  .file_bytes = count,
                                  .header_bytes = header_bytes,
                                  .chunk_bytes = CHUNK};
    CHECK_OK(b2_find_neighbour(&first, &found));
    io->close(io->context, file);
    b2_io_memory_free(io);
    return found;
}

typedef enum filler { FILL_ZEROS, FILL_NOISE, FILL_MAGIC } filler;

/* What is behind the first frame. */
static void fill(filler what)
{
    static const char almost[] = "\x9e\xa8"
                                 "b2frame\1";
    for (size_t i = frame_bytes; i < ROOM; i++) {
        uint32_t noise = random_below(256);
        bytes[i] = what == FILL_ZEROS ? 0 : (uint8_t)(what == FILL_NOISE ? noise : (uint8_t)almost[i % 10]);
    }
}

static void one_is_found_wherever_it_begins(void)
{
    const int64_t start = (int64_t)frame_bytes;
    for (int what = FILL_ZEROS; what <= FILL_MAGIC; what++) {
        for (int64_t at = 0; at < 120; at++) {
            const int64_t places[] = {start + at, start + PIECE - 100 + at, ROOM - (int64_t)frame_bytes - at};
            for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
                if (at % 3 && i == 2) continue;
                fill((filler)what);
                memcpy(bytes + places[i], frame, frame_bytes);
                CHECK(find(ROOM) == places[i]);
            }
        }
    }
}

static void one_that_is_not_whole_is_none(void)
{
    fill(FILL_NOISE);
    int64_t at = (int64_t)frame_bytes + 1000;
    memcpy(bytes + at, frame, frame_bytes);
    for (int64_t less = 1; less < 100; less++) CHECK(find(at + (int64_t)frame_bytes - less) == 0);
    CHECK(find(at + (int64_t)frame_bytes) == at);
    for (int64_t i = 0; i < header_bytes; i++) { /* of a damaged header anything may be said, but the place */
        bytes[at + i] ^= (uint8_t)(1u << random_below(8));
        int64_t found = find(ROOM);
        CHECK(found == 0 || found == at);
        if (i < 10) CHECK(found == 0);
        memcpy(bytes + at, frame, frame_bytes);
    }
}

/* A record or copy of the header, as commits leave it. @return Its size. */
static int64_t put_record(int kind, int64_t at)
{
    b2_copy copy = {.serial = 1, .tail_bytes = 10, .header_bytes = header_bytes, .header = frame};
    if (kind == 0) b2_record_build(frame, frame, header_bytes, bytes + at);
    if (kind > 0) b2_copy_build(&copy, bytes + at);
    if (kind == 2) memcpy(bytes + at, b2_copy_void, sizeof b2_copy_void);
    if (kind == 3) bytes[at + random_below(16)] ^= (uint8_t)(1u << random_below(8)); /* damaged */
    return kind == 0 ? b2_record_bytes(header_bytes) : b2_copy_bytes(header_bytes);
}

static void records_and_copies_of_the_header_are_none(void)
{
    for (int round = 0; round < 60; round++) {
        fill(round % 2 ? FILL_NOISE : FILL_ZEROS);
        int64_t at = (int64_t)frame_bytes, stop = PIECE + (int64_t)random_below(PIECE);
        while (at < stop) at += put_record((int)random_below(4), at) + random_below(round < 30 ? 200 : 20000);
        CHECK(find(ROOM) == 0);
        int64_t there = at + random_below(1000);
        memcpy(bytes + there, frame, frame_bytes);
        CHECK(find(ROOM) == there);
    }
}

/* Its start lies where the first frame has its end now. */
static void a_record_whose_start_was_overwritten_is_none(void)
{
    for (int64_t cut = 1; cut <= B2_COPY_HEADER_AT; cut++) {
        fill(FILL_NOISE);
        put_record(1, (int64_t)frame_bytes - cut);
        memcpy(bytes, frame, frame_bytes);
        CHECK(find(ROOM) == 0);
    }
}

static void frames_inside_of_chunks_are_none(void)
{
    blosc2_schunk *outer = make(frame, frame_bytes);
    blosc2_view view;
    CHECK_OK(blosc2_schunk_view(outer, 0, NULL, 0, workspace, &view));
    CHECK(view.cbytes > CHUNK);
    for (int round = 0; round < 40; round++) {
        fill(round % 2 ? FILL_NOISE : FILL_ZEROS);
        int64_t at = (int64_t)frame_bytes + random_below(PIECE);
        for (int i = 0; i < 3; i++) {
            memcpy(bytes + at, view.bytes, (size_t)view.cbytes);
            at += view.cbytes + (int64_t)random_below(3000);
        }
        CHECK(find(ROOM) == 0);
        memcpy(bytes + at, frame, frame_bytes);
        CHECK(find(ROOM) == at);
    }
    blosc2_schunk_free(outer);
}

int main(void)
{
    CHECK_OK(blosc2_init());
    CHECK_OK(blosc2_workspace_create(&workspace));
    blosc2_schunk *schunk = make(NULL, 0);
    CHECK_OK(blosc2_schunk_to_bytes(schunk, &frame, &frame_bytes));
    blosc2_schunk_free(schunk);
    bytes = malloc(ROOM);
    if (!bytes) abort();
    header_bytes = b2_frame_stated_header_bytes(frame);
    memcpy(bytes, frame, frame_bytes);
    one_is_found_wherever_it_begins();
    one_that_is_not_whole_is_none();
    records_and_copies_of_the_header_are_none();
    a_record_whose_start_was_overwritten_is_none();
    frames_inside_of_chunks_are_none();
    free(bytes);
    blosc2_bytes_free(frame);
    blosc2_workspace_free(workspace);
    return check_result();
}
