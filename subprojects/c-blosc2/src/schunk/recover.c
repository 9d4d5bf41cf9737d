#include "schunk/recover.h"

#include <string.h>

#include "base/bytes.h"
#include "blosc2.h"
#include "frame/frame.h"

/* The one field that is the same in all headers of a file: header_len of docs/format/frame-format.md 1. */
enum { HEADER_LEN = 11 };

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
    int32_t bytes = b2_load_be_i32(head + HEADER_LEN);
    if (status == BLOSC2_OK && bytes >= B2_FRAME_HEADER_MIN && bytes <= B2_RECORD_HEADER_MAX) *size = bytes;
    return status;
}

static int read_record(const b2_io *io, b2_file *file, b2_record_kind kind, int64_t file_bytes,
                       int32_t header_bytes, b2_buffer *record, bool *is_there)
{
    int64_t bytes = b2_record_bytes(kind, header_bytes);
    int64_t position = kind == B2_RECORD_REDO ? file_bytes - bytes : header_bytes;
    *is_there = position >= header_bytes && position <= file_bytes - bytes;
    return *is_there ? read_at(io, file, record, bytes, position) : BLOSC2_OK;
}

static int recover(const b2_io *io, b2_file *file, b2_record_kind kind, b2_buffer *record, b2_buffer *found,
                   b2_buffer *header)
{
    int64_t file_bytes;
    int32_t header_bytes = 0;
    bool is_there = false;
    const uint8_t *right = NULL;
    int status = io->size(io->context, file, &file_bytes);
    if (status == BLOSC2_OK) status = header_size(io, file, file_bytes, &header_bytes);
    if (status < 0 || header_bytes == 0) return status;
    status = read_record(io, file, kind, file_bytes, header_bytes, record, &is_there);
    if (status == BLOSC2_OK && is_there) status = read_at(io, file, found, header_bytes, 0);
    if (status < 0 || !is_there) return status;
    if (!b2_record_parse(kind, record->bytes, found->bytes, header_bytes, &right)) return BLOSC2_OK;
    status = b2_buffer_reserve(header, (size_t)header_bytes);
    if (status == BLOSC2_OK) memcpy(header->bytes, right, (size_t)header_bytes);
    return status;
}

int b2_recover_header(const b2_io *io, b2_file *file, b2_record_kind kind, b2_buffer *found,
                      b2_buffer *header)
{
    b2_buffer record = {0};
    int status = recover(io, file, kind, &record, found, header);
    b2_buffer_free(&record);
    return status == BLOSC2_E_CORRUPT ? BLOSC2_OK : status; /* the file is being cut meanwhile */
}
