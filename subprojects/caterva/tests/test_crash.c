/**
 * Every state in which a crash may leave a file or directory, made from a record of the calls, opens as the
 * array before or after the change that was under way, and takes the next change; and so does what a crash
 * during that one leaves.
 *
 * In order: the calls up to any one, this one whole or in part. Unsynced: what was not made to last is lost,
 * whole or in part, in any combination. `test_crash write FOLDER` writes the states in order there, for other
 * readers: see tests/reliability/crashes.py.
 */
#include <inttypes.h>

#include "crash.h"
#include "schunk/frame_store.h"

#ifdef _WIN32
#include <direct.h>
#define make_folder(path) _mkdir(path)
#else
#include <sys/stat.h>
#define make_folder(path) mkdir(path, 0777)
#endif

static int64_t stride; /* of the bytes at which a header is torn, of the states with losses, and of others */

/* ------------------------------------------------------------------ judging */

typedef enum state_kind { IN_ORDER, TORN_HEADER, UNSYNCED, POWER_CUT, AGAIN, KINDS } state_kind;
/* Old and new are whole; what is lost raises or warns, and nothing else was promised. */
static const char *const KIND_NAMES[] = {"in order", "torn headers", "unsynced", "power cuts",
                                         "crashed again"};

typedef struct tally {
    int64_t states, old, fresh, errors, wrong, lost;
} tally;

static tally counts[KINDS];

/* "57 lost, 61 [0, 120)": what of the records did not take place. */
static void describe_fates(int64_t stop, const b2_fate *fates, char *out, size_t bytes)
{
    size_t at = 0;
    out[0] = '\0';
    for (int64_t i = 0; i < stop && at < bytes; i++) {
        bool is_lost = fates[i].start >= fates[i].stop;
        if (is_lost)
            at += (size_t)snprintf(out + at, bytes - at, " %" PRId64 " lost", i);
        else if (fates[i].stop != SIZE_MAX || fates[i].start != 0)
            at += (size_t)snprintf(out + at, bytes - at, " %" PRId64 " [%zu, %zu)", i, fates[i].start,
                                   fates[i].stop);
    }
}

static void report(const run *r, state_kind kind, const char *what, int64_t stop, const b2_fate *fates,
                   int step, const char *found)
{
    static int shown;
    char lost[200];
    if (shown++ >= 20) return;
    describe_fates(stop, fates, lost, sizeof lost);
    fprintf(stderr, "%s, %s: %s: %s, %" PRId64 " records,%s, step %d: %s: %s\n", r->scenario->name,
            r->place.home == BLOSC2_HOME_FILE ? "file" : "directory", KIND_NAMES[kind], what, stop, lost,
            step, found, blosc2_last_error());
}

static void crash_again(const run *r, b2_io *state, state_kind kind, int found, const plain_model *after,
                        int64_t stop);

/* The models `low` to `high` are right; nothing readable is right too if `low` is negative. */
static void judge(const run *r, b2_io *state, state_kind kind, int low, int high, const char *what,
                  int64_t stop, const b2_fate *fates)
{
    int found = state_find(state, r->models, low < 0 ? 0 : low, high);
    tally *count = &counts[kind];
    count->states++;
    count->old += found >= 0 && found < high;
    count->fresh += found == high;
    if ((found == STATE_UNREADABLE || found == STATE_WARNED) && low < 0) {
        count->lost++;
        return;
    }
    count->errors += found == STATE_UNREADABLE;
    count->wrong += found == STATE_WRONG || found == STATE_WARNED;
    if (found < 0) {
        report(r, kind, what, stop, fates, high, found == STATE_UNREADABLE ? "unreadable" : "wrong");
        return;
    }
    plain_model after;
    if (!state_goes_on(state, &r->place, &r->models[found], &after)) {
        count->wrong++;
        report(r, kind, what, stop, fates, high, "a writer cannot go on");
    } else if (r->settled == 0) {
        crash_again(r, state, kind, found, &after, stop);
    }
}

/** Called for every state: `stop` records, the fates of them. */
typedef void state_fn(const run *r, int64_t stop, const b2_fate *fates, const char *what, void *context);

/* ------------------------------------------------------------------ in order */

static void each_part(const run *r, int64_t stop, b2_fate *fates, state_fn *visit, void *context)
{
    const b2_record *last = b2_io_recording_get(r->io, stop - 1);
    bool is_header = record_overwrites_start(r->io, stop - 1);
    if (last->kind != B2_RECORD_WRITE) return;
    size_t halves[] = {1, last->count / 3, last->count / 2, last->count - 1};
    for (size_t i = 0; i < 4 && !is_header; i++) {
        fates[stop - 1].stop = halves[i];
        if (halves[i] && halves[i] < last->count) visit(r, stop, fates, "cut write", context);
    }
    for (size_t bytes = 1; bytes < last->count && is_header; bytes += (size_t)stride) {
        fates[stop - 1].stop = bytes;
        visit(r, stop, fates, "torn header", context);
    }
    fates[stop - 1] = B2_FATE_WHOLE;
}

static void each_in_order(const run *r, state_fn *visit, void *context)
{
    int64_t count = b2_io_recording_count(r->io);
    b2_fate *fates = own_fates(r->io);
    for (int64_t stop = r->settled + 1; stop <= count; stop++) {
        each_part(r, stop, fates, visit, context);
        visit(r, stop, fates, "call", context);
    }
    free(fates);
}

static void judge_in_order(const run *r, int64_t stop, const b2_fate *fates, const char *what, void *context)
{
    (void)context;
    bool is_part = fates[stop - 1].stop != SIZE_MAX;
    bool is_torn = is_part && record_overwrites_start(r->io, stop - 1);
    int step = run_step(r, stop);
    bool is_over = !is_part && r->ends[step] == stop;
    b2_io *state;
    CHECK_OK(b2_io_recording_replay(r->io, stop, fates, &state));
    state_kind kind = r->settled ? AGAIN : is_torn ? TORN_HEADER : IN_ORDER;
    char why[256];
    bool is_killed = !is_part && r->settled == 0; /* a power cut before may have taken a copy */
    if (is_killed && state_is_accused(state, why)) {
        counts[kind].wrong++;
        report(r, kind, what, stop, fates, step, why);
    }
    judge(r, state, kind, is_over ? step : step - 1, step, what, stop, fates);
    b2_io_recording_free(state);
}

/* ------------------------------------------------------------------ unsynced */

enum { PENDING_MAX = 128, SUBSETS_MAX = 7 };

/* A header that is not synced, in one sector: the medium is trusted to write that whole
 * (docs/design/durability.md). */
static bool is_one_sector(const run *r, int64_t record)
{
    enum { SECTOR_BYTES = 512 };
    return r->place.durability == BLOSC2_DURABILITY_ORDER && record_overwrites_start(r->io, record) &&
           b2_io_recording_get(r->io, record)->count <= SECTOR_BYTES;
}

static void each_loss(const run *r, int64_t stop, const int64_t *pending, int count, b2_fate *fates,
                      state_fn *visit, void *context)
{
    if (count <= SUBSETS_MAX) /* every subset */
        for (unsigned kept = 0; kept + 1 < 1u << count; kept++) {
            for (int i = 0; i < count; i++) fates[pending[i]] = kept >> i & 1 ? B2_FATE_WHOLE : B2_FATE_LOST;
            visit(r, stop, fates, "subset", context);
        }
    for (int one = 0; one < count; one++) { /* one alone kept, lost, torn from either end */
        size_t half = b2_io_recording_get(r->io, pending[one])->count / 2;
        for (int kind = 0; kind < 4; kind++) {
            b2_fate rest = kind == 0 ? B2_FATE_LOST : B2_FATE_WHOLE;
            for (int i = 0; i < count; i++) fates[pending[i]] = rest;
            fates[pending[one]] = kind == 0   ? B2_FATE_WHOLE
                                  : kind == 1 ? B2_FATE_LOST
                                  : kind == 2 ? (b2_fate){0, half}
                                              : (b2_fate){half, SIZE_MAX};
            /* Heads and tails of calls that are no writes, and small subsets, have been seen. */
            bool tears = half > 0 && !is_one_sector(r, pending[one]);
            if (kind >= 2 ? tears : count > SUBSETS_MAX) visit(r, stop, fates, "loss", context);
        }
    }
    for (int i = 0; i < count; i++) fates[pending[i]] = B2_FATE_WHOLE;
}

/* Of the states with these losses more are tried: what lay in such a place before may well check out. */
static const char LOST_PLACE[] = "lost place";

/* Whether two writes are of bytes less than `apart` from each other. */
static bool are_near(const b2_record *a, const b2_record *b, size_t apart)
{
    return a->kind == B2_RECORD_WRITE && b->kind == B2_RECORD_WRITE && a->node == b->node &&
           a->position < b->position + b->count + apart && b->position < a->position + a->count + apart;
}

/* The medium has all but one place, a chunk with its checksums, or the header: whatever was written there. */
static void each_lost_place(const run *r, int64_t stop, const int64_t *pending, int count, b2_fate *fates,
                            state_fn *visit, void *context)
{
    for (int one = 0; one < count; one++) {
        const b2_record *place = b2_io_recording_get(r->io, pending[one]);
        bool is_header = r->place.home == BLOSC2_HOME_FILE && record_overwrites_start(r->io, pending[one]);
        for (int i = 0; i < count; i++)
            if (i == one || are_near(place, b2_io_recording_get(r->io, pending[i]), is_header ? 0 : 1))
                fates[pending[i]] = B2_FATE_LOST;
        visit(r, stop, fates, LOST_PLACE, context);
        for (int i = 0; i < count; i++) fates[pending[i]] = B2_FATE_WHOLE;
    }
}

static void each_unsynced(const run *r, state_fn *visit, void *context)
{
    int64_t records = b2_io_recording_count(r->io);
    b2_fate *fates = own_fates(r->io);
    for (int64_t stop = r->settled + 1; stop <= records; stop++) {
        int64_t pending[PENDING_MAX];
        int count = 0;
        for (int64_t i = r->durable; i < stop; i++)
            if (!b2_io_recording_is_durable(r->io, i, stop) && count < PENDING_MAX) pending[count++] = i;
        if (count == 0) continue;
        each_loss(r, stop, pending, count, fates, visit, context);
        if (r->reuses) each_lost_place(r, stop, pending, count, fates, visit, context);
    }
    free(fates);
}

/* The last step that flushes and was over, or what was promised before; -1 if there is none. */
static int last_flushed(const run *r, int64_t stop)
{
    int step = run_step(r, stop);
    if (r->ends[step] != stop) step--;
    while (step > 0 && !r->steps_flush[step]) step--;
    return step > 0 ? step : r->promised;
}

/*
 * With durability="fsync" a step that is over lasts. Without it an array opens as it was flushed last, or
 * later, and whole. Of what was never flushed nothing is promised but that what is read is right.
 */
static void judge_unsynced(const run *r, int64_t stop, const b2_fate *fates, const char *what, void *context)
{
    static int64_t number;
    (void)context;
    int64_t every = what == LOST_PLACE ? stride / 4 + 1 : stride;
    if (r->settled) every *= 3; /* there are many of these */
    if (number++ % every) return;
    int step = run_step(r, stop), low = r->ends[step] == stop ? step : step - 1;
    bool syncs = r->place.durability == BLOSC2_DURABILITY_FSYNC;
    if (!syncs) low = last_flushed(r, stop);
    b2_io *state;
    CHECK_OK(b2_io_recording_replay(r->io, stop, fates, &state));
    judge(r, state, r->settled ? AGAIN : syncs ? UNSYNCED : POWER_CUT, low, step, what, stop, fates);
    b2_io_recording_free(state);
}

/* ------------------------------------------------------------------ crashed again */

/*
 * While a writer went on from the model `found` to `after`, by the records from `stop` on, there was another
 * crash. If the first one was no power cut, what had not been synced then can be lost now.
 */
static void crash_again(const run *r, b2_io *state, state_kind kind, int found, const plain_model *after,
                        int64_t stop)
{
    static int64_t number;
    bool is_between = kind == IN_ORDER && r->ends[run_step(r, stop)] == stop; /* killed between two calls */
    bool is_due = number++ % (31 * stride) == 0;
    if (!is_between && !is_due) return;
    int flushed = last_flushed(r, stop), first = flushed < 0 ? 0 : flushed, last = found - first + 1;
    run again = {.scenario = r->scenario,
                 .place = r->place,
                 .io = state,
                 .step_count = last,
                 .settled = stop,
                 .durable = kind == IN_ORDER ? 0 : stop,
                 .promised = flushed < 0 ? -1 : 0,
                 .reuses = r->reuses};
    for (int i = 0; i < last; i++) {
        again.models[i] = r->models[first + i];
        again.ends[i] = stop;
    }
    again.models[last] = *after;
    again.ends[last] = b2_io_recording_count(state);
    if (is_due) each_in_order(&again, judge_in_order, NULL);
    each_unsynced(&again, judge_unsynced, NULL);
}

/* ------------------------------------------------------------------ for other readers */

typedef struct writer {
    const char *folder;
    FILE *list;
    int64_t number;
} writer;

static void write_entry(void *context, const char *name, const uint8_t *bytes, size_t size)
{
    char path[1200];
    snprintf(path, sizeof path, "%s/%s", (const char *)context, name);
    if (!bytes) {
        CHECK(make_folder(path) == 0);
        return;
    }
    FILE *file = fopen(path, "wb");
    CHECK(file && fwrite(bytes, 1, size, file) == size && fclose(file) == 0);
}

/* A line for each state: folder, what was cut, whether the step is over, and the models before and after it.
 */
static void write_state(const run *r, int64_t stop, const b2_fate *fates, const char *what, void *context)
{
    writer *w = context;
    bool is_part = fates[stop - 1].stop != SIZE_MAX;
    int step = run_step(r, stop);
    char folder[600];
    b2_io *state;
    snprintf(folder, sizeof folder, "%s/%" PRId64, w->folder, w->number);
    CHECK(make_folder(folder) == 0);
    CHECK_OK(b2_io_recording_replay(r->io, stop, fates, &state));
    b2_io_recording_each(state, write_entry, folder);
    b2_io_recording_free(state);
    fprintf(w->list, "state\t%" PRId64 "\t%s\t%d\t%s-%d\t%s-%d\n", w->number++, what,
            !is_part && r->ends[step] == stop, r->scenario->name, step - 1, r->scenario->name, step);
}

static void write_models(const run *r, const writer *w)
{
    for (int step = 0; step <= r->step_count; step++) {
        const plain_model *m = &r->models[step];
        int64_t shape[CATERVA_MAX_NDIM];
        int ndim = model_shape(m, shape);
        char name[200];
        fprintf(w->list, "model\t%s-%d\t%d\t", r->scenario->name, step, m->exists);
        for (int d = 0; d < ndim; d++) fprintf(w->list, "%s%" PRId64, d ? "," : "", shape[d]);
        fprintf(w->list, "\n");
        snprintf(name, sizeof name, "%s-%d.raw", r->scenario->name, step);
        write_entry((void *)w->folder, name, (const uint8_t *)m->items, (size_t)(m->rows * m->columns) * 4);
    }
}

static void write_all(const char *folder)
{
    char name[600];
    writer w = {folder, NULL, 0};
    snprintf(name, sizeof name, "%s/list.txt", folder);
    w.list = fopen(name, "w");
    CHECK(w.list);
    for (int i = 0; i < SCENARIO_COUNT && w.list; i++)
        for (int home = BLOSC2_HOME_FILE; home <= BLOSC2_HOME_DIRECTORY; home++) {
            run r = run_make(&SCENARIOS[i], (blosc2_home)home, BLOSC2_DURABILITY_ORDER);
            if (home == BLOSC2_HOME_FILE) write_models(&r, &w);
            each_in_order(&r, write_state, &w);
            run_free(&r);
        }
    CHECK(w.list && fclose(w.list) == 0);
}

/* ------------------------------------------------------------------ main */

typedef struct run_plan {
    blosc2_home home;
    blosc2_durability durability;
    int64_t dead_left; /* 0: as small as these arrays are, they use their dead space again */
} run_plan;

static const run_plan RUN_PLANS[] = {
    {BLOSC2_HOME_FILE, BLOSC2_DURABILITY_ORDER, B2_FRAME_DEAD_LEFT},
    {BLOSC2_HOME_FILE, BLOSC2_DURABILITY_ORDER, 0},
    {BLOSC2_HOME_FILE, BLOSC2_DURABILITY_FSYNC, B2_FRAME_DEAD_LEFT},
    {BLOSC2_HOME_DIRECTORY, BLOSC2_DURABILITY_ORDER, B2_FRAME_DEAD_LEFT},
    {BLOSC2_HOME_DIRECTORY, BLOSC2_DURABILITY_FSYNC, B2_FRAME_DEAD_LEFT},
};

/* Until it is over, writers that go on are as those who were interrupted. */
static void check_run(const scenario_plan *scenario, const run_plan *plan)
{
    b2_frame_leave_dead(plan->dead_left);
    run r = run_make(scenario, plan->home, plan->durability);
    r.reuses = plan->dead_left == 0;
    if (plan->durability == BLOSC2_DURABILITY_ORDER) each_in_order(&r, judge_in_order, NULL);
    each_unsynced(&r, judge_unsynced, NULL);
    run_free(&r);
    b2_frame_leave_dead(B2_FRAME_DEAD_LEFT);
}

/* @param only  Name of a scenario; NULL for all. */
static void check_all(const char *only)
{
    bool is_known = !only;
    for (int i = 0; i < SCENARIO_COUNT && only; i++) is_known |= strcmp(only, SCENARIOS[i].name) == 0;
    CHECK(is_known);
    for (int i = 0; i < SCENARIO_COUNT; i++) {
        if (only && strcmp(only, SCENARIOS[i].name) != 0) continue;
        for (size_t n = 0; n < sizeof RUN_PLANS / sizeof *RUN_PLANS; n++)
            check_run(&SCENARIOS[i], &RUN_PLANS[n]);
    }
    for (int kind = 0; kind < KINDS; kind++) {
        const tally *count = &counts[kind];
        printf("%s: %" PRId64 " states: %" PRId64 " old, %" PRId64 " new, %" PRId64 " errors, %" PRId64
               " wrong, %" PRId64 " lost\n",
               KIND_NAMES[kind], count->states, count->old, count->fresh, count->errors, count->wrong,
               count->lost);
        CHECK(count->states > 0 && count->errors == 0 && count->wrong == 0);
    }
}

int main(int argc, char **argv)
{
    const char *profile = getenv("CATERVA_TEST_PROFILE");
    stride = !profile ? 17 : !strcmp(profile, "quick") ? 97 : !strcmp(profile, "long") ? 1 : 17;
    CHECK_OK(blosc2_init());
    if (argc == 3 && !strcmp(argv[1], "write"))
        write_all(argv[2]);
    else
        check_all(argc == 2 ? argv[1] : NULL);
    return check_result();
}
