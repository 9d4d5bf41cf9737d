/**
 * Who opens or refreshes an array while another handle commits or compacts finds the state before or after a
 * commit, and keeps it, whatever is written later, wherever the two meet: the writer stops before each of his
 * calls to the system in turn, and goes on before each of the reader's.
 */
#include "io/io.h"
#include "scenarios.h"
#include "schunk/frame_store.h"
#include "schunk/schunk.h"
#include "scratch.h"
#include "threads/os.h"

enum { NEVER = 1000, WRITER_STEPS = 3, LATER_STEPS = 2 };

typedef enum reader_kind {
    OPENS,
    REFRESHES,
    OPENS_TO_WRITE,
    REFRESHES_A_MAP,
    OPENS_A_MAP,
    READER_KINDS,
} reader_kind;

/** What a writer does beside a reader. */
typedef struct writer_plan {
    const char *name;
    step_kind steps[WRITER_STEPS + 1]; /* STEP_END at the end */
    blosc2_durability durability;
    step_kind before; /* on what is there when he opens it: a long layer, so that it has a far copy */
} writer_plan;

static const writer_plan COMMITS = {"commits", {STEP_TRANSACTION}, BLOSC2_DURABILITY_ORDER, STEP_NOTE};
static const writer_plan FLUSHES = {
    "flushes", {STEP_TRANSACTION, STEP_FLUSH}, BLOSC2_DURABILITY_ORDER, STEP_LAYER_LONGEST};
static const writer_plan SYNCS = {
    "syncs each commit", {STEP_TRANSACTION}, BLOSC2_DURABILITY_FSYNC, STEP_LAYER_LONGEST};
static const writer_plan COMPACTS = {"compacts", {STEP_COMPACT}, BLOSC2_DURABILITY_ORDER, STEP_NOTE};
static const writer_plan COMPACTS_TWICE = {
    "compacts twice", {STEP_COMPACT, STEP_TRANSACTION, STEP_COMPACT}, BLOSC2_DURABILITY_ORDER, STEP_NOTE};

/** A writer in a thread of its own. */
typedef struct writer {
    const array_place *place;
    caterva_array *array;
    const step_kind *steps;
    const plain_model *models; /* before each step, and after the last */
    int64_t stop_at;           /* before this call it waits */
    b2_mutex mutex;
    b2_condition changed;
    bool waits, may_go, is_done;
    int status;
} writer;

/** Who meets where. */
typedef struct meeting_plan {
    blosc2_home home;
    reader_kind kind;
    const writer_plan *writer;
    int64_t begin_at, go_at; /* before these of his calls the reader has the writer begin, and go on */
    int64_t stop_at;         /* before this of his calls the writer waits */
} meeting_plan;

typedef struct meeting {
    writer *writer;
    b2_io *io; /* the reader's */
    b2_thread thread;
    int64_t begin_at, go_at;
    bool has_begun;
} meeting;

static char path[SCRATCH_PATH_BYTES];
static b2_io mapped, unsynced;
static int64_t stride, number;
static int64_t runs, olds, news;

static void signal_that(writer *w, bool *what)
{
    b2_mutex_lock(&w->mutex);
    *what = true;
    b2_condition_wake_all(&w->changed);
    b2_mutex_unlock(&w->mutex);
}

static void stop_there(void *context, int64_t call)
{
    writer *w = context;
    if (call != w->stop_at) return;
    signal_that(w, &w->waits);
    b2_mutex_lock(&w->mutex);
    while (!w->may_go) b2_condition_wait(&w->changed, &w->mutex);
    b2_mutex_unlock(&w->mutex);
}

static b2_thread_result B2_THREAD_CALL write_it(void *argument)
{
    writer *w = argument;
    for (int i = 0; w->steps[i] != STEP_END && w->status == BLOSC2_OK; i++)
        w->status = array_step(&w->array, w->place, w->steps[i], &w->models[i], &w->models[i + 1]);
    signal_that(w, &w->is_done);
    return 0;
}

/* Until it stops or ends. */
static void begin(meeting *m)
{
    writer *w = m->writer;
    m->has_begun = true;
    if (!b2_thread_start(&m->thread, write_it, w)) abort();
    b2_mutex_lock(&w->mutex);
    while (!w->waits && !w->is_done) b2_condition_wait(&w->changed, &w->mutex);
    b2_mutex_unlock(&w->mutex);
}

static void go_on(meeting *m)
{
    writer *w = m->writer;
    signal_that(w, &w->may_go);
    b2_mutex_lock(&w->mutex);
    while (!w->is_done) b2_condition_wait(&w->changed, &w->mutex);
    b2_mutex_unlock(&w->mutex);
}

static void meet(void *context, int64_t call)
{
    meeting *m = context;
    if (call == m->begin_at) begin(m);
    if (call == m->go_at) go_on(m);
}

/* Open or refresh, meeting the writer. @return Calls of the reader meanwhile. */
static int64_t read_beside(reader_kind kind, meeting *m, caterva_array **out)
{
    bool has_map = kind == REFRESHES_A_MAP || kind == OPENS_A_MAP, changed;
    CHECK_OK(b2_io_failing_create(has_map ? &mapped : &unsynced, -1, &m->io));
    b2_io *io = m->io;
    b2_schunk_use_io(io);
    if (kind == REFRESHES || kind == REFRESHES_A_MAP) {
        CHECK_OK(caterva_array_open(path, 0, BLOSC2_READ, out));
        /* Others have changed it since, so that there is something to refresh. */
        caterva_array *other = NULL;
        b2_schunk_use_io(&unsynced);
        CHECK_OK(caterva_array_open(path, 0, BLOSC2_UPDATE, &other));
        CHECK_OK(array_set_note(other, &m->writer->models[0]));
        caterva_array_free(other);
    }
    int64_t first = b2_io_failing_calls(io);
    m->begin_at += first;
    m->go_at += first;
    b2_io_failing_before(io, meet, m);
    if (*out)
        CHECK_OK(caterva_array_refresh(*out, &changed));
    else
        CHECK_OK(caterva_array_open(path, 0, kind == OPENS_TO_WRITE ? BLOSC2_UPDATE : BLOSC2_READ, out));
    int64_t calls = b2_io_failing_calls(io) - first;
    caterva_array_set_cache_bytes(*out, 0); /* what is read later is read from the file */
    b2_io_failing_before(io, NULL, NULL);
    b2_schunk_use_io(&unsynced);
    return calls;
}

static int which(caterva_array *array, const plain_model *models, int count)
{
    for (int i = 0; i < count; i++)
        if (model_agrees(&models[i], array)) return i;
    return -1;
}

static const char *const KIND_NAMES[] = {"open", "refresh", "open to write", "refresh mapped", "open mapped"};

typedef struct call_counts {
    int64_t reader, writer;
} call_counts;

/* The medium is no matter here. */
static int do_not_sync(void *context, b2_file *file)
{
    (void)context;
    (void)file;
    return BLOSC2_OK;
}

static int do_not_sync_directory(void *context, const char *name)
{
    (void)context;
    (void)name;
    return BLOSC2_OK;
}

/* Commits of this durability use dead bytes again as soon as nobody reads them. */
static void write_later(const array_place *place, plain_model *model)
{
    const blosc2_origin origin = {
        .path = path, .mode = BLOSC2_UPDATE, .safety = {.durability = BLOSC2_DURABILITY_FSYNC}};
    caterva_array *array = NULL;
    CHECK_OK(caterva_array_open_origin(&origin, &array));
    for (int i = 0; i < LATER_STEPS; i++) {
        plain_model before = *model;
        model_step(model, STEP_ALL, 10 + i);
        CHECK_OK(array_step(&array, place, STEP_ALL, &before, model));
    }
    caterva_array_free(array);
}

/* Whether writers are told of a snapshot of the very file that is read. */
static bool tells_of_its_file(caterva_array *array)
{
    const blosc2_schunk *schunk = caterva_array_schunk(array);
    if (schunk->home != BLOSC2_HOME_FILE || !schunk->locks.snapshot) return true;
    const b2_frame_store *store = (const b2_frame_store *)schunk->store;
    const b2_identity *told = &schunk->locks.of;
    b2_identity read = {0};
    CHECK_OK(store->io->identify(store->io->context, store->file, &read));
    return told->device == read.device && told->number == read.number;
}

/* Who opened to write does so, on top of whatever is there now. */
static void write_after_meeting(const array_place *place, caterva_array *array, plain_model *model)
{
    plain_model before = *model;
    model_step(model, STEP_BOX, 9);
    CHECK_OK(array_step(&array, place, STEP_BOX, &before, model));
    CHECK(model_agrees(model, array));
}

static void make_models(const writer_plan *plan, plain_model *made, plain_model *models)
{
    memset(models, 0, (WRITER_STEPS + 2) * sizeof *models);
    model_step(&models[0], STEP_CREATE, 1);
    *made = models[0];
    model_step(&models[0], plan->before, 1);
    models[1] = models[0];
    model_step(&models[1], STEP_ITEM, 2);
    for (int i = 0; plan->steps[i] != STEP_END; i++) {
        models[i + 2] = models[i + 1];
        model_step(&models[i + 2], plan->steps[i], 3 + i);
    }
}

static void remove_array(void)
{
    char lock[SCRATCH_PATH_BYTES + 8];
    snprintf(lock, sizeof lock, "%s.b2lock", path);
    scratch_remove(lock);
    scratch_remove(path);
}

/** One meeting. @return How many calls there were. */
static call_counts run(const meeting_plan *plan)
{
    static plain_model models[WRITER_STEPS + 2]; /* flushed, committed, after each of the writer's steps */
    const array_place place = {path, plan->home, BLOSC2_DURABILITY_ORDER};
    caterva_array *made = NULL, *reader = NULL;
    int last = 1;
    plain_model first_made = {0};
    make_models(plan->writer, &first_made, models);
    while (plan->writer->steps[last - 1] != STEP_END) last++;
    CHECK_OK(array_step(&made, &place, STEP_CREATE, &first_made, &first_made));
    CHECK_OK(array_step(&made, &place, plan->writer->before, &first_made, &models[0]));
    CHECK_OK(caterva_array_flush(made));
    caterva_array_free(made);

    b2_io *io;
    writer w = {.place = &place, .steps = plan->writer->steps, .models = &models[1], .stop_at = NEVER};
    b2_mutex_init(&w.mutex);
    b2_condition_init(&w.changed);
    CHECK_OK(b2_io_failing_create(&unsynced, -1, &io));
    b2_schunk_use_io(io);
    const blosc2_origin origin = {
        .path = path, .mode = BLOSC2_UPDATE, .safety = {.durability = plan->writer->durability}};
    CHECK_OK(caterva_array_open_origin(&origin, &w.array));
    b2_schunk_use_io(&unsynced);
    CHECK_OK(array_step(&w.array, &place, STEP_ITEM, &models[0], &models[1])); /* [0] is in the checkpoint */
    int64_t first = b2_io_failing_calls(io);
    w.stop_at = first + plan->stop_at;
    b2_io_failing_before(io, stop_there, &w);

    meeting m = {.writer = &w, .begin_at = plan->begin_at, .go_at = plan->go_at};
    call_counts calls = {.reader = read_beside(plan->kind, &m, &reader)};
    int found = which(reader, models, last + 1);
    blosc2_recovery recovery = blosc2_schunk_recovery(caterva_array_schunk(reader));
    bool warned = recovery != BLOSC2_RECOVERED_NOTHING && recovery != BLOSC2_RECOVERED_WHOLE;
    if (m.has_begun) {
        go_on(&m);
        b2_thread_join(m.thread);
        CHECK_OK(w.status);
    }
    calls.writer = b2_io_failing_calls(io) - first;
    plain_model now = models[m.has_begun ? last : 1];
    CHECK(found >= 1 && (found == 1 || m.has_begun));
    CHECK(!warned);
    CHECK(tells_of_its_file(reader));
    CHECK(which(reader, models, last + 1) == found);
    CHECK(model_agrees_at(&now, path, BLOSC2_READ));
    if (plan->kind == OPENS_TO_WRITE) write_after_meeting(&place, reader, &now);
    const plain_model kept = plan->kind == OPENS_TO_WRITE ? now : models[found < 0 ? 0 : found];
    caterva_array_free(w.array); /* who reads an older state, too, until then */
    write_later(&place, &now);
    bool has_kept = model_agrees(&kept, reader); /* a snapshot */
    CHECK(has_kept);
    CHECK(model_agrees_at(&now, path, BLOSC2_READ));
    if (found < 1 || warned || !has_kept)
        fprintf(stderr, "%s, %s: the writer %s, stops at %d, begins at %d, goes on at %d: state %d%s\n",
                plan->home == BLOSC2_HOME_FILE ? "file" : "directory", KIND_NAMES[plan->kind],
                plan->writer->name, (int)plan->stop_at, (int)plan->begin_at, (int)plan->go_at, found,
                warned     ? ", warned of damage"
                : has_kept ? ""
                           : ", lost later");
    runs++;
    olds += found == 1;
    news += found > 1;
    caterva_array_free(reader);
    b2_io_failing_free(m.io);
    b2_io_failing_free(io);
    b2_condition_deinit(&w.changed);
    b2_mutex_deinit(&w.mutex);
    remove_array();
    return calls;
}

/* All meetings at one call of the reader, or a sample; a compaction between two calls in any case. */
static void check_call(meeting_plan plan, call_counts calls)
{
    /* Of a directory each side makes several times as many calls. */
    int64_t every = plan.home == BLOSC2_HOME_DIRECTORY ? 8 * stride : stride;
    plan.go_at = plan.begin_at;
    plan.stop_at = NEVER;
    if (plan.writer == &COMPACTS) run(&plan);
    for (plan.stop_at = 0; plan.stop_at < calls.writer; plan.stop_at++)
        for (plan.go_at = plan.begin_at; plan.go_at <= calls.reader; plan.go_at++)
            if (number++ % every == 0) run(&plan);
}

static void check_kind(blosc2_home home, reader_kind kind, const writer_plan *beside)
{
    meeting_plan plan = {.home = home, .kind = kind, .writer = beside, .stop_at = NEVER};
    call_counts calls = run(&plan); /* all that the writer does before the first call */
    for (; plan.begin_at < calls.reader; plan.begin_at++) check_call(plan, calls);
}

int main(void)
{
    const char *profile = getenv("CATERVA_TEST_PROFILE");
    stride = !profile ? 211 : !strcmp(profile, "quick") ? 1009 : !strcmp(profile, "long") ? 1 : 211;
    CHECK_OK(blosc2_init());
    b2_io_mapped(&mapped);
    unsynced = *b2_io_system();
    unsynced.sync = do_not_sync;
    unsynced.sync_directory = do_not_sync_directory;
    b2_schunk_use_io(&unsynced);
    const char *directory = scratch_directory();
    snprintf(path, sizeof path, "%s/a.b2nd", directory);
    for (int kind = 0; kind < READER_KINDS; kind++) {
        check_kind(BLOSC2_HOME_FILE, (reader_kind)kind, &COMMITS);
        check_kind(BLOSC2_HOME_FILE, (reader_kind)kind, &FLUSHES);
        check_kind(BLOSC2_HOME_FILE, (reader_kind)kind, &SYNCS);
        check_kind(BLOSC2_HOME_FILE, (reader_kind)kind, &COMPACTS);
        check_kind(BLOSC2_HOME_FILE, (reader_kind)kind, &COMPACTS_TWICE);
    }
    for (int kind = 0; kind <= OPENS_TO_WRITE; kind++) {
        check_kind(BLOSC2_HOME_DIRECTORY, (reader_kind)kind, &COMMITS);
        check_kind(BLOSC2_HOME_DIRECTORY, (reader_kind)kind, &SYNCS);
    }
    printf("%d meetings: %d old, %d new\n", (int)runs, (int)olds, (int)news);
    CHECK(olds > 0 && news > 0);
    b2_schunk_use_io(NULL);
    scratch_remove(directory);
    return check_result();
}
