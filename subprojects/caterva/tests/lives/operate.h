/** What is done to an array in its life, to the array and to the model beside it. */
#ifndef CAT_TESTS_LIVES_OPERATE_H
#define CAT_TESTS_LIVES_OPERATE_H

#include "damage.h"

enum { ITEMS_MAX = 1500 }; /* of small arrays */

typedef enum operation {
    OP_ITEM,
    OP_BOX,
    OP_CHUNK,
    OP_ALL,
    OP_RESIZE,
    OP_APPEND,
    OP_INSERT,
    OP_REMOVE,
    OP_NOTE,
    OP_LAYER,
    OP_TRANSACTION,
    OP_ROLLBACK,
    CHANGES = OP_ROLLBACK + 1,
    OP_FLUSH = CHANGES,
    OP_COMPACT,
    OP_VERIFY,
    OP_ADOPT,
    OP_READ_BOX,
    OP_READ_ALL,
    OP_EXPORT,
    OP_COPY,
    OP_REFRESH,
    OP_CLOSE,
    OP_DROP,
    OP_OPEN,
    OP_READER_OPENS,
    OP_READER_READS,
    OP_READER_REFRESHES,
    OP_READER_VERIFIES,
    OP_READER_CLOSES,
    OP_DAMAGE,
    OPERATIONS,
} operation;

static const char *const OP_NAMES[OPERATIONS] = {
    "item",    "box",      "chunk",   "all",       "resize",   "append",  "insert", "remove",
    "note",    "layer",    "commit",  "rollback",  "flush",    "compact", "verify", "adopt",
    "read",    "read all", "export",  "copy",      "refresh",  "close",   "drop",   "open",
    "r. open", "r. read",  "r. refr", "r. verify", "r. close", "damage"};

static const int OP_WEIGHTS[OPERATIONS] = {6, 6, 6, 1, 4, 3, 3, 3, 2, 3, 3, 3, 3, 1, 3,
                                           1, 4, 3, 1, 1, 2, 5, 3, 9, 2, 3, 2, 1, 1, 1};

/* ------------------------------------------------------------------ outcomes */

/** What the writer committed, by the records from `first` on, is the state from now on. `after` is spent. */
static inline void state_is(life *l, truth *after, int64_t first)
{
    if (!something_was_written(l, first)) { /* a change that changes nothing is no commit */
        truth_take(&l->now, after);
        return;
    }
    handle *h = &l->writer;
    blosc2_seal seal = blosc2_schunk_seal(caterva_array_schunk(h->array));
    bool syncs = h->safety.durability == BLOSC2_DURABILITY_FSYNC;
    if (syncs) {
        forget_past(l);
    } else if (l->past_count < PAST_MAX) {
        l->now.was_sealed = l->is_sealed;
        l->past[l->past_count++] = l->now;
        l->now = (truth){0};
    }
    truth_take(&l->now, after);
    truth_free(&l->later);
    l->fell_back = false;
    h->committed = true;
    h->is_older = false;
    l->commits_since_damage++;
    l->reader_is_behind = true;
    if (seal == BLOSC2_SEAL_WHOLE && !l->is_unjudged) l->metadata_hurt = 0;
    if (seal == BLOSC2_SEAL_LAYERS && l->metadata_hurt) l->copies_hurt++; /* what was in doubt is in them */
    if (syncs && !l->metadata_hurt) l->copies_hurt = 0;
    if (seal == BLOSC2_SEAL_NONE || seal == BLOSC2_SEAL_BROKEN) l->is_sealed = false;
    if (l->past_count == PAST_MAX) flush_handle(l);
}

/** A call failed. @param is_intact  Whether what it needs is. */
static inline void judge_failure(life *l, int status, bool is_intact)
{
    tell(l, "  failed: %s", blosc2_last_error());
    bool is_other = l->is_unjudged && status == BLOSC2_E_ARGUMENT; /* for the shape that damage has made */
    if (is_strange(status) && !is_other) found(l, "a strange failure, %d: %s", status, blosc2_last_error());
    if (l->is_strict && is_intact && !metadata_excuse(l) && l->flip_count > 0 && l->metadata_hurt == 0)
        found(l, "what is intact cannot be changed: %s", blosc2_last_error());
}

/* ------------------------------------------------------------------ changes of array and model */

static inline uint8_t *random_items(size_t bytes)
{
    uint8_t *items = need(malloc(bytes + 1));
    int kind = (int)random_in(0, 3), start = (int)random_in(0, 255);
    for (size_t i = 0; i < bytes && kind > 1; i++) items[i] = (uint8_t)(start + (int)(i * (size_t)kind / 3));
    if (kind == 0) memset(items, (int)random_in(0, 1), bytes);
    if (kind == 1) random_bytes(items, bytes);
    return items;
}

/** Give a selection new items. @param is_intact  Set to whether all chunks that it touches were. */
static inline int write_selection(life *l, truth *t, const caterva_selection *selection, bool *is_intact)
{
    const caterva_geometry *g = &t->geometry;
    int64_t strides[CATERVA_MAX_NDIM] = {0};
    uint8_t *items = random_items((size_t)(count_items(g->ndim, selection->count) * g->item_bytes));
    c_strides(g->ndim, selection->count, g->item_bytes, strides);
    *is_intact = selection_is_intact(t, selection);
    int status = caterva_array_write(l->writer.array, selection, items, strides);
    if (status == BLOSC2_OK) {
        truth_move(t, selection, NULL, items);
        truth_heal(t, selection);
    }
    free(items);
    return status;
}

static inline caterva_selection random_item(const truth *t)
{
    caterva_selection item = whole(&t->geometry);
    for (int d = 0; d < t->geometry.ndim && t->item_count; d++) {
        item.start[d] = random_in(0, t->geometry.shape[d] - 1);
        item.count[d] = 1;
    }
    return item;
}

/** All of one chunk that is inside of the shape. */
static inline caterva_selection random_chunk(const truth *t)
{
    caterva_selection box = random_item(t);
    const caterva_geometry *g = &t->geometry;
    for (int d = 0; d < g->ndim && t->item_count; d++) {
        int64_t start = box.start[d] / g->chunks[d] * g->chunks[d], stop = start + g->chunks[d];
        box.start[d] = start;
        box.count[d] = (stop < g->shape[d] ? stop : g->shape[d]) - start;
    }
    return box;
}

static inline int do_resize(life *l, truth *t, int axis, int64_t extent)
{
    int64_t shape[CATERVA_MAX_NDIM];
    memcpy(shape, t->geometry.shape, sizeof shape);
    shape[axis] = extent;
    int status = caterva_array_resize(l->writer.array, shape);
    if (status == BLOSC2_OK) truth_reshape(t, shape, NULL);
    return status;
}

/** How much longer an axis may get. */
static inline int64_t room_of_axis(const life *l, const truth *t, int axis)
{
    const caterva_geometry *g = &t->geometry;
    int64_t row = 1, most = l->options.geometry.item_bytes > 16 ? 0 : ITEMS_MAX;
    for (int d = 0; d < g->ndim; d++)
        if (d != axis) row *= g->shape[d] ? g->shape[d] : 1;
    if (most < t->item_count) most = t->item_count + row;
    int64_t room = most / row - g->shape[axis];
    return room > 12 ? 12 : room;
}

static inline int random_resize(life *l, truth *t, bool *is_intact)
{
    int axis = (int)random_in(0, t->geometry.ndim - 1);
    int64_t extent = t->geometry.shape[axis], room = room_of_axis(l, t, axis);
    int64_t low = random_in(0, 15) ? 1 : 0, high = extent + (room > 0 ? room : 0);
    *is_intact = truth_is_intact(t);
    if (low > high) low = high;
    if (random_in(0, 1) && extent - 3 > low) low = extent - 3;
    return do_resize(l, t, axis, random_in(low, high));
}

/** Items behind the end of an axis. In a change that is open. */
static inline int random_append(life *l, truth *t, bool *is_intact)
{
    int axis = (int)random_in(0, t->geometry.ndim - 1);
    int64_t extent = t->geometry.shape[axis], room = room_of_axis(l, t, axis);
    *is_intact = truth_is_intact(t);
    if (room < 1) return BLOSC2_OK;
    int status = do_resize(l, t, axis, extent + random_in(1, room));
    if (status < 0) return status;
    caterva_selection rows = whole(&t->geometry);
    bool unused;
    rows.start[axis] = extent;
    rows.count[axis] -= extent;
    return write_selection(l, t, &rows, &unused);
}

/** Whole chunks are inserted along an axis. */
static inline int random_insert(life *l, truth *t, bool *is_intact)
{
    const caterva_geometry *g = &t->geometry;
    int axis = (int)random_in(0, g->ndim - 1);
    int64_t chunk = g->chunks[axis], at = chunk * random_in(0, g->shape[axis] / chunk);
    int64_t shape[CATERVA_MAX_NDIM], strides[CATERVA_MAX_NDIM] = {0};
    const caterva_step steps[] = {{CATERVA_STEP_INSERT, at, chunk, 0}, {CATERVA_STEP_WRITE, at, chunk, 0}};
    const truth_shift shift = {axis, at, chunk, 0};
    *is_intact = truth_is_intact(t);
    if (room_of_axis(l, t, axis) < chunk) return BLOSC2_OK;
    caterva_selection box = whole(g);
    box.start[axis] = at;
    box.count[axis] = chunk;
    c_strides(g->ndim, box.count, g->item_bytes, strides);
    uint8_t *items = random_items((size_t)(count_items(g->ndim, box.count) * g->item_bytes));
    memcpy(shape, g->shape, sizeof shape);
    int status = caterva_array_edit(l->writer.array, shape, axis, steps, 2, items, strides);
    if (status == BLOSC2_OK) {
        shape[axis] += chunk;
        truth_reshape(t, shape, &shift);
        truth_move(t, &box, NULL, items);
        truth_heal(t, &box);
    }
    free(items);
    return status;
}

static inline int random_remove(life *l, truth *t, bool *is_intact)
{
    const caterva_geometry *g = &t->geometry;
    int axis = (int)random_in(0, g->ndim - 1);
    int64_t chunk = g->chunks[axis], chunks = g->shape[axis] / chunk, shape[CATERVA_MAX_NDIM];
    *is_intact = truth_is_intact(t);
    if (chunks < 2) return BLOSC2_OK;
    const caterva_step step = {CATERVA_STEP_REMOVE, chunk * random_in(0, chunks - 1), chunk, 0};
    const truth_shift shift = {axis, step.start, 0, chunk};
    memcpy(shape, g->shape, sizeof shape);
    int status = caterva_array_edit(l->writer.array, shape, axis, &step, 1, NULL, NULL);
    if (status == BLOSC2_OK) {
        shape[axis] -= chunk;
        truth_reshape(t, shape, &shift);
    }
    return status;
}

static inline int set_layer(life *l, blosc2_layer_kind kind, const char *name, layer_truth *layer,
                            const layer_truth *after)
{
    const blosc2_metalayer content = {name, layer_content(after), after->bytes};
    int status = after->bytes < 0 ? caterva_array_delete_layer(l->writer.array, name)
                                  : caterva_array_set_layer(l->writer.array, kind, &content);
    if (status == BLOSC2_OK) *layer = *after;
    return status;
}

static inline int random_note(life *l, truth *t, bool *is_intact)
{
    int which = (int)random_in(0, NOTES_MAX - 1);
    const layer_truth after = {t->notes[which].bytes, (uint32_t)random_u64()};
    *is_intact = true;
    if (after.bytes < 0) return BLOSC2_OK;
    return set_layer(l, BLOSC2_LAYER_FIXED, note_name(which), &t->notes[which], &after);
}

static inline int random_layer(life *l, truth *t, bool *is_intact)
{
    int which = (int)random_in(0, LAYERS_MAX - 1);
    int32_t most = random_in(0, 9) ? 60 : LAYER_BYTES_MAX;
    layer_truth after = {(int32_t)random_in(0, most), (uint32_t)random_u64()};
    *is_intact = true;
    if (t->layers[which].bytes >= 0 && random_in(0, 2) == 0) after.bytes = -1;
    return set_layer(l, BLOSC2_LAYER_VARIABLE, layer_name(which), &t->layers[which], &after);
}

/** One change of the array and of `t`. Of kinds below OP_TRANSACTION. */
static inline int change(life *l, truth *t, operation what, bool *is_intact)
{
    caterva_selection selection = whole(&t->geometry);
    switch (what) {
    case OP_ITEM:
        selection = random_item(t);
        return write_selection(l, t, &selection, is_intact);
    case OP_BOX:
        selection = random_selection(&t->geometry);
        return write_selection(l, t, &selection, is_intact);
    case OP_CHUNK:
        selection = random_chunk(t);
        return write_selection(l, t, &selection, is_intact);
    case OP_ALL:
        return write_selection(l, t, &selection, is_intact);
    case OP_RESIZE:
        return random_resize(l, t, is_intact);
    case OP_APPEND:
        return random_append(l, t, is_intact);
    case OP_INSERT:
        return random_insert(l, t, is_intact);
    case OP_REMOVE:
        return random_remove(l, t, is_intact);
    case OP_NOTE:
        return random_note(l, t, is_intact);
    case OP_LAYER:
    default:
        return random_layer(l, t, is_intact);
    }
}

/** No call takes an older state, or one of which less is verified, but one that opens or refreshes, and says
 * so. */
static inline void check_silence(life *l)
{
    handle *h = &l->writer;
    if (!h->array || h->is_blind) return;
    const blosc2_schunk *schunk = caterva_array_schunk(h->array);
    h->is_blind = l->is_unjudged && !blosc2_schunk_changing(schunk) &&
                  !same_geometry(caterva_array_geometry(h->array), &l->now.geometry);
    if (h->is_blind) return; /* what has no checksums is taken as it is */
    blosc2_seal seal = blosc2_schunk_seal(schunk);
    if (!h->is_older && blosc2_schunk_recovery(schunk) == BLOSC2_RECOVERED_OLDER)
        found(l, "an older state was taken without a word");
    if (h->has_layers && seal == BLOSC2_SEAL_LAYERS)
        found(l, "metalayers that are not verified were taken without a word");
    if (h->is_verified && seal != BLOSC2_SEAL_WHOLE && seal != BLOSC2_SEAL_LAYERS)
        found(l, "a state that is not verified was taken without a word");
    h->has_layers = seal != BLOSC2_SEAL_LAYERS; /* what was in doubt may be accepted */
}

/** Changes that are committed, or rolled back, together. */
static inline void do_transaction(life *l, operation only, int count, bool commits)
{
    truth after;
    bool is_intact = true, all_intact = true;
    int64_t records = b2_io_recording_count(l->io);
    int status = caterva_array_begin(l->writer.array);
    if (status < 0) {
        judge_failure(l, status, true);
        return;
    }
    truth_copy(&after, &l->now);
    for (int i = 0; i < count && status == BLOSC2_OK; i++) {
        operation what = count > 1 ? (operation)random_in(0, OP_LAYER) : only;
        tell(l, "  %s", OP_NAMES[what]);
        status = change(l, &after, what, &is_intact);
        all_intact &= is_intact;
    }
    check_silence(l);
    if (status == BLOSC2_OK && random_in(0, 2) == 0) {
        const char *wrong = look(l, &l->writer, &after, l->is_cut);
        if (wrong) found(l, "within a change: %s", wrong);
    }
    bool ends = status == BLOSC2_OK && commits;
    if (status < 0) judge_failure(l, status, all_intact);
    if (ends) status = caterva_array_commit(l->writer.array);
    if (ends && status < 0) judge_failure(l, status, all_intact);
    if (ends && status == BLOSC2_OK) {
        state_is(l, &after, records);
        return;
    }
    caterva_array_rollback(l->writer.array);
    truth_free(&after);
}

static inline void do_change(life *l, operation what)
{
    truth after;
    bool is_intact = true;
    int64_t records = b2_io_recording_count(l->io);
    truth_copy(&after, &l->now);
    int status = change(l, &after, what, &is_intact);
    if (status == BLOSC2_OK) {
        state_is(l, &after, records);
        return;
    }
    truth_free(&after);
    judge_failure(l, status, is_intact);
}

/* ------------------------------------------------------------------ handles */

static inline blosc2_safety random_safety(void)
{
    return (blosc2_safety){
        .durability = random_in(0, 1) ? BLOSC2_DURABILITY_FSYNC : BLOSC2_DURABILITY_ORDER,
        .checksums = random_in(0, 6) ? BLOSC2_CHECKSUMS_ON : BLOSC2_CHECKSUMS_OFF,
    };
}

static inline void open_writer(life *l)
{
    int status = open_handle(l, &l->writer, BLOSC2_UPDATE, random_safety());
    if (status == BLOSC2_OK) {
        if (l->is_over || l->writer.is_blind) return;
        int which = find_state(l, &l->writer);
        if (which >= 0) fall_back(l, which);
        if (which == STATE_LATER) come_back(l);
        return;
    }
    tell(l, "  failed: %s", blosc2_last_error());
    if (is_strange(status) || !metadata_excuse(l)) found(l, "cannot be opened: %s", blosc2_last_error());
    if (!undo_damage(l)) l->is_over = true;
}

/** Of what can be wrong, and says so: reading must not crash, and a commit must not make it look right. */
static inline void live_blindly(life *l)
{
    const layer_truth layer = {5, 7};
    truth after;
    look_blindly(l->writer.array);
    if (random_in(0, 1)) {
        close_writer(l);
        undo_damage(l);
        return;
    }
    truth_copy(&after, &l->now);
    int status = set_layer(l, BLOSC2_LAYER_VARIABLE, layer_name(0), &after.layers[0], &layer);
    if (status == BLOSC2_OK) l->commits_since_damage++;
    l->writer.committed |= status == BLOSC2_OK;
    close_writer(l);
    status = open_handle(l, &l->writer, BLOSC2_READ, (blosc2_safety){0});
    bool is_older = status == BLOSC2_OK &&
                    blosc2_schunk_recovery(caterva_array_schunk(l->writer.array)) == BLOSC2_RECOVERED_OLDER;
    if (is_older) find_state(l, &l->writer);
    if (status == BLOSC2_OK && !is_older && l->writer.is_verified && l->writer.has_layers &&
        !l->is_unjudged) {
        const char *wrong = look(l, &l->writer, &after, false);
        if (wrong && look(l, &l->writer, &l->now, false)) found(l, "damaged metadata were sealed: %s", wrong);
    }
    truth_free(&after);
    caterva_array_free(l->writer.array);
    l->writer.array = NULL;
    l->is_over = true;
}

/** @param which  As find_state() gives it. */
static inline void reader_sees(life *l, int which)
{
    truth_copy(&l->seen, which == STATE_NOW ? &l->now : which == STATE_LATER ? &l->later : &l->past[which]);
    l->reader_is_behind = which != STATE_NOW;
}

static inline void open_reader(life *l)
{
    close_reader(l);
    blosc2_safety safety = random_safety();
    int status = open_handle(l, &l->reader, BLOSC2_READ, safety);
    if (status < 0) {
        tell(l, "  failed: %s", blosc2_last_error());
        if (is_strange(status) || !metadata_excuse(l)) found(l, "cannot be opened: %s", blosc2_last_error());
        return;
    }
    int which = l->is_over || l->reader.is_blind ? STATE_NOW : find_state(l, &l->reader);
    reader_sees(l, which == STATE_NONE ? STATE_NOW : which);
    if (!l->reader.is_blind) return;
    look_blindly(l->reader.array);
    close_reader(l);
}

static inline void refresh_reader(life *l)
{
    bool changed;
    int status = caterva_array_refresh(l->reader.array, &changed);
    if (status < 0) {
        tell(l, "  failed: %s", blosc2_last_error());
        if (is_strange(status) || !metadata_excuse(l)) found(l, "refresh: %s", blosc2_last_error());
        return;
    }
    if (!changed && (l->metadata_hurt || l->fell_back)) return; /* it has the state that it had */
    describe_handle(l, &l->reader, &l->now);
    if (l->reader.is_blind) {
        close_reader(l);
        return;
    }
    int which = find_state(l, &l->reader);
    if (which == STATE_NONE) return;
    truth_free(&l->seen);
    reader_sees(l, which);
}

/* ------------------------------------------------------------------ looking */

static inline void mark_bad(void *context, const blosc2_bad *bad)
{
    if (bad->chunk >= 0 && bad->chunk < ITEMS_MAX) ((uint8_t *)context)[bad->chunk] = 1;
}

/** verify() tells of all that is damaged, and of nothing else. */
static inline void do_verify(life *l, const handle *h, const truth *t, bool may_fail)
{
    static uint8_t bad[ITEMS_MAX];
    blosc2_verdict verdict = {0};
    memset(bad, 0, sizeof bad);
    for (int64_t next = 0; next < blosc2_schunk_chunk_count(caterva_array_schunk(h->array));) {
        int status = caterva_array_verify(h->array, &next, mark_bad, bad, &verdict);
        if (status == BLOSC2_OK) continue;
        if (is_strange(status) || (!may_fail && truth_is_intact(t) && !metadata_excuse(l)))
            found(l, "verify: %s", blosc2_last_error());
        return;
    }
    if (h->is_blind || l->is_unjudged || !l->is_sealed || may_fail) return;
    for (int64_t i = 0; i < t->chunk_count; i++) {
        if (bad[i] && t->chunks[i] == CHUNK_FINE) found(l, "chunk %d is intact, and blamed", (int)i);
        if (!bad[i] && t->chunks[i] == CHUNK_HURT && h->is_verified)
            found(l, "chunk %d is damaged, and not blamed", (int)i);
    }
}

static inline void read_some(life *l, const handle *h, const truth *t, bool may_fail)
{
    caterva_selection some = random_selection(&t->geometry);
    uint8_t *out =
        need(malloc((size_t)(count_items(t->geometry.ndim, some.count) * t->geometry.item_bytes) + 1));
    int status = read_box(h->array, &some, t->geometry.item_bytes, out);
    if (status == BLOSC2_OK && !box_is_right(l, h, t, &some, out))
        found(l, "a selection reads as something else");
    if (is_strange(status) || (status < 0 && !may_fail && !l->is_unjudged && !box_is_hurt(t, &some)))
        found(l, "intact items cannot be read: %s", blosc2_last_error());
    free(out);
}

static inline void look_now(life *l, const handle *h, const truth *t, bool may_fail)
{
    const char *wrong = look(l, h, t, may_fail);
    if (wrong) found(l, "%s", wrong);
}

/** What it finds it says, as one that opens: but an older state is never taken. */
static inline void refresh_writer(life *l)
{
    bool changed, committed = l->writer.committed;
    int status = caterva_array_refresh(l->writer.array, &changed);
    if (is_strange(status)) found(l, "refresh: %s", blosc2_last_error());
    if (status < 0) return;
    if (changed) describe_handle(l, &l->writer, &l->now);
    l->writer.committed = committed;
    check_silence(l);
    look_now(l, &l->writer, &l->now, l->is_cut);
}

/* ------------------------------------------------------------------ all of it at once */

static inline void do_compact(life *l)
{
    bool is_intact = truth_is_intact(&l->now);
    int status = caterva_array_compact(l->writer.array);
    if (status < 0) {
        judge_failure(l, status, is_intact);
        return;
    }
    if (l->home == BLOSC2_HOME_DIRECTORY) return;
    l->writer.committed = true;
    l->writer.is_older = false;
    l->commits_since_damage++;
    l->reader_is_behind = true;
    if (l->is_unjudged || !l->is_sealed) return;
    if (l->writer.has_layers) l->metadata_hurt = l->copies_hurt = 0;
    memset(l->now.chunks, 0, (size_t)(l->now.chunk_count * (l->now.block_count + 1)));
}

/** Look at a copy, which has its own checksums: where they are compared, nothing may be wrong. */
static inline void look_at_copy(life *l, handle *copy, bool copies_notes)
{
    int metadata_hurt = l->metadata_hurt;
    describe_handle(l, copy, &l->now);
    copy->is_blind = false;
    copy->has_layers = copy->has_layers && copies_notes && l->writer.has_layers;
    look_now(l, copy, &l->now, l->is_cut);
    l->metadata_hurt = metadata_hurt;
    caterva_array_free(copy->array);
}

static inline void do_export(life *l)
{
    handle copy = {0};
    uint8_t *bytes;
    size_t size;
    int status = caterva_array_to_bytes(l->writer.array, &bytes, &size);
    if (status < 0) {
        judge_failure(l, status, truth_is_intact(&l->now));
        return;
    }
    status = caterva_array_from_bytes(bytes, size, &copy.array);
    blosc2_bytes_free(bytes);
    if (status < 0)
        found(l, "what was exported cannot be opened: %s", blosc2_last_error());
    else
        look_at_copy(l, &copy, true);
}

static inline void do_copy(life *l)
{
    static const char path[] = "copy.b2nd";
    caterva_options options = l->options;
    handle copy = {0};
    options.geometry = l->now.geometry;
    options.home = BLOSC2_HOME_FILE;
    options.path = path;
    options.metalayer_count = 0;
    options.safety = (blosc2_safety){0};
    for (int d = 0; d < options.geometry.ndim; d++)
        if (random_in(0, 3) == 0) options.geometry.chunks[d] = options.geometry.blocks[d];
    int status = caterva_array_copy(l->writer.array, &options, &copy.array);
    if (status < 0) {
        judge_failure(l, status, truth_is_intact(&l->now));
        return;
    }
    status = caterva_array_commit(copy.array);
    if (status < 0) found(l, "a copy cannot be committed: %s", blosc2_last_error());
    caterva_array_free(copy.array);
    if (status == BLOSC2_OK) status = caterva_array_open(path, 0, BLOSC2_READ, &copy.array);
    if (status < 0) {
        found(l, "a copy cannot be opened: %s", blosc2_last_error());
        return;
    }
    truth now = l->now; /* in other chunks */
    l->now.geometry = options.geometry;
    l->now.chunks = NULL;
    truth_allocate(&l->now);
    free(l->now.items);
    l->now.items = now.items;
    if (!l->is_sealed) truth_doubt(&l->now);
    look_at_copy(l, &copy, false);
    free(l->now.chunks);
    l->now = now;
    l->io->remove(l->io->context, path);
}

static inline void do_adopt(life *l)
{
    bool is_intact = truth_is_intact(&l->now);
    int64_t records = b2_io_recording_count(l->io);
    int status = caterva_array_adopt(l->writer.array, NULL, NULL);
    if (status < 0) {
        judge_failure(l, status, is_intact);
        return;
    }
    if (l->is_sealed && l->writer.has_layers) return;
    l->writer.committed = true;
    if (l->is_sealed || !is_intact || l->is_unjudged) { /* what nobody could know to be wrong is accepted */
        l->is_over = true;
        return;
    }
    truth after;
    truth_copy(&after, &l->now);
    state_is(l, &after, records);
    if (blosc2_schunk_seal(caterva_array_schunk(l->writer.array)) == BLOSC2_SEAL_WHOLE) {
        l->is_sealed = true;
        describe_handle(l, &l->writer, &l->now);
        l->writer.committed = true;
        if (l->reader.array) close_reader(l);
    }
}

/* ------------------------------------------------------------------ one operation */

static inline bool can_do(const life *l, operation what)
{
    if (what == OP_OPEN) return !l->writer.array;
    if (what == OP_READER_OPENS || what == OP_DAMAGE) return true;
    if (what >= OP_READER_READS && what <= OP_READER_CLOSES) return l->reader.array;
    return l->writer.array;
}

static inline operation random_operation(const life *l)
{
    for (;;) {
        int total = 0, which;
        for (int i = 0; i < OPERATIONS; i++) total += OP_WEIGHTS[i];
        int64_t at = random_in(0, total - 1);
        for (which = 0; at >= OP_WEIGHTS[which]; which++) at -= OP_WEIGHTS[which];
        if (can_do(l, (operation)which)) return (operation)which;
    }
}

static inline void operate(life *l, operation what)
{
    bool behind = l->reader_is_behind || l->is_cut;
    switch (what) {
    case OP_TRANSACTION:
    case OP_ROLLBACK:
        do_transaction(l, what, (int)random_in(2, 4), what == OP_TRANSACTION);
        break;
    case OP_APPEND:
        do_transaction(l, what, 1, true);
        break;
    case OP_FLUSH:
        flush_handle(l);
        l->writer.committed = false;
        if (!l->metadata_hurt && l->commits_since_damage) l->copies_hurt = 0;
        break;
    case OP_COMPACT:
        do_compact(l);
        break;
    case OP_VERIFY:
        do_verify(l, &l->writer, &l->now, l->is_cut);
        break;
    case OP_ADOPT:
        do_adopt(l);
        break;
    case OP_READ_BOX:
        read_some(l, &l->writer, &l->now, l->is_cut);
        break;
    case OP_READ_ALL:
        look_now(l, &l->writer, &l->now, l->is_cut);
        break;
    case OP_EXPORT:
        do_export(l);
        break;
    case OP_COPY:
        do_copy(l);
        break;
    case OP_REFRESH:
        refresh_writer(l);
        break;
    case OP_CLOSE:
        close_writer(l);
        break;
    case OP_DROP:
        caterva_array_free(l->writer.array);
        l->writer.array = NULL;
        break;
    case OP_OPEN:
        open_writer(l);
        break;
    case OP_READER_OPENS:
        open_reader(l);
        break;
    case OP_READER_READS:
        if (random_in(0, 1))
            read_some(l, &l->reader, &l->seen, behind);
        else
            look_now(l, &l->reader, &l->seen, behind);
        break;
    case OP_READER_REFRESHES:
        refresh_reader(l);
        break;
    case OP_READER_VERIFIES:
        do_verify(l, &l->reader, &l->seen, behind);
        break;
    case OP_READER_CLOSES:
        close_reader(l);
        break;
    case OP_DAMAGE:
        if (l->flip_count == 0 && !l->is_cut)
            do_damage(l, (int)random_in(1, FLIPS_MAX), random_in(0, 9) == 0);
        break;
    default:
        do_change(l, what);
    }
    check_silence(l);
    if (l->writer.array && l->writer.is_blind && !l->is_over) live_blindly(l);
}

#endif
