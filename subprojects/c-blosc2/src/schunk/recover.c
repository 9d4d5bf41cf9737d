#include "schunk/recover.h"

#include <string.h>

#include "base/checked.h"
#include "blosc2.h"
#include "frame/frame.h"
#include "frame/record.h"

/* Near copies begin at any byte of this much, far ones at a sector below that (b2_copy_far()). */
enum {
    NEAR_BYTES = 1 << 16,
    FAR_END = 2 * (B2_RECORD_HEADER_MAX + B2_COPY_SECTOR),
    HEAD_BYTES = 16,
    TRIES_MAX = 32
};

static int read_at(const b2_io *io, b2_file *file, b2_buffer *out, int64_t bytes, int64_t position)
{
    int status = b2_buffer_reserve(out, (size_t)bytes);
    return status < 0 ? status : io->read(io->context, file, out->bytes, (size_t)bytes, position);
}

/* Size of the file's headers; 0 if it cannot be one that has records. */
static int header_size(const b2_io *io, b2_file *file, int64_t file_bytes, int32_t *size)
{
    uint8_t head[B2_FRAME_HEADER_MIN];
    *size = 0;
    if (file_bytes < (int64_t)sizeof head) return BLOSC2_OK;
    int status = io->read(io->context, file, head, sizeof head, 0);
    if (status < 0) return status;
    int32_t bytes = b2_frame_stated_header_bytes(head);
    if (bytes >= B2_FRAME_HEADER_MIN && bytes <= B2_RECORD_HEADER_MAX) *size = bytes;
    return BLOSC2_OK;
}

static int recover(const b2_io *io, b2_file *file, b2_buffer *record, b2_buffer *found, b2_buffer *header)
{
    int64_t file_bytes;
    int32_t header_bytes = 0;
    const uint8_t *right = NULL;
    int status = io->size(io->context, file, &file_bytes);
    if (status == BLOSC2_OK) status = header_size(io, file, file_bytes, &header_bytes);
    if (status < 0 || header_bytes == 0) return status;
    int64_t bytes = b2_record_bytes(header_bytes), position = file_bytes - bytes;
    if (position < header_bytes) return BLOSC2_OK;
    status = read_at(io, file, record, bytes, position);
    if (status == BLOSC2_OK) status = read_at(io, file, found, header_bytes, 0);
    if (status < 0 || !b2_record_parse(record->bytes, found->bytes, header_bytes, &right)) return status;
    status = b2_buffer_reserve(header, (size_t)header_bytes);
    if (status == BLOSC2_OK) memcpy(header->bytes, right, (size_t)header_bytes);
    return status;
}

/* A read past the end is none of ours: the file is being cut meanwhile. */
static int not_cut(int status)
{
    return status == BLOSC2_E_CORRUPT ? BLOSC2_OK : status;
}

int b2_recover_header(const b2_io *io, b2_file *file, b2_buffer *found, b2_buffer *header)
{
    b2_buffer record = {0};
    int status = recover(io, file, &record, found, header);
    b2_buffer_free(&record);
    return not_cut(status);
}

/* ------------------------------------------------------------------ copies */

/* Put a copy where it belongs: the latest is the first. Equal ones count once. */
static void add(b2_copies *out, const b2_copy *copy)
{
    int at = 0;
    while (at < out->count && out->items[at].serial > copy->serial) at++;
    for (int i = at; i < out->count && out->items[i].serial == copy->serial; i++)
        if (out->items[i].tail_crc == copy->tail_crc) return;
    if (at == B2_COPIES_MAX) return;
    if (out->count == B2_COPIES_MAX) out->count--;
    memmove(out->items + at + 1, out->items + at, (size_t)(out->count - at) * sizeof *out->items);
    out->items[at] = *copy;
    out->count++;
}

typedef struct search {
    const b2_io *io;
    b2_file *file;
    int64_t file_bytes;
    int64_t used; /* of the bytes of `out`, which do not move */
    int tries;    /* a file that is full of what looks like copies is none of ours */
    b2_copies *out;
} search;

/* Whether a copy of such a header belongs there: others are a chunk's content, be it of a frame. */
static bool is_own_place(int64_t position, int32_t header_bytes)
{
    return position == header_bytes || position == header_bytes + b2_copy_far(header_bytes);
}

/* Look at one place. @param head  HEAD_BYTES bytes that lie there. */
static int look(search *s, const uint8_t *head, int64_t position)
{
    int64_t bytes = b2_copy_stated_bytes(head);
    b2_copy copy;
    if (bytes == 0 || bytes > s->file_bytes - position) return BLOSC2_OK;
    if (!is_own_place(position, (int32_t)(bytes - B2_COPY_OVERHEAD))) return BLOSC2_OK;
    if (bytes > (int64_t)s->out->bytes.capacity - s->used || s->tries++ == TRIES_MAX) return BLOSC2_OK;
    uint8_t *at = s->out->bytes.bytes + s->used;
    int status = s->io->read(s->io->context, s->file, at, (size_t)bytes, position);
    if (status == BLOSC2_OK && b2_copy_parse(at, bytes, &copy)) {
        add(s->out, &copy);
        s->used += bytes;
    }
    return not_cut(status);
}

static int look_near(search *s, const uint8_t *bytes, int64_t count)
{
    int status = BLOSC2_OK;
    for (int64_t at = 0; at + HEAD_BYTES <= count && status == BLOSC2_OK; at++)
        if (bytes[at] == b2_copy_magic[0]) status = look(s, bytes + at, at);
    return status;
}

static int look_far(search *s)
{
    int status = BLOSC2_OK;
    for (int64_t at = NEAR_BYTES; at < FAR_END && at + HEAD_BYTES <= s->file_bytes && status == BLOSC2_OK;
         at += B2_COPY_SECTOR) {
        uint8_t head[HEAD_BYTES];
        status = s->io->read(s->io->context, s->file, head, sizeof head, at);
        if (status == BLOSC2_OK) status = look(s, head, at);
    }
    return not_cut(status);
}

int b2_recover_copies(const b2_io *io, b2_file *file, b2_copies *out)
{
    search s = {.io = io, .file = file, .out = out};
    b2_buffer start = {0};
    *out = (b2_copies){0};
    int status = io->size(io->context, file, &s.file_bytes);
    if (status < 0) return status;
    int64_t count = b2_min_i64(s.file_bytes, NEAR_BYTES);
    /* Memory in proportion to the file, and to the copies there may be. */
    int64_t room = b2_min_i64(B2_COPIES_MAX * b2_copy_bytes(B2_RECORD_HEADER_MAX), s.file_bytes);
    status = b2_buffer_reserve_exactly(&out->bytes, (size_t)room);
    if (status == BLOSC2_OK) status = read_at(io, file, &start, count, 0);
    if (status == BLOSC2_OK) status = look_near(&s, start.bytes, count);
    if (status == BLOSC2_OK) status = look_far(&s);
    b2_buffer_free(&start);
    return not_cut(status);
}

bool b2_recover_disagrees(const b2_io *io, b2_file *file, const uint8_t *header, int32_t header_bytes,
                          uint32_t tail_crc)
{
    int64_t bytes = b2_copy_bytes(header_bytes), file_bytes;
    b2_buffer buffer = {0};
    b2_copy copy;
    bool is_there =
        header_bytes <= B2_RECORD_HEADER_MAX && io->size(io->context, file, &file_bytes) == BLOSC2_OK &&
        file_bytes - header_bytes >= bytes && read_at(io, file, &buffer, bytes, header_bytes) == BLOSC2_OK;
    bool disagrees = is_there && b2_copy_parse(buffer.bytes, bytes, &copy) &&
                     copy.header_bytes == header_bytes && copy.tail_crc != tail_crc &&
                     memcmp(copy.header, header, (size_t)header_bytes) == 0;
    b2_buffer_free(&buffer);
    return disagrees;
}
