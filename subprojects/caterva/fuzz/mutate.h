/**
 * Changes of a stored frame that know its parts, chosen by the bytes of an input: numbers of headers,
 * geometry, chunks, streams, index, trailer, fingerprint and records get values near limits and near what
 * they were. For fuzz_hostile.c.
 */
#ifndef CAT_FUZZ_MUTATE_H
#define CAT_FUZZ_MUTATE_H

#include "base/checked.h"
#include "seal.h"

/** What is left of the input; at its end all choices are 0. */
typedef struct choice_input {
    const uint8_t *bytes;
    size_t left;
} choice_input;

static inline uint8_t take_byte(choice_input *in)
{
    if (in->left == 0) return 0;
    in->left--;
    return *in->bytes++;
}

/** 0 <= result < limit. */
static inline int64_t take_below(choice_input *in, int64_t limit)
{
    int64_t high = limit > 256 ? take_byte(in) : 0;
    int64_t top = limit > 65536 ? take_byte(in) : 0;
    return limit > 0 ? (top << 16 | high << 8 | take_byte(in)) % limit : 0;
}

/** A value for a field that has `old`. */
static inline int64_t take_value(choice_input *in, int64_t old)
{
    static const int64_t NEAR_LIMITS[] = {
        0,
        1,
        2,
        3,
        4,
        7,
        8,
        15,
        16,
        17,
        31,
        32,
        33,
        64,
        127,
        128,
        255,
        256,
        4095,
        4096,
        65535,
        65536,
        1 << 20,
        1 << 24,
        INT32_MAX,
        2147483643,
        2147483615,
        2147483614,
        2147483616,
        536866816,
        268435455,
        268435456,
        -1,
        -2,
        -4,
        -32,
        INT32_MIN,
        INT64_MIN,
        INT64_MAX,
        INT64_MAX - 1,
        INT64_MAX - 4096,
        (int64_t)1 << 31,
        (int64_t)1 << 32,
        ((int64_t)1 << 32) - 1,
        (int64_t)1 << 40,
        (int64_t)1 << 62,
    };
    int kind = take_byte(in);
    uint64_t was = (uint64_t)old;
    switch (kind % 6) {
    case 0:
        return NEAR_LIMITS[take_below(in, B2_COUNT(NEAR_LIMITS))];
    case 1:
        return (int64_t)(was + (uint64_t)take_byte(in) - 128);
    case 2:
        return (int64_t)(was << 1);
    case 3:
        return old / 2;
    case 4:
        return (int64_t)(was ^ (uint64_t)1 << take_below(in, 64));
    default:
        return take_byte(in);
    }
}

static inline void change_byte(choice_input *in, uint8_t *bytes, int64_t count)
{
    if (count > 0) {
        uint8_t *at = bytes + take_below(in, count);
        *at = (uint8_t)take_value(in, *at);
    }
}

static inline void change_le32(choice_input *in, uint8_t *bytes, int64_t room, int64_t at)
{
    if (at >= 0 && at <= room - 4)
        b2_store_le32(bytes + at, (uint32_t)take_value(in, b2_load_le_i32(bytes + at)));
}

static inline void change_be(choice_input *in, uint8_t *at, int width)
{
    if (width == 8)
        b2_store_be64(at, (uint64_t)take_value(in, b2_load_be_i64(at)));
    else
        b2_store_be32(at, (uint32_t)take_value(in, b2_load_be_i32(at)));
}

/* ------------------------------------------------------------------ parts */

/** A number or a byte of the 87 fixed ones: docs/format/frame-format.md 1. */
static inline void change_header(choice_input *in, uint8_t *header)
{
    static const struct {
        uint8_t at, width;
    } NUMBERS[] = {{11, 4}, {16, 8}, {30, 8}, {39, 8}, {48, 4}, {53, 4}, {58, 4}};
    if (take_below(in, 3) == 0) {
        change_byte(in, header, B2_FRAME_HEADER_MIN);
    } else {
        int64_t i = take_below(in, B2_COUNT(NUMBERS));
        change_be(in, header + NUMBERS[i].at, NUMBERS[i].width);
    }
}

/** An extent of shape, chunks or blocks in "b2nd" or "caterva" or both: docs/format/ndim-metalayers.md 1. */
static inline void change_geometry(choice_input *in, stored_frame *frame, const frame_parts *parts)
{
    b2_layers layers = {0};
    int64_t which = take_below(in, 3), field = take_below(in, 3), axis = take_below(in, 16);
    choice_input again = *in; /* both get the same value */
    if (b2_frame_header_layers(frame->bytes, &parts->header, &layers) < 0) return;
    int64_t at = B2_FRAME_HEADER_MIN + b2_layers_first_content(&layers);
    for (int i = 0; i < layers.count; i++) {
        const char *name = layers.items[i].name;
        int32_t size = layers.items[i].content_bytes;
        uint8_t *content = frame->bytes + at;
        at += size + B2_LAYERS_CONTENT_FIXED;
        bool is_chosen = strcmp(name, "b2nd") == 0 ? which != 1 : strcmp(name, "caterva") == 0 && which != 2;
        if (!is_chosen || size < 4) continue;
        int64_t ndim = content[2] % 17, d = ndim ? axis % ndim : 0;
        int64_t start = field == 0 ? 5 + 9 * d : 6 + 9 * ndim + 5 * d + (field == 2 ? 1 + 5 * ndim : 0);
        int width = field == 0 ? 8 : 4;
        choice_input copy = again;
        if (ndim && start + width <= size)
            change_be(&copy, content + start, width);
        else
            change_byte(&copy, content, size);
        *in = copy;
    }
    b2_layers_free(&layers);
}

/** A number of a chunk's header or tables, the size of one of its streams, or any byte of it. */
static inline void change_chunk(choice_input *in, uint8_t *chunk, int64_t room)
{
    if (room < B2_HEADER_EXTENDED + 8) return;
    int64_t nbytes = b2_load_le_i32(chunk + 4), block_bytes = b2_load_le_i32(chunk + 8);
    int64_t blocks = block_bytes > 0 && nbytes > 0 ? (nbytes - 1) / block_bytes + 1 : 1;
    int64_t starts = B2_HEADER_EXTENDED, block = take_below(in, blocks), at = starts + 4 * block;
    switch (take_below(in, 8)) {
    case 0:
        change_byte(in, chunk, 4);
        break;
    case 1:
        change_le32(in, chunk, room, 4 * (1 + take_below(in, 3)));
        break;
    case 2:
        change_byte(in, chunk + 16, 16);
        break;
    case 3:
        change_le32(in, chunk, room, at);
        break;
    case 4: /* another block's start */
        if (at + 8 <= room) memmove(chunk + at, chunk + (block ? at - 4 : at + 4), 4);
        break;
    case 5: { /* the size of a stream, or of a dictionary */
        int64_t position = at + 4 <= room ? b2_load_le_i32(chunk + at) : 0;
        for (int64_t skip = take_below(in, 4); skip > 0 && position > 0 && position <= room - 4; skip--) {
            int32_t size = b2_load_le_i32(chunk + position);
            position += 4 + (size < 0 ? 1 : (int64_t)size);
        }
        change_le32(in, chunk, room, take_below(in, 8) ? position : starts + 4 * blocks);
        break;
    }
    case 6:
        change_byte(in, chunk + B2_HEADER_EXTENDED, room - B2_HEADER_EXTENDED);
        break;
    default: { /* the postscript */
        int64_t cbytes = b2_load_le_i32(chunk + 12);
        if (cbytes > 0 && cbytes < room)
            change_byte(in, chunk + cbytes, room - cbytes < 64 ? room - cbytes : 64);
    }
    }
}

/** An index of the same size, as far as that goes: copied, the entries changed. */
static inline void change_entries(choice_input *in, stored_frame *frame, frame_parts *parts)
{
    if (parts->count == 0) return;
    int64_t i = take_below(in, parts->count), j = take_below(in, parts->count), *entry = &parts->entries[i];
    switch (take_below(in, 5)) {
    case 0:
        *entry = parts->entries[j];
        break;
    case 1:
        *entry = b2_index_special((int)take_below(in, 6));
        break;
    case 2:
        *entry = take_value(in, *entry);
        break;
    case 3: {
        int64_t other = parts->entries[j];
        parts->entries[j] = *entry;
        *entry = other;
        break;
    }
    default:
        parts->count = 1 + take_below(in, parts->count + 2);
    }
    if (parts->count > SEAL_CHUNKS_MAX) return;
    int32_t content = (int32_t)(8 * parts->count);
    int64_t index_bytes = B2_HEADER_EXTENDED + content, tail = parts->header.frame_bytes - parts->trailer;
    size_t size = (size_t)(parts->index + index_bytes + tail);
    uint8_t *bytes = fuzz_alloc(size), *index = bytes + parts->index;
    const b2_header header = {.flags = B2_FLAG_MEMCPYED,
                              .item_bytes = 8,
                              .nbytes = content,
                              .block_bytes = content,
                              .cbytes = (int32_t)index_bytes};
    memcpy(bytes, frame->bytes, (size_t)parts->index);
    b2_header_write(&header, index);
    for (int64_t n = 0; n < parts->count; n++)
        b2_store_le64(index + B2_HEADER_EXTENDED + 8 * n, (uint64_t)parts->entries[n]);
    memcpy(index + index_bytes, frame->bytes + parts->trailer, (size_t)tail);
    b2_store_be64(bytes + 16, size); /* frame_len */
    free(frame->bytes);
    frame->bytes = bytes;
    frame->size = size;
}

/* ------------------------------------------------------------------ records */

static inline void append(stored_frame *frame, const uint8_t *bytes, size_t count)
{
    uint8_t *grown = fuzz_alloc(frame->size + count);
    memcpy(grown, frame->bytes, frame->size);
    memcpy(grown + frame->size, bytes, count);
    free(frame->bytes);
    frame->bytes = grown;
    frame->size += count;
}

/** A redo record behind the frame, from or to a header that was changed. */
static inline void add_redo(choice_input *in, stored_frame *frame, const frame_parts *parts)
{
    int32_t header_bytes = parts->header.header_bytes;
    int64_t size = b2_record_bytes(header_bytes), where = take_below(in, 4);
    uint8_t *header = copy_of(frame->bytes, (size_t)header_bytes), *record = fuzz_alloc((size_t)size);
    change_header(in, header);
    if (where & 1)
        b2_record_build(header, frame->bytes, header_bytes, record);
    else
        b2_record_build(frame->bytes, header, header_bytes, record);
    append(frame, record, (size_t)size);
    if (where & 2) memcpy(frame->bytes, header, (size_t)header_bytes);
    free(header);
    free(record);
}

/** A copy of the header that says something else, and the header itself damaged, so that the copy is used. */
static inline void change_copy(choice_input *in, stored_frame *frame)
{
    int64_t at = find_copy(frame, 0);
    if (take_below(in, 2) && at >= 0 && find_copy(frame, at + B2_COPY_OVERHEAD) >= 0)
        at = find_copy(frame, at + B2_COPY_OVERHEAD);
    if (at < 0) return;
    int64_t bytes = b2_copy_stated_bytes(frame->bytes + at), fixed = B2_COPY_OVERHEAD - 8;
    uint8_t *copy = frame->bytes + at;
    if (take_below(in, 2)) {
        int64_t field = 16 + 8 * take_below(in, 4); /* serial, start, size, mirror */
        b2_store_le64(copy + field, (uint64_t)take_value(in, b2_load_le_i64(copy + field)));
    } else if (bytes >= fixed + B2_FRAME_HEADER_MIN) {
        change_header(in, copy + fixed);
    }
    seal_copy_alone(frame, at);
    if (take_below(in, 4)) change_byte(in, frame->bytes, B2_FRAME_HEADER_MIN);
}

/* ------------------------------------------------------------------ all of it */

static inline void change_file(choice_input *in, stored_frame *frame)
{
    if (frame->file_count == 0) return;
    stored_file *file = &frame->files[take_below(in, frame->file_count)];
    switch (take_below(in, 4)) {
    case 0:
        file->size = (size_t)take_below(in, (int64_t)file->size + 1);
        break;
    case 1:
        file->number = take_value(in, file->number) & UINT32_MAX;
        break;
    default:
        change_byte(in, file->bytes, (int64_t)file->size);
    }
}

static inline void change_some_chunk(choice_input *in, stored_frame *frame, const frame_parts *parts)
{
    int64_t room, first = take_below(in, parts->count);
    for (int64_t i = 0; i < parts->count; i++) {
        uint8_t *chunk = find_chunk(frame, parts, parts->entries[(first + i) % parts->count], &room);
        if (!chunk) continue;
        change_chunk(in, chunk, room);
        return;
    }
}

/** One change. */
static inline void mutate(choice_input *in, stored_frame *frame)
{
    frame_parts *parts = (frame_parts *)(void *)fuzz_alloc(sizeof *parts);
    int kind = take_byte(in) % 16;
    bool is_whole = find_parts_of(frame, parts);
    uint8_t *end = frame->bytes + parts->header.frame_bytes;
    if (!is_whole || kind == 0) {
        change_byte(in, frame->bytes, (int64_t)frame->size);
    } else if (kind <= 2) {
        change_header(in, frame->bytes);
    } else if (kind <= 4) {
        change_geometry(in, frame, parts);
    } else if (kind <= 8) {
        change_some_chunk(in, frame, parts);
    } else if (kind <= 10) {
        change_entries(in, frame, parts);
    } else if (kind == 11) {
        change_byte(in, frame->bytes + parts->trailer, parts->header.frame_bytes - parts->trailer);
    } else if (kind == 12) {
        b2_store_be32(end - 4, (uint32_t)take_value(in, b2_load_be_i32(end - 4))); /* flags */
    } else if (kind == 13 && frame->type == B2_FRAME_CONTIGUOUS) {
        add_redo(in, frame, parts);
    } else if (kind == 14 && frame->type == B2_FRAME_CONTIGUOUS) {
        change_copy(in, frame);
    } else if (frame->type == B2_FRAME_SPARSE) {
        change_file(in, frame);
    } else {
        change_byte(in, frame->bytes + parts->header.header_bytes, parts->header.section_bytes);
    }
    free(parts);
}

#endif
