/** One life of an array: its files, its handles, what it must hold, and what of it was damaged. */
#ifndef CAT_TESTS_LIVES_LIFE_H
#define CAT_TESTS_LIVES_LIFE_H

#include <inttypes.h>
#include <stdarg.h>

#include "region.h"
#include "truth.h"

enum { PAST_MAX = 6, FLIPS_MAX = 3, FINDING_BYTES = 400 };

static const char ARRAY_PATH[] = "a.b2nd";

/** A handle, and what it must show. */
typedef struct handle {
    caterva_array *array; /* NULL: closed */
    blosc2_safety safety;
    bool is_verified; /* what it reads is compared with checksums */
    bool is_blind;    /* what it shows may be wrong, and it has said so */
    bool has_layers;  /* fixed metalayers are compared */
    bool is_sound;    /* header, index and trailer match their checksums */
    bool is_older;    /* it has said that it shows an older state */
    bool committed;   /* something, since it was opened */
} handle;

typedef struct flip {
    char path[PATH_MAX_BYTES];
    size_t at;
    uint8_t mask;
    region_kind region;
} flip;

typedef struct life {
    uint64_t seed;
    bool is_strict, tells;
    b2_io *io;
    blosc2_home home;
    caterva_options options;
    truth now;            /* committed */
    truth past[PAST_MAX]; /* states since the last flush, that one first; none: `now` is flushed */
    int past_count;
    truth later; /* the last state, before `now` fell back to an older one that no change has accepted yet; no
                    items: none */
    handle writer, reader;
    truth seen; /* by the reader: his snapshot */
    bool reader_is_behind;
    bool is_sealed;   /* its checksums say something of every chunk */
    bool is_unjudged; /* metadata without checksums were damaged: anything may be read */
    int metadata_hurt, copies_hurt;
    bool is_cut;
    flip flips[FLIPS_MAX];
    int flip_count;
    uint8_t *cut_bytes; /* what was cut off; owned */
    size_t cut_size;
    char cut_path[PATH_MAX_BYTES];
    int64_t commits_since_damage, records_at_damage;
    bool fell_back;        /* `now` is older than what the files name, and nothing was committed since */
    bool regions[REGIONS]; /* that were hit */
    bool is_over;
    char finding[FINDING_BYTES]; /* "": none */
    char step[60];               /* what is being done */
} life;

/** What is wrong, once in a life. */
static inline void found(life *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline void found(life *l, const char *format, ...)
{
    char text[FINDING_BYTES / 2];
    va_list arguments;
    l->is_over = true;
    if (l->finding[0]) return;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    snprintf(l->finding, sizeof l->finding, "%s: %s", l->step, text);
}

static inline void tell(const life *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline void tell(const life *l, const char *format, ...)
{
    va_list arguments;
    if (!l->tells) return;
    va_start(arguments, format);
    vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}

/** A failure that damage cannot explain. */
static inline bool is_strange(int status)
{
    return status == BLOSC2_E_ARGUMENT || status == BLOSC2_E_MEMORY || status == BLOSC2_E_INTERRUPTED ||
           status == BLOSC2_E_EXISTS || status == BLOSC2_E_LOCKED || status == BLOSC2_E_READ_ONLY;
}

/** Whether metadata of a flushed state were damaged in one place alone, and that must cost nothing. */
static inline bool is_one_of_two(const life *l)
{
    return l->is_strict && l->metadata_hurt == 1 && !l->copies_hurt && !l->past_count && !l->fell_back &&
           !l->is_cut && !l->is_unjudged && l->now.chunk_count > 0;
}

/** Whether damage to metadata excuses a failure. Strictly, one copy of two is enough. */
static inline bool metadata_excuse(const life *l)
{
    if (l->is_cut || l->is_unjudged) return true;
    return l->metadata_hurt > 0 && !is_one_of_two(l);
}

/* ------------------------------------------------------------------ writes that nobody asked for */

/** Whether records from `first` on change a file that is no lock. */
static inline bool something_was_written(const life *l, int64_t first)
{
    for (int64_t i = first; i < b2_io_recording_count(l->io); i++) {
        const b2_record *record = b2_io_recording_get(l->io, i);
        bool is_sync = record->kind == B2_RECORD_SYNC || record->kind == B2_RECORD_SYNC_DIRECTORY;
        if (!is_sync && !(record->name && is_lock_file(record->name))) return true;
    }
    return false;
}

/* ------------------------------------------------------------------ looking */

static inline int read_box(caterva_array *array, const caterva_selection *box, int32_t item_bytes,
                           uint8_t *out)
{
    int64_t strides[CATERVA_MAX_NDIM] = {0};
    c_strides(caterva_array_geometry(array)->ndim, box->count, item_bytes, strides);
    return caterva_array_read(array, box, out, strides);
}

/** Whether bytes of a box are right; those of damaged blocks may differ for one who does not verify. */
static inline bool box_is_right(const life *l, const handle *h, const truth *t, const caterva_selection *box,
                                const uint8_t *got)
{
    const caterva_geometry *g = &t->geometry;
    int64_t items = count_items(g->ndim, box->count), index[CATERVA_MAX_NDIM];
    size_t bytes = (size_t)g->item_bytes;
    for (int64_t i = 0; i < items; i++) {
        unravel(g->ndim, box->count, i, index);
        for (int d = 0; d < g->ndim; d++) index[d] = box->start[d] + index[d] * box->step[d];
        if (memcmp(got + (size_t)i * bytes, t->items + (size_t)ravel(g->ndim, g->shape, index) * bytes,
                   bytes) == 0)
            continue;
        if (l->is_unjudged || (!h->is_verified && t->blocks[block_of_item(t, index)])) continue;
        return false;
    }
    return true;
}

/** Whether a box may fail to be read. */
static inline bool box_is_hurt(const truth *t, const caterva_selection *box)
{
    const caterva_geometry *g = &t->geometry;
    int64_t items = count_items(g->ndim, box->count), index[CATERVA_MAX_NDIM];
    for (int64_t i = 0; i < items; i++) {
        unravel(g->ndim, box->count, i, index);
        for (int d = 0; d < g->ndim; d++) index[d] = box->start[d] + index[d] * box->step[d];
        if (t->blocks[block_of_item(t, index)]) return true;
    }
    return false;
}

/** Read each block by itself: intact ones can be. @return What is wrong, or NULL. */
static inline const char *look_at_blocks(const life *l, const handle *h, const truth *t, uint8_t *out,
                                         bool may_fail)
{
    static char text[FINDING_BYTES / 2];
    for (int64_t i = 0; i < t->chunk_count * t->block_count; i++) {
        caterva_selection box;
        if (!box_of_block(t, i, &box)) continue;
        int status = read_box(h->array, &box, t->geometry.item_bytes, out);
        if (status == BLOSC2_OK ? box_is_right(l, h, t, &box, out)
                                : t->blocks[i] || may_fail || l->is_unjudged)
            continue;
        snprintf(text, sizeof text, "block %d of chunk %d (%s) %s %s", (int)(i % t->block_count),
                 (int)(i / t->block_count), t->blocks[i] ? "damaged" : "intact",
                 status < 0 ? "cannot be read:" : "reads as something else",
                 status < 0 ? blosc2_last_error() : "");
        return text;
    }
    return NULL;
}

static inline const char *look_at_items(const life *l, const handle *h, const truth *t, bool may_fail)
{
    const caterva_selection all = whole(&t->geometry);
    uint8_t *out = need(malloc((size_t)(t->item_count * t->geometry.item_bytes) + 1));
    const char *wrong = NULL;
    int status = read_box(h->array, &all, t->geometry.item_bytes, out);
    if (status < 0 || !box_is_right(l, h, t, &all, out)) {
        wrong = look_at_blocks(l, h, t, out, may_fail);
        if (!wrong && status == BLOSC2_OK) wrong = "all items read as something else than block by block";
        if (!wrong && is_strange(status)) wrong = "a strange failure";
        if (!wrong && !may_fail && !l->is_unjudged && !box_is_hurt(t, &all)) wrong = blosc2_last_error();
    }
    free(out);
    return wrong;
}

static inline const char *look_at_layer(const life *l, const handle *h, blosc2_layer_kind kind,
                                        const char *name, const layer_truth *layer)
{
    static char text[FINDING_BYTES / 2];
    uint8_t *content;
    int32_t bytes;
    int status = caterva_array_layer(h->array, kind, name, &content, &bytes);
    bool is_right = status == BLOSC2_E_NOT_FOUND && layer->bytes < 0;
    if (status == BLOSC2_OK) {
        is_right = bytes == layer->bytes && memcmp(content, layer_content(layer), (size_t)bytes) == 0;
        blosc2_bytes_free(content);
    } else if (status != BLOSC2_E_NOT_FOUND) {
        is_right = metadata_excuse(l);
    }
    if (is_right || l->is_unjudged || (!h->is_sound && l->metadata_hurt)) return NULL;
    snprintf(text, sizeof text, "metalayer \"%s\" %s", name,
             status < 0 ? blosc2_last_error() : "is something else");
    return text;
}

static inline const char *look_at_layers(const life *l, const handle *h, const truth *t)
{
    const char *wrong = NULL;
    for (int i = 0; i < NOTES_MAX && !wrong && h->has_layers; i++)
        wrong = look_at_layer(l, h, BLOSC2_LAYER_FIXED, note_name(i), &t->notes[i]);
    for (int i = 0; i < LAYERS_MAX && !wrong; i++)
        wrong = look_at_layer(l, h, BLOSC2_LAYER_VARIABLE, layer_name(i), &t->layers[i]);
    return wrong;
}

static inline bool same_geometry(const caterva_geometry *a, const caterva_geometry *b)
{
    bool same = a->ndim == b->ndim && a->item_bytes == b->item_bytes;
    for (int d = 0; d < b->ndim && same; d++)
        same = a->shape[d] == b->shape[d] && a->chunks[d] == b->chunks[d] && a->blocks[d] == b->blocks[d];
    return same;
}

/**
 * Whether a handle shows a state: shape, every item, every metalayer.
 * @param may_fail  Whether reading intact items may.
 * @return What is wrong, or NULL.
 */
static inline const char *look(const life *l, const handle *h, const truth *t, bool may_fail)
{
    if (h->is_blind) return NULL;
    if (!same_geometry(caterva_array_geometry(h->array), &t->geometry)) return "another shape";
    const char *wrong = look_at_items(l, h, t, may_fail);
    return wrong ? wrong : look_at_layers(l, h, t);
}

/** Read what there is, whatever it shows: it must not crash. */
static inline void look_blindly(caterva_array *array)
{
    const caterva_geometry *g = caterva_array_geometry(array);
    caterva_selection all = {.start = {0}};
    double bytes = g->item_bytes;
    for (int d = 0; d < g->ndim; d++) {
        all.count[d] = g->shape[d];
        all.step[d] = 1;
        bytes *= (double)g->shape[d];
    }
    if (bytes > 1 << 20) return;
    uint8_t *out = need(malloc((size_t)bytes + 1));
    read_box(array, &all, g->item_bytes, out);
    free(out);
}

/* ------------------------------------------------------------------ opening */

/** What a handle says of itself. */
static inline void describe_handle(const life *l, handle *h, const truth *t)
{
    const blosc2_schunk *schunk = caterva_array_schunk(h->array);
    blosc2_seal seal = blosc2_schunk_seal(schunk);
    bool is_sealed = seal == BLOSC2_SEAL_WHOLE || seal == BLOSC2_SEAL_LAYERS;
    h->is_verified = is_sealed && h->safety.checksums == BLOSC2_CHECKSUMS_ON && l->is_sealed;
    h->has_layers = seal != BLOSC2_SEAL_LAYERS;
    h->committed = false;
    bool warned = !h->is_verified || seal == BLOSC2_SEAL_LAYERS;
    bool is_other = !same_geometry(caterva_array_geometry(h->array), &t->geometry) ||
                    blosc2_cparams_is_lossy(blosc2_schunk_cparams(schunk));
    bool lost_seal = l->is_sealed && !is_sealed; /* of which it warns */
    bool is_older = blosc2_schunk_recovery(schunk) == BLOSC2_RECOVERED_OLDER;
    h->is_sound = blosc2_schunk_check_sound(schunk) == BLOSC2_OK;
    h->is_blind =
        l->metadata_hurt && warned && (!is_one_of_two(l) || seal == BLOSC2_SEAL_LAYERS) &&
        ((is_other && !is_older) || (lost_seal && l->metadata_hurt > 1) || !h->is_sound || l->is_unjudged);
}

/** Open, which must write nothing. @return A status. */
static inline int open_handle(life *l, handle *h, blosc2_mode mode, blosc2_safety safety)
{
    const blosc2_origin origin = {.path = ARRAY_PATH, .mode = mode, .safety = safety};
    int64_t records = b2_io_recording_count(l->io);
    *h = (handle){.safety = safety};
    int status = caterva_array_open_origin(&origin, &h->array);
    if (status == BLOSC2_OK && safety.checksums == BLOSC2_CHECKSUMS_OFF && l->is_sealed &&
        blosc2_schunk_recovery(caterva_array_schunk(h->array)) == BLOSC2_RECOVERED_OLDER) {
        caterva_array_free(h->array); /* which state it is can only be told by who verifies */
        safety.checksums = BLOSC2_CHECKSUMS_ON;
        return open_handle(l, h, mode, safety);
    }
    if (status < 0) h->array = NULL;
    if (something_was_written(l, records)) found(l, "opening has written");
    if (status == BLOSC2_OK) describe_handle(l, h, &l->now);
    if (!h->array) return status;
    caterva_array_set_cache_bytes(h->array, random_in(0, 1) * 4000);
    tell(l, "  %s, %s, seal %d, recovery %d%s",
         safety.durability == BLOSC2_DURABILITY_FSYNC ? "fsync" : "order",
         h->is_verified ? "verifies" : "verifies nothing",
         (int)blosc2_schunk_seal(caterva_array_schunk(h->array)),
         (int)blosc2_schunk_recovery(caterva_array_schunk(h->array)),
         h->is_blind ? ", may show anything" : "");
    return status;
}

enum { STATE_NOW = -1, STATE_NONE = -2, STATE_LATER = -3 };

/** Which state a new handle shows: one of those, or a number of the past. */
static inline int find_state(life *l, handle *h)
{
    h->is_older = blosc2_schunk_recovery(caterva_array_schunk(h->array)) == BLOSC2_RECOVERED_OLDER;
    const char *wrong = look(l, h, &l->now, l->is_cut);
    bool is_older = h->is_older;
    if (!wrong && is_older) doubt_hurt(&l->now); /* of an equal state, in other chunks */
    if (!wrong) return STATE_NOW;
    if (l->later.items && !is_older && !look(l, h, &l->later, true)) return STATE_LATER;
    bool is_sealed = blosc2_schunk_seal(caterva_array_schunk(h->array)) != BLOSC2_SEAL_NONE;
    for (int i = l->past_count - 1; i >= 0 && is_older; i--) {
        bool lost_seal = l->past[i].was_sealed && !is_sealed;
        if (!lost_seal && !look(l, h, &l->past[i], l->is_cut)) return i;
    }
    found(l, "%sit is not the state that was %s: %s", is_older ? "an older state was opened, " : "",
          l->past_count ? "committed" : "flushed", wrong);
    return STATE_NONE;
}

/** Forget what came after a state of the past. */
static inline void fall_back(life *l, int which)
{
    if (!l->later.items) {
        l->later = l->now;
        l->later.was_sealed = l->is_sealed;
        l->now = (truth){0};
    }
    truth_take(&l->now, &l->past[which]);
    l->is_sealed = l->now.was_sealed;
    for (int i = which + 1; i < l->past_count; i++) truth_free(&l->past[i]);
    l->past_count = which;
    if (l->reader.array) l->reader_is_behind = true;
    l->fell_back = true;
}

/** It is the last one again: nothing was written since. */
static inline void come_back(life *l)
{
    l->now.was_sealed = l->is_sealed;
    l->past[l->past_count++] = l->now;
    l->now = l->later;
    l->later = (truth){0};
    l->is_sealed = l->now.was_sealed;
    l->fell_back = false;
}

static inline void forget_past(life *l)
{
    for (int i = 0; i < l->past_count; i++) truth_free(&l->past[i]);
    l->past_count = 0;
}

/* ------------------------------------------------------------------ closing */

static inline void was_flushed(life *l, int status)
{
    if (status < 0 && is_strange(status)) found(l, "flush: %s", blosc2_last_error());
    if (status < 0) tell(l, "  not flushed: %s", blosc2_last_error());
    if (status == BLOSC2_OK && !l->writer.is_blind) forget_past(l);
}

static inline void flush_handle(life *l)
{
    was_flushed(l, caterva_array_flush(l->writer.array));
}

/** As close() of Python: what was not changed is not written. */
static inline void close_writer(life *l)
{
    int64_t records = b2_io_recording_count(l->io);
    bool committed = l->writer.committed;
    if (!l->writer.array) return;
    int status = caterva_array_finish(l->writer.array);
    if (committed) was_flushed(l, status);
    caterva_array_free(l->writer.array);
    l->writer.array = NULL;
    if (!committed && something_was_written(l, records)) found(l, "closing an unchanged handle has written");
}

static inline void close_reader(life *l)
{
    int64_t records = b2_io_recording_count(l->io);
    if (!l->reader.array) return;
    caterva_array_free(l->reader.array);
    l->reader.array = NULL;
    truth_free(&l->seen);
    if (something_was_written(l, records)) found(l, "closing a reader has written");
}

#endif
