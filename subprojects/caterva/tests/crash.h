/** A scenario run on a recording file system, and what a state of that is. */
#ifndef CAT_TESTS_CRASH_H
#define CAT_TESTS_CRASH_H

#include "io/recording.h"
#include "scenarios.h"
#include "schunk/schunk.h"

/* Until there are the redo record and durability="fsync". */
enum { REPAIRS = 0, SYNCS = 0 };

typedef struct run {
    const scenario_plan *scenario;
    blosc2_home home;
    b2_io *io;
    int step_count;
    plain_model models[STEPS_MAX + 1]; /* [0]: nothing is there; then after each step */
    int64_t ends[STEPS_MAX + 1];       /* records when it was over */
} run;

static const char PATH[] = "a.b2nd";

static inline run run_make(const scenario_plan *scenario, blosc2_home home)
{
    run r = {.scenario = scenario, .home = home};
    caterva_array *array = NULL;
    CHECK_OK(b2_io_recording_create(&r.io));
    b2_schunk_use_io(r.io);
    for (int i = 1; scenario->steps[i - 1] != STEP_END; i++) {
        r.models[i] = r.models[i - 1];
        model_step(&r.models[i], scenario->steps[i - 1], i);
        CHECK_OK(array_step(&array, PATH, home, scenario->steps[i - 1], &r.models[i - 1], &r.models[i]));
        if (!array) exit(1);
        CHECK(model_agrees(&r.models[i], array));
        r.ends[i] = b2_io_recording_count(r.io);
        r.step_count = i;
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

static inline b2_fate *whole_fates(int64_t count)
{
    b2_fate *fates = malloc(((size_t)count + 1) * sizeof *fates);
    if (!fates) abort();
    for (int64_t i = 0; i < count; i++) fates[i] = B2_FATE_WHOLE;
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

typedef enum verdict { VERDICT_OLD, VERDICT_NEW, VERDICT_ERROR, VERDICT_WRONG } verdict;
static const char *const VERDICTS[] = {"old", "new", "error", "wrong"};

/** What a reader finds. Nothing there is an error, but where the old state is that. */
static inline verdict state_verdict(const b2_io *state, const plain_model *old, const plain_model *fresh)
{
    caterva_array *array;
    b2_schunk_use_io(state);
    int status = caterva_array_open(PATH, 0, BLOSC2_READ, &array);
    verdict found = VERDICT_ERROR;
    if (status == BLOSC2_OK) {
        found = model_agrees(fresh, array)                ? VERDICT_NEW
                : old->exists && model_agrees(old, array) ? VERDICT_OLD
                                                          : VERDICT_WRONG;
        caterva_array_free(array);
    } else if (status == BLOSC2_E_NOT_FOUND && !old->exists) {
        found = VERDICT_OLD;
    }
    b2_schunk_use_io(NULL);
    return found;
}

/** Whether a writer can go on where the crash was: it changes the array, or makes it if it is not there. */
static inline bool state_goes_on(const b2_io *state, const plain_model *found)
{
    plain_model after = *found;
    step_kind what = !found->exists ? STEP_CREATE : found->rows >= 5 ? STEP_TRANSACTION : STEP_GROW;
    caterva_array *array = NULL;
    model_step(&after, what, 50);
    b2_schunk_use_io(state);
    int status = found->exists ? caterva_array_open(PATH, 0, BLOSC2_UPDATE, &array) : BLOSC2_OK;
    if (status == BLOSC2_OK) status = array_step(&array, PATH, BLOSC2_HOME_FILE, what, found, &after);
    caterva_array_free(array);
    bool goes_on = status == BLOSC2_OK && model_agrees_at(&after, PATH, BLOSC2_READ);
    b2_schunk_use_io(NULL);
    return goes_on;
}

#endif
