#include "schunk/load.h"

#include <string.h>

#include "base/checked.h"
#include "base/failure.h"
#include "checksum/crc32c.h"
#include "frame/tags.h"
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
    uint8_t head[B2_FRAME_HEADER_MIN] = {0};
    int64_t bytes = b2_min_i64(frame->available, sizeof head), most = frame->available;
    if (frame->choice == B2_TAIL_MIRROR && schunk->prefers_copy) most = INT64_MAX; /* the file may be short */
    int status = BLOSC2_OK;
    if (frame->instead.bytes)
        memcpy(head, frame->instead.bytes, sizeof head);
    else
        status = read_at(frame, head, bytes, 0);
    if (status == BLOSC2_OK) status = b2_frame_header_parse(head, most, type, &frame->header);
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

/* Where the parts of a tail are in the frame. */
typedef struct tail_parts {
    int64_t tags, index, trailer, stop; /* `index` is `trailer` without chunks; `tags` is known later */
    bool has_tags;
} tail_parts;

/* Compare what was read with the fingerprint at its end, and so learn what is to be checked later. */
static int read_fingerprint(b2_frame_file *frame, const tail_parts *parts, const uint8_t *tags,
                            blosc2_schunk *schunk)
{
    b2_fingerprint_verdict verdict = B2_FINGERPRINT_NONE;
    const uint8_t *tail = tags + (parts->index - parts->tags);
    int64_t tail_bytes = parts->stop - parts->index;
    memcpy(frame->fingerprint, tail + tail_bytes - B2_FINGERPRINT_BYTES, B2_FINGERPRINT_BYTES);
    const b2_fingerprinted of = {.tags = tags,
                                 .tags_bytes = b2_tags_bound_bytes(parts->index - parts->tags),
                                 .tail = tail,
                                 .tail_bytes = tail_bytes,
                                 .header = frame->header_bytes.bytes,
                                 .header_bytes = frame->header.header_bytes,
                                 .fixed = &schunk->fixed};
    int status = b2_fingerprint_check(&of, &verdict, &frame->flags);
    if (status < 0 && !frame->is_lenient) return status;
    schunk->is_doubtful = status < 0;
    if (schunk->is_doubtful && b2_fingerprint_read(frame->fingerprint, &frame->flags))
        verdict = B2_FINGERPRINT_MATCHES;
    if (verdict == B2_FINGERPRINT_NONE)
        schunk->seal = BLOSC2_SEAL_NONE;
    else if (!(frame->flags & B2_FINGERPRINT_SEALED))
        schunk->seal = BLOSC2_SEAL_BROKEN;
    else
        schunk->seal = verdict == B2_FINGERPRINT_MATCHES ? BLOSC2_SEAL_WHOLE : BLOSC2_SEAL_LAYERS;
    schunk->is_foreign = !b2_schunk_is_sealed(schunk);
    schunk->verifies = !schunk->is_foreign && schunk->safety.checksums == BLOSC2_CHECKSUMS_ON;
    return BLOSC2_OK;
}

/* @param end  The last bytes of the tail. */
static int find_parts(const b2_frame_header *header, const uint8_t *end, tail_parts *out)
{
    uint32_t flags;
    int status = b2_frame_trailer_locate(end, header, &out->trailer);
    if (status < 0) return status;
    out->stop = header->frame_bytes;
    out->index = out->tags = out->trailer;
    if (header->nbytes == 0) return BLOSC2_OK;
    out->index = out->tags =
        header->header_bytes + (header->type == B2_FRAME_SPARSE ? 0 : header->section_bytes);
    out->has_tags = b2_fingerprint_read(end + B2_FRAME_TRAILER_TAIL - B2_FINGERPRINT_BYTES, &flags) &&
                    (flags & B2_FINGERPRINT_TAGGED);
    return BLOSC2_OK;
}

/* Tags of a table that is damaged are not believed, by who wants no checksums either. */
static int read_tags(const b2_frame_file *frame, const uint8_t *bytes, blosc2_schunk *schunk)
{
    b2_index *index = &schunk->index;
    if (!index->entries || schunk->is_doubtful) return BLOSC2_OK;
    int status = b2_index_expand(index);
    if (status == BLOSC2_OK)
        status = b2_tags_parse(bytes, index->entries, index->count,
                               b2_fingerprint_tail_crc(frame->fingerprint), index->tags);
    if (status != BLOSC2_E_CORRUPT || !frame->is_lenient) return status;
    b2_free(index->tags);
    index->tags = NULL;
    schunk->is_doubtful = true;
    return BLOSC2_OK;
}

/* Check and take over what follows the index. @param bytes  From the tags on. */
static int parse_tail(b2_frame_file *frame, const tail_parts *parts, const uint8_t *bytes,
                      blosc2_schunk *schunk)
{
    const uint8_t *trailer = bytes + (parts->trailer - parts->tags);
    int status = b2_frame_trailer_parse(trailer, parts->stop - parts->trailer, &schunk->variable);
    if (status == BLOSC2_OK) status = check_layers(&schunk->variable);
    if (status == BLOSC2_OK) status = read_fingerprint(frame, parts, bytes, schunk);
    if (status == BLOSC2_OK && parts->has_tags) status = read_tags(frame, bytes, schunk);
    return status;
}

/* What was read must be what a copy of the header tells of. */
static int check_copied(const b2_frame_file *frame, const tail_parts *parts, uint32_t crc)
{
    bool fits = parts->tags - frame->header.header_bytes == frame->copy.tail_start &&
                parts->stop - parts->tags == frame->copy.tail_bytes && crc == frame->copy.tail_crc;
    if (fits || frame->choice == B2_TAIL_IN_PLACE) return BLOSC2_OK;
    return blosc2_fail(BLOSC2_E_CORRUPT, "chunk index and trailer: not those of the header's copy");
}

/* Read the bytes [from, parts->stop) of the frame. @param shift  How much lower they are in the file. */
static int read_bytes(b2_frame_file *frame, const tail_parts *parts, int64_t from, int64_t shift,
                      b2_buffer *buffer)
{
    int64_t bytes = parts->stop - from;
    if (from < frame->header.header_bytes || from - shift < frame->header.header_bytes)
        return blosc2_fail(BLOSC2_E_CORRUPT, "frame: no room for tags before the chunk index");
    if ((uint64_t)bytes > SIZE_MAX / 2) /* in 32 bits */
        return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate %lld bytes", (long long)bytes);
    int status = b2_buffer_reserve(buffer, (size_t)bytes);
    return status < 0 ? status : read_at(frame, buffer->bytes, bytes, from - shift);
}

/*
 * How many tags there are only the index tells: so many are read with it, and the rest once that is known.
 * @param buffer  Set to the bytes from parts->tags on.
 */
static int read_index(b2_frame_file *frame, tail_parts *parts, int64_t shift, b2_buffer *buffer,
                      blosc2_schunk *schunk)
{
    enum { TAGS_AT_ONCE = 2048 };
    const b2_frame_header *header = &frame->header;
    int64_t most = b2_tags_bytes(TAGS_AT_ONCE), room = parts->index - shift - header->header_bytes;
    int64_t from = parts->index - (parts->has_tags ? b2_max_i64(b2_min_i64(most, room), 0) : 0);
    int status = read_bytes(frame, parts, from, shift, buffer);
    if (status < 0 || header->nbytes == 0) return status;
    const uint8_t *index = buffer->bytes + (parts->index - from);
    status = b2_load_index(header, index, parts->trailer - parts->index, schunk);
    if (status < 0 || !parts->has_tags) return status;
    int64_t stored = schunk->index.entries ? b2_tags_count(schunk->index.entries, schunk->index.count) : 0;
    parts->tags = parts->index - b2_tags_bytes(stored);
    if (parts->tags < from) return read_bytes(frame, parts, parts->tags, shift, buffer);
    memmove(buffer->bytes, buffer->bytes + (parts->tags - from), (size_t)(parts->stop - parts->tags));
    return BLOSC2_OK;
}

/* Where the bytes of the tail's second copy are: by how much lower than the tail. */
static int find_mirror(const b2_frame_file *frame, int64_t *shift)
{
    int64_t stop;
    bool is_there = b2_add_i64(frame->copy.mirror, frame->copy.tail_bytes, &stop) &&
                    b2_add_i64(stop, frame->header.header_bytes, &stop) && stop <= frame->available;
    if (!is_there)
        return blosc2_fail(BLOSC2_E_CORRUPT, "the second copy of chunk index and trailer lies outside");
    *shift = frame->header.frame_bytes - stop;
    return BLOSC2_OK;
}

/* When the state was committed; 0: it does not say. */
static uint64_t read_serial(const tail_parts *parts, const uint8_t *tags, const blosc2_schunk *schunk)
{
    int64_t bytes = parts->index - parts->tags;
    uint64_t serial = bytes && !schunk->is_doubtful ? b2_tags_serial(tags, bytes) : 0;
    return serial < B2_SERIAL_LIMIT ? serial : 0;
}

static int read_tail(b2_frame_file *frame, blosc2_schunk *schunk)
{
    const b2_frame_header *header = &frame->header;
    uint8_t end[B2_FRAME_TRAILER_TAIL];
    tail_parts parts = {0};
    int64_t shift = 0;
    int status = frame->choice == B2_TAIL_MIRROR ? find_mirror(frame, &shift) : BLOSC2_OK;
    if (status == BLOSC2_OK)
        status = read_at(frame, end, sizeof end, header->frame_bytes - shift - (int64_t)sizeof end);
    if (status == BLOSC2_OK) status = find_parts(header, end, &parts);
    if (status == BLOSC2_OK)
        status = blosc2_schunk_check_bytes(schunk, "chunk index and trailer", parts.stop - parts.index);
    if (status < 0) return status;
    b2_buffer buffer = {0};
    status = read_index(frame, &parts, shift, &buffer, schunk);
    if (status == BLOSC2_OK) {
        int64_t bytes = parts.stop - parts.tags;
        uint32_t crc = b2_crc32c(0, buffer.bytes, (size_t)bytes);
        status = check_copied(frame, &parts, crc);
        if (status == BLOSC2_OK) status = parse_tail(frame, &parts, buffer.bytes, schunk);
        if (status == BLOSC2_OK && frame->choice == B2_TAIL_IN_PLACE)
            frame->copy =
                (b2_copy){.mirror = -1, .tail_crc = crc, .serial = read_serial(&parts, buffer.bytes, schunk)};
        frame->copy.tail_start = parts.tags - header->header_bytes;
        frame->copy.tail_bytes = bytes;
    }
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
    schunk->opened_cparams = schunk->cparams;
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

/* Whether a redo record leads to a state that checks out. @return A status, and what it is of in `is_right`.
 */
static int try_record(b2_frame_file *frame, blosc2_schunk *schunk, bool *is_right)
{
    int status = b2_recover_header(frame->io, frame->file, &frame->found, &frame->instead);
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
    int status = try_record(frame, schunk, &is_right);
    if (status < 0) return status;
    if (is_right && schunk->seal == BLOSC2_SEAL_WHOLE) {
        schunk->recovered = BLOSC2_RECOVERED_WHOLE;
        return BLOSC2_OK;
    }
    b2_buffer_free(&frame->instead);
    b2_buffer_free(&frame->found);
    return load_again(frame, B2_FRAME_CONTIGUOUS, schunk);
}

/* ------------------------------------------------------------------ copies */

/* Whether that is a header, be it with some flipped bits. What is none says nothing of its state; a commit
 * leaves one that is whole. */
static bool is_header(const uint8_t *found, const uint8_t *right)
{
    enum { MAGIC_BYTES = 10, FEW = 8 };
    int flipped = 0;
    for (int i = 0; i < MAGIC_BYTES; i++)
        for (int bits = found[i] ^ right[i]; bits; bits &= bits - 1) flipped++;
    return flipped <= FEW;
}

/*
 * Whether the header in the file is that of the copy's state, but for damage. Each commit puts its tail into
 * another place than the last: with a later one cbytes and frame_len differ both (frame-format.md 1). Where
 * no header is left that tells, the copy says whether there was a later one; a handle that has a state takes
 * none for the same then.
 */
static bool is_same_state(const b2_frame_file *frame, const b2_copy *copy, const blosc2_schunk *schunk)
{
    enum { FRAME_LEN = 16, CBYTES = 39 };
    const uint8_t *found = frame->found.bytes, *right = copy->header;
    bool may_be = !schunk->is_again && !copy->is_followed;
    if (frame->available < B2_FRAME_HEADER_MIN) return may_be;
    bool same_place = memcmp(found + FRAME_LEN, right + FRAME_LEN, 8) == 0 ||
                      memcmp(found + CBYTES, right + CBYTES, 8) == 0;
    return same_place || (may_be && !is_header(found, right));
}

/* Damage may look like something that this build does not know, or that is larger than allowed. */
static bool may_be_damage(int status)
{
    return status == BLOSC2_E_CORRUPT || status == BLOSC2_E_UNSUPPORTED || status == BLOSC2_E_CODEC ||
           status == BLOSC2_E_LIMIT;
}

/* Load the state that a copy of the header tells of, its tail from where it is whole. */
static int load_copied(b2_frame_file *frame, blosc2_schunk *schunk, const b2_copy *copy)
{
    b2_buffer_free(&frame->instead);
    b2_buffer_free(&frame->found);
    int64_t there = b2_min_i64(frame->available, copy->header_bytes);
    int status = b2_buffer_reserve(&frame->instead, (size_t)copy->header_bytes);
    if (status == BLOSC2_OK) status = b2_buffer_reserve(&frame->found, (size_t)copy->header_bytes);
    if (status < 0) return status;
    memcpy(frame->instead.bytes, copy->header, (size_t)copy->header_bytes);
    memset(frame->found.bytes, 0, (size_t)copy->header_bytes);
    status = frame->io->read(frame->io->context, frame->file, frame->found.bytes, (size_t)there, 0);
    if (status < 0) return status;
    frame->copy = *copy;
    frame->choice = B2_TAIL_AS_COPIED;
    status = load_again(frame, B2_FRAME_CONTIGUOUS, schunk);
    if (may_be_damage(status) && copy->mirror >= 0) {
        frame->copy = *copy;
        frame->choice = B2_TAIL_MIRROR;
        status = load_again(frame, B2_FRAME_CONTIGUOUS, schunk);
    }
    frame->copy.header = NULL;
    if (status < 0) return status;
    bool is_whole = memcmp(frame->found.bytes, copy->header, (size_t)copy->header_bytes) == 0;
    schunk->recovered =
        is_whole || is_same_state(frame, copy, schunk) ? BLOSC2_RECOVERED_COPY : BLOSC2_RECOVERED_OLDER;
    frame->lost_header = !is_header(frame->found.bytes, copy->header);
    if (is_whole) b2_buffer_free(&frame->found);
    return BLOSC2_OK;
}

/* The state that was flushed last, by copies of its header. @return BLOSC2_E_CORRUPT if there is none. */
static int load_any_copy(b2_frame_file *frame, blosc2_schunk *schunk)
{
    b2_copies copies;
    int status = b2_recover_copies(frame->io, frame->file, &copies);
    bool is_found = false;
    for (int i = 0; i < copies.count && status == BLOSC2_OK && !is_found; i++) {
        status = load_copied(frame, schunk, &copies.items[i]);
        is_found = status == BLOSC2_OK;
        if (may_be_damage(status)) status = BLOSC2_OK;
    }
    b2_buffer_free(&copies.bytes);
    if (status < 0 || is_found) return status;
    b2_buffer_free(&frame->instead);
    b2_buffer_free(&frame->found);
    frame->choice = B2_TAIL_IN_PLACE;
    return BLOSC2_E_CORRUPT;
}

/* Of a header that may be another library's, or damaged, its copy; itself if there is none. */
static int prefer_copy(b2_frame_file *frame, blosc2_schunk *schunk)
{
    int status = load_any_copy(frame, schunk);
    if (status == BLOSC2_OK && schunk->recovered == BLOSC2_RECOVERED_COPY) return status;
    if (status < 0 && status != BLOSC2_E_CORRUPT) return status;
    schunk->recovered = BLOSC2_RECOVERED_NOTHING;
    frame->choice = B2_TAIL_IN_PLACE;
    b2_buffer_free(&frame->instead);
    b2_buffer_free(&frame->found);
    return load_again(frame, B2_FRAME_CONTIGUOUS, schunk);
}

/* Read what does not fit its checksums all the same, for those who do not ask for them. */
static int load_leniently(b2_frame_file *frame, b2_frame_type type, blosc2_schunk *schunk, int status)
{
    if (status != BLOSC2_E_CORRUPT || schunk->safety.checksums == BLOSC2_CHECKSUMS_ON) return status;
    frame->is_lenient = true;
    return load_again(frame, type, schunk);
}

/* A frame without a fingerprint is another library's, or had one that damage has taken. */
static int check_unsealed(const b2_frame_file *frame, const blosc2_schunk *schunk)
{
    static const uint8_t
        none[B2_FINGERPRINT_BYTES]; /* as C-Blosc2 writes it, also with the header that was there */
    if (schunk->seal != BLOSC2_SEAL_NONE || memcmp(frame->fingerprint, none, sizeof none) == 0)
        return BLOSC2_OK;
    b2_failure failure;
    b2_failure_save(&failure);
    bool is_damaged = b2_recover_disagrees(frame->io, frame->file, frame->header_bytes.bytes,
                                           frame->header.header_bytes, frame->copy.tail_crc);
    b2_failure_restore(&failure);
    if (!is_damaged) return BLOSC2_OK;
    return blosc2_fail(BLOSC2_E_CORRUPT, "chunk index and trailer: not those of the header's copy");
}

/* The header is not what it should be: what it should be may be found in the file. */
static int recover(b2_frame_file *frame, blosc2_schunk *schunk)
{
    b2_failure failure;
    uint32_t seen = frame->seen;
    bool is_right;
    b2_failure_save(&failure);
    int status = try_record(frame, schunk, &is_right);
    if (status < 0 || is_right) {
        schunk->recovered = BLOSC2_RECOVERED_WHOLE;
        return status;
    }
    /* Who was just replacing the header may be done, and his record gone: that is no reason for an older
     * state. */
    b2_buffer_free(&frame->found);
    status = load_again(frame, B2_FRAME_CONTIGUOUS, schunk);
    if (status == BLOSC2_OK) status = check_unsealed(frame, schunk);
    if (!may_be_damage(status)) return status;
    int damage = status;
    if (frame->seen != seen || has_changed(frame, schunk)) return b2_store_changed(schunk->path);
    status = load_any_copy(frame, schunk);
    /* What is larger than allowed may be so rightly: no older state takes its place. */
    bool is_too_large = status == BLOSC2_OK && damage == BLOSC2_E_LIMIT;
    if (is_too_large && schunk->recovered == BLOSC2_RECOVERED_OLDER) {
        b2_failure_restore(&failure);
        return damage;
    }
    if (status != BLOSC2_E_CORRUPT) return status;
    b2_failure_restore(&failure);
    return load_leniently(frame, B2_FRAME_CONTIGUOUS, schunk, damage);
}

/* Without a fingerprint nothing says that header and tail are of one state: another commit may have come
 * between the two reads. */
static int check_still(const b2_frame_file *frame, const blosc2_schunk *schunk)
{
    b2_buffer now = {0};
    int64_t bytes = frame->header.header_bytes;
    int status = b2_buffer_reserve(&now, (size_t)bytes);
    if (status == BLOSC2_OK)
        status = frame->io->read(frame->io->context, frame->file, now.bytes, (size_t)bytes, frame->offset);
    if (status == BLOSC2_OK && memcmp(now.bytes, frame->header_bytes.bytes, (size_t)bytes) != 0)
        status = b2_store_changed(schunk->path);
    b2_buffer_free(&now);
    return status;
}

int b2_load_frame(b2_frame_file *frame, b2_frame_type type, blosc2_schunk *schunk)
{
    int status = load_once(frame, type, schunk);
    if (schunk->takes_copy)
        return status == BLOSC2_OK || may_be_damage(status) ? load_any_copy(frame, schunk) : status;
    if (schunk->path[0]) status = load_settled(frame, type, schunk, status);
    bool has_records = type == B2_FRAME_CONTIGUOUS && frame->offset == 0 && schunk->path[0];
    if (!has_records) return load_leniently(frame, type, schunk, status);
    if (status == BLOSC2_OK && schunk->seal == BLOSC2_SEAL_LAYERS) {
        status = complete(frame, schunk);
        bool is_doubtful = status == BLOSC2_OK && schunk->seal == BLOSC2_SEAL_LAYERS;
        return is_doubtful && schunk->prefers_copy ? prefer_copy(frame, schunk) : status;
    }
    if (status == BLOSC2_OK && schunk->seal == BLOSC2_SEAL_NONE) status = check_still(frame, schunk);
    if (status == BLOSC2_OK) status = check_unsealed(frame, schunk);
    if (!may_be_damage(status)) return status;
    return has_changed(frame, schunk) ? b2_store_changed(schunk->path) : recover(frame, schunk);
}

void b2_frame_file_free(b2_frame_file *frame)
{
    b2_buffer_free(&frame->header_bytes);
    b2_buffer_free(&frame->instead);
    b2_buffer_free(&frame->found);
}
