/**
 * What others need who read older states of a contiguous frame. They say where the tail of their state is
 * (schunk/holders.h): its index, with the tags, tells which bytes of the section are theirs.
 */
#include <string.h>

#include "base/bytes.h"
#include "base/checked.h"
#include "base/failure.h"
#include "base/memory.h"
#include "frame/frame.h"
#include "frame/tags.h"
#include "schunk/frame_store.h"

/* Entries that an index may have in memory, as in load_index.c. */
enum { INDEX_BYTES_FREE = 8 << 20, INDEX_RATIO_MAX = 4096 };

void b2_frame_name_state(b2_frame_store *store)
{
    store->base.state = (b2_numbers){(uint64_t)(store->header_bytes + store->copy.tail_start),
                                     (uint64_t)store->copy.tail_bytes};
}

/* ------------------------------------------------------------------ one state */

/* A tail in memory. */
typedef struct tail {
    const uint8_t *bytes;
    int64_t count;
    int64_t index, trailer; /* where they start; the same without chunks */
    const uint8_t *fingerprint;
    bool is_tagged;
} tail;

/* Where the parts are. The header is not there any more that would tell. */
static bool find_parts(tail *t)
{
    b2_frame_header header = {.frame_bytes = t->count};
    uint32_t flags = 0;
    if (b2_frame_trailer_locate(t->bytes + t->count - B2_FRAME_TRAILER_TAIL, &header, &t->trailer) < 0)
        return false;
    bool is_sealed = b2_fingerprint_read(t->fingerprint, &flags);
    t->index = 0;
    if (t->trailer > 0 && is_sealed && (flags & B2_FINGERPRINT_TAGGED)) {
        int64_t count = b2_tags_find(t->bytes, t->trailer);
        if (count < 0) return false;
        t->index = b2_tags_bytes(count);
        t->is_tagged = true;
    }
    const b2_fingerprinted of = {.tags = t->bytes,
                                 .tags_bytes = b2_tags_bound_bytes(t->index),
                                 .tail = t->bytes + t->index,
                                 .tail_bytes = t->count - t->index};
    return !is_sealed || b2_fingerprint_fits_tail(&of);
}

static int decode_index(const blosc2_view *view, b2_index *index)
{
    blosc2_workspace *workspace;
    int status = blosc2_workspace_create(&workspace);
    if (status < 0) return status;
    index->count = view->nbytes / 8;
    status = b2_index_expand(index);
    if (status == BLOSC2_OK) status = blosc2_view_decode(view, index->entries, workspace);
    for (int64_t i = 0; i < index->count && status == BLOSC2_OK; i++)
        index->entries[i] = b2_load_le_i64((const uint8_t *)&index->entries[i]);
    blosc2_workspace_free(workspace);
    return status;
}

/* The index of a tail with chunks, and its tags. */
static int read_index(const tail *t, b2_index *index)
{
    blosc2_view view;
    int64_t bytes = t->trailer - t->index;
    int status =
        blosc2_view_init(&view, t->bytes + t->index, (size_t)bytes, 8, 8 * (int64_t)B2_FRAME_CHUNK_COUNT_MAX);
    bool is_too_large = status == BLOSC2_OK && view.nbytes > INDEX_BYTES_FREE + INDEX_RATIO_MAX * bytes;
    if (status == BLOSC2_OK && (view.cbytes != bytes || view.nbytes % 8 || is_too_large))
        status = BLOSC2_E_CORRUPT;
    if (status == BLOSC2_OK) status = decode_index(&view, index);
    if (status == BLOSC2_OK && t->is_tagged &&
        b2_tags_bytes(b2_tags_count(index->entries, index->count)) != t->index)
        status = BLOSC2_E_CORRUPT;
    if (status == BLOSC2_OK && t->is_tagged)
        status = b2_tags_parse(t->bytes, index->entries, index->count,
                               b2_fingerprint_tail_crc(t->fingerprint), index->tags);
    return status;
}

/* @param start  Of the tail, in the section. */
static int find_extents(const b2_frame_store *store, const tail *t, int64_t start, b2_extents *out)
{
    b2_index index = {0};
    int status = t->trailer > t->index ? read_index(t, &index) : BLOSC2_OK;
    for (int64_t i = 0; i < index.count && status == BLOSC2_OK; i++)
        if (index.entries[i] > start) status = BLOSC2_E_CORRUPT;
    if (status == BLOSC2_OK) status = b2_frame_find_extents(store, &index, start, out);
    b2_index_free(&index);
    b2_extent own = {.start = start, .stop = start + t->count}; /* for others who look, as for this one */
    if (status == BLOSC2_OK && !b2_extents_add(out, own)) status = BLOSC2_E_MEMORY;
    return status;
}

static int load_state(const b2_frame_store *store, b2_held_state *state)
{
    b2_buffer buffer = {0};
    size_t bytes = (size_t)state->place.count;
    int status = b2_buffer_reserve(&buffer, bytes);
    if (status == BLOSC2_OK)
        status = store->io->read(store->io->context, store->file, buffer.bytes, bytes,
                                 store->offset + (int64_t)state->place.first);
    if (status == BLOSC2_OK) {
        tail t = {.bytes = buffer.bytes,
                  .count = (int64_t)bytes,
                  .fingerprint = buffer.bytes + bytes - B2_FINGERPRINT_BYTES};
        memcpy(state->fingerprint, t.fingerprint, sizeof state->fingerprint);
        int64_t start = (int64_t)state->place.first - store->header_bytes;
        status = find_parts(&t) ? find_extents(store, &t, start, &state->extents) : BLOSC2_E_CORRUPT;
    }
    b2_buffer_free(&buffer);
    return status;
}

/* ------------------------------------------------------------------ all of them */

static void free_state(b2_held_state *state)
{
    b2_extents_free(&state->extents);
    *state = (b2_held_state){0};
}

void b2_held_states_free(b2_held_states *states)
{
    for (int i = 0; i < states->count; i++) free_state(&states->items[i]);
    b2_free(states->items);
    b2_extents_free(&states->all);
    *states = (b2_held_states){0};
}

static bool is_inside(const b2_frame_store *store, b2_numbers place)
{
    uint64_t end = (uint64_t)(store->header_bytes + store->file_end);
    return place.first >= (uint64_t)store->header_bytes && place.count >= B2_FRAME_TRAILER_TAIL &&
           place.count <= INT32_MAX && place.first <= end && place.count <= end - place.first;
}

/* Whether a state that was looked at before is still the one that is there. */
static bool is_there(const b2_frame_store *store, const b2_held_state *state)
{
    uint8_t fingerprint[B2_FINGERPRINT_BYTES];
    int64_t end = store->offset + (int64_t)(state->place.first + state->place.count);
    return store->io->read(store->io->context, store->file, fingerprint, sizeof fingerprint,
                           end - B2_FINGERPRINT_BYTES) == BLOSC2_OK &&
           memcmp(fingerprint, state->fingerprint, sizeof fingerprint) == 0;
}

static bool find_state(b2_frame_store *store, b2_numbers place)
{
    b2_held_states *states = &store->needed;
    if (!is_inside(store, place)) return false;
    for (int i = 0; i < states->count; i++) {
        b2_held_state *state = &states->items[i];
        if (state->place.first != place.first || state->place.count != place.count) continue;
        state->is_held = is_there(store, state);
        if (state->is_held) return true;
    }
    if (states->count == states->room) {
        int room = 2 * states->room + 4;
        b2_held_state *items = b2_realloc(states->items, (size_t)room * sizeof *items);
        if (!items) return false;
        states->items = items;
        states->room = room;
    }
    b2_held_state state = {.place = place, .is_held = true};
    if (load_state(store, &state) < 0) {
        free_state(&state);
        return false;
    }
    states->items[states->count++] = state;
    return true;
}

static void forget_others(b2_held_states *states)
{
    int count = 0;
    for (int i = 0; i < states->count; i++) {
        if (states->items[i].is_held)
            states->items[count++] = states->items[i];
        else
            free_state(&states->items[i]);
    }
    states->count = count;
}

static bool unite(b2_held_states *states)
{
    states->all.count = 0;
    for (int i = 0; i < states->count; i++)
        for (int64_t n = 0; n < states->items[i].extents.count; n++)
            if (!b2_extents_add(&states->all, states->items[i].extents.items[n])) return false;
    b2_extents_unite(&states->all);
    return true;
}

bool b2_frame_find_needed(b2_frame_store *store, const b2_extents **needed)
{
    b2_held_states *states = &store->needed;
    const b2_holders *holders = &store->base.holders;
    b2_failure failure;
    bool is_told = b2_holders_are_told(holders);
    b2_failure_save(&failure); /* what cannot be told is kept */
    for (int i = 0; i < states->count; i++) states->items[i].is_held = false;
    for (int i = 0; i < holders->count && is_told; i++) is_told = find_state(store, holders->runs[i]);
    forget_others(states);
    is_told = is_told && unite(states);
    b2_failure_restore(&failure);
    *needed = &states->all;
    return is_told;
}
