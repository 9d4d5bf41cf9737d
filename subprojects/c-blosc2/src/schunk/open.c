/** Opening frames: every byte is checked before anything is made of it (docs/format/frame-format.md 11). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/failure.h"
#include "checksum/crc32c.h"
#include "chunk/header.h"
#include "frame/fingerprint.h"
#include "frame/frame.h"
#include "schunk/recover.h"
#include "schunk/schunk.h"

/*
 * A few bytes may declare 2 GiB of entries. Writers use blocks of 16 KiB, each of which takes 8 bytes at
 * least: what an index may need in memory stays in proportion to what it has in the file.
 */
enum { INDEX_BYTES_FREE = 8 << 20, INDEX_RATIO_MAX = 4096 };

/* A frame's file while it is being opened. */
typedef struct frame_file {
    const b2_io *io;
    b2_file *file;
    int64_t offset;    /* of the frame in the file */
    int64_t available; /* bytes from there on */
    b2_frame_header header;
    b2_identity identity;   /* taken before the file was opened, so that a later change of it shows */
    b2_buffer header_bytes; /* what `header` was parsed from, metalayers included; owned */
    uint8_t fingerprint[B2_FINGERPRINT_BYTES];
    uint32_t flags;    /* of the fingerprint; 0 without one */
    b2_buffer instead; /* a header to be taken instead of the file's, which is damaged; owned */
    b2_buffer found;   /* the file's then; owned */
    uint32_t seen;     /* CRC of all bytes that were read: to tell whether they change meanwhile */
} frame_file;

static int read_at(frame_file *frame, void *out, int64_t bytes, int64_t position)
{
    int status =
        frame->io->read(frame->io->context, frame->file, out, (size_t)bytes, frame->offset + position);
    if (status == BLOSC2_OK) frame->seen = b2_crc32c(frame->seen, out, (size_t)bytes);
    return status;
}

static int read_header(frame_file *frame, b2_frame_type type, blosc2_schunk *schunk)
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

static int check_entry(const b2_frame_header *header, int64_t entry)
{
    if (entry < 0) {
        if (b2_index_special_kind(entry) == BLOSC2_SPECIAL_NONE)
            return blosc2_fail(BLOSC2_E_CORRUPT, "special offset 0x%016llx", (unsigned long long)entry);
        if (header->chunk_bytes == 0)
            return blosc2_fail(BLOSC2_E_CORRUPT, "special offset in a frame of chunks of variable size");
        if (b2_index_special_kind(entry) == BLOSC2_SPECIAL_NAN && header->item_bytes != 4 &&
            header->item_bytes != 8)
            return blosc2_fail(BLOSC2_E_CORRUPT, "NaN with items of %d bytes (expected 4 or 8)",
                               header->item_bytes);
        return BLOSC2_OK;
    }
    int64_t limit = header->type == B2_FRAME_SPARSE ? UINT32_MAX : header->section_bytes - B2_HEADER_BLOSC1;
    if (entry > limit)
        return blosc2_fail(BLOSC2_E_CORRUPT, "offset %lld (expected at most %lld)", (long long)entry,
                           (long long)limit);
    return BLOSC2_OK;
}

static int64_t highest_location(const b2_index *index)
{
    int64_t highest = -1;
    if (!index->entries) return index->count > 0 ? b2_max_i64(highest, index->uniform) : highest;
    for (int64_t i = 0; i < index->count; i++) highest = b2_max_i64(highest, index->entries[i]);
    return highest;
}

static int64_t lowest_location(const b2_index *index)
{
    int64_t lowest = INT64_MAX;
    if (!index->entries) return index->count > 0 && index->uniform >= 0 ? index->uniform : lowest;
    for (int64_t i = 0; i < index->count; i++)
        if (index->entries[i] >= 0) lowest = b2_min_i64(lowest, index->entries[i]);
    return lowest;
}

/* Chunks lie apart from each other: there is a limit to how many have room, in bytes or in files. */
static int check_stored_count(const b2_frame_header *header, const b2_index *index)
{
    int64_t stored = 0, room = header->section_bytes / B2_HEADER_BLOSC1;
    if (header->type == B2_FRAME_SPARSE) room = highest_location(index) + 1;
    for (int64_t i = 0; i < index->count && index->entries; i++) stored += index->entries[i] >= 0;
    if (stored > room)
        return blosc2_fail(BLOSC2_E_CORRUPT, "chunk index: %lld stored chunks (expected at most %lld)",
                           (long long)stored, (long long)room);
    return BLOSC2_OK;
}

static int check_entries(const b2_frame_header *header, const b2_index *index)
{
    int64_t different = index->entries ? index->count : b2_min_i64(index->count, 1);
    for (int64_t i = 0; i < different; i++) {
        int status = check_entry(header, b2_index_get(index, i));
        if (status < 0) return blosc2_fail_within(status, "chunk index: chunk %lld", (long long)i);
    }
    return check_stored_count(header, index);
}

/* A repeated-value index of special chunks, of any length, stays one entry. */
static int unpack_index(const blosc2_view *view, blosc2_schunk *schunk)
{
    b2_index index = {.count = view->nbytes / 8};
    int status = BLOSC2_OK;
    bool is_value = view->special == BLOSC2_SPECIAL_VALUE && view->cbytes == view->header_bytes + 8;
    if (is_value) index.uniform = b2_load_le_i64(view->bytes + view->header_bytes);
    if (index.uniform >= 0 && index.count > 1 && view->special && view->special != BLOSC2_SPECIAL_NAN)
        return blosc2_fail(BLOSC2_E_UNSUPPORTED, "%lld chunks share one stored chunk",
                           (long long)index.count);
    if (!is_value || index.uniform >= 0) {
        if (view->nbytes > INDEX_BYTES_FREE + INDEX_RATIO_MAX * (int64_t)view->cbytes)
            return blosc2_fail(BLOSC2_E_CORRUPT, "%d bytes of entries in %d bytes", view->nbytes,
                               view->cbytes);
        status = blosc2_schunk_check_bytes(schunk, "entries", view->nbytes);
        if (status < 0) return status;
        index.entries = b2_malloc((size_t)view->nbytes);
        if (!index.entries)
            return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate an index of %d bytes", view->nbytes);
        status = blosc2_view_decode(view, index.entries, schunk->workspace);
        for (int64_t i = 0; i < index.count && status == BLOSC2_OK; i++)
            index.entries[i] = b2_load_le_i64((const uint8_t *)&index.entries[i]);
    }
    if (status < 0)
        b2_index_free(&index);
    else
        schunk->index = index;
    return status;
}

/* @param bytes  From the start of the index chunk to the trailer. */
static int decode_index(const b2_frame_header *header, const uint8_t *bytes, int64_t available,
                        blosc2_schunk *schunk)
{
    int64_t count = b2_frame_chunk_count(header);
    blosc2_view view;
    int status = blosc2_view_init(&view, bytes, (size_t)available, 8, 8 * (int64_t)B2_FRAME_CHUNK_COUNT_MAX);
    if (status == BLOSC2_OK &&
        (view.nbytes % 8 || view.nbytes == 0 || (count >= 0 && view.nbytes != 8 * count)))
        status = blosc2_fail(BLOSC2_E_CORRUPT, "%d bytes for %lld chunks", view.nbytes, (long long)count);
    if (status == BLOSC2_OK) status = unpack_index(&view, schunk);
    if (status < 0) return blosc2_fail_within(status, "chunk index");
    return check_entries(header, &schunk->index);
}

/* Compare what was read with the fingerprint at its end, and so learn what is to be checked later. */
static int read_fingerprint(frame_file *frame, const uint8_t *tail, int64_t tail_bytes, blosc2_schunk *schunk)
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

static int read_tail(frame_file *frame, blosc2_schunk *schunk)
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
        status = decode_index(header, buffer.bytes, trailer_start - start, schunk);
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

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* A file of two chunks would go when one of them is replaced. */
static int check_files_differ(const b2_index *index)
{
    b2_index sorted;
    int status = b2_index_copy(index, &sorted);
    if (status < 0 || !sorted.entries) return status;
    qsort(sorted.entries, (size_t)sorted.count, sizeof *sorted.entries, compare_i64);
    for (int64_t i = 1; i < sorted.count && status == BLOSC2_OK; i++)
        if (sorted.entries[i] >= 0 && sorted.entries[i] == sorted.entries[i - 1])
            status = blosc2_fail(BLOSC2_E_CORRUPT, "chunk index: two chunks in file %08llX",
                                 (unsigned long long)sorted.entries[i]);
    b2_index_free(&sorted);
    return status;
}

/* Read header and tail of an open file into `schunk`. */
static int load_once(frame_file *frame, b2_frame_type type, blosc2_schunk *schunk)
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

static int load_again(frame_file *frame, b2_frame_type type, blosc2_schunk *schunk)
{
    frame->seen = 0;
    b2_layers_free(&schunk->fixed);
    b2_layers_free(&schunk->variable);
    b2_index_free(&schunk->index);
    schunk->index = (b2_index){0};
    return load_once(frame, type, schunk);
}

/* A state of which only metalayers were in doubt must leave none. */
static bool is_right(const blosc2_schunk *schunk, b2_record_kind last)
{
    return last == B2_RECORD_CHECKPOINT || schunk->seal == BLOSC2_SEAL_WHOLE;
}

/**
 * The header is not what it should be: what it should be may be found in the file.
 * @param status  Of reading it as it is: BLOSC2_OK if contents of metalayers alone are of somebody else, or
 *                torn, for which the file has a record then.
 */
static int recover(frame_file *frame, blosc2_schunk *schunk, int status)
{
    b2_failure failure;
    b2_failure_save(&failure);
    b2_record_kind last = status == BLOSC2_OK ? B2_RECORD_REDO : B2_RECORD_CHECKPOINT;
    for (int kind = B2_RECORD_REDO; kind <= (int)last; kind++) {
        int found =
            b2_recover_header(frame->io, frame->file, (b2_record_kind)kind, &frame->found, &frame->instead);
        if (found < 0) return found;
        if (!frame->instead.bytes) continue;
        if (load_again(frame, B2_FRAME_CONTIGUOUS, schunk) == BLOSC2_OK && is_right(schunk, last)) {
            schunk->recovered = kind == B2_RECORD_REDO ? BLOSC2_RECOVERED_WHOLE : BLOSC2_RECOVERED_OLDER;
            return BLOSC2_OK;
        }
        b2_buffer_free(&frame->instead);
    }
    b2_buffer_free(&frame->found);
    if (status == BLOSC2_OK && last == B2_RECORD_REDO)
        status = load_again(frame, B2_FRAME_CONTIGUOUS, schunk);
    if (status < 0) b2_failure_restore(&failure);
    return status;
}

/* Whoever writes meanwhile may have been caught between two of his writes: what changes is read again. */
static int load_frame(frame_file *frame, b2_frame_type type, blosc2_schunk *schunk)
{
    enum { TRIES = 4 };
    int status = load_once(frame, type, schunk);
    for (int i = 1; i < TRIES && status == BLOSC2_E_CORRUPT && schunk->path[0]; i++) {
        uint32_t before = frame->seen;
        status = load_again(frame, type, schunk);
        if (frame->seen == before) break;
    }
    bool in_doubt = status == BLOSC2_E_CORRUPT || (status == BLOSC2_OK && schunk->seal == BLOSC2_SEAL_LAYERS);
    bool has_records = type == B2_FRAME_CONTIGUOUS && frame->offset == 0 && schunk->path[0];
    return in_doubt && has_records ? recover(frame, schunk, status) : status;
}

/* The frame passes to `schunk`; its file is closed on failure. */
static int open_contiguous(frame_file *frame, blosc2_schunk *schunk)
{
    int status = load_frame(frame, B2_FRAME_CONTIGUOUS, schunk);
    if (status == BLOSC2_OK) {
        schunk->io = frame->io;
        schunk->stored_bytes = -1;
        const b2_opened opened = {.path = schunk->path,
                                  .offset = frame->offset,
                                  .header = &frame->header,
                                  .header_bytes = frame->header_bytes.bytes,
                                  .fingerprint = frame->fingerprint,
                                  .flags = frame->flags,
                                  .damaged = frame->found.bytes,
                                  .identity = frame->identity,
                                  .file_bytes = frame->available,
                                  .lowest = lowest_location(&schunk->index),
                                  .safety = schunk->safety};
        status = b2_store_frame_open(frame->io, frame->file, &opened, &schunk->store);
        if (status == BLOSC2_OK) b2_schunk_probe(schunk);
    } else {
        frame->io->close(frame->io->context, frame->file);
    }
    b2_buffer_free(&frame->header_bytes);
    b2_buffer_free(&frame->instead);
    b2_buffer_free(&frame->found);
    return status;
}

static int open_sparse(const b2_io *io, blosc2_schunk *schunk)
{
    static const char index_name[] = "/chunks.b2frame";
    frame_file frame = {.io = io};
    size_t bytes = strlen(schunk->path);
    char *path = b2_malloc(bytes + sizeof index_name);
    if (!path) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a path");
    memcpy(path, schunk->path, bytes);
    memcpy(path + bytes, index_name, sizeof index_name);
    int status = io->identity(io->context, path, &frame.identity);
    if (status == BLOSC2_OK) status = io->open(io->context, path, B2_OPEN_READ_INSIDE, &frame.file);
    if (status == BLOSC2_OK) {
        status = load_frame(&frame, B2_FRAME_SPARSE, schunk);
        io->close(io->context, frame.file);
        b2_buffer_free(&frame.header_bytes);
    } else if (status == BLOSC2_E_NOT_FOUND) {
        status = blosc2_fail(BLOSC2_E_CORRUPT, "a directory without chunks.b2frame is no sparse frame");
    }
    b2_free(path);
    if (status == BLOSC2_OK) status = check_files_differ(&schunk->index);
    if (status < 0) return status;
    schunk->stored_bytes = -1;
    schunk->files_bytes = frame.header.section_bytes;
    const b2_opened_directory opened = {schunk->path, highest_location(&schunk->index), frame.identity,
                                        schunk->safety};
    status = b2_store_sparse_open(io, &opened, &schunk->store);
    if (status == BLOSC2_OK) b2_schunk_probe(schunk);
    return status;
}

static int open_path(blosc2_schunk *schunk)
{
    const b2_io *io = schunk->io;
    int64_t offset = schunk->offset;
    b2_path_kind kind;
    int status = io->kind(io->context, schunk->path, &kind);
    if (status < 0) return status;
    if (kind == B2_PATH_NONE)
        return blosc2_fail_io(BLOSC2_E_NOT_FOUND, ENOENT, schunk->path, "%s: no such file or directory",
                              schunk->path);
    if (kind == B2_PATH_DIRECTORY) {
        schunk->home = BLOSC2_HOME_DIRECTORY;
        if (offset) return blosc2_fail(BLOSC2_E_ARGUMENT, "offset: %lld of a directory", (long long)offset);
        if (io == &schunk->mapped_io)
            return blosc2_fail(BLOSC2_E_ARGUMENT, "a directory cannot be mapped: its chunks are files each");
        b2_locks_watch(schunk);
        return open_sparse(io, schunk);
    }
    b2_locks_watch(schunk);
    b2_schunk_look(schunk);
    frame_file frame = {.io = io, .offset = offset};
    b2_open_mode mode = schunk->mode == BLOSC2_READ ? B2_OPEN_READ : B2_OPEN_UPDATE;
    status = io->identity(io->context, schunk->path, &frame.identity);
    if (status == BLOSC2_OK) status = io->open(io->context, schunk->path, mode, &frame.file);
    return status < 0 ? status : open_contiguous(&frame, schunk);
}

/* Open what is at the path of `like` now, as that was opened; a name and settings are all that it need have.
 */
static int open_once(const blosc2_schunk *like, blosc2_schunk **out)
{
    blosc2_schunk *schunk;
    int status = b2_schunk_new(BLOSC2_HOME_FILE, like->path, &schunk);
    if (status < 0) return status;
    schunk->max_bytes = like->max_bytes;
    schunk->safety = like->safety;
    schunk->mode = like->mode;
    schunk->offset = like->offset;
    schunk->mapped_io = like->mapped_io;
    schunk->io = like->io == &like->mapped_io ? &schunk->mapped_io : like->io;
    status = open_path(schunk);
    if (status < 0)
        blosc2_schunk_free(schunk);
    else
        *out = schunk;
    return status;
}

int b2_schunk_open_again(const blosc2_schunk *like, blosc2_schunk **out)
{
    enum { TRIES = 8 }; /* what is read while another process replaces the header may be half of each */
    int status = BLOSC2_OK;
    for (int i = 0; i < TRIES; i++) {
        b2_identity before = {0}, after = {0};
        bool known = like->io->identity(like->io->context, like->path, &before) == BLOSC2_OK;
        status = open_once(like, out);
        if (status != BLOSC2_E_CORRUPT || !known) break;
        b2_failure failure;
        b2_failure_save(&failure);
        like->io->identity(like->io->context, like->path, &after);
        b2_failure_restore(&failure);
        if (b2_identity_same(&before, &after)) break;
        b2_io_sleep(1);
    }
    if (status < 0 && !blosc2_last_os_error()) return blosc2_fail_within(status, "%s", like->path);
    return status;
}

static int open_at_path(const blosc2_origin *origin, blosc2_schunk **out)
{
    if (origin->offset < 0 || (origin->offset > 0 && origin->mode == BLOSC2_UPDATE))
        return blosc2_fail(BLOSC2_E_ARGUMENT, "offset: %lld (expected 0, or more for reading only)",
                           (long long)origin->offset);
    blosc2_schunk *like;
    int status = b2_schunk_new(BLOSC2_HOME_FILE, origin->path, &like);
    if (status < 0) return status;
    like->max_bytes = origin->max_bytes;
    like->safety = origin->safety;
    like->offset = origin->offset;
    like->mode = origin->mode == BLOSC2_UPDATE ? BLOSC2_UPDATE : BLOSC2_READ;
    if (origin->mode == BLOSC2_READ_MAPPED) {
        b2_io_mapped(&like->mapped_io);
        like->io = &like->mapped_io;
    }
    status = b2_schunk_open_again(like, out);
    blosc2_schunk_free(like);
    return status;
}

/* The frame of `origin`, which is in `io`, all of it; `io` passes to the super-chunk. */
static int open_whole(const blosc2_origin *origin, b2_io *io, void (*free_io)(b2_io *), blosc2_mode mode,
                      blosc2_schunk **out)
{
    blosc2_schunk *schunk;
    int status = b2_schunk_new(BLOSC2_HOME_MEMFRAME, NULL, &schunk);
    if (status < 0) {
        free_io(io);
        return status;
    }
    schunk->own_io = io;
    schunk->free_own_io = free_io;
    schunk->max_bytes = origin->max_bytes;
    schunk->safety = origin->safety;
    schunk->mode = mode;
    frame_file frame = {.io = io};
    status = io->open(io->context, NULL, mode == BLOSC2_READ ? B2_OPEN_READ : B2_OPEN_UPDATE, &frame.file);
    if (status == BLOSC2_OK) status = open_contiguous(&frame, schunk);
    if (status == BLOSC2_OK && frame.header.frame_bytes != origin->size)
        status = blosc2_fail(BLOSC2_E_CORRUPT, "frame: frame_len %lld in %lld bytes",
                             (long long)frame.header.frame_bytes, (long long)origin->size);
    if (status < 0)
        blosc2_schunk_free(schunk);
    else
        *out = schunk;
    return status;
}

static int open_in_memory(const blosc2_origin *origin, blosc2_schunk **out)
{
    b2_io *io;
    int status = b2_io_memory_create(&io);
    if (status < 0) return status;
    b2_file *file;
    status = io->open(io->context, NULL, B2_OPEN_NEW, &file);
    if (status == BLOSC2_OK) {
        status = io->write(io->context, file, origin->bytes, (size_t)origin->size, 0);
        io->close(io->context, file);
    }
    if (status < 0) {
        b2_io_memory_free(io);
        return status;
    }
    return open_whole(origin, io, b2_io_memory_free, BLOSC2_UPDATE, out);
}

static int open_behind_callback(const blosc2_origin *origin, blosc2_schunk **out)
{
    b2_io *io;
    int status = b2_io_source_create(origin->read, origin->context, origin->size, &io);
    if (status < 0) return status;
    return open_whole(origin, io, b2_io_source_free, BLOSC2_READ, out);
}

int blosc2_schunk_open_origin(const blosc2_origin *origin, blosc2_schunk **out)
{
    if (origin->path) return open_at_path(origin, out);
    return origin->read ? open_behind_callback(origin, out) : open_in_memory(origin, out);
}

int blosc2_schunk_open(const char *path, int64_t offset, blosc2_mode mode, blosc2_schunk **out)
{
    const blosc2_origin origin = {.path = path, .offset = offset, .mode = mode};
    return blosc2_schunk_open_origin(&origin, out);
}

int blosc2_schunk_from_bytes(const void *bytes, size_t size, blosc2_schunk **out)
{
    const blosc2_origin origin = {.bytes = bytes, .size = (int64_t)size};
    return blosc2_schunk_open_origin(&origin, out);
}

int blosc2_schunk_open_source(blosc2_read_fn *read, void *context, int64_t size, blosc2_schunk **out)
{
    const blosc2_origin origin = {.read = read, .context = context, .size = size};
    return blosc2_schunk_open_origin(&origin, out);
}
