/**
 * A frame in memory, taken apart so that a fuzz target can change it, and its checksums made right again:
 * those of chunks, tags, chunk index, trailer, header, and the copies of all that. What the format has
 * checksums for is known here alone; the bytes are the library's own builders'.
 */
#ifndef B2_FUZZ_SEAL_H
#define B2_FUZZ_SEAL_H

#include "base/bytes.h"
#include "checksum/crc32c.h"
#include "chunk/header.h"
#include "chunk/postscript.h"
#include "chunk/view.h"
#include "frame/copy.h"
#include "frame/fingerprint.h"
#include "frame/frame.h"
#include "frame/record.h"
#include "frame/tags.h"
#include "fuzz.h"

enum { SEAL_CHUNKS_MAX = 512, SEAL_FILES_MAX = 64 };

/** A chunk's file of a directory. */
typedef struct stored_file {
    int64_t number;
    uint8_t *bytes; /* owned */
    size_t size;
} stored_file;

/** A frame as it is stored: a file, or a directory's index file with those of its chunks. */
typedef struct stored_frame {
    uint8_t *bytes; /* owned */
    size_t size;
    b2_frame_type type;
    stored_file files[SEAL_FILES_MAX];
    int file_count;
} stored_frame;

/** Where its parts are; positions count from its start. */
typedef struct frame_parts {
    b2_frame_header header;
    int64_t tags, index, trailer; /* tags is index without tags, index is trailer without chunks */
    int64_t entries[SEAL_CHUNKS_MAX];
    int64_t count;
    uint32_t flags; /* of the fingerprint */
    bool has_fingerprint;
} frame_parts;

static inline void stored_free(stored_frame *frame)
{
    for (int i = 0; i < frame->file_count; i++) free(frame->files[i].bytes);
    free(frame->bytes);
    *frame = (stored_frame){0};
}

static inline uint8_t *copy_of(const uint8_t *bytes, size_t size)
{
    uint8_t *copy = fuzz_alloc(size);
    if (size) memcpy(copy, bytes, size);
    return copy;
}

static inline stored_frame stored_copy(const stored_frame *from)
{
    stored_frame copy = *from;
    copy.bytes = copy_of(from->bytes, from->size);
    for (int i = 0; i < from->file_count; i++)
        copy.files[i].bytes = copy_of(from->files[i].bytes, from->files[i].size);
    return copy;
}

static inline void read_entries(const uint8_t *index, int64_t bytes, frame_parts *out)
{
    blosc2_view view;
    const int64_t most = 8 * SEAL_CHUNKS_MAX;
    if (blosc2_view_init(&view, index, (size_t)bytes, 8, most) < 0 || view.nbytes % 8) return;
    if (blosc2_view_decode(&view, out->entries, fuzz_workspace()) < 0) return;
    out->count = view.nbytes / 8;
    for (int64_t i = 0; i < out->count; i++)
        out->entries[i] = b2_load_le_i64((const uint8_t *)&out->entries[i]);
}

/** @return False if header and trailer do not lead to each other any more. */
static inline bool find_parts_of(const stored_frame *frame, frame_parts *out)
{
    *out = (frame_parts){0};
    if (frame->size < B2_FRAME_HEADER_MIN) return false;
    if (b2_frame_header_parse(frame->bytes, (int64_t)frame->size, frame->type, &out->header) < 0)
        return false;
    const b2_frame_header *header = &out->header;
    const uint8_t *end = frame->bytes + header->frame_bytes;
    if (header->frame_bytes < B2_FRAME_TRAILER_TAIL) return false;
    if (b2_frame_trailer_locate(end - B2_FRAME_TRAILER_TAIL, header, &out->trailer) < 0) return false;
    out->has_fingerprint = b2_fingerprint_read(end - B2_FINGERPRINT_BYTES, &out->flags);
    out->index = out->tags = out->trailer;
    if (header->nbytes == 0) return true;
    out->index = header->header_bytes + (frame->type == B2_FRAME_SPARSE ? 0 : header->section_bytes);
    out->tags = out->index;
    read_entries(frame->bytes + out->index, out->trailer - out->index, out);
    int64_t tags = b2_tags_bytes(b2_tags_count(out->entries, out->count));
    bool has_tags = out->has_fingerprint && (out->flags & B2_FINGERPRINT_TAGGED);
    if (has_tags && tags <= out->index - header->header_bytes) out->tags -= tags;
    return true;
}

/** The bytes from a chunk's start to where its container ends; NULL if it has none. */
static inline uint8_t *find_chunk(const stored_frame *frame, const frame_parts *parts, int64_t entry,
                                  int64_t *room)
{
    *room = 0;
    if (entry < 0) return NULL;
    if (frame->type == B2_FRAME_CONTIGUOUS) *room = parts->header.section_bytes - entry;
    if (frame->type == B2_FRAME_CONTIGUOUS)
        return *room > 0 ? frame->bytes + parts->header.header_bytes + entry : NULL;
    for (int i = 0; i < frame->file_count; i++) {
        if (frame->files[i].number != entry) continue;
        *room = (int64_t)frame->files[i].size;
        return frame->files[i].bytes;
    }
    return NULL;
}

/** Bytes of a chunk and its postscript; 0 if there is no room for them. */
static inline int64_t chunk_extent(const uint8_t *chunk, int64_t room, blosc2_view *head)
{
    size_t there = (size_t)(room < B2_HEADER_EXTENDED ? room : B2_HEADER_EXTENDED);
    if (!chunk || b2_header_parse(chunk, there, room, head) < 0) return 0;
    int64_t bytes = (int64_t)head->cbytes + b2_postscript_bytes(head);
    return bytes <= room ? bytes : 0;
}

/** Also of a chunk whose blocks cannot have checksums: its header has one then. */
static inline void seal_chunk(uint8_t *chunk, int64_t room)
{
    blosc2_view view, head;
    int64_t bytes = chunk_extent(chunk, room, &head);
    if (bytes == 0) return;
    uint8_t *postscript = chunk + head.cbytes, *built = fuzz_alloc((size_t)bytes);
    bool is_whole = blosc2_view_init(&view, chunk, (size_t)room, 0, BLOSC2_MAX_CHUNK_BYTES) == BLOSC2_OK;
    if (is_whole && b2_postscript_build(&view, built) == BLOSC2_OK)
        memcpy(postscript, built, (size_t)b2_postscript_bytes(&view));
    else
        b2_store_le32(postscript + 12, b2_crc32c(0, chunk, (size_t)head.header_bytes));
    free(built);
}

static inline void seal_chunks(stored_frame *frame, const frame_parts *parts)
{
    for (int64_t i = 0; i < parts->count; i++) {
        int64_t room;
        uint8_t *chunk = find_chunk(frame, parts, parts->entries[i], &room);
        if (chunk) seal_chunk(chunk, room);
    }
}

static inline void build_tags(stored_frame *frame, const frame_parts *parts)
{
    static b2_tag tags[SEAL_CHUNKS_MAX];
    for (int64_t i = 0; i < parts->count; i++) {
        int64_t room;
        blosc2_view head;
        const uint8_t *chunk = find_chunk(frame, parts, parts->entries[i], &room);
        int64_t bytes = chunk_extent(chunk, room, &head);
        tags[i] = (b2_tag){0};
        if (bytes > 4) tags[i] = (b2_tag){(uint32_t)bytes, b2_load_le32(chunk + bytes - 4)};
    }
    uint8_t *table = frame->bytes + parts->tags;
    uint64_t serial = b2_tags_serial(table, parts->index - parts->tags);
    b2_tags_build(parts->entries, tags, parts->count, serial, table);
}

/** Fingerprint and tags. */
static inline void seal_tail(stored_frame *frame, const frame_parts *parts)
{
    b2_layers fixed = {0};
    uint8_t *end = frame->bytes + parts->header.frame_bytes, *fingerprint = end - B2_FINGERPRINT_BYTES;
    if (!parts->has_fingerprint || b2_frame_header_layers(frame->bytes, &parts->header, &fixed) < 0) return;
    uint8_t *table = frame->bytes + parts->tags;
    int64_t tags_bytes = parts->index - parts->tags;
    if (tags_bytes) build_tags(frame, parts);
    const b2_fingerprinted of = {.tags = table,
                                 .tags_bytes = b2_tags_bound_bytes(tags_bytes),
                                 .tail = frame->bytes + parts->index,
                                 .tail_bytes = parts->header.frame_bytes - parts->index,
                                 .header = frame->bytes,
                                 .header_bytes = parts->header.header_bytes,
                                 .fixed = &fixed};
    b2_fingerprint_build(&of, b2_load_be32(end - 4), fingerprint);
    if (tags_bytes) b2_tags_seal(table, tags_bytes, b2_fingerprint_tail_crc(fingerprint));
    b2_layers_free(&fixed);
}

/** Where the next copy of the header begins, from `at` on; -1: there is none. */
static inline int64_t find_copy(const stored_frame *frame, int64_t at)
{
    for (; at + B2_COPY_OVERHEAD <= (int64_t)frame->size; at++) {
        int64_t bytes = b2_copy_stated_bytes(frame->bytes + at);
        if (bytes && bytes <= (int64_t)frame->size - at) return at;
    }
    return -1;
}

/** Put a copy there again that tells of this header and tail, and the tail's mirror where it says. */
static inline void seal_copy(stored_frame *frame, const frame_parts *parts, int64_t at)
{
    b2_copy copy;
    int64_t header_bytes = parts->header.header_bytes, bytes = b2_copy_bytes((int32_t)header_bytes);
    bool is_whole = b2_copy_parse(frame->bytes + at, (int64_t)frame->size - at, &copy);
    if (!is_whole || bytes > (int64_t)frame->size - at) return;
    copy.tail_start = parts->tags - header_bytes;
    copy.tail_bytes = parts->header.frame_bytes - parts->tags;
    copy.tail_crc = b2_crc32c(0, frame->bytes + parts->tags, (size_t)copy.tail_bytes);
    copy.header_bytes = (int32_t)header_bytes;
    copy.header = frame->bytes;
    int64_t mirror = copy.mirror + header_bytes;
    if (copy.mirror >= 0 && mirror < (int64_t)frame->size - copy.tail_bytes)
        memmove(frame->bytes + mirror, frame->bytes + parts->tags, (size_t)copy.tail_bytes);
    uint8_t *built = fuzz_alloc((size_t)bytes);
    b2_copy_build(&copy, built);
    memcpy(frame->bytes + at, built, (size_t)bytes);
    free(built);
}

/** The own checksum of a copy whose fields were changed, and no more. */
static inline void seal_copy_alone(stored_frame *frame, int64_t at)
{
    int64_t bytes = b2_copy_stated_bytes(frame->bytes + at);
    if (bytes == 0 || bytes > (int64_t)frame->size - at) return;
    b2_store_le32(frame->bytes + at + bytes - 4, b2_crc32c(0, frame->bytes + at, (size_t)bytes - 4));
}

/** What is made right; together, or one without the other. */
enum { SEAL_CHUNKS = 1, SEAL_TAIL = 2, SEAL_COPIES = 4, SEAL_ALL = 7 };

static inline void seal(stored_frame *frame, int what)
{
    frame_parts *parts = (frame_parts *)(void *)fuzz_alloc(sizeof *parts);
    if (find_parts_of(frame, parts)) {
        if (what & SEAL_CHUNKS) seal_chunks(frame, parts);
        if (what & SEAL_TAIL) seal_tail(frame, parts);
        for (int64_t at = find_copy(frame, 0); at >= 0 && (what & SEAL_COPIES);
             at = find_copy(frame, at + B2_COPY_OVERHEAD))
            seal_copy(frame, parts, at);
    }
    free(parts);
}

#endif
