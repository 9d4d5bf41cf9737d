/**
 * Metadata twice: docs/design/durability.md, "Twice".
 *
 * Of the last flushed state, a contiguous frame that was made here has its header three times (in its place,
 * right behind it, and in another sector) and its tail twice (in its place, and as a mirror before it). No
 * single damaged bit, and no single lost sector, takes anything but the chunk that it is in.
 */
#include <string.h>

#include "base/checked.h"
#include "base/failure.h"
#include "base/memory.h"
#include "checksum/crc32c.h"
#include "frame/record.h"
#include "schunk/frame_store.h"

int64_t b2_frame_mirror_gap(const b2_frame_store *store, int64_t end)
{
    return end + store->header_bytes < B2_COPY_FAR_MIN ? 0 : B2_COPY_SECTOR - 1;
}

static bool has_room(int32_t header_bytes)
{
    return header_bytes <= B2_RECORD_HEADER_MAX;
}

void b2_frame_keep_places(b2_frame_store *store)
{
    int64_t bytes = b2_copy_bytes(store->header_bytes), far = b2_copy_far(store->header_bytes);
    if (!store->path || !has_room(store->header_bytes)) return;
    b2_space_init(&store->space, bytes);
    b2_space_keep(&store->space, far, far + bytes);
    store->knows_places = store->has_near = store->has_far = true;
    store->owns_near = store->owns_far = true;
}

/* ------------------------------------------------------------------ opened frames */

static bool meets(int64_t start, int64_t bytes, int64_t place, int64_t place_bytes)
{
    return start < place + place_bytes && place < start + bytes;
}

bool b2_frame_is_place(const b2_frame_store *store, const b2_index *index, int64_t place)
{
    int64_t bytes = b2_copy_bytes(store->header_bytes);
    const b2_copy *tail = &store->copy;
    if (meets(tail->tail_start, tail->tail_bytes, place, bytes)) return false;
    if (tail->mirror >= 0 && meets(tail->mirror, tail->tail_bytes, place, bytes)) return false;
    for (int64_t i = 0; i < index->count && index->entries; i++) {
        int64_t location = index->entries[i], count = b2_index_tag(index, i).bytes;
        if (location < 0 || location >= place + bytes) continue;
        if (count == 0) count = b2_frame_chunk_bytes(store, location);
        if (count == 0 || location + count > place) return false;
    }
    return index->entries || index->uniform < 0;
}

/* Whether the mirror of the tail may lie there: behind the near copy, before the tail, and no chunk from
 * there on to the tail's end. A copy of the header may say anything. */
static bool is_mirror_place(const b2_frame_store *store, const b2_index *index, int64_t mirror)
{
    const b2_copy *tail = &store->copy;
    int64_t stop, before = -1;
    if (!b2_add_i64(tail->tail_start, tail->tail_bytes, &stop)) return false;
    if (mirror < b2_copy_bytes(store->header_bytes) || mirror > tail->tail_start - tail->tail_bytes)
        return false;
    for (int64_t i = 0; i < index->count && index->entries; i++) {
        int64_t bytes = b2_index_tag(index, i).bytes, entry = index->entries[i];
        if (entry >= 0 && entry < stop && b2_max_i64(bytes, 1) > mirror - entry) return false;
        if (bytes == 0 && entry < mirror) before = b2_max_i64(before, entry);
    }
    int64_t bytes = before >= 0 ? b2_frame_chunk_bytes(store, before) : 0; /* others end where it begins */
    if (before >= 0 && (bytes == 0 || bytes > mirror - before)) return false;
    return index->entries || index->uniform < 0;
}

bool b2_frame_read_copy(const b2_frame_store *store, int64_t place, b2_buffer *buffer, b2_copy *copy)
{
    int64_t bytes = b2_copy_bytes(store->header_bytes);
    if (place + bytes > store->file_end || b2_buffer_reserve(buffer, (size_t)bytes) < 0) return false;
    b2_failure failure;
    b2_failure_save(&failure);
    int status = store->io->read(store->io->context, store->file, buffer->bytes, (size_t)bytes,
                                 b2_frame_position(store, place));
    b2_failure_restore(&failure);
    return status == BLOSC2_OK && b2_copy_parse(buffer->bytes, bytes, copy) &&
           copy->header_bytes == store->header_bytes;
}

/* The tail has the checksum of the header. One that differs all the same came in doubt after it was flushed,
 * and its copy, which has what was there, is not replaced by it. */
bool b2_frame_copy_is_same(const b2_frame_store *store, const b2_copy *copy)
{
    bool same_tail = copy->tail_start == store->copy.tail_start &&
                     copy->tail_bytes == store->copy.tail_bytes && copy->tail_crc == store->copy.tail_crc;
    return same_tail && (store->is_sealed ||
                         memcmp(copy->header, b2_frame_committed(store), (size_t)store->header_bytes) == 0);
}

bool b2_frame_copy_fits(const b2_frame_store *store, const b2_copy *copy)
{
    return !copy->is_followed && b2_frame_copy_is_same(store, copy);
}

/* Whether the mirror that a copy tells of is whole. */
static bool is_mirrored(const b2_frame_store *store, const b2_copy *copy, b2_buffer *buffer)
{
    if (copy->mirror < 0) return copy->tail_start == 0; /* a frame without chunks */
    if (copy->tail_bytes > store->file_end || copy->mirror > store->file_end - copy->tail_bytes) return false;
    if (b2_buffer_reserve(buffer, (size_t)copy->tail_bytes) < 0) return false;
    b2_failure failure;
    b2_failure_save(&failure);
    int status = store->io->read(store->io->context, store->file, buffer->bytes, (size_t)copy->tail_bytes,
                                 b2_frame_position(store, copy->mirror));
    b2_failure_restore(&failure);
    return status == BLOSC2_OK && b2_crc32c(0, buffer->bytes, (size_t)copy->tail_bytes) == copy->tail_crc;
}

bool b2_frame_is_recorded(b2_frame_store *store)
{
    b2_buffer near = {0}, far = {0}, mirror = {0};
    b2_copy a = {0}, b = {0};
    bool has_near = store->has_near && b2_frame_read_copy(store, 0, &near, &a);
    bool has_far = store->has_far && b2_frame_read_copy(store, b2_copy_far(store->header_bytes), &far, &b);
    bool is_right = has_near && b2_frame_copy_fits(store, &a);
    if (is_right && a.has_far) is_right = has_far && b2_frame_copy_fits(store, &b);
    if (is_right && is_mirrored(store, &a, &mirror))
        store->copy.mirror = a.mirror;
    else
        is_right = false;
    if (has_near && a.serial > store->copy.serial) store->copy.serial = a.serial;
    if (has_far && b.serial > store->copy.serial) store->copy.serial = b.serial;
    b2_buffer_free(&near);
    b2_buffer_free(&far);
    b2_buffer_free(&mirror);
    return is_right;
}

/*
 * Where the mirror of a tail belongs that others have committed, and not flushed. A commit takes room for it
 * before the tail, which nobody else can be using, if it has written tags; in another sector, if that is
 * sure.
 */
static void find_mirror(b2_frame_store *store, const b2_index *index)
{
    b2_copy *copy = &store->copy;
    int64_t low = b2_copy_bytes(store->header_bytes), gap = B2_COPY_SECTOR - 1;
    if (copy->mirror >= 0 || !store->has_near || !store->is_tagged_here) return;
    for (int64_t i = 0; i < index->count && index->entries; i++)
        if (index->entries[i] >= 0) low = b2_max_i64(low, index->entries[i] + b2_index_tag(index, i).bytes);
    int64_t near = copy->tail_start - copy->tail_bytes;
    bool has_gap = near - gap + store->header_bytes >= B2_COPY_FAR_MIN + b2_copy_bytes(store->header_bytes);
    if (has_gap && near - gap >= low)
        copy->mirror = near - gap;
    else if (near >= low)
        copy->mirror = near;
}

void b2_frame_find_places(b2_frame_store *store, const b2_index *index)
{
    int64_t far = b2_copy_far(store->header_bytes), bytes = b2_copy_bytes(store->header_bytes);
    if (store->knows_places || !store->path) return;
    store->knows_places = true;
    if (!is_mirror_place(store, index, store->copy.mirror)) store->copy.mirror = -1;
    if (!store->has_chunks) b2_frame_save_places(store);
    if (!has_room(store->header_bytes) || !store->has_chunks) return;
    store->has_near = b2_frame_is_place(store, index, 0);
    store->has_far = store->has_near && b2_frame_is_place(store, index, far);
    if (store->has_far) b2_space_keep(&store->space, far, far + bytes);
    store->is_recorded = b2_frame_is_recorded(store);
    if (store->copy.mirror >= 0 && !is_mirror_place(store, index, store->copy.mirror)) {
        store->copy.mirror = -1;
        store->is_recorded = false;
    }
    find_mirror(store, index);
}

void b2_frame_save_places(b2_frame_store *store)
{
    int64_t stop = b2_copy_far(store->header_bytes) + b2_copy_bytes(store->header_bytes);
    int64_t end = b2_frame_end(store);
    if (store->path && has_room(store->header_bytes) && end < stop) b2_space_keep(&store->space, end, stop);
}

/* Whether a place is free of what readers need, as far as that is told. */
static bool is_unneeded(const b2_frame_store *store, const b2_extents *needed, int64_t place)
{
    int64_t bytes = b2_copy_bytes(store->header_bytes);
    for (int64_t i = 0; i < needed->count; i++)
        if (meets(needed->items[i].start, needed->items[i].stop - needed->items[i].start, place, bytes))
            return false;
    return true;
}

/* Whether a copy lies there already. */
static bool has_copy(const b2_frame_store *store, int64_t place)
{
    b2_buffer buffer = {0};
    b2_copy copy;
    bool found = b2_frame_read_copy(store, place, &buffer, &copy);
    b2_buffer_free(&buffer);
    return found;
}

static bool owns(b2_frame_store *store, int64_t place)
{
    const b2_extents *needed;
    if (!store->base.has_readers || has_copy(store, place)) return true;
    return b2_frame_find_needed(store, &needed) && is_unneeded(store, needed, place);
}

void b2_frame_check_places(b2_frame_store *store)
{
    if (!store->has_near || (store->owns_near && (store->owns_far || !store->has_far))) return;
    store->owns_near = store->owns_near || owns(store, 0);
    if (!store->owns_near) {
        store->has_near = store->has_far = store->is_recorded = false;
        return;
    }
    if (!store->has_far) return;
    store->owns_far = owns(store, b2_copy_far(store->header_bytes));
    store->far_waits = !store->owns_far;
    store->has_far = store->owns_far;
}

static void take_far(b2_frame_store *store, const b2_index *index)
{
    int64_t far = b2_copy_far(store->header_bytes), bytes = b2_copy_bytes(store->header_bytes);
    store->has_far = store->owns_far = b2_frame_is_place(store, index, far);
    store->far_waits = false;
    if (store->has_far) b2_space_keep(&store->space, far, far + bytes);
}

void b2_frame_take_places(b2_frame_store *store, const b2_index *index)
{
    bool may = store->path && store->has_chunks && store->is_flushed && has_room(store->header_bytes);
    if (!may) return;
    if (store->has_near) {
        if (store->far_waits) take_far(store, index);
        return;
    }
    if (!b2_frame_is_place(store, index, 0)) return;
    b2_space_claim(&store->space, 0, b2_copy_bytes(store->header_bytes));
    store->has_near = store->owns_near = true;
    take_far(store, index);
    store->is_scanned = false; /* what is between the places is of use again, once it is worth looking for */
}

/* ------------------------------------------------------------------ writing */

/* What a near copy says of a far one is true whenever a process may be killed: not before that is there. */
static int write_both(b2_frame_store *store, b2_copy *copy, uint8_t *out)
{
    int64_t bytes = b2_copy_bytes(store->header_bytes);
    int status = BLOSC2_OK;
    if (copy->has_far) {
        copy->has_far = false;
        b2_copy_build(copy, out);
        status = b2_frame_write(store, out, bytes, 0);
        copy->has_far = true;
    }
    b2_copy_build(copy, out);
    if (status == BLOSC2_OK && copy->has_far)
        status = b2_frame_write(store, out, bytes, b2_copy_far(store->header_bytes));
    return status < 0 ? status : b2_frame_write(store, out, bytes, 0);
}

int b2_frame_write_copies(b2_frame_store *store, const b2_copy *copy, const uint8_t *header, int64_t end)
{
    int64_t bytes = b2_copy_bytes(store->header_bytes), far = b2_copy_far(store->header_bytes);
    if (!store->has_near) return BLOSC2_OK;
    uint8_t *out = b2_malloc((size_t)bytes);
    if (!out) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate a copy of %lld bytes", (long long)bytes);
    b2_copy whole = *copy;
    whole.header = header;
    whole.header_bytes = store->header_bytes;
    whole.has_far = store->has_far && far + bytes <= end;
    int status = write_both(store, &whole, out);
    b2_free(out);
    return status;
}

static int follow_copy(b2_frame_store *store, int64_t place)
{
    b2_buffer buffer = {0};
    b2_copy copy;
    uint8_t end[B2_COPY_CRC_BYTES];
    int status = BLOSC2_OK;
    if (b2_frame_read_copy(store, place, &buffer, &copy) && !copy.is_followed) {
        int64_t at = place + b2_copy_bytes(store->header_bytes) - (int64_t)sizeof end;
        b2_copy_follow(buffer.bytes, store->header_bytes, end);
        status = b2_frame_write(store, end, sizeof end, at);
    }
    b2_buffer_free(&buffer);
    return status;
}

int b2_frame_follow_copies(b2_frame_store *store, const b2_index *index, bool all)
{
    const int64_t places[] = {0, b2_copy_far(store->header_bytes)};
    const bool are_own[] = {store->has_near, store->has_far};
    int status = BLOSC2_OK;
    for (int i = 0; i < 2 && status == BLOSC2_OK && store->path && has_room(store->header_bytes); i++) {
        if (are_own[i] ? !all : !b2_frame_is_place(store, index, places[i])) continue;
        status = follow_copy(store, places[i]);
    }
    return status;
}

void b2_frame_learn_serial(b2_frame_store *store)
{
    const int64_t places[] = {0, b2_copy_far(store->header_bytes)};
    b2_buffer buffer = {0};
    b2_copy copy;
    for (int i = 0; i < 2 && store->path && has_room(store->header_bytes); i++)
        if (b2_frame_read_copy(store, places[i], &buffer, &copy) && copy.serial > store->copy.serial)
            store->copy.serial = copy.serial;
    b2_buffer_free(&buffer);
}

int b2_frame_void_copies(b2_frame_store *store)
{
    int64_t far = b2_copy_far(store->header_bytes);
    store->is_recorded = false;
    if (!store->has_near) return BLOSC2_OK;
    int status = b2_frame_write(store, b2_copy_void, sizeof b2_copy_void, 0);
    if (status == BLOSC2_OK && store->has_far && far + b2_copy_bytes(store->header_bytes) <= store->file_end)
        status = b2_frame_write(store, b2_copy_void, sizeof b2_copy_void, far);
    return status;
}

void b2_frame_restore_copies(b2_frame_store *store)
{
    b2_failure failure;
    b2_failure_save(&failure);
    store->is_recorded = store->is_flushed = false;
    store->copy.serial += 2; /* than that of the copies that are not to be */
    bool can = store->copy.mirror >= 0 && !b2_frame_is_new(store);
    int status =
        can ? b2_frame_write_copies(store, &store->copy, b2_frame_committed(store), b2_frame_end(store))
            : BLOSC2_E_IO;
    if (status < 0) b2_frame_void_copies(store); /* none is better than one of what never was */
    b2_failure_restore(&failure);
}

/* The committed tail, as it is in the file. */
static int read_tail(const b2_frame_store *store, uint8_t *out)
{
    const b2_copy *copy = &store->copy;
    int status = store->io->read(store->io->context, store->file, out, (size_t)copy->tail_bytes,
                                 b2_frame_position(store, copy->tail_start));
    if (status == BLOSC2_OK && b2_crc32c(0, out, (size_t)copy->tail_bytes) != copy->tail_crc)
        status = blosc2_fail(BLOSC2_E_CORRUPT,
                             "%s: chunk index and trailer have changed since they were read", store->path);
    return status;
}

int b2_frame_write_twice(b2_frame_store *store)
{
    b2_copy *copy = &store->copy;
    uint8_t *tail = b2_malloc((size_t)copy->tail_bytes);
    if (!tail) return blosc2_fail(BLOSC2_E_MEMORY, "cannot allocate %lld bytes", (long long)copy->tail_bytes);
    int status = read_tail(store, tail);
    if (status == BLOSC2_OK) status = b2_frame_write(store, tail, copy->tail_bytes, copy->mirror);
    b2_free(tail);
    b2_frame_learn_serial(store);
    copy->serial++;
    return status < 0 ? status
                      : b2_frame_write_copies(store, copy, b2_frame_committed(store), b2_frame_end(store));
}
