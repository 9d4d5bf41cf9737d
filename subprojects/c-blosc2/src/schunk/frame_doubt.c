#include "schunk/frame_doubt.h"

#include <string.h>

#include "base/bytes.h"
#include "base/failure.h"
#include "base/memory.h"
#include "chunk/damage.h"
#include "schunk/file_numbers.h"
#include "schunk/frame_store.h"
#include "schunk/locks.h"
#include "schunk/recover.h"
#include "schunk/schunk.h"

enum { WHOLE_BYTES = 64 << 20 }; /* that are looked at in full */

static const b2_frame_store *store_of(const blosc2_schunk *schunk)
{
    return (const b2_frame_store *)schunk->store;
}

/* ------------------------------------------------------------------ copies */

/* A copy at a place where, by the header's own index, one may be: a chunk may have any content. */
static bool read_copy(const blosc2_schunk *schunk, int64_t place, b2_buffer *buffer, b2_copy *copy)
{
    const b2_frame_store *store = store_of(schunk);
    return b2_frame_read_copy(store, place, buffer, copy) && b2_frame_is_place(store, &schunk->index, place);
}

/* Whether the commit that wrote this copy ended before it wrote the header: the file ends with its record. */
static bool is_cut_commit(const b2_frame_store *store, const b2_copy *copy)
{
    b2_buffer found = {0}, header = {0};
    b2_failure failure;
    b2_failure_save(&failure);
    bool is_one = b2_recover_header(store->io, store->file, &found, &header) == BLOSC2_OK && header.bytes &&
                  memcmp(found.bytes, b2_frame_committed(store), (size_t)store->header_bytes) == 0 &&
                  memcmp(header.bytes, copy->header, (size_t)store->header_bytes) == 0;
    b2_failure_restore(&failure);
    b2_buffer_free(&found);
    b2_buffer_free(&header);
    return is_one;
}

/* What the latest copy says of the header. Serial numbers tell which is the later one; without chunks, whose
 * tags have that of the header's state, it is the mark. */
static b2_doubt doubt_of(const b2_frame_store *store, const b2_copy *copy)
{
    uint64_t serial = store->copy.serial;
    if (b2_frame_copy_is_same(store, copy)) return B2_DOUBT_NONE;
    if (serial ? serial > copy->serial : copy->is_followed) return B2_DOUBT_UNFLUSHED;
    return is_cut_commit(store, copy) ? B2_DOUBT_NONE : B2_DOUBT_OLD_HEADER;
}

b2_doubt b2_frame_doubt(const blosc2_schunk *schunk, uint64_t *serial)
{
    const b2_frame_store *store = store_of(schunk);
    b2_buffer near_bytes = {0}, far_bytes = {0};
    b2_copy near, far;
    b2_doubt doubt = B2_DOUBT_NONE;
    /* The far one first: whoever replaces both just now replaces that one last. */
    bool has_far = read_copy(schunk, b2_copy_far(store->header_bytes), &far_bytes, &far);
    bool has_near = read_copy(schunk, 0, &near_bytes, &near);
    if (has_near || has_far) {
        b2_copy *latest = has_far && (!has_near || far.serial > near.serial) ? &far : &near;
        if (has_near && has_far &&
            near.serial == far.serial) /* of a state both are marked, or a mark is lost */
            latest->is_followed = near.is_followed || far.is_followed;
        *serial = latest->serial;
        doubt = doubt_of(store, latest);
    }
    b2_buffer_free(&near_bytes);
    b2_buffer_free(&far_bytes);
    return doubt;
}

uint64_t b2_frame_serial(const blosc2_schunk *schunk)
{
    return store_of(schunk)->copy.serial;
}

/* ------------------------------------------------------------------ chunks */

/* The last bytes of a chunk's checksums, which its tag repeats. */
static int read_end(const blosc2_schunk *schunk, int64_t location, const b2_tag *tag, bool *is_right)
{
    uint8_t end[4];
    int64_t at = (int64_t)tag->bytes - (int64_t)sizeof end;
    *is_right = false;
    int status = schunk->store->ops->read(schunk->store, location, at, end, sizeof end);
    if (status == BLOSC2_OK) *is_right = b2_load_le32(end) == tag->crc;
    return status == BLOSC2_E_CORRUPT ? BLOSC2_OK : status;
}

static bool has_tag(const b2_index *index, int64_t chunk)
{
    return index->entries && index->entries[chunk] >= 0 &&
           b2_index_tag(index, chunk).bytes > sizeof(uint32_t);
}

int64_t b2_frame_first_sector(const blosc2_schunk *schunk)
{
    return B2_COPY_SECTOR - store_of(schunk)->header_bytes;
}

int b2_frame_check_ends(const blosc2_schunk *schunk, int64_t from)
{
    const b2_index *index = &schunk->index;
    int status = BLOSC2_OK;
    for (int64_t i = 0; i < index->count && status == BLOSC2_OK; i++) {
        if (!has_tag(index, i) || index->entries[i] < from) continue;
        bool is_right;
        const b2_tag tag = b2_index_tag(index, i);
        status = read_end(schunk, index->entries[i], &tag, &is_right);
        if (status == BLOSC2_OK && !is_right)
            status = blosc2_fail(BLOSC2_E_CORRUPT, "chunk %lld is not the one of that state", (long long)i);
    }
    return status;
}

static int look_at(const blosc2_schunk *schunk, int64_t location, const b2_tag *tag, int64_t *left,
                   b2_buffer *buffer, bool *is_lost)
{
    if (tag->bytes > *left) {
        bool is_right = false;
        int status = read_end(schunk, location, tag, &is_right);
        *is_lost = !is_right;
        return status;
    }
    *left -= tag->bytes;
    int status = b2_buffer_reserve(buffer, tag->bytes);
    if (status == BLOSC2_OK)
        status = schunk->store->ops->read(schunk->store, location, 0, buffer->bytes, tag->bytes);
    *is_lost = status == BLOSC2_E_CORRUPT || /* the file is short */
               (status == BLOSC2_OK && b2_chunk_damage(buffer->bytes, tag->bytes, tag->crc,
                                                       schunk->cparams.item_bytes) == B2_DAMAGE_MORE);
    return status == BLOSC2_E_CORRUPT ? BLOSC2_OK : status;
}

int b2_frame_find_lost(const blosc2_schunk *schunk, const blosc2_schunk *flushed, bool *lost)
{
    const b2_index *index = &schunk->index;
    int64_t left = WHOLE_BYTES;
    b2_buffer buffer = {0};
    b2_file_numbers known = {0}; /* by their places, which are not used again before the next flush */
    *lost = false;
    int status = b2_file_numbers_of(&flushed->index, &known);
    for (int64_t i = 0; i < index->count && status == BLOSC2_OK && !*lost; i++) {
        if (!has_tag(index, i) || b2_file_numbers_have(&known, index->entries[i])) continue;
        const b2_tag tag = b2_index_tag(index, i);
        status = blosc2_check_interrupt();
        if (status == BLOSC2_OK) status = look_at(schunk, index->entries[i], &tag, &left, &buffer, lost);
    }
    b2_file_numbers_free(&known);
    b2_buffer_free(&buffer);
    return status;
}
