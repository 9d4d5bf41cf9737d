#include "schunk/load.h"

#include <string.h>

#include "base/checked.h"
#include "base/failure.h"
#include "checksum/crc32c.h"
#include "schunk/recover.h"

static int read_at(b2_frame_file *frame, void *out, int64_t bytes, int64_t position)
{
    int status =
        frame->io->read(frame->io->context, frame->file, out, (size_t)bytes, frame->offset + position);
    if (status == BLOSC2_OK) frame->seen = b2_crc32c(frame->seen, out, (size_t)bytes);
    return status;
}

static int read_header(b2_frame_file *frame, b2_frame_type type, blosc2_schunk *schunk)
{
    uint8_t head[B2_FRAME_HEADER_MIN];
    int64_t bytes = b2_min_i64(frame->available, sizeof head);
    int status = BLOSC2_OK;
    if (frame->instead.bytes)
        memcpy(head, frame->instead.bytes, sizeof head);
    else
        status = read_at(frame, head, bytes, 0);
    if (status == BLOSC2_OK) status = b2_frame_header_parse(head, frame->available, type, &frame->header);
    if (status == BLOSC2_OK)
        status = blosc2_schunk_check_bytes(schunk, "frame header", frame->header.header_bytes);
    if (status == BLOSC2_OK)
        status = b2_buffer_reserve(&frame->header_bytes, (size_t)frame->header.header_bytes);
    if (status < 0) return status;
    uint8_t *whole = frame->header_bytes.bytes;
    memcpy(whole, head, sizeof head); /* each byte is read once: another writer may be at work */
    if (frame->instead.bytes)
        memcpy(whole, frame->instead.bytes, (size_t)frame->header.header_bytes);
    else
        status = read_at(frame, whole + sizeof head, frame->header.header_bytes - (int64_t)sizeof head,
                         sizeof head);
    return status < 0 ? status : b2_frame_header_layers(whole, &frame->header, &schunk->fixed);
}

/* Contents stay encoded, so that opening never takes more memory than the file is long. */
static int check_layers(const b2_layers *variable)
{
    for (int i = 0; i < variable->count; i++) {
        const b2_layer *layer = &variable->items[i];
        blosc2_view view;
        int status =
            blosc2_view_init(&view, layer->content, (size_t)layer->content_bytes, 0, BLOSC2_MAX_CHUNK_BYTES);
        if (status < 0) return blosc2_fail_within(status, "variable-length metalayer \"%s\"", layer->name);
    }
    return BLOSC2_OK;
}

/* Compare what was read with the fingerprint at its end, and so learn what is to be checked later. */
static int read_fingerprint(b2_frame_file *frame, const uint8_t *tail, int64_t tail_bytes,
                            blosc2_schunk *schunk)
{
    b2_fingerprint_verdict verdict = B2_FINGERPRINT_NONE;
    memcpy(frame->fingerprint, tail + tail_bytes - B2_FINGERPRINT_BYTES, B2_FINGERPRINT_BYTES);
    if (schunk->safety.checksums == BLOSC2_CHECKSUMS_ON) {
        const b2_fingerprinted of = {.tail = tail,
                                     .tail_bytes = tail_bytes,
                                     .header = frame->header_bytes.bytes,
                                     .header_bytes = frame->header.header_bytes,
                                     .fixed = &schunk->fixed};
        int status = b2_fingerprint_check(&of, &verdict, &frame->flags);
        if (status < 0) return status;
    } else if (b2_fingerprint_read(frame->fingerprint, &frame->flags)) {
        verdict = B2_FINGERPRINT_MATCHES;
    }
    if (verdict == B2_FINGERPRINT_NONE)
        schunk->seal = BLOSC2_SEAL_NONE;
    else if (!(frame->flags & B2_FINGERPRINT_SEALED))
        schunk->seal = BLOSC2_SEAL_BROKEN;
    else
        schunk->seal = verdict == B2_FINGERPRINT_MATCHES ? BLOSC2_SEAL_WHOLE : BLOSC2_SEAL_LAYERS;
    bool sealed = schunk->seal == BLOSC2_SEAL_WHOLE || schunk->seal == BLOSC2_SEAL_LAYERS;
    schunk->verifies = sealed && schunk->safety.checksums == BLOSC2_CHECKSUMS_ON;
    return BLOSC2_OK;
}

static int read_tail(b2_frame_file *frame, blosc2_schunk *schunk)
{
    const b2_frame_header *header = &frame->header;
    uint8_t tail[B2_FRAME_TRAILER_TAIL];
    int64_t trailer_start = 0;
    int status = read_at(frame, tail, sizeof tail, header->frame_bytes - (int64_t)sizeof tail);
    if (status == BLOSC2_OK) status = b2_frame_trailer_locate(tail, header, &trailer_start);
    if (status < 0) return status;
    int64_t start = trailer_start;
    if (header->nbytes > 0)
        start = header->header_bytes + (header->type == B2_FRAME_SPARSE ? 0 : header->section_bytes);
    int64_t bytes = header->frame_bytes - start;
    if ((uint64_t)bytes > SIZE_MAX / 2) /* in 32 bits */
        return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate %lld bytes", (long long)bytes);
    b2_buffer buffer = {0};
    status = blosc2_schunk_check_bytes(schunk, "chunk index and trailer", bytes);
    if (status == BLOSC2_OK) status = b2_buffer_reserve(&buffer, (size_t)bytes);
    if (status == BLOSC2_OK) status = read_at(frame, buffer.bytes, bytes, start);
    if (status == BLOSC2_OK && header->nbytes > 0)
        status = b2_load_index(header, buffer.bytes, trailer_start - start, schunk);
    if (status == BLOSC2_OK)
        status = b2_frame_trailer_parse(buffer.bytes + (trailer_start - start),
                                        header->frame_bytes - trailer_start, &schunk->variable);
    if (status == BLOSC2_OK) status = check_layers(&schunk->variable);
    if (status == BLOSC2_OK) status = read_fingerprint(frame, buffer.bytes, bytes, schunk);
    b2_buffer_free(&buffer);
    return status;
}

static void take_header(blosc2_schunk *schunk, const b2_frame_header *header)
{
    schunk->cparams = (blosc2_cparams){.item_bytes = header->item_bytes,
                                       .codec = header->codec,
                                       .clevel = header->clevel,
                                       .split = header->split,
                                       .use_dict = header->use_dict};
    memcpy(schunk->cparams.filters, header->filters, BLOSC2_MAX_FILTERS);
    memcpy(schunk->cparams.filters_meta, header->filters_meta, BLOSC2_MAX_FILTERS);
    schunk->chunk_bytes = header->chunk_bytes;
    schunk->block_bytes = header->block_bytes;
    schunk->nbytes = header->nbytes;
    if (header->nbytes == 0 && schunk->chunk_bytes < 0) schunk->chunk_bytes = 0;
}

/* Read header and tail of an open file into `schunk`. */
static int load_once(b2_frame_file *frame, b2_frame_type type, blosc2_schunk *schunk)
{
    int64_t size;
    int status = frame->io->size(frame->io->context, frame->file, &size);
    if (status < 0) return status;
    if (frame->offset > size)
        return blosc2_fail(BLOSC2_E_CORRUPT, "frame at offset %lld of a file of %lld bytes",
                           (long long)frame->offset, (long long)size);
    frame->available = size - frame->offset;
    status = read_header(frame, type, schunk);
    schunk->committed = true;
    if (status == BLOSC2_OK) {
        take_header(schunk, &frame->header);
        status = read_tail(frame, schunk);
    }
    return status;
}

static int load_again(b2_frame_file *frame, b2_frame_type type, blosc2_schunk *schunk)
{
    frame->seen = 0;
    b2_layers_free(&schunk->fixed);
    b2_layers_free(&schunk->variable);
    b2_index_free(&schunk->index);
    schunk->index = (b2_index){0};
    return load_once(frame, type, schunk);
}

/* Whether the file is not what was opened any more: a map does not grow with it. */
static bool has_changed(const b2_frame_file *frame, const blosc2_schunk *schunk)
{
    b2_identity now;
    return frame->io->identity(frame->io->context, schunk->path, &now) < 0 ||
           !b2_identity_same(&now, &frame->identity) || now.bytes != frame->offset + frame->available;
}

/*
 * Read again what could not be read, while it changes: whoever writes may have been caught between two of his
 * writes.
 * @return The status; BLOSC2_E_CORRUPT twice for the same bytes, or after many tries.
 */
static int load_settled(b2_frame_file *frame, b2_frame_type type, blosc2_schunk *schunk, int status)
{
    enum { TRIES = 20, FAST_TRIES = 4 };
    uint32_t before = ~frame->seen;
    for (int i = 1; i < TRIES && status == BLOSC2_E_CORRUPT && frame->seen != before; i++) {
        if (i > FAST_TRIES) b2_io_sleep(1);
        before = frame->seen;
        status = load_again(frame, type, schunk);
    }
    return status;
}

/* Whether a record of that kind leads to a state that checks out. @return A status, and what it is of in
 * `is_right`. */
static int try_record(b2_frame_file *frame, blosc2_schunk *schunk, b2_record_kind kind, bool *is_right)
{
    int status = b2_recover_header(frame->io, frame->file, kind, &frame->found, &frame->instead);
    *is_right = false;
    if (status < 0 || !frame->instead.bytes) return status;
    *is_right = load_again(frame, B2_FRAME_CONTIGUOUS, schunk) == BLOSC2_OK;
    if (!*is_right) b2_buffer_free(&frame->instead);
    return BLOSC2_OK;
}

/* A torn header leaves contents of metalayers that are in doubt: with the right one none are. */
static int complete(b2_frame_file *frame, blosc2_schunk *schunk)
{
    bool is_right;
    int status = try_record(frame, schunk, B2_RECORD_REDO, &is_right);
    if (status < 0) return status;
    if (is_right && schunk->seal == BLOSC2_SEAL_WHOLE) {
        schunk->recovered = BLOSC2_RECOVERED_WHOLE;
        return BLOSC2_OK;
    }
    b2_buffer_free(&frame->instead);
    b2_buffer_free(&frame->found);
    return load_again(frame, B2_FRAME_CONTIGUOUS, schunk);
}

/* The header is not what it should be: what it should be may be found in the file. */
static int recover(b2_frame_file *frame, blosc2_schunk *schunk)
{
    b2_failure failure;
    uint32_t seen = frame->seen;
    bool is_right;
    b2_failure_save(&failure);
    int status = try_record(frame, schunk, B2_RECORD_REDO, &is_right);
    if (status < 0 || is_right) {
        schunk->recovered = BLOSC2_RECOVERED_WHOLE;
        return status;
    }
    /* Who was just replacing the header may be done, and his record gone: that is no reason for an older
     * state. */
    b2_buffer_free(&frame->found);
    status = load_again(frame, B2_FRAME_CONTIGUOUS, schunk);
    if (status != BLOSC2_E_CORRUPT) return status;
    if (frame->seen != seen || has_changed(frame, schunk)) return b2_store_changed(schunk->path);
    status = try_record(frame, schunk, B2_RECORD_CHECKPOINT, &is_right);
    if (status < 0 || is_right) {
        schunk->recovered = BLOSC2_RECOVERED_OLDER;
        return status;
    }
    b2_buffer_free(&frame->found);
    b2_failure_restore(&failure);
    return BLOSC2_E_CORRUPT;
}

int b2_load_frame(b2_frame_file *frame, b2_frame_type type, blosc2_schunk *schunk)
{
    int status = load_once(frame, type, schunk);
    if (schunk->path[0]) status = load_settled(frame, type, schunk, status);
    bool has_records = type == B2_FRAME_CONTIGUOUS && frame->offset == 0 && schunk->path[0];
    if (!has_records) return status;
    if (status == BLOSC2_OK && schunk->seal == BLOSC2_SEAL_LAYERS) return complete(frame, schunk);
    if (status != BLOSC2_E_CORRUPT) return status;
    return has_changed(frame, schunk) ? b2_store_changed(schunk->path) : recover(frame, schunk);
}

void b2_frame_file_free(b2_frame_file *frame)
{
    b2_buffer_free(&frame->header_bytes);
    b2_buffer_free(&frame->instead);
    b2_buffer_free(&frame->found);
}
