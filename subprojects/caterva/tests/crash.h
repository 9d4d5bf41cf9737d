/** A scenario run on a recording file system, and what a state of that is. */
#ifndef CAT_TESTS_CRASH_H
#define CAT_TESTS_CRASH_H

#include "io/recording.h"
#include "scenarios.h"
#include "schunk/schunk.h"

typedef struct run {
    const scenario_plan *scenario;
    array_place place;
    b2_io *io;
    int step_count;
    plain_model models[STEPS_MAX + 2]; /* [0]: nothing is there; then after each step */
    int64_t ends[STEPS_MAX + 2];       /* records when it was over */
    bool steps_flush[STEPS_MAX + 2];   /* whether it brings all to the medium */
    int64_t settled;                   /* records before this one are of before an earlier crash */
    int64_t durable;                   /* those before this one cannot be lost any more: it was a power cut */
    int promised;                      /* model that had been flushed before that; -1: none */
    bool reuses; /* dead space at once: what is lost may leave an older chunk in its place */
} run;

static const char PATH[] = "a.b2nd";

static inline run run_make(const scenario_plan *scenario, blosc2_home home, blosc2_durability durability)
{
    run r = {.scenario = scenario, .place = {PATH, home, durability}, .promised = -1};
    caterva_array *array = NULL;
    CHECK_OK(b2_io_recording_create(&r.io));
    b2_schunk_use_io(r.io);
    for (int i = 1; scenario->steps[i - 1] != STEP_END; i++) {
        r.models[i] = r.models[i - 1];
        model_step(&r.models[i], scenario->steps[i - 1], i);
        CHECK_OK(array_step(&array, &r.place, scenario->steps[i - 1], &r.models[i - 1], &r.models[i]));
        if (!array) exit(1);
        CHECK(model_agrees(&r.models[i], array));
        r.ends[i] = b2_io_recording_count(r.io);
        r.step_count = i;
        r.steps_flush[i] = scenario->steps[i - 1] == STEP_FLUSH;
    }
    caterva_array_free(array);
    r.ends[r.step_count] = b2_io_recording_count(r.io); /* closing is a part of the last step */
    b2_schunk_use_io(NULL);
    return r;
}

static inline void run_free(run *r)
{
    b2_io_recording_free(r->io);
}

/** The step that record `stop` - 1 belongs to: 1 is the first. */
static inline int run_step(const run *r, int64_t stop)
{
    int step = 1;
    while (r->ends[step] < stop) step++;
    return step;
}

/** As much of each record as took place: all, but before an earlier crash. To be freed. */
static inline b2_fate *own_fates(const b2_io *io)
{
    int64_t count = b2_io_recording_count(io);
    b2_fate *fates = malloc(((size_t)count + 1) * sizeof *fates);
    if (!fates) abort();
    for (int64_t i = 0; i < count; i++) fates[i] = b2_io_recording_get(io, i)->fate;
    return fates;
}

/** A write at the beginning of a file, over what was there: a header. */
static inline bool record_overwrites_start(const b2_io *io, int64_t record)
{
    const b2_record *write = b2_io_recording_get(io, record);
    if (write->kind != B2_RECORD_WRITE || write->position != 0) return false;
    for (int64_t i = 0; i < record; i++) {
        const b2_record *before = b2_io_recording_get(io, i);
        if (before->kind == B2_RECORD_WRITE && before->node == write->node && before->position == 0)
            return true;
    }
    return false;
}

enum { STATE_UNREADABLE = -1, STATE_WRONG = -2, STATE_WARNED = -3 };

/** Whether all of an array can be read, whatever it holds. */
static inline bool array_is_readable(caterva_array *array)
{
    const caterva_geometry *g = caterva_array_geometry(array);
    caterva_selection all = {.start = {0}};
    int64_t strides[CATERVA_MAX_NDIM], bytes = g->item_bytes;
    for (int d = g->ndim - 1; d >= 0; d--) {
        all.count[d] = g->shape[d];
        all.step[d] = 1;
        strides[d] = bytes;
        bytes *= g->shape[d];
    }
    uint8_t *out = malloc((size_t)bytes + 1);
    bool can = out && caterva_array_read(array, &all, out, strides) == BLOSC2_OK;
    free(out);
    return can;
}

/**
 * Which of the models low..high a reader finds, the last one if there are several; STATE_UNREADABLE if
 * opening or reading says that something is wrong, STATE_WARNED if it says that not all is verified, else
 * STATE_WRONG. Nothing there is what a model says that does not exist.
 */
static inline int state_find(const b2_io *state, const plain_model *models, int low, int high)
{
    caterva_array *array = NULL;
    b2_schunk_use_io(state);
    int status = caterva_array_open(PATH, 0, BLOSC2_READ, &array), found = STATE_WRONG;
    for (int i = high; i >= low && found < 0; i--) {
        if (status == BLOSC2_OK && models[i].exists && model_agrees(&models[i], array)) found = i;
        if (status == BLOSC2_E_NOT_FOUND && !models[i].exists) found = i;
    }
    if (found < 0 && (status < 0 || !array_is_readable(array))) found = STATE_UNREADABLE;
    if (found == STATE_WRONG && blosc2_schunk_seal(caterva_array_schunk(array)) != BLOSC2_SEAL_WHOLE)
        found = STATE_WARNED;
    if (status == BLOSC2_OK) caterva_array_free(array);
    b2_schunk_use_io(NULL);
    return found;
}

static inline void state_note(void *context, blosc2_note what, const char *text)
{
    (void)what;
    snprintf(context, 256, "%s", text);
}

/** Whether a killed process passes for damage: its metadata is said to differ from its copies. @param why 256
 * bytes. */
static inline bool state_is_accused(const b2_io *state, char *why)
{
    caterva_array *array = NULL;
    bool twice;
    why[0] = '\0';
    b2_schunk_use_io(state);
    bool is_open = caterva_array_open(PATH, 0, BLOSC2_READ, &array) == BLOSC2_OK;
    if (is_open && blosc2_schunk_recovery(caterva_array_schunk(array)) == BLOSC2_RECOVERED_NOTHING)
        CHECK_OK(caterva_array_check_copies(array, state_note, why, &twice));
    caterva_array_free(array);
    b2_schunk_use_io(NULL);
    return why[0] != '\0';
}

/**
 * A writer goes on where the crash was: it changes the array, or makes it if it is not there. What it does is
 * recorded. @param after  What the array is then. @return Whether it could, and all is well.
 */
static inline bool state_goes_on(const b2_io *state, const array_place *place, const plain_model *found,
                                 plain_model *after)
{
    *after = *found;
    step_kind what = !found->exists ? STEP_CREATE : found->rows >= 5 ? STEP_TRANSACTION : STEP_GROW;
    const blosc2_origin origin = {
        .path = PATH, .mode = BLOSC2_UPDATE, .safety = {.durability = place->durability}};
    caterva_array *array = NULL;
    model_step(after, what, 50);
    b2_schunk_use_io(state);
    int status = found->exists ? caterva_array_open_origin(&origin, &array) : BLOSC2_OK;
    if (status == BLOSC2_OK) status = array_step(&array, place, what, found, after);
    caterva_array_free(array);
    bool goes_on = status == BLOSC2_OK && model_agrees_at(after, PATH, BLOSC2_READ);
    b2_schunk_use_io(NULL);
    return goes_on;
}

#endif
