#include "schunk/neighbour.h"

#include <string.h>

#include "base/checked.h"
#include "base/failure.h"
#include "base/memory.h"
#include "checksum/crc32c.h"
#include "chunk/header.h"
#include "chunk/postscript.h"
#include "frame/copy.h"
#include "frame/record.h"
#include "schunk/frame_store.h"
#include "schunk/recover.h"
#include "schunk/schunk.h"

enum {
    PIECE_BYTES = 1 << 18,
    MAGIC_BYTES = 10,
    ITEM_BYTES = B2_HEADER_EXTENDED, /* what tells an item of ours: a chunk's header, or a record's start */
};

static const uint8_t MAGIC[MAGIC_BYTES] = {0x9e, 0xa8, 'b', '2', 'f', 'r', 'a', 'm', 'e', 0};

/* What looks like a frame at `start`. */
typedef struct candidate {
    int64_t start, bytes;
    int32_t header_bytes;
    bool has_end; /* there is a trailer where it says */
} candidate;

typedef struct search {
    const b2_first_frame *first;
    b2_buffer piece, before; /* owned: where a frame is looked for, and what may have it inside */
    int64_t noted;           /* up to here: how far records, and chunks, reach that begin before */
    int64_t records_end, chunks_end;
} search;

static int read_at(const b2_first_frame *first, void *out, int64_t bytes, int64_t position)
{
    return first->io->read(first->io->context, first->file, out, (size_t)bytes, position);
}

/* ------------------------------------------------------------------ what is ours */

/* Where a record or copy of the first frame's header ends that begins so; 0: none does. */
static int64_t end_of_record(const search *s, const uint8_t *bytes, int64_t position)
{
    bool is_one = memcmp(bytes, b2_copy_magic, B2_COPY_MAGIC_BYTES) == 0 ||
                  memcmp(bytes, b2_copy_void, B2_COPY_MAGIC_BYTES) == 0;
    if (!is_one || b2_load_le_i32(bytes + 12) != s->first->header_bytes) return 0;
    int32_t header_bytes = s->first->header_bytes;
    bool is_redo = b2_load_le32(bytes + 8) == B2_KIND_REDO;
    return position + (is_redo ? b2_record_bytes(header_bytes) : b2_copy_bytes(header_bytes));
}

/* The checksums behind a chunk are its own: it was written here. */
static bool has_postscript(const search *s, const blosc2_view *view, int64_t end)
{
    uint8_t postscript[B2_POSTSCRIPT_MIN];
    if (s->first->file_bytes - end < (int64_t)sizeof postscript) return false;
    if (read_at(s->first, postscript, sizeof postscript, end) < 0) return false;
    return b2_postscript_stated_bytes(postscript) > 0 &&
           b2_postscript_check_header(view, postscript) == BLOSC2_OK;
}

/* The content of a variable-length metalayer: in a trailer its length stands before it (frame-format.md 2).
 */
static bool is_layer(const search *s, int64_t position, int32_t cbytes)
{
    uint8_t mark[5];
    if (position < (int64_t)sizeof mark) return false;
    return read_at(s->first, mark, sizeof mark, position - (int64_t)sizeof mark) == BLOSC2_OK &&
           mark[0] == 0xc6 && b2_load_be_i32(mark + 1) == cbytes;
}

/* Where a chunk of the first frame ends that begins so, behind `from`; 0: none does. */
static int64_t end_of_chunk(const search *s, const uint8_t *bytes, int64_t position, int64_t from)
{
    int64_t end = position + b2_load_le_i32(bytes + 12);
    if (end <= from || end > s->first->file_bytes) return 0;
    blosc2_view view;
    int status = b2_header_parse(bytes, ITEM_BYTES, s->first->file_bytes - position, &view);
    if (status < 0) return 0;
    bool is_full = view.nbytes == s->first->chunk_bytes && view.nbytes > 0;
    return is_full || has_postscript(s, &view, end) || is_layer(s, position, view.cbytes) ? end : 0;
}

static void note_item(search *s, const uint8_t *bytes, int64_t position)
{
    if (bytes[0] == b2_copy_magic[0])
        s->records_end = b2_max_i64(s->records_end, end_of_record(s, bytes, position));
    if (bytes[0] >= B2_VERSION_BLOSC1 && bytes[0] <= B2_VERSION_NEWEST)
        s->chunks_end = b2_max_i64(s->chunks_end, end_of_chunk(s, bytes, position, s->chunks_end));
}

/* Note what begins before `stop`, each byte once: how far leftovers reach. */
static int note_items(search *s, int64_t stop)
{
    const b2_first_frame *first = s->first;
    while (s->noted < stop) {
        int64_t count = b2_min_i64(stop - s->noted, PIECE_BYTES);
        int64_t available = b2_min_i64(count + ITEM_BYTES, first->file_bytes - s->noted);
        int status = read_at(first, s->before.bytes, available, s->noted);
        if (status == BLOSC2_OK) status = blosc2_check_interrupt();
        if (status < 0) return status;
        for (int64_t at = 0; at < count && at + ITEM_BYTES <= available; at++)
            note_item(s, s->before.bytes + at, s->noted + at);
        s->noted += count;
    }
    return BLOSC2_OK;
}

/* Where the leftover ends in which a candidate lies; 0: it lies in none. A chunk has all of it inside. */
static int find_item(search *s, const candidate *c, int64_t *end)
{
    int status = note_items(s, c->start);
    *end = 0;
    if (s->records_end >= c->start + MAGIC_BYTES) *end = s->records_end;
    if (s->chunks_end >= c->start + c->bytes) *end = b2_max_i64(*end, s->chunks_end);
    return status;
}

/* ------------------------------------------------------------------ candidates */

/* Whether a trailer ends a frame that begins there. */
static bool has_end(const search *s, int64_t position, const b2_frame_header *header)
{
    uint8_t tail[B2_FRAME_TRAILER_TAIL];
    int64_t start;
    return read_at(s->first, tail, sizeof tail, position + header->frame_bytes - (int64_t)sizeof tail) ==
               BLOSC2_OK &&
           b2_frame_trailer_locate(tail, header, &start) == BLOSC2_OK;
}

/* Whether a frame begins there: its header is right, or of a version that cannot be read here. */
static int look(const search *s, int64_t position, candidate *out)
{
    uint8_t head[B2_FRAME_HEADER_MIN];
    int64_t available = s->first->file_bytes - position;
    b2_frame_header header;
    *out = (candidate){0};
    if (available < (int64_t)sizeof head) return BLOSC2_OK;
    int status = read_at(s->first, head, sizeof head, position);
    if (status < 0) return status;
    status = b2_frame_header_parse(head, available, B2_FRAME_CONTIGUOUS, &header);
    if (status == BLOSC2_OK)
        *out = (candidate){.start = position,
                           .bytes = header.frame_bytes,
                           .header_bytes = header.header_bytes,
                           .has_end = has_end(s, position, &header)};
    else if (status == BLOSC2_E_UNSUPPORTED)
        *out = (candidate){.start = position, .bytes = B2_FRAME_HEADER_MIN};
    return BLOSC2_OK;
}

/* @param next  Set to where the search goes on, if it finds nothing there. */
static int check(search *s, int64_t position, int64_t *found, int64_t *next)
{
    candidate c;
    b2_failure failure;
    int64_t end = 0;
    *next = position + 1;
    b2_failure_save(&failure); /* what is no frame is no failure */
    int status = look(s, position, &c);
    /* What a crash has left of a record may be a header alone: nothing ends that frame. */
    bool is_alone = c.header_bytes == s->first->header_bytes && !c.has_end;
    if (status == BLOSC2_OK && c.bytes > 0 && is_alone) c.bytes = 0;
    if (status == BLOSC2_OK && c.bytes > 0) status = find_item(s, &c, &end);
    if (status < 0) return status;
    b2_failure_restore(&failure);
    if (c.bytes > 0 && end == 0) *found = position;
    if (end > position) *next = end;
    return BLOSC2_OK;
}

/* Look at the frames that begin in a piece. @param from  Set to the position where the next one begins. */
static int search_piece(search *s, int64_t position, int64_t count, int64_t *from, int64_t *found)
{
    const uint8_t *bytes = s->piece.bytes;
    int64_t last = count - MAGIC_BYTES, at = 0;
    int status = BLOSC2_OK;
    while (at <= last && *found == 0 && status == BLOSC2_OK) {
        const uint8_t *next = memchr(bytes + at, MAGIC[0], (size_t)(last - at + 1));
        if (!next) break;
        at = next - bytes;
        int64_t after = position + at + 1;
        if (memcmp(next, MAGIC, sizeof MAGIC) == 0) status = check(s, position + at, found, &after);
        at = after - position;
    }
    *from = position + b2_max_i64(at, last + 1);
    return status;
}

/* ------------------------------------------------------------------ where to begin */

/* Where the state ends that a copy of the header tells of, if that is there; else 0. */
static int end_of_state(const b2_first_frame *first, const b2_copy *copy, int64_t *end)
{
    b2_buffer tail = {0};
    int64_t stop = 0;
    bool fits = b2_add_i64(copy->tail_start, copy->tail_bytes, &stop) &&
                b2_add_i64(stop, first->header_bytes, &stop) && stop <= first->file_bytes;
    *end = 0;
    if (!fits) return BLOSC2_OK;
    int status = b2_buffer_reserve(&tail, (size_t)copy->tail_bytes);
    if (status == BLOSC2_OK) status = read_at(first, tail.bytes, copy->tail_bytes, stop - copy->tail_bytes);
    if (status == BLOSC2_OK && b2_crc32c(0, tail.bytes, (size_t)copy->tail_bytes) == copy->tail_crc)
        *end = stop;
    b2_buffer_free(&tail);
    return status;
}

/* What lies below the end of the last flushed state, and of those that are read, has been this frame's. */
static int find_start(const b2_first_frame *first, int64_t *start)
{
    const int64_t places[] = {0, b2_copy_far(first->header_bytes)};
    int64_t bytes = b2_copy_bytes(first->header_bytes);
    b2_buffer buffer = {0};
    int status = BLOSC2_OK;
    *start = b2_max_i64(first->frame_bytes, first->held_bytes);
    for (size_t i = 0; i < sizeof places / sizeof *places && status == BLOSC2_OK; i++) {
        int64_t position = first->header_bytes + places[i], end = 0;
        b2_copy copy;
        if (first->header_bytes > B2_RECORD_HEADER_MAX || position + bytes > first->file_bytes) break;
        status = b2_buffer_reserve(&buffer, (size_t)bytes);
        if (status == BLOSC2_OK) status = read_at(first, buffer.bytes, bytes, position);
        bool is_one = status == BLOSC2_OK && b2_copy_parse(buffer.bytes, bytes, &copy) &&
                      copy.header_bytes == first->header_bytes;
        if (is_one) status = end_of_state(first, &copy, &end);
        *start = b2_max_i64(*start, end);
    }
    b2_buffer_free(&buffer);
    return status;
}

int b2_find_neighbour(const b2_first_frame *first, int64_t *found)
{
    search s = {.first = first, .noted = first->frame_bytes};
    int64_t position = 0;
    *found = 0;
    if (first->file_bytes - first->frame_bytes < B2_FRAME_HEADER_MIN) return BLOSC2_OK;
    int status = find_start(first, &position);
    if (status < 0 || first->file_bytes - position < B2_FRAME_HEADER_MIN) return status;
    int64_t room = b2_min_i64(PIECE_BYTES, first->file_bytes - position) + ITEM_BYTES;
    status = b2_buffer_reserve(&s.piece, (size_t)room);
    if (status == BLOSC2_OK) status = b2_buffer_reserve(&s.before, (size_t)room);
    while (status == BLOSC2_OK && *found == 0 && first->file_bytes - position >= B2_FRAME_HEADER_MIN) {
        int64_t count = b2_min_i64(PIECE_BYTES, first->file_bytes - position);
        status = read_at(first, s.piece.bytes, count, position);
        if (status == BLOSC2_OK) status = blosc2_check_interrupt();
        if (status == BLOSC2_OK) status = search_piece(&s, position, count, &position, found);
    }
    b2_buffer_free(&s.piece);
    b2_buffer_free(&s.before);
    return status == BLOSC2_E_CORRUPT ? BLOSC2_OK : status; /* it is being cut: there is nothing any more */
}

/* ------------------------------------------------------------------ files by their path */

/* What the header at the start of a file says of its frame, though its magic may be damaged. */
static int read_first(b2_first_frame *first, b2_frame_header *header)
{
    uint8_t head[B2_FRAME_HEADER_MIN];
    if (first->file_bytes < (int64_t)sizeof head) return blosc2_fail(BLOSC2_E_CORRUPT, "no header");
    int status = read_at(first, head, sizeof head, 0);
    memcpy(head, MAGIC, sizeof MAGIC);
    return status < 0 ? status : b2_frame_header_parse(head, first->file_bytes, B2_FRAME_CONTIGUOUS, header);
}

/* The same by its latest copy. */
static int read_copy(b2_first_frame *first, b2_frame_header *header)
{
    b2_copies copies;
    int status = b2_recover_copies(first->io, first->file, &copies);
    if (status == BLOSC2_OK && copies.count == 0) status = blosc2_fail(BLOSC2_E_CORRUPT, "no copy");
    if (status == BLOSC2_OK)
        status =
            b2_frame_header_parse(copies.items[0].header, first->file_bytes, B2_FRAME_CONTIGUOUS, header);
    b2_buffer_free(&copies.bytes);
    return status;
}

static int find_second(b2_first_frame *first, int64_t *position)
{
    b2_frame_header header;
    int status = first->io->size(first->io->context, first->file, &first->file_bytes);
    if (status < 0) return status;
    status = read_first(first, &header);
    if (status == BLOSC2_E_CORRUPT) status = read_copy(first, &header);
    if (status == BLOSC2_E_CORRUPT || status == BLOSC2_E_UNSUPPORTED) return BLOSC2_OK;
    if (status < 0) return status;
    first->frame_bytes = header.frame_bytes;
    first->header_bytes = header.header_bytes;
    first->chunk_bytes = header.chunk_bytes;
    return b2_find_neighbour(first, position);
}

int blosc2_find_second(const char *path, int64_t *position)
{
    const b2_io *io = b2_io_system();
    b2_first_frame first = {.io = io};
    *position = 0;
    int status = io->open(io->context, path, B2_OPEN_READ, &first.file);
    if (status < 0) return status;
    status = find_second(&first, position);
    io->close(io->context, first.file);
    return status;
}
