/**
 * Whether a contiguous frame's metadata is in the file as it should be, and twice, and where the two differ.
 * frame_copies.c has what is where.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/failure.h"
#include "base/memory.h"
#include "checksum/crc32c.h"
#include "schunk/frame_store.h"

typedef struct comparison {
    const b2_frame_store *store;
    blosc2_note_fn *note;
    void *context;
    b2_buffer a, b, near, far; /* owned */
} comparison;

static void say(const comparison *c, blosc2_note what, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    c->note(c->context, what, text);
}

/* Bytes of the file; zeros where it ends too early. */
static int read_there(const b2_frame_store *store, int64_t position, int64_t bytes, b2_buffer *out)
{
    int status = b2_buffer_reserve(out, (size_t)bytes);
    if (status < 0) return status;
    status =
        store->io->read(store->io->context, store->file, out->bytes, (size_t)bytes, store->offset + position);
    if (status == BLOSC2_E_CORRUPT) { /* it was cut */
        memset(out->bytes, 0, (size_t)bytes);
        status = BLOSC2_OK;
    }
    return status;
}

/** Bytes of the file, and where they are in it. */
typedef struct piece {
    int64_t at;
    const uint8_t *bytes;
} piece;

/* Say where two copies differ. */
static void compare(const comparison *c, blosc2_note what, const char *name, const piece *a, const piece *b,
                    int64_t bytes)
{
    int64_t count = 0, first = -1;
    for (int64_t i = 0; i < bytes; i++) {
        if (a->bytes[i] == b->bytes[i]) continue;
        if (first < 0) first = i;
        count++;
    }
    if (count == 0) return;
    say(c, what,
        "%s: %" PRId64 " of %" PRId64 " bytes differ from the copy, the first at byte %" PRId64
        " of the file: 0x%02x, and 0x%02x at byte %" PRId64,
        name, count, bytes, a->at + first, a->bytes[first], b->bytes[first], b->at + first);
}

/*
 * A header that was taken from its place fits the checksums, but for contents that other libraries change.
 * @param copy_at  Where the copy's header is.
 */
static int check_header(comparison *c, const b2_copy *copy, int64_t copy_at)
{
    const b2_frame_store *store = c->store;
    int status = read_there(store, 0, store->header_bytes, &c->a);
    if (status < 0) return status;
    const piece here = {0, c->a.bytes}, there = {copy_at, copy->header};
    compare(c, store->damaged ? BLOSC2_NOTE_DAMAGE : BLOSC2_NOTE_DOUBT, "header", &here, &there,
            store->header_bytes);
    return BLOSC2_OK;
}

/* What lies where a copy of the header belongs. */
typedef enum finding {
    FOUND_NOTHING,
    FOUND_VOID,  /* it was taken back */
    FOUND_OTHER, /* a whole copy, and of another state */
    FOUND_COPY,  /* one that goes with the committed tail */
} finding;

/* @param copy  All zero if there is none that is whole. */
static int find_copy(const comparison *c, int64_t place, b2_buffer *buffer, b2_copy *copy, finding *out)
{
    const b2_frame_store *store = c->store;
    int64_t bytes = b2_copy_bytes(store->header_bytes);
    int status = read_there(store, store->header_bytes + place, bytes, buffer);
    *out = FOUND_NOTHING;
    if (status < 0) return status;
    if (memcmp(buffer->bytes, b2_copy_void, sizeof b2_copy_void) == 0) *out = FOUND_VOID;
    if (!b2_copy_parse(buffer->bytes, bytes, copy) || copy->header_bytes != store->header_bytes) {
        *copy = (b2_copy){0};
        return BLOSC2_OK;
    }
    bool goes_with = copy->tail_start == store->copy.tail_start && copy->tail_crc == store->copy.tail_crc;
    *out = goes_with ? FOUND_COPY : FOUND_OTHER;
    return BLOSC2_OK;
}

/* A commit writes the near copy, the far one, and the header. What ends it between two of them damages
 * nothing. */
static bool is_cut_commit(finding near_is, const b2_copy *near, const b2_copy *far)
{
    return near_is == FOUND_VOID || (near_is == FOUND_OTHER && near->serial > far->serial);
}

static void blame_copy(const comparison *c, const char *which, int64_t place)
{
    say(c, BLOSC2_NOTE_DAMAGE, "%s copy of the header, at byte %" PRId64 " of the file: missing or damaged",
        which, c->store->header_bytes + place);
}

static const char TAIL[] = "tags, chunk index and trailer";

/* The tail in its place, and its mirror. */
static int check_tails(comparison *c, int64_t mirror)
{
    const b2_frame_store *store = c->store;
    const b2_copy *tail = &store->copy;
    int64_t a_at = store->header_bytes + tail->tail_start, b_at = store->header_bytes + mirror;
    int status = read_there(store, a_at, tail->tail_bytes, &c->a);
    if (status == BLOSC2_OK) status = read_there(store, b_at, tail->tail_bytes, &c->b);
    if (status < 0) return status;
    bool is_right = b2_crc32c(0, c->b.bytes, (size_t)tail->tail_bytes) == tail->tail_crc;
    const piece here = {a_at, c->a.bytes}, there = {b_at, c->b.bytes};
    compare(c, BLOSC2_NOTE_DAMAGE, is_right ? TAIL : "second copy of tags, chunk index and trailer",
            is_right ? &here : &there, is_right ? &there : &here, tail->tail_bytes);
    return BLOSC2_OK;
}

/* The tail of a state that is there once: nothing but its checksum says what it should be. */
static int check_tail(comparison *c)
{
    const b2_frame_store *store = c->store;
    const b2_copy *tail = &store->copy;
    int64_t at = store->header_bytes + tail->tail_start;
    if (store->tail_is_damaged || tail->tail_bytes <= 0) return BLOSC2_OK;
    int status = read_there(store, at, tail->tail_bytes, &c->a);
    if (status < 0 || b2_crc32c(0, c->a.bytes, (size_t)tail->tail_bytes) == tail->tail_crc) return status;
    say(c, BLOSC2_NOTE_DAMAGE,
        "%s: not as they were written, the %" PRId64 " bytes from byte %" PRId64 " of the file on", TAIL,
        tail->tail_bytes, at);
    return BLOSC2_OK;
}

static int check(comparison *c, bool *twice)
{
    const b2_frame_store *store = c->store;
    b2_copy near = {0}, far = {0};
    finding near_is = FOUND_NOTHING, far_is = FOUND_NOTHING;
    int64_t place = b2_copy_far(store->header_bytes);
    int status = find_copy(c, 0, &c->near, &near, &near_is);
    if (status == BLOSC2_OK && store->has_far) status = find_copy(c, place, &c->far, &far, &far_is);
    bool has_near = near_is == FOUND_COPY, has_far = far_is == FOUND_COPY;
    int64_t mirror = has_near ? near.mirror : has_far ? far.mirror : store->copy.mirror;
    *twice = (has_near || has_far) && mirror >= 0;
    if (has_far && is_cut_commit(near_is, &near, &far)) *twice = false;
    if (status < 0 || !*twice) return status; /* it was not flushed yet */
    if (!has_near) blame_copy(c, "near", 0);
    if (has_near && near.has_far && !has_far) blame_copy(c, "far", place);
    status = check_header(c, has_near ? &near : &far,
                          (has_near ? 0 : place) + store->header_bytes + B2_COPY_HEADER_AT);
    return status < 0 ? status : check_tails(c, mirror);
}

int b2_frame_check_copies(b2_store *base, const b2_index *index, blosc2_note_fn *note, void *context,
                          bool *twice)
{
    b2_frame_store *store = (b2_frame_store *)base;
    comparison c = {.store = store, .note = note, .context = context};
    *twice = false;
    if (!store->path || store->temporary) return BLOSC2_OK;
    b2_frame_find_places(store, index);
    int status = store->has_near ? check(&c, twice) : BLOSC2_OK;
    if (status == BLOSC2_OK && !*twice) status = check_tail(&c);
    b2_buffer_free(&c.a);
    b2_buffer_free(&c.b);
    b2_buffer_free(&c.near);
    b2_buffer_free(&c.far);
    return status;
}
