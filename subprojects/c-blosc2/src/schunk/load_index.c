/** The chunk index of a frame: decoded into entries, each of them checked. */
#include <stdlib.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/memory.h"
#include "chunk/header.h"
#include "schunk/load.h"

/*
 * A few bytes may declare 2 GiB of entries. Writers use blocks of 16 KiB, each of which takes 8 bytes at
 * least: what an index may need in memory stays in proportion to what it has in the file.
 */
enum { INDEX_BYTES_FREE = 8 << 20, INDEX_RATIO_MAX = 4096 };

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

int64_t b2_index_highest(const b2_index *index)
{
    int64_t highest = -1;
    if (!index->entries) return index->count > 0 ? b2_max_i64(highest, index->uniform) : highest;
    for (int64_t i = 0; i < index->count; i++) highest = b2_max_i64(highest, index->entries[i]);
    return highest;
}

/* Chunks lie apart from each other: there is a limit to how many have room, in bytes or in files. */
static int check_stored_count(const b2_frame_header *header, const b2_index *index)
{
    int64_t stored = 0, room = header->section_bytes / B2_HEADER_BLOSC1;
    if (header->type == B2_FRAME_SPARSE) room = b2_index_highest(index) + 1;
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

int b2_load_index(const b2_frame_header *header, const uint8_t *bytes, int64_t available,
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

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int b2_index_check_files(const b2_index *index)
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
