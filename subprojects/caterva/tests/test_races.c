/**
 * A reader who opens or refreshes an array while another handle commits finds the state before or after the
 * commit, and keeps it, wherever the two meet: the writer stops before each of its calls to the system in
 * turn, and goes on before each of the reader's.
 */
#include "io/io.h"
#include "scenarios.h"
#include "schunk/schunk.h"
#include "scratch.h"
#include "threads/os.h"

enum { NEVER = 1000 };

typedef enum reader_kind { OPENS, REFRESHES, REFRESHES_A_MAP, OPENS_A_MAP, READER_KINDS } reader_kind;

/** A writer in a thread of its own, who takes one step. */
typedef struct writer {
    const array_place *place;
    caterva_array *array;
    const plain_model *before, *after;
    int64_t stop_at; /* before this call it waits */
    b2_mutex mutex;
    b2_condition changed;
    bool waits, may_go, is_done;
    int status;
} writer;

/** When a reader has the writer begin, and when go on: before these of its calls. */
typedef struct meeting {
    writer *writer;
    b2_io *io; /* the reader's */
    b2_thread thread;
    int64_t begin_at, go_at;
    bool has_begun;
} meeting;

static char path[SCRATCH_PATH_BYTES];
static b2_io mapped;
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
    w->status = array_step(&w->array, w->place, STEP_TRANSACTION, w->before, w->after);
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
    CHECK_OK(b2_io_failing_create(has_map ? &mapped : b2_io_system(), -1, &m->io));
    b2_io *io = m->io;
    b2_schunk_use_io(io);
    if (kind == REFRESHES || kind == REFRESHES_A_MAP) {
        CHECK_OK(caterva_array_open(path, 0, BLOSC2_READ, out));
        /* Others have changed it since, so that there is something to refresh. */
        caterva_array *other = NULL;
        b2_schunk_use_io(NULL);
        CHECK_OK(caterva_array_open(path, 0, BLOSC2_UPDATE, &other));
        CHECK_OK(array_set_note(other, m->writer->before));
        caterva_array_free(other);
    }
    int64_t first = b2_io_failing_calls(io);
    m->begin_at += first;
    m->go_at += first;
    b2_io_failing_before(io, meet, m);
    if (*out)
        CHECK_OK(caterva_array_refresh(*out, &changed));
    else
        CHECK_OK(caterva_array_open(path, 0, BLOSC2_READ, out));
    int64_t calls = b2_io_failing_calls(io) - first;
    b2_io_failing_before(io, NULL, NULL);
    b2_schunk_use_io(NULL);
    return calls;
}

static int which(caterva_array *array, const plain_model *models, int count)
{
    for (int i = 0; i < count; i++)
        if (model_agrees(&models[i], array)) return i;
    return -1;
}

static const char *const KIND_NAMES[] = {"open", "refresh", "refresh mapped", "open mapped"};

typedef struct call_counts {
    int64_t reader, writer;
} call_counts;

/** One meeting. @param stop_at  The call of the writer before which he stops. @return How many calls there
 * were. */
static call_counts run(blosc2_home home, reader_kind kind, int64_t begin_at, int64_t stop_at, int64_t go_at)
{
    static plain_model models[3]; /* flushed, committed, to be committed */
    const array_place place = {path, home, BLOSC2_DURABILITY_ORDER};
    caterva_array *made = NULL, *reader = NULL;
    memset(models, 0, sizeof models);
    model_step(&models[0], STEP_CREATE, 1);
    CHECK_OK(array_step(&made, &place, STEP_CREATE, &models[0], &models[0]));
    CHECK_OK(caterva_array_flush(made));
    caterva_array_free(made);
    models[1] = models[0];
    model_step(&models[1], STEP_ITEM, 2);
    models[2] = models[1];
    model_step(&models[2], STEP_TRANSACTION, 3);

    b2_io *io;
    writer w = {.place = &place, .before = &models[1], .after = &models[2], .stop_at = NEVER};
    b2_mutex_init(&w.mutex);
    b2_condition_init(&w.changed);
    CHECK_OK(b2_io_failing_create(b2_io_system(), -1, &io));
    b2_schunk_use_io(io);
    CHECK_OK(caterva_array_open(path, 0, BLOSC2_UPDATE, &w.array));
    b2_schunk_use_io(NULL);
    CHECK_OK(array_step(&w.array, &place, STEP_ITEM, &models[0], &models[1])); /* [0] is in the checkpoint */
    int64_t first = b2_io_failing_calls(io);
    w.stop_at = first + stop_at;
    b2_io_failing_before(io, stop_there, &w);

    meeting m = {.writer = &w, .begin_at = begin_at, .go_at = go_at};
    call_counts calls = {.reader = read_beside(kind, &m, &reader)};
    int found = which(reader, models, 3);
    bool warned = blosc2_schunk_recovery(caterva_array_schunk(reader)) == BLOSC2_RECOVERED_OLDER;
    if (m.has_begun) {
        go_on(&m);
        b2_thread_join(m.thread);
        CHECK_OK(w.status);
    }
    CHECK(found == 1 || (found == 2 && m.has_begun));
    CHECK(!warned);
    CHECK(which(reader, models, 3) == found); /* a snapshot */
    CHECK(model_agrees_at(&models[m.has_begun ? 2 : 1], path, BLOSC2_READ));
    if (found < 1 || warned)
        fprintf(stderr, "%s, %s: the writer stops at %d, begins at %d, goes on at %d: state %d\n",
                home == BLOSC2_HOME_FILE ? "file" : "directory", KIND_NAMES[kind], (int)stop_at,
                (int)begin_at, (int)go_at, found);
    runs++;
    olds += found == 1;
    news += found == 2;
    calls.writer = b2_io_failing_calls(io) - first;
    caterva_array_free(reader);
    caterva_array_free(w.array);
    b2_io_failing_free(m.io);
    b2_io_failing_free(io);
    b2_condition_deinit(&w.changed);
    b2_mutex_deinit(&w.mutex);
    char lock[SCRATCH_PATH_BYTES + 8];
    snprintf(lock, sizeof lock, "%s.b2lock", path);
    scratch_remove(lock);
    scratch_remove(path);
    return calls;
}

/* All meetings, or a sample of them. */
static void check_kind(blosc2_home home, reader_kind kind)
{
    call_counts calls = run(home, kind, 0, NEVER, 0); /* a whole commit before the first call */
    for (int64_t begin_at = 0; begin_at < calls.reader; begin_at++)
        for (int64_t stop_at = 0; stop_at < calls.writer; stop_at++)
            for (int64_t go_at = begin_at; go_at <= calls.reader; go_at++)
                if (number++ % stride == 0) run(home, kind, begin_at, stop_at, go_at);
}

int main(void)
{
    const char *profile = getenv("CATERVA_TEST_PROFILE");
    stride = !profile ? 53 : !strcmp(profile, "quick") ? 193 : !strcmp(profile, "long") ? 1 : 53;
    CHECK_OK(blosc2_init());
    b2_io_mapped(&mapped);
    const char *directory = scratch_directory();
    snprintf(path, sizeof path, "%s/a.b2nd", directory);
    for (int kind = 0; kind < READER_KINDS; kind++) check_kind(BLOSC2_HOME_FILE, (reader_kind)kind);
    for (int kind = 0; kind <= REFRESHES; kind++) check_kind(BLOSC2_HOME_DIRECTORY, (reader_kind)kind);
    printf("%d meetings: %d old, %d new\n", (int)runs, (int)olds, (int)news);
    CHECK(olds > 0 && news > 0);
    scratch_remove(directory);
    return check_result();
}
