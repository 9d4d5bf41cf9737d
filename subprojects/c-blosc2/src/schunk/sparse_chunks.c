#include "schunk/sparse_chunks.h"

#include "base/bytes.h"
#include "base/failure.h"
#include "chunk/damage.h"
#include "chunk/header.h"
#include "chunk/postscript.h"
#include "schunk/sparse_store.h"

enum { WHOLE_BYTES = 64 << 20 }; /* that are looked at in full */

static bool is_sealed(const blosc2_schunk *schunk)
{
    return schunk->seal == BLOSC2_SEAL_WHOLE || schunk->seal == BLOSC2_SEAL_LAYERS;
}

static bool is_corrupt(int status)
{
    return status == BLOSC2_E_CORRUPT || status == BLOSC2_E_UNSUPPORTED || status == BLOSC2_E_NOT_FOUND;
}

/* ------------------------------------------------------------------ size and header */

/* Size, header, and the checksums' own head. */
static int check_file(blosc2_schunk *schunk, int64_t location)
{
    uint8_t header[B2_HEADER_EXTENDED], postscript[B2_POSTSCRIPT_MIN];
    const b2_store_ops *ops = schunk->store->ops;
    blosc2_view view;
    int64_t room, needed = is_sealed(schunk) ? (int64_t)sizeof header : B2_HEADER_BLOSC1;
    int status = ops->room(schunk->store, location, &room);
    if (status == BLOSC2_OK && room < needed)
        status = blosc2_fail(BLOSC2_E_CORRUPT, "it has %lld bytes", (long long)room);
    if (status < 0) return status;
    size_t bytes = room < (int64_t)sizeof header ? (size_t)room : sizeof header;
    status = ops->read(schunk->store, location, 0, header, bytes);
    if (status == BLOSC2_OK) status = b2_header_parse(header, bytes, room, &view);
    if (status < 0 || !is_sealed(schunk)) return status;
    if (room - view.cbytes != b2_postscript_bytes(&view))
        return blosc2_fail(BLOSC2_E_CORRUPT, "it has %lld bytes (expected %lld)", (long long)room,
                           (long long)view.cbytes + b2_postscript_bytes(&view));
    status = ops->read(schunk->store, location, view.cbytes, postscript, sizeof postscript);
    return status < 0 ? status : b2_postscript_check_header(&view, postscript);
}

static int check_one_file(blosc2_schunk *schunk, int64_t location)
{
    char path[B2_PATH_BYTES];
    int status = check_file(schunk, location);
    if (!is_corrupt(status)) return status;
    schunk->store->ops->describe(schunk->store, location, path, sizeof path);
    return blosc2_fail_within(BLOSC2_E_CORRUPT, "%s", path);
}

int b2_sparse_check_files(blosc2_schunk *schunk)
{
    const b2_index *index = &schunk->index;
    int64_t count = index->entries ? index->count : index->count > 0;
    int status = BLOSC2_OK;
    for (int64_t i = 0; i < count && status == BLOSC2_OK; i++) {
        int64_t location = b2_index_get(index, i);
        if (location < 0) continue;
        status = blosc2_check_interrupt();
        if (status == BLOSC2_OK) status = check_one_file(schunk, location);
    }
    return status;
}

/* ------------------------------------------------------------------ all bytes */

/* Of a whole file, sealed: a flipped bit is no lost page. */
static bool bytes_are_lost(const blosc2_schunk *schunk, const uint8_t *bytes, int64_t count)
{
    if (count < B2_HEADER_EXTENDED + B2_POSTSCRIPT_MIN) return true;
    uint32_t crc = b2_load_le32(bytes + count - 4);
    return b2_chunk_damage(bytes, count, crc, schunk->cparams.item_bytes) == B2_DAMAGE_MORE;
}

static int look_at_all(blosc2_schunk *schunk, int64_t location, int64_t bytes, b2_buffer *buffer,
                       bool *is_lost)
{
    int status = b2_buffer_reserve(buffer, (size_t)bytes);
    if (status < 0) return status;
    status = schunk->store->ops->read(schunk->store, location, 0, buffer->bytes, (size_t)bytes);
    *is_lost = is_corrupt(status) || (status == BLOSC2_OK && bytes_are_lost(schunk, buffer->bytes, bytes));
    return is_corrupt(status) ? BLOSC2_OK : status;
}

static int look_at(blosc2_schunk *schunk, int64_t location, int64_t *left, b2_buffer *buffer, bool *is_lost)
{
    int64_t room;
    int status = schunk->store->ops->room(schunk->store, location, &room);
    *is_lost = is_corrupt(status) || (status == BLOSC2_OK && room < B2_HEADER_BLOSC1);
    if (status < 0 || *is_lost) return is_corrupt(status) ? BLOSC2_OK : status;
    if (room <= *left && is_sealed(schunk)) {
        *left -= room;
        return look_at_all(schunk, location, room, buffer, is_lost);
    }
    status = check_file(schunk, location);
    *is_lost = is_corrupt(status);
    return is_corrupt(status) ? BLOSC2_OK : status;
}

int b2_sparse_find_lost(blosc2_schunk *schunk, const b2_file_numbers *known, int64_t *lost)
{
    const b2_index *index = &schunk->index;
    int64_t count = index->entries ? index->count : index->count > 0, left = WHOLE_BYTES;
    b2_buffer buffer = {0};
    int status = BLOSC2_OK;
    *lost = -1;
    for (int64_t i = 0; i < count && status == BLOSC2_OK && *lost < 0; i++) {
        int64_t location = b2_index_get(index, i);
        bool is_lost = false;
        if (location < 0 || b2_file_numbers_have(known, location)) continue;
        status = blosc2_check_interrupt();
        if (status == BLOSC2_OK) status = look_at(schunk, location, &left, &buffer, &is_lost);
        if (is_lost) *lost = i;
    }
    b2_buffer_free(&buffer);
    return status;
}

/* ------------------------------------------------------------------ names */

typedef struct other_files {
    const b2_file_numbers *known;
    bool found;
} other_files;

static void look_at_name(void *context, const char *name)
{
    other_files *others = context;
    int64_t number = b2_sparse_chunk_number(name);
    if (number >= 0 && !b2_file_numbers_have(others->known, number)) others->found = true;
}

int b2_sparse_find_others(const b2_io *io, const char *directory, const b2_file_numbers *known, bool *found)
{
    other_files others = {.known = known};
    b2_failure failure;
    b2_failure_save(&failure);
    int status = io->list ? io->list(io->context, directory, look_at_name, &others) : BLOSC2_E_UNSUPPORTED;
    *found = status < 0 || others.found;
    if (status == BLOSC2_E_MEMORY) return status;
    b2_failure_restore(&failure);
    return BLOSC2_OK;
}
