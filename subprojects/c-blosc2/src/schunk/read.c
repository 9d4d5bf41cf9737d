/** Chunks for reading: what is needed of them brought to memory, and viewed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/failure.h"
#include "chunk/header.h"
#include "chunk/postscript.h"
#include "chunk/view.h"
#include "chunk/workspace.h"
#include "schunk/schunk.h"

enum {
    HEAD_BYTES = 4096, /* read at least this much first: a page costs what a header costs */
    GAP_BYTES = 4096,  /* blocks nearer than this are read at once */
};

int blosc2_schunk_chunk_nbytes(const blosc2_schunk *schunk, int64_t chunk, int32_t *nbytes)
{
    if (chunk < 0 || chunk >= schunk->index.count)
        return blosc2_fail(BLOSC2_E_ARGUMENT, "chunk: %lld (expected 0..%lld)", (long long)chunk,
                           (long long)schunk->index.count - 1);
    if (schunk->chunk_bytes > 0) {
        *nbytes = b2_schunk_fixed_nbytes(schunk, chunk);
        return BLOSC2_OK;
    }
    uint8_t header[B2_HEADER_BLOSC1];
    int status = schunk->store->ops->read(schunk->store, b2_index_get(&schunk->index, chunk), 0, header,
                                          sizeof header);
    if (status < 0) return status;
    *nbytes = b2_load_le_i32(header + 4);
    if (*nbytes < 0 || *nbytes > schunk->nbytes)
        return blosc2_fail(BLOSC2_E_CORRUPT, "chunk %lld: nbytes %d (expected 0..%lld)", (long long)chunk,
                           *nbytes, (long long)schunk->nbytes);
    return BLOSC2_OK;
}

/* A chunk that the index alone knows, as the chunk that would stand for it. */
static int view_special(const blosc2_schunk *schunk, int64_t chunk, int64_t entry,
                        blosc2_workspace *workspace, blosc2_view *view)
{
    int32_t nbytes = b2_schunk_fixed_nbytes(schunk, chunk);
    int status = blosc2_schunk_check_bytes(schunk, "content", nbytes);
    if (status < 0) return blosc2_fail_within(status, "chunk %lld", (long long)chunk);
    status = b2_buffer_reserve(&workspace->chunk, BLOSC2_CHUNK_OVERHEAD);
    if (status < 0) return status;
    int32_t block_bytes = schunk->block_bytes > 0 ? schunk->block_bytes : nbytes;
    status = blosc2_special_chunk(b2_index_special_kind(entry), schunk->cparams.item_bytes, nbytes,
                                  block_bytes, NULL, 0, workspace->chunk.bytes);
    if (status < 0) return blosc2_fail_within(BLOSC2_E_CORRUPT, "special chunk");
    return blosc2_view_init(view, workspace->chunk.bytes, BLOSC2_CHUNK_OVERHEAD, schunk->cparams.item_bytes,
                            nbytes);
}

/* What to do with the postscript behind a chunk. */
typedef enum postscript_use {
    POSTSCRIPT_IGNORED,
    POSTSCRIPT_NEEDED, /* it must be there */
    POSTSCRIPT_TAKEN,  /* if there is room for one */
} postscript_use;

typedef struct fetch_job {
    const blosc2_schunk *schunk;
    postscript_use use;
    int64_t location;
    int64_t room;
    uint8_t *bytes; /* of the chunk: room for all of cbytes, filled where needed */
    int64_t have;   /* [0, have) is filled */
    int32_t after;  /* bytes of the postscript, which is fetched too */
} fetch_job;

static int fill(const fetch_job *fetch, int64_t start, int64_t stop)
{
    if (stop <= start) return BLOSC2_OK;
    b2_store *store = fetch->schunk->store;
    return store->ops->read(store, fetch->location, start, fetch->bytes + start, (size_t)(stop - start));
}

static int fill_rest(fetch_job *fetch, const blosc2_view *view)
{
    int64_t end = view->cbytes + (int64_t)fetch->after;
    int status = fill(fetch, fetch->have, end);
    fetch->have = b2_max_i64(fetch->have, end);
    return status;
}

static int compare_i32(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* End of the block that starts at `start`: the next start in the file, if blocks lie one after another.
 * Starts of blocks that nobody wants may be damaged. */
static int32_t next_start(const int32_t *sorted, int32_t count, int32_t start, int32_t cbytes)
{
    int32_t low = 0, high = count;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (sorted[middle] <= start)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && sorted[low] < cbytes ? sorted[low] : cbytes;
}

/* Starts of the wanted blocks in `wanted`, all starts sorted in `sorted`. */
static int order_blocks(const blosc2_view *view, const int32_t *blocks, int32_t count, int32_t *wanted,
                        int32_t *sorted)
{
    for (int32_t i = 0; i < view->block_count; i++)
        sorted[i] = b2_load_le_i32(view->bytes + view->header_bytes + 4 * (size_t)i);
    for (int32_t i = 0; i < count; i++) {
        if (blocks[i] < 0 || blocks[i] >= view->block_count)
            return blosc2_fail(BLOSC2_E_ARGUMENT, "block: %d (expected 0..%d)", blocks[i],
                               view->block_count - 1);
        int status = b2_view_block_start(view, blocks[i], &wanted[i]);
        if (status < 0) return status;
    }
    b2_pipeline pipeline = b2_view_pipeline(view); /* delta needs block 0 */
    int status = b2_pipeline_has_delta(&pipeline) ? b2_view_block_start(view, 0, &wanted[count]) : BLOSC2_OK;
    if (status < 0) return status;
    qsort(sorted, (size_t)view->block_count, sizeof *sorted, compare_i32);
    return BLOSC2_OK;
}

/* Bytes that are to be read, as far as it is known yet. */
typedef struct pending_read {
    int64_t start, stop;
} pending_read;

/* Read [from, to) with what is pending, if that is near: the ranges ascend. */
static int add_range(const fetch_job *fetch, pending_read *pending, int64_t from, int64_t to)
{
    int status = BLOSC2_OK;
    from = b2_max_i64(from, fetch->have);
    if (to <= pending->stop) return BLOSC2_OK;
    if (from > pending->stop + GAP_BYTES) {
        status = fill(fetch, pending->start, pending->stop);
        pending->start = from;
    }
    pending->stop = to;
    return status;
}

/* Read the streams of the wanted blocks and the postscript, near ones at once. */
static int fill_blocks(fetch_job *fetch, const blosc2_view *view, const int32_t *blocks, int32_t count,
                       blosc2_workspace *workspace)
{
    b2_pipeline pipeline = b2_view_pipeline(view);
    size_t entries = (size_t)view->block_count + (size_t)count + 1;
    int status = b2_buffer_reserve(&workspace->order, entries * sizeof(int32_t));
    if (status < 0) return status;
    int32_t *sorted = (int32_t *)(void *)workspace->order.bytes;
    int32_t *wanted = sorted + view->block_count;
    status = order_blocks(view, blocks, count, wanted, sorted);
    if (status < 0) return status;
    int32_t wanted_count = count + (b2_pipeline_has_delta(&pipeline) ? 1 : 0);
    qsort(wanted, (size_t)wanted_count, sizeof *wanted, compare_i32);
    pending_read pending = {fetch->have, fetch->have};
    for (int32_t i = 0; i < wanted_count && status == BLOSC2_OK; i++) {
        int64_t to = next_start(sorted, view->block_count, wanted[i], view->cbytes);
        status = add_range(fetch, &pending, wanted[i], to);
    }
    int64_t end = view->cbytes;
    if (status == BLOSC2_OK) status = add_range(fetch, &pending, end, end + fetch->after);
    return status == BLOSC2_OK ? fill(fetch, pending.start, pending.stop) : status;
}

/* Whether every wanted block's streams really end where the next block starts: overlapping ones are legal. */
static int blocks_are_whole(const blosc2_view *view, const int32_t *blocks, int32_t count,
                            blosc2_workspace *workspace, bool *whole)
{
    const int32_t *sorted = (const int32_t *)(const void *)workspace->order.bytes;
    *whole = true;
    for (int32_t i = 0; i <= count && *whole; i++) {
        int32_t block = i < count ? blocks[i] : 0, start, end;
        b2_pipeline pipeline = b2_view_pipeline(view);
        if (i == count && !b2_pipeline_has_delta(&pipeline)) break;
        int status = b2_view_block_start(view, block, &start);
        int32_t limit = status < 0 ? 0 : next_start(sorted, view->block_count, start, view->cbytes);
        if (status == BLOSC2_OK) status = b2_view_block_end(view, block, limit, &end);
        if (status < 0) return status;
        *whole = end != 0;
    }
    return BLOSC2_OK;
}

/* Learn the size of the postscript. @param head The chunk's header, parsed. */
static int find_postscript(fetch_job *fetch, const blosc2_view *head)
{
    if (fetch->use == POSTSCRIPT_IGNORED) return BLOSC2_OK;
    fetch->after = b2_postscript_bytes(head);
    if (fetch->after <= fetch->room - head->cbytes) return BLOSC2_OK;
    int32_t expected = fetch->after;
    fetch->after = 0;
    if (fetch->use == POSTSCRIPT_TAKEN) return BLOSC2_OK;
    return blosc2_fail(BLOSC2_E_CORRUPT, "no room for checksums behind the chunk: %d bytes at %d of %lld",
                       expected, head->cbytes, (long long)fetch->room);
}

/* Header, bstarts and the dictionary; then the view can be made. */
static int fetch_head(fetch_job *fetch, int32_t max_nbytes, blosc2_workspace *workspace, blosc2_view *view)
{
    int64_t want = HEAD_BYTES;
    if (fetch->schunk->block_bytes > 0)
        want = b2_max_i64(want, 64 + 4 * (int64_t)(max_nbytes / fetch->schunk->block_bytes));
    want = b2_min_i64(want, fetch->room);
    int status = b2_buffer_reserve(&workspace->chunk, (size_t)want);
    if (status < 0) return status;
    fetch->bytes = workspace->chunk.bytes;
    status = fill(fetch, 0, want);
    if (status < 0) return status;
    fetch->have = want;
    blosc2_view head;
    status = b2_header_parse(fetch->bytes, (size_t)want, fetch->room, &head);
    if (status == BLOSC2_OK) status = blosc2_schunk_check_bytes(fetch->schunk, "content", head.nbytes);
    if (status == BLOSC2_OK)
        status = blosc2_schunk_check_bytes(fetch->schunk, "stored", head.cbytes - BLOSC2_CHUNK_OVERHEAD);
    if (status == BLOSC2_OK) status = find_postscript(fetch, &head);
    if (status < 0) return status;
    status = b2_buffer_reserve_exactly(&workspace->chunk, (size_t)head.cbytes + (size_t)fetch->after);
    if (status < 0) return status;
    fetch->bytes = workspace->chunk.bytes;
    int64_t tables = head.header_bytes + 4 * (int64_t)head.block_count + 4 + B2_DICT_BYTES_MAX;
    if (!head.dict_bytes) tables -= B2_DICT_BYTES_MAX;
    tables = b2_min_i64(tables, head.cbytes);
    status = fill(fetch, fetch->have, tables);
    fetch->have = b2_max_i64(fetch->have, tables);
    if (status < 0) return status;
    return b2_view_init_head(view, fetch->bytes, (size_t)fetch->have, fetch->room,
                             fetch->schunk->cparams.item_bytes, max_nbytes);
}

static int fetch_stored(fetch_job *fetch, const int32_t *blocks, int32_t count, int32_t max_nbytes,
                        blosc2_workspace *workspace, blosc2_view *view)
{
    int status = fetch_head(fetch, max_nbytes, workspace, view);
    if (status < 0 || fetch->have >= view->cbytes + (int64_t)fetch->after) return status;
    bool partly = blocks && b2_view_is_regular(view) && !view->vl_blocks && count < view->block_count / 2;
    if (!partly) return fill_rest(fetch, view);
    status = fill_blocks(fetch, view, blocks, count, workspace);
    bool whole = false;
    if (status == BLOSC2_OK) status = blocks_are_whole(view, blocks, count, workspace, &whole);
    return status == BLOSC2_OK && !whole ? fill_rest(fetch, view) : status;
}

int blosc2_schunk_fail_within(const blosc2_schunk *schunk, int64_t chunk, int status)
{
    char where[512], name[128];
    int64_t entry = b2_index_get(&schunk->index, chunk);
    snprintf(where, sizeof where, "%s", schunk->path);
    if (entry >= 0) schunk->store->ops->describe(schunk->store, entry, where, sizeof where);
    snprintf(name, sizeof name, "%lld", (long long)chunk);
    if (schunk->name_chunk) schunk->name_chunk(schunk->namer, chunk, name, sizeof name);
    return blosc2_fail_within(status, "%s%schunk %s", where, where[0] ? ": " : "", name);
}

int b2_schunk_blame(const blosc2_schunk *schunk, int64_t chunk, int status)
{
    status = blosc2_schunk_explain(schunk, status);
    return status == BLOSC2_E_CHANGED ? status : blosc2_schunk_fail_within(schunk, chunk, status);
}

/* Bring what is needed of a stored chunk. Not verified. */
static int fetch_view(fetch_job *fetch, int64_t chunk, const int32_t *blocks, int32_t block_count,
                      blosc2_workspace *workspace, blosc2_view *view)
{
    const blosc2_schunk *schunk = fetch->schunk;
    const b2_store_ops *ops = schunk->store->ops;
    bool fixed = schunk->chunk_bytes > 0;
    int32_t expected = fixed ? b2_schunk_fixed_nbytes(schunk, chunk)
                             : (int32_t)b2_min_i64(schunk->nbytes, BLOSC2_MAX_CHUNK_BYTES);
    fetch->location = b2_index_get(&schunk->index, chunk);
    int status = ops->room(schunk->store, fetch->location, &fetch->room);
    if (status == BLOSC2_OK && fixed) status = blosc2_schunk_check_bytes(schunk, "content", expected);
    if (status < 0) return status;
    const uint8_t *mapped = ops->map(schunk->store, fetch->location, fetch->room);
    if (mapped) {
        status = blosc2_view_init(view, mapped, (size_t)fetch->room, schunk->cparams.item_bytes, expected);
        if (status == BLOSC2_OK) status = find_postscript(fetch, view);
    } else {
        status = fetch_stored(fetch, blocks, block_count, expected, workspace, view);
    }
    if (status == BLOSC2_OK) status = blosc2_schunk_check_bytes(schunk, "content", view->nbytes);
    if (status == BLOSC2_OK && fixed && view->nbytes != expected)
        status = blosc2_fail(BLOSC2_E_CORRUPT, "nbytes %d (expected %d)", view->nbytes, expected);
    return status;
}

/* Check the chunk; of blocks that are listed each when it is used, while its bytes are in the CPU's cache. */
static int verify(blosc2_view *view, b2_tag tag, const int32_t *blocks)
{
    const uint8_t *postscript = view->bytes + view->cbytes;
    int status = tag.bytes ? b2_postscript_check_tag(view, postscript, tag.bytes, tag.crc) : BLOSC2_OK;
    if (status < 0) return status;
    if (!blocks || view->vl_blocks || b2_postscript_count(view) <= 1)
        return b2_postscript_check(view, postscript);
    view->postscript = postscript;
    return b2_postscript_check_head(view, postscript);
}

static int check_chunk_number(const blosc2_schunk *schunk, int64_t chunk)
{
    if (chunk >= 0 && chunk < schunk->index.count) return BLOSC2_OK;
    return blosc2_fail(BLOSC2_E_ARGUMENT, "chunk: %lld (expected 0..%lld)", (long long)chunk,
                       (long long)schunk->index.count - 1);
}

/* What no build knows may be just damage: only a header that is as it was written can ask for more than we
 * have. @return `status`, or BLOSC2_E_CORRUPT. */
static int check_unsupported(const fetch_job *fetch, int status)
{
    uint8_t header[B2_HEADER_EXTENDED] = {0}, postscript[B2_POSTSCRIPT_MIN];
    b2_store *store = fetch->schunk->store;
    b2_failure failure;
    if (status != BLOSC2_E_UNSUPPORTED || !b2_schunk_is_sealed(fetch->schunk)) return status;
    b2_failure_save(&failure);
    size_t bytes = (size_t)b2_min_i64(fetch->room, sizeof header);
    int found = store->ops->read(store, fetch->location, 0, header, bytes);
    int64_t cbytes = b2_load_le32(header + 12);
    bool extended = (header[2] & B2_FLAG_EXTENDED) == B2_FLAG_EXTENDED;
    if (!extended) bytes = B2_HEADER_BLOSC1;
    if (found == BLOSC2_OK && cbytes > fetch->room - B2_POSTSCRIPT_MIN)
        found = blosc2_fail(BLOSC2_E_CORRUPT, "no room for checksums behind the chunk");
    if (found == BLOSC2_OK)
        found = store->ops->read(store, fetch->location, cbytes, postscript, sizeof postscript);
    if (found == BLOSC2_OK) found = b2_postscript_check_raw_header(header, (int32_t)bytes, postscript);
    if (found == BLOSC2_OK) b2_failure_restore(&failure);
    return found == BLOSC2_OK ? status : found;
}

/* Whether compressed bytes are to be stored again that no seal vouches for. */
static bool needs_voucher(const blosc2_schunk *schunk, blosc2_use use)
{
    if (b2_schunk_is_sealed(schunk) || !schunk->is_foreign) return false;
    return use == BLOSC2_USE_COPY || (use == BLOSC2_USE_REBUILD && schunk->seal == BLOSC2_SEAL_BROKEN);
}

/* All of a chunk that no seal vouches for. */
static int view_vouched(const blosc2_schunk *schunk, int64_t chunk, blosc2_workspace *workspace,
                        blosc2_view *view)
{
    const uint8_t *postscript;
    int status = b2_schunk_view_unverified(schunk, chunk, workspace, view, &postscript);
    if (status == BLOSC2_OK) status = b2_schunk_vouch(view, postscript, workspace);
    return status < 0 ? b2_schunk_blame(schunk, chunk, status) : BLOSC2_OK;
}

int blosc2_schunk_view_for(const blosc2_schunk *schunk, int64_t chunk, blosc2_use use, const int32_t *blocks,
                           int32_t block_count, blosc2_workspace *workspace, blosc2_view *view)
{
    int status = check_chunk_number(schunk, chunk);
    if (status < 0) return status;
    int64_t entry = b2_index_get(&schunk->index, chunk);
    if (entry < 0) return view_special(schunk, chunk, entry, workspace, view);
    if (needs_voucher(schunk, use)) return view_vouched(schunk, chunk, workspace, view);
    bool verifies = schunk->verifies || (use != BLOSC2_USE_READ && b2_schunk_is_sealed(schunk));
    fetch_job fetch = {.schunk = schunk, .use = verifies ? POSTSCRIPT_NEEDED : POSTSCRIPT_IGNORED};
    blosc2_view got;
    status = fetch_view(&fetch, chunk, blocks, block_count, workspace, &got);
    status = check_unsupported(&fetch, status);
    if (status == BLOSC2_OK && fetch.after)
        status = verify(&got, b2_index_tag(&schunk->index, chunk), blocks);
    if (status < 0) return b2_schunk_blame(schunk, chunk, status);
    *view = got;
    return BLOSC2_OK;
}

int blosc2_schunk_view(const blosc2_schunk *schunk, int64_t chunk, const int32_t *blocks, int32_t block_count,
                       blosc2_workspace *workspace, blosc2_view *view)
{
    return blosc2_schunk_view_for(schunk, chunk, BLOSC2_USE_READ, blocks, block_count, workspace, view);
}

int b2_schunk_view_unverified(const blosc2_schunk *schunk, int64_t chunk, blosc2_workspace *workspace,
                              blosc2_view *view, const uint8_t **postscript)
{
    int status = check_chunk_number(schunk, chunk);
    if (status < 0) return status;
    int64_t entry = b2_index_get(&schunk->index, chunk);
    *postscript = NULL;
    if (entry < 0) return view_special(schunk, chunk, entry, workspace, view);
    fetch_job fetch = {.schunk = schunk, .use = POSTSCRIPT_TAKEN};
    status = fetch_view(&fetch, chunk, NULL, 0, workspace, view);
    status = check_unsupported(&fetch, status);
    if (status == BLOSC2_OK && fetch.after) *postscript = view->bytes + view->cbytes;
    return status;
}
